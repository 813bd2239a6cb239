#include "replication/fence.h"

#include <stdio.h>

#include "tests/unit/check_main.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ID_C "cccccccccccccccccccccccccccccccccccccccc"

static void hello(struct fence *f, const char *id, int conn, int port, int epoch, int64_t now)
{
    char text[200];
    snprintf(text, sizeof(text), "10.0.0.9,26379,%s,%d,m,10.0.0.1,%d,%d", id, epoch, port, epoch);
    struct fence_hello h = fence_parse(slice_z(text));
    ck_assert(h.valid);
    fence_hear_hello(f, &h, FENCE_UNKNOWN_ADDRESS, (uint64_t)conn, now);
}

static void all_hello(struct fence *f, int64_t now)
{
    hello(f, ID_A, 1, 6379, 3, now);
    hello(f, ID_B, 2, 6379, 3, now);
    hello(f, ID_C, 3, 6379, 3, now);
}

static struct fence started(void)
{
    struct fence f;
    fence_init(&f, 1000);
    f.window = 600;
    all_hello(&f, 1000);
    fence_followers(&f, 1, 1000, 1000);
    return f;
}

START_TEST(parses_eight_fields_only)
{
    ck_assert(!fence_parse(SLICE("")).valid);
    ck_assert(!fence_parse(SLICE("leaving," ID_A)).valid);
    ck_assert(!fence_parse(SLICE("h,1," ID_A ",1,m,10.0.0.1,6379,1,9")).valid);
    ck_assert(!fence_parse(SLICE("h,1,short,1,m,10.0.0.1,6379,1")).valid);
    ck_assert(!fence_parse(SLICE("h,1," ID_A ",1,m,10.0.0.1,6379,x")).valid);
    ck_assert(fence_parse(SLICE("h,1," ID_A ",1,m,10.0.0.1,6379,1")).valid);
}
END_TEST

START_TEST(a_newer_configuration_overrules)
{
    struct fence f = started();
    hello(&f, ID_A, 1, 6380, 3, 1100); /* another name in our epoch: one more of ours */
    ck_assert(!fence_closed(&f));
    hello(&f, ID_A, 1, 6399, 2, 1100); /* old news */
    ck_assert(!fence_closed(&f));
    hello(&f, ID_A, 1, 6381, 4, 1200);
    ck_assert_int_eq(f.state, FENCE_OVERRULED);
    fence_followers(&f, 1, 1300, 1300);
    fence_look(&f, 1300); /* nothing but a newer one takes that back */
    hello(&f, ID_B, 2, 6379, 3, 1300);
    ck_assert_int_eq(f.state, FENCE_OVERRULED);
    hello(&f, ID_B, 2, 6379, 5, 1400);
    ck_assert(!fence_closed(&f));
}
END_TEST

START_TEST(another_group_is_no_matter_of_ours)
{
    struct fence f = started();
    struct fence_hello h = fence_parse(SLICE("h,1," ID_A ",9,other,10.0.0.7,1,9"));
    fence_hear_hello(&f, &h, FENCE_UNKNOWN_ADDRESS, 1, 1100);
    ck_assert(!fence_closed(&f));
}
END_TEST

START_TEST(silence_closes_and_an_ack_opens)
{
    struct fence f = started();
    fence_hear(&f, 1, 1500);
    fence_hear(&f, 2, 1500); /* two of three: a majority */
    ck_assert(!fence_look(&f, 1700));
    ck_assert(fence_look(&f, 1900)); /* half a window: the replicas are asked */
    ck_assert(!fence_look(&f, 2000));
    ck_assert(!fence_closed(&f));
    fence_look(&f, 2200);
    ck_assert_int_eq(f.state, FENCE_ALONE);
    fence_look(&f, 2300);
    ck_assert(fence_closed(&f));
    fence_followers(&f, 1, 2310, 2310);
    fence_look(&f, 2320);
    ck_assert(!fence_closed(&f));
}
END_TEST

START_TEST(a_replica_that_answers_keeps_it_open)
{
    struct fence f = started();
    for (int64_t now = 1400; now < 9000; now += 100) {
        if (fence_look(&f, now)) fence_followers(&f, 1, now + 5, now + 5);
        ck_assert(!fence_closed(&f));
    }
}
END_TEST

/* On the smaller side with one of two replicas: the other one may be the new master. */
START_TEST(one_replica_of_two_is_not_enough)
{
    struct fence f = started();
    fence_followers(&f, 2, 1000, 1000);
    for (int64_t now = 1200; now < 3000; now += 100) {
        fence_followers(&f, 2, 1000, now); /* the silent one's last */
        fence_look(&f, now);
    }
    ck_assert_int_eq(f.state, FENCE_ALONE);
    fence_followers(&f, 1, 3000, 3000); /* it was dropped, the other goes on */
    fence_look(&f, 3010);
    ck_assert(fence_closed(&f));
    fence_followers(&f, 2, 3100, 3100);
    fence_look(&f, 3110);
    ck_assert(!fence_closed(&f));
}
END_TEST

START_TEST(a_replica_that_left_does_not_count)
{
    struct fence f = started();
    fence_followers(&f, 2, 1000, 1000);
    fence_follower_left(&f, 1100);
    for (int64_t now = 1200; now < 9000; now += 100) {
        bool ask = fence_look(&f, now);
        fence_followers(&f, 1, ask ? now + 5 : f.acked, now + 5);
        ck_assert(!fence_closed(&f));
    }
}
END_TEST

START_TEST(hellos_of_a_majority_open)
{
    struct fence f = started();
    fence_look(&f, 1400);
    fence_look(&f, 1800);
    ck_assert_int_eq(f.state, FENCE_ALONE);
    hello(&f, ID_A, 4, 6379, 3, 1900);
    fence_hear(&f, 4, 1910); /* anything else is not enough */
    fence_hear(&f, 2, 1910);
    fence_look(&f, 1910);
    ck_assert(fence_closed(&f));
    hello(&f, ID_B, 5, 6379, 3, 1920);
    fence_look(&f, 1930);
    ck_assert(!fence_closed(&f));
}
END_TEST

START_TEST(sleep_closes_at_once)
{
    struct fence f = started();
    fence_slept(&f, 9000);
    ck_assert_int_eq(f.state, FENCE_ALONE);
    all_hello(&f, 9000); /* what lay in the sockets */
    fence_followers(&f, 1, 8999, 9000);
    for (int conn = 1; conn <= 3; conn++) fence_gone(&f, (uint64_t)conn, 9001);
    fence_look(&f, 9020);
    ck_assert(fence_closed(&f));
    hello(&f, ID_A, 7, 6381, 4, 9030);
    ck_assert_int_eq(f.state, FENCE_OVERRULED);
}
END_TEST

START_TEST(a_long_sleep_is_no_minute_without_replicas)
{
    struct fence f = started();
    fence_followers(&f, 1, 8999, 200000); /* still attached, as far as it can see */
    fence_slept(&f, 200000);
    ck_assert_int_eq(f.state, FENCE_ALONE);
}
END_TEST

START_TEST(who_left_is_not_counted)
{
    struct fence f = started();
    for (int conn = 1; conn <= 3; conn++) fence_gone(&f, (uint64_t)conn, 1100);
    ck_assert(!fence_armed(&f));
    for (int64_t now = 1200; now < 5000; now += 200) ck_assert(!fence_look(&f, now));
    ck_assert(!fence_closed(&f));
}
END_TEST

START_TEST(without_replicas_nobody_can_replace_us)
{
    struct fence f;
    fence_init(&f, 1000);
    f.window = 600;
    all_hello(&f, 1000);
    for (int64_t now = 1200; now < 9000; now += 200) fence_look(&f, now);
    fence_slept(&f, 20000);
    ck_assert(!fence_closed(&f));
}
END_TEST

START_TEST(promotion_learns_its_name_anew)
{
    struct fence f = started();
    fence_role(&f, false, 2000);
    hello(&f, ID_A, 1, 6381, 4, 2100); /* our master */
    fence_role(&f, true, 3000);
    hello(&f, ID_B, 2, 6381, 4, 3100); /* late */
    ck_assert(!fence_closed(&f));
    hello(&f, ID_A, 1, 6379, 5, 3200);
    ck_assert(!fence_closed(&f));
    hello(&f, ID_A, 1, 6381, 6, 3300);
    ck_assert(fence_closed(&f));
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(parses_eight_fields_only),
    UNIT(a_newer_configuration_overrules),
    UNIT(another_group_is_no_matter_of_ours),
    UNIT(silence_closes_and_an_ack_opens),
    UNIT(a_replica_that_answers_keeps_it_open),
    UNIT(one_replica_of_two_is_not_enough),
    UNIT(a_replica_that_left_does_not_count),
    UNIT(hellos_of_a_majority_open),
    UNIT(sleep_closes_at_once),
    UNIT(a_long_sleep_is_no_minute_without_replicas),
    UNIT(who_left_is_not_counted),
    UNIT(without_replicas_nobody_can_replace_us),
    UNIT(promotion_learns_its_name_anew),
};
UNIT_MAIN("fence", cases)
