/* table: the hash table of everything. Entries are pointers whose key lies inside them; the table
 * knows them by two functions of the user (hash of an entry, "has this key?").
 *
 *     bucket (one cache line):  | meta | tag x 7 | pointer x 7 |
 *     meta: bit 0 = the last pointer is a child bucket; bits 1-7 = version
 *     tag:  eight bits of the hash, never 0; 0 = the slot is empty
 *
 * Owns its buckets, never the entries. Pure: no clock, no I/O; randomness is handed in.
 * A find that misses touches one cache line, a find that hits touches two (bucket, entry).
 * Growing and shrinking move a bucket with each insert (large tables: with some) and remove, and as
 * many as table_step() is told to; a find never moves anything. Large tables are made of segments,
 * so that a move neither clears much memory at once nor needs both sizes in full at the same time.
 * Slots (`void **`) are lent until the next insert, remove or step; entries stay the user's.
 * The version of a bucket is the number of the last visit (struct table_visit) that saw it.
 * Limits: 2^40 buckets; grows above 8 entries a bucket, shrinks below one.
 * Tests: unit/table, bench/data_bench. */
#ifndef CORE_BASE_TABLE_H
#define CORE_BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/rand.h"

struct table;

struct table_type {
    uint64_t (*hash)(const struct table *t, const void *entry);
    bool (*equal)(const void *entry, const void *key);
};

struct table_bucket;
struct table_visit;

struct table {
    const struct table_type *type;
    const void *app;            /* the user's, for the hash function: usually a struct hash_key */
    void *at[2]; /* buckets, or segments of 64 KiB when large; [1] only while moving */
    size_t used[2];
    size_t segments[2]; /* of large halves: made when first written to, freed when moved */
    size_t children[2]; /* overflow buckets */
    size_t moved;       /* buckets of at[0] below this number are empty and done with */
    uint32_t paused;    /* > 0: nothing moves (iterators, walks) */
    uint8_t bits[2];    /* log2 of the number of buckets; meaningless when at[] is NULL */
    bool reserved;      /* room was asked for and has not been filled: do not shrink */
    bool hold;          /* resize only when badly overfull: a forked child shares our pages */
    uint8_t version;    /* number of the last visit, 1-127; 0: none yet */
    uint8_t added;      /* counts insertions while a large one moves */
    uint8_t whole;      /* number of the last visit after which no bucket had an older version */
    struct table_visit *visit; /* under way, lent; NULL: none */
};

void table_init(struct table *t, const struct table_type *type, const void *app);
/* Frees the buckets; entries are the user's. The table is empty and usable afterwards. */
void table_free(struct table *t);

static inline size_t table_count(const struct table *t) { return t->used[0] + t->used[1]; }
static inline bool table_moving(const struct table *t) { return t->at[1] != NULL; }
size_t table_slots(const struct table *t); /* entries that fit without overflow */
size_t table_mem(const struct table *t);   /* bytes of all buckets */

/* The slot of the entry with that key, or NULL. `hash` must be the hash of `key`. */
void **table_find(const struct table *t, uint64_t hash, const void *key);
/* The slot that holds exactly this pointer, or NULL; the entry is not looked at. */
void **table_find_entry(const struct table *t, uint64_t hash, const void *entry);
/* Adds an entry whose key is known to be absent. */
void table_add(struct table *t, uint64_t hash, void *entry);
/* Takes the entry out and gives it, or NULL. */
void *table_remove(struct table *t, uint64_t hash, const void *key);
bool table_remove_entry(struct table *t, uint64_t hash, const void *entry);
/* The entry has been moved in memory: put the new pointer in the place of the old. */
void table_replace(struct table *t, uint64_t hash, const void *old, void *entry);

/* Room for n entries at once, so that loading does not move anything; kept until a removal. */
void table_reserve(struct table *t, size_t n);
/* Moves up to `buckets` buckets; true while there is more to move. Also starts a shrink or growth
 * that is due. */
bool table_step(struct table *t, size_t buckets);
/* On: avoid moving memory (a forked child is alive). Off: resize freely again. */
void table_hold(struct table *t, bool on);
/* While paused nothing moves and no bucket is merged. Calls nest, and may come from two threads
 * that only read. */
void table_pause(struct table *t);
void table_resume(struct table *t);

/* A batch of finds: call each stage for all hashes before the next stage, then find. The third may
 * be left out. */
void table_prefetch(const struct table *t, uint64_t hash);       /* the bucket */
void table_prefetch_entry(const struct table *t, uint64_t hash); /* entries with that tag, child */
void table_prefetch_child(const struct table *t, uint64_t hash); /* entries in the child */

/* Cursor walk: starts and ends with 0. Each call hands over all entries of one bucket (of each half
 * while moving). An entry present from the first call to the last is handed over at least once,
 * however the table grows or shrinks between calls. `fn` must not add or remove. */
typedef void table_fn(void *app, void *entry);
uint64_t table_scan(const struct table *t, uint64_t cursor, table_fn *fn, void *app);

/* Full walk in one go or in pieces; every entry present throughout is seen exactly once. The
 * current entry may be removed; others may be added (seen or not). Pauses moving until end. */
struct table_iter {
    struct table *t;
    struct table_bucket *bucket;
    size_t index;
    int half, slot;
};
void table_iter_start(struct table_iter *it, struct table *t);
void *table_iter_next(struct table_iter *it); /* NULL at the end */
void table_iter_end(struct table_iter *it);

/* A visit: each entry that is there at the start is handed over exactly once, in slices, and as it
 * was at the start: a bucket that has not been visited is handed over before anything in it
 * changes. The table does that itself before it adds, takes out or moves an entry; before a change
 * inside an entry the owner says table_visit_first(). Entries that come later are not handed over.
 * So an entry that waits for its visit never moves: the walk goes once over the one or two halves
 * of the start, and ends early when the last of them has been moved away.
 * `fn` must not change the table. One visit a table at a time; the struct is the caller's. */
struct table_visit {
    table_fn *fn;
    void *app;
    size_t at;   /* next bucket of the half */
    int half;
    bool second; /* the half after this one was there at the start, too */
};
void table_visit_start(struct table *t, struct table_visit *v);
/* Hands over about n entries; false when there are no more, and the visit has ended then. */
bool table_visit_step(struct table *t, size_t n);
/* Before the entry with that hash is changed in place. */
void table_visit_hash(struct table *t, uint64_t hash);
static inline void table_visit_first(struct table *t, uint64_t hash)
{
    if (__builtin_expect(t->visit != NULL, 0)) table_visit_hash(t, hash);
}
/* Nothing with that hash waits for its visit. */
bool table_visited(const struct table *t, uint64_t hash);
void table_visit_end(struct table *t); /* early; may be called twice */

/* An even draw, NULL when empty. Very sparse tables fall back to a slightly uneven one. */
void *table_random(const struct table *t, struct rng *rng);
/* Up to n entries from neighbouring buckets at a random place: cheap, for estimates. */
size_t table_sample(const struct table *t, struct rng *rng, void **out, size_t n);

#endif
