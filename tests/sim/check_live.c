/* The judge of the quiet phase: L1, L2, and the count of lost writes. */
#include <stdio.h>

#include "sentinel/view.h"
#include "tests/sim/check.h"
#include "tests/sim/data.h"
#include "tests/sim/faults.h"
#include "tests/sim/names.h"
#include "tests/sim/node_client.h"
#include "tests/sim/node_old.h"
#include "tests/sim/node_sentinel.h"
#include "tests/sim/world.h"

#define LOOK_MS 200
#define WATCH_MS 4000     /* how long peace must last to be called lasting */
#define TOLD_MS 12000     /* and how long it may take until all know all */
#define OFFSETS_NEAR 4000 /* what may be under way: PINGs and hellos, nobody writes any more */

/* Whom this Sentinel names; NULL when it is still at it. */
static struct node *named_by(struct sim *s, struct node *t, int group)
{
    const struct sn_core *core = node_sentinel_core(t);
    if (node_old_is(t)) return node_old_names(t, group);
    for (size_t i = 0; core && i < core->groups.n; i++) {
        const struct sn_group *g = core->groups.at[i];
        if (world_group(s, slice_z(g->saved.name)) != group) continue;
        if (g->fo.state != SN_FO_NONE || g->master->s_down) return NULL;
        const struct sn_addr *a = sn_current_addr(g);
        return names_meant(s, slice_z(a->host), a->port);
    }
    return NULL;
}

static struct node *agreed(struct sim *s, int group, char *why, size_t cap)
{
    struct node *one = s->opt.sentinels ? NULL : world_data(s, group, 0);
    sim_each(s, t)
    {
        if (t->kind != NODE_SENTINEL || !t->alive) continue;
        struct node *m = named_by(s, t, group);
        if (!m) {
            snprintf(why, cap, "%s is not done with g%d", t->name, group);
            return NULL;
        }
        if (one && m != one) {
            snprintf(why, cap, "%s names %s for g%d, another names %s", t->name, m->name, group,
                     one->name);
            return NULL;
        }
        one = m;
    }
    return one;
}

/* Sentinels learn of replicas from the master's INFO alone: one that was behind another replica
 * whenever they looked, or not there at all, is unknown to them and stays where it is. */
static bool knows(struct node *t, struct node *n)
{
    const struct sn_core *core = node_sentinel_core(t);
    if (node_old_is(t)) return t->alive && node_old_knows(t, n);
    for (size_t i = 0; core && i < core->groups.n; i++)
        for (size_t k = 0; k < core->groups.at[i]->replicas.n; k++) {
            const struct sn_addr *a = &core->groups.at[i]->replicas.at[k]->addr;
            if (names_meant(t->sim, slice_z(a->host), a->port) == n) return true;
        }
    return false;
}

static bool is_known(struct sim *s, struct node *n)
{
    if (!s->opt.sentinels) return true;
    sim_each(s, t) if (knows(t, n)) return true;
    return false;
}

/* Who has not heard of a replica when the master dies never will: masters are asked at times. */
static bool all_know(struct sim *s)
{
    sim_each(s, t)
    {
        if (t->kind != NODE_SENTINEL || !t->alive) continue;
        sim_each(s, n)
        {
            if (n->kind != NODE_DATA || !n->alive || check_is_agreed_master(n)) continue;
            if (is_known(s, n) && !knows(t, n)) return false;
        }
    }
    return true;
}

static int count_known(struct sim *s)
{
    int count = 0;
    sim_each(s, n) count += n->kind == NODE_DATA && is_known(s, n);
    return count;
}

static bool follows(struct sim *s, struct node *n, struct node *m, char *why, size_t cap)
{
    if (node_data_is_master(n)) {
        snprintf(why, cap, "%s is a master, as well as %s", n->name, m->name);
    } else if (node_data_follows(n) != m) {
        struct node *f = node_data_follows(n);
        snprintf(why, cap, "%s follows %s, not %s", n->name, f ? f->name : "nobody", m->name);
    } else if (!node_data_link_up(n)) {
        snprintf(why, cap, "%s has no link to %s", n->name, m->name);
    } else if (node_data_toy(n)->data != node_data_toy(m)->data ||
               node_data_offset(m) - node_data_offset(n) > OFFSETS_NEAR ||
               node_data_offset(m) < node_data_offset(n)) {
        snprintf(why, cap, "%s is at %lld, %s at %lld, data %s", n->name,
                 (long long)node_data_offset(n), m->name, (long long)node_data_offset(m),
                 node_data_toy(n)->data == node_data_toy(m)->data ? "the same" : "another");
    } else {
        return true;
    }
    return false;
}

static bool group_in_order(struct sim *s, int group, char *why, size_t cap)
{
    struct node *m = agreed(s, group, why, cap);
    if (!m) return false;
    if (!m->alive || m->kind != NODE_DATA || !node_data_is_master(m)) {
        snprintf(why, cap, "%s is named for g%d and is no master", m->name, group);
        return false;
    }
    if (node_data_hands_over(m)) { /* who asked for it may have died since */
        snprintf(why, cap, "%s waits for who takes over", m->name);
        return false;
    }
    for (int i = 0; i < world_data_count(s); i++) {
        struct node *n = world_data(s, group, i);
        if (n == m || !n->alive || !is_known(s, n)) continue;
        if (!follows(s, n, m, why, cap)) return false;
    }
    return true;
}

static bool all_in_order(struct sim *s, char *why, size_t cap)
{
    sim_each(s, n)
    {
        if (n->alive || n->stay_dead) continue;
        snprintf(why, cap, "%s is not back yet", n->name);
        return false;
    }
    for (int g = 0; g < s->opt.groups; g++)
        if (!group_in_order(s, g, why, cap)) return false;
    return true;
}

bool check_is_agreed_master(const struct node *n)
{
    char why[200];
    return agreed(n->sim, n->group, why, sizeof(why)) == n;
}

/* Detection, TILT, some elections that nobody wins, the slow ways of setting right a wrong role. */
static int64_t patience(const struct sim *s)
{
    const struct options *o = &s->opt;
    return 30000 + 2 * o->down_after + 2 * o->tilt_period + 10 * o->failover_timeout +
           3 * o->repl_timeout + 4 * o->snapshot_ms;
}

/* The old kind calls a master down that is just back, since it connects but once in a ping period:
 * where the quorum lets it, it fails over for nothing. Then all must come to order once more. */
static void begins_anew(struct sim *s)
{
    if (s->check->agreed_at < 0) return;
    s->check->agreed_at = -1;
    s->check->limit = s->now + patience(s);
}

void check_failover_started(struct node *t)
{
    struct check *c = t->sim->check;
    c->failovers++;
    c->last_failover = t->sim->now;
    if (node_old_is(t)) begins_anew(t->sim);
    if (c->agreed_at >= 0 && !c->loose)
        sim_fail(t->sim, "L2", "%s starts a failover though all was in order for %lld ms", t->name,
                 (long long)(t->sim->now - c->agreed_at));
}

void check_promotion(struct node *t, int group)
{
    struct check *c = t->sim->check;
    if (c->rounds == 0 || !t->sim->opt.last_blow || group < 0) return;
    /* Groups share the epochs: two that fail over at once may have leaders of two epochs each. */
    if (t->sim->opt.groups > 1) return;
    if (t->sim->opt.old) return; /* the old kind votes with its eyes shut */
    if (++c->promoted[group] > 1)
        sim_fail(t->sim, "L2", "%s promotes a second time for the one death in g%d", t->name,
                 group);
}

/* --- the end --- */

/* Counted always; forbidden where every replica had acknowledged and kept its memory. */
static void count_lost(struct sim *s)
{
    struct check *c = s->check;
    char why[200];
    int64_t first = -1;
    sim_each(s, n)
    {
        if (n->kind != NODE_CLIENT) continue;
        struct node *m = agreed(s, n->group, why, sizeof(why));
        size_t count;
        const int64_t *acked = node_client_acked(n, &count);
        c->acked += count;
        for (size_t i = 0; m && i < count; i++)
            if (!toy_has(node_data_toy(m), acked[i])) {
                c->lost++;
                if (first < 0) first = acked[i];
            }
    }
    tell(s, NULL, "%llu of %llu acknowledged writes are lost", (unsigned long long)c->lost,
         (unsigned long long)c->acked);
    if (c->lost && s->opt.wait_all && !c->loose)
        sim_fail(s, "A1", "%llu of %llu writes that all replicas acknowledged are lost, first %lld",
                 (unsigned long long)c->lost, (unsigned long long)c->acked, (long long)first);
}

/* One that has just started may still look for the master, whose name is answered late. */
static bool masters_reached(struct sim *s, char *why, size_t cap)
{
    sim_each(s, t)
    {
        const struct sn_core *core = node_sentinel_core(t);
        for (size_t i = 0; core && i < core->groups.n; i++) {
            const struct sn_group *g = core->groups.at[i];
            if (g->master->link->conn[SN_CMD].phase == SN_OPEN) continue;
            snprintf(why, cap, "%s does not reach the master of %s", t->name, g->saved.name);
            return false;
        }
    }
    return true;
}

static bool peace_lasts(struct sim *s)
{
    const struct check *c = s->check;
    int64_t since = s->now - c->agreed_at;
    if (since < WATCH_MS) return false;
    return since >= TOLD_MS || c->rounds || !s->opt.last_blow || all_know(s);
}

static void look(struct sim *s, const struct sim_event *e)
{
    struct check *c = s->check;
    char why[200] = "";
    bool fine = all_in_order(s, why, sizeof(why)) &&
                (c->agreed_at >= 0 || masters_reached(s, why, sizeof(why)));
    /* Two forced failovers may share an epoch, and equal epochs never converge, as in Redis. */
    if (c->loose && !fine && (s->now > c->limit || c->agreed_at >= 0)) {
        s->stop = true;
        return;
    }
    if (c->agreed_at < 0) {
        if (fine) {
            tell(s, NULL, "all is in order, %lld ms into the quiet",
                 (long long)(s->now - s->quiet_at));
            c->agreed_at = s->now;
            int known = count_known(s);
            if (known > c->known) c->known = known;
        } else if (s->now > c->limit) {
            sim_fail(s, "L1", "%s, after %lld ms without faults", why,
                     (long long)(s->now - s->quiet_at));
        }
    } else if (!fine && count_known(s) > c->known) {
        c->known = count_known(s); /* only grows: this cannot go on for ever */
        c->agreed_at = -1; /* one that was nobody's has turned up, and must be put in order too */
        c->limit = s->now + patience(s);
    } else if (peace_lasts(s)) {
        if (!fine) sim_fail(s, "L1", "%s, though all was in order before", why);
        if (s->stop) return;
        if (c->rounds++ == 0 && s->opt.last_blow) {
            c->agreed_at = -1;
            c->limit = s->now + patience(s) + 20 * s->opt.down_after;
            faults_last_blow(s);
        } else {
            count_lost(s);
            s->stop = true;
        }
    }
    if (!s->stop) sim_at(s, LOOK_MS, look, NULL, 0);
}

void check_quiet_begins(struct sim *s)
{
    s->check->limit = s->now + patience(s);
    sim_at(s, LOOK_MS, look, NULL, 0);
}
