#include "sentinel/addr.h"
#include "sentinel/hello.h"
#include "sentinel/info_read.h"
#include "tests/unit/sn_fixture.h"

START_TEST(addresses)
{
    static const char *const good[] = { "1.2.3.4", "255.0.0.1", "::", "::1", "fe80::1%eth0",
                                        "1:2:3:4:5:6:7:8", "::ffff:10.0.0.1", "2001:db8::a:b" };
    static const char *const bad[] = { "", "1.2.3", "1.2.3.256", "1.2.3.4.5", "1..2.3", "host",
                                       "1:2:3", ":::", "1::2::3", "12345::", "1:2:3:4:5:6:7:8:9",
                                       "1.2.3.4 ", "%eth0", "1:2:3:4:5:6:7:" };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        ck_assert_msg(sn_is_ip(slice_z(good[i])), "%s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!sn_is_ip(slice_z(bad[i])), "%s", bad[i]);
    struct sn_addr a, b;
    ck_assert_int_eq(sn_addr_set(&a, SLICE("10.0.0.1"), 65536, true), ERR_RANGE);
    ck_assert_int_eq(sn_addr_set(&a, SLICE("name"), 1, false), ERR_NOTFOUND);
    ck_assert_int_eq(sn_addr_set(&a, SLICE("Name"), 6379, true), ERR_NONE);
    ck_assert(sn_addr_is_name(&a) && a.ip[0] == 0);
    ck_assert(sn_addr_is(&a, SLICE("NAME"), 6379) && !sn_addr_is(&a, SLICE("name"), 6380));
    ck_assert_int_eq(sn_addr_set(&b, SLICE("10.0.0.1"), 6379, false), ERR_NONE);
    ck_assert(!sn_addr_same(&a, &b));
    text_copy(a.ip, sizeof(a.ip), "10.0.0.1");
    ck_assert(sn_addr_same(&a, &b));
    /* Two names are two servers, even if the one has moved to where the other was. */
    struct sn_addr one, two;
    ck_assert_int_eq(sn_addr_set(&one, SLICE("one.example"), 6379, true), ERR_NONE);
    ck_assert_int_eq(sn_addr_set(&two, SLICE("two.example"), 6379, true), ERR_NONE);
    text_copy(one.ip, sizeof(one.ip), "10.0.0.1");
    text_copy(two.ip, sizeof(two.ip), "10.0.0.1");
    ck_assert(!sn_addr_same(&one, &two));
    ck_assert(sn_addr_same(&one, &one));
}
END_TEST

START_TEST(info_of_a_replica)
{
    struct sn_info i;
    sn_info_parse(SLICE("# Server\r\nrun_id:" ID_A "\r\nmaster_host:before.role\r\n"
                        "role:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:6379\r\n"
                        "master_link_status:down\r\nmaster_link_down_since_seconds:-1\r\n"
                        "slave_repl_offset:77\r\nslave_priority:0\r\nreplica_announced:0\r\n"),
                  &i);
    ck_assert(slice_eqz(i.runid, ID_A) && i.has_role && i.role == SN_ROLE_REPLICA);
    ck_assert(slice_eqz(i.master_host, "10.0.0.1") && i.master_port == 6379);
    ck_assert(!i.master_link_up);
    ck_assert_int_eq(i.master_link_down_ms, -1000);
    ck_assert_int_eq(i.repl_offset, 77);
    ck_assert_int_eq(i.priority, 0);
    ck_assert_int_eq(i.announced, 0);
}
END_TEST

START_TEST(info_of_a_master)
{
    struct sn_info i;
    sn_info_parse(
        SLICE("role:master\nslave0:ip=10.0.0.2,port=6380,state=online,offset=1,lag=0\n"
              "slave1:10.0.0.3,6381,online\nslave2:ip=::1,port=6382,state=online\n"
              "slave3:ip=10.0.0.4\nslave4:ip=x,port=99999\nslave_read_only:1\nslavex:1\n"),
        &i);
    ck_assert(i.has_role && i.role == SN_ROLE_MASTER);
    ck_assert_uint_eq(i.replicas_n, 3);
    ck_assert(slice_eqz(i.replicas[0].host, "10.0.0.2") && i.replicas[0].port == 6380);
    ck_assert(slice_eqz(i.replicas[1].host, "10.0.0.3") && i.replicas[1].port == 6381);
    ck_assert(slice_eqz(i.replicas[2].host, "::1"));
    ck_assert_int_eq(i.priority, -1);
    sn_info_parse(SLICE(""), &i);
    ck_assert(!i.has_role && i.replicas_n == 0);
    sn_info_parse(SLICE("role:sentinel\nslave"), &i);
    ck_assert(!i.has_role);
}
END_TEST

START_TEST(hello_fields)
{
    struct sn_hello h;
    ck_assert(sn_hello_parse(SLICE("10.0.0.2,26380," ID_B ",3,mymaster,10.0.0.1,6379,2"), &h));
    ck_assert(slice_eqz(h.host, "10.0.0.2") && h.port == 26380 && slice_eqz(h.runid, ID_B));
    ck_assert(h.current_epoch == 3 && h.config_epoch == 2 && h.master_port == 6379);
    ck_assert(slice_eqz(h.name, "mymaster") && slice_eqz(h.master_host, "10.0.0.1"));
    static const char *const bad[] = {
        "",
        "10.0.0.2,26380," ID_B ",3,mymaster,10.0.0.1,6379",
        "10.0.0.2,26380," ID_B ",3,mymaster,10.0.0.1,6379,2,9",
        "10.0.0.2,0," ID_B ",3,mymaster,10.0.0.1,6379,2",
        "10.0.0.2,26380,short,3,mymaster,10.0.0.1,6379,2",
        "10.0.0.2,26380," ID_B ",-3,mymaster,10.0.0.1,6379,2",
        "10.0.0.2,26380," ID_B ",3,mymaster,10.0.0.1,65536,2",
        "10.0.0.2,26380," ID_B ",99999999999999999999,mymaster,10.0.0.1,6379,2",
        ",26380," ID_B ",3,mymaster,10.0.0.1,6379,2",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!sn_hello_parse(slice_z(bad[i]), &h), "%s", bad[i]);
}
END_TEST

START_TEST(action_texts_live_until_reset)
{
    struct sn_actions a = { 0 };
    struct slice first = sn_actions_text(&a, SLICE("first"));
    for (int i = 0; i < 1000; i++) sn_actions_text(&a, SLICE("0123456789012345678901234567890"));
    ck_assert(slice_eqz(first, "first") && first.p[first.n] == 0);
    ck_assert(a.blocks.n > 1);
    struct slice argv[2] = { SLICE("A"), slice_of(NULL, 0) };
    sn_actions_argv(&a, sn_actions_add(&a, SN_DO_SEND), 2, argv);
    ck_assert(a.list.at[0].argc == 2 && a.list.at[0].argv[1].n == 0);
    sn_actions_persist(&a);
    sn_actions_persist(&a);
    ck_assert_uint_eq(a.list.n, 2);
    sn_actions_reset(&a);
    ck_assert(a.list.n == 0 && a.blocks.n == 1 && !a.persists);
    sn_actions_alloc(&a, 100000);
    sn_actions_reset(&a);
    sn_actions_free(&a);
}
END_TEST

START_TEST(every_event_has_its_row)
{
    for (int i = 0; i < SN_EVTS; i++) {
        ck_assert_msg(sn_evt_rows[i].name, "event %d", i);
        ck_assert(sn_evt_rows[i].name[0] == '+' || sn_evt_rows[i].name[0] == '-');
        for (int j = 0; j < i; j++) ck_assert_str_ne(sn_evt_rows[i].name, sn_evt_rows[j].name);
    }
}
END_TEST

START_TEST(names_and_flags)
{
    struct fixture f =
        fx_boot((const char *const[]){ FX_GROUP, "known-replica mymaster ::2 6380",
                                       "known-sentinel mymaster 10.0.0.5 26379 " ID_B, NULL });
    struct sn_group *g = fx_group(&f);
    char text[SN_INSTANCE_TEXT_MAX];
    ck_assert_str_eq(sn_instance_text(f.core, g->replicas.at[0], text, sizeof(text)),
                     "slave [::2]:6380 ::2 6380 @ mymaster 10.0.0.1 6379");
    ck_assert_str_eq(sn_instance_name(f.core, g->peers.at[0], text, sizeof(text)), ID_B);
    ck_assert_str_eq(sn_flags_text(g->master, text, sizeof(text)), "master,disconnected");
    g->master->s_down = g->o_down = true;
    ck_assert_str_eq(sn_flags_text(g->master, text, sizeof(text)),
                     "s_down,o_down,master,disconnected");
    ck_assert_uint_eq(sn_voters(g), 2);
    ck_assert_uint_eq(sn_majority(g), 2);
    ck_assert_uint_eq(sn_usable(g), 2);
    ck_assert_ptr_eq(sn_instance_by_id(f.core, g->peers.at[0]->id), g->peers.at[0]);
    for (int s = 0; s < SN_FO_STATES; s++) ck_assert_ptr_nonnull(sn_fo_state_name(s));
    for (int r = 0; r < SN_REJECTS; r++) ck_assert_ptr_nonnull(sn_reject_name(r));
    fx_end(&f);
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(addresses),          UNIT(info_of_a_replica),
    UNIT(info_of_a_master),   UNIT(hello_fields),
    UNIT(action_texts_live_until_reset), UNIT(every_event_has_its_row),
    UNIT(names_and_flags),
};
UNIT_MAIN("sn_text", cases)
