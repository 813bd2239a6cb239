/* replication/settings: what the host's configuration says about replication, as plain values.
 * The host fills it and hands it over at start and after each change: replication never reads the
 * configuration itself. Times in the unit of their names. */
#ifndef REPLICATION_SETTINGS_H
#define REPLICATION_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

struct repl_settings {
    int port;                    /* our own listening port, told to the master */
    const char *bind_source;     /* bind-source-addr or NULL; texts are lent until the next ones */
    struct slice masterauth;
    const char *masteruser; /* "" none */
    const char *announce_ip;     /* "" none */
    int announce_port;           /* 0: port */
    int ping_period_s, timeout_s;
    uint64_t backlog_bytes;
    int backlog_s;               /* cover so many seconds of writes, 0: backlog_bytes only */
    uint64_t backlog_max_bytes;  /* ... with no more than this */
    int backlog_ttl_s;
    bool diskless_sync;
    int diskless_delay_s, diskless_max_replicas;
    bool disable_nodelay;
    int min_replicas, min_replicas_max_lag_s;
    int priority;
    bool read_only, serve_stale, announced;
    uint64_t replica_hard_bytes, replica_soft_bytes; /* client-output-buffer-limit replica */
    int replica_soft_s;
    const char *dir;             /* where a received snapshot is kept while it arrives */
    const char *rdb_path;        /* the snapshot file's full path */
    bool rdb_del_sync_files;
    int64_t max_staleness_ms;    /* 0: no bound */
    bool amnesia_guard;
    int amnesia_grace_s;
    uint64_t spool_bytes;        /* of the stream in memory while a snapshot moves; more: a file */
    int spool_age_s;             /* of a master: what is older goes to the file too; 0: no limit */
    uint64_t spool_file_bytes;   /* of a master: no more in the file; 0: what the disk takes */
};

#endif
