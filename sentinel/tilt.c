#include "sentinel/tilt.h"

#include "sentinel/actions.h"
#include "sentinel/group.h"

#define STALL_MS 100     /* lateness below that is the machine's usual jitter */
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
    if (late > STALL_MS) forgive(core, core->now - before);
    if (core->tilt && core->now >= sn_tilt_until(core)) {
        core->tilt = false;
        sn_emit(core, SN_EVT_TILT_END, NULL, "#tilt mode exited");
        for (size_t i = 0; i < core->groups.n; i++) sn_touch(core->groups.at[i]);
    }
}
