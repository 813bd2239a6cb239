#include "core/base/buf.h"
#include "core/base/crc.h"
#include "core/base/glob.h"
#include "core/base/num.h"
#include "core/base/rand.h"
#include "core/base/vec.h"
#include "tests/unit/check_main.h"

START_TEST(integers_are_strict)
{
    int64_t v;
    ck_assert(num_to_i64(SLICE("-9223372036854775808"), &v) && v == INT64_MIN);
    ck_assert(num_to_i64(SLICE("9223372036854775807"), &v) && v == INT64_MAX);
    ck_assert(!num_to_i64(SLICE("9223372036854775808"), &v));
    ck_assert(!num_to_i64(SLICE("01"), &v) && !num_to_i64(SLICE("-0"), &v));
    ck_assert(!num_to_i64(SLICE(" 1"), &v) && !num_to_i64(SLICE(""), &v));
    ck_assert(!num_to_i64(SLICE("+1"), &v) && !num_to_i64(SLICE("1a"), &v));
}
END_TEST

START_TEST(integers_print)
{
    int64_t all[] = { 0, 9, 10, 99, 100, 12345, -1, INT64_MIN, INT64_MAX };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        char ours[32], theirs[32];
        size_t n = num_from_i64(ours, all[i]);
        snprintf(theirs, sizeof(theirs), "%lld", (long long)all[i]);
        ck_assert_uint_eq(n, strlen(theirs));
        ck_assert_int_eq(memcmp(ours, theirs, n), 0);
    }
}
END_TEST

START_TEST(doubles_round_trip)
{
    char text[NUM_DOUBLE_MAX];
    num_from_double(text, 0.1);
    ck_assert_str_eq(text, "0.1");
    num_from_double(text, 3.0);
    ck_assert_str_eq(text, "3");
    struct rng r;
    rng_seed(&r, 7);
    for (int i = 0; i < 10000; i++) {
        uint64_t bits = rng_next(&r);
        double d, back;
        memcpy(&d, &bits, 8);
        if (d != d || d - d != 0 || (d < 1e-300 && d > -1e-300)) continue;
        size_t n = num_from_double(text, d);
        ck_assert(num_to_double(slice_of(text, n), &back) && back == d);
    }
}
END_TEST

START_TEST(memory_units)
{
    uint64_t v;
    ck_assert(num_to_bytes(SLICE("1Gb"), &v) && v == 1u << 30);
    ck_assert(num_to_bytes(SLICE("1k"), &v) && v == 1000);
    ck_assert(!num_to_bytes(SLICE("1gib"), &v) && !num_to_bytes(SLICE("-1"), &v));
}
END_TEST

START_TEST(crc_check_value) { ck_assert_uint_eq(crc64(0, "123456789", 9), 0xe9c6d914c4b8d9cau); }
END_TEST

START_TEST(globs)
{
    static const struct {
        const char *p, *t;
        bool hit;
    } rows[] = { { "*", "", true },
                 { "h?llo", "hello", true },
                 { "h[ae]llo", "hallo", true },
                 { "h[^e]llo", "hello", false },
                 { "a*b*c", "aXbYbZc", true },
                 { "a*b", "aXc", false },
                 { "\\*", "*", true },
                 { "\\*", "a", false },
                 { "[a-c]x", "bx", true },
                 { "[c-a]x", "bx", true },
                 { "**", "abc", true },
                 { "", "", true },
                 { "", "a", false },
                 { "[-+]sdown", "+sdown", true } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        ck_assert_msg(glob_match(slice_z(rows[i].p), slice_z(rows[i].t), false) == rows[i].hit,
                      "%s against %s", rows[i].p, rows[i].t);
}
END_TEST

START_TEST(buffers_slide_and_shrink)
{
    struct buf b = { 0 };
    for (int i = 0; i < 1000; i++) {
        buf_fmt(&b, "%d,", i);
        if (i % 3 == 0) buf_consume(&b, 2);
    }
    ck_assert_int_eq(b.data[b.len - 1], ',');
    buf_consume(&b, buf_size(&b));
    ck_assert_uint_eq(b.pos, 0);
    buf_shrink(&b, 0);
    ck_assert_ptr_null(b.data);
}
END_TEST

static const struct unit_case cases[] = { UNIT(integers_are_strict),     UNIT(integers_print),
                                          UNIT(doubles_round_trip),      UNIT(memory_units),
                                          UNIT(crc_check_value),         UNIT(globs),
                                          UNIT(buffers_slide_and_shrink) };
UNIT_MAIN("base", cases)
