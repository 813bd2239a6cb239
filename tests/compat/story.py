"""The same story told twice: a set of data servers and Sentinels, once with ours, once with redis-sentinel.

A World is one of them. It keeps every event that each of its Sentinels publishes, in order, and writes events, replies
and file lines with names in place of addresses, run ids and epochs, so that two worlds can be compared word by word.
`tell` plays a story in both at the same time; the story calls World.step for each of its steps and World.show for what
is to be looked at in between. Only conditions are waited for, never time.
"""
import difflib
import os
import re
import signal
import threading
from typing import NamedTuple

from lib import ORACLE, REDIS_SENTINEL, REDIS_SERVER, TANIST, Client, ReplyError, Stage, free_port, read_file, wait_for, write_file

OURS = REDIS_SENTINEL if ORACLE else TANIST
GROUP = "mm"
# The periods of both kinds in ms: without it each discovery would take the ten seconds between two INFO. redis-sentinel
# connects anew once in a ping-period, so that down-after has to be some times as long; and a replica that is asked each
# second during a failover must not count as silent after five of them.
PERIODS = ("ping-period", 250, "info-period", 200, "ask-period", 200, "publish-period", 100, "tilt-trigger", 60000)
NUMBER = re.compile(r"-?\d+(\.\d+)?")


def flat(words):
    if isinstance(words, dict):
        return {k.decode(): v.decode() for k, v in words.items()}
    return {words[i].decode(): words[i + 1].decode() for i in range(0, len(words), 2)}


class Known(NamedTuple):
    """Lines that may differ, as regular expressions, and the reason; `ours` and `theirs` say in which world they may stand."""
    step: str
    what: str
    ours: str
    theirs: str
    why: str


class Ear:
    """All events of one Sentinel, as (name, text), since it was last started."""

    def __init__(self, port):
        self.client = Client(port)
        self.client.cmd("PSUBSCRIBE", "*")
        self.heard = []
        self.fences, self.ended = 0, False
        self.client.sock.settimeout(None)
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        try:
            while True:
                message = self.client.read()
                if message[0] == b"pong":
                    self.fences += 1
                else:
                    self.heard.append((message[2].decode(), message[3].decode()))
        except (OSError, EOFError, ValueError):
            self.ended = True

    def fence(self):
        """What was said before the call has been heard."""
        want = self.fences + 1
        if not self.ended:
            self.client.send("PING")
            wait_for("the pong", lambda: self.ended or self.fences >= want)


class World:
    def __init__(self, stage, ours, replicas=2, sentinels="ABC", data=REDIS_SERVER):
        self.stage, self.ours, self.data = stage, ours, data
        self.names = {}
        self.shown = []
        self.servers, self.sentinels, self.ears, self.from_here = {}, {}, {}, {}
        quick = ["--repl-diskless-sync-delay", 0, "--repl-ping-replica-period", 3600]
        self.servers["M"] = stage.server(*quick, binary=data)
        for i in range(1, replicas + 1):
            self.servers[f"R{i}"] = stage.server(*quick, "--replicaof", "127.0.0.1", self.servers["M"].port, binary=data)
        self.port_names = {str(s.port): n for n, s in self.servers.items()}
        self.linked()
        for name in sentinels:
            self.start_sentinel(name)

    # ---- who there is ----

    def linked(self):
        for name, s in self.servers.items():
            if name != "M":
                wait_for(f"the link of {name}", lambda s=s: s.info("replication")["master_link_status"] == "up")
        wait_for("the replicas", lambda: self.servers["M"].info("replication")["connected_slaves"]
                 == str(len(self.servers) - 1))

    def start_sentinel(self, name, config="", port=None):
        self.sentinels[name] = s = self.stage.sentinel(config, binary=OURS if self.ours else REDIS_SENTINEL, port=port)
        self.listen(name)
        return s

    def listen(self, name):
        s = self.sentinels[name]
        s.cmd("SENTINEL", "DEBUG", *PERIODS)
        self.port_names.setdefault(str(s.port), name)
        self.names[s.cmd("SENTINEL", "MYID").decode()] = f"id-{name}"
        if name in self.ears:
            self.ears[name].thread.join()
        self.ears[name] = Ear(s.port)
        self.from_here[name] = 0

    def ask(self, name, *words):
        return self.sentinels[name].cmd("SENTINEL", *words)

    def restart_sentinel(self, name):
        old = self.sentinels[name]
        self.sentinels[name] = self.stage.start(old.argv, old.port, name="s%d" % old.port)
        self.listen(name)

    def move_sentinel(self, name):
        """The same Sentinel at another port."""
        old, port = self.sentinels[name], free_port()
        write_file(old.argv[1], re.sub(r"(?m)^port .*", f"port {port}", read_file(old.argv[1])))
        self.port_names[str(port)] = f"{name}2"
        self.sentinels[name] = self.stage.start(old.argv, port, name="s%d" % old.port)
        self.listen(name)

    def restart_server(self, name, replica=False):
        """As a master, unless said otherwise: the Sentinels tell it what it is."""
        old = self.servers[name]
        argv = old.argv if replica or "--replicaof" not in old.argv else old.argv[:old.argv.index("--replicaof")]
        self.servers[name] = self.stage.start(argv, old.port)

    def process(self, name):
        return self.servers.get(name) or self.sentinels[name]

    def kill(self, *names):
        for n in names:
            self.process(n).kill()
        for n in names:
            self.process(n).wait()

    def freeze(self, name):
        self.process(name).kill(signal.SIGSTOP)

    def thaw(self, name):
        self.process(name).kill(signal.SIGCONT)

    def priority(self, **values):
        """Sets it at those replicas, and waits until all Sentinels know."""
        for server, value in values.items():
            self.servers[server].cmd("CONFIG", "SET", "replica-priority", value)
        for n in self.sentinels:
            wait_for("the priorities", lambda n=n: all(
                self.replicas(n)[server]["slave-priority"] == str(value) for server, value in values.items()))

    def monitor(self, group=GROUP, names=None, quorum=2, down_after=1200, timeout=2000, **quorums):
        for n in names or self.sentinels:
            self.ask(n, "MONITOR", group, "127.0.0.1", self.servers["M"].port, quorums.get(n, quorum))
            self.ask(n, "SET", group, "down-after-milliseconds", down_after, "failover-timeout", timeout)

    def publish_every(self, ms):
        """Who is a master and should be none is put right after four of these periods: not so quickly that a promotion,
        which redis-sentinel sees with the next INFO, a second later, is undone by the other Sentinels."""
        for n in self.sentinels:
            self.ask(n, "DEBUG", "publish-period", ms)

    def master(self, name):
        return flat(self.ask(name, "MASTER", GROUP))

    def replicas(self, name):
        return {self.normal(f"127.0.0.1 {r['port']}"): r for r in map(flat, self.ask(name, "REPLICAS", GROUP))}

    def peers(self, name):
        return [flat(r) for r in self.ask(name, "SENTINELS", GROUP)]

    def calm(self, *names, replicas=None, peers=None):
        """Everybody is known, reached, in its role and follows the master."""
        want = len(self.servers) - 1 if replicas is None else replicas

        def good(n):
            m, rs, ps = self.master(n), self.replicas(n), self.peers(n)
            return (m["flags"] == "master" and m["role-reported"] == "master" and len(rs) == want
                    and len(ps) == (len(self.sentinels) - 1 if peers is None else peers)
                    and all(p["flags"] == "sentinel" and p["voted-leader"] == "?" for p in ps)
                    and all(r["flags"] == "slave" and r["master-link-status"] == "ok" and r["slave-repl-offset"] != "0"
                            and r["master-port"] == m["port"] and r["runid"] for r in rs.values()))
        for n in names or self.sentinels:
            wait_for(f"calm at {n}", lambda n=n: good(n))

    # ---- what is said, with names ----

    def normal(self, text):
        for secret, name in self.names.items():
            text = text.replace(secret, name)
        text = re.sub(r"127\.0\.0\.1(?:[ :,]+| port )(\d+)", lambda m: self.port_names.get(m[1], "H " + m[1]), text)
        text = re.sub(r"\b[0-9a-f]{40}\b", "<id>", text)
        return text.replace(self.stage.folder, "<folder>")

    def event(self, name, text):
        text = self.normal(text)
        if name == "+odown":
            text = re.sub(r"#quorum \d+/", "#quorum n/", text)  # the vote of one more may have come
        if name == "+config-update-from":
            text = re.sub("sentinel .* @", "sentinel <one> @", text)
        if name in ("+new-epoch", "+vote-for-leader"):
            text = re.sub(r"\b\d+$", "<epoch>", text)
        if name == "-script-timeout":
            text = re.sub(r"\b\d+$", "<pid>", text)
        return f"{name} {text}"

    def events(self, name):
        """Those of the present step."""
        return [self.event(*e) for e in self.ears[name].heard[self.from_here[name]:]]

    def seen(self, name, *events):
        """Waits until all of them have been said in this step, each as the beginning of a line."""
        for e in events:
            try:
                wait_for(e, lambda e=e: any(line.startswith(e) for line in self.events(name)))
            except AssertionError:
                raise AssertionError(f"{'ours' if self.ours else 'theirs'}: {name} never said {e!r}, but "
                                     f"{self.events(name)}") from None

    def step(self, title, sort=(), others=(), once=False):
        """Ends a step. `sort`: events whose order among themselves is a matter of timing; '*' means all. `others`:
        those of Sentinels other than A too. `once`: how often what repeats itself is said is a matter of timing too."""
        for name in sorted(self.ears):
            self.ears[name].fence()
            lines = self.events(name)
            self.shown.append((title, name, "events", list(dict.fromkeys(lines)) if once else lines,
                               sort if name == "A" else (*sort, *others)))
            self.from_here[name] = len(self.ears[name].heard)

    def error(self, name, *words):
        """What that command is answered."""
        with self.sentinels[name].client() as c:
            return self.normal(str(c.raw("SENTINEL", *words)))

    def name_chosen(self, leader="A", chosen="N", other="O"):
        """Which of two equal replicas is taken is a matter of their run ids."""
        line = next(e for e in self.events(leader) if e.startswith("+selected-slave"))
        old = line.split(" ")[2]
        for name in [n for n in self.servers if n != "M"]:
            new = chosen if name == old else other
            self.servers[new] = self.servers.pop(name)
            self.port_names[str(self.servers[new].port)] = new

    def show(self, title, what, lines, sort=()):
        self.shown.append((title, "", what, lines, sort))

    # ---- replies ----

    def form(self, field, value):
        """What of a field's value has to be equal."""
        if field in ("name", "ip", "port", "master-host", "master-port", "runid"):
            return self.normal({"port": f"127.0.0.1 {value}", "master-port": f"127.0.0.1 {value}"}.get(field, value))
        same = ("down-after-milliseconds", "num-slaves", "num-other-sentinels", "quorum", "failover-timeout",
                "parallel-syncs", "slave-priority", "replica-announced", "link-refcount")
        if field not in same and NUMBER.fullmatch(value):
            return "<zero>" if field == "last-ping-sent" and value == "0" else "<number>"
        return self.normal(value)

    def rows(self, reply):
        out = []
        for row in reply:
            fields = flat(row)
            who = f" of {self.normal('127.0.0.1 ' + fields['port'])}"
            out.append([f"{k}={self.form(k, v)}{who if k == 'runid' else ''}" for k, v in fields.items()
                        if k != "last-ping-sent"] + [f"order={','.join(fields)}"])
        return sorted(out)

    def show_replies(self, title, *names):
        for n in names or sorted(self.sentinels):
            rows = (self.rows(self.ask(n, "MASTERS")) + self.rows([self.ask(n, "MASTER", GROUP)])
                    + self.rows(self.ask(n, "REPLICAS", GROUP)) + self.rows(self.ask(n, "SENTINELS", GROUP)))
            self.show(title, f"replies of {n}", [f for row in rows for f in row])
            self.show(title, f"words of {n}", [self.normal(x) for x in (
                f"addr {' '.join(w.decode() for w in self.ask(n, 'GET-MASTER-ADDR-BY-NAME', GROUP))}",
                f"myid {self.ask(n, 'MYID').decode()}", f"ckquorum {self.quorum(n)}",
                f"cache {self.cache(n)}", f"role {self.sentinels[n].cmd('ROLE')}",
                *(f"config {k}={v}" for k, v in flat(self.ask(n, "CONFIG", "GET", "*")).items()))])
            self.show(title, f"INFO of {n}", self.info(n))
            known = int(self.master(n)["num-slaves"]) + int(self.master(n)["num-other-sentinels"])
            address = self.normal(" ".join(w.decode() for w in self.ask(n, "GET-MASTER-ADDR-BY-NAME", GROUP)))
            wait_for("the file", lambda: sum(x.startswith((f"sentinel known-replica {GROUP} ", f"sentinel known-sentinel {GROUP} "))
                                             for x in self.file(n)) == known
                     and any(x.startswith(f"sentinel monitor {GROUP} {address} ") for x in self.file(n)))
            lines = self.file(n)
            self.show(title, f"file of {n}", sorted(x for x in lines if x.startswith("sentinel ")))
            self.show(title, f"head of {n}", sorted(x for x in lines if not x.startswith("sentinel ")))

    def quorum(self, n):
        try:
            return self.ask(n, "CKQUORUM", GROUP)
        except ReplyError as e:
            return f"(error) {e}"

    def cache(self, n):
        name, rows = self.ask(n, "INFO-CACHE", GROUP)
        return name.decode(), sorted(f"{type(age).__name__} {text and text.split(bytes([13]))[0].decode()}" for age, text in rows)

    def info(self, n):
        lines = self.sentinels[n].cmd("INFO", "sentinel").decode().split("\r\n")
        return [self.normal(x) for x in lines if x and not x.startswith("tanist_")]

    def file(self, n):
        """The lines of sentinel.conf that stand for something."""
        out = []
        for line in read_file(os.path.join(self.sentinels[n].folder, "sentinel.conf")).split("\n"):
            if not line.strip() or line.startswith("#"):
                continue
            line = re.sub(r"((?:current|config|leader)-epoch.*) \d+$", r"\1 <epoch>", line)
            line = re.sub(r"^(port|dir) .*", r"\1 <own>", line)
            line = line.replace('"', "").replace("sanitize-payload ", "")
            line = re.sub(r"(announce-port) (\d+)", lambda m: f"{m[1]} {self.port_names.get(m[2])}", line)
            out.append(self.normal(line))
        return out

    def hellos(self):
        """One hello of each Sentinel on the master's channel, field by field."""
        out = {}
        with self.servers["M"].client() as c:
            c.cmd("SUBSCRIBE", "__sentinel__:hello")
            while len(out) < len(self.sentinels):
                fields = c.read()[2].decode().split(",")
                if len(fields) == 8:
                    out[fields[2]] = [self.normal(f) for f in (f"{fields[0]} {fields[1]}", *fields[2:5],
                                                               f"{fields[5]} {fields[6]}", fields[7])]
        return sorted(out.values(), key=str)


# ---- two worlds ----

def arrange(lines, sort):
    """Runs of neighbours that may come in any order are sorted; one that repeats stands once."""
    def free(line):
        return any(s == "*" or line.startswith(s) for s in sort)
    out, run = [], []
    for line in lines:
        if free(line):
            run.append(line)
            continue
        out += sorted(set(run)) + [line]
        run = []
    return out + sorted(set(run))


def collapse(lines):
    """The repetition of a line behind itself says nothing new."""
    return [x for i, x in enumerate(lines) if not i or x != lines[i - 1]]


def compare(ours, theirs, timing, meant):
    """Differences of what was shown, but for those in the tables; and rows of `meant` that no difference asks for."""
    out, used, met = [], set(), set()
    assert [x[:3] for x in ours] == [x[:3] for x in theirs], "the stories went different ways"
    for (title, name, what, a, sort), (_, _, _, b, _) in zip(ours, theirs):
        for row in timing + meant:
            if not re.fullmatch(row.step, title) or not re.fullmatch(row.what, f"{what} {name}".strip()):
                continue
            met.add(row)
            keep_a = [x for x in a if not row.ours or not re.fullmatch(row.ours, x)]
            keep_b = [x for x in b if not row.theirs or not re.fullmatch(row.theirs, x)]
            if len(keep_a) < len(a) or len(keep_b) < len(b):
                used.add(row)
            a, b = keep_a, keep_b
        a, b = collapse(arrange(a, sort)), collapse(arrange(b, sort))
        if a != b:
            lines = difflib.unified_diff(b, a, "theirs", "ours", n=50, lineterm="")
            out.append(f"== {title}: {what} {name}\n" + "\n".join(f"    {x}" for x in lines))
    return out + [f"no longer so: {row}" for row in meant if row in met - used and not ORACLE]


def tell(story, timing, meant, **kw):
    """Plays it in both worlds at the same time and compares what was shown."""
    shown, failed = {}, []

    def play(ours):
        try:
            with Stage() as stage:
                world = World(stage, ours, **kw)
                story(world)
                shown[ours] = world.shown
        except BaseException as e:  # to be told by the thread that waits for us
            failed.append(e)

    threads = [threading.Thread(target=play, args=(ours,)) for ours in (True, False)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failed:
        raise failed[0]
    differences = compare(shown[True], shown[False], timing, meant)
    assert not differences, f"{len(differences)} differences\n" + "\n".join(differences)
