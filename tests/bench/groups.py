#!/usr/bin/env python3
"""What many groups cost a Sentinel: CPU and memory of one Sentinel of three, ours beside redis-sentinel.

    tests/bench/groups.py [--groups 10,100,1000] [--kinds tanist,redis] [--seconds 20]
    tests/bench/groups.py --lose --groups 1000 [--down-after 5000]

The data servers (a master and two replicas a group) are simulated by group-farm; their INFO is the
text of a real server. Sentinels know all groups from their configuration, so that the figures are
of the steady state. CPU is what the kernel's scheduler counted for the process, memory what is
resident. With --lose all masters end at once, and what is told is the time from then, minus
down-after, until a replica of each group was promoted, until the other one followed it, and until
all three Sentinels name a new master for all groups.

Each process has a session of its own, so that schedulers that group by session see several hosts.
What limits the size: a process may have so many files open; 1000 groups need 6000 in each Sentinel.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("TANIST_BUILD", os.path.join(ROOT, "build-release"))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
from lib import Client, ReplyError, free_port, wait_for  # noqa: E402

KINDS = {"tanist": [os.path.join(BUILD, "tanist")], "redis": ["/usr/bin/redis-server"]}
PER_FARM = 400  # groups in one process: its open files stay below 10000
IDS = [c * 40 for c in "abc"]


def address(n):
    return f"127.1.{n // 250}.{1 + n % 250}"


def info_template(folder, binary):
    """INFO of a real server without what is particular to it, cut at the replication section."""
    port = free_port()
    p = subprocess.Popen([binary, "--port", str(port), "--save", ""], cwd=folder, stdout=subprocess.DEVNULL)
    try:
        wait_for("a server", lambda: Client(port).close() or True)
        with Client(port) as c:
            text = c.cmd("INFO").decode()
    finally:
        p.terminate()
        p.wait()
    text = re.sub(r"run_id:\w{40}", "run_id:" + "@" * 40, text)
    head, rest = text.split("# Replication\r\n")
    tail = rest[rest.index("# "):]
    for name, part in (("head", head), ("tail", tail)):
        with open(os.path.join(folder, name), "w", newline="") as f:
            f.write(part)


class Farm:
    def __init__(self, folder, groups, port):
        self.procs = []
        for first in range(0, groups, PER_FARM):
            n = min(PER_FARM, groups - first)
            argv = [os.path.join(BUILD, "tests", "bench", "group-farm"), str(first), str(n), str(port),
                    os.path.join(folder, "head"), os.path.join(folder, "tail")]
            p = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                 start_new_session=True)
            self.procs.append(p)
        for p in self.procs:
            assert p.stdout.readline() == "ready\n", "the farm did not start"

    def order(self, word):
        for p in self.procs:
            p.stdin.write(word + "\n")
            p.stdin.flush()

    def kill(self):
        self.order("kill")
        for p in self.procs:
            assert p.stdout.readline() == "killed\n"

    def times(self):
        self.order("times")
        rows = []
        for p in self.procs:
            while (line := p.stdout.readline()) != "end\n":
                rows.append([int(x) for x in line.split()])
        return rows

    def end(self):
        for p in self.procs:
            p.kill()
            p.wait()


class Sentinel:
    def __init__(self, argv, folder, port):
        self.port = port
        self.log = open(os.path.join(folder, f"log-{port}"), "ab")
        self.proc = subprocess.Popen(argv + [os.path.join(folder, f"s{port}.conf"), "--sentinel"], cwd=folder,
                                     stdout=self.log, stderr=self.log, start_new_session=True)

    def masters(self):
        with Client(self.port, timeout=60) as c:
            rows = c.cmd("SENTINEL", "MASTERS")
        return [dict(zip(r[::2], r[1::2])) for r in rows]

    def settled(self, groups):
        rows = self.masters()
        return len(rows) == groups and all(
            r[b"flags"] == b"master" and r[b"num-slaves"] == b"2" and r[b"num-other-sentinels"] == b"2"
            for r in rows)

    def cpu(self):
        ns = 0
        for task in os.listdir(f"/proc/{self.proc.pid}/task"):
            with open(f"/proc/{self.proc.pid}/task/{task}/schedstat") as f:
                ns += int(f.read().split()[0])
        return ns / 1e9

    def memory(self):
        with open(f"/proc/{self.proc.pid}/status") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) / 1024

    def end(self):
        self.proc.kill()
        self.proc.wait()
        self.log.close()


class Run:
    def __init__(self, kind, groups, down_after, folder):
        self.kind, self.groups, self.down_after = kind, groups, down_after
        self.port = free_port()
        self.farm = Farm(folder, groups, self.port)
        ports = [free_port() for _ in range(3)]
        for me, port in enumerate(ports):
            with open(os.path.join(folder, f"s{port}.conf"), "w") as f:
                f.write(self.config(ports, me))
        self.sentinels = [Sentinel(KINDS[kind], folder, p) for p in ports]

    def config(self, ports, me):
        out = [f"port {ports[me]}", "sentinel myid " + IDS[me]]
        for n in range(self.groups):
            ip, name = address(n), f"g{n:04}"
            out += [f"sentinel monitor {name} {ip} {self.port} 2",
                    f"sentinel down-after-milliseconds {name} {self.down_after}",
                    f"sentinel failover-timeout {name} 60000"]
            out += [f"sentinel known-replica {name} {ip} {self.port + i}" for i in (1, 2)]
            out += [f"sentinel known-sentinel {name} 127.0.0.1 {ports[o]} {IDS[o]}" for o in range(3) if o != me]
        return "\n".join(out) + "\n"

    def wait_settled(self, seconds):
        begin = time.monotonic()
        for s in self.sentinels:
            wait_for(f"{self.kind} to know {self.groups} groups", lambda: s.settled(self.groups), seconds, 0.5)
        return time.monotonic() - begin

    def steady(self, seconds):
        before, begin = [s.cpu() for s in self.sentinels], time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - begin
        used = [(s.cpu() - b) / took for s, b in zip(self.sentinels, before)]
        return sum(used) / 3, sum(s.memory() for s in self.sentinels) / 3

    def moved(self, old_port):
        return all(int(m[b"port"]) != old_port for s in self.sentinels for m in s.masters())

    def lose(self, seconds):
        before = [s.cpu() for s in self.sentinels]
        begin = time.monotonic()
        self.farm.kill()
        end, known = begin + seconds, None
        while time.monotonic() < end:
            time.sleep(0.25)
            done = all(t[0] >= 0 for t in self.farm.times())
            if done and self.moved(self.port):
                known = time.monotonic()
                break
        time.sleep(1)
        rows = self.farm.times()
        cpu = max(s.cpu() - b for s, b in zip(self.sentinels, before))
        return rows, known and (known - begin) * 1000, cpu

    def end(self):
        for s in self.sentinels:
            s.end()
        self.farm.end()


def spread(values, wait):
    got = sorted(v - wait for v in values if v >= 0)
    if not got:
        return "none"
    return f"{len(got)} of {len(values)}, median {got[len(got) // 2]} ms, worst {got[-1]} ms"


def one(kind, groups, a, folder):
    run = Run(kind, groups, a.down_after, folder)
    try:
        took = run.wait_settled(a.bound)
        if a.keep:
            print("processes:", *[s.proc.pid for s in run.sentinels], flush=True)
        time.sleep(a.settle)
        if a.lose:
            rows, known, cpu = run.lose(a.bound)
            wait = a.down_after
            print(f"{kind:7} {groups:5} groups lost, over {wait} ms: promoted {spread([r[0] for r in rows], wait)}; "
                  f"followed {spread([r[1] for r in rows], wait)}; known to all after "
                  f"{'?' if known is None else round(known - wait)} ms; CPU {cpu:.1f} s", flush=True)
        else:
            cpu, memory = run.steady(a.seconds)
            print(f"{kind:7} {groups:5} groups: {cpu * 1e6 / groups:7.1f} us of a core a second and group, "
                  f"{cpu * 100:5.1f} % of a core, {memory:6.1f} MB; settled in {took:.1f} s", flush=True)
    finally:
        run.end()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--groups", default="10,100,1000")
    p.add_argument("--kinds", default="tanist,redis")
    p.add_argument("--seconds", type=float, default=20)
    p.add_argument("--settle", type=float, default=15)
    p.add_argument("--down-after", type=int, default=0)
    p.add_argument("--bound", type=float, default=180, help="seconds after which it is given up")
    p.add_argument("--lose", action="store_true")
    p.add_argument("--keep", action="store_true", help="tell the process ids, leave the folder with logs and files")
    a = p.parse_args()
    a.down_after = a.down_after or (5000 if a.lose else 30000)
    for groups in [int(g) for g in a.groups.split(",")]:
        for kind in a.kinds.split(","):
            folder = tempfile.mkdtemp(prefix="tanist-groups-")
            try:
                info_template(folder, KINDS[kind][0])
                one(kind, groups, a, folder)
            except (AssertionError, OSError, ReplyError, EOFError) as e:
                print(f"{kind:7} {groups:5} groups: does not cope: {e}", flush=True)
            finally:
                if a.keep:
                    print(folder)
                else:
                    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
