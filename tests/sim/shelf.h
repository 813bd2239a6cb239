/* shelf: where a simulated data server's feed puts blocks that memory should not hold.
 *
 * Stands for replication/overflow: keeps copies, and now and then can not: a full disk refuses for
 * a while, a bad one does not give back. Draws from a generator of its own, so that what else a
 * seed means does not depend on it. One in `struct data`; emptied by feed_free. */
#ifndef TESTS_SIM_SHELF_H
#define TESTS_SIM_SHELF_H

#include "core/base/rand.h"
#include "core/base/str.h"
#include "core/base/vec.h"
#include "replication/feed.h"
#include "tests/sim/sim.h"

struct shelf {
    struct feed_store store;
    struct node *node;
    struct rng rng;
    int64_t full_until;
    VEC(struct str) kept; /* by place; empty: dropped */
};

void shelf_init(struct shelf *s, struct node *n);
void shelf_free(struct shelf *s); /* the feed has dropped everything */

#endif
