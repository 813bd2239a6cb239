#!/usr/bin/env python3
"""Real faults on the real binaries, each host a network namespace of this run's own.

    tests/e2e/faults.py --seeds 50            for a person; the suite runs single stories (test_faults)
    tests/e2e/faults.py --story isolate       one of fault_stories.py
    tests/e2e/faults.py --seeds 5 --reference the same with redis-server and redis-sentinel
    tests/e2e/faults.py --seeds 5 --theirs 2  the last two Sentinels are redis-sentinels

Three or five hosts, each with a data server, a Sentinel and a client that follows the Sentinels and
writes down what was acknowledged, by whom and when. A seed draws stories; each begins a fault, ends
it, and says how many failovers there may be. Then, within ten seconds, there must be exactly one
master, all others its replicas, and all Sentinels of one opinion; at the end of the run equal
DEBUG DIGESTs. While a master is cut off, its last acknowledgement must come before the new one's
first; nobody may fail over without need; in planned failovers no acknowledged write may be lost.
What is lost elsewhere is counted: replication is asynchronous.

A lost direction is a route to a neighbour that is nobody: packets vanish without an error, as in a
broken switch. Needs root and `ip netns`.
"""
import argparse
import json
import os
import pickle
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from lib import REDIS_SENTINEL, REDIS_SERVER, TANIST, Client, ReplyError, wait_for, write_file  # noqa: E402

DATA, SENTINEL, DOWN_AFTER, HEAL_S = 6379, 26379, 1000, 10
NOWHERE = "02:00:00:00:00:99"
ERRORS = (OSError, ReplyError, EOFError, ValueError, TypeError, IndexError, AssertionError)


def address(i):
    return f"10.9.0.{i + 1}"


def possible():
    name = f"tanist-{os.getpid()}-try"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode: return False
    subprocess.run(["ip", "netns", "del", name], capture_output=True)
    return True


# ---- processes of their own, inside a namespace ----

def client_main(host, hosts, path):
    """Writes acknowledged numbers as JSON lines: when asked, when answered, server, key."""
    out, n, turn, c, server = open(path, "w", buffering=1), 0, 0, None, None
    while True:
        n += 1
        try:
            if c is None:  # the Sentinel of its own host, or another when that one does not answer
                turn += 1
                with Client(SENTINEL, address((host + turn - 1) % hosts), timeout=0.3) as s:
                    server = s.cmd("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "m")[0].decode()
                turn = 0
                c = Client(DATA, server, timeout=0.5)
            asked = time.monotonic()
            c.cmd("SET", f"h{host}:{n}", n)
            out.write(json.dumps([asked, time.monotonic(), server, f"h{host}:{n}"]) + "\n")
            time.sleep(0.005)
        except ERRORS:
            if c: c.close()
            c = None
            time.sleep(0.02)


def agent_main():
    """Asks servers from the middle, whatever is cut between the hosts: pickles in, pickles out."""
    while True:
        host, port, args = pickle.load(sys.stdin.buffer)
        try:
            with Client(port, host, timeout=2) as c:
                got = c.cmd(*args)
        except ERRORS as e:
            got = OSError(repr(e))
        pickle.dump(got, sys.stdout.buffer)
        sys.stdout.buffer.flush()


class World:
    def __init__(self, folder, hosts=3, reference=False, theirs=0):
        self.folder, self.hosts, self.tag, self.procs, self.clients = folder, hosts, f"t{os.getpid()}", {}, []
        self.reference, self.theirs, self.agent, self.wrong = reference, theirs, None, []
        self.lost = set()

    def ip(self, *args):
        subprocess.run(["ip", *args], check=True, capture_output=True)

    def ns(self, i):
        return f"{self.tag}-{i}"

    def inside(self, i, *argv, **kw):
        # `ip netns exec` replaces itself by the program: the process is ours.
        return subprocess.Popen(["ip", "netns", "exec", self.ns(i), *argv], **kw)

    def __enter__(self):
        sw = self.ns("sw")
        self.ip("netns", "add", sw)
        self.ip("-n", sw, "link", "set", "lo", "up")
        # We look at all of them from the middle, which passes on what they send each other.
        self.ip("-n", sw, "addr", "add", "10.9.0.100/32", "dev", "lo")
        subprocess.run(["ip", "netns", "exec", sw, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"], check=True)
        for i in range(self.hosts):
            self.add_host(i, sw)
        self.agent = self.inside("sw", sys.executable, __file__, "--agent", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self

    def add_host(self, i, sw):
        self.ip("netns", "add", self.ns(i))
        self.ip("-n", self.ns(i), "link", "add", "eth0", "type", "veth", "peer", "name", f"p{i}", "netns", sw)
        self.ip("-n", sw, "link", "set", f"p{i}", "up")
        self.ip("-n", sw, "addr", "add", "10.9.0.100/32", "dev", f"p{i}")
        self.ip("-n", sw, "route", "add", f"{address(i)}/32", "dev", f"p{i}", "src", "10.9.0.100")
        self.ip("-n", self.ns(i), "addr", "add", f"{address(i)}/32", "dev", "eth0")
        self.ip("-n", self.ns(i), "link", "set", "eth0", "up")
        self.ip("-n", self.ns(i), "link", "set", "lo", "up")
        self.ip("-n", self.ns(i), "route", "add", "10.9.0.100/32", "dev", "eth0")
        self.ip("-n", self.ns(i), "route", "add", "default", "via", "10.9.0.100")
        # Who is asked for by this address is nobody.
        self.ip("-n", self.ns(i), "neigh", "replace", "10.9.0.200", "lladdr", NOWHERE, "nud", "permanent", "dev", "eth0")
        self.ip("-n", self.ns(i), "route", "add", "default", "via", "10.9.0.200", "dev", "eth0", "onlink", "table", "100")

    def __exit__(self, *_):
        for p in [*self.procs.values(), *self.clients, self.agent]:
            try:
                if not p: continue
                p.send_signal(signal.SIGCONT)
                p.kill()
                p.wait()
            except ProcessLookupError:
                pass
        for i in [*range(self.hosts), "sw"]:
            subprocess.run(["ip", "netns", "del", self.ns(i)], capture_output=True)

    # ---- processes ----

    def start(self, i, what, *args):
        with open(os.path.join(self.folder, f"{what}{i}.log"), "ab") as log:
            self.procs[what, i] = self.inside(i, *args, cwd=self.folder, stdout=log, stderr=log)

    def start_data(self, i, master=None):
        extra = ["--replicaof", address(master), str(DATA)] if master is not None else []
        self.start(i, "data", REDIS_SERVER if self.reference else TANIST, "--port", str(DATA), "--bind", "0.0.0.0",
                   "--protected-mode", "no", "--save", "", "--dbfilename", f"{i}.rdb", "--repl-diskless-sync-delay", "0",
                   "--enable-debug-command", "yes", "--appendonly", "no", *extra)

    def start_sentinel(self, i):
        path = os.path.join(self.folder, f"s{i}.conf")
        if not os.path.exists(path):
            write_file(path, f"port {SENTINEL}\nbind 0.0.0.0\nprotected-mode no\nsentinel monitor m {address(0)} {DATA} {self.hosts // 2 + 1}\n"
                       f"sentinel down-after-milliseconds m {DOWN_AFTER}\nsentinel failover-timeout m 10000\n")
        if self.reference or i >= self.hosts - self.theirs:
            self.start(i, "sentinel", REDIS_SENTINEL, path)
        else:
            self.start(i, "sentinel", TANIST, path, "--sentinel")

    def start_all(self):
        others = self.hosts - 1
        for i in range(self.hosts):
            self.start_data(i, 0 if i else None)
        wait_for("replicas", lambda: self.ask(0, "INFO", "replication").count(b"state=online") == others, seconds=60)
        self.ask(0, "MSET", *[x for n in range(3000) for x in (f"old:{n}", "value")])
        for i in range(self.hosts):
            self.start_sentinel(i)
        wait_for("Sentinels", lambda: all(self.fields(i)[b"num-other-sentinels"] == b"%d" % others and self.named(i) == 0 and
                                          self.fields(i)[b"num-slaves"] == b"%d" % others for i in range(self.hosts)), seconds=60)
        for i in range(self.hosts):
            self.clients.append(self.inside(i, sys.executable, __file__, "--client", str(i), str(self.hosts),
                                            os.path.join(self.folder, f"acks{i}")))
        wait_for("clients", lambda: len({r[3].split(":")[0] for r in self.acks()}) == self.hosts, seconds=60)

    def kill(self, what, i, sig=signal.SIGKILL):
        self.procs[what, i].send_signal(sig)
        if sig in (signal.SIGKILL, signal.SIGTERM): self.procs[what, i].wait(30)

    # ---- looking ----

    def ask(self, i, *args, port=DATA):
        pickle.dump((address(i), port, args), self.agent.stdin)
        self.agent.stdin.flush()
        got = pickle.load(self.agent.stdout)
        if isinstance(got, Exception): raise got
        return got

    def fields(self, i):
        r = self.ask(i, "SENTINEL", "MASTER", "m", port=SENTINEL)
        return dict(zip(r[::2], r[1::2]))

    def named(self, i):
        return int(self.ask(i, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "m", port=SENTINEL)[0].split(b".")[3]) - 1

    def acks(self):
        rows = []
        for i in range(self.hosts):
            path = os.path.join(self.folder, f"acks{i}")
            if not os.path.exists(path): continue
            with open(path) as f:
                rows += [json.loads(x) for x in f.read().split("\n")[:-1]]
        return sorted(rows, key=lambda r: r[1])

    def promotions(self):
        n = 0
        for i in range(self.hosts):
            with open(os.path.join(self.folder, f"sentinel{i}.log"), errors="replace") as f:
                n += f.read().count("+promoted-slave")
        return n

    # ---- faults ----

    def cut(self, a, b, on=True):
        """What a sends to b gets lost."""
        subprocess.run(["ip", "-n", self.ns(a), "route", "add" if on else "del", f"{address(b)}/32", "via", "10.9.0.200", "dev", "eth0", "onlink"],
                       capture_output=True)

    def cut_sides(self, side, on=True, out=True, back=True):
        """Those on this side from all others; out: what they send, back: what they hear."""
        for a in side:
            for b in range(self.hosts):
                if b in side: continue
                if out: self.cut(a, b, on)
                if back: self.cut(b, a, on)

    def cut_sentinels(self, on=True):
        """From each other only: what goes to a Sentinel's port of another host gets lost."""
        for a in range(self.hosts):
            for b in range(self.hosts):
                if a == b: continue
                for side in ("dport", "sport"):
                    subprocess.run(["ip", "-n", self.ns(a), "rule", "add" if on else "del", "to", address(b), "ipproto", "6",
                                    side, str(SENTINEL), "lookup", "100"], capture_output=True, check=on)

    # ---- what must hold ----

    def must(self, fine, what):
        if not fine: self.wrong.append(what)

    def order(self):
        roles = [dict(line.split(b":", 1) for line in self.ask(i, "INFO", "replication").splitlines() if b":" in line) for i in range(self.hosts)]
        masters = [i for i in range(self.hosts) if roles[i][b"role"] == b"master"]
        if len(masters) != 1: return f"masters: {masters}"
        m = masters[0]
        for i in range(self.hosts):
            if self.named(i) != m: return f"Sentinel {i} names {self.named(i)}, the master is {m}"
            if i != m and (roles[i][b"master_host"] != address(m).encode() or roles[i][b"master_link_status"] != b"up"):
                return f"{i} is no replica in order of {m}"
        return None

    def settle(self, seconds):
        begin, why = time.monotonic(), "?"
        while time.monotonic() < begin + seconds:
            try:
                why = self.order()
            except ERRORS as e:
                why = repr(e)
            if why is None: return time.monotonic() - begin
            time.sleep(0.05)
        self.must(False, f"not in order {seconds} s after the fault ended: {why}")
        return seconds

    def two_writable(self, begin, end):
        """For how long two masters acknowledged at the same time, in seconds; negative: a gap. Of the older one the
        time of the last question counts: its answer may have waited in a client that did not run."""
        servers = {}
        for asked, at, server, _ in self.acks():
            if begin < at < end: servers.setdefault(server, [at, asked])[1] = asked
        spans = sorted(servers.values())
        return max((a[1] - b[0] for a, b in zip(spans, spans[1:])), default=None)

    def newly_lost(self):
        """Acknowledged writes, of the whole run so far, that the master has no more since the last look."""
        acks = self.acks()  # before the keys: what is acknowledged meanwhile must not count
        have = set(self.ask(self.named(0), "KEYS", "*"))
        lost = {a[3] for a in acks if a[3].encode() not in have}
        fresh, self.lost = len(lost - self.lost), self.lost | lost
        return fresh

    def equal_data(self):
        # Nobody writes any more; the replicas' last bytes are under way.
        wait_for("equal data", lambda: len({self.ask(i, "DEBUG", "DIGEST") for i in range(self.hosts)}) == 1, seconds=HEAL_S)


# ---- a run ----

def play(w, name, rnd):
    """One story; what it showed."""
    from fault_stories import STORIES
    s, begin, before = STORIES[name], time.monotonic(), w.promotions()
    s.play(w, rnd)
    healed = w.settle(HEAL_S if not w.reference else 60)
    time.sleep(0.5)
    end, failovers = time.monotonic(), w.promotions() - before
    least, most = s.failovers
    w.must(least <= failovers <= most, f"{name}: {failovers} failovers, {least} to {most} expected")
    both, lost = w.two_writable(begin, end), w.newly_lost()
    if s.planned: w.must(not lost, f"{name}: {lost} acknowledged writes lost")
    if s.fenced: w.must(both is None or both <= 0, f"{name}: two masters acknowledged for {both or 0:.3f} s")
    acked = sum(begin <= a[1] < end for a in w.acks())
    return {"name": name, "healed": healed, "failovers": failovers, "both": max(0, both or 0), "acked": acked, "lost": lost}


def run(stories, seed, hosts=3, keep=None, **kw):
    """Plays them on one set of hosts: what each showed, and what was wrong."""
    rnd = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="tanist-faults-") as folder, World(folder, hosts, **kw) as w:
        try:
            w.start_all()
            shown = [play(w, name, rnd) for name in stories]
            for c in w.clients:
                c.kill()
                c.wait()
            w.equal_data()
            w.must(not w.newly_lost(), "writes are lost though nothing happened")
        finally:
            if keep and (w.wrong or sys.exc_info()[0]): shutil.copytree(folder, keep, dirs_exist_ok=True)
        return shown, w.wrong


def draw(seed, only=None):
    from fault_stories import STORIES
    rnd = random.Random(seed)
    hosts = 5 if rnd.random() < 0.3 else 3
    return hosts, only or rnd.choices([n for n in sorted(STORIES) if STORIES[n].hosts <= hosts], k=3)


def table(rows):
    print(f"{'story':18} runs failovers  acked  lost     %  two masters s (max)  in order after s (median, max)")
    for name in [*sorted({r["name"] for r in rows}), "all"]:
        mine = [r for r in rows if name in (r["name"], "all")]
        total = lambda field: sum(r.get(field, 0) for r in mine)
        healed = [r["healed"] for r in mine]
        print(f"{name:18} {len(mine):4} {total('failovers'):9} {total('acked'):6} {total('lost'):5} {100 * total('lost') / max(1, total('acked')):5.2f} "
              f"{total('both'):12.2f} ({max(r['both'] for r in mine):.2f}) {statistics.median(healed):12.2f} {max(healed):6.2f}")


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--seeds", type=int, default=0)
    a.add_argument("--from", type=int, default=0, dest="first")
    a.add_argument("--story", action="append")
    a.add_argument("--reference", action="store_true", help="redis-server and redis-sentinel")
    a.add_argument("--theirs", type=int, default=0, help="so many of the Sentinels are redis-sentinels")
    a.add_argument("--keep", help="folder for the logs of seeds that fail")
    a.add_argument("--client", nargs=3)
    a.add_argument("--agent", action="store_true")
    o = a.parse_args()
    if o.client: return client_main(int(o.client[0]), int(o.client[1]), o.client[2])
    if o.agent: return agent_main()
    rows, bad = [], 0
    for seed in range(o.first, o.first + (o.seeds or 1)):
        hosts, names = draw(seed, o.story)
        try:
            shown, wrong = run(names, seed, hosts, os.path.join(o.keep, str(seed)) if o.keep else None, reference=o.reference, theirs=o.theirs)
        except AssertionError as e:
            shown, wrong = [], [str(e)]
        bad += bool(wrong)
        rows += shown
        what = ", ".join(f"{r['name']} ({r['acked']} acknowledged, {r['lost']} lost, {r['failovers']} failovers, in order after {r['healed']:.2f} s)"
                         for r in shown)
        print(f"seed {seed}, {hosts} hosts: {what or ' '.join(names)}", *[f"\n  WRONG: {x}" for x in wrong], flush=True)
    if rows: table(rows)
    print(f"{o.seeds or 1} seeds, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
