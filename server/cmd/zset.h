/* zset: what the files of the sorted-set family (zset.c, zset_pop.c, zset_range.c, zset_ops.c, and
 * geo.c) share: how members are replied, how a result is stored, how an emptied key goes. Layer
 * server. Tests: compat/test_zsets, compat/test_geo. */
#ifndef SERVER_CMD_ZSET_H
#define SERVER_CMD_ZSET_H

#include "core/types/zset.h"
#include "server/cmd/keyed.h"

/* A member; with its score as two items in RESP2, as a pair in RESP3. */
void zset_reply_item(struct call *c, const struct zset_item *item, bool with_score);
/* The header for n of these. */
void zset_reply_header(struct call *c, size_t n, bool with_scores);
/* The value was changed and is perhaps empty: then the key goes, with "del". */
void zset_after_removal(struct call *c, struct value *v, const char *event, int key_at);
/* Takes a result (NULL or empty: none) and puts it in the place of argv[at]; replies its size. */
void zset_store(struct call *c, int at, struct entry *result, const char *event);
/* A result to fill, for the key argv[at]. */
struct entry *zset_result(struct call *c, int at);

/* ZADD's work for one member of a key that exists or is created; the scores' events are the
 * caller's. GEOADD uses ZADD itself. */
void zset_add_command(struct call *c, unsigned how);

#endif
