"""Failovers that go wrong on purpose: Sentinels that crash in the middle, masters killed in a row."""
from lib import Stage, wait_for


def started(st, down):
    quick = ["--repl-diskless-sync-delay", "0"]
    master = st.server(*quick)
    servers = [master] + [st.server(*quick, "--replicaof", f"127.0.0.1 {master.port}") for _ in range(2)]
    sentinels = [st.sentinel(f"sentinel monitor m 127.0.0.1 {master.port} 2\n"
                             f"sentinel down-after-milliseconds m {down}\n"
                             "sentinel failover-timeout m 3000") for _ in range(3)]
    settled(sentinels)
    return servers, sentinels


def rows(sentinel, what):
    return [dict(zip(r[::2], r[1::2])) for r in sentinel.cmd("SENTINEL", what, "m")]


def settled(sentinels):
    def knows_all(s):
        peers, replicas = rows(s, "SENTINELS"), rows(s, "REPLICAS")
        return (len(peers) == len(replicas) == 2 and all(r[b"master-link-status"] == b"ok" for r in replicas)
                and not any(b"down" in r[b"flags"] or b"disconnected" in r[b"flags"] for r in peers + replicas))
    wait_for("all to know each other", lambda: all(knows_all(s) for s in sentinels))


def master_port(sentinel):
    return int(sentinel.cmd("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "m")[1])


def agreed(sentinels, servers):
    """One address at all Sentinels, and that server, and no other, is a master: its port."""
    ports = {master_port(s) for s in sentinels}
    masters = {s.port for s in servers if s.info("replication")["role"] == "master"}
    return ports == masters and len(ports) == 1 and ports.pop()


def test_simulated_crashes():
    for what in ("crash-after-election", "crash-after-promotion"):
        with Stage() as st:
            servers, sentinels = started(st, 1000)
            leader = sentinels[0]
            leader.cmd("SENTINEL", "SIMULATE-FAILURE", what)
            assert leader.cmd("SENTINEL", "FAILOVER", "m") == "OK"  # before it dies
            assert leader.wait() == 99
            again = st.start(leader.argv, leader.port, name="s%d" % leader.port)
            wait_for("agreement", lambda: agreed([again] + sentinels[1:], servers))


def test_kills_in_a_row():
    with Stage() as st:
        servers, sentinels = started(st, 300)
        for i in range(3):
            old = next(s for s in servers if s.port == master_port(sentinels[0]))
            servers.remove(old)
            old.kill()
            old.wait()
            wait_for("a new master", lambda: agreed(sentinels, servers))
            servers.append(st.server("--repl-diskless-sync-delay", "0", port=old.port))
            wait_for("the old one as replica", lambda: agreed(sentinels, servers))
            settled(sentinels)
        # as many switches as kills: none was needless
        assert [s.logged().count("+switch-master") for s in sentinels] == [3, 3, 3]
