#include "server/script/library.h"

#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/front/front.h"
#include "core/resp/read.h"
#include "core/sys/clock.h"
#include "server/script/api.h"
#include "server/script/errors.h"
#include "server/script/run.h"
#include "server/script/sandbox.h"
#include "server/server.h"

#define FUNCTION_NAME_HASHED 128 /* bytes of a name that count for its place in the table */
#define LOAD_MS 500 /* for the code of a library outside of its functions, as in Redis */

struct loading {
    struct library *lib;
    int64_t until_us; /* 0: no bound */
};

/* ---- tables ---- */

static uint64_t hash_of(const struct table *t, struct slice s)
{
    return hash_bytes(s.p, s.n, t->app);
}
static uint64_t library_hash(const struct table *t, const void *e)
{
    return hash_of(t, str_slice(((const struct library *)e)->name));
}
static bool library_equal(const void *e, const void *key)
{
    return slice_eq(str_slice(((const struct library *)e)->name), *(const struct slice *)key);
}
/* Functions are called in any case of letters. */
static uint64_t any_case(const struct table *t, struct slice name)
{
    char lower[FUNCTION_NAME_HASHED];
    size_t n = name.n < sizeof(lower) ? name.n : sizeof(lower);
    for (size_t i = 0; i < n; i++)
        lower[i] = name.p[i] >= 'A' && name.p[i] <= 'Z' ? (char)(name.p[i] + 32) : name.p[i];
    return hash_of(t, slice_of(lower, n));
}
static uint64_t function_hash(const struct table *t, const void *e)
{
    return any_case(t, str_slice(((const struct function *)e)->name));
}
static bool function_equal(const void *e, const void *key)
{
    return slice_ieq(str_slice(((const struct function *)e)->name), *(const struct slice *)key);
}
static const struct table_type library_type = { library_hash, library_equal };
static const struct table_type function_type = { function_hash, function_equal };

struct library *library_find(const struct libraries *ls, struct slice name)
{
    void **slot = table_find(&ls->by_name, hash_of(&ls->by_name, name), &name);
    return slot ? *slot : NULL;
}

struct function *function_find(const struct libraries *ls, struct slice name)
{
    void **slot = table_find(&ls->functions, any_case(&ls->functions, name), &name);
    return slot ? *slot : NULL;
}

/* ---- life ---- */

static void function_delete(struct function *f)
{
    luaL_unref(f->of->of->engine->L, LUA_REGISTRYINDEX, f->callback);
    str_free(&f->name);
    str_free(&f->description);
    mem_free(f);
}

static void library_delete(struct library *l)
{
    for (size_t i = 0; i < l->functions.n; i++) function_delete(l->functions.at[i]);
    vec_free(&l->functions);
    str_free(&l->name);
    str_free(&l->code);
    mem_free(l);
}

struct libraries *libraries_new(struct scripting *sc)
{
    struct libraries *ls = mem_zalloc(sizeof(*ls));
    ls->sc = sc;
    ls->engine = engine_new(sc, ENGINE_FUNCTIONS);
    table_init(&ls->by_name, &library_type, &sc->s->front->hash_key);
    table_init(&ls->functions, &function_type, &sc->s->front->hash_key);
    return ls;
}

void libraries_delete(struct libraries *ls)
{
    if (!ls) return;
    for (size_t i = 0; i < ls->list.n; i++) library_delete(ls->list.at[i]);
    vec_free(&ls->list);
    table_free(&ls->by_name);
    table_free(&ls->functions);
    engine_delete(ls->engine);
    mem_free(ls);
}

static void put(struct libraries *ls, struct library *l)
{
    l->of = ls;
    vec_push(&ls->list, l);
    table_add(&ls->by_name, library_hash(&ls->by_name, l), l);
    for (size_t i = 0; i < l->functions.n; i++) {
        struct function *f = l->functions.at[i];
        table_add(&ls->functions, function_hash(&ls->functions, f), f);
    }
    ls->bytes += l->bytes;
}

static void take_out(struct library *l)
{
    struct libraries *ls = l->of;
    for (size_t i = 0; i < ls->list.n; i++) {
        if (ls->list.at[i] != l) continue;
        vec_remove(&ls->list, i);
        break;
    }
    table_remove_entry(&ls->by_name, library_hash(&ls->by_name, l), l);
    for (size_t i = 0; i < l->functions.n; i++) {
        struct function *f = l->functions.at[i];
        table_remove_entry(&ls->functions, function_hash(&ls->functions, f), f);
    }
    ls->bytes -= l->bytes;
}

void library_drop(struct library *l)
{
    take_out(l);
    library_delete(l);
}

/* ---- names and the first line ---- */

static bool name_ok(struct slice name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_'))
            return false;
    }
    return name.n > 0;
}

#define BAD_NAME                                                                                   \
    "Library names can only contain letters, numbers, or underscores(_) and must be at least one " \
    "character long"

static enum err read_words(struct slice *words, int n, struct str *name, struct errmsg *msg)
{
    if (n == 0 || !slice_starts(words[0], "#!"))
        return err_set(msg, ERR_SYNTAX, "Invalid library metadata");
    struct slice engine = slice_of(words[0].p + 2, words[0].n - 2);
    bool given = false;
    for (int i = 1; i < n; i++) {
        if (words[i].n < 5 || !slice_ieq(slice_of(words[i].p, 5), SLICE("name=")))
            return err_set(msg, ERR_SYNTAX, "Invalid metadata value given: %.*s",
                           SLICE_ARG(words[i]));
        if (given)
            return err_set(msg, ERR_SYNTAX,
                           "Invalid metadata value, name argument was given multiple times");
        *name = str_new(slice_of(words[i].p + 5, words[i].n - 5));
        given = true;
    }
    if (!given) return err_set(msg, ERR_SYNTAX, "Library name was not given");
    if (!name_ok(str_slice(*name))) return err_set(msg, ERR_SYNTAX, BAD_NAME);
    if (!slice_ieqz(engine, "lua"))
        return err_set(msg, ERR_NOTFOUND, "Engine '%.*s' not found", SLICE_ARG(engine));
    return ERR_NONE;
}

/* "#!lua name=x": *code is what follows the line, its end included. */
static enum err read_head(struct slice source, struct str *name, struct slice *code,
                          struct errmsg *msg)
{
    if (!slice_starts(source, "#!")) return err_set(msg, ERR_SYNTAX, "Missing library metadata");
    ptrdiff_t end = slice_find(source, '\n', 0);
    if (end < 0) return err_set(msg, ERR_SYNTAX, "Invalid library metadata");
    int n = 0;
    struct slice *words = resp_split_line(slice_of(source.p, (size_t)end), &n);
    enum err e = words ? read_words(words, n, name, msg)
                       : err_set(msg, ERR_SYNTAX, "Invalid library metadata");
    mem_free(words);
    *code = slice_of(source.p + end, source.n - (size_t)end);
    return e;
}

/* ---- redis.register_function ---- */

/* What the caller said, with references into its stack. */
struct wanted {
    struct slice name, description;
    uint32_t flags;
    int callback; /* index on the stack; 0: none */
};

static const char *read_flags(lua_State *L, int at, uint32_t *flags)
{
    if (!lua_istable(L, at))
        return "flags argument to redis.register_function must be a table representing function "
               "flags";
    for (int i = 1;; i++) {
        lua_rawgeti(L, at, i);
        if (lua_isnil(L, -1)) break;
        struct slice s = { NULL, 0 };
        if (lua_type(L, -1) == LUA_TSTRING) s.p = lua_tolstring(L, -1, &s.n);
        uint32_t flag = s.p ? script_flag(s) : 0;
        lua_pop(L, 1);
        if (!flag) return "unknown flag given";
        *flags |= flag;
    }
    lua_pop(L, 1);
    return NULL;
}

/* Value of key at `at`; both stay on the stack of the call. */
static const char *read_field(lua_State *L, const char *key, int at, struct wanted *w)
{
    if (strcmp(key, "function_name") == 0) {
        if (!lua_isstring(L, at))
            return "function_name argument given to redis.register_function must be a string";
        w->name.p = lua_tolstring(L, at, &w->name.n);
    } else if (strcmp(key, "description") == 0) {
        if (!lua_isstring(L, at))
            return "description argument given to redis.register_function must be a string";
        w->description.p = lua_tolstring(L, at, &w->description.n);
    } else if (strcmp(key, "callback") == 0) {
        if (!lua_isfunction(L, at))
            return "callback argument given to redis.register_function must be a function";
        w->callback = at;
    } else if (strcmp(key, "flags") == 0) {
        return read_flags(L, at, &w->flags);
    } else {
        return "unknown argument given to redis.register_function";
    }
    return NULL;
}

static const char *read_named(lua_State *L, struct wanted *w)
{
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        if (!lua_checkstack(L, 4)) return "too many arguments given to redis.register_function";
        if (!lua_isstring(L, -2))
            return "named argument key given to redis.register_function is not a string";
        lua_pushvalue(L, -2); /* a number is made a text, which the walk would not know again */
        const char *why = read_field(L, lua_tostring(L, -1), lua_gettop(L) - 1, w);
        lua_pop(L, 1);
        if (why) return why;
        lua_pushvalue(L, -2); /* values stay where they are */
    }
    if (!w->name.p)
        return "redis.register_function must get a function name argument";
    if (!w->callback) return "redis.register_function must get a callback argument";
    return NULL;
}

static const char *read_wanted(lua_State *L, struct wanted *w)
{
    int argc = lua_gettop(L);
    if (argc < 1 || argc > 2) return "wrong number of arguments to redis.register_function";
    if (argc == 1) {
        if (!lua_istable(L, 1))
            return "calling redis.register_function with a single argument is only applicable to "
                   "Lua table (representing named arguments).";
        return read_named(L, w);
    }
    if (!lua_isstring(L, 1))
        return "first argument to redis.register_function must be a string";
    if (!lua_isfunction(L, 2))
        return "second argument to redis.register_function must be a function";
    w->name.p = lua_tolstring(L, 1, &w->name.n);
    w->callback = 2;
    return NULL;
}

static bool has_function(const struct library *l, struct slice name)
{
    for (size_t i = 0; i < l->functions.n; i++)
        if (slice_ieq(str_slice(l->functions.at[i]->name), name)) return true;
    return false;
}

int api_register_function(lua_State *L)
{
    struct engine *e = engine_of(L);
    struct loading *g = e->loading;
    struct wanted w = { 0 };
    if (!g) return errors_throw(L, "redis.register_function can only be called on FUNCTION LOAD "
                                   "command");
    const char *why = read_wanted(L, &w);
    if (!why && !name_ok(w.name)) why = BAD_NAME;
    if (!why && has_function(g->lib, w.name)) why = "Function already exists in the library";
    if (why) return errors_throw(L, why);
    lua_pushvalue(L, w.callback);
    int callback = luaL_ref(L, LUA_REGISTRYINDEX); /* may throw: nothing is made before */
    struct function *f = mem_zalloc(sizeof(*f));
    f->callback = callback;
    f->of = g->lib;
    f->name = str_new(w.name);
    if (w.description.p) f->description = str_new(w.description);
    f->flags = w.flags;
    vec_push(&g->lib->functions, f);
    return 0;
}

/* ---- loading ---- */

void library_hook(lua_State *L)
{
    struct loading *g = engine_of(L)->loading;
    if (!g || !g->until_us || clock_mono_us() < g->until_us) return;
    lua_sethook(L, run_hook, LUA_MASKLINE | LUA_MASKCOUNT, 1);
    errors_throw(L, "FUNCTION LOAD timeout");
}

static enum err run_code(struct libraries *ls, struct library *l, struct slice code, bool bounded,
                         struct errmsg *msg)
{
    struct engine *e = ls->engine;
    lua_State *L = e->L;
    if (!engine_compile(L, code, "@user_function")) {
        err_set(msg, ERR_SYNTAX, "Error compiling function: %s", lua_tostring(L, -1));
        lua_pop(L, 1);
        return ERR_SYNTAX;
    }
    struct loading g = { l, bounded ? clock_mono_us() + LOAD_MS * 1000 : 0 };
    e->loading = &g;
    sandbox_loading(e, true);
    lua_sethook(L, run_hook, LUA_MASKCOUNT, RUN_HOOK_COUNT);
    int status = engine_pcall(e, 0, 0);
    lua_sethook(L, NULL, 0, 0);
    sandbox_loading(e, false);
    e->loading = NULL;
    if (status == 0) return ERR_NONE;
    const char *text = NULL;
    if (lua_istable(L, -1)) lua_getfield(L, -1, "err");
    text = lua_tostring(L, -1);
    err_set(msg, ERR_SYNTAX, "Error registering functions: %s", text ? text : "unknown error");
    lua_settop(L, 0);
    return ERR_SYNTAX;
}

static size_t bytes_of(const struct library *l)
{
    size_t sum = mem_size(l) + mem_size(l->name.p) + mem_size(l->code.p);
    for (size_t i = 0; i < l->functions.n; i++)
        sum += mem_size(l->functions.at[i]) + mem_size(l->functions.at[i]->name.p);
    return sum;
}

/* Is a name of l's taken by another library than `old`? */
static enum err names_free(const struct libraries *ls, const struct library *l,
                           const struct library *old, struct errmsg *msg)
{
    for (size_t i = 0; i < l->functions.n; i++) {
        struct function *f = function_find(ls, str_slice(l->functions.at[i]->name));
        if (f && f->of != old)
            return err_set(msg, ERR_EXISTS, "Function %s already exists", str_c(f->name));
    }
    return ERR_NONE;
}

static enum err make(struct libraries *ls, struct library *l, struct slice source, bool replace,
                     bool bounded, struct errmsg *msg)
{
    struct slice code;
    enum err e = read_head(source, &l->name, &code, msg);
    if (e) return e;
    struct library *old = library_find(ls, str_slice(l->name));
    if (old && !replace)
        return err_set(msg, ERR_EXISTS, "Library '%s' already exists", str_c(l->name));
    e = run_code(ls, l, code, bounded, msg);
    if (e) return e;
    if (l->functions.n == 0) return err_set(msg, ERR_SYNTAX, "No functions registered");
    e = names_free(ls, l, old, msg);
    if (!e && old) library_drop(old);
    return e;
}

enum err library_load(struct libraries *ls, struct slice source, bool replace, bool bounded,
                      struct str *name, struct errmsg *msg)
{
    struct library *l = mem_zalloc(sizeof(*l));
    l->of = ls;
    enum err e = make(ls, l, source, replace, bounded, msg);
    if (e) {
        library_delete(l);
        engine_rest(ls->engine);
        return e;
    }
    l->code = str_new(source);
    l->bytes = bytes_of(l);
    put(ls, l);
    if (name) *name = l->name;
    return ERR_NONE;
}

/* Sources are few and short, as against keys: they are run anew in the other interpreter. */
enum err libraries_join(struct libraries *to, struct libraries *from, bool replace,
                        struct errmsg *msg)
{
    enum err e = ERR_NONE;
    for (size_t i = 0; i < from->list.n && !e; i++) {
        struct library *l = from->list.at[i], *old = library_find(to, str_slice(l->name));
        if (old && !replace)
            e = err_set(msg, ERR_EXISTS, "Library %s already exists", str_c(l->name));
        for (size_t k = 0; k < l->functions.n && !e; k++) {
            struct function *f = function_find(to, str_slice(l->functions.at[k]->name));
            /* A library that is replaced frees its names. */
            if (f && !library_find(from, str_slice(f->of->name)))
                e = err_set(msg, ERR_EXISTS, "Function %s already exists", str_c(f->name));
        }
    }
    for (size_t i = 0; i < from->list.n && !e; i++) {
        struct library *old = library_find(to, str_slice(from->list.at[i]->name));
        if (old) library_drop(old);
    }
    for (size_t i = 0; i < from->list.n && !e; i++)
        e = library_load(to, str_slice(from->list.at[i]->code), false, false, NULL, msg);
    return e;
}
