#include "core/base/rand.h"
#include "replication/history.h"
#include "tests/unit/check_main.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "cccccccccccccccccccccccccccccccccccccccc"

static enum history_answer ask(const struct history *h, const char *id, int64_t want)
{
    struct feed_window w = { .open = true, .first = 51, .end = 200 };
    return history_ask(h, &w, slice_z(id), want);
}

START_TEST(continue_or_full_is_a_table)
{
    struct history h;
    history_init(&h, A);
    history_promote(&h, 0, B, 100); /* A up to 100, B from 101 */
    const struct {
        const char *id;
        int64_t want;
        enum history_answer answer;
    } rows[] = {
        { "?", -1, HISTORY_NOT_ASKED },
        { B, 201, HISTORY_CONTINUE },
        { B, 202, HISTORY_TOO_NEW },
        { B, 51, HISTORY_CONTINUE },
        { B, 50, HISTORY_TOO_OLD },
        { B, -1, HISTORY_TOO_OLD },
        { A, 60, HISTORY_CONTINUE },
        { A, 101, HISTORY_CONTINUE },
        { A, 102, HISTORY_BEYOND },
        { A, 50, HISTORY_TOO_OLD },
        { "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 101, HISTORY_CONTINUE },
        { C, 60, HISTORY_UNKNOWN },
        { "0000000000000000000000000000000000000000", 60, HISTORY_UNKNOWN },
        { "", 60, HISTORY_UNKNOWN },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        ck_assert_msg(ask(&h, rows[i].id, rows[i].want) == rows[i].answer, "row %zu", i);
    struct feed_window closed = { .open = false, .first = 201, .end = 200 };
    ck_assert_int_eq(history_ask(&h, &closed, SLICE(B), 201), HISTORY_NO_FEED);
}
END_TEST

START_TEST(no_second_id_is_forty_zeros)
{
    struct history h;
    history_init(&h, A);
    ck_assert_str_eq(history_id2(&h), "0000000000000000000000000000000000000000");
    ck_assert_int_eq(history_second_offset(&h), -1);
    ck_assert_int_eq(ask(&h, history_id2(&h), 60), HISTORY_UNKNOWN);
}
END_TEST

START_TEST(ids_shift_at_promotion_and_continue)
{
    struct history h;
    history_init(&h, A);
    history_promote(&h, 0, B, 100);
    ck_assert_str_eq(history_id(&h), B);
    ck_assert_str_eq(history_id2(&h), A);
    ck_assert_int_eq(history_second_offset(&h), 101);
    ck_assert(!history_continue(&h, B, 150));
    ck_assert_int_eq(history_second_offset(&h), 101);
    ck_assert(history_continue(&h, C, 150));
    ck_assert_str_eq(history_id2(&h), B);
    ck_assert_int_eq(history_second_offset(&h), 151);
    history_adopt(&h, A);
    ck_assert_str_eq(history_id(&h), A);
    ck_assert_int_eq(history_second_offset(&h), -1);
}
END_TEST

START_TEST(restart_keeps_or_shifts)
{
    struct history h;
    history_restore_replica(&h, A);
    ck_assert_str_eq(history_id(&h), A);
    history_restore_master(&h, B, A, 77);
    ck_assert_str_eq(history_id(&h), B);
    ck_assert_str_eq(history_id2(&h), A);
    ck_assert_int_eq(history_second_offset(&h), 78);
}
END_TEST

START_TEST(the_list_is_bounded)
{
    struct history h;
    struct rng r;
    char id[REPLID_LEN + 1] = { 0 }, before[REPLID_LEN + 1];
    rng_seed(&r, 1);
    history_init(&h, A);
    int64_t offset = 0;
    for (int i = 0; i < 100; i++) {
        text_copy(before, sizeof(before), history_id(&h));
        rng_hex(&r, id, REPLID_LEN);
        offset += (int64_t)rng_below(&r, 3);
        history_promote(&h, (uint64_t)i, id, offset);
        ck_assert_int_le(h.n, HISTORY_MAX);
        ck_assert_str_eq(history_id(&h), id);
        ck_assert_str_eq(history_id2(&h), before);
        ck_assert_int_eq(history_second_offset(&h), offset + 1);
    }
}
END_TEST

START_TEST(ids_from_outside_are_checked)
{
    char id[REPLID_LEN + 1];
    ck_assert(replid_read(SLICE(A), id));
    ck_assert(replid_read(SLICE("ABCDEF7890ABCDEF7890ABCDEF7890ABCDEF7890"), id));
    ck_assert_str_eq(id, "abcdef7890abcdef7890abcdef7890abcdef7890");
    ck_assert(!replid_read(SLICE("abc"), id));
    ck_assert(!replid_read(SLICE("g" A), id));
    ck_assert(!replid_read(SLICE("gggggggggggggggggggggggggggggggggggggggg"), id));
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(continue_or_full_is_a_table),
    UNIT(no_second_id_is_forty_zeros),
    UNIT(ids_shift_at_promotion_and_continue),
    UNIT(restart_keeps_or_shifts),
    UNIT(the_list_is_bounded),
    UNIT(ids_from_outside_are_checked),
};
UNIT_MAIN("history", cases)
