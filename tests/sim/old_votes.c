#include <stdio.h>

#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/resp/write.h"
#include "sentinel/hello.h"
#include "tests/sim/check.h"
#include "tests/sim/old.h"
#include "tests/sim/world.h"

/* --- votes --- */

static void epoch_seen(struct old *t, uint64_t epoch)
{
    if (epoch <= t->current) return;
    t->current = epoch;
    old_save(t);
}

static void vote(struct old *t, int group, uint64_t epoch, const char *whom)
{
    struct group *g = &t->g[group];
    epoch_seen(t, epoch);
    if (g->leader_epoch >= epoch || t->current > epoch) return;
    text_copy(g->leader, OLD_ID, whom);
    g->leader_epoch = t->current;
    old_save(t);
    check_old_vote(t->node, group, epoch, slice_z(whom));
    tell(t->node->sim, t->node, "votes for %.8s in epoch %llu", whom, (unsigned long long)epoch);
    if (strcmp(whom, t->id) != 0)
        g->started = now_of(t) + (int64_t)rng_below(&t->node->rng, 1000);
}

/* IS-MASTER-DOWN-BY-ADDR ip port epoch runid */
void old_asked(struct old *t, struct line *l)
{
    const struct slice *a = l->request.argv + 2;
    int64_t port = 0;
    uint64_t epoch = 0;
    num_to_i64(a[1], &port);
    num_to_u64(a[2], &epoch);
    struct who *m = NULL;
    for (int i = 0; i < opt(t)->groups && !m; i++) m = old_find(t, MASTER, i, a[0], (int)port);
    struct group *g = m ? &t->g[m->group] : NULL;
    if (g && a[3].n == OLD_ID - 1) {
        char id[OLD_ID];
        vote(t, m->group, epoch, slice_cstr(a[3], id, OLD_ID));
    }
    bool down = m && m->s_down && now_of(t) >= t->tilt_until;
    if (down) check_old_down(t->node, m->group, m->ip, m->port);
    resp_array(&t->out, 3);
    resp_int(&t->out, down);
    resp_bulk(&t->out, g && g->leader[0] && a[3].n == OLD_ID - 1 ? slice_z(g->leader) : SLICE("*"));
    resp_int(&t->out, g && a[3].n == OLD_ID - 1 ? (int64_t)g->leader_epoch : 0);
}

void old_voted(struct old *t, struct who *p, const struct resp_value *v)
{
    if (v->kind != RESP_ARRAY || v->n != 3 || v->item[0].kind != RESP_INT) return;
    p->says_at = now_of(t);
    p->says_down = v->item[0].number == 1;
    if (slice_eqz(v->item[1].text, "*")) return;
    slice_cstr(v->item[1].text, p->voted, OLD_ID);
    p->voted_epoch = (uint64_t)v->item[2].number;
}

/* --- hellos --- */

void old_names(const struct old *t, int group, const char **ip, int *port)
{
    const struct group *g = &t->g[group];
    const struct who *w = g->state == RECONF ? g->promoted : g->master;
    *ip = w->ip;
    *port = w->port;
}

void old_hello_send(struct old *t, struct who *w)
{
    const char *ip;
    int port;
    char text[300];
    old_names(t, w->group, &ip, &port);
    snprintf(text, sizeof(text), "%s,%d,%s,%llu,g%d,%s,%d,%llu", t->node->ip, t->node->port, t->id,
             (unsigned long long)t->current, w->group, ip, port,
             (unsigned long long)t->g[w->group].config_epoch);
    if (SAY(t, w, TAG_HELLO, "PUBLISH", "__sentinel__:hello", text)) {
        check_old_hello(t->node, slice_z(text));
        w->hello_sent = now_of(t);
    }
}

/* The group has another master: replicas stay, the old master becomes one. */
static void switch_to(struct old *t, int group, const char *to, int port)
{
    struct group *g = &t->g[group];
    struct who *old = g->master;
    char ip[20];
    text_copy(ip, sizeof(ip), to);
    tell(t->node->sim, t->node, "switches g%d to %s:%d", group, ip, port);
    struct who *now = old_find(t, REPLICA, group, slice_z(ip), port);
    if (!now) now = old_add(t, REPLICA, group, ip, port);
    old->kind = REPLICA;
    now->kind = MASTER;
    g->master = now;
    g->promoted = NULL;
    g->state = IDLE;
    g->o_down = false;
    g->started = -1000000;
    for (size_t i = 0; i < t->n; i++) {
        struct who *w = t->who[i];
        if (w->group != group || w->kind == PEER) continue;
        old_hang_up(t, w);
        old_clear(t, w);
    }
    old_save(t);
}

static struct who *meet(struct old *t, int group, const struct sn_hello *h)
{
    for (size_t i = t->n; i-- > 0;) {
        struct who *w = t->who[i];
        if (w->kind != PEER || w->group != group) continue;
        bool same_id = slice_eqz(h->runid, w->id);
        bool same_addr = w->port == (int)h->port && slice_eqz(h->host, w->ip);
        if (same_id && same_addr) return w;
        if (same_id || same_addr) old_drop(t, i);
    }
    char ip[20];
    struct who *w = old_add(t, PEER, group, slice_cstr(h->host, ip, sizeof(ip)), (int)h->port);
    slice_cstr(h->runid, w->id, OLD_ID);
    old_save(t);
    return w;
}

void old_hello_take(struct old *t, struct slice text)
{
    struct sn_hello h;
    char ip[20];
    if (!sn_hello_parse(text, &h) || slice_eqz(h.runid, t->id)) return;
    int group = world_group(t->node->sim, h.name);
    if (group < 0) return;
    meet(t, group, &h);
    epoch_seen(t, h.current_epoch);
    struct group *g = &t->g[group];
    if (h.config_epoch <= g->config_epoch) return;
    /* One that is still busy with its own failover takes over the epoch in which its old master was
     * named again, and goes on to name its own: known of the old kind. Ours see the conflict. */
    if (g->state == RECONF) check_old_borrows(t->node, group, h.config_epoch);
    g->config_epoch = h.config_epoch;
    slice_cstr(h.master_host, ip, sizeof(ip));
    if (strcmp(g->master->ip, ip) != 0 || g->master->port != (int)h.master_port)
        switch_to(t, group, ip, (int)h.master_port);
    else old_save(t);
}

/* --- down --- */

void old_look_down(struct old *t, struct who *w)
{
    int64_t now = now_of(t), silent = 0;
    bool up = w->cmd && w->cmd->up;
    if (w->act_ping >= 0) silent = now - w->act_ping;
    else if (!up) silent = now - w->avail;
    bool down = silent > opt(t)->down_after ||
                (w->kind == MASTER && !w->is_master &&
                 now - w->role_since > opt(t)->down_after + 2 * OLD_INFO_MS);
    if (down == w->s_down) return;
    w->s_down = down;
    *(down ? &w->down_since : &w->down_ended) = now;
    if (w->kind == MASTER && down) check_old_down(t->node, w->group, w->ip, w->port);
    if (w->kind == MASTER) tell(t->node->sim, t->node, "%csdown g%d", down ? '+' : '-', w->group);
}

void old_look_o_down(struct old *t, int group)
{
    struct group *g = &t->g[group];
    int agree = 1;
    for (size_t i = 0; i < t->n; i++) {
        struct who *p = t->who[i];
        if (p->kind != PEER || p->group != group) continue;
        if (now_of(t) - p->says_at > 5 * OLD_ASK_MS) p->says_down = false, p->voted[0] = '\0';
        agree += p->says_down;
    }
    g->o_down = g->master->s_down && agree >= opt(t)->quorum;
}

void old_ask(struct old *t, int group, bool force)
{
    struct group *g = &t->g[group];
    char port[16], epoch[24];
    snprintf(port, sizeof(port), "%d", g->master->port);
    snprintf(epoch, sizeof(epoch), "%llu", (unsigned long long)t->current);
    for (size_t i = 0; i < t->n && g->master->s_down; i++) {
        struct who *p = t->who[i];
        if (p->kind != PEER || p->group != group) continue;
        if (!force && now_of(t) - p->asked_at < OLD_ASK_MS) continue;
        if (SAY(t, p, TAG_ASK, "SENTINEL", "is-master-down-by-addr", g->master->ip, port, epoch,
                g->state == IDLE ? "*" : t->id))
            p->asked_at = now_of(t);
    }
}

/* --- failover --- */

static void move(struct old *t, struct group *g, enum state to)
{
    g->state = to;
    g->state_since = now_of(t);
}

static void start(struct old *t, int group)
{
    struct group *g = &t->g[group];
    g->epoch = ++t->current;
    old_save(t);
    move(t, g, START);
    g->started = now_of(t) + (int64_t)rng_below(&t->node->rng, 1000);
    tell(t->node->sim, t->node, "tries a failover of g%d in epoch %llu", group,
         (unsigned long long)g->epoch);
    check_failover_started(t->node);
    old_ask(t, group, true);
}

/* The reference's order of things: peers' votes, then its own for the one in front. */
static bool won(struct old *t, int group)
{
    struct group *g = &t->g[group];
    unsigned voters = 1, best = 0, mine = 0;
    const char *front = t->id;
    for (size_t i = 0; i < t->n; i++) {
        struct who *p = t->who[i];
        if (p->kind != PEER || p->group != group) continue;
        voters++;
        unsigned n = 0;
        for (size_t k = 0; k < t->n && p->voted_epoch == t->current && p->voted[0]; k++)
            n += t->who[k]->kind == PEER && t->who[k]->group == group &&
                 t->who[k]->voted_epoch == t->current && strcmp(t->who[k]->voted, p->voted) == 0;
        if (n > best) best = n, front = p->voted;
        mine += p->voted_epoch == t->current && strcmp(p->voted, t->id) == 0;
    }
    char whom[OLD_ID];
    text_copy(whom, OLD_ID, front);
    vote(t, group, g->epoch, whom);
    mine += g->leader_epoch == g->epoch && strcmp(g->leader, t->id) == 0;
    return mine >= voters / 2 + 1 && mine >= (unsigned)opt(t)->quorum && t->current == g->epoch;
}

static bool fit(struct old *t, const struct group *g, const struct who *w)
{
    int64_t now = now_of(t), ping = ping_ms(t);
    if (w->s_down || !w->cmd || !w->cmd->up || w->priority == 0 || now - w->avail > 5 * ping)
        return false;
    if (now - w->info_at > (g->master->s_down ? 5 * OLD_PING_MS : 3 * OLD_INFO_MS)) return false;
    int64_t limit = 10 * opt(t)->down_after;
    if (g->master->s_down) limit += now - g->master->down_since;
    return w->link_down_ms <= limit;
}

static struct who *pick(struct old *t, int group)
{
    struct who *best = NULL;
    for (size_t i = 0; i < t->n; i++) {
        struct who *w = t->who[i];
        if (w->kind != REPLICA || w->group != group || !fit(t, &t->g[group], w)) continue;
        if (!best || w->priority < best->priority ||
            (w->priority == best->priority && w->offset > best->offset))
            best = w;
    }
    return best;
}

static void elect(struct old *t, int group)
{
    struct group *g = &t->g[group];
    int64_t max = opt(t)->failover_timeout;
    if (max > OLD_ELECTION_MS) max = OLD_ELECTION_MS;
    if (!won(t, group)) {
        if (now_of(t) - g->started > max) move(t, g, IDLE);
        return;
    }
    check_leader(t->node, group, g->epoch);
    g->promoted = pick(t, group);
    tell(t->node->sim, t->node, "is elected for g%d and takes %s", group,
         g->promoted ? g->promoted->ip : "nobody");
    move(t, g, g->promoted ? SEND : IDLE);
}

static void reconf(struct old *t, int group)
{
    struct group *g = &t->g[group];
    int busy = 0, open = 0;
    bool late = now_of(t) - g->state_since > opt(t)->failover_timeout;
    for (size_t i = 0; i < t->n; i++) {
        struct who *w = t->who[i];
        if (w->kind != REPLICA || w->group != group || w == g->promoted) continue;
        if (w->reconf == SENT && now_of(t) - w->reconf_at > OLD_RECONF_MS) w->reconf = DONE;
        busy += w->reconf == SENT || w->reconf == INPROG;
    }
    for (size_t i = 0; i < t->n; i++) {
        struct who *w = t->who[i];
        if (w->kind != REPLICA || w->group != group || w == g->promoted) continue;
        bool can = w->reconf == NOT && w->cmd && w->cmd->up;
        if (can && (late || busy < opt(t)->parallel_syncs)) {
            old_slaveof(t, w, g->promoted->ip, g->promoted->port);
            w->reconf = SENT;
            w->reconf_at = now_of(t);
            busy++;
        }
        open += w->reconf != DONE && !w->s_down;
    }
    if (!g->promoted->s_down && (open == 0 || late))
        switch_to(t, group, g->promoted->ip, g->promoted->port);
}

void old_run(struct old *t, int group)
{
    struct group *g = &t->g[group];
    bool late = now_of(t) - g->state_since > opt(t)->failover_timeout;
    if (g->state == IDLE && g->o_down &&
        now_of(t) - g->started >= 2 * opt(t)->failover_timeout)
        start(t, group);
    if (g->state == START) elect(t, group);
    if (g->state == SEND && g->promoted->cmd && g->promoted->cmd->up) {
        old_slaveof(t, g->promoted, NULL, 0);
        move(t, g, PROMOTION);
    }
    if ((g->state == SEND || g->state == PROMOTION) && late) {
        g->promoted = NULL;
        move(t, g, IDLE);
    }
    if (g->state == RECONF) reconf(t, group);
}
