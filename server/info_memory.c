/* The sections of INFO about memory and about what was counted. */
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/conf/table.h"
#include "core/db/keyspace.h"
#include "core/front/front.h"
#include "core/front/pubsub.h"
#include "core/net/conn.h"
#include "core/net/loop.h"
#include "core/sys/bg.h"
#include "replication/replication.h"
#include "server/config.h"
#include "server/cron.h"
#include "server/evictor.h"
#include "server/info.h"
#include "server/memory.h"
#include "server/migrate.h"
#include "server/persist/snapshot.h"
#include "server/persist/aof.h"
#include "server/own_keys.h"
#include "server/script/scripting.h"
#include "server/server.h"
#include "server/tracking.h"

static unsigned long long ull(uint64_t v) { return v; }

/* ---- memory ---- */

static void size_human(struct buf *out, const char *name, uint64_t v)
{
    char human[32];
    buf_fmt(out, "%s_human:%s\r\n", name, num_human_bytes(human, sizeof(human), v));
}

/* "used_memory:12" and "used_memory_human:12B". */
static void size_pair(struct buf *out, const char *name, uint64_t v)
{
    buf_fmt(out, "%s:%llu\r\n", name, ull(v));
    size_human(out, name, v);
}

static double ratio(uint64_t a, uint64_t b) { return b ? (double)a / (double)b : 0; }

struct sums {
    uint64_t used, resident, overhead, dataset;
    struct info_clients clients;
};

static void sum_up(struct server *s, struct sums *m)
{
    info_count_clients(s, &m->clients);
    m->used = mem_used();
    m->resident = memory_resident();
    m->overhead = s->startup_mem + m->clients.normal_mem + m->clients.replica_mem +
                  replication_mem(s->repl) + ks_tables_mem(s->ks) + pubsub_mem(s->front) +
                  aof_mem(s->aof) + scripting_mem(s->scripts);
    if (m->overhead > m->used) m->overhead = m->used;
    m->dataset = m->used - m->overhead;
    if (m->used > s->peak_mem) s->peak_mem = m->used;
}

static void memory_used(struct server *s, const struct sums *m, struct buf *out)
{
    uint64_t net = m->used > s->startup_mem ? m->used - s->startup_mem : 1;
    size_pair(out, "used_memory", m->used);
    size_pair(out, "used_memory_rss", m->resident);
    size_pair(out, "used_memory_peak", s->peak_mem);
    buf_fmt(out, "used_memory_peak_perc:%.2f%%\r\n", ratio(m->used, s->peak_mem) * 100);
    buf_fmt(out,
            "used_memory_overhead:%llu\r\nused_memory_startup:%zu\r\nused_memory_dataset:%llu\r\n",
            ull(m->overhead), s->startup_mem, ull(m->dataset));
    buf_fmt(out, "used_memory_dataset_perc:%.2f%%\r\n", ratio(m->dataset, net) * 100);
}

static void memory_scripts(struct server *s, struct buf *out)
{
    struct scripting_figures f;
    scripting_figures(s->scripts, &f);
    buf_fmt(out, "used_memory_lua:%zu\r\nused_memory_vm_eval:%zu\r\n", f.vm_eval, f.vm_eval);
    size_human(out, "used_memory_lua", f.vm_eval);
    buf_fmt(out,
            "used_memory_scripts_eval:%zu\r\nnumber_of_cached_scripts:%zu\r\n"
            "number_of_functions:%zu\r\nnumber_of_libraries:%zu\r\nused_memory_vm_functions:%zu"
            "\r\n",
            f.scripts_eval, f.cached, f.functions_n, f.libraries_n, f.vm_functions);
    size_pair(out, "used_memory_vm_total", f.vm_eval + f.vm_functions);
    buf_fmt(out, "used_memory_functions:%zu\r\n", f.functions);
    size_pair(out, "used_memory_scripts", f.scripts_eval + f.functions);
}

static void memory_limit(struct server *s, struct buf *out)
{
    struct buf policy = { 0 };
    void *field;
    const struct conf_row *row = conf_find(s->conf, SLICE("maxmemory-policy"), &field);
    size_pair(out, "maxmemory", s->config->maxmemory);
    if (row) conf_print(row, field, &policy);
    buf_fmt(out, "maxmemory_policy:%.*s\r\n", SLICE_ARG(buf_slice(&policy)));
    buf_free(&policy);
}

static void memory_allocator(const struct sums *m, const struct mem_stats *a, struct buf *out)
{
    buf_fmt(out, "allocator_frag_ratio:%.2f\r\nallocator_frag_bytes:%lld\r\n",
            ratio(a->active, a->allocated), (long long)a->active - (long long)a->allocated);
    buf_fmt(out, "allocator_rss_ratio:%.2f\r\nallocator_rss_bytes:%lld\r\n",
            ratio(a->resident, a->active), (long long)a->resident - (long long)a->active);
    buf_fmt(out, "rss_overhead_ratio:%.2f\r\nrss_overhead_bytes:%lld\r\n",
            ratio(m->resident, a->resident), (long long)m->resident - (long long)a->resident);
    buf_fmt(out, "mem_fragmentation_ratio:%.2f\r\nmem_fragmentation_bytes:%lld\r\n",
            ratio(m->resident, m->used), (long long)m->resident - (long long)m->used);
}

static void memory_parts(struct server *s, const struct sums *m, struct buf *out)
{
    buf_fmt(out, "mem_not_counted_for_evict:%zu\r\nmem_replication_backlog:%zu\r\n",
            memory_not_counted(s), replication_backlog_mem(s->repl));
    buf_fmt(out,
            "mem_total_replication_buffers:%zu\r\nmem_clients_slaves:%llu\r\nmem_clients_normal:%"
            "llu\r\n",
            replication_mem(s->repl), ull(m->clients.replica_mem), ull(m->clients.normal_mem));
    buf_fmt(out,
            "mem_cluster_links:0\r\nmem_aof_buffer:%zu\r\nmem_allocator:%s\r\nmem_overhead_db_"
            "hashtable_rehashing:0\r\n",
            aof_mem(s->aof), mem_allocator());
    buf_fmt(out,
            "active_defrag_running:0\r\nlazyfree_pending_objects:%zu\r\nlazyfreed_objects:%llu\r\n",
            bg_pending(s->bg), ull(s->lazy_freed));
}

void info_memory(struct server *s, struct buf *out)
{
    struct sums m;
    struct mem_stats a;
    sum_up(s, &m);
    mem_stats(&a);
    memory_used(s, &m, out);
    buf_fmt(out, "allocator_allocated:%zu\r\nallocator_active:%zu\r\nallocator_resident:%zu\r\n",
            a.allocated, a.active, a.resident);
    buf_putz(out, "allocator_muzzy:0\r\n");
    size_pair(out, "total_system_memory", memory_system_total());
    memory_scripts(s, out);
    memory_limit(s, out);
    memory_allocator(&m, &a, out);
    memory_parts(s, &m, out);
}

/* ---- stats ---- */

static void stats_traffic(struct server *s, struct buf *out)
{
    const struct front_stats *f = &s->front->stats;
    buf_fmt(out,
            "total_connections_received:%llu\r\ntotal_commands_processed:%llu\r\n"
            "instantaneous_ops_per_sec:%llu\r\n",
            ull(f->connections), ull(f->commands), ull(f->ops_per_sec));
    buf_fmt(out, "total_net_input_bytes:%llu\r\ntotal_net_output_bytes:%llu\r\n", ull(f->in_bytes),
            ull(f->out_bytes));
    buf_fmt(out, "total_net_repl_input_bytes:%llu\r\ntotal_net_repl_output_bytes:%llu\r\n",
            ull(f->in_repl_bytes), ull(f->out_repl_bytes));
    buf_fmt(out, "instantaneous_input_kbps:%.2f\r\ninstantaneous_output_kbps:%.2f\r\n",
            (double)f->in_kbps_x100 / 100, (double)f->out_kbps_x100 / 100);
    buf_putz(out, "instantaneous_input_repl_kbps:0.00\r\ninstantaneous_output_repl_kbps:0.00\r\n");
    buf_fmt(out, "rejected_connections:%llu\r\n", ull(f->rejected_connections));
}

static void stats_keys(struct server *s, struct buf *out)
{
    const struct ks_stats *k = &s->ks->stats;
    struct repl_stats r = replication_stats(s->repl);
    struct cron_figures c;
    uint64_t exceeded, exceeding;
    cron_figures(s->cron, &c);
    evictor_exceeded_ms(s->evictor, &exceeded, &exceeding);
    buf_fmt(out, "sync_full:%llu\r\nsync_partial_ok:%llu\r\nsync_partial_err:%llu\r\n",
            ull(r.sync_full), ull(r.sync_partial_ok), ull(r.sync_partial_err));
    buf_fmt(
        out,
        "expired_keys:%llu\r\nexpired_subkeys:%llu\r\nexpired_stale_perc:%.2f\r\n"
        "expired_time_cap_reached_count:%llu\r\nexpire_cycle_cpu_milliseconds:%lld\r\n",
        ull(k->expired), ull(k->expired_fields), c.expired_stale_percent, ull(c.expire_cuts),
        (long long)c.expire_ms);
    buf_fmt(out,
            "evicted_keys:%llu\r\nevicted_clients:%llu\r\nevicted_scripts:%llu\r\n"
            "total_eviction_exceeded_time:%llu\r\ncurrent_eviction_exceeded_time:%llu\r\n",
            ull(k->evicted), ull(s->front->stats.evicted_clients),
            ull(s->scripts->evicted), ull(exceeded), ull(exceeding));
    buf_fmt(out, "keyspace_hits:%llu\r\nkeyspace_misses:%llu\r\n", ull(k->hits), ull(k->misses));
}

static void stats_rest(struct server *s, struct buf *out)
{
    const struct front_stats *f = &s->front->stats;
    const struct snapshot_figures *p = snapshot_figures(s->snapshot);
    buf_fmt(out, "pubsub_channels:%zu\r\npubsub_patterns:%zu\r\npubsubshard_channels:%zu\r\n",
            pubsub_count(s->front, PUBSUB_CHANNEL), pubsub_count(s->front, PUBSUB_PATTERN),
            pubsub_count(s->front, PUBSUB_SHARD));
    buf_fmt(out,
            "latest_fork_usec:%lld\r\ntotal_forks:%llu\r\nmigrate_cached_sockets:%zu\r\n"
            "slave_expires_tracked_keys:%zu\r\n",
            (long long)p->fork_us, ull(p->forks), migrations_links(s->migrations),
            own_keys_count(s->own_keys));
    buf_putz(out,
             "active_defrag_hits:0\r\nactive_defrag_misses:0\r\nactive_defrag_key_hits:0\r\n"
             "active_defrag_key_misses:0\r\ntotal_active_defrag_time:0\r\ncurrent_active_defrag_"
             "time:0\r\n");
    struct tracking_figures t = tracking_figures(s->tracking);
    buf_fmt(out,
            "tracking_total_keys:%zu\r\ntracking_total_items:%zu\r\n"
            "tracking_total_prefixes:%zu\r\n",
            t.keys, t.items, t.prefixes);
    buf_fmt(out,
            "unexpected_error_replies:%llu\r\ntotal_error_replies:%llu\r\ndump_payload_"
            "sanitizations:0\r\n",
            ull(f->unexpected_error_replies), ull(f->error_replies));
}

static void stats_loop(struct server *s, struct buf *out)
{
    const struct front_stats *f = &s->front->stats;
    const struct conn_totals *t = conn_totals_of(s->loop);
    struct cron_figures c;
    cron_figures(s->cron, &c);
    buf_fmt(out,
            "total_reads_processed:%llu\r\ntotal_writes_processed:%llu\r\nio_threaded_reads_"
            "processed:0\r\n"
            "io_threaded_writes_processed:0\r\n",
            ull(t->reads), ull(t->writes));
    buf_fmt(out,
            "client_query_buffer_limit_disconnections:%llu\r\n"
            "client_output_buffer_limit_disconnections:%llu\r\n",
            ull(f->query_limit_kills), ull(f->output_limit_kills));
    buf_putz(out, "reply_buffer_shrinks:0\r\nreply_buffer_expands:0\r\n");
    buf_fmt(
        out,
        "eventloop_cycles:%llu\r\neventloop_duration_sum:%llu\r\neventloop_duration_cmd_sum:0\r\n"
        "instantaneous_eventloop_cycles_per_sec:%llu\r\ninstantaneous_eventloop_duration_usec:%"
        "llu\r\n",
        ull(loop_cycles(s->loop)), ull(loop_busy_us(s->loop)), ull(c.cycles_per_sec),
        ull(c.cycle_us));
    buf_fmt(out,
            "acl_access_denied_auth:%llu\r\nacl_access_denied_cmd:%llu\r\nacl_access_denied_key:%"
            "llu\r\n"
            "acl_access_denied_channel:%llu\r\n",
            ull(f->acl_denied_auth), ull(f->acl_denied_cmd), ull(f->acl_denied_key),
            ull(f->acl_denied_channel));
}

void info_stats(struct server *s, struct buf *out)
{
    stats_traffic(s, out);
    stats_keys(s, out);
    stats_rest(s, out);
    stats_loop(s, out);
}
