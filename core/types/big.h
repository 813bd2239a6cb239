/* big: the form of a large hash or set, a name table with the key that it hashes with.
 *
 * The table's `app` is the key in the same struct, so a big must not move. What the cells are is
 * the type's: it gives the table type, and frees each cell. Pure. Tests: unit/hash, unit/set. */
#ifndef CORE_TYPES_BIG_H
#define CORE_TYPES_BIG_H

#include "core/base/hash.h"
#include "core/base/table.h"

struct big {
    struct table t; /* of cells */
    struct hash_key key;
};

struct big *big_new(const struct table_type *type, const struct hash_key *key, size_t expected);
void big_free(struct big *b, void (*free_cell)(void *cell));

#endif
