/* Clients that WAIT: each until enough replicas have its writes, or its time is over. */
#include "core/base/mem.h"
#include "core/front/reply.h"
#include "replication/shell.h"

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

int waits_count(const struct replication *r, int64_t offset)
{
    struct quorum_vote votes[REPLICAS_MAX];
    return quorum_count(votes, replicas_votes(r, votes, REPLICAS_MAX), offset);
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

static void answer(struct waiter *w, int count)
{
    struct client *cl = w->client;
    struct call c = reply_call_for(cl);
    forget(w);
    reply_int(&c, count);
    client_unblock(cl);
}

void waits_add(struct replication *r, struct client *cl, int need, int64_t timeout_ms)
{
    struct waiter *w = mem_zalloc(sizeof(*w));
    w->client = cl;
    w->need = need;
    w->offset = feed_end(&r->feed);
    w->deadline_ms = timeout_ms > 0 ? repl_now(r) + timeout_ms : INT64_MAX;
    ilist_push(&r->waiters, &w->node);
    client_block(cl);
    r->want_acks = true;
    arm(r);
}

static void sweep(struct replication *r, int64_t now)
{
    struct quorum_vote votes[REPLICAS_MAX];
    int n = replicas_votes(r, votes, REPLICAS_MAX);
    ilist_each(&r->waiters, node, next) {
        struct waiter *w = ilist_of(node, struct waiter, node);
        int count = quorum_count(votes, n, w->offset);
        if (count >= w->need || now >= w->deadline_ms) answer(w, count);
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

void waits_fail_all(struct replication *r, const char *error)
{
    ilist_each(&r->waiters, node, next) {
        struct waiter *w = ilist_of(node, struct waiter, node);
        struct client *cl = w->client;
        struct call c = reply_call_for(cl);
        forget(w);
        reply_error(&c, error);
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
