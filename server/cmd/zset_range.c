/* Sorted sets: ranges by rank, score and name, to read, count, store and remove. Shared rule: the
 * bounds become a span of ranks first (core/types/zset.h); all the rest is one walk. */
#include <math.h>
#include <stdlib.h>

#include "server/cmd/families.h"
#include "server/cmd/zset.h"

enum by { BY_ANY, BY_RANK, BY_SCORE, BY_NAME };

struct bounds {
    enum by by;
    int64_t start, stop; /* ranks, negative from the end */
    struct zset_scores scores;
    struct zset_names names;
};

/* ---- bounds ---- */

#define BOUND_TEXT 512 /* digits beyond say nothing that a double could hold */

/* A number as strtod takes it, or "(" and one. */
static bool score_bound(struct slice s, double *score, bool *open)
{
    char text[BOUND_TEXT], *end;
    *open = s.n && s.p[0] == '(';
    if (*open) s = slice_of(s.p + 1, s.n - 1);
    slice_cstr(s, text, sizeof(text));
    *score = strtod(text, &end);
    return !*end && !isnan(*score);
}

/* "-", "+", "[name" or "(name". */
static bool name_bound(struct slice s, struct slice *name, int *end, bool *open)
{
    *end = 0;
    *open = false;
    if (!s.n) return false;
    if (s.p[0] == '-' || s.p[0] == '+') {
        *end = s.p[0] == '-' ? -1 : 1;
        return s.n == 1;
    }
    *open = s.p[0] == '(';
    *name = slice_of(s.p + 1, s.n - 1);
    return *open || s.p[0] == '[';
}

static bool take_scores(struct call *c, int min, int max, struct zset_scores *r)
{
    if (score_bound(c->argv[min], &r->min, &r->min_open) &&
        score_bound(c->argv[max], &r->max, &r->max_open))
        return true;
    reply_error(c, "-ERR min or max is not a float");
    return false;
}

static bool take_names(struct call *c, int min, int max, struct zset_names *r)
{
    *r = (struct zset_names){ .min = SLICE(""), .max = SLICE("") };
    if (name_bound(c->argv[min], &r->min, &r->min_end, &r->min_open) &&
        name_bound(c->argv[max], &r->max, &r->max_end, &r->max_open))
        return true;
    reply_error(c, "-ERR min or max not valid string range item");
    return false;
}

static bool take_bounds(struct call *c, int min, int max, struct bounds *b)
{
    if (b->by == BY_SCORE) return take_scores(c, min, max, &b->scores);
    if (b->by == BY_NAME) return take_names(c, min, max, &b->names);
    return arg_int(c, min, &b->start) && arg_int(c, max, &b->stop);
}

static struct zset_span by_rank(size_t count, int64_t start, int64_t stop, bool reverse)
{
    struct zset_span none = { 0, 0 };
    int64_t n = (int64_t)count;
    if (start < 0) start = start + n < 0 ? 0 : start + n;
    if (stop < 0) stop += n;
    if (start > stop || start >= n) return none;
    if (stop >= n) stop = n - 1;
    size_t len = (size_t)(stop - start) + 1;
    return (struct zset_span){ (size_t)(reverse ? n - 1 - stop : start), len };
}

static struct zset_span span_of(const struct entry *e, const struct bounds *b, bool reverse)
{
    if (b->by == BY_SCORE) return zset_by_score(e, &b->scores);
    if (b->by == BY_NAME) return zset_by_name(e, &b->names, reverse);
    return by_rank(zset_count(e), b->start, b->stop, reverse);
}

/* ---- the ZRANGE family ---- */

struct range {
    struct bounds bounds;
    bool reverse, takes_rev; /* REV may be given: once, and not if the command's name says it */
    bool with_scores, store;
    int64_t offset, limit; /* limit < 0: all */
};

/* One option at argument *i. False with a reply when it is wrong. */
static bool range_option(struct call *c, int *i, struct range *r)
{
    if (!r->store && arg_is(c, *i, "WITHSCORES")) {
        r->with_scores = true;
    } else if (arg_is(c, *i, "LIMIT") && *i + 2 < c->argc) {
        if (!arg_int(c, *i + 1, &r->offset) || !arg_int(c, *i + 2, &r->limit)) return false;
        *i += 2;
    } else if (r->takes_rev && arg_is(c, *i, "REV")) {
        r->reverse = true;
        r->takes_rev = false;
    } else if (r->bounds.by == BY_ANY && arg_is(c, *i, "BYLEX")) {
        r->bounds.by = BY_NAME;
    } else if (r->bounds.by == BY_ANY && arg_is(c, *i, "BYSCORE")) {
        r->bounds.by = BY_SCORE;
    } else {
        reply_syntax_error(c);
        return false;
    }
    return true;
}

/* Options behind key, start and stop at `key`. */
static bool range_options(struct call *c, int key, struct range *r)
{
    r->limit = -1;
    for (int i = key + 3; i < c->argc; i++)
        if (!range_option(c, &i, r)) return false;
    if (r->bounds.by == BY_ANY) r->bounds.by = BY_RANK;
    const char *error = NULL;
    if (r->limit != -1 && r->bounds.by == BY_RANK)
        error = "-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or "
                "BYLEX";
    else if (r->with_scores && r->bounds.by == BY_NAME)
        error = "-ERR syntax error, WITHSCORES not supported in combination with BYLEX";
    if (error) {
        reply_error(c, error);
        return false;
    }
    bool swap = r->reverse && r->bounds.by != BY_RANK;
    return take_bounds(c, key + (swap ? 2 : 1), key + (swap ? 1 : 2), &r->bounds);
}

/* LIMIT, counted from the end at which the walk begins. */
static struct zset_span limited(struct zset_span s, const struct range *r)
{
    if (r->bounds.by == BY_RANK) return s;
    if (r->offset < 0 || (uint64_t)r->offset >= s.n || r->limit == 0)
        return (struct zset_span){ 0, 0 };
    if (!r->reverse) s.start += (size_t)r->offset;
    s.n -= (size_t)r->offset;
    if (r->limit > 0 && (uint64_t)r->limit < s.n) {
        if (r->reverse) s.start += s.n - (size_t)r->limit;
        s.n = (size_t)r->limit;
    }
    return s;
}

static void reply_span(struct call *c, const struct entry *e, struct zset_span s,
                       const struct range *r)
{
    struct zset_iter it;
    struct zset_item item;
    zset_reply_header(c, s.n, r->with_scores);
    if (!s.n) return;
    zset_iter_start(&it, e, r->reverse ? s.start + s.n - 1 : s.start, r->reverse);
    for (size_t i = 0; i < s.n && zset_iter_next(&it, &item); i++)
        zset_reply_item(c, &item, r->with_scores);
}

static void range(struct call *c, enum by by, bool reverse)
{
    struct range r = { .bounds = { .by = by }, .reverse = reverse, .takes_rev = by == BY_ANY };
    struct value v;
    if (!range_options(c, 1, &r) || !keyed_read(c, 1, VALUE_ZSET, &v)) return;
    if (v.e)
        reply_span(c, v.e, limited(span_of(v.e, &r.bounds, r.reverse), &r), &r);
    else
        reply_array(c, 0);
}

static void cmd_zrange(struct call *c) { range(c, BY_ANY, false); }
static void cmd_zrevrange(struct call *c) { range(c, BY_RANK, true); }
static void cmd_zrangebyscore(struct call *c) { range(c, BY_SCORE, false); }
static void cmd_zrevrangebyscore(struct call *c) { range(c, BY_SCORE, true); }
static void cmd_zrangebylex(struct call *c) { range(c, BY_NAME, false); }
static void cmd_zrevrangebylex(struct call *c) { range(c, BY_NAME, true); }

/* `many`: it is known beforehand that the big form is needed. It keeps the sign of a zero score. */
static struct entry *copy_span(struct call *c, const struct entry *e, struct zset_span s, bool many,
                               bool reverse)
{
    struct value v = { .e = zset_new(c->argv[1], SLICE(""), many ? s.n : 0, ENTRY_NO_DEADLINE,
                                     limits_of(c)) };
    struct zset_iter it;
    struct zset_item item;
    zset_iter_start(&it, e, reverse ? s.start + s.n - 1 : s.start, reverse);
    for (size_t i = 0; i < s.n && zset_iter_next(&it, &item); i++)
        zset_add(&v, item.score, item.member, 0, NULL, limits_of(c));
    return v.e;
}

static void cmd_zrangestore(struct call *c)
{
    struct range r = { .store = true, .takes_rev = true };
    struct value v;
    struct entry *result = NULL;
    if (!range_options(c, 2, &r) || !keyed_read(c, 2, VALUE_ZSET, &v)) return;
    if (v.e) {
        struct zset_span s = limited(span_of(v.e, &r.bounds, r.reverse), &r);
        if (s.n) result = copy_span(c, v.e, s, r.bounds.by == BY_RANK, r.reverse);
    }
    zset_store(c, 1, result, "zrangestore");
}

/* ---- counting and removing ---- */

static void count(struct call *c, enum by by)
{
    struct bounds b = { .by = by };
    struct value v;
    if (!take_bounds(c, 2, 3, &b) || !keyed_read(c, 1, VALUE_ZSET, &v)) return;
    reply_int(c, v.e ? (int64_t)span_of(v.e, &b, false).n : 0);
}

static void cmd_zcount(struct call *c) { count(c, BY_SCORE); }
static void cmd_zlexcount(struct call *c) { count(c, BY_NAME); }

static void remove_range(struct call *c, enum by by, const char *event)
{
    struct bounds b = { .by = by };
    struct value v;
    struct zset_span s = { 0, 0 };
    if (!take_bounds(c, 2, 3, &b) || !keyed_write(c, 1, VALUE_ZSET, &v)) return;
    if (v.e) s = span_of(v.e, &b, false);
    if (s.n) {
        zset_remove_span(&v, s);
        zset_after_removal(c, &v, event, 1);
        c->changed += (int64_t)s.n;
    }
    reply_int(c, (int64_t)s.n);
}

static void cmd_zremrangebyrank(struct call *c) { remove_range(c, BY_RANK, "zremrangebyrank"); }
static void cmd_zremrangebyscore(struct call *c) { remove_range(c, BY_SCORE, "zremrangebyscore"); }
static void cmd_zremrangebylex(struct call *c) { remove_range(c, BY_NAME, "zremrangebylex"); }

/* ---- rows ---- */

#define ZSET .group = "sorted-set", .acl = ACL_SORTEDSET
#define READS .flags = CMD_READONLY, .keys = { KEYS(1, 1, 1, KEY_RO | KEY_ACCESS) }
#define COUNTS .flags = CMD_READONLY | CMD_FAST, .keys = { KEYS(1, 1, 1, KEY_RO | KEY_ACCESS) }
#define REMOVES .flags = CMD_WRITE, .keys = { KEYS(1, 1, 1, KEY_RW | KEY_DELETE) }
#define OLD(instead) .deprecated_since = "6.2.0", .replaced_by = instead
#define COST_READ .complexity = "O(log(N)+M), N: members of the sorted set, M: members given"
#define COST_REMOVE .complexity = "O(log(N)*M), N: members of the sorted set, M: members removed"
#define LIMIT_ARG "[LIMIT (offset:integer count:integer)]"

static const char *const history_zrange[] = {
    "6.2.0", "New: REV, BYSCORE, BYLEX, LIMIT.", NULL
};
static const char *const history_byscore[] = { "2.0.0", "New: WITHSCORES.", NULL };
static const char *const history_revbyscore[] = { "2.1.6", "Bounds may be exclusive.",
                                                  NULL };

const struct command cmds_zset_range[] = {
    { "ZCOUNT", cmd_zcount, .arity = 4, COUNTS, ZSET, .since = "2.0.0", .complexity = "O(log(N))",
      .summary = "Counts members whose scores lie in a range.",
      .syntax = "key:key min:double max:double" },
    { "ZLEXCOUNT", cmd_zlexcount, .arity = 4, COUNTS, ZSET, .since = "2.8.9",
      .complexity = "O(log(N))", .summary = "Counts members whose names lie in a range.",
      .syntax = "key:key min:string max:string" },
    { "ZRANGE", cmd_zrange, .arity = -4, READS, ZSET, .since = "1.2.0", COST_READ,
      .history = history_zrange,
      .summary = "Gives members in a range of ranks, scores or names.",
      .syntax = "key:key start:string stop:string sortby=[BYSCORE|BYLEX]@6.2.0 [REV@6.2.0] "
                "[LIMIT (offset:integer count:integer)@6.2.0] [WITHSCORES]" },
    { "ZRANGEBYLEX", cmd_zrangebylex, .arity = -4, READS, ZSET, .since = "2.8.9", COST_READ,
      OLD("`ZRANGE` with the `BYLEX` argument"),
      .summary = "Gives members in a range of names.",
      .syntax = "key:key min:string max:string " LIMIT_ARG },
    { "ZRANGEBYSCORE", cmd_zrangebyscore, .arity = -4, READS, ZSET, .since = "1.0.5", COST_READ,
      OLD("`ZRANGE` with the `BYSCORE` argument"), .history = history_byscore,
      .summary = "Gives members in a range of scores.",
      .syntax = "key:key min:double max:double [WITHSCORES@2.0.0] " LIMIT_ARG },
    { "ZRANGESTORE", cmd_zrangestore, .arity = -5, .flags = CMD_WRITE | CMD_DENYOOM, ZSET,
      .keys = { KEYS(1, 1, 1, KEY_OW | KEY_UPDATE), KEYS(2, 2, 1, KEY_RO | KEY_ACCESS) },
      .since = "6.2.0", .complexity = "O(log(N)+M*log(M)), N: members, M: members stored",
      .summary = "Stores members in a range of ranks, scores or names under another key.",
      .syntax = "dst:key src:key min:string max:string sortby=[BYSCORE|BYLEX] [REV] " LIMIT_ARG },
    { "ZREMRANGEBYLEX", cmd_zremrangebylex, .arity = 4, REMOVES, ZSET, .since = "2.8.9",
      COST_REMOVE, .summary = "Removes members in a range of names.",
      .syntax = "key:key min:string max:string" },
    { "ZREMRANGEBYRANK", cmd_zremrangebyrank, .arity = 4, REMOVES, ZSET, .since = "2.0.0",
      COST_REMOVE, .summary = "Removes members in a range of ranks.",
      .syntax = "key:key start:integer stop:integer" },
    { "ZREMRANGEBYSCORE", cmd_zremrangebyscore, .arity = 4, REMOVES, ZSET, .since = "1.2.0",
      COST_REMOVE, .summary = "Removes members in a range of scores.",
      .syntax = "key:key min:double max:double" },
    { "ZREVRANGE", cmd_zrevrange, .arity = -4, READS, ZSET, .since = "1.2.0", COST_READ,
      OLD("`ZRANGE` with the `REV` argument"),
      .summary = "Gives members in a range of ranks, counted from the highest score.",
      .syntax = "key:key start:integer stop:integer [WITHSCORES]" },
    { "ZREVRANGEBYLEX", cmd_zrevrangebylex, .arity = -4, READS, ZSET, .since = "2.8.9", COST_READ,
      OLD("`ZRANGE` with the `REV` and `BYLEX` arguments"),
      .summary = "Gives members in a range of names, last first.",
      .syntax = "key:key max:string min:string " LIMIT_ARG },
    { "ZREVRANGEBYSCORE", cmd_zrevrangebyscore, .arity = -4, READS, ZSET, .since = "2.2.0",
      COST_READ, OLD("`ZRANGE` with the `REV` and `BYSCORE` arguments"),
      .history = history_revbyscore,
      .summary = "Gives members in a range of scores, highest first.",
      .syntax = "key:key max:double min:double [WITHSCORES] " LIMIT_ARG },
    COMMANDS_END,
};
