#include "replication/early.h"
#include "tests/unit/check_main.h"

START_TEST(from_anywhere)
{
    struct early e = { 0 };
    ck_assert_uint_eq(early_from(&e, 0).n, 0);
    early_put(&e, SLICE("ab"));
    early_put(&e, SLICE(""));
    early_put(&e, SLICE("cdef"));
    early_put(&e, SLICE("g"));
    ck_assert_int_eq(e.end, 7);
    for (int64_t at = 0; at < 7; at++) {
        struct str got = { 0 };
        for (int64_t i = at; i < e.end;) { /* a reader goes on from where each slice ends */
            struct slice s = early_from(&e, i);
            ck_assert_uint_gt(s.n, 0);
            struct str both = str_fmt("%.*s%.*s", (int)got.n, got.p ? got.p : "", SLICE_ARG(s));
            str_free(&got);
            got = both;
            i += (int64_t)s.n;
        }
        ck_assert(slice_eqz(str_slice(got), "abcdefg" + at));
        str_free(&got);
    }
    ck_assert_uint_eq(early_from(&e, 7).n, 0);
    ck_assert_uint_eq(early_from(&e, -1).n, 0);
    early_free(&e);
}
END_TEST

START_TEST(given_back_in_parts)
{
    struct early e = { 0 };
    for (int i = 0; i < 10; i++) early_put(&e, SLICE("0123456789"));
    ck_assert(early_drop(&e, 4));
    ck_assert(early_drop(&e, 4));
    ck_assert(!early_drop(&e, 4));
    ck_assert(!early_drop(&e, 4));
    ck_assert_int_eq(e.end, 0);
    early_put(&e, SLICE("again"));
    ck_assert(slice_eqz(early_from(&e, 0), "again"));
    early_free(&e);
}
END_TEST

static const struct unit_case cases[] = { UNIT(from_anywhere), UNIT(given_back_in_parts) };
UNIT_MAIN("early", cases)
