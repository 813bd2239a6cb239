#!/usr/bin/env python3
"""Failover time, ours beside redis-server and redis-sentinel, interleaved.

    tests/bench/failover.py [--case kill] [--repeat 20] [--down-after 1000] [--watch 3]

Each repetition brings up a master, two replicas and three Sentinels (quorum 2), and makes the case
happen while a client writes to the address that the Sentinels give:
  kill     SIGKILL of the master; it comes back later
  stop     SIGSTOP of the master; SIGCONT later, with writes waiting in its sockets
  request  SENTINEL FAILOVER under a steady writer
  sigterm  SIGTERM of the master under a steady writer
  fast     as kill, with `sentinel fast-down m yes` (ours alone)

What is measured:
  write    ms from that to the first accepted write at the address that the Sentinels give
  over     the same minus down-after
  again    failovers after the first within the time watched
  return   ms from the old master's first answer after its restart until it reports role:slave
  woken    ms for which the woken old master went on acknowledging (stop)
  lost     acknowledged writes after the failover that are gone at the end
"""
import argparse
import os
import signal
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
    def __init__(self, kind, down_after, folder, case="kill"):
        self.case, self.settle = case, 12 if kind == "redis" else 1
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

    def steady(self, old):
        """A writer that follows the Sentinels, until it has written elsewhere for a while."""
        acked, c, port, moved, n = [], None, None, None, 0
        begin = time.monotonic()
        while moved is None or time.monotonic() - moved < 0.3:
            if time.monotonic() - begin > 60: raise AssertionError("no new master")
            n += 1
            try:
                if c is None:
                    port = self.master()
                    c = Client(port, timeout=1)
                c.cmd("SET", f"k{n}", n)
                acked.append((time.monotonic(), port, f"k{n}"))
                if port != old and moved is None: moved = time.monotonic()
            except (OSError, ReplyError, EOFError):
                if c: c.close()
                c = None
                time.sleep(0.001)
            if n == 200: self.begin(old)
        return acked, moved

    def begin(self, old):
        self.began = time.monotonic()
        if self.case == "request":
            self.ask(self.sentinels[0], "SENTINEL", "FAILOVER", "m")
        else:
            self.procs[old].send_signal(signal.SIGTERM)

    def planned(self):
        old = self.data[0]
        acked, moved = self.steady(old)
        if self.case == "request": time.sleep(self.settle)
        with Client(self.master()) as c:
            lost = sum(1 for a in acked if c.cmd("GET", a[2]) is None)
        return (moved - self.began) * 1000, 0, 0, lost, 0

    def woken(self, old):
        """How long it acknowledges, from its waking to its last OK."""
        with Client(old, timeout=20) as c:
            for n in range(100): c.send("SET", f"z{n}", n)
            self.procs[old].send_signal(signal.SIGCONT)
            begin, last, n = time.monotonic(), 0, 0
            while time.monotonic() - begin < 12:
                try:
                    answer = c.read()
                    if answer == "OK": last = time.monotonic() - begin
                except ReplyError:
                    if n > 120: break
                except (OSError, EOFError):
                    break
                n += 1
                if n >= 100:
                    try:
                        c.send("SET", "z", n)
                    except OSError:
                        break
                    time.sleep(0.005)
        return last * 1000

    def follows(self, old):
        """A second failover may have named the old one again: then it never follows, and the minute is the figure."""
        try:
            wait_for("it to follow", lambda: b"role:slave" in self.ask(old, "INFO", "replication"), 60, 0.005)
        except AssertionError:
            pass

    def measure(self, watch):
        old = self.data[0]
        if self.case in ("request", "sigterm"): return self.planned()
        if self.case == "fast":
            for port in self.sentinels: self.ask(port, "SENTINEL", "SET", "m", "fast-down", "yes")
        waiting = Client(old) if self.case == "stop" else None
        killed = time.monotonic()
        if self.case == "stop":
            self.procs[old].send_signal(signal.SIGSTOP)
        else:
            self.procs[old].kill()
            self.procs[old].wait()
        woken = 0

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
        if self.case == "stop":
            woken = self.woken(old)
            waiting.close()
        else:
            self.start_data(old)
        wait_for("the old master", lambda: self.ask(old, "PING") == "PONG", every=0.002)
        back = time.monotonic()
        self.follows(old)
        back = (time.monotonic() - back) * 1000
        final = self.master()
        with Client(final) as c:
            lost = sum(1 for k in acked if c.cmd("GET", k) is None)
        return took, again, back, lost, woken

    def end(self):
        for p in self.procs.values():
            p.kill()
        for p in self.procs.values():
            p.wait()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--case", default="kill", choices=["kill", "stop", "request", "sigterm", "fast"])
    p.add_argument("--repeat", type=int, default=20)
    p.add_argument("--down-after", type=int, default=1000)
    p.add_argument("--watch", type=float, default=3)
    p.add_argument("--kinds", default="tanist,redis")
    a = p.parse_args()
    wait = a.down_after if a.case in ("kill", "stop") else 0
    got = {k: [] for k in a.kinds.split(",") if a.case != "fast" or k != "redis"}
    for i in range(a.repeat):
        for kind in got:
            with tempfile.TemporaryDirectory(prefix="tanist-bench-") as folder:
                run = Run(kind, a.down_after, folder, a.case)
                try:
                    run.bring_up()
                    took, again, back, lost, woken = run.measure(a.watch)
                finally:
                    run.end()
            got[kind].append((took, again, back, lost, woken))
            print(f"{i + 1:3} {kind:7} write {took:6.0f} over {took - wait:6.0f} again {again} "
                  f"return {back:6.0f} woken {woken:6.0f} lost {lost}", flush=True)
    for kind, rows in got.items():
        over = sorted(r[0] - wait for r in rows)
        print(f"{kind:7} {a.case}: over {wait} ms: median {statistics.median(over):.0f} ms, worst {over[-1]:.0f} ms; second failovers "
              f"{sum(1 for r in rows if r[1])} of {len(rows)}; return median {statistics.median(r[2] for r in rows):.0f} ms, "
              f"worst {max(r[2] for r in rows):.0f} ms; woken worst {max(r[4] for r in rows):.0f} ms; lost {sum(r[3] for r in rows)}")


if __name__ == "__main__":
    main()
