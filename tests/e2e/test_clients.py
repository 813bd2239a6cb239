"""Connections and protocols: RESP2 and 3, inline, pipelining, errors, CLIENT and its limits."""
import re
import threading
import time

from lib import ORACLE, Map, Push, ReplyError, Stage, fails, ours_only, wait_for


def test_hello_and_resp3():
    with Stage() as stage:
        p = stage.server()
        with p.client() as c:
            two = c.cmd("HELLO")
            assert two[:2] == [b"server", b"redis"] and two[4:6] == [b"proto", 2], two
            three = c.cmd("HELLO", 3, "SETNAME", "joe")
            assert isinstance(three, Map) and list(three) == [b"server", b"version", b"proto", b"id", b"mode", b"role",
                                                              b"modules"], three
            assert three[b"proto"] == 3 and three[b"mode"] == b"standalone" and three[b"role"] == b"master"
            assert three[b"id"] == c.cmd("CLIENT", "ID") and c.cmd("CLIENT", "GETNAME") == b"joe"
            c.send("GET", "none")
            assert c.line() == b"_"
            c.send("CONFIG", "GET", "timeout")
            assert c.line() == b"%1"
            assert [c.read(), c.read()] == [b"timeout", b"0"]
            c.send("INFO", "cluster")
            assert c.line().startswith(b"=")
            c.file.readline(), c.file.readline(), c.file.readline()
            c.cmd("PING")
            assert fails(c.cmd, "HELLO", 4) == "NOPROTO unsupported protocol version"
            assert fails(c.cmd, "HELLO", "x").startswith("ERR Protocol version is not an integer or out of range")
            assert fails(c.cmd, "HELLO", 3, "FOO") == "ERR Syntax error in HELLO option 'FOO'"
            c.cmd("HELLO", 2)
            c.send("GET", "none")
            assert c.line() == b"$-1"
            assert c.cmd("RESET") == "RESET"
            assert c.cmd("CLIENT", "GETNAME") is None


def test_inline():
    with Stage() as stage:
        p = stage.server()
        with p.client() as c:
            for sent, want in ((b"PING\r\n", "PONG"), (b"PING\n", "PONG"), (b"\r\n\r\n\nPING\r\n", "PONG"),
                               (b"  SET  a   b  \r\n", "OK"), (b"GET a\n", b"b"), (b"set \"x y\" 'it\\'s'\r\n", "OK"),
                               (b"get \"x y\"\r\n", b"it's"), (b"ECHO \"\\x41\\n\\t\\\"\"\r\n", b"A\n\t\""),
                               (b"ECHO \"\"\r\n", b""), (b"*0\r\nPING\r\n", "PONG"), (b"*-1\r\nPING\r\n", "PONG")):
                c.send_bytes(sent)
                assert c.read() == want, sent
            # byte by byte
            for b in b"*2\r\n$4\r\nECHO\r\n$3\r\nabc\r\nPING\r\n":
                c.send_bytes(bytes([b]))
                time.sleep(0.001)
            assert c.read() == b"abc" and c.read() == "PONG"
        for sent in (b'SET "a b\r\n', b"SET 'a' 'b\r\n", b'GET "a"b\r\n'):
            with p.client() as c:
                c.send_bytes(sent)
                assert str(c.read()) == "ERR Protocol error: unbalanced quotes in request"
                assert c.closed()
        with p.client() as c:
            c.send_bytes(b"GET " + b"a" * 70000)
            assert str(c.read()) == "ERR Protocol error: too big inline request"
            assert c.closed()


def test_protocol_errors():
    cases = [
        (b"*1\r\nfoo\r\n", "ERR Protocol error: expected '$', got 'f'"),
        (b"*99999999999\r\n", "ERR Protocol error: invalid multibulk length"),
        (b"*abc\r\n", "ERR Protocol error: invalid multibulk length"),
        (b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$-10\r\n", "ERR Protocol error: invalid bulk length"),
        (b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$2000000000\r\n", "ERR Protocol error: invalid bulk length"),
        (b"*1\r\n$abc\r\n", "ERR Protocol error: invalid bulk length"),
        (b"*" + b"1" * 70000, "ERR Protocol error: too big mbulk count string"),
        (b"*1\r\n$" + b"1" * 70000, "ERR Protocol error: too big bulk count string"),
    ]
    with Stage() as stage:
        p = stage.server()
        for sent, want in cases:
            with p.client() as c:
                c.send_bytes(sent)
                assert str(c.read()) == want, sent[:40]
                assert c.closed()
        # what stood before the error is answered
        with p.client() as c:
            c.send_bytes(b"PING\r\n*1\r\n$4\r\nPING\r\n*1\r\nx\r\n")
            assert [c.read(), c.read()] == ["PONG", "PONG"] and isinstance(c.read(), ReplyError)
        with p.client() as c:
            c.cmd("CONFIG", "SET", "requirepass", "x")
        for sent, want in ((b"*11\r\n", "ERR Protocol error: unauthenticated multibulk length"),
                           (b"*2\r\n$4\r\nECHO\r\n$20000\r\n", "ERR Protocol error: unauthenticated bulk length")):
            with p.client() as c:
                c.send_bytes(sent)
                assert str(c.read()) == want
                assert c.closed()


def test_http_guard():
    with Stage() as stage:
        p = stage.server()
        for sent in (b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nSET", b"Host: localhost\r\nPING\r\n"):
            with p.client() as c:
                c.send_bytes(sent)
                assert c.closed()
        wait_for("the log", lambda: p.logged().count("Possible SECURITY ATTACK detected") >= 1)
        assert "POST or Host: commands to Redis" in p.logged() and "aborted." in p.logged()
        assert p.cmd("PING") == "PONG"


def test_pipeline_of_100000():
    with Stage() as stage:
        p = stage.server()
        n = 100_000
        with p.client() as c:
            one = b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n"
            writer = threading.Thread(target=c.send_bytes, args=(one * n,))
            writer.start()
            got = c.file.read(sum(len(b":%d\r\n" % i) for i in range(1, n + 1)))
            writer.join()
            assert got == b"".join(b":%d\r\n" % i for i in range(1, n + 1))
            # all of it before the first reply is read
            c.send_bytes(b"PING\r\n" * n)
            assert c.file.read(7 * n) == b"+PONG\r\n" * n


def test_big_values():
    with Stage() as stage:
        p = stage.server()
        big = bytes(range(256)) * (64 * 4096)
        with p.client() as c:
            assert c.cmd("SET", "big", big) == "OK"
            assert c.cmd("STRLEN", "big") == len(big) == 64 << 20
            assert c.cmd("GET", "big") == big
            assert c.cmd("APPEND", "big", b"tail") == len(big) + 4
            assert c.cmd("GETRANGE", "big", -8, -1) == big[-4:] + b"tail"
            c.cmd("CONFIG", "SET", "proto-max-bulk-len", "1mb")
            c.send_bytes(b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1048577\r\n")
            assert str(c.read()) == "ERR Protocol error: invalid bulk length"
            assert c.closed()
        with p.client() as c:
            for _ in range(4):
                c.send("MGET", "big")
            for _ in range(4):
                assert len(c.read()[0]) == len(big) + 4


FIELDS = ["id", "addr", "laddr", "fd", "name", "age", "idle", "flags", "db", "sub", "psub", "ssub", "multi", "watch",
          "qbuf", "qbuf-free", "argv-mem", "multi-mem", "rbs", "rbp", "obl", "oll", "omem", "tot-mem", "events", "cmd",
          "user", "redir", "resp", "lib-name", "lib-ver"]
NOT_IN_7_0 = {"watch", "lib-name", "lib-ver"}


def fields(line):
    return dict(f.split("=", 1) for f in line.strip().split(" "))


def test_client_list():
    with Stage() as stage:
        p = stage.server()
        with p.client() as c, p.client() as sub, p.client() as tx:
            c.cmd("CLIENT", "SETNAME", "me")
            sub.cmd("SUBSCRIBE", "a")
            sub.cmd("PSUBSCRIBE", "b*")
            tx.cmd("SELECT", 3)
            tx.cmd("WATCH", "k")
            tx.cmd("MULTI")
            tx.cmd("PING")
            line = c.text("CLIENT", "INFO")
            assert line.endswith("\n")
            want = [f for f in FIELDS if not (ORACLE and f in NOT_IN_7_0)]
            assert list(fields(line)) == want, line
            mine = fields(line)
            assert mine["name"] == "me" and mine["flags"] == "N" and mine["db"] == "0" and mine["multi"] == "-1"
            assert mine["cmd"] == "client|info" and mine["user"] == "default" and mine["redir"] == "-1"
            assert mine["laddr"] == f"127.0.0.1:{p.port}" and mine["resp"] == "2" and mine["events"] == "r"
            assert mine["addr"] == "127.0.0.1:%d" % c.sock.getsockname()[1]
            everyone = [fields(x) for x in c.text("CLIENT", "LIST").strip().split("\n")]
            assert [x["id"] for x in everyone] == sorted((x["id"] for x in everyone), key=int)
            flags = {x["flags"] for x in everyone}
            assert "P" in flags and "x" in flags, everyone
            listener = next(x for x in everyone if x["flags"] == "P")
            assert (listener["sub"], listener["psub"], listener["cmd"]) == ("1", "1", "psubscribe")
            trans = next(x for x in everyone if x["flags"] == "x")
            assert (trans["db"], trans["multi"], trans["cmd"]) == ("3", "1", "ping")
            assert fails(c.cmd, "CLIENT", "LIST", "TYPE", "foo") == "ERR Unknown client type 'foo'"
            assert len(c.text("CLIENT", "LIST", "TYPE", "pubsub").strip().split("\n")) == 1
            assert c.text("CLIENT", "LIST", "TYPE", "master") == ""
            got = c.text("CLIENT", "LIST", "ID", mine["id"], trans["id"], 99999)
            assert [fields(x)["id"] for x in got.strip().split("\n")] == [mine["id"], trans["id"]]
            assert fails(c.cmd, "CLIENT", "LIST", "ID", "x") == "ERR Invalid client ID"
            assert fails(c.cmd, "CLIENT", "SETNAME", "a b") == \
                "ERR Client names cannot contain spaces, newlines or special characters."


@ours_only
def test_client_setinfo():
    with Stage() as stage:
        p = stage.server()
        with p.client() as c:
            assert c.cmd("CLIENT", "SETINFO", "LIB-NAME", "redis-py") == "OK"
            assert c.cmd("CLIENT", "SETINFO", "lib-ver", "5.0.1") == "OK"
            got = fields(c.text("CLIENT", "INFO"))
            assert got["lib-name"] == "redis-py" and got["lib-ver"] == "5.0.1"
            assert fails(c.cmd, "CLIENT", "SETINFO", "FOO", "x").startswith("ERR Unrecognized option 'FOO'")
            assert fails(c.cmd, "CLIENT", "SETINFO", "LIB-NAME", "a b") == \
                "ERR LIB-NAME cannot contain spaces, newlines or special characters."
            assert c.cmd("CLIENT", "NO-TOUCH", "on") == "OK"
            assert "T" in fields(c.text("CLIENT", "INFO"))["flags"]


def test_client_kill():
    with Stage() as stage:
        p = stage.server()
        with p.client() as c:
            def victim():
                v = p.client()
                v.cmd("PING")
                return v
            v = victim()
            assert c.cmd("CLIENT", "KILL", "127.0.0.1:%d" % v.sock.getsockname()[1]) == "OK"
            assert v.closed()
            assert fails(c.cmd, "CLIENT", "KILL", "1.2.3.4:5") == "ERR No such client"
            v = victim()
            assert c.cmd("CLIENT", "KILL", "ID", v.cmd("CLIENT", "ID")) == 1
            assert v.closed()
            v = victim()
            assert c.cmd("CLIENT", "KILL", "ADDR", "127.0.0.1:%d" % v.sock.getsockname()[1]) == 1
            assert v.closed()
            assert c.cmd("CLIENT", "KILL", "ID", 99999) == 0
            some = [victim() for _ in range(3)]
            listener = victim()
            listener.cmd("SUBSCRIBE", "x")
            assert c.cmd("CLIENT", "KILL", "TYPE", "pubsub") == 1 and listener.closed()
            assert c.cmd("CLIENT", "KILL", "TYPE", "normal") == 3
            assert all(v.closed() for v in some)
            some = [victim() for _ in range(2)]
            assert c.cmd("CLIENT", "KILL", "LADDR", f"127.0.0.1:{p.port}", "USER", "default", "SKIPME", "yes") == 2
            assert all(v.closed() for v in some)
            for args, text in ((("TYPE", "foo"), "ERR Unknown client type 'foo'"),
                               (("ID", "abc"), "ERR client-id should be greater than 0"),
                               (("FOO", "bar"), "ERR syntax error"), (("ID", "1", "SKIPME", "maybe"), "ERR syntax error"),
                               (("USER", "nobody", "ID", "1"), "ERR No such user 'nobody'")):
                assert fails(c.cmd, "CLIENT", "KILL", *args) == text, args
            # ourselves, with SKIPME no: the reply comes, then the end
            assert c.cmd("CLIENT", "KILL", "ID", c.cmd("CLIENT", "ID"), "SKIPME", "no") == 1
            assert c.closed()


def test_pause():
    with Stage() as stage:
        p = stage.server()
        with p.client() as c, p.client() as reader, p.client() as writer:
            assert c.cmd("CLIENT", "PAUSE", 20000, "WRITE") == "OK"
            assert reader.cmd("GET", "k") is None
            writer.send("SET", "k", "v")
            wait_for("the pause", lambda: reader.info("clients")["blocked_clients"] == "1")
            assert writer.silent()
            assert reader.cmd("GET", "k") is None
            assert c.cmd("CLIENT", "UNPAUSE") == "OK"
            assert writer.read() == "OK"
            # all clients, the one that could end the pause as well
            assert c.cmd("CLIENT", "PAUSE", 500) == "OK"
            reader.send("GET", "k")
            assert reader.silent()
            assert c.cmd("CLIENT", "UNPAUSE") == "OK"
            assert reader.read() == b"v"
            began = time.monotonic()
            c.cmd("CLIENT", "PAUSE", 200, "ALL")
            reader.send("PING")
            assert reader.read() == "PONG" and 0.1 < time.monotonic() - began < 5
            # a transaction with a write waits whole
            for words in (("MULTI",), ("SET", "k", "2"), ("GET", "k")):
                writer.cmd(*words)
            c.cmd("CLIENT", "PAUSE", 20000, "WRITE")
            writer.send("EXEC")
            assert writer.silent()
            c.cmd("CLIENT", "UNPAUSE")
            assert writer.read() == ["OK", b"2"]
            assert fails(c.cmd, "CLIENT", "PAUSE", "abc") == "ERR timeout is not an integer or out of range"
            assert fails(c.cmd, "CLIENT", "PAUSE", -1) == "ERR timeout is negative"
            assert fails(c.cmd, "CLIENT", "PAUSE", 1, "FOO") == "ERR CLIENT PAUSE mode must be WRITE or ALL"


def test_reply_and_unblock():
    with Stage() as stage:
        p = stage.server()
        with p.client() as c, p.client() as other:
            c.send("CLIENT", "REPLY", "OFF")
            c.send("SET", "a", 1)
            c.send("CLIENT", "REPLY", "ON")
            assert c.read() == "OK" and c.cmd("GET", "a") == b"1"
            c.send("CLIENT", "REPLY", "SKIP")
            c.send("SET", "a", 2)
            assert c.cmd("GET", "a") == b"2"
            assert fails(c.cmd, "CLIENT", "REPLY", "FOO") == "ERR syntax error"
            me = c.cmd("CLIENT", "ID")
            assert other.cmd("CLIENT", "UNBLOCK", me) == 0
            c.send("WAIT", 3, 0)
            wait_for("the block", lambda: other.info("clients")["blocked_clients"] == "1")
            assert "flags=b" in other.text("CLIENT", "LIST", "ID", me)
            assert other.cmd("CLIENT", "UNBLOCK", me) == 1
            assert c.read() == 0
            other.cmd("CONFIG", "RESETSTAT")
            c.send("WAIT", 3, 0)
            wait_for("the block", lambda: other.info("clients")["blocked_clients"] == "1")
            if not ORACLE:  # since 7.2 a call counts when it has its reply
                assert "cmdstat_wait" not in other.info("commandstats")
            assert other.cmd("CLIENT", "UNBLOCK", me, "ERROR") == 1
            stats = other.info("commandstats")["cmdstat_wait"]
            assert stats.startswith("calls=1,") and stats.endswith("rejected_calls=0,failed_calls=1"), stats
            assert other.info("errorstats") == {"errorstat_UNBLOCKED": "count=1"}
            assert str(c.read()) == "UNBLOCKED client unblocked via CLIENT UNBLOCK"
            assert fails(other.cmd, "CLIENT", "UNBLOCK", me, "FOO") == \
                "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"
            # what was pipelined behind the block comes after it
            c.send("WAIT", 3, 0)
            c.send("PING")
            wait_for("the block", lambda: other.info("clients")["blocked_clients"] == "1")
            other.cmd("CLIENT", "UNBLOCK", me)
            assert [c.read(), c.read()] == [0, "PONG"]
            assert other.info("clients")["blocked_clients"] == "0"
            assert c.cmd("CLIENT", "NO-EVICT", "on") == "OK"
            assert "e" in fields(c.text("CLIENT", "INFO"))["flags"]
            assert c.cmd("CLIENT", "NO-EVICT", "off") == "OK"
            assert fails(c.cmd, "CLIENT", "NO-EVICT", "x") == "ERR syntax error"


def test_output_buffer_limit():
    with Stage() as stage:
        p = stage.server("--client-output-buffer-limit", "pubsub", "1mb", "0", "0",
                         "--client-output-buffer-limit", "normal", "2mb", "0", "0")
        with p.client() as c, p.client() as slow:
            slow.sock.setsockopt(1, 8, 4096)  # SO_RCVBUF
            slow.cmd("SUBSCRIBE", "ch")
            message = b"x" * 100_000
            wait_for("the limit", lambda: c.cmd("PUBLISH", "ch", message) == 0, every=0)
            assert "scheduled to be closed ASAP for overcoming of output buffer limits" in p.logged()
            c.cmd("SET", "v", b"x" * 200_000)
            with p.client() as greedy:
                greedy.send_bytes(b"GET v\r\n" * 500)
                assert greedy.closed(10)
            assert c.cmd("PING") == "PONG"
        # the soft limit, for longer than its time
        p.cmd("CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 64kb 1")
        with p.client() as c, p.client() as slow:
            slow.sock.setsockopt(1, 8, 4096)
            slow.cmd("SUBSCRIBE", "ch")
            for _ in range(80):
                c.cmd("PUBLISH", "ch", b"x" * 100_000)
            wait_for("the soft limit", lambda: c.cmd("PUBLISH", "ch", "x") == 0, 10, every=0.2)


def test_query_buffer_limit():
    with Stage() as stage:
        p = stage.server("--client-query-buffer-limit", "1mb")
        with p.client() as c:
            c.send_bytes(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$10000000\r\n")
            try:
                for _ in range(100):
                    c.send_bytes(b"x" * 100_000)
            except OSError:
                pass
            assert c.closed(10)
        assert p.cmd("EXISTS", "k") == 0
        wait_for("the log", lambda: "max query buffer length" in p.logged())


@ours_only
def test_push_in_resp3():
    with Stage() as stage:
        p = stage.server()
        with p.client() as c, p.client() as other:
            c.cmd("HELLO", 3)
            c.send("SUBSCRIBE", "a")
            assert c.read() == Push([b"subscribe", b"a", 1])
            assert c.cmd("SET", "k", "v") == "OK", "commands go on in RESP3"
            other.cmd("PUBLISH", "a", "hi")
            got = c.read()
            assert isinstance(got, Push) and got == [b"message", b"a", b"hi"]


def test_command_table():
    with Stage() as stage:
        p = stage.server()
        with p.client() as c:
            n = c.cmd("COMMAND", "COUNT")
            assert n == len(c.cmd("COMMAND")) and n > 80
            names = c.cmd("COMMAND", "LIST")
            assert len(names) > n and b"get" in names and b"config|get" in names
            get = c.cmd("COMMAND", "INFO", "get", "nothing", "config|get")
            assert get[0][0] == b"get" and get[0][1] == 2 and get[0][3:6] == [1, 1, 1] and get[1] is None
            assert get[2][0] == b"config|get"
            assert set(get[0][2]) == {"readonly", "fast"} and "@string" in get[0][6]
            assert c.cmd("COMMAND", "GETKEYS", "MSET", "a", 1, "b", 2) == [b"a", b"b"]
            assert fails(c.cmd, "COMMAND", "GETKEYS", "ECHO", "x") == "ERR The command has no key arguments"
            docs = c.cmd("COMMAND", "DOCS", "GET")
            assert docs[0] == b"get" and b"summary" in docs[1]
            assert fails(c.cmd, "FOO", "bar baz").startswith("ERR unknown command 'FOO', with args beginning with: 'bar baz'")
            assert fails(c.cmd, "CONFIG", "FOO").startswith("ERR unknown subcommand 'FOO'. Try CONFIG HELP.")
            assert re.match(r"ERR unknown command '\w{128}'", fails(c.cmd, "A" * 300))
