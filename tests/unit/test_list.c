#include "core/types/list.h"

#include "core/base/mem.h"
#include "core/base/rand.h"
#include "tests/unit/check_main.h"

/* The plain model: an array of texts. */
#define MODEL_MAX 3000

struct model {
    struct str at[MODEL_MAX];
    size_t n;
};

static void model_insert(struct model *m, size_t i, struct slice s)
{
    memmove(m->at + i + 1, m->at + i, (m->n - i) * sizeof(m->at[0]));
    m->at[i] = str_new(s);
    m->n++;
}

static void model_delete(struct model *m, size_t i, size_t n)
{
    if (i >= m->n) return;
    if (n > m->n - i) n = m->n - i;
    for (size_t k = i; k < i + n; k++) str_free(&m->at[k]);
    memmove(m->at + i, m->at + i + n, (m->n - i - n) * sizeof(m->at[0]));
    m->n -= n;
}

static void same(const struct entry *e, const struct model *m)
{
    char tmp[PACKED_TMP];
    struct packed_item item;
    struct slice s;
    size_t i = 0;
    ck_assert_uint_eq(list_len(e), m->n);
    for (struct list_iter it = list_from(e, 0, false); list_item(&it, &item); list_step(&it)) {
        ck_assert(slice_eq(packed_item_text(&item, tmp), str_slice(m->at[i])));
        i++;
    }
    ck_assert_uint_eq(i, m->n);
    for (struct list_iter it = list_from(e, -1, true); list_item(&it, &item); list_step(&it))
        ck_assert(slice_eq(packed_item_text(&item, tmp), str_slice(m->at[--i])));
    ck_assert_uint_eq(i, 0);
    for (i = 0; i < m->n; i += 1 + m->n / 50) {
        ck_assert(list_get(e, (int64_t)i, tmp, &s) && slice_eq(s, str_slice(m->at[i])));
        ck_assert(list_get(e, (int64_t)i - (int64_t)m->n, tmp, &s));
        ck_assert(slice_eq(s, str_slice(m->at[i])));
    }
    ck_assert(!list_get(e, (int64_t)m->n, tmp, &s) && !list_get(e, -(int64_t)m->n - 1, tmp, &s));
}

static struct slice some_text(struct rng *r, char *room)
{
    switch (rng_next(r) % 10) {
    case 0: {
        size_t n = rng_next(r) % 5 ? rng_next(r) % 300 : rng_next(r) % 9000;
        memset(room, (int)('a' + rng_next(r) % 3), n);
        return slice_of(room, n);
    }
    case 1:
        return slice_of(room, num_from_i64(room, (int64_t)rng_next(r)));
    default:
        return slice_of(room, num_from_i64(room, (int64_t)(rng_next(r) % 30)));
    }
}

static void remove_equal(struct value *v, const struct type_limits *l, struct model *m,
                         struct slice s, bool backwards, size_t max)
{
    struct list_match match = list_match_of(s);
    struct packed_item item;
    size_t gone = 0, expect = 0;
    struct list_iter it = list_from(v->e, backwards ? -1 : 0, backwards);
    while (gone < max && list_find(&it, &match)) {
        ck_assert(list_item(&it, &item) && list_matches(&match, &item));
        list_erase(v, &it);
        gone++;
    }
    list_settle(v, l);
    for (size_t k = 0, n = m->n; k < n && expect < max; k++) {
        size_t i = backwards ? n - 1 - k : k - expect;
        if (!slice_eq(str_slice(m->at[i]), s)) continue;
        model_delete(m, i, 1);
        expect++;
    }
    ck_assert_uint_eq(gone, expect);
}

static void one_change(struct rng *r, struct value *v, const struct type_limits *l, struct model *m,
                       char *room)
{
    struct slice s = some_text(r, room), two[2] = { s, SLICE("two") };
    size_t i = m->n ? rng_next(r) % m->n : 0;
    unsigned kind = m->n > MODEL_MAX - 10 ? 9 : (unsigned)(rng_next(r) % 12);
    if (kind < 3) {
        list_push(v, l, LIST_HEAD, 2, two);
        model_insert(m, 0, two[0]);
        model_insert(m, 0, two[1]);
    } else if (kind < 6) {
        list_push(v, l, LIST_TAIL, 1, &s);
        model_insert(m, m->n, s);
    } else if (kind < 8 && m->n) {
        bool after = rng_next(r) % 2;
        struct list_iter it = list_from(v->e, (int64_t)i, false);
        list_insert(v, l, &it, after, s);
        model_insert(m, i + after, s);
    } else if (kind == 8 && m->n) {
        ck_assert(list_set(v, l, (int64_t)i - (rng_next(r) % 2 ? (int64_t)m->n : 0), s));
        model_delete(m, i, 1);
        model_insert(m, i, s);
    } else if (kind == 9 && m->n) {
        size_t n = rng_next(r) % (rng_next(r) % 10 ? 5 : m->n);
        i = rng_next(r) % 3 ? 0 : rng_next(r) % 2 ? m->n - n : i;
        list_delete(v, l, i, n);
        model_delete(m, i, n);
    } else if (kind == 10) {
        remove_equal(v, l, m, s, rng_next(r) % 2, 1 + rng_next(r) % 5);
    }
}

static void build_again(const struct entry *e, const struct type_limits *l, const struct model *m)
{
    struct list *b = list_build();
    for (size_t i = 0; i < list_parts(e); i++) {
        bool plain;
        struct slice part = list_part(e, i, &plain);
        if (plain) {
            list_build_plain(b, part);
            continue;
        }
        ck_assert(packed_valid(part, true, NULL));
        list_build_packed(b, packed_from_bytes(part));
    }
    struct entry *again = list_built(b, SLICE("k"), ENTRY_NO_DEADLINE, l);
    ck_assert((again == NULL) == !m->n);
    if (again) same(again, m);
    entry_free(again);
}

static void run(uint64_t seed, const struct type_limits *l)
{
    static struct model m;
    char *room = mem_alloc(10000);
    struct rng r;
    rng_seed(&r, seed);
    struct value v = { .e = list_new(SLICE("key")) };
    m.n = 0;
    for (int step = 0; step < 3000; step++) {
        one_change(&r, &v, l, &m, room);
        if (step % 50 == 0) same(v.e, &m);
    }
    same(v.e, &m);
    build_again(v.e, l, &m);
    struct entry *copy = entry_copy(v.e, SLICE("other"), ENTRY_NO_DEADLINE);
    while (m.n) {
        list_delete(&v, l, m.n / 3, 7);
        model_delete(&m, m.n / 3, 7);
        if (m.n % 10 == 0) same(v.e, &m);
    }
    ck_assert_uint_eq(list_len(v.e), 0);
    entry_free(v.e);
    entry_free(copy);
    mem_free(room);
}

START_TEST(list_is_an_array)
{
    static const int fills[] = { -2, -1, -5, 0, 1, 5, 128, 10000 };
    for (uint64_t seed = 1; seed <= 16; seed++) {
        struct type_limits l = TYPE_LIMITS_DEFAULT;
        l.list_max_listpack_size = fills[seed % 8];
        run(seed, seed == 8 ? NULL : &l);
    }
}
END_TEST

START_TEST(encodings_change_at_the_limits)
{
    struct type_limits l = TYPE_LIMITS_DEFAULT;
    struct value v = { .e = list_new(SLICE("key")) };
    struct slice x = SLICE("x");
    l.list_max_listpack_size = 4;
    for (int i = 0; i < 4; i++) list_push(&v, &l, LIST_TAIL, 1, &x);
    ck_assert_str_eq(value_encoding_name(v.e), "listpack");
    list_push(&v, &l, LIST_HEAD, 1, &x);
    ck_assert_str_eq(value_encoding_name(v.e), "quicklist");
    list_delete(&v, &l, 0, 2);
    ck_assert_str_eq(value_encoding_name(v.e), "quicklist");
    list_delete(&v, &l, 0, 1);
    ck_assert_str_eq(value_encoding_name(v.e), "listpack");
    entry_free(v.e);
}
END_TEST

/* A short list costs its packed bytes beside the entry, nothing else. */
START_TEST(short_lists_are_one_block)
{
    struct value v = { .e = list_new(SLICE("key")) };
    struct slice x = SLICE("12345678");
    for (int i = 0; i < 10; i++) list_push(&v, NULL, LIST_TAIL, 1, &x);
    ck_assert_uint_le(value_mem(v.e, 0) - mem_size(v.e), 80);
    ck_assert_uint_eq(value_free_effort(v.e), 2);
    entry_free(v.e);
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(list_is_an_array),
    UNIT(encodings_change_at_the_limits),
    UNIT(short_lists_are_one_block),
};
UNIT_MAIN("list", cases)
