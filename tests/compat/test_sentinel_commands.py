"""Every SENTINEL sub-command, asked of our Sentinel and of redis-sentinel 7.0.15 that watch the same
servers: shapes, field names and their order, and error texts must agree."""
import os
import re
import stat
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))

from lib import (ORACLE, REDIS_SENTINEL, REDIS_SERVER, ROOT, TANIST, Map, ReplyError, Stage, fails, free_port,  # noqa: E402
                 ours_only, read_file, run, wait_for, write_file)

OURS = TANIST if not ORACLE else REDIS_SENTINEL


def group(stage, *binaries, down_after=60000, extra="", data=REDIS_SERVER):
    """A master with a replica, and Sentinels that know all of it."""
    master = stage.server("--repl-diskless-sync-delay", 0, binary=data)
    replica = stage.server("--replicaof", "127.0.0.1", master.port, binary=data)
    wait_for("the link", lambda: replica.info("replication")["master_link_status"] == "up")
    # the master's INFO is read every ten seconds: ask when the replica stands in it
    wait_for("the replica", lambda: "slave0" in master.info("replication"))
    config = (f"sentinel monitor mm 127.0.0.1 {master.port} {max(1, len(binaries))}\n"
              f"sentinel down-after-milliseconds mm {down_after}\n{extra}")
    return master, replica, [stage.sentinel(config, binary=b) for b in binaries]


def known(sentinel, replicas=1, peers=0):
    def enough():
        m = flat(sentinel.cmd("SENTINEL", "MASTER", "mm"))
        return m["num-slaves"] == str(replicas) and m["num-other-sentinels"] == str(peers) and m["flags"] == "master"
    wait_for("the Sentinel to know them all", enough)


def settled(sentinel):
    """The replica's INFO has been seen with its link up."""
    def up():
        got = flat(sentinel.cmd("SENTINEL", "REPLICAS", "mm")[0])
        return got["flags"] == "slave" and got["master-host"] == "127.0.0.1"
    wait_for("the replica's INFO", up)


def flat(words):
    if isinstance(words, dict):
        return {k.decode(): v.decode() for k, v in words.items()}
    return {words[i].decode(): words[i + 1].decode() for i in range(0, len(words), 2)}


def shape(x):
    """Types and, of maps and flat maps, the keys."""
    if isinstance(x, Map):
        return ("map", [k for k in x])
    if isinstance(x, list):
        return [shape(v) for v in x]
    return type(x).__name__


ERRORS = """
MASTER | MASTER none | REPLICAS none | SLAVES none | SENTINELS none | GET-MASTER-ADDR-BY-NAME | REPLICAS
GET-MASTER-ADDR-BY-NAME none | IS-MASTER-DOWN-BY-ADDR 127.0.0.1 1 0 | IS-MASTER-DOWN-BY-ADDR 127.0.0.1 abc 0 *
IS-MASTER-DOWN-BY-ADDR 127.0.0.1 1 abc * | IS-MASTER-DOWN-BY-ADDR 127.0.0.1 1 0 * | MYID x | MONITOR a 127.0.0.1 1 0
MONITOR a 127.0.0.1 99999 1 | MONITOR a 127.0.0.1 x 1 | MONITOR a 127.0.0.1 1 x | MONITOR a no.such.host.invalid 1 1
MONITOR mm 127.0.0.1 1 1 | MONITOR a 127.0.0.1 1 | REMOVE none | REMOVE | SET none x y | SET mm foo bar | SET mm quorum 0
SET mm quorum | SET mm down-after-milliseconds 0 | SET mm down-after-milliseconds abc | SET mm parallel-syncs 0
SET mm failover-timeout -1 | SET mm auth-pass x auth-user | SET mm notification-script /bin/true | SET mm rename-command a
SET mm | SET mm client-reconfig-script /bin/true | RESET | RESET none* | FAILOVER none | FAILOVER | FAILOVER mm x
CKQUORUM none | CKQUORUM mm | CKQUORUM | FLUSHCONFIG | FLUSHCONFIG x | CONFIG | CONFIG SET foo bar
CONFIG SET announce-port abc | CONFIG SET resolve-hostnames maybe | CONFIG SET announce-ip | CONFIG GET none
INFO-CACHE none | INFO-CACHE | PENDING-SCRIPTS | PENDING-SCRIPTS x | SIMULATE-FAILURE | SIMULATE-FAILURE help
SIMULATE-FAILURE foo | DEBUG | DEBUG info-period | DEBUG info-period 0 | DEBUG info-period abc | DEBUG foo 1
DEBUG info-period 10000 ping-period | FOO | FOO bar | SET mm down-after-milliseconds 60000 | SET mm auth-pass x auth-user y
SET mm auth-pass "" auth-user "" | SET mm rename-command CONFIG abc | SET mm rename-command CONFIG CONFIG
CONFIG SET announce-port 26400 | CONFIG GET announce-port | CONFIG SET announce-port 0 | CONFIG GET *hostnames
CONFIG SET sentinel-user u | CONFIG GET sentinel-* | CONFIG SET sentinel-user "" | DEBUG info-period 10000
""".strip()
OTHERS = """
PING | PING x | PING a b | GET a | SET a b | CONFIG GET * | SLOWLOG GET | SELECT 0 | FLUSHALL | SENTINEL | FOO bar
PUBLISH ch msg | PUBLISH __sentinel__:hello nonsense | HELLO 4 | HELLO 2 FOO | AUTH x | CLIENT FOO | CLIENT SETNAME joe
CLIENT GETNAME | CLIENT KILL 1.2.3.4:1 | CLIENT REPLY FOO | ACL WHOAMI | COMMAND FOO | ROLE | ROLE x | SHUTDOWN FOO | INFO none
SUBSCRIBE | PUBSUB CHANNELS | MULTI | RESET | MONITOR | WAIT 0 0 | DEBUG SLEEP 0 | SAVE | REPLICAOF NO ONE | CLIENT LIST TYPE x
"""
# In which the version that we follow differs from 7.0.15, or in which we serve more.
SERVED_HERE = {"RESET", "PUBSUB", "COMMAND"}


def split(text):
    return [w.replace('""', "") for w in text.strip().split(" ")]


def canonical(x):
    if isinstance(x, ReplyError):
        return "(error) " + re.sub(r"Try \w+ HELP\.|(?<=CONFIG GET) .*(?= are supported)", "", str(x))
    if isinstance(x, dict):
        return {str(k): canonical(v) for k, v in x.items()}
    if isinstance(x, list):
        return [canonical(v) for v in x]
    return x


def compare(resp):
    with Stage() as stage:
        _, _, (ours, theirs) = group(stage, OURS, REDIS_SENTINEL)
        for s in (ours, theirs):
            known(s, 1, 1)
            settled(s)
            s.cmd("SENTINEL", "SET", "mm", "quorum", 1)
        differences = []
        with ours.client() as a, theirs.client() as b:
            if resp == 3:
                hello = a.cmd("HELLO", 3), b.cmd("HELLO", 3)
                assert list(hello[0]) == list(hello[1]), hello
                assert hello[0][b"mode"] == b"sentinel"

            def one(words):
                x, y = canonical(a.raw(*words)), canonical(b.raw(*words))
                if x != y:
                    differences.append(f"{' '.join(words)}\n    ours   {x!r}\n    theirs {y!r}")
            for line in ERRORS.split("\n"):
                for part in line.split("|"):
                    one(["SENTINEL"] + split(part))
            for line in OTHERS.strip().split("\n"):
                for part in line.split("|"):
                    words = split(part)
                    if words[0] not in SERVED_HERE:
                        one(words)
            for c in (a, b):
                wait_for("links after the change of password", lambda c=c: all(
                    "disconnected" not in flat(c.cmd("SENTINEL", *w)[0])["flags"]
                    for w in (["MASTERS"], ["REPLICAS", "mm"], ["SENTINELS", "mm"])))
            # shapes, with the values that must be equal
            for words in (["MASTERS"], ["MASTER", "mm"], ["REPLICAS", "mm"], ["SLAVES", "mm"], ["SENTINELS", "mm"],
                          ["GET-MASTER-ADDR-BY-NAME", "mm"], ["MYID"], ["INFO-CACHE", "mm"]):
                x, y = a.cmd("SENTINEL", *words), b.cmd("SENTINEL", *words)
                if shape(x) != shape(y):
                    differences.append(f"{words}\n    ours   {shape(x)!r}\n    theirs {shape(y)!r}")
            skip = {"last-ping-sent", "last-ok-ping-reply", "last-ping-reply", "info-refresh", "role-reported-time",
                    "last-hello-message", "name", "runid", "port", "link-pending-commands", "slave-repl-offset"}
            for words in (["MASTERS"], ["REPLICAS", "mm"], ["SENTINELS", "mm"]):
                x, y = flat(a.cmd("SENTINEL", *words)[0]), flat(b.cmd("SENTINEL", *words)[0])
                if list(x) != list(y):
                    differences.append(f"{words}\n    ours   {list(x)}\n    theirs {list(y)}")
                for k in x:
                    if k not in skip and x.get(k) != y.get(k):
                        differences.append(f"{words} {k}: ours {x.get(k)!r}, theirs {y.get(k)!r}")
            text = [a.cmd("SENTINEL", "HELP"), b.cmd("SENTINEL", "HELP")]
            first = [[str(line).split(" ")[0] for line in t if not str(line).startswith(" ")] for t in text]
            if not set(first[1]) <= set(first[0]):
                differences.append(f"HELP lacks {set(first[1]) - set(first[0])}")
            for section in ("Server", "Clients", "CPU", "Stats", "Sentinel"):
                names = [[x.split(":")[0] for x in c.text("INFO", section).split("\r\n") if x] for c in (a, b)]
                lost = [n for n in names[1] if n not in names[0]]
                if lost:
                    differences.append(f"INFO {section} lacks {lost}")
            headers = [[x for x in c.text("INFO").split("\r\n") if x.startswith("#")] for c in (a, b)]
            if headers[0] != headers[1]:
                differences.append(f"sections: ours {headers[0]}, theirs {headers[1]}")
            assert a.cmd("PING") == "PONG", "the connection stays through all of it"
        assert not differences, f"{len(differences)} differences\n" + "\n".join(differences)


def test_replies_resp2():
    compare(2)


def test_replies_resp3():
    compare(3)


def test_info():
    with Stage() as stage:
        master, _, (s,) = group(stage, OURS)
        known(s)
        info = s.info("sentinel")
        assert info["sentinel_masters"] == "1" and info["sentinel_tilt"] == "0"
        assert info["sentinel_tilt_since_seconds"] == "-1" and info["sentinel_simulate_failure_flags"] == "0"
        assert info["master0"] == f"name=mm,status=ok,address=127.0.0.1:{master.port},slaves=1,sentinels=1"
        assert s.info()["redis_mode"] == "sentinel"
        assert s.cmd("ROLE") == [b"sentinel", [b"mm"]]
        with s.client() as c:
            c.cmd("HELLO", 3)
            addr = c.cmd("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mm")
            assert addr == [b"127.0.0.1", b"%d" % master.port]
            assert c.cmd("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "none") is None
            assert isinstance(c.cmd("SENTINEL", "MASTER", "mm"), Map)


FILE = """# my Sentinel
port %d

# the group
sentinel down-after-milliseconds mm 60000
SENTINEL resolve-hostnames yes
sentinel monitor mm 127.0.0.1 %d 1
sentinel parallel-syncs mm 3
# the end
dir "%s"
"""


def test_script_beside_dir():
    """A script's path counts from the folder that `dir` names, in the start's check too."""
    with Stage() as stage:
        folder = os.path.join(stage.folder, "work")
        os.makedirs(folder)
        os.chmod(write_file(os.path.join(folder, "tell.sh"), "#!/bin/sh\n"), 0o755)
        s = stage.sentinel(f"dir {folder}\nsentinel monitor mm 127.0.0.1 {free_port()} 1\n"
                           "sentinel notification-script mm ./tell.sh", binary=OURS)
        assert flat(s.cmd("SENTINEL", "MASTER", "mm"))["notification-script"] == "./tell.sh"


def test_file_rewrite():
    with Stage() as stage:
        master = stage.server(binary=REDIS_SERVER)
        port = free_port()
        path = write_file(os.path.join(stage.folder, "s.conf"), FILE % (port, master.port, stage.folder))
        s = stage.start([OURS, path, "--sentinel"], port)
        text = read_file(path)
        lines = text.split("\n")
        assert re.search(r"(?m)^sentinel myid [0-9a-f]{40}$", text), text
        order = [lines.index(x) for x in ("# my Sentinel", f"port {port}", "# the group",
                                          "sentinel down-after-milliseconds mm 60000",
                                          f"sentinel monitor mm 127.0.0.1 {master.port} 1",
                                          "sentinel parallel-syncs mm 3", "# the end",
                                          "# Generated by CONFIG REWRITE")]
        assert order == sorted(order), text
        assert sum(line.lower() == "sentinel resolve-hostnames yes" for line in lines) == 1, text
        with s.client() as c:
            myid = c.text("SENTINEL", "MYID")
            assert f"sentinel myid {myid}" in lines
            c.cmd("SENTINEL", "SET", "mm", "down-after-milliseconds", 50000, "quorum", 2, "auth-pass", "a b#c" if not ORACLE else "a")
            text = read_file(path)
            assert "# the group\nsentinel down-after-milliseconds mm 50000\n" in text.lower(), text
            assert f"sentinel monitor mm 127.0.0.1 {master.port} 2\n" in text
            c.cmd("SENTINEL", "MONITOR", "two", "127.0.0.1", free_port(), 2)
            assert "sentinel monitor two 127.0.0.1" in read_file(path)
            c.cmd("SENTINEL", "REMOVE", "two")
            assert " two " not in read_file(path)
            os.unlink(path)
            assert c.cmd("SENTINEL", "FLUSHCONFIG") == "OK"
            assert f"sentinel myid {myid}" in read_file(path)
            write_file(path, text)
        s.kill(15)
        assert s.wait() == 0
        again = stage.start([OURS, path, "--sentinel"], port)
        with again.client() as c:
            m = flat(c.cmd("SENTINEL", "MASTER", "mm"))
            assert (m["quorum"], m["down-after-milliseconds"], m["parallel-syncs"]) == ("2", "50000", "3")
            assert c.text("SENTINEL", "MYID") == myid


@ours_only
def test_file_keeps_trailing_comments():
    with Stage() as stage:
        master = stage.server(binary=REDIS_SERVER)
        port = free_port()
        path = write_file(os.path.join(stage.folder, "s.conf"), f"port {port} # where\n"
                          f"sentinel monitor mm 127.0.0.1 {master.port} 1  # Monitor master, quorum=1\n"
                          "sentinel down-after-milliseconds mm 5000   # five seconds\n")
        s = stage.start([OURS, path, "--sentinel"], port)
        s.cmd("SENTINEL", "FLUSHCONFIG")
        text = read_file(path)
        assert "# Monitor master, quorum=1\n" in text and "# five seconds\n" in text and "# where\n" in text, text
        s.kill(15)
        s.wait()
        stage.start([OURS, path, "--sentinel"], port)


def test_state_lines_before_monitor():
    """Charts write known-* and per-group lines in any order, also before the group."""
    with Stage() as stage:
        master = stage.server(binary=REDIS_SERVER)
        s = stage.sentinel("sentinel known-replica mm 127.0.0.1 1\n"
                           f"sentinel known-sentinel mm 127.0.0.1 2 {'a' * 40}\nsentinel config-epoch mm 7\n"
                           f"sentinel leader-epoch mm 8\nsentinel down-after-milliseconds mm 60000\nsentinel current-epoch 9\n"
                           f"sentinel myid {'b' * 40}\nsentinel monitor mm 127.0.0.1 {master.port} 2\n", binary=OURS)
        with s.client() as c:
            m = flat(c.cmd("SENTINEL", "MASTER", "mm"))
            assert (m["config-epoch"], m["num-slaves"], m["num-other-sentinels"]) == ("7", "1", "1")
            assert c.cmd("SENTINEL", "MYID") == b"b" * 40
            assert flat(c.cmd("SENTINEL", "SENTINELS", "mm")[0])["runid"] == "a" * 40
    with Stage() as stage:
        for line, reason in (("sentinel monitor mm 127.0.0.1 1 0", "Quorum must be 1 or greater."),
                             ("sentinel monitor mm 127.0.0.1 99999 1", "Invalid port number."),
                             ("sentinel parallel-syncs none 1", "No such master with specified name."),
                             ("sentinel foo bar", "Unrecognized sentinel configuration statement."),
                             ("sentinel notification-script mm /nonexistent", None)):
            port = free_port()
            path = write_file(os.path.join(stage.folder, "bad.conf"), f"port {port}\n{line}\n")
            got = run(OURS, path, "--sentinel")
            assert got.returncode == 1 and "*** FATAL CONFIG FILE ERROR" in got.stderr, got
            assert f">>> '{line}'" in got.stderr and (not reason or reason in got.stderr), (line, got.stderr)


def script(stage, name):
    path = os.path.join(stage.folder, name)
    write_file(path, f'#!/bin/sh\necho "$@" >> {path}.out\n')
    os.chmod(path, stat.S_IRWXU)
    return path


def test_failover_events_and_scripts():
    """One failover: its events in order on pub/sub, both scripts, the state in the file and in replies."""
    with Stage() as stage:
        notify, reconfig = script(stage, "notify"), script(stage, "reconfig")
        master, replica, (s,) = group(stage, OURS, down_after=1000, extra=f"sentinel notification-script mm {notify}\n"
                                      f"sentinel client-reconfig-script mm {reconfig}\n")
        known(s)
        settled(s)
        m = flat(s.cmd("SENTINEL", "MASTER", "mm"))
        assert m["notification-script"] == notify and m["client-reconfig-script"] == reconfig
        with s.client() as events:
            events.cmd("PSUBSCRIBE", "*")
            master.kill()
            master.wait()
            seen = []
            while not seen or seen[-1][0] != "+switch-master":
                _, _, channel, text = events.read()
                seen.append((channel.decode(), text.decode()))
            new = wait_for("the address", lambda: s.cmd("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mm"))
            assert new == [b"127.0.0.1", b"%d" % replica.port]
        names = [n for n, _ in seen]
        order = ["+sdown", "+odown", "+new-epoch", "+try-failover", "+vote-for-leader", "+elected-leader",
                 "+failover-state-select-slave", "+selected-slave", "+failover-state-send-slaveof-noone",
                 "+failover-state-wait-promotion", "+promoted-slave", "+failover-state-reconf-slaves", "+failover-end",
                 "+switch-master"]
        assert [n for n in names if n in order] == order, names
        said = dict(seen)
        assert said["+sdown"] == f"master mm 127.0.0.1 {master.port}"
        assert said["+odown"] == f"master mm 127.0.0.1 {master.port} #quorum 1/1"
        assert said["+switch-master"] == f"mm 127.0.0.1 {master.port} 127.0.0.1 {replica.port}"
        assert said["+selected-slave"] == \
            f"slave 127.0.0.1:{replica.port} 127.0.0.1 {replica.port} @ mm 127.0.0.1 {master.port}"
        assert said["+vote-for-leader"] == f"{s.cmd('SENTINEL', 'MYID').decode()} {said['+new-epoch']}"
        assert "+tilt" not in names
        wait_for("the scripts", lambda: "+switch-master" in read_file(notify + ".out")
                 and "leader start" in read_file(reconfig + ".out"))
        assert f"mm leader start 127.0.0.1 {master.port} 127.0.0.1 {replica.port}" in read_file(reconfig + ".out")
        lines = read_file(notify + ".out").split("\n")
        assert f"+sdown master mm 127.0.0.1 {master.port}" in lines, lines
        assert not any(line.startswith("+slave-reconf-sent") for line in lines), "notices are not for the script"
        epoch = said["+new-epoch"]
        for line in (f"sentinel monitor mm 127.0.0.1 {replica.port} 1", f"sentinel config-epoch mm {epoch}",
                     f"sentinel leader-epoch mm {epoch}", f"sentinel current-epoch {epoch}",
                     f"sentinel known-replica mm 127.0.0.1 {master.port}"):
            wait_for(line, lambda: line in read_file(os.path.join(s.folder, "sentinel.conf")))
        assert s.cmd("SENTINEL", "PENDING-SCRIPTS") == [] or wait_for(
            "an empty queue", lambda: s.cmd("SENTINEL", "PENDING-SCRIPTS") == [])


def test_calm_has_no_tilt():
    with Stage() as stage:
        _, _, (s,) = group(stage, OURS)
        known(s)
        with s.client() as c:
            c.cmd("PSUBSCRIBE", "*tilt*", "*sdown*")
            c.read()
            assert c.silent(4)
        assert s.info("sentinel")["sentinel_tilt"] == "0" and "tilt" not in s.logged()


def test_admin_events():
    with Stage() as stage:
        master, _, (s,) = group(stage, OURS)
        known(s)
        with s.client() as events, s.client() as c:
            events.cmd("PSUBSCRIBE", "*")

            def event():
                return [x.decode() for x in events.read()[2:]]
            dead = free_port()
            c.cmd("SENTINEL", "MONITOR", "two", "127.0.0.1", dead, 2)
            assert event() == ["+monitor", f"master two 127.0.0.1 {dead} quorum 2"]
            c.cmd("SENTINEL", "SET", "two", "quorum", 3, "auth-pass", "secret")
            assert event() == ["+set", f"master two 127.0.0.1 {dead} quorum 3"]
            assert event() == ["+set", f"master two 127.0.0.1 {dead} auth-pass ******"]
            c.cmd("SENTINEL", "REMOVE", "two")
            assert event() == ["-monitor", f"master two 127.0.0.1 {dead}"]
            assert c.cmd("SENTINEL", "RESET", "m*") == 1
            assert event() == ["+reset-master", f"master mm 127.0.0.1 {master.port}"]
            assert event()[0] == "+slave"
            known(s)
            text = fails(c.cmd, "SENTINEL", "FAILOVER", "nothing")
            assert text == "ERR No such master with that name"
            settled(s)
            c.cmd("SENTINEL", "DEBUG", "info-period", 200)
            wait_for("a replica that is fit", lambda: flat(c.cmd("SENTINEL", "REPLICAS", "mm")[0])["slave-repl-offset"] != "0")
            got = c.pipeline([("SENTINEL", "FAILOVER", "mm")] * 2)
            assert got[0] == "OK" and str(got[1]) == "INPROG Failover already in progress", got
            while event()[0] != "+switch-master":
                pass


@ours_only
def test_own_words_are_documented():
    """Each event, option and verdict that Redis has not stands in docs/sentinel.md."""
    page = read_file(os.path.join(ROOT, "docs", "sentinel.md"))
    rows = read_file(os.path.join(ROOT, "sentinel", "events.c"))
    events = re.findall(r'{ "([+-][a-z-]+)"', rows[rows.index("[SN_EVT_FOREIGN]"):])
    verdicts = re.findall(r'\[SN_REJ_[A-Z_]+\] = "(.*)"', read_file(os.path.join(ROOT, "sentinel", "view.c")))
    counters = re.findall(r'{ "([a-z_]+)", c->', read_file(os.path.join(ROOT, "sentinel", "info.c")))
    assert len(events) > 8 and len(verdicts) > 8 and len(counters) > 8
    missing = [x for x in events + verdicts + ["sentinel fast-down", "forget-after-milliseconds"] if f"`{x}" not in page]
    missing += [x for x in counters if f"_{x}`" not in page]
    assert not missing, missing
