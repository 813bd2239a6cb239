"""CLIENT TRACKING beside redis-server 7.0.15: what every connection receives, and in which order.

A script is lines of steps, `WHO COMMAND ; COMMAND | WHO ...`; commands of a step are sent together.
WHO with a 3 (a3) speaks RESP3. `$b` is the id of connection b. After a step every other connection is
asked for a PONG, so that all frames up to then are compared; a `!` after WHO leaves that out."""
from beside import split
from lib import REDIS_SERVER, Push, ReplyError, Stage, encode, wait_for

SCRIPT = """
a3 CLIENT TRACKING ON | a3 GET k | b SET k 1 | b SET k 2 | a3 GET k | a3 SET k 3 | a3 GET k ; SET k 4 ; GET k
a3 CLIENT TRACKING ON | a3 GET k | a3 MULTI ; SET k 1 ; GET k ; SET k 2 ; EXEC | a3 MGET k j | b MULTI ; SET k 1 ; SET j 2 ; EXEC
a3 CLIENT TRACKING ON | a3 GET k | b FLUSHALL | b FLUSHDB | a3 FLUSHALL | a3 MULTI ; FLUSHALL ; SET x 1 ; FLUSHALL ; EXEC | b SET k 1
a3 CLIENT TRACKING ON NOLOOP | a3 GET k | a3 SET k 1 | a3 GET k | b SET k 2 | a3 FLUSHALL | a3 CLIENT TRACKINGINFO
a3 CLIENT TRACKING ON BCAST | b SET z 1 ; SET a 2 ; SET z 3 | a3 SET own 1 ; GET own | b FLUSHALL | a3 MULTI ; SET m 1 ; GET m ; EXEC
a3 CLIENT TRACKING ON BCAST PREFIX foo PREFIX bar NOLOOP | b SET foo1 1 ; SET bar1 1 ; SET other 1 ; DEL foo1 bar1 | a3 SET foo2 1 | a3 CLIENT TRACKINGINFO | b SET foo 1
a3 CLIENT TRACKING ON BCAST PREFIX a | a3 CLIENT TRACKING ON BCAST PREFIX ab | a3 CLIENT TRACKING ON BCAST PREFIX b NOLOOP | a3 CLIENT TRACKINGINFO | a3 SET a 1 | b SET a 1 ; SET b 2 | a3 CLIENT TRACKING OFF | b SET a 1
a3 CLIENT TRACKING ON OPTIN | a3 GET k | b SET k 1 | a3 CLIENT CACHING YES | a3 CLIENT TRACKINGINFO | a3 GET k | b SET k 2 | a3 GET k | b SET k 3
a3 CLIENT TRACKING ON OPTIN | a3 CLIENT CACHING YES ; MULTI ; GET a ; GET b ; EXEC ; GET c | b SET a 1 | b SET b 1 | b SET c 1 | a3 CLIENT CACHING YES ; NOSUCH ; GET a | b SET a 2 | a3 CLIENT CACHING YES ; CLIENT GETREDIR ; GET a | b SET a 3
a3 CLIENT TRACKING ON OPTOUT | a3 GET k | b SET k 1 | a3 CLIENT CACHING NO ; CLIENT TRACKINGINFO ; GET k | b SET k 2 | a3 CLIENT CACHING YES
a CLIENT CACHING YES | a CLIENT TRACKING ON | a CLIENT CACHING YES | a CLIENT CACHING NO | a CLIENT CACHING FOO | a CLIENT CACHING | a CLIENT TRACKING ON OPTIN OPTOUT | a CLIENT TRACKING ON BCAST | a CLIENT TRACKING ON PREFIX x | a CLIENT TRACKING FOO
a CLIENT TRACKING ON BCAST OPTIN | a CLIENT TRACKING ON BCAST OPTOUT NOLOOP | a CLIENT TRACKING ON REDIRECT 9999 | a CLIENT TRACKING ON REDIRECT abc | a CLIENT TRACKING ON REDIRECT $b REDIRECT $b | a CLIENT TRACKING ON REDIRECT | a CLIENT TRACKING ON PREFIX | a CLIENT TRACKING ON FOO | a CLIENT TRACKING
a CLIENT TRACKING ON OPTIN | a CLIENT TRACKING ON OPTOUT | a CLIENT TRACKING ON | a CLIENT TRACKINGINFO | a CLIENT TRACKING OFF FOO | a CLIENT TRACKING OFF OPTIN | a CLIENT TRACKINGINFO | a CLIENT GETREDIR | a CLIENT TRACKING ON REDIRECT 0 | a CLIENT TRACKING ON REDIRECT -1
a CLIENT TRACKING ON BCAST PREFIX a PREFIX b PREFIX ab | a CLIENT TRACKING ON BCAST PREFIX a PREFIX a | a CLIENT TRACKING ON BCAST PREFIX x PREFIX "" | a CLIENT TRACKING ON BCAST | a CLIENT TRACKING ON BCAST PREFIX q | a CLIENT TRACKINGINFO | a CLIENT TRACKING ON BCAST
r SUBSCRIBE __redis__:invalidate | a CLIENT TRACKING ON REDIRECT $r | a CLIENT GETREDIR | a CLIENT TRACKINGINFO | a GET k | b SET k 1 | a GET k | a SET k 2 | b FLUSHALL | b FLUSHDB
r SUBSCRIBE other | a CLIENT TRACKING ON REDIRECT $r BCAST PREFIX p | b SET p1 1 ; SET p2 2 | r UNSUBSCRIBE | b SET p1 1 | r CLIENT GETREDIR
r3 CLIENT GETREDIR | a CLIENT TRACKING ON REDIRECT $r3 | a GET k | b SET k 1 | a GET k | a SET k 3 | b FLUSHALL
r3 CLIENT GETREDIR | a3 CLIENT TRACKING ON REDIRECT $r3 | a3 GET k | r3 QUIT | b SET k 1 | a3 CLIENT TRACKINGINFO | a3 GET k | b SET k 2 | b FLUSHALL | a3 CLIENT TRACKING ON | a3 CLIENT TRACKINGINFO
r3 CLIENT GETREDIR | a CLIENT TRACKING ON REDIRECT $r3 | a GET k | r3 QUIT | b SET k 1 | a CLIENT TRACKINGINFO | a CLIENT TRACKING OFF | a CLIENT TRACKINGINFO
a CLIENT TRACKING ON | a GET k | b SET k 1 | a PING | a HELLO 3 | a GET k | b SET k 2
a3 CLIENT TRACKING ON | a3 GET k | a3 CLIENT TRACKING OFF | b SET k 1 | a3 CLIENT TRACKING ON | b SET k 2 | a3 GET k | a3 CLIENT TRACKING OFF ; CLIENT TRACKING ON | b SET k 3
a3 CLIENT TRACKING ON | a3 GET k | a3 CLIENT TRACKING OFF ; CLIENT TRACKING ON BCAST | b SET k 3 | a3 RESET ; CLIENT TRACKINGINFO | b SET k 4
a3 CLIENT TRACKING ON | a3 CLIENT REPLY OFF ; GET k | b SET k 1 | a3 CLIENT REPLY ON | a3 CLIENT REPLY SKIP ; GET k ; SET k 2
b SET k 1 PX 1 | a3 CLIENT TRACKING ON | a3 DEBUG SLEEP 0.01 ; GET k ; GET k | b SET k 2 | b SET e 1 | a3 GET e | b PEXPIRE e 5000 | a3 GET e | b PERSIST e | a3 GET e | b EXPIRE e -1
a3 CLIENT TRACKING ON | a3 HGETALL h ; SMEMBERS s ; LRANGE l 0 -1 ; ZRANGE z 0 -1 ; XRANGE x - + ; EXISTS e1 e2 ; STRLEN st ; TTL t | b HSET h f v | b SADD s m | b RPUSH l x | b ZADD z 1 m | b XADD x 1-1 f v | b MSET e1 1 e2 2 | b APPEND st x | b SET t 1 EX 100
a3 CLIENT TRACKING ON | a3 GETEX g ; INCR i ; GETSET s 1 ; SCAN 0 MATCH no ; DBSIZE ; KEYS no ; OBJECT ENCODING s ; TYPE ty ; DUMP du | b SET g 1 | b SET i 1 | b SET s 1 | b SET ty 1 | b SET du 1
b MSET k1 1 k2 2 | a3 CLIENT TRACKING ON | a3 GET k1 ; GET k2 | b RENAME k1 k3 | a3 GET k2 ; GET k3 | b COPY k3 k2 REPLACE | a3 GET k2 | b MOVE k2 1 | a3 GET k3 | b UNLINK k3 | a3 GET k3 | b DEL k3
a3 CLIENT TRACKING ON | a3 SELECT 1 ; GET k | b SET k 1 | a3 GET k | b FLUSHDB | a3 SELECT 0
b RPUSH l a | a3 CLIENT TRACKING ON | a3 LRANGE l 0 -1 | b LPOP l | a3 LRANGE l 0 -1 ; BLPOP l 0.01 | b RPUSH l z | a3 LRANGE l 0 -1 ; LPOP l
a3 CLIENT TRACKING ON | c3 CLIENT TRACKING ON BCAST | a3 GET k | c3 GET k | b SET k 1 | c3 SET k 2 | a3 SET k 2
b MSET k1 1 k2 2 | a3 CLIENT TRACKING ON | a3 GET k1 ; GET k2 | b RENAME k1 k2 | b SET k1 1 | a3 GET k2 ; GET k1 | a3 RENAMENX k1 k2 ; RENAME k1 k2
b SET k1 1 | a3 CLIENT TRACKING ON | a3 GET k2 ; GET k1 | b RENAMENX k1 k2 | a3 GET k2 ; GET k1 | b MULTI ; SET k2 1 ; RENAME k2 k1 ; EXEC
b MSET k1 1 k2 2 | a3 CLIENT TRACKING ON | c3 CLIENT TRACKING ON BCAST | a3 GET k1 | b SWAPDB 0 1 | b SWAPDB 1 0 | b SET k1 2 | a3 SWAPDB 0 1
a3 CLIENT TRACKING ON | a3 SUBSCRIBE ch | a3 GET k | b PUBLISH ch m ; SET k 1 ; PUBLISH ch n
"""


class Player:
    """The connections of one line on one server, and all that they received."""

    def __init__(self, server):
        self.server, self.clients, self.ids, self.gone, self.muted = server, {}, {}, set(), set()

    def client(self, who):
        if who not in self.clients:
            c = self.clients[who] = self.server.client(timeout=5)
            if who.endswith("3"):
                c.cmd("HELLO", 3)
            self.ids[who] = c.cmd("CLIENT", "ID")
        return self.clients[who]

    def frame(self, x):
        if isinstance(x, ReplyError):
            return f"(error) {x}"
        if isinstance(x, Push):
            return ("push", [self.frame(v) for v in x])
        if isinstance(x, dict):
            return {k: self.frame(v) for k, v in x.items() if k != b"version"}
        if isinstance(x, list):
            return [self.frame(v) for v in x]
        if isinstance(x, int) and not isinstance(x, bool) and x in self.ids.values() and x > 2:
            return ["id of", [w for w, i in self.ids.items() if i == x]]
        return x

    def until_pong(self, who):
        c, out = self.clients[who], []
        c.send("PING")
        while True:
            got = c.read()
            if got == "PONG" or got == [b"pong", b""]:
                return out
            out.append(self.frame(got))

    def step(self, text):
        who, rest = text.strip().split(" ", 1)
        client = self.client(who)
        commands = [split(part.strip()) for part in rest.split(";")]
        commands = [[str(self.ids[w[1:]]) if w.startswith("$") else w for w in words] for words in commands]
        client.send_bytes(b"".join(encode(words) for words in commands))
        if commands[-1][0] == "QUIT":
            self.gone.add(who)
            assert client.closed()
            return {}
        out, skip = {}, False
        for words in commands:
            what = [w.upper() for w in words]
            if what[:2] == ["CLIENT", "REPLY"]:
                self.muted.add(who) if what[2] == "OFF" else self.muted.discard(who)
                skip = what[2] == "SKIP"
            elif skip:
                skip = False
                continue
            if who in self.muted or skip:
                continue
            while True:
                got = client.read()
                out.setdefault(who, []).append(self.frame(got))
                if not isinstance(got, Push) or what[0] in ("SUBSCRIBE", "UNSUBSCRIBE"):
                    break
        for other in self.clients:
            if other != who and other not in self.gone | self.muted:
                got = self.until_pong(other)
                if got:
                    out[other] = got
        return out

    def end(self):
        return {who: self.until_pong(who) for who in self.clients if who not in self.gone | self.muted}


def played(server, line):
    p = Player(server)
    steps = line.split("|")
    for who in ("b", *(s.strip().split(" ", 1)[0] for s in steps)):
        p.client(who)
    out = [p.step(step) for step in steps]
    out.append(p.end())
    for c in p.clients.values():
        c.close()
    wait_for("the connections' end", lambda: server.info("clients")["connected_clients"] == "1")
    server.cmd("FLUSHALL")
    return out


def test_beside_the_reference():
    differences = []
    with Stage() as stage:
        ours, theirs = stage.server(), stage.server(binary=REDIS_SERVER)
        for line in SCRIPT.strip().split("\n"):
            x, y = played(ours, line), played(theirs, line)
            for i, (mine, due) in enumerate(zip(x, y)):
                if mine != due:
                    differences.append(f"{line}\n  step {i}\n    ours   {mine}\n    theirs {due}")
    assert not differences, f"{len(differences)} differences\n" + "\n".join(differences)


def heard_when_served(server, modes):
    """What a blocked client hears of a push by another one, and of its own pops that follow."""
    out = []
    with server.client(timeout=5) as a, server.client(timeout=5) as b:
        a.cmd("HELLO", 3)
        a.cmd("CLIENT", "TRACKING", "ON", *modes)
        a.pipeline([("LRANGE", "l", 0, -1), ("LRANGE", "to", 0, -1)])
        for words in (("BLPOP", "l", 0), ("BLMOVE", "l", "to", "LEFT", "LEFT", 0)):
            a.send(*words)
            wait_for("a blocked client", lambda: server.info("clients")["blocked_clients"] == "1")
            b.cmd("RPUSH", "l", "x")
            a.send("ECHO", "end")
            while not out or out[-1] != b"end":
                out.append(a.read())
    server.cmd("FLUSHALL")
    return out


def test_served_clients():
    """Who is served while blocked has written what its command writes, and NOLOOP is about that."""
    with Stage() as stage:
        ours, theirs = stage.server(), stage.server(binary=REDIS_SERVER)
        for modes in ((), ("NOLOOP",), ("BCAST",), ("BCAST", "NOLOOP")):
            mine, due = heard_when_served(ours, modes), heard_when_served(theirs, modes)
            assert mine == due, f"{modes}: {mine}, not {due}"


def figures(server):
    info = server.info()
    return [int(info[f]) for f in ("tracking_clients", "tracking_total_keys", "tracking_total_items", "tracking_total_prefixes")]


def bounded(server):
    """What a reader of 30 keys hears when 10 may be remembered, and the figures."""
    with server.client() as a, server.client() as b:
        for c in (a, b):
            c.cmd("HELLO", 3)
            c.cmd("CLIENT", "TRACKING", "ON")
        b.cmd("GET", "k0")
        for i in range(30):
            a.cmd("GET", f"k{i}")
        out = [figures(server)]
        a.cmd("CONFIG", "SET", "tracking-table-max-keys", 10)
        got, told = a.raw("PING"), []
        while got != "PONG":
            told.append(got)
            got = a.read()
        out += [figures(server)[:2], len(told), sorted(t[0] for t in told)[0]]
        names = [t[1][0] for t in told]
        assert len(set(names)) == len(names) and all(n.startswith(b"k") for n in names), names
        a.cmd("CLIENT", "TRACKING", "OFF")
        a.cmd("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "x", "PREFIX", "y")
        out.append(figures(server)[::3])
        line = a.text("CLIENT", "LIST").split("\n")[0]
        out.append([w for w in line.split(" ") if w.startswith(("flags=", "redir="))])
        b.cmd("FLUSHALL")
    wait_for("the connections' end", lambda: server.info("clients")["tracking_clients"] == "0")
    return out + [figures(server)]


def test_bound_and_figures():
    with Stage() as stage:
        x, y = bounded(stage.server()), bounded(stage.server(binary=REDIS_SERVER))
    assert x == y, f"ours {x}\ntheirs {y}"


def evicted(server):
    """An evicted key is a changed one."""
    with server.client() as a, server.client() as b:
        a.cmd("HELLO", 3)
        a.cmd("CLIENT", "TRACKING", "ON")
        b.cmd("SET", "k", "v" * 100_000)
        a.cmd("GET", "k")
        b.cmd("CONFIG", "SET", "maxmemory-policy", "allkeys-random", "maxmemory", 1)
        return a.read()


def test_eviction():
    with Stage() as stage:
        for binary in (None, REDIS_SERVER):
            server = stage.server(binary=binary) if binary else stage.server()
            assert evicted(server) == [b"invalidate", [b"k"]]
