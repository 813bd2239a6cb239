#!/usr/bin/env python3
"""Damaged append-only files: flipped bits, cuts, lies about lengths. Each gives an error or loads, nothing else.

    tests/e2e/test_aof_mutants.py [--count 100000] [--seed 1]        the long form, on one server by DEBUG LOADAOF
"""
import glob
import os
import random
import sys

from lib import ReplyError, Stage, ours_only, wait_for
from test_aof import fill, rewritten

MEMORY_MAX = 64 << 20


def mutated(rng, data):
    """One to four changes of the kinds that break readers."""
    b = bytearray(data)
    for _ in range(rng.randrange(1, 5)):
        if not b:
            break
        at, kind = rng.randrange(len(b)), rng.randrange(6)
        if kind == 0:
            b[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            b[at] = rng.randrange(256)
        elif kind == 2:
            del b[at:]
        elif kind == 3:
            del b[at:at + rng.randrange(1, 40)]
        elif kind == 4:
            piece = bytes(b[at:at + rng.randrange(1, 60)])
            b[rng.randrange(len(b)):0] = piece
        else:
            digits = [i for i in range(max(0, at - 200), min(len(b), at + 200)) if 48 <= b[i] <= 57]
            if digits:
                i = rng.choice(digits)
                b[i:i + 1] = rng.choice([b"9", b"0", b"-1", b"99999999999", b"2147483648", b"18446744073709551615"])
    return bytes(b)


def mutants(count, seed):
    rng, good = random.Random(seed), 0
    with Stage() as stage:
        p = stage.server("--appendonly", "yes", "--sanitize-dump-payload", "yes", "--loglevel", "nothing")
        with p.client() as c:
            fill(c)
            c.cmd("BGREWRITEAOF")
            rewritten(c)
            fill(c) if c.cmd("FLUSHALL") else None
            c.cmd("CONFIG", "SET", "appendonly", "no")
            where = os.path.join(p.folder, "appendonlydir")
            wait_for("history to go", lambda: len(os.listdir(where)) == 3)
            files = glob.glob(os.path.join(where, "*.rdb")) + glob.glob(os.path.join(where, "*.incr.aof"))
            whole = {f: open(f, "rb").read() for f in files}
            for _ in range(count):
                victim = rng.choice(files)
                for f in files:
                    with open(f, "wb") as out:
                        out.write(mutated(rng, whole[f]) if f == victim else whole[f])
                try:
                    c.cmd("DEBUG", "LOADAOF")
                    good += 1
                except EOFError:
                    log = p.logged()
                    print("seed", seed, "file", os.path.basename(victim), open(victim, "rb").read().hex())
                    raise AssertionError(log[:8000]) from None
                except ReplyError as e:
                    assert "Error trying to load the AOF files" in str(e), e
            c.cmd("FLUSHALL")
            used = int(c.info("memory")["used_memory_peak"])
            assert used < MEMORY_MAX, used
        print(f"{count} damaged files, {good} loaded all the same, peak memory {used >> 10} KiB")


@ours_only
def test_mutants():
    mutants(150, seed=3)


if __name__ == "__main__":
    args = sys.argv
    mutants(int(args[args.index("--count") + 1]) if "--count" in args else 100000,
            int(args[args.index("--seed") + 1]) if "--seed" in args else 1)
