"""What the generated commands are made of: keys, members, numbers, ids, by the name that an argument has in its
row's syntax. Each pool is a list (chosen evenly) or a function of (random, context)."""

FAMILIES = {"string": b"s", "bitmap": b"b", "hash": b"h", "list": b"l", "set": b"e", "sorted-set": b"z", "stream": b"x",
            "hyperloglog": b"p", "geo": b"g"}
PER_FAMILY = 4
ODD_KEYS = [b"", b"\x00odd\xff\r\n", b"nokey", b"k" * 80]


def keys_of(group):
    return [FAMILIES[group] + b"%d" % i for i in range(1, PER_FAMILY + 1)]


KEYS = {group: keys_of(group) for group in FAMILIES}
ANY_KEY = [k for keys in KEYS.values() for k in keys] + ODD_KEYS
# Commands whose keys are often of another type than their own group's.
ALSO = {"sorted-set": ["set"], "bitmap": ["string"], "hyperloglog": ["string"], "geo": ["sorted-set"],
        "string": ["bitmap", "hyperloglog"]}

NUMBERS = [b"%d" % i for i in range(-4, 26)]
EDGES = [b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808", b"-9223372036854775809", b"-1", b"0",
         b"abc", b"", b"1.5", b" 1", b"1 ", b"+1", b"01", b"-0", b"2147483648", b"-2147483649", b"4294967296",
         b"18446744073709551616", b"0x10", b"1e3", b"nan", b"inf", b"99999999999999999999999", b"\x00", b"(1", b"1\x00"]
JUNK = EDGES + [b"*", b"$", b"+", b"-", b"nosuchoption", b"LIMIT", b"COUNT", b"GET", b"\xff\xfe", b"x" * 300]

MEMBERS = ([b"m%d" % i for i in range(12)] + [b"%d" % i for i in range(-3, 18)]
           + [b"a", b"b", b"", b"\xfe\x00\r\n", b"x" * 63, b"y" * 64, b"z" * 65, b"w" * 210, b"01", b"1.0", b"-0", b" 1",
              b"3.14", b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808", b"127", b"128", b"-129",
              b"4095", b"4096", b"32767", b"-32769", b"8388608", b"2147483648", b"\xc3\xa9", b"user:{1}:x", b"1e5"])
VALUES = MEMBERS + [b"10.5", b"-7.25", b"3.0e3", b"1e308", b"-1e-320", b"inf", b"nan", b"0.1", b"0" * 45, b"q" * 44,
                    b"foobar", b"foObar\x00", b"\x00\x00\x00", b"\xff\xf0\x00", b"ohmytext", b"mynewtext", b"9" * 17,
                    b"92233720368547758070", b"17976931348623157e292"]
# No whole score above 2^53: a listpack prints it in another way than a skip list, and SORT in Redis unpacks.
SCORES = ([b"%d" % i for i in range(-3, 12)] + [b"0.1", b"0.2", b"1.5", b"-2.75", b"1e10", b"1e21", b"1e-7", b"3.0000000000000004",
          b"inf", b"-inf", b"+inf", b"Infinity", b"1e308", b"-1e308", b"9007199254740993", b"0x1p3",
          b"100000000000000000000", b".5", b"1."])
BAD_SCORES = [b"nan", b"abc", b"", b" 1", b"1 ", b"1,5", b"--1", b"infinit", b"\x00"]
LIMITS = ([b"-inf", b"+inf", b"inf", b"(1", b"(5", b"(-inf", b"(0.1", b"2", b"5", b"-1", b"0", b"3", b"1e10", b"(m"]
          + [b"abc", b"nan", b"(", b"", b"((1", b"[1"])
LEX = [b"-", b"+", b"[a", b"(a", b"[m1", b"(m1", b"[m5", b"(m9", b"[", b"(", b"[1", b"(3", b"[zz", b"abc", b"", b"--", b"+1"]
LEX_KEYS = [b"y1", b"y2", b"y3", b"ystring"]  # sorted sets of one score; no other command touches them
LEX_COMMANDS = {b"ZRANGEBYLEX": 1, b"ZREVRANGEBYLEX": 1, b"ZLEXCOUNT": 1, b"ZREMRANGEBYLEX": 1, b"ZRANGE": 1, b"ZRANGESTORE": 2}
PATTERNS = [b"*", b"m*", b"?", b"[0-9]", b"[^m]*", b"*1", b"m[1-3]", b"nothing", b"\\*", b"", b"[", b"h?", b"s*", b"**", b"\xff*"]
SORT_PATTERNS = [b"nosort", b"#", b"s*", b"h*->m1", b"h*->", b"*", b"w_*", b"z*", b"*->", b"nokey_*", b"x"]

FAR_MS = 4102444800000  # 2100: no deadline comes while the test runs
STEP_S = 20             # deadlines that differ at all differ by more than the servers may lie apart


def far_relative(unit):
    return lambda r, c: b"%d" % ((1000 + r.randrange(50000) * STEP_S) * unit)


def far_absolute(unit):
    return lambda r, c: b"%d" % ((FAR_MS // 1000 + r.randrange(50000) * STEP_S) * unit)


BAD_TIMES = [b"0", b"-1", b"-100000", b"abc", b"", b"1.5", b"9223372036854775807", b"-9223372036854775808",
             b"9223372036854775808", b"9223372036854775"]


def often(good, bad, share=0.9):
    def pick(r, c):
        pool = good if r.random() < share else bad
        return pool(r, c) if callable(pool) else pool[int(r.random() * len(pool))]
    return pick


INTEGER = often(NUMBERS, EDGES)
COUNT = often([b"%d" % i for i in range(0, 9)] + [b"1", b"2", b"100"], EDGES)
INDEX = often([b"%d" % i for i in range(-6, 12)] + [b"0", b"-1", b"100"], EDGES)
DOUBLE = often(SCORES, BAD_SCORES)
BIT_OFFSET = often([b"%d" % i for i in range(0, 140)] + [b"2000"], [b"-1", b"4294967296", b"abc", b"", b"9223372036854775807"])
FIELD_OFFSET = often([b"%d" % i for i in range(0, 100)] + [b"#%d" % i for i in range(10)],
                     [b"-1", b"#", b"#-1", b"abc", b"4294967296", b"#9223372036854775807", b"9223372036854775807"])
ENCODINGS = often([b"u1", b"i1", b"u8", b"i8", b"i16", b"u63", b"i64", b"u5", b"i33", b"u2"],
                  [b"u64", b"i65", b"u0", b"i0", b"x8", b"", b"u", b"8", b"U8", b"i-1", b"i8x"])
IDS = ([b"%d-%d" % (i, j) for i in range(1, 10) for j in (0, 1, 3)] + [b"%d" % i for i in range(0, 12)])
BAD_IDS = [b"abc", b"", b"-", b"+", b"$", b">", b"*", b"1-", b"-1", b"1-1-1", b"18446744073709551615", b"0-0",
           b"18446744073709551615-18446744073709551615", b"18446744073709551616", b"1-*", b"(1-1", b"1-x", b"9-18446744073709551615"]
RANGE_IDS = IDS + [b"-", b"+"] * 8 + [b"(%d-1" % i for i in range(1, 6)] + [b"(3"]
GEO_LON = often([b"2.%d" % i for i in range(25, 45)] + [b"13.361389", b"15.087269", b"-122.4", b"179.999", b"-179.999", b"0"],
                [b"180", b"-180", b"180.1", b"-181", b"nan", b"inf", b"abc", b""])
GEO_LAT = often([b"48.%d" % i for i in range(75, 95)] + [b"38.115556", b"37.502669", b"85.05", b"-85.05", b"0"],
                [b"85.05112878", b"-85.05112878", b"85.06", b"90", b"-91", b"nan", b"abc", b""])
RADIUS = often([b"0", b"1", b"10", b"500", b"2000", b"30000", b"0.5", b"100000", b"3000000", b"20000000", b"1e9"],
               [b"-1", b"nan", b"abc", b"", b"inf", b"-inf", b"1e308"])

CHANNELS = [b"ch1", b"ch2", b"news.a", b""]
USERS = often([b"u1", b"u2", b"u3"], [b"nobody", b"", b"u 1"])
RULES = often([b"on", b"off", b"nopass", b"resetpass", b">pw", b"<pw", b"+get", b"-get", b"+@all", b"-@all", b"+@read", b"-@write",
               b"allkeys", b"~s*", b"%R~h*", b"%W~x", b"%RW~y", b"resetkeys", b"allchannels", b"&ch*", b"resetchannels", b"reset",
               b"+config|get", b"-config|set", b"(+get ~k)", b"clearselectors", b"+client|id", b"-@dangerous", b"sanitize-payload",
               b"skip-sanitize-payload", b"+set", b"allcommands", b"nocommands", b"+@string", b"-hset"],
              [b"", b"foo", b"+nocommand", b"+@nocategory", b"%X~a", b"#abc", b"+get|x|y", b"(+get", b"~a b", b"+config|nosub", b"<no"])


def serialized(r, c):
    return r.choice(c.payloads) if c.payloads else b"x"


# (command, argument) or argument -> pool
BY_NAME = {
    "member": MEMBERS, "member1": MEMBERS, "member2": MEMBERS, "element": MEMBERS, "field": MEMBERS, "pivot": MEMBERS,
    "value": VALUES, "message": VALUES, "count": COUNT, "limit": COUNT, "index": INDEX, "start": INDEX, "stop": INDEX,
    "end": INDEX, "offset": BIT_OFFSET, "score": DOUBLE, "seconds": often(far_relative(1), BAD_TIMES),
    "milliseconds": often(far_relative(1000), BAD_TIMES), "unix-time-seconds": often(far_absolute(1), BAD_TIMES + [b"1"]),
    "unix-time-milliseconds": often(far_absolute(1000), BAD_TIMES + [b"1"]), "timeout": often([b"0.001"], [b"-1", b"abc", b"", b"1e400"], 0.85),
    "pattern": PATTERNS, "group": [b"g1", b"g1", b"g2", b"nogroup"], "groupname": [b"g1", b"g1", b"g2", b"nogroup"],
    "consumer": [b"c1", b"c2", b"c3", b""], "consumername": [b"c1", b"c2", b"c3", b""], "id": often(IDS, BAD_IDS, 0.93),
    "longitude": GEO_LON, "latitude": GEO_LAT, "radius": RADIUS, "width": RADIUS, "height": RADIUS, "encoding": ENCODINGS,
    "db": often([b"0", b"1", b"2"], [b"-1", b"16", b"99", b"abc", b""]), "cursor": often([b"0"], [b"abc", b"-1", b"", b"0x1", b"1.5"], 0.8),
    "channel": CHANNELS, "shardchannel": CHANNELS, "username": USERS, "rule": RULES, "rank": often(NUMBERS, EDGES),
    "num-matches": COUNT, "len": COUNT, "weight": often(SCORES, BAD_SCORES, 0.95), "serialized-value": serialized,
    "connection-name": [b"joe", b"a b", b"", b"n\n"], "type": [b"string", b"hash", b"list", b"set", b"zset", b"stream", b"foo"],
    "frequency": COUNT, "index1": often([b"0", b"1", b"2"], EDGES), "index2": often([b"0", b"1", b"2"], EDGES),
    "destination-db": often([b"0", b"1", b"2"], [b"-1", b"16", b"abc"]), "min-idle-time": often([b"0"], [b"-1", b"abc", b"99999999", b""]),
    "ms": often([b"0"], [b"-1", b"abc", b"1000000"]), "entries_read": COUNT, "entries_added": often([b"%d" % i for i in range(0, 300, 7)], EDGES),
    "threshold": often([b"%d" % i for i in range(0, 30)], EDGES + IDS), "event": [b"command", b"", b"x"], "password": [b"x", b""],
    "categoryname": [b"read", b"nosuch"],
}
ABSOLUTE = {b"EXPIREAT": "unix-time-seconds", b"PEXPIREAT": "unix-time-milliseconds"}
BY_COMMAND = {
    ("SETRANGE", "offset"): often([b"%d" % i for i in range(0, 90)], [b"-1", b"536870912", b"abc", b"", b"9223372036854775807"]),
    ("GETRANGE", "start"): INDEX, ("BITFIELD", "offset"): FIELD_OFFSET, ("BITFIELD_RO", "offset"): FIELD_OFFSET,
    ("BITFIELD", "value"): INTEGER, ("SETBIT", "value"): often([b"0", b"1"], [b"2", b"-1", b"abc", b""]),
    ("BITPOS", "bit"): often([b"0", b"1"], [b"2", b"-1", b"abc", b""]), ("BITOP", "operation"): [b"AND", b"OR", b"XOR", b"NOT", b"and", b"NOP"],
    ("HINCRBYFLOAT", "increment"): DOUBLE, ("INCRBYFLOAT", "increment"): DOUBLE, ("ZINCRBY", "increment"): DOUBLE,
    ("ZCOUNT", "min"): LIMITS, ("ZCOUNT", "max"): LIMITS, ("ZRANGEBYSCORE", "min"): LIMITS, ("ZRANGEBYSCORE", "max"): LIMITS,
    ("ZREVRANGEBYSCORE", "min"): LIMITS, ("ZREVRANGEBYSCORE", "max"): LIMITS, ("ZREMRANGEBYSCORE", "min"): LIMITS,
    ("ZREMRANGEBYSCORE", "max"): LIMITS, ("ZLEXCOUNT", "min"): LEX, ("ZLEXCOUNT", "max"): LEX, ("ZRANGEBYLEX", "min"): LEX,
    ("ZRANGEBYLEX", "max"): LEX, ("ZREVRANGEBYLEX", "min"): LEX, ("ZREVRANGEBYLEX", "max"): LEX, ("ZREMRANGEBYLEX", "min"): LEX,
    ("ZREMRANGEBYLEX", "max"): LEX, ("ZRANGESTORE", "min"): INDEX, ("ZRANGESTORE", "max"): INDEX,
    ("SORT", "pattern"): SORT_PATTERNS, ("SORT_RO", "pattern"): SORT_PATTERNS, ("SORT", "offset"): INDEX, ("SORT_RO", "offset"): INDEX,
    ("ZRANGE", "offset"): INDEX, ("ZRANGESTORE", "offset"): INDEX, ("ZRANGEBYLEX", "offset"): INDEX, ("ZREVRANGEBYLEX", "offset"): INDEX,
    ("ZRANGEBYSCORE", "offset"): INDEX, ("ZREVRANGEBYSCORE", "offset"): INDEX,
    ("XRANGE", "start"): RANGE_IDS, ("XRANGE", "end"): RANGE_IDS, ("XREVRANGE", "start"): RANGE_IDS, ("XREVRANGE", "end"): RANGE_IDS,
    ("XPENDING", "start"): RANGE_IDS, ("XPENDING", "end"): RANGE_IDS, ("XAUTOCLAIM", "start"): RANGE_IDS, ("XSETID", "last-id"): often(IDS, BAD_IDS),
    ("XSETID", "max_deleted_entry_id"): often(IDS, BAD_IDS), ("XPENDING", "min-idle-time"): often([b"0"], [b"-1", b"abc", b"99999999"]),
    ("XREAD", "milliseconds"): often([b"1"], [b"-1", b"abc", b"1.5"]), ("XREADGROUP", "milliseconds"): often([b"1"], [b"-1", b"abc", b"1.5"]),
    ("XCLAIM", "count"): COUNT, ("RESTORE", "ttl"): often([b"0"], BAD_TIMES), ("RESTORE", "seconds"): COUNT,
    ("RESTORE-ASKING", "ttl"): often([b"0"], BAD_TIMES), ("PFDEBUG", "subcommand"): [b"GETREG", b"DECODE", b"ENCODING", b"TODENSE", b"foo"],
    ("CLIENT UNBLOCK", "client-id"): EDGES,
}
BY_TYPE = {"integer": INTEGER, "double": DOUBLE, "string": VALUES, "pattern": PATTERNS,
           "unix-time": often(far_absolute(1000), BAD_TIMES)}
TIMES_ARE_SECONDS = {"EXPIREAT"}
