"""DEBUG: small tools for whoever tests a server, and what MEMORY tells of the allocator."""
import os

from lib import TANIST, ReplyError, Stage, free_port, ours_only, replica_caught_up, wait_for, write_file

DEBUG_ON = ("--enable-debug-command", "yes")


def bytes_of(client, reply, size, *words):
    """What comes for the words up to a PING behind them, undecoded."""
    client.send(*words)
    client.send("PING")
    got = client.file.read(size)
    assert got == reply, got
    assert client.read() == "PONG"


def test_attributes():
    with Stage() as stage:
        with stage.server(*DEBUG_ON).client() as c:
            text = b"$39\r\nSome real reply following the attribute\r\n"
            bytes_of(c, text, len(text), "DEBUG", "PROTOCOL", "attrib")
            c.cmd("HELLO", 3)
            text = b"|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n" + text
            bytes_of(c, text, len(text), "DEBUG", "PROTOCOL", "attrib")


def test_switches():
    with Stage() as stage:
        with stage.server(*DEBUG_ON).client() as c:
            for words in (("PEAK-RESET-TIME", "100"), ("PEAK-RESET-TIME", "never"), ("RESIZING", "0"), ("resizing", "1")):
                assert c.cmd("DEBUG", "REPLYBUFFER", *words) == "OK"
            assert "REPLYBUFFER" in str(c.raw("DEBUG", "REPLYBUFFER", "SIZE", "0"))
            assert isinstance(c.raw("DEBUG", "MALLCTL", "no.such.name"), ReplyError)
            assert c.cmd("DEBUG", "STRUCTSIZE").startswith(b"bits:64 ")
            assert c.cmd("MEMORY", "MALLOC-STATS").strip()
            assert c.cmd("PING") == "PONG"


@ours_only
def test_lost_and_too_much_memory():
    """LEAK loses memory and OOM ends the server, with the line that says why."""
    env = dict(os.environ)
    env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":detect_leaks=0:allocator_may_return_null=1:handle_abort=0:log_path=/dev/null"
    with Stage() as stage:
        p = stage.server("--crash-memcheck-enabled", "no", *DEBUG_ON, env=env)
        with p.client() as c:
            before = int(c.info("memory")["used_memory"])
            assert c.cmd("DEBUG", "LEAK", "x" * 1000000) == "OK"
            assert int(c.info("memory")["used_memory"]) - before > 900000
            c.send("DEBUG", "OOM")
            assert c.closed(30)
        assert p.wait() < 0
        assert "Out Of Memory allocating" in p.logged()


@ours_only
def test_latency_doctor():
    """Its figures a numbered line each, and advice about what has happened only."""
    with Stage() as stage:
        with stage.server(*DEBUG_ON, "--latency-monitor-threshold", "1").client() as c:
            c.cmd("DEBUG", "SLEEP", "0.01")
            text = c.cmd("LATENCY", "DOCTOR").decode()
            assert "\n1. command: 1 " in text and "mean deviation 0" in text and "period 0.00" in text, text
            assert "SLOWLOG" in text and "UNLINK" in text and "maxmemory" not in text, text


@ours_only
def test_memory_doctor():
    """A peak that has passed is told, and so is that there is too little to tell."""
    with Stage() as stage:
        with stage.server(*DEBUG_ON).client() as c:
            assert b"Less than 5 MB" in c.cmd("MEMORY", "DOCTOR")
            c.cmd("DEBUG", "POPULATE", "3", "big", "8000000")
            assert b" * Peak" not in c.cmd("MEMORY", "DOCTOR")
            c.cmd("DEL", "big:0", "big:1")
            assert b" * Peak" in c.cmd("MEMORY", "DOCTOR")


def test_replicate_goes_to_replicas_alone():
    """What only the stream has must not come back from the append-only file."""
    with Stage() as stage:
        p = stage.server(*DEBUG_ON, "--appendonly", "yes", "--repl-diskless-sync-delay", 0)
        r = stage.server("--repl-diskless-sync-delay", 0, "--replicaof", f"127.0.0.1 {p.port}")
        wait_for("the replica", lambda: replica_caught_up(p, r))
        p.cmd("SET", "here", 1)
        assert p.cmd("DEBUG", "REPLICATE", "SET", "there", 1) == "OK"
        wait_for("the stray command", lambda: r.cmd("GET", "there") == b"1")
        assert p.cmd("DEBUG", "LOADAOF") == "OK"
        assert p.cmd("GET", "here") == b"1" and p.cmd("GET", "there") is None


def test_functions_come_from_the_file():
    """They are dropped before: no command of the file fails because its library is there."""
    with Stage() as stage:
        p = stage.server(*DEBUG_ON, "--appendonly", "yes", "--propagation-error-behavior", "panic")
        assert p.cmd("FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function() return 7 end)") == b"l"
        p.cmd("REPLICAOF", "127.0.0.1", free_port())
        assert p.cmd("DEBUG", "LOADAOF") == "OK"
        assert [lib[1] for lib in p.cmd("FUNCTION", "LIST")] == [b"l"]


def test_rewrite_of_everything():
    with Stage() as stage:
        port = free_port()
        path = write_file(os.path.join(stage.folder, "conf"), "# mine\ntimeout 7\nenable-debug-command yes\nsave 900 1\n")
        p = stage.start([TANIST, path, "--port", str(port)], port)
        assert p.cmd("DEBUG", "CONFIG-REWRITE-FORCE-ALL") == "OK"
        text = open(path).read()
        lines = text.split("\n")
        assert lines[:2] == ["# mine", "timeout 7"], lines[:3]
        for line in ("maxmemory-policy noeviction", "repl-timeout 60", "slowlog-max-len 128", "save 900 1"):
            assert line in lines, (line, text)
        before = p.cmd("CONFIG", "GET", "*")
        p.kill(15)
        p.wait()
        q = stage.start([TANIST, path], port)
        now = q.cmd("CONFIG", "GET", "*")
        pairs, again = (sorted(zip(x[::2], x[1::2])) for x in (before, now))
        assert pairs == again, set(pairs) ^ set(again)
