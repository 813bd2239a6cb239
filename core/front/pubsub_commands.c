/* pubsub_commands: SUBSCRIBE and its family, PUBSUB. A subscription is confirmed once a channel,
 * with how many the client listens to by then: channels and patterns together, shard channels
 * alone. */
#include "core/base/glob.h"
#include "core/front/call.h"
#include "core/front/pubsub.h"
#include "core/front/reply.h"

static const char *const verbs[PUBSUB_KINDS][2] = { { "unsubscribe", "subscribe" },
                                                    { "punsubscribe", "psubscribe" },
                                                    { "sunsubscribe", "ssubscribe" } };

static size_t count_for(const struct client *cl, enum pubsub_kind kind)
{
    if (kind == PUBSUB_SHARD) return pubsub_client_count(cl, PUBSUB_SHARD);
    return pubsub_client_count(cl, PUBSUB_CHANNEL) + pubsub_client_count(cl, PUBSUB_PATTERN);
}

/* Confirmations are messages: CLIENT REPLY OFF does not hold them back. */
static void confirm(struct call *c, enum pubsub_kind kind, bool joined, const struct slice *name)
{
    struct call push = push_call_for(c->client);
    reply_push(&push, 3);
    reply_bulk_z(&push, verbs[kind][joined]);
    if (name) reply_bulk(&push, *name);
    else reply_null(&push);
    reply_int(&push, (int64_t)count_for(c->client, kind));
}

static void join(struct call *c, enum pubsub_kind kind)
{
    for (int i = 1; i < c->argc; i++) {
        pubsub_add(c->client, kind, c->argv[i]);
        confirm(c, kind, true, &c->argv[i]);
    }
}

static void leave_all(struct call *c, enum pubsub_kind kind)
{
    struct slice name;
    if (!pubsub_first(c->client, kind, &name)) {
        confirm(c, kind, false, NULL);
        return;
    }
    while (pubsub_first(c->client, kind, &name)) {
        struct str copy = str_new(name);
        name = str_slice(copy);
        pubsub_remove(c->client, kind, name);
        confirm(c, kind, false, &name);
        str_free(&copy);
    }
}

static void leave(struct call *c, enum pubsub_kind kind)
{
    if (c->argc == 1) leave_all(c, kind);
    for (int i = 1; i < c->argc; i++) {
        pubsub_remove(c->client, kind, c->argv[i]);
        confirm(c, kind, false, &c->argv[i]);
    }
}

static void cmd_subscribe(struct call *c) { join(c, PUBSUB_CHANNEL); }
static void cmd_unsubscribe(struct call *c) { leave(c, PUBSUB_CHANNEL); }
static void cmd_psubscribe(struct call *c) { join(c, PUBSUB_PATTERN); }
static void cmd_punsubscribe(struct call *c) { leave(c, PUBSUB_PATTERN); }
static void cmd_ssubscribe(struct call *c) { join(c, PUBSUB_SHARD); }
static void cmd_sunsubscribe(struct call *c) { leave(c, PUBSUB_SHARD); }

/* ---- PUBSUB ---- */

struct listing {
    struct call *c;
    struct slice pattern;
    bool all;
    size_t n;
};

static void list_one(void *arg, struct slice name)
{
    struct listing *l = arg;
    if (!l->all && !glob_match(l->pattern, name, false)) return;
    reply_bulk(l->c, name);
    l->n++;
}

static void list_topics(struct call *c, enum pubsub_kind kind)
{
    if (c->argc > 3) {
        reply_sub_arity(c);
        return;
    }
    struct listing l = { .c = c, .all = c->argc == 2 };
    if (!l.all) l.pattern = c->argv[2];
    size_t mark = reply_later(c);
    pubsub_each(c->front, kind, list_one, &l);
    reply_later_array(c, mark, l.n);
}

static void count_topics(struct call *c, enum pubsub_kind kind)
{
    reply_array(c, 2 * (size_t)(c->argc - 2)); /* no map, even in RESP3: as in Redis */
    for (int i = 2; i < c->argc; i++) {
        reply_bulk(c, c->argv[i]);
        reply_int(c, (int64_t)pubsub_subscribers(c->front, kind, c->argv[i]));
    }
}

static void cmd_channels(struct call *c) { list_topics(c, PUBSUB_CHANNEL); }
static void cmd_shardchannels(struct call *c) { list_topics(c, PUBSUB_SHARD); }
static void cmd_numsub(struct call *c) { count_topics(c, PUBSUB_CHANNEL); }
static void cmd_shardnumsub(struct call *c) { count_topics(c, PUBSUB_SHARD); }
static void cmd_numpat(struct call *c)
{
    reply_int(c, (int64_t)pubsub_count(c->front, PUBSUB_PATTERN));
}

static void cmd_help(struct call *c)
{
    static const char *const lines[] = {
        "CHANNELS [<pattern>]",
        "    Name the channels that somebody listens to (those that match <pattern>).",
        "NUMPAT",
        "    Count the patterns that somebody listens to.",
        "NUMSUB [<channel> ...]",
        "    Count the listeners of each channel; who listens to a pattern is not counted.",
        "SHARDCHANNELS [<pattern>]",
        "    Name the shard channels that somebody listens to (those that match).",
        "SHARDNUMSUB [<shardchannel> ...]",
        "    Count the listeners of each shard channel.",
        NULL,
    };
    reply_help(c, lines);
}

/* ---- rows ---- */

#define LISTEN (CMD_PUBSUB | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE)
#define ASK (CMD_PUBSUB | CMD_LOADING | CMD_STALE)
#define CHANNELS { { .begin = KEYS_AT, .first = 1, .last = -1, .step = 1, .flags = KEY_CHANNEL } }

static const struct command subs_pubsub[] = {
    { "CHANNELS", cmd_channels, .arity = -2, .flags = ASK, .since = "2.8.0", .group = "pubsub",
      .complexity = "O(N), N = channels with listeners",
      .summary = "Names the channels with listeners.", .syntax = "[pattern:pattern]" },
    { "HELP", cmd_help, .arity = 2, .flags = CMD_LOADING | CMD_STALE, .since = "6.2.0",
      .group = "pubsub", .complexity = "O(1)",
      .summary = "Lists the sub-commands.", .syntax = "" },
    { "NUMPAT", cmd_numpat, .arity = 2, .flags = ASK, .since = "2.8.0", .group = "pubsub",
      .complexity = "O(1)", .summary = "Counts the different patterns that somebody listens to.",
      .syntax = "" },
    { "NUMSUB", cmd_numsub, .arity = -2, .flags = ASK, .since = "2.8.0", .group = "pubsub",
      .complexity = "O(N), N = channels asked for",
      .summary = "Counts the listeners of each channel.", .syntax = "[channel:string...]" },
    { "SHARDCHANNELS", cmd_shardchannels, .arity = -2, .flags = ASK, .since = "7.0.0",
      .group = "pubsub",
      .complexity = "O(N), N = shard channels with listeners",
      .summary = "Names the shard channels with listeners.", .syntax = "[pattern:pattern]" },
    { "SHARDNUMSUB", cmd_shardnumsub, .arity = -2, .flags = ASK, .since = "7.0.0",
      .group = "pubsub",
      .complexity = "O(N), N = shard channels asked for",
      .summary = "Counts the listeners of each shard channel.",
      .syntax = "[shardchannel:string...]" },
    COMMANDS_END,
};

const struct command cmds_subscribe[] = {
    { "SUBSCRIBE", cmd_subscribe, .arity = -2, .flags = LISTEN | CMD_SENTINEL, .keys = CHANNELS,
      .since = "2.0.0", .group = "pubsub",
      .complexity = "O(N), N = channels named",
      .summary = "Listens to channels.",
      .syntax = "channel:string..." },
    { "UNSUBSCRIBE", cmd_unsubscribe, .arity = -1, .flags = LISTEN | CMD_SENTINEL,
      .since = "2.0.0", .group = "pubsub",
      .complexity = "O(N), N = channels left",
      .summary = "Ends listening to channels, none named: to all.",
      .syntax = "[channel:string...]" },
    { "PSUBSCRIBE", cmd_psubscribe, .arity = -2, .flags = LISTEN | CMD_SENTINEL,
      .keys = { { .begin = KEYS_AT, .first = 1, .last = -1, .step = 1,
                  .flags = KEY_CHANNEL | KEY_CHANNEL_PATTERN } },
      .since = "2.0.0", .group = "pubsub",
      .complexity = "O(N), N = patterns named",
      .summary = "Listens to all channels that match patterns.",
      .syntax = "pattern=(pattern:pattern)..." },
    { "PUNSUBSCRIBE", cmd_punsubscribe, .arity = -1, .flags = LISTEN | CMD_SENTINEL,
      .since = "2.0.0", .group = "pubsub",
      .complexity = "O(N), N = patterns left",
      .summary = "Ends listening to patterns, none named: to all.",
      .syntax = "[pattern:pattern...]" },
    COMMANDS_END,
};

const struct command cmds_pubsub[] = {
    { "SSUBSCRIBE", cmd_ssubscribe, .arity = -2, .flags = LISTEN,
      .keys = { { .begin = KEYS_AT, .first = 1, .last = -1, .step = 1,
                  .flags = KEY_NOT_KEY | KEY_CHANNEL } },
      .since = "7.0.0", .group = "pubsub",
      .complexity = "O(N), N = shard channels named",
      .summary = "Listens to shard channels.",
      .syntax = "shardchannel:string..." },
    { "SUNSUBSCRIBE", cmd_sunsubscribe, .arity = -1, .flags = LISTEN,
      .keys = { { .begin = KEYS_AT, .first = 1, .last = -1, .step = 1, .flags = KEY_NOT_KEY } },
      .since = "7.0.0", .group = "pubsub",
      .complexity = "O(N), N = shard channels left",
      .summary = "Ends listening to shard channels, none named: to all.",
      .syntax = "[shardchannel:string...]" },
    { "PUBSUB", NULL, .arity = -2, .subs = subs_pubsub, .since = "2.8.0", .group = "pubsub",
      .complexity = "See the sub-commands.", .summary = "Who listens to which channels.",
      .syntax = "" },
    COMMANDS_END,
};
