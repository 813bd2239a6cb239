/* The sorted-set family: members and scores. Ranges, pops and algebra have files of their own.
 * Shared rules:
 *   - an emptied key goes, with a "del" event after the command's own;
 *   - scores are replied as doubles: bulks in RESP2;
 *   - commands go to the stream as given, since scores are definite. */
#include "server/cmd/zset.h"

#include "core/base/mem.h"
#include "server/cmd/collection.h"
#include "server/cmd/families.h"

/* ---- shared ---- */

void zset_reply_item(struct call *c, const struct zset_item *item, bool with_score)
{
    if (with_score && c->client->resp > 2) reply_array(c, 2);
    reply_bulk(c, item->member);
    if (with_score) reply_double(c, item->score);
}

void zset_reply_header(struct call *c, size_t n, bool with_scores)
{
    reply_array(c, with_scores && c->client->resp == 2 ? n * 2 : n);
}

void zset_after_removal(struct call *c, struct value *v, const char *event, int key_at)
{
    bool empty = zset_count(v->e) == 0;
    keyed_event(c, NOTIFY_ZSET, event, key_at);
    if (empty) {
        ks_remove_value(v, TOUCH_REMOVED, false);
        keyed_event(c, NOTIFY_GENERIC, "del", key_at);
    } else {
        ks_changed(v);
    }
}

struct entry *zset_result(struct call *c, int at)
{
    return zset_new(c->argv[at], SLICE(""), 0, ENTRY_NO_DEADLINE, limits_of(c));
}

void zset_store(struct call *c, int at, struct entry *result, const char *event)
{
    size_t n = result ? zset_count(result) : 0;
    struct value v;
    if (n) {
        zset_settle(&(struct value){ .e = result }, limits_of(c));
        ks_write(db_of(c), c->argv[at], KS_NO_TOUCH, &v);
        ks_put(&v, result, false);
        keyed_event(c, NOTIFY_ZSET, event, at);
        c->changed++;
    } else {
        entry_free(result);
        if (ks_remove(db_of(c), c->argv[at], server_of(c)->config->lazyfree_lazy_server_del)) {
            keyed_event(c, NOTIFY_GENERIC, "del", at);
            c->changed++;
        }
    }
    reply_int(c, (int64_t)n);
}

/* ---- ZADD and ZINCRBY ---- */

#define ADD_CHANGED 256u /* CH: count the moved ones too */

static int add_options(const struct call *c, unsigned *how)
{
    static const struct {
        const char *word;
        unsigned flag;
    } words[] = { { "NX", ZSET_NX }, { "XX", ZSET_XX }, { "CH", ADD_CHANGED },
                  { "INCR", ZSET_INCR }, { "GT", ZSET_GT }, { "LT", ZSET_LT } };
    const size_t n = sizeof(words) / sizeof(words[0]);
    int at = 2;
    for (; at < c->argc; at++) {
        size_t k = 0;
        while (k < n && !arg_is(c, at, words[k].word)) k++;
        if (k == n) break;
        *how |= words[k].flag;
    }
    return at;
}

static const char *add_conflict(unsigned how, int elements)
{
    if ((how & ZSET_NX) && (how & ZSET_XX))
        return "-ERR XX and NX options at the same time are not compatible";
    unsigned of = (how & ZSET_GT ? 1u : 0) + (how & ZSET_LT ? 1u : 0) + (how & ZSET_NX ? 1u : 0);
    if (of > 1) return "-ERR GT, LT, and/or NX options at the same time are not compatible";
    if ((how & ZSET_INCR) && elements > 1)
        return "-ERR INCR option supports a single increment-element pair";
    return NULL;
}

#define FEW 32 /* scores kept on the stack */

struct adding {
    unsigned how;
    int first, n; /* score and member pairs */
    double *scores, few[FEW];
};

static bool add_scores(struct call *c, struct adding *a)
{
    a->scores = a->n > FEW ? mem_alloc((size_t)a->n * sizeof(double)) : a->few;
    for (int i = 0; i < a->n; i++)
        if (!arg_double(c, a->first + i * 2, &a->scores[i])) return false;
    return true;
}

static bool add_arguments(struct call *c, struct adding *a)
{
    a->first = add_options(c, &a->how);
    int words = c->argc - a->first;
    a->n = words / 2;
    if (words % 2 || !words) {
        reply_syntax_error(c);
        return false;
    }
    const char *conflict = add_conflict(a->how, a->n);
    if (conflict) reply_error(c, conflict);
    return !conflict;
}

static void add_reply(struct call *c, const struct adding *a, int added, int moved, bool processed,
                      double result)
{
    if (!(a->how & ZSET_INCR))
        reply_int(c, a->how & ADD_CHANGED ? added + moved : added);
    else if (processed)
        reply_double(c, result);
    else
        reply_null(c);
}

static void add_members(struct call *c, struct value *v, const struct adding *a)
{
    int added = 0, moved = 0;
    bool processed = false;
    double result = 0;
    for (int i = 0; i < a->n; i++) {
        struct slice member = c->argv[a->first + i * 2 + 1];
        enum zset_did did = zset_add(v, a->scores[i], member, a->how, &result, limits_of(c));
        if (did == ZSET_NAN) {
            reply_error(c, "-ERR resulting score is not a number (NaN)");
            return;
        }
        added += did == ZSET_ADDED;
        moved += did == ZSET_MOVED;
        processed |= did != ZSET_REFUSED;
    }
    if (added + moved) {
        ks_changed(v);
        c->changed += added + moved;
        keyed_event(c, NOTIFY_ZSET, a->how & ZSET_INCR ? "zincr" : "zadd", 1);
    }
    add_reply(c, a, added, moved, processed, result);
}

static void add_to_key(struct call *c, const struct adding *a)
{
    struct value v;
    if (!keyed_write(c, 1, VALUE_ZSET, &v)) return;
    if (!v.e) {
        if (a->how & ZSET_XX) {
            add_reply(c, a, 0, 0, false, 0);
            return;
        }
        struct slice sample = c->argv[a->first + 1];
        ks_put(&v, zset_new(c->argv[1], sample, 1, ENTRY_NO_DEADLINE, limits_of(c)), false);
    }
    add_members(c, &v, a);
}

void zset_add_command(struct call *c, unsigned how)
{
    struct adding a = { .how = how };
    if (!add_arguments(c, &a)) return;
    if (add_scores(c, &a)) add_to_key(c, &a);
    if (a.scores != a.few) mem_free(a.scores);
}

static void cmd_zadd(struct call *c) { zset_add_command(c, 0); }
static void cmd_zincrby(struct call *c) { zset_add_command(c, ZSET_INCR); }

static void cmd_zrem(struct call *c)
{
    struct value v;
    int64_t n = 0;
    if (!keyed_write(c, 1, VALUE_ZSET, &v)) return;
    for (int i = 2; v.e && i < c->argc && zset_count(v.e); i++) n += zset_remove(&v, c->argv[i]);
    if (n) zset_after_removal(c, &v, "zrem", 1);
    c->changed += n;
    reply_int(c, n);
}

/* ---- reading ---- */

static void cmd_zcard(struct call *c)
{
    struct value v;
    if (keyed_read(c, 1, VALUE_ZSET, &v)) reply_int(c, v.e ? (int64_t)zset_count(v.e) : 0);
}

static void reply_score(struct call *c, const struct value *v, struct slice member)
{
    double score;
    if (v->e && zset_score(v->e, member, &score))
        reply_double(c, score);
    else
        reply_null(c);
}

static void cmd_zscore(struct call *c)
{
    struct value v;
    if (keyed_read(c, 1, VALUE_ZSET, &v)) reply_score(c, &v, c->argv[2]);
}

static void cmd_zmscore(struct call *c)
{
    struct value v;
    if (!keyed_read(c, 1, VALUE_ZSET, &v)) return;
    reply_array(c, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) reply_score(c, &v, c->argv[i]);
}

static void rank(struct call *c, bool reverse)
{
    struct value v;
    size_t at;
    double score;
    bool with_score = c->argc == 4;
    if (c->argc > 4) {
        reply_arity(c);
        return;
    }
    if (with_score && !arg_is(c, 3, "WITHSCORE")) {
        reply_syntax_error(c);
        return;
    }
    if (!keyed_read(c, 1, VALUE_ZSET, &v)) return;
    if (!v.e || !zset_rank(v.e, c->argv[2], &at, &score)) {
        if (with_score)
            reply_null_array(c);
        else
            reply_null(c);
        return;
    }
    if (with_score) reply_array(c, 2);
    reply_int(c, (int64_t)(reverse ? zset_count(v.e) - 1 - at : at));
    if (with_score) reply_double(c, score);
}

static void cmd_zrank(struct call *c) { rank(c, false); }
static void cmd_zrevrank(struct call *c) { rank(c, true); }

/* ---- ZRANDMEMBER ---- */

static void random_repeating(struct call *c, const struct value *v, uint64_t n, bool with_scores)
{
    struct zset_item item;
    zset_reply_header(c, n, with_scores);
    for (uint64_t i = 0; i < n; i++) {
        zset_random(v->e, &ks_of(c)->rng, &item);
        zset_reply_item(c, &item, with_scores);
    }
}

/* Each member once, an even choice of n: one walk in which a member is taken with the chance of
 * what is wanted in what is left. */
static void random_by_walk(struct call *c, const struct value *v, size_t n, bool with_scores)
{
    struct zset_iter it;
    struct zset_item item;
    size_t left = zset_count(v->e);
    zset_iter_start(&it, v->e, 0, false);
    for (; n && zset_iter_next(&it, &item); left--) {
        if (rng_below(&ks_of(c)->rng, left) >= n) continue;
        zset_reply_item(c, &item, with_scores);
        n--;
    }
}

/* Few of many: ranks drawn until they differ, marked in a bitmap. */
static void random_by_rank(struct call *c, const struct value *v, size_t n, bool with_scores)
{
    size_t count = zset_count(v->e);
    unsigned char *taken = mem_zalloc(count / 8 + 1);
    while (n) {
        struct zset_iter it;
        struct zset_item item;
        size_t at = rng_below(&ks_of(c)->rng, count);
        if (taken[at / 8] & (1u << at % 8)) continue;
        taken[at / 8] = (unsigned char)(taken[at / 8] | 1u << at % 8);
        zset_iter_start(&it, v->e, at, false);
        zset_iter_next(&it, &item);
        zset_reply_item(c, &item, with_scores);
        n--;
    }
    mem_free(taken);
}

#define WALK_BELOW 3 /* a third of all and more: the walk is cheaper */

static void random_distinct(struct call *c, const struct value *v, uint64_t n, bool with_scores)
{
    size_t count = zset_count(v->e);
    if (n > count) n = count;
    zset_reply_header(c, n, with_scores);
    if (zset_is_compact(v->e) || n * WALK_BELOW > count)
        random_by_walk(c, v, n, with_scores);
    else
        random_by_rank(c, v, n, with_scores);
}

static void random_members(struct call *c)
{
    struct value v;
    int64_t n;
    bool with_scores = c->argc == 4;
    if (!signed_count_arg(c, 2, &n)) return;
    if (c->argc > 4 || (with_scores && !arg_is(c, 3, "WITHSCORES"))) {
        reply_syntax_error(c);
        return;
    }
    if (with_scores && (n < -INT64_MAX / 2 || n > INT64_MAX / 2)) {
        reply_error(c, "-ERR value is out of range");
        return;
    }
    if (!keyed_read(c, 1, VALUE_ZSET, &v)) return;
    if (!v.e || n == 0)
        reply_array(c, 0);
    else if (n < 0)
        random_repeating(c, &v, (uint64_t)-n, with_scores);
    else
        random_distinct(c, &v, (uint64_t)n, with_scores);
}

static void cmd_zrandmember(struct call *c)
{
    struct value v;
    struct zset_item item;
    if (c->argc > 2) {
        random_members(c);
        return;
    }
    if (!keyed_read(c, 1, VALUE_ZSET, &v)) return;
    if (!v.e) {
        reply_null(c);
        return;
    }
    zset_random(v.e, &ks_of(c)->rng, &item);
    reply_bulk(c, item.member);
}

/* ---- ZSCAN ---- */

/* Scores are text here, and the compact form writes out what the big one gives an exponent. */
struct scanning {
    bool compact;
    struct scan_options options;
    struct scan_out out;
};

static void scan_item(void *app, const struct zset_item *item)
{
    struct scanning *s = app;
    char text[NUM_DOUBLE_MAX];
    int64_t whole;
    if (!scan_wants(&s->options, item->member)) return;
    size_t n = s->compact && zset_score_is_whole(item->score, &whole)
                   ? num_from_i64(text, whole)
                   : num_from_double_17(text, item->score);
    scan_out_add(&s->out, item->member);
    scan_out_add(&s->out, slice_of(text, n));
}

static void cmd_zscan(struct call *c)
{
    struct value v;
    struct scanning s = { .options = { .type = -1 } };
    uint64_t cursor;
    if (!scan_cursor_arg(c, 2, &cursor) || !keyed_read(c, 1, VALUE_ZSET, &v)) return;
    if (v.e && !scan_options_arg(c, 3, 0, &s.options, NULL)) return;
    s.compact = v.e && zset_is_compact(v.e);
    cursor = v.e ? zset_scan(v.e, cursor, s.options.count, scan_item, &s) : 0;
    scan_reply(c, cursor, &s.out);
}

/* ---- rows ---- */

#define ZSET .group = "sorted-set", .acl = ACL_SORTEDSET
#define READS { KEYS(1, 1, 1, KEY_RO | KEY_ACCESS) }

static const char *const nondeterministic[] = { "nondeterministic_output", NULL };
static const char *const history_zadd[] = {
    "2.4.0", "Accepts multiple elements.",
    "3.0.2", "New: XX, NX, CH, INCR.",
    "6.2.0", "New: GT, LT.", NULL,
};
static const char *const history_zrem[] = { "2.4.0", "Accepts multiple elements.", NULL };
static const char *const history_rank[] = { "7.2.0", "New: WITHSCORE.",
                                            NULL };

const struct command cmds_zset[] = {
    { "ZADD", cmd_zadd, .arity = -4, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST, ZSET,
      .keys = { KEYS(1, 1, 1, KEY_RW | KEY_UPDATE) }, .element = 3, .since = "1.2.0",
      .history = history_zadd,
      .complexity = "O(log(N)) a member, N: members of the sorted set",
      .summary = "Adds members to a sorted set, or changes their scores.",
      .syntax = "key:key condition=[NX|XX]@3.0.2 comparison=[GT|LT]@6.2.0 [change=CH@3.0.2] "
                "[increment=INCR@3.0.2] (score:double member:string)..." },
    { "ZCARD", cmd_zcard, .arity = 2, .flags = CMD_READONLY | CMD_FAST, ZSET,
      .keys = { KEYS(1, 1, 1, KEY_RO) }, .since = "1.2.0", .complexity = "O(1)",
      .summary = "Counts the members of a sorted set.", .syntax = "key:key" },
    { "ZINCRBY", cmd_zincrby, .arity = 4, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST, ZSET,
      .keys = { KEYS(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_UPDATE) }, .element = 3, .since = "1.2.0",
      .complexity = "O(log(N)), N: members of the sorted set",
      .summary = "Adds to a member's score.", .syntax = "key:key increment:integer member:string" },
    { "ZMSCORE", cmd_zmscore, .arity = -3, .flags = CMD_READONLY | CMD_FAST, ZSET, .keys = READS,
      .element = 2, .since = "6.2.0", .complexity = "O(N), N: members asked for",
      .summary = "Gives the scores of members.", .syntax = "key:key member:string..." },
    { "ZRANDMEMBER", cmd_zrandmember, .arity = -2, .flags = CMD_READONLY, ZSET, .keys = READS,
      .since = "6.2.0", .complexity = "O(N), N: members given", .hints = nondeterministic,
      .summary = "Gives random members of a sorted set.",
      .syntax = "key:key options=[count:integer [WITHSCORES]]" },
    { "ZRANK", cmd_zrank, .arity = -3, .flags = CMD_READONLY | CMD_FAST, ZSET, .keys = READS,
      .element = 2, .since = "2.0.0", .complexity = "O(log(N))", .history = history_rank,
      .summary = "Gives the place of a member, counted from the lowest score.",
      .syntax = "key:key member:string [WITHSCORE@7.2.0]" },
    { "ZREM", cmd_zrem, .arity = -3, .flags = CMD_WRITE | CMD_FAST, ZSET,
      .keys = { KEYS(1, 1, 1, KEY_RW | KEY_DELETE) }, .element = 2, .since = "1.2.0",
      .history = history_zrem,
      .complexity = "O(M*log(N)), N: members of the sorted set, M: members to remove",
      .summary = "Takes members out.", .syntax = "key:key member:string..." },
    { "ZREVRANK", cmd_zrevrank, .arity = -3, .flags = CMD_READONLY | CMD_FAST, ZSET, .keys = READS,
      .element = 2, .since = "2.0.0", .complexity = "O(log(N))", .history = history_rank,
      .summary = "Gives the place of a member, counted from the highest score.",
      .syntax = "key:key member:string [WITHSCORE@7.2.0]" },
    { "ZSCAN", cmd_zscan, .arity = -3, .flags = CMD_READONLY, ZSET, .keys = READS,
      .since = "2.8.0", .hints = nondeterministic,
      .complexity = "O(1) a call, O(N) for the whole walk, N: members of the sorted set",
      .summary = "Walks over members and scores, a few at a time.",
      .syntax = "key:key cursor:integer [MATCH pattern:pattern] [COUNT count:integer]" },
    { "ZSCORE", cmd_zscore, .arity = 3, .flags = CMD_READONLY | CMD_FAST, ZSET, .keys = READS,
      .element = 2, .since = "1.2.0", .complexity = "O(1)",
      .summary = "Gives the score of a member.",
      .syntax = "key:key member:string" },
    COMMANDS_END,
};
