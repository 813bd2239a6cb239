#include "core/front/gates.h"

#include <stdio.h>

#include "core/front/acl.h"
#include "core/front/client.h"
#include "core/front/config.h"
#include "core/front/front.h"
#include "core/front/pubsub.h"
#include "core/front/reply.h"
#include "core/sys/log.h"

/* ---- known ---- */

#define QUOTED_NAME_MAX 128 /* of an unknown command's name and of all its arguments together */

/* Bytes of error texts are cleaned of line ends when written; zeros would cut them. */
static void unknown_command(struct call *c)
{
    struct buf text = { 0 };
    struct slice name = c->argv[0];
    if (name.n > QUOTED_NAME_MAX) name.n = QUOTED_NAME_MAX;
    buf_fmt(&text, "unknown command '%.*s', with args beginning with: ", SLICE_ARG(name));
    size_t used = 0;
    for (int i = 1; i < c->argc && used < QUOTED_NAME_MAX; i++) {
        struct slice a = c->argv[i];
        if (a.n > QUOTED_NAME_MAX - used) a.n = QUOTED_NAME_MAX - used;
        size_t before = buf_size(&text);
        buf_fmt(&text, "'%.*s' ", SLICE_ARG(a));
        used += buf_size(&text) - before;
    }
    buf_putc(&text, 0);
    reply_error(c, buf_head(&text));
    buf_free(&text);
}

/* A browser that was tricked into talking to us sends these words first: it must not go on to a
 * line that is a command. */
static bool is_web_request(struct slice name)
{
    return slice_ieqz(name, "post") || slice_ieqz(name, "host:");
}

static void refuse_web_request(struct call *c)
{
    struct front *f = c->front;
    int64_t now = loop_now_ms(f->loop);
    if (f->attack_logged_ms == 0 || now - f->attack_logged_ms > 60000) {
        char ip[CONN_ADDR_MAX] = "?";
        if (c->client->conn) text_copy(ip, sizeof(ip), conn_peer_addr(c->client->conn));
        log_warning(
            "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or "
            "Host: commands to Redis. This is likely due to an attacker attempting to use "
            "Cross Protocol Scripting to compromise your Redis instance. Connection from %s "
            "aborted.",
            ip);
        f->attack_logged_ms = now;
    }
    client_close_soon(c->client);
}

static void refuse(struct call *c, const char *text)
{
    if (c->front->hooks.refuse) c->front->hooks.refuse(c, text);
    else reply_error(c, text);
}

static void refuse_arity(struct call *c)
{
    char text[128];
    snprintf(text, sizeof(text), "wrong number of arguments for '%s' command", c->entry->fullname);
    refuse(c, text);
}

static bool known(struct call *c)
{
    struct command_entry *e = c->entry;
    if (!e) {
        if (is_web_request(c->argv[0])) refuse_web_request(c);
        else unknown_command(c);
        return false;
    }
    if (e->subs && c->argc > 1) {
        reply_unknown_sub(c);
        return false;
    }
    if (command_arity_ok(e, c->argc) && e->row->run) return true;
    refuse_arity(c);
    return false;
}

/* ---- who ---- */

bool front_auth_required(const struct front *f)
{
    const struct acl_user *u = acl_default(f->acl);
    return !u->nopass || !u->on;
}

static bool authenticated(struct call *c)
{
    if (c->entry->flags & CMD_NO_AUTH || !front_auth_required(c->front)) return true;
    refuse(c, "-NOAUTH Authentication required.");
    return false;
}

/* ---- may ---- */

static void reply_denied(struct call *c, enum acl_verdict v)
{
    if (v == ACL_DENIED_COMMAND)
        reply_error_fmt(c, "-NOPERM this user has no permissions to run the '%s' command",
                        c->entry->fullname);
    else if (v == ACL_DENIED_KEY)
        reply_error(c, "-NOPERM this user has no permissions to access one of the keys used as "
                       "arguments");
    else
        reply_error(c, "-NOPERM this user has no permissions to access one of the channels used as "
                       "arguments");
}

static enum acl_verdict ask_acl(struct call *c, const char *where)
{
    const struct acl_user *u = c->client->user;
    if (!u || u->unrestricted) return ACL_OK;
    int at = 0;
    enum acl_verdict v = acl_check(u, c->entry, c->argc, c->argv, &at);
    if (v != ACL_OK) acl_log_call(c, where, v, at);
    return v;
}

bool dispatch_acl(struct call *c)
{
    enum acl_verdict v = ask_acl(c, c->client->flags & CLIENT_MULTI ? "multi" : "toplevel");
    if (v != ACL_OK) reply_denied(c, v);
    return v == ACL_OK;
}

bool dispatch_acl_again(struct call *c)
{
    static const char *const reasons[] = {
        [ACL_DENIED_COMMAND] = "no permission to execute the command or subcommand",
        [ACL_DENIED_KEY] = "no permission to touch the specified keys",
        [ACL_DENIED_CHANNEL] =
            "no permission to access one of the channels used as arguments",
    };
    enum acl_verdict v = ask_acl(c, "multi");
    if (v == ACL_OK) return true;
    reply_error_fmt(c,
                    "-NOPERM ACLs rules changed between the moment the transaction was accumulated "
                    "and the EXEC call. This command is no longer allowed for the following "
                    "reason: %s",
                    reasons[v]);
    return false;
}

/* ---- now ---- */

/* A RESP2 client cannot tell a reply from a message, so it may only leave while it listens. */
static bool not_listening(struct call *c)
{
    static const char *const allowed[] = { "ping",       "subscribe",   "ssubscribe",
                                           "psubscribe", "unsubscribe", "sunsubscribe",
                                           "punsubscribe", "quit",      "reset" };
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
        if (strcmp(c->entry->fullname, allowed[i]) == 0) return true;
    reply_error_fmt(c,
                    "Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / "
                    "RESET are allowed in this context",
                    c->entry->fullname);
    return false;
}

static bool writes(const struct call *c)
{
    if (c->entry->flags & (CMD_WRITE | CMD_MAY_REPLICATE)) return true;
    if (strcmp(c->entry->fullname, "exec") != 0 || !(c->client->flags & CLIENT_MULTI)) return false;
    return !c->front->hooks.exec_writes || c->front->hooks.exec_writes(c->client);
}

/* Replicas and our master's stream must go on: a pause exists to let them catch up. */
static bool not_paused(struct call *c)
{
    if (c->client->flags & (CLIENT_REPLICA | CLIENT_MASTER | CLIENT_PSEUDO)) return true;
    if (c->front->pause_writes_only && !writes(c)) return true;
    client_postpone(c->client);
    return false;
}

bool gates_pass(struct call *c)
{
    struct client *cl = c->client;
    const struct command_entry *e = c->entry;
    if (!e || e->subs || !command_arity_ok(e, c->argc))
        if (!known(c)) return false;
    if (!(cl->flags & CLIENT_AUTHENTICATED) && !authenticated(c)) return false;
    if (cl->user && !cl->user->unrestricted && !dispatch_acl(c)) return false;
    if (cl->pubsub && cl->resp == 2 && !not_listening(c)) return false;
    if (c->front->pause_until_ms && !not_paused(c)) return false;
    return true;
}
