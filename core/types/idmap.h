/* idmap: stream ids to pointers, in order: the nodes of a stream, the pending entries of a group
 * and of a consumer.
 *
 *     at[]:  | first id, leaf | first id, leaf | ...     sorted; binary search, twice
 *     leaf:  | id, pointer | id, pointer | ...           up to IDMAP_LEAF, sorted
 *
 * Two levels: ids mostly come in order, so leaves are filled to the brim; an insert or removal
 * moves at most one leaf, and the upper array once in some thirty of them. 24 bytes an id, at most
 * twice that after removals. Why not a radix tree: docs/decisions.
 * Owns leaves and array, never what the pointers point to. A zero-filled struct is an empty map.
 * Slots and positions are lent until the next insert or removal. Pure.
 * Tests: unit/stream (differential against an array). */
#ifndef CORE_TYPES_IDMAP_H
#define CORE_TYPES_IDMAP_H

#include <stddef.h>

#include "core/types/stream_id.h"

#define IDMAP_LEAF 64

struct idmap_leaf;
struct idmap_top {
    struct stream_id first;
    struct idmap_leaf *leaf;
};
struct idmap {
    struct idmap_top *at;
    size_t n, cap; /* leaves */
    size_t count;  /* ids */
};

/* Frees what the map owns; it is empty and usable afterwards. */
void idmap_free(struct idmap *m);
/* The pointer's slot, NULL when the id is not there. */
void **idmap_find(const struct idmap *m, struct stream_id id);
/* The slot of a new id; *there tells that it was there already. */
void **idmap_add(struct idmap *m, struct stream_id id, bool *there);
/* Takes the id out; gives its pointer, NULL when it was not there. */
void *idmap_remove(struct idmap *m, struct stream_id id);
size_t idmap_mem(const struct idmap *m);

/* --- walking ------------------------------------------------------------------------------ */
struct idmap_pos {
    const struct idmap *m;
    size_t leaf, i; /* leaf == m->n: nowhere */
};
struct idmap_pos idmap_first(const struct idmap *m);
struct idmap_pos idmap_last(const struct idmap *m);
/* The first id that is not below, the last that is not above. */
struct idmap_pos idmap_from(const struct idmap *m, struct stream_id id);
struct idmap_pos idmap_upto(const struct idmap *m, struct stream_id id);
static inline bool idmap_is(const struct idmap_pos *p) { return p->leaf < p->m->n; }
struct stream_id idmap_id(const struct idmap_pos *p);
void **idmap_slot(const struct idmap_pos *p);
void idmap_step(struct idmap_pos *p);
void idmap_back(struct idmap_pos *p);

#endif
