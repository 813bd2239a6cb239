#include "core/types/stream_group.h"

#include "core/base/mem.h"
#include "core/base/must.h"

/* --- names -------------------------------------------------------------------------------- */

/* The place of a name among n things that begin with their name; *there: it is there. */
static size_t place_of(void *const *at, size_t n, struct slice name, bool *there)
{
    size_t lo = 0, hi = n;
    *there = false;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int cmp = slice_cmp(str_slice(*(const struct str *)at[mid]), name);
        if (cmp == 0) {
            *there = true;
            return mid;
        }
        if (cmp < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static size_t group_place(const struct stream *s, struct slice name, bool *there)
{
    return place_of((void *const *)s->groups.at, s->groups.n, name, there);
}

static size_t consumer_place(const struct stream_group *g, struct slice name, bool *there)
{
    return place_of((void *const *)g->consumers.at, g->consumers.n, name, there);
}

/* --- groups ------------------------------------------------------------------------------- */

struct stream_group *stream_group_find(const struct stream *s, struct slice name)
{
    bool there;
    size_t i = group_place(s, name, &there);
    return there ? s->groups.at[i] : NULL;
}

static struct stream_group *group_make(struct slice name, struct stream_id last_id,
                                       int64_t entries_read)
{
    struct stream_group *g = mem_zalloc(sizeof(*g));
    g->name = str_new(name);
    g->last_id = last_id;
    g->entries_read = entries_read;
    return g;
}

struct stream_group *stream_group_add(struct stream *s, struct slice name, struct stream_id last_id,
                                      int64_t entries_read)
{
    bool there;
    size_t i = group_place(s, name, &there);
    if (there) return NULL;
    struct stream_group *g = group_make(name, last_id, entries_read);
    vec_insert(&s->groups, i, g);
    return g;
}

static void consumer_free(struct stream_consumer *c)
{
    str_free(&c->name);
    idmap_free(&c->pending);
    mem_free(c);
}

void stream_group_free(struct stream_group *g)
{
    struct idmap_pos pos = idmap_first(&g->pending);
    for (; idmap_is(&pos); idmap_step(&pos)) mem_free(stream_pending_at(&pos));
    idmap_free(&g->pending);
    for (size_t i = 0; i < g->consumers.n; i++) consumer_free(g->consumers.at[i]);
    vec_free(&g->consumers);
    str_free(&g->name);
    mem_free(g);
}

void stream_group_remove(struct stream *s, struct stream_group *g)
{
    bool there;
    size_t i = group_place(s, str_slice(g->name), &there);
    must(there);
    vec_remove(&s->groups, i);
    stream_group_free(g);
}

struct stream_group *stream_group_copy(const struct stream_group *from)
{
    struct stream_group *g = group_make(str_slice(from->name), from->last_id, from->entries_read);
    for (size_t i = 0; i < from->consumers.n; i++) {
        const struct stream_consumer *c = from->consumers.at[i];
        struct stream_consumer *copy = stream_consumer_add(g, str_slice(c->name), c->seen_ms);
        struct idmap_pos pos = idmap_first(&c->pending);
        for (; idmap_is(&pos); idmap_step(&pos)) {
            const struct stream_pending *p = stream_pending_at(&pos);
            struct stream_id id = idmap_id(&pos);
            stream_pending_move(stream_pending_add(g, id, p->delivered_ms, p->deliveries), id,
                                copy);
        }
    }
    return g;
}

size_t stream_group_mem(const struct stream_group *g)
{
    size_t n = mem_size(g) + mem_size(g->name.p) + idmap_mem(&g->pending);
    if (g->consumers.at) n += mem_size(g->consumers.at);
    for (size_t i = 0; i < g->consumers.n; i++) {
        const struct stream_consumer *c = g->consumers.at[i];
        n += mem_size(c) + mem_size(c->name.p) + idmap_mem(&c->pending);
    }
    struct idmap_pos pos = idmap_first(&g->pending);
    if (idmap_is(&pos)) n += g->pending.count * mem_size(stream_pending_at(&pos));
    return n;
}

void stream_group_advance(const struct stream *s, struct stream_group *g, struct stream_id id)
{
    if (g->entries_read != STREAM_UNKNOWN && !stream_has_holes(s, id))
        g->entries_read++;
    else if (s->added)
        g->entries_read = stream_rank(s, id);
    g->last_id = id;
}

bool stream_group_lag(const struct stream *s, const struct stream_group *g, int64_t *lag)
{
    int64_t read = g->entries_read;
    *lag = 0;
    if (!s->added) return true;
    if (read == STREAM_UNKNOWN || stream_has_holes(s, g->last_id))
        read = stream_rank(s, g->last_id);
    if (read == STREAM_UNKNOWN) return false;
    *lag = (int64_t)(s->added - (uint64_t)read);
    return true;
}

/* --- consumers ---------------------------------------------------------------------------- */

struct stream_consumer *stream_consumer_find(const struct stream_group *g, struct slice name)
{
    bool there;
    size_t i = consumer_place(g, name, &there);
    return there ? g->consumers.at[i] : NULL;
}

struct stream_consumer *stream_consumer_add(struct stream_group *g, struct slice name,
                                            int64_t now_ms)
{
    bool there;
    size_t i = consumer_place(g, name, &there);
    if (there) return NULL;
    struct stream_consumer *c = mem_zalloc(sizeof(*c));
    c->name = str_new(name);
    c->seen_ms = now_ms;
    vec_insert(&g->consumers, i, c);
    return c;
}

void stream_consumer_remove(struct stream_group *g, struct stream_consumer *c)
{
    bool there;
    size_t i = consumer_place(g, str_slice(c->name), &there);
    must(there);
    struct idmap_pos pos = idmap_first(&c->pending);
    for (; idmap_is(&pos); idmap_step(&pos)) mem_free(idmap_remove(&g->pending, idmap_id(&pos)));
    vec_remove(&g->consumers, i);
    consumer_free(c);
}

/* --- pending entries ---------------------------------------------------------------------- */

struct stream_pending *stream_pending_find(const struct stream_group *g, struct stream_id id)
{
    void **slot = idmap_find(&g->pending, id);
    return slot ? *slot : NULL;
}

struct stream_pending *stream_pending_add(struct stream_group *g, struct stream_id id,
                                          int64_t delivered_ms, uint64_t deliveries)
{
    bool there;
    void **slot = idmap_add(&g->pending, id, &there);
    if (there) return NULL;
    struct stream_pending *p = *slot = mem_zalloc(sizeof(*p));
    p->delivered_ms = delivered_ms;
    p->deliveries = deliveries;
    return p;
}

void stream_pending_move(struct stream_pending *p, struct stream_id id, struct stream_consumer *to)
{
    bool there;
    if (p->consumer == to) return;
    if (p->consumer) idmap_remove(&p->consumer->pending, id);
    *idmap_add(&to->pending, id, &there) = p;
    p->consumer = to;
}

struct stream_pending *stream_pending_deliver(struct stream_group *g, struct stream_consumer *c,
                                              struct stream_id id, int64_t now_ms)
{
    struct stream_pending *p = stream_pending_add(g, id, now_ms, 1);
    if (!p) {
        p = stream_pending_find(g, id);
        p->delivered_ms = now_ms;
        p->deliveries = 1;
    }
    stream_pending_move(p, id, c);
    return p;
}

bool stream_pending_remove(struct stream_group *g, struct stream_id id)
{
    struct stream_pending *p = idmap_remove(&g->pending, id);
    if (!p) return false;
    if (p->consumer) idmap_remove(&p->consumer->pending, id);
    mem_free(p);
    return true;
}
