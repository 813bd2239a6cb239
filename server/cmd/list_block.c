/* The blocking forms of list commands: at once when there is something, else by server/block. In
 * the stream they are the forms that do not block. */
#include "server/block.h"
#include "server/cmd/families.h"
#include "server/cmd/list.h"

#define LISTS BLOCK_TYPE(VALUE_LIST)

/* ---- BLPOP, BRPOP ---- */

static void give_one(struct call *c, struct value *v, int at, enum list_end end)
{
    reply_array(c, 2);
    reply_bulk(c, c->argv[at]);
    list_pop_reply_one(c, v, at, end);
    list_stream_pop(c, c->argv[at], end, 0);
}

static bool is_head(const struct call *c) { return strcmp(c->row->name, "BLPOP") == 0; }

static bool serve_pop(struct call *c, int at)
{
    struct value v;
    ks_write(db_of(c), c->argv[at], lookup_flags(c), &v);
    if (!value_is(&v, VALUE_LIST)) return false;
    give_one(c, &v, at, is_head(c) ? LIST_HEAD : LIST_TAIL);
    return true;
}

static void blocking_pop(struct call *c, enum list_end end)
{
    struct block_wait w = { .first = 1, .keys = c->argc - 2, .types = LISTS, .serve = serve_pop,
                            .timed_out = reply_null_array };
    if (!block_timeout_arg(c, c->argc - 1, &w.timeout_ms)) return;
    for (int at = 1; at < c->argc - 1; at++) {
        struct value v;
        if (!keyed_write(c, at, VALUE_LIST, &v)) return;
        if (!v.e) continue;
        give_one(c, &v, at, end);
        return;
    }
    block_on(c, &w);
}

static void cmd_blpop(struct call *c) { blocking_pop(c, LIST_HEAD); }
static void cmd_brpop(struct call *c) { blocking_pop(c, LIST_TAIL); }

/* ---- BLMPOP ---- */

static void give_many(struct call *c, struct value *v, int at, const struct list_mpop *m)
{
    size_t len = list_len(v->e), n = m->count < len ? m->count : len;
    reply_array(c, 2);
    reply_bulk(c, c->argv[at]);
    list_pop_reply_many(c, v, at, m->end, n);
    list_stream_pop(c, c->argv[at], m->end, n);
}

static bool serve_mpop(struct call *c, int at)
{
    struct list_mpop m;
    struct value v;
    ks_write(db_of(c), c->argv[at], lookup_flags(c), &v);
    if (!value_is(&v, VALUE_LIST) || !list_mpop_args(c, 2, &m)) return false;
    give_many(c, &v, at, &m);
    return true;
}

static void cmd_blmpop(struct call *c)
{
    struct list_mpop m;
    struct block_wait w = { .types = LISTS, .serve = serve_mpop, .timed_out = reply_null_array };
    if (!list_mpop_args(c, 2, &m) || !block_timeout_arg(c, 1, &w.timeout_ms)) return;
    for (int at = m.first; at < m.first + m.keys; at++) {
        struct value v;
        if (!keyed_write(c, at, VALUE_LIST, &v)) return;
        if (!v.e) continue;
        give_many(c, &v, at, &m);
        return;
    }
    w.first = m.first;
    w.keys = m.keys;
    block_on(c, &w);
}

/* ---- BLMOVE, BRPOPLPUSH ---- */

static bool is_old_form(const struct call *c) { return c->argc == 4; }

/* Both ends of a call whose words have been looked at. */
static void move_ends(struct call *c, enum list_end *from, enum list_end *to)
{
    *from = is_old_form(c) || arg_is(c, 3, "RIGHT") ? LIST_TAIL : LIST_HEAD;
    *to = !is_old_form(c) && arg_is(c, 4, "RIGHT") ? LIST_TAIL : LIST_HEAD;
}

static void give_moved(struct call *c, struct value *from)
{
    enum list_end pop, push;
    move_ends(c, &pop, &push);
    if (!list_move(c, from, pop, push)) return;
    if (is_old_form(c))
        call_replace_words(c, SLICE("RPOPLPUSH"), c->argv[1], c->argv[2]);
    else
        call_replace_words(c, SLICE("LMOVE"), c->argv[1], c->argv[2], c->argv[3], c->argv[4]);
}

static bool serve_move(struct call *c, int at)
{
    struct value v;
    ks_write(db_of(c), c->argv[at], lookup_flags(c), &v);
    if (!value_is(&v, VALUE_LIST)) return false;
    give_moved(c, &v); /* a target of another type is an answer too */
    return true;
}

static void blocking_move(struct call *c)
{
    struct value v;
    struct block_wait w = { .first = 1, .keys = 1, .types = LISTS, .serve = serve_move,
                            .timed_out = reply_null_array, .denied = reply_null };
    if (!block_timeout_arg(c, c->argc - 1, &w.timeout_ms)) return;
    if (!keyed_write(c, 1, VALUE_LIST, &v)) return;
    if (v.e)
        give_moved(c, &v);
    else
        block_on(c, &w);
}

static void cmd_blmove(struct call *c)
{
    enum list_end from, to;
    if (list_end_arg(c, 3, &from) && list_end_arg(c, 4, &to)) blocking_move(c);
}

static void cmd_brpoplpush(struct call *c) { blocking_move(c); }

#define LIST .acl = ACL_LIST, .group = "list"
#define BLOCKS (CMD_WRITE | CMD_BLOCKING)
#define TAKES(first, last) KEYS(first, last, 1, KEY_RW | KEY_ACCESS | KEY_DELETE)
#define MOVES TAKES(1, 1), KEYS(2, 2, 1, KEY_RW | KEY_INSERT)

static const char *const double_history[] = {
    "6.0.0", "The time may have a fraction.", NULL
};

const struct command cmds_list_block[] = {
    { "BLMOVE", cmd_blmove, .arity = 6, .flags = BLOCKS | CMD_DENYOOM | CMD_NOSCRIPT, LIST,
      .keys = { MOVES }, .since = "6.2.0", .complexity = "O(1)",
      .summary = "Moves an element as LMOVE does, and waits for one if there is none.",
      .syntax = "source:key destination:key wherefrom=(LEFT|RIGHT) whereto=(LEFT|RIGHT) "
                "timeout:double" },
    { "BLMPOP", cmd_blmpop, .arity = -5, .flags = BLOCKS | CMD_MOVABLE_KEYS, LIST,
      .keys = { { .begin = KEYS_AT, .first = 2, .find = KEYS_NUMBERED, .numkeys = 0, .firstkey = 1,
                  .step = 1, .flags = KEY_RW | KEY_ACCESS | KEY_DELETE } },
      .since = "7.0.0", .complexity = "O(N + M), N: keys, M: elements given",
      .summary = "Takes elements as LMPOP does, and waits for some if there are none.",
      .syntax = "timeout:double numkeys:integer key:key... where=(LEFT|RIGHT) [COUNT "
                "count:integer]" },
    { "BLPOP", cmd_blpop, .arity = -3, .flags = BLOCKS | CMD_NOSCRIPT, LIST,
      .keys = { TAKES(1, -2) }, .since = "2.0.0", .complexity = "O(N), N: keys",
      .summary = "Takes the first element of the first list that has one, and waits if none has.",
      .syntax = "key:key... timeout:double", .history = double_history },
    { "BRPOP", cmd_brpop, .arity = -3, .flags = BLOCKS | CMD_NOSCRIPT, LIST,
      .keys = { TAKES(1, -2) }, .since = "2.0.0", .complexity = "O(N), N: keys",
      .summary = "Takes the last element of the first list that has one, and waits if none has.",
      .syntax = "key:key... timeout:double", .history = double_history },
    { "BRPOPLPUSH", cmd_brpoplpush, .arity = 4, .flags = BLOCKS | CMD_DENYOOM | CMD_NOSCRIPT, LIST,
      .keys = { MOVES }, .since = "2.2.0", .complexity = "O(1)",
      .summary = "Moves an element as RPOPLPUSH does, and waits for one if there is none.",
      .syntax = "source:key destination:key timeout:double", .history = double_history,
      .deprecated_since = "6.2.0",
      .replaced_by = "`BLMOVE` with the `RIGHT` and `LEFT` arguments" },
    COMMANDS_END,
};
