/* PUBLISH and SPUBLISH: delivered here, and told to the replicas, whose subscribers get it too. The
 * stream carries them; files do not. */
#include "core/front/front.h"
#include "core/front/pubsub.h"
#include "core/front/reply.h"
#include "server/cmd/families.h"
#include "server/fencing.h"
#include "server/journal.h"
#include "server/server.h"

static void cmd_publish(struct call *c)
{
    if (slice_eqz(c->argv[1], "__sentinel__:hello"))
        fencing_hello(server_of(c)->fencing, c->client, c->argv[2]);
    int n = pubsub_publish(c->front, c->argv[1], c->argv[2]);
    call_force_replicas(c);
    reply_int(c, n);
}

static void cmd_spublish(struct call *c)
{
    int n = pubsub_publish_shard(c->front, c->argv[1], c->argv[2]);
    call_force_replicas(c);
    reply_int(c, n);
}

#define PUBLISH_FLAGS (CMD_PUBSUB | CMD_LOADING | CMD_STALE | CMD_FAST | CMD_MAY_REPLICATE)

const struct command cmds_publish[] = {
    { "PUBLISH", cmd_publish, .arity = 3, .flags = PUBLISH_FLAGS | CMD_SENTINEL,
      .keys = { KEYS(1, 1, 1, KEY_NOT_KEY | KEY_CHANNEL) }, .since = "2.0.0", .group = "pubsub",
      .complexity = "O(N+M), N: subscribers of the channel, M: patterns",
      .summary = "Sends a message to who listens to a channel.",
      .syntax = "channel:string message:string" },
    { "SPUBLISH", cmd_spublish, .arity = 3, .flags = PUBLISH_FLAGS,
      .keys = { KEYS(1, 1, 1, KEY_NOT_KEY | KEY_CHANNEL) }, .since = "7.0.0", .group = "pubsub",
      .complexity = "O(N), N: subscribers of the shard channel",
      .summary = "Sends a message to who listens to a shard channel.",
      .syntax = "shardchannel:string message:string" },
    COMMANDS_END,
};
