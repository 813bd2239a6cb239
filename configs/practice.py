#!/usr/bin/env python3
"""The practice set: a master, two replicas and three Sentinels with quorum 2 on this machine.

Writes six configuration files that a learner can read into a folder of its own, starts the six
processes, shows replication, kills the master, shows the failover step by step with times, brings
the old master back, and leaves the set running until Ctrl-C. `--check` ends by itself.

Commands are printed as one would type them into redis-cli; the script sends them itself, so no
client has to be installed.
"""
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

BUILD = os.environ["TANIST_BUILD"]
SERVER = os.path.join(BUILD, "redis-server")
SENTINEL = os.path.join(BUILD, "redis-sentinel")
NAME = "mymaster"
DOWN_AFTER_MS = 1000
BOUND_S = 60

MASTER_CONF = """\
# A data server. It starts as the master of the set.
port {port}
dir {dir}
logfile {dir}/log
save ""
# Begin a snapshot for a new replica at once, without waiting for others to share it.
repl-diskless-sync-delay 0
"""
REPLICA_CONF = """\
# A data server that follows the master.
port {port}
dir {dir}
logfile {dir}/log
save ""
repl-diskless-sync-delay 0
replicaof 127.0.0.1 {master}
"""
SENTINEL_CONF = """\
# A Sentinel. Two of three must agree (the quorum) before the master counts as down.
port {port}
dir {dir}
logfile {dir}/log
sentinel monitor mymaster 127.0.0.1 {master} 2
# No answer for this long means down.
sentinel down-after-milliseconds mymaster 1000
sentinel failover-timeout mymaster 60000
sentinel parallel-syncs mymaster 1
"""


class Failed(Exception):
    pass


class Client:
    def __init__(self, port, timeout=2.0):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.file = self.sock.makefile("rb")

    def close(self):
        self.file.close()
        self.sock.close()

    def send(self, *args):
        out = [b"*%d\r\n" % len(args)]
        for a in args:
            a = str(a).encode()
            out.append(b"$%d\r\n%s\r\n" % (len(a), a))
        self.sock.sendall(b"".join(out))

    def read(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise OSError("connection closed")
        kind, rest = line[:1], line[1:-2].decode()
        if kind == b"-":
            return "(error) " + rest
        if kind == b":":
            return int(rest)
        if kind == b"$":
            n = int(rest)
            return None if n < 0 else self.file.read(n + 2)[:-2].decode(errors="replace")
        if kind == b"*":
            n = int(rest)
            return None if n < 0 else [self.read() for _ in range(n)]
        return rest

    def ask(self, *args):
        self.send(*args)
        return self.read()


def ask(port, *args):
    c = Client(port)
    try:
        return c.ask(*args)
    finally:
        c.close()


def show(value):
    if isinstance(value, list):
        return "\n".join(f"    {i + 1}) {v}" for i, v in enumerate(value))
    return "    (nil)" if value is None else f"    {value}"


def run(port, *args, only=None):
    """Prints a command as typed and what it answers; `only` picks lines of a long answer."""
    print(f"$ redis-cli -p {port} {' '.join(str(a) for a in args)}")
    got = ask(port, *args)
    if only and isinstance(got, str):
        for line in got.split("\r\n"):
            if line.split(":")[0] in only:
                print("    " + line)
    else:
        print(show(got))
    return got


def until(what, condition):
    end = time.monotonic() + BOUND_S
    while time.monotonic() < end:
        try:
            got = condition()
            if got:
                return got
        except OSError:
            pass
        time.sleep(0.005)
    raise Failed(f"waited in vain for {what}")


def say(text):
    print(f"\n== {text}")


def free_port(wanted):
    for port in [wanted, 0]:
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
                return s.getsockname()[1]
            except OSError:
                continue
    raise Failed("no free port")


class Set:
    def __init__(self, any_port):
        self.folder = tempfile.mkdtemp(prefix="tanist-practice-")
        self.procs = {}
        want = (lambda p: 0) if any_port else (lambda p: p)
        self.data = [free_port(want(p)) for p in (6379, 6380, 6381)]
        self.sentinels = [free_port(want(p)) for p in (26379, 26380, 26381)]
        self.master = self.data[0]

    def write(self, name, port, text):
        folder = os.path.join(self.folder, name)
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(self.folder, name + ".conf")
        with open(path, "w") as f:
            f.write(text.format(port=port, dir=folder, master=self.master))
        return path

    def start(self, binary, path, port):
        print(f"$ {os.path.basename(binary)} {path} &")
        self.procs[port] = subprocess.Popen([binary, path], stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        until(f"an answer on port {port}", lambda: ask(port, "PING") is not None)

    def bring_up(self):
        self.files = {}
        for i, port in enumerate(self.data):
            text = MASTER_CONF if i == 0 else REPLICA_CONF
            self.files[port] = self.write("master" if i == 0 else f"replica{i}", port, text)
        for i, port in enumerate(self.sentinels):
            self.files[port] = self.write(f"sentinel{i + 1}", port, SENTINEL_CONF)
        say(f"six configuration files are in {self.folder}")
        for path in self.files.values():
            print("    " + path)
        say("starting a master and two replicas")
        for port in self.data:
            self.start(SERVER, self.files[port], port)
        until("both replicas", lambda: ask(self.master, "INFO", "replication").count("state=online") == 2)
        say("starting three Sentinels: they find the replicas, and each other, through the master")
        for port in self.sentinels:
            self.start(SENTINEL, self.files[port], port)
        for port in self.sentinels:
            until("the Sentinels to know each other", lambda: self.knows_all(port))

    def knows_all(self, port):
        m = ask(port, "SENTINEL", "MASTER", NAME)
        m = dict(zip(m[::2], m[1::2]))
        return m["num-slaves"] == "2" and m["num-other-sentinels"] == "2"

    def end(self):
        for p in self.procs.values():
            if p.poll() is None:
                p.terminate()
        for p in self.procs.values():
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def watch_events(port, started, events):
    """What a Sentinel publishes, with the time since the kill."""
    c = Client(port, timeout=BOUND_S)
    c.send("PSUBSCRIBE", "*")

    def loop():
        try:
            while True:
                m = c.read()
                if m[0] == "pmessage":
                    events.append((time.monotonic(), m[2], m[3]))
        except (OSError, ValueError):
            pass

    threading.Thread(target=loop, daemon=True).start()
    return c.sock


def failover(s):
    old = s.master
    events, started = [], time.monotonic()
    watcher = watch_events(s.sentinels[0], started, events)
    say(f"killing the master with SIGKILL (down-after is {DOWN_AFTER_MS} ms)")
    print(f"$ kill -9 {s.procs[old].pid}")
    killed = time.monotonic()
    s.procs[old].kill()
    s.procs[old].wait()

    def write():
        host, port = ask(s.sentinels[1], "SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)
        if int(port) != old and ask(int(port), "SET", "after", "failover") == "OK":
            return int(port)
        return None

    new = until("a write at the address that the Sentinels give", write)
    ms = (time.monotonic() - killed) * 1000
    until("the end of the failover",
          lambda: any(e[1] == "+switch-master" for e in events))
    say("what the first Sentinel told, in milliseconds after the kill")
    for at, name, text in events:
        if at >= killed and not name.startswith("__"):
            print(f"    {(at - killed) * 1000:7.0f}  {name} {text}")
    watcher.shutdown(socket.SHUT_RDWR)  # ends the thread; closing a file that is being read would wait
    s.master = new
    print(f"\n    first accepted write after {ms:.0f} ms, at port {new}")
    return old


def story(s):
    s.bring_up()
    say("replication")
    run(s.master, "SET", "greeting", "hello")
    until("the replica to have it", lambda: ask(s.data[1], "GET", "greeting") == "hello")
    run(s.data[1], "GET", "greeting")
    run(s.data[1], "SET", "greeting", "no")
    run(s.master, "INFO", "replication", only=("role", "connected_slaves", "slave0", "slave1"))
    say("who is the master? ask any Sentinel")
    run(s.sentinels[0], "SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)
    run(s.sentinels[0], "SENTINEL", "CKQUORUM", NAME)
    old = failover(s)
    say("the new master, and nothing was lost")
    run(s.sentinels[2], "SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)
    if run(s.master, "GET", "greeting") != "hello":
        raise Failed("the new master lost a key")
    say("the old master comes back and is made a replica")
    began = time.monotonic()
    s.start(SERVER, s.files[old], old)
    until("the old master to follow", lambda: "role:slave" in ask(old, "INFO", "replication"))
    print(f"    a replica {(time.monotonic() - began) * 1000:.0f} ms after its start")
    until("its data", lambda: ask(old, "GET", "after") == "failover")
    run(old, "INFO", "replication", only=("role", "master_host", "master_port", "master_link_status"))


def main():
    check = "--check" in sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    s = Set(any_port=check)
    try:
        story(s)
        if not check:
            say(f"the set is running; Sentinels on {s.sentinels}, data servers on {s.data}. Ctrl-C ends it.")
            signal.pause()
    except KeyboardInterrupt:
        print()
    except Failed as e:
        print(f"FAILED: {e}")
        return 1
    finally:
        s.end()
    say("ended; nothing is left behind")
    return 0


if __name__ == "__main__":
    sys.exit(main())
