"""Lists: the same commands to our binary and to redis-server 7.0.15, in RESP2 and RESP3; what goes
to the stream; a real replica; a real master's snapshot."""
import random

from test_commands import both, check, compare, play_lines, REDIS_SERVER, Stage
from lib import replica_caught_up, wait_for  # noqa: E402 (test_commands set the path)

SCRIPTED = """
LPUSH l a | LPUSH l b c | RPUSH l 1 2 3 | LRANGE l 0 -1 | LLEN l | LPUSHX l x | RPUSHX l y z | LPUSHX no x | RPUSHX no x y | EXISTS no | TYPE l
LPUSH | LPUSH l | RPUSH l | LPUSHX l | LLEN | LLEN a b | LLEN no | SET s v | LPUSH s a | RPUSH s a | LPUSHX s a | LLEN s | LPOP s | RPOP s
RPUSH l a b c d e f | LPOP l | RPOP l | LPOP l 2 | RPOP l 1 | LPOP l 0 | LPOP l -1 | LPOP l abc | LPOP l 1 2 | RPOP l 1 2 | LPOP l 100 | EXISTS l | LPOP l | LPOP l 1 | LPOP l 0 | LPOP no abc | LPOP s 1.5
RPUSH l a b c | LINDEX l 0 | LINDEX l -1 | LINDEX l 3 | LINDEX l -4 | LINDEX l abc | LINDEX no abc | LINDEX no 0 | LINDEX l 9223372036854775807 | LINDEX l -9223372036854775808 | SET s v | LINDEX s 0 | LINDEX s abc
RPUSH l a b c b | LINSERT l BEFORE b X | LINSERT l AFTER b Y | LINSERT l after zz Y | LINSERT no BEFORE a b | LINSERT l foo b c | LINSERT l BEFORE b | LRANGE l 0 -1 | SET s v | LINSERT s BEFORE a b | LINSERT s foo a b
RPUSH l 1 2 3 | LSET l 0 x | LSET l -1 y | LSET l 3 z | LSET l -4 z | LSET l abc z | LSET no 0 z | LSET no abc z | LRANGE l 0 -1 | LSET l 1 12345678901234567890123 | LINDEX l 1 | SET s v | LSET s 0 a
RPUSH l a b a c a d a | LREM l 2 a | LRANGE l 0 -1 | LREM l -1 a | LRANGE l 0 -1 | LREM l 0 a | LREM l 0 zz | LREM l abc a | LREM no abc a | LREM no 0 a | LREM l 0 b | LREM l 0 c | LREM l 0 d | EXISTS l | LREM l 0 d | SET s v | LREM s 0 a
RPUSH l 1 2 1 01 1 | LREM l 1 01 | LREM l -9223372036854775807 1 | LRANGE l 0 -1
RPUSH l a b c d e f g | LTRIM l 1 -2 | LRANGE l 0 -1 | LTRIM l 0 -1 | LTRIM l -100 2 | LRANGE l 0 -1 | LTRIM l 5 1 | EXISTS l | LTRIM no 0 1 | LTRIM no a 1 | LTRIM no 0 b | SET s v | LTRIM s 0 1 | RPUSH l x | LTRIM l -3 -2 | EXISTS l | RPUSH l x | LTRIM l 3 5 | EXISTS l
RPUSH l a b c d e | LRANGE l 0 0 | LRANGE l 1 3 | LRANGE l -2 -1 | LRANGE l -100 100 | LRANGE l 3 1 | LRANGE l 5 10 | LRANGE l a 1 | LRANGE l 0 b | LRANGE no 0 -1 | LRANGE no a b | LRANGE l -9223372036854775808 9223372036854775807 | LRANGE l 0 -9223372036854775808 | SET s v | LRANGE s 0 -1 | LRANGE s a b
RPUSH l a b c 1 2 3 c c | LPOS l c | LPOS l c RANK 2 | LPOS l c RANK -1 | LPOS l c COUNT 2 | LPOS l c COUNT 0 | LPOS l c RANK -1 COUNT 2 | LPOS l c RANK 2 COUNT 0 MAXLEN 7 | LPOS l c MAXLEN 2 | LPOS l c MAXLEN 2 COUNT 0 | LPOS l zz | LPOS l zz COUNT 1 | LPOS no c | LPOS no c COUNT 0 | LPOS l 3
LPOS l c RANK 0 | LPOS l c RANK | LPOS l c COUNT -1 | LPOS l c MAXLEN -1 | LPOS l c RANK abc | LPOS l c COUNT abc | LPOS l c MAXLEN abc | LPOS l c FOO | LPOS l c FOO 1 | LPOS l | SET s v | LPOS s c | LPOS s c RANK 0 | LPOS l c RANK 1 COUNT
RPUSH l a b c | LMOVE l m LEFT RIGHT | LMOVE l m right left | LRANGE m 0 -1 | LMOVE l l LEFT RIGHT | LMOVE m m LEFT RIGHT | LRANGE m 0 -1 | LMOVE no m LEFT LEFT | LMOVE l m FOO LEFT | LMOVE l m LEFT FOO | LMOVE l m LEFT | SET s v | LMOVE s m LEFT LEFT | LMOVE l s LEFT LEFT | LMOVE no s LEFT LEFT | LRANGE l 0 -1 | LMOVE l m LEFT LEFT | EXISTS l
RPUSH l a b c | RPOPLPUSH l m | RPOPLPUSH l l | RPOPLPUSH no m | RPOPLPUSH l | LRANGE l 0 -1 | LRANGE m 0 -1 | SET s v | RPOPLPUSH s m | RPOPLPUSH l s | RPOPLPUSH no s
RPUSH l a b c d e | LMPOP 1 l LEFT | LMPOP 2 no l RIGHT COUNT 2 | LMPOP 1 no LEFT | LMPOP 0 l LEFT | LMPOP -1 l LEFT | LMPOP abc l LEFT | LMPOP 2 l LEFT | LMPOP 1 l FOO | LMPOP 1 l LEFT COUNT | LMPOP 1 l LEFT COUNT 0 | LMPOP 1 l LEFT COUNT -1 | LMPOP 1 l LEFT COUNT abc | LMPOP 1 l LEFT COUNT 1 COUNT 1 | LMPOP 1 l LEFT FOO 1 | LMPOP 1 l | LMPOP 9223372036854775807 l LEFT | SET s v | LMPOP 2 s l LEFT | LMPOP 2 l s LEFT COUNT 100 | EXISTS l | LMPOP 2 no s LEFT
RPUSH l a b c d e | BLPOP l 0 | BRPOP no l 0 | BLPOP l abc | BLPOP l -1 | BLPOP l | BLPOP no 0.01 | BRPOP no x 0.01 | BLPOP no nan | SET s v | BLPOP s 0 | BLPOP no s 0 | BRPOP no s l 1 | BLPOP s -1 | LRANGE l 0 -1
RPUSH l a b c d e | BLMPOP 0 1 l LEFT | BLMPOP 0.01 1 no LEFT | BLMPOP -1 1 l LEFT | BLMPOP abc 1 l LEFT | BLMPOP abc 0 l LEFT | BLMPOP 0 0 l LEFT | BLMPOP 0 2 no l RIGHT COUNT 2 | BLMPOP 0 1 l FOO | BLMPOP 0 1 l LEFT COUNT 0 | BLMPOP -1 1 l LEFT COUNT 0 | SET s v | BLMPOP 0 1 s LEFT | BLMPOP 0 1 l LEFT COUNT 10
RPUSH l a b c d e | BLMOVE l m LEFT RIGHT 0 | BLMOVE no m LEFT RIGHT 0.01 | BLMOVE l m LEFT FOO 0 | BLMOVE l m LEFT LEFT abc | BLMOVE l m LEFT FOO abc | BLMOVE l m LEFT LEFT -1 | SET s v | BLMOVE s m LEFT LEFT 0 | BLMOVE l s LEFT LEFT 0 | BRPOPLPUSH l m 0 | BRPOPLPUSH no m 0.01 | BRPOPLPUSH l s 1 | BRPOPLPUSH l m abc | LRANGE m 0 -1 | LRANGE l 0 -1
MULTI | BLPOP no 0 | BRPOP no 1 | BLMOVE no m LEFT LEFT 0 | BRPOPLPUSH no m 0 | BLMPOP 0 1 no LEFT | RPUSH l a | BLPOP l 0 | EXEC | MULTI | RPUSH l b | LPOP l 5 | LPOP no 1 | EXEC
RPUSH l a | RENAME l l2 | LRANGE l2 0 -1 | COPY l2 l3 | RPUSH l3 b | LRANGE l2 0 -1 | LRANGE l3 0 -1 | EXPIRE l2 100 | RPUSH l2 c | TTL l2 | SET l2 x | TYPE l2 | GET l3 | APPEND l3 x | INCR l3 | STRLEN l3 | SETRANGE l3 0 x | GETSET l3 x | SET l3 x GET | MGET l3 l2 | DEL l3 | EXISTS l3
RPUSH l "" | LRANGE l 0 -1 | LREM l 0 "" | RPUSH l 0 -0 00 1e3 " 1" | LREM l 0 0 | LRANGE l 0 -1 | LPOS l -0 | LINSERT l BEFORE 00 127 | LRANGE l 0 -1
COMMAND INFO LPUSH RPUSH LPUSHX RPUSHX LPOP RPOP LLEN LINDEX LINSERT LSET LREM LTRIM LRANGE LPOS LMOVE RPOPLPUSH LMPOP BLPOP BRPOP BLMOVE BRPOPLPUSH BLMPOP
COMMAND GETKEYS LMPOP 2 a b LEFT | COMMAND GETKEYS BLMPOP 0 2 a b LEFT | COMMAND GETKEYS BLPOP a b 0 | COMMAND GETKEYS LMOVE a b LEFT LEFT | COMMAND GETKEYS LMPOP 3 a b LEFT | COMMAND GETKEYSANDFLAGS LMOVE a b LEFT LEFT
""".strip().split("\n")


def test_scripted_resp2():
    play_lines(SCRIPTED, 2)


def test_scripted_resp3():
    play_lines(SCRIPTED, 3)


def test_newer_than_the_reference():
    """As Redis 7.2 has it: no wrong sign at the bounds, the name of the small encoding."""
    with Stage() as stage, stage.server().client() as c:
        c.cmd("RPUSH", "l", "1", "2")
        bounds = "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807"
        for words in (["LREM", "l", -2**63, "1"], ["LPOS", "l", "1", "RANK", -2**63]):
            assert str(c.raw(*words)) == bounds
        for timeout in ("1e400", "9223372036854775807", "inf", "99999999999999999"):
            assert str(c.raw("BLPOP", "no", timeout)) == "ERR timeout is out of range", timeout
        assert c.text("OBJECT", "ENCODING", "l") == "listpack"
        c.cmd("RPUSH", "l", "x" * 9000)
        assert c.text("OBJECT", "ENCODING", "l") == "quicklist"
        c.cmd("RPOP", "l")
        assert c.text("OBJECT", "ENCODING", "l") == "listpack"


KEYS = ["a", "b", "c"]
VALUES = ["1", "-5", "abc", "3.14", "9223372036854775807", "x" * 50, "", "0", "y" * 70, "z" * 700, "w" * 9000,
          "4096", "70000", "-70000", "5000000000", "00", " 7"]
NUMBERS = ["0", "1", "-1", "100", "5", "abc", "9223372036854775807", "1.5", "-100", "2", "3", "-3", "-2", "10"]
SHAPES = ["LPUSH k v", "LPUSH k v v v v", "RPUSH k v", "RPUSH k v v v v v v", "LPUSHX k v v", "RPUSHX k v", "LPOP k", "RPOP k",
          "LPOP k n", "RPOP k n", "LLEN k", "LINDEX k n", "LINSERT k BEFORE v v", "LINSERT k AFTER v v", "LSET k n v", "LREM k n v",
          "LTRIM k 1 -2", "LTRIM k n -1", "LRANGE k 0 -1", "LRANGE k n n", "LPOS k v", "LPOS k v RANK n", "LPOS k v COUNT n",
          "LPOS k v RANK n COUNT n MAXLEN n", "LMOVE k k e e", "RPOPLPUSH k k", "LMPOP 2 k k e", "LMPOP 2 k k e COUNT n",
          "BLPOP k k 0.001", "BLMOVE k k e e 0.001", "BLMPOP 0.001 2 k k e COUNT 2", "COPY k k REPLACE", "RENAME k k", "TYPE k",
          "RPUSH k v v v v v v v v v v v v v v v v v v v v v v v v v v v v v", "SET k v", "DEL k", "EXISTS k"]
RARE = {"SET k v", "DEL k", "LTRIM k n -1"}


def generated(seed, n):
    r = random.Random(seed)
    pick = {"k": KEYS, "v": VALUES, "n": NUMBERS, "e": ["LEFT", "RIGHT"]}
    for _ in range(n):
        shape = r.choice(SHAPES)
        if shape in RARE:
            shape = r.choice(SHAPES)
        yield [r.choice(pick[w]) if w in pick else w for w in shape.split(" ")]


def generate(seed, n, setup):
    differences = []

    def run(a, b):
        before = []
        for words in setup:
            a.cmd(*words)
            b.cmd(*words)
        for i, words in enumerate(generated(seed, n)):
            compare(a, b, words, differences, before)
            before.append(" ".join(words)[:100])
            if i % 100 == 99:
                for k in KEYS:
                    compare(a, b, ["LRANGE", k, "0", "-1"], differences, before)
            if differences:
                break
    both(2, run)
    check(differences)


def test_generated():
    generate(20260301, 20000, [])


def test_generated_small_nodes():
    generate(20260302, 10000, [["CONFIG", "SET", "list-max-listpack-size", "4"]])


EVENTS = [["RPUSH", "l", "a", "b", "c", "d", "e", "f"], ["LPOP", "l"], ["RPOP", "l", "2"], ["LSET", "l", "0", "x"],
          ["LINSERT", "l", "BEFORE", "x", "y"], ["LREM", "l", "0", "y"], ["LTRIM", "l", "0", "0"], ["LTRIM", "l", "0", "0"],
          ["LMOVE", "l", "m", "LEFT", "RIGHT"], ["LPUSHX", "m", "q"], ["RPUSHX", "m", "q"], ["LMPOP", "1", "m", "LEFT", "COUNT", "2"],
          ["RPOPLPUSH", "m", "m"], ["BLPOP", "m", "0"], ["RPUSH", "m", "1", "2"], ["BLMOVE", "m", "n", "LEFT", "LEFT", "0"],
          ["BRPOPLPUSH", "m", "n", "0"], ["BLMPOP", "0", "1", "n", "LEFT", "COUNT", "9"], ["LREM", "n", "0", "x"], ["LTRIM", "no", "0", "1"],
          ["RPUSH", "t", "1"], ["LTRIM", "t", "5", "6"]]


def test_events():
    """Keyspace notifications: the same events in the same order."""
    def told(stage, **kw):
        s = stage.server("--notify-keyspace-events", "KEAn", **kw)
        with s.client() as listener, s.client() as c:
            listener.cmd("PSUBSCRIBE", "*")
            for words in EVENTS:
                c.raw(*words)
            c.cmd("PUBLISH", "end", "end")
            got = []
            while not got or got[-1][2] != b"end":
                got.append(listener.read())
            return [(m[2], m[3]) for m in got if m[0] == b"pmessage"]
    with Stage() as stage:
        ours = [m for m in told(stage) if m[1] != b"new" and b":new" not in m[0]]
        theirs = [m for m in told(stage, binary=REDIS_SERVER) if m[1] != b"new" and b":new" not in m[0]]
        assert ours == theirs, f"\nours   {ours}\ntheirs {theirs}"


def stream_of(stage, commands, **kw):
    """What a replica of that server is sent."""
    server = stage.server("--repl-diskless-sync-delay", "0", **kw)
    with server.client() as link, server.client() as c, server.client() as waiting:
        link.send("PSYNC", "?", "-1")
        assert link.line().startswith(b"+FULLRESYNC")
        head = b""
        while not head.startswith(b"$"):
            head = link.file.readline()
        link.file.read(int(head[1:]))
        for words in commands:
            if words[0].startswith("@"):
                waiting.send(words[0][1:], *words[1:])
                wait_for("a blocked client", lambda: c.info("clients")["blocked_clients"] == "1")
            else:
                c.raw(*words)
        c.cmd("SET", "the-end", "x")
        got = []
        while not got or got[-1][:2] != [b"SET", b"the-end"]:
            words = link.read()
            if words and words[0].upper() != b"PING":
                got.append([w.upper() if w in (b"left", b"right") else w for w in words])
        return got


STREAM = [["RPUSH", "l", "a", "b", "c", "d", "e", "f"], ["BLPOP", "no", "l", "0"], ["LMPOP", "2", "no", "l", "RIGHT", "COUNT", "2"],
          ["BLMPOP", "0", "1", "l", "LEFT", "COUNT", "1"], ["BLMOVE", "l", "m", "LEFT", "RIGHT", "0"], ["BRPOPLPUSH", "m", "l", "0"],
          ["LREM", "l", "0", "none"], ["LTRIM", "l", "0", "-1"], ["LPOP", "l", "0"], ["LPOP", "l", "7"], ["LPOP", "l"], ["LPUSHX", "l", "x"],
          ["@BLPOP", "w", "0"], ["RPUSH", "w", "1", "2"], ["DEL", "w"], ["@BLMOVE", "w", "v", "LEFT", "RIGHT", "0"], ["RPUSH", "w", "1"],
          ["@BRPOPLPUSH", "w", "v", "0"], ["RPUSH", "w", "1"], ["@BLMPOP", "0", "1", "w", "LEFT", "COUNT", "2"], ["RPUSH", "w", "1", "2", "3"],
          ["DEL", "w"], ["@BRPOP", "w", "0"], ["MULTI"], ["LPUSH", "w", "1"], ["LPUSH", "w", "2"], ["EXEC"], ["LPUSH", "w", "3"]]


def test_stream():
    """What replicas are told, word for word."""
    with Stage() as stage:
        ours = stream_of(stage, STREAM)
        theirs = stream_of(stage, STREAM, binary=REDIS_SERVER)
        assert ours == theirs, "\nours   " + "\n       ".join(map(str, ours)) + "\ntheirs " + "\n       ".join(map(str, theirs))


def fill(client):
    client.pipeline([["RPUSH", "big"] + [f"element:{i}" for i in range(k, k + 100)] for k in range(0, 20000, 100)])
    client.pipeline([["RPUSH", f"small:{i}", str(i), "abc", "-1", "x" * (i % 200)] for i in range(300)])
    client.cmd("RPUSH", "huge", "a", "b" * 100000, "c", "d" * 9000, "e" * 3000)


def same_lists(a, b):
    for key in ["big", "huge"] + [f"small:{i}" for i in range(300)]:
        assert a.cmd("LRANGE", key, 0, -1) == b.cmd("LRANGE", key, 0, -1), key


def replicate(master_binary, replica_binary):
    with Stage() as stage:
        master = stage.server(**({"binary": master_binary} if master_binary else {}))
        replica = stage.server(**({"binary": replica_binary} if replica_binary else {}))
        with master.client() as m, replica.client() as r:
            fill(m)
            r.cmd("REPLICAOF", "127.0.0.1", master.port)
            wait_for("the link", lambda: r.info("replication").get("master_link_status") == "up")
            for words in generated(7, 3000):
                m.raw(*words)
            wait_for("the same offset", lambda: replica_caught_up(master, replica))
            same_lists(m, r)
            for k in KEYS:
                assert m.raw("LRANGE", k, 0, -1) == r.raw("LRANGE", k, 0, -1) or m.cmd("TYPE", k) == "string", k


def test_redis_follows_us():
    replicate(None, REDIS_SERVER)


def test_we_follow_redis():
    replicate(REDIS_SERVER, None)


def test_debug_object_tells_of_nodes():
    with Stage() as stage, stage.server("--enable-debug-command", "yes").client() as c:
        c.cmd("RPUSH", "short", "a")
        c.cmd("RPUSH", "long", *(f"element:{i}" for i in range(3000)))
        assert "ql_nodes" not in c.text("DEBUG", "OBJECT", "short")
        facts = dict(w.split(":", 1) for w in c.text("DEBUG", "OBJECT", "long").split() if ":" in w)
        nodes = int(facts["ql_nodes"])
        assert nodes > 1 and facts["ql_avg_node"] == f"{3000 / nodes:.2f}" and facts["ql_listpack_max"] == "-2"
        assert facts["encoding"] == "quicklist" and int(facts["ql_uncompressed_size"]) > 3000 * 9
        assert c.text("DEBUG", "QUICKLIST-PACKED-THRESHOLD", "200b") == "OK"


def test_dumps_go_both_ways():
    def run(a, b):
        fill(a)
        for key in ["big", "huge"] + [f"small:{i}" for i in range(0, 300, 7)]:
            b.cmd("RESTORE", key, 0, a.cmd("DUMP", key))
            a.cmd("RESTORE", key + ":back", 0, b.cmd("DUMP", key))
            want = a.cmd("LRANGE", key, 0, -1)
            assert b.cmd("LRANGE", key, 0, -1) == want and a.cmd("LRANGE", key + ":back", 0, -1) == want, key
            a.cmd("DEL", key + ":back")
        for key in set(a.cmd("KEYS", "*")) - set(b.cmd("KEYS", "*")):
            a.cmd("DEL", key)
        assert a.cmd("DEBUG", "DIGEST") == b.cmd("DEBUG", "DIGEST")
    both(2, run)
