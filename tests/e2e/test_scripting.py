"""Scripts and functions between servers and over time: effects in the stream, long scripts and who is served meanwhile,
what ends them, libraries in snapshots, files and on replicas."""
import time

from lib import ORACLE, Stage, ReplyError, free_port, ours_only, replica_caught_up, wait_for

QUIET = ("--save", "")
LIB = "#!lua name={0}\nredis.register_function('{0}_set', function(k, a) return redis.call('set', k[1], a[1]) end)\n" \
      "redis.register_function{{function_name='{0}_get', callback=function(k) return redis.call('get', k[1]) end, flags={{'no-writes'}}}}"
LOOP = "while true do end"


def fails(text, call, *words):
    try:
        got = call(*words)
    except ReplyError as e:
        got = e
    assert isinstance(got, ReplyError) and text in str(got), (words, text, got)


def pair(stage, *options):
    master = stage.server(*QUIET, *options)
    replica = stage.server(*QUIET, "--replicaof", f"127.0.0.1 {master.port}", "--repl-diskless-sync-delay", "0", *options)
    wait_for("the link", lambda: replica.info("replication")["master_link_status"] == "up")
    return master, replica


def stream_of(stage, master):
    """A connection that reads the stream as a replica would, from now on."""
    c = master.client()
    c.cmd("REPLCONF", "listening-port", "1")
    c.send("PSYNC", "?", "-1")
    c.line()
    size = 0
    while not size:
        head = c.line()
        size = int(head[1:]) if head.startswith(b"$") and head[1:].isdigit() else 0
    c.file.read(size)
    return c


def words(c):
    got = c.read()
    return [w.decode() for w in got] if isinstance(got, list) else got


def next_words(c, skip=("PING", "SELECT", "REPLCONF")):
    while True:
        w = words(c)
        if w and w[0].upper() not in skip:
            return w


def busy(stage, *words, threshold=50, write=False):
    p = stage.server(*QUIET, "--busy-reply-threshold", threshold)
    c = p.client()
    c.send(*(words or ("EVAL", ("redis.call('set','x',1) " if write else "") + LOOP, "0")))
    other = p.client()
    wait_for("BUSY", lambda: "BUSY" in str(other.raw("GET", "x")))
    return p, c, other


def test_effects_leave_as_one():
    with Stage() as stage:
        p = stage.server(*QUIET, "--repl-diskless-sync", "no")
        s = stream_of(stage, p)
        c = p.client()
        c.cmd("EVAL", "return redis.call('set', KEYS[1], 1)", "1", "one")
        assert next_words(s) == ["set", "one", "1"]
        c.cmd("EVAL", "redis.call('incr', 'n') redis.call('expire', 'n', 100) redis.pcall('lpush', 'n', 1) return redis.call('get', 'n')", "0")
        assert next_words(s) == ["MULTI"]
        assert next_words(s) == ["incr", "n"]
        assert next_words(s)[0].upper() == "PEXPIREAT"
        assert next_words(s) == ["EXEC"]
        fails("boo", c.cmd, "EVAL", "redis.call('set', 'a', 1) error('boo')", "0")
        assert next_words(s) == ["set", "a", "1"]
        c.cmd("EVAL", "redis.set_repl(redis.REPL_NONE) redis.call('set', 'hidden', 1) redis.set_repl(redis.REPL_ALL) redis.call('set', 'b', 1)", "0")
        assert next_words(s) == ["set", "b", "1"]
        c.cmd("FUNCTION", "LOAD", LIB.format("l"))
        assert next_words(s)[:2] == ["FUNCTION", "LOAD"]
        c.cmd("FCALL", "l_set", "1", "k", "v")
        assert next_words(s) == ["set", "k", "v"]
        s.close()  # else the end waits for this replica


def test_time_stands_still():
    with Stage() as stage:
        c = stage.server(*QUIET).client()
        got = c.cmd("EVAL", "redis.call('set','k','v','px',30) local a = redis.call('time') for i=1,3000000 do end "
                            "local b = redis.call('time') return {a[1] == b[1] and a[2] == b[2], redis.call('get','k')}", "0")
        assert got[1] == b"v", got


def test_blocked_clients_are_served_after_the_script():
    with Stage() as stage:
        p = stage.server(*QUIET)
        waiting, c = p.client(), p.client()
        waiting.send("BLPOP", "l", "0")
        wait_for("a blocked client", lambda: p.info("clients")["blocked_clients"] == "1")
        assert c.cmd("EVAL", "redis.call('rpush','l','a','b') return redis.call('llen','l')", "0") == 2
        assert waiting.read() == [b"l", b"a"]


def test_watch_sees_scripts():
    with Stage() as stage:
        p = stage.server(*QUIET)
        a, b = p.client(), p.client()
        a.cmd("WATCH", "k")
        b.cmd("EVAL", "redis.call('set','k',1)", "0")
        a.cmd("MULTI")
        a.cmd("PING")
        assert a.cmd("EXEC") is None


def test_busy_and_kill():
    with Stage() as stage:
        p, c, other = busy(stage)
        for w in (("PING",), ("SET", "a", "1"), ("EVAL", "return 1", "0"), ("SHUTDOWN",), ("FUNCTION", "KILL"), ("FUNCTION", "STATS"), ("INFO",)):
            fails("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.", other.cmd, *w)
        assert other.cmd("MULTI") == "OK"
        fails("BUSY", other.cmd, "GET", "a")
        fails("BUSY", other.cmd, "EXEC")
        assert p.client().cmd("SCRIPT", "KILL") == "OK"
        got = c.read()
        assert isinstance(got, ReplyError) and str(got).startswith("ERR Script killed by user with SCRIPT KILL..."), got
        fails("NOTBUSY", p.client().cmd, "SCRIPT", "KILL")
        assert c.cmd("PING") == "PONG"


def test_kill_passes_pcall():
    with Stage() as stage:
        p, c, other = busy(stage, "EVAL", "while true do pcall(function() while true do end end) end", "0")
        assert other.cmd("SCRIPT", "KILL") == "OK"
        assert "Script killed" in str(c.read())


def test_who_has_written_is_not_killed():
    with Stage() as stage:
        p, c, other = busy(stage, write=True)
        fails("UNKILLABLE Sorry the script already executed write commands", other.cmd, "SCRIPT", "KILL")
        other.send("SHUTDOWN", "NOSAVE")
        assert p.wait(10) == 0


def test_functions_busy():
    with Stage() as stage:
        p = stage.server(*QUIET, "--busy-reply-threshold", 50)
        c, other = p.client(), p.client()
        c.cmd("FUNCTION", "LOAD", f"#!lua name=l\nredis.register_function('loop', function() {LOOP} end)")
        c.send("FCALL", "loop", "0", "x")
        wait_for("BUSY", lambda: "FUNCTION KILL" in str(other.raw("GET", "x")))
        running = other.cmd("FUNCTION", "STATS")[1]
        assert running[:4] == [b"name", b"loop", b"command", [b"FCALL", b"loop", b"0", b"x"]], running
        fails("BUSY", other.cmd, "SCRIPT", "KILL")
        assert other.cmd("FUNCTION", "KILL") == "OK"
        assert "Script killed" in str(c.read())
        fails("FUNCTION LOAD timeout", c.cmd, "FUNCTION", "LOAD", f"#!lua name=m\n{LOOP}")
        assert c.cmd("PING") == "PONG"


def test_the_caller_dies():
    with Stage() as stage:
        p, c, other = busy(stage, "EVAL", "for i=1,1e12 do end return 1", "0")
        c.sock.close()
        c.file.close()
        time.sleep(0.05)
        fails("BUSY", other.cmd, "PING")
        assert other.cmd("SCRIPT", "KILL") == "OK"
        wait_for("the end", lambda: other.raw("PING") == "PONG")
        assert p.info("clients")["connected_clients"] is not None


def test_a_pipeline_whose_caller_dies():
    with Stage() as stage:
        p = stage.server(*QUIET, "--busy-reply-threshold", 50)
        c, other = p.client(), p.client()
        c.send_bytes(b"".join([b"MULTI\r\n", b"SET a 1\r\n", b"EVAL \"while true do end\" 0\r\n", b"SET b 2\r\n", b"EXEC\r\n", b"SET c 3\r\n"]))
        wait_for("BUSY", lambda: "BUSY" in str(other.raw("GET", "x")))
        c.sock.close()
        c.file.close()
        assert other.cmd("SCRIPT", "KILL") == "OK"
        wait_for("the end", lambda: other.raw("PING") == "PONG")
        assert other.cmd("MGET", "a", "b") == [b"1", b"2"]


def test_others_come_and_go_meanwhile():
    with Stage() as stage:
        p, c, other = busy(stage)
        for i in range(20):
            with p.client() as x:
                fails("BUSY", x.cmd, "GET", "x")
        half = p.client()
        half.send_bytes(b"*2\r\n$3\r\nGET\r\n$1\r\n")
        half.close()
        assert other.cmd("SCRIPT", "KILL") == "OK"
        assert "killed" in str(c.read())


@ours_only
def test_sigterm_ends_a_script_that_has_not_written():
    with Stage() as stage:
        p, c, other = busy(stage)
        p.kill(15)
        assert p.wait(10) == 0


LONG_WRITE = "redis.call('set','a',1) for i=1,3e7 do end redis.call('set','b',2) return 'done'"


@ours_only  # Redis ends it too, but closes before the answer
def test_sigterm_lets_a_script_that_has_written_end():
    with Stage() as stage:
        p, c, other = busy(stage, "EVAL", LONG_WRITE, "0", threshold=5)
        p.kill(15)
        assert c.read() == b"done"
        assert p.wait(20) == 0


def test_a_script_that_has_written_ends_without_its_caller():
    with Stage() as stage:
        p, c, other = busy(stage, "EVAL", LONG_WRITE, "0", threshold=5)
        c.sock.close()
        c.file.close()
        wait_for("the end", lambda: other.raw("MGET", "a", "b") == [b"1", b"2"])


def test_shutdown_leaves_nothing_of_half_a_script():
    with Stage() as stage:
        p = stage.server(*QUIET, "--busy-reply-threshold", 5, "--appendonly", "yes", "--appendfsync", "always")
        c, other = p.client(), p.client()
        wait_for("the file", lambda: other.info("persistence")["aof_rewrite_in_progress"] == "0")
        other.cmd("SET", "before", 1)
        c.send("EVAL", "redis.call('set','a',1) redis.call('del','before') " + LOOP, "0")
        wait_for("BUSY", lambda: "BUSY" in str(other.raw("GET", "x")))
        other.send("SHUTDOWN", "NOSAVE")
        assert p.wait(20) == 0
        again = stage.server(*QUIET, "--appendonly", "yes", "--dir", p.folder, port=p.port, name="again")
        assert again.cmd("MGET", "before", "a") == [b"1", None]


def test_a_replica_asks_during_a_script_of_the_master():
    with Stage() as stage:
        p, c, other = busy(stage)
        replica = stage.server(*QUIET, "--replicaof", f"127.0.0.1 {p.port}")
        wait_for("an attempt", lambda: "Connecting to MASTER" in replica.logged())
        assert other.cmd("SCRIPT", "KILL") == "OK"
        wait_for("the link", lambda: replica.info("replication")["master_link_status"] == "up")
        p.cmd("SET", "k", 1)
        wait_for("the write", lambda: replica.cmd("GET", "k") == b"1")


def test_keys_do_not_expire_in_a_script():
    with Stage() as stage:
        p = stage.server(*QUIET, "--busy-reply-threshold", 20)
        c = p.client()
        c.cmd("SET", "k", "v", "PX", "80")
        got = c.cmd("EVAL", "local a = redis.call('exists','k') for i=1,2e7 do end return {a, redis.call('exists','k')}", "0")
        assert got[0] == got[1], got


def test_replica_is_fed_after_a_long_script():
    with Stage() as stage:
        master, replica = pair(stage, "--busy-reply-threshold", "20")
        c = master.client()
        c.cmd("EVAL", "redis.call('set','a',1) for i=1,2e7 do end redis.call('set','b',2)", "0")
        wait_for("the stream", lambda: replica.cmd("MGET", "a", "b") == [b"1", b"2"])


def test_stream_waits_for_a_script_of_the_replica():
    with Stage() as stage:
        master, replica = pair(stage, "--busy-reply-threshold", "20")
        master.cmd("SET", "k", "old")
        wait_for("the stream", lambda: replica.cmd("GET", "k") == b"old")
        c = replica.client()
        c.send("EVAL", "local a = redis.call('get','k') for i=1,4e7 do end return {a, redis.call('get','k')}", "0")
        other = replica.client()
        wait_for("BUSY", lambda: "BUSY" in str(other.raw("GET", "x")))
        master.cmd("SET", "k", "new")
        assert c.read() == [b"old", b"old"]
        wait_for("the stream", lambda: replica.cmd("GET", "k") == b"new")


def test_resync_during_a_script_of_the_replica():
    with Stage() as stage:
        master, replica = pair(stage, "--busy-reply-threshold", "20", "--repl-timeout", "60")
        master.cmd("SET", "k", "old")
        wait_for("the stream", lambda: replica.cmd("GET", "k") == b"old")
        c = replica.client()
        c.send("EVAL", "for i=1,6e7 do end return redis.call('get','k')", "0")
        other = replica.client()
        wait_for("BUSY", lambda: "BUSY" in str(other.raw("GET", "x")))
        master.cmd("CONFIG", "SET", "repl-backlog-size", "16384")
        master.cmd("CLIENT", "KILL", "TYPE", "replica")
        for i in range(50):
            master.cmd("SET", f"f{i}", "x" * 1000)
        assert c.read() == b"old"
        wait_for("the same data", lambda: replica.cmd("DBSIZE") == 51, 20)
        replica_caught_up(master, replica)


def test_role_changes_wait_for_scripts():
    with Stage() as stage:
        master, replica = pair(stage, "--busy-reply-threshold", "20")
        c, other = replica.client(), replica.client()
        c.send("EVAL", LOOP, "0")
        wait_for("BUSY", lambda: "BUSY" in str(other.raw("GET", "x")))
        fails("BUSY", other.cmd, "REPLICAOF", "NO", "ONE")
        master.kill()
        time.sleep(0.1)
        assert other.cmd("SCRIPT", "KILL") == "OK"
        assert "killed" in str(c.read())
        assert other.cmd("REPLICAOF", "NO", "ONE") == "OK"
        assert other.cmd("EVAL", "return redis.call('set','a',1)", "0") == "OK"


def test_read_only_replica():
    with Stage() as stage:
        master, replica = pair(stage)
        c = replica.client()
        assert c.cmd("EVAL", "return redis.call('get','k')", "0") is None
        fails("READONLY You can't write against a read only replica. script: ", c.cmd, "EVAL", "return redis.call('set','k',1)", "0")
        fails("READONLY", c.cmd, "EVAL", "#!lua\nreturn 1", "0")
        assert c.cmd("EVAL", "#!lua flags=no-writes\nreturn 1", "0") == 1
        fails("READONLY", c.cmd, "FUNCTION", "LOAD", LIB.format("x"))


READ, WRITE = "#!lua flags=no-writes\nreturn 1", "#!lua\nreturn 1"


def test_transactions_of_scripts_on_a_replica():
    """A script that says what it does is judged at EXEC as a command would be; others call by call."""
    with Stage() as stage:
        master, replica = pair(stage, *([] if ORACLE else ["--demotion-cuts-writers", "no"]))
        other = replica.client()

        def run(while_master, *words):
            if while_master:
                other.cmd("REPLICAOF", "NO", "ONE")
            c = replica.client()
            c.cmd("MULTI")
            got = [c.raw(*words)]
            if while_master:
                other.cmd("REPLICAOF", "127.0.0.1", master.port)
                wait_for("the link", lambda: replica.info("replication")["master_link_status"] == "up")
            return str((got + [c.raw("EXEC")])[-1])
        for early in (True, False):
            assert run(early, "EVAL", READ, 0) == "[1]"
            assert "EXECABORT" in run(early, "EVAL", WRITE, 0)
            assert run(early, "EVAL", "return 1", 0) == "[1]"
            got = run(early, "EVAL", "return redis.call('set', 'x', 1)", 0)
            assert "READONLY" in got and "EXECABORT" not in got, got
        master.cmd("FUNCTION", "LOAD", LIB.format("l"))
        wait_for("the library", lambda: other.cmd("FUNCTION", "LIST"))
        assert "EXECABORT" in run(True, "FCALL", "l_set", 1, "k", "v")


def test_transaction_behind_a_lost_link():
    with Stage() as stage:
        master, replica = pair(stage, "--replica-serve-stale-data", "no")
        c = replica.client()
        for words, refused in ((["GET", "x"], True), (["EVAL", READ, 0], True), (["INFO", "server"], False),
                               (["EVAL", "#!lua flags=allow-stale,no-writes\nreturn 1", 0], False)):
            c.cmd("MULTI")
            c.cmd(*words)
            replica.cmd("REPLICAOF", "127.0.0.1", free_port())
            got = str(c.raw("EXEC"))
            assert ("EXECABORT Transaction discarded because of: MASTERDOWN" in got) == refused, (words, got)
            replica.cmd("REPLICAOF", "127.0.0.1", master.port)
            wait_for("the link", lambda: replica.info("replication")["master_link_status"] == "up")


def test_replicas_leave_during_a_script():
    """It is asked before the first write: what a script has begun it may end."""
    with Stage() as stage:
        master, replica = pair(stage)
        for name, value in (("min-replicas-to-write", 1), ("busy-reply-threshold", 10)):
            master.cmd("CONFIG", "SET", name, value)
        wait_for("a good replica", lambda: master.cmd("SET", "x", 0))
        c, other = master.client(), master.client()
        c.send("EVAL", "redis.call('set', 'x', 1) repeat local info = redis.call('info', 'replication') "
                       "until info:match('connected_slaves:0') return redis.call('set', 'y', 2)", 0)
        wait_for("BUSY", lambda: "BUSY" in str(other.raw("GET", "x")))
        replica.cmd("REPLICAOF", "NO", "ONE")
        assert c.read() == "OK"
        assert "NOREPLICAS" in str(other.raw("EVAL", "return redis.call('set', 'x', 1)", 0))


def test_functions_reach_replicas_and_files():
    with Stage() as stage:
        master = stage.server("--save", "900 1")
        c = master.client()
        c.cmd("FUNCTION", "LOAD", LIB.format("one"))
        replica = stage.server(*QUIET, "--replicaof", f"127.0.0.1 {master.port}", "--repl-diskless-sync-delay", "0")
        wait_for("the library", lambda: len(replica.cmd("FUNCTION", "LIST")) == 1)
        c.cmd("FUNCTION", "LOAD", LIB.format("two"))
        c.cmd("FCALL", "two_set", "1", "k", "v")
        wait_for("the second", lambda: len(replica.cmd("FUNCTION", "LIST")) == 2)
        wait_for("the value", lambda: replica.cmd("FCALL_RO", "one_get", "1", "k") == b"v")
        payload = c.cmd("FUNCTION", "DUMP")
        c.cmd("FUNCTION", "DELETE", "one")
        wait_for("one less", lambda: len(replica.cmd("FUNCTION", "LIST")) == 1)
        fails("Library two already exists", c.cmd, "FUNCTION", "RESTORE", payload)
        c.cmd("FUNCTION", "RESTORE", payload, "REPLACE")
        c.cmd("FUNCTION", "FLUSH")
        c.cmd("FUNCTION", "RESTORE", payload)
        wait_for("both", lambda: len(replica.cmd("FUNCTION", "LIST")) == 2)
        c.cmd("SAVE")
        port = master.port
        master.kill()
        master.wait()
        again = stage.server("--save", "", port=port)
        wait_for("the file", lambda: again.info("persistence")["loading"] == "0")
        assert len(again.cmd("FUNCTION", "LIST")) == 2
        assert again.cmd("FCALL", "one_get", "1", "k") == b"v"


def test_full_sync_replaces_libraries():
    with Stage() as stage:
        master, other = stage.server(*QUIET, "--repl-diskless-sync-delay", "0"), stage.server(*QUIET)
        master.cmd("FUNCTION", "LOAD", LIB.format("l"))
        for lib in ("l", "m"):
            other.cmd("FUNCTION", "LOAD", LIB.format(lib))
        for _ in range(2):  # empty, and with data
            other.cmd("REPLICAOF", "127.0.0.1", master.port)
            wait_for("the link", lambda: other.info("replication")["master_link_status"] == "up")
            assert other.cmd("FUNCTION", "LIST") == master.cmd("FUNCTION", "LIST")
            other.cmd("REPLICAOF", "NO", "ONE")
            other.cmd("FUNCTION", "LOAD", LIB.format("m"))
            other.cmd("SET", "x", 1)


def test_functions_in_the_append_only_file():
    for preamble in ("yes", "no"):
        with Stage() as stage:
            options = ("--save", "", "--appendonly", "yes", "--aof-use-rdb-preamble", preamble)
            p = stage.server(*options)
            c = p.client()
            c.cmd("FUNCTION", "LOAD", LIB.format("one"))
            c.cmd("BGREWRITEAOF")
            wait_for("the rewrite", lambda: p.info("persistence")["aof_rewrite_in_progress"] == "0"
                     and p.info("persistence")["aof_rewrite_scheduled"] == "0")
            c.cmd("FUNCTION", "LOAD", LIB.format("two"))
            c.cmd("EVAL", "redis.call('set','a',1) redis.call('incr','a')", "0")
            port = p.port
            p.kill()
            p.wait()
            again = stage.server(*options, port=port)
            wait_for("the file", lambda: again.info("persistence")["loading"] == "0")
            assert len(again.cmd("FUNCTION", "LIST")) == 2, preamble
            assert again.cmd("GET", "a") == b"2"


@ours_only
def test_cache_and_figures():
    with Stage() as stage:
        p = stage.server(*QUIET)
        c = p.client()
        sha = c.cmd("SCRIPT", "LOAD", "return 'kept'")
        for i in range(600):
            c.cmd("EVAL", f"return {i}", "0")
        assert c.cmd("EVALSHA", sha, "0") == b"kept"
        info = p.info("memory")
        assert int(info["used_memory_vm_total"]) > 0 and int(info["used_memory_scripts"]) > 0
        assert int(info["number_of_cached_scripts"]) == 501 and p.info("stats")["evicted_scripts"] == "100", info
        c.cmd("CONFIG", "RESETSTAT")
        assert p.info("stats")["evicted_scripts"] == "0"
        c.cmd("SCRIPT", "FLUSH")
        assert p.info("memory")["number_of_cached_scripts"] == "0"
        fails("NOSCRIPT", c.cmd, "EVALSHA", sha, "0")
