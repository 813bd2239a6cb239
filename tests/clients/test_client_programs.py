"""Real clients, each in its language's usual way: the programs of this folder, and all modes of redis-cli.

One server for all; each program finds it empty. See README.md here.
"""
import os
import subprocess

import client_set
from lib import REDIS_CHECK_RDB, REDIS_CLI, Stage, read_file, run, wait_for


def try_programs(*names):
    with Stage() as st:
        server = st.server()
        for name in names:
            for protocol in client_set.PROGRAMS[name].protocols:
                server.cmd("FLUSHALL")
                argv = client_set.command(name)
                got = run(*argv, "127.0.0.1", server.port, protocol, timeout=60, env=client_set.environment())
                assert got.returncode == 0 and "ok " in got.stdout, f"{name}, RESP{protocol}: {got}"
                print(name, protocol, got.stdout.split())


def test_scripting_languages():
    try_programs("redis-py", "php-redis", "predis", "ruby-redis", "perl-redis")


def test_node():
    try_programs("node-redis", "ioredis")


def test_compiled_languages():
    try_programs("hiredis", "hiredis-async", "redigo")


def cli(p, *args, stdin="", code=0):
    got = run(REDIS_CLI, "-p", p.port, *args, stdin=stdin)
    assert got.returncode == code, got
    return got.stdout


def started(stage, p, args, word):
    """Runs a mode without end until the word is in its output."""
    path = os.path.join(stage.folder, "out")
    with open(path, "wb") as out:
        r = subprocess.Popen([REDIS_CLI, "-p", str(p.port), *args], stdout=out, stderr=subprocess.STDOUT)
        return r, lambda: wait_for(f"{args} to say {word}", lambda: word in read_file(path))


def test_cli_modes_on_all_types():
    with Stage() as stage:
        p = stage.server("--maxmemory-policy", "allkeys-lfu", "--repl-diskless-sync-delay", 0)
        with p.client() as c:
            c.pipeline([("SET", f"key:{i}", "v" * (i % 50)) for i in range(500)])
            c.pipeline([("RPUSH", "list", *range(300)), ("SADD", "set", *range(300)), ("HSET", "hash", *range(600)),
                        ("ZADD", "zset", *range(600)), ("XADD", "stream", "*", "k", "v")])
            c.pipeline([("GET", "key:7")] * 2000)
        for proto in ("-2", "-3"):
            big, memory, hot = (cli(p, proto, mode) for mode in ("--bigkeys", "--memkeys", "--hotkeys"))
            for kind in ("list", "set", "hash", "zset", "stream", "string"):
                assert f"Biggest {kind:>6} found" in big and f"Biggest {kind:>6} found" in memory, (big, memory)
            assert "key:7" in hot.split("hot key found with counter")[1], hot
            assert len(cli(p, proto, "--scan", "--pattern", "key:*").split()) == 500
        assert cli(p, "-x", "set", "file", stdin="text") == "OK\n" and cli(p, "-3", "get", "file") == "text\n"
        assert cli(p, "-3", "hgetall", "none") == "\n" and cli(p, "-3", "zscore", "zset", "3") == "2\n"
        path = os.path.join(stage.folder, "got.rdb")
        cli(p, "--rdb", path)
        assert "RDB looks OK" in run(REDIS_CHECK_RDB, path).stdout
        assert len(cli(p, "--latency", "--raw", "-i", "0.05").split()) == 4
        for args, word in ((["--latency-history", "-i", "0.05", "--raw"], " "), (["subscribe", "news"], "news"),
                           (["monitor"], "OK"), (["--stat", "-i", "0.05"], "requests"),
                           (["--replica"], "bytes")):
            r, said = started(stage, p, args, word)
            try:
                said()
            finally:
                r.terminate()
                r.wait()


def test_cli_forms_of_output():
    with Stage() as stage:
        p = stage.server()
        p.cmd("HSET", "h", "f", "v", "g", 'w"q')
        p.cmd("ZADD", "z", 1.5, "m")
        p.cmd("SADD", "s", "é")
        assert cli(p, "--csv", "hgetall", "h") == '"f","v","g","w\\"q"\n'
        assert cli(p, "--json", "hgetall", "h") == '{"f":"v","g":"w\\"q"}\n'
        assert cli(p, "-2", "--json", "hgetall", "h") == '["f","v","g","w\\"q"]\n'
        assert cli(p, "--json", "zrange", "z", 0, -1, "withscores") == '[["m",1.5]]\n'
        assert cli(p, "--quoted-json", "smembers", "s") == '["\\\\xc3\\\\xa9"]\n'
        assert cli(p, "--json", "get", "none") == "null\n"
        assert cli(p, "--quoted-input", "set", r'"a\x00b"', "v") == "OK\n"
        assert cli(p, "--no-raw", "keys", "a*b") == '1) "a\\x00b"\n'
        assert cli(p, "-d", ",", "mget", "none", "none").count(",") == 1
        assert "WRONGTYPE" in run(REDIS_CLI, "-p", p.port, "-e", "lpush", "h", 1).stderr
        cli(p, "-e", "lpush", "h", 1, code=1)
        assert "since:" in cli(p, stdin="help get\n")
        assert "(empty hash)" in cli(p, "--no-raw", stdin="hello 3\nhgetall none\n")
        got = cli(p, "--no-raw", stdin="multi\nset q 2\nget q\nexec\nselect 2\nget q\n")
        assert got.split("\n")[:6] == ["OK", "QUEUED", "QUEUED", "1) OK", '2) "2"', "OK"] and "(nil)" in got, got
        warned = run(REDIS_CLI, "-p", p.port, "-a", "wrong", "ping")
        assert "AUTH failed" in warned.stderr + warned.stdout and "Warning" in warned.stderr, warned
        assert "Warning" not in run(REDIS_CLI, "-p", p.port, "-a", "wrong", "--no-auth-warning", "ping").stderr


def test_cli_scripts_dumps_and_loads():
    with Stage() as stage:
        p = stage.server("--repl-diskless-sync-delay", 0)
        path = os.path.join(stage.folder, "file")
        with open(path, "w") as f:
            f.write("return {KEYS[1], ARGV[1], ARGV[2]}")
        assert cli(p, "--eval", path, "k", ",", "a", "b") == cli(p, "-3", "--eval", path, "k", ",", "a", "b") == "k\na\nb\n"
        library = "#!lua name=mine\nredis.register_function('f', function(keys, args) return args[1] end)"
        assert cli(p, "-x", "function", "load", stdin=library) == "mine\n"
        p.cmd("SET", "a", 1)
        # only the functions, only the keys' file: each is what redis-check-rdb accepts
        cli(p, "--functions-rdb", path)
        checked = run(REDIS_CHECK_RDB, path).stdout
        with open(path, "rb") as f:
            assert b"name=mine" in f.read() and "RDB looks OK" in checked and "0 keys read" in checked, checked
        cli(p, "--rdb", path)
        with open(path, "rb") as f:
            assert b"name=mine" in f.read() and "1 keys read" in run(REDIS_CHECK_RDB, path).stdout
        dump = subprocess.run([REDIS_CLI, "-p", str(p.port), "-D", "", "--raw", "dump", "a"], capture_output=True).stdout
        got = subprocess.run([REDIS_CLI, "-p", str(p.port), "-X", "tag", "restore", "b", "0", "tag"], input=dump,
                             capture_output=True)
        assert got.stdout == b"OK\n" and p.cmd("GET", "b") == b"1", got
        out = cli(p, "--pipe", stdin="SET a b c d\r\nSET ok 1\r\n", code=1)
        assert "errors: 1, replies: 2" in out, out
        p.cmd("CONFIG", "SET", "maxmemory", "3mb", "maxmemory-policy", "allkeys-lru")
        r, _ = started(stage, p, ["--lru-test", "100000"], "")
        try:
            wait_for("hits and evictions", lambda: int(p.info("stats")["keyspace_hits"]) > 1000
                     and int(p.info("stats")["evicted_keys"]) > 0 and r.poll() is None)
        finally:
            r.terminate()
            r.wait()
