"""The practice walk: what tutorials make people type, with the real redis-cli against our links."""
import os
import subprocess

from lib import BUILD, REDIS_CLI, Stage, free_port, replica_caught_up, wait_for

SERVER = os.path.join(BUILD, "redis-server")
SENTINEL = os.path.join(BUILD, "redis-sentinel")


def cli(port, *args):
    p = subprocess.run([REDIS_CLI, "-p", str(port), *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       timeout=30)
    return p.stdout.decode().replace("\r\n", "\n").rstrip("\n")


def start(stage, *argv, port):
    return stage.start([str(a) for a in argv], port)


def walk(host, sentinel_extra=""):
    with Stage() as stage:
        a, b, c = free_port(), free_port(), free_port()
        one = start(stage, SERVER, "--port", a, port=a)
        two = start(stage, SERVER, "--port", b, port=b)
        assert cli(b, "SLAVEOF", host, str(a)) == "OK"
        wait_for("the sync", lambda: replica_caught_up(one, two))
        assert cli(a, "SET", "greeting", "hello") == "OK"
        wait_for("the key on the replica", lambda: cli(b, "GET", "greeting") == "hello")
        assert cli(b, "SET", "greeting", "no").startswith("READONLY You can't write against a read only replica.")
        info = cli(a, "INFO", "REPLICATION")
        assert "role:master" in info and "connected_slaves:1" in info, info
        info = cli(b, "INFO", "REPLICATION")
        for line in ("role:slave", f"master_host:{host}", f"master_port:{a}", "master_link_status:up"):
            assert line in info, (line, info)
        assert cli(b, "SLAVEOF", "NO", "ONE") == "OK"
        assert "role:master" in cli(b, "INFO", "REPLICATION")
        cli(b, "SHUTDOWN", "NOSAVE")
        two.wait()

        two = start(stage, SERVER, "--port", b, "--replicaof", host, a, port=b)
        wait_for("the sync", lambda: replica_caught_up(one, two))
        path = os.path.join(stage.folder, "sentinel.conf")
        with open(path, "w") as f:
            f.write(f"port {c}\n{sentinel_extra}"
                    f"sentinel monitor mymaster {host} {a} 1  # Monitor master, quorum=1\n"
                    "sentinel down-after-milliseconds mymaster 1000\n"
                    "sentinel failover-timeout mymaster 60000\n")
        watch = start(stage, SENTINEL, path, port=c)
        wait_for("the replica to be known", lambda: "num-slaves\n1\n" in cli(c, "SENTINEL", "MASTERS") + "\n")
        cli(c, "SHUTDOWN")
        watch.wait()
        watch = start(stage, SERVER, path, "--sentinel", port=c)
        addr = lambda: cli(c, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster").split("\n")
        assert addr()[1] == str(a), addr()
        wait_for("the replica to be usable",
                 lambda: "slave-priority\n100" in cli(c, "SENTINEL", "REPLICAS", "mymaster")
                 and "master-link-status\nok" in cli(c, "SENTINEL", "REPLICAS", "mymaster"))

        cli(a, "SHUTDOWN", "NOSAVE")
        one.wait()
        wait_for("the failover", lambda: addr()[1] == str(b))
        wait_for("writes", lambda: cli(b, "SET", "after", "1") == "OK")
        one = start(stage, SERVER, "--port", a, port=a)
        wait_for("the old master to be a replica", lambda: "role:slave" in cli(a, "INFO", "REPLICATION"))
        wait_for("its data", lambda: cli(a, "GET", "after") == "1")
        wait_for("the Sentinel to see it up", lambda: "master-link-status\nok" in cli(
            c, "SENTINEL", "REPLICAS", "mymaster"))
        wait_for("a forced failover", lambda: cli(c, "SENTINEL", "FAILOVER", "mymaster") == "OK")
        wait_for("the way back", lambda: addr()[1] == str(a))
        wait_for("roles", lambda: "role:slave" in cli(b, "INFO", "REPLICATION"))


def test_walk_by_address():
    walk("127.0.0.1")


def test_walk_by_name():
    walk("localhost", "sentinel resolve-hostnames yes\nsentinel announce-hostnames yes\n")


def test_the_practice_set_ends_clean():
    folder = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    env = dict(os.environ, TANIST_BUILD=BUILD)
    p = subprocess.run(["sh", os.path.join(folder, "configs", "practice.sh"), "--check"], env=env,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=200)
    out = p.stdout.decode()
    assert p.returncode == 0, out
    assert "first accepted write after" in out and "+switch-master" in out, out
    left = [line.split()[1] for line in out.split("\n") if line.startswith("$ kill -9")]
    assert left and not os.path.exists(out.split("configuration files are in ")[1].split("\n")[0])
