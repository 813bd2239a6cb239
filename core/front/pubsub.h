/* pubsub: channels, patterns and shard channels, who listens to them, and delivery.
 *
 * A subscription is one small object in two lists (its client's and its channel's) and in one hash
 * table of (client, channel), so subscribing, leaving and publishing cost what they deliver.
 * Patterns are walked one by one. Messages are RESP3 pushes or RESP2 arrays, by the receiver.
 * Owned by the front; a client's subscriptions end with the client. Layer core/front.
 * Tests: unit/front, e2e. pubsub_publish is declared in front.h. */
#ifndef CORE_FRONT_PUBSUB_H
#define CORE_FRONT_PUBSUB_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/str.h"
#include "core/front/client.h"
#include "core/front/front.h"

enum pubsub_kind { PUBSUB_CHANNEL, PUBSUB_PATTERN, PUBSUB_SHARD, PUBSUB_KINDS };

struct pubsub *pubsub_new(struct front *f);
void pubsub_delete(struct pubsub *p);
/* SPUBLISH: receivers of the shard channel. */
int pubsub_publish_shard(struct front *f, struct slice channel, struct slice message);
/* Channels, patterns or shard channels somebody listens to, for INFO. */
size_t pubsub_count(const struct front *f, enum pubsub_kind kind);
/* What one client listens to. */
size_t pubsub_client_count(const struct client *cl, enum pubsub_kind kind);
/* RESP2 clients with a subscription may only leave and PING. */
static inline bool pubsub_active(const struct client *cl) { return cl->pubsub != NULL; }
/* Ends all subscriptions of a client, silently. */
void pubsub_drop(struct client *cl);
/* False: it was (was not) listening to that already. */
bool pubsub_add(struct client *cl, enum pubsub_kind kind, struct slice name);
bool pubsub_remove(struct client *cl, enum pubsub_kind kind, struct slice name);
/* The oldest subscription of that kind; false: none. The name is lent until it is removed. */
bool pubsub_first(const struct client *cl, enum pubsub_kind kind, struct slice *name);
size_t pubsub_subscribers(const struct front *f, enum pubsub_kind kind, struct slice name);
void pubsub_each(const struct front *f, enum pubsub_kind kind,
                 void (*fn)(void *arg, struct slice name), void *arg);
/* ACL changes: true when the client listens to something for which `hit` is true. */
bool pubsub_any(const struct client *cl,
                bool (*hit)(void *arg, struct slice name, enum pubsub_kind k), void *arg);
/* Its subscriptions, channels' names included: they may be there for it alone. */
size_t pubsub_client_mem(const struct client *cl);
size_t pubsub_mem(const struct front *f);

/* pubsub_commands.c. SUBSCRIBE, UNSUBSCRIBE, PSUBSCRIBE, PUNSUBSCRIBE: both personalities. */
extern const struct command cmds_subscribe[];
/* SSUBSCRIBE, SUNSUBSCRIBE, PUBSUB: the data server. */
extern const struct command cmds_pubsub[];

#endif
