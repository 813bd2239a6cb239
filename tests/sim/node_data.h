/* node_data: a data server in the simulator: the real history, feed, link, peer and batch around a
 * toy state machine. What the outside may ask of it. */
#ifndef TESTS_SIM_NODE_DATA_H
#define TESTS_SIM_NODE_DATA_H

#include "tests/sim/sim.h"
#include "tests/sim/toy.h"

#define DATA_CHANNEL "__sentinel__:hello"

struct node *node_data_new(struct sim *s, int nth, int group, int host);
/* SLAVEOF and CONFIG REWRITE; NULL: NO ONE. */
void node_data_set_role(struct node *n, struct node *master);
/* SIGTERM: it says so to the Sentinels; who ends it later is the caller's matter. */
void node_data_leave(struct node *n);
bool node_data_is_master(const struct node *n);
/* The master it follows (as it was told), whether the link is up, and its own position. */
struct node *node_data_follows(const struct node *n);
bool node_data_link_up(const struct node *n);
bool node_data_hands_over(const struct node *n); /* a FAILOVER is under way */
int64_t node_data_offset(const struct node *n);
const char *node_data_replid(const struct node *n);
const struct toy *node_data_toy(const struct node *n);

#endif
