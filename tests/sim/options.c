#include "tests/sim/options.h"

#include <stdio.h>

#include "tests/sim/sim.h"

static void draw_set(struct options *o, struct rng *r)
{
    static const int sentinels[] = { 3, 3, 3, 3, 3, 4, 5, 5, 7, 3, 3, 4, 5, 3, 3, 3 };
    o->sentinels = rng_below(r, 5) ? sentinels[rng_below(r, 16)] : 0;
    o->groups = rng_below(r, 8) == 0 ? 2 : 1;
    o->replicas = (int)sim_between(r, 1, rng_below(r, 4) == 0 ? 4 : 2);
    o->clients = (int)sim_between(r, 1, 2);
    o->quorum = rng_below(r, 3) ? o->sentinels / 2 + 1 : (int)sim_between(r, 1, o->sentinels);
    o->role = o->sentinels ? 0 : 6;
    o->shared_hosts = rng_below(r, 2);
    o->down_after = sim_between(r, 4, 20) * 100;
    o->failover_timeout = sim_between(r, 3, 9) * 1000;
    o->tilt_period = rng_below(r, 4) ? sim_between(r, 2, 6) * 1000 : 30000;
    o->parallel_syncs = (int)sim_between(r, 1, 2);
    o->odd_priority =
        rng_below(r, 5) == 0 && o->replicas > 1 ? (int)sim_between(r, 1, o->replicas) : -1;
    o->chained = rng_below(r, 6) == 0 && o->replicas > 1 ? 2 : -1;
    if (o->chained >= 0) o->odd_priority = -1; /* somebody known must be fit for promotion */
}

static void draw_net(struct options *o, struct rng *r)
{
    static const int64_t slow[] = { 1, 2, 5, 20, 100 };
    o->delay_min = 0;
    o->delay_max = slow[rng_below(r, 5)];
    o->loss = rng_below(r, 2) ? 0 : rng_below(r, 20000);
    o->split = rng_below(r, 3) ? 0 : rng_below(r, 300000);
    o->stale_hello = rng_below(r, 3) ? 0 : rng_below(r, 100000);
}

static void draw_faults(struct options *o, struct rng *r)
{
    o->faults_ms = sim_between(r, 10, 22) * 1000;
    o->fault_mean = sim_between(r, 5, 50) * 100;
    o->outage_max = sim_between(r, 2, 12) * 1000;
    o->kill = (int)rng_below(r, 4);
    o->crash = (int)rng_below(r, 4);
    o->freeze = (int)rng_below(r, 4);
    o->partition = (int)rng_below(r, 4);
    o->one_way = (int)rng_below(r, 3);
    o->isolate = (int)rng_below(r, 4);
    o->lose_disk = rng_below(r, 3) ? 0 : 1;
    o->slow_disk = rng_below(r, 3) ? 0 : 1;
    o->admin = rng_below(r, 4) ? 0 : 1;
    o->forced_failovers = o->admin && rng_below(r, 2);
    o->crash_between = rng_below(r, 2) ? 0 : rng_below(r, 2000);
    o->persist_fails = rng_below(r, 6) ? 0 : rng_below(r, 100000);
    o->last_blow = rng_below(r, 2);
    o->late_sentinels = rng_below(r, 5) == 0;
    o->minority_stays_dead = rng_below(r, 4) == 0;
}

static void draw_data(struct options *o, struct rng *r)
{
    static const int payloads[] = { 16, 200, 1200 };
    static const uint64_t backlogs[] = { 200, 1000, 4000, 20000, 1000000 };
    o->replicate_hello = rng_below(r, 3) == 0;
    o->durable_data = rng_below(r, 2);
    o->backlog = backlogs[rng_below(r, 5)];
    o->snapshot_ms = sim_between(r, 1, rng_below(r, 2) ? 20 : 1500);
    o->write_every = sim_between(r, 20, 200);
    o->payload_max = payloads[rng_below(r, 3)];
    o->repl_ping = sim_between(r, 1, 3) * 1000;
    o->repl_timeout = 2 * o->repl_ping + sim_between(r, 1, 8) * 1000;
    o->wait_all = rng_below(r, 3) == 0;
    if (o->wait_all) { /* then not one acknowledged write may be lost: no memory is, either */
        o->durable_data = true;
        o->lose_disk = 0;
        o->forced_failovers = false;
    }
    if (!o->sentinels) { /* roles change without regard to what was acknowledged */
        o->wait_all = o->last_blow = o->forced_failovers = false;
        o->admin = 0;
    }
}

/* What came later is drawn behind all else: runs without it stay as they were. */
static void draw_more(struct options *o, struct rng *r)
{
    if (!o->sentinels) return;
    if (rng_below(r, 6) == 0) {
        o->sentinels = (int)sim_between(r, 3, 9);
        o->quorum = o->sentinels / 2 + 1;
    }
    if (rng_below(r, 4) == 0) o->old = (int)sim_between(r, 1, o->sentinels - 1);
    o->hand_over = rng_below(r, 2);
    if (rng_below(r, 3)) return;
    o->pair = (int)rng_below(r, 3);
    o->bridge = (int)rng_below(r, 3);
    o->full_disk = (int)rng_below(r, 2);
    o->leave = o->wait_all ? 0 : (int)rng_below(r, 3);
    if (rng_below(r, 2) == 0) o->admin = 1 + (int)rng_below(r, 2);
    if (o->admin) o->forced_failovers = !o->wait_all;
}

/* From a stream of its own: the other draws of a seed stay as they were. */
static void draw_later(struct options *o, uint64_t seed)
{
    struct rng r;
    rng_seed(&r, seed ^ 0x6e616d6573000000u);
    bool names = rng_below(&r, 4) == 0 && o->sentinels && !o->old;
    o->own_address = rng_below(&r, 3) == 0;
    o->lost_address = rng_below(&r, 2);
    if (!names) return;
    o->names = NAMES_TOLD;
    o->move = (int)sim_between(&r, 1, 4);
}

static void draw_fence(struct options *o, uint64_t seed)
{
    struct rng r;
    rng_seed(&r, seed ^ 0x66656e6365000000u);
    o->fence = o->sentinels && rng_below(&r, 2);
}

void options_draw(struct options *o, uint64_t seed, bool early)
{
    struct rng r;
    rng_seed(&r, seed ^ 0x746e617473696d00u);
    memset(o, 0, sizeof(*o));
    draw_set(o, &r);
    draw_net(o, &r);
    draw_faults(o, &r);
    draw_data(o, &r);
    draw_more(o, &r);
    if (!early) draw_later(o, seed);
    if (!early) draw_fence(o, seed);
    /* A time-out near the way there and back proves nothing but that. */
    if (o->down_after < 15 * o->delay_max) o->down_after = 15 * o->delay_max;
}

void options_print(const struct options *o, char *out, size_t cap)
{
    snprintf(out, cap,
             "sentinels=%d (old %d) quorum=%d groups=%d replicas=%d clients=%d shared-hosts=%d "
             "down-after=%lld failover-timeout=%lld parallel-syncs=%d priority0=%d chained=%d "
             "delay=%lld..%lld loss=%llu split=%llu stale-hello=%llu faults=%llds every=%lldms "
             "outage<=%lldms kill=%d crash=%d freeze=%d partition=%d one-way=%d isolate=%d "
             "lose-disk=%d slow-disk=%d admin=%d forced=%d crash-between=%llu persist-fails=%llu "
             "stay-dead=%d durable=%d backlog=%llu snapshot=%lldms write-every=%lldms payload=%d "
             "hand-over=%d pair=%d bridge=%d full-disk=%d leave=%d wait-all=%d "
             "repl-timeout=%lld last-blow=%d late-sentinels=%d names=%d own-address=%d "
             "lost-address=%d move=%d fence=%d",
             o->sentinels, o->old, o->quorum, o->groups, o->replicas, o->clients, o->shared_hosts,
             (long long)o->down_after, (long long)o->failover_timeout, o->parallel_syncs,
             o->odd_priority, o->chained, (long long)o->delay_min, (long long)o->delay_max,
             (unsigned long long)o->loss, (unsigned long long)o->split,
             (unsigned long long)o->stale_hello, (long long)(o->faults_ms / 1000),
             (long long)o->fault_mean, (long long)o->outage_max, o->kill, o->crash, o->freeze,
             o->partition, o->one_way, o->isolate, o->lose_disk, o->slow_disk, o->admin,
             o->forced_failovers, (unsigned long long)o->crash_between,
             (unsigned long long)o->persist_fails, o->minority_stays_dead, o->durable_data,
             (unsigned long long)o->backlog, (long long)o->snapshot_ms, (long long)o->write_every,
             o->payload_max, o->hand_over, o->pair, o->bridge, o->full_disk, o->leave, o->wait_all,
             (long long)o->repl_timeout, o->last_blow, o->late_sentinels, o->names,
             o->own_address, o->lost_address, o->move, o->fence);
}
