/* zset: members with a score, in the order of scores, then of names.
 *
 * Encodings (hidden; their names are listpack, skiplist): one block in order (zrow.h) up to the
 * limits; beyond, a name table and a counting tree (ztree.h) over one block a member. Conversion
 * happens inside, and only towards the big form (but for zset_settle). Files and payloads have the
 * small form as a listpack, which is made and taken apart here.
 * All ranges are ranges of ranks: bounds by score or by name become ranks first (zset_by_score,
 * zset_by_name), in O(log n) in the big form.
 * Readers take an entry, changes a handle; both must be of type zset. A change never moves the
 * entry. The last member's removal leaves an empty zset: the caller removes the key. Slices given
 * must not lie in the value itself; slices got are lent until the next change. The keyspace's
 * ks_changed() is the caller's to call. Scores are never NaN. Pure.
 * Tests: unit/zset (differential against an array), compat/test_zsets. */
#ifndef CORE_TYPES_ZSET_H
#define CORE_TYPES_ZSET_H

#include "core/base/rand.h"
#include "core/types/limits.h"
#include "core/types/packed.h"
#include "core/types/value.h"
#include "core/types/zrow.h"
#include "core/types/ztree.h"

/* --- life --------------------------------------------------------------------------------- */
/* Empty, in the form for about `hint` members of which one is `sample`. To fill it before it is
 * anybody's: struct value v = { .e = zset_new(...) }. */
struct entry *zset_new(struct slice key, struct slice sample, size_t hint, int64_t deadline,
                       const struct type_limits *limits);
/* Takes a packed of member, score, member, score ... in order; it may have any size: beyond the
 * limits it becomes big. NULL, and the packed is freed: it is not such a packed. */
struct entry *zset_new_packed(struct slice key, struct packed *p, int64_t deadline,
                              const struct type_limits *limits);
bool zset_is_compact(const struct entry *e);
/* What zset_new_packed takes, of a compact one; the caller's to free. */
struct packed *zset_to_packed(const struct entry *e);

/* --- reading ------------------------------------------------------------------------------ */
size_t zset_count(const struct entry *e);
bool zset_score(const struct entry *e, struct slice member, double *score);
bool zset_rank(const struct entry *e, struct slice member, size_t *rank, double *score);

struct zset_item {
    struct slice member;
    double score;
};
/* Ranks `rank` and on, upwards or (reverse) downwards from it. Nothing may be changed meanwhile. */
struct zset_iter {
    const struct zrow *row; /* of a compact one, NULL otherwise */
    union {
        struct zrow_at at;
        struct zrow_down down;
        struct ztree_cursor cursor;
    };
    bool reverse, live;
};
void zset_iter_start(struct zset_iter *it, const struct entry *e, size_t rank, bool reverse);
bool zset_iter_next(struct zset_iter *it, struct zset_item *out);

/* n ranks from `start` on. */
struct zset_span {
    size_t start, n;
};
struct zset_scores {
    double min, max;
    bool min_open, max_open; /* the bound itself is outside */
};
struct zset_names {
    struct slice min, max;
    int min_end, max_end; /* -1: before all names, 1: behind all, 0: as min and max say */
    bool min_open, max_open;
};
struct zset_span zset_by_score(const struct entry *e, const struct zset_scores *r);
/* For members of equal score, else without much sense, though never wrong in size. `reverse`: what
 * a walk from the far end meets. */
struct zset_span zset_by_name(const struct entry *e, const struct zset_names *r, bool reverse);

/* An even draw from a zset that is not empty. */
void zset_random(const struct entry *e, struct rng *rng, struct zset_item *out);
/* A cursor walk as scan_step's (db/scan.h): about `count` members a call, all of them at once in
 * the compact form. Gives the next cursor, 0 at the end. `fn` must not change the zset. */
uint64_t zset_scan(const struct entry *e, uint64_t cursor, uint64_t count,
                   void (*fn)(void *app, const struct zset_item *item), void *app);

/* --- change ------------------------------------------------------------------------------- */
enum zset_how {
    ZSET_NX = 1, /* only new members */
    ZSET_XX = 2, /* only members that are there */
    ZSET_GT = 4, /* only to a greater score */
    ZSET_LT = 8,
    ZSET_INCR = 16, /* adds to the score */
};
enum zset_did {
    ZSET_REFUSED, /* the conditions did not allow it */
    ZSET_NAN,     /* the sum would be no number; nothing was done */
    ZSET_ADDED,
    ZSET_MOVED, /* another score */
    ZSET_SAME,  /* the score it had */
};
/* *result (may be NULL): the score afterwards, unless refused. */
enum zset_did zset_add(struct value *v, double score, struct slice member, unsigned how,
                       double *result, const struct type_limits *limits);
bool zset_remove(struct value *v, struct slice member); /* false: it was not there */
void zset_remove_span(struct value *v, struct zset_span span);
/* A big one that is within the limits becomes compact: for results that were built big. */
void zset_settle(struct value *v, const struct type_limits *limits);

/* Such scores stand as integers in a listpack, and in what ZSCAN says of a compact one. */
bool zset_score_is_whole(double score, int64_t *out);

extern const struct type_ops zset_ops;

#endif
