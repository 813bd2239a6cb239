#include "sentinel/failover.h"

#include "sentinel/actions.h"
#include "sentinel/addr.h"
#include "sentinel/core.h"
#include "sentinel/group.h"
#include "sentinel/hand_over.h"
#include "sentinel/heap.h"
#include "sentinel/lineage.h"
#include "sentinel/pick.h"
#include "sentinel/reconf.h"
#include "sentinel/send.h"
#include "sentinel/view.h"
#include "sentinel/vote.h"

#define TURN_MS 20      /* between the turns of two peers that see O_DOWN at the same time */
#define TURN_SPREAD_MS 5
#define ELECTION_MS 1000 /* an election lasts so long at least, twice as long at most */
#define FRESH_INFO_MS 50 /* longest wait for the candidates' INFO */
#define OTHERS_FIRST_MS 2000 /* the voters wait up to a second longer than twice the timeout */
#define WANTED_MS 300    /* a failover that was asked for waits so long for votes */
#define AGAIN_MS 60      /* spread of the next try after votes that were split */
#define TURN_LEAVING_MS 60
#define LEAVING_MS 1000  /* longer than that no master waits to be replaced */
#define PREFERRED_MS 60000 /* so long the hand-over to a preferred replica may still come */
#define RESEND_MS 1000   /* SLAVEOF NO ONE is repeated when its replica still is a replica */

struct state {
    void (*run)(struct sn_group *g);
    unsigned next; /* bit set of the states that may follow */
};
#define TO(s) (1u << SN_FO_##s)

static void run_wait_start(struct sn_group *g);
/* Nobody can take over, and the master is alive, as a replica. */
static void restore(struct sn_group *g)
{
    if (!sn_pick_restores(g) || !sn_send_slaveof(g->master, NULL)) return;
    sn_emit(g->core, SN_EVT_RESTORE, g->master, NULL);
}

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
    sn_record_end(g, sn_evt_rows[why].name);
    g->core->counters.aborts++;
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
    /* Whom we left the time to died: it will not finish. */
    const struct sn_instance *leader = fo->yielded ? sn_peer_find(g, g->saved.leader) : NULL;
    if (leader && leader->s_down) {
        fo->not_before = fo->stand_at;
        fo->yielded = false;
    }
    int64_t at = fo->stand_at;
    if (fo->not_before != SN_NEVER && fo->not_before > at) at = fo->not_before;
    if (fo->retry_if_fit && core->now >= fo->state_since + ELECTION_MS && sn_pick(g))
        at = core->now;
    if (core->now >= at) {
        sn_failover_start(g, &(struct sn_order){ .kind = SN_FO_AUTO });
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

static const char *const kinds[SN_FO_KINDS] = { "automatic", "requested", "leaving", "preferred" };

/* A new epoch in which we stand, with our own vote. */
static void candidacy(struct sn_group *g, uint64_t epoch)
{
    struct sn_core *core = g->core;
    sn_epoch_seen(g, epoch);
    g->fo.epoch = core->saved.current_epoch;
    core->counters.elections++;
}

void sn_failover_start(struct sn_group *g, const struct sn_order *order)
{
    struct sn_core *core = g->core;
    struct sn_failover *fo = &g->fo;
    int64_t len = ELECTION_MS + (int64_t)rng_below(&core->rng, ELECTION_MS);
    int64_t max = core->params.election_timeout;
    len <<= fo->lost < 3 ? fo->lost : 3;
    if (g->saved.failover_timeout_ms < max) max = g->saved.failover_timeout_ms;
    move(g, SN_FO_WAIT_START);
    candidacy(g, core->saved.current_epoch + 1);
    fo->kind = order->kind;
    fo->forced = order->kind != SN_FO_AUTO;
    fo->hand = order->hand_over ? SN_HAND_WANTED : SN_HAND_NOT;
    fo->hand_only = order->hand_only;
    fo->target = order->target;
    fo->yielded = false;
    sn_record_begin(g, kinds[order->kind]);
    fo->retry_if_fit = false;
    fo->started = core->now;
    fo->not_before = SN_NEVER;
    fo->give_up = core->now + (len < max ? len : max);
    sn_emit(core, SN_EVT_TRY_FAILOVER, g->master, NULL);
    sn_vote(g, fo->epoch, slice_z(core->saved.myid), true);
    ask_candidates(g);
}

/* ---- election ---- */

static void elected(struct sn_group *g)
{
    struct sn_core *core = g->core;
    g->fo.lost = 0;
    sn_record_mark(g, SN_MARK_ELECTED);
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
    g->core->counters.elections_lost++;
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

/* Nobody who can be reached will say more. */
static bool no_more_votes(const struct sn_group *g)
{
    for (size_t i = 0; i < g->peers.n; i++) {
        const struct sn_instance *p = g->peers.at[i];
        if (p->link->conn[SN_CMD].phase != SN_OPEN || p->s_down) continue;
        if (p->voted_epoch != g->fo.epoch && (p->asks_flying || p->asked_epoch != g->fo.epoch))
            return false;
    }
    return true;
}

/* The operator's wish needs no majority, but an epoch that is nobody else's: votes make it so, or,
 * where no majority answers, our own part of the numbers. */
static void run_wanted(struct sn_group *g, enum sn_tally tally)
{
    struct sn_failover *fo = &g->fo;
    struct sn_core *core = g->core;
    if (tally == SN_TALLY_WON) {
        elected(g);
    } else if (tally == SN_TALLY_OTHER || g->saved.leader_epoch > fo->epoch) {
        give_up(g, SN_EVT_ABORT_NOT_ELECTED, retry_wait(g));
    } else if (tally == SN_TALLY_SPLIT && fo->again_at == SN_NEVER && fo->lost < 4) {
        fo->again_at = core->now + 5 + (int64_t)rng_below(&core->rng, AGAIN_MS);
        sn_want(g, fo->again_at);
    } else if (fo->again_at != SN_NEVER && core->now < fo->again_at) {
        sn_want(g, fo->again_at);
    } else if (fo->again_at != SN_NEVER) {
        fo->again_at = SN_NEVER;
        fo->lost++;
        fo->state_since = core->now;
        candidacy(g, core->saved.current_epoch + 1);
        sn_vote(g, fo->epoch, slice_z(core->saved.myid), true);
        sn_touch(g);
    } else if (no_more_votes(g) || core->now >= fo->state_since + WANTED_MS) {
        candidacy(g, sn_own_epoch(core));
        sn_vote(g, fo->epoch, slice_z(core->saved.myid), true);
        elected(g);
    } else {
        sn_want(g, fo->state_since + WANTED_MS);
    }
}

static void run_wait_start(struct sn_group *g)
{
    struct sn_failover *fo = &g->fo;
    enum sn_tally tally = sn_tally(g);
    if (fo->forced) {
        run_wanted(g, tally);
        return;
    }
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

static void tell_verdicts(struct sn_group *g)
{
    sn_record_candidates(g);
    for (size_t i = 0; i < g->replicas.n; i++)
        if (g->replicas.at[i]->reject != SN_FIT)
            sn_emit(g->core, SN_EVT_REJECTED, g->replicas.at[i], "%s",
                    sn_reject_name(g->replicas.at[i]->reject));
}

/* The one that was named, if it is fit, or the best. */
static struct sn_instance *choose(struct sn_group *g)
{
    struct sn_instance *best = sn_pick(g), *named = NULL;
    tell_verdicts(g);
    g->fo.preferred = 0;
    if (best && !sn_lineage_shares(g, &best->facts))
        sn_note(g->core, SN_LEVEL_WARNING,
                "Nobody has data of the known history of %s: as a last resort a replica of an "
                "unknown one is taken",
                g->saved.name);
    if (g->fo.target)
        for (size_t i = 0; i < g->replicas.n; i++)
            if (g->replicas.at[i]->id == g->fo.target) named = g->replicas.at[i];
    if (g->fo.target) return named && named->reject == SN_FIT ? named : NULL;
    struct sn_instance *preferred = best ? sn_pick_preferred(g, best) : NULL;
    if (!preferred) return best;
    /* Who hands over waits for the other: nothing is lost by taking the preferred one at once. */
    if (g->fo.hand == SN_HAND_WANTED) return preferred;
    g->fo.preferred = preferred->id;
    g->fo.preferred_until = g->core->now + PREFERRED_MS;
    return best;
}

static void run_select(struct sn_group *g)
{
    struct sn_failover *fo = &g->fo;
    int64_t until = fo->info_asked + FRESH_INFO_MS;
    if (g->core->now < until && sn_pick_waits(g, fo->info_asked)) {
        sn_want(g, until);
        return;
    }
    struct sn_instance *best = choose(g);
    if (!best) {
        if (!fo->forced) restore(g);
        /* Another may know of a replica that we do not: whoever voted for us stands before us. */
        give_up(g, SN_EVT_ABORT_NO_GOOD_SLAVE, long_wait(g) + OTHERS_FIRST_MS);
        fo->retry_if_fit = true;
        return;
    }
    sn_record_chosen(g, best);
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
    if (g->fo.hand == SN_HAND_WANTED && sn_hand_over_ask(g)) {
        sn_emit(g->core, SN_EVT_WAIT_PROMOTION, g->fo.promoted, NULL);
        move(g, SN_FO_WAIT_PROMOTION);
        return;
    }
    if (g->fo.hand_only) {
        give_up(g, SN_EVT_ABORT_SLAVE_TIMEOUT, 0);
        return;
    }
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
    struct sn_failover *fo = &g->fo;
    if (timed_out(g)) return;
    if (fo->hand == SN_HAND_ASKED) sn_hand_over_run(g);
    if (fo->hand == SN_HAND_ASKED) return;
    if (fo->hand == SN_HAND_FAILED && fo->hand_only) {
        give_up(g, SN_EVT_ABORT_SLAVE_TIMEOUT, 0);
    } else if (fo->hand == SN_HAND_FAILED) {
        fo->hand = SN_HAND_NOT;
        sn_send_slaveof(fo->promoted, NULL);
    } else {
        repeat_noone(g);
    }
}

void sn_failover_promoted(struct sn_group *g)
{
    struct sn_core *core = g->core;
    struct sn_instance *p = g->fo.promoted;
    must(p && g->fo.state == SN_FO_WAIT_PROMOTION);
    g->saved.config_epoch = g->fo.epoch;
    move(g, SN_FO_RECONF_SLAVES);
    if (g->fo.hand == SN_HAND_ASKED) sn_hand_over_done(g);
    sn_record_mark(g, SN_MARK_PROMOTED);
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

void sn_failover_settle(struct sn_group *g)
{
    if (g->fo.state < SN_FO_RECONF_SLAVES) return;
    g->fo.state = SN_FO_UPDATE_CONFIG;
    run_update(g);
}

static void run_update(struct sn_group *g)
{
    struct sn_addr to = g->fo.promoted->addr;
    sn_actions_persist(g->core->out);
    g->core->counters.failovers++;
    g->core->counters.switches++;
    sn_record_end(g, "switched");
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

/* ---- failovers that nobody's death asks for ---- */

int64_t sn_failover_turn_ms(const struct sn_group *g)
{
    return (int64_t)turn(g) * TURN_LEAVING_MS;
}

static void leaving(struct sn_group *g)
{
    int64_t now = g->core->now;
    if (g->leave_at == SN_NEVER) return;
    if (now < g->leave_at) {
        sn_want(g, g->leave_at);
        return;
    }
    bool late = now > g->leave_at + LEAVING_MS;
    g->leave_at = SN_NEVER;
    if (late) return; /* we stood still meanwhile: it did not wait for us */
    /* Somebody else stands already, or there is nobody to take its place. */
    if (g->core->saved.current_epoch != g->leave_epoch || g->master->s_down || !sn_pick(g)) return;
    sn_failover_start(
        g, &(struct sn_order){ .kind = SN_FO_LEAVING, .hand_over = true, .hand_only = true });
}

/* It has caught up with the master that it outranks. */
static bool ready(const struct sn_group *g, const struct sn_instance *r)
{
    return !r->s_down && r->facts.role_at != SN_NEVER && r->facts.role == SN_ROLE_REPLICA &&
           r->facts.master_link_up && !r->facts.loading && r->facts.info_at > g->switched_at &&
           sn_addr_is(&g->master->addr, slice_z(r->facts.master_host), r->facts.master_port);
}

static void preferred(struct sn_group *g)
{
    struct sn_failover *fo = &g->fo;
    if (!fo->preferred) return;
    if (g->core->now >= fo->preferred_until || g->master->s_down) {
        fo->preferred = 0;
        return;
    }
    if (!g->confirmed) return;
    for (size_t i = 0; i < g->replicas.n; i++) {
        struct sn_instance *r = g->replicas.at[i];
        if (r->id != fo->preferred || !ready(g, r) || sn_judge(r) != SN_FIT) continue;
        fo->preferred = 0;
        sn_failover_start(g, &(struct sn_order){ .kind = SN_FO_PREFERRED,
                                                 .hand_over = true,
                                                 .hand_only = true,
                                                 .target = r->id });
        return;
    }
}

void sn_failover_wanted(struct sn_group *g)
{
    if (g->fo.state != SN_FO_NONE) return;
    leaving(g);
    if (g->fo.state == SN_FO_NONE) preferred(g);
}
