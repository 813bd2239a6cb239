"""The command line: forms, precedence, texts on stdout and stderr, exit codes."""
import contextlib
import os
import re
import stat

from lib import ORACLE, ROOT, SENTINEL, SERVER, TANIST, Stage, fails, free_port, ours_only, read_file, run, write_file


@contextlib.contextmanager
def started(stage, *argv, stdin=None, binary=SERVER, port=None):
    """A server of exactly these arguments, ended at the end of the block."""
    port = port or free_port()
    argv = [str(a) if a != "PORT" else str(port) for a in argv]
    source = None
    if stdin is not None:
        source = open(write_file(os.path.join(stage.folder, "stdin"), stdin.replace("PORT", str(port))), "rb")
    p = stage.start([binary, *argv], port, stdin=source)
    try:
        yield p
    finally:
        p.kill(15)
        p.wait()
        if source:
            source.close()


def setting(p, name):
    return p.cmd("CONFIG", "GET", name)[1].decode()


def test_file_options_and_stdin():
    with Stage() as stage:
        conf = write_file(os.path.join(stage.folder, "a.conf"),
                          "maxmemory 1mb\ntimeout 11\nmaxclients 100\nsave 100 1\nhz 11\n")
        with started(stage, conf, "--port", "PORT", "--maxmemory", "2mb", "--save", "900", "2") as p:
            assert setting(p, "maxmemory") == "2097152"
            assert setting(p, "timeout") == "11"
            assert setting(p, "save") == "100 1 900 2"
            assert p.info("server")["config_file"] == conf
        # the file, then standard input, then the options: the last one wins
        with started(stage, conf, "--port", "PORT", "--maxmemory", "3mb", "-",
                     stdin="maxmemory 2mb\ntimeout 12\n") as p:
            assert (setting(p, "maxmemory"), setting(p, "timeout"), setting(p, "hz")) == ("3145728", "12", "11")
        with started(stage, "-", stdin="port PORT\nmaxmemory 5mb\nsave \"\"\n") as p:
            assert (setting(p, "maxmemory"), setting(p, "save")) == ("5242880", "")
            assert p.info("server")["config_file"] == ""
        with started(stage, "-", "--maxmemory", "6mb", stdin="port PORT\nmaxmemory 5mb\n") as p:
            assert setting(p, "maxmemory") == "6291456"


def test_save_forms():
    with Stage() as stage:
        conf = write_file(os.path.join(stage.folder, "a.conf"), "save 100 1\n")
        with started(stage, "--port", "PORT", "--save", "") as p:
            assert setting(p, "save") == ""
        with started(stage, "--save", "--port", "PORT") as p:
            assert setting(p, "save") == ""
        with started(stage, "--port", "PORT", "--save", "900", "1", "300", "10") as p:
            assert setting(p, "save") == "900 1 300 10"
        with started(stage, conf, "--port", "PORT", "--save", "", "--save", "5", "6") as p:
            assert setting(p, "save") == "5 6"
        with started(stage, "--port", "PORT") as p:
            assert setting(p, "save") == "3600 1 300 100 60 10000"
        with started(stage, "--port", "PORT", "--save") as p:
            assert setting(p, "save") == ""


def test_values_and_include():
    with Stage() as stage:
        write_file(os.path.join(stage.folder, "one.conf"), "maxmemory 7mb\n")
        write_file(os.path.join(stage.folder, "two.conf"), "timeout 70\n")
        main = write_file(os.path.join(stage.folder, "main.conf"),
                          f"timeout 5\ninclude {stage.folder}/t*.conf\nmaxmemory 1\n")
        with started(stage, main, "--port", "PORT", "--include", stage.folder + "/one.conf",
                     "--include", stage.folder + "/two.conf") as p:
            assert (setting(p, "maxmemory"), setting(p, "timeout")) == ("7340032", "70")
        with started(stage, "--port", "PORT", "--client-output-buffer-limit", "pubsub", "1mb", "2mb", "3",
                     "--bind", "127.0.0.1", "--MaxMemory", "9MB", "--requirepass", "-x y\t\"z\"") as p:
            with p.client() as c:
                assert fails(c.cmd, "GET", "a").startswith("NOAUTH")
                c.cmd("AUTH", "-x y\t\"z\"")
                assert c.cmd("CONFIG", "GET", "maxmemory")[1] == b"9437184"
                assert b"pubsub 1048576 2097152 3" in c.cmd("CONFIG", "GET", "client-output-buffer-limit")[1]


@ours_only
def test_equals_sign():
    with Stage() as stage:
        port = free_port()
        with started(stage, f"--port={port}", "--maxmemory=3mb", "--save=", port=port) as p:
            assert (setting(p, "maxmemory"), setting(p, "save")) == ("3145728", "")


def test_version_and_help():
    for flag in ("-v", "--version"):
        for binary in (SERVER, SENTINEL):
            got = run(binary, flag)
            assert got.returncode == 0 and got.stderr == "", got
            assert re.fullmatch(r"Redis server v=\d+\.\d+\.\d+ sha=[0-9a-f]{8}:\d malloc=\S+ bits=64 build=[0-9a-f]+.*\n",
                                got.stdout), got.stdout
    for flag in ("-h", "--help"):
        got = run(SERVER, flag)
        assert got.returncode == 1 and got.stdout == "", got
        assert got.stderr.startswith("Usage: ") and "[/path/to/redis.conf] [options] [-]" in got.stderr
        assert "--sentinel" in got.stderr and "--check-system" in got.stderr
    got = run(SERVER, "--test-memory")
    assert got.returncode == 1 and "amount of memory to test in megabytes" in got.stderr, got


def fatal(text, line, quoted, reason):
    # The four lines, after an empty one; the version is each program's own.
    m = re.search(r"^\n\*\*\* FATAL CONFIG FILE ERROR \((?:Redis|Tanist)[^)]*\) \*\*\*\n"
                  r"Reading the configuration file, at line (\d+)\n>>> '(.*)'\n(.*)\n$", text)
    assert m, text
    assert m.groups() == (str(line), quoted, reason), (m.groups(), (str(line), quoted, reason))


def test_fatal_configuration_errors():
    in_file = [
        ("port 1\nport \"abc", 2, 'port "abc', "Unbalanced quotes in configuration line"),
        ("foo bar", 1, "foo bar", "Bad directive or wrong number of arguments"),
        ("# x\n\nsave 1", 3, "save 1", "Invalid save parameters"),
        ("slaveof 1 abc", 1, "slaveof 1 abc", "Invalid master port"),
        ("replicaof 1", 1, "replicaof 1", "wrong number of arguments"),
        ("rename-command foo bar", 1, "rename-command foo bar", "No such command in rename-command"),
        ("appendonly maybe", 1, "appendonly maybe", "argument must be 'yes' or 'no'"),
        ("maxmemory 1gib", 1, "maxmemory 1gib", "argument must be a memory value"),
        ("loglevel", 1, "loglevel", "wrong number of arguments"),
        ("shutdown-on-sigint", 1, "shutdown-on-sigint",
         "argument(s) must be one of the following: default, save, nosave, now, force"),
        ("include", 1, "include", "Bad directive or wrong number of arguments"),
    ]
    with Stage() as stage:
        for text, line, quoted, reason in in_file:
            path = write_file(os.path.join(stage.folder, "bad.conf"), text + "\n")
            got = run(SERVER, path)
            assert got.returncode == 1 and "Running mode" not in got.stdout, got
            fatal(got.stderr, line, quoted, reason)
    options = [
        (["--port", "abc"], 2, 'port "abc"', "argument couldn't be parsed into an integer"),
        (["--port", "99999"], 2, 'port "99999"', "argument must be between 0 and 65535 inclusive"),
        (["--port", "1", "2"], 2, 'port "1" "2"', "wrong number of arguments"),
        (["--maxmemory"], 2, "maxmemory", "wrong number of arguments"),
        (["--loglevel", "foo"], 2, 'loglevel "foo"',
         "argument(s) must be one of the following: debug, verbose, notice, warning"),
    ]
    for argv, line, quoted, reason in options:
        got = run(SERVER, *argv)
        assert got.returncode == 1, got
        if not ORACLE and argv == ["--loglevel", "foo"]:
            reason += ", nothing"  # 7.2 has one more
        fatal(got.stderr, line, quoted, reason)


def test_name_and_value_in_one_argument():
    with Stage() as stage:
        with started(stage, "--port", "PORT", "--maxmemory 700mb", "--maxmemory-policy 'volatile-lru'",
                     "--proc-title-template --my--title", "--loglevel", "verbose") as p:
            for name, value in (("maxmemory", b"734003200"), ("maxmemory-policy", b"volatile-lru"),
                                ("proc-title-template", b"--my--title"), ("loglevel", b"verbose")):
                assert p.cmd("CONFIG", "GET", name)[1] == value, name


def test_lists_without_a_word_are_empty():
    lists = "save", "client-output-buffer-limit", "latency-tracking-info-percentiles"
    with Stage() as stage:
        write_file(os.path.join(stage.folder, "lists.conf"), "\n".join(lists) + "\n")
        with started(stage, os.path.join(stage.folder, "lists.conf"), "--port", "PORT") as p:
            got = [p.cmd("CONFIG", "GET", name)[1] for name in lists]
            assert got[0] == got[2] == b"" and got[1].startswith(b"normal 0 0 0 slave 268435456"), got


def test_missing_file_and_busy_port():
    with Stage() as stage:
        got = run(SERVER, "nofile.conf", cwd=stage.folder)
        assert got.returncode == 1 and got.stderr == "", got
        assert f"# Fatal error, can't open config file '{stage.folder}/nofile.conf': No such file" in got.stdout
        p = stage.server()
        for host in (["--bind", "127.0.0.1"], []):
            got = run(SERVER, "--port", p.port, *host, cwd=stage.folder)
            assert got.returncode == 1, got
            assert re.search(r"# Warning: Could not create server TCP listening socket \S+:%d: bind: Address already in use"
                             % p.port, got.stdout), got.stdout
            assert f"# Failed listening on port {p.port} (TCP), aborting." in got.stdout
        # A missing address that is not marked optional is fatal, one that is marked is not.
        port = free_port()
        got = run(SERVER, "--port", port, "--bind", "127.0.0.1", "192.0.2.77", cwd=stage.folder)
        assert got.returncode == 1 and f"192.0.2.77:{port}: bind: Cannot assign requested address" in got.stdout, got
        with started(stage, "--port", "PORT", "--bind", "127.0.0.1", "-192.0.2.77", "-::1") as p:
            assert p.cmd("CONFIG", "GET", "bind")[1] == b"127.0.0.1 -192.0.2.77 -::1"


def mode(p):
    return p.info("server")["redis_mode"]


def test_personalities():
    with Stage() as stage:
        def conf():
            port = free_port()
            return port, write_file(os.path.join(stage.folder, "s%d.conf" % port), f"port {port}\n")
        port, path = conf()
        with started(stage, path, binary=SENTINEL, port=port) as p:
            assert mode(p) == "sentinel"
        port, path = conf()
        with started(stage, path, "--sentinel", port=port) as p:
            assert mode(p) == "sentinel"
        port, path = conf()
        with started(stage, path, "--sentinel", "--loglevel", "debug", port=port) as p:
            assert mode(p) == "sentinel"
        link = os.path.join(stage.folder, "my-redis-sentinel-7")
        os.symlink(TANIST, link)
        port, path = conf()
        with started(stage, path, binary=link, port=port) as p:
            assert mode(p) == "sentinel"
            assert "sentinel myid" in read_file(path)
        with started(stage, "--port", "PORT", binary=TANIST) as p:
            assert mode(p) == "standalone"
        for argv in ([SENTINEL], [SERVER, "--sentinel"], [SENTINEL, "--port", free_port()]):
            got = run(*argv, cwd=stage.folder)
            assert got.returncode == 1, got
            assert re.search(r"^\d+:X .* # Sentinel needs config file on disk to save state. Exiting...", got.stdout), got


def test_dev_null_stays():
    """A configuration that is no regular file is never replaced by a renamed one."""
    with Stage() as stage:
        null = os.path.join(stage.folder, "null")
        try:
            os.mknod(null, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        except PermissionError:
            null = "/dev/null"
        if ORACLE:
            return  # theirs replaces it
        port = free_port()
        p = stage.start([SENTINEL, null, "--port", str(port)], port)
        p.cmd("SENTINEL", "MONITOR", "m", "127.0.0.1", free_port(), 1)
        p.cmd("SENTINEL", "REMOVE", "m")
        assert stat.S_ISCHR(os.stat(null).st_mode)
        p.kill(15)
        p.wait()
        with started(stage, null, "--port", "PORT") as p:
            with p.client() as c:
                got = c.raw("CONFIG", "REWRITE")
            assert stat.S_ISCHR(os.stat(null).st_mode), got
        assert stat.S_ISCHR(os.stat(null).st_mode)


@ours_only
def test_check_config():
    with Stage() as stage:
        good = write_file(os.path.join(stage.folder, "good.conf"),
                          "port 1234  # a comment\nreplicaof 127.0.0.1 6379  # Master's host and port\nsave 1 2\n")
        got = run(TANIST, "--check-config", good)
        assert got.returncode == 0, got
        bad = write_file(os.path.join(stage.folder, "bad.conf"),
                         "port abc\ntimeout 3\nfoo bar\nappendonly maybe\nmaxmemory \"1\n")
        got = run(TANIST, "--check-config", bad)
        both = got.stdout + got.stderr
        assert got.returncode == 1, got
        for line, reason in ((1, "argument couldn't be parsed into an integer"), (3, "Bad directive"),
                             (4, "argument must be 'yes' or 'no'"), (5, "Unbalanced quotes")):
            assert re.search(rf"bad\.conf:{line}: .*{re.escape(reason)}", both), (line, both)
        sentinel = write_file(os.path.join(stage.folder, "s.conf"),
                              "sentinel down-after-milliseconds m 1000\nsentinel monitor m 127.0.0.1 6379 1\n")
        before = read_file(sentinel)
        got = run(TANIST, "--check-config", sentinel, "--sentinel")
        assert got.returncode == 0, got
        assert read_file(sentinel) == before
        wrong = write_file(os.path.join(stage.folder, "w.conf"),
                           "sentinel monitor m 127.0.0.1 6379 0\nsentinel parallel-syncs none 1\nsentinel foo\n")
        got = run(TANIST, "--check-config", wrong, "--sentinel")
        both = got.stdout + got.stderr
        assert got.returncode == 1 and "w.conf:1:" in both and "w.conf:3:" in both, got
        got = run(TANIST, "--check-config", os.path.join(stage.folder, "none.conf"))
        assert got.returncode == 1, got


@ours_only
def test_trailing_comments():
    with Stage() as stage:
        conf = write_file(os.path.join(stage.folder, "a.conf"),
                          "maxmemory 1mb  # one\ntimeout 11 #\t two\nrequirepass a#b\nsave 10 1 # \"x\nhz 12#\n"
                          .replace("hz 12#\n", "hz 12\n"))
        with started(stage, conf, "--port", "PORT") as p, p.client() as c:
            c.cmd("AUTH", "a#b")
            assert c.cmd("CONFIG", "GET", "timeout")[1] == b"11"
            assert c.cmd("CONFIG", "GET", "save")[1] == b"10 1"


@ours_only
def test_our_samples():
    """As they are, and with every commented sample in force; of a Sentinel's options none is missing."""
    options = re.findall(r'(?m)^    \{ "([a-z-]+)"', read_file(os.path.join(ROOT, "sentinel", "options.c")))
    sample = read_file(os.path.join(ROOT, "configs", "sentinel.conf"))
    assert len(options) > 8, options
    missing = [o for o in options if o != "quorum" and f"sentinel {o} mymaster " not in sample]
    assert not missing, missing
    for name in ("master", "replica", "sentinel"):
        text = read_file(os.path.join(ROOT, "configs", f"{name}.conf"))
        with Stage() as stage:
            for script in re.findall(r"/usr/local/bin/\S+", text):
                text = text.replace(script, "/bin/true")
            every = re.sub(r"(?m)^# (?=sentinel [a-z]|requirepass )", "", text)
            for form in (text, every):
                path = write_file(os.path.join(stage.folder, "x.conf"), form)
                got = run(TANIST, "--check-config", path, *(["--sentinel"] if name == "sentinel" else []))
                assert got.returncode == 0, (form, got)


def test_sample_files_start():
    """Debian's own files, as they are but for what needs its users and folders."""
    for name, binary in (("redis", SERVER), ("sentinel", SENTINEL)):
        source = f"/usr/share/doc/redis-server/{name}.conf"
        candidates = [f"/etc/redis/{name}.conf", source]
        path = next((c for c in candidates if os.path.exists(c)), None)
        if not path:
            continue
        with Stage() as stage:
            text = re.sub(r"(?m)^(daemonize|pidfile|logfile|dir|unixsocket|supervised)\s.*$", "", read_file(path))
            conf = write_file(os.path.join(stage.folder, f"{name}.conf"), text)
            with started(stage, conf, "--port", "PORT", "--dir", stage.folder, binary=binary) as p:
                assert mode(p) == ("sentinel" if name == "sentinel" else "standalone")
