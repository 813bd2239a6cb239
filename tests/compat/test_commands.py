"""The same commands to our binary and to redis-server 7.0.15: replies must be equal, in RESP2 and RESP3.

Cases are lists of commands in one line each; a generator from a seed makes the rest."""
import os
import random
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))

from lib import REDIS_SERVER, ReplyError, Stage  # noqa: E402

SCRIPTED = """
SET k v | GET k | SET k v2 NX | SET k v3 XX GET | SET k v EX 100 | TTL k | PERSIST k | TTL k | SET k 1 EX 0
SET k v EX -1 | SET k v PX abc | SET k v EX 10 PX 10 | SET k v KEEPTTL EX 10 | SET k v NX XX | SET k
SET n 10 | INCR n | INCRBY n 5 | DECR n | DECRBY n 3 | INCRBY n abc | GET n | INCRBYFLOAT n 0.1 | INCRBYFLOAT n abc
SET n 9223372036854775807 | INCR n | DECRBY n -9223372036854775808 | SET n -9223372036854775808 | DECR n | GET n
SET n abc | INCR n | INCRBYFLOAT n 1 | SET n 1e5 | INCR n | INCRBYFLOAT n 1 | SET n " 1" | INCR n | SET n 3.0e3 | INCRBYFLOAT n 200
INCRBYFLOAT x 1e308 | INCRBYFLOAT x 1e308 | INCRBYFLOAT x nan | INCRBYFLOAT x inf | INCRBYFLOAT y 0.1 | INCRBYFLOAT y 0.2 | GET y
APPEND a hello | APPEND a world | GET a | STRLEN a | GETRANGE a 0 3 | GETRANGE a -3 -1 | GETRANGE a 5 1 | SUBSTR a 0 -1 | GETRANGE a x 1
SETRANGE s 5 hello | GET s | SETRANGE s 0 "" | SETRANGE s -1 x | SETRANGE s 536870912 x | STRLEN s | SETRANGE none 0 "" | EXISTS none
GETSET g 1 | GETSET g 2 | GETDEL g | GETDEL g | GET g | SETNX g 1 | SETNX g 2 | GETEX g EX 100 | TTL g | GETEX g PERSIST | TTL g | GETEX g EX 0 | GETEX g FOO
MSET a 1 b 2 c 3 | MGET a b c d | MSET a | MSETNX d 1 e 2 | MSETNX d 3 f 4 | MGET d e f | SETEX k 10 v | PSETEX k 10000 v | SETEX k 0 v | SETEX k abc v
SET l1 ohmytext | SET l2 mynewtext | LCS l1 l2 | LCS l1 l2 LEN | LCS l1 l2 IDX | LCS l1 l2 IDX MINMATCHLEN 4 | LCS l1 l2 IDX WITHMATCHLEN | LCS l1 l2 IDX LEN | LCS l1 l2 FOO
SET k v | DEL k k nokey | EXISTS k | SET k v | UNLINK k | TYPE k | SET k v | TYPE k | RENAME k k2 | GET k2 | RENAME nokey x | RENAME k2 k2 | RENAMENX k2 k3 | SET k2 v | RENAMENX k2 k3
SET c 1 EX 100 | COPY c d | TTL d | COPY c d | COPY c d REPLACE | COPY c c | COPY c e DB 3 | COPY c e DB 99 | COPY c e DB abc | COPY c d FOO | SELECT 3 | GET e | SELECT 0
SET m 1 | MOVE m 1 | EXISTS m | SELECT 1 | GET m | MOVE m 1 | MOVE m 99 | MOVE m abc | SELECT 0 | SELECT 16 | SELECT -1 | SELECT abc | SWAPDB 0 1 | GET m | SWAPDB 0 99 | SWAPDB a 1 | SWAPDB 1 b | SWAPDB 0 1
SET k v | EXPIRE k 100 | TTL k | PTTL nokey | EXPIRE nokey 1 | EXPIRE k abc | EXPIRE k 100 NX | EXPIRE k 200 GT | EXPIRE k 100 GT | EXPIRE k 50 LT | EXPIRE k 10 XX | EXPIRE k 10 NX XX | EXPIRE k 10 GT LT | EXPIRE k 10 FOO
SET k v | EXPIREAT k 9999999999 | EXPIRETIME k | PEXPIRETIME k | PEXPIREAT k 9999999999999 | EXPIRETIME k | PERSIST k | EXPIRETIME k | EXPIRETIME nokey | EXPIREAT k 1 | EXISTS k
SET k v | EXPIRE k 9223372036854775807 | EXPIRE k -9223372036854775808 | EXPIRE k 9223372036854775 | PEXPIRE k 9223372036854775807 | PEXPIRE k -1 | EXISTS k | SET k v | EXPIRE k -1 GT | EXISTS k
DBSIZE | FLUSHDB | DBSIZE | RANDOMKEY | FLUSHALL FOO | FLUSHDB ASYNC | FLUSHALL SYNC | FLUSHALL ASYNC ASYNC | KEYS * | SET a 1 | KEYS ? | KEYS b*
SCAN 0 | SCAN abc | SCAN 0 COUNT 0 | SCAN 0 COUNT abc | SCAN 0 MATCH | SCAN 0 FOO bar | SCAN 0 TYPE string | SCAN 0 TYPE hash | SCAN 0 MATCH a* COUNT 100 | SCAN -1
SET e1 1234 | SET e2 short | SET e3 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa | OBJECT ENCODING e1 | OBJECT ENCODING e2 | OBJECT ENCODING e3 | OBJECT ENCODING no | OBJECT FREQ e1 | OBJECT IDLETIME | OBJECT FOO | OBJECT ENCODING | OBJECT
APPEND e4 short | OBJECT ENCODING e4 | APPEND e4 er | OBJECT ENCODING e4 | SETRANGE e5 0 x | OBJECT ENCODING e5 | SET e6 12345678901234567890 | OBJECT ENCODING e6 | INCRBYFLOAT e7 1 | OBJECT ENCODING e7
MULTI | SET t 1 | INCR t | GET t | EXEC | EXEC | DISCARD | MULTI | MULTI | DISCARD | MULTI | FOO | SET a | EXEC | WATCH w | SET w 1 | MULTI | GET w | EXEC | UNWATCH
WATCH w | MULTI | WATCH w | SET w 2 | EXEC | GET w | MULTI | INCR w | INCR notint | SET s x | INCR s | EXEC | MULTI | EXEC | MULTI | DISCARD
PING | PING hi | PING a b | ECHO x | ECHO | TIME x | FOO | FOO bar baz | GET | GET a b | SET a b c d e f g | COMMAND COUNT x | COMMAND FOO | HELLO 4 | HELLO x | HELLO 3 FOO
PUBLISH ch msg | PUBSUB CHANNELS | PUBSUB NUMSUB a b | PUBSUB NUMPAT | PUBSUB FOO | CLIENT GETNAME | CLIENT SETNAME joe | CLIENT GETNAME | CLIENT SETNAME "a b" | CLIENT FOO | CLIENT KILL 1.2.3.4:5 | CLIENT REPLY FOO | CLIENT NO-EVICT on | CLIENT NO-EVICT x
CLIENT UNBLOCK 9999 | CLIENT UNBLOCK abc | CLIENT PAUSE abc | CLIENT PAUSE 0 | CLIENT UNPAUSE | CLIENT KILL ID abc | CLIENT KILL TYPE foo | CLIENT LIST TYPE foo | CLIENT LIST ID x | CLIENT TRACKINGINFO | CLIENT GETREDIR
AUTH x | AUTH a b | AUTH a b c | AUTH default x | CONFIG GET maxmemory | CONFIG GET maxmemory databases | CONFIG SET maxmemory 100mb | CONFIG GET maxmemory | CONFIG SET maxmemory 0 | CONFIG SET maxmemory abc | CONFIG SET foo bar | CONFIG SET maxmemory 1 foo 2 | CONFIG SET port | CONFIG FOO | CONFIG GET
CONFIG SET databases 3 | CONFIG SET dir /tmp | CONFIG SET appendfsync foo | CONFIG SET save "" | CONFIG GET save | CONFIG SET save "900 1 300 10" | CONFIG GET save | CONFIG SET save abc | CONFIG SET timeout -1 | CONFIG SET maxmemory-policy foo | CONFIG SET maxmemory 1 maxmemory 2
WAIT 0 10 | WAIT a 1 | WAIT 0 -1 | REPLICAOF no one | REPLICAOF localhost abc | ROLE | SHUTDOWN FOO | SHUTDOWN NOSAVE SAVE | LASTSAVE x | REPLCONF a | REPLCONF foo bar | REPLCONF listening-port abc
COMMAND GETKEYS GET a | COMMAND GETKEYS MSET a 1 b 2 | COMMAND GETKEYS PING | COMMAND GETKEYS FOO | COMMAND GETKEYS GET | COMMAND INFO GET | COMMAND INFO FOO | COMMAND LIST FILTERBY PATTERN ge?
TOUCH a b | OBJECT REFCOUNT nokey | DEBUG FOO | RESET | ACL WHOAMI | SLOWLOG FOO | SLOWLOG RESET | SLOWLOG GET abc | LATENCY FOO | MEMORY USAGE nokey | DBSIZE x | SUBSCRIBE | UNSUBSCRIBE | PUNSUBSCRIBE
""".strip().split("\n")

# Where we are right to differ.
CUTS = [
    (re.compile(r"Try [A-Z]+ HELP\."), ""),
    (re.compile(r"at line \d+"), "at line N"),
]


def split(text):
    return [re.sub(r'^"(.*)"$', r"\1", w) for w in re.findall(r'"[^"]*"|\S+', text)]


def canonical(x):
    if isinstance(x, ReplyError):
        text = str(x)
        for pattern, to in CUTS:
            text = pattern.sub(to, text)
        return f"(error) {text}"
    if isinstance(x, dict):
        return {canonical(k): canonical(v) for k, v in x.items()}
    if isinstance(x, list):
        return [canonical(v) for v in x]
    if isinstance(x, bytes):
        return x.decode(errors="replace")
    return x


def both(resp, run):
    with Stage() as stage:
        ours, theirs = stage.server(), stage.server(binary=REDIS_SERVER)
        with ours.client() as a, theirs.client() as b:
            if resp == 3:
                a.cmd("HELLO", 3)
                b.cmd("HELLO", 3)
            run(a, b)


def compare(a, b, words, differences, before):
    x, y = canonical(a.raw(*words)), canonical(b.raw(*words))
    if isinstance(x, list) and isinstance(y, list) and words[0] in ("KEYS", "COMMAND"):
        x, y = sorted(map(str, x)), sorted(map(str, y))
    if isinstance(x, list) and isinstance(y, list) and words[0] == "CONFIG":
        x, y = sorted(zip(x[::2], x[1::2])), sorted(zip(y[::2], y[1::2]))
    if x != y:
        differences.append(f"{' '.join(map(str, words))}\n    ours   {x!r}\n    theirs {y!r}\n    after {before[-3:]}")


def check(differences):
    assert not differences, f"{len(differences)} differences\n" + "\n".join(differences)


def play_lines(lines, resp, compare=compare):
    """Each line is a story of its own: the key space is emptied behind it."""
    differences = []

    def run(a, b):
        for line in lines:
            before = []
            for part in line.split("|"):
                words = split(part.strip())
                compare(a, b, words, differences, before)
                before.append(" ".join(words))
            for c in (a, b):
                c.raw("DISCARD")
                c.raw("SELECT", 0)
                c.raw("FLUSHALL")
    both(resp, run)
    check(differences)


def test_scripted_resp2():
    play_lines(SCRIPTED, 2)


def test_scripted_resp3():
    play_lines(SCRIPTED, 3)


KEYS = ["a", "b", "c", "longer:key:name", ""]
VALUES = ["1", "-5", "abc", "3.14", "9223372036854775807", "x" * 50, "", "0", "\x00\xff", "1e3", " 7"]
NUMBERS = ["0", "1", "-1", "100", "5", "abc", "9223372036854775807", "1.5", "-100"]
SHAPES = ["SET k v", "SET k v NX", "SET k v XX", "SET k v GET", "SET k v EX 100", "SET k v KEEPTTL", "GET k", "GETSET k v",
          "GETDEL k", "GETEX k", "GETEX k PERSIST", "GETEX k EX 1000", "APPEND k v", "STRLEN k", "GETRANGE k n n",
          "SETRANGE k s v", "INCR k", "DECR k", "INCRBY k n", "DECRBY k n", "INCRBYFLOAT k n", "MGET k k k", "MSET k v k v",
          "MSETNX k v k v", "SETNX k v", "DEL k", "DEL k k", "EXISTS k k", "TYPE k", "RENAME k k", "RENAMENX k k",
          "COPY k k", "COPY k k REPLACE", "MOVE k d", "SELECT d", "EXPIRE k 1000", "EXPIRE k n XX", "PERSIST k",
          "EXPIRE k 1000 NX", "PEXPIREAT k 9999999999999", "EXPIRETIME k", "DBSIZE", "OBJECT ENCODING k", "LCS k k",
          "LCS k k LEN", "MULTI", "EXEC", "DISCARD", "WATCH k", "UNWATCH", "SWAPDB d d", "TOUCH k", "UNLINK k",
          "BADCMD k", "GET k k k"]


def generated(seed, n):
    r = random.Random(seed)
    pick = {"k": KEYS, "v": VALUES, "n": NUMBERS, "d": ["0", "1", "2"], "s": ["0", "1", "5", "-1", "60"]}
    for _ in range(n):
        yield [r.choice(pick[w]) if w in pick else w for w in r.choice(SHAPES).split(" ")]


def test_generated():
    differences = []

    def run(a, b):
        before = []
        for words in generated(20260101, 20000):
            compare(a, b, words, differences, before)
            before.append(" ".join(words))
    both(2, run)
    assert not differences, f"{len(differences)} differences\n" + "\n".join(differences[:20])
