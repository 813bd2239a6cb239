/* failover: the state machine that makes a replica the master.
 *
 * A table holds for each state its function and the states that may follow; one function makes all
 * moves. A state acts as soon as its condition holds; the states after the election follow each
 * other within one step when nothing has to be waited for.
 * Pure. Tests: scenes, checkers S1, S5, L2. */
#ifndef SENTINEL_FAILOVER_H
#define SENTINEL_FAILOVER_H

#include "sentinel/model.h"

/* Starts one if O_DOWN, our turn and no waiting time says otherwise. */
void sn_failover_consider(struct sn_group *g);
/* What a failover is begun for. All but the automatic one need no O_DOWN, and where no majority can
 * be asked no votes: they then take an epoch that is this Sentinel's alone. */
struct sn_order {
    enum sn_fo_kind kind;
    bool hand_over; /* the living master is asked to hand over */
    bool hand_only; /* and without that nothing is promoted */
    uint32_t target; /* instance; 0: the best */
};
/* Takes a new epoch and begins. */
void sn_failover_start(struct sn_group *g, const struct sn_order *order);
/* Begins those that the master's leaving or a preferred replica ask for. */
void sn_failover_wanted(struct sn_group *g);
/* Our place among the living peers, as a delay. */
int64_t sn_failover_turn_ms(const struct sn_group *g);
/* A peer is alive again, or heard of for the first time: after elections that nobody won there may
 * be a majority now. */
void sn_failover_peer_back(struct sn_group *g);
/* The vote for ourselves could not be saved: what it began in this step has not happened. */
void sn_failover_unsaved(struct sn_group *g);
/* Goes as far as it can now. */
void sn_failover_run(struct sn_group *g);
/* A failover whose result is out is ended here and now; others are left alone. */
void sn_failover_settle(struct sn_group *g);
/* A report of role:master of the replica that we promote. */
void sn_failover_promoted(struct sn_group *g);

#endif
