#!/usr/bin/env python3
"""The append-only file beside redis-server: SET throughput with everysec and always, and how fast files load.

    tests/bench/persist.py [--rounds 3] [--requests 200000] [--keys 1000000] [--dir /path/on/the/disk]

Interleaved, the median is shown. Loading: an RDB and an append-only file of commands, of strings, hashes, lists, sets
and sorted sets in equal parts, both written by redis-server; the time is the server's own, from its log. Beside each figure
stands the CPU time that it took, which a busy machine changes less: a request's in microseconds, a load's in seconds.
TANIST_BUILD names the build folder (a release build). tests/bench/snapshot.py has the saves.
"""
import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("TANIST_BUILD", os.path.join(ROOT, "build-release"))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
from lib import REDIS_SERVER, Client, encode, free_port, wait_for  # noqa: E402
from throughput import cpu_seconds  # noqa: E402

WHO = {"tanist": os.path.join(BUILD, "tanist"), "redis": REDIS_SERVER}


class Server:
    def __init__(self, who, folder, *options):
        self.port, self.folder = free_port(), folder
        os.makedirs(folder, exist_ok=True)
        self.log = os.path.join(folder, "log")
        if os.path.exists(self.log):
            os.unlink(self.log)
        self.proc = subprocess.Popen([WHO[who], "--port", str(self.port), "--save", "", "--dir", folder, "--logfile",
                                      self.log, *options], stdout=subprocess.DEVNULL)
        wait_for("the server", lambda: self.info()["loading"] == "0", 600)

    def info(self):
        with Client(self.port) as c:
            return c.info("persistence")

    def end(self):
        self.proc.kill()
        self.proc.wait()


def shown(got, digits):
    """Medians of (figure, CPU), ours and theirs, and the two ratios."""
    (a, x), (b, y) = ([statistics.median(v) for v in zip(*got[w])] for w in ("tanist", "redis"))
    return f"ours {a:.{digits}f} (CPU {x:.2f})  theirs {b:.{digits}f} (CPU {y:.2f})  {a / b:.2f} ({x / y:.2f})"


def throughput(where, fsync, rounds, requests):
    got = {w: [] for w in WHO}
    for k in range(rounds):
        for w in WHO:
            folder = os.path.join(where, w)
            s = Server(w, folder, "--appendonly", "yes", "--appendfsync", fsync, "--auto-aof-rewrite-percentage", "0")
            before = cpu_seconds(s.proc.pid)
            out = subprocess.run(["redis-benchmark", "-p", str(s.port), "-c", "50", "-n", str(requests), "-r", "100000",
                                  "-t", "set", "--csv"], capture_output=True, text=True).stdout
            rate = float(out.splitlines()[-1].split(",")[1].strip('"'))
            got[w].append((rate, (cpu_seconds(s.proc.pid) - before) / requests * 1e6))
            s.end()
            shutil.rmtree(folder)
    print(f"SET a second, 50 clients, {fsync:9} {shown(got, 0)}", flush=True)


def fill(port, keys):
    with Client(port, timeout=600) as c:
        for start in range(0, keys, 5000):
            batch = []
            for i in range(start, min(start + 5000, keys)):
                kind = i % 5
                batch.append([("SET", f"s:{i}", f"value:{i:032}"), ("HSET", f"h:{i}", "a", i, "b", i * 7, "c", "text"),
                              ("RPUSH", f"l:{i}", i, "x", "y"), ("SADD", f"e:{i}", i, i + 1, i + 2),
                              ("ZADD", f"z:{i}", i, "m", i + 1, "n")][kind])
            c.sock.sendall(b"".join(encode(b) for b in batch))
            for _ in batch:
                c.read()


def load_time(who, folder, pattern, *options):
    s = Server(who, folder, *options)
    with open(s.log) as f:
        took = float(re.search(pattern, f.read()).group(1)), cpu_seconds(s.proc.pid)
    s.end()
    return took


def loads(where, rounds, keys):
    folder = os.path.join(where, "load")
    s = Server("redis", folder, "--appendonly", "yes", "--auto-aof-rewrite-percentage", "0")
    fill(s.port, keys)
    with Client(s.port, timeout=600) as c:
        c.cmd("SAVE")
    s.end()
    for what, pattern, options in (("RDB", r"DB loaded from disk: ([\d.]+)", ()),
                                   ("commands", r"DB loaded from append only file: ([\d.]+)", ("--appendonly", "yes"))):
        got = {w: [] for w in WHO}
        for _ in range(rounds):
            for w in WHO:
                got[w].append(load_time(w, folder, pattern, *options))
        print(f"seconds to load {keys} mixed keys, {what:9} {shown(got, 2)}", flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--requests", type=int, default=200000)
    p.add_argument("--keys", type=int, default=1000000)
    p.add_argument("--dir", help="where the files are kept: the disk that is measured")
    a = p.parse_args()
    where = tempfile.mkdtemp(prefix="tanist-persist-", dir=a.dir)
    try:
        throughput(where, "everysec", a.rounds, a.requests)
        throughput(where, "always", a.rounds, max(a.requests // 10, 1000))
        loads(where, a.rounds, a.keys)
    finally:
        shutil.rmtree(where, ignore_errors=True)


if __name__ == "__main__":
    main()
