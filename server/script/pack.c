#include "server/script/pack.h"

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>

#include "server/script/scratch.h"

#define ALIGN_MAX 8

struct format {
    lua_State *L;
    const char *at;
    bool big;
    size_t align;
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static int digits(struct format *f, int otherwise)
{
    if (!is_digit(*f->at)) return otherwise;
    int v = 0;
    for (; is_digit(*f->at); f->at++) {
        int d = *f->at - '0';
        if (v > INT_MAX / 10 || v * 10 > INT_MAX - d)
            return luaL_error(f->L, "integral size overflow");
        v = v * 10 + d;
    }
    return v;
}

static size_t integer_size(struct format *f)
{
    int n = digits(f, (int)sizeof(int));
    if (n > PACK_INTEGER_MAX)
        luaL_error(f->L, "integral size %d is larger than limit of %d", n, PACK_INTEGER_MAX);
    return (size_t)n;
}

/* Bytes that the option takes; 0 where that is not known, or for options without bytes. */
static size_t size_of(struct format *f, char option)
{
    switch (option) {
    case 'B': case 'b': case 'x': return 1;
    case 'H': case 'h': return sizeof(short);
    case 'L': case 'l': return sizeof(long);
    case 'T': return sizeof(size_t);
    case 'f': return sizeof(float);
    case 'd': return sizeof(double);
    case 'c': return (size_t)digits(f, 1);
    case 'i': case 'I': return integer_size(f);
    default: return 0;
    }
}

static bool is_integer(char option) { return option && strchr("bBhHlLTiI", option) != NULL; }

static size_t padding(const struct format *f, size_t at, char option, size_t size)
{
    if (size == 0 || option == 'c') return 0;
    if (size > f->align) size = f->align;
    return (size - (at & (size - 1))) & (size - 1);
}

/* Options that say how those behind them are meant. */
static void control(struct format *f, char option)
{
    if (option == ' ') return;
    if (option == '>' || option == '<') {
        f->big = option == '>';
    } else if (option == '!') {
        int n = digits(f, ALIGN_MAX);
        if (n <= 0 || (n & (n - 1))) luaL_error(f->L, "alignment %d is not a power of 2", n);
        f->align = (size_t)n;
    } else {
        luaL_argerror(f->L, 1, lua_pushfstring(f->L, "invalid format option '%c'", option));
    }
}

static struct format begin(lua_State *L)
{
    return (struct format){ .L = L, .at = luaL_checkstring(L, 1), .align = 1 };
}

/* ---- out ---- */

static void turn(char *p, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        char c = p[i];
        p[i] = p[n - 1 - i];
        p[n - 1 - i] = c;
    }
}

/* What is out of an integer's range becomes its smallest, as the machine's own conversion does. */
static uint64_t integer_of(double d)
{
    if (d >= 9223372036854775808.0 && d < 18446744073709551616.0) return (uint64_t)d;
    if (d >= 18446744073709551616.0) return 0;
    return d >= -9223372036854775808.0 ? (uint64_t)(int64_t)d : (uint64_t)INT64_MIN;
}

static void put_integer(struct scratch *s, const struct format *f, int arg, size_t size)
{
    uint64_t v = integer_of(luaL_checknumber(f->L, arg));
    char text[PACK_INTEGER_MAX];
    for (size_t i = 0; i < size; i++, v >>= 8) text[i] = (char)v;
    if (f->big) turn(text, size);
    scratch_put(s, text, size);
}

static void put_real(struct scratch *s, const struct format *f, int arg, char option)
{
    double d = luaL_checknumber(f->L, arg);
    float single = (float)d;
    char text[sizeof(d)];
    size_t n = option == 'f' ? sizeof(single) : sizeof(d);
    memcpy(text, option == 'f' ? (const void *)&single : (const void *)&d, n);
    if (f->big) turn(text, n);
    scratch_put(s, text, n);
}

/* Gives the bytes taken. */
static size_t put_text(struct scratch *s, const struct format *f, int arg, char option, size_t size)
{
    size_t n;
    const char *p = luaL_checklstring(f->L, arg, &n);
    if (size == 0) size = n;
    luaL_argcheck(f->L, n >= size, arg + 1, "string too short");
    scratch_put(s, p, size);
    if (option == 's') {
        scratch_byte(s, 0);
        size++;
    }
    return size;
}

static int pack(lua_State *L)
{
    struct format f = begin(L);
    struct scratch s;
    int arg = 2;
    size_t total = 0;
    scratch_begin(&s, L);
    /* The slot of the buffer stands where an argument that is missing would. */
    lua_pushnil(L);
    lua_insert(L, s.slot++);
    while (*f.at) {
        char option = *f.at++;
        size_t size = size_of(&f, option), fill = padding(&f, total, option, size);
        total += fill;
        for (; fill > 0; fill--) scratch_byte(&s, 0);
        if (is_integer(option)) put_integer(&s, &f, arg++, size);
        else if (option == 'x') scratch_byte(&s, 0);
        else if (option == 'f' || option == 'd') put_real(&s, &f, arg++, option);
        else if (option == 'c' || option == 's') size = put_text(&s, &f, arg++, option, size);
        else control(&f, option);
        total += size;
    }
    return scratch_give(&s);
}

/* ---- in ---- */

static double get_integer(const struct format *f, const char *p, bool is_signed, size_t size)
{
    uint64_t v = 0;
    for (size_t i = 0; i < size; i++)
        v = v << 8 | (unsigned char)p[f->big ? i : size - 1 - i];
    if (!is_signed) return (double)v;
    if (size > 0 && size < 8 && v >> (8 * size - 1)) v |= ~(uint64_t)0 << (8 * size - 1);
    return (double)(int64_t)v;
}

static double get_real(const struct format *f, const char *p, char option)
{
    char text[sizeof(double)];
    size_t n = option == 'f' ? sizeof(float) : sizeof(double);
    memcpy(text, p, n);
    if (f->big) turn(text, n);
    double d;
    float single;
    if (option == 'f') {
        memcpy(&single, text, sizeof(single));
        return (double)single;
    }
    memcpy(&d, text, sizeof(d));
    return d;
}

struct data {
    const char *p;
    size_t n, at;
};

static void need(lua_State *L, const struct data *d, size_t size)
{
    luaL_argcheck(L, size <= d->n && d->at <= d->n - size, 2, "data string too short");
}

/* c0: the value before says how many. */
static size_t counted(lua_State *L, const struct data *d, int *results)
{
    if (*results == 0 || !lua_isnumber(L, -1))
        luaL_error(L, "format 'c0' needs a previous size");
    double said = lua_tonumber(L, -1);
    size_t size = SIZE_MAX; /* too many, for what is no number of bytes */
    if (said > -1 && said < 18446744073709551616.0) size = said > 0 ? (size_t)said : 0;
    else if (said > 0) size = 0; /* beyond all sizes, as the reference has it */
    lua_pop(L, 1);
    --*results;
    need(L, d, size);
    return size;
}

static size_t terminated(lua_State *L, const struct data *d)
{
    const char *end = d->at < d->n ? memchr(d->p + d->at, 0, d->n - d->at) : NULL;
    if (!end) luaL_error(L, "unfinished string in data");
    return (size_t)(end - (d->p + d->at)) + 1;
}

/* Pushes what the option says; gives the bytes taken. */
static size_t get(struct format *f, char option, size_t size, const struct data *d, int *results)
{
    lua_State *L = f->L;
    const char *p = d->p + d->at;
    if (is_integer(option)) {
        lua_pushnumber(L, get_integer(f, p, islower((unsigned char)option), size));
    } else if (option == 'f' || option == 'd') {
        lua_pushnumber(L, get_real(f, p, option));
    } else if (option == 'c') {
        if (size == 0) size = counted(L, d, results);
        lua_pushlstring(L, p, size);
    } else if (option == 's') {
        size = terminated(L, d);
        lua_pushlstring(L, p, size - 1);
    } else {
        if (option != 'x') control(f, option);
        return size;
    }
    ++*results;
    return size;
}

static int unpack(lua_State *L)
{
    struct format f = begin(L);
    struct data d;
    d.p = luaL_checklstring(L, 2, &d.n);
    lua_Integer from = luaL_optinteger(L, 3, 1);
    luaL_argcheck(L, from != 0, 3, "offset must be 1 or greater");
    d.at = (size_t)from - 1; /* need() finds what is no place */
    lua_settop(L, 2);
    int results = 0;
    while (*f.at) {
        char option = *f.at++;
        size_t size = size_of(&f, option);
        d.at += padding(&f, d.at, option, size);
        need(L, &d, size);
        luaL_checkstack(L, 2, "too many results");
        d.at += get(&f, option, size, &d, &results);
    }
    lua_pushnumber(L, (lua_Number)(int64_t)(d.at + 1));
    return results + 1;
}

static int size(lua_State *L)
{
    struct format f = begin(L);
    size_t at = 0;
    while (*f.at) {
        char option = *f.at++;
        size_t n = size_of(&f, option);
        at += padding(&f, at, option, n);
        if (option == 's') luaL_argerror(L, 1, "option 's' has no fixed size");
        if (option == 'c' && n == 0) luaL_argerror(L, 1, "option 'c0' has no fixed size");
        if (!isalnum((unsigned char)option)) control(&f, option);
        at += n;
    }
    lua_pushnumber(L, (lua_Number)at);
    return 1;
}

int pack_open(lua_State *L)
{
    static const luaL_Reg functions[] = { { "pack", pack }, { "unpack", unpack },
                                          { "size", size } };
    lua_createtable(L, 0, 4);
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        lua_pushcfunction(L, functions[i].func);
        lua_setfield(L, -2, functions[i].name);
    }
    return 1;
}
