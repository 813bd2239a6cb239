#include "replication/quorum.h"
#include "tests/unit/check_main.h"

static const struct quorum_vote votes[] = {
    { true, 100, 10000 },
    { true, 90, 4000 },
    { false, 500, 10000 },
    { true, 100, 500 },
};

START_TEST(wait_counts_online_only)
{
    ck_assert_int_eq(quorum_count(votes, 4, 100), 2);
    ck_assert_int_eq(quorum_count(votes, 4, 90), 3);
    ck_assert_int_eq(quorum_count(votes, 4, 101), 0);
    ck_assert_int_eq(quorum_count(votes, 0, 0), 0);
}
END_TEST

START_TEST(offset_that_enough_have)
{
    ck_assert_int_eq(quorum_offset(votes, 4, 0), INT64_MAX);
    ck_assert_int_eq(quorum_offset(votes, 4, 1), 100);
    ck_assert_int_eq(quorum_offset(votes, 4, 2), 100);
    ck_assert_int_eq(quorum_offset(votes, 4, 3), 90);
    ck_assert_int_eq(quorum_offset(votes, 4, 4), -1);
}
END_TEST

START_TEST(min_replicas)
{
    ck_assert_int_eq(quorum_good(votes, 4, 10000, 10), 3);
    ck_assert_int_eq(quorum_good(votes, 4, 10000, 6), 2);
    ck_assert_int_eq(quorum_good(votes, 4, 10000, 5), 1);
    ck_assert_int_eq(quorum_good(votes, 4, 10000, 0), 1);
    ck_assert(quorum_allows(0, 0, 10));
    ck_assert(quorum_allows(0, 3, 0));
    ck_assert(quorum_allows(3, 3, 10));
    ck_assert(!quorum_allows(2, 3, 10));
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(wait_counts_online_only),
    UNIT(offset_that_enough_have),
    UNIT(min_replicas),
};
UNIT_MAIN("quorum", cases)
