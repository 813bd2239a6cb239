#!/usr/bin/env python3
"""Real faults on the real binaries, each host a network namespace of this run's own.

    tests/e2e/faults.py --seeds 50            for a person; the suite runs single stories (test_faults)
    tests/e2e/faults.py --story isolate

Three hosts, each with a data server and a Sentinel; a client on each host follows its Sentinel and
writes down what was acknowledged, by whom and when. Faults: kill -9, SIGSTOP, loss of a host, a host
cut off (with its client), one direction lost, the Sentinels cut from each other. After each the fault
ends, and within ten seconds there must be exactly one master, all others its replicas, with equal
data, and all Sentinels of one opinion; while a host is cut off, its master's last acknowledgement
must come before the new master's first; and nobody may fail over without a fault.

A lost direction is a route to a neighbour that is nobody: packets vanish without an error, as in a
broken switch. Needs root and `ip netns`.
"""
import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from lib import TANIST, Client, ReplyError, wait_for, write_file  # noqa: E402

HOSTS, DATA, SENTINEL, DOWN_AFTER = 3, 6379, 26379, 1000
NOWHERE = "02:00:00:00:00:99"
ERRORS = (OSError, ReplyError, EOFError, ValueError, TypeError, IndexError, AssertionError)


def possible():
    name = f"tanist-{os.getpid()}-try"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode: return False
    subprocess.run(["ip", "netns", "del", name], capture_output=True)
    return True


# ---- the client: a process of its own, inside a host ----

def client_main(host, path):
    """Writes acknowledged numbers as JSON lines: time, server, key."""
    out, n, c, server = open(path, "w", buffering=1), 0, None, None
    while True:
        n += 1
        try:
            if c is None:
                with Client(SENTINEL, f"10.9.0.{host + 1}", timeout=0.5) as s:
                    server = s.cmd("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "m")[0].decode()
                c = Client(DATA, server, timeout=0.5)
            c.cmd("SET", f"h{host}:{n}", n)
            out.write(json.dumps([time.monotonic(), server, f"h{host}:{n}"]) + "\n")
            time.sleep(0.005)
        except ERRORS:
            if c: c.close()
            c = None
            time.sleep(0.02)


class World:
    def __init__(self, folder):
        self.folder, self.tag, self.procs, self.clients = folder, f"t{os.getpid()}", {}, []

    def ip(self, *args):
        subprocess.run(["ip", *args], check=True, capture_output=True)

    def ns(self, i):
        return f"{self.tag}-{i}"

    def __enter__(self):
        sw = self.ns("sw")
        self.ip("netns", "add", sw)
        self.ip("-n", sw, "link", "set", "lo", "up")
        # We look at all of them from the middle, which passes on what they send each other.
        self.ip("-n", sw, "addr", "add", "10.9.0.100/32", "dev", "lo")
        subprocess.run(["ip", "netns", "exec", sw, "sysctl", "-qw", "net.ipv4.ip_forward=1"], check=True)
        for i in range(HOSTS):
            self.ip("netns", "add", self.ns(i))
            self.ip("-n", self.ns(i), "link", "add", "eth0", "type", "veth", "peer", "name", f"p{i}", "netns", sw)
            self.ip("-n", sw, "link", "set", f"p{i}", "up")
            self.ip("-n", sw, "addr", "add", "10.9.0.100/32", "dev", f"p{i}")
            self.ip("-n", sw, "route", "add", f"10.9.0.{i + 1}/32", "dev", f"p{i}", "src", "10.9.0.100")
            self.ip("-n", self.ns(i), "addr", "add", f"10.9.0.{i + 1}/32", "dev", "eth0")
            self.ip("-n", self.ns(i), "link", "set", "eth0", "up")
            self.ip("-n", self.ns(i), "link", "set", "lo", "up")
            self.ip("-n", self.ns(i), "route", "add", "10.9.0.100/32", "dev", "eth0")
            self.ip("-n", self.ns(i), "route", "add", "default", "via", "10.9.0.100")
            # Who is asked for by this address is nobody.
            self.ip("-n", self.ns(i), "neigh", "replace", "10.9.0.200", "lladdr", NOWHERE, "nud", "permanent", "dev", "eth0")
        return self

    def __exit__(self, *_):
        for p in list(self.procs.values()) + self.clients:
            try:
                p.send_signal(signal.SIGCONT)
                p.kill()
                p.wait()
            except ProcessLookupError:
                pass
        for i in [*range(HOSTS), "sw"]:
            subprocess.run(["ip", "netns", "del", self.ns(i)], capture_output=True)

    def start(self, i, what, *args):
        log = open(os.path.join(self.folder, f"{what}{i}.log"), "ab")
        self.procs[what, i] = subprocess.Popen(["ip", "netns", "exec", self.ns(i), *args], cwd=self.folder, stdout=log, stderr=log)
        log.close()

    def start_data(self, i, master=None):
        extra = ["--replicaof", f"10.9.0.{master + 1}", str(DATA)] if master is not None else []
        self.start(i, "data", TANIST, "--port", str(DATA), "--bind", "0.0.0.0", "--protected-mode", "no", "--save", "",
                   "--dbfilename", f"{i}.rdb", "--repl-diskless-sync-delay", "0", "--appendonly", "no", *extra)

    def start_all(self):
        for i in range(HOSTS):
            self.start_data(i, 0 if i else None)
        wait_for("replicas", lambda: self.ask(0, "INFO", "replication").count(b"state=online") == 2, seconds=30)
        for i in range(HOSTS):
            path = os.path.join(self.folder, f"s{i}.conf")
            write_file(path, f"port {SENTINEL}\nbind 0.0.0.0\nsentinel monitor m 10.9.0.1 {DATA} 2\n"
                       f"sentinel down-after-milliseconds m {DOWN_AFTER}\nsentinel failover-timeout m 10000\n")
            self.start(i, "sentinel", TANIST, path, "--sentinel")
        wait_for("Sentinels", lambda: all(self.peers(i) == 2 and self.named(i) == 0 for i in range(HOSTS)), seconds=30)
        for i in range(HOSTS):
            path = os.path.join(self.folder, f"acks{i}")
            self.clients.append(subprocess.Popen(["ip", "netns", "exec", self.ns(i), sys.executable, __file__, "--client", str(i), path]))

    def ask(self, i, *args, port=DATA):
        """From within the switch's namespace, whatever is cut between the hosts."""
        code = ("import sys,pickle;sys.path.insert(0,%r);from lib import Client;"
                "sys.stdout.buffer.write(pickle.dumps(Client(%d,%r,timeout=2).cmd(*%r)))" % (HERE, port, f"10.9.0.{i + 1}", args))
        import pickle
        p = subprocess.run(["ip", "netns", "exec", self.ns("sw"), sys.executable, "-c", code], capture_output=True, timeout=10)
        if p.returncode: raise OSError(p.stderr.decode()[-200:])
        return pickle.loads(p.stdout)

    def peers(self, i):
        r = self.ask(i, "SENTINEL", "MASTER", "m", port=SENTINEL)
        return int(r[r.index(b"num-other-sentinels") + 1])

    def named(self, i):
        return int(self.ask(i, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "m", port=SENTINEL)[0].split(b".")[3]) - 1

    # ---- faults ----

    def cut(self, a, b, on=True):
        """What a sends to b gets lost."""
        verb = "add" if on else "del"
        subprocess.run(["ip", "-n", self.ns(a), "route", verb, f"10.9.0.{b + 1}/32", "via", "10.9.0.200", "dev", "eth0", "onlink"],
                       capture_output=True)

    def cut_off(self, i, on=True):
        for j in range(HOSTS):
            if j != i:
                self.cut(i, j, on)
                self.cut(j, i, on)

    def kill(self, what, i, sig=signal.SIGKILL):
        # `ip netns exec` replaces itself by the program: the process is ours.
        self.procs[what, i].send_signal(sig)
        if sig == signal.SIGKILL: self.procs[what, i].wait()

    # ---- what must hold ----

    def order(self):
        roles = [dict(line.split(b":", 1) for line in self.ask(i, "INFO", "replication").splitlines() if b":" in line) for i in range(HOSTS)]
        masters = [i for i in range(HOSTS) if roles[i][b"role"] == b"master"]
        if len(masters) != 1: return f"masters: {masters}"
        m = masters[0]
        for i in range(HOSTS):
            if self.named(i) != m: return f"Sentinel {i} names {self.named(i)}, the master is {m}"
            if i != m and (roles[i][b"master_host"] != b"10.9.0.%d" % (m + 1) or roles[i][b"master_link_status"] != b"up"):
                return f"{i} is no replica in order of {m}"
        return None

    def settle(self, seconds=10):
        end, why = time.monotonic() + seconds, "?"
        while time.monotonic() < end:
            try:
                why = self.order()
            except ERRORS as e:
                why = repr(e)
            if why is None: return
            time.sleep(0.2)
        raise AssertionError(f"not in order {seconds} s after the fault ended: {why}")

    def acks(self):
        rows = []
        for i in range(HOSTS):
            with open(os.path.join(self.folder, f"acks{i}")) as f:
                rows += [json.loads(x) for x in f.read().split("\n")[:-1]]
        return sorted(rows)

    def switches(self):
        n = 0
        for i in range(HOSTS):
            with open(os.path.join(self.folder, f"sentinel{i}.log"), errors="replace") as f:
                n = max(n, f.read().count("# +switch-master"))
        return n


STORIES = {}


def story(fn):
    STORIES[fn.__name__] = fn
    return fn


def pause(w, seconds):
    time.sleep(seconds)


@story
def quiet(w, rnd):
    """A busy machine and no fault: nobody fails over."""
    before = w.switches()
    pause(w, 3)
    assert w.switches() == before, "a needless failover"


@story
def kill(w, rnd):
    m = w.named(0)
    w.kill("data", m)
    pause(w, rnd.uniform(2, 4))
    w.start_data(m)


@story
def stop(w, rnd):
    m = w.named(0)
    w.kill("data", m, signal.SIGSTOP)
    pause(w, rnd.uniform(3, 5))
    woken, late = time.monotonic(), 0.2
    w.kill("data", m, signal.SIGCONT)
    pause(w, 1.5)
    mine = f"10.9.0.{m + 1}"
    if w.named((m + 1) % HOSTS) != m:
        bad = [a for a in w.acks() if a[1] == mine and a[0] > woken + late]
        assert not bad, f"acknowledged by the woken master: {bad[:3]}"


@story
def host(w, rnd):
    m = w.named(0)
    w.kill("data", m)
    w.kill("sentinel", m)
    w.cut_off(m)
    pause(w, rnd.uniform(2, 4))
    w.cut_off(m, False)
    w.start_data(m)
    w.start(m, "sentinel", TANIST, os.path.join(w.folder, f"s{m}.conf"), "--sentinel")


@story
def isolate(w, rnd):
    m, begin = w.named(0), time.monotonic()
    mine = f"10.9.0.{m + 1}"
    w.cut_off(m)
    pause(w, rnd.uniform(4, 6))
    w.cut_off(m, False)
    end = time.monotonic()
    acks = w.acks()
    old = [a[0] for a in acks if a[1] == mine and begin < a[0] < end + 1]
    new = [a[0] for a in acks if a[1] != mine and begin < a[0] < end + 1]
    assert new, "nobody took over"
    assert not old or old[-1] < new[0], f"the isolated master accepted for {old[-1] - new[0]:.3f} s beside the new one"


@story
def one_way(w, rnd):
    m = w.named(0)
    for j in range(HOSTS):
        if j != m: w.cut(m, j)
    pause(w, rnd.uniform(3, 5))
    for j in range(HOSTS):
        if j != m: w.cut(m, j, False)


@story
def pair(w, rnd):
    """The master and one other host do not hear each other: a majority still sees everything."""
    m = w.named(0)
    other = (m + 1) % HOSTS
    w.cut(m, other)
    w.cut(other, m)
    pause(w, rnd.uniform(3, 4))
    w.cut(m, other, False)
    w.cut(other, m, False)


@story
def restarts(w, rnd):
    """Sentinels one after the other: nobody fails over."""
    before, master = w.switches(), w.named(0)
    for i in range(HOSTS):
        w.kill("sentinel", i, signal.SIGTERM)
        w.procs["sentinel", i].wait()
        w.start(i, "sentinel", TANIST, os.path.join(w.folder, f"s{i}.conf"), "--sentinel")
        pause(w, 0.7)
    assert w.named(0) == master and w.switches() == before, "a needless failover"


def run(stories, seed):
    rnd = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="tanist-faults-") as folder, World(folder) as w:
        w.start_all()
        pause(w, 1)
        for name in stories:
            STORIES[name](w, rnd)
            w.settle()
            pause(w, 0.5)
        for c in w.clients: c.kill()
        sizes = lambda: {w.ask(i, "DBSIZE") for i in range(HOSTS)}
        wait_for("equal data", lambda: len(sizes()) == 1, seconds=10)
        acked = w.acks()
        have = w.ask(w.named(0), "DBSIZE")
        return len(acked), have, w.switches()


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--seeds", type=int, default=0)
    a.add_argument("--story", choices=sorted(STORIES))
    a.add_argument("--client", nargs=2)
    o = a.parse_args()
    if o.client: return client_main(int(o.client[0]), o.client[1])
    if o.story: print(*run([o.story], 1))
    bad = 0
    for seed in range(o.seeds):
        names = random.Random(seed).choices(sorted(STORIES), k=3)
        try:
            acked, have, switches = run(names, seed)
            print(f"seed {seed}: {' '.join(names)}: {acked} acknowledged, {acked - have} lost, {switches} failovers", flush=True)
        except AssertionError as e:
            bad += 1
            print(f"seed {seed}: {' '.join(names)}: {e}", flush=True)
    if o.seeds: print(f"{o.seeds} seeds, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
