#include "core/types/hll.h"
#include "tests/unit/check_main.h"

/* Both forms hold the same registers after the same elements, and the estimate is near. */
START_TEST(forms_agree)
{
    struct buf sparse = { 0 }, dense = { 0 };
    hll_init(&sparse);
    hll_init(&dense);
    ck_assert(hll_is(buf_slice(&sparse)) && hll_is_sparse(buf_slice(&sparse)));
    ck_assert(hll_to_dense(&dense) && !hll_is_sparse(buf_slice(&dense)));
    for (uint64_t i = 0; i < 20000; i++) {
        struct slice element = slice_of((const char *)&i, sizeof(i));
        ck_assert_int_eq(hll_add(&sparse, element, HLL_DENSE_SIZE), hll_add(&dense, element, 0));
    }
    uint8_t a[HLL_REGISTERS] = { 0 }, b[HLL_REGISTERS] = { 0 };
    ck_assert(hll_merge(buf_slice(&sparse), a) && hll_merge(buf_slice(&dense), b));
    ck_assert_mem_eq(a, b, sizeof(a));
    uint64_t n = hll_estimate(a);
    ck_assert(n > 19000 && n < 21000);
    buf_free(&sparse);
    buf_free(&dense);
}
END_TEST

START_TEST(count_is_kept)
{
    struct buf b = { 0 };
    uint64_t n;
    hll_init(&b);
    ck_assert(hll_known_count(buf_slice(&b), &n) && n == 0);
    ck_assert_int_eq(hll_add(&b, SLICE("a"), 3000), HLL_CHANGED);
    ck_assert_int_eq(hll_add(&b, SLICE("a"), 3000), HLL_SAME);
    hll_forget_count(&b);
    ck_assert(!hll_known_count(buf_slice(&b), &n));
    hll_keep_count(&b, 123456789012);
    ck_assert(hll_known_count(buf_slice(&b), &n) && n == 123456789012);
    buf_free(&b);
}
END_TEST

START_TEST(grows_dense_at_the_limit)
{
    struct buf b = { 0 };
    hll_init(&b);
    for (unsigned i = 0; i < HLL_REGISTERS && hll_is_sparse(buf_slice(&b)); i += 3) {
        ck_assert(buf_size(&b) <= 300);
        ck_assert_int_eq(hll_raise(&b, i, 5, 300), HLL_CHANGED);
    }
    ck_assert_uint_eq(buf_size(&b), HLL_DENSE_SIZE);
    hll_init(&b);
    ck_assert_int_eq(hll_raise(&b, 7, 33, 3000), HLL_CHANGED); /* no room for that in a run */
    ck_assert(!hll_is_sparse(buf_slice(&b)));
    buf_free(&b);
}
END_TEST

START_TEST(broken_is_refused)
{
    static const char *const runs[] = { "", "\x7f", "\x7f\xfe", "\x7f\xff\x80", "\xff\xff\xff" };
    uint8_t registers[HLL_REGISTERS] = { 0 };
    ck_assert(!hll_is(SLICE("")) && !hll_is(SLICE("HYLL\x00")));
    for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
        struct buf b = { 0 };
        buf_puts(&b, slice_of("HYLL\x01\0\0\0\0\0\0\0\0\0\0\0", HLL_HEAD));
        buf_puts(&b, slice_z(runs[i]));
        ck_assert(!hll_merge(buf_slice(&b), registers));
        ck_assert(!hll_to_dense(&b) && hll_is_sparse(buf_slice(&b)));
        buf_free(&b);
    }
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(forms_agree),
    UNIT(count_is_kept),
    UNIT(grows_dense_at_the_limit),
    UNIT(broken_is_refused),
};
UNIT_MAIN("hll", cases)
