#include "replication/guard.h"

static bool in_grace(const struct guard *g, int64_t grace_ms, int64_t now_ms)
{
    return grace_ms == 0 || g->since_ms == 0 || now_ms - g->since_ms < grace_ms;
}

bool guard_refuses(struct guard *g, const struct guard_case *c, int64_t now_ms)
{
    if (!c->on || !c->replicated || !c->foreign) return false;
    if (c->ours == 0 || c->theirs >= c->ours / GUARD_SHARE + (c->ours % GUARD_SHARE != 0))
        return false;
    if (!in_grace(g, c->grace_ms, now_ms)) return false;
    if (g->since_ms == 0) g->since_ms = now_ms;
    g->refusals++;
    return true;
}

void guard_settled(struct guard *g) { g->since_ms = 0; }

int64_t guard_left_ms(const struct guard *g, int64_t grace_ms, int64_t now_ms)
{
    if (g->since_ms == 0 || grace_ms == 0) return -1;
    int64_t left = g->since_ms + grace_ms - now_ms;
    return left > 0 ? left : 0;
}
