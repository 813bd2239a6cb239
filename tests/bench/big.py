#!/usr/bin/env python3
"""How long single commands on big values keep the loop busy, ours beside redis-server.

    tests/bench/big.py [--members 1000000] [--priority 0] [--first COMMAND]

One key of each type with MEMBERS members; each command runs once, alone. Shown is the CPU time of
the server's main thread from the request to the last byte of the reply, in milliseconds: what other
clients would have to wait (a reply of a million members leaves in pieces, but is made in one go).
TANIST_BUILD names the build folder (a release build).
"""
import argparse
import os
import tempfile

from tail import BUILD, Peer

GROUP = 100
COMMANDS = [
    "SMEMBERS s1", "SUNION s1 s2", "SINTER s1 s2", "SDIFF s1 s2", "SUNIONSTORE d s1 s2", "SINTERSTORE d s1 s2",
    "SDIFFSTORE d s1 s2", "SINTERCARD 2 s1 s2", "SRANDMEMBER s1 1000000", "SPOP s2 500000", "HGETALL h", "HKEYS h", "HRANDFIELD h 500000",
    "LRANGE l 0 -1", "LTRIM l2 400000 600000", "LREM l 0 none", "LPOS l none", "ZRANGE z 0 -1", "ZRANGE z 0 -1 WITHSCORES",
    "ZRANGEBYSCORE z -inf +inf", "ZUNIONSTORE d 2 z z2", "ZINTERSTORE d 2 z z2", "ZDIFFSTORE d 2 z z2", "ZRANGESTORE d z 0 -1",
    "ZREMRANGEBYRANK z2 0 499999", "ZREMRANGEBYSCORE z2 -inf 800000", "ZPOPMIN z2 100000", "SORT l LIMIT 0 10", "SORT l", "SORT s1 ALPHA LIMIT 0 10",
    "SORT s1 BY nosort STORE d", "COPY s1 c1", "COPY h c2", "COPY z c3", "DUMP s1", "OBJECT ENCODING s1", "DEL s2", "UNLINK h", "RENAME c1 z",
    "FLUSHALL",
]


def ran(peer):
    with open(f"/proc/{peer.proc.pid}/task/{peer.proc.pid}/schedstat") as f:
        return int(f.read().split()[0]) / 1e6


def fill(peer, n):
    def groups(word, key, member, width=1):
        peer.batches(n // GROUP, lambda i: (word, key, *(x for k in range(i * GROUP, (i + 1) * GROUP) for x in member(k))))
    groups("SADD", "s1", lambda k: (f"member:{k}",))
    groups("SADD", "s2", lambda k: (f"member:{k + n // 2}",))
    groups("HSET", "h", lambda k: (f"field:{k}", f"value:{k}"))
    groups("RPUSH", "l", lambda k: (str(k * 7919 % n),))
    groups("RPUSH", "l2", lambda k: (f"element:{k}",))
    groups("ZADD", "z", lambda k: (str(k * 7919 % n), f"member:{k}"))
    groups("ZADD", "z2", lambda k: (str(k), f"member:{k + n // 2}"))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--members", type=int, default=1_000_000)
    p.add_argument("--first", default="", help="begin with the first command that starts so")
    p.add_argument("--priority", type=int, default=0)
    a = p.parse_args()
    if a.priority:
        os.setpriority(os.PRIO_PROCESS, 0, -a.priority)
    with tempfile.TemporaryDirectory(prefix="tanist-big-") as folder:
        peers = [Peer(n, argv, folder) for n, argv in (("tanist", [os.path.join(BUILD, "tanist")]), ("redis", ["/usr/bin/redis-server"]))]
        try:
            for x in peers:
                fill(x, a.members)
            print(f"{'CPU ms':36}" + "".join(f"{x.name:>10}" for x in peers))
            begin = next(i for i, command in enumerate(COMMANDS) if command.startswith(a.first))
            for command in COMMANDS[begin:]:
                took = []
                for x in peers:
                    before = ran(x)
                    x.c.raw(*command.split())
                    took.append(ran(x) - before)
                print(f"{command:36}" + "".join(f"{t:>10.1f}" for t in took), flush=True)
        finally:
            for x in peers:
                x.end()


if __name__ == "__main__":
    main()
