/* Deadlines of hash fields. In the stream they are absolute (HPEXPIREAT, with the fields that took
 * the deadline); one that has passed already goes as HDEL. The arguments' errors come in Redis'
 * order: type of the key, time, word FIELDS, number of fields. */
#include "core/base/mem.h"
#include "core/types/hash.h"
#include "server/cmd/collection.h"
#include "server/cmd/families.h"

#define TIME_MAX ((((int64_t)1 << 48) - 2) >> 2) /* as Redis: room is left for greater ones */

enum { NO_FIELD = -2, NO_DEADLINE = -1, REFUSED = 0, DONE = 1, DELETED = 2 };

/* ---- arguments ---- */

/* FIELDS n field ...: argument `at` is the word; *first the first field, up to the end. */
static bool fields_arg(struct call *c, int at, const char *not_positive, int *first)
{
    int64_t n;
    *first = at + 2;
    if (!arg_is(c, at, "FIELDS")) {
        reply_error(c, "-ERR Mandatory argument FIELDS is missing or not at the right position");
        return false;
    }
    if (at + 1 >= c->argc || !num_to_i64(c->argv[at + 1], &n) || n < 1) {
        reply_error(c, not_positive);
        return false;
    }
    if (n == c->argc - *first) return true;
    reply_error(c, "-ERR The `numfields` parameter must match the number of arguments");
    return false;
}

/* The deadline in ms. */
static bool time_arg(struct call *c, int at, enum deadline_unit unit, int64_t *out)
{
    int64_t n, base = unit == IN_SECONDS || unit == IN_MS ? c->now_ms : 0;
    bool seconds = unit == IN_SECONDS || unit == AT_SECONDS;
    if (!arg_int(c, at, &n)) return false;
    if (n < 0) {
        reply_error(c, "-ERR invalid expire time, must be >= 0");
        return false;
    }
    if (n > (seconds ? TIME_MAX / 1000 : TIME_MAX) || (seconds ? n * 1000 : n) > TIME_MAX - base) {
        reply_error_fmt(c, "-ERR invalid expire time in '%s' command", c->entry->fullname);
        return false;
    }
    *out = (seconds ? n * 1000 : n) + base;
    return true;
}

enum { IF_NONE = 1, IF_ANY, IF_LATER, IF_EARLIER };

static int condition_arg(struct call *c, int at)
{
    static const char *const words[] = { "NX", "XX", "GT", "LT" };
    for (int i = 0; i < 4; i++)
        if (arg_is(c, at, words[i])) return IF_NONE + i;
    return 0;
}

/* No deadline counts as later than any. */
static bool condition_holds(int condition, int64_t now, int64_t wanted)
{
    bool none = now == HASH_NO_DEADLINE;
    switch (condition) {
    case IF_NONE: return none;
    case IF_ANY: return !none;
    case IF_LATER: return !none && wanted > now;
    case IF_EARLIER: return none || wanted < now;
    default: return true;
    }
}

/* A field's answer when the hash, or the field, is not there. */
static bool answered_missing(struct call *c, struct value *v, int at, bool write)
{
    if (hash_field_seen(v, c->argv[at], write) && hash_has(v->e, c->argv[at])) return false;
    reply_int(c, NO_FIELD);
    return true;
}

/* ---- setting ---- */

struct expiring {
    int64_t deadline;
    int condition;
    bool past;
    int n;               /* fields that took it */
    struct slice *words; /* of the stream: room for five and all fields */
    int head;            /* words in front of the fields */
};

static int expire_field(struct call *c, struct value *v, int at, struct expiring *x)
{
    struct slice field = c->argv[at];
    if (!condition_holds(x->condition, hash_deadline(v->e, field), x->deadline)) return REFUSED;
    if (x->past)
        hash_remove(v, field);
    else
        hash_set_deadline(v, field, x->deadline, limits_of(c));
    x->words[x->head + x->n++] = field;
    return x->past ? DELETED : DONE;
}

static void expire_fields(struct call *c, struct value *v, int first, struct expiring *x)
{
    reply_array(c, (size_t)(c->argc - first));
    for (int i = first; i < c->argc; i++)
        if (!answered_missing(c, v, i, true)) reply_int(c, expire_field(c, v, i, x));
}

static void expire_done(struct call *c, struct value *v, struct expiring *x)
{
    char ms[NUM_I64_MAX], n[NUM_I64_MAX];
    struct slice *w = x->words;
    if (!x->n) return;
    c->changed += x->n;
    bool gone = v->e && emptied(v, hash_count(v->e));
    keyed_event(c, NOTIFY_HASH, x->past ? "hdel" : "hexpire", 1);
    if (gone) keyed_event(c, NOTIFY_GENERIC, "del", 1);
    w[0] = x->past ? SLICE("HDEL") : SLICE("HPEXPIREAT");
    w[1] = c->argv[1];
    if (!x->past) {
        w[2] = slice_of(ms, num_from_i64(ms, x->deadline));
        w[3] = SLICE("FIELDS");
        w[4] = slice_of(n, num_from_i64(n, x->n));
    }
    call_replace(c, x->head + x->n, w);
}

static void expire(struct call *c, enum deadline_unit unit)
{
    struct value v;
    struct expiring x = { 0 };
    int first;
    if (!keyed_write(c, 1, VALUE_HASH, &v) || !time_arg(c, 2, unit, &x.deadline)) return;
    x.condition = condition_arg(c, 3);
    if (!fields_arg(c, x.condition ? 4 : 3,
                    "-ERR Parameter `numFields` should be greater than 0", &first))
        return;
    x.past = deadline_is_past(c, x.deadline);
    if (!x.deadline) x.deadline = 1; /* only the master's stream comes here with it */
    x.head = x.past ? 2 : 5;
    x.words = mem_alloc((size_t)(5 + c->argc - first) * sizeof(*x.words));
    expire_fields(c, &v, first, &x);
    expire_done(c, &v, &x);
    mem_free(x.words);
}

static void cmd_hexpire(struct call *c) { expire(c, IN_SECONDS); }
static void cmd_hpexpire(struct call *c) { expire(c, IN_MS); }
static void cmd_hexpireat(struct call *c) { expire(c, AT_SECONDS); }
static void cmd_hpexpireat(struct call *c) { expire(c, AT_MS); }

static void cmd_hpersist(struct call *c)
{
    struct value v;
    int first;
    if (!keyed_write(c, 1, VALUE_HASH, &v)) return;
    if (!fields_arg(c, 2, "-ERR Number of fields must be a positive integer", &first)) return;
    reply_array(c, (size_t)(c->argc - first));
    for (int i = first; i < c->argc; i++) {
        if (answered_missing(c, &v, i, true)) continue;
        bool had = hash_deadline(v.e, c->argv[i]) != HASH_NO_DEADLINE;
        hash_set_deadline(&v, c->argv[i], HASH_NO_DEADLINE, limits_of(c));
        c->changed += had;
        reply_int(c, had ? DONE : NO_DEADLINE);
    }
    if (!c->changed) return;
    if (v.e) ks_changed(&v);
    keyed_event(c, NOTIFY_HASH, "hpersist", 1);
}

/* ---- telling ---- */

/* The deadlines less `minus`; seconds are rounded up. */
static void reply_deadlines(struct call *c, int64_t minus, bool seconds)
{
    struct value v;
    int first;
    if (!keyed_read(c, 1, VALUE_HASH, &v)) return;
    if (!fields_arg(c, 2, "-ERR Number of fields must be a positive integer", &first)) return;
    reply_array(c, (size_t)(c->argc - first));
    for (int i = first; i < c->argc; i++) {
        if (answered_missing(c, &v, i, false)) continue;
        int64_t at = hash_deadline(v.e, c->argv[i]);
        if (at == HASH_NO_DEADLINE)
            reply_int(c, NO_DEADLINE);
        else
            reply_int(c, seconds ? (at - minus + 999) / 1000 : at - minus);
    }
}

static void cmd_httl(struct call *c) { reply_deadlines(c, c->now_ms, true); }
static void cmd_hpttl(struct call *c) { reply_deadlines(c, c->now_ms, false); }
static void cmd_hexpiretime(struct call *c) { reply_deadlines(c, 0, true); }
static void cmd_hpexpiretime(struct call *c) { reply_deadlines(c, 0, false); }

/* ---- the table ---- */

#define FIELDS_SYNTAX "(FIELDS numfields:integer field:string...)"
#define ROW(nm, fn, ar, fl, keyflags, sum, syn, ...)                                               \
    {                                                                                              \
        nm, fn, .arity = ar, .flags = fl, .acl = ACL_HASH, .keys = { KEYS(1, 1, 1, keyflags) },    \
                .since = "7.4.0", .group = "hash", .complexity = "O(N), N: fields named",          \
                .summary = sum, .syntax = syn, __VA_ARGS__                                         \
    }
#define SETS(nm, fn, arg, sum)                                                                     \
    ROW(nm, fn, -6, CMD_WRITE | CMD_DENYOOM | CMD_FAST, KEY_RW | KEY_UPDATE, sum,                  \
        "key:key " arg " condition=[NX|XX|GT|LT] " FIELDS_SYNTAX, )
#define TELLS(nm, fn, sum)                                                                         \
    ROW(nm, fn, -5, CMD_READONLY | CMD_FAST, KEY_RO | KEY_ACCESS, sum, "key:key " FIELDS_SYNTAX,   \
        .hints = varies)

static const char *const varies[] = { "nondeterministic_output", NULL };

const struct command cmds_hash_ttl[] = {
    SETS("HEXPIRE", cmd_hexpire, "seconds:integer",
         "Gives fields of a hash a deadline so many seconds from now."),
    SETS("HEXPIREAT", cmd_hexpireat, "unix-time-seconds:unix-time",
         "Sets the deadline of fields of a hash as a Unix time."),
    TELLS("HEXPIRETIME", cmd_hexpiretime, "Gives the deadlines of fields as Unix times."),
    ROW("HPERSIST", cmd_hpersist, -5, CMD_WRITE | CMD_FAST, KEY_RW | KEY_UPDATE,
        "Removes the deadlines of fields of a hash.", "key:key " FIELDS_SYNTAX, ),
    SETS("HPEXPIRE", cmd_hpexpire, "milliseconds:integer",
         "Gives fields of a hash a deadline so many milliseconds from now."),
    SETS("HPEXPIREAT", cmd_hpexpireat, "unix-time-milliseconds:unix-time",
         "Sets the deadline of fields of a hash as a Unix time in milliseconds."),
    TELLS("HPEXPIRETIME", cmd_hpexpiretime,
          "Gives the deadlines of fields as Unix times in milliseconds."),
    TELLS("HPTTL", cmd_hpttl, "Gives the remaining time of fields in milliseconds."),
    TELLS("HTTL", cmd_httl, "Gives the remaining time of fields in seconds."),
    COMMANDS_END,
};
