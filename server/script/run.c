#include "server/script/run.h"

#include <limits.h>

#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/front/client.h"
#include "core/front/dispatch.h"
#include "core/front/front.h"
#include "core/front/monitor.h"
#include "core/front/reply.h"
#include "core/sys/clock.h"
#include "core/sys/log.h"
#include "replication/replication.h"
#include "server/config.h"
#include "server/gates.h"
#include "server/journal.h"
#include "server/memory.h"
#include "server/script/errors.h"
#include "server/script/library.h"
#include "server/script/sandbox.h"
#include "server/script/values.h"
#include "server/server.h"
#include "server/shutdown.h"

#define PUMP_US 1000 /* others are served about so often while a script is over its time */

const char *const script_flag_names[SCRIPT_FLAGS_NAMED] = {
    "no-writes", "allow-oom", "allow-stale", "no-cluster", "allow-cross-slot-keys"
};

uint32_t script_flag(struct slice name)
{
    for (int i = 0; i < SCRIPT_FLAGS_NAMED; i++)
        if (slice_eqz(name, script_flag_names[i])) return 1u << i;
    return 0;
}

/* ---- may it begin ---- */

static bool over_memory(const struct server *s)
{
    return s->config->maxmemory && memory_over(s) > 0;
}

/* A script without #! is judged command by command. */
static const char *why_not(struct call *c, uint32_t flags, bool read_only, struct errmsg *room)
{
    struct server *s = server_of(c);
    bool from_master = (c->client->flags & CLIENT_MASTER) != 0;
    if (!from_master && gates_stale(s) && !(flags & SCRIPT_ALLOW_STALE))
        return "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.";
    if (flags & SCRIPT_COMPAT || from_master) return NULL;
    if (over_memory(s) && !(flags & (SCRIPT_ALLOW_OOM | SCRIPT_NO_WRITES)))
        return "-OOM command not allowed when used memory > 'maxmemory'.";
    if (flags & SCRIPT_NO_WRITES) return NULL;
    const char *why = gates_write_denied(s, c->client, room);
    if (why) return why;
    return read_only ? "Can not execute a script with write flag using *_ro command." : NULL;
}

bool run_may(struct call *c, uint32_t flags, bool read_only)
{
    struct errmsg room;
    const char *why = why_not(c, flags, read_only, &room);
    if (why) reply_error(c, why);
    return !why;
}

bool run_numkeys(struct call *c, int *numkeys, const char *not_a_number)
{
    int64_t n;
    if (!num_to_i64(c->argv[2], &n) || n > INT_MAX || n < INT_MIN)
        reply_error(c, not_a_number);
    else if (n > c->argc - 3)
        reply_error(c, "Number of keys can't be greater than number of args");
    else if (n < 0)
        reply_error(c, "Number of keys can't be negative");
    else {
        *numkeys = (int)n;
        return true;
    }
    return false;
}

void run_push_words(lua_State *L, const struct call *c, int from, int to)
{
    lua_createtable(L, to - from, 0);
    for (int i = from; i < to; i++) {
        lua_pushlstring(L, c->argv[i].p ? c->argv[i].p : "", c->argv[i].n);
        lua_rawseti(L, -2, i - from + 1);
    }
}

/* ---- time ---- */

/* From here on each line throws, so that no pcall of the script's can go on. */
static int throw_killed(lua_State *L, const struct run *r)
{
    lua_sethook(L, run_hook, LUA_MASKLINE | LUA_MASKCOUNT, 1);
    if (L != r->engine->L) lua_sethook(r->engine->L, run_hook, LUA_MASKLINE | LUA_MASKCOUNT, 1);
    return errors_throw(L, "Script killed by user with SCRIPT KILL...");
}

static void begin_serving_others(struct run *r)
{
    struct server *s = server_of(r->call);
    log_warning("Slow script detected: still in execution after %lld milliseconds. You can try "
                "killing the script using the %s command. Script name is: %s.",
                (long long)((clock_mono_us() - r->started_us) / 1000),
                r->is_function ? "FUNCTION KILL" : "SCRIPT KILL", r->name);
    r->timed_out = true;
    replication_hold(s->repl, true);
}

static void serve_others(struct run *r, int64_t now_us)
{
    struct server *s = server_of(r->call);
    if (now_us - r->pumped_us < PUMP_US) return;
    front_serve_others(s->front);
    r->pumped_us = clock_mono_us();
    if (shutdown_done(s->shutdown)) r->killed = r->shut = true;
    if (s->scripts->signal && !r->wrote) r->killed = true;
}

void run_hook(lua_State *L, lua_Debug *d)
{
    struct engine *e = engine_of(L);
    struct run *r = e->run;
    if (!r) {
        library_hook(L);
        return;
    }
    if (r->killed) {
        throw_killed(L, r);
        return;
    }
    int64_t now_us = clock_mono_us();
    if (!r->timed_out) {
        int64_t threshold_ms = server_of(r->call)->config->busy_reply_threshold;
        if (now_us - r->started_us < threshold_ms * 1000) return;
        begin_serving_others(r);
    }
    serve_others(r, now_us);
    if (r->killed) throw_killed(L, r);
}

void run_kill(struct call *c, bool function)
{
    struct run *r = server_of(c)->scripts->run;
    if (!r)
        reply_error(c, "-NOTBUSY No scripts in execution right now.");
    else if (r->is_function != function)
        reply_error(c, scripting_busy(server_of(c)->scripts));
    else if (r->call->client->flags & CLIENT_MASTER)
        reply_error(c, "-UNKILLABLE The busy script was sent by a master instance in the context "
                       "of replication and cannot be killed.");
    else if (r->wrote)
        reply_error(c, "-UNKILLABLE Sorry the script already executed write commands against the "
                       "dataset. You can either wait the script termination or kill the server in "
                       "a hard way using the SHUTDOWN NOSAVE command.");
    else {
        log_warning("Lua script killed by user with SCRIPT KILL.");
        r->killed = true;
        reply_ok(c);
    }
}

/* ---- the run ---- */

/* The pseudo client stands for the caller. */
static void dress_client(struct run *r)
{
    struct client *cl = r->engine->of->client;
    const struct client *caller = r->call->client;
    cl->user = caller->user;
    cl->db = caller->db;
    cl->resp = 2;
    cl->flags = (cl->flags & ~(uint32_t)CLIENT_NO_TOUCH) | (caller->flags & CLIENT_NO_TOUCH);
}

static void begin(struct run *r)
{
    struct engine *e = r->engine;
    struct server *s = server_of(r->call);
    r->resp = 2;
    r->started_us = r->call->front->now_us;
    r->over_memory = over_memory(s) && !(r->call->client->flags & CLIENT_MASTER);
    r->read_only |= (r->flags & SCRIPT_NO_WRITES) != 0;
    dress_client(r);
    e->run = r;
    s->scripts->run = r;
    if (s->config->busy_reply_threshold > 0)
        lua_sethook(e->L, run_hook, LUA_MASKCOUNT, RUN_HOOK_COUNT);
    if (r->call->front->monitors.n) monitor_feed_early(r->call);
}

/* After a turn of the loop inside, the place for replies may be another one. */
static void end(struct run *r)
{
    struct engine *e = r->engine;
    struct server *s = server_of(r->call);
    lua_sethook(e->L, NULL, 0, 0);
    journal_limit(s->journal, JOURNAL_ALL);
    e->run = NULL;
    s->scripts->run = NULL;
    if (!r->timed_out) return;
    replication_hold(s->repl, false);
    r->call->out = dispatch_out(r->call->client);
    if (r->shut) journal_forget(s->journal);
}

static void reply_failure(struct run *r)
{
    struct buf text = { 0 };
    bool counted;
    errors_text(r->engine->L, r->name, &text, &counted);
    reply_error_text(r->call, buf_slice(&text), !counted);
    buf_free(&text);
    lua_pop(r->engine->L, 1);
}

void run_script(struct engine *e, struct call *c, struct run *r, int args)
{
    r->engine = e;
    r->call = c;
    begin(r);
    int status = engine_pcall(e, args, 1);
    end(r);
    if (status) reply_failure(r);
    else values_reply(e->L, c, r->resp);
    engine_rest(e);
}
