#include "sentinel/heap.h"
#include "sentinel/schedule.h"
#include "tests/unit/sn_fixture.h"

static uint32_t master_link(struct fixture *f) { return fx_group(f)->master->link->id; }

START_TEST(unreachable_from_the_start)
{
    struct fixture f = fx_boot((const char *const[]){ FX_GROUP, NULL });
    ck_assert_ptr_nonnull(fx_act(&f, SN_DO_CONNECT, 0));
    fx_run_to(&f, 1999);
    ck_assert(!fx_group(&f)->master->s_down);
    fx_run_to(&f, 2000);
    ck_assert(fx_group(&f)->master->s_down);
    fx_end(&f);
}
END_TEST

START_TEST(silence_is_counted_from_the_unanswered_ping)
{
    struct fixture f = fx_boot((const char *const[]){ FX_GROUP, NULL });
    f.now = 1500;
    fx_up(&f, master_link(&f), SN_CMD);
    const struct sn_action *ping = fx_sent(&f, "PING");
    ck_assert_ptr_nonnull(ping);
    f.now = 1510;
    fx_reply(&f, ping, SN_VAL_STATUS, "PONG");
    ck_assert_int_eq(fx_group(&f)->master->link->act_ping, SN_NEVER);
    /* The next PING goes out a twentieth of down-after later and stays unanswered. */
    fx_run_to(&f, 1549);
    ck_assert_int_eq(fx_group(&f)->master->link->act_ping, SN_NEVER);
    fx_run_to(&f, 1550);
    ck_assert_int_eq(fx_group(&f)->master->link->act_ping, 1550);
    fx_run_to(&f, 2549);
    ck_assert(!fx_group(&f)->master->s_down);
    fx_run_to(&f, 2550);
    ck_assert(fx_group(&f)->master->s_down);
    fx_end(&f);
}
END_TEST

START_TEST(a_closed_link_counts_from_the_last_reply)
{
    struct fixture f = fx_boot((const char *const[]){ FX_GROUP, NULL });
    fx_up(&f, master_link(&f), SN_CMD);
    const struct sn_action *ping = fx_sent(&f, "PING");
    f.now = 1020;
    fx_reply(&f, ping, SN_VAL_ERROR, "LOADING x");
    f.now = 1040;
    fx_step(&f, (struct sn_event){ .kind = SN_LINK_DOWN, .link = master_link(&f) });
    for (f.now = 1041; f.now < 2020; f.now++) {
        const struct sn_action *c;
        fx_step(&f, (struct sn_event){ .kind = SN_TICK });
        if ((c = fx_act(&f, SN_DO_CONNECT, 0)))
            fx_step(&f, (struct sn_event){ .kind = SN_LINK_DOWN, .link = c->link });
        ck_assert(!fx_group(&f)->master->s_down);
    }
    fx_step(&f, (struct sn_event){ .kind = SN_TICK });
    ck_assert(fx_group(&f)->master->s_down);
    fx_end(&f);
}
END_TEST

START_TEST(errors_are_no_sign_of_health_but_busy_kills_the_script)
{
    struct fixture f = fx_boot((const char *const[]){ FX_GROUP, NULL });
    fx_up(&f, master_link(&f), SN_CMD);
    int64_t since = f.now;
    const struct sn_action *ping = fx_sent(&f, "PING");
    fx_reply(&f, ping, SN_VAL_ERROR, "MISCONF disk");
    ck_assert_int_eq(fx_group(&f)->master->link->act_ping, since);
    while (!fx_sent(&f, "SCRIPT KILL") && f.now < 3000) {
        f.now++;
        fx_step(&f, (struct sn_event){ .kind = SN_TICK });
        if ((ping = fx_sent(&f, "PING"))) {
            struct sn_action again = *ping;
            bool down = fx_group(&f)->master->s_down;
            fx_reply(&f, &again, SN_VAL_ERROR, down ? "BUSY script" : "MISCONF disk");
        }
    }
    ck_assert(fx_group(&f)->master->s_down);
    ck_assert_ptr_nonnull(fx_sent(&f, "SCRIPT KILL"));
    ck_assert(fx_group(&f)->master->script_kill_sent);
    fx_end(&f);
}
END_TEST

START_TEST(one_ping_at_a_time_and_a_silent_link_is_replaced)
{
    struct fixture f = fx_boot((const char *const[]){ FX_GROUP, NULL });
    unsigned pings = 0, closed = 0;
    fx_up(&f, master_link(&f), SN_CMD);
    for (; f.now < 4000; f.now += 10) {
        fx_step(&f, (struct sn_event){ .kind = SN_TICK });
        pings += fx_sent(&f, "PING") != NULL;
        closed += fx_act(&f, SN_DO_DISCONNECT, 0) != NULL;
    }
    ck_assert_uint_eq(pings, 0);
    ck_assert_uint_ge(closed, 1);
    fx_end(&f);
}
END_TEST

START_TEST(a_stall_is_forgiven_a_long_one_is_tilt)
{
    struct fixture f = fx_boot((const char *const[]){ FX_GROUP, NULL });
    fx_up(&f, master_link(&f), SN_CMD);
    f.now += 1800; /* more than down-after, but we did not run */
    fx_step(&f, (struct sn_event){ .kind = SN_TICK });
    ck_assert(!fx_group(&f)->master->s_down && !f.core->tilt);
    f.now += 5000;
    fx_step(&f, (struct sn_event){ .kind = SN_TICK });
    ck_assert(f.core->tilt && fx_event(&f, SN_EVT_TILT));
    ck_assert_int_eq(sn_tilt_seconds(f.core, f.now), 0);
    fx_run_to(&f, f.now + fx_group(&f)->saved.down_after_ms - 1);
    ck_assert(f.core->tilt && !fx_group(&f)->master->s_down);
    fx_run_to(&f, f.now + 1);
    ck_assert(!f.core->tilt && fx_group(&f)->master->s_down);
    fx_end(&f);
}
END_TEST

START_TEST(the_heap_keeps_the_least_in_front)
{
    struct sn_core *core = sn_core_new(3, ID_A);
    struct sn_group g[50];
    for (size_t i = 0; i < 50; i++) {
        g[i].due = (int64_t)(i * 37 % 50);
        sn_heap_add(core, &g[i]);
    }
    for (int round = 0; round < 1000; round++) {
        struct sn_group *x = &g[rng_below(&core->rng, 50)];
        x->due = (int64_t)rng_below(&core->rng, 1000);
        sn_heap_moved(core, x);
        for (size_t i = 0; i < 50; i++) ck_assert_int_le(core->heap.at[0]->due, g[i].due);
    }
    for (size_t i = 0; i < 50; i++) sn_heap_remove(core, &g[i]);
    ck_assert_uint_eq(core->heap.n, 0);
    ck_assert_int_eq(sn_deadline(core), INT64_MAX);
    sn_core_delete(core);
}
END_TEST

START_TEST(an_idle_sentinel_sleeps)
{
    struct fixture f = fx_boot((const char *const[]){ NULL });
    ck_assert_int_eq(sn_deadline(f.core), INT64_MAX);
    fx_end(&f);
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(unreachable_from_the_start),
    UNIT(silence_is_counted_from_the_unanswered_ping),
    UNIT(a_closed_link_counts_from_the_last_reply),
    UNIT(errors_are_no_sign_of_health_but_busy_kills_the_script),
    UNIT(one_ping_at_a_time_and_a_silent_link_is_replaced),
    UNIT(a_stall_is_forgiven_a_long_one_is_tilt),
    UNIT(the_heap_keeps_the_least_in_front),
    UNIT(an_idle_sentinel_sleeps),
};
UNIT_MAIN("sn_down", cases)
