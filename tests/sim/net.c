#include "tests/sim/net.h"

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "tests/sim/names.h"

enum item_kind { ITEM_SYN, ITEM_ACCEPT, ITEM_DATA, ITEM_FIN, ITEM_REFUSE };

struct item {
    enum item_kind kind;
    struct str data;
};

/* One direction: towards[1] goes from end 0 to end 1. */
struct way {
    VEC(struct item) queue;
    size_t head;
    int64_t last_due;
    size_t scheduled; /* delivery events under way */
    bool stalled;     /* a delivery found the way cut */
    size_t bytes;
};

struct side {
    struct node *node;
    uint32_t life;
    bool open;
    char ip[16]; /* where the node was when the connection was made */
    void *owner;
};

struct pair {
    struct side side[2];
    struct way towards[2];
    int id;    /* ends are id * 2 and id * 2 + 1 */
    bool done; /* both sides closed: only kept as a number */
};

struct net {
    struct sim *sim;
    VEC(struct pair *) pairs;
    size_t first_live; /* all before are done */
    bool cut[SIM_NODES_MAX][SIM_NODES_MAX];
};

struct net *net_new(struct sim *s)
{
    struct net *t = mem_zalloc(sizeof(*t));
    t->sim = s;
    return t;
}

static void way_free(struct way *w)
{
    for (size_t i = w->head; i < w->queue.n; i++)
        str_free(&w->queue.at[i].data);
    vec_free(&w->queue);
    w->head = 0;
    w->bytes = 0;
}

void net_free(struct net *t)
{
    for (size_t i = 0; i < t->pairs.n; i++) {
        way_free(&t->pairs.at[i]->towards[0]);
        way_free(&t->pairs.at[i]->towards[1]);
        mem_free(t->pairs.at[i]);
    }
    vec_free(&t->pairs);
    mem_free(t);
}

static struct pair *pair_of(struct net *t, int end)
{
    must(end >= 0 && (size_t)(end / 2) < t->pairs.n);
    return t->pairs.at[end / 2];
}

static bool side_lives(const struct side *s)
{
    return s->open && s->node && s->node->alive && s->node->life == s->life;
}

/* Delay of one message: the drawn latency, and now and then a lost packet's retransmissions. */
static int64_t draw_delay(struct sim *s)
{
    int64_t d = sim_between(&s->rng, s->opt.delay_min, s->opt.delay_max);
    for (int64_t again = 200; again < 1000 && s->phase == PHASE_FAULTS; again *= 2) {
        if (!sim_chance(&s->rng, s->opt.loss)) break;
        d += again;
    }
    return d;
}

/* What an address of nobody answers (`from` NULL) comes from nearby. */
static bool is_cut(const struct net *t, const struct node *from, const struct node *to)
{
    return from && net_is_cut(t, from->host, to->host);
}

static void deliver(struct sim *s, const struct sim_event *e);

static void schedule(struct net *t, struct pair *p, int to, int64_t due)
{
    struct way *w = &p->towards[to];
    if (due < w->last_due) due = w->last_due;
    w->last_due = due;
    w->scheduled++;
    sim_at(t->sim, due - t->sim->now, deliver, NULL, (uint64_t)(p->id * 2 + to));
}

static void put(struct net *t, struct pair *p, int to, enum item_kind kind, struct slice data)
{
    struct way *w = &p->towards[to];
    struct node *from = p->side[!to].node;
    vec_push(&w->queue, (struct item){ kind, data.n ? str_new(data) : (struct str){ 0 } });
    w->bytes += data.n;
    int64_t base = t->sim->now;
    if (from && from->busy_until > base) base = from->busy_until; /* a slow disk comes first */
    if (!w->stalled) schedule(t, p, to, base + draw_delay(t->sim));
}

static void remember(struct side *s)
{
    if (s->node) text_copy(s->ip, sizeof(s->ip), s->node->ip);
}

int net_connect(struct node *from, struct slice host, int port)
{
    struct net *t = from->sim->net;
    struct pair *p = mem_zalloc(sizeof(*p));
    p->id = (int)t->pairs.n;
    vec_push(&t->pairs, p);
    p->side[0] = (struct side){ .node = from, .life = from->life, .open = true };
    p->side[1].node = names_find(from->sim, host, port);
    remember(&p->side[0]);
    remember(&p->side[1]);
    put(t, p, 1, ITEM_SYN, (struct slice){ 0 });
    return p->id * 2;
}

void net_send(struct net *t, int end, struct slice bytes)
{
    struct pair *p = pair_of(t, end);
    if (!p->side[end & 1].open || bytes.n == 0) return;
    put(t, p, !(end & 1), ITEM_DATA, bytes);
}

void net_close(struct net *t, int end)
{
    struct pair *p = pair_of(t, end);
    struct side *mine = &p->side[end & 1];
    mine->owner = NULL;
    if (!mine->open) return;
    mine->open = false;
    if (t->sim->host_down[mine->node->host]) return; /* a crashed machine says nothing */
    if (p->side[!(end & 1)].node) put(t, p, !(end & 1), ITEM_FIN, (struct slice){ 0 });
}

struct node *net_peer(struct net *t, int end) { return pair_of(t, end)->side[!(end & 1)].node; }
void *net_owner(struct net *t, int end) { return pair_of(t, end)->side[end & 1].owner; }
void net_set_owner(struct net *t, int end, void *owner)
{
    pair_of(t, end)->side[end & 1].owner = owner;
}
size_t net_waiting(struct net *t, int end) { return pair_of(t, end)->towards[!(end & 1)].bytes; }

/* The other side is told that this one is not there (any more). */
static void answer_reset(struct net *t, struct pair *p, int to, enum item_kind kind)
{
    if (p->side[!to].open) put(t, p, !to, kind, (struct slice){ 0 });
}

static void side_down(struct pair *p, int to, int end, bool refused)
{
    struct side *s = &p->side[to];
    s->open = false;
    if (s->node->alive && s->node->life == s->life) s->node->ops->down(s->node, end, refused);
}

/* A piece of random length now and then: readers must not rely on whole messages. */
static struct str take_piece(struct sim *s, struct way *w, struct item *it)
{
    struct str all = it->data;
    if (all.n > 1 && sim_chance(&s->rng, s->opt.split)) {
        size_t n = 1 + rng_below(&s->rng, all.n - 1);
        struct str piece = str_new(slice_of(all.p, n));
        it->data = str_new(slice_of(all.p + n, all.n - n));
        str_free(&all);
        w->bytes -= n;
        return piece;
    }
    w->bytes -= all.n;
    it->data = (struct str){ 0 };
    return all;
}

static void hand_over(struct net *t, struct pair *p, int to, int end, struct item *it,
                      struct str data)
{
    struct side *s = &p->side[to];
    switch (it->kind) {
    case ITEM_SYN:
        if (!s->node || !s->node->alive) {
            answer_reset(t, p, to, ITEM_REFUSE);
            break;
        }
        s->open = true;
        s->life = s->node->life;
        s->node->ops->accepted(s->node, end);
        put(t, p, !to, ITEM_ACCEPT, (struct slice){ 0 });
        break;
    case ITEM_ACCEPT:
        if (side_lives(s))
            s->node->ops->up(s->node, end);
        else
            answer_reset(t, p, to, ITEM_FIN);
        break;
    case ITEM_DATA:
        if (side_lives(s))
            s->node->ops->bytes(s->node, end, str_slice(data));
        else
            answer_reset(t, p, to, ITEM_FIN);
        break;
    case ITEM_FIN:
    case ITEM_REFUSE:
        if (s->open) side_down(p, to, end, it->kind == ITEM_REFUSE);
        break;
    }
}

static void retire(struct net *t, struct pair *p)
{
    if (p->side[0].open || p->side[1].open || p->towards[0].scheduled || p->towards[1].scheduled)
        return;
    way_free(&p->towards[0]);
    way_free(&p->towards[1]);
    p->done = true;
    while (t->first_live < t->pairs.n && t->pairs.at[t->first_live]->done)
        t->first_live++;
}

/* What is sent there does not reach the node any more. */
static bool moved(const struct side *s)
{
    return s->node && s->node->sim->opt.names && strcmp(s->ip, s->node->ip) != 0;
}

static bool taken(struct sim *s, const char *ip)
{
    sim_each(s, n) if (strcmp(n->ip, ip) == 0) return true;
    return false;
}

/* No such address, or somebody else's by now: refused, or not heard of again. */
static void deliver_nowhere(struct net *t, struct pair *p, int to)
{
    struct way *w = &p->towards[to];
    struct item *it = &w->queue.at[w->head];
    if (t->sim->opt.lost_address && t->sim->opt.names && !taken(t->sim, p->side[to].ip)) {
        w->stalled = true;
        return;
    }
    enum item_kind kind = it->kind;
    w->bytes -= it->data.n;
    str_free(&it->data);
    w->head++;
    if (kind == ITEM_SYN) answer_reset(t, p, to, ITEM_REFUSE);
    if (kind == ITEM_ACCEPT || kind == ITEM_DATA) answer_reset(t, p, to, ITEM_FIN);
}

static void deliver(struct sim *s, const struct sim_event *e)
{
    struct net *t = s->net;
    int end = (int)e->a, to = end & 1;
    struct pair *p = pair_of(t, end);
    struct way *w = &p->towards[to];
    struct node *n = p->side[to].node, *from = p->side[!to].node;
    w->scheduled--;
    if (w->head >= w->queue.n || w->stalled) {
        retire(t, p);
        return;
    }
    if (!n || moved(&p->side[to])) {
        deliver_nowhere(t, p, to);
        retire(t, p);
        return;
    }
    if (is_cut(t, from, n) || t->sim->host_down[n->host]) {
        w->stalled = true;
        return;
    }
    if (n->alive && n->busy_until > s->now) { /* in its socket buffer till it wakes */
        schedule(t, p, to, n->busy_until);
        return;
    }
    struct item it = w->queue.at[w->head];
    struct str data = take_piece(s, w, &it);
    if (it.data.n) {
        w->queue.at[w->head] = it;
        schedule(t, p, to, s->now + sim_between(&s->rng, 0, s->opt.delay_max));
    } else {
        w->head++;
        if (w->head == w->queue.n) w->head = w->queue.n = 0;
    }
    hand_over(t, p, to, end, &it, data);
    str_free(&data);
    sim_settle(n);
    retire(t, p);
}

static void unstall(struct net *t, struct pair *p, int to)
{
    struct way *w = &p->towards[to];
    struct node *n = p->side[to].node, *from = p->side[!to].node;
    if (!w->stalled || !n || moved(&p->side[to]) || is_cut(t, from, n) ||
        t->sim->host_down[n->host])
        return;
    w->stalled = false;
    int64_t due = t->sim->now + sim_between(&t->sim->rng, 0, 400); /* next retransmission */
    for (size_t i = w->head; i < w->queue.n; i++)
        schedule(t, p, to, due);
}

static void unstall_all(struct net *t)
{
    for (size_t i = t->first_live; i < t->pairs.n; i++) {
        if (t->pairs.at[i]->done) continue;
        unstall(t, t->pairs.at[i], 0);
        unstall(t, t->pairs.at[i], 1);
    }
}

bool net_is_cut(const struct net *t, int from_host, int to_host)
{
    return t->cut[from_host][to_host];
}

void net_cut(struct net *t, int from_host, int to_host)
{
    if (from_host != to_host) t->cut[from_host][to_host] = true;
}

void net_heal(struct net *t, int from_host, int to_host)
{
    t->cut[from_host][to_host] = false;
    unstall_all(t);
}

void net_heal_all(struct net *t)
{
    memset(t->cut, 0, sizeof(t->cut));
    unstall_all(t);
}

void net_node_gone(struct net *t, struct node *n, bool host)
{
    for (size_t i = t->first_live; i < t->pairs.n; i++) {
        struct pair *p = t->pairs.at[i];
        for (int k = 0; k < 2 && !p->done; k++) {
            if (p->side[k].node != n || !p->side[k].open) continue;
            p->side[k].open = false;
            p->side[k].owner = NULL;
            if (!host) put(t, p, !k, ITEM_FIN, (struct slice){ 0 });
        }
    }
}

void net_host_back(struct net *t, int host) { unstall_all(t); }
