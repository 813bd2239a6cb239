#include "core/db/expire.h"

#include "core/base/must.h"

#define ROUND_KEYS 20    /* keys looked at before the budget is asked for, at effort 1 */
#define STALE_PERCENT 10 /* so many expired ones among them are tolerated, at effort 1 */
#define ROUND_BUCKETS 20 /* most buckets a key of a round: a sparse table must not hold us up */
#define SEEN_MAX 256     /* of one scan step; what is beyond is seen the next time */

/* The entries of one scan step: expiring one while the table is walked is not allowed. */
struct seen {
    struct entry *at[SEEN_MAX];
    size_t n;
};

static void gather(void *app, void *entry)
{
    struct seen *s = app;
    __builtin_prefetch(entry);
    if (s->n < SEEN_MAX) s->at[s->n++] = entry;
}

struct round {
    size_t looked, expired;
    double ttl_sum; /* deadlines may be as far off as the type reaches */
};

static void sweep(struct ks_db *db, const struct seen *s, struct round *r)
{
    for (size_t i = 0; i < s->n; i++) {
        r->looked++;
        if (ks_is_expired(db->ks, s->at[i])) {
            ks_expire_entry(db, s->at[i]);
            r->expired++;
        } else {
            r->ttl_sum += (double)(entry_deadline(s->at[i]) - db->ks->now_ms);
        }
    }
}

static void run_round(struct ks_db *db, size_t keys, struct round *r)
{
    for (size_t b = 0; r->looked < keys && b < keys * ROUND_BUCKETS; b++) {
        struct seen s = { .n = 0 };
        db->expire_cursor = table_scan(&db->deadlines, db->expire_cursor, gather, &s);
        sweep(db, &s, r);
        if (!ks_deadlines(db)) return;
    }
}

static void note_ttl(struct ks_db *db, const struct round *r)
{
    if (r->looked == r->expired) return;
    int64_t avg = (int64_t)(r->ttl_sum / (double)(r->looked - r->expired));
    db->ttl_avg_ms = db->ttl_avg_ms ? db->ttl_avg_ms / 50 * 49 + avg / 50 : avg;
}

static bool spent(const struct expire_options *o) { return o->spent && o->spent(o->app); }

/* How much a cycle of that effort does between two looks at the budget, and what satisfies it. */
static size_t keys_a_round(const struct expire_options *o)
{
    return ROUND_KEYS + ROUND_KEYS / 4 * ((size_t)o->effort - 1);
}
static bool few_stale(const struct round *r, const struct expire_options *o)
{
    return r->expired * 100 <= r->looked * (STALE_PERCENT - ((size_t)o->effort - 1));
}

/* False when the budget is spent. */
static bool run_db(struct ks_db *db, struct round *sum, const struct expire_options *o)
{
    while (ks_deadlines(db)) {
        struct round r = { 0 };
        run_round(db, keys_a_round(o), &r);
        note_ttl(db, &r);
        sum->looked += r.looked;
        sum->expired += r.expired;
        if (spent(o)) return false;
        if (few_stale(&r, o)) break;
    }
    if (!ks_deadlines(db)) db->ttl_avg_ms = 0;
    return true;
}

size_t expire_run(struct keyspace *ks, struct expire_cycle *c, const struct expire_options *o)
{
    struct round sum = { 0 };
    must(o->effort >= 1 && o->effort <= EXPIRE_EFFORT_MAX);
    c->cut_short = false;
    for (int i = 0; i < ks->n && !c->cut_short; i++) {
        struct ks_db *db = ks_db(ks, c->next_db % ks->n);
        c->cut_short = !run_db(db, &sum, o);
        c->next_db = (db->id + 1) % ks->n;
    }
    if (c->cut_short) c->cuts++;
    double now = sum.looked ? (double)sum.expired * 100 / (double)sum.looked : 0;
    c->stale_percent = now * 0.05 + c->stale_percent * 0.95;
    return sum.expired;
}

/* --- fields ------------------------------------------------------------------------------- */

/* A hash counts as stale when any of its fields is; it is seen again as long as it has more. */
static size_t round_of_fields(struct ks_db *db, size_t keys, struct round *r)
{
    size_t gone = 0;
    for (size_t b = 0; r->looked < keys && b < keys * ROUND_BUCKETS && ks_timed(db); b++) {
        struct seen s = { .n = 0 };
        db->fields_cursor = table_scan(&db->timed, db->fields_cursor, gather, &s);
        for (size_t i = 0; i < s.n; i++) {
            size_t n = ks_expire_fields(db, s.at[i]);
            r->looked++;
            r->expired += n > 0;
            gone += n;
        }
    }
    return gone;
}

/* False when the budget is spent. */
static bool run_fields(struct ks_db *db, size_t *gone, const struct expire_options *o)
{
    while (ks_timed(db)) {
        struct round r = { 0 };
        *gone += round_of_fields(db, keys_a_round(o), &r);
        if (spent(o)) return false;
        if (few_stale(&r, o)) break;
    }
    return true;
}

size_t expire_run_fields(struct keyspace *ks, struct expire_cycle *c,
                         const struct expire_options *o)
{
    size_t gone = 0;
    must(o->effort >= 1 && o->effort <= EXPIRE_EFFORT_MAX);
    bool done = true;
    for (int i = 0; i < ks->n && done; i++) {
        struct ks_db *db = ks_db(ks, c->next_fields_db % ks->n);
        done = run_fields(db, &gone, o);
        c->next_fields_db = (db->id + 1) % ks->n;
    }
    if (!done) c->cuts++;
    return gone;
}
