#include "core/front/config.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "core/conf/rows.h"
#include "core/front/config_lists.h"
#include "core/front/proc_title.h"
#include "core/sys/process.h"

/* ---- names ---- */

static const struct conf_name loglevels[] = { { "debug", FRONT_DEBUG },
                                              { "verbose", FRONT_VERBOSE },
                                              { "notice", FRONT_NOTICE },
                                              { "warning", FRONT_WARNING },
                                              { "nothing", FRONT_NOTHING },
                                              { NULL, 0 } };
static const struct conf_name facilities[] = {
    { "user", LOG_USER },     { "local0", LOG_LOCAL0 }, { "local1", LOG_LOCAL1 },
    { "local2", LOG_LOCAL2 }, { "local3", LOG_LOCAL3 }, { "local4", LOG_LOCAL4 },
    { "local5", LOG_LOCAL5 }, { "local6", LOG_LOCAL6 }, { "local7", LOG_LOCAL7 }, { NULL, 0 }
};
static const struct conf_name supervisors[] = { { "upstart", SUPERVISED_UPSTART },
                                                { "systemd", SUPERVISED_SYSTEMD },
                                                { "auto", SUPERVISED_AUTO },
                                                { "no", SUPERVISED_NO },
                                                { NULL, 0 } };
static const struct conf_name enables[] = {
    { "no", ENABLE_NO }, { "yes", ENABLE_YES }, { "local", ENABLE_LOCAL }, { NULL, 0 }
};
static const struct conf_name acl_pubsubs[] = { { "allchannels", ACL_PUBSUB_ALL },
                                                { "resetchannels", ACL_PUBSUB_RESET },
                                                { NULL, 0 } };
static const struct conf_name oom_scores[] = { { "no", OOM_SCORE_NO },
                                               { "yes", OOM_SCORE_RELATIVE },
                                               { "relative", OOM_SCORE_RELATIVE },
                                               { "absolute", OOM_SCORE_ABSOLUTE },
                                               { NULL, 0 } };
static const struct conf_name tls_auths[] = {
    { "no", TLS_AUTH_NO }, { "yes", TLS_AUTH_YES }, { "optional", TLS_AUTH_OPTIONAL }, { NULL, 0 }
};

/* ---- apply: the personality does it, if it wants to ---- */

#define APPLY(which)                                                  \
    static enum err apply_##which(void *owner, struct errmsg *m)      \
    {                                                                 \
        struct front_config_hooks *h = owner;                         \
        return h && h->which ? h->which(h->owner, m) : ERR_NONE;      \
    }
APPLY(listen)
APPLY(source)
APPLY(maxclients)
APPLY(log)
APPLY(requirepass)
APPLY(dir)
APPLY(limits)
APPLY(timers)
APPLY(observe)
APPLY(proc_title)
APPLY(allocator)
APPLY(oom)

/* The listeners fail in other words for one and the other. */
static enum err apply_bind(void *owner, struct errmsg *m)
{
    enum err e = apply_listen(owner, m);
    return e ? err_set(m, e, "Failed to bind to specified addresses.") : ERR_NONE;
}

static enum err apply_port(void *owner, struct errmsg *m)
{
    enum err e = apply_listen(owner, m);
    return e ? err_set(m, e, "Unable to listen on this port. Check server logs.") : ERR_NONE;
}

/* ---- checks ---- */

static enum err check_title(const void *value, struct errmsg *m)
{
    if (proc_title_template_ok(*(char *const *)value)) return ERR_NONE;
    return err_set(m, ERR_SYNTAX, "template format is invalid or contains unknown variables");
}

bool front_enabled(int enable, bool client_is_local)
{
    return enable == ENABLE_YES || (enable == ENABLE_LOCAL && client_is_local);
}

static enum err check_dir(const void *value, struct errmsg *m)
{
    return process_folder_check(*(char *const *)value, m);
}

static enum err check_logfile(const void *value, struct errmsg *m)
{
    const char *path = *(char *const *)value;
    struct errmsg why = { "" };
    if (!*path || !process_appendable_check(path, &why)) return ERR_NONE;
    return err_set(m, ERR_IO, "Can't open the log file: %s", why.text);
}

/* ---- the rows ---- */

#define FIELDS_OF struct front_config

#define NO_TLS NO_EFFECT("TLS is not built in")
#define ONE_THREAD NO_EFFECT("one thread serves all clients")
#define NO_AFFINITY NO_EFFECT("processor affinity is left to the supervisor (taskset, systemd)")

const struct conf_row front_config_rows[] = {
    /* network */
    LIST("bind", bind, front_list_bind, .apply = apply_bind,
         .what = "addresses to listen on; one with '-' in front may be missing"),
    TEXT("bind-source-addr", bind_source_addr, NULL, .apply = apply_source,
         .what = "local address of connections that we open"),
    INT("port", port, 6379, 0, 65535, .apply = apply_port, .what = "TCP port; 0: none"),
    INT("tcp-backlog", tcp_backlog, 511, 0, INT_MAX, .flags = CONF_START,
        .what = "length of the queue of connections not yet accepted"),
    TEXT("unixsocket", unixsocket, NULL, .flags = CONF_START, .what = "path of a unix socket"),
    INT("unixsocketperm", unixsocketperm, 0, 0, 0777, .flags = CONF_START | CONF_OCTAL,
        .what = "mode of the unix socket, octal"),
    BOOL("protected-mode", protected_mode, true,
         .what = "without a password only this machine may connect"),
    SECONDS("timeout", timeout, 0, 0, .apply = apply_timers,
        .what = "close a client that is idle so long; 0: never"),
    SECONDS("tcp-keepalive", tcp_keepalive, 300, 0, .apply = apply_timers,
            .what = "seconds between probes of idle connections"),
    LONG("maxclients", maxclients, 10000, 1, UINT_MAX, .apply = apply_maxclients,
         .what = "connections at once"),
    INT("socket-mark-id", socket_mark_id, 0, 0, INT_MAX, .flags = CONF_START,
        NO_EFFECT("sockets are not marked")),
    INT("max-new-connections-per-cycle", max_new_connections_per_cycle, 10, 1, 1000,
        NO_EFFECT("new connections are accepted in batches of a fixed size")),
    INT("max-new-tls-connections-per-cycle", max_new_tls_connections_per_cycle, 1, 1, 1000,
        NO_TLS),

    /* process */
    BOOL("daemonize", daemonize, false, .flags = CONF_START, .what = "go to the background"),
    TEXT("pidfile", pidfile, NULL, .flags = CONF_START, .what = "file that holds the process id"),
    TEXT("dir", dir, ".", .flags = CONF_PROTECTED | CONF_FORCE, .check = check_dir,
         .apply = apply_dir,
         .what = "working folder: snapshots and append-only files"),
    ENUM("supervised", supervised, SUPERVISED_NO, supervisors, .flags = CONF_START,
         .what = "tell systemd or upstart about the state"),
    BOOL("set-proc-title", set_proc_title, true, .flags = CONF_START,
         .what = "show state in the process list"),
    TEXT("proc-title-template", proc_title_template, "{title} {listen-addr} {server-mode}",
         .check = check_title, .apply = apply_proc_title, .what = "text of the process title"),
    BOOL("always-show-logo", always_show_logo, false, .flags = CONF_START,
         .what = "large banner also where standard output is no terminal"),
    TEXT("locale-collate", locale_collate, NULL, NO_EFFECT("text is compared as bytes")),
    INT("hz", hz, 10, 0, INT_MAX, .apply = apply_timers,
        .what = "rounds of background work a second"),
    BOOL("dynamic-hz", dynamic_hz, true, NO_EFFECT("work has budgets of time instead")),
    BOOL("disable-thp", disable_thp, true, .flags = CONF_START,
         .what = "ask the kernel for no transparent huge pages"),
    ENUM("oom-score-adj", oom_score_adj, OOM_SCORE_NO, oom_scores, .apply = apply_oom,
         .what = "how willingly the kernel kills a data server when memory is short"),
    LIST("oom-score-adj-values", oom_score_adj_values, front_list_oom_values, .apply = apply_oom,
         .what = "the scores of a master and of a replica; the third has no use, nothing forks"),
    TEXT("server-cpulist", server_cpulist, NULL, .alias = "server_cpulist", .flags = CONF_START,
         NO_AFFINITY),
    TEXT("bio-cpulist", bio_cpulist, NULL, .alias = "bio_cpulist", .flags = CONF_START,
         NO_AFFINITY),
    TEXT("aof-rewrite-cpulist", aof_rewrite_cpulist, NULL, .alias = "aof_rewrite_cpulist",
         .flags = CONF_START, NO_AFFINITY),
    TEXT("bgsave-cpulist", bgsave_cpulist, NULL, .alias = "bgsave_cpulist", .flags = CONF_START,
         NO_AFFINITY),
    TEXT("ignore-warnings", ignore_warnings, NULL,
         NO_EFFECT("the warnings it silences never stop a start")),
    BOOL("crash-log-enabled", crash_log_enabled, true, .what = "report and backtrace at a crash"),
    BOOL("crash-memcheck-enabled", crash_memcheck_enabled, true,
         NO_EFFECT("memory is not tested at a crash")),
    BOOL("use-exit-on-panic", use_exit_on_panic, false, .flags = CONF_HIDDEN,
         NO_EFFECT("a broken invariant always aborts")),
    BOOL("jemalloc-bg-thread", jemalloc_bg_thread, true, .apply = apply_allocator,
         .what = "freed pages go back to the system in the background"),
    INT("io-threads", io_threads, 1, 1, 128, .flags = CONF_START, ONE_THREAD),
    BOOL("io-threads-do-reads", io_threads_do_reads, false, .flags = CONF_START, ONE_THREAD),

    /* log */
    ENUM("loglevel", loglevel, FRONT_NOTICE, loglevels, .apply = apply_log,
         .what = "what is logged"),
    TEXT("logfile", logfile, NULL, .flags = CONF_START, .check = check_logfile,
         .what = "empty: standard output"),
    BOOL("syslog-enabled", syslog_enabled, false, .flags = CONF_START,
         .what = "log to syslog as well"),
    TEXT("syslog-ident", syslog_ident, "redis", .flags = CONF_START, .what = "name in syslog"),
    ENUM("syslog-facility", syslog_facility, LOG_LOCAL0, facilities, .flags = CONF_START,
         .what = "facility in syslog"),
    BOOL("hide-user-data-from-log", hide_user_data_from_log, false,
         NO_EFFECT("keys and values are never logged")),

    /* access */
    BYTES("requirepass", requirepass, .flags = CONF_SECRET, .apply = apply_requirepass,
         .what = "password of the default user"),
    TEXT("aclfile", aclfile, NULL, .flags = CONF_START, .what = "file with the users"),
    LIST("user", user, front_list_user, .flags = CONF_FILE_ONLY | CONF_NEVER_REWRITE | CONF_SECRET,
         .what = "a user and its rules"),
    LONG("acllog-max-len", acllog_max_len, 128, 0, INT64_MAX, .apply = apply_observe,
         .what = "entries kept of denied access"),
    ENUM("acl-pubsub-default", acl_pubsub_default, ACL_PUBSUB_RESET, acl_pubsubs,
         .what = "channels of a new user"),
    LIST("rename-command", rename_command, front_list_renames,
         .flags = CONF_FILE_ONLY | CONF_NEVER_REWRITE,
         .what = "give a command another name, or none"),
    ENUM("enable-protected-configs", enable_protected_configs, ENABLE_NO, enables,
         .flags = CONF_START, .what = "who may CONFIG SET dir, dbfilename and the like"),
    ENUM("enable-debug-command", enable_debug_command, ENABLE_NO, enables, .flags = CONF_START,
         .what = "who may use DEBUG"),
    ENUM("enable-module-command", enable_module_command, ENABLE_NO, enables, .flags = CONF_START,
         NO_EFFECT("there are no modules")),

    /* limits */
    LIST("client-output-buffer-limit", client_output_buffer_limit, front_list_output_limits,
         .apply = apply_limits, .what = "close a client that does not fetch its replies"),
    SIZE("client-query-buffer-limit", client_query_buffer_limit, 1 << 30, 1 << 20, INT64_MAX,
         .apply = apply_limits, .what = "most bytes of requests not yet run"),
    SIZE("proto-max-bulk-len", proto_max_bulk_len, 512ll << 20, 1 << 20, INT64_MAX,
         .apply = apply_limits, .what = "longest argument"),
    { .name = "maxmemory-clients", .kind = CONF_PERCENT_OR_SIZE, AT(maxmemory_clients), .min = -100,
      .apply = apply_limits,
      .what = "close the largest clients when all hold more; N%: of maxmemory; 0: never" },
    LONG("tracking-table-max-keys", tracking_table_max_keys, 1000000, 0, INT64_MAX,
         .what = "keys that CLIENT TRACKING remembers; 0: no bound"),

    /* observation */
    LONG("slowlog-log-slower-than", slowlog_log_slower_than, 10000, -1, INT64_MAX,
         .apply = apply_observe, .what = "microseconds; -1: log no slow command"),
    LONG("slowlog-max-len", slowlog_max_len, 128, 0, INT64_MAX, .apply = apply_observe,
         .what = "entries kept of slow commands"),
    MS("latency-monitor-threshold", latency_monitor_threshold, 0, .apply = apply_observe,
       .what = "record events that take so long; 0: off"),
    BOOL("latency-tracking", latency_tracking, true, .apply = apply_observe,
         .what = "histogram of times a command"),
    LIST("latency-tracking-info-percentiles", latency_tracking_info_percentiles,
         front_list_percentiles, .what = "percentiles in INFO latencystats"),

    /* TLS */
    INT("tls-port", tls_port, 0, 0, 65535, REFUSED("TLS is not built in: use port")),
    ENUM("tls-auth-clients", tls_auth_clients, TLS_AUTH_YES, tls_auths, NO_TLS),
    TEXT("tls-cert-file", tls_cert_file, NULL, NO_TLS),
    TEXT("tls-key-file", tls_key_file, NULL, NO_TLS),
    TEXT("tls-key-file-pass", tls_key_file_pass, NULL, .flags = CONF_SECRET, NO_TLS),
    TEXT("tls-client-cert-file", tls_client_cert_file, NULL, NO_TLS),
    TEXT("tls-client-key-file", tls_client_key_file, NULL, NO_TLS),
    TEXT("tls-client-key-file-pass", tls_client_key_file_pass, NULL, .flags = CONF_SECRET, NO_TLS),
    TEXT("tls-dh-params-file", tls_dh_params_file, NULL, NO_TLS),
    TEXT("tls-ca-cert-file", tls_ca_cert_file, NULL, NO_TLS),
    TEXT("tls-ca-cert-dir", tls_ca_cert_dir, NULL, NO_TLS),
    TEXT("tls-protocols", tls_protocols, NULL, NO_TLS),
    TEXT("tls-ciphers", tls_ciphers, NULL, NO_TLS),
    TEXT("tls-ciphersuites", tls_ciphersuites, NULL, NO_TLS),
    BOOL("tls-prefer-server-ciphers", tls_prefer_server_ciphers, false, NO_TLS),
    BOOL("tls-session-caching", tls_session_caching, true, NO_TLS),
    INT("tls-session-cache-size", tls_session_cache_size, 20480, 0, INT_MAX, NO_TLS),
    INT("tls-session-cache-timeout", tls_session_cache_timeout, 300, 0, INT_MAX, NO_TLS),
    BOOL("tls-replication", tls_replication, false,
         REFUSED("TLS is not built in: links would be in the clear")),
    BOOL("tls-cluster", tls_cluster, false, REFUSED("TLS is not built in")),
};
const size_t front_config_rows_n = sizeof(front_config_rows) / sizeof(front_config_rows[0]);
