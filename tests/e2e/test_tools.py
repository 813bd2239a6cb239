"""redis-cli and redis-benchmark, as people use them, against our servers."""
import os
import subprocess

from lib import REDIS_CHECK_RDB, REDIS_CLI, REDIS_SERVER, Stage, encode, free_port, run, wait_for

BENCHMARK = "/usr/bin/redis-benchmark"


def cli(p, *args, stdin="", code=0, timeout=30):
    got = run(REDIS_CLI, "-p", p.port, *args, stdin=stdin, timeout=timeout)
    assert got.returncode == code, got
    return got.stdout


def test_cli_modes():
    with Stage() as stage:
        p = stage.server()
        assert cli(p, "ping") == "PONG\n"
        assert cli(p, "-3", "config", "get", "timeout").split() == ["timeout", "0"]
        assert cli(p, "-n", "3", "set", "there", "1") == "OK\n" and cli(p, "-n", "3", "dbsize") == "1\n"
        assert cli(p, stdin="set a 1\nget a\nnothing\n").startswith("OK\n1\nERR unknown command 'nothing'")
        assert cli(p, "-x", "set", "file", stdin="from stdin") == "OK\n" and cli(p, "get", "file") == "from stdin\n"
        assert cli(p, "-r", "3", "incr", "n") == "1\n2\n3\n"
        with p.client() as c:
            c.pipeline([("SET", f"key:{i}", "v" * (i % 50)) for i in range(2000)])
        assert len(cli(p, "--scan", "--pattern", "key:*").split()) == 2000
        big = cli(p, "--bigkeys")
        assert "Sampled 2003 keys in the keyspace!" in big and "Biggest string found" in big, big
        assert cli(p, "--csv", "mget", "a", "none").strip() in ('"1",NIL', '"1",NULL')
        assert cli(p, "--no-raw", "mget", "a", "none") == '1) "1"\n2) (nil)\n'
        assert "used_memory:" in cli(p, "info", "memory")


def test_cli_pipe():
    with Stage() as stage:
        p = stage.server()
        stream = b"".join(encode(("SET", f"k{i}", "v")) for i in range(50000))
        got = subprocess.run([REDIS_CLI, "-p", str(p.port), "--pipe"], input=stream, capture_output=True, timeout=60)
        assert b"errors: 0, replies: 50000" in got.stdout, got
        assert p.cmd("DBSIZE") == 50000


def test_cli_rdb_and_replica():
    with Stage() as stage:
        p = stage.server("--repl-diskless-sync-delay", 0)
        with p.client() as c:
            c.pipeline([("SET", f"k{i}", "v" * 100) for i in range(1000)])
        path = os.path.join(stage.folder, "got.rdb")
        cli(p, "--rdb", path)
        assert "RDB looks OK" in run(REDIS_CHECK_RDB, path).stdout
        q = stage.server("--dir", stage.folder, "--dbfilename", "got.rdb", binary=REDIS_SERVER)
        assert q.cmd("DBSIZE") == 1000
        with open(os.path.join(stage.folder, "stream"), "wb") as out:
            r = subprocess.Popen([REDIS_CLI, "-p", str(p.port), "--replica"], stdout=out, stderr=subprocess.STDOUT)
            try:
                wait_for("the replica", lambda: "state=online" in p.info("replication").get("slave0", ""))
                p.cmd("SET", "streamed", "value")

                def there():
                    with open(os.path.join(stage.folder, "stream"), "rb") as f:
                        return b"streamed" in f.read()
                wait_for("the write in the stream", there)
            finally:
                r.terminate()
                r.wait()


def test_cli_stat_and_monitor():
    with Stage() as stage:
        p = stage.server()
        for args, word in ((["--stat", "-i", "0.01"], b"keys"), (["monitor"], b"OK")):
            with open(os.path.join(stage.folder, "out"), "wb") as out:
                r = subprocess.Popen([REDIS_CLI, "-p", str(p.port), *args], stdout=out, stderr=subprocess.STDOUT)
                try:
                    def said():
                        with open(os.path.join(stage.folder, "out"), "rb") as f:
                            return word in f.read()
                    wait_for(f"{args}", said)
                    if args == ["monitor"]:
                        p.cmd("SET", "seen", "by monitor")

                        def seen():
                            with open(os.path.join(stage.folder, "out"), "rb") as f:
                                return b'"SET" "seen" "by monitor"' in f.read()
                        wait_for("the command", seen)
                finally:
                    r.terminate()
                    r.wait()


def test_benchmark():
    with Stage() as stage:
        p = stage.server()
        got = run(BENCHMARK, "-p", p.port, "-n", 20000, "-c", 20, "-P", 16, "-q", "-r", 1000, "-t",
                  "ping_inline,ping_mbulk,set,get,incr,mset", timeout=60)
        assert got.returncode == 0 and "Error" not in got.stdout and "WARNING" not in got.stdout, got
        assert got.stdout.count("requests per second") >= 6, got.stdout
        got = run(BENCHMARK, "-p", p.port, "-n", 5000, "-c", 10, "-3", "-q", "--threads", 2, "-t", "set,get", timeout=60)
        assert got.returncode == 0 and got.stdout.count("requests per second") >= 2, got


def test_cli_with_password_and_sentinel():
    with Stage() as stage:
        p = stage.server("--requirepass", "secret")
        got = run(REDIS_CLI, "-p", p.port, "-a", "secret", "--no-auth-warning", "ping")
        assert got.stdout == "PONG\n"
        assert "NOAUTH" in run(REDIS_CLI, "-p", p.port, "ping").stdout
        got = run(REDIS_CLI, "-u", f"redis://default:secret@127.0.0.1:{p.port}/2", "--no-auth-warning", "set", "a", "1")
        assert got.stdout == "OK\n" and "db2" in run(REDIS_CLI, "-p", p.port, "-a", "secret", "info", "keyspace").stdout
        s = stage.sentinel(f"sentinel monitor mm 127.0.0.1 {p.port} 1\nsentinel auth-pass mm secret\n")
        assert cli(s, "ping") == "PONG\n"
        assert cli(s, "sentinel", "get-master-addr-by-name", "mm") == f"127.0.0.1\n{p.port}\n"
        wait_for("the link", lambda: "\nflags\nmaster\n" in cli(s, "sentinel", "master", "mm"))
        assert "master0:name=mm,status=ok" in cli(s, "info")
        assert "mm" in cli(s, "-3", "sentinel", "masters")
        # a Sentinel with a password of its own, and one that knows it
        t = stage.sentinel(f"requirepass pw\nsentinel sentinel-pass pw\nsentinel monitor mm 127.0.0.1 {p.port} 1\n"
                           "sentinel auth-pass mm secret\n", port=free_port())
        u = stage.sentinel(f"requirepass pw\nsentinel sentinel-pass pw\nsentinel monitor mm 127.0.0.1 {p.port} 1\n"
                           "sentinel auth-pass mm secret\n")
        assert "NOAUTH" in cli(t, "sentinel", "masters", code=0)
        for one in (t, u):
            wait_for("links to both others", lambda one=one: "num-other-sentinels\n2\n" in run(
                REDIS_CLI, "-p", one.port, "-a", "pw", "--no-auth-warning", "sentinel", "master", "mm").stdout)
        def linked():
            with t.client() as c:
                c.cmd("AUTH", "pw")
                peers = [dict(zip(x[::2], x[1::2])) for x in c.cmd("SENTINEL", "SENTINELS", "mm")]
                return any(x[b"port"] == b"%d" % u.port and x[b"flags"] == b"sentinel" for x in peers)
        wait_for("an accepted link", linked)
        cli(s, "shutdown")
        assert s.wait() == 0
