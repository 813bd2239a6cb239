#include "sentinel/tilt.h"

#include "sentinel/actions.h"
#include "sentinel/group.h"

#define STALL_MS 100     /* lateness below that is the machine's usual jitter */
#define FORGET_SHARE 4   /* a quarter of the time heals what was forgiven */
#define TILT_MIN_MS 1000 /* what lay in the sockets has been read by then */

static void forgive(struct sn_core *core, int64_t gap)
{
    for (size_t i = 0; i < core->links.n; i++) {
        struct sn_link *link = core->links.at[i];
        if (link->act_ping != SN_NEVER) link->act_ping += gap;
        link->last_avail += gap;
        if (link->act_ping > core->now) link->act_ping = core->now;
        if (link->last_avail > core->now) link->last_avail = core->now;
    }
}

/* Who is late all the time would wait for ever. */
static void forgive_slowness(struct sn_core *core, int64_t before)
{
    int64_t gap = core->now - before, left = 2 * core->params.tilt_trigger - core->forgiven;
    if (gap > left) gap = left;
    if (gap <= 0) return;
    core->forgiven += gap;
    forgive(core, gap);
}

int64_t sn_tilt_until(const struct sn_core *core)
{
    int64_t len = TILT_MIN_MS;
    for (size_t i = 0; i < core->groups.n; i++)
        if (core->groups.at[i]->saved.down_after_ms > len)
            len = core->groups.at[i]->saved.down_after_ms;
    return core->tilt_since + (len < core->params.tilt_period ? len : core->params.tilt_period);
}

void sn_tilt_check(struct sn_core *core, int64_t before)
{
    int64_t late = core->promised == INT64_MAX ? 0 : core->now - core->promised;
    if (late > core->params.tilt_trigger) {
        core->tilt = true;
        core->counters.tilts++;
        core->tilt_since = core->now;
        sn_emit(core, SN_EVT_TILT, NULL, "#tilt mode entered");
    }
    int64_t healed = (core->now - core->healed_at) / FORGET_SHARE;
    core->healed_at += healed * FORGET_SHARE;
    core->forgiven = healed < core->forgiven ? core->forgiven - healed : 0;
    if (late > STALL_MS && late <= core->params.tilt_trigger) forgive_slowness(core, before);
    else if (late > STALL_MS) forgive(core, core->now - before);
    if (core->tilt && core->now >= sn_tilt_until(core)) {
        core->tilt = false;
        sn_emit(core, SN_EVT_TILT_END, NULL, "#tilt mode exited");
        for (size_t i = 0; i < core->groups.n; i++) sn_touch(core->groups.at[i]);
    }
}
