#include "server/server.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/conf/table.h"
#include "core/db/keyspace.h"
#include "core/front/client.h"
#include "core/front/start.h"
#include "core/net/loop.h"
#include "core/net/resolve.h"
#include "core/sys/clock.h"
#include "core/sys/crash.h"
#include "core/sys/log.h"
#include "replication/replication.h"
#include "server/cmd/families.h"
#include "server/cmd/tracking.h"
#include "server/block.h"
#include "server/config.h"
#include "server/config_apply.h"
#include "server/cron.h"
#include "server/evictor.h"
#include "server/dataset.h"
#include "server/demotion.h"
#include "server/gates.h"
#include "server/host.h"
#include "server/info.h"
#include "server/fencing.h"
#include "server/journal.h"
#include "server/migrate.h"
#include "server/notify.h"
#include "server/own_keys.h"
#include "server/persist/aof.h"
#include "server/persist/aof_load.h"
#include "server/persist/load.h"
#include "server/persist/snapshot.h"
#include "server/script/scripting.h"
#include "server/session.h"
#include "server/shutdown.h"
#include "server/tracking.h"
#include "server/txn.h"

/* ---- hooks of the front ---- */

static void on_close(struct client *cl)
{
    struct server *s = cl->front->app;
    tracking_off(cl);
    session_close(cl);
    if (cl->flags & CLIENT_PSEUDO) return;
    fencing_client_gone(s->fencing, cl);
    if (s->repl) replication_client_gone(s->repl, cl);
    shutdown_client_gone(s->shutdown, cl);
}

#define PREFETCH_MAX 128 /* keys at a time */

/* Where an element will be looked up. */
struct element_place {
    const struct table *table;
    uint64_t hash;
};

static bool same_key(const struct front_ahead *a, const struct front_ahead *b)
{
    return a->db == b->db && slice_eq(a->key, b->key);
}

/* The places of elements in big values; many calls of a batch may be on the same one. */
static int find_places(struct server *s, const struct front_ahead *at, const uint64_t *hash, int n,
                       struct element_place *to)
{
    const struct entry *e = NULL;
    int found = 0, last = -1;
    for (int i = 0; i < n; i++) {
        struct element_place p;
        if (!at[i].element.p) continue;
        if (last < 0 || !same_key(&at[last], &at[i]))
            e = ks_peek(ks_db(s->ks, at[i].db), hash[i], at[i].key);
        last = i;
        if (!e || !type_ops((enum value_type)e->type)->place) continue;
        p.table = type_ops((enum value_type)e->type)->place(e, at[i].element, &p.hash);
        if (!p.table) continue;
        table_prefetch(p.table, p.hash);
        to[found++] = p;
    }
    return found;
}

/* Cache misses of a batch overlap: all buckets first, then all entries, then the same inside the
 * values. */
static void on_prefetch(struct front *f, const struct front_ahead *at, int n)
{
    struct server *s = f->app;
    uint64_t hash[PREFETCH_MAX];
    struct element_place places[PREFETCH_MAX];
    if (n > PREFETCH_MAX) n = PREFETCH_MAX;
    for (int i = 0; i < n; i++) {
        bool again = i && same_key(&at[i - 1], &at[i]);
        hash[i] = again ? hash[i - 1] : ks_hash(s->ks, at[i].key);
        if (!again) ks_prefetch(ks_db(s->ks, at[i].db), hash[i]);
    }
    for (int i = 0; i < n; i++)
        ks_prefetch_entry(ks_db(s->ks, at[i].db), hash[i]);
    n = find_places(s, at, hash, n, places);
    for (int i = 0; i < n; i++)
        table_prefetch_entry(places[i].table, places[i].hash);
}

static void on_end(struct call *c)
{
    journal_end(c);
    struct server *s = server_of(c);
    tracking_call_ended(s->tracking, c);
    blocking_serve(s->blocking);
    tracking_served(s->tracking);
}

static bool on_unblock(struct client *cl, bool with_error)
{
    struct server *s = cl->front->app;
    return blocking_unblock(s->blocking, cl, with_error) ||
           replication_unblock(s->repl, cl, with_error);
}

static struct client *on_master(const struct front *f, struct conn **conn)
{
    const struct server *s = f->app;
    *conn = s->repl ? replication_link_conn(s->repl) : NULL;
    return *conn ? s->master_client : NULL;
}

static void on_cut_master(struct front *f)
{
    struct server *s = f->app;
    replication_cut_link(s->repl);
}

static bool on_is_master(struct front *f) { return ((struct server *)f->app)->is_master; }

static void on_multi_state(const struct client *cl, int *queued, int *watched)
{
    const struct session *se = session_get(cl);
    *queued = cl->flags & CLIENT_MULTI && se ? (int)se->queue.n : -1;
    *watched = se ? se->watched_n : 0;
}

static bool on_exec_writes(const struct client *cl)
{
    const struct session *se = session_get(cl);
    return se && se->queued_flags & (CMD_WRITE | CMD_MAY_REPLICATE);
}

/* RESET. */
static void on_reset(struct client *cl)
{
    txn_discard(cl);
    tracking_off(cl);
}

static uint64_t on_maxmemory(const struct front *f)
{
    return ((struct server *)f->app)->config->maxmemory;
}

static const struct front_hooks front_hooks = {
    .gates = server_gates,
    .refuse = txn_refuse,
    .close = on_close,
    .begin = journal_begin,
    .end = on_end,
    .prefetch = on_prefetch,
    .unblock = on_unblock,
    .reset = on_reset,
    .is_master_mode = on_is_master,
    .master = on_master,
    .cut_master = on_cut_master,
    .multi_state = on_multi_state,
    .exec_writes = on_exec_writes,
    .mem = session_mem,
    .maxmemory = on_maxmemory,
    .tracking = &server_front_tracking,
};

static void add_commands(struct front *f)
{
    static const struct command *const families[] = {
        cmds_string, cmds_lcs,     cmds_keys,   cmds_flush,  cmds_object,
        cmds_hash,   cmds_hash_ttl, cmds_set,     cmds_set_ops,
        cmds_list,   cmds_list_block,
        cmds_zset,   cmds_zset_pop, cmds_zset_range, cmds_zset_ops, cmds_geo,
        cmds_bits,   cmds_dump,    cmds_hll,     cmds_sort, cmds_lolwut,
        cmds_stream, cmds_stream_read, cmds_stream_group, cmds_stream_info,
        cmds_scan,   cmds_expire,  cmds_txn,    cmds_admin,  cmds_replication,
        cmds_debug,  cmds_publish, cmds_migrate, cmds_script, cmds_function,
        cmds_cluster, cmds_config, cmds_memory, cmds_persist,
    };
    front_add_commands(f);
    front_add_observation(f);
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
        registry_add(f->registry, families[i]);
}

/* The line that renames the command: for the error. */
static const struct conf_line *rename_line(const struct conf_lines *l, struct slice from)
{
    for (size_t i = 0; i < l->line.n; i++) {
        const struct conf_line *at = &l->line.at[i];
        if (at->words > 1 && slice_eqz(str_slice(at->word[0]), "rename-command") &&
            slice_eq(str_slice(at->word[1]), from))
            return at;
    }
    return NULL;
}

static bool rename_commands(struct server *s)
{
    static const char reason[] = "No such command in rename-command";
    const struct front_renames *r = &s->front_config->rename_command;
    struct conf_lines *lines = &s->start->lines;
    for (size_t i = 0; i < r->at.n; i++) {
        struct slice from = slice_z(r->at.at[i].from);
        if (registry_rename(s->front->registry, from, slice_z(r->at.at[i].to))) continue;
        log_warning("%s: %.*s", reason, SLICE_ARG(from));
        conf_error_add(lines, rename_line(lines, from), reason);
        start_fatal(s->start);
        return false;
    }
    return true;
}

/* ---- the stream's first sink ---- */

static bool feed_wants(void *arg) { return replication_wants_stream(((struct server *)arg)->repl); }

static void feed_append(void *arg, int db, struct slice bytes)
{
    replication_append(((struct server *)arg)->repl, db, bytes);
}

/* ---- crash ---- */

/* What the crash report says about the server. Not async-safe: a second fault ends the report. */
static void crash_details(void *arg, int fd)
{
    struct server *s = arg;
    struct slice all = SLICE("everything");
    struct buf out = { 0 };
    buf_putz(&out, "\n------ INFO OUTPUT ------\n");
    info_print(s, &all, 1, &out);
    buf_putz(&out, "\n------ CLIENT LIST OUTPUT ------\n");
    ilist_each(&s->front->clients, it, next) {
        client_describe(ilist_of(it, struct client, node), &out);
        buf_putz(&out, "\n");
    }
    ssize_t done = write(fd, buf_head(&out), buf_size(&out));
    (void)done;
    buf_free(&out);
}

/* ---- life ---- */

static void before_sleep(void *arg)
{
    struct server *s = arg;
    int signo = s->scripts->signal;
    if (signo && !scripting_running(s->scripts)) {
        s->scripts->signal = 0;
        shutdown_signal(s, signo);
    }
    blocking_serve(s->blocking); /* what cron and loads made ready */
    tracking_flush(s->tracking);
    replication_settle(s->repl);
    aof_flush(s->aof, false); /* before anybody hears of it */
    conn_hold_all(s->loop, aof_gathers(s->aof));
    replication_flush(s->repl);
}

/* Its end may begin the next snapshot, for which a script must not be half done: cron asks again.
 */
static void on_child(void *arg)
{
    struct server *s = arg;
    if (!scripting_running(s->scripts)) snapshot_poll(s->snapshot);
}

void server_build(struct server *s)
{
    s->front = front_new(s->loop, s->front_config, "standalone", &front_hooks, s);
    server_fill_limits(s);
    s->bg = bg_start("bg");
    s->resolver = resolver_new(s->loop);
    s->ks = dataset_keyspace(s);
    s->journal = journal_new(s);
    s->watches = watches_new(s);
    s->blocking = blocking_new(s);
    s->tracking = tracking_new(s);
    s->migrations = migrations_new(s);
    s->notify = notify_new(s);
    notify_configured(s->notify);
    s->own_keys = own_keys_new(s);
    own_keys_configured(s->own_keys);
    s->scripts = scripting_new(s);
    s->snapshot = snapshot_new(s);
    s->loader = loader_new(s);
    s->aof = aof_new(s);
    s->aof_loader = aof_loader_new(s);
    s->shutdown = shutdown_new(s);
    s->fencing = fencing_new(s);
    s->demotion = demotion_new(s);
    s->host = host_new(s);
    s->evictor = evictor_new(s);
    s->cron = cron_new(s);
    struct journal_sink feed = { feed_wants, feed_append, s };
    journal_sink(s->journal, JOURNAL_FEED, &feed);
    struct journal_sink file = { aof_wants, aof_append, s->aof };
    journal_sink(s->journal, JOURNAL_FILE, &file);
    s->before_sleep = loop_before_sleep(s->loop, FRONT_RANK_PERSONALITY, before_sleep, s);
    s->child_signal = loop_signal_new(s->loop, SIGCHLD, on_child, s);
    add_commands(s->front);
    crash_more(crash_details, s);
}

void server_unbuild(struct server *s)
{
    crash_more(NULL, NULL);
    cron_delete(s->cron);
    evictor_delete(s->evictor);
    loop_signal_delete(s->child_signal);
    loop_hook_delete(s->before_sleep);
    front_unlisten(s->front);
    aof_flush(s->aof, true);
    conn_hold_all(s->loop, false);
    host_delete(s->host); /* it calls off loads and snapshots */
    migrations_delete(s->migrations);
    aof_loader_delete(s->aof_loader);
    loader_delete(s->loader);
    aof_delete(s->aof);
    snapshot_delete(s->snapshot);
    scripting_delete(s->scripts);
    s->scripts = NULL;
    front_delete(s->front); /* its clients: they release their sessions */
    shutdown_delete(s->shutdown);
    fencing_delete(s->fencing);
    demotion_delete(s->demotion);
    watches_delete(s->watches);
    blocking_delete(s->blocking);
    tracking_delete(s->tracking);
    notify_delete(s->notify);
    own_keys_delete(s->own_keys);
    journal_delete(s->journal);
    dataset_discard(s, s->ks);
    resolver_delete(s->resolver);
    bg_stop(s->bg);
}

/* ---- start ---- */

static void go_live(struct server *s)
{
    const struct server_config *c = s->config;
    const char *status = NULL;
    if (c->appendonly && !aof_open(s->aof)) {
        s->exit_code = 1;
        loop_stop(s->loop);
        return;
    }
    if (c->replicaof.host[0]) {
        replication_follow(s->repl, c->replicaof.host, c->replicaof.port);
        status =
            "Ready to accept connections in read-only mode. Waiting for MASTER <-> REPLICA sync";
    }
    snapshot_settled(s->snapshot);
    s->startup_mem = mem_used();
    start_ready(s->start, s->front_config, status);
}

/* Replicas that go on from the file's place get rid of it too. */
static void tell_expired(void *arg, int db, struct slice key)
{
    struct server *s = arg;
    journal_del(s->journal, db, key, s->config->lazyfree_lazy_expire);
}

static void on_first_load(void *arg, bool ok, const char *why)
{
    struct server *s = arg;
    if (!ok) {
        log_warning("Short read or damaged RDB file: %s", why);
        log_warning("Fatal error loading the DB, check server logs. Exiting.");
        s->exit_code = 1;
        loop_stop(s->loop);
        return;
    }
    const struct load_facts *f = loader_facts(s->loader);
    log_notice("DB loaded from disk: %.3f seconds", (double)f->took_ms / 1000);
    if (f->replid[0])
        replication_restore(s->repl, f->replid, f->repl_offset, f->stream_db,
                            s->config->replicaof.host[0] != 0);
    loader_expired(s->loader, tell_expired, s);
    go_live(s);
}

static void on_aof_load(void *arg, bool ok)
{
    struct server *s = arg;
    if (ok) {
        go_live(s);
        return;
    }
    s->exit_code = 1; /* the reason is the log's last line, where tools look for it */
    loop_stop(s->loop);
}

/* Where there is an append-only file it is the data; where none is yet, a snapshot becomes its
 * first base. */
static bool load_at_start(struct server *s)
{
    struct errmsg msg;
    if (s->config->appendonly) {
        enum err e = aof_load_start(s->aof_loader, on_aof_load, s, &msg);
        if (e == ERR_NONE) return true;
        if (e != ERR_NOTFOUND) {
            log_warning("%s. Exiting.", msg.text);
            return false;
        }
    }
    enum err e = loader_start(s->loader, s->config->dbfilename, LOAD_OURS, on_first_load, s, &msg);
    if (e == ERR_NONE) return true;
    if (e == ERR_NOTFOUND) {
        go_live(s);
        return true;
    }
    log_warning("%s. Exiting.", msg.text);
    return false;
}

static bool open_doors(struct server *s)
{
    struct errmsg msg;
    (void)server_apply_oom(s, NULL); /* a failure is logged */
    if (!rename_commands(s)) return false;
    if (front_load_users(s->front, &msg)) {
        log_warning("%s", msg.text);
        return false;
    }
    if (front_listen(s->front, &msg)) {
        log_warning("%s", msg.text);
        return false;
    }
    start_initialized(s->start, s->front_config);
    return true;
}

static int run(struct server *s)
{
    struct start_signals *signals = start_signals(s->loop, shutdown_signal, s);
    if (open_doors(s) && load_at_start(s)) {
        loop_run(s->loop);
    } else {
        s->exit_code = 1;
    }
    start_signals_delete(signals);
    return s->exit_code;
}

/* What is still in buffers leaves as far as sockets take it. */
static void last_flush(struct server *s)
{
    replication_flush(s->repl);
    front_flush(s->front);
}

int server_main(struct front_start *start)
{
    struct server_config cfg;
    struct conf conf;
    struct front_config_hooks hooks = { 0 };
    struct server s = { .start = start, .conf = &conf, .config = &cfg, .front_config = &cfg.front };
    server_hooks(&hooks, &s);
    server_config_init(&cfg, &conf, &s, &hooks);
    if (!start_load(start, &conf, NULL) || !start_process(start, &cfg.front, &conf)) {
        conf_free(&conf);
        return 1;
    }
    s.debug_active_expire = true;
    s.started_wall_ms = clock_wall_ms();
    s.loop = loop_new();
    server_build(&s);
    int code = run(&s);
    last_flush(&s);
    server_unbuild(&s);
    loop_delete(s.loop);
    start_end(start, &cfg.front, code == 0);
    if (code == 0) log_warning("Redis is now ready to exit, bye bye...");
    conf_free(&conf);
    return code;
}
