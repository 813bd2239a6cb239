#!/usr/bin/python3
"""Python's rq on one server: `PORT`. Its worker runs in this process and ends when the queue is empty."""
import sys

from redis import Redis
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


def check(name, got, want):
    if got != want:
        sys.exit(f"FAIL {name}: got {got!r}, want {want!r}")


def main():
    sys.modules["app_rq"] = sys.modules["__main__"]
    r = Redis("127.0.0.1", int(sys.argv[1]))
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


main()
