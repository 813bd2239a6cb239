"""Streams: the same commands to our binary and to redis-server 7.0.15, in RESP2 and RESP3; what goes
to the stream of writes; clients that wait; a real replica; a real master; snapshots both ways."""
import random
import re

from test_commands import both, canonical, check, play_lines, REDIS_SERVER, Stage
from lib import replica_caught_up, wait_for  # noqa: E402 (test_commands set the path)

SCRIPTED = """
XADD s 1-1 a 1 | XADD s 1-2 a 2 b 3 | XADD s 1-2 a 1 | XADD s 1-1 a 1 | XADD s 0-0 a 1 | XADD s 1-* a 4 | XADD s 2-* a 5 | XADD s 1-* a 6 | XADD s 3 a 7 | XLEN s | XRANGE s - + | XREVRANGE s + - | TYPE s | OBJECT ENCODING s
XADD | XADD s | XADD s 1-1 | XADD s 1-1 a | XADD s 1-1 a 1 b | XADD s abc a 1 | XADD s - a 1 | XADD s + a 1 | XADD s 1-1-1 a 1 | XADD s 1-abc a 1 | XADD s "" a 1 | XADD s 1- a 1 | XADD s -1 a 1 | XADD s 0-0 a 1 | XADD s 0-* a 1 | XADD s 0-* a 1 | EXISTS s | SET k v | XADD k 1-1 a 1 | XADD k bad a 1 | XADD k 0-0 a 1
XADD s 18446744073709551615-18446744073709551615 a 1 | XADD s * a 1 | XADD s 18446744073709551615-* a 1 | XADD t 18446744073709551615-18446744073709551614 a 1 | XADD t 18446744073709551615-* a 1 | XADD t 5-1 a 1 | XADD u 1-18446744073709551615 a 1 | XADD u 18446744073709551616-1 a 1 | XADD u 007-01 a 1 | XADD u +9-+1 a 1 | XRANGE u - +
XADD s NOMKSTREAM 1-1 a 1 | EXISTS s | XADD s nomkstream MAXLEN 2 1-1 a 1 | XADD s MAXLEN 2 1-1 a 1 | XADD s MAXLEN 2 2-1 a 1 | XADD s MAXLEN = 2 3-1 a 1 | XADD s MAXLEN ~ 2 4-1 a 1 | XADD s MINID 3-1 5-1 a 1 | XADD s MINID = 4 NOMKSTREAM 6-1 a 1 | XRANGE s - + | XADD s MAXLEN 0 7-1 a 1 | XLEN s | XRANGE s - + | XADD s MAXLEN -1 8-1 a 1 | XADD s MAXLEN abc 8-1 a 1 | XADD s MINID abc 8-1 a 1 | XADD s MAXLEN 1 MINID 1 8-1 a 1 | XADD s MINID 1 MAXLEN 1 8-1 a 1 | XADD s LIMIT 1 8-1 a 1 | XADD s LIMIT 0 8-1 a 1 | XADD s MAXLEN 1 LIMIT 1 9-1 a 1 | XADD s MAXLEN ~ 1 LIMIT -1 9-1 a 1 | XADD s MAXLEN ~ 1 LIMIT abc 9-1 a 1 | XADD s MAXLEN ~ 1 LIMIT 0 9-1 a 1 | XADD s MAXLEN ~ 9-2 a 1 | XADD s MAXLEN = 9-3 a 1 | XADD s MAXLEN 1 | XADD s MAXLEN 1 MAXLEN 1 9-4 a 1
XADD s 1 a 1 | XADD s 2 a 1 | XADD s 3 a 1 | XADD s 4 a 1 | XTRIM s MAXLEN 3 | XTRIM s MINID 3 | XTRIM s MAXLEN ~ 0 | XTRIM s MAXLEN ~ 0 LIMIT 0 | XTRIM s FOO 1 | XTRIM s MAXLEN | XTRIM s MAXLEN 1 FOO | XTRIM s MAXLEN 1 LIMIT 2 | XTRIM s LIMIT 2 | XTRIM s LIMIT 0 | XTRIM s LIMIT 0 1 | XTRIM s LIMIT 1 MAXLEN ~ 1 | XTRIM no MAXLEN 1 | XTRIM no MAXLEN abc | SET k v | XTRIM k MAXLEN 1 | XTRIM s MAXLEN 1 MINID 1 | XTRIM s MAXLEN = 0 | XINFO STREAM s | XTRIM s MAXLEN 0 | EXISTS s
XADD s 1-1 a 1 | XADD s 2-1 a 1 | XADD s 3-1 a 1 | XADD s 4-1 a 1 | XDEL s 2-1 | XDEL s 2-1 | XDEL s 9-9 1-1 | XDEL s abc | XDEL s 3-1 abc | XDEL no 1-1 | XDEL no abc | XDEL s - | XRANGE s - + | XINFO STREAM s | XDEL s 3 | XDEL s 3-1 4-1 | XINFO STREAM s | XLEN s | XADD s 4-1 a 1 | XADD s 4-2 a 1 | XINFO STREAM s FULL | SET k v | XDEL k 1-1 | XDEL k abc
XADD s 1-1 a 1 | XADD s 1-5 a 1 | XADD s 2-1 a 1 | XADD s 3-1 a 1 | XRANGE s 1 1 | XRANGE s 1-2 2 | XRANGE s (1-1 (3-1 | XRANGE s (1 + | XRANGE s - (2 | XRANGE s ( + | XRANGE s (- + | XRANGE s - (+ | XRANGE s + - | XRANGE s 2 1 | XRANGE s (18446744073709551615-18446744073709551615 + | XRANGE s - (0-0 | XRANGE s abc + | XRANGE s - abc | XRANGE s - + COUNT 2 | XRANGE s - + COUNT 0 | XRANGE s - + COUNT -1 | XRANGE s - + COUNT abc | XRANGE s - + COUNT | XRANGE s - + FOO 1 | XRANGE s - + COUNT 1 COUNT 3 | XREVRANGE s + - COUNT 2 | XREVRANGE s (3-1 (1-1 | XREVRANGE s 1 2 | XREVRANGE s - + | XRANGE no - + | XRANGE no abc + | XREVRANGE no + - COUNT 0 | XRANGE no - + COUNT 0 | SET k v | XRANGE k - + | XRANGE k abc + | XREVRANGE k + - COUNT a
XADD s 5-5 a 1 | XSETID s 5-4 | XSETID s 5-5 | XSETID s 6-0 | XSETID s 7 ENTRIESADDED 100 | XSETID s 7 ENTRIESADDED 0 | XSETID s 7 ENTRIESADDED -1 | XSETID s 7 ENTRIESADDED abc | XSETID s 7 ENTRIESADDED | XSETID s 7 MAXDELETEDID 8-1 | XSETID s 7 MAXDELETEDID 6-1 | XSETID s 5-9 | XSETID s 8-1 ENTRIESADDED 50 MAXDELETEDID 7-1 | XSETID s abc | XSETID s 9 FOO | XSETID no 1-1 | XSETID no abc | SET k v | XSETID k 1-1 | XINFO STREAM s | XINFO STREAM s FULL | XADD s 8-1 a 1 | XADD s 8-2 a 1 | XDEL s 5-5 8-2 | XSETID s 8-1 | XSETID s 8-2
XADD s 1-1 a 1 | XADD s 2-1 a 2 | XADD t 1-5 x y | XREAD STREAMS s 0 | XREAD STREAMS s t 0 0 | XREAD COUNT 1 STREAMS s t 0 1-5 | XREAD STREAMS s $ | XREAD STREAMS s t 2-1 9 | XREAD STREAMS s 2 | XREAD COUNT 0 STREAMS s 0 | XREAD COUNT -5 STREAMS s 0 | XREAD COUNT abc STREAMS s 0 | XREAD STREAMS s | XREAD STREAMS s t 0 | XREAD STREAMS | XREAD COUNT 1 | XREAD FOO STREAMS s 0 | XREAD BLOCK abc STREAMS s 0 | XREAD BLOCK -1 STREAMS s 0 | XREAD BLOCK 1 STREAMS s $ | XREAD BLOCK 0 STREAMS s 0 | XREAD GROUP g c STREAMS s 0 | XREAD NOACK STREAMS s 0 | XREAD STREAMS s > | XREAD STREAMS s abc | XREAD STREAMS s - | XREAD STREAMS s + | XREAD STREAMS no 0 | XREAD STREAMS no abc | XREAD STREAMS s s 0 1-1 | SET k v | XREAD STREAMS k 0 | XREAD STREAMS s k 0 0 | XREAD STREAMS no k abc 0 | XREAD streams s 18446744073709551615-18446744073709551615
XGROUP CREATE s g $ | XGROUP CREATE s g $ MKSTREAM | XGROUP CREATE s g 0 | XGROUP CREATE s g 0 MKSTREAM | XGROUP CREATE s h 5 ENTRIESREAD 3 | XGROUP CREATE s i abc | XGROUP CREATE s i - | XGROUP CREATE s i 0 FOO | XGROUP CREATE s i 0 ENTRIESREAD | XGROUP CREATE s i 0 ENTRIESREAD abc | XGROUP CREATE s i 0 ENTRIESREAD -2 | XGROUP CREATE s i 0 ENTRIESREAD -1 | XGROUP CREATE s | XGROUP CREATE s g | XGROUP FOO | XGROUP | XGROUP FOO s g | XGROUP CREATE no g abc | XGROUP CREATE no g abc MKSTREAM | EXISTS no | SET k v | XGROUP CREATE k g 0 | XGROUP CREATE k g 0 FOO | XINFO GROUPS s | XINFO STREAM s FULL
XGROUP CREATE s g 0 MKSTREAM | XGROUP SETID s g 5 | XGROUP SETID s g $ | XGROUP SETID s g + | XGROUP SETID s g - | XGROUP SETID s g abc | XGROUP SETID s g 1 ENTRIESREAD 5 | XGROUP SETID s g 1 ENTRIESREAD -2 | XGROUP SETID s g 1 MKSTREAM | XGROUP SETID s no 1 | XGROUP SETID no g 1 | XGROUP SETID s g | XINFO GROUPS s | XGROUP CREATECONSUMER s g c | XGROUP CREATECONSUMER s g c | XGROUP CREATECONSUMER s no c | XGROUP CREATECONSUMER no g c | XGROUP CREATECONSUMER s g | XGROUP CREATECONSUMER s g c d | XGROUP DELCONSUMER s g c | XGROUP DELCONSUMER s g c | XGROUP DELCONSUMER s no c | XGROUP DELCONSUMER no g c | XGROUP DESTROY s no | XGROUP DESTROY no g | XGROUP DESTROY s g | XGROUP DESTROY s g | XGROUP DESTROY s | SET k v | XGROUP DESTROY k g | XGROUP SETID k g 0
XADD s 1-1 a 1 | XADD s 2-1 a 2 | XADD s 3-1 a 3 | XGROUP CREATE s g 0 | XREADGROUP GROUP g c COUNT 1 STREAMS s > | XREADGROUP GROUP g c STREAMS s 0 | XREADGROUP GROUP g c STREAMS s 1-1 | XREADGROUP GROUP g d STREAMS s > | XREADGROUP GROUP g d STREAMS s > | XPENDING s g | XDEL s 2-1 | XREADGROUP GROUP g d STREAMS s 0 | XREADGROUP GROUP g d COUNT 1 STREAMS s 0 | XINFO GROUPS s | XACK s g 1-1 2-1 9-9 | XACK s g 1-1 | XPENDING s g | XACK s no 1-1 | XACK no g 1-1 | XACK s g abc | XACK s no abc | XACK s g 3-1 abc | XADD s 4-1 a 4 | XREADGROUP GROUP g e NOACK STREAMS s > | XPENDING s g | XINFO GROUPS s | XGROUP DELCONSUMER s g d | XPENDING s g | SET k v | XACK k g 1-1
XREADGROUP GROUP g c STREAMS s > | XGROUP CREATE s g 0 MKSTREAM | XREADGROUP GROUP g c STREAMS s > | XREADGROUP GROUP g c STREAMS s 0 | XREADGROUP GROUP g c STREAMS s $ | XREADGROUP GROUP g c STREAMS s abc | XREADGROUP GROUP no c STREAMS s > | XREADGROUP GROUP g c STREAMS s no > > | XREADGROUP COUNT 1 NOACK STREAMS s > | XREADGROUP GROUP g STREAMS s > 0 | XREADGROUP GROUP g c STREAMS s s > | XREADGROUP GROUP g c FOO STREAMS s > | XREADGROUP GROUP g c BLOCK 1 STREAMS s > | XREADGROUP GROUP g c BLOCK abc STREAMS s > | XREADGROUP STREAMS s > GROUP g c | XREADGROUP GROUP g c COUNT 1 BLOCK | SET k v | XREADGROUP GROUP g c STREAMS k > | XREADGROUP GROUP g c STREAMS s k > 0 | XREADGROUP GROUP g c STREAMS s 18446744073709551615-18446744073709551615 | XINFO CONSUMERS s no | XINFO CONSUMERS no g
XADD s 1-1 a 1 | XADD s 2-1 a 2 | XADD s 3-1 a 3 | XADD s 4-1 a 4 | XGROUP CREATE s g 0 | XREADGROUP GROUP g c COUNT 3 STREAMS s > | XREADGROUP GROUP g d STREAMS s > | XPENDING s g | XPENDING s g - + 10 c | XPENDING s g - + 0 | XPENDING s g - + -1 | XPENDING s g - + 1 no | XPENDING s no | XPENDING no g | XPENDING s g - + | XPENDING s g - | XPENDING s g IDLE | XPENDING s g IDLE 1 - + | XPENDING s g IDLE abc - + 1 | XPENDING s g IDLE 100000 - + 10 | XPENDING s g IDLE 100000 - + 10 c | XPENDING s g (1-1 (4-1 0 | XPENDING s g abc + 1 | XPENDING s g - abc 1 | XPENDING s g - + abc | XPENDING s g FOO 1 - + 10 c x y | XPENDING s g IDLE 0 - + 10 c x | XPENDING s g - + 0 c x y | SET k v | XPENDING k g | XPENDING k g - + x
XADD s 1-1 a 1 | XADD s 2-1 a 2 | XADD s 3-1 a 3 | XGROUP CREATE s g 0 | XREADGROUP GROUP g c COUNT 2 STREAMS s > | XCLAIM s g d 0 1-1 | XCLAIM s g d 0 1-1 2-1 3-1 JUSTID | XCLAIM s g d 0 3-1 FORCE | XCLAIM s g d 0 9-1 FORCE | XCLAIM s g e 100000 1-1 | XCLAIM s g e 0 1-1 IDLE 5000 RETRYCOUNT 7 JUSTID | XCLAIM s g e 0 1-1 TIME 1000 JUSTID | XCLAIM s g e 0 1-1 TIME -5 | XCLAIM s g e 0 1-1 LASTID 9-9 | XCLAIM s g e 0 LASTID 10-10 | XINFO GROUPS s | XDEL s 2-1 | XCLAIM s g e 0 2-1 | XPENDING s g | XCLAIM s g e abc 1-1 | XCLAIM s g e -5 1-1 | XCLAIM s g e 0 abc | XCLAIM s g e 0 1-1 abc | XCLAIM s g e 0 1-1 FOO 2-1 | XCLAIM s g e 0 1-1 IDLE | XCLAIM s g e 0 1-1 IDLE abc | XCLAIM s g e 0 1-1 TIME abc | XCLAIM s g e 0 1-1 RETRYCOUNT abc | XCLAIM s g e 0 1-1 LASTID abc | XCLAIM s no e 0 1-1 | XCLAIM no g e 0 1-1 | XCLAIM s no e abc 1-1 | XCLAIM s g e 0 | SET k v | XCLAIM k g e 0 1-1 | XCLAIM s g e 0 1-1 RETRYCOUNT -1 | XCLAIM s g e 0 1-1 IDLE -1
XADD s 1-1 a 1 | XADD s 2-1 a 2 | XADD s 3-1 a 3 | XADD s 4-1 a 4 | XADD s 5-1 a 5 | XGROUP CREATE s g 0 | XREADGROUP GROUP g c STREAMS s > | XAUTOCLAIM s g d 0 0 COUNT 2 | XAUTOCLAIM s g d 0 3-1 COUNT 2 JUSTID | XDEL s 2-1 3-1 | XAUTOCLAIM s g e 0 - COUNT 2 | XAUTOCLAIM s g e 0 - COUNT 2 | XAUTOCLAIM s g e 0 (1-1 COUNT 1 | XAUTOCLAIM s g e 100000 0 | XAUTOCLAIM s g e 0 + | XAUTOCLAIM s g e 0 - | XPENDING s g | XAUTOCLAIM s g e abc 0 | XAUTOCLAIM s g e -1 0 | XAUTOCLAIM s g e 0 abc | XAUTOCLAIM s g e 0 0 COUNT 0 | XAUTOCLAIM s g e 0 0 COUNT abc | XAUTOCLAIM s g e 0 0 COUNT | XAUTOCLAIM s g e 0 0 FOO | XAUTOCLAIM s no e 0 0 | XAUTOCLAIM no g e 0 0 | XAUTOCLAIM s no e abc 0 | XAUTOCLAIM s g e 0 (18446744073709551615-18446744073709551615 | XAUTOCLAIM s g e 0 0 COUNT 9223372036854775807 | SET k v | XAUTOCLAIM k g e 0 0
XINFO | XINFO FOO | XINFO STREAM | XINFO STREAM no | XINFO STREAM no FULL COUNT abc | XINFO GROUPS no | XINFO GROUPS | XINFO CONSUMERS s | XADD s 1-1 a 1 | XINFO STREAM s | XINFO STREAM s FOO | XINFO STREAM s FULL FOO 1 | XINFO STREAM s FULL COUNT | XINFO STREAM s FULL COUNT abc | XINFO STREAM s FULL COUNT 0 | XINFO STREAM s FULL COUNT -1 | XINFO STREAM s FULL | XINFO GROUPS s | SET k v | XINFO STREAM k | XINFO GROUPS k | XINFO CONSUMERS k g | XINFO STREAM k FULL FOO
XADD s 1-1 a 1 b 2 | XADD s 1-2 a 1 b 3 | XADD s 1-3 b 1 a 2 | XADD s 1-4 a 1 | XADD s 1-5 a "" b 12345678901234567890 | XADD s 1-6 "" x | XADD s 1-7 1 1 2 -2 3 70000 4 9223372036854775807 | XADD s 1-8 1 01 2 1.5 3 5000000000 4 a | XRANGE s - + | XREVRANGE s + - | COPY s t | XDEL s 1-3 | XRANGE t - + | XRANGE s - + | RENAME t u | XINFO STREAM u FULL | EXPIRE u 100 | XADD u 2-1 a 1 | TTL u | SET u x | GET s | APPEND s x | LPUSH s x
MULTI | XADD s 1-1 a 1 | XREAD BLOCK 0 STREAMS s $ | XREAD BLOCK 0 STREAMS s 0 | XGROUP CREATE s g 0 | XREADGROUP GROUP g c BLOCK 0 STREAMS s > | XREADGROUP GROUP g c BLOCK 0 STREAMS s > | EXEC
COMMAND INFO XADD XDEL XLEN XRANGE XREVRANGE XSETID XTRIM XREAD XREADGROUP XACK XCLAIM XAUTOCLAIM XPENDING
COMMAND GETKEYS XREAD STREAMS a b 0 0 | COMMAND GETKEYS XREADGROUP GROUP g c COUNT 1 STREAMS a b > > | COMMAND GETKEYS XADD s 1-1 a 1 | COMMAND GETKEYS XGROUP CREATE s g 0 | COMMAND GETKEYS XINFO STREAM s | COMMAND GETKEYS XREAD STREAMS a b 0
""".strip().split("\n")

# What depends on the moment: times in replies.
TIMES = {"seen-time", "idle"}


def timeless(x):
    """Without times, and without the notes of COMMAND INFO, which are in our own words."""
    if isinstance(x, dict):
        return {k: 0 if k in TIMES else timeless(v) for k, v in x.items() if k != "notes"}
    if not isinstance(x, list):
        return 0 if isinstance(x, int) and x > 1 << 40 else x
    for i in range(len(x) - 1):
        if isinstance(x[i], str) and x[i] in TIMES:
            x[i + 1] = 0
    if "notes" in [v for v in x if isinstance(v, str)]:
        i = x.index("notes")
        x = x[:i] + x[i + 2:]
    return [timeless(v) for v in x]


def same(a, b, words, differences, before):
    x, y = timeless(canonical(a.raw(*words))), timeless(canonical(b.raw(*words)))
    if words[0] == "XPENDING" and len(words) > 3 and isinstance(x, list) and isinstance(y, list):
        x, y = ([row[:2] + row[3:] if isinstance(row, list) else row for row in z] for z in (x, y))
    if words[0] == "COMMAND" and "INFO" in words:
        x, y = sorted(map(str, x)), sorted(map(str, y))
    if x != y:
        differences.append(f"{' '.join(map(str, words))}\n    ours   {x!r}\n    theirs {y!r}\n    after {before[-6:]}")


def test_scripted_resp2():
    play_lines(SCRIPTED, 2, same)


def test_scripted_resp3():
    play_lines(SCRIPTED, 3, same)



KEYS = ["a", "b"]
GROUPS = ["g", "h"]
VALUES = ["1", "-5", "abc", "3.14", "9223372036854775807", "x" * 50, "", "0", "y" * 70, "z" * 700, "70000", "-70000", "5000000000", "00"]
NUMBERS = ["0", "1", "-1", "5", "abc", "2", "3", "10", "50"]
SHAPES = ["XADD k new f v", "XADD k new f v", "XADD k new f v f v", "XADD k new f v f v f v", "XADD k new f v f v", "XADD k i f v",
          "XADD k MAXLEN n new f v", "XADD k MAXLEN ~ n new f v", "XADD k MINID i new f v", "XADD k MINID ~ i NOMKSTREAM new f v",
          "XADD k MAXLEN ~ n LIMIT n new f v", "XLEN k", "XRANGE k i i", "XRANGE k - +", "XRANGE k ( i + COUNT n", "XREVRANGE k + - COUNT n",
          "XREVRANGE k i i", "XDEL k i", "XDEL k i i i", "XTRIM k MAXLEN n", "XTRIM k MAXLEN ~ n", "XTRIM k MINID i", "XTRIM k MINID ~ i LIMIT n",
          "XSETID k i", "XREAD COUNT n STREAMS k k i i", "XREAD STREAMS k i", "XGROUP CREATE k g i", "XGROUP CREATE k g i MKSTREAM",
          "XGROUP CREATE k g $ ENTRIESREAD n", "XGROUP SETID k g i", "XGROUP SETID k g i ENTRIESREAD n", "XGROUP DESTROY k g",
          "XGROUP CREATECONSUMER k g c", "XGROUP DELCONSUMER k g c", "XREADGROUP GROUP g c COUNT n STREAMS k >", "XREADGROUP GROUP g c COUNT n STREAMS k >",
          "XREADGROUP GROUP g c STREAMS k >", "XREADGROUP GROUP g c COUNT 3 NOACK STREAMS k >", "XREADGROUP GROUP g c COUNT n STREAMS k i",
          "XREADGROUP GROUP g c COUNT 2 STREAMS k k > i", "XACK k g i", "XACK k g i i i", "XPENDING k g", "XPENDING k g - + 100", "XPENDING k g i i n c",
          "XCLAIM k g c 0 i i", "XCLAIM k g c 0 i JUSTID", "XCLAIM k g c 0 i i FORCE", "XCLAIM k g c 1000000 i", "XCLAIM k g c 0 i RETRYCOUNT n LASTID i",
          "XAUTOCLAIM k g c 0 i COUNT n", "XAUTOCLAIM k g c 0 - COUNT 5 JUSTID", "XINFO STREAM k", "XINFO STREAM k FULL", "XINFO STREAM k FULL COUNT n",
          "XINFO GROUPS k", "XINFO CONSUMERS k g", "COPY k k REPLACE", "RENAME k k", "DEL k", "EXISTS k", "TYPE k", "DUMP k"]
RARE = {"DEL k", "XGROUP DESTROY k g", "COPY k k REPLACE", "RENAME k k", "XTRIM k MAXLEN n", "XADD k MAXLEN n new f v", "XSETID k i",
        "XTRIM k MINID i", "XADD k MINID i new f v"}


class Ids:
    """Ids that grow, with steps of all sizes, and the neighbourhood of those that were."""

    def __init__(self, r):
        self.r, self.ms, self.seq = r, 1, 0

    def new(self):
        step = self.r.random()
        if step < 0.6:
            self.seq += self.r.choice([1, 1, 2, 300, 70000])
        else:
            self.ms += self.r.choice([1, 1, 5, 200, 40000, 1 << 33])
            self.seq = self.r.choice([0, 0, 1, 500])
        return self.r.choice([f"{self.ms}-{self.seq}"] * 8 + [f"{self.ms}-*", "0-0"])

    def old(self):
        return self.r.choice([f"{self.ms}-{max(0, self.seq - self.r.randrange(5))}", f"{self.r.randrange(self.ms + 1)}", f"{self.ms}", "0",
                              f"{self.ms}-{self.r.randrange(self.seq + 1)}", f"{self.ms + 1}-1"])


def generated(seed, n):
    r = random.Random(seed)
    ids = Ids(r)
    pick = {"k": KEYS, "v": VALUES, "n": NUMBERS, "g": GROUPS, "c": ["c1", "c2", "c3"], "f": ["f1", "f2", "f3", "7"]}
    seen = []
    for _ in range(n):
        shape = r.choice(SHAPES)
        if shape in RARE:
            shape = r.choice(SHAPES)
        words = []
        for w in shape.split(" "):
            if w == "new":
                words.append(ids.new())
                seen.append(words[-1])
            elif w == "i":
                words.append(r.choice(seen[-40:]) if seen and r.random() < 0.7 else ids.old())
            else:
                words.append(r.choice(pick[w]) if w in pick else w)
        if words[3:4] == ["("] or words[2:3] == ["("]:
            at = words.index("(")
            words[at:at + 2] = ["(" + words[at + 1]]
        yield words


def generate(seed, n, setup, resp=2):
    differences = []

    def run(a, b):
        before = []
        for words in setup:
            a.cmd(*words)
            b.cmd(*words)
        for i, words in enumerate(generated(seed, n)):
            if words[0] != "DUMP":
                same(a, b, words, differences, before)
            before.append(" ".join(words)[:100])
            if i % 50 == 49:
                for k in KEYS:
                    same(a, b, ["XINFO", "STREAM", k, "FULL", "COUNT", "0"], differences, before)
            if differences:
                break
    both(resp, run)
    check(differences)


def test_generated():
    generate(20260401, 20000, [])


def test_generated_resp3():
    generate(20260402, 10000, [], 3)


def test_generated_small_nodes():
    generate(20260403, 20000, [["CONFIG", "SET", "stream-node-max-entries", "5"]])


def test_generated_small_bytes():
    generate(20260404, 10000, [["CONFIG", "SET", "stream-node-max-bytes", "200"]])


def test_dumps():
    """A value dumped here is the same when restored there, and the other way round."""
    with Stage() as stage:
        ours, theirs = stage.server(), stage.server(binary=REDIS_SERVER)
        with ours.client() as a, theirs.client() as b:
            for n, words in enumerate(generated(20260405, 4000)):
                a.raw(*words)
                if n % 100:
                    continue
                for k in KEYS:
                    if a.cmd("TYPE", k) != "stream" and not a.cmd("EXISTS", k):
                        continue
                    dump = a.cmd("DUMP", k)
                    assert b.cmd("RESTORE", "x", 0, dump, "REPLACE") in (b"OK", "OK")
                    info = ["XINFO", "STREAM", k, "FULL", "COUNT", 0]
                    there = ["XINFO", "STREAM", "x", "FULL", "COUNT", 0]
                    assert a.cmd(*info) == b.cmd(*there)
                    back = b.cmd("DUMP", "x")
                    assert a.cmd("RESTORE", "x", 0, back, "REPLACE") in (b"OK", "OK")
                    assert a.cmd(*info) == a.cmd(*there)
                    for _ in range(20):
                        broken = bytearray(back)
                        broken[n * 7919 % len(broken)] ^= 1 << n % 8
                        assert "ERR" in str(a.raw("RESTORE", "y", 0, bytes(broken), "REPLACE"))


EVENTS = [["XADD", "s", "1-1", "a", "1"], ["XADD", "s", "MAXLEN", "1", "2-1", "a", "1"], ["XTRIM", "s", "MAXLEN", "5"], ["XADD", "s", "3-1", "a", "1"],
          ["XTRIM", "s", "MAXLEN", "1"], ["XDEL", "s", "9-9"], ["XDEL", "s", "3-1"], ["XSETID", "s", "4-1"], ["XGROUP", "CREATE", "s", "g", "0"],
          ["XGROUP", "CREATE", "t", "g", "0", "MKSTREAM"], ["XGROUP", "SETID", "s", "g", "$"], ["XGROUP", "CREATECONSUMER", "s", "g", "c"],
          ["XGROUP", "CREATECONSUMER", "s", "g", "c"], ["XADD", "s", "5-1", "a", "1"], ["XREADGROUP", "GROUP", "g", "d", "STREAMS", "s", ">"],
          ["XCLAIM", "s", "g", "e", "0", "5-1"], ["XAUTOCLAIM", "s", "g", "f", "0", "0"], ["XACK", "s", "g", "5-1"], ["XGROUP", "DELCONSUMER", "s", "g", "c"],
          ["XGROUP", "DELCONSUMER", "s", "g", "no"], ["XGROUP", "DESTROY", "s", "no"], ["XGROUP", "DESTROY", "s", "g"]]


def test_events():
    """Keyspace notifications: the same events in the same order."""
    def told(stage, **kw):
        s = stage.server("--notify-keyspace-events", "KEA", **kw)
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
        ours, theirs = told(stage), told(stage, binary=REDIS_SERVER)
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
                got.append([b"TIME" if re.fullmatch(rb"1[0-9]{12}(-[0-9]+)?", w) else w for w in words])
        return got


STREAM = [["XADD", "s", "*", "a", "1"], ["DEL", "s"], ["XADD", "s", "1-*", "a", "1"], ["XADD", "s", "1-*", "a", "1"], ["XADD", "s", "2-1", "a", "1"],
          ["XADD", "s", "NOMKSTREAM", "MAXLEN", "~", "2", "LIMIT", "5", "3-1", "a", "1"], ["XADD", "s", "MAXLEN", "~", "2", "3-*", "a", "1"],
          ["XADD", "s", "MINID", "~", "2", "4-1", "a", "1"], ["XADD", "s", "MAXLEN", "4", "5-1", "a", "1"], ["XADD", "none", "NOMKSTREAM", "*", "a", "1"],
          ["XTRIM", "s", "MAXLEN", "~", "0"], ["XTRIM", "s", "MAXLEN", "3"], ["XDEL", "s", "9-9"], ["XDEL", "s", "3-1"], ["XSETID", "s", "6-1"],
          ["XGROUP", "CREATE", "s", "g", "0"], ["XGROUP", "CREATE", "s", "g", "0"], ["XGROUP", "CREATE", "t", "g", "$", "MKSTREAM"],
          ["XGROUP", "CREATECONSUMER", "s", "g", "x"], ["XGROUP", "CREATECONSUMER", "s", "g", "x"], ["XADD", "s", "7-1", "a", "1"], ["XADD", "s", "8-1", "a", "1"],
          ["XREADGROUP", "GROUP", "g", "c", "COUNT", "1", "STREAMS", "s", ">"], ["XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", "0"],
          ["XREADGROUP", "GROUP", "g", "d", "STREAMS", "s", "t", ">", ">"], ["XREADGROUP", "GROUP", "g", "d", "STREAMS", "s", ">"],
          ["XADD", "s", "9-1", "a", "1"], ["XREADGROUP", "GROUP", "g", "n", "NOACK", "STREAMS", "s", ">"], ["XADD", "s", "9-2", "a", "1"],
          ["XREADGROUP", "GROUP", "g", "n", "NOACK", "STREAMS", "s", ">"], ["XACK", "s", "g", "7-1"], ["XACK", "s", "g", "7-1"],
          ["XCLAIM", "s", "g", "e", "0", "8-1"], ["XCLAIM", "s", "g", "e", "1000000", "8-1"], ["XCLAIM", "s", "g", "e", "0", "9-1", "FORCE"], ["XDEL", "s", "8-1"],
          ["XCLAIM", "s", "g", "e", "0", "8-1"], ["XCLAIM", "s", "g", "e", "0", "77-1", "LASTID", "20-1"], ["XAUTOCLAIM", "s", "g", "f", "0", "0"], ["XDEL", "s", "9-1"],
          ["XAUTOCLAIM", "s", "g", "f", "0", "0"], ["XAUTOCLAIM", "s", "g", "f", "0", "0"], ["XGROUP", "SETID", "s", "g", "0"], ["XGROUP", "DELCONSUMER", "s", "g", "f"],
          ["@XREAD", "BLOCK", "0", "STREAMS", "w", "$"], ["XADD", "w", "1-1", "a", "1"], ["XGROUP", "CREATE", "w", "g", "$"],
          ["@XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "w", ">"], ["XADD", "w", "2-1", "a", "1"],
          ["@XREADGROUP", "GROUP", "g", "n", "BLOCK", "0", "NOACK", "STREAMS", "w", ">"], ["XADD", "w", "3-1", "a", "1"], ["XGROUP", "DESTROY", "w", "g"]]


def test_stream():
    """What replicas are told, word for word."""
    with Stage() as stage:
        ours = stream_of(stage, STREAM)
        theirs = stream_of(stage, STREAM, binary=REDIS_SERVER)
        for x, y in zip(ours, theirs):
            assert x == y, f"\nours   {x}\ntheirs {y}"
        assert ours == theirs


WAITS = [
    [["XREAD", "BLOCK", "0", "STREAMS", "w", "v", "$", "$"], ["XADD", "v", "1-1", "a", "1"]],
    [["XREAD", "BLOCK", "0", "COUNT", "1", "STREAMS", "w", "0"], ["MULTI"], ["XADD", "w", "1-1", "a", "1"], ["XADD", "w", "1-2", "a", "1"], ["EXEC"]],
    [["XREAD", "BLOCK", "0", "STREAMS", "w", "5-5"], ["XADD", "w", "1-1", "a", "1"], ["XADD", "w", "6-1", "a", "1"]],
    [["XREAD", "BLOCK", "0", "STREAMS", "w", "$"], ["SET", "w", "x"], ["DEL", "w"], ["XADD", "w", "1-1", "a", "1"]],
    [["XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "q", ">"], ["XADD", "q", "1-1", "a", "1"]],
    [["XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "q", ">"], ["DEL", "q"]],
    [["XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "q", ">"], ["SET", "q", "x"]],
    [["XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "q", ">"], ["XGROUP", "DESTROY", "q", "g"]],
    [["XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "q", ">"], ["FLUSHALL"]],
    [["XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "NOACK", "STREAMS", "q", ">"], ["XADD", "q", "1-1", "a", "1"], ["XPENDING", "q", "g"]],
    [["XREAD", "BLOCK", "0", "STREAMS", "w", "$"], ["XGROUP", "CREATE", "w", "g", "0", "MKSTREAM"], ["XADD", "w", "1-1", "a", "1"]],
    [["XREAD", "BLOCK", "0", "STREAMS", "w", "$"], ["XADD", "u", "1-1", "a", "1"], ["RENAME", "u", "w"]],
]


def waits(resp):
    def answers(stage, **kw):
        server = stage.server(**kw)
        got = []
        with server.client() as waiting, server.client() as c:
            waiting.cmd("HELLO", resp)
            for script in WAITS:
                c.cmd("FLUSHALL")
                c.cmd("XGROUP", "CREATE", "q", "g", "0", "MKSTREAM")
                waiting.send(*script[0])
                wait_for("a blocked client", lambda: c.info("clients")["blocked_clients"] == "1")
                replies = [canonical(c.raw(*words)) for words in script[1:]]
                got.append((script, canonical(waiting.read()), replies))
        return got
    with Stage() as stage:
        for ours, theirs in zip(answers(stage), answers(stage, binary=REDIS_SERVER)):
            assert ours == theirs, f"\nours   {ours}\ntheirs {theirs}"


def test_waiting_resp2():
    waits(2)


def test_waiting_resp3():
    waits(3)


def described(c, key):
    """What a replica knows exactly; it is not told of reads of history, nor of every counter."""
    if canonical(c.raw("TYPE", key)) != "stream":
        return None
    groups = canonical(c.raw("XINFO", "GROUPS", key))
    pending = [(g[1], [row[:2] for row in canonical(c.raw("XPENDING", key, g[1], "-", "+", 100000))]) for g in groups]
    return [canonical(c.raw("XINFO", "STREAM", key)), canonical(c.raw("XRANGE", key, "-", "+")), [g[7] for g in groups], pending]


def replicate(master_binary, replica_binary):
    with Stage() as stage:
        master = stage.server(**({"binary": master_binary} if master_binary else {}))
        replica = stage.server(**({"binary": replica_binary} if replica_binary else {}))
        with master.client() as m, replica.client() as r:
            m.pipeline([["XADD", "big", f"{i}-1", "field", str(i), "other", "x" * (i % 50)] for i in range(1, 20000)])
            m.cmd("XGROUP", "CREATE", "big", "g", "0")
            m.cmd("XREADGROUP", "GROUP", "g", "c", "COUNT", 500, "STREAMS", "big", ">")
            for words in generated(8, 2000):
                m.raw(*words)
            r.cmd("REPLICAOF", "127.0.0.1", master.port)
            wait_for("the link", lambda: r.info("replication").get("master_link_status") == "up")
            assert described(m, "big") == described(r, "big")
            for words in generated(7, 4000):
                m.raw(*words)
            wait_for("the same offset", lambda: replica_caught_up(master, replica))
            for k in KEYS + ["big"]:
                for x, y in zip(described(m, k) or [], described(r, k) or []):
                    assert x == y, f"{k}\nmaster  {x}\nreplica {y}"
                assert m.raw("TYPE", k) == r.raw("TYPE", k)


def test_redis_follows_us():
    replicate(None, REDIS_SERVER)


def test_we_follow_redis():
    replicate(REDIS_SERVER, None)


def test_we_follow_us():
    replicate(None, None)


CLAIMS = """XCLAIM s g c abc 1-1|XCLAIM s no c 0 1-1|XCLAIM s g c 0 1-1 FOO|XCLAIM none g c 0 1-1|XCLAIM k g c 0 1-1|XCLAIM s g c 0 1-1
XAUTOCLAIM s g c abc 0|XAUTOCLAIM s no c 0 0|XAUTOCLAIM s g c 0 0 FOO|XAUTOCLAIM none g c abc 0|XAUTOCLAIM k g c abc 0|XAUTOCLAIM s g c 0 0"""


def looks_of_claims(server):
    """Hits, misses and whether the keys are old still, after each claim."""
    def of(line):
        server.cmd("FLUSHALL")
        for words in (("XADD", "s", "1-1", "f", "v"), ("XGROUP", "CREATE", "s", "g", "0"), ("SET", "k", "v")):
            server.cmd(*words)
        for key in "sk":
            server.cmd("RESTORE", key, 0, server.cmd("DUMP", key), "REPLACE", "IDLETIME", 1000)
        server.cmd("CONFIG", "RESETSTAT")
        with server.client() as c:
            c.pipeline([line.split()])
        info = server.info("stats")
        return line, info["keyspace_hits"], info["keyspace_misses"], [server.cmd("OBJECT", "IDLETIME", key) > 900 for key in "sk"]
    return [of(line) for line in re.split("[|\n]", CLAIMS)]


def test_claims_look_their_key_up_first():
    with Stage() as stage:
        ours, theirs = looks_of_claims(stage.server()), looks_of_claims(stage.server(binary=REDIS_SERVER))
    for mine, due in zip(ours, theirs):
        assert mine == due, f"{mine}, not {due}"
