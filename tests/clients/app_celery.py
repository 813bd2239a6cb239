#!/usr/bin/python3
"""Celery on one server (`PORT`): tasks, results, retries, a countdown, a chain and a chord; the worker runs here."""
import sys

from celery import Celery, chain, chord
from celery.contrib.testing.worker import start_worker

URL = f"redis://127.0.0.1:{sys.argv[1]}/0"
app = Celery("app", broker=URL, backend=URL)
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


def check(name, got, want):
    if got != want:
        sys.exit(f"FAIL {name}: got {got!r}, want {want!r}")


with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=20):
    results = [double.delay(n) for n in range(20)]
    check("results", [r.get(timeout=30) for r in results], [n * 2 for n in range(20)])
    check("retry", stubborn.delay(7).get(timeout=30), 7)
    check("countdown", double.apply_async([4], countdown=0.05).get(timeout=30), 8)
    check("chain", chain(double.s(1), double.s(), double.s())().get(timeout=30), 8)
    check("chord", chord([double.s(n) for n in range(5)])(total.s()).get(timeout=30), 20)
print("ok celery")
