#include "replication/handover.h"
#include "tests/unit/check_main.h"

static struct handover h;
static struct handover_request q;
static struct handover_peer p[] = { { "a", 1, true, 50 },
                                    { "b", 2, true, 90 },
                                    { "c", 3, false, 0 } };

static void begin(const char *host, int port, bool force, int64_t timeout_ms)
{
    q = (struct handover_request){ .named = host != NULL,
                                   .force = force,
                                   .timeout_ms = timeout_ms };
    if (host) text_copy(q.host, sizeof(q.host), host);
    q.port = port;
    handover_begin(&h, &q, 1000);
}

START_TEST(any_replica_that_has_everything)
{
    begin(NULL, 0, false, 0);
    ck_assert_int_eq(handover_look(&h, 1000, 100, p, 3), HANDOVER_STAYS);
    ck_assert_int_eq(handover_look(&h, INT64_MAX - 1, 100, p, 3), HANDOVER_STAYS);
    ck_assert_int_eq(handover_look(&h, 1000, 90, p, 3), HANDOVER_SWITCHES);
    ck_assert_str_eq(h.host, "b");
    ck_assert_int_eq(h.port, 2);
    ck_assert_int_eq(h.must_have, 90);
}
END_TEST

START_TEST(only_the_named_one)
{
    begin("A", 1, false, 0); /* host names have no case */
    ck_assert_int_eq(handover_look(&h, 1000, 90, p, 3), HANDOVER_STAYS);
    ck_assert_int_eq(handover_look(&h, 1000, 50, p, 3), HANDOVER_SWITCHES);
    ck_assert_str_eq(h.host, "a");
    begin("c", 3, false, 0);
    ck_assert_int_eq(handover_look(&h, 1000, 0, p, 3), HANDOVER_STAYS); /* not online */
}
END_TEST

START_TEST(time_is_up)
{
    begin("a", 1, false, 10);
    ck_assert_int_eq(handover_look(&h, 1009, 90, p, 3), HANDOVER_STAYS);
    ck_assert_int_eq(handover_look(&h, 1010, 90, p, 3), HANDOVER_LATE);
    begin("a", 1, true, 10);
    ck_assert_int_eq(handover_look(&h, 1010, 90, p, 3), HANDOVER_SWITCHES);
    ck_assert_str_eq(h.host, "a");
    ck_assert_int_eq(h.must_have, -1); /* loss was accepted */
    handover_goes(&h, 2000, 500);
    ck_assert_str_eq(handover_state_name(&h), "failover-in-progress");
    ck_assert_int_eq(handover_unheard(&h, 2499), HANDOVER_STAYS);
    ck_assert_int_eq(handover_unheard(&h, 2500), HANDOVER_LATE);
    handover_end(&h);
    ck_assert_str_eq(handover_state_name(&h), "no-failover");
}
END_TEST

START_TEST(the_target_must_have_what_it_acknowledged)
{
    ck_assert_ptr_null(handover_take_refusal(false, true, 90, 90));
    ck_assert_ptr_null(handover_take_refusal(false, true, 0, -1));
    ck_assert_str_eq(handover_take_refusal(false, true, 89, 90),
                     "PSYNC FAILOVER needs data that I do not have.");
    ck_assert_str_eq(handover_take_refusal(false, false, 90, 90),
                     "PSYNC FAILOVER replid must match my replid.");
    ck_assert_str_eq(handover_take_refusal(true, true, 90, 90),
                     "PSYNC FAILOVER can't be sent to a master.");
}
END_TEST

static const char *refusal(bool master, int n) { return handover_refusal(&h, &q, master, p, n); }

START_TEST(refusals_in_order)
{
    handover_end(&h);
    q = (struct handover_request){ .abort = true };
    ck_assert_str_eq(refusal(true, 3), "No failover in progress.");
    q = (struct handover_request){ 0 };
    ck_assert_ptr_null(refusal(true, 3));
    ck_assert_str_eq(refusal(false, 3), "FAILOVER is not valid when server is a replica.");
    ck_assert_str_eq(refusal(true, 0), "FAILOVER requires connected replicas.");
    q = (struct handover_request){ .named = true, .host = "x", .port = 1 };
    ck_assert_str_eq(refusal(true, 3), "FAILOVER target HOST and PORT is not a replica.");
    q = (struct handover_request){ .named = true, .host = "c", .port = 3 };
    ck_assert_str_eq(refusal(true, 3), "FAILOVER target replica is not online.");
    q = (struct handover_request){ .force = true, .timeout_ms = 5 };
    ck_assert_ptr_nonnull(strstr(refusal(true, 3), "requires both"));
    begin("a", 1, false, 10);
    ck_assert_str_eq(refusal(true, 3), "FAILOVER already in progress.");
    q.abort = true;
    ck_assert_ptr_null(refusal(false, 0));
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(any_replica_that_has_everything),           UNIT(only_the_named_one), UNIT(time_is_up),
    UNIT(the_target_must_have_what_it_acknowledged), UNIT(refusals_in_order),
};
UNIT_MAIN("handover", cases)
