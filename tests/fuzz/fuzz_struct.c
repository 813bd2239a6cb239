/* struct: the bytes up to the first zero are a format, the rest is data: size, unpack at some
 * places, pack with what came out. */
#include <lauxlib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/must.h"
#include "server/script/pack.h"

#define MEMORY_MAX (64u << 20)

static size_t used;

static void *allocate(void *ud, void *p, size_t old, size_t n)
{
    (void)ud;
    size_t had = p ? old : 0;
    if (n > had && used + (n - had) > MEMORY_MAX) return NULL;
    used += n - had;
    if (n) return realloc(p, n);
    free(p);
    return NULL;
}

/* Name, format and what follows it are on the stack from 3 on. */
static void call(lua_State *L, const char *name)
{
    lua_getfield(L, 1, name);
    lua_insert(L, 3);
    if (lua_pcall(L, lua_gettop(L) - 3, LUA_MULTRET, 0)) lua_settop(L, 2);
}

/* Stack: library, format. */
static int run(lua_State *L)
{
    size_t n = lua_objlen(L, 1);
    const char *p = lua_tostring(L, 1), *zero = memchr(p, 0, n);
    const char *rest = zero ? zero + 1 : p + n;
    size_t left = (size_t)(p + n - rest);
    lua_pushvalue(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "input"); /* keeps p and rest alive */
    lua_pushstring(L, p);
    pack_open(L);
    lua_replace(L, 1);
    lua_pushvalue(L, 2);
    call(L, "size");
    lua_settop(L, 2);
    for (int at = -1; at < 4; at++) {
        lua_pushvalue(L, 2);
        lua_pushlstring(L, rest, left);
        lua_pushinteger(L, at);
        call(L, "unpack");
        if (lua_gettop(L) > 3) { /* values and the place behind them */
            lua_settop(L, lua_gettop(L) - 1);
            lua_pushvalue(L, 2);
            lua_insert(L, 3);
            call(L, "pack");
        }
        lua_settop(L, 2);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    used = 0;
    lua_State *L = lua_newstate(allocate, NULL);
    must(L);
    lua_pushcfunction(L, run);
    lua_pushlstring(L, (const char *)data, size);
    lua_pcall(L, 1, 0, 0);
    lua_close(L);
    return 0;
}
