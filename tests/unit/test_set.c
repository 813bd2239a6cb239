#include "core/base/mem.h"
#include "core/types/set.h"
#include "tests/unit/check_main.h"

#define MODEL_MAX 600

struct model {
    struct str at[MODEL_MAX];
    size_t n;
};

static struct type_limits small(void)
{
    struct type_limits l = TYPE_LIMITS_DEFAULT;
    l.set_max_intset_entries = 25;
    l.set_max_listpack_entries = 20;
    l.set_max_listpack_value = 30;
    return l;
}

static struct str *model_find(struct model *m, struct slice s)
{
    for (size_t i = 0; i < m->n; i++)
        if (slice_eq(str_slice(m->at[i]), s)) return &m->at[i];
    return NULL;
}

static bool model_add(struct model *m, struct slice s)
{
    if (model_find(m, s)) return false;
    m->at[m->n++] = str_new(s);
    return true;
}

static bool model_remove(struct model *m, struct slice s)
{
    struct str *p = model_find(m, s);
    if (!p) return false;
    str_free(p);
    *p = m->at[--m->n];
    return true;
}

static void same(const struct entry *e, struct model *m)
{
    struct set_iter it;
    struct slice s;
    char tmp[SET_TMP];
    size_t n = 0;
    ck_assert_uint_eq(set_count(e), m->n);
    for (size_t i = 0; i < m->n; i++)
        ck_assert(set_has(e, str_slice(m->at[i])));
    set_iter_start(&it, e);
    for (; set_iter_next(&it, tmp, &s); n++)
        ck_assert(model_find(m, s));
    set_iter_end(&it);
    ck_assert_uint_eq(n, m->n);
}

static void count_member(void *app, struct slice member)
{
    ck_assert(member.n <= 1000);
    ++*(size_t *)app;
}

/* Integers of all widths with their neighbours, texts that look like integers, and plain texts. */
static struct slice some(struct rng *r, char *room, unsigned numbers, size_t max)
{
    static const char *const odd[] = { "",      "-",    "007", "-0",  "+1",
                                       "4611686018427387904", "-4611686018427387905",
                                       "4611686018427387903", "-4611686018427387904",
                                       "9223372036854775807", "-9223372036854775808",
                                       "9223372036854775808", " 1", "1 " };
    if (rng_below(r, 100) < numbers)
        return slice_of(room, num_from_i64(room, (int64_t)rng_below(r, 200) - 100));
    if (rng_below(r, 3) == 0)
        return slice_of(room, num_from_i64(room, (int64_t)rng_next(r) >> rng_below(r, 64)));
    if (rng_below(r, 4) == 0) return slice_z(odd[rng_below(r, sizeof(odd) / sizeof(odd[0]))]);
    size_t n = rng_below(r, max);
    for (size_t i = 0; i < n; i++)
        room[i] = (char)('a' + rng_below(r, 2));
    return slice_of(room, n);
}

static void differential(uint64_t seed, unsigned numbers, size_t max)
{
    static struct model m;
    static char a[1000];
    struct rng r;
    struct type_limits l = small();
    struct value v = { .e = set_new(SLICE("k"), SLICE("1"), 1, ENTRY_NO_DEADLINE, &l) };
    char tmp[SET_TMP];
    rng_seed(&r, seed);
    for (int i = 0; i < 1500; i++) {
        struct slice s = some(&r, a, numbers, max);
        if (rng_below(&r, 100) < (unsigned)(i / 200 % 2 ? 30 : 60))
            ck_assert(set_add(&v, s, &l) == model_add(&m, s));
        else
            ck_assert(set_remove(&v, s) == model_remove(&m, s));
        ck_assert(set_has(v.e, s) == (model_find(&m, s) != NULL));
        if (m.n && rng_below(&r, 10) == 0) ck_assert(model_find(&m, set_random(v.e, &r, tmp)));
        if (rng_below(&r, 50) == 0) same(v.e, &m);
    }
    same(v.e, &m);
    struct entry *copy = entry_copy(v.e, SLICE("copy"), ENTRY_NO_DEADLINE);
    entry_free(v.e);
    same(copy, &m);
    uint64_t cursor = 0;
    size_t seen = 0;
    do cursor = set_scan(copy, cursor, 3, count_member, &seen);
    while (cursor);
    ck_assert_uint_ge(seen, m.n);
    entry_free(copy);
    while (m.n) str_free(&m.at[--m.n]);
}

/* Integers of all widths, through the forms that hold only such. */
static void only_numbers(uint64_t seed)
{
    static struct model m;
    struct rng r;
    struct type_limits l = TYPE_LIMITS_DEFAULT;
    struct value v = { .e = set_new(SLICE("k"), SLICE("1"), 1, ENTRY_NO_DEADLINE, &l) };
    char digits[NUM_I64_MAX];
    unsigned shift = (unsigned)seed % 8 * 8;
    rng_seed(&r, seed);
    for (int i = 0; i < 600; i++) {
        uint64_t n = rng_below(&r, 300) << shift | (rng_below(&r, 2) ? 0 : (uint64_t)1 << 63);
        if (rng_below(&r, 10)) n = rng_below(&r, 300) - 150;
        struct slice s = slice_of(digits, num_from_i64(digits, (int64_t)n));
        if (rng_below(&r, 3))
            ck_assert(set_add(&v, s, &l) == model_add(&m, s));
        else
            ck_assert(set_remove(&v, s) == model_remove(&m, s));
        if (rng_below(&r, 20) == 0) same(v.e, &m);
    }
    ck_assert_str_eq(value_encoding_name(v.e), "intset");
    struct intset *made;
    struct slice bytes = set_intset_bytes(v.e, &made);
    ck_assert(intset_valid(bytes, true));
    struct entry *again =
        set_new_intset(SLICE("again"), intset_from_bytes(bytes), ENTRY_NO_DEADLINE, &l);
    intset_free(made);
    same(again, &m);
    entry_free(again);
    entry_free(v.e);
    while (m.n)
        str_free(&m.at[--m.n]);
}

START_TEST(set_is_an_array_without_repetition)
{
    for (uint64_t seed = 1; seed < 20; seed++) {
        differential(seed, 100, 1);
        only_numbers(seed);
        differential(seed + 100, 90, 20);
        differential(seed + 200, 50, 900);
        differential(seed + 300, 0, 6);
    }
}
END_TEST

static void add_numbers(struct value *v, int from, int to, const struct type_limits *l)
{
    char digits[NUM_I64_MAX];
    for (int i = from; i < to; i++)
        ck_assert(set_add(v, slice_of(digits, num_from_i64(digits, i)), l));
}

static struct value fresh(const struct type_limits *l)
{
    return (struct value){ .e = set_new(SLICE("k"), SLICE("1"), 1, ENTRY_NO_DEADLINE, l) };
}

START_TEST(set_follows_the_limits)
{
    struct type_limits l = small();
    struct value v = fresh(&l);
    add_numbers(&v, 0, 25, &l);
    ck_assert_str_eq(value_encoding_name(v.e), "intset");
    add_numbers(&v, 25, 26, &l);
    ck_assert_str_eq(value_encoding_name(v.e), "hashtable");
    ck_assert_uint_eq(value_free_effort(v.e), 27);
    entry_free(v.e);
    v = fresh(&l);
    add_numbers(&v, 0, 19, &l);
    set_add(&v, SLICE("a"), &l);
    ck_assert_str_eq(value_encoding_name(v.e), "listpack");
    set_add(&v, SLICE("a"), &l);
    ck_assert_str_eq(value_encoding_name(v.e), "listpack");
    set_add(&v, SLICE("b"), &l);
    ck_assert_str_eq(value_encoding_name(v.e), "hashtable");
    entry_free(v.e);
    v = fresh(&l);
    add_numbers(&v, 0, 20, &l);
    set_add(&v, SLICE("a"), &l); /* too many for a packed */
    ck_assert_str_eq(value_encoding_name(v.e), "hashtable");
    entry_free(v.e);
    v = fresh(&l);
    add_numbers(&v, 0, 2, &l);
    set_add(&v, SLICE("1234567890123456789012345678901"), &l);
    ck_assert_str_eq(value_encoding_name(v.e), "hashtable");
    ck_assert_uint_eq(set_count(v.e), 3);
    entry_free(v.e);
}
END_TEST

START_TEST(set_expects)
{
    struct type_limits l = small();
    struct value v = fresh(&l);
    set_expect(&v, 25, &l);
    ck_assert_str_eq(value_encoding_name(v.e), "intset");
    set_expect(&v, 26, &l);
    ck_assert_str_eq(value_encoding_name(v.e), "hashtable");
    entry_free(v.e);
    v.e = set_new(SLICE("k"), SLICE("x"), 20, ENTRY_NO_DEADLINE, &l);
    ck_assert_str_eq(value_encoding_name(v.e), "listpack");
    entry_free(v.e);
    v.e = set_new(SLICE("k"), SLICE("x"), 21, ENTRY_NO_DEADLINE, &l);
    ck_assert_str_eq(value_encoding_name(v.e), "hashtable");
    entry_free(v.e);
}
END_TEST

START_TEST(set_takes_compact_forms)
{
    struct type_limits l = small();
    struct intset *s = intset_new();
    struct packed *p = packed_new();
    for (int i = 0; i < 26; i++) {
        intset_add(&s, i * 1000);
        packed_append_int(&p, i * 1000);
    }
    struct entry *e = set_new_intset(SLICE("k"), intset_copy(s), 7, &l);
    ck_assert_str_eq(value_encoding_name(e), "hashtable");
    ck_assert(set_has(e, SLICE("25000")) && !set_is_intset(e));
    entry_free(e);
    e = set_new_intset(SLICE("k"), s, 7, NULL);
    ck_assert_int_eq(entry_deadline(e), 7);
    ck_assert(set_is_intset(e));
    ck_assert_uint_eq(set_count(e), 26);
    struct intset *made;
    ck_assert(intset_valid(set_intset_bytes(e, &made), true));
    intset_free(made);
    entry_free(e);
    e = set_new_packed(SLICE("k"), packed_copy(p), 7, &l);
    ck_assert_str_eq(value_encoding_name(e), "hashtable");
    ck_assert(set_has(e, SLICE("25000")));
    entry_free(e);
    e = set_new_packed(SLICE("k"), p, 7, NULL);
    ck_assert_str_eq(value_encoding_name(e), "listpack");
    ck_assert(set_has(e, SLICE("25000")));
    entry_free(e);
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(set_is_an_array_without_repetition),
    UNIT(set_follows_the_limits),
    UNIT(set_expects),
    UNIT(set_takes_compact_forms),
};
UNIT_MAIN("set", cases)
