#include "server/fencing.h"

#include <stdio.h>

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/front/client.h"
#include "core/front/pubsub.h"
#include "core/net/conn.h"
#include "core/sys/log.h"
#include "replication/fence.h"
#include "replication/replication.h"
#include "server/config.h"
#include "server/server.h"

#define CHANNEL "__sentinel__:hello"
#define TOLD "down-after,"    /* "down-after,<group>,<ms>": our Sentinels tell it */
#define WINDOW_STOCK_MS 4000  /* with Sentinels that do not */
#define WINDOW_MIN_MS 60
#define LOOK_MAX_MS 250

struct fencing {
    struct server *s;
    struct fence fence;
    struct loop_timer *timer;
    int64_t turn;     /* the loop's time when we last ran */
    int64_t told_ms;  /* the Sentinels' down-after; 0: not told */
    enum fence_state shown;
    char error[FENCE_ADDR_MAX + 120];
};

static int64_t now_ms(const struct fencing *g) { return loop_now_ms(g->s->loop); }

/* Less than down-after by what a Sentinel's question and our answer may take. */
static int64_t window(const struct fencing *g)
{
    const struct server_config *c = g->s->config;
    if (!c->self_fencing) return 0;
    if (c->self_fencing_window) return c->self_fencing_window;
    int64_t w = g->told_ms ? g->told_ms * 6 / 10 : WINDOW_STOCK_MS;
    return w < WINDOW_MIN_MS ? WINDOW_MIN_MS : w;
}

static void show(struct fencing *g)
{
    const struct fence *f = &g->fence;
    if (f->state == g->shown) return;
    g->shown = f->state;
    if (f->state == FENCE_OPEN) {
        log_notice("Writes are accepted again: the Sentinels or the replicas were heard.");
    } else if (f->state == FENCE_OVERRULED) {
        snprintf(g->error, sizeof(g->error),
                 "-READONLY Fenced: a newer configuration of the Sentinels names %s as the master.",
                 f->other);
        log_warning("Writes are refused: configuration epoch %llu of the Sentinels names %s.",
                    (unsigned long long)f->epoch, f->other);
    } else {
        snprintf(g->error, sizeof(g->error), "-READONLY Fenced: neither a majority of the "
                                             "Sentinels nor all replicas are heard.");
        log_warning("Writes are refused: neither a majority of the %d Sentinels known nor all "
                    "replicas are heard.",
                    f->voters);
    }
}

static void count_followers(struct fencing *g, int64_t now)
{
    int64_t oldest = -1;
    int online = g->s->repl ? replication_followers(g->s->repl, &oldest) : 0;
    fence_followers(&g->fence, online, oldest, now);
}

/* The replicas that it had when it fell asleep are still there: what ended since is not read yet.
 * One may have come after the last look, and the sleep may have been longer than any memory. */
static void slept(struct fencing *g, int64_t now)
{
    count_followers(g, now);
    fence_slept(&g->fence, now);
}

/* Each entry passes here first: did the process stand still since the last one? */
static void wake(struct fencing *g)
{
    int64_t now = now_ms(g);
    if (now == g->turn) return;
    g->fence.window = window(g);
    if (g->fence.window && now - g->turn >= g->fence.window) slept(g, now);
    g->turn = now;
    show(g);
}

static void look(struct fencing *g)
{
    wake(g);
    count_followers(g, g->turn);
    if (fence_look(&g->fence, g->turn)) replication_ask_acks(g->s->repl);
    show(g);
}

static void on_timer(void *arg)
{
    struct fencing *g = arg;
    look(g);
    int64_t every = g->fence.window ? g->fence.window / 8 : LOOK_MAX_MS;
    if (fence_closed(&g->fence)) every = 5;
    if (every < 5) every = 5;
    loop_timer_after(g->timer, every > LOOK_MAX_MS ? LOOK_MAX_MS : every);
}

struct fencing *fencing_new(struct server *s)
{
    struct fencing *g = mem_zalloc(sizeof(*g));
    g->s = s;
    g->turn = loop_now_ms(s->loop);
    fence_init(&g->fence, g->turn);
    g->timer = loop_timer_new(s->loop, on_timer, g);
    return g;
}

void fencing_delete(struct fencing *g)
{
    loop_timer_delete(g->timer);
    mem_free(g);
}

void fencing_role(struct fencing *g, bool master)
{
    if (g->fence.master != master) fence_role(&g->fence, master, now_ms(g));
    g->shown = g->fence.state;
}

static enum fence_address address_of(const struct fencing *g, const struct client *cl,
                                     const struct fence_hello *h)
{
    const struct server_config *c = g->s->config;
    char ip[CONN_ADDR_MAX] = "";
    int64_t port;
    int own = c->replica_announce_port ? c->replica_announce_port : g->s->front_config->port;
    if (!num_to_i64(h->port, &port) || port != own) return FENCE_UNKNOWN_ADDRESS;
    if (cl->conn) conn_local_ip(cl->conn, ip, sizeof(ip));
    bool here = slice_eqz(h->host, ip) || slice_eqz(h->host, c->replica_announce_ip);
    return here ? FENCE_OWN_ADDRESS : FENCE_UNKNOWN_ADDRESS;
}

static void take_told(struct fencing *g, struct slice text)
{
    ptrdiff_t comma = slice_find(text, ',', sizeof(TOLD) - 1);
    int64_t ms;
    if (comma < 0) return;
    struct slice v = slice_of(text.p + comma + 1, text.n - (size_t)comma - 1);
    if (num_to_i64(v, &ms) && ms > 0 && ms < INT64_MAX / 16) g->told_ms = ms;
}

void fencing_hello(struct fencing *g, struct client *cl, struct slice text)
{
    wake(g);
    if (slice_starts(text, TOLD)) {
        take_told(g, text);
        return;
    }
    struct fence_hello h = fence_parse(text);
    if (!h.valid || cl->flags & CLIENT_PSEUDO) return;
    cl->flags |= CLIENT_SENTINEL;
    bool first = !fence_armed(&g->fence);
    fence_hear_hello(&g->fence, &h, address_of(g, cl, &h), cl->id, g->turn);
    if (first && g->s->config->self_fencing) loop_timer_after(g->timer, 0);
    show(g);
}

void fencing_heard(struct fencing *g, const struct client *cl)
{
    wake(g);
    fence_hear(&g->fence, cl->id, g->turn);
}

void fencing_client_gone(struct fencing *g, const struct client *cl)
{
    if (g->s->repl && replication_is_follower(g->s->repl, cl)) {
        wake(g);
        fence_follower_left(&g->fence, g->turn);
    }
    if (!(cl->flags & CLIENT_SENTINEL)) return;
    wake(g);
    fence_gone(&g->fence, cl->id, g->turn);
}

const char *fencing_refuses(struct fencing *g)
{
    if (!g->fence.voters || !g->s->config->self_fencing) return NULL;
    wake(g);
    return fence_closed(&g->fence) ? g->error : NULL;
}

bool fencing_leave(struct fencing *g)
{
    char text[64];
    if (!g->s->is_master || !fence_armed(&g->fence) || replication_last_ack(g->s->repl) < 0 ||
        fence_closed(&g->fence))
        return false;
    snprintf(text, sizeof(text), "leaving,%s", g->s->front->run_id);
    return pubsub_publish(g->s->front, SLICE(CHANNEL), slice_z(text)) > 0;
}

void fencing_info(const struct fencing *g, struct buf *out)
{
    static const char *const names[] = { "no", "alone", "overruled" };
    if (!g->fence.voters) return;
    buf_fmt(out, "self_fencing:%s\r\nself_fencing_window_ms:%lld\r\nsentinels_known:%d\r\n",
            names[g->fence.state], (long long)g->fence.window, g->fence.voters);
}
