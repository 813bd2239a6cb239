"""Every command and sub-command of Redis is known: those that redis-server 7.0.15 lists, and those that
came with 7.2 and, for deadlines of hash fields, 7.4."""
from lib import REDIS_SERVER, ReplyError, Stage, ours_only

NEWER = """client|setinfo client|no-touch cluster|myshardid waitaof hexpire hpexpire hexpireat hpexpireat httl hpttl
hexpiretime hpexpiretime hpersist""".split()


def names(c):
    return {n.decode() for n in c.cmd("COMMAND", "LIST")}


@ours_only
def test_every_name_is_known():
    with Stage() as stage:
        ours, theirs = stage.server(), stage.server(binary=REDIS_SERVER)
        with ours.client() as a, theirs.client() as b:
            known, due = names(a), names(b) | set(NEWER)
            assert not due - known, f"missing: {sorted(due - known)}"
            for name in sorted(due):
                assert answers(a, name), name


def answers(c, name):
    """With no argument at all; what would end the server or the conversation is only looked up."""
    words = name.split("|")
    if words[0] in ("shutdown", "quit", "monitor", "sync", "psync", "debug", "reset", "subscribe", "failover", "exec"):
        return c.cmd("COMMAND", "INFO", name)[0] is not None
    got = c.raw(*words)
    return not (isinstance(got, ReplyError) and "unknown" in str(got))


def test_what_is_not_there_says_so():
    with Stage() as stage:
        ours, theirs = stage.server(), stage.server(binary=REDIS_SERVER)
        with ours.client() as a, theirs.client() as b:
            for text in ("CLUSTER INFO", "CLUSTER SLOTS", "CLUSTER HELP", "CLUSTER NOSUCH", "CLUSTER", "CLUSTER KEYSLOT",
                         "ASKING", "READONLY", "READWRITE", "MODULE LOAD /x", "MODULE UNLOAD x", "MODULE LIST"):
                x, y = a.raw(*text.split(" ")), b.raw(*text.split(" "))
                assert str(x) == str(y), (text, x, y)


def row_of(c, name):
    row = c.cmd("COMMAND", "INFO", name)[0]
    return [sorted(f) if isinstance(f, list) else f for f in row[1:7]]


def test_rows_of_cluster_and_migrate():
    with Stage() as stage:
        ours, theirs = stage.server(), stage.server(binary=REDIS_SERVER)
        with ours.client() as a, theirs.client() as b:
            for name in sorted(names(b)):
                if name.startswith(("cluster|", "module|", "memory|", "client|")) or name in ("asking", "readonly", "migrate"):
                    x, y = row_of(a, name), row_of(b, name)
                    assert x == y, (name, x, y)
