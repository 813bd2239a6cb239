#include "tests/sim/faults.h"

#include "tests/sim/check.h"
#include "tests/sim/disk.h"
#include "tests/sim/names.h"
#include "tests/sim/net.h"
#include "tests/sim/node_data.h"
#include "tests/sim/node_old.h"
#include "tests/sim/node_sentinel.h"
#include "tests/sim/world.h"

static int64_t outage(struct sim *s) { return sim_between(&s->rng, 50, s->opt.outage_max); }

/* A victim: often a master, otherwise anybody but a client. */
static struct node *victim(struct sim *s)
{
    struct node *pick[SIM_NODES_MAX];
    size_t n = 0;
    bool master = rng_below(&s->rng, 5) < 2;
    for (int round = 0; round < 2 && n == 0; round++, master = false)
        sim_each(s, x)
        {
            if (x->kind == NODE_CLIENT) continue;
            if (!master || (x->kind == NODE_DATA && x->alive && node_data_is_master(x)))
                pick[n++] = x;
        }
    return pick[rng_below(&s->rng, n)];
}

static void fault_kill(struct sim *s, struct node *n)
{
    sim_kill(n);
    sim_boot_later(n, outage(s));
}

static void fault_crash(struct sim *s, struct node *n)
{
    sim_crash_host(s, n->host);
    sim_each(s, m) if (m->host == n->host) sim_boot_later(m, outage(s));
}

static void fault_freeze(struct sim *s, struct node *n)
{
    int64_t ms = outage(s);
    tell(s, n, "freezes for %lld ms", (long long)ms);
    sim_freeze(n, ms);
}

static void heal(struct sim *s, const struct sim_event *e)
{
    tell(s, NULL, "all ways are healed");
    net_heal_all(s->net);
}

static void cut_sides(struct sim *s, const bool *side, bool there, bool back)
{
    for (int a = 0; a < SIM_NODES_MAX; a++)
        for (int b = 0; b < SIM_NODES_MAX; b++) {
            if (side[a] || !side[b]) continue;
            if (there) net_cut(s->net, a, b);
            if (back) net_cut(s->net, b, a);
        }
    sim_at(s, outage(s), heal, NULL, 0);
}

static void fault_partition(struct sim *s, struct node *n)
{
    bool side[SIM_NODES_MAX] = { false };
    sim_each(s, m) side[m->host] = rng_below(&s->rng, 2);
    side[n->host] = true;
    tell(s, n, "is on one side of a partition");
    cut_sides(s, side, true, true);
}

static void fault_one_way(struct sim *s, struct node *n)
{
    bool side[SIM_NODES_MAX] = { false }, out = rng_below(&s->rng, 2);
    side[n->host] = true;
    tell(s, n, out ? "is not heard any more" : "hears nothing any more");
    cut_sides(s, side, !out, out);
}

/* Two machines alone do not hear each other, in one direction or both. */
static void fault_pair(struct sim *s, struct node *n)
{
    struct node *m = victim(s);
    bool there = rng_below(&s->rng, 3), back = !there || rng_below(&s->rng, 2);
    tell(s, n, "and %s are cut from each other", m->name);
    if (there) net_cut(s->net, n->host, m->host);
    if (back) net_cut(s->net, m->host, n->host);
    sim_at(s, outage(s), heal, NULL, 0);
}

/* Two sides, and one machine that sees both. */
static void fault_bridge(struct sim *s, struct node *n)
{
    bool side[SIM_NODES_MAX];
    for (int i = 0; i < SIM_NODES_MAX; i++) side[i] = rng_below(&s->rng, 2);
    tell(s, n, "alone sees both sides of a partition");
    for (int a = 0; a < SIM_NODES_MAX; a++)
        for (int b = 0; b < SIM_NODES_MAX; b++)
            if (side[a] != side[b] && a != n->host && b != n->host) net_cut(s->net, a, b);
    sim_at(s, outage(s), heal, NULL, 0);
}

static void fault_full_disk(struct sim *s, struct node *n)
{
    if (n->kind != NODE_SENTINEL) return;
    tell(s, n, "its disk is full");
    n->full_disk_until = s->now + outage(s);
}

static void end_left(struct sim *s, const struct sim_event *e)
{
    struct node *n = s->nodes.at[e->a >> 32];
    if (!n->alive || n->life != (uint32_t)e->a || s->phase != PHASE_FAULTS) return;
    fault_kill(s, n);
}

/* SIGTERM: a master asks to be replaced first. */
static void fault_leave(struct sim *s, struct node *n)
{
    if (n->kind != NODE_DATA || !n->alive) return;
    tell(s, n, "is told to end");
    node_data_leave(n);
    sim_at(s, sim_between(&s->rng, 200, 1500), end_left, NULL, (uint64_t)n->index << 32 | n->life);
}

static void fault_isolate(struct sim *s, struct node *n)
{
    bool side[SIM_NODES_MAX] = { false };
    side[n->host] = true;
    tell(s, n, "is cut off");
    cut_sides(s, side, true, true);
}

static void fault_lose_disk(struct sim *s, struct node *n)
{
    if (n->kind != NODE_DATA) return; /* a Sentinel without its memory is another Sentinel */
    tell(s, n, "loses its data");
    sim_kill(n);
    disk_lose(n, DISK_DATA); /* its configuration lies elsewhere */
    sim_boot_later(n, outage(s));
}

static void fault_slow_disk(struct sim *s, struct node *n)
{
    tell(s, n, "its disk is slow");
    n->slow_disk_until = s->now + outage(s);
}

static void fault_admin(struct sim *s, struct node *n)
{
    sim_each(s, m) if (node_sentinel_core(m) && rng_below(&s->rng, 2))
    {
        node_sentinel_admin(m);
        sim_settle(m);
        return;
    }
}

static void fault_move(struct sim *s, struct node *n) { names_move(s, n->host, outage(s)); }

/* Without Sentinels: anybody is told anything, chains and circles included. */
static void fault_role(struct sim *s, struct node *n)
{
    if (n->kind != NODE_DATA || !n->alive) return;
    int other = (int)rng_below(&s->rng, (uint64_t)world_data_count(s));
    struct node *m = world_data(s, n->group, other);
    node_data_set_role(n, m == n ? NULL : m);
}

static const struct {
    const char *name;
    size_t weight; /* offset of an int in the options */
    void (*run)(struct sim *s, struct node *n);
} kinds[] = {
    { "kill", offsetof(struct options, kill), fault_kill },
    { "crash", offsetof(struct options, crash), fault_crash },
    { "freeze", offsetof(struct options, freeze), fault_freeze },
    { "partition", offsetof(struct options, partition), fault_partition },
    { "one-way", offsetof(struct options, one_way), fault_one_way },
    { "isolate", offsetof(struct options, isolate), fault_isolate },
    { "lose-disk", offsetof(struct options, lose_disk), fault_lose_disk },
    { "slow-disk", offsetof(struct options, slow_disk), fault_slow_disk },
    { "admin", offsetof(struct options, admin), fault_admin },
    { "pair", offsetof(struct options, pair), fault_pair },
    { "bridge", offsetof(struct options, bridge), fault_bridge },
    { "full-disk", offsetof(struct options, full_disk), fault_full_disk },
    { "leave", offsetof(struct options, leave), fault_leave },
    { "move", offsetof(struct options, move), fault_move },
    { "role", offsetof(struct options, role), fault_role },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static int weight_of(const struct sim *s, size_t i)
{
    return *(const int *)(const void *)((const char *)&s->opt + kinds[i].weight);
}

static void next_fault(struct sim *s, const struct sim_event *e)
{
    if (s->phase != PHASE_FAULTS) return;
    int sum = 0;
    for (size_t i = 0; i < KINDS; i++)
        sum += weight_of(s, i);
    if (sum && e) {
        int at = (int)rng_below(&s->rng, (uint64_t)sum);
        size_t i = 0;
        while (at >= weight_of(s, i))
            at -= weight_of(s, i++);
        kinds[i].run(s, victim(s));
    }
    sim_at(s, sim_between(&s->rng, s->opt.fault_mean / 4, s->opt.fault_mean * 7 / 4), next_fault,
           NULL, 0);
}

/* Fewer than half, and the quorum can still be reached. */
static void leave_minority_dead(struct sim *s)
{
    int may_go = (s->opt.sentinels - 1) / 2;
    if (may_go > s->opt.sentinels - s->opt.quorum) may_go = s->opt.sentinels - s->opt.quorum;
    sim_each(s, n)
    {
        if (may_go <= 0) return;
        if (n->kind != NODE_SENTINEL || rng_below(&s->rng, 2)) continue;
        /* The old kind alone does not end its conflicts: nobody can ask it for order. */
        if (s->opt.old && !node_old_is(n)) continue;
        n->stay_dead = true;
        if (n->alive) sim_kill(n);
        may_go--;
    }
}

/* The operator of a run without Sentinels: the first data node of a group is its master. */
static void appoint(struct sim *s, const struct sim_event *e)
{
    sim_each(s, n)
    {
        if (n->kind != NODE_DATA || !n->alive) continue;
        struct node *m = world_data(s, n->group, 0);
        node_data_set_role(n, m == n ? NULL : m);
    }
}

static void judge(struct sim *s, const struct sim_event *e) { check_quiet_begins(s); }

static void be_quiet(struct sim *s, const struct sim_event *e)
{
    int64_t awake = s->now;
    tell(s, NULL, "the faults stop");
    s->phase = PHASE_QUIET;
    s->quiet_at = s->now;
    net_heal_all(s->net);
    names_settle(s);
    if (s->opt.minority_stays_dead) leave_minority_dead(s);
    sim_each(s, n)
    {
        n->slow_disk_until = n->full_disk_until = 0;
        if (n->alive && n->busy_until > awake) awake = n->busy_until;
        if (!n->alive && !n->stay_dead) sim_boot_later(n, sim_between(&s->rng, 0, 500));
    }
    if (!s->opt.sentinels) sim_at(s, 1000, appoint, NULL, 0);
    /* The last frozen one still has old news in its sockets. */
    sim_at(s, awake - s->now + 1000, judge, NULL, 0);
}

void faults_start(struct sim *s)
{
    s->phase = PHASE_FAULTS;
    next_fault(s, NULL);
    sim_at(s, s->opt.faults_ms, be_quiet, NULL, 0);
}

/* When they come back, the replicas' links have been down for longer than any rule allows. */
static void start_sentinels_late(struct sim *s)
{
    int64_t late = sim_between(&s->rng, 10, 20) * s->opt.down_after;
    sim_each(s, n)
    {
        if (n->kind != NODE_SENTINEL || !n->alive) continue;
        sim_kill(n);
        sim_boot_later(n, late);
    }
}

void faults_last_blow(struct sim *s)
{
    bool comes_back = rng_below(&s->rng, 2) || s->opt.chained >= 0;
    sim_each(s, n)
    {
        if (n->kind != NODE_DATA || !n->alive || !check_is_agreed_master(n)) continue;
        n->stay_dead = !comes_back;
        sim_kill(n);
        if (comes_back) sim_boot_later(n, sim_between(&s->rng, 0, 3 * s->opt.down_after));
    }
    if (s->opt.late_sentinels && !comes_back) start_sentinels_late(s);
}
