"""What the differential test tolerates, and why: orders that Redis does not promise, figures that depend on
the moment, draws, and the known, explained differences. Anything else is a difference.

Rules see parsed replies of both servers (diff_wire.parse); they give what is to be compared."""
import re

from diff_wire import text

# ---- orders that Redis does not promise: compared as multisets ----

UNORDERED = {b"SMEMBERS", b"SINTER", b"SUNION", b"SDIFF", b"HKEYS", b"HVALS", b"KEYS", b"ACL USERS", b"ACL LIST",
             b"COMMAND LIST", b"PUBSUB CHANNELS", b"PUBSUB SHARDCHANNELS", b"ACL CAT"}
UNORDERED_PAIRS = {b"HGETALL", b"CONFIG GET"}

# ---- draws: kind and count are compared here, membership by the steps of diff_run ----

DRAWS = {b"SRANDMEMBER", b"HRANDFIELD", b"ZRANDMEMBER", b"RANDOMKEY", b"SPOP"}

# ---- figures that depend on the moment: how far they may lie apart ----

SLACK_S = 20
SLACK = {b"TTL": SLACK_S, b"PTTL": SLACK_S * 1000, b"EXPIRETIME": SLACK_S, b"PEXPIRETIME": SLACK_S * 1000}

# ---- never sent but with a wrong number of words: what they do is not a reply ----

UNSENT = {
    b"SHUTDOWN": "ends the server", b"DEBUG": "tests of its own", b"MONITOR": "changes the connection",
    b"SYNC": "changes the connection", b"PSYNC": "changes the connection", b"REPLICAOF": "starts replication",
    b"SLAVEOF": "starts replication", b"FAILOVER": "starts replication", b"REPLCONF": "changes the connection",
    b"SAVE": "files", b"BGSAVE": "files", b"BGREWRITEAOF": "files", b"LASTSAVE": "a time", b"TIME": "a time",
    b"QUIT": "closes the connection", b"HELLO": "id and version of the server", b"INFO": "figures of the server",
    b"LOLWUT": "art", b"ROLE": "offsets", b"WAIT": "may wait for ever", b"MODULE LOAD": "no modules",
    b"SUBSCRIBE": "many replies", b"PSUBSCRIBE": "many replies", b"SSUBSCRIBE": "many replies",
    b"UNSUBSCRIBE": "many replies", b"PUNSUBSCRIBE": "many replies", b"SUNSUBSCRIBE": "many replies",
    b"CLIENT KILL": "closes connections", b"CLIENT PAUSE": "stops the server", b"CLIENT LIST": "addresses",
    b"CLIENT INFO": "addresses", b"CLIENT ID": "the server's own figure", b"CLIENT REPLY": "a step of its own",
    b"CLIENT UNBLOCK": "a step of its own", b"CLIENT TRACKING": "tests of its own",
    b"CLIENT CACHING": "tests of its own", b"CLIENT TRACKINGINFO": "tests of its own",
    b"CONFIG SET": "changes the server", b"CONFIG REWRITE": "files", b"CONFIG RESETSTAT": "nothing to see",
    b"CONFIG GET": "directives differ: docs/directives.md", b"COMMAND COUNT": "we have fewer or more commands",
    b"COMMAND DOCS": "sentences are our own", b"COMMAND INFO": "compared by test_words",
    b"COMMAND LIST": "we have fewer or more commands", b"COMMAND": "all rows: compared by test_words",
    b"MEMORY DOCTOR": "figures of the server", b"MEMORY STATS": "figures of the server",
    b"MEMORY MALLOC-STATS": "figures of the server", b"MEMORY USAGE": "our values are smaller",
    b"MEMORY PURGE": "nothing to see", b"LATENCY DOCTOR": "figures of the server",
    b"LATENCY GRAPH": "figures of the server", b"LATENCY HISTOGRAM": "figures of the server",
    b"LATENCY HISTORY": "figures of the server", b"LATENCY LATEST": "figures of the server",
    b"SLOWLOG GET": "figures of the server", b"SLOWLOG LEN": "figures of the server",
    b"ACL GENPASS": "random", b"ACL LOG": "times and addresses", b"ACL SAVE": "files", b"ACL LOAD": "files",
    b"ACL LIST": "7.2 and we tell rules as they were given, 7.0 as it finds them shortest",
    b"ACL GETUSER": "the same; what rules do is seen by ACL DRYRUN",
    b"ACL CAT": "commands newer than 7.0 are in ours", b"AUTH": "tests of its own",
    b"MIGRATE": "connects elsewhere: e2e tests",
    b"MODULE UNLOAD": "no modules", b"MODULE LOADEX": "no modules",
    b"FLUSHALL": "once a story", b"PFSELFTEST": "slow",
}
# HELP of every container: the lines are our own sentences.

# ---- newer than 7.0: checked against written expectations by the tests of each family ----
# Commands that the reference does not know are left out by themselves, and named at the start of a run.

NEWER_TOKENS = {b"WITHSCORE": "ZRANK of 7.2", b"NOVALUES": "HSCAN of 7.4"}


# ---- known differences ----

def error_of(x):
    return x[1] if x[0] == "-" else b""


def set_in_listpack(words, ours, theirs, sent):
    return ours == ("$", b"listpack") and theirs == ("$", b"hashtable")


def list_in_listpack(words, ours, theirs, sent):
    return ours == ("$", b"listpack") and theirs == ("$", b"quicklist")


def pfmerge_alone(words, ours, theirs, sent):
    return len(words) == 4 + (words[1].upper() == b"DRYRUN") and words[-2].upper() == b"PFMERGE"


def unpacked_by_sort(words, ours, theirs, sent):
    return ours == ("$", b"listpack") and theirs == ("$", b"skiplist") and sent(b"SORT", b"SORT_RO")


def read_behind_the_end(words, ours, theirs, sent):
    return ours[0] == theirs[0] and ours[1] and theirs[1] and theirs[1].startswith(ours[1])


def unshared_by_hll(words, ours, theirs, sent):
    return ours == ("$", b"embstr") and theirs == ("$", b"raw") and sent(b"PFADD", b"PFCOUNT", b"PFMERGE", b"PFDEBUG")


def held_by_queue(words, ours, theirs, sent):
    return ours == (":", b"1") and theirs == (":", b"2") and sent(b"MULTI")


def atoi_numkeys(words, ours, theirs, sent):
    return ours == ("-", b"ERR Invalid arguments specified for command") and any(
        w != w.strip() or w[:1] in b"+0-" or not w.isdigit() for w in words[3:7])


def shared_age(words, ours, theirs, sent):
    return ours[0] == theirs[0] == ":"


def sign_of_zero(words, ours, theirs, sent):
    """Of a sorted set that SORT has unpacked."""
    return ours == theirs.replace("'-0'", "'0'") and sent(b"SORT", b"SORT_RO")


DAMAGE = (b"SETRANGE", b"SETBIT", b"BITFIELD", b"APPEND")


def zero_bytes(words, ours, theirs, sent):
    return ours[0] == theirs[0] == "*" and any(b"\x00" in (v[1] or b"") for v in ours[1]) and sorted(ours[1], key=repr) == sorted(theirs[1], key=repr)


def woken_by_nothing(words, ours, theirs, sent):
    """A history may be empty; what XREAD gives never is, and the next entry may have come to us meanwhile."""
    empty = text(theirs).endswith(("*[]]]", "*[]}")) and sent(b"XADD")
    return empty and (not ours[1] or words[0].upper() == b"XREAD")


def woken_before(words, ours, theirs, sent):
    return ours == (":", b"1") and theirs == (":", b"0") and sent(b"XADD") and sent(b"XREAD", b"XREADGROUP")


def cut_quote(words, ours, theirs, sent):
    return ours[0] == theirs[0] == "-" and len(ours[1]) > 500 and theirs[1].startswith(ours[1][:500])


def set_by_hint(words, ours, theirs, sent):
    return theirs == ("$", b"intset") and ours in (("$", b"listpack"), ("$", b"hashtable")) and sent(b"SADD")


def hash_by_hint(words, ours, theirs, sent):
    return theirs == ("$", b"listpack") and ours == ("$", b"hashtable") and sent(b"HSET", b"HMSET")


def damaged_hll_read(words, ours, theirs, sent):
    return (ours[0] == theirs[0] == "$" and bytes(ours[1] or b"")[:4] == bytes(theirs[1] or b"")[:4] == b"HYLL"
            and sent(*DAMAGE))


def damaged_hll(words, ours, theirs, sent):
    if isinstance(ours, str):
        return ours[:5] == theirs[:5] == "'HYLL" and sent(*DAMAGE)
    return b"INVALIDOBJ" in theirs[1] + ours[1] and sent(*DAMAGE)


def sort_errno(words, ours, theirs, sent):
    return theirs[1] == b"ERR One or more scores can't be converted into double" and ours[0] == "*"


def stale_errno(words, ours, theirs, sent):
    return ours[1].endswith(b"smaller than the target stream top item") and theirs == ("-", b"ERR Elements are too large to be stored")


def far_timeout(words, ours, theirs, sent):
    return ours == ("-", b"ERR timeout is out of range") and theirs == ("-", b"ERR timeout is negative")


def copied_number(words, ours, theirs, sent):
    return ours == (":", b"2147483647") and theirs == (":", b"1")


def help_hint(words, ours, theirs, sent):
    cut = re.compile(rb" Try [A-Z]+ HELP\.?")
    return ours[0] == theirs[0] == "-" and cut.sub(b"", ours[1]) == cut.sub(b"", theirs[1])


# command ("*": any), test of both replies, reason
KNOWN = [
    (b"OBJECT ENCODING", list_in_listpack, "Redis 7.0 keeps small lists in a quicklist, 7.2 and we say listpack"),
    (b"OBJECT ENCODING", unpacked_by_sort, "SORT in Redis turns the sorted set that it reads into a skip list; we leave it as it is"),
    (b"DIGEST-VALUE", damaged_hll, "PFADD to a damaged HyperLogLog: Redis keeps, and does not propagate, what it did before it noticed"),
    (b"PFCOUNT", damaged_hll, "the same"),
    (b"PFADD", damaged_hll, "the same"),
    (b"PFMERGE", damaged_hll, "the same"),
    (b"GET", damaged_hll_read, "the same"),
    (b"GETDEL", damaged_hll_read, "the same"),
    (b"GETEX", damaged_hll_read, "the same"),
    (b"GETSET", damaged_hll_read, "the same"),
    (b"OBJECT REFCOUNT", held_by_queue, "in a transaction Redis' value is also an argument of the queued command that set it"),
    (b"OBJECT IDLETIME", shared_age, "Redis' small integers share their age; the step that checks all keys leaves integers out"),
    (b"DIGEST-VALUE", sign_of_zero, "a listpack knows no -0, and SORT in Redis unpacks"),
    (b"COMMAND GETKEYS", atoi_numkeys, "Redis reads numkeys here by atoi; what is no integer is no number of keys to us"),
    (b"COMMAND GETKEYSANDFLAGS", atoi_numkeys, "the same"),
    (b"OBJECT ENCODING", unshared_by_hll, "Redis copies a short string before it looks whether PFADD changes it; the copy is raw"),
    (b"PFDEBUG", read_behind_the_end, "Redis reads the byte behind a damaged HyperLogLog"),
    (b"SORT", sort_errno, "7.0 takes an old errno for its own: a number out of range in an earlier command"),
    (b"SORT_RO", sort_errno, "the same"),
    (b"XREAD", woken_by_nothing, "7.0 wakes who waits when XADD has trimmed its own entry, and gives no entry; 7.2 and we go on waiting"),
    (b"XREADGROUP", woken_by_nothing, "the same"),
    (b"CLIENT UNBLOCK", woken_before, "so there is nobody to unblock in 7.0"),
    (b"*", cut_quote, "an error that quotes more than we keep of it"),
    (b"OBJECT ENCODING", set_by_hint, "7.2 and we choose a new set's form by the number of arguments, members told twice included"),
    (b"OBJECT ENCODING", hash_by_hint, "7.2 and we choose a hash's form by the number of arguments, fields told twice included"),
    (b"XADD", stale_errno, "7.0 words its error by an old errno when <ms>-* finds no free number"),
    (b"COMMAND GETKEYS", pfmerge_alone, "Redis finds no key in PFMERGE without sources, and so does not ask its rights: we do"),
    (b"COMMAND GETKEYSANDFLAGS", pfmerge_alone, "the same"),
    (b"ACL DRYRUN", pfmerge_alone, "the same"),
    (b"SORT", zero_bytes, "ALPHA without STORE: Redis compares by strcoll, to which a zero byte is an end"),
    (b"SORT_RO", zero_bytes, "the same"),
    (b"*", far_timeout, "Redis 7.0 wraps a timeout above 2^63 ms and calls it negative; 7.2 and we call it out of range"),
    (b"OBJECT REFCOUNT", copied_number, "COPY of a small integer is not shared in Redis; we count none"),
    (b"OBJECT ENCODING", set_in_listpack, "Redis 7.0 keeps small sets in a hash table, 7.2 and we in a listpack"),
]


def known(command, words, ours, theirs, sent):
    for name, test, _ in KNOWN:
        if name in (b"*", command) and test(words, ours, theirs, sent):
            return True
    return False


def failed_field(words):
    """Redis 7.0 tells, and propagates, nothing when BITFIELD made a string longer and OVERFLOW FAIL stopped the
    rest; a replica then has another value. 7.2 and we tell it."""
    return words[0].upper() == b"BITFIELD" and b"FAIL" in [w.upper() for w in words]


def waiting_group_reader(words):
    """7.0 makes the consumer when it wakes who waits, with nothing to give (see woken_by_nothing)."""
    return words[0].upper() == b"XREADGROUP" and b"BLOCK" in [w.upper() for w in words]


# Keyspace events that are left out of the comparison in a story with such a command.
EVENTS = [(b"setbit", failed_field), (b"xgroup-createconsumer", waiting_group_reader)]


# ---- the comparison ----

IDLE = {b"idle", b"inactive", b"seen-time", b"active-time"}


def command_of(words, containers):
    """"CONFIG GET", or "GET"."""
    name = words[0].upper() if words else b""
    return name + b" " + words[1].upper() if name in containers and len(words) > 1 else name


def without_order(x):
    if x[0] in "*~" and x[1] is not None:
        return (x[0], sorted(x[1], key=repr))
    if x[0] == "%":
        return (x[0], sorted(x[1], key=repr))
    return x


def pairs_without_order(x):
    if x[0] == "*" and x[1] is not None:
        return ("*", sorted(zip(x[1][::2], x[1][1::2]), key=repr))
    return without_order(x)


def drawn(x):
    if x[0] == "$" and x[1] is not None:
        return "one"
    return (x[0], len(x[1])) if x[0] in "*~" and x[1] is not None else x


def near(ours, theirs, slack):
    if ours[0] != ":" or theirs[0] != ":":
        return False
    a, b = int(ours[1]), int(theirs[1])
    return a == b or (a > 0 and b > 0 and abs(a - b) <= slack) or (0 <= a <= slack and 0 <= b <= slack)


def scan_page(x):
    """Of SCAN and its like, what one page must have: a cursor and items; walks are compared by steps."""
    if x[0] != "*" or not x[1] or len(x[1]) != 2:
        return x
    return ("page", x[1][0][0], x[1][1][0])


SORTED_SETS_PAGES = {b"SCAN", b"SSCAN", b"HSCAN", b"ZSCAN"}


def timeless(x):
    """XINFO and XPENDING: idle times out, radix tree figures out."""
    kind, value = x
    if kind == "%":
        return (kind, [(k, "time" if k[1] in IDLE else "tree" if k[1].startswith(b"radix-tree") else timeless(v))
                       for k, v in value if k[1] not in (b"inactive", b"active-time")])
    if kind in "*~" and value is not None:
        out, skip = [], False
        for i, item in enumerate(value):
            before = value[i - 1] if i else None
            if skip:
                skip = False
                continue
            if item[0] == "$" and item[1] in (b"inactive", b"active-time"):
                skip = True
                continue
            if before and before[0] == "$" and before[1] is not None and item[0] == ":":
                if before[1] in IDLE or before[1].startswith(b"radix-tree"):
                    out.append("time")
                    continue
            out.append(timeless(item))
        return (kind, out)
    return x


def pending_times(x):
    """XPENDING's long form: [id, consumer, idle, deliveries]."""
    if x[0] != "*" or not x[1]:
        return x
    return ("*", [("*", [e[1][0], e[1][1], "time", e[1][3]]) if e[0] == "*" and e[1] and len(e[1]) == 4 else e
                  for e in x[1]])


def pel_times(x):
    """XINFO STREAM FULL: the pending entries have delivery times."""
    kind, value = x
    if kind == "*" and value and len(value) in (3, 4) and value[0][0] == "$" and value[0][1] and b"-" in value[0][1]:
        if len(value) == 4 and value[2][0] == ":":
            return (kind, [value[0], value[1], "time", value[3]])
        if len(value) == 3 and value[1][0] == ":":
            return (kind, [value[0], "time", value[2]])
    if kind in "*~" and value is not None:
        return (kind, [pel_times(v) if isinstance(v, tuple) else v for v in value])
    if kind == "%":
        return (kind, [(k, pel_times(v) if isinstance(v, tuple) else v) for k, v in value])
    return x


def stream_times(x):
    return pel_times(timeless(x))


def exists(x):
    return "payload" if x[0] == "$" and x[1] else x


NORMAL = {b"XPENDING": pending_times, b"XINFO STREAM": stream_times, b"XINFO CONSUMERS": timeless,
          b"XINFO GROUPS": timeless, b"DUMP": exists}
NORMAL.update({c: without_order for c in UNORDERED})
NORMAL.update({c: pairs_without_order for c in UNORDERED_PAIRS})
NORMAL.update({c: drawn for c in DRAWS})
NORMAL.update({c: scan_page for c in SORTED_SETS_PAGES})


def unsorted(words):
    """SORT by weights that may be equal, or by none over a set: the order of Redis' hash table shows."""
    upper = [w.upper() for w in words]
    at = upper.index(b"BY") + 1 if b"BY" in upper[:-1] else 0
    return at and (b"ALPHA" in upper or b"*" not in words[at])


def ties_cut(words, x):
    """GEO searches with COUNT: which of several at one distance are left is up to Redis' partial sort. The
    number and the distances must be the same."""
    upper = [w.upper() for w in words]
    if x[0] != "*" or x[1] is None or b"COUNT" not in upper:
        return x
    at = 1 if b"WITHDIST" in upper else None
    return [len(x[1])] + [e[1][at] for e in x[1] if at and e[0] == "*" and e[1]]


GEO = {b"GEORADIUS", b"GEORADIUS_RO", b"GEORADIUSBYMEMBER", b"GEORADIUSBYMEMBER_RO", b"GEOSEARCH"}


def same(command, words, ours, theirs, sent):
    """The verdict for one command: True when there is nothing to report."""
    if ours == theirs:
        return True
    if command in SLACK and near(ours, theirs, SLACK[command]):
        return True
    normal = NORMAL.get(command)
    if normal is None and command in (b"SORT", b"SORT_RO") and unsorted(words):
        normal = drawn if b"LIMIT" in [w.upper() for w in words] else without_order
    if command in GEO and ties_cut(words, ours) == ties_cut(words, theirs):
        return True
    if normal and normal(ours) == normal(theirs):
        return True
    return help_hint(words, ours, theirs, sent) or known(command, words, ours, theirs, sent)
