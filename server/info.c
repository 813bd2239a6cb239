#include "server/info.h"

#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/db/keyspace.h"
#include "core/front/client.h"
#include "core/front/front.h"
#include "core/front/pubsub.h"
#include "core/front/start.h"
#include "core/front/stats.h"
#include "core/sys/clock.h"
#include "replication/replication.h"
#include "server/fencing.h"
#include "server/block.h"
#include "server/config.h"
#include "server/cron.h"
#include "server/persist/aof.h"
#include "server/persist/aof_load.h"
#include "server/persist/load.h"
#include "server/persist/snapshot.h"
#include "server/persist/walker.h"
#include "server/server.h"
#include "server/shutdown.h"
#include "server/session.h"
#include "server/txn.h"

#define LRU_CLOCK_MASK 0xffffff

static unsigned long long ull(uint64_t v) { return v; }

void info_count_clients(const struct server *s, struct info_clients *out)
{
    *out = (struct info_clients){ 0 };
    ilist_each(&s->front->clients, it, next)
    {
        struct client *cl = ilist_of(it, struct client, node);
        const struct session *se = session_get(cl);
        uint64_t mem = client_mem(cl);
        out->connected += !(cl->flags & CLIENT_REPLICA);
        out->blocked += (cl->flags & (CLIENT_BLOCKED | CLIENT_PAUSED)) != 0;
        out->tracking += (cl->flags & CLIENT_TRACKING) != 0;
        out->pubsub += pubsub_active(cl);
        out->watching += se && se->watched_n;
        *(cl->flags & CLIENT_REPLICA ? &out->replica_mem : &out->normal_mem) += mem;
        if (!cl->conn) continue;
        uint64_t in = conn_in(cl->conn)->cap, waiting = conn_out(cl->conn)->cap;
        if (in > out->max_in) out->max_in = in;
        if (waiting > out->max_out) out->max_out = waiting;
    }
}

/* ---- server ---- */

static const char *supervised_name(const struct server *s)
{
    return s->start->supervised ? "systemd" : "no";
}

static void listeners(struct server *s, struct buf *out)
{
    const struct front_config *c = s->front_config;
    int n = 0;
    if (c->port) {
        buf_fmt(out, "listener%d:name=tcp", n++);
        for (size_t i = 0; i < c->bind.text.n; i++)
            buf_fmt(out, ",bind=%s", c->bind.text.at[i]);
        buf_fmt(out, ",port=%d\r\n", c->port);
    }
    if (c->unixsocket[0]) buf_fmt(out, "listener%d:name=unix,bind=%s\r\n", n, c->unixsocket);
}

static void section_server(struct server *s, struct buf *out)
{
    struct utsname u;
    memset(&u, 0, sizeof(u));
    uname(&u);
    int64_t now_us = clock_wall_us(), up_s = (now_us / 1000 - s->started_wall_ms) / 1000;
    buf_fmt(out, "redis_version:%s\r\nserver_name:tanist\r\ntanist_version:%s\r\n",
            START_REDIS_VERSION, TANIST_VERSION);
    buf_fmt(out,
            "redis_git_sha1:00000000\r\nredis_git_dirty:0\r\nredis_build_id:0\r\nredis_mode:%s\r\n",
            s->front->mode);
    buf_fmt(out, "os:%s %s %s\r\narch_bits:%d\r\n", u.sysname, u.release, u.machine,
            (int)sizeof(void *) * 8);
    buf_fmt(out,
            "monotonic_clock:POSIX clock_gettime\r\nmultiplexing_api:epoll\r\n"
            "atomicvar_api:c11-builtin\r\ngcc_version:%s\r\n",
            __VERSION__);
    buf_fmt(out, "process_id:%d\r\nprocess_supervised:%s\r\nrun_id:%s\r\ntcp_port:%d\r\n",
            (int)getpid(), supervised_name(s), s->front->run_id, s->front_config->port);
    buf_fmt(out, "server_time_usec:%lld\r\nuptime_in_seconds:%lld\r\nuptime_in_days:%lld\r\n",
            (long long)now_us, (long long)up_s, (long long)(up_s / 86400));
    buf_fmt(out, "hz:%d\r\nconfigured_hz:%d\r\nlru_clock:%lld\r\n", s->front_config->hz,
            s->front_config->hz, (long long)(now_us / 1000000 & LRU_CLOCK_MASK));
    buf_fmt(out, "executable:%s\r\nconfig_file:%s\r\nio_threads_active:0\r\n",
            s->start->exe ? s->start->exe : "", s->start->config_file ? s->start->config_file : "");
    listeners(s, out);
    int64_t left = shutdown_left_ms(s->shutdown);
    if (left >= 0) buf_fmt(out, "shutdown_in_milliseconds:%lld\r\n", (long long)left);
}

/* ---- clients ---- */

static void section_clients(struct server *s, struct buf *out)
{
    struct info_clients n;
    info_count_clients(s, &n);
    buf_fmt(out, "connected_clients:%llu\r\ncluster_connections:0\r\nmaxclients:%lld\r\n",
            ull(n.connected), (long long)s->front_config->maxclients);
    buf_fmt(out, "client_recent_max_input_buffer:%llu\r\nclient_recent_max_output_buffer:%llu\r\n",
            ull(n.max_in), ull(n.max_out));
    buf_fmt(out, "blocked_clients:%llu\r\ntracking_clients:%llu\r\npubsub_clients:%llu\r\n",
            ull(n.blocked), ull(n.tracking), ull(n.pubsub));
    buf_fmt(out,
            "watching_clients:%llu\r\nclients_in_timeout_table:0\r\ntotal_watched_keys:%zu\r\n",
            ull(n.watching), watches_keys(s->watches));
    size_t on_no_key, keys = blocking_keys(s->blocking, &on_no_key);
    buf_fmt(out, "total_blocking_keys:%zu\r\ntotal_blocking_keys_on_nokey:%zu\r\n", keys,
            on_no_key);
}

/* ---- persistence ---- */

static void persistence_rdb(struct server *s, struct buf *out)
{
    const struct snapshot_figures *f = snapshot_figures(s->snapshot);
    bool runs = snapshot_saving(s->snapshot);
    int64_t took = runs ? (clock_wall_ms() - f->running_since_ms) / 1000 : -1;
    buf_fmt(out,
            "rdb_changes_since_last_save:%llu\r\nrdb_bgsave_in_progress:%d\r\nrdb_last_save_time:%"
            "lld\r\n",
            ull(s->dirty), runs, (long long)f->last_save_s);
    buf_fmt(out,
            "rdb_last_bgsave_status:%s\r\nrdb_last_bgsave_time_sec:%lld\r\n"
            "rdb_current_bgsave_time_sec:%lld\r\n",
            f->ok ? "ok" : "err", (long long)f->last_took_s, (long long)took);
    buf_fmt(out, "rdb_saves:%llu\r\nrdb_last_cow_size:%llu\r\n", ull(f->saves),
            ull(f->last_cow_bytes));
    buf_fmt(out, "rdb_last_load_keys_expired:%llu\r\nrdb_last_load_keys_loaded:%llu\r\n",
            ull(loader_facts(s->loader)->expired), ull(loader_facts(s->loader)->loaded));
}

/* A child tells nothing before its end; a walk is ours to look at. */
static void persistence_progress(struct server *s, struct buf *out)
{
    struct walker_figures f;
    snapshot_progress(s->snapshot, &f);
    double part = f.total ? (double)f.keys * 100 / (double)f.total : 0;
    buf_fmt(out, "current_cow_peak:%zu\r\ncurrent_cow_size:%zu\r\ncurrent_cow_size_age:0\r\n",
            f.peak, f.held);
    buf_fmt(out,
            "current_fork_perc:%.2f\r\ncurrent_save_keys_processed:%llu\r\n"
            "current_save_keys_total:%llu\r\n",
            part, ull(f.keys), ull(f.total));
}

static void section_persistence(struct server *s, struct buf *out)
{
    buf_fmt(out, "loading:%d\r\nasync_loading:%d\r\n", s->loading, s->async_loading);
    persistence_progress(s, out);
    persistence_rdb(s, out);
    aof_info(s->aof, out);
    if (aof_load_busy(s->aof_loader)) aof_load_info(s->aof_loader, out);
    else loader_info(s->loader, out);
}

/* ---- replication, cpu, the rest ---- */

static void section_replication(struct server *s, struct buf *out)
{
    replication_info(s->repl, out);
    fencing_info(s->fencing, out);
}

static void section_cpu(struct server *s, struct buf *out)
{
    (void)s;
    stats_print_cpu(out);
}

static void section_nothing(struct server *s, struct buf *out)
{
    (void)s;
    (void)out;
}

static void section_commandstats(struct server *s, struct buf *out)
{
    stats_print_commands(s->front, out);
}
static void section_errorstats(struct server *s, struct buf *out)
{
    stats_print_errors(s->front, out);
}
static void section_latencystats(struct server *s, struct buf *out)
{
    stats_print_latency(s->front, out);
}

static void section_cluster(struct server *s, struct buf *out)
{
    (void)s;
    buf_putz(out, "cluster_enabled:0\r\n");
}

static void section_keyspace(struct server *s, struct buf *out)
{
    for (int i = 0; i < s->ks->n; i++) {
        const struct ks_db *db = ks_db(s->ks, i);
        if (!ks_count(db)) continue;
        buf_fmt(out, "db%d:keys=%zu,expires=%zu,avg_ttl=%lld", i, ks_count(db), ks_deadlines(db),
                (long long)db->ttl_avg_ms);
        if (ks_timed(db)) buf_fmt(out, ",subexpiry=%zu", ks_timed(db));
        buf_putz(out, "\r\n");
    }
}

/* ---- the table ---- */

enum { IN_DEFAULT = 1, IN_ALL = 2, IN_EVERYTHING = 4 };

static const struct section {
    const char *name, *title;
    unsigned in;
    void (*print)(struct server *s, struct buf *out);
} sections[] = {
    { "server", "Server", IN_DEFAULT | IN_ALL | IN_EVERYTHING, section_server },
    { "clients", "Clients", IN_DEFAULT | IN_ALL | IN_EVERYTHING, section_clients },
    { "memory", "Memory", IN_DEFAULT | IN_ALL | IN_EVERYTHING, info_memory },
    { "persistence", "Persistence", IN_DEFAULT | IN_ALL | IN_EVERYTHING, section_persistence },
    { "stats", "Stats", IN_DEFAULT | IN_ALL | IN_EVERYTHING, info_stats },
    { "replication", "Replication", IN_DEFAULT | IN_ALL | IN_EVERYTHING, section_replication },
    { "cpu", "CPU", IN_DEFAULT | IN_ALL | IN_EVERYTHING, section_cpu },
    { "modules", "Modules", IN_DEFAULT | IN_ALL | IN_EVERYTHING, section_nothing },
    { "commandstats", "Commandstats", IN_ALL | IN_EVERYTHING, section_commandstats },
    { "errorstats", "Errorstats", IN_DEFAULT | IN_ALL | IN_EVERYTHING, section_errorstats },
    { "latencystats", "Latencystats", IN_ALL | IN_EVERYTHING, section_latencystats },
    { "cluster", "Cluster", IN_DEFAULT | IN_ALL | IN_EVERYTHING, section_cluster },
    { "keyspace", "Keyspace", IN_DEFAULT | IN_ALL | IN_EVERYTHING, section_keyspace },
};

static bool asked(const struct section *x, const struct slice *word, int n)
{
    if (n == 0) return x->in & IN_DEFAULT;
    for (int i = 0; i < n; i++) {
        if (slice_ieqz(word[i], x->name)) return true;
        if (slice_ieqz(word[i], "default") && x->in & IN_DEFAULT) return true;
        if (slice_ieqz(word[i], "all") && x->in & IN_ALL) return true;
        if (slice_ieqz(word[i], "everything") && x->in & IN_EVERYTHING) return true;
    }
    return false;
}

void info_print(struct server *s, const struct slice *word, int n, struct buf *out)
{
    front_refresh_stats(s->front);
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        if (!asked(&sections[i], word, n)) continue;
        if (buf_size(out)) buf_putz(out, "\r\n");
        buf_fmt(out, "# %s\r\n", sections[i].title);
        sections[i].print(s, out);
    }
}
