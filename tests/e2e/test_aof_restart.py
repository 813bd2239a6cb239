"""Restarts of sets whose members keep append-only files: they go on by partial resyncs, never by a full one."""
import os
import signal
import threading

from lib import REDIS_CLI, REDIS_SERVER, ReplyError, TANIST, Client, Stage, ours_only, run, wait_for


class Load:
    """Writes of all kinds to a port, from a thread, until it is told to stop; survives restarts of the server."""

    def __init__(self, port):
        self.port, self.over, self.done = port, threading.Event(), 0
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self):
        n = 0
        while not self.over.is_set():
            try:
                with Client(self.port, timeout=5) as c:
                    while not self.over.is_set():
                        n += 1
                        batch = [("SET", f"k{n % 997}", f"v{n}"), ("INCR", "count"), ("LPUSH", "l", n),
                                 ("LTRIM", "l", 0, 50), ("MULTI",), ("INCR", "m1"), ("INCR", "m2"), ("EXEC",),
                                 ("SELECT", n % 3), ("SET", f"d{n % 97}", n, "EX", 1000), ("SELECT", 0),
                                 ("SADD", "s", n % 211), ("SPOP", "s"), ("PUBLISH", "ch", "x" * (n % 200))]
                        c.pipeline(batch)
                        self.done += 1
                        self.over.wait(0.002)
            except (OSError, EOFError, ReplyError):
                self.over.wait(0.02)

    def until(self, more):
        want = self.done + more
        wait_for("writes to be done", lambda: self.done >= want)

    def stop(self):
        self.over.set()
        self.thread.join()


def digest(p):
    return run(REDIS_CLI, "-p", p.port, "DEBUG", "DIGEST").stdout


def joined(master, replica):
    def up():
        r = replica.info("replication")
        return r.get("master_link_status") == "up" and r["master_sync_in_progress"] == "0"
    wait_for("the link to be up", up)
    wait_for("the replica to catch up", lambda: master.info("replication")["master_repl_offset"]
             == replica.info("replication")["slave_repl_offset"])


def count(p, what):
    return int(p.info("stats")[what])


def start(stage, port, name, binary, *options):
    p = stage.server("--appendonly", "yes", "--repl-diskless-sync-delay", "0",
                     "--repl-backlog-size", "64mb", "--auto-aof-rewrite-min-size", "2mb",
                     *options, binary=binary, port=port, name=name)
    wait_for("the data to be loaded", lambda: p.info("persistence")["loading"] == "0")
    return p


def pair(stage, master_binary, replica_binary):
    m = start(stage, None, "m", master_binary)
    r = start(stage, None, "r", replica_binary, "--replicaof", "127.0.0.1", str(m.port))
    joined(m, r)
    wait_for("the replica's new file", lambda: r.info("persistence")["aof_pending_rewrite"] == "0")
    return m, r


def same_data(m, r):
    joined(m, r)
    wait_for("the same data", lambda: digest(m) == digest(r))


def restart_replica(master_binary, how):
    with Stage() as stage:
        m, r = pair(stage, master_binary, TANIST)
        full = count(m, "sync_full")
        load = Load(m.port)
        try:
            for _ in range(3):
                load.until(150)
                r.kill(how)
                r.wait()
                load.until(20)
                r = start(stage, r.port, "r", TANIST, "--replicaof", "127.0.0.1", str(m.port))
                wait_for("the link", lambda: r.info("replication")["master_link_status"] == "up")
        finally:
            load.stop()
        same_data(m, r)
        assert count(m, "sync_full") == full, m.info("stats")
        assert count(m, "sync_partial_ok") >= 3


def restart_master(replica_binary, how):
    with Stage() as stage:
        m, r = pair(stage, TANIST, replica_binary)
        load = Load(m.port)
        try:
            for _ in range(3):
                load.until(150)
                m.kill(how)
                m.wait()
                m = start(stage, m.port, "m", TANIST)
                wait_for("the link", lambda: r.info("replication")["master_link_status"] == "up"
                         and r.info("replication")["master_sync_in_progress"] == "0")
                wait_for("a partial resync", lambda: count(m, "sync_partial_ok") == 1)
                assert count(m, "sync_full") == 0, m.logged()
        finally:
            load.stop()
        same_data(m, r)


@ours_only
def test_replica_is_killed():
    restart_replica(TANIST, signal.SIGKILL)


@ours_only
def test_replica_ends_in_order():
    restart_replica(TANIST, signal.SIGTERM)


@ours_only
def test_replica_of_redis_is_killed():
    restart_replica(REDIS_SERVER, signal.SIGKILL)


@ours_only
def test_master_is_killed():
    restart_master(TANIST, signal.SIGKILL)


@ours_only
def test_master_ends_in_order():
    restart_master(TANIST, signal.SIGTERM)


@ours_only
def test_master_of_redis_is_killed():
    restart_master(REDIS_SERVER, signal.SIGKILL)


@ours_only
def test_full_sync_begins_the_file_anew():
    with Stage() as stage:
        m = start(stage, None, "m", TANIST)
        r = start(stage, None, "r", TANIST)
        for i in range(200):
            m.cmd("SET", f"m{i}", i)
        r.cmd("SET", "old", 1)
        r.cmd("REPLICAOF", "127.0.0.1", m.port)
        joined(m, r)
        wait_for("the new file", lambda: r.info("persistence")["aof_pending_rewrite"] == "0")
        m.cmd("SET", "behind", 1)
        joined(m, r)
        full = count(m, "sync_full")
        r.kill()
        r.wait()
        r = start(stage, r.port, "r", TANIST, "--replicaof", "127.0.0.1", str(m.port))
        assert r.cmd("EXISTS", "old") == 0 and r.cmd("GET", "behind") == b"1"
        same_data(m, r)
        assert count(m, "sync_full") == full


@ours_only
def test_writable_replica():
    """Its own writes are in its file, and do not count as bytes of the stream."""
    with Stage() as stage:
        m, r = pair(stage, TANIST, TANIST)
        r.cmd("CONFIG", "SET", "replica-read-only", "no")
        with r.client() as c:
            for i in range(20):
                c.cmd("SET", f"mine{i}", i)
                m.cmd("SET", f"yours{i}", i)
            c.cmd("SELECT", 4)
            c.cmd("SET", "mine", "four")
        m.cmd("SET", "last", 1)
        joined(m, r)
        full = count(m, "sync_full")
        r.kill()
        r.wait()
        r = start(stage, r.port, "r", TANIST, "--replicaof", "127.0.0.1", str(m.port))
        joined(m, r)
        assert r.cmd("GET", "mine19") == b"19" and r.cmd("GET", "last") == b"1"
        with r.client() as c:
            c.cmd("SELECT", 4)
            assert c.cmd("GET", "mine") == b"four"
        assert count(m, "sync_full") == full


@ours_only
def test_redis_loads_files_with_places():
    with Stage() as stage:
        m, r = pair(stage, TANIST, TANIST)
        load = Load(m.port)
        load.until(100)
        load.stop()
        same_data(m, r)
        before = digest(m)
        for p in (m, r):
            names = sorted(os.listdir(os.path.join(p.folder, "appendonlydir")))
            data = b"".join(open(os.path.join(p.folder, "appendonlydir", n), "rb").read() for n in names)
            assert b"#REPL " in data
            p.end()
            got = run("/usr/bin/redis-check-aof",
                      os.path.join(p.folder, "appendonlydir", "appendonly.aof.manifest"))
            assert got.returncode == 0, got.stdout + got.stderr
            q = start(stage, None, os.path.basename(p.folder), REDIS_SERVER)
            assert digest(q) == before
            q.end()


@ours_only
def test_waitaof():
    """Disks here and at replicas; `always` answers in the same turn, `no` never does by itself."""
    with Stage() as stage:
        m, r = pair(stage, TANIST, TANIST)
        with m.client() as c:
            c.cmd("SET", "a", 1)
            assert c.cmd("WAITAOF", 1, 1, 0) == [1, 1]
            m.cmd("CONFIG", "SET", "appendfsync", "always")
            c.cmd("SET", "a", 2)
            assert c.cmd("WAITAOF", 1, 0, 0)[0] == 1
            r.cmd("CONFIG", "SET", "appendfsync", "no")
            c.cmd("SET", "a", 3)
            assert c.cmd("WAITAOF", 1, 1, 100) == [1, 0]
            m.cmd("CONFIG", "SET", "appendonly", "no")
            try:
                c.cmd("WAITAOF", 1, 0, 0)
                raise AssertionError("an error was due")
            except ReplyError as e:
                assert "appendonly is disabled" in str(e)
