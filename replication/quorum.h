/* quorum: counting acknowledgements. WAIT and min-replicas-* are arithmetic on what each replica
 * acknowledged and when. Pure. Tests: unit/quorum. */
#ifndef REPLICATION_QUORUM_H
#define REPLICATION_QUORUM_H

#include <stdbool.h>
#include <stdint.h>

struct quorum_vote {
    bool online;
    int64_t acked;       /* offset that the replica has applied */
    int64_t acked_at_ms; /* when it said so last */
    int64_t fsynced;     /* of that, on its disk; -1: it does not say */
};

/* Online replicas that have applied at least `offset`. */
int quorum_count(const struct quorum_vote *v, int n, int64_t offset);
/* ... that have it on disk. */
int quorum_on_disk(const struct quorum_vote *v, int n, int64_t offset);
/* The largest offset that at least `need` online replicas have; -1: there are not that many.
 * need <= 0: no limit (INT64_MAX). */
int64_t quorum_offset(const struct quorum_vote *v, int n, int need);
/* Online replicas heard of within max_lag_s (whole seconds, as Redis counts). */
int quorum_good(const struct quorum_vote *v, int n, int64_t now_ms, int max_lag_s);
/* min-replicas-to-write and min-replicas-max-lag; either 0 allows all writes. */
bool quorum_allows(int good, int min_replicas, int max_lag_s);

#endif
