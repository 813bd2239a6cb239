/* Deadlines of keys. In the stream every deadline is absolute (PEXPIREAT); one that has passed
 * already goes as DEL or UNLINK. */
#include "server/cmd/families.h"
#include "server/cmd/keyed.h"

enum { EXPIRE_NX = 1, EXPIRE_XX = 2, EXPIRE_GT = 4, EXPIRE_LT = 8 };

static bool take_options(struct call *c, unsigned *flags)
{
    static const struct {
        const char *word;
        unsigned flag;
    } words[] = {
        { "NX", EXPIRE_NX }, { "XX", EXPIRE_XX }, { "GT", EXPIRE_GT }, { "LT", EXPIRE_LT }
    };
    *flags = 0;
    for (int i = 3; i < c->argc; i++) {
        unsigned flag = 0;
        for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++)
            if (arg_is(c, i, words[k].word)) flag = words[k].flag;
        if (!flag) {
            reply_error_fmt(c, "-ERR Unsupported option %.*s", SLICE_ARG(c->argv[i]));
            return false;
        }
        *flags |= flag;
    }
    if ((*flags & EXPIRE_NX) && (*flags & (EXPIRE_XX | EXPIRE_GT | EXPIRE_LT))) {
        reply_error(c, "-ERR NX and XX, GT or LT options at the same time are not compatible");
        return false;
    }
    if ((*flags & EXPIRE_GT) && (*flags & EXPIRE_LT)) {
        reply_error(c, "-ERR GT and LT options at the same time are not compatible");
        return false;
    }
    return true;
}

/* No deadline counts as later than any. */
static bool condition_holds(unsigned flags, int64_t now, int64_t wanted)
{
    bool none = now == ENTRY_NO_DEADLINE;
    if ((flags & EXPIRE_NX) && !none) return false;
    if ((flags & EXPIRE_XX) && none) return false;
    if ((flags & EXPIRE_GT) && (none || wanted <= now)) return false;
    if ((flags & EXPIRE_LT) && !none && wanted >= now) return false;
    return true;
}

static void stream_deadline(struct call *c, int64_t deadline)
{
    char digits[NUM_I64_MAX];
    struct slice words[7] = { SLICE("PEXPIREAT"), c->argv[1],
                              slice_of(digits, num_from_i64(digits, deadline)) };
    int n = 3;
    for (int i = 3; i < c->argc && n < 7; i++)
        words[n++] = c->argv[i];
    call_replace(c, n, words);
}

static void expire_now(struct call *c, struct value *v)
{
    bool lazily = server_of(c)->config->lazyfree_lazy_expire;
    ks_remove_value(v, TOUCH_EXPIRED, lazily);
    keyed_event(c, NOTIFY_GENERIC, "del", 1);
    call_replace_words(c, del_word(lazily), c->argv[1]);
}

static void expire(struct call *c, enum deadline_unit unit)
{
    struct value v;
    int64_t deadline;
    unsigned flags;
    if (!take_options(c, &flags) || !deadline_arg(c, 2, unit, false, &deadline)) return;
    if (!ks_write(db_of(c), c->argv[1], lookup_flags(c), &v) ||
        !condition_holds(flags, ks_deadline(&v), deadline)) {
        reply_int(c, 0);
        return;
    }
    c->changed++;
    if (deadline_is_past(c, deadline)) {
        expire_now(c, &v);
    } else {
        ks_set_deadline(&v, deadline < 0 ? 0 : deadline);
        keyed_event(c, NOTIFY_GENERIC, "expire", 1);
        if (unit != AT_MS) stream_deadline(c, deadline);
    }
    reply_int(c, 1);
}

static void cmd_expire(struct call *c) { expire(c, IN_SECONDS); }
static void cmd_pexpire(struct call *c) { expire(c, IN_MS); }
static void cmd_expireat(struct call *c) { expire(c, AT_SECONDS); }
static void cmd_pexpireat(struct call *c) { expire(c, AT_MS); }

/* -2: no key, -1: no deadline. */
static void reply_deadline(struct call *c, int64_t minus, bool seconds)
{
    struct value v;
    if (!ks_read(db_of(c), c->argv[1], KS_NO_TOUCH, &v)) {
        reply_int(c, -2);
        return;
    }
    int64_t d = ks_deadline(&v);
    if (d == ENTRY_NO_DEADLINE) {
        reply_int(c, -1);
        return;
    }
    d -= minus;
    if (d < 0) d = 0;
    reply_int(c, seconds ? d / 1000 + (d % 1000 >= 500) : d);
}

static void cmd_ttl(struct call *c) { reply_deadline(c, c->now_ms, true); }
static void cmd_pttl(struct call *c) { reply_deadline(c, c->now_ms, false); }
static void cmd_expiretime(struct call *c) { reply_deadline(c, 0, true); }
static void cmd_pexpiretime(struct call *c) { reply_deadline(c, 0, false); }

static void cmd_persist(struct call *c)
{
    struct value v;
    if (!ks_write(db_of(c), c->argv[1], lookup_flags(c), &v) || !ks_clear_deadline(&v)) {
        reply_int(c, 0);
        return;
    }
    c->changed++;
    keyed_event(c, NOTIFY_GENERIC, "persist", 1);
    reply_int(c, 1);
}

#define SETS(nm, fn, since_, arg, sum)                                                             \
    {                                                                                              \
        nm, fn, .arity = -3, .flags = CMD_WRITE | CMD_FAST, .acl = ACL_KEYSPACE,                   \
                .keys = { KEYS(1, 1, 1, KEY_RW | KEY_UPDATE) }, .since = since_,                   \
                .group = "generic", .complexity = "O(1)", .summary = sum,                          \
                .syntax = "key:key " arg " condition=[NX|XX|GT|LT]@7.0.0"                          \
    }
#define TELLS(nm, fn, since_, sum)                                                                 \
    {                                                                                              \
        nm, fn, .arity = 2, .flags = CMD_READONLY | CMD_FAST, .acl = ACL_KEYSPACE,                 \
                .keys = { KEYS(1, 1, 1, KEY_RO | KEY_ACCESS) }, .since = since_,                   \
                .group = "generic", .complexity = "O(1)", .summary = sum, .syntax = "key:key",     \
                .hints = ttl_hints                                                                 \
    }

static const char *const ttl_hints[] = { "nondeterministic_output", NULL };

const struct command cmds_expire[] = {
    SETS("EXPIRE", cmd_expire, "1.0.0", "seconds:integer",
         "Gives a key a deadline so many seconds from now."),
    SETS("EXPIREAT", cmd_expireat, "1.2.0", "unix-time-seconds:unix-time",
         "Sets a key's deadline as a Unix time."),
    TELLS("EXPIRETIME", cmd_expiretime, "7.0.0", "Gives a key's deadline as a Unix time."),
    { "PERSIST", cmd_persist, .arity = 2, .flags = CMD_WRITE | CMD_FAST, .acl = ACL_KEYSPACE,
      .keys = { KEYS(1, 1, 1, KEY_RW | KEY_UPDATE) }, .since = "2.2.0", .group = "generic",
      .complexity = "O(1)", .summary = "Removes a key's deadline.", .syntax = "key:key" },
    SETS("PEXPIRE", cmd_pexpire, "2.6.0", "milliseconds:integer",
         "Gives a key a deadline so many milliseconds from now."),
    SETS("PEXPIREAT", cmd_pexpireat, "2.6.0", "unix-time-milliseconds:unix-time",
         "Sets a key's deadline as a Unix time in milliseconds."),
    TELLS("PEXPIRETIME", cmd_pexpiretime, "7.0.0",
          "Gives a key's deadline as a Unix time in milliseconds."),
    TELLS("PTTL", cmd_pttl, "2.6.0", "Gives a key's remaining time to live in milliseconds."),
    TELLS("TTL", cmd_ttl, "1.0.0", "Gives a key's remaining time to live in seconds."),
    COMMANDS_END,
};
