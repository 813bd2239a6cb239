/* stream: what the stream family's files share: ids as arguments, entries as replies, and the words
 * for the stream of writes. Layer server. Tests: compat/test_streams. */
#ifndef SERVER_CMD_STREAM_H
#define SERVER_CMD_STREAM_H

#include "core/types/stream_group.h"
#include "server/cmd/keyed.h"

/* ---- arguments: they reply on failure and give false ---- */
/* "ms-count", or "ms": then the count is `missing`. */
bool stream_id_arg(struct call *c, int at, uint64_t missing, struct stream_id *out);
/* Also "-" and "+", the least and the greatest id. */
bool stream_any_id_arg(struct call *c, int at, uint64_t missing, struct stream_id *out);
/* One end of an interval: the same, or "(" and an id that is not part of it. */
bool stream_bound_arg(struct call *c, int at, bool upper, struct stream_id *out);
/* "No such key ... or consumer group ..." is replied when either is missing; `how` follows. */
bool stream_group_arg(struct call *c, int key_at, int group_at, bool write, const char *how,
                      struct value *v, struct stream_group **g);

/* ---- replies ---- */
void stream_reply_id(struct call *c, struct stream_id id);
/* The entry where the walk stands: id and fields. */
void stream_reply_entry(struct call *c, struct stream_iter *it);
/* An array of up to `count` entries (0: all). */
void stream_reply_range(struct call *c, const struct stream *s, struct stream_id start,
                        struct stream_id end, uint64_t count, bool reverse);
/* One entry, as above; false, and no reply, when it is not there. */
bool stream_reply_one(struct call *c, const struct stream *s, struct stream_id id);

/* ---- consumers ---- */
/* The consumer of that name, seen now; made if need be (*created may be NULL). */
struct stream_consumer *stream_consumer_use(struct call *c, int key_at, struct stream_group *g,
                                            struct slice name, bool *created);

/* ---- the stream of writes: instead of the call's own words ---- */
void stream_tell_claim(struct call *c, struct slice key, const struct stream_group *g,
                       struct stream_id id, const struct stream_pending *p);
void stream_tell_group(struct call *c, struct slice key, const struct stream_group *g);
void stream_tell_consumer(struct call *c, struct slice key, const struct stream_group *g,
                          const struct stream_consumer *consumer);

#endif
