"""Scripts: the same EVALs and functions to our binary and to redis-server 7.0.15, in RESP2 and RESP3,
byte for byte: a list written by hand, and generated ones.

    tests/compat/test_scripts.py SCRIPTS [SEED]      that many generated scripts, and what differs
"""
import os
import random
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))

from lib import REDIS_SERVER, TANIST, Stage, encode  # noqa: E402
from scripts import HAND, Generator  # noqa: E402

# What is another text for a reason.
ADDRESS = re.compile(rb"(table|function|userdata|thread|builtin|cfunction): (builtin: )?0x[0-9a-f]+")
SAME = [
    (ADDRESS, rb"\1: 0x"),
    (re.compile(rb",-nan\r|\$4\r\n-nan\r"), b",nan\r"),  # 7.2 has no sign there either
    (re.compile(rb"\$3\r\nnan\r"), b",nan\r"),
]


class Raw:
    """A connection that gives replies as their bytes."""

    def __init__(self, process):
        self.client = process.client()

    def reply(self):
        out, left = [], 1
        while left:
            line = self.client.line() + b"\r\n"
            kind, n = line[:1], line[1:-2]
            out.append(line)
            left -= 1
            if kind in (b"$", b"=") and int(n) >= 0:
                out.append(self.client.file.read(int(n) + 2))
            if kind in (b"*", b"~", b"%", b">") and int(n) > 0:
                left += int(n) * (2 if kind == b"%" else 1)
        return b"".join(out)

    def ask(self, *words):
        self.client.send_bytes(encode(words))
        return self.reply()


def alike(got):
    for pattern, to in SAME:
        got = pattern.sub(to, got)
    return got


class Pair:
    def __init__(self, stage):
        quiet = ("--save", "", "--enable-debug-command", "yes")
        self.ours = Raw(stage.server(*quiet, binary=TANIST))
        self.theirs = Raw(stage.server(*quiet, binary=REDIS_SERVER))
        self.differences = []

    def both(self, *words):
        return self.ours.ask(*words), self.theirs.ask(*words)

    def compare(self, *words):
        mine, other = map(alike, self.both(*words))
        if mine != other:
            self.differences.append((words, mine, other))
        return mine

    def check(self):
        assert not self.differences, "\n" + "\n".join(
            f"{w!r}\n    ours:   {m[:600]!r}\n    theirs: {t[:600]!r}" for w, m, t in self.differences[:20])


def play(resp):
    with Stage() as stage:
        pair = Pair(stage)
        pair.both("HELLO", str(resp))
        for group in HAND.strip().split("\n====\n"):
            pair.both("FLUSHALL")
            pair.both("FUNCTION", "FLUSH")
            for script in group.split("\n----\n"):
                words = script.split(" ") if script.startswith("! ") else ["! ", "EVAL", script, "2", "k1", "k2", "a1", "a2"]
                pair.compare(*[w.replace("\\n", "\n").replace("\\s", " ") for w in words[1:]])
        pair.check()


def test_by_hand_resp2():
    play(2)


def test_by_hand_resp3():
    play(3)


def generated(count, seed):
    with Stage() as stage:
        pair = Pair(stage)
        make = Generator(random.Random(seed))
        for i in range(count):
            if i % 200 == 0:
                pair.both("SCRIPT", "FLUSH")
                pair.both("FLUSHALL")
                pair.both("HELLO", "23"[i // 200 % 2])
            pair.compare("EVAL", make.script(), "2", "k1", "k2", "a1", "7")
            if len(pair.differences) >= 20:
                break
        pair.check()


def test_generated():
    generated(3000, random.randrange(1 << 30))


if __name__ == "__main__":
    generated(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 30))
