#include "server/evictor.h"

#include <math.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/db/evict.h"
#include "core/front/front.h"
#include "core/front/latency.h"
#include "core/net/loop.h"
#include "core/sys/clock.h"
#include "server/config.h"
#include "server/journal.h"
#include "server/memory.h"
#include "server/notify.h"
#include "server/server.h"

#define LOOK_EVERY 16 /* keys between looks at the clock */
#define WAIT_STEP_US 1000

struct evictor {
    struct server *s;
    struct evict pool;
    struct loop_timer *timer;  /* armed while there is more to do */
    int64_t exceeded_since_us; /* 0: not now */
    int64_t exceeded_us;
};

enum outcome { ROOM, MORE, NOTHING_LEFT };

static const struct evict_rule rules[] = {
    [POLICY_VOLATILE_LRU] = { EVICT_LRU, true, 0 },
    [POLICY_VOLATILE_LFU] = { EVICT_LFU, true, 0 },
    [POLICY_VOLATILE_RANDOM] = { EVICT_RANDOM, true, 0 },
    [POLICY_VOLATILE_TTL] = { EVICT_TTL, true, 0 },
    [POLICY_ALLKEYS_LRU] = { EVICT_LRU, false, 0 },
    [POLICY_ALLKEYS_LFU] = { EVICT_LFU, false, 0 },
    [POLICY_ALLKEYS_RANDOM] = { EVICT_RANDOM, false, 0 },
};

/* Small steps up to the usual setting, then fast ones: 10 is half a millisecond, 100 no bound. */
static int64_t slice_us(int tenacity)
{
    if (tenacity <= 10) return 50 * tenacity;
    if (tenacity < 100) return (int64_t)(500 * pow(1.15, tenacity - 10));
    return INT64_MAX;
}

/* Replicas leave it to their master, and nothing changes while writes are paused or data load. */
static bool is_allowed(const struct server *s)
{
    return !s->loading && !s->front->pause_until_ms &&
           (s->is_master || !s->config->replica_ignore_maxmemory);
}

/* Bytes that one key gave back; < 0: none is left. What the stream takes is not counted. */
static int64_t evict_one(struct evictor *ev, const struct evict_rule *rule)
{
    struct server *s = ev->s;
    struct slice key;
    int db;
    bool lazily = s->config->lazyfree_lazy_eviction;
    if (!evict_pick(s->ks, &ev->pool, rule, &db, &key)) return -1;
    int64_t before = (int64_t)mem_used();
    evict_remove(s->ks, db, key, lazily);
    int64_t freed = before - (int64_t)mem_used();
    journal_del(s->journal, db, key, lazily);
    notify_event(s, NOTIFY_EVICTED, "evicted", db, key);
    return freed > 0 ? freed : 0;
}

/* Values that another thread frees may be all that is missing: a short wait for it. */
static enum outcome wait_for_frees(const struct server *s, int64_t end_us)
{
    while (bg_pending(s->bg) && clock_mono_us() < end_us) {
        if (!memory_over(s)) return ROOM;
        usleep(WAIT_STEP_US);
    }
    return memory_over(s) ? NOTHING_LEFT : ROOM;
}

static enum outcome evict_slice(struct evictor *ev, size_t over)
{
    struct server *s = ev->s;
    struct evict_rule rule = rules[s->config->maxmemory_policy];
    rule.samples = s->config->maxmemory_samples;
    int64_t budget = slice_us(s->config->maxmemory_eviction_tenacity);
    int64_t begin_us = clock_mono_us();
    int64_t end_us = budget == INT64_MAX ? budget : begin_us + budget;
    uint64_t freed = 0;
    for (unsigned n = 1; freed < over; n++) {
        int64_t got = evict_one(ev, &rule);
        if (got < 0)
            return wait_for_frees(s, end_us == INT64_MAX ? begin_us + WAIT_STEP_US : end_us);
        freed += (uint64_t)got;
        if (n % LOOK_EVERY) continue;
        if (s->config->lazyfree_lazy_eviction && !memory_over(s)) return ROOM;
        if (clock_mono_us() >= end_us) return MORE;
    }
    return ROOM;
}

/* Keys past their deadline count as any other: whatever goes gives room. The unit at hand, if there
 * is one, finds the keyspace's time and rule as they were. */
static enum outcome evict(struct evictor *ev, size_t over)
{
    struct keyspace *ks = ev->s->ks;
    int64_t now_ms = ks->now_ms, begin_us = clock_mono_us();
    enum ks_expire rule = ks->expire;
    ks_begin(ks, clock_wall_ms(), KS_EXPIRE_KEEP);
    enum outcome out = evict_slice(ev, over);
    ks_begin(ks, now_ms, rule);
    int64_t took_ms = (clock_mono_us() - begin_us) / 1000;
    if (took_ms) latency_add(ev->s->front, "eviction-cycle", took_ms);
    return out;
}

static void note_exceeded(struct evictor *ev, bool exceeded)
{
    int64_t now_us = clock_mono_us();
    if (!exceeded && ev->exceeded_since_us) {
        ev->exceeded_us += now_us - ev->exceeded_since_us;
        ev->exceeded_since_us = 0;
    } else if (exceeded && !ev->exceeded_since_us) {
        ev->exceeded_since_us = now_us;
    }
}

bool evictor_make_room(struct evictor *ev)
{
    struct server *s = ev->s;
    size_t over = is_allowed(s) ? memory_over(s) : 0;
    enum outcome out = ROOM;
    if (over && s->config->maxmemory_policy == POLICY_NOEVICTION)
        out = NOTHING_LEFT;
    else if (over)
        out = evict(ev, over);
    note_exceeded(ev, out != ROOM);
    if (out == MORE && !loop_timer_armed(ev->timer)) loop_timer_after(ev->timer, 0);
    return out != NOTHING_LEFT;
}

static void on_timer(void *arg) { evictor_make_room(arg); }

void evictor_configured(struct evictor *ev)
{
    evict_clear(&ev->pool); /* scores of another policy */
    if (memory_over(ev->s)) loop_timer_after(ev->timer, 0);
}

void evictor_exceeded_ms(const struct evictor *ev, uint64_t *total, uint64_t *current)
{
    int64_t now = ev->exceeded_since_us ? clock_mono_us() - ev->exceeded_since_us : 0;
    *current = (uint64_t)now / 1000;
    *total = (uint64_t)(ev->exceeded_us + now) / 1000;
}

void evictor_reset_stats(struct evictor *ev)
{
    ev->exceeded_us = 0;
    ev->exceeded_since_us = 0;
}

struct evictor *evictor_new(struct server *s)
{
    struct evictor *ev = mem_zalloc(sizeof(*ev));
    ev->s = s;
    ev->timer = loop_timer_new(s->loop, on_timer, ev);
    return ev;
}

void evictor_delete(struct evictor *ev)
{
    if (!ev) return;
    loop_timer_delete(ev->timer);
    evict_clear(&ev->pool);
    mem_free(ev);
}
