#include "replication/replication.h"

#include <stdio.h>

#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/sys/log.h"
#include "replication/shell.h"

#define PING "*1\r\n$4\r\nPING\r\n"
/* Of the feed: what a slow replica left behind goes in pieces, without a long pause. */
#define TRIMS_A_SECOND 16
#define GETACK "*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n"

void repl_log(enum note_level level, struct slice text)
{
    static const enum log_level levels[] = {
        [NOTE_DEBUG] = LOG_LEVEL_DEBUG,
        [NOTE_VERBOSE] = LOG_LEVEL_VERBOSE,
        [NOTE_NOTICE] = LOG_LEVEL_NOTICE,
        [NOTE_WARNING] = LOG_LEVEL_WARNING,
    };
    log_line(levels[level], "%.*s", SLICE_ARG(text));
}

void repl_new_id(struct replication *r, char out[REPLID_LEN + 1])
{
    rng_hex(&r->rng, out, REPLID_LEN);
    out[REPLID_LEN] = '\0';
}

/* ---- life ---- */

static void apply_settings(struct replication *r, const struct repl_settings *s)
{
    r->set = *s;
    uint64_t hard = s->replica_hard_bytes;
    if (hard && hard < s->backlog_bytes) hard = s->backlog_bytes;
    r->peer_set = (struct peer_settings){ .timeout_ms = (int64_t)s->timeout_s * 1000,
                                          .hard_bytes = hard,
                                          .soft_bytes = s->replica_soft_bytes,
                                          .soft_ms = (int64_t)s->replica_soft_s * 1000 };
    overflow_settings(&r->overflow, s->dir, s->spool_file_bytes);
    struct feed_limits limits = { s->spool_bytes, (int64_t)s->spool_age_s * 1000 };
    feed_set_store(&r->feed, &r->overflow.store, limits);
}

struct replication *replication_new(struct front *f, struct resolver *res,
                                    const struct repl_host *host, const struct repl_settings *s,
                                    uint64_t seed)
{
    struct replication *r = mem_zalloc(sizeof(*r));
    char id[REPLID_LEN + 1];
    r->front = f;
    r->loop = f->loop;
    r->resolver = res;
    r->host = *host;
    r->stream_db = -1;
    rng_seed(&r->rng, seed);
    overflow_init(&r->overflow);
    feed_init(&r->feed, s->backlog_bytes, 0);
    apply_settings(r, s);
    repl_new_id(r, id);
    history_init(&r->history, id);
    ilist_init(&r->replicas);
    r->alone_since_ms = r->ping_ms = repl_now(r);
    link_io_init(r);
    snapshot_io_init(r);
    waits_init(r);
    handover_io_init(r);
    r->beat_timer = loop_timer_new(r->loop, replicas_beat, r);
    return r;
}

void replication_delete(struct replication *r)
{
    if (r == NULL) return;
    link_io_end(r);
    /* None waits any more: no snapshot is started on the way out. */
    ilist_each(&r->replicas, node, next) ilist_of(node, struct replica, node)->peer.state =
        PEER_ENDED;
    ilist_each(&r->replicas, node, next)
        replication_client_gone(r, ilist_of(node, struct replica, node)->client);
    snapshot_io_end(r);
    waits_end(r);
    handover_io_end(r);
    loop_timer_delete(r->beat_timer);
    feed_free(&r->feed);
    overflow_free(&r->overflow);
    mem_free(r);
}

static void size_backlog(struct replication *r)
{
    struct backlog_want w = { r->set.backlog_bytes, r->set.backlog_max_bytes, r->set.backlog_s };
    uint64_t size = backlog_size(&r->backlog, &w);
    if (size != r->feed.backlog_bytes) feed_set_backlog(&r->feed, size);
    /* A replica may be behind by the whole backlog: dropping it then would be of no use. */
    if (r->set.replica_hard_bytes && size > r->set.replica_hard_bytes)
        r->peer_set.hard_bytes = size;
}

void replication_settings(struct replication *r, const struct repl_settings *s)
{
    apply_settings(r, s);
    size_backlog(r);
    link_io_settings(r);
    snapshot_check(r);
}

/* ---- the write stream ---- */

bool replication_wants_stream(const struct replication *r)
{
    return r->feed.open && r->link.state == LINK_NONE;
}

void repl_put(struct replication *r, struct slice bytes)
{
    if (r->digest.on) {
        if (r->digest.at != feed_end(&r->feed)) digest_start(&r->digest, feed_end(&r->feed));
        digest_add(&r->digest, bytes);
    }
    feed_append(&r->feed, bytes);
}

static void append_select(struct replication *r, int db)
{
    char number[NUM_I64_MAX], text[64];
    size_t n = num_from_i64(number, db);
    int len =
        snprintf(text, sizeof(text), "*2\r\n$6\r\nSELECT\r\n$%zu\r\n%.*s\r\n", n, (int)n, number);
    repl_put(r, slice_of(text, (size_t)len));
    r->stream_db = db;
}

void replication_append(struct replication *r, int db, struct slice bytes)
{
    if (!replication_wants_stream(r)) return;
    if (db >= 0 && db != r->stream_db) append_select(r, db);
    repl_put(r, bytes);
}

bool replication_read(struct replication *r, int64_t first, size_t n, struct buf *out)
{
    struct feed_cursor c = { 0 };
    if (!r->feed.open || first + (int64_t)n > feed_end(&r->feed) + 1) return false;
    if (!cursor_attach(&c, &r->feed, first)) return false;
    while (n > 0) {
        struct slice s = cursor_peek(&c);
        if (s.n == 0) break; /* lost */
        if (s.n > n) s.n = n;
        buf_puts(out, s);
        cursor_advance(&c, s.n);
        n -= s.n;
    }
    cursor_detach(&c);
    return n == 0;
}

int64_t replication_applying(const struct replication *r)
{
    return r->link.offset + (int64_t)(r->link.scanned - r->link.request.size);
}

int64_t replication_held(const struct replication *r) { return feed_held(&r->feed); }

int64_t replication_slowest(const struct replication *r)
{
    int64_t slowest = INT64_MAX;
    ilist_each((struct ilist *)&r->replicas, node, next) {
        const struct peer *p = &ilist_of(node, struct replica, node)->peer;
        int64_t acked = p->acked < 0 ? 0 : p->acked;
        if (peer_is_replica(p) && acked < slowest) slowest = acked;
    }
    return slowest < INT64_MAX ? slowest : -1;
}

void replication_settle(struct replication *r)
{
    if (r->replicas_n == 0 || !r->want_acks) return;
    r->want_acks = false;
    if (replicas_ack_live(r)) return;
    r->asked_at = feed_end(&r->feed);
    replication_append(r, -1, SLICE(GETACK));
    r->asked_end = feed_end(&r->feed);
}

void replication_flush(struct replication *r)
{
    if (r->replicas_n == 0) return;
    ilist_each(&r->replicas, node, next) {
        struct replica *p = ilist_of(node, struct replica, node);
        if (p->cursor.feed == NULL) continue;
        uint64_t lag = cursor_lag(&p->cursor);
        if (lag == 0) continue;
        if (p->flowing) replica_flow(p);
        if (r->peer_set.hard_bytes && lag >= r->peer_set.hard_bytes) replica_tick(p);
    }
}

void replication_fsynced(struct replication *r)
{
    waits_check(r);
    if (link_is_up(&r->link)) link_io_step(r, (struct link_event){ .kind = LINK_FSYNCED });
}

void replication_ask_acks(struct replication *r) { r->want_acks = true; }

/* ---- time ---- */

static void ping_replicas(struct replication *r)
{
    int64_t now = repl_now(r);
    /* During a handover the stream stands still, so that the target can have all of it. */
    if (now - r->ping_ms < (int64_t)r->set.ping_period_s * 1000 || handover_under_way(r)) return;
    r->ping_ms = now;
    if (replication_replicas(r) > 0) replication_append(r, -1, SLICE(PING));
}

/* A master without replicas for long gives its backlog up; a new id then, since what it writes from
 * now on is not counted. */
static void backlog_ttl(struct replication *r)
{
    if (replication_replicas(r) > 0) r->alone_since_ms = repl_now(r);
    if (!replication_wants_stream(r) || r->replicas_n > 0 || r->set.backlog_ttl_s == 0) return;
    if (repl_now(r) - r->alone_since_ms <= (int64_t)r->set.backlog_ttl_s * 1000) return;
    char id[REPLID_LEN + 1];
    repl_new_id(r, id);
    history_init(&r->history, id);
    feed_close(&r->feed);
    log_notice("Replication backlog freed after %d seconds without connected replicas.",
               r->set.backlog_ttl_s);
}

void replication_cron(struct replication *r)
{
    backlog_look(&r->backlog, feed_end(&r->feed), repl_now(r));
    size_backlog(r);
    feed_tick(&r->feed, repl_now(r));
    ping_replicas(r);
    replicas_tick(r);
    backlog_ttl(r);
    for (int i = 0; i < TRIMS_A_SECOND; i++)
        feed_trim(&r->feed);
}

/* ---- clients ---- */

int64_t replication_end_to_ack(const struct replication *r)
{
    int64_t end = feed_end(&r->feed);
    return end == r->asked_end ? r->asked_at : end;
}

int replication_lagging(struct replication *r)
{
    int n = 0;
    int64_t end = replication_end_to_ack(r);
    ilist_each(&r->replicas, node, next) {
        struct replica *p = ilist_of(node, struct replica, node);
        n += peer_online(&p->peer) && p->peer.acked < end;
    }
    return n;
}

int64_t replication_last_ack(const struct replication *r)
{
    int64_t last = -1;
    ilist_each(&r->replicas, node, next) {
        const struct peer *p = &ilist_of(node, struct replica, node)->peer;
        if (peer_is_replica(p) && peer_online(p) && p->acked_at_ms > last) last = p->acked_at_ms;
    }
    return last;
}

int replication_followers(const struct replication *r, int64_t *oldest)
{
    int n = 0;
    *oldest = -1;
    ilist_each(&r->replicas, node, next) {
        const struct peer *p = &ilist_of(node, struct replica, node)->peer;
        if (!peer_is_replica(p) || !peer_online(p)) continue;
        if (n++ == 0 || p->acked_at_ms < *oldest) *oldest = p->acked_at_ms;
    }
    return n;
}

bool replication_is_follower(const struct replication *r, const struct client *cl)
{
    ilist_each(&r->replicas, node, next) {
        const struct replica *p = ilist_of(node, struct replica, node);
        if (p->client == cl) return peer_is_replica(&p->peer) && peer_online(&p->peer);
    }
    return false;
}

bool replication_handing_over(const struct replication *r)
{
    return r->hand.state != HANDOVER_NONE;
}

void replication_log_lagging(struct replication *r)
{
    int64_t end = replication_end_to_ack(r);
    int n = 0, lagging = 0;
    ilist_each(&r->replicas, node, next) {
        struct replica *p = ilist_of(node, struct replica, node);
        n++;
        if (peer_online(&p->peer) && p->peer.acked >= end) continue;
        lagging++;
        log_notice("Lagging replica %s reported offset %lld behind master, lag=%lld, state=%s.",
                   p->peer.name, (long long)(end - p->peer.acked),
                   (long long)((repl_now(r) - p->peer.acked_at_ms) / 1000),
                   peer_state_name(&p->peer));
    }
    if (n) log_notice("%d of %d replicas are in sync when shutting down.", n - lagging, n);
}

void replication_change_id(struct replication *r)
{
    char id[REPLID_LEN + 1];
    repl_new_id(r, id);
    history_init(&r->history, id);
}
