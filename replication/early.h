/* early: the beginning of a snapshot that is being sent to sockets, kept for replicas that come
 * while it is sent.
 *
 * Owns copies of what was put, in blocks as they came: none is ever moved or grown, since copying
 * what doubles holds up the loop for tens of milliseconds. Positions count from the snapshot's
 * first byte. Pure. Owner: replication/snapshot_io. Tests: unit/early, e2e test_full_sync. */
#ifndef REPLICATION_EARLY_H
#define REPLICATION_EARLY_H

#include "core/base/str.h"
#include "core/base/vec.h"

struct early {
    VEC(struct early_block) blocks; /* by position, without gaps */
    int64_t end;                    /* bytes put */
};

void early_put(struct early *e, struct slice bytes);
/* What was put from that position on, a block at most; empty at the end. Lent until the next drop
 * or free. */
struct slice early_from(const struct early *e, int64_t at);
/* Gives back the last n blocks, so that a large one need not be freed at once; nothing may be read
 * after the first drop. True while there are more. */
bool early_drop(struct early *e, size_t n);
void early_free(struct early *e); /* empty and usable afterwards */

#endif
