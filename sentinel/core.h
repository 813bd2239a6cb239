/* core: the deciding part of a Sentinel, a function of (state, event) that appends actions.
 *
 *     struct sn_core *core = sn_core_new(seed, myid);       once; myid: 40 hex, for a first start
 *     sn_state_read(core, lines, n, ...);                   sentinel/state_text.h
 *     core->self.port = ...;
 *     sn_step(core, &(struct sn_event){ .kind = SN_BOOT, .now_ms = now }, &actions);
 *     for each action: perform it; if a PERSIST fails: sn_save_failed(core, &actions, i)
 *     sn_actions_reset(&actions); arm the timer for sn_deadline(core); wait; translate; step
 *
 * Rules for the driver. TICK at or after sn_deadline() (late by more than tilt-trigger is TILT).
 * Each CONNECT ends in LINK_UP or one LINK_DOWN; an open connection that ends gives one LINK_DOWN;
 * after a DISCONNECT nothing more comes from that connection. Replies of the cmd connection come
 * in order, each with the tag of its command; what arrives on the pubsub connection is given as
 * REPLY with conn = SN_PUBSUB and any tag (subscription answers and messages alike). Replies that
 * were outstanding when a connection ended are never given. No step may run inside a step.
 *
 * Events lend: nothing in an event need live longer than the call. Pure: no clock, no I/O, no
 * randomness but the struct's own generator. Tests: unit/sn_core, tests/scenes, the simulator. */
#ifndef SENTINEL_CORE_H
#define SENTINEL_CORE_H

#include "sentinel/actions.h"
#include "sentinel/model.h"

enum sn_event_kind {
    SN_BOOT,      /* once, after the state was read */
    SN_TICK,      /* the deadline has passed */
    SN_LINK_UP,   /* link, conn, local_ip */
    SN_LINK_DOWN, /* link, conn: refused, reset, closed, timed out */
    SN_REPLY,     /* link, conn, tag, reply */
    SN_RESOLVED,  /* link, text: the IP address, or empty when the name is unknown */
    SN_HELLO,     /* text: payload of a PUBLISH from a peer (those of pubsub links are REPLYs) */
    SN_ASKED_VOTE, /* argv: name, epoch, run id of SENTINEL VOTE; asker */
    SN_ASKED,     /* argv: ip, port, epoch, run id of IS-MASTER-DOWN-BY-ADDR; asker */
    /* SENTINEL sub-commands; argv: the words behind the sub-command; each is answered once */
    SN_ADM_MONITOR, /* name host port quorum */
    SN_ADM_REMOVE,  /* name */
    SN_ADM_SET,     /* name option value ...; bad_script */
    SN_ADM_RESET,   /* pattern */
    SN_ADM_FAILOVER, /* name [TO host port] [FORCE] [COORDINATED] */
    SN_ADM_FORGET,   /* name, run id of a peer or host and port of a replica [LOCAL] */
    SN_ADM_FLUSHCONFIG,
    SN_ADM_CONFIG_SET, /* name value ... (all but loglevel, which is the shell's) */
    SN_ADM_SIMULATE,   /* flag ... */
    SN_ADM_DEBUG,      /* name value ... */
    SN_EVENT_KINDS
};

enum { SN_CRASH_AFTER_ELECTION = 1, SN_CRASH_AFTER_PROMOTION = 2 };
#define SN_EXIT_SIMULATED 99

enum sn_value_kind {
    SN_VAL_NIL,
    SN_VAL_STATUS,
    SN_VAL_ERROR,
    SN_VAL_INT,
    SN_VAL_BULK,
    SN_VAL_ARRAY
};

/* A parsed reply, lent. Errors without the leading '-'. */
struct sn_value {
    enum sn_value_kind kind;
    int64_t integer;
    struct slice text;
    const struct sn_value *items;
    size_t n;
};

struct sn_event {
    enum sn_event_kind kind;
    int64_t now_ms; /* monotonic, >= 0, never smaller than before */
    uint32_t link;
    enum sn_conn conn;
    struct slice local_ip;
    bool refused; /* LINK_DOWN: nobody listens there */
    uint64_t tag;
    const struct sn_value *reply;
    struct slice text;
    const struct slice *argv;
    int argc;
    uint64_t asker;         /* comes back in the ANSWER */
    const struct slice *bad_script; /* ADM_SET: the value of a script option that cannot be run */
};

struct sn_core *sn_core_new(uint64_t seed, const char *myid);
void sn_core_delete(struct sn_core *core);
void sn_step(struct sn_core *core, const struct sn_event *ev, struct sn_actions *out);
/* When the next TICK is due; INT64_MAX when nothing is. */
int64_t sn_deadline(const struct sn_core *core);
/* The PERSIST at index i of the list failed: takes back what was not to be done without it. */
void sn_save_failed(struct sn_core *core, struct sn_actions *list, size_t i);
/* For drivers that save once for several steps, before anything of them leaves: the saving failed.
 * Takes back the votes given in the step `since` and later; what was to be sent since then must
 * never leave. */
void sn_votes_unsaved(struct sn_core *core, uint64_t since);

#endif
