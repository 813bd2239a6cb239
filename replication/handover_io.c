/* Drives the handover: pauses writes, follows the target, unpauses when it is decided. */
#include "core/sys/log.h"
#include "replication/shell.h"

#define LOOK_MS 100 /* deadlines are looked at that often; acknowledgements at once */

static void on_timer(void *arg);

void handover_io_init(struct replication *r)
{
    r->hand_timer = loop_timer_new(r->loop, on_timer, r);
}

void handover_io_end(struct replication *r) { loop_timer_delete(r->hand_timer); }

bool handover_under_way(const struct replication *r) { return r->hand.state != HANDOVER_NONE; }

/* Addresses are copied: they are lent by none of the replicas' structs. */
struct view {
    char ip[REPLICAS_MAX][PEER_IP_MAX];
    struct handover_peer peer[REPLICAS_MAX];
    int n;
};

static void look_around(const struct replication *r, struct view *v)
{
    v->n = 0;
    ilist_each(&r->replicas, node, next) {
        const struct replica *p = ilist_of(node, struct replica, node);
        if (v->n == REPLICAS_MAX || !peer_is_replica(&p->peer)) continue;
        replica_ip(p, v->ip[v->n], PEER_IP_MAX);
        v->peer[v->n] = (struct handover_peer){ v->ip[v->n], p->peer.port, peer_online(&p->peer),
                                                p->peer.acked };
        v->n++;
    }
}

static void finish(struct replication *r)
{
    handover_end(&r->hand);
    loop_timer_cancel(r->hand_timer);
    front_unpause(r->front, PAUSE_BY_FAILOVER);
}

static void give_up(struct replication *r, const char *why)
{
    bool gone = r->hand.state == HANDOVER_GOES;
    const char *host = r->hand.host[0] ? r->hand.host : r->hand.want.host;
    int port = r->hand.host[0] ? r->hand.port : (int)r->hand.want.port;
    if (host[0]) log_notice("FAILOVER to %s:%d aborted: %s", host, port, why);
    else log_notice("FAILOVER aborted: %s", why);
    if (gone) role_back(r);
    finish(r);
}

static void go(struct replication *r)
{
    bool synced = r->hand.must_have >= 0;
    log_notice("Failover target %s:%d %s, failing over.", r->hand.host, r->hand.port,
               synced ? "is synced" : "is not synced: time out exceeded");
    handover_goes(&r->hand, repl_now(r), (int64_t)r->set.timeout_s * 1000);
    role_hand_over(r);
}

void handover_acked(struct replication *r)
{
    if (r->hand.state != HANDOVER_WAITS) return;
    struct view v;
    look_around(r, &v);
    switch (handover_look(&r->hand, repl_now(r), replication_end_to_ack(r), v.peer, v.n)) {
    case HANDOVER_STAYS: break;
    case HANDOVER_SWITCHES: go(r); break;
    case HANDOVER_LATE: give_up(r, "Replica never caught up before timeout"); break;
    }
}

void handover_linked(struct replication *r)
{
    if (r->hand.state != HANDOVER_GOES) return;
    if (r->link.hand == LINK_HAND_DONE) {
        finish(r);
        if (r->host.demoted) r->host.demoted(r->host.arg, r->hand_by);
    } else if (r->link.hand == LINK_HAND_REFUSED)
        give_up(r, "Failover target rejected psync request");
}

static void on_timer(void *arg)
{
    struct replication *r = arg;
    handover_acked(r);
    if (r->hand.state == HANDOVER_GOES && !r->link.hand_sent &&
        handover_unheard(&r->hand, repl_now(r)) == HANDOVER_LATE)
        give_up(r, "Failover target can not be reached");
    if (handover_under_way(r)) loop_timer_after(r->hand_timer, LOOK_MS);
}

const char *handover_command(struct replication *r, const struct handover_request *q)
{
    struct view v;
    look_around(r, &v);
    const char *no = handover_refusal(&r->hand, q, replication_is_master(r), v.peer, v.n);
    if (no) return no;
    if (q->abort) {
        give_up(r, "Failover manually aborted");
        return NULL;
    }
    if (q->named) log_notice("FAILOVER requested to %s:%d.", q->host, (int)q->port);
    else log_notice("FAILOVER requested.");
    handover_begin(&r->hand, q, repl_now(r));
    r->hand_by = r->front->running ? r->front->running->id : 0;
    front_pause(r->front, PAUSE_BY_FAILOVER, INT64_MAX, true);
    r->want_acks = true;
    loop_timer_after(r->hand_timer, 0);
    return NULL;
}
