"""What replication has beyond the reference's, between two of ours; and beside a reference, where none of it may show."""
import time

from lib import REDIS_SERVER, TANIST, Stage, fails, free_port, ours_only, replica_caught_up, wait_for
from proxy import Proxy

QUICK = ("--repl-diskless-sync-delay", "0")
FOREIGN = "0123456789abcdef0123456789abcdef01234567"


def link_up(replica):
    return replica.info("replication")["master_link_status"] == "up"


def pair(stage, *options, master=TANIST, replica=TANIST, to=None):
    m = stage.server(*QUICK, *options, binary=master)
    ours = options if replica == TANIST else ()
    r = stage.server(*QUICK, *ours, "--replicaof", f"127.0.0.1 {to or m.port}", binary=replica)
    if not to:
        wait_for("the link", lambda: replica_caught_up(m, r) and "state=online" in m.info("replication")["slave0"])
    return m, r


@ours_only
def test_acknowledged_at_once():
    with Stage() as stage:
        master, replica = pair(stage)
        with master.client() as c:
            c.cmd("SET", "x", 1)
            before = int(c.info("replication")["master_repl_offset"])
            assert c.cmd("WAIT", 1, 5000) == 1
            # no question was put into the stream for that
            assert int(c.info("replication")["master_repl_offset"]) == before
            line = c.info("replication")["slave0"]
            assert f"offset={before}," in line and line.endswith("lag_ms=0"), line


@ours_only
def test_nothing_shows_to_a_reference():
    """A reference as replica gets the plain lines; a reference as master hears names it does not know."""
    with Stage() as stage:
        master, replica = pair(stage, replica=REDIS_SERVER)
        master.cmd("SET", "x", 1)
        with master.client() as c:
            c.cmd("SET", "y", 1)
            assert c.cmd("WAIT", 1, 5000) == 1
            assert "lag_ms" not in c.info("replication")["slave0"]
        assert "rror" not in replica.logged().replace("rror:", "")
        master, replica = pair(stage, master=REDIS_SERVER)
        with master.client() as c:
            c.cmd("SET", "y", 1)
            assert c.cmd("WAIT", 1, 5000) == 1
        assert int(replica.info("stats")["unexpected_error_replies"]) == 0


@ours_only
def test_read_your_writes():
    """WAITOFFSET on the replica waits for what was written on the master."""
    with Stage() as stage:
        master, replica = pair(stage)
        with master.client() as m, replica.client() as r:
            for i in range(20):
                m.cmd("SET", "x", i)
                at = m.info("replication")
                assert r.cmd("WAITOFFSET", at["master_replid"], at["master_repl_offset"], 5000) == 1
                assert r.cmd("GET", "x") == b"%d" % i
            far = int(at["master_repl_offset"]) + 1000000
            assert r.cmd("WAITOFFSET", at["master_replid"], far, 30) == 0
            assert fails(r.cmd, "WAITOFFSET", FOREIGN, 1, 0).startswith("NOHISTORY ")
            assert fails(r.cmd, "WAITOFFSET", "x", 1, 0) == "ERR a replication id has 40 hexadecimal digits"
            # it is woken by the stream, not by its time
            now = int(m.info("replication")["master_repl_offset"])
            r.send("WAITOFFSET", at["master_replid"], now + 1, 0)
            wait_for("it to wait", lambda: replica.info("clients")["blocked_clients"] == "1")
            m.cmd("SET", "x", "more")
            assert r.read() == 1
            # the old history counts up to where it was left
            old = m.info("replication")
            r.cmd("REPLICAOF", "NO", "ONE")
            assert r.cmd("WAITOFFSET", old["master_replid"], old["master_repl_offset"], 10) == 1
            assert fails(r.cmd, "WAITOFFSET", old["master_replid"], far, 10).startswith("NOHISTORY ")


@ours_only
def test_bounded_staleness():
    with Stage() as stage:
        master = stage.server(*QUICK)
        proxy = Proxy(master.port)
        replica = stage.server(*QUICK, "--replicaof", f"127.0.0.1 {proxy.port}", "--replica-max-staleness-ms", 1000)
        wait_for("the link", lambda: replica_caught_up(master, replica))
        master.cmd("SET", "x", 1)
        with replica.client() as c:
            wait_for("the value", lambda: c.cmd("GET", "x") == b"1")
            end = time.monotonic() + 1.5  # an idle master is not a stale one
            while time.monotonic() < end:
                assert c.cmd("GET", "x") == b"1"
                time.sleep(0.02)
            master.kill(19)
            wait_for("STALE", lambda: str(c.raw("GET", "x")).startswith("STALE This replica may lack"))
            assert c.cmd("PING") == "PONG" and int(c.info("replication")["replica_staleness_ms"]) > 1000
            master.kill(18)
            wait_for("fresh data", lambda: c.raw("GET", "x") == b"1")
        proxy.end()


@ours_only
def test_divergence_is_noticed():
    def change(data):
        return data.replace(b"precious", b"precioux") if spoil else data
    spoil = []
    with Stage() as stage:
        master = stage.server(*QUICK)
        proxy = Proxy(master.port, change)
        replica = stage.server(*QUICK, "--replicaof", f"127.0.0.1 {proxy.port}")
        wait_for("the link", lambda: replica_caught_up(master, replica))
        with master.client() as c, master.client() as events:
            events.cmd("SUBSCRIBE", "__replication__:divergence")
            c.pipeline([("SET", f"k{i}", "x" * 200) for i in range(2000)])
            wait_for("a comparison", lambda: int(c.info("replication")["repl_digest_checked"]) > 2)
            assert c.info("replication")["repl_digest_mismatches"] == "0"
            wait_for("calm", lambda: replica_caught_up(master, replica))
            spoil.append(True)
            c.cmd("SET", "it", "precious")
            wait_for("the damage", lambda: replica.cmd("GET", "it") == b"precioux")
            spoil.clear()
            c.pipeline([("SET", f"k{i}", "x" * 200) for i in range(2000)])
            wait_for("the mismatch", lambda: c.info("replication")["repl_digest_mismatches"] == "1")
            at = c.info("replication")["repl_digest_last_mismatch"]
            assert at.startswith(f"127.0.0.1:{replica.port}@"), at
            assert events.read()[2].decode() == at
            assert "its data differ" in master.logged()
            # a command that only fails here is a difference too
            replica.cmd("CONFIG", "SET", "replica-read-only", "no")
            replica.cmd("DEL", "k1")
            replica.cmd("RPUSH", "k1", "a")
            c.cmd("APPEND", "k1", "x")
            c.pipeline([("SET", f"k{i}", "x" * 200) for i in range(2000)])
            wait_for("the second mismatch", lambda: c.info("replication")["repl_digest_mismatches"] == "2")
        proxy.end()


@ours_only
def test_backlog_by_time():
    with Stage() as stage:
        master, replica = pair(stage, "--repl-backlog-size", 16384, "--repl-backlog-seconds", 30,
                               "--repl-backlog-max-size", "3mb")

        def size():
            c.pipeline([("SET", f"k{i}", "x" * 1000) for i in range(500)])
            return int(c.info("replication")["repl_backlog_size"])
        with master.client() as c:
            assert size() == 16384
            wait_for("a larger backlog", lambda: size() > 1 << 20)
            wait_for("the cap", lambda: size() == 3 << 20)
            assert int(c.info("replication")["repl_backlog_seconds"]) >= 0


@ours_only
def test_troubles_in_plain_words():
    with Stage() as stage:
        master = stage.server(*QUICK, "--requirepass", "secret", wait=False)
        replica = stage.server(*QUICK)

        def kind(want):
            wait_for(want, lambda: replica.info("replication").get("master_link_last_error_kind") == want)
        wait_for("the master", lambda: "NOAUTH" in str(master.client().raw("PING")))
        replica.cmd("REPLICAOF", "127.0.0.1", free_port())
        kind("refused")
        assert int(replica.info("replication")["master_link_errors"]) > 0
        replica.cmd("REPLICAOF", "no-such-name.invalid", 1)
        kind("dns")
        replica.cmd("REPLICAOF", "127.0.0.1", master.port)
        kind("auth")
        replica.cmd("CONFIG", "SET", "masterauth", "wrong")
        wait_for("WRONGPASS", lambda: "WRONGPASS" in replica.info("replication")["master_link_last_error"])
        replica.cmd("CONFIG", "SET", "masterauth", "secret")
        wait_for("the link", lambda: link_up(replica))


def test_source_address():
    """The link comes from bind-source-addr, and from another one after CONFIG SET."""
    with Stage() as stage:
        master = stage.server(*QUICK, "--protected-mode", "no")
        replica = stage.server(*QUICK, "--bind-source-addr", "127.0.0.2", "--replicaof", f"127.0.0.1 {master.port}")

        def comes_from(ip):
            wait_for(ip, lambda: master.info("replication").get("slave0", "").startswith(f"ip={ip},"))
        comes_from("127.0.0.2")
        replica.cmd("CONFIG", "SET", "bind-source-addr", "127.0.0.3")
        master.cmd("CLIENT", "KILL", "TYPE", "replica")
        comes_from("127.0.0.3")


@ours_only
def test_demotion_cuts_writers():
    with Stage() as stage:
        master, replica = pair(stage)
        with master.client() as writer, master.client() as reader, master.client() as blocked, master.client() as boss:
            writer.cmd("SET", "x", 1)
            boss.cmd("SET", "y", 1)
            reader.cmd("GET", "x")
            blocked.send("BLPOP", "none", 0)
            wait_for("it to block", lambda: master.info("clients")["blocked_clients"] == "1")
            boss.cmd("REPLICAOF", "127.0.0.1", replica.port)
            assert writer.closed()
            assert str(blocked.read()).startswith("UNBLOCKED ") and blocked.closed()
            assert reader.cmd("GET", "x") == b"1" and boss.cmd("GET", "y") == b"1"
        master.cmd("REPLICAOF", "NO", "ONE")
        master.cmd("CONFIG", "SET", "demotion-cuts-writers", "no")
        with master.client() as writer:
            writer.cmd("SET", "x", 1)
            master.cmd("REPLICAOF", "127.0.0.1", replica.port)
            assert fails(writer.cmd, "SET", "x", 1).startswith("READONLY ")


@ours_only
def test_no_delay_when_nobody_is_expected():
    """With default settings: the first replica starts at once, and one whose company just left waits for it."""
    with Stage() as stage:
        master = stage.server()
        start = time.monotonic()
        first = stage.server("--replicaof", f"127.0.0.1 {master.port}")
        wait_for("the link", lambda: link_up(first))
        assert time.monotonic() - start < 3
        assert "Delay next BGSAVE" not in master.logged()
        second = stage.server("--replicaof", f"127.0.0.1 {master.port}")
        wait_for("the link", lambda: link_up(second))
        master.cmd("DEBUG", "CHANGE-REPL-ID")
        first.kill(19)
        master.cmd("CLIENT", "KILL", "TYPE", "replica")
        wait_for("the delay", lambda: "Delay next BGSAVE" in master.logged())
        first.kill(18)
        wait_for("both links", lambda: link_up(first) and link_up(second))
        assert master.logged().count("Starting BGSAVE for SYNC") == 3  # one for both
        assert int(master.info("stats")["sync_full"]) == 4
        master.cmd("CONFIG", "RESETSTAT")
        assert [master.info("stats")[f"sync_{x}"] for x in ("full", "partial_ok", "partial_err")] == ["0"] * 3


@ours_only
def test_waitaof_words():
    with Stage() as stage:
        master, replica = pair(stage)
        assert master.cmd("WAITAOF", 0, 0, 0) == [0, 0]
        assert master.cmd("WAITAOF", 0, 1, 20) == [0, 0]  # that replica has no append-only file
        assert fails(master.cmd, "WAITAOF", 1, 0, 0) == \
            "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."
        assert fails(master.cmd, "WAITAOF", 2, 0, 0) == "ERR value is out of range, value must between 0 and 1"
        assert fails(master.cmd, "WAITAOF", 0, -1, 0) == "ERR value is out of range, must be positive"
        assert fails(master.cmd, "WAITAOF", 0, 0, -1) == "ERR timeout is negative"
        assert "cannot be used with replica instances" in fails(replica.cmd, "WAITAOF", 0, 0, 0)
