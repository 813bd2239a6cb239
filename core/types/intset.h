/* intset: a set of integers, sorted, each in 16, 32 or 64 bits; byte for byte the RDB's intset.
 *
 *     | bytes an integer: 2, 4 or 8 (4) | how many (4) | the integers, ascending |   little-endian
 *
 * The width grows with the widest member and never shrinks (as Redis': DUMP shows it).
 * `struct intset` is the block's first byte and owns it all; what changes takes the address of the
 * caller's pointer, since the block may move. Look-ups are binary searches; insertion moves what
 * is behind: callers keep it small. Pure. Tests: unit/packed. */
#ifndef CORE_TYPES_INTSET_H
#define CORE_TYPES_INTSET_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"

struct intset;

struct intset *intset_new(void);
void intset_free(struct intset *s);
struct intset *intset_copy(const struct intset *s);
/* Copies bytes that intset_valid() has accepted. */
struct intset *intset_from_bytes(struct slice bytes);
/* Sizes fit, and with `deep` members ascend without repetition. Never reads outside. */
bool intset_valid(struct slice bytes, bool deep);
struct slice intset_bytes(const struct intset *s);
size_t intset_mem(const struct intset *s);
size_t intset_count(const struct intset *s);
/* By rank, 0 <= i < count. */
int64_t intset_at(const struct intset *s, size_t i);
bool intset_has(const struct intset *s, int64_t v);
/* The rank of the first member >= v; count when there is none. */
size_t intset_rank(const struct intset *s, int64_t v);
/* False: it was there (add), it was not (remove). */
bool intset_add(struct intset **s, int64_t v);
bool intset_remove(struct intset **s, int64_t v);

#endif
