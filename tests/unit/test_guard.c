#include "replication/guard.h"
#include "tests/unit/check_main.h"

static const struct guard_case loss = {
    .on = true, .grace_ms = 1000, .replicated = true, .foreign = true, .ours = 5000, .theirs = 0
};

START_TEST(the_classic_loss)
{
    struct guard g = { 0 };
    ck_assert_int_eq(guard_left_ms(&g, 1000, 7000), -1);
    ck_assert(guard_refuses(&g, &loss, 7000));
    ck_assert(guard_refuses(&g, &loss, 7999));
    ck_assert_int_eq(guard_left_ms(&g, 1000, 7400), 600);
    ck_assert(!guard_refuses(&g, &loss, 8000)); /* the grace time is over */
    ck_assert_uint_eq(g.refusals, 2);
    guard_settled(&g);
    ck_assert(guard_refuses(&g, &loss, 9000)); /* another one, a new grace time */
    struct guard_case c = loss;
    c.grace_ms = 0;
    ck_assert(guard_refuses(&g, &c, 1000000)); /* for ever */
}
END_TEST

START_TEST(what_is_no_loss)
{
    struct guard g = { 0 };
    struct guard_case c = loss;
    c.on = false;
    ck_assert(!guard_refuses(&g, &c, 1));
    c = loss, c.replicated = false; /* a master that was told to follow */
    ck_assert(!guard_refuses(&g, &c, 1));
    c = loss, c.foreign = false; /* FLUSHALL on our own master */
    ck_assert(!guard_refuses(&g, &c, 1));
    c = loss, c.ours = 0;
    ck_assert(!guard_refuses(&g, &c, 1));
    ck_assert_uint_eq(g.refusals, 0);
}
END_TEST

START_TEST(far_less)
{
    struct guard g = { 0 };
    struct guard_case c = loss;
    c.theirs = 2499;
    ck_assert(guard_refuses(&g, &c, 1));
    c.theirs = 2500;
    ck_assert(!guard_refuses(&g, &c, 1));
    c.ours = 1, c.theirs = 0; /* one key is data too */
    ck_assert(guard_refuses(&g, &c, 1));
    c.theirs = 1;
    ck_assert(!guard_refuses(&g, &c, 1));
}
END_TEST

static const struct unit_case cases[] = { UNIT(the_classic_loss), UNIT(what_is_no_loss),
                                          UNIT(far_less) };
UNIT_MAIN("guard", cases)
