#include "core/front/cmds_client.h"

#include "core/base/num.h"
#include "core/front/acl.h"
#include "core/front/call.h"
#include "core/front/client.h"
#include "core/front/front.h"
#include "core/front/monitor.h"
#include "core/front/pubsub.h"
#include "core/front/reply.h"
#include "core/front/start.h"

/* PING answers as a message while a RESP2 client listens: it could not tell it apart otherwise. */
static void cmd_ping(struct call *c)
{
    if (c->argc > 2) {
        reply_arity(c);
        return;
    }
    if (c->client->resp == 2 && pubsub_active(c->client)) {
        reply_array(c, 2);
        reply_bulk(c, SLICE("pong"));
        reply_bulk(c, c->argc == 2 ? c->argv[1] : SLICE(""));
    } else if (c->argc == 2) {
        reply_bulk(c, c->argv[1]);
    } else {
        reply_status(c, "PONG");
    }
}

static void cmd_echo(struct call *c) { reply_bulk(c, c->argv[1]); }

static void cmd_quit(struct call *c)
{
    reply_ok(c);
    client_close_after_reply(c->client);
}

/* ---- AUTH, HELLO ---- */

/* The user fits: the client is this user from now on. */
static bool log_in(struct call *c, struct slice name, struct slice password)
{
    struct acl_user *u = acl_authenticate(c->front->acl, name, password);
    if (!u) {
        acl_log_denied(c, ACL_DENIED_AUTH, c->argv[0], name);
        reply_error(c, "-WRONGPASS invalid username-password pair or user is disabled.");
        return false;
    }
    c->client->user = u;
    c->client->flags |= CLIENT_AUTHENTICATED;
    return true;
}

static void cmd_auth(struct call *c)
{
    for (int i = 1; i < c->argc; i++) call_redact(c, i);
    if (c->argc > 3) {
        reply_syntax_error(c);
        return;
    }
    const struct acl_user *def = acl_default(c->front->acl);
    if (c->argc == 2 && def->nopass) {
        reply_error(c, "AUTH <password> called without any password configured for the default "
                       "user. Are you sure your configuration is correct?");
        return;
    }
    struct slice name = c->argc == 3 ? c->argv[1] : SLICE("default");
    if (log_in(c, name, c->argv[c->argc - 1])) reply_ok(c);
}

static const char bad_name[] =
    "Client names cannot contain spaces, newlines or special characters.";

static void set_name(struct client *cl, struct slice name) { str_set(&cl->name, name); }

struct hello {
    int64_t version; /* 0: as it is */
    int auth_at;     /* user and password from here; 0: none */
    const struct slice *name;
};

static bool read_hello(struct call *c, struct hello *h)
{
    if (c->argc > 1) {
        if (!num_to_i64(c->argv[1], &h->version)) {
            reply_error(c, "Protocol version is not an integer or out of range");
            return false;
        }
        if (h->version < 2 || h->version > 3) {
            reply_error(c, "-NOPROTO unsupported protocol version");
            return false;
        }
    }
    for (int i = 2; i < c->argc; i++) {
        int more = c->argc - 1 - i;
        if (arg_is(c, i, "AUTH") && more >= 2) {
            h->auth_at = i + 1;
            call_redact(c, i + 1);
            call_redact(c, i + 2);
            i += 2;
        } else if (arg_is(c, i, "SETNAME") && more >= 1) {
            h->name = &c->argv[++i];
            if (client_name_ok(*h->name)) continue;
            reply_error(c, bad_name);
            return false;
        } else {
            reply_error_fmt(c, "Syntax error in HELLO option '%.*s'", SLICE_ARG(c->argv[i]));
            return false;
        }
    }
    return true;
}

static void reply_hello(struct call *c)
{
    struct front *f = c->front;
    bool sentinel = strcmp(f->mode, "sentinel") == 0;
    reply_map(c, sentinel ? 6 : 7);
    reply_bulk_z(c, "server");
    reply_bulk_z(c, "redis");
    reply_bulk_z(c, "version");
    reply_bulk_z(c, START_REDIS_VERSION);
    reply_bulk_z(c, "proto");
    reply_int(c, c->client->resp);
    reply_bulk_z(c, "id");
    reply_int(c, (int64_t)c->client->id);
    reply_bulk_z(c, "mode");
    reply_bulk_z(c, f->mode);
    if (!sentinel) {
        bool master = !f->hooks.is_master_mode || f->hooks.is_master_mode(f);
        reply_bulk_z(c, "role");
        reply_bulk_z(c, master ? "master" : "replica");
    }
    reply_bulk_z(c, "modules");
    reply_array(c, 0);
}

static void cmd_hello(struct call *c)
{
    struct hello h = { 0 };
    if (!read_hello(c, &h)) return;
    if (h.auth_at && !log_in(c, c->argv[h.auth_at], c->argv[h.auth_at + 1])) return;
    if (!(c->client->flags & CLIENT_AUTHENTICATED) && front_auth_required(c->front)) {
        reply_error(c, "-NOAUTH HELLO must be called with the client already authenticated, "
                       "otherwise the HELLO AUTH <user> <pass> option can be used to authenticate "
                       "the client and select the RESP protocol version at the same time");
        return;
    }
    if (h.version) c->client->resp = (int)h.version;
    if (h.name) set_name(c->client, *h.name);
    reply_hello(c);
}

/* As if the client had just connected, but for its id. */
static void cmd_reset(struct call *c)
{
    struct client *cl = c->client;
    struct front *f = c->front;
    if (cl->flags & (CLIENT_MASTER | CLIENT_REPLICA) && !(cl->flags & CLIENT_MONITOR)) {
        reply_error(c, "can only reset normal client connections");
        return;
    }
    monitor_leave(cl);
    if (f->hooks.reset) f->hooks.reset(cl);
    pubsub_drop(cl);
    cl->db = 0;
    cl->resp = 2;
    cl->user = acl_default(f->acl);
    set_name(cl, SLICE(""));
    cl->flags &= ~(uint32_t)(CLIENT_AUTHENTICATED | CLIENT_REPLY_OFF | CLIENT_REPLY_SKIP |
                             CLIENT_REPLY_SKIP_NEXT | CLIENT_NO_EVICT | CLIENT_NO_TOUCH);
    if (!front_auth_required(f)) cl->flags |= CLIENT_AUTHENTICATED;
    c->out = client_out(cl);
    reply_status(c, "RESET");
}

/* ---- CLIENT: what concerns the caller alone ---- */

static void cmd_id(struct call *c) { reply_int(c, (int64_t)c->client->id); }

static void cmd_info(struct call *c)
{
    struct buf line = { 0 };
    client_describe(c->client, &line);
    buf_putc(&line, '\n');
    reply_verbatim(c, "txt", buf_slice(&line));
    buf_free(&line);
}

static void cmd_getname(struct call *c)
{
    if (c->client->name.n) reply_bulk(c, str_slice(c->client->name));
    else reply_null(c);
}

static void cmd_setname(struct call *c)
{
    if (!client_name_ok(c->argv[2])) {
        reply_error(c, bad_name);
        return;
    }
    set_name(c->client, c->argv[2]);
    reply_ok(c);
}

static void cmd_setinfo(struct call *c)
{
    struct str *to;
    if (arg_is(c, 2, "LIB-NAME")) {
        to = &c->client->lib_name;
    } else if (arg_is(c, 2, "LIB-VER")) {
        to = &c->client->lib_ver;
    } else {
        reply_error_fmt(c, "Unrecognized option '%.*s'", SLICE_ARG(c->argv[2]));
        return;
    }
    if (!client_name_ok(c->argv[3])) {
        reply_error_fmt(c, "%.*s cannot contain spaces, newlines or special characters.",
                        SLICE_ARG(c->argv[2]));
        return;
    }
    str_set(to, c->argv[3]);
    reply_ok(c);
}

static void cmd_reply(struct call *c)
{
    struct client *cl = c->client;
    if (arg_is(c, 2, "ON")) {
        cl->flags &= ~(uint32_t)(CLIENT_REPLY_OFF | CLIENT_REPLY_SKIP | CLIENT_REPLY_SKIP_NEXT);
        c->out = client_out(cl);
        reply_ok(c);
    } else if (arg_is(c, 2, "OFF")) {
        cl->flags |= CLIENT_REPLY_OFF;
    } else if (arg_is(c, 2, "SKIP")) {
        if (!(cl->flags & CLIENT_REPLY_OFF)) cl->flags |= CLIENT_REPLY_SKIP_NEXT;
    } else {
        reply_syntax_error(c);
    }
}

static void set_flag(struct call *c, uint32_t flag)
{
    if (arg_is(c, 2, "ON")) c->client->flags |= flag;
    else if (arg_is(c, 2, "OFF")) c->client->flags &= ~flag;
    else {
        reply_syntax_error(c);
        return;
    }
    reply_ok(c);
}

static void cmd_no_evict(struct call *c) { set_flag(c, CLIENT_NO_EVICT); }
static void cmd_no_touch(struct call *c) { set_flag(c, CLIENT_NO_TOUCH); }

/* ---- CLIENT TRACKING and its kin: where there are no keys, off is all there is ---- */

static void cmd_tracking(struct call *c)
{
    const struct front_tracking *t = c->front->hooks.tracking;
    if (t) t->tracking(c);
    else if (arg_is(c, 2, "OFF")) reply_ok(c);
    else if (arg_is(c, 2, "ON")) reply_error(c, "Client side caching is not available");
    else reply_syntax_error(c);
}

static void cmd_caching(struct call *c)
{
    const struct front_tracking *t = c->front->hooks.tracking;
    if (t)
        t->caching(c);
    else
        reply_error(c, "CLIENT CACHING can be called only when the client is in tracking mode with "
                       "OPTIN or OPTOUT mode enabled");
}

static void cmd_getredir(struct call *c)
{
    const struct front_tracking *t = c->front->hooks.tracking;
    if (t) t->getredir(c);
    else reply_int(c, -1);
}

static void cmd_trackinginfo(struct call *c)
{
    const struct front_tracking *t = c->front->hooks.tracking;
    if (t) {
        t->trackinginfo(c);
        return;
    }
    reply_map(c, 3);
    reply_bulk_z(c, "flags");
    reply_set(c, 1);
    reply_bulk_z(c, "off");
    reply_bulk_z(c, "redirect");
    reply_int(c, -1);
    reply_bulk_z(c, "prefixes");
    reply_array(c, 0);
}

/* ---- rows ---- */

static const char *const ping_hints[] = { "request_policy:all_shards",
                                          "response_policy:all_succeeded", NULL };
static const char *const varies[] = { "nondeterministic_output", NULL };
static const char *const hello_history[] = {
    "6.2.0",
    "All arguments may be left out: reports on the connection.",
    NULL
};
static const char *const auth_history[] = { "6.0.0", "A user may be named before the password.",
                                            NULL };
static const char *const pause_history[] = {
    "6.2.0", "WRITE and ALL can be said.", NULL
};
static const char *const list_history[] = {
    "2.8.12",
    "New: field id.",
    "5.0.0",
    "New: filter by TYPE.",
    "6.0.0",
    "New: field user.",
    "6.2.0",
    "New: fields argv-mem, tot-mem, laddr, redir; filter by ID.",
    "7.0.0",
    "New: fields resp, multi-mem, rbs, rbp.",
    "7.0.3",
    "New: field ssub.",
    NULL
};
static const char *const kill_history[] = {
    "2.8.12",
    "Filters in pairs.",
    "2.8.12",
    "`ID` option.",
    "3.2.0",
    "TYPE knows master.",
    "5.0.0",
    "TYPE replica; slave means the same.",
    "6.2.0",
    "`LADDR` option.",
    NULL
};

#define SUB (CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_SENTINEL)
#define SUB_ADMIN (SUB | CMD_ADMIN)
#define GREET                                                                                      \
    (CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_FAST | CMD_NO_AUTH | CMD_ALLOW_BUSY |            \
     CMD_SENTINEL)

static const struct command subs_client[] = {
    { "CACHING", cmd_caching, .arity = 3, .flags = SUB, .acl = ACL_CONNECTION, .since = "6.0.0",
      .group = "connection", .complexity = "O(1)",
      .summary = "Includes or leaves out the keys of the next command in tracking.",
      .syntax = "mode=(YES|NO)" },
    { "GETNAME", cmd_getname, .arity = 2, .flags = SUB, .acl = ACL_CONNECTION, .since = "2.6.9",
      .group = "connection", .complexity = "O(1)",
      .summary = "Tells the name that this connection was given.", .syntax = "" },
    { "GETREDIR", cmd_getredir, .arity = 2, .flags = SUB, .acl = ACL_CONNECTION, .since = "6.0.0",
      .group = "connection", .complexity = "O(1)",
      .summary = "Tells which client gets this one's invalidation messages.", .syntax = "" },
    { "HELP", client_cmd_help, .arity = 2, .flags = CMD_LOADING | CMD_STALE | CMD_SENTINEL,
      .acl = ACL_CONNECTION, .since = "5.0.0", .group = "connection", .complexity = "O(1)",
      .summary = "Lists the sub-commands.", .syntax = "" },
    { "ID", cmd_id, .arity = 2, .flags = SUB, .acl = ACL_CONNECTION, .since = "5.0.0",
      .group = "connection", .complexity = "O(1)",
      .summary = "Tells the number of this connection.", .syntax = "" },
    { "INFO", cmd_info, .arity = 2, .flags = SUB, .acl = ACL_CONNECTION, .since = "6.2.0",
      .group = "connection", .complexity = "O(1)", .hints = varies,
      .summary = "Shows this connection's line of CLIENT LIST.", .syntax = "" },
    { "KILL", client_cmd_kill, .arity = -3, .flags = SUB_ADMIN, .acl = ACL_CONNECTION,
      .since = "2.4.0", .group = "connection",
      .complexity = "O(N), N = clients", .history = kill_history,
      .summary = "Closes connections that an address or filters name.",
      .syntax = "filter=(ip:port:string@!2.8.12|new-format=([ID client-id:integer]@2.8.12|"
                "[TYPE normal_master_slave_pubsub=(NORMAL|MASTER@3.2.0|SLAVE|REPLICA@5.0.0|PUBSUB)]"
                "@2.8.12|[USER username:string]|[ADDR ip:port:string]|[LADDR ip:port:string]@6.2.0|"
                "[SKIPME yes/no:string])...)" },
    { "LIST", client_cmd_list, .arity = -2, .flags = SUB_ADMIN, .acl = ACL_CONNECTION,
      .since = "2.4.0", .group = "connection",
      .complexity = "O(N), N = clients", .hints = varies,
      .history = list_history, .summary = "Shows a line for each connection.",
      .syntax = "[TYPE normal_master_replica_pubsub=(NORMAL|MASTER|REPLICA|PUBSUB)]@5.0.0 "
                "id=[ID (client-id:integer...)]@6.2.0" },
    { "NO-EVICT", cmd_no_evict, .arity = 3, .flags = SUB_ADMIN, .acl = ACL_CONNECTION,
      .since = "7.0.0", .group = "connection", .complexity = "O(1)",
      .summary = "Exempts this connection from eviction of clients.",
      .syntax = "enabled=(ON|OFF)" },
    { "NO-TOUCH", cmd_no_touch, .arity = 3, .flags = SUB, .acl = ACL_CONNECTION, .since = "7.2.0",
      .group = "connection", .complexity = "O(1)",
      .summary =
          "Lets this connection look at keys without counting as use.",
      .syntax = "enabled=(ON|OFF)" },
    { "PAUSE", client_cmd_pause, .arity = -3, .flags = SUB_ADMIN, .acl = ACL_CONNECTION,
      .since = "2.9.50", .group = "connection", .complexity = "O(1)", .history = pause_history,
      .summary = "Lets clients, or writers only, wait for a while.",
      .syntax = "timeout:integer mode=[WRITE|ALL]@6.2.0" },
    { "REPLY", cmd_reply, .arity = 3, .flags = SUB, .acl = ACL_CONNECTION, .since = "3.2.0",
      .group = "connection", .complexity = "O(1)",
      .summary = "Switches the replies to this connection off and on.", .syntax = "(ON|OFF|SKIP)" },
    { "SETINFO", cmd_setinfo, .arity = 4, .flags = SUB, .acl = ACL_CONNECTION, .since = "7.2.0",
      .group = "connection", .complexity = "O(1)", .hints = NULL,
      .summary = "Says which client library this connection uses.",
      .syntax = "attr=(LIB-NAME libname:string|LIB-VER libver:string)" },
    { "SETNAME", cmd_setname, .arity = 3, .flags = SUB, .acl = ACL_CONNECTION, .since = "2.6.9",
      .group = "connection", .complexity = "O(1)", .summary = "Names this connection.",
      .syntax = "connection-name:string" },
    { "TRACKING", cmd_tracking, .arity = -3, .flags = SUB, .acl = ACL_CONNECTION, .since = "6.0.0",
      .group = "connection",
      .complexity = "O(1), and O(N) in the prefixes",
      .summary = "Switches invalidation messages for a client's cache on or off.",
      .syntax = "status=(ON|OFF) [REDIRECT client-id:integer] [PREFIX prefix:string]... [BCAST] "
                "[OPTIN] [OPTOUT] [NOLOOP]" },
    { "TRACKINGINFO", cmd_trackinginfo, .arity = 2, .flags = SUB, .acl = ACL_CONNECTION,
      .since = "6.2.0", .group = "connection", .complexity = "O(1)",
      .summary = "Tells how this connection is tracked.",
      .syntax = "" },
    { "UNBLOCK", client_cmd_unblock, .arity = -3, .flags = SUB_ADMIN, .acl = ACL_CONNECTION,
      .since = "5.0.0", .group = "connection",
      .complexity = "O(N), N = clients",
      .summary = "Wakes another client that waits in a command.",
      .syntax = "client-id:integer timeout_error=[TIMEOUT|ERROR]" },
    { "UNPAUSE", client_cmd_unpause, .arity = 2, .flags = SUB_ADMIN, .acl = ACL_CONNECTION,
      .since = "6.2.0", .group = "connection",
      .complexity = "O(N), N = paused clients",
      .summary = "Ends CLIENT PAUSE.", .syntax = "" },
    COMMANDS_END,
};

const struct command cmds_connection[] = {
    { "AUTH", cmd_auth, .arity = -2, .flags = GREET, .acl = ACL_CONNECTION, .since = "1.0.0",
      .group = "connection",
      .complexity = "O(N), N = passwords of the user",
      .history = auth_history, .summary = "Logs in.",
      .syntax = "[username:string]@6.0.0 password:string" },
    { "CLIENT", NULL, .arity = -2, .flags = CMD_SENTINEL, .subs = subs_client, .since = "2.4.0",
      .group = "connection", .complexity = "See the sub-commands.",
      .summary = "Connections, this one and others.", .syntax = "" },
    { "ECHO", cmd_echo, .arity = 2, .flags = CMD_LOADING | CMD_STALE | CMD_FAST,
      .acl = ACL_CONNECTION, .since = "1.0.0", .group = "connection", .complexity = "O(1)",
      .summary = "Answers its argument.", .syntax = "message:string" },
    { "HELLO", cmd_hello, .arity = -1, .flags = GREET, .acl = ACL_CONNECTION, .since = "6.0.0",
      .group = "connection", .complexity = "O(1)", .history = hello_history,
      .summary = "Chooses the protocol; may log in and name the connection.",
      .syntax = "arguments=[protover:integer [AUTH (username:string password:string)] "
                "[SETNAME clientname:string]]" },
    { "PING", cmd_ping, .arity = -1, .flags = CMD_FAST | CMD_SENTINEL, .acl = ACL_CONNECTION,
      .since = "1.0.0", .group = "connection", .complexity = "O(1)", .hints = ping_hints,
      .summary = "Answers PONG, or its argument.", .syntax = "[message:string]" },
    { "QUIT", cmd_quit, .arity = -1, .flags = GREET & ~CMD_SENTINEL, .acl = ACL_CONNECTION,
      .since = "1.0.0", .group = "connection", .complexity = "O(1)",
      .summary = "Ends the connection after the reply.", .syntax = "" },
    { "RESET", cmd_reset, .arity = 1, .flags = GREET & ~CMD_SENTINEL, .acl = ACL_CONNECTION,
      .since = "6.2.0", .group = "connection", .complexity = "O(1)",
      .summary = "Brings the connection back to its first state.", .syntax = "" },
    COMMANDS_END,
};
