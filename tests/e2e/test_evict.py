"""maxmemory: which keys go, who hears of it, and what is refused when none can."""
from lib import REDIS_SERVER, ReplyError, Stage, ours_only, replica_caught_up, wait_for

OOM = "OOM command not allowed when used memory > 'maxmemory'."
VALUE = "v" * 1000


def used(c):
    return int(c.info("memory")["used_memory"])


def fill(c, n, options, prefix="k"):
    """n keys by RESTORE, so that idle time or frequency are known; `options(i)` are its last words."""
    c.cmd("SET", "like", VALUE)
    payload = c.cmd("DUMP", "like")
    c.cmd("DEL", "like")
    got = c.pipeline([["RESTORE", f"{prefix}{i}", 0, payload, *options(i)] for i in range(n)])
    assert set(got) == {"OK"}, got[:3]


def squeeze(c, policy, room):
    """Sets the policy, then a limit so far below what is used; waits until it is kept, and lifts it."""
    c.cmd("CONFIG", "SET", "maxmemory-policy", policy)
    limit = used(c) - room
    c.cmd("CONFIG", "SET", "maxmemory", limit)
    wait_for("the eviction", lambda: used(c) <= limit + 100_000)
    c.cmd("CONFIG", "SET", "maxmemory", 0)


def left(c, prefix="k"):
    return sorted(int(k.decode()[len(prefix):]) for k in c.cmd("KEYS", prefix + "*"))


def low_go_first(numbers, n):
    """Of 0..n-1, where the low ones should go: few of the lower half stay, nearly all of the upper third."""
    gone = n - len(numbers)
    assert gone > n // 10, gone
    upper = [i for i in numbers if i >= n * 2 // 3]
    assert len(upper) >= (n - n * 2 // 3) * 0.97, (len(upper), n, gone)
    lowest = [i for i in numbers if i < gone // 2]
    assert len(lowest) <= gone // 2 * 0.25, (len(lowest), gone)


def test_lru():
    with Stage() as stage:
        with stage.server().client() as c:
            fill(c, 3000, lambda i: ["IDLETIME", 100_000 - i * 30])
            squeeze(c, "allkeys-lru", 1_000_000)
            low_go_first(left(c), 3000)
            assert int(c.info("stats")["evicted_keys"]) == 3000 - len(left(c))


def test_lfu():
    with Stage() as stage:
        with stage.server().client() as c:
            c.cmd("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu", "lfu-decay-time", 0)
            fill(c, 2550, lambda i: ["FREQ", i // 10])
            squeeze(c, "allkeys-lfu", 900_000)
            low_go_first(left(c), 2550)


def test_ttl_and_volatile_only():
    with Stage() as stage:
        with stage.server().client() as c:
            fill(c, 500, lambda i: [], "stay")
            c.cmd("SET", "like", VALUE)
            payload = c.cmd("DUMP", "like")
            c.pipeline([["RESTORE", f"k{i}", 1_000_000 + i * 1000, payload] for i in range(2000)])
            squeeze(c, "volatile-ttl", 700_000)
            low_go_first(left(c), 2000)
            assert len(left(c, "stay")) == 500


def test_random():
    with Stage() as stage:
        with stage.server().client() as c:
            c.pipeline([["SET", f"k{i}", VALUE] for i in range(1000)])
            c.cmd("SELECT", 1)
            c.pipeline([["SET", f"k{i}", VALUE] for i in range(1000)])
            squeeze(c, "allkeys-random", 700_000)
            other = len(left(c))
            c.cmd("SELECT", 0)
            assert 500 < other < 900 and 500 < len(left(c)) < 900


def test_volatile_without_deadlines_refuses():
    with Stage() as stage:
        for binary in ({}, {"binary": REDIS_SERVER}):
            with stage.server(**binary).client() as c:
                c.pipeline([["SET", f"k{i}", VALUE] for i in range(300)])
                for policy in ("volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl", "noeviction"):
                    c.cmd("CONFIG", "SET", "maxmemory-policy", policy)
                    c.cmd("CONFIG", "SET", "maxmemory", 1)
                    assert str(c.raw("SET", "x", 1)) == OOM
                    assert str(c.raw("INCR", "x")) == OOM
                    assert c.cmd("GET", "k1") == VALUE.encode()
                    assert c.cmd("DEL", "k1") == 1
                    assert c.cmd("MULTI") == "OK"
                    assert str(c.raw("GET", "k2")) == OOM
                    assert str(c.raw("EXEC")).startswith("EXECABORT")
                    c.cmd("CONFIG", "SET", "maxmemory", 0)
                    assert c.cmd("SET", "k1", VALUE) == "OK"
                c.cmd("MULTI")
                c.cmd("SET", "y", 1)
                with stage.processes[-1].client() as other:
                    other.cmd("CONFIG", "SET", "maxmemory", 1)
                assert str(c.raw("EXEC")) == "EXECABORT Transaction discarded because of: " + OOM
                c.cmd("CONFIG", "SET", "maxmemory", 0)


def test_writes_go_on_and_events_tell():
    with Stage() as stage:
        server = stage.server("--maxmemory-policy", "allkeys-lru", "--notify-keyspace-events", "Ee")
        with server.client() as c, server.client() as listener:
            listener.cmd("PSUBSCRIBE", "*")
            c.cmd("CONFIG", "SET", "maxmemory", used(c) + 500_000)
            assert set(c.pipeline([["SET", f"k{i}", VALUE] for i in range(3000)])) == {"OK"}
            assert used(c) < int(c.cmd("CONFIG", "GET", "maxmemory")[1]) + 200_000
            evicted = int(c.info("stats")["evicted_keys"])
            assert evicted > 2000 and c.cmd("DBSIZE") == 3000 - evicted
            message = listener.read()
            assert message[2] == b"__keyevent@0__:evicted" and message[3].startswith(b"k")


def test_replica_follows():
    with Stage() as stage:
        master = stage.server("--maxmemory-policy", "allkeys-random", "--repl-diskless-sync-delay", 0)
        replica = stage.server("--replicaof", "127.0.0.1", master.port, "--maxmemory", "1mb")
        theirs = stage.server("--replicaof", "127.0.0.1", master.port, binary=REDIS_SERVER)
        with master.client() as c:
            for r in (replica, theirs):
                wait_for("the link", lambda r=r: r.info("replication")["master_link_status"] == "up")
            c.cmd("CONFIG", "SET", "maxmemory", used(c) + 800_000)
            c.pipeline([["SET", f"k{i}", VALUE] for i in range(3000)])
            for r in (replica, theirs):
                wait_for("the stream", lambda r=r: replica_caught_up(master, r))
                with r.client() as rc:
                    assert sorted(rc.cmd("KEYS", "*")) == sorted(c.cmd("KEYS", "*"))
        with replica.client() as r:
            assert int(r.info("stats")["evicted_keys"]) == 0


@ours_only
def test_tenacity_and_lazy():
    with Stage() as stage:
        server = stage.server("--maxmemory-eviction-tenacity", 0, "--lazyfree-lazy-eviction", "yes")
        with server.client() as c:
            fill(c, 3000, lambda i: ["IDLETIME", 100_000 - i * 30])
            squeeze(c, "allkeys-lru", 1_500_000)
            low_go_first(left(c), 3000)
            info = c.info("stats")
            assert "total_eviction_exceeded_time" in info and int(info["current_eviction_exceeded_time"]) == 0
            assert not isinstance(c.raw("SET", "x", 1), ReplyError)
