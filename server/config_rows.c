#include "server/config_rows.h"

#include <limits.h>
#include <stdio.h>

#include "core/conf/rows.h"
#include "server/config.h"
#include "server/config_apply.h"
#include "server/config_lists.h"

/* ---- names ---- */

static const struct conf_name fsyncs[] = {
    { "everysec", FSYNC_EVERYSEC }, { "always", FSYNC_ALWAYS }, { "no", FSYNC_NO }, { NULL, 0 }
};
static const struct conf_name policies[] = { { "volatile-lru", POLICY_VOLATILE_LRU },
                                             { "volatile-lfu", POLICY_VOLATILE_LFU },
                                             { "volatile-random", POLICY_VOLATILE_RANDOM },
                                             { "volatile-ttl", POLICY_VOLATILE_TTL },
                                             { "allkeys-lru", POLICY_ALLKEYS_LRU },
                                             { "allkeys-lfu", POLICY_ALLKEYS_LFU },
                                             { "allkeys-random", POLICY_ALLKEYS_RANDOM },
                                             { "noeviction", POLICY_NOEVICTION },
                                             { NULL, 0 } };
static const struct conf_name diskless_loads[] = { { "disabled", DISKLESS_LOAD_DISABLED },
                                                   { "on-empty-db", DISKLESS_LOAD_EMPTY_DB },
                                                   { "swapdb", DISKLESS_LOAD_SWAPDB },
                                                   { "flush-before-load", DISKLESS_LOAD_FLUSH },
                                                   { NULL, 0 } };
static const struct conf_name snapshot_methods[] = { { "fork", SNAPSHOT_FORK },
                                                     { "walk", SNAPSHOT_WALK },
                                                     { NULL, 0 } };
static const struct conf_name sanitizes[] = {
    { "no", SANITIZE_NO }, { "yes", SANITIZE_YES }, { "clients", SANITIZE_CLIENTS }, { NULL, 0 }
};
static const struct conf_name propagation_errors[] = {
    { "ignore", PROPAGATION_IGNORE },
    { "panic", PROPAGATION_PANIC },
    { "panic-on-replicas", PROPAGATION_PANIC_ON_REPLICAS },
    { NULL, 0 }
};
static const struct conf_name shutdowns[] = { { "default", SHUTDOWN_DEFAULT },
                                              { "save", SHUTDOWN_SAVE },
                                              { "nosave", SHUTDOWN_NOSAVE },
                                              { "now", SHUTDOWN_NOW },
                                              { "force", SHUTDOWN_FORCE },
                                              { NULL, 0 } };
static const struct conf_name endpoint_types[] = {
    { "ip", 0 }, { "hostname", 1 }, { "unknown-endpoint", 2 }, { NULL, 0 }
};

/* ---- checks ---- */

static enum err check_no_path(const char *what, const char *of, const void *value,
                              struct errmsg *m)
{
    if (!strchr(*(char *const *)value, '/')) return ERR_NONE;
    return err_set(m, ERR_SYNTAX, "%s can't be a path, just a %s", what, of);
}

static enum err check_dbfilename(const void *value, struct errmsg *m)
{
    return check_no_path("dbfilename", "filename", value, m);
}

static enum err check_aof_name(const char *what, const char *of, const void *value,
                               struct errmsg *m)
{
    if (**(char *const *)value == 0) return err_set(m, ERR_SYNTAX, "%s can't be empty", what);
    return check_no_path(what, of, value, m);
}

static enum err check_appendfilename(const void *value, struct errmsg *m)
{
    return check_aof_name("appendfilename", "filename", value, m);
}

static enum err check_appenddirname(const void *value, struct errmsg *m)
{
    return check_aof_name("appenddirname", "dirname", value, m);
}

static enum err check_shutdown(const void *value, struct errmsg *m)
{
    const int both = SHUTDOWN_SAVE | SHUTDOWN_NOSAVE;
    if ((*(const int *)value & both) != both) return ERR_NONE;
    return err_set(m, ERR_SYNTAX, "shutdown options SAVE and NOSAVE can't be used simultaneously");
}

/* ---- the rows ---- */

#define FIELDS_OF struct server_config

#define REPL .apply = server_apply_replication
#define MEMORY .apply = server_apply_memory
/* What a later version brings, named once so that it is taken away in one place. */
#define CLUSTER NO_EFFECT("cluster mode is not supported")
#define DEFRAG NO_EFFECT("there is no active defragmentation")
#define FOR_TESTS NO_EFFECT("serves tests of Redis itself")

const struct conf_row server_config_rows[] = {
    INT("databases", databases, 16, 1, INT_MAX, .flags = CONF_START,
        .what = "number of databases"),

    /* snapshots */
    LIST("save", save, server_list_save, .apply = server_apply_save,
         .what = "pairs of seconds and changes after which a snapshot is saved; \"\": never"),
    TEXT("dbfilename", dbfilename, "dump.rdb", .flags = CONF_PROTECTED, .check = check_dbfilename,
         .what = "file of the snapshot, in dir"),
    BOOL("rdbcompression", rdbcompression, true, .what = "compress long strings in snapshots"),
    BOOL("rdbchecksum", rdbchecksum, true, .flags = CONF_START, .what = "checksum in snapshots"),
    BOOL("rdb-del-sync-files", rdb_del_sync_files, false, REPL,
         .what = "remove snapshot files used only for replication"),
    BOOL("rdb-save-incremental-fsync", rdb_save_incremental_fsync, true,
         .what = "sync a snapshot in parts while it is written"),
    ENUM("snapshot-method", snapshot_method, SNAPSHOT_WALK, snapshot_methods,
         .what = "who makes a snapshot: a forked child, or this process by walking its tables"),
    SIZE("snapshot-buffer-limit", snapshot_buffer_limit, 32 << 20, 1 << 20, INT64_MAX,
         .what = "bytes a walked snapshot may hold before it uses a file or slows down writes"),
    BOOL("stop-writes-on-bgsave-error", stop_writes_on_bgsave_error, true,
         .what = "refuse writes while snapshots fail"),
    ENUM("sanitize-dump-payload", sanitize_dump_payload, SANITIZE_NO, sanitizes,
         NO_EFFECT("as `yes`: dumps and payloads of RESTORE are always checked deeply")),
    INT("key-load-delay", key_load_delay, 0, INT_MIN, INT_MAX, .flags = CONF_HIDDEN,
        .what = "tests: microseconds to wait a key while loading"),
    INT("rdb-key-save-delay", rdb_key_save_delay, 0, INT_MIN, INT_MAX, .flags = CONF_HIDDEN,
        .what = "tests: microseconds to wait a key while saving"),
    LONG("loading-process-events-interval-bytes", loading_process_events_interval_bytes, 2 << 20,
         1024, INT64_MAX, .flags = CONF_HIDDEN,
         NO_EFFECT("loading is sliced by time")),

    /* append-only file */
    BOOL("appendonly", appendonly, false, .apply = server_apply_appendonly,
         .what = "keep an append-only file: what was answered survives"),
    TEXT("appendfilename", appendfilename, "appendonly.aof", .flags = CONF_START,
         .check = check_appendfilename, .what = "what the names of its files begin with"),
    TEXT("appenddirname", appenddirname, "appendonlydir", .flags = CONF_START,
         .check = check_appenddirname, .what = "folder of its files, in dir"),
    ENUM("appendfsync", appendfsync, FSYNC_EVERYSEC, fsyncs,
         .what = "when it is synced: always before an answer, everysec, or when the system does"),
    BOOL("no-appendfsync-on-rewrite", no_appendfsync_on_rewrite, false,
         .what = "no sync while a child writes to the disk"),
    INT("auto-aof-rewrite-percentage", auto_aof_rewrite_percentage, 100, 0, INT_MAX,
        .what = "growth that has it rewritten; 0: never by itself"),
    SIZE("auto-aof-rewrite-min-size", auto_aof_rewrite_min_size, 64 << 20, 0, INT64_MAX,
         .what = "not while it is smaller"),
    BOOL("aof-load-truncated", aof_load_truncated, true,
         .what = "load a file whose end is cut off, and cut it at its last whole command"),
    BOOL("aof-use-rdb-preamble", aof_use_rdb_preamble, true,
         .what = "base files are RDBs, not commands"),
    BOOL("aof-timestamp-enabled", aof_timestamp_enabled, false,
         .what = "note the time, so that redis-check-aof can cut at one"),
    BOOL("aof-rewrite-incremental-fsync", aof_rewrite_incremental_fsync, true,
         .what = "sync a base file in parts while it is written"),
    BOOL("aof-disable-auto-gc", aof_disable_auto_gc, false,
         .what = "tests: keep the files that a rewrite replaced"),

    /* replication */
    LIST("replicaof", replicaof, server_list_replicaof, .alias = "slaveof", .flags = CONF_START,
         .what = "host and port of our master"),
    TEXT("masteruser", masteruser, NULL, REPL, .what = "user name for our master"),
    BYTES("masterauth", masterauth, .flags = CONF_SECRET, REPL,
         .what = "password for our master"),
    BOOL("replica-serve-stale-data", replica_serve_stale_data, true,
         .alias = "slave-serve-stale-data", REPL,
         .what = "answer reads while the link to the master is down"),
    BOOL("replica-read-only", replica_read_only, true, .alias = "slave-read-only", REPL,
         .what = "refuse writes of clients on a replica"),
    BOOL("replica-ignore-maxmemory", replica_ignore_maxmemory, true,
         .alias = "slave-ignore-maxmemory", MEMORY,
         .what = "a replica leaves eviction to its master"),
    BOOL("replica-lazy-flush", replica_lazy_flush, false, .alias = "slave-lazy-flush",
         NO_EFFECT("old data is always released beside the work")),
    BOOL("replica-announced", replica_announced, true, REPL,
         .what = "Sentinels are told about this replica"),
    BOOL("replica-ignore-disk-write-errors", replica_ignore_disk_write_errors, false,
         NO_EFFECT("a replica applies its master's stream whatever its own disk does")),
    TEXT("replica-announce-ip", replica_announce_ip, NULL, .alias = "slave-announce-ip", REPL,
         .what = "address that a replica tells its master"),
    INT("replica-announce-port", replica_announce_port, 0, 0, 65535,
        .alias = "slave-announce-port", REPL,
        .what = "port that a replica tells its master; 0: port"),
    INT("replica-priority", replica_priority, 100, 0, INT_MAX, .alias = "slave-priority", REPL,
        .what = "Sentinels prefer the smallest; 0: never a master"),
    BOOL("repl-diskless-sync", repl_diskless_sync, true, REPL,
         .what = "send snapshots to replicas without a file"),
    SECONDS("repl-diskless-sync-delay", repl_diskless_sync_delay, 5, 0, REPL,
            .what = "wait so long for more replicas that share the snapshot"),
    INT("repl-diskless-sync-max-replicas", repl_diskless_sync_max_replicas, 0, 0, INT_MAX, REPL,
        .what = "start at once when so many wait; 0: wait for the delay"),
    SECONDS("repl-diskless-sync-period", repl_diskless_sync_period, 0, 0, .flags = CONF_HIDDEN,
            NO_EFFECT("repl-diskless-sync-delay says when")),
    ENUM("repl-diskless-load", repl_diskless_load, DISKLESS_LOAD_DISABLED, diskless_loads,
         .what = "swapdb: load beside the old data whatever its size; flush-before-load: never; "
                 "the others: as repl-load-beside. Snapshots always arrive in a file"),
    SECONDS("repl-ping-replica-period", repl_ping_replica_period, 10, 1,
            .alias = "repl-ping-slave-period", REPL, .what = "seconds between pings to replicas"),
    SECONDS("repl-timeout", repl_timeout, 60, 1, REPL, .what = "a link silent so long is dead"),
    BOOL("repl-disable-tcp-nodelay", repl_disable_tcp_nodelay, false, REPL,
         .what = "fewer, larger packets to replicas"),
    SIZE("repl-backlog-size", repl_backlog_size, 1 << 20, 1, INT64_MAX,
         .apply = server_apply_backlog, .what = "history kept for replicas that come back"),
    LONG("repl-backlog-ttl", repl_backlog_ttl, 3600, 0, INT64_MAX, REPL,
         .what = "free the history when no replica came for so many seconds; 0: never"),
    SECONDS("repl-backlog-seconds", repl_backlog_seconds, 0, 0, REPL,
            .what = "size the history to cover so many seconds of writes; 0: as repl-backlog-size"),
    SIZE("repl-backlog-max-size", repl_backlog_max_size, 256 << 20, 16 << 10, INT64_MAX, REPL,
         .what = "the most that repl-backlog-seconds may take"),
    SIZE("repl-spool-memory", repl_spool_memory, 64 << 20, 1 << 20, INT64_MAX, REPL,
         .what = "stream kept in memory for a full sync or a slow replica, here on the replica, or "
                 "on the master beyond the backlog; what exceeds it is in a file in dir"),
    SECONDS("repl-spool-seconds", repl_spool_seconds, 0, 0, REPL,
            .what = "on a master, stream beyond the backlog that is older is in the file too; 0: "
                    "no such limit"),
    SIZE("repl-spool-file-max", repl_spool_file_max, 0, 0, INT64_MAX, REPL,
         .what = "the most that a master puts into that file; 0: what the disk takes"),
    MS("replica-max-staleness-ms", replica_max_staleness_ms, 0, REPL,
       .what = "a replica that may lack more than the last so many milliseconds answers reads with "
               "STALE; 0: no bound"),
    BOOL("replica-amnesia-guard", replica_amnesia_guard, true, REPL,
         .what = "a replica keeps its data when its master is empty and of another history"),
    SECONDS("replica-amnesia-grace", replica_amnesia_grace, 3600, 0, REPL,
            .what = "so long the amnesia guard refuses; 0: for ever"),
    BOOL("repl-load-beside", repl_load_beside, true,
         .what = "a replica keeps serving its old data while it loads the new"),
    SIZE("repl-load-beside-max-memory", repl_load_beside_max_memory, 0, 0, INT64_MAX,
         .what = "load beside only while both data sets are expected to fit in this; 0: maxmemory, "
                 "or no limit without it"),
    BOOL("demotion-cuts-writers", demotion_cuts_writers, true,
         .what = "a master that becomes a replica disconnects the clients that have written"),
    BOOL("self-fencing", self_fencing, true,
         .what = "a master refuses writes when its Sentinels name another one, or when neither a "
                 "majority of them nor a replica is heard"),
    MS("self-fencing-window", self_fencing_window, 0,
       .what = "silence that long is being alone; 0: six tenths of the Sentinels' down-after"),
    INT("min-replicas-to-write", min_replicas_to_write, 0, 0, INT_MAX,
        .alias = "min-slaves-to-write", REPL, .what = "refuse writes with fewer good replicas"),
    SECONDS("min-replicas-max-lag", min_replicas_max_lag, 10, 0, .alias = "min-slaves-max-lag",
            REPL, .what = "a replica silent so long is not a good one"),
    ENUM("propagation-error-behavior", propagation_error_behavior, PROPAGATION_IGNORE,
         propagation_errors,
         .what = "what a replica does when a command of its master's stream fails: log and count "
                 "it, or end with a report"),

    /* shutdown */
    SECONDS("shutdown-timeout", shutdown_timeout, 10, 0,
            .what = "wait so long for replicas that lag"),
    ENUM("shutdown-on-sigterm", shutdown_on_sigterm, SHUTDOWN_DEFAULT, shutdowns,
         .flags = CONF_BITS, .check = check_shutdown, .what = "how SIGTERM ends the server"),
    ENUM("shutdown-on-sigint", shutdown_on_sigint, SHUTDOWN_DEFAULT, shutdowns,
         .flags = CONF_BITS, .check = check_shutdown, .what = "how SIGINT ends the server"),

    /* memory */
    SIZE("maxmemory", maxmemory, 0, 0, 0, MEMORY, .what = "limit of the data's memory; 0: none"),
    ENUM("maxmemory-policy", maxmemory_policy, POLICY_NOEVICTION, policies, MEMORY,
         .what = "which keys go when the memory is full"),
    INT("maxmemory-samples", maxmemory_samples, 5, 1, INT_MAX, MEMORY,
        .what = "keys drawn for each choice of one to evict; at most 64 count"),
    INT("maxmemory-eviction-tenacity", maxmemory_eviction_tenacity, 10, 0, 100, MEMORY,
        .what = "how long a command may wait for evictions: 10 is 0.5 ms, 100 has no bound"),
    INT("lfu-log-factor", lfu_log_factor, 10, 0, INT_MAX, MEMORY,
        .what = "how slowly the counter of accesses grows"),
    INT("lfu-decay-time", lfu_decay_time, 1, 0, INT_MAX, MEMORY,
        .what = "minutes in which the counter of accesses falls by one"),
    BOOL("lazyfree-lazy-eviction", lazyfree_lazy_eviction, false,
         .what = "free evicted values beside the work"),
    BOOL("lazyfree-lazy-expire", lazyfree_lazy_expire, false,
         .what = "free expired values beside the work"),
    BOOL("lazyfree-lazy-server-del", lazyfree_lazy_server_del, false,
         .what = "keys that a command removes on its way go as by UNLINK"),
    BOOL("lazyfree-lazy-user-del", lazyfree_lazy_user_del, false, .what = "DEL works as UNLINK"),
    BOOL("lazyfree-lazy-user-flush", lazyfree_lazy_user_flush, false,
         .what = "FLUSHDB and FLUSHALL work as with ASYNC"),
    INT("active-expire-effort", active_expire_effort, 1, 1, 10,
        .what = "how much time goes into finding expired keys"),
    BOOL("activerehashing", activerehashing, true,
         .what = "go on with the resizing of tables between requests"),
    BOOL("activedefrag", activedefrag, false,
         REFUSED("Active defragmentation cannot be enabled: it requires a Redis server compiled "
                 "with a modified Jemalloc like the one shipped by default with the Redis source "
                 "distribution")),
    SIZE("active-defrag-ignore-bytes", active_defrag_ignore_bytes, 100 << 20, 1, INT64_MAX, DEFRAG),
    INT("active-defrag-threshold-lower", active_defrag_threshold_lower, 10, 0, 1000, DEFRAG),
    INT("active-defrag-threshold-upper", active_defrag_threshold_upper, 100, 0, 1000, DEFRAG),
    INT("active-defrag-cycle-min", active_defrag_cycle_min, 1, 1, 99, DEFRAG),
    INT("active-defrag-cycle-max", active_defrag_cycle_max, 25, 1, 99, DEFRAG),
    LONG("active-defrag-max-scan-fields", active_defrag_max_scan_fields, 1000, 1, INT64_MAX,
         DEFRAG),

    /* shapes of small values */
    LONG("hash-max-listpack-entries", hash_max_listpack_entries, 512, 0, INT64_MAX,
         .alias = "hash-max-ziplist-entries", .apply = server_apply_types,
         .what = "fields up to which a hash keeps its compact form"),
    SIZE("hash-max-listpack-value", hash_max_listpack_value, 64, 0, INT64_MAX,
         .alias = "hash-max-ziplist-value", .apply = server_apply_types,
         .what = "longest field or value in that form"),
    INT("list-max-listpack-size", list_max_listpack_size, -2, INT_MIN, INT_MAX,
        .alias = "list-max-ziplist-size", .apply = server_apply_types,
        .what = "elements, or with a minus sign the size class, of one node of a list"),
    INT("list-compress-depth", list_compress_depth, 0, 0, INT_MAX, .apply = server_apply_types,
        NO_EFFECT("nothing inside a list is compressed in memory: decisions/0016")),
    LONG("set-max-intset-entries", set_max_intset_entries, 512, 0, INT64_MAX,
         .apply = server_apply_types,
         .what = "members up to which a set of integers is a sorted array"),
    LONG("set-max-listpack-entries", set_max_listpack_entries, 128, 0, INT64_MAX,
         .apply = server_apply_types,
         .what = "members up to which a set keeps its compact form"),
    LONG("set-max-listpack-value", set_max_listpack_value, 64, 0, INT64_MAX,
         .apply = server_apply_types,
         .what = "longest member in that form"),
    LONG("zset-max-listpack-entries", zset_max_listpack_entries, 128, 0, INT64_MAX,
         .alias = "zset-max-ziplist-entries", .apply = server_apply_types,
         .what = "members up to which a sorted set keeps its compact form"),
    SIZE("zset-max-listpack-value", zset_max_listpack_value, 64, 0, INT64_MAX,
         .alias = "zset-max-ziplist-value", .apply = server_apply_types,
         .what = "longest member in that form"),
    SIZE("hll-sparse-max-bytes", hll_sparse_max_bytes, 3000, 0, INT64_MAX,
         .apply = server_apply_types,
         .what = "bytes up to which a HyperLogLog keeps its sparse form"),
    SIZE("stream-node-max-bytes", stream_node_max_bytes, 4096, 0, INT64_MAX,
         .apply = server_apply_types, .what = "bytes of a stream's node; 0: no bound"),
    LONG("stream-node-max-entries", stream_node_max_entries, 100, 0, INT64_MAX,
         .apply = server_apply_types, .what = "entries of a stream's node; 0: no bound"),

    /* scripts, events, modules */
    MS("busy-reply-threshold", busy_reply_threshold, 5000, .alias = "lua-time-limit",
       .what = "milliseconds after which a running script lets others get BUSY; 0: never"),
    SIZE("lua-memory-limit", lua_memory_limit, 512u << 20, 0, INT64_MAX,
         .what = "bytes that an interpreter may hold before a running script fails; 0: no bound"),
    LIST("notify-keyspace-events", notify_keyspace_events, server_list_notify,
         .apply = server_apply_notify, .what = "which changes of keys are published"),
    BOOL("enable-debug-assert", enable_debug_assert, false, .flags = CONF_HIDDEN | CONF_START,
         FOR_TESTS),
    LIST("loadmodule", unused_module, server_list_module,
         .flags = CONF_FILE_ONLY | CONF_NEVER_REWRITE,
         REFUSED("there is no module interface")),

    LIST("sentinel", unused_module, server_list_sentinel,
         .flags = CONF_FILE_ONLY | CONF_NEVER_REWRITE, REFUSED("start with --sentinel")),

    /* cluster: charts and exporters set and read these */
    BOOL("cluster-enabled", cluster_enabled, false, .flags = CONF_START,
         REFUSED("cluster mode is not supported: use Sentinels for high availability")),
    TEXT("cluster-config-file", cluster_config_file, "nodes.conf", .flags = CONF_START, CLUSTER),
    MS("cluster-node-timeout", cluster_node_timeout, 15000, CLUSTER),
    INT("cluster-port", cluster_port, 0, 0, 65535, .flags = CONF_START, CLUSTER),
    TEXT("cluster-announce-ip", cluster_announce_ip, NULL, CLUSTER),
    TEXT("cluster-announce-hostname", cluster_announce_hostname, NULL, CLUSTER),
    TEXT("cluster-announce-human-nodename", cluster_announce_human_nodename, NULL, CLUSTER),
    INT("cluster-announce-port", cluster_announce_port, 0, 0, 65535, CLUSTER),
    INT("cluster-announce-tls-port", cluster_announce_tls_port, 0, 0, 65535, CLUSTER),
    INT("cluster-announce-bus-port", cluster_announce_bus_port, 0, 0, 65535, CLUSTER),
    BOOL("cluster-require-full-coverage", cluster_require_full_coverage, true, CLUSTER),
    BOOL("cluster-replica-no-failover", cluster_replica_no_failover, false,
         .alias = "cluster-slave-no-failover", CLUSTER),
    INT("cluster-replica-validity-factor", cluster_replica_validity_factor, 10, 0, INT_MAX,
        .alias = "cluster-slave-validity-factor", CLUSTER),
    INT("cluster-migration-barrier", cluster_migration_barrier, 1, 0, INT_MAX, CLUSTER),
    BOOL("cluster-allow-reads-when-down", cluster_allow_reads_when_down, false, CLUSTER),
    BOOL("cluster-allow-pubsubshard-when-down", cluster_allow_pubsubshard_when_down, true,
         CLUSTER),
    BOOL("cluster-allow-replica-migration", cluster_allow_replica_migration, true, CLUSTER),
    ENUM("cluster-preferred-endpoint-type", cluster_preferred_endpoint_type, 0, endpoint_types,
         CLUSTER),
    SIZE("cluster-link-sendbuf-limit", cluster_link_sendbuf_limit, 0, 0, INT64_MAX, CLUSTER),
};
const size_t server_config_rows_n = sizeof(server_config_rows) / sizeof(server_config_rows[0]);
