"""The append-only file: what it holds, how it is rewritten, loaded, refused and taken over."""
import glob
import os
import shutil
import subprocess

from lib import ORACLE, REDIS_SERVER, ReplyError, Stage, fails, free_port, ours_only, read_file, run, wait_for

CHECK_AOF = "/usr/bin/redis-check-aof"


def folder(p):
    return os.path.join(p.folder, "appendonlydir")


def manifest(p, name="appendonly.aof"):
    return read_file(os.path.join(folder(p), name + ".manifest"))


def incr(p):
    return sorted(glob.glob(os.path.join(folder(p), "*.incr.aof")))[-1]


def check(p, name="appendonly.aof"):
    """redis-check-aof accepts the files."""
    got = run(CHECK_AOF, os.path.join(folder(p), name + ".manifest"))
    assert got.returncode == 0, got.stdout + got.stderr


def rewritten(c):
    def done():
        i = c.info("persistence")
        return (i["aof_rewrite_in_progress"] == "0" and i["aof_rewrite_scheduled"] == "0"
                and i["rdb_bgsave_in_progress"] == "0")
    wait_for("the rewrite to end", done)
    i = c.info("persistence")
    assert i["aof_last_bgrewrite_status"] == "ok", i
    assert i["aof_enabled"] == "1"


def fill(c):
    """A key of each type and form."""
    c.cmd("SET", "s", "text")
    c.cmd("SET", "bin", bytes(range(256)) * 3)
    c.cmd("SET", "n", 12345)
    c.cmd("SET", "dies", "x", "EX", 10000)
    c.cmd("RPUSH", "l", *range(300))
    c.cmd("SADD", "ints", *range(100))
    c.cmd("SADD", "set", *[f"m{i}" for i in range(700)])
    c.cmd("ZADD", "z", *sum(([i / 3, f"m{i}"] for i in range(300)), []))
    c.cmd("HSET", "h", *sum(([f"f{i}", f"v{i}"] for i in range(300)), []))
    c.cmd("HSET", "small", "a", 1, "b", "x" * 40)
    for i in range(150):
        c.cmd("XADD", "x", f"{i + 1}-1", "field", i, "other", "v" * (i % 7))
    c.cmd("XGROUP", "CREATE", "x", "g", "20-1")
    c.cmd("XREADGROUP", "GROUP", "g", "me", "COUNT", 7, "STREAMS", "x", ">")
    c.cmd("XDEL", "x", "9-1")
    c.cmd("SELECT", 3)
    c.cmd("SET", "third", "db")
    c.cmd("SELECT", 0)


def loaded(p):
    wait_for("the data to be loaded", lambda: p.info("persistence")["loading"] == "0")
    return p


def restart(stage, p, *options, **kw):
    p.kill()
    p.wait()
    return loaded(stage.server("--appendonly", "yes", *options, port=p.port, name=os.path.basename(p.folder), **kw))


def test_commands_survive_a_kill():
    with Stage() as stage:
        p = stage.server("--appendonly", "yes")
        with p.client() as c:
            fill(c)
            c.cmd("MULTI"), c.cmd("INCR", "n"), c.cmd("LPOP", "l"), c.cmd("EXEC")
            c.cmd("EXPIRE", "s", 5000)
            digest = c.cmd("DEBUG", "DIGEST")
        check(p)
        p = restart(stage, p)
        with p.client() as c:
            assert c.cmd("DEBUG", "DIGEST") == digest
            assert c.cmd("GET", "n") == b"12346"
            assert c.info("persistence")["aof_enabled"] == "1"
            c.cmd("SET", "after", 1)
        p = restart(stage, p)
        assert p.cmd("GET", "after") == b"1"


def test_rewrite_both_forms():
    for preamble in ("yes", "no"):
        with Stage() as stage:
            p = stage.server("--appendonly", "yes", "--aof-use-rdb-preamble", preamble)
            with p.client() as c:
                fill(c)
                assert "started" in c.cmd("BGREWRITEAOF")
                c.cmd("SET", "during", 1)
                rewritten(c)
                c.cmd("RPUSH", "l", "behind")
                digest = c.cmd("DEBUG", "DIGEST")
                assert "Background AOF rewrite finished successfully" in p.logged()
            suffix = "rdb" if preamble == "yes" else "aof"
            assert f"appendonly.aof.2.base.{suffix} seq 2 type b\n" in manifest(p)
            # the file that was replaced goes in the background
            wait_for("history to go", lambda: len(os.listdir(folder(p))) == 3)
            check(p)
            p = restart(stage, p)
            assert p.cmd("DEBUG", "DIGEST") == digest
            with p.client() as c:
                c.cmd("DEBUG", "LOADAOF")
                assert c.cmd("DEBUG", "DIGEST") == digest


def test_functions():
    for preamble in ("yes", "no"):
        with Stage() as stage:
            p = stage.server("--appendonly", "yes", "--aof-use-rdb-preamble", preamble)
            with p.client() as c:
                for i in (1, 2):
                    c.cmd("FUNCTION", "LOAD", f"#!lua name=lib{i}\nredis.register_function('f{i}', function() return {i} end)")
                    if i == 1:
                        c.cmd("BGREWRITEAOF")
                        rewritten(c)
                c.cmd("SET", "a", 1)
                c.cmd("DEBUG", "LOADAOF")
                assert c.cmd("FCALL", "f1", 0) == 1
            p = restart(stage, p)
            assert p.cmd("FCALL", "f1", 0) == 1 and p.cmd("FCALL", "f2", 0) == 2


def test_to_the_reference_and_back():
    for preamble in ("yes", "no"):
        with Stage() as stage:
            p = stage.server("--appendonly", "yes", "--aof-use-rdb-preamble", preamble)
            with p.client() as c:
                fill(c)
                c.cmd("BGREWRITEAOF")
                rewritten(c)
                c.cmd("SET", "behind", 1)
                digest = c.cmd("DEBUG", "DIGEST")
            p.end()
            other = loaded(stage.server("--appendonly", "yes", "--aof-use-rdb-preamble", preamble, binary=REDIS_SERVER,
                                 name=os.path.basename(p.folder)))
            with other.client() as c:
                assert c.cmd("DEBUG", "DIGEST") == digest
                c.cmd("BGREWRITEAOF")
                rewritten(c)
                c.cmd("HSET", "h", "theirs", 1)
                digest = c.cmd("DEBUG", "DIGEST")
            other.end()
            p = loaded(stage.server("--appendonly", "yes", name=os.path.basename(p.folder)))
            assert p.cmd("DEBUG", "DIGEST") == digest


def test_on_and_off_at_run_time():
    with Stage() as stage:
        p = stage.server()
        with p.client() as c:
            fill(c)
            assert c.info("persistence")["aof_enabled"] == "0"
            c.cmd("CONFIG", "SET", "appendonly", "yes")
            rewritten(c)
            c.cmd("SET", "more", 1)
            digest = c.cmd("DEBUG", "DIGEST")
            c.cmd("CONFIG", "SET", "appendonly", "no")
            c.cmd("SET", "not", "kept")
        check(p)
        p = restart(stage, p)
        with p.client() as c:
            assert c.cmd("DEBUG", "DIGEST") == digest
            c.cmd("CONFIG", "SET", "appendonly", "no")
            c.cmd("CONFIG", "SET", "appendonly", "yes")
            rewritten(c)
            assert manifest(p).count("type") == 2
        p = restart(stage, p)
        assert p.cmd("DEBUG", "DIGEST") == digest


def test_rewrites_by_itself():
    with Stage() as stage:
        p = stage.server("--appendonly", "yes", "--auto-aof-rewrite-min-size", "20kb")
        with p.client() as c:
            for _ in range(300):
                c.cmd("SET", "k", "x" * 100)
            wait_for("a rewrite", lambda: int(c.info("persistence")["aof_rewrites"]) > 0)
            rewritten(c)
            assert int(c.info("persistence")["aof_current_size"]) < 30000
        assert "Starting automatic rewriting of AOF on" in p.logged()


def test_first_start_takes_the_snapshot():
    """Turning it on in the configuration does not lose what a snapshot holds."""
    with Stage() as stage:
        p = stage.server()
        with p.client() as c:
            fill(c)
            digest = c.cmd("DEBUG", "DIGEST")
            c.cmd("SAVE")
        p.end()
        if ORACLE:
            print("the reference begins empty here")
            return
        p = loaded(stage.server("--appendonly", "yes", name=os.path.basename(p.folder)))
        assert p.cmd("DEBUG", "DIGEST") == digest
        os.unlink(os.path.join(p.folder, "dump.rdb"))
        p = restart(stage, p)
        assert p.cmd("DEBUG", "DIGEST") == digest


def test_single_file_of_older_versions():
    with Stage() as stage:
        p = stage.server("--appendonly", "yes", "--aof-use-rdb-preamble", "no")
        with p.client() as c:
            fill(c)
            digest = c.cmd("DEBUG", "DIGEST")
        commands = incr(p)
        p.end()
        q = free_port()
        os.makedirs(os.path.join(stage.folder, "old"))
        shutil.copy(commands, os.path.join(stage.folder, "old", "appendonly.aof"))
        p = loaded(stage.server("--appendonly", "yes", name="old", port=q))
        assert p.cmd("DEBUG", "DIGEST") == digest
        assert "Successfully migrated an old-style AOF" in p.logged()
        assert "file appendonly.aof seq 1 type b\n" in manifest(p)
        with p.client() as c:
            c.cmd("SET", "new", 1)
            digest = c.cmd("DEBUG", "DIGEST")
        p = restart(stage, p)
        with p.client() as c:
            assert c.cmd("DEBUG", "DIGEST") == digest
            c.cmd("BGREWRITEAOF")
            rewritten(c)


def test_rdb_with_commands_behind():
    """A base file whose RDB is followed by commands, as 4.0 to 6.2 wrote it."""
    with Stage() as stage:
        p = stage.server()
        with p.client() as c:
            fill(c)
            c.cmd("SAVE")
            c.cmd("SET", "tail", 1)
            digest = c.cmd("DEBUG", "DIGEST")
        p.end()
        data = open(os.path.join(p.folder, "dump.rdb"), "rb").read()
        os.makedirs(os.path.join(stage.folder, "old"))
        with open(os.path.join(stage.folder, "old", "appendonly.aof"), "wb") as f:
            f.write(data + b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$4\r\ntail\r\n$1\r\n1\r\n")
        p = loaded(stage.server("--appendonly", "yes", name="old"))
        assert p.cmd("DEBUG", "DIGEST") == digest


def files(stage, name, **content):
    """A folder with append-only files: _ in names stands for a dot."""
    where = os.path.join(stage.folder, name, "appendonlydir")
    os.makedirs(where)
    for k, v in content.items():
        with open(os.path.join(where, k.replace("_", ".")), "wb") as f:
            f.write(v)
    return name


def command(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


SET_A = command(b"SELECT", b"0") + command(b"SET", b"a", b"1")
SET_B = command(b"SET", b"b", b"1")
INCR_1 = b"file a.1.incr.aof seq 1 type i\n"


def refused(name, manifest_text, expected, *options, **content):
    with Stage() as stage:
        port = free_port()
        content = {k: v for k, v in content.items()}
        content["a_manifest"] = manifest_text
        files(stage, name, **content)
        p = stage.server("--appendonly", "yes", "--appendfilename", "a", *options, name=name, port=port, wait=False)
        assert p.wait() == 1, p.logged()
        assert expected in p.logged(), p.logged()


def test_manifests_that_are_refused():
    cases = [
        (b"", "Found an empty AOF manifest"),
        (b"\n" + INCR_1, "Invalid AOF manifest file format"),
        (b"file a.1.incr.aof seq 1\n", "Invalid AOF manifest file format"),
        (b"file a.1.incr.aof seq x type i\n", "Invalid AOF manifest file format"),
        (b"file a.1.incr.aof seq 1 type z\n", "Unknown AOF file type"),
        (b"file x/a.1.incr.aof seq 1 type i\n", "File can't be a path, just a filename"),
        (b"file a.1.base.rdb seq 1 type b\nfile a.2.base.rdb seq 2 type b\n", "Found duplicate base file information"),
        (b"file a.2.incr.aof seq 2 type i\n" + INCR_1, "Found a non-monotonic sequence number"),
        (b"file " + b"x" * 1100 + b" seq 1 type i\n", "too long line"),
        (INCR_1, "Unable to obtain the AOF file a.1.incr.aof length. stat: No such file or directory"),
    ]
    for i, (text, expected) in enumerate(cases):
        refused(f"m{i}", text, expected)


def test_manifest_with_unknown_words():
    with Stage() as stage:
        files(stage, "m", a_manifest=b"# a comment\nfile a.1.incr.aof seq 1 type i newkey newvalue\n",
              a_1_incr_aof=SET_A)
        p = loaded(stage.server("--appendonly", "yes", "--appendfilename", "a", name="m"))
        assert p.cmd("GET", "a") == b"1"


def test_quoted_names():
    with Stage() as stage:
        p = stage.server("--appendonly", "yes", "--appendfilename", '"a \\"b\\".aof"')
        with p.client() as c:
            c.cmd("SET", "a", 1)
            c.cmd("BGREWRITEAOF")
            rewritten(c)
        q = free_port()
        p.end()
        p = loaded(stage.server("--appendonly", "yes", "--appendfilename", '"a \\"b\\".aof"', port=q,
                         name=os.path.basename(p.folder)))
        assert p.cmd("GET", "a") == b"1"


def cut_and_start(tail, *options, second=None, wait=True):
    with Stage() as stage:
        content = {"a_manifest": INCR_1, "a_1_incr_aof": SET_A + tail}
        if second is not None:
            content["a_manifest"] += b"file a.2.incr.aof seq 2 type i\n"
            content["a_2_incr_aof"] = second
        files(stage, "cut", **content)
        p = stage.server("--appendonly", "yes", "--appendfilename", "a", *options, name="cut", wait=wait)
        if wait:
            loaded(p)
        path = os.path.join(folder(p), "a.1.incr.aof")
        if not wait:
            assert p.wait() == 1
            return p.logged(), None
        with p.client() as c:
            keys = sorted(c.cmd("KEYS", "*"))
            size = os.path.getsize(path)
            c.cmd("SET", "later", 1)
        p.kill()
        p.wait()
        p = loaded(stage.server("--appendonly", "yes", "--appendfilename", "a", *options, name="cut"))
        assert p.cmd("GET", "later") == b"1"
        return keys, size


def test_cut_ends():
    whole = len(SET_A)
    for tail in (SET_B[:-1], SET_B[:5], b"*", command(b"MULTI") + SET_B, command(b"MULTI") + SET_B[:-3]):
        assert cut_and_start(tail) == ([b"a"], whole), tail
    assert cut_and_start(SET_B + command(b"MULTI")) == ([b"a", b"b"], whole + len(SET_B))
    log, _ = cut_and_start(SET_B[:-1], "--aof-load-truncated", "no", wait=False)
    assert "Unexpected end of file reading the append only file" in log
    log, _ = cut_and_start(SET_B[:-1], second=SET_B, wait=False)
    assert "the truncated file" in log and "is not the last file" in log


def test_bad_bytes():
    log, _ = cut_and_start(b"SET b 1\r\n", wait=False)
    assert "Bad file format reading the append only file" in log
    log, _ = cut_and_start(b"*3\r\n$x\r\n" + SET_B, wait=False)
    assert "Bad file format reading the append only file" in log
    for name in (b"NOSUCH", b"XGROUP"):
        log, _ = cut_and_start(command(name, b"x") + SET_B, wait=False)
        assert f"Unknown command '{name.decode()}' reading the append only file" in log


@ours_only
def test_loading_is_told():
    """INFO while the file is being loaded: the base, then the commands; the log says how far it is."""
    with Stage() as stage:
        p = stage.server("--appendonly", "yes", name="n")
        p.cmd("DEBUG", "POPULATE", 20000)
        p.cmd("BGREWRITEAOF")
        wait_for("the rewrite", lambda: int(p.info("persistence")["aof_base_size"]) > 100000)
        p.cmd("SET", "last", 1)
        p.end()
        p = stage.server("--appendonly", "yes", "--key-load-delay", 100, name="n", wait=False).ready(loading=True)
        with p.client() as c:
            wait_for("some keys", lambda: int(c.info("persistence")["loading_loaded_bytes"]) > 1000)
            info = c.info("persistence")
            assert info["loading"] == "1" and int(info["loading_rdb_used_mem"]) > 1 << 20
            assert int(info["loading_loaded_bytes"]) < int(info["loading_total_bytes"])
            assert float(info["loading_loaded_perc"]) < 100 and int(info["loading_eta_seconds"]) >= 0
            if not ORACLE:
                wait_for("a line about it", lambda: "Loading the RDB file: " in p.logged())
            c.cmd("CONFIG", "SET", "key-load-delay", 0)
            wait_for("the end", lambda: c.info("persistence")["loading"] == "0")
            assert c.cmd("DBSIZE") == 20001


def test_refusal_is_the_last_line():
    """Where tools look for it, also when there is a file for the process id."""
    with Stage() as stage:
        p = stage.server("--appendonly", "yes", name="n")
        p.cmd("SET", "a", 1)
        p.kill()
        p.wait()
        folder = os.path.join(p.folder, "appendonlydir")
        with open(os.path.join(folder, next(f for f in os.listdir(folder) if f.endswith("incr.aof"))), "ab") as f:
            f.write(b"!!!")
        p = stage.server("--appendonly", "yes", "--pidfile", os.path.join(stage.folder, "pid"), name="n", wait=False)
        assert p.wait() == 1
        assert "Bad file format reading the append only file" in p.logged().strip().split("\n")[-1]


def test_commands_that_fail():
    """They are told, and the load goes on."""
    with Stage() as stage:
        files(stage, "n", a_manifest=INCR_1,
              a_1_incr_aof=command(b"SET", b"a", b"x") + command(b"INCR", b"a") + SET_B)
        p = loaded(stage.server("--appendonly", "yes", "--appendfilename", "a", name="n"))
        assert sorted(p.cmd("KEYS", "*")) == [b"a", b"b"]
        assert "This AOF-loading-client is sending an error to its server" in p.logged()
        assert "after processing the command 'incr'" in p.logged()


def test_annotations_are_passed_over():
    with Stage() as stage:
        files(stage, "n", a_manifest=INCR_1,
              a_1_incr_aof=b"#TS:1628217470\r\n" + SET_A + b"#whatever comes\r\n" + command(b"MULTI") + SET_B
              + b"# inside\r\n" + command(b"EXEC"))
        p = loaded(stage.server("--appendonly", "yes", "--appendfilename", "a", name="n"))
        assert sorted(p.cmd("KEYS", "*")) == [b"a", b"b"]


def test_timestamps():
    with Stage() as stage:
        p = stage.server("--appendonly", "yes", "--aof-timestamp-enabled", "yes")
        with p.client() as c:
            c.cmd("SET", "a", 1)

            def next_second():
                c.cmd("SET", "b", 1)
                return open(incr(p), "rb").read().count(b"#TS:") > 1
            wait_for("the next second", next_second)
        check(p)
        stamp = int(open(incr(p), "rb").read().split(b"#TS:")[1].split(b"\r\n")[0])
        p.kill()
        p.wait()
        before = os.path.getsize(incr(p))
        got = run(CHECK_AOF, "--truncate-to-timestamp", stamp, os.path.join(folder(p), "appendonly.aof.manifest"))
        assert got.returncode == 0, got.stdout + got.stderr
        assert os.path.getsize(incr(p)) < before
        p = restart(stage, p)
        assert p.cmd("GET", "a") == b"1"


def test_replies_of_rewrites():
    with Stage() as stage:
        p = stage.server("--appendonly", "yes", "--rdb-key-save-delay", "10000")
        with p.client() as c:
            for i in range(100):
                c.cmd("SET", i, i)
            c.cmd("BGREWRITEAOF")
            assert "already in progress" in fails(c.cmd, "BGREWRITEAOF")
            assert "BGSAVE SCHEDULE" in fails(c.cmd, "BGSAVE")
            assert c.cmd("BGSAVE", "SCHEDULE") == "Background saving scheduled"
            c.cmd("CONFIG", "SET", "rdb-key-save-delay", 0)
            rewritten(c)
            wait_for("the save", lambda: c.info("persistence")["rdb_saves"] != "0")
            c.cmd("CONFIG", "SET", "rdb-key-save-delay", 10000)
            c.cmd("BGSAVE")
            assert "scheduled" in c.cmd("BGREWRITEAOF")
            c.cmd("MULTI"), c.cmd("BGREWRITEAOF"), c.cmd("SET", "x", 1)
            assert "scheduled" in c.cmd("EXEC")[0]


def test_rewrite_that_is_called_off():
    """A first base file that does not come to be leaves nothing behind."""
    with Stage() as stage:
        p = stage.server("--rdb-key-save-delay", "10000")
        with p.client() as c:
            for i in range(200):
                c.cmd("SET", i, i)
            c.cmd("CONFIG", "SET", "appendonly", "yes")
            wait_for("the rewrite", lambda: c.info("persistence")["aof_rewrite_in_progress"] == "1")
            c.cmd("CONFIG", "SET", "appendonly", "no")
            assert "Removing the temp incr aof file" in p.logged()
            assert c.info("persistence")["aof_enabled"] == "0"
            wait_for("nothing left", lambda: os.listdir(folder(p)) == [])


def test_transactions_and_what_is_rewritten():
    with Stage() as stage:
        p = stage.server("--appendonly", "yes", "--aof-use-rdb-preamble", "no")
        with p.client() as c:
            c.cmd("SET", "a", 1, "EX", 100)
            c.cmd("MULTI"), c.cmd("INCR", "a"), c.cmd("SELECT", 2), c.cmd("SET", "b", 1), c.cmd("EXEC")
            c.cmd("SADD", "s", 1, 2, 3)
            c.cmd("SPOP", "s")
            c.cmd("PUBLISH", "ch", "not kept")
        data = open(incr(p), "rb").read().lower()
        assert b"pxat" in data and b"multi" in data and b"exec" in data and b"srem" in data
        assert b"publish" not in data
        assert b"spop" not in data


@ours_only
def test_misconf_on_a_full_disk():
    """A small file system fills: writers are told, reads go on; when there is room again all is well."""
    with Stage() as stage:
        where = os.path.join(stage.folder, "small", "appendonlydir")
        os.makedirs(where)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", where], capture_output=True).returncode:
            print("needs the right to mount")
            return
        try:
            p = loaded(stage.server("--appendonly", "yes", "--auto-aof-rewrite-percentage", "0", name="small"))
            acknowledged = 0
            with p.client() as c:
                def full():
                    nonlocal acknowledged
                    try:
                        c.cmd("RPUSH", "l", "x" * 1000)
                        acknowledged += 1
                        return False
                    except ReplyError as e:
                        assert "MISCONF Errors writing to the AOF file: No space left on device" in str(e), e
                        return True
                wait_for("the disk to be full", full, every=0)
                assert c.info("persistence")["aof_last_write_status"] == "err"
                assert c.cmd("LLEN", "l") == acknowledged
                assert "MISCONF" in fails(c.cmd, "PING")
                subprocess.run(["mount", "-o", "remount,size=2m", where], check=True)
                wait_for("recovery", lambda: c.cmd("SET", "again", 1))
                assert c.info("persistence")["aof_last_write_status"] == "ok"
                assert "AOF write error looks solved" in p.logged()
            p = restart(stage, p)
            assert p.cmd("LLEN", "l") == acknowledged and p.cmd("GET", "again") == b"1"
        finally:
            for q in stage.processes:
                q.end()
            subprocess.run(["umount", "-l", where])


def test_shutdown_keeps_all():
    with Stage() as stage:
        p = stage.server("--appendonly", "yes", "--appendfsync", "no")
        with p.client() as c:
            fill(c)
            digest = c.cmd("DEBUG", "DIGEST")
        assert p.end() == 0
        assert "Calling fsync() on the AOF file" in p.logged()
        p = loaded(stage.server("--appendonly", "yes", name=os.path.basename(p.folder)))
        assert p.cmd("DEBUG", "DIGEST") == digest


@ours_only
def test_switched_on_runs_at_once():
    """Who asks behind CONFIG SET sees the rewrite run, or done."""
    with Stage() as stage:
        p = stage.server(*["--appendfilename", 'a "\n b.aof'])
        with p.client() as c:
            c.cmd("SET", "k", 1)
            for _ in range(3):
                c.cmd("CONFIG", "SET", "appendonly", "yes")
                i = c.info("persistence")
                assert i["aof_rewrite_in_progress"] == "1" and i["aof_rewrite_scheduled"] == "0", i
                rewritten(c)
                c.cmd("CONFIG", "SET", "appendonly", "no")
        assert 'file "a \\"\\n b.aof.3.base.rdb" seq 3 type b\n' in manifest(p, 'a "\n b.aof')
