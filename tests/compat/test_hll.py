"""HyperLogLogs beside the reference: the same bytes after the same commands, in both forms."""
import random

import beside
from lib import REDIS_SERVER, ReplyError, Stage

SCRIPTED = r"""
PFADD h | PFADD h | GET h | PFCOUNT h | PFADD h a b c | PFADD h a | PFCOUNT h | GET h | PFADD h d | GET h | OBJECT ENCODING h | TYPE h | STRLEN h | PFDEBUG DECODE h | PFDEBUG ENCODING h
PFADD a 1 2 3 | PFADD b 3 4 5 | PFCOUNT a b | PFCOUNT a b no | PFMERGE d a b | GET d | PFCOUNT d | GET d | PFMERGE d | GET d | PFMERGE new | GET new | PFCOUNT no | PFMERGE e no | PFDEBUG TODENSE a | PFDEBUG TODENSE a | PFDEBUG ENCODING a | PFDEBUG DECODE a | PFMERGE b a | GET b | PFDEBUG GETREG e | GET e
PFADD h a | EXPIRE h 100 | PFADD h b | TTL h | PFCOUNT h | TTL h | PFMERGE h h | TTL h
SET s x | PFADD s 1 | PFCOUNT s | PFCOUNT s s | PFMERGE s | PFMERGE h s | EXISTS h | PFDEBUG DECODE s | SET s 123 | PFADD s 1 | SET s HYLLxxxxxxxxxxxxxxxxx | PFADD s 1 | PFCOUNT s | PFDEBUG FOO s | PFDEBUG FOO no | PFADD h 1 | PFDEBUG FOO h | PFDEBUG DECODE | PFDEBUG | PFADD | PFCOUNT | PFMERGE | PFSELFTEST x | PFSELFTEST
SADD t a | PFADD t 1 | PFCOUNT t | PFCOUNT h t | PFMERGE h t | PFDEBUG DECODE t
SET s "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80" | PFADD s a | PFCOUNT s | PFMERGE x s | PFCOUNT s s | PFDEBUG TODENSE s | SET s "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff\x00" | PFCOUNT s | PFMERGE x s | SET s "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f" | PFCOUNT s
SET s "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xfe" | PFCOUNT s | PFMERGE x s | SET s "HYLL\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff" | PFCOUNT s | SET s "HYLL\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff" | PFADD s a | COMMAND GETKEYS PFMERGE a b c | COMMAND GETKEYS PFCOUNT a b | PFADD r "" | GET r
"""


def test_scripted_resp2():
    beside.scripted(SCRIPTED, 2)


def test_scripted_resp3():
    beside.scripted(SCRIPTED, 3)


def growing(seed, steps):
    r = random.Random(seed)
    keys = ["a", "b", "c", "d"]
    for i in range(steps):
        key = r.choice(keys)
        what = r.random()
        if what < 0.85:
            yield ["PFADD", key] + [str(r.randrange(1 << r.randrange(4, 40))) for _ in range(r.randrange(1, 60))]
        elif what < 0.90:
            yield ["PFCOUNT"] + r.sample(keys, r.randrange(1, 4))
        elif what < 0.93:
            yield ["PFMERGE"] + r.sample(keys, r.randrange(1, 4))
        elif what < 0.94:
            yield ["DEL", key]
        elif what < 0.95:
            yield ["CONFIG", "SET", "hll-sparse-max-bytes", r.choice(["0", "100", "3000", "16000"])]
        yield ["GET", key]


def test_generated():
    beside.played(growing(20260302, 4000))


def test_damaged():
    """Bytes that were damaged are refused or counted, as on the reference; nothing falls."""
    r = random.Random(20260303)
    with Stage() as stage:
        ours, theirs = stage.server(), stage.server(binary=REDIS_SERVER)
        with ours.client() as a, theirs.client() as b:
            b.cmd("PFADD", "h", *range(300))
            whole = b.cmd("GET", "h")
            for _ in range(400):
                bad = bytearray(whole)
                for _ in range(r.randrange(1, 4)):
                    bad[r.randrange(8, len(bad))] = r.randrange(256)
                if r.random() < 0.3:
                    bad = bad[:r.randrange(len(bad))]
                for c in (a, b):
                    c.cmd("SET", "x", bytes(bad))
                    c.cmd("DEL", "y")
                for words in (("PFCOUNT", "x", "x"), ("PFMERGE", "y", "x"), ("PFCOUNT", "y")):
                    x, y = a.raw(*words), b.raw(*words)
                    assert (str(x), type(x)) == (str(y), type(y)), (words, x, y, bytes(bad))
                a.raw("PFADD", "x", "one", "two", "three")
                assert isinstance(a.raw("PFDEBUG", "TODENSE", "x"), (int, ReplyError))
