#include "server/own_keys.h"
#include "server/cron.h"

#include "core/base/mem.h"
#include "core/db/expire.h"
#include "core/front/front.h"
#include "core/front/latency.h"
#include "core/sys/clock.h"
#include "replication/replication.h"
#include "server/config.h"
#include "server/memory.h"
#include "server/migrate.h"
#include "server/persist/aof_rewrite.h"
#include "server/persist/load.h"
#include "server/persist/snapshot.h"
#include "server/server.h"

/* Of a tick's time, for active expiry: Redis' 25%, and 2% more for each step of effort. */
#define EXPIRE_PERCENT 25
#define EXPIRE_PERCENT_A_STEP 2
#define EXPIRE_SLICE_US 2000 /* in one go; while there is more, slices follow soon */
#define REHASH_US 1000
#define REHASH_BUCKETS 128

struct cron {
    struct server *s;
    struct loop_timer *timer, *expiry;
    bool paused;
    int64_t due_ms[16];
    struct expire_cycle cycle;
    bool fields_next; /* keys and fields take turns at the budget */
    int64_t budget_end_us;
    int64_t expire_us, expire_left_us; /* spent in all; left of this tick's budget */
    uint64_t cycles_seen, busy_seen_us; /* of the loop, at the last sample */
    uint64_t cycles_per_sec, cycle_us;
};

struct job {
    const char *name;
    int64_t period_ms; /* 0: each tick */
    void (*run)(struct cron *c);
};

/* ---- jobs ---- */

static void clients(struct cron *c) { front_cron(c->s->front, loop_now_ms(c->s->loop)); }

static bool spent(void *app) { return clock_mono_us() >= ((struct cron *)app)->budget_end_us; }

static int64_t expiry_percent(const struct cron *c)
{
    return EXPIRE_PERCENT + EXPIRE_PERCENT_A_STEP * (c->s->config->active_expire_effort - 1);
}

/* Only a master decides that a key has expired; nothing changes while writes are paused. */
static bool may_expire(const struct server *s)
{
    return s->is_master && s->debug_active_expire && !s->loading && !s->front->pause_until_ms;
}

/* A slice of the tick's budget. When it was not enough the next comes after a pause in which
 * clients have their share: no client waits for the whole budget. */
static void expiry_slice(void *arg)
{
    struct cron *c = arg;
    struct server *s = c->s;
    if (c->paused || !may_expire(s)) return;
    int64_t slice_us = c->expire_left_us < EXPIRE_SLICE_US ? c->expire_left_us : EXPIRE_SLICE_US;
    int64_t begin_us = clock_mono_us();
    c->budget_end_us = begin_us + slice_us;
    struct expire_options o = { .effort = s->config->active_expire_effort, .spent = spent,
                                .app = c };
    ks_begin(s->ks, clock_wall_ms(), KS_EXPIRE_DELETE);
    if (c->fields_next) expire_run_fields(s->ks, &c->cycle, &o);
    expire_run(s->ks, &c->cycle, &o);
    if (!c->fields_next) expire_run_fields(s->ks, &c->cycle, &o);
    c->fields_next = !c->fields_next;
    int64_t took_us = clock_mono_us() - begin_us;
    c->expire_us += took_us;
    c->expire_left_us -= took_us;
    if (took_us >= 1000) latency_add(s->front, "expire-cycle", took_us / 1000);
    int64_t percent = expiry_percent(c);
    if (took_us >= slice_us && c->expire_left_us > 0)
        loop_timer_after(c->expiry, slice_us * (100 - percent) / percent / 1000 + 1);
}

static void expiry(struct cron *c)
{
    c->expire_left_us = 10000 * expiry_percent(c) / c->s->config->front.hz;
    expiry_slice(c);
}

static void rehash(struct cron *c)
{
    struct server *s = c->s;
    if (!s->config->activerehashing || snapshot_forked(s->snapshot)) return;
    int64_t end_us = clock_mono_us() + REHASH_US;
    while (ks_step(s->ks, REHASH_BUCKETS) && clock_mono_us() < end_us) {
    }
}

static void children(struct cron *c) { snapshot_poll(c->s->snapshot); }
static void save_points(struct cron *c) { snapshot_cron(c->s->snapshot); }
static void rewrite(struct cron *c) { aof_rewrite_cron(c->s->aof); }
static void replicate(struct cron *c) { replication_cron(c->s->repl); }
static void memory(struct cron *c) { memory_cron(c->s); }

static void own_keys(struct cron *c) { own_keys_cron(c->s->own_keys); }
static void links(struct cron *c) { migrations_cron(c->s->migrations); }

static void samples(struct cron *c)
{
    uint64_t cycles = loop_cycles(c->s->loop), busy = loop_busy_us(c->s->loop);
    uint64_t n = cycles - c->cycles_seen;
    c->cycles_per_sec = n;
    c->cycle_us = n ? (busy - c->busy_seen_us) / n : 0;
    c->cycles_seen = cycles;
    c->busy_seen_us = busy;
}

static const struct job jobs[] = {
    { "clients", 0, clients },
    { "children", 0, children },
    { "expiry", 0, expiry },
    { "own-keys", 100, own_keys },
    { "memory", 0, memory },
    { "rehash", 100, rehash },
    { "save-points", 100, save_points },
    { "aof-rewrite", 100, rewrite },
    { "replication", 1000, replicate },
    { "migrate-links", 1000, links },
    { "samples", 1000, samples },
};
#define JOBS (sizeof(jobs) / sizeof(jobs[0]))
_Static_assert(JOBS <= sizeof(((struct cron *)0)->due_ms) / sizeof(int64_t),
               "a due time for each job");

static void tick(void *arg)
{
    struct cron *c = arg;
    int64_t now_ms = loop_now_ms(c->s->loop);
    for (size_t i = 0; i < JOBS && !c->paused; i++) {
        if (now_ms < c->due_ms[i]) continue;
        c->due_ms[i] = now_ms + jobs[i].period_ms;
        jobs[i].run(c);
    }
    loop_timer_after(c->timer, 1000 / c->s->config->front.hz);
}

struct cron *cron_new(struct server *s)
{
    struct cron *c = mem_zalloc(sizeof(*c));
    c->s = s;
    c->timer = loop_timer_new(s->loop, tick, c);
    c->expiry = loop_timer_new(s->loop, expiry_slice, c);
    loop_timer_after(c->timer, 1);
    return c;
}

void cron_delete(struct cron *c)
{
    if (!c) return;
    loop_timer_delete(c->timer);
    loop_timer_delete(c->expiry);
    mem_free(c);
}

void cron_pause(struct cron *c, bool on) { c->paused = on; }

void cron_figures(const struct cron *c, struct cron_figures *out)
{
    *out = (struct cron_figures){ .expired_stale_percent = c->cycle.stale_percent,
                                  .expire_cuts = c->cycle.cuts,
                                  .expire_ms = c->expire_us / 1000,
                                  .cycles_per_sec = c->cycles_per_sec,
                                  .cycle_us = c->cycle_us };
}

void cron_reset_stats(struct cron *c)
{
    c->cycle.stale_percent = 0;
    c->cycle.cuts = 0;
    c->expire_us = 0;
}
