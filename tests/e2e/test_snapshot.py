"""Snapshots by walking (snapshot-method walk): the data set of the start, whatever is written meanwhile."""
import os
import random
import threading
import time

from lib import REDIS_SERVER, Client, Stage, encode, fails, free_port, ours_only, replica_caught_up, wait_for

DBS = 4
KEYS = 1200  # a database
WALK = ("--snapshot-method", "walk", "--enable-protected-configs", "yes")


def fill(server, seed):
    r = random.Random(seed)
    with server.client() as c:
        for db in range(DBS):
            batch = [("SELECT", db)]
            for i in range(KEYS):
                key, kind = f"key:{i}", r.randrange(8)
                if kind < 4:
                    batch.append(("SET", key, r.randbytes(r.randrange(60)) if kind else "ab" * r.randrange(60)))
                elif kind == 4:
                    batch.append(("HSET", key, *(w for f in range(r.randrange(1, 40)) for w in (f, r.random()))))
                elif kind == 5:
                    batch.append(("SADD", key, *range(r.randrange(1, 40)), f"m{i}"))
                elif kind == 6:
                    batch.append(("ZADD", key, *(w for f in range(r.randrange(1, 40)) for w in (r.random(), f))))
                else:
                    batch.append(("RPUSH", key, *(f"item {f}" for f in range(r.randrange(1, 40)))))
                if r.randrange(6) == 0:
                    batch.append(("PEXPIRE", key, 1000000 + i))
            c.pipeline(batch)
        c.pipeline([("SELECT", 0)] + [("SADD", "large", *range(n, n + 1000)) for n in range(0, 30000, 1000)])


class Writers:
    """Clients that change everything in all ways until the end."""

    def __init__(self, server, n=2):
        self.server, self.over, self.writes, self.failed = server, threading.Event(), 0, []
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(n)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for t in self.threads:
            t.join()
        assert not self.failed, self.failed

    def run(self, seed):
        r = random.Random(seed)
        try:
            with self.server.client() as c:
                while not self.over.is_set():
                    c.pipeline([self.change(r) for _ in range(50)])
                    self.writes += 50
        except (OSError, EOFError) as e:
            self.failed.append(e)

    def change(self, r):
        key, other = f"key:{r.randrange(KEYS)}", f"key:{r.randrange(KEYS + 500)}"
        db = r.randrange(DBS)
        return r.choice([
            ("SELECT", db), ("SET", key, r.random()), ("SET", other, "x" * 50), ("APPEND", key, "more"),
            ("HSET", key, "f", r.random()), ("SADD", key, r.randrange(50)), ("ZADD", key, r.random(), "m"),
            ("LPUSH", key, "new"), ("DEL", key), ("UNLINK", other), ("RENAME", key, other), ("PEXPIRE", key, 1),
            ("PERSIST", key), ("COPY", key, other, "REPLACE"), ("MOVE", key, db), ("GETDEL", other), ("SPOP", key),
            ("RPOP", key), ("SREM", "large", r.randrange(30000)), ("INCR", f"new:{r.randrange(100000)}"),
            ("SET", f"new:{r.randrange(100000)}", "y", "PX", r.randrange(1, 500)), ("GET", key),
        ])


def settled(c):
    """Whether no key's deadline passes between two looks at the data: the short ones are over, and their keys gone."""
    for db in range(DBS):
        # The visit of SCAN removes what is over.
        _, _, keys, size = c.pipeline([("SELECT", db), ("SCAN", 0, "COUNT", 1000000), ("KEYS", "*"), ("DBSIZE",)])
        left = c.pipeline([("PTTL", key) for key in keys])
        c.cmd("SELECT", 0)
        if size != len(keys) or any(0 <= ms < 100000 for ms in left):
            return False
    return True


def saving(c):
    return c.info("persistence")["rdb_bgsave_in_progress"] == "1"


def digest_of(stage, folder, binary=None, name="dump.rdb"):
    """What a server reads from the file in the folder of another."""
    port = free_port()
    options = ("--dbfilename", name, "--snapshot-method", "fork")[:2 if binary else 4]
    p = stage.server(*options, port=port, name=folder, **({"binary": binary} if binary else {}))
    with p.client() as c:
        wait_for("the load", lambda: c.info("persistence")["loading"] == "0")
        got = c.cmd("DEBUG", "DIGEST"), c.cmd("CONFIG", "GET", "dbfilename")[1]
    assert got[1] == name.encode()
    p.kill()
    p.wait()
    return got[0]


@ours_only
def test_the_start_is_what_is_saved():
    with Stage() as stage:
        p = stage.server(*WALK, "--rdb-key-save-delay", 60, name="data")
        fill(p, 1)
        with p.client() as c:
            for round in range(3):
                name = f"dump{round}.rdb"
                c.cmd("CONFIG", "SET", "dbfilename", name)
                wait_for("short deadlines to pass", lambda: settled(c))
                before = c.cmd("DEBUG", "DIGEST")
                forks = c.info("stats")["total_forks"]
                assert c.cmd("BGSAVE") == "Background saving started"
                assert fails(c.cmd, "BGSAVE") == "ERR Background save already in progress"
                assert fails(c.cmd, "SAVE") == "ERR Background save already in progress"
                with Writers(p) as w:
                    if round:  # whole databases change places or go
                        c.pipeline([("SWAPDB", 0, 2), ("SELECT", 1), ("FLUSHDB", "ASYNC"), ("SWAPDB", 1, 0),
                                    ("SET", "in its place", 1)])
                    if round == 2:
                        c.pipeline([w for db in range(15, -1, -1) for w in (("SELECT", db), ("FLUSHDB", "SYNC"))])
                    info = c.info("persistence")
                    assert info["rdb_bgsave_in_progress"] == "1" and int(info["current_save_keys_total"]) > 0
                    wait_for("the end", lambda: not saving(c))
                info = c.info("persistence")
                assert w.writes > 100 and info["rdb_last_bgsave_status"] == "ok", info
                assert int(info["rdb_last_cow_size"]) > 0
                assert c.info("stats")["total_forks"] == forks
                assert c.cmd("DEBUG", "DIGEST") != before
                assert digest_of(stage, "data", name=name) == before
                assert digest_of(stage, "data", REDIS_SERVER, name=name) == before
                if round:
                    fill(p, round)
        assert not [f for f in os.listdir(os.path.join(stage.folder, "data")) if f.startswith("temp-")]


@ours_only
def test_ends_of_all_kinds():
    with Stage() as stage:
        p = stage.server(*WALK, "--rdb-key-save-delay", 200, "--save", "100000", "100000", name="data")
        folder = os.path.join(stage.folder, "data")
        with p.client() as c:
            fill(p, 2)
            before = c.cmd("DEBUG", "DIGEST")
            c.cmd("BGSAVE")
            # the folder of the start counts
            os.mkdir(os.path.join(folder, "other"))
            c.cmd("CONFIG", "SET", "dir", os.path.join(folder, "other"))
            c.cmd("CONFIG", "SET", "rdb-key-save-delay", 0)
            wait_for("the end", lambda: not saving(c))
            c.cmd("CONFIG", "SET", "dir", folder)
            assert os.listdir(os.path.join(folder, "other")) == []
            assert digest_of(stage, "data") == before
            # a disk that refuses
            c.cmd("CONFIG", "SET", "dir", "/proc")
            assert c.cmd("BGSAVE") == "Background saving started"
            wait_for("the failure", lambda: c.info("persistence")["rdb_last_bgsave_status"] == "err")
            assert fails(c.cmd, "SET", "a", 1).startswith("MISCONF")
            c.cmd("CONFIG", "SET", "dir", folder)
            assert c.cmd("BGSAVE") == "Background saving started"
            wait_for("the save", lambda: c.info("persistence")["rdb_last_bgsave_status"] == "ok")
            wait_for("the end", lambda: not saving(c))
            # the whole data set is exchanged meanwhile, and the server becomes a replica
            c.cmd("CONFIG", "SET", "rdb-key-save-delay", 1000)
            before = c.cmd("DEBUG", "DIGEST")
            c.cmd("BGSAVE")
            other = stage.server("--repl-diskless-sync-delay", 0)
            other.cmd("SET", "only", 1)
            c.cmd("REPLICAOF", "127.0.0.1", other.port)
            wait_for("the master's data", lambda: c.cmd("DBSIZE") == 1)
            assert saving(c)
            c.cmd("CONFIG", "SET", "rdb-key-save-delay", 0)
            wait_for("the end", lambda: not saving(c))
            assert digest_of(stage, "data") == before
            # an end of the server during a save keeps the old file
            c.cmd("REPLICAOF", "NO", "ONE")
            c.cmd("CONFIG", "SET", "rdb-key-save-delay", 100000)
            c.cmd("BGSAVE")
            assert saving(c)
            c.send("SHUTDOWN", "NOSAVE")
        assert p.wait() == 0
        assert digest_of(stage, "data") == before
        assert not [f for f in os.listdir(folder) if f.startswith("temp-")]
        # and so does a kill
        p = stage.server(*WALK, "--rdb-key-save-delay", 100000, name="data")
        with p.client() as c:
            assert c.cmd("DEBUG", "DIGEST") == before
            c.cmd("FLUSHDB")
            c.cmd("SET", "later", 1)
            c.cmd("BGSAVE")
            assert saving(c)
            p.kill()
        p.wait()
        assert digest_of(stage, "data") == before


def slow_replica(server):
    """Asks for a full sync and does not read; gives the connection and what the master promised."""
    c = Client(server.port)
    c.cmd("REPLCONF", "capa", "eof", "capa", "psync2")
    c.send("PSYNC", "?", "-1")
    words = c.line().split()
    assert words[0] == b"+FULLRESYNC", words
    return c, words


def read_snapshot(c):
    """The bytes between the end marks of a diskless transfer."""
    head = c.line()
    while not head:
        head = c.line()
    assert head.startswith(b"$EOF:"), head
    mark, data = head[5:], bytearray()
    while data[-40:] != mark:
        data += c.file.read1(1 << 20)
    return bytes(data[:-40])


@ours_only
def test_a_slow_replica_costs_bounded_memory():
    with Stage() as stage:
        p = stage.server(*WALK, "--repl-diskless-sync-delay", 0, "--snapshot-buffer-limit", 4 << 20, "--rdbcompression",
                         "no", "--client-output-buffer-limit", "replica 0 0 0", name="data")
        with p.client() as c:
            for db in range(2):
                c.pipeline([("SELECT", db)] + [("SET", f"k:{i}", f"{i:05}" * 400) for i in range(12000)])
            before = c.cmd("DEBUG", "DIGEST")
            replica, _ = slow_replica(p)
            wait_for("the walk to wait", lambda: int(c.info("persistence")["current_cow_size"]) >= 2 << 20)
            for db in range(2):
                c.pipeline([("SELECT", db)] + [("SET", f"k:{i}", "new") for i in range(12000)])
            info = c.info("persistence")
            assert info["current_save_keys_processed"] == info["current_save_keys_total"], info
            wait_for("the file", lambda: int(c.info("persistence")["current_cow_size"]) <= 5 << 20)
            assert saving(c)
            data = read_snapshot(replica)
            wait_for("the end", lambda: not saving(c))
            with open(os.path.join(stage.folder, "data", "got.rdb"), "wb") as f:
                f.write(data)
            assert digest_of(stage, "data", name="got.rdb") == before
            replica.close()
            # one that goes in the middle ends the snapshot
            fill(p, 3)
            c.cmd("CONFIG", "SET", "rdb-key-save-delay", 10000)
            replica, _ = slow_replica(p)
            assert saving(c)
            replica.close()
            wait_for("the end", lambda: not saving(c))
            # a reload beside a transfer
            replica, _ = slow_replica(p)
            before = c.cmd("DEBUG", "DIGEST")
            c.cmd("CONFIG", "SET", "rdb-key-save-delay", 0)
            assert c.cmd("DEBUG", "RELOAD") == "OK"
            with open(os.path.join(stage.folder, "data", "got.rdb"), "wb") as f:
                f.write(read_snapshot(replica))
            assert digest_of(stage, "data", name="got.rdb") == before == c.cmd("DEBUG", "DIGEST")
            replica.close()


def sync_under_fire(diskless):
    with Stage() as stage:
        p = stage.server(*WALK, "--repl-diskless-sync", diskless, "--repl-diskless-sync-delay", 0, "--rdb-key-save-delay",
                         20)
        fill(p, 4)
        with Writers(p):
            ours = stage.server("--replicaof", f"127.0.0.1 {p.port}")
            theirs = stage.server("--replicaof", f"127.0.0.1 {p.port}", binary=REDIS_SERVER)
            for r in (ours, theirs):
                wait_for("the sync", lambda: r.info("replication")["master_link_status"] == "up")
        for r in (ours, theirs):
            wait_for("the replica", lambda: replica_caught_up(p, r))
        # No key may expire between the looks.
        with p.client() as c:
            wait_for("no short-lived key", lambda: c.cmd("DEBUG", "DIGEST") == c.cmd("DEBUG", "DIGEST"))
            wait_for("equal data", lambda: len({s.cmd("DEBUG", "DIGEST") for s in (p, ours, theirs)}) == 1)


LARGE = 3000  # elements: a value of its own piece


def fill_large(c):
    r = random.Random(9)
    for at in range(0, LARGE, 1000):
        part = range(at, at + 1000)
        c.pipeline([("HSET", "hash", *(w for i in part for w in (f"field {i}", r.random()))),
                    ("SADD", "set", *(f"member {i}" for i in part)),
                    ("ZADD", "zset", *(w for i in part for w in (r.random(), f"m{i}")))])
    c.cmd("SET", "string", r.randbytes(1 << 20) + b"abc" * 700000)
    c.cmd("RPUSH", "list", *(r.randbytes(9000) for _ in range(2500)))
    for i in range(70):  # more than may be under way at once
        c.pipeline([("COPY", "set", f"set {i}", "DB", 1), ("SET", f"small {i}", i)])


def large_changes(c, round):
    """While the values are being written; each is a case of its own."""
    def touch_each():
        c.pipeline([("HSET", "hash", "field 7", "new"), ("HDEL", "hash", "field 8"), ("SREM", "set", "member 9"),
                    ("ZADD", "zset", 5, "m10"), ("SETRANGE", "string", 5, "new"), ("LSET", "list", 3, "new")])

    def remove_each():
        c.pipeline([("DEL", "hash"), ("UNLINK", "set"), ("RENAME", "zset", "other"), ("PEXPIRE", "string", 1),
                    ("LPOP", "list", 2400)])

    def move_databases():
        c.pipeline([("SWAPDB", 0, 1), ("SREM", "set 1", "member 1"), ("SWAPDB", 0, 1)])
        touch_each()

    def empty():
        c.pipeline([("SELECT", 1), ("FLUSHDB", "ASYNC"), ("SELECT", 0), ("FLUSHDB", "ASYNC"), ("SET", "hash", 1)])

    def read():
        c.pipeline([("HGETALL", "hash"), ("SMEMBERS", "set"), ("ZRANGE", "zset", 0, -1), ("GETRANGE", "string", 0, 9),
                    ("SRANDMEMBER", "set", 500), ("LRANGE", "list", 0, 50), ("HSCAN", "hash", 0)] * 3)
    [touch_each, remove_each, move_databases, empty, read][round]()


@ours_only
def test_large_values():
    with Stage() as stage:
        p = stage.server(*WALK, name="data")
        with p.client() as c:
            for round in range(5):
                c.cmd("FLUSHALL")
                fill_large(c)
                before, name = c.cmd("DEBUG", "DIGEST"), f"dump{round}.rdb"
                c.pipeline([("CONFIG", "SET", "dbfilename", name), ("BGSAVE",)])
                large_changes(c, round)
                wait_for("the end", lambda: not saving(c))
                assert c.info("persistence")["rdb_last_bgsave_status"] == "ok"
                assert digest_of(stage, "data", name=name) == before, round
            # a reader that has stopped: whoever changes a large value does not wait for it
            c.pipeline([("FLUSHALL",), ("CONFIG", "SET", "repl-diskless-sync-delay", 0)])
            fill_large(c)
            before = c.cmd("DEBUG", "DIGEST")
            replica, _ = slow_replica(p)
            large_changes(c, 0)
            large_changes(c, 1)
            c.cmd("SELECT", 1)
            c.pipeline([("SREM", f"set {i}", "member 3") for i in range(70)] + [("SELECT", 0)])
            assert saving(c)
            with open(os.path.join(stage.folder, "data", "got.rdb"), "wb") as f:
                f.write(read_snapshot(replica))
            assert digest_of(stage, "data", name="got.rdb") == before
            replica.close()
            # and one that goes
            replica, _ = slow_replica(p)
            replica.close()
            wait_for("the end", lambda: not saving(c))


@ours_only
def test_full_syncs_under_writes():
    sync_under_fire("yes")
    sync_under_fire("no")
