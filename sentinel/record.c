#include "sentinel/record.h"

#include <stdio.h>

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "sentinel/actions.h"
#include "sentinel/model.h"
#include "sentinel/view.h"

const char *sn_mark_name(enum sn_mark m)
{
    static const char *const names[SN_MARKS] = {
        "s-down", "o-down", "started", "elected", "selected", "promoted", "ended",
    };
    return names[m];
}

static void record_free(struct sn_record *r)
{
    vec_free(&r->votes);
    vec_free(&r->candidates);
}

void sn_history_free(struct sn_history *h)
{
    for (size_t i = 0; i < h->records.n; i++) record_free(&h->records.at[i]);
    vec_free(&h->records);
}

static struct sn_record *open_record(struct sn_group *g)
{
    struct sn_record *r = g->history.records.n ? &vec_last(&g->history.records) : NULL;
    return r && !r->result[0] ? r : NULL;
}

static void addr_text(const struct sn_group *g, const struct sn_addr *a, char *out, size_t cap)
{
    const char *host = sn_announced_host(g->core, a);
    snprintf(out, cap, strchr(host, ':') ? "[%.255s]:%d" : "%.255s:%d", host, a->port);
}

void sn_record_begin(struct sn_group *g, const char *kind)
{
    struct sn_record r = { .kind = kind, .result = "", .epoch = g->fo.epoch };
    sn_record_end(g, "overtaken");
    if (g->history.records.n >= SN_RECORDS_KEPT) {
        record_free(&g->history.records.at[0]);
        vec_remove(&g->history.records, 0);
    }
    r.number = ++g->history.count;
    for (int m = 0; m < SN_MARKS; m++) r.at[m] = SN_NEVER;
    if (g->master->s_down) r.at[SN_MARK_SDOWN] = g->master->s_down_since;
    if (g->o_down) r.at[SN_MARK_ODOWN] = g->o_down_since;
    r.at[SN_MARK_STARTED] = g->core->now;
    text_copy(r.leader, sizeof(r.leader), g->core->saved.myid);
    addr_text(g, &g->master->addr, r.from, sizeof(r.from));
    vec_push(&g->history.records, r);
}

void sn_record_mark(struct sn_group *g, enum sn_mark m)
{
    struct sn_record *r = open_record(g);
    if (r) r->at[m] = g->core->now;
    if (r) r->epoch = g->fo.epoch;
}

void sn_record_vote(struct sn_group *g, const char *voter, const char *leader)
{
    struct sn_record *r = open_record(g);
    struct sn_record_vote v;
    if (!r) return;
    text_copy(v.voter, sizeof(v.voter), voter);
    text_copy(v.leader, sizeof(v.leader), leader);
    for (size_t i = 0; i < r->votes.n; i++)
        if (strcmp(r->votes.at[i].voter, voter) == 0) {
            r->votes.at[i] = v;
            return;
        }
    if (r->votes.n < SN_RECORD_ROWS) vec_push(&r->votes, v);
}

void sn_record_candidates(struct sn_group *g)
{
    struct sn_record *r = open_record(g);
    if (!r) return;
    vec_clear(&r->candidates);
    for (size_t i = 0; i < g->replicas.n && i < SN_RECORD_ROWS; i++) {
        const struct sn_instance *in = g->replicas.at[i];
        struct sn_record_candidate c = { .offset = in->facts.repl_offset,
                                         .priority = in->facts.priority,
                                         .verdict = sn_reject_name(in->reject) };
        addr_text(g, &in->addr, c.name, sizeof(c.name));
        vec_push(&r->candidates, c);
    }
}

void sn_record_chosen(struct sn_group *g, const struct sn_instance *to)
{
    struct sn_record *r = open_record(g);
    if (r) addr_text(g, &to->addr, r->to, sizeof(r->to));
    sn_record_mark(g, SN_MARK_SELECTED);
}

void sn_record_end(struct sn_group *g, const char *result)
{
    struct sn_record *r = open_record(g);
    struct buf b = { 0 };
    if (!r) return;
    r->result = result;
    r->at[SN_MARK_ENDED] = g->core->now;
    if (!g->core->out) return;
    buf_putz(&b, "failover-record ");
    sn_record_json(g, r, &b);
    struct slice line = sn_actions_text(g->core->out, buf_slice(&b));
    struct sn_action *act = sn_actions_add(g->core->out, SN_DO_LOG);
    act->level = SN_LEVEL_NOTICE;
    act->text = line;
    buf_free(&b);
}

void sn_record_observed(struct sn_group *g, const char *leader, const struct sn_addr *to)
{
    sn_record_begin(g, "observed");
    struct sn_record *r = open_record(g);
    text_copy(r->leader, sizeof(r->leader), leader);
    r->epoch = g->saved.config_epoch;
    addr_text(g, to, r->to, sizeof(r->to));
    sn_record_end(g, "switched");
}

/* ---- JSON ---- */

static void put_text(struct buf *b, const char *s)
{
    buf_putc(b, '"');
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\') buf_fmt(b, "\\%c", c);
        else if (c < ' ' || c == 127) buf_fmt(b, "\\u%04x", c);
        else buf_putc(b, *s);
    }
    buf_putc(b, '"');
}

static void put_field(struct buf *b, const char *name, const char *value)
{
    buf_putc(b, ',');
    put_text(b, name);
    buf_putc(b, ':');
    put_text(b, value);
}

/* Durations from one mark to the next: what a reader asks first. */
static void put_phases(struct buf *b, const struct sn_record *r)
{
    int64_t before = SN_NEVER;
    const char *sep = "";
    buf_putz(b, ",\"ms\":{");
    for (int m = 0; m < SN_MARKS; m++) {
        if (r->at[m] == SN_NEVER) continue;
        buf_fmt(b, "%s\"%s\":%lld", sep, sn_mark_name((enum sn_mark)m),
                (long long)(before == SN_NEVER ? 0 : r->at[m] - before));
        before = r->at[m];
        sep = ",";
    }
    buf_putc(b, '}');
}

void sn_record_json(const struct sn_group *g, const struct sn_record *r, struct buf *b)
{
    buf_fmt(b, "{\"number\":%llu,\"epoch\":%llu", (unsigned long long)r->number,
            (unsigned long long)r->epoch);
    put_field(b, "group", g->saved.name);
    put_field(b, "kind", r->kind);
    put_field(b, "result", r->result);
    put_field(b, "leader", r->leader);
    put_field(b, "from", r->from);
    put_field(b, "to", r->to);
    put_phases(b, r);
    buf_putz(b, ",\"votes\":{");
    for (size_t i = 0; i < r->votes.n; i++) {
        if (i) buf_putc(b, ',');
        put_text(b, r->votes.at[i].voter);
        buf_putc(b, ':');
        put_text(b, r->votes.at[i].leader);
    }
    buf_putz(b, "},\"candidates\":[");
    for (size_t i = 0; i < r->candidates.n; i++) {
        const struct sn_record_candidate *c = &r->candidates.at[i];
        buf_fmt(b, "%s{\"offset\":%lld,\"priority\":%d", i ? "," : "", (long long)c->offset,
                c->priority);
        put_field(b, "address", c->name);
        put_field(b, "verdict", c->verdict);
        buf_putc(b, '}');
    }
    buf_putz(b, "]}");
}
