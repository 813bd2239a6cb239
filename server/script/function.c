/* FUNCTION and FCALL. */
#include <stdio.h>

#include "core/base/glob.h"
#include "core/base/mem.h"
#include "core/front/client.h"
#include "core/front/front.h"
#include "core/front/reply.h"
#include "core/rdb/functions.h"
#include "core/rdb/load.h"
#include "core/sys/clock.h"
#include "server/journal.h"
#include "server/script/library.h"
#include "server/script/run.h"
#include "server/server.h"

static struct libraries *libraries_of(const struct call *c)
{
    return server_of(c)->scripts->libraries;
}


/* ---- FCALL ---- */

static void fcall(struct call *c, bool read_only)
{
    struct libraries *ls = libraries_of(c);
    struct function *f = function_find(ls, c->argv[1]);
    int keys;
    if (!f) {
        reply_error(c, "Function not found");
        return;
    }
    if (!run_numkeys(c, &keys, "Bad number of keys provided")) return;
    if (!run_may(c, f->flags, read_only)) return;
    lua_State *L = ls->engine->L;
    struct run r = { .name = str_c(f->name), .flags = f->flags, .read_only = read_only,
                     .is_function = true };
    lua_rawgeti(L, LUA_REGISTRYINDEX, f->callback);
    run_push_words(L, c, 3, 3 + keys);
    run_push_words(L, c, 3 + keys, c->argc);
    run_script(ls->engine, c, &r, 2);
}

static void cmd_fcall(struct call *c) { fcall(c, false); }
static void cmd_fcall_ro(struct call *c) { fcall(c, true); }

bool function_flags_of(const struct call *c, uint32_t *flags)
{
    if (c->row->run != cmd_fcall && c->row->run != cmd_fcall_ro) return false;
    const struct function *f = function_find(libraries_of(c), c->argv[1]);
    *flags = f ? f->flags : SCRIPT_COMPAT;
    return true;
}

/* ---- LOAD, DELETE, FLUSH ---- */

static void cmd_load(struct call *c)
{
    struct errmsg msg;
    struct str name;
    bool replace = false;
    int at = 2;
    for (; at < c->argc - 1; at++) {
        if (!slice_ieqz(c->argv[at], "replace")) {
            reply_error_fmt(c, "Unknown option given: %.*s", SLICE_ARG(c->argv[at]));
            return;
        }
        replace = true;
    }
    bool bounded = !(c->client->flags & CLIENT_MASTER) && !server_of(c)->replaying;
    if (library_load(libraries_of(c), c->argv[at], replace, bounded, &name, &msg)) {
        reply_error(c, msg.text);
        return;
    }
    c->changed++;
    reply_bulk(c, str_slice(name));
}

static void cmd_delete(struct call *c)
{
    struct library *l = library_find(libraries_of(c), c->argv[2]);
    if (!l) {
        reply_error(c, "Library not found");
        return;
    }
    library_drop(l);
    c->changed++;
    reply_ok(c);
}

static void empty(struct scripting *sc)
{
    libraries_delete(sc->libraries);
    sc->libraries = libraries_new(sc);
}

static void cmd_flush(struct call *c)
{
    bool word = arg_is(c, 2, "async") || arg_is(c, 2, "sync");
    if (c->argc > 3) {
        reply_sub_arity(c);
        return;
    }
    if (c->argc == 3 && !word) {
        reply_error(c, "FUNCTION FLUSH only supports SYNC|ASYNC option");
        return;
    }
    empty(server_of(c)->scripts);
    c->changed++;
    reply_ok(c);
}

/* ---- LIST, STATS ---- */

static void reply_flags(struct call *c, uint32_t flags)
{
    reply_set(c, (size_t)__builtin_popcount(flags));
    for (int i = 0; i < SCRIPT_FLAGS_NAMED; i++)
        if (flags & 1u << i) reply_status(c, script_flag_names[i]);
}

static void reply_function(struct call *c, const struct function *f)
{
    reply_map(c, 3);
    reply_bulk_z(c, "name");
    reply_bulk(c, str_slice(f->name));
    reply_bulk_z(c, "description");
    if (f->description.p) reply_bulk(c, str_slice(f->description));
    else reply_null(c);
    reply_bulk_z(c, "flags");
    reply_flags(c, f->flags);
}

static void reply_library(struct call *c, const struct library *l, bool with_code)
{
    reply_map(c, with_code ? 4 : 3);
    reply_bulk_z(c, "library_name");
    reply_bulk(c, str_slice(l->name));
    reply_bulk_z(c, "engine");
    reply_bulk_z(c, "LUA");
    reply_bulk_z(c, "functions");
    reply_array(c, l->functions.n);
    for (size_t i = 0; i < l->functions.n; i++) reply_function(c, l->functions.at[i]);
    if (!with_code) return;
    reply_bulk_z(c, "library_code");
    reply_bulk(c, str_slice(l->code));
}

/* False: it has replied. */
static bool list_options(struct call *c, bool *with_code, struct slice *pattern)
{
    for (int i = 2; i < c->argc; i++) {
        if (!*with_code && arg_is(c, i, "withcode")) {
            *with_code = true;
        } else if (!pattern->p && arg_is(c, i, "libraryname")) {
            if (++i >= c->argc) {
                reply_error(c, "library name argument was not given");
                return false;
            }
            *pattern = c->argv[i];
        } else {
            reply_error_fmt(c, "Unknown argument %.*s", SLICE_ARG(c->argv[i]));
            return false;
        }
    }
    return true;
}

static void cmd_list(struct call *c)
{
    struct libraries *ls = libraries_of(c);
    bool with_code = false;
    struct slice pattern = { NULL, 0 };
    if (!list_options(c, &with_code, &pattern)) return;
    size_t mark = reply_later(c), n = 0;
    for (size_t i = 0; i < ls->list.n; i++) {
        struct library *l = ls->list.at[i];
        if (pattern.p && !glob_match(pattern, str_slice(l->name), true)) continue;
        reply_library(c, l, with_code);
        n++;
    }
    reply_later_array(c, mark, n);
}

static void reply_running(struct call *c, const struct run *r)
{
    if (!r || !r->is_function) {
        reply_null(c);
        return;
    }
    reply_map(c, 3);
    reply_bulk_z(c, "name");
    reply_bulk_z(c, r->name);
    reply_bulk_z(c, "command");
    reply_array(c, (size_t)r->call->argc);
    for (int i = 0; i < r->call->argc; i++) reply_bulk(c, r->call->argv[i]);
    reply_bulk_z(c, "duration_ms");
    reply_int(c, (clock_mono_us() - r->started_us) / 1000);
}

static void cmd_stats(struct call *c)
{
    const struct scripting *sc = server_of(c)->scripts;
    if (scripting_busy(sc) && !sc->run->is_function) {
        reply_error(c, scripting_busy(sc));
        return;
    }
    reply_map(c, 2);
    reply_bulk_z(c, "running_script");
    reply_running(c, sc->run);
    reply_bulk_z(c, "engines");
    reply_map(c, 1);
    reply_bulk_z(c, "LUA");
    reply_map(c, 2);
    reply_bulk_z(c, "libraries_count");
    reply_int(c, (int64_t)sc->libraries->list.n);
    reply_bulk_z(c, "functions_count");
    reply_int(c, (int64_t)table_count(&sc->libraries->functions));
}

static void cmd_kill(struct call *c) { run_kill(c, true); }

/* ---- DUMP, RESTORE ---- */

static void cmd_dump(struct call *c)
{
    size_t n;
    struct slice *sources = scripting_sources(server_of(c)->scripts, &n);
    struct buf out = { 0 };
    rdb_dump_functions(sources, n, &out);
    reply_bulk(c, buf_slice(&out));
    buf_free(&out);
    mem_free(sources);
}

static enum err take_source(void *app, struct slice source, struct errmsg *msg)
{
    return library_load(app, source, false, true, NULL, msg);
}

enum policy { POLICY_APPEND, POLICY_FLUSH, POLICY_REPLACE };

static bool read_policy(struct call *c, enum policy *p)
{
    static const char *const names[] = { "append", "flush", "replace" };
    *p = POLICY_APPEND;
    if (c->argc == 3) return true;
    for (int i = 0; i < 3 && c->argc == 4; i++) {
        if (!arg_is(c, 3, names[i])) continue;
        *p = (enum policy)i;
        return true;
    }
    if (c->argc > 4) reply_sub_arity(c);
    else
        reply_error(c, "Wrong restore policy given, value should be either FLUSH, APPEND or "
                       "REPLACE.");
    return false;
}

static void cmd_restore(struct call *c)
{
    struct scripting *sc = server_of(c)->scripts;
    enum policy policy;
    struct errmsg msg;
    if (!read_policy(c, &policy)) return;
    if (rdb_check_payload(c->argv[2])) {
        reply_error(c, "DUMP payload version or checksum are wrong");
        return;
    }
    struct libraries *fresh = libraries_new(sc);
    enum err e = rdb_restore_functions(c->argv[2], take_source, fresh, &msg);
    if (!e && policy == POLICY_FLUSH) {
        struct libraries *old = sc->libraries;
        sc->libraries = fresh;
        fresh = old;
    } else if (!e) {
        e = libraries_join(sc->libraries, fresh, policy == POLICY_REPLACE, &msg);
    }
    libraries_delete(fresh);
    if (e) {
        reply_error(c, msg.text);
        return;
    }
    c->changed++;
    reply_ok(c);
}

static void cmd_help(struct call *c)
{
    static const char *const lines[] = {
        "LOAD [REPLACE] <FUNCTION CODE>", "    Adds a library.",
        "DELETE <LIBRARY NAME>", "    Takes a library away, with its functions.",
        "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
        "    Shows libraries and their functions, all or those whose name matches.",
        "STATS", "    Shows the function that is running, and how many there are.",
        "KILL", "    Ends the function that is running, unless it has written already.",
        "FLUSH [ASYNC|SYNC]", "    Takes all libraries away.",
        "DUMP", "    Gives all libraries as one payload for RESTORE.",
        "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
        "    Adds the libraries of a payload: in the place of all (FLUSH), beside what is there",
        "    (APPEND, which is meant when nothing is said) or in the place of those with the same",
        "    name (REPLACE).", NULL
    };
    reply_help(c, lines);
}

/* ---- rows ---- */

#define SUB .group = "scripting", .acl = ACL_SCRIPTING, .since = "7.0.0"
#define WRITES CMD_WRITE | CMD_NOSCRIPT

static const char *const hints_shards[] = { "request_policy:all_shards",
                                            "response_policy:all_succeeded", NULL };
static const char *const hints_kill[] = { "request_policy:all_shards",
                                          "response_policy:one_succeeded", NULL };
static const char *const hints_list[] = { "nondeterministic_output_order", NULL };
static const char *const hints_stats[] = { "nondeterministic_output", "request_policy:all_shards",
                                           "response_policy:special", NULL };

static const struct command subs[] = {
    { "DELETE", cmd_delete, .arity = 3, .flags = WRITES, SUB, .complexity = "O(1)",
      .summary = "Takes a library away.", .syntax = "library-name:string",
      .hints = hints_shards },
    { "DUMP", cmd_dump, .arity = 2, .flags = CMD_NOSCRIPT, SUB,
      .complexity = "O(N), N: functions", .summary = "Gives all libraries as a payload.",
      .syntax = "" },
    { "FLUSH", cmd_flush, .arity = -2, .flags = WRITES, SUB, .complexity = "O(N), N: functions",
      .summary = "Takes all libraries away.", .syntax = "async=[ASYNC|SYNC]",
      .hints = hints_shards },
    { "HELP", cmd_help, .arity = 2, .flags = CMD_LOADING | CMD_STALE, SUB, .complexity = "O(1)",
      .summary = "Lists the sub-commands.", .syntax = "" },
    { "KILL", cmd_kill, .arity = 2, .flags = CMD_NOSCRIPT | CMD_ALLOW_BUSY, SUB,
      .complexity = "O(1)", .summary = "Ends the running function if it has not written.",
      .syntax = "", .hints = hints_kill },
    { "LIST", cmd_list, .arity = -2, .flags = CMD_NOSCRIPT, SUB,
      .complexity = "O(N), N: functions", .summary = "Shows libraries.",
      .syntax = "[LIBRARYNAME library-name-pattern:string] [WITHCODE]", .hints = hints_list },
    { "LOAD", cmd_load, .arity = -3, .flags = WRITES | CMD_DENYOOM, SUB,
      .complexity = "O(1), compiling aside", .summary = "Adds a library.",
      .syntax = "[REPLACE] function-code:string", .hints = hints_shards },
    { "RESTORE", cmd_restore, .arity = -3, .flags = WRITES | CMD_DENYOOM, SUB,
      .complexity = "O(N), N: functions", .summary = "Adds the libraries of a payload.",
      .syntax = "serialized-value:string policy=[FLUSH|APPEND|REPLACE]",
      .hints = hints_shards },
    { "STATS", cmd_stats, .arity = 2, .flags = CMD_NOSCRIPT | CMD_ALLOW_BUSY, SUB,
      .complexity = "O(1)", .summary = "Shows the running function.", .syntax = "",
      .hints = hints_stats },
    COMMANDS_END,
};

#define WORDS_AT(flags_, notes_)                                                                   \
    { { .begin = KEYS_AT, .first = 2, .find = KEYS_NUMBERED, .numkeys = 0, .firstkey = 1,          \
        .step = 1, .flags = (flags_), .notes = (notes_) } }
#define CALL                                                                                       \
    (CMD_NOSCRIPT | CMD_STALE | CMD_SKIP_MONITOR | CMD_NO_MANDATORY_KEYS | CMD_MOVABLE_KEYS)
#define CALL_SYNTAX "function:string numkeys:integer [key:key...] [arg:string...]"

const struct command cmds_function[] = {
    { "FCALL", cmd_fcall, .arity = -3, .flags = CALL | CMD_MAY_REPLICATE,
      .keys = WORDS_AT(KEY_RW | KEY_ACCESS | KEY_UPDATE, "We cannot tell how the keys will be used "
                                                         "so we assume the worst, RW and UPDATE"),
      .acl = ACL_SCRIPTING, .since = "7.0.0", .group = "scripting",
      .complexity = "That of the function.", .summary = "Calls a function.",
      .syntax = CALL_SYNTAX },
    { "FCALL_RO", cmd_fcall_ro, .arity = -3, .flags = CALL | CMD_READONLY,
      .keys = WORDS_AT(KEY_RO | KEY_ACCESS, "We cannot tell how the keys will be used so we assume "
                                            "the worst, RO and ACCESS"),
      .acl = ACL_SCRIPTING, .since = "7.0.0", .group = "scripting",
      .complexity = "That of the function.", .summary = "Calls a function that may not write.",
      .syntax = CALL_SYNTAX },
    { "FUNCTION", NULL, .arity = -2, .subs = subs, .since = "7.0.0", .group = "scripting",
      .complexity = "See the sub-commands.", .summary = "Libraries of functions." },
    COMMANDS_END,
};
