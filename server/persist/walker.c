#include "server/persist/walker.h"

#include "core/base/mem.h"
#include "core/net/loop.h"
#include "core/base/vec.h"
#include "core/rdb/walk.h"
#include "core/sys/clock.h"
#include "core/sys/log.h"
#include "server/config.h"
#include "server/persist/snapshot_file.h"
#include "server/server.h"

#define KEYS_A_STEP 64         /* between two looks at the clock */
#define SLICE_MAX_US 2000      /* nobody waits longer for us */
#define SLICE_MIN_US 200
#define IDLE_US 150            /* a turn of less work than this had nobody waiting */
#define BEHIND_BYTES (8 << 20) /* the outlet is not given more of our own accord; at most half of
                                  what it may hold */
#define LOOK_MS 1              /* while it is behind, and at the end */

#define LARGE_EFFORT 2048        /* a value of more allocations is not copied in a slice */
#define LARGE_BYTES (128 * 1024) /* nor a longer string */

#define PINS_MAX 64              /* each write looks through them */

/* A large value on its way: whoever changes it waits for it. Which database it is in does not
 * matter: those of the walk may have changed places. */
struct pin {
    struct str key;
    struct outlet_value *value;
};

struct walker {
    struct server *s;
    VEC(struct pin) pins;
    struct touch_hook hook; /* while there are pins */
    struct keyspace *hooked;
    struct loop_timer *timer;
    struct rdb_walk walk;
    struct rdb_out out;
    struct rdb_raw raw;
    struct outlet *outlet;
    bool walking;
    int64_t resume_us;     /* rdb-key-save-delay: not before */
    int64_t used_us;       /* by the last slice */
    uint64_t busy_us;      /* of the loop, when the last slice began */
    size_t peak;
    void (*done)(void *arg, bool ok, const char *why);
    void *arg;
};

static size_t held(const struct walker *w)
{
    return buf_size(&w->out.buf) + outlet_waiting(w->outlet) + ks_walk_mem(w->walk.walk);
}

static bool behind(const struct walker *w)
{
    uint64_t most = w->s->config->snapshot_buffer_limit / 2;
    if (w->pins.n >= PINS_MAX || ks_walk_waits(w->walk.walk)) return w->pins.n > 0;
    return           outlet_waiting(w->outlet) >= (most < BEHIND_BYTES ? most : BEHIND_BYTES);
}

/* ---- pieces ---- */

static void send(struct walker *w)
{
    if (!buf_size(&w->out.buf)) return;
    size_t now = held(w);
    if (now > w->peak) w->peak = now;
    outlet_put(w->outlet, &w->out.buf, &w->raw);
}

/* What writes force out comes as fast as the outlet takes it, once it holds as much as it may. */
static void on_full(void *arg)
{
    struct walker *w = arg;
    send(w);
    outlet_slow_down(w->outlet);
}

/* ---- large values ---- */

static bool is_large(const struct entry *e)
{
    if (!(e->flags & ENTRY_OWNS)) return false;
    if (e->type == VALUE_STRING) return string_len(e) > LARGE_BYTES;
    return value_free_effort(e) > LARGE_EFFORT;
}

static void unhook(struct walker *w)
{
    if (w->hooked) touch_remove(&w->hooked->touch, &w->hook);
    w->hooked = NULL;
}

/* The key is about to change; key.p == NULL: a whole database is. */
static void before_change(void *arg, int db, struct slice key)
{
    struct walker *w = arg;
    (void)db;
    for (size_t i = 0; i < w->pins.n; i++) {
        const struct pin *p = &w->pins.at[i];
        if (!key.p || slice_eq(str_slice(p->key), key)) outlet_value_settle(p->value);
    }
    if (!key.p) unhook(w); /* the keyspace may go; what is there has been settled */
}

static bool on_value(void *arg, int db, const struct entry *e)
{
    struct walker *w = arg;
    struct keyspace *ks = ks_walk_keyspace(w->walk.walk);
    (void)db;
    if (!is_large(e) || !ks) return false;
    send(w);
    vec_push(&w->pins, (struct pin){ str_new(entry_key(e)), outlet_put_value(w->outlet, e) });
    if (!w->hooked) touch_add(&ks->touch, &w->hook);
    w->hooked = ks;
    return true;
}

static void drop_pins(struct walker *w, bool all)
{
    for (size_t i = w->pins.n; i-- > 0;) {
        struct pin *p = &w->pins.at[i];
        if (!all && !outlet_value_written(p->value)) continue;
        outlet_value_free(p->value);
        str_free(&p->key);
        vec_remove(&w->pins, i);
    }
    if (!w->pins.n) unhook(w);
}

static bool on_free(void *arg) { return ((struct walker *)arg)->pins.n == 0; }

static const struct rdb_walk_hooks walk_hooks = { on_full, on_value, on_free };

/* ---- slices ---- */

/* Clients that kept the loop busy get at least as much of it as we do. */
static int64_t slice_us(const struct walker *w)
{
    int64_t others = (int64_t)(loop_busy_us(w->s->loop) - w->busy_us) - w->used_us;
    if (others < IDLE_US || others > SLICE_MAX_US) return SLICE_MAX_US;
    return others < SLICE_MIN_US ? SLICE_MIN_US : others;
}

/* rdb-key-save-delay: tests make a snapshot slow; the clients do not wait meanwhile. */
static void delay(struct walker *w, uint64_t keys)
{
    int us = w->s->config->rdb_key_save_delay;
    if (us > 0) w->resume_us = clock_mono_us() + (int64_t)keys * us;
}

static void walk_on(struct walker *w)
{
    int64_t now_us = clock_mono_us(), end_us = now_us + slice_us(w);
    bool slow = w->s->config->rdb_key_save_delay > 0;
    if (now_us < w->resume_us) return;
    do {
        uint64_t before = w->walk.keys;
        w->walking = rdb_walk_step(&w->walk, slow ? 1 : KEYS_A_STEP);
        if (slow) delay(w, w->walk.keys - before);
    } while (w->walking && !slow && !behind(w) && clock_mono_us() < end_us);
    w->used_us = clock_mono_us() - now_us;
    w->busy_us = loop_busy_us(w->s->loop);
    if (!w->walking) {
        send(w);
        outlet_finish(w->outlet);
    }
}

static bool paused(const struct walker *w)
{
    return !w->walking || behind(w) || w->s->config->rdb_key_save_delay > 0;
}

static void on_timer(void *arg)
{
    struct walker *w = arg;
    enum outlet_state st = outlet_state(w->outlet);
    drop_pins(w, false);
    if (st != OUTLET_WORKS) {
        w->done(w->arg, st == OUTLET_DONE, st == OUTLET_DONE ? "" : outlet_error(w->outlet));
        return; /* it has ended us */
    }
    if (w->walking && !behind(w)) walk_on(w);
    loop_timer_after(w->timer, paused(w) ? LOOK_MS : 0);
}

/* ---- life ---- */

struct walker *walker_start(struct server *s, const struct walker_spec *spec)
{
    const struct server_config *cfg = s->config;
    struct walker *w = mem_zalloc(sizeof(*w));
    struct snapshot_head head;
    w->s = s;
    w->done = spec->done;
    w->arg = spec->arg;
    w->outlet = outlet_start(&(struct outlet_spec){ .temp = spec->temp,
                                                    .path = spec->path,
                                                    .pipe = spec->pipe,
                                                    .sync = spec->sync,
                                                    .checksum = cfg->rdbchecksum,
                                                    .compress = cfg->rdbcompression,
                                                    .memory_max = cfg->snapshot_buffer_limit });
    rdb_out_init(&w->out, NULL, NULL, false, cfg->rdbcompression);
    w->out.raw = &w->raw;
    snapshot_head_fill(s, &head, spec->base);
    rdb_walk_start(&w->walk, s->ks, &w->out, &head.o, &walk_hooks, w);
    w->hook = (struct touch_hook){ .before = before_change, .app = w };
    snapshot_head_free(&head);
    w->walking = true;
    w->busy_us = loop_busy_us(s->loop);
    w->timer = loop_timer_new(s->loop, on_timer, w);
    loop_timer_after(w->timer, 0);
    return w;
}

void walker_end(struct walker *w)
{
    if (!w) return;
    loop_timer_delete(w->timer);
    outlet_end(w->outlet); /* first: its thread may be at a value of a table that only we have */
    drop_pins(w, true);
    vec_free(&w->pins);
    rdb_walk_end(&w->walk);
    rdb_out_free(&w->out);
    vec_free(&w->raw.strings);
    mem_free(w);
}

void walker_figures(const struct walker *w, struct walker_figures *out)
{
    size_t now = held(w);
    *out = (struct walker_figures){ .keys = w->walk.keys,
                                    .total = w->walk.total,
                                    .held = now,
                                    .peak = now > w->peak ? now : w->peak };
}
