/* The set family: algebra of several sets. Shared rules:
 *   - a missing key is the empty set, but a key of another type is an error, wherever it stands;
 *   - STORE replaces whatever the destination holds; an empty result removes it. */
#include "core/base/vec.h"
#include "core/types/set.h"
#include "server/cmd/collection.h"
#include "server/cmd/families.h"

/* The sources in their order; NULL: missing. */
struct sources {
    VEC(const struct entry *) sets;
    bool any_missing;
};

/* Where the members go: to the client, to a new set, or into a count only. */
struct result {
    struct call *c;
    struct value set; /* e == NULL: to the client */
    uint64_t n, max;
    bool count_only;
};

/* All keys are looked up first: a look-up may remove a key that has expired. */
static bool take_sources(struct call *c, int from, int n, struct sources *s)
{
    *s = (struct sources){ 0 };
    for (int i = from; i < from + n; i++) {
        struct value v;
        if (!keyed_read(c, i, VALUE_SET, &v)) {
            vec_free(&s->sets);
            return false;
        }
        vec_push(&s->sets, v.e);
        if (!v.e) s->any_missing = true;
    }
    return true;
}

/* False: that is enough. */
static bool put(struct result *r, struct slice member)
{
    if (r->set.e) {
        set_add(&r->set, member, limits_of(r->c));
    } else {
        r->n++;
        if (!r->count_only) reply_bulk(r->c, member);
    }
    return !r->max || r->n < r->max;
}

/* ---- the three operations ---- */

static bool in_all(const struct sources *s, size_t except, struct slice member)
{
    for (size_t i = 0; i < s->sets.n; i++)
        if (i != except && s->sets.at[i] != s->sets.at[except] && !set_has(s->sets.at[i], member))
            return false;
    return true;
}

static size_t smallest(const struct sources *s)
{
    size_t best = 0;
    for (size_t i = 1; i < s->sets.n; i++)
        if (set_count(s->sets.at[i]) < set_count(s->sets.at[best])) best = i;
    return best;
}

static void intersect(const struct sources *s, struct result *r)
{
    struct set_iter it;
    struct slice m;
    char tmp[SET_TMP];
    if (s->any_missing) return;
    size_t base = smallest(s);
    set_iter_start(&it, s->sets.at[base]);
    while (set_iter_next(&it, tmp, &m))
        if (in_all(s, base, m) && !put(r, m)) break;
    set_iter_end(&it);
}

static bool in_a_later_one(const struct sources *s, struct slice member)
{
    for (size_t i = 1; i < s->sets.n; i++)
        if (s->sets.at[i] && set_has(s->sets.at[i], member)) return true;
    return false;
}

static void subtract(const struct sources *s, struct result *r)
{
    struct set_iter it;
    struct slice m;
    char tmp[SET_TMP];
    if (!s->sets.at[0]) return;
    set_iter_start(&it, s->sets.at[0]);
    while (set_iter_next(&it, tmp, &m))
        if (!in_a_later_one(s, m)) put(r, m);
    set_iter_end(&it);
}

/* A member that an earlier set has was put already. */
static bool in_an_earlier_one(const struct sources *s, size_t i, struct slice member)
{
    while (i-- > 0)
        if (s->sets.at[i] && set_has(s->sets.at[i], member)) return true;
    return false;
}

static void unite(const struct sources *s, struct result *r)
{
    for (size_t i = 0; i < s->sets.n; i++) {
        struct set_iter it;
        struct slice m;
        char tmp[SET_TMP];
        if (!s->sets.at[i]) continue;
        set_iter_start(&it, s->sets.at[i]);
        while (set_iter_next(&it, tmp, &m))
            if (r->set.e || !in_an_earlier_one(s, i, m)) put(r, m);
        set_iter_end(&it);
    }
}

typedef void operation(const struct sources *s, struct result *r);

/* ---- commands ---- */

static void give(struct call *c, operation *op)
{
    struct sources s;
    struct result r = { .c = c };
    if (!take_sources(c, 1, c->argc - 1, &s)) return;
    size_t mark = reply_later(c);
    op(&s, &r);
    reply_later_set(c, mark, (size_t)r.n);
    vec_free(&s.sets);
}

static void cmd_sinter(struct call *c) { give(c, intersect); }
static void cmd_sunion(struct call *c) { give(c, unite); }
static void cmd_sdiff(struct call *c) { give(c, subtract); }

/* Puts the result in the destination's place. */
static void store(struct call *c, struct entry *e, const char *event)
{
    struct value v;
    size_t n = set_count(e);
    bool there = ks_write(db_of(c), c->argv[1], lookup_flags(c), &v);
    if (n) {
        ks_put(&v, e, false);
        keyed_event(c, NOTIFY_SET, event, 1);
        c->changed++;
    } else {
        entry_free(e);
        if (there) {
            ks_remove_value(&v, TOUCH_REMOVED, false);
            keyed_event(c, NOTIFY_GENERIC, "del", 1);
            c->changed++;
        }
    }
    reply_int(c, (int64_t)n);
}

static void give_to_key(struct call *c, operation *op, const char *event)
{
    struct sources s;
    struct result r = { .c = c };
    if (!take_sources(c, 2, c->argc - 2, &s)) return;
    /* Integers until another member comes: the smallest form that the result allows. */
    r.set.e = set_new(c->argv[1], SLICE("0"), 0, ENTRY_NO_DEADLINE, limits_of(c));
    op(&s, &r);
    vec_free(&s.sets);
    store(c, r.set.e, event);
}

static void cmd_sinterstore(struct call *c) { give_to_key(c, intersect, "sinterstore"); }
static void cmd_sunionstore(struct call *c) { give_to_key(c, unite, "sunionstore"); }
static void cmd_sdiffstore(struct call *c) { give_to_key(c, subtract, "sdiffstore"); }

static bool limit_arg(struct call *c, int from, int64_t *limit)
{
    *limit = 0;
    for (int i = from; i < c->argc; i += 2) {
        if (!arg_is(c, i, "LIMIT") || i + 1 >= c->argc) {
            reply_syntax_error(c);
            return false;
        }
        if (!arg_int_range(c, i + 1, 0, INT64_MAX, limit, "-ERR LIMIT can't be negative"))
            return false;
    }
    return true;
}

static void cmd_sintercard(struct call *c)
{
    struct sources s;
    struct result r = { .c = c, .count_only = true };
    int64_t n, limit;
    if (!arg_int_range(c, 1, 1, INT64_MAX, &n, "-ERR numkeys should be greater than 0")) return;
    if (n > c->argc - 2) {
        reply_error(c, "-ERR Number of keys can't be greater than number of args");
        return;
    }
    if (!limit_arg(c, 2 + (int)n, &limit)) return;
    if (!take_sources(c, 2, (int)n, &s)) return;
    r.max = (uint64_t)limit;
    intersect(&s, &r);
    vec_free(&s.sets);
    reply_int(c, (int64_t)r.n);
}

/* ---- the table ---- */

#define SOURCES(first) KEYS(first, -1, 1, KEY_RO | KEY_ACCESS)
#define INTER_COST "O(N*M) at worst, N: members of the smallest set, M: sets"
#define SUM_COST "O(N), N: members of all sets together"
#define DIFF_COST "O(N*M) at worst, N: members of the first set, M: sets"
#define ROW(nm, fn, cx, sum)                                                                       \
    {                                                                                              \
        nm, fn, .arity = -2, .flags = CMD_READONLY, .acl = ACL_SET, .keys = { SOURCES(1) },        \
                .since = "1.0.0", .group = "set", .complexity = cx, .summary = sum,                \
                .syntax = "key:key...", .hints = any_order                                         \
    }
#define STORE_ROW(nm, fn, destination, cx, sum)                                                    \
    {                                                                                              \
        nm, fn, .arity = -3, .flags = CMD_WRITE | CMD_DENYOOM, .acl = ACL_SET,                     \
                .keys = { KEYS(1, 1, 1, destination), SOURCES(2) }, .since = "1.0.0",              \
                .group = "set", .complexity = cx, .summary = sum,                                  \
                .syntax = "destination:key key:key..."                                             \
    }

static const char *const any_order[] = { "nondeterministic_output_order", NULL };

const struct command cmds_set_ops[] = {
    ROW("SDIFF", cmd_sdiff, DIFF_COST, "Gives the members of the first set that no other has."),
    STORE_ROW("SDIFFSTORE", cmd_sdiffstore, KEY_OW | KEY_UPDATE, DIFF_COST,
              "Stores the members of the first set that no other has."),
    ROW("SINTER", cmd_sinter, INTER_COST, "Gives the members that all sets have."),
    { "SINTERCARD", cmd_sintercard, .arity = -3, .flags = CMD_READONLY, .acl = ACL_SET,
      .keys = { { .begin = KEYS_AT,
                  .first = 1,
                  .find = KEYS_NUMBERED,
                  .numkeys = 0,
                  .firstkey = 1,
                  .step = 1,
                  .flags = KEY_RO | KEY_ACCESS } },
      .since = "7.0.0", .group = "set", .complexity = INTER_COST,
      .summary = "Counts the members that all sets have, up to a limit.",
      .syntax = "numkeys:integer key:key... [LIMIT limit:integer]" },
    STORE_ROW("SINTERSTORE", cmd_sinterstore, KEY_RW | KEY_UPDATE, INTER_COST,
              "Stores the members that all sets have."),
    ROW("SUNION", cmd_sunion, SUM_COST, "Gives the members that any of the sets has."),
    STORE_ROW("SUNIONSTORE", cmd_sunionstore, KEY_OW | KEY_UPDATE, SUM_COST,
              "Stores the members that any of the sets has."),
    COMMANDS_END,
};
