#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/types/hash.h"
#include "core/types/varlen.h"
#include "tests/unit/check_main.h"

#define MODEL_MAX 600

struct pair {
    struct str field, value;
};
struct model {
    struct pair at[MODEL_MAX];
    size_t n;
};

static struct type_limits small(void)
{
    struct type_limits l = TYPE_LIMITS_DEFAULT;
    l.hash_max_listpack_entries = 20;
    l.hash_max_listpack_value = 30;
    return l;
}

static struct pair *model_find(struct model *m, struct slice field)
{
    for (size_t i = 0; i < m->n; i++)
        if (slice_eq(str_slice(m->at[i].field), field)) return &m->at[i];
    return NULL;
}

static bool model_put(struct model *m, struct slice field, struct slice value)
{
    struct pair *p = model_find(m, field);
    if (p) {
        str_set(&p->value, value);
        return false;
    }
    m->at[m->n++] = (struct pair){ str_new(field), str_new(value) };
    return true;
}

static bool model_remove(struct model *m, struct slice field)
{
    struct pair *p = model_find(m, field);
    if (!p) return false;
    str_free(&p->field);
    str_free(&p->value);
    *p = m->at[--m->n];
    return true;
}

static void model_free(struct model *m)
{
    while (m->n) {
        m->n--;
        str_free(&m->at[m->n].field);
        str_free(&m->at[m->n].value);
    }
}

static void same(const struct entry *e, struct model *m)
{
    struct hash_iter it;
    struct hash_pair p;
    char tmp[HASH_TMP];
    struct slice value;
    size_t n = 0;
    ck_assert_uint_eq(hash_count(e), m->n);
    for (size_t i = 0; i < m->n; i++) {
        ck_assert(hash_get(e, str_slice(m->at[i].field), tmp, &value));
        ck_assert(slice_eq(value, str_slice(m->at[i].value)));
    }
    hash_iter_start(&it, e);
    for (; hash_iter_next(&it, &p); n++) {
        struct pair *q = model_find(m, p.field);
        ck_assert(q && slice_eq(p.value, str_slice(q->value)));
    }
    hash_iter_end(&it);
    ck_assert_uint_eq(n, m->n);
}

static void count_pair(void *app, const struct hash_pair *pair)
{
    ck_assert(pair->field.n <= 400);
    ++*(size_t *)app;
}

static struct slice some(struct rng *r, char *room, size_t max)
{
    if (rng_below(r, 2)) return slice_of(room, num_from_i64(room, (int64_t)rng_below(r, 60)));
    size_t n = rng_below(r, 20) ? rng_below(r, 12) : rng_below(r, max);
    for (size_t i = 0; i < n; i++)
        room[i] = (char)('a' + rng_below(r, 2));
    return slice_of(room, n);
}

/* `max`: the longest text; below the limit the compact form lasts as long as the count allows. */
static void differential(uint64_t seed, size_t max, int steps)
{
    static struct model m;
    static char a[1000], b[1000];
    struct rng r;
    struct type_limits l = small();
    struct value v = { .e = hash_new(SLICE("k"), ENTRY_NO_DEADLINE) };
    rng_seed(&r, seed);
    for (int i = 0; i < steps; i++) {
        struct slice field = some(&r, a, max > 400 ? 400 : max), value = some(&r, b, max);
        if (rng_below(&r, 100) < (unsigned)(i / 200 % 2 ? 30 : 60))
            ck_assert(hash_put(&v, field, value, &l) == model_put(&m, field, value));
        else
            ck_assert(hash_remove(&v, field) == model_remove(&m, field));
        if (m.n && rng_below(&r, 10) == 0) {
            struct hash_pair p;
            hash_random(v.e, &r, &p);
            struct pair *q = model_find(&m, p.field);
            ck_assert(q && slice_eq(p.value, str_slice(q->value)));
        }
        if (rng_below(&r, 50) == 0) same(v.e, &m);
    }
    same(v.e, &m);
    struct entry *copy = entry_copy(v.e, SLICE("copy"), ENTRY_NO_DEADLINE);
    entry_free(v.e);
    same(copy, &m);
    if (m.n) {
        size_t n = 0, seen = 0;
        hash_random_many(copy, &r, 50, count_pair, &n);
        ck_assert_uint_eq(n, 50);
        uint64_t cursor = 0;
        do cursor = hash_scan(copy, cursor, 3, count_pair, &seen);
        while (cursor);
        ck_assert_uint_ge(seen, m.n);
    }
    entry_free(copy);
    model_free(&m);
}

START_TEST(hash_is_an_array_of_pairs)
{
    for (uint64_t seed = 1; seed < 30; seed++) {
        differential(seed, 20, 1500);
        differential(seed + 100, 900, 1500);
    }
}
END_TEST

static void puts_z(struct value *v, const char *f, const char *val, const struct type_limits *l)
{
    hash_put(v, slice_z(f), slice_z(val), l);
}

START_TEST(hash_follows_the_limits)
{
    struct type_limits l = small();
    struct value v = { .e = hash_new(SLICE("k"), ENTRY_NO_DEADLINE) };
    char digits[NUM_I64_MAX];
    for (int i = 0; i < 20; i++)
        hash_put(&v, slice_of(digits, num_from_i64(digits, i)), SLICE("v"), &l);
    ck_assert_str_eq(value_encoding_name(v.e), "listpack");
    puts_z(&v, "19", "other", &l);
    ck_assert_str_eq(value_encoding_name(v.e), "listpack");
    puts_z(&v, "20", "v", &l);
    ck_assert_str_eq(value_encoding_name(v.e), "hashtable");
    ck_assert(!hash_is_compact(v.e));
    ck_assert_uint_eq(hash_count(v.e), 21);
    ck_assert_uint_eq(value_free_effort(v.e), 22);
    entry_free(v.e);
    v.e = hash_new(SLICE("k"), ENTRY_NO_DEADLINE);
    puts_z(&v, "f", "123456789012345678901234567890", &l);
    ck_assert_str_eq(value_encoding_name(v.e), "listpack");
    puts_z(&v, "f", "1234567890123456789012345678901", &l);
    ck_assert_str_eq(value_encoding_name(v.e), "hashtable");
    entry_free(v.e);
    v.e = hash_new(SLICE("k"), ENTRY_NO_DEADLINE);
    hash_expect(&v, 20, &l);
    ck_assert_str_eq(value_encoding_name(v.e), "listpack");
    hash_expect(&v, 21, &l);
    ck_assert_str_eq(value_encoding_name(v.e), "hashtable");
    entry_free(v.e);
}
END_TEST

START_TEST(hash_takes_a_packed)
{
    struct type_limits l = small();
    struct packed *p = packed_new();
    char digits[NUM_I64_MAX];
    for (int i = 0; i < 21; i++) {
        packed_append(&p, slice_of(digits, num_from_i64(digits, i)));
        packed_append(&p, SLICE("x"));
    }
    struct entry *e = hash_new_packed(SLICE("k"), packed_copy(p), 5, &l);
    ck_assert_str_eq(value_encoding_name(e), "hashtable");
    ck_assert(hash_has(e, SLICE("20")) && !hash_has(e, SLICE("21")));
    entry_free(e);
    e = hash_new_packed(SLICE("k"), p, 5, NULL);
    ck_assert_str_eq(value_encoding_name(e), "listpack");
    ck_assert_int_eq(entry_deadline(e), 5);
    ck_assert_uint_eq(hash_count(e), 21);
    entry_free(e);
}
END_TEST

/* Values that grow and shrink across the widths of their length, in place where the block fits. */
START_TEST(hash_values_grow_and_shrink_in_place)
{
    static char text[20000];
    static const size_t sizes[] = { 0, 100, 126, 127, 128, 129, 16383, 16384, 128, 5, 16400, 127 };
    struct type_limits l = small();
    struct value v = { .e = hash_new(SLICE("k"), ENTRY_NO_DEADLINE) };
    char tmp[HASH_TMP];
    struct slice got;
    memset(text, 'x', sizeof(text));
    l.hash_max_listpack_entries = 0;
    puts_z(&v, "other", "kept", &l);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        hash_put(&v, SLICE("field"), slice_of(text, sizes[i]), &l);
        ck_assert(hash_get(v.e, SLICE("field"), tmp, &got));
        ck_assert(slice_eq(got, slice_of(text, sizes[i])));
        ck_assert(hash_get(v.e, SLICE("other"), tmp, &got) && slice_eqz(got, "kept"));
    }
    entry_free(v.e);
}
END_TEST

/* --- deadlines ---------------------------------------------------------------------------- */

#define NAMES 40

static struct slice name_of(char room[8], int i)
{
    return slice_of(room, (size_t)snprintf(room, 8, i % 3 ? "f%d" : "%d", i));
}

static void same_deadlines(const struct entry *e, const int64_t want[NAMES], int64_t before)
{
    struct hash_timed_field first[NAMES];
    struct hash_iter it;
    struct hash_pair p;
    char room[8];
    size_t timed = 0, past = 0, seen = 0, have = 0;
    int64_t last = 0;
    for (int i = 0; i < NAMES; i++) { /* -2: no such field */
        struct slice f = name_of(room, i);
        ck_assert(hash_has(e, f) == (want[i] != -2));
        ck_assert_int_eq(hash_deadline(e, f), want[i] < 0 ? HASH_NO_DEADLINE : want[i]);
        timed += want[i] >= 0;
        past += want[i] >= 0 && want[i] < before;
        have += want[i] != -2;
    }
    ck_assert(hash_is_timed(e) == (timed > 0));
    ck_assert_uint_eq(hash_past(e, before), past);
    ck_assert_uint_eq(hash_earliest(e, before, first, NAMES), past);
    for (size_t i = 0; i < past; last = first[i++].deadline)
        ck_assert(first[i].deadline >= last &&
                  hash_deadline(e, first[i].field) == first[i].deadline);
    hash_iter_from(&it, e, before);
    for (; hash_iter_next(&it, &p); seen++) {
        int64_t at = hash_deadline(e, p.field);
        ck_assert(at == HASH_NO_DEADLINE || at >= before);
    }
    hash_iter_end(&it);
    ck_assert_uint_eq(seen, have - past);
}

static void change_deadlines(struct value *v, int64_t want[NAMES], struct rng *r,
                             const struct type_limits *l)
{
    char room[8];
    int i = (int)rng_below(r, NAMES), what = (int)rng_below(r, 8);
    int64_t at = (int64_t)rng_below(r, 1000);
    struct slice f = name_of(room, i);
    if (what < 2) {
        ck_assert(hash_put(v, f, SLICE("value"), l) == (want[i] == -2));
        want[i] = -1;
    } else if (what == 2) {
        ck_assert(hash_put_keeping(v, f, SLICE("7"), l) == (want[i] == -2));
        if (want[i] == -2) want[i] = -1;
    } else if (what == 3) {
        ck_assert(hash_remove(v, f) == (want[i] != -2));
        want[i] = -2;
    } else if (want[i] != -2) {
        want[i] = what == 4 ? -1 : at;
        hash_set_deadline(v, f, want[i], l);
    }
}

START_TEST(deadlines_of_fields_are_an_array)
{
    for (uint64_t seed = 1; seed < 20; seed++) {
        struct rng r;
        struct type_limits l = small();
        int64_t want[NAMES];
        struct value v = { .e = hash_new(SLICE("k"), seed % 2 ? 77 : ENTRY_NO_DEADLINE) };
        rng_seed(&r, seed);
        if (seed % 4 == 0) l.hash_max_listpack_entries = l.zset_max_listpack_entries = 5;
        for (int i = 0; i < NAMES; i++)
            want[i] = -2;
        for (int step = 0; step < 1500; step++) {
            change_deadlines(&v, want, &r, &l);
            if (step % 20 == 0) same_deadlines(v.e, want, (int64_t)rng_below(&r, 1100));
        }
        struct entry *copy = entry_copy(v.e, SLICE("copy"), ENTRY_NO_DEADLINE);
        ck_assert_uint_gt(value_mem(v.e, 0), 0);
        entry_free(v.e);
        same_deadlines(copy, want, 500);
        entry_free(entry_rekey(copy, SLICE("another")));
    }
}
END_TEST

START_TEST(varlen_reads_what_it_wrote)
{
    static const size_t n[] = { 0, 1, 127, 128, 16383, 16384, 1u << 21, (size_t)1 << 40 };
    char at[10];
    for (size_t i = 0; i < sizeof(n) / sizeof(n[0]); i++) {
        size_t got;
        ck_assert_ptr_eq(varlen_put(at, n[i]), at + varlen_size(n[i]));
        ck_assert_ptr_eq(varlen_get(at, &got), at + varlen_size(n[i]));
        ck_assert_uint_eq(got, n[i]);
    }
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(hash_is_an_array_of_pairs),
    UNIT(hash_follows_the_limits),
    UNIT(hash_takes_a_packed),
    UNIT(hash_values_grow_and_shrink_in_place),
    UNIT(deadlines_of_fields_are_an_array),
    UNIT(varlen_reads_what_it_wrote),
};
UNIT_MAIN("hash", cases)
