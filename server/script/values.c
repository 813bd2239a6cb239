#include "server/script/values.h"

#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>

#include "core/base/must.h"
#include "core/front/client.h"
#include "core/front/reply.h"
#include "server/script/errors.h"

/* ---- from replies ---- */

/* The bytes are our own: they are whole and right. */
struct in {
    const char *p, *end;
};

static void push(lua_State *L, struct in *in);

/* The rest of the line. */
static struct slice line(struct in *in)
{
    const char *from = in->p, *at = memchr(from, '\r', (size_t)(in->end - from));
    must(at && at + 1 < in->end);
    in->p = at + 2;
    return slice_of(from, (size_t)(at - from));
}

static int64_t number(struct in *in)
{
    const char *p = in->p;
    bool minus = *p == '-';
    uint64_t v = 0;
    for (p += minus; *p != '\r'; p++) v = v * 10 + (uint64_t)(*p - '0');
    in->p = p + 2;
    return (int64_t)(minus ? 0 - v : v);
}

static struct slice bulk(struct in *in, int64_t n)
{
    struct slice s = slice_of(in->p, (size_t)n);
    must(n <= in->end - in->p - 2);
    in->p += n + 2;
    return s;
}

static void push_wrapped(lua_State *L, const char *name, struct slice s)
{
    lua_createtable(L, 0, 1);
    lua_pushlstring(L, s.p, s.n);
    lua_setfield(L, -2, name);
}

static void push_bulk(lua_State *L, struct in *in)
{
    int64_t n = number(in);
    if (n < 0) {
        lua_pushboolean(L, 0);
        return;
    }
    struct slice s = bulk(in, n);
    lua_pushlstring(L, s.p, s.n);
}

static void push_array(lua_State *L, struct in *in)
{
    int64_t n = number(in);
    if (n < 0) {
        lua_pushboolean(L, 0);
        return;
    }
    lua_createtable(L, (int)n, 0);
    for (int64_t i = 1; i <= n; i++) {
        push(L, in);
        lua_rawseti(L, -2, (int)i);
    }
}


/* Key and value on top go into the table below; nil is no key. */
static void put_pair(lua_State *L)
{
    if (lua_isnil(L, -2)) lua_pop(L, 2);
    else lua_rawset(L, -3);
}

static void push_map(lua_State *L, struct in *in)
{
    int64_t n = number(in);
    lua_createtable(L, 0, 1);
    lua_createtable(L, 0, (int)n);
    for (int64_t i = 0; i < n; i++) {
        push(L, in);
        push(L, in);
        put_pair(L);
    }
    lua_setfield(L, -2, "map");
}

static void push_set(lua_State *L, struct in *in)
{
    int64_t n = number(in);
    lua_createtable(L, 0, 1);
    lua_createtable(L, 0, (int)n);
    for (int64_t i = 0; i < n; i++) {
        push(L, in);
        lua_pushboolean(L, 1);
        put_pair(L);
    }
    lua_setfield(L, -2, "set");
}

static void push_double(lua_State *L, struct in *in)
{
    struct slice s = line(in);
    char text[64];
    lua_createtable(L, 0, 1);
    lua_pushnumber(L, strtod(slice_cstr(s, text, sizeof(text)), NULL));
    lua_setfield(L, -2, "double");
}

static void push_verbatim(lua_State *L, struct in *in)
{
    struct slice s = bulk(in, number(in));
    lua_createtable(L, 0, 1);
    lua_createtable(L, 0, 2);
    lua_pushlstring(L, s.p, 3);
    lua_setfield(L, -2, "format");
    lua_pushlstring(L, s.p + 4, s.n - 4);
    lua_setfield(L, -2, "string");
    lua_setfield(L, -2, "verbatim_string");
}

static void push_error(lua_State *L, struct in *in)
{
    struct slice s = line(in);
    lua_createtable(L, 0, 2);
    lua_pushlstring(L, s.p, s.n);
    lua_setfield(L, -2, "err");
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, "ignore_error_stats_update");
}

/* What an attribute says is dropped; what it is said of follows. */
static void push_behind_attribute(lua_State *L, struct in *in)
{
    for (int64_t n = 2 * number(in); n > 0; n--) {
        push(L, in);
        lua_pop(L, 1);
    }
    push(L, in);
}

static void push(lua_State *L, struct in *in)
{
    must(in->p < in->end);
    luaL_checkstack(L, 8, "reply is nested too deeply");
    switch (*in->p++) {
    case ':': lua_pushnumber(L, (lua_Number)number(in)); break;
    case '$': push_bulk(L, in); break;
    case '+': push_wrapped(L, "ok", line(in)); break;
    case '-': push_error(L, in); break;
    case '>': lua_pushnil(L); break; /* what no script is told of */
    case '*': push_array(L, in); break;
    case '%': push_map(L, in); break;
    case '~': push_set(L, in); break;
    case '|': push_behind_attribute(L, in); break;
    case ',': push_double(L, in); break;
    case '#': lua_pushboolean(L, line(in).p[0] == 't'); break;
    case '_': line(in), lua_pushnil(L); break;
    case '(': push_wrapped(L, "big_number", line(in)); break;
    case '=': push_verbatim(L, in); break;
    default: must(in->p == NULL); /* no kind of reply of ours */
    }
}

void values_push_reply(lua_State *L, struct slice bytes)
{
    struct in in = { bytes.p, bytes.p + bytes.n };
    push(L, &in);
}

/* ---- to replies ---- */

struct out {
    lua_State *L;
    struct call *c;
    int resp; /* the script's */
};

static void reply_value(struct out *o);

/* Pushes the field of the table on top if it has that type. */
static bool field(lua_State *L, const char *name, int type)
{
    lua_pushstring(L, name);
    lua_rawget(L, -2);
    if (lua_type(L, -1) == type) return true;
    lua_pop(L, 1);
    return false;
}

static struct slice text(lua_State *L, int at)
{
    struct slice s;
    s.p = lua_tolstring(L, at, &s.n);
    return s;
}

/* Status and error end at a zero. */
static struct slice to_zero(struct slice s)
{
    ptrdiff_t zero = slice_find(s, 0, 0);
    return zero < 0 ? s : slice_of(s.p, (size_t)zero);
}

static bool reply_err(struct out *o)
{
    lua_State *L = o->L;
    if (!field(L, "err", LUA_TSTRING)) return false;
    struct slice s = errors_trim(to_zero(text(L, -1)));
    lua_pop(L, 1);
    bool counted = field(L, "ignore_error_stats_update", LUA_TBOOLEAN);
    if (counted) {
        counted = lua_toboolean(L, -1);
        lua_pop(L, 1);
    }
    reply_error_text(o->c, s, !counted);
    return true;
}

static void status(struct call *c, struct slice s)
{
    struct str z = str_new(s);
    for (size_t i = 0; i < z.n; i++)
        if (z.p[i] == '\r' || z.p[i] == '\n' || !z.p[i]) z.p[i] = ' ';
    reply_status(c, str_c(z));
    str_free(&z);
}

static bool reply_ok_field(struct out *o)
{
    if (!field(o->L, "ok", LUA_TSTRING)) return false;
    status(o->c, to_zero(text(o->L, -1)));
    lua_pop(o->L, 1);
    return true;
}

static bool reply_double_field(struct out *o)
{
    if (!field(o->L, "double", LUA_TNUMBER)) return false;
    reply_double(o->c, lua_tonumber(o->L, -1));
    lua_pop(o->L, 1);
    return true;
}

static bool reply_big(struct out *o)
{
    if (!field(o->L, "big_number", LUA_TSTRING)) return false;
    struct str z = str_new(text(o->L, -1));
    for (size_t i = 0; i < z.n; i++)
        if (z.p[i] == '\r' || z.p[i] == '\n') z.p[i] = ' ';
    reply_bignum(o->c, str_slice(z));
    str_free(&z);
    lua_pop(o->L, 1);
    return true;
}

static bool reply_verbatim_field(struct out *o)
{
    lua_State *L = o->L;
    if (!field(L, "verbatim_string", LUA_TTABLE)) return false;
    bool whole = field(L, "format", LUA_TSTRING);
    if (whole) {
        char ext[4] = "   ";
        struct slice f = text(L, -1);
        memcpy(ext, f.p, f.n < 3 ? f.n : 3);
        lua_pop(L, 1);
        whole = field(L, "string", LUA_TSTRING);
        if (whole) {
            reply_verbatim(o->c, ext, text(L, -1));
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
    return whole;
}

static void reply_top_of(struct out *o, int at)
{
    lua_pushvalue(o->L, at);
    reply_value(o);
}

static bool reply_map_field(struct out *o)
{
    lua_State *L = o->L;
    if (!field(L, "map", LUA_TTABLE)) return false;
    size_t mark = reply_later(o->c), n = 0;
    int map = lua_gettop(L);
    lua_pushnil(L);
    for (; lua_next(L, map); n++) {
        reply_top_of(o, -2);
        reply_value(o); /* pops the value */
    }
    reply_later_map(o->c, mark, n);
    lua_pop(L, 1);
    return true;
}

static bool reply_set_field(struct out *o)
{
    lua_State *L = o->L;
    if (!field(L, "set", LUA_TTABLE)) return false;
    size_t mark = reply_later(o->c), n = 0;
    int set = lua_gettop(L);
    lua_pushnil(L);
    for (; lua_next(L, set); n++) {
        lua_pop(L, 1);
        reply_top_of(o, -1);
    }
    reply_later_set(o->c, mark, n);
    lua_pop(L, 1);
    return true;
}

static void reply_list(struct out *o)
{
    lua_State *L = o->L;
    size_t mark = reply_later(o->c), n = 0;
    for (int i = 1;; i++, n++) {
        lua_rawgeti(L, -1, i);
        if (lua_isnil(L, -1)) break;
        reply_value(o);
    }
    lua_pop(L, 1);
    reply_later_array(o->c, mark, n);
}

static void reply_table(struct out *o)
{
    if (reply_err(o) || reply_ok_field(o) || reply_double_field(o) || reply_map_field(o) ||
        reply_set_field(o) || reply_big(o) || reply_verbatim_field(o))
        return;
    reply_list(o);
}

/* The next integer towards zero; what is out of range is the smallest one. */
static int64_t cut(lua_Number v)
{
    return v >= -9223372036854775808.0 && v < 9223372036854775808.0 ? (int64_t)v : INT64_MIN;
}

static void reply_truth(struct out *o, bool v)
{
    if (o->resp > 2) reply_bool(o->c, v);
    else if (v) reply_int(o->c, 1);
    else reply_null(o->c);
}

static void reply_value(struct out *o)
{
    lua_State *L = o->L;
    if (!lua_checkstack(L, 5)) {
        reply_error(o->c, "reached lua stack limit");
        lua_pop(L, 1);
        return;
    }
    switch (lua_type(L, -1)) {
    case LUA_TSTRING: reply_bulk(o->c, text(L, -1)); break;
    case LUA_TBOOLEAN: reply_truth(o, lua_toboolean(L, -1)); break;
    case LUA_TNUMBER: reply_int(o->c, cut(lua_tonumber(L, -1))); break;
    case LUA_TTABLE: reply_table(o); break;
    default: reply_null(o->c);
    }
    lua_pop(L, 1);
}

void values_reply(lua_State *L, struct call *c, int resp)
{
    struct out o = { L, c, resp };
    reply_value(&o);
}
