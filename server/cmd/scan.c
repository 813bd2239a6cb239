/* SCAN: a cursor over the database's keys. */
#include "server/cmd/collection.h"
#include "server/cmd/families.h"

static void collect(void *app, struct slice key) { scan_out_add(app, key); }

static void cmd_scan(struct call *c)
{
    struct scan_options o;
    struct scan_out out = { 0 };
    uint64_t cursor;
    if (!scan_cursor_arg(c, 1, &cursor)) return;
    if (!scan_options_arg(c, 2, SCAN_TAKES_TYPE, &o, NULL)) return;
    call_loose(c);
    uint64_t next = scan_step(db_of(c), cursor, &o, collect, &out);
    scan_reply(c, next, &out);
}

static const char *const hints[] = { "nondeterministic_output", "request_policy:special", NULL };

const struct command cmds_scan[] = {
    { "SCAN", cmd_scan, .arity = -2, .flags = CMD_READONLY | CMD_TOUCHES_ARBITRARY_KEYS,
      .acl = ACL_KEYSPACE, .since = "2.8.0", .group = "generic",
      .complexity = "O(1) a call, O(N) for the whole walk, N: keys in the database",
      .summary = "Walks over the key names, a few at a time.",
      .syntax = "cursor:integer [MATCH pattern:pattern] [COUNT count:integer] "
                "[TYPE type:string@6.0.0]",
      .hints = hints },
    COMMANDS_END,
};
