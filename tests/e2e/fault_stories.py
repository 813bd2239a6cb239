"""The stories of faults.py: each begins a fault, waits, and ends it.

@story(failovers) says how many promotions there may be: (0, 0) none, (1, 1) exactly one. `planned`: no
acknowledged write may be lost. `fenced`: the old master's last acknowledgement comes before the new
one's first. `hosts`: it needs so many."""
import signal
import time
from collections import namedtuple

Story = namedtuple("Story", "play failovers planned fenced hosts")
STORIES = {}


def story(least, most=None, planned=False, fenced=False, hosts=3):
    def add(fn):
        STORIES[fn.__name__] = Story(fn, (least, least if most is None else most), planned, fenced, hosts)
        return fn
    return add


def elsewhere(w, m, seconds=20):
    """Waits until all Sentinels name another master."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if all(w.named(i) != m for i in range(w.hosts)): return
        time.sleep(0.05)
    w.must(False, f"nobody took over from {m} within {seconds} s")


# ---- nothing that matters ----

@story(0)
def quiet(w, rnd):
    time.sleep(3)


@story(0)
def short_stop(w, rnd):
    """The master is away for less than down-after."""
    m = w.named(0)
    w.kill("data", m, signal.SIGSTOP)
    time.sleep(rnd.uniform(0.2, 0.5))
    w.kill("data", m, signal.SIGCONT)
    time.sleep(1.5)


@story(0)
def pair(w, rnd):
    """The master and one other host do not hear each other: a majority still sees everything."""
    m = w.named(0)
    other = (m + 1) % w.hosts
    w.cut(m, other)
    w.cut(other, m)
    time.sleep(rnd.uniform(3, 4))
    w.cut(m, other, False)
    w.cut(other, m, False)


@story(0)
def lost_replica(w, rnd):
    """A minority without the master is cut off."""
    m = w.named(0)
    side = [(m + 1 + i) % w.hosts for i in range((w.hosts - 1) // 2)]
    w.cut_sides(side)
    time.sleep(rnd.uniform(3, 5))
    w.cut_sides(side, False)


@story(0)
def sentinels_apart(w, rnd):
    """Cut from each other, not from the servers."""
    w.cut_sentinels()
    time.sleep(rnd.uniform(3, 5))
    w.cut_sentinels(False)


@story(0)
def frozen_sentinels(w, rnd):
    for i in range(w.hosts):
        w.kill("sentinel", i, signal.SIGSTOP)
    time.sleep(rnd.uniform(1.5, 4))
    for i in range(w.hosts):
        w.kill("sentinel", i, signal.SIGCONT)
    time.sleep(1)


@story(0)
def restarts(w, rnd):
    """Sentinels one after the other."""
    master = w.named(0)
    for i in range(w.hosts):
        w.kill("sentinel", i, signal.SIGTERM)
        w.start_sentinel(i)
        time.sleep(0.7)
    w.must(w.named(0) == master, "another master after the Sentinels' restarts")


@story(0)
def replica_restarts(w, rnd):
    m = w.named(0)
    for i in range(w.hosts):
        if i == m: continue
        w.kill("data", i, rnd.choice([signal.SIGTERM, signal.SIGKILL]))
        w.start_data(i, m)
        time.sleep(0.5)


# ---- the master is lost ----

@story(1)
def kill(w, rnd):
    m = w.named(0)
    w.kill("data", m)
    time.sleep(rnd.uniform(2, 4))
    w.start_data(m)


@story(1)
def empty(w, rnd):
    """Killed and back before anybody calls it down, without its data."""
    m = w.named(0)
    w.kill("data", m)
    w.start_data(m)
    elsewhere(w, m)


@story(1)
def stop(w, rnd):
    m = w.named(0)
    w.kill("data", m, signal.SIGSTOP)
    time.sleep(rnd.uniform(3, 5))
    woken = time.monotonic()
    w.kill("data", m, signal.SIGCONT)
    time.sleep(1.5)
    late = [a for a in w.acks() if a[2].endswith(f".{m + 1}") and a[1] > woken + 0.2]
    w.must(w.named((m + 1) % w.hosts) == m or not late, f"stop: {len(late)} acknowledged by the master that woke up")


@story(1)
def host(w, rnd):
    m = w.named(0)
    w.kill("data", m)
    w.kill("sentinel", m)
    w.cut_sides([m])
    time.sleep(rnd.uniform(2, 4))
    w.cut_sides([m], False)
    w.start_data(m)
    w.start_sentinel(m)


@story(1)
def frozen_host(w, rnd):
    """Server and Sentinel stand still, and wake up in the middle of it."""
    m = w.named(0)
    for what in ("data", "sentinel"):
        w.kill(what, m, signal.SIGSTOP)
    time.sleep(rnd.uniform(3, 5))
    for what in rnd.sample(["data", "sentinel"], 2):
        w.kill(what, m, signal.SIGCONT)
    time.sleep(1)


@story(1)
def sentinel_too(w, rnd):
    """A Sentinel dies with the master, on another host."""
    m = w.named(0)
    other = (m + rnd.randrange(1, w.hosts)) % w.hosts
    w.kill("sentinel", other)
    w.kill("data", m)
    time.sleep(rnd.uniform(2, 4))
    w.start_sentinel(other)
    w.start_data(m)


@story(1)
def lost_quorum(w, rnd):
    """The master dies while the Sentinels do not hear each other: nobody may take over until they do."""
    m, before = w.named(0), w.promotions()
    w.cut_sentinels()
    time.sleep(rnd.uniform(0.5, 2))
    w.kill("data", m)
    time.sleep(rnd.uniform(2, 3))
    w.must(w.promotions() == before, "lost_quorum: promoted without a majority")
    w.cut_sentinels(False)
    elsewhere(w, m)
    w.start_data(m)


# ---- the master is cut off ----

@story(1, fenced=True)
def isolate(w, rnd):
    m = w.named(0)
    w.cut_sides([m])
    time.sleep(rnd.uniform(4, 6))
    w.must(w.named((m + 1) % w.hosts) != m, "isolate: nobody took over")
    w.cut_sides([m], False)


@story(1, fenced=True, hosts=5)
def split(w, rnd):
    """The master and one other on the smaller side: a replica there goes on to acknowledge."""
    m = w.named(0)
    side = [m, (m + 1) % w.hosts]
    w.cut_sides(side)
    time.sleep(rnd.uniform(4, 6))
    w.must(w.named((m + 2) % w.hosts) != m, "split: nobody took over")
    w.cut_sides(side, False)


@story(1, fenced=True)
def not_heard(w, rnd):
    m = w.named(0)
    w.cut_sides([m], back=False)
    time.sleep(rnd.uniform(3, 5))
    w.cut_sides([m], False, back=False)


@story(1, fenced=True)
def hears_nothing(w, rnd):
    m = w.named(0)
    w.cut_sides([m], out=False)
    time.sleep(rnd.uniform(3, 5))
    w.cut_sides([m], False, out=False)


# ---- planned ----

@story(1, planned=True, fenced=True)
def planned(w, rnd):
    m = w.named(0)
    w.ask(rnd.randrange(w.hosts), "SENTINEL", "FAILOVER", "m", port=26379)
    elsewhere(w, m)


@story(1, planned=True, fenced=True)
def term(w, rnd):
    """The master is ended; it hands over first."""
    m = w.named(0)
    w.kill("data", m, signal.SIGTERM)
    elsewhere(w, m)
    time.sleep(rnd.uniform(0, 2))
    w.start_data(m)


@story(1, planned=True, fenced=True)
def rolling(w, rnd):
    """All servers one after the other, the master last, Sentinels too; each step waits for the one before."""
    m = w.named(0)
    for i in [x for x in range(w.hosts) if x != m] + [m]:
        w.kill("sentinel", i, signal.SIGTERM)
        w.start_sentinel(i)
        w.settle(10)
        w.kill("data", i, signal.SIGTERM)
        if i == m: elsewhere(w, m)
        w.start_data(i, None if i == m else m)
        w.settle(10)
