"""CONFIG: GET with patterns, SET all or nothing, REWRITE that keeps the file, names and defaults."""
import os
import re

from lib import ORACLE, REDIS_SERVER, TANIST, Stage, fails, free_port, ours_only, read_file, write_file


def pairs(flat):
    return {flat[i].decode(): flat[i + 1].decode() for i in range(0, len(flat), 2)}


def get(c, *patterns):
    return pairs(c.cmd("CONFIG", "GET", *patterns))


def test_get():
    with Stage() as stage:
        p = stage.server()
        with p.client() as c:
            assert get(c, "maxmemory") == {"maxmemory": "0"}
            assert get(c, "MAX?EMORY") == {"maxmemory": "0"}
            assert get(c, "maxmemory*", "max*", "timeout").keys() >= {"maxmemory-policy", "maxclients", "timeout"}
            got = c.cmd("CONFIG", "GET", "timeout", "time*", "TIMEOUT")
            assert got == [b"timeout", b"0"], got
            assert get(c, "none") == {} and get(c, "slave-r[ae]*") == {"slave-read-only": "yes"}
            assert get(c, "replicaof", "slaveof") == {"replicaof": "", "slaveof": ""}
            assert fails(c.cmd, "CONFIG", "GET") == "ERR wrong number of arguments for 'config|get' command"
            c.cmd("HELLO", 3)
            assert c.cmd("CONFIG", "GET", "timeout") == {b"timeout": b"0"}


def test_set_all_or_nothing():
    related = "ERR CONFIG SET failed (possibly related to argument '%s') - %s"
    bad = [
        (("maxmemory", "1mb", "foo", "2"), "ERR Unknown option or number of arguments for CONFIG SET - 'foo'"),
        (("foo", "bar"), "ERR Unknown option or number of arguments for CONFIG SET - 'foo'"),
        (("maxmemory", "abc"), related % ("maxmemory", "argument must be a memory value")),
        (("maxmemory", "10mb", "timeout", "-1"),
         related % ("timeout", "argument must be between 0 and 2147483647 inclusive")),
        (("databases", "3"), related % ("databases", "can't set immutable config")),
        (("dir", "/tmp"), related % ("dir", "can't set protected config")),
        (("dbfilename", "x"), related % ("dbfilename", "can't set protected config")),
        (("maxmemory", "1", "MAXMEMORY", "2"), related % ("MAXMEMORY", "duplicate parameter")),
        (("maxmemory", "1", "save", "a"), related % ("save", "Invalid save parameters")),
        (("maxmemory", "1", "port", "abc"), related % ("port", "argument couldn't be parsed into an integer")),
        (("maxmemory", "1", "bind", "192.0.2.7"), related % ("bind", "Failed to bind to specified addresses.")),
        (("appendfsync", "x"), related % ("appendfsync",
                                          "argument(s) must be one of the following: everysec, always, no")),
        (("maxmemory", "1", "client-output-buffer-limit", "normal 1 2 3 pubsub 1 2"), None),
        (("notify-keyspace-events", "qq"), None),
        (("proto-max-bulk-len", "1"), None),
        (("repl-backlog-size", "0"), related % ("repl-backlog-size",
                                                "argument must be between 1 and 9223372036854775807 inclusive")),
        (("proc-title-template", "{"), related % ("proc-title-template",
                                                  "template format is invalid or contains unknown variables")),
        (("latency-tracking-info-percentiles", "101"), None),
        (("maxclients", "99999999"), None),
        (("unixsocket", "/tmp/x"), related % ("unixsocket", "can't set immutable config")),
        (("maxmemory",), "ERR wrong number of arguments for 'config|set' command"),
    ]
    with Stage() as stage:
        p = stage.server()
        with p.client() as c:
            for args, text in bad:
                got = fails(c.cmd, "CONFIG", "SET", *args)
                assert got == text or (text is None and got.startswith("ERR CONFIG SET failed (possibly related to"
                                       f" argument '{args[-2]}') - ")), (args, got, text)
                assert get(c, "maxmemory", "timeout") == {"maxmemory": "0", "timeout": "0"}, args
            c.cmd("CONFIG", "SET", "maxmemory", "100mb", "TimeOut", "7", "maxmemory-policy", "allkeys-lru")
            assert get(c, "maxmemory", "timeout", "maxmemory-policy") == {
                "maxmemory": "104857600", "timeout": "7", "maxmemory-policy": "allkeys-lru"}
            # both names of a pair are one directive
            c.cmd("CONFIG", "SET", "slave-priority", "7")
            assert get(c, "*-priority") == {"slave-priority": "7", "replica-priority": "7"}
            c.cmd("CONFIG", "SET", "hash-max-ziplist-entries", "9")
            assert get(c, "hash-max-*-entries") == {"hash-max-ziplist-entries": "9", "hash-max-listpack-entries": "9"}
            c.cmd("CONFIG", "SET", "client-output-buffer-limit", "slave 1mb 2mb 3 normal 10 9 8")
            assert get(c, "client-output*")["client-output-buffer-limit"] == \
                "normal 10 9 8 slave 1048576 2097152 3 pubsub 33554432 8388608 60"
            c.cmd("CONFIG", "SET", "notify-keyspace-events", "KEA")
            assert get(c, "notify*") == {"notify-keyspace-events": "AKE"}
            c.cmd("CONFIG", "SET", "save", "900 1 300 10")
            assert get(c, "save") == {"save": "900 1 300 10"}
            c.cmd("CONFIG", "SET", "save", "")
            assert get(c, "save") == {"save": ""}
            c.cmd("CONFIG", "SET", "maxmemory-clients", "10%")
            assert get(c, "maxmemory-clients") == {"maxmemory-clients": "10%"}


def test_port_and_bind_change_live():
    with Stage() as stage:
        p = stage.server("--bind", "127.0.0.1")
        other = free_port()
        with p.client() as c:
            c.cmd("CONFIG", "SET", "port", other)
            assert c.cmd("PING") == "PONG"
            p.port = other
            assert p.cmd("CONFIG", "GET", "port")[1] == str(other).encode()
            c.cmd("CONFIG", "SET", "bind", "127.0.0.1 -::1")
            assert p.cmd("PING") == "PONG"
            taken = stage.server()
            assert "Unable to listen on this port" in fails(c.cmd, "CONFIG", "SET", "port", taken.port)
            assert p.cmd("PING") == "PONG" and p.cmd("CONFIG", "GET", "port")[1] == str(other).encode()


FILE = """# first comment
port %d

# about memory
maxmemory 1mb
maxmemory 2mb
Timeout 5
slave-read-only yes
save 900 1
save 300 10
# tail
bind 127.0.0.1
dir "%s"
"""


def test_rewrite():
    with Stage() as stage:
        port = free_port()
        path = write_file(os.path.join(stage.folder, "a.conf"), FILE % (port, stage.folder))
        p = stage.start([TANIST, path], port)
        with p.client() as c:
            c.cmd("CONFIG", "SET", "maxmemory", "5mb", "timeout", "9", "maxmemory-policy", "allkeys-lru",
                  "requirepass", "it's \"x\" #1\n")
            assert c.cmd("CONFIG", "REWRITE") == "OK"
            text = read_file(path)
            lines = [line for line in text.split("\n") if line]
            assert lines[0] == "# first comment" and "# about memory" in lines and "# tail" in lines, text
            order = [lines.index(x) for x in ("# first comment", f"port {port}", "# about memory", "maxmemory 5mb",
                                              "timeout 9", "save 900 1", "save 300 10", "# tail", "bind 127.0.0.1",
                                              "# Generated by CONFIG REWRITE", "maxmemory-policy allkeys-lru")]
            assert order == sorted(order), text
            assert sum(line.lower().startswith("maxmemory ") for line in lines) == 1, text
            assert not any(line.startswith("replica-read-only no") for line in lines)
            first = text
            assert c.cmd("CONFIG", "REWRITE") == "OK"
            assert ORACLE or read_file(path) == first, "a second rewrite changes nothing"
            c.cmd("CONFIG", "SET", "save", "")
            c.cmd("CONFIG", "REWRITE")
            assert re.search(r'(?m)^save ""$', read_file(path)) and "save 900" not in read_file(path)
        p.kill(15)
        p.wait()
        again = stage.start([TANIST, path], port, wait=False)
        again.ready()
        with again.client() as c:
            c.cmd("AUTH", "it's \"x\" #1\n")
            assert get(c, "maxmemory", "timeout", "save", "maxmemory-policy") == {
                "maxmemory": "5242880", "timeout": "9", "save": "", "maxmemory-policy": "allkeys-lru"}


def test_rewrite_of_everything():
    with Stage() as stage:
        path = os.path.join(stage.folder, "all.conf")
        write_file(path, "")
        port = free_port()
        p = stage.start([TANIST, path, "--port", str(port), "--enable-debug-command", "yes"], port)
        names = get(p, "*")
        assert p.cmd("DEBUG", "CONFIG-REWRITE-FORCE-ALL") == "OK"
        written = {line.split()[0] for line in read_file(path).split("\n") if line and line[0] != "#"}
        for name in ("hz", "maxmemory", "timeout", "save", "appendfsync", "list-max-listpack-size"):
            assert name in written, name
        p.end()
        again = stage.start([TANIST, path], port)
        assert get(again, "*") == names


def test_rewrite_without_file():
    with Stage() as stage:
        p = stage.server()
        with p.client() as c:
            assert fails(c.cmd, "CONFIG", "REWRITE") == "ERR The server is running without a config file"
        assert fails(p.cmd, "CONFIG", "REWRITE", "x") == "ERR wrong number of arguments for 'config|rewrite' command"
        assert p.cmd("CONFIG", "HELP")[0].startswith("CONFIG <subcommand>")


def test_rewrite_of_replicaof():
    """What a Sentinel does: SLAVEOF and CONFIG REWRITE, in both directions."""
    with Stage() as stage:
        port, master = free_port(), free_port()
        path = write_file(os.path.join(stage.folder, "a.conf"),
                          f"port {port}\nsave \"\"\n# the master\nslaveof 127.0.0.1 {master}\n# end\n")
        p = stage.start([TANIST, path], port)
        with p.client() as c:
            c.cmd("SLAVEOF", "127.0.0.1", master + 1)
            c.cmd("CONFIG", "REWRITE")
            assert re.search(rf"# the master\nreplicaof 127\.0\.0\.1 {master + 1}\n# end\n", read_file(path))
            c.cmd("SLAVEOF", "NO", "ONE")
            c.cmd("CONFIG", "REWRITE")
            assert "replicaof" not in read_file(path) and "slaveof" not in read_file(path)
            c.cmd("SLAVEOF", "127.0.0.1", master)
            c.cmd("CONFIG", "REWRITE")
            assert f"replicaof 127.0.0.1 {master}\n" in read_file(path)


@ours_only
def test_rewrite_keeps_trailing_comments():
    with Stage() as stage:
        port = free_port()
        path = write_file(os.path.join(stage.folder, "a.conf"), f"port {port}  # where\ntimeout 5 # idle\nsave \"\"\n")
        p = stage.start([TANIST, path], port)
        p.cmd("CONFIG", "REWRITE")
        assert f"port {port}  # where\ntimeout 5 # idle\n" in read_file(path), read_file(path)
        p.kill(15)
        p.wait()
        stage.start([TANIST, path], port)


def test_resetstat():
    with Stage() as stage:
        p = stage.server()
        with p.client() as c:
            c.cmd("SET", "a", 1)
            c.cmd("GET", "a")
            c.cmd("GET", "b")
            c.raw("NOTHING")
            before = c.info("all")
            assert before["keyspace_hits"] == "1" and before["keyspace_misses"] == "1"
            assert "cmdstat_get" in before and int(before["total_error_replies"]) == 1
            assert before["errorstat_ERR"] == "count=1"
            assert c.cmd("CONFIG", "RESETSTAT") == "OK"
            after = c.info("all")
            assert after["keyspace_hits"] == after["keyspace_misses"] == after["total_error_replies"] == "0"
            assert "cmdstat_get" not in after and "errorstat_ERR" not in after
            assert int(after["total_commands_processed"]) <= 2
            assert fails(c.cmd, "CONFIG", "RESETSTAT", "x") == \
                "ERR wrong number of arguments for 'config|resetstat' command"


# Names or defaults in which we are right to differ from 7.0.15.
DIFFERENT = {
    "dir", "port", "pidfile",          # of the process
    "server_cpulist", "bio_cpulist", "aof_rewrite_cpulist", "bgsave_cpulist",  # 7.2 has '-'; both are taken
    "enable-debug-command",            # given by the stage
}


@ours_only
def test_names_and_defaults():
    with Stage() as stage:
        ours, theirs = stage.server(), stage.server(binary=REDIS_SERVER)
        with ours.client() as a, theirs.client() as b:
            a, b = get(a, "*"), get(b, "*")
        missing = sorted(k for k in b if k not in a and k not in DIFFERENT)
        assert not missing, missing
        different = {k: (a[k], b[k]) for k in b if k in a and a[k] != b[k] and k not in DIFFERENT}
        assert not different, different


# Directives that a start-up file of others' harnesses may hold: 7.0 to 7.4, aliases, test switches.
ACCEPTED = """
key-load-delay 0|rdb-key-save-delay 0|loading-process-events-interval-bytes 2097152|crash-memcheck-enabled no
crash-log-enabled yes|use-exit-on-panic no|enable-debug-command yes|enable-module-command yes
enable-protected-configs yes|propagation-error-behavior ignore|replica-ignore-disk-write-errors no|latency-tracking yes
hide-user-data-from-log yes|enable-debug-assert no|hash-max-ziplist-entries 512|hash-max-ziplist-value 64
list-max-ziplist-size -2|zset-max-ziplist-entries 128|zset-max-ziplist-value 64|set-max-listpack-entries 128
set-max-listpack-value 64|slave-serve-stale-data yes|slave-read-only yes|slave-priority 100|slave-announce-ip ""
slave-announce-port 0|slave-lazy-flush no|slave-ignore-maxmemory yes|min-slaves-to-write 0|min-slaves-max-lag 10
repl-ping-slave-period 10|lua-time-limit 5000|busy-reply-threshold 5000|locale-collate ""|server_cpulist 0
server-cpulist 0|bio-cpulist 0|aof-rewrite-cpulist 0|bgsave-cpulist 0|lazyfree-lazy-user-flush no|io-threads 1
io-threads-do-reads no|activedefrag no|active-defrag-ignore-bytes 100mb|active-defrag-threshold-lower 10
active-defrag-threshold-upper 100|active-defrag-cycle-min 1|active-defrag-cycle-max 25
active-defrag-max-scan-fields 1000|cluster-enabled no|cluster-config-file nodes.conf|cluster-node-timeout 15000
cluster-replica-no-failover no|cluster-announce-hostname ""|cluster-announce-human-nodename ""|cluster-port 0
cluster-link-sendbuf-limit 0|cluster-allow-reads-when-down no|cluster-require-full-coverage yes|tls-port 0
tls-protocols ""|tls-ciphers ""|stream-node-max-bytes 4kb|stream-node-max-entries 100|hll-sparse-max-bytes 3000
set-max-intset-entries 512|activerehashing yes|jemalloc-bg-thread yes|disable-thp yes|oom-score-adj no
oom-score-adj-values 0 200 800|ignore-warnings ""|socket-mark-id 0|bind-source-addr ""|sanitize-dump-payload no
max-new-connections-per-cycle 10|max-new-tls-connections-per-cycle 1|tracking-table-max-keys 1000000
aof-disable-auto-gc no|aof-timestamp-enabled no|aof-load-truncated yes|aof-use-rdb-preamble yes
no-appendfsync-on-rewrite no|auto-aof-rewrite-percentage 100|auto-aof-rewrite-min-size 64mb|appenddirname "adir"
appendfilename "a.aof"|appendfsync everysec|rdb-del-sync-files no|rdb-save-incremental-fsync yes
aof-rewrite-incremental-fsync yes|shutdown-timeout 10|shutdown-on-sigint default|shutdown-on-sigterm nosave force
latency-tracking-info-percentiles 50 99 99.9|latency-monitor-threshold 0|slowlog-log-slower-than 10000
slowlog-max-len 128|acllog-max-len 128|acl-pubsub-default resetchannels|list-compress-depth 0|lfu-log-factor 10
lfu-decay-time 1|maxmemory-eviction-tenacity 10|maxmemory-clients 0|replica-announced yes|repl-diskless-load disabled
repl-diskless-sync-max-replicas 0|repl-disable-tcp-nodelay no|repl-backlog-ttl 3600|always-show-logo no
set-proc-title yes|proc-title-template "{title} {listen-addr}"|syslog-enabled no|syslog-ident redis
syslog-facility local0|client-query-buffer-limit 1gb|proto-max-bulk-len 512mb|dynamic-hz yes|supervised no
lazyfree-lazy-eviction no|lazyfree-lazy-expire no|lazyfree-lazy-server-del no|lazyfree-lazy-user-del no
rename-command FLUSHALL ""|user alice on nopass ~* +@all|client-output-buffer-limit slave 256mb 64mb 60
"""


@ours_only
def test_every_directive_is_accepted():
    with Stage() as stage:
        port = free_port()
        lines = [x for line in ACCEPTED.strip().split("\n") for x in line.split("|")]
        path = write_file(os.path.join(stage.folder, "a.conf"),
                          f"port {port}\nsave \"\"\n" + "\n".join(lines) + "\n")
        p = stage.start([TANIST, path], port)
        assert fails(p.cmd, "FLUSHALL").startswith("ERR unknown command 'FLUSHALL'")
        # each of them is known to CONFIG GET by its name, but for those that are lists of their own
        with p.client() as c:
            unknown = [n for n in (line.split(" ")[0] for line in lines) if n not in get(c, n)
                       and n not in ("rename-command", "user")]
        assert not unknown, unknown
