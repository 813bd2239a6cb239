#include "core/base/must.h"
#include "core/rdb/values.h"
#include "core/types/hash.h"
#include "core/types/set.h"
#include "core/types/unique.h"

/* --- elements in steps -------------------------------------------------------------------- */

bool rdb_build_next(struct rdb_in *in, struct rdb_building *b)
{
    rdb_in_commit(in);
    return --b->left % RDB_ELEMENTS_A_STEP != 0;
}

void rdb_abandon_entry(struct rdb_building *b)
{
    if (b->part) entry_free(b->part);
    b->part = NULL;
}

enum rdb_build rdb_build_done(struct rdb_building *b)
{
    b->e = b->part;
    b->part = NULL;
    return RDB_BUILT;
}

bool rdb_build_begin(struct rdb_in *in, struct rdb_building *b)
{
    if (b->begun) return true;
    if (!rdb_get_len(in, &b->left, NULL)) return false;
    rdb_in_commit(in);
    b->begun = true;
    return true;
}

static enum rdb_build damaged(struct rdb_in *in, const char *what)
{
    rdb_in_fail(in, ERR_FORMAT, "%s", what);
    return RDB_BROKEN;
}

/* --- hashes ------------------------------------------------------------------------------- */

/* One field and its value. */
static bool load_pair(struct rdb_in *in, struct value *v, const struct type_limits *l)
{
    struct slice s;
    if (!rdb_get_string(in, &s)) return false;
    struct str field = str_new(s); /* the next string may take its place */
    bool ok = rdb_get_string(in, &s);
    if (ok && !hash_put(v, str_slice(field), s, l))
        ok = rdb_in_fail(in, ERR_FORMAT, "a hash has a field twice");
    str_free(&field);
    return ok;
}

enum rdb_build rdb_load_hash(struct rdb_in *in, struct rdb_building *b)
{
    if (!rdb_build_begin(in, b)) return rdb_build_ended(in);
    struct value v = { .e = b->part };
    if (!v.e && b->left) {
        b->part = v.e = hash_new(b->key, b->deadline);
        hash_expect(&v, rdb_build_expected(b), b->limits);
    }
    while (b->left) {
        bool ok = load_pair(in, &v, b->limits);
        b->part = v.e; /* it may have moved */
        if (!ok) return rdb_build_ended(in);
        if (!rdb_build_next(in, b)) break;
    }
    return b->left ? RDB_PART : rdb_build_done(b);
}

enum rdb_build rdb_load_hash_listpack(struct rdb_in *in, struct rdb_building *b)
{
    struct slice s;
    size_t n;
    if (!rdb_get_string(in, &s)) return rdb_build_ended(in);
    if (!packed_valid(s, true, &n) || n % 2)
        return damaged(in, "Hash listpack integrity check failed.");
    if (!n) return RDB_BUILT;
    struct packed *p = packed_from_bytes(s);
    if (!packed_names_differ(p, 2)) {
        packed_free(p);
        return damaged(in, "a hash has a field twice");
    }
    b->e = hash_new_packed(b->key, p, b->deadline, b->limits);
    return RDB_BUILT;
}

enum rdb_type rdb_code_of_hash(const struct entry *e)
{
    if (hash_is_timed(e)) return rdb_code_of_hash_timed(e);
    return hash_is_compact(e) ? RDB_HASH_LISTPACK : RDB_HASH;
}

void rdb_save_hash(struct rdb_out *o, const struct entry *e)
{
    struct hash_iter it;
    struct hash_pair p;
    if (hash_is_timed(e)) {
        rdb_save_hash_timed(o, e);
        return;
    }
    if (hash_is_compact(e)) {
        struct packed *made;
        rdb_put_string(o, hash_packed_bytes(e, &made));
        packed_free(made);
        return;
    }
    rdb_put_len(o, hash_count(e));
    hash_iter_start(&it, e);
    while (hash_iter_next(&it, &p)) {
        rdb_put_string(o, p.field);
        rdb_put_string(o, p.value);
    }
    hash_iter_end(&it);
}

/* --- sets --------------------------------------------------------------------------------- */

enum rdb_build rdb_load_set(struct rdb_in *in, struct rdb_building *b)
{
    struct slice s;
    if (!rdb_build_begin(in, b)) return rdb_build_ended(in);
    if (!b->part && b->left)
        b->part = set_new(b->key, SLICE("0"), rdb_build_expected(b), b->deadline, b->limits);
    struct value v = { .e = b->part };
    while (b->left) {
        if (!rdb_get_string(in, &s)) return rdb_build_ended(in);
        bool added = set_add(&v, s, b->limits);
        b->part = v.e; /* it may have moved */
        if (!added) return damaged(in, "a set has a member twice");
        if (!rdb_build_next(in, b)) break;
    }
    return b->left ? RDB_PART : rdb_build_done(b);
}

enum rdb_build rdb_load_set_intset(struct rdb_in *in, struct rdb_building *b)
{
    struct slice s;
    if (!rdb_get_string(in, &s)) return rdb_build_ended(in);
    if (!intset_valid(s, true)) return damaged(in, "Intset integrity check failed.");
    b->e = set_new_intset(b->key, intset_from_bytes(s), b->deadline, b->limits);
    return RDB_BUILT;
}

enum rdb_build rdb_load_set_listpack(struct rdb_in *in, struct rdb_building *b)
{
    struct slice s;
    size_t n;
    if (!rdb_get_string(in, &s)) return rdb_build_ended(in);
    if (!packed_valid(s, true, &n)) return damaged(in, "Set listpack integrity check failed.");
    if (!n) return RDB_BUILT;
    struct packed *p = packed_from_bytes(s);
    if (!packed_names_differ(p, 1)) {
        packed_free(p);
        return damaged(in, "a set has a member twice");
    }
    b->e = set_new_packed(b->key, p, b->deadline, b->limits);
    return RDB_BUILT;
}

/* Redis 7.0 knows no set in a listpack: such ones are written member by member. */
enum rdb_type rdb_code_of_set(const struct entry *e)
{
    return set_is_intset(e) ? RDB_SET_INTSET : RDB_SET;
}

void rdb_save_set(struct rdb_out *o, const struct entry *e)
{
    struct set_iter it;
    struct slice s;
    char tmp[SET_TMP];
    if (set_is_intset(e)) {
        struct intset *made;
        rdb_put_string(o, set_intset_bytes(e, &made));
        intset_free(made);
        return;
    }
    rdb_put_len(o, set_count(e));
    set_iter_start(&it, e);
    while (set_iter_next(&it, tmp, &s))
        rdb_put_string(o, s);
    set_iter_end(&it);
}
