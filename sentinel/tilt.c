#include "sentinel/tilt.h"

#include "sentinel/actions.h"
#include "sentinel/group.h"

#define STALL_MS 100 /* lateness below that is the machine's usual jitter */

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

void sn_tilt_check(struct sn_core *core, int64_t before)
{
    int64_t late = core->promised == INT64_MAX ? 0 : core->now - core->promised;
    if (late > core->params.tilt_trigger) {
        core->tilt = true;
        core->counters.tilts++;
        core->tilt_since = core->now;
        sn_emit(core, SN_EVT_TILT, NULL, "#tilt mode entered");
    } else if (late > STALL_MS) {
        forgive(core, core->now - before);
    }
    if (core->tilt && core->now - core->tilt_since >= core->params.tilt_period) {
        core->tilt = false;
        sn_emit(core, SN_EVT_TILT_END, NULL, "#tilt mode exited");
        for (size_t i = 0; i < core->groups.n; i++) sn_touch(core->groups.at[i]);
    }
}
