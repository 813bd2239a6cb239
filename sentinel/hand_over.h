/* hand_over: a planned failover by the master's own FAILOVER command, in which no write is lost.
 *
 *     state send_slaveof_noone   FAILOVER TO host port TIMEOUT ms   to the master
 *     state wait_promotion       ROLE, in short intervals           to the chosen replica
 *
 * The master pauses its writers, waits until the replica has all, and changes places with it. A
 * refusal, or no result in time, ends in SN_HAND_FAILED after FAILOVER ABORT: the state machine
 * (failover.c) then promotes in the ordinary way, or gives up where only a hand-over was allowed.
 * Pure. Tests: scenes (hand-over, hand-over-refused), e2e. */
#ifndef SENTINEL_HAND_OVER_H
#define SENTINEL_HAND_OVER_H

#include "sentinel/model.h"

/* Asks the master. False when it cannot be asked: it is down, or not in its role. */
bool sn_hand_over_ask(struct sn_group *g);
/* Looks for the result. */
void sn_hand_over_run(struct sn_group *g);
/* It is done: both keep their new roles in their files, as they do after a SLAVEOF of ours. */
void sn_hand_over_done(struct sn_group *g);
/* The reply to FAILOVER. */
struct sn_value;
void sn_hand_over_answered(struct sn_instance *inst, const struct sn_value *v);

#endif
