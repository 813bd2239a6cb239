#!/usr/bin/env python3
"""Failover time, ours beside redis-server and redis-sentinel, interleaved.

    tests/bench/failover.py [--repeat 20] [--down-after 1000] [--watch 3]

Each repetition brings up a master, two replicas and three Sentinels (quorum 2), kills the master with
SIGKILL while a client writes to the address that the Sentinels give, and measures:
  write    ms from the kill to the first accepted write at the address that the Sentinels give
  over     the same minus down-after
  again    failovers after the first within the time watched
  return   ms from the old master's first answer after its restart until it reports role:slave
  lost     acknowledged writes after the failover that are gone at the end
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("TANIST_BUILD", os.path.join(ROOT, "build-release"))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
from lib import Client, ReplyError, free_port, wait_for  # noqa: E402

KINDS = {"tanist": [os.path.join(BUILD, "tanist")], "redis": ["/usr/bin/redis-server"]}


class Run:
    def __init__(self, kind, down_after, folder):
        self.argv, self.folder, self.procs, self.down_after = KINDS[kind], folder, {}, down_after
        self.data = [free_port() for _ in range(3)]
        self.sentinels = [free_port() for _ in range(3)]

    def start(self, port, *args):
        log = open(os.path.join(self.folder, f"log-{port}"), "ab")
        self.procs[port] = subprocess.Popen(self.argv + list(args), cwd=self.folder, stdout=log, stderr=log)
        log.close()

    def start_data(self, port, master=None):
        extra = ["--replicaof", "127.0.0.1", str(master)] if master else []
        self.start(port, "--port", str(port), "--save", "", "--repl-diskless-sync-delay", "0",
                   "--dbfilename", f"{port}.rdb", *extra)

    def ask(self, port, *args):
        with Client(port, timeout=1) as c:
            return c.cmd(*args)

    def bring_up(self):
        for i, port in enumerate(self.data):
            self.start_data(port, self.data[0] if i else None)
        wait_for("replicas", lambda: self.ask(self.data[0], "INFO", "replication").count(b"state=online") == 2, every=0.05)
        for port in self.sentinels:
            path = os.path.join(self.folder, f"s{port}.conf")
            with open(path, "w") as f:
                f.write(f"port {port}\nsentinel monitor m 127.0.0.1 {self.data[0]} 2\n"
                        f"sentinel down-after-milliseconds m {self.down_after}\nsentinel failover-timeout m 20000\n")
            self.start(port, path, "--sentinel")
        for port in self.sentinels:
            wait_for("Sentinels", lambda: self.knows(port), every=0.05)

    def fields(self, port, *args):
        flat = [x.decode() for x in self.ask(port, *args)]
        return dict(zip(flat[::2], flat[1::2]))

    def knows(self, port):
        m = self.fields(port, "SENTINEL", "MASTER", "m")
        if m["num-slaves"] != "2" or m["num-other-sentinels"] != "2" or m["flags"] != "master":
            return False
        with Client(port) as c:
            return all(dict(zip(r[::2], r[1::2]))[b"master-link-status"] == b"ok"
                       for r in c.cmd("SENTINEL", "REPLICAS", "m"))

    def master(self):
        return int(self.ask(self.sentinels[0], "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "m")[1])

    def epoch(self):
        return int(self.fields(self.sentinels[0], "SENTINEL", "MASTER", "m")["config-epoch"])

    def measure(self, watch):
        old = self.data[0]
        killed = time.monotonic()
        self.procs[old].kill()
        self.procs[old].wait()

        def write():
            port = self.master()
            return port != old and self.ask(port, "SET", "first", "1") == "OK" and port
        new = wait_for("a write", write, 60, 0.002)
        took = (time.monotonic() - killed) * 1000
        first = self.epoch()
        end, acked = time.monotonic() + watch, []
        while time.monotonic() < end:
            try:
                port = self.master()
                if self.ask(port, "SET", f"w{len(acked)}", "1") == "OK":
                    acked.append(f"w{len(acked)}")
            except (OSError, ReplyError, EOFError):
                pass
            time.sleep(0.02)
        again = self.epoch() - first
        self.start_data(old)
        wait_for("the old master", lambda: self.ask(old, "PING") == "PONG", every=0.002)
        back = time.monotonic()
        wait_for("it to follow", lambda: b"role:slave" in self.ask(old, "INFO", "replication"), 60, 0.005)
        back = (time.monotonic() - back) * 1000
        final = self.master()
        with Client(final) as c:
            lost = sum(1 for k in acked if c.cmd("GET", k) is None)
        return took, again, back, lost

    def end(self):
        for p in self.procs.values():
            p.kill()
        for p in self.procs.values():
            p.wait()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--repeat", type=int, default=20)
    p.add_argument("--down-after", type=int, default=1000)
    p.add_argument("--watch", type=float, default=3)
    p.add_argument("--kinds", default="tanist,redis")
    a = p.parse_args()
    got = {k: [] for k in a.kinds.split(",")}
    for i in range(a.repeat):
        for kind in got:
            with tempfile.TemporaryDirectory(prefix="tanist-bench-") as folder:
                run = Run(kind, a.down_after, folder)
                try:
                    run.bring_up()
                    took, again, back, lost = run.measure(a.watch)
                finally:
                    run.end()
            got[kind].append((took, again, back, lost))
            print(f"{i + 1:3} {kind:7} write {took:6.0f} over {took - a.down_after:6.0f} again {again} "
                  f"return {back:6.0f} lost {lost}", flush=True)
    for kind, rows in got.items():
        over = sorted(r[0] - a.down_after for r in rows)
        print(f"{kind:7} over down-after: median {statistics.median(over):.0f} ms, worst {over[-1]:.0f} ms; second failovers "
              f"{sum(1 for r in rows if r[1])} of {len(rows)}; return median {statistics.median(r[2] for r in rows):.0f} ms, "
              f"worst {max(r[2] for r in rows):.0f} ms; lost {sum(r[3] for r in rows)}")


if __name__ == "__main__":
    main()
