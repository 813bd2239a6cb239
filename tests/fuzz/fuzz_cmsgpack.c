/* cmsgpack: any bytes are unpacked in a bounded interpreter; what comes out can be packed, and what
 * was packed is unpacked to something that packs to the same bytes. */
#include <lauxlib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/must.h"
#include "server/script/cmsgpack.h"

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

/* The function on the stack below its argument; pushes its results. False: an error. */
static int call(lua_State *L, const char *name)
{
    lua_getfield(L, 1, name);
    lua_insert(L, 2);
    return lua_pcall(L, lua_gettop(L) - 2, LUA_MULTRET, 0) == 0 && lua_gettop(L) > 1;
}

static int run(lua_State *L)
{
    const char *p = lua_tostring(L, 1);
    size_t n = lua_objlen(L, 1);
    lua_pushvalue(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "input"); /* keeps p alive */
    cmsgpack_open(L);
    lua_replace(L, 1);
    lua_pushlstring(L, p, n);
    if (!call(L, "unpack")) return 0;
    lua_settop(L, 2);
    if (!call(L, "pack")) return 0;
    lua_pushvalue(L, 2);
    if (!call(L, "unpack")) return 0;
    lua_settop(L, 1);
    lua_pushlstring(L, p, n);
    lua_pushinteger(L, n ? p[0] : 0);
    lua_pushinteger(L, n > 1 ? p[1] : 0);
    call(L, "unpack_limit");
    lua_settop(L, 1);
    lua_pushlstring(L, p, n);
    lua_pushinteger(L, n ? p[n - 1] : 0);
    call(L, "unpack_one");
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
