/* Clients that wait: for replicas to have its writes (WAIT), for disks to have them (WAITAOF), or
 * for this node to have somebody else's (WAITOFFSET); each until then, or its time is over. */
#include "core/base/mem.h"
#include "core/front/call.h"
#include "core/front/reply.h"
#include "replication/shell.h"

/* What is counted at one look at all waiters. */
struct view {
    struct quorum_vote votes[REPLICAS_MAX];
    int n;
    bool disk; /* there is an append-only file */
    uint64_t written, synced;
};

struct wait_kind {
    bool of_master; /* ends when we become a replica */
    bool asks;      /* acknowledgements are asked for */
    bool (*met)(const struct replication *r, const struct wait_want *w, const struct view *v);
    void (*reply)(const struct replication *r, struct call *c, const struct wait_want *w,
                  const struct view *v);
};

bool waits_disk(const struct replication *r, uint64_t *written)
{
    uint64_t synced;
    return r->host.disk && r->host.disk(r->host.arg, written, &synced);
}

int64_t waits_fsynced(const struct replication *r)
{
    return r->host.fsynced ? r->host.fsynced(r->host.arg) : -1;
}

static void look(const struct replication *r, struct view *v)
{
    v->n = replicas_votes(r, v->votes, REPLICAS_MAX);
    v->disk = r->host.disk && r->host.disk(r->host.arg, &v->written, &v->synced);
}

/* ---- WAIT ---- */

static bool replicas_met(const struct replication *r, const struct wait_want *w,
                         const struct view *v)
{
    return quorum_count(v->votes, v->n, w->offset) >= w->need;
}

static void replicas_reply(const struct replication *r, struct call *c, const struct wait_want *w,
                           const struct view *v)
{
    reply_int(c, quorum_count(v->votes, v->n, w->offset));
}

const struct wait_kind wait_replicas = { true, true, replicas_met, replicas_reply };

/* ---- WAITAOF ---- */

static bool disk_met(const struct wait_want *w, const struct view *v)
{
    return v->disk && v->synced >= w->written;
}

static bool disks_met(const struct replication *r, const struct wait_want *w, const struct view *v)
{
    return (!w->local || disk_met(w, v)) &&
           quorum_on_disk(v->votes, v->n, w->offset) >= w->need;
}

static void disks_reply(const struct replication *r, struct call *c, const struct wait_want *w,
                        const struct view *v)
{
    reply_array(c, 2);
    reply_int(c, disk_met(w, v));
    reply_int(c, quorum_on_disk(v->votes, v->n, w->offset));
}

const struct wait_kind wait_disks = { true, true, disks_met, disks_reply };

/* ---- WAITOFFSET ---- */

enum have { HAVE_NOT, HAVE_IT, HAVE_OTHER };

static int64_t here(const struct replication *r)
{
    return replication_is_master(r) ? feed_end(&r->feed) : r->link.offset;
}

static enum have have(const struct replication *r, const struct wait_want *w)
{
    const struct history *h = &r->history;
    if (slice_ieqz(slice_z(w->replid), history_id(h)))
        return here(r) >= w->offset ? HAVE_IT : HAVE_NOT;
    if (slice_ieqz(slice_z(w->replid), history_id2(h)) && w->offset < history_second_offset(h))
        return HAVE_IT;
    return HAVE_OTHER;
}

static bool offset_met(const struct replication *r, const struct wait_want *w, const struct view *v)
{
    return have(r, w) != HAVE_NOT;
}

static void offset_reply(const struct replication *r, struct call *c, const struct wait_want *w,
                         const struct view *v)
{
    enum have got = have(r, w);
    if (got == HAVE_OTHER)
        reply_error(c, "-NOHISTORY The data here do not come from that history up to that offset");
    else reply_int(c, got == HAVE_IT);
}

const struct wait_kind wait_offset = { false, false, offset_met, offset_reply };

/* ---- who waits ---- */

static void on_timer(void *arg);

void waits_init(struct replication *r)
{
    ilist_init(&r->waiters);
    r->wait_timer = loop_timer_new(r->loop, on_timer, r);
}

static void forget(struct waiter *w)
{
    ilist_remove(&w->node);
    mem_free(w);
}

void waits_end(struct replication *r)
{
    ilist_each(&r->waiters, node, next) forget(ilist_of(node, struct waiter, node));
    loop_timer_delete(r->wait_timer);
}

static void arm(struct replication *r)
{
    int64_t due = INT64_MAX;
    ilist_each(&r->waiters, node, next) {
        struct waiter *w = ilist_of(node, struct waiter, node);
        if (w->deadline_ms < due) due = w->deadline_ms;
    }
    if (due == INT64_MAX) loop_timer_cancel(r->wait_timer);
    else loop_timer_after(r->wait_timer, due - repl_now(r));
}

static void answer(struct replication *r, struct waiter *w, const struct view *v)
{
    struct client *cl = w->client;
    struct call c = reply_call_for(cl);
    struct wait_want want = w->want;
    forget(w);
    want.kind->reply(r, &c, &want, v);
    client_unblock(cl);
}

void waits_begin(struct replication *r, struct call *c, const struct wait_want *want,
                 int64_t timeout_ms)
{
    struct view v;
    look(r, &v);
    bool may_block = !r->host.may_block || r->host.may_block(r->host.arg, c->client);
    if (!may_block || want->kind->met(r, want, &v)) {
        want->kind->reply(r, c, want, &v);
        return;
    }
    struct waiter *w = mem_zalloc(sizeof(*w));
    w->client = c->client;
    w->want = *want;
    w->deadline_ms = timeout_ms > 0 ? repl_now(r) + timeout_ms : INT64_MAX;
    ilist_push(&r->waiters, &w->node);
    client_block(c->client);
    c->blocked = true;
    if (want->kind->asks) r->want_acks = true;
    arm(r);
}

static void sweep(struct replication *r, int64_t now)
{
    struct view v;
    look(r, &v);
    ilist_each(&r->waiters, node, next) {
        struct waiter *w = ilist_of(node, struct waiter, node);
        if (now >= w->deadline_ms || w->want.kind->met(r, &w->want, &v)) answer(r, w, &v);
    }
}

void waits_check(struct replication *r)
{
    if (!ilist_empty(&r->waiters)) sweep(r, repl_now(r));
}

static void on_timer(void *arg)
{
    struct replication *r = arg;
    sweep(r, repl_now(r));
    arm(r);
}

void waits_role_changed(struct replication *r)
{
    ilist_each(&r->waiters, node, next) {
        struct waiter *w = ilist_of(node, struct waiter, node);
        if (!w->want.kind->of_master) continue;
        struct client *cl = w->client;
        struct call c = reply_call_for(cl);
        forget(w);
        reply_error(&c, "-UNBLOCKED force unblock from blocking operation, instance state changed "
                        "(master -> replica?)");
        client_unblock(cl);
    }
}

bool waits_remove(struct replication *r, struct client *cl)
{
    ilist_each(&r->waiters, node, next) {
        struct waiter *w = ilist_of(node, struct waiter, node);
        if (w->client != cl) continue;
        forget(w);
        return true;
    }
    return false;
}

bool replication_unblock(struct replication *r, struct client *cl, bool with_error)
{
    ilist_each(&r->waiters, node, next) {
        struct waiter *w = ilist_of(node, struct waiter, node);
        if (w->client != cl) continue;
        struct view v;
        look(r, &v);
        if (!with_error) {
            answer(r, w, &v);
            return true;
        }
        struct call c = reply_call_for(cl);
        forget(w);
        reply_error(&c, "-UNBLOCKED client unblocked via CLIENT UNBLOCK");
        client_unblock(cl);
        return true;
    }
    return false;
}
