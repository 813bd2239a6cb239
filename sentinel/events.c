#include "sentinel/events.h"

#include <stdarg.h>
#include <stdio.h>

#include "sentinel/actions.h"
#include "sentinel/model.h"
#include "sentinel/view.h"

#define DEBUG SN_LEVEL_DEBUG
#define VERBOSE SN_LEVEL_VERBOSE
#define NOTICE SN_LEVEL_NOTICE
#define WARNING SN_LEVEL_WARNING

const struct sn_evt_row sn_evt_rows[SN_EVTS] = {
    [SN_EVT_MONITOR] = { "+monitor", WARNING, true },
    [SN_EVT_UNMONITOR] = { "-monitor", WARNING, true },
    [SN_EVT_SDOWN] = { "+sdown", WARNING, true },
    [SN_EVT_SDOWN_END] = { "-sdown", WARNING, true },
    [SN_EVT_ODOWN] = { "+odown", WARNING, true },
    [SN_EVT_ODOWN_END] = { "-odown", WARNING, true },
    [SN_EVT_NEW_EPOCH] = { "+new-epoch", WARNING, false },
    [SN_EVT_TRY_FAILOVER] = { "+try-failover", WARNING, true },
    [SN_EVT_VOTE] = { "+vote-for-leader", WARNING, false },
    [SN_EVT_ELECTED] = { "+elected-leader", WARNING, true },
    [SN_EVT_SELECT_SLAVE] = { "+failover-state-select-slave", WARNING, true },
    [SN_EVT_SELECTED] = { "+selected-slave", WARNING, true },
    [SN_EVT_SEND_NOONE] = { "+failover-state-send-slaveof-noone", NOTICE, true },
    [SN_EVT_WAIT_PROMOTION] = { "+failover-state-wait-promotion", NOTICE, true },
    [SN_EVT_PROMOTED] = { "+promoted-slave", WARNING, true },
    [SN_EVT_RECONF_SLAVES] = { "+failover-state-reconf-slaves", WARNING, true },
    [SN_EVT_FAILOVER_END] = { "+failover-end", WARNING, true },
    [SN_EVT_FAILOVER_END_TIMEOUT] = { "+failover-end-for-timeout", WARNING, true },
    [SN_EVT_ABORT_NOT_ELECTED] = { "-failover-abort-not-elected", WARNING, true },
    [SN_EVT_ABORT_NO_GOOD_SLAVE] = { "-failover-abort-no-good-slave", WARNING, true },
    [SN_EVT_ABORT_SLAVE_TIMEOUT] = { "-failover-abort-slave-timeout", WARNING, true },
    [SN_EVT_SWITCH_MASTER] = { "+switch-master", WARNING, false },
    [SN_EVT_CONFIG_UPDATE] = { "+config-update-from", WARNING, true },
    [SN_EVT_RESET_MASTER] = { "+reset-master", WARNING, true },
    [SN_EVT_SET] = { "+set", WARNING, true },
    [SN_EVT_TILT] = { "+tilt", WARNING, false },
    [SN_EVT_TILT_END] = { "-tilt", WARNING, false },
    [SN_EVT_SCRIPT_ERROR] = { "-script-error", WARNING, false },
    [SN_EVT_SCRIPT_TIMEOUT] = { "-script-timeout", WARNING, false },
    [SN_EVT_SLAVE] = { "+slave", NOTICE, true },
    [SN_EVT_SENTINEL] = { "+sentinel", NOTICE, true },
    [SN_EVT_SENTINEL_SWITCH] = { "+sentinel-address-switch", NOTICE, true },
    [SN_EVT_SENTINEL_UPDATE] = { "+sentinel-address-update", NOTICE, true },
    [SN_EVT_SENTINEL_INVALID] = { "+sentinel-invalid-addr", NOTICE, true },
    [SN_EVT_REBOOT] = { "+reboot", NOTICE, true },
    [SN_EVT_CONVERT] = { "+convert-to-slave", NOTICE, true },
    [SN_EVT_FIX_CONFIG] = { "+fix-slave-config", NOTICE, true },
    [SN_EVT_RECONF_SENT] = { "+slave-reconf-sent", NOTICE, true },
    [SN_EVT_RECONF_SENT_BE] = { "+slave-reconf-sent-be", NOTICE, true },
    [SN_EVT_RECONF_INPROG] = { "+slave-reconf-inprog", NOTICE, true },
    [SN_EVT_RECONF_DONE] = { "+slave-reconf-done", NOTICE, true },
    [SN_EVT_RECONF_TIMEOUT] = { "-slave-reconf-sent-timeout", NOTICE, true },
    [SN_EVT_ROLE_CHANGE] = { "+role-change", VERBOSE, true },
    [SN_EVT_ROLE_CHANGE_BAD] = { "-role-change", VERBOSE, true },
    [SN_EVT_SCRIPT_CHILD] = { "+script-child", DEBUG, false },
    [SN_EVT_SCRIPT_CHILD_END] = { "-script-child", DEBUG, false },
    [SN_EVT_CMD_RECONNECT] = { "-cmd-link-reconnection", DEBUG, true },
    [SN_EVT_PUBSUB_RECONNECT] = { "-pubsub-link-reconnection", DEBUG, true },
    [SN_EVT_FOREIGN] = { "+foreign", WARNING, true },
    [SN_EVT_AMNESIA] = { "+amnesia", WARNING, true },
    [SN_EVT_REJECTED] = { "+candidate-rejected", NOTICE, true },
    [SN_EVT_RESTORE] = { "+convert-to-master", NOTICE, true },
    [SN_EVT_HAND_OVER] = { "+hand-over", NOTICE, true },
    [SN_EVT_HAND_OVER_FAILED] = { "-hand-over", WARNING, true },
    [SN_EVT_LEAVING] = { "+master-leaving", NOTICE, true },
    [SN_EVT_CONFLICT] = { "+config-conflict", WARNING, true },
    [SN_EVT_VOTERS] = { "+voters", WARNING, true },
    [SN_EVT_FORGOTTEN] = { "+forgotten", NOTICE, true },
};

#define TEXT_MAX (SN_INSTANCE_TEXT_MAX + 1024)

char *sn_instance_text(const struct sn_core *core, const struct sn_instance *inst, char *buf,
                       size_t cap)
{
    static const char *const kinds[] = { "master", "slave", "sentinel" };
    char name[SN_NAME_TEXT_MAX];
    sn_instance_name(core, inst, name, sizeof(name));
    int n = snprintf(buf, cap, "%s %s %s %d", kinds[inst->kind], name,
                     sn_announced_host(core, &inst->addr), inst->addr.port);
    const struct sn_instance *m = inst->group->master;
    if (inst->kind != SN_MASTER && n > 0 && (size_t)n < cap)
        snprintf(buf + n, cap - (size_t)n, " @ %s %s %d", inst->group->saved.name,
                 sn_announced_host(core, &m->addr), m->addr.port);
    return buf;
}

static void start_notification(struct sn_core *core, const struct sn_group *g,
                               const struct sn_evt_row *row, struct slice text)
{
    if (row->level != WARNING || !g || !g->saved.notification_script[0]) return;
    struct slice argv[] = { slice_z(g->saved.notification_script), slice_z(row->name), text };
    struct sn_action *act = sn_actions_add(core->out, SN_DO_SCRIPT);
    sn_actions_argv(core->out, act, 3, argv);
}

void sn_emit(struct sn_core *core, enum sn_evt evt, const struct sn_instance *inst,
             const char *fmt, ...)
{
    const struct sn_evt_row *row = &sn_evt_rows[evt];
    char text[TEXT_MAX] = "";
    size_t n = 0;
    if (row->with_instance) {
        must(inst);
        n = strlen(sn_instance_text(core, inst, text, SN_INSTANCE_TEXT_MAX));
        if (fmt) text[n++] = ' ';
    }
    if (fmt) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(text + n, sizeof(text) - n, fmt, ap);
        va_end(ap);
    }
    struct slice kept = sn_actions_text(core->out, slice_z(text));
    struct sn_action *act = sn_actions_add(core->out, SN_DO_EVENT);
    act->evt = evt;
    act->level = row->level;
    act->channel = slice_z(row->name);
    act->text = kept;
    start_notification(core, inst ? inst->group : NULL, row, kept);
}

void sn_note(struct sn_core *core, enum sn_level level, const char *fmt, ...)
{
    char text[TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    struct slice kept = sn_actions_text(core->out, slice_z(text));
    struct sn_action *act = sn_actions_add(core->out, SN_DO_LOG);
    act->level = level;
    act->text = kept;
}
