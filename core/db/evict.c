#include "core/db/evict.h"

#define SAMPLES_MAX 64 /* at a time, on the stack */
#define DRY_ROUNDS 16  /* draws without a usable key before the pool is given up */

void evict_clear(struct evict *ev)
{
    for (size_t i = 0; i < ev->n; i++)
        str_free(&ev->at[i].key);
    ev->n = 0;
    str_free(&ev->picked);
}

static struct table *table_of(struct ks_db *db, const struct evict_rule *r)
{
    return r->volatile_only ? &db->deadlines : &db->keys;
}

static uint64_t score_of(const struct keyspace *ks, const struct evict_rule *r,
                         const struct entry *e)
{
    if (r->by == EVICT_LRU) return (uint64_t)ks_idle_seconds(ks, e);
    if (r->by == EVICT_LFU) return 255 - ks_frequency(ks, e);
    return UINT64_MAX - (uint64_t)entry_deadline(e);
}

/* --- the pool ----------------------------------------------------------------------------- */

static bool in_pool(const struct evict *ev, int db, struct slice key)
{
    for (size_t i = 0; i < ev->n; i++)
        if (ev->at[i].db == db && slice_eq(str_slice(ev->at[i].key), key)) return true;
    return false;
}

/* Puts a candidate in its place; a full pool loses its worst. */
static void offer(struct evict *ev, uint64_t score, int db, struct slice key)
{
    if (ev->n == EVICT_POOL && score <= ev->at[0].score) return;
    if (in_pool(ev, db, key)) return;
    size_t i = ev->n;
    if (ev->n == EVICT_POOL) {
        str_free(&ev->at[0].key);
        memmove(ev->at, ev->at + 1, (EVICT_POOL - 1) * sizeof(ev->at[0]));
        ev->n = i = EVICT_POOL - 1;
    }
    while (i > 0 && ev->at[i - 1].score > score)
        i--;
    memmove(ev->at + i + 1, ev->at + i, (ev->n - i) * sizeof(ev->at[0]));
    ev->at[i] = (struct evict_candidate){ score, db, str_new(key) };
    ev->n++;
}

static void sample(struct keyspace *ks, struct evict *ev, const struct evict_rule *r, int db)
{
    void *drawn[SAMPLES_MAX];
    size_t want = r->samples < SAMPLES_MAX ? (size_t)r->samples : SAMPLES_MAX;
    size_t n = table_sample(table_of(&ks->dbs[db], r), &ks->rng, drawn, want);
    for (size_t i = 0; i < n; i++)
        offer(ev, score_of(ks, r, drawn[i]), db, entry_key(drawn[i]));
}

/* The best that is still there, in ev->picked; what has gone meanwhile is dropped. */
static bool take_best(struct keyspace *ks, struct evict *ev, const struct evict_rule *r, int *db)
{
    while (ev->n) {
        struct evict_candidate best = ev->at[--ev->n];
        str_free(&ev->picked);
        ev->picked = best.key;
        struct slice key = str_slice(best.key);
        if (!table_find(table_of(&ks->dbs[best.db], r), ks_hash(ks, key), &key)) continue;
        *db = best.db;
        return true;
    }
    return false;
}

static size_t candidates(struct keyspace *ks, const struct evict_rule *r)
{
    size_t n = 0;
    for (int i = 0; i < ks->n; i++)
        n += table_count(table_of(&ks->dbs[i], r));
    return n;
}

/* --- the choice --------------------------------------------------------------------------- */

static bool pick_random(struct keyspace *ks, struct evict *ev, const struct evict_rule *r, int *db)
{
    for (int i = 0; i < ks->n; i++) {
        int at = (int)((unsigned)ev->next_db++ % (unsigned)ks->n);
        struct entry *e = table_random(table_of(&ks->dbs[at], r), &ks->rng);
        if (!e) continue;
        str_set(&ev->picked, entry_key(e));
        *db = at;
        return true;
    }
    return false;
}

bool evict_pick(struct keyspace *ks, struct evict *ev, const struct evict_rule *r, int *db,
                struct slice *key)
{
    bool found = false;
    if (r->by != EVICT_RANDOM && candidates(ks, r))
        for (int round = 0; !found && round < DRY_ROUNDS; round++) {
            for (int i = 0; i < ks->n; i++)
                if (table_count(table_of(&ks->dbs[i], r))) sample(ks, ev, r, i);
            found = take_best(ks, ev, r, db);
        }
    if (!found) found = pick_random(ks, ev, r, db);
    *key = str_slice(ev->picked);
    return found;
}

void evict_remove(struct keyspace *ks, int db, struct slice key, bool lazy)
{
    struct value v;
    if (!ks_write(&ks->dbs[db], key, KS_NO_TOUCH, &v)) return;
    ks_remove_value(&v, TOUCH_EVICTED, lazy);
    ks->stats.evicted++;
}
