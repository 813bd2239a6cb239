/* node_sentinel: a Sentinel in the simulator: the real core (sn_step) behind a small driver.
 *
 * The driver does what the real shell does and no more: it translates timers, connections and
 * replies to events, performs the actions one by one, and may die between any two of them.
 * Owns core, links and the connections of askers. The state file is on the simulated disk. */
#ifndef TESTS_SIM_NODE_SENTINEL_H
#define TESTS_SIM_NODE_SENTINEL_H

#include "sentinel/core.h"
#include "tests/sim/sim.h"

/* Groups are "g0", "g1", ...; their first master is the group's first data node. */
struct node *node_sentinel_new(struct sim *s, int nth, int host);
/* The core of a living Sentinel; NULL when it is dead. Lends. */
struct sn_core *node_sentinel_core(const struct node *n);
/* One random administrator's command: RESET, SET, FLUSHCONFIG, or a forced FAILOVER. */
void node_sentinel_admin(struct node *n);

#endif
