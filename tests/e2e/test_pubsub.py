"""SUBSCRIBE, PSUBSCRIBE, PUBLISH and PUBSUB."""
from lib import Push, Stage, fails, wait_for


def test_subscribe_and_publish():
    with Stage() as stage:
        p = stage.server()
        with p.client() as c, p.client() as s, p.client() as t:
            s.send("SUBSCRIBE", "a", "b", "a")
            assert [s.read() for _ in range(3)] == [[b"subscribe", b"a", 1], [b"subscribe", b"b", 2],
                                                    [b"subscribe", b"a", 2]]
            s.send("PSUBSCRIBE", "a*", "[bc]", "h?llo")
            assert [s.read()[2] for _ in range(3)] == [3, 4, 5]
            assert t.cmd("PSUBSCRIBE", "*") == [b"psubscribe", b"*", 1]
            assert c.cmd("PUBLISH", "a", "1") == 3
            assert s.read() == [b"message", b"a", b"1"]
            assert s.read() == [b"pmessage", b"a*", b"a", b"1"]
            assert t.read() == [b"pmessage", b"*", b"a", b"1"]
            assert c.cmd("PUBLISH", "b", b"\x00\xff\r\n") == 3
            assert s.read() == [b"message", b"b", b"\x00\xff\r\n"] and s.read()[1] == b"[bc]"
            assert c.cmd("PUBLISH", "hello", "x") == 2 and c.cmd("PUBLISH", "HELLO", "x") == 1
            assert s.read() == [b"pmessage", b"h?llo", b"hello", b"x"]
            assert sorted(c.cmd("PUBSUB", "CHANNELS")) == [b"a", b"b"]
            assert c.cmd("PUBSUB", "CHANNELS", "a*") == [b"a"]
            assert c.cmd("PUBSUB", "NUMSUB", "a", "none") == [b"a", 1, b"none", 0]
            assert c.cmd("PUBSUB", "NUMPAT") == 4
            info = c.info("stats")
            assert info["pubsub_channels"] == "2" and info["pubsub_patterns"] == "4"
            # what is allowed meanwhile in RESP2
            text = fails(s.cmd, "GET", "a")
            assert text.startswith("ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET "
                                   "are allowed in this context"), text
            assert s.cmd("PING") == [b"pong", b""] and s.cmd("PING", "x") == [b"pong", b"x"]
            s.send("UNSUBSCRIBE", "b", "none")
            assert s.read() == [b"unsubscribe", b"b", 4] and s.read() == [b"unsubscribe", b"none", 4]
            s.send("PUNSUBSCRIBE")
            assert sorted(s.read()[1] for _ in range(3)) == [b"[bc]", b"a*", b"h?llo"]
            assert s.cmd("UNSUBSCRIBE") == [b"unsubscribe", b"a", 0]
            assert s.cmd("UNSUBSCRIBE") == [b"unsubscribe", None, 0]
            assert s.cmd("GET", "a") is None, "out of the mode"
            s.cmd("SUBSCRIBE", "a")
            assert s.cmd("RESET") == "RESET" and c.cmd("PUBLISH", "a", "1") == 1
            t.close()
            wait_for("the end of the other", lambda: c.cmd("PUBSUB", "NUMPAT") == 0)


def test_sharded_and_transactions():
    with Stage() as stage:
        p = stage.server()
        with p.client() as c, p.client() as s:
            assert s.cmd("SSUBSCRIBE", "sh") == [b"ssubscribe", b"sh", 1]
            assert c.cmd("PUBLISH", "sh", "no") == 0 and c.cmd("SPUBLISH", "sh", "yes") == 1
            assert s.read() == [b"smessage", b"sh", b"yes"]
            assert c.cmd("PUBSUB", "SHARDCHANNELS") == [b"sh"] and c.cmd("PUBSUB", "SHARDNUMSUB", "sh") == [b"sh", 1]
            assert s.cmd("SUNSUBSCRIBE") == [b"sunsubscribe", b"sh", 0]
            # messages leave when EXEC runs, in order
            s.cmd("SUBSCRIBE", "a")
            c.cmd("MULTI")
            c.cmd("PUBLISH", "a", 1)
            c.cmd("PUBLISH", "a", 2)
            assert s.silent()
            assert c.cmd("EXEC") == [1, 1]
            assert [s.read()[2], s.read()[2]] == [b"1", b"2"]
            # one that publishes to itself, in RESP3: the message comes after its own reply or before, both whole
            with p.client() as me:
                me.cmd("HELLO", 3)
                me.send("SUBSCRIBE", "self")
                assert isinstance(me.read(), Push)
                me.send("PUBLISH", "self", "x")
                got = [me.read(), me.read()]
                assert 1 in got and Push([b"message", b"self", b"x"]) in got


def test_messages_reach_replicas():
    with Stage() as stage:
        master = stage.server("--repl-diskless-sync-delay", 0)
        replica = stage.server("--replicaof", "127.0.0.1", master.port)
        wait_for("the link", lambda: replica.info("replication")["master_link_status"] == "up")
        with replica.client() as s, master.client() as c:
            s.cmd("SUBSCRIBE", "ch")
            assert c.cmd("PUBLISH", "ch", "over there") == 0
            assert s.read() == [b"message", b"ch", b"over there"]
            with replica.client() as r:
                assert r.cmd("PUBLISH", "ch", "here") == 1
            assert s.read() == [b"message", b"ch", b"here"]


def test_many_subscribers():
    with Stage() as stage:
        p = stage.server()
        many = [p.client() for _ in range(100)]
        for i, s in enumerate(many):
            s.cmd("SUBSCRIBE", "all")
            s.cmd("SUBSCRIBE", f"one:{i}")
        with p.client() as c:
            for i in range(20):
                assert c.cmd("PUBLISH", "all", i) == 100
            assert c.cmd("PUBLISH", "one:7", "x") == 1
        for i, s in enumerate(many):
            assert [s.read()[2] for _ in range(20)] == [b"%d" % k for k in range(20)]
        assert many[7].read() == [b"message", b"one:7", b"x"]
        for s in many:
            s.close()


