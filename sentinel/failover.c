#include "sentinel/failover.h"

#include "sentinel/actions.h"
#include "sentinel/core.h"
#include "sentinel/group.h"
#include "sentinel/heap.h"
#include "sentinel/pick.h"
#include "sentinel/reconf.h"
#include "sentinel/send.h"
#include "sentinel/view.h"
#include "sentinel/vote.h"

#define TURN_MS 20      /* between the turns of two peers that see O_DOWN at the same time */
#define TURN_SPREAD_MS 5
#define ELECTION_MS 1000 /* an election lasts so long at least, twice as long at most */
#define FRESH_INFO_MS 50 /* longest wait for the candidates' INFO */
#define RESEND_MS 1000   /* SLAVEOF NO ONE is repeated when its replica still is a replica */

struct state {
    void (*run)(struct sn_group *g);
    unsigned next; /* bit set of the states that may follow */
};
#define TO(s) (1u << SN_FO_##s)

static void run_wait_start(struct sn_group *g);
static void run_select(struct sn_group *g);
static void run_send(struct sn_group *g);
static void run_wait_promotion(struct sn_group *g);
static void run_reconf(struct sn_group *g);
static void run_update(struct sn_group *g);

static const struct state states[SN_FO_STATES] = {
    [SN_FO_NONE] = { NULL, TO(WAIT_START) },
    [SN_FO_WAIT_START] = { run_wait_start, TO(NONE) | TO(SELECT_SLAVE) },
    [SN_FO_SELECT_SLAVE] = { run_select, TO(NONE) | TO(SEND_SLAVEOF_NOONE) },
    [SN_FO_SEND_SLAVEOF_NOONE] = { run_send, TO(NONE) | TO(WAIT_PROMOTION) },
    [SN_FO_WAIT_PROMOTION] = { run_wait_promotion, TO(NONE) | TO(RECONF_SLAVES) },
    [SN_FO_RECONF_SLAVES] = { run_reconf, TO(UPDATE_CONFIG) },
    [SN_FO_UPDATE_CONFIG] = { run_update, TO(NONE) },
};

static void move(struct sn_group *g, enum sn_fo_state to)
{
    must(states[g->fo.state].next & (1u << to));
    g->fo.state = to;
    g->fo.state_since = g->core->now;
    sn_touch(g);
}

/* Ends ours with an event; the next attempt is not before `wait` from now. */
static void give_up(struct sn_group *g, enum sn_evt why, int64_t wait)
{
    sn_emit(g->core, why, g->master, NULL);
    move(g, SN_FO_NONE);
    sn_failover_clear(g);
    int64_t at = g->core->now + wait;
    if (g->fo.not_before == SN_NEVER || at > g->fo.not_before) g->fo.not_before = at;
    g->fo.delay_logged = false;
}

/* ---- start ---- */

/* Peers that are alive and come before us by run id. */
static unsigned turn(const struct sn_group *g)
{
    unsigned n = 0;
    for (size_t i = 0; i < g->peers.n; i++)
        n += !g->peers.at[i]->s_down &&
             strcmp(g->peers.at[i]->runid, g->core->saved.myid) < 0;
    return n;
}

static void log_delay(struct sn_group *g)
{
    if (g->fo.delay_logged) return;
    g->fo.delay_logged = true;
    sn_note(g->core, SN_LEVEL_WARNING,
            "Next failover delay: I will not start a failover of %s during the next %lld ms",
            g->saved.name, (long long)(g->fo.not_before - g->core->now));
}

void sn_failover_consider(struct sn_group *g)
{
    struct sn_core *core = g->core;
    struct sn_failover *fo = &g->fo;
    if (!g->o_down || fo->state != SN_FO_NONE) return;
    if (fo->stand_at == SN_NEVER)
        fo->stand_at = core->now + (int64_t)turn(g) * TURN_MS +
                       (int64_t)rng_below(&core->rng, TURN_SPREAD_MS);
    int64_t at = fo->stand_at;
    if (fo->not_before != SN_NEVER && fo->not_before > at) at = fo->not_before;
    if (fo->retry_if_fit && core->now >= fo->state_since + ELECTION_MS && sn_pick(g))
        at = core->now;
    if (core->now >= at) {
        sn_failover_start(g, false);
        return;
    }
    sn_want(g, at);
    if (at > fo->stand_at) log_delay(g);
}

static void ask_candidates(struct sn_group *g)
{
    g->fo.info_asked = g->core->now;
    for (size_t i = 0; i < g->replicas.n; i++)
        if (!g->replicas.at[i]->info_flying) sn_send_info(g->replicas.at[i]);
}

void sn_failover_start(struct sn_group *g, bool forced)
{
    struct sn_core *core = g->core;
    struct sn_failover *fo = &g->fo;
    int64_t len = ELECTION_MS + (int64_t)rng_below(&core->rng, ELECTION_MS);
    int64_t max = core->params.election_timeout;
    len <<= fo->lost < 3 ? fo->lost : 3;
    if (g->saved.failover_timeout_ms < max) max = g->saved.failover_timeout_ms;
    move(g, SN_FO_WAIT_START);
    sn_epoch_seen(g, core->saved.current_epoch + 1);
    fo->epoch = core->saved.current_epoch;
    fo->forced = forced;
    fo->retry_if_fit = false;
    fo->started = core->now;
    fo->not_before = SN_NEVER;
    fo->give_up = core->now + (len < max ? len : max);
    sn_emit(core, SN_EVT_TRY_FAILOVER, g->master, NULL);
    sn_vote(g, fo->epoch, slice_z(core->saved.myid));
    ask_candidates(g);
}

/* ---- election ---- */

static void elected(struct sn_group *g)
{
    struct sn_core *core = g->core;
    g->fo.lost = 0;
    sn_emit(core, SN_EVT_ELECTED, g->master, NULL);
    if (core->simulate & SN_CRASH_AFTER_ELECTION)
        sn_actions_add(core->out, SN_DO_EXIT)->code = SN_EXIT_SIMULATED;
    move(g, SN_FO_SELECT_SLAVE);
    sn_emit(core, SN_EVT_SELECT_SLAVE, g->master, NULL);
}

/* Nobody won: again soon, after a time of our own; ever later when it goes on. */
static int64_t retry_wait(struct sn_group *g)
{
    struct sn_failover *fo = &g->fo;
    int64_t max = 2 * g->saved.failover_timeout_ms, wait;
    wait = 50 + (int64_t)rng_below(&g->core->rng, 950);
    if (fo->lost > 3) wait += 1000LL << (fo->lost < 20 ? fo->lost - 3 : 17);
    fo->lost++;
    return wait < max ? wait : max;
}

void sn_failover_peer_back(struct sn_group *g)
{
    struct sn_failover *fo = &g->fo;
    if (fo->state != SN_FO_NONE || !fo->lost) return;
    int64_t soon = g->core->now + 50 + (int64_t)rng_below(&g->core->rng, 950);
    fo->lost = 1;
    if (fo->not_before > soon) fo->not_before = soon;
}

void sn_failover_unsaved(struct sn_group *g)
{
    bool began = g->fo.state != SN_FO_NONE && g->fo.started == g->core->now;
    if (!began || strcmp(g->saved.leader, g->core->saved.myid) != 0) return;
    sn_failover_clear(g);
    g->fo.not_before = g->core->now + retry_wait(g);
    if (g->fo.not_before < g->due) {
        g->due = g->fo.not_before;
        sn_heap_moved(g->core, g);
    }
}

static void run_wait_start(struct sn_group *g)
{
    struct sn_failover *fo = &g->fo;
    enum sn_tally tally = fo->forced ? SN_TALLY_WON : sn_tally(g);
    bool overtaken = g->saved.leader_epoch > fo->epoch;
    if (tally == SN_TALLY_WON) {
        elected(g);
    } else if (tally == SN_TALLY_OTHER) {
        int64_t wait = 2 * g->saved.failover_timeout_ms;
        if (wait > g->core->params.election_timeout) wait = g->core->params.election_timeout;
        give_up(g, SN_EVT_ABORT_NOT_ELECTED, wait + (int64_t)rng_below(&g->core->rng, 1000));
    } else if (overtaken || tally == SN_TALLY_SPLIT || g->core->now >= fo->give_up || !g->o_down) {
        give_up(g, SN_EVT_ABORT_NOT_ELECTED, retry_wait(g));
    } else {
        sn_want(g, fo->give_up);
    }
}

/* ---- promotion ---- */

/* What stands in the way now will hardly change soon: the long wait of the reference. */
static int64_t long_wait(const struct sn_group *g)
{
    int64_t at = g->fo.started + 2 * g->saved.failover_timeout_ms;
    return at > g->core->now ? at - g->core->now : 0;
}

static void log_verdicts(struct sn_group *g)
{
    char name[SN_NAME_TEXT_MAX];
    for (size_t i = 0; i < g->replicas.n; i++)
        sn_note(g->core, SN_LEVEL_NOTICE, "Replica %s of %s cannot be promoted: %s",
                sn_instance_name(g->core, g->replicas.at[i], name, sizeof(name)), g->saved.name,
                sn_reject_name(g->replicas.at[i]->reject));
}

static void run_select(struct sn_group *g)
{
    struct sn_failover *fo = &g->fo;
    int64_t until = fo->info_asked + FRESH_INFO_MS;
    if (g->core->now < until && sn_pick_waits(g, fo->info_asked)) {
        sn_want(g, until);
        return;
    }
    struct sn_instance *best = sn_pick(g);
    if (!best) {
        log_verdicts(g);
        give_up(g, SN_EVT_ABORT_NO_GOOD_SLAVE, long_wait(g));
        fo->retry_if_fit = true;
        return;
    }
    sn_emit(g->core, SN_EVT_SELECTED, best, NULL);
    fo->promoted = best;
    move(g, SN_FO_SEND_SLAVEOF_NOONE);
    sn_emit(g->core, SN_EVT_SEND_NOONE, best, NULL);
}

static bool timed_out(struct sn_group *g)
{
    int64_t at = g->fo.state_since + g->saved.failover_timeout_ms;
    if (g->core->now >= at) {
        give_up(g, SN_EVT_ABORT_SLAVE_TIMEOUT, long_wait(g));
        return true;
    }
    sn_want(g, at);
    return false;
}

static void run_send(struct sn_group *g)
{
    if (!sn_send_slaveof(g->fo.promoted, NULL)) {
        timed_out(g);
        return;
    }
    sn_emit(g->core, SN_EVT_WAIT_PROMOTION, g->fo.promoted, NULL);
    move(g, SN_FO_WAIT_PROMOTION);
}

/* The transaction may have been lost with its connection. */
static void repeat_noone(struct sn_group *g)
{
    struct sn_instance *p = g->fo.promoted;
    bool still = p->facts.role == SN_ROLE_REPLICA && p->facts.role_at > p->slaveof_at;
    if (still && g->core->now >= p->slaveof_at + RESEND_MS) sn_send_slaveof(p, NULL);
    else if (still) sn_want(g, p->slaveof_at + RESEND_MS);
}

static void run_wait_promotion(struct sn_group *g)
{
    if (!timed_out(g)) repeat_noone(g);
}

void sn_failover_promoted(struct sn_group *g)
{
    struct sn_core *core = g->core;
    struct sn_instance *p = g->fo.promoted;
    must(p && g->fo.state == SN_FO_WAIT_PROMOTION);
    g->saved.config_epoch = g->fo.epoch;
    move(g, SN_FO_RECONF_SLAVES);
    sn_actions_persist(core->out);
    sn_emit(core, SN_EVT_PROMOTED, p, NULL);
    if (core->simulate & SN_CRASH_AFTER_PROMOTION)
        sn_actions_add(core->out, SN_DO_EXIT)->code = SN_EXIT_SIMULATED;
    sn_emit(core, SN_EVT_RECONF_SLAVES, g->master, NULL);
    sn_reconf_script(g, "leader", &g->master->addr, &p->addr);
    g->hello_now = true;
}

/* ---- reconfiguration ---- */

static void run_reconf(struct sn_group *g)
{
    enum sn_reconf_state s = sn_reconf_run(g);
    if (s == SN_RECONF_WORKING) return;
    if (s == SN_RECONF_TIMEOUT) sn_emit(g->core, SN_EVT_FAILOVER_END_TIMEOUT, g->master, NULL);
    sn_emit(g->core, SN_EVT_FAILOVER_END, g->master, NULL);
    move(g, SN_FO_UPDATE_CONFIG);
    if (s == SN_RECONF_TIMEOUT) sn_reconf_best_effort(g);
}

static void run_update(struct sn_group *g)
{
    struct sn_addr to = g->fo.promoted->addr;
    sn_actions_persist(g->core->out);
    sn_switch_event(g, &to);
    sn_group_switch(g, &to, true);
}

void sn_failover_run(struct sn_group *g)
{
    enum sn_fo_state before;
    do { /* at most as many moves as there are states: no way leads back */
        before = g->fo.state;
        if (states[before].run) states[before].run(g);
    } while (g->fo.state != before && g->fo.state != SN_FO_NONE);
}
