#include "server/script/protect.h"

#include <lauxlib.h>

static const char mark; /* its address is the key */

int protect_refuse(lua_State *L)
{
    lua_pushliteral(L, "Attempt to modify a readonly table");
    return lua_error(L);
}

/* An assignment: the error names the line, as errors of the language do. */
static int on_assign(lua_State *L)
{
    return luaL_error(L, "Attempt to modify a readonly table");
}

/* proxy on top: its metatable is filled from `real`; `index` is popped. */
static void dress(lua_State *L, int real, int index)
{
    lua_createtable(L, 0, 0);
    lua_createtable(L, 0, 4);
    lua_pushvalue(L, index);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, on_assign);
    lua_setfield(L, -2, "__newindex");
    lua_pushlightuserdata(L, (void *)&mark);
    lua_pushvalue(L, real);
    lua_rawset(L, -3);
    lua_setmetatable(L, -2);
}

void protect_top(lua_State *L)
{
    int real = lua_gettop(L);
    dress(L, real, real);
    lua_remove(L, real);
}

void protect_globals(lua_State *L, int real)
{
    int index = lua_gettop(L);
    dress(L, real, index);
    lua_remove(L, index);
}

bool protect_real(lua_State *L, int at)
{
    if (!lua_istable(L, at) || !lua_getmetatable(L, at)) return false;
    lua_pushlightuserdata(L, (void *)&mark);
    lua_rawget(L, -2);
    lua_remove(L, -2);
    if (lua_istable(L, -1)) return true;
    lua_pop(L, 1);
    return false;
}
