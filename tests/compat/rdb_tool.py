"""Our RDB files in Redis' hands and theirs in ours: redis-check-rdb accepts what we write, a real
redis-server loads it and holds the same keys, and what it saves then loads here, equal again."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import lib  # noqa: E402

SKIP = 77
TOOL = sys.argv[1]
KEYS = 3000


def tool(*args):
    return subprocess.run([TOOL, *map(str, args)], check=True, capture_output=True).stdout


def lines(path):
    return sorted(tool("print", path).split(b"\n"))


def text(kind, got):
    if kind == "hash":
        return b",".join(sorted(f.hex().encode() + b"=" + v.hex().encode() for f, v in zip(got[::2], got[1::2])))
    if kind == "set":
        return b",".join(sorted(m.hex().encode() for m in got))
    return got.hex().encode()


READERS = {"string": "GET", "hash": "HGETALL", "set": "SMEMBERS"}


def held(client):
    """Every key of the server, in the tool's form."""
    out = [b""]
    for db in range(16):
        client.cmd("SELECT", db)
        keys = client.cmd("KEYS", "*")
        kinds = client.pipeline([("TYPE", k) for k in keys])
        asked = [c for k, kind in zip(keys, kinds) for c in (("PEXPIRETIME", k), (READERS[kind], k))]
        got = client.pipeline(asked)
        for i, (k, kind) in enumerate(zip(keys, kinds)):
            out.append(b"%d %d %s %s %s" % (db, got[2 * i], k.hex().encode(), kind.encode(), text(kind, got[2 * i + 1])))
    return sorted(out)


def check(seed):
    with lib.Stage() as stage:
        folder = os.path.join(stage.folder, "redis")
        os.makedirs(folder)
        path = os.path.join(folder, "dump.rdb")
        tool("write", path, seed, KEYS)
        said = subprocess.run([lib.REDIS_CHECK_RDB, path], capture_output=True, text=True)
        assert said.returncode == 0 and "RDB looks OK" in said.stdout, said.stdout
        want = lines(path)
        port = lib.free_port()
        server = stage.start([lib.REDIS_SERVER, "--port", str(port), "--dir", folder, "--save", ""],
                             port, name="redis")
        with server.client() as c:
            assert held(c) == want, "the server holds other keys than we wrote"
            os.unlink(path)
            c.cmd("SAVE")
        assert lines(path) == want, "we read other keys than the server wrote"
        again = os.path.join(folder, "again.rdb")
        tool("copy", path, again)
        assert lines(again) == want
        print(f"seed {seed}: {len(want) - 1} keys agree")


def main():
    if not os.path.exists(lib.REDIS_CHECK_RDB):
        print("no redis-check-rdb here")
        return SKIP
    for seed in (1, 2):
        check(seed)
    return 0


sys.exit(main())
