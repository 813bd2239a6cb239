#!/usr/bin/env python3
"""Replication beside redis-server, interleaved: what it costs and how long it takes.

    tests/bench/replication.py [--rounds 3] [--keys 1000000] [--parts cpu,full,cut,wait,load]

cpu    the master's CPU for a SET at P16 with 0, 1 and 2 replicas, and the replica's CPU for each applied write
full   wall time of a full sync of --keys keys to one and to two replicas, with default settings and without the delay
cut    time from reconnecting to a caught-up replica after a cut
wait   latency of WAIT 1 behind SET, and of both in one write, 50 clients
load   time from the last write of 2,000,000 to a caught-up replica

CPU is a process' own time from /proc, children not counted. Medians of the rounds. TANIST_BUILD: a release build."""
import argparse
import os
import statistics
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.environ.setdefault("TANIST_BUILD", os.path.join(ROOT, "build-release"))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
from lib import REDIS_SERVER, TANIST, Client, Stage, encode, replica_caught_up, wait_for  # noqa: E402

KINDS = {"ours": TANIST, "theirs": REDIS_SERVER}
NO_DELAY = ("--repl-diskless-sync-delay", "0")


def cpu_ns(server):
    total = 0
    for task in os.listdir(f"/proc/{server.pid}/task"):
        with open(f"/proc/{server.pid}/task/{task}/schedstat") as f:
            total += int(f.read().split()[0])
    return total


def follow(stage, binary, master, *options, wait=True):
    r = stage.server("--replicaof", f"127.0.0.1 {master.port}", "--save", "", *options, binary=binary)
    if wait:
        wait_for("the link", lambda: replica_caught_up(master, r), 120)
    return r


def sets(port, n, pipeline=16, clients=50):
    subprocess.run(["/usr/bin/redis-benchmark", "-p", str(port), "-t", "set", "-n", str(n), "-P", str(pipeline), "-c",
                    str(clients), "-r", "1000000", "-q"], check=True, capture_output=True)


def cpu(binary, args):
    """ns of CPU a request with 0, 1, 2 replicas; and a write on the replica."""
    out, n = {}, args.requests
    with Stage() as stage:
        m = stage.server(*NO_DELAY, binary=binary)
        replicas = []
        for count in range(3):
            if count:
                replicas.append(follow(stage, binary, m))
            sets(m.port, n // 10)
            before = cpu_ns(m), [cpu_ns(r) for r in replicas]
            sets(m.port, n)
            wait_for("the replicas", lambda: all(replica_caught_up(m, r) for r in replicas), 60)
            out[f"master, {count} replicas, ns a request"] = (cpu_ns(m) - before[0]) / n
            if count == 1:
                out["replica, ns a write"] = (cpu_ns(replicas[0]) - before[1][0]) / n
    return out


def full(binary, args):
    out = {}
    for replicas, options in ((1, ()), (1, NO_DELAY), (2, NO_DELAY)):
        with Stage() as stage:
            m = stage.server(*options, binary=binary)
            m.cmd("DEBUG", "POPULATE", args.keys)
            start = time.monotonic()
            rs = [follow(stage, binary, m, wait=False) for _ in range(replicas)]
            slowest, stop = [0.0], threading.Event()

            def probe():
                with m.client() as c:
                    while not stop.is_set():
                        t = time.monotonic()
                        c.cmd("PING")
                        slowest[0] = max(slowest[0], time.monotonic() - t)
                        time.sleep(0.001)
            t = threading.Thread(target=probe)
            t.start()
            wait_for("the links", lambda: all(replica_caught_up(m, r) for r in rs), 300)
            took = time.monotonic() - start
            stop.set()
            t.join()
            name = f"full sync of {args.keys} keys, {replicas} replicas, {'no delay' if options else 'default'}"
            out[name + ", s"] = took
            out[name + ", slowest PING ms"] = slowest[0] * 1000
    return out


def cut(binary, args):
    """From the loss to being caught up again, and the part of it after the reconnection."""
    times = []
    with Stage() as stage:
        m = stage.server(*NO_DELAY, "--repl-backlog-size", "64mb", binary=binary)
        r = follow(stage, binary, m)
        for _ in range(10):
            time.sleep(1.2)  # a link that has lived
            with m.client() as c, r.client() as rc:
                before = int(c.info("stats")["sync_partial_ok"])
                start = time.monotonic()
                c.cmd("CLIENT", "KILL", "TYPE", "replica")
                c.pipeline([("SET", f"k{i}", "x" * 100) for i in range(100)])
                want = c.info("replication")["master_repl_offset"]
                while int(c.info("stats")["sync_partial_ok"]) == before or \
                        int(rc.info("replication")["slave_repl_offset"]) < int(want):
                    pass
                times.append((time.monotonic() - start) * 1000)
    return {"cut to caught up, ms": statistics.median(times), "cut to caught up, worst ms": max(times)}


def wait(binary, args):
    """50 clients, each SET, then WAIT 1; and both in one write."""
    out = {}
    tool = os.path.join(os.environ["TANIST_BUILD"], "tests", "bench", "wait-load")
    for name, words in (("WAIT 1 behind SET", ()), ("SET and WAIT 1 in one write", ("one",))):
        with Stage() as stage:
            m = stage.server(*NO_DELAY, binary=binary)
            follow(stage, binary, m)
            got = subprocess.run([tool, str(m.port), "50", str(args.seconds), *words], check=True, capture_output=True, text=True).stdout
        both, both_99, alone, alone_99, a_second = map(float, got.split())
        out |= {f"{name}, 50 clients, both, median us": both, f"{name}, 50 clients, both, 99% us": both_99,
                f"{name}, 50 clients, a second": a_second}
        if not words:
            out |= {f"{name}, 50 clients, WAIT alone, median us": alone, f"{name}, 50 clients, WAIT alone, 99% us": alone_99}
    return out


def load(binary, args):
    with Stage() as stage:
        m = stage.server(*NO_DELAY, "--repl-backlog-size", "512mb", "--client-output-buffer-limit", "replica 0 0 0", binary=binary)
        r = follow(stage, binary, m)
        sets(m.port, args.writes)
        start = time.monotonic()
        wait_for("the replica", lambda: replica_caught_up(m, r), 120, every=0.002)
        return {f"after {args.writes} writes to caught up, ms": (time.monotonic() - start) * 1000}


PARTS = {"cpu": cpu, "full": full, "cut": cut, "wait": wait, "load": load}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--writes", type=int, default=2_000_000)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--parts", default=",".join(PARTS))
    args = parser.parse_args()
    seen = {kind: {} for kind in KINDS}
    for _ in range(args.rounds):
        for part in args.parts.split(","):
            for kind, binary in KINDS.items():
                for what, value in PARTS[part](binary, args).items():
                    seen[kind].setdefault(what, []).append(value)
    print(f"{'':62}{'ours':>10}{'theirs':>10}{'ratio':>8}")
    for what in seen["ours"]:
        a, b = (statistics.median(seen[k][what]) for k in KINDS)
        print(f"{what:62}{a:10.2f}{b:10.2f}{a / b if b else 0:8.2f}")


if __name__ == "__main__":
    main()
