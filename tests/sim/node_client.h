/* node_client: a client that asks Sentinels for the master and writes to it, number by number.
 *
 * In runs that wait for all, a write counts as acknowledged when WAIT has named every replica;
 * otherwise when the master has said OK. Which were acknowledged is known to the judge. */
#ifndef TESTS_SIM_NODE_CLIENT_H
#define TESTS_SIM_NODE_CLIENT_H

#include "tests/sim/sim.h"

struct node *node_client_new(struct sim *s, int nth, int group, int host);
/* The numbers acknowledged to this client. Lends. */
const int64_t *node_client_acked(const struct node *n, size_t *count);

#endif
