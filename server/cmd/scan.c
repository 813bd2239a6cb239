/* SCAN: a cursor over the database's keys. The options are shared by the scans of collections. */
#include "core/db/scan.h"
#include "core/resp/write.h"

#include "server/cmd/families.h"
#include "server/cmd/keyed.h"

struct scan_out {
    struct buf keys; /* as bulks */
    size_t n;
};

static bool take_options(struct call *c, struct scan_options *o)
{
    for (int i = 2; i < c->argc; i += 2) {
        int64_t n;
        if (i + 1 >= c->argc) {
            reply_syntax_error(c);
            return false;
        }
        if (arg_is(c, i, "COUNT")) {
            if (!arg_int(c, i + 1, &n)) return false;
            if (n < 1) {
                reply_syntax_error(c);
                return false;
            }
            o->count = (uint64_t)n;
        } else if (arg_is(c, i, "MATCH")) {
            o->match = c->argv[i + 1];
        } else if (arg_is(c, i, "TYPE")) {
            o->type = (int)type_by_name(c->argv[i + 1]);
        } else {
            reply_syntax_error(c);
            return false;
        }
    }
    return true;
}

static void collect(void *app, struct slice key)
{
    struct scan_out *o = app;
    resp_bulk(&o->keys, key);
    o->n++;
}

/* A negative number wraps, as strtoul does. */
static bool cursor_arg(struct slice text, uint64_t *cursor)
{
    int64_t wrapped;
    if (num_to_u64(text, cursor)) return true;
    if (!num_to_i64(text, &wrapped)) return false;
    *cursor = (uint64_t)wrapped;
    return true;
}

/* The next cursor stands before the keys but is known only after them: the keys are collected
 * aside. */
static void cmd_scan(struct call *c)
{
    struct scan_options o = { .type = -1 };
    struct scan_out out = { 0 };
    uint64_t cursor;
    char digits[NUM_I64_MAX];
    if (!cursor_arg(c->argv[1], &cursor)) {
        reply_error(c, "-ERR invalid cursor");
        return;
    }
    if (!take_options(c, &o)) return;
    uint64_t next = scan_step(db_of(c), cursor, &o, collect, &out);
    reply_array(c, 2);
    reply_bulk(c, slice_of(digits, num_from_u64(digits, next)));
    reply_array(c, out.n);
    reply_raw(c, buf_slice(&out.keys));
    buf_free(&out.keys);
}

static const char *const hints[] = { "nondeterministic_output", "request_policy:special", NULL };

const struct command cmds_scan[] = {
    { "SCAN", cmd_scan, .arity = -2, .flags = CMD_READONLY | CMD_TOUCHES_ARBITRARY_KEYS,
      .acl = ACL_KEYSPACE, .since = "2.8.0", .group = "generic",
      .complexity = "O(1) a call, O(N) for the whole walk, N: keys in the database",
      .summary = "Walks over the key names, a few at a time.",
      .syntax = "cursor:integer [MATCH pattern:pattern] [COUNT count:integer] [TYPE type:string]",
      .hints = hints },
    COMMANDS_END,
};
