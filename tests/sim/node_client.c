#include "tests/sim/node_client.h"

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/resp/value.h"
#include "core/resp/write.h"
#include "tests/sim/net.h"
#include "tests/sim/toy.h"
#include "tests/sim/world.h"

#define PATIENCE_MS 1500 /* without an answer the client begins anew */
#define PAYLOAD_MAX 1500

enum client_state { CLIENT_IDLE, CLIENT_ASKS, CLIENT_CONNECTS, CLIENT_WRITES, CLIENT_WAITS };

struct client {
    struct node *node;
    enum client_state state;
    int end;
    bool up;
    struct buf in, out;
    struct resp_reply reply;
    int64_t number; /* of the write under way */
    uint64_t gen;   /* of the timer that counts */
    int sentinel;
    char ip[64];
    int port;
    VEC(int64_t) acked;
};

static struct client *self_of(const struct node *n) { return n->self; }

const int64_t *node_client_acked(const struct node *n, size_t *count)
{
    *count = self_of(n)->acked.n;
    return self_of(n)->acked.at;
}

static void alarm_in(struct client *c, int64_t ms) { sim_timer(c->node, ms, ++c->gen); }

static void hang_up(struct client *c)
{
    if (c->end >= 0) net_close(c->node->sim->net, c->end);
    c->end = -1;
    c->up = false;
    buf_clear(&c->in);
    resp_reply_free(&c->reply);
    resp_reply_init(&c->reply, 1 << 20);
}

static void rest(struct client *c)
{
    hang_up(c);
    c->state = CLIENT_IDLE;
    alarm_in(c, sim_between(&c->node->rng, 20, 300));
}

static void call(struct client *c, const char *ip, int port, enum client_state state)
{
    hang_up(c);
    c->state = state;
    c->end = net_connect(c->node, slice_z(ip), port);
    alarm_in(c, PATIENCE_MS);
}

static void say(struct client *c, int argc, const struct slice *argv)
{
    buf_clear(&c->out);
    resp_command(&c->out, argc, argv);
    net_send(c->node->sim->net, c->end, buf_slice(&c->out));
    alarm_in(c, PATIENCE_MS);
}

static void write_next(struct client *c)
{
    struct sim *s = c->node->sim;
    if (s->phase == PHASE_QUIET || s->next_write >= TOY_WRITES_MAX) return;
    char number[NUM_I64_MAX], payload[PAYLOAD_MAX];
    c->number = s->next_write++;
    size_t n = 1 + rng_below(&c->node->rng, (uint64_t)s->opt.payload_max);
    memset(payload, 'a' + (int)(c->number % 26), n);
    struct slice argv[] = { SLICE("W"), slice_of(number, num_from_i64(number, c->number)),
                            slice_of(payload, n) };
    c->state = CLIENT_WRITES;
    say(c, 3, argv);
}

static void wait_for_all(struct client *c)
{
    char n[NUM_I64_MAX];
    struct slice argv[] = { SLICE("WAIT"), slice_of(n, num_from_i64(n, c->node->sim->opt.replicas)),
                            SLICE("1000") };
    c->state = CLIENT_WAITS;
    say(c, 3, argv);
}

static void acknowledged(struct client *c)
{
    vec_push(&c->acked, c->number);
    c->state = CLIENT_CONNECTS;
    alarm_in(c, sim_between(&c->node->rng, 1, 2 * c->node->sim->opt.write_every));
}

static void on_reply(struct client *c, const struct resp_value *v)
{
    struct sim *s = c->node->sim;
    int64_t port = 0;
    switch (c->state) {
    case CLIENT_ASKS:
        if (v->kind != RESP_ARRAY || v->n != 2 || !num_to_i64(resp_text_at(v, 1), &port)) break;
        slice_cstr(resp_text_at(v, 0), c->ip, sizeof(c->ip));
        call(c, c->ip, (int)port, CLIENT_CONNECTS);
        return;
    case CLIENT_WRITES:
        if (v->kind != RESP_STATUS) break;
        if (s->opt.wait_all)
            wait_for_all(c);
        else
            acknowledged(c);
        return;
    case CLIENT_WAITS:
        if (v->kind == RESP_INT && v->number >= s->opt.replicas)
            acknowledged(c);
        else
            break;
        return;
    default:
        break;
    }
    rest(c); /* an error, or not enough: asked anew, perhaps another is master now */
}

static void on_bytes(struct node *n, int end, struct slice bytes)
{
    struct client *c = self_of(n);
    if (end != c->end) return;
    buf_puts(&c->in, bytes);
    if (resp_reply_next(&c->reply, buf_head(&c->in), buf_size(&c->in)) != RESP_ONE) return;
    struct resp_value v = *c->reply.root;
    size_t size = c->reply.size;
    on_reply(c, &v);
    if (c->end == end) buf_consume(&c->in, size);
}

static void on_up(struct node *n, int end)
{
    struct client *c = self_of(n);
    if (end != c->end) return;
    c->up = true;
    if (c->state == CLIENT_CONNECTS) {
        write_next(c);
        return;
    }
    char name[8];
    size_t len = num_from_i64(name + 1, n->group);
    name[0] = 'g';
    struct slice argv[] = { SLICE("SENTINEL"), SLICE("GET-MASTER-ADDR-BY-NAME"),
                            slice_of(name, len + 1) };
    say(c, 3, argv);
}

static void on_down(struct node *n, int end, bool refused)
{
    struct client *c = self_of(n);
    if (end == c->end) rest(c);
}

/* Without Sentinels it tries one after the other. */
static void ask_somebody(struct client *c)
{
    struct sim *s = c->node->sim;
    int next = c->sentinel++;
    bool any = s->opt.sentinels > 0;
    struct node *t = any ? world_sentinel(s, next % s->opt.sentinels)
                         : world_data(s, c->node->group, next % world_data_count(s));
    call(c, t->ip, t->port, any ? CLIENT_ASKS : CLIENT_CONNECTS);
}

static void on_timer(struct node *n, uint64_t tag)
{
    struct client *c = self_of(n);
    if (tag != c->gen) return;
    if (n->sim->phase == PHASE_QUIET) {
        hang_up(c);
        return;
    }
    if (c->state == CLIENT_CONNECTS && c->up) { /* the pause between two writes is over */
        write_next(c);
    } else if (c->state == CLIENT_IDLE) {
        ask_somebody(c);
    } else {
        rest(c);
    }
}

static void on_boot(struct node *n)
{
    struct client *c = self_of(n);
    resp_reply_init(&c->reply, 1 << 20);
    c->sentinel = n->nth;
    rest(c);
}

static void on_kill(struct node *n)
{
    struct client *c = self_of(n);
    hang_up(c);
    resp_reply_free(&c->reply);
    buf_free(&c->in);
}

static void on_accepted(struct node *n, int end) { net_close(n->sim->net, end); }

static void on_free(struct node *n)
{
    buf_free(&self_of(n)->out);
    vec_free(&self_of(n)->acked);
    mem_free(n->self);
}

static const struct node_ops client_ops = { .boot = on_boot,
                                            .kill = on_kill,
                                            .free = on_free,
                                            .timer = on_timer,
                                            .accepted = on_accepted,
                                            .up = on_up,
                                            .bytes = on_bytes,
                                            .down = on_down };

struct node *node_client_new(struct sim *s, int nth, int group, int host)
{
    struct client *c = mem_zalloc(sizeof(*c));
    c->node = sim_add(s, NODE_CLIENT, nth, host, 1, &client_ops, c);
    c->node->group = group;
    c->end = -1;
    return c->node;
}
