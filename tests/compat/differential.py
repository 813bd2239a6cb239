#!/usr/bin/env python3
"""The differential test: generated commands to our server and to redis-server 7.0.15, replies compared byte for
byte, key spaces by DEBUG DIGEST, encodings and deadlines key by key.

    differential.py [--seed N] [--commands N] [--only FAMILY[,FAMILY]] [--go-on N] [--minutes N]
                    [--story N]

A run is made of stories: some thousand commands that begin with empty servers, on four connections with both
protocols, in a setting of limits that makes encodings change often. At a difference the story is shortened until
no command can be left out, and printed as redis-cli lines. --go-on N looks for N different ones before it ends.
What is tolerated stands in diff_known.py with its reason."""
import argparse
import os
import random
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))

import diff_values as values  # noqa: E402
from diff_grow import Context, Grammar  # noqa: E402
from diff_play import TXN, Difference, Pair  # noqa: E402
from diff_wire import Gone  # noqa: E402
from lib import Stage  # noqa: E402

STORY = 3000
BATCH = (40, 250)
TRIES, TRY_S = 800, 20  # of the shortening
LIMITS = [
    {"hash-max-listpack-entries": 128, "hash-max-listpack-value": 64, "set-max-intset-entries": 512,
     "zset-max-listpack-entries": 128, "zset-max-listpack-value": 64, "list-max-listpack-size": -2, "list-compress-depth": 0,
     "stream-node-max-entries": 100, "stream-node-max-bytes": 4096, "hll-sparse-max-bytes": 3000},
    {"hash-max-listpack-entries": 8, "hash-max-listpack-value": 64, "set-max-intset-entries": 8,
     "zset-max-listpack-entries": 8, "zset-max-listpack-value": 64, "list-max-listpack-size": 8, "list-compress-depth": 1,
     "stream-node-max-entries": 5, "stream-node-max-bytes": 4096, "hll-sparse-max-bytes": 60},
    {"hash-max-listpack-entries": 3, "hash-max-listpack-value": 4, "set-max-intset-entries": 3,
     "zset-max-listpack-entries": 3, "zset-max-listpack-value": 4, "list-max-listpack-size": 2, "list-compress-depth": 2,
     "stream-node-max-entries": 2, "stream-node-max-bytes": 100, "hll-sparse-max-bytes": 20},
    {"hash-max-listpack-entries": 0, "hash-max-listpack-value": 0, "set-max-intset-entries": 0,
     "zset-max-listpack-entries": 0, "zset-max-listpack-value": 0, "list-max-listpack-size": 1, "list-compress-depth": 0,
     "stream-node-max-entries": 1, "stream-node-max-bytes": 0, "hll-sparse-max-bytes": 0},
]
DATA_FAMILIES = list(values.FAMILIES)
MIXES = [["string", "bitmap", "hyperloglog"], ["sorted-set", "geo", "set"], DATA_FAMILIES,
         DATA_FAMILIES + ["connection", "server"]]
WAITERS = {
    "list": [["BLPOP", "k", "k", "0"], ["BRPOP", "k", "0"], ["BLMOVE", "k", "k", "LEFT", "RIGHT", "0"], ["BRPOPLPUSH", "k", "k", "0"],
             ["BLMPOP", "0", "2", "k", "k", "LEFT", "COUNT", "3"], ["BLMOVE", "k", "k", "RIGHT", "LEFT", "0"]],
    "sorted-set": [["BZPOPMIN", "k", "k", "0"], ["BZPOPMAX", "k", "0"], ["BZMPOP", "0", "2", "k", "k", "MAX", "COUNT", "2"]],
    "stream": [["XREAD", "BLOCK", "0", "STREAMS", "k", "$"], ["XREAD", "COUNT", "2", "BLOCK", "0", "STREAMS", "k", "k", "$", "5-1"],
               ["XREADGROUP", "GROUP", "g1", "c1", "BLOCK", "0", "STREAMS", "k", ">"]],
}
DRAWS = {"set": [["SPOP", "k"], ["SPOP", "k", "n"], ["SRANDMEMBER", "k"], ["SRANDMEMBER", "k", "n"]],
         "hash": [["HRANDFIELD", "k", "n"], ["HRANDFIELD", "k", "n", "WITHVALUES"], ["HRANDFIELD", "k"]],
         "sorted-set": [["ZRANDMEMBER", "k", "n"], ["ZRANDMEMBER", "k", "n", "WITHSCORES"], ["ZRANDMEMBER", "k"]]}
SCANS = {"set": "SSCAN", "hash": "HSCAN", "sorted-set": "ZSCAN"}


class Author:
    """Writes stories; all its choices come from one seed."""

    def __init__(self, seed, grammar, only, payloads):
        self.r, self.grammar, self.only = random.Random(seed), grammar, only
        self.c = Context(self.r)
        self.c.payloads = payloads
        self.c.key_group = None

    def story(self, n):
        r = self.r
        families = self.only or r.choice([[r.choice(DATA_FAMILIES)], r.sample(DATA_FAMILIES, 2), r.choice(MIXES)])
        self.families = [f for f in families if f in values.FAMILIES] or DATA_FAMILIES
        self.c.families, self.c.stamp = self.families, 0
        self.box, self.weights = self.grammar.mix(families)
        items, sent = [], 0
        while sent < n:
            connection = "A" if r.random() < 0.55 else "B"
            size = r.randrange(*BATCH)
            sent += size
            self.batch(items, connection, size)
            if r.random() < 0.7:
                self.extra(items)
            if r.random() < 0.15:
                items.append(("check",))
        items.append(("check",))
        items = [x for item in items for x in self.with_errno_cleared(item)]
        heard = {"notify-keyspace-events": r.choice(["KEA", "", ""])}
        return items, {**r.choice(LIMITS), **heard}

    @staticmethod
    def with_errno_cleared(item):
        """A SORT that stores must do the same in both: diff_known.sort_errno. Reading a score clears errno there."""
        stores = item[0] == "cmd" and item[2][0].upper() == b"SORT" and b"STORE" in [w.upper() for w in item[2]]
        return [("cmd", item[1], [b"ZADD", b"errno", b"XX", b"0", b"m"]), item] if stores else [item]

    def command(self):
        return self.grammar.command(self.c, self.box, self.weights)

    def batch(self, items, connection, size):
        r = self.r
        while size > 0:
            x = r.random()
            if x < 0.012:
                size -= self.transaction(items, connection)
            elif x < 0.016:
                items.append(("cmd", connection, [b"COMMAND", r.choice([b"GETKEYS", b"GETKEYSANDFLAGS"])] + self.command()))
            elif x < 0.019:
                items.append(("cmd", connection, [b"ACL", b"DRYRUN", b"u1"] + self.command()))
            else:
                items.append(("cmd", connection, self.command()))
            size -= 1

    def transaction(self, items, connection):
        """Often whole, sometimes with a stray MULTI or WATCH, sometimes left open till the connection's next batch."""
        r, n = self.r, self.r.randrange(0, 7)
        if r.random() < 0.4:
            items.append(("cmd", connection, [b"WATCH"] + [r.choice(values.KEYS[r.choice(self.families)])]))
            if r.random() < 0.3:
                items.append(("cmd", r.choice("AB"), self.command()))
        items.append(("cmd", connection, [b"MULTI"]))
        items.extend(("cmd", connection, self.command()) for _ in range(n))
        if r.random() < 0.06:
            items.append(("cmd", connection, r.choice([[b"MULTI"], [b"WATCH", b"a"], [b"NOSUCH"], [b"GET"], [b"UNWATCH"], [b"exec", b"x"]])))
        if r.random() < 0.92:
            items.append(("cmd", connection, [r.choice([b"EXEC", b"EXEC", b"EXEC", b"EXEC", b"exec", b"DISCARD"])]))
        return n

    def key(self, family):
        return self.r.choice(values.KEYS[family]) if self.r.random() < 0.9 else self.r.choice(values.ANY_KEY)

    def fill(self, words, family):
        out = []
        for w in words:
            out.append(self.key(family) if w == "k" else self.r.choice(values.NUMBERS) if w == "n" else w.encode())
        return out

    def extra(self, items):
        r, x = self.r, self.r.random()
        family = r.choice(self.families)
        if x < 0.3 and family in DRAWS:
            items.append(("draw", self.fill(r.choice(DRAWS[family]), family)))
        elif x < 0.5:
            items.append(("scan", self.scan(family)))
        elif x < 0.65:
            items.append(("trade", self.key(family), self.key(family)))
        elif x < 0.9 and family in WAITERS:
            words = self.fill(r.choice(WAITERS[family]), family)
            items.append(("wait", r.choice("CD"), words, [self.command() for _ in range(r.randrange(1, 12))]))
        elif x < 0.93:
            items.append(("age", [self.key(f) for f in self.families]))
        elif x > 0.95:
            items.append(("mute", [self.command() for _ in range(r.randrange(1, 8))]))

    def scan(self, family):
        r = self.r
        words = [SCANS[family].encode(), self.key(family), b"0"] if family in SCANS else [b"SCAN", b"0"]
        if r.random() < 0.4:
            words += [b"MATCH", r.choice(values.PATTERNS)]
        if r.random() < 0.6:
            words += [b"COUNT", r.choice([b"1", b"3", b"10", b"1000"])]
        if words[0] == b"SCAN" and r.random() < 0.3:
            words += [b"TYPE", r.choice([b"string", b"hash", b"zset", b"stream", b"foo", b"LIST"])]
        return words


# ---- shortening ----


def shorten(pair, items, limits, wanted):
    """The shortest story found that still ends in a difference of the same command: halves first, then single items."""
    def fails(some):
        try:
            pair.play(some, limits)
        except (Difference, Gone) as e:
            if not pair.alive():
                pair.start()
            if isinstance(e, Difference) and e.signature()[0] == wanted.signature()[0]:
                return e
        return None

    best, found, tries, until = items, wanted, 0, time.monotonic() + TRY_S
    size = max(1, len(best) // 2)
    while size >= 1 and tries < TRIES and time.monotonic() < until:
        at, changed = 0, False
        while at < len(best) and tries < TRIES and time.monotonic() < until:
            shorter = best[:at] + best[at + size:]
            if not (shorter and shorter[-1] == ("check",)):
                shorter = shorter + [("check",)]
            tries += 1
            e = fails(shorter) if len(shorter) < len(best) else None
            if e:
                best, found, changed = shorter, e, True
            else:
                at += size
        if size == 1 and not changed:
            break
        size = max(1, size // 2) if not changed or size > 1 else 1
    return best, found


def quoted(word):
    if isinstance(word, str):
        return word
    if word and re.fullmatch(rb"[-\w.:#>*+$@~&%=(\[/]+", word):
        return word.decode("latin-1")
    return '"' + "".join(c if 32 <= ord(c) < 127 and c not in '"\\' else f"\\x{ord(c):02x}" for c in word.decode("latin-1")) + '"'


def line(words):
    return " ".join(map(quoted, words))


def printed(items):
    out = []
    for item in items:
        if item[0] == "cmd":
            out.append((f"{item[1]}> " if item[1] != "A" else "") + line(item[2]))
        elif item[0] == "wait":
            out.append(f"{item[1]}> {line(item[2])}   # waits")
            out += ["   " + line(w) for w in item[3]]
        elif item[0] == "mute":
            out += ["# without replies:"] + ["   " + line(w) for w in item[1]]
        elif item[0] != "check":
            out.append(f"# {item[0]}: " + " ".join(line(p) if isinstance(p, list) else quoted(p) for p in item[1:]))
    return "\n".join("    " + o for o in out)


# ---- a run ----

def payloads_of(pair):
    """Values of all types as both servers dump them, and damaged ones."""
    scene = ["SET p1 hello", "SET p2 12345", "RPUSH p3 a b 1 2", "SADD p4 1 2 3", "SADD p5 a b 1", "HSET p6 f v g 1", "ZADD p7 1 a 2.5 b",
             "XADD p8 1-1 f v", "PFADD p9 a b c"]
    out = []
    for side in pair.sides():
        side.control.ask("FLUSHALL")
        for command in scene:
            side.control.value(*command.split(" "))
            out.append(side.control.value("DUMP", command.split(" ")[1]))
    return out + [b"", b"x", out[0][:-1], out[5][:4] + b"\xff" + out[5][5:], out[3][1:]]


class Run:
    def __init__(self, seed, commands, only=(), go_on=1, minutes=None, options=(), first=0):
        self.seed, self.commands, self.only, self.go_on = seed, commands, list(only), go_on
        self.until = time.monotonic() + minutes * 60 if minutes else None
        self.options, self.findings, self.first = options, [], first

    def go(self):
        names = f" --only {','.join(self.only)}" if self.only else ""
        print(f"seed {self.seed}: tests/compat/differential.py --seed {self.seed} --commands {self.commands}{names}", flush=True)
        began = time.monotonic()
        with Stage() as stage:
            pair = Pair(stage, self.options)
            grammar = Grammar(*[side.wire3() for side in pair.sides()])
            print("left out, unknown to the reference:", ", ".join(sorted(grammar.left_out)), flush=True)
            pair.containers = grammar.containers
            author = Author(self.seed, grammar, self.only, payloads_of(pair))
            stories = self.stories(pair, author)
        seconds = time.monotonic() - began
        print(f"{pair.count} commands in {stories} stories, {seconds:.0f} s, {pair.count / seconds:.0f} a second, "
              f"{len(self.findings)} differences", flush=True)
        return self.findings

    def stories(self, pair, author):
        sent = stories = 0
        seen = set()
        while sent < self.commands and len(seen) < self.go_on and not (self.until and time.monotonic() > self.until):
            items, limits = author.story(STORY)
            if stories < self.first:
                stories += 1
                continue
            try:
                pair.play(items, limits)
            except Difference as e:
                crashed = not pair.alive()
                if crashed:
                    print(pair.ours.process.logged()[-6000:], flush=True)
                if e.signature() not in seen:
                    seen.add(e.signature())
                    self.report(pair, items, limits, e, stories)
                if crashed or not pair.alive() or "no reply" in e.ours:
                    pair.start()
            sent += sum(1 for i in items if i[0] != "check")
            stories += 1
        return stories

    def report(self, pair, items, limits, e, story):
        if not pair.alive() or "no reply" in e.ours:
            pair.start()
        items, e = shorten(pair, items, limits, e)
        said = f"--- story {story}, limits of {limits['hash-max-listpack-entries']}, events {limits['notify-keyspace-events'] or 'off'}\n{printed(items[-60:])}\n" \
               f"  at     {line(e.words)[:600]}\n  ours   {e.ours[:1500]}\n  theirs {e.theirs[:1500]}"
        self.findings.append(said)
        print(said, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    parser.add_argument("--commands", type=int, default=200_000)
    parser.add_argument("--only", default="")
    parser.add_argument("--go-on", type=int, default=1)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--story", type=int, default=0, help="begin with that story")
    args = parser.parse_args()
    run = Run(args.seed, args.commands, [f for f in args.only.split(",") if f], args.go_on, args.minutes, first=args.story)
    return 1 if run.go() else 0


if __name__ == "__main__":
    sys.exit(main())
