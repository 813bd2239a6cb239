/* Fields of hashes past their deadlines: the rule of look-ups, and the removal. */
#include "core/base/buf.h"
#include "core/base/must.h"
#include "core/db/keyspace.h"
#include "core/types/hash.h"

/* Removes fields that lie in the hash itself: they are copied first. */
static void expire(struct value *v, size_t n, const struct slice *fields)
{
    struct ks_db *db = ks_db_of(v);
    struct keyspace *ks = db->ks;
    struct buf names = { 0 };
    table_visit_first(v->keys, v->hash);
    touch_before(&ks->touch, db->id, entry_key(v->e));
    if (ks->hooks.fields_expired)
        ks->hooks.fields_expired(ks->hooks.app, db->id, entry_key(v->e), n, fields,
                                 n == hash_count(v->e));
    size_t size[KS_FIELDS_A_STEP], at = 0;
    for (size_t i = 0; i < n; i++) {
        buf_puts(&names, fields[i]);
        size[i] = fields[i].n;
    }
    for (size_t i = 0; i < n; at += size[i++])
        must(hash_remove(v, slice_of(names.data + at, size[i])));
    buf_free(&names);
    ks->stats.expired_fields += n;
    if (hash_count(v->e))
        ks_changed(v);
    else
        ks_remove_value(v, TOUCH_EXPIRED, true);
}

bool ks_field_seen(struct value *v, struct slice field, bool write)
{
    const struct keyspace *ks = ks_db_of(v)->ks;
    int64_t deadline = hash_deadline(v->e, field);
    if (deadline == HASH_NO_DEADLINE || deadline >= ks->now_ms) return true;
    if (ks->expire == KS_EXPIRE_KEEP) return true;
    if (ks->expire == KS_EXPIRE_DELETE || (ks->expire == KS_EXPIRE_HIDE_READS && write))
        expire(v, 1, &field);
    return false;
}

size_t ks_expire_fields(struct ks_db *db, struct entry *e)
{
    struct hash_timed_field past[KS_FIELDS_A_STEP];
    struct slice fields[KS_FIELDS_A_STEP];
    size_t n = hash_earliest(e, db->ks->now_ms, past, KS_FIELDS_A_STEP);
    for (size_t i = 0; i < n; i++)
        fields[i] = past[i].field;
    struct value v = ks_handle(db, e);
    if (n) expire(&v, n, fields);
    return n;
}
