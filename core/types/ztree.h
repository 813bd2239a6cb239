/* ztree: members ordered by score, then by name, with their ranks. A B+-tree that counts.
 *
 *     inner:  | n | per child: least score, least member, pointer, how many members below |
 *     leaf:   | n | scores, ascending | members |
 *
 * Owns its nodes, never the members (struct zmember: one block each, made and freed here, kept by
 * whoever holds the tree; a name table usually). A member's score must not change while it is in
 * the tree. Scores stand in the leaf: a search looks at a member only where scores are equal.
 * Every path is equally long; nodes split when full and merge when a quarter full. Pure.
 * Limits: 16 levels; scores are never NaN. Tests: unit/zset. Measured: docs/decisions/0010. */
#ifndef CORE_TYPES_ZTREE_H
#define CORE_TYPES_ZTREE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"

struct zmember {
    double score;
    unsigned char name[]; /* length: one byte, or 255 and eight; then the bytes */
};

struct zmember *zmember_new(double score, struct slice name);
void zmember_free(struct zmember *m);
struct slice zmember_name(const struct zmember *m);

struct ztree {
    void *root;      /* NULL: empty */
    unsigned height; /* 0: the root is a leaf */
};

/* A place between members. */
struct ztree_place {
    enum { ZTREE_BY_SCORE, ZTREE_BY_BOTH, ZTREE_BY_NAME } by; /* by name: all scores are equal */
    double score;
    struct slice name;
    bool after; /* behind those that are equal, not before them */
};

size_t ztree_count(const struct ztree *t);
/* The member is not there yet. */
void ztree_add(struct ztree *t, struct zmember *m);
/* The member is there. */
void ztree_remove(struct ztree *t, const struct zmember *m);
/* How many members stand before that place. */
size_t ztree_rank(const struct ztree *t, const struct ztree_place *place);
/* rank < count */
struct zmember *ztree_at(const struct ztree *t, size_t rank);
/* The nodes alone. */
void ztree_free(struct ztree *t);
/* Bytes of the nodes, about. */
size_t ztree_mem(const struct ztree *t);

#define ZTREE_LEVELS 16
/* Where a walk is; ends with the next change of the tree. */
struct ztree_cursor {
    const void *node[ZTREE_LEVELS]; /* [0] is the leaf */
    int at[ZTREE_LEVELS];
    unsigned height;
};
/* Puts the cursor on that rank, which must be there. */
void ztree_seek(const struct ztree *t, size_t rank, struct ztree_cursor *c);
struct zmember *ztree_here(const struct ztree_cursor *c);
/* False: there is none further; the cursor is of no use then. */
bool ztree_next(struct ztree_cursor *c);
bool ztree_prev(struct ztree_cursor *c);

#endif
