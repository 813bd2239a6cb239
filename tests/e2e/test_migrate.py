"""MIGRATE: keys move between servers of both kinds, while other clients go on."""
import socket
import threading

from lib import REDIS_SERVER, Stage, fails, free_port, ours_only, replica_caught_up, wait_for

BOTH = [("ours to ours", None, None), ("ours to theirs", None, REDIS_SERVER), ("theirs to ours", REDIS_SERVER, None)]


def start(stage, binary, *options):
    return stage.server(*options, binary=binary) if binary else stage.server(*options)


def fill(c):
    c.cmd("SET", "s", "v" * 3000)
    c.cmd("SET", "t", 1, "PX", 500_000)
    c.cmd("RPUSH", "l", *range(300))
    c.cmd("HSET", "h", "f", "v")
    c.cmd("ZADD", "z", 1.5, "m")
    c.cmd("XADD", "x", "1-1", "f", "v")
    c.cmd("SADD", "i", 1, 2, 3)
    return ["s", "t", "l", "h", "z", "x", "i"]


def moves(a, b, port):
    keys = fill(a)
    digest = a.cmd("DEBUG", "DIGEST-VALUE", *keys)
    assert a.cmd("MIGRATE", "127.0.0.1", port, "s", 3, 5000) == "OK"
    assert a.cmd("EXISTS", "s") == 0 and a.cmd("MIGRATE", "127.0.0.1", port, "s", 3, 5000) == "NOKEY"
    assert a.cmd("MIGRATE", "127.0.0.1", port, "", 3, 5000, "KEYS", *keys[1:], "none") == "OK"
    assert a.cmd("DBSIZE") == 0
    b.cmd("SELECT", 3)
    assert b.cmd("DEBUG", "DIGEST-VALUE", *keys) == digest
    assert 400_000 < b.cmd("PTTL", "t") <= 500_000
    a.cmd("SET", "s", "other")
    busy = fails(a.cmd, "MIGRATE", "127.0.0.1", port, "s", 3, 5000)
    assert busy == "ERR Target instance replied with error: BUSYKEY Target key name already exists.", busy
    assert a.cmd("GET", "s") == b"other"
    a.cmd("SET", "fresh", 1)
    assert "BUSYKEY" in fails(a.cmd, "MIGRATE", "127.0.0.1", port, "", 3, 5000, "KEYS", "s", "fresh")
    assert a.cmd("EXISTS", "s", "fresh") == 1 and b.cmd("GET", "fresh") == b"1"
    assert a.cmd("MIGRATE", "127.0.0.1", port, "s", 3, 5000, "COPY", "REPLACE") == "OK"
    assert a.cmd("GET", "s") == b.cmd("GET", "s") == b"other"
    assert a.info("stats")["migrate_cached_sockets"] == "1"
    a.cmd("MULTI")
    a.cmd("MIGRATE", "127.0.0.1", port, "s", 4, 5000)
    a.cmd("EXISTS", "s")
    assert a.cmd("EXEC") == ["OK", 0]


def test_moves():
    for what, from_, to in BOTH:
        print(what)
        with Stage() as stage:
            source, target = start(stage, from_), start(stage, to)
            with source.client() as a, target.client() as b:
                moves(a, b, target.port)


def test_passwords():
    with Stage() as stage:
        source, target = stage.server(), stage.server("--requirepass", "pw")
        with source.client() as a:
            a.cmd("SET", "k", 1)
            assert "NOAUTH" in fails(a.cmd, "MIGRATE", "127.0.0.1", target.port, "k", 0, 5000)
            assert "WRONGPASS" in fails(a.cmd, "MIGRATE", "127.0.0.1", target.port, "k", 0, 5000, "AUTH", "no")
            assert a.cmd("MIGRATE", "127.0.0.1", target.port, "k", 0, 5000, "AUTH", "pw") == "OK"
            a.cmd("SET", "j", 1)
            assert a.cmd("MIGRATE", "127.0.0.1", target.port, "j", 0, 5000, "AUTH2", "default", "pw") == "OK"


def test_errors():
    with Stage() as stage:
        server = stage.server()
        with server.client() as c:
            c.cmd("SET", "k", 1)
            assert fails(c.cmd, "MIGRATE", "127.0.0.1", 1, "k", 0, "x") == "ERR value is not an integer or out of range"
            assert fails(c.cmd, "MIGRATE", "127.0.0.1", 1, "k", 0, 10, "FOO") == "ERR syntax error"
            assert "KEYS option" in fails(c.cmd, "MIGRATE", "127.0.0.1", 1, "k", 0, 10, "KEYS", "k")
            assert fails(c.cmd, "MIGRATE", "127.0.0.1", free_port(), "k", 0, 1000) in (
                "IOERR error or timeout connecting to the client", "IOERR error or timeout writing to target instance")
            with socket.create_server(("127.0.0.1", 0)) as deaf:
                got = fails(c.cmd, "MIGRATE", "127.0.0.1", deaf.getsockname()[1], "k", 0, 50)
            assert got == "IOERR error or timeout reading to target instance", got
            assert c.cmd("GET", "k") == b"1"


def test_deletes_are_replicated():
    with Stage() as stage:
        source, target, replica = stage.server("--repl-diskless-sync-delay", 0), stage.server(), stage.server()
        replica.cmd("REPLICAOF", "127.0.0.1", source.port)
        wait_for("the replica", lambda: replica.info("replication").get("master_link_status") == "up")
        with source.client() as c:
            c.cmd("MSET", "a", 1, "b", 2, "c", 3)
            assert c.cmd("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", "a", "b", "no") == "OK"
            wait_for("the same offset", lambda: replica_caught_up(source, replica))
            assert replica.cmd("KEYS", "*") == [b"c"]


def relay(listener, target, hold):
    """Hands bytes on in both directions; what the target answers waits for `hold`."""
    def pump(a, b, wait):
        while True:
            data = a.recv(1 << 16)
            if not data:
                return
            if wait:
                hold.wait(20)
            b.sendall(data)
    near, _ = listener.accept()
    far = socket.create_connection(("127.0.0.1", target))
    for a, b, wait in ((near, far, False), (far, near, True)):
        threading.Thread(target=pump, args=(a, b, wait), daemon=True).start()


@ours_only
def test_others_go_on():
    """Keys that change on their way arrive as they were last, and nothing of them stays."""
    with Stage() as stage:
        source, target = stage.server(), stage.server()
        hold = threading.Event()
        with socket.create_server(("127.0.0.1", 0)) as listener, source.client() as a, source.client() as b:
            threading.Thread(target=relay, args=(listener, target.port, hold), daemon=True).start()
            a.cmd("MSET", "same", 1, "other", 1, "gone", 1)
            a.send("MIGRATE", "127.0.0.1", listener.getsockname()[1], "", 0, 15000, "KEYS", "same", "other", "gone")
            wait_for("the keys", lambda: target.cmd("DBSIZE") == 3)
            assert b.cmd("INCR", "other") == 2 and b.cmd("DEL", "gone") == 1
            assert b.info("clients")["blocked_clients"] == "1"
            hold.set()
            assert a.read() == "OK"
            assert b.cmd("DBSIZE") == 0
            assert target.cmd("MGET", "same", "other", "gone") == [b"1", b"2", None]


@ours_only
def test_who_asked_may_leave():
    with Stage() as stage:
        source, target = stage.server(), stage.server()
        hold = threading.Event()
        with socket.create_server(("127.0.0.1", 0)) as listener, source.client() as b:
            threading.Thread(target=relay, args=(listener, target.port, hold), daemon=True).start()
            b.cmd("SET", "k", 1)
            with source.client() as a:
                a.send("MIGRATE", "127.0.0.1", listener.getsockname()[1], "k", 0, 15000)
                wait_for("the key", lambda: target.cmd("DBSIZE") == 1)
            hold.set()
            wait_for("its removal", lambda: b.cmd("EXISTS", "k") == 0)
        deaf = socket.create_server(("127.0.0.1", 0))
        with source.client() as a:
            a.cmd("SET", "k", 1)
            a.send("MIGRATE", "127.0.0.1", deaf.getsockname()[1], "k", 0, 60000)
            wait_for("the block", lambda: source.info("clients")["blocked_clients"] == "1")
            assert source.end() == 0, "a migration must not hold up the end"
        deaf.close()
