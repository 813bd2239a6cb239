/* The string family. Shared rules:
 *   - a value is at most proto-max-bulk-len bytes;
 *   - what depends on the moment goes to the stream in absolute form: deadlines as PXAT or
 *     PEXPIREAT, sums of floats as SET;
 *   - a command that only removes goes as DEL or UNLINK. */
#include "server/cmd/families.h"

#include <math.h>

#include "server/cmd/keyed.h"

#define TOO_LONG "-ERR string exceeds maximum allowed size (proto-max-bulk-len)"

static bool length_fits(struct call *c, uint64_t old, uint64_t more)
{
    uint64_t max = (uint64_t)server_of(c)->front_config->proto_max_bulk_len;
    if (old <= max && more <= max - old) return true;
    reply_error(c, TOO_LONG);
    return false;
}

static void reply_value(struct call *c, const struct value *v)
{
    char tmp[STRING_TMP];
    if (v->e)
        reply_bulk(c, string_get(v->e, tmp));
    else
        reply_null(c);
}

static void set_changed(struct call *c, int key_at)
{
    c->changed++;
    keyed_event(c, NOTIFY_STRING, "set", key_at);
}

/* ---- reading ---- */

static void cmd_get(struct call *c)
{
    struct value v;
    if (keyed_read(c, 1, VALUE_STRING, &v)) reply_value(c, &v);
}

static void cmd_mget(struct call *c)
{
    reply_array(c, (size_t)c->argc - 1);
    for (int i = 1; i < c->argc; i++) {
        struct value v;
        ks_read(db_of(c), c->argv[i], lookup_flags(c), &v);
        if (v.e && !value_is(&v, VALUE_STRING)) v.e = NULL;
        reply_value(c, &v);
    }
}

static void cmd_strlen(struct call *c)
{
    struct value v;
    if (keyed_read(c, 1, VALUE_STRING, &v)) reply_int(c, v.e ? (int64_t)string_len(v.e) : 0);
}

static void cmd_getrange(struct call *c)
{
    struct value v;
    int64_t start, end;
    char tmp[STRING_TMP];
    if (!arg_int(c, 2, &start) || !arg_int(c, 3, &end)) return;
    if (!keyed_read(c, 1, VALUE_STRING, &v)) return;
    reply_bulk(c, v.e ? string_range(v.e, start, end, tmp) : SLICE(""));
}

/* ---- SET and its relatives ---- */

enum { SET_NX = 1, SET_XX = 2, SET_GET = 4, SET_KEEPTTL = 8, SET_PERSIST = 16, SET_DEADLINE = 32 };

struct set_options {
    unsigned flags;
    enum deadline_unit unit;
    int deadline_at; /* argument with the figure */
    int64_t deadline;
};

static const struct {
    const char *word;
    enum deadline_unit unit;
} deadline_words[] = {
    { "EX", IN_SECONDS }, { "PX", IN_MS }, { "EXAT", AT_SECONDS }, { "PXAT", AT_MS }
};

/* One option word at argument *i; false when it is none that fits. */
static bool take_option(const struct call *c, int *i, unsigned allowed, struct set_options *o)
{
    static const struct {
        const char *word;
        unsigned flag, excludes;
    } words[] = { { "NX", SET_NX, SET_XX },
                  { "XX", SET_XX, SET_NX },
                  { "GET", SET_GET, 0 },
                  { "KEEPTTL", SET_KEEPTTL, SET_DEADLINE | SET_PERSIST },
                  { "PERSIST", SET_PERSIST, SET_DEADLINE | SET_KEEPTTL } };
    for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++) {
        if (!arg_is(c, *i, words[k].word)) continue;
        if (!(allowed & words[k].flag) || (o->flags & words[k].excludes)) return false;
        o->flags |= words[k].flag;
        return true;
    }
    for (size_t k = 0; k < sizeof(deadline_words) / sizeof(deadline_words[0]); k++) {
        if (!arg_is(c, *i, deadline_words[k].word)) continue;
        bool other = (o->flags & SET_DEADLINE) && o->unit != deadline_words[k].unit;
        if (other || (o->flags & (SET_KEEPTTL | SET_PERSIST)) || *i + 1 >= c->argc) return false;
        o->flags |= SET_DEADLINE;
        o->unit = deadline_words[k].unit;
        o->deadline_at = ++*i;
        return true;
    }
    return false;
}

static bool take_options(struct call *c, int from, unsigned allowed, struct set_options *o)
{
    *o = (struct set_options){ .deadline = ENTRY_NO_DEADLINE };
    for (int i = from; i < c->argc; i++)
        if (!take_option(c, &i, allowed, o)) {
            reply_syntax_error(c);
            return false;
        }
    if (o->flags & SET_KEEPTTL) o->deadline = KS_KEEP_DEADLINE;
    return true;
}

static bool option_deadline(struct call *c, struct set_options *o)
{
    return !(o->flags & SET_DEADLINE) ||
           deadline_arg(c, o->deadline_at, o->unit, true, &o->deadline);
}

static void stream_set_until(struct call *c, struct slice key, struct slice value, int64_t deadline)
{
    char digits[NUM_I64_MAX];
    call_replace_words(c, SLICE("SET"), key, value, SLICE("PXAT"),
                       slice_of(digits, num_from_i64(digits, deadline)));
}

/* Without GET the old value is not looked at: a right to write is enough. */
static uint32_t set_key_flags(int argc, const struct slice *argv)
{
    for (int i = 3; i < argc; i++)
        if (slice_ieqz(argv[i], "GET")) return KEY_RW | KEY_ACCESS | KEY_UPDATE;
    return KEY_OW | KEY_UPDATE;
}

/* SET without its GET word: the replica has nobody to answer. */
static void stream_set_without_get(struct call *c)
{
    struct slice words[8];
    int n = 0;
    for (int i = 0; i < c->argc && n < 8; i++)
        if (i < 3 || !arg_is(c, i, "GET")) words[n++] = c->argv[i];
    call_replace(c, n, words);
}

static void set_stream_words(struct call *c, const struct set_options *o)
{
    if (o->flags & SET_DEADLINE) {
        if (o->unit != AT_MS || (o->flags & SET_GET))
            stream_set_until(c, c->argv[1], c->argv[2], o->deadline);
        keyed_event(c, NOTIFY_GENERIC, "expire", 1);
    } else if (o->flags & SET_GET) {
        stream_set_without_get(c);
    }
}

static void cmd_set(struct call *c)
{
    struct set_options o;
    struct value v;
    if (__builtin_expect(c->argc == 3, 1))
        o = (struct set_options){ .deadline = ENTRY_NO_DEADLINE };
    else if (!take_options(c, 3, SET_NX | SET_XX | SET_GET | SET_KEEPTTL, &o))
        return;
    if (!option_deadline(c, &o)) return;
    unsigned also = o.flags & SET_GET ? KS_ALSO_READ : 0;
    bool there = ks_write(db_of(c), c->argv[1], lookup_flags(c) | also, &v);
    if (also) {
        if (there && !value_is(&v, VALUE_STRING)) {
            reply_wrong_type(c);
            return;
        }
        reply_value(c, &v);
    }
    if ((there && (o.flags & SET_NX)) || (!there && (o.flags & SET_XX))) {
        if (!(o.flags & SET_GET)) reply_null(c);
        return;
    }
    ks_set_string(&v, c->argv[1], c->argv[2], STRING_AUTO, o.deadline);
    set_changed(c, 1);
    if (o.flags) set_stream_words(c, &o);
    if (!(o.flags & SET_GET)) reply_ok(c);
}

static void cmd_setnx(struct call *c)
{
    struct value v;
    if (ks_write(db_of(c), c->argv[1], lookup_flags(c), &v)) {
        reply_int(c, 0);
        return;
    }
    ks_set_string(&v, c->argv[1], c->argv[2], STRING_AUTO, ENTRY_NO_DEADLINE);
    set_changed(c, 1);
    reply_int(c, 1);
}

static void set_until(struct call *c, enum deadline_unit unit)
{
    struct value v;
    int64_t deadline;
    if (!deadline_arg(c, 2, unit, true, &deadline)) return;
    ks_write(db_of(c), c->argv[1], lookup_flags(c), &v);
    ks_set_string(&v, c->argv[1], c->argv[3], STRING_AUTO, deadline);
    set_changed(c, 1);
    keyed_event(c, NOTIFY_GENERIC, "expire", 1);
    stream_set_until(c, c->argv[1], c->argv[3], deadline);
    reply_ok(c);
}

static void cmd_setex(struct call *c) { set_until(c, IN_SECONDS); }
static void cmd_psetex(struct call *c) { set_until(c, IN_MS); }

static void cmd_getset(struct call *c)
{
    struct value v;
    if (!keyed_update(c, 1, VALUE_STRING, &v)) return;
    reply_value(c, &v);
    ks_set_string(&v, c->argv[1], c->argv[2], STRING_AUTO, ENTRY_NO_DEADLINE);
    set_changed(c, 1);
    call_replace_words(c, SLICE("SET"), c->argv[1], c->argv[2]);
}

static void set_pairs(struct call *c)
{
    for (int i = 1; i < c->argc; i += 2) {
        struct value v;
        ks_write(db_of(c), c->argv[i], lookup_flags(c), &v);
        ks_set_string(&v, c->argv[i], c->argv[i + 1], STRING_AUTO, ENTRY_NO_DEADLINE);
        set_changed(c, i);
    }
}

static bool pairs_are_whole(struct call *c)
{
    if (c->argc % 2 == 1) return true;
    reply_arity(c);
    return false;
}

static void cmd_mset(struct call *c)
{
    if (!pairs_are_whole(c)) return;
    set_pairs(c);
    reply_ok(c);
}

static void cmd_msetnx(struct call *c)
{
    if (!pairs_are_whole(c)) return;
    for (int i = 1; i < c->argc; i += 2) {
        struct value v;
        if (!ks_write(db_of(c), c->argv[i], lookup_flags(c), &v)) continue;
        reply_int(c, 0);
        return;
    }
    set_pairs(c);
    reply_int(c, 1);
}

/* GETDEL: read and remove. The stream carries DEL, and nothing if the key was missing. */
static void cmd_getdel(struct call *c)
{
    struct value v;
    if (!keyed_update(c, 1, VALUE_STRING, &v)) return;
    reply_value(c, &v);
    if (!v.e) return;
    ks_remove_value(&v, TOUCH_REMOVED, false);
    c->changed++;
    keyed_event(c, NOTIFY_GENERIC, "del", 1);
    call_replace_words(c, SLICE("DEL"), c->argv[1]);
}

static void getex_until(struct call *c, struct value *v, int64_t deadline)
{
    char digits[NUM_I64_MAX];
    c->changed++;
    if (deadline_is_past(c, deadline)) {
        bool lazily = server_of(c)->config->lazyfree_lazy_expire;
        ks_remove_value(v, TOUCH_EXPIRED, lazily);
        keyed_event(c, NOTIFY_GENERIC, "del", 1);
        call_replace_words(c, del_word(lazily), c->argv[1]);
        return;
    }
    ks_set_deadline(v, deadline);
    keyed_event(c, NOTIFY_GENERIC, "expire", 1);
    call_replace_words(c, SLICE("PEXPIREAT"), c->argv[1],
                       slice_of(digits, num_from_i64(digits, deadline)));
}

static void cmd_getex(struct call *c)
{
    struct set_options o;
    struct value v;
    if (!take_options(c, 2, SET_PERSIST, &o)) return;
    if (!keyed_update(c, 1, VALUE_STRING, &v)) return;
    if (!v.e) {
        reply_null(c);
        return;
    }
    if (!option_deadline(c, &o)) return;
    reply_value(c, &v);
    if (o.flags & SET_DEADLINE) {
        getex_until(c, &v, o.deadline);
    } else if ((o.flags & SET_PERSIST) && ks_clear_deadline(&v)) {
        c->changed++;
        keyed_event(c, NOTIFY_GENERIC, "persist", 1);
        call_replace_words(c, SLICE("PERSIST"), c->argv[1]);
    }
}

/* ---- changing parts ---- */

static void cmd_append(struct call *c)
{
    struct value v;
    if (!keyed_write(c, 1, VALUE_STRING, &v)) return;
    size_t len = c->argv[2].n;
    if (!v.e) {
        ks_set_string(&v, c->argv[1], c->argv[2], STRING_AUTO, ENTRY_NO_DEADLINE);
    } else {
        if (!length_fits(c, string_len(v.e), c->argv[2].n)) return;
        len = string_append(&v, c->argv[2]);
        ks_changed(&v);
    }
    c->changed++;
    keyed_event(c, NOTIFY_STRING, "append", 1);
    reply_int(c, (int64_t)len);
}

static void cmd_setrange(struct call *c)
{
    struct value v;
    int64_t offset;
    struct slice s = c->argv[3];
    if (!arg_int(c, 2, &offset)) return;
    if (offset < 0) {
        reply_error(c, "-ERR offset is out of range");
        return;
    }
    if (!keyed_write(c, 1, VALUE_STRING, &v)) return;
    if (s.n == 0) {
        reply_int(c, v.e ? (int64_t)string_len(v.e) : 0);
        return;
    }
    if (!length_fits(c, (uint64_t)offset, s.n)) return;
    if (!v.e) ks_set_string(&v, c->argv[1], SLICE(""), STRING_RAW, ENTRY_NO_DEADLINE);
    size_t len = string_setrange(&v, (size_t)offset, s);
    ks_changed(&v);
    c->changed++;
    keyed_event(c, NOTIFY_STRING, "setrange", 1);
    reply_int(c, (int64_t)len);
}

/* ---- numbers ---- */

static void incr_by(struct call *c, int64_t by)
{
    struct value v;
    int64_t sum = by;
    char digits[NUM_I64_MAX];
    if (!keyed_write(c, 1, VALUE_STRING, &v)) return;
    if (!v.e) {
        ks_set_string(&v, c->argv[1], slice_of(digits, num_from_i64(digits, by)), STRING_AUTO,
                      ENTRY_NO_DEADLINE);
    } else {
        enum err e = string_incr(&v, by, &sum);
        if (e == ERR_RANGE) {
            reply_error(c, "-ERR increment or decrement would overflow");
            return;
        }
        if (e) {
            reply_not_int(c);
            return;
        }
        ks_changed(&v);
    }
    c->changed++;
    keyed_event(c, NOTIFY_STRING, "incrby", 1);
    reply_int(c, sum);
}

static void cmd_incr(struct call *c) { incr_by(c, 1); }
static void cmd_decr(struct call *c) { incr_by(c, -1); }

static void cmd_incrby(struct call *c)
{
    int64_t by;
    if (arg_int(c, 2, &by)) incr_by(c, by);
}

static void cmd_decrby(struct call *c)
{
    int64_t by;
    if (!arg_int(c, 2, &by)) return;
    if (by == INT64_MIN)
        reply_error(c, "-ERR decrement would overflow");
    else
        incr_by(c, -by);
}

static void cmd_incrbyfloat(struct call *c)
{
    struct value v;
    long double by, old = 0;
    char tmp[STRING_TMP], text[NUM_LDOUBLE_MAX];
    if (!keyed_write(c, 1, VALUE_STRING, &v)) return;
    if ((v.e && !num_to_ldouble(string_get(v.e, tmp), &old)) || !num_to_ldouble(c->argv[2], &by)) {
        reply_not_float(c);
        return;
    }
    if (isnan(old + by) || isinf(old + by)) {
        reply_error(c, "-ERR increment would produce NaN or Infinity");
        return;
    }
    struct slice sum = slice_of(text, num_from_ldouble(text, old + by));
    ks_set_string(&v, c->argv[1], sum, STRING_BYTES, v.e ? KS_KEEP_DEADLINE : ENTRY_NO_DEADLINE);
    c->changed++;
    keyed_event(c, NOTIFY_STRING, "incrbyfloat", 1);
    call_replace_words(c, SLICE("SET"), c->argv[1], sum, SLICE("KEEPTTL"));
    reply_bulk(c, sum);
}

#define ROW(nm, fn, ar, fl, since_, cx, sum, syn, ...)                                             \
    {                                                                                              \
        nm, fn, .arity = ar, .flags = fl, .acl = ACL_STRING, .keys = { __VA_ARGS__ },              \
                .since = since_, .group = "string", .complexity = cx, .summary = sum,              \
                .syntax = syn                                                                      \
    }

#define WRITES (CMD_WRITE | CMD_DENYOOM)
#define ONE_RW KEYS(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_UPDATE)
#define ONE_RO KEYS(1, 1, 1, KEY_RO | KEY_ACCESS)
#define SET_SYNTAX                                                                                 \
    "key:key value:string condition=[NX|XX]@2.6.12 [GET@6.2.0] expiration=["                       \
    "EX seconds:integer@2.6.12|PX milliseconds:integer@2.6.12|"                                    \
    "EXAT unix-time-seconds:unix-time@6.2.0|PXAT unix-time-milliseconds:unix-time@6.2.0|"          \
    "KEEPTTL@6.0.0]"
#define GETEX_SYNTAX                                                                               \
    "key:key expiration=[EX seconds:integer|PX milliseconds:integer|"                              \
    "EXAT unix-time-seconds:unix-time|PXAT unix-time-milliseconds:unix-time|PERSIST]"

const struct command cmds_string[] = {
    ROW("APPEND", cmd_append, 3, WRITES | CMD_FAST, "2.0.0", "O(1)",
        "Adds bytes at the end of a string; a missing key counts as empty.", "key:key value:string",
        KEYS(1, 1, 1, KEY_RW | KEY_INSERT)),
    ROW("DECR", cmd_decr, 2, WRITES | CMD_FAST, "1.0.0", "O(1)", "Takes one from an integer.",
        "key:key", ONE_RW),
    ROW("DECRBY", cmd_decrby, 3, WRITES | CMD_FAST, "1.0.0", "O(1)",
        "Takes a number from an integer.", "key:key decrement:integer", ONE_RW),
    ROW("GET", cmd_get, 2, CMD_READONLY | CMD_FAST, "1.0.0", "O(1)", "Gives a key's string.",
        "key:key", ONE_RO),
    ROW("GETDEL", cmd_getdel, 2, CMD_WRITE | CMD_FAST, "6.2.0", "O(1)",
        "Gives a key's string and removes the key.", "key:key",
        KEYS(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_DELETE)),
    ROW("GETEX", cmd_getex, -2, CMD_WRITE | CMD_FAST, "6.2.0", "O(1)",
        "Gives a key's string and sets or clears its deadline.", GETEX_SYNTAX, ONE_RW),
    ROW("GETRANGE", cmd_getrange, 4, CMD_READONLY, "2.4.0", "O(N), N: bytes given back",
        "Gives a part of a string.", "key:key start:integer end:integer", ONE_RO),
    { "GETSET", cmd_getset, .arity = 3, .flags = WRITES | CMD_FAST, .acl = ACL_STRING,
      .keys = { ONE_RW }, .since = "1.0.0", .group = "string", .complexity = "O(1)",
      .summary = "Gives the old string and sets a new one.", .syntax = "key:key value:string",
      .deprecated_since = "6.2.0", .replaced_by = "`SET` with `GET`" },
    ROW("INCR", cmd_incr, 2, WRITES | CMD_FAST, "1.0.0", "O(1)", "Adds one to an integer.",
        "key:key", ONE_RW),
    ROW("INCRBY", cmd_incrby, 3, WRITES | CMD_FAST, "1.0.0", "O(1)", "Adds a number to an integer.",
        "key:key increment:integer", ONE_RW),
    ROW("INCRBYFLOAT", cmd_incrbyfloat, 3, WRITES | CMD_FAST, "2.6.0", "O(1)",
        "Adds a floating point number to a number.", "key:key increment:double", ONE_RW),
    ROW("MGET", cmd_mget, -2, CMD_READONLY | CMD_FAST, "1.0.0", "O(N), N: keys",
        "Gives the strings of several keys.", "key:key...", KEYS(1, -1, 1, KEY_RO | KEY_ACCESS)),
    ROW("MSET", cmd_mset, -3, WRITES, "1.0.1", "O(N), N: keys", "Sets several keys at once.",
        "(key:key value:string)...", KEYS(1, -1, 2, KEY_OW | KEY_UPDATE)),
    ROW("MSETNX", cmd_msetnx, -3, WRITES, "1.0.1", "O(N), N: keys",
        "Sets several keys at once if none of them exists.", "(key:key value:string)...",
        KEYS(1, -1, 2, KEY_OW | KEY_INSERT)),
    ROW("PSETEX", cmd_psetex, 4, WRITES, "2.6.0", "O(1)",
        "Sets a key and its time to live in milliseconds.",
        "key:key milliseconds:integer value:string", KEYS(1, 1, 1, KEY_OW | KEY_UPDATE)),
    { "SET", cmd_set, .arity = -3, .flags = WRITES, .acl = ACL_STRING,
      .keys = { KEYS(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_UPDATE | KEY_VARIABLE_FLAGS) },
      .key_flags = set_key_flags, .since = "1.0.0", .group = "string", .complexity = "O(1)",
      .summary = "Sets a key's string, whatever it held before; conditions and a deadline may be "
                 "named.",
      .syntax = SET_SYNTAX },
    ROW("SETEX", cmd_setex, 4, WRITES, "2.0.0", "O(1)",
        "Sets a key and its time to live in seconds.", "key:key seconds:integer value:string",
        KEYS(1, 1, 1, KEY_OW | KEY_UPDATE)),
    ROW("SETNX", cmd_setnx, 3, WRITES | CMD_FAST, "1.0.0", "O(1)",
        "Sets a key if it does not exist.", "key:key value:string",
        KEYS(1, 1, 1, KEY_OW | KEY_INSERT)),
    ROW("SETRANGE", cmd_setrange, 4, WRITES, "2.2.0", "O(1) beside the copying of the bytes",
        "Overwrites a part of a string, growing it with zero bytes where needed.",
        "key:key offset:integer value:string", KEYS(1, 1, 1, KEY_RW | KEY_UPDATE)),
    ROW("STRLEN", cmd_strlen, 2, CMD_READONLY | CMD_FAST, "2.2.0", "O(1)",
        "Gives the length of a string.", "key:key", KEYS(1, 1, 1, KEY_RO)),
    { "SUBSTR", cmd_getrange, .arity = 4, .flags = CMD_READONLY, .acl = ACL_STRING,
      .keys = { ONE_RO }, .since = "1.0.0", .group = "string",
      .complexity = "O(N), N: bytes given back", .summary = "The old name of GETRANGE.",
      .syntax = "key:key start:integer end:integer", .deprecated_since = "2.0.0",
      .replaced_by = "`GETRANGE`" },
    COMMANDS_END,
};
