#include "sentinel/lineage.h"

#include "sentinel/addr.h"

#define SETTLES_MS 10000 /* of an open connection by name: links look names up after 1, 3, 7 s */

static int place(const struct sn_group *g, const char *id)
{
    if (!id[0]) return -1;
    for (int i = 0; i < SN_LINEAGE_MAX && g->saved.lineage[i][0]; i++)
        if (strcmp(g->saved.lineage[i], id) == 0) return i;
    return -1;
}

static void put_first(struct sn_group *g, const char *id)
{
    int at = place(g, id);
    if (!id[0] || at == 0) return;
    if (at < 0) at = SN_LINEAGE_MAX - 1;
    memmove(g->saved.lineage[1], g->saved.lineage[0], (size_t)at * sizeof(g->saved.lineage[0]));
    text_copy(g->saved.lineage[0], sizeof(g->saved.lineage[0]), id);
}

bool sn_lineage_learn(struct sn_instance *leads)
{
    struct sn_group *g = leads->group;
    const struct sn_facts *f = &leads->facts;
    if (!f->replid[0] || f->loading || strcmp(g->saved.lineage[0], f->replid) == 0) return false;
    if (place(g, f->replid2) < 0) put_first(g, f->replid2);
    put_first(g, f->replid);
    return true;
}

unsigned sn_lineage_rank(const struct sn_group *g, const struct sn_facts *f)
{
    int one = place(g, f->replid), two = place(g, f->replid2);
    if (!g->saved.lineage[0][0] || !f->replid[0]) return SN_LINEAGE_MAX;
    if (one < 0 || (two >= 0 && two < one)) one = two;
    return one < 0 ? SN_LINEAGE_MAX + 1 : (unsigned)one;
}

/* Far fewer: less than half. */
static bool has_far_more(const struct sn_instance *r, int64_t keys)
{
    return r->facts.info_at != SN_NEVER && r->facts.keys > 0 && r->facts.keys / 2 >= keys &&
           !r->facts.keys_move && sn_lineage_rank(r->group, &r->facts) < SN_LINEAGE_MAX;
}

bool sn_amnesia(const struct sn_group *g)
{
    const struct sn_facts *m = &g->master->facts;
    if (m->role != SN_ROLE_MASTER || m->info_at == SN_NEVER || m->keys < 0 || m->loading)
        return false;
    /* It goes on where the last master was. One that was restored from an old snapshot continues an
     * older history, which is no better. */
    unsigned rank = sn_lineage_rank(g, m);
    if (rank == 0 || rank == SN_LINEAGE_MAX) return false;
    for (size_t i = 0; i < g->replicas.n; i++)
        if (has_far_more(g->replicas.at[i], m->keys)) return true;
    return false;
}

static bool has_runid(const struct sn_group *g, const struct sn_instance *inst)
{
    for (size_t k = 0; k <= g->replicas.n; k++) {
        const struct sn_instance *o = k ? g->replicas.at[k - 1] : g->master;
        if (strcmp(o->runid, inst->runid) == 0 && strcmp(o->addr.host, inst->addr.host) != 0)
            return true;
    }
    return false;
}

/* Under a name whose address was another's by then, a member of another group was met. */
static bool of_another_group(const struct sn_instance *inst)
{
    const struct sn_core *core = inst->group->core;
    if (!inst->runid[0] || !sn_addr_is_name(&inst->addr)) return false;
    for (size_t i = 0; i < core->groups.n; i++)
        if (core->groups.at[i] != inst->group && has_runid(core->groups.at[i], inst)) return true;
    return false;
}

bool sn_is_astray(const struct sn_instance *inst)
{
    const struct sn_core *core = inst->group->core;
    const struct sn_facts *f = &inst->facts;
    if (!sn_addr_is_name(&inst->addr) || sn_lineage_shares(inst->group, f)) return false;
    for (size_t i = 0; i < core->groups.n; i++) {
        const struct sn_group *g = core->groups.at[i];
        if (sn_lineage_rank(g, f) < SN_LINEAGE_MAX &&
            !sn_addr_same(&g->master->addr, &inst->group->master->addr))
            return true;
    }
    return false;
}

bool sn_is_settled(const struct sn_instance *inst)
{
    return inst->group->core->now - inst->link->conn[SN_CMD].since >= SETTLES_MS;
}

bool sn_is_foreign(const struct sn_instance *inst)
{
    const struct sn_facts *f = &inst->facts;
    if (of_another_group(inst)) return true;
    if (inst->astray_since != SN_NEVER) return !sn_is_settled(inst);
    return f->role_at != SN_NEVER && f->keys > 0 && f->strangers &&
           !sn_lineage_shares(inst->group, f);
}
