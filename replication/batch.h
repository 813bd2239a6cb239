/* batch: when a snapshot starts, in which form, and who may still join one that runs. Pure.
 *
 * All that wait when a snapshot starts, and can read its form, share it. A snapshot to a file may
 * be joined by a newcomer while another replica waits for its end: it gets that one's position. A
 * snapshot to a pipe starts after a delay, so that others may come; it can not be joined. Who wants
 * no data (rdb-filter-only) needs no snapshot: the driver answers at once.
 * Tests: unit/peer. */
#ifndef REPLICATION_BATCH_H
#define REPLICATION_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "replication/peer.h"

struct batch_settings {
    bool diskless;
    int64_t delay_ms;
    int max_replicas; /* start at once when that many wait; 0: no such rule */
    int expected;     /* replicas that were here a moment ago, or are shaking hands: nobody to wait
                         for, no delay */
};
enum batch_form { BATCH_NONE, BATCH_FILE, BATCH_PIPE };
struct batch_plan {
    enum batch_form form; /* NONE: nothing to start now */
    int64_t due_ms;       /* when to look again; INT64_MAX: when something changes */
};
/* `peers`: all of the master. */
struct batch_plan batch_plan(struct peer *const *peers, int n, const struct batch_settings *s,
                             int64_t now_ms);
/* Does this waiting peer take part in a snapshot of that form? */
bool batch_takes(const struct peer *p, enum batch_form form);
/* A peer whose running file snapshot `newcomer` may share; NULL: none. */
const struct peer *batch_join(struct peer *const *peers, int n, const struct peer *newcomer);

#endif
