"""What users and harnesses see of a replica: its link among the clients, errors of the stream, keys of its own, deadlines over restarts."""
import signal

from lib import TANIST, Stage, fails, ours_only, replica_caught_up, wait_for

DEBUG = ("--enable-debug-command", "yes", "--repl-diskless-sync-delay", 0, "--save", "")


def link_up(replica):
    return replica.info("replication")["master_link_status"] == "up"


def pair(stage, master_options=(), replica_options=()):
    master = stage.server(*DEBUG, *master_options)
    replica = stage.server(*DEBUG, "--replicaof", f"127.0.0.1 {master.port}", *replica_options)
    wait_for("the link", lambda: link_up(replica))
    return master, replica


def fields(line):
    return dict(f.split("=", 1) for f in line.split() if "=" in f)


def test_the_master_is_a_client_that_can_be_killed():
    with Stage() as stage:
        master, replica = pair(stage)
        address = f"127.0.0.1:{master.port}"
        master.cmd("SET", "a", 1)
        wait_for("it", lambda: replica_caught_up(master, replica))

        def line():
            return fields(replica.cmd("CLIENT", "LIST", "TYPE", "master").decode())
        assert line()["addr"] == address and line()["flags"] == "M", line()
        assert address in replica.cmd("CLIENT", "LIST").decode()
        assert replica.cmd("CLIENT", "LIST", "TYPE", "normal").decode().count(address) == 0
        assert fields(replica.cmd("CLIENT", "LIST", "ID", line()["id"]).decode())["addr"] == address
        kills = [("TYPE", "master"), ("ADDR", address), (address,), ("ID", None)]
        for n, kill in enumerate(kills, 1):
            if kill[0] == "ID":
                kill = ("ID", line()["id"])
            assert replica.cmd("CLIENT", "KILL", *kill) == ("OK" if len(kill) == 1 else 1), kill
            wait_for("a partial resync", lambda n=n: int(master.info("stats")["sync_partial_ok"]) == n)
            wait_for("the link", lambda: link_up(replica) and line())
            master.cmd("INCR", "n")
        wait_for("the rest", lambda: replica.cmd("GET", "n") == b"4")
        assert master.info("stats")["sync_full"] == "1"
        replica.cmd("REPLICAOF", "NO", "ONE")
        assert replica.cmd("CLIENT", "LIST", "TYPE", "master") == b""
        assert replica.cmd("CLIENT", "KILL", "TYPE", "master") == 0


def test_errors_of_the_stream():
    with Stage() as stage:
        master, replica = pair(stage)
        master.cmd("DEBUG", "REPLICATE", "fake-command-1", "x")
        master.cmd("SET", "a", 1)
        wait_for("what comes behind", lambda: replica.cmd("GET", "a") == b"1")
        said = [line for line in replica.logged().splitlines() if "== CRITICAL ==" in line]
        assert len(said) == 1 and "fake-command-1" in said[0], said
        replica.cmd("CONFIG", "SET", "replica-read-only", "no")
        replica.cmd("SET", "number", "foo")
        master.cmd("INCRBY", "number", 1)
        wait_for("it to fail", lambda: replica.info("stats")["unexpected_error_replies"] == "2")
        assert "processing the command 'incrby'" in replica.logged()
        assert (master.cmd("GET", "number"), replica.cmd("GET", "number")) == (b"1", b"foo")


@ours_only
def test_errors_of_the_stream_may_end_a_replica():
    """The crash report of a build with sanitizers is theirs; so only that it ends, by its own word."""
    with Stage() as stage:
        master, replica = pair(stage, replica_options=("--propagation-error-behavior", "panic"))
        master.cmd("DEBUG", "REPLICATE", "fake-command-1")
        replica.wait()
        assert "propagation-error-behavior" in replica.logged()
        replica.end = lambda: None  # it was told to


def test_a_writable_replica_goes_on():
    """Its data may differ from its master's: an error ends nothing, whatever the directive says."""
    with Stage() as stage:
        master, replica = pair(stage, replica_options=("--propagation-error-behavior", "panic", "--replica-read-only", "no"))
        replica.cmd("SET", "number", "foo")
        master.cmd("INCR", "number")
        wait_for("it to fail", lambda: replica.info("stats")["unexpected_error_replies"] == "1")
        master.cmd("SET", "after", 1)
        wait_for("the next", lambda: replica.cmd("GET", "after") == b"1")


def test_a_writable_replica_ends_keys_of_its_own():
    with Stage() as stage:
        master, replica = pair(stage, replica_options=("--replica-read-only", "no"))
        replica.cmd("SET", "own", 1, "PX", 60)
        replica.cmd("RPUSH", "list", 1)
        replica.cmd("PEXPIRE", "list", 60)
        replica.cmd("SET", "stays", 1, "PX", 60)
        replica.cmd("PERSIST", "stays")
        master.cmd("SET", "theirs", 1, "PX", 100000)
        wait_for("its own keys to go", lambda: replica.cmd("DBSIZE") == 2)
        assert replica.cmd("GET", "stays") == b"1" and replica.cmd("EXISTS", "theirs") == 1
        # What its master has made is its master's to end.
        master.cmd("DEBUG", "SET-ACTIVE-EXPIRE", 0)
        master.cmd("SET", "late", 1, "PX", 1)
        wait_for("it to be there", lambda: replica.cmd("DBSIZE") == 3)
        wait_for("it to be over", lambda: replica.cmd("EXISTS", "late") == 0)
        assert replica.cmd("INCR", "late") == 1 and replica.cmd("TTL", "late") == -1


def test_what_is_over_is_still_there():
    with Stage() as stage:
        master, replica = pair(stage)
        master.cmd("DEBUG", "SET-ACTIVE-EXPIRE", 0)
        master.cmd("SET", "k", 1, "PX", 1)
        wait_for("it", lambda: replica_caught_up(master, replica))
        wait_for("its end", lambda: replica.cmd("EXISTS", "k") == 0)
        assert "encoding:int" in replica.cmd("DEBUG", "OBJECT", "k")
        assert "encoding:int" in master.cmd("DEBUG", "OBJECT", "k")
        assert fails(master.cmd, "DEBUG", "OBJECT", "none") == "ERR no such key"


def test_keys_that_were_over_at_a_restart_go_everywhere():
    """The master leaves them out when it loads; replicas that go on from there still have them."""
    with Stage() as stage:
        master, replica = pair(stage, ("--save", "3600 1"))
        master.cmd("DEBUG", "SET-ACTIVE-EXPIRE", 0)
        with master.client() as c:
            c.pipeline([("SET", f"k{i}", "v", "PX", 1) for i in range(500)])
            c.cmd("SELECT", 3)
            c.cmd("SET", "other", 1, "PX", 1)
            c.cmd("SET", "stays", 1)
        wait_for("all", lambda: replica_caught_up(master, replica))
        wait_for("their end", lambda: master.cmd("EXISTS", "k0", "k499") == 0)
        offset = int(master.info("replication")["master_repl_offset"])
        master.kill(signal.SIGTERM)
        master.wait()
        again = stage.server(*DEBUG, "--save", "3600 1", "--dir", f"{stage.folder}/{master.name}" if hasattr(master, "name") else master.folder,
                             port=master.port)
        info = again.info("persistence")
        assert int(info["rdb_last_load_keys_expired"]) >= 499, info
        wait_for("the link", lambda: link_up(replica) and replica_caught_up(again, replica))
        assert int(again.info("replication")["master_repl_offset"]) > offset
        assert again.info("stats")["sync_full"] == "0"
        assert replica.cmd("DBSIZE") == 0 and replica.info("keyspace") == {"db3": "keys=1,expires=0,avg_ttl=0"}
        assert replica.cmd("DEBUG", "DIGEST") == again.cmd("DEBUG", "DIGEST")


@ours_only
def test_who_ordered_a_failover_stays():
    with Stage() as stage:
        master, replica = pair(stage)
        with master.client() as asker, master.client() as writer:
            asker.cmd("SET", "a", 1)
            writer.cmd("SET", "b", 1)
            wait_for("it", lambda: replica_caught_up(master, replica))
            asker.cmd("FAILOVER")
            wait_for("the change", lambda: asker.cmd("ROLE")[0] == b"slave" and
                     asker.info("replication")["master_failover_state"] == "no-failover")
            assert writer.closed()
            assert asker.cmd("PING") == "PONG"


def test_info_says_that_it_is_about_to_end():
    with Stage() as stage:
        master, replica = pair(stage, ("--shutdown-timeout", 60))
        assert "shutdown_in_milliseconds" not in master.info()
        replica.kill(signal.SIGSTOP)
        try:
            master.cmd("SET", "a", 1)
            master.kill(signal.SIGTERM)
            left = wait_for("the field", lambda: int(master.info()["shutdown_in_milliseconds"]))
            assert 0 < left <= 60000
        finally:
            replica.kill(signal.SIGCONT)
        master.wait()


def test_nothing_is_put_between_the_bytes_of_the_stream():
    """A replica that asks for more than acknowledgements is cut off: its answers would be taken for data."""
    words = (("PING",), ("GET", "foo"), ("SET", "a", "b"), ("XINFO", "HELP"), ("REPLCONF", "listening-port", "1"), ("nosuch",))
    with Stage() as stage:
        master = stage.server(*DEBUG)
        for word in words:
            with master.client() as c:
                c.send("SYNC")
                c.file.read(1)
                c.send(*word)
                got = b""
                while True:
                    try:
                        piece = c.file.read(1)
                    except ConnectionError:
                        break
                    if not piece:
                        break
                    got += piece
                assert got.find(b"PONG") < 0 and got.find(b"ERR") < 0, got
        said = master.logged()
        assert said.count("Replica generated a reply to command '") == len(words), said
        for name in ("ping", "get", "set", "xinfo|help", "replconf", "<unknown>"):
            assert f"command '{name}', disconnecting it: id=" in said, name
        assert "Replica can't interact with the keyspace' after processing the command 'get'" in said
        with master.client() as c:
            assert fails(c.cmd, "PSYNC", "x", "offset") == "ERR value is not an integer or out of range"
        assert master.logged().rstrip().endswith("asks for synchronization but with a wrong offset")
