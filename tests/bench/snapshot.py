#!/usr/bin/env python3
"""A snapshot under load: by fork, by walking, and redis-server, interleaved.

    tests/bench/snapshot.py [--keys 5000000] [--rounds 3] [--loads idle,20000,full] [--who redis,fork,walk] [--sync]

Each server gets the same mixed keys (strings, short hashes, lists, sets, sorted sets); then BGSAVE runs under
each load of random SETs: none, so many a second, or redis-benchmark with 50 clients at depth 16. Shown are medians:
the wall time of the save, the slowest of PINGs sent each 2 ms by a client of its own, the most memory above that of
the moment before (the process' resident pages, and what a child has for itself), rdb_last_cow_size, and how many writes were
done during the save, as a share of the rate before. --sync: a full sync to a replica of the same kind in place of
BGSAVE, until the replica has caught up. TANIST_BUILD names the build folder (a release build).
"""
import argparse
import multiprocessing
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("TANIST_BUILD", os.path.join(ROOT, "build-release"))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
from lib import Client, encode, free_port, wait_for  # noqa: E402

PAGE = os.sysconf("SC_PAGE_SIZE")
WHO = {
    "redis": ["redis-server"],
    "fork": [os.path.join(BUILD, "tanist"), "--snapshot-method", "fork"],
    "walk": [os.path.join(BUILD, "tanist"), "--snapshot-method", "walk"],
}


def mixed(r, i):
    key, kind = b"key:%012d" % i, r.randrange(20)
    if kind < 10:
        return encode((b"SET", key, b"%x" % r.getrandbits(4 * r.randrange(8, 100))))
    if kind < 14:
        return encode((b"SET", key, b"some words that come again and again, %d times" % i))
    if kind < 16:
        return encode((b"HSET", key, b"name", b"n%d" % i, b"visits", i % 1000, b"mail", b"%d@example.org" % i))
    command = (b"RPUSH", b"SADD", b"ZADD", b"SADD")[kind - 16]
    n = r.randrange(1, 8)
    words = [w for m in range(n) for w in ((m, b"m%d" % m) if command == b"ZADD" else (b"%d" % (m * i),))]
    return encode((command, key, *words))


def write_keys(path, keys):
    r = random.Random(1)
    with open(path, "wb") as f:
        for at in range(0, keys, 10000):
            f.write(b"".join(mixed(r, i) for i in range(at, min(at + 10000, keys))))


class Server:
    def __init__(self, name, data, keys, folder):
        self.name, self.port = name, free_port()
        home = os.path.join(folder, name)
        os.makedirs(home)
        argv = WHO[name] + ["--port", str(self.port), "--save", "", "--repl-diskless-sync-delay", "0"]
        self.proc = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=home)

        def up():
            with Client(self.port, timeout=2):
                return True
        wait_for(name, up)
        feed = subprocess.run(["redis-cli", "-p", str(self.port), "--pipe"], stdin=open(data, "rb"),
                              stdout=subprocess.DEVNULL, check=True)
        assert feed.returncode == 0
        self.c = Client(self.port, timeout=60)
        assert self.c.cmd("DBSIZE") == keys

    def resident(self):
        with open(f"/proc/{self.proc.pid}/statm") as f:
            return int(f.read().split()[1]) * PAGE

    def childs_own(self):
        total = 0
        try:
            with open(f"/proc/{self.proc.pid}/task/{self.proc.pid}/children") as f:
                children = f.read().split()
            for child in children:
                with open(f"/proc/{child}/smaps_rollup") as f:
                    total += sum(int(line.split()[1]) * 1024 for line in f if line.startswith("Private_"))
        except OSError:
            pass
        return total

    def commands(self):
        return int(self.c.info("stats")["total_commands_processed"])

    def end(self):
        self.proc.kill()
        self.proc.wait()


def probe(port, over, out):
    slowest = 0
    with Client(port, timeout=60) as c:
        while not over.is_set():
            begin = time.perf_counter()
            c.cmd("PING")
            slowest = max(slowest, time.perf_counter() - begin)
            time.sleep(0.002)
    out.put(slowest)


def write(port, keys, rate, over):
    """Batches of 20, so that a batch is no burst that a PING would feel."""
    r = random.Random(2)
    with Client(port, timeout=60) as c:
        due = time.perf_counter()
        while not over.is_set():
            c.sock.sendall(b"".join(encode((b"SET", b"key:%012d" % r.randrange(keys), b"x" * r.randrange(8, 60)))
                                    for _ in range(20)))
            for _ in range(20):
                c.line()
            due += 20 / rate
            left = due - time.perf_counter()
            if left > 0:
                time.sleep(left)


class Load:
    def __init__(self, server, kind, keys):
        self.over, self.parts, self.bench = multiprocessing.Event(), [], None
        if kind == "full":
            self.bench = subprocess.Popen(
                ["redis-benchmark", "-p", str(server.port), "-P", "16", "-c", "50", "-r", str(keys), "-n", "1000000000",
                 "-q", "SET", "key:__rand_int__", "x" * 40], stdout=subprocess.DEVNULL)
        elif kind != "idle":
            self.parts.append(multiprocessing.Process(target=write, args=(server.port, keys, int(kind), self.over)))
        for p in self.parts:
            p.start()

    def end(self):
        self.over.set()
        for p in self.parts:
            p.join()
        if self.bench:
            self.bench.kill()
            self.bench.wait()


class Save:
    def __init__(self, server):
        self.c = server.c
        self.c.cmd("BGSAVE")

    def busy(self):
        return self.c.info("persistence")["rdb_bgsave_in_progress"] == "1"

    def end(self):
        info = self.c.info("persistence")
        assert info["rdb_last_bgsave_status"] == "ok"
        return int(info["rdb_last_cow_size"])


class Sync:
    """A new replica, until it has what the master had when it was last asked."""

    def __init__(self, server):
        self.port, self.master = free_port(), server.c
        argv = WHO[server.name] + ["--port", str(self.port), "--save", "", "--replicaof", "127.0.0.1", str(server.port)]
        self.home = tempfile.TemporaryDirectory(prefix="tanist-bench-replica-")
        self.proc = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.home.name)

    def busy(self):
        want = int(self.master.info("replication")["master_repl_offset"])
        try:
            with Client(self.port, timeout=60) as c:
                got = c.info("replication")
        except OSError:
            return True
        return got["master_link_status"] != "up" or int(got["slave_repl_offset"]) < want - (1 << 20)

    def end(self):
        self.proc.kill()
        self.proc.wait()
        self.home.cleanup()
        return 0


def save(server, kind, keys, what):
    """(wall seconds, slowest PING ms, memory above in %, rdb_last_cow_size in %, share of the rate before in %)"""
    load = Load(server, kind, keys)
    time.sleep(1.5)
    n0, t0 = server.commands(), time.perf_counter()
    time.sleep(1)
    n1, begin = server.commands(), time.perf_counter()
    before = (n1 - n0) / (begin - t0)
    steady, most = server.resident(), 0
    out = multiprocessing.Queue()
    over = multiprocessing.Event()
    p = multiprocessing.Process(target=probe, args=(server.port, over, out))
    p.start()
    time.sleep(0.2)
    n1, begin = server.commands(), time.perf_counter()
    doing = what(server)
    looks = 0
    while doing.busy():
        looks += 2
        most = max(most, server.resident() + server.childs_own() - steady)
        time.sleep(0.05)
    wall = time.perf_counter() - begin
    during = (server.commands() - n1 - looks) / wall
    over.set()
    slowest = out.get()
    p.join()
    load.end()
    return (wall, slowest * 1000, 100 * most / steady, 100 * doing.end() / steady, 100 * during / before if before > 100 else 0)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--keys", type=int, default=5_000_000)
    a.add_argument("--rounds", type=int, default=3)
    a.add_argument("--loads", default="idle,20000,full")
    a.add_argument("--who", default="redis,fork,walk")
    a.add_argument("--sync", action="store_true")
    o = a.parse_args()
    with tempfile.TemporaryDirectory(prefix="tanist-bench-") as folder:
        data = os.path.join(folder, "data")
        write_keys(data, o.keys)
        servers = [Server(name, data, o.keys, folder) for name in o.who.split(",")]
        os.unlink(data)
        try:
            print(f"{o.keys} keys; " + ", ".join(f"{s.name} {s.resident() >> 20} MB" for s in servers))
            print(f"{'load':8} {'who':6} {'save s':>8} {'PING ms':>8} {'memory':>8} {'its cow':>8} {'writes':>8}", flush=True)
            for kind in o.loads.split(","):
                got = {s.name: [] for s in servers}
                for _ in range(o.rounds):
                    for s in servers:
                        got[s.name].append(save(s, kind, o.keys, Sync if o.sync else Save))
                for s in servers:
                    m = [statistics.median(column) for column in zip(*got[s.name])]
                    print(f"{kind:8} {s.name:6} {m[0]:8.2f} {m[1]:8.1f} {m[2]:7.1f}% {m[3]:7.1f}% {m[4]:7.0f}%", flush=True)
        finally:
            for s in servers:
                s.end()


if __name__ == "__main__":
    main()
