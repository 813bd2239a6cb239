#include "sentinel/schedule.h"

#include "sentinel/actions.h"
#include "sentinel/addr.h"
#include "sentinel/group.h"
#include "sentinel/hello.h"
#include "sentinel/send.h"
#include "sentinel/view.h"

#define RECONNECT_MS 100       /* between two attempts */
#define RECONNECT_MAX_MS 2000
#define CONNECT_SHORT_MS 250   /* on a LAN an answer comes in this time or never */
#define CONNECT_LONG_MS 1500   /* every fourth attempt: far hosts, one lost SYN */
#define RESOLVE_MS 1000        /* a name is asked for at most so often */
#define DOUBT_MS 60000         /* so long a new connection by name may be to the wrong machine */
#define EAGER_MS 10000         /* after a start or a switch replicas are looked for each second */
#define CONNECTING_MAX 256     /* at a time: the answers of so many are seen before they are old */
#define RARELY 5               /* periods between two hellos to a replica while all is well */
#define BEAT_MIN_MS 100        /* shorter periods are kept as they are */
#define CHANGES_MS 1000        /* INFO is asked for more often where a change is waited for */

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

/* When something with that period is due again: at most a period later, at a time that all periods
 * of the link's group have in common, so that what is due together leaves in one write. */
static int64_t beat(const struct sn_link *link, int64_t last, int64_t period)
{
    int64_t at = last + period, late = (at - link->beat) % period;
    return period < BEAT_MIN_MS || at < link->beat ? at : at - late;
}

int64_t sn_ping_due(const struct sn_link *link)
{
    if (link->last_ping == SN_NEVER) return 0;
    return beat(link, link->last_ping, sn_ping_period(link->pacer));
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
    core->connecting++;
}

/* `keep`: the address that is good as long as it is one of the name's. */
static void ask_name(struct sn_instance *inst, const char *keep)
{
    struct sn_actions *out = inst->group->core->out;
    struct slice host = sn_actions_text(out, slice_z(inst->addr.host));
    struct slice ip = sn_actions_text(out, slice_z(keep));
    struct sn_action *act = sn_actions_add(out, SN_DO_RESOLVE);
    act->link = inst->link->id;
    act->host = host;
    act->text = ip;
}

static void resolve(struct sn_instance *inst)
{
    struct sn_core *core = inst->group->core;
    if (!inst->link->looking_up) ask_name(inst, ""); /* else its answer is soon there */
    inst->link->conn[SN_CMD].phase = SN_RESOLVING;
    inst->link->conn[SN_CMD].since = core->now;
}

/* Hundreds that are away are tried at most so often that the rest is not neglected. */
static int64_t reconnect_ms(const struct sn_core *core)
{
    return clamp((int64_t)(core->links.n - core->reached), RECONNECT_MS, RECONNECT_MAX_MS);
}

static void try_connect(struct sn_instance *inst, enum sn_conn conn)
{
    struct sn_core *core = inst->group->core;
    struct sn_link *link = inst->link;
    struct sn_conn_state *c = &link->conn[conn];
    bool stale_name =
        conn == SN_CMD && sn_addr_is_name(&inst->addr) &&
        (link->resolved_at == SN_NEVER || core->now - link->resolved_at >= RESOLVE_MS);
    bool often = (stale_name || inst->addr.ip[0]) && !link->stranger;
    int64_t wait = often ? reconnect_ms(core) : RESOLVE_MS;
    if (c->tried != SN_NEVER && core->now < c->tried + wait) {
        sn_want(inst->group, c->tried + wait);
        return;
    }
    if (core->connecting >= CONNECTING_MAX) {
        sn_wait_to_connect(inst->group);
        sn_want(inst->group, core->now + RECONNECT_MS);
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

/* Our own hellos come back on it: those that do not tell that it is dead. */
static int64_t pubsub_stale_at(const struct sn_instance *inst)
{
    const struct sn_conn_state *c = &inst->link->conn[SN_PUBSUB];
    const struct sn_params *p = &inst->group->core->params;
    if (inst->link->unheard == SN_NEVER) return INT64_MAX;
    int64_t quiet_at = inst->link->unheard + 3 * p->publish_period + 1;
    int64_t old_at = c->since + p->min_link_reconnect_period + 1;
    return quiet_at > old_at ? quiet_at : old_at;
}

/* Answers of a name service may be old, and the address somebody else's by now: for a while the
 * name of an open connection is asked for again, each time after twice as long. */
static void look_up_again(struct sn_instance *inst)
{
    struct sn_core *core = inst->group->core;
    struct sn_link *link = inst->link;
    const struct sn_conn_state *c = &link->conn[SN_CMD];
    int64_t last = link->looked_up_at > c->since ? link->looked_up_at : c->since;
    int64_t at = last + (last - c->since > RESOLVE_MS ? last - c->since : RESOLVE_MS);
    if (!sn_addr_is_name(&inst->addr) || link->looking_up || at > c->since + DOUBT_MS) return;
    if (core->now < at) {
        sn_want(inst->group, at);
        return;
    }
    ask_name(inst, inst->addr.ip);
    link->looked_up_at = core->now;
    link->looking_up = true;
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
    else if (c->phase == SN_OPEN && conn == SN_CMD) look_up_again(inst);
}

void sn_link_up(struct sn_core *core, struct sn_link *link, enum sn_conn conn,
                struct slice local_ip)
{
    struct sn_conn_state *c = &link->conn[conn];
    struct sn_instance *first = link->pacer;
    sn_connecting_ended(core);
    core->reached += conn == SN_CMD;
    c->phase = SN_OPEN;
    c->since = c->heard = core->now;
    c->pending = c->tries = 0;
    sn_send_greeting(first, conn);
    if (conn == SN_PUBSUB) {
        sn_send(first, SN_PUBSUB, SN_TAG_NONE, SN_WORDS("SUBSCRIBE", SN_CHANNEL));
        link->unheard = SN_NEVER;
    } else {
        slice_cstr(local_ip, link->local_ip, sizeof(link->local_ip));
        link->batch = SN_BATCH_UNKNOWN;
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
    if (c->phase == SN_CONNECTING) sn_connecting_ended(core);
    else if (conn == SN_CMD) core->reached--;
    c->phase = SN_CLOSED; /* the driver knows: nothing to disconnect */
    sn_conn_close(core, link, conn);
    for (size_t i = 0; i < link->users.n; i++) sn_touch(link->users.at[i]->group);
}

static void take_ip(struct sn_core *core, struct sn_link *link, struct slice ip)
{
    link->resolved_at = core->now;
    for (size_t i = 0; i < link->users.n; i++)
        slice_cstr(ip, link->users.at[i]->addr.ip, sizeof(link->users.at[i]->addr.ip));
}

void sn_resolved(struct sn_core *core, struct sn_link *link, struct slice ip)
{
    struct sn_conn_state *c = &link->conn[SN_CMD];
    if (link->looking_up) {
        link->looking_up = false;
        if (sn_is_ip(ip) && !slice_eqz(ip, link->pacer->addr.ip) && c->phase != SN_RESOLVING) {
            take_ip(core, link, ip);
            sn_link_close(core, link);
        }
    }
    if (c->phase != SN_RESOLVING) return;
    c->phase = SN_CLOSED;
    c->since = core->now;
    if (sn_is_ip(ip)) {
        take_ip(core, link, ip);
        if (link->pacer->addr.port) connect_now(link->pacer, SN_CMD);
    }
    for (size_t i = 0; i < link->users.n; i++) sn_touch(link->users.at[i]->group);
}

/* ---- periodic commands ---- */

/* What is due while the answer to the one before has not come waits for that answer. */
static void want_later(struct sn_instance *inst, int64_t at)
{
    if (at > inst->group->core->now) sn_want(inst->group, at);
}

static void ping(struct sn_instance *inst)
{
    struct sn_link *link = inst->link;
    if (!link->ping_flying && inst->group->core->now >= sn_ping_due(link)) sn_send_ping(inst);
    want_later(inst, sn_ping_due(link));
}

static int64_t info_due(const struct sn_instance *inst)
{
    int64_t period = sn_info_period(inst);
    if (inst->info_sent == SN_NEVER) return 0;
    return period < CHANGES_MS ? inst->info_sent + period
                               : beat(inst->link, inst->info_sent, period);
}

static void info(struct sn_instance *inst)
{
    if (inst->kind == SN_PEER || inst->info_flying) return;
    if (inst->group->core->now >= info_due(inst)) sn_send_info(inst);
    else sn_want(inst->group, info_due(inst));
}

/* All is well, and all other Sentinels that are known hear ours from us. */
static bool quiet(const struct sn_group *g)
{
    if (!g->peers.n || g->master->s_down || g->fo.state != SN_FO_NONE || g->amnesia) return false;
    for (size_t i = 0; i < g->peers.n; i++) {
        const struct sn_link *link = g->peers.at[i]->link;
        if (link->batch != SN_BATCH_YES || link->conn[SN_CMD].phase != SN_OPEN) return false;
    }
    return true;
}

int64_t sn_hello_due(const struct sn_instance *inst)
{
    int64_t period = inst->group->core->params.publish_period;
    if (inst->kind == SN_REPLICA && quiet(inst->group)) period *= RARELY;
    if (inst->hello_sent == SN_NEVER) return 0;
    if (inst->hello_refused) return inst->hello_sent + period / 2;
    return beat(inst->link, inst->hello_sent, period);
}

static void hello(struct sn_instance *inst)
{
    struct sn_group *g = inst->group;
    struct sn_link *link = inst->link;
    bool due = g->core->now >= sn_hello_due(inst) && !inst->hello_flying;
    bool batch = inst->kind == SN_PEER && link->batch != SN_BATCH_NO;
    if (g->hello_now || (due && !batch)) sn_hello_send(inst);
    else if (due && inst == link->pacer && !link->hellos_flying) sn_hello_send_all(link);
    if (!batch || inst == link->pacer) want_later(inst, sn_hello_due(inst));
}

void sn_schedule(struct sn_instance *inst)
{
    struct sn_conn_state *c = inst->link->conn;
    bool paces = inst == inst->link->pacer;
    if (inst->addr.port == 0) return;
    if (paces && c[SN_CMD].phase != SN_RESOLVING) keep_open(inst, SN_CMD);
    if (c[SN_CMD].phase != SN_OPEN) return;
    if (paces && inst->kind != SN_PEER) keep_open(inst, SN_PUBSUB);
    if (paces) ping(inst);
    info(inst);
    hello(inst);
}
