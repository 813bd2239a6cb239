/* The commands of replication. REPLICAOF changes the role; PSYNC, SYNC and REPLCONF are what
 * replicas say to us, WAIT what clients ask about them. */
#include <stdio.h>

#include "core/front/call.h"
#include "core/front/reply.h"
#include "core/sys/log.h"
#include "replication/shell.h"

/* Which replication a call belongs to: the one thing that the rows can not say by themselves. */
static struct replication *(*find)(void *app);

void replication_bind(struct replication *(*of_app)(void *app)) { find = of_app; }

static struct replication *repl_of(const struct call *c) { return find(c->app); }

/* ---- REPLICAOF ---- */

static void log_request(struct call *c, const char *what, const char *whose)
{
    struct buf who = { 0 };
    client_describe(c->client, &who);
    log_notice("%s enabled (%s from '%.*s')", what, whose, SLICE_ARG(buf_slice(&who)));
    buf_free(&who);
}

static void no_one(struct call *c)
{
    struct replication *r = repl_of(c);
    if (!replication_is_master(r)) {
        replication_follow(r, NULL, 0);
        log_request(c, "MASTER MODE", "user request");
    }
    reply_ok(c);
}

static void cmd_replicaof(struct call *c)
{
    struct replication *r = repl_of(c);
    char host[LINK_HOST_MAX], what[LINK_HOST_MAX + 32];
    int64_t port;
    if (handover_under_way(r)) {
        reply_error(c, "REPLICAOF not allowed while failing over.");
        return;
    }
    if (arg_is(c, 1, "no") && arg_is(c, 2, "one")) {
        no_one(c);
        return;
    }
    if (c->client->flags & CLIENT_REPLICA) {
        reply_error(c, "Command is not valid when client is a replica.");
        return;
    }
    if (!arg_int_range(c, 2, 0, 65535, &port, "Invalid master port")) return;
    if (c->argv[1].n == 0 || c->argv[1].n >= sizeof(host)) {
        reply_error(c, "Invalid master host");
        return;
    }
    slice_cstr(c->argv[1], host, sizeof(host));
    const char *now = replication_master_host(r);
    if (now && slice_ieqz(slice_z(now), host) && replication_master_port(r) == (int)port) {
        log_notice("REPLICAOF would result into synchronization with the master we are already "
                   "connected with. No operation performed.");
        reply_status(c, "OK Already connected to specified master");
        return;
    }
    replication_follow(r, host, (int)port);
    snprintf(what, sizeof(what), "REPLICAOF %s:%d", host, (int)port);
    log_request(c, what, "user request");
    reply_ok(c);
}

/* ---- what replicas say ---- */

static void become_replica(struct call *c, struct peer_event e)
{
    struct replication *r = repl_of(c);
    struct replica *p = replica_get(r, c->client);
    if (p == NULL) {
        reply_error(c, "too many replicas");
        return;
    }
    if (peer_is_replica(&p->peer)) return; /* asked already */
    replica_step(p, e);
    if (peer_online(&p->peer)) r->stats.sync_partial_ok++;
}

/* Our master hands its role to us. */
static bool take_over(struct call *c)
{
    struct replication *r = repl_of(c);
    char asked[REPLID_LEN + 1];
    slice_cstr(c->argv[1], asked, sizeof(asked));
    log_warning("Failover request received for replid %s.", asked);
    int64_t must_have = -1;
    if (c->argc > 4 && !arg_int(c, 4, &must_have)) return false;
    const char *no = handover_take_refusal(replication_is_master(r),
                                           slice_ieqz(c->argv[1], history_id(&r->history)),
                                           feed_end(&r->feed), must_have);
    if (no) {
        reply_error(c, no);
        return false;
    }
    replication_follow(r, NULL, 0);
    log_request(c, "MASTER MODE", "failover request");
    return true;
}

static void cmd_psync(struct call *c)
{
    int64_t offset;
    if (!arg_int(c, 2, &offset)) {
        log_warning("Replica %s asks for synchronization but with a wrong offset",
                    conn_peer_addr(c->client->conn));
        return;
    }
    if (c->argc > 3 && arg_is(c, 3, "failover") && !take_over(c)) return;
    become_replica(
        c, (struct peer_event){ .kind = PEER_PSYNC, .replid = c->argv[1], .offset = offset });
}

static void cmd_sync(struct call *c)
{
    become_replica(c, (struct peer_event){ .kind = PEER_PSYNC, .legacy = true });
}

static void cmd_replconf(struct call *c)
{
    struct replication *r = repl_of(c);
    struct replica *p = replica_get(r, c->client);
    struct peer_actions out = { 0 };
    char error[PEER_ERROR_MAX];
    if (p == NULL) {
        reply_ok(c); /* no connection behind it: nothing to remember */
        return;
    }
    enum peer_answer a =
        peer_replconf(&p->peer, &r->peer_set, c->argc, c->argv, repl_now(r), &out, error);
    replica_perform(p, &out);
    if (a == PEER_OK) reply_ok(c);
    else if (a == PEER_REFUSED) reply_error(c, error);
    else if (a == PEER_SILENT) {
        replica_check_digest(p);
        waits_check(r);
        handover_acked(r);
    }
}

/* ---- ROLE ---- */

static void role_of_master(struct call *c, struct replication *r)
{
    size_t n = 0;
    reply_array(c, 3);
    reply_bulk_z(c, "master");
    reply_int(c, feed_end(&r->feed));
    size_t mark = reply_later(c);
    ilist_each(&r->replicas, node, next) {
        const struct replica *p = ilist_of(node, struct replica, node);
        if (!peer_online(&p->peer)) continue;
        char ip[PEER_IP_MAX];
        replica_ip(p, ip, sizeof(ip));
        reply_array(c, 3);
        reply_bulk_z(c, ip);
        reply_bulk_int(c, p->peer.port);
        reply_bulk_int(c, p->peer.acked);
        n++;
    }
    reply_later_array(c, mark, n);
}

static void cmd_role(struct call *c)
{
    struct replication *r = repl_of(c);
    if (replication_is_master(r)) {
        role_of_master(c, r);
        return;
    }
    reply_array(c, 5);
    reply_bulk_z(c, "slave");
    reply_bulk_z(c, r->link.host);
    reply_int(c, r->link.port);
    reply_bulk_z(c, link_role_state(&r->link));
    reply_int(c, link_is_up(&r->link) ? r->link.offset : -1);
}

/* ---- WAIT ---- */

static void cmd_wait(struct call *c)
{
    struct replication *r = repl_of(c);
    int64_t need, timeout_ms;
    if (!replication_is_master(r)) {
        reply_error(c, "WAIT cannot be used with replica instances. Please also note that since "
                       "Redis 4.0 if a replica is configured to be writable (which is not the "
                       "default) writes to replicas are just local and are not propagated.");
        return;
    }
    if (!arg_int(c, 1, &need) || !arg_int(c, 2, &timeout_ms)) return;
    if (timeout_ms < 0) {
        reply_error(c, "timeout is negative");
        return;
    }
    struct wait_want w = { .kind = &wait_replicas,
                           .need = need < INT32_MAX ? (int)need : INT32_MAX,
                           .offset = feed_end(&r->feed) };
    waits_begin(r, c, &w, timeout_ms);
}

static void cmd_waitaof(struct call *c)
{
    struct replication *r = repl_of(c);
    int64_t local, need, timeout_ms;
    if (!arg_int_range(c, 1, 0, 1, &local, "value is out of range, value must between 0 and 1"))
        return;
    if (!arg_int_range(c, 2, 0, INT64_MAX, &need, "value is out of range, must be positive"))
        return;
    if (!arg_int(c, 3, &timeout_ms)) return;
    if (timeout_ms < 0) {
        reply_error(c, "timeout is negative");
        return;
    }
    if (!replication_is_master(r)) {
        reply_error(c, "WAITAOF cannot be used with replica instances. Please also note that "
                       "writes to replicas are just local and are not propagated.");
        return;
    }
    struct wait_want w = { .kind = &wait_disks,
                           .local = (int)local,
                           .need = need < INT32_MAX ? (int)need : INT32_MAX,
                           .offset = feed_end(&r->feed) };
    if (!waits_disk(r, &w.written) && local) {
        reply_error(c, "WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
        return;
    }
    waits_begin(r, c, &w, timeout_ms);
}

/* WAITOFFSET replid offset timeout: this node has what another one had there. */
static void cmd_waitoffset(struct call *c)
{
    struct wait_want w = { .kind = &wait_offset };
    int64_t timeout_ms;
    if (!replid_read(c->argv[1], w.replid)) {
        reply_error(c, "a replication id has 40 hexadecimal digits");
        return;
    }
    if (!arg_int_range(c, 2, 0, INT64_MAX, &w.offset, "value is out of range, must be positive"))
        return;
    if (!arg_int(c, 3, &timeout_ms)) return;
    if (timeout_ms < 0) {
        reply_error(c, "timeout is negative");
        return;
    }
    waits_begin(repl_of(c), c, &w, timeout_ms);
}

/* ---- FAILOVER ---- */

/* One option at argv[*i]; false: an error was replied. */
static bool failover_option(struct call *c, int *i, struct handover_request *q)
{
    int left = c->argc - *i - 1;
    if (arg_is(c, *i, "timeout") && left >= 1 && q->timeout_ms == 0) {
        if (!arg_int(c, ++*i, &q->timeout_ms)) return false;
        if (q->timeout_ms > 0) return true;
        reply_error(c, "FAILOVER timeout must be greater than 0");
        return false;
    }
    if (arg_is(c, *i, "force") && !q->force) {
        q->force = true;
        return true;
    }
    if (arg_is(c, *i, "to") && left >= 2 && !q->named) {
        q->named = true;
        slice_cstr(c->argv[*i + 1], q->host, sizeof(q->host));
        *i += 2;
        return arg_int(c, *i, &q->port);
    }
    reply_error(c, "-ERR syntax error");
    return false;
}

static void cmd_failover(struct call *c)
{
    struct handover_request q = { .abort = c->argc == 2 && arg_is(c, 1, "abort") };
    for (int i = 1; i < c->argc && !q.abort; i++)
        if (!failover_option(c, &i, &q)) return;
    const char *error = handover_command(repl_of(c), &q);
    if (error) reply_error(c, error);
    else reply_ok(c);
}

/* ---- rows ---- */

#define OF_REPLICAS (CMD_ADMIN | CMD_NOSCRIPT | CMD_NO_ASYNC_LOADING | CMD_NO_MULTI)
#define CHANGES_ROLE (CMD_ADMIN | CMD_NOSCRIPT | CMD_STALE | CMD_NO_ASYNC_LOADING)
#define REPLICAOF_SYNTAX "args=(host-port=(host:string port:integer) | no-one=(NO ONE))"

static const char *const wait_hints[] = { "request_policy:all_shards", "response_policy:agg_min",
                                          NULL };

const struct command cmds_replication[] = {
    { "REPLICAOF", cmd_replicaof, .arity = 3, .flags = CHANGES_ROLE, .since = "5.0.0",
      .group = "server", .complexity = "O(1)",
      .summary = "Follows another server from now on, or (NO ONE) nobody.",
      .syntax = REPLICAOF_SYNTAX },
    { "SLAVEOF", cmd_replicaof, .arity = 3, .flags = CHANGES_ROLE, .since = "1.0.0",
      .group = "server", .complexity = "O(1)",
      .summary = "The old name of REPLICAOF.",
      .syntax = REPLICAOF_SYNTAX, .deprecated_since = "5.0.0", .replaced_by = "`REPLICAOF`" },
    { "PSYNC", cmd_psync, .arity = -3, .flags = OF_REPLICAS, .since = "2.8.0", .group = "server",
      .summary = "Begins replication; replicas send it.",
      .syntax = "replicationid:string offset:integer" },
    { "SYNC", cmd_sync, .arity = 1, .flags = OF_REPLICAS, .since = "1.0.0", .group = "server",
      .summary = "Begins replication; replicas send it." },
    { "REPLCONF", cmd_replconf, .arity = -1,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_ALLOW_BUSY,
      .since = "3.0.0", .group = "server", .complexity = "O(1)",
      .summary = "What a replica tells its master about itself, and its acknowledgements." },
    { "ROLE", cmd_role, .arity = 1, .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_FAST,
      .acl = ACL_ADMIN | ACL_DANGEROUS, .since = "2.8.12", .group = "server", .complexity = "O(1)",
      .summary = "Tells whether this is a master, a replica or a Sentinel, and of whom." },
    { "WAIT", cmd_wait, .arity = 3, .flags = CMD_NOSCRIPT, .acl = ACL_CONNECTION, .since = "3.0.0",
      .group = "generic", .complexity = "O(1)",
      .summary =
          "Waits until so many replicas have what was written so far, or the time is up.",
      .syntax = "numreplicas:integer timeout:integer", .hints = wait_hints },
    { "WAITAOF", cmd_waitaof, .arity = 4, .flags = CMD_NOSCRIPT, .acl = ACL_CONNECTION,
      .since = "7.2.0", .group = "generic", .complexity = "O(1)",
      .summary = "Waits until the disks here and of so many replicas have what was written so far.",
      .syntax = "numlocal:integer numreplicas:integer timeout:integer", .hints = wait_hints },
    { "WAITOFFSET", cmd_waitoffset, .arity = 4,
      .flags = CMD_NOSCRIPT | CMD_STALE | CMD_LOADING, .acl = ACL_CONNECTION,
      .since = "7.2.0", .group = "generic", .complexity = "O(1)",
      .summary = "Waits until this node has what another one of its history had at an offset.",
      .syntax = "replid:string offset:integer timeout:integer" },
    { "FAILOVER", cmd_failover, .arity = -1, .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_STALE,
      .since = "6.2.0", .group = "server", .complexity = "O(1)",
      .summary = "Hands the master's role over to a replica without loss.",
      .syntax = "[TO target=(host:string port:integer [FORCE])] [ABORT] "
                "[TIMEOUT milliseconds:integer]" },
    COMMANDS_END,
};
