"""FAILOVER: the role goes to a replica without loss, between any two kinds of server."""
import signal
import threading
import time

from lib import REDIS_SERVER, TANIST, Stage, fails, ours_only, replica_caught_up, wait_for

BINARY = {"ours": TANIST, "theirs": REDIS_SERVER}
QUICK = ("--repl-diskless-sync-delay", "0")


def state(server):
    return server.info("replication")["master_failover_state"]


def role(server):
    return server.info("replication")["role"]


def pair(stage, master_kind="ours", replica_kind="ours"):
    master = stage.server(*QUICK, binary=BINARY[master_kind])
    replica = stage.server(*QUICK, "--replicaof", f"127.0.0.1 {master.port}", binary=BINARY[replica_kind])
    wait_for("the link", lambda: replica_caught_up(master, replica) and
             "state=online" in master.info("replication")["slave0"])
    return master, replica


def writes_until_read_only(port, done):
    from lib import Client, ReplyError
    n = 0
    with Client(port) as c:
        try:
            while True:
                c.cmd("INCR", "n")
                n += 1
        except ReplyError as e:
            done.append((n, str(e)))
        except (EOFError, OSError):
            done.append((n, "closed"))


def hand_over(master_kind, replica_kind):
    with Stage() as stage:
        master, replica = pair(stage, master_kind, replica_kind)
        done = []
        threads = [threading.Thread(target=writes_until_read_only, args=(master.port, done)) for _ in range(3)]
        for t in threads:
            t.start()
        wait_for("some writes", lambda: int(master.cmd("GET", "n") or 0) > 100)
        assert master.cmd("FAILOVER", "TO", "127.0.0.1", replica.port, "TIMEOUT", 20000) == "OK"
        wait_for("the end", lambda: role(replica) == "master" and role(master) == "slave" and
                 state(master) == "no-failover")
        for t in threads:
            t.join(20)
        wait_for("the link", lambda: replica_caught_up(replica, master))
        assert len(done) == 3 and all("READONLY" in e or e == "closed" for _, e in done), done
        # each answered increment is there, and none twice
        assert int(replica.cmd("GET", "n")) == sum(n for n, _ in done) == int(master.cmd("GET", "n"))
        assert int(replica.info("stats")["sync_full"]) == 0, "a handover needs no full sync"
        replica.cmd("SET", "after", 1)
        wait_for("the write", lambda: master.cmd("GET", "after") == b"1")


def test_ours_to_ours():
    hand_over("ours", "ours")


def test_ours_to_theirs():
    hand_over("ours", "theirs")


def test_theirs_to_ours():
    hand_over("theirs", "ours")


def test_any_replica_and_back():
    with Stage() as stage:
        master, replica = pair(stage)
        assert master.cmd("FAILOVER") == "OK"
        wait_for("the switch", lambda: role(replica) == "master" and replica_caught_up(replica, master))
        assert replica.cmd("FAILOVER") == "OK"
        wait_for("the way back", lambda: role(master) == "master" and replica_caught_up(master, replica))


def test_words():
    with Stage() as stage:
        alone = stage.server()
        for words, error in (
                ((), "FAILOVER requires connected replicas."), (("ABORT",), "No failover in progress."),
                (("ABORT", "TIMEOUT", 5), "syntax error"), (("x",), "syntax error"), (("TO", "h"), "syntax error"),
                (("TO", "h", "x"), "value is not an integer or out of range"),
                (("TO", "h", 1), "FAILOVER requires connected replicas."),
                (("TO", "h", 1, "TIMEOUT", 0), "FAILOVER timeout must be greater than 0"),
                (("TO", "h", 1, "TIMEOUT", "x"), "value is not an integer or out of range"),
                (("TIMEOUT",), "syntax error"), (("TIMEOUT", 5, "TIMEOUT", 6), "syntax error"),
                (("TO", "h", 1, "ABORT"), "syntax error")):
            assert fails(alone.cmd, "FAILOVER", *words) == "ERR " + error, words
    with Stage() as stage:
        master, replica = pair(stage)
        assert fails(replica.cmd, "FAILOVER") == "ERR FAILOVER is not valid when server is a replica."
        assert fails(master.cmd, "FAILOVER", "TO", "h", 1) == "ERR FAILOVER target HOST and PORT is not a replica."
        assert fails(master.cmd, "FAILOVER", "FORCE") == \
            "ERR FAILOVER with force option requires both a timeout and target HOST and IP."
        with master.client() as c:
            assert fails(c.cmd, "PSYNC", "x", 1, "FAILOVER") == "ERR PSYNC FAILOVER can't be sent to a master."
        with replica.client() as c:
            assert fails(c.cmd, "PSYNC", "x", 1, "FAILOVER") == "ERR PSYNC FAILOVER replid must match my replid."
            at, lacks = c.info("replication"), "ERR PSYNC FAILOVER needs data that I do not have."
            beyond = int(at["slave_repl_offset"]) + 1_000_000
            assert fails(c.cmd, "PSYNC", at["master_replid"], 1, "FAILOVER", beyond) == lacks
            assert c.info("replication")["role"] == "slave"


def test_pause_abort_timeout():
    """While it waits for a replica that is stopped, writes wait; aborted, or late, they go on."""
    with Stage() as stage:
        master, replica = pair(stage)
        target = ("TO", "127.0.0.1", replica.port)
        replica.kill(signal.SIGSTOP)
        master.cmd("SET", "lost?", 1)  # the stopped one does not have this
        assert master.cmd("FAILOVER", *target, "TIMEOUT", 60000) == "OK"
        assert state(master) == "waiting-for-sync"
        assert fails(master.cmd, "FAILOVER") == "ERR FAILOVER already in progress."
        assert fails(master.cmd, "REPLICAOF", "NO", "ONE") == "ERR REPLICAOF not allowed while failing over."
        with master.client() as late, master.client() as writer:
            assert fails(late.cmd, "PSYNC", "?", -1) == "NOMASTERLINK Can't SYNC while failing over"
            writer.send("SET", "paused", 1)
            assert master.cmd("GET", "lost?") == b"1"  # reads go on
            assert master.cmd("GET", "paused") is None
            assert master.cmd("FAILOVER", "ABORT") == "OK"
            assert writer.read() == "OK"
            assert master.cmd("FAILOVER", *target, "TIMEOUT", 300) == "OK"
            writer.send("SET", "paused", 2)
            start = time.monotonic()
            assert writer.read() == "OK"
            assert time.monotonic() - start > 0.2
        assert state(master) == "no-failover" and role(master) == "master"
        replica.kill(signal.SIGCONT)
        wait_for("the replica", lambda: replica_caught_up(master, replica))


def test_force():
    """Forced, it goes although the target has not everything: what it lacks is lost."""
    with Stage() as stage:
        master, replica = pair(stage)
        replica.kill(signal.SIGSTOP)
        assert master.cmd("FAILOVER", "TO", "127.0.0.1", replica.port, "FORCE", "TIMEOUT", 100) == "OK"
        wait_for("the next state", lambda: state(master) == "failover-in-progress")
        replica.kill(signal.SIGCONT)
        wait_for("the switch", lambda: role(replica) == "master" and replica_caught_up(replica, master))


def test_blocked_clients():
    with Stage() as stage:
        master, replica = pair(stage)
        with master.client() as pops, master.client() as waits:
            pops.send("BLPOP", "list", 0)
            waits.send("WAIT", 5, 0)
            wait_for("both blocked", lambda: master.info("clients")["blocked_clients"] == "2")
            assert master.cmd("FAILOVER") == "OK"
            for c in pops, waits:
                got = c.read()
                assert "UNBLOCKED" in str(got), got


@ours_only
def test_target_gone():
    """The target is there when it is chosen and gone when it is asked: the old master goes on."""
    with Stage() as stage:
        master, replica = pair(stage)
        master.cmd("CONFIG", "SET", "repl-timeout", 2)
        replica.kill(signal.SIGSTOP)
        assert master.cmd("FAILOVER", "TO", "127.0.0.1", replica.port, "FORCE", "TIMEOUT", 50) == "OK"
        wait_for("the next state", lambda: state(master) == "failover-in-progress")
        replica.kill()
        replica.wait()
        with master.client() as writer:
            writer.send("SET", "x", 1)
            assert writer.read() == "OK"
        assert role(master) == "master" and state(master) == "no-failover"
