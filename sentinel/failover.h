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
/* Takes a new epoch and begins. Forced: without election (SENTINEL FAILOVER). */
void sn_failover_start(struct sn_group *g, bool forced);
/* A peer is alive again: after elections that nobody won there may be a majority now. */
void sn_failover_peer_back(struct sn_group *g);
/* The vote for ourselves could not be saved: what it began in this step has not happened. */
void sn_failover_unsaved(struct sn_group *g);
/* Goes as far as it can now. */
void sn_failover_run(struct sn_group *g);
/* A report of role:master of the replica that we promote. */
void sn_failover_promoted(struct sn_group *g);

#endif
