#include "server/gates.h"

#include <stdio.h>

#include "core/base/mem.h"
#include "core/front/client.h"
#include "core/front/command.h"
#include "replication/replication.h"
#include "server/config.h"
#include "server/evictor.h"
#include "server/fencing.h"
#include "server/persist/aof.h"
#include "server/persist/snapshot.h"
#include "server/script/scripting.h"
#include "server/server.h"
#include "server/session.h"
#include "server/txn.h"

static bool refuse(struct call *c, const char *text)
{
    txn_refuse(c, text);
    return false;
}

/* What a transaction may do, and what each of its commands must be allowed. */
#define ANY_OF_QUEUE (CMD_WRITE | CMD_DENYOOM | CMD_READONLY | CMD_NO_ASYNC_LOADING)
#define ALL_OF_QUEUE (CMD_STALE | CMD_LOADING)

/* The flags to judge by: an EXEC is what it is going to run, a queued script what it says of
 * itself. (Outside of transactions a script is judged when it begins.) */
static uint32_t flags_of(const struct call *c)
{
    uint32_t flags = c->row->flags;
    if (__builtin_expect(!(c->client->flags & CLIENT_MULTI), 1)) return flags;
    const struct session *se = session_get(c->client);
    if (!txn_is_exec(c->row)) return scripting_call_flags(c);
    if (!se) return flags;
    flags |= se->queued_flags & ANY_OF_QUEUE;
    return flags & ~(se->queued_missing & ALL_OF_QUEUE);
}

static bool from_master(const struct call *c) { return (c->client->flags & CLIENT_MASTER) != 0; }

/* A transaction that is still being told takes memory with each command, whichever it is. */
static bool is_queued(const struct call *c)
{
    return c->client->flags & CLIENT_MULTI && txn_queues(c->row);
}

/* Every command gives the occasion to evict; those that may take memory depend on it. */
static bool memory(struct call *c)
{
    struct server *s = server_of(c);
    if (__builtin_expect(!s->config->maxmemory, 1) || from_master(c)) return true;
    if (!evictor_make_room(s->evictor) && (flags_of(c) & CMD_DENYOOM || is_queued(c)))
        return refuse(c, "-OOM command not allowed when used memory > 'maxmemory'.");
    return true;
}

static bool changes_or_asks(const struct call *c)
{
    return flags_of(c) & CMD_WRITE || strcmp(c->row->name, "PING") == 0;
}

bool gates_disk_failing(const struct server *s)
{
    return snapshot_failing(s->snapshot) && s->is_master &&
           s->config->stop_writes_on_bgsave_error;
}

static const char *aof_text(const char *why, struct errmsg *msg)
{
    err_set(msg, ERR_IO, "-MISCONF Errors writing to the AOF file: %s", why);
    return msg->text;
}

static const char disk_text[] =
    "-MISCONF Redis is configured to save RDB snapshots, but it's currently unable "
    "to persist to disk. Commands that may modify the data set are disabled, because "
    "this instance is configured to report errors during writes if RDB snapshotting "
    "fails (stop-writes-on-bgsave-error option). Please check the Redis logs for "
    "details about the RDB error.";

/* On a master whose disk fails, data would be taken that a restart loses. PING tells it too, so
 * that monitors see it. */
static bool disk(struct call *c)
{
    struct server *s = server_of(c);
    const char *aof_why = aof_failing(s->aof);
    if (__builtin_expect(aof_why != NULL, 0) && s->is_master && changes_or_asks(c)) {
        struct errmsg msg;
        return refuse(c, aof_text(aof_why, &msg));
    }
    if (!gates_disk_failing(s) || !changes_or_asks(c)) return true;
    return refuse(c, disk_text);
}

static bool too_few_replicas(struct server *s)
{
    const struct server_config *cfg = s->config;
    return cfg->min_replicas_to_write && cfg->min_replicas_max_lag && s->is_master &&
           replication_good_replicas(s->repl) < cfg->min_replicas_to_write;
}

static const char replicas_text[] = "-NOREPLICAS Not enough good replicas to write.";

static bool replicas(struct call *c)
{
    if (!(flags_of(c) & CMD_WRITE) || !too_few_replicas(server_of(c))) return true;
    return refuse(c, replicas_text);
}

static const char read_only_text[] = "-READONLY You can't write against a read only replica.";

static bool read_only(struct call *c)
{
    struct server *s = server_of(c);
    if (s->is_master || !s->config->replica_read_only || from_master(c)) return true;
    if (!(flags_of(c) & CMD_WRITE)) return true;
    return refuse(c, read_only_text);
}

const char *gates_write_denied(struct server *s, const struct client *cl, struct errmsg *room)
{
    if (cl->flags & CLIENT_MASTER) return NULL;
    if (!s->is_master && s->config->replica_read_only) return read_only_text;
    const char *fenced = s->is_master ? fencing_refuses(s->fencing) : NULL;
    if (fenced) return fenced;
    if (s->is_master && aof_failing(s->aof)) return aof_text(aof_failing(s->aof), room);
    if (gates_disk_failing(s)) return disk_text;
    return too_few_replicas(s) ? replicas_text : NULL;
}

bool gates_stale(const struct server *s)
{
    return !s->is_master && !s->config->replica_serve_stale_data && !replication_link_up(s->repl);
}

/* A master that was replaced, or may have been. Before anything else the Sentinels are heard. */
static bool fence(struct call *c)
{
    struct server *s = server_of(c);
    if (__builtin_expect(c->client->flags & CLIENT_SENTINEL, 0))
        fencing_heard(s->fencing, c->client);
    if (!(flags_of(c) & CMD_WRITE) || !s->is_master || from_master(c)) return true;
    const char *why = fencing_refuses(s->fencing);
    return why ? refuse(c, why) : true;
}

static bool stale(struct call *c)
{
    if (flags_of(c) & CMD_STALE || from_master(c) || !gates_stale(server_of(c))) return true;
    return refuse(c, "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to "
                     "'no'.");
}

/* Reads of a replica that promises not to be too far behind. */
static bool staleness(struct call *c)
{
    struct server *s = server_of(c);
    int64_t most = s->config->replica_max_staleness_ms;
    if (__builtin_expect(most == 0, 1) || s->is_master || from_master(c)) return true;
    if (!(flags_of(c) & CMD_READONLY)) return true;
    int64_t behind = replication_staleness_ms(s->repl);
    if (behind <= most) return true;
    char text[160];
    if (behind == INT64_MAX)
        snprintf(text, sizeof(text), "-STALE This replica has never been in step with its master");
    else
        snprintf(text, sizeof(text),
                 "-STALE This replica may lack what its master did in the last %lld ms; "
                 "replica-max-staleness-ms is %lld",
                 (long long)behind, (long long)most);
    return refuse(c, text);
}

static bool loading(struct call *c)
{
    struct server *s = server_of(c);
    if (__builtin_expect(!s->loading && !s->async_loading, 1)) return true;
    if (s->async_loading && !(flags_of(c) & CMD_NO_ASYNC_LOADING)) return true;
    if (s->loading && flags_of(c) & CMD_LOADING) return true;
    return refuse(c, "-LOADING Redis is loading the dataset in memory");
}

/* A connection that has become a replica's link carries no ordinary commands. */
static bool replica_link(struct call *c)
{
    if (__builtin_expect(!(c->client->flags & CLIENT_REPLICA), 1)) return true;
    if (!(c->row->flags & (CMD_WRITE | CMD_READONLY | CMD_MAY_REPLICATE))) return true;
    return refuse(c, "-ERR Replica can't interact with the keyspace");
}

static bool queueing(struct call *c)
{
    if (__builtin_expect(!(c->client->flags & CLIENT_MULTI), 1)) return true;
    if (c->row->flags & CMD_NO_MULTI)
        return refuse(c, "-ERR Command not allowed inside a transaction");
    return !txn_queue(c);
}

/* A script runs for too long: what cannot do harm in the middle of it is answered. */
static bool busy(struct call *c)
{
    struct server *s = server_of(c);
    if (__builtin_expect(!scripting_running(s->scripts), 1)) return true;
    if (!loading(c)) return false; /* a script of the append-only file */
    const char *text = scripting_busy(s->scripts);
    if (!text || c->row->flags & CMD_ALLOW_BUSY) return true;
    return refuse(c, text);
}

const struct gate server_gates[] = {
    { "busy", busy },
    { "memory", memory },
    { "disk", disk },
    { "replicas", replicas },
    { "read-only", read_only },
    { "fence", fence },
    { "stale", stale },
    { "staleness", staleness },
    { "loading", loading },
    { "replica-link", replica_link },
    { "queueing", queueing },
    { NULL, NULL },
};
