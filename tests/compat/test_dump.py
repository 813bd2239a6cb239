"""DUMP and RESTORE beside the reference: the same payloads, each read by the other."""
import beside
from lib import REDIS_SERVER, ReplyError, Stage

SCRIPTED = r"""
SET k hello | DUMP k | SET k 12345 | DUMP k | SET k aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa | DUMP k | DUMP no | DUMP | DUMP a b
SET k 1 | RESTORE k 0 x | RESTORE n 0 x | RESTORE n x x | RESTORE n -1 x | RESTORE k -1 x REPLACE | RESTORE n 0 x FOO | RESTORE n 0 x FREQ | RESTORE n 0 x FREQ 256 | RESTORE n 0 x FREQ -1 | RESTORE n 0 x IDLETIME -1 | RESTORE n 0 x IDLETIME x | RESTORE n 0 x FREQ 1 IDLETIME 1 | RESTORE n 0 x IDLETIME 1 FREQ 1 | RESTORE n 0
RESTORE n 0 "\x00\x05hello\x0a\x00\x00\x00\x00\x00\x00\x00\x00\x00" | RESTORE n 0 "" | RESTORE n 0 "\x00" | COMMAND GETKEYS RESTORE a 0 x | COMMAND GETKEYS DUMP a
"""

VALUES = ["hello", "1", "-70000", "9223372036854775807", "", "x" * 300, "abc" * 200, "\x00\xff" * 9, "1234567890123"]


def test_scripted_resp2():
    beside.scripted(SCRIPTED, 2)


def test_scripted_resp3():
    beside.scripted(SCRIPTED, 3)


def test_payloads_both_ways():
    with Stage() as stage:
        ours, theirs = stage.server(), stage.server(binary=REDIS_SERVER)
        with ours.client() as a, theirs.client() as b:
            for i, value in enumerate(VALUES):
                key = f"k{i}"
                payloads = []
                for c in (a, b):
                    c.cmd("SET", key, value)
                    payloads.append(c.cmd("DUMP", key))
                if len(value) < 20:
                    assert payloads[0] == payloads[1], (value, payloads)
                for c, payload in ((a, payloads[1]), (b, payloads[0])):
                    assert isinstance(c.raw("RESTORE", key, 0, payload), ReplyError)
                    assert c.cmd("RESTORE", key, 100000, payload, "REPLACE") == "OK"
                    assert c.text("GET", key) == value
                    assert 99000 < c.cmd("PTTL", key) <= 100000
                    broken = payload[:3] + bytes([payload[3] ^ 1]) + payload[4:]
                    assert str(c.raw("RESTORE", "n", 0, broken)) == "ERR DUMP payload version or checksum are wrong"


def test_options():
    with Stage() as stage:
        ours, theirs = stage.server(), stage.server(binary=REDIS_SERVER)
        for server in (ours, theirs):
            with server.client() as c:
                c.cmd("SET", "a", "hello")
                payload = c.cmd("DUMP", "a")
                assert str(c.raw("RESTORE", "a", 0, payload)) == "BUSYKEY Target key name already exists."
                assert c.cmd("RESTORE", "b", 0, payload, "IDLETIME", 1000) == "OK"
                assert 1000 <= c.cmd("OBJECT", "IDLETIME", "b") <= 1001
                assert c.cmd("TTL", "b") == -1
                assert c.cmd("RESTORE", "b", 4102444800000, payload, "ABSTTL", "REPLACE") == "OK"
                assert c.cmd("PEXPIRETIME", "b") == 4102444800000
                assert c.cmd("OBJECT", "IDLETIME", "b") == 0
                assert c.cmd("RESTORE", "b", 1000, payload, "ABSTTL", "REPLACE") == "OK"
                assert c.cmd("EXISTS", "b") == 0
                c.cmd("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")
                assert c.cmd("RESTORE", "f", 0, payload, "FREQ", 50) == "OK"
                assert c.cmd("OBJECT", "FREQ", "f") == 50
                assert c.cmd("RESTORE", "f", 0, payload, "REPLACE") == "OK"
                assert c.cmd("OBJECT", "FREQ", "f") == 5
