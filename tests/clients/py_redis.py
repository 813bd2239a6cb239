#!/usr/bin/python3
"""redis-py, as Debian packages it: HOST PORT PROTOCOL, or `sentinel PORTS NAME KEY` (see README.md here)."""
import sys
import threading
import time

import redis
from redis.sentinel import Sentinel


def check(name, got, want):
    if got != want:
        sys.exit(f"FAIL {name}: got {got!r}, want {want!r}")


def types(r):
    check("set", [r.set("s", "v"), r.get("s"), r.set("s", "w", nx=True), r.append("s", "x")], [True, "v", None, 2])
    check("incr", [r.incr("n"), r.incrby("n", 41), r.incrbyfloat("f", 0.5)], [1, 42, 0.5])
    check("mset", [r.mset({"a": 1, "b": 2}), r.mget("a", "none", "b")], [True, ["1", None, "2"]])
    check("list", [r.rpush("l", 1, 2, 3), r.lrange("l", 0, -1), r.lpop("l", 2), r.lpos("l", "3")],
          [3, ["1", "2", "3"], ["1", "2"], 0])
    check("set type", [r.sadd("t", 1, 2, 3), r.smembers("t"), r.smismember("t", [1, 9])], [3, {"1", "2", "3"}, [1, 0]])
    check("hash", [r.hset("h", mapping={"f": 1, "g": "x"}), r.hgetall("h"), r.hmget("h", "f", "no")],
          [2, {"f": "1", "g": "x"}, ["1", None]])
    check("zset", [r.zadd("z", {"a": 1, "b": 2.5}), r.zrange("z", 0, -1, withscores=True), r.zscore("z", "b"),
                   r.zpopmin("z")], [2, [("a", 1.0), ("b", 2.5)], 2.5, [("a", 1.0)]])
    check("bits", [r.setbit("bits", 7, 1), r.bitcount("bits"), r.getbit("bits", 7)], [0, 1, 1])
    check("hll", [r.pfadd("p", "a", "b"), r.pfcount("p")], [1, 2])
    r.geoadd("geo", [13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania"])
    check("geo", [r.geodist("geo", "Palermo", "Catania", "km"), r.geosearch("geo", longitude=15, latitude=37,
                  radius=100, unit="km")], [166.2742, ["Catania"]])
    first = r.xadd("x", {"k": "v"})
    r.xgroup_create("x", "g", id="0")
    check("stream", r.xreadgroup("g", "me", {"x": ">"}), [["x", [(first, {"k": "v"})]]])
    check("stream group", [r.xpending("x", "g")["pending"], r.xack("x", "g", first), r.xinfo_stream("x")["length"]],
          [1, 1, 1])
    check("expire", [r.expire("s", 100), 0 < r.ttl("s") <= 100, r.type("z")], [True, True, "zset"])
    check("sort", r.sort("t", desc=True), ["3", "2", "1"])
    check("info", r.info("server")["tcp_port"] > 0 and "get" in r.command() and r.config_get("port") != {}, True)
    try:
        r.lpush("s", 1)
    except redis.ResponseError as e:
        check("error", str(e).startswith("WRONGTYPE") or "wrong kind" in str(e), True)
    else:
        sys.exit("FAIL error")


def together(r):
    with r.pipeline(transaction=False) as p:
        for i in range(1000):
            p.set(f"key:{i}", i)
        check("pipeline", p.execute(), [True] * 1000)
    with r.pipeline() as p:
        p.watch("n")
        p.multi()
        p.incr("n").get("n")
        check("transaction", p.execute(), [43, "43"])
        p.watch("n")
        r.incr("n")
        p.multi()
        p.incr("n")
        try:
            p.execute()
        except redis.WatchError:
            pass
        else:
            sys.exit("FAIL watch")
    check("scan", len(set(r.scan_iter("key:*", count=100))), 1000)
    r.sadd("many", *range(1000))
    r.hset("hmany", mapping={i: i for i in range(1000)})
    r.zadd("zmany", {i: i for i in range(1000)})
    check("sscan hscan zscan", [len(set(r.sscan_iter("many"))), len(dict(r.hscan_iter("hmany"))),
                                len(dict(r.zscan_iter("zmany")))], [1000, 1000, 1000])


def waiting(r):
    sub = r.pubsub()
    sub.subscribe("news")
    sub.psubscribe("n*")
    got = []
    while len(got) < 2:
        got.append(sub.get_message(timeout=30)["type"])
    check("subscribe", got, ["subscribe", "psubscribe"])
    check("publish", r.publish("news", "hello"), 2)
    check("pub/sub", [sub.get_message(timeout=30)["data"] for _ in range(2)], ["hello", "hello"])
    sub.close()

    def later():
        while r.info("clients")["blocked_clients"] == 0:
            time.sleep(0.005)
        r.rpush("queue", "job")
    t = threading.Thread(target=later)
    t.start()
    check("blpop", r.blpop("queue", 30), ("queue", "job"))
    t.join()
    check("timeouts", [r.blpop("queue", 0.01), r.bzpopmin("nothing", 0.01), r.xread({"nothing": "$"}, block=10)],
          [None, None, []])


def follow(ports, name, key):
    s = Sentinel([("127.0.0.1", int(p)) for p in ports.split(",")], socket_timeout=1)
    r = s.master_for(name, socket_timeout=1, decode_responses=True)
    i = 0
    while True:
        i += 1
        try:
            r.rpush(key, i)
            print("wrote", i, flush=True)
            if r.get("stop"):
                return
        except redis.RedisError as e:
            print("note", repr(e), flush=True)
        time.sleep(0.01)


def main():
    if sys.argv[1] == "sentinel":
        return follow(*sys.argv[2:])
    r = redis.Redis(sys.argv[1], int(sys.argv[2]), decode_responses=True)
    for step in (types, together, waiting):
        step(r)
        print("ok", step.__name__, flush=True)


main()
