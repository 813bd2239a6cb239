"""Replication over a bad network: between master and replica stands a proxy that cuts, holds one direction, delays,
gives a byte at a time, and resets in the middle of what matters. Nobody helps; at the end the data are equal."""
import random
import re
import threading
import time

from lib import REDIS_SERVER, TANIST, Stage, replica_caught_up, wait_for
from proxy import Proxy, Reset

SIZE = 4000


class Writer(threading.Thread):
    def __init__(self, port, server):
        super().__init__(daemon=True)
        self.server, self.stop, self.n = server, threading.Event(), 0
        self.start()

    def run(self):
        with self.server.client() as c:
            while not self.stop.is_set():
                i = self.n
                c.pipeline([("SET", f"k{i % 300}", f"{i}" * 9), ("INCR", "n"), ("MULTI",), ("RPUSH", "l", i), ("LTRIM", "l", -50, -1),
                            ("EXEC",), ("SELECT", i % 3), ("APPEND", f"a{i % 20}", "y"), ("SELECT", 0)])
                self.n += 1
                time.sleep(0.001)

    def end(self):
        self.stop.set()
        self.join(20)


def faulty(fault, *, change=None, to_master=None, delay=0, piece=1 << 16, master=TANIST, replica=TANIST, diskless="yes"):
    """Runs `fault(proxy, master, replica)` under writes; then all must be equal without help."""
    with Stage() as stage:
        m = stage.server("--repl-diskless-sync-delay", 0, "--repl-backlog-size", "8mb", "--repl-diskless-sync", diskless,
                         "--repl-timeout", 3, "--repl-ping-replica-period", 1, binary=master)
        with m.client() as c:
            c.pipeline([("SET", f"big{i}", "x" * 100 + str(i)) for i in range(SIZE)])
        proxy = Proxy(m.port, change, to_master, delay, piece)
        r = stage.server("--replicaof", f"127.0.0.1 {proxy.port}", "--repl-timeout", 3, binary=replica)
        writer = Writer(m.port, m)
        try:
            fault(proxy, m, r)
        finally:
            writer.end()
        wait_for("equal offsets", lambda: replica_caught_up(m, r), 40)
        assert m.cmd("DEBUG", "DIGEST") == r.cmd("DEBUG", "DIGEST")
        stats = m.info("stats")
        proxy.end()
        return int(stats["sync_full"]), int(stats["sync_partial_ok"])


def up(r):
    wait_for("the link", lambda: r.info("replication")["master_link_status"] == "up", 40)


def down(r):
    wait_for("the loss", lambda: r.info("replication")["master_link_status"] == "down", 40)


def cuts(proxy, m, r):
    for _ in range(5):
        up(r)
        before = int(m.info("stats")["sync_partial_ok"])
        proxy.cut(hard=True)
        wait_for("the partial resync", lambda: int(m.info("stats")["sync_partial_ok"]) > before)


def test_cuts():
    assert faulty(cuts)[0] == 1


def test_cuts_of_their_replica():
    assert faulty(cuts, replica=REDIS_SERVER)[0] == 1


def test_cuts_of_their_master():
    assert faulty(cuts, master=REDIS_SERVER)[0] == 1


def test_long_cut():
    def fault(proxy, m, r):
        up(r)
        proxy.refuse = True
        proxy.cut()
        down(r)
        time.sleep(0.5)  # refused meanwhile
        proxy.refuse = False
        up(r)
    assert faulty(fault) == (1, 1)


def one_way(way):
    """The timeouts notice what no end of a connection tells."""
    def fault(proxy, m, r):
        up(r)
        proxy.hold[way].set()
        if way == "down":
            down(r)
        else:
            wait_for("the master to notice", lambda: m.info("replication")["connected_slaves"] == "0", 40)
        proxy.hold[way].clear()
        up(r)
    return fault


def test_one_way_to_the_replica():
    assert faulty(one_way("down"))[0] == 1


def test_one_way_to_the_master():
    assert faulty(one_way("up"))[0] == 1


def test_delay():
    def fault(proxy, m, r):
        up(r)
        before = m.info("replication")
        with m.client() as c:
            c.cmd("SET", "x", 1)
            start = time.monotonic()
            assert c.cmd("WAIT", 1, 10000) == 1
            assert time.monotonic() - start > 0.15, before
    assert faulty(fault, delay=0.1) == (1, 0)


def test_byte_by_byte():
    """Each read gives a few bytes: marks, heads and commands arrive in all pieces."""
    def fault(proxy, m, r):
        up(r)
    for diskless in ("yes", "no"):
        assert faulty(fault, piece=37, diskless=diskless)[0] == 1


def resetting(pattern, times=3, offset=0):
    """Resets in the middle of the first `times` occurrences of a pattern in what the master sends."""
    left, lock = [times], threading.Lock()

    def change(data):
        found = re.search(pattern, data)
        with lock:
            if not found or left[0] == 0:
                return data
            left[0] -= 1
            raise Reset()
    return change, left


def in_the_middle(pattern, **kw):
    change, left = resetting(pattern)

    def fault(proxy, m, r):
        wait_for("the resets", lambda: left[0] == 0, 40)
        up(r)
    return faulty(fault, change=change, piece=4096, **kw)


def test_reset_in_the_snapshot():
    full, _ = in_the_middle(rb"big%d" % (SIZE // 2), diskless="no")
    assert full == 4


def test_reset_in_a_snapshot_to_sockets():
    full, _ = in_the_middle(rb"big%d" % (SIZE // 2))
    assert full == 4


def test_reset_at_the_mark():
    in_the_middle(rb"\$EOF:")


def test_reset_in_a_transaction():
    full, partial = in_the_middle(rb"MULTI\r\n")
    assert full == 1 and partial >= 3


def test_slow_reader():
    """What a replica does not read for a while costs no connection."""
    def fault(proxy, m, r):
        up(r)
        for _ in range(3):
            proxy.hold["down"].set()
            time.sleep(0.4)
            proxy.hold["down"].clear()
    assert faulty(fault) == (1, 0)


def test_random_faults():
    seed = random.randrange(1 << 31)
    print("seed", seed)
    r0 = random.Random(seed)

    def fault(proxy, m, r):
        for _ in range(12):
            kind = r0.randrange(4)
            if kind == 0:
                proxy.cut(hard=True)
            elif kind == 1:
                proxy.cut()
            else:
                way = r0.choice(["up", "down"])
                proxy.hold[way].set()
                time.sleep(r0.random() * 0.3)
                proxy.hold[way].clear()
            time.sleep(r0.random() * 0.2)
        up(r)
    faulty(fault)
