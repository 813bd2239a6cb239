/* hash: fields and their values, and the deadlines that some fields may have.
 *
 * Encodings (hidden; their names are listpack, listpack, hashtable): field and value side by side
 * in the entry itself while that has room; in one `struct packed` up to the limits; beyond, a table
 * of one block a field, which holds the value too. Conversion happens inside, and only towards the
 * bigger forms. With the first deadline of a field the hash gets a second part, a sorted set of
 * deadlines (its small form is called listpackex then), and loses it with the last: without
 * deadlines they cost nothing.
 * A field past its deadline is a field like others here: who reads passes it over (hash_deadline,
 * hash_iter_from), and who may removes it (core/db/keyspace.h).
 * Readers take an entry, changes a handle; both must be of type hash. A change may move the entry.
 * The last field's removal leaves an empty hash: the caller removes the key. Slices given
 * must not lie in the value itself; slices got are lent until the next change or the next use of
 * their `tmp`. The keyspace's ks_changed() is the caller's to call.
 * Pure. Tests: unit/hash (differential against an array of pairs), compat/test_hashes. */
#ifndef CORE_TYPES_HASH_H
#define CORE_TYPES_HASH_H

#include "core/base/rand.h"
#include "core/types/limits.h"
#include "core/types/packed.h"
#include "core/types/value.h"

#define HASH_TMP PACKED_TMP /* room that a reader lends for the digits of an integer */
#define HASH_NO_DEADLINE (-1)
#define HASH_DEADLINE_MAX (((int64_t)1 << 48) - 2) /* the greatest that the RDB's readers take */

/* --- life --------------------------------------------------------------------------------- */
/* Empty. To fill it before it is anybody's: struct value v = { .e = hash_new(...) }. */
struct entry *hash_new(struct slice key, int64_t deadline);
/* Takes a packed of field, value, field, value ... of any size: it gets the form that fits. */
struct entry *hash_new_packed(struct slice key, struct packed *p, int64_t deadline,
                              const struct type_limits *limits);
/* It is no table, but one of the forms that stand as a packed in the RDB. */
bool hash_is_compact(const struct entry *e);
/* The bytes of that packed, lent until packed_free(*made); *made may be NULL. */
struct slice hash_packed_bytes(const struct entry *e, struct packed **made);

/* --- reading ------------------------------------------------------------------------------ */
size_t hash_count(const struct entry *e);
bool hash_get(const struct entry *e, struct slice field, char tmp[HASH_TMP], struct slice *value);
static inline bool hash_has(const struct entry *e, struct slice field)
{
    char tmp[HASH_TMP];
    struct slice value;
    return hash_get(e, field, tmp, &value);
}

struct hash_pair {
    struct slice field, value;
    char tmp[2][HASH_TMP];
};
/* All pairs, each once, in no order. Nothing may be changed until hash_iter_end. */
struct hash_iter {
    const struct entry *e, *deadlines; /* NULL: none need be looked at */
    int64_t from;
    size_t at; /* in the compact forms */
    struct table_iter it;
};
void hash_iter_start(struct hash_iter *it, const struct entry *e);
/* Without the fields whose deadline is before `from`. */
void hash_iter_from(struct hash_iter *it, const struct entry *e, int64_t from);
bool hash_iter_next(struct hash_iter *it, struct hash_pair *out);
void hash_iter_end(struct hash_iter *it);
/* An even draw from a hash that is not empty. */
void hash_random(const struct entry *e, struct rng *rng, struct hash_pair *out);
/* Each of the n pairs drawn by itself: repetitions are likely. */
void hash_random_many(const struct entry *e, struct rng *rng, size_t n,
                      void (*fn)(void *app, const struct hash_pair *pair), void *app);
/* A cursor walk as scan_step's (db/scan.h): about `count` pairs a call, all of them at once in the
 * compact forms. Gives the next cursor, 0 at the end. `fn` must not change the hash. */
uint64_t hash_scan(const struct entry *e, uint64_t cursor, uint64_t count,
                   void (*fn)(void *app, const struct hash_pair *pair), void *app);

/* --- deadlines of fields ------------------------------------------------------------------ */
static inline bool hash_is_timed(const struct entry *e) { return e->flags & ENTRY_TIMED; }
/* HASH_NO_DEADLINE too if there is no such field. */
int64_t hash_deadline(const struct entry *e, struct slice field);
/* The fields with a deadline as a sorted set (zset.h), earliest first; NULL: there are none. */
const struct entry *hash_deadlines(const struct entry *e);
/* How many fields have a deadline before that instant. O(log n). */
size_t hash_past(const struct entry *e, int64_t before);
struct hash_timed_field {
    struct slice field;
    int64_t deadline;
};
/* Up to `max` of them, the earliest first; lent until the next change. */
size_t hash_earliest(const struct entry *e, int64_t before, struct hash_timed_field *out,
                     size_t max);
/* Of a field that is there, in ms, up to HASH_DEADLINE_MAX; HASH_NO_DEADLINE clears it. */
void hash_set_deadline(struct value *v, struct slice field, int64_t deadline,
                       const struct type_limits *limits);

/* --- change ------------------------------------------------------------------------------- */
/* True: the field is new. Its deadline goes with the old value ... */
bool hash_put(struct value *v, struct slice field, struct slice value,
              const struct type_limits *limits);
/* ... or stays. */
bool hash_put_keeping(struct value *v, struct slice field, struct slice value,
                      const struct type_limits *limits);
bool hash_remove(struct value *v, struct slice field);
/* n fields are about to be put: a number beyond the limit makes it a table with room for them. */
void hash_expect(struct value *v, size_t n, const struct type_limits *limits);

extern const struct type_ops hash_ops;

#endif
