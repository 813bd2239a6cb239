/* config: the directives that both personalities share, and the struct that holds their values.
 *
 * Field name = directive name with '-' for '_'. Texts are never NULL ("" when unset) and belong to
 * the struct; they change only through core/conf/table. Sizes are bytes.
 *
 *     struct front_config cfg;                      part of server_config and sentinel_config
 *     conf_add(&conf, front_config_rows, front_config_rows_n, &cfg, &hooks);
 *
 * `struct front_config_hooks` is the owner of these rows: what a personality wants to do when
 * a value changes live. A NULL function is "nothing to do: the value is read where it is used".
 *
 * Life: conf_add fills in the defaults, conf_free of the binding struct conf frees texts and lists.
 * Tests: unit/conf_rows (defaults against redis-server's), docs/directives.md. */
#ifndef CORE_FRONT_CONFIG_H
#define CORE_FRONT_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf/table.h"

enum front_client_class { FRONT_NORMAL, FRONT_REPLICA, FRONT_PUBSUB, FRONT_CLASSES };

struct front_output_limit {
    uint64_t hard, soft;
    int soft_seconds;
};

enum front_loglevel { FRONT_DEBUG, FRONT_VERBOSE, FRONT_NOTICE, FRONT_WARNING, FRONT_NOTHING };
enum front_supervised { SUPERVISED_NO, SUPERVISED_AUTO, SUPERVISED_SYSTEMD, SUPERVISED_UPSTART };
enum front_enable { ENABLE_NO, ENABLE_LOCAL, ENABLE_YES }; /* enable-debug-command and friends */
enum front_acl_pubsub { ACL_PUBSUB_RESET, ACL_PUBSUB_ALL };
enum front_oom_score { OOM_SCORE_NO, OOM_SCORE_RELATIVE, OOM_SCORE_ABSOLUTE };
enum front_tls_auth { TLS_AUTH_NO, TLS_AUTH_YES, TLS_AUTH_OPTIONAL };

/* A list of texts: addresses of `bind`, lines of `user`. */
struct front_texts {
    VEC(char *) text;
};

struct front_rename {
    char *from, *to; /* to "" removes the command */
};
struct front_renames {
    VEC(struct front_rename) at;
};

struct front_percentiles {
    VEC(double) at;
};

struct front_config {
    /* network */
    struct front_texts bind; /* an address with '-' in front may be missing; "" alone: none */
    char *bind_source_addr;
    int port;
    int tcp_backlog;
    char *unixsocket;
    int unixsocketperm; /* 0: leave as umask says */
    bool protected_mode;
    int timeout;       /* seconds; 0 never */
    int tcp_keepalive; /* seconds */
    int64_t maxclients;
    int socket_mark_id;
    int max_new_connections_per_cycle;
    int max_new_tls_connections_per_cycle;

    /* process */
    bool daemonize;
    char *pidfile;
    char *dir; /* as CONFIG GET shows it: made absolute at start */
    int supervised;
    bool set_proc_title;
    char *proc_title_template;
    bool always_show_logo;
    char *locale_collate;
    int hz;
    bool dynamic_hz;
    bool disable_thp;
    int oom_score_adj;
    int oom_score_adj_values[3];
    char *server_cpulist, *bio_cpulist, *aof_rewrite_cpulist, *bgsave_cpulist;
    char *ignore_warnings;
    bool crash_log_enabled;
    bool crash_memcheck_enabled;
    bool use_exit_on_panic;
    bool jemalloc_bg_thread;
    int io_threads;
    bool io_threads_do_reads;

    /* log */
    int loglevel;
    char *logfile;
    bool syslog_enabled;
    char *syslog_ident;
    int syslog_facility; /* LOG_USER, LOG_LOCAL0 ... of <syslog.h> */
    bool hide_user_data_from_log;

    /* access */
    struct str requirepass;
    char *aclfile;
    struct front_texts user; /* what stands behind each `user` of the file, in order */
    int64_t acllog_max_len;
    int acl_pubsub_default;
    struct front_renames rename_command;
    int enable_protected_configs;
    int enable_debug_command;
    int enable_module_command;

    /* limits of clients */
    struct front_output_limit client_output_buffer_limit[FRONT_CLASSES];
    uint64_t client_query_buffer_limit;
    uint64_t proto_max_bulk_len;
    int64_t maxmemory_clients; /* bytes; negative: percent of maxmemory */
    int64_t tracking_table_max_keys;

    /* observation */
    int64_t slowlog_log_slower_than; /* microseconds; < 0 never */
    int64_t slowlog_max_len;
    int64_t latency_monitor_threshold; /* ms */
    bool latency_tracking;
    struct front_percentiles latency_tracking_info_percentiles;

    /* TLS */
    int tls_port;
    int tls_auth_clients;
    char *tls_cert_file, *tls_key_file, *tls_key_file_pass;
    char *tls_client_cert_file, *tls_client_key_file, *tls_client_key_file_pass;
    char *tls_dh_params_file, *tls_ca_cert_file, *tls_ca_cert_dir;
    char *tls_protocols, *tls_ciphers, *tls_ciphersuites;
    bool tls_prefer_server_ciphers;
    bool tls_session_caching;
    int tls_session_cache_size;
    int tls_session_cache_timeout;
    bool tls_replication;
    bool tls_cluster;
};

/* The owner of the shared rows. Each function may be NULL. They run after the field has changed;
 * an error puts the old value back. */
struct front_config_hooks {
    void *owner;
    enum err (*listen)(void *owner, struct errmsg *m);     /* port, bind */
    enum err (*source)(void *owner, struct errmsg *m);     /* bind-source-addr */
    enum err (*maxclients)(void *owner, struct errmsg *m);
    enum err (*log)(void *owner, struct errmsg *m);        /* loglevel */
    enum err (*requirepass)(void *owner, struct errmsg *m);
    enum err (*dir)(void *owner, struct errmsg *m);
    enum err (*limits)(void *owner, struct errmsg *m);     /* buffer limits, maxmemory-clients */
    enum err (*timers)(void *owner, struct errmsg *m);     /* hz, timeout, tcp-keepalive */
    enum err (*observe)(void *owner, struct errmsg *m);    /* slowlog-*, latency-*, acllog-* */
    enum err (*proc_title)(void *owner, struct errmsg *m);
    enum err (*allocator)(void *owner, struct errmsg *m);  /* jemalloc-bg-thread */
    enum err (*oom)(void *owner, struct errmsg *m);        /* oom-score-adj, -values */
};

extern const struct conf_row front_config_rows[];
extern const size_t front_config_rows_n;

/* May this client use what an enable-* directive guards? Local: from loopback or a unix socket. */
bool front_enabled(int enable, bool client_is_local);

#endif
