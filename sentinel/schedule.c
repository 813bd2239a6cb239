#include "sentinel/schedule.h"

#include "sentinel/actions.h"
#include "sentinel/addr.h"
#include "sentinel/group.h"
#include "sentinel/hello.h"
#include "sentinel/send.h"
#include "sentinel/view.h"

#define RECONNECT_MS 100       /* between two attempts */
#define CONNECT_SHORT_MS 250   /* on a LAN an answer comes in this time or never */
#define CONNECT_LONG_MS 1500   /* every fourth attempt: far hosts, one lost SYN */
#define RESOLVE_MS 1000        /* a name is asked for at most so often */
#define EAGER_MS 10000         /* after a start or a switch replicas are looked for each second */

static int64_t clamp(int64_t v, int64_t lo, int64_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

int64_t sn_ping_period(const struct sn_instance *inst)
{
    int64_t part = inst->kind == SN_MASTER ? 20 : 10;
    return clamp(inst->group->saved.down_after_ms / part, 10,
                 inst->group->core->params.ping_period);
}

static bool master_in_trouble(const struct sn_group *g)
{
    return g->o_down || g->fo.state != SN_FO_NONE;
}

/* While one waits for a change to show, ask again after half the time waited so far. */
static int64_t watching(const struct sn_instance *inst, int64_t since)
{
    return clamp((inst->info_sent - since) / 2, 50, 1000);
}

int64_t sn_info_period(const struct sn_instance *inst)
{
    const struct sn_group *g = inst->group;
    const struct sn_core *core = g->core;
    int64_t slow = core->params.info_period, fast = slow < 1000 ? slow : 1000;
    if (inst->kind == SN_MASTER)
        return g->replicas.n == 0 && core->now - g->switched_at < EAGER_MS ? fast : slow;
    if (inst->reconf == SN_RECONF_SENT || inst->reconf == SN_RECONF_INPROG)
        return watching(inst, inst->reconf_since);
    if (g->fo.promoted == inst && g->fo.state == SN_FO_WAIT_PROMOTION)
        return watching(inst, g->fo.state_since);
    if (inst->was_master && inst->facts.role == SN_ROLE_MASTER && inst->slaveof_at != SN_NEVER)
        return watching(inst, inst->slaveof_at);
    if (g->saved.fast_down && g->master->refused_at != SN_NEVER)
        return watching(inst, g->master->refused_at);
    if (g->amnesia) return fast;
    if (master_in_trouble(g) || (inst->facts.role_at != SN_NEVER && !inst->facts.master_link_up))
        return fast;
    return slow;
}

/* ---- connections ---- */

/* Packets to a host that is down vanish without a word: an attempt that began a moment before the
 * host came back would be lost too. So most attempts are short, and well below down-after. */
static int64_t connect_timeout(const struct sn_instance *inst, const struct sn_conn_state *c)
{
    if (c->tries % 4 == 0) return CONNECT_LONG_MS;
    return clamp(inst->group->saved.down_after_ms / 4, 50, CONNECT_SHORT_MS);
}

static void connect_now(struct sn_instance *inst, enum sn_conn conn)
{
    struct sn_core *core = inst->group->core;
    struct sn_conn_state *c = &inst->link->conn[conn];
    struct slice host = sn_actions_text(core->out, slice_z(inst->addr.ip));
    struct sn_action *act = sn_actions_add(core->out, SN_DO_CONNECT);
    act->link = inst->link->id;
    act->conn = conn;
    act->host = host;
    act->port = inst->addr.port;
    c->phase = SN_CONNECTING;
    c->since = core->now;
}

static void resolve(struct sn_instance *inst)
{
    struct sn_core *core = inst->group->core;
    struct slice host = sn_actions_text(core->out, slice_z(inst->addr.host));
    struct sn_action *act = sn_actions_add(core->out, SN_DO_RESOLVE);
    act->link = inst->link->id;
    act->host = host;
    inst->link->conn[SN_CMD].phase = SN_RESOLVING;
    inst->link->conn[SN_CMD].since = core->now;
}

static void try_connect(struct sn_instance *inst, enum sn_conn conn)
{
    struct sn_core *core = inst->group->core;
    struct sn_link *link = inst->link;
    struct sn_conn_state *c = &link->conn[conn];
    bool stale_name =
        conn == SN_CMD && sn_addr_is_name(&inst->addr) &&
        (link->resolved_at == SN_NEVER || core->now - link->resolved_at >= RESOLVE_MS);
    int64_t wait = stale_name || inst->addr.ip[0] ? RECONNECT_MS : RESOLVE_MS;
    if (c->tried != SN_NEVER && core->now < c->tried + wait) {
        sn_want(inst->group, c->tried + wait);
        return;
    }
    c->tried = core->now;
    c->tries++;
    if (stale_name) resolve(inst);
    else if (inst->addr.ip[0]) connect_now(inst, conn);
    sn_want(inst->group,
            core->now + (c->phase == SN_CONNECTING ? connect_timeout(inst, c) : RESOLVE_MS));
}

/* A connection on which nothing comes although something was asked is given up: after the host has
 * come back, its address may be somebody else's, or TCP may wait long before it tries again. The
 * longer the silence lasts, the more rarely. */
static int64_t cmd_stale_at(const struct sn_instance *inst)
{
    const struct sn_link *link = inst->link;
    const struct sn_conn_state *c = &link->conn[SN_CMD];
    const struct sn_core *core = inst->group->core;
    int64_t half = inst->group->saved.down_after_ms / 2;
    if (link->act_ping == SN_NEVER || !link->ping_flying) return INT64_MAX;
    int64_t silent_since = link->act_ping > link->last_pong ? link->act_ping : link->last_pong;
    int64_t age = clamp((c->since - silent_since) / 2, half < 1000 ? 1000 : 2 * half,
                        core->params.min_link_reconnect_period);
    int64_t quiet_at = silent_since + half + 1, old_at = c->since + age;
    return quiet_at > old_at ? quiet_at : old_at;
}

static int64_t pubsub_stale_at(const struct sn_instance *inst)
{
    const struct sn_conn_state *c = &inst->link->conn[SN_PUBSUB];
    const struct sn_params *p = &inst->group->core->params;
    int64_t quiet_at = c->heard + 3 * p->publish_period + 1;
    int64_t old_at = c->since + p->min_link_reconnect_period + 1;
    return quiet_at > old_at ? quiet_at : old_at;
}

static void keep_open(struct sn_instance *inst, enum sn_conn conn)
{
    struct sn_core *core = inst->group->core;
    struct sn_conn_state *c = &inst->link->conn[conn];
    int64_t end = INT64_MAX;
    if (c->phase == SN_CONNECTING) end = c->since + connect_timeout(inst, c);
    else if (c->phase == SN_OPEN && conn == SN_CMD) end = cmd_stale_at(inst);
    else if (c->phase == SN_OPEN) end = pubsub_stale_at(inst);
    if (core->now >= end) {
        bool was_open = c->phase == SN_OPEN;
        sn_conn_close(core, inst->link, conn);
        if (was_open)
            sn_emit(core, conn == SN_CMD ? SN_EVT_CMD_RECONNECT : SN_EVT_PUBSUB_RECONNECT, inst,
                    NULL);
    } else {
        sn_want(inst->group, end);
    }
    if (c->phase == SN_CLOSED) try_connect(inst, conn);
}

void sn_link_up(struct sn_core *core, struct sn_link *link, enum sn_conn conn,
                struct slice local_ip)
{
    struct sn_conn_state *c = &link->conn[conn];
    struct sn_instance *first = link->users.at[0];
    c->phase = SN_OPEN;
    c->since = c->heard = core->now;
    c->pending = c->tries = 0;
    sn_send_greeting(first, conn);
    if (conn == SN_PUBSUB) {
        sn_send(first, SN_PUBSUB, SN_TAG_NONE, SN_WORDS("SUBSCRIBE", SN_CHANNEL));
    } else {
        slice_cstr(local_ip, link->local_ip, sizeof(link->local_ip));
        sn_send_ping(first);
    }
    for (size_t i = 0; i < link->users.n; i++) {
        struct sn_instance *u = link->users.at[i];
        if (conn == SN_CMD) {
            u->info_sent = u->asked_at = u->refused_at = SN_NEVER;
            u->told_after_ms = 0;
            u->asked_epoch = 0;
        }
        sn_touch(u->group);
    }
}

void sn_link_down(struct sn_core *core, struct sn_link *link, enum sn_conn conn)
{
    struct sn_conn_state *c = &link->conn[conn];
    if (c->phase != SN_CONNECTING && c->phase != SN_OPEN) return;
    c->phase = SN_CLOSED; /* the driver knows: nothing to disconnect */
    sn_conn_close(core, link, conn);
    for (size_t i = 0; i < link->users.n; i++) sn_touch(link->users.at[i]->group);
}

void sn_resolved(struct sn_core *core, struct sn_link *link, struct slice ip)
{
    struct sn_conn_state *c = &link->conn[SN_CMD];
    if (c->phase != SN_RESOLVING) return;
    c->phase = SN_CLOSED;
    c->since = core->now;
    if (sn_is_ip(ip)) {
        link->resolved_at = core->now;
        for (size_t i = 0; i < link->users.n; i++)
            slice_cstr(ip, link->users.at[i]->addr.ip, sizeof(link->users.at[i]->addr.ip));
        if (link->users.at[0]->addr.port) connect_now(link->users.at[0], SN_CMD);
    }
    for (size_t i = 0; i < link->users.n; i++) sn_touch(link->users.at[i]->group);
}

/* ---- periodic commands ---- */

static void ping(struct sn_instance *inst)
{
    struct sn_link *link = inst->link;
    if (link->ping_flying) return;
    int64_t at = link->last_ping + sn_ping_period(inst);
    if (link->last_ping == SN_NEVER || inst->group->core->now >= at) sn_send_ping(inst);
    else sn_want(inst->group, at);
}

static void info(struct sn_instance *inst)
{
    if (inst->kind == SN_PEER || inst->info_flying) return;
    int64_t at = inst->info_sent + sn_info_period(inst);
    if (inst->info_sent == SN_NEVER || inst->group->core->now >= at) sn_send_info(inst);
    else sn_want(inst->group, at);
}

static void hello(struct sn_instance *inst)
{
    struct sn_group *g = inst->group;
    int64_t now = g->core->now, at = inst->hello_sent + g->core->params.publish_period;
    bool due = inst->hello_sent == SN_NEVER || now >= at;
    if ((due && !inst->hello_flying) || g->hello_now) sn_hello_send(inst);
    at = inst->hello_sent + g->core->params.publish_period;
    if (!inst->hello_flying) sn_want(g, at);
}

void sn_schedule(struct sn_instance *inst)
{
    struct sn_conn_state *c = inst->link->conn;
    if (inst->addr.port == 0) return;
    if (c[SN_CMD].phase != SN_RESOLVING) keep_open(inst, SN_CMD);
    if (c[SN_CMD].phase != SN_OPEN) return;
    if (inst->kind != SN_PEER) keep_open(inst, SN_PUBSUB);
    ping(inst);
    info(inst);
    hello(inst);
}
