/* handover: FAILOVER, a master that gives its role to one of its replicas without loss.
 *
 *     NONE ─begin─► WAITS ─a target has everything─► GOES ─it took over─► NONE
 *                     └────────time is up, abort────────┴──refused──► NONE, master again
 *
 * WAITS: writes are paused, the target is waited for. GOES: we follow the target already and ask it
 * by PSYNC ... FAILOVER to take over. Once that was sent we never go back by ourselves: the target
 * may be master although its answer was lost (link.h, LINK_HAND_ASKS, tells what follows).
 * A target that restarts between its last acknowledgement and the question may have less than it
 * acknowledged, so the question names the position that it must have.
 * Pure: time and the replicas' figures are handed in. One in `struct replication`.
 * Invariant: host and port are set in GOES. Tests: unit/handover. */
#ifndef REPLICATION_HANDOVER_H
#define REPLICATION_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"

#define HANDOVER_HOST_MAX 256

enum handover_state { HANDOVER_NONE, HANDOVER_WAITS, HANDOVER_GOES };

/* What FAILOVER's words say. */
struct handover_request {
    char host[HANDOVER_HOST_MAX]; /* "": any replica */
    int64_t port;
    bool named, force, abort;
    int64_t timeout_ms; /* 0: none */
};

struct handover {
    enum handover_state state;
    struct handover_request want;
    char host[HANDOVER_HOST_MAX]; /* the target, once it is chosen */
    int port;
    int64_t deadline_ms; /* INT64_MAX: none */
    int64_t must_have; /* the target takes over with at least this position; -1: with any (FORCE) */
};

struct handover_peer {
    const char *host; /* as it announces itself */
    int port;
    bool online;
    int64_t acked;
};

/* Redis' error for this request now; NULL: it may begin (or, with `abort`, end one). */
const char *handover_refusal(const struct handover *h, const struct handover_request *q,
                             bool is_master, const struct handover_peer *peers, int n);
void handover_begin(struct handover *h, const struct handover_request *q, int64_t now_ms);

enum handover_verdict {
    HANDOVER_STAYS,
    HANDOVER_SWITCHES, /* follow host:port, and ask it to take over */
    HANDOVER_LATE,     /* time is up: abort */
};
/* The target's side. Redis' error for PSYNC ... FAILOVER [must_have]; NULL: take over. */
const char *handover_take_refusal(bool is_master, bool same_history, int64_t end,
                                  int64_t must_have);
/* In WAITS: has a target acknowledged `end`? In GOES: `asked` tells whether the target may have
 * heard of it; when not, connecting has a limit. */
enum handover_verdict handover_look(struct handover *h, int64_t now_ms, int64_t end,
                                    const struct handover_peer *peers, int n);
enum handover_verdict handover_unheard(const struct handover *h, int64_t now_ms);
/* GOES begins: connecting may take so long. */
void handover_goes(struct handover *h, int64_t now_ms, int64_t connect_ms);
void handover_end(struct handover *h);
const char *handover_state_name(const struct handover *h); /* INFO's master_failover_state */

#endif
