#include "core/front/docs.h"

#include <stdio.h>

#include "core/base/buf.h"
#include "core/base/glob.h"
#include "core/base/must.h"
#include "core/front/call.h"
#include "core/front/front.h"
#include "core/front/reply.h"

/* ---- names ---- */

/* "" is not shown; in order of the bits of command.h. */
static const char *const flag_names[] = {
    "write",        "readonly",         "denyoom",
    "admin",        "pubsub",           "noscript",
    "blocking",     "loading",          "stale",
    "skip_monitor", "skip_slowlog",     "fast",
    "no_auth",      "",                 "",
    "no_multi",     "allow_busy",       "no_mandatory_keys",
    "movablekeys",  "no_async_loading", ""
};
static const char *const key_names[] = { "RO", "RW", "OW", "RM", "access", "update", "insert",
                                         "delete", "not_key", "incomplete", "variable_flags" };
static const char *const category_names[] = {
    "keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap",
    "hyperloglog", "geo", "stream", "pubsub", "admin", "fast", "slow", "blocking", "dangerous",
    "connection", "transaction", "scripting"
};

#define NAME_AT(names, bit) \
    ((bit) < (int)(sizeof(names) / sizeof((names)[0])) ? (names)[bit] : NULL)

const char *command_flag_name(int bit) { return NAME_AT(flag_names, bit); }
const char *key_flag_name(int bit) { return NAME_AT(key_names, bit); }
const char *acl_category_name(int bit) { return NAME_AT(category_names, bit); }

uint32_t command_categories(const struct command *row)
{
    uint32_t c = row->acl;
    if (row->flags & CMD_WRITE) c |= ACL_WRITE;
    if (row->flags & CMD_READONLY && !(c & ACL_SCRIPTING)) c |= ACL_READ;
    if (row->flags & CMD_ADMIN) c |= ACL_ADMIN | ACL_DANGEROUS;
    if (row->flags & CMD_PUBSUB) c |= ACL_PUBSUB;
    if (row->flags & CMD_FAST) c |= ACL_FAST;
    if (row->flags & CMD_BLOCKING) c |= ACL_BLOCKING;
    if (!(c & ACL_FAST)) c |= ACL_SLOW;
    return c;
}

/* A set of the names of the bits that are on, each with a prefix. */
static void reply_names(struct call *c, uint32_t bits, const char *(*name)(int bit),
                        const char *prefix)
{
    size_t mark = reply_later(c), n = 0;
    for (int bit = 0; name(bit); bit++) {
        if (!(bits >> bit & 1) || !*name(bit)) continue;
        char text[64];
        snprintf(text, sizeof(text), "%s%s", prefix, name(bit));
        reply_status(c, text);
        n++;
    }
    reply_later_set(c, mark, n);
}

/* ---- COMMAND INFO ---- */

struct legacy_range {
    int first, last, step;
};

static bool is_plain_range(const struct keyspec *k)
{
    return k->begin == KEYS_AT && k->find == KEYS_RANGE &&
           !(k->flags & KEY_CHANNEL && !(k->flags & KEY_NOT_KEY));
}

/* What one triple can say: the first fixed range, with fixed ranges that follow it directly. */
static struct legacy_range legacy_of(const struct command *row)
{
    struct legacy_range l = { 0 };
    for (int i = 0; i < KEYSPECS_MAX && row->keys[i].begin != KEYS_NONE; i++) {
        const struct keyspec *k = &row->keys[i];
        if (!is_plain_range(k)) continue;
        int last = k->last < 0 ? k->last : k->first + k->last;
        if (!l.first) l = (struct legacy_range){ k->first, last, k->step > 0 ? k->step : 1 };
        else if (l.last > 0 && k->first == l.last + 1 && l.step == 1 && k->step <= 1) l.last = last;
    }
    return l;
}

static bool is_printed(const struct keyspec *k)
{
    return !(k->flags & KEY_CHANNEL) || k->flags & KEY_NOT_KEY;
}

static void reply_unknown(struct call *c)
{
    reply_map(c, 2);
    reply_bulk_z(c, "type");
    reply_bulk_z(c, "unknown");
    reply_bulk_z(c, "spec");
    reply_map(c, 0);
}

static void reply_pair(struct call *c, const char *name, int value)
{
    reply_bulk_z(c, name);
    reply_int(c, value);
}

static void reply_begin(struct call *c, const struct keyspec *k)
{
    reply_bulk_z(c, "begin_search");
    if (k->begin == KEYS_UNKNOWN) {
        reply_unknown(c);
        return;
    }
    bool at = k->begin == KEYS_AT;
    reply_map(c, 2);
    reply_bulk_z(c, "type");
    reply_bulk_z(c, at ? "index" : "keyword");
    reply_bulk_z(c, "spec");
    reply_map(c, at ? 1 : 2);
    if (!at) {
        reply_bulk_z(c, "keyword");
        reply_bulk_z(c, k->word);
    }
    reply_pair(c, at ? "index" : "startfrom", k->first);
}

static void reply_find(struct call *c, const struct keyspec *k)
{
    reply_bulk_z(c, "find_keys");
    if (k->begin == KEYS_UNKNOWN) {
        reply_unknown(c);
        return;
    }
    bool range = k->find == KEYS_RANGE;
    int step = k->step > 0 ? k->step : 1;
    reply_map(c, 2);
    reply_bulk_z(c, "type");
    reply_bulk_z(c, range ? "range" : "keynum");
    reply_bulk_z(c, "spec");
    reply_map(c, 3);
    reply_pair(c, range ? "lastkey" : "keynumidx", range ? k->last : k->numkeys);
    reply_pair(c, range ? "keystep" : "firstkey", range ? step : k->firstkey);
    reply_pair(c, range ? "limit" : "keystep", range ? k->limit : step);
}

static void reply_keyspecs(struct call *c, const struct command *row)
{
    size_t mark = reply_later(c), n = 0;
    for (int i = 0; i < KEYSPECS_MAX && row->keys[i].begin != KEYS_NONE; i++) {
        const struct keyspec *k = &row->keys[i];
        if (!is_printed(k)) continue;
        reply_map(c, k->notes ? 4 : 3);
        if (k->notes) {
            reply_bulk_z(c, "notes");
            reply_bulk_z(c, k->notes);
        }
        reply_bulk_z(c, "flags");
        reply_names(c, k->flags, key_flag_name, "");
        reply_begin(c, k);
        reply_find(c, k);
        n++;
    }
    reply_later_set(c, mark, n);
}

static void reply_hints(struct call *c, const struct command *row)
{
    size_t n = 0;
    while (row->hints && row->hints[n]) n++;
    reply_set(c, n);
    for (size_t i = 0; i < n; i++) reply_bulk_z(c, row->hints[i]);
}

static void reply_info(struct call *c, const struct command_entry *e)
{
    const struct command *row = e->row;
    struct legacy_range l = legacy_of(row);
    reply_array(c, 10);
    reply_bulk_z(c, e->fullname);
    reply_int(c, row->arity);
    reply_names(c, e->flags, command_flag_name, "");
    reply_int(c, l.first);
    reply_int(c, l.last);
    reply_int(c, l.step);
    reply_names(c, e->categories, acl_category_name, "@");
    reply_hints(c, row);
    reply_keyspecs(c, row);
    if (e->subs_n) reply_array(c, (size_t)e->subs_n);
    else reply_set(c, 0); /* as Redis has it */
    for (int i = 0; i < e->subs_n; i++) reply_info(c, &e->subs[i]);
}

static void reply_all_info(struct call *c)
{
    const struct registry *r = c->front->registry;
    reply_array(c, (size_t)registry_count(r));
    for (int i = 0; i < registry_count(r); i++) reply_info(c, registry_at(r, i));
}

static void cmd_command(struct call *c) { reply_all_info(c); }

static void cmd_info(struct call *c)
{
    if (c->argc == 2) {
        reply_all_info(c);
        return;
    }
    reply_array(c, (size_t)(c->argc - 2));
    for (int i = 2; i < c->argc; i++) {
        const struct command_entry *e = registry_find_name(c->front->registry, c->argv[i]);
        if (e) reply_info(c, e);
        else reply_null(c);
    }
}

static void cmd_count(struct call *c) { reply_int(c, registry_count(c->front->registry)); }

/* ---- COMMAND LIST ---- */

struct list_filter {
    struct slice pattern;
    bool by_pattern, none;
    uint32_t category;
};

static size_t list_tree(struct call *c, const struct list_filter *f, const struct command_entry *e)
{
    size_t n = 0;
    bool hit = !f->none;
    if (f->category && !(e->categories & f->category)) hit = false;
    if (f->by_pattern && !glob_match(f->pattern, slice_z(e->fullname), true)) hit = false;
    if (hit) {
        reply_bulk_z(c, e->fullname);
        n++;
    }
    for (int i = 0; i < e->subs_n; i++) n += list_tree(c, f, &e->subs[i]);
    return n;
}

static uint32_t category_read(struct slice name)
{
    for (int bit = 0; acl_category_name(bit); bit++)
        if (slice_ieqz(name, acl_category_name(bit))) return 1u << bit;
    return 0;
}

static void cmd_list(struct call *c)
{
    struct list_filter f = { 0 };
    if (c->argc == 5 && arg_is(c, 2, "FILTERBY")) {
        if (arg_is(c, 3, "PATTERN")) {
            f.by_pattern = true;
            f.pattern = c->argv[4];
        } else if (arg_is(c, 3, "ACLCAT")) {
            f.category = category_read(c->argv[4]);
            f.none = f.category == 0;
        } else if (arg_is(c, 3, "MODULE")) {
            f.none = true; /* there are no modules */
        } else {
            reply_syntax_error(c);
            return;
        }
    } else if (c->argc != 2) {
        reply_syntax_error(c);
        return;
    }
    const struct registry *r = c->front->registry;
    size_t mark = reply_later(c), n = 0;
    for (int i = 0; i < registry_count(r); i++) n += list_tree(c, &f, registry_at(r, i));
    reply_later_array(c, mark, n);
}

/* ---- COMMAND GETKEYS ---- */

/* The keys of the command that stands behind the sub-command, or an error and false. */
static bool keys_of_argument(struct call *c, struct key_list *keys)
{
    int argc = c->argc - 2;
    const struct slice *argv = c->argv + 2;
    const struct command_entry *e = registry_find_full(c->front->registry, argc, argv);
    if (!e || (e->subs && argc > 1)) {
        reply_error(c, "Invalid command specified");
        return false;
    }
    if ((e->row->keys[0].begin == KEYS_NONE || e->row->keys[0].flags & KEY_CHANNEL) &&
        !e->row->find_keys) {
        reply_error(c, "The command has no key arguments");
        return false;
    }
    if (!command_arity_ok(e, argc)) {
        reply_error(c, "Invalid number of arguments specified for command");
        return false;
    }
    bool good = command_keys(e->row, argc, argv, keys);
    if (!good && e->flags & CMD_NO_MANDATORY_KEYS) keys->n = 0; /* EVAL with no key */
    if ((good && keys->n) || e->flags & CMD_NO_MANDATORY_KEYS) return true;
    if (!good || e->flags & CMD_MOVABLE_KEYS)
        reply_error(c, "Invalid arguments specified for command");
    else reply_error(c, "The command has no key arguments");
    key_list_free(keys);
    return false;
}

static void cmd_getkeys(struct call *c)
{
    struct key_list keys;
    if (!keys_of_argument(c, &keys)) return;
    reply_array(c, (size_t)keys.n);
    for (int i = 0; i < keys.n; i++) reply_bulk(c, c->argv[2 + keys.at[i].at]);
    key_list_free(&keys);
}

static void cmd_getkeysandflags(struct call *c)
{
    struct key_list keys;
    if (!keys_of_argument(c, &keys)) return;
    reply_array(c, (size_t)keys.n);
    for (int i = 0; i < keys.n; i++) {
        reply_array(c, 2);
        reply_bulk(c, c->argv[2 + keys.at[i].at]);
        reply_names(c, keys.at[i].flags & ~(uint32_t)KEY_VARIABLE_FLAGS, key_flag_name, "");
    }
    key_list_free(&keys);
}

/* ---- COMMAND DOCS ---- */

static size_t doc_pair(struct call *c, const char *name, struct slice value)
{
    if (!value.n) return 0;
    reply_bulk_z(c, name);
    reply_bulk(c, value);
    return 1;
}

static void reply_args(struct call *c, const struct syntax_arg *group);

static size_t reply_arg_flags(struct call *c, const struct syntax_arg *a)
{
    int n = a->optional + a->multiple + a->multiple_token;
    if (!n) return 0;
    reply_bulk_z(c, "flags");
    reply_set(c, (size_t)n);
    if (a->optional) reply_status(c, "optional");
    if (a->multiple) reply_status(c, "multiple");
    if (a->multiple_token) reply_status(c, "multiple_token");
    return 1;
}

static void reply_arg(struct call *c, const struct syntax_arg *a)
{
    static const char *const kinds[] = { "key",     "string",    "integer",    "double", "pattern",
                                         "unix-time", "pure-token", "oneof", "block" };
    size_t mark = reply_later(c), n = 2;
    reply_bulk_z(c, "name");
    reply_bulk_z(c, a->name);
    reply_bulk_z(c, "type");
    reply_bulk_z(c, kinds[a->kind]);
    if (a->kind == SYNTAX_KEY && a->key_spec >= 0) {
        reply_pair(c, "key_spec_index", a->key_spec);
        n++;
    }
    if (a->kind == SYNTAX_TOKEN && !a->token.n) { /* the empty one */
        reply_bulk_z(c, "token");
        reply_bulk_z(c, "");
        n++;
    }
    n += doc_pair(c, "token", a->token);
    n += doc_pair(c, "since", a->since);
    n += doc_pair(c, "deprecated_since", a->deprecated);
    n += reply_arg_flags(c, a);
    if (a->n) {
        reply_bulk_z(c, "arguments");
        reply_args(c, a);
        n++;
    }
    reply_later_map(c, mark, n);
}

static void reply_args(struct call *c, const struct syntax_arg *group)
{
    reply_array(c, (size_t)group->n);
    for (int i = 0; i < group->n; i++) reply_arg(c, &group->item[i]);
}

static size_t reply_history(struct call *c, const char *const *h)
{
    if (!h) return 0;
    size_t n = 0;
    while (h[n]) n++;
    reply_bulk_z(c, "history");
    reply_set(c, n / 2);
    for (size_t i = 0; i + 1 < n; i += 2) {
        reply_array(c, 2);
        reply_bulk_z(c, h[i]);
        reply_bulk_z(c, h[i + 1]);
    }
    return 1;
}

static size_t reply_deprecation(struct call *c, const struct command *row)
{
    if (!row->deprecated_since) return 0;
    reply_bulk_z(c, "doc_flags");
    reply_set(c, 1);
    reply_status(c, "deprecated");
    return 1 + doc_pair(c, "deprecated_since", slice_z(row->deprecated_since)) +
           doc_pair(c, "replaced_by", slice_z(row->replaced_by));
}

static size_t reply_arguments(struct call *c, const struct command *row)
{
    if (!row->syntax) return 0;
    int specs = 0;
    while (specs < KEYSPECS_MAX && row->keys[specs].begin != KEYS_NONE) specs++;
    struct syntax_arg *root = syntax_read(row->syntax, specs, NULL);
    size_t n = root && root->n ? 1 : 0;
    if (n) {
        reply_bulk_z(c, "arguments");
        reply_args(c, root);
    }
    syntax_free(root);
    return n;
}

static void reply_docs(struct call *c, const struct command_entry *e)
{
    const struct command *row = e->row;
    reply_bulk_z(c, e->fullname);
    size_t mark = reply_later(c), n = 0;
    n += doc_pair(c, "summary", slice_z(row->summary));
    n += doc_pair(c, "since", slice_z(row->since));
    n += doc_pair(c, "group", slice_z(row->group));
    n += doc_pair(c, "complexity", slice_z(row->complexity));
    n += reply_deprecation(c, row);
    n += reply_history(c, row->history);
    n += reply_arguments(c, row);
    if (e->subs_n) {
        reply_bulk_z(c, "subcommands");
        reply_map(c, (size_t)e->subs_n);
        for (int i = 0; i < e->subs_n; i++) reply_docs(c, &e->subs[i]);
        n++;
    }
    reply_later_map(c, mark, n);
}

static void cmd_docs(struct call *c)
{
    const struct registry *r = c->front->registry;
    size_t mark = reply_later(c), n = 0;
    for (int i = 0; c->argc == 2 && i < registry_count(r); i++, n++)
        reply_docs(c, registry_at(r, i));
    for (int i = 2; i < c->argc; i++) {
        const struct command_entry *e = registry_find_name(r, c->argv[i]);
        if (!e) continue;
        reply_docs(c, e);
        n++;
    }
    reply_later_map(c, mark, n);
}

static void cmd_help(struct call *c)
{
    static const char *const lines[] = {
        "(no subcommand)",
        "    Describe every command.",
        "COUNT",
        "    Count the commands.",
        "LIST",
        "    Name the commands, all or filtered.",
        "INFO [<command-name> ...]",
        "    Describe these commands by arity, flags and keys; none named: all.",
        "DOCS [<command-name> ...]",
        "    Document these commands; none named: all.",
        "GETKEYS <full-command>",
        "    Find the keys in this command line.",
        "GETKEYSANDFLAGS <full-command>",
        "    Find the keys in this command line and say how each is used.",
        NULL,
    };
    reply_help(c, lines);
}

/* ---- rows ---- */

#define ASK (CMD_LOADING | CMD_STALE | CMD_SENTINEL)

static const char *const order_hints[] = { "nondeterministic_output_order", NULL };
static const char *const info_history[] = {
    "7.0.0", "Without a name: all commands.", NULL
};

static const struct command subs_command[] = {
    { "COUNT", cmd_count, .arity = 2, .flags = ASK, .acl = ACL_CONNECTION, .since = "2.8.13",
      .group = "server", .complexity = "O(1)", .summary = "Counts the commands.",
      .syntax = "" },
    { "DOCS", cmd_docs, .arity = -2, .flags = ASK, .acl = ACL_CONNECTION, .since = "7.0.0",
      .group = "server", .complexity = "O(N), N = commands asked for",
      .hints = order_hints, .summary = "Documents the named commands, none named: all.",
      .syntax = "[command-name:string...]" },
    { "GETKEYS", cmd_getkeys, .arity = -4, .flags = ASK, .acl = ACL_CONNECTION, .since = "2.8.13",
      .group = "server", .complexity = "O(N), N = arguments",
      .summary = "Finds the keys in a command line.", .syntax = "" },
    { "GETKEYSANDFLAGS", cmd_getkeysandflags, .arity = -4, .flags = ASK, .acl = ACL_CONNECTION,
      .since = "7.0.0", .group = "server",
      .complexity = "O(N), N = arguments",
      .summary = "Finds the keys in a command line and says how each is used.", .syntax = "" },
    { "HELP", cmd_help, .arity = 2, .flags = ASK, .acl = ACL_CONNECTION, .since = "5.0.0",
      .group = "server", .complexity = "O(1)",
      .summary = "Lists the sub-commands.", .syntax = "" },
    { "INFO", cmd_info, .arity = -2, .flags = ASK, .acl = ACL_CONNECTION, .since = "2.8.13",
      .group = "server", .complexity = "O(N), N = commands asked for",
      .hints = order_hints, .history = info_history,
      .summary = "Describes the named commands (none named: all) by arity, flags and keys.",
      .syntax = "[command-name:string...]" },
    { "LIST", cmd_list, .arity = -2, .flags = ASK, .acl = ACL_CONNECTION, .since = "7.0.0",
      .group = "server", .complexity = "O(N), N = commands",
      .hints = order_hints, .summary = "Names the commands, all or filtered.",
      .syntax = "[FILTERBY filterby=(MODULE module-name:string|ACLCAT category:string|"
                "PATTERN pattern:pattern)]" },
    COMMANDS_END,
};

const struct command cmds_command[] = {
    { "COMMAND", cmd_command, .arity = -1, .flags = ASK, .acl = ACL_CONNECTION,
      .subs = subs_command, .since = "2.8.13", .group = "server",
      .complexity = "O(N), N = commands", .hints = order_hints,
      .summary = "Describes all commands.", .syntax = "" },
    COMMANDS_END,
};
