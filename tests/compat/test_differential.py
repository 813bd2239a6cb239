"""The differential test as the test run has it: 200,000 commands from one seed, others and longer runs by hand
(differential.py, docs/testing.md). A bug that it has found stands in test_found() as a line of its own."""
import os

from beside import scripted
from differential import Run

COMMANDS = 200_000
MINUTES = 3  # a machine that is busy otherwise sends fewer
SEED = int(os.environ.get("TANIST_SEED", 2026))  # other seeds: a run by hand, or set it

# Lines that a difference has left behind; each begins with an empty server.
FOUND = r"""
SCAN "" | SSCAN nokey "" COUNT 3 | HSCAN nokey -0 | ZSCAN nokey +5 | SCAN "-" | SCAN 1x
COMMAND GETKEYSANDFLAGS BITFIELD b | COMMAND GETKEYSANDFLAGS BITFIELD b GET u8 0 | COMMAND GETKEYSANDFLAGS BITFIELD b GET u8 0 SET u8 0 1 | COMMAND GETKEYSANDFLAGS BITFIELD b OVERFLOW SAT GET u8 0 | COMMAND GETKEYSANDFLAGS SET a b | COMMAND GETKEYSANDFLAGS SET a b NX GET
SET n 20 | OBJECT REFCOUNT n | INCRBY n 9980 | OBJECT REFCOUNT n | SET n abc | OBJECT REFCOUNT n | SET n -1 | OBJECT REFCOUNT n
MULTI | EXEC a | EXEC | MULTI | LATENCY RESET | SLOWLOG RESET | DISCARD
SET "" x | KEYS ** | KEYS * | KEYS "" | SCAN 0 MATCH ** | SCAN 0 MATCH * | KEYS ?* | DEL "" | PSUBSCRIBE
GETEX nokey EXAT abc | GETEX nokey EX 0 | GETEX nokey FOO | SET k v | GETEX k EX 0 | GETEX k EXAT abc
SET k v PXAT 4102761820000 PXAT 4102761820001 | PEXPIRETIME k | SET k v EX 1 PX 1 | SET k v KEEPTTL KEEPTTL | SET k v NX NX XX
SELECT 2147483648 | SELECT 9223372036854775807 | SELECT 9223372036854775808 | MOVE k -2147483649 | COPY k l DB 2147483648
XADD x 1-1 a b | XGROUP CREATE x g 0 ENTRIESREAD 2 ENTRIESREAD 2 | XGROUP CREATE x g 0 MKSTREAM ENTRIESREAD 1 | XGROUP SETID x g 0 ENTRIESREAD 1 ENTRIESREAD 1 | XGROUP SETID x g 0 ENTRIESREAD x ENTRIESREAD 1
BZMPOP "" 2 a b MIN foo | BZMPOP abc 1 a MIN | BLMPOP "" 2 a b LEFT foo | BZMPOP -1 1 a MIN COUNT 0
ACL SETUSER u1 "" on | ACL SETUSER u1 "+get|x|y" | ACL SETUSER u1 "+config|get|x" | ACL SETUSER u1 "+nosuch|x" | ACL SETUSER u1 allkeys "~a b" | ACL SETUSER u1 allchannels "&a b" | ACL SETUSER u1 resetkeys "~a b" | ACL DELUSER u1
ACL SETUSER u2 on nopass +@all "%W~s*" "%R~b*" | ACL DRYRUN u2 SET s1 x | ACL DRYRUN u2 SET s1 x GET | ACL DRYRUN u2 SET b1 x | ACL DRYRUN u2 BITFIELD b1 GET u8 0 | ACL DRYRUN u2 BITFIELD b1 SET u8 0 1 | ACL DELUSER u2
GEOADD g -122.4 48.85 a | GEORADIUS g 2.26 48.90 1e308 FT WITHDIST | GEORADIUS g -122.4 48.85 1 m WITHDIST
CONFIG SET zset-max-listpack-entries 3 | ZADD z -1e308 b | ZADD z -2.75 m0 1.5 0 -0 m10 | ZRANGESTORE y z 0 -1 | ZMPOP 1 y MIN COUNT 4 | ZADD z -0 n | ZRANGE z 0 -1 WITHSCORES | CONFIG SET zset-max-listpack-entries 128
XADD x 1 8 1-1 | XGROUP CREATE x g $ | WATCH x | XGROUP DESTROY x g | MULTI | EXEC
XADD x 1-1 a b | WATCH x | XSETID x 7-1 | MULTI | EXEC | COMMAND GETKEYS MIGRATE h 1 k 0 1 KEYS a b | COMMAND GETKEYS MIGRATE h 1 "" 0 1 KEYS a b
XADD x 1-10 a b | XADD x 7-1 a b | XDEL x 7-1 | XSETID x 2 | XADD x 5-18 a b | XRANGE x - 6-3 | XREVRANGE x + - | XREVRANGE x + 5-1 | XREAD STREAMS x 1-10 | XRANGE x 5-0 6-0 | XLEN x | XDEL x 5-18 | XRANGE x - +
DEBUG SET-ACTIVE-EXPIRE 0 | SET k v PXAT 1 | GET k | EXISTS k | SET k v EXAT 1 NX GET | DBSIZE | GET k | DBSIZE | DEBUG SET-ACTIVE-EXPIRE 1
COMMAND GETKEYS ZUNIONSTORE z 0 a | COMMAND GETKEYS ZUNION 0 a | COMMAND GETKEYS PUBLISH a | COMMAND GETKEYS PUBLISH a b | COMMAND GETKEYS SUBSCRIBE a | COMMAND GETKEYS EVAL x 0 | ACL SETUSER u3 (+get (+set foo ~a) | ACL SETUSER u3 (+get (+set | ACL SETUSER u3 ( ) | ACL DELUSER u3
XADD x 1-10 a b | XADD x 7-1 a b | XDEL x 7-1 | XSETID x 2-0 | DEBUG RELOAD | XADD x 5-18 a b | DEBUG RELOAD | XRANGE x - + | XDEL x 5-18 | XADD x 6-1 a b | DEBUG RELOAD | XREVRANGE x + -
GEOADD g 13.361389 48.94 8 | GEORADIUS_RO g 2.42 -85.05 20000000 M WITHDIST
PFADD p | PEXPIREAT p 9223372036854775807 | EXPIRETIME p | TTL p | PEXPIRETIME p | PFDEBUG """ + "x" * 300 + " p"


def test_found_resp2():
    scripted(FOUND, 2)


def test_found_resp3():
    scripted(FOUND, 3)


def test_generated():
    findings = Run(SEED, COMMANDS, minutes=MINUTES).go()
    assert not findings, "\n".join(findings)
