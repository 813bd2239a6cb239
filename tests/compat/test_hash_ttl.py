"""Deadlines of hash fields. The installed reference has none: what Redis 7.4 answers is written down here."""
import random
import shlex
import struct

from lib import Client, ReplyError, Stage, ours_only, replica_caught_up, wait_for

FAR = 4102444800000  # 2100
SMALL, BIG = [], ["--hash-max-listpack-entries", "1", "--zset-max-listpack-entries", "1"]

# command -> reply; errors by a piece of their text
SCRIPT = [
    ("HSET h a 1 b 2 c 3", 3),
    ("HTTL h FIELDS 2 a nope", [-1, -2]), ("HTTL none FIELDS 1 a", [-2]), ("HPTTL none FIELDS 2 a b", [-2, -2]),
    ("HPERSIST none FIELDS 1 a", [-2]), ("HEXPIRE none 100 FIELDS 2 a b", [-2, -2]),
    ("HEXPIRE h 100 FIELDS 3 a b nope", [1, 1, -2]), ("HTTL h FIELDS 3 a b c", [100, 100, -1]),
    ("HEXPIRE h 200 NX FIELDS 2 a c", [0, 1]), ("HEXPIRE h 200 XX FIELDS 2 a nope", [1, -2]),
    ("HEXPIRE h 100 GT FIELDS 1 a", [0]), ("HEXPIRE h 300 gt fields 1 a", [1]), ("HEXPIRE h 400 LT FIELDS 1 a", [0]),
    ("HEXPIRE h 50 LT FIELDS 1 a", [1]), ("HTTL h FIELDS 3 a b c", [50, 100, 200]),
    ("HSET h d 4", 1), ("HEXPIRE h 100 GT FIELDS 1 d", [0]), ("HEXPIRE h 100 XX FIELDS 1 d", [0]), ("HEXPIRE h 100 LT FIELDS 1 d", [1]),
    (f"HPEXPIREAT h {FAR} FIELDS 1 a", [1]), ("HPEXPIRETIME h FIELDS 2 a nope", [FAR, -2]), ("HEXPIRETIME h FIELDS 1 a", [FAR // 1000]),
    (f"HPEXPIREAT h {FAR + 1} FIELDS 1 a", [1]), ("HEXPIRETIME h FIELDS 1 a", [FAR // 1000 + 1]),
    (f"HEXPIREAT h {FAR // 1000} FIELDS 2 a a", [1, 1]), ("HPEXPIRETIME h FIELDS 1 a", [FAR]),
    ("HPERSIST h FIELDS 3 a a nope", [1, -1, -2]), ("HPTTL h FIELDS 1 a", [-1]),
    # a new value ends the deadline, a sum keeps it
    (f"HPEXPIREAT h {FAR} FIELDS 3 a b c", [1, 1, 1]), ("HSET h a 5", 0), ("HPEXPIRETIME h FIELDS 1 a", [-1]),
    ("HINCRBY h b 5", 7), ("HPEXPIRETIME h FIELDS 1 b", [FAR]), ("HINCRBYFLOAT h c 0.5", "3.5"), ("HPEXPIRETIME h FIELDS 1 c", [FAR]),
    ("HSETNX h b x", 0), ("HPEXPIRETIME h FIELDS 1 b", [FAR]), ("HMSET h b 9", "OK"), ("HPEXPIRETIME h FIELDS 1 b", [-1]),
    ("HDEL h c", 1), ("HSET h c 3", 1), ("HPEXPIRETIME h FIELDS 1 c", [-1]),
    # COPY, RENAME, MOVE keep deadlines
    (f"HPEXPIREAT h {FAR} FIELDS 1 a", [1]), ("COPY h h2", 1), ("HPEXPIRETIME h2 FIELDS 2 a b", [FAR, -1]), ("RENAME h2 h3", "OK"),
    ("HPEXPIRETIME h3 FIELDS 2 a b", [FAR, -1]), ("HPERSIST h3 FIELDS 1 a", [1]), ("HPEXPIRETIME h FIELDS 1 a", [FAR]),
    ("MOVE h 1", 1), ("SELECT 1", "OK"), ("HPEXPIRETIME h FIELDS 2 a b", [FAR, -1]), ("MOVE h 0", 1), ("SELECT 0", "OK"),
    ("EXPIRE h 100", 1), ("HPEXPIRETIME h FIELDS 1 a", [FAR]), ("PERSIST h", 1), ("HPEXPIRETIME h FIELDS 1 a", [FAR]),
    # a time in the past takes the field away, and with the last one the key
    ("HPEXPIRE h 0 XX FIELDS 2 a b", [2, 0]), ("HEXISTS h a", 0), ("HEXPIREAT h 1 FIELDS 3 a b c", [-2, 2, 2]), ("HLEN h", 1),
    ("HEXPIRE h 0 FIELDS 2 d d", [2, -2]), ("EXISTS h", 0), ("TYPE h", "none"),
    # errors, in their order
    ("SET s 1", "OK"), ("HEXPIRE s x FIELDS 0 a", "WRONGTYPE"), ("HTTL s x 1 a", "WRONGTYPE"), ("HPERSIST s FIELDS 0 x", "WRONGTYPE"),
    ("HEXPIRE h 1 FIELDS 1", "ERR wrong number of arguments for 'hexpire' command"),
    ("HTTL h FIELDS 1", "ERR wrong number of arguments for 'httl' command"),
    ("HPERSIST h FIELDS 1", "ERR wrong number of arguments for 'hpersist' command"),
    ("HEXPIRE h x NO 0 a", "ERR value is not an integer or out of range"), ("HEXPIRE h -1 NO 0 a", "ERR invalid expire time, must be >= 0"),
    ("HEXPIRE h 70368744178 FIELDS 1 a", "ERR invalid expire time in 'hexpire' command"),
    ("HPEXPIRE h 70368744177663 FIELDS 1 a", "ERR invalid expire time in 'hpexpire' command"),
    ("HEXPIREAT h 9223372036854775807 FIELDS 1 a", "ERR invalid expire time in 'hexpireat' command"),
    ("HPEXPIREAT h 70368744177664 FIELDS 1 a", "ERR invalid expire time in 'hpexpireat' command"), ("HPEXPIREAT h 70368744177663 FIELDS 1 a", [-2]),
    ("HEXPIRE h 1 NX XX FIELDS 1 a", "ERR Mandatory argument FIELDS is missing or not at the right position"),
    ("HEXPIRE h 1 1 a FIELDS", "ERR Mandatory argument FIELDS is missing or not at the right position"),
    ("HTTL h NX 1 a", "ERR Mandatory argument FIELDS is missing or not at the right position"),
    ("HEXPIRE h 1 FIELDS 0 a", "ERR Parameter `numFields` should be greater than 0"),
    ("HEXPIRE h 1 FIELDS x a", "ERR Parameter `numFields` should be greater than 0"),
    ("HEXPIRE h 1 FIELDS 2 a", "ERR The `numfields` parameter must match the number of arguments"),
    ("HEXPIRE h 1 FIELDS 1 a b", "ERR The `numfields` parameter must match the number of arguments"),
    ("HTTL h FIELDS 0 a", "ERR Number of fields must be a positive integer"),
    ("HPERSIST h FIELDS -1 a", "ERR Number of fields must be a positive integer"),
    ("HPEXPIRETIME h FIELDS 2 a", "ERR The `numfields` parameter must match the number of arguments"),
    ("HPERSIST h FIELDS 3 a b", "ERR The `numfields` parameter must match the number of arguments"),
]


def plain(x):
    return x.decode() if isinstance(x, bytes) else [plain(v) for v in x] if isinstance(x, list) else x


def play(options):
    with Stage() as stage, stage.server(*options).client() as c:
        for command, want in SCRIPT:
            got = plain(c.raw(*shlex.split(command)))
            ok = str(got).startswith(want) if isinstance(got, ReplyError) else got == want
            assert ok, (command, got, want)


@ours_only
def test_script():
    play(SMALL)


@ours_only
def test_script_big():
    play(BIG)


def past(c, *fields):
    """h with those fields past their deadlines, and `live` that has none; nobody has looked at them."""
    c.cmd("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    c.cmd("DEL", "h")
    c.cmd("HSET", "h", "live", "1", *(x for f in fields for x in (f, "1")))
    assert c.cmd("HPEXPIRE", "h", 1, "FIELDS", len(fields), *fields) == [1] * len(fields)
    now = ms(c)
    wait_for("the deadline", lambda: ms(c) > now + 2, every=0.001)


def ms(c):
    s, us = c.cmd("TIME")
    return int(s) * 1000 + int(us) // 1000


def lazy(options):
    with Stage() as stage, stage.server(*options).client() as c:
        past(c, "a", "b", "c")
        assert c.cmd("HLEN", "h") == 4  # counts what is still there
        assert plain(c.cmd("HGETALL", "h")) == ["live", "1"]
        assert plain(c.cmd("HKEYS", "h")) == ["live"] and plain(c.cmd("HVALS", "h")) == ["1"]
        assert plain(c.cmd("HSCAN", "h", 0)) == ["0", ["live", "1"]]
        for _ in range(20):
            assert c.text("HRANDFIELD", "h") == "live"
        assert plain(c.cmd("HRANDFIELD", "h", 5)) == ["live"] and plain(c.cmd("HRANDFIELD", "h", -3)) == ["live"] * 3
        assert c.cmd("HTTL", "h", "FIELDS", 1, "a") == [-2] and c.cmd("HLEN", "h") == 3  # reading it took it away
        assert c.cmd("HGET", "h", "b") is None and c.cmd("HLEN", "h") == 2
        assert c.cmd("HDEL", "h", "c") == 1
        past(c, "a", "b", "c")
        assert c.cmd("HMGET", "h", "a", "live") == [None, b"1"]
        assert c.cmd("HEXISTS", "h", "b") == 0 and c.cmd("HSTRLEN", "h", "c") == 0 and c.cmd("HLEN", "h") == 1
        past(c, "a", "b", "c")
        assert c.cmd("HINCRBY", "h", "a", 5) == 5 and c.text("HINCRBYFLOAT", "h", "b", 5) == "5"
        assert c.cmd("HSETNX", "h", "c", "new") == 1 and c.cmd("HPTTL", "h", "FIELDS", 3, "a", "b", "c") == [-1] * 3
        past(c, "a", "b", "c")
        assert c.cmd("HPERSIST", "h", "FIELDS", 1, "a") == [-2] and c.cmd("HEXPIRE", "h", 100, "FIELDS", 1, "b") == [-2]
        c.cmd("RPUSH", "l", "h")
        assert plain(c.cmd("SORT", "l", "BY", "nosort", "GET", "*->c", "GET", "*->live")) == [None, "1"]
        past(c, "a")
        c.cmd("HDEL", "h", "live")
        assert c.cmd("HGETALL", "h") == [] and c.cmd("HRANDFIELD", "h") is None and c.cmd("HRANDFIELD", "h", 3) == []
        assert c.cmd("EXISTS", "h") == 1 and c.cmd("HGET", "h", "a") is None and c.cmd("EXISTS", "h") == 0
        assert int(c.info("stats")["expired_subkeys"]) == 12


@ours_only
def test_expired_fields_are_not_seen():
    lazy(SMALL)


@ours_only
def test_expired_fields_are_not_seen_big():
    lazy(BIG)


@ours_only
def test_encoding_and_counts():
    with Stage() as stage, stage.server().client() as c:
        c.cmd("HSET", "h", "a", "1", "b", "2")
        before = c.cmd("MEMORY", "USAGE", "h")
        c.cmd("HEXPIRE", "h", 100, "FIELDS", 1, "a")
        assert c.text("OBJECT", "ENCODING", "h") == "listpackex" and ",subexpiry=1" in c.text("INFO", "keyspace")
        assert c.cmd("MEMORY", "USAGE", "h") > before
        c.cmd("HSET", "h", "long", "x" * 100)
        assert c.text("OBJECT", "ENCODING", "h") == "hashtable" and c.cmd("HTTL", "h", "FIELDS", 1, "a") == [100]
        c.cmd("HDEL", "h", "a")
        assert "subexpiry" not in c.text("INFO", "keyspace")
        c.cmd("HSET", "g", "a", "1", "b", "2")
        c.cmd("HEXPIRE", "g", 100, "FIELDS", 1, "a")
        c.cmd("HPERSIST", "g", "FIELDS", 1, "a")
        assert c.text("OBJECT", "ENCODING", "g") == "listpack" and c.cmd("MEMORY", "USAGE", "g") == before


@ours_only
def test_active_expiry():
    with Stage() as stage, stage.server("--notify-keyspace-events", "KEA").client() as c:
        c.cmd("DEBUG", "SET-ACTIVE-EXPIRE", "0")
        for i in range(50):
            c.cmd("HSET", f"h{i}", *(x for f in range(10) for x in (f"f{f}", "v")))
            c.cmd("HPEXPIRE", f"h{i}", 1, "FIELDS", 10 if i % 2 else 9, *(f"f{f}" for f in range(10 if i % 2 else 9)))
        many = [f"field:{i}" for i in range(5000)]
        c.cmd("HSET", "big", "live", "1", *(x for f in many for x in (f, "v")))
        c.cmd("HPEXPIRE", "big", 1, "FIELDS", len(many), *many)
        c.cmd("DEBUG", "SET-ACTIVE-EXPIRE", "1")
        wait_for("the keys with nothing but expired fields", lambda: c.cmd("DBSIZE") == 26)
        wait_for("the other fields", lambda: c.cmd("HLEN", "big") == 1 and all(c.cmd("HLEN", f"h{i}") == 1 for i in range(0, 50, 2)))
        assert int(c.info("stats")["expired_subkeys"]) == 25 * 19 + 5000 and "subexpiry" not in c.text("INFO", "keyspace")


@ours_only
def test_events():
    with Stage() as stage:
        p = stage.server("--notify-keyspace-events", "KEA")
        with p.client() as c, p.client() as ears:
            ears.cmd("PSUBSCRIBE", "__keyevent@0__:*")

            def heard(*want):
                c.cmd("PUBLISH", "__keyevent@0__:end", "end")
                got = []
                while True:
                    channel = ears.read()[2].decode().split(":")[1]
                    if channel == "end":
                        break
                    got.append(channel)
                assert got == list(want), (got, want)
            c.cmd("HSET", "h", "a", "1", "b", "2", "c", "3")
            heard("hset")
            c.cmd("HEXPIRE", "h", 100, "FIELDS", 2, "a", "b")
            heard("hexpire")
            c.cmd("HEXPIRE", "h", 100, "NX", "FIELDS", 1, "a")
            heard()
            c.cmd("HPERSIST", "h", "FIELDS", 1, "a")
            heard("hpersist")
            c.cmd("HPERSIST", "h", "FIELDS", 1, "a")
            heard()
            c.cmd("HEXPIRE", "h", 0, "FIELDS", 1, "a")
            heard("hdel")
            c.cmd("HEXPIRE", "h", 0, "FIELDS", 2, "b", "c")
            heard("hdel", "del")
            past(c, "a", "b")
            heard("hset", "hexpire")
            c.cmd("HGET", "h", "a")
            heard("hexpired")
            c.cmd("HDEL", "h", "live")
            heard("hdel")
            c.cmd("HGET", "h", "b")
            heard("hexpired", "del")


class Stream:
    """What the master sends, from the end of a full synchronisation on."""

    def __init__(self, port):
        self.c = Client(port)
        self.c.send("SYNC")
        while not (line := self.c.file.readline()).startswith(b"$"):
            pass
        head = line[1:].strip()
        if head.startswith(b"EOF:"):
            seen = b""
            while not seen.endswith(head[4:]):
                seen += self.c.file.read(1)
        else:
            self.c.file.read(int(head))

    def until(self, mark):
        out = []
        while True:
            got = plain(self.c.read())
            if got == ["SET", "mark", mark]:
                return out
            if got[0] not in ("SELECT", "PING"):
                out.append(got)


@ours_only
def test_stream():
    with Stage() as stage:
        p = stage.server("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")
        with p.client() as c:
            stream = Stream(p.port)

            def sent(*want):
                c.cmd("SET", "mark", "x")
                got = stream.until("x")
                assert got == [w.split(" ") for w in want], (got, want)
            c.cmd("HSET", "h", "a", "1", "b", "2", "c", "3", "f", "1")
            c.cmd("HPEXPIREAT", "h", FAR, "FIELDS", 3, "a", "nope", "b")
            sent("HSET h a 1 b 2 c 3 f 1", f"HPEXPIREAT h {FAR} FIELDS 2 a b")
            c.cmd("HEXPIREAT", "h", FAR // 1000 + 1, "GT", "FIELDS", 2, "a", "c")
            sent(f"HPEXPIREAT h {FAR + 1000} FIELDS 1 a")
            c.cmd("HPEXPIRE", "h", 1000, "XX", "FIELDS", 1, "c")
            sent()
            c.cmd("HINCRBYFLOAT", "h", "a", 1)
            sent("MULTI", "HSET h a 2", f"HPEXPIREAT h {FAR + 1000} FIELDS 1 a", "EXEC")
            c.cmd("HPERSIST", "h", "FIELDS", 1, "a")
            c.cmd("HPERSIST", "h", "FIELDS", 1, "a")
            sent("HPERSIST h FIELDS 1 a")
            c.cmd("HEXPIRE", "h", 0, "FIELDS", 3, "a", "nope", "b")
            sent("HDEL h a b")
            c.cmd("DEL", "h")
            sent("DEL h")
            past(c, "x", "y")
            stream_head = c.cmd("HMGET", "h", "x", "live", "y")
            assert stream_head == [None, b"1", None]
            c.cmd("SET", "mark", "y")
            got = stream.until("y")
            assert [w[0] for w in got] == ["HSET", "HPEXPIREAT", "MULTI", "HDEL", "HDEL", "EXEC"], got


@ours_only
def test_replica_waits_for_its_master():
    with Stage() as stage:
        m = stage.server("--repl-diskless-sync-delay", "0")
        r = stage.server("--replicaof", f"127.0.0.1 {m.port}")
        with m.client() as a, r.client() as b:
            wait_for("the link", lambda: replica_caught_up(m, r))
            past(a, "x", "y")
            wait_for("the stream", lambda: replica_caught_up(m, r))
            assert b.cmd("HGET", "h", "x") is None and plain(b.cmd("HGETALL", "h")) == ["live", "1"]
            assert b.cmd("HLEN", "h") == 3 and b.cmd("HTTL", "h", "FIELDS", 1, "x") == [-2]
            a.cmd("DEBUG", "SET-ACTIVE-EXPIRE", "1")
            wait_for("the master's HDEL", lambda: b.cmd("HLEN", "h") == 1)
            a.cmd("HSET", "h", "k", "1")
            a.cmd("HPEXPIREAT", "h", FAR, "FIELDS", 1, "k")
            wait_for("the stream", lambda: replica_caught_up(m, r))
            assert b.cmd("HPEXPIRETIME", "h", "FIELDS", 1, "k") == [FAR]
            assert a.cmd("DEBUG", "DIGEST") == b.cmd("DEBUG", "DIGEST")


def fill(c):
    c.cmd("HSET", "small", "a", "1", "b", "two", "3", "3")
    c.cmd("HPEXPIREAT", "small", FAR, "FIELDS", 1, "b")
    c.cmd("HPEXPIREAT", "small", FAR - 5, "FIELDS", 1, "3")
    c.cmd("HSET", "big", *(x for i in range(600) for x in (f"f{i}", i)))
    for i in range(0, 600, 7):
        c.cmd("HPEXPIREAT", "big", FAR + i, "FIELDS", 1, f"f{i}")
    c.cmd("HSET", "none", "a", "1")


@ours_only
def test_snapshot_and_payload():
    with Stage() as stage, stage.server().client() as c:
        fill(c)
        digest = c.cmd("DEBUG", "DIGEST")
        for _ in range(2):
            c.cmd("DEBUG", "RELOAD")
            assert c.cmd("DEBUG", "DIGEST") == digest
            assert c.cmd("HPEXPIRETIME", "small", "FIELDS", 3, "a", "b", "3") == [-1, FAR, FAR - 5]
            assert c.cmd("HPEXPIRETIME", "big", "FIELDS", 3, "f0", "f1", "f595") == [FAR, -1, FAR + 595]
            assert ",subexpiry=2" in c.text("INFO", "keyspace")
        for key, code in (("small", 25), ("big", 24), ("none", 16)):
            payload = c.cmd("DUMP", key)
            assert payload[0] == code
            c.cmd("RESTORE", "copy", 0, payload, "REPLACE")
            assert c.cmd("DEBUG", "DIGEST-VALUE", key, "copy")[0] == c.cmd("DEBUG", "DIGEST-VALUE", key, "copy")[1]
        c.cmd("HPERSIST", "small", "FIELDS", 2, "b", "3")
        assert c.cmd("DUMP", "small")[0] == 16


def crc64(data):
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x95AC9329AC4BC9B5 if crc & 1 else 0)
    return crc


def payload(code, body, version=12):
    head = bytes([code]) + body + struct.pack("<H", version)
    return head + struct.pack("<Q", crc64(head))


def text(s):
    return bytes([len(s)]) + s


def item(x):
    """An item of a listpack, as a text."""
    return bytes([0x80 | len(x)]) + x + bytes([len(x) + 1])


def number(n):
    return b"\xf4" + struct.pack("<q", n) + b"\x09"


def listpack(*items):
    body = b"".join(items)
    return struct.pack("<IH", 7 + len(body), len(items)) + body + b"\xff"


# By hand, from the description of the format: (payload, deadlines of a and b; None: refused)
EARLY = struct.pack("<q", FAR)
TRIPLES = listpack(item(b"a"), item(b"x"), number(FAR), item(b"b"), item(b"y"), number(0))
PAYLOADS = [
    (payload(25, EARLY + text(TRIPLES)), [FAR, -1]),
    (payload(23, text(TRIPLES)), [FAR, -1]),
    (payload(24, EARLY + b"\x02" + b"\x01" + text(b"a") + text(b"x") + b"\x08" + text(b"b") + text(b"y")), [FAR, FAR + 7]),
    (payload(24, EARLY + b"\x02" + b"\x00" + text(b"a") + text(b"x") + b"\x02" + text(b"b") + text(b"y")), [-1, FAR + 1]),
    (payload(22, b"\x02" + b"\x00" + text(b"a") + text(b"x") + b"\x81" + struct.pack(">Q", FAR) + text(b"b") + text(b"y")), [-1, FAR]),
    (payload(25, EARLY + text(listpack(item(b"a"), item(b"x"), number(FAR), item(b"a"), item(b"y"), number(0)))), None),
    (payload(25, EARLY + text(listpack(item(b"a"), item(b"x")))), None),
    (payload(25, EARLY + text(listpack(item(b"a"), item(b"x"), item(b"soon")))), None),
    (payload(25, EARLY + text(listpack(item(b"a"), item(b"x"), number(-1)))), None),
    (payload(25, EARLY + text(listpack(item(b"a"), item(b"x"), number(1 << 50)))), None),
    (payload(25, b"\xff" * 8 + text(TRIPLES)), None), (payload(25, EARLY), None), (payload(25, EARLY[:5]), None),
    (payload(24, EARLY + b"\x02" + (b"\x01" + text(b"a") + text(b"x")) * 2), None),
    (payload(24, EARLY + b"\x01" + b"\x81" + b"\xff" * 8 + text(b"a") + text(b"x")), None),
    (payload(24, EARLY + b"\x03" + b"\x01" + text(b"a") + text(b"x")), None),
    # listpacks and intsets that say something twice, or out of order
    (payload(16, text(listpack(item(b"a"), item(b"x"), item(b"a"), item(b"y")))), None),
    (payload(16, text(listpack(number(1), item(b"x"), item(b"1"), item(b"y")))), None),
    (payload(20, text(listpack(item(b"a"), item(b"b"), item(b"a")))), None),
    (payload(17, text(listpack(item(b"a"), number(1), item(b"a"), number(2)))), None),
    (payload(17, text(listpack(item(b"a"), number(2), item(b"b"), number(1)))), None),
    (payload(11, text(struct.pack("<IIhh", 2, 2, 5, 5))), None),
    (payload(11, text(struct.pack("<IIhh", 2, 2, 5, 4))), None),
    (payload(16, b"\x42\x6e" + listpack(*(x for i in range(40) for x in (item(b"f%d" % (i % 39)), item(b"v"))))), None),
]


@ours_only
def test_payloads_by_hand():
    with Stage() as stage, stage.server().client() as c:
        for i, (bytes_, want) in enumerate(PAYLOADS):
            c.cmd("DEL", "h")
            got = c.raw("RESTORE", "h", 0, bytes_)
            if want is None:
                assert str(got) == "ERR Bad data format", (i, got)
            else:
                assert got == "OK", (i, got)
                assert c.cmd("HPEXPIRETIME", "h", "FIELDS", 2, "a", "b") == want, i
                assert plain(c.cmd("HMGET", "h", "a", "b")) == ["x", "y"]
        assert c.cmd("PING") == "PONG"


@ours_only
def test_big_hash_keeps_its_deadlines():
    """Deadlines are set, changed and cleared at random; a table of what they are must agree."""
    r = random.Random(7)
    with Stage() as stage, stage.server("--hash-max-listpack-entries", "20").client() as c:
        want = {}
        for step in range(4000):
            f = f"f{r.randrange(60)}"
            what = r.randrange(6)
            if what < 2:
                c.cmd("HSET", "h", f, step)
                want[f] = -1
            elif what == 2 and f in want:
                c.cmd("HDEL", "h", f)
                del want[f]
            elif what == 3 and f in want:
                c.cmd("HPERSIST", "h", "FIELDS", 1, f)
                want[f] = -1
            elif f in want:
                want[f] = FAR + step
                c.cmd("HPEXPIREAT", "h", FAR + step, "FIELDS", 1, f)
            if step % 50 == 0 and want:
                names = sorted(want)
                assert c.cmd("HPEXPIRETIME", "h", "FIELDS", len(names), *names) == [want[n] for n in names], step
            if step % 1000 == 999:
                c.cmd("DEBUG", "RELOAD")
