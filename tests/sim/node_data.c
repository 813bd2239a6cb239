#include "tests/sim/node_data.h"

#include <stdio.h>

#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/resp/write.h"
#include "tests/sim/breaks.h"
#include "tests/sim/check.h"
#include "tests/sim/data.h"
#include "tests/sim/disk.h"
#include "tests/sim/names.h"
#include "tests/sim/net.h"
#include "tests/sim/world.h"

#define CRON_MS 500
#define SAVE_MS 4000 /* a snapshot to disk now and then, when not every write is durable */

/* --- looking at it --- */

bool node_data_is_master(const struct node *n) { return data_of(n)->is_master; }
bool node_data_hands_over(const struct node *n) { return data_of(n)->hand.state != HANDOVER_NONE; }

/* Really: a connection whose other end has died looks alive until something is sent. */
bool node_data_link_up(const struct node *n)
{
    const struct data *d = data_of(n);
    struct node *m = node_data_follows(n);
    if (!link_is_up(&d->link) || !m || !m->alive) return false;
    for (const struct dconn *c = data_of(m)->conns; c; c = c->next)
        if (c->end == (d->link_end ^ 1) && c->peer && !c->closing) return true;
    return false;
}

int64_t node_data_offset(const struct node *n) { return feed_end(&data_of(n)->feed); }
const char *node_data_replid(const struct node *n) { return history_id(&data_of(n)->history); }
const struct toy *node_data_toy(const struct node *n) { return &data_of(n)->toy; }
struct node *node_data_follows(const struct node *n)
{
    struct data *d = data_of(n);
    return d->is_master ? NULL : names_meant(n->sim, slice_z(d->master_ip), d->master_port);
}

/* --- small services --- */

void data_new_id(struct data *d, char out[41])
{
    rng_hex(&d->node->rng, out, 40);
    out[40] = '\0';
}

void data_reply(struct data *d, struct dconn *c)
{
    if (!c->closing) net_send(d->node->sim->net, c->end, buf_slice(&d->out));
    buf_clear(&d->out);
}

/* Only what the stream has carried is judged: without a feed nothing is counted. */
void data_report(struct data *d)
{
    if (!d->feed.open) return;
    check_data_at(d->node, history_id(&d->history), feed_end(&d->feed), d->toy.stream, d->toy.data);
}

void data_save(struct data *d)
{
    struct buf b = { 0 };
    d->last_save = d->node->sim->now;
    toy_save(&d->toy, d->feed.open ? history_id(&d->history) : "", feed_end(&d->feed), &b);
    disk_write(d->node, DISK_DATA, buf_slice(&b));
    disk_sync(d->node, DISK_DATA);
    buf_free(&b);
}

static void save_config(struct data *d)
{
    struct str text =
        d->is_master ? str_z("master") : str_fmt("%s %d", d->master_ip, d->master_port);
    disk_write(d->node, DISK_STATE, str_slice(text));
    disk_sync(d->node, DISK_STATE);
    str_free(&text);
}

void data_publish(struct data *d, struct slice payload)
{
    struct buf b = { 0 };
    resp_array(&b, 3);
    resp_bulk(&b, SLICE("message"));
    resp_bulk(&b, SLICE(DATA_CHANNEL));
    resp_bulk(&b, payload);
    for (struct dconn *c = d->conns; c; c = c->next)
        if (c->subscriber && !c->closing) net_send(d->node->sim->net, c->end, buf_slice(&b));
    buf_free(&b);
}

/* --- connections --- */

static void dconn_clear_queue(struct dconn *c)
{
    for (size_t i = 0; i < c->queued.n; i++)
        str_free(&c->queued.at[i]);
    vec_clear(&c->queued);
    c->in_multi = false;
}

void data_close(struct data *d, struct dconn *c)
{
    data_peer_gone(d, c);
    struct dconn **at = &d->conns;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    net_close(d->node->sim->net, c->end);
    dconn_clear_queue(c);
    vec_free(&c->queued);
    resp_request_free(&c->request);
    buf_free(&c->in);
    mem_free(c);
}

static struct dconn *dconn_of_end(struct data *d, int end)
{
    return net_owner(d->node->sim->net, end);
}

/* --- commands --- */

static void cmd_ping(struct data *d, struct dconn *c, int argc, const struct slice *argv)
{
    resp_status(&d->out, SLICE("PONG"));
}

static void cmd_ok(struct data *d, struct dconn *c, int argc, const struct slice *argv)
{
    resp_status(&d->out, SLICE("OK"));
}

/* CLIENT KILL TYPE normal|pubsub spares the caller; the others close once the request is done. TYPE
 * master ends the link. */
static void cmd_client(struct data *d, struct dconn *c, int argc, const struct slice *argv)
{
    bool pubsub = argc == 4 && slice_ieqz(argv[3], "pubsub");
    bool link = argc == 4 && slice_ieqz(argv[3], "master");
    if (link && d->link_end >= 0) {
        net_close(d->node->sim->net, d->link_end);
        data_link_down(d, "killed");
    } else if (argc == 4 && slice_ieqz(argv[1], "KILL"))
        for (struct dconn *o = d->conns; o; o = o->next)
            if (o != c && !o->peer && o->subscriber == pubsub) o->closing = true;
    resp_status(&d->out, SLICE("OK"));
}

static void cmd_config(struct data *d, struct dconn *c, int argc, const struct slice *argv)
{
    if (argc == 2 && slice_ieqz(argv[1], "REWRITE")) save_config(d);
    resp_status(&d->out, SLICE("OK"));
}

static void info_replica(struct data *d, struct buf *b)
{
    bool up = link_is_up(&d->link);
    int64_t since = d->link.down_since_ms;
    buf_fmt(b, "master_host:%s\r\nmaster_port:%d\r\nmaster_link_status:%s\r\n", d->master_ip,
            d->master_port, up ? "up" : "down");
    buf_fmt(b, "slave_read_repl_offset:%lld\r\nslave_repl_offset:%lld\r\n",
            (long long)d->link.offset, (long long)d->link.offset);
    if (!up)
        buf_fmt(b, "master_link_down_since_seconds:%lld\r\n",
                since < 0 ? -1ll : (long long)((d->node->sim->now - since) / 1000));
    buf_fmt(b, "slave_priority:%lld\r\nslave_read_only:1\r\nreplica_announced:1\r\n",
            (long long)d->priority);
}

static void cmd_info(struct data *d, struct dconn *c, int argc, const struct slice *argv)
{
    struct buf b = { 0 };
    int n = 0;
    buf_fmt(&b, "# Server\r\nrun_id:%s\r\n\r\n# Replication\r\nrole:%s\r\n", d->runid,
            d->is_master ? "master" : "slave");
    if (!d->is_master) info_replica(d, &b);
    for (struct dconn *o = d->conns; o; o = o->next) {
        if (!o->peer || o->closing || !peer_is_replica(o->peer)) continue;
        buf_fmt(&b, "slave%d:ip=%s,port=%d,state=%s,offset=%lld,lag=0\r\n", n++, o->peer->ip,
                o->peer->port, peer_state_name(o->peer), (long long)o->peer->acked);
    }
    buf_fmt(&b, "master_replid:%s\r\nmaster_replid2:%s\r\nmaster_repl_offset:%lld\r\n",
            history_id(&d->history), history_id2(&d->history),
            (long long)feed_end(&d->feed));
    resp_bulk(&d->out, buf_slice(&b));
    buf_free(&b);
}

static void cmd_role(struct data *d, struct dconn *c, int argc, const struct slice *argv)
{
    resp_array(&d->out, 1);
    resp_bulk(&d->out, d->is_master ? SLICE("master") : SLICE("slave"));
}

static void cmd_slaveof(struct data *d, struct dconn *c, int argc, const struct slice *argv)
{
    int64_t port = 0;
    if (slice_ieqz(argv[1], "NO"))
        data_promote(d);
    else if (num_to_i64(argv[2], &port))
        data_follow(d, argv[1], (int)port);
    resp_status(&d->out, SLICE("OK"));
}

static void cmd_subscribe(struct data *d, struct dconn *c, int argc, const struct slice *argv)
{
    c->subscriber = true;
    resp_array(&d->out, 3);
    resp_bulk(&d->out, SLICE("subscribe"));
    resp_bulk(&d->out, argv[1]);
    resp_int(&d->out, 1);
}

/* A hello that lay somewhere for a while: told again, late. */
static void tell_again_later(struct data *d, struct slice payload)
{
    struct sim *s = d->node->sim;
    if (s->phase != PHASE_FAULTS || !sim_chance(&s->rng, s->opt.stale_hello)) return;
    str_set(&d->stale_hello, payload);
    sim_timer(d->node, sim_between(&s->rng, 10, 8000), DATA_TAG(DATA_TAG_STALE_HELLO, 0));
}

static void cmd_publish(struct data *d, struct dconn *c, int argc, const struct slice *argv)
{
    data_fence_hello(d, c, argv[2]);
    data_publish(d, argv[2]);
    tell_again_later(d, argv[2]);
    bool paused = d->hand.state != HANDOVER_NONE;
    if (d->is_master && d->node->sim->opt.replicate_hello && d->feed.open && !paused) {
        data_append_words(d, argc, argv);
        data_report(d);
        data_flush(d);
    }
    resp_int(&d->out, 1);
}

/* Every fifth write is a transaction of two effects: it and a PING. */
static void write_unit(struct data *d, int argc, const struct slice *argv)
{
    if (rng_below(&d->node->rng, 5)) {
        data_append_words(d, argc, argv);
        return;
    }
    struct buf b = { 0 };
    struct slice multi = SLICE("MULTI"), exec = SLICE("EXEC"), ping = SLICE("PING");
    resp_command(&b, 1, &multi);
    resp_command(&b, argc, argv);
    resp_command(&b, 1, &ping);
    resp_command(&b, 1, &exec);
    data_append(d, buf_slice(&b));
    buf_free(&b);
}

static void cmd_write(struct data *d, struct dconn *c, int argc, const struct slice *argv)
{
    if (!d->is_master) {
        resp_error(&d->out, SLICE("READONLY You can't write against a read only replica."));
        return;
    }
    if (d->hand.state != HANDOVER_NONE) { /* the real one lets the client wait */
        resp_error(&d->out, SLICE("ERR writes are paused"));
        return;
    }
    if (data_fence_refuses(d)) {
        resp_error(&d->out, SLICE("READONLY Fenced"));
        return;
    }
    check_fence_ack(d->node);
    if (!toy_apply(&d->toy, argc, argv)) {
        resp_error(&d->out, SLICE("ERR bad write"));
        return;
    }
    write_unit(d, argc, argv);
    c->last_write = feed_end(&d->feed);
    data_report(d);
    if (d->node->sim->opt.durable_data) data_save(d);
    data_flush(d);
    resp_status(&d->out, SLICE("OK"));
}

static void cmd_wait(struct data *d, struct dconn *c, int argc, const struct slice *argv)
{
    int64_t n = 0, timeout = 0;
    num_to_i64(argv[1], &n);
    num_to_i64(argv[2], &timeout);
    if (d->is_master)
        data_wait(d, c, (int)n, timeout);
    else
        resp_error(&d->out, SLICE("ERR WAIT cannot be used with replica instances."));
}

static const struct {
    const char *name;
    int arity; /* at least */
    void (*run)(struct data *d, struct dconn *c, int argc, const struct slice *argv);
} commands[] = {
    { "PING", 1, cmd_ping },
    { "INFO", 1, cmd_info },
    { "PUBLISH", 3, cmd_publish },
    { "W", 3, cmd_write },
    { "WAIT", 3, cmd_wait },
    { "ROLE", 1, cmd_role },
    { "FAILOVER", 2, data_hand_command },
    { "SLAVEOF", 3, cmd_slaveof },
    { "CONFIG", 2, cmd_config },
    { "CLIENT", 2, cmd_client },
    { "SUBSCRIBE", 2, cmd_subscribe },
    { "AUTH", 2, cmd_ok },
    { "REPLCONF", 1, data_replica_command },
    { "PSYNC", 3, data_replica_command },
    { "SYNC", 1, data_replica_command },
};

static void run_one(struct data *d, struct dconn *c, int argc, const struct slice *argv)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (slice_ieqz(argv[0], commands[i].name) && argc >= commands[i].arity) {
            commands[i].run(d, c, argc, argv);
            return;
        }
    resp_error(&d->out, SLICE("ERR unknown command"));
}

static void exec(struct data *d, struct dconn *c)
{
    struct resp_request r;
    resp_request_init(&r, 1 << 20);
    struct buf all = { 0 };
    resp_array(&all, c->queued.n);
    for (size_t i = 0; i < c->queued.n; i++) {
        struct str *q = &c->queued.at[i];
        must(resp_request_next(&r, q->p, q->n) == RESP_ONE);
        buf_clear(&d->out);
        run_one(d, c, r.argc, r.argv);
        buf_puts(&all, buf_slice(&d->out));
        buf_clear(&d->out);
    }
    buf_puts(&d->out, buf_slice(&all));
    buf_free(&all);
    resp_request_free(&r);
    dconn_clear_queue(c);
}

static void request(struct data *d, struct dconn *c, int argc, const struct slice *argv,
                    struct slice raw)
{
    data_fence_heard(d, c);
    if (slice_ieqz(argv[0], "MULTI")) {
        c->in_multi = true;
        resp_status(&d->out, SLICE("OK"));
    } else if (slice_ieqz(argv[0], "EXEC")) {
        exec(d, c);
    } else if (c->in_multi) {
        vec_push(&c->queued, str_new(raw));
        resp_status(&d->out, SLICE("QUEUED"));
    } else {
        run_one(d, c, argc, argv);
    }
    data_reply(d, c);
}

static void close_marked(struct data *d)
{
    for (struct dconn *c = d->conns, *next; c; c = next) {
        next = c->next;
        if (c->closing) data_close(d, c);
    }
}

void node_data_leave(struct node *n)
{
    struct data *d = data_of(n);
    char text[64];
    snprintf(text, sizeof(text), "leaving,%s", d->runid);
    if (d->is_master) data_publish(d, slice_z(text));
}

void node_data_set_role(struct node *n, struct node *master)
{
    struct data *d = data_of(n);
    if (master)
        data_follow(d, slice_z(names_of(master)), master->port);
    else
        data_promote(d);
    save_config(d);
    close_marked(d);
}

/* --- what the world does --- */

static void on_accepted(struct node *n, int end)
{
    struct data *d = data_of(n);
    struct dconn *c = mem_zalloc(sizeof(*c));
    c->end = end;
    resp_request_init(&c->request, 1 << 20);
    c->next = d->conns;
    d->conns = c;
    net_set_owner(n->sim->net, end, c);
}

static void on_up(struct node *n, int end)
{
    struct data *d = data_of(n);
    if (end == d->link_end) data_link_up(d);
    close_marked(d);
}

static void on_bytes(struct node *n, int end, struct slice bytes)
{
    struct data *d = data_of(n);
    if (end == d->link_end) {
        data_link_bytes(d, bytes);
        close_marked(d);
        return;
    }
    struct dconn *c = dconn_of_end(d, end);
    if (!c) return;
    buf_puts(&c->in, bytes);
    while (!c->closing && !n->sim->stop) {
        while (buf_size(&c->in) && *buf_head(&c->in) == '\n') { /* a replica's sign of life */
            buf_consume(&c->in, 1);
            data_replica_newline(d, c);
        }
        enum resp_got got = resp_request_next(&c->request, buf_head(&c->in), buf_size(&c->in));
        must(got != RESP_BAD);
        if (got == RESP_MORE) break;
        size_t size = c->request.size;
        if (c->request.argc)
            request(d, c, c->request.argc, c->request.argv, slice_of(buf_head(&c->in), size));
        buf_consume(&c->in, size);
    }
    close_marked(d);
}

static void on_down(struct node *n, int end, bool refused)
{
    struct data *d = data_of(n);
    if (end == d->link_end) {
        data_link_down(d, refused ? "Connection refused" : "Connection reset by peer");
        close_marked(d);
        return;
    }
    struct dconn *c = dconn_of_end(d, end);
    if (!c) return;
    data_fence_gone(d, c);
    data_close(d, c);
}

static void cron(struct data *d)
{
    struct sim *s = d->node->sim;
    data_master_cron(d);
    if (!s->opt.durable_data && s->now - d->last_save > SAVE_MS) data_save(d);
    sim_timer(d->node, CRON_MS, DATA_TAG(DATA_TAG_CRON, 0));
}

static void on_timer(struct node *n, uint64_t tag)
{
    struct data *d = data_of(n);
    switch (tag & 15) {
    case DATA_TAG_CRON:
        cron(d);
        break;
    case DATA_TAG_STALE_HELLO:
        data_publish(d, str_slice(d->stale_hello));
        break;
    case DATA_TAG_FENCE:
        data_fence_timer(d);
        break;
    case DATA_TAG_HAND:
        data_hand_timer(d);
        break;
    case DATA_TAG_LINK:
    case DATA_TAG_LOADED:
        data_link_timer(d, tag);
        break;
    default:
        data_master_timer(d, tag);
        break;
    }
    close_marked(d);
}

/* --- life --- */

/* Group leader first: it begins as the master; the others follow it, one perhaps behind another. */
static void first_config(struct data *d)
{
    struct node *n = d->node;
    int nth = n->nth % world_data_count(n->sim);
    d->is_master = nth == 0;
    if (d->is_master) return;
    struct node *m = world_data(n->sim, n->group, n->sim->opt.chained == nth ? 1 : 0);
    text_copy(d->master_ip, sizeof(d->master_ip), names_of(m));
    d->master_port = m->port;
}

static void read_config(struct data *d)
{
    struct slice text = disk_read(d->node, DISK_STATE);
    ptrdiff_t space = slice_find(text, ' ', 0);
    int64_t port = 0;
    d->master_ip[0] = '\0';
    if (text.n == 0) {
        first_config(d);
        return;
    }
    d->is_master = space < 0;
    if (d->is_master) return;
    slice_cstr(slice_of(text.p, (size_t)space), d->master_ip, sizeof(d->master_ip));
    num_to_i64(slice_of(text.p + space + 1, text.n - (size_t)space - 1), &port);
    d->master_port = (int)port;
}

/* As a snapshot file's position is used at start: a replica goes on, a master begins a tenure. */
static void restore(struct data *d, const char *saved, int64_t offset)
{
    char id[41];
    feed_init(&d->feed, d->node->sim->opt.backlog, saved[0] ? offset : 0);
    shelf_init(&d->shelf, d->node);
    feed_set_store(&d->feed, &d->shelf.store, (struct feed_limits){ .age_ms = SPILL_AGE_MS });
    data_new_id(d, id);
    if (!saved[0]) {
        history_init(&d->history, id);
        return;
    }
    feed_open(&d->feed);
    if (d->is_master) {
        history_restore_master(&d->history, id, saved, offset);
        check_data_born(d->node, id, saved, offset);
    } else {
        history_restore_replica(&d->history, saved);
    }
    data_report(d);
}

static void on_boot(struct node *n)
{
    struct data *d = data_of(n);
    const struct options *o = &n->sim->opt;
    char saved[41] = "";
    int64_t offset = 0;
    rng_hex(&n->rng, d->runid, 40);
    memset(&d->toy, 0, sizeof(d->toy));
    d->toy.stream = 1469598103934665603u;
    struct slice text = disk_read(n, DISK_DATA);
    if (text.n) must(toy_load(&d->toy, text, saved, &offset));
    read_config(d);
    restore(d, saved, offset);
    d->hand = (struct handover){ 0 };
    d->link_end = -1;
    d->link_due = INT64_MAX;
    struct link_settings set = { .timeout_ms = o->repl_timeout,
                                 .user = "",
                                 .listening_port = n->port,
                                 .announce_ip = o->names ? n->host_name : "",
                                 /* some can what Redis can, some more */
                                 .capa = (n->nth + n->sim->seed) % 3
                                             ? CAPA_LIVE_ACK | CAPA_EARLY
                                             : 0 };
    link_init(&d->link, &set, rng_next(&n->rng));
    data_fence_boot(d);
    d->last_save = n->sim->now;
    sim_timer(n, sim_between(&n->rng, 1, CRON_MS), DATA_TAG(DATA_TAG_CRON, 0));
    if (!d->is_master) data_boot_link(d, saved, offset);
}

static void on_kill(struct node *n)
{
    struct data *d = data_of(n);
    while (d->conns)
        data_close(d, d->conns);
    link_free(&d->link);
    feed_free(&d->feed);
    shelf_free(&d->shelf);
    buf_free(&d->link_in);
    buf_free(&d->snapshot_in);
    str_free(&d->snapshot);
    str_free(&d->stale_hello);
    d->snapshot_runs = d->flush_due = d->batch_due = false;
    d->snapshot_gen++;
    d->load_gen++;
    d->link_end = -1;
}

static void on_free(struct node *n)
{
    buf_free(&data_of(n)->out);
    mem_free(n->self);
}

static const struct node_ops data_ops = { .boot = on_boot,
                                          .kill = on_kill,
                                          .free = on_free,
                                          .timer = on_timer,
                                          .accepted = on_accepted,
                                          .up = on_up,
                                          .bytes = on_bytes,
                                          .down = on_down };

struct node *node_data_new(struct sim *s, int nth, int group, int host)
{
    struct data *d = mem_zalloc(sizeof(*d));
    d->node = sim_add(s, NODE_DATA, nth, host, 6379, &data_ops, d);
    d->node->group = group;
    d->priority = nth % world_data_count(s) == s->opt.odd_priority ? 0 : 100;
    return d->node;
}
