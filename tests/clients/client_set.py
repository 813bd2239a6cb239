"""The client programs of this folder: how each is built and called, and how their libraries are installed.

What a machine lacks is a failure with a clear sentence, never a skip: `configs/setup.sh tests` installs it.
"""
import collections
import fcntl
import hashlib
import os
import shutil
import subprocess

from lib import BUILD, ORACLE, ROOT, run

HERE = os.path.dirname(os.path.abspath(__file__))
BUILT = os.path.join(ROOT, "build-clients") if ORACLE else os.path.join(BUILD, "clients")
Program = collections.namedtuple("Program", "argv protocols")
# gccgo's `go` first: its library is compiled already, where the other's has to be built each time.
GO = shutil.which("go-12") or "go"
CC = ["cc", "-O1", "-Wall", "-Wextra", "-Werror"]
COMPILE = {
    "hiredis_sync": [*CC, "-o", "hiredis_sync", f"{HERE}/hiredis_sync.c", "-lhiredis", "-lpthread"],
    "hiredis_async": [*CC, "-o", "hiredis_async", f"{HERE}/hiredis_async.c", "-lhiredis", "-lev"],
    "redigo": [GO, "build", "-o", "redigo", f"{HERE}/redigo.go"],
}
PROGRAMS = {
    "redis-py": Program(["/usr/bin/python3", "py_redis.py"], "2"),
    "php-redis": Program(["php", "php_redis.php"], "2"),
    "predis": Program(["php", "predis.php"], "2"),
    "ruby-redis": Program(["ruby", "ruby_redis.rb"], "2"),
    "perl-redis": Program(["/usr/bin/perl", "perl_redis.pl"], "2"),
    "node-redis": Program(["node", "node_redis.js"], "23"),
    "ioredis": Program(["node", "io_redis.js"], "2"),
    "hiredis": Program(["hiredis_sync"], "2"),
    "hiredis-async": Program(["hiredis_async"], "2"),
    "redigo": Program(["redigo"], "2"),
    "app-bullmq": Program(["node", "app_bullmq.js"], "2"),
    "app-locks": Program(["node", "app_locks.js"], "2"),
    "app-celery": Program(["/usr/bin/python3", "app_celery.py"], "2"),
    "app-sidekiq": Program(["ruby", "app_sidekiq.rb"], "2"),
    "app-rq": Program(["/usr/bin/python3", "app_rq.py"], "2"),
    "app-django": Program(["/usr/bin/python3", "app_django.py"], "2"),
    "app-socketio": Program(["node", "app_socketio.js"], "2"),
    **{f"app-{library}": Program(["node", "app_failover.js", library], "2")
       for library in ("bull", "bee", "redlock", "limiter", "sessions", "socketioPublish", "socketioStreams")},
}


def environment():
    """Go finds Debian's sources below GOPATH, asks no network, and keeps what it built beside the programs."""
    return {**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": "",
            "GOCACHE": os.path.join(BUILT, "go")}


def one_at_a_time(do):
    os.makedirs(BUILT, exist_ok=True)
    with open(os.path.join(BUILT, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        do()


def compiled(name):
    """The path of the built program; builds it when its source is newer."""
    path, argv = os.path.join(BUILT, name), COMPILE[name]
    source = next(a for a in argv if a.startswith(HERE))

    def build():
        if os.path.exists(path) and os.path.getmtime(path) > os.path.getmtime(source):
            return
        got = run(*argv, cwd=BUILT, env=environment(), timeout=200)
        assert got.returncode == 0, f"{name} does not compile; `configs/setup.sh tests` installs its library\n{got.stderr}"
    one_at_a_time(build)
    return path


def npm_installed():
    """node_modules as package-lock.json says: `npm ci`, only when it is missing or the lock has changed."""
    with open(os.path.join(HERE, "package-lock.json"), "rb") as f:
        want = hashlib.sha256(f.read()).hexdigest()
    mark = os.path.join(HERE, "node_modules", ".tanist-lock")

    def install():
        if os.path.exists(mark) and open(mark).read() == want:
            return
        try:
            got = run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=HERE, timeout=200)
        except (OSError, subprocess.TimeoutExpired) as e:
            raise AssertionError(f"FAILURE: npm ci did not end well, is the npm registry reachable? {e}") from e
        assert got.returncode == 0, f"FAILURE: npm ci, is the npm registry reachable?\n{got.stderr[-2000:]}"
        with open(mark, "w") as f:
            f.write(want)
    one_at_a_time(install)


def command(name):
    """What to call, up to the arguments."""
    argv = PROGRAMS[name].argv
    if argv[0] in COMPILE:
        return [compiled(argv[0])]
    if argv[0] == "node":
        npm_installed()
    return [argv[0], os.path.join(HERE, argv[1]), *argv[2:]]
