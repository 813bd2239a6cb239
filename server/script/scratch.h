/* scratch: a growing byte buffer for C functions called by Lua. Its memory is Lua's own (counted,
 * bounded, freed even when an error leaves the function); what is short stays on C's stack.
 *
 * One stack slot belongs to it from scratch_begin on. Layer server/script. */
#ifndef SERVER_SCRIPT_SCRATCH_H
#define SERVER_SCRIPT_SCRATCH_H

#include <lauxlib.h>
#include <lua.h>
#include <stdint.h>
#include <string.h>

struct scratch {
    lua_State *L;
    int slot;
    char *p;
    size_t n, cap;
    char few[512];
};

static inline void scratch_begin(struct scratch *s, lua_State *L)
{
    s->L = L;
    s->p = s->few;
    s->n = 0;
    s->cap = sizeof(s->few);
    lua_pushnil(L);
    s->slot = lua_gettop(L);
}

/* Room for n more bytes: where to write them. */
static inline char *scratch_room(struct scratch *s, size_t n)
{
    if (s->cap - s->n < n) {
        size_t cap = s->cap * 2 > s->n + n ? s->cap * 2 : s->n + n;
        luaL_checkstack(s->L, 1, "no room for a buffer");
        char *p = lua_newuserdata(s->L, cap);
        memcpy(p, s->p, s->n);
        lua_replace(s->L, s->slot);
        s->p = p;
        s->cap = cap;
    }
    return s->p + s->n;
}

static inline void scratch_put(struct scratch *s, const char *p, size_t n)
{
    if (n) memcpy(scratch_room(s, n), p, n);
    s->n += n;
}

static inline void scratch_byte(struct scratch *s, unsigned v)
{
    *scratch_room(s, 1) = (char)v;
    s->n++;
}

/* Pushes what it holds. */
static inline int scratch_give(struct scratch *s)
{
    lua_pushlstring(s->L, s->p, s->n);
    return 1;
}

#endif
