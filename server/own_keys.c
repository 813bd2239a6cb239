#include "server/own_keys.h"

#include <string.h>

#include "core/base/mem.h"
#include "core/base/vec.h"
#include "core/db/keyspace.h"
#include "core/sys/clock.h"
#include "server/config.h"
#include "server/server.h"

#define BUCKETS_A_TICK 64 /* looked at; a walk of many keys takes some ticks */

struct own_key {
    int db;
    size_t n;
    char bytes[];
};

struct own_keys {
    struct server *s;
    struct touch_hook hook;
    bool hooked;
    struct hash_key hash;
    struct table keys; /* struct own_key */
    uint64_t cursor;
    VEC(struct own_key *) over; /* found by a step of the walk */
};

struct name {
    int db;
    struct slice key;
};

static uint64_t name_hash(const struct own_keys *o, struct name n)
{
    return hash_bytes(n.key.p, n.key.n, &o->hash) + (uint64_t)n.db;
}

static struct name name_of(const struct own_key *k)
{
    return (struct name){ k->db, slice_of(k->bytes, k->n) };
}

static uint64_t entry_hash(const struct table *t, const void *entry)
{
    return name_hash(t->app, name_of(entry));
}

static bool entry_is(const void *entry, const void *key)
{
    struct name a = name_of(entry);
    const struct name *b = key;
    return a.db == b->db && slice_eq(a.key, b->key);
}

static const struct table_type names = { entry_hash, entry_is };

/* Only what a client of ours does on a writable replica runs under this rule (journal). */
static bool is_own(const struct own_keys *o) { return o->s->ks->expire == KS_EXPIRE_HIDE_READS; }

static bool has_deadline(const struct keyspace *ks, struct name n)
{
    const struct entry *e = ks_peek(&ks->dbs[n.db], ks_hash(ks, n.key), n.key);
    return e && entry_deadline(e) != ENTRY_NO_DEADLINE;
}

static void on_touch(void *app, const struct touch *t)
{
    struct own_keys *o = app;
    struct name n = { t->db, t->key };
    if (!is_own(o) || t->key.p == NULL || !has_deadline(o->s->ks, n)) return;
    uint64_t hash = name_hash(o, n);
    if (table_find(&o->keys, hash, &n)) return;
    struct own_key *k = mem_alloc(sizeof(*k) + n.key.n);
    *k = (struct own_key){ n.db, n.key.n };
    memcpy(k->bytes, n.key.p, n.key.n);
    table_add(&o->keys, hash, k);
}

struct own_keys *own_keys_new(struct server *s)
{
    struct own_keys *o = mem_zalloc(sizeof(*o));
    o->s = s;
    o->hash = s->ks->hash;
    o->hook = (struct touch_hook){ .after = on_touch, .app = o };
    table_init(&o->keys, &names, o);
    return o;
}

static void forget(struct own_keys *o, struct own_key *k)
{
    struct name n = name_of(k);
    table_remove(&o->keys, name_hash(o, n), &n);
    mem_free(k);
}

static void forget_all(struct own_keys *o)
{
    struct table_iter it;
    table_iter_start(&it, &o->keys);
    for (struct own_key *k; (k = table_iter_next(&it));) mem_free(k);
    table_iter_end(&it);
    table_free(&o->keys);
}

void own_keys_delete(struct own_keys *o)
{
    if (!o) return;
    if (o->hooked) touch_remove(&o->s->ks->touch, &o->hook);
    forget_all(o);
    vec_free(&o->over);
    mem_free(o);
}

void own_keys_configured(struct own_keys *o)
{
    bool want = !o->s->config->replica_read_only;
    if (want && !o->hooked) touch_add(&o->s->ks->touch, &o->hook);
    if (!want && o->hooked) touch_remove(&o->s->ks->touch, &o->hook);
    o->hooked = want;
}

void own_keys_moved(struct own_keys *o, struct keyspace *from, struct keyspace *to)
{
    if (!o->hooked) return;
    touch_remove(&from->touch, &o->hook);
    touch_add(&to->touch, &o->hook);
}

/* Also what needs no watching any more: it has no deadline, or is not there. */
static void look(void *app, void *entry)
{
    struct own_keys *o = app;
    const struct keyspace *ks = o->s->ks;
    struct name n = name_of(entry);
    const struct entry *e = ks_peek(&ks->dbs[n.db], ks_hash(ks, n.key), n.key);
    if (!e || entry_deadline(e) == ENTRY_NO_DEADLINE || ks_is_expired(ks, e))
        vec_push(&o->over, entry);
}

void own_keys_cron(struct own_keys *o)
{
    struct keyspace *ks = o->s->ks;
    if (table_count(&o->keys) == 0 || o->s->loading) return;
    if (o->s->is_master) {
        forget_all(o);
        return;
    }
    /* A look-up of an expired key removes it, and tells those that listen. */
    ks_begin(ks, clock_wall_ms(), KS_EXPIRE_DELETE);
    for (int i = 0; i < BUCKETS_A_TICK; i++) {
        o->cursor = table_scan(&o->keys, o->cursor, look, o);
        if (o->cursor == 0) break;
    }
    for (size_t i = 0; i < o->over.n; i++) {
        struct name n = name_of(o->over.at[i]);
        struct value v;
        ks_write(&ks->dbs[n.db], n.key, KS_NO_TOUCH | KS_NO_STATS, &v);
        forget(o, o->over.at[i]);
    }
    vec_clear(&o->over);
}

size_t own_keys_count(const struct own_keys *o) { return table_count(&o->keys); }
