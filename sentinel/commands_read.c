/* The SENTINEL sub-commands that only look at the model. They need no event: the model is const
 * here. Numbers are bulk strings, as every client library expects them. */
#include <stdio.h>

#include "core/base/glob.h"
#include "core/front/client.h"
#include "core/front/reply.h"
#include "sentinel/commands.h"
#include "sentinel/scripts.h"
#include "sentinel/sentinel.h"
#include "sentinel/view.h"

/* A map under construction: pairs are counted as they are written. */
struct pairs {
    struct call *c;
    const struct sentinel *s;
    const struct sn_instance *in;
    int64_t now;
    size_t mark, n;
};

static void text(struct pairs *p, const char *name, const char *value)
{
    reply_bulk_z(p->c, name);
    reply_bulk_z(p->c, value);
    p->n++;
}

static void number(struct pairs *p, const char *name, int64_t v)
{
    reply_bulk_z(p->c, name);
    reply_bulk_int(p->c, v);
    p->n++;
}

static void put_identity(struct pairs *p)
{
    char name[SN_NAME_TEXT_MAX], flags[SN_FLAGS_TEXT_MAX];
    const struct sn_instance *in = p->in;
    text(p, "name", sn_instance_name(p->s->core, in, name, sizeof(name)));
    text(p, "ip", sn_announced_host(p->s->core, &in->addr));
    number(p, "port", in->addr.port);
    text(p, "runid", in->runid);
    text(p, "flags", sn_flags_text(in, flags, sizeof(flags)));
}

static void put_link(struct pairs *p)
{
    const struct sn_instance *in = p->in;
    number(p, "link-pending-commands", sn_pending(in));
    number(p, "link-refcount", (int64_t)in->link->users.n);
    if (in->kind == SN_MASTER && in->group->fo.state != SN_FO_NONE)
        text(p, "failover-state", sn_fo_state_name(in->group->fo.state));
    number(p, "last-ping-sent", sn_age(p->now, in->link->act_ping));
    number(p, "last-ok-ping-reply", sn_age(p->now, in->link->last_avail));
    number(p, "last-ping-reply", sn_age(p->now, in->link->last_pong));
    if (in->s_down) number(p, "s-down-time", sn_age(p->now, in->s_down_since));
    if (in->kind == SN_MASTER && in->group->o_down)
        number(p, "o-down-time", sn_age(p->now, in->group->o_down_since));
    number(p, "down-after-milliseconds", in->group->saved.down_after_ms);
}

static void put_role(struct pairs *p)
{
    const struct sn_facts *f = &p->in->facts;
    number(p, "info-refresh", sn_age(p->now, f->info_at));
    text(p, "role-reported", f->role == SN_ROLE_MASTER ? "master" : "slave");
    number(p, "role-reported-time", sn_age(p->now, f->role_since));
}

static void put_master(struct pairs *p)
{
    const struct sn_group *g = p->in->group;
    put_role(p);
    number(p, "config-epoch", (int64_t)g->saved.config_epoch);
    number(p, "num-slaves", (int64_t)g->replicas.n);
    number(p, "num-other-sentinels", (int64_t)g->peers.n);
    number(p, "quorum", g->saved.quorum);
    number(p, "failover-timeout", g->saved.failover_timeout_ms);
    number(p, "parallel-syncs", g->saved.parallel_syncs);
    if (g->saved.notification_script[0])
        text(p, "notification-script", g->saved.notification_script);
    if (g->saved.reconfig_script[0]) text(p, "client-reconfig-script", g->saved.reconfig_script);
}

static void put_replica(struct pairs *p)
{
    const struct sn_facts *f = &p->in->facts;
    put_role(p);
    number(p, "master-link-down-time", f->master_link_down_ms);
    text(p, "master-link-status", f->master_link_up ? "ok" : "err");
    text(p, "master-host", f->master_host[0] ? f->master_host : "?");
    number(p, "master-port", f->master_port);
    number(p, "slave-priority", f->priority);
    number(p, "slave-repl-offset", f->repl_offset);
    number(p, "replica-announced", f->announced);
}

static void put_peer(struct pairs *p)
{
    number(p, "last-hello-message", sn_age(p->now, p->in->hello_at));
    text(p, "voted-leader", sn_vote_shown(p->in, p->now));
    number(p, "voted-leader-epoch", (int64_t)p->in->voted_epoch);
}

static void reply_instance(struct call *c, const struct sn_instance *in)
{
    static void (*const rest[])(struct pairs *) = {
        [SN_MASTER] = put_master, [SN_REPLICA] = put_replica, [SN_PEER] = put_peer
    };
    struct sentinel *s = sentinel_of(c);
    struct pairs p = { .c = c, .s = s, .in = in, .now = loop_now_ms(s->loop) };
    p.mark = reply_later(c);
    put_identity(&p);
    put_link(&p);
    rest[in->kind](&p);
    reply_later_map(c, p.mark, p.n);
}

static const struct sn_group *group_arg(struct call *c, int at)
{
    const struct sn_group *g = sn_group_by_name(sentinel_of(c)->core, c->argv[at]);
    if (!g) reply_error(c, "-ERR No such master with that name");
    return g;
}

void sn_cmd_masters(struct call *c)
{
    const struct sn_core *core = sentinel_of(c)->core;
    reply_array(c, core->groups.n);
    for (size_t i = 0; i < core->groups.n; i++)
        reply_instance(c, core->groups.at[i]->master);
}

void sn_cmd_master(struct call *c)
{
    const struct sn_group *g = group_arg(c, 2);
    if (g) reply_instance(c, g->master);
}

void sn_cmd_replicas(struct call *c)
{
    const struct sn_group *g = group_arg(c, 2);
    if (!g) return;
    size_t n = 0, mark = reply_later(c);
    for (size_t i = 0; i < g->replicas.n; i++) {
        if (!g->replicas.at[i]->facts.announced) continue;
        reply_instance(c, g->replicas.at[i]);
        n++;
    }
    reply_later_array(c, mark, n);
}

void sn_cmd_sentinels(struct call *c)
{
    const struct sn_group *g = group_arg(c, 2);
    if (!g) return;
    reply_array(c, g->peers.n);
    for (size_t i = 0; i < g->peers.n; i++)
        reply_instance(c, g->peers.at[i]);
}

void sn_cmd_addr_by_name(struct call *c)
{
    const struct sn_group *g = sn_group_by_name(sentinel_of(c)->core, c->argv[2]);
    if (!g) {
        reply_null_array(c);
        return;
    }
    const struct sn_addr *a = sn_current_addr(g);
    reply_array(c, 2);
    reply_bulk_z(c, sn_announced_host(sentinel_of(c)->core, a));
    reply_bulk_int(c, a->port);
}

void sn_cmd_myid(struct call *c) { reply_bulk_z(c, sentinel_of(c)->core->saved.myid); }

void sn_cmd_ckquorum(struct call *c)
{
    const struct sn_group *g = group_arg(c, 2);
    if (!g) return;
    unsigned usable = sn_usable(g);
    bool quorum = usable >= g->saved.quorum, majority = usable >= sn_majority(g);
    if (quorum && majority) {
        char line[128];
        snprintf(line, sizeof(line),
                 "OK %u usable Sentinels. Quorum and failover authorization can be reached",
                 usable);
        reply_status(c, line);
        return;
    }
    reply_error_fmt(
        c, "-NOQUORUM %u usable Sentinels. %s%s%s", usable,
        quorum ? ""
               : "Not enough available Sentinels to reach the specified quorum for this master",
        !quorum && !majority ? ". " : "",
        majority ? ""
                 : "Not enough available Sentinels to reach the majority and authorize a failover");
}

static void reply_info_of(struct call *c, const struct sn_instance *in)
{
    const struct sn_facts *f = &in->facts;
    reply_array(c, 2);
    reply_int(c, sn_age(loop_now_ms(sentinel_of(c)->loop), f->info_at));
    if (f->info_at == SN_NEVER)
        reply_null(c);
    else
        reply_bulk(c, str_slice(f->info));
}

void sn_cmd_info_cache(struct call *c)
{
    size_t n = 0, mark = reply_later(c);
    for (int i = 2; i < c->argc; i++) {
        const struct sn_group *g = sn_group_by_name(sentinel_of(c)->core, c->argv[i]);
        if (!g) continue;
        reply_bulk_z(c, g->saved.name);
        reply_array(c, g->replicas.n + 1);
        reply_info_of(c, g->master);
        for (size_t k = 0; k < g->replicas.n; k++)
            reply_info_of(c, g->replicas.at[k]);
        n += 2;
    }
    reply_later_array(c, mark, n);
}

void sn_cmd_pending_scripts(struct call *c) { scripts_reply(c, sentinel_of(c)->scripts); }

static const char *yes_no(bool v) { return v ? "yes" : "no"; }

void sn_cmd_config_get(struct call *c)
{
    static const char *const levels[] = { "debug", "verbose", "notice", "warning", "nothing" };
    const struct sentinel *s = sentinel_of(c);
    const struct sn_saved *v = &s->core->saved;
    char port[16];
    snprintf(port, sizeof(port), "%d", v->announce_port);
    const struct {
        const char *name, *value;
    } rows[] = { { "resolve-hostnames", yes_no(v->resolve_hostnames) },
                 { "announce-hostnames", yes_no(v->announce_hostnames) },
                 { "announce-ip", v->announce_ip },
                 { "announce-port", port },
                 { "sentinel-user", v->user },
                 { "sentinel-pass", v->pass },
                 { "loglevel", levels[s->config.front.loglevel] } };
    size_t n = 0, mark = reply_later(c);
    for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++)
        for (int i = 3; i < c->argc; i++) {
            if (!glob_match(c->argv[i], slice_z(rows[r].name), true)) continue;
            reply_bulk_z(c, rows[r].name);
            reply_bulk_z(c, rows[r].value);
            n++;
            break;
        }
    reply_later_map(c, mark, n);
}

void sn_cmd_help(struct call *c)
{
    static const char *const lines[] = {
        "CKQUORUM <master-name>",
        "    Tell whether quorum and majority can be reached now.",
        "CONFIG SET <param> <value> [<param> <value> ...]",
        "    Set global parameters of this Sentinel.",
        "CONFIG GET <pattern> [<pattern> ...]",
        "    Get global parameters of this Sentinel.",
        "DEBUG [<param> <value> ...]",
        "    Show or set the periods and limits of this Sentinel, in milliseconds.",
        "GET-MASTER-ADDR-BY-NAME <master-name>",
        "    Give the address of the master.",
        "EXPLAIN <master-name>",
        "    Say what would happen if the master died now.",
        "FAILOVER <master-name> [TO <host> <port>] [FORCE] [COORDINATED]",
        "    Make a replica the master; without a hand-over by the master with FORCE, only by one",
        "    with COORDINATED.",
        "FAILOVERS <master-name> [COUNT <count>]",
        "    Show the records of past failovers.",
        "FLUSHCONFIG",
        "    Write the state to the configuration file.",
        "FORGET <master-name> <run-id> | <host> <port>",
        "    Forget one Sentinel or one replica, here and at the other Sentinels.",
        "INFO-CACHE <master-name> [<master-name> ...]",
        "    Give the last INFO texts of a master and its replicas.",
        "IS-MASTER-DOWN-BY-ADDR <ip> <port> <current-epoch> <runid>",
        "    Tell whether the master at that address seems down; asks for a vote with a run id.",
        "MASTER <master-name>",
        "    Show the state of one master.",
        "MASTERS",
        "    Show the state of all masters.",
        "MONITOR <name> <ip> <port> <quorum>",
        "    Begin to watch a master.",
        "MYID",
        "    Give the id of this Sentinel.",
        "PENDING-SCRIPTS",
        "    Show the scripts that run or wait.",
        "REMOVE <master-name>",
        "    Watch this master no more.",
        "REPLICAS <master-name>",
        "    Show the replicas of a master.",
        "RESET <pattern>",
        "    Forget what was learned about the masters that match.",
        "SENTINELS <master-name>",
        "    Show the other Sentinels of a master.",
        "SET <master-name> <option> <value> [<option> <value> ...]",
        "    Change the settings of a master.",
        "SIMULATE-FAILURE [CRASH-AFTER-ELECTION] [CRASH-AFTER-PROMOTION] [HELP]",
        "    End the process at a point of the next failover.",
        NULL,
    };
    reply_help(c, lines);
}
