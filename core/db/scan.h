/* scan: SCAN over a database: a cursor with pattern and type filters.
 *
 * A key that is there from the first call (cursor 0) to the last (cursor 0 again) is given at
 * least once, however the table changes in between; expired keys are not given (a master removes
 * them). One call looks at about `count` keys and at most ten times as many buckets.
 * Pure. Tests: unit/scan. */
#ifndef CORE_DB_SCAN_H
#define CORE_DB_SCAN_H

#include "core/db/keyspace.h"

#define SCAN_COUNT_DEFAULT 10

struct scan_options {
    struct slice match; /* p == NULL or "*": all */
    int type;           /* enum value_type, -1: all */
    uint64_t count;     /* 0: the default */
};

/* `key` is lent for the call; `fn` must not change the keyspace. Gives the next cursor, 0 at the
   end. */
uint64_t scan_step(struct ks_db *db, uint64_t cursor, const struct scan_options *o,
                   void (*fn)(void *app, struct slice key), void *app);
/* KEYS: all at once, expired ones hidden. */
void scan_keys(struct ks_db *db, struct slice match, void (*fn)(void *app, struct slice key),
               void *app);

#endif
