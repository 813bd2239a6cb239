#include "sentinel/hand_over.h"

#include <stdio.h>

#include "sentinel/core.h"
#include "sentinel/events.h"
#include "sentinel/group.h"
#include "sentinel/send.h"

#define TIME_MS 5000     /* given to the master, unless failover-timeout is shorter */
#define LATE_MS 500      /* the result may show so much later */
#define POLL_MIN_MS 4    /* between two looks; */
#define POLL_MAX_MS 50   /* ever more slowly */

static int64_t allowed(const struct sn_group *g)
{
    int64_t half = g->saved.failover_timeout_ms / 2;
    return half > 0 && half < TIME_MS ? half : TIME_MS;
}

bool sn_hand_over_ask(struct sn_group *g)
{
    struct sn_instance *m = g->master, *to = g->fo.promoted;
    char port[16], ms[24];
    if (m->s_down || m->facts.role != SN_ROLE_MASTER || m->facts.role_at == SN_NEVER) return false;
    snprintf(port, sizeof(port), "%d", to->addr.port);
    snprintf(ms, sizeof(ms), "%lld", (long long)allowed(g));
    if (!sn_send(m, SN_CMD, SN_TAG_HAND_OVER,
                 SN_WORDS("FAILOVER", "TO", to->addr.host, port, "TIMEOUT", ms)))
        return false;
    sn_emit(g->core, SN_EVT_HAND_OVER, m, NULL);
    g->fo.hand = SN_HAND_ASKED;
    g->fo.hand_until = g->core->now + allowed(g) + LATE_MS;
    g->fo.polled = g->core->now;
    return true;
}

static void failed(struct sn_group *g, struct slice why)
{
    if (g->fo.hand != SN_HAND_ASKED) return;
    g->fo.hand = SN_HAND_FAILED;
    g->core->counters.hand_overs_failed++;
    sn_emit(g->core, SN_EVT_HAND_OVER_FAILED, g->master, "%.*s", SLICE_ARG(why));
    sn_send(g->master, SN_CMD, SN_TAG_NONE, SN_WORDS("FAILOVER", "ABORT"));
    sn_touch(g);
}

void sn_hand_over_run(struct sn_group *g)
{
    struct sn_failover *fo = &g->fo;
    int64_t now = g->core->now, since = now - fo->state_since, gap = since / 4;
    if (gap < POLL_MIN_MS) gap = POLL_MIN_MS;
    if (gap > POLL_MAX_MS) gap = POLL_MAX_MS;
    if (now >= fo->hand_until || g->master->s_down) {
        failed(g, now >= fo->hand_until ? SLICE("no result in time") : SLICE("the master is down"));
        return;
    }
    if (now >= fo->polled + gap &&
        sn_send(fo->promoted, SN_CMD, SN_TAG_ROLE, SN_WORDS("ROLE")))
        fo->polled = now;
    sn_want(g, now + gap < fo->hand_until ? now + gap : fo->hand_until);
}

void sn_hand_over_done(struct sn_group *g)
{
    g->core->counters.hand_overs++;
    sn_send(g->fo.promoted, SN_CMD, SN_TAG_NONE, SN_WORDS("CONFIG", "REWRITE"));
    sn_send(g->master, SN_CMD, SN_TAG_NONE, SN_WORDS("CONFIG", "REWRITE"));
}

void sn_hand_over_answered(struct sn_instance *inst, const struct sn_value *v)
{
    struct sn_group *g = inst->group;
    if (v->kind == SN_VAL_ERROR && inst == g->master && g->fo.state == SN_FO_WAIT_PROMOTION)
        failed(g, v->text);
}
