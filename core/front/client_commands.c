/* client_commands: the sub-commands of CLIENT that look at other clients or hold them up: LIST,
 * KILL, PAUSE, UNPAUSE, UNBLOCK. The rows stand in cmds_client.c. */
#include "core/base/num.h"
#include "core/front/acl.h"
#include "core/front/call.h"
#include "core/front/client.h"
#include "core/front/cmds_client.h"
#include "core/front/front.h"
#include "core/front/reply.h"


/* ---- LIST ---- */

static bool read_kind(struct call *c, int at, int *kind)
{
    *kind = client_kind_read(c->argv[at]);
    if (*kind >= 0) return true;
    reply_error_fmt(c, "Unknown client type '%.*s'", SLICE_ARG(c->argv[at]));
    return false;
}

static void list_line(const struct client *cl, struct buf *out)
{
    client_describe(cl, out);
    buf_putc(out, '\n');
}

static bool list_ids(struct call *c, struct buf *out)
{
    for (int i = 3; i < c->argc; i++) {
        int64_t id;
        if (!num_to_i64(c->argv[i], &id)) {
            reply_error(c, "Invalid client ID");
            return false;
        }
        const struct client *cl = id > 0 ? client_by_id(c->front, (uint64_t)id) : NULL;
        const struct client *master = client_master(c->front);
        if (!cl && master && (int64_t)master->id == id) cl = master;
        if (cl) list_line(cl, out);
    }
    return true;
}

static void list_kind(struct front *f, int kind, struct buf *out)
{
    ilist_each(&f->clients, it, next) {
        const struct client *cl = ilist_of(it, struct client, node);
        if (kind < 0 || (int)client_kind(cl) == kind) list_line(cl, out);
    }
    const struct client *master = client_master(f);
    if (master && (kind < 0 || kind == CLIENT_KIND_MASTER)) list_line(master, out);
}

void client_cmd_list(struct call *c)
{
    struct buf out = { 0 };
    int kind = -1;
    bool good = true;
    if (c->argc == 4 && arg_is(c, 2, "TYPE")) {
        good = read_kind(c, 3, &kind);
        if (good) list_kind(c->front, kind, &out);
    } else if (c->argc > 3 && arg_is(c, 2, "ID")) {
        good = list_ids(c, &out);
    } else if (c->argc == 2) {
        list_kind(c->front, -1, &out);
    } else {
        reply_syntax_error(c);
        good = false;
    }
    if (good) reply_verbatim(c, "txt", buf_slice(&out));
    buf_free(&out);
}

/* ---- KILL ---- */

struct kill_filter {
    struct slice addr, laddr;
    bool by_addr, by_laddr, skipme;
    uint64_t id, maxage;
    int kind;
    const struct acl_user *user;
};

static bool kill_hits(const struct call *c, const struct kill_filter *k, const struct client *cl)
{
    const struct conn *conn = client_conn(cl);
    if (k->by_addr && !slice_eqz(k->addr, conn_peer_addr(conn))) return false;
    if (k->by_laddr && !slice_eqz(k->laddr, conn_local_addr(conn))) return false;
    if (k->kind >= 0 && (int)client_kind(cl) != k->kind) return false;
    if (k->id && cl->id != k->id) return false;
    if (k->user && cl->user != k->user) return false;
    if (k->maxage &&
        (uint64_t)(loop_now_ms(c->front->loop) - cl->created_ms) / 1000 < k->maxage)
        return false;
    return !(k->skipme && cl == c->client);
}

static int kill_all(struct call *c, const struct kill_filter *k)
{
    int killed = 0;
    ilist_each(&c->front->clients, it, next) {
        struct client *cl = ilist_of(it, struct client, node);
        if (!cl->conn || cl->flags & CLIENT_CLOSING || !kill_hits(c, k, cl)) continue;
        if (cl == c->client) client_close_after_reply(cl);
        else client_close_soon(cl);
        killed++;
    }
    const struct client *master = client_master(c->front);
    if (master && kill_hits(c, k, master)) {
        c->front->hooks.cut_master(c->front);
        killed++;
    }
    return killed;
}

static bool read_positive(struct call *c, int at, uint64_t *out, const char *error)
{
    int64_t v;
    if (num_to_i64(c->argv[at], &v) && v > 0) {
        *out = (uint64_t)v;
        return true;
    }
    reply_error(c, error);
    return false;
}

static bool read_kill_user(struct call *c, int at, struct kill_filter *k)
{
    k->user = acl_find(c->front->acl, c->argv[at]);
    if (k->user) return true;
    reply_error_fmt(c, "No such user '%.*s'", SLICE_ARG(c->argv[at]));
    return false;
}

static bool read_kill_pair(struct call *c, int i, struct kill_filter *k)
{
    if (arg_is(c, i, "ID"))
        return read_positive(c, i + 1, &k->id, "client-id should be greater than 0");
    if (arg_is(c, i, "MAXAGE"))
        return read_positive(c, i + 1, &k->maxage, "maxage should be greater than 0");
    if (arg_is(c, i, "TYPE")) return read_kind(c, i + 1, &k->kind);
    if (arg_is(c, i, "USER")) return read_kill_user(c, i + 1, k);
    if (arg_is(c, i, "ADDR")) {
        k->addr = c->argv[i + 1];
        return k->by_addr = true;
    }
    if (arg_is(c, i, "LADDR")) {
        k->laddr = c->argv[i + 1];
        return k->by_laddr = true;
    }
    if (arg_is(c, i, "SKIPME") && (arg_is(c, i + 1, "YES") || arg_is(c, i + 1, "NO"))) {
        k->skipme = arg_is(c, i + 1, "YES");
        return true;
    }
    reply_syntax_error(c);
    return false;
}

void client_cmd_kill(struct call *c)
{
    struct kill_filter k = { .kind = -1, .skipme = true };
    if (c->argc == 3) { /* the old form: an address, the caller's own too */
        k = (struct kill_filter){ .kind = -1, .addr = c->argv[2], .by_addr = true };
        if (kill_all(c, &k)) reply_ok(c);
        else reply_error(c, "No such client");
        return;
    }
    for (int i = 2; i < c->argc; i += 2) {
        if (i + 1 == c->argc) {
            reply_syntax_error(c);
            return;
        }
        if (!read_kill_pair(c, i, &k)) return;
    }
    reply_int(c, kill_all(c, &k));
}

/* ---- PAUSE, UNPAUSE, UNBLOCK ---- */

void client_cmd_pause(struct call *c)
{
    bool writes_only = false;
    if (c->argc == 4 && arg_is(c, 3, "WRITE")) {
        writes_only = true;
    } else if (c->argc > 4) {
        reply_sub_arity(c);
        return;
    } else if (c->argc == 4 && !arg_is(c, 3, "ALL")) {
        reply_error(c, "CLIENT PAUSE mode must be WRITE or ALL");
        return;
    }
    int64_t ms;
    if (!num_to_i64(c->argv[2], &ms)) {
        reply_error(c, "timeout is not an integer or out of range");
        return;
    }
    int64_t now = loop_now_ms(c->front->loop);
    if (ms < 0 || ms > INT64_MAX - now) {
        reply_error(c, ms < 0 ? "timeout is negative" : "timeout is out of range");
        return;
    }
    front_pause(c->front, PAUSE_BY_CLIENT, now + ms, writes_only);
    reply_ok(c);
}

void client_cmd_unpause(struct call *c)
{
    front_unpause(c->front, PAUSE_BY_CLIENT);
    reply_ok(c);
}

void client_cmd_unblock(struct call *c)
{
    bool with_error = arg_is(c, 3, "ERROR");
    if (c->argc > 4) {
        reply_sub_arity(c);
        return;
    }
    if (c->argc == 4 && !with_error && !arg_is(c, 3, "TIMEOUT")) {
        reply_error(c, "CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
        return;
    }
    int64_t id;
    if (!arg_int(c, 2, &id)) return;
    struct client *cl = id > 0 ? client_by_id(c->front, (uint64_t)id) : NULL;
    bool done = cl && cl->flags & CLIENT_BLOCKED && c->front->hooks.unblock &&
                c->front->hooks.unblock(cl, with_error);
    reply_int(c, done);
}

void client_cmd_help(struct call *c)
{
    static const char *const lines[] = {
        "CACHING (YES|NO)",
        "    Track the next command's keys (OPTIN), or do not (OPTOUT).",
        "GETREDIR",
        "    Tell the ID of the client that gets the invalidation messages.",
        "GETNAME",
        "    Tell this connection's name.",
        "ID",
        "    Tell this connection's ID.",
        "INFO",
        "    Show this connection as CLIENT LIST would.",
        "KILL <ip:port>",
        "    Close the connection that comes from <ip:port>.",
        "KILL <option> <value> [<option> <value> [...]]",
        "    Close the connections that fit every option:",
        "    * ADDR (<ip:port>|<unixsocket>:0)",
        "      Where they come from.",
        "    * LADDR (<ip:port>|<unixsocket>:0)",
        "      Where they arrived.",
        "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
        "      What they are.",
        "    * USER <username>",
        "      As whom they act.",
        "    * SKIPME (YES|NO)",
        "      Spare the caller (it is, unless NO is said).",
        "    * ID <client-id>",
        "      Which one.",
        "    * MAXAGE <seconds>",
        "      How old they are at least.",
        "LIST [options ...]",
        "    Show a line for each connection. Options:",
        "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
        "      Only those of one kind.",
        "    * ID <client-id> [<client-id> ...]",
        "      Only these.",
        "UNPAUSE",
        "    End a pause before its time.",
        "PAUSE <timeout> [WRITE|ALL]",
        "    Let clients wait <timeout> milliseconds, all or those that write.",
        "REPLY (ON|OFF|SKIP)",
        "    Send replies to this connection, none, or not the next one.",
        "SETINFO (LIB-NAME|LIB-VER) <value>",
        "    Say which client library this connection uses.",
        "SETNAME <name>",
        "    Name this connection.",
        "UNBLOCK <clientid> [TIMEOUT|ERROR]",
        "    Wake a client that waits in a command.",
        "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]",
        "         [OPTIN] [OPTOUT] [NOLOOP]",
        "    Send a message when a key that was read here changes.",
        "TRACKINGINFO",
        "    Tell how this connection is tracked.",
        "NO-EVICT (ON|OFF)",
        "    Keep this connection when clients are evicted.",
        "NO-TOUCH (ON|OFF)",
        "    Commands of this connection do not touch the LRU/LFU of keys.",
        NULL,
    };
    reply_help(c, lines);
}
