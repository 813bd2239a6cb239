#include "sentinel/view.h"

#include <stdio.h>

ptrdiff_t sn_group_index(const struct sn_core *core, struct slice name)
{
    size_t lo = 0, hi = core->groups.n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int c = slice_cmp(slice_z(core->groups.at[mid]->saved.name), name);
        if (c == 0) return (ptrdiff_t)mid;
        if (c < 0) lo = mid + 1;
        else hi = mid;
    }
    return -1;
}

const struct sn_group *sn_group_by_name(const struct sn_core *core, struct slice name)
{
    ptrdiff_t at = sn_group_index(core, name);
    return at < 0 ? NULL : core->groups.at[at];
}

const struct sn_link *sn_link_by_id(const struct sn_core *core, uint32_t id)
{
    size_t lo = 0, hi = core->link_ids.n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (core->link_ids.at[mid] < id) lo = mid + 1;
        else hi = mid;
    }
    return lo < core->link_ids.n && core->link_ids.at[lo] == id ? core->links.at[lo] : NULL;
}

const struct sn_instance *sn_instance_by_id(const struct sn_core *core, uint32_t id)
{
    for (size_t i = 0; i < core->groups.n; i++) {
        const struct sn_group *g = core->groups.at[i];
        if (g->master->id == id) return g->master;
        for (size_t j = 0; j < g->replicas.n; j++)
            if (g->replicas.at[j]->id == id) return g->replicas.at[j];
        for (size_t j = 0; j < g->peers.n; j++)
            if (g->peers.at[j]->id == id) return g->peers.at[j];
    }
    return NULL;
}

const char *sn_announced_host(const struct sn_core *core, const struct sn_addr *addr)
{
    return core->saved.announce_hostnames || !addr->ip[0] ? addr->host : addr->ip;
}

const struct sn_addr *sn_current_addr(const struct sn_group *g)
{
    return g->fo.promoted && g->fo.state >= SN_FO_RECONF_SLAVES ? &g->fo.promoted->addr
                                                               : &g->master->addr;
}

char *sn_instance_name(const struct sn_core *core, const struct sn_instance *inst, char *buf,
                       size_t cap)
{
    if (inst->kind == SN_MASTER) {
        text_copy(buf, cap, inst->group->saved.name);
    } else if (inst->kind == SN_PEER) {
        text_copy(buf, cap, inst->runid);
    } else {
        const char *host = sn_announced_host(core, &inst->addr);
        bool v6 = strchr(host, ':') != NULL;
        snprintf(buf, cap, v6 ? "[%s]:%d" : "%s:%d", host, inst->addr.port);
    }
    return buf;
}

bool sn_disconnected(const struct sn_instance *inst)
{
    const struct sn_conn_state *c = inst->link->conn;
    return c[SN_CMD].phase != SN_OPEN || (inst->kind != SN_PEER && c[SN_PUBSUB].phase != SN_OPEN);
}

char *sn_flags_text(const struct sn_instance *inst, char *buf, size_t cap)
{
    static const char *const kinds[] = { "master", "slave", "sentinel" };
    const struct sn_group *g = inst->group;
    bool m = inst->kind == SN_MASTER;
    const struct {
        bool on;
        const char *name;
    } rows[] = {
        { inst->s_down, "s_down" },
        { m && g->o_down, "o_down" },
        { true, kinds[inst->kind] },
        { sn_disconnected(inst), "disconnected" },
        { inst->master_down, "master_down" },
        { m && g->fo.state != SN_FO_NONE, "failover_in_progress" },
        { g->fo.promoted == inst, "promoted" },
        { inst->reconf == SN_RECONF_SENT, "reconf_sent" },
        { inst->reconf == SN_RECONF_INPROG, "reconf_inprog" },
        { inst->reconf == SN_RECONF_DONE, "reconf_done" },
        { m && g->fo.forced, "force_failover" },
        { inst->script_kill_sent, "script_kill_sent" },
        { inst->rebooted, "master_reboot" },
    };
    size_t n = 0;
    buf[0] = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && n < cap; i++)
        if (rows[i].on)
            n += (size_t)snprintf(buf + n, cap - n, "%s%s", n ? "," : "", rows[i].name);
    return buf;
}

const char *sn_fo_state_name(enum sn_fo_state s)
{
    static const char *const names[SN_FO_STATES] = {
        "none",           "wait_start",   "select_slave", "send_slaveof_noone",
        "wait_promotion", "reconf_slaves", "update_config",
    };
    return names[s];
}

const char *sn_reject_name(enum sn_reject r)
{
    static const char *const names[SN_REJECTS] = {
        [SN_FIT] = "fit",
        [SN_REJ_DOWN] = "subjectively down",
        [SN_REJ_DISCONNECTED] = "disconnected",
        [SN_REJ_PING_OLD] = "no recent reply to PING",
        [SN_REJ_PRIORITY_ZERO] = "priority 0",
        [SN_REJ_INFO_OLD] = "no recent INFO",
        [SN_REJ_LINK_DOWN_LONG] = "without its master for too long",
        [SN_REJ_NEVER_SYNCED] = "never finished a synchronisation",
        [SN_REJ_LOADING] = "a data set is being loaded into it",
        [SN_REJ_FOREIGN] = "its data is of another history",
    };
    return names[r];
}

unsigned sn_pending(const struct sn_instance *inst)
{
    return inst->link->conn[SN_CMD].pending;
}

int64_t sn_age(int64_t now, int64_t t)
{
    return t == SN_NEVER || t > now ? 0 : now - t;
}

#define SHOWN_PERIODS 5 /* of asking: so long the reference remembers an answer */

const char *sn_vote_shown(const struct sn_instance *peer, int64_t now)
{
    int64_t keep = SHOWN_PERIODS * peer->group->core->params.ask_period;
    bool fresh = peer->down_reply_at != SN_NEVER && now - peer->down_reply_at <= keep;
    return fresh && peer->voted[0] ? peer->voted : "?";
}

unsigned sn_voters(const struct sn_group *g)
{
    unsigned known = (unsigned)g->peers.n + 1;
    return known > g->saved.voters_floor ? known : g->saved.voters_floor;
}

unsigned sn_majority(const struct sn_group *g)
{
    return sn_voters(g) / 2 + 1;
}

unsigned sn_usable(const struct sn_group *g)
{
    unsigned n = 1;
    for (size_t i = 0; i < g->peers.n; i++) n += !g->peers.at[i]->s_down;
    return n;
}

const char *sn_hello_ip(const struct sn_core *core, const struct sn_instance *inst)
{
    return core->saved.announce_ip[0] ? core->saved.announce_ip : inst->link->local_ip;
}

int sn_hello_port(const struct sn_core *core)
{
    return core->saved.announce_port ? core->saved.announce_port : core->self.port;
}

int64_t sn_tilt_seconds(const struct sn_core *core, int64_t now)
{
    return core->tilt ? (now - core->tilt_since) / 1000 : -1;
}
