#include "core/front/dispatch.h"

#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/front/acl.h"
#include "core/front/client.h"
#include "core/front/config.h"
#include "core/front/gates.h"
#include "core/front/latency.h"
#include "core/front/limits.h"
#include "core/front/monitor.h"
#include "core/front/reply.h"
#include "core/front/slowlog.h"
#include "core/front/stats.h"
#include "core/sys/clock.h"
#include "core/sys/log.h"

struct request {
    struct command_entry *entry;
    const struct slice *argv;
    int argc; /* 0: an empty line */
    struct slice raw;
    size_t end; /* where it ends, from the buffer's head */
};

struct batch {
    struct request at[BATCH_MAX];
    int n;
    struct slice args[BATCH_ARGS];
    int args_n;
    bool busy;
    enum resp_got last; /* why parsing ended: RESP_ONE means the batch is full */
};

struct batch *batch_new(void) { return mem_zalloc(sizeof(struct batch)); }
void batch_delete(struct batch *b) { mem_free(b); }

bool dispatch_is_busy(const struct front *f) { return f->batch->busy; }

void dispatch_clock(struct front *f) { f->now_us = clock_mono_us(); }

static bool is_replica(const struct client *cl) { return client_kind(cl) == CLIENT_KIND_REPLICA; }

struct buf *dispatch_out(struct client *cl)
{
    const uint32_t mute = CLIENT_REPLY_OFF | CLIENT_REPLY_SKIP | CLIENT_MASTER | CLIENT_CLOSING |
                          CLIENT_CLOSE_AFTER_REPLY;
    if (cl->flags & mute) return NULL;
    return cl->conn && !is_replica(cl) ? conn_out(cl->conn) : &cl->pseudo_out;
}

/* ---- one call ---- */

static void observe(struct call *c, int64_t us)
{
    const struct front_config *cfg = c->front->config;
    uint32_t flags = c->entry->flags;
    if (cfg->slowlog_log_slower_than >= 0 && us >= cfg->slowlog_log_slower_than &&
        !(flags & CMD_SKIP_SLOWLOG))
        slowlog_add(c, us);
    if (cfg->latency_monitor_threshold > 0 && us >= cfg->latency_monitor_threshold * 1000)
        latency_add(c->front, flags & CMD_FAST ? "fast-command" : "command", us / 1000);
    if (c->front->monitors.n) monitor_feed(c);
}

/* A call that blocks is counted when its reply is there (client_unblock). */
static void count(struct call *c, int64_t us)
{
    c->front->stats.commands++;
    if (!c->blocked) {
        stats_count(c->front, c->entry, us, c->failed);
        return;
    }
    c->client->blocked_us = us;
    c->client->block_failed = false;
}

/* The clock is read once a call: the end of one is the beginning of the next. */
void dispatch_call(struct call *c)
{
    struct front *f = c->front;
    int64_t start = f->now_us;
    c->app = f->app;
    c->row = c->entry->row;
    c->now_ms = front_now_ms(f);
    c->out = dispatch_out(c->client);
    if (f->hooks.begin) f->hooks.begin(c);
    c->row->run(c);
    c->blocked = c->client->flags & CLIENT_BLOCKED;
    if (f->hooks.end) f->hooks.end(c);
    f->now_us = clock_mono_us();
    int64_t us = f->now_us > start ? f->now_us - start : 0;
    count(c, us);
    observe(c, us);
}

/* ---- one request ---- */

static bool pass_gates(struct call *c)
{
    if (!gates_pass(c)) return false;
    const struct gate *g = c->front->hooks.gates;
    if (g)
        for (; g->name; g++)
            if (!g->pass(c)) return false;
    return true;
}

/* A gate said no. What was queued before in MULTI must then not be run. */
static void rejected(struct call *c)
{
    if (!c->failed) return;
    if (c->entry) c->entry->stats.rejected++;
    if (c->client->flags & CLIENT_MULTI) c->client->flags |= CLIENT_DIRTY_EXEC;
}

/* CLIENT CACHING holds for the command behind it, or for the whole transaction. */
static void end_caching(struct client *cl, const struct command_entry *e)
{
    if (cl->flags & CLIENT_MULTI) return;
    if (e && e->parent && strcmp(e->parent->fullname, "client") == 0) return;
    cl->flags &= ~(uint32_t)CLIENT_TRACKING_CACHING;
}

static void next_reply_flags(struct client *cl)
{
    if (!(cl->flags & (CLIENT_REPLY_SKIP | CLIENT_REPLY_SKIP_NEXT))) return;
    cl->flags &= ~CLIENT_REPLY_SKIP;
    if (cl->flags & CLIENT_REPLY_SKIP_NEXT) {
        cl->flags &= ~CLIENT_REPLY_SKIP_NEXT;
        cl->flags |= CLIENT_REPLY_SKIP;
    }
}

/* A reply between the bytes of a snapshot or of the stream would be taken for a part of them. */
static void replica_answered(struct call *c)
{
    struct client *cl = c->client;
    struct buf line = { 0 };
    const char *name = c->entry ? c->entry->fullname : "<unknown>";
    client_describe(cl, &line);
    log_warning("Replica generated a reply to command '%s', disconnecting it: %.*s", name,
                (int)buf_size(&line), buf_head(&line));
    const char *said = buf_head(&cl->pseudo_out);
    if (c->failed) {
        said += slice_starts(buf_slice(&cl->pseudo_out), "-ERR ") ? 5 : 1;
        log_warning("== CRITICAL == This master is sending an error to its replica: '%.*s' after "
                    "processing the command '%s'",
                    (int)strcspn(said, "\r"), said, name);
    }
    buf_free(&line);
    buf_free(&cl->pseudo_out);
    client_close_soon(cl);
}

static void run_request(struct client *cl, const struct request *rq)
{
    struct call c = { .front = cl->front,
                      .client = cl,
                      .entry = rq->entry,
                      .row = rq->entry ? rq->entry->row : NULL,
                      .argc = rq->argc,
                      .argv = rq->argv,
                      .raw = rq->raw,
                      .out = dispatch_out(cl),
                      .app = cl->front->app };
    if (c.entry) cl->last = c.entry; /* what is queued or refused is shown too */
    if (pass_gates(&c)) {
        dispatch_call(&c);
    } else {
        rejected(&c);
        if (cl->flags & CLIENT_UNDER_POSTPONE) return;
    }
    if (cl->conn && buf_size(&cl->pseudo_out) > 0) replica_answered(&c);
    if (cl->flags & CLIENT_TRACKING_CACHING) end_caching(cl, rq->entry);
    if (!(cl->flags & CLIENT_BLOCKED)) next_reply_flags(cl);
}

/* The caller's rest of the batch goes on afterwards with the clock of this one. */
void dispatch_one(struct client *cl, int argc, const struct slice *argv, struct slice raw)
{
    struct front *f = cl->front;
    struct client *before = f->running;
    struct request rq = { .argc = argc, .argv = argv, .raw = raw };
    rq.entry = registry_find_full(f->registry, argc, argv);
    dispatch_clock(f);
    f->running = cl;
    run_request(cl, &rq);
    f->running = before;
}

/* ---- a batch ---- */

static struct request *add_request(struct client *cl, struct batch *b, const char *start)
{
    struct resp_request *r = &cl->request;
    struct request *rq = &b->at[b->n++];
    rq->argc = r->argc;
    rq->argv = r->argv;
    rq->raw = r->canonical ? slice_of(start, r->size) : slice_of(NULL, 0);
    rq->entry = r->argc ? registry_find_full(cl->front->registry, r->argc, r->argv) : NULL;
    return rq;
}

/* The reader lends its arguments until it is asked again: the slices are copied, the bytes stay in
 * the buffer. False: this must be the last request of the batch, since there is no room, or its
 * bytes are not in the buffer (words of an inline line had quotes). */
static bool keep_args(struct batch *b, struct request *rq, const char *head)
{
    if (b->args_n + rq->argc > BATCH_ARGS) return false;
    if (rq->argc && (rq->argv[0].p < head || rq->argv[0].p >= head + rq->end)) return false;
    struct slice *to = b->args + b->args_n;
    for (int i = 0; i < rq->argc; i++) to[i] = rq->argv[i];
    rq->argv = to;
    b->args_n += rq->argc;
    return true;
}

static void parse(struct client *cl, struct batch *b)
{
    const struct buf *in = conn_in(cl->conn);
    const char *head = buf_head(in);
    size_t size = buf_size(in), at = 0;
    /* Bounds are smaller until the client has said who it is: AUTH must take effect first. */
    int max = cl->flags & CLIENT_AUTHENTICATED ? BATCH_MAX : 1;
    cl->request.bulk_max = cl->front->config->proto_max_bulk_len;
    cl->request.unauthenticated = max == 1 && front_auth_required(cl->front);
    b->n = b->args_n = 0;
    b->last = RESP_ONE;
    while (b->n < max) {
        b->last = at < size ? resp_request_next(&cl->request, head + at, size - at) : RESP_MORE;
        if (b->last != RESP_ONE) return;
        struct request *rq = add_request(cl, b, head + at);
        at += cl->request.size;
        rq->end = at;
        if (!keep_args(b, rq, head)) return;
    }
}

/* Only the plain case: keys at fixed places. It is a hint, and the others are rare. */
static int add_keys(const struct request *rq, int db, struct front_ahead *to, int room)
{
    const struct keyspec *k = &rq->entry->row->keys[0];
    if (k->begin != KEYS_AT || k->find != KEYS_RANGE || !k->step) return 0;
    if (k->flags & (KEY_NOT_KEY | KEY_CHANNEL)) return 0;
    int last = k->last >= 0 ? k->first + k->last : rq->argc + k->last, n = 0;
    if (last >= rq->argc) last = rq->argc - 1;
    for (int i = k->first; i <= last && n < room; i += k->step)
        to[n++] = (struct front_ahead){ .key = rq->argv[i], .db = db };
    int element = rq->entry->row->element;
    if (n && element && element < rq->argc) to[0].element = rq->argv[element];
    return n;
}

static void prefetch(struct client *cl, const struct batch *b)
{
    struct front_ahead at[BATCH_KEYS];
    int n = 0;
    for (int i = 0; i < b->n && n < BATCH_KEYS; i++)
        if (b->at[i].entry) n += add_keys(&b->at[i], cl->db, at + n, BATCH_KEYS - n);
    if (n > 1) cl->front->hooks.prefetch(cl->front, at, n);
}

/* Returns the bytes that are done with. */
static size_t run_requests(struct client *cl, const struct batch *b)
{
    size_t done = 0;
    for (int i = 0; i < b->n; i++) {
        const struct request *rq = &b->at[i];
        if (rq->argc) run_request(cl, rq);
        if (cl->flags & CLIENT_UNDER_POSTPONE) break;
        done = rq->end;
        if (cl->flags & (CLIENT_STOPPED | CLIENT_DETACHED)) break;
    }
    cl->flags &= ~CLIENT_UNDER_POSTPONE;
    return done;
}

static void forget_partial(struct client *cl)
{
    resp_request_free(&cl->request);
    resp_request_init(&cl->request, cl->front->config->proto_max_bulk_len);
}

static void protocol_error(struct client *cl)
{
    struct buf line = { 0 }, sample = { 0 };
    struct slice in = buf_slice(conn_in(cl->conn));
    monitor_quote(&sample, slice_of(in.p, in.n < 40 ? in.n : 40));
    client_describe(cl, &line);
    log_verbose("Protocol error (%s) from client: %.*s. Query buffer during protocol error: %.*s",
                cl->request.error, (int)buf_size(&line), buf_head(&line), (int)buf_size(&sample),
                buf_head(&sample));
    buf_free(&line);
    buf_free(&sample);
    if (is_replica(cl)) {
        client_close_soon(cl);
        return;
    }
    struct call c = reply_call_for(cl);
    reply_error_fmt(&c, "Protocol error: %s", cl->request.error);
    client_close_after_reply(cl);
}

/* One batch. True: there may be another. */
static bool run_batch(struct client *cl, struct batch *b)
{
    struct front *f = cl->front;
    parse(cl, b);
    if (b->n == 0) return false;
    if (b->n > 1 && f->hooks.prefetch) prefetch(cl, b);
    cl->flags |= CLIENT_IN_BATCH;
    f->running = cl;
    size_t done = run_requests(cl, b);
    if (cl->flags & CLIENT_CLOSE_AFTER_REPLY && cl->conn) conn_close_after_output(cl->conn);
    f->running = NULL;
    cl->flags &= ~CLIENT_IN_BATCH;
    buf_consume(conn_in(cl->conn), done);
    bool whole = done == b->at[b->n - 1].end;
    if (!whole || cl->flags & CLIENT_STOPPED) {
        forget_partial(cl);
        return false;
    }
    return b->last == RESP_ONE && !(cl->flags & CLIENT_DETACHED);
}

static bool may_run(struct client *cl)
{
    struct front *f = cl->front;
    if (cl->flags & (CLIENT_STOPPED | CLIENT_DETACHED | CLIENT_IN_BATCH |
                     CLIENT_HELD) || !cl->conn) return false;
    if (!f->batch->busy) return true;
    ilist_remove(&cl->resume);
    ilist_push(&f->resume, &cl->resume);
    loop_timer_after(f->soon_timer, 0);
    return false;
}

void dispatch_client(struct client *cl)
{
    if (!may_run(cl)) return;
    struct batch *b = cl->front->batch;
    b->busy = true;
    dispatch_clock(cl->front);
    while (run_batch(cl, b)) {}
    b->busy = false;
    if (cl->flags & (CLIENT_CLOSING | CLIENT_DETACHED)) return;
    if (b->last == RESP_BAD && !(cl->flags & CLIENT_STOPPED)) protocol_error(cl);
    if (buf_size(conn_out(cl->conn))) conn_wake_out(cl->conn);
    if (cl->flags & CLIENT_CLOSE_AFTER_REPLY) return;
    if (!limits_check(cl)) limits_check_query(cl);
}
