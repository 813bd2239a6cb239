/* tracking: CLIENT TRACKING: who has read which key, and the messages that tell them to forget it.
 *
 *     default, OPTIN, OPTOUT:  key ──► ids of clients that read it; the first change tells them all
 *                              and forgets the key (Redis' rule: read again to hear again)
 *     BCAST:                   prefix ──► clients; keys that changed in this turn of the loop
 *
 * Keys have no database here, as in Redis: a change in any database counts.
 * Messages of the first kind are collected while a unit runs and leave at its end, behind the
 * replies, so that none stands inside the reply of an EXEC; those of BCAST leave once a turn, a
 * message for each prefix. A message goes to the client itself (RESP3) or to whom REDIRECT names.
 * Ids outlive their clients in the table until the key changes or is evicted: who is gone or does
 * not track any more is passed over. The table is bounded by tracking-table-max-keys: beyond it
 * random keys are declared changed.
 *
 * SWAPDB tells nobody, as in Redis: whoever swaps sees to the caches.
 *
 * While nobody tracks and the table is empty the keyspace's gate does not know of us.
 * Owned by the server. Layer server. Tests: compat/test_tracking. */
#ifndef SERVER_TRACKING_H
#define SERVER_TRACKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/front/call.h"
#include "core/front/client.h"

struct keyspace;
struct server;
struct tracking;

/* All modes of a client, as bits of its flags. */
#define TRACKING_FLAGS                                                                             \
    (CLIENT_TRACKING | CLIENT_TRACKING_BROKEN | CLIENT_TRACKING_BCAST | CLIENT_TRACKING_OPTIN |    \
     CLIENT_TRACKING_OPTOUT | CLIENT_TRACKING_NOLOOP | CLIENT_TRACKING_CACHING)

struct tracking *tracking_new(struct server *s);
void tracking_delete(struct tracking *t);
/* The server's keyspace is another one now: everything may have changed. */
void tracking_moved(struct tracking *t, struct keyspace *from, struct keyspace *to);

/* Switches it on with these mode bits, redirected to a client (0: none). The modes fit together. */
void tracking_on(struct client *cl, uint32_t modes, uint64_t redirect);
/* Off, which is also what a closed client is. */
void tracking_off(struct client *cl);
/* BCAST: one more prefix; it was asked about before. */
void tracking_add_prefix(struct client *cl, struct slice prefix);
/* A prefix of the client that is the other's beginning or the other way round; false: none. */
bool tracking_overlap(const struct client *cl, struct slice prefix, struct slice *with);
/* Each of the client's prefixes, in byte order. */
size_t tracking_prefixes(const struct client *cl);
void tracking_each_prefix(const struct client *cl, void (*fn)(void *arg, struct slice prefix),
                          void *arg);

/* The end of a call: what it read is remembered; at the end of the unit messages leave. */
void tracking_call_ended(struct tracking *t, struct call *c);
/* Blocked clients may have been served behind it: their changes are told behind their replies. */
void tracking_served(struct tracking *t);
/* Before the loop sleeps: what changed outside of calls, and the messages of BCAST. */
void tracking_flush(struct tracking *t);

struct tracking_figures {
    size_t keys, items, prefixes;
};
struct tracking_figures tracking_figures(const struct tracking *t);

#endif
