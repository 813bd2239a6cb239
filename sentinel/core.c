#include "sentinel/core.h"

#include "core/base/mem.h"
#include "sentinel/admin.h"
#include "sentinel/down.h"
#include "sentinel/failover.h"
#include "sentinel/group.h"
#include "sentinel/hand_over.h"
#include "sentinel/heap.h"
#include "sentinel/hello.h"
#include "sentinel/info_read.h"
#include "sentinel/reconf.h"
#include "sentinel/schedule.h"
#include "sentinel/send.h"
#include "sentinel/tilt.h"

#define PASSES_MAX 256 /* looks at one group in one step; a failover takes about ten */

/* ---- life ---- */

struct sn_core *sn_core_new(uint64_t seed, const char *myid)
{
    struct sn_core *core = mem_zalloc(sizeof(*core));
    must(strlen(myid) == SN_ID_LEN);
    text_copy(core->saved.myid, sizeof(core->saved.myid), myid);
    core->saved.announce_ip = mem_strdup("");
    core->saved.user = mem_strdup("");
    core->saved.pass = mem_strdup("");
    core->saved.deny_scripts_reconfig = true;
    for (size_t i = 0; i < SN_PARAM_ROWS; i++)
        *sn_param(&core->params, &sn_param_rows[i]) = sn_param_rows[i].def;
    rng_seed(&core->rng, seed);
    core->next_id = 1;
    core->promised = INT64_MAX;
    return core;
}

void sn_core_delete(struct sn_core *core)
{
    core->out = NULL; /* nobody performs actions any more */
    while (core->groups.n) sn_group_delete(vec_last(&core->groups));
    must(core->links.n == 0);
    vec_free(&core->groups);
    vec_free(&core->heap);
    vec_free(&core->links);
    vec_free(&core->link_ids);
    vec_free(&core->dirty);
    vec_free(&core->waiting);
    mem_free(core->saved.announce_ip);
    mem_free(core->saved.user);
    mem_free(core->saved.pass);
    str_free(&core->self.requirepass);
    mem_free(core);
}

/* ---- events ---- */

static void boot(struct sn_core *core, const struct sn_event *ev)
{
    must(!core->booted);
    core->booted = true;
    core->epoch_since = core->now;
    if (!core->myid_given) sn_actions_persist(core->out);
    for (size_t i = 0; i < core->groups.n; i++) {
        struct sn_group *g = core->groups.at[i];
        sn_group_start(g);
        sn_emit(core, SN_EVT_MONITOR, g->master, "quorum %u", g->saved.quorum);
    }
}

static void tick(struct sn_core *core, const struct sn_event *ev) {}

static void link_up(struct sn_core *core, const struct sn_event *ev)
{
    struct sn_link *link = sn_link_find(core, ev->link);
    if (link && link->conn[ev->conn].phase == SN_CONNECTING)
        sn_link_up(core, link, ev->conn, ev->local_ip);
}

static void note_refusal(struct sn_instance *inst)
{
    if (inst->refused_at == SN_NEVER) inst->refused_at = inst->group->core->now;
}

static void link_down(struct sn_core *core, const struct sn_event *ev)
{
    struct sn_link *link = sn_link_find(core, ev->link);
    if (!link) return;
    if (ev->refused && ev->conn == SN_CMD)
        for (size_t i = 0; i < link->users.n; i++)
            note_refusal(link->users.at[i]);
    sn_link_down(core, link, ev->conn);
}

static void resolved(struct sn_core *core, const struct sn_event *ev)
{
    struct sn_link *link = sn_link_find(core, ev->link);
    if (link) sn_resolved(core, link, ev->text);
}

static void take_info(struct sn_instance *inst, const struct sn_value *v)
{
    inst->info_flying = false;
    if (v->kind == SN_VAL_BULK || v->kind == SN_VAL_STATUS) sn_info_take(inst, v->text);
    sn_touch(inst->group);
}

/* A refused hello is tried again after half the period. */
static void take_hello_reply(struct sn_instance *inst, const struct sn_value *v)
{
    inst->hello_flying = false;
    inst->hello_refused = v->kind == SN_VAL_ERROR;
    if (inst->hello_refused || inst->group->core->now >= sn_hello_due(inst)) sn_touch(inst->group);
}

static void take_auth(struct sn_instance *inst, const struct sn_value *v)
{
    bool failed = v->kind == SN_VAL_ERROR;
    if (failed && !inst->link->auth_failed)
        sn_note(inst->group->core, SN_LEVEL_WARNING, "AUTH refused by %s %d: %.*s", inst->addr.host,
                inst->addr.port, SLICE_ARG(v->text));
    inst->link->auth_failed = failed;
}

/* One vote a Sentinel: what another than the one meant says must not count as this one's word. */
static void take_myid(struct sn_instance *inst, const struct sn_value *v)
{
    struct sn_core *core = inst->group->core;
    struct sn_link *link = inst->link;
    bool known = v->kind == SN_VAL_BULK && v->text.n == SN_ID_LEN; /* not before Redis 6.2 */
    bool stranger = known && !slice_ieqz(v->text, inst->runid);
    if (stranger && !link->stranger)
        sn_note(core, SN_LEVEL_WARNING, "At %s %d there is Sentinel %.*s, not %s", inst->addr.host,
                inst->addr.port, SLICE_ARG(v->text), inst->runid);
    link->stranger = stranger;
    if (!stranger) return;
    link->resolved_at = SN_NEVER;
    link->conn[SN_CMD].tried = core->now;
    sn_conn_close(core, link, SN_CMD);
}

static void take_exec(struct sn_instance *inst, const struct sn_value *v)
{
    if (v->kind == SN_VAL_ERROR)
        sn_note(inst->group->core, SN_LEVEL_WARNING, "Reconfiguration refused by %s %d: %.*s",
                inst->addr.host, inst->addr.port, SLICE_ARG(v->text));
}

static void reply(struct sn_core *core, const struct sn_event *ev)
{
    struct sn_link *link = sn_link_find(core, ev->link);
    if (!link || link->conn[ev->conn].phase != SN_OPEN) return;
    struct sn_conn_state *c = &link->conn[ev->conn];
    c->heard = core->now;
    bool last = c->pending == 1;
    if (c->pending) c->pending--;
    if (ev->conn == SN_PUBSUB) {
        link->unheard = SN_NEVER;
        if (last && ev->reply->kind == SN_VAL_ERROR) /* SUBSCRIBE was refused */
            sn_conn_close(core, link, SN_PUBSUB);
        else sn_hello_pushed(link, ev->reply);
        return;
    }
    enum sn_tag kind = sn_tag_kind(ev->tag);
    if (kind == SN_TAG_PING) {
        sn_ping_answered(link, ev->reply);
        return;
    }
    if (kind == SN_TAG_HELLOS) {
        sn_hellos_answered(link, ev->reply);
        return;
    }
    static void (*const takers[SN_TAGS])(struct sn_instance *, const struct sn_value *) = {
        [SN_TAG_INFO] = take_info, [SN_TAG_ROLE] = sn_role_take, [SN_TAG_HELLO] = take_hello_reply,
        [SN_TAG_AUTH] = take_auth, [SN_TAG_EXEC] = take_exec, [SN_TAG_MYID] = take_myid,
        [SN_TAG_HAND_OVER] = sn_hand_over_answered,
    };
    struct sn_instance *inst = sn_link_user(link, sn_tag_inst(ev->tag));
    if (!inst || kind >= SN_TAGS) return;
    if (kind == SN_TAG_ASK) sn_peer_answered(inst, sn_tag_gen(ev->tag), ev->reply);
    else if (takers[kind]) takers[kind](inst, ev->reply);
}

static void hello(struct sn_core *core, const struct sn_event *ev)
{
    sn_hello_take(core, ev->text, NULL);
}

static void settle(struct sn_core *core);

/* What became true up to now is seen before the question is answered. */
static void asked(struct sn_core *core, const struct sn_event *ev)
{
    settle(core);
    sn_asked(core, ev);
}

static void asked_vote(struct sn_core *core, const struct sn_event *ev)
{
    settle(core);
    sn_asked_vote(core, ev);
}

static void (*const handlers[SN_EVENT_KINDS])(struct sn_core *, const struct sn_event *) = {
    [SN_BOOT] = boot,
    [SN_TICK] = tick,
    [SN_LINK_UP] = link_up,
    [SN_LINK_DOWN] = link_down,
    [SN_REPLY] = reply,
    [SN_RESOLVED] = resolved,
    [SN_HELLO] = hello,
    [SN_ASKED] = asked,
    [SN_ASKED_VOTE] = asked_vote,
    [SN_ADM_MONITOR] = sn_admin,
    [SN_ADM_REMOVE] = sn_admin,
    [SN_ADM_SET] = sn_admin,
    [SN_ADM_RESET] = sn_admin,
    [SN_ADM_FAILOVER] = sn_admin,
    [SN_ADM_FORGET] = sn_admin,
    [SN_ADM_FLUSHCONFIG] = sn_admin,
    [SN_ADM_CONFIG_SET] = sn_admin,
    [SN_ADM_SIMULATE] = sn_admin,
    [SN_ADM_DEBUG] = sn_admin,
};

/* ---- looking at what was touched or is due ---- */

static void each_instance(struct sn_group *g, void (*fn)(struct sn_instance *))
{
    fn(g->master);
    for (size_t i = 0; i < g->replicas.n; i++) fn(g->replicas.at[i]);
    for (size_t i = 0; i < g->peers.n; i++) fn(g->peers.at[i]);
}

static void look(struct sn_group *g)
{
    g->due = INT64_MAX;
    each_instance(g, sn_schedule);
    g->hello_now = false;
    if (g->core->tilt) return;
    each_instance(g, sn_s_down_check);
    sn_o_down_check(g);
    sn_failover_consider(g);
    sn_failover_wanted(g);
    sn_group_age(g);
    sn_ask_peers(g);
    sn_failover_run(g);
    for (size_t i = 0; i < g->replicas.n; i++) sn_reconf_check(g->replicas.at[i]);
}

static void settle(struct sn_core *core)
{
    size_t bound = PASSES_MAX * (core->groups.n + 1);
    while (core->heap.n && core->heap.at[0]->due <= core->now) {
        struct sn_group *g = core->heap.at[0];
        sn_touch(g);
        g->due = INT64_MAX;
        sn_heap_moved(core, g);
    }
    for (size_t i = 0; i < core->dirty.n; i++) {
        struct sn_group *g = core->dirty.at[i];
        must(i < bound);
        g->touched = false;
        look(g);
        sn_heap_moved(core, g);
    }
    vec_clear(&core->dirty);
}

void sn_step(struct sn_core *core, const struct sn_event *ev, struct sn_actions *out)
{
    must(!core->out && ev->kind < SN_EVENT_KINDS && (core->booted || ev->kind == SN_BOOT));
    must(ev->now_ms >= core->now);
    int64_t before = core->now;
    core->out = out;
    core->now = ev->now_ms;
    core->step++;
    sn_tilt_check(core, before);
    handlers[ev->kind](core, ev);
    settle(core);
    core->out = NULL;
    core->promised = sn_deadline(core);
}

int64_t sn_deadline(const struct sn_core *core)
{
    int64_t at = core->heap.n ? core->heap.at[0]->due : INT64_MAX;
    if (core->tilt && sn_tilt_until(core) < at) at = sn_tilt_until(core);
    return at;
}

/* ---- saving ---- */

static void unsend(struct sn_core *core, struct sn_action *act)
{
    struct sn_link *link = sn_link_find(core, act->link);
    act->kind = SN_DO_NONE;
    if (!link) return;
    if (link->conn[act->conn].pending) link->conn[act->conn].pending--;
    struct sn_instance *inst = sn_link_user(link, sn_tag_inst(act->tag));
    if (inst && sn_tag_kind(act->tag) == SN_TAG_ASK && inst->asks_flying) inst->asks_flying--;
}

static void deny(struct sn_core *core, struct sn_action *act)
{
    if (act->kind == SN_DO_SEND) {
        unsend(core, act);
    } else if (act->answer == SN_ANS_VOTE) {
        act->text = SLICE("*");
        act->epoch = 0;
    } else if (act->answer == SN_ANS_OK) {
        act->answer = SN_ANS_ERROR;
        act->text = SLICE("ERR Failed to save config file. Check server logs.");
    }
}

void sn_save_failed(struct sn_core *core, struct sn_actions *list, size_t i)
{
    must(i < list->list.n && list->list.at[i].kind == SN_DO_PERSIST);
    for (size_t j = i + 1; j < list->list.n; j++)
        if (list->list.at[j].after_save) deny(core, &list->list.at[j]);
    sn_votes_unsaved(core, core->step);
}

/* A vote that might be forgotten was never given; its epoch stays used. */
void sn_votes_unsaved(struct sn_core *core, uint64_t since)
{
    for (size_t j = 0; j < core->groups.n; j++) {
        struct sn_group *g = core->groups.at[j];
        if (g->voted_step < since) continue;
        sn_failover_unsaved(g);
        g->saved.leader[0] = 0;
    }
    core->promised = sn_deadline(core);
}
