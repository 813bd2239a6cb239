/* zrow: the small form of a sorted set: members and scores in order, in one block.
 *
 *     | bytes 4 | items 4 | item | item | ...             both counts as the machine has them
 *     item:  | score's kind 3 bits, length 5 bits | rest of the length | score | member |
 *
 * A length from 31 on has its rest behind the first byte (varlen.h). A whole score is kept as its
 * distance from the score before it (0 before the first), in 0, 1, 2, 3, 4 or 6 bytes; any other as
 * a float or a double that is exactly it. So scores that lie together, as times and ranks do, take
 * a byte or two; and what comes in front of an item decides how it is written: who inserts or
 * removes writes the following item's head again, here and nowhere else.
 *
 * The caller keeps the order and asks for each member once; this module only keeps bytes. `struct
 * zrow` is the first byte of the block; what changes it takes the address of the caller's pointer,
 * since the block may move. Places and members lent are good until the next change; slices given
 * must not lie in the block. Scores are never NaN; 0 loses its sign. Nothing here comes from
 * outside: files have the listpack (zset.h). Pure. Tests: unit/zset. */
#ifndef CORE_TYPES_ZROW_H
#define CORE_TYPES_ZROW_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"

struct zrow;

#define ZROW_MAX ((size_t)1 << 26) /* bytes, which callers keep by zrow_takes() */

/* --- life --------------------------------------------------------------------------------- */
struct zrow *zrow_new(void);
void zrow_free(struct zrow *r);
struct zrow *zrow_copy(const struct zrow *r);
size_t zrow_mem(const struct zrow *r); /* what the allocator gave */
size_t zrow_count(const struct zrow *r);
/* A member of that length can be added below ZROW_MAX. */
bool zrow_takes(const struct zrow *r, size_t member);

/* Makes a row of items that come in order. `hint`: about so many bytes of it will be needed. */
struct zrow_maker {
    struct zrow *row; /* NULL once it has been taken */
    size_t size, room, count;
    double last;
};
void zrow_maker_start(struct zrow_maker *m, size_t hint);
void zrow_maker_add(struct zrow_maker *m, double score, struct slice member);
struct zrow *zrow_maker_take(struct zrow_maker *m);

/* --- walking ------------------------------------------------------------------------------ */
/* An item; or the place behind the last one, whose member.p is NULL and whose score means nothing.
 */
struct zrow_at {
    size_t at, end;  /* its bytes in the block */
    double previous; /* the score of the item before it, 0 at the first one */
    double score;
    struct slice member;
};
struct zrow_at zrow_first(const struct zrow *r);
struct zrow_at zrow_next(const struct zrow *r, const struct zrow_at *here);
struct zrow_at zrow_seek(const struct zrow *r, size_t rank);
/* The member's place, and its rank (may be NULL); false: it is not there. */
bool zrow_find(const struct zrow *r, struct slice member, struct zrow_at *out, size_t *rank);

/* Downwards from a rank that is there. Items have no way back: each ZROW_MARKS of them take one
 * walk from the front. */
#define ZROW_MARKS 32
struct zrow_down {
    size_t left, marked; /* items still to come; of them the last `marked` have a mark */
    struct zrow_mark {
        size_t at;
        double previous;
    } mark[ZROW_MARKS];
};
void zrow_down_start(struct zrow_down *d, size_t rank);
bool zrow_down_next(struct zrow_down *d, const struct zrow *r, struct zrow_at *out);

/* --- change ------------------------------------------------------------------------------- */
/* In front of the place. */
void zrow_insert(struct zrow **r, const struct zrow_at *before, double score, struct slice member);
/* The item at the place and those behind it, n together, which are there. */
void zrow_remove(struct zrow **r, const struct zrow_at *from, size_t n);

#endif
