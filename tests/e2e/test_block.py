"""Clients that wait for keys: who is served when, and with what."""
import contextlib
import time

from lib import ReplyError, Stage, ours_only, wait_for


@contextlib.contextmanager
def served(n, *options):
    """A server, a client, and n more that will wait."""
    with Stage() as stage:
        server = stage.server(*options)
        with contextlib.ExitStack() as clients:
            yield server, *(clients.enter_context(server.client()) for _ in range(n + 1))


def blocked(c, n):
    wait_for(f"{n} blocked clients", lambda: c.info("clients")["blocked_clients"] == str(n))


def block(c, waiting, *words):
    """One after the other, so that the order is known."""
    before = int(c.info("clients")["blocked_clients"])
    waiting.send(*words)
    blocked(c, before + 1)


def test_in_order_of_arrival():
    with served(3) as (_, c, x, y, z):
        for w in (x, y, z):
            block(c, w, "BLPOP", "l", 0)
        assert c.cmd("RPUSH", "l", "1", "2") == 2
        assert x.read() == [b"l", b"1"] and y.read() == [b"l", b"2"]
        assert z.silent()
        c.cmd("RPUSH", "l", "3", "4")
        assert z.read() == [b"l", b"3"]
        assert c.cmd("LRANGE", "l", 0, -1) == [b"4"]
        blocked(c, 0)


def test_first_key_that_became_ready():
    with served(1) as (_, c, x):
        block(c, x, "BLPOP", "a", "b", 0)
        c.pipeline([["MULTI"], ["RPUSH", "b", "1"], ["RPUSH", "a", "2"], ["EXEC"]])
        assert x.read() == [b"b", b"1"]
        assert c.cmd("EXISTS", "a", "b") == 1


def test_what_a_transaction_took_back_serves_nobody():
    with served(1) as (_, c, x):
        block(c, x, "BLPOP", "l", 0)
        c.pipeline([["MULTI"], ["RPUSH", "l", "1"], ["DEL", "l"], ["EXEC"]])
        assert x.silent()
        c.pipeline([["MULTI"], ["RPUSH", "l", "1"], ["RPUSH", "l", "2"], ["EXEC"]])
        assert x.read() == [b"l", b"1"]


def test_other_types_do_not_serve():
    with served(1) as (_, c, x):
        block(c, x, "BLPOP", "l", 0)
        c.cmd("SET", "l", "text")
        assert x.silent()
        c.pipeline([["MULTI"], ["DEL", "l"], ["RPUSH", "l", "1"], ["SET", "l", "text"], ["EXEC"]])
        assert x.silent()
        c.pipeline([["DEL", "l"], ["RPUSH", "l", "1"]])
        assert x.read() == [b"l", b"1"]


def test_timeouts_have_fractions():
    with served(1) as (_, c, x):
        for words, answer in ((["BLPOP", "l", "0.15"], None), (["BLMOVE", "a", "b", "LEFT", "LEFT", "0.15"], None),
                              (["BLMPOP", "0.15", "1", "l", "LEFT"], None), (["BRPOPLPUSH", "a", "b", "0.15"], None)):
            began = time.monotonic()
            assert x.raw(*words) == answer
            assert 0.14 < time.monotonic() - began < 5, words
        x.send_bytes(b"*3\r\n$5\r\nBLPOP\r\n$1\r\nl\r\n$4\r\n0.05\r\n*1\r\n$4\r\nPING\r\n")
        assert x.line() == b"*-1" and x.line() == b"+PONG"
        x.send_bytes(b"*4\r\n$10\r\nBRPOPLPUSH\r\n$1\r\na\r\n$1\r\nb\r\n$4\r\n0.05\r\n")
        assert x.line() == b"*-1"
        x.send_bytes(b"*1\r\n$5\r\nMULTI\r\n*4\r\n$10\r\nBRPOPLPUSH\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\n0\r\n*1\r\n$4\r\nEXEC\r\n")
        assert [x.line() for _ in range(4)] == [b"+OK", b"+QUEUED", b"*1", b"$-1"]
        blocked(c, 0)


def test_commands_behind_wait_too():
    with served(1) as (_, c, x):
        block(c, x, "BLPOP", "l", 0)
        x.send("GET", "k")
        x.send("BLPOP", "l", 0)
        x.send("PING")
        c.cmd("SET", "k", "v")
        assert x.silent()
        c.cmd("RPUSH", "l", "1", "2")
        assert [x.read() for _ in range(4)] == [[b"l", b"1"], b"v", [b"l", b"2"], "PONG"]


def test_a_chain_of_moves():
    with served(3) as (_, c, x, y, z):
        block(c, x, "BLMOVE", "a", "b", "LEFT", "RIGHT", 0)
        block(c, y, "BRPOPLPUSH", "b", "c", 0)
        block(c, z, "BLPOP", "c", 0)
        c.cmd("RPUSH", "a", "1")
        assert x.read() == b"1" and y.read() == b"1" and z.read() == [b"c", b"1"]
        assert c.cmd("EXISTS", "a", "b", "c") == 0


def test_moves_onto_the_own_list():
    with served(2) as (_, c, x, y):
        block(c, x, "BRPOPLPUSH", "l", "l", 0)
        block(c, y, "BLMOVE", "l", "l", "LEFT", "RIGHT", 0)
        c.cmd("RPUSH", "l", "1", "2")
        assert x.read() == b"2" and y.read() == b"2"
        assert c.cmd("LRANGE", "l", 0, -1) == [b"1", b"2"]


def test_a_target_of_another_type():
    with served(2) as (_, c, x, y):
        c.cmd("SET", "text", "v")
        block(c, x, "BLMOVE", "l", "text", "LEFT", "LEFT", 0)
        block(c, y, "BLPOP", "l", 0)
        c.cmd("RPUSH", "l", "1")
        assert isinstance(x.read(), ReplyError)
        assert y.read() == [b"l", b"1"]


def test_unblocked_by_another():
    with served(1) as (_, c, x):
        i = x.cmd("CLIENT", "ID")
        block(c, x, "BLPOP", "l", 0)
        assert c.cmd("CLIENT", "UNBLOCK", i) == 1 and x.read() is None
        assert c.cmd("CLIENT", "UNBLOCK", i) == 0
        block(c, x, "BLMOVE", "l", "m", "LEFT", "LEFT", 0)
        assert c.cmd("CLIENT", "UNBLOCK", i, "ERROR") == 1
        assert str(x.read()) == "UNBLOCKED client unblocked via CLIENT UNBLOCK"
        c.cmd("RPUSH", "l", "1")
        assert c.cmd("LLEN", "l") == 1
        blocked(c, 0)


def test_who_goes_away_takes_nothing():
    with served(2) as (server, c, x, y):
        gone = server.client()
        block(c, gone, "BLPOP", "l", 0)
        block(c, x, "BLPOP", "l", 0)
        gone.close()
        blocked(c, 1)
        c.cmd("RPUSH", "l", "1")
        assert x.read() == [b"l", b"1"]
        block(c, y, "BLPOP", "l", 0)
        c.cmd("CLIENT", "KILL", "ID", id_of(c, "blpop"))
        assert y.closed()
        c.cmd("RPUSH", "l", "2")
        assert c.cmd("LLEN", "l") == 1


def id_of(c, command):
    for line in c.text("CLIENT", "LIST").split("\n"):
        facts = dict(w.split("=", 1) for w in line.split() if "=" in w)
        if facts.get("cmd") == command and "b" in facts["flags"]:
            return facts["id"]
    raise AssertionError(f"nobody waits by {command}")


def test_other_ways_for_a_list_to_come():
    with served(1) as (_, c, x):
        for words in (["RENAME", "src", "l"], ["COPY", "src", "l"], ["LMOVE", "src", "l", "LEFT", "LEFT"], ["RPOPLPUSH", "src", "l"]):
            block(c, x, "BLPOP", "l", 0)
            c.cmd("RPUSH", "src", "1")
            c.cmd(*words)
            assert x.read() == [b"l", b"1"], words
            c.cmd("FLUSHALL")
        block(c, x, "BLPOP", "l", 0)
        c.pipeline([["SELECT", 1], ["RPUSH", "l", "2"], ["SELECT", 0]])
        assert x.silent()
        c.cmd("SWAPDB", 0, 1)
        assert x.read() == [b"l", b"2"]
        block(c, x, "BLPOP", "l", 0)
        c.pipeline([["SELECT", 1], ["RPUSH", "l", "3"], ["MOVE", "l", 0], ["SELECT", 0]])
        assert x.read() == [b"l", b"3"]
        block(c, x, "BLPOP", "l", 0)
        c.cmd("FLUSHALL")
        assert x.silent()


def test_many_keys_and_a_key_twice():
    with served(2) as (_, c, x, y):
        block(c, x, "BLPOP", "a", "a", "b", "a", 0)
        block(c, y, "BRPOP", "b", "a", 0)
        c.cmd("RPUSH", "a", "1", "2")
        assert x.read() == [b"a", b"1"] and y.read() == [b"a", b"2"]
        c.cmd("RPUSH", "b", "1")
        assert c.cmd("LLEN", "b") == 1


def test_thousands_of_keys():
    with served(2) as (_, c, x, y):
        keys = [f"k{i}" for i in range(20000)]
        began = time.monotonic()
        block(c, x, "BLPOP", *keys, *keys, 0)
        block(c, y, "BRPOP", *reversed(keys), 0)
        c.cmd("RPUSH", "k777", "1", "2")
        assert x.read() == [b"k777", b"1"] and y.read() == [b"k777", b"2"]
        assert time.monotonic() - began < 10
        blocked(c, 0)


def test_counts():
    with served(2) as (_, c, x, y):
        block(c, x, "BLMPOP", 0, 2, "a", "b", "RIGHT", "COUNT", 2)
        block(c, y, "BLMPOP", 0, 1, "b", "LEFT", "COUNT", 10)
        c.cmd("RPUSH", "b", "1", "2", "3")
        assert x.read() == [b"b", [b"3", b"2"]] and y.read() == [b"b", [b"1"]]
        assert c.cmd("EXISTS", "b") == 0


def test_a_push_tells_its_own_length():
    with served(1) as (_, c, x):
        block(c, x, "BLPOP", "l", 0)
        assert c.cmd("LPUSH", "l", "1", "2", "3") == 3
        assert x.read() == [b"l", b"3"]


def test_watchers_hear_of_it():
    with served(2) as (_, c, x, y):
        y.cmd("WATCH", "l")
        block(c, x, "BLPOP", "l", 0)
        c.cmd("RPUSH", "l", "1")
        assert x.read() == [b"l", b"1"]
        assert y.pipeline([["MULTI"], ["PING"], ["EXEC"]])[2] is None


def test_a_new_replica_lets_nobody_wait():
    with served(2) as (server, c, x, y):
        block(c, x, "BLPOP", "l", 0)
        block(c, y, "BRPOPLPUSH", "l", "m", 0)
        c.cmd("REPLICAOF", "127.0.0.1", 1)
        text = ("UNBLOCKED force unblock from blocking operation, instance state changed "
                "(master -> replica?)")
        for w in (x, y):
            assert str(w.read()) == text
            assert w.closed()
        c.cmd("REPLICAOF", "NO", "ONE")


def test_resp3_nulls():
    with served(1) as (_, c, x):
        x.cmd("HELLO", 3)
        for words in (["BLPOP", "l", "0.02"], ["BLMPOP", "0.02", "1", "l", "LEFT"], ["BLMOVE", "a", "b", "LEFT", "LEFT", "0.02"]):
            x.send(*words)
            assert x.line() == b"_"


def test_a_crowd():
    with Stage() as stage, contextlib.ExitStack() as clients:
        server = stage.server()
        c = clients.enter_context(server.client())
        crowd = [clients.enter_context(server.client()) for _ in range(200)]
        for i, w in enumerate(crowd):
            w.send("BLPOP", f"k{i % 7}", "all", 0)
            if i % 20 == 19:
                blocked(c, i + 1)
        c.cmd("RPUSH", "all", *range(150))
        wait_for("50 are left", lambda: c.info("clients")["blocked_clients"] == "50")
        for i in range(7):
            c.cmd("RPUSH", f"k{i}", *range(100))
        blocked(c, 0)
        got = [w.read() for w in crowd]
        assert sum(g[0] == b"all" for g in got) == 150
        assert sorted(int(g[1]) for g in got if g[0] == b"all") == list(range(150))


@ours_only
def test_info_counts_keys():
    with served(2) as (_, c, x, y):
        block(c, x, "BLPOP", "a", "b", 0)
        block(c, y, "BLPOP", "b", 0)
        assert c.info("clients")["total_blocking_keys"] == "2"
        c.cmd("RPUSH", "b", 1, 2)
        blocked(c, 0)
        assert c.info("clients")["total_blocking_keys"] == "0"
