/* keyspace: the databases: keys, values, deadlines.
 *
 * Owns all entries and tables. Knows no client, socket, replication or clock: at the begin of
 * each unit ks_begin() is told the time and what an expired key means now. Pure otherwise.
 *
 * A command's pattern:
 *     struct value v;
 *     if (!ks_write(db, key, 0, &v)) ... the key is missing (v still serves for ks_put etc.)
 *     if (!value_is(&v, VALUE_STRING)) ... wrong type
 *     string_append(&v, s);           the type changes it
 *     ks_changed(&v);                 and the gate (db/touch) hears of it
 * ks_put, ks_set_string, ks_remove and the deadline functions pass the gate themselves. A handle
 * is lent until its key is changed by other means; other keys may be changed meanwhile.
 *
 * Made by the server, outlives its hooks. A `struct ks_db` keeps its address for ever; SWAPDB
 * exchanges the contents. Tests: unit/keyspace, unit/expire, unit/scan. */
#ifndef CORE_DB_KEYSPACE_H
#define CORE_DB_KEYSPACE_H

#include "core/base/hash.h"
#include "core/db/access.h"
#include "core/db/touch.h"
#include "core/types/string.h"
#include "core/types/value.h"

struct keyspace;
struct ks_trash;
struct ks_walk;

/* What a key past its deadline means in the running unit. */
enum ks_expire {
    KS_EXPIRE_DELETE, /* master: a look-up removes it and says so */
    KS_EXPIRE_HIDE,   /* read-only replica, or writes are paused: missing, but left in place */
    KS_EXPIRE_HIDE_READS, /* writable replica: hidden from reads, removed by writes */
    KS_EXPIRE_KEEP,   /* the master's stream, loading: alive */
};

/* What the keyspace asks of its host. Any function may be NULL. */
struct ks_hooks {
    void *app;
    /* A key has just gone because of its deadline (look-up or cycle): the host tells its stream and
     * its listeners. Called after the removal, before the touch. */
    void (*expired)(void *app, int db, struct slice key);
    /* These fields of a hash are about to go because of their deadlines; `last`: with them the key.
     * Called before the removal. */
    void (*fields_expired)(void *app, int db, struct slice key, size_t n,
                           const struct slice *fields, bool last);
    /* A read found nothing (for the "keymiss" notification). */
    void (*missed)(void *app, int db, struct slice key);
    /* Takes a detached entry that is expensive to free; entry_free() on any thread ends it. */
    void (*bury)(void *app, struct entry *e);
    /* Takes flushed databases; ks_trash_free() on any thread ends them. */
    void (*bury_all)(void *app, struct ks_trash *t);
};

struct ks_options {
    int databases;          /* 0 = 16 */
    struct hash_key hash;   /* drawn at start */
    uint64_t seed;          /* for random keys and LFU */
    struct ks_hooks hooks;
};

struct ks_stats {
    uint64_t hits, misses;      /* of reads */
    uint64_t expired, evicted;  /* keys */
    uint64_t expired_fields;    /* of hashes */
};

struct ks_db {
    struct table keys, deadlines; /* the same entries; the second: those with a deadline */
    struct table timed;           /* and again: hashes some of whose fields have one */
    struct keyspace *ks;
    int id;
    int64_t ttl_avg_ms;     /* running estimate, kept by db/expire */
    uint64_t expire_cursor; /* where the expiry cycle goes on */
    uint64_t fields_cursor; /* the same for hashes with field deadlines */
};

struct keyspace {
    struct ks_db *dbs;
    int n;
    enum ks_expire expire;
    int64_t now_ms;
    struct access_policy access; /* the host sets it from maxmemory-policy and the lfu directives */
    struct touch_list touch;
    struct ks_walk *walk;        /* a snapshot under way (db/walk), which sees to itself */
    struct ks_stats stats;       /* the host may reset it */
    struct ks_hooks hooks;
    struct hash_key hash;
    struct rng rng;
};

struct keyspace *ks_new(const struct ks_options *o);
void ks_delete(struct keyspace *ks);
void ks_begin(struct keyspace *ks, int64_t now_ms, enum ks_expire expire);
/* NULL when there is no such database. */
static inline struct ks_db *ks_db(struct keyspace *ks, int64_t id)
{
    return id >= 0 && id < ks->n ? &ks->dbs[id] : NULL;
}

/* --- look-up ------------------------------------------------------------------------------ */
enum ks_flags {
    KS_NO_TOUCH = 1, /* leave the access clock alone (TTL, TYPE, OBJECT, CLIENT NO-TOUCH) */
    KS_NO_STATS = 2, /* count neither hit nor miss, report no miss */
    KS_NO_EVENT = 4, /* count a miss, do not report it */
    KS_ALSO_READ = 8, /* ks_write: count hit or miss as a read does (GETSET, XACK) */
};
/* True when the key exists; fills the handle either way. */
bool ks_read(struct ks_db *db, struct slice key, unsigned flags, struct value *v);
bool ks_write(struct ks_db *db, struct slice key, unsigned flags, struct value *v);
/* A look-up that the host knows the answer of counts as a read. */
void ks_note_read(struct ks_db *db, struct slice key, bool found);
/* Stages for a batch: prefetch all buckets, then all entries, then all children; then run it. */
uint64_t ks_hash(const struct keyspace *ks, struct slice key);
void ks_prefetch(const struct ks_db *db, uint64_t hash);
void ks_prefetch_entry(const struct ks_db *db, uint64_t hash);
void ks_prefetch_child(const struct ks_db *db, uint64_t hash);
/* The entry, expired or not, and nothing is noted: to look at what is behind it. */
const struct entry *ks_peek(const struct ks_db *db, uint64_t hash, struct slice key);
struct ks_db *ks_db_of(const struct value *v);
/* The handle of an entry that is there. */
struct value ks_handle(struct ks_db *db, struct entry *e);

/* --- change ------------------------------------------------------------------------------- */
/* Says that the value behind the handle was changed in place. */
void ks_changed(struct value *v);
/* Takes an entry (made for this very key) and puts it under its key, in place of what the handle
   shows,
 * if anything. The access clock is set to new unless `keep_access`. */
void ks_put(struct value *v, struct entry *e, bool keep_access);
#define KS_KEEP_DEADLINE (-2)
/* SET: create or overwrite, whatever type was there. `key` as given to ks_write. `deadline` in ms,
 * ENTRY_NO_DEADLINE or KS_KEEP_DEADLINE. */
void ks_set_string(struct value *v, struct slice key, struct slice s, enum string_form form,
                   int64_t deadline);
/* Removes what the handle shows and frees it; `lazy` hands big values to hooks.bury
 * (very big ones go there in any case). */
void ks_remove_value(struct value *v, enum touch_kind kind, bool lazy);
/* Look up for write and remove: was it there? */
bool ks_remove(struct ks_db *db, struct slice key, bool lazy);
/* Moves value, deadline and access clock to another name, perhaps in another database, replacing
 * what is there. `from` must exist. The key slices must not lie inside the moved entries. */
void ks_rename(struct value *from, struct ks_db *to_db, struct slice to);
/* A deep copy with its deadline, in place of what is there. */
void ks_copy(const struct value *from, struct ks_db *to_db, struct slice to);
void ks_swap(struct keyspace *ks, int a, int b);
/* Empties a database (-1: all) and gives the number of keys; `lazy` frees by hooks.bury_all. */
size_t ks_flush(struct keyspace *ks, int id, bool lazy);
void ks_trash_free(struct ks_trash *t);
/* Ends a table of entries that is no database's any more. */
void ks_bury_table(const struct ks_hooks *hooks, struct table *t);
/* Puts all databases of `from` (same number, same hash key, no hooks needed) in the place of ours,
 * which are freed as by ks_flush; `from` is left empty. A snapshot that was loaded beside. */
void ks_adopt(struct keyspace *ks, struct keyspace *from, bool lazy);
/* Loading: puts an entry under its key, of which `hash` is the hash; false, and the entry stays the
 * caller's, when the key is there already. Neither gate nor hooks hear of it. */
bool ks_load(struct ks_db *db, uint64_t hash, struct entry *e);

/* --- deadlines ---------------------------------------------------------------------------- */
static inline int64_t ks_deadline(const struct value *v) { return entry_deadline(v->e); }
void ks_set_deadline(struct value *v, int64_t deadline_ms);
bool ks_clear_deadline(struct value *v); /* false when there was none */
static inline bool ks_is_expired(const struct keyspace *ks, const struct entry *e)
{
    int64_t d = entry_deadline(e);
    return d != ENTRY_NO_DEADLINE && d < ks->now_ms;
}
/* Removes a key whose deadline has passed: hooks.expired, then the touch. */
void ks_expire_entry(struct ks_db *db, struct entry *e);

/* --- deadlines of fields ------------------------------------------------------------------ */
/* Those of `v`, a hash. A change of them is the caller's to tell, by ks_changed. */
#define KS_FIELDS_A_STEP 64
/* The rule of look-ups for one field: may it be seen? Where a look-up removes what is past its
 * deadline the field goes, and with the last one the key (v->e is NULL then). */
bool ks_field_seen(struct value *v, struct slice field, bool write);
/* Fields whose deadline is before this instant are to be passed over by walks. */
static inline int64_t ks_fields_from(const struct keyspace *ks)
{
    return ks->expire == KS_EXPIRE_KEEP ? INT64_MIN : ks->now_ms;
}
/* Removes up to KS_FIELDS_A_STEP fields past their deadlines, the earliest first; the number. */
size_t ks_expire_fields(struct ks_db *db, struct entry *e);

/* --- the whole ---------------------------------------------------------------------------- */
static inline size_t ks_count(const struct ks_db *db) { return table_count(&db->keys); }
static inline size_t ks_timed(const struct ks_db *db) { return table_count(&db->timed); }
static inline size_t ks_deadlines(const struct ks_db *db) { return table_count(&db->deadlines); }
/* An entry that is not expired, NULL when there is none; where expired keys are only hidden and all
   have a deadline, perhaps an expired one. */
struct entry *ks_random(struct ks_db *db);
/* Each entry once, in no order; `fn` may remove or change the entry it is given. False stops. */
void ks_each(struct ks_db *db, bool (*fn)(void *app, struct entry *e), void *app);
int64_t ks_idle_seconds(const struct keyspace *ks, const struct entry *e);
uint32_t ks_frequency(const struct keyspace *ks, const struct entry *e);
/* Bytes of all tables, without the entries. */
size_t ks_tables_mem(const struct keyspace *ks);
/* Bytes that a key costs, as MEMORY USAGE says: entry, value, its share of the table. */
size_t ks_key_mem(const struct value *v, size_t samples);
/* Room for that many keys (RESIZEDB). */
void ks_reserve(struct ks_db *db, size_t keys, size_t deadlines);
/* Moves buckets of tables that grow or shrink; true while there is more. */
bool ks_step(struct keyspace *ks, size_t buckets);
/* A forked child is alive: move as little memory as possible, and leave access clocks. */
void ks_hold(struct keyspace *ks, bool on);

#endif
