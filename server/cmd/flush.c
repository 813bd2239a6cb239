/* FLUSHDB and FLUSHALL: always told to replicas, also when nothing was there. */
#include "server/cmd/families.h"
#include "server/cmd/keyed.h"
#include "server/persist/snapshot.h"

static bool flush_option(struct call *c, bool *lazily)
{
    *lazily = server_of(c)->config->lazyfree_lazy_user_flush;
    if (c->argc == 1) return true;
    if (c->argc == 2 && arg_is(c, 1, "SYNC")) {
        *lazily = false;
    } else if (c->argc == 2 && arg_is(c, 1, "ASYNC")) {
        *lazily = true;
    } else {
        reply_syntax_error(c);
        return false;
    }
    return true;
}

static void flush(struct call *c, int db, bool lazily)
{
    c->changed += (int64_t)ks_flush(ks_of(c), db, lazily);
    call_force(c);
    reply_ok(c);
}

static void cmd_flushdb(struct call *c)
{
    bool lazily;
    if (flush_option(c, &lazily)) flush(c, c->client->db, lazily);
}

/* The snapshot file too is to forget the data, at once. */
static void cmd_flushall(struct call *c)
{
    bool lazily;
    struct server *s = server_of(c);
    if (!flush_option(c, &lazily)) return;
    snapshot_give_up(s->snapshot);
    flush(c, -1, lazily);
    if (s->loading || s->replaying) return;
    /* The journal will count the change after this, but the file has it already. */
    if (snapshot_flushed(s->snapshot)) s->dirty -= (uint64_t)c->changed;
}

static const char *const flush_hints[] = { "request_policy:all_shards",
                                           "response_policy:all_succeeded", NULL };

const struct command cmds_flush[] = {
    { "FLUSHALL", cmd_flushall, .arity = -1, .flags = CMD_WRITE,
      .acl = ACL_KEYSPACE | ACL_DANGEROUS, .since = "1.0.0", .group = "server",
      .complexity = "O(N), N: keys in all databases",
      .summary = "Empties every database.", .syntax = "async=[ASYNC@4.0.0|SYNC@6.2.0]",
      .hints = flush_hints },
    { "FLUSHDB", cmd_flushdb, .arity = -1, .flags = CMD_WRITE, .acl = ACL_KEYSPACE | ACL_DANGEROUS,
      .since = "1.0.0", .group = "server", .complexity = "O(N), N: keys in the database",
      .summary = "Empties the chosen database.", .syntax = "async=[ASYNC@4.0.0|SYNC@6.2.0]",
      .hints = flush_hints },
    COMMANDS_END,
};
