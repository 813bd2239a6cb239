/* The driver of FAILOVER: a master that gives its role to a replica, and the one that takes it. */
#include "core/base/num.h"
#include "core/resp/write.h"
#include "tests/sim/breaks.h"
#include "tests/sim/check.h"
#include "tests/sim/data.h"
#include "tests/sim/net.h"

#define LOOK_MS 100
#define PEERS_MAX 32

static int around(struct data *d, struct handover_peer *out)
{
    int n = 0;
    for (struct dconn *c = d->conns; c && n < PEERS_MAX; c = c->next) {
        if (!c->peer || c->closing || !peer_is_replica(c->peer)) continue;
        out[n++] = (struct handover_peer){ .host = c->peer->ip,
                                           .port = c->peer->port,
                                           .online = peer_online(c->peer),
                                           .acked = c->peer->acked };
    }
    return n;
}

static void look_later(struct data *d) { sim_timer(d->node, LOOK_MS, DATA_TAG(DATA_TAG_HAND, 0)); }

static void give_up(struct data *d, const char *why)
{
    bool gone = d->hand.state == HANDOVER_GOES;
    tell(d->node->sim, d->node, "gives the hand-over up: %s", why);
    handover_end(&d->hand);
    if (gone) data_promote(d);
}

static void go(struct data *d)
{
    tell(d->node->sim, d->node, "hands over to %s:%d", d->hand.host, d->hand.port);
    handover_goes(&d->hand, d->node->sim->now, d->node->sim->opt.repl_timeout);
    if (broken_is(d->node->sim, BREAK_HAND_EARLY)) d->hand.must_have = -1;
    data_hand_over(d);
}

static void look_waiting(struct data *d)
{
    struct handover_peer peers[PEERS_MAX];
    int n = around(d, peers);
    int64_t end = feed_end(&d->feed);
    if (broken_is(d->node->sim, BREAK_HAND_EARLY)) /* as if it had what it was sent */
        for (int i = 0; i < n; i++)
            peers[i].acked = end;
    enum handover_verdict v = handover_look(&d->hand, d->node->sim->now, end, peers, n);
    if (v == HANDOVER_SWITCHES) go(d);
    if (v == HANDOVER_LATE) give_up(d, "no replica caught up in time");
}

void data_hand_look(struct data *d)
{
    if (d->hand.state == HANDOVER_WAITS) look_waiting(d);
    if (d->hand.state != HANDOVER_GOES) return;
    if (d->link.hand == LINK_HAND_DONE)
        handover_end(&d->hand);
    else if (d->link.hand == LINK_HAND_REFUSED)
        give_up(d, "the target refuses");
    else if (!d->link.hand_sent && handover_unheard(&d->hand, d->node->sim->now) == HANDOVER_LATE)
        give_up(d, "the target cannot be reached");
}

void data_hand_timer(struct data *d)
{
    data_hand_look(d);
    if (d->hand.state != HANDOVER_NONE) look_later(d);
}

/* For the broken variant: a write that no replica has been sent when it takes over. */
static void write_unsent(struct data *d)
{
    struct slice w[] = { SLICE("W"), SLICE("1"), SLICE("x") };
    toy_apply(&d->toy, 3, w);
    data_append_words(d, 3, w);
}

/* FAILOVER ABORT, FAILOVER TO host port TIMEOUT ms */
void data_hand_command(struct data *d, struct dconn *c, int argc, const struct slice *argv)
{
    struct handover_request q = { .abort = argc == 2 && slice_ieqz(argv[1], "ABORT") };
    struct handover_peer peers[PEERS_MAX];
    if (!d->node->sim->opt.hand_over) {
        resp_error(&d->out, SLICE("ERR unknown command 'FAILOVER'"));
        return;
    }
    if (argc == 6) {
        q.named = true;
        slice_cstr(argv[2], q.host, sizeof(q.host));
        num_to_i64(argv[3], &q.port);
        num_to_i64(argv[5], &q.timeout_ms);
    }
    const char *no = handover_refusal(&d->hand, &q, d->is_master, peers, around(d, peers));
    if (no) {
        resp_error(&d->out, slice_z(no));
        return;
    }
    resp_status(&d->out, SLICE("OK"));
    if (q.abort) {
        give_up(d, "aborted");
        return;
    }
    handover_begin(&d->hand, &q, d->node->sim->now);
    struct slice ask[] = { SLICE("REPLCONF"), SLICE("GETACK"), SLICE("*") };
    data_append_words(d, 3, ask);
    if (broken_is(d->node->sim, BREAK_HAND_EARLY)) write_unsent(d);
    data_report(d);
    if (!broken_is(d->node->sim, BREAK_HAND_EARLY)) data_flush(d);
    data_hand_look(d);
    if (d->hand.state != HANDOVER_NONE) look_later(d);
}

/* PSYNC id offset FAILOVER: our master hands its role to us. What it acknowledged we must have. */
bool data_hand_take(struct data *d, struct dconn *c, int argc, const struct slice *argv)
{
    struct sim *s = d->node->sim;
    struct node *from = net_peer(s->net, c->end);
    int64_t must_have = -1;
    if (argc > 4) num_to_i64(argv[4], &must_have);
    const char *no = handover_take_refusal(
        d->is_master, slice_eqz(argv[1], history_id(&d->history)), feed_end(&d->feed), must_have);
    if (no) {
        buf_fmt(&d->out, "-ERR %s\r\n", no);
        return false;
    }
    bool still = from && from->alive && data_of(from)->hand.state == HANDOVER_GOES;
    if (still && data_of(from)->toy.data != d->toy.data)
        sim_fail(s, "H1", "%s hands over to %s, which has not all its data: %lld, %lld", from->name,
                 d->node->name, (long long)feed_end(&data_of(from)->feed),
                 (long long)feed_end(&d->feed));
    data_promote(d);
    return true;
}
