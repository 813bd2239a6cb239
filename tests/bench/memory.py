#!/usr/bin/env python3
"""Resident bytes per key or member, ours beside redis-server, the same data in the same run.

    tests/bench/memory.py [--keys 1000000] [SHAPE ...]

Small shapes: KEYS keys of each kind. Big shapes: one key with KEYS members. TANIST_BUILD names the
build folder (a release build).
"""
import argparse
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("TANIST_BUILD", os.path.join(ROOT, "build-release"))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
from lib import Client, encode, free_port, wait_for  # noqa: E402

BATCH = 5000


def name(i):
    return b"key:%012d" % i


SHAPES = {
    "strings": lambda i: (b"SET", name(i), b"value%011d" % i),
    "integers": lambda i: (b"SET", name(i), b"%d" % (100000 + i)),
    "hashes": lambda i: (b"HSET", name(i), *(x for f in range(5) for x in (b"field%d" % f, b"%d" % (i + f)))),
    "sets": lambda i: (b"SADD", name(i), *(b"%d" % (i + k * 7) for k in range(10))),
    "lists": lambda i: (b"RPUSH", name(i), *(b"element:%d" % (i + k) for k in range(10))),
    "zsets": lambda i: (b"ZADD", name(i), *(x for k in range(10) for x in (b"%d" % (i + k), b"member:%d" % k))),
    "big-hash": lambda i: (b"HSET", b"big", name(i), b"value%011d" % i),
    "big-set": lambda i: (b"SADD", b"big", name(i)),
    "big-zset": lambda i: (b"ZADD", b"big", b"%d" % (i * 7919 % 1000003), name(i)),
}


def resident(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmRSS:"))


def fill(port, shape, keys):
    with Client(port) as c:
        for at in range(0, keys, BATCH):
            n = min(BATCH, keys - at)
            c.send_bytes(b"".join(encode(SHAPES[shape](i)) for i in range(at, at + n)))
            for _ in range(n):
                c.read()


def measure(argv, shape, keys, folder):
    port = free_port()
    proc = subprocess.Popen(argv + ["--port", str(port), "--save", ""], cwd=folder,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        def up():
            with Client(port, timeout=2) as c:
                return c.cmd("PING")
        wait_for("the server", up)
        before = resident(proc.pid)
        fill(port, shape, keys)
        return (resident(proc.pid) - before) / keys
    finally:
        proc.kill()
        proc.wait()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--keys", type=int, default=1_000_000)
    p.add_argument("shapes", nargs="*", default=list(SHAPES))
    a = p.parse_args()
    print(f"{'shape':12}{'ours':>10}{'redis':>10}{'ratio':>8}   resident bytes each, {a.keys} of them")
    with tempfile.TemporaryDirectory(prefix="tanist-bench-") as folder:
        for shape in a.shapes or SHAPES:
            ours = measure([os.path.join(BUILD, "tanist")], shape, a.keys, folder)
            theirs = measure(["/usr/bin/redis-server"], shape, a.keys, folder)
            print(f"{shape:12}{ours:>10.1f}{theirs:>10.1f}{ours / theirs:>8.2f}", flush=True)


if __name__ == "__main__":
    main()
