#include "sentinel/reconf.h"

#include <stdio.h>

#include "sentinel/actions.h"
#include "sentinel/addr.h"
#include "sentinel/group.h"
#include "sentinel/send.h"
#include "sentinel/view.h"

#define REPEAT_MS 1000 /* a SLAVEOF without visible effect is sent again after that */

void sn_switch_event(struct sn_group *g, const struct sn_addr *to)
{
    const struct sn_core *core = g->core;
    const struct sn_addr *from = &g->master->addr;
    sn_emit(g->core, SN_EVT_SWITCH_MASTER, g->master, "%s %s %d %s %d", g->saved.name,
            sn_announced_host(core, from), from->port, sn_announced_host(core, to), to->port);
}

void sn_reconf_script(struct sn_group *g, const char *role, const struct sn_addr *from,
                      const struct sn_addr *to)
{
    struct sn_core *core = g->core;
    char from_port[16], to_port[16];
    if (!g->saved.reconfig_script[0]) return;
    snprintf(from_port, sizeof(from_port), "%d", from->port);
    snprintf(to_port, sizeof(to_port), "%d", to->port);
    struct slice argv[] = {
        slice_z(g->saved.reconfig_script),
        slice_z(g->saved.name),
        slice_z(role),
        SLICE("start"),
        slice_z(sn_announced_host(core, from)),
        slice_z(from_port),
        slice_z(sn_announced_host(core, to)),
        slice_z(to_port),
    };
    struct sn_action *act = sn_actions_add(core->out, SN_DO_SCRIPT);
    sn_actions_argv(core->out, act, 8, argv);
}

/* ---- in a failover of ours ---- */

static void reconf_to(struct sn_instance *r, enum sn_reconf to, enum sn_evt evt)
{
    r->reconf = to;
    r->reconf_since = r->group->core->now;
    sn_emit(r->group->core, evt, r, NULL);
    sn_touch(r->group);
}

static bool follows(const struct sn_instance *r, const struct sn_addr *addr)
{
    return r->facts.role_at != SN_NEVER && r->facts.role == SN_ROLE_REPLICA &&
           sn_addr_is(addr, slice_z(r->facts.master_host), r->facts.master_port);
}

static void progress(struct sn_instance *r)
{
    struct sn_group *g = r->group;
    if (r->reconf == SN_RECONF_SENT) {
        int64_t at = r->reconf_since + g->core->params.slave_reconf_timeout;
        if (follows(r, &g->fo.promoted->addr))
            reconf_to(r, SN_RECONF_INPROG, SN_EVT_RECONF_INPROG);
        else if (g->core->now >= at)
            reconf_to(r, SN_RECONF_DONE, SN_EVT_RECONF_TIMEOUT);
        else
            sn_want(g, at);
    }
    if (r->reconf != SN_RECONF_INPROG) return;
    if (!follows(r, &g->fo.promoted->addr)) r->reconf = SN_RECONF_NONE; /* sent elsewhere: again */
    else if (r->facts.master_link_up) reconf_to(r, SN_RECONF_DONE, SN_EVT_RECONF_DONE);
}

static unsigned in_progress(const struct sn_group *g)
{
    unsigned n = 0;
    for (size_t i = 0; i < g->replicas.n; i++)
        n += g->replicas.at[i]->reconf == SN_RECONF_SENT ||
             g->replicas.at[i]->reconf == SN_RECONF_INPROG;
    return n;
}

static void start_more(struct sn_group *g)
{
    unsigned n = in_progress(g);
    for (size_t i = 0; i < g->replicas.n && n < g->saved.parallel_syncs; i++) {
        struct sn_instance *r = g->replicas.at[i];
        if (r == g->fo.promoted || r->reconf != SN_RECONF_NONE || r->s_down || r->foreign)
            continue;
        if (!sn_send_slaveof(r, &g->fo.promoted->addr)) continue;
        reconf_to(r, SN_RECONF_SENT, SN_EVT_RECONF_SENT);
        n++;
    }
}

static bool all_done(const struct sn_group *g)
{
    for (size_t i = 0; i < g->replicas.n; i++) {
        const struct sn_instance *r = g->replicas.at[i];
        if (r != g->fo.promoted && r->reconf != SN_RECONF_DONE && !r->s_down && !r->foreign)
            return false;
    }
    return true;
}

enum sn_reconf_state sn_reconf_run(struct sn_group *g)
{
    int64_t at = g->fo.state_since + g->saved.failover_timeout_ms;
    for (size_t i = 0; i < g->replicas.n; i++) progress(g->replicas.at[i]);
    start_more(g);
    /* The next failover is what is needed now, and it can only begin when this one has ended. */
    if (g->fo.promoted->s_down) return SN_RECONF_TIMEOUT;
    if (all_done(g)) return SN_RECONF_FINISHED;
    if (g->core->now >= at) return SN_RECONF_TIMEOUT;
    sn_want(g, at);
    return SN_RECONF_WORKING;
}

void sn_reconf_best_effort(struct sn_group *g)
{
    if (g->fo.promoted->s_down) return;
    for (size_t i = 0; i < g->replicas.n; i++) {
        struct sn_instance *r = g->replicas.at[i];
        if (r == g->fo.promoted || r->reconf == SN_RECONF_DONE || r->reconf == SN_RECONF_SENT)
            continue;
        if (sn_send_slaveof(r, &g->fo.promoted->addr))
            reconf_to(r, SN_RECONF_SENT, SN_EVT_RECONF_SENT_BE);
    }
}

/* ---- outside of one ---- */

static bool up_for(const struct sn_instance *r, int64_t ms)
{
    int64_t since = r->s_down_ended;
    if (r->s_down) return false;
    if (since == SN_NEVER) return true;
    if (r->group->core->now >= since + ms) return true;
    sn_want(r->group, since + ms);
    return false;
}

static bool passed(struct sn_group *g, int64_t since, int64_t ms)
{
    if (g->core->now >= since + ms) return true;
    sn_want(g, since + ms);
    return false;
}

static void correct(struct sn_instance *r, enum sn_evt evt)
{
    struct sn_group *g = r->group;
    if (r->slaveof_at != SN_NEVER && !passed(g, r->slaveof_at, REPEAT_MS)) return;
    if (sn_send_slaveof(r, &g->master->addr)) sn_emit(g->core, evt, r, NULL);
}

/* A newer leader would have had votes of a majority, so one of any majority would name its epoch.
 * Without this proof, and a fresh one, we may be the ones who are behind, just started for
 * instance, and the former master the present one. A later epoch may also be another group's: when
 * it is old enough for its result to be known, what they name for this group counts. What was heard
 * before `since` proves nothing. */
static bool config_is_newest(const struct sn_group *g, int64_t since)
{
    const struct sn_core *core = g->core;
    int64_t fresh = core->now - 3 * core->params.publish_period;
    if (since > fresh) fresh = since;
    uint64_t epoch = g->saved.config_epoch;
    bool calm = core->epoch_since <= fresh;
    unsigned n = core->saved.current_epoch == epoch || calm;
    for (size_t i = 0; i < g->peers.n; i++) {
        const struct sn_instance *p = g->peers.at[i];
        n += p->hello_at >= fresh &&
             (p->hello_epoch == epoch ||
              (calm && p->hello_epoch == core->saved.current_epoch && p->hello_config == epoch));
    }
    return n >= sn_majority(g);
}

/* Says that it is a master. */
static void check_master(struct sn_instance *r)
{
    struct sn_group *g = r->group;
    int64_t grace = 4 * g->core->params.publish_period;
    if (!sn_master_sane(g)) return;
    if (r->was_master && g->confirmed && config_is_newest(g, 0)) correct(r, SN_EVT_CONVERT);
    else if (up_for(r, grace) && passed(g, r->facts.role_since, grace)) correct(r, SN_EVT_CONVERT);
}

/* It follows a master of the past, having been out of reach when the others were sent away. Who was
 * there is the leader's business: it sends them one after the other. */
static bool missed_the_switch(const struct sn_instance *r)
{
    const struct sn_facts *f = &r->facts;
    if (r->s_down_ended <= r->group->switched_at) return false;
    const struct sn_instance *m =
        sn_replica_find(r->group, slice_z(f->master_host), f->master_port);
    return m && m != r && m->led;
}

/* Follows our master's name, which led it to another group's: its link has to be made again. */
static void check_link(struct sn_instance *r)
{
    struct sn_group *g = r->group;
    int64_t grace = 4 * g->core->params.publish_period;
    if (r->astray_since == SN_NEVER || !r->facts.master_link_up || !up_for(r, grace)) return;
    if (!passed(g, r->astray_since, grace) || g->master->facts.info_at < r->astray_since) return;
    if (r->slaveof_at != SN_NEVER && !passed(g, r->slaveof_at, grace)) return;
    if (sn_send_relink(r)) sn_emit(g->core, SN_EVT_FIX_CONFIG, r, NULL);
}

/* Follows someone else. */
static void check_other(struct sn_instance *r)
{
    struct sn_group *g = r->group;
    int64_t grace = g->saved.failover_timeout_ms;
    if (!sn_master_sane(g)) return;
    if (follows(r, &g->master->addr)) {
        check_link(r);
        return;
    }
    if (missed_the_switch(r) && g->confirmed && config_is_newest(g, r->facts.master_since)) {
        correct(r, SN_EVT_FIX_CONFIG);
        return;
    }
    if (!up_for(r, grace) || !passed(g, r->facts.master_since, grace)) return;
    correct(r, SN_EVT_FIX_CONFIG);
}

void sn_reconf_check(struct sn_instance *r)
{
    struct sn_group *g = r->group;
    if (g->core->tilt || g->fo.state != SN_FO_NONE || r->facts.role_at == SN_NEVER) return;
    const struct sn_conn_state *c = &r->link->conn[SN_CMD];
    /* What was reported before this connection may be true no more. */
    if (c->phase != SN_OPEN || r->s_down || r->facts.role_at < c->since) return;
    if (r->foreign) return;
    if (r->facts.role == SN_ROLE_MASTER) check_master(r);
    else check_other(r);
}
