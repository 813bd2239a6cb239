"""Dumps: written, read back, exchanged with the reference, damaged in every way."""
import os
import random
import shutil
import time

from lib import (ORACLE, REDIS_CHECK_RDB, REDIS_SERVER, TANIST, Stage, fails, free_port, ours_only, run, wait_for)

KEYS = {
    "plain": b"value", "empty": b"", "int": b"12345", "negative": b"-1", "int8": b"127", "int16": b"-32768",
    "int32": b"2147483647", "int64": b"9223372036854775807", "not-int": b"0123", "lzf": b"ab" * 5000,
    "random": random.Random(7).randbytes(70000), "binary \x00\xff\r\n": b"\x00\xff\r\n\"'", "63": b"x" * 63,
    "64": b"y" * 64, "16383": b"z" * 16383, "16384": b"w" * 16384, "": b"the empty key",
}


def fill(server):
    with server.client() as c:
        for db in (0, 3, 15):
            c.cmd("SELECT", db)
            for k, v in KEYS.items():
                c.cmd("SET", k.encode("latin-1"), v)
            c.cmd("SET", "sec", 1, "EXAT", 9999999999)
            c.cmd("SET", "ms", 1, "PXAT", 9999999999999)


def check(server):
    with server.client() as c:
        for db in (0, 3, 15):
            c.cmd("SELECT", db)
            assert c.cmd("DBSIZE") == len(KEYS) + 2
            for k, v in KEYS.items():
                assert c.cmd("GET", k.encode("latin-1")) == v, k
            assert c.cmd("PEXPIRETIME", "sec") == 9999999999000 and c.cmd("PEXPIRETIME", "ms") == 9999999999999
        assert c.info("keyspace").keys() == {"db0", "db3", "db15"}


def exchange(writer, reader, *options):
    with Stage() as stage:
        one = stage.server(*options, binary=writer, name="data")
        fill(one)
        assert one.cmd("SAVE") == "OK"
        one.kill()
        one.wait()
        path = os.path.join(stage.folder, "data", "dump.rdb")
        said = run(REDIS_CHECK_RDB, path)
        assert said.returncode == 0 and "\\o/ RDB looks OK! \\o/" in said.stdout, said
        two = stage.server(*options, binary=reader, name="data")
        check(two)
        assert two.cmd("SAVE") == "OK"
        two.kill()
        two.wait()
        check(stage.server(*options, binary=writer, name="data"))


def test_ours_to_theirs_and_back():
    exchange(TANIST, REDIS_SERVER)


def test_without_compression_and_checksum():
    exchange(TANIST, REDIS_SERVER, "--rdbcompression", "no")
    exchange(TANIST, TANIST, "--rdbchecksum", "no")


def test_theirs_with_other_settings():
    exchange(REDIS_SERVER, TANIST, "--rdbchecksum", "no", "--rdbcompression", "no")


def test_save_and_bgsave():
    with Stage() as stage:
        p = stage.server("--rdb-key-save-delay", 1000) if not ORACLE else stage.server()
        with p.client() as c:
            if ORACLE:
                c.cmd("CONFIG", "SET", "rdb-key-save-delay", 1000)
            first = c.cmd("LASTSAVE")
            assert c.cmd("DEBUG", "POPULATE", 2000) == "OK"
            wait_for("another second", lambda: c.cmd("TIME")[0] > b"%d" % first)
            c.cmd("SET", "before", 1)
            assert c.cmd("BGSAVE") == "Background saving started"
            assert c.info("persistence")["rdb_bgsave_in_progress"] == "1"
            c.cmd("SET", "during", 1)
            assert fails(c.cmd, "BGSAVE") == "ERR Background save already in progress"
            assert fails(c.cmd, "SAVE") == "ERR Background save already in progress"
            assert fails(c.cmd, "BGSAVE", "SCHEDULE") == "ERR Background save already in progress"
            assert fails(c.cmd, "BGSAVE", "FOO") == "ERR syntax error"
            wait_for("the end", lambda: c.info("persistence")["rdb_bgsave_in_progress"] == "0")
            info = c.info("persistence")
            assert info["rdb_last_bgsave_status"] == "ok"
            assert c.cmd("LASTSAVE") > first and int(info["rdb_saves"]) >= 1
            assert "Background saving started by pid" in p.logged() and "DB saved on disk" in p.logged()
            assert "Background saving terminated with success" in p.logged()
            c.cmd("CONFIG", "SET", "rdb-key-save-delay", 0)
            wait_for("no save at all", lambda: c.info("persistence")["rdb_bgsave_in_progress"] == "0")
            c.cmd("SET", "more", 1)
            assert c.cmd("SAVE") == "OK"
            assert c.info("persistence")["rdb_changes_since_last_save"] == "0"
            # in a transaction neither may run, or it is scheduled
            c.cmd("MULTI")
            assert fails(c.cmd, "SAVE") == "ERR Command not allowed inside a transaction"
            c.raw("DISCARD")
            c.cmd("MULTI")
            c.cmd("BGSAVE")
            c.cmd("SET", "inside", 1)
            assert c.cmd("EXEC") == ["Background saving scheduled", "OK"]
            wait_for("that save", lambda: c.info("persistence")["rdb_changes_since_last_save"] == "0")


def test_failed_saves_refuse_writes():
    with Stage() as stage:
        p = stage.server("--save", "10000", "1")
        folder = os.path.join(stage.folder, p.folder)
        with p.client() as c:
            c.cmd("SET", "a", 1)
            shutil.rmtree(folder)
            c.cmd("BGSAVE")
            wait_for("the failure", lambda: c.info("persistence")["rdb_last_bgsave_status"] == "err")
            text = fails(c.cmd, "SET", "b", 1)
            assert text.startswith("MISCONF Redis is configured to save RDB snapshots, but it's currently unable to "
                                   "persist to disk."), text
            assert c.cmd("GET", "a") == b"1"
            assert fails(c.cmd, "PING").startswith("MISCONF")
            c.cmd("CONFIG", "SET", "stop-writes-on-bgsave-error", "no")
            assert c.cmd("SET", "b", 1) == "OK"
            c.cmd("CONFIG", "SET", "save", "")
        os.makedirs(folder, exist_ok=True)
        p.log_path = os.path.join(folder, "x")
        open(p.log_path, "w").close()


def test_flushall_empties_the_file():
    """A save under way is given up; with save points the file is replaced at once by an empty one."""
    with Stage() as stage:
        p = stage.server("--rdb-key-save-delay", 100000, name="n")
        path = os.path.join(p.folder, "dump.rdb")
        with p.client() as c:
            c.cmd("DEBUG", "POPULATE", 1000)
            c.cmd("BGSAVE")
            assert c.info("persistence")["rdb_bgsave_in_progress"] == "1"
            c.cmd("FLUSHALL")
            wait_for("the save to end", lambda: c.info("persistence")["rdb_bgsave_in_progress"] == "0")
            assert not os.path.exists(path)
            assert int(c.info("persistence")["rdb_changes_since_last_save"]) > 900
            c.cmd("CONFIG", "SET", "rdb-key-save-delay", 0)
            c.cmd("SET", "k", 1)
            c.cmd("SAVE")
            c.cmd("CONFIG", "SET", "save", "3600 1000000")
            c.cmd("FLUSHALL")
            assert c.info("persistence")["rdb_changes_since_last_save"] == "0"
            c.cmd("SET", "k", 1)
            assert c.info("persistence")["rdb_changes_since_last_save"] == "1"
            c.cmd("FLUSHALL")
        p.kill()
        p.wait()
        assert stage.server(name="n").cmd("DBSIZE") == 0


def refused(folder, *words, options=()):
    """Starting in the folder ends with 1, soon, and says one of the words."""
    got = run(TANIST, "--port", free_port(), "--save", "", *options, cwd=folder, timeout=20)
    both = got.stdout + got.stderr
    assert got.returncode == 1, got
    assert "AddressSanitizer" not in both and "BUG REPORT" not in both, both
    assert any(w in both for w in words), both
    assert "Ready to accept" not in both


EMPTY = (b"REDIS0010" b"\x02\x03set\x00" b"\x04\x04hash\x00" b"\x05\x04zset\x00" b"\x0e\x04list\x00"
         b"\x0a\x07ziplist\x0b\x0b\0\0\0\x0a\0\0\0\0\0\xff" b"\x00\x01k\x01v" b"\xff" + bytes(8))


def test_empty_collections():
    """They are no keys; the log names them."""
    with Stage() as stage:
        os.mkdir(os.path.join(stage.folder, "data"))
        with open(os.path.join(stage.folder, "data", "dump.rdb"), "wb") as f:
            f.write(EMPTY)
        p = stage.server(name="data")
        assert p.cmd("KEYS", "*") == [b"k"]
        for name in ("set", "hash", "zset", "list", "ziplist"):
            assert f"skipping empty key: {name}" in p.logged(), name


def test_a_node_without_bytes():
    """Only a large element has a node of a list to itself."""
    with Stage() as stage:
        payload = bytes.fromhex("120101000a008fc6c0571c0ab33c")
        assert fails(stage.server().cmd, "RESTORE", "l", 0, payload) == "ERR Bad data format"


@ours_only
def test_refused_payloads_are_logged():
    with Stage() as stage:
        p = stage.server()
        broken = bytes.fromhex("0D1B1B000000160000000400000261000402620004146300040264"
                               "00FF0900D9105492 15F55F52")
        assert fails(p.cmd, "RESTORE", "the key", 0, broken) == "ERR Bad data format"
        assert "integrity check failed" in p.logged()
        assert "'the key': at byte 28" in p.logged(), p.logged()


def test_damaged_files():
    with Stage() as stage:
        p = stage.server(name="data")
        fill(p)
        p.cmd("SAVE")
        p.kill()
        p.wait()
        folder = os.path.join(stage.folder, "data")
        path = os.path.join(folder, "dump.rdb")
        with open(path, "rb") as f:
            good = f.read()

        def write(data):
            with open(path, "wb") as f:
                f.write(data)
        cut = ("Short read", "Unexpected EOF", "unexpected end", "too short")
        for n in (0, 5, 8, 9, 100, len(good) // 2, len(good) - 9, len(good) - 1):
            write(good[:n])
            refused(folder, *cut, "Wrong signature" if n < 9 else "")
        write(b"GARBAGE" + good[7:])
        refused(folder, "Wrong signature trying to load DB from file")
        write(b"REDIS9999" + good[9:])
        refused(folder, "Can't handle RDB format version 9999")
        write(good[:-1] + bytes([good[-1] ^ 1]))
        refused(folder, "RDB CRC error")
        middle = len(good) // 2  # inside the random value: only the sum can know
        write(good[:middle] + bytes([good[middle] ^ 4]) + good[middle + 1:])
        refused(folder, "RDB CRC error")
        write(good + b"tail")
        again = stage.server(name="data")
        check(again)


@ours_only
def test_flipped_bits():
    """Any one bit: the file loads whole or is refused with a message; nothing else happens."""
    with Stage() as stage:
        p = stage.server(name="data", binary=REDIS_SERVER)
        with p.client() as c:
            for i in range(5):
                c.cmd("SET", f"k{i}", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab" * i, *(("EX", 1000) if i % 2 else ()))
            c.cmd("SAVE")
        p.kill()
        p.wait()
        folder = os.path.join(stage.folder, "data")
        path = os.path.join(folder, "dump.rdb")
        with open(path, "rb") as f:
            good = f.read()
        r = random.Random(1)
        for _ in range(25):
            at, bit = r.randrange(len(good)), r.randrange(8)
            with open(path, "wb") as f:
                f.write(good[:at] + bytes([good[at] ^ (1 << bit)]) + good[at + 1:])
            refused(folder, "")


def test_nothing_to_load_and_other_names():
    with Stage() as stage:
        p = stage.server("--dbfilename", "other.rdb", name="data")
        p.cmd("SET", "a", 1)
        p.cmd("SAVE")
        folder = os.path.join(stage.folder, "data")
        assert os.listdir(folder).count("other.rdb") == 1 and not os.path.exists(os.path.join(folder, "dump.rdb"))
        assert not [f for f in os.listdir(folder) if f.startswith("temp")]
        p.kill()
        p.wait()
        began = time.monotonic()
        q = stage.server("--dbfilename", "other.rdb", name="data")
        assert q.cmd("GET", "a") == b"1" and "DB loaded from disk" in q.logged()
        assert time.monotonic() - began < 20
        bad = fails(q.cmd, "CONFIG", "SET", "dbfilename", "a/b")
        assert bad.startswith("ERR CONFIG SET failed"), bad
        got = run(TANIST, "--dbfilename", "a/b", "--port", free_port())
        assert got.returncode == 1 and "dbfilename can't be a path, just a filename" in got.stderr, got
