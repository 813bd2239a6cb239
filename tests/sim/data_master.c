/* The driver of a data server's peers: snapshots, the feed's cursors, WAIT. */
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/resp/write.h"
#include "replication/quorum.h"
#include "tests/sim/breaks.h"
#include "tests/sim/check.h"
#include "tests/sim/data.h"
#include "tests/sim/net.h"

#define PEERS_MAX 32

static struct peer_settings settings_of(const struct data *d)
{
    const struct options *o = &d->node->sim->opt;
    return (struct peer_settings){ .timeout_ms = o->repl_timeout,
                                   .hard_bytes = o->backlog * 2 > 30000 ? o->backlog * 2 : 30000,
                                   .soft_bytes = 20000,
                                   .soft_ms = 2000 };
}

static struct batch_settings batch_of(const struct data *d)
{
    return (struct batch_settings){ .diskless = d->node->nth % 2 == 0, .delay_ms = 200 };
}

/* --- sending --- */

static bool send_snapshot(struct data *d, struct dconn *c)
{
    while (c->sent < c->to_send.n) {
        if (net_waiting(d->node->sim->net, c->end) > DATA_SOCKET_MAX) return false;
        size_t n = c->to_send.n - c->sent;
        if (n > 500) n = 500;
        net_send(d->node->sim->net, c->end, slice_of(c->to_send.p + c->sent, n));
        c->sent += n;
    }
    return true;
}

static void peer_event(struct data *d, struct dconn *c, struct peer_event e);

static bool flush_one(struct data *d, struct dconn *c)
{
    struct sim *s = d->node->sim;
    if (c->to_send.n) {
        if (!send_snapshot(d, c)) return false;
        str_free(&c->to_send);
        c->sent = 0;
        peer_event(d, c, (struct peer_event){ .kind = PEER_SENT_ALL });
    }
    while (c->peer && c->online && c->cursor.feed) {
        if (c->cursor.next < feed_first(&d->feed) && !cursor_lost(&c->cursor)) {
            /* only the broken variant's: R4 says so */
            check_feed(d->node);
            return true;
        }
        struct slice bytes = cursor_peek(&c->cursor);
        if (cursor_lost(&c->cursor)) {
            peer_event(d, c, (struct peer_event){ .kind = PEER_LOST });
            return true;
        }
        if (!bytes.n) return true;
        if (net_waiting(s->net, c->end) > DATA_SOCKET_MAX) return false;
        size_t n = bytes.n > 4000 ? 4000 : bytes.n;
        if (broken_is(s, BREAK_CORRUPT_BYTE) && n > 30 && rng_below(&d->node->rng, 40) == 0) {
            struct str copy = str_new(slice_of(bytes.p, n));
            for (size_t i = 0; i < n; i++) /* a letter of a payload: the framing stays right */
                if (copy.p[i] >= 'm' && copy.p[i] <= 'z') copy.p[i]--;
            net_send(s->net, c->end, str_slice(copy));
            str_free(&copy);
        } else {
            net_send(s->net, c->end, slice_of(bytes.p, n));
        }
        cursor_advance(&c->cursor, n);
    }
    return true;
}

void data_flush(struct data *d)
{
    bool all = true;
    for (struct dconn *c = d->conns, *next; c; c = next) {
        next = c->next;
        if (c->peer && !c->closing && !flush_one(d, c)) all = false;
    }
    if (all || d->flush_due) return;
    d->flush_due = true;
    sim_timer(d->node, 20, DATA_TAG(DATA_TAG_FLUSH, 0));
}

void data_append(struct data *d, struct slice bytes)
{
    if (!d->feed.open) return;
    feed_append(&d->feed, bytes);
    d->toy.stream = toy_hash(d->toy.stream, bytes);
}

void data_append_words(struct data *d, int argc, const struct slice *argv)
{
    struct buf b = { 0 };
    resp_command(&b, argc, argv);
    data_append(d, buf_slice(&b));
    buf_free(&b);
}

/* --- snapshots --- */

static int peers_of(struct data *d, struct peer **list, struct dconn **conns)
{
    int n = 0;
    for (struct dconn *c = d->conns; c && n < PEERS_MAX; c = c->next) {
        if (!c->peer || c->closing || c->peer->state == PEER_ENDED) continue;
        if (conns) conns[n] = c;
        list[n++] = c->peer;
    }
    return n;
}

static void started(struct data *d, struct dconn *c, int64_t offset)
{
    c->snapshot_gen = d->snapshot_gen;
    c->in_snapshot = true;
    peer_event(d, c,
               (struct peer_event){ .kind = PEER_SNAPSHOT_STARTED,
                                    .replid = slice_z(history_id(&d->history)),
                                    .offset = offset,
                                    .pipe = d->snapshot_form == BATCH_PIPE,
                                    .mark = slice_of(d->mark, LINK_MARK_LEN) });
}

static void start_snapshot(struct data *d, enum batch_form form, struct peer **list,
                           struct dconn **conns, int n)
{
    struct buf b = { 0 };
    toy_save(&d->toy, history_id(&d->history), feed_end(&d->feed), &b);
    str_set(&d->snapshot, buf_slice(&b));
    buf_free(&b);
    d->snapshot_runs = true;
    d->snapshot_form = form;
    d->snapshot_gen++;
    rng_hex(&d->node->rng, d->mark, LINK_MARK_LEN);
    tell(d->node->sim, d->node, "starts a snapshot at %.8s:%lld", history_id(&d->history),
         (long long)feed_end(&d->feed));
    for (int i = 0; i < n; i++)
        if (batch_takes(list[i], form)) started(d, conns[i], feed_end(&d->feed));
    sim_timer(d->node, sim_between(&d->node->rng, 1, d->node->sim->opt.snapshot_ms),
              DATA_TAG(DATA_TAG_SNAPSHOT, d->snapshot_gen));
}

static void plan(struct data *d)
{
    struct peer *list[PEERS_MAX];
    struct dconn *conns[PEERS_MAX];
    struct batch_settings set = batch_of(d);
    int n = peers_of(d, list, conns);
    if (d->snapshot_runs || n == 0) return;
    struct batch_plan p = batch_plan(list, n, &set, d->node->sim->now);
    if (p.form != BATCH_NONE) {
        start_snapshot(d, p.form, list, conns, n);
    } else if (p.due_ms != INT64_MAX && !d->batch_due) {
        d->batch_due = true;
        sim_timer(d->node, p.due_ms - d->node->sim->now, DATA_TAG(DATA_TAG_BATCH, 0));
    }
}

/* A newcomer joins a running snapshot to a file, or waits for the next. */
static void want_snapshot(struct data *d, struct dconn *c)
{
    struct peer *list[PEERS_MAX];
    int n = peers_of(d, list, NULL);
    const struct peer *other =
        d->snapshot_runs && d->snapshot_form == BATCH_FILE ? batch_join(list, n, c->peer) : NULL;
    if (other) started(d, c, other->sync_offset);
}

static void snapshot_done(struct data *d)
{
    d->snapshot_runs = false;
    bool pipe = d->snapshot_form == BATCH_PIPE;
    for (struct dconn *c = d->conns, *next; c; c = next) {
        next = c->next;
        if (!c->peer || c->closing || !c->in_snapshot || c->snapshot_gen != d->snapshot_gen)
            continue;
        c->in_snapshot = false;
        if (!pipe)
            peer_event(
                d, c,
                (struct peer_event){ .kind = PEER_SNAPSHOT_READY, .size = (int64_t)d->snapshot.n });
        if (!c->peer || c->closing) continue;
        str_set(&c->to_send, str_slice(d->snapshot));
        if (pipe) {
            struct str both = str_fmt("%*s", (int)(d->snapshot.n + LINK_MARK_LEN), "");
            memcpy(both.p, d->snapshot.p, d->snapshot.n);
            memcpy(both.p + d->snapshot.n, d->mark, LINK_MARK_LEN);
            str_set(&c->to_send, str_slice(both));
            str_free(&both);
        }
    }
    data_flush(d);
    plan(d);
}

/* --- peers --- */

static void attach(struct data *d, struct dconn *c, int64_t next)
{
    if (!cursor_attach(&c->cursor, &d->feed, next))
        sim_fail(d->node->sim, "R4", "%s cannot attach a cursor at %lld, it holds %lld..%lld",
                 d->node->name, (long long)next, (long long)feed_first(&d->feed),
                 (long long)feed_end(&d->feed));
}

static void perform(struct data *d, struct dconn *c, const struct peer_action *a)
{
    struct sim *s = d->node->sim;
    switch (a->kind) {
    case PEER_WRITE:
        if (a->bytes.n > 1) tell(s, d->node, "to its replica: %.*s", SLICE_ARG(a->bytes));
        net_send(s->net, c->end, a->bytes);
        break;
    case PEER_WANT_SNAPSHOT:
        want_snapshot(d, c);
        break;
    case PEER_ATTACH_CURSOR:
        attach(d, c, a->offset);
        break;
    case PEER_FLOWS:
    case PEER_GOES_ONLINE:
        c->online = true;
        break;
    case PEER_DROP:
        c->closing = true;
        break;
    case PEER_NOTE:
        tell(s, d->node, "# %.*s", SLICE_ARG(a->bytes));
        break;
    }
}

static void peer_event(struct data *d, struct dconn *c, struct peer_event e)
{
    struct peer_actions list = { 0 };
    struct peer_settings set = settings_of(d);
    e.now_ms = d->node->sim->now;
    peer_step(c->peer, &set, &e, &list);
    for (size_t i = 0; i < list.list.n && !d->node->sim->stop; i++)
        perform(d, c, &list.list.at[i]);
    peer_actions_free(&list);
}

void data_peer_gone(struct data *d, struct dconn *c)
{
    if (!c->peer) return;
    if (c->peer->state != PEER_ENDED) peer_event(d, c, (struct peer_event){ .kind = PEER_GONE });
    if (c->cursor.feed && c->cursor.next < feed_first(&d->feed) && !cursor_lost(&c->cursor)) {
        /* only the broken variant's */
        c->cursor.feed->cursors--;
        c->cursor.feed = NULL;
    }
    cursor_detach(&c->cursor);
    str_free(&c->to_send);
    mem_free(c->peer);
    c->peer = NULL;
    c->online = false;
}

void data_drop_replicas(struct data *d)
{
    for (struct dconn *c = d->conns; c; c = c->next) {
        if (!c->peer || !peer_is_replica(c->peer)) continue;
        data_peer_gone(d, c);
        c->closing = true;
    }
    d->snapshot_gen++;
    d->snapshot_runs = false;
}

/* --- requests of replicas --- */

/* The first replica of a master that keeps no bytes begins a history, as in Redis. */
static void open_feed(struct data *d)
{
    if (d->feed.open || !d->is_master) return;
    char id[41];
    data_new_id(d, id);
    history_init(&d->history, id);
    feed_open(&d->feed);
    check_data_born(d->node, id, "", feed_end(&d->feed));
    data_report(d);
}

static bool still_asks(struct data *d, struct dconn *c, struct node *replica, struct slice id,
                       int64_t want)
{
    if (!replica || replica->kind != NODE_DATA || !replica->alive) return false;
    struct data *r = data_of(replica);
    return r->link_end == (c->end ^ 1) && slice_eqz(id, r->link.replid) &&
           r->link.offset + 1 == want;
}

static void psync(struct data *d, struct dconn *c, int argc, const struct slice *argv)
{
    int64_t want = -1;
    bool legacy = argc < 3;
    struct slice id = legacy ? SLICE("?") : argv[1];
    if (!legacy) num_to_i64(argv[2], &want);
    struct node *from = net_peer(d->node->sim->net, c->end);
    bool asks = still_asks(d, c, from, id, want);
    open_feed(d);
    struct history lie = d->history;
    struct peer_world world = { .history = &d->history,
                                .window = feed_window(&d->feed),
                                .serving = d->is_master || link_is_up(&d->link) };
    if (broken_is(d->node->sim, BREAK_GRANT_ALWAYS) && !slice_eqz(id, "?")) {
        slice_cstr(id, lie.at[lie.n - 1].replid, REPLID_LEN + 1);
        world.history = &lie;
    }
    peer_event(
        d, c,
        (struct peer_event){
            .kind = PEER_PSYNC, .replid = id, .offset = want, .legacy = legacy, .world = &world });
    if (asks && c->peer->state == PEER_ONLINE)
        check_data_grant(d->node, history_id(&d->history), want - 1, from,
                         node_data_toy(from)->stream);
}

void data_replica_command(struct data *d, struct dconn *c, int argc, const struct slice *argv)
{
    struct sim *s = d->node->sim;
    struct node *from = net_peer(s->net, c->end);
    if (!c->peer) {
        c->peer = mem_zalloc(sizeof(*c->peer));
        peer_init(c->peer, from ? from->name : "?", s->now);
        text_copy(c->peer->ip, sizeof(c->peer->ip), from ? from->ip : "");
    }
    if (slice_ieqz(argv[0], "REPLCONF")) {
        struct peer_actions list = { 0 };
        struct peer_settings set = settings_of(d);
        char error[PEER_ERROR_MAX];
        enum peer_answer ans = peer_replconf(c->peer, &set, argc, argv, s->now, &list, error);
        for (size_t i = 0; i < list.list.n; i++)
            perform(d, c, &list.list.at[i]);
        peer_actions_free(&list);
        if (ans == PEER_OK) resp_status(&d->out, SLICE("OK"));
        if (ans == PEER_REFUSED) resp_error(&d->out, slice_z(error));
        data_reply(d, c);
        data_master_timer(d, DATA_TAG(DATA_TAG_WAIT, 0));
        data_hand_look(d);
    } else {
        bool asked = argc > 3 && slice_ieqz(argv[3], "FAILOVER");
        if (asked && !data_hand_take(d, c, argc, argv)) return;
        psync(d, c, argc, argv);
        plan(d);
    }
    data_flush(d);
}

void data_replica_newline(struct data *d, struct dconn *c)
{
    if (c->peer) peer_event(d, c, (struct peer_event){ .kind = PEER_HEARD });
}

/* --- WAIT --- */

/* One vote a replica: a connection that has not noticed its end must not count twice. */
static int count_acks(struct data *d, int64_t offset)
{
    struct quorum_vote votes[PEERS_MAX];
    struct node *who[PEERS_MAX];
    int n = 0;
    for (struct dconn *c = d->conns; c && n < PEERS_MAX; c = c->next) {
        if (!c->peer || c->closing) continue;
        struct node *from = net_peer(d->node->sim->net, c->end);
        bool twice = false;
        for (int i = 0; i < n; i++)
            twice |= who[i] == from;
        if (twice) continue;
        who[n] = from;
        votes[n++] = (struct quorum_vote){ .online = peer_online(c->peer),
                                           .acked = c->peer->acked,
                                           .acked_at_ms = c->peer->acked_at_ms };
    }
    return quorum_count(votes, n, offset);
}

static void end_wait(struct data *d, struct dconn *c, int got)
{
    c->waits = false;
    resp_int(&d->out, got);
    data_reply(d, c);
}

void data_wait(struct data *d, struct dconn *c, int n, int64_t timeout)
{
    int got = broken_is(d->node->sim, BREAK_ACK_EARLY) ? n : count_acks(d, c->last_write);
    c->wait_for = n;
    c->wait_offset = c->last_write;
    if (got >= n) {
        end_wait(d, c, got);
        return;
    }
    c->waits = true;
    c->wait_until = d->node->sim->now + timeout;
    sim_timer(d->node, timeout, DATA_TAG(DATA_TAG_WAIT, 1));
    struct slice ask[] = { SLICE("REPLCONF"), SLICE("GETACK"), SLICE("*") };
    data_append_words(d, 3, ask);
    data_report(d);
    data_flush(d);
}

static void look_at_waits(struct data *d)
{
    for (struct dconn *c = d->conns; c; c = c->next) {
        if (!c->waits || c->closing) continue;
        int got = count_acks(d, c->wait_offset);
        if (got >= c->wait_for || d->node->sim->now >= c->wait_until) end_wait(d, c, got);
    }
}

void data_fail_waits(struct data *d)
{
    for (struct dconn *c = d->conns; c; c = c->next) {
        if (!c->waits) continue;
        c->waits = false;
        resp_error(&d->out, SLICE("UNBLOCKED the role has changed"));
        data_reply(d, c);
    }
}

/* --- time --- */

/* The broken variant of R4: the log forgets that somebody still reads. */
static void trim_early(struct data *d)
{
    for (size_t i = d->feed.head; i + 1 < d->feed.blocks.n; i++)
        d->feed.blocks.at[i]->cursors = 0;
}

static void ping_replicas(struct data *d)
{
    struct sim *s = d->node->sim;
    if (!d->is_master || s->now - d->last_ping < s->opt.repl_ping) return;
    if (d->hand.state != HANDOVER_NONE) return;
    d->last_ping = s->now;
    struct slice ping[] = { SLICE("PING") };
    data_append_words(d, 1, ping);
    data_report(d);
}

void data_master_cron(struct data *d)
{
    ping_replicas(d);
    for (struct dconn *c = d->conns; c; c = c->next)
        if (c->peer && !c->closing && c->peer->state != PEER_ENDED)
            peer_event(d, c,
                       (struct peer_event){ .kind = PEER_TICK,
                                            .bounded = feed_bounded(&d->feed),
                                            .lag = c->cursor.feed ? cursor_lag(&c->cursor) : 0 });
    plan(d);
    data_flush(d);
    if (broken_is(d->node->sim, BREAK_TRIM_EARLY)) trim_early(d);
    feed_trim(&d->feed);
    feed_tick(&d->feed, d->node->sim->now);
    check_feed(d->node);
}

void data_master_timer(struct data *d, uint64_t tag)
{
    switch (tag & 15) {
    case DATA_TAG_SNAPSHOT:
        if (tag / 16 == d->snapshot_gen && d->snapshot_runs) snapshot_done(d);
        break;
    case DATA_TAG_FLUSH:
        d->flush_due = false;
        data_flush(d);
        break;
    case DATA_TAG_BATCH:
        d->batch_due = false;
        plan(d);
        break;
    default:
        look_at_waits(d);
        break;
    }
}
