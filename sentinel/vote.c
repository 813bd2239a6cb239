#include "sentinel/vote.h"

#include "sentinel/actions.h"
#include "sentinel/group.h"
#include "sentinel/view.h"

#define FAITH_MS 200    /* no vote for another so soon after one that was given away */
#define RESULT_MS 2000 /* by then the one we voted for has mostly told a result */
#define YIELD_MS 10000 /* longest time that we leave to the one we voted for */

void sn_epoch_seen(struct sn_group *g, uint64_t epoch)
{
    struct sn_core *core = g->core;
    if (epoch <= core->saved.current_epoch) return;
    core->saved.current_epoch = epoch;
    core->epoch_since = core->now;
    sn_actions_persist(core->out);
    sn_emit(core, SN_EVT_NEW_EPOCH, g->master, "%llu", (unsigned long long)epoch);
}

uint64_t sn_own_epoch(const struct sn_core *core)
{
    uint64_t hash = 14695981039346656037u, now = core->saved.current_epoch;
    for (const char *p = core->saved.myid; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 1099511628211u;
    hash ^= hash >> 32;
    hash ^= hash >> 16;
    uint64_t epoch = (now & ~(uint64_t)0xffff) | (hash & 0xffff);
    return epoch > now ? epoch : epoch + 0x10000;
}

/* Whom we voted for shall have time to finish before we stand ourselves. */
static void yield(struct sn_group *g)
{
    struct sn_core *core = g->core;
    int64_t wait = 2 * g->saved.failover_timeout_ms;
    if (wait > YIELD_MS) wait = YIELD_MS;
    /* Others may fail again and again where we would not: the old kind has stricter rules. */
    if (g->fo.yielded && core->now - g->fo.started >= RESULT_MS && g->fo.yields < 3)
        g->fo.yields++;
    wait >>= g->fo.yields;
    g->fo.started = core->now;
    g->fo.not_before = core->now + wait + (int64_t)rng_below(&core->rng, 1000);
    g->fo.delay_logged = g->fo.retry_if_fit = false;
    g->fo.yielded = true;
    g->fo.lost = 0;
    sn_touch(g);
}

/* We lead a failover that is in full swing: a second leader would only undo it. */
static bool leading(const struct sn_group *g)
{
    return g->fo.state > SN_FO_WAIT_START && g->core->now - g->fo.started < YIELD_MS;
}

/* We see the master alive, in its role, and answering within half of down-after: whoever wants to
 * replace it acts on something old. (Redis' Sentinels do so after a switch: their flags of the old
 * master outlive it.) Half, since we may see its death a little later than the one who asks. */
static bool master_well(const struct sn_group *g)
{
    const struct sn_core *core = g->core;
    const struct sn_instance *m = g->master;
    const struct sn_link *link = m->link;
    int64_t half = core->now - g->saved.down_after_ms / 2;
    return !core->tilt && !m->s_down && link->conn[SN_CMD].phase == SN_OPEN &&
           link->last_avail > half && (link->act_ping == SN_NEVER || link->act_ping > half) &&
           m->facts.role == SN_ROLE_MASTER && m->facts.role_at != SN_NEVER;
}

static bool may_vote(const struct sn_group *g, uint64_t epoch, struct slice runid, bool wanted)
{
    if (epoch <= g->saved.leader_epoch || epoch <= g->saved.config_epoch) return false;
    /* Whom we voted for a moment ago may be about to promote. */
    bool other = g->saved.leader[0] && !slice_ieqz(runid, g->saved.leader);
    if (other && g->core->now < g->other_until) return false;
    /* For ourselves we were told to (SENTINEL FAILOVER) or have seen enough. */
    return slice_eqz(runid, g->core->saved.myid) || (!leading(g) && (wanted || !master_well(g)));
}

struct sn_vote sn_vote(struct sn_group *g, uint64_t epoch, struct slice runid, bool wanted)
{
    struct sn_core *core = g->core;
    struct sn_group_saved *s = &g->saved;
    struct sn_vote vote = { .leader = "*" };
    sn_epoch_seen(g, epoch);
    if (may_vote(g, epoch, runid, wanted)) {
        core->counters.votes++;
        s->leader_epoch = epoch;
        slice_cstr(runid, s->leader, sizeof(s->leader));
        g->voted_step = core->step;
        bool other = !slice_ieqz(runid, core->saved.myid);
        g->other_until = other ? core->now + FAITH_MS : core->now;
        sn_actions_persist(core->out);
        sn_emit(core, SN_EVT_VOTE, g->master, "%s %llu", s->leader, (unsigned long long)epoch);
        sn_record_vote(g, core->saved.myid, s->leader);
        if (!slice_ieqz(runid, core->saved.myid)) yield(g);
    }
    if (s->leader[0]) text_copy(vote.leader, sizeof(vote.leader), s->leader);
    vote.epoch = s->leader_epoch;
    vote.unsaved = g->voted_step == core->step;
    return vote;
}

/* Votes for `id` in that epoch, our own included. */
static unsigned votes_for(const struct sn_group *g, const char *id, uint64_t epoch)
{
    unsigned n = g->saved.leader_epoch == epoch && strcmp(g->saved.leader, id) == 0;
    for (size_t i = 0; i < g->peers.n; i++) {
        const struct sn_instance *p = g->peers.at[i];
        n += p->voted_epoch == epoch && strcmp(p->voted, id) == 0;
    }
    return n;
}

/* Peers that have not said yet how they vote in that epoch: they may do so until its end. */
static unsigned outstanding(const struct sn_group *g, uint64_t epoch)
{
    unsigned n = 0;
    for (size_t i = 0; i < g->peers.n; i++) {
        const struct sn_instance *p = g->peers.at[i];
        bool answered = p->asked_epoch == epoch && !p->asks_flying;
        n += p->voted_epoch != epoch && !answered;
    }
    return n;
}

enum sn_tally sn_tally(const struct sn_group *g)
{
    uint64_t epoch = g->fo.epoch;
    const char *me = g->core->saved.myid;
    unsigned need = sn_majority(g), open = outstanding(g, epoch), best = 0;
    if (need < g->saved.quorum) need = g->saved.quorum;
    unsigned ours = votes_for(g, me, epoch);
    if (ours >= need) return SN_TALLY_WON;
    for (size_t i = 0; i < g->peers.n; i++) {
        const struct sn_instance *p = g->peers.at[i];
        if (p->voted_epoch != epoch || strcmp(p->voted, me) == 0) continue;
        unsigned n = votes_for(g, p->voted, epoch);
        if (n > best) best = n;
    }
    if (best >= need) return SN_TALLY_OTHER;
    return ours + open >= need || best + open >= need ? SN_TALLY_OPEN : SN_TALLY_SPLIT;
}
