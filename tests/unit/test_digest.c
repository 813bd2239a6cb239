#include <string.h>

#include "core/base/mem.h"
#include "replication/backlog.h"
#include "replication/digest.h"
#include "tests/unit/check_main.h"

#define BYTES (5 * DIGEST_WINDOW)

static char text[BYTES];

static void fill(void)
{
    for (int i = 0; i < BYTES; i++) text[i] = (char)(i * 31 + i / 251);
}

/* The same bytes in pieces of another size. */
static void feed_in(struct digest *d, size_t from, size_t step)
{
    for (size_t at = from; at < BYTES; at += step)
        digest_add(d, slice_of(text + at, BYTES - at < step ? BYTES - at : step));
}

START_TEST(pieces_do_not_matter)
{
    static struct digest a, b;
    fill();
    digest_start(&a, 0);
    feed_in(&a, 0, BYTES);
    for (size_t step = 1; step < 3000; step = step * 3 + 1) {
        digest_start(&b, 0);
        feed_in(&b, 0, step);
        ck_assert_int_eq(b.last.end, BYTES);
        ck_assert_int_eq(digest_compare(&a, b.last), DIGEST_SAME);
    }
}
END_TEST

START_TEST(a_late_comer_has_the_same_windows)
{
    static struct digest a, b;
    fill();
    digest_start(&a, 0);
    digest_start(&b, 1003); /* no multiple of a word */
    feed_in(&a, 0, 777);
    digest_add(&b, slice_of(text + 1003, DIGEST_WINDOW - 1003));
    ck_assert_int_eq(b.last.end, 0); /* it has not seen all of that one */
    digest_add(&b, slice_of(text + DIGEST_WINDOW, DIGEST_WINDOW));
    ck_assert_int_eq(b.last.end, 2 * DIGEST_WINDOW);
    ck_assert_int_eq(digest_compare(&a, b.last), DIGEST_SAME);
}
END_TEST

START_TEST(one_bit_is_noticed)
{
    static struct digest a, b;
    fill();
    digest_start(&a, 0);
    feed_in(&a, 0, BYTES);
    for (int bit = 0; bit < 64; bit++) {
        size_t at = (size_t)(DIGEST_WINDOW + 997 * bit);
        text[at] ^= (char)(1 << bit % 8);
        digest_start(&b, 0);
        digest_add(&b, slice_of(text, 2 * DIGEST_WINDOW));
        ck_assert_int_eq(digest_compare(&a, b.last), DIGEST_DIFFERS);
        text[at] ^= (char)(1 << bit % 8);
    }
    digest_start(&b, 0);
    digest_add(&b, slice_of(text, 10));
    digest_spoil(&b);
    digest_add(&b, slice_of(text + 10, DIGEST_WINDOW - 10));
    ck_assert_int_eq(digest_compare(&a, b.last), DIGEST_DIFFERS);
}
END_TEST

START_TEST(unknown_windows)
{
    static struct digest a;
    digest_start(&a, 0);
    ck_assert_int_eq(digest_compare(&a, (struct digest_mark){ DIGEST_WINDOW, 5 }), DIGEST_UNKNOWN);
    ck_assert_int_eq(digest_compare(&a, (struct digest_mark){ 0, 0 }), DIGEST_UNKNOWN);
    digest_stop(&a);
    digest_add(&a, SLICE("x"));
    ck_assert_int_eq(a.at, 0);
}
END_TEST

START_TEST(as_text)
{
    struct digest_mark m, back;
    char out[DIGEST_TEXT_MAX];
    m = (struct digest_mark){ INT64_MAX, 0xfedcba9876543210u };
    ck_assert(digest_read(digest_write(m, out), &back));
    ck_assert(back.end == m.end && back.hash == m.hash);
    ck_assert(!digest_read(SLICE(""), &back));
    ck_assert(!digest_read(SLICE("5:0"), &back));
    ck_assert(!digest_read(SLICE(":0123456789abcdef"), &back));
    ck_assert(!digest_read(SLICE("0:0123456789abcdef"), &back));
    ck_assert(!digest_read(SLICE("-5:0123456789abcdef"), &back));
    ck_assert(!digest_read(SLICE("5:0123456789abcdeg"), &back));
}
END_TEST

START_TEST(backlog_by_time)
{
    struct backlog b = { 0 };
    struct backlog_want w = { .bytes = 1000, .max_bytes = 50000, .seconds = 10 };
    backlog_look(&b, 5000, 1000);
    ck_assert_int_eq(backlog_size(&b, &w), 1000);
    ck_assert_int_eq(backlog_covers_s(&b, 100), -1);
    backlog_look(&b, 7000, 2000); /* 2000 a second */
    ck_assert_int_eq(backlog_size(&b, &w), 20000);
    ck_assert_int_eq(backlog_covers_s(&b, 20000), 10);
    backlog_look(&b, 107000, 3000); /* a burst counts at once, up to the cap */
    ck_assert_int_eq(backlog_size(&b, &w), 50000);
    for (int i = 4; i < 200; i++) backlog_look(&b, 107000, i * 1000); /* and fades */
    ck_assert_int_lt(backlog_size(&b, &w), 20000);
    w.seconds = 0;
    ck_assert_int_eq(backlog_size(&b, &w), 1000);
    backlog_look(&b, 0, 300000); /* another history: no negative rate */
    ck_assert(b.rate >= 0);
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(pieces_do_not_matter), UNIT(a_late_comer_has_the_same_windows),
    UNIT(one_bit_is_noticed),   UNIT(unknown_windows),
    UNIT(as_text),              UNIT(backlog_by_time),
};
UNIT_MAIN("digest", cases)
