#!/usr/bin/env python3
"""Damaged snapshots and DUMP payloads: flipped bits, cuts, lies about lengths. Each gives an error or loads, nothing
else, and takes no more memory than what it holds.

    tests/e2e/test_mutants.py [--count 100000] [--seed 1] [--only rdb|restore]      the long form, one server each
"""
import os
import random
import sys

from lib import ReplyError, Stage, ours_only
from test_aof import fill
from test_aof_mutants import MEMORY_MAX, mutated


def small_values(c):
    """One of each type and form, so that most damage hits a head, not text."""
    for i, n in enumerate((1, 3, 20)):
        for j in range(n):
            c.cmd("RPUSH", f"list{i}", f"e{j}", j)
            c.cmd("SADD", f"ints{i}", j * 70000)
            c.cmd("SADD", f"set{i}", f"e{j}")
            c.cmd("HSET", f"hash{i}", f"f{j}", j)
            c.cmd("ZADD", f"zset{i}", j + 0.5, f"m{j}")
            c.cmd("XADD", f"stream{i}", f"{j + 1}-1", "f", j, "g", f"v{j}")
        c.cmd("SADD", f"big{i}", "x" * 70, *range(n))
        c.cmd("ZADD", f"bigz{i}", 1, "x" * 70, 2, "y")
        c.cmd("HSET", f"bigh{i}", "x" * 70, "y")
        c.cmd("XGROUP", "CREATE", f"stream{i}", "g", "0")
        c.cmd("XREADGROUP", "GROUP", "g", "me", "COUNT", 2, "STREAMS", f"stream{i}", ">")
    c.cmd("SET", "packed", "ab" * 300)
    c.cmd("SETEX", "int", 1000, "12345")


def server(stage):
    p = stage.server("--sanitize-dump-payload", "yes", "--loglevel", "nothing", "--rdbchecksum", "no", "--save", "")
    with p.client() as c:
        fill(c)
        small_values(c)
    return p


def touch_all(c):
    """What was let in can be read, changed and saved."""
    c.cmd("DEBUG", "DIGEST")
    for key in c.cmd("KEYS", "*"):
        c.cmd("DUMP", key)


def died(p, seed, data, e):
    print("seed", seed, "bytes", data.hex())
    raise AssertionError(p.logged()[-8000:]) from e


def snapshots(count, seed):
    rng, good = random.Random(seed), 0
    with Stage() as stage:
        p = server(stage)
        path = os.path.join(p.folder, "dump.rdb")
        with p.client() as c:
            c.cmd("SAVE")
            with open(path, "rb") as f:
                whole = f.read()
            c.cmd("FLUSHALL")
            c.cmd("CONFIG", "RESETSTAT")
            for _ in range(count):
                data = mutated(rng, whole)
                with open(path, "wb") as f:
                    f.write(data)
                try:
                    c.cmd("DEBUG", "RELOAD", "NOSAVE")
                    good += 1
                    touch_all(c)
                except ReplyError as e:
                    assert "Error trying to load the RDB dump" in str(e), e
                except (EOFError, OSError) as e:
                    died(p, seed, data, e)
            used = int(c.info("memory")["used_memory_peak"])
            assert used < MEMORY_MAX, used
    print(f"{count} damaged snapshots, {good} loaded all the same, peak memory {used >> 10} KiB")


def payloads(count, seed):
    rng, good = random.Random(seed), 0
    with Stage() as stage:
        p = server(stage)
        with p.client() as c:
            seeds = [c.cmd("DUMP", k) for k in sorted(c.cmd("KEYS", "*"))]
            seeds = [s for s in seeds if len(s) < 20000]
            c.cmd("DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", 1)
            c.cmd("FLUSHALL")
            for _ in range(count):
                whole = rng.choice(seeds)
                data = mutated(rng, whole[:-10]) + whole[-10:]
                try:
                    c.cmd("RESTORE", "k", 0, data, "REPLACE")
                    good += 1
                    touch_all(c)
                    c.cmd("DEL", "k")
                except ReplyError as e:
                    assert "Bad data format" in str(e) or len(data) <= 10, e
                except (EOFError, OSError) as e:
                    died(p, seed, data, e)
            used = int(c.info("memory")["used_memory_peak"])
            assert used < MEMORY_MAX, used
    print(f"{count} damaged payloads, {good} restored all the same, peak memory {used >> 10} KiB")


@ours_only
def test_snapshots():
    snapshots(100, seed=3)


@ours_only
def test_payloads():
    payloads(1500, seed=3)


def main(argv):
    def option(name, usual):
        return argv[argv.index(name) + 1] if name in argv else usual
    count, seed, only = int(option("--count", 100000)), int(option("--seed", 1)), option("--only", "")
    if only != "restore":
        snapshots(count, seed)
    if only != "rdb":
        payloads(count, seed)


if __name__ == "__main__":
    main(sys.argv)
