#include "core/front/front.h"

#include "core/base/mem.h"
#include "core/front/acl.h"
#include "core/front/client.h"
#include "core/front/client_evict.h"
#include "core/front/cmds_client.h"
#include "core/front/config.h"
#include "core/front/dispatch.h"
#include "core/front/docs.h"
#include "core/front/latency.h"
#include "core/front/limits.h"
#include "core/front/monitor.h"
#include "core/front/pubsub.h"
#include "core/front/reply.h"
#include "core/front/slowlog.h"
#include "core/front/stats.h"
#include "core/sys/clock.h"
#include "core/sys/log.h"

#define RESUME_ROUNDS_MAX 8      /* then the sockets get their turn */
#define IDLE_BUFFER_MS 2000      /* after which a big empty buffer is given back */
#define IDLE_BUFFER_KEEP 1024
#define CLIENTS_A_CRON_MIN 5
#define PAUSE_LOOK_MS (60 * 60 * 1000) /* a pause may be for ever; a timer may not */

/* ---- life ---- */

static void end_pause(void *arg);
static void soon(void *arg) { (void)arg; /* the hooks do the work; this only wakes the loop */ }
static void on_resume(void *arg) { front_resume(arg); }
static void on_flush(void *arg) { front_flush(arg); }

static void read_wall(struct front *f)
{
    f->wall_minus_mono_us = clock_wall_us() - clock_mono_us();
}

struct front *front_new(struct loop *l, const struct front_config *cfg, const char *mode,
                        const struct front_hooks *hooks, void *app)
{
    struct front *f = mem_zalloc(sizeof(*f));
    *f = (struct front){ .loop = l, .config = cfg, .app = app, .mode = mode, .next_client_id = 1 };
    if (hooks) f->hooks = *hooks;
    ilist_init(&f->clients);
    ilist_init(&f->resume);
    ilist_init(&f->paused);
    ilist_init(&f->closing);
    f->cron_at = &f->clients;
    f->hash_key = (struct hash_key){ clock_entropy(), clock_entropy() };
    rng_seed(&f->rng, clock_entropy());
    rng_hex(&f->rng, f->run_id, 40);
    f->started_ms = loop_now_ms(l);
    table_init(&f->clients_by_id, &client_ids, NULL);
    f->registry = registry_new();
    f->errors = error_stats_new();
    f->batch = batch_new();
    f->pubsub = pubsub_new(f);
    f->acl = acl_new(f);
    f->slowlog = slowlog_new();
    f->latency = latency_new();
    f->pause_timer = loop_timer_new(l, end_pause, f);
    f->soon_timer = loop_timer_new(l, soon, f);
    f->hook_resume = loop_before_sleep(l, FRONT_RANK_RESUME, on_resume, f);
    f->hook_flush = loop_before_sleep(l, FRONT_RANK_FLUSH, on_flush, f);
    read_wall(f);
    dispatch_clock(f);
    return f;
}

void front_delete(struct front *f)
{
    front_unlisten(f);
    ilist_each(&f->clients, it, next) client_free(ilist_of(it, struct client, node));
    loop_hook_delete(f->hook_resume);
    loop_hook_delete(f->hook_flush);
    loop_timer_delete(f->pause_timer);
    loop_timer_delete(f->soon_timer);
    latency_delete(f->latency);
    slowlog_delete(f->slowlog);
    acl_delete(f->acl);
    pubsub_delete(f->pubsub);
    batch_delete(f->batch);
    batch_delete(f->inner_batch);
    error_stats_delete(f->errors);
    registry_delete(f->registry);
    table_free(&f->clients_by_id);
    vec_free(&f->monitors);
    vec_free(&f->listeners);
    mem_free(f);
}

void front_add_commands(struct front *f)
{
    registry_add(f->registry, cmds_connection);
    registry_add(f->registry, cmds_command);
    registry_add(f->registry, cmds_subscribe);
    registry_add(f->registry, cmds_acl);
}

void front_add_observation(struct front *f)
{
    registry_add(f->registry, cmds_pubsub);
    registry_add(f->registry, cmds_slowlog);
    registry_add(f->registry, cmds_latency);
    registry_add(f->registry, cmds_monitor);
}

/* ---- accepting ---- */

static const char protected_text[] =
    "-DENIED Redis is running in protected mode because protected mode is enabled and no password "
    "is set for the default user. In this mode connections are only accepted from the loopback "
    "interface. If you want to connect from external computers to Redis you may adopt one of the "
    "following solutions: 1) Just disable protected mode sending the command 'CONFIG SET "
    "protected-mode no' from the loopback interface by connecting to Redis from the same host the "
    "server is running, however MAKE SURE Redis is not publicly accessible from internet if you do "
    "so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable "
    "the protected mode by editing the Redis configuration file, and setting the protected mode "
    "option to 'no', and then restarting the server. 3) If you started the server manually just "
    "for testing, restart it with the '--protected-mode no' option. 4) Setup a an authentication "
    "password for the default user. NOTE: You only need to do one of the above things in order for "
    "the server to start accepting connections from the outside.\r\n";

static void on_data(struct conn *conn)
{
    struct client *cl = conn_arg(conn);
    cl->active_ms = loop_now_ms(cl->front->loop);
    if (cl->flags & CLIENT_STOPPED) limits_check_query(cl);
    else dispatch_client(cl);
}

static void on_drained(struct conn *conn)
{
    struct client *cl = conn_arg(conn);
    if (cl->drain) cl->drain(cl);
}

static void on_close(struct conn *conn, const char *why)
{
    struct client *cl = conn_arg(conn);
    (void)why;
    cl->conn = NULL; /* freed by its owner after this */
    client_free(cl);
}

static const struct conn_ops client_ops = { .on_data = on_data,
                                            .on_drained = on_drained,
                                            .on_close = on_close };

static void refuse(struct front *f, struct conn *conn, const char *text, size_t n)
{
    f->stats.rejected_connections++;
    if (conn_write_now(conn, text, n) >= 0) conn_close(conn);
}

static struct client *client_new(struct front *f, struct conn *conn)
{
    struct client *cl = mem_zalloc(sizeof(*cl));
    cl->front = f;
    cl->conn = conn;
    cl->id = f->next_client_id++;
    cl->resp = 2;
    cl->created_ms = cl->active_ms = loop_now_ms(f->loop);
    cl->user = acl_default(f->acl);
    if (!front_auth_required(f)) cl->flags |= CLIENT_AUTHENTICATED;
    if (conn_is_unix(conn)) cl->flags |= CLIENT_UNIX;
    resp_request_init(&cl->request, f->config->proto_max_bulk_len);
    ilist_init(&cl->resume);
    ilist_init(&cl->closing);
    ilist_push(&f->clients, &cl->node);
    table_add(&f->clients_by_id, client_id_hash(cl->id), cl);
    if (++f->clients_n > f->stats.peak_clients) f->stats.peak_clients = f->clients_n;
    return cl;
}

/* The conn of a refused client: nothing is read from it, nothing is told about its end. */
static void ignore_close(struct conn *conn, const char *why) { (void)conn, (void)why; }
static void ignore_data(struct conn *conn) { (void)conn; }
static const struct conn_ops refused_ops = { .on_data = ignore_data, .on_close = ignore_close };

struct client *front_accept(struct front *f, int fd)
{
    static const char full[] = "-ERR max number of clients reached\r\n";
    struct conn *conn = conn_accepted(f->loop, fd, &refused_ops, NULL);
    if (f->clients_n >= (size_t)f->config->maxclients) {
        refuse(f, conn, full, sizeof(full) - 1);
        return NULL;
    }
    if (f->config->protected_mode && acl_default(f->acl)->nopass && !conn_is_loopback(conn)) {
        refuse(f, conn, protected_text, sizeof(protected_text) - 1);
        return NULL;
    }
    f->stats.connections++;
    struct client *cl = client_new(f, conn);
    conn_set_owner(conn, &client_ops, cl);
    if (!conn_is_unix(conn)) {
        conn_set_nodelay(conn, true);
        if (f->config->tcp_keepalive) conn_set_keepalive(conn, f->config->tcp_keepalive);
    }
    if (f->hooks.open) f->hooks.open(cl);
    return cl;
}

static void on_accept(void *arg, int fd) { front_accept(arg, fd); }

/* An address with '-' in front may be missing on this machine; a port in use is never forgiven. */
static enum err listen_one(struct front *f, const char *address, struct errmsg *msg)
{
    bool optional = address[0] == '-';
    struct errmsg why;
    struct listener *li = listen_tcp(f->loop, address + optional, f->config->port,
                                     f->config->tcp_backlog, on_accept, f, &why);
    if (li) {
        vec_push(&f->listeners, li);
        return ERR_NONE;
    }
    if (optional && !strstr(why.text, "in use")) return ERR_NONE;
    log_warning("Warning: %s", why.text);
    return err_set(msg, ERR_IO, "Failed listening on port %d (TCP), aborting.", f->config->port);
}

enum err front_listen(struct front *f, struct errmsg *msg)
{
    const struct front_config *cfg = f->config;
    enum err e = ERR_NONE;
    for (size_t i = 0; cfg->port && i < cfg->bind.text.n && e == ERR_NONE; i++)
        if (cfg->bind.text.at[i][0]) e = listen_one(f, cfg->bind.text.at[i], msg);
    if (e == ERR_NONE && cfg->unixsocket[0]) {
        struct errmsg why;
        struct listener *li = listen_unix(f->loop, cfg->unixsocket, (unsigned)cfg->unixsocketperm,
                                          cfg->tcp_backlog, on_accept, f, &why);
        if (li) vec_push(&f->listeners, li);
        else e = err_set(msg, ERR_IO, "Failed opening Unix socket: %s", why.text);
    }
    if (e == ERR_NONE && f->listeners.n == 0)
        e = err_set(msg, ERR_IO, "Configured to not listen anywhere, exiting.");
    if (e != ERR_NONE) front_unlisten(f);
    return e;
}

void front_unlisten(struct front *f)
{
    for (size_t i = 0; i < f->listeners.n; i++) listener_close(f->listeners.at[i]);
    vec_clear(&f->listeners);
}

/* ---- pause ---- */

static void settle_pause(struct front *f)
{
    int64_t now = loop_now_ms(f->loop), next = 0;
    f->pause_until_ms = 0;
    f->pause_writes_only = true;
    for (int i = 0; i < PAUSES; i++) {
        int64_t until = f->pause[i].until_ms;
        if (until <= now) {
            f->pause[i].until_ms = 0;
            continue;
        }
        if (until > f->pause_until_ms) f->pause_until_ms = until;
        if (next == 0 || until < next) next = until;
        f->pause_writes_only &= f->pause[i].writes_only;
    }
    int64_t wait = next - now < PAUSE_LOOK_MS ? next - now : PAUSE_LOOK_MS;
    if (next) loop_timer_after(f->pause_timer, wait);
    else loop_timer_cancel(f->pause_timer);
}

/* All that wait are asked again: what is still paused is postponed again. */
static void wake_paused(struct front *f)
{
    ilist_each(&f->paused, it, next) {
        struct client *cl = ilist_of(it, struct client, resume);
        cl->flags &= ~CLIENT_PAUSED;
        ilist_remove(it);
        ilist_push(&f->resume, it);
    }
    loop_timer_after(f->soon_timer, 0);
}

static void end_pause(void *arg)
{
    struct front *f = arg;
    settle_pause(f);
    wake_paused(f);
}

void front_pause(struct front *f, enum front_pause why, int64_t until_ms, bool writes_only)
{
    f->pause[why].until_ms = until_ms;
    f->pause[why].writes_only = writes_only;
    end_pause(f);
}

void front_unpause(struct front *f, enum front_pause why)
{
    f->pause[why].until_ms = 0;
    end_pause(f);
}

/* ---- each turn ---- */

int64_t front_now_ms(const struct front *f) { return (f->now_us + f->wall_minus_mono_us) / 1000; }

static void free_closing(struct front *f)
{
    ilist_each(&f->closing, it, next) {
        struct client *cl = ilist_of(it, struct client, closing);
        if (cl->flags & (CLIENT_IN_BATCH | CLIENT_HELD) || f->running == cl) continue;
        client_free(cl);
    }
}

void front_resume(struct front *f)
{
    read_wall(f);
    dispatch_clock(f);
    if (dispatch_is_busy(f)) return; /* a turn inside a command: clients wait until it is done */
    for (int i = 0; i < RESUME_ROUNDS_MAX && !ilist_empty(&f->resume); i++) {
        struct ilist now = { 0 };
        ilist_init(&now);
        while (!ilist_empty(&f->resume)) {
            struct ilist *it = f->resume.next;
            ilist_remove(it);
            ilist_push(&now, it);
        }
        while (!ilist_empty(&now)) {
            struct client *cl = ilist_of(now.next, struct client, resume);
            ilist_remove(&cl->resume);
            dispatch_client(cl);
        }
    }
    if (!ilist_empty(&f->resume)) loop_timer_after(f->soon_timer, 0);
    free_closing(f);
}

void front_flush(struct front *f)
{
    free_closing(f);
    conn_flush_all(f->loop);
    client_evict_run(f);
}

void front_serve_others(struct front *f)
{
    struct client *running = f->running;
    struct conn *conn = running ? running->conn : NULL;
    struct batch *batch = f->batch;
    bool guarded = conn && conn_guard(conn, true);
    if (!f->inner_batch) f->inner_batch = batch_new();
    f->batch = f->inner_batch;
    f->running = NULL;
    if (running) running->flags |= CLIENT_HELD;
    loop_poll_io(f->loop);
    if (running) running->flags &= ~CLIENT_HELD;
    f->running = running;
    f->batch = batch;
    if (conn) conn_guard(conn, guarded);
    dispatch_clock(f);
}

/* ---- cron ---- */

void front_refresh_stats(struct front *f)
{
    const struct conn_totals *t = conn_totals_of(f->loop);
    f->stats.in_bytes = t->in_bytes;
    f->stats.out_bytes = t->out_bytes;
}

static void sample(struct front *f, int64_t now_ms)
{
    front_refresh_stats(f);
    struct front_sample *s = &f->sample[f->sample_at % FRONT_SAMPLES];
    unsigned newest = (f->sample_at + FRONT_SAMPLES - 1) % FRONT_SAMPLES;
    if (now_ms - f->sample[newest].at_ms < 100) return;
    int64_t ms = now_ms - s->at_ms;
    if (s->at_ms && ms > 0) { /* s is the oldest: it is read, then overwritten */
        f->stats.ops_per_sec = (f->stats.commands - s->commands) * 1000 / (uint64_t)ms;
        f->stats.in_kbps_x100 = (f->stats.in_bytes - s->in_bytes) * 100000 / 1024 / (uint64_t)ms;
        f->stats.out_kbps_x100 = (f->stats.out_bytes - s->out_bytes) * 100000 / 1024 / (uint64_t)ms;
    }
    *s = (struct front_sample){ now_ms, f->stats.commands, f->stats.in_bytes, f->stats.out_bytes };
    f->sample_at++;
}

/* A client that has been quiet for a while gives back the room of its last big request or reply. */
static void shrink(struct client *cl, int64_t now_ms)
{
    if (!cl->conn || now_ms - cl->active_ms < IDLE_BUFFER_MS) return;
    if (cl->flags & (CLIENT_IN_BATCH | CLIENT_DETACHED)) return;
    struct buf *in = conn_in(cl->conn), *out = conn_out(cl->conn);
    if (in->cap > IDLE_BUFFER_KEEP && buf_size(in) == 0) buf_shrink(in, 0);
    if (out->cap > IDLE_BUFFER_KEEP && buf_size(out) == 0) buf_shrink(out, 0);
}

static void look_at(struct client *cl, int64_t now_ms)
{
    if (limits_check_idle(cl, now_ms) || limits_check(cl)) return;
    shrink(cl, now_ms);
}

void front_cron(struct front *f, int64_t now_ms)
{
    sample(f, now_ms);
    size_t n = f->clients_n / (size_t)(f->config->hz > 0 ? f->config->hz : 10);
    if (n < CLIENTS_A_CRON_MIN)
        n = f->clients_n < CLIENTS_A_CRON_MIN ? f->clients_n : CLIENTS_A_CRON_MIN;
    for (size_t i = 0; i < n; i++) {
        if (f->cron_at == &f->clients) f->cron_at = f->clients.next;
        if (f->cron_at == &f->clients) return;
        struct client *cl = ilist_of(f->cron_at, struct client, node);
        f->cron_at = f->cron_at->next;
        look_at(cl, now_ms);
    }
}
