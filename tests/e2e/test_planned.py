"""Planned changes of the master lose nothing; a master that was replaced, or may have been, stops."""
import signal
import threading
import time

from lib import Client, ReplyError, Stage, ours_only, read_file, wait_for, write_file
from test_failover import agreed, master_port, rows, started


class Writer(threading.Thread):
    """Writes numbers one after the other to whoever the Sentinels name; remembers the acknowledged."""

    def __init__(self, sentinels):
        super().__init__(daemon=True)
        self.sentinels, self.over, self.acked, self.gap = [s.port for s in sentinels], False, [], 0.0

    def address(self):
        for port in self.sentinels:
            try:
                with Client(port, timeout=1) as c:
                    return int(c.cmd("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "m")[1])
            except (OSError, ReplyError, EOFError):
                continue
        return None

    def run(self):
        n, last, client = 0, time.monotonic(), None
        while not self.over:
            try:
                if client is None:
                    client = Client(self.address(), timeout=1)
                client.cmd("RPUSH", "log", n)
                self.acked.append(n)
                now = time.monotonic()
                self.gap, last = max(self.gap, now - last), now
                n += 1
                time.sleep(0.001)
            except (OSError, ReplyError, EOFError, TypeError):
                n += 1
                if client:
                    client.close()
                client = None
                time.sleep(0.002)

    def stop(self):
        self.over = True
        self.join()


def lost(writer, server):
    have = {int(x) for x in server.cmd("LRANGE", "log", 0, -1)}
    return [n for n in writer.acked if n not in have]


def by_port(servers, port):
    return next(s for s in servers if s.port == port)


def one_master(sentinels, servers, not_at):
    def there():
        port = agreed(sentinels, servers)
        return port and port != not_at and port
    return wait_for("one master elsewhere", there)


@ours_only
def test_requested_failover_loses_nothing():
    with Stage() as st:
        servers, sentinels = started(st, 5000)
        writer = Writer(sentinels)
        writer.start()
        wait_for("some writes", lambda: len(writer.acked) > 50)
        old = master_port(sentinels[0])
        assert sentinels[1].cmd("SENTINEL", "FAILOVER", "m") == "OK"
        new = one_master(sentinels, servers, old)
        count = len(writer.acked)
        wait_for("writes on the new master", lambda: len(writer.acked) > count + 50)
        writer.stop()
        assert lost(writer, by_port(servers, new)) == []
        record = sentinels[1].cmd("SENTINEL", "FAILOVERS", "m", "COUNT", "1")[0]
        assert record[record.index(b"kind") + 1] == b"requested"
        assert record[record.index(b"result") + 1] == b"switched"
        # To a named one, and back in the same way.
        sentinels[2].cmd("SENTINEL", "FAILOVER", "m", "TO", "127.0.0.1", old, "COORDINATED")
        wait_for("the named one", lambda: agreed(sentinels, servers) == old)


@ours_only
def test_two_requests_at_once():
    with Stage() as st:
        servers, sentinels = started(st, 5000)
        old = master_port(sentinels[0])
        clients = [s.client() for s in sentinels]
        for c in clients:
            c.send("SENTINEL", "FAILOVER", "m")
        for c in clients:
            try:
                c.read()
            except ReplyError as e:
                assert "INPROG" in str(e) or "NOGOODSLAVE" in str(e), e
        one_master(sentinels, servers, old)

        def epoch(s):
            answer = s.cmd("SENTINEL", "MASTER", "m")
            return answer[answer.index(b"config-epoch") + 1]
        wait_for("one epoch", lambda: len({epoch(s) for s in sentinels}) == 1)


@ours_only
def test_sigterm_hands_over():
    with Stage() as st:
        servers, sentinels = started(st, 5000)
        writer = Writer(sentinels)
        writer.start()
        wait_for("some writes", lambda: len(writer.acked) > 50)
        old = by_port(servers, master_port(sentinels[0]))
        old.kill(signal.SIGTERM)
        assert old.wait() == 0
        assert any("This master was replaced before its end" in line for line in old.logged().splitlines())
        rest = [s for s in servers if s is not old]
        new = one_master(sentinels, rest, old.port)
        count = len(writer.acked)
        wait_for("writes on the new master", lambda: len(writer.acked) > count + 50)
        writer.stop()
        assert lost(writer, by_port(servers, new)) == []


@ours_only
def test_woken_master_accepts_nothing():
    with Stage() as st:
        servers, sentinels = started(st, 600)
        old = by_port(servers, master_port(sentinels[0]))
        rest = [s for s in servers if s is not old]
        with old.client() as c:
            c.cmd("SET", "k", "before")
            old.kill(signal.SIGSTOP)
            try:
                wait_for("a new master", lambda: agreed(sentinels, rest))
                for n in range(200):
                    c.send("SET", "k", n)
            finally:
                old.kill(signal.SIGCONT)
            answers = []
            try:
                for n in range(200):
                    try:
                        answers.append(c.read())
                    except ReplyError as e:
                        answers.append(str(e))
            except (OSError, EOFError):
                pass  # demoted meanwhile
        assert "OK" not in answers, answers[:5]
        wait_for("a replica", lambda: agreed(sentinels, servers))


@ours_only
def test_master_alone_refuses_writes():
    """All Sentinels and replicas fall silent (they are stopped): nobody knows what they decide."""
    with Stage() as st:
        servers, sentinels = started(st, 1000)
        master = by_port(servers, master_port(sentinels[0]))
        others = [s for s in servers if s is not master] + sentinels
        with master.client() as c:
            assert c.cmd("SET", "k", "v") == "OK"
            try:
                for s in others:
                    s.kill(signal.SIGSTOP)
                start = time.monotonic()

                def refused():
                    try:
                        c.cmd("SET", "k", "v")
                    except ReplyError as e:
                        return str(e).startswith("READONLY Fenced")
                wait_for("refusal", refused)
                for words in (["EVAL", "return redis.call('set', 'k', 'w')", 0],
                              ["EVAL", "#!lua\nreturn redis.call('set', 'k', 'w')", 0]):
                    assert "Fenced" in str(c.raw(*words)), words
                assert time.monotonic() - start < 3
                assert c.cmd("GET", "k") == b"v"  # reading goes on
            finally:
                for s in others:
                    s.kill(signal.SIGCONT)
            def accepted():
                try:
                    return c.cmd("SET", "k", "v") == "OK"
                except ReplyError:
                    return False
            wait_for("acceptance", accepted)


@ours_only
def test_fast_down():
    with Stage() as st:
        servers, sentinels = started(st, 30000)
        for s in sentinels:
            s.cmd("SENTINEL", "SET", "m", "fast-down", "yes")
        old = by_port(servers, master_port(sentinels[0]))
        old.kill()
        old.wait()
        one_master(sentinels, [s for s in servers if s is not old], old.port)


@ours_only
def test_empty_master_is_not_obeyed():
    """Restarted at once, without its data: down-after sees nothing, the replicas keep theirs."""
    with Stage() as st:
        servers, sentinels = started(st, 30000)
        old = by_port(servers, master_port(sentinels[0]))
        for n in range(20):
            old.cmd("SET", n, n)
        wait_for("copies", lambda: all(s.cmd("DBSIZE") == 20 for s in servers))
        for s in sentinels:
            s.cmd("SENTINEL", "DEBUG", "info-period", 200)
        time.sleep(0.5)  # the Sentinels know how much the replicas have
        old.kill()
        old.wait()
        again = st.server("--repl-diskless-sync-delay", "0", "--dbfilename", "other.rdb", port=old.port)
        new = one_master(sentinels, [s for s in servers if s is not old] + [again], old.port)
        wait_for("the data", lambda: again.cmd("DBSIZE") == 20 and by_port(servers, new).cmd("DBSIZE") == 20)


@ours_only
def test_forget():
    with Stage() as st:
        servers, sentinels = started(st, 1000)
        gone = sentinels[2]
        gone.kill()
        gone.wait()
        runid = next(r[b"runid"] for r in rows(sentinels[0], "SENTINELS") if int(r[b"port"]) == gone.port)
        assert sentinels[0].cmd("SENTINEL", "FORGET", "m", runid) == "OK"
        wait_for("the others", lambda: all(len(rows(s, "SENTINELS")) == 1 for s in sentinels[:2]))
        lines = sentinels[0].cmd("SENTINEL", "EXPLAIN", "m")
        assert any(l.startswith(b"warning: two Sentinels only") for l in lines), lines
        assert any(l.startswith(b"would: ") for l in lines), lines


@ours_only
def test_state_survives_an_old_configuration():
    """What was voted and decided is kept beside the configuration, even where that could not follow."""
    with Stage() as st:
        servers, sentinels = started(st, 5000)
        watch = sentinels[0]
        path = watch.argv[1] if watch.argv[1].endswith("conf") else next(a for a in watch.argv if a.endswith("conf"))
        old_text = read_file(path)
        old = master_port(watch)
        sentinels[1].cmd("SENTINEL", "FAILOVER", "m")
        new = one_master(sentinels, servers, old)
        for s in sentinels:
            s.kill()
            s.wait()
        assert f"monitor m 127.0.0.1 {new}" in read_file(path + ".state")
        write_file(path, old_text)
        again = st.start(watch.argv, watch.port, name="s%d" % watch.port)
        assert master_port(again) == new
