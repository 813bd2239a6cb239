#include "tests/unit/sn_fixture.h"

static void hello(struct fixture *f, const char *text)
{
    fx_step(f, (struct sn_event){ .kind = SN_HELLO, .text = slice_z(text) });
}

START_TEST(connections_greet_in_order)
{
    struct fixture f = fx_boot((const char *const[]){ FX_GROUP, "auth-pass mymaster secret",
                                                      "auth-user mymaster me",
                                                      "rename-command mymaster INFO OFNI", NULL });
    const struct sn_action *c = fx_act(&f, SN_DO_CONNECT, 0);
    ck_assert(c && slice_eqz(c->host, "10.0.0.1") && c->port == 6379 && c->conn == SN_CMD);
    uint32_t link = c->link;
    fx_up(&f, link, SN_CMD);
    ck_assert(slice_eqz(fx_act(&f, SN_DO_SEND, 0)->argv[0], "AUTH"));
    ck_assert_ptr_nonnull(fx_sent(&f, "AUTH me secret"));
    ck_assert_ptr_nonnull(fx_sent(&f, "CLIENT SETNAME sentinel-aaaaaaaa-cmd"));
    ck_assert_ptr_nonnull(fx_sent(&f, "PING"));
    ck_assert_ptr_nonnull(fx_sent(&f, "OFNI"));
    ck_assert_ptr_nonnull(fx_sent(&f, "PUBLISH __sentinel__:hello 10.0.0.9,26379," ID_A
                                      ",0,mymaster,10.0.0.1,6379,0"));
    c = fx_act(&f, SN_DO_CONNECT, 0);
    ck_assert(c && c->conn == SN_PUBSUB);
    fx_up(&f, link, SN_PUBSUB);
    ck_assert_ptr_nonnull(fx_sent(&f, "AUTH me secret"));
    ck_assert_ptr_nonnull(fx_sent(&f, "CLIENT SETNAME sentinel-aaaaaaaa-pubsub"));
    ck_assert_ptr_nonnull(fx_sent(&f, "SUBSCRIBE __sentinel__:hello"));
    ck_assert(!sn_disconnected(fx_group(&f)->master));
    fx_end(&f);
}
END_TEST

START_TEST(peers_share_a_link_between_groups)
{
    struct fixture f = fx_boot((const char *const[]){ FX_GROUP, "monitor other 10.0.0.2 6379 2",
                                                      "sentinel-pass pw", NULL });
    hello(&f, "10.0.0.5,26379," ID_B ",0,mymaster,10.0.0.1,6379,0");
    ck_assert(fx_event(&f, SN_EVT_SENTINEL));
    uint32_t link = fx_group(&f)->peers.at[0]->link->id;
    hello(&f, "10.0.0.5,26379," ID_B ",0,other,10.0.0.2,6379,0");
    struct sn_group *o = sn_group_find(f.core, SLICE("other"));
    ck_assert_uint_eq(o->peers.at[0]->link->id, link);
    ck_assert_uint_eq(o->peers.at[0]->link->users.n, 2);
    fx_up(&f, link, SN_CMD);
    ck_assert_ptr_nonnull(fx_sent(&f, "AUTH pw"));
    /* It moves: told in one group, done in both. */
    hello(&f, "10.0.0.6,26379," ID_B ",0,other,10.0.0.2,6379,0");
    ck_assert(fx_event(&f, SN_EVT_SENTINEL_SWITCH) && fx_event(&f, SN_EVT_SENTINEL_UPDATE));
    ck_assert_str_eq(fx_group(&f)->peers.at[0]->addr.host, "10.0.0.6");
    ck_assert_ptr_nonnull(fx_act(&f, SN_DO_DISCONNECT, 0));
    /* Another one at that address: the first is gone everywhere. */
    hello(&f, "10.0.0.6,26379," ID_C ",0,mymaster,10.0.0.1,6379,0");
    ck_assert(fx_event(&f, SN_EVT_SENTINEL_INVALID));
    ck_assert(fx_group(&f)->peers.n == 1 && o->peers.n == 0);
    fx_end(&f);
}
END_TEST

START_TEST(hellos_that_are_ignored)
{
    struct fixture f = fx_boot((const char *const[]){ FX_GROUP, NULL });
    hello(&f, "10.0.0.5,26379," ID_A ",9,mymaster,10.0.0.1,6379,0");
    hello(&f, "10.0.0.5,26379," ID_B ",9,unknown,10.0.0.1,6379,0");
    hello(&f, "host,26379," ID_B ",0,mymaster,10.0.0.1,6379,0");
    hello(&f, "nonsense");
    ck_assert_uint_eq(fx_group(&f)->peers.n, 0);
    ck_assert_uint_eq(f.core->saved.current_epoch, 0);
    fx_end(&f);
}
END_TEST

START_TEST(names_are_resolved_at_each_connect)
{
    struct fixture f = fx_boot((const char *const[]){ "resolve-hostnames yes",
                                                      "monitor mymaster db.example 6379 1", NULL });
    const struct sn_action *r = fx_act(&f, SN_DO_RESOLVE, 0);
    ck_assert(r && slice_eqz(r->host, "db.example"));
    ck_assert_ptr_null(fx_act(&f, SN_DO_CONNECT, 0));
    uint32_t link = r->link;
    fx_step(&f, (struct sn_event){ .kind = SN_RESOLVED, .link = link }); /* unknown */
    ck_assert_ptr_null(fx_act(&f, SN_DO_CONNECT, 0));
    f.now += 1000;
    fx_step(&f, (struct sn_event){ .kind = SN_TICK });
    ck_assert_ptr_nonnull(fx_act(&f, SN_DO_RESOLVE, 0));
    fx_step(&f, (struct sn_event){ .kind = SN_RESOLVED, .link = link, .text = SLICE("10.0.0.1") });
    const struct sn_action *c = fx_act(&f, SN_DO_CONNECT, 0);
    ck_assert(c && slice_eqz(c->host, "10.0.0.1"));
    ck_assert_str_eq(sn_announced_host(f.core, &fx_group(&f)->master->addr), "10.0.0.1");
    f.core->saved.announce_hostnames = true;
    ck_assert_str_eq(sn_announced_host(f.core, &fx_group(&f)->master->addr), "db.example");
    /* A later reconnect asks again and follows. */
    f.now += 1500;
    fx_step(&f, (struct sn_event){ .kind = SN_LINK_DOWN, .link = link });
    ck_assert_ptr_nonnull(fx_act(&f, SN_DO_RESOLVE, 0));
    fx_step(&f, (struct sn_event){ .kind = SN_RESOLVED, .link = link, .text = SLICE("10.0.0.2") });
    ck_assert(slice_eqz(fx_act(&f, SN_DO_CONNECT, 0)->host, "10.0.0.2"));
    fx_end(&f);
}
END_TEST

START_TEST(replies_about_what_is_gone_are_dropped)
{
    struct fixture f = fx_boot((const char *const[]){ FX_GROUP, NULL });
    uint32_t link = fx_group(&f)->master->link->id;
    fx_up(&f, link, SN_CMD);
    uint64_t tag = fx_sent(&f, "INFO")->tag;
    struct slice name[] = { SLICE("mymaster") };
    fx_step(&f, (struct sn_event){ .kind = SN_ADM_REMOVE, .argv = name, .argc = 1 });
    ck_assert(fx_event(&f, SN_EVT_UNMONITOR));
    ck_assert_ptr_nonnull(fx_act(&f, SN_DO_DISCONNECT, 0));
    struct sn_value v = { .kind = SN_VAL_BULK, .text = SLICE("role:master") };
    fx_step(&f, (struct sn_event){ .kind = SN_REPLY, .link = link, .tag = tag, .reply = &v });
    fx_step(&f, (struct sn_event){ .kind = SN_LINK_DOWN, .link = link });
    fx_step(&f, (struct sn_event){ .kind = SN_LINK_UP, .link = 999 });
    ck_assert_uint_eq(f.acts.list.n, 0);
    fx_end(&f);
}
END_TEST

START_TEST(a_reboot_may_count_as_down)
{
    struct fixture f = fx_boot(
        (const char *const[]){ FX_GROUP, "master-reboot-down-after-period mymaster 300", NULL });
    struct sn_group *g = fx_group(&f);
    fx_up(&f, g->master->link->id, SN_CMD);
    struct sn_action ping = *fx_sent(&f, "PING"), info = *fx_sent(&f, "INFO");
    fx_reply(&f, &ping, SN_VAL_STATUS, "PONG");
    fx_reply(&f, &info, SN_VAL_BULK, "run_id:" ID_B "\r\nrole:master\r\n");
    ck_assert_str_eq(g->master->runid, ID_B);
    fx_reply(&f, &info, SN_VAL_BULK, "run_id:" ID_C "\r\nrole:master\r\n");
    ck_assert(fx_event(&f, SN_EVT_REBOOT) && g->master->rebooted);
    int64_t at = f.now;
    while (f.now < at + 299) { /* it is loading: alive, but of no use */
        f.now++;
        fx_step(&f, (struct sn_event){ .kind = SN_TICK });
        const struct sn_action *p = fx_sent(&f, "PING");
        if (p) fx_reply(&f, p, SN_VAL_ERROR, "LOADING");
        ck_assert(!g->master->s_down);
    }
    f.now = at + 300;
    fx_step(&f, (struct sn_event){ .kind = SN_TICK });
    ck_assert(g->master->s_down);
    fx_end(&f);
}
END_TEST

START_TEST(the_first_start_saves_its_id)
{
    struct fixture f = fx_boot((const char *const[]){ FX_GROUP, NULL });
    ck_assert_int_eq(f.acts.list.at[0].kind, SN_DO_PERSIST);
    fx_end(&f);
    f = fx_boot((const char *const[]){ FX_GROUP, "myid " ID_B, NULL });
    ck_assert_ptr_null(fx_act(&f, SN_DO_PERSIST, 0));
    fx_end(&f);
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(connections_greet_in_order),
    UNIT(peers_share_a_link_between_groups),
    UNIT(hellos_that_are_ignored),
    UNIT(names_are_resolved_at_each_connect),
    UNIT(replies_about_what_is_gone_are_dropped),
    UNIT(a_reboot_may_count_as_down),
    UNIT(the_first_start_saves_its_id),
};
UNIT_MAIN("sn_core", cases)
