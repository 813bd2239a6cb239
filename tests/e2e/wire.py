#!/usr/bin/env python3
"""Two hosts, network namespaces, and a wire between them that loses, delays, cuts one way or both, and resets.

The wire is a program: each host has a tun device, and what one sends is read here and written there, or not. So the real
TCP of the system meets real loss. Needs root; the hosts' servers are talked to through Unix sockets, which know no
namespaces."""
import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import struct
import subprocess
import sys
import time

from lib import Client, Process, TANIST

ADDRESS = ("10.8.0.1", "10.8.0.2")
PORT = 6379
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454ca, 1, 0x1000


def possible():
    name = f"tanist-{os.getpid()}-try"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode:
        return False
    made = subprocess.run(["ip", "netns", "exec", name, "ip", "tuntap", "add", "dev", "t", "mode", "tun"], capture_output=True).returncode == 0
    subprocess.run(["ip", "netns", "del", name], capture_output=True)
    return made


# ---- the program ----

def device(ns):
    with open(f"/var/run/netns/{ns}") as f:
        if ctypes.CDLL(None, use_errno=True).setns(f.fileno(), 0):
            raise OSError(ctypes.get_errno(), "setns")
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH", b"wire", IFF_TUN | IFF_NO_PI))
    return fd


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def reset(source, target, ports, seq):
    """A packet that ends a connection; addresses and ports as in the packets that it stands for."""
    tcp = struct.pack(">4sIIBBHHH", ports, seq, 0, 5 << 4, 4, 0, 0, 0)
    check = checksum(source + target + struct.pack(">BBH", 0, 6, len(tcp)) + tcp)
    tcp = tcp[:16] + struct.pack(">H", check) + tcp[18:]
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, 6, 0, source, target)
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + tcp


def forward(names):
    fds = [device(n) for n in names]
    rules, due, n = {"cut": [False, False], "delay": 0, "loss": 0, "reset": None}, [], 0
    print("ready", flush=True)
    while True:
        wait = max(0, due[0][0] - time.monotonic()) if due else None
        for fd in select.select([*fds, 0], [], [], wait)[0]:
            if fd == 0:
                line = sys.stdin.readline()
                if not line:
                    return
                rules.update(json.loads(line))
                print("done", flush=True)
                continue
            side = fds.index(fd)
            packet = os.read(fd, 65536)
            if packet[0] >> 4 != 4 or rules["cut"][side] or random.random() < rules["loss"]:
                continue
            if rules["reset"] and packet[9] == 6 and rules["reset"].encode() in packet[40:]:
                rules["reset"] = None
                seq, ack = struct.unpack(">II", packet[24:32])
                os.write(fds[1 - side], reset(packet[12:16], packet[16:20], packet[20:24], seq))
                os.write(fd, reset(packet[16:20], packet[12:16], packet[22:24] + packet[20:22], ack))
                continue
            n += 1
            heapq.heappush(due, (time.monotonic() + rules["delay"], n, fds[1 - side], packet))
        while due and due[0][0] <= time.monotonic():
            _, _, fd, packet = heapq.heappop(due)
            try:
                os.write(fd, packet)
            except OSError:
                pass  # the device is full: lost, as on a wire


# ---- its user ----

class Wire:
    def __init__(self, stage):
        self.stage, self.names = stage, [f"w{os.getpid()}-{i}" for i in range(2)]

    def __enter__(self):
        for name in self.names:
            subprocess.run(["ip", "netns", "add", name], check=True, capture_output=True)
        self.program = subprocess.Popen([sys.executable, os.path.abspath(__file__), *self.names], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        assert self.program.stdout.readline() == "ready\n"
        for i, name in enumerate(self.names):
            for words in (("addr", "add", ADDRESS[i], "peer", ADDRESS[1 - i], "dev", "wire"), ("link", "set", "wire", "up"),
                          ("link", "set", "lo", "up")):
                subprocess.run(["ip", "-n", name, *words], check=True, capture_output=True)
        return self

    def __exit__(self, *_):
        self.program.stdin.close()
        self.program.wait(10)
        for p in self.stage.processes:  # their namespaces go with them
            p.end()
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)

    def rule(self, **what):
        """cut=[from 0, from 1], delay=seconds each way, loss=share, reset=text whose first packet ends its connection."""
        self.program.stdin.write(json.dumps(what) + "\n")
        self.program.stdin.flush()
        assert self.program.stdout.readline() == "done\n"

    def server(self, i, *options, binary=TANIST):
        folder = os.path.join(self.stage.folder, f"host{i}")
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, "socket")
        argv = ["ip", "netns", "exec", self.names[i], binary, "--port", str(PORT), "--bind", ADDRESS[i], "--protected-mode", "no",
                "--unixsocket", path, "--save", "", "--enable-debug-command", "yes", *map(str, options)]
        p = Process(argv, PORT, folder)
        p.client = lambda **kw: Client(None, path=path, **kw)
        self.stage.processes.append(p)
        return p.ready()


if __name__ == "__main__":
    forward(sys.argv[1:])
