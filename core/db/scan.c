#include "core/db/scan.h"

#include "core/base/glob.h"
#include "core/base/vec.h"

#define BUCKETS_A_KEY 10 /* a sparse table must not make one call long */

struct found {
    VEC(struct entry *) entries;
};

static void gather(void *app, void *entry)
{
    struct found *f = app;
    __builtin_prefetch(entry);
    vec_push(&f->entries, entry);
}

static bool all_match(struct slice m) { return !m.p || (m.n == 1 && m.p[0] == '*'); }

static bool wanted(const struct scan_options *o, const struct entry *e)
{
    if (o->type >= 0 && e->type != (unsigned)o->type) return false;
    return all_match(o->match) || glob_match(o->match, entry_key(e), false);
}

static bool hidden(const struct keyspace *ks, const struct entry *e)
{
    return ks->expire != KS_EXPIRE_KEEP && ks_is_expired(ks, e);
}

uint64_t scan_step(struct ks_db *db, uint64_t cursor, const struct scan_options *o,
                   void (*fn)(void *app, struct slice key), void *app)
{
    struct found f = { { 0 } };
    uint64_t count = o->count ? o->count : SCAN_COUNT_DEFAULT;
    uint64_t steps = count > UINT64_MAX / BUCKETS_A_KEY ? UINT64_MAX : count * BUCKETS_A_KEY;
    do cursor = table_scan(&db->keys, cursor, gather, &f);
    while (cursor && --steps && f.entries.n < count);
    for (size_t i = 0; i < f.entries.n; i++) {
        struct entry *e = f.entries.at[i];
        if (!wanted(o, e)) continue;
        if (!hidden(db->ks, e))
            fn(app, entry_key(e));
        else if (db->ks->expire == KS_EXPIRE_DELETE)
            ks_expire_entry(db, e);
    }
    vec_free(&f.entries);
    return cursor;
}

void scan_keys(struct ks_db *db, struct slice match, void (*fn)(void *app, struct slice key),
               void *app)
{
    struct scan_options o = { .match = match, .type = -1 };
    if (!all_match(match) && glob_is_literal(match)) {
        void **slot = table_find(&db->keys, ks_hash(db->ks, match), &match);
        if (slot && !hidden(db->ks, *slot)) fn(app, match);
        return;
    }
    struct table_iter it;
    table_iter_start(&it, &db->keys);
    for (struct entry *e; (e = table_iter_next(&it));)
        if (wanted(&o, e) && !hidden(db->ks, e)) fn(app, entry_key(e));
    table_iter_end(&it);
}
