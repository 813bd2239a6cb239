/* The hash family. Shared rules:
 *   - a hash that loses its last field is removed;
 *   - pairs come in no order;
 *   - a field past its deadline is none to readers (hash_field_seen), but for HLEN and HDEL;
 *   - a new value ends a field's deadline, a sum keeps it;
 *   - a sum of floats goes to the stream as HSET with the result. */
#include "core/types/hash.h"

#include <math.h>

#include "core/types/set.h"
#include "server/cmd/collection.h"
#include "server/cmd/families.h"

#define WALK_SHARE 8       /* from an eighth of all on, a walk is cheaper than draws */
#define DRAWS_A_ROUND 1000 /* between two looks at whether the client is still there */

/* ---- writing ---- */

/* Where to put fields: the hash that is there, or `fresh`, which put_done() will place. */
static struct value *target(struct call *c, struct value *v, struct value *fresh)
{
    if (v->e) return v;
    *fresh = (struct value){ .e = hash_new(c->argv[1], ENTRY_NO_DEADLINE) };
    return fresh;
}

static void put_done(struct call *c, struct value *v, const struct value *to, const char *event)
{
    if (v == to)
        ks_changed(v);
    else
        ks_put(v, to->e, false);
    keyed_event(c, NOTIFY_HASH, event, 1);
}

/* A sum takes the place of its field, deadline and all; a field that was not there has none. */
static void put_one(struct call *c, struct value *v, struct slice value, const char *event)
{
    struct value fresh, *to = target(c, v, &fresh);
    hash_put_keeping(to, c->argv[2], value, limits_of(c));
    put_done(c, v, to, event);
    c->changed++;
}

static bool put_pairs(struct call *c, int64_t *added)
{
    struct value v;
    *added = 0;
    if (c->argc % 2) {
        reply_arity(c);
        return false;
    }
    if (!keyed_write(c, 1, VALUE_HASH, &v)) return false;
    struct value fresh, *to = target(c, &v, &fresh);
    hash_expect(to, (size_t)(c->argc - 2) / 2, limits_of(c));
    for (int i = 2; i < c->argc; i += 2) {
        *added += hash_put(to, c->argv[i], c->argv[i + 1], limits_of(c));
        c->changed++;
    }
    put_done(c, &v, to, "hset");
    return true;
}

static void cmd_hset(struct call *c)
{
    int64_t added;
    if (put_pairs(c, &added)) reply_int(c, added);
}

static void cmd_hmset(struct call *c)
{
    int64_t added;
    if (put_pairs(c, &added)) reply_ok(c);
}

static void cmd_hsetnx(struct call *c)
{
    struct value v;
    if (!keyed_write(c, 1, VALUE_HASH, &v)) return;
    bool absent = !hash_field_seen(&v, c->argv[2], true) || !hash_has(v.e, c->argv[2]);
    if (absent) put_one(c, &v, c->argv[3], "hset");
    reply_int(c, absent);
}

static void cmd_hdel(struct call *c)
{
    struct value v;
    int64_t n = 0;
    if (!keyed_write(c, 1, VALUE_HASH, &v)) return;
    for (int i = 2; v.e && i < c->argc; i++)
        n += hash_remove(&v, c->argv[i]);
    if (n) {
        bool gone = emptied(&v, hash_count(v.e));
        keyed_event(c, NOTIFY_HASH, "hdel", 1);
        if (gone) keyed_event(c, NOTIFY_GENERIC, "del", 1);
    }
    c->changed += n;
    reply_int(c, n);
}

static void cmd_hincrby(struct call *c)
{
    struct value v;
    struct slice old;
    int64_t by, sum = 0;
    char tmp[HASH_TMP], digits[NUM_I64_MAX];
    if (!arg_int(c, 3, &by)) return;
    if (!keyed_write(c, 1, VALUE_HASH, &v)) return;
    if (hash_field_seen(&v, c->argv[2], true) && hash_get(v.e, c->argv[2], tmp, &old) &&
        !num_to_i64(old, &sum)) {
        reply_error(c, "-ERR hash value is not an integer");
        return;
    }
    if (__builtin_add_overflow(sum, by, &sum)) {
        reply_error(c, "-ERR increment or decrement would overflow");
        return;
    }
    put_one(c, &v, slice_of(digits, num_from_i64(digits, sum)), "hincrby");
    reply_int(c, sum);
}

/* HSET in the stream would end it. */
static void also_deadline(struct call *c, int64_t deadline)
{
    char digits[NUM_I64_MAX];
    if (deadline == HASH_NO_DEADLINE) return;
    call_also_words(c, SLICE("HPEXPIREAT"), c->argv[1],
                    slice_of(digits, num_from_i64(digits, deadline)), SLICE("FIELDS"), SLICE("1"),
                    c->argv[2]);
}

static void cmd_hincrbyfloat(struct call *c)
{
    struct value v;
    struct slice old;
    long double by, sum = 0;
    char tmp[HASH_TMP], text[NUM_LDOUBLE_MAX];
    if (!num_to_ldouble(c->argv[3], &by)) {
        reply_not_float(c);
        return;
    }
    if (isnan(by) || isinf(by)) {
        reply_error(c, "-ERR value is NaN or Infinity");
        return;
    }
    if (!keyed_write(c, 1, VALUE_HASH, &v)) return;
    if (hash_field_seen(&v, c->argv[2], true) && hash_get(v.e, c->argv[2], tmp, &old) &&
        !num_to_ldouble(old, &sum)) {
        reply_error(c, "-ERR hash value is not a float");
        return;
    }
    sum += by;
    if (isnan(sum) || isinf(sum)) {
        reply_error(c, "-ERR increment would produce NaN or Infinity");
        return;
    }
    struct slice result = slice_of(text, num_from_ldouble(text, sum));
    put_one(c, &v, result, "hincrbyfloat");
    call_replace_words(c, SLICE("HSET"), c->argv[1], c->argv[2], result);
    if (hash_is_timed(v.e)) also_deadline(c, hash_deadline(v.e, c->argv[2]));
    reply_bulk(c, result);
}

/* ---- reading ---- */

static void reply_field(struct call *c, struct value *v, int at)
{
    char tmp[HASH_TMP];
    struct slice value;
    if (hash_field_seen(v, c->argv[at], false) && hash_get(v->e, c->argv[at], tmp, &value))
        reply_bulk(c, value);
    else
        reply_null(c);
}

static void cmd_hget(struct call *c)
{
    struct value v;
    if (keyed_read(c, 1, VALUE_HASH, &v)) reply_field(c, &v, 2);
}

static void cmd_hmget(struct call *c)
{
    struct value v;
    if (!keyed_read(c, 1, VALUE_HASH, &v)) return;
    reply_array(c, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++)
        reply_field(c, &v, i);
}

static void cmd_hlen(struct call *c)
{
    struct value v;
    if (keyed_read(c, 1, VALUE_HASH, &v)) reply_int(c, v.e ? (int64_t)hash_count(v.e) : 0);
}

static void cmd_hstrlen(struct call *c)
{
    struct value v;
    struct slice value = { 0 };
    char tmp[HASH_TMP];
    if (!keyed_read(c, 1, VALUE_HASH, &v)) return;
    if (hash_field_seen(&v, c->argv[2], false)) hash_get(v.e, c->argv[2], tmp, &value);
    reply_int(c, (int64_t)value.n);
}

static void cmd_hexists(struct call *c)
{
    struct value v;
    if (!keyed_read(c, 1, VALUE_HASH, &v)) return;
    reply_int(c, hash_field_seen(&v, c->argv[2], false) && hash_has(v.e, c->argv[2]));
}

enum { FIELDS = 1, VALUES = 2 };

static void reply_pair(struct call *c, unsigned what, const struct hash_pair *p)
{
    if (what & FIELDS) reply_bulk(c, p->field);
    if (what & VALUES) reply_bulk(c, p->value);
}

static void reply_all(struct call *c, unsigned what)
{
    struct value v;
    struct hash_iter it;
    struct hash_pair p;
    if (!keyed_read(c, 1, VALUE_HASH, &v)) return;
    int64_t from = ks_fields_from(ks_of(c));
    size_t n = v.e ? hash_count(v.e) - hash_past(v.e, from) : 0;
    if (what == (FIELDS | VALUES))
        reply_map(c, n);
    else
        reply_array(c, n);
    if (!n) return;
    hash_iter_from(&it, v.e, from);
    while (hash_iter_next(&it, &p))
        reply_pair(c, what, &p);
    hash_iter_end(&it);
}

static void cmd_hgetall(struct call *c) { reply_all(c, FIELDS | VALUES); }
static void cmd_hkeys(struct call *c) { reply_all(c, FIELDS); }
static void cmd_hvals(struct call *c) { reply_all(c, VALUES); }

/* ---- HRANDFIELD ---- */

struct draw {
    struct call *c;
    unsigned what;
};

/* RESP3 has a pair in an array of its own. */
static void reply_drawn(void *app, const struct hash_pair *p)
{
    const struct draw *d = app;
    if (d->what == (FIELDS | VALUES) && d->c->client->resp == 3) reply_array(d->c, 2);
    reply_pair(d->c, d->what, p);
}

static void reply_drawn_head(struct draw *d, uint64_t n)
{
    bool flat = d->what == (FIELDS | VALUES) && d->c->client->resp != 3;
    reply_array(d->c, (size_t)(flat ? n * 2 : n));
}

/* With repetition: as many as asked for, however few there are. */
static void draw_with_repetition(struct draw *d, const struct entry *e, uint64_t n)
{
    reply_drawn_head(d, n);
    while (n && !(d->c->client->flags & CLIENT_CLOSING)) {
        uint64_t round = n < DRAWS_A_ROUND ? n : DRAWS_A_ROUND;
        hash_random_many(e, &ks_of(d->c)->rng, (size_t)round, reply_drawn, d);
        n -= round;
    }
}

/* Without: one walk, in which each pair is taken with the chance of those still needed among those
 * still to come. */
static void draw_by_walk(struct draw *d, const struct entry *e, size_t n)
{
    struct hash_iter it;
    struct hash_pair p;
    size_t left = hash_count(e);
    hash_iter_start(&it, e);
    for (; n && hash_iter_next(&it, &p); left--) {
        if (rng_below(&ks_of(d->c)->rng, left) >= n) continue;
        reply_drawn(d, &p);
        n--;
    }
    hash_iter_end(&it);
}

/* Few out of many: draws until that many different ones have come. */
static void draw_few(struct draw *d, const struct entry *e, size_t n)
{
    struct value seen = { .e = set_new(SLICE(""), SLICE(""), n, ENTRY_NO_DEADLINE,
                                       limits_of(d->c)) };
    struct hash_pair p;
    while (n) {
        hash_random(e, &ks_of(d->c)->rng, &p);
        if (!set_add(&seen, p.field, limits_of(d->c))) continue;
        reply_drawn(d, &p);
        n--;
    }
    entry_free(seen.e);
}

static void draw_many(struct draw *d, const struct entry *e, int64_t count)
{
    if (count < 0) {
        draw_with_repetition(d, e, (uint64_t)-count);
        return;
    }
    size_t have = hash_count(e), n = (uint64_t)count < have ? (size_t)count : have;
    reply_drawn_head(d, n);
    if (hash_is_compact(e) || n > have / WALK_SHARE)
        draw_by_walk(d, e, n);
    else
        draw_few(d, e, n);
}

static void draw(struct call *c, struct draw *d, const struct entry *e, int64_t count)
{
    struct hash_pair p;
    if (c->argc > 2) {
        draw_many(d, e, count);
    } else {
        hash_random(e, &ks_of(c)->rng, &p);
        reply_bulk(c, p.field);
    }
}

/* Fields past their deadlines are in the way of draws: these are made from a copy without them. */
static void draw_seen(struct call *c, struct draw *d, const struct entry *e, int64_t count)
{
    struct value seen = { .e = hash_new(SLICE(""), ENTRY_NO_DEADLINE) };
    struct hash_iter it;
    struct hash_pair p;
    hash_iter_from(&it, e, ks_fields_from(ks_of(c)));
    while (hash_iter_next(&it, &p))
        hash_put(&seen, p.field, p.value, limits_of(c));
    hash_iter_end(&it);
    draw(c, d, seen.e, count);
    entry_free(seen.e);
}

static void cmd_hrandfield(struct call *c)
{
    struct value v;
    struct draw d = { c, c->argc > 3 ? FIELDS | VALUES : FIELDS };
    int64_t count = 0;
    if (c->argc > 2 && !signed_count_arg(c, 2, &count)) return;
    if (c->argc > 4 || (c->argc == 4 && !arg_is(c, 3, "WITHVALUES"))) {
        reply_syntax_error(c);
        return;
    }
    if (c->argc == 4 && (count < -INT64_MAX / 2 || count > INT64_MAX / 2)) {
        reply_error(c, "-ERR value is out of range");
        return;
    }
    if (!keyed_read(c, 1, VALUE_HASH, &v)) return;
    size_t past = v.e ? hash_past(v.e, ks_fields_from(ks_of(c))) : 0;
    if (v.e && past < hash_count(v.e))
        (past ? draw_seen : draw)(c, &d, v.e, count);
    else if (c->argc > 2)
        reply_array(c, 0);
    else
        reply_null(c);
}

/* ---- HSCAN ---- */

struct hscan {
    struct scan_out out;
    struct scan_options o;
    bool novalues;
    const struct entry *timed; /* NULL: no field is past its deadline */
    int64_t from;
};

static bool is_past(const struct entry *e, struct slice field, int64_t from)
{
    int64_t deadline = hash_deadline(e, field);
    return deadline != HASH_NO_DEADLINE && deadline < from;
}

static void collect(void *app, const struct hash_pair *p)
{
    struct hscan *s = app;
    if (!scan_wants(&s->o, p->field)) return;
    if (s->timed && is_past(s->timed, p->field, s->from)) return;
    scan_out_add(&s->out, p->field);
    if (!s->novalues) scan_out_add(&s->out, p->value);
}

/* The options of a scan of a missing key are not looked at. */
static void cmd_hscan(struct call *c)
{
    struct value v;
    struct hscan s = { 0 };
    uint64_t cursor, next = 0;
    if (!scan_cursor_arg(c, 2, &cursor)) return;
    if (!keyed_read(c, 1, VALUE_HASH, &v)) return;
    if (v.e) {
        if (!scan_options_arg(c, 3, 0, &s.o, &s.novalues)) return;
        s.from = ks_fields_from(ks_of(c));
        if (hash_past(v.e, s.from)) s.timed = v.e;
        next = hash_scan(v.e, cursor, s.o.count, collect, &s);
    }
    scan_reply(c, next, &s.out);
}

/* ---- the table ---- */

#define ROW(nm, fn, ar, fl, since_, cx, sum, syn, keyflags, ...)                                   \
    {                                                                                              \
        nm, fn, .arity = ar, .flags = fl, .acl = ACL_HASH, .keys = { KEYS(1, 1, 1, keyflags) },    \
                .since = since_, .group = "hash", .complexity = cx, .summary = sum, .syntax = syn, \
                __VA_ARGS__                                                                        \
    }
#define WRITES (CMD_WRITE | CMD_DENYOOM | CMD_FAST)
#define READS (CMD_READONLY | CMD_FAST)
#define ACCESS (KEY_RO | KEY_ACCESS)

static const char *const any_order[] = { "nondeterministic_output_order", NULL };
static const char *const random_output[] = { "nondeterministic_output", NULL };
static const char *const hset_history[] = { "4.0.0", "Takes several fields.", NULL };
static const char *const hdel_history[] = { "2.4.0", "Takes several fields.", NULL };

const struct command cmds_hash[] = {
    ROW("HDEL", cmd_hdel, -3, CMD_WRITE | CMD_FAST, "2.0.0", "O(N), N: fields named",
        "Removes fields of a hash, and the hash with its last field.", "key:key field:string...",
        KEY_RW | KEY_DELETE, .history = hdel_history, .element = 2),
    ROW("HEXISTS", cmd_hexists, 3, READS, "2.0.0", "O(1)", "Tells whether a hash has a field.",
        "key:key field:string", KEY_RO, .element = 2),
    ROW("HGET", cmd_hget, 3, READS, "2.0.0", "O(1)", "Gives the value of a field.",
        "key:key field:string", ACCESS, .element = 2),
    ROW("HGETALL", cmd_hgetall, 2, CMD_READONLY, "2.0.0", "O(N), N: fields of the hash",
        "Gives all fields and values of a hash.", "key:key", ACCESS, .hints = any_order),
    ROW("HINCRBY", cmd_hincrby, 4, WRITES, "2.0.0", "O(1)",
        "Adds to the integer in a field; a missing one counts as 0.",
        "key:key field:string increment:integer", KEY_RW | KEY_ACCESS | KEY_UPDATE, .element = 2),
    ROW("HINCRBYFLOAT", cmd_hincrbyfloat, 4, WRITES, "2.6.0", "O(1)",
        "Adds to the floating point number in a field; a missing one counts as 0.",
        "key:key field:string increment:double", KEY_RW | KEY_ACCESS | KEY_UPDATE, .element = 2),
    ROW("HKEYS", cmd_hkeys, 2, CMD_READONLY, "2.0.0", "O(N), N: fields of the hash",
        "Gives all fields of a hash.", "key:key", ACCESS, .hints = any_order),
    ROW("HLEN", cmd_hlen, 2, READS, "2.0.0", "O(1)", "Counts the fields.", "key:key", KEY_RO),
    ROW("HMGET", cmd_hmget, -3, READS, "2.0.0", "O(N), N: fields named",
        "Gives the values of several fields.", "key:key field:string...", ACCESS, .element = 2),
    ROW("HMSET", cmd_hmset, -4, WRITES, "2.0.0", "O(N), N: fields named",
        "Sets several fields of a hash.", "key:key (field:string value:string)...",
        KEY_RW | KEY_UPDATE, .deprecated_since = "4.0.0",
        .replaced_by = "`HSET` with multiple field-value pairs", .element = 2),
    ROW("HRANDFIELD", cmd_hrandfield, -2, CMD_READONLY, "6.2.0", "O(N), N: fields given back",
        "Gives fields drawn at random, on request with their values.",
        "key:key options=[count:integer [WITHVALUES]]", ACCESS, .hints = random_output),
    ROW("HSCAN", cmd_hscan, -3, CMD_READONLY, "2.8.0",
        "O(1) a call, O(N) for the whole walk, N: fields of the hash",
        "Walks over fields and values, a few at a time.",
        "key:key cursor:integer [MATCH pattern:pattern] [COUNT count:integer] [NOVALUES]", ACCESS,
        .hints = random_output),
    ROW("HSET", cmd_hset, -4, WRITES, "2.0.0", "O(N), N: fields named",
        "Sets fields of a hash, which is made if it is missing.",
        "key:key (field:string value:string)...", KEY_RW | KEY_UPDATE, .history = hset_history,
        .element = 2),
    ROW("HSETNX", cmd_hsetnx, 4, WRITES, "2.0.0", "O(1)", "Sets a field that is not there yet.",
        "key:key field:string value:string", KEY_RW | KEY_INSERT, .element = 2),
    ROW("HSTRLEN", cmd_hstrlen, 3, READS, "3.2.0", "O(1)", "Gives the length of a field's value.",
        "key:key field:string", KEY_RO, .element = 2),
    ROW("HVALS", cmd_hvals, 2, CMD_READONLY, "2.0.0", "O(N), N: fields of the hash",
        "Gives all values of a hash.", "key:key", ACCESS, .hints = any_order),
    COMMANDS_END,
};
