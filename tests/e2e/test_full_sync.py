"""Full syncs under load: the replica reads the stream on while it loads, and is not dropped while it makes progress."""
import threading
import time

from lib import REDIS_SERVER, TANIST, Stage, ours_only, replica_caught_up, wait_for

KEYS = 30000


def fill(server, n=KEYS, size=100):
    with server.client() as c:
        for at in range(0, n, 1000):
            c.pipeline([("SET", f"key:{i}", "v" * size) for i in range(at, min(at + 1000, n))])


class Load:
    """Large writes until it is ended."""

    def __init__(self, server, size=4000, pause=0):
        self.pause, self.server, self.size, self.stop, self.n = pause, server, size, threading.Event(), 0
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        with self.server.client() as c:
            while not self.stop.is_set():
                c.pipeline([("SET", f"w:{(self.n + i) % 300}", f"{self.n + i}" * (self.size // 8)) for i in range(20)])
                self.n += 20
                time.sleep(self.pause)

    def end(self):
        self.stop.set()
        self.thread.join(30)
        assert not self.thread.is_alive()


def digest(server):
    return server.cmd("DEBUG", "DIGEST")


def under_load(master_binary, *replica_options, diskless="yes", limit=8, times=4, pause=0.001):
    """Output limits that the load fills several times while the replica loads."""
    with Stage() as stage:
        master = stage.server("--repl-diskless-sync", diskless, "--repl-diskless-sync-delay", 0,
                              "--client-output-buffer-limit", f"replica {limit}mb {limit}mb 60", "--repl-backlog-size", "64kb",
                              binary=master_binary)
        fill(master)
        replica = stage.server("--replicaof", f"127.0.0.1 {master.port}", "--key-load-delay", 300, *replica_options)
        wait_for("loading", lambda: replica.info("persistence")["loading"] == "1", 60)
        load = Load(master, pause=pause)
        try:
            wait_for("the load", lambda: load.n * 4000 > limit * times << 20, 60)
            assert replica.info("persistence")["loading"] == "1", "the load was too weak to show anything"
            replica.cmd("CONFIG", "SET", "key-load-delay", 0)
            wait_for("the link", lambda: replica.info("replication")["master_link_status"] == "up", 60)
        finally:
            load.end()
        wait_for("equal offsets", lambda: replica_caught_up(master, replica), 60)
        assert digest(master) == digest(replica)
        if master_binary == TANIST:
            once = master.logged().split("Synchronization with replica")[0]
            assert "output buffer limits" not in once, "it was dropped before it had all"
        return int(master.info("stats")["sync_full"])


@ours_only
def test_first_try_from_ours():
    assert under_load(TANIST) == 1


@ours_only
def test_first_try_by_file():
    assert under_load(TANIST, diskless="no") == 1


@ours_only
def test_first_try_by_file_from_theirs():
    """Theirs sends the stream behind the file at once: what we read does not fill its buffers.
    Not faster than a replica with a sanitizer can read."""
    assert under_load(REDIS_SERVER, diskless="no", limit=64, times=1, pause=0.003) == 1


@ours_only
def test_joiners_share_a_running_snapshot():
    """A replica that comes while a snapshot is being sent to sockets gets the same one."""
    with Stage() as stage:
        master = stage.server("--repl-diskless-sync-delay", 0, "--rdb-key-save-delay", 100, "--rdbcompression", "no")
        fill(master, 20000, 300)
        replicas = []
        for n in range(3):
            replicas.append(stage.server("--replicaof", f"127.0.0.1 {master.port}"))
            wait_for("its transfer", lambda: int(replicas[-1].info("replication").get("master_sync_read_bytes", 0)) > 1000)
            assert replicas[0].info("replication")["master_link_status"] == "down", "it was over too soon"
            master.cmd("SET", f"since{n}", n)
        for r in replicas:
            wait_for("the link", lambda r=r: replica_caught_up(master, r), 60)
            assert digest(r) == digest(master)
        assert master.logged().count("Starting BGSAVE for SYNC") == 1
        assert master.logged().count("joins the snapshot that is being sent") == 2


@ours_only
def test_spool_in_a_file():
    assert under_load(TANIST, "--repl-spool-memory", "1mb") == 1


@ours_only
def test_master_dies_while_it_is_loaded():
    """What had been sent before the end is applied before the end is noticed."""
    with Stage() as stage:
        master = stage.server("--repl-diskless-sync-delay", 0)
        fill(master, 10000)
        replica = stage.server("--replicaof", f"127.0.0.1 {master.port}", "--key-load-delay", 100)
        wait_for("the load", lambda: replica.info("persistence")["loading"] == "1", 60)
        master.cmd("SET", "last", "word")
        wait_for("it to be sent", lambda: int(replica.info("replication")["slave_read_repl_offset"]) >= 0)
        time.sleep(0.1)  # on its way to the replica's spool; nothing tells when it is there
        master.kill()
        master.wait()
        wait_for("the load to end", lambda: replica.info("persistence")["loading"] == "0", 60)
        wait_for("the word", lambda: replica.cmd("GET", "last") == b"word")
        wait_for("the loss", lambda: replica.info("replication")["master_link_status"] == "down")
        assert replica.cmd("DBSIZE") == 10001
