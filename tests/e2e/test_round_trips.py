#!/usr/bin/env python3
"""Data sets that go from server to server by their files, ours and the reference's in turn, and stay the same.

    tests/e2e/test_round_trips.py 1000000 [SEED]        values of so many members
"""
import os
import random
import sys

from lib import REDIS_CHECK_RDB, REDIS_SERVER, TANIST, Stage, read_file, run, wait_for

CHECK_AOF = "/usr/bin/redis-check-aof"
MEMBERS = 20000
# One element, each side of the thresholds of the small forms, and more than one node.
SIZES = 1, 2, 127, 128, 129, 511, 512, 513, 1000
LENGTHS = 0, 1, 63, 64, 65, 300


def sized(r, n):
    """Values of n elements of every type, with elements of all lengths."""
    def text(i):
        return b"%d:" % i + r.randbytes(r.choice(LENGTHS))
    return [("RPUSH", f"list:{n}", *(text(i) for i in range(n))), ("RPUSH", f"numbers:{n}", *range(-n, n)),
            ("SADD", f"set:{n}", *(text(i) for i in range(n))), ("SADD", f"ints:{n}", *range(n)),
            ("SADD", f"wide:{n}", *(i << 33 for i in range(n))), ("SADD", f"short:{n}", *(f"m{i}" for i in range(n))),
            ("HSET", f"hash:{n}", *(w for i in range(n) for w in (text(i), text(i)))),
            ("HSET", f"fields:{n}", *(w for i in range(n) for w in (f"f{i}", i))),
            ("ZADD", f"zset:{n}", *(w for i in range(n) for w in (r.choice((r.random() * 1e9, i, "inf", "-inf")), text(i)))),
            *(("XADD", f"stream:{n}", f"{i + 1}-{i % 3}", "field", i, *(("other", text(i)) if i % 5 == 0 else ()))
              for i in range(n)),
            ("XGROUP", "CREATE", f"stream:{n}", "group", f"{n // 2}-0"),
            ("XREADGROUP", "GROUP", "group", "me", "COUNT", 50, "STREAMS", f"stream:{n}", ">")]


def large(n):
    for at in range(0, n, 1000):
        part = range(at, min(at + 1000, n))
        yield from (("RPUSH", "large:list", *(f"item {i}" for i in part)), ("SADD", "large:set", *(f"m{i}" for i in part)),
                    ("SADD", "large:ints", *part), ("HSET", "large:hash", *(w for i in part for w in (f"f{i}", i * i))),
                    ("ZADD", "large:zset", *(w for i in part for w in (i / 7, f"m{i}"))),
                    *(("XADD", "large:stream", f"{i + 1}-0", "f", i) for i in part))
    yield "SETRANGE", "large:string", n * 8, b"the end"


def fill(p, seed, members):
    r = random.Random(seed)
    with p.client() as c:
        for n in SIZES:
            c.pipeline(sized(r, n))
        commands = list(large(members))
        for at in range(0, len(commands), 1000):
            c.pipeline(commands[at:at + 1000])
        c.pipeline([("SET", r.randbytes(length), r.randbytes(length)) for length in LENGTHS])
        c.pipeline([("SELECT", 9)] + [("SET", f"dies:{i}", i, "PXAT", 9999999990000 + i) for i in range(300)])
        c.pipeline([("PEXPIREAT", "missing", 1), ("SELECT", 0), ("PEXPIREAT", "hash:512", 9999999999999)])


def loaded(stage, binary, folder, options):
    p = stage.server(*options, binary=binary, name=folder)
    wait_for("the data to be loaded", lambda: p.info("persistence")["loading"] == "0")
    return p


def saved(p):
    assert p.cmd("SAVE") == "OK"
    got = run(REDIS_CHECK_RDB, os.path.join(p.folder, "dump.rdb"))
    assert got.returncode == 0, got.stdout


def rewritten(p):
    p.cmd("BGREWRITEAOF")
    with p.client() as c:
        wait_for("the rewrite", lambda: {"0"} == {c.info("persistence")[name] for name in (
            "aof_rewrite_in_progress", "aof_rewrite_scheduled", "rdb_bgsave_in_progress")})
        assert c.info("persistence")["aof_last_bgrewrite_status"] == "ok"
    path = os.path.join(p.folder, "appendonlydir", "appendonly.aof.manifest")
    got = run(CHECK_AOF, path)
    assert got.returncode == 0, (got.stdout, read_file(path))


def round_trip(servers, write, *options, members=MEMBERS, seed=1):
    with Stage() as stage:
        p = stage.server(*options, binary=servers[0], name="data")
        fill(p, seed, members)
        digest = p.cmd("DEBUG", "DIGEST")
        for binary in servers[1:]:
            write(p)
            p.end()
            p = loaded(stage, binary, "data", options)
            assert p.cmd("DEBUG", "DIGEST") == digest, binary


BOTH_WAYS = (TANIST, TANIST, REDIS_SERVER, TANIST), (REDIS_SERVER, TANIST, REDIS_SERVER)


def by_snapshot(members=MEMBERS, seed=1):
    for servers in BOTH_WAYS:
        round_trip(servers, saved, members=members, seed=seed)


def by_append_only_file(members=MEMBERS, seed=1):
    for servers in BOTH_WAYS:
        for preamble in ("yes", "no"):
            round_trip(servers, rewritten, "--appendonly", "yes", "--aof-use-rdb-preamble", preamble, members=members,
                       seed=seed)


def test_snapshots():
    by_snapshot()


def test_append_only_files():
    by_append_only_file()


if __name__ == "__main__":
    size = [int(word) for word in sys.argv[1:]]
    by_snapshot(*size)
    by_append_only_file(*size)
    print("all digests are equal")
