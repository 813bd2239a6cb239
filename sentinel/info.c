/* INFO of a Sentinel: the sections that it has, as a table of writers. */
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/front/pubsub.h"
#include "core/front/reply.h"
#include "core/front/stats.h"
#include "core/net/conn.h"
#include "core/sys/clock.h"
#include "sentinel/commands.h"
#include "sentinel/scripts.h"
#include "sentinel/sentinel.h"
#include "sentinel/view.h"

static void put_server(struct sentinel *s, struct buf *b)
{
    struct utsname u = { 0 };
    int64_t up = (loop_now_ms(s->loop) - s->front->started_ms) / 1000;
    uname(&u);
    buf_fmt(b, "redis_version:" START_REDIS_VERSION
               "\r\nredis_git_sha1:00000000\r\nredis_git_dirty:0\r\n");
    buf_fmt(b, "redis_build_id:0\r\nredis_mode:sentinel\r\nserver_name:tanist\r\ntanist_"
               "version:" TANIST_VERSION "\r\n");
    buf_fmt(b, "os:%s %s %s\r\narch_bits:%zu\r\n", u.sysname, u.release, u.machine,
            sizeof(void *) * 8);
    buf_fmt(b, "monotonic_clock:POSIX "
               "clock_gettime\r\nmultiplexing_api:epoll\r\natomicvar_api:c11-builtin\r\n");
    buf_fmt(b, "gcc_version:" __VERSION__ "\r\nprocess_id:%d\r\nprocess_supervised:%s\r\n",
            (int)getpid(), s->start->supervised ? "systemd" : "no");
    buf_fmt(b, "run_id:%s\r\ntcp_port:%d\r\nserver_time_usec:%lld\r\n", s->core->saved.myid,
            s->config.front.port, (long long)clock_wall_us());
    buf_fmt(b, "uptime_in_seconds:%lld\r\nuptime_in_days:%lld\r\nhz:%d\r\nconfigured_hz:%d\r\n",
            (long long)up, (long long)(up / 86400), s->config.front.hz, s->config.front.hz);
    buf_fmt(b, "lru_clock:%lld\r\nexecutable:%s\r\nconfig_file:%s\r\nio_threads_active:0\r\n",
            (long long)((clock_wall_ms() / 1000) & 0xffffff), s->start->exe ? s->start->exe : "",
            s->start->config_file ? s->start->config_file : "");
}

static void put_clients(struct sentinel *s, struct buf *b)
{
    buf_fmt(b, "connected_clients:%zu\r\ncluster_connections:0\r\nmaxclients:%lld\r\n",
            s->front->clients_n, (long long)s->config.front.maxclients);
    buf_fmt(b, "client_recent_max_input_buffer:0\r\nclient_recent_max_output_buffer:0\r\n");
    buf_fmt(b, "blocked_clients:0\r\ntracking_clients:0\r\nclients_in_timeout_table:0\r\n");
}

static void put_cpu(struct sentinel *s, struct buf *b)
{
    (void)s;
    stats_print_cpu(b);
}

/* Fields of a data server that monitoring reads here too: they stay 0. */
static void put_zeros(struct buf *b, const char *names)
{
    struct slice left = slice_z(names);
    while (left.n) {
        ptrdiff_t at = slice_find(left, ' ', 0);
        size_t n = at < 0 ? left.n : (size_t)at;
        buf_fmt(b, "%.*s:0\r\n", (int)n, left.p);
        left = slice_of(left.p + n + (n < left.n), left.n - n - (n < left.n));
    }
}

static void put_traffic(struct sentinel *s, struct buf *b)
{
    const struct front_stats *st = &s->front->stats;
    const struct conn_totals *net = conn_totals_of(s->loop);
    buf_fmt(b, "total_connections_received:%llu\r\ntotal_commands_processed:%llu\r\n",
            (unsigned long long)st->connections, (unsigned long long)st->commands);
    buf_fmt(b, "instantaneous_ops_per_sec:%llu\r\n", (unsigned long long)st->ops_per_sec);
    buf_fmt(b, "total_net_input_bytes:%llu\r\ntotal_net_output_bytes:%llu\r\n",
            (unsigned long long)net->in_bytes, (unsigned long long)net->out_bytes);
    put_zeros(b, "total_net_repl_input_bytes total_net_repl_output_bytes");
    buf_fmt(b, "instantaneous_input_kbps:%.2f\r\ninstantaneous_output_kbps:%.2f\r\n",
            (double)st->in_kbps_x100 / 100, (double)st->out_kbps_x100 / 100);
    put_zeros(b, "instantaneous_input_repl_kbps instantaneous_output_repl_kbps");
    buf_fmt(b, "rejected_connections:%llu\r\n", (unsigned long long)st->rejected_connections);
}

static void put_stats(struct sentinel *s, struct buf *b)
{
    const struct front_stats *st = &s->front->stats;
    const struct conn_totals *net = conn_totals_of(s->loop);
    put_traffic(s, b);
    put_zeros(b, "sync_full sync_partial_ok sync_partial_err expired_keys expired_stale_perc "
                 "expired_time_cap_reached_count expire_cycle_cpu_milliseconds evicted_keys "
                 "evicted_clients total_eviction_exceeded_time current_eviction_exceeded_time "
                 "keyspace_hits keyspace_misses");
    buf_fmt(b, "pubsub_channels:%zu\r\npubsub_patterns:%zu\r\n",
            pubsub_count(s->front, PUBSUB_CHANNEL), pubsub_count(s->front, PUBSUB_PATTERN));
    put_zeros(b, "pubsubshard_channels latest_fork_usec total_forks migrate_cached_sockets "
                 "slave_expires_tracked_keys active_defrag_hits active_defrag_misses "
                 "active_defrag_key_hits active_defrag_key_misses total_active_defrag_time "
                 "current_active_defrag_time tracking_total_keys tracking_total_items "
                 "tracking_total_prefixes unexpected_error_replies");
    buf_fmt(b, "total_error_replies:%llu\r\n", (unsigned long long)st->error_replies);
    put_zeros(b, "dump_payload_sanitizations");
    buf_fmt(b, "total_reads_processed:%llu\r\ntotal_writes_processed:%llu\r\n",
            (unsigned long long)net->reads, (unsigned long long)net->writes);
    put_zeros(b, "io_threaded_reads_processed io_threaded_writes_processed reply_buffer_shrinks "
                 "reply_buffer_expands");
    buf_fmt(b, "acl_access_denied_auth:%llu\r\nacl_access_denied_cmd:%llu\r\n",
            (unsigned long long)st->acl_denied_auth, (unsigned long long)st->acl_denied_cmd);
}

static void put_group(struct sentinel *s, struct buf *b, size_t i)
{
    const struct sn_group *g = s->core->groups.at[i];
    const struct sn_addr *a = sn_current_addr(g);
    const char *status = g->o_down ? "odown" : g->master->s_down ? "sdown" : "ok";
    buf_fmt(b, "master%zu:name=%s,status=%s,address=%s:%d,slaves=%zu,sentinels=%zu\r\n", i,
            g->saved.name, status, sn_announced_host(s->core, a), a->port, g->replicas.n,
            g->peers.n + 1);
}

static void put_sentinel(struct sentinel *s, struct buf *b)
{
    buf_fmt(b, "sentinel_masters:%zu\r\nsentinel_tilt:%d\r\n", s->core->groups.n, s->core->tilt);
    buf_fmt(b, "sentinel_tilt_since_seconds:%lld\r\n",
            (long long)sn_tilt_seconds(s->core, loop_now_ms(s->loop)));
    buf_fmt(b, "sentinel_running_scripts:%d\r\nsentinel_scripts_queue_length:%d\r\n",
            scripts_running(s->scripts), scripts_length(s->scripts));
    buf_fmt(b, "sentinel_simulate_failure_flags:%u\r\n", s->core->simulate);
    for (size_t i = 0; i < s->core->groups.n; i++)
        put_group(s, b, i);
}

/* Ours: counters since the start, for metrics. */
static void put_counters(struct sentinel *s, struct buf *b)
{
    const struct sn_counters *c = &s->core->counters;
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = { { "sdown", c->sdown },
                 { "odown", c->odown },
                 { "elections", c->elections },
                 { "elections_lost", c->elections_lost },
                 { "votes", c->votes },
                 { "failovers", c->failovers },
                 { "failovers_aborted", c->aborts },
                 { "master_switches", c->switches },
                 { "hand_overs", c->hand_overs },
                 { "hand_overs_failed", c->hand_overs_failed },
                 { "tilts", c->tilts } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        buf_fmt(b, "sentinel_total_%s:%llu\r\n", rows[i].name,
                (unsigned long long)rows[i].value);
}

static const struct {
    const char *name, *title;
    void (*put)(struct sentinel *s, struct buf *b);
} sections[] = {
    { "server", "Server", put_server },
    { "clients", "Clients", put_clients },
    { "stats", "Stats", put_stats },
    { "cpu", "CPU", put_cpu },
    { "sentinel", "Sentinel", put_sentinel },
    { "sentinelstats", "Sentinelstats", put_counters },
};

static bool wanted(const struct call *c, const char *name)
{
    bool extra = strcmp(name, "sentinelstats") == 0; /* Redis has no such section */
    if (c->argc == 1) return !extra;
    for (int i = 1; i < c->argc; i++)
        if (arg_is(c, i, name) || arg_is(c, i, "all") || arg_is(c, i, "everything") ||
            (!extra && arg_is(c, i, "default")))
            return true;
    return false;
}

void sn_cmd_info(struct call *c)
{
    struct buf b = { 0 };
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        if (!wanted(c, sections[i].name)) continue;
        if (buf_size(&b)) buf_putz(&b, "\r\n");
        buf_fmt(&b, "# %s\r\n", sections[i].title);
        sections[i].put(sentinel_of(c), &b);
    }
    reply_verbatim(c, "txt", buf_slice(&b));
    buf_free(&b);
}
