/* config: the directives of the data server and the struct that holds their values.
 *
 * Field name = directive name with '-' for '_'; texts are never NULL. `front` has the directives
 * shared with the Sentinel. The rows stand in config*.c, what must happen when a value changes live
 * in config_apply. Each node of a process has its own struct.
 *
 *     struct server_config cfg; struct conf conf;
 *     server_config_init(&cfg, &conf, server, &hooks);     defaults
 *     start_load(start, &conf, NULL);
 *     ... conf_get / conf_set / conf_rewrite_rows ...
 *     conf_free(&conf);                                     frees what cfg owns
 *
 * Tests: unit/conf_rows compares names, defaults and print with redis-server 7.0.15. */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include "core/conf/table.h"
#include "core/front/config.h"

struct server_save_point {
    int seconds;
    int changes;
};
struct server_save {
    VEC(struct server_save_point) at;
    bool given; /* a line has been read: the default points are gone */
};

enum server_fsync { FSYNC_ALWAYS, FSYNC_EVERYSEC, FSYNC_NO };
enum server_diskless_load { DISKLESS_LOAD_DISABLED, DISKLESS_LOAD_EMPTY_DB, DISKLESS_LOAD_SWAPDB,
                            DISKLESS_LOAD_FLUSH };
enum server_sanitize { SANITIZE_NO, SANITIZE_YES, SANITIZE_CLIENTS };
enum server_propagation_error { PROPAGATION_IGNORE, PROPAGATION_PANIC,
                                PROPAGATION_PANIC_ON_REPLICAS };
/* bits of shutdown-on-sigterm and shutdown-on-sigint */
enum server_shutdown { SHUTDOWN_DEFAULT = 0, SHUTDOWN_SAVE = 1, SHUTDOWN_NOSAVE = 2,
                       SHUTDOWN_NOW = 4, SHUTDOWN_FORCE = 8 };
/* maxmemory-policy: what may be chosen, from which keys */
enum server_policy {
    POLICY_VOLATILE_LRU, POLICY_VOLATILE_LFU, POLICY_VOLATILE_RANDOM, POLICY_VOLATILE_TTL,
    POLICY_ALLKEYS_LRU, POLICY_ALLKEYS_LFU, POLICY_ALLKEYS_RANDOM, POLICY_NOEVICTION
};
/* bits of notify-keyspace-events */
enum server_notify {
    NOTIFY_KEYSPACE = 1 << 0, /* K */
    NOTIFY_KEYEVENT = 1 << 1, /* E */
    NOTIFY_GENERIC = 1 << 2,  /* g */
    NOTIFY_STRING = 1 << 3,   /* $ */
    NOTIFY_LIST = 1 << 4,     /* l */
    NOTIFY_SET = 1 << 5,      /* s */
    NOTIFY_HASH = 1 << 6,     /* h */
    NOTIFY_ZSET = 1 << 7,     /* z */
    NOTIFY_EXPIRED = 1 << 8,  /* x */
    NOTIFY_EVICTED = 1 << 9,  /* e */
    NOTIFY_STREAM = 1 << 10,  /* t */
    NOTIFY_KEY_MISS = 1 << 11, /* m, not in A */
    NOTIFY_MODULE = 1 << 13,  /* d */
    NOTIFY_NEW = 1 << 14,     /* n, not in A */
    NOTIFY_ALL = NOTIFY_GENERIC | NOTIFY_STRING | NOTIFY_LIST | NOTIFY_SET | NOTIFY_HASH |
                 NOTIFY_ZSET | NOTIFY_EXPIRED | NOTIFY_EVICTED | NOTIFY_STREAM | NOTIFY_MODULE
};

enum server_snapshot_method { SNAPSHOT_FORK, SNAPSHOT_WALK };

struct server_replicaof {
    char *host; /* "" : a master */
    int port;
};

struct server_config {
    struct front_config front;

    int databases;

    /* snapshots */
    struct server_save save;
    char *dbfilename;
    bool rdbcompression, rdbchecksum;
    bool rdb_del_sync_files;
    bool rdb_save_incremental_fsync;
    int snapshot_method; /* enum server_snapshot_method */
    uint64_t snapshot_buffer_limit;
    bool stop_writes_on_bgsave_error;
    int sanitize_dump_payload;
    int key_load_delay;     /* microseconds a key; < 0 a key in so many sleeps 1 us: tests only */
    int rdb_key_save_delay; /* the same at save */
    int64_t loading_process_events_interval_bytes;

    /* append-only file */
    bool appendonly;
    char *appendfilename, *appenddirname;
    int appendfsync;
    bool no_appendfsync_on_rewrite;
    int auto_aof_rewrite_percentage;
    uint64_t auto_aof_rewrite_min_size;
    bool aof_load_truncated, aof_use_rdb_preamble, aof_timestamp_enabled;
    bool aof_rewrite_incremental_fsync, aof_disable_auto_gc;

    /* replication */
    struct server_replicaof replicaof;
    char *masteruser;
    struct str masterauth;
    bool replica_serve_stale_data, replica_read_only, replica_ignore_maxmemory;
    bool replica_lazy_flush, replica_announced, replica_ignore_disk_write_errors;
    char *replica_announce_ip;
    int replica_announce_port;
    int replica_priority;
    bool repl_diskless_sync;
    int repl_diskless_sync_delay, repl_diskless_sync_max_replicas, repl_diskless_sync_period;
    int repl_diskless_load;
    int repl_ping_replica_period; /* seconds */
    int repl_timeout;             /* seconds */
    bool repl_disable_tcp_nodelay;
    uint64_t repl_backlog_size;
    int64_t repl_backlog_ttl; /* seconds; 0 never freed */
    int repl_backlog_seconds, repl_spool_seconds;
    uint64_t repl_backlog_max_size, repl_spool_memory, repl_spool_file_max;
    int64_t replica_max_staleness_ms; /* 0: no bound */
    bool replica_amnesia_guard;
    int replica_amnesia_grace; /* seconds */
    bool repl_load_beside;
    uint64_t repl_load_beside_max_memory; /* 0: maxmemory, if there is one */
    bool demotion_cuts_writers;
    bool self_fencing;
    int64_t self_fencing_window;
    int min_replicas_to_write, min_replicas_max_lag;
    int propagation_error_behavior;

    /* shutdown */
    int shutdown_timeout;
    int shutdown_on_sigterm, shutdown_on_sigint; /* bits of server_shutdown */

    /* memory */
    uint64_t maxmemory;
    int maxmemory_policy, maxmemory_samples, maxmemory_eviction_tenacity;
    int lfu_log_factor, lfu_decay_time;
    bool lazyfree_lazy_eviction, lazyfree_lazy_expire, lazyfree_lazy_server_del;
    bool lazyfree_lazy_user_del, lazyfree_lazy_user_flush;
    int active_expire_effort;
    bool activerehashing, activedefrag;
    uint64_t active_defrag_ignore_bytes;
    int active_defrag_threshold_lower, active_defrag_threshold_upper;
    int active_defrag_cycle_min, active_defrag_cycle_max;
    int64_t active_defrag_max_scan_fields;

    /* shapes of small values */
    int64_t hash_max_listpack_entries;
    uint64_t hash_max_listpack_value;
    int list_max_listpack_size, list_compress_depth;
    int64_t set_max_intset_entries, set_max_listpack_entries, set_max_listpack_value;
    int64_t zset_max_listpack_entries;
    uint64_t zset_max_listpack_value;
    uint64_t hll_sparse_max_bytes;
    uint64_t stream_node_max_bytes;
    int64_t stream_node_max_entries;

    /* scripts, events */
    int64_t busy_reply_threshold; /* ms */
    uint64_t lua_memory_limit;
    int notify_keyspace_events;   /* bits of server_notify */
    bool enable_debug_assert;
    int unused_module; /* loadmodule is refused: its row needs a field */

    /* cluster: accepted, since charts and exporters set and read them */
    bool cluster_enabled, cluster_require_full_coverage, cluster_allow_reads_when_down;
    bool cluster_allow_pubsubshard_when_down, cluster_allow_replica_migration;
    bool cluster_replica_no_failover;
    char *cluster_config_file, *cluster_announce_ip, *cluster_announce_hostname;
    char *cluster_announce_human_nodename;
    int cluster_announce_port, cluster_announce_tls_port, cluster_announce_bus_port, cluster_port;
    int64_t cluster_node_timeout;
    int cluster_migration_barrier, cluster_replica_validity_factor;
    int cluster_preferred_endpoint_type;
    uint64_t cluster_link_sendbuf_limit;
};

/* Binds both tables to cfg and fills in the defaults. `server` is the owner of the server's rows
 * (config_apply.h), `hooks` of the shared ones; both may be NULL where nothing is applied live. */
void server_config_init(struct server_config *cfg, struct conf *conf, void *server,
                        struct front_config_hooks *hooks);

/* REPLICAOF at run time; an empty host: a master. */
void server_config_set_replicaof(struct server_config *cfg, struct slice host, int port);

/* "Klsx" and back, as notify-keyspace-events writes them; false: a character that is none. */
bool server_notify_parse(struct slice text, int *bits);
size_t server_notify_print(int bits, char out[20]);

/* --check-config: every error of the file, 0 or 1. */
struct front_start;
int server_check_config(struct front_start *s);

#endif
