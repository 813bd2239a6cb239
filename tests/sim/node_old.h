/* node_old: a Sentinel of the old kind, for mixed quorums, by the reference's published rules.
 *
 * It ticks ten times a second, votes for whoever asks first in an epoch whatever it sees itself,
 * waits for twice failover-timeout between its attempts, takes priority before data and the INFO
 * that it happens to have, corrects roles after eight seconds, and knows none of our extra words.
 * Not shared with the code under test but for the reader of INFO. Wire: PING, INFO, hellos,
 * IS-MASTER-DOWN-BY-ADDR, SLAVEOF. Its votes, leaders and hellos go through the same checkers
 * (S1 to S4); what only ours promise (S5 to S7) is not asked of it. */
#ifndef TESTS_SIM_NODE_OLD_H
#define TESTS_SIM_NODE_OLD_H

#include "tests/sim/sim.h"

struct node *node_old_new(struct sim *s, int nth, int host);
/* The data node that it names, NULL while it is in a failover or sees the master down. */
struct node *node_old_names(const struct node *n, int group);
bool node_old_is(const struct node *n);
bool node_old_knows(const struct node *n, const struct node *data);

#endif
