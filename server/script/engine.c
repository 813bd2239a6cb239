#include "server/script/engine.h"

#include <lualib.h>
#include <string.h>

#include "core/base/mem.h"
#include "server/config.h"
#include "server/script/api.h"
#include "server/script/errors.h"
#include "server/script/sandbox.h"
#include "server/script/scripting.h"
#include "server/server.h"

#define REST_FULL_BYTES (4u << 20) /* a script that left more is cleaned up after at once */

static void *allocate(void *ud, void *p, size_t old, size_t n)
{
    struct engine *e = ud;
    size_t had = p ? old : 0;
    if (n == 0) {
        mem_free(p);
        e->used -= had;
        return NULL;
    }
    if (e->bounded && n > had && e->limit && e->used + (n - had) > e->limit) return NULL;
    p = p ? mem_realloc(p, n) : mem_alloc(n);
    e->used += n - had;
    return p;
}

struct engine *engine_of(lua_State *L)
{
    void *ud;
    lua_getallocf(L, &ud);
    return ud;
}

/* Only bugs of ours come here: all scripts run in protected calls. */
static int on_panic(lua_State *L)
{
    must(L == NULL); /* an error outside of a protected call */
    return 0;
}

struct engine *engine_new(struct scripting *of, enum engine_kind kind)
{
    struct engine *e = mem_zalloc(sizeof(*e));
    e->of = of;
    e->L = lua_newstate(allocate, e);
    must(e->L);
    lua_atpanic(e->L, on_panic);
    sandbox_open(e, kind);
    return e;
}

void engine_delete(struct engine *e)
{
    if (!e) return;
    lua_close(e->L);
    must(e->used == 0);
    vec_free(&e->args);
    vec_free(&e->numbers);
    mem_free(e);
}

/* ---- code ---- */

struct reader {
    struct slice source;
    int step;
};

#define SOURCE_MAX (1u << 30) /* the lexer of Lua counts in int */

/* A blank in front: what begins with the mark of precompiled code is then plain bad source. */
static const char *read_source(lua_State *L, void *ud, size_t *n)
{
    struct reader *r = ud;
    if (r->step++ == 0) {
        *n = 1;
        return " ";
    }
    if (r->step > 2 || r->source.n == 0) return NULL;
    *n = r->source.n;
    return r->source.p;
}

bool engine_compile(lua_State *L, struct slice source, const char *chunk)
{
    struct reader r = { source, 0 };
    lua_checkstack(L, 4);
    if (source.n > SOURCE_MAX) {
        lua_pushliteral(L, "the source is too long");
        return false;
    }
    lua_pushstring(L, chunk); /* held while the parser works, which itself does not hold it */
    int status = lua_load(L, read_source, &r, chunk);
    lua_remove(L, -2);
    return status == 0;
}

int engine_pcall(struct engine *e, int args, int results)
{
    lua_State *L = e->L;
    int at = lua_gettop(L) - args;
    lua_pushcfunction(L, errors_handler);
    lua_insert(L, at);
    e->limit = (size_t)e->of->s->config->lua_memory_limit;
    e->bounded = true;
    int status = lua_pcall(L, args, results, at);
    e->bounded = false;
    lua_remove(L, at);
    return status;
}

void engine_rest(struct engine *e)
{
    if (e->gc_touched) {
        lua_gc(e->L, LUA_GCRESTART, 0);
        lua_gc(e->L, LUA_GCSETPAUSE, 200);
        lua_gc(e->L, LUA_GCSETSTEPMUL, 200);
        e->gc_touched = false;
    }
    if (e->used > REST_FULL_BYTES && e->used > 2 * e->rested) {
        lua_gc(e->L, LUA_GCCOLLECT, 0);
        e->rested = e->used;
    }
}
