"""Sorted sets beside redis-server 7.0.15: scripts, generated sequences, replication both ways."""
from beside import BOTH_WAYS, Stage, events, generated, replicated, scripted, side_by_side
from lib import REDIS_SERVER, replica_caught_up, wait_for

SCRIPT = """
ZADD z 1 a 2 b 3 c | ZADD z 1 a | ZADD z 5 a | ZADD z CH 6 a 7 d | ZADD z NX 9 a 9 e | ZADD z XX 10 a 10 zz | ZADD z XX CH 11 a | ZADD z GT 1 a | ZADD z GT CH 20 a | ZADD z LT 30 a | ZADD z LT CH 2 a | ZADD z GT CH 1 new | ZRANGE z 0 -1 WITHSCORES | ZCARD z | TYPE z | OBJECT ENCODING z
ZADD z NX XX 1 a | ZADD z GT LT 1 a | ZADD z NX GT 1 a | ZADD z INCR 1 a 2 b | ZADD z 1 | ZADD z | ZADD z x a | ZADD z 1 a x b | ZADD z 1 a 2 | ZADD z NX | ZADD z NX CH 1 | ZADD z nan a | ZADD z +inf a | ZADD z -inf b | ZADD z INCR -inf a | ZADD z INCR +inf b | ZRANGE z 0 -1 WITHSCORES | EXISTS y | ZADD y XX 1 a | EXISTS y | ZADD y XX INCR 1 a | ZADD y NX INCR 1 a | ZADD y NX INCR 1 a | ZADD y GT INCR -1 a | ZADD y GT INCR 1 a | ZADD y INCR 1.5 b
ZADD z 0.1 a 3.14 b 1e300 c -1e-300 d 1e17 e 123456789012345678 f 9007199254740993 g 4503599627370497.5 h 1e16 i 99999999999999990 j 0x10 k -0 l 1.7976931348623157e308 m 2.2250738585072014e-308 n 5e-324 o 100000 p 1e21 q 0.30000000000000004 r | ZRANGE z 0 -1 WITHSCORES | ZSCORE z a | ZSCORE z l | ZSCORE z e | ZMSCORE z a b c d e f g h i j k l m n o p q nokey | ZSCAN z 0 | ZSCORE z nokey | ZSCORE nokey a | ZMSCORE nokey a b
ZINCRBY z 1 a | ZINCRBY z 0.1 a | ZINCRBY z -5 a | ZINCRBY z x a | ZINCRBY z nan a | ZINCRBY z inf a | ZINCRBY z -inf a | ZINCRBY z NX a | ZINCRBY z 1 | ZADD z 0.1 b | ZINCRBY z 0.2 b | ZINCRBY z 1e400 b | ZINCRBY z "" b | ZINCRBY z " 1" b
ZADD z 1 a 2 b 3 c 4 d | ZREM z a | ZREM z a x | ZREM z b c d | EXISTS z | ZREM z a | ZREM z | ZREM nokey a
ZADD z 1 a 2 b 2 ba 3 c | ZRANK z a | ZRANK z c | ZREVRANK z a | ZREVRANK z c | ZRANK z x | ZREVRANK z x | ZRANK nokey a | ZRANK z ba | ZRANK z b | ZCOUNT z 1 2 | ZCOUNT z (1 (3 | ZCOUNT z -inf +inf | ZCOUNT z 3 1 | ZCOUNT z x 1 | ZCOUNT z 1 ( | ZCOUNT z "" 5 | ZCOUNT z nan 1 | ZCOUNT z (inf -inf | ZCOUNT nokey 0 1 | ZCOUNT z 2 2 | ZCOUNT z (2 2
ZADD z 1 a 2 b 3 c 4 d 5 e | ZRANGE z 0 -1 | ZRANGE z 1 2 | ZRANGE z -2 -1 WITHSCORES | ZRANGE z 3 1 | ZRANGE z 10 20 | ZRANGE z -100 100 | ZRANGE z 0 -1 REV | ZRANGE z 0 1 REV WITHSCORES | ZRANGE z x 1 | ZRANGE z 0 -1 LIMIT 0 1 | ZRANGE z 0 -1 LIMIT 0 -1 | ZRANGE z 0 -1 LIMIT 0 | ZRANGE z 0 -1 FOO | ZRANGE z 0 -1 REV REV | ZRANGE z 0 -1 BYSCORE BYLEX | ZRANGE z 0 -1 BYSCORE BYSCORE | ZRANGE z 0 -1 WITHSCORES WITHSCORES | ZRANGE nokey 0 -1 | ZRANGE nokey x y | ZRANGE z 1.5 2
ZADD z 1 a 2 b 3 c 4 d 5 e | ZRANGE z 1 3 BYSCORE | ZRANGE z (1 (3 BYSCORE WITHSCORES | ZRANGE z 3 1 BYSCORE REV | ZRANGE z -inf +inf BYSCORE LIMIT 1 2 | ZRANGE z +inf -inf BYSCORE REV LIMIT 1 2 | ZRANGE z -inf inf BYSCORE LIMIT -1 2 | ZRANGE z -inf inf BYSCORE LIMIT 0 -1 | ZRANGE z -inf inf BYSCORE LIMIT 0 0 | ZRANGE z -inf inf BYSCORE LIMIT 10 2 | ZRANGE z -inf inf BYSCORE LIMIT x 2 | ZRANGE z a b BYSCORE | ZRANGE z 1 3 BYSCORE REV | ZRANGE z -inf inf BYSCORE LIMIT 3 100 REV
ZREVRANGE z 0 -1 | ZADD z 1 a 2 b 3 c | ZREVRANGE z 0 -1 WITHSCORES | ZREVRANGE z 1 1 | ZREVRANGE z 0 -1 REV | ZREVRANGE z 0 0 LIMIT 1 1 | ZRANGEBYSCORE z 1 2 WITHSCORES | ZRANGEBYSCORE z (1 +inf LIMIT 0 1 | ZRANGEBYSCORE z 1 2 LIMIT 1 1 WITHSCORES | ZRANGEBYSCORE z 1 2 BYLEX | ZRANGEBYSCORE z 1 2 REV | ZRANGEBYSCORE z 1 2 LIMIT 0 | ZREVRANGEBYSCORE z 3 1 | ZREVRANGEBYSCORE z (3 1 WITHSCORES LIMIT 0 1 | ZREVRANGEBYSCORE z 1 3 | ZRANGEBYSCORE nokey 1 2 | ZREVRANGEBYSCORE z +inf -inf LIMIT 1 -5
ZADD z 0 a 0 b 0 c 0 d 0 aa 0 "" | ZRANGEBYLEX z - + | ZRANGEBYLEX z [a [c | ZRANGEBYLEX z (a (c | ZRANGEBYLEX z - (b LIMIT 1 1 | ZREVRANGEBYLEX z + - | ZREVRANGEBYLEX z [c [a LIMIT 0 2 | ZRANGE z [a [c BYLEX | ZRANGE z + - BYLEX REV | ZRANGE z [c [a BYLEX REV LIMIT 1 1 | ZRANGEBYLEX z a c | ZRANGEBYLEX z [a | ZRANGEBYLEX z -x + | ZRANGEBYLEX z "" + | ZRANGE z - + BYLEX WITHSCORES | ZRANGEBYLEX z - + WITHSCORES | ZLEXCOUNT z - + | ZLEXCOUNT z [a (c | ZLEXCOUNT z + - | ZLEXCOUNT z [c [a | ZLEXCOUNT z x y | ZLEXCOUNT nokey - + | ZRANGEBYLEX z + + | ZRANGEBYLEX z - - | ZLEXCOUNT z [ ( | ZLEXCOUNT z ( [
ZADD z 1 a 2 b 3 c 4 d 5 e | ZREMRANGEBYRANK z 0 0 | ZREMRANGEBYRANK z 10 20 | ZREMRANGEBYRANK z -1 -1 | ZREMRANGEBYRANK z x 1 | ZREMRANGEBYSCORE z (2 3 | ZREMRANGEBYSCORE z x 3 | ZREMRANGEBYSCORE z -inf inf | EXISTS z | ZREMRANGEBYSCORE z 1 2 | ZADD z 0 a 0 b 0 c | ZREMRANGEBYLEX z [a (b | ZREMRANGEBYLEX z x y | ZREMRANGEBYLEX z - + | EXISTS z | ZREMRANGEBYRANK nokey 0 -1 | ZREMRANGEBYLEX nokey - +
ZADD z 1 a 2 b 3 c 4 d | ZPOPMIN z | ZPOPMAX z | ZPOPMIN z 0 | ZPOPMIN z -1 | ZPOPMIN z x | ZPOPMIN z 1 2 | ZPOPMAX z 10 | EXISTS z | ZPOPMIN z | ZPOPMAX nokey 3 | ZPOPMIN nokey 0 | ZADD z 1 a 2 b | ZPOPMIN z 1 | ZPOPMAX z 1
ZADD y 1 a 2 b 3 c | ZMPOP 2 x y MIN | ZMPOP 2 x y MAX COUNT 5 | ZMPOP 1 x MIN | ZMPOP 0 x MIN | ZMPOP -1 x MIN | ZMPOP a x MIN | ZMPOP 1 x | ZMPOP 2 x MIN | ZMPOP 1 x FOO | ZMPOP 1 x MIN COUNT 0 | ZMPOP 1 x MIN COUNT | ZMPOP 1 x MIN COUNT a | ZMPOP 1 x MIN COUNT 1 COUNT 2 | ZMPOP 1 x MIN FOO 1 | SET s v | ZMPOP 2 x s MIN | ZADD y 1 a | ZMPOP 2 y s MIN COUNT 1
ZADD y 1 a 2 b 3 c | BZPOPMIN x y 0.01 | BZPOPMAX x y 0 | BZPOPMIN y x 1 | BZPOPMIN y 0.01 | BZPOPMIN y -1 | BZPOPMIN y abc | BZPOPMIN y | BZMPOP 0.01 1 y MIN | ZADD y 1 a 2 b | BZMPOP 0 2 x y MAX COUNT 2 | BZMPOP -1 1 y MIN | BZMPOP x 1 y MIN | BZMPOP 0 0 y MIN | BZMPOP 0 1 y FOO | SET s v | BZPOPMIN x s y 0.01 | BZMPOP 0.01 2 x s MIN | BZPOPMIN s 0 | MULTI | BZPOPMIN x 0 | BZMPOP 0 1 x MIN | EXEC
ZADD z 1 a 2 b 3 c | ZRANDMEMBER z | ZRANDMEMBER z 2 | ZRANDMEMBER z 10 | ZRANDMEMBER z -10 | ZRANDMEMBER z 2 WITHSCORES | ZRANDMEMBER z 0 | ZRANDMEMBER z 0 WITHSCORES | ZRANDMEMBER z x | ZRANDMEMBER z 1 FOO | ZRANDMEMBER z 1 WITHSCORES x | ZRANDMEMBER z -9223372036854775808 | ZRANDMEMBER z 9223372036854775807 WITHSCORES | ZRANDMEMBER z 4611686018427387904 WITHSCORES | ZRANDMEMBER z 9223372036854775807 | ZRANDMEMBER nokey | ZRANDMEMBER nokey 1 | ZRANDMEMBER nokey -1 WITHSCORES
ZADD z 1 a 2 b 3 ab | ZSCAN z 0 | ZSCAN z 0 MATCH a* | ZSCAN z 0 COUNT 1 | ZSCAN z 0 COUNT 0 | ZSCAN z 0 COUNT x | ZSCAN z x | ZSCAN z 0 FOO | ZSCAN z 0 TYPE zset | ZSCAN nokey 0 | ZSCAN nokey 0 COUNT x | ZSCAN nokey x | ZSCAN z
ZADD a 1 x 2 y 3 z | ZADD b 10 y 20 z 30 w | ZUNION 2 a b | ZUNION 2 a b WITHSCORES | ZUNION 2 a b WEIGHTS 2 3 WITHSCORES | ZUNION 2 a b AGGREGATE MIN WITHSCORES | ZUNION 2 a b AGGREGATE max WEIGHTS 1 0.5 WITHSCORES | ZINTER 2 a b WITHSCORES | ZINTER 2 a b WEIGHTS 1 -1 WITHSCORES | ZINTER 2 a nokey | ZDIFF 2 a b WITHSCORES | ZDIFF 1 a | ZDIFF 2 nokey a | ZDIFF 2 a nokey WITHSCORES | ZDIFF 2 a a | ZINTER 2 a a WITHSCORES | ZUNION 2 a a WITHSCORES | ZINTER 1 a | ZUNION 1 nokey | ZINTER 3 a a b WEIGHTS 1 10 100 WITHSCORES
ZADD a 1 x | ZUNION 0 a | ZUNION -1 a | ZUNION x a | ZUNION 2 a | ZUNION 1 a WEIGHTS | ZUNION 1 a WEIGHTS x | ZUNION 1 a WEIGHTS 1 2 | ZUNION 1 a AGGREGATE | ZUNION 1 a AGGREGATE foo | ZUNION 1 a FOO | ZDIFF 1 a WEIGHTS 1 | ZDIFF 1 a AGGREGATE SUM | ZUNIONSTORE d 1 a WITHSCORES | ZINTERCARD 1 a WITHSCORES | ZINTERCARD 0 a | ZINTERCARD 1 a LIMIT | ZINTERCARD 1 a LIMIT -1 | ZINTERCARD 1 a LIMIT x | ZUNIONSTORE d 0 a | ZINTERSTORE d 5 a | ZDIFFSTORE d x a | SET s v | ZUNION 1 s | ZUNION 2 nokey s FOO | ZINTERCARD 1 s | ZDIFFSTORE d 2 a s | ZUNIONSTORE s 1 a | TYPE s
ZADD a 1 x 2 y inf i | ZADD b -inf i 5 x | ZUNIONSTORE d 2 a b | ZRANGE d 0 -1 WITHSCORES | ZINTERSTORE d 2 a b WEIGHTS 0 1 | ZRANGE d 0 -1 WITHSCORES | ZDIFFSTORE d 2 a b | ZRANGE d 0 -1 WITHSCORES | ZINTERSTORE d 2 a nokey | EXISTS d | ZUNIONSTORE a 2 a a | ZRANGE a 0 -1 WITHSCORES | ZDIFFSTORE a 2 a a | EXISTS a | ZINTERCARD 2 b b | ZINTERCARD 2 b b LIMIT 1 | ZINTERCARD 2 b b LIMIT 0 | ZINTERCARD 2 a b | EXPIRE b 100 | ZUNIONSTORE b 1 b WEIGHTS 2 | TTL b | OBJECT ENCODING b
SADD s a b c | ZADD z 5 a 6 b 7 q | ZUNION 2 s z WITHSCORES | ZINTER 2 s z WITHSCORES | ZINTER 2 s z WEIGHTS 10 1 WITHSCORES | ZDIFF 2 z s WITHSCORES | ZDIFF 2 s z WITHSCORES | ZINTERCARD 2 s z | ZUNIONSTORE d 2 s z | ZRANGE d 0 -1 WITHSCORES | SADD i 1 2 3 | ZUNION 1 i WITHSCORES | ZINTER 2 i i WITHSCORES | ZADD s 1 a | ZSCORE s a
ZADD z 1 a 2 b 3 c 4 d | ZRANGESTORE d z 1 2 | ZRANGE d 0 -1 WITHSCORES | ZRANGESTORE d z 0 1 REV | ZRANGE d 0 -1 WITHSCORES | ZRANGESTORE d z (1 3 BYSCORE | ZRANGE d 0 -1 | ZRANGESTORE d z - + BYLEX LIMIT 1 2 | ZRANGE d 0 -1 | ZRANGESTORE d z 4 1 BYSCORE REV LIMIT 0 2 | ZRANGE d 0 -1 | ZRANGESTORE d z 10 20 | EXISTS d | ZRANGESTORE d nokey 0 1 | ZRANGESTORE z z 0 0 | ZRANGE z 0 -1 | ZRANGESTORE d z 0 -1 WITHSCORES | ZRANGESTORE d z 0 -1 LIMIT 0 1 | ZRANGESTORE d z x y | SET s v | ZRANGESTORE d s 0 1 | ZRANGESTORE s z 0 -1 | TYPE s
SET k v | ZADD k 1 a | ZADD k x a | ZINCRBY k 1 a | ZREM k a | ZSCORE k a | ZMSCORE k a | ZCARD k | ZRANK k a | ZREVRANK k a | ZRANGE k 0 -1 | ZRANGE k x y | ZRANGEBYSCORE k 1 2 | ZRANGEBYLEX k - + | ZCOUNT k 1 2 | ZCOUNT k x 2 | ZLEXCOUNT k - + | ZREMRANGEBYRANK k 0 1 | ZREMRANGEBYSCORE k 0 1 | ZREMRANGEBYLEX k - + | ZPOPMIN k | ZPOPMIN k x | ZRANDMEMBER k | ZRANDMEMBER k 1 | ZSCAN k 0 | ZSCAN k x | ZADD k XX 1 a
ZADD z 1 a | EXPIRE z 100 | ZADD z 2 b | TTL z | RENAME z y | ZRANGE y 0 -1 | COPY y x | ZADD x 3 c | ZRANGE y 0 -1 | ZRANGE x 0 -1 | MOVE x 1 | SELECT 1 | ZRANGE x 0 -1 WITHSCORES | SELECT 0 | SET y str | GET y | MULTI | ZADD z 1 a 2 b | ZRANGE z 0 -1 WITHSCORES | ZPOPMIN z 5 | EXEC
""" + "ZADD z " + " ".join(f"{i} m{i}" for i in range(128)) + " | OBJECT ENCODING z | ZADD z 5 m5 | OBJECT ENCODING z | ZADD z 500 more | OBJECT ENCODING z | ZRANGE z 10 20 WITHSCORES | ZREMRANGEBYRANK z 3 -1 | OBJECT ENCODING z | ZUNIONSTORE d 1 z | OBJECT ENCODING d | ZADD t 1 " + "x" * 64 + " | OBJECT ENCODING t | ZADD t 1 " + "x" * 65 + " | OBJECT ENCODING t | ZRANGESTORE u t 0 0 | OBJECT ENCODING u | ZRANGESTORE u t 0 -1 | OBJECT ENCODING u | ZADD v 1 " + "y" * 65 + " | OBJECT ENCODING v | ZADD z -0 m1 0 m2 | ZRANGE z 0 -1 WITHSCORES"

MEMBERS = ["a", "b", "c", "x1", "1", "-7", "007", "", "\x00\xff", "y" * 70] + [f"m{i}" for i in range(25)]
SCORES = ["0", "1", "2", "3", "-1", "1.5", "0.1", "1e17", "inf", "-inf", "100", "5"]
LISTS = {
    "k": ["z1", "z2", "z3", "z4", "str"], "m": MEMBERS, "s": SCORES, "n": ["0", "1", "2", "5", "-1", "-3", "100", "abc"],
    "b": ["-inf", "+inf", "0", "1", "(1", "2", "(2", "5", "x"], "p": ["*", "m*", "[xy]*"], "w": ["v", "1"],
    "o": ["NX", "XX", "GT", "LT", "CH", "INCR", "nx", "FOO"], "g": ["SUM", "MIN", "MAX"], "e": ["MIN", "MAX"],
    "l": ["0", "1", "2", "10", "-1"],
}
# Names have an order only where scores are equal.
LEX_LISTS = {"k": ["l1", "l2"], "m": MEMBERS, "x": ["-", "+", "[a", "(a", "[m1", "(m2", "[x1", "[", "(", "[y", "x"], "l": ["0", "1", "2", "10", "-1"]}
LEX = ["ZADD k 0 m 0 m 0 m", "ZADD k 0 m", "ZREM k m m", "ZRANGEBYLEX k x x", "ZREVRANGEBYLEX k x x", "ZRANGE k x x BYLEX LIMIT l l",
       "ZRANGE k x x BYLEX REV", "ZLEXCOUNT k x x", "ZREMRANGEBYLEX k x x", "ZRANGEBYLEX k x x LIMIT l l", "ZRANGESTORE k k x x BYLEX"]
STEADY = ["ZADD k s m s m s m s m", "ZADD k s m s m", "ZADD k s m", "ZADD k o s m", "ZADD k o o s m s m", "ZINCRBY k s m", "ZREM k m m m",
          "ZREMRANGEBYRANK k n n", "ZREMRANGEBYSCORE k b b", "ZPOPMIN k", "ZPOPMAX k n", "ZMPOP 2 k k e COUNT n",
          "ZUNIONSTORE k 2 k k", "ZUNIONSTORE k 2 k k WEIGHTS s s AGGREGATE g", "ZINTERSTORE k 2 k k AGGREGATE g", "ZDIFFSTORE k 2 k k",
          "ZRANGESTORE k k n n", "ZRANGESTORE k k b b BYSCORE LIMIT l l", "BZPOPMIN k k 0.001", "BZMPOP 0.001 2 k k e COUNT n", "DEL k",
          "RENAME k k", "COPY k k REPLACE"]
FILL = ["ZADD k s m s m s m s m s m s m s m", "ZADD k s m s m"] * 8
READS = ["ZSCORE k m", "ZMSCORE k m m", "ZCARD k", "ZRANK k m", "ZREVRANK k m", "ZRANGE k n n", "ZRANGE k n n WITHSCORES",
         "ZRANGE k n n REV WITHSCORES", "ZRANGE k b b BYSCORE LIMIT l l", "ZRANGE k b b BYSCORE REV WITHSCORES", "ZREVRANGE k n n WITHSCORES",
         "ZRANGEBYSCORE k b b WITHSCORES", "ZREVRANGEBYSCORE k b b LIMIT l l", "ZCOUNT k b b", "ZUNION 2 k k WITHSCORES",
         "ZUNION 2 k k AGGREGATE g WEIGHTS s s WITHSCORES", "ZINTER 2 k k WITHSCORES", "ZDIFF 2 k k WITHSCORES", "ZINTERCARD 2 k k LIMIT l",
         "ZRANDMEMBER k", "ZRANDMEMBER k n", "ZRANDMEMBER k n WITHSCORES", "ZSCAN k 0", "ZSCAN k 0 MATCH p", "OBJECT ENCODING k", "TYPE k",
         "SET str w"]
LOW = ["--zset-max-listpack-entries", 6]


def test_script_resp2():
    scripted(SCRIPT, 2)


def test_script_resp3():
    scripted(SCRIPT, 3)


def test_generated():
    generated(20260501, 20000, FILL + STEADY + READS, LISTS)


def test_generated_resp3_low_limits():
    generated(20260502, 20000, FILL + STEADY + READS, LISTS, resp=3, options=LOW)


def test_generated_names():
    generated(20260503, 8000, LEX, LEX_LISTS)
    generated(20260504, 8000, LEX, LEX_LISTS, options=LOW)


def test_big():
    def run(c):
        for base in range(0, 6000, 60):
            c.step(["ZADD", "z"] + [x for i in range(base, base + 60) for x in (i * 7919 % 6007, f"m{i}")])
            c.step(["ZADD", "same"] + [x for i in range(base, base + 60) for x in (0, f"{i * 7919 % 6007:05}")])
        for words in (["ZRANGE", "z", 0, -1, "WITHSCORES"], ["ZREVRANGE", "z", 100, 3000], ["ZRANGE", "same", 0, -1], ["ZRANK", "z", "m77"],
                      ["ZRANGEBYSCORE", "z", 1000, 2000, "LIMIT", 100, 50], ["ZRANGEBYLEX", "same", "[01", "(02"], ["ZSCAN", "z", "0"],
                      ["ZSCAN", "z", "0", "COUNT", "700"], ["ZINTERCARD", 2, "z", "z"], ["ZUNIONSTORE", "u", 2, "z", "same"], ["ZCARD", "u"],
                      ["ZPOPMIN", "z", 2000], ["ZPOPMAX", "z", 10], ["ZREMRANGEBYSCORE", "z", 3000, 4000], ["ZRANDMEMBER", "z", 5000],
                      ["ZRANDMEMBER", "z", 20], ["ZRANDMEMBER", "z", -20, "WITHSCORES"], ["DEBUG", "RELOAD"],
                      ["ZRANGE", "z", 0, -1, "WITHSCORES"], ["ZRANGE", "u", 0, -1, "WITHSCORES"], ["ZREMRANGEBYRANK", "z", 0, -1],
                      ["EXISTS", "z"]):
            c.step(words)
    side_by_side(2, run)


def test_draws_are_even():
    def run(c):
        for kind, n in (("small", 8), ("big", 2000)):
            c.ours.cmd("ZADD", kind, *[x for i in range(n) for x in (i, f"m{i}")])
            seen = {}
            for _ in range(200):
                for m in c.ours.cmd("ZRANDMEMBER", kind, max(4, n // 4)):
                    seen[m] = seen.get(m, 0) + 1
            assert len(seen) == n and min(seen.values()) * 6 > max(seen.values()), seen
    side_by_side(2, run)


def test_rank_with_score():
    """A word of 7.2."""
    for resp in (2, 3):
        def run(c):
            a = c.ours
            a.cmd("ZADD", "z", 1, "a", 2.5, "b")
            want = 2.5 if resp == 3 else b"2.5"
            assert a.cmd("ZRANK", "z", "b", "WITHSCORE") == [1, want]
            assert a.cmd("ZREVRANK", "z", "b", "WITHSCORE") == [0, want]
            assert a.cmd("ZRANK", "z", "x", "WITHSCORE") is None
            assert "syntax error" in str(a.raw("ZRANK", "z", "b", "FOO"))
            assert "wrong number" in str(a.raw("ZRANK", "z", "b", "WITHSCORE", "x"))
        side_by_side(resp, run)


def test_events():
    events(20260506, 4000, FILL + STEADY, LISTS)


def test_dumps_go_both_ways():
    """Small and big, odd scores; the same digest at the end."""
    def run(c):
        ours, theirs = c.ours, c.theirs
        for i, n in enumerate((1, 5, 100, 128, 129, 1000, 5000)):
            pairs = [x for k in range(n) for x in (SCORES[k % len(SCORES)] if k % 3 else k * 0.37 - n, f"m{k}" if k % 2 else k)]
            ours.cmd("ZADD", f"z{i}", *pairs)
            theirs.cmd("RESTORE", f"z{i}", 0, ours.cmd("DUMP", f"z{i}"))
            ours.cmd("RESTORE", f"z{i}:back", 0, theirs.cmd("DUMP", f"z{i}"))
            theirs.cmd("ZADD", f"z{i}:back", *pairs)
            for key in (f"z{i}", f"z{i}:back"):
                c.step(["ZRANGE", key, 0, -1, "WITHSCORES"])
                c.step(["OBJECT", "ENCODING", key])
        c.step(["DEBUG", "DIGEST"])
    side_by_side(2, run)


def test_replication():
    for master, replica in BOTH_WAYS:
        replicated(master, replica, 20260505, 4000, FILL + STEADY, LISTS, options=LOW)


def test_waiting():
    """Who waits is served in order, by definite words to the replica."""
    with Stage() as stage:
        ours, theirs = stage.server(), stage.server(binary=REDIS_SERVER)
        with ours.client() as a, ours.client() as one, ours.client() as two, theirs.client() as b, theirs.client() as watch:
            b.cmd("REPLICAOF", "127.0.0.1", ours.port)
            wait_for("the replica", lambda: theirs.info("replication").get("master_link_status") == "up")
            watch.cmd("MONITOR")
            one.send("BZPOPMIN", "x", "z", 0)
            wait_for("one waits", lambda: ours.info("clients")["blocked_clients"] == "1")
            two.send("BZMPOP", 0, 2, "z", "y", "MAX", "COUNT", 10)
            wait_for("two wait", lambda: ours.info("clients")["blocked_clients"] == "2")
            assert a.cmd("ZADD", "z", 1, "a", 2, "b", 3, "c") == 3
            assert one.read() == [b"z", b"a", b"1"]
            assert two.read() == [b"z", [[b"c", b"3"], [b"b", b"2"]]]
            assert a.cmd("EXISTS", "z") == 0
            a.cmd("ZADD", "y", 1, "a", 2, "b")
            a.cmd("ZMPOP", 1, "y", "MIN", "COUNT", 1)
            a.cmd("GEOADD", "g", "CH", 13.361389, 38.115556, "Palermo")
            a.cmd("SET", "end", 1)
            wait_for("the same offset", lambda: replica_caught_up(ours, theirs))
            told = []
            while not told or '"end"' not in told[-1]:
                told.append(watch.read().split("] ", 1)[-1])
            told = [t for t in told if '"PING"' not in t and '"SELECT"' not in t and "REPLCONF" not in t]
            assert told[:3] == ['"ZADD" "z" "1" "a" "2" "b" "3" "c"', '"ZPOPMIN" "z"', '"ZPOPMAX" "z" "2"'], told
            assert told[4:6] == ['"ZPOPMIN" "y" "1"', '"zadd" "g" "CH" "3479099956230698" "Palermo"'], told
