"""What slow replicas have not read yet goes to a file of the master's: memory is bounded, and nobody is dropped for it."""
import os
import shutil

from lib import REDIS_SERVER, Client, Stage, ours_only, replica_caught_up, wait_for
from test_full_sync import Load, digest, fill

VALUE = "x" * 1000


def stalled(master):
    """A replica that has its snapshot and reads nothing more; with the database of its stream."""
    c = Client(master.port)
    c.cmd("REPLCONF", "capa", "eof", "capa", "psync2")
    c.send("PSYNC", "?", "-1")
    assert c.line().startswith(b"+FULLRESYNC")
    mark = c.line()[len("$EOF:"):]
    assert len(mark) == 40, mark
    snapshot = b""
    while not snapshot.endswith(mark):
        snapshot += c.file.read(1)
    c.send("REPLCONF", "ACK", "0")
    return c


def write(master, megabytes):
    with master.client() as c:
        for at in range(megabytes):
            c.pipeline([("SET", f"k{i % 100}", f"{at}:{i}:{VALUE}") for i in range(1000)])


def figures(master):
    return master.info("replication"), int(master.info("memory")["mem_total_replication_buffers"])


def read_all(c, megabytes):
    """Every byte, in order."""
    for at in range(megabytes):
        for i in range(1000):
            got = c.read()
            while got[0] in (b"PING", b"SELECT"):
                got = c.read()
            assert got == [b"SET", b"k%d" % (i % 100), f"{at}:{i}:{VALUE}".encode()], (at, i, got[:2])


@ours_only
def test_a_slow_replica_costs_no_memory():
    with Stage() as stage:
        master = stage.server("--repl-spool-memory", "1mb", "--repl-diskless-sync-delay", 0, "--client-output-buffer-limit", "replica 0 0 0")
        slow = stalled(master)
        write(master, 20)
        info, memory = figures(master)
        assert int(info["repl_spool_file_bytes"]) > 8 << 20, info
        assert memory < 5 << 20, memory
        assert not [n for n in os.listdir(master.folder) if "temp" in n], "the file has no name"
        read_all(slow, 20)
        wait_for("the file to go", lambda: figures(master)[0]["repl_spool_file_bytes"] == "0")
        assert info["repl_spool_errors"] == "0"
        write(master, 1)
        read_all(slow, 1)
        slow.close()


@ours_only
def test_by_age():
    with Stage() as stage:
        master = stage.server("--repl-spool-seconds", 1, "--repl-diskless-sync-delay", 0)
        slow = stalled(master)
        write(master, 12)
        wait_for("it to be too old", lambda: int(figures(master)[0]["repl_spool_file_bytes"]) > 2 << 20)
        read_all(slow, 12)
        slow.close()


@ours_only
def test_a_disk_that_fails():
    """What can not be written stays in memory; then the limits of output buffers hold for a full sync too."""
    with Stage() as stage:
        master = stage.server("--repl-spool-memory", "1mb", "--repl-diskless-sync-delay", 0, "--client-output-buffer-limit", "replica 0 0 0")
        slow = stalled(master)
        shutil.move(master.folder, master.folder + "-away")
        write(master, 12)
        info, memory = figures(master)
        assert int(info["repl_spool_errors"]) > 0 and "No such file" in info["repl_spool_last_error"], info
        assert info["repl_spool_file_bytes"] == "0" and memory > 4 << 20
        shutil.move(master.folder + "-away", master.folder)
        wait_for("the file", lambda: int(figures(master)[0]["repl_spool_file_bytes"]) > 2 << 20)
        assert "repl_spool_last_error" not in figures(master)[0]
        read_all(slow, 12)
        master.cmd("CONFIG", "SET", "client-output-buffer-limit", "replica 2mb 2mb 60", "repl-spool-file-max", "1")
        write(master, 16)
        wait_for("it to be dropped", lambda: figures(master)[0]["connected_slaves"] == "0")
        assert "overcoming of output buffer limits" in master.logged()
        wait_for("memory to be given back", lambda: figures(master)[1] < 3 << 20)
        slow.close()


@ours_only
def test_a_reference_syncs_at_the_first_try():
    """It can not read the stream before it has loaded: all of it waits here."""
    with Stage() as stage:
        master = stage.server("--repl-diskless-sync-delay", 0, "--client-output-buffer-limit", "replica 4mb 4mb 60",
                              "--repl-spool-memory", "1mb", "--repl-backlog-size", "64kb")
        fill(master, 10000)
        replica = stage.server("--replicaof", f"127.0.0.1 {master.port}", "--key-load-delay", 200,
                               "--loading-process-events-interval-bytes", 1024, binary=REDIS_SERVER)
        wait_for("loading", lambda: replica.info("persistence")["loading"] == "1", 60)
        load = Load(master, pause=0.002)
        try:
            wait_for("the load", lambda: load.n * 4000 > 24 << 20, 60)
            memory = figures(master)[1]
            assert memory < 6 << 20, memory
            assert replica.info("persistence")["loading"] == "1", "the load was too weak to show anything"
            load.pause = 0.02
            replica.cmd("CONFIG", "SET", "key-load-delay", 0)
            wait_for("the link", lambda: replica.info("replication")["master_link_status"] == "up", 60)
        finally:
            load.end()
        wait_for("equal offsets", lambda: replica_caught_up(master, replica), 60)
        assert digest(master) == digest(replica)
        assert master.info("stats")["sync_full"] == "1"
