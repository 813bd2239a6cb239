#include "sentinel/pick.h"
#include "sentinel/vote.h"
#include "tests/unit/sn_fixture.h"

static const char *const three[] = { FX_GROUP,
                                     "known-replica mymaster 10.0.0.2 6380",
                                     "known-replica mymaster 10.0.0.3 6381",
                                     "known-replica mymaster 10.0.0.4 6382",
                                     "known-sentinel mymaster 10.0.0.5 26379 " ID_B,
                                     "known-sentinel mymaster 10.0.0.6 26379 " ID_C,
                                     NULL };

static const struct sn_action *ask(struct fixture *f, const char *epoch, const char *runid)
{
    struct slice argv[] = { SLICE("10.0.0.1"), SLICE("6379"), slice_z(epoch), slice_z(runid) };
    fx_step(f, (struct sn_event){ .kind = SN_ASKED, .argv = argv, .argc = 4, .asker = 5 });
    const struct sn_action *a = fx_act(f, SN_DO_ANSWER, 0);
    ck_assert_ptr_nonnull(a);
    ck_assert_uint_eq(a->asker, 5);
    return a;
}

START_TEST(one_vote_an_epoch_saved_first)
{
    struct fixture f = fx_boot(three);
    const struct sn_action *a = ask(&f, "3", ID_B);
    ck_assert_int_eq(f.acts.list.at[0].kind, SN_DO_PERSIST);
    ck_assert(slice_eqz(a->text, ID_B) && a->epoch == 3 && a->after_save && a->integer == 0);
    a = ask(&f, "3", ID_C);
    ck_assert(slice_eqz(a->text, ID_B) && a->epoch == 3 && !a->after_save);
    ck_assert_ptr_null(fx_act(&f, SN_DO_PERSIST, 0));
    a = ask(&f, "2", ID_C);
    ck_assert(slice_eqz(a->text, ID_B) && a->epoch == 3);
    a = ask(&f, "4", ID_C); /* B may be about to promote */
    ck_assert(slice_eqz(a->text, ID_B) && a->epoch == 3);
    f.now += 250;
    a = ask(&f, "4", ID_C);
    ck_assert(slice_eqz(a->text, ID_C) && a->epoch == 4);
    ck_assert_uint_eq(f.core->saved.current_epoch, 4);
    /* We leave the one we voted for some time. */
    ck_assert_int_gt(fx_group(&f)->fo.not_before, f.now + 9000);
    fx_end(&f);
}
END_TEST

START_TEST(no_vote_below_the_configuration_epoch)
{
    struct fixture f = fx_boot(three);
    fx_group(&f)->saved.config_epoch = 9;
    f.core->saved.current_epoch = 9;
    const struct sn_action *a = ask(&f, "9", ID_B);
    ck_assert(slice_eqz(a->text, "*") && a->epoch == 0);
    fx_end(&f);
}
END_TEST

START_TEST(another_groups_epoch_does_not_disturb)
{
    struct fixture f = fx_boot(three);
    f.core->saved.current_epoch = 50; /* other groups had elections */
    const struct sn_action *a = ask(&f, "7", ID_B);
    ck_assert(slice_eqz(a->text, ID_B) && a->epoch == 7);
    ck_assert_uint_eq(f.core->saved.current_epoch, 50);
    fx_end(&f);
}
END_TEST

START_TEST(a_failed_save_takes_the_vote_back)
{
    struct fixture f = fx_boot(three);
    ask(&f, "3", ID_B);
    sn_save_failed(f.core, &f.acts, 0);
    const struct sn_action *a = fx_act(&f, SN_DO_ANSWER, 0);
    ck_assert(slice_eqz(a->text, "*") && a->epoch == 0);
    a = ask(&f, "3", ID_C);
    ck_assert(slice_eqz(a->text, "*"));
    fx_end(&f);
}
END_TEST

START_TEST(wrong_questions)
{
    struct fixture f = fx_boot(three);
    ck_assert_int_eq(ask(&f, "x", ID_B)->answer, SN_ANS_ERROR);
    ck_assert_int_eq(ask(&f, "-1", ID_B)->answer, SN_ANS_ERROR);
    struct slice argv[] = { SLICE("10.0.0.77"), SLICE("6379"), SLICE("1"), SLICE(ID_B) };
    fx_step(&f, (struct sn_event){ .kind = SN_ASKED, .argv = argv, .argc = 4 });
    ck_assert(slice_eqz(fx_act(&f, SN_DO_ANSWER, 0)->text, "*"));
    fx_end(&f);
}
END_TEST

static void stand(struct sn_group *g)
{
    g->fo.state = SN_FO_WAIT_START;
    g->fo.epoch = g->saved.leader_epoch = 5;
    text_copy(g->saved.leader, sizeof(g->saved.leader), ID_A);
}

static void votes(struct sn_instance *p, const char *id, uint64_t epoch)
{
    p->asked_epoch = 5;
    p->voted_epoch = epoch;
    text_copy(p->voted, sizeof(p->voted), id);
}

START_TEST(tallies)
{
    struct fixture f = fx_boot(three);
    struct sn_group *g = fx_group(&f);
    stand(g);
    ck_assert_int_eq(sn_tally(g), SN_TALLY_OPEN);
    votes(g->peers.at[0], ID_B, 5);
    ck_assert_int_eq(sn_tally(g), SN_TALLY_OPEN);
    votes(g->peers.at[1], ID_C, 5);
    ck_assert_int_eq(sn_tally(g), SN_TALLY_SPLIT);
    votes(g->peers.at[1], ID_B, 5);
    ck_assert_int_eq(sn_tally(g), SN_TALLY_OTHER);
    votes(g->peers.at[1], ID_A, 4); /* of an older epoch: refused */
    ck_assert_int_eq(sn_tally(g), SN_TALLY_SPLIT);
    votes(g->peers.at[1], ID_A, 5);
    ck_assert_int_eq(sn_tally(g), SN_TALLY_WON);
    g->saved.quorum = 3; /* more than a majority */
    ck_assert_int_ne(sn_tally(g), SN_TALLY_WON);
    g->saved.quorum = 2;
    g->saved.leader[0] = 0; /* our own vote could not be saved */
    ck_assert_int_ne(sn_tally(g), SN_TALLY_WON);
    fx_end(&f);
}
END_TEST

static void make_fit(struct sn_instance *r, int priority, int64_t offset, const char *runid)
{
    int64_t now = r->group->core->now;
    r->link->conn[SN_CMD].phase = SN_OPEN;
    r->link->last_avail = r->facts.info_at = r->facts.role_at = now;
    r->facts.master_link_up = true;
    r->facts.priority = priority;
    r->facts.repl_offset = offset;
    text_copy(r->runid, sizeof(r->runid), runid);
}

START_TEST(picks_data_then_priority_then_id)
{
    struct fixture f = fx_boot(three);
    struct sn_group *g = fx_group(&f);
    ck_assert_ptr_null(sn_pick(g));
    struct sn_instance **r = g->replicas.at;
    make_fit(r[0], 100, 10, ID_C);
    make_fit(r[1], 100, 20, ID_B);
    make_fit(r[2], 50, 5, ID_A);
    ck_assert_ptr_eq(sn_pick(g), r[1]); /* the most data */
    ck_assert_ptr_eq(sn_pick_preferred(g, r[1]), r[2]);
    text_copy(g->saved.lineage[0], sizeof(g->saved.lineage[0]), ID_C);
    text_copy(g->saved.lineage[1], sizeof(g->saved.lineage[1]), ID_B);
    text_copy(r[0]->facts.replid, sizeof(r[0]->facts.replid), ID_C);
    text_copy(r[1]->facts.replid, sizeof(r[1]->facts.replid), ID_B);
    ck_assert_ptr_eq(sn_pick(g), r[0]); /* of the newest history */
    r[0]->facts.replid[0] = r[1]->facts.replid[0] = 0;
    text_copy(r[1]->facts.replid, sizeof(r[1]->facts.replid), ID_A);
    ck_assert_int_eq(sn_judge(r[1]), SN_REJ_FOREIGN);
    r[1]->facts.replid[0] = 0;
    r[2]->facts.repl_offset = 20;
    ck_assert_ptr_eq(sn_pick(g), r[2]); /* as much data, and preferred */
    r[2]->facts.priority = 100;
    r[0]->facts.repl_offset = r[2]->facts.repl_offset = 20;
    ck_assert_ptr_eq(sn_pick(g), r[2]);
    r[2]->runid[0] = 0;
    ck_assert_ptr_eq(sn_pick(g), r[1]);
    r[1]->facts.role = SN_ROLE_MASTER; /* promoted by someone who could not tell any more */
    ck_assert_ptr_eq(sn_pick(g), r[0]);
    /* Left to their state so that the core's end is clean. */
    for (int i = 0; i < 3; i++) r[i]->link->conn[SN_CMD].phase = SN_CLOSED;
    fx_end(&f);
}
END_TEST

START_TEST(each_reason_to_reject)
{
    struct fixture f = fx_boot(three);
    struct sn_group *g = fx_group(&f);
    struct sn_instance *r = g->replicas.at[0];
    f.core->now = 1000000;
    make_fit(r, 100, 1, ID_B);
    ck_assert_int_eq(sn_judge(r), SN_FIT);
    r->s_down = true;
    ck_assert_int_eq(sn_judge(r), SN_REJ_DOWN);
    r->s_down = false;
    r->link->conn[SN_CMD].phase = SN_CLOSED;
    ck_assert_int_eq(sn_judge(r), SN_REJ_DISCONNECTED);
    make_fit(r, 0, 1, ID_B);
    ck_assert_int_eq(sn_judge(r), SN_REJ_PRIORITY_ZERO);
    make_fit(r, 1, 1, ID_B);
    r->link->last_avail -= 5001;
    ck_assert_int_eq(sn_judge(r), SN_REJ_PING_OLD);
    make_fit(r, 1, 1, ID_B);
    r->facts.info_at -= 5001;
    ck_assert_int_eq(sn_judge(r), SN_FIT);
    g->master->s_down = true;
    g->master->s_down_since = g->master->link->last_avail = f.core->now;
    ck_assert_int_eq(sn_judge(r), SN_REJ_INFO_OLD);
    make_fit(r, 1, 1, ID_B);
    r->facts.master_link_up = false;
    r->facts.master_link_down_ms = 10001;
    ck_assert_int_eq(sn_judge(r), SN_FIT); /* the master never answered us: who knows how long */
    g->master->facts.role_at = f.core->now - 5000;
    ck_assert_int_eq(sn_judge(r), SN_REJ_LINK_DOWN_LONG);
    g->master->link->last_avail -= 1; /* the master has been silent so much longer */
    ck_assert_int_eq(sn_judge(r), SN_FIT);
    r->facts.master_link_down_ms = -1000;
    ck_assert_int_eq(sn_judge(r), SN_REJ_NEVER_SYNCED);
    r->link->conn[SN_CMD].phase = SN_CLOSED;
    fx_end(&f);
}
END_TEST

/* The master says that it is a replica, of nobody who serves it. */
static void make_servant(struct sn_group *g, int64_t offset)
{
    make_fit(g->master, 100, offset, ID_A);
    g->master->facts.role = SN_ROLE_REPLICA;
    g->master->facts.master_link_up = false;
    g->master->facts.master_link_down_ms = -1000;
}

static void make_empty(struct sn_instance *r)
{
    make_fit(r, 100, 0, ID_B);
    r->facts.master_link_up = false;
    r->facts.master_link_down_ms = -1000;
}

START_TEST(restores_a_master_when_nobody_has_more)
{
    struct fixture f = fx_boot(three);
    struct sn_group *g = fx_group(&f);
    struct sn_instance **r = g->replicas.at;
    make_servant(g, 0);
    for (int i = 0; i < 3; i++) make_empty(r[i]);
    ck_assert(sn_pick_restores(g)); /* nobody has anything */
    make_fit(r[1], 0, 500, ID_B);
    ck_assert(!sn_pick_restores(g)); /* one that must not lead has data, the master none */
    g->master->facts.repl_offset = 500;
    ck_assert(sn_pick_restores(g));
    make_fit(r[1], 100, 500, ID_B);
    ck_assert(!sn_pick_restores(g)); /* that one can be promoted */
    make_empty(r[1]);
    r[1]->s_down = true;
    ck_assert(!sn_pick_restores(g)); /* it may have more */
    r[1]->foreign = true;
    ck_assert(sn_pick_restores(g)); /* not of this group */
    r[1]->s_down = r[1]->foreign = false;
    g->master->facts.master_link_up = true;
    ck_assert(!sn_pick_restores(g)); /* somebody serves it */
    g->master->facts.master_link_up = false;
    g->master->facts.loading = true;
    ck_assert(!sn_pick_restores(g));
    g->master->facts.loading = false;
    g->master->facts.role = SN_ROLE_MASTER;
    ck_assert(!sn_pick_restores(g));
    make_servant(g, 500);
    g->master->facts.info_at -= 30001;
    ck_assert(!sn_pick_restores(g)); /* that was long ago */
    make_servant(g, 500);
    g->master->link->conn[SN_CMD].phase = SN_CLOSED;
    ck_assert(!sn_pick_restores(g));
    for (int i = 0; i < 3; i++) r[i]->link->conn[SN_CMD].phase = SN_CLOSED;
    fx_end(&f);
}
END_TEST

/* Who led and found nobody fit lets its voters, who wait for twice the timeout and up to a second,
 * stand first: they may know of more replicas. */
START_TEST(who_found_nobody_lets_the_others_stand_first)
{
    static const char *const alone[] = { "monitor mymaster 10.0.0.1 6379 1",
                                         "down-after-milliseconds mymaster 1000",
                                         "failover-timeout mymaster 4000", NULL };
    struct fixture f = fx_boot(alone);
    struct sn_group *g = fx_group(&f);
    for (int i = 0; i < 5000 && g->fo.not_before == SN_NEVER; i++) fx_run_to(&f, f.now + 1);
    ck_assert(g->o_down && g->fo.state == SN_FO_NONE);
    int64_t voters = g->fo.started + 2 * 4000 + 1000;
    ck_assert_int_gt(g->fo.not_before, voters);
    ck_assert_int_le(g->fo.not_before, voters + 1000);
    fx_end(&f);
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(one_vote_an_epoch_saved_first),
    UNIT(no_vote_below_the_configuration_epoch),
    UNIT(another_groups_epoch_does_not_disturb),
    UNIT(a_failed_save_takes_the_vote_back),
    UNIT(wrong_questions),
    UNIT(tallies),
    UNIT(picks_data_then_priority_then_id),
    UNIT(each_reason_to_reject),
    UNIT(restores_a_master_when_nobody_has_more),
    UNIT(who_found_nobody_lets_the_others_stand_first),
};
UNIT_MAIN("sn_vote", cases)
