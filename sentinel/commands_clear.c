/* SENTINEL EXPLAIN and SENTINEL FAILOVERS: what would happen, and what did. */
#include "core/front/client.h"
#include "core/front/reply.h"
#include "sentinel/commands.h"
#include "sentinel/explain.h"
#include "sentinel/sentinel.h"
#include "sentinel/view.h"

static const struct sn_group *group_arg(struct call *c)
{
    const struct sn_group *g = sn_group_by_name(sentinel_of(c)->core, c->argv[2]);
    if (!g) reply_error(c, "-ERR No such master with that name");
    return g;
}

void sn_cmd_explain(struct call *c)
{
    struct sn_sentences s = { 0 };
    const struct sn_group *g = group_arg(c);
    if (!g) return;
    sn_explain(g, loop_now_ms(sentinel_of(c)->loop), &s);
    reply_array(c, s.lines.n);
    for (size_t i = 0; i < s.lines.n; i++)
        reply_bulk(c, str_slice(s.lines.at[i]));
    sn_sentences_free(&s);
}

static void text(struct call *c, const char *name, const char *value)
{
    reply_bulk_z(c, name);
    reply_bulk_z(c, value);
}

/* Ages, since the reader has no other clock in common with us; -1: not reached. */
static void reply_marks(struct call *c, const struct sn_record *r)
{
    int64_t now = loop_now_ms(sentinel_of(c)->loop);
    reply_bulk_z(c, "ages");
    reply_map(c, SN_MARKS);
    for (int m = 0; m < SN_MARKS; m++) {
        reply_bulk_z(c, sn_mark_name((enum sn_mark)m));
        reply_bulk_int(c, r->at[m] == SN_NEVER ? -1 : now - r->at[m]);
    }
}

static void reply_votes(struct call *c, const struct sn_record *r)
{
    reply_bulk_z(c, "votes");
    reply_map(c, r->votes.n);
    for (size_t i = 0; i < r->votes.n; i++)
        text(c, r->votes.at[i].voter, r->votes.at[i].leader);
}

static void reply_candidates(struct call *c, const struct sn_record *r)
{
    reply_bulk_z(c, "candidates");
    reply_array(c, r->candidates.n);
    for (size_t i = 0; i < r->candidates.n; i++) {
        const struct sn_record_candidate *k = &r->candidates.at[i];
        reply_map(c, 4);
        text(c, "address", k->name);
        reply_bulk_z(c, "offset");
        reply_bulk_int(c, k->offset);
        reply_bulk_z(c, "priority");
        reply_bulk_int(c, k->priority);
        text(c, "verdict", k->verdict);
    }
}

static void reply_record(struct call *c, const struct sn_record *r)
{
    reply_map(c, 10);
    reply_bulk_z(c, "number");
    reply_bulk_int(c, (int64_t)r->number);
    reply_bulk_z(c, "epoch");
    reply_bulk_int(c, (int64_t)r->epoch);
    text(c, "kind", r->kind);
    text(c, "result", r->result[0] ? r->result : "in progress");
    text(c, "leader", r->leader);
    text(c, "from", r->from);
    text(c, "to", r->to);
    reply_marks(c, r);
    reply_votes(c, r);
    reply_candidates(c, r);
}

/* The latest first. */
void sn_cmd_failovers(struct call *c)
{
    int64_t count = SN_RECORDS_KEPT;
    const struct sn_group *g = group_arg(c);
    if (!g) return;
    if (c->argc == 5 && arg_is(c, 3, "COUNT")) {
        if (!arg_int(c, 4, &count)) return;
    } else if (c->argc != 3) {
        reply_syntax_error(c);
        return;
    }
    size_t n = g->history.records.n, most = count < 0 ? 0 : (uint64_t)count < n ? (size_t)count : n;
    reply_array(c, most);
    for (size_t i = 0; i < most; i++)
        reply_record(c, &g->history.records.at[n - 1 - i]);
}
