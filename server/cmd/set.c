/* The set family: one set. Shared rules:
 *   - a set that loses its last member is removed;
 *   - members come in no order;
 *   - what was drawn by chance goes to the stream as the removal of just these members. */
#include "core/types/set.h"

#include "core/base/vec.h"
#include "server/cmd/collection.h"
#include "server/cmd/families.h"
#include "server/config.h"

#define SREM_BATCH 1024 /* members in one SREM of the stream */
#define WALK_SHARE 8    /* from an eighth of all on, a walk is cheaper than draws */

/* ---- adding and removing ---- */

static void cmd_sadd(struct call *c)
{
    struct value v;
    int64_t added = 0;
    size_t n = (size_t)c->argc - 2;
    if (!keyed_write(c, 1, VALUE_SET, &v)) return;
    struct value fresh = { 0 }, *to = v.e ? &v : &fresh;
    if (v.e)
        set_expect(to, n, limits_of(c));
    else
        to->e = set_new(c->argv[1], c->argv[2], n, ENTRY_NO_DEADLINE, limits_of(c));
    for (int i = 2; i < c->argc; i++)
        added += set_add(to, c->argv[i], limits_of(c));
    if (!v.e)
        ks_put(&v, fresh.e, false);
    else if (added)
        ks_changed(&v);
    if (added) keyed_event(c, NOTIFY_SET, "sadd", 1);
    c->changed += added;
    reply_int(c, added);
}

/* After n members have gone. */
static void removed(struct call *c, struct value *v, int64_t n, const char *event)
{
    bool gone = emptied(v, set_count(v->e));
    keyed_event(c, NOTIFY_SET, event, 1);
    if (gone) keyed_event(c, NOTIFY_GENERIC, "del", 1);
    c->changed += n;
}

static void cmd_srem(struct call *c)
{
    struct value v;
    int64_t n = 0;
    if (!keyed_write(c, 1, VALUE_SET, &v)) return;
    for (int i = 2; v.e && i < c->argc; i++)
        n += set_remove(&v, c->argv[i]);
    if (n) removed(c, &v, n, "srem");
    reply_int(c, n);
}

static void move_into(struct call *c, struct value *to)
{
    struct slice member = c->argv[3];
    struct value fresh = { 0 };
    if (!to->e) fresh.e = set_new(c->argv[2], member, 1, ENTRY_NO_DEADLINE, limits_of(c));
    if (!set_add(to->e ? to : &fresh, member, limits_of(c))) return;
    if (to->e)
        ks_changed(to);
    else
        ks_put(to, fresh.e, false);
    c->changed++;
    keyed_event(c, NOTIFY_SET, "sadd", 2);
}

static void cmd_smove(struct call *c)
{
    struct value from, to;
    ks_write(db_of(c), c->argv[1], lookup_flags(c), &from);
    ks_write(db_of(c), c->argv[2], lookup_flags(c), &to);
    if (!from.e) {
        reply_int(c, 0);
        return;
    }
    if (!value_is(&from, VALUE_SET) || (to.e && !value_is(&to, VALUE_SET))) {
        reply_wrong_type(c);
        return;
    }
    if (from.e == to.e) {
        reply_int(c, set_has(from.e, c->argv[3]));
        return;
    }
    if (!set_remove(&from, c->argv[3])) {
        reply_int(c, 0);
        return;
    }
    removed(c, &from, 1, "srem");
    move_into(c, &to);
    reply_int(c, 1);
}

/* ---- reading ---- */

static void cmd_sismember(struct call *c)
{
    struct value v;
    if (keyed_read(c, 1, VALUE_SET, &v)) reply_int(c, v.e && set_has(v.e, c->argv[2]));
}

static void cmd_smismember(struct call *c)
{
    struct value v;
    if (!keyed_read(c, 1, VALUE_SET, &v)) return;
    reply_array(c, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++)
        reply_int(c, v.e && set_has(v.e, c->argv[i]));
}

static void cmd_scard(struct call *c)
{
    struct value v;
    if (keyed_read(c, 1, VALUE_SET, &v)) reply_int(c, v.e ? (int64_t)set_count(v.e) : 0);
}

static void reply_members(struct call *c, const struct entry *e)
{
    struct set_iter it;
    struct slice m;
    char tmp[SET_TMP];
    set_iter_start(&it, e);
    while (set_iter_next(&it, tmp, &m))
        reply_bulk(c, m);
    set_iter_end(&it);
}

static void cmd_smembers(struct call *c)
{
    struct value v;
    if (!keyed_read(c, 1, VALUE_SET, &v)) return;
    reply_set(c, v.e ? set_count(v.e) : 0);
    if (v.e) reply_members(c, v.e);
}

/* ---- SPOP ---- */

/* The members that went, kept for the stream and told to it in batches. */
struct popped {
    struct slice words[SREM_BATCH + 2];
    struct str kept[SREM_BATCH];
    int n;
};

static void popped_tell(struct call *c, struct popped *p)
{
    if (!p->n) return;
    p->words[0] = SLICE("SREM");
    p->words[1] = c->argv[1];
    for (int i = 0; i < p->n; i++)
        p->words[i + 2] = str_slice(p->kept[i]);
    call_replace(c, p->n + 2, p->words);
    while (p->n)
        str_free(&p->kept[--p->n]);
}

static void pop_one(struct call *c)
{
    struct value v;
    char tmp[SET_TMP];
    if (!keyed_write(c, 1, VALUE_SET, &v)) return;
    if (!v.e) {
        reply_null(c);
        return;
    }
    struct str member = str_new(set_random(v.e, &ks_of(c)->rng, tmp));
    set_remove(&v, str_slice(member));
    removed(c, &v, 1, "spop");
    call_replace_words(c, SLICE("SREM"), c->argv[1], str_slice(member));
    reply_bulk(c, str_slice(member));
    str_free(&member);
}

static void pop_all(struct call *c, struct value *v)
{
    bool lazily = server_of(c)->config->lazyfree_lazy_server_del;
    size_t n = set_count(v->e);
    reply_set(c, n);
    reply_members(c, v->e);
    ks_remove_value(v, TOUCH_REMOVED, lazily);
    keyed_event(c, NOTIFY_SET, "spop", 1);
    keyed_event(c, NOTIFY_GENERIC, "del", 1);
    c->changed += (int64_t)n;
    call_replace_words(c, del_word(lazily), c->argv[1]);
}

/* Takes the text. */
static void pop_this(struct call *c, struct value *v, struct str member, struct popped *p)
{
    set_remove(v, str_slice(member));
    reply_bulk(c, str_slice(member));
    p->kept[p->n++] = member;
    if (p->n == SREM_BATCH) popped_tell(c, p);
}

/* A large share: one walk, in which each is taken with the chance of those still needed among those
 * still to come; draws would jump about in memory. */
static void pop_by_walk(struct call *c, struct value *v, size_t n, struct popped *p)
{
    VEC(struct str) taken = { 0 };
    struct set_iter it;
    struct slice m;
    char tmp[SET_TMP];
    size_t left = set_count(v->e);
    vec_reserve(&taken, n);
    set_iter_start(&it, v->e);
    for (; taken.n < n && set_iter_next(&it, tmp, &m); left--)
        if (rng_below(&ks_of(c)->rng, left) < n - taken.n) vec_push(&taken, str_new(m));
    set_iter_end(&it);
    for (size_t i = 0; i < taken.n; i++)
        pop_this(c, v, taken.at[i], p);
    vec_free(&taken);
}

/* Fewer than there are. */
static void pop_some(struct call *c, struct value *v, size_t n)
{
    struct popped *p = mem_zalloc(sizeof(*p));
    char tmp[SET_TMP];
    reply_set(c, n);
    if (n > set_count(v->e) / WALK_SHARE)
        pop_by_walk(c, v, n, p);
    else
        for (size_t i = 0; i < n; i++)
            pop_this(c, v, str_new(set_random(v->e, &ks_of(c)->rng, tmp)), p);
    popped_tell(c, p);
    mem_free(p);
    removed(c, v, (int64_t)n, "spop");
}

static void pop_many(struct call *c)
{
    struct value v;
    int64_t count;
    if (!arg_int_range(c, 2, 0, INT64_MAX, &count, "-ERR value is out of range, must be positive"))
        return;
    if (!keyed_write(c, 1, VALUE_SET, &v)) return;
    if (!v.e || count == 0)
        reply_set(c, 0);
    else if ((uint64_t)count >= set_count(v.e))
        pop_all(c, &v);
    else
        pop_some(c, &v, (size_t)count);
}

static void cmd_spop(struct call *c)
{
    if (c->argc == 2)
        pop_one(c);
    else if (c->argc == 3)
        pop_many(c);
    else
        reply_syntax_error(c);
}

/* ---- SRANDMEMBER ---- */

/* With repetition: as many as asked for, however few there are. */
static void draw_with_repetition(struct call *c, const struct entry *e, uint64_t n)
{
    char tmp[SET_TMP];
    reply_array(c, (size_t)n);
    for (; n && !(c->client->flags & CLIENT_CLOSING); n--)
        reply_bulk(c, set_random(e, &ks_of(c)->rng, tmp));
}

/* Without: one walk, in which each is taken with the chance of those still needed among those still
 * to come. */
static void draw_by_walk(struct call *c, const struct entry *e, size_t n)
{
    struct set_iter it;
    struct slice m;
    char tmp[SET_TMP];
    size_t left = set_count(e);
    set_iter_start(&it, e);
    for (; n && set_iter_next(&it, tmp, &m); left--) {
        if (rng_below(&ks_of(c)->rng, left) >= n) continue;
        reply_bulk(c, m);
        n--;
    }
    set_iter_end(&it);
}

/* Few out of many: draws until that many different ones have come. */
static void draw_few(struct call *c, const struct entry *e, size_t n)
{
    struct value seen = { .e = set_new(SLICE(""), SLICE(""), n, ENTRY_NO_DEADLINE, limits_of(c)) };
    char tmp[SET_TMP];
    while (n) {
        struct slice m = set_random(e, &ks_of(c)->rng, tmp);
        if (!set_add(&seen, m, limits_of(c))) continue;
        reply_bulk(c, m);
        n--;
    }
    entry_free(seen.e);
}

static void draw_many(struct call *c, const struct entry *e, int64_t count)
{
    if (count < 0) {
        draw_with_repetition(c, e, (uint64_t)-count);
        return;
    }
    size_t have = set_count(e), n = (uint64_t)count < have ? (size_t)count : have;
    reply_array(c, n);
    if (n > have / WALK_SHARE)
        draw_by_walk(c, e, n);
    else
        draw_few(c, e, n);
}

static void cmd_srandmember(struct call *c)
{
    struct value v;
    int64_t count = 0;
    char tmp[SET_TMP];
    if (c->argc > 3) {
        reply_syntax_error(c);
        return;
    }
    if (c->argc == 3 && !signed_count_arg(c, 2, &count)) return;
    if (!keyed_read(c, 1, VALUE_SET, &v)) return;
    if (c->argc == 3) {
        if (v.e)
            draw_many(c, v.e, count);
        else
            reply_array(c, 0);
    } else if (v.e) {
        reply_bulk(c, set_random(v.e, &ks_of(c)->rng, tmp));
    } else {
        reply_null(c);
    }
}

/* ---- SSCAN ---- */

struct sscan {
    struct scan_out out;
    struct scan_options o;
};

static void collect(void *app, struct slice member)
{
    struct sscan *s = app;
    if (scan_wants(&s->o, member)) scan_out_add(&s->out, member);
}

/* The options of a scan of a missing key are not looked at. */
static void cmd_sscan(struct call *c)
{
    struct value v;
    struct sscan s = { 0 };
    uint64_t cursor, next = 0;
    if (!scan_cursor_arg(c, 2, &cursor)) return;
    if (!keyed_read(c, 1, VALUE_SET, &v)) return;
    if (v.e) {
        if (!scan_options_arg(c, 3, 0, &s.o, NULL)) return;
        next = set_scan(v.e, cursor, s.o.count, collect, &s);
    }
    scan_reply(c, next, &s.out);
}

/* ---- the table ---- */

#define ROW(nm, fn, ar, fl, since_, cx, sum, syn, keyflags, ...)                                   \
    {                                                                                              \
        nm, fn, .arity = ar, .flags = fl, .acl = ACL_SET, .keys = { KEYS(1, 1, 1, keyflags) },     \
                .since = since_, .group = "set", .complexity = cx, .summary = sum, .syntax = syn,  \
                __VA_ARGS__                                                                        \
    }
#define READS (CMD_READONLY | CMD_FAST)
#define ACCESS (KEY_RO | KEY_ACCESS)

static const char *const any_order[] = { "nondeterministic_output_order", NULL };
static const char *const random_output[] = { "nondeterministic_output", NULL };
static const char *const several[] = { "2.4.0", "Takes several members.", NULL };
static const char *const spop_history[] = { "3.2.0", "Takes a count.", NULL };
static const char *const srandmember_history[] = { "2.6.0", "Takes a count.", NULL };

const struct command cmds_set[] = {
    ROW("SADD", cmd_sadd, -3, CMD_WRITE | CMD_DENYOOM | CMD_FAST, "1.0.0", "O(N), N: members named",
        "Adds members to a set, which is made if it is missing.", "key:key member:string...",
        KEY_RW | KEY_INSERT, .history = several, .element = 2),
    ROW("SCARD", cmd_scard, 2, READS, "1.0.0", "O(1)", "Gives the number of members.", "key:key",
        KEY_RO),
    ROW("SISMEMBER", cmd_sismember, 3, READS, "1.0.0", "O(1)", "Tells whether a set has a member.",
        "key:key member:string", KEY_RO, .element = 2),
    ROW("SMEMBERS", cmd_smembers, 2, CMD_READONLY, "1.0.0", "O(N), N: members of the set",
        "Gives all members of a set.", "key:key", ACCESS, .hints = any_order),
    ROW("SMISMEMBER", cmd_smismember, -3, READS, "6.2.0", "O(N), N: members named",
        "Tells for each of several members whether a set has it.", "key:key member:string...",
        ACCESS, .element = 2),
    { "SMOVE", cmd_smove, .arity = 4, .flags = CMD_WRITE | CMD_FAST, .acl = ACL_SET,
      .keys = { KEYS(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_DELETE),
                KEYS(2, 2, 1, KEY_RW | KEY_INSERT) },
      .since = "1.0.0", .group = "set", .complexity = "O(1)",
      .summary = "Takes a member out of one set and puts it into another.",
      .syntax = "source:key destination:key member:string" },
    ROW("SPOP", cmd_spop, -2, CMD_WRITE | CMD_FAST, "1.0.0",
        "O(1), with a count O(N), N: the count", "Removes members drawn at random and gives them.",
        "key:key [count:integer@3.2.0]", KEY_RW | KEY_ACCESS | KEY_DELETE, .hints = random_output,
        .history = spop_history),
    ROW("SRANDMEMBER", cmd_srandmember, -2, CMD_READONLY, "1.0.0",
        "O(1), with a count O(N), N: the count without its sign",
        "Gives members drawn at random; a negative count allows repetition.",
        "key:key [count:integer@2.6.0]", ACCESS, .hints = random_output,
        .history = srandmember_history),
    ROW("SREM", cmd_srem, -3, CMD_WRITE | CMD_FAST, "1.0.0", "O(N), N: members named",
        "Removes members of a set, and the set with its last member.", "key:key member:string...",
        KEY_RW | KEY_DELETE, .history = several, .element = 2),
    ROW("SSCAN", cmd_sscan, -3, CMD_READONLY, "2.8.0",
        "O(1) a call, O(N) for the whole walk, N: members of the set",
        "Walks over the members, a few at a time.",
        "key:key cursor:integer [MATCH pattern:pattern] [COUNT count:integer]", ACCESS,
        .hints = random_output),
    COMMANDS_END,
};
