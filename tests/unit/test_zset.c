#include <math.h>
#include <stdio.h>

#include "core/base/mem.h"
#include "core/types/zset.h"
#include "tests/unit/check_main.h"

/* --- the plain model: an array in order ----------------------------------------------------- */

#define MODEL_MAX 3000
#define NAME_MAX_SIZE 64

struct pair {
    double score;
    char name[NAME_MAX_SIZE];
};

struct model {
    struct pair at[MODEL_MAX];
    size_t n;
};

static struct slice name_of(const struct pair *p) { return slice_z(p->name); }

static size_t model_find(const struct model *m, const char *name)
{
    size_t i = 0;
    while (i < m->n && strcmp(m->at[i].name, name) != 0) i++;
    return i;
}

static void model_remove(struct model *m, size_t i)
{
    m->n--;
    memmove(m->at + i, m->at + i + 1, (m->n - i) * sizeof(m->at[0]));
}

static void model_add(struct model *m, double score, const char *name)
{
    size_t i = 0;
    while (i < m->n && (m->at[i].score < score ||
                        (m->at[i].score == score && strcmp(m->at[i].name, name) < 0)))
        i++;
    memmove(m->at + i + 1, m->at + i, (m->n - i) * sizeof(m->at[0]));
    m->at[i].score = score;
    text_copy(m->at[i].name, sizeof(m->at[i].name), name);
    m->n++;
}

static size_t model_below(const struct model *m, double score, bool after)
{
    size_t i = 0;
    while (i < m->n && (after ? m->at[i].score <= score : m->at[i].score < score)) i++;
    return i;
}

/* --- equality ------------------------------------------------------------------------------- */

static void same(const struct value *v, const struct model *m)
{
    struct zset_iter it;
    struct zset_item item;
    size_t i = 0;
    ck_assert_uint_eq(zset_count(v->e), m->n);
    zset_iter_start(&it, v->e, 0, false);
    for (; zset_iter_next(&it, &item); i++) {
        ck_assert(item.score == m->at[i].score);
        ck_assert(slice_eq(item.member, name_of(&m->at[i])));
    }
    ck_assert_uint_eq(i, m->n);
    if (m->n) zset_iter_start(&it, v->e, m->n - 1, true);
    while (i-- && zset_iter_next(&it, &item))
        ck_assert(slice_eq(item.member, name_of(&m->at[i])));
}

static void same_bounds(const struct value *v, const struct model *m, struct rng *r)
{
    struct zset_scores s = { .min = (double)rng_below(r, 40) - 5, .min_open = rng_below(r, 2),
                             .max_open = rng_below(r, 2) };
    s.max = s.min + (double)rng_below(r, 20);
    size_t from = model_below(m, s.min, s.min_open), to = model_below(m, s.max, !s.max_open);
    struct zset_span got = zset_by_score(v->e, &s);
    ck_assert_uint_eq(got.n, to > from ? to - from : 0);
    if (got.n) ck_assert_uint_eq(got.start, from);
}

static void same_place(const struct value *v, const struct model *m, const char *name)
{
    size_t i = model_find(m, name), rank;
    double score, other;
    ck_assert(zset_score(v->e, slice_z(name), &score) == (i < m->n));
    ck_assert(zset_rank(v->e, slice_z(name), &rank, &other) == (i < m->n));
    if (i == m->n) return;
    ck_assert_uint_eq(rank, i);
    ck_assert(score == m->at[i].score && other == score);
}

/* --- random changes ------------------------------------------------------------------------- */

static double some_score(struct rng *r)
{
    static const double odd[] = { INFINITY, -INFINITY, 0.1, 1e300, -2.5, 4503599627370497.0, 1e17 };
    if (rng_below(r, 10) == 0) return odd[rng_below(r, sizeof(odd) / sizeof(odd[0]))];
    if (rng_below(r, 3) == 0) { /* steps of each width, from below 0 too */
        double wide = (double)(rng_next(r) >> (11 + rng_below(r, 53)));
        return rng_below(r, 4) ? wide : -wide;
    }
    if (rng_below(r, 8) == 0) return (double)rng_below(r, 1000) / 8;
    return (double)rng_below(r, 30);
}

static void one_add(struct value *v, struct model *m, struct rng *r, const char *name,
                    const struct type_limits *l)
{
    static const unsigned hows[] = { 0, 0, 0, ZSET_NX, ZSET_XX, ZSET_GT, ZSET_LT, ZSET_INCR,
                                     ZSET_XX | ZSET_GT };
    unsigned how = hows[rng_below(r, sizeof(hows) / sizeof(hows[0]))];
    double score = some_score(r), result = 0, want = score;
    size_t i = model_find(m, name);
    bool there = i < m->n;
    double old = there ? m->at[i].score : 0;
    if (there && how & ZSET_INCR) want += old;
    enum zset_did expect = there ? (want == old ? ZSET_SAME : ZSET_MOVED) : ZSET_ADDED;
    if ((there && how & ZSET_NX) || (!there && how & ZSET_XX)) expect = ZSET_REFUSED;
    if (there && ((how & ZSET_GT && want <= old) || (how & ZSET_LT && want >= old)))
        expect = ZSET_REFUSED;
    if (isnan(want)) expect = ZSET_NAN;
    if (!there && expect == ZSET_ADDED && m->n == MODEL_MAX) return;
    ck_assert_int_eq(zset_add(v, score, slice_z(name), how, &result, l), expect);
    if (expect == ZSET_MOVED) model_remove(m, i);
    if (expect == ZSET_MOVED || expect == ZSET_ADDED) {
        ck_assert(result == want);
        model_add(m, want, name);
    }
}

static void drop_span(struct value *v, struct model *m, struct rng *r)
{
    if (!m->n) return;
    struct zset_span s = { rng_below(r, m->n), 0 };
    s.n = rng_below(r, m->n - s.start + 1);
    if (rng_below(r, 10)) s.n = s.n > 40 ? 40 : s.n;
    zset_remove_span(v, s);
    for (size_t i = 0; i < s.n; i++) model_remove(m, s.start);
}

/* The empty one, numbers, and lengths on both sides of 31. */
static void name_make(char name[NAME_MAX_SIZE], int k)
{
    static const int widths[] = { 1, 1, 8, 30, 31, 32, 60 };
    if (k == 0)
        name[0] = 0;
    else
        snprintf(name, NAME_MAX_SIZE, "%s%0*d", k % 2 ? "" : "n", widths[k % 7], k);
}

static void walk(uint64_t seed, const struct type_limits *l, size_t names, int steps)
{
    struct rng r;
    struct value v = { 0 };
    struct model *m = mem_zalloc(sizeof(*m));
    rng_seed(&r, seed);
    v.e = zset_new(SLICE("key"), SLICE("x"), 1, ENTRY_NO_DEADLINE, l);
    for (int step = 0; step < steps; step++) {
        char name[NAME_MAX_SIZE];
        int k = (int)rng_below(&r, names);
        name_make(name, k);
        unsigned what = (unsigned)rng_below(&r, 100);
        if (what < 75) {
            one_add(&v, m, &r, name, l);
        } else if (what < 98) {
            size_t i = model_find(m, name);
            ck_assert(zset_remove(&v, slice_z(name)) == (i < m->n));
            if (i < m->n) model_remove(m, i);
        } else {
            drop_span(&v, m, &r);
        }
        same_bounds(&v, m, &r);
        same_place(&v, m, name);
        if (step % 50 == 0) same(&v, m);
    }
    struct value copy = { .e = entry_copy(v.e, SLICE("other"), ENTRY_NO_DEADLINE) };
    same(&copy, m);
    entry_free(copy.e);
    entry_free(v.e);
    mem_free(m);
}

START_TEST(small_form)
{
    struct type_limits l = TYPE_LIMITS_DEFAULT;
    l.zset_max_listpack_entries = 1000;
    for (uint64_t seed = 1; seed <= 4; seed++) walk(seed, &l, 40, 4000);
}
END_TEST

START_TEST(big_form)
{
    struct type_limits l = TYPE_LIMITS_DEFAULT;
    l.zset_max_listpack_entries = 0;
    walk(11, &l, 10, 4000);
    walk(12, &l, 200, 8000);
    walk(13, &l, 1400, 20000);
}
END_TEST

START_TEST(both_forms)
{
    for (uint64_t seed = 21; seed <= 23; seed++) walk(seed, NULL, 150, 4000);
}
END_TEST

static void fill(struct value *v, int n, int step, const struct type_limits *l)
{
    for (int i = 0; i < n; i++) {
        char name[24];
        int k = step > 0 ? i : n - 1 - i;
        snprintf(name, sizeof(name), "%06d", k);
        zset_add(v, step ? k : 0, slice_z(name), 0, NULL, l);
    }
}

/* In order and against it: nodes are filled, and a hundred thousand stay whole. */
START_TEST(in_order)
{
    for (int step = -1; step <= 1; step++) {
        struct value v = { .e = zset_new(SLICE("k"), SLICE("x"), 1, ENTRY_NO_DEADLINE, NULL) };
        fill(&v, 100000, step, NULL);
        ck_assert_uint_eq(zset_count(v.e), 100000);
        for (size_t i = 0; i < 100000; i += 777) {
            struct zset_iter it;
            struct zset_item item;
            int64_t k;
            zset_iter_start(&it, v.e, i, false);
            ck_assert(zset_iter_next(&it, &item));
            size_t lead = 0;
            while (lead < 5 && item.member.p[lead] == '0') lead++;
            ck_assert(num_to_i64(slice_of(item.member.p + lead, 6 - lead), &k));
            ck_assert_uint_eq((size_t)k, i);
        }
        size_t per = value_mem(v.e, 0) / 100000;
        ck_assert_uint_lt(per, 80);
        entry_free(v.e);
    }
}
END_TEST

START_TEST(names_in_order)
{
    struct value v = { .e = zset_new(SLICE("k"), SLICE("x"), 1000, ENTRY_NO_DEADLINE, NULL) };
    fill(&v, 1000, 0, NULL);
    struct zset_names r = { .min = SLICE("000100"), .max = SLICE("000200"), .max_open = true };
    struct zset_span s = zset_by_name(v.e, &r, false);
    ck_assert_uint_eq(s.start, 100);
    ck_assert_uint_eq(s.n, 100);
    r.min_end = -1;
    ck_assert_uint_eq(zset_by_name(v.e, &r, true).n, 200);
    r.max_end = 1;
    ck_assert_uint_eq(zset_by_name(v.e, &r, true).n, 1000);
    r.min_end = 1;
    ck_assert_uint_eq(zset_by_name(v.e, &r, false).n, 0);
    entry_free(v.e);
}
END_TEST

static struct packed *packed_words(const char *const *words)
{
    struct packed *p = packed_new();
    for (; *words; words++) packed_append(&p, slice_z(*words));
    return p;
}

START_TEST(packed_from_outside)
{
    static const char *const bad[][7] = { { "a", "1", "b" },           { "a", "x" },
                                          { "a", "2", "b", "1" },      { "b", "1", "a", "1" },
                                          { "a", "1", "a", "1" },      { "a", "nan" },
                                          { "a", "1", "b", "2", "a", "3" } };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert(!zset_new_packed(SLICE("k"), packed_words(bad[i]), ENTRY_NO_DEADLINE, NULL));
    static const char *const good[] = { "a", "-inf", "b", "0.5", "c", "0.5", "d", "1e300", NULL };
    struct type_limits l = TYPE_LIMITS_DEFAULT;
    for (l.zset_max_listpack_entries = 3; l.zset_max_listpack_entries < 5;
         l.zset_max_listpack_entries++) {
        struct entry *e = zset_new_packed(SLICE("k"), packed_words(good), ENTRY_NO_DEADLINE, &l);
        ck_assert(e && zset_count(e) == 4);
        ck_assert(zset_is_compact(e) == (l.zset_max_listpack_entries == 4));
        entry_free(e);
    }
}
END_TEST

/* Ten members of eight bytes with scores that follow each other: a byte in front of each member,
 * one for a step, three for the first score. */
START_TEST(small_form_is_small)
{
    struct value v = { .e = zset_new(SLICE("k"), SLICE("x"), 1, ENTRY_NO_DEADLINE, NULL) };
    for (int k = 0; k < 10; k++) {
        char name[24];
        snprintf(name, sizeof(name), "member:%d", k);
        zset_add(&v, 100000 + k, slice_z(name), 0, NULL, NULL);
    }
    struct zrow *row = entry_ptr(v.e);
    struct zrow_at end = zrow_seek(row, 10);
    ck_assert_uint_eq(zrow_count(row), 10);
    ck_assert_uint_eq(end.end, 8 + 10 * (1 + 8) + 3 + 9);
    entry_free(v.e);
}
END_TEST

static void count_item(void *app, const struct zset_item *item)
{
    ck_assert(item->score >= 0);
    ++*(size_t *)app;
}

START_TEST(scanning)
{
    struct value v = { .e = zset_new(SLICE("k"), SLICE("x"), 1, ENTRY_NO_DEADLINE, NULL) };
    fill(&v, 5000, 1, NULL);
    size_t n = 0;
    uint64_t cursor = 0;
    do cursor = zset_scan(v.e, cursor, 10, count_item, &n);
    while (cursor);
    ck_assert_uint_ge(n, 5000);
    entry_free(v.e);
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(small_form), UNIT(big_form),       UNIT(both_forms),
    UNIT(in_order),   UNIT(names_in_order), UNIT(packed_from_outside),
    UNIT(scanning),   UNIT(small_form_is_small),
};
UNIT_MAIN("zset", cases)
