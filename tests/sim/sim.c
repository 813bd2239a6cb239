#include "tests/sim/sim.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/base/mem.h"
#include "tests/sim/check.h"
#include "tests/sim/disk.h"
#include "tests/sim/net.h"
#include "tests/sim/world.h"

/* --- the heap: by due time, then by the order of making --- */

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    return a->due != b->due ? a->due < b->due : a->seq < b->seq;
}

static void heap_push(struct sim *s, struct sim_event e)
{
    vec_push(&s->heap, e);
    struct sim_event *h = s->heap.at;
    size_t i = s->heap.n - 1;
    while (i > 0 && before(&e, &h[(i - 1) / 2])) {
        h[i] = h[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    h[i] = e;
}

static struct sim_event heap_pop(struct sim *s)
{
    struct sim_event *h = s->heap.at, top = h[0], last = h[--s->heap.n];
    size_t n = s->heap.n, i = 0;
    for (size_t kid; (kid = 2 * i + 1) < n; i = kid) {
        if (kid + 1 < n && before(&h[kid + 1], &h[kid])) kid++;
        if (!before(&h[kid], &last)) break;
        h[i] = h[kid];
    }
    if (n) h[i] = last;
    return top;
}

void sim_at(struct sim *s, int64_t after, void (*run)(struct sim *, const struct sim_event *),
            struct node *node, uint64_t a)
{
    heap_push(s, (struct sim_event){ .due = s->now + (after > 0 ? after : 0),
                                     .seq = s->seq++,
                                     .run = run,
                                     .node = node,
                                     .life = node ? node->life : 0,
                                     .a = a });
}

static void run_timer(struct sim *s, const struct sim_event *e)
{
    e->node->ops->timer(e->node, e->a);
}

void sim_timer(struct node *n, int64_t after, uint64_t tag)
{
    sim_at(n->sim, after, run_timer, n, tag);
}

void sim_init(struct sim *s, uint64_t seed, bool early, const struct breakage *broken,
              enum trace_mode mode)
{
    memset(s, 0, sizeof(*s));
    s->seed = seed;
    s->broken = broken;
    options_draw(&s->opt, seed, early);
    rng_seed(&s->rng, seed);
    trace_init(&s->trace, mode);
    s->net = net_new(s);
    s->disk = disk_new();
    s->check = check_new(s);
    world_build(s);
}

/* --- nodes --- */

struct node *sim_add(struct sim *s, enum node_kind kind, int nth, int host, int port,
                     const struct node_ops *ops, void *self)
{
    static const char letter[] = { [NODE_SENTINEL] = 's', [NODE_DATA] = 'd', [NODE_CLIENT] = 'c' };
    must(s->nodes.n < SIM_NODES_MAX);
    struct node *n = mem_zalloc(sizeof(*n));
    *n = (struct node){ .sim = s,
                        .ops = ops,
                        .self = self,
                        .kind = kind,
                        .nth = nth,
                        .port = port,
                        .index = (int)s->nodes.n,
                        .host = host };
    snprintf(n->name, sizeof(n->name), "%c%d", letter[kind], nth);
    snprintf(n->ip, sizeof(n->ip), "10.0.0.%d", host + 1);
    text_copy(n->known_ip, sizeof(n->known_ip), n->ip);
    snprintf(n->host_name, sizeof(n->host_name), "%s.sim", n->name);
    rng_seed(&n->rng, s->seed * 1000003 + (uint64_t)n->index);
    vec_push(&s->nodes, n);
    return n;
}

struct node *sim_node_at(struct sim *s, struct slice ip, int port)
{
    sim_each(s, n) if (n->port == port && slice_eqz(ip, n->ip)) return n;
    return NULL;
}

void sim_boot(struct node *n)
{
    if (n->alive) return;
    bool host_back = n->sim->host_down[n->host];
    n->sim->host_down[n->host] = false;
    n->alive = true;
    n->life++;
    n->busy_until = n->sim->now;
    n->crash_due = false;
    tell(n->sim, n, "boots, life %u", n->life);
    if (host_back) net_host_back(n->sim->net, n->host);
    n->ops->boot(n);
    sim_settle(n);
}

static void end_life(struct node *n)
{
    n->crash_due = false;
    if (!n->alive) return;
    n->alive = false;
    n->ops->kill(n);
}

void sim_kill(struct node *n)
{
    tell(n->sim, n, "is killed");
    end_life(n);
    net_node_gone(n->sim->net, n, false);
}

void sim_crash_host(struct sim *s, int host)
{
    s->host_down[host] = true;
    sim_each(s, n)
    {
        if (n->host != host) continue;
        tell(s, n, "its machine crashes");
        end_life(n);
        net_node_gone(s->net, n, true);
        disk_host_crashed(n);
    }
}

void sim_freeze(struct node *n, int64_t ms)
{
    if (!n->alive || n->busy_until > n->sim->now + ms) return;
    n->busy_until = n->sim->now + ms;
}

bool sim_may_crash(struct node *n)
{
    struct sim *s = n->sim;
    if (s->phase == PHASE_FAULTS && !n->crash_due && sim_chance(&s->rng, s->opt.crash_between)) {
        tell(s, n, "dies between two actions");
        n->crash_due = true;
    }
    return n->crash_due;
}

static void come_back(struct sim *s, const struct sim_event *e)
{
    struct node *n = s->nodes.at[e->a];
    if (!n->stay_dead) sim_boot(n);
}

void sim_boot_later(struct node *n, int64_t after)
{
    sim_at(n->sim, after, come_back, NULL, (uint64_t)n->index);
}

void sim_settle(struct node *n)
{
    if (!n->crash_due || !n->alive) return;
    struct sim *s = n->sim;
    int host = n->host;
    bool machine = rng_below(&s->rng, 2);
    if (machine)
        sim_crash_host(s, host);
    else
        sim_kill(n);
    sim_each(s, m) if (m == n || (machine && m->host == host))
        sim_boot_later(m, sim_between(&s->rng, 50, s->opt.outage_max));
}

/* --- the run --- */

void sim_fail(struct sim *s, const char *checker, const char *fmt, ...)
{
    if (s->stop) return;
    if (!check_wanted(s, checker)) return;
    text_copy(s->failed, sizeof(s->failed), checker);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(s->why, sizeof(s->why), fmt, ap);
    va_end(ap);
    s->stop = true;
    tell(s, NULL, "%s does not hold: %s", s->failed, s->why);
}

static void take_event(struct sim *s)
{
    struct sim_event e = heap_pop(s);
    must(e.due >= s->now);
    s->now = e.due;
    if (e.node) {
        if (!e.node->alive || e.node->life != e.life) return;
        if (e.node->busy_until > s->now) {
            e.due = e.node->busy_until;
            e.seq = s->seq++;
            heap_push(s, e);
            return;
        }
    }
    s->step++;
    e.run(s, &e);
    if (e.node) sim_settle(e.node);
}

bool sim_run(struct sim *s, uint64_t until)
{
    if (s->step == 0) world_start(s);
    while (!s->stop && s->heap.n && (!until || s->step < until)) {
        take_event(s);
        if (s->step > SIM_STEPS_MAX) sim_fail(s, "L1", "no end after %d steps", SIM_STEPS_MAX);
    }
    return s->failed[0] == '\0';
}

void sim_free(struct sim *s)
{
    sim_each(s, n)
    {
        if (n->alive) {
            n->alive = false;
            n->ops->kill(n);
        }
        n->ops->free(n);
    }
    if (s->net) net_free(s->net);
    if (s->disk) disk_free(s->disk);
    if (s->check) check_free(s->check);
    sim_each(s, n) mem_free(n);
    vec_free(&s->nodes);
    vec_free(&s->heap);
    vec_free(&s->left);
    trace_free(&s->trace);
}
