/* stream: a log of entries, each an id and fields with values, and its consumer groups
 * (stream_group.h).
 *
 * Entries stand in nodes, each a packed of up to stream-node-max-bytes and -entries; nodes in an
 * idmap by the id of their first entry. A node is byte for byte what the RDB carries:
 *
 *     node:   live | deleted | n | field x n | 0 | entry | entry | ...   (live, deleted, n: counts)
 *     entry:  flags | ms - node's | seq - node's | n | field, value x n | items before
 *     or      flags | ms - node's | seq - node's | value x n | items before
 *
 * An entry with the very fields of the node's head keeps only values (flag 2). A deleted entry
 * keeps its place with flag 1 until all of its node are deleted.
 * `struct stream` may be read freely and is changed by the functions here only. The entry in the
 * keyspace never moves for a change of the stream; a stream may be empty. Slices got are lent until
 * the next change. The caller calls the keyspace's ks_changed(). Pure.
 * Tests: unit/stream (differential against an array), compat/test_streams. */
#ifndef CORE_TYPES_STREAM_H
#define CORE_TYPES_STREAM_H

#include "core/base/vec.h"
#include "core/types/idmap.h"
#include "core/types/limits.h"
#include "core/types/packed.h"
#include "core/types/value.h"

struct stream_group;

struct stream {
    struct idmap nodes;
    uint64_t length;             /* entries that are not deleted */
    struct stream_id last_id;    /* the highest ever given */
    struct stream_id first_id;   /* of the first entry; 0-0: none */
    struct stream_id max_deleted; /* the highest that XDEL removed */
    uint64_t added;              /* entries in all its life */
    size_t bytes;                /* of all nodes */
    VEC(struct stream_group *) groups; /* by name */
};

/* An entry of the keyspace with an empty stream. */
struct entry *stream_new(struct slice key);
static inline struct stream *stream_of(const struct entry *e) { return entry_ptr(e); }

/* --- reading ------------------------------------------------------------------------------ */
struct stream_iter {
    const struct stream *s;
    struct stream_id start, end, master; /* master: the node's */
    struct idmap_pos node;
    const struct packed *p; /* NULL: the walk is over */
    bool reverse, with_deleted;
    size_t head_fields, head_at; /* fields in the node's head, the first of them */
    size_t next;                 /* forward: the next entry; reverse: the end of the next */
    size_t entry, field_at, value_at;
    uint64_t left; /* fields of the current entry not yet read */
    bool own_fields;
    /* the current entry */
    struct stream_id id;
    uint64_t fields;
    bool deleted;
};
/* All entries with start <= id <= end, from the end when `reverse`. */
struct stream_iter stream_range(const struct stream *s, struct stream_id start,
                                struct stream_id end, bool reverse);
bool stream_next(struct stream_iter *it); /* false: over */
/* The current entry's next field, `fields` times. */
void stream_field(struct stream_iter *it, struct packed_item *field, struct packed_item *value);
bool stream_has(const struct stream *s, struct stream_id id);
/* The id of the first or last entry, deleted ones counted or not; 0-0 for the last and the
 * greatest for the first when there is none. */
struct stream_id stream_edge(const struct stream *s, bool first, bool with_deleted);
/* The number of entries ever added up to that id, as far as it can be told: else -1. */
#define STREAM_UNKNOWN (-1)
int64_t stream_rank(const struct stream *s, struct stream_id id);
/* XDEL may have removed entries from that id on. */
bool stream_has_holes(const struct stream *s, struct stream_id from);

/* --- change ------------------------------------------------------------------------------- */
#define STREAM_ENTRY_MAX ((size_t)1 << 30) /* bytes of an entry's fields and values */
/* `pairs` fields and values by turns; the id must be above last_id. */
void stream_add(struct stream *s, const struct type_limits *limits, struct stream_id id,
                size_t pairs, const struct slice *words);
/* Keeps max_deleted and first_id; false: it was not there. */
bool stream_remove(struct stream *s, struct stream_id id);

struct stream_trim {
    bool by_id, approx; /* approx: whole nodes only */
    uint64_t max_length;
    struct stream_id min_id;
    uint64_t limit; /* entries that may go; 0: any number */
};
uint64_t stream_trim(struct stream *s, const struct stream_trim *t);

/* --- for snapshots ------------------------------------------------------------------------ */
struct stream *stream_make(void);
void stream_free(struct stream *s);
/* Adds a node behind the others: takes `p`. False: it is no sound node, or not in order, or has no
 * live entry; then the caller keeps it. */
bool stream_adopt_node(struct stream *s, struct stream_id master, struct packed *p);
/* Takes a stream. */
struct entry *stream_entry(struct slice key, struct stream *s, int64_t deadline);
/* Nodes that a radix tree of the same ids would have, as the reference reports. */
size_t stream_radix_nodes(const struct stream *s);

extern const struct type_ops stream_ops;

#endif
