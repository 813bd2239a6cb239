/* Sorted sets: union, intersection and difference, given or stored. Plain sets are taken too, with
 * 1 as every score. Shared rules:
 *   - inputs are worked from the smallest to the largest, which is also the order of the sums;
 *   - a sum that is no number counts as 0, and so does a product, unless it is the second or
 *     later one of an intersection: then the sum does, and a minimum or maximum passes it by. */
#include <math.h>

#include "core/base/mem.h"
#include "core/types/set.h"
#include "server/cmd/families.h"
#include "server/cmd/zset.h"

enum op { OP_UNION, OP_INTER, OP_DIFF };
enum sum { SUM_ALL, SUM_MIN, SUM_MAX };

struct input {
    const struct entry *e; /* NULL: no such key */
    double weight;
};

struct algebra {
    enum op op;
    enum sum sum;
    int store_at; /* argument with the destination; 0: none */
    bool count_only, with_scores;
    int64_t limit; /* of the count; 0: none */
    struct input *in;
    int n;
};

/* ---- members of a set or a sorted set ---- */

struct walk {
    bool plain;
    struct zset_iter z;
    struct set_iter s;
    char digits[SET_TMP]; /* of a set's member that is an integer, until the next one */
};

static void walk_start(struct walk *w, const struct entry *e)
{
    w->plain = e && e->type == VALUE_SET;
    if (w->plain)
        set_iter_start(&w->s, e);
    else if (e)
        zset_iter_start(&w->z, e, 0, false);
    else
        w->z.live = false;
}

static bool walk_next(struct walk *w, struct zset_item *out)
{
    if (!w->plain) return zset_iter_next(&w->z, out);
    out->score = 1;
    return set_iter_next(&w->s, w->digits, &out->member);
}

static void walk_end(struct walk *w)
{
    if (w->plain) set_iter_end(&w->s);
}

static size_t input_count(const struct entry *e)
{
    if (!e) return 0;
    return e->type == VALUE_SET ? set_count(e) : zset_count(e);
}

static bool input_score(const struct entry *e, struct slice member, double *score)
{
    *score = 1;
    if (!e) return false;
    return e->type == VALUE_SET ? set_has(e, member) : zset_score(e, member, score);
}

/* ---- arithmetic ---- */

static double weighted(double score, double weight)
{
    double v = score * weight;
    return isnan(v) ? 0 : v;
}

static double summed(double a, double b, enum sum how)
{
    if (how == SUM_MIN) return b < a ? b : a;
    if (how == SUM_MAX) return b > a ? b : a;
    return isnan(a + b) ? 0 : a + b;
}

/* ---- the three operations: each gives its members to `take`; false ends it ---- */

struct result {
    struct call *c;
    struct value v;   /* what is built, unless only counted */
    bool count_only;
    int64_t n, limit;
};

static bool take(struct result *r, struct slice member, double score)
{
    r->n++;
    if (!r->count_only) zset_add(&r->v, score, member, 0, NULL, limits_of(r->c));
    return !r->limit || r->n < r->limit;
}

static void op_union(const struct algebra *a, struct result *r)
{
    for (int i = 0; i < a->n; i++) {
        struct walk w;
        struct zset_item item;
        walk_start(&w, a->in[i].e);
        while (walk_next(&w, &item)) {
            double score = weighted(item.score, a->in[i].weight), there;
            if (i && zset_score(r->v.e, item.member, &there)) {
                score = summed(there, score, a->sum);
                /* 0 and -0 are equal: only a new member takes the other sign. */
                if (score == 0 && there == 0) zset_remove(&r->v, item.member);
            }
            take(r, item.member, score);
        }
        walk_end(&w);
    }
}

static bool in_all(const struct algebra *a, struct slice member, double *score)
{
    for (int i = 1; i < a->n; i++) {
        double other;
        if (!input_score(a->in[i].e, member, &other)) return false;
        *score = summed(*score, other * a->in[i].weight, a->sum);
    }
    return true;
}

static void op_inter(const struct algebra *a, struct result *r)
{
    struct walk w;
    struct zset_item item;
    if (!input_count(a->in[0].e)) return;
    walk_start(&w, a->in[0].e);
    while (walk_next(&w, &item)) {
        double score = weighted(item.score, a->in[0].weight);
        if (in_all(a, item.member, &score) && !take(r, item.member, score)) break;
    }
    walk_end(&w);
}

static bool in_others(const struct algebra *a, struct slice member)
{
    double score;
    for (int i = 1; i < a->n; i++)
        if (input_score(a->in[i].e, member, &score)) return true;
    return false;
}

static void op_diff(const struct algebra *a, struct result *r)
{
    struct walk w;
    struct zset_item item;
    walk_start(&w, a->in[0].e);
    while (walk_next(&w, &item))
        if (!in_others(a, item.member)) take(r, item.member, item.score);
    walk_end(&w);
}

/* Stable, and inputs are few. */
static void sort_inputs(struct algebra *a)
{
    for (int i = 1; i < a->n; i++) {
        struct input x = a->in[i];
        int k = i;
        for (; k > 0 && input_count(a->in[k - 1].e) > input_count(x.e); k--)
            a->in[k] = a->in[k - 1];
        a->in[k] = x;
    }
}

static void run(struct algebra *a, struct result *r)
{
    static void (*const ops[])(const struct algebra *, struct result *) = { op_union, op_inter,
                                                                            op_diff };
    if (a->op != OP_DIFF) sort_inputs(a);
    ops[a->op](a, r);
}

/* ---- arguments ---- */

static bool take_inputs(struct call *c, int numkeys_at, struct algebra *a)
{
    int64_t n;
    if (!arg_int(c, numkeys_at, &n)) return false;
    if (n < 1) {
        reply_error_fmt(c, "at least 1 input key is needed for '%s' command", c->entry->fullname);
        return false;
    }
    if (n > c->argc - numkeys_at - 1) {
        reply_syntax_error(c);
        return false;
    }
    a->n = (int)n;
    a->in = mem_zalloc((size_t)n * sizeof(*a->in));
    for (int i = 0; i < a->n; i++) {
        struct value v;
        a->in[i].weight = 1;
        if (!ks_read(db_of(c), c->argv[numkeys_at + 1 + i], lookup_flags(c), &v)) continue;
        if (!value_is(&v, VALUE_ZSET) && !value_is(&v, VALUE_SET)) {
            reply_wrong_type(c);
            return false;
        }
        a->in[i].e = v.e;
    }
    return true;
}

static bool take_weights(struct call *c, int at, struct algebra *a)
{
    for (int i = 0; i < a->n; i++) {
        if (num_to_double(c->argv[at + i], &a->in[i].weight)) continue;
        reply_error(c, "-ERR weight value is not a float");
        return false;
    }
    return true;
}

static bool take_sum(struct call *c, int at, struct algebra *a)
{
    static const char *const words[] = { "SUM", "MIN", "MAX" };
    for (int i = 0; i < 3; i++) {
        if (!arg_is(c, at, words[i])) continue;
        a->sum = (enum sum)i;
        return true;
    }
    reply_syntax_error(c);
    return false;
}

/* One option at argument *at. */
static bool take_option(struct call *c, int *at, struct algebra *a)
{
    bool combines = a->op != OP_DIFF && !a->count_only;
    int left = c->argc - *at;
    if (combines && left >= a->n + 1 && arg_is(c, *at, "WEIGHTS")) {
        if (!take_weights(c, *at + 1, a)) return false;
        *at += a->n;
    } else if (combines && left >= 2 && arg_is(c, *at, "AGGREGATE")) {
        if (!take_sum(c, ++*at, a)) return false;
    } else if (!a->store_at && !a->count_only && arg_is(c, *at, "WITHSCORES")) {
        a->with_scores = true;
    } else if (a->count_only && left >= 2 && arg_is(c, *at, "LIMIT")) {
        return arg_int_range(c, ++*at, 0, INT64_MAX, &a->limit, "-ERR LIMIT can't be negative");
    } else {
        reply_syntax_error(c);
        return false;
    }
    return true;
}

static bool take_arguments(struct call *c, int numkeys_at, struct algebra *a)
{
    if (!take_inputs(c, numkeys_at, a)) return false;
    for (int i = numkeys_at + 1 + a->n; i < c->argc; i++)
        if (!take_option(c, &i, a)) return false;
    return true;
}

/* ---- the commands ---- */

static void reply_all(struct call *c, const struct entry *e, bool with_scores)
{
    struct zset_iter it;
    struct zset_item item;
    zset_reply_header(c, zset_count(e), with_scores);
    zset_iter_start(&it, e, 0, false);
    while (zset_iter_next(&it, &item)) zset_reply_item(c, &item, with_scores);
}

static const char *const store_events[] = { "zunionstore", "zinterstore", "zdiffstore" };

/* In the big form, which keeps the sign of 0 in sums. Only a store needs the key's name. */
static struct entry *big_result(struct call *c)
{
    return zset_new(c->argv[1], SLICE(""), SIZE_MAX, ENTRY_NO_DEADLINE, limits_of(c));
}

static void algebra(struct call *c, struct algebra a)
{
    struct result r = { .c = c, .count_only = a.count_only };
    if (take_arguments(c, a.store_at + 1, &a)) {
        r.limit = a.limit;
        if (!a.count_only) r.v.e = big_result(c);
        run(&a, &r);
        if (a.count_only)
            reply_int(c, r.n);
        else if (a.store_at)
            zset_store(c, a.store_at, r.v.e, store_events[a.op]);
        else
            reply_all(c, r.v.e, a.with_scores);
        if (!a.store_at) entry_free(r.v.e);
    }
    mem_free(a.in);
}

static void cmd_zunion(struct call *c) { algebra(c, (struct algebra){ .op = OP_UNION }); }
static void cmd_zinter(struct call *c) { algebra(c, (struct algebra){ .op = OP_INTER }); }
static void cmd_zdiff(struct call *c) { algebra(c, (struct algebra){ .op = OP_DIFF }); }

static void cmd_zunionstore(struct call *c)
{
    algebra(c, (struct algebra){ .op = OP_UNION, .store_at = 1 });
}

static void cmd_zinterstore(struct call *c)
{
    algebra(c, (struct algebra){ .op = OP_INTER, .store_at = 1 });
}

static void cmd_zdiffstore(struct call *c)
{
    algebra(c, (struct algebra){ .op = OP_DIFF, .store_at = 1 });
}

static void cmd_zintercard(struct call *c)
{
    algebra(c, (struct algebra){ .op = OP_INTER, .count_only = true });
}

/* ---- rows ---- */

#define ZSET .group = "sorted-set", .acl = ACL_SORTEDSET
#define INPUTS(at)                                                                                 \
    { .begin = KEYS_AT, .first = (at), .find = KEYS_NUMBERED, .numkeys = 0, .firstkey = 1,         \
      .step = 1, .flags = KEY_RO | KEY_ACCESS }
#define READS .flags = CMD_READONLY | CMD_MOVABLE_KEYS, .keys = { INPUTS(1) }
#define STORES                                                                                     \
    .flags = CMD_WRITE | CMD_DENYOOM | CMD_MOVABLE_KEYS,                                           \
    .keys = { KEYS(1, 1, 1, KEY_OW | KEY_UPDATE), INPUTS(2) }
#define MIX "[WEIGHTS weight:integer...] aggregate=[AGGREGATE (SUM|MIN|MAX)]"
#define COST_UNION                                                                                 \
    .complexity = "O(N)+O(M*log(M)), N: members of all inputs, M: members of the result"
#define COST_INTER                                                                                 \
    .complexity = "O(N*K)+O(M*log(M)), N: members of the smallest input, K: inputs, M: members "   \
                  "of the result"
#define COST_DIFF .complexity = "O(L*K), L: members of the first input, K: inputs"

const struct command cmds_zset_ops[] = {
    { "ZDIFF", cmd_zdiff, .arity = -3, READS, ZSET, .since = "6.2.0", COST_DIFF,
      .summary = "Gives the members of the first sorted set that the others do not have.",
      .syntax = "numkeys:integer key:key... [WITHSCORES]" },
    { "ZDIFFSTORE", cmd_zdiffstore, .arity = -4, STORES, ZSET, .since = "6.2.0", COST_DIFF,
      .summary = "Stores the members of the first sorted set that the others do not have.",
      .syntax = "destination:key numkeys:integer key:key..." },
    { "ZINTER", cmd_zinter, .arity = -3, READS, ZSET, .since = "6.2.0", COST_INTER,
      .summary = "Gives the members that all sorted sets have.",
      .syntax = "numkeys:integer key:key... " MIX " [WITHSCORES]" },
    { "ZINTERCARD", cmd_zintercard, .arity = -3, READS, ZSET, .since = "7.0.0",
      .complexity = "O(N*K), N: members of the smallest input, K: inputs",
      .summary = "Counts the members that all sorted sets have.",
      .syntax = "numkeys:integer key:key... [LIMIT limit:integer]" },
    { "ZINTERSTORE", cmd_zinterstore, .arity = -4, STORES, ZSET, .since = "2.0.0", COST_INTER,
      .summary = "Stores the members that all sorted sets have.",
      .syntax = "destination:key numkeys:integer key:key... " MIX },
    { "ZUNION", cmd_zunion, .arity = -3, READS, ZSET, .since = "6.2.0", COST_UNION,
      .summary = "Gives the members that any of the sorted sets has.",
      .syntax = "numkeys:integer key:key... " MIX " [WITHSCORES]" },
    { "ZUNIONSTORE", cmd_zunionstore, .arity = -4, STORES, ZSET, .since = "2.0.0", COST_UNION,
      .summary = "Stores the members that any of the sorted sets has.",
      .syntax = "destination:key numkeys:integer key:key... " MIX },
    COMMANDS_END,
};
