#include "tests/sim/breaks.h"

#include "core/base/num.h"
#include "sentinel/view.h"

const struct breakage breaks[] = {
    { BREAK_GHOST_VOTES, "ghost-votes", "S1", "every answer to a vote request counts as a yes" },
    { BREAK_VOTE_FOR_ALL, "vote-for-all", "S2", "a Sentinel votes for whoever asks" },
    { BREAK_SKIP_PERSIST, "skip-persist", "S3", "the state file is not written" },
    { BREAK_WRONG_HELLO, "wrong-hello", "S4", "one Sentinel names another port in its hellos" },
    { BREAK_GHOST_DOWN, "ghost-down", "S5", "every answer says that the master is down" },
    { BREAK_PROMOTE_ANY, "promote-any", "S6", "another replica than the selected one is promoted" },
    { BREAK_POINT_ALL, "point-all", "S7", "a replica counts as done as soon as it was sent away" },
    { BREAK_CORRUPT_BYTE, "corrupt-byte", "R1", "a byte changes on its way to a replica" },
    { BREAK_APPLY_TWICE, "apply-twice", "R2", "a replica applies a command twice now and then" },
    { BREAK_GRANT_ALWAYS, "grant-always", "R3", "every offset in the backlog is continued" },
    { BREAK_TRIM_EARLY, "trim-early", "R4", "a cursor is forgotten when the log is trimmed" },
    { BREAK_FALSE_COPY, "false-copy", "R1", "a block comes back from the file with other bytes" },
    { BREAK_NEVER_FOLLOW, "never-follow", "L1", "SLAVEOF to a host is never sent" },
    { BREAK_DEAF_TO_MASTER, "deaf-to-master", "L2", "answers of masters to PING are errors" },
    { BREAK_ACK_EARLY, "ack-early", "A1", "WAIT is answered without waiting" },
    { BREAK_HAND_EARLY, "hand-early", "H1", "a master hands over before the replica has all" },
    { BREAK_OVERRULED_WRITES, "overruled-writes", "F1", "a replaced master goes on accepting" },
    { BREAK_ALONE_WRITES, "alone-writes", "F2", "a master that hears nobody goes on accepting" },
};
const size_t breaks_count = sizeof(breaks) / sizeof(breaks[0]);

const struct breakage *breaks_find(const char *name)
{
    for (size_t i = 0; i < breaks_count; i++)
        if (strcmp(breaks[i].name, name) == 0) return &breaks[i];
    return NULL;
}

static bool is_slaveof(const struct sn_action *a, bool no_one)
{
    return a->kind == SN_DO_SEND && a->argc == 3 && slice_ieqz(a->argv[0], "SLAVEOF") &&
           slice_ieqz(a->argv[1], "NO") == no_one;
}

/* A hello with a lie in it; the text lives as long as the action list. */
static void lie_in_hello(struct sn_core *core, struct sn_action *a)
{
    static _Thread_local char text[600];
    static _Thread_local struct slice argv[3];
    if (a->kind != SN_DO_SEND || a->argc != 3 || !slice_ieqz(a->argv[0], "PUBLISH")) return;
    if (a->argv[2].n >= sizeof(text)) return;
    slice_cstr(a->argv[2], text, sizeof(text));
    size_t commas = 0;
    for (char *p = text; *p; p++) /* the first digit of field 6, the master's port */
        if (*p == ',' && ++commas == 6) p[1] = p[1] == '7' ? '8' : '7';
    memcpy(argv, a->argv, sizeof(argv));
    argv[2] = slice_z(text);
    a->argv = argv;
}

/* The same command on the link of another replica of the group. */
static void redirect(struct sn_core *core, struct sn_action *a)
{
    for (size_t i = 0; i < core->groups.n; i++) {
        struct sn_group *g = core->groups.at[i];
        for (size_t k = 0; k < g->replicas.n; k++) {
            struct sn_instance *r = g->replicas.at[k];
            if (r->link->id == a->link || r->link->conn[SN_CMD].phase != SN_OPEN) continue;
            a->link = r->link->id;
            return;
        }
    }
}

void breaks_sentinel_action(struct node *n, struct sn_core *core, const struct sn_event *ev,
                            struct sn_action *a)
{
    struct sim *s = n->sim;
    if (!s->broken) return;
    if (broken_is(s, BREAK_VOTE_FOR_ALL) && a->kind == SN_DO_ANSWER && a->answer == SN_ANS_VOTE &&
        ev->kind == SN_ASKED && !slice_eqz(ev->argv[3], "*")) {
        a->text = ev->argv[3];
        num_to_u64(ev->argv[2], &a->epoch);
    }
    if (broken_is(s, BREAK_WRONG_HELLO) && n->nth == 0) lie_in_hello(core, a);
    if (broken_is(s, BREAK_PROMOTE_ANY) && is_slaveof(a, true)) redirect(core, a);
    if (broken_is(s, BREAK_NEVER_FOLLOW) && is_slaveof(a, false)) {
        static const struct slice ping[] = { { "PING", 4 } };
        a->argv = ping;
        a->argc = 1;
    }
    if (broken_is(s, BREAK_POINT_ALL) && a->kind == SN_DO_EVENT && a->evt == SN_EVT_RECONF_SENT)
        for (size_t i = 0; i < core->groups.n; i++)
            for (size_t k = 0; k < core->groups.at[i]->replicas.n; k++) {
                struct sn_instance *r = core->groups.at[i]->replicas.at[k];
                if (r->reconf == SN_RECONF_SENT) r->reconf = SN_RECONF_DONE;
            }
}

static bool is_master_link(const struct sn_core *core, uint32_t link)
{
    for (size_t i = 0; i < core->groups.n; i++)
        if (core->groups.at[i]->master->link->id == link) return true;
    return false;
}

/* An answer to IS-MASTER-DOWN-BY-ADDR: [down, leader, epoch]. */
static void forge_answer(struct sim *s, struct sn_core *core, struct sn_value *items)
{
    if (broken_is(s, BREAK_GHOST_DOWN)) items[0].integer = 1;
    if (!broken_is(s, BREAK_GHOST_VOTES)) return;
    for (size_t i = 0; i < core->groups.n; i++) {
        struct sn_group *g = core->groups.at[i];
        if (g->fo.state != SN_FO_WAIT_START) continue;
        items[1].kind = SN_VAL_BULK;
        items[1].text = slice_z(core->saved.myid);
        items[2].integer = (int64_t)g->fo.epoch;
    }
}

void breaks_sentinel_reply(struct node *n, struct sn_core *core, struct sn_event *ev,
                           struct sn_value *value, struct sn_value *items)
{
    struct sim *s = n->sim;
    if (!s->broken || ev->conn != SN_CMD) return;
    if (value->kind == SN_VAL_ARRAY && value->n == 3 && items[0].kind == SN_VAL_INT)
        forge_answer(s, core, items);
    if (broken_is(s, BREAK_DEAF_TO_MASTER) && is_master_link(core, ev->link) &&
        value->kind == SN_VAL_STATUS && slice_eqz(value->text, "PONG")) {
        value->kind = SN_VAL_ERROR;
        value->text = SLICE("ERR nothing to hear");
    }
}
