"""Transactions: WATCH between clients, aborts, expiry of what is watched."""
import time

from lib import ReplyError, Stage, fails, wait_for

# What the other client does, and whether a watch on `k` (which holds 1) breaks.
TOUCHES = [
    ("SET k 2", True), ("SET k 1", True), ("INCR k", True), ("APPEND k x", True), ("DEL k", True), ("UNLINK k", True),
    ("EXPIRE k 100", True), ("PERSIST k", False), ("GET k", False), ("TOUCH k", False), ("SETNX k 3", False),
    ("SET k 2 NX", False), ("RENAME k x", True), ("RENAME o k", True), ("COPY o k", False), ("COPY o k REPLACE", True),
    ("MOVE k 5", True), ("FLUSHDB", True), ("FLUSHALL", True), ("SWAPDB 0 5", True), ("SWAPDB 6 7", False),
    ("MSET z 1 k 2", True), ("MSETNX z 1 k 2", False), ("GETEX k", False), ("GETEX k EX 100", True), ("GETDEL k", True),
    ("SETRANGE k 0 \"\"", False), ("DEL none", False), ("SET none 1", False), ("EXPIRE none 1", False),
]


def test_watch():
    with Stage() as stage:
        p = stage.server()
        with p.client() as c, p.client() as other:
            for command, breaks in TOUCHES:
                other.cmd("FLUSHALL")
                other.cmd("MSET", "k", 1, "o", 2)
                c.cmd("WATCH", "k", "l")
                other.raw(*[w.replace('""', "") for w in command.split(" ")])
                c.cmd("MULTI")
                c.cmd("PING")
                got = c.cmd("EXEC")
                assert (got is None) == breaks, (command, got)
                other.raw("SELECT", 0)


def test_watch_life():
    with Stage() as stage:
        p = stage.server()
        with p.client() as c, p.client() as other:
            def broken():
                c.cmd("MULTI")
                c.cmd("PING")
                return c.cmd("EXEC") is None
            c.cmd("WATCH", "k")
            other.cmd("SET", "k", 1)
            assert broken() and not broken(), "EXEC ends the watch"
            c.cmd("WATCH", "k")
            other.cmd("SET", "k", 2)
            c.cmd("UNWATCH")
            assert not broken()
            c.cmd("WATCH", "k")
            c.cmd("MULTI")
            c.cmd("DISCARD")
            other.cmd("SET", "k", 3)
            assert not broken(), "DISCARD ends the watch"
            c.cmd("WATCH", "k")
            c.cmd("SET", "k", 4)
            assert broken(), "one's own write breaks it too"
            # in another database
            c.cmd("SELECT", 2)
            c.cmd("WATCH", "k")
            other.cmd("SET", "k", 1)
            assert not broken()
            c.cmd("WATCH", "k")
            other.cmd("SELECT", 2)
            other.cmd("SET", "k", 1)
            assert broken()
            assert c.info("clients").get("watching_clients", "0") == "0"
            c.cmd("WATCH", "a", "b")
            other.cmd("DEBUG", "SLEEP", 0)
            c.cmd("RESET")
            other.cmd("SET", "a", 1)
            assert not broken()


def test_watch_and_expiry():
    with Stage() as stage:
        p = stage.server()
        with p.client() as c, p.client() as other:
            def run(wait_before_watch, wait_after):
                other.cmd("SET", "k", 1, "PX", 60)
                time.sleep(wait_before_watch)
                c.cmd("WATCH", "k")
                time.sleep(wait_after)
                c.cmd("MULTI")
                c.cmd("GET", "k")
                return c.cmd("EXEC")
            for active in (0, 1):
                other.cmd("DEBUG", "SET-ACTIVE-EXPIRE", active)
                assert run(0, 0) == [b"1"]
                assert run(0, 0.15) is None, "it expired after the WATCH"
                if active == 0:
                    # already gone when the WATCH came: nothing has changed since
                    assert run(0.15, 0) == [None]
                    other.cmd("SET", "k", 1, "PX", 30)
                    time.sleep(0.06)
                    c.cmd("WATCH", "k")
                    other.cmd("GET", "k")
                    c.cmd("MULTI")
                    assert c.cmd("EXEC") == []
                    # and when it is deleted and made again
                    other.cmd("SET", "k", 1, "PX", 30)
                    time.sleep(0.06)
                    c.cmd("WATCH", "k")
                    other.cmd("SET", "k", 2)
                    c.cmd("MULTI")
                    assert c.cmd("EXEC") is None


def test_swapped_databases_with_expired_keys():
    with Stage() as stage:
        with stage.server("--enable-debug-command", "yes").client() as c:
            c.cmd("DEBUG", "SET-ACTIVE-EXPIRE", 0)

            def run(here, there):
                """The key's lives here and in the other database: None, 0 (expired) or 1; was EXEC refused?"""
                c.cmd("FLUSHALL")
                for db, life in ((1, there), (0, here)):
                    c.cmd("SELECT", db)
                    if life is not None:
                        c.cmd("SET", "k", "v", *([] if life else ["PX", 1]))
                time.sleep(0.005)
                c.cmd("WATCH", "k")
                c.cmd("SWAPDB", 0, 1)
                c.cmd("MULTI")
                c.cmd("PING")
                return c.cmd("EXEC") is None
            lives = (None, 0, 1)
            got = {(here, there): run(here, there) for here in lives for there in lives}
            assert got == {(here, there): here == 1 or there == 1 for here in lives for there in lives}, got


def test_aborts():
    with Stage() as stage:
        p = stage.server()
        with p.client() as c:
            assert fails(c.cmd, "EXEC") == "ERR EXEC without MULTI" and fails(c.cmd, "DISCARD") == "ERR DISCARD without MULTI"
            c.cmd("MULTI")
            assert c.cmd("SET", "a", 1) == "QUEUED"
            assert fails(c.cmd, "NOTHING").startswith("ERR unknown command 'NOTHING'")
            assert c.cmd("SET", "b", 1) == "QUEUED"
            assert fails(c.cmd, "EXEC") == "EXECABORT Transaction discarded because of previous errors."
            assert c.cmd("EXISTS", "a", "b") == 0
            c.cmd("MULTI")
            fails(c.cmd, "SET", "a")
            assert fails(c.cmd, "EXEC").startswith("EXECABORT")
            c.cmd("MULTI")
            assert fails(c.cmd, "MULTI") == "ERR MULTI calls can not be nested"
            assert fails(c.cmd, "WATCH", "x") == "ERR WATCH inside MULTI is not allowed"
            c.cmd("SET", "a", "text")
            c.cmd("INCR", "a")
            c.cmd("SET", "b", 2)
            got = c.cmd("EXEC")
            assert got[0] == "OK" and isinstance(got[1], ReplyError) and got[2] == "OK", "no roll-back"
            assert c.cmd("GET", "b") == b"2"
            # READONLY, memory and other gates are asked when a command is queued
            c.cmd("CONFIG", "SET", "maxmemory", 1)
            c.cmd("MULTI")
            assert fails(c.cmd, "SET", "z", 1).startswith("OOM command not allowed")
            assert fails(c.cmd, "EXEC").startswith("EXECABORT")
            c.cmd("CONFIG", "SET", "maxmemory", 0)
            # 10,000 commands, in one write
            got = c.pipeline([("MULTI",)] + [("INCR", "n")] * 10000 + [("EXEC",)])
            assert got[-1] == list(range(1, 10001))
            c.cmd("MULTI")
            c.cmd("SELECT", 3)
            c.cmd("SET", "there", 1)
            c.cmd("EXEC")
            assert c.cmd("EXISTS", "there") == 1, "SELECT lasts"


def test_atomic_on_the_stream():
    """A transaction arrives whole on a replica, and DISCARDed ones not at all."""
    with Stage() as stage:
        master = stage.server("--repl-diskless-sync-delay", 0)
        replica = stage.server("--replicaof", "127.0.0.1", master.port)
        wait_for("the link", lambda: replica.info("replication")["master_link_status"] == "up")
        with master.client() as c, replica.client() as r:
            for i in range(200):
                c.send_bytes(b"MULTI\r\nSET a %d\r\nSET b %d\r\nEXEC\r\n" % (i, i))
                seen = r.cmd("MGET", "a", "b")
                assert seen[0] == seen[1], seen
            for _ in range(800):
                c.read()
            c.cmd("MULTI")
            c.cmd("SET", "never", 1)
            c.cmd("DISCARD")
            c.cmd("SET", "last", 1)
            wait_for("the stream", lambda: r.cmd("GET", "last"))
            assert r.cmd("EXISTS", "never") == 0 and r.cmd("GET", "a") == b"199"
            assert fails(r.cmd, "MULTI", "x")
            r.cmd("MULTI")
            assert fails(r.cmd, "SET", "a", 1).startswith("READONLY")
            assert fails(r.cmd, "EXEC").startswith("EXECABORT")
