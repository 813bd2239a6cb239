"""CONFIG SET of every directive that the reference has, to its own value and to odd ones: the same answer."""
from lib import REDIS_SERVER, Stage

ODD = ["", "abc", "-1", "1", "yes", "0", "1.5", "10mb", "5%"]
# What a client would notice at once, or what is about this machine: only what CONFIG GET gives is set.
HANDS_OFF = {"dir", "bind", "bind-source-addr", "unixsocket", "requirepass", "masterauth", "replicaof", "slaveof",
             "maxmemory-clients", "cluster-announce-hostname", "logfile"}
SKIPPED = {"port"}
# Values that a later Redis, and ours, knows besides.
NEWER = {"loglevel": ", nothing", "repl-diskless-load": ", flush-before-load"}


def settings(c):
    flat = [x.decode() for x in c.cmd("CONFIG", "GET", "*")]
    return dict(zip(flat[::2], flat[1::2]))


def answer(c, name, value):
    return str(c.raw("CONFIG", "SET", name, value)).replace(NEWER.get(name, "\n"), "")


def test_each_directive():
    with Stage() as stage:
        ours, theirs = stage.server(), stage.server(binary=REDIS_SERVER)
        with ours.client() as a, theirs.client() as b:
            mine, due = settings(a), settings(b)
            assert not set(due) - set(mine), sorted(set(due) - set(mine))
            differ = []
            for name in sorted(n for n in set(due) - SKIPPED if not n.startswith("tls-")):
                for value in [due[name]] if name in HANDS_OFF else [due[name], *ODD]:
                    x, y = answer(a, name, value), answer(b, name, value)
                    if x != y and name != "dir":
                        differ.append((name, value, x, y))
                    if y == "OK":
                        a.raw("CONFIG", "SET", name, mine[name])
                        b.raw("CONFIG", "SET", name, due[name])
            assert not differ, "\n".join(map(str, differ))
