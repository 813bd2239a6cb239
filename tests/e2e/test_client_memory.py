"""What clients may hold: maxmemory-clients, the limits of buffers, and what CLIENT LIST says about it.

Figures of buffers are ours: the reference rounds otherwise, and has fewer fields in 7.0."""
from lib import Stage, encode, ours_only, wait_for

MB = 1 << 20


def fields(c, name):
    for line in c.text("CLIENT", "LIST").split("\n"):
        words = dict(w.split("=", 1) for w in line.split(" ") if "=" in w)
        if words.get("name") == name:
            return words
    return None


def named(server, name):
    c = server.client()
    c.cmd("CLIENT", "SETNAME", name)
    return c


def evicted(c):
    return int(c.info("stats")["evicted_clients"])


def send_part(c, size):
    """The beginning of a command whose argument never ends."""
    c.send_bytes(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n" % (64 * MB) + b"x" * size)


@ours_only
def test_the_largest_goes():
    with Stage() as stage:
        server = stage.server("--maxmemory-clients", "40mb")
        with server.client() as c:
            small = [named(server, f"small{i}") for i in range(4)]
            for s in small:
                send_part(s, 2 * MB)
            wait_for("the parts", lambda: all(int(fields(c, f"small{i}")["qbuf"]) >= 2 * MB for i in range(4)))
            assert evicted(c) == 0
            big = named(server, "big")
            try:
                send_part(big, 40 * MB)
            except ConnectionError:
                pass
            wait_for("the eviction", lambda: evicted(c) == 1)
            assert fields(c, "big") is None and all(fields(c, f"small{i}") for i in range(4))
            c.cmd("CONFIG", "SET", "maxmemory-clients", 5 * MB)
            wait_for("more of them", lambda: evicted(c) >= 2)
            assert fields(c, "small0") is None or fields(c, "small3") is None
            assert c.cmd("PING") == "PONG"


def test_spared_on_request():
    with Stage() as stage:
        server = stage.server("--maxmemory-clients", "8mb")
        with server.client() as c:
            c.cmd("CLIENT", "NO-EVICT", "ON")
            kept = named(server, "kept")
            kept.cmd("CLIENT", "NO-EVICT", "ON")
            assert "e" in fields(c, "kept")["flags"]
            other = named(server, "other")
            send_part(kept, 12 * MB)
            wait_for("the other's end", lambda: evicted(c) >= 1)
            assert other.closed() and fields(c, "kept")


def test_output_counts():
    with Stage() as stage:
        server = stage.server("--maxmemory", "200mb", "--maxmemory-clients", "10%")
        with server.client() as c:
            c.cmd("CLIENT", "NO-EVICT", "ON")
            c.cmd("SET", "k", "v" * MB)
            lazy = named(server, "lazy")
            lazy.send_bytes(encode(["GET", "k"]) * 60)
            wait_for("the eviction", lambda: evicted(c) == 1)
            assert fields(c, "lazy") is None
            c.cmd("CONFIG", "SET", "maxmemory", 0)
            assert evicted(c) == 1


@ours_only
def test_memory_is_told():
    """Whatever a client makes the server keep shows in its tot-mem, and goes with it."""
    with Stage() as stage:
        server = stage.server()
        with server.client() as c:
            x = named(server, "x")
            x.cmd("HELLO", 3)
            at = [int(fields(c, "x")["tot-mem"])]

            def grown(what):
                wait_for(what, lambda: int(fields(c, "x")["tot-mem"]) >= at[0] + 100_000)
                at[0] = int(fields(c, "x")["tot-mem"])
            x.cmd("WATCH", *["w" * 1000 + str(i) for i in range(100)])
            grown("watched keys")
            x.cmd("SUBSCRIBE", "c" * 100_000)
            grown("channels")
            x.cmd("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "p" * 100_000)
            grown("prefixes")
            x.cmd("MULTI")
            x.cmd("SET", "k", "v" * 100_000)
            grown("queued commands")
            assert int(fields(c, "x")["multi-mem"]) >= 100_000
            assert int(c.info("memory")["mem_clients_normal"]) >= at[0]
            x.cmd("RESET")
            x.cmd("CLIENT", "SETNAME", "x")
            wait_for("all of it gone", lambda: int(fields(c, "x")["tot-mem"]) < at[0] - 300_000)


@ours_only
def test_limits_are_counted():
    with Stage() as stage:
        server = stage.server("--client-query-buffer-limit", "1mb", "--client-output-buffer-limit", "pubsub 1mb 0 0")
        with server.client() as c:
            greedy = server.client()
            try:
                send_part(greedy, 3 * MB)
            except ConnectionError:
                pass
            assert greedy.closed()
            deaf = server.client()
            deaf.cmd("SUBSCRIBE", "ch")
            for _ in range(40):
                if c.cmd("PUBLISH", "ch", "m" * (MB // 2)) == 0:
                    break
            stats = c.info("stats")
            assert stats["client_query_buffer_limit_disconnections"] == "1", stats
            assert stats["client_output_buffer_limit_disconnections"] == "1", stats
