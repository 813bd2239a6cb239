"""Bitmaps beside the reference."""
import beside

SCRIPTED = r"""
SETBIT b 7 1 | GETBIT b 7 | GETBIT b 6 | GETBIT b 10000 | SETBIT b 7 1 | SETBIT b 100 0 | STRLEN b | GET b | OBJECT ENCODING b | GETBIT no 3
SETBIT b -1 1 | SETBIT b abc 1 | SETBIT b 4294967296 1 | SETBIT b 1 2 | SETBIT b 1 x | SETBIT b 99999999999999999999 1 | GETBIT b -1 | GETBIT b x | SETBIT b #1 1 | EXISTS b
SET n 12345 | SETBIT n 3 1 | GET n | OBJECT ENCODING n | SET n 7 | GETBIT n 2 | SETBIT n 2 1 | OBJECT ENCODING n | SETBIT n 1000 1 | STRLEN n
SET s foobar | BITCOUNT s | BITCOUNT s 0 0 | BITCOUNT s 1 1 | BITCOUNT s 1 1 BYTE | BITCOUNT s 5 30 BIT | BITCOUNT s -2 -1 | BITCOUNT s -10 -8 BIT | BITCOUNT s 5 1 | BITCOUNT s -1 -5 FOO | BITCOUNT s 0
BITCOUNT s x 1 | BITCOUNT no x 1 | BITCOUNT no 1 | SET s foobar | BITCOUNT s x 1 | BITCOUNT s 1 x | BITCOUNT s 1 2 FOO | BITCOUNT s 1 2 BIT 3 | BITCOUNT s 100 200 | BITCOUNT s -100 -50 | BITCOUNT s -100 2 BIT | SET s "" | BITCOUNT s | BITCOUNT s 0 -1 | BITCOUNT
SET s "\xff\xf0\x00" | BITPOS s 0 | BITPOS s 1 | BITPOS s 1 1 | BITPOS s 1 2 | BITPOS s 0 0 0 | BITPOS s 1 7 15 BIT | BITPOS s 0 13 15 BIT | BITPOS s 1 -2 -1 | BITPOS s 2 | BITPOS s x | BITPOS s 1 x | BITPOS s 1 0 x | BITPOS s 1 0 1 FOO | BITPOS s 1 0 1 BIT x | BITPOS s
SET s "\xff\xff\xff" | BITPOS s 0 | BITPOS s 0 0 | BITPOS s 0 0 -1 | BITPOS s 0 1 2 | BITPOS s 0 5 | BITPOS s 0 -1 | BITPOS no 0 | BITPOS no 1 | BITPOS no 1 0 1 x | SET s "\x00\x00" | BITPOS s 1 | BITPOS s 1 0 -1 | SET s "" | BITPOS s 0 | BITPOS s 1 | BITPOS s 0 0 -1
SET a foobar | SET c abc | BITOP AND d a c | GET d | BITOP OR d a c | GET d | BITOP XOR d a c no | GET d | BITOP NOT d a | GET d | BITOP NOT d a c | BITOP FOO d a | BITOP AND d no | EXISTS d | BITOP OR d c a | GET d | OBJECT ENCODING d
SET d 1 EX 100 | SET a 12 | SET c 3 | BITOP xor d a c | GET d | TTL d | OBJECT ENCODING d | BITOP AND a a a | GET a | BITOP NOT no no | BITOP AND | BITOP AND d
BITFIELD f SET u8 0 255 GET u8 0 INCRBY u8 0 1 GET u4 0 | GET f | BITFIELD f INCRBY i5 100 1 GET u4 0 | STRLEN f | BITFIELD f OVERFLOW SAT INCRBY u2 100 3 INCRBY u2 100 3 OVERFLOW FAIL INCRBY u2 100 1 OVERFLOW wrap INCRBY u2 100 1
BITFIELD f SET u8 #0 65 SET u8 #1 66 SET i16 #2 -1 | GET f | BITFIELD f GET i16 #2 GET u16 #2 GET i64 0 GET u63 1 GET u1 3 GET i1 1 GET u8 1000 | BITFIELD f | BITFIELD no | BITFIELD no GET u8 0 | EXISTS no
BITFIELD f GET u64 0 | BITFIELD f GET i65 0 | BITFIELD f GET u0 0 | BITFIELD f GET x8 0 | BITFIELD f GET u 0 | BITFIELD f GET U8 0 | BITFIELD f GET u8 -1 | BITFIELD f GET u8 x | BITFIELD f SET u8 0 | BITFIELD f SET u8 0 x | BITFIELD f OVERFLOW foo | BITFIELD f OVERFLOW | BITFIELD f FOO | BITFIELD f GET u8 #99999999999999999
BITFIELD_RO f GET u8 0 | BITFIELD_RO f SET u8 0 1 | BITFIELD_RO f | SET f abc | BITFIELD_RO f GET u8 0 GET i8 #1 | BITFIELD_RO f INCRBY u8 0 1 | BITFIELD_RO f OVERFLOW SAT GET u8 0 | BITFIELD_RO f OVERFLOW x GET u8 0
BITFIELD g SET i8 0 127 | BITFIELD g OVERFLOW SAT SET i8 0 200 | BITFIELD g GET i8 0 | BITFIELD g OVERFLOW FAIL SET i8 0 -129 | BITFIELD g OVERFLOW WRAP SET i8 0 -129 | BITFIELD g GET i8 0 | BITFIELD g OVERFLOW SAT SET u8 0 -1 | BITFIELD g GET u8 0
BITFIELD h SET i64 3 9223372036854775807 INCRBY i64 3 1 | BITFIELD h OVERFLOW SAT SET i64 3 -9223372036854775808 INCRBY i64 3 -1 INCRBY i64 3 -9223372036854775808 | BITFIELD h OVERFLOW FAIL INCRBY i64 3 -1 INCRBY i64 3 1 | BITFIELD h SET u63 5 9223372036854775807 INCRBY u63 5 5 | GET h
BITFIELD k OVERFLOW FAIL SET u1 100 2 | GET k | COMMAND GETKEYS BITOP AND d a b c | COMMAND GETKEYS BITFIELD a GET u8 0 | OBJECT ENCODING k
"""

SHAPES = ["SETBIT k o b", "GETBIT k o", "BITCOUNT k", "BITCOUNT k i i", "BITCOUNT k i i u", "BITPOS k b", "BITPOS k b i",
          "BITPOS k b i i", "BITPOS k b i i u", "BITOP p k k", "BITOP p k k k k", "BITOP NOT k k", "SET k v", "GET k", "STRLEN k",
          "APPEND k v", "BITFIELD k GET t f", "BITFIELD k SET t f n", "BITFIELD k OVERFLOW w INCRBY t f n",
          "BITFIELD k OVERFLOW w SET t f n GET t f INCRBY t f n", "BITFIELD_RO k GET t f GET t f", "DEL k", "EXPIRE k 1000",
          "TTL k", "OBJECT ENCODING k", "BITFIELD_RO k SET t f n"]
PICK = {
    "k": ["a", "b", "c", "d", "e"],
    "o": ["0", "1", "7", "8", "63", "64", "500", "513", "2000", "x", "-1"],
    "b": ["0", "1", "0", "1", "0", "1", "2"],
    "i": ["0", "1", "-1", "3", "-3", "64", "-70", "100", "-1000", "12", "z"],
    "u": ["BIT", "BYTE", "bit", "FOO"],
    "p": ["AND", "OR", "XOR", "or"],
    "v": ["1", "-5", "abc", b"\xff" * 70, b"\x00" * 90, b"\x0f\xf0" * 50, "", b"\xff" * 9 + b"\x7f", "9223372036854775807"],
    "t": ["u8", "i8", "u1", "i1", "i64", "u63", "i5", "u13", "i33", "u64"],
    "f": ["0", "3", "#1", "#7", "100", "63", "65"],
    # Not below -2^62: with OVERFLOW SAT the reference turns the lowest numbers into the highest.
    "n": ["0", "1", "-1", "100", "-128", "255", "9223372036854775807", "-4611686018427387904", "70000"],
    "w": ["WRAP", "SAT", "FAIL"],
}


def test_scripted_resp2():
    beside.scripted(SCRIPTED, 2)


def test_scripted_resp3():
    beside.scripted(SCRIPTED, 3)


def test_generated():
    beside.played(beside.generate(20260301, 20000, SHAPES, PICK))
