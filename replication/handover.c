#include "replication/handover.h"

static const struct handover_peer *find(const struct handover_request *q,
                                        const struct handover_peer *peers, int n)
{
    for (int i = 0; i < n; i++)
        if (peers[i].port == q->port && slice_ieqz(slice_z(peers[i].host), q->host))
            return &peers[i];
    return NULL;
}

static const char *target_refusal(const struct handover_request *q,
                                  const struct handover_peer *peers, int n)
{
    if (q->force && (!q->named || q->timeout_ms == 0))
        return "FAILOVER with force option requires both a timeout and target HOST and IP.";
    if (!q->named) return NULL;
    const struct handover_peer *p = find(q, peers, n);
    if (p == NULL) return "FAILOVER target HOST and PORT is not a replica.";
    return p->online ? NULL : "FAILOVER target replica is not online.";
}

const char *handover_refusal(const struct handover *h, const struct handover_request *q,
                             bool is_master, const struct handover_peer *peers, int n)
{
    if (q->abort) return h->state == HANDOVER_NONE ? "No failover in progress." : NULL;
    if (h->state != HANDOVER_NONE) return "FAILOVER already in progress.";
    if (!is_master) return "FAILOVER is not valid when server is a replica.";
    if (n == 0) return "FAILOVER requires connected replicas.";
    return target_refusal(q, peers, n);
}

void handover_begin(struct handover *h, const struct handover_request *q, int64_t now_ms)
{
    *h = (struct handover){ .state = HANDOVER_WAITS, .want = *q };
    h->deadline_ms = q->timeout_ms > 0 && q->timeout_ms < INT64_MAX - now_ms
                         ? now_ms + q->timeout_ms
                         : INT64_MAX;
}

const char *handover_take_refusal(bool is_master, bool same_history, int64_t end, int64_t must_have)
{
    if (is_master) return "PSYNC FAILOVER can't be sent to a master.";
    if (!same_history) return "PSYNC FAILOVER replid must match my replid.";
    return end < must_have ? "PSYNC FAILOVER needs data that I do not have." : NULL;
}

static void choose(struct handover *h, const char *host, int port, int64_t must_have)
{
    text_copy(h->host, sizeof(h->host), host);
    h->port = port;
    h->must_have = must_have;
}

enum handover_verdict handover_look(struct handover *h, int64_t now_ms, int64_t end,
                                    const struct handover_peer *peers, int n)
{
    for (int i = 0; i < n; i++) {
        const struct handover_peer *p = &peers[i];
        if (h->want.named && p != find(&h->want, peers, n)) continue;
        if (!p->online || p->acked < end) continue;
        choose(h, p->host, p->port, end);
        return HANDOVER_SWITCHES;
    }
    if (now_ms < h->deadline_ms) return HANDOVER_STAYS;
    if (!h->want.force) return HANDOVER_LATE;
    choose(h, h->want.host, (int)h->want.port, -1);
    return HANDOVER_SWITCHES;
}

enum handover_verdict handover_unheard(const struct handover *h, int64_t now_ms)
{
    return now_ms < h->deadline_ms ? HANDOVER_STAYS : HANDOVER_LATE;
}

void handover_goes(struct handover *h, int64_t now_ms, int64_t connect_ms)
{
    h->state = HANDOVER_GOES;
    h->deadline_ms = now_ms + connect_ms;
}

void handover_end(struct handover *h) { *h = (struct handover){ .state = HANDOVER_NONE }; }

const char *handover_state_name(const struct handover *h)
{
    static const char *const names[] = { [HANDOVER_NONE] = "no-failover",
                                         [HANDOVER_WAITS] = "waiting-for-sync",
                                         [HANDOVER_GOES] = "failover-in-progress" };
    return names[h->state];
}
