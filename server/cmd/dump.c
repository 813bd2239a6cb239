/* DUMP and RESTORE: one value as a checksummed payload, out and in. In the stream RESTORE carries
 * its deadline in absolute form. */
#include "server/cmd/families.h"

#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/rdb/load.h"
#include "core/rdb/save.h"
#include "core/sys/log.h"
#include "server/cmd/keyed.h"

#define KEY_LOGGED 100

static void cmd_dump(struct call *c)
{
    struct value v;
    struct buf payload = { 0 };
    if (!ks_read(db_of(c), c->argv[1], lookup_flags(c), &v)) {
        reply_null(c);
        return;
    }
    rdb_dump(v.e, &payload);
    reply_bulk(c, buf_slice(&payload));
    buf_free(&payload);
}

struct restore {
    bool replace, absolute;
    int64_t idle_seconds, frequency; /* -1: not given */
    int64_t deadline;
};

/* The word at *i and what belongs to it. */
static bool restore_option(struct call *c, int *i, struct restore *o)
{
    bool more = *i + 1 < c->argc;
    if (arg_is(c, *i, "REPLACE")) {
        o->replace = true;
        return true;
    }
    if (arg_is(c, *i, "ABSTTL")) {
        o->absolute = true;
        return true;
    }
    if (arg_is(c, *i, "IDLETIME") && more && o->frequency < 0)
        return arg_int(c, ++*i, &o->idle_seconds) &&
               arg_int_range(c, *i, 0, INT64_MAX, &o->idle_seconds,
                             "-ERR Invalid IDLETIME value, must be >= 0");
    if (arg_is(c, *i, "FREQ") && more && o->idle_seconds < 0)
        return arg_int(c, ++*i, &o->frequency) &&
               arg_int_range(c, *i, 0, 255, &o->frequency,
                             "-ERR Invalid FREQ value, must be >= 0 and <= 255");
    reply_syntax_error(c);
    return false;
}

/* The deadline is 0 when the key is to live on. */
static bool restore_options(struct call *c, struct restore *o)
{
    *o = (struct restore){ .idle_seconds = -1, .frequency = -1 };
    for (int i = 4; i < c->argc; i++)
        if (!restore_option(c, &i, o)) return false;
    struct value v;
    if (!o->replace && ks_read(db_of(c), c->argv[1], lookup_flags(c), &v)) {
        reply_error(c, "-BUSYKEY Target key name already exists.");
        return false;
    }
    if (!arg_int(c, 2, &o->deadline)) return false;
    if (o->deadline < 0) {
        reply_error(c, "-ERR Invalid TTL value, must be >= 0");
        return false;
    }
    if (o->deadline && !o->absolute && __builtin_add_overflow(o->deadline, c->now_ms, &o->deadline))
        o->deadline = INT64_MAX;
    return true;
}

/* A deadline in the past: the new value never is, the old one goes. */
static void restore_past(struct call *c, struct value *v)
{
    bool lazily = server_of(c)->config->lazyfree_lazy_server_del;
    if (v->e) {
        ks_remove_value(v, TOUCH_REMOVED, lazily);
        c->changed++;
        keyed_event(c, NOTIFY_GENERIC, "del", 1);
        call_replace_words(c, del_word(lazily), c->argv[1]);
    }
}

static void restore_stream(struct call *c, int64_t deadline)
{
    char digits[NUM_I64_MAX];
    struct slice *words = mem_alloc(((size_t)c->argc + 1) * sizeof(*words));
    memcpy(words, c->argv, (size_t)c->argc * sizeof(*words));
    words[2] = slice_of(digits, num_from_i64(digits, deadline));
    words[c->argc] = SLICE("ABSTTL");
    call_replace(c, c->argc + 1, words);
    mem_free(words);
}

static void restore_access(const struct keyspace *ks, struct entry *e, const struct restore *o)
{
    if (ks->access.lfu && o->frequency >= 0)
        e->access = access_from_frequency((uint32_t)o->frequency, ks->now_ms) & 0xffffffu;
    if (!ks->access.lfu && o->idle_seconds >= 0)
        e->access = access_from_idle(o->idle_seconds, ks->now_ms) & 0xffffffu;
}

/* The client is told as much as Redis tells; the log has what is wrong. */
static void refuse(struct call *c, enum err e, const char *why)
{
    struct slice key = c->argv[1];
    if (e == ERR_CHECKSUM) {
        reply_error_fmt(c, "-ERR %s", why);
        return;
    }
    log_warning("RESTORE of key '%.*s': %s", (int)(key.n < KEY_LOGGED ? key.n : KEY_LOGGED), key.p,
                why);
    reply_error(c, "-ERR Bad data format");
}

static void cmd_restore(struct call *c)
{
    struct restore o;
    struct entry *e;
    struct value v;
    struct errmsg msg;
    if (!restore_options(c, &o)) return;
    int64_t deadline = o.deadline ? o.deadline : ENTRY_NO_DEADLINE;
    bool unsummed = server_of(c)->debug_skip_checksum;
    enum err failed = (unsummed ? rdb_restore_unsummed : rdb_restore)(
        c->argv[3], c->argv[1], deadline, limits_of(c), &e, &msg);
    if (failed) {
        refuse(c, failed, msg.text);
        return;
    }
    ks_write(db_of(c), c->argv[1], KS_NO_TOUCH, &v);
    if (o.deadline && deadline_is_past(c, o.deadline)) {
        entry_free(e);
        restore_past(c, &v);
        reply_ok(c);
        return;
    }
    if (v.e) /* what was there leaves nothing behind, its popularity neither */
        ks_remove_value(&v, TOUCH_REMOVED, server_of(c)->config->lazyfree_lazy_server_del);
    ks_put(&v, e, false);
    restore_access(ks_of(c), e, &o);
    c->changed++;
    keyed_event(c, NOTIFY_GENERIC, "restore", 1);
    if (o.deadline && !o.absolute) restore_stream(c, o.deadline);
    reply_ok(c);
}

#define RESTORE_SYNTAX                                                                             \
    "key:key ttl:integer serialized-value:string [REPLACE@3.0.0] [ABSTTL@5.0.0] "                  \
    "[IDLETIME seconds:integer@5.0.0] [FREQ frequency:integer@5.0.0]"

const struct command cmds_dump[] = {
    { "DUMP", cmd_dump, .arity = 2, .flags = CMD_READONLY, .acl = ACL_KEYSPACE,
      .keys = { KEYS(1, 1, 1, KEY_RO | KEY_ACCESS) }, .since = "2.6.0", .group = "generic",
      .complexity = "O(N), N: bytes of the value",
      .summary = "Gives a value in the form that RESTORE takes.", .syntax = "key:key" },
    { "RESTORE", cmd_restore, .arity = -4, .flags = CMD_WRITE | CMD_DENYOOM,
      .acl = ACL_KEYSPACE | ACL_DANGEROUS, .keys = { KEYS(1, 1, 1, KEY_OW | KEY_UPDATE) },
      .since = "2.6.0", .group = "generic", .complexity = "O(N), N: bytes of the value",
      .summary = "Makes a key from what DUMP gave.", .syntax = RESTORE_SYNTAX },
    { "RESTORE-ASKING", cmd_restore, .arity = -4, .flags = CMD_WRITE | CMD_DENYOOM,
      .acl = ACL_KEYSPACE | ACL_DANGEROUS, .keys = { KEYS(1, 1, 1, KEY_OW | KEY_UPDATE) },
      .since = "3.0.0", .group = "server", .complexity = "O(N), N: bytes of the value",
      .summary = "Does what RESTORE does; clusters use it.", .syntax = RESTORE_SYNTAX },
    COMMANDS_END,
};
