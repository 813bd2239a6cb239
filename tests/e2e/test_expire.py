"""Expiry: lazily on access, actively in the background, and never by a replica itself."""
import time

from lib import Client, Stage, replica_caught_up, wait_for


def test_active_expiry():
    with Stage() as stage:
        p = stage.server()
        with p.client() as c:
            c.pipeline([("SET", f"k:{i}", "v", "PX", 1 + i % 100) for i in range(20000)])
            c.pipeline([("SET", f"far:{i}", "v", "EX", 1000) for i in range(1000)])
            c.cmd("SET", "stays", 1)
            wait_for("the keys to go without being asked for", lambda: c.cmd("DBSIZE") == 1001, 15)
            info = c.info("stats")
            assert int(info["expired_keys"]) == 20000, info["expired_keys"]
            assert c.info("keyspace")["db0"].startswith("keys=1001,expires=1000,avg_ttl=")


def test_lazy_expiry():
    with Stage() as stage:
        p = stage.server()
        with p.client() as c:
            c.cmd("DEBUG", "SET-ACTIVE-EXPIRE", 0)
            ops = (("GET", None), ("EXISTS", 0), ("TYPE", "none"), ("TTL", -2), ("STRLEN", 0), ("GETDEL", None),
                   ("DEL", 0), ("PERSIST", 0), ("OBJECT ENCODING", None), ("EXPIRETIME", -2), ("INCR", 1),
                   ("APPEND x", 1), ("SETNX y", 1), ("RENAMENX z", None))
            for i, _ in enumerate(ops):
                c.cmd("SET", f"k{i}", "old", "PX", 20)
            time.sleep(0.05)
            assert c.cmd("DBSIZE") == len(ops), "still there, but for nobody"
            for i, (op, want) in enumerate(ops):
                w = op.split(" ")
                if w[0] == "OBJECT":
                    got = c.raw(*w, f"k{i}")
                elif w[0] == "RENAMENX":
                    assert str(c.raw("RENAMENX", f"k{i}", "z")) == "ERR no such key"
                    continue
                else:
                    got = c.raw(w[0], f"k{i}", *w[1:])
                assert got == want, (op, got)
            assert c.cmd("KEYS", "k1*") == [b"k10", b"k11", b"k12"] or sorted(c.cmd("KEYS", "k1*")) == [
                b"k10", b"k11", b"k12"]
            for k in ("a", "b"):
                c.cmd("SET", k, 1, "PX", 20)
            time.sleep(0.05)
            assert sorted(c.cmd("KEYS", "[ab]")) == [] and c.cmd("SCAN", 0, "MATCH", "[ab]", "COUNT", 1000)[1] == []
            assert c.cmd("RANDOMKEY") is not None


def test_times_and_options():
    with Stage() as stage:
        p = stage.server()
        with p.client() as c:
            now = int(time.time())
            c.cmd("SET", "k", "v")
            assert c.cmd("EXPIREAT", "k", now + 100) == 1 and c.cmd("EXPIRETIME", "k") == now + 100
            assert c.cmd("PEXPIRETIME", "k") == (now + 100) * 1000
            assert 98 <= c.cmd("TTL", "k") <= 100 and 98000 <= c.cmd("PTTL", "k") <= 100000
            assert c.cmd("EXPIRE", "k", 50, "GT") == 0 and c.cmd("EXPIRE", "k", 50, "LT") == 1
            assert c.cmd("EXPIRE", "k", 60, "NX") == 0 and c.cmd("EXPIRE", "k", 60, "XX", "GT") == 1
            c.cmd("SET", "k", "w", "KEEPTTL")
            assert c.cmd("TTL", "k") > 50
            c.cmd("SET", "k", "x")
            assert c.cmd("TTL", "k") == -1
            assert c.cmd("EXPIRE", "k", 100, "GT") == 0, "no deadline is beyond every deadline"
            assert c.cmd("EXPIRE", "k", 100, "LT") == 1
            c.cmd("RENAME", "k", "l")
            assert c.cmd("TTL", "l") > 90
            c.cmd("INCRBY", "n", 1)
            c.cmd("EXPIRE", "n", 100)
            c.cmd("INCR", "n")
            c.cmd("APPEND", "n", "1")
            assert c.cmd("TTL", "n") > 90
            assert c.cmd("EXPIRE", "l", 0) == 1 and c.cmd("EXISTS", "l") == 0


def test_replicas_wait_for_the_master():
    with Stage() as stage:
        master = stage.server("--repl-diskless-sync-delay", 0)
        replica = stage.server("--replicaof", "127.0.0.1", master.port)
        wait_for("the link", lambda: replica.info("replication")["master_link_status"] == "up")
        with master.client() as c, replica.client() as r:
            c.cmd("DEBUG", "SET-ACTIVE-EXPIRE", 0)
            for i in range(10):
                c.cmd("SET", f"k{i}", "v", "PX", 100)
            c.cmd("SET", "w", 1)
            wait_for("the stream", lambda: r.cmd("EXISTS", "w"))
            time.sleep(0.25)
            # hidden from readers, and not removed
            assert r.cmd("GET", "k1") is None and r.cmd("EXISTS", "k1") == 0 and r.cmd("TTL", "k1") == -2
            assert r.cmd("DBSIZE") == 11 and r.cmd("KEYS", "k*") == []
            assert int(r.info("stats")["expired_keys"]) == 0
            assert c.cmd("GET", "k1") is None, "the master removes it and says so"
            wait_for("the DEL", lambda: r.cmd("DBSIZE") == 10)
            # without its master it goes on waiting
            c.cmd("CLIENT", "KILL", "TYPE", "replica")
            master.kill(19)
            time.sleep(0.3)
            assert r.cmd("DBSIZE") == 10
            master.kill(18)
            c.cmd("DEBUG", "SET-ACTIVE-EXPIRE", 1)
            wait_for("the rest", lambda: r.cmd("DBSIZE") == 1)
            assert r.cmd("DBSIZE") == 1
            # once promoted it expires by itself
            c.cmd("SET", "p", 1, "PX", 300)
            wait_for("the stream", lambda: replica_caught_up(master, replica))
            r.cmd("REPLICAOF", "NO", "ONE")
            wait_for("its own expiry", lambda: r.cmd("DBSIZE") == 1 and r.cmd("EXISTS", "w") == 1)


def test_expiry_while_loading():
    """A dump with keys whose time is over: a master drops them."""
    with Stage() as stage:
        p = stage.server(name="data")
        with p.client() as c:
            c.cmd("DEBUG", "SET-ACTIVE-EXPIRE", 0)
            for i in range(100):
                c.cmd("SET", f"k{i}", "v", *(("PX", 300) if i % 2 else ()))
            c.cmd("SAVE")
        p.kill()
        p.wait()
        time.sleep(0.3)
        again = stage.server(name="data")
        assert again.cmd("DBSIZE") == 50
        assert "keys loaded: 50, keys expired: 50" in again.logged()


def test_writes_of_expired_keys_on_the_stream():
    """What replicas get for relative times is absolute: a late replica has the same deadline."""
    with Stage() as stage:
        master = stage.server("--repl-diskless-sync-delay", 0)
        replica = stage.server("--replicaof", "127.0.0.1", master.port)
        wait_for("the link", lambda: replica.info("replication")["master_link_status"] == "up")
        with master.client() as c, replica.client() as r:
            replica.kill(19)
            c.cmd("SET", "a", 1, "EX", 100)
            c.cmd("SETEX", "b", 100, 1)
            c.cmd("SET", "c", 1)
            c.cmd("EXPIRE", "c", 100)
            c.cmd("SET", "d", 1)
            c.cmd("GETEX", "d", "PX", 100000)
            time.sleep(0.3)
            replica.kill(18)
            wait_for("the stream", lambda: r.cmd("EXISTS", "a", "b", "c", "d") == 4)
            wait_for("the stream", lambda: replica_caught_up(master, replica))
            for k in "abcd":
                assert c.cmd("PEXPIRETIME", k) == r.cmd("PEXPIRETIME", k), k


def test_keys_of_a_writable_replica():
    """The master knows nothing of them, so the replica removes them itself."""
    with Stage() as stage:
        master = stage.server("--repl-diskless-sync-delay", 0)
        replica = stage.server("--replicaof", "127.0.0.1", master.port, "--replica-read-only", "no")
        wait_for("the link", lambda: replica.info("replication")["master_link_status"] == "up")
        with master.client() as c, replica.client() as r:
            c.cmd("SET", "theirs", 1, "EX", 100)
            wait_for("the stream", lambda: r.cmd("EXISTS", "theirs") == 1)
            r.cmd("SET", "far", 1, "EX", 100)
            r.cmd("EVAL", "redis.call('SET', KEYS[1], 1, 'EX', 100)", 1, "script")
            wait_for("the count", lambda: r.info("stats")["slave_expires_tracked_keys"] == "2")
            for i in range(300):
                r.cmd("SET", f"k{i}", 1, "PX", 1)
            wait_for("their end", lambda: r.info("stats")["expired_keys"] == "300")
            assert r.cmd("DBSIZE") == 3
            wait_for("their end", lambda: r.info("stats")["slave_expires_tracked_keys"] == "2")


def stream_of(port):
    """A replica's view: the commands behind the snapshot, without PING and acknowledgements."""
    c = Client(port)
    c.send_bytes(b"SYNC\r\n")
    head = b"\n"
    while head.strip() == b"":
        head = c.file.readline()
    need = int(head[1:])
    while need:
        need -= len(c.file.read(min(need, 65536)))
    return c


def next_words(c):
    while (words := c.read()) in ([b"PING"], []):
        pass
    return [w.lower() for w in words]


def test_walks_remove_key_by_key():
    """What SCAN and RANDOMKEY find expired is no transaction; in one, it is a part of it."""
    with Stage() as stage:
        p = stage.server("--repl-diskless-sync", "no")
        with p.client() as c:
            c.cmd("DEBUG", "SET-ACTIVE-EXPIRE", 0)
            for command in (("SCAN", 0), ("RANDOMKEY",)):
                for k in ("a", "b"):
                    c.cmd("SET", k, 1, "PX", 1)
                time.sleep(0.01)
                feed = stream_of(p.port)
                c.cmd(*command)
                c.cmd("SET", "x", 1)
                c.cmd("DEL", "x")
                got = [next_words(feed) for _ in range(4)]
                assert [g[0] for g in got] == [b"select", b"del", b"del", b"set"], got
                feed.close()
