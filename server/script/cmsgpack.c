#include "server/script/cmsgpack.h"

#include <lauxlib.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "server/script/scratch.h"

/* ---- out ---- */

static void put_byte(struct scratch *b, unsigned v) { scratch_byte(b, v); }

/* Big-endian, the lowest n bytes. */
static void put_bytes(struct scratch *b, uint64_t v, int n)
{
    char text[8];
    for (int i = n; i-- > 0; v >>= 8) text[i] = (char)v;
    scratch_put(b, text, (size_t)n);
}

static void put_coded(struct scratch *b, unsigned code, uint64_t v, int n)
{
    put_byte(b, code);
    put_bytes(b, v, n);
}

static void put_unsigned(struct scratch *b, uint64_t v)
{
    if (v <= 0x7f) put_byte(b, (unsigned)v);
    else if (v <= UINT8_MAX) put_coded(b, 0xcc, v, 1);
    else if (v <= UINT16_MAX) put_coded(b, 0xcd, v, 2);
    else if (v <= UINT32_MAX) put_coded(b, 0xce, v, 4);
    else put_coded(b, 0xcf, v, 8);
}

static void put_negative(struct scratch *b, int64_t v)
{
    if (v >= -32) put_byte(b, 0xe0 | ((unsigned)v & 0x1f));
    else if (v >= INT8_MIN) put_coded(b, 0xd0, (uint64_t)v, 1);
    else if (v >= INT16_MIN) put_coded(b, 0xd1, (uint64_t)v, 2);
    else if (v >= INT32_MIN) put_coded(b, 0xd2, (uint64_t)v, 4);
    else put_coded(b, 0xd3, (uint64_t)v, 8);
}

/* Four bytes are enough when they say the same. */
static bool fits_float(double d)
{
    bool infinite = d == d && d - d != 0;
    if (d > 3.4028234663852886e38 || d < -3.4028234663852886e38) return infinite;
    return (double)(float)d == d;
}

static void put_double(struct scratch *b, double d)
{
    if (fits_float(d)) {
        float f = (float)d;
        uint32_t u;
        memcpy(&u, &f, sizeof(u));
        put_coded(b, 0xca, u, 4);
    } else {
        uint64_t u;
        memcpy(&u, &d, sizeof(u));
        put_coded(b, 0xcb, u, 8);
    }
}

static bool whole(double d)
{
    return d >= -9223372036854775808.0 && d < 9223372036854775808.0 && (double)(int64_t)d == d;
}

static void put_number(struct scratch *b, double d)
{
    if (!whole(d)) put_double(b, d);
    else if (d >= 0) put_unsigned(b, (uint64_t)d);
    else put_negative(b, (int64_t)d);
}

static void put_string(struct scratch *b, const char *p, size_t n)
{
    if (n < 32) put_byte(b, 0xa0 | (unsigned)n);
    else if (n <= UINT8_MAX) put_coded(b, 0xd9, n, 1);
    else if (n <= UINT16_MAX) put_coded(b, 0xda, n, 2);
    else put_coded(b, 0xdb, n, 4);
    scratch_put(b, p, n);
}

/* Codes of arrays and maps for up to 15 members, 16 and 32 bits of them. */
static void put_count(struct scratch *b, unsigned few, unsigned code, uint64_t n)
{
    if (n <= 15) put_byte(b, few | (unsigned)n);
    else if (n <= UINT16_MAX) put_coded(b, code, n, 2);
    else put_coded(b, code + 1, n, 4);
}

/* ---- packing ---- */

/* Is it 1 .. n without holes? *n: members. */
static bool is_array(lua_State *L, int at, uint64_t *n)
{
    double max = 0;
    bool array = true;
    *n = 0;
    lua_pushnil(L);
    while (lua_next(L, at)) {
        double key = lua_type(L, -2) == LUA_TNUMBER ? lua_tonumber(L, -2) : -1;
        if (!whole(key) || key <= 0) array = false;
        else if (key > max) max = key;
        lua_pop(L, 1);
        ++*n;
    }
    return array && max == (double)*n;
}

static void pack_value(lua_State *L, struct scratch *b, int at, int depth);

static void pack_table(lua_State *L, struct scratch *b, int at, int depth)
{
    uint64_t n;
    luaL_checkstack(L, 8, "in function mp_encode_lua_table");
    bool array = is_array(L, at, &n);
    put_count(b, array ? 0x90 : 0x80, array ? 0xdc : 0xde, n);
    for (uint64_t i = 1; array && i <= n; i++) {
        lua_rawgeti(L, at, (int)i);
        pack_value(L, b, lua_gettop(L), depth);
        lua_pop(L, 1);
    }
    if (array) return;
    lua_pushnil(L);
    while (lua_next(L, at)) {
        int key = lua_gettop(L) - 1;
        pack_value(L, b, key, depth);
        pack_value(L, b, key + 1, depth);
        lua_pop(L, 1);
    }
}

static void pack_value(lua_State *L, struct scratch *b, int at, int depth)
{
    size_t n;
    const char *p;
    switch (lua_type(L, at)) {
    case LUA_TSTRING:
        p = lua_tolstring(L, at, &n);
        put_string(b, p, n);
        break;
    case LUA_TNUMBER: put_number(b, lua_tonumber(L, at)); break;
    case LUA_TBOOLEAN: put_byte(b, lua_toboolean(L, at) ? 0xc3 : 0xc2); break;
    case LUA_TTABLE:
        if (depth < CMSGPACK_DEPTH_MAX) pack_table(L, b, at, depth + 1);
        else put_byte(b, 0xc0); /* circles end here */
        break;
    default: put_byte(b, 0xc0);
    }
}

static int pack(lua_State *L)
{
    int argc = lua_gettop(L);
    struct scratch b;
    if (argc == 0) return luaL_argerror(L, 0, "MessagePack pack needs input.");
    luaL_checkstack(L, 4, "Too many arguments for MessagePack pack.");
    scratch_begin(&b, L);
    for (int i = 1; i <= argc; i++) pack_value(L, &b, i, 0);
    return scratch_give(&b);
}

/* ---- unpacking ---- */

struct in {
    const unsigned char *p;
    size_t left;
    const char *error;
};

static void unpack_value(lua_State *L, struct in *in);

/* Are n bytes there? */
static bool has(struct in *in, uint64_t n)
{
    if (in->left >= n) return true;
    in->error = "Missing bytes in input.";
    return false;
}

static const unsigned char *take(struct in *in, size_t n)
{
    const unsigned char *p = in->p;
    in->p += n;
    in->left -= n;
    return p;
}

/* n bytes, big-endian; the caller has asked has(). */
static uint64_t number(struct in *in, int n)
{
    uint64_t v = 0;
    for (const unsigned char *p = take(in, (size_t)n); n > 0; n--) v = v << 8 | *p++;
    return v;
}

static void push_string(lua_State *L, struct in *in, uint64_t n)
{
    if (has(in, n)) lua_pushlstring(L, (const char *)take(in, (size_t)n), (size_t)n);
}

static void push_array(lua_State *L, struct in *in, uint64_t n)
{
    luaL_checkstack(L, 2, "in function mp_decode_to_lua_array");
    lua_createtable(L, n < in->left ? (int)(n < 1024 ? n : 1024) : 0, 0);
    for (uint64_t i = 1; i <= n; i++) {
        unpack_value(L, in);
        if (in->error) return;
        lua_rawseti(L, -2, (int)i);
    }
}

static void push_map(lua_State *L, struct in *in, uint64_t n)
{
    luaL_checkstack(L, 3, "in function mp_decode_to_lua_hash");
    lua_createtable(L, 0, n < in->left ? (int)(n < 1024 ? n : 1024) : 0);
    for (uint64_t i = 0; i < n; i++) {
        unpack_value(L, in);
        if (in->error) return;
        unpack_value(L, in);
        if (in->error) return;
        lua_rawset(L, -3);
    }
}

static void push_float(lua_State *L, struct in *in)
{
    uint32_t u = (uint32_t)number(in, 4);
    float f;
    memcpy(&f, &u, sizeof(f));
    lua_pushnumber(L, (lua_Number)f);
}

static void push_double(lua_State *L, struct in *in)
{
    uint64_t u = number(in, 8);
    double d;
    memcpy(&d, &u, sizeof(d));
    lua_pushnumber(L, d);
}

/* Codes 0xc0 .. 0xdf: how many bytes of a number follow, and what it is. */
enum kind { BAD, NIL, FALSE, TRUE, FLOAT, DOUBLE, UNSIGNED, SIGNED, STRING, ARRAY, MAP };
static const struct {
    unsigned char bytes, kind;
} codes[32] = {
    [0x00] = { 0, NIL },      [0x02] = { 0, FALSE },    [0x03] = { 0, TRUE },
    [0x0a] = { 4, FLOAT },    [0x0b] = { 8, DOUBLE },   [0x0c] = { 1, UNSIGNED },
    [0x0d] = { 2, UNSIGNED }, [0x0e] = { 4, UNSIGNED }, [0x0f] = { 8, UNSIGNED },
    [0x10] = { 1, SIGNED },   [0x11] = { 2, SIGNED },   [0x12] = { 4, SIGNED },
    [0x13] = { 8, SIGNED },   [0x19] = { 1, STRING },   [0x1a] = { 2, STRING },
    [0x1b] = { 4, STRING },   [0x1c] = { 2, ARRAY },    [0x1d] = { 4, ARRAY },
    [0x1e] = { 2, MAP },      [0x1f] = { 4, MAP },
};

static int64_t signed_of(uint64_t v, int bytes)
{
    int shift = 64 - 8 * bytes;
    return (int64_t)(v << shift) >> shift;
}

static void push_coded(lua_State *L, struct in *in, unsigned code)
{
    int bytes = codes[code].bytes;
    if (!has(in, (uint64_t)bytes)) return;
    switch (codes[code].kind) {
    case NIL: lua_pushnil(L); break;
    case FALSE: lua_pushboolean(L, 0); break;
    case TRUE: lua_pushboolean(L, 1); break;
    case FLOAT: push_float(L, in); break;
    case DOUBLE: push_double(L, in); break;
    case UNSIGNED: lua_pushnumber(L, (lua_Number)number(in, bytes)); break;
    case SIGNED: lua_pushnumber(L, (lua_Number)signed_of(number(in, bytes), bytes)); break;
    case STRING: push_string(L, in, number(in, bytes)); break;
    case ARRAY: push_array(L, in, number(in, bytes)); break;
    case MAP: push_map(L, in, number(in, bytes)); break;
    default: in->error = "Bad data format in input.";
    }
}

/* Pushes one value, or sets the error. */
static void unpack_value(lua_State *L, struct in *in)
{
    luaL_checkstack(L, 1,
                    "too many return values at once; use unpack_one or unpack_limit instead.");
    if (!has(in, 1)) return;
    unsigned code = *take(in, 1);
    if (code <= 0x7f) lua_pushnumber(L, code);
    else if (code <= 0x8f) push_map(L, in, code & 15);
    else if (code <= 0x9f) push_array(L, in, code & 15);
    else if (code <= 0xbf) push_string(L, in, code & 31);
    else if (code <= 0xdf) push_coded(L, in, code & 31);
    else lua_pushnumber(L, (lua_Number)(int)code - 256);
}

/* limit and offset 0: all there is. */
static int unpack_some(lua_State *L, lua_Integer limit, lua_Integer offset)
{
    size_t n;
    const char *p = luaL_checklstring(L, 1, &n);
    bool all = !limit && !offset;
    lua_settop(L, 1);
    if (offset < 0 || limit < 0)
        return luaL_error(L, "Invalid request to unpack with offset of %d and limit of %d.",
                          (int)offset, (int)n);
    if ((uint64_t)offset > n)
        return luaL_error(L, "Start offset %d greater than input length %d.", (int)offset, (int)n);
    struct in in = { (const unsigned char *)p + offset, n - (size_t)offset, NULL };
    int count = 0;
    for (; in.left > 0 && (all || count < limit); count++) {
        unpack_value(L, &in);
        if (in.error) return luaL_error(L, "%s", in.error);
    }
    if (all) return count;
    luaL_checkstack(L, 1, "no room for the offset");
    lua_pushnumber(L, in.left ? (lua_Number)(n - in.left) : -1);
    lua_insert(L, 2);
    return count + 1;
}

static int unpack(lua_State *L) { return unpack_some(L, 0, 0); }
static int unpack_one(lua_State *L) { return unpack_some(L, 1, luaL_optinteger(L, 2, 0)); }

static int unpack_limit(lua_State *L)
{
    lua_Integer limit = luaL_checkinteger(L, 2);
    return unpack_some(L, limit, luaL_optinteger(L, 3, 0));
}

int cmsgpack_open(lua_State *L)
{
    static const luaL_Reg functions[] = { { "pack", pack },
                                          { "unpack", unpack },
                                          { "unpack_one", unpack_one },
                                          { "unpack_limit", unpack_limit } };
    lua_createtable(L, 0, 8);
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        lua_pushcfunction(L, functions[i].func);
        lua_setfield(L, -2, functions[i].name);
    }
    lua_pushliteral(L, "cmsgpack");
    lua_setfield(L, -2, "_NAME");
    lua_pushliteral(L, "lua-cmsgpack 0.4.0"); /* whose bytes these are */
    lua_setfield(L, -2, "_VERSION");
    return 1;
}
