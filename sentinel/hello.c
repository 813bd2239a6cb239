#include "sentinel/hello.h"

#include <stdio.h>

#include "core/base/num.h"
#include "sentinel/addr.h"
#include "sentinel/core.h"
#include "sentinel/failover.h"
#include "sentinel/group.h"
#include "sentinel/reconf.h"
#include "sentinel/schedule.h"
#include "sentinel/send.h"
#include "sentinel/view.h"
#include "sentinel/vote.h"

#define FIELDS 8
#define CONFLICT_MS 5000
#define TEXT_MAX 2048 /* three host or group names, an id, numbers */
#define BATCH 128     /* payloads in one command */

bool sn_hello_parse(struct slice text, struct sn_hello *out)
{
    struct slice f[FIELDS];
    size_t n = 0;
    while (text.p && n < FIELDS) f[n++] = slice_cut(&text, ',');
    if (text.p || n != FIELDS) return false;
    *out = (struct sn_hello){ .host = f[0], .runid = f[2], .name = f[4], .master_host = f[5] };
    return num_to_i64(f[1], &out->port) && num_to_u64(f[3], &out->current_epoch) &&
           num_to_i64(f[6], &out->master_port) && num_to_u64(f[7], &out->config_epoch) &&
           out->port > 0 && out->port <= 65535 && out->master_port > 0 &&
           out->master_port <= 65535 && out->host.n > 0 && out->host.n < SN_HOST_MAX &&
           out->master_host.n > 0 && out->master_host.n < SN_HOST_MAX &&
           out->runid.n == SN_ID_LEN && out->current_epoch <= INT64_MAX &&
           out->config_epoch <= INT64_MAX;
}

/* For servers that fence themselves: how long silence may last before they are replaced. Not being
 * of eight fields, it is no hello to anybody. */
static void tell_down_after(struct sn_instance *inst)
{
    int64_t ms = inst->group->saved.down_after_ms;
    char text[SN_NAME_MAX + 64];
    if (inst->kind == SN_PEER || inst->told_after_ms == ms) return;
    snprintf(text, sizeof(text), "down-after,%s,%lld", inst->group->saved.name, (long long)ms);
    if (sn_send(inst, SN_CMD, SN_TAG_NONE, SN_WORDS("PUBLISH", SN_CHANNEL, text)))
        inst->told_after_ms = ms;
}

static bool payload(const struct sn_instance *inst, char *text)
{
    const struct sn_group *g = inst->group;
    const struct sn_core *core = g->core;
    const struct sn_addr *master = sn_current_addr(g);
    const char *own = sn_hello_ip(core, inst);
    if (!own[0]) return false;
    int n = snprintf(text, TEXT_MAX, "%s,%d,%s,%llu,%s,%s,%d,%llu", own, sn_hello_port(core),
                     core->saved.myid, (unsigned long long)core->saved.current_epoch,
                     g->saved.name, sn_announced_host(core, master), master->port,
                     (unsigned long long)g->saved.config_epoch);
    return n >= 0 && n < TEXT_MAX;
}

void sn_hello_send(struct sn_instance *inst)
{
    char text[TEXT_MAX];
    if (!payload(inst, text)) return;
    if (!sn_send(inst, SN_CMD, SN_TAG_HELLO, SN_WORDS("PUBLISH", SN_CHANNEL, text))) return;
    inst->hello_sent = inst->group->core->now;
    inst->hello_flying = true;
    inst->hello_refused = false;
    if (inst->link->unheard == SN_NEVER) inst->link->unheard = inst->hello_sent;
    tell_down_after(inst);
}

static void send_batch(struct sn_link *link, int argc, const struct slice *argv)
{
    if (argc > 2 && sn_send_slices(link->pacer, SN_TAG_HELLOS, argc, argv)) link->hellos_flying++;
}

void sn_hello_send_all(struct sn_link *link)
{
    struct sn_core *core = link->pacer->group->core;
    struct slice argv[BATCH + 2] = { SLICE("SENTINEL"), SLICE("HELLOS") };
    char text[TEXT_MAX];
    int argc = 2;
    for (size_t i = 0; i < link->users.n; i++) {
        struct sn_instance *u = link->users.at[i];
        if (!payload(u, text)) continue;
        u->hello_sent = core->now;
        u->hello_refused = false;
        argv[argc++] = sn_actions_text(core->out, slice_z(text));
        if (argc < BATCH + 2) continue;
        send_batch(link, argc, argv);
        argc = 2;
    }
    send_batch(link, argc, argv);
}

void sn_hellos_answered(struct sn_link *link, const struct sn_value *v)
{
    if (link->hellos_flying) link->hellos_flying--;
    if (v->kind == SN_VAL_INT) {
        link->batch = SN_BATCH_YES;
        if (link->pacer->group->core->now >= sn_hello_due(link->pacer))
            sn_touch(link->pacer->group);
        return;
    }
    if (link->batch == SN_BATCH_NO) return;
    link->batch = SN_BATCH_NO;
    for (size_t i = 0; i < link->users.n; i++) {
        link->users.at[i]->hello_sent = SN_NEVER;
        sn_touch(link->users.at[i]->group);
    }
}

/* ---- learning who is there ---- */

/* Another run id lives at that address: whoever we knew there is gone, in every group. */
static void drop_runid(struct sn_core *core, const char *runid)
{
    for (size_t i = 0; i < core->groups.n; i++) {
        struct sn_instance *p = sn_peer_find(core->groups.at[i], runid);
        if (p) sn_instance_drop(p);
    }
}

static void evict_other_at(struct sn_group *g, const struct sn_addr *addr)
{
    for (size_t i = 0; i < g->peers.n; i++) {
        struct sn_instance *p = g->peers.at[i];
        char runid[SN_ID_LEN + 1];
        if (!sn_addr_same(&p->addr, addr)) continue;
        sn_emit(g->core, SN_EVT_SENTINEL_INVALID, p, NULL);
        text_copy(runid, sizeof(runid), p->runid);
        drop_runid(g->core, runid);
        return;
    }
}

/* The peer moved: the same entry in the other groups gets the new address too. */
static void update_others(struct sn_instance *peer)
{
    struct sn_core *core = peer->group->core;
    unsigned updated = 0;
    for (size_t i = 0; i < core->groups.n; i++) {
        struct sn_instance *p = sn_peer_find(core->groups.at[i], peer->runid);
        if (!p || p == peer) continue;
        p->addr = peer->addr;
        sn_touch(p->group);
        updated++;
    }
    sn_link_close(core, peer->link);
    if (updated)
        sn_emit(core, SN_EVT_SENTINEL_UPDATE, peer, "%u additional matching instances", updated);
}

static struct sn_instance *meet(struct sn_group *g, const struct sn_hello *h)
{
    struct sn_core *core = g->core;
    char runid[SN_ID_LEN + 1];
    struct sn_addr addr;
    slice_cstr(h->runid, runid, sizeof(runid));
    struct sn_instance *p = sn_peer_find(g, runid);
    if (p && sn_addr_is(&p->addr, h->host, h->port)) return p;
    if (sn_addr_set(&addr, h->host, h->port, core->saved.resolve_hostnames) != ERR_NONE)
        return NULL;
    if (p) {
        p->addr = addr;
        sn_emit(core, SN_EVT_SENTINEL_SWITCH, g->master, "ip %s port %d for %s",
                sn_announced_host(core, &addr), addr.port, runid);
        update_others(p);
    } else {
        evict_other_at(g, &addr);
        p = sn_peer_add(g, &addr, runid);
        if (!p) return NULL;
        sn_emit(core, SN_EVT_SENTINEL, p, NULL);
        /* So that it knows us, and all that it can hear, at once and not a period later. */
        g->hello_now = true;
        sn_failover_peer_back(g);
    }
    sn_actions_persist(core->out);
    return p;
}

/* ---- learning a newer configuration ---- */

static void adopt_config(struct sn_group *g, struct sn_instance *from, const struct sn_hello *h)
{
    struct sn_core *core = g->core;
    struct sn_addr old = g->master->addr, to;
    struct sn_instance *vain = g->fo.promoted;
    bool same = sn_addr_is(&old, h->master_host, h->master_port);
    if (!same && sn_addr_set(&to, h->master_host, h->master_port,
                             core->saved.resolve_hostnames) != ERR_NONE)
        return;
    if (!same) {
        struct sn_instance *r = sn_replica_find(g, h->master_host, h->master_port);
        if (r) to = r->addr;
    }
    g->saved.config_epoch = h->config_epoch;
    /* Ours, if any, is overtaken: it must not publish its result under the epoch of another. */
    if (g->fo.state != SN_FO_NONE) sn_record_end(g, "overtaken");
    if (g->fo.state != SN_FO_NONE) sn_failover_clear(g);
    core->counters.switches += !same;
    sn_actions_persist(core->out);
    if (!same) {
        sn_record_observed(g, from->runid, &to);
        g->fo.preferred = 0;
        sn_emit(core, SN_EVT_CONFIG_UPDATE, from, NULL);
        sn_switch_event(g, &to);
        sn_group_switch(g, &to, false);
    }
    g->hello_now = true; /* the others wait for a majority to know it */
    /* What we promoted in vain is a master of the past. */
    if (vain && vain != g->master) vain->was_master = vain->led = true;
    if (same) return;
    sn_reconf_script(g, "observer", &old, &g->master->addr);
}

/* Two configurations in one epoch never meet by themselves. One of the two publishes its own again
 * in an epoch that is its alone: the one with the greater id at once, the other, whose opposite may
 * be of a kind that does nothing, when it has seen enough. Epoch 0 is the operator's word: there
 * the event is all. */
static void check_conflict(struct sn_group *g, struct sn_instance *from, const struct sn_hello *h)
{
    struct sn_core *core = g->core;
    bool differ = !sn_addr_is(sn_current_addr(g), h->master_host, h->master_port);
    if (!differ || sn_addr_unknown_name(h->master_host, &g->master->addr)) {
        if (!differ && from->conflicts) {
            from->conflicts = false;
            g->conflict_since = SN_NEVER;
        }
        return;
    }
    if (!from->conflicts)
        sn_emit(core, SN_EVT_CONFLICT, from, "names %.*s %lld in epoch %llu",
                SLICE_ARG(h->master_host), (long long)h->master_port,
                (unsigned long long)h->config_epoch);
    from->conflicts = true;
    if (g->conflict_since == SN_NEVER) g->conflict_since = core->now;
    bool ours = strcmp(core->saved.myid, from->runid) > 0 ||
                core->now - g->conflict_since >= CONFLICT_MS;
    if (!h->config_epoch || !ours || g->fo.state != SN_FO_NONE || !sn_master_sane(g)) return;
    sn_epoch_seen(g, sn_own_epoch(core));
    g->saved.config_epoch = core->saved.current_epoch;
    g->conflict_since = SN_NEVER;
    g->hello_now = true;
    sn_actions_persist(core->out);
}

/* On a server's connection mostly its own group is named; a peer names all groups in turn. */
static struct sn_group *group_named(struct sn_core *core, struct slice name, struct sn_group *near)
{
    if (near && slice_eqz(name, near->saved.name)) return near;
    size_t next = core->said + 1 < core->groups.n ? core->said + 1 : 0;
    if (core->groups.n && slice_eqz(name, core->groups.at[next]->saved.name)) {
        core->said = next;
        return core->groups.at[next];
    }
    ptrdiff_t at = sn_group_index(core, name);
    if (at < 0) return NULL;
    core->said = (size_t)at;
    return core->groups.at[at];
}

void sn_hello_take(struct sn_core *core, struct slice text, struct sn_group *near)
{
    struct sn_hello h;
    if (!sn_hello_parse(text, &h) || slice_eqz(h.runid, core->saved.myid)) return;
    struct sn_group *g = group_named(core, h.name, near);
    if (!g) return;
    struct sn_instance *p = meet(g, &h);
    sn_epoch_seen(g, h.current_epoch);
    if (!p) return;
    bool news = h.current_epoch != p->hello_epoch || h.config_epoch != p->hello_config ||
                p->conflicts || g->hello_now;
    if (h.config_epoch > g->saved.config_epoch) adopt_config(g, p, &h);
    else if (h.config_epoch == g->saved.config_epoch) check_conflict(g, p, &h);
    p->hello_at = core->now;
    p->hello_epoch = h.current_epoch;
    p->hello_config = h.config_epoch;
    if (news || p->conflicts || g->hello_now) sn_touch(g);
}

/* "leaving,<run id>": the master itself says, on its own connection, that it is about to end. */
static void take_leaving(struct sn_link *link, struct slice text)
{
    struct sn_instance *m = link->users.at[0];
    struct sn_group *g = m->group;
    if (m->kind != SN_MASTER || text.n != 8 + SN_ID_LEN) return;
    if (!slice_eqz(slice_of(text.p + 8, SN_ID_LEN), m->runid) || g->leave_at != SN_NEVER) return;
    sn_emit(g->core, SN_EVT_LEAVING, m, NULL);
    g->leave_at = g->core->now + sn_failover_turn_ms(g);
    g->leave_epoch = g->core->saved.current_epoch;
    sn_touch(g);
}

void sn_hello_pushed(struct sn_link *link, const struct sn_value *v)
{
    struct sn_core *core = link->users.at[0]->group->core;
    if (v->kind != SN_VAL_ARRAY || v->n != 3) return;
    if (v->items[0].kind != SN_VAL_BULK || !slice_eqz(v->items[0].text, "message")) return;
    if (v->items[2].kind != SN_VAL_BULK) return;
    if (slice_starts(v->items[2].text, "leaving,")) take_leaving(link, v->items[2].text);
    else sn_hello_take(core, v->items[2].text, link->users.at[0]->group);
}
