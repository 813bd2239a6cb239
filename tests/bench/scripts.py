#!/usr/bin/env python3
"""CPU per script call, beside redis-server, interleaved.

    tests/bench/scripts.py [--rounds 3] [--requests 200000] [--depth 16] [--tests one,two-keys,add-job,eval]

`one` returns 1, `two-keys` does GET and SET, `add-job` is what a job queue does for each job (unpack its options, number it,
store it, put it in line, tell of it), `eval` sends the text of `one` each time. CPU is the server's own user and system
time divided by the calls. TANIST_BUILD names the build folder (a release build).
"""
import argparse
import os
import statistics
import subprocess
import tempfile

from throughput import BUILD, Client, Peer, cpu_seconds, free_port

ADD_JOB = """
local rcall = redis.call
local args = cmsgpack.unpack(ARGV[1])
local prefix, name, stamp = args[1], args[3], args[4]
local opts = cmsgpack.unpack(ARGV[3])
local id = rcall('INCR', KEYS[4])
local jobKey = prefix .. id
if rcall('EXISTS', jobKey) == 1 then return id .. '' end
local max = rcall('HGET', KEYS[3], 'opts.maxLenEvents') or '10000'
rcall('HMSET', jobKey, 'name', name, 'data', ARGV[2], 'opts', cjson.encode(opts), 'timestamp', stamp, 'delay', opts['delay'] or 0,
      'priority', opts['priority'] or 0)
rcall('XADD', KEYS[5], 'MAXLEN', '~', max, '*', 'event', 'added', 'jobId', id, 'name', name)
if rcall('HEXISTS', KEYS[3], 'paused') ~= 1 then
  rcall(opts['lifo'] and 'RPUSH' or 'LPUSH', KEYS[1], id)
  rcall('ZADD', KEYS[2], 0, '0')
else
  rcall('LPUSH', KEYS[6], id)
end
rcall('XADD', KEYS[5], 'MAXLEN', '~', max, '*', 'event', 'waiting', 'jobId', id)
return id .. ''
"""
ARGS = b"\x95\xa9bull:jobs\xa0\xa3job\xa81700000000\xc0"
OPTS = b"\x83\xa8attempts\x03\xa7backoff\x82\xa4type\xa5fixed\xa5delay\xcd\x03\xe8\xa8priority\x01"
JOB_KEYS = ["q:wait", "q:marker", "q:meta", "q:id", "q:events", "q:paused"]
TESTS = {
    "one": ("return 1", ["0"]),
    "two-keys": ("local v = redis.call('GET', KEYS[1]) redis.call('SET', KEYS[2], ARGV[1]) return v", ["2", "k:__rand_int__", "m:__rand_int__", "value"]),
    "add-job": (ADD_JOB, ["6", *JOB_KEYS, ARGS, b'{"x":1,"text":"a job as they are"}', OPTS]),
}


def bench(peer, test, depth, requests):
    script, words = TESTS["one" if test == "eval" else test]
    with Client(peer.port) as c:
        c.cmd("FLUSHALL")
        c.cmd("SET", "k:000000000000", "x")
        sha = c.cmd("SCRIPT", "LOAD", script)
    head = ["EVAL", script] if test == "eval" else ["EVALSHA", sha]
    before = cpu_seconds(peer.proc.pid)
    subprocess.run(["redis-benchmark", "-p", str(peer.port), "-c", "20", "-P", str(depth), "-n", str(requests), "-r", "100000", "-q",
                    *head, *words], check=True, stdout=subprocess.DEVNULL)
    return (cpu_seconds(peer.proc.pid) - before) / requests * 1e6


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--rounds", type=int, default=3)
    a.add_argument("--requests", type=int, default=200_000)
    a.add_argument("--depth", type=int, default=16)
    a.add_argument("--tests", default="one,two-keys,add-job,eval")
    o = a.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        def start(name, binary):
            port = free_port()
            return Peer(name, [binary, "--port", str(port), "--save", "", "--logfile", "/dev/null"], port, folder)
        ours, theirs = start("ours", os.path.join(BUILD, "tanist")), start("redis", "redis-server")
        try:
            print(f"{'test':10} {'ours us':>9} {'redis us':>9} {'ratio':>6}   (CPU a call, P{o.depth}, median of {o.rounds})")
            for test in o.tests.split(","):
                got = [(bench(ours, test, o.depth, o.requests), bench(theirs, test, o.depth, o.requests)) for _ in range(o.rounds)]
                mine, other = (statistics.median(x[i] for x in got) for i in (0, 1))
                print(f"{test:10} {mine:9.2f} {other:9.2f} {mine / other:6.2f}", flush=True)
        finally:
            ours.end()
            theirs.end()


main()
