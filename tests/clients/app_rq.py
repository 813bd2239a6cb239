#!/usr/bin/python3
"""Python's rq: `PORT`, or `failover PORTS NAME` (see README.md here). Its worker runs in this process."""
import itertools
import os
import sys
import threading
import time

from redis import Redis
from redis.sentinel import Sentinel
from rq import Queue, Retry, SimpleWorker
from rq.registry import FailedJobRegistry, FinishedJobRegistry

KEPT = []


def keep(n):
    KEPT.append(n)
    return n * 2


def fail_once(n):
    KEPT.append(n)
    if KEPT.count(n) == 1:
        raise ValueError("once more")


def tell(text):
    sys.stdout.write(text + "\n")  # at once: two threads do
    sys.stdout.flush()


def say(n):
    KEPT.append(n)
    tell(f"done {n}")


def check(name, got, want):
    if got != want:
        sys.exit(f"FAIL {name}: got {got!r}, want {want!r}")


def one_server(port):
    r = Redis("127.0.0.1", int(port))
    jobs = Queue("jobs", connection=r)
    plain = [jobs.enqueue("app_rq.keep", n) for n in range(20)]
    jobs.enqueue("app_rq.keep", 100, depends_on=plain[-1])
    jobs.enqueue("app_rq.fail_once", 200, retry=Retry(max=1))
    jobs.enqueue("app_rq.fail_once", 300)
    SimpleWorker([jobs], connection=r).work(burst=True, logging_level="ERROR")
    check("results", [job.result for job in plain], [n * 2 for n in range(20)])
    check("each once", sorted(KEPT), [*range(20), 100, 200, 200, 300])
    check("registries", [len(FinishedJobRegistry(queue=jobs)), len(FailedJobRegistry(queue=jobs)), jobs.count], [22, 1, 0])
    print("ok rq")


def add(jobs, r):
    taken = []
    for n in itertools.count(1):
        try:
            jobs.enqueue("app_rq.say", n, result_ttl=0)
            taken.append(n)
            tell(f"wrote {n}")
            if r.get("stop"):
                break
        except Exception as e:
            tell(f"note {e!r}")
        time.sleep(0.01)
    idle = 0  # in hundredths of a second; what was lost does not come
    while idle < 100 and set(taken) - set(KEPT):
        idle = 0 if jobs.count else idle + 1
        time.sleep(0.01)
    os._exit(0)


def failover(ports, name):
    """A worker that an error has ended is started again, as by a supervisor."""
    r = Sentinel([("127.0.0.1", int(p)) for p in ports.split(",")], socket_timeout=1).master_for(name, socket_timeout=None)
    jobs = Queue("jobs", connection=r)
    threading.Thread(target=add, args=(jobs, r)).start()
    while True:
        try:
            SimpleWorker([jobs], connection=r).work(logging_level="CRITICAL")
        except Exception as e:
            tell(f"note {e!r}")
        time.sleep(0.05)


if __name__ == "__main__":
    sys.modules["app_rq"] = sys.modules["__main__"]
    if sys.argv[1] == "failover":
        failover(*sys.argv[2:4])
    else:
        one_server(sys.argv[1])
