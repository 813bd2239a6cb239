"""The process: background, files, signals, supervisor, title, crash report, limits of connections."""
import os
import re
import shutil
import signal
import socket
import subprocess
import time

from lib import (ORACLE, REDIS_SERVER, TANIST, Client, ReplyError, Stage, fails, free_port, ours_only, read_file, run,
                 wait_for, write_file)


def test_start_lines():
    with Stage() as stage:
        p = stage.start([TANIST, "--port", str(free_port()), "--save", ""], 0, wait=False)
        p.port = int(p.argv[2])
        p.ready()
        text = p.logged()
        for line in text.strip().split("\n"):
            assert re.match(r"\d+:[CM] \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d\.\d{3} [.*#-] .", line), line
        parts = [r"# oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo",
                 rf"# Redis version=\d+\.\d+\.\d+, bits=64, commit=\w+, modified=0, pid={p.pid}, just started",
                 r"# Warning: no config file specified, using the default config\. In order to specify a config file use "
                 if "--save" not in p.argv else r"# Configuration loaded",
                 rf"\* Running mode=standalone, port={p.port}\."]
        if not ORACLE:
            parts.append(rf" PID: {p.pid}\n")
        parts += [r"# Server initialized", r"\* Ready to accept connections" + ("" if ORACLE else " tcp")]
        at = 0
        for part in parts:
            m = re.search(part, text[at:])
            assert m, (part, text)
            at += m.end()
        assert text.count("Ready to accept") == 1


def test_daemonize_pidfile_logfile():
    with Stage() as stage:
        port = free_port()
        names = {n: os.path.join(stage.folder, n) for n in ("pid", "log", "sock")}
        began = time.monotonic()
        got = run(TANIST, "--port", port, "--daemonize", "yes", "--pidfile", names["pid"], "--logfile", names["log"],
                  "--save", "", "--dir", stage.folder, "--unixsocket", names["sock"], "--unixsocketperm", "770")
        assert got.returncode == 0 and time.monotonic() - began < 10, got
        wait_for("the daemon", lambda: Client(port).cmd("PING"))
        pid = int(read_file(names["pid"]))
        try:
            with Client(port) as c:
                assert int(c.info("server")["process_id"]) == pid
                assert os.readlink(f"/proc/{pid}/cwd") == stage.folder
                assert os.path.realpath(f"/proc/{pid}/exe") == os.path.realpath(TANIST)
                assert os.stat(names["sock"]).st_mode & 0o777 == 0o770
                with Client(0, path=names["sock"]) as u:
                    assert u.cmd("PING") == "PONG"
                    assert u.info("server")["process_id"] == str(pid)
                    line = u.text("CLIENT", "LIST", "ID", u.cmd("CLIENT", "ID"))
                    assert f"addr={names['sock']}:0" in line and f"laddr={names['sock']}:0" in line, line
                    assert "flags=U" in line, line
                # the log is opened anew for each line: moving it away is all that rotation needs
                os.rename(names["log"], names["log"] + ".1")
                c.raw("CONFIG", "SET", "loglevel", "debug")
                c.cmd("CONFIG", "SET", "loglevel", "notice")
        finally:
            os.kill(pid, signal.SIGTERM)
        wait_for("the end", lambda: not os.path.exists(f"/proc/{pid}"))
        assert "bye bye" in read_file(names["log"]) and "Ready to accept" in read_file(names["log"] + ".1")
        assert not os.path.exists(names["pid"]) and not os.path.exists(names["sock"])


def test_pidfile_without_daemonize():
    with Stage() as stage:
        path = os.path.join(stage.folder, "p.pid")
        p = stage.server("--pidfile", path)
        wait_for("the pid file", lambda: read_file(path) == f"{p.pid}\n")
        p.kill(signal.SIGTERM)
        assert p.wait() == 0 and not os.path.exists(path)


def test_signals():
    with Stage() as stage:
        for sig, name in ((signal.SIGTERM, "SIGTERM"), (signal.SIGINT, "SIGINT")):
            p = stage.server("--save", "100", "1")
            with p.client() as c:
                c.cmd("SET", "k", name)
                p.kill(signal.SIGHUP)
                p.kill(signal.SIGPIPE)
                assert c.cmd("PING") == "PONG"
            p.kill(sig)
            assert p.wait() == 0
            text = p.logged()
            at = -1
            for part in (f":signal-handler (", f"Received {name} scheduling shutdown...", "# User requested shutdown...",
                         "* Saving the final RDB snapshot before exiting.", "* DB saved on disk",
                         "# Redis is now ready to exit, bye bye..."):
                assert text.find(part) > at, (part, text)
                at = text.find(part)
            again = stage.server("--save", "100", "1", port=p.port)
            assert again.cmd("GET", "k") == name.encode()
            again.kill()
            again.wait()


def end_of(p):
    code = p.wait()
    saved = "DB saved on disk" in p.logged()
    return code, saved


def test_shutdown_options():
    """When a save happens at the end: save points, options of the command, shutdown-on-sigterm."""
    cases = [  # options, command, signal, saved
        ([], ("SHUTDOWN",), None, False),
        ([], ("SHUTDOWN", "NOSAVE"), None, False),
        ([], ("SHUTDOWN", "SAVE"), None, True),
        (["--save", "100", "1"], ("SHUTDOWN",), None, True),
        (["--save", "100", "1"], ("SHUTDOWN", "NOSAVE"), None, False),
        (["--save", "100", "1"], ("SHUTDOWN", "NOW", "FORCE", "NOSAVE"), None, False),
        (["--save", "100", "1", "--shutdown-on-sigterm", "nosave"], None, signal.SIGTERM, False),
        (["--shutdown-on-sigterm", "save", "now"], None, signal.SIGTERM, True),
        (["--shutdown-on-sigint", "save", "force"], None, signal.SIGINT, True),
    ]
    with Stage() as stage:
        started = [(case, stage.server(*case[0], wait=False)) for case in cases]
        for (_, command, sig, saved), p in started:
            p.ready()
            with p.client() as c:
                c.cmd("SET", "k", "v")
                if command:
                    c.send(*command)
                    assert c.closed(20)
                else:
                    p.kill(sig)
            assert end_of(p) == (0, saved), (p.argv, command, p.logged())


def test_shutdown_errors():
    with Stage() as stage:
        p = stage.server()
        with p.client() as c:
            for args in (("FOO",), ("NOSAVE", "SAVE"), ("ABORT", "NOW")):
                assert fails(c.cmd, "SHUTDOWN", *args) == "ERR syntax error", args
            assert fails(c.cmd, "SHUTDOWN", "ABORT") == "ERR No shutdown in progress."
        # A save that cannot be done keeps the server, unless forced.
        if os.geteuid() == 0:
            folder = os.path.join(stage.folder, "gone")
            os.makedirs(folder)
            q = stage.server("--dir", folder, "--save", "100", "1")
            shutil.rmtree(folder)
            with q.client() as c:
                c.cmd("SET", "a", 1)
                assert fails(c.cmd, "SHUTDOWN") == "ERR Errors trying to SHUTDOWN. Check logs."
                assert c.cmd("PING") == "PONG"
                c.send("SHUTDOWN", "FORCE")
                assert c.closed(20)
            assert q.wait() == 0


def test_shutdown_waits_for_lagging_replica():
    with Stage() as stage:
        master = stage.server("--shutdown-timeout", 30, "--repl-diskless-sync-delay", 0)
        replica = stage.server("--replicaof", "127.0.0.1", master.port)
        wait_for("the link", lambda: replica.info("replication")["master_link_status"] == "up")
        replica.kill(signal.SIGSTOP)
        with master.client() as c, master.client() as other:
            c.cmd("SET", "k", "v")
            c.send("SHUTDOWN")
            wait_for("the wait", lambda: "replica" in master.logged().split("User requested shutdown")[-1]
                     and "User requested shutdown" in master.logged())
            assert other.cmd("PING") == "PONG"
            assert other.cmd("SHUTDOWN", "ABORT") == "OK"
            assert isinstance(c.read(), ReplyError)
            other.send("SHUTDOWN")
            time.sleep(0.1)
            assert master.proc.poll() is None
            replica.kill(signal.SIGCONT)
            assert other.closed(20)
        assert master.wait() == 0
        assert replica.cmd("GET", "k") == b"v"


def test_notify_systemd():
    with Stage() as stage:
        path = os.path.join(stage.folder, "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(path)
            s.settimeout(20)
            env = dict(os.environ, NOTIFY_SOCKET=path)
            p = stage.server("--supervised", "systemd", env=env)
            assert s.recv(4096) == b"STATUS=Redis is loading...\n"
            got = [s.recv(4096), s.recv(4096)]
            assert sorted(got) == [b"READY=1\n", b"STATUS=Ready to accept connections\n"], got
            assert p.info("server")["process_supervised"] == "systemd"
            p.kill(signal.SIGTERM)
            assert s.recv(4096) == b"STOPPING=1\n"
            assert p.wait() == 0
            # a replica is ready at once, also when there is no master
            p = stage.server("--supervised", "auto", "--replicaof", "127.0.0.1", free_port(), env=env)
            seen = b"".join(s.recv(4096) for _ in range(3))
            assert b"READY=1\n" in seen and b"read-only mode. Waiting for MASTER <-> REPLICA sync\n" in seen, seen
        q = stage.server("--supervised", "auto")
        assert q.info("server")["process_supervised"] == "no"


def title(p):
    with open(f"/proc/{p.pid}/cmdline", "rb") as f:
        return f.read().replace(b"\0", b" ").decode().strip()


def test_proc_title():
    with Stage() as stage:
        p = stage.server("--bind", "127.0.0.1")
        assert title(p) == f"{TANIST} 127.0.0.1:{p.port}" or title(p).endswith(f" 127.0.0.1:{p.port}"), title(p)
        p.cmd("CONFIG", "SET", "proc-title-template", "{title} {port} x {server-mode}")
        assert title(p).endswith(f" {p.port} x"), title(p)
        any_address = stage.server()
        assert title(any_address).endswith(f" *:{any_address.port}"), title(any_address)
        plain = stage.server("--set-proc-title", "no")
        assert "--enable-debug-command" in title(plain), title(plain)
        s = stage.sentinel("")
        assert title(s).endswith(f"*:{s.port} [sentinel]"), title(s)


def test_crash_report():
    """Needs a build whose signals are its own: TANIST_RELEASE names one, else the sanitizer is told."""
    release = os.environ.get("TANIST_RELEASE")
    binary = os.path.join(release, "tanist") if release and not ORACLE else TANIST
    env = dict(os.environ)
    env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":handle_segv=0:handle_abort=0:allow_user_segv_handler=1"
    with Stage() as stage:
        for what, signo in (("SEGFAULT", signal.SIGSEGV), ("PANIC", None), ("ASSERT", None)):
            p = stage.server("--crash-memcheck-enabled", "no", binary=binary, env=env)
            with p.client() as c:
                c.cmd("SET", "k", "v")
                c.send("DEBUG", what)
                assert c.closed(30)
            code = p.wait()
            assert code < 0, code
            text = p.logged()
            assert "=== REDIS BUG REPORT START" in text and "=== REDIS BUG REPORT END" in text, text[-3000:]
            assert "STACK TRACE" in text and "INFO OUTPUT" in text and "CLIENT LIST OUTPUT" in text
            assert "# Replication" in text and "cmd=debug" in text
            if signo:
                assert code == -signo and "crashed by signal: 11" in text, code
            if what == "ASSERT":
                assert "ASSERTION FAILED" in text
        p = stage.server("--crash-log-enabled", "no", binary=binary, env=env)
        p.kill(signal.SIGSEGV)
        assert p.wait() == -signal.SIGSEGV and "BUG REPORT" not in p.logged()


def test_maxclients():
    with Stage() as stage:
        p = stage.server("--maxclients", 5)
        with p.client() as c:
            wait_for("the stage's own connection to be gone", lambda: c.info("clients")["connected_clients"] == "1")
            open_ones = [c] + [p.client() for _ in range(4)]
            check_maxclients(p, open_ones)


def check_maxclients(p, open_ones):
    for c in open_ones:
        assert c.cmd("PING") == "PONG"
    with p.client() as extra:
        assert str(extra.read()) == "ERR max number of clients reached"
        assert extra.closed()
    info = open_ones[0].info()
    assert info["rejected_connections"] == "1" and info["connected_clients"] == "5" and info["maxclients"] == "5"
    open_ones[0].cmd("CONFIG", "SET", "maxclients", 6)
    with p.client() as sixth:
        assert sixth.cmd("PING") == "PONG"
    for c in open_ones[1:]:
        c.close()


def test_timeout():
    with Stage() as stage:
        p = stage.server("--timeout", 1)
        with p.client() as idle, p.client() as listener, p.client() as busy:
            assert idle.cmd("PING") == "PONG"
            listener.cmd("SUBSCRIBE", "ch")
            end = time.monotonic() + 2.5
            while time.monotonic() < end:
                busy.cmd("PING")
                time.sleep(0.1)
            assert idle.closed(4)
            busy.cmd("PUBLISH", "ch", "still here")
            assert listener.read()[2] == b"still here"


def outer_address():
    """An address of this machine that is not loopback, None if it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))
            found = s.getsockname()[0]
        except OSError:
            found = None
    if found and not found.startswith("127."):
        return found
    out = subprocess.run(["hostname", "-I"], capture_output=True, text=True).stdout.split()
    return next((a for a in out if not a.startswith("127.") and ":" not in a), None)


def test_protected_mode():
    outer = outer_address()
    if not outer:
        print("no address but loopback here")
        return
    with Stage() as stage:
        p = stage.server()
        assert p.cmd("PING") == "PONG"
        with Client(p.port, host=outer) as c:
            # The peer's address is our own outer one: refused, in words that explain
            text = str(c.read())
            assert text.startswith("DENIED ") and "protected mode" in text.lower(), text
            assert c.closed()
        p.cmd("CONFIG", "SET", "requirepass", "x")
        with Client(p.port, host=outer) as c:
            assert fails(c.cmd, "PING").startswith("NOAUTH")
        with p.client() as c:
            c.cmd("AUTH", "x")
            c.cmd("CONFIG", "SET", "requirepass", "", "protected-mode", "no")
        with Client(p.port, host=outer) as c:
            assert c.cmd("PING") == "PONG"


def test_requirepass():
    with Stage() as stage:
        p = stage.server("--requirepass", "secret")
        with p.client() as c:
            assert fails(c.cmd, "PING") == "NOAUTH Authentication required."
            assert fails(c.cmd, "GET", "a") == "NOAUTH Authentication required."
            assert fails(c.cmd, "HELLO", 3).startswith("NOAUTH HELLO must be called with the client already authenticated")
            assert fails(c.cmd, "AUTH", "wrong") == \
                "WRONGPASS invalid username-password pair or user is disabled."
            assert fails(c.cmd, "AUTH", "a", "b", "c") == "ERR syntax error"
            assert fails(c.cmd, "AUTH") == "ERR wrong number of arguments for 'auth' command"
            assert c.cmd("AUTH", "default", "secret") == "OK"
            assert c.cmd("PING") == "PONG"
            assert c.cmd("CONFIG", "GET", "requirepass") == [b"requirepass", b"secret"]
        with p.client() as c:
            assert c.cmd("HELLO", 3, "AUTH", "default", "secret", "SETNAME", "me")[b"proto"] == 3
            assert c.cmd("CLIENT", "GETNAME") == b"me"
            c.cmd("CONFIG", "SET", "requirepass", "")
        with p.client() as c:
            assert c.cmd("PING") == "PONG"
            assert fails(c.cmd, "AUTH", "x") == (
                "ERR AUTH <password> called without any password configured for the default user. "
                "Are you sure your configuration is correct?")


def test_save_points():
    with Stage() as stage:
        p = stage.server("--save", "1", "3")
        with p.client() as c:
            before = c.cmd("LASTSAVE")
            for i in range(5):
                c.cmd("SET", f"k{i}", i)
            assert int(c.info("persistence")["rdb_changes_since_last_save"]) in (0, 5)
            wait_for("the save", lambda: "Background saving terminated with success" in p.logged())
            assert re.search(r"\* 3 changes in 1 seconds\. Saving\.\.\.", p.logged()), p.logged()
            info = c.info("persistence")
            assert info["rdb_changes_since_last_save"] == "0" and info["rdb_last_bgsave_status"] == "ok"
            assert c.cmd("LASTSAVE") >= before
        p.kill()
        p.wait()
        again = stage.server(port=p.port)
        assert again.cmd("DBSIZE") == 5


@ours_only
def test_second_start_in_the_same_place():
    with Stage() as stage:
        p = stage.server("--bind", "127.0.0.1")
        got = run(TANIST, "--port", p.port, "--bind", "127.0.0.1", cwd=stage.folder)
        assert got.returncode == 1 and "Address already in use" in got.stdout, got
        got = run(REDIS_SERVER, "--port", p.port, "--bind", "127.0.0.1", cwd=stage.folder)
        assert got.returncode == 1, got
        assert p.cmd("PING") == "PONG"


def test_folders_and_files_that_fail():
    with Stage() as stage:
        got = run(TANIST, "--dir", "/nonexistent/folder", "--port", free_port())
        assert got.returncode == 1, got
        assert ">>> 'dir \"/nonexistent/folder\"'\nNo such file or directory\n" in got.stderr, got
        got = run(TANIST, "--logfile", "/nonexistent/log", "--port", free_port())
        assert got.returncode == 1 and "Can't open the log file" in got.stdout + got.stderr, got
        busy = write_file(os.path.join(stage.folder, "plain-file"), "")
        got = run(TANIST, "--port", 0, "--unixsocket", busy + "/sock")
        assert got.returncode == 1 and "Failed opening Unix socket" in got.stdout, got


def oom_score(p):
    return int(read_file(f"/proc/{p.pid}/oom_score_adj"))


def test_oom_score():
    """A score for each role; what stood there before comes back."""
    with Stage() as stage:
        p = stage.server()
        with p.client() as c:
            base = oom_score(p)
            c.cmd("CONFIG", "SET", "oom-score-adj-values", "10 20 30")
            assert oom_score(p) == base
            c.cmd("CONFIG", "SET", "oom-score-adj", "yes")
            assert oom_score(p) == base + 10
            c.cmd("CONFIG", "SET", "oom-score-adj-values", "15 20 30")
            assert oom_score(p) == base + 15
            c.cmd("REPLICAOF", "127.0.0.1", free_port())
            assert oom_score(p) == base + 20
            c.cmd("REPLICAOF", "NO", "ONE")
            assert oom_score(p) == base + 15
            c.cmd("CONFIG", "SET", "oom-score-adj", "absolute")
            assert oom_score(p) == 15
            c.cmd("CONFIG", "SET", "oom-score-adj", "no")
            assert oom_score(p) == base
            write_file(f"/proc/{p.pid}/oom_score_adj", str(base + 2))
            c.cmd("CONFIG", "SET", "oom-score-adj", "relative", "oom-score-adj-values", "9 9 9")
            assert oom_score(p) == base + 11
            c.cmd("CONFIG", "SET", "oom-score-adj", "no")
            assert oom_score(p) == base + 2
            assert "must be between -2000 and 2000" in fails(c.cmd, "CONFIG", "SET", "oom-score-adj-values", "0 0 2001")
        at_start = stage.server("--oom-score-adj", "relative", "--oom-score-adj-values", "7 8 9")
        assert oom_score(at_start) == base + 7
