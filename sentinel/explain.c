#include "sentinel/explain.h"

#include <stdarg.h>
#include <stdio.h>

#include "sentinel/pick.h"
#include "sentinel/tilt.h"
#include "sentinel/view.h"

#define LINE_MAX_LEN 900

static void say(struct sn_sentences *out, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void say(struct sn_sentences *out, const char *fmt, ...)
{
    char text[LINE_MAX_LEN];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    vec_push(&out->lines, str_z(text));
}

void sn_sentences_free(struct sn_sentences *s)
{
    for (size_t i = 0; i < s->lines.n; i++) str_free(&s->lines.at[i]);
    vec_free(&s->lines);
}

static const char *host(const struct sn_instance *in)
{
    return sn_announced_host(in->group->core, &in->addr);
}

/* No connection, or a question that waits: what is true before S_DOWN, and all the time in TILT. */
static bool silent(const struct sn_group *g, int64_t now)
{
    const struct sn_link *link = g->master->link;
    return link->conn[SN_CMD].phase != SN_OPEN ||
           (link->act_ping != SN_NEVER && now - link->act_ping > g->saved.down_after_ms / 2);
}

static void explain_now(const struct sn_group *g, int64_t now, struct sn_sentences *out)
{
    const struct sn_instance *m = g->master;
    if (g->core->tilt)
        say(out, "problem: this Sentinel distrusts its time (TILT) and does nothing");
    if (g->fo.state != SN_FO_NONE)
        say(out, "ok: a failover is under way, in state %s", sn_fo_state_name(g->fo.state));
    else if (g->o_down) say(out, "problem: the master is down now, and no failover is under way");
    else if (m->s_down) say(out, "warning: the master is down in our eyes alone");
    else if (silent(g, now))
        say(out, "warning: the master %s %d has not answered for %lld ms", host(m), m->addr.port,
            (long long)(now - m->link->last_avail));
    else say(out, "ok: the master %s %d answers", host(m), m->addr.port);
    if (g->amnesia) say(out, "problem: the master came back without the data of its replicas");
    if (g->fo.not_before != SN_NEVER && g->fo.not_before > now)
        say(out, "warning: this Sentinel will not stand for election during the next %lld ms",
            (long long)(g->fo.not_before - now));
}

static void explain_votes(const struct sn_group *g, struct sn_sentences *out)
{
    unsigned usable = sn_usable(g), voters = sn_voters(g), majority = sn_majority(g);
    unsigned need = majority > g->saved.quorum ? majority : g->saved.quorum;
    const char *are = usable == 1 ? "Sentinel is" : "Sentinels are";
    if (usable < g->saved.quorum)
        say(out, "problem: %u %s usable, the quorum is %u", usable, are, g->saved.quorum);
    if (usable < majority)
        say(out, "problem: %u %s usable, a majority of %u is %u", usable, are, voters, majority);
    if (usable >= need)
        say(out, "ok: %u of %u Sentinels are usable, %u must vote for a failover", usable, voters,
            need);
    if (usable == need && voters > 1)
        say(out, "warning: with one Sentinel less there would be no failover");
    if (voters == 2)
        say(out, "warning: two Sentinels only: the loss of either one stops failovers; a third one "
                 "may live on any host");
    if (voters == 1)
        say(out, "warning: this is the only Sentinel: its own fault is enough for a failover");
    if (g->saved.voters_floor > g->peers.n + 1)
        say(out, "warning: %u voters were known before; the majority still counts them",
            g->saved.voters_floor);
    for (size_t i = 0; i < g->peers.n; i++)
        if (g->peers.at[i]->s_down)
            say(out, "warning: Sentinel %s at %s %d is down", g->peers.at[i]->runid,
                host(g->peers.at[i]), g->peers.at[i]->addr.port);
}

static void explain_links(const struct sn_group *g, struct sn_sentences *out)
{
    const struct sn_instance *m = g->master;
    const char *own = sn_hello_ip(g->core, m);
    if (m->link->auth_failed)
        say(out, "problem: the master refuses our password (sentinel auth-pass, auth-user)");
    for (size_t i = 0; i < g->replicas.n; i++)
        if (g->replicas.at[i]->link->auth_failed)
            say(out, "problem: replica %s %d refuses our password", host(g->replicas.at[i]),
                g->replicas.at[i]->addr.port);
    if (own[0] && strcmp(own, m->addr.ip) == 0)
        say(out, "warning: this Sentinel lives on the host of the master: both are lost together");
    for (size_t i = 0; i < g->peers.n; i++)
        if (g->peers.at[i]->addr.ip[0] && strcmp(g->peers.at[i]->addr.ip, m->addr.ip) == 0)
            say(out, "warning: Sentinel %s lives on the host of the master",
                g->peers.at[i]->runid);
}

static void explain_replica(const struct sn_instance *r, struct sn_sentences *out)
{
    const struct sn_group *g = r->group;
    const struct sn_facts *f = &r->facts;
    enum sn_reject verdict = sn_judge(r);
    long long behind = (long long)(g->master->facts.master_offset - f->repl_offset);
    if (r->foreign)
        say(out, "warning: %s %d belongs to somebody else and is left alone", host(r),
            r->addr.port);
    else if (verdict != SN_FIT)
        say(out, "warning: replica %s %d cannot be promoted: %s", host(r), r->addr.port,
            sn_reject_name(verdict));
    else if (!f->master_link_up)
        say(out, "warning: replica %s %d has lost its master, the data is of then", host(r),
            r->addr.port);
    else
        say(out, "ok: replica %s %d could be promoted (priority %d, %lld bytes behind when last "
                 "asked)",
            host(r), r->addr.port, f->priority, behind > 0 ? behind : 0);
    if (strcmp(r->addr.ip, g->master->addr.ip) == 0 && r->addr.ip[0])
        say(out, "warning: replica %s %d lives on the host of the master", host(r), r->addr.port);
}

static void explain_outcome(const struct sn_group *g, int64_t now, struct sn_sentences *out)
{
    const struct sn_instance *best = NULL;
    unsigned need = sn_majority(g);
    if (need < g->saved.quorum) need = g->saved.quorum;
    for (size_t i = 0; i < g->replicas.n; i++) {
        const struct sn_instance *r = g->replicas.at[i];
        explain_replica(r, out);
        if (sn_judge(r) == SN_FIT && (!best || sn_prefer(r, best) < 0)) best = r;
    }
    if (!g->replicas.n) say(out, "problem: no replica is known");
    if (g->master->facts.info_at != SN_NEVER && !g->master->facts.aof)
        say(out, "warning: the master keeps no append-only file: what is written after its last "
                 "snapshot lives in memory alone");
    if (g->core->tilt)
        say(out, "would: nothing by this Sentinel during the next %lld ms",
            (long long)(sn_tilt_until(g->core) - now));
    else if (best && sn_usable(g) >= need)
        say(out, "would: %lld ms after its last answer %s %d would become the master",
            (long long)g->saved.down_after_ms, host(best), best->addr.port);
    else
        say(out, "would: nothing: clients would wait until the master is back");
}

void sn_explain(const struct sn_group *g, int64_t now, struct sn_sentences *out)
{
    explain_now(g, now, out);
    explain_votes(g, out);
    explain_links(g, out);
    explain_outcome(g, now, out);
}
