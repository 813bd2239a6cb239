"""DEBUG DIGEST beside redis-server: equal data, equal figure, over all types."""
from beside import side_by_side

DATA = """
SET s1 hello | SET n 12345 | SET big xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
RPUSH l a b 1 22 ccc | SADD i 1 2 3 -7 | SADD m a b 1 2 | HSET h f v g 1 | ZADD z 1 a 2.5 b 1e300 c -inf d 0.1 e
XADD x 1-1 a 1 b text | XADD x 1-2 a 2 b text | XADD x 2-0 c 3 | XDEL x 1-2 | XGROUP CREATE x g 0
SET d v PXAT 9999999999999 | EXPIREAT h 9999999999 | SELECT 9 | SET s1 hello | SADD other x | SELECT 0
"""


def test_digests():
    def run(c):
        c.step(["DEBUG", "DIGEST"])
        for line in DATA.strip().split("\n"):
            for part in line.split("|"):
                c.step(part.split())
                c.step(["DEBUG", "DIGEST"])
        for key in ("s1", "n", "big", "l", "i", "m", "h", "z", "x", "d", "nokey"):
            c.step(["DEBUG", "DIGEST-VALUE", key])
        c.step(["DEBUG", "DIGEST-VALUE", "s1", "nokey", "z"])
        for name, words in (("hash", ["HSET", "H"]), ("zset", ["ZADD", "Z"])):
            for i in range(700):
                c.step(words + ([f"f{i}", f"v{i}"] if name == "hash" else [i * 0.37, f"m{i}"]))
        for i in range(700):
            c.step(["SADD", "S", i, f"m{i}"])
            c.step(["RPUSH", "L", f"element {i}"])
        c.step(["DEBUG", "DIGEST"])
        c.step(["SELECT", 9])
        c.step(["FLUSHDB"])
        c.step(["DEBUG", "DIGEST"])
    for resp in (2, 3):
        side_by_side(resp, run)
