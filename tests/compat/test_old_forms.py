"""Snapshots with the forms that Redis wrote before 7.0: we load what the reference loads, and the same."""
import os
import struct

from lib import REDIS_SERVER, Stage

LIST, LIST_ZIPLIST, ZSET_ZIPLIST, HASH_ZIPLIST, HASH_ZIPMAP, QUICKLIST = 1, 10, 12, 13, 9, 14


def length(n):
    if n < 64:
        return bytes([n])
    return struct.pack(">H", 0x4000 | n) if n < 16384 else b"\x80" + struct.pack(">I", n)


def string(b):
    return length(len(b)) + b


def ziplist_item(x):
    """In the shortest form, as Redis did."""
    if isinstance(x, int):
        for lo, hi, code, form in ((0, 12, None, None), (-128, 127, 0xfe, "<b"), (-2**15, 2**15 - 1, 0xc0, "<h"), (-2**23, 2**23 - 1, 0xf0, None),
                                   (-2**31, 2**31 - 1, 0xd0, "<i"), (-2**63, 2**63 - 1, 0xe0, "<q")):
            if lo <= x <= hi:
                if code is None:
                    return bytes([0xf1 + x])
                return bytes([code]) + (struct.pack(form, x) if form else struct.pack("<i", x)[:3])
    if len(x) < 64:
        return bytes([len(x)]) + x
    return (struct.pack(">H", 0x4000 | len(x)) if len(x) < 16384 else b"\x80" + struct.pack(">I", len(x))) + x


def ziplist(items):
    body, before, last = b"", 0, 10
    for x in items:
        last = 10 + len(body)
        entry = (bytes([before]) if before < 254 else b"\xfe" + struct.pack("<I", before)) + ziplist_item(x)
        body += entry
        before = len(entry)
    return struct.pack("<IIH", 11 + len(body), last, len(items)) + body + b"\xff"


def zipmap(pairs):
    def one(n):
        return bytes([n]) if n < 254 else b"\xfe" + struct.pack("<I", n)
    body = b""
    for i, (k, v) in enumerate(pairs):
        body += one(len(k)) + k + one(len(v)) + bytes([i % 3]) + v + b"?" * (i % 3)
    return bytes([min(len(pairs), 254)]) + body + b"\xff"


INTS = [0, 12, 13, -1, 127, -128, 128, 32767, -32768, 32768, 8388607, -8388608, 8388608, 2**31 - 1, -2**31, 2**31, 2**63 - 1, -2**63]
TEXTS = [b"", b"a", b"x" * 63, b"x" * 64, b"y" * 249, b"z" * 300, b"w" * 17000, b"abc"]
KEYS = [
    (LIST, b"list", length(4) + string(b"a") + b"\xc0\x7b" + string(b"") + string(b"x" * 100)),
    (LIST_ZIPLIST, b"list-ziplist", string(ziplist(INTS + TEXTS))),
    (QUICKLIST, b"quicklist", length(3) + string(ziplist(INTS)) + string(ziplist(TEXTS)) + string(ziplist([b"end", 5]))),
    (HASH_ZIPLIST, b"hash-ziplist", string(ziplist([b"f", 1, 2, b"two", b"long", b"v" * 100]))),
    (HASH_ZIPMAP, b"hash-zipmap", string(zipmap([(b"a", b"1"), (b"b", b"v" * 260), (b"12", b"x"), (b"k" * 255, b"")]))),
    (ZSET_ZIPLIST, b"zset-ziplist", string(ziplist([b"a", -5, b"b", b"1.5", 3, 7]))),
]


def snapshot(keys, version=9):
    return b"REDIS%04d\xfe\x00" % version + b"".join(bytes([t]) + string(k) + v for t, k, v in keys) + b"\xff" + bytes(8)


def loaded(stage, data, **kw):
    folder = os.path.join(stage.folder, "in-" + ("theirs" if kw else "ours"))
    os.makedirs(folder)
    with open(os.path.join(folder, "dump.rdb"), "wb") as f:
        f.write(data)
    return stage.server("--dir", folder, **kw)


def test_old_forms():
    with Stage() as stage:
        data = snapshot(KEYS)
        with loaded(stage, data).client() as a, loaded(stage, data, binary=REDIS_SERVER).client() as b:
            for c in (a, b):
                assert c.cmd("DBSIZE") == len(KEYS)
            for key in ("list", "list-ziplist", "quicklist"):
                assert a.cmd("LRANGE", key, 0, -1) == b.cmd("LRANGE", key, 0, -1), key
            assert len(a.cmd("LRANGE", "list-ziplist", 0, -1)) == len(INTS) + len(TEXTS)
            for key in ("hash-ziplist", "hash-zipmap"):
                x, y = a.cmd("HGETALL", key), b.cmd("HGETALL", key)
                assert sorted(zip(x[::2], x[1::2])) == sorted(zip(y[::2], y[1::2])), key
            z = ["ZRANGE", "zset-ziplist", 0, -1, "WITHSCORES"]
            assert a.cmd(*z) == b.cmd(*z) == [b"a", b"-5", b"b", b"1.5", b"3", b"7"]
