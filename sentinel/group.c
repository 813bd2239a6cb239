#include "sentinel/group.h"

#include "core/base/mem.h"
#include "sentinel/actions.h"
#include "sentinel/addr.h"
#include "sentinel/heap.h"
#include "sentinel/view.h"

void sn_text_set(char **field, struct slice v)
{
    char *copy = mem_strndup(v.p ? v.p : "", v.n);
    mem_free(*field);
    *field = copy;
}

/* ---- links ---- */

struct sn_link *sn_link_find(struct sn_core *core, uint32_t id)
{
    return (struct sn_link *)sn_link_by_id(core, id);
}

struct sn_instance *sn_link_user(struct sn_link *link, uint32_t id)
{
    for (size_t i = 0; i < link->users.n; i++)
        if (link->users.at[i]->id == id) return link->users.at[i];
    return NULL;
}

static void link_clock_restart(struct sn_core *core, struct sn_link *link)
{
    bool open = link->conn[SN_CMD].phase == SN_OPEN;
    /* Without a connection the clock runs from now on: one that cannot be reached is found too. */
    link->act_ping = !open || link->ping_flying ? core->now : SN_NEVER;
    link->last_avail = link->last_pong = core->now;
}

static struct sn_link *link_new(struct sn_core *core, int64_t beat)
{
    struct sn_link *link = mem_zalloc(sizeof(*link));
    link->id = core->next_id++;
    for (int c = 0; c < SN_CONNS; c++) {
        link->conn[c].since = link->conn[c].heard = core->now;
        link->conn[c].tried = SN_NEVER;
    }
    link->last_ping = link->resolved_at = link->looked_up_at = link->unheard = SN_NEVER;
    link_clock_restart(core, link);
    link->beat = beat;
    vec_push(&core->links, link);
    vec_push(&core->link_ids, link->id);
    return link;
}

#define BEAT_SLOT_MS 20 /* what is due in one slot leaves in one turn of the loop */
#define BEAT_SLOTS 500  /* all of them together are the longest period, that of INFO */

static int64_t a_beat(struct sn_core *core)
{
    return (int64_t)rng_below(&core->rng, BEAT_SLOTS) * BEAT_SLOT_MS;
}

void sn_connecting_ended(struct sn_core *core)
{
    must(core->connecting);
    core->connecting--;
    if (!core->waiting.n) return;
    struct sn_group *g = core->waiting.at[0];
    vec_remove(&core->waiting, 0);
    g->waits = false;
    sn_touch(g);
}

void sn_wait_to_connect(struct sn_group *g)
{
    if (g->waits) return;
    g->waits = true;
    vec_push(&g->core->waiting, g);
}

void sn_conn_close(struct sn_core *core, struct sn_link *link, enum sn_conn conn)
{
    struct sn_conn_state *c = &link->conn[conn];
    bool in_driver = c->phase == SN_CONNECTING || c->phase == SN_OPEN;
    if (c->phase == SN_CONNECTING) sn_connecting_ended(core);
    if (c->phase == SN_OPEN && conn == SN_CMD) core->reached--;
    c->phase = SN_CLOSED;
    c->since = core->now;
    c->pending = 0;
    if (conn == SN_CMD) {
        link->ping_flying = false;
        link->hellos_flying = 0;
        for (size_t i = 0; i < link->users.n; i++) {
            struct sn_instance *u = link->users.at[i];
            u->info_flying = u->hello_flying = false;
            u->asks_flying = 0;
            sn_touch(u->group);
        }
    }
    if (!in_driver || !core->out) return;
    struct sn_action *act = sn_actions_add(core->out, SN_DO_DISCONNECT);
    act->link = link->id;
    act->conn = conn;
}

void sn_link_close(struct sn_core *core, struct sn_link *link)
{
    sn_conn_close(core, link, SN_CMD);
    sn_conn_close(core, link, SN_PUBSUB);
    link->conn[SN_CMD].tried = link->conn[SN_PUBSUB].tried = SN_NEVER;
}

static void link_attach(struct sn_link *link, struct sn_instance *inst)
{
    size_t i = link->users.n;
    while (i && link->users.at[i - 1]->id > inst->id) i--;
    vec_insert(&link->users, i, inst);
    inst->link = link;
    const struct sn_instance *p = link->pacer;
    if (!p || inst->group->saved.down_after_ms < p->group->saved.down_after_ms) link->pacer = inst;
}

void sn_link_repace(struct sn_link *link)
{
    struct sn_instance *best = link->users.at[0], *was = link->pacer;
    for (size_t i = 1; i < link->users.n; i++) {
        struct sn_instance *u = link->users.at[i];
        if (u->group->saved.down_after_ms < best->group->saved.down_after_ms) best = u;
    }
    link->pacer = best;
    if (was != best) sn_touch(best->group);
}

static void link_detach(struct sn_core *core, struct sn_instance *inst)
{
    struct sn_link *link = inst->link;
    if (link->users.n == 1) sn_link_close(core, link);
    for (size_t i = 0; i < link->users.n; i++)
        if (link->users.at[i] == inst) {
            vec_remove(&link->users, i);
            break;
        }
    inst->link = NULL;
    if (link->users.n) {
        if (link->pacer == inst) sn_link_repace(link);
        return;
    }
    for (size_t i = 0; i < core->links.n; i++)
        if (core->links.at[i] == link) {
            vec_remove(&core->links, i);
            vec_remove(&core->link_ids, i);
            break;
        }
    vec_free(&link->users);
    mem_free(link);
}

/* ---- instances ---- */

static void facts_reset(struct sn_instance *inst, int64_t now)
{
    struct sn_facts *f = &inst->facts;
    str_free(&f->info);
    *f = (struct sn_facts){ .info_at = SN_NEVER,
                            .role = inst->kind == SN_REPLICA ? SN_ROLE_REPLICA : SN_ROLE_MASTER,
                            .role_since = now,
                            .role_at = SN_NEVER,
                            .master_since = now,
                            .priority = 100,
                            .announced = 1 };
}

/* As if it had just been met: no state, nothing asked, nothing known but its run id. */
static void instance_restart(struct sn_instance *inst)
{
    int64_t now = inst->group->core->now;
    facts_reset(inst, now);
    inst->s_down = inst->script_kill_sent = inst->rebooted = inst->foreign = false;
    inst->hello_refused = false;
    inst->s_down_ended = inst->info_sent = inst->slaveof_at = inst->astray_since = SN_NEVER;
    inst->hello_sent = inst->down_reply_at = inst->asked_at = SN_NEVER;
    inst->reconf = SN_RECONF_NONE;
    inst->reconf_since = now;
    inst->reject = SN_FIT;
    inst->master_down = false;
    inst->asked_epoch = inst->voted_epoch = 0;
    inst->voted[0] = 0;
}

static struct sn_instance *instance_new(struct sn_group *g, enum sn_kind kind,
                                        const struct sn_addr *addr)
{
    struct sn_instance *inst = mem_zalloc(sizeof(*inst));
    inst->id = g->core->next_id++;
    inst->kind = kind;
    inst->group = g;
    inst->addr = *addr;
    inst->hello_at = g->core->now;
    inst->hello_epoch = UINT64_MAX;
    inst->refused_at = inst->listed_at = SN_NEVER;
    instance_restart(inst);
    return inst;
}

static void instance_delete(struct sn_instance *inst)
{
    link_detach(inst->group->core, inst);
    str_free(&inst->facts.info);
    mem_free(inst);
}

struct sn_instance *sn_replica_find(struct sn_group *g, struct slice host, int64_t port)
{
    for (size_t i = 0; i < g->replicas.n; i++)
        if (sn_addr_is(&g->replicas.at[i]->addr, host, port)) return g->replicas.at[i];
    return NULL;
}

struct sn_instance *sn_replica_add(struct sn_group *g, const struct sn_addr *addr)
{
    if (g->replicas.n >= SN_INSTANCES_MAX || sn_addr_same(addr, &g->master->addr)) return NULL;
    for (size_t i = 0; i < g->replicas.n; i++)
        if (sn_addr_same(addr, &g->replicas.at[i]->addr)) return NULL;
    struct sn_instance *inst = instance_new(g, SN_REPLICA, addr);
    link_attach(link_new(g->core, g->beat), inst);
    vec_push(&g->replicas, inst);
    sn_touch(g);
    return inst;
}

struct sn_instance *sn_peer_find(struct sn_group *g, const char *runid)
{
    for (size_t i = 0; i < g->peers.n; i++)
        if (strcmp(g->peers.at[i]->runid, runid) == 0) return g->peers.at[i];
    return NULL;
}

static struct sn_link *shared_link(struct sn_core *core, const struct sn_addr *addr,
                                   const char *runid)
{
    for (size_t i = 0; i < core->groups.n; i++) {
        struct sn_instance *p = sn_peer_find(core->groups.at[i], runid);
        if (p && sn_addr_same(&p->addr, addr)) return p->link;
    }
    return NULL;
}

struct sn_instance *sn_peer_add(struct sn_group *g, const struct sn_addr *addr, const char *runid)
{
    if (g->peers.n >= SN_INSTANCES_MAX) return NULL;
    struct sn_link *link = shared_link(g->core, addr, runid);
    struct sn_instance *inst = instance_new(g, SN_PEER, addr);
    text_copy(inst->runid, sizeof(inst->runid), runid);
    link_attach(link ? link : link_new(g->core, a_beat(g->core)), inst);
    vec_push(&g->peers, inst);
    sn_touch(g);
    return inst;
}

void sn_instance_drop(struct sn_instance *inst)
{
    struct sn_group *g = inst->group;
    must(inst->kind != SN_MASTER);
    if (g->fo.promoted == inst) sn_failover_clear(g);
    for (size_t i = 0; i < g->replicas.n; i++)
        if (g->replicas.at[i] == inst) {
            vec_remove(&g->replicas, i);
            break;
        }
    for (size_t i = 0; i < g->peers.n; i++)
        if (g->peers.at[i] == inst) {
            vec_remove(&g->peers, i);
            break;
        }
    instance_delete(inst);
    sn_touch(g);
}

/* ---- groups ---- */

struct sn_group *sn_group_find(struct sn_core *core, struct slice name)
{
    return (struct sn_group *)sn_group_by_name(core, name);
}

struct sn_group *sn_group_new(struct sn_core *core, struct slice name, const struct sn_addr *addr,
                              unsigned quorum)
{
    struct sn_group *g = mem_zalloc(sizeof(*g));
    g->core = core;
    g->saved = (struct sn_group_saved){ .name = mem_strndup(name.p, name.n),
                                        .quorum = quorum,
                                        .down_after_ms = core->params.default_down_after,
                                        .failover_timeout_ms =
                                            core->params.default_failover_timeout,
                                        .parallel_syncs = 1,
                                        .forget_after_ms = SN_FORGET_AFTER,
                                        .notification_script = mem_strdup(""),
                                        .reconfig_script = mem_strdup(""),
                                        .auth_pass = mem_strdup(""),
                                        .auth_user = mem_strdup("") };
    g->switched_at = core->now;
    g->leave_at = g->doubt_since = g->conflict_since = g->reset_at = SN_NEVER;
    g->due = core->now;
    g->beat = a_beat(core);
    sn_failover_clear(g);
    g->fo.started = g->fo.not_before = SN_NEVER;
    g->master = instance_new(g, SN_MASTER, addr);
    link_attach(link_new(core, g->beat), g->master);
    size_t i = core->groups.n;
    while (i && strcmp(core->groups.at[i - 1]->saved.name, g->saved.name) > 0) i--;
    vec_insert(&core->groups, i, g);
    sn_heap_add(core, g);
    sn_touch(g);
    return g;
}

static void drop_all(struct sn_group *g)
{
    while (g->replicas.n) instance_delete(vec_pop(&g->replicas));
    while (g->peers.n) instance_delete(vec_pop(&g->peers));
}

void sn_group_delete(struct sn_group *g)
{
    struct sn_core *core = g->core;
    drop_all(g);
    instance_delete(g->master);
    sn_heap_remove(core, g);
    for (size_t i = 0; i < core->groups.n; i++)
        if (core->groups.at[i] == g) {
            vec_remove(&core->groups, i);
            break;
        }
    for (size_t i = core->dirty.n; i-- > 0;)
        if (core->dirty.at[i] == g) vec_remove(&core->dirty, i);
    for (size_t i = core->waiting.n; i-- > 0;)
        if (core->waiting.at[i] == g) vec_remove(&core->waiting, i);
    for (size_t i = 0; i < g->saved.renames.n; i++) {
        mem_free(g->saved.renames.at[i].from);
        mem_free(g->saved.renames.at[i].to);
    }
    vec_free(&g->saved.renames);
    mem_free(g->saved.name);
    mem_free(g->saved.notification_script);
    mem_free(g->saved.reconfig_script);
    mem_free(g->saved.auth_pass);
    mem_free(g->saved.auth_user);
    sn_history_free(&g->history);
    vec_free(&g->replicas);
    vec_free(&g->peers);
    mem_free(g);
}

void sn_touch(struct sn_group *g)
{
    if (g->touched) return;
    g->touched = true;
    vec_push(&g->core->dirty, g);
}

void sn_failover_clear(struct sn_group *g)
{
    struct sn_failover *fo = &g->fo;
    fo->state = SN_FO_NONE;
    fo->state_since = g->core->now;
    fo->forced = fo->hand_only = false;
    fo->hand = SN_HAND_NOT;
    fo->target = 0;
    fo->again_at = SN_NEVER;
    fo->stand_at = SN_NEVER;
    fo->promoted = NULL;
    for (size_t i = 0; i < g->replicas.n; i++) g->replicas.at[i]->reconf = SN_RECONF_NONE;
}

/* What a reset and an address switch have in common. */
static void states_reset(struct sn_group *g)
{
    struct sn_core *core = g->core;
    sn_failover_clear(g);
    g->fo.started = g->fo.not_before = SN_NEVER;
    g->fo.lost = 0;
    g->fo.retry_if_fit = g->fo.yielded = false;
    g->fo.yields = 0;
    g->leave_at = g->conflict_since = g->doubt_since = SN_NEVER;
    g->amnesia = false;
    g->o_down = g->confirmed = false;
    g->addr_gen++;
    g->switched_at = core->now;
    for (size_t i = 0; i < g->peers.n; i++) {
        struct sn_instance *p = g->peers.at[i];
        p->master_down = false;
        p->asked_at = p->down_reply_at = SN_NEVER;
        p->asked_epoch = 0;
    }
    sn_touch(g);
}

static void start_instance(struct sn_instance *inst)
{
    inst->hello_at = inst->group->core->now;
    instance_restart(inst);
    link_clock_restart(inst->group->core, inst->link);
}

void sn_group_start(struct sn_group *g)
{
    states_reset(g);
    start_instance(g->master);
    for (size_t i = 0; i < g->replicas.n; i++) start_instance(g->replicas.at[i]);
    for (size_t i = 0; i < g->peers.n; i++) {
        start_instance(g->peers.at[i]);
        sn_link_repace(g->peers.at[i]->link);
    }
}

void sn_group_reset(struct sn_group *g)
{
    unsigned voters = sn_voters(g);
    g->saved.voters_floor = voters;
    g->reset_at = g->core->now;
    g->fo.preferred = 0;
    drop_all(g);
    states_reset(g);
    sn_link_close(g->core, g->master->link);
    instance_restart(g->master);
    g->master->runid[0] = 0;
    link_clock_restart(g->core, g->master->link);
}

static struct sn_instance *take_replica(struct sn_group *g, const struct sn_addr *addr)
{
    for (size_t i = 0; i < g->replicas.n; i++) {
        struct sn_instance *r = g->replicas.at[i];
        if (!sn_addr_same(&r->addr, addr)) continue;
        vec_remove(&g->replicas, i);
        return r;
    }
    return NULL;
}

static void put_replica(struct sn_group *g, struct sn_instance *r)
{
    size_t i = g->replicas.n;
    while (i && g->replicas.at[i - 1]->id > r->id) i--;
    vec_insert(&g->replicas, i, r);
}

void sn_group_switch(struct sn_group *g, const struct sn_addr *addr, bool confirmed)
{
    struct sn_core *core = g->core;
    struct sn_addr to = *addr; /* may be part of what moves */
    sn_actions_persist(core->out);
    states_reset(g);
    struct sn_instance *old = g->master, *now = take_replica(g, &to);
    if (!now) {
        now = instance_new(g, SN_MASTER, &to);
        link_attach(link_new(core, g->beat), now);
    }
    now->kind = SN_MASTER;
    now->was_master = false;
    old->kind = SN_REPLICA;
    old->was_master = old->led = true;
    g->master = now;
    put_replica(g, old);
    g->confirmed = confirmed;
    instance_restart(now);
    link_clock_restart(core, now->link);
    for (size_t i = 0; i < g->replicas.n; i++) {
        instance_restart(g->replicas.at[i]);
        link_clock_restart(core, g->replicas.at[i]->link);
        if (g->replicas.at[i] != old) sn_emit(core, SN_EVT_SLAVE, g->replicas.at[i], NULL);
    }
    sn_emit(core, SN_EVT_SLAVE, old, NULL);
}

bool sn_master_sane(const struct sn_group *g)
{
    const struct sn_instance *m = g->master;
    int64_t now = g->core->now;
    return m->facts.role == SN_ROLE_MASTER && !m->s_down && !g->o_down &&
           m->facts.info_at != SN_NEVER &&
           now - m->facts.info_at < 2 * g->core->params.info_period;
}

/* ---- letting go ---- */

#define FLOOR_MS 10000 /* time for the live peers to be heard of again after a RESET */

/* Fewer voters than before a RESET are believed only where a majority of the old ones agrees by
 * being there: a cut-off minority cannot make itself a majority. */
static void lower_floor(struct sn_group *g)
{
    unsigned floor = g->saved.voters_floor, known = (unsigned)g->peers.n + 1;
    if (!floor) return;
    int64_t at = g->reset_at == SN_NEVER ? 0 : g->reset_at + FLOOR_MS;
    if (known < floor && (g->core->now < at || sn_usable(g) < floor / 2 + 1)) {
        if (g->core->now < at) sn_want(g, at);
        return;
    }
    g->saved.voters_floor = 0;
    if (known >= floor) return; /* what the file says of them does not change */
    sn_actions_persist(g->core->out);
    sn_emit(g->core, SN_EVT_VOTERS, g->master, "%u instead of %u", known, floor);
}

static bool too_old(const struct sn_group *g, const struct sn_instance *r, int64_t *at)
{
    int64_t listed = r->listed_at == SN_NEVER ? 0 : r->listed_at + 3 * g->core->params.info_period;
    if (!r->s_down || r->was_master || r == g->fo.promoted) return false;
    *at = r->s_down_since + g->saved.forget_after_ms;
    if (listed > *at) *at = listed;
    return g->core->now >= *at;
}

void sn_group_age(struct sn_group *g)
{
    lower_floor(g);
    if (!g->saved.forget_after_ms || g->fo.state != SN_FO_NONE || !sn_master_sane(g)) return;
    for (size_t i = g->replicas.n; i-- > 0;) {
        struct sn_instance *r = g->replicas.at[i];
        int64_t at = INT64_MAX;
        if (too_old(g, r, &at)) {
            sn_emit(g->core, SN_EVT_FORGOTTEN, r, "down and not listed by the master for too long");
            sn_instance_drop(r);
            sn_actions_persist(g->core->out);
        } else {
            sn_want(g, at);
        }
    }
}
