/* faults: what goes wrong in the first phase, and how it is all put right for the second.
 *
 * Faults come at random intervals, of kinds weighted by the options, most often where it hurts:
 * at a master. Everything stops at once when the quiet phase begins: ways are healed, the frozen
 * wake, the dead are started, but for a minority of Sentinels in some runs. Owns nothing. */
#ifndef TESTS_SIM_FAULTS_H
#define TESTS_SIM_FAULTS_H

#include "tests/sim/sim.h"

void faults_start(struct sim *s);
/* In the quiet phase: one clean death of the master of each group, to see a plain failover. */
void faults_last_blow(struct sim *s);

#endif
