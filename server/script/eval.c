#include "server/script/eval.h"

#include "core/base/hash.h"
#include "core/base/ilist.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/sha1.h"
#include "core/base/table.h"
#include "core/front/client.h"
#include "core/front/front.h"
#include "core/front/reply.h"
#include "core/resp/read.h"
#include "server/script/engine.h"
#include "server/script/run.h"
#include "server/server.h"

#define HEX_LEN (2 * SHA1_BYTES)

struct eval_script {
    struct ilist recent;  /* among scripts of EVAL, or alone: of SCRIPT LOAD */
    char sha[HEX_LEN + 1];
    uint32_t flags;
    int function;         /* registry reference */
    bool kept;            /* by SCRIPT LOAD */
    size_t n;
    char body[];
};

struct eval_cache {
    struct scripting *sc;
    struct engine *engine;
    struct table by_sha, by_body;
    struct ilist recent;
    size_t evictable, bytes;
};

/* ---- tables ---- */

static struct slice body_of(const struct eval_script *e) { return slice_of(e->body, e->n); }

static uint64_t hash_of(const struct table *t, struct slice s)
{
    return hash_bytes(s.p, s.n, t->app);
}
static uint64_t sha_hash(const struct table *t, const void *entry)
{
    return hash_of(t, slice_of(((const struct eval_script *)entry)->sha, HEX_LEN));
}
static bool sha_equal(const void *entry, const void *key)
{
    return memcmp(((const struct eval_script *)entry)->sha, key, HEX_LEN) == 0;
}
static uint64_t body_hash(const struct table *t, const void *entry)
{
    return hash_of(t, body_of(entry));
}
static bool body_equal(const void *entry, const void *key)
{
    return slice_eq(body_of(entry), *(const struct slice *)key);
}
static const struct table_type by_sha = { sha_hash, sha_equal };
static const struct table_type by_body = { body_hash, body_equal };

static struct eval_script *find_sha(const struct eval_cache *ec, struct slice sha)
{
    char lower[HEX_LEN];
    if (sha.n != HEX_LEN) return NULL;
    for (int i = 0; i < HEX_LEN; i++) {
        char ch = sha.p[i];
        lower[i] = ch >= 'A' && ch <= 'Z' ? (char)(ch + 32) : ch;
    }
    void **slot = table_find(&ec->by_sha, hash_of(&ec->by_sha, slice_of(lower, HEX_LEN)), lower);
    return slot ? *slot : NULL;
}

static struct eval_script *find_body(const struct eval_cache *ec, struct slice body)
{
    void **slot = table_find(&ec->by_body, hash_of(&ec->by_body, body), &body);
    return slot ? *slot : NULL;
}

/* ---- life of a script ---- */

static size_t cost(const struct eval_script *e) { return mem_size(e); }

static void drop(struct eval_cache *ec, struct eval_script *e)
{
    table_remove_entry(&ec->by_sha, sha_hash(&ec->by_sha, e), e);
    table_remove_entry(&ec->by_body, body_hash(&ec->by_body, e), e);
    luaL_unref(ec->engine->L, LUA_REGISTRYINDEX, e->function);
    ilist_remove(&e->recent);
    if (!e->kept) ec->evictable--;
    ec->bytes -= cost(e);
    mem_free(e);
}

static void used(struct eval_cache *ec, struct eval_script *e)
{
    if (e->kept) return;
    ilist_remove(&e->recent);
    ilist_push(&ec->recent, &e->recent);
}

static void keep(struct eval_cache *ec, struct eval_script *e)
{
    if (e->kept) return;
    e->kept = true;
    ec->evictable--;
    ilist_remove(&e->recent);
}

static void add(struct eval_cache *ec, struct slice body, const char *sha, uint32_t flags)
{
    struct eval_script *e = mem_zalloc(sizeof(*e) + body.n + 1);
    ilist_init(&e->recent);
    memcpy(e->sha, sha, HEX_LEN);
    if (body.n) memcpy(e->body, body.p, body.n);
    e->n = body.n;
    e->flags = flags;
    e->function = luaL_ref(ec->engine->L, LUA_REGISTRYINDEX);
    table_add(&ec->by_sha, sha_hash(&ec->by_sha, e), e);
    table_add(&ec->by_body, body_hash(&ec->by_body, e), e);
    ec->bytes += cost(e);
    ec->evictable++;
    ilist_push(&ec->recent, &e->recent);
    while (ec->evictable > EVAL_SCRIPTS_MAX) {
        drop(ec, ilist_of(ec->recent.next, struct eval_script, recent));
        ec->sc->evicted++;
    }
}

struct eval_cache *eval_new(struct scripting *sc)
{
    struct eval_cache *ec = mem_zalloc(sizeof(*ec));
    ec->sc = sc;
    ec->engine = engine_new(sc, ENGINE_EVAL);
    table_init(&ec->by_sha, &by_sha, &sc->s->front->hash_key);
    table_init(&ec->by_body, &by_body, &sc->s->front->hash_key);
    ilist_init(&ec->recent);
    return ec;
}

void eval_delete(struct eval_cache *ec)
{
    if (!ec) return;
    struct table_iter it;
    table_iter_start(&it, &ec->by_sha);
    for (void *e; (e = table_iter_next(&it));) mem_free(e);
    table_iter_end(&it);
    table_free(&ec->by_sha);
    table_free(&ec->by_body);
    engine_delete(ec->engine);
    mem_free(ec);
}

void eval_figures(const struct eval_cache *ec, struct scripting_figures *f)
{
    f->vm_eval = ec->engine->used;
    f->scripts_eval = ec->bytes + table_mem(&ec->by_sha) + table_mem(&ec->by_body);
    f->cached = table_count(&ec->by_sha);
}

/* ---- #!lua flags=... ---- */

/* One word of the first line behind "#!lua". */
static bool take_option(struct slice word, uint32_t *flags, struct buf *why)
{
    if (!slice_starts(word, "flags=")) {
        buf_fmt(why, "Unknown lua shebang option: %.*s", SLICE_ARG(word));
        return false;
    }
    slice_cut(&word, '=');
    while (word.n) {
        struct slice name = slice_cut(&word, ',');
        uint32_t flag = script_flag(name);
        if (!flag) {
            buf_fmt(why, "Unexpected flag in script shebang: %.*s", SLICE_ARG(name));
            return false;
        }
        *flags |= flag;
    }
    return true;
}

static bool take_words(const struct slice *words, int n, uint32_t *flags, struct buf *why)
{
    if (!words || n == 0) {
        buf_fmt(why, "Invalid engine in script shebang");
        return false;
    }
    if (!slice_eqz(words[0], "#!lua")) {
        buf_fmt(why, "Unexpected engine in script shebang: %.*s", SLICE_ARG(words[0]));
        return false;
    }
    for (int i = 1; i < n; i++)
        if (!take_option(words[i], flags, why)) return false;
    return true;
}

/* What is left of `body` is the script; the line's end stays, so that lines keep their numbers.
 * False: it is wrong; `why` has the error. */
static bool take_shebang(struct slice *body, uint32_t *flags, struct buf *why)
{
    *flags = SCRIPT_COMPAT;
    if (!slice_starts(*body, "#!")) return true;
    ptrdiff_t end = slice_find(*body, '\n', 0);
    if (end < 0) {
        buf_fmt(why, "Invalid script shebang");
        return false;
    }
    int n = 0;
    struct slice *words = resp_split_line(slice_of(body->p, (size_t)end), &n);
    *flags = 0;
    bool ok = take_words(words, n, flags, why);
    mem_free(words);
    *body = slice_of(body->p + end, body->n - (size_t)end);
    return ok;
}

static void hex_of(struct slice body, char hex[HEX_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char raw[SHA1_BYTES];
    sha1(body, raw);
    for (int i = 0; i < SHA1_BYTES; i++) {
        hex[2 * i] = digits[raw[i] >> 4];
        hex[2 * i + 1] = digits[raw[i] & 15];
    }
    hex[HEX_LEN] = 0;
}

/* NULL: it has replied. */
static struct eval_script *compile(struct call *c, struct eval_cache *ec, struct slice body)
{
    uint32_t flags;
    struct slice source = body;
    char sha[HEX_LEN + 1];
    lua_State *L = ec->engine->L;
    struct buf why = { 0 };
    if (!take_shebang(&source, &flags, &why)) {
        reply_error_fmt(c, "%.*s", (int)buf_size(&why), buf_head(&why));
        buf_free(&why);
        return NULL;
    }
    if (!engine_compile(L, source, "@user_script")) {
        reply_error_fmt(c, "Error compiling script (new function): %s", lua_tostring(L, -1));
        lua_pop(L, 1);
        return NULL;
    }
    hex_of(body, sha);
    add(ec, body, sha, flags);
    return find_body(ec, body);
}

/* ---- commands ---- */

static struct eval_cache *cache_of(const struct call *c) { return server_of(c)->scripts->cache; }

/* The global tables KEYS and ARGV: set in the real globals, which scripts cannot. */
static void set_words(struct engine *e, const struct call *c, int keys)
{
    lua_State *L = e->L;
    lua_rawgeti(L, LUA_REGISTRYINDEX, e->globals);
    lua_pushliteral(L, "KEYS");
    run_push_words(L, c, 3, 3 + keys);
    lua_rawset(L, -3);
    lua_pushliteral(L, "ARGV");
    run_push_words(L, c, 3 + keys, c->argc);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

static void evaluate(struct call *c, struct eval_script *script, int keys, bool read_only)
{
    struct eval_cache *ec = cache_of(c);
    char name[HEX_LEN + 1];
    if (!run_may(c, script->flags, read_only)) return;
    used(ec, script);
    memcpy(name, script->sha, sizeof(name));
    struct run r = { .name = name, .flags = script->flags, .read_only = read_only };
    set_words(ec->engine, c, keys);
    lua_rawgeti(ec->engine->L, LUA_REGISTRYINDEX, script->function);
    run_script(ec->engine, c, &r, 0);
}

static void eval_text(struct call *c, bool read_only)
{
    int keys;
    if (!run_numkeys(c, &keys, "value is not an integer or out of range")) return;
    struct eval_script *script = find_body(cache_of(c), c->argv[1]);
    if (!script) script = compile(c, cache_of(c), c->argv[1]);
    if (script) evaluate(c, script, keys, read_only);
}

static void eval_sha(struct call *c, bool read_only)
{
    int keys;
    if (c->argv[1].n == HEX_LEN &&
        !run_numkeys(c, &keys, "value is not an integer or out of range"))
        return;
    struct eval_script *script = find_sha(cache_of(c), c->argv[1]);
    if (script) evaluate(c, script, keys, read_only);
    else reply_error(c, "-NOSCRIPT No matching script. Please use EVAL.");
}

static void cmd_eval(struct call *c) { eval_text(c, false); }
static void cmd_eval_ro(struct call *c) { eval_text(c, true); }
static void cmd_evalsha(struct call *c) { eval_sha(c, false); }
static void cmd_evalsha_ro(struct call *c) { eval_sha(c, true); }

static uint32_t flags_in(struct slice body)
{
    uint32_t flags;
    struct buf why = { 0 };
    bool ok = take_shebang(&body, &flags, &why);
    buf_free(&why);
    return ok ? flags : SCRIPT_COMPAT; /* a wrong one is found when it is run */
}

bool eval_flags_of(const struct call *c, uint32_t *flags)
{
    bool text = c->row->run == cmd_eval || c->row->run == cmd_eval_ro;
    if (!text && c->row->run != cmd_evalsha && c->row->run != cmd_evalsha_ro) return false;
    const struct eval_script *script =
        text ? find_body(cache_of(c), c->argv[1]) : find_sha(cache_of(c), c->argv[1]);
    *flags = script ? script->flags : text ? flags_in(c->argv[1]) : (uint32_t)SCRIPT_COMPAT;
    return true;
}

static void cmd_script_load(struct call *c)
{
    struct eval_cache *ec = cache_of(c);
    struct eval_script *script = find_body(ec, c->argv[2]);
    if (!script) script = compile(c, ec, c->argv[2]);
    if (!script) return;
    keep(ec, script);
    reply_bulk(c, slice_of(script->sha, HEX_LEN));
}

static void cmd_script_exists(struct call *c)
{
    reply_array(c, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) reply_int(c, find_sha(cache_of(c), c->argv[i]) != NULL);
}

static void cmd_script_flush(struct call *c)
{
    bool word = arg_is(c, 2, "async") || arg_is(c, 2, "sync");
    if (c->argc > 3 || (c->argc == 3 && !word)) {
        reply_error(c, "SCRIPT FLUSH only support SYNC|ASYNC option");
        return;
    }
    struct scripting *sc = server_of(c)->scripts;
    eval_delete(sc->cache);
    sc->cache = eval_new(sc);
    reply_ok(c);
}

static void cmd_script_kill(struct call *c) { run_kill(c, false); }

static void cmd_script_debug(struct call *c)
{
    if (arg_is(c, 2, "no")) reply_ok(c);
    else if (arg_is(c, 2, "yes") || arg_is(c, 2, "sync"))
        reply_error(c, "the debugger of scripts is not built in");
    else reply_error(c, "Use SCRIPT DEBUG YES/SYNC/NO");
}

static void cmd_script_help(struct call *c)
{
    static const char *const lines[] = {
        "EXISTS <sha1> [<sha1> ...]", "    Tells for each digest whether its script is cached.",
        "FLUSH [ASYNC|SYNC]", "    Forgets all cached scripts.",
        "KILL", "    Ends the script that is running, unless it has written already.",
        "LOAD <script>", "    Caches a script and gives its digest.", NULL
    };
    reply_help(c, lines);
}

/* ---- rows ---- */

#define EVAL_FLAGS                                                                                 \
    (CMD_NOSCRIPT | CMD_STALE | CMD_SKIP_MONITOR | CMD_NO_MANDATORY_KEYS | CMD_MAY_REPLICATE)
#define EVAL_RO_FLAGS                                                                              \
    (CMD_NOSCRIPT | CMD_STALE | CMD_SKIP_MONITOR | CMD_NO_MANDATORY_KEYS | CMD_READONLY)
#define WORST_RW "We cannot tell how the keys will be used so we assume the worst, RW and UPDATE"
#define WORST_RO "We cannot tell how the keys will be used so we assume the worst, RO and ACCESS"
#define WORDS_AT(flags_, notes_)                                                                   \
    { { .begin = KEYS_AT, .first = 2, .find = KEYS_NUMBERED, .numkeys = 0, .firstkey = 1,          \
        .step = 1, .flags = (flags_), .notes = (notes_) } }
#define EVAL_ROW(flags_, keys_, notes_)                                                            \
    .arity = -3, .flags = (flags_) | CMD_MOVABLE_KEYS, .keys = WORDS_AT(keys_, notes_),            \
    .acl = ACL_SCRIPTING, .group = "scripting", .complexity = "That of the script."
#define RW (KEY_RW | KEY_ACCESS | KEY_UPDATE)
#define RO (KEY_RO | KEY_ACCESS)
#define SUB .group = "scripting", .acl = ACL_SCRIPTING

static const char *const hints_exists[] = { "request_policy:all_shards",
                                            "response_policy:agg_logical_and", NULL };
static const char *const hints_all[] = { "request_policy:all_nodes",
                                         "response_policy:all_succeeded", NULL };
static const char *const hints_kill[] = { "request_policy:all_shards",
                                          "response_policy:one_succeeded", NULL };
static const char *const history_flush[] = { "6.2.0", "`ASYNC` and `SYNC` are understood.", NULL };

static const struct command subs[] = {
    { "DEBUG", cmd_script_debug, .arity = 3, .flags = CMD_NOSCRIPT, SUB, .since = "3.2.0",
      .complexity = "O(1)", .summary = "Answers that there is no debugger.",
      .syntax = "mode=(YES|SYNC|NO)" },
    { "EXISTS", cmd_script_exists, .arity = -3, .flags = CMD_NOSCRIPT, SUB, .since = "2.6.0",
      .complexity = "O(N), N: digests", .summary = "Tells which scripts are cached.",
      .syntax = "sha1:string...", .hints = hints_exists },
    { "FLUSH", cmd_script_flush, .arity = -2, .flags = CMD_NOSCRIPT, SUB, .since = "2.6.0",
      .complexity = "O(N), N: scripts", .summary = "Forgets all cached scripts.",
      .syntax = "async=[ASYNC|SYNC]@6.2.0", .hints = hints_all, .history = history_flush },
    { "HELP", cmd_script_help, .arity = 2, .flags = CMD_LOADING | CMD_STALE, SUB,
      .since = "5.0.0", .complexity = "O(1)", .summary = "Lists the sub-commands.",
      .syntax = "" },
    { "KILL", cmd_script_kill, .arity = 2, .flags = CMD_NOSCRIPT | CMD_ALLOW_BUSY, SUB,
      .since = "2.6.0", .complexity = "O(1)",
      .summary = "Ends the running script if it has not written.", .syntax = "",
      .hints = hints_kill },
    { "LOAD", cmd_script_load, .arity = 3, .flags = CMD_NOSCRIPT | CMD_STALE, SUB,
      .since = "2.6.0", .complexity = "O(N), N: bytes of the script",
      .summary = "Caches a script without running it.", .syntax = "script:string",
      .hints = hints_all },
    COMMANDS_END,
};

const struct command cmds_script[] = {
    { "EVAL", cmd_eval, EVAL_ROW(EVAL_FLAGS, RW, WORST_RW), .since = "2.6.0",
      .summary = "Runs a script.",
      .syntax = "script:string numkeys:integer [key:key...] [arg:string...]" },
    { "EVALSHA", cmd_evalsha, EVAL_ROW(EVAL_FLAGS, RW, NULL), .since = "2.6.0",
      .summary = "Runs a cached script, called by its digest.",
      .syntax = "sha1:string numkeys:integer [key:key...] [arg:string...]" },
    { "EVAL_RO", cmd_eval_ro, EVAL_ROW(EVAL_RO_FLAGS, RO, WORST_RO), .since = "7.0.0",
      .summary = "Runs a script that may not write.",
      .syntax = "script:string numkeys:integer [key:key...] [arg:string...]" },
    { "EVALSHA_RO", cmd_evalsha_ro, EVAL_ROW(EVAL_RO_FLAGS, RO, NULL), .since = "7.0.0",
      .summary = "Runs a cached script that may not write, called by its digest.",
      .syntax = "sha1:string numkeys:integer [key:key...] [arg:string...]" },
    { "SCRIPT", NULL, .arity = -2, .subs = subs, .since = "2.6.0", .group = "scripting",
      .complexity = "See the sub-commands.", .summary = "The cache of scripts." },
    COMMANDS_END,
};
