/* list: a sequence of strings with cheap ends.
 *
 * Encodings (hidden; their names are listpack and quicklist): one packed up to
 * list-max-listpack-size; beyond that an array of nodes, each a packed of up to LIST_NODE_BYTES or
 * one long string. The array has room at both ends; a node costs 16 bytes beside its block. A list
 * goes back to one packed when it has shrunk to half the limit. list-compress-depth: no effect.
 * Functions that change take a handle whose value is a list; the word may change, the entry does
 * not move. A list may be empty only between calls: the caller removes the key (list_len() == 0)
 * and calls the keyspace's ks_changed(). Slices given must not lie in the list; those got are lent
 * until the next change. `limits` NULL: the defaults. Pure.
 * Tests: unit/list (differential against an array), compat/test_lists. */
#ifndef CORE_TYPES_LIST_H
#define CORE_TYPES_LIST_H

#include "core/types/limits.h"
#include "core/types/packed.h"
#include "core/types/value.h"

#define LIST_NODE_BYTES 2048 /* a push at the front moves the node's bytes: so they are few */

enum list_end { LIST_HEAD, LIST_TAIL };

/* An entry with an empty list, to be filled at once: by a handle with nothing but .e. */
struct entry *list_new(struct slice key);
size_t list_len(const struct entry *e);

/* --- reading ------------------------------------------------------------------------------ */
/* Where a walk stands; good until the next change of the list, but for list_erase. */
struct list_iter {
    const struct entry *e;
    size_t node, at; /* at 0: the walk is over */
    bool backwards;
};
/* Starts at that index (negative from the end), nowhere when it is out of range. */
struct list_iter list_from(const struct entry *e, int64_t index, bool backwards);
bool list_item(const struct list_iter *it, struct packed_item *out); /* false: over */
void list_step(struct list_iter *it);
/* Text at an index; false when it is out of range. */
bool list_get(const struct entry *e, int64_t index, char tmp[PACKED_TMP], struct slice *out);

/* Comparison with items, prepared once for many. */
struct list_match {
    struct slice s;
    int64_t i;
    bool is_int;
};
struct list_match list_match_of(struct slice s);
bool list_matches(const struct list_match *m, const struct packed_item *item);
/* Steps on to the next item that matches, perhaps the one at hand; false: over. */
bool list_find(struct list_iter *it, const struct list_match *m);

/* --- change ------------------------------------------------------------------------------- */
void list_push(struct value *v, const struct type_limits *limits, enum list_end end, size_t n,
               const struct slice *s);
/* Before or after the item where the walk stands, which ends it. */
void list_insert(struct value *v, const struct type_limits *limits, const struct list_iter *it,
                 bool after, struct slice s);
bool list_set(struct value *v, const struct type_limits *limits, int64_t index, struct slice s);
/* Removes the item where the walk stands and steps on. Call list_settle() at the end of all. */
void list_erase(struct value *v, struct list_iter *it);
/* Removes up to n items from that index on. */
void list_delete(struct value *v, const struct type_limits *limits, size_t from, size_t n);
/* After removals: perhaps the small form again. */
void list_settle(struct value *v, const struct type_limits *limits);

/* --- for snapshots ------------------------------------------------------------------------ */
/* The blocks that the list consists of, in order: a packed's bytes, or one long string. */
size_t list_parts(const struct entry *e);
struct slice list_part(const struct entry *e, size_t i, bool *plain);
struct list; /* one that is being built */
struct list *list_build(void);
void list_build_packed(struct list *l, struct packed *p); /* takes */
void list_build_plain(struct list *l, struct slice s);    /* one element, in a block of its own */
void list_build_item(struct list *l, const struct type_limits *limits, struct slice s);
void list_build_drop(struct list *l);
/* Takes the list; NULL when it has no items. */
struct entry *list_built(struct list *l, struct slice key, int64_t deadline,
                         const struct type_limits *limits);

extern const struct type_ops list_ops;

#endif
