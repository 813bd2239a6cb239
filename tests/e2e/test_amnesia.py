"""A master that comes back empty: its replicas keep what they have."""
from lib import Stage, ours_only, replica_caught_up, wait_for

QUICK = ("--repl-diskless-sync-delay", "0")


def fields(server):
    return server.info("replication")


def lost_master(stage, *replica_options, keys=500):
    """The classic loss: a master without persistence is restarted, its replica follows again."""
    master = stage.server(*QUICK)
    replica = stage.server(*QUICK, "--replicaof", f"127.0.0.1 {master.port}", *replica_options)
    with master.client() as c:
        c.pipeline([("SET", f"k{i}", i) for i in range(keys)])
    wait_for("the link", lambda: replica_caught_up(master, replica) and replica.cmd("DBSIZE") == keys)
    master.kill()
    master.wait()
    return stage.server(*QUICK, port=master.port, name="again"), replica


@ours_only
def test_classic_loss():
    with Stage() as stage:
        master, replica = lost_master(stage)
        wait_for("a refusal", lambda: int(fields(replica)["replica_amnesia_refusals"]) >= 1)
        have = fields(replica)
        assert have["replica_amnesia_guard"] == "refusing" and have["master_link_status"] == "down", have
        assert have["master_link_last_error_kind"] == "amnesia guard", have
        assert 3500 < int(have["replica_amnesia_grace_left_seconds"]) <= 3600
        assert "Refusing to be emptied" in replica.logged()
        assert replica.cmd("DBSIZE") == 500 and replica.cmd("GET", "k7") == b"7"
        # promoted, it gives the data back
        replica.cmd("REPLICAOF", "NO", "ONE")
        assert fields(replica)["role"] == "master"
        master.cmd("REPLICAOF", "127.0.0.1", replica.port)
        wait_for("the data", lambda: master.cmd("DBSIZE") == 500)


@ours_only
def test_restored_master_is_copied():
    with Stage() as stage:
        master, replica = lost_master(stage)
        wait_for("a refusal", lambda: fields(replica)["replica_amnesia_guard"] == "refusing")
        with master.client() as c:
            c.pipeline([("SET", f"new{i}", i) for i in range(500)])
        replica.cmd("REPLICAOF", "localhost", master.port)  # at once, not after the pause
        wait_for("the new data", lambda: replica_caught_up(master, replica) and replica.cmd("EXISTS", "new3"))
        assert fields(replica)["replica_amnesia_guard"] == "on"


@ours_only
def test_grace_and_switch():
    with Stage() as stage:
        master, replica = lost_master(stage, "--replica-amnesia-grace", 1)
        wait_for("a refusal", lambda: int(fields(replica)["replica_amnesia_refusals"]) == 1)
        wait_for("the end of the grace time", lambda: replica.cmd("DBSIZE") == 0)
    with Stage() as stage:
        master, replica = lost_master(stage, "--replica-amnesia-guard", "no")
        wait_for("the emptiness", lambda: replica_caught_up(master, replica) and replica.cmd("DBSIZE") == 0)


@ours_only
def test_order_is_consent():
    """A master told to follow an empty node does so; and FLUSHALL is no loss."""
    with Stage() as stage:
        empty, full = stage.server(*QUICK), stage.server(*QUICK)
        full.cmd("SET", "x", 1)
        full.cmd("REPLICAOF", "127.0.0.1", empty.port)
        wait_for("the emptiness", lambda: replica_caught_up(empty, full) and full.cmd("DBSIZE") == 0)
        empty.cmd("SET", "y", 1)
        empty.cmd("FLUSHALL")
        wait_for("the link", lambda: replica_caught_up(empty, full))
        assert fields(full)["replica_amnesia_refusals"] == "0"


@ours_only
def test_load_beside_or_instead():
    """Old data is served while the new is loaded, unless it would not fit or is not wanted."""
    for options, serves in (((), True), (("--repl-load-beside", "no"), False),
                            (("--repl-load-beside-max-memory", "1mb"), False),
                            (("--repl-diskless-load", "flush-before-load"), False),
                            (("--repl-load-beside", "no", "--repl-diskless-load", "swapdb"), True)):
        with Stage() as stage:
            master = stage.server(*QUICK)
            with master.client() as c:
                c.pipeline([("SET", f"k{i}", f"{i}-" * 400) for i in range(2000)])
            replica = stage.server(*QUICK, "--rdbcompression", "no", "--key-load-delay", 500, *options)
            master.cmd("CONFIG", "SET", "rdbcompression", "no")
            replica.cmd("SET", "old", "data")
            replica.cmd("REPLICAOF", "127.0.0.1", master.port)
            which = "async_loading" if serves else "loading"
            wait_for(which, lambda: replica.info("persistence")[which] == "1")
            with replica.client() as c:
                got = str(c.raw("GET", "old"))
                assert got == "b'data'" if serves else got.startswith("LOADING "), (options, got)
            replica.cmd("CONFIG", "SET", "key-load-delay", 0)
            wait_for("the new data", lambda: replica_caught_up(master, replica) and replica.cmd("DBSIZE") == 2000)
            assert replica.cmd("EXISTS", "old") == 0
