#!/usr/bin/env python3
"""A full sync while so much is written that Redis' default limits of replicas' buffers (256 MB) are filled several times.

    tests/bench/full_sync_load.py [--megabytes 1024] [--rate 60] [--seconds 120] [--pairs ours-ours,ours-theirs,theirs-theirs]

A master with --megabytes of data, a writer of --rate MB a second, a replica that comes. Says after how long the replica
is up and how many full syncs that took, or that it was not within --seconds. Master and replica have their default
settings, but for the start delay and the compression of snapshots. TANIST_BUILD: a release build."""
import argparse
import os
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.environ.setdefault("TANIST_BUILD", os.path.join(ROOT, "build-release"))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
from lib import REDIS_SERVER, TANIST, Client, Stage, encode, replica_caught_up, wait_for  # noqa: E402

KINDS = {"ours": TANIST, "theirs": REDIS_SERVER}
VALUE = 16384
BATCH = 32


class Writer(threading.Thread):
    """At most `rate` bytes a second, less when the master takes less."""

    def __init__(self, port, rate):
        super().__init__(daemon=True)
        self.port, self.rate, self.sent, self.stop = port, rate, 0, threading.Event()
        self.start()

    def run(self):
        began, n = time.monotonic(), 0
        with Client(self.port, timeout=120) as c:
            while not self.stop.is_set():
                c.sock.sendall(b"".join(encode(("SET", f"w:{(n + i) % 2000}", "y" * VALUE)) for i in range(BATCH)))
                for _ in range(BATCH):
                    c.read()
                n += BATCH
                self.sent += BATCH * VALUE
                early = began + self.sent / self.rate - time.monotonic()
                if early > 0:
                    time.sleep(early)


def resident(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmRSS"))


def run(master, replica, args):
    with Stage() as stage:
        m = stage.server("--repl-diskless-sync-delay", 0, "--rdbcompression", "no", binary=KINDS[master])
        with m.client(timeout=300) as c:
            c.cmd("DEBUG", "POPULATE", args.megabytes * 1024, "key", 1000)
        before = peak = resident(m.pid)
        writer = Writer(m.port, args.rate << 20)
        wait_for("writes", lambda: writer.sent > args.rate << 20, 60)
        r = stage.server("--replicaof", f"127.0.0.1 {m.port}", "--rdbcompression", "no", binary=KINDS[replica], wait=False)
        start, at_start, took, spool = time.monotonic(), writer.sent, None, 0
        while took is None and time.monotonic() - start < args.seconds:
            time.sleep(0.1)
            peak = max(peak, resident(m.pid))
            try:
                spool = max(spool, int(m.info("replication").get("repl_spool_file_bytes", 0)))
                if r.info("replication")["master_link_status"] == "up":
                    took = time.monotonic() - start
            except (OSError, EOFError, KeyError, TimeoutError):
                continue
        written = writer.sent - at_start
        writer.stop.set()
        writer.join(60)
        tries = int(m.info("stats")["sync_full"])
        if took is not None:
            wait_for("it to catch up", lambda: replica_caught_up(m, r), 300)
            assert m.cmd("DBSIZE") == r.cmd("DBSIZE")
        said = f"up after {took:.1f} s" if took is not None else f"not up within {args.seconds} s"
        print(f"{master} master, {replica} replica: {said}, full syncs begun: {tries}, written meanwhile: {written >> 20} MB, "
              f"master's memory above its data at most {(peak - before) >> 20} MB, in its file {spool >> 20} MB", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--rate", type=int, default=60)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--pairs", default="ours-ours,ours-theirs,theirs-theirs")
    args = parser.parse_args()
    for pair in args.pairs.split(","):
        run(*pair.split("-"), args)


if __name__ == "__main__":
    main()
