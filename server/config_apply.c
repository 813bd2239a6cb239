#include "server/config_apply.h"

#include "core/base/mem.h"
#include "core/db/keyspace.h"
#include "core/front/client.h"
#include "core/front/front.h"
#include "core/front/start.h"
#include "core/sys/log.h"
#include "core/sys/process.h"
#include "replication/replication.h"
#include "server/config.h"
#include "server/cron.h"
#include "server/dataset.h"
#include "server/host.h"
#include "server/evictor.h"
#include "server/memory.h"
#include "server/notify.h"
#include "server/persist/aof.h"
#include "server/server.h"

/* ---- the data server's rows ---- */

/* Save points are read where they are used. */
enum err server_apply_save(void *server, struct errmsg *m)
{
    (void)server;
    (void)m;
    return ERR_NONE;
}

/* While data is loaded at start the file is not open yet: then it is opened as is said here. */
enum err server_apply_appendonly(void *server, struct errmsg *m)
{
    struct server *s = server;
    if (s->loading) return ERR_NONE;
    return aof_enable(s->aof, s->config->appendonly, m);
}

enum err server_apply_memory(void *server, struct errmsg *m)
{
    struct server *s = server;
    (void)m;
    dataset_policy(s, s->ks);
    if (memory_over(s))
        log_warning(
            "WARNING: the new maxmemory value set via CONFIG SET (%llu) is smaller than the "
            "current memory usage (%zu). This will result in key eviction and/or the inability "
            "to accept new write commands depending on the maxmemory-policy.",
            (unsigned long long)s->config->maxmemory,
            memory_over(s) + (size_t)s->config->maxmemory);
    if (s->evictor) evictor_configured(s->evictor);
    return ERR_NONE;
}

enum err server_apply_replication(void *server, struct errmsg *m)
{
    struct server *s = server;
    (void)m;
    host_settings(s->host);
    return ERR_NONE;
}

enum err server_apply_backlog(void *server, struct errmsg *m)
{
    return server_apply_replication(server, m);
}

/* Thresholds are read where values are made. */
void server_fill_limits(struct server *s)
{
    const struct server_config *c = s->config;
    s->limits = (struct type_limits){
        .hash_max_listpack_entries = c->hash_max_listpack_entries,
        .hash_max_listpack_value = (int64_t)c->hash_max_listpack_value,
        .list_max_listpack_size = c->list_max_listpack_size,
        .list_compress_depth = c->list_compress_depth,
        .set_max_intset_entries = c->set_max_intset_entries,
        .set_max_listpack_entries = c->set_max_listpack_entries,
        .set_max_listpack_value = c->set_max_listpack_value,
        .zset_max_listpack_entries = c->zset_max_listpack_entries,
        .zset_max_listpack_value = (int64_t)c->zset_max_listpack_value,
        .stream_node_max_bytes = c->stream_node_max_bytes,
        .stream_node_max_entries = c->stream_node_max_entries,
        .hash = s->front->hash_key,
    };
}

enum err server_apply_types(void *server, struct errmsg *m)
{
    (void)m;
    server_fill_limits(server);
    return ERR_NONE;
}

enum err server_apply_notify(void *server, struct errmsg *m)
{
    (void)m;
    notify_configured(((struct server *)server)->notify);
    return ERR_NONE;
}

/* ---- the shared rows ---- */

static enum err on_listen(void *owner, struct errmsg *m)
{
    struct server *s = owner;
    front_unlisten(s->front);
    enum err e = front_listen(s->front, m);
    if (e) return err_set(m, e, "Unable to listen on this port: see the log");
    start_title(s->start, s->front_config);
    host_settings(s->host); /* our port is told to the master */
    return ERR_NONE;
}

static enum err on_maxclients(void *owner, struct errmsg *m)
{
    /* Descriptors for files, listeners and links besides clients. */
    enum { RESERVED = 32 };
    struct server *s = owner;
    struct process_files f;
    uint64_t want = (uint64_t)s->front_config->maxclients + RESERVED;
    process_raise_files(want, &f);
    if (f.now < want)
        return err_set(m, ERR_LIMIT,
                       "The operating system is not able to handle the specified number of "
                       "clients, try with %lld",
                       (long long)f.now - RESERVED);
    return ERR_NONE;
}

static enum err on_log(void *owner, struct errmsg *m)
{
    struct server *s = owner;
    (void)m;
    log_set_level((enum log_level)s->front_config->loglevel);
    return ERR_NONE;
}

static enum err on_requirepass(void *owner, struct errmsg *m)
{
    return front_set_requirepass(((struct server *)owner)->front, m);
}

static enum err on_dir(void *owner, struct errmsg *m)
{
    struct server *s = owner;
    enum err e = process_chdir(s->front_config->dir, m);
    if (!e) host_settings(s->host);
    return e;
}

/* Buffer limits are read where they are checked; a replica's are the feed's business. */
static enum err on_limits(void *owner, struct errmsg *m)
{
    return server_apply_replication(owner, m);
}

static enum err on_timers(void *owner, struct errmsg *m)
{
    struct server *s = owner;
    (void)m;
    ilist_each(&s->front->clients, it, next)
    {
        struct client *cl = ilist_of(it, struct client, node);
        if (cl->conn && !conn_is_unix(cl->conn))
            conn_set_keepalive(cl->conn, s->front_config->tcp_keepalive);
    }
    return ERR_NONE;
}

static enum err on_proc_title(void *owner, struct errmsg *m)
{
    struct server *s = owner;
    (void)m;
    start_title(s->start, s->front_config);
    return ERR_NONE;
}

enum err server_apply_oom(void *server, struct errmsg *m)
{
    static const enum oom_mode modes[] = { [OOM_SCORE_NO] = OOM_LEAVE,
                                           [OOM_SCORE_RELATIVE] = OOM_RELATIVE,
                                           [OOM_SCORE_ABSOLUTE] = OOM_ABSOLUTE };
    struct server *s = server;
    const struct front_config *c = s->front_config;
    struct errmsg why;
    int value = c->oom_score_adj_values[s->is_master ? 0 : 1];
    enum err e = oom_apply(&s->oom, modes[c->oom_score_adj], value, &why);
    if (e == ERR_NONE) return ERR_NONE;
    log_warning("%s", why.text);
    return err_set(m, e, "Failed to apply new oom_score_adj configuration, check server logs.");
}

static enum err on_allocator(void *owner, struct errmsg *m)
{
    struct server *s = owner;
    (void)m;
    mem_purge_in_background(s->front_config->jemalloc_bg_thread);
    return ERR_NONE;
}

void server_hooks(struct front_config_hooks *hooks, void *server)
{
    *hooks = (struct front_config_hooks){
        .owner = server,
        .listen = on_listen,
        .source = server_apply_replication,
        .maxclients = on_maxclients,
        .log = on_log,
        .requirepass = on_requirepass,
        .dir = on_dir,
        .limits = on_limits,
        .timers = on_timers,
        .proc_title = on_proc_title,
        .allocator = on_allocator,
        .oom = server_apply_oom,
    };
}
