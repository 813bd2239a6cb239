#include <math.h>

#include "core/base/num.h"
#include "core/rdb/values.h"
#include "core/types/zset.h"

/* Old scores: one byte of length and text, or one of these. */
enum { SCORE_NAN = 253, SCORE_INF = 254, SCORE_MINUS_INF = 255 };

typedef bool score_reader(struct rdb_in *in, double *score);

static bool get_text_score(struct rdb_in *in, double *score)
{
    uint8_t n;
    const char *p;
    if (!rdb_get_byte(in, &n)) return false;
    if (n == SCORE_INF || n == SCORE_MINUS_INF) {
        *score = n == SCORE_INF ? (double)INFINITY : -(double)INFINITY;
        return true;
    }
    if (n == SCORE_NAN) return rdb_in_fail(in, ERR_FORMAT, "a sorted set's score is no number");
    if (!rdb_get(in, n, &p)) return false;
    if (num_to_double(slice_of(p, n), score)) return true;
    return rdb_in_fail(in, ERR_FORMAT, "a sorted set's score is no number");
}

static bool get_binary_score(struct rdb_in *in, double *score)
{
    uint64_t bits;
    if (!rdb_get_u64(in, &bits)) return false;
    memcpy(score, &bits, 8);
    return !isnan(*score) || rdb_in_fail(in, ERR_FORMAT, "a sorted set's score is no number");
}

#define FEW 128 /* bytes of a name that are kept on the stack */

/* The name is copied: reading on may move what the input lends. */
static bool load_member(struct rdb_in *in, struct value *v, const struct type_limits *l,
                        score_reader *get_score)
{
    struct slice name;
    char few[FEW];
    struct str copy = { NULL, 0 };
    double score;
    if (!rdb_get_string(in, &name)) return false;
    if (name.n > FEW) copy = str_new(name);
    if (!copy.p && name.n) memcpy(few, name.p, name.n);
    name.p = copy.p ? copy.p : few;
    bool ok = get_score(in, &score);
    if (ok && zset_add(v, score, name, ZSET_NX, NULL, l) != ZSET_ADDED)
        ok = rdb_in_fail(in, ERR_FORMAT, "a sorted set has a member twice");
    str_free(&copy);
    return ok;
}

static bool begin(struct rdb_in *in, struct rdb_building *b)
{
    if (b->begun) return true;
    if (!rdb_get_len(in, &b->left, NULL)) return false;
    rdb_in_commit(in);
    b->begun = true;
    size_t hint = b->left < RDB_EXPECT_MAX ? (size_t)b->left : RDB_EXPECT_MAX;
    if (hint) b->part = zset_new(b->key, SLICE(""), hint, b->deadline, b->limits);
    return true;
}

static enum rdb_build load_members(struct rdb_in *in, struct rdb_building *b,
                                   score_reader *get_score)
{
    if (!begin(in, b)) return rdb_build_ended(in);
    struct value v = { .e = b->part };
    while (b->left) {
        if (!load_member(in, &v, b->limits, get_score)) return rdb_build_ended(in);
        if (!rdb_build_next(in, b)) break;
    }
    if (b->left) return RDB_PART;
    b->e = b->part;
    b->part = NULL;
    return RDB_BUILT;
}

enum rdb_build rdb_load_zset(struct rdb_in *in, struct rdb_building *b)
{
    return load_members(in, b, get_text_score);
}

enum rdb_build rdb_load_zset_2(struct rdb_in *in, struct rdb_building *b)
{
    return load_members(in, b, get_binary_score);
}

enum rdb_build rdb_load_zset_listpack(struct rdb_in *in, struct rdb_building *b)
{
    struct slice s;
    size_t n;
    if (!rdb_get_string(in, &s)) return rdb_build_ended(in);
    bool sound = packed_valid(s, true, &n) && n % 2 == 0;
    if (sound && n) b->e = zset_new_packed(b->key, packed_from_bytes(s), b->deadline, b->limits);
    if (sound && (b->e || !n)) return RDB_BUILT;
    rdb_in_fail(in, ERR_FORMAT, "Zset listpack integrity check failed.");
    return RDB_BROKEN;
}

enum rdb_type rdb_code_of_zset(const struct entry *e)
{
    return zset_is_compact(e) ? RDB_ZSET_LISTPACK : RDB_ZSET_2;
}

/* From the greatest to the least, as the reference does. */
void rdb_save_zset(struct rdb_out *o, const struct entry *e)
{
    struct zset_iter it;
    struct zset_item item;
    if (zset_is_compact(e)) {
        struct packed *p = zset_to_packed(e);
        rdb_put_string(o, packed_bytes(p));
        packed_free(p);
        return;
    }
    rdb_put_len(o, zset_count(e));
    zset_iter_start(&it, e, zset_count(e) - 1, true);
    while (zset_iter_next(&it, &item)) {
        uint64_t bits;
        memcpy(&bits, &item.score, 8);
        rdb_put_string(o, item.member);
        rdb_put_u64(o, bits);
    }
}
