/* Hashes with deadlines of fields, as Redis 7.4 writes them:
 *
 *     HASH_METADATA     8 bytes earliest deadline (ms), length fields, for each:
 *                       length (0: no deadline, else deadline - earliest + 1), string, string
 *     HASH_LISTPACK_EX  8 bytes earliest deadline, string listpack of field, value, deadline or 0;
 *                       by deadlines, those without any at the end
 * The forms of its release candidates lack the 8 bytes, and their deadlines count from 0. */
#include "core/base/must.h"
#include "core/rdb/values.h"
#include "core/types/hash.h"
#include "core/types/unique.h"
#include "core/types/zset.h"

static enum rdb_build damaged(struct rdb_in *in, const char *what)
{
    rdb_in_fail(in, ERR_FORMAT, "%s", what);
    return RDB_BROKEN;
}

/* --- the big form ------------------------------------------------------------------------- */

static bool get_base(struct rdb_in *in, struct rdb_building *b)
{
    uint64_t ms;
    if (b->begun) return true;
    if (!rdb_get_u64(in, &ms)) return false;
    if (ms > (uint64_t)HASH_DEADLINE_MAX)
        return rdb_in_fail(in, ERR_FORMAT, "a hash's earliest deadline is out of range");
    b->base = (int64_t)ms;
    return true;
}

/* HASH_NO_DEADLINE for none. */
static bool get_deadline(struct rdb_in *in, const struct rdb_building *b, int64_t *out)
{
    uint64_t n;
    if (!rdb_get_len(in, &n, NULL)) return false;
    *out = HASH_NO_DEADLINE;
    if (!n) return true;
    if (n > (uint64_t)(HASH_DEADLINE_MAX - b->base))
        return rdb_in_fail(in, ERR_FORMAT, "a field's deadline is out of range");
    *out = b->base + (int64_t)n - (b->base ? 1 : 0);
    return true;
}

static bool load_field(struct rdb_in *in, struct value *v, const struct rdb_building *b)
{
    int64_t deadline;
    struct slice s;
    if (!get_deadline(in, b, &deadline) || !rdb_get_string(in, &s)) return false;
    struct str field = str_new(s); /* the next string may take its place */
    bool ok = rdb_get_string(in, &s);
    if (ok && !hash_put(v, str_slice(field), s, b->limits))
        ok = rdb_in_fail(in, ERR_FORMAT, "a hash has a field twice");
    if (ok && deadline != HASH_NO_DEADLINE)
        hash_set_deadline(v, str_slice(field), deadline, b->limits);
    str_free(&field);
    return ok;
}

enum rdb_build rdb_load_hash_timed_old(struct rdb_in *in, struct rdb_building *b)
{
    if (!rdb_build_begin(in, b)) return rdb_build_ended(in);
    struct value v = { .e = b->part };
    if (!v.e && b->left) {
        b->part = v.e = hash_new(b->key, b->deadline);
        hash_expect(&v, rdb_build_expected(b), b->limits);
    }
    while (b->left) {
        bool ok = load_field(in, &v, b);
        b->part = v.e; /* it may have moved */
        if (!ok) return rdb_build_ended(in);
        if (!rdb_build_next(in, b)) break;
    }
    return b->left ? RDB_PART : rdb_build_done(b);
}

enum rdb_build rdb_load_hash_timed(struct rdb_in *in, struct rdb_building *b)
{
    return get_base(in, b) ? rdb_load_hash_timed_old(in, b) : rdb_build_ended(in);
}

static void save_big(struct rdb_out *o, const struct entry *e, int64_t base)
{
    struct hash_iter it;
    struct hash_pair p;
    rdb_put_len(o, hash_count(e));
    hash_iter_start(&it, e);
    while (hash_iter_next(&it, &p)) {
        int64_t at = hash_deadline(e, p.field);
        rdb_put_len(o, at == HASH_NO_DEADLINE ? 0 : (uint64_t)(at - base) + 1);
        rdb_put_string(o, p.field);
        rdb_put_string(o, p.value);
    }
    hash_iter_end(&it);
}

/* --- the small form ----------------------------------------------------------------------- */

/* False: a deadline is none. */
static bool put_triples(struct value *v, const struct packed *p, const struct type_limits *l)
{
    char tmp[2][PACKED_TMP];
    int64_t deadline;
    for (size_t at = packed_first(p); at; at = packed_next(p, at)) {
        struct slice field = packed_text(p, at, tmp[0]);
        at = packed_next(p, at);
        hash_put(v, field, packed_text(p, at, tmp[1]), l);
        at = packed_next(p, at);
        if (!packed_int(p, at, &deadline) || deadline < 0 || deadline > HASH_DEADLINE_MAX)
            return false;
        if (deadline) hash_set_deadline(v, field, deadline, l);
    }
    return true;
}

static bool build_small(struct rdb_building *b, struct slice bytes)
{
    struct packed *p = packed_from_bytes(bytes);
    struct value v = { .e = hash_new(b->key, b->deadline) };
    hash_expect(&v, packed_count(p) / 3, b->limits);
    bool ok = packed_names_differ(p, 3) && put_triples(&v, p, b->limits);
    packed_free(p);
    if (ok)
        b->e = v.e;
    else
        entry_free(v.e);
    return ok;
}

enum rdb_build rdb_load_hash_listpack_ex_old(struct rdb_in *in, struct rdb_building *b)
{
    struct slice s;
    size_t n;
    if (!rdb_get_string(in, &s)) return rdb_build_ended(in);
    if (!packed_valid(s, true, &n) || n % 3)
        return damaged(in, "Hash listpack integrity check failed.");
    if (!n || build_small(b, s)) return RDB_BUILT;
    return damaged(in, "a hash has a field twice, or a deadline that is none");
}

enum rdb_build rdb_load_hash_listpack_ex(struct rdb_in *in, struct rdb_building *b)
{
    return get_base(in, b) ? rdb_load_hash_listpack_ex_old(in, b) : rdb_build_ended(in);
}

static void append_triple(struct packed **p, struct slice field, struct slice value, int64_t at)
{
    packed_append(p, field);
    packed_append(p, value);
    packed_append_int(p, at);
}

static void save_small(struct rdb_out *o, const struct entry *e)
{
    struct packed *p = packed_new();
    struct zset_iter timed;
    struct zset_item item;
    struct hash_iter it;
    struct hash_pair pair;
    char tmp[HASH_TMP];
    struct slice value;
    zset_iter_start(&timed, hash_deadlines(e), 0, false);
    while (zset_iter_next(&timed, &item)) {
        must(hash_get(e, item.member, tmp, &value));
        append_triple(&p, item.member, value, (int64_t)item.score);
    }
    hash_iter_start(&it, e);
    while (hash_iter_next(&it, &pair))
        if (hash_deadline(e, pair.field) == HASH_NO_DEADLINE)
            append_triple(&p, pair.field, pair.value, 0);
    hash_iter_end(&it);
    rdb_put_string(o, packed_bytes(p));
    packed_free(p);
}

enum rdb_type rdb_code_of_hash_timed(const struct entry *e)
{
    return hash_is_compact(e) ? RDB_HASH_LISTPACK_EX : RDB_HASH_METADATA;
}

void rdb_save_hash_timed(struct rdb_out *o, const struct entry *e)
{
    struct hash_timed_field first;
    must(hash_earliest(e, INT64_MAX, &first, 1) == 1);
    rdb_put_u64(o, (uint64_t)first.deadline);
    if (hash_is_compact(e))
        save_small(o, e);
    else
        save_big(o, e, first.deadline);
}
