"""Hashes beside redis-server 7.0.15: scripts, generated sequences, replication both ways."""
from beside import BOTH_WAYS, events, generated, replicated, scripted, side_by_side, split

SCRIPT = """
HSET h f v | HSET h f v2 | HSET h a 1 b 2 f 3 | HGETALL h | HLEN h | TYPE h | OBJECT ENCODING h | HSET h | HSET h a | HSET h a 1 b | HMSET h | HMSET h a | HMSET h a 1 b | HMSET h c 3 d 4 | HGETALL h
HSETNX h f 1 | HSETNX h f 2 | HGET h f | HSETNX h f | HGET h nope | HGET nokey f | HGET h | HMGET h f nope f | HMGET nokey a b | HMGET h | HSTRLEN h f | HSTRLEN h nope | HSTRLEN nokey f | HSTRLEN h
HSET h f v g w | HEXISTS h f | HEXISTS h no | HEXISTS nokey f | HKEYS h | HVALS h | HKEYS nokey | HVALS nokey | HGETALL nokey | HLEN nokey | HDEL h no | HDEL h f f no | HDEL h g | EXISTS h | HDEL h g | HDEL h
HINCRBY h n 5 | HINCRBY h n -7 | HINCRBY h n abc | HSET h s abc | HINCRBY h s 1 | HSET h max 9223372036854775807 | HINCRBY h max 1 | HINCRBY h max -1 | HSET h min -9223372036854775808 | HINCRBY h min -1 | HSET h sp " 1" | HINCRBY h sp 1 | HINCRBY h n 1.5 | HINCRBY h n 9223372036854775808 | HSET h e "" | HINCRBY h e 1 | HINCRBY h n | HGETALL h
HINCRBYFLOAT h x 0.1 | HINCRBYFLOAT h x 0.2 | HINCRBYFLOAT h x abc | HINCRBYFLOAT h x nan | HINCRBYFLOAT h x inf | HINCRBYFLOAT h x -inf | HSET h s abc | HINCRBYFLOAT h s 1 | HSET h e 5e3 | HINCRBYFLOAT h e 200 | HINCRBYFLOAT h x 1e4000 | HINCRBYFLOAT h y 1e4000 | HINCRBYFLOAT h y 1e4931 | HINCRBYFLOAT h z 1.7976931348623157e308 | HINCRBYFLOAT h z 1.7976931348623157e308 | HSET h sp " 1" | HINCRBYFLOAT h sp 1 | HINCRBYFLOAT h sp " 1" | HSET h em "" | HINCRBYFLOAT h em 1 | HINCRBYFLOAT h x | HGETALL h
HSET h n 10 | HINCRBYFLOAT h n 1.0 | HINCRBY h n 1 | HINCRBYFLOAT h n -11 | HGET h n | HINCRBYFLOAT h n 1e-17 | HINCRBYFLOAT h n 1e-18 | HINCRBYFLOAT h n 3.0 | HINCRBYFLOAT h i 9223372036854775807 | HINCRBYFLOAT h i 1
SET k v | HSET k f v | HMSET k f v | HSETNX k f v | HGET k f | HMGET k f | HGETALL k | HDEL k f | HLEN k | HSTRLEN k f | HEXISTS k f | HKEYS k | HVALS k | HINCRBY k f 1 | HINCRBYFLOAT k f 1 | HRANDFIELD k | HRANDFIELD k 1 | HSCAN k 0 | HINCRBY k f abc | HINCRBYFLOAT k f abc | HSCAN k abc | HSCAN k 0 COUNT abc | HRANDFIELD k abc | HSET k f
HSET h a 1 b 2 c 3 | HRANDFIELD h | HRANDFIELD h 0 | HRANDFIELD h 2 | HRANDFIELD h 10 | HRANDFIELD h -10 | HRANDFIELD h 10 WITHVALUES | HRANDFIELD h -10 withvalues | HRANDFIELD h 0 WITHVALUES | HRANDFIELD h abc | HRANDFIELD h 1 FOO | HRANDFIELD h 1 WITHVALUES x | HRANDFIELD h 9223372036854775808 | HRANDFIELD h -9223372036854775808 | HRANDFIELD h -9223372036854775807 WITHVALUES | HRANDFIELD h 9223372036854775807 WITHVALUES | HRANDFIELD h 9223372036854775807 | HRANDFIELD nokey | HRANDFIELD nokey 1 | HRANDFIELD nokey -1 WITHVALUES | HRANDFIELD nokey abc | HRANDFIELD
HSET h a 1 b 2 ab 3 | HSCAN h 0 | HSCAN h 0 MATCH a* | HSCAN h 0 COUNT 1 | HSCAN h 0 COUNT 0 | HSCAN h 0 COUNT -1 | HSCAN h 0 COUNT abc | HSCAN h abc | HSCAN h | HSCAN h 0 FOO | HSCAN h 0 FOO bar | HSCAN h 0 TYPE hash | HSCAN h 0 MATCH | HSCAN nokey 0 | HSCAN nokey 0 COUNT abc | HSCAN nokey abc | HSCAN h 5 | HSCAN h -1 | HSCAN h 0 MATCH b COUNT 10 MATCH a
HSET h f v | EXPIRE h 100 | HSET h g w | TTL h | HDEL h f g | EXISTS h | HSET h f v | TTL h | RENAME h h2 | HGETALL h2 | COPY h2 h3 | HSET h3 g w | HGETALL h2 | HGETALL h3 | MOVE h3 1 | SELECT 1 | HGETALL h3 | SELECT 0 | DEL h2 | HGETALL h2 | HSET h x y | SET h str | GET h
HSET h "" "" | HGET h "" | HEXISTS h "" | HSTRLEN h "" | HGETALL h | HDEL h "" | EXISTS h | HSET h 1 2 | HGET h 01 | HGET h 1 | HSET h 01 x | HGETALL h | HSET h -0 x 0 y | HKEYS h
MULTI | HSET h f v | HINCRBY h f 1 | HGET h f | HGETALL h | EXEC | MULTI | HSET h | HLEN h | EXEC | OBJECT ENCODING h | OBJECT REFCOUNT h | DEBUG OBJECT nokey | TOUCH h | EXISTS h h h
""" + "HSET h f " + "x" * 64 + " | OBJECT ENCODING h | HSET h f " + "x" * 65 + """ | OBJECT ENCODING h | HGETALL h | HSET h f v | OBJECT ENCODING h | HDEL h f | HSET h f v | OBJECT ENCODING h
HSET h """ + "x" * 65 + " v | OBJECT ENCODING h | HSETNX g " + "x" * 65 + " 1 | OBJECT ENCODING g | HINCRBY i " + "y" * 65 + """ 1 | OBJECT ENCODING i | HINCRBYFLOAT j z 1e100 | OBJECT ENCODING j
HSET h """ + " ".join(f"f{i} {i}" for i in range(512)) + " | OBJECT ENCODING h | HSET h f0 x | OBJECT ENCODING h | HSET h one more | OBJECT ENCODING h | HLEN h | HGETALL h | HDEL h " \
    + " ".join(f"f{i}" for i in range(510)) + " | HGETALL h | OBJECT ENCODING h"

FIELDS = ["a", "b", "f1", "f2", "f3", "1", "-7", "", "long-field-" + "x" * 60, "\x00\xff"] + [f"n{i}" for i in range(25)]
LISTS = {
    "k": ["h1", "h2", "h3", "s"], "f": FIELDS,
    "v": ["1", "0", "-5", "abc", "3.14", "9223372036854775807", "x" * 30, "x" * 70, "", "1e3", " 7"],
    "n": ["0", "1", "-1", "7", "abc", "9223372036854775807", "1.5", "-100"],
    "c": ["0", "1", "5", "100", "-3", "abc"], "p": ["*", "f*", "[a-f]*", "n1?", "nothing"],
}
WRITES = ["HSET k f v", "HSET k f v f v", "HSET k f v f v f v f v", "HMSET k f v f v", "HSETNX k f v", "HDEL k f", "HDEL k f f f f f",
          "HINCRBY k f n", "HINCRBYFLOAT k f n", "DEL k", "RENAME k k", "COPY k k REPLACE", "PEXPIREAT k 9999999999999", "PERSIST k"]
READS = ["HGET k f", "HMGET k f f f", "HGETALL k", "HLEN k", "HSTRLEN k f", "HEXISTS k f", "HKEYS k", "HVALS k", "HRANDFIELD k",
         "HRANDFIELD k c", "HRANDFIELD k c WITHVALUES", "HSCAN k 0", "HSCAN k 0 COUNT c", "HSCAN k 0 MATCH p", "TYPE k", "EXISTS k",
         "OBJECT ENCODING k", "HSET k f", "SET s v", "HSCAN k x1", "HDEL k", "HGET k"]
LOW = ["--hash-max-listpack-entries", 6, "--hash-max-listpack-value", 20]


def test_script_resp2():
    scripted(SCRIPT, 2)


def test_script_resp3():
    scripted(SCRIPT, 3)


def test_generated():
    generated(20260201, 20000, WRITES * 2 + READS, LISTS)


def test_generated_resp3_low_limits():
    generated(20260202, 20000, WRITES * 2 + READS, LISTS, resp=3, options=LOW)


def test_big_hash():
    def run(c):
        for base in range(0, 5000, 50):
            c.step(["HSET", "h"] + [w for i in range(base, base + 50) for w in (f"field:{i}", f"value:{i * 7}")])
        c.step(["HSCAN", "h", "0"])
        c.step(["HSCAN", "h", "0", "COUNT", "300", "MATCH", "*9"])
        c.step(["HRANDFIELD", "h", "4900"])
        c.step(["HRANDFIELD", "h", "10", "WITHVALUES"])
        for base in range(0, 4990, 10):
            c.step(["HDEL", "h"] + [f"field:{i}" for i in range(base, base + 10)])
            c.step(["HLEN", "h"])
        c.step(["HGETALL", "h"])
        c.step(["DEBUG", "RELOAD"])
        c.step(["HGETALL", "h"])
    side_by_side(2, run)


def drawn_fairly(words, n):
    """Each of four fields comes about as often as the others."""
    def run(c):
        for i in range(n):
            c.ours.cmd("HSET", "h", f"f{i}", i)
        seen = {}
        for _ in range(400):
            for f in c.ours.cmd(*words):
                seen[f] = seen.get(f, 0) + 1
        assert len(seen) == n and min(seen.values()) * 3 > max(seen.values()), seen
    side_by_side(2, run)


def test_draws_are_even():
    drawn_fairly(["HRANDFIELD", "h", "2"], 4)
    drawn_fairly(["HRANDFIELD", "h", "-2"], 4)
    drawn_fairly(["HRANDFIELD", "h", "100"], 100)


def test_hscan_novalues():
    def run(c):
        c.ours.cmd("HSET", "h", "a", "1", "b", "2")
        got = c.ours.cmd("HSCAN", "h", "0", "NOVALUES", "COUNT", "10")
        assert got[0] == b"0" and sorted(got[1]) == [b"a", b"b"], got
    side_by_side(2, run)


def test_events():
    events(20260204, 4000, WRITES, LISTS)


def test_replication():
    for master, replica in BOTH_WAYS:
        replicated(master, replica, 20260203, 4000, WRITES, LISTS, options=LOW)


def test_split():
    assert split('a "b c" d') == ["a", "b c", "d"]
