/* The safe forms of base functions and of some functions of the libraries. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "core/base/must.h"
#include "server/script/protect.h"
#include "server/script/sandbox.h"
#include "server/script/scripting.h"

/* ---- tables and metatables ---- */

static int base_next(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    if (protect_real(L, 1)) lua_replace(L, 1);
    if (lua_next(L, 1)) return 2;
    lua_pushnil(L);
    return 1;
}

/* For tables of the script's own, which need no question a step. */
static int plain_next(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    if (lua_next(L, 1)) return 2;
    lua_pushnil(L);
    return 1;
}

/* Upvalues: plain_next, base_next. */
static int base_pairs(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    bool ours = protect_real(L, 1);
    lua_pushvalue(L, lua_upvalueindex(ours ? 2 : 1));
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

static int base_rawget(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkany(L, 2);
    lua_settop(L, 2);
    if (protect_real(L, 1)) lua_replace(L, 1);
    lua_rawget(L, 1);
    return 1;
}

static int base_rawset(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkany(L, 2);
    luaL_checkany(L, 3);
    lua_settop(L, 3);
    if (protect_real(L, 1)) return protect_refuse(L);
    lua_rawset(L, 1);
    return 1;
}

static int base_getmetatable(lua_State *L)
{
    luaL_checkany(L, 1);
    if (lua_type(L, 1) == LUA_TSTRING) {
        lua_getfield(L, LUA_REGISTRYINDEX, "tanist.strings");
        return 1;
    }
    if (protect_real(L, 1)) { /* what the real one has (the globals have one), to look at */
        if (lua_getmetatable(L, -1)) protect_top(L);
        else lua_pushnil(L);
        return 1;
    }
    if (!lua_getmetatable(L, 1)) {
        lua_pushnil(L);
        return 1;
    }
    luaL_getmetafield(L, 1, "__metatable");
    return 1;
}

static int base_setmetatable(lua_State *L)
{
    int t = lua_type(L, 2);
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argcheck(L, t == LUA_TNIL || t == LUA_TTABLE, 2, "nil or table expected");
    if (protect_real(L, 1)) return protect_refuse(L);
    if (luaL_getmetafield(L, 1, "__metatable"))
        return luaL_error(L, "cannot change a protected metatable");
    lua_settop(L, 2);
    lua_setmetatable(L, 1);
    return 1;
}

/* The number of results is computed without overflow. */
static int base_unpack(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    int first = luaL_optint(L, 2, 1);
    int last = lua_isnoneornil(L, 3) ? (int)lua_objlen(L, 1) : luaL_checkint(L, 3);
    if (first > last) return 0;
    int64_t n = (int64_t)last - first + 1;
    if (n >= INT_MAX || !lua_checkstack(L, (int)n))
        return luaL_error(L, "too many results to unpack");
    for (int64_t i = first; i <= last; i++) lua_rawgeti(L, 1, (int)i);
    return (int)n;
}

/* ---- code ---- */

static int loaded(lua_State *L, bool ok)
{
    if (ok) return 1;
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}

static int base_loadstring(lua_State *L)
{
    size_t n;
    const char *p = luaL_checklstring(L, 1, &n);
    const char *chunk = luaL_optstring(L, 2, p);
    return loaded(L, engine_compile(L, slice_of(p, n), chunk));
}

/* The pieces are put together first: the parser then works on one string. */
static int base_load(lua_State *L)
{
    const char *chunk = luaL_optstring(L, 2, "=(load)");
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 2);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (;;) {
        lua_pushvalue(L, 1);
        lua_call(L, 0, 1);
        if (lua_isnil(L, -1)) break;
        if (!lua_isstring(L, -1)) {
            lua_pushliteral(L, "reader function must return a string");
            return loaded(L, false);
        }
        size_t n;
        lua_tolstring(L, -1, &n);
        if (n == 0) break;
        luaL_addvalue(&b);
    }
    lua_pop(L, 1);
    luaL_pushresult(&b);
    size_t n;
    const char *p = lua_tolstring(L, -1, &n);
    return loaded(L, engine_compile(L, slice_of(p, n), chunk));
}

/* As the plain one, but errors of redis.call come as their text. */
static int base_pcall(lua_State *L)
{
    luaL_checkany(L, 1);
    int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
    if (status && lua_istable(L, -1)) {
        lua_pushliteral(L, "err");
        lua_rawget(L, -2);
        if (lua_isstring(L, -1)) lua_replace(L, -2);
        else lua_pop(L, 1);
    }
    lua_pushboolean(L, status == 0);
    lua_insert(L, 1);
    return lua_gettop(L);
}

static int base_collectgarbage(lua_State *L)
{
    static const char *const names[] = { "stop",       "restart",  "collect", "count", "step",
                                         "setpause", "setstepmul", NULL };
    static const int whats[] = { LUA_GCSTOP, LUA_GCRESTART,  LUA_GCCOLLECT,   LUA_GCCOUNT,
                                 LUA_GCSTEP, LUA_GCSETPAUSE, LUA_GCSETSTEPMUL };
    int what = whats[luaL_checkoption(L, 1, "collect", names)];
    int arg = luaL_optint(L, 2, 0);
    engine_of(L)->gc_touched = true;
    int got = lua_gc(L, what, arg);
    if (what == LUA_GCCOUNT)
        lua_pushnumber(L, got + (lua_Number)lua_gc(L, LUA_GCCOUNTB, 0) / 1024);
    else if (what == LUA_GCSTEP)
        lua_pushboolean(L, got);
    else
        lua_pushnumber(L, got);
    return 1;
}

static void set(lua_State *L, const char *name, lua_CFunction fn)
{
    lua_pushcfunction(L, fn);
    lua_setfield(L, -2, name);
}

void sandbox_base(lua_State *L)
{
    static const luaL_Reg functions[] = {
        { "next", base_next },
        { "rawget", base_rawget },
        { "rawset", base_rawset },
        { "getmetatable", base_getmetatable },
        { "setmetatable", base_setmetatable },
        { "unpack", base_unpack },
        { "load", base_load },
        { "loadstring", base_loadstring },
        { "pcall", base_pcall },
        { "collectgarbage", base_collectgarbage },
        { NULL, NULL },
    };
    for (const luaL_Reg *f = functions; f->name; f++) set(L, f->name, f->func);
    lua_pushcfunction(L, plain_next);
    lua_pushcfunction(L, base_next);
    lua_pushcclosure(L, base_pairs, 2);
    lua_setfield(L, -2, "pairs");
}

/* ---- string ---- */

/* Matching goes down one level of C's stack an item of the pattern. */
#define PATTERN_MAX 5000

/* Upvalue 1: the function itself; they have no upvalues of their own. */
static int with_pattern(lua_State *L)
{
    lua_CFunction fn = *(lua_CFunction *)lua_touserdata(L, lua_upvalueindex(1));
    if (lua_type(L, 2) == LUA_TSTRING && lua_objlen(L, 2) > PATTERN_MAX && !lua_toboolean(L, 4))
        return luaL_error(L, "pattern too complex");
    return fn(L);
}

void sandbox_string(lua_State *L)
{
    static const char *const names[] = { "find", "match", "gmatch", "gsub", "gfind" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        lua_getfield(L, -1, names[i]);
        lua_CFunction fn = lua_tocfunction(L, -1);
        lua_pop(L, 1);
        must(fn);
        *(lua_CFunction *)lua_newuserdata(L, sizeof(fn)) = fn;
        lua_pushcclosure(L, with_pattern, 1);
        lua_setfield(L, -2, names[i]);
    }
}

/* ---- table ---- */

static int table_insert(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    int end = (int)lua_objlen(L, 1) + 1, pos = end, n = lua_gettop(L);
    if (protect_real(L, 1)) return protect_refuse(L);
    if (n == 3) {
        pos = luaL_checkint(L, 2);
        if (pos > end) end = pos;
        for (int i = end; i > pos; i--) {
            lua_rawgeti(L, 1, i - 1);
            lua_rawseti(L, 1, i);
        }
    } else if (n != 2) {
        return luaL_error(L, "wrong number of arguments to 'insert'");
    }
    lua_rawseti(L, 1, pos);
    return 0;
}

/* Walks the real table: the others find a proxy empty, which harms nobody. */
static int table_foreach(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    if (protect_real(L, 1)) lua_replace(L, 1);
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        lua_pushvalue(L, 2);
        lua_pushvalue(L, -3);
        lua_pushvalue(L, -3);
        lua_call(L, 2, 1);
        if (!lua_isnil(L, -1)) return 1;
        lua_pop(L, 2);
    }
    return 0;
}

void sandbox_table(lua_State *L)
{
    set(L, "insert", table_insert);
    set(L, "foreach", table_foreach);
}

/* ---- math ---- */

/* The generator of drand48, with the numbers that one expects of it. */
#define RANDOM_MAX 0x7fffffff

static uint32_t draw(struct engine *e)
{
    uint64_t *x = &e->of->random;
    *x = (*x * 0x5deece66dull + 0xb) & 0xffffffffffffull;
    return (uint32_t)(*x >> 17);
}

static int math_random(lua_State *L)
{
    double r = (double)(draw(engine_of(L)) % RANDOM_MAX) / RANDOM_MAX;
    int n = lua_gettop(L);
    if (n == 0) {
        lua_pushnumber(L, r);
        return 1;
    }
    if (n > 2) return luaL_error(L, "wrong number of arguments");
    int low = n == 1 ? 1 : luaL_checkint(L, 1), high = luaL_checkint(L, n);
    luaL_argcheck(L, low <= high, n, "interval is empty");
    lua_pushnumber(L, n == 1 ? floor(r * high) + 1 : floor(r * ((double)high - low + 1)) + low);
    return 1;
}

static int math_randomseed(lua_State *L)
{
    uint32_t seed = (uint32_t)luaL_checkint(L, 1);
    engine_of(L)->of->random = (uint64_t)seed << 16 | 0x330e;
    return 0;
}

void sandbox_math(lua_State *L)
{
    set(L, "random", math_random);
    set(L, "randomseed", math_randomseed);
}

/* ---- bit ---- */

/* To the nearest integer, its low 32 bits: as the library does it. */
static uint32_t bits_of(double d)
{
    uint64_t u;
    d += 6755399441055744.0;
    memcpy(&u, &d, sizeof(u));
    return (uint32_t)u;
}

/* The library's own has no room for the smallest number of digits. */
static int bit_tohex(lua_State *L)
{
    static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
    uint32_t x = bits_of(luaL_checknumber(L, 1));
    int64_t n = lua_isnone(L, 2) ? 8 : (int32_t)bits_of(luaL_checknumber(L, 2));
    const char *digits = n < 0 ? upper : lower;
    char text[8];
    if (n < 0) n = -n;
    if (n > 8) n = 8;
    for (int64_t i = n; i-- > 0; x >>= 4) text[i] = digits[x & 15];
    lua_pushlstring(L, text, (size_t)n);
    return 1;
}

void sandbox_bit(lua_State *L) { set(L, "tohex", bit_tohex); }

/* ---- cjson ---- */

/* The library counts its output in ints and gives the process up when it cannot grow: what would
 * become larger than this is refused before. */
#define JSON_MAX (512u << 20)
#define JSON_DEPTH_MAX 1000 /* as the library's own default */

static size_t json_size(lua_State *L, int at, int depth, size_t sum)
{
    if (lua_type(L, at) == LUA_TSTRING) return sum + 6 * lua_objlen(L, at) + 4;
    if (lua_type(L, at) != LUA_TTABLE) return sum + 32;
    if (depth > JSON_DEPTH_MAX || !lua_checkstack(L, 4)) return sum;
    lua_pushnil(L);
    while (sum < JSON_MAX && lua_next(L, at)) {
        sum = json_size(L, lua_gettop(L), depth + 1, sum);
        lua_pop(L, 1);
        if (lua_type(L, -1) == LUA_TSTRING) sum += 6 * lua_objlen(L, -1);
        sum += 32;
    }
    if (sum >= JSON_MAX) lua_settop(L, at);
    return sum;
}

/* Upvalues: the library's settings, as its own function has them; that function. */
static int json_encode(lua_State *L)
{
    lua_CFunction fn = *(lua_CFunction *)lua_touserdata(L, lua_upvalueindex(2));
    if (lua_gettop(L) == 1 && json_size(L, 1, 1, 0) >= JSON_MAX)
        return luaL_error(L, "Cannot serialise, the text would be too large");
    return fn(L);
}

static int json_new(lua_State *L)
{
    lua_CFunction fn = *(lua_CFunction *)lua_touserdata(L, lua_upvalueindex(1));
    int n = fn(L);
    sandbox_cjson(L);
    return n;
}

static void keep_function(lua_State *L, lua_CFunction fn)
{
    must(fn);
    *(lua_CFunction *)lua_newuserdata(L, sizeof(fn)) = fn;
}

void sandbox_cjson(lua_State *L)
{
    lua_getfield(L, -1, "encode");
    lua_CFunction fn = lua_tocfunction(L, -1);
    must(lua_getupvalue(L, -1, 1));
    keep_function(L, fn);
    lua_pushcclosure(L, json_encode, 2);
    lua_setfield(L, -3, "encode");
    lua_pop(L, 1);
    lua_getfield(L, -1, "new");
    fn = lua_tocfunction(L, -1);
    lua_pop(L, 1);
    keep_function(L, fn);
    lua_pushcclosure(L, json_new, 1);
    lua_setfield(L, -2, "new");
}
