/* redis.call and redis.pcall: from Lua's stack to dispatch, and the reply back. */
#include <stdio.h>
#include <string.h>

#include "core/base/num.h"
#include "core/front/acl.h"
#include "core/front/client.h"
#include "core/front/front.h"
#include "core/front/reply.h"
#include "server/gates.h"
#include "server/script/api.h"
#include "server/script/errors.h"
#include "server/script/run.h"
#include "server/script/values.h"
#include "server/server.h"

/* ---- arguments ---- */

/* 17 digits: what is read back is the same number. Integers need no printf. */
static size_t number_text(char *out, lua_Number v)
{
    int64_t i = v > -1e15 && v < 1e15 ? (int64_t)v : 0;
    if ((lua_Number)i == v && (i != 0 || !__builtin_signbit(v))) return num_from_i64(out, i);
    return (size_t)snprintf(out, 64, "%.17g", v);
}

/* Slices into Lua's own strings, which the stack keeps alive; numbers get texts of ours. */
static bool gather(struct engine *e, lua_State *L, int argc)
{
    vec_reserve(&e->args, (size_t)argc);
    vec_clear(&e->numbers);
    size_t room = 0;
    for (int i = 1; i <= argc; i++) {
        int type = lua_type(L, i);
        if (type == LUA_TNUMBER) room += 64;
        else if (type != LUA_TSTRING) return false;
    }
    vec_reserve(&e->numbers, room); /* does not move below */
    for (int i = 1; i <= argc; i++) {
        struct slice *s = &e->args.at[i - 1];
        if (lua_type(L, i) == LUA_TSTRING) {
            s->p = lua_tolstring(L, i, &s->n);
            continue;
        }
        char *to = e->numbers.at + e->numbers.n;
        *s = slice_of(to, number_text(to, lua_tonumber(L, i)));
        e->numbers.n += 64;
    }
    return true;
}

/* ---- may it ---- */

static const char *why_not_acl(struct call *c, const struct run *r)
{
    const struct acl_user *u = c->client->user;
    if (!u || u->unrestricted) return NULL;
    int at = 0;
    enum acl_verdict v = acl_check(u, c->entry, c->argc, c->argv, &at);
    if (v == ACL_OK) return NULL;
    struct call logged = *c;
    logged.client = r->call->client; /* whose addresses ACL LOG shows */
    acl_log_denied_in(&logged, "lua", v, v == ACL_DENIED_COMMAND ? slice_z(c->entry->fullname)
                                                                 : c->argv[at],
                      str_slice(u->name));
    if (v == ACL_DENIED_COMMAND)
        return "The user executing the script can't run this command or subcommand";
    if (v == ACL_DENIED_KEY)
        return "The user executing the script can't access at least one of the keys mentioned in "
               "the command arguments";
    return "The user executing the script can't publish to the channel mentioned in the command";
}

static const char *why_not_write(const struct call *c, struct run *r, struct errmsg *room)
{
    uint32_t flags = c->entry->flags;
    if (r->read_only && flags & (CMD_WRITE | CMD_MAY_REPLICATE))
        return "Write commands are not allowed from read-only scripts.";
    /* In the middle of its writes a script is not stopped. */
    if (!(flags & CMD_WRITE) || r->wrote) return NULL;
    const char *why = gates_write_denied(server_of(c), r->call->client, room);
    if (why) return why;
    if (r->over_memory && !(r->flags & SCRIPT_ALLOW_OOM) && flags & CMD_DENYOOM)
        return "-OOM command not allowed when used memory > 'maxmemory'.";
    return NULL;
}

/* What tests may call from scripts when DEBUG SET-DISABLE-DENY-SCRIPTS is on: nothing that blocks,
 * subscribes, or exchanges the data. */
static bool open_for_tests(const struct call *c)
{
    static const char *const open[][2] = { { "client", "list" },
                                           { "debug", "protocol" },
                                           { "debug", "sleep" } };
    if (!server_of(c)->scripts->debug_open || c->argc < 2) return false;
    for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
        if (slice_ieqz(c->argv[0], open[i][0]) && slice_ieqz(c->argv[1], open[i][1])) return true;
    return false;
}

static const char *why_not(struct call *c, struct run *r, struct errmsg *room)
{
    struct command_entry *e = c->entry;
    if (!e || (e->subs && !e->row->run && c->argc > 1))
        return "Unknown Redis command called from script";
    if (!command_arity_ok(e, c->argc))
        return "Wrong number of args calling Redis command from script";
    if (e->flags & CMD_NOSCRIPT && !open_for_tests(c))
        return "This Redis command is not allowed from script";
    if (!(e->flags & CMD_STALE) && gates_stale(server_of(c)))
        return "Can not execute the command on a stale replica";
    const char *why = why_not_acl(c, r);
    return why ? why : why_not_write(c, r, room);
}

/* ---- the call ---- */

/* The error on top is thrown, or is the result. */
static int give_error(lua_State *L, bool raise) { return raise ? lua_error(L) : 1; }

static int refused(lua_State *L, const char *why, bool raise)
{
    errors_push(L, slice_z(why), false);
    return give_error(L, raise);
}

static int denied(lua_State *L, struct call *c, const char *why, bool raise)
{
    reply_error(c, why); /* counts; c->out is NULL */
    if (c->entry) c->entry->stats.rejected++;
    errors_push(L, slice_z(why), true);
    return give_error(L, raise);
}

static int call(lua_State *L, bool raise)
{
    struct engine *e = engine_of(L);
    struct run *r = e->run;
    int argc = lua_gettop(L);
    if (!r)
        return refused(L, "redis.call/pcall can only be called inside a script invocation", true);
    if (argc == 0)
        return refused(L, "Please specify at least one argument for this redis lib call", raise);
    if (!gather(e, L, argc))
        return refused(L, "Lua redis lib command arguments must be strings or integers", raise);
    struct client *cl = e->of->client;
    struct call c = { .front = cl->front,
                      .client = cl,
                      .entry = registry_find_full(cl->front->registry, argc, e->args.at),
                      .argc = argc,
                      .argv = e->args.at,
                      .app = cl->front->app };
    struct errmsg room;
    const char *why = why_not(&c, r, &room);
    if (why) return denied(L, &c, why, raise);
    if (c.entry->flags & CMD_WRITE) r->wrote = true;
    buf_clear(&cl->pseudo_out);
    dispatch_call(&c);
    lua_settop(L, 0); /* with thousands of arguments no room would be left for the reply */
    struct slice reply = buf_slice(&cl->pseudo_out);
    if (!reply.n) {
        lua_pushboolean(L, 0);
        return 1;
    }
    values_push_reply(L, reply);
    if (cl->pseudo_out.cap > 64 * 1024) buf_free(&cl->pseudo_out);
    return raise && reply.p && c.failed && lua_istable(L, -1) ? lua_error(L) : 1;
}

int api_call(lua_State *L) { return call(L, true); }
int api_pcall(lua_State *L) { return call(L, false); }
