#include "core/db/keyspace.h"

#include "core/base/ilist.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/base/vec.h"
#include "core/db/walk.h"

#define DATABASES 16
#define BURY_EFFORT 64   /* a value of more allocations than this is worth another thread */
#define BURY_ALWAYS 4096 /* one of more than this would be felt: nobody need ask for it */
#define RANDOM_TRIES 100 /* when all keys might be expired and must stay */

/* A whole database; the empty key is a key. */
#define NO_KEY slice_of(NULL, 0)

struct ks_trash {
    VEC(struct table) tables; /* of entries; the second tables are freed at once */
};

/* --- the tables --------------------------------------------------------------------------- */

static uint64_t entry_hash(const struct table *t, const void *entry)
{
    struct slice key = entry_key(entry);
    return hash_bytes(key.p, key.n, t->app);
}

static bool entry_has_key(const void *entry, const void *key)
{
    return slice_eq(entry_key(entry), *(const struct slice *)key);
}

static const struct table_type entry_table = { entry_hash, entry_has_key };

static void db_tables_init(struct ks_db *db)
{
    table_init(&db->keys, &entry_table, &db->ks->hash);
    table_init(&db->deadlines, &entry_table, &db->ks->hash);
    table_init(&db->timed, &entry_table, &db->ks->hash);
    db->expire_cursor = db->fields_cursor = 0;
    db->ttl_avg_ms = 0;
}

static void free_entries(struct table *t)
{
    struct table_iter it;
    table_iter_start(&it, t);
    for (struct entry *e; (e = table_iter_next(&it));) entry_free(e);
    table_iter_end(&it);
    table_free(t);
}

struct keyspace *ks_new(const struct ks_options *o)
{
    struct keyspace *ks = mem_zalloc(sizeof(*ks));
    ks->n = o->databases > 0 ? o->databases : DATABASES;
    ks->dbs = mem_zalloc((size_t)ks->n * sizeof(*ks->dbs));
    ks->hash = o->hash;
    ks->hooks = o->hooks;
    ks->access = (struct access_policy){ .log_factor = 10, .decay_minutes = 1 };
    rng_seed(&ks->rng, o->seed);
    for (int i = 0; i < ks->n; i++) {
        ks->dbs[i].ks = ks;
        ks->dbs[i].id = i;
        db_tables_init(&ks->dbs[i]);
    }
    return ks;
}

void ks_delete(struct keyspace *ks)
{
    if (!ks) return;
    for (int i = 0; i < ks->n; i++) {
        table_free(&ks->dbs[i].deadlines);
        table_free(&ks->dbs[i].timed);
        if (!ks_walk_takes(&ks->dbs[i].keys)) free_entries(&ks->dbs[i].keys);
    }
    ks_walk_orphan(ks->walk);
    mem_free(ks->dbs);
    mem_free(ks);
}

void ks_begin(struct keyspace *ks, int64_t now_ms, enum ks_expire expire)
{
    ks->now_ms = now_ms;
    ks->expire = expire;
}

struct ks_db *ks_db_of(const struct value *v) { return ilist_of(v->keys, struct ks_db, keys); }

/* --- the gate ----------------------------------------------------------------------------- */

static void tell(struct ks_db *db, enum touch_kind kind, struct slice key, int type)
{
    if (!db->ks->touch.first) return;
    touch_after(&db->ks->touch,
                &(struct touch){ .db = db->id, .kind = kind, .key = key, .type = type });
}

static void announce(struct ks_db *db, struct slice key)
{
    if (db->ks->touch.first) touch_before(&db->ks->touch, db->id, key);
}

/* A value is changed only through a handle of ks_write: the walk has it as it was by then. */
void ks_changed(struct value *v)
{
    must(!v->keys->visit || table_visited(v->keys, v->hash));
    tell(ks_db_of(v), TOUCH_CHANGED, entry_key(v->e), v->e->type);
}

static void end_entry(struct keyspace *ks, struct entry *e, bool lazy)
{
    if (ks->hooks.bury && value_free_effort(e) > (lazy ? BURY_EFFORT : BURY_ALWAYS))
        ks->hooks.bury(ks->hooks.app, e);
    else
        entry_free(e);
}

/* Takes the entry out of all tables. */
static void detach(struct value *v)
{
    if (entry_deadline(v->e) != ENTRY_NO_DEADLINE)
        must(table_remove_entry(v->deadlines, v->hash, v->e));
    if (v->e->flags & ENTRY_TIMED) must(table_remove_entry(v->timed, v->hash, v->e));
    must(table_remove_entry(v->keys, v->hash, v->e));
}

void ks_remove_value(struct value *v, enum touch_kind kind, bool lazy)
{
    struct ks_db *db = ks_db_of(v);
    struct entry *e = v->e;
    must(e != NULL);
    detach(v);
    v->e = NULL;
    tell(db, kind, entry_key(e), e->type);
    end_entry(db->ks, e, lazy);
}

/* --- look-up ------------------------------------------------------------------------------ */

uint64_t ks_hash(const struct keyspace *ks, struct slice key)
{
    return hash_bytes(key.p, key.n, &ks->hash);
}

void ks_prefetch(const struct ks_db *db, uint64_t hash) { table_prefetch(&db->keys, hash); }
void ks_prefetch_entry(const struct ks_db *db, uint64_t hash)
{
    table_prefetch_entry(&db->keys, hash);
}
void ks_prefetch_child(const struct ks_db *db, uint64_t hash)
{
    table_prefetch_child(&db->keys, hash);
}

const struct entry *ks_peek(const struct ks_db *db, uint64_t hash, struct slice key)
{
    void **slot = table_find(&db->keys, hash, &key);
    return slot ? *slot : NULL;
}

static struct value handle_at(struct ks_db *db, uint64_t hash)
{
    return (struct value){
        .keys = &db->keys, .deadlines = &db->deadlines, .timed = &db->timed, .hash = hash
    };
}

static struct value handle(struct ks_db *db, struct slice key)
{
    return handle_at(db, ks_hash(db->ks, key));
}

struct value ks_handle(struct ks_db *db, struct entry *e)
{
    struct value v = handle(db, entry_key(e));
    v.e = e;
    return v;
}

static void fill(struct ks_db *db, struct slice key, struct value *v)
{
    *v = handle(db, key);
    void **slot = table_find(v->keys, v->hash, &key);
    if (slot) v->e = *slot;
}

static void expire_value(struct value *v)
{
    struct ks_db *db = ks_db_of(v);
    struct keyspace *ks = db->ks;
    struct entry *e = v->e;
    table_visit_first(v->keys, v->hash);
    announce(db, entry_key(e));
    detach(v);
    v->e = NULL;
    ks->stats.expired++;
    if (ks->hooks.expired) ks->hooks.expired(ks->hooks.app, db->id, entry_key(e));
    tell(db, TOUCH_EXPIRED, entry_key(e), e->type);
    end_entry(ks, e, true);
}

void ks_expire_entry(struct ks_db *db, struct entry *e)
{
    struct value v = ks_handle(db, e);
    expire_value(&v);
}

/* The rule for a key past its deadline: may it be seen? */
static bool alive(struct value *v, bool write)
{
    const struct keyspace *ks = ks_db_of(v)->ks;
    if (!ks_is_expired(ks, v->e)) return true;
    if (ks->expire == KS_EXPIRE_KEEP) return true;
    if (ks->expire == KS_EXPIRE_DELETE || (ks->expire == KS_EXPIRE_HIDE_READS && write))
        expire_value(v);
    v->e = NULL;
    return false;
}

static void used(struct keyspace *ks, struct entry *e)
{
    e->access = access_used(&ks->access, e->access, ks->now_ms, &ks->rng) & 0xffffffu;
}

static inline void note_read(struct ks_db *db, struct slice key, bool found, unsigned flags)
{
    struct keyspace *ks = db->ks;
    if (found) {
        ks->stats.hits++;
    } else {
        ks->stats.misses++;
        if (ks->hooks.missed && !(flags & KS_NO_EVENT))
            ks->hooks.missed(ks->hooks.app, db->id, key);
    }
}

bool ks_read(struct ks_db *db, struct slice key, unsigned flags, struct value *v)
{
    struct keyspace *ks = db->ks;
    fill(db, key, v);
    bool found = v->e && alive(v, false);
    if (found && !(flags & KS_NO_TOUCH)) used(ks, v->e);
    if (!(flags & KS_NO_STATS)) note_read(db, key, found, flags);
    return found;
}

void ks_note_read(struct ks_db *db, struct slice key, bool found) { note_read(db, key, found, 0); }

bool ks_write(struct ks_db *db, struct slice key, unsigned flags, struct value *v)
{
    fill(db, key, v);
    table_visit_first(v->keys, v->hash);
    bool found = v->e && alive(v, true);
    if (found && !(flags & KS_NO_TOUCH)) used(db->ks, v->e);
    if (flags & KS_ALSO_READ) note_read(db, key, found, flags);
    announce(db, key);
    return found;
}

/* --- change ------------------------------------------------------------------------------- */

/* A hidden entry past its deadline may still be in the place of a key that is written. */
static void clear_hidden(struct value *v, struct slice key)
{
    enum ks_expire rule = ks_db_of(v)->ks->expire;
    if (rule == KS_EXPIRE_DELETE || rule == KS_EXPIRE_KEEP) return;
    void **slot = table_find(v->keys, v->hash, &key);
    if (!slot) return;
    v->e = *slot;
    ks_remove_value(v, TOUCH_EXPIRED, true);
}

static void add_to_others(struct value *v, struct entry *e)
{
    if (entry_deadline(e) != ENTRY_NO_DEADLINE) table_add(v->deadlines, v->hash, e);
    if (e->flags & ENTRY_TIMED) table_add(v->timed, v->hash, e);
}

static void attach(struct value *v, struct entry *e)
{
    v->e = e;
    table_add(v->keys, v->hash, e);
    add_to_others(v, e);
}

static void exchange(struct value *v, struct entry *e)
{
    if (entry_deadline(v->e) != ENTRY_NO_DEADLINE)
        must(table_remove_entry(v->deadlines, v->hash, v->e));
    if (v->e->flags & ENTRY_TIMED) must(table_remove_entry(v->timed, v->hash, v->e));
    table_replace(v->keys, v->hash, v->e, e);
    v->e = e;
    add_to_others(v, e);
}

void ks_put(struct value *v, struct entry *e, bool keep_access)
{
    struct ks_db *db = ks_db_of(v);
    struct keyspace *ks = db->ks;
    struct entry *old = v->e;
    if (!old) clear_hidden(v, entry_key(e));
    if (!keep_access) /* an overwritten key is as popular as it was */
        e->access = old && ks->access.lfu ? old->access
                                          : access_new(&ks->access, ks->now_ms) & 0xffffffu;
    if (old)
        exchange(v, e);
    else
        attach(v, e);
    tell(db, old ? TOUCH_CHANGED : TOUCH_ADDED, entry_key(e), e->type);
    if (old) end_entry(ks, old, true);
}

void ks_set_string(struct value *v, struct slice key, struct slice s, enum string_form form,
                   int64_t deadline)
{
    if (deadline == KS_KEEP_DEADLINE) deadline = v->e ? entry_deadline(v->e) : ENTRY_NO_DEADLINE;
    if (!value_is(v, VALUE_STRING)) {
        ks_put(v, string_new(key, s, form, deadline), false);
        return;
    }
    string_set(v, s, form);
    value_set_deadline(v, deadline);
    ks_changed(v);
}

bool ks_remove(struct ks_db *db, struct slice key, bool lazy)
{
    struct value v;
    if (!ks_write(db, key, KS_NO_TOUCH, &v)) return false;
    ks_remove_value(&v, TOUCH_REMOVED, lazy);
    return true;
}

void ks_rename(struct value *from, struct ks_db *to_db, struct slice to)
{
    struct ks_db *db = ks_db_of(from);
    struct entry *e = from->e;
    struct value v;
    must(e != NULL);
    if (db == to_db && slice_eq(entry_key(e), to)) return;
    struct str old = str_new(entry_key(e));
    detach(from);
    from->e = NULL;
    int type = e->type;
    e = entry_rekey(e, to);
    tell(db, TOUCH_REMOVED, str_slice(old), type);
    str_free(&old);
    ks_write(to_db, to, KS_NO_TOUCH, &v);
    ks_put(&v, e, true);
}

void ks_copy(const struct value *from, struct ks_db *to_db, struct slice to)
{
    struct value v;
    struct entry *e = entry_copy(from->e, to, entry_deadline(from->e));
    ks_write(to_db, to, KS_NO_TOUCH, &v);
    ks_put(&v, e, true);
}

bool ks_load(struct ks_db *db, uint64_t hash, struct entry *e)
{
    struct value v = handle_at(db, hash);
    struct slice key = entry_key(e);
    if (table_find(v.keys, hash, &key)) return false;
    attach(&v, e);
    return true;
}

void ks_swap(struct keyspace *ks, int a, int b)
{
    struct ks_db *x = ks_db(ks, a), *y = ks_db(ks, b);
    must(x && y);
    if (x == y) return;
    announce(x, NO_KEY);
    announce(y, NO_KEY);
    struct ks_db was = *x;
    *x = *y;
    *y = was;
    x->id = a;
    y->id = b;
    ks_walk_moved(&x->keys);
    ks_walk_moved(&y->keys);
    tell(x, TOUCH_SWAPPED, NO_KEY, -1);
    tell(y, TOUCH_SWAPPED, NO_KEY, -1);
}

/* Moves the content out; the database is empty then. */
static size_t empty_db(struct ks_db *db, struct ks_trash *t)
{
    size_t n = ks_count(db);
    table_free(&db->deadlines);
    table_free(&db->timed);
    if (!ks_walk_takes(&db->keys)) {
        vec_push(&t->tables, db->keys);
        /* What was moved out hashes no more: it is only walked. */
        vec_last(&t->tables).app = NULL;
    }
    db_tables_init(db);
    return n;
}

static void end_trash(const struct ks_hooks *hooks, struct ks_trash *t, bool lazy)
{
    if (lazy && hooks->bury_all)
        hooks->bury_all(hooks->app, t);
    else
        ks_trash_free(t);
}

void ks_bury_table(const struct ks_hooks *hooks, struct table *of)
{
    struct ks_trash *t = mem_zalloc(sizeof(*t));
    vec_push(&t->tables, *of);
    table_init(of, &entry_table, NULL);
    end_trash(hooks, t, true);
}

size_t ks_flush(struct keyspace *ks, int id, bool lazy)
{
    struct ks_trash *t = mem_zalloc(sizeof(*t));
    size_t n = 0;
    for (int i = id < 0 ? 0 : id; i < (id < 0 ? ks->n : id + 1); i++) {
        announce(&ks->dbs[i], NO_KEY);
        n += empty_db(&ks->dbs[i], t);
        tell(&ks->dbs[i], TOUCH_FLUSHED, NO_KEY, -1);
    }
    end_trash(&ks->hooks, t, lazy && n);
    return n;
}

void ks_adopt(struct keyspace *ks, struct keyspace *from, bool lazy)
{
    struct ks_trash *t = mem_zalloc(sizeof(*t));
    must(ks->n == from->n && ks->hash.a == from->hash.a && ks->hash.b == from->hash.b);
    for (int i = 0; i < ks->n; i++) {
        struct ks_db *db = &ks->dbs[i], *other = &from->dbs[i];
        announce(db, NO_KEY);
        empty_db(db, t);
        db->keys = other->keys;
        db->deadlines = other->deadlines;
        db->timed = other->timed;
        ks_walk_moved(&db->keys);
        db->keys.app = db->deadlines.app = db->timed.app = &ks->hash;
        db_tables_init(other);
        tell(db, TOUCH_SWAPPED, NO_KEY, -1);
    }
    end_trash(&ks->hooks, t, lazy);
}

void ks_trash_free(struct ks_trash *t)
{
    for (size_t i = 0; i < t->tables.n; i++) free_entries(&t->tables.at[i]);
    vec_free(&t->tables);
    mem_free(t);
}

/* --- deadlines ---------------------------------------------------------------------------- */

void ks_set_deadline(struct value *v, int64_t deadline)
{
    value_set_deadline(v, deadline);
    ks_changed(v);
}

bool ks_clear_deadline(struct value *v)
{
    if (ks_deadline(v) == ENTRY_NO_DEADLINE) return false;
    ks_set_deadline(v, ENTRY_NO_DEADLINE);
    return true;
}

/* --- the whole ---------------------------------------------------------------------------- */

struct entry *ks_random(struct ks_db *db)
{
    struct keyspace *ks = db->ks;
    for (int i = 0;; i++) {
        struct entry *e = table_random(&db->keys, &ks->rng);
        if (!e || !ks_is_expired(ks, e) || ks->expire == KS_EXPIRE_KEEP) return e;
        if (ks->expire == KS_EXPIRE_DELETE)
            ks_expire_entry(db, e);
        else if (i >= RANDOM_TRIES)
            return ks_deadlines(db) == ks_count(db) ? e : NULL; /* as Redis: better than none */
    }
}

void ks_each(struct ks_db *db, bool (*fn)(void *app, struct entry *e), void *app)
{
    struct table_iter it;
    table_iter_start(&it, &db->keys);
    for (struct entry *e; (e = table_iter_next(&it));)
        if (!fn(app, e)) break;
    table_iter_end(&it);
}

int64_t ks_idle_seconds(const struct keyspace *ks, const struct entry *e)
{
    return access_idle_seconds(e->access, ks->now_ms);
}

uint32_t ks_frequency(const struct keyspace *ks, const struct entry *e)
{
    return access_frequency(&ks->access, e->access, ks->now_ms);
}

size_t ks_tables_mem(const struct keyspace *ks)
{
    size_t n = sizeof(*ks) + (size_t)ks->n * sizeof(*ks->dbs);
    for (int i = 0; i < ks->n; i++)
        n += table_mem(&ks->dbs[i].keys) + table_mem(&ks->dbs[i].deadlines) +
             table_mem(&ks->dbs[i].timed);
    return n;
}

size_t ks_key_mem(const struct value *v, size_t samples)
{
    size_t slots = sizeof(void *) + 1;
    return value_mem(v->e, samples) + slots * (ks_deadline(v) != ENTRY_NO_DEADLINE ? 2 : 1);
}

void ks_reserve(struct ks_db *db, size_t keys, size_t deadlines)
{
    table_reserve(&db->keys, keys);
    table_reserve(&db->deadlines, deadlines);
}

bool ks_step(struct keyspace *ks, size_t n)
{
    bool more = false;
    for (int i = 0; i < ks->n; i++) {
        more |= table_step(&ks->dbs[i].keys, n);
        more |= table_step(&ks->dbs[i].deadlines, n);
        more |= table_step(&ks->dbs[i].timed, n);
    }
    return more;
}

void ks_hold(struct keyspace *ks, bool on)
{
    ks->access.frozen = on;
    for (int i = 0; i < ks->n; i++) {
        table_hold(&ks->dbs[i].keys, on);
        table_hold(&ks->dbs[i].deadlines, on);
        table_hold(&ks->dbs[i].timed, on);
    }
}
