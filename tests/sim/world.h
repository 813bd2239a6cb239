/* world: the set that a run's options describe: data nodes, Sentinels and clients on machines.
 * Group g's data nodes are consecutive; the first one begins as its master. Owns nothing. */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "tests/sim/sim.h"

void world_build(struct sim *s);
/* Starts all nodes, the faults after a while, and the judge of the quiet phase. */
void world_start(struct sim *s);

int world_data_count(const struct sim *s); /* of one group */
struct node *world_data(struct sim *s, int group, int nth);
struct node *world_sentinel(struct sim *s, int nth);
/* "g0" and the like to its number, or -1. */
int world_group(const struct sim *s, struct slice name);

#endif
