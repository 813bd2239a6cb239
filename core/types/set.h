/* set: members without order and repetition.
 *
 * Encodings (hidden; their names are intset, intset, listpack, hashtable): while all members are
 * integers, sorted, in the entry itself if it has room, else in a `struct intset`; a `struct
 * packed` up to its limits; beyond, a table, in which an integer of up to 62 bits takes nothing
 * but its slot. Conversion happens inside, and only towards the bigger forms.
 * Readers take an entry, changes a handle; both must be of type set. A change may move the entry.
 * The last member's removal leaves an empty set: the caller removes the key. Slices given must
 * not lie in the value itself; slices got are lent until the next change or the next use of their
 * `tmp`. The keyspace's ks_changed() is the caller's to call.
 * Pure. Tests: unit/set (differential against an array), compat/test_sets. */
#ifndef CORE_TYPES_SET_H
#define CORE_TYPES_SET_H

#include "core/base/rand.h"
#include "core/types/intset.h"
#include "core/types/limits.h"
#include "core/types/packed.h"
#include "core/types/value.h"

#define SET_TMP PACKED_TMP /* room that a reader lends for the digits of an integer */

/* --- life --------------------------------------------------------------------------------- */
/* Empty, in the form for about `hint` members of which one is `sample`. To fill it before it is
 * anybody's: struct value v = { .e = set_new(...) }. */
struct entry *set_new(struct slice key, struct slice sample, size_t hint, int64_t deadline,
                      const struct type_limits *limits);
/* Take the compact forms, of any size: the set gets the form that fits. */
struct entry *set_new_intset(struct slice key, struct intset *s, int64_t deadline,
                             const struct type_limits *limits);
struct entry *set_new_packed(struct slice key, struct packed *p, int64_t deadline,
                             const struct type_limits *limits);
/* It is one of the forms that stand as an intset in the RDB. */
bool set_is_intset(const struct entry *e);
/* The bytes of that intset, lent until intset_free(*made); *made may be NULL. */
struct slice set_intset_bytes(const struct entry *e, struct intset **made);

/* --- reading ------------------------------------------------------------------------------ */
size_t set_count(const struct entry *e);
bool set_has(const struct entry *e, struct slice member);

/* All members, each once, in no order. Nothing may be changed until set_iter_end. */
struct set_iter {
    const struct entry *e;
    size_t at;
    struct table_iter it;
};
void set_iter_start(struct set_iter *it, const struct entry *e);
bool set_iter_next(struct set_iter *it, char tmp[SET_TMP], struct slice *member);
void set_iter_end(struct set_iter *it);
/* An even draw from a set that is not empty. */
struct slice set_random(const struct entry *e, struct rng *rng, char tmp[SET_TMP]);
/* A cursor walk as scan_step's (db/scan.h): about `count` members a call, all of them at once in
 * the compact forms. Gives the next cursor, 0 at the end. `fn` must not change the set. */
uint64_t set_scan(const struct entry *e, uint64_t cursor, uint64_t count,
                  void (*fn)(void *app, struct slice member), void *app);

/* --- change ------------------------------------------------------------------------------- */
/* False: it was there (add), it was not (remove). */
bool set_add(struct value *v, struct slice member, const struct type_limits *limits);
bool set_remove(struct value *v, struct slice member);
/* n members are about to be added: a number beyond the limits makes it a table. */
void set_expect(struct value *v, size_t n, const struct type_limits *limits);

extern const struct type_ops set_ops;

#endif
