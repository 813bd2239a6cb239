/* evict: which key goes when memory is short.
 *
 * Keys are drawn at random, a few of each database, and the best candidates of all draws so far are
 * kept in a pool: the next key to go is the best of the pool that is still there. So a handful of
 * samples comes near to the true order. "Best" is the longest idle, the least often used or the
 * nearest deadline; or there is no order, and one draw decides.
 * Candidates are kept by name: keys may change, move and go between calls.
 * Owns the pool. Pure: time and randomness are the keyspace's. Tests: e2e/evict. */
#ifndef CORE_DB_EVICT_H
#define CORE_DB_EVICT_H

#include "core/db/keyspace.h"

#define EVICT_POOL 16

enum evict_by { EVICT_LRU, EVICT_LFU, EVICT_TTL, EVICT_RANDOM };

struct evict_rule {
    enum evict_by by;
    bool volatile_only; /* only keys with a deadline */
    int samples;        /* drawn from each database for a choice */
};

struct evict_candidate {
    uint64_t score; /* the higher, the sooner it goes */
    int db;
    struct str key;
};

struct evict {
    struct evict_candidate at[EVICT_POOL]; /* ascending by score */
    size_t n;
    int next_db;       /* random draws take the databases in turn */
    struct str picked; /* the last choice */
};

/* Starts from { 0 }. Ends with this; also when the rule changes, or other data are there. */
void evict_clear(struct evict *ev);
/* The next key to go; false: there is none. The key is lent until the next call. */
bool evict_pick(struct keyspace *ks, struct evict *ev, const struct evict_rule *rule, int *db,
                struct slice *key);
/* Removes it and counts it. `lazy`: big values are freed by the host. */
void evict_remove(struct keyspace *ks, int db, struct slice key, bool lazy);

#endif
