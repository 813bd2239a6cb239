"""Replication between two network namespaces over a wire that loses, delays, is cut one way or both, and resets: it always comes
together again, without help and without a wrong byte. Needs root; TANIST_NO_NETNS=1 leaves it out."""
import functools
import os
import signal
import time

from lib import REDIS_SERVER, TANIST, Stage, replica_caught_up, wait_for
from test_net_faults import Writer, down, up
from wire import ADDRESS, PORT, Wire, possible

KEYS = 3000


def netns(test):
    @functools.wraps(test)
    def run():
        if os.environ.get("TANIST_NO_NETNS") == "1":
            print("left out: TANIST_NO_NETNS is set")
        else:
            assert possible(), "cannot make network namespaces and tun devices (root and `ip netns` are needed)"
            test()
    return run


def over_the_wire(fault, before=None, master=TANIST, replica=TANIST, diskless="yes"):
    """Runs `fault(wire, master, replica)` under writes; then all must be equal."""
    with Stage() as stage, Wire(stage) as wire:
        m = wire.server(0, "--repl-diskless-sync-delay", 0, "--repl-backlog-size", "8mb", "--repl-diskless-sync", diskless, "--rdbcompression", "no",
                        "--repl-timeout", 3, "--repl-ping-replica-period", 1, binary=master)
        with m.client() as c:
            c.pipeline([("SET", f"big{i}", "x" * 100 + str(i)) for i in range(KEYS)])
        if before:
            wire.rule(**before)
        r = wire.server(1, "--replicaof", f"{ADDRESS[0]} {PORT}", "--repl-timeout", 3, binary=replica)
        writer = Writer(m.port, m)
        try:
            fault(wire, m, r)
            wire.rule(cut=[False, False], loss=0, delay=0)
        finally:
            writer.end()
        wait_for("equal offsets", lambda: replica_caught_up(m, r), 60)
        assert m.cmd("DEBUG", "DIGEST") == r.cmd("DEBUG", "DIGEST")
        assert m.info("replication")["repl_digest_mismatches"] == "0" if master == replica == TANIST else True
        stats = m.info("stats")
        return int(stats["sync_full"]), int(stats["sync_partial_ok"])


def cut(which):
    def fault(wire, m, r):
        up(r)
        wire.rule(cut=which)
        down(r)
        wire.rule(cut=[False, False])
        up(r)
    return fault


@netns
def test_cut():
    assert over_the_wire(cut([True, True]))[0] == 1


@netns
def test_cut_to_the_replica_only():
    assert over_the_wire(cut([True, False]))[0] == 1


@netns
def test_cut_to_the_master_only():
    """The replica hears its master all the time; the master gives it up for want of acknowledgements."""
    def fault(wire, m, r):
        up(r)
        wire.rule(cut=[False, True])
        wait_for("the master to notice", lambda: m.info("replication")["connected_slaves"] == "0", 40)
        wire.rule(cut=[False, False])
        wait_for("the partial resync", lambda: int(m.info("stats")["sync_partial_ok"]) > 0, 40)
    assert over_the_wire(fault)[0] == 1


@netns
def test_far_away():
    """100 ms each way, so 200 ms there and back."""
    def fault(wire, m, r):
        up(r)
        time.sleep(1)
    assert over_the_wire(fault, before={"delay": 0.1}) == (1, 0)


@netns
def test_loss():
    """One packet in a hundred, during the full sync and the stream."""
    def fault(wire, m, r):
        up(r)
        time.sleep(2)
    assert over_the_wire(fault, before={"loss": 0.01})[0] == 1


@netns
def test_loss_of_theirs():
    def fault(wire, m, r):
        up(r)
        time.sleep(2)
    assert over_the_wire(fault, before={"loss": 0.01}, replica=REDIS_SERVER)[0] == 1
    assert over_the_wire(fault, before={"loss": 0.01}, master=REDIS_SERVER)[0] == 1


@netns
def test_slow_reader():
    def fault(wire, m, r):
        up(r)
        r.kill(signal.SIGSTOP)
        time.sleep(1)
        r.kill(signal.SIGCONT)
    assert over_the_wire(fault)[0] == 1


def reset_at(text, **options):
    return over_the_wire(lambda wire, m, r: up(r), before={"reset": text}, **options)


@netns
def test_reset_in_a_snapshot():
    assert reset_at(f"big{KEYS // 2}")[0] == 2
    assert reset_at(f"big{KEYS // 2}", diskless="no")[0] == 2


@netns
def test_reset_at_the_mark():
    assert reset_at("$EOF:")[0] == 2


@netns
def test_reset_in_a_transaction():
    def fault(wire, m, r):
        up(r)
        wire.rule(reset="MULTI")
        wait_for("the partial resync", lambda: int(m.info("stats")["sync_partial_ok"]) > 0, 40)
    assert over_the_wire(fault)[0] == 1
    assert over_the_wire(fault, replica=REDIS_SERVER)[0] == 1
