/* Commands on keys of any type: existence, removal, names, databases. Shared rules:
 *   - several effects of one command stay one unit;
 *   - a copied or renamed key keeps its deadline. */
#include "core/db/scan.h"
#include "server/cmd/families.h"
#include "server/cmd/keyed.h"

/* ---- removal and existence ---- */

static void remove_all(struct call *c, bool lazily)
{
    int64_t n = 0;
    for (int i = 1; i < c->argc; i++) {
        if (!ks_remove(db_of(c), c->argv[i], lazily)) continue;
        keyed_event(c, NOTIFY_GENERIC, "del", i);
        n++;
    }
    c->changed += n;
    reply_int(c, n);
}

static void cmd_del(struct call *c) { remove_all(c, server_of(c)->config->lazyfree_lazy_user_del); }

static void cmd_unlink(struct call *c) { remove_all(c, true); }

static void count_there(struct call *c, unsigned flags)
{
    int64_t n = 0;
    for (int i = 1; i < c->argc; i++) {
        struct value v;
        n += ks_read(db_of(c), c->argv[i], flags, &v);
    }
    reply_int(c, n);
}

static void cmd_exists(struct call *c) { count_there(c, KS_NO_TOUCH); }
static void cmd_touch(struct call *c) { count_there(c, 0); }

static void cmd_type(struct call *c)
{
    struct value v;
    reply_status(c, ks_read(db_of(c), c->argv[1], KS_NO_TOUCH, &v) ? value_type_name(v.e) : "none");
}

static void cmd_dbsize(struct call *c) { reply_int(c, (int64_t)ks_count(db_of(c))); }

static void cmd_randomkey(struct call *c)
{
    call_loose(c);
    struct entry *e = ks_random(db_of(c));
    if (e)
        reply_bulk(c, entry_key(e));
    else
        reply_null(c);
}

struct key_collector {
    struct call *c;
    size_t n;
};

static void collect_key(void *app, struct slice key)
{
    struct key_collector *k = app;
    reply_bulk(k->c, key);
    k->n++;
}

static void cmd_keys(struct call *c)
{
    struct key_collector k = { c, 0 };
    size_t mark = reply_later(c);
    scan_keys(db_of(c), c->argv[1], collect_key, &k);
    reply_later_array(c, mark, k.n);
}

/* ---- names ---- */

static void rename_key(struct call *c, bool only_if_free)
{
    struct value from, to;
    struct ks_db *db = db_of(c);
    bool same = slice_eq(c->argv[1], c->argv[2]);
    if (!ks_write(db, c->argv[1], lookup_flags(c), &from)) {
        reply_no_key(c);
        return;
    }
    if (same || (only_if_free && ks_write(db, c->argv[2], lookup_flags(c), &to))) {
        if (only_if_free)
            reply_int(c, 0);
        else
            reply_ok(c);
        return;
    }
    ks_rename(&from, db, c->argv[2]);
    c->changed++;
    keyed_event(c, NOTIFY_GENERIC, "rename_from", 1);
    keyed_event(c, NOTIFY_GENERIC, "rename_to", 2);
    if (only_if_free)
        reply_int(c, 1);
    else
        reply_ok(c);
}

static void cmd_rename(struct call *c) { rename_key(c, false); }
static void cmd_renamenx(struct call *c) { rename_key(c, true); }

static bool db_arg(struct call *c, int at, struct ks_db **out)
{
    int64_t id;
    if (!arg_int(c, at, &id)) return false;
    if (id < INT32_MIN || id > INT32_MAX) {
        reply_error(c, "value is out of range, value must between -2147483648 and 2147483647");
        return false;
    }
    if ((*out = ks_db(ks_of(c), id))) return true;
    reply_error(c, "-ERR DB index is out of range");
    return false;
}

static void cmd_move(struct call *c)
{
    struct value from, to;
    struct ks_db *db = db_of(c), *target;
    if (!db_arg(c, 2, &target)) return;
    if (target == db) {
        reply_error(c, "-ERR source and destination objects are the same");
        return;
    }
    if (!ks_write(db, c->argv[1], lookup_flags(c), &from) ||
        ks_write(target, c->argv[1], lookup_flags(c), &to)) {
        reply_int(c, 0);
        return;
    }
    ks_rename(&from, target, c->argv[1]);
    c->changed++;
    keyed_event(c, NOTIFY_GENERIC, "move_from", 1);
    notify_event(server_of(c), NOTIFY_GENERIC, "move_to", target->id, c->argv[1]);
    reply_int(c, 1);
}

static bool copy_options(struct call *c, struct ks_db **target, bool *replace)
{
    *target = db_of(c);
    *replace = false;
    for (int i = 3; i < c->argc; i++) {
        if (arg_is(c, i, "REPLACE")) {
            *replace = true;
        } else if (arg_is(c, i, "DB") && i + 1 < c->argc) {
            if (!db_arg(c, ++i, target)) return false;
        } else {
            reply_syntax_error(c);
            return false;
        }
    }
    if (*target != db_of(c) || !slice_eq(c->argv[1], c->argv[2])) return true;
    reply_error(c, "-ERR source and destination objects are the same");
    return false;
}

static void cmd_copy(struct call *c)
{
    struct value from, to;
    struct ks_db *target;
    bool replace;
    if (!copy_options(c, &target, &replace)) return;
    if (!ks_read(db_of(c), c->argv[1], lookup_flags(c), &from) ||
        (ks_write(target, c->argv[2], lookup_flags(c), &to) && !replace)) {
        reply_int(c, 0);
        return;
    }
    ks_copy(&from, target, c->argv[2]);
    c->changed++;
    notify_event(server_of(c), NOTIFY_GENERIC, "copy_to", target->id, c->argv[2]);
    reply_int(c, 1);
}

/* ---- databases ---- */

static void cmd_select(struct call *c)
{
    struct ks_db *db;
    if (!db_arg(c, 1, &db)) return;
    c->client->db = db->id;
    reply_ok(c);
}

static bool index_arg(struct call *c, int at, const char *error, int64_t *out)
{
    if (num_to_i64(c->argv[at], out) && *out >= INT32_MIN && *out <= INT32_MAX) return true;
    reply_error(c, error);
    return false;
}

static void cmd_swapdb(struct call *c)
{
    int64_t a, b;
    struct keyspace *ks = ks_of(c);
    if (!index_arg(c, 1, "-ERR invalid first DB index", &a) ||
        !index_arg(c, 2, "-ERR invalid second DB index", &b))
        return;
    if (!ks_db(ks, a) || !ks_db(ks, b)) {
        reply_error(c, "-ERR DB index is out of range");
        return;
    }
    if (a != b) ks_swap(ks, (int)a, (int)b);
    c->changed++;
    reply_ok(c);
}

#define GROUP .group = "generic", .acl = ACL_KEYSPACE

const struct command cmds_keys[] = {
    { "COPY", cmd_copy, .arity = -3, .flags = CMD_WRITE | CMD_DENYOOM, GROUP, .since = "6.2.0",
      .keys = { KEYS(1, 1, 1, KEY_RO | KEY_ACCESS), KEYS(2, 2, 1, KEY_OW | KEY_UPDATE) },
      .complexity = "O(N) for collections, N: elements; O(1) for strings",
      .summary = "Copies a key's value and deadline to another key.",
      .syntax = "source:key destination:key [DB destination-db:integer] [REPLACE]" },
    { "DBSIZE", cmd_dbsize, .arity = 1, .flags = CMD_READONLY | CMD_FAST, .group = "server",
      .acl = ACL_KEYSPACE, .since = "1.0.0", .complexity = "O(1)",
      .summary = "Gives the number of keys in the database.", .syntax = "" },
    { "DEL", cmd_del, .arity = -2, .flags = CMD_WRITE, GROUP, .since = "1.0.0",
      .keys = { KEYS(1, -1, 1, KEY_RM | KEY_DELETE) }, .complexity = "O(N), N: keys",
      .summary = "Removes keys.", .syntax = "key:key..." },
    { "EXISTS", cmd_exists, .arity = -2, .flags = CMD_READONLY | CMD_FAST, GROUP, .since = "1.0.0",
      .keys = { KEYS(1, -1, 1, KEY_RO) }, .complexity = "O(N), N: keys",
      .summary = "Counts which of the keys exist.", .syntax = "key:key..." },
    { "KEYS", cmd_keys, .arity = 2, .flags = CMD_READONLY, .group = "generic",
      .acl = ACL_KEYSPACE | ACL_DANGEROUS, .since = "1.0.0",
      .complexity = "O(N), N: keys in the database",
      .summary = "Gives all key names that match a pattern.", .syntax = "pattern:pattern" },
    { "MOVE", cmd_move, .arity = 3, .flags = CMD_WRITE | CMD_FAST, GROUP, .since = "1.0.0",
      .keys = { KEYS(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_UPDATE) }, .complexity = "O(1)",
      .summary = "Carries a key over to another database.", .syntax = "key:key db:integer" },
    { "RANDOMKEY", cmd_randomkey, .arity = 1, .flags = CMD_READONLY | CMD_TOUCHES_ARBITRARY_KEYS,
      GROUP, .since = "1.0.0", .complexity = "O(1)", .summary = "Gives the name of a random key.",
      .syntax = "" },
    { "RENAME", cmd_rename, .arity = 3, .flags = CMD_WRITE, GROUP, .since = "1.0.0",
      .keys = { KEYS(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_DELETE),
                KEYS(2, 2, 1, KEY_OW | KEY_UPDATE) },
      .complexity = "O(1)", .summary = "Gives a key another name, replacing what has it.",
      .syntax = "key:key newkey:key" },
    { "RENAMENX", cmd_renamenx, .arity = 3, .flags = CMD_WRITE | CMD_FAST, GROUP, .since = "1.0.0",
      .keys = { KEYS(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_DELETE),
                KEYS(2, 2, 1, KEY_OW | KEY_INSERT) },
      .complexity = "O(1)", .summary = "Gives a key another name if that is free.",
      .syntax = "key:key newkey:key" },
    { "SELECT", cmd_select, .arity = 2, .flags = CMD_LOADING | CMD_STALE | CMD_FAST,
      .group = "connection", .acl = ACL_CONNECTION, .since = "1.0.0", .complexity = "O(1)",
      .summary = "Chooses the connection's database.", .syntax = "index:integer" },
    { "SWAPDB", cmd_swapdb, .arity = 3, .flags = CMD_WRITE | CMD_FAST, .group = "server",
      .acl = ACL_KEYSPACE | ACL_DANGEROUS, .since = "4.0.0",
      .complexity = "O(N), N: clients that watch or block on keys of both",
      .summary = "Exchanges the contents of two databases.",
      .syntax = "index1:integer index2:integer" },
    { "TOUCH", cmd_touch, .arity = -2, .flags = CMD_READONLY | CMD_FAST, GROUP, .since = "3.2.1",
      .keys = { KEYS(1, -1, 1, KEY_RO) }, .complexity = "O(N), N: keys",
      .summary = "Counts which keys exist and marks them as used now.", .syntax = "key:key..." },
    { "TYPE", cmd_type, .arity = 2, .flags = CMD_READONLY | CMD_FAST, GROUP, .since = "1.0.0",
      .keys = { KEYS(1, 1, 1, KEY_RO) }, .complexity = "O(1)",
      .summary = "Names the type of a key's value.", .syntax = "key:key" },
    { "UNLINK", cmd_unlink, .arity = -2, .flags = CMD_WRITE | CMD_FAST, GROUP, .since = "4.0.0",
      .keys = { KEYS(1, -1, 1, KEY_RM | KEY_DELETE) },
      .complexity = "O(1) a key; memory is given back in the background",
      .summary = "Removes keys and frees their memory in the background.", .syntax = "key:key..." },
    COMMANDS_END,
};
