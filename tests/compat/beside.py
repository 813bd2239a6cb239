"""Commands to our server and to redis-server, side by side: what the comparisons of collections share.

A script is lines of commands, separated by |; each line starts with an empty server. The generator
takes shapes ("HSET k f v") whose small letters stand for lists to choose from. Replies must be
equal, in kind as well (a RESP3 set is not an array); the order counts only where Redis promises one.
Scans are walked to their end. Draws are compared by number; what ours pops, theirs removes."""
import os
import random
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))

from lib import REDIS_SERVER, TANIST, Map, ReplyError, Set, Stage, replica_caught_up, wait_for  # noqa: E402

UNORDERED = {"SMEMBERS", "SINTER", "SUNION", "SDIFF", "HKEYS", "HVALS", "KEYS"}
PAIRS = {"HGETALL"}
SCANS = {"HSCAN": 2, "SSCAN": 2, "ZSCAN": 2}
DRAWS = {"SRANDMEMBER", "HRANDFIELD", "ZRANDMEMBER", "RANDOMKEY"}
WALK_MAX = 100_000


def split(text):
    """Words, quoted or not; \\xNN in one stands for a byte."""
    words = [re.sub(r'^"(.*)"$', r"\1", w) for w in re.findall(r'"[^"]*"|\S+', text)]
    return [w.encode("latin-1").decode("unicode_escape").encode("latin-1") if "\\x" in w else w for w in words]


def plain(x):
    """With the kind of reply in it, and without order where the kind has none."""
    if isinstance(x, ReplyError):
        return f"(error) {x}"
    if isinstance(x, Map):
        return ("map", sorted((repr(plain(k)), repr(plain(v))) for k, v in x.items()))
    if isinstance(x, Set):
        return ("set", sorted(repr(plain(v)) for v in x))
    if isinstance(x, list):
        return [plain(v) for v in x]
    return x


def pairs(flat):
    return sorted(zip(flat[::2], flat[1::2]))


def reply(client, words):
    """The reply as it is to be compared."""
    name = str(words[0]).upper()
    got = client.raw(*words)
    if name in SCANS and isinstance(got, list) and len(words) > 2:
        return walk(client, words, got)
    x = plain(got)
    if name in UNORDERED and type(got) is list:
        return sorted(x)
    if name in PAIRS and type(got) is list:
        return pairs(x)
    if name in DRAWS and isinstance(got, (list, bytes)):
        return (type(got).__name__, len(got)) if isinstance(got, list) else "one"
    return x


def walk(client, words, got):
    at, found = SCANS[str(words[0]).upper()], []
    for _ in range(WALK_MAX):
        flat = got[1]
        found += [tuple(p) for p in pairs(flat)] if words[0] != "SSCAN" and "NOVALUES" not in words else flat
        if got[0] == b"0":
            return sorted(set(found))
        words = list(words)
        words[at] = got[0]
        got = client.raw(*words)
    raise AssertionError("a scan without end")


def pop(ours, theirs, words):
    """SPOP: theirs removes what ours drew."""
    got = ours.raw(*words)
    members = got if isinstance(got, list) else [got] if isinstance(got, bytes) else None
    if members is None:
        return plain(got), plain(theirs.raw(*words))
    n = theirs.raw("SREM", words[1], *members) if members else 0
    return len(members), n


class Comparison:
    def __init__(self, ours, theirs, same=lambda words, x: x):
        self.ours, self.theirs, self.same = ours, theirs, same
        self.differences, self.before = [], []

    def step(self, words):
        if str(words[0]).upper() == "SPOP":
            x, y = pop(self.ours, self.theirs, words)
        else:
            x, y = reply(self.ours, words), reply(self.theirs, words)
        x, y = self.same(words, x), self.same(words, y)
        if x != y:
            self.differences.append(f"{words!r}\n    ours   {x!r}\n    theirs {y!r}\n    after {self.before[-4:]}")
        self.before.append(words)

    def both(self, *words):
        for c in (self.ours, self.theirs):
            c.raw(*words)

    def done(self):
        assert not self.differences, (f"{len(self.differences)} differences\n" + "\n".join(self.differences[:20]))


def side_by_side(resp, run, options=(), **kw):
    with Stage() as stage:
        ours, theirs = stage.server(*options), stage.server(*options, binary=REDIS_SERVER)
        with ours.client() as a, theirs.client() as b:
            comparison = Comparison(a, b, **kw)
            if resp == 3:
                comparison.both("HELLO", 3)
            run(comparison)
            comparison.done()


def scripted(text, resp, **kw):
    def run(comparison):
        for line in text.strip().split("\n"):
            for part in line.split("|"):
                comparison.step(split(part.strip()))
            comparison.both("FLUSHALL")
    side_by_side(resp, run, **kw)


def played(commands, resp=2):
    """Lists of words, one after the other, on servers that begin empty."""
    def run(comparison):
        for words in commands:
            comparison.step(words)
    side_by_side(resp, run)


def generate(seed, n, shapes, lists):
    r = random.Random(seed)
    for _ in range(n):
        yield [r.choice(lists[w]) if w in lists else w for w in r.choice(shapes).split(" ")]


READERS = {b"string": ("GET",), b"hash": ("HGETALL",), b"set": ("SMEMBERS",), b"list": ("LRANGE", 0, -1),
           b"zset": ("ZRANGE", 0, -1, "WITHSCORES")}


def held(client):
    """Every key of the database with its deadline and its content."""
    out = {}
    for k in sorted(client.cmd("KEYS", "*")):
        kind = client.cmd("TYPE", k)
        kind = kind.encode() if isinstance(kind, str) else kind
        verb, *rest = READERS[kind]
        out[k] = (kind, client.cmd("PEXPIRETIME", k), reply(client, [verb, k, *rest]))
    return out


def generated(seed, n, shapes, lists, resp=2, **kw):
    print(f"seed {seed}")

    def run(comparison):
        for words in generate(seed, n, shapes, lists):
            comparison.step(words)
        ours, theirs = held(comparison.ours), held(comparison.theirs)
        assert ours == theirs, "the key spaces differ"
        x, y = comparison.ours.cmd("DEBUG", "DIGEST"), comparison.theirs.cmd("DEBUG", "DIGEST")
        assert x == y, f"the digests differ: {x} {y}"
    side_by_side(resp, run, **kw)


def replicated(master, replica, seed, n, shapes, lists, options=()):
    """The commands to a master, of which a full and a partial picture reach the replica."""
    with Stage() as stage:
        m, r = stage.server(*options, binary=master), stage.server(*options, binary=replica)
        with m.client() as a, r.client() as b:
            commands = list(generate(seed, n, shapes, lists))
            a.pipeline(commands[: n // 2])
            b.cmd("REPLICAOF", "127.0.0.1", m.port)
            wait_for("the replica", lambda: r.info("replication").get("master_link_status") == "up")
            a.pipeline(commands[n // 2:])
            wait_for("the same offset", lambda: replica_caught_up(m, r))
            assert held(a) == held(b), "the replica holds something else"


BOTH_WAYS = [(TANIST, REDIS_SERVER), (REDIS_SERVER, TANIST), (TANIST, TANIST)]


def told(server, commands):
    """The keyspace events that the commands cause, in order."""
    with server.client() as c, server.client() as ear:
        c.cmd("CONFIG", "SET", "notify-keyspace-events", "KEA")
        ear.cmd("PSUBSCRIBE", "__keyevent@*", "end")
        c.pipeline(commands)
        c.cmd("PUBLISH", "end", "")
        out = []
        while not out or out[-1][0] != b"end":
            out.append(tuple(ear.read()[2:]))
        return out


def events(seed, n, shapes, lists, options=()):
    print(f"seed {seed}")
    commands = list(generate(seed, n, shapes, lists))
    with Stage() as stage:
        ours, theirs = told(stage.server(*options), commands), told(stage.server(*options, binary=REDIS_SERVER), commands)
    for i, (x, y) in enumerate(zip(ours, theirs)):
        assert x == y, f"event {i}: ours {x}, theirs {y}, before {ours[max(0, i - 5):i]}"
    assert len(ours) == len(theirs) > n // 10
