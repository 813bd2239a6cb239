"""Failovers that go wrong on purpose: Sentinels that crash in the middle, masters killed in a row."""
import os

from lib import Stage, free_port, ours_only, wait_for


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


@ours_only
def test_no_vote_that_is_not_saved():
    """A state file that cannot be written: no vote is told; after a kill no second one in the same epoch."""
    with Stage() as st:
        dead, one, other = free_port(), "a" * 40, "b" * 40
        s = st.sentinel(f"sentinel monitor m 127.0.0.1 {dead} 2\nsentinel down-after-milliseconds m 200")
        wait_for("S_DOWN", lambda: s.info("sentinel")["master0"].count("sdown"))

        def vote(sentinel, epoch, who):
            """Whom it votes for; None when it does not say, or lets the connection go."""
            try:
                _, leader, of = sentinel.cmd("SENTINEL", "IS-MASTER-DOWN-BY-ADDR", "127.0.0.1", dead, epoch, who)
            except (EOFError, OSError):
                return None
            return leader.decode() if of == epoch else None
        state = s.argv[1] + ".state"
        os.rename(state, state + ".away")
        os.mkdir(state)  # root writes to anything else
        for epoch in (5, 5, 6):
            assert vote(s, epoch, one) != one, "a vote that stands nowhere"
        os.rmdir(state)
        wait_for("a vote", lambda: vote(s, 7, one) == one)
        s.kill()
        s.wait()
        again = st.start(s.argv, s.port, name="s%d" % s.port)
        assert vote(again, 7, other) != other, "a second vote in the epoch"
        wait_for("S_DOWN", lambda: again.info("sentinel")["master0"].count("sdown"))
        assert vote(again, 7, other) != other, "a second vote in the epoch"
        wait_for("the vote of the next", lambda: vote(again, 8, other) == other)
