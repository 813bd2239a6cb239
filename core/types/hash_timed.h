/* hash_timed: inside a hash some of whose fields have deadlines: the fields as a hash of their own,
 * and their deadlines as a sorted set of field names. Both are entries that no table holds, without
 * key and deadline; the second has never more members than the first, and at least one: when the
 * last deadline goes, the hash gets its plain form back.
 * For core/types/hash*.c only. Owned by the entry whose word points to it. Pure.
 * Tests: unit/hash. */
#ifndef CORE_TYPES_HASH_TIMED_H
#define CORE_TYPES_HASH_TIMED_H

#include "core/types/value.h"

#define HASH_TIMED 3 /* the encoding, behind those of hash.c */

struct timed {
    struct entry *fields, *deadlines;
};

static inline struct timed *timed_of(const struct entry *e) { return entry_ptr(e); }

void timed_free(struct timed *t);
struct timed *timed_copy(const struct timed *t);
size_t timed_mem(const struct timed *t, size_t samples);
/* The field is there no more, or lives on: its deadline goes. May change the form of *v. */
void timed_forget(struct value *v, struct slice field);

#endif
