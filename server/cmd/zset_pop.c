/* Sorted sets: taking the first or the last members, and waiting for some. Shared rules:
 *   - the first key that holds a sorted set serves; one of another type before it is an error;
 *   - the stream gets ZPOPMIN or ZPOPMAX with the number really taken, never the waiting form. */
#include "server/block.h"
#include "server/cmd/families.h"
#include "server/cmd/zset.h"

struct pop {
    bool max;
    int64_t count;  /* -1: one, without a word about how many */
    bool name_key;  /* the key's name stands before what it gave */
    bool nested;    /* members as pairs */
    bool null_when_empty;
};

/* ---- the work ---- */

static void reply_pop_header(struct call *c, const struct pop *p, int key_at, size_t n)
{
    if (p->name_key && p->nested) {
        reply_array(c, 2);
        reply_bulk(c, c->argv[key_at]);
        reply_array(c, n);
    } else if (p->name_key) {
        reply_array(c, n * 2 + 1);
        reply_bulk(c, c->argv[key_at]);
    } else {
        reply_array(c, p->nested ? n : n * 2);
    }
}

static void pop_from(struct call *c, const struct pop *p, int key_at, struct value *v)
{
    struct zset_iter it;
    struct zset_item item;
    size_t all = zset_count(v->e);
    size_t n = p->count < 0 ? 1 : (uint64_t)p->count < all ? (size_t)p->count : all;
    reply_pop_header(c, p, key_at, n);
    zset_iter_start(&it, v->e, p->max ? all - 1 : 0, p->max);
    for (size_t i = 0; i < n && zset_iter_next(&it, &item); i++) {
        if (p->nested) reply_array(c, 2);
        reply_bulk(c, item.member);
        reply_double(c, item.score);
    }
    zset_remove_span(v, (struct zset_span){ p->max ? all - n : 0, n });
    c->changed += (int64_t)n;
    zset_after_removal(c, v, p->max ? "zpopmax" : "zpopmin", key_at);
}

static void stream_pop(struct call *c, const struct pop *p, int key_at, int64_t changed_before)
{
    struct slice word = p->max ? SLICE("ZPOPMAX") : SLICE("ZPOPMIN");
    char digits[NUM_I64_MAX];
    if (p->count < 0)
        call_replace_words(c, word, c->argv[key_at]);
    else
        call_replace_words(c, word, c->argv[key_at],
                           slice_of(digits, num_from_i64(digits, c->changed - changed_before)));
}

/* True: some key served, or an error was replied. */
static bool pop_first(struct call *c, const struct pop *p, int first, int keys, bool rewrite)
{
    for (int i = first; i < first + keys; i++) {
        struct value v;
        int64_t before = c->changed;
        if (!keyed_write(c, i, VALUE_ZSET, &v)) return true;
        if (!v.e) continue;
        if (p->count == 0) {
            reply_array(c, 0);
            return true;
        }
        pop_from(c, p, i, &v);
        if (rewrite) stream_pop(c, p, i, before);
        return true;
    }
    return false;
}

/* ---- ZPOPMIN and ZPOPMAX ---- */

static void pop_one_key(struct call *c, bool max)
{
    struct pop p = { .max = max, .count = -1 };
    if (c->argc > 3) {
        reply_syntax_error(c);
        return;
    }
    if (c->argc == 3) {
        if (!arg_int_range(c, 2, 0, INT64_MAX, &p.count,
                           "-ERR value is out of range, must be positive"))
            return;
        p.nested = c->client->resp > 2;
    }
    if (!pop_first(c, &p, 1, 1, false)) reply_array(c, 0);
}

static void cmd_zpopmin(struct call *c) { pop_one_key(c, false); }
static void cmd_zpopmax(struct call *c) { pop_one_key(c, true); }

/* ---- ZMPOP ---- */

struct mpop {
    struct pop pop;
    int first, keys;
};

/* COUNT, once. */
static bool mpop_count(struct call *c, int at, struct mpop *m)
{
    m->pop.count = -1;
    for (; at < c->argc; at += 2) {
        if (m->pop.count != -1 || !arg_is(c, at, "COUNT") || at + 1 >= c->argc) {
            reply_syntax_error(c);
            return false;
        }
        if (!arg_int_range(c, at + 1, 1, INT64_MAX, &m->pop.count,
                           "-ERR count should be greater than 0"))
            return false;
    }
    if (m->pop.count == -1) m->pop.count = 1;
    return true;
}

/* numkeys key ... MIN|MAX [COUNT n], from argument `at` on. */
static bool mpop_arguments(struct call *c, int at, struct mpop *m)
{
    int64_t n;
    if (!arg_int_range(c, at, 1, INT64_MAX, &n, "-ERR numkeys should be greater than 0"))
        return false;
    if (n >= c->argc - at - 1) {
        reply_syntax_error(c);
        return false;
    }
    int where = at + 1 + (int)n;
    *m = (struct mpop){ .first = at + 1, .keys = (int)n };
    m->pop = (struct pop){ .max = arg_is(c, where, "MAX"), .name_key = true, .nested = true };
    if (!m->pop.max && !arg_is(c, where, "MIN")) {
        reply_syntax_error(c);
        return false;
    }
    return mpop_count(c, where + 1, m);
}

static void cmd_zmpop(struct call *c)
{
    struct mpop m;
    if (!mpop_arguments(c, 1, &m)) return;
    if (!pop_first(c, &m.pop, m.first, m.keys, true)) reply_null_array(c);
}

/* ---- waiting ---- */

static bool serve(struct call *c, const struct pop *p, int at)
{
    struct value v;
    int64_t before = c->changed;
    if (!ks_write(db_of(c), c->argv[at], 0, &v) || !value_is(&v, VALUE_ZSET)) return false;
    pop_from(c, p, at, &v);
    stream_pop(c, p, at, before);
    return true;
}

static bool serve_bzpopmin(struct call *c, int at)
{
    return serve(c, &(struct pop){ .count = -1, .name_key = true }, at);
}

static bool serve_bzpopmax(struct call *c, int at)
{
    return serve(c, &(struct pop){ .count = -1, .name_key = true, .max = true }, at);
}

static bool serve_bzmpop(struct call *c, int at)
{
    struct mpop m;
    return mpop_arguments(c, 2, &m) && serve(c, &m.pop, at);
}

static void wait_for_one(struct call *c, bool max)
{
    struct pop p = { .max = max, .count = -1, .name_key = true };
    int64_t timeout;
    if (!block_timeout_arg(c, c->argc - 1, &timeout)) return;
    if (pop_first(c, &p, 1, c->argc - 2, true)) return;
    block_on(c, &(struct block_wait){ .first = 1,
                                      .keys = c->argc - 2,
                                      .types = BLOCK_TYPE(VALUE_ZSET),
                                      .timeout_ms = timeout,
                                      .serve = max ? serve_bzpopmax : serve_bzpopmin,
                                      .timed_out = reply_null_array });
}

static void cmd_bzpopmin(struct call *c) { wait_for_one(c, false); }
static void cmd_bzpopmax(struct call *c) { wait_for_one(c, true); }

static void cmd_bzmpop(struct call *c)
{
    struct mpop m;
    int64_t timeout;
    if (!mpop_arguments(c, 2, &m) || !block_timeout_arg(c, 1, &timeout)) return;
    if (pop_first(c, &m.pop, m.first, m.keys, true)) return;
    block_on(c, &(struct block_wait){ .first = m.first,
                                      .keys = m.keys,
                                      .types = BLOCK_TYPE(VALUE_ZSET),
                                      .timeout_ms = timeout,
                                      .serve = serve_bzmpop,
                                      .timed_out = reply_null_array });
}

/* ---- rows ---- */

#define ZSET .group = "sorted-set", .acl = ACL_SORTEDSET
#define TAKES KEY_RW | KEY_ACCESS | KEY_DELETE
#define NUMBERED(at)                                                                               \
    { { .begin = KEYS_AT, .first = (at), .find = KEYS_NUMBERED, .numkeys = 0, .firstkey = 1,       \
        .step = 1, .flags = TAKES } }

static const char *const history_timeout[] = {
    "6.0.0", "The time may have a fraction.", NULL
};

const struct command cmds_zset_pop[] = {
    { "BZMPOP", cmd_bzmpop, .arity = -5, .flags = CMD_WRITE | CMD_BLOCKING | CMD_MOVABLE_KEYS, ZSET,
      .keys = NUMBERED(2), .since = "7.0.0",
      .complexity = "O(K) + O(M*log(N)), K: keys, N: members, M: members taken",
      .summary = "Takes members from the first sorted set that has some, or waits.",
      .syntax = "timeout:double numkeys:integer key:key... where=(MIN|MAX) [COUNT count:integer]" },
    { "BZPOPMAX", cmd_bzpopmax, .arity = -3,
      .flags = CMD_WRITE | CMD_NOSCRIPT | CMD_FAST | CMD_BLOCKING, ZSET,
      .keys = { KEYS(1, -2, 1, TAKES) }, .since = "5.0.0", .history = history_timeout,
      .complexity = "O(log(N)), N: members of the sorted set",
      .summary = "Takes the member of the highest score from one of several keys, or waits.",
      .syntax = "key:key... timeout:double" },
    { "BZPOPMIN", cmd_bzpopmin, .arity = -3,
      .flags = CMD_WRITE | CMD_NOSCRIPT | CMD_FAST | CMD_BLOCKING, ZSET,
      .keys = { KEYS(1, -2, 1, TAKES) }, .since = "5.0.0", .history = history_timeout,
      .complexity = "O(log(N)), N: members of the sorted set",
      .summary = "Takes the member of the lowest score from one of several keys, or waits.",
      .syntax = "key:key... timeout:double" },
    { "ZMPOP", cmd_zmpop, .arity = -4, .flags = CMD_WRITE | CMD_MOVABLE_KEYS, ZSET,
      .keys = NUMBERED(1), .since = "7.0.0",
      .complexity = "O(K) + O(M*log(N)), K: keys, N: members, M: members taken",
      .summary = "Takes members from the first sorted set that has some.",
      .syntax = "numkeys:integer key:key... where=(MIN|MAX) [COUNT count:integer]" },
    { "ZPOPMAX", cmd_zpopmax, .arity = -2, .flags = CMD_WRITE | CMD_FAST, ZSET,
      .keys = { KEYS(1, 1, 1, TAKES) }, .since = "5.0.0",
      .complexity = "O(M*log(N)), N: members, M: members taken",
      .summary = "Takes the members of the highest scores.", .syntax = "key:key [count:integer]" },
    { "ZPOPMIN", cmd_zpopmin, .arity = -2, .flags = CMD_WRITE | CMD_FAST, ZSET,
      .keys = { KEYS(1, 1, 1, TAKES) }, .since = "5.0.0",
      .complexity = "O(M*log(N)), N: members, M: members taken",
      .summary = "Takes the members of the lowest scores.", .syntax = "key:key [count:integer]" },
    COMMANDS_END,
};
