/* Who we are: master or replica, under which id, from which position. */
#include "core/sys/log.h"
#include "replication/shell.h"

bool replication_is_master(const struct replication *r) { return r->link.state == LINK_NONE; }

const char *replication_master_host(const struct replication *r)
{
    return replication_is_master(r) ? NULL : r->link.host;
}
int replication_master_port(const struct replication *r) { return r->link.port; }
bool replication_link_up(const struct replication *r) { return link_is_up(&r->link); }
int64_t replication_offset(const struct replication *r) { return feed_end(&r->feed); }

int64_t replication_staleness_ms(const struct replication *r)
{
    if (replication_is_master(r)) return 0;
    return r->link.fresh_ms ? repl_now(r) - r->link.fresh_ms : INT64_MAX;
}

const char *replication_id(const struct replication *r) { return history_id(&r->history); }

/* ---- to replica ---- */

/* What we are the effect of is known only if every byte of it was counted. */
static bool has_position(const struct replication *r) { return r->feed.open; }

/* hand: the target of FAILOVER; NULL: an ordinary master. */
static void become_replica(struct replication *r, const char *host, int port,
                           const struct handover *hand)
{
    bool was_master = replication_is_master(r);
    struct link_event e = { .kind = LINK_FOLLOW, .host = host, .port = port, .hand = hand };
    if (hand) e.must_have = hand->must_have;
    if (was_master && has_position(r)) {
        log_notice("Before turning into a replica, using my own master parameters to synthesize a "
                   "cached master: I may be able to synchronize with the new master with just a "
                   "partial transfer.");
        e.replid = history_id(&r->history);
        e.offset = feed_end(&r->feed);
    }
    if (was_master) waits_role_changed(r);
    feed_open(&r->feed);
    r->stream_db = -1;
    link_io_step(r, e);
    if (r->host.master_changed) r->host.master_changed(r->host.arg, host, port);
    if (r->host.role_changed) r->host.role_changed(r->host.arg, false);
    if (was_master && !hand && r->host.demoted)
        r->host.demoted(r->host.arg, r->front->running ? r->front->running->id : 0);
}

/* ---- to master ---- */

static void shift_id(struct replication *r)
{
    char id[REPLID_LEN + 1];
    repl_new_id(r, id);
    history_promote(&r->history, 0, id, feed_end(&r->feed));
    log_warning("Setting secondary replication ID to %s, valid up to offset: %lld. New replication "
                "ID is %s",
                history_id2(&r->history), (long long)history_second_offset(&r->history), id);
}

static void become_master(struct replication *r)
{
    if (replication_is_master(r)) return;
    /* A load that is broken off may leave data that is nobody's: then there is no previous id. */
    bool torn = r->link.state == LINK_LOADING;
    link_io_step(r, (struct link_event){ .kind = LINK_DETACH });
    if (torn) {
        char id[REPLID_LEN + 1];
        repl_new_id(r, id);
        history_init(&r->history, id);
    } else {
        shift_id(r);
    }
    r->replicated = false;
    guard_settled(&r->guard);
    replicas_drop_all(r); /* they ask again, and may go on under the previous id */
    r->stream_db = -1;
    r->alone_since_ms = repl_now(r);
    if (r->host.master_changed) r->host.master_changed(r->host.arg, NULL, 0);
    if (r->host.role_changed) r->host.role_changed(r->host.arg, true);
}

void replication_follow(struct replication *r, const char *host, int port)
{
    if (host)
        become_replica(r, host, port, NULL);
    else
        become_master(r);
}

void role_hand_over(struct replication *r)
{
    become_replica(r, r->hand.host, r->hand.port, &r->hand);
}

void role_back(struct replication *r) { become_master(r); }

/* ---- what the link found out ---- */

void role_adopt(struct replication *r, const struct link_action *a)
{
    char id[REPLID_LEN + 1];
    text_copy(id, sizeof(id), a->replid);
    r->replicated = true;
    guard_settled(&r->guard);
    if (a->full) {
        replicas_drop_all(r);
        if (id[0] == '\0') repl_new_id(r, id); /* a master without ids */
        history_adopt(&r->history, id);
        feed_rebase(&r->feed, a->offset);
    } else if (id[0] && history_continue(&r->history, id, a->offset)) {
        replicas_drop_all(r);
    }
    feed_open(&r->feed);
    r->stream_db = -1;
    replicas_digest(r);
    waits_check(r);
}

/* ---- positions in snapshots ---- */

bool replication_position(const struct replication *r, char *replid, int64_t *offset,
                          int *stream_db)
{
    if (replication_is_master(r)) {
        if (!r->feed.open) return false;
        text_copy(replid, REPLID_LEN + 1, history_id(&r->history));
        *offset = feed_end(&r->feed);
        *stream_db = r->stream_db < 0 ? 0 : r->stream_db;
        return true;
    }
    if (r->link.replid[0] == '\0') return false;
    text_copy(replid, REPLID_LEN + 1, r->link.replid);
    *offset = r->link.offset;
    *stream_db = r->host.stream_db(r->host.arg);
    return true;
}

void replication_restore(struct replication *r, const char *replid, int64_t offset, int stream_db,
                         bool as_replica)
{
    char saved[REPLID_LEN + 1], id[REPLID_LEN + 1];
    if (!replid_read(slice_z(replid), saved) || offset < 0) return;
    if (as_replica) {
        history_restore_replica(&r->history, saved);
        r->replicated = true;
        if (r->host.set_stream_db) r->host.set_stream_db(r->host.arg, stream_db);
    } else {
        repl_new_id(r, id);
        history_restore_master(&r->history, id, saved, offset);
    }
    feed_rebase(&r->feed, offset);
    feed_open(&r->feed);
}

void replication_refill(struct replication *r, struct slice tail)
{
    int64_t end = feed_end(&r->feed);
    if (!r->feed.open || tail.n == 0 || (int64_t)tail.n > end) return;
    feed_rebase(&r->feed, end - (int64_t)tail.n);
    feed_open(&r->feed);
    feed_append(&r->feed, tail);
}
