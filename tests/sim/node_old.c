#include <stdio.h>

#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/resp/write.h"
#include "tests/sim/disk.h"
#include "tests/sim/net.h"
#include "tests/sim/old.h"
#include "tests/sim/world.h"

static const struct node_ops old_ops;

bool node_old_is(const struct node *n) { return n->ops == &old_ops; }

/* --- the file --- */

void old_save(struct old *t)
{
    struct buf b = { 0 };
    buf_fmt(&b, "%llu\n", (unsigned long long)t->current);
    for (int i = 0; i < opt(t)->groups; i++) {
        const char *ip;
        int port;
        old_names(t, i, &ip, &port);
        buf_fmt(&b, "g %llu %llu %s %d\n", (unsigned long long)t->g[i].config_epoch,
                (unsigned long long)t->g[i].leader_epoch, ip, port);
    }
    for (size_t i = 0; i < t->n; i++) {
        const struct who *w = t->who[i];
        const struct group *g = &t->g[w->group];
        if (w->kind == MASTER) continue;
        /* In the place of the promoted replica stands the old master. */
        if (g->state == RECONF && w == g->promoted) w = g->master;
        buf_fmt(&b, "%c %d %s %d %s\n", w->kind == PEER ? 'p' : 'r', w->group, w->ip, w->port,
                w->id);
    }
    buf_putc(&b, '\0');
    disk_write(t->node, DISK_STATE, buf_slice(&b));
    disk_sync(t->node, DISK_STATE);
    buf_free(&b);
}

static void restore_line(struct old *t, const char *line, int *group)
{
    char kind, ip[20], id[OLD_ID] = "";
    int g, port;
    unsigned long long config, leader;
    if (sscanf(line, "g %llu %llu %19s %d", &config, &leader, ip, &port) == 4) {
        t->g[*group].config_epoch = config;
        t->g[*group].leader_epoch = leader;
        t->g[*group].master = old_add(t, MASTER, *group, ip, port);
        ++*group;
    } else if (sscanf(line, "%c %d %19s %d %40s", &kind, &g, ip, &port, id) >= 4) {
        struct who *w = old_add(t, kind == 'p' ? PEER : REPLICA, g, ip, port);
        text_copy(w->id, sizeof(w->id), id);
    }
}

static void restore(struct old *t)
{
    struct slice text = disk_read(t->node, DISK_STATE);
    int group = 0;
    for (int i = 0; text.n == 0 && i < opt(t)->groups; i++) {
        struct node *m = world_data(t->node->sim, i, 0);
        t->g[i].master = old_add(t, MASTER, i, m->ip, m->port);
    }
    if (text.n == 0) return;
    unsigned long long current = 0;
    sscanf(text.p, "%llu", &current);
    t->current = current;
    for (const char *p = text.p; (p = strchr(p, '\n')) && p[1];) restore_line(t, ++p, &group);
}

/* --- time --- */

static void connect_who(struct old *t, struct who *w)
{
    int64_t now = now_of(t);
    if (w->cmd && !w->cmd->up && now - w->cmd->since > OLD_CONNECT_MS) old_hang_up(t, w);
    if (w->cmd && w->cmd->up && now - w->cmd->since > OLD_CONNECT_MS && w->act_ping >= 0 &&
        now - w->act_ping > opt(t)->down_after / 2)
        old_hang_up(t, w);
    bool whole = w->cmd && (w->kind == PEER || w->sub);
    if (whole || now - w->tried < ping_ms(t)) return;
    w->tried = now;
    if (!w->cmd) w->cmd = old_line_new(t, net_connect(t->node, slice_z(w->ip), w->port), w);
    if (w->kind == PEER || w->sub) return;
    w->sub = old_line_new(t, net_connect(t->node, slice_z(w->ip), w->port), w);
    w->sub->pubsub = true;
}

static void traffic(struct old *t, struct who *w)
{
    int64_t now = now_of(t), info = OLD_INFO_MS;
    const struct group *g = &t->g[w->group];
    if (w->kind == REPLICA && (g->o_down || g->state != IDLE || (w->role_known && !w->link_up)))
        info = 1000;
    if (now - w->avail > ping_ms(t) && now - w->last_ping > ping_ms(t) / 2 &&
        SAY(t, w, TAG_PING, "PING")) {
        w->last_ping = now;
        if (w->act_ping < 0) w->act_ping = now;
    }
    if (w->kind != PEER && now - w->info_sent > info && SAY(t, w, TAG_INFO, "INFO"))
        w->info_sent = now;
    if (now - w->hello_sent > OLD_HELLO_MS) old_hello_send(t, w);
}

static void tick(struct old *t)
{
    int64_t now = now_of(t);
    if (now - t->ticked > OLD_TILT_TRIGGER_MS) t->tilt_until = now + opt(t)->tilt_period;
    t->ticked = now;
    for (size_t i = 0; i < t->n; i++) {
        connect_who(t, t->who[i]);
        traffic(t, t->who[i]);
        if (now >= t->tilt_until) old_look_down(t, t->who[i]);
    }
    for (int i = 0; i < opt(t)->groups && now >= t->tilt_until; i++) {
        old_look_o_down(t, i);
        old_run(t, i);
        old_ask(t, i, false);
    }
    sim_timer(t->node, 1000 / sim_between(&t->node->rng, 10, 19), 0);
}

/* --- what comes in --- */

static void reply(struct old *t, struct line *l, const struct resp_value *v)
{
    struct who *w = l->of;
    if (l->pubsub) {
        if (v->kind == RESP_ARRAY && v->n == 3 && v->item[2].kind == RESP_BULK)
            old_hello_take(t, v->item[2].text);
        return;
    }
    must(l->head < l->tags.n);
    enum tag tag = l->tags.at[l->head++];
    if (l->head == l->tags.n) l->head = l->tags.n = 0;
    if (tag == TAG_PING && v->kind == RESP_STATUS) {
        w->act_ping = -1;
        w->avail = now_of(t);
    }
    if (tag == TAG_INFO && v->kind == RESP_BULK) old_info_take(t, w, v->text);
    if (tag == TAG_ASK) old_voted(t, w, v);
}

static void request(struct old *t, struct line *l)
{
    const struct slice *argv = l->request.argv;
    int argc = l->request.argc;
    buf_clear(&t->out);
    if (argc == 6 && slice_ieqz(argv[1], "IS-MASTER-DOWN-BY-ADDR")) {
        old_asked(t, l);
    } else if (argc == 2 && slice_ieqz(argv[1], "MYID")) {
        resp_bulk(&t->out, slice_z(t->id));
    } else if (argc == 3 && slice_ieqz(argv[0], "SENTINEL")) {
        int g = world_group(t->node->sim, argv[2]), port = 0;
        const char *ip = "";
        if (g >= 0) old_names(t, g, &ip, &port);
        resp_array(&t->out, 2);
        resp_bulk(&t->out, slice_z(ip));
        resp_bulk_int(&t->out, port);
    } else if (argc == 3 && slice_ieqz(argv[0], "PUBLISH")) {
        old_hello_take(t, argv[2]);
        buf_clear(&t->out);
        resp_int(&t->out, 1);
    } else if (slice_ieqz(argv[0], "PING")) {
        resp_status(&t->out, SLICE("PONG"));
    } else {
        resp_error(&t->out, SLICE("ERR unknown subcommand or wrong number of arguments"));
    }
    if (net_owner(t->node->sim->net, l->end) == l)
        net_send(t->node->sim->net, l->end, buf_slice(&t->out));
}

static void on_bytes(struct node *n, int end, struct slice bytes)
{
    struct old *t = old_of(n);
    struct line *l = net_owner(n->sim->net, end);
    if (l) buf_puts(&l->in, bytes);
    while ((l = net_owner(n->sim->net, end)) && !n->sim->stop) {
        const char *p = buf_head(&l->in);
        enum resp_got got = l->of ? resp_reply_next(&l->reply, p, buf_size(&l->in))
                                  : resp_request_next(&l->request, p, buf_size(&l->in));
        must(got != RESP_BAD);
        if (got == RESP_MORE) return;
        size_t size = l->of ? l->reply.size : l->request.size;
        if (l->of) reply(t, l, l->reply.root);
        else if (l->request.argc) request(t, l);
        if ((l = net_owner(n->sim->net, end))) buf_consume(&l->in, size);
    }
}

static void on_up(struct node *n, int end)
{
    struct old *t = old_of(n);
    struct line *l = net_owner(n->sim->net, end);
    struct slice words[] = { SLICE("SUBSCRIBE"), SLICE("__sentinel__:hello") };
    if (!l) return;
    l->up = true;
    l->since = now_of(t);
    if (!l->pubsub) {
        l->of->last_ping = now_of(t);
        if (l->of->act_ping < 0) l->of->act_ping = now_of(t);
        SAY(t, l->of, TAG_PING, "PING");
        return;
    }
    buf_clear(&t->out);
    resp_command(&t->out, 2, words);
    net_send(n->sim->net, end, buf_slice(&t->out));
}

static void on_down(struct node *n, int end, bool refused)
{
    struct line *l = net_owner(n->sim->net, end);
    if (l) old_line_end(old_of(n), l);
}

static void on_accepted(struct node *n, int end) { old_line_new(old_of(n), end, NULL); }
static void on_timer(struct node *n, uint64_t tag) { tick(old_of(n)); }

static void on_boot(struct node *n)
{
    struct old *t = old_of(n);
    memset(t->g, 0, sizeof(t->g));
    for (int i = 0; i < 4; i++) t->g[i].started = -1000000;
    t->tilt_until = 0;
    t->ticked = n->sim->now;
    restore(t);
    old_save(t);
    tick(t);
}

static void on_kill(struct node *n)
{
    struct old *t = old_of(n);
    while (t->lines) old_line_end(t, t->lines);
    while (t->n) old_drop(t, t->n - 1);
}

static void on_free(struct node *n)
{
    buf_free(&old_of(n)->out);
    mem_free(n->self);
}

static const struct node_ops old_ops = { .boot = on_boot,
                                         .kill = on_kill,
                                         .free = on_free,
                                         .timer = on_timer,
                                         .accepted = on_accepted,
                                         .up = on_up,
                                         .bytes = on_bytes,
                                         .down = on_down };

struct node *node_old_new(struct sim *s, int nth, int host)
{
    struct old *t = mem_zalloc(sizeof(*t));
    t->node = sim_add(s, NODE_SENTINEL, nth, host, 26379, &old_ops, t);
    rng_hex(&t->node->rng, t->id, OLD_ID - 1);
    return t->node;
}

/* --- looking at it --- */

struct node *node_old_names(const struct node *n, int group)
{
    const struct old *t = old_of(n);
    const struct group *g = &t->g[group];
    if (!n->alive || g->state != IDLE || g->master->s_down) return NULL;
    return sim_node_at(n->sim, slice_z(g->master->ip), g->master->port);
}

bool node_old_knows(const struct node *n, const struct node *data)
{
    const struct old *t = old_of(n);
    for (size_t i = 0; i < t->n; i++)
        if (t->who[i]->kind != PEER && t->who[i]->port == data->port &&
            strcmp(t->who[i]->ip, data->ip) == 0)
            return true;
    return false;
}
