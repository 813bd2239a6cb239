/* The driver of a simulated server's fence, as server/fencing.c is in production. */
#include "core/base/num.h"
#include "tests/sim/breaks.h"
#include "tests/sim/check.h"
#include "tests/sim/data.h"
#include "tests/sim/names.h"

#define LOOK_MAX_MS 250
#define LOOK_CLOSED_MS 20
#define WINDOW_STOCK_MS 4000 /* with Sentinels that do not tell their down-after */

static void look_later(struct data *d)
{
    int64_t every = d->fence.window / 8;
    if (d->fence.state == FENCE_ALONE) every = LOOK_CLOSED_MS;
    if (every > LOOK_MAX_MS) every = LOOK_MAX_MS;
    d->fence_due = true;
    sim_timer(d->node, every < 5 ? 5 : every, DATA_TAG(DATA_TAG_FENCE, 0));
}

static void count_followers(struct data *d, int64_t now)
{
    int64_t oldest = -1;
    int online = 0;
    for (struct dconn *c = d->conns; c; c = c->next) {
        if (!c->peer || c->closing || !peer_is_replica(c->peer) || !peer_online(c->peer)) continue;
        if (online++ == 0 || c->peer->acked_at_ms < oldest) oldest = c->peer->acked_at_ms;
    }
    fence_followers(&d->fence, online, oldest, now);
    if (online) check_fence_followed(d->node);
}

/* Each entry passes here first: did the process stand still since the last one? */
static void wake(struct data *d)
{
    int64_t now = d->node->sim->now;
    if (now == d->fence_turn) return;
    d->fence.window = d->told_ms ? d->told_ms * 6 / 10 : WINDOW_STOCK_MS;
    if (now - d->fence_turn >= d->fence.window) {
        count_followers(d, now);
        fence_slept(&d->fence, now);
    }
    d->fence_turn = now;
}

void data_fence_boot(struct data *d)
{
    d->told_ms = 0;
    d->fence_due = false;
    d->fence_turn = d->node->sim->now;
    fence_init(&d->fence, d->fence_turn);
    fence_role(&d->fence, d->is_master, d->fence_turn);
    check_fence_role(d->node, true);
}

void data_fence_role(struct data *d)
{
    if (d->fence.master == d->is_master) return;
    fence_role(&d->fence, d->is_master, d->node->sim->now);
    check_fence_role(d->node, false);
}

static void take_told(struct data *d, struct slice text)
{
    ptrdiff_t comma = slice_find(text, ',', sizeof("down-after,") - 1);
    if (comma >= 0)
        num_to_i64(slice_of(text.p + comma + 1, text.n - (size_t)comma - 1), &d->told_ms);
}

void data_fence_hello(struct data *d, struct dconn *c, struct slice text)
{
    struct node *n = d->node;
    int64_t port = 0;
    if (!n->sim->opt.fence) return;
    wake(d);
    if (slice_starts(text, "down-after,")) {
        take_told(d, text);
        return;
    }
    struct fence_hello h = fence_parse(text);
    if (!h.valid || !num_to_i64(h.port, &port)) return;
    bool own = port == n->port && (slice_eqz(h.host, n->ip) || slice_eqz(h.host, names_of(n)));
    c->sentinel = true;
    fence_hear_hello(&d->fence, &h, own ? FENCE_OWN_ADDRESS : FENCE_UNKNOWN_ADDRESS,
                     (uint64_t)c->end, d->fence_turn);
    check_fence_hello(n, h.config_epoch, own);
    if (!d->fence_due) look_later(d);
}

/* A command came, or a replica's acknowledgement. */
void data_fence_heard(struct data *d, struct dconn *c)
{
    if (!d->node->sim->opt.fence) return;
    wake(d);
    if (c->sentinel) fence_hear(&d->fence, (uint64_t)c->end, d->fence_turn);
    if (c->sentinel || c->peer) check_fence_heard(d->node);
}

/* The other side closed the connection. */
void data_fence_gone(struct data *d, struct dconn *c)
{
    if (!d->node->sim->opt.fence) return;
    wake(d);
    if (c->peer && peer_is_replica(c->peer) && peer_online(c->peer))
        fence_follower_left(&d->fence, d->fence_turn);
    if (c->sentinel) fence_gone(&d->fence, (uint64_t)c->end, d->fence_turn);
    if (c->sentinel || c->peer) check_fence_left(d->node);
}

bool data_fence_refuses(struct data *d)
{
    struct sim *s = d->node->sim;
    if (!s->opt.fence || !d->fence.voters) return false;
    wake(d);
    if (broken_is(s, BREAK_OVERRULED_WRITES) && d->fence.state == FENCE_OVERRULED) return false;
    if (broken_is(s, BREAK_ALONE_WRITES) && d->fence.state == FENCE_ALONE) return false;
    return fence_closed(&d->fence);
}

void data_fence_timer(struct data *d)
{
    wake(d);
    count_followers(d, d->fence_turn);
    if (fence_look(&d->fence, d->fence_turn) && d->hand.state == HANDOVER_NONE && d->feed.open) {
        struct slice ask[] = { SLICE("REPLCONF"), SLICE("GETACK"), SLICE("*") };
        data_append_words(d, 3, ask);
        data_report(d);
        data_flush(d);
    }
    d->fence_due = false;
    if (d->is_master) look_later(d);
}
