#!/usr/bin/python3
"""Celery: `PORT`, or `failover PORTS NAME` (see README.md here). The worker runs here, in a thread."""
import itertools
import subprocess
import sys
import threading
import time

from celery import Celery, chain, chord
from celery.contrib.testing.worker import start_worker

app = Celery("app_celery")
app.conf.update(worker_hijack_root_logger=False, broker_connection_retry_on_startup=True)


@app.task
def double(n):
    return n * 2


@app.task
def total(numbers):
    return sum(numbers)


@app.task(bind=True, max_retries=2)
def stubborn(self, n):
    if self.request.retries < 1:
        raise self.retry(countdown=0)
    return n


@app.task(ignore_result=True)
def say(n):
    print("done", n, flush=True)


def check(name, got, want):
    if got != want:
        sys.exit(f"FAIL {name}: got {got!r}, want {want!r}")


def one_server(port):
    """Tasks, results, retries, a countdown, a chain and a chord."""
    url = f"redis://127.0.0.1:{port}/0"
    app.conf.update(broker_url=url, result_backend=url)
    with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=20):
        results = [double.delay(n) for n in range(20)]
        check("results", [r.get(timeout=30) for r in results], [n * 2 for n in range(20)])
        check("retry", stubborn.delay(7).get(timeout=30), 7)
        check("countdown", double.apply_async([4], countdown=0.05).get(timeout=30), 8)
        check("chain", chain(double.s(1), double.s(), double.s())().get(timeout=30), 8)
        check("chord", chord([double.s(n) for n in range(5)])(total.s()).get(timeout=30), 20)
    print("ok celery")


def by_sentinels(ports, name):
    app.conf.update(
        broker_url=";".join(f"sentinel://127.0.0.1:{p}" for p in ports.split(",")), broker_pool_limit=1,
        broker_connection_max_retries=None, task_ignore_result=True, worker_redirect_stdouts=False,
        broker_transport_options={"master_name": name, "visibility_timeout": 3, "sentinel_kwargs": {"socket_timeout": 1}})


def worker(ports, name):
    by_sentinels(ports, name)
    app.worker_main(["worker", "--pool=solo", "--loglevel=CRITICAL", "--without-gossip", "--without-mingle", "--without-heartbeat"])


def supervise(args, ended):
    """A worker ends when its blocking pop is answered by an error, as it is at a change of role: the next one comes."""
    while not ended:
        child = subprocess.Popen([sys.executable, __file__, "worker", *args], stderr=subprocess.DEVNULL)
        while child.poll() is None and not ended:
            time.sleep(0.02)
        child.kill()
        child.wait()


def failover(*args):
    """By the Sentinels; what a worker had in hand when it lost its connection comes again soon."""
    by_sentinels(*args)
    ended = []
    supervisor = threading.Thread(target=supervise, args=(args, ended))
    supervisor.start()
    for n in itertools.count(1):
        try:
            say.apply_async([n], retry=False)
            print("wrote", n, flush=True)
            with app.connection_for_write() as c:
                if c.default_channel.client.get("stop"):
                    break
        except Exception as e:
            print("note", repr(e), flush=True)
        time.sleep(0.02)
    left = 1
    while left:
        with app.connection_for_write() as c:
            r = c.default_channel.client
            c.default_channel.qos.restore_visible(num=10, interval=1)  # a worker does it every 100 seconds
            left = r.llen("celery") + r.hlen("unacked")
        time.sleep(0.05)
    ended.append(True)
    supervisor.join()


if sys.argv[1] == "failover":
    failover(*sys.argv[2:4])
elif sys.argv[1] == "worker":
    worker(*sys.argv[2:4])
else:
    one_server(sys.argv[1])
