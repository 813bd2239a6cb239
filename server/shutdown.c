#include "server/shutdown.h"

#include <signal.h>

#include "core/base/mem.h"
#include "core/base/vec.h"
#include "core/front/client.h"
#include "core/front/front.h"
#include "core/front/reply.h"
#include "core/front/start.h"
#include "core/sys/log.h"
#include "replication/replication.h"
#include "server/config.h"
#include "server/fencing.h"
#include "server/persist/aof.h"
#include "server/persist/load.h"
#include "server/persist/snapshot.h"
#include "server/script/scripting.h"
#include "server/server.h"

#define LOOK_EVERY_MS 10   /* whether replicas have caught up */
#define LEAVE_LOOK_MS 2    /* whether a Sentinel has replaced us */
#define LEAVE_BEGIN_MS 700 /* time for one to begin with it */

struct shutdown {
    struct server *s;
    struct loop_timer *timer;
    int flags;
    int64_t until_ms; /* monotonic; 0: nothing under way */
    bool leaves;            /* the Sentinels were asked to replace us */
    int64_t leave_until_ms; /* and must have begun by then; 0: not asked, or over */
    bool done;
    VEC(struct client *) askers; /* blocked until it goes or fails */
};

static void look(void *arg);

struct shutdown *shutdown_new(struct server *s)
{
    struct shutdown *d = mem_zalloc(sizeof(*d));
    d->s = s;
    d->timer = loop_timer_new(s->loop, look, d);
    return d;
}

void shutdown_delete(struct shutdown *d)
{
    if (!d) return;
    loop_timer_delete(d->timer);
    vec_free(&d->askers);
    mem_free(d);
}

bool shutdown_waiting(const struct shutdown *d) { return d->until_ms != 0; }
int64_t shutdown_left_ms(const struct shutdown *d)
{
    int64_t left = d->until_ms - loop_now_ms(d->s->loop);
    return d->until_ms == 0 ? -1 : left > 0 ? left : 0;
}
bool shutdown_done(const struct shutdown *d) { return d->done; }

/* ---- the end ---- */

static bool final_save(struct server *s, int flags)
{
    struct errmsg msg;
    bool wanted =
        (flags & SHUTDOWN_SAVE) || (snapshot_has_points(s->snapshot) && !(flags & SHUTDOWN_NOSAVE));
    if (s->loading) wanted = false; /* what is there is not the data */
    if (!wanted) return true;
    log_notice("Saving the final RDB snapshot before exiting.");
    start_status(s->start, "Saving the final RDB snapshot");
    if (!snapshot_save_now(s->snapshot, &msg)) return true;
    if (flags & SHUTDOWN_FORCE) {
        log_warning("Error trying to save the DB. Exit anyway.");
        return true;
    }
    log_warning("Error trying to save the DB, can't exit.");
    start_status(s->start, "Error trying to save the DB, can't exit.");
    return false;
}

/* What was answered is on disk; a file that has not begun yet can not say so. */
static bool final_sync(struct server *s, int flags)
{
    bool begun = !aof_starting(s->aof) || s->loading;
    if (!begun) log_warning("Writing initial AOF, %s", flags & SHUTDOWN_FORCE ? "exit anyway."
                                                                            : "can't exit.");
    if (begun && aof_enabled(s->aof)) {
        log_notice("Calling fsync() on the AOF file.");
        begun = aof_sync_all(s->aof);
    }
    return begun || flags & SHUTDOWN_FORCE;
}

static void kill_child(struct server *s)
{
    if (!snapshot_running(s->snapshot)) return;
    log_warning("There is a child %s. Killing it!",
                snapshot_makes_base(s->snapshot) ? "rewriting the AOF" : "saving an .rdb");
    snapshot_kill(s->snapshot);
}

static bool finish(struct shutdown *d)
{
    struct server *s = d->s;
    replication_log_lagging(s->repl);
    if (!final_sync(s, d->flags)) return false;
    kill_child(s);
    if (!final_save(s, d->flags)) return false;
    d->done = true;
    start_stopping(s->start);
    loop_stop(s->loop);
    return true;
}

/* ---- waiting ---- */

static void release(struct shutdown *d, const char *error)
{
    d->until_ms = d->leave_until_ms = 0;
    d->leaves = false;
    loop_timer_cancel(d->timer);
    front_unpause(d->s->front, PAUSE_BY_SHUTDOWN);
    for (size_t i = 0; i < d->askers.n; i++) {
        struct call c = reply_call_for(d->askers.at[i]);
        if (error) reply_error(&c, error);
        client_unblock(d->askers.at[i]);
    }
    vec_clear(&d->askers);
}

static bool must_wait(const struct shutdown *d)
{
    const struct server *s = d->s;
    return !(d->flags & SHUTDOWN_NOW) && s->config->shutdown_timeout > 0 && s->is_master &&
           replication_lagging(s->repl) > 0;
}

static void wait_for_replicas(struct shutdown *d)
{
    struct server *s = d->s;
    d->until_ms = loop_now_ms(s->loop) + (int64_t)s->config->shutdown_timeout * 1000;
    log_notice("Waiting for replicas before shutting down.");
    front_pause(s->front, PAUSE_BY_SHUTDOWN, INT64_MAX, true);
    replication_ask_acks(s->repl);
    loop_timer_after(d->timer, LOOK_EVERY_MS);
}

/* The Sentinels were asked to replace us: over when they did, or did not begin in time. */
static bool leaving(struct shutdown *d)
{
    struct server *s = d->s;
    int64_t now = loop_now_ms(s->loop);
    if (!d->leave_until_ms) return false;
    bool busy = replication_handing_over(s->repl);
    if (s->is_master || busy) {
        if (busy && now < d->until_ms) return true;
        if (!busy && now < d->leave_until_ms) return true;
        log_notice("No Sentinel has replaced this master: it ends as it is.");
    } else {
        log_notice("This master was replaced before its end.");
    }
    d->leave_until_ms = 0;
    return false;
}

static void look(void *arg)
{
    struct shutdown *d = arg;
    if (leaving(d)) {
        loop_timer_after(d->timer, LEAVE_LOOK_MS);
        return;
    }
    if (d->leaves) {
        d->leaves = false;
        if (must_wait(d)) {
            wait_for_replicas(d);
            return;
        }
    }
    if (replication_lagging(d->s->repl) > 0 && loop_now_ms(d->s->loop) < d->until_ms) {
        loop_timer_after(d->timer, LOOK_EVERY_MS);
        return;
    }
    if (finish(d)) return;
    log_warning("Errors trying to shut down the server. The lines above say why.");
    release(d, "-ERR Errors trying to SHUTDOWN. Check logs.");
}

/* On a signal: no script need tell the Sentinels beforehand. */
static bool leave(struct shutdown *d)
{
    struct server *s = d->s;
    if (d->flags & SHUTDOWN_NOW || s->config->shutdown_timeout <= 0 || d->leaves) return d->leaves;
    if (!fencing_leave(s->fencing)) return false;
    log_notice("Asking the Sentinels to replace this master before it ends.");
    d->leaves = true;
    d->until_ms = loop_now_ms(s->loop) + (int64_t)s->config->shutdown_timeout * 1000;
    d->leave_until_ms = loop_now_ms(s->loop) + LEAVE_BEGIN_MS;
    if (d->leave_until_ms > d->until_ms) d->leave_until_ms = d->until_ms;
    loop_timer_after(d->timer, LEAVE_LOOK_MS);
    return true;
}

enum shutdown_answer shutdown_begin(struct shutdown *d, int flags, struct client *asker)
{
    bool already = shutdown_waiting(d);
    if (d->done) return SHUTDOWN_GOES;
    if (!already) log_warning("User requested shutdown...");
    d->flags = flags;
    if (!asker && leave(d)) return SHUTDOWN_WAITS;
    if (must_wait(d)) {
        if (!already) wait_for_replicas(d);
        if (asker) {
            client_block(asker);
            vec_push(&d->askers, asker);
        }
        return SHUTDOWN_WAITS;
    }
    if (finish(d)) return SHUTDOWN_GOES;
    if (already) release(d, "-ERR Errors trying to SHUTDOWN. Check logs.");
    return SHUTDOWN_FAILED;
}

bool shutdown_abort(struct shutdown *d)
{
    if (!shutdown_waiting(d)) return false;
    log_warning("Shutdown manually aborted.");
    release(d, "-ERR Errors trying to SHUTDOWN. Check logs.");
    return true;
}

void shutdown_signal(void *server, int signo)
{
    struct server *s = server;
    if (scripting_postpone_signal(s->scripts, signo)) return;
    int flags = signo == SIGINT ? s->config->shutdown_on_sigint : s->config->shutdown_on_sigterm;
    if (shutdown_begin(s->shutdown, flags, NULL) == SHUTDOWN_FAILED)
        log_warning(
            "SIGTERM received but errors trying to shut down the server, check the logs for "
            "more information");
}

void shutdown_client_gone(struct shutdown *d, struct client *cl)
{
    for (size_t i = d->askers.n; i-- > 0;)
        if (d->askers.at[i] == cl) vec_remove(&d->askers, i);
}
