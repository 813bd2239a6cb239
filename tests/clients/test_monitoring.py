"""prometheus-redis-exporter reads ours as it reads Redis: the same metrics of a master, a replica and a Sentinel."""
import subprocess
import urllib.request

from lib import REDIS_SENTINEL, REDIS_SERVER, TANIST, ReplyError, Stage, free_port, replica_caught_up, wait_for

QUICK = ("--repl-diskless-sync-delay", "0")


def metrics(port):
    """Names, and the labels of those that tell one thing from another, without values."""
    own = free_port()
    exporter = subprocess.Popen(["prometheus-redis-exporter", "--redis.addr", f"redis://127.0.0.1:{port}",
                                 "--web.listen-address", f"127.0.0.1:{own}"], stderr=subprocess.DEVNULL)
    try:
        page = wait_for("the exporter", lambda: urllib.request.urlopen(f"http://127.0.0.1:{own}/metrics", timeout=10).read())
        lines = [line for line in page.decode().split("\n") if line.startswith("redis_")]
        assert "redis_up 1" in lines, lines
        return {line.split("{")[0].split(" ")[0] for line in lines}
    finally:
        exporter.kill()
        exporter.wait()


def all_metrics(server, sentinel):
    with Stage() as stage:
        master = stage.server(*QUICK, "--appendonly", "yes", binary=server)
        replica = stage.server(*QUICK, "--replicaof", f"127.0.0.1 {master.port}", binary=server)
        wait_for("the replica", lambda: replica_caught_up(master, replica))
        master.cmd("SET", "a", 1, "EX", 100)
        try:
            master.cmd("NOPE")
        except ReplyError:
            pass
        watcher = stage.sentinel(f"sentinel monitor m 127.0.0.1 {master.port} 1", binary=sentinel)
        wait_for("the Sentinel", lambda: len(watcher.cmd("SENTINEL", "REPLICAS", "m")) == 1)
        return [metrics(p.port) for p in (master, replica, watcher)]


def test_exporter():
    ours, theirs = all_metrics(TANIST, TANIST), all_metrics(REDIS_SERVER, REDIS_SENTINEL)
    for who, o, t in zip(("master", "replica", "sentinel"), ours, theirs):
        assert len(t) > 50 and not t - o, f"{who}: not there: {sorted(t - o)}"
