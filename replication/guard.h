/* guard: a replica does not let go of its data for nothing.
 *
 * The classic total loss: a master without persistence restarts, is empty, and its replicas copy
 * the emptiness. So a snapshot is refused when it comes from another history than ours, has far
 * less in it (a busy client fills an empty master quickly), and our data came from a master:
 * somebody should look, or a Sentinel promote one of us. After the grace time it is taken all the
 * same. An order is a consent: REPLICAOF to a node that is a master itself, so REPLICAOF NO ONE
 * and then REPLICAOF host port, is never refused.
 * Pure. One in `struct replication`. Tests: unit/guard, e2e/test_amnesia. */
#ifndef REPLICATION_GUARD_H
#define REPLICATION_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#define GUARD_SHARE 2 /* "far less": less than one key of so many, as the Sentinels see it */

struct guard {
    int64_t since_ms;  /* of the first refusal of this trouble; 0: none */
    uint64_t refusals; /* ever */
};

struct guard_case {
    bool on;          /* replica-amnesia-guard */
    int64_t grace_ms; /* 0: for ever */
    bool replicated;  /* our data came from a master */
    bool foreign;     /* the snapshot's history is not ours */
    uint64_t ours, theirs; /* keys */
};

/* True: keep what we have. Counts. */
bool guard_refuses(struct guard *g, const struct guard_case *c, int64_t now_ms);
void guard_settled(struct guard *g); /* in step with a master, or a master: the trouble is over */
/* Until the grace time ends; -1: nothing is being refused, or for ever. */
int64_t guard_left_ms(const struct guard *g, int64_t grace_ms, int64_t now_ms);

#endif
