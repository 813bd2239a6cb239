"""Hits, misses and changes that INFO counts for each command, beside redis-server 7.0.15."""
from beside import side_by_side  # noqa: F401 (puts the harness on the path)
from lib import REDIS_SERVER, TANIST, Stage

# A line begins with an empty server; a command a row.
COMMANDS = """
XGROUP CREATE s g $ MKSTREAM | XADD s 1-1 a 1 | XADD s 2-1 a 1 | XREADGROUP GROUP g c STREAMS s > | XACK s g 1-1 | XACK nos g 1-1 | XACK s nog 1-1 | XREADGROUP GROUP g c STREAMS nos > | XREADGROUP GROUP g c STREAMS s 0 | XREAD STREAMS s 0 | XREAD STREAMS nos 0 | XREAD STREAMS s nos $ 0 | XPENDING s g | XPENDING nos g | XPENDING s g - + 10 | XCLAIM s g d 0 2-1 | XAUTOCLAIM s g d 0 0 | XCLAIM nos g d 0 1-1 | XLEN s | XLEN nos | XRANGE s - + | XRANGE nos - + | XINFO STREAM s | XINFO STREAM nos | XINFO GROUPS s | XINFO CONSUMERS s g | XDEL s 1-1 | XDEL nos 1-1 | XTRIM s MAXLEN 1 | XSETID s 9-9 | XGROUP CREATECONSUMER s g z | XGROUP DELCONSUMER s g z | XGROUP SETID s g 0 | XGROUP DESTROY s g
SET a 1 | GET a | GET nope | STRLEN a | STRLEN nope | EXISTS a nope | TYPE a | TYPE nope | TTL a | TTL nope | EXPIRETIME nope | GETRANGE a 0 1 | GETRANGE nope 0 1 | MGET a nope a | GETEX a | GETEX nope | GETDEL nope | GETSET a 2 | GETSET nope2 3 | SETNX a 1 | SETNX b 1 | INCR a | APPEND a x | OBJECT ENCODING a | OBJECT ENCODING nope | OBJECT REFCOUNT nope | DUMP a | DUMP nope | RENAME a c | RENAMENX c d | COPY d e | COPY nope f | TOUCH d nope | UNLINK nope | DEL d | PERSIST b | EXPIRE b 100 | EXPIRE nope 1 | LCS b c | SUBSTR b 0 1 | SETRANGE b 1 x | BITCOUNT b | BITCOUNT nope | BITPOS b 1 | GETBIT b 1 | GETBIT nope 1 | SETBIT b 1 1 | BITOP AND x b nope | BITFIELD b GET u8 0 | BITFIELD nope GET u8 0 | BITFIELD b SET u8 0 1 | BITFIELD_RO b GET u8 0 | SET b 1 GET | SET nope9 1 XX | SET nope9 1 NX GET | SET b 1 XX GET | SET h 1 GET | MSETNX b 1 q 2 | KEYS * | SCAN 0 | DBSIZE | MEMORY USAGE b | MEMORY USAGE nope | MOVE b 1 | SORT nope | SORT_RO nope | GETDEL h
PFADD p a | PFCOUNT p | PFCOUNT nope | PFCOUNT p nope | PFMERGE p2 p | PFMERGE p3 nope | PFDEBUG GETREG p | PFDEBUG ENCODING p | PFADD p
RPUSH l a b c | LLEN l | LLEN nope | LRANGE l 0 -1 | LRANGE nope 0 -1 | LINDEX l 0 | LINDEX nope 0 | LPOS l a | LPOS nope a | LSET l 0 x | LINSERT l BEFORE x y | LINSERT nope BEFORE x y | LREM l 0 x | LREM nope 0 x | LTRIM l 0 -1 | LTRIM nope 0 -1 | LPOP l | LPOP nope | RPOP nope 2 | RPOPLPUSH l m | RPOPLPUSH nope m | LMOVE nope m LEFT LEFT | LMPOP 2 nope l LEFT | BLPOP l 1 | RPUSHX nope a | BLMPOP 1 2 nope m LEFT | SORT m | BLPOP nope 0.01
SADD s a b c | SCARD s | SCARD nope | SMEMBERS s | SMEMBERS nope | SISMEMBER s a | SISMEMBER nope a | SMISMEMBER nope a | SRANDMEMBER s | SRANDMEMBER nope | SRANDMEMBER nope 2 | SPOP nope | SPOP nope 2 | SREM nope a | SMOVE s t a | SMOVE nope t a | SINTER s nope | SINTER s t | SUNION s nope | SDIFF s nope | SDIFF nope s | SINTERSTORE d s nope | SUNIONSTORE d s nope | SDIFFSTORE d s nope | SINTERCARD 2 s nope | SSCAN s 0 | SSCAN nope 0
ZADD z 1 a 2 b | ZCARD z | ZCARD nope | ZSCORE z a | ZSCORE nope a | ZMSCORE nope a | ZRANK z a | ZRANK nope a | ZRANGE z 0 -1 | ZRANGE nope 0 -1 | ZRANGEBYSCORE nope 0 1 | ZCOUNT z 0 1 | ZCOUNT nope 0 1 | ZLEXCOUNT nope - + | ZINCRBY z 1 a | ZREM nope a | ZREMRANGEBYRANK nope 0 1 | ZPOPMIN nope | ZPOPMAX z | ZUNION 2 z nope | ZINTER 2 z nope | ZDIFF 2 z nope | ZUNIONSTORE d 2 z nope | ZINTERSTORE d 2 nope z | ZDIFFSTORE d 2 nope z | ZRANGESTORE d nope 0 1 | ZRANGESTORE d z 0 1 | ZINTERCARD 2 z nope | ZRANDMEMBER z | ZRANDMEMBER nope 1 | ZSCAN z 0 | ZSCAN nope 0 | ZMPOP 2 nope z MIN | BZPOPMIN nope 0.01 | ZADD nope XX 1 a
HSET h a 1 | HGET h a | HGET nope a | HMGET nope a | HLEN h | HLEN nope | HGETALL nope | HKEYS h | HVALS nope | HEXISTS h a | HEXISTS nope a | HSTRLEN nope a | HDEL nope a | HINCRBY h a 1 | HINCRBYFLOAT h a 1 | HSETNX h a 1 | HRANDFIELD h | HRANDFIELD nope | HRANDFIELD nope 2 | HSCAN h 0 | HSCAN nope 0 | HMSET h b 1
GEOADD g 1 1 a | GEOPOS g a | GEOPOS nope a | GEODIST g a a | GEODIST nope a b | GEOHASH nope a | GEOSEARCH g FROMLONLAT 1 1 BYRADIUS 1 km | GEOSEARCH nope FROMLONLAT 1 1 BYRADIUS 1 km | GEOSEARCHSTORE d nope FROMLONLAT 1 1 BYRADIUS 1 km | GEORADIUS nope 1 1 1 km | GEORADIUSBYMEMBER g a 1 km | GEORADIUS g 1 1 1 km STORE d
SET a 1 | WATCH a nope | MULTI | GET a | GET nope | EXEC | OBJECT IDLETIME a | DEBUG OBJECT a | LPUSH w a | GET w | HGET w a
"""


def figures(c):
    stats, persistence = c.info("stats"), c.info("persistence")
    return [int(stats["keyspace_hits"]), int(stats["keyspace_misses"]), int(persistence["rdb_changes_since_last_save"])]


def counted(stage, binary):
    out = []
    server = stage.server(binary=binary)
    with server.client() as c, server.client() as observer:
        for line in COMMANDS.strip().split("\n"):
            observer.cmd("FLUSHALL")
            before = figures(observer)
            for words in line.split(" | "):
                c.raw(*words.split())
                now = figures(observer)
                out.append((words, "hits, misses, changes", [b - a for a, b in zip(before, now)]))
                before = now
    return out


def test_hits_misses_changes():
    with Stage() as stage:
        ours, theirs = counted(stage, TANIST), counted(stage, REDIS_SERVER)
        assert ours == theirs, "\n".join(f"ours {a}, theirs {b}" for a, b in zip(ours, theirs) if a != b)
