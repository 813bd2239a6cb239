"""Clients that follow the Sentinels, and HAProxy's role check, over a requested and an unexpected failover.

All clients write at once, each a list of its own with rising numbers. A requested failover loses nothing
that was acknowledged; after kill -9 each client goes on at the new master, and nothing acknowledged
after the switch is missing there: none wrote to a wrong master. Then the old master is back as replica.
"""
import os
import subprocess

import client_set
from lib import ORACLE, Client, Stage, free_port, wait_for, write_file

FOLLOWERS = ["redis-py", "php-redis", "predis", "ruby-redis", "perl-redis", "node-redis", "ioredis",
             "redigo"]


class Follower:
    """A program in its `sentinel` mode; what it says goes into a file."""

    mode = "sentinel"

    def __init__(self, stage, name, ports):
        self.name, self.key = name, f"written:{name}"
        self.path = os.path.join(stage.folder, f"{name}.out")
        with open(self.path, "wb") as out:
            self.proc = subprocess.Popen([*client_set.command(name), self.mode, ports, "m", self.key], stdout=out,
                                         stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    def said(self):
        with open(self.path, errors="replace") as f:
            return f.read()

    def acknowledged(self):
        return [int(line.split()[1]) for line in self.said().split("\n")[:-1] if line.startswith("wrote ")]

    def ended(self):
        code = self.proc.poll()
        assert code in (None, 0), f"{self.name} ended with {code}:\n{self.said()[-2000:]}"
        return code == 0

    def stop(self):
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait()


def started(st):
    quick = ["--repl-diskless-sync-delay", "0"]
    master = st.server(*quick)
    servers = [master] + [st.server(*quick, "--replicaof", f"127.0.0.1 {master.port}") for _ in range(2)]
    sentinels = [st.sentinel(f"sentinel monitor m 127.0.0.1 {master.port} 2\n"
                             "sentinel down-after-milliseconds m 1500\n"
                             "sentinel failover-timeout m 5000") for _ in range(3)]

    def settled(s):
        peers, replicas = ([dict(zip(r[::2], r[1::2])) for r in s.cmd("SENTINEL", what, "m")]
                           for what in ("SENTINELS", "REPLICAS"))
        return len(peers) == len(replicas) == 2 and all(r[b"master-link-status"] == b"ok" for r in replicas)
    wait_for("the Sentinels to know all", lambda: all(settled(s) for s in sentinels))
    return servers, sentinels


def new_master(sentinels, servers, but):
    """The one server that all Sentinels name and that says it is master, once it is another than `but`."""
    def one():
        ports = {int(s.cmd("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "m")[1]) for s in sentinels}
        masters = [s for s in servers if s.proc.poll() is None and s.cmd("ROLE")[0] == b"master"]
        return len(masters) == 1 and ports == {masters[0].port} and masters[0] != but and masters[0]
    return wait_for("a new master", one)


def written(master, follower):
    return {int(i) for i in master.cmd("LRANGE", follower.key, 0, -1)}


def go_on(followers, master, count):
    """Waits until each has `count` more writes acknowledged, and those are on this master."""
    marks = {f: len(f.acknowledged()) for f in followers}
    for f in followers:
        try:
            wait_for("more writes", lambda f=f: f.ended() or len(f.acknowledged()) >= marks[f] + count, 60)
        except AssertionError as e:
            raise AssertionError(f"{f.name} does not go on; it said at last:\n{f.said()[-2000:]}") from e
        late = set(f.acknowledged()[marks[f]:])
        assert late <= written(master, f), f"{f.name} wrote elsewhere: {sorted(late - written(master, f))[:9]}"


def try_followers(names):
    with Stage() as st:
        servers, sentinels = started(st)
        ports = ",".join(str(s.port) for s in sentinels)
        followers = []
        try:
            for name in names:
                followers.append(Follower(st, name, ports))
            go_on(followers, servers[0], 20)
            assert sentinels[0].cmd("SENTINEL", "FAILOVER", "m") == "OK"
            second = new_master(sentinels, servers, servers[0])
            go_on(followers, second, 20)
            for f in followers:
                lost = set(f.acknowledged()) - written(second, f)
                assert not lost or ORACLE, f"{f.name} lost {sorted(lost)[:9]} in a requested failover"
            second.kill()
            second.wait()
            third = new_master(sentinels, [s for s in servers if s != second], second)
            go_on(followers, third, 20)
            again = st.server("--repl-diskless-sync-delay", "0", port=second.port, name="again")
            wait_for("the old one as replica", lambda: again.cmd("ROLE")[0] == b"slave")
            go_on(followers, third, 20)
            third.cmd("SET", "stop", 1)
            for f in followers:
                wait_for(f"{f.name} to end", f.ended)
        finally:
            for f in followers:
                f.stop()


def test_followers():
    try_followers(FOLLOWERS)


def test_haproxy():
    with Stage() as st:
        servers, sentinels = started(st)
        port = free_port()
        rows = "\n".join(f"    server s{s.port} 127.0.0.1:{s.port} check inter 50 fall 1 rise 1 "
                         "on-marked-down shutdown-sessions" for s in servers)
        config = write_file(os.path.join(st.folder, "haproxy.cfg"), f"""defaults
    mode tcp
    timeout connect 1s
    timeout client 30s
    timeout server 30s
listen master
    bind 127.0.0.1:{port}
    option tcp-check
    tcp-check connect
    tcp-check send PING\\r\\n
    tcp-check expect string +PONG
    tcp-check send info\\ replication\\r\\n
    tcp-check expect string role:master
    tcp-check send QUIT\\r\\n
    tcp-check expect string +OK
{rows}
""")
        with open(os.path.join(st.folder, "haproxy.out"), "wb") as out:
            proxy = subprocess.Popen(["/usr/sbin/haproxy", "-db", "-f", config], stdout=out, stderr=out)
        try:
            def through():
                with Client(port, timeout=2) as c:
                    return int(c.cmd("CONFIG", "GET", "port")[1])
            wait_for("the proxy to find the master", lambda: through() == servers[0].port)
            assert sentinels[0].cmd("SENTINEL", "FAILOVER", "m") == "OK"
            second = new_master(sentinels, servers, servers[0])
            wait_for("the proxy to follow", lambda: through() == second.port)
            second.kill()
            second.wait()
            third = new_master(sentinels, [s for s in servers if s != second], second)
            wait_for("the proxy to follow", lambda: through() == third.port)
        finally:
            proxy.kill()
            proxy.wait()
