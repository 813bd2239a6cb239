"""Keyspace events: which commands tell what, in which order, and which classes are wanted."""
import time

from lib import Stage, wait_for


class Events:
    """Collects what one connection hears about database 0."""

    def __init__(self, server):
        self.c = server.client()
        self.c.send("PSUBSCRIBE", "__key*__:*")
        self.c.read()
        self.mark = 0
        self.server = server

    def since(self, client):
        """Events up to a mark that the client now sets."""
        self.mark += 1
        client.cmd("PUBLISH", "__keymark__:0", self.mark)
        out = []
        while True:
            _, _, channel, message = self.c.read()
            if channel == b"__keymark__:0":
                assert message == b"%d" % self.mark
                return out
            out.append((channel.decode(), message.decode()))


CASES = [
    ("SET k 1", "set k"), ("SET k 1 EX 100", "set k|expire k"), ("SET k 2 XX GET", "set k"), ("SET k v NX", ""),
    ("GET k", ""), ("INCR k", "incrby k"), ("DECRBY k 3", "incrby k"), ("INCRBYFLOAT k 1.5", "incrbyfloat k"),
    ("APPEND k x", "append k"), ("SETRANGE k 0 y", "setrange k"), ("SETRANGE none 0 \"\"", ""),
    ("MSET a 1 b 2", "set a|set b"), ("MSETNX a 1 z 2", ""), ("GETSET a 5", "set a"), ("SETEX a 100 v", "set a|expire a"),
    ("PSETEX a 100000 v", "set a|expire a"), ("EXPIRE a 50", "expire a"), ("PEXPIREAT a 9999999999999", "expire a"),
    ("EXPIRE none 50", ""), ("PERSIST a", "persist a"), ("PERSIST a", ""), ("EXPIRE a -1", "del a"),
    ("GETEX b EX 100", "expire b"), ("GETEX b PERSIST", "persist b"), ("GETEX b EXAT 1", "del b"), ("SET b 1", "set b"),
    ("GETDEL b", "del b"), ("SETNX b 1", "set b"), ("SETNX b 1", ""), ("RENAME b c", "rename_from b|rename_to c"),
    ("RENAMENX c b", "rename_from c|rename_to b"), ("COPY b d", "copy_to d"), ("DEL b d none", "del b|del d"),
    ("SET u 1", "set u"), ("UNLINK u", "del u"), ("SET m 1", "set m"), ("MOVE m 5", "move_from m"), ("TOUCH k", ""),
]


def words(text):
    return [w.replace('""', "") for w in text.split(" ")]


def test_events_of_commands():
    with Stage() as stage:
        p = stage.server("--notify-keyspace-events", "KEA")
        events = Events(p)
        with p.client() as c:
            for command, want in CASES:
                c.raw(*words(command))
                got = [e for e in events.since(c) if "@0__" in e[0]]
                expected = []
                for pair in filter(None, want.split("|")):
                    event, key = pair.split(" ")
                    expected += [(f"__keyspace@0__:{key}", event), (f"__keyevent@0__:{event}", key)]
                assert got == expected, (command, got, expected)
            c.raw("MOVE", "m2", 5)
            c.cmd("SET", "m2", 1)
            c.cmd("MOVE", "m2", 5)
            got = events.since(c)
            assert ("__keyspace@5__:m2", "move_to") in got and ("__keyevent@0__:move_from", "m2") in got
            c.cmd("MULTI")
            c.cmd("SET", "t", 1)
            c.cmd("INCR", "t")
            c.cmd("EXEC")
            assert [e[1] for e in events.since(c) if "keyspace" in e[0]] == ["set", "incrby"]
            c.cmd("FLUSHALL")
            assert events.since(c) == []


def test_expired_and_classes():
    with Stage() as stage:
        p = stage.server("--notify-keyspace-events", "Ex")
        events = Events(p)
        with p.client() as c:
            c.cmd("SET", "gone", 1, "PX", 30)
            c.cmd("SET", "stays", 1)
            time.sleep(0.05)
            wait_for("the event", lambda: ("__keyevent@0__:expired", "gone") in events.since(c))
            # lazily, on access
            c.cmd("DEBUG", "SET-ACTIVE-EXPIRE", 0)
            c.cmd("SET", "lazy", 1, "PX", 20)
            time.sleep(0.05)
            assert events.since(c) == []
            assert c.cmd("GET", "lazy") is None
            assert events.since(c) == [("__keyevent@0__:expired", "lazy")]
            c.cmd("DEBUG", "SET-ACTIVE-EXPIRE", 1)
            for flags, want in (("K$", [("__keyspace@0__:k", "set")]), ("E$", [("__keyevent@0__:set", "k")]), ("Kg", []),
                                ("$", []), ("", []), ("KEg$", [("__keyspace@0__:k", "set"), ("__keyevent@0__:set", "k")])):
                c.cmd("CONFIG", "SET", "notify-keyspace-events", flags)
                c.cmd("SET", "k", 1)
                assert events.since(c) == want, flags
            c.cmd("CONFIG", "SET", "notify-keyspace-events", "Em")
            c.cmd("GET", "missing")
            assert events.since(c) == [("__keyevent@0__:keymiss", "missing")]
            c.cmd("CONFIG", "SET", "notify-keyspace-events", "En")
            c.cmd("SET", "fresh", 1)
            c.cmd("SET", "fresh", 1)
            assert events.since(c) == [("__keyevent@0__:new", "fresh")]


def test_events_on_replica():
    with Stage() as stage:
        master = stage.server("--repl-diskless-sync-delay", 0)
        replica = stage.server("--replicaof", "127.0.0.1", master.port, "--notify-keyspace-events", "KEA")
        wait_for("the link", lambda: replica.info("replication")["master_link_status"] == "up")
        events = Events(replica)
        with master.client() as c, replica.client() as r:
            c.cmd("SET", "k", 1)
            c.cmd("SET", "x", 1, "PX", 30)
            wait_for("the end of x", lambda: c.cmd("EXISTS", "x") == 0)
            c.cmd("SET", "last", 1)
            wait_for("the stream", lambda: r.cmd("GET", "last") == b"1")
            got = [e for e in events.since(r) if "keyevent" in e[0]]
            assert ("__keyevent@0__:set", "k") in got and ("__keyevent@0__:del", "x") in got, got
