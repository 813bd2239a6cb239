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


def cli(p, *args, stdin=""):
    got = run(REDIS_CLI, "-p", p.port, *args, stdin=stdin)
    assert got.returncode == 0, got
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
