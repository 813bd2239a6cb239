/* Drives the peers: their connections are clients of the front whose output we take over. */
#include <stdio.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/sys/log.h"
#include "replication/shell.h"

#define BEAT_MS 100
#define FLOW_MAX (4 * 1024 * 1024) /* one replica takes no more of a turn */

/* ---- who else may come ---- */

static void note_gone(struct replica *p)
{
    struct replication *r = p->r;
    struct gone_replica *g = &r->gone[r->gone_at];
    text_copy(g->name, sizeof(g->name), p->peer.name);
    g->at_ms = repl_now(r);
    r->gone_at = (r->gone_at + 1) % GONE_MAX;
}

static bool is_here(const struct replication *r, const char *name)
{
    ilist_each(&r->replicas, node, next) {
        const struct peer *p = &ilist_of(node, struct replica, node)->peer;
        if (peer_is_replica(p) && strcmp(p->name, name) == 0) return true;
    }
    return false;
}

int replicas_expected(const struct replication *r)
{
    int n = 0;
    int64_t now = repl_now(r), delay_ms = (int64_t)r->set.diskless_delay_s * 1000;
    for (int i = 0; i < GONE_MAX; i++) {
        const struct gone_replica *g = &r->gone[i];
        n += g->name[0] && now - g->at_ms <= delay_ms && !is_here(r, g->name);
    }
    ilist_each(&r->replicas, node, next)
        n += ilist_of(node, struct replica, node)->peer.state == PEER_NEW;
    return n;
}

/* ---- finding and making ---- */

struct replica *replica_of(struct replication *r, const struct client *cl)
{
    ilist_each(&r->replicas, node, next) {
        struct replica *p = ilist_of(node, struct replica, node);
        if (p->client == cl) return p;
    }
    return NULL;
}

struct replica *replica_get(struct replication *r, struct client *cl)
{
    struct replica *p = replica_of(r, cl);
    if (p || cl->conn == NULL || r->replicas_n >= REPLICAS_MAX) return p;
    p = mem_zalloc(sizeof(*p));
    p->r = r;
    p->client = cl;
    p->fd = -1;
    peer_init(&p->peer, conn_peer_addr(cl->conn), repl_now(r));
    ilist_push(&r->replicas, &p->node);
    r->replicas_n++;
    return p;
}

void replica_ip(const struct replica *p, char *out, size_t cap)
{
    if (p->peer.ip[0]) text_copy(out, cap, p->peer.ip);
    else conn_peer_ip(p->client->conn, out, cap);
}

static void stop_flow(struct replica *p)
{
    p->flowing = false;
    cursor_detach(&p->cursor);
    if (p->fd >= 0) close(p->fd);
    p->fd = -1;
}

void replication_client_gone(struct replication *r, struct client *cl)
{
    waits_remove(r, cl);
    struct replica *p = replica_of(r, cl);
    if (p == NULL) return;
    if (peer_is_replica(&p->peer)) note_gone(p);
    replica_step(p, (struct peer_event){ .kind = PEER_GONE });
    stop_flow(p);
    cl->drain = NULL;
    cl->drain_arg = NULL;
    ilist_remove(&p->node);
    r->replicas_n--;
    mem_free(p);
    if (replication_replicas(r) == 0) r->alone_since_ms = repl_now(r);
    replicas_digest(r);
    snapshot_check(r);
}

void replica_drop(struct replica *p, bool soft)
{
    stop_flow(p);
    if (soft) client_close_after_reply(p->client);
    else client_close_soon(p->client);
}

void replicas_drop_all(struct replication *r)
{
    ilist_each(&r->replicas, node, next) {
        struct replica *p = ilist_of(node, struct replica, node);
        if (!peer_is_replica(&p->peer)) continue;
        p->peer.state = PEER_ENDED;
        replica_drop(p, false);
    }
    snapshot_check(r);
}

/* ---- sending ---- */

/* The feed's bytes, straight from its blocks to the socket. */
static bool flow_feed(struct replica *p)
{
    size_t sent = 0;
    while (sent < FLOW_MAX) {
        struct slice s = cursor_peek(&p->cursor);
        if (cursor_lost(&p->cursor)) replica_step(p, (struct peer_event){ .kind = PEER_LOST });
        if (s.n == 0) return false;
        ssize_t n = conn_write_now(p->client->conn, s.p, s.n);
        if (n <= 0) return n == 0;
        cursor_advance(&p->cursor, (size_t)n);
        p->r->front->stats.out_repl_bytes += (uint64_t)n;
        sent += (size_t)n;
        if ((size_t)n < s.n) return true;
    }
    return true;
}

/* Sends what there is; asks to be called again when the socket takes more. */
void replica_flow(struct replica *p)
{
    struct conn *c = p->client->conn;
    if (p->client->flags & CLIENT_CLOSING) return;
    if (conn_out_size(c) > 0) { /* an answer goes first */
        conn_wake_out(c);
        conn_want_drain(c, true);
        return;
    }
    bool more = false;
    if (p->peer.state == PEER_SENDS && p->fd >= 0) more = snapshot_feed_file(p);
    else if (p->peer.state == PEER_SENDS && p->peer.pipe) more = snapshot_feed_pipe(p);
    if (p->flowing && conn_out_size(c) == 0) more = flow_feed(p);
    conn_want_drain(c, more);
}

/* The stream's bytes leave at the end of the turn only, when the host has kept them: what a replica
 * has, we have after a crash too. */
static void on_drain(struct client *cl)
{
    struct replica *p = cl->drain_arg;
    if (!p) return;
    if (p->flowing && cursor_lag(&p->cursor) > 0) conn_want_drain(cl->conn, false);
    else replica_flow(p);
}

/* ---- actions ---- */

/* It wants to know how fresh its data are. */
static bool beats(const struct replica *p)
{
    return p->flowing && peer_online(&p->peer) && p->peer.capa & CAPA_BEAT;
}

static void take_over(struct replica *p)
{
    struct client *cl = p->client;
    cl->flags |= CLIENT_REPLICA;
    cl->drain = on_drain;
    cl->drain_arg = p;
    conn_set_nodelay(cl->conn, !p->r->set.disable_nodelay);
}

static void write_out(struct replica *p, struct slice bytes)
{
    buf_puts(conn_out(p->client->conn), bytes);
    conn_wake_out(p->client->conn);
}

static void attach(struct replica *p, int64_t at)
{
    take_over(p);
    cursor_detach(&p->cursor);
    must(cursor_attach(&p->cursor, &p->r->feed, at));
}

static void go_online(struct replica *p)
{
    take_over(p);
    p->flowing = true;
    replicas_digest(p->r);
    if (beats(p) && !loop_timer_armed(p->r->beat_timer))
        loop_timer_after(p->r->beat_timer, BEAT_MS);
    conn_want_drain(p->client->conn, true);
}

static void want_snapshot(struct replica *p, enum history_answer why)
{
    take_over(p);
    p->r->stats.sync_full++;
    if (why != HISTORY_NOT_ASKED) p->r->stats.sync_partial_err++;
    snapshot_wanted(p);
}

static void perform(struct replica *p, const struct peer_action *a)
{
    switch (a->kind) {
    case PEER_WRITE: write_out(p, a->bytes); break;
    case PEER_WANT_SNAPSHOT: want_snapshot(p, a->answer); break;
    case PEER_ATTACH_CURSOR: attach(p, a->offset); break;
    case PEER_FLOWS:
    case PEER_GOES_ONLINE: go_online(p); break;
    case PEER_DROP: replica_drop(p, a->soft); break;
    case PEER_NOTE: repl_log(a->level, a->bytes); break;
    }
}

void replica_perform(struct replica *p, struct peer_actions *out)
{
    for (size_t i = 0; i < out->list.n; i++) perform(p, &out->list.at[i]);
    peer_actions_free(out);
}

void replica_step(struct replica *p, struct peer_event e)
{
    struct replication *r = p->r;
    struct peer_actions out = { 0 };
    struct peer_world world = { .history = &r->history,
                                .window = feed_window(&r->feed),
                                .serving = replication_is_master(r) || link_is_up(&r->link),
                                .failing_over = handover_under_way(r) };
    e.now_ms = repl_now(r);
    e.world = &world;
    peer_step(&p->peer, &r->peer_set, &e, &out);
    replica_perform(p, &out);
}

/* ---- once a second ---- */

void replica_tick(struct replica *p)
{
    struct peer_event e = { .kind = PEER_TICK, .bounded = feed_bounded(&p->r->feed) };
    if (p->cursor.feed) e.lag = cursor_lag(&p->cursor);
    replica_step(p, e);
}

void replicas_tick(struct replication *r)
{
    ilist_each(&r->replicas, node, next) {
        struct replica *p = ilist_of(node, struct replica, node);
        /* A newline is how a replica that loads says that it lives; the front saw it. */
        if (p->client->active_ms > p->peer.heard_ms) p->peer.heard_ms = p->client->active_ms;
        if (p->peer.catching && p->peer.heard_ms > p->peer.acked_at_ms)
            p->peer.acked_at_ms = p->peer.heard_ms;
        replica_tick(p);
    }
    snapshot_check(r);
}

/* ---- beats ---- */

/* A newline between commands, to who has everything: it counts for no offset. */
static void beat(struct replica *p)
{
    struct conn *c = p->client->conn;
    if (p->client->flags & CLIENT_CLOSING || cursor_lag(&p->cursor) > 0) return;
    if (conn_out_size(c) == 0) conn_write_now(c, "\n", 1);
}

void replicas_beat(void *repl)
{
    struct replication *r = repl;
    bool any = false;
    bool fresh = replication_is_master(r) || replication_staleness_ms(r) <= 2 * BEAT_MS;
    ilist_each(&r->replicas, node, next) {
        struct replica *p = ilist_of(node, struct replica, node);
        if (!beats(p)) continue;
        any = true;
        if (fresh) beat(p); /* a replica passes on what is true of itself */
    }
    if (any) loop_timer_after(r->beat_timer, BEAT_MS);
}

/* ---- the digest ---- */

void replicas_digest(struct replication *r)
{
    bool wanted = !replication_is_master(r) && r->link.shared & CAPA_DIGEST;
    ilist_each(&r->replicas, node, next) {
        const struct peer *p = &ilist_of(node, struct replica, node)->peer;
        if (peer_is_replica(p) && p->capa & CAPA_DIGEST) wanted = true;
    }
    if (wanted && !r->digest.on) digest_start(&r->digest, feed_end(&r->feed));
    if (!wanted) digest_stop(&r->digest);
}

void replica_check_digest(struct replica *p)
{
    struct replication *r = p->r;
    struct digest_mark m = p->peer.mark;
    if (m.end == p->digest_end) return;
    p->digest_end = m.end;
    enum digest_answer a = digest_compare(&r->digest, m);
    r->digests += a != DIGEST_UNKNOWN;
    if (a != DIGEST_DIFFERS) return;
    r->digest_differs++;
    snprintf(r->differs_at, sizeof(r->differs_at), "%s@%lld", p->peer.name, (long long)m.end);
    log_warning("Replica %s has applied other bytes than were sent, or could not apply them, "
                "between offsets %lld and %lld: its data differ. A full resynchronization "
                "(REPLICAOF NO ONE and back) makes them equal.",
                p->peer.name, (long long)(m.end - DIGEST_WINDOW + 1), (long long)m.end);
    pubsub_publish(r->front, SLICE("__replication__:divergence"), slice_z(r->differs_at));
}

/* ---- counting ---- */

bool replicas_ack_live(const struct replication *r)
{
    ilist_each(&r->replicas, node, next) {
        const struct peer *p = &ilist_of(node, struct replica, node)->peer;
        if (peer_is_replica(p) && !(p->capa & CAPA_LIVE_ACK)) return false;
    }
    return true;
}

int replicas_votes(const struct replication *r, struct quorum_vote *out, int max)
{
    int n = 0;
    ilist_each(&r->replicas, node, next) {
        const struct peer *p = &ilist_of(node, struct replica, node)->peer;
        if (n == max || !peer_is_replica(p)) continue;
        out[n++] = (struct quorum_vote){ peer_online(p), p->acked, p->acked_at_ms, p->fsynced };
    }
    return n;
}

int replication_replicas(const struct replication *r)
{
    int n = 0;
    ilist_each(&r->replicas, node, next) n +=
        peer_is_replica(&ilist_of(node, struct replica, node)->peer);
    return n;
}

int replication_good_replicas(const struct replication *r)
{
    struct quorum_vote votes[REPLICAS_MAX];
    int n = replicas_votes(r, votes, REPLICAS_MAX);
    return quorum_good(votes, n, repl_now(r), r->set.min_replicas_max_lag_s);
}
