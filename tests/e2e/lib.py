"""Harness of the end-to-end tests: real binaries, real sockets, nothing but Python's own library.

A test never sleeps for a result: it waits for a condition with a bound. It takes free ports, works
in a folder of its own, and ends only the processes it started, by pid.
"""
import functools
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("TANIST_BUILD", os.path.join(ROOT, "build"))
# TANIST_ORACLE=1 runs the tests on the reference instead: a test that fails there expects the wrong
# thing. What has no counterpart there is marked @ours_only.
ORACLE = bool(os.environ.get("TANIST_ORACLE"))
LINKS = "/usr/bin" if ORACLE else BUILD
SERVER = os.path.join(LINKS, "redis-server")
SENTINEL = os.path.join(LINKS, "redis-sentinel")
TANIST = SERVER if ORACLE else os.path.join(BUILD, "tanist")
# The reference, where Debian's packages are installed: /usr/bin, so that our own links of the same
# name in the build folder are never taken for it. TANIST_PEER=PATH/valkey-server takes a peer of another
# make for the tests of mixed sets; PATH/valkey-sentinel has to stand beside it.
REDIS_SERVER = os.environ.get("TANIST_PEER", "/usr/bin/redis-server")
REDIS_SENTINEL = REDIS_SERVER.removesuffix("-server") + "-sentinel"
REDIS_CLI = "/usr/bin/redis-cli"
REDIS_CHECK_RDB = "/usr/bin/redis-check-rdb"
WAIT_S = float(os.environ.get("TANIST_WAIT", "30"))


class ReplyError(Exception):
    """An error reply of the server."""


class Push(list):
    """A RESP3 push message; in RESP2 the same is a plain list."""


class Map(dict):
    """A RESP3 map (a dict); keys that cannot be hashed do not occur in what we ask."""


class Set(list):
    """A RESP3 set; compare it sorted."""


def ours_only(test):
    @functools.wraps(test)
    def run():
        if ORACLE:
            print("the reference has no such thing")
        else:
            test()
    return run


def run(*argv, stdin="", timeout=WAIT_S, cwd=None, **kw):
    """A program that ends by itself: gives returncode, stdout and stderr as text."""
    return subprocess.run([str(a) for a in argv], input=stdin, capture_output=True, text=True, errors="replace",
                          timeout=timeout, cwd=cwd, **kw)


def write_file(path, text):
    with open(path, "w") as f:
        f.write(text)
    return path


def read_file(path):
    with open(path, errors="replace") as f:
        return f.read()


def fails(what, *args):
    """Calls a client's cmd and gives the text of the error reply that must come."""
    try:
        got = what(*args)
    except ReplyError as e:
        return str(e)
    raise AssertionError(f"{args} gave {got!r}, an error was due")


CLAIMS = []


def claim(port):
    """Ours until this process ends. Sentinels and replicas of another test may still look for what they lost
    there, and would take a stranger's server for it."""
    s = socket.socket(socket.AF_UNIX)
    try:
        s.bind(f"\0tanist-test-port-{port}")
    except OSError:
        s.close()
        return False
    CLAIMS.append(s)
    return True


def free_port():
    """A free port below the range that the system takes for outgoing connections, each given once: what is
    free now is then not taken by somebody's connection before the server has started."""
    while True:
        port = random.randrange(15000, 32000)
        if not claim(port):
            continue
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def wait_for(what, condition, seconds=None, every=0.02):
    """Calls condition until it is true; gives its value; fails with `what` after the bound."""
    end = time.monotonic() + (seconds or WAIT_S)
    last = None
    while True:
        try:
            got = condition()
            if got:
                return got
        except (OSError, ReplyError, EOFError) as e:
            last = e
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain for {what}" + (f" (last: {last!r})" if last else ""))
        time.sleep(every)


def encode(args):
    out = [b"*%d\r\n" % len(args)]
    for a in args:
        if not isinstance(a, bytes):
            a = str(a).encode()
        out.append(b"$%d\r\n%s\r\n" % (len(a), a))
    return b"".join(out)


class Client:
    """A connection. cmd() raises on error replies; raw() gives them as ReplyError values."""

    def __init__(self, port, host="127.0.0.1", timeout=WAIT_S, path=None):
        if path:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(timeout)
            self.sock.connect(path)
        else:
            self.sock = socket.create_connection((host, port), timeout=timeout)
        self.file = self.sock.makefile("rb")

    def close(self):
        self.file.close()
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, *args):
        self.sock.sendall(encode(args))

    def send_bytes(self, data):
        self.sock.sendall(data)

    def line(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError("connection closed")
        return line[:-2]

    def read(self):
        line = self.line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            return ReplyError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind in b"$=":
            n = int(rest)
            if n < 0:
                return None
            data = self.file.read(n + 2)
            if len(data) != n + 2:
                raise EOFError("connection closed")
            return data[:-2] if kind == b"$" else data[4:-2]
        if kind == b"*":
            n = int(rest)
            return None if n < 0 else [self.read() for _ in range(n)]
        if kind == b"~":
            return Set(self.read() for _ in range(int(rest)))
        if kind == b">":
            return Push(self.read() for _ in range(int(rest)))
        if kind == b"%":
            return Map((self.read(), self.read()) for _ in range(int(rest)))
        if kind == b"_":
            return None
        if kind == b",":
            return float(rest)
        if kind == b"#":
            return rest == b"t"
        if kind == b"(":
            return int(rest)
        raise AssertionError(f"not a reply: {line!r}")

    def closed(self, seconds=5):
        """True when the other side closes (or resets) within the time; what came before is dropped."""
        self.sock.settimeout(seconds)
        try:
            while self.file.read(1 << 16):
                pass
        except ConnectionError:
            return True
        except TimeoutError:
            return False
        return True

    def silent(self, seconds=0.15):
        """True when nothing arrives for so long. Only for connections with nothing unread."""
        self.sock.settimeout(seconds)
        try:
            return not self.sock.recv(1, socket.MSG_PEEK) and False
        except TimeoutError:
            return True
        finally:
            self.sock.settimeout(WAIT_S)

    def raw(self, *args):
        self.send(*args)
        return self.read()

    def cmd(self, *args):
        got = self.raw(*args)
        if isinstance(got, ReplyError):
            raise got
        return got

    def text(self, *args):
        got = self.cmd(*args)
        return got.decode() if isinstance(got, bytes) else got

    def pipeline(self, commands):
        self.sock.sendall(b"".join(encode(c) for c in commands))
        return [self.read() for _ in commands]

    def info(self, section=None):
        text = self.cmd("INFO", section) if section else self.cmd("INFO")
        out = {}
        for line in text.decode().split("\r\n"):
            if line and not line.startswith("#") and ":" in line:
                k, v = line.split(":", 1)
                out[k] = v
        return out


class Process:
    """One started binary with a folder, a log and a port."""

    def __init__(self, argv, port, folder, stdin=None, env=None):
        self.argv, self.port, self.folder = argv, port, folder
        self.log_path = os.path.join(folder, "log-%d" % port)
        self.log = open(self.log_path, "ab")
        self.proc = subprocess.Popen(argv, stdout=self.log, stderr=self.log, cwd=folder,
                                     stdin=stdin or subprocess.DEVNULL, env=env)

    @property
    def pid(self):
        return self.proc.pid

    def client(self, **kw):
        return Client(self.port, **kw)

    def cmd(self, *args):
        with self.client() as c:
            return c.cmd(*args)

    def info(self, section=None):
        with self.client() as c:
            return c.info(section)

    def logged(self):
        with open(self.log_path, "rb") as f:
            return f.read().decode(errors="replace")

    def ready(self, loading=False):
        """Waits until it answers, and has its data unless the caller wants to see it loading, or its master has them."""
        loading = loading or "--replicaof" in self.argv
        def up():
            if self.proc.poll() is not None:
                raise AssertionError(f"{self.argv} ended with {self.proc.returncode}:\n{self.logged()}")
            with self.client(timeout=2) as c:
                return loading or not str(c.raw("PING")).startswith("LOADING")
        wait_for(f"{self.argv[0]} on {self.port} to answer", up)
        return self

    def kill(self, sig=signal.SIGKILL):
        if self.proc.poll() is None:
            self.proc.send_signal(sig)

    def wait(self, seconds=None):
        return self.proc.wait(seconds or WAIT_S)

    def end(self):
        """For clean-up: asks once, insists after a bound. Gives the exit code."""
        if self.proc.poll() is None:
            self.proc.send_signal(signal.SIGCONT)
            self.proc.send_signal(signal.SIGTERM)
            try:
                self.proc.wait(10)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait()
        self.log.close()
        return self.proc.returncode


class Stage:
    """A folder and the processes of one test; everything ends with it."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="tanist-e2e-")
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, kind, value, _):
        codes = [(p, p.end()) for p in reversed(self.processes)]
        if kind is not None:
            for p in self.processes:
                print(f"---- {' '.join(p.argv)}\n{p.logged()[-4000:]}")
        broken = [p for p, _ in codes if "AddressSanitizer" in p.logged() or "runtime error:" in p.logged()
                  or "LeakSanitizer" in p.logged()]
        if kind is None:
            for p in broken:
                print(p.logged()[-6000:])
            assert not broken, "a sanitizer reported"
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, argv, port, wait=True, name=None, **kw):
        folder = os.path.join(self.folder, name or "n%d" % port)
        os.makedirs(folder, exist_ok=True)
        p = Process(argv, port, folder, **kw)
        self.processes.append(p)
        return p.ready() if wait else p

    def server(self, *options, binary=TANIST, port=None, name=None, wait=True, **kw):
        port = port or free_port()
        argv = [binary, "--port", str(port), "--save", "", "--enable-debug-command", "yes"]
        return self.start(argv + [str(o) for o in options], port, wait=wait, name=name, **kw)

    def sentinel(self, config, binary=TANIST, port=None, wait=True):
        port = port or free_port()
        folder = os.path.join(self.folder, "s%d" % port)
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, "sentinel.conf")
        with open(path, "w") as f:
            f.write(f"port {port}\n{config}\n")
        return self.start([binary, path, "--sentinel"], port, wait=wait, name="s%d" % port)


def replica_caught_up(master, replica):
    m, r = master.info("replication"), replica.info("replication")
    return (r.get("master_link_status") == "up" and r.get("master_sync_in_progress") == "0"
            and m["master_repl_offset"] == r["slave_repl_offset"])
