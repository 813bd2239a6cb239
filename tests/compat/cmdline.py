#!/usr/bin/env python3
"""The command line and bad configurations, given to redis-server and to ours: same stderr, same exit
code. Usage: cmdline.py PATH-OF-TANIST"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

LAST = ["--port", "bad"]  # ends each run before a server starts, if nothing else did

BAD = """
client-output-buffer-limit foo 1 2 3|client-output-buffer-limit normal 1 2|notify-keyspace-events Q
oom-score-adj-values 1 2|oom-score-adj-values 1 2 9999|cluster-enabled x|dir /nonexistent
latency-tracking-info-percentiles 200|proc-title-template {foo}|maxmemory-clients 200%
maxmemory-clients foo|maxmemory 1gib|dbfilename a/b|appendfilename a/b|appenddirname x/y
activedefrag yes|repl-timeout 0|save 900|save 3|databases 0|replicaof a 99999|slaveof a b
client-query-buffer-limit 1|min-replicas-to-write -1|slowlog-log-slower-than -5
list-max-ziplist-size 99999999999|tls-port x|syslog-facility x|maxmemory-policy x|hz x
tcp-keepalive -1|unixsocketperm 7777|unixsocketperm 99|list-compress-depth -1|supervised x
rename-command x|masterauth|shutdown-on-sigint x|maxmemory-samples 0|io-threads 0
hll-sparse-max-bytes -1|stream-node-max-bytes -1|repl-backlog-size 0|aof-load-truncated x
acl-pubsub-default x|enable-debug-command x|lfu-log-factor -1|sanitize-dump-payload x
cluster-node-timeout x|busy-reply-threshold -1|lua-time-limit x|timeout -1|active-expire-effort 11
latency-monitor-threshold -1|cluster-port 99999|appendonly foo|nosuchthing 1|port
bind a b c d e f g h i j k l m n o p q
"""

RUNS = [["--" + words[0]] + words[1:] + LAST
        for words in (item.split(" ") for line in BAD.split("\n") for item in line.split("|") if item)]
RUNS += [["--save", "--port", "bad"], ["--shutdown-on-sigterm", "save nosave"] + LAST,
         ["--save", "900", "1", ""] + LAST, ["--masterauth", "--x"] + LAST,
         ["--test-memory"], ["nofile.conf"], ["bad.conf"], ["bad.conf", "--foo", "1"],
         ["bad.conf", "--sentinel"], ["--sentinel"] + LAST]

STDIN = ["foo 1\n", 'port "abc\n', "port 1 2\n", "# c\n\n\nport x\n", "replicaof a b\n",
         "PORT x\n", "Appendonly 1\n"]


def run(exe, args, text, folder):
    p = subprocess.run([exe] + args, input=text.encode(), capture_output=True, cwd=folder, timeout=30)
    return p.returncode, re.sub(r"Redis \d+\.\d+\.\d+", "Redis V", p.stderr.decode())


def main():
    reference = shutil.which("redis-server")
    if not reference:
        print("redis-server is not installed")
        return 77
    folder = tempfile.mkdtemp(prefix="tanist-cmdline-")
    wrong = 0
    try:
        with open(os.path.join(folder, "bad.conf"), "w") as f:
            f.write("# first\nmaxmemory 1mb\n\nport abc\n")
        ours = os.path.join(folder, "redis-server")
        os.symlink(os.path.abspath(sys.argv[1]), ours)
        for args, text in [(r, "") for r in RUNS] + [(["-"], t) for t in STDIN]:
            a, b = run(reference, args, text, folder), run(ours, args, text, folder)
            if a != b:
                wrong += 1
                print(f"{args} {text!r}\n  redis-server: {a}\n  ours:         {b}")
    finally:
        shutil.rmtree(folder)
    print(f"{len(RUNS) + len(STDIN)} runs, {wrong} differences")
    return 1 if wrong else 0


sys.exit(main())
