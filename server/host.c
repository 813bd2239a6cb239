#include "server/host.h"

#include <sys/stat.h>

#include "core/base/mem.h"
#include "core/conf/table.h"
#include "core/front/client.h"
#include "core/front/front.h"
#include "core/front/start.h"
#include "core/sys/clock.h"
#include "core/sys/log.h"
#include "replication/ahead.h"
#include "replication/replication.h"
#include "server/block.h"
#include "server/config.h"
#include "server/config_apply.h"
#include "server/dataset.h"
#include "server/demotion.h"
#include "server/fencing.h"
#include "server/own_keys.h"
#include "server/persist/aof.h"
#include "server/persist/load.h"
#include "server/persist/snapshot.h"
#include "server/persist/snapshot_file.h"
#include "server/script/scripting.h"
#include "server/server.h"
#include "server/session.h"
#include "server/txn.h"

/* A key takes more in memory than in a file. */
#define FILE_TO_MEMORY 3
#define SMALL_SNAPSHOT_BYTES (1024 * 1024)

struct host {
    struct server *s;
    struct repl_host table;
    bool beside; /* the load at hand leaves the old data alone */
};

static struct server *server_at(void *arg) { return ((struct host *)arg)->s; }

/* ---- as a replica ---- */

static bool on_apply(void *arg, int argc, const struct slice *argv, struct slice raw)
{
    struct server *s = server_at(arg);
    if (argc == 0) return true;
    uint64_t errors = s->front->stats.unexpected_error_replies;
    aof_stream(s->aof, argc, argv, raw);
    dispatch_one(s->master_client, argc, argv, raw);
    if (s->front->stats.unexpected_error_replies != errors &&
        s->config->propagation_error_behavior != PROPAGATION_IGNORE &&
        s->config->replica_read_only) /* else the data may differ already */
        must_not_reach("a command of the master's stream has failed: propagation-error-behavior");
    return true;
}

static void on_prefetch(void *arg, const struct slice *keys, int n)
{
    struct server *s = server_at(arg);
    struct front_ahead at[AHEAD_MAX];
    for (int i = 0; i < n; i++)
        at[i] = (struct front_ahead){ .key = keys[i], .db = s->master_client->db };
    s->front->hooks.prefetch(s->front, at, n);
}

static int on_stream_db(void *arg) { return server_at(arg)->master_client->db; }

static void on_set_stream_db(void *arg, int db)
{
    struct server *s = server_at(arg);
    s->master_client->db = db >= 0 && db < s->config->databases ? db : 0;
}

static bool on_in_multi(void *arg)
{
    return (server_at(arg)->master_client->flags & CLIENT_MULTI) != 0;
}
static void on_stream_reset(void *arg)
{
    aof_stream_reset(server_at(arg)->aof);
    txn_discard(server_at(arg)->master_client);
}

/* An empty keyspace in the place of ours, and no libraries; the old one is freed in the
 * background. */
static void empty_data(struct server *s)
{
    dataset_exchange(s, dataset_keyspace(s));
    scripting_adopt_libraries(s->scripts, NULL);
}

static void loaded(struct host *h, bool ok, bool kept, const char *why)
{
    struct server *s = h->s;
    if (ok) {
        snapshot_settled(s->snapshot);
        if (loader_facts(s->loader)->stream_db >= 0)
            on_set_stream_db(h, loader_facts(s->loader)->stream_db);
        aof_restart(s->aof);
    } else {
        log_warning("Failed trying to load the MASTER synchronization DB, check server logs. %s",
                    why);
    }
    replication_loaded(s->repl, ok, kept, why);
}

static void on_beside(void *arg, bool ok, const char *why) { loaded(arg, ok, true, why); }

static void on_instead(void *arg, bool ok, const char *why)
{
    if (!ok) empty_data(server_at(arg)); /* half of it is nobody's */
    loaded(arg, ok, false, why);
}

static bool on_accept(void *arg, uint64_t keys, char *why, size_t cap)
{
    return replication_accepts(server_at(arg)->repl, keys, why, cap);
}

/* Memory that loading beside is expected to take at its height: the old data, and the new one, of
 * which the file's size gives an idea. */
static bool beside_fits(const struct server *s, const char *path)
{
    const struct server_config *c = s->config;
    uint64_t most = c->repl_load_beside_max_memory ? c->repl_load_beside_max_memory : c->maxmemory;
    struct stat st;
    if (most == 0 || stat(path, &st) < 0) return true;
    if (st.st_size <= SMALL_SNAPSHOT_BYTES) return true; /* and what guards against loss can look */
    return mem_used() + (uint64_t)st.st_size * FILE_TO_MEMORY <= most;
}

static bool load_beside(const struct server *s, const char *path)
{
    const struct server_config *c = s->config;
    if (dataset_empty(s)) return false; /* nothing to serve meanwhile */
    if (c->repl_diskless_load == DISKLESS_LOAD_SWAPDB) return true;
    if (!c->repl_load_beside || c->repl_diskless_load == DISKLESS_LOAD_FLUSH)
        return replication_guards(s->repl); /* so that it can be refused */
    if (beside_fits(s, path)) return true;
    log_notice("Both data sets would not fit in memory (repl-load-beside-max-memory): the old one "
               "goes first");
    return false;
}

static void on_load(void *arg, const char *path)
{
    struct host *h = arg;
    struct errmsg msg;
    bool beside = h->beside = load_beside(h->s, path);
    txn_discard(h->s->master_client);
    if (!beside) {
        log_notice("MASTER <-> REPLICA sync: Flushing old data");
        empty_data(h->s);
    }
    if (loader_start(h->s->loader, path, beside ? LOAD_BESIDE : LOAD_OURS,
                     beside ? on_beside : on_instead, h, &msg))
        loaded(h, false, beside, msg.text);
    else if (beside) loader_ask(h->s->loader, on_accept);
}

static void on_load_cancel(void *arg)
{
    struct host *h = arg;
    loader_cancel(h->s->loader);
    if (!h->beside) empty_data(h->s); /* half of it is nobody's */
}

/* ---- as a master ---- */

static enum err on_snapshot(void *arg, enum snapshot_form form, int *fd, struct errmsg *msg)
{
    return snapshot_start(server_at(arg)->snapshot, form, fd, msg);
}

static void on_bare_snapshot(void *arg, bool functions, struct buf *out)
{
    snapshot_write_bare(server_at(arg), functions, out);
}

static void on_snapshot_kill(void *arg)
{
    struct server *s = server_at(arg);
    if (!snapshot_makes_base(s->snapshot)) snapshot_kill(s->snapshot);
}

/* ---- both ---- */

static void on_role_changed(void *arg, bool is_master)
{
    struct server *s = server_at(arg);
    s->is_master = is_master;
    fencing_role(s->fencing, is_master);
    log_set_role(is_master ? 'M' : 'S');
    (void)server_apply_oom(s, NULL); /* a role has its own score; a failure is logged */
    if (is_master)
        txn_discard(s->master_client);
    else
        blocking_role_changed(s->blocking);
}

static void on_link_changed(void *arg, bool up)
{
    struct server *s = server_at(arg);
    if (up) client_begins(s->master_client);
    if (up)
        start_status(s->start, "MASTER <-> REPLICA sync: Finished with success. Ready to accept "
                               "connections in read-write mode.");
}

static void on_master_changed(void *arg, const char *name, int port)
{
    struct server_replicaof *r = &server_at(arg)->config->replicaof;
    conf_put_text(&r->host, slice_z(name ? name : ""));
    r->port = port;
}

static bool on_may_block(void *arg, struct client *cl) { return !session_of(cl)->in_exec; }

static void on_demoted(void *arg, uint64_t ordered_by)
{
    demotion_begin(server_at(arg)->demotion, ordered_by);
}

static int64_t on_fsynced(void *arg) { return aof_fsynced_offset(server_at(arg)->aof); }

static bool on_disk(void *arg, uint64_t *written, uint64_t *synced)
{
    const struct aof *a = server_at(arg)->aof;
    *written = aof_appended(a);
    *synced = aof_synced(a);
    return aof_enabled(a);
}

static uint64_t on_keys(void *arg) { return dataset_keys(server_at(arg)); }

/* ---- settings ---- */

static void fill_settings(const struct server *s, struct repl_settings *o)
{
    const struct server_config *c = s->config;
    const struct front_output_limit *limit = &c->front.client_output_buffer_limit[FRONT_REPLICA];
    *o = (struct repl_settings){
        .port = c->front.port,
        .bind_source = c->front.bind_source_addr[0] ? c->front.bind_source_addr : NULL,
        .masterauth = str_slice(c->masterauth),
        .masteruser = c->masteruser,
        .announce_ip = c->replica_announce_ip,
        .announce_port = c->replica_announce_port,
        .ping_period_s = c->repl_ping_replica_period,
        .timeout_s = c->repl_timeout,
        .backlog_bytes = c->repl_backlog_size,
        .backlog_ttl_s = (int)c->repl_backlog_ttl,
        .diskless_sync = c->repl_diskless_sync,
        .diskless_delay_s = c->repl_diskless_sync_delay,
        .diskless_max_replicas = c->repl_diskless_sync_max_replicas,
        .disable_nodelay = c->repl_disable_tcp_nodelay,
        .min_replicas = c->min_replicas_to_write,
        .min_replicas_max_lag_s = c->min_replicas_max_lag,
        .priority = c->replica_priority,
        .read_only = c->replica_read_only,
        .serve_stale = c->replica_serve_stale_data,
        .announced = c->replica_announced,
        .replica_hard_bytes = limit->hard,
        .replica_soft_bytes = limit->soft,
        .replica_soft_s = limit->soft_seconds,
        .dir = c->front.dir,
        .rdb_path = c->dbfilename,
        .rdb_del_sync_files = c->rdb_del_sync_files,
        .backlog_s = c->repl_backlog_seconds,
        .backlog_max_bytes = c->repl_backlog_max_size,
        .max_staleness_ms = c->replica_max_staleness_ms,
        .amnesia_guard = c->replica_amnesia_guard,
        .amnesia_grace_s = c->replica_amnesia_grace,
        .spool_bytes = c->repl_spool_memory,
        .spool_age_s = c->repl_spool_seconds,
        .spool_file_bytes = c->repl_spool_file_max,
    };
}

void host_settings(struct host *h)
{
    struct repl_settings o;
    fill_settings(h->s, &o);
    replication_settings(h->s->repl, &o);
    own_keys_configured(h->s->own_keys);
}

static struct replication *replication_of(void *app) { return ((struct server *)app)->repl; }

struct host *host_new(struct server *s)
{
    struct host *h = mem_zalloc(sizeof(*h));
    struct repl_settings o;
    h->s = s;
    h->table = (struct repl_host){
        .arg = h,
        .apply = on_apply,
        .prefetch = on_prefetch,
        .stream_db = on_stream_db,
        .set_stream_db = on_set_stream_db,
        .in_multi = on_in_multi,
        .stream_reset = on_stream_reset,
        .load = on_load,
        .load_cancel = on_load_cancel,
        .snapshot = on_snapshot,
        .snapshot_kill = on_snapshot_kill,
        .bare_snapshot = on_bare_snapshot,
        .role_changed = on_role_changed,
        .link_changed = on_link_changed,
        .master_changed = on_master_changed,
        .keys = on_keys,
        .fsynced = on_fsynced,
        .disk = on_disk,
        .demoted = on_demoted,
        .may_block = on_may_block,
    };
    s->is_master = true;
    s->master_client = client_pseudo(s->front, CLIENT_MASTER);
    fill_settings(s, &o);
    replication_bind(replication_of);
    s->repl = replication_new(s->front, s->resolver, &h->table, &o, clock_entropy());
    return h;
}

void host_delete(struct host *h)
{
    if (!h) return;
    replication_delete(h->s->repl);
    h->s->repl = NULL;
    client_free(h->s->master_client);
    h->s->master_client = NULL;
    mem_free(h);
}
