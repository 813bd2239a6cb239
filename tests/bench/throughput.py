#!/usr/bin/env python3
"""Throughput and CPU per request: ours, redis-server and a bare epoll responder, interleaved.

    tests/bench/throughput.py [--rounds 3] [--requests 1000000] [--tests GET,SET|all] [--depths 1,16,100]

For each test and pipeline depth redis-benchmark sends the same load to the three servers in turn; a
round is repeated and the median is shown. CPU is the server's own user and system time from /proc,
divided by the requests. The bare responder only counts requests and answers: the limit on this
machine. TANIST_BUILD names the build folder (a release build).
"""
import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("TANIST_BUILD", os.path.join(ROOT, "build-release"))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
from lib import Client, free_port, wait_for  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")
KEYS = 1_000_000
# Tests that redis-benchmark does not have by that name (or mixes with the pushes that they need, as LRANGE):
# the command that it is given instead.
COMMANDS = {
    "RPOPLPUSH": "RPOPLPUSH mylist mylist",
    "HGET": "HGET myhash element:__rand_int__",
    "ZRANGEBYSCORE": "ZRANGEBYSCORE myzset __rand_int__ +inf LIMIT 0 10",
    "LRANGE_100": "LRANGE mylist 0 99",
    "LRANGE_600": "LRANGE mylist 0 599",
    "XADD": "XADD mystream MAXLEN ~ 100000 * field value",
}
ALL = ("SET,GET,INCR,LPUSH,LPOP,RPUSH,RPOPLPUSH,SADD,SPOP,HSET,HGET,ZADD,ZRANGEBYSCORE,ZPOPMIN,MSET,LRANGE_100,"
       "LRANGE_600,XADD")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/schedstat") as f:
        main = int(f.read().split()[0])
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as f:
            total += int(f.read().split()[0])
    return max(total, main) / 1e9


class Peer:
    def __init__(self, name, argv, port, folder):
        self.name, self.port = name, port
        self.proc = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
        def up():
            with Client(port, timeout=2):
                return True
        wait_for(name, up)

    def end(self):
        self.proc.kill()
        self.proc.wait()


def peers(folder):
    for name, argv in (("tanist", [os.path.join(BUILD, "tanist")]), ("redis", ["/usr/bin/redis-server"])):
        port = free_port()
        yield Peer(name, argv + ["--port", str(port), "--save", "", "--appendonly", "no"], port, folder)
    port = free_port()
    yield Peer("epoll", [os.path.join(BUILD, "tests", "bench", "epoll-responder"), str(port)], port, folder)


def bench(peer, test, depth, requests):
    cpu, began = cpu_seconds(peer.proc.pid), time.monotonic()
    what = COMMANDS[test].split() if test in COMMANDS else []
    argv = ["/usr/bin/redis-benchmark", "-p", str(peer.port), "-n", str(requests), "-r", str(KEYS), "-d", "16",
            "-P", str(depth), "-c", "50", "-q"] + (what or ["-t", test.lower()])
    out = subprocess.run(argv,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=600).stdout.decode()
    seconds = time.monotonic() - began
    spent = cpu_seconds(peer.proc.pid) - cpu
    m = re.findall(r"([0-9.]+) requests per second", out)
    return float(m[-1]) if m else requests / seconds, spent / requests * 1e9


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--requests", type=int, default=1_000_000)
    p.add_argument("--tests", default="SET,GET")
    p.add_argument("--depths", default="1,16,100")
    a = p.parse_args()
    with tempfile.TemporaryDirectory(prefix="tanist-bench-") as folder:
        all_peers = list(peers(folder))
        try:
            print(f"{'test':14}{'depth':>6}  " + "".join(f"{x.name + ' req/s':>16}{'ns/req':>9}" for x in all_peers)
                  + f"{'CPU ours/redis':>16}")
            tests = ALL if a.tests == "all" else a.tests
            ratios = {}
            for depth in map(int, a.depths.split(",")):
                for test in tests.upper().split(","):
                    got = {x.name: [] for x in all_peers}
                    n = a.requests if depth > 1 else a.requests // 4
                    for _ in range(a.rounds):
                        for x in all_peers:
                            got[x.name].append(bench(x, test, depth, n))
                    rps = {k: statistics.median(r for r, _ in v) for k, v in got.items()}
                    cpu = {k: statistics.median(c for _, c in v) for k, v in got.items()}
                    ratios.setdefault(depth, []).append(cpu["tanist"] / cpu["redis"])
                    print(f"{test:14}{depth:>6}  " + "".join(f"{rps[x.name]:>16.0f}{cpu[x.name]:>9.0f}" for x in all_peers)
                          + f"{cpu['tanist'] / cpu['redis']:>16.2f}", flush=True)
            for depth, r in ratios.items():
                print(f"depth {depth}: CPU ours/redis median {statistics.median(r):.2f}, worst {max(r):.2f}")
        finally:
            for x in all_peers:
                x.end()


if __name__ == "__main__":
    main()
