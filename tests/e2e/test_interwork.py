"""Interworking with real redis-server and redis-sentinel 7.0.15, in any mixture."""
import threading

from lib import REDIS_SENTINEL, REDIS_SERVER, TANIST, Stage, replica_caught_up, wait_for

KEYS = 100_000
BINARY = {"ours": TANIST, "theirs": REDIS_SERVER}
SENTINEL = {"ours": TANIST, "theirs": REDIS_SENTINEL}


def fill(server, n=KEYS, prefix="key"):
    with server.client() as c:
        for at in range(0, n, 1000):
            c.pipeline([("SET", f"{prefix}:{i}", f"value-{i}" * (1 + i % 7), *(("EX", 10000 + i) if i % 5 == 0 else ()))
                        for i in range(at, min(at + 1000, n))])


class Writer:
    """Writes going on meanwhile: sets, increments, deletions, transactions, databases."""

    def __init__(self, server):
        self.stop, self.done, self.server = threading.Event(), 0, server
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        with self.server.client() as c:
            while not self.stop.is_set():
                i = self.done
                c.pipeline([("SET", f"w:{i % 500}", i), ("INCR", "counter"), ("APPEND", f"a:{i % 50}", "x"),
                            ("DEL", f"w:{(i * 7) % 500}"), ("SET", f"t:{i % 90}", "v", "PX", 100000),
                            ("MULTI",), ("SET", "m1", i), ("SET", "m2", i), ("EXEC",),
                            ("SELECT", i % 3), ("SET", f"db:{i % 30}", i), ("SELECT", 0), ("INCRBYFLOAT", "f", "0.5")])
                self.done += 1

    def end(self):
        self.stop.set()
        self.thread.join(20)
        assert self.done > 0


def contents(server):
    """Everything in databases 0 to 2: key, value, and whether it has a deadline."""
    out = {}
    with server.client() as c:
        for db in range(3):
            c.cmd("SELECT", db)
            cursor = b"0"
            while True:
                cursor, keys = c.cmd("SCAN", cursor, "COUNT", 1000)
                if keys:
                    values = c.cmd("MGET", *keys)
                    times = c.pipeline([("PEXPIRETIME", k) for k in keys])
                    out.update(((db, k), (v, t)) for k, v, t in zip(keys, values, times))
                if cursor == b"0":
                    break
    return out


def assert_same_data(one, two):
    a, b = contents(one), contents(two)
    assert a.keys() == b.keys(), sorted(a.keys() ^ b.keys())[:5]
    different = [(k, a[k], b[k]) for k in a if a[k] != b[k]]
    assert not different, different[:3]


def full_and_partial(master_kind, replica_kind, diskless):
    with Stage() as stage:
        option = ("--repl-diskless-sync", "yes" if diskless else "no", "--repl-diskless-sync-delay", "0",
                  "--repl-backlog-size", "64mb")
        master = stage.server(*option, binary=BINARY[master_kind])
        replica = stage.server(*option, binary=BINARY[replica_kind])
        fill(master)
        writer = Writer(master)
        replica.cmd("REPLICAOF", "127.0.0.1", master.port)
        wait_for("the full sync", lambda: replica.info("replication")["master_link_status"] == "up", 60)
        full = int(master.info("stats")["sync_full"])
        assert full >= 1
        # Cut the link from the master's side: the replica must come back by a partial resync.
        before = int(master.info("stats")["sync_partial_ok"])
        master.cmd("CLIENT", "KILL", "TYPE", "replica")
        wait_for("the partial resync", lambda: int(master.info("stats")["sync_partial_ok"]) > before)
        wait_for("the link", lambda: replica.info("replication")["master_link_status"] == "up")
        writer.end()
        wait_for("equal offsets", lambda: replica_caught_up(master, replica))
        assert int(master.info("stats")["sync_full"]) == full
        assert_same_data(master, replica)
        # Promotion keeps the history: the old master follows by a partial resync.
        replica.cmd("REPLICAOF", "NO", "ONE")
        replica.cmd("SET", "new", "epoch")
        master.cmd("REPLICAOF", "127.0.0.1", replica.port)
        wait_for("the old master to follow", lambda: replica_caught_up(replica, master))
        assert int(replica.info("stats")["sync_full"]) == 0, "the old master needed a full sync"
        assert_same_data(master, replica)


def test_our_replica_of_theirs_disk():
    full_and_partial("theirs", "ours", False)


def test_our_replica_of_theirs_diskless():
    full_and_partial("theirs", "ours", True)


def test_their_replica_of_ours_disk():
    full_and_partial("ours", "theirs", False)


def test_their_replica_of_ours_diskless():
    full_and_partial("ours", "theirs", True)


def test_ours_of_ours_disk():
    full_and_partial("ours", "ours", False)


def test_ours_of_ours_diskless():
    full_and_partial("ours", "ours", True)


def chain(kinds):
    with Stage() as stage:
        nodes = [stage.server("--repl-diskless-sync-delay", "0", binary=BINARY[k]) for k in kinds]
        for up, down in zip(nodes, nodes[1:]):
            down.cmd("REPLICAOF", "127.0.0.1", up.port)
            wait_for("a link of the chain", lambda: down.info("replication")["master_link_status"] == "up", 60)
        fill(nodes[0], 5000)
        wait_for("the end of the chain", lambda: replica_caught_up(nodes[0], nodes[-1]))
        assert len({n.info("replication")["master_repl_offset"] for n in nodes}) == 1
        assert_same_data(nodes[0], nodes[-1])


def test_chain_ours_ours_ours():
    chain(["ours", "ours", "ours"])


def test_chain_theirs_ours_theirs():
    chain(["theirs", "ours", "theirs"])


def test_chain_ours_theirs_ours():
    chain(["ours", "theirs", "ours"])


# ---- Sentinels ----

def sentinel_config(master_port, quorum=2, down_after=1000):
    return (f"sentinel monitor mymaster 127.0.0.1 {master_port} {quorum}\n"
            f"sentinel down-after-milliseconds mymaster {down_after}\n"
            "sentinel failover-timeout mymaster 30000\nsentinel parallel-syncs mymaster 1\n")


def fields(flat):
    flat = [x.decode() for x in flat]
    return dict(zip(flat[::2], flat[1::2]))


def knows_all(sentinel, replicas=2, peers=2):
    m = fields(sentinel.cmd("SENTINEL", "MASTER", "mymaster"))
    usable = [fields(r) for r in sentinel.cmd("SENTINEL", "REPLICAS", "mymaster")]
    return (int(m["num-slaves"]) == replicas and int(m["num-other-sentinels"]) == peers
            and all(r["master-link-status"] == "ok" for r in usable))


def master_port(sentinel):
    return int(sentinel.cmd("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster")[1])


def failover(server_kinds, sentinel_kinds):
    with Stage() as stage:
        servers = [stage.server("--repl-diskless-sync-delay", "0", binary=BINARY[k]) for k in server_kinds]
        master, others = servers[0], servers[1:]
        for s in others:
            s.cmd("REPLICAOF", "127.0.0.1", master.port)
        for s in others:
            wait_for("the replicas", lambda: replica_caught_up(master, s), 60)
        sentinels = [stage.sentinel(sentinel_config(master.port), binary=SENTINEL[k]) for k in sentinel_kinds]
        for s in sentinels:
            wait_for("the Sentinels to know all", lambda: knows_all(s), 60)
        master.cmd("SET", "before", "1")
        with master.client() as c:
            c.cmd("SET", "acked", "yes")
            assert c.cmd("WAIT", "2", "5000") == 2
        master.kill()
        master.wait()
        for s in sentinels:
            wait_for("a new master everywhere", lambda: master_port(s) != master.port, 90)
        new = {master_port(s) for s in sentinels}
        assert len(new) == 1, new
        chosen = next(s for s in others if s.port in new)
        follower = next(s for s in others if s is not chosen)
        wait_for("writes", lambda: chosen.cmd("SET", "after", "1") == "OK")
        assert chosen.cmd("GET", "acked") == b"yes"
        wait_for("the other replica to follow", lambda: replica_caught_up(chosen, follower), 60)
        argv = [BINARY[server_kinds[0]], "--port", str(master.port), "--save", ""]
        back = stage.start(argv, master.port)
        wait_for("the old master to follow", lambda: replica_caught_up(chosen, back), 60)
        assert back.cmd("GET", "after") == b"1"


def test_their_sentinels_our_servers():
    failover(["ours"] * 3, ["theirs"] * 3)


def test_our_sentinels_their_servers():
    failover(["theirs"] * 3, ["ours"] * 3)


def test_our_sentinels_our_servers():
    failover(["ours"] * 3, ["ours"] * 3)


def leader_of(sentinels):
    return [i for i, s in enumerate(sentinels) if "+elected-leader" in s.logged()]


def mixed(sentinel_kinds, leader_kind):
    """A mixed quorum over mixed servers. The one that is to lead needs less time and fewer voices to see
    the master down, but still the votes of a majority, that is of the other kind too."""
    with Stage() as stage:
        servers = [stage.server("--repl-diskless-sync-delay", "0", binary=BINARY[k])
                   for k in ("ours", "theirs", "ours")]
        for s in servers[1:]:
            s.cmd("REPLICAOF", "127.0.0.1", servers[0].port)
        for s in servers[1:]:
            wait_for("the replicas", lambda: replica_caught_up(servers[0], s), 60)
        at = sentinel_kinds.index(leader_kind)
        sentinels = [stage.sentinel(sentinel_config(servers[0].port, *((1, 1000) if i == at else (2, 20000))),
                                    binary=SENTINEL[k]) for i, k in enumerate(sentinel_kinds)]
        for s in sentinels:
            wait_for("the Sentinels to know all", lambda: knows_all(s), 60)
        with servers[0].client() as c:
            c.cmd("SET", "acked", "yes")
            assert c.cmd("WAIT", "2", "5000") == 2
        servers[0].kill()
        servers[0].wait()
        for s in sentinels:
            wait_for("the new master everywhere", lambda: master_port(s) != servers[0].port, 60)
        assert leader_of(sentinels) == [at], leader_of(sentinels)
        assert len({master_port(s) for s in sentinels}) == 1
        chosen = next(s for s in servers if s.port == master_port(sentinels[0]))
        other = next(s for s in servers[1:] if s is not chosen)
        wait_for("writes", lambda: chosen.cmd("SET", "after", "1") == "OK")
        assert chosen.cmd("GET", "acked") == b"yes"
        wait_for("the other replica to follow", lambda: replica_caught_up(chosen, other), 60)


def test_mixed_quorum_two_ours_ours_leads():
    mixed(["ours", "ours", "theirs"], "ours")


def test_mixed_quorum_two_ours_theirs_leads():
    mixed(["ours", "ours", "theirs"], "theirs")


def test_mixed_quorum_one_ours_ours_leads():
    mixed(["ours", "theirs", "theirs"], "ours")


def test_mixed_quorum_one_ours_theirs_leads():
    mixed(["ours", "theirs", "theirs"], "theirs")
