"""CLIENT KILL, LIST, REPLY, NO-EVICT and DEBUG's smaller words beside redis-server 7.0.15."""
from beside import scripted
from lib import ReplyError, Stage, ours_only

SCRIPT = """
CLIENT KILL | CLIENT KILL ID | CLIENT KILL ID 0 | CLIENT KILL ID -1 | CLIENT KILL ID 99999 | CLIENT KILL TYPE | CLIENT KILL TYPE foo | CLIENT KILL TYPE master | CLIENT KILL TYPE slave TYPE replica | CLIENT KILL USER nobody | CLIENT KILL USER
CLIENT KILL ADDR 1.2.3.4:5 | CLIENT KILL LADDR 1.2.3.4:5 | CLIENT KILL SKIPME | CLIENT KILL SKIPME maybe | CLIENT KILL SKIPME yes | CLIENT KILL ADDR 1.2.3.4:5 LADDR 1.1.1.1:1 ID 99999 USER default TYPE normal SKIPME no | CLIENT KILL FOO bar | CLIENT KILL ID 99999 FOO
CLIENT LIST FOO | CLIENT LIST TYPE | CLIENT LIST TYPE foo | CLIENT LIST TYPE replica | CLIENT LIST TYPE master | CLIENT LIST TYPE pubsub | CLIENT LIST ID | CLIENT LIST ID 99999 | CLIENT LIST ID 99998 99999 | CLIENT LIST ID a | CLIENT LIST TYPE normal x
CLIENT NO-EVICT | CLIENT NO-EVICT on x | CLIENT NO-EVICT foo | CLIENT NO-EVICT on | CLIENT NO-EVICT off | CLIENT REPLY | CLIENT REPLY foo | CLIENT REPLY on | CLIENT GETNAME x | CLIENT ID x | CLIENT UNPAUSE x
SADD h a b c | RPUSH l 1 a | HSET hh a b | DEBUG HTSTATS-KEY l | DEBUG HTSTATS-KEY no | DEBUG LISTPACK hh | SET s abc | DEBUG LISTPACK s | DEBUG LISTPACK no | DEBUG CLIENT-EVICTION | DEBUG REPLICATE SET | EXISTS a | DEBUG REPLICATE | DEBUG STRINGMATCH-LEN | DEBUG OBJECT no | DEBUG CHANGE-REPL-ID
"""


def test_script_resp2():
    scripted(SCRIPT, 2)


def test_script_resp3():
    scripted(SCRIPT, 3)


@ours_only
def test_kill_by_age():
    with Stage() as stage:
        server = stage.server()
        with server.client() as a, server.client() as b:
            assert a.cmd("CLIENT", "KILL", "MAXAGE", 1000) == 0
            assert isinstance(a.raw("CLIENT", "KILL", "MAXAGE", 0), ReplyError)
            assert b.cmd("PING") == "PONG"


@ours_only
def test_reading_without_touching():
    with Stage() as stage:
        with stage.server().client() as c:
            c.cmd("SET", "like", "v")
            payload = c.cmd("DUMP", "like")
            c.cmd("RESTORE", "k", 0, payload, "IDLETIME", 1000)
            c.cmd("CLIENT", "NO-TOUCH", "ON")
            c.cmd("GET", "k")
            assert c.cmd("OBJECT", "IDLETIME", "k") >= 1000
            c.cmd("CLIENT", "NO-TOUCH", "OFF")
            c.cmd("GET", "k")
            assert c.cmd("OBJECT", "IDLETIME", "k") < 1000


@ours_only
def test_restart():
    with Stage() as stage:
        server = stage.server()
        with server.client() as c:
            c.cmd("SET", "k", 1)
            c.send("DEBUG", "RESTART")
            assert c.closed()
        server.ready()
        assert server.cmd("GET", "k") == b"1" and server.proc.poll() is None
