#include "sentinel/pick.h"

#include <strings.h>

#include "sentinel/lineage.h"

#define LAST_RESORT_MS 30000 /* and ten times down-after */
#define OLD_PERIODS 5 /* the reference's: five ping periods of a second */

static int64_t info_age_max(const struct sn_group *g)
{
    const struct sn_params *p = &g->core->params;
    return g->master->s_down ? OLD_PERIODS * p->ping_period : 3 * p->info_period;
}

/* The time that the master has been silent is no fault of its replicas. It counts from its last
 * answer, not from our S_DOWN: we may have been in TILT when it died. */
static int64_t link_down_max(const struct sn_group *g)
{
    const struct sn_instance *m = g->master;
    int64_t max = 10 * g->saved.down_after_ms, since = m->s_down_since;
    if (!m->s_down) return max;
    /* It has never answered in this life of ours: nobody can say for how long it has been dead. */
    if (m->facts.role_at == SN_NEVER) return INT64_MAX;
    if (m->link->last_avail < since) since = m->link->last_avail;
    /* Since it says that it is a replica it has served none. */
    if (m->facts.role == SN_ROLE_REPLICA && m->facts.role_since < since)
        since = m->facts.role_since;
    return max + g->core->now - since;
}

/* One of the group whose data is of a history that we have not heard of: it may
 * have passed too quickly for us. When the master has been gone for long, that is better than
 * nothing. */
static bool last_resort(const struct sn_instance *r)
{
    const struct sn_group *g = r->group;
    int64_t wait = 10 * g->saved.down_after_ms;
    if (wait < LAST_RESORT_MS) wait = LAST_RESORT_MS;
    return g->master->s_down && !g->amnesia && g->core->now - g->master->s_down_since >= wait &&
           !r->foreign;
}

/* A link that never was up says nothing against one that was a master before. */
static bool has_data(const struct sn_facts *f)
{
    return f->master_link_up || f->master_link_down_ms >= 0 || f->repl_offset > 1;
}

enum sn_reject sn_judge(const struct sn_instance *r)
{
    const struct sn_group *g = r->group;
    const struct sn_facts *f = &r->facts;
    int64_t now = g->core->now;
    if (r->s_down) return SN_REJ_DOWN;
    if (r->link->conn[SN_CMD].phase != SN_OPEN) return SN_REJ_DISCONNECTED;
    if (now - r->link->last_avail > OLD_PERIODS * g->core->params.ping_period)
        return SN_REJ_PING_OLD;
    if (f->priority == 0) return SN_REJ_PRIORITY_ZERO;
    if (f->info_at == SN_NEVER || now - f->info_at > info_age_max(g)) return SN_REJ_INFO_OLD;
    if (!has_data(f)) return SN_REJ_NEVER_SYNCED;
    if (f->loading) return SN_REJ_LOADING;
    if (!sn_lineage_shares(g, f) && !last_resort(r)) return SN_REJ_FOREIGN;
    if (f->master_link_down_ms > link_down_max(g)) return SN_REJ_LINK_DOWN_LONG;
    return SN_FIT;
}

int sn_prefer(const struct sn_instance *a, const struct sn_instance *b)
{
    const struct sn_facts *x = &a->facts, *y = &b->facts;
    /* One that already is a master was promoted by a leader that died before it could tell, or came
     * back from the past: better than none. */
    if (x->role != y->role) return x->role == SN_ROLE_REPLICA ? -1 : 1;
    unsigned i = sn_lineage_rank(a->group, x), j = sn_lineage_rank(b->group, y);
    if (i != j) return i < j ? -1 : 1;
    if (x->repl_offset != y->repl_offset) return x->repl_offset > y->repl_offset ? -1 : 1;
    if (x->priority != y->priority) return x->priority < y->priority ? -1 : 1;
    if (!a->runid[0] || !b->runid[0]) return (b->runid[0] != 0) - (a->runid[0] != 0);
    return strcasecmp(a->runid, b->runid);
}

struct sn_instance *sn_pick(struct sn_group *g)
{
    struct sn_instance *best = NULL;
    for (size_t i = 0; i < g->replicas.n; i++) {
        struct sn_instance *r = g->replicas.at[i];
        r->reject = sn_judge(r);
        if (r->reject == SN_FIT && (!best || sn_prefer(r, best) < 0)) best = r;
    }
    return best;
}

struct sn_instance *sn_pick_preferred(const struct sn_group *g, const struct sn_instance *best)
{
    struct sn_instance *p = NULL;
    for (size_t i = 0; i < g->replicas.n; i++) {
        struct sn_instance *r = g->replicas.at[i];
        if (r == best || r->reject != SN_FIT || r->facts.priority >= best->facts.priority) continue;
        if (!p || r->facts.priority < p->facts.priority) p = r;
    }
    return p;
}

bool sn_pick_restores(const struct sn_group *g)
{
    const struct sn_instance *m = g->master;
    const struct sn_facts *f = &m->facts;
    bool others = false;
    if (m->link->conn[SN_CMD].phase != SN_OPEN || f->role != SN_ROLE_REPLICA) return false;
    if (f->info_at == SN_NEVER || g->core->now - f->info_at > 3 * g->core->params.info_period)
        return false;
    if (f->info_at < m->link->conn[SN_CMD].since || f->master_link_up || f->loading) return false;
    for (size_t i = 0; i < g->replicas.n; i++) {
        const struct sn_instance *r = g->replicas.at[i];
        enum sn_reject verdict = sn_judge(r);
        if (r->foreign) continue;
        /* Who cannot be asked may have more. */
        if (verdict != SN_REJ_NEVER_SYNCED && verdict != SN_REJ_PRIORITY_ZERO) return false;
        if (r->s_down || r->facts.info_at == SN_NEVER) return false;
        others = others || has_data(&r->facts);
    }
    return has_data(f) || !others;
}

bool sn_pick_waits(const struct sn_group *g, int64_t since)
{
    for (size_t i = 0; i < g->replicas.n; i++) {
        const struct sn_instance *r = g->replicas.at[i];
        enum sn_reject verdict = sn_judge(r);
        if (verdict == SN_REJ_DOWN || verdict == SN_REJ_DISCONNECTED ||
            verdict == SN_REJ_PRIORITY_ZERO)
            continue;
        if (r->facts.info_at == SN_NEVER || r->facts.info_at < since) return true;
    }
    return false;
}
