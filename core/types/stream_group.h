/* stream_group: who reads a stream together: a group with the id it has come to, its consumers, and
 * the entries that were handed to one of them and not yet acknowledged.
 *
 * A pending entry is one block, known to two idmaps: the group's and its consumer's. Groups and
 * consumers stand sorted by name. Owned by the stream. Consumers and pending entries are lent until
 * they are removed. Whether the entry is still in the stream is the caller's question. Pure: the
 * time is given. Tests: unit/stream, compat/test_streams. */
#ifndef CORE_TYPES_STREAM_GROUP_H
#define CORE_TYPES_STREAM_GROUP_H

#include "core/types/stream.h"

struct stream_consumer {
    struct str name;
    int64_t seen_ms; /* when it last asked for something */
    struct idmap pending;
};

struct stream_pending {
    struct stream_consumer *consumer; /* NULL only between two calls */
    int64_t delivered_ms;
    uint64_t deliveries;
};

struct stream_group {
    struct str name;
    struct stream_id last_id;
    int64_t entries_read; /* STREAM_UNKNOWN: cannot be told */
    struct idmap pending;
    VEC(struct stream_consumer *) consumers; /* by name */
};

/* --- groups ------------------------------------------------------------------------------- */
struct stream_group *stream_group_find(const struct stream *s, struct slice name); /* or NULL */
/* NULL: the name is taken. */
struct stream_group *stream_group_add(struct stream *s, struct slice name, struct stream_id last_id,
                                      int64_t entries_read);
void stream_group_remove(struct stream *s, struct stream_group *g);
void stream_group_free(struct stream_group *g);
struct stream_group *stream_group_copy(const struct stream_group *g);
size_t stream_group_mem(const struct stream_group *g);
/* The group has come to that entry. */
void stream_group_advance(const struct stream *s, struct stream_group *g, struct stream_id id);
/* How many entries it has not read; false: cannot be told. */
bool stream_group_lag(const struct stream *s, const struct stream_group *g, int64_t *lag);

/* --- consumers ---------------------------------------------------------------------------- */
struct stream_consumer *stream_consumer_find(const struct stream_group *g, struct slice name);
/* NULL: the name is taken. */
struct stream_consumer *stream_consumer_add(struct stream_group *g, struct slice name,
                                            int64_t now_ms);
/* With all that is pending for it. */
void stream_consumer_remove(struct stream_group *g, struct stream_consumer *c);

/* --- pending entries ---------------------------------------------------------------------- */
static inline struct stream_pending *stream_pending_at(const struct idmap_pos *pos)
{
    return *idmap_slot(pos);
}
struct stream_pending *stream_pending_find(const struct stream_group *g, struct stream_id id);
/* Given to this consumer for the first time now, whoever had it before. */
struct stream_pending *stream_pending_deliver(struct stream_group *g, struct stream_consumer *c,
                                              struct stream_id id, int64_t now_ms);
/* A new one that nobody has yet (give it with stream_pending_move); NULL: it is there. */
struct stream_pending *stream_pending_add(struct stream_group *g, struct stream_id id,
                                          int64_t delivered_ms, uint64_t deliveries);
void stream_pending_move(struct stream_pending *p, struct stream_id id, struct stream_consumer *to);
/* False: it was not there. */
bool stream_pending_remove(struct stream_group *g, struct stream_id id);

#endif
