/* expire: the active expiry cycles: find keys, and fields of hashes, whose deadline has passed
 * without being asked for them.
 *
 * Walks the second table of each database by cursor, a few buckets a round, and repeats while many
 * of the seen keys were expired and the budget lasts. Effort 1-10 has the meaning of
 * active-expire-effort: more keys a round and fewer stale keys tolerated. Keeps each database's
 * ttl_avg_ms.
 * Pure: the time is the keyspace's now, the budget a function of the host. Only a master calls it.
 * Tests: unit/expire. */
#ifndef CORE_DB_EXPIRE_H
#define CORE_DB_EXPIRE_H

#include "core/db/keyspace.h"

#define EXPIRE_EFFORT_MAX 10

struct expire_cycle {
    int next_db;          /* the cycle's own, survives calls; start with 0 */
    int next_fields_db;
    double stale_percent; /* running estimate of keys expired but still there, for INFO */
    bool cut_short;       /* the last call ended because the budget was spent */
    uint64_t cuts;        /* how often that was so */
};

struct expire_options {
    int effort;                /* 1..10 */
    bool (*spent)(void *app);  /* asked every few keys: is the budget spent? NULL = never */
    void *app;
};

/* Runs a cycle over all databases at most once; gives the number of keys that it removed. */
size_t expire_run(struct keyspace *ks, struct expire_cycle *c, const struct expire_options *o);
/* The same for fields: walks the third table, some fields of a hash at a time; the number of fields
 * that it removed. */
size_t expire_run_fields(struct keyspace *ks, struct expire_cycle *c,
                         const struct expire_options *o);

#endif
