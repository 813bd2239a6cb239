"""The data server's shell: write stream, transactions, events, snapshots, loading, gates, CONFIG,
INFO, the orderly end. Where the reference is the measure, both get the same words."""
import os
import re
import signal
import socket
import subprocess
import time

from lib import (ORACLE, REDIS_CHECK_RDB, REDIS_SERVER, Client, ReplyError, Stage, encode, free_port,
                 replica_caught_up, wait_for)

needs_redis = True

# ---- INFO ----

FIELDS = """
redis_version server_name tanist_version redis_git_sha1 redis_build_id redis_mode os arch_bits
multiplexing_api gcc_version process_id process_supervised run_id tcp_port server_time_usec
uptime_in_seconds uptime_in_days hz configured_hz lru_clock executable config_file io_threads_active
connected_clients cluster_connections maxclients client_recent_max_input_buffer
client_recent_max_output_buffer blocked_clients tracking_clients clients_in_timeout_table
pubsub_clients watching_clients total_watched_keys total_blocking_keys
used_memory used_memory_human used_memory_rss used_memory_rss_human used_memory_peak
used_memory_peak_human used_memory_peak_perc used_memory_overhead used_memory_startup
used_memory_dataset used_memory_dataset_perc used_memory_lua used_memory_lua_human
used_memory_scripts number_of_cached_scripts total_system_memory total_system_memory_human maxmemory
maxmemory_human maxmemory_policy allocator_allocated allocator_active allocator_resident
allocator_frag_ratio allocator_frag_bytes allocator_rss_ratio allocator_rss_bytes
mem_fragmentation_ratio mem_fragmentation_bytes mem_not_counted_for_evict mem_replication_backlog
mem_total_replication_buffers mem_clients_slaves mem_clients_normal mem_aof_buffer mem_allocator
active_defrag_running lazyfree_pending_objects lazyfreed_objects
loading async_loading rdb_changes_since_last_save rdb_bgsave_in_progress rdb_last_save_time
rdb_last_bgsave_status rdb_last_bgsave_time_sec rdb_current_bgsave_time_sec rdb_saves
rdb_last_cow_size aof_enabled aof_rewrite_in_progress aof_rewrite_scheduled
aof_last_rewrite_time_sec aof_current_rewrite_time_sec aof_last_bgrewrite_status
aof_last_write_status aof_last_cow_size
total_connections_received total_commands_processed instantaneous_ops_per_sec total_net_input_bytes
total_net_output_bytes total_net_repl_input_bytes total_net_repl_output_bytes
instantaneous_input_kbps instantaneous_output_kbps rejected_connections sync_full sync_partial_ok
sync_partial_err expired_keys expired_stale_perc expired_time_cap_reached_count evicted_keys
evicted_clients evicted_scripts keyspace_hits keyspace_misses pubsub_channels pubsub_patterns
pubsubshard_channels latest_fork_usec total_forks slave_expires_tracked_keys active_defrag_hits
tracking_total_keys tracking_total_items tracking_total_prefixes unexpected_error_replies
total_error_replies dump_payload_sanitizations total_reads_processed total_writes_processed
io_threaded_reads_processed io_threaded_writes_processed client_query_buffer_limit_disconnections
client_output_buffer_limit_disconnections eventloop_cycles instantaneous_eventloop_cycles_per_sec
instantaneous_eventloop_duration_usec acl_access_denied_auth acl_access_denied_cmd
acl_access_denied_key acl_access_denied_channel current_eviction_exceeded_time
total_active_defrag_time
role connected_slaves master_failover_state master_replid master_replid2 master_repl_offset
second_repl_offset repl_backlog_active repl_backlog_size repl_backlog_first_byte_offset
repl_backlog_histlen
used_cpu_sys used_cpu_user used_cpu_sys_children used_cpu_user_children used_cpu_sys_main_thread
used_cpu_user_main_thread cluster_enabled
""".split()
REPLICA_FIELDS = """master_host master_port master_link_status master_last_io_seconds_ago
master_sync_in_progress slave_read_repl_offset slave_repl_offset slave_priority slave_read_only
replica_announced""".split()
LOADING_FIELDS = """loading_start_time loading_total_bytes loading_loaded_bytes loading_loaded_perc
loading_eta_seconds loading_rdb_used_mem""".split()


def test_info_has_every_field():
    with Stage() as stage:
        ours, theirs = stage.server(), stage.server(binary=REDIS_SERVER)
        info = ours.info("everything")
        missing = [f for f in FIELDS if f not in info]
        assert not missing, missing
        missing = sorted(set(theirs.info("everything")) - set(info) - {"cmdstat_info"})
        assert not missing, missing
        for name in ("server", "ALL", "default", "nonsense"):
            titles = [re.findall(r"^# \w+", s.cmd("INFO", name).decode(), re.M) for s in (ours, theirs)]
            assert titles[0] == titles[1], titles
        with ours.client() as c:
            c.cmd("SET", "k", "v")
            c.cmd("SET", "t", "v", "PX", "100000")
            c.raw("NONSENSE")
            info = c.info("all")
            assert re.match(r"keys=2,expires=1,avg_ttl=\d+", info["db0"]), info["db0"]
            assert re.match(r"calls=2,usec=\d+,usec_per_call=[\d.]+,rejected_calls=0,failed_calls=0",
                            info["cmdstat_set"]), info["cmdstat_set"]
            assert info["errorstat_ERR"] == "count=1"
            assert "p50=" in info["latency_percentiles_usec_set"]
        replica = stage.server("--replicaof", "127.0.0.1 %d" % ours.port)
        missing = [f for f in REPLICA_FIELDS if f not in replica.info("replication")]
        assert not missing, missing


# ---- the write stream ----

def attach(port):
    """A raw replica: SYNC, the snapshot is read away, the stream follows."""
    s = socket.create_connection(("127.0.0.1", port), timeout=10)
    s.sendall(b"SYNC\r\n")
    f = s.makefile("rb")
    line = b""
    while not line.startswith(b"$"):
        line = f.readline()
    if line.startswith(b"$EOF:"):
        mark, seen = line[5:-2], b""
        while not seen.endswith(mark):
            seen += f.read(1)
    else:
        f.read(int(line[1:]))
    return s, f


def stream_until(f, last):
    out = []
    while True:
        n = int(f.readline()[1:])
        words = []
        for _ in range(n):
            size = int(f.readline()[1:])
            words.append(f.read(size + 2)[:-2].decode())
        if words == ["PING"]:
            continue
        # Deadlines differ by the time between the two runs.
        words = [re.sub(r"^\d{13}$", "<ms>", w) for w in words]
        out.append(" ".join(words))
        if words[0] == last:
            return out


STREAM = """SET a 1;INCR a;SELECT 2;SET b 1;SET c x PX 30;wait;GET c;SET d x PX 30;wait;SET d y;
MULTI;SET x 1;EXEC;MULTI;SET x 1;INCR x;GET x;PUBLISH ch hello;EXEC;PUBLISH ch hi;SPUBLISH ch hi;
FLUSHDB;FLUSHALL;DEL nokey;SET e 1 EX 100;GETEX e PX 100000;EXPIRE e 200;EXPIRE e -1;SETEX f 100 v;
INCRBYFLOAT g 1.5;APPEND h x;GETDEL h;GETSET i 1;SET j v;RENAME j jj;COPY jj kk;MOVE kk 5;UNLINK jj;
SWAPDB 1 2;MULTI;DEL i;FLUSHALL;SET aa 1;EXEC;MSET m1 1 m2 2;MSETNX m1 1 m3 3;SETRANGE m1 5 x;
GETEX m1 PERSIST;PERSIST m1;EXPIRE m1 100;PERSIST m1;SET n 1 KEEPTTL;SET n 2 GET;
SET n 3 XX GET PX 5000;SETNX n 1;MULTI;EXEC;MULTI;GET n;EXEC;SETNX last 1"""


def play(server, script):
    """The replies, as a list."""
    out = []
    with server.client() as c:
        for line in script.replace("\n", "").split(";"):
            if line == "wait":
                time.sleep(0.06)
                continue
            got = c.raw(*line.split())
            out.append((line, str(got) if isinstance(got, ReplyError) else got))
    return out


def test_stream_is_theirs():
    with Stage() as stage:
        seen = []
        for binary in (None, REDIS_SERVER):
            options = ["--repl-diskless-sync-delay", "0"]
            server = stage.server(*options, **({"binary": binary} if binary else {}))
            s, f = attach(server.port)
            server.cmd("DEBUG", "SET-ACTIVE-EXPIRE", "0")
            replies = play(server, STREAM)
            seen.append((replies, stream_until(f, "SETNX")))
            f.close()
            s.close()
        assert seen[0] == seen[1], "\n".join(
            f"{a}   |   {b}" for x, y in zip(*seen) for a, b in zip(x, y) if a != b)


# ---- keyspace events ----

EVENTS = """SET a 1;SET b 1 EX 100;INCR a;APPEND a x;GET nokey;DEL a;SET c x PX 20;wait;GET c;
EXPIRE b 10;PERSIST b;RENAME b c;COPY c d;MOVE c 3;SETRANGE d 2 x;GETEX d EX 10;GETDEL d;
MSET x 1 y 2;INCRBYFLOAT x 1.5;SETNX n 1;GETSET n 2;EXPIRE n -1;SWAPDB 0 1;FLUSHALL;SELECT 3;
SET z 1;UNLINK z;SET last 1"""


def test_keyspace_events_are_theirs():
    with Stage() as stage:
        seen = []
        for binary in (None, REDIS_SERVER):
            server = stage.server(**({"binary": binary} if binary else {}))
            server.cmd("DEBUG", "SET-ACTIVE-EXPIRE", "0")
            server.cmd("CONFIG", "SET", "notify-keyspace-events", "KEAmn")
            with server.client() as listener:
                listener.cmd("PSUBSCRIBE", "__key*")
                play(server, EVENTS)
                got = []
                while not got or got[-1] != (b"__keyevent@3__:set", b"last"):
                    got.append(tuple(listener.read()[2:]))
                seen.append(got)
        assert seen[0] == seen[1], [(a, b) for a, b in zip(*seen) if a != b]


# ---- transactions ----

def test_watch():
    with Stage() as stage:
        server = stage.server()
        with server.client() as a, server.client() as b:
            def watched(*change, before=(), key="w", other=None):
                """True when EXEC went through although `change` came after WATCH."""
                a.cmd("FLUSHALL")
                for line in before:
                    a.cmd(*line.split())
                a.cmd("WATCH", key)
                for line in change:
                    (other or b).cmd(*line.split())
                a.cmd("MULTI")
                a.cmd("SET", "done", "1")
                return a.cmd("EXEC") is not None

            assert watched()
            assert not watched("SET w 1")
            assert watched("SET v 1")
            assert not watched("DEL w", before=["SET w 1"])
            assert watched("DEL w")
            assert not watched("FLUSHALL", before=["SET w 1"])
            assert watched("FLUSHALL", before=["SET v 1"])
            assert not watched("SWAPDB 0 1", before=["SET w 1"])
            assert watched("SWAPDB 0 1", before=["SET v 1"])
            assert not watched("RENAME v w", before=["SET v 1"])
            assert not watched("SET w 1", other=a)
            assert not watched("EXPIRE w 100", before=["SET w 1"])
            assert watched("SELECT 1", "SET w 1", "SELECT 0")
            # A deadline that passes counts as a change, though nobody touched the key.
            a.cmd("DEBUG", "SET-ACTIVE-EXPIRE", "0")
            a.cmd("SET", "w", "1", "PX", "20")
            a.cmd("WATCH", "w")
            time.sleep(0.05)
            a.cmd("MULTI")
            a.cmd("PING")
            assert a.cmd("EXEC") is None
            # Watching a key that is past its deadline already: nothing changes any more.
            a.cmd("WATCH", "w")
            a.cmd("MULTI")
            a.cmd("PING")
            assert a.cmd("EXEC") == ["PONG"]
            a.cmd("WATCH", "w")
            b.cmd("SET", "w", "2")
            a.cmd("UNWATCH")
            a.cmd("MULTI")
            assert a.cmd("EXEC") == []
            assert a.info("clients")["total_watched_keys"] == "0"


def test_spoilt_transactions():
    with Stage() as stage:
        server = stage.server()
        with server.client() as c:
            c.cmd("MULTI")
            assert isinstance(c.raw("NONSENSE"), ReplyError)
            assert c.cmd("SET", "a", "1") == "QUEUED"
            assert str(c.raw("EXEC")).startswith("EXECABORT Transaction discarded because of prev")
            c.cmd("MULTI")
            c.cmd("SET", "a", "x")
            c.cmd("INCR", "a")
            c.cmd("SET", "b", "1")
            got = c.cmd("EXEC")
            assert got[0] == "OK" and "not an integer" in str(got[1]) and got[2] == "OK"
            c.cmd("MULTI")
            c.cmd("SET", "a", "y")
            with server.client() as other:
                other.cmd("CONFIG", "SET", "min-replicas-to-write", "1")
            got = str(c.raw("EXEC"))
            assert got.startswith("EXECABORT") and "NOREPLICAS" in got, got
            assert c.cmd("GET", "a") == b"x"
            assert "not allowed inside" in str((c.cmd("MULTI"), c.raw("SHUTDOWN"))[1])
            assert c.cmd("DISCARD") == "OK"


# ---- snapshots and loading ----

def test_files_go_both_ways():
    with Stage() as stage:
        ours = stage.server("--dbfilename", "x.rdb", name="shared")
        ours.cmd("DEBUG", "POPULATE", "50000")
        with ours.client() as c:
            c.cmd("SET", "ttl", "v", "EX", "1000")
            c.cmd("SET", "long", "a" * 5000)
            c.cmd("SELECT", "9")
            c.cmd("SET", "other", "12345")
            before = c.info("persistence")["rdb_saves"]
            c.cmd("BGSAVE")
            wait_for("the save", lambda: c.info("persistence")["rdb_saves"] != before)
        ours.cmd("SET", "unsaved", "1")
        out = subprocess.run([REDIS_CHECK_RDB, os.path.join(ours.folder, "x.rdb")],
                             stdout=subprocess.PIPE, check=True).stdout.decode()
        assert "50003 keys read" in out, out
        ours.end()
        theirs = stage.server("--dbfilename", "x.rdb", binary=REDIS_SERVER, name="shared")
        with theirs.client() as c:
            wait_for("the load", lambda: c.info("persistence")["loading"] == "0")
            assert c.cmd("DBSIZE") == 50002 and c.cmd("GET", "long") == b"a" * 5000
            assert 900 < c.cmd("TTL", "ttl") <= 1000
            c.cmd("SET", "theirs", "1")
            c.cmd("SAVE")
        theirs.end()
        again = stage.server("--dbfilename", "x.rdb", name="shared")
        with again.client() as c:
            wait_for("the load", lambda: c.info("persistence")["loading"] == "0")
            assert c.cmd("DBSIZE") == 50003 and c.cmd("GET", "theirs") == b"1"
            digest = c.cmd("DEBUG", "DIGEST")
            c.cmd("DEBUG", "RELOAD")
            assert c.cmd("DEBUG", "DIGEST") == digest
            c.cmd("SET", "theirs", "2")
            assert c.cmd("DEBUG", "DIGEST") != digest


def test_damaged_file_ends_the_start():
    with Stage() as stage:
        server = stage.server(name="shared")
        server.cmd("DEBUG", "POPULATE", "1000")
        server.cmd("SAVE")
        server.end()
        path = os.path.join(server.folder, "dump.rdb")
        with open(path, "rb") as f:
            data = f.read()
        for broken in (data[:-20], data[:500] + b"\xff\xff\xff" + data[503:], b"REDIS9999" + data[9:]):
            with open(path, "wb") as f:
                f.write(broken)
            bad = stage.server(name="shared", wait=False)
            assert bad.wait() == 1
            assert "Fatal error loading the DB" in bad.logged()


def test_loading_answers():
    with Stage() as stage:
        server = stage.server(name="shared")
        server.cmd("DEBUG", "POPULATE", "20000")
        server.cmd("SAVE")
        server.end()
        slow = stage.server("--key-load-delay", "100", "--enable-protected-configs", "yes", name="shared", wait=False).ready(loading=True)
        with slow.client() as c:
            for command in (["PING"], ["GET", "key:1"], ["SET", "a", "b"], ["SAVE"]):
                assert str(c.raw(*command)).startswith("LOADING"), command
            info = c.info("persistence")
            assert info["loading"] == "1"
            for pair in (("dir", "/tmp"), ("appendonly", "yes"), ("maxclients", 100, "dir", "/tmp")):
                assert str(c.raw("CONFIG", "SET", *pair)).startswith("LOADING"), pair
            missing = [f for f in LOADING_FIELDS if f not in info]
            assert not missing, missing
            assert int(info["loading_rdb_used_mem"]) > 1 << 20  # of the server that saved
            assert 0 < int(info["loading_loaded_bytes"]) < int(info["loading_total_bytes"])
            wait_for("a line about the progress", lambda: ORACLE or "% of " in slow.logged() or
                     "Loading the RDB file: " in slow.logged())
            c.cmd("CONFIG", "SET", "key-load-delay", "0")
            wait_for("the end of loading", lambda: c.info("persistence")["loading"] == "0")
            assert c.cmd("DBSIZE") == 20000
        assert "DB loaded from disk" in slow.logged()


def test_save_points_and_failed_saves():
    with Stage() as stage:
        server = stage.server()
        with server.client() as c:
            c.cmd("CONFIG", "SET", "save", "1 3")
            for i in range(3):
                c.cmd("SET", "k%d" % i, "v")
            wait_for("the save point", lambda: c.info("persistence")["rdb_saves"] == "1")
            assert "3 changes in 1 seconds. Saving..." in server.logged()
            assert c.info("persistence")["rdb_changes_since_last_save"] == "0"
            # A folder stands where the file should: the save fails, the old file stays.
            c.cmd("CONFIG", "SET", "save", "3600 1")
            os.rename(os.path.join(server.folder, "dump.rdb"), os.path.join(server.folder, "old"))
            os.mkdir(os.path.join(server.folder, "dump.rdb"))
            c.cmd("BGSAVE")
            wait_for("the failure",
                     lambda: str(c.raw("SET", "a", "1")).startswith("MISCONF"))
            assert str(c.raw("PING")).startswith("MISCONF")
            assert c.cmd("GET", "k1") == b"v"
            assert not [f for f in os.listdir(server.folder) if f.startswith("temp-")]
            assert "Errors trying to SHUTDOWN" in str(c.raw("SHUTDOWN", "NOW"))
            assert isinstance(c.raw("SAVE"), ReplyError)
            os.rmdir(os.path.join(server.folder, "dump.rdb"))
            c.cmd("SAVE")
            c.cmd("SET", "a", "1")


def test_replica_keeps_its_data_until_the_new_is_whole():
    with Stage() as stage:
        master = stage.server("--repl-diskless-sync-delay", "0")
        replica = stage.server("--key-load-delay", "200")
        master.cmd("DEBUG", "POPULATE", "5000")
        replica.cmd("SET", "old", "1")
        replica.cmd("REPLICAOF", "127.0.0.1", master.port)
        wait_for("the load", lambda: replica.info("persistence")["async_loading"] == "1")
        assert replica.cmd("GET", "old") == b"1" and replica.cmd("DBSIZE") == 1
        assert str(replica.client().raw("SAVE")).startswith("LOADING")
        replica.cmd("CONFIG", "SET", "key-load-delay", "0")
        wait_for("the sync", lambda: replica_caught_up(master, replica))
        assert replica.cmd("DBSIZE") == 5000 and replica.cmd("GET", "old") is None
        assert replica.cmd("DEBUG", "DIGEST") == master.cmd("DEBUG", "DIGEST")


# ---- the end ----

def test_shutdown_waits_for_replicas():
    with Stage() as stage:
        master = stage.server("--repl-diskless-sync-delay", "0", "--shutdown-timeout", "30")
        replica = stage.server("--replicaof", "127.0.0.1 %d" % master.port)
        wait_for("the sync", lambda: replica_caught_up(master, replica))
        replica.kill(signal.SIGSTOP)
        with master.client() as a, master.client() as b:
            b.cmd("SET", "k", "v")
            a.send("SHUTDOWN", "NOSAVE")
            wait_for("the wait", lambda: "Waiting for replicas" in master.logged())
            assert b.cmd("GET", "k") == b"v"
            assert b.cmd("SHUTDOWN", "ABORT") == "OK"
            assert "Errors trying to SHUTDOWN" in str(a.read())
            b.cmd("SET", "k", "v2")  # writes go on
            assert "No shutdown in progress" in str(b.raw("SHUTDOWN", "ABORT"))
            master.kill(signal.SIGTERM)
            replica.kill(signal.SIGCONT)
            assert master.wait() == 0
        assert "1 of 1 replicas are in sync" in master.logged(), master.logged()
        assert replica.cmd("GET", "k") == b"v2"


def test_shutdown_saves_as_told():
    for words, saved in ((["SAVE"], True), (["NOSAVE"], False), ([], False), (["NOW", "FORCE"], False)):
        with Stage() as stage:
            server = stage.server()
            with server.client() as c:
                c.cmd("SET", "a", "1")
                c.send("SHUTDOWN", *words)
                assert server.wait() == 0
            assert os.path.exists(os.path.join(server.folder, "dump.rdb")) == saved, words
            assert "ready to exit, bye bye" in server.logged()


def test_signals():
    for name, options, saved in (("SIGTERM", [], False), ("SIGINT", [], False),
                                 ("SIGTERM", ["--save", "100 1"], True),
                                 ("SIGTERM", ["--shutdown-on-sigterm", "save"], True),
                                 ("SIGINT", ["--save", "100 1", "--shutdown-on-sigint", "nosave now"],
                                  False)):
        with Stage() as stage:
            server = stage.server(*options)
            server.cmd("SET", "a", "1")
            server.kill(getattr(signal, name))
            assert server.wait() == 0
            assert f"Received {name} scheduling shutdown" in server.logged()
            assert os.path.exists(os.path.join(server.folder, "dump.rdb")) == saved, (name, options)


# ---- CONFIG ----

def test_config_live():
    with Stage() as stage:
        path = os.path.join(stage.folder, "c.conf")
        with open(path, "w") as f:
            f.write("# mine\nmaxmemory 10mb  # small\nuser bob on nopass ~* +get\n")
        port, other = free_port(), free_port()
        server = stage.start([stage_binary(), path, "--port", str(port)], port)
        with server.client() as c:
            assert c.cmd("CONFIG", "GET", "maxmemory") == [b"maxmemory", b"10485760"]
            c.cmd("CONFIG", "SET", "maxmemory", "0", "hz", "20")
            bad = c.raw("CONFIG", "SET", "hz", "30", "maxmemory", "many")
            assert "maxmemory" in str(bad) and c.cmd("CONFIG", "GET", "hz")[1] == b"20"
            c.cmd("ACL", "SETUSER", "eve", "on", "nopass", "~x*", "+@read")
            c.cmd("CONFIG", "REWRITE")
            c.cmd("CONFIG", "SET", "port", other)
            with Client(other) as there:
                assert there.cmd("PING") == "PONG"
            try:
                Client(port).close()
                assert False, "the old port still answers"
            except ConnectionRefusedError:
                pass
            assert c.cmd("PING") == "PONG"
            c.cmd("CONFIG", "SET", "requirepass", "secret")
            with Client(other) as there:
                assert str(there.raw("PING")).startswith("NOAUTH")
                there.cmd("AUTH", "secret")
        with open(path) as f:
            text = f.read()
        assert "# mine" in text and "user eve on nopass" in text and "user bob on" in text, text
        assert "hz 20" in text and "10mb" not in text, text


def stage_binary():
    from lib import TANIST
    return TANIST


def test_memory_limit_refuses_writes():
    with Stage() as stage:
        server = stage.server()
        with server.client() as c:
            c.cmd("SET", "a", "1")
            c.cmd("CONFIG", "SET", "maxmemory", "1")
            assert str(c.raw("SET", "a", "2")).startswith("OOM")
            assert c.cmd("GET", "a") == b"1" and c.cmd("DEL", "a") == 1
            c.cmd("MULTI")
            assert str(c.raw("SET", "a", "2")).startswith("OOM")
            assert str(c.raw("EXEC")).startswith("EXECABORT")


def test_pipelined_writes_keep_their_order():
    with Stage() as stage:
        master = stage.server("--repl-diskless-sync-delay", "0")
        replica = stage.server("--replicaof", "127.0.0.1 %d" % master.port)
        wait_for("the sync", lambda: replica_caught_up(master, replica))
        with master.client() as c:
            c.send_bytes(b"".join(encode(["APPEND", "k", "%d," % i]) for i in range(3000)))
            for _ in range(3000):
                c.read()
            text = c.cmd("GET", "k")
        assert text == b"".join(b"%d," % i for i in range(3000))
        wait_for("the stream", lambda: replica.cmd("GET", "k") == text)
