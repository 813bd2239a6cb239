"""SORT and SORT_RO beside the reference. Sets without sorting have no order and are left out."""
import beside
from lib import ReplyError, Stage

SCRIPTED = r"""
RPUSH l 3 1 2 10 | SORT l | SORT l DESC | SORT l ALPHA | SORT l ALPHA DESC | SORT l LIMIT 1 2 | SORT l LIMIT -1 2 | SORT l LIMIT 2 -5 | SORT l LIMIT 10 2 | SORT l LIMIT 0 0 | SORT l LIMIT 1 | SORT l LIMIT a 1 | SORT l LIMIT 1 a | SORT l FOO | SORT l ASC DESC | SORT l LIMIT 0 99999999999
RPUSH l a 1 2 | SORT l | SORT l ALPHA | SORT_RO l ALPHA | SORT_RO l ALPHA STORE d | SORT l STORE | SORT l BY | SORT l GET | SORT no | SORT no STORE d | SET d 1 | SORT no STORE d | EXISTS d | SORT | SORT_RO
SET s x | SORT s | SORT_RO s | HSET h a 1 | SORT h
RPUSH l 1 2 3 | MSET w1 30 w2 20 w3 10 o1 one o3 three | SORT l BY w* | SORT l BY w* GET o* | SORT l BY w* GET # GET o* GET w* | SORT l BY w* DESC GET # | SORT l BY nosort GET o* | SORT l BY nosort DESC | SORT l GET fixed | SORT l BY no* | SORT l BY no* ALPHA DESC LIMIT 0 1
RPUSH l 1 2 3 | HSET h1 f 9 | HSET h2 f 8 g x | HSET h3 f 7 | SORT l BY h*->f | SORT l BY h*->f GET h*->g | SORT l BY h*-> | SORT l GET h* GET h*->f | SORT l BY h*->f STORE d GET # GET h*->g | LRANGE d 0 -1 | TYPE d
SADD s 5 3 9 1 | SORT s | SORT s DESC LIMIT 1 2 | SORT s BY nosort STORE d | LRANGE d 0 -1 | SADD t b a c | SORT t | SORT t ALPHA | SORT t BY nosort STORE d | LRANGE d 0 -1 | SORT t ALPHA STORE d | LRANGE d 0 -1 | EXPIRE d 100 | SORT s STORE d | TTL d | SORT t STORE d
ZADD z 3 a 1 b 2 c | SORT z ALPHA | SORT z BY nosort | SORT z BY nosort DESC | SORT z BY nosort LIMIT 1 1 | SORT z BY nosort DESC LIMIT 1 5 | SORT z BY nosort DESC LIMIT 3 5 | SORT z BY nosort GET # STORE d | LRANGE d 0 -1 | SORT z
RPUSH l "" 1 -5 3.5 1e2 +7 " 4" inf -inf 0x10 | SORT l | RPUSH l nan | SORT l | RPUSH n "1 " | SORT n | RPUSH o 1.0 1 1.00 | SORT o | SORT o DESC
RPUSH l 1 2 | SORT l STORE l GET # DESC | LRANGE l 0 -1 | SORT l STORE l GET no* | LRANGE l 0 -1 | SORT l DESC STORE x STORE y | EXISTS x y | COMMAND GETKEYS SORT a BY store GET x STORE d | COMMAND GETKEYS SORT a STORE b STORE c | COMMAND GETKEYS SORT_RO a GET b* | COMMAND GETKEYS SORT a LIMIT STORE 1 STORE x
RPUSH l 1 2 3 | SET *1 a | SET 2** b | SORT l BY ** GET ** | SORT l GET *->x | SORT l GET "#x" | SORT l by nosort get # limit 1 1 | SORT l alpha asc
RPUSH m 1e999 | SORT m
"""
# The last line stays the last: from then on the reference takes every number for one out of range.

SHAPES = ["RPUSH k v v v", "SADD s v v", "ZADD z n v n v", "SET w1 v", "SET w5 v", "SET wabc v", "HSET h5 f v", "HSET h1 f v", "DEL k",
          "SORT k", "SORT k d", "SORT k ALPHA d", "SORT k LIMIT i i", "SORT k d LIMIT i i ALPHA", "SORT m BY nosort LIMIT i i",
          "SORT k BY w* d", "SORT k BY w* ALPHA LIMIT 0 0", "SORT k BY h*->f GET # GET w*", "SORT s d ALPHA", "SORT s LIMIT i i", "SORT z ALPHA",
          "SORT z BY nosort d LIMIT i i", "SORT z BY nosort d", "SORT k d STORE k", "SORT s ALPHA STORE k", "LRANGE k 0 -1",
          "SORT_RO k ALPHA GET w* GET #", "SORT m BY nosort d GET h*->f", "SORT z GET w* d LIMIT i i"]
PICK = {
    "k": ["k1", "k2", "s", "k3"],
    "m": ["k1", "k2", "k3"],
    "v": ["1", "5", "-3", "abc", "2.5", "10", "1e3", "x", "7", "8", "100", "44"],
    "n": ["1", "2", "3.5", "-1"],
    "i": ["0", "1", "2", "5", "-1", "100"],
    "d": ["ASC", "DESC"],
}


def test_scripted_resp2():
    beside.scripted(SCRIPTED, 2)


def test_scripted_resp3():
    beside.scripted(SCRIPTED, 3)


def test_generated():
    beside.played(beside.generate(20260501, 12000, SHAPES, PICK))


def test_permissions_and_stream():
    with Stage() as stage:
        server = stage.server()
        with server.client() as c:
            c.cmd("RPUSH", "l", 2, 1)
            c.cmd("ACL", "SETUSER", "joe", "on", ">x", "+sort", "~l")
            with server.client() as joe:
                joe.cmd("AUTH", "joe", "x")
                assert joe.cmd("SORT", "l") == [b"1", b"2"]
                for word in ("BY", "GET"):
                    got = joe.raw("SORT", "l", word, "w*")
                    assert str(got) == f"ERR {word} option of SORT denied due to insufficient ACL permissions.", got
                assert isinstance(joe.raw("SORT", "l", "STORE", "d"), ReplyError)
            c.cmd("ACL", "SETUSER", "joe", "~*")
            with server.client() as joe:
                joe.cmd("AUTH", "joe", "x")
                assert joe.cmd("SORT", "l", "GET", "w*") == [None, None]
