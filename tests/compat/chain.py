#!/usr/bin/env python3
"""Chains of three servers, ours and redis-server mixed, under the differential test's generated commands, with links
cut at random moments: at the end DEBUG DIGEST and offsets are equal on all three.

    chain.py [--seed N] [--minutes N] [--mix ours,theirs,ours]

Without --mix all eight mixtures take turns until the time is over."""
import argparse
import itertools
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))

from diff_grow import Grammar  # noqa: E402
from diff_known import failed_field  # noqa: E402
from diff_wire import Gone, Wire, encode, plain  # noqa: E402
from differential import DATA_FAMILIES, Author  # noqa: E402
from lib import REDIS_SERVER, TANIST, Client, ReplyError, Stage, wait_for  # noqa: E402
from proxy import Proxy  # noqa: E402

BINARY = {"ours": TANIST, "theirs": REDIS_SERVER}
MIXES = list(itertools.product(("ours", "theirs"), repeat=3))
OPTIONS = ["--repl-diskless-sync-delay", "0", "--repl-backlog-size", "256kb", "--maxmemory-policy", "allkeys-lru"]


class Popper(threading.Thread):
    """Blocked pops, some of which are served by what is being written."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.stop = port, threading.Event()
        self.start()

    def run(self):
        with Client(self.port) as c:
            while not self.stop.is_set():
                for words in (("BLPOP", "l1", "l2", 0.05), ("BZPOPMIN", "z1", 0.05), ("BLMOVE", "l1", "l3", "LEFT", "RIGHT", 0.05),
                              ("BRPOP", "popped", 0.05)):
                    c.raw(*words)


class Chain:
    def __init__(self, stage, mix, r):
        self.r = r
        self.servers, self.proxies, above = [], [], None
        for kind in mix:
            options = list(OPTIONS) + ["--repl-diskless-sync", r.choice(["yes", "no"])]
            if above:
                self.proxies.append(Proxy(above.port))
                options += ["--replicaof", f"127.0.0.1 {self.proxies[-1].port}"]
            above = stage.server(*options, binary=BINARY[kind])
            self.servers.append(above)
        wait_for("the links", self.linked, 60)

    def linked(self):
        return all(s.info("replication")["master_link_status"] == "up" for s in self.servers[1:])

    def offsets(self):
        """Where the master is; and what each replica has applied of that history."""
        infos = [s.info("replication") for s in self.servers]
        if len({i["master_replid"] for i in infos}) != 1:
            return None
        return [int(infos[0]["master_repl_offset"])] + [int(i["slave_repl_offset"]) for i in infos[1:]]

    def settled(self):
        at = self.offsets()
        return at and self.linked() and len(set(at)) == 1

    def compare(self):
        wait_for("equal offsets", self.settled, 60)
        digests = [s.cmd("DEBUG", "DIGEST") for s in self.servers]
        assert len(set(digests)) == 1, (digests, [s.cmd("DBSIZE") for s in self.servers])
        for s in self.servers[1:]:
            refused = [line for line in s.logged().splitlines() if "CRITICAL" in line or "Latest backlog" in line]
            assert s.info("stats")["unexpected_error_replies"] == "0", refused[:5]

    def end(self):
        for p in self.proxies:
            p.end()


def payloads(port):
    out = []
    with Client(port) as c:
        for words in ("SET p1 hello", "RPUSH p3 a b 1 2", "SADD p4 1 2 3", "HSET p6 f v g 1", "ZADD p7 1 a 2.5 b", "XADD p8 1-1 f v"):
            c.raw(*words.split())
            out.append(c.cmd("DUMP", words.split()[1]))
    return out + [b"", b"x"]


def write_batch(wires, author, r):
    """Some hundred commands in pipelines; what they answer is the differential test's business."""
    items = []
    author.batch(items, r.choice("AB"), r.randrange(50, 300))
    for wire, group in itertools.groupby((i for i in items if i[0] == "cmd"), key=lambda i: i[1]):
        words = [i[2] for i in group if not failed_field(i[2])]
        if not words:
            continue
        wires[wire].send(b"".join(encode(w) for w in words))
        wires[wire].replies(len(words))


def load(chain, author, commands, until):
    """Sends, and cuts links; gives the number of commands."""
    r, sent = chain.r, 0
    port = chain.servers[0].port
    wires = {name: Wire(port) for name in "AB"}
    popper = Popper(port)
    try:
        while sent < commands and time.monotonic() < until:
            try:
                write_batch(wires, author, r)
            except Gone:  # a command may end its connection
                wires = {name: Wire(port) for name in "AB"}
            sent += 150
            wires["B"].ask("PEXPIRE", r.choice(["s1", "l1", "h1"]), r.randrange(1, 50))
            wires["B"].ask("RPUSH", "popped", "x")
            if r.random() < 0.12:
                r.choice(chain.proxies).cut(hard=r.random() < 0.5)
            if r.random() < 0.03:  # some keys are evicted
                wires["A"].ask("DISCARD")
                wires["A"].ask("CONFIG", "SET", "maxmemory", plain(wires["A"].ask("INFO", "memory")).split(
                    b"used_memory:")[1].split(b"\r")[0])
                wires["A"].ask("SET", "evict", "x" * 100)
                wires["A"].ask("CONFIG", "SET", "maxmemory", 0)
    finally:
        popper.stop.set()
        popper.join(10)
        for w in wires.values():
            w.close()
    return sent


def run(mix, seed, commands=10 ** 9, seconds=10 ** 9):
    print(f"chain {','.join(mix)}, seed {seed}: tests/compat/chain.py --seed {seed} --mix {','.join(mix)}", flush=True)
    r = random.Random(seed)
    with Stage() as stage:
        chain = Chain(stage, mix, r)
        known = [stage.server(binary=b) for b in (TANIST, REDIS_SERVER)]
        wires = [Wire(s.port) for s in known]
        for w in wires:
            w.ask("HELLO", 3)
        author = Author(seed, Grammar(*wires), DATA_FAMILIES, payloads(known[1].port))
        author.story(0)  # draws the families
        sent = load(chain, author, commands, time.monotonic() + seconds)
        chain.compare()
        stats = [s.info("stats") for s in chain.servers[:2]]
        chain.end()
    print(f"{sent} commands; full syncs {[s['sync_full'] for s in stats]}, partial {[s['sync_partial_ok'] for s in stats]}", flush=True)
    return stats


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--mix")
    args = parser.parse_args()
    mixes = [tuple(args.mix.split(","))] if args.mix else MIXES
    end, seed = time.monotonic() + args.minutes * 60, args.seed
    while time.monotonic() < end:
        for mix in mixes:
            try:
                run(mix, seed, seconds=min(args.minutes * 60 / len(mixes), 60))
            except ReplyError as e:
                sys.exit(f"{mix}, seed {seed}: {e}")
        seed += 1


if __name__ == "__main__":
    main()
