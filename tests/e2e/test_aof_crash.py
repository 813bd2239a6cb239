"""Kills: whatever was acknowledged is there again, transactions are whole, whenever the process dies.

    tests/e2e/test_aof_crash.py --repeat 300 [--fsync always|everysec]     the long form

With `always` and with `everysec` alike: a write is in the file before its answer leaves.
"""
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

from lib import ReplyError, Client, Stage, ours_only, run, wait_for

CLIENTS = 4
# A shim that kills its process at the n-th call that changes the disk, and whose syncs fail while a file is there.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
static void count(void) {
    static long left = -1;
    if (left < 0) { const char *n = getenv("KILL_AT"); left = n ? atol(n) : 0; if (left == 0) left = 1L << 40; }
    if (--left == 0) kill(getpid(), SIGKILL);
}
static int is_file(int fd) { struct stat st; return fstat(fd, &st) == 0 && S_ISREG(st.st_mode); }
static int broken(void) {
    const char *mark = getenv("SYNC_FAILS");
    if (!mark || access(mark, F_OK) != 0) return 0;
    errno = EIO;
    return 1;
}
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
int rename(const char *a, const char *b) { count(); return NEXT(rename)(a, b); }
int unlink(const char *a) { count(); return NEXT(unlink)(a); }
int fsync(int fd) { count(); return NEXT(fsync)(fd); }
int fdatasync(int fd) { count(); if (broken()) return -1; return NEXT(fdatasync)(fd); }
int ftruncate(int fd, off_t n) { count(); return NEXT(ftruncate)(fd, n); }
ssize_t write(int fd, const void *p, size_t n) {
    if (fd > 2 && is_file(fd)) count();
    return NEXT(write)(fd, p, n);
}
"""


class Writer(threading.Thread):
    """Counts up keys of its own; knows what was acknowledged, and what might have been done."""

    def __init__(self, port, me, asked, acked):
        super().__init__()
        self.port, self.me, self.asked, self.acked = port, me, asked, acked

    def run(self):
        try:
            with Client(self.port, timeout=10) as c:
                while True:
                    n = self.asked[self.me] + 1
                    self.asked[self.me] = n
                    got = c.pipeline([("MULTI",), ("SET", f"a{self.me}", n), ("SET", f"b{self.me}", n),
                                      ("RPUSH", f"l{self.me}", n), ("LTRIM", f"l{self.me}", -3, -1), ("EXEC",)])
                    assert got[-1][0] == "OK", got
                    self.acked[self.me] = n
        except (OSError, EOFError, ReplyError):
            pass


def check_data(p, asked, acked):
    with p.client() as c:
        for me in range(CLIENTS):
            a, b, last = c.cmd("GET", f"a{me}"), c.cmd("GET", f"b{me}"), c.cmd("LINDEX", f"l{me}", -1)
            assert a == b and b == last, f"a transaction was torn: {a} {b} {last}"
            n = int(a or 0)
            assert n >= acked[me], f"client {me}: {acked[me]} was acknowledged, {n} is there"
            assert n <= asked[me]
            asked[me] = acked[me] = n


def loaded(p):
    wait_for("the data to be loaded", lambda: p.info("persistence")["loading"] == "0")
    return p


def kills(fsync, repeat, seed=1):
    rng = random.Random(seed)
    asked, acked, during = [0] * CLIENTS, [0] * CLIENTS, 0
    with Stage() as stage:
        port = None
        for _ in range(repeat):
            p = loaded(stage.server("--appendonly", "yes", "--appendfsync", fsync, "--auto-aof-rewrite-min-size",
                                    "20kb", "--rdb-key-save-delay", rng.choice([0, 0, 20000]), port=port, name="n"))
            port = p.port
            check_data(p, asked, acked)
            before = sum(acked)
            writers = [Writer(port, i, asked, acked) for i in range(CLIENTS)]
            for w in writers:
                w.start()
            if rng.random() < 0.5:
                p.cmd(rng.choice(["BGREWRITEAOF", "BGSAVE"]))
            wait_for("writes", lambda: sum(acked) >= before + rng.randrange(1, 60), every=0.001)
            time.sleep(rng.random() * 0.1)
            during += p.info("persistence")["aof_rewrite_in_progress"] == "1"
            p.kill(signal.SIGKILL)
            p.wait()
            stage.processes.remove(p)
            assert "AddressSanitizer" not in p.logged()
            for w in writers:
                w.join()
        p = loaded(stage.server("--appendonly", "yes", port=port, name="n"))
        check_data(p, asked, acked)
        print(f"{fsync}: {repeat} kills, {during} of them during a rewrite, {sum(acked)} units acknowledged, none lost")


@ours_only
def test_kills_always():
    kills("always", 12)


@ours_only
def test_kills_everysec():
    kills("everysec", 12, seed=2)


def shim(folder):
    source, library = os.path.join(folder, "kill_at.c"), os.path.join(folder, "kill_at.so")
    with open(source, "w") as f:
        f.write(SHIM)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


def steps(first, last, every):
    """Dies at each disk call of a start, a rewrite, turning off and on, in turn."""
    with Stage() as stage:
        library = shim(stage.folder)
        env = dict(os.environ, LD_PRELOAD=library,
                   ASAN_OPTIONS="verify_asan_link_order=0:" + os.environ.get("ASAN_OPTIONS", ""))
        died = 0
        for n in range(first, last, every):
            env["KILL_AT"] = str(n)
            name = f"s{n}"
            p = stage.server("--appendonly", "yes", "--appendfsync", "always", name=name, env=env, wait=False)
            acked = 0
            try:
                wait_for("the server", lambda: p.proc.poll() is not None or p.cmd("PING"))
                with p.client() as c:
                    def rewritten():
                        assert p.proc.poll() is None
                        i = c.info("persistence")
                        failed = i["aof_last_bgrewrite_status"] == "err" # the child died, not we
                        return failed or (i["aof_rewrite_in_progress"] == "0" and i["aof_rewrite_scheduled"] == "0")
                    for i in range(1, 4):
                        c.cmd("SET", "k", i)
                        acked = i
                    c.cmd("BGREWRITEAOF")
                    wait_for("the rewrite", rewritten)
                    c.cmd("SET", "k", 4)
                    acked = 4
                    c.cmd("CONFIG", "SET", "appendonly", "no")
                    c.cmd("CONFIG", "SET", "appendonly", "yes")
                    wait_for("the rewrite", rewritten)
                    if c.info("persistence")["aof_pending_rewrite"] == "0":
                        c.cmd("SET", "k", 5)
                        acked = 5
            except (OSError, EOFError, AssertionError):
                wait_for("the process to be dead", lambda: p.proc.poll() is not None)
            died += p.proc.poll() == -signal.SIGKILL
            p.kill()
            p.wait()
            p = loaded(stage.server("--appendonly", "yes", name=name))
            got = int(p.cmd("GET", "k") or 0)
            assert acked <= got <= acked + 1, f"at call {n}: {acked} was acknowledged, {got} is there"
            check = run("/usr/bin/redis-check-aof", os.path.join(p.folder, "appendonlydir", "appendonly.aof.manifest"))
            assert check.returncode == 0, check.stdout + check.stderr
            p.end()
            stage.processes.clear()
            shutil.rmtree(p.folder)
        print(f"{died} deaths")
        assert died


@ours_only
def test_dies_between_steps():
    steps(3, 48, 5)


def failing_syncs(stage, fsync):
    mark = os.path.join(stage.folder, "mark")
    env = dict(os.environ, LD_PRELOAD=shim(stage.folder), SYNC_FAILS=mark,
               ASAN_OPTIONS="verify_asan_link_order=0:" + os.environ.get("ASAN_OPTIONS", ""))
    p = stage.server("--appendonly", "yes", "--appendfsync", fsync, name="n", env=env)
    p.cmd("SET", "k", 1)
    open(mark, "w").close()
    return p, mark


@ours_only
def test_sync_fails_everysec():
    """Writers are told; what could not be synced is written anew, and all goes on without a restart."""
    with Stage() as stage:
        p, mark = failing_syncs(stage, "everysec")
        with p.client() as c:
            acked = 0

            def told():
                nonlocal acked
                try:
                    c.cmd("SET", "k", acked + 1)
                    acked += 1
                except ReplyError as e:
                    return "MISCONF Errors writing to the AOF file: Input/output error" in str(e)
            wait_for("an error", told)
            assert c.info("persistence")["aof_last_write_status"] == "err"
            assert int(c.cmd("GET", "k")) == acked
            os.unlink(mark)
            wait_for("recovery", lambda: c.cmd("SET", "again", 1))
            wait_for("the file to be made anew", lambda: "aof_rewrites:0" not in c.text("INFO", "persistence")
                     and c.info("persistence")["aof_rewrite_in_progress"] == "0")
        p.kill()
        p.wait()
        p = loaded(stage.server("--appendonly", "yes", name="n"))
        assert int(p.cmd("GET", "k")) == acked and p.cmd("GET", "again") == b"1"


@ours_only
def test_sync_fails_always():
    """The promise can not be kept: nobody gets an answer, and the process ends."""
    with Stage() as stage:
        p, _ = failing_syncs(stage, "always")
        with p.client() as c:
            c.send("SET", "k", 2)
            assert c.closed()
        assert p.wait() == 1
        assert "Can't recover from AOF fsync error when the AOF fsync policy is 'always'" in p.logged()
        p = loaded(stage.server("--appendonly", "yes", name="n"))
        assert p.cmd("GET", "k") in (b"1", b"2")


def main(argv):
    repeat = int(argv[argv.index("--repeat") + 1]) if "--repeat" in argv else 300
    ways = [argv[argv.index("--fsync") + 1]] if "--fsync" in argv else ["always", "everysec"]
    if "--steps" in argv:
        steps(1, repeat, 1)
    else:
        for way in ways:
            kills(way, repeat, seed=repeat)


if __name__ == "__main__":
    main(sys.argv)
