"""Commands from the syntax of their rows: COMMAND DOCS of our server gives each row's tree of arguments, COMMAND
INFO its arity. A tree is compiled into functions that append words; what they append comes from diff_values.

Most commands are valid; some get edge values, and some are spoilt afterwards: a word dropped, doubled, swapped,
replaced, added, its case changed. tame() then takes out what would block for long or expire while the test runs."""
import diff_known as known
import diff_values as values

OPTIONAL, MUTATED, OTHER_FAMILY, OTHER_KEY = 0.3, 0.07, 0.03, 0.05
BLOCKING = {b"BLPOP": -1, b"BRPOP": -1, b"BZPOPMIN": -1, b"BZPOPMAX": -1, b"BRPOPLPUSH": -1, b"BLMOVE": -1, b"BLMPOP": 1, b"BZMPOP": 1}
RELATIVE = {b"EXPIRE": (2, 1), b"PEXPIRE": (2, 1000), b"SETEX": (2, 1), b"PSETEX": (2, 1000), b"RESTORE": (2, 1000),
            b"EXPIREAT": (2, 1), b"PEXPIREAT": (2, 1000), b"RESTORE-ASKING": (2, 1000)}
DEADLINE_WORDS = {b"EX": 1, b"PX": 1000, b"EXAT": 1, b"PXAT": 1000}
BIG_OFFSET = {b"SETRANGE", b"SETBIT", b"BITFIELD"}
DAMAGING = {b"SETRANGE", b"SETBIT", b"BITFIELD", b"APPEND"}  # to a HyperLogLog
NEAR_S = 500


class Context:
    def __init__(self, random):
        self.r = random
        self.payloads = []
        self.group = "string"
        self.n = self.at = 0
        self.stamp = 0


def repeats(r):
    x = r.random()
    if x < 0.5:
        return 1
    if x < 0.75:
        return 2
    if x < 0.97:
        return r.randrange(3, 8)
    return r.randrange(8, 60) if x < 0.998 else r.randrange(100, 300)


class Row:
    """A command that can be generated: its words, family, arity and tree."""

    def __init__(self, name, group, arity, arguments):
        self.name, self.group, self.arity = name, group, arity
        self.words = [w.encode() for w in name.split(" ")]
        self.parts = [Compiler(name, group).part(a) for a in arguments]

    def make(self, c):
        c.group, c.n, c.at = self.group, 1, 0
        out = list(self.words)
        for part in self.parts:
            part(c, out)
        return out


class Compiler:
    def __init__(self, command, group):
        self.command, self.group = command, group

    def part(self, a):
        one = self.token(a, self.kind(a))
        flags = a.get("flags", [])
        if "multiple" in flags:
            one = self.multiple(a, one, "multiple_token" in flags)
        elif a.get("token") and a["type"] != "pure-token":
            one = self.before(a["token"].encode(), one)
        if "optional" in flags:
            return lambda c, out: one(c, out) if c.r.random() < OPTIONAL else None
        return one

    def token(self, a, one):
        return one

    @staticmethod
    def before(word, one):
        def tokened(c, out):
            out.append(word)
            one(c, out)
        return tokened

    def multiple(self, a, one, token_each):
        word = a["token"].encode() if a.get("token") else None
        is_key, like_keys = a["type"] == "key", a["name"] in ("weight",) or (a["name"] == "id" and self.command in ("XREAD", "XREADGROUP"))

        def several(c, out):
            n = repeats(c.r)
            if like_keys and c.r.random() < 0.94:
                n = c.n
            elif is_key:
                n = min(n, 4)
                c.n = n
                if c.at and c.r.random() < 0.96:
                    out[c.at] = b"%d" % n
            for i in range(n):
                if word and (token_each or i == 0):
                    out.append(word)
                one(c, out)
        return several

    def kind(self, a):
        kind, name = a["type"], a["name"]
        if kind == "pure-token":
            word = a["token"].encode()
            return lambda c, out: out.append(word)
        if kind == "oneof":
            # XADD's ids are made by stamp(): "*" depends on the clock.
            parts = [self.part(x) for x in a["arguments"] if x.get("token") not in ("*",)]
            return lambda c, out: parts[int(c.r.random() * len(parts))](c, out)
        if kind == "block":
            parts = [self.part(x) for x in a["arguments"]]
            return lambda c, out: [p(c, out) for p in parts]
        if kind == "key":
            return self.key(name)
        if name == "numkeys":
            return self.numkeys
        if self.command == "XADD" and name == "id":
            return self.stamp
        return self.value(name, kind)

    def key(self, name):
        groups = [self.group] * 6 + values.ALSO.get(self.group, [])

        def key(c, out):
            r = c.r
            x = r.random()
            if x < OTHER_KEY:
                out.append(r.choice(values.ANY_KEY))
            else:
                group = c.key_group or (groups[int(r.random() * len(groups))] if self.group in values.FAMILIES else r.choice(c.families))
                if self.group not in values.FAMILIES and r.random() < 0.8:
                    c.key_group = group
                keys = values.KEYS[group]
                out.append(keys[int(r.random() * len(keys))])
        return key

    @staticmethod
    def numkeys(c, out):
        c.at = len(out)
        out.append(values.COUNT(c.r, c))

    @staticmethod
    def stamp(c, out):
        x = c.r.random()
        if x < 0.75:
            c.stamp += 1
            out.append(b"%d-%d" % (1 + c.stamp // 20, c.stamp % 20))
        elif x < 0.83:
            out.append(b"%d-*" % (1 + c.stamp // 20))
        elif x < 0.88:
            out.append(b"%d" % (1 + c.stamp // 20))
        else:
            pool = values.IDS if x < 0.96 else values.BAD_IDS
            word = c.r.choice(pool)
            out.append(b"1-1" if word == b"*" else word)

    def value(self, name, kind):
        pool = values.BY_COMMAND.get((self.command, name)) or values.BY_NAME.get(name) or values.BY_TYPE[kind]
        if callable(pool):
            return lambda c, out: out.append(pool(c.r, c))
        n = len(pool)
        return lambda c, out: out.append(pool[int(c.r.random() * n)])


# ---- spoiling ----

def drop(r, w, at):
    del w[at]


def cut(r, w, at):
    w.pop()


def add(r, w, at):
    w.append(r.choice(values.JUNK))


def put_in(r, w, at):
    w.insert(at, r.choice(values.JUNK))


def double(r, w, at):
    w.insert(at, w[at])


def swap(r, w, at):
    other = r.randrange(len(w) - 1) + 1
    w[at], w[other] = w[other], w[at]


def junk(r, w, at):
    w[at] = r.choice(values.JUNK)


def again(r, w, at):
    w.extend(w[at:])


def lower(r, w, at):
    w[at] = w[at].lower()


def mixed(r, w, at):
    w[0] = w[0].lower().title()


SPOILS = [drop, cut, add, put_in, double, swap, junk, junk, again, lower, lower, mixed]


def number(word):
    try:
        return float(word)
    except ValueError:
        return None


def tame(words):
    """No wait of more than a moment, no deadline that comes while the test runs, no giant string."""
    name = words[0].upper()
    if name in BLOCKING and len(words) > 2:
        at = BLOCKING[name]
        n = number(words[at])
        if n is not None and 0 <= n <= 9e18 or words[at].startswith(b"0x"):
            words[at] = b"0.001"
    if name in (b"XREAD", b"XREADGROUP"):
        for i, w in enumerate(words[:-1]):
            if w.upper() == b"BLOCK" and (number(words[i + 1]) or 0) >= 0:
                words[i + 1] = b"1"
    if name in RELATIVE and len(words) > RELATIVE[name][0]:
        at, unit = RELATIVE[name]
        tame_deadline(words, at, unit)
    if name in (b"SET", b"GETEX"):
        for i, w in enumerate(words[:-1]):
            if w.upper() in DEADLINE_WORDS:
                tame_deadline(words, i + 1, DEADLINE_WORDS[w.upper()])
                n = number(words[i + 1])
                if name == b"SET" and w.upper() in (b"EXAT", b"PXAT") and n and 0 < n < values.FAR_MS / 1000:
                    words[i + 1] = b"%d" % values.FAR_MS  # the past is allowed here: when the key goes is anybody's guess
    if name in (b"ZRANK", b"ZREVRANK") and len(words) > 3:
        del words[3:]  # WITHSCORE of 7.2: refused there, and with it a whole transaction
    if name == b"XADD":
        words[2:] = [b"5-5" if w == b"*" else w for w in words[2:]]  # an id by the clock
    if name in (b"LREM", b"LPOS"):  # 7.2 and we refuse it, 7.0 takes it and overflows
        words[2:] = [b"-7" if w == b"-9223372036854775808" else w for w in words[2:]]
    at = values.LEX_COMMANDS.get(name)
    if at and len(words) > at and (name not in (b"ZRANGE", b"ZRANGESTORE") or b"BYLEX" in [w.upper() for w in words]):
        words[at] = values.LEX_KEYS[len(words[-1]) % len(values.LEX_KEYS)]
    if name in (b"GEORADIUS", b"GEORADIUSBYMEMBER", b"GEOSEARCHSTORE"):
        tame_geo(name, words)
    if name == b"SORT":
        tame_sort(words)
    if name == b"BITFIELD":  # there a saturated SET of less than -2^63 + 2^bits gives the greatest value
        words[2:] = [b"-9223372036854775" if w == b"-9223372036854775808" else w for w in words[2:]]
    if name in DAMAGING and len(words) > 1 and words[1][:1] == b"p":
        words[1] = b"s1"
    if name in (b"PFADD", b"PFMERGE") and len(words) > 1 and words[1][:1] in b"sb":  # the same the other way round
        words[1] = b"p1"
    if name in BIG_OFFSET:
        for i, w in enumerate(words):
            n = number(w.lstrip(b"#"))
            is_offset = i == 2 or (name == b"BITFIELD" and words[i - 1][:1] in b"ui" and words[i - 1][1:].isdigit())
            if n is not None and (4000 < n < 2 ** 32 and is_offset or w[:1] == b"#" and 500 < n < 2 ** 40):
                words[i] = b"77"
    if name in (b"SRANDMEMBER", b"HRANDFIELD", b"ZRANDMEMBER") and len(words) > 2 and -2 ** 40 < (number(words[2]) or 0) < -1000:
        words[2] = b"-9"
    return words


def tame_sort(words):
    """Members with equal weights of an ALPHA sort come in the order of Redis' hash table: nothing is made of it."""
    upper = [w.upper() for w in words]
    if b"ALPHA" in upper and b"BY" in upper and b"STORE" in upper:
        del words[upper.index(b"STORE"):]


def tame_geo(name, words):
    """Nothing is stored of what COUNT left: which of several at one distance that is, is not defined."""
    upper = [w.upper() for w in words]
    if b"COUNT" in upper and (name == b"GEOSEARCHSTORE" or b"STORE" in upper or b"STOREDIST" in upper):
        at = upper.index(b"COUNT")
        del words[at:at + 2]


def tame_deadline(words, at, unit):
    n = number(words[at])
    if n and n > 9e15 and words[0].upper().startswith(b"RESTORE"):
        words[at] = b"0"  # there it wraps
    now_s = 1.79e9
    if n is not None and (0 < n <= NEAR_S * unit or abs(n / unit - now_s) < 1e8):
        words[at] = b"%d" % (1000 * unit)


# ---- the grammar ----

# How often a row is drawn, where it is not once.
WEIGHT = {"SWAPDB": 0.1, "SELECT": 0.15, "FLUSHDB": 0.04, "KEYS": 0.3, "MOVE": 0.3, "RESET": 0.05, "UNLINK": 0.3, "DEL": 1.5,
          "PFDEBUG": 0.3, "BLPOP": 0.15, "BRPOP": 0.15, "BLMOVE": 0.15, "BRPOPLPUSH": 0.15, "BLMPOP": 0.15, "BZPOPMIN": 0.15,
          "BZPOPMAX": 0.15, "BZMPOP": 0.15, "RESTORE-ASKING": 0.2, "RESTORE": 0.5, "SPOP": 0, "MULTI": 0, "EXEC": 0, "DISCARD": 0,
          "WATCH": 0, "UNWATCH": 0, "XADD": 6, "GEOADD": 3, "ZADD": 4, "HSET": 4, "SADD": 4, "RPUSH": 4, "LPUSH": 3, "SET": 3,
          "PFADD": 3, "XGROUP CREATE": 3, "XREADGROUP": 4, "HMSET": 2, "SETBIT": 3, "BITFIELD": 4, "XGROUP DESTROY": 0.3,
          "XTRIM": 0.5, "XREAD": 0.7, "ACL SETUSER": 3}
GENERIC_SHARE = 0.12
FAMILY_OF = {"generic": "generic", "connection": "connection", "server": "server", "transactions": "transactions", "pubsub": "connection"}


class Grammar:
    """All rows that our server knows, by family, and the commands drawn from them."""

    def __init__(self, wire, reference):
        """Both are connections in RESP3: rows that the reference does not know are left out."""
        self.containers, self.rows, self.short, self.left_out = set(), {}, [], []
        self.there = {}
        for row in reference.value("COMMAND"):
            self.note_arity(row, self.there)
        docs = decoded(wire.value("COMMAND", "DOCS"))
        arity = {}
        for row in wire.value("COMMAND"):
            self.note_arity(row, arity)
        for name, doc in docs.items():
            self.add(name, doc, arity)
            for sub, subdoc in (doc.get("subcommands") or {}).items():
                self.containers.add(name.upper().encode())
                self.add(sub, subdoc, arity)
        self.families = sorted(self.rows)

    def note_arity(self, row, arity):
        arity[row[0].decode()] = row[1]
        for sub in row[9] if len(row) > 9 else []:
            self.note_arity(sub, arity)

    def add(self, name, doc, arity):
        full = name.upper().replace("|", " ")
        key = full.encode()
        if name not in self.there:
            self.left_out.append(full)
            return
        self.short.append((key.split(b" "), arity.get(name, -1)))
        if key in known.UNSENT or key.endswith(b" HELP") or doc.get("subcommands"):
            return
        row = Row(full, doc["group"], arity.get(name, -1), without_newer(doc.get("arguments", [])))
        group = FAMILY_OF.get(doc["group"], doc["group"])
        weight = WEIGHT.get(full, 1)
        if weight:
            self.rows.setdefault(group, []).append((row, weight))

    def mix(self, families):
        """A drawing box of the rows of some families, with the generic ones among them."""
        box, weights = [], []
        for family in families:
            rows = self.rows.get(family, [])
            total = sum(w for _, w in rows) or 1
            for row, w in rows:
                box.append(row)
                weights.append(w / total)
        generic = self.rows.get("generic", [])
        total = sum(w for _, w in generic) or 1
        for row, w in generic:
            box.append(row)
            weights.append(w / total * GENERIC_SHARE * len(families))
        return box, cumulative(weights)

    def command(self, c, box, weights):
        r = c.r
        if r.random() < 0.01:
            return self.too_short(r)
        if r.random() < 0.03 and "sorted-set" in c.families:
            return self.lexical(r)
        row = r.choices(box, cum_weights=weights)[0]
        c.key_group = None
        words = row.make(c)
        if words[0] in (b"ZRANGE", b"ZRANGESTORE"):
            self.fit_range(r, words)
        if r.random() < MUTATED and len(words) > 1:
            first = len(row.words)
            for _ in range(1 if r.random() < 0.8 else 2):
                if len(words) > first:
                    r.choice(SPOILS)(r, words, r.randrange(min(first, len(words) - 1), len(words)))
        if not words or words[0].upper() in known.UNSENT or self.is_unsent(words):
            return [b"PING"]
        return tame(words)

    def is_unsent(self, words):
        return len(words) > 1 and words[0].upper() + b" " + words[1].upper() in known.UNSENT

    def too_short(self, r):
        """Too few words, also for commands that are never sent whole; or an unknown sub-command."""
        name, arity = r.choice(self.short)
        if name == [b"COMMAND"]:
            return [b"PING"]
        if len(name) == 1 and name[0] in self.containers:
            return name + [b"nosuch"] if r.random() < 0.5 and name[0] != b"DEBUG" else list(name)
        words = list(name)
        if arity == 1 or arity == -1 or len(name) == 2 and arity in (2, -2):
            return words + [b"a", b"b", b"c", b"d"] if arity > 0 else [b"PING"]
        while len(words) < abs(arity) - 1 and r.random() < 0.5:
            words.append(b"x")
        return words

    @staticmethod
    def lexical(r):
        """Members of one score: with others the order by name, and what a range of names holds, is not defined."""
        words = [r.choice([b"ZADD", b"ZADD", b"ZREM"]), r.choice(values.LEX_KEYS[:-1])]
        for _ in range(r.randrange(1, 6)):
            words += [b"0"] * (words[0] == b"ZADD") + [r.choice(values.MEMBERS)]
        return words if r.random() < 0.95 else [b"SET", values.LEX_KEYS[-1], b"x"]

    @staticmethod
    def fit_range(r, words):
        """The limits of ZRANGE are of the kind that BYSCORE or BYLEX asks for."""
        at = 2 if words[0] == b"ZRANGE" else 3
        pool = values.LIMITS if b"BYSCORE" in words else values.LEX if b"BYLEX" in words else None
        if pool and r.random() < 0.9:
            words[at], words[at + 1] = r.choice(pool), r.choice(pool)


def cumulative(weights):
    out, total = [], 0.0
    for w in weights:
        total += w
        out.append(total)
    return out


def decoded(x):
    """COMMAND DOCS, in RESP2 or RESP3, with text for bytes."""
    if isinstance(x, bytes):
        return x.decode("latin-1")
    if isinstance(x, dict):
        return {decoded(k): decoded(v) for k, v in x.items()}
    return [decoded(v) for v in x] if isinstance(x, list) else x


def without_newer(arguments):
    out = []
    for a in arguments:
        if (a.get("token") or "").encode() in known.NEWER_TOKENS:
            continue
        out.append({**a, "arguments": without_newer(a["arguments"])} if "arguments" in a else a)
    return out
