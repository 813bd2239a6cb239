"""Commands that are about the server more than about data."""
from lib import Stage, fails


def test_lolwut():
    with Stage() as stage:
        with stage.server().client() as c:
            for words in ((), ("VERSION", 5), ("VERSION", 5, 10, 3), (500, 500), (-1, 0)):
                text = c.text("LOLWUT", *words)
                assert text.rstrip("\n").split("\n")[-1].startswith("Redis ver. "), text
            assert "not an integer" in fails(c.cmd, "LOLWUT", "VERSION", "x")
            c.cmd("HELLO", 3)
            assert b"Redis ver. " in c.cmd("LOLWUT")


def test_populate():
    with Stage() as stage:
        with stage.server().client() as c:
            assert c.cmd("DEBUG", "POPULATE", 100) == "OK"
            assert c.cmd("DBSIZE") == 100 and c.cmd("GET", "key:7") == b"value:7"
            assert c.cmd("DEBUG", "POPULATE", 3, "p", 10) == "OK"
            assert c.cmd("GET", "p:1") == b"value:1\0\0\0"
            for words in (("x",), (1, "p", -1), (-1,)):
                assert fails(c.cmd, "DEBUG", "POPULATE", *words) == "ERR value is out of range, must be positive"
