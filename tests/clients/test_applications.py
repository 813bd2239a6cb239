"""Applications made of scripts: job queues, locks, limiters, session stores, on one server and over failovers."""
import collections

import client_set
from lib import ORACLE, Stage, run, wait_for
from test_client_failover import Follower, new_master, started


def try_program(name, *args):
    with Stage() as st:
        server = st.server()
        got = run(*client_set.command(name), *args, server.port, timeout=100)
        assert got.returncode == 0 and "ok " in got.stdout, f"{name}: {got}"


def test_locks_limits_sessions_queues():
    try_program("app-locks")


def test_bullmq():
    try_program("app-bullmq", "queue")


def test_rq():
    try_program("app-rq")


def test_celery():
    try_program("app-celery")


def test_sidekiq():
    try_program("app-sidekiq")


def test_django():
    try_program("app-django")


def test_socketio():
    try_program("app-socketio")


# ---- over failovers ----
#
# `popped`: the queue takes a job by a pop, so what a worker had just been given when its connection broke is gone:
# one at each failover. `twice`: what was in hand, or being taken, at a failover may be done again, at each of them.
Promise = collections.namedtuple("Promise", "popped twice", defaults=(0, 0))
PROMISES = {
    "app-bullmq": Promise(twice=2),
    "app-bull": Promise(twice=2),
    "app-bee": Promise(twice=2),
    "app-rq": Promise(popped=1, twice=2),
    "app-sidekiq": Promise(popped=2, twice=2),
    "app-celery": Promise(popped=1, twice=5),  # four are fetched ahead
    "app-redlock": Promise(),
    "app-limiter": Promise(twice=1),
    "app-sessions": Promise(),
    "app-django": Promise(),
    "app-socketioStreams": Promise(twice=1),
    "app-socketioPublish": Promise(),
}


JUST_NOW = 2  # what was acknowledged just before the master dies may not have left it


class Jobs(Follower):
    mode = "failover"

    def done(self):
        return [int(line.split()[1]) for line in self.said().split("\n")[:-1] if line.startswith("done ")]


def more(apps, count):
    marks = {a: len(a.acknowledged()) for a in apps}
    for a in apps:
        wait_for(f"{a.name} to go on", lambda a=a: a.ended() or len(a.acknowledged()) >= marks[a] + count, 90)


def judge(app, before, after):
    """Nothing that was taken is lost, but what was taken while the master died: replication does not wait."""
    promise, taken, done = PROMISES[app.name], app.acknowledged(), app.done()
    lost = set(taken) - set(done) - set(taken[before:after])
    twice = sorted(n for n in set(done) if done.count(n) > 1)
    print(f"{app.name}: {len(taken)} taken, {len(lost)} lost, {len(set(taken[before:after]) - set(done))} lost while the "
          f"master died, {len(twice)} twice")
    assert ORACLE or len(lost) <= 2 * promise.popped, f"{app.name} lost {sorted(lost)[:9]}"
    assert ORACLE or len(twice) <= 2 * promise.twice, f"{app.name} did twice: {twice[:9]}"


def over_failovers(names):
    with Stage() as st:
        servers, sentinels = started(st)
        apps = [Jobs(st, name, ",".join(str(s.port) for s in sentinels)) for name in names]
        try:
            more(apps, 20)
            assert sentinels[0].cmd("SENTINEL", "FAILOVER", "m") == "OK"
            second = new_master(sentinels, servers, servers[0])
            more(apps, 20)
            before = [len(a.acknowledged()) - JUST_NOW for a in apps]
            second.kill()
            second.wait()
            third = new_master(sentinels, [s for s in servers if s != second], second)
            after = [len(a.acknowledged()) for a in apps]
            more(apps, 20)
            third.cmd("SET", "stop", 1)
            for a in apps:
                wait_for(f"{a.name} to end", a.ended, 60)
            for judged in zip(apps, before, after):
                judge(*judged)
        finally:
            for a in apps:
                a.stop()


def test_node_over_failovers():
    over_failovers(["app-bullmq", "app-bull", "app-bee", "app-redlock", "app-limiter", "app-sessions"])


def test_sockets_over_failovers():
    over_failovers(["app-socketioStreams", "app-socketioPublish"])


def test_python_and_ruby_over_failovers():
    over_failovers(["app-rq", "app-celery", "app-django", "app-sidekiq"])
