#include "server/script/api.h"

#include <stdio.h>

#include "core/base/sha1.h"
#include "core/front/acl.h"
#include "core/front/client.h"
#include "core/front/front.h"
#include "core/front/start.h"
#include "core/sys/log.h"
#include "server/journal.h"
#include "server/script/errors.h"
#include "server/script/run.h"
#include "server/server.h"

/* ---- replies ---- */

/* { name = text }. */
static int single(lua_State *L, const char *name)
{
    if (lua_gettop(L) != 1 || lua_type(L, -1) != LUA_TSTRING) {
        errors_push(L, SLICE("wrong number or type of arguments"), false);
        return 1;
    }
    lua_createtable(L, 0, 1);
    lua_pushstring(L, name);
    lua_pushvalue(L, 1);
    lua_rawset(L, -3);
    return 1;
}

static int api_status_reply(lua_State *L) { return single(L, "ok"); }

static int api_error_reply(lua_State *L)
{
    if (lua_gettop(L) != 1 || lua_type(L, -1) != LUA_TSTRING) return single(L, "err");
    struct slice s = slice_z(lua_tostring(L, 1)); /* ends at a zero */
    errors_push_coded(L, s.n && s.p[0] == '-' ? slice_of(s.p + 1, s.n - 1) : s);
    return 1;
}

/* ---- small ones ---- */

static int api_sha1hex(lua_State *L)
{
    static const char digits[] = "0123456789abcdef";
    if (lua_gettop(L) != 1) return errors_throw(L, "wrong number of arguments");
    unsigned char raw[SHA1_BYTES];
    char hex[2 * SHA1_BYTES];
    struct slice s;
    s.p = lua_tolstring(L, 1, &s.n);
    sha1(s.p ? s : slice_of("", 0), raw);
    for (int i = 0; i < SHA1_BYTES; i++) {
        hex[2 * i] = digits[raw[i] >> 4];
        hex[2 * i + 1] = digits[raw[i] & 15];
    }
    lua_pushlstring(L, hex, sizeof(hex));
    return 1;
}

static int api_log(lua_State *L)
{
    int argc = lua_gettop(L);
    if (argc < 2) return errors_throw(L, "redis.log() requires two arguments or more.");
    if (!lua_isnumber(L, 1)) return errors_throw(L, "First argument must be a number (log level).");
    int level = (int)lua_tonumber(L, 1);
    if (level < 0 || level > 3) return errors_throw(L, "Invalid debug level.");
    struct buf text = { 0 };
    for (int i = 2; i <= argc; i++) {
        struct slice s;
        if (!lua_isstring(L, i)) continue;
        s.p = lua_tolstring(L, i, &s.n);
        if (buf_size(&text)) buf_putc(&text, ' ');
        buf_puts(&text, s);
    }
    static const enum log_level levels[] = { LOG_LEVEL_DEBUG, LOG_LEVEL_VERBOSE, LOG_LEVEL_NOTICE,
                                             LOG_LEVEL_WARNING };
    log_line(levels[level], "%.*s", (int)buf_size(&text), buf_head(&text));
    buf_free(&text);
    return 0;
}

static int api_setresp(lua_State *L)
{
    if (lua_gettop(L) != 1) return errors_throw(L, "redis.setresp() requires one argument.");
    int resp = (int)lua_tonumber(L, 1);
    if (resp != 2 && resp != 3) return errors_throw(L, "RESP version must be 2 or 3.");
    struct engine *e = engine_of(L);
    if (!e->run) return 0;
    e->run->resp = e->of->client->resp = resp;
    return 0;
}

/* Bit 1 the file, bit 2 the replicas: where the effects from here on go. */
static int api_set_repl(lua_State *L)
{
    if (lua_gettop(L) != 1) return errors_throw(L, "redis.set_repl() requires two arguments.");
    int flags = (int)lua_tonumber(L, 1);
    if (flags < 0 || flags > 3)
        return errors_throw(L, "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or "
                               "REPL_NONE.");
    struct engine *e = engine_of(L);
    journal_limit(e->of->s->journal, (flags & 2 ? 1u << JOURNAL_FEED : 0) |
                                         (flags & 1 ? 1u << JOURNAL_FILE : 0));
    return 0;
}

static int api_true(lua_State *L)
{
    lua_pushboolean(L, 1);
    return 1;
}

static int api_breakpoint(lua_State *L)
{
    lua_pushboolean(L, 0);
    return 1;
}

static int api_debug(lua_State *L) { return 0; }

static int api_acl_check_cmd(lua_State *L)
{
    struct engine *e = engine_of(L);
    int argc = lua_gettop(L), at;
    if (!e->run)
        return errors_throw(L, "redis.acl_check_cmd can only be called inside a script invocation");
    if (argc == 0)
        return errors_throw(L, "Please specify at least one argument for this redis lib call");
    vec_reserve(&e->args, (size_t)argc);
    for (int i = 1; i <= argc; i++) {
        if (!lua_isstring(L, i))
            return errors_throw(L, "redis.acl_check_cmd() require at least one argument");
        struct slice *s = &e->args.at[i - 1];
        s->p = lua_tolstring(L, i, &s->n);
    }
    struct client *cl = e->of->client;
    struct command_entry *entry = registry_find_full(cl->front->registry, argc, e->args.at);
    if (!entry || (entry->subs && !entry->row->run))
        return errors_throw(L, "Invalid command passed to redis.acl_check_cmd()");
    bool ok = !cl->user || cl->user->unrestricted ||
              acl_check(cl->user, entry, argc, e->args.at, &at) == ACL_OK;
    lua_pushboolean(L, ok);
    return 1;
}

/* ---- the tables ---- */

static const luaL_Reg functions[] = {
    { "call", api_call },
    { "pcall", api_pcall },
    { "error_reply", api_error_reply },
    { "status_reply", api_status_reply },
    { "sha1hex", api_sha1hex },
    { "log", api_log },
    { "setresp", api_setresp },
    { "set_repl", api_set_repl },
    { "acl_check_cmd", api_acl_check_cmd },
    { NULL, NULL },
};

static const luaL_Reg eval_functions[] = {
    { "replicate_commands", api_true },
    { "breakpoint", api_breakpoint },
    { "debug", api_debug },
    { NULL, NULL },
};

static const luaL_Reg library_functions[] = {
    { "register_function", api_register_function },
    { "log", api_log },
    { NULL, NULL },
};

static void add(lua_State *L, const luaL_Reg *f)
{
    for (; f->name; f++) {
        lua_pushcfunction(L, f->func);
        lua_setfield(L, -2, f->name);
    }
}

struct constant {
    const char *name;
    int value;
};

static const struct constant log_constants[] = {
    { "LOG_DEBUG", 0 }, { "LOG_VERBOSE", 1 }, { "LOG_NOTICE", 2 }, { "LOG_WARNING", 3 }, { NULL, 0 }
};
static const struct constant repl_constants[] = {
    { "REPL_NONE", 0 },  { "REPL_AOF", 1 }, { "REPL_SLAVE", 2 },
    { "REPL_REPLICA", 2 }, { "REPL_ALL", 3 }, { NULL, 0 }
};

static void add_constants(lua_State *L, const struct constant *c)
{
    for (; c->name; c++) {
        lua_pushinteger(L, c->value);
        lua_setfield(L, -2, c->name);
    }
}

static void add_version(lua_State *L)
{
    int major = 0, minor = 0, patch = 0;
    if (sscanf(START_REDIS_VERSION, "%d.%d.%d", &major, &minor, &patch) < 2) major = minor = 0;
    lua_pushliteral(L, START_REDIS_VERSION);
    lua_setfield(L, -2, "REDIS_VERSION");
    lua_pushinteger(L, major << 16 | minor << 8 | patch);
    lua_setfield(L, -2, "REDIS_VERSION_NUM");
}

void api_open(lua_State *L, enum engine_kind kind)
{
    lua_createtable(L, 0, 24);
    add(L, functions);
    if (kind == ENGINE_EVAL) add(L, eval_functions);
    add_constants(L, log_constants);
    add_constants(L, repl_constants);
    add_version(L);
}

void api_open_library(lua_State *L)
{
    lua_createtable(L, 0, 8);
    add(L, library_functions);
    add_constants(L, log_constants);
    add_version(L);
}
