#!/usr/bin/env python3
"""The tail: how long the loop stands still while big things happen, ours beside redis-server.

    tests/bench/tail.py [--keys 5000000] [--members 1000000] [--seconds 5] [EVENT ...]

Each server holds KEYS keys and is under a steady load (redis-benchmark, GET and SET over all keys).
A probe sends a PING each millisecond and notes the slowest answer while an event happens:

    steady    nothing
    del       DEL of a set of MEMBERS members
    unlink    UNLINK of the like
    rehash    keys are added until the main table grows, and on until it has moved
    expire    MEMBERS keys whose deadlines lie within one second

The machine has its own hiccups: "steady" shows them. So beside the slowest answer stands the most CPU time that the
server's main thread used up while one PING waited: what the loop itself owes. The goal is below 10 ms.
--priority gives servers and probe more of a machine that others use too, as far as we may.
TANIST_BUILD names the build folder (a release build).
"""
import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("TANIST_BUILD", os.path.join(ROOT, "build-release"))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
from lib import Client, encode, free_port, wait_for  # noqa: E402

BATCH = 1000
PATIENCE_S = 120


class Peer:
    def __init__(self, name, argv, folder):
        self.name, self.port = name, free_port()
        self.proc = subprocess.Popen(argv + ["--port", str(self.port), "--save", "", "--enable-debug-command", "yes"],
                                     cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def up():
            with Client(self.port, timeout=2):
                return True
        wait_for(name, up)
        self.c = Client(self.port, timeout=PATIENCE_S)

    def batches(self, n, command):
        """Sends command(i) for each i below n; bounded pipelines, so that the load itself is no event."""
        for at in range(0, n, BATCH):
            m = min(BATCH, n - at)
            self.c.send_bytes(b"".join(encode(command(i)) for i in range(at, at + m)))
            for _ in range(m):
                self.c.read()

    def end(self):
        self.proc.kill()
        self.proc.wait()


class Probe(threading.Thread):
    """A PING each millisecond; `slowest` and `n` until it is stopped."""

    def __init__(self, peer):
        super().__init__(daemon=True)
        self.c = Client(peer.port, timeout=PATIENCE_S)
        self.stat = open(f"/proc/{peer.proc.pid}/task/{peer.proc.pid}/schedstat", "rb", buffering=0)
        self.done, self.slowest, self.busiest, self.n = False, 0.0, 0.0, 0
        self.start()

    def run(self):
        sock, ping = self.c.sock, b"*1\r\n$4\r\nPING\r\n"
        while not self.done:
            before = self.ran()
            began = time.perf_counter()
            sock.sendall(ping)
            sock.recv(64)
            took = time.perf_counter() - began
            self.slowest = max(self.slowest, took)
            self.busiest = max(self.busiest, (self.ran() - before) / 1e9)
            self.n += 1
            if took < 0.001:
                time.sleep(0.001 - took)

    def ran(self):
        self.stat.seek(0)
        return int(self.stat.read().split()[0])

    def stop(self):
        self.done = True
        self.join()
        self.c.close()
        self.stat.close()
        return self.slowest * 1000, self.busiest * 1000


def fill_set(peer, name, members):
    peer.c.cmd("DEL", name)
    peer.batches(members // 100, lambda i: ("SADD", name, *(f"member:{i * 100 + k}" for k in range(100))))


def steady(peer, a):
    time.sleep(a.seconds)


def delete(peer, a):
    peer.c.cmd("DEL", "big-del")
    time.sleep(a.seconds)


def unlink(peer, a):
    peer.c.cmd("UNLINK", "big-unlink")
    time.sleep(a.seconds)


def rehash(peer, a):
    """Half as many keys again: both tables grow at some point between n and 2n; bounded by both."""
    peer.batches(a.grow, lambda i: ("SET", f"more:{i}", "x"))
    time.sleep(a.seconds)


def expire(peer, a):
    """The deadlines were set ahead by `expire_fill`; they come now."""
    left = lambda: int(peer.c.info("keyspace")["db0"].split("expires=")[1].split(",")[0])  # noqa: E731
    while left():
        time.sleep(0.2)


def expire_fill(peer, a):
    s, _ = peer.c.cmd("TIME")
    start = (int(s) + a.expire_after) * 1000
    at = lambda i: start + i * 1000 // a.members  # noqa: E731
    peer.batches(a.members, lambda i: ("SET", f"due:{i}", "x", "PXAT", at(i)))
    s, us = peer.c.cmd("TIME")
    assert int(s) * 1000 < start, "filling took longer than --expire-after"
    time.sleep(max(0, start / 1000 - int(s) - int(us) / 1e6 - 0.2))


EVENTS = {
    "steady": (None, steady),
    "del": (lambda p, a: fill_set(p, "big-del", a.members), delete),
    "unlink": (lambda p, a: fill_set(p, "big-unlink", a.members), unlink),
    "expire": (expire_fill, expire),
    "rehash": (None, rehash),
}


def loaded(peer, a):
    return subprocess.Popen(["/usr/bin/redis-benchmark", "-p", str(peer.port), "-n", "100000000", "-r", str(a.keys), "-c", "10",
                             "-q", "-t", "get,set"], preexec_fn=lambda: os.setpriority(os.PRIO_PROCESS, 0, 0), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def measure(peer, event, a):
    prepare, run = EVENTS[event]
    if prepare:
        prepare(peer, a)
    load = loaded(peer, a) if a.load else None
    time.sleep(0.5)
    probe = Probe(peer)
    try:
        run(peer, a)
    finally:
        worst = probe.stop()
        if load:
            load.kill()
            load.wait()
    return worst


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--keys", type=int, default=5_000_000)
    p.add_argument("--members", type=int, default=1_000_000)
    p.add_argument("--grow", type=int, default=4_000_000, help="keys added by rehash")
    p.add_argument("--seconds", type=float, default=3)
    p.add_argument("--expire-after", type=int, default=40, help="seconds in which the keys to expire must be set")
    p.add_argument("--rounds", type=int, default=1)
    p.add_argument("--no-load", dest="load", action="store_false")
    p.add_argument("--priority", type=int, default=0)
    p.add_argument("--only", choices=("tanist", "redis"))
    p.add_argument("events", nargs="*", default=list(EVENTS))
    a = p.parse_args()
    if a.priority:
        os.setpriority(os.PRIO_PROCESS, 0, -a.priority)
    with tempfile.TemporaryDirectory(prefix="tanist-tail-") as folder:
        peers = [Peer(n, argv, folder) for n, argv in (("tanist", [os.path.join(BUILD, "tanist")]), ("redis", ["/usr/bin/redis-server"]))
                 if not a.only or a.only == n]
        try:
            for x in peers:
                x.c.cmd("DEBUG", "POPULATE", a.keys, "key", 16)
            print(f"{'event':10}" + "".join(f"{x.name + ' slowest ms':>20}{'CPU ms':>8}" for x in peers))
            for event in a.events:
                got = {x.name: (0.0, 0.0) for x in peers}
                for _ in range(1 if event == "rehash" else a.rounds):
                    for x in peers:
                        got[x.name] = tuple(map(max, got[x.name], measure(x, event, a)))
                print(f"{event:10}" + "".join(f"{got[x.name][0]:>20.1f}{got[x.name][1]:>8.1f}" for x in peers), flush=True)
        finally:
            for x in peers:
                x.end()


if __name__ == "__main__":
    main()
