/* keyed: what all command families share: the database of a call, look-ups that reply when the
 * type is wrong, and how a change of a key is told. Layer server. Tests: compat. */
#ifndef SERVER_CMD_KEYED_H
#define SERVER_CMD_KEYED_H

#include <stdbool.h>

#include "core/db/keyspace.h"
#include "core/front/call.h"
#include "core/front/client.h"
#include "core/front/reply.h"
#include "server/journal.h"
#include "server/notify.h"
#include "server/server.h"

static inline struct ks_db *db_of(const struct call *c) { return &ks_of(c)->dbs[c->client->db]; }

/* Up to where collections keep their compact form. */
static inline const struct type_limits *limits_of(const struct call *c)
{
    return &server_of(c)->limits;
}

/* CLIENT NO-TOUCH leaves access clocks alone. */
static inline unsigned lookup_flags(const struct call *c)
{
    return c->client->flags & CLIENT_NO_TOUCH ? KS_NO_TOUCH : 0;
}

/* Look-ups for a value of one type. A missing key is fine (v->e == NULL); another type gets
 * WRONGTYPE and false. */
static inline bool keyed_read(struct call *c, int at, enum value_type type, struct value *v)
{
    if (!ks_read(db_of(c), c->argv[at], lookup_flags(c), v)) return true;
    if (__builtin_expect(value_is(v, type), 1)) return true;
    reply_wrong_type(c);
    return false;
}

static inline bool keyed_write(struct call *c, int at, enum value_type type, struct value *v)
{
    if (!ks_write(db_of(c), c->argv[at], lookup_flags(c), v)) return true;
    if (__builtin_expect(value_is(v, type), 1)) return true;
    reply_wrong_type(c);
    return false;
}

/* Reads and writes at once: what was there counts as hit or miss. */
static inline bool keyed_update(struct call *c, int at, enum value_type type, struct value *v)
{
    if (!ks_write(db_of(c), c->argv[at], lookup_flags(c) | KS_ALSO_READ, v)) return true;
    if (__builtin_expect(value_is(v, type), 1)) return true;
    reply_wrong_type(c);
    return false;
}

/* A field of the hash is there and not past its deadline. With its last field the hash goes:
 * v->e may be NULL afterwards. */
static inline bool hash_field_seen(struct value *v, struct slice field, bool write)
{
    if (!v->e) return false;
    return __builtin_expect(!(v->e->flags & ENTRY_TIMED), 1) || ks_field_seen(v, field, write);
}

/* The key of argv[at] was changed by this call. */
static inline void keyed_event(struct call *c, unsigned cls, const char *event, int at)
{
    notify_event(server_of(c), cls, event, c->client->db, c->argv[at]);
}

/* The words that remove a key in the stream: UNLINK when the cause frees lazily. */
static inline struct slice del_word(bool lazily) { return lazily ? SLICE("UNLINK") : SLICE("DEL"); }

/* ---- deadlines given as arguments (server/cmd/deadline.c) ---- */
enum deadline_unit { IN_SECONDS, IN_MS, AT_SECONDS, AT_MS };
/* Argument `at` as an absolute deadline in ms. Replies "invalid expire time in '...' command" or
 * "not an integer" and gives false. `positive`: zero and less are refused (SET, GETEX). */
bool deadline_arg(struct call *c, int at, enum deadline_unit unit, bool positive, int64_t *out);
/* True when a key with that deadline is gone at once: never while a master's stream or a file is
 * applied. */
bool deadline_is_past(const struct call *c, int64_t deadline);

#endif
