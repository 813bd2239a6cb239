"""The story of a group, told with our Sentinels and with redis-sentinel 7.0.15 over the same kind of data servers: what each
of them says in each step, what it answers and what it writes must be the same, but for the rows of TIMING and MEANT."""
import os
import stat
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))

from lib import ORACLE, read_file, wait_for, write_file  # noqa: E402
from story import Known, flat, tell  # noqa: E402

# step, what, lines of ours, lines of theirs, reason. Order and moment of these depend on who was first; they may be missing.
TIMING = [
    Known(".*", "events .", "-odown .*", "-odown .*", "the others have switched before the failover ends"),
    Known("failover.*", "events [BC]", "-role-change slave .*", "-role-change slave .*", "INFO came before the hello"),
    Known("failover.*", "events [BC]", "[+]sdown master .*", "[+]sdown master .*", "asked for its vote, and told, before its own time is up"),
    Known("failover.*|no good.*", "replies of .", "voted-leader=.*", "voted-leader=.*", "votes are shown for five ask-periods"),
    Known("old master back|forced.*", "events .", "[+]convert-to-slave .*", "[+]convert-to-slave .*", "one is the first to do it"),
    Known("old master back|forced.*", "events .", "[+-]role-change slave .*", "[+-]role-change slave .*",
          "INFO came before or after it was converted"),
    Known("forced.*", "events .", "-role-change master .*", "",
          "the old master is a replica before the switch: it handed over, or was told at once; theirs goes on for seconds"),
    Known("all back", "events .", "[+]new-epoch .*", "[+]new-epoch .*", "the first hello came before we listened"),
    Known("all back", "events .", "[+-]sdown sentinel .*", "[+-]sdown sentinel .*", "the first of them misses the second"),
    Known("monitor|one more|reset", "events .", "[+-]sdown .*", "[+-]sdown .*", "a busy machine: not all has been reached yet"),
    Known("another at that address", "events A", "-sdown sentinel id-B .*", "-sdown sentinel id-B .*", "PING or its hello, which is first"),
    Known("failover of two", "events A", "-sdown sentinel id-B .*", "-sdown sentinel id-B .*", "PING or its answer, which is first"),
    Known("failover of two", "events B", ".*", ".*", "it was started just now: how much of it do we hear?"),
]
# These are there in each run.
MEANT = [
    Known(".*", "words of .", "config loglevel=.*", "", "CONFIG GET loglevel: a later version's, behind the rest"),
    Known("failover.*", "replies of .", "runid=.* of M", "runid= of M", "the old master keeps its identity; theirs is a new entry"),
    Known("old master back", "events .", "[+]reboot slave M .*", "", "so it is seen that it came back as another process"),
    Known("forced", "events A", "[+]hand-over master mm N", "", "the living master is asked to hand over: nothing is lost"),
    Known("forced.*", "events [BC]", "[+]vote-for-leader id-A <epoch>", "",
          "requested failovers ask for votes, so that no two of them share an epoch"),
    Known("moved", "events [AB]", "-sdown sentinel id-C C2 .*", "", "it is the same entry that is up again; theirs is a new one"),
    Known("does not obey|never ends", "events A", "[+]candidate-rejected .* priority 0", "", "each rejection is told with its reason"),
    Known("no good replica", "events A", "[+]candidate-rejected .* priority 0", "", "each rejection is told with its reason"),
]
# One that is asked for its vote may see the master down before or after it.
ASKED = ("+sdown master", "+new-epoch", "+vote-for-leader")
FOUND = ("+slave", "+sentinel")


def begin(w, **kw):
    w.monitor(**kw)
    w.calm()
    w.step("monitor", sort=FOUND + ("+set",))


def someone_said(w, event):
    assert any(line.startswith(event) for n in w.sentinels for line in w.events(n)), (event, w.ours)


def test_downs():
    """S_DOWN of a replica, a Sentinel, the master; too few Sentinels for the quorum, and for the majority."""
    def story(w):
        begin(w, B=4, C=4)
        w.show("monitor", "hellos", w.hellos())
        w.show_replies("monitor")

        w.freeze("R2")
        for n in "ABC":
            w.seen(n, "+sdown slave R2")
        w.show_replies("replica down")
        w.thaw("R2")
        w.calm()
        w.step("replica down and up")
        w.kill("R2")
        for n in "ABC":
            w.seen(n, "+sdown slave R2")
        w.restart_server("R2", replica=True)
        for n in "ABC":
            w.seen(n, "+reboot", "-sdown")
        w.calm()
        w.step("replica restarted", sort=("*",))

        w.kill("C")
        for n in "AB":
            w.seen(n, "+sdown sentinel id-C")
        w.show_replies("sentinel down", "A", "B")
        w.restart_sentinel("C")
        w.calm()
        w.step("sentinel down and up")

        w.ask("A", "SET", "mm", "quorum", 4)
        w.freeze("M")
        for n in "ABC":
            w.seen(n, "+sdown master")
            wait_for("the others' word", lambda n=n: all("master_down" in p["flags"] for p in w.peers(n)))
        w.show_replies("master down")
        w.thaw("M")
        w.calm()
        w.step("master down and up")

        w.ask("A", "SET", "mm", "quorum", 2)
        w.kill("B", "C")
        w.seen("A", "+sdown sentinel id-B", "+sdown sentinel id-C")
        w.show_replies("no quorum", "A")
        w.freeze("M")
        w.seen("A", "+sdown master")
        wait_for("the age", lambda: int(w.master("A")["s-down-time"]) > 300)
        w.show_replies("no quorum and no master", "A")
        w.thaw("M")
        w.seen("A", "-sdown master")
        w.step("no quorum", sort=("+sdown sentinel",))

        w.ask("A", "SET", "mm", "quorum", 1, "failover-timeout", 500)
        w.show_replies("no majority", "A")
        w.freeze("M")
        w.seen("A", "-failover-abort-not-elected")
        w.thaw("M")
        w.seen("A", "-sdown master")
        w.step("no majority", once=True)

        w.restart_sentinel("B")
        w.restart_sentinel("C")
        w.calm()
        w.step("all back", sort=("*",))
    tell(story, TIMING, MEANT)


def test_failovers():
    def story(w):
        begin(w, B=4, C=4, timeout=10000)
        w.publish_every(2000)
        w.kill("M")
        for n in "ABC":
            w.seen(n, "+switch-master", "+sdown slave M")
        w.name_chosen()
        w.show_replies("failover")
        w.step("failover", others=ASKED)

        w.restart_server("M")
        w.publish_every(100)
        w.calm()
        someone_said(w, "+convert-to-slave slave M")
        w.show_replies("old master back")
        w.step("old master back")

        w.priority(M=10)
        w.publish_every(2000)
        with w.sentinels["A"].client() as c:
            w.show("forced", "answers", [str(x) for x in c.pipeline([("SENTINEL", "FAILOVER", "mm")] * 2)])
        for n in "ABC":
            w.seen(n, "+switch-master mm N M")
        w.publish_every(100)
        w.calm()
        w.step("forced")
        w.show_replies("forced")

        w.priority(N=1)
        w.publish_every(2000)
        w.ask("A", "FAILOVER", "mm", *(["FORCE"] if w.ours and not ORACLE else []))
        for n in "ABC":
            w.seen(n, "+switch-master mm M N")
        w.publish_every(100)
        w.calm()
        w.step("forced without asking the master")

        w.priority(M=0, O=0)
        w.ask("A", "SET", "mm", "failover-timeout", 60000)
        w.show("no good replica", "answer", [w.error("A", "FAILOVER", "mm")])
        w.kill("N")
        w.seen("A", "-failover-abort-no-good-slave")
        for n in "BC":
            w.seen(n, "+vote-for-leader", "+sdown master")
        for n in "ABC":
            wait_for("the others' word", lambda n=n: all("master_down" in p["flags"] for p in w.peers(n)))
        w.show_replies("no good replica")
        w.restart_server("N")
        for n in "ABC":
            w.seen(n, "-sdown master", "+reboot master")
        w.calm()
        w.step("no good replica", sort=("-sdown", "-odown", "+reboot"), others=ASKED)
    tell(story, TIMING, MEANT)


def test_two_sentinels():
    """Of two, one dies with the master: no quorum, then no majority; it comes back and the failover takes place."""
    def story(w):
        begin(w, quorum=2, B=3, timeout=500)
        w.kill("M", "B")
        w.seen("A", "+sdown master mm M", "+sdown sentinel id-B")
        w.show_replies("both gone", "A")
        w.step("both gone", sort=("+sdown",))
        w.ask("A", "SET", "mm", "quorum", 1)
        w.seen("A", "-failover-abort-not-elected")
        w.step("no majority of two", once=True)
        w.ask("A", "SET", "mm", "failover-timeout", 1500)
        w.step("set", once=True, sort=("+", "-"))
        w.restart_sentinel("B")
        w.seen("A", "+switch-master", "+sdown slave M")
        wait_for("the same at B", lambda: w.master("B")["port"] == str(w.servers["R1"].port)
                 and all("s_down" in r["flags"] for r in w.replicas("B").values()))
        w.step("failover of two", once=True, sort=("+sdown", "-sdown"))
        w.show_replies("failover of two")
    tell(story, TIMING, MEANT, replicas=1, sentinels="AB")


def test_stuck():
    """A promotion that does not take place, and a replica that does not follow."""
    def story(w):
        begin(w, quorum=1, timeout=1000)
        w.ask("A", "SET", "mm", "rename-command", "SLAVEOF", "nosuch")
        w.kill("M")
        w.seen("A", "+failover-state-wait-promotion")
        w.show_replies("stuck")
        w.seen("A", "-failover-abort-slave-timeout")
        w.step("stuck")
        w.ask("A", "SET", "mm", "rename-command", "SLAVEOF", "SLAVEOF")
        w.seen("A", "+switch-master", "+sdown slave M")
        w.step("failover", once=True)
    tell(story, TIMING, MEANT, replicas=1, sentinels="A")


def test_another_address():
    """A Sentinel of another identity lives where one was."""
    def story(w):
        begin(w, quorum=1)
        w.kill("B")
        w.seen("A", "+sdown sentinel id-B")
        w.start_sentinel("D", port=w.sentinels.pop("B").port)
        w.monitor(names="D", quorum=1)
        w.seen("A", "+sentinel-invalid-addr", "+sentinel sentinel id-D")
        w.ears.pop("B")
        w.ears.pop("D")
        w.step("another at that address")
    tell(story, TIMING, MEANT, replicas=1, sentinels="AB")


def test_stuck_replica():
    """A replica that does not obey, and one whose synchronisation with the new master never ends."""
    def story(w):
        w.servers["R2"].cmd("CONFIG", "SET", "replica-priority", 0)
        begin(w, quorum=1, timeout=3000)
        # Theirs looks at the time only while one more replica may be sent.
        w.ask("A", "SET", "mm", "parallel-syncs", 2)
        w.ask("A", "DEBUG", "slave-reconf-timeout", 500)
        w.servers["R2"].cmd("ACL", "SETUSER", "default", "-slaveof", "-replicaof")
        w.kill("M")
        w.seen("A", "-slave-reconf-sent-timeout", "+switch-master")
        w.step("does not obey", once=True)
    tell(story, TIMING, MEANT, sentinels="A")

    def never(w):
        w.servers["R2"].cmd("CONFIG", "SET", "replica-priority", 0)
        begin(w, quorum=1, timeout=2000)
        w.servers["R2"].cmd("CONFIG", "SET", "masteruser", "nobody", "masterauth", "x")
        w.kill("M")
        w.seen("A", "+failover-end-for-timeout", "+switch-master")
        w.step("never ends", once=True)
    tell(never, TIMING, MEANT, sentinels="A")


def test_administration():
    """MONITOR, SET, RESET, REMOVE, the file written anew, a Sentinel that moves."""
    def story(w):
        begin(w)
        w.ask("A", "MONITOR", "aa", "127.0.0.1", w.servers["M"].port, 3)
        wait_for("the replicas", lambda: int(flat(w.ask("A", "MASTER", "aa"))["num-slaves"]) == 2)
        w.step("one more", sort=FOUND)
        w.ask("A", "SET", "aa", "down-after-milliseconds", 700, "failover-timeout", 9000, "parallel-syncs", 2, "quorum", 2,
              "auth-user", "joe", "auth-pass", "secret", "rename-command", "CONFIG", "other", "rename-command", "SLAVEOF", "x",
              "master-reboot-down-after-period", 100)
        w.step("set")
        w.ask("A", "REMOVE", "aa")
        w.step("remove")
        w.show("remove", "words", [w.error("A", "REMOVE", "aa"), w.error("A", "GET-MASTER-ADDR-BY-NAME", "aa"),
                                   str(w.ask("A", "MONITOR", "aa", "127.0.0.1", w.servers["M"].port, 3))])
        wait_for("the replicas", lambda: int(flat(w.ask("A", "MASTER", "aa"))["num-slaves"]) == 2)
        w.ask("A", "REMOVE", "aa")  # of several groups theirs are in no order
        w.step("monitor and remove", sort=FOUND)
        w.show("reset", "number", [str(w.ask("A", "RESET", "m*")), str(w.ask("A", "RESET", "none"))])
        w.calm()
        w.step("reset", sort=FOUND)
        w.show_replies("reset")

        w.kill("C")
        for n in "AB":
            w.seen(n, "+sdown sentinel id-C")
        w.move_sentinel("C")
        for n in "AB":
            w.seen(n, "+sentinel-address-switch")
        w.calm()
        w.step("moved")
        w.show_replies("moved")
        w.ask("A", "SET", "mm", "rename-command", "CONFIG", "other", "rename-command", "CLIENT", "x", "parallel-syncs", 2,
              "master-reboot-down-after-period", 100)
        for name, value in (("announce-port", w.sentinels["A"].port), ("sentinel-user", "me"), ("sentinel-pass", "pw"),
                            ("resolve-hostnames", "yes"), ("announce-ip", "127.0.0.1")):
            w.ask("A", "CONFIG", "SET", name, value)
        w.sentinels["A"].cmd("ACL", "SETUSER", "ann", "on", "nopass", "+ping")
        path = os.path.join(w.sentinels["A"].folder, "sentinel.conf")
        os.unlink(path)
        w.ask("A", "FLUSHCONFIG")
        lines = w.file("A")
        w.show("file anew", "head", sorted(x for x in lines if not x.startswith("sentinel ")))
        w.show("file anew", "lines", [x for x in lines if x.startswith("sentinel ")], sort=("sentinel known-", "sentinel rename-"))
    tell(story, TIMING, MEANT)


def script(w, name, body):
    path = write_file(os.path.join(w.stage.folder, name), f"#!/bin/sh\n{body}\n")
    os.chmod(path, stat.S_IRWXU)
    return path


def pending(w):
    """The queue, with what changes by itself as a word."""
    rows = []
    for row in w.ask("A", "PENDING-SCRIPTS"):
        fields = {row[i].decode(): row[i + 1] for i in range(0, len(row), 2)}
        fields["argv"] = [x.decode() for x in fields["argv"]]
        rows.append(w.normal(", ".join(f"{k}={'<number>' if k in ('pid', 'run-time', 'run-delay') else v}"
                                       for k, v in fields.items())))
    return sorted(rows)


def test_scripts():
    """Scripts that fail, that fail for now, and that do not end."""
    def story(w):
        config = os.path.join(w.sentinels["A"].folder, "sentinel.conf")
        w.kill("A")
        write_file(config, read_file(config) + "sentinel deny-scripts-reconfig no\n")
        w.restart_sentinel("A")
        w.ask("A", "DEBUG", "script-max-runtime", 300)
        begin(w, quorum=1)
        out = os.path.join(w.stage.folder, "out")
        w.ask("A", "SET", "mm", "notification-script", script(w, "bad", f'echo "$@" >> {out}; exit 2'))
        w.seen("A", "-script-error")
        w.ask("A", "SET", "mm", "notification-script", script(w, "again", f'echo "$@" >> {out}; exit 1'))
        wait_for("a retry", lambda: any("retry-num=b'1'" in x and "scheduled" in x for x in pending(w)))
        w.show("again", "reply", pending(w))
        w.ask("A", "SET", "mm", "notification-script", script(w, "slow", f'echo "$@" >> {out}; exec sleep 20'))
        wait_for("the run", lambda: any("running" in x for x in pending(w)))
        w.show("slow", "reply", pending(w))
        w.seen("A", "-script-timeout")
        w.step("scripts")
        w.show("said", "words", [w.normal(x) for x in read_file(out).split("\n")])
    tell(story, TIMING, MEANT, replicas=1, sentinels="A")
