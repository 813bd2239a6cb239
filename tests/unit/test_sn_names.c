/* Names that lead elsewhere: who is met under them, and whose data is there. */
#include "sentinel/lineage.h"
#include "tests/unit/sn_fixture.h"

#define REPLID_A "a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0"
#define REPLID_B "b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0"
#define REPLID_N "d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0"
#define RUN(c) "run_id:" c "000000000000000000000000000000000000000\r\n"
#define MASTER(run, id) RUN(run) "role:master\r\nmaster_replid:" id "\r\n"
#define REPLICA(run, of, id)                                                                       \
    RUN(run) "role:slave\r\nmaster_host:" of "\r\nmaster_port:6379\r\nmaster_link_status:up\r\n"   \
             "master_replid:" id "\r\n"
#define KEYS "db0:keys=9,expires=0,avg_ttl=0\r\n"

/* Whom each name leads to, by what INFO says there. */
struct place {
    const char *name, *info;
};

struct net {
    struct fixture f;
    const struct place *at;
    int relinks, slaveofs, fixes, foreigns, lookups;
};

enum { QUEUE = 64 };
struct job {
    enum sn_action_kind kind;
    uint32_t link;
    enum sn_conn conn;
    uint64_t tag;
    char word[16];
};

static const char *info_of(const struct net *n, uint32_t link)
{
    const struct sn_link *l = sn_link_find(n->f.core, link);
    const struct sn_instance *inst = l ? l->users.at[0] : NULL;
    for (const struct place *p = n->at; inst && p->name; p++)
        if (strcmp(p->name, inst->addr.host) == 0) return p->info;
    return "";
}

static bool begins(const struct sn_action *a, const char *word)
{
    return slice_ieqz(a->argv[0], word);
}

static void count(struct net *n, const struct sn_action *a)
{
    if (a->kind == SN_DO_EVENT) n->fixes += a->evt == SN_EVT_FIX_CONFIG;
    if (a->kind == SN_DO_EVENT) n->foreigns += a->evt == SN_EVT_FOREIGN;
    n->lookups += a->kind == SN_DO_RESOLVE;
    if (a->kind != SN_DO_SEND) return;
    n->slaveofs += begins(a, "SLAVEOF");
    n->relinks += begins(a, "CLIENT") && a->argc == 4 && slice_eqz(a->argv[3], "master");
}

/* What the last step asked of the world; answering it changes the list. */
static int collect(struct net *n, struct job *jobs)
{
    int count_of = 0;
    for (size_t i = 0; i < n->f.acts.list.n; i++) {
        const struct sn_action *a = &n->f.acts.list.at[i];
        count(n, a);
        if (a->kind != SN_DO_SEND && a->kind != SN_DO_CONNECT && a->kind != SN_DO_RESOLVE) continue;
        ck_assert_int_lt(count_of, QUEUE);
        struct job *j = &jobs[count_of++];
        *j = (struct job){ a->kind, a->link, a->conn, a->tag, "" };
        if (a->kind == SN_DO_SEND) slice_cstr(a->argv[0], j->word, sizeof(j->word));
    }
    return count_of;
}

/* False: it waits for no answer. */
static bool serve(struct net *n, const struct job *j)
{
    struct sn_value pong = { .kind = SN_VAL_STATUS, .text = SLICE("PONG") };
    struct sn_value info = { .kind = SN_VAL_BULK, .text = slice_z(info_of(n, j->link)) };
    struct sn_event ev = { .kind = SN_REPLY, .link = j->link, .tag = j->tag };
    if (j->kind == SN_DO_CONNECT) {
        fx_up(&n->f, j->link, j->conn);
        return true;
    }
    if (j->kind == SN_DO_RESOLVE)
        ev = (struct sn_event){ .kind = SN_RESOLVED, .link = j->link, .text = SLICE("10.0.0.1") };
    else if (strcmp(j->word, "PING") == 0) ev.reply = &pong;
    else if (strcmp(j->word, "INFO") == 0) ev.reply = &info;
    else return false;
    fx_step(&n->f, ev);
    return true;
}

static void settle(struct net *n, int depth)
{
    struct job jobs[QUEUE];
    ck_assert_int_lt(depth, 32);
    int k = collect(n, jobs);
    for (int i = 0; i < k; i++)
        if (serve(n, &jobs[i])) settle(n, depth + 1);
}

static void run_for(struct net *n, int64_t ms)
{
    for (int64_t end = n->f.now + ms; n->f.now < end;) {
        n->f.now += 100;
        fx_step(&n->f, (struct sn_event){ .kind = SN_TICK });
        settle(n, 0);
    }
}

static struct net started(const struct place *at)
{
    static const char *const lines[] = { "resolve-hostnames yes",
                                         "announce-hostnames yes",
                                         "monitor mymaster ma.x 6379 1",
                                         "known-replica mymaster ra.x 6379",
                                         "monitor other mb.x 6379 1",
                                         "known-replica other rb.x 6379",
                                         NULL };
    struct net n = { .f = fx_boot(lines), .at = at };
    settle(&n, 0);
    run_for(&n, 2000);
    return n;
}

static const struct place all_well[] = { { "ma.x", MASTER("1", REPLID_A) KEYS },
                                         { "ra.x", REPLICA("2", "ma.x", REPLID_A) KEYS },
                                         { "mb.x", MASTER("3", REPLID_B) KEYS },
                                         { "rb.x", REPLICA("4", "mb.x", REPLID_B) KEYS },
                                         { NULL, NULL } };

START_TEST(all_is_well)
{
    struct net n = started(all_well);
    run_for(&n, 60000);
    ck_assert_int_eq(n.relinks + n.slaveofs + n.fixes + n.foreigns, 0);
    ck_assert_int_ge(n.lookups, 4 * 5); /* each name: at the connection, after 1, 2, 4, 8 s ... */
    fx_end(&n.f);
}
END_TEST

/* Its link goes where ma.x led for a moment: to the master of the other group. */
START_TEST(a_replica_that_was_led_astray_looks_again)
{
    static const struct place astray[] = { { "ma.x", MASTER("1", REPLID_A) KEYS },
                                           { "ra.x", REPLICA("2", "ma.x", REPLID_B) KEYS },
                                           { "mb.x", MASTER("3", REPLID_B) KEYS },
                                           { "rb.x", REPLICA("4", "mb.x", REPLID_B) KEYS },
                                           { NULL, NULL } };
    struct net n = started(all_well);
    run_for(&n, 10000);
    n.at = astray;
    run_for(&n, 5000);
    ck_assert_int_eq(n.relinks, 0);
    run_for(&n, 40000);
    ck_assert_int_ge(n.relinks, 1);
    ck_assert_int_eq(n.relinks, n.fixes);
    ck_assert_int_eq(n.slaveofs + n.foreigns, 0);
    int before = n.relinks;
    n.at = all_well;
    run_for(&n, 40000);
    ck_assert_int_le(n.relinks, before + 1); /* one more before its next INFO */
    fx_end(&n.f);
}
END_TEST

/* mb.x's list has ra.x in it: it does not become the other group's for that. */
START_TEST(a_name_belongs_to_one_group)
{
    static const struct place listed[] = {
        { "ma.x", MASTER("1", REPLID_A) KEYS },
        { "ra.x", REPLICA("2", "ma.x", REPLID_A) KEYS },
        { "mb.x", MASTER("3", REPLID_B) KEYS
          "slave0:ip=rb.x,port=6379,state=online,offset=1,lag=0\r\n"
          "slave1:ip=ra.x,port=6379,state=online,offset=1,lag=0\r\n"
          "slave2:ip=new.x,port=6379,state=online,offset=1,lag=0\r\n" },
        { "rb.x", REPLICA("4", "mb.x", REPLID_B) KEYS },
        { "new.x", REPLICA("5", "mb.x", REPLID_B) KEYS },
        { NULL, NULL }
    };
    struct net n = started(listed);
    run_for(&n, 12000);
    struct sn_group *other = sn_group_find(n.f.core, SLICE("other"));
    ck_assert_uint_eq(other->replicas.n, 2);
    ck_assert_ptr_null(sn_replica_find(other, SLICE("ra.x"), 6379));
    ck_assert_ptr_nonnull(sn_replica_find(other, SLICE("new.x"), 6379));
    fx_end(&n.f);
}
END_TEST

/* Under ra.x a server is met that has just started, on data of the other group. */
START_TEST(who_is_met_by_mistake_is_left_alone)
{
    static const struct place met[] = {
        { "ma.x", MASTER("1", REPLID_A) KEYS },
        { "ra.x", MASTER("9", REPLID_N) "master_replid2:" REPLID_B "\r\n" KEYS },
        { "mb.x", MASTER("3", REPLID_B) KEYS },
        { "rb.x", REPLICA("4", "mb.x", REPLID_B) KEYS },
        { NULL, NULL }
    };
    struct net n = started(all_well);
    uint32_t link = sn_replica_find(fx_group(&n.f), SLICE("ra.x"), 6379)->link->id;
    n.at = met;
    fx_step(&n.f, (struct sn_event){ .kind = SN_LINK_DOWN, .link = link, .conn = SN_CMD });
    settle(&n, 0);
    run_for(&n, 9500);
    ck_assert_int_eq(n.foreigns, 1);
    ck_assert_int_eq(n.slaveofs + n.relinks, 0);
    run_for(&n, 30000); /* the name still leads there: it is ours after all */
    ck_assert_int_ge(n.slaveofs, 1);
    fx_end(&n.f);
}
END_TEST

/* The master's own name led to the other's master: its history does not become ours. */
START_TEST(nothing_is_learned_from_a_wrong_master)
{
    static const struct place wrong[] = {
        { "ma.x", MASTER("9", REPLID_N) "master_replid2:" REPLID_B "\r\n" KEYS },
        { "ra.x", REPLICA("2", "ma.x", REPLID_A) KEYS },
        { "mb.x", MASTER("3", REPLID_B) KEYS },
        { "rb.x", REPLICA("4", "mb.x", REPLID_B) KEYS },
        { NULL, NULL }
    };
    struct net n = started(all_well);
    struct sn_group *g = fx_group(&n.f);
    n.at = wrong;
    fx_step(&n.f, (struct sn_event){ .kind = SN_LINK_DOWN, .link = g->master->link->id });
    settle(&n, 0);
    run_for(&n, 9000);
    ck_assert_str_eq(g->saved.lineage[0], REPLID_A);
    run_for(&n, 20000); /* filled from the other group on purpose, it seems */
    ck_assert_str_eq(g->saved.lineage[0], REPLID_N);
    fx_end(&n.f);
}
END_TEST

/* At a peer's address another Sentinel lives by now: nothing that it says counts. */
START_TEST(a_peer_says_first_who_it_is)
{
    struct fixture f = fx_boot((const char *const[]){
        FX_GROUP, "known-sentinel mymaster 10.0.0.5 26379 " ID_B, NULL });
    struct sn_instance *peer = fx_group(&f)->peers.at[0];
    uint32_t link = peer->link->id;
    fx_up(&f, link, SN_CMD);
    struct sn_action myid = *fx_sent(&f, "SENTINEL MYID"), ping;
    fx_run_to(&f, 1300);
    fx_reply(&f, &myid, SN_VAL_BULK, ID_C);
    ck_assert_ptr_nonnull(fx_act(&f, SN_DO_DISCONNECT, 0));
    ck_assert_int_eq(peer->link->last_avail, 1000);
    fx_run_to(&f, 2500);
    ck_assert(peer->s_down);
    ck_assert_int_eq(peer->link->conn[SN_CMD].phase, SN_CONNECTING);
    fx_up(&f, link, SN_CMD);
    myid = *fx_sent(&f, "SENTINEL MYID");
    ping = *fx_sent(&f, "PING");
    fx_reply(&f, &myid, SN_VAL_BULK, ID_B);
    fx_reply(&f, &ping, SN_VAL_STATUS, "PONG");
    ck_assert_int_eq(peer->link->last_avail, f.now);
    fx_end(&f);
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(all_is_well),
    UNIT(a_replica_that_was_led_astray_looks_again),
    UNIT(a_name_belongs_to_one_group),
    UNIT(who_is_met_by_mistake_is_left_alone),
    UNIT(nothing_is_learned_from_a_wrong_master),
    UNIT(a_peer_says_first_who_it_is),
};
UNIT_MAIN("sn_names", cases)
