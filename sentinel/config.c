#include "sentinel/config.h"

#include "core/front/start.h"
#include "sentinel/sentinel.h"

#define PORT 26379

/* Directives of the data server, sorted. Redis' Sentinel takes them, so charts write some of them
 * into sentinel.conf; unit/conf_rows compares the list with the data server's table. */
static const char *const foreign[] = {
    "active-defrag-cycle-max", "active-defrag-cycle-min", "active-defrag-ignore-bytes",
    "active-defrag-max-scan-fields", "active-defrag-threshold-lower",
    "active-defrag-threshold-upper", "active-expire-effort", "activedefrag", "activerehashing",
    "aof-disable-auto-gc", "aof-load-truncated", "aof-rewrite-incremental-fsync",
    "aof-timestamp-enabled", "aof-use-rdb-preamble", "appenddirname", "appendfilename",
    "appendfsync", "appendonly", "auto-aof-rewrite-min-size", "auto-aof-rewrite-percentage",
    "busy-reply-threshold", "cluster-allow-pubsubshard-when-down",
    "cluster-allow-reads-when-down", "cluster-allow-replica-migration",
    "cluster-announce-bus-port", "cluster-announce-hostname", "cluster-announce-human-nodename",
    "cluster-announce-ip", "cluster-announce-port", "cluster-announce-tls-port",
    "cluster-config-file", "cluster-enabled", "cluster-link-sendbuf-limit",
    "cluster-migration-barrier", "cluster-node-timeout", "cluster-port",
    "cluster-preferred-endpoint-type", "cluster-replica-no-failover",
    "cluster-replica-validity-factor", "cluster-require-full-coverage",
    "cluster-slave-no-failover", "cluster-slave-validity-factor", "databases", "dbfilename",
    "demotion-cuts-writers", "enable-debug-assert", "hash-max-listpack-entries",
    "hash-max-listpack-value", "hash-max-ziplist-entries", "hash-max-ziplist-value",
    "hll-sparse-max-bytes", "key-load-delay", "lazyfree-lazy-eviction", "lazyfree-lazy-expire",
    "lazyfree-lazy-server-del", "lazyfree-lazy-user-del", "lazyfree-lazy-user-flush",
    "lfu-decay-time", "lfu-log-factor", "list-compress-depth", "list-max-listpack-size",
    "list-max-ziplist-size", "loading-process-events-interval-bytes", "loadmodule",
    "lua-memory-limit", "lua-time-limit", "masterauth", "masteruser", "maxmemory",
    "maxmemory-eviction-tenacity", "maxmemory-policy", "maxmemory-samples",
    "min-replicas-max-lag", "min-replicas-to-write", "min-slaves-max-lag",
    "min-slaves-to-write", "no-appendfsync-on-rewrite", "notify-keyspace-events",
    "propagation-error-behavior", "rdb-del-sync-files", "rdb-key-save-delay",
    "rdb-save-incremental-fsync", "rdbchecksum", "rdbcompression", "repl-backlog-max-size",
    "repl-backlog-seconds", "repl-backlog-size", "repl-backlog-ttl", "repl-disable-tcp-nodelay",
    "repl-diskless-load", "repl-diskless-sync", "repl-diskless-sync-delay",
    "repl-diskless-sync-max-replicas", "repl-diskless-sync-period", "repl-load-beside",
    "repl-load-beside-max-memory", "repl-ping-replica-period", "repl-ping-slave-period",
    "repl-spool-file-max", "repl-spool-memory", "repl-spool-seconds", "repl-timeout",
    "replica-amnesia-grace", "replica-amnesia-guard",
    "replica-announce-ip", "replica-announce-port", "replica-announced",
    "replica-ignore-disk-write-errors", "replica-ignore-maxmemory", "replica-lazy-flush",
    "replica-max-staleness-ms", "replica-priority", "replica-read-only",
    "replica-serve-stale-data", "replicaof", "sanitize-dump-payload", "save", "self-fencing",
    "self-fencing-window", "set-max-intset-entries", "set-max-listpack-entries",
    "set-max-listpack-value", "shutdown-on-sigint", "shutdown-on-sigterm", "shutdown-timeout",
    "slave-announce-ip", "slave-announce-port", "slave-ignore-maxmemory", "slave-lazy-flush",
    "slave-priority", "slave-read-only", "slave-serve-stale-data", "slaveof",
    "snapshot-buffer-limit", "snapshot-method", "stop-writes-on-bgsave-error",
    "stream-node-max-bytes", "stream-node-max-entries", "zset-max-listpack-entries",
    "zset-max-listpack-value", "zset-max-ziplist-entries", "zset-max-ziplist-value",
};
#define FOREIGN_N (sizeof(foreign) / sizeof(foreign[0]))

static const char *foreign_name(struct slice name)
{
    for (size_t i = 0; i < FOREIGN_N; i++) {
        if (slice_ieqz(name, foreign[i])) return foreign[i];
    }
    return NULL;
}

static bool is_sentinel_line(const struct conf_line *line)
{
    return slice_eqz(str_slice(line->word[0]), "sentinel");
}

void sentinel_config_init(struct sentinel_config *cfg, struct conf *conf,
                          struct front_config_hooks *hooks)
{
    *cfg = (struct sentinel_config){ 0 };
    conf_init(conf);
    conf_add(conf, front_config_rows, front_config_rows_n, &cfg->front, hooks);
    cfg->front.port = PORT;
    cfg->front.protected_mode = false; /* the others must reach us; as in Redis */
}

bool sentinel_config_skip(const struct conf_line *line)
{
    return is_sentinel_line(line) || foreign_name(str_slice(line->word[0]));
}

void sentinel_config_lines(const struct conf_lines *l,
                           void (*fn)(void *to, const struct conf_line *line), void *to)
{
    for (size_t i = 0; i < l->line.n; i++) {
        /* A lone word is what `--sentinel` leaves behind. */
        if (is_sentinel_line(&l->line.at[i]) && l->line.at[i].words > 1) fn(to, &l->line.at[i]);
    }
}

const char *sentinel_config_foreign(const struct conf_lines *l, size_t *at)
{
    while (*at < l->line.n) {
        const char *name = foreign_name(str_slice(l->line.at[(*at)++].word[0]));
        if (name) return name;
    }
    return NULL;
}

int sentinel_check_config(struct front_start *s)
{
    struct sentinel_config cfg;
    struct conf conf;
    sentinel_config_init(&cfg, &conf, NULL);
    state_file_check(&s->lines);
    int code = start_check(s, &conf, sentinel_config_skip);
    conf_free(&conf);
    return code;
}
