/* events: the names, levels and text forms of what a Sentinel reports; one row an event.
 *
 * Not to be confused with `struct sn_event` (core.h), which is what happens to the core. A row's
 * form says whether the text starts with the instance ("master mymaster 127.0.0.1 6379"). Warning
 * level events also start the group's notification script. Pure. Tests: unit/sn_text. */
#ifndef SENTINEL_EVENTS_H
#define SENTINEL_EVENTS_H

#include <stdbool.h>
#include <stddef.h>

enum sn_level { SN_LEVEL_DEBUG, SN_LEVEL_VERBOSE, SN_LEVEL_NOTICE, SN_LEVEL_WARNING };

enum sn_evt {
    SN_EVT_MONITOR,
    SN_EVT_UNMONITOR,
    SN_EVT_SDOWN,
    SN_EVT_SDOWN_END,
    SN_EVT_ODOWN,
    SN_EVT_ODOWN_END,
    SN_EVT_NEW_EPOCH,
    SN_EVT_TRY_FAILOVER,
    SN_EVT_VOTE,
    SN_EVT_ELECTED,
    SN_EVT_SELECT_SLAVE,
    SN_EVT_SELECTED,
    SN_EVT_SEND_NOONE,
    SN_EVT_WAIT_PROMOTION,
    SN_EVT_PROMOTED,
    SN_EVT_RECONF_SLAVES,
    SN_EVT_FAILOVER_END,
    SN_EVT_FAILOVER_END_TIMEOUT,
    SN_EVT_ABORT_NOT_ELECTED,
    SN_EVT_ABORT_NO_GOOD_SLAVE,
    SN_EVT_ABORT_SLAVE_TIMEOUT,
    SN_EVT_SWITCH_MASTER,
    SN_EVT_CONFIG_UPDATE,
    SN_EVT_RESET_MASTER,
    SN_EVT_SET,
    SN_EVT_TILT,
    SN_EVT_TILT_END,
    SN_EVT_SCRIPT_ERROR,
    SN_EVT_SCRIPT_TIMEOUT,
    SN_EVT_SLAVE,
    SN_EVT_SENTINEL,
    SN_EVT_SENTINEL_SWITCH,
    SN_EVT_SENTINEL_UPDATE,
    SN_EVT_SENTINEL_INVALID,
    SN_EVT_REBOOT,
    SN_EVT_CONVERT,
    SN_EVT_FIX_CONFIG,
    SN_EVT_RECONF_SENT,
    SN_EVT_RECONF_SENT_BE,
    SN_EVT_RECONF_INPROG,
    SN_EVT_RECONF_DONE,
    SN_EVT_RECONF_TIMEOUT,
    SN_EVT_ROLE_CHANGE,
    SN_EVT_ROLE_CHANGE_BAD,
    SN_EVT_SCRIPT_CHILD,
    SN_EVT_SCRIPT_CHILD_END,
    SN_EVT_CMD_RECONNECT,
    SN_EVT_PUBSUB_RECONNECT,
    /* ours alone; their names are no others' */
    SN_EVT_FOREIGN,
    SN_EVT_AMNESIA,
    SN_EVT_REJECTED,
    SN_EVT_RESTORE,
    SN_EVT_HAND_OVER,
    SN_EVT_HAND_OVER_FAILED,
    SN_EVT_LEAVING,
    SN_EVT_CONFLICT,
    SN_EVT_VOTERS,
    SN_EVT_FORGOTTEN,
    SN_EVTS
};

struct sn_evt_row {
    const char *name;
    enum sn_level level;
    bool with_instance; /* the text starts with the instance */
};
extern const struct sn_evt_row sn_evt_rows[SN_EVTS];

struct sn_core;
struct sn_group;
struct sn_instance;

/* "master <name> <ip> <port>" or "slave <name> <ip> <port> @ <master name> <ip> <port>". */
#define SN_INSTANCE_TEXT_MAX 1400
char *sn_instance_text(const struct sn_core *core, const struct sn_instance *inst, char *buf,
                       size_t cap);

/* Appends the event (and the notification script's run) to the running step's actions. `fmt` adds
 * words behind the instance, or is the whole text when the row has none; NULL: nothing more.
 * `inst` may be NULL for events that belong to no group. */
void sn_emit(struct sn_core *core, enum sn_evt evt, const struct sn_instance *inst,
             const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* A line for the log only. */
void sn_note(struct sn_core *core, enum sn_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
