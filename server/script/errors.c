#include "server/script/errors.h"

#include <lauxlib.h>

/* The function that threw; C functions of ours name their caller. */
static bool where(lua_State *L, lua_Debug *d)
{
    if (!lua_getstack(L, 1, d) || !lua_getinfo(L, "Sl", d)) return false;
    if (d->what[0] != 'C') return true;
    return lua_getstack(L, 2, d) && lua_getinfo(L, "Sl", d);
}

static void set_err(lua_State *L, const char *text)
{
    lua_createtable(L, 0, 3);
    lua_pushfstring(L, "ERR %s", text);
    lua_setfield(L, -2, "err");
}

int errors_handler(lua_State *L)
{
    lua_Debug d;
    lua_settop(L, 1);
    if (!lua_istable(L, 1)) {
        const char *text = lua_tostring(L, 1);
        if (!text) text = lua_isnil(L, 1) ? "nil" : luaL_typename(L, 1);
        if (lua_isboolean(L, 1)) text = lua_toboolean(L, 1) ? "true" : "false";
        set_err(L, text);
        lua_replace(L, 1);
    }
    if (!where(L, &d)) return 1;
    lua_pushliteral(L, "source");
    lua_pushstring(L, d.source);
    lua_rawset(L, 1);
    lua_pushliteral(L, "line");
    lua_pushinteger(L, d.currentline);
    lua_rawset(L, 1);
    return 1;
}

struct slice errors_trim(struct slice s)
{
    while (s.n && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == '\r')) s.n--;
    while (s.n && (s.p[0] == '\n' || s.p[0] == '\r')) s = slice_of(s.p + 1, s.n - 1);
    return s;
}

/* { err = "ERR text" } or { err = text }. */
static void push_table(lua_State *L, struct slice text, bool coded)
{
    lua_createtable(L, 0, 4);
    if (!coded) lua_pushliteral(L, "ERR ");
    lua_pushlstring(L, text.p, text.n);
    if (!coded) lua_concat(L, 2);
    lua_setfield(L, -2, "err");
}

void errors_push_coded(lua_State *L, struct slice text)
{
    text = errors_trim(text);
    push_table(L, text, slice_find(text, ' ', 0) >= 0);
}

void errors_push(lua_State *L, struct slice text, bool counted)
{
    text = errors_trim(text);
    if (text.n && text.p[0] == '-') errors_push_coded(L, slice_of(text.p + 1, text.n - 1));
    else push_table(L, text, false);
    if (!counted) return;
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, "ignore_error_stats_update");
}

int errors_throw(lua_State *L, const char *text)
{
    errors_push(L, slice_z(text), false);
    return lua_error(L);
}

/* Raw: a metatable of the script's has no say here. */
static struct slice field(lua_State *L, const char *name)
{
    struct slice s = { NULL, 0 };
    lua_pushstring(L, name);
    lua_rawget(L, -2);
    if (lua_type(L, -1) == LUA_TSTRING) s = slice_z(lua_tostring(L, -1)); /* ends at a zero */
    lua_pop(L, 1); /* it stays in the table */
    return s;
}

void errors_text(lua_State *L, const char *name, struct buf *out, bool *counted)
{
    *counted = false;
    if (!lua_istable(L, -1)) { /* out of memory, or an error in the handler */
        const char *text = lua_tostring(L, -1);
        buf_fmt(out, "ERR %s script: %s", text ? text : "unknown error", name);
        return;
    }
    struct slice err = field(L, "err"), source = field(L, "source");
    lua_pushliteral(L, "line");
    lua_rawget(L, -2);
    int line = (int)lua_tointeger(L, -1);
    bool has_line = lua_isnumber(L, -1);
    lua_pop(L, 1);
    lua_pushliteral(L, "ignore_error_stats_update");
    lua_rawget(L, -2);
    *counted = lua_toboolean(L, -1);
    lua_pop(L, 1);
    if (!err.p) err = SLICE("ERR unknown error");
    buf_puts(out, err);
    buf_fmt(out, " script: %s", name);
    if (source.p && has_line) buf_fmt(out, ", on %.*s:%d.", SLICE_ARG(source), line);
}
