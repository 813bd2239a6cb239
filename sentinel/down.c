#include "sentinel/down.h"

#include <stdio.h>

#include "core/base/num.h"
#include "sentinel/actions.h"
#include "sentinel/addr.h"
#include "sentinel/core.h"
#include "sentinel/failover.h"
#include "sentinel/group.h"
#include "sentinel/schedule.h"
#include "sentinel/send.h"
#include "sentinel/view.h"
#include "sentinel/vote.h"

#define FRESH_ASKS 5 /* an answer counts for so many ask periods */
#define ASK_MIN_MS 20

/* ---- S_DOWN ---- */

/* When silence becomes S_DOWN, or INT64_MAX. */
static int64_t silent_at(const struct sn_instance *inst)
{
    const struct sn_link *link = inst->link;
    int64_t after = inst->group->saved.down_after_ms;
    if (link->act_ping != SN_NEVER) return link->act_ping + after;
    return link->conn[SN_CMD].phase == SN_OPEN ? INT64_MAX : link->last_avail + after;
}

/* A master that has said for long that it is a replica is of no use as one. */
static int64_t wrong_role_at(const struct sn_instance *inst)
{
    if (inst->kind != SN_MASTER || inst->facts.role != SN_ROLE_REPLICA) return INT64_MAX;
    return inst->facts.role_since + inst->group->saved.down_after_ms +
           2 * inst->group->core->params.info_period + 1;
}

static int64_t reboot_at(const struct sn_instance *inst)
{
    if (!inst->rebooted || inst->kind != SN_MASTER) return INT64_MAX;
    return inst->rebooted_at + inst->group->saved.reboot_down_after_ms;
}

static void forget_answers(struct sn_group *g)
{
    g->addr_gen++;
    for (size_t i = 0; i < g->peers.n; i++) {
        struct sn_instance *p = g->peers.at[i];
        p->master_down = false;
        p->asked_at = p->down_reply_at = SN_NEVER;
    }
}

static void s_down_set(struct sn_instance *inst, bool down)
{
    struct sn_core *core = inst->group->core;
    inst->s_down = down;
    core->counters.sdown += down;
    if (down) {
        inst->s_down_since = core->now;
    } else {
        inst->s_down_ended = core->now;
        inst->script_kill_sent = false;
    }
    if (inst->kind == SN_MASTER) forget_answers(inst->group);
    else if (inst->kind == SN_PEER && !down) sn_failover_peer_back(inst->group);
    sn_emit(core, down ? SN_EVT_SDOWN : SN_EVT_SDOWN_END, inst, NULL);
    sn_touch(inst->group);
}

/* With fast-down: nobody listens there, and all replicas that we reach have lost it too. */
static int64_t refused_at(const struct sn_instance *inst)
{
    const struct sn_group *g = inst->group;
    bool told = false;
    if (inst->kind != SN_MASTER || !g->saved.fast_down || inst->refused_at == SN_NEVER)
        return INT64_MAX;
    for (size_t i = 0; i < g->replicas.n; i++) {
        const struct sn_instance *r = g->replicas.at[i];
        if (r->s_down || r->link->conn[SN_CMD].phase != SN_OPEN) continue;
        if (r->facts.info_at == SN_NEVER || r->facts.info_at < inst->refused_at ||
            r->facts.role != SN_ROLE_REPLICA || r->facts.master_link_up)
            return INT64_MAX;
        told = true;
    }
    return told ? g->core->now : INT64_MAX;
}

void sn_s_down_check(struct sn_instance *inst)
{
    int64_t at = silent_at(inst), role = wrong_role_at(inst), boot = reboot_at(inst);
    int64_t refused = refused_at(inst);
    if (refused < at) at = refused;
    if (inst->kind == SN_MASTER && inst->group->amnesia) at = inst->group->core->now;
    if (role < at) at = role;
    if (boot < at) at = boot;
    bool down = inst->group->core->now >= at;
    if (!down) sn_want(inst->group, at);
    if (down != inst->s_down) s_down_set(inst, down);
}

static bool acceptable(const struct sn_value *v)
{
    return (v->kind == SN_VAL_STATUS || v->kind == SN_VAL_ERROR) &&
           (slice_starts(v->text, "PONG") || slice_starts(v->text, "LOADING") ||
            slice_starts(v->text, "MASTERDOWN"));
}

static void kill_script(struct sn_instance *inst)
{
    if (!inst->s_down || inst->script_kill_sent || inst->kind == SN_PEER) return;
    if (sn_send(inst, SN_CMD, SN_TAG_NONE, SN_WORDS("SCRIPT", "KILL")))
        inst->script_kill_sent = true;
}

/* Is the answer more than that all is well, as before? */
static bool concerns(const struct sn_instance *u, bool was_waiting)
{
    const struct sn_group *g = u->group;
    return was_waiting || u->s_down || u->rebooted || g->o_down || g->master->s_down ||
           g->fo.state != SN_FO_NONE;
}

void sn_ping_answered(struct sn_link *link, const struct sn_value *v)
{
    struct sn_core *core = link->users.at[0]->group->core;
    bool pong = v->kind == SN_VAL_STATUS && slice_starts(v->text, "PONG");
    bool was_waiting = link->act_ping != SN_NEVER && link->act_ping < link->last_ping;
    bool overdue = core->now >= sn_ping_due(link);
    link->ping_flying = false;
    link->last_pong = core->now;
    if (acceptable(v)) {
        link->act_ping = SN_NEVER;
        link->last_avail = core->now;
    }
    for (size_t i = 0; i < link->users.n; i++) {
        struct sn_instance *u = link->users.at[i];
        if (overdue || concerns(u, was_waiting)) sn_touch(u->group);
        if (pong) u->rebooted = false;
        if (v->kind == SN_VAL_ERROR && slice_starts(v->text, "BUSY")) kill_script(u);
    }
}

/* ---- O_DOWN ---- */

static unsigned agreeing(struct sn_group *g)
{
    unsigned n = 1;
    int64_t keep = FRESH_ASKS * g->core->params.ask_period;
    for (size_t i = 0; i < g->peers.n; i++) {
        struct sn_instance *p = g->peers.at[i];
        if (!p->master_down) continue;
        if (g->core->now - p->down_reply_at > keep) {
            p->master_down = false;
            continue;
        }
        sn_want(g, p->down_reply_at + keep + 1);
        n++;
    }
    return n;
}

void sn_o_down_check(struct sn_group *g)
{
    unsigned n = g->master->s_down ? agreeing(g) : 0;
    bool down = g->master->s_down && n >= g->saved.quorum;
    if (down == g->o_down) return;
    g->o_down = down;
    if (down) {
        g->core->counters.odown++;
        g->o_down_since = g->core->now;
        g->fo.stand_at = SN_NEVER;
        sn_emit(g->core, SN_EVT_ODOWN, g->master, "#quorum %u/%u", n, g->saved.quorum);
    } else {
        sn_emit(g->core, SN_EVT_ODOWN_END, g->master, NULL);
        g->fo.yields = 0;
    }
    sn_touch(g);
}

/* ---- asking ---- */

/* Until O_DOWN quickly at first, since the peers see the same within milliseconds, then ever more
 * slowly; after it in the period of the reference, to keep the answers fresh. */
static int64_t ask_interval(const struct sn_group *g)
{
    int64_t max = g->core->params.ask_period;
    if (g->o_down) return max;
    int64_t v = (g->core->now - g->master->s_down_since) / 4;
    return v < ASK_MIN_MS ? (ASK_MIN_MS < max ? ASK_MIN_MS : max) : v > max ? max : v;
}

/* A wish of the operator is no matter of who is down: ours vote when they are asked in these words.
 * Others know them not and answer the old question that follows. */
static void ask_wanted(struct sn_instance *peer)
{
    struct sn_group *g = peer->group;
    char epoch[32];
    snprintf(epoch, sizeof(epoch), "%llu", (unsigned long long)g->fo.epoch);
    if (sn_send_after_save(peer, SN_TAG_ASK, SN_WORDS("SENTINEL", "VOTE", g->saved.name, epoch,
                                                      g->core->saved.myid)))
        peer->asks_flying++;
}

static void ask(struct sn_instance *peer, bool standing)
{
    struct sn_group *g = peer->group;
    struct sn_core *core = g->core;
    char port[16], epoch[32];
    snprintf(port, sizeof(port), "%d", g->master->addr.port);
    snprintf(epoch, sizeof(epoch), "%llu",
             (unsigned long long)(standing ? g->fo.epoch : core->saved.current_epoch));
    const char *const *words =
        SN_WORDS("SENTINEL", "is-master-down-by-addr", sn_announced_host(core, &g->master->addr),
                 port, epoch, standing ? core->saved.myid : "*");
    if (standing && g->fo.forced) ask_wanted(peer);
    bool sent = standing ? sn_send_after_save(peer, SN_TAG_ASK, words)
                         : sn_send(peer, SN_CMD, SN_TAG_ASK, words);
    if (!sent) return;
    peer->asked_at = core->now;
    peer->asks_flying++;
    if (standing) peer->asked_epoch = g->fo.epoch;
}

void sn_ask_peers(struct sn_group *g)
{
    struct sn_core *core = g->core;
    bool standing = g->fo.state == SN_FO_WAIT_START && g->fo.again_at == SN_NEVER;
    if (!g->master->s_down && !(standing && g->fo.forced)) return;
    for (size_t i = 0; i < g->peers.n; i++) {
        struct sn_instance *p = g->peers.at[i];
        if (p->link->conn[SN_CMD].phase != SN_OPEN) continue;
        int64_t wait = p->asks_flying ? core->params.ask_period : ask_interval(g);
        int64_t at = p->asked_at == SN_NEVER ? core->now : p->asked_at + wait;
        if ((standing && p->asked_epoch != g->fo.epoch) || core->now >= at) {
            ask(p, standing);
            at = p->asked_at + core->params.ask_period;
        }
        sn_want(g, at);
    }
}

void sn_peer_answered(struct sn_instance *peer, uint32_t gen, const struct sn_value *v)
{
    struct sn_group *g = peer->group;
    struct sn_core *core = g->core;
    if (peer->asks_flying) peer->asks_flying--;
    sn_touch(g);
    if (v->kind != SN_VAL_ARRAY || v->n != 3 || v->items[0].kind != SN_VAL_INT ||
        v->items[1].kind != SN_VAL_BULK || v->items[2].kind != SN_VAL_INT)
        return;
    if (gen != (g->addr_gen & 0xffffff)) return;
    peer->down_reply_at = core->now;
    peer->master_down = v->items[0].integer == 1;
    if (!slice_eqz(v->items[1].text, "*") && v->items[1].text.n == SN_ID_LEN &&
        v->items[2].integer >= 0) {
        uint64_t epoch = (uint64_t)v->items[2].integer;
        if (peer->voted_epoch != epoch)
            sn_note(core, SN_LEVEL_WARNING, "%s voted for %.*s %llu", peer->runid,
                    SLICE_ARG(v->items[1].text), (unsigned long long)epoch);
        peer->voted_epoch = epoch;
        slice_cstr(v->items[1].text, peer->voted, sizeof(peer->voted));
        if (epoch == g->fo.epoch) sn_record_vote(g, peer->runid, peer->voted);
    }
}

/* ---- being asked ---- */

static struct sn_group *group_at(struct sn_core *core, struct slice host, int64_t port)
{
    for (size_t i = 0; i < core->groups.n; i++)
        if (sn_addr_is(&core->groups.at[i]->master->addr, host, port)) return core->groups.at[i];
    return NULL;
}

static void answer_error(struct sn_core *core, const struct sn_event *ev, const char *text)
{
    struct sn_action *act = sn_actions_add(core->out, SN_DO_ANSWER);
    act->asker = ev->asker;
    act->answer = SN_ANS_ERROR;
    act->text = slice_z(text);
}

static void answer_vote(struct sn_core *core, const struct sn_event *ev, const struct sn_vote *vote,
                        bool down)
{
    struct slice leader = sn_actions_text(core->out, slice_z(vote->leader));
    struct sn_action *act = sn_actions_add(core->out, SN_DO_ANSWER);
    act->asker = ev->asker;
    act->answer = SN_ANS_VOTE;
    act->integer = down;
    act->text = leader;
    act->epoch = vote->epoch;
    act->after_save = vote->unsaved;
}

void sn_asked(struct sn_core *core, const struct sn_event *ev)
{
    int64_t port;
    uint64_t epoch;
    if (ev->argc != 4 || !num_to_i64(ev->argv[1], &port) || !num_to_u64(ev->argv[2], &epoch) ||
        epoch > INT64_MAX) {
        answer_error(core, ev, "ERR value is not an integer or out of range");
        return;
    }
    struct sn_group *g = group_at(core, ev->argv[0], port);
    struct sn_vote vote = { "*", 0, false };
    bool down = g && !core->tilt && g->master->s_down;
    if (g && ev->argv[3].n == SN_ID_LEN) vote = sn_vote(g, epoch, ev->argv[3], false);
    answer_vote(core, ev, &vote, down);
}

void sn_asked_vote(struct sn_core *core, const struct sn_event *ev)
{
    uint64_t epoch;
    if (ev->argc != 3 || !num_to_u64(ev->argv[1], &epoch) || epoch > INT64_MAX ||
        ev->argv[2].n != SN_ID_LEN) {
        answer_error(core, ev, "ERR value is not an integer or out of range");
        return;
    }
    struct sn_group *g = sn_group_find(core, ev->argv[0]);
    struct sn_vote vote = { "*", 0, false };
    if (g) vote = sn_vote(g, epoch, ev->argv[2], true);
    answer_vote(core, ev, &vote, g && !core->tilt && g->master->s_down);
}
