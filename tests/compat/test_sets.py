"""Sets beside redis-server 7.0.15: scripts, generated sequences, replication both ways."""
from beside import BOTH_WAYS, Stage, events, generated, replicated, scripted, side_by_side
from lib import REDIS_SERVER, replica_caught_up, wait_for

SCRIPT = """
SADD s a b c a | SADD s a | SCARD s | SMEMBERS s | SISMEMBER s a | SISMEMBER s z | SISMEMBER nokey a | SMISMEMBER s a z b | SMISMEMBER nokey a b | SMISMEMBER s | SREM s a z | SREM s b c | EXISTS s | SREM s a | SREM nokey a | SADD s | SREM s | SCARD nokey | SMEMBERS nokey | TYPE s
SADD i 1 2 3 | OBJECT ENCODING i | SADD i 01 -0 | SMEMBERS i | SISMEMBER i 01 | SISMEMBER i 1 | SISMEMBER i 001 | SADD j 9223372036854775807 -9223372036854775808 | OBJECT ENCODING j | SADD j 9223372036854775808 | SMEMBERS j | SREM j 9223372036854775807 | SMEMBERS j
SADD s "" | SISMEMBER s "" | SMEMBERS s | SPOP s | EXISTS s | SPOP s | SPOP nokey | SPOP nokey 3 | SADD s a | SPOP s 0 | SPOP s 5 | EXISTS s | SPOP s -1 | SPOP s abc | SPOP s 1 2 | SPOP | SPOP nokey 0 | SPOP nokey abc
SADD s a b c | SRANDMEMBER s | SRANDMEMBER s 2 | SRANDMEMBER s 10 | SRANDMEMBER s -10 | SRANDMEMBER s 0 | SRANDMEMBER s abc | SRANDMEMBER s 1 2 | SRANDMEMBER nokey | SRANDMEMBER nokey 1 | SRANDMEMBER nokey -1 | SRANDMEMBER nokey abc | SRANDMEMBER s -9223372036854775808 | SRANDMEMBER s 9223372036854775807 | SRANDMEMBER s 9223372036854775808 | SRANDMEMBER nokey 1 2
SADD a 1 2 3 x | SMOVE a b x | SMOVE a b x | SMOVE a b 1 | SMEMBERS a | SMEMBERS b | SMOVE nokey b 1 | SMOVE a a 2 | SMOVE a a 9 | SADD b 2 | SMOVE a b 2 | SMOVE a b 3 | EXISTS a | SMEMBERS b | SET str v | SMOVE str b 1 | SMOVE b str 1 | SMOVE nokey str 1 | SMOVE b nokey | SMOVE b str nothere
SADD a 1 2 3 4 | SADD b 3 4 5 | SADD c 4 5 6 | SINTER a b c | SINTER a | SINTER a nokey | SINTER nokey | SUNION a b c | SUNION a nokey | SUNION nokey | SDIFF a b c | SDIFF a | SDIFF nokey a | SDIFF a nokey | SDIFF a a | SINTER a a | SUNION a a b b | SINTER | SUNION | SDIFF
SADD a 1 2 x | SADD b 2 3 x | SINTERSTORE d a b | SMEMBERS d | SUNIONSTORE d a b | SMEMBERS d | SDIFFSTORE d a b | SMEMBERS d | OBJECT ENCODING d | SDIFFSTORE d a a | EXISTS d | SINTERSTORE d nokey | SINTERSTORE a a b | SMEMBERS a | SUNIONSTORE a a a | SMEMBERS a | SDIFFSTORE a a nokey | SMEMBERS a | SUNIONSTORE d | SINTERSTORE d
SADD a 1 | SET d str EX 100 | SINTERSTORE d a a | TTL d | TYPE d | SET d str | SDIFFSTORE d nokey | EXISTS d | SET d str | SINTERSTORE d d a | GET d | SINTERSTORE d nokey d | GET d | SUNIONSTORE d d | EXPIRE a 100 | SUNIONSTORE a a | TTL a
SADD a 1 2 3 4 5 | SADD b 2 3 4 5 6 | SINTERCARD 2 a b | SINTERCARD 2 a b LIMIT 2 | SINTERCARD 2 a b LIMIT 0 | SINTERCARD 2 a b LIMIT 100 | SINTERCARD 2 a b LIMIT -1 | SINTERCARD 2 a b LIMIT abc | SINTERCARD 2 a b LIMIT | SINTERCARD 0 a | SINTERCARD -1 a | SINTERCARD abc a | SINTERCARD 3 a b | SINTERCARD 1 a b | SINTERCARD 2 a nokey | SINTERCARD 1 nokey | SINTERCARD 2 a b LIMIT 1 LIMIT 2 | SINTERCARD 1 a FOO | SINTERCARD 9223372036854775807 a | SINTERCARD 1
SET k v | SADD k a | SREM k a | SISMEMBER k a | SMISMEMBER k a | SCARD k | SPOP k | SPOP k 1 | SRANDMEMBER k | SRANDMEMBER k 1 | SMEMBERS k | SSCAN k 0 | SINTER k | SINTER nokey k | SUNION nokey k | SDIFF nokey k | SINTERCARD 1 k | SINTERCARD 2 nokey k | SINTERSTORE d k | SUNIONSTORE d nokey k | SDIFFSTORE d k k | HSET k a b | SPOP k abc | SRANDMEMBER k abc
SADD s a b ab 1 | SSCAN s 0 | SSCAN s 0 MATCH a* | SSCAN s 0 COUNT 1 | SSCAN s 0 COUNT 0 | SSCAN s 0 COUNT abc | SSCAN s abc | SSCAN s | SSCAN s 0 FOO | SSCAN s 0 TYPE set | SSCAN s 0 NOVALUES | SSCAN nokey 0 | SSCAN nokey 0 COUNT abc | SSCAN nokey abc | SADD i 1 2 3 | SSCAN i 0 COUNT 1 | SSCAN i 0 MATCH 2
SADD s a | EXPIRE s 100 | SADD s b | TTL s | SREM s a b | SADD s x | TTL s | RENAME s t | SMEMBERS t | COPY t u | SADD u y | SMEMBERS t | SMEMBERS u | MOVE u 1 | SELECT 1 | SMEMBERS u | SELECT 0 | SADD t 1 | SET t str | GET t
MULTI | SADD s a | SCARD s | SMEMBERS s | SPOP s 5 | EXEC | MULTI | SADD s | EXEC | OBJECT REFCOUNT s | OBJECT ENCODING nokey
""" + "SADD s " + " ".join(map(str, range(512))) + " | OBJECT ENCODING s | SADD s 5 | OBJECT ENCODING s | SADD s 512 | OBJECT ENCODING s | SADD s x -5 4611686018427387903 4611686018427387904 | SMEMBERS s | SREM s " \
    + " ".join(map(str, range(510))) + """ | SMEMBERS s | OBJECT ENCODING s
SADD s """ + " ".join(f"m{i}" for i in range(200)) + " | OBJECT ENCODING s | SADD t 1 2 3 | SUNION s t | SINTERSTORE d s t | SUNIONSTORE d s t | SCARD d | OBJECT ENCODING d | SDIFFSTORE d s t | SCARD d | SADD t m5 | SINTER s t"

MEMBERS = ["a", "b", "x1", "x2", "1", "-7", "007", "", "\x00\xff", "y" * 70, "4611686018427387904", "-9223372036854775808"] \
    + [str(i) for i in range(10, 40)] + [f"m{i}" for i in range(10)]
LISTS = {
    "k": ["s1", "s2", "s3", "s4", "str"], "m": MEMBERS, "i": [str(i) for i in range(-20, 60)], "c": ["0", "1", "2", "100", "-3", "abc"],
    "p": ["*", "m*", "[1-3]*", "nothing"], "w": ["v", "1"],
}
STEADY = ["SADD k m", "SADD k m m m m m", "SADD k i i i", "SADD k i", "SREM k m", "SREM k m m i i", "SMOVE k k m", "SMOVE k k i",
          "SINTERSTORE k k k", "SUNIONSTORE k k k", "SDIFFSTORE k k k", "SUNIONSTORE k k", "DEL k", "RENAME k k", "COPY k k REPLACE",
          "PEXPIREAT k 9999999999999", "PERSIST k"]
WRITES = STEADY + ["SPOP k", "SPOP k c"]
READS = ["SMEMBERS k", "SCARD k", "SISMEMBER k m", "SISMEMBER k i", "SMISMEMBER k m i m", "SRANDMEMBER k", "SRANDMEMBER k c", "SINTER k k",
         "SINTER k k k", "SUNION k k k", "SDIFF k k k", "SINTERCARD 2 k k", "SINTERCARD 2 k k LIMIT c", "SINTERCARD c k k", "SSCAN k 0",
         "SSCAN k 0 COUNT c", "SSCAN k 0 MATCH p", "TYPE k", "OBJECT ENCODING k", "SET str w", "SADD k", "SPOP k c c"]
LOW = ["--set-max-intset-entries", 8]


def same(words, x):
    """Redis 7.0 knows no set in a listpack."""
    return b"hashtable" if words[0] == "OBJECT" and x == b"listpack" else x


def test_script_resp2():
    scripted(SCRIPT, 2, same=same)


def test_script_resp3():
    scripted(SCRIPT, 3, same=same)


def test_generated():
    generated(20260301, 20000, WRITES * 2 + READS, LISTS, same=same)


def test_generated_resp3_low_limits():
    generated(20260302, 20000, WRITES * 2 + READS, LISTS, resp=3, options=LOW, same=same)


def test_big_sets():
    def run(c):
        for base in range(0, 6000, 60):
            c.step(["SADD", "numbers"] + [str(i * 3) for i in range(base, base + 60)])
            c.step(["SADD", "words"] + [f"word:{i}" if i % 2 else str(i) for i in range(base, base + 60)])
        for words in (["SINTER", "numbers", "words"], ["SINTERCARD", 2, "numbers", "words"], ["SUNION", "numbers", "words"],
                      ["SDIFF", "words", "numbers"], ["SSCAN", "numbers", "0"], ["SSCAN", "words", "0", "COUNT", "500"],
                      ["SPOP", "numbers", 2500], ["SPOP", "words", 10], ["SCARD", "words"], ["SRANDMEMBER", "words", 5000],
                      ["SRANDMEMBER", "words", 20], ["SRANDMEMBER", "words", -20], ["DEBUG", "RELOAD"], ["SMEMBERS", "numbers"],
                      ["SMEMBERS", "words"], ["SPOP", "words", 100000], ["EXISTS", "words"]):
            c.step(words)
    side_by_side(2, run)


def test_draws_are_even():
    def run(c):
        for kind, members in (("i", range(8)), ("w", [f"m{i}" for i in range(8)]), ("big", range(2000))):
            c.ours.cmd("SADD", kind, *members)
            seen = {}
            for _ in range(200):
                for m in c.ours.cmd("SRANDMEMBER", kind, max(4, len(members) // 4)):
                    seen[m] = seen.get(m, 0) + 1
            assert len(seen) == len(members) and min(seen.values()) * 6 > max(seen.values()), seen
    side_by_side(2, run)


def test_encodings_of_later_versions():
    """The listpack form and its threshold are of 7.2."""
    def run(c):
        steps = [(["SADD", "s", *[f"m{i}" for i in range(128)]], b"listpack"), (["SADD", "s", "more"], b"hashtable"),
                 (["SADD", "t", "x" * 64], b"listpack"), (["SADD", "t", "x" * 65], b"hashtable"),
                 (["SADD", "i", *range(100)], b"intset"), (["SADD", "i", "a"], b"listpack"),
                 (["SADD", "j", *range(128)], b"intset"), (["SADD", "j", "a"], b"hashtable")]
        for words, form in steps:
            c.ours.cmd(*words)
            assert c.ours.cmd("OBJECT", "ENCODING", words[1]) == form, words[:3]
    side_by_side(2, run)


def test_events():
    events(20260304, 4000, STEADY + ["SPOP k 100"], LISTS)


def test_replication():
    for master, replica in BOTH_WAYS:
        replicated(master, replica, 20260303, 4000, WRITES, LISTS, options=LOW)


def test_words_of_the_stream():
    """What a replica is told: definite removals instead of draws."""
    with Stage() as stage:
        ours, theirs = stage.server(), stage.server(binary=REDIS_SERVER)
        with ours.client() as a, theirs.client() as b, theirs.client() as watch:
            b.cmd("REPLICAOF", "127.0.0.1", ours.port)
            wait_for("the replica", lambda: theirs.info("replication").get("master_link_status") == "up")
            watch.cmd("MONITOR")
            a.cmd("SADD", "s", *range(3000))
            a.cmd("SADD", "s", "1")  # changes nothing
            one = a.cmd("SPOP", "s")
            a.cmd("SPOP", "s", 1500)
            a.cmd("SPOP", "s", 5000)
            a.cmd("SPOP", "s")
            a.cmd("HINCRBYFLOAT", "h", "f", "1.5")
            a.cmd("SINTERSTORE", "d", "s", "s")
            a.cmd("SET", "end", "1")
            wait_for("the same offset", lambda: replica_caught_up(ours, theirs))
            told = []
            while not told or '"end"' not in told[-1]:
                told.append(watch.read().split("] ", 1)[-1])
            told = [t for t in told if '"PING"' not in t and '"SELECT"' not in t and "REPLCONF" not in t]
            assert told[1] == f'"SREM" "s" "{one.decode()}"', told[1]
            assert told[2].upper() == '"MULTI"' and told[5].upper() == '"EXEC"', [t[:40] for t in told]
            assert told[3].count('"') == 2 * 1026 and told[4].count('"') == 2 * (2 + 1500 - 1024)
            assert told[6:] == ['"DEL" "s"', '"HSET" "h" "f" "1.5"', '"SET" "end" "1"'], told[6:]
