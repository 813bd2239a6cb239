"""Steps of a story, played to both servers and compared.

A story begins with empty servers and is a list of items, each a tuple whose first word says which:

  ("cmd", connection, words)    one command; neighbours of one connection are sent as one batch
  ("draw", words)               a command with a random result: membership is checked, SPOP's loss is made equal
  ("scan", words)               a scan walked to its end on both, compared as sets
  ("trade", key, to)            DUMP here, RESTORE there, both ways: the copies must be equal
  ("wait", connection, words, [words, ...])   a command that may block, and what another connection does meanwhile
  ("mute", [words, ...])        between CLIENT REPLY OFF and ON, then with SKIP
  ("age", [key, ...])           RESTORE of what is there, as if unused for long
  ("check",)                    DEBUG DIGEST of both; then keys, deadlines and encodings

An item fits on its own, so that a story can be shortened by leaving items out."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))

import diff_known as known  # noqa: E402
from diff_wire import Gone, Wire, encode, parse, split_replies, text  # noqa: E402
from lib import REDIS_SERVER  # noqa: E402

CONNECTIONS = {"A": 2, "B": 3, "C": 2, "D": 3}  # name: protocol; C and D wait, A and B do all else
DATABASES = 16
TXN = {b"MULTI", b"EXEC", b"DISCARD", b"RESET", b"WATCH"}
OPTIONS = ["--hz", "500", "--client-output-buffer-limit", "normal 0 0 0", "--databases", "16"]
SCAN_MAX = 100_000


class Difference(Exception):
    def __init__(self, words, ours, theirs):
        super().__init__(words)
        self.words, self.ours, self.theirs = words, ours, theirs

    def signature(self):
        """What makes two findings the same one: the command and the shapes of both replies."""
        return (b" ".join(self.words[:1]).upper(), shape(self.ours), shape(self.theirs))


def shape(text):
    return "".join("0" if c.isdigit() else c for c in text)[:60]


class Side:
    """One server with its connections."""

    def __init__(self, process, which):
        self.process, self.which = process, which
        self.wires = {name: Wire(process.port) for name in CONNECTIONS}
        self.control = Wire(process.port)
        self.ear = Wire(process.port)
        self.ear.ask("PSUBSCRIBE", "__keyevent@*")
        self.ids = {name: w.value("CLIENT", "ID") for name, w in self.wires.items()}

    def wire3(self):
        wire = Wire(self.process.port)
        wire.ask("HELLO", 3)
        return wire

    def empty(self, limits, users):
        for name, w in self.wires.items():
            if self.control.ask("CLIENT", "UNBLOCK", self.ids[name]) == (":", b"1"):
                w.replies(1)  # a story that ended at a difference may have left it waiting
            w.ask("RESET")
            if CONNECTIONS[name] == 3:
                w.ask("HELLO", 3)
        self.control.ask("SELECT", 0)
        self.control.ask("FLUSHALL")
        for user in users:
            self.control.ask("ACL", "DELUSER", user)
        self.control.value("CONFIG", "SET", *[x for pair in limits.items() for x in pair])


class Pair:
    """Both servers: `ours` and `theirs`. play() raises Difference at the first one."""

    def __init__(self, stage, options=(), containers=()):
        self.stage, self.containers = stage, containers
        self.options = OPTIONS + list(options)
        self.ours = self.theirs = None
        self.count = 0
        self.start()

    def start(self):
        for old in (self.ours, self.theirs):
            if old:
                old.process.end()
        self.ours = Side(self.stage.server(*self.options), "ours")
        self.theirs = Side(self.stage.server(*self.options, binary=REDIS_SERVER), "theirs")

    def sides(self):
        return (self.ours, self.theirs)

    def alive(self):
        return all(s.process.proc.poll() is None for s in self.sides())

    # ---- a story ----

    def play(self, items, limits, users=("u1", "u2", "u3")):
        for side in self.sides():
            side.empty(limits, users)
            mark = side.ear.mark()
            side.ear.send(encode([b"PING", mark]))
            side.ear.read_until(b"$%d\r\n%s\r\n" % (len(mark), mark))
        self.listening = limits.get("notify-keyspace-events") == "KEA"
        self.items, self.queued = items, {name: None for name in CONNECTIONS}
        i = 0
        while i < len(items):
            kind = items[i][0]
            if kind == "cmd":
                j = i
                while j < len(items) and items[j][0] == "cmd" and items[j][1] == items[i][1] and j - i < 500:
                    j += 1
                self.batch(items[i][1], [item[2] for item in items[i:j]])
                i = j
            else:
                getattr(self, "step_" + kind)(*items[i][1:])
                i += 1

    def batch(self, name, commands):
        self.count += len(commands)
        ours, theirs = self.ours.wires[name], self.theirs.wires[name]
        data = b"".join([encode(w) for w in commands])
        self.exchange(name, commands, ours, theirs, data)
        if self.listening:
            self.compare_events(commands)

    def exchange(self, name, commands, ours, theirs, data):
        if self.queued[name] is None and not any(w[0].upper() in TXN for w in commands):
            ours.send_marked(data)
            theirs.send_marked(data)
            a, b = self.read("ours", commands, ours.read_marked), self.read("theirs", commands, theirs.read_marked)
            if a != b:
                self.compare(name, commands, a, b, split_replies(a), split_replies(b))
            return
        ours.send(data)
        theirs.send(data)
        n = len(commands)
        a, at_a = self.read("ours", commands, lambda: ours.replies(n))
        b, at_b = self.read("theirs", commands, lambda: theirs.replies(n))
        self.compare(name, commands, a, b, at_a, at_b)

    def compare_events(self, commands):
        """The keyspace events of a batch, in order. A PING ends them: it comes behind all that was published."""
        heard = []
        for side in self.sides():
            mark = side.ear.mark()
            side.ear.send(encode([b"PING", mark]))
            end = b"$%d\r\n%s\r\n" % (len(mark), mark)
            heard.append(self.read(side.which, commands, lambda s=side, e=end: s.ear.read_until(e)))
        x, y = heard
        if x[:x.rindex(b"*2")] == y[:y.rindex(b"*2")]:
            return
        ours, theirs = [[parse(h, at)[0] for at in split_replies(h)[:-2]] for h in heard]
        for name, may in known.EVENTS:
            if any(map(may, self.commands_of_story())):
                ours, theirs = [[e for e in events if name not in e[1][2][1]] for events in (ours, theirs)]
        if ours == theirs:
            return
        first = next((i for i, (p, q) in enumerate(zip(ours, theirs)) if p != q), min(len(ours), len(theirs)))
        told = [", ".join(event(e) for e in events[first:first + 3]) for events in (ours, theirs)]
        raise Difference([b"EVENTS"], told[0], told[1])

    def read(self, who, commands, what):
        try:
            return what()
        except Gone as e:
            raise Difference(commands[-1], f"{who}: no reply to a batch: {e}", "") from e

    def compare(self, name, commands, a, b, at_a, at_b):
        if len(at_a) != len(at_b):
            first = next((i for i in range(min(len(at_a), len(at_b)) - 1)
                          if a[at_a[i]:at_a[i + 1]] != b[at_b[i]:at_b[i + 1]]), 0)
            raise Difference(commands[min(first, len(commands) - 1)], f"{len(at_a) - 1} replies", f"{len(at_b) - 1} replies")
        for i, words in enumerate(commands):
            x, y = a[at_a[i]:at_a[i + 1]], b[at_b[i]:at_b[i + 1]]
            if x != y:
                self.compare_one(name, words, parse(x)[0], parse(y)[0])
            if self.queued[name] is not None or words[0].upper() == b"MULTI":
                self.follow(name, words, x)

    def compare_one(self, name, words, x, y):
        queued = self.queued[name]
        if words[0].upper() == b"EXEC" and queued is not None and x[0] == y[0] == "*" and x[1] and y[1]:
            if len(x[1]) == len(y[1]) == len(queued):
                for w, p, q in zip(queued, x[1], y[1]):
                    self.judge(w, p, q)
                return
        self.judge(words, x, y)

    def judge(self, words, x, y):
        if not known.same(known.command_of(words, self.containers), words, x, y, self.sent):
            raise Difference(words, text(x), text(y))

    def sent(self, *names):
        """Whether the story has one of these commands."""
        return any(w[0].upper() in names for w in self.commands_of_story())

    def commands_of_story(self):
        for item in self.items:
            yield from [item[2]] if item[0] == "cmd" else item[3] if item[0] == "wait" else item[1] if item[0] == "mute" else []

    def follow(self, name, words, reply):
        """What the connection has in its transaction."""
        if reply == b"+QUEUED\r\n":
            self.queued[name].append(words)
        elif words[0].upper() == b"MULTI" and reply == b"+OK\r\n":
            self.queued[name] = []
        elif words[0].upper() in (b"EXEC", b"DISCARD", b"RESET") and not (reply.startswith(b"-ERR") and b"arguments" in reply):
            self.queued[name] = None

    # ---- steps ----

    def ask_both(self, *words, wire=lambda s: s.control):
        self.count += 1
        words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        return [self.read(s.which, [words], lambda s=s: wire(s).ask(*words)) for s in self.sides()]

    def agree(self, *words):
        x, y = self.ask_both(*words)
        self.judge([w if isinstance(w, bytes) else str(w).encode() for w in words], x, y)
        return x

    MEMBERS_OF = {b"set": [b"SMEMBERS"], b"hash": [b"HGETALL"], b"zset": [b"ZRANGE", b"0", b"-1", b"WITHSCORES"]}

    def step_draw(self, words):
        """What is drawn belongs to the value; what SPOP took from ours is taken from theirs by a copy."""
        key = words[1]
        before = self.members(key)
        x, y = self.ask_both(*words)
        self.judge(words, x, y)
        for side, reply in zip(self.sides(), (x, y)):
            got = flat(reply)
            if reply[0] in "$*~" and before is not None and not got <= before:
                raise Difference(words, f"{side.which} drew {sorted(got - before)}", "which is not in the value")
        if words[0].upper() == b"SPOP" and x[0] in "$*~" and flat(x):
            for side, reply in zip(self.sides(), (x, y)):
                left = flat(side.control.ask("SMEMBERS", key))
                if left != before - flat(reply):
                    raise Difference(words, f"{side.which} keeps {sorted(left)}", f"of {sorted(before)}")
            self.make_equal(key, sum(key) % 2)

    def members(self, key):
        kind = self.ours.control.ask("TYPE", key)[1]
        verb = self.MEMBERS_OF.get(kind)
        # Of both, since reading makes a key young.
        return flat(self.ask_both(verb[0], key, *verb[1:])[0]) if verb else None

    def make_equal(self, key, way):
        """One side's value to both: RESTORE of the same payload."""
        source = self.sides()[way]
        payload = source.control.value("DUMP", key)
        if payload is None:
            self.agree("DEL", key)
            return
        deadline = max(0, source.control.value("PEXPIRETIME", key))
        self.agree("RESTORE", key, deadline, payload, "REPLACE", "ABSTTL")

    def step_age(self, keys):
        """From here on these keys count as unused for a day: the next check sees who has touched them."""
        for key in keys:
            payload = self.theirs.control.value("DUMP", key)
            # Redis' shared small integers share their age too, for ever.
            if payload is not None and self.theirs.control.value("OBJECT", "ENCODING", key) != b"int":
                deadline = max(0, self.theirs.control.value("PEXPIRETIME", key))
                self.agree("RESTORE", key, deadline, payload, "REPLACE", "ABSTTL", "IDLETIME", 86400)

    def step_scan(self, words):
        found = []
        for side in self.sides():
            found.append(self.walk(side, words))
        if found[0] != found[1]:
            raise Difference(words, found[0], found[1])

    def walk(self, side, words):
        at = 1 if words[0].upper() == b"SCAN" else 2
        words, pages, items = list(words), 0, set()
        while True:
            reply = self.read(side.which, [words], lambda: side.control.ask(*words))
            if reply[0] != "*":
                return text(reply)
            cursor, page = reply[1]
            values = [v[1] for v in page[1]]
            if words[0].upper() in (b"HSCAN", b"ZSCAN"):
                values = zip(values[::2], values[1::2])
            items.update(values)
            pages += 1
            if cursor[1] == b"0":
                return f"{page[0]}{sorted(items)}"
            if pages > SCAN_MAX:
                raise Difference(words, f"{side.which}: a scan without end", "")
            words[at] = cursor[1]

    def step_trade(self, key, to):
        payloads = [s.control.ask("DUMP", key) for s in self.sides()]
        if payloads[0][1] is None or payloads[1][1] is None:
            self.judge([b"DUMP", key], *payloads)
            return
        for side, payload in zip(self.sides(), reversed(payloads)):
            got = side.control.ask("RESTORE", to, 0, payload[1], "REPLACE")
            if got != ("+", b"OK"):
                raise Difference([b"RESTORE", to, b"0", payload[1]], f"{side.which}: {text(got)}", "OK")
        self.agree("DEBUG", "DIGEST-VALUE", to)

    def step_wait(self, name, words, meanwhile):
        """The order of events is certain: two round trips of A come after the waiting one was read."""
        self.settle(name)
        for side in self.sides():
            side.wires[name].send(encode(words))
            side.control.ask("PING")
            side.control.ask("PING")
        self.batch("A", meanwhile)
        replies = []
        for side in self.sides():
            woken = side.control.ask("CLIENT", "UNBLOCK", side.ids[name])
            wire = side.wires[name]
            data, at = self.read(side.which, [words], lambda wire=wire: wire.replies(1))
            replies.append((parse(data)[0], woken))
        self.judge(words, replies[0][0], replies[1][0])
        self.judge([b"CLIENT", b"UNBLOCK"], replies[0][1], replies[1][1])
        if words[0].upper() == b"XREADGROUP":  # known.waiting_group_reader: both have it from here on
            keys = words[[w.upper() for w in words].index(b"STREAMS") + 1:]
            for key in keys[:len(keys) // 2]:
                self.ask_both(b"XGROUP", b"CREATECONSUMER", key, words[2], words[3])

    def settle(self, name):
        for connection in ("A", name):
            if self.queued[connection] is not None:
                self.batch(connection, [[b"DISCARD"]])

    def step_mute(self, commands):
        self.settle("A")
        quiet = [w for w in commands if w[0].upper() not in TXN and w[0].upper() != b"CLIENT"]
        if not quiet:
            return
        for head, tail in (([b"OFF"], [b"ON"]), ([b"SKIP"], None)):
            data = encode([b"CLIENT", b"REPLY"] + head) + b"".join(encode(w) for w in (quiet if tail else quiet[:1]))
            data += encode([b"CLIENT", b"REPLY"] + tail) if tail else b""
            for side in self.sides():
                side.wires["A"].send_marked(data)
            a, b = [self.read(s.which, [[b"CLIENT", b"REPLY"]], s.wires["A"].read_marked) for s in self.sides()]
            if a != b:
                raise Difference([b"CLIENT", b"REPLY"] + head, repr(a), repr(b))

    # ---- the key space ----

    def step_check(self):
        for name in ("A", "B"):
            if self.queued[name] is not None:
                self.batch(name, [[b"DISCARD"]])
        x, y = self.ask_both("DEBUG", "DIGEST")
        if x != y:
            if self.find_key():
                return
            raise Difference([b"DEBUG", b"DIGEST"], text(x), text(y))
        for db in range(DATABASES):
            self.agree("SELECT", db)
            keys = self.agree("KEYS", "*")[1]
            for command in (("OBJECT", "ENCODING"), ("PEXPIRETIME",)):
                self.of_each(command, [k[1] for k in keys])
            self.check_ages([k[1] for k in keys])
        self.agree("SELECT", 0)

    def check_ages(self, keys):
        for key in keys:
            x, y = self.ask_both("OBJECT", "IDLETIME", key)
            if not known.near(x, y, known.SLACK_S) and self.theirs.control.value("OBJECT", "ENCODING", key) != b"int":
                raise Difference([b"OBJECT", b"IDLETIME", key], text(x), text(y))

    def of_each(self, command, keys):
        commands = [[w.encode() for w in command] + [k] for k in keys]
        data = b"".join(map(encode, commands))
        got = []
        for side in self.sides():
            side.control.send(data)
            got.append(side.control.replies(len(keys)))
        for words, i in zip(commands, range(len(keys))):
            x, y = [parse(data, at[i])[0] for data, at in got]
            if x != y:
                self.judge(words, x, y)

    READERS = {b"string": [b"GET"], b"list": [b"LRANGE", b"0", b"-1"], b"stream": [b"XINFO", b"STREAM", b"FULL", b"COUNT", b"0"],
               **MEMBERS_OF}

    def find_key(self):
        """The key whose value differs: its content is the difference."""
        for db in range(DATABASES):
            self.agree("SELECT", db)
            for (_, key) in sorted(self.agree("KEYS", "*")[1]):
                self.agree("TYPE", key)
                self.agree("PEXPIRETIME", key)
                x, y = self.ask_both("DEBUG", "DIGEST-VALUE", key)
                if x == y:
                    continue
                kind = self.ours.control.ask("TYPE", key)[1]
                verb = self.READERS[kind]
                words = [verb[0], verb[1], key] + verb[2:] if kind == b"stream" else [verb[0], key] + verb[1:]
                p, q = self.ask_both(*words)
                words = [b"DIGEST-VALUE", key] + words
                if not known.known(b"DIGEST-VALUE", words, text(p), text(q), self.sent):
                    raise Difference(words, text(p)[:1500], text(q)[:1500])
                return True
        self.agree("SELECT", 0)


def event(x):
    return b" ".join(v[1] for v in x[1][2:]).decode("latin-1")


def flat(x):
    """All bulk strings of a reply as a set."""
    kind, value = x
    if value is None:
        return set()
    if kind in "*~":
        return set().union(*map(flat, value)) if value else set()
    if kind == "%":
        return set().union(*[flat(k) | flat(v) for k, v in value]) if value else set()
    return {value} if kind in "$," else set()
