#include "server/script/sandbox.h"

#include <lua-bitop.h>
#include <lua-cjson.h>
#include <lualib.h>
#include <time.h>

#include "core/base/must.h"
#include "server/script/api.h"
#include "server/script/cmsgpack.h"
#include "server/script/pack.h"
#include "server/script/protect.h"

/* ---- globals ---- */

static int on_missing(lua_State *L)
{
    const char *name = lua_tostring(L, 2);
    return luaL_error(L, "Script attempted to access nonexistent global variable '%s'",
                      name ? name : luaL_typename(L, 2));
}

/* The real globals, upvalue 1, first; then the error. A string's look-up here is one probe. */
static void forbid_missing(lua_State *L, int real)
{
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, on_missing);
    lua_setfield(L, -2, "__index");
    lua_pushvalue(L, real);
    lua_pushvalue(L, -2);
    lua_setmetatable(L, -2);
    lua_pop(L, 2);
}

/* ---- libraries ---- */

struct library {
    const char *name;
    lua_CFunction open;
    void (*mend)(lua_State *L);
};

static int open_os(lua_State *L)
{
    lua_createtable(L, 0, 1);
    return 1;
}

static int os_clock(lua_State *L)
{
    lua_pushnumber(L, (double)clock() / CLOCKS_PER_SEC);
    return 1;
}

static void mend_os(lua_State *L)
{
    lua_pushcfunction(L, os_clock);
    lua_setfield(L, -2, "clock");
}

static int open_string(lua_State *L) { return luaopen_string(L); }
static int open_table(lua_State *L) { return luaopen_table(L); }
static int open_math(lua_State *L) { return luaopen_math(L); }

static const struct library libraries[] = {
    { "string", open_string, sandbox_string },
    { "table", open_table, sandbox_table },
    { "math", open_math, sandbox_math },
    { "bit", luaopen_bit, sandbox_bit },
    { "cjson", luaopen_cjson, sandbox_cjson },
    { "cmsgpack", cmsgpack_open, NULL },
    { "struct", pack_open, NULL },
    { "os", open_os, mend_os },
};

/* A library opens into the state's own globals; ours get a protected form of it. */
static void open_library(lua_State *L, const struct library *lib, int real)
{
    int top = lua_gettop(L);
    lua_pushcfunction(L, lib->open);
    lua_pushstring(L, lib->name);
    lua_call(L, 1, 1);
    must(lua_istable(L, -1));
    if (lib->mend) lib->mend(L);
    protect_top(L);
    lua_setfield(L, real, lib->name);
    lua_settop(L, top);
}

/* Methods of strings are found in the real table: it never shows. What getmetatable("") gives is
 * made in sandbox_base. */
static void guard_strings(lua_State *L, int real)
{
    lua_pushliteral(L, "");
    lua_createtable(L, 0, 1);
    lua_getfield(L, real, "string");
    must(protect_real(L, -1));
    lua_setfield(L, -3, "__index");
    lua_pop(L, 1);
    lua_setmetatable(L, -2);
    lua_createtable(L, 0, 1);
    lua_getfield(L, real, "string");
    lua_setfield(L, -2, "__index");
    protect_top(L);
    lua_setfield(L, LUA_REGISTRYINDEX, "tanist.strings");
    lua_pop(L, 1);
}

static void globals_to_script(struct engine *e, int real)
{
    lua_State *L = e->L;
    lua_pushvalue(L, real);
    protect_globals(L, real);
    lua_pushvalue(L, -1);
    lua_setfield(L, real, "_G");
    lua_replace(L, LUA_GLOBALSINDEX);
    lua_pushvalue(L, real);
    e->globals = luaL_ref(L, LUA_REGISTRYINDEX);
}

static void take_base(lua_State *L, int real)
{
    static const char *const names[] = { "assert", "error",    "gcinfo", "ipairs", "rawequal",
                                         "select", "tonumber", "tostring", "type", "xpcall",
                                         "_VERSION" };
    lua_pushcfunction(L, luaopen_base);
    lua_pushliteral(L, "");
    lua_call(L, 1, 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        lua_getglobal(L, names[i]);
        lua_setfield(L, real, names[i]);
    }
    lua_getglobal(L, "coroutine");
    protect_top(L);
    lua_setfield(L, real, "coroutine");
    lua_pushvalue(L, real);
    sandbox_base(L);
    lua_pop(L, 1);
}

void sandbox_open(struct engine *e, enum engine_kind kind)
{
    lua_State *L = e->L;
    lua_gc(L, LUA_GCSTOP, 0);
    lua_createtable(L, 0, 40);
    int real = lua_gettop(L);
    take_base(L, real);
    for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++)
        open_library(L, &libraries[i], real);
    api_open(L, kind);
    protect_top(L);
    lua_setfield(L, real, "redis");
    guard_strings(L, real);
    forbid_missing(L, real);
    globals_to_script(e, real);
    e->library = LUA_NOREF;
    if (kind == ENGINE_FUNCTIONS) {
        lua_createtable(L, 0, 1);
        api_open_library(L);
        forbid_missing(L, lua_gettop(L));
        protect_top(L);
        lua_setfield(L, -2, "redis");
        forbid_missing(L, lua_gettop(L));
        e->library = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    lua_settop(L, 0);
    lua_gc(L, LUA_GCRESTART, 0);
    lua_gc(L, LUA_GCCOLLECT, 0);
}

void sandbox_loading(struct engine *e, bool on)
{
    lua_State *L = e->L;
    lua_pushvalue(L, LUA_GLOBALSINDEX);
    lua_getmetatable(L, -1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, on ? e->library : e->globals);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 2);
}
