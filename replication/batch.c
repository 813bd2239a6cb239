#include "replication/batch.h"

bool batch_takes(const struct peer *p, enum batch_form form)
{
    if (p->state != PEER_WANTS || p->no_data) return false;
    return form == BATCH_FILE || (form == BATCH_PIPE && (p->capa & CAPA_EOF));
}

/* The oldest that waits decides for all: who can read its form shares it. */
static enum batch_form form_of(const struct peer *p, const struct batch_settings *s)
{
    return s->diskless && (p->capa & CAPA_EOF) ? BATCH_PIPE : BATCH_FILE;
}

static const struct peer *oldest(struct peer *const *peers, int n, int *waiting)
{
    const struct peer *first = NULL;
    for (int i = 0; i < n; i++) {
        if (peers[i]->state != PEER_WANTS || peers[i]->no_data) continue;
        (*waiting)++;
        if (first == NULL || peers[i]->wants_since_ms < first->wants_since_ms) first = peers[i];
    }
    return first;
}

struct batch_plan batch_plan(struct peer *const *peers, int n, const struct batch_settings *s,
                             int64_t now_ms)
{
    int waiting = 0;
    const struct peer *first = oldest(peers, n, &waiting);
    if (first == NULL) return (struct batch_plan){ BATCH_NONE, INT64_MAX };
    enum batch_form form = form_of(first, s);
    int64_t due = first->wants_since_ms + s->delay_ms;
    if (s->expected == 0) due = now_ms;
    bool full = s->max_replicas > 0 && waiting >= s->max_replicas;
    if (form == BATCH_FILE || full || now_ms >= due) return (struct batch_plan){ form, now_ms };
    return (struct batch_plan){ BATCH_NONE, due };
}

const struct peer *batch_join(struct peer *const *peers, int n, const struct peer *newcomer)
{
    if (newcomer->no_data) return NULL;
    for (int i = 0; i < n; i++) {
        const struct peer *p = peers[i];
        if (p == newcomer || p->state != PEER_WAITS || p->pipe) continue;
        if ((p->capa & ~newcomer->capa & CAPA_EOF) == 0) return p;
    }
    return NULL;
}
