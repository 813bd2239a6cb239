#include "core/base/mem.h"
#include "core/base/rand.h"
#include "core/types/intset.h"
#include "core/types/packed.h"
#include "core/types/room.h"
#include "core/types/unique.h"
#include "tests/unit/check_main.h"

/* --- the plain model: an array of texts --------------------------------------------------- */

#define MODEL_MAX 400

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
    if (n > m->n - i) n = m->n - i;
    for (size_t k = i; k < i + n; k++) str_free(&m->at[k]);
    memmove(m->at + i, m->at + i + n, (m->n - i - n) * sizeof(m->at[0]));
    m->n -= n;
}

static void same(const struct packed *p, const struct model *m)
{
    char tmp[PACKED_TMP];
    size_t n, i = 0;
    ck_assert(packed_valid(packed_bytes(p), true, &n));
    ck_assert_uint_eq(n, m->n);
    ck_assert_uint_eq(packed_count(p), m->n);
    for (size_t at = packed_first(p); at; at = packed_next(p, at)) {
        ck_assert(slice_eq(packed_text(p, at, tmp), str_slice(m->at[i])));
        ck_assert_uint_eq(packed_seek(p, (int64_t)i), at);
        ck_assert_uint_eq(packed_seek(p, (int64_t)i - (int64_t)m->n), at);
        i++;
    }
    ck_assert_uint_eq(i, m->n);
    for (size_t at = packed_last(p); at; at = packed_prev(p, at))
        ck_assert(slice_eq(packed_text(p, at, tmp), str_slice(m->at[--i])));
    ck_assert_uint_eq(i, 0);
    ck_assert_uint_eq(packed_seek(p, (int64_t)m->n), 0);
    ck_assert_uint_eq(packed_seek(p, -(int64_t)m->n - 1), 0);
}

/* Texts near all bounds of the codes and of the lengths behind. */
static struct slice some_text(struct rng *r, char *room)
{
    static const int64_t edges[] = { 0, 127, 128, -1, 4095, 4096, -4096, -4097, 32767, 32768,
                                     -32769, 8388607, 8388608, -8388609, 2147483647, 2147483648,
                                     -2147483649, INT64_MAX, INT64_MIN };
    static const size_t lengths[] = { 0, 1, 5, 20, 63, 64, 124, 125, 126, 127, 128, 4095, 4096,
                                      16377, 16379, 16380, 16384 };
    uint64_t kind = rng_next(r) % 8;
    if (kind < 3)
        return slice_of(room, num_from_i64(room, edges[rng_next(r) % (sizeof(edges) / 8)]));
    if (kind < 5)
        return slice_of(room, num_from_i64(room, (int64_t)(rng_next(r) >> rng_next(r) % 64)));
    if (kind == 5) return slice_of("007", 1 + rng_next(r) % 3);
    size_t n = kind == 6 ? rng_next(r) % 12 : lengths[rng_next(r) % (sizeof(lengths) / 8)];
    memset(room, (int)('a' + rng_next(r) % 3), n);
    return slice_of(room, n);
}

static void one_change(struct rng *r, struct packed **p, struct model *m, char *room)
{
    size_t i = m->n ? rng_next(r) % m->n : 0, at = packed_seek(*p, (int64_t)i);
    struct slice s = some_text(r, room);
    switch (m->n < MODEL_MAX - 10 ? rng_next(r) % 8 : 7) {
    case 0:
        packed_append(p, s);
        model_insert(m, m->n, s);
        break;
    case 1:
        packed_prepend(p, s);
        model_insert(m, 0, s);
        break;
    case 2:
    case 3:
        ck_assert_uint_eq(packed_insert(p, at, s), at ? at : packed_last(*p));
        model_insert(m, i, s);
        break;
    case 4:
    case 5:
        if (!at) break;
        ck_assert_uint_eq(packed_replace(p, at, s), at);
        model_delete(m, i, 1);
        model_insert(m, i, s);
        break;
    case 6:
        if (!at) break;
        packed_delete(p, at, 1);
        model_delete(m, i, 1);
        break;
    default: {
        size_t n = rng_next(r) % 12;
        packed_delete_range(p, rng_next(r) % 2 ? (int64_t)i : (int64_t)i - (int64_t)m->n, n);
        if (m->n) model_delete(m, i, n);
    }
    }
}

START_TEST(packed_is_an_array)
{
    char *room = mem_alloc(20000);
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rng r;
        rng_seed(&r, seed);
        struct packed *p = packed_new();
        struct model m = { .n = 0 };
        for (int step = 0; step < 600; step++) {
            one_change(&r, &p, &m, room);
            if (step % 20 == 0) same(p, &m);
        }
        struct packed *copy = packed_from_bytes(packed_bytes(p));
        same(copy, &m);
        packed_append_all(&copy, p);
        ck_assert_uint_eq(packed_count(copy), 2 * m.n);
        packed_delete_range(&copy, -(int64_t)m.n, m.n);
        same(copy, &m);
        packed_free(copy);
        model_delete(&m, 0, m.n);
        packed_free(p);
    }
    mem_free(room);
}
END_TEST

/* The bytes that redis-server 7.0.15 keeps in a DUMP of RPUSH k a 1 -1 1000 100000 <70 times x>. */
START_TEST(packed_bytes_are_redis)
{
    struct packed *p = packed_new();
    char x[70];
    memset(x, 'x', sizeof(x));
    packed_append(&p, SLICE("a"));
    packed_append(&p, SLICE("1"));
    packed_append_int(&p, -1);
    packed_append(&p, SLICE("1000"));
    packed_append(&p, SLICE("100000"));
    packed_append(&p, slice_of(x, sizeof(x)));
    struct slice b = packed_bytes(p);
    static const char head[] = "\x60\0\0\0\x06\0"
                               "\x81"
                               "a\x02"
                               "\x01\x01"
                               "\xdf\xff\x02"
                               "\xc3\xe8\x02"
                               "\xf2\xa0\x86\x01\x04"
                               "\xe0\x46xxxx";
    ck_assert_uint_eq(b.n, (uint8_t)head[0]);
    ck_assert_int_eq(memcmp(b.p, head, sizeof(head) - 1), 0);
    ck_assert_int_eq(memcmp(b.p + b.n - 2, "\x48\xff", 2), 0);
    packed_free(p);
}
END_TEST

START_TEST(packed_finds)
{
    struct packed *p = packed_new();
    const char *const words[] = { "10", "b", "b", "10", "c", "7", "010", "d" };
    for (size_t i = 0; i < 8; i++) packed_append(&p, slice_z(words[i]));
    size_t first = packed_first(p);
    ck_assert_uint_eq(packed_find(p, first, SLICE("b"), 0), packed_seek(p, 1));
    ck_assert_uint_eq(packed_find(p, first, SLICE("b"), 1), packed_seek(p, 2));
    ck_assert_uint_eq(packed_find(p, first, SLICE("010"), 1), packed_seek(p, 6));
    ck_assert_uint_eq(packed_find(p, packed_seek(p, 1), SLICE("10"), 1), packed_seek(p, 3));
    ck_assert_uint_eq(packed_find(p, first, SLICE("d"), 1), 0);
    ck_assert_uint_eq(packed_find(p, 0, SLICE("d"), 0), 0);
    packed_free(p);
}
END_TEST

START_TEST(packed_counts_beyond_the_field)
{
    struct packed *p = packed_new();
    for (int i = 0; i < 66000; i++) packed_append_int(&p, i % 100);
    size_t n;
    ck_assert_uint_eq(packed_count(p), 66000);
    ck_assert(packed_valid(packed_bytes(p), true, &n) && n == 66000);
    packed_delete_range(&p, 0, 1000);
    ck_assert_uint_eq(packed_count(p), 65000);
    int64_t v;
    ck_assert(packed_int(p, packed_seek(p, 64999), &v) && v == 65999 % 100);
    ck_assert(packed_int(p, packed_seek(p, -65000), &v) && v == 0);
    packed_free(p);
}
END_TEST

/* No single wrong byte and no cut makes a reader leave the block (the sanitizer looks). */
START_TEST(packed_damage_is_seen_or_harmless)
{
    struct packed *p = packed_new();
    char x[300], tmp[PACKED_TMP];
    memset(x, 'x', sizeof(x));
    packed_append(&p, SLICE("abc"));
    packed_append(&p, SLICE("123456"));
    packed_append(&p, slice_of(x, 300));
    packed_append_int(&p, INT64_MIN);
    struct slice b = packed_bytes(p);
    for (size_t n = 0; n <= b.n; n++) {
        char *cut = malloc(n ? n : 1);
        memcpy(cut, b.p, n);
        ck_assert(packed_valid(slice_of(cut, n), true, NULL) == (n == b.n));
        free(cut);
    }
    for (size_t i = 0; i < b.n * 256; i++) {
        char *bad = malloc(b.n);
        memcpy(bad, b.p, b.n);
        bad[i / 256] = (char)(i % 256);
        if (packed_valid(slice_of(bad, b.n), true, NULL)) {
            struct packed *q = packed_from_bytes(slice_of(bad, b.n));
            for (size_t at = packed_last(q); at; at = packed_prev(q, at)) packed_text(q, at, tmp);
            packed_free(q);
        }
        free(bad);
    }
    packed_free(p);
}
END_TEST

START_TEST(room_is_a_class)
{
    static const size_t expect[][2] = { { 1, 16 }, { 17, 32 }, { 128, 128 }, { 129, 160 },
                                        { 161, 192 }, { 256, 256 }, { 257, 320 }, { 8193, 10240 } };
    for (size_t i = 0; i < sizeof(expect) / sizeof(expect[0]); i++)
        ck_assert_uint_eq(room_for(expect[i][0]), expect[i][1]);
}
END_TEST

/* --- intset ------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

START_TEST(intset_is_a_sorted_array)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rng r;
        int64_t m[600];
        size_t n = 0;
        rng_seed(&r, seed);
        struct intset *s = intset_new();
        for (int step = 0; step < 600; step++) {
            unsigned width = step < 200 ? 8 : step < 400 ? 20 : 64;
            int64_t half = width < 64 ? 1 << (width - 1) : 0;
            int64_t v = (int64_t)(rng_next(&r) >> (64 - width)) - half;
            size_t i = 0;
            if (n && rng_next(&r) % 3 == 0) v = m[rng_next(&r) % n];
            while (i < n && m[i] != v) i++;
            ck_assert(intset_has(s, v) == (i < n));
            if (rng_next(&r) % 3) {
                ck_assert(intset_add(&s, v) == (i == n));
                if (i == n) m[n++] = v;
            } else {
                ck_assert(intset_remove(&s, v) == (i < n));
                if (i < n) m[i] = m[--n];
            }
        }
        qsort(m, n, sizeof(m[0]), by_value);
        ck_assert_uint_eq(intset_count(s), n);
        for (size_t i = 0; i < n; i++) {
            ck_assert_int_eq(intset_at(s, i), m[i]);
            ck_assert_uint_eq(intset_rank(s, m[i]), i);
        }
        ck_assert(intset_valid(intset_bytes(s), true));
        ck_assert(!intset_valid(slice_of(intset_bytes(s).p, intset_bytes(s).n - 1), true));
        struct intset *copy = intset_copy(s);
        ck_assert(slice_eq(intset_bytes(copy), intset_bytes(s)));
        intset_free(copy);
        intset_free(s);
    }
}
END_TEST

START_TEST(intset_refuses_disorder)
{
    ck_assert(intset_valid(slice_of("\2\0\0\0\2\0\0\0\1\0\2\0", 12), true));
    ck_assert(!intset_valid(slice_of("\2\0\0\0\2\0\0\0\2\0\2\0", 12), true));
    ck_assert(!intset_valid(slice_of("\3\0\0\0\1\0\0\0\1\0\0", 11), true));
    ck_assert(!intset_valid(slice_of("\2\0\0\0\0\0\0\0", 8), true));
    ck_assert(!intset_valid(slice_of("\2\0\0\0", 4), true));
}
END_TEST

START_TEST(packed_names_that_come_twice_are_seen)
{
    static const size_t sizes[] = { 1, 2, 10, 255, 256, 257, 300 };
    for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++)
        for (unsigned step = 1; step <= 3; step++) {
            struct packed *p = packed_new();
            char name[16];
            for (size_t i = 0; i < sizes[k]; i++) {
                sprintf(name, i % 2 ? "%zu" : "n%zu", i * 7 % 1009);
                packed_append(&p, slice_z(name));
                for (unsigned s = 1; s < step; s++)
                    packed_append(&p, SLICE("same"));
            }
            ck_assert(packed_names_differ(p, step));
            packed_append(&p, slice_z(sizes[k] > 1 ? "7" : "n0"));
            for (unsigned s = 1; s < step; s++)
                packed_append(&p, SLICE("other"));
            ck_assert(!packed_names_differ(p, step));
            packed_free(p);
        }
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(packed_names_that_come_twice_are_seen),
    UNIT(packed_is_an_array),
    UNIT(packed_bytes_are_redis),
    UNIT(packed_finds),
    UNIT(packed_counts_beyond_the_field),
    UNIT(packed_damage_is_seen_or_harmless),
    UNIT(room_is_a_class),
    UNIT(intset_is_a_sorted_array),
    UNIT(intset_refuses_disorder),
};
UNIT_MAIN("packed", cases)
