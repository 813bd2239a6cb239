#include <stdio.h>
#include <strings.h>

#include "core/base/num.h"
#include "sentinel/addr.h"
#include "sentinel/view.h"
#include "tests/sim/check.h"
#include "tests/sim/world.h"

#define GROUPS_MAX 4
#define POINTED_MAX 32

struct epochs {
    uint64_t current, config[GROUPS_MAX], leader[GROUPS_MAX];
};

/* A vote that was saved or told: from then on it must stand. */
struct vote {
    int voter, group;
    uint64_t epoch;
    char whom[SN_ID_LEN + 1];
};
struct leader {
    int group, sentinel;
    uint64_t epoch;
};
struct named {
    int group;
    bool borrowed;
    uint64_t epoch;
    char addr[64];
};
/* Who has held which address for down. */
struct downs {
    int sentinel, group;
    char addr[64];
};
/* A replica sent to the new master in the failover that a Sentinel leads. */
struct pointed {
    int sentinel, group;
    uint32_t instance;
    int64_t at;
    uint64_t epoch;
    bool arrived; /* it once followed, with its link up */
};

struct check_sentinel {
    struct epochs memory[SIM_NODES_MAX], saved[SIM_NODES_MAX];
    VEC(struct vote) votes;
    VEC(struct leader) leaders;
    VEC(struct named) named;
    VEC(struct downs) downs;
    VEC(struct pointed) pointed;
    struct {
        uint64_t epoch;
        int port;
        bool s_down;
        char host[20];
    } seen[SIM_NODES_MAX][GROUPS_MAX];            /* at the last step: mostly nothing has changed */
    uint32_t selected[SIM_NODES_MAX][GROUPS_MAX]; /* instance of the last +selected-slave */
};

struct check_sentinel *check_sentinel_new(void)
{
    return mem_zalloc(sizeof(struct check_sentinel));
}

void check_sentinel_free(struct check_sentinel *k)
{
    vec_free(&k->votes);
    vec_free(&k->leaders);
    vec_free(&k->named);
    vec_free(&k->downs);
    vec_free(&k->pointed);
    mem_free(k);
}

static struct check_sentinel *books(struct node *n) { return n->sim->check->sentinels; }

/* --- S3 --- */

static struct epochs epochs_of(const struct sim *s, const struct sn_core *core)
{
    struct epochs e = { .current = core->saved.current_epoch };
    for (size_t i = 0; i < core->groups.n; i++) {
        const struct sn_group_saved *g = &core->groups.at[i]->saved;
        int at = world_group(s, slice_z(g->name));
        if (at < 0 || at >= GROUPS_MAX) continue;
        e.config[at] = g->config_epoch;
        e.leader[at] = g->leader_epoch;
    }
    return e;
}

static void not_back(struct node *n, const char *where, const struct epochs *was,
                     const struct epochs *is)
{
    if (is->current < was->current)
        sim_fail(n->sim, "S3", "%s: current epoch went from %llu to %llu %s", n->name,
                 (unsigned long long)was->current, (unsigned long long)is->current, where);
    for (int g = 0; g < n->sim->opt.groups; g++) {
        if (is->config[g] < was->config[g])
            sim_fail(n->sim, "S3", "%s: config epoch of g%d went from %llu to %llu %s", n->name, g,
                     (unsigned long long)was->config[g], (unsigned long long)is->config[g], where);
        if (is->leader[g] < was->leader[g])
            sim_fail(n->sim, "S3", "%s: leader epoch of g%d went from %llu to %llu %s", n->name, g,
                     (unsigned long long)was->leader[g], (unsigned long long)is->leader[g], where);
    }
}

void check_sentinel_booted(struct node *n, const struct sn_core *core)
{
    struct epochs now = epochs_of(n->sim, core);
    not_back(n, "by a restart", &books(n)->saved[n->index], &now);
    books(n)->memory[n->index] = now;
}

/* --- S2 --- */

static void note_vote(struct node *n, int group, uint64_t epoch, struct slice whom)
{
    struct check_sentinel *k = books(n);
    for (size_t i = 0; i < k->votes.n; i++) {
        struct vote *v = &k->votes.at[i];
        if (v->voter != n->index || v->group != group || v->epoch != epoch) continue;
        if (!slice_ieqz(whom, v->whom))
            sim_fail(n->sim, "S2", "%s votes for %.8s and for %.*s in epoch %llu of g%d", n->name,
                     v->whom, 8, whom.p, (unsigned long long)epoch, group);
        return;
    }
    struct vote v = { .voter = n->index, .group = group, .epoch = epoch };
    slice_cstr(whom, v.whom, sizeof(v.whom));
    vec_push(&k->votes, v);
}

/* --- S4 --- */

static void note_address(struct node *n, int group, uint64_t epoch, const char *addr)
{
    struct check_sentinel *k = books(n);
    if (n->sim->check->loose || group < 0) return;
    for (size_t i = 0; i < k->named.n; i++) {
        struct named *m = &k->named.at[i];
        if (m->group != group || m->epoch != epoch) continue;
        if (!m->borrowed && strcmp(m->addr, addr) != 0)
            sim_fail(n->sim, "S4", "%s names %s for epoch %llu of g%d, others %s", n->name, addr,
                     (unsigned long long)epoch, group, m->addr);
        return;
    }
    struct named m = { .group = group, .epoch = epoch };
    text_copy(m.addr, sizeof(m.addr), addr);
    vec_push(&k->named, m);
}

void check_old_borrows(struct node *n, int group, uint64_t epoch)
{
    struct check_sentinel *k = books(n);
    struct named mine = { .group = group, .epoch = epoch, .borrowed = true };
    for (size_t i = 0; i < k->named.n; i++) {
        struct named *m = &k->named.at[i];
        if (m->group != group || m->epoch != epoch) continue;
        m->borrowed = true;
        return;
    }
    vec_push(&k->named, mine);
}

static char *addr_text(const struct sn_addr *a, char *out)
{
    text_copy(out, 56, a->host); /* a name stays while the address changes */
    size_t n = strlen(out);
    out[n++] = ':';
    out[n + num_from_i64(out + n, a->port)] = '\0';
    return out;
}

/* ip,port,run id,current epoch,name,master ip,master port,config epoch */
static void check_hello(struct node *n, struct slice text)
{
    struct slice field[8];
    size_t count = 0, from = 0;
    for (; count < 8; count++) {
        ptrdiff_t comma = slice_find(text, ',', from);
        size_t to = comma < 0 ? text.n : (size_t)comma;
        field[count] = slice_of(text.p + from, to - from);
        from = to + 1;
        if (comma < 0) break;
    }
    uint64_t epoch;
    if (count != 7 || !num_to_u64(field[7], &epoch)) return;
    char addr[64];
    snprintf(addr, sizeof(addr), "%.*s:%.*s", SLICE_ARG(field[5]), SLICE_ARG(field[6]));
    note_address(n, world_group(n->sim, field[4]), epoch, addr);
}

/* --- S5 --- */

static void note_down(struct node *n, int group, const char *addr)
{
    struct check_sentinel *k = books(n);
    for (size_t i = k->downs.n; i-- > 0;) {
        struct downs *d = &k->downs.at[i];
        if (d->sentinel == n->index && d->group == group && strcmp(d->addr, addr) == 0) return;
    }
    struct downs d = { .sentinel = n->index, .group = group };
    text_copy(d.addr, sizeof(d.addr), addr);
    vec_push(&k->downs, d);
}

static void check_mandate(struct node *n, const struct sn_core *core, const struct sn_group *g,
                          int at)
{
    struct check_sentinel *k = books(n);
    char addr[64];
    addr_text(&g->master->addr, addr);
    unsigned down = 0, votes = 0;
    for (size_t i = 0; i < k->downs.n; i++)
        down += k->downs.at[i].group == at && strcmp(k->downs.at[i].addr, addr) == 0;
    for (size_t i = 0; i < k->votes.n; i++)
        votes += k->votes.at[i].group == at && k->votes.at[i].epoch == g->fo.epoch &&
                 strcasecmp(k->votes.at[i].whom, core->saved.myid) == 0;
    if (down < g->saved.quorum)
        sim_fail(n->sim, "S5", "%s promotes though %u of %u agree that %s is down", n->name, down,
                 g->saved.quorum, addr);
    unsigned need = (unsigned)n->sim->opt.sentinels / 2 + 1;
    if (votes < need)
        sim_fail(n->sim, "S5", "%s promotes with %u votes of %u needed in epoch %llu", n->name,
                 votes, need, (unsigned long long)g->fo.epoch);
}

/* --- S6 --- */

static bool fit(const struct sn_core *core, const struct sn_group *g, const struct sn_instance *r)
{
    int64_t now = core->now, ping = core->params.ping_period;
    if (r->s_down || r->facts.priority == 0 || r->link->conn[SN_CMD].phase != SN_OPEN) return false;
    if (r->facts.info_at == SN_NEVER || now - r->link->last_avail > 5 * ping) return false;
    int64_t fresh = g->master->s_down ? 5 * ping : 3 * core->params.info_period;
    if (now - r->facts.info_at > fresh) return false;
    int64_t limit = 10 * g->saved.down_after_ms;
    int64_t silent = now - g->master->s_down_since;
    const struct sn_facts *m = &g->master->facts;
    if (now - g->master->link->last_avail > silent) silent = now - g->master->link->last_avail;
    if (m->role == SN_ROLE_REPLICA && now - m->role_since > silent) silent = now - m->role_since;
    if (g->master->s_down) limit += silent;
    if (g->master->facts.role_at == SN_NEVER) return true; /* silent for nobody knows how long */
    return r->facts.master_link_down_ms <= limit;
}

/* How old the history is that its data belongs to: places in the list of the masters' ids. */
static int age_of_data(const struct sn_group *g, const struct sn_facts *f)
{
    for (int i = 0; i < SN_LINEAGE_MAX && g->saved.lineage[i][0] && f->replid[0]; i++)
        if (strcmp(g->saved.lineage[i], f->replid) == 0 ||
            strcmp(g->saved.lineage[i], f->replid2) == 0)
            return i;
    return SN_LINEAGE_MAX;
}

static bool better(const struct sn_instance *a, const struct sn_instance *b)
{
    if (a->facts.role != b->facts.role) return a->facts.role == SN_ROLE_REPLICA;
    int x = age_of_data(a->group, &a->facts), y = age_of_data(b->group, &b->facts);
    if (x != y) return x < y;
    if (a->facts.repl_offset != b->facts.repl_offset)
        return a->facts.repl_offset > b->facts.repl_offset;
    if (a->facts.priority != b->facts.priority) return a->facts.priority < b->facts.priority;
    return strcasecmp(a->runid, b->runid) < 0;
}

static void check_selection(struct node *n, const struct sn_core *core, const struct sn_group *g,
                            int at)
{
    const struct sn_instance *p = g->fo.promoted;
    if (!p) return;
    books(n)->selected[n->index][at] = p->id;
    if (!fit(core, g, p))
        sim_fail(n->sim, "S6", "%s selects %s:%d, which is not eligible", n->name, p->addr.ip,
                 p->addr.port);
    for (size_t i = 0; i < g->replicas.n; i++) {
        const struct sn_instance *r = g->replicas.at[i];
        /* Who hands over waits for the preferred one. */
        if (g->fo.hand != SN_HAND_NOT && p->facts.priority < r->facts.priority) continue;
        if (r != p && r->reject == SN_FIT && fit(core, g, r) && better(r, p))
            sim_fail(n->sim, "S6", "%s selects %s:%d, but %s:%d is better", n->name, p->addr.ip,
                     p->addr.port, r->addr.ip, r->addr.port);
    }
}

/* --- S7 --- */

static const struct sn_instance *instance_of_link(const struct sn_core *core, uint32_t link,
                                                  const struct sn_group **group)
{
    for (size_t i = 0; i < core->groups.n; i++) {
        const struct sn_group *g = *group = core->groups.at[i];
        if (g->master->link->id == link) return g->master;
        for (size_t k = 0; k < g->replicas.n; k++)
            if (g->replicas.at[k]->link->id == link) return g->replicas.at[k];
    }
    return NULL;
}

static bool follows_promoted(const struct sn_group *g, uint32_t id)
{
    for (size_t i = 0; i < g->replicas.n; i++) {
        const struct sn_instance *r = g->replicas.at[i];
        if (r->id == id)
            return r->facts.master_link_up && g->fo.promoted &&
                   r->facts.master_port == g->fo.promoted->addr.port &&
                   sn_addr_is(&g->fo.promoted->addr, slice_z(r->facts.master_host),
                              r->facts.master_port);
    }
    return true; /* no member any more */
}

static void check_pointing(struct node *n, const struct sn_core *core, const struct sn_group *g,
                           int at, const struct sn_instance *r)
{
    struct check_sentinel *k = books(n);
    if (g->fo.state != SN_FO_RECONF_SLAVES) return;
    struct pointed mine = { n->index, at, r->id, n->sim->now, g->fo.epoch, false };
    unsigned at_once = 1;
    for (size_t i = k->pointed.n; i-- > 0;) {
        struct pointed *p = &k->pointed.at[i];
        if (p->sentinel != n->index || p->group != at) continue;
        bool over = p->epoch != g->fo.epoch || p->arrived || p->instance == r->id ||
                    follows_promoted(g, p->instance) ||
                    n->sim->now - p->at > core->params.slave_reconf_timeout;
        if (over)
            vec_remove(&k->pointed, i);
        else
            at_once++;
    }
    vec_push(&k->pointed, mine);
    if (at_once > g->saved.parallel_syncs)
        sim_fail(n->sim, "S7", "%s re-points %u replicas at once, %u allowed", n->name, at_once,
                 g->saved.parallel_syncs);
}

static void note_arrivals(struct check_sentinel *k, struct node *n, const struct sn_group *g,
                          int at)
{
    for (size_t i = 0; i < k->pointed.n; i++) {
        struct pointed *p = &k->pointed.at[i];
        if (p->sentinel == n->index && p->group == at && p->epoch == g->fo.epoch && !p->arrived)
            p->arrived = follows_promoted(g, p->instance);
    }
}

/* --- what happens --- */

static void note_changes(struct node *n, const struct sn_group *g, int at)
{
    struct check_sentinel *k = books(n);
    const struct sn_addr *now = sn_current_addr(g);
    char addr[64];
    if (k->seen[n->index][at].epoch == g->saved.config_epoch &&
        k->seen[n->index][at].port == now->port &&
        k->seen[n->index][at].s_down == g->master->s_down &&
        strcmp(k->seen[n->index][at].host, now->host) == 0)
        return;
    k->seen[n->index][at].epoch = g->saved.config_epoch;
    k->seen[n->index][at].port = now->port;
    k->seen[n->index][at].s_down = g->master->s_down;
    text_copy(k->seen[n->index][at].host, 20, now->host);
    note_address(n, at, g->saved.config_epoch, addr_text(now, addr));
    if (g->master->s_down) note_down(n, at, addr_text(&g->master->addr, addr));
}

void check_sentinel_stepped(struct node *n, const struct sn_core *core)
{
    struct check_sentinel *k = books(n);
    struct epochs now = epochs_of(n->sim, core);
    not_back(n, "in memory", &k->memory[n->index], &now);
    k->memory[n->index] = now;
    for (size_t i = 0; i < core->groups.n; i++) {
        const struct sn_group *g = core->groups.at[i];
        int at = world_group(n->sim, slice_z(g->saved.name));
        if (at < 0) continue;
        note_changes(n, g, at);
        if (g->fo.state == SN_FO_RECONF_SLAVES) note_arrivals(k, n, g, at);
    }
}

void check_sentinel_saved(struct node *n, const struct sn_core *core)
{
    struct check_sentinel *k = books(n);
    struct epochs now = epochs_of(n->sim, core);
    not_back(n, "on disk", &k->saved[n->index], &now);
    k->saved[n->index] = now;
    for (size_t i = 0; i < core->groups.n; i++) {
        const struct sn_group_saved *g = &core->groups.at[i]->saved;
        if (g->leader[0] && g->leader_epoch)
            note_vote(n, world_group(n->sim, slice_z(g->name)), g->leader_epoch,
                      slice_z(g->leader));
    }
}

static void check_answer(struct node *n, const struct sn_core *core, const struct sn_event *ev,
                         const struct sn_action *a)
{
    if (a->answer != SN_ANS_VOTE) return;
    if (ev->kind == SN_ASKED_VOTE && !slice_eqz(a->text, "*"))
        note_vote(n, world_group(n->sim, ev->argv[0]), a->epoch, a->text);
    if (ev->kind != SN_ASKED) return;
    int64_t port = 0;
    num_to_i64(ev->argv[1], &port);
    for (size_t i = 0; i < core->groups.n; i++) {
        const struct sn_group *g = core->groups.at[i];
        int at = world_group(n->sim, slice_z(g->saved.name));
        char mine[64];
        if (!sn_addr_is(&g->master->addr, ev->argv[0], port)) continue;
        if (a->integer == 1) note_down(n, at, addr_text(&g->master->addr, mine));
        if (!slice_eqz(a->text, "*")) note_vote(n, at, a->epoch, a->text);
    }
}

void check_leader(struct node *n, int group, uint64_t epoch)
{
    struct check_sentinel *k = books(n);
    if (n->sim->check->loose) return;
    for (size_t i = 0; i < k->leaders.n; i++) {
        struct leader *l = &k->leaders.at[i];
        if (l->group == group && l->epoch == epoch && l->sentinel != n->index)
            sim_fail(n->sim, "S1", "%s and %s are leaders of g%d in epoch %llu",
                     n->sim->nodes.at[l->sentinel]->name, n->name, group,
                     (unsigned long long)epoch);
    }
    vec_push(&k->leaders, (struct leader){ group, n->index, epoch });
}

void check_old_vote(struct node *n, int group, uint64_t epoch, struct slice whom)
{
    note_vote(n, group, epoch, whom);
}

void check_old_hello(struct node *n, struct slice text) { check_hello(n, text); }

void check_old_down(struct node *n, int group, const char *ip, int port)
{
    char addr[64];
    snprintf(addr, sizeof(addr), "%s:%d", ip, port);
    note_down(n, group, addr);
}

static const struct sn_group *group_of_event(const struct sim *s, const struct sn_core *core,
                                             const struct sn_action *a)
{
    for (size_t i = 0; i < core->groups.n; i++) {
        struct str word = str_fmt(" %s ", core->groups.at[i]->saved.name);
        struct str text = str_new(a->text);
        bool here = strstr(str_c(text), str_c(word)) != NULL;
        str_free(&text);
        str_free(&word);
        if (here) return core->groups.at[i];
    }
    return NULL;
}

static void check_event(struct node *n, const struct sn_core *core, const struct sn_action *a)
{
    if (a->evt == SN_EVT_TRY_FAILOVER) check_failover_started(n);
    if (a->evt != SN_EVT_ELECTED && a->evt != SN_EVT_SELECTED) return;
    const struct sn_group *g = group_of_event(n->sim, core, a);
    if (!g) return;
    int at = world_group(n->sim, slice_z(g->saved.name));
    if (a->evt == SN_EVT_ELECTED)
        check_leader(n, at, g->fo.epoch);
    else
        check_selection(n, core, g, at);
}

/* The named master, which is one no more, is made one again only when nobody else could be. */
static void check_restored(struct node *n, const struct sn_core *core, const struct sn_group *g)
{
    if (g->master->facts.role != SN_ROLE_REPLICA)
        sim_fail(n->sim, "S6", "%s restores a master that has not gone", n->name);
    for (size_t i = 0; i < g->replicas.n; i++) {
        const struct sn_instance *r = g->replicas.at[i];
        bool has_data = r->facts.master_link_down_ms >= 0 || r->facts.repl_offset > 1;
        if (fit(core, g, r) && has_data)
            sim_fail(n->sim, "S6", "%s restores the master though %s:%d is fit", n->name,
                     r->addr.ip, r->addr.port);
    }
}

static void check_slaveof(struct node *n, const struct sn_core *core, const struct sn_action *a)
{
    const struct sn_group *g;
    const struct sn_instance *inst = instance_of_link(core, a->link, &g);
    if (!inst) return;
    int at = world_group(n->sim, slice_z(g->saved.name));
    if (!slice_ieqz(a->argv[1], "NO")) {
        if (inst->kind == SN_REPLICA) check_pointing(n, core, g, at, inst);
        return;
    }
    check_promotion(n, at);
    if (inst->kind == SN_MASTER)
        check_restored(n, core, g);
    else if (inst->id != books(n)->selected[n->index][at])
        sim_fail(n->sim, "S6", "%s promotes %s:%d, which it has not selected", n->name,
                 inst->addr.ip, inst->addr.port);
    if (!n->sim->check->loose && !g->fo.forced) check_mandate(n, core, g, at);
}

void check_sentinel_action(struct node *n, const struct sn_core *core, const struct sn_event *ev,
                           const struct sn_action *a)
{
    if (a->kind == SN_DO_ANSWER) check_answer(n, core, ev, a);
    if (a->kind == SN_DO_EVENT) check_event(n, core, a);
    if (a->kind != SN_DO_SEND || a->argc != 3) return;
    if (slice_starts(a->argv[2], "down-after,")) return;
    if (slice_ieqz(a->argv[0], "PUBLISH")) check_hello(n, a->argv[2]);
    if (slice_ieqz(a->argv[0], "SLAVEOF")) check_slaveof(n, core, a);
}
