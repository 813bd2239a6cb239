#include "core/base/mem.h"
#include "tests/sim/check.h"
#include "tests/sim/data.h"

/* A history as the judge knows it: which one it continues, and from where. */
struct lineage {
    char id[REPLID_LEN + 1];
    int parent; /* -1: none */
    int64_t from;
};

/* What the bytes and the data are at a position. Open addressing, doubled when half full. */
struct point {
    int64_t offset;
    uint64_t stream, data;
    int id; /* -1: free */
};

struct check_data {
    VEC(struct lineage) ids;
    struct point *points;
    size_t used, cap;
};

struct check_data *check_data_new(void) { return mem_zalloc(sizeof(struct check_data)); }

void check_data_free(struct check_data *k)
{
    vec_free(&k->ids);
    mem_free(k->points);
    mem_free(k);
}

static int find_id(const struct check_data *k, const char *id)
{
    for (size_t i = k->ids.n; i-- > 0;)
        if (memcmp(k->ids.at[i].id, id, REPLID_LEN) == 0) return (int)i;
    return -1;
}

static int make_id(struct check_data *k, const char *id, int parent, int64_t from)
{
    int at = find_id(k, id);
    if (at >= 0) return at;
    struct lineage l = { .parent = parent, .from = from };
    text_copy(l.id, sizeof(l.id), id);
    vec_push(&k->ids, l);
    return (int)k->ids.n - 1;
}

static struct point *slot_of(struct point *points, size_t cap, int id, int64_t offset)
{
    size_t i = ((uint64_t)offset * 31 + (uint64_t)id) * 0x9e3779b97f4a7c15u >> 20 & (cap - 1);
    while (points[i].id >= 0 && (points[i].id != id || points[i].offset != offset))
        i = (i + 1) & (cap - 1);
    return &points[i];
}

static void grow(struct check_data *k)
{
    size_t cap = k->cap ? k->cap * 2 : 1024;
    struct point *fresh = mem_alloc(cap * sizeof(*fresh));
    for (size_t i = 0; i < cap; i++)
        fresh[i].id = -1;
    for (size_t i = 0; i < k->cap; i++)
        if (k->points[i].id >= 0)
            *slot_of(fresh, cap, k->points[i].id, k->points[i].offset) = k->points[i];
    mem_free(k->points);
    k->points = fresh;
    k->cap = cap;
}

/* R1 and R2: the first to reach a position says what it holds; all others must agree. */
void check_data_at(struct node *n, const char *replid, int64_t offset, uint64_t stream,
                   uint64_t data)
{
    struct check_data *k = n->sim->check->data;
    if (k->used * 2 >= k->cap) grow(k);
    int id = make_id(k, replid, -1, 0);
    struct point *p = slot_of(k->points, k->cap, id, offset);
    if (p->id < 0) {
        *p = (struct point){ .id = id, .offset = offset, .stream = stream, .data = data };
        k->used++;
        return;
    }
    if (p->stream != stream)
        sim_fail(n->sim, "R1", "%s has other bytes at %.8s:%lld than the node that was there first",
                 n->name, replid, (long long)offset);
    if (p->data != data)
        sim_fail(n->sim, "R2", "%s has other data at %.8s:%lld than the node that was there first",
                 n->name, replid, (long long)offset);
}

void check_data_born(struct node *n, const char *replid, const char *parent, int64_t offset)
{
    struct check_data *k = n->sim->check->data;
    int up = parent[0] ? find_id(k, parent) : -1;
    make_id(k, replid, up, offset);
}

/* The point of a history or, before its beginning, of the one that it continues. */
static const struct point *find_point(const struct check_data *k, int id, int64_t offset)
{
    while (id >= 0 && k->cap) {
        const struct point *p = slot_of(k->points, k->cap, id, offset);
        if (p->id >= 0) return p;
        if (offset > k->ids.at[id].from) return NULL;
        id = k->ids.at[id].parent;
    }
    return NULL;
}

void check_data_grant(struct node *master, const char *replid, int64_t offset, struct node *replica,
                      uint64_t stream)
{
    struct check_data *k = master->sim->check->data;
    const struct point *p = find_point(k, find_id(k, replid), offset);
    if (!p)
        sim_fail(master->sim, "R3", "%s continues %s at %.8s:%lld, which nobody has ever reached",
                 master->name, replica->name, replid, (long long)offset);
    else if (p->stream != stream)
        sim_fail(master->sim, "R3", "%s continues %s at %.8s:%lld, but its bytes are others",
                 master->name, replica->name, replid, (long long)offset);
}

/* --- R4 --- */

static void check_blocks(struct node *n, const struct feed *f)
{
    int64_t held = 0, away = 0, next = f->end - f->held + 1;
    size_t room = 0;
    for (size_t i = f->head; i < f->blocks.n; i++) {
        const struct feed_block *b = f->blocks.at[i];
        if (b->first != next && b->used)
            sim_fail(n->sim, "R4", "%s: a block begins at %lld, expected %lld", n->name,
                     (long long)b->first, (long long)next);
        held += b->used;
        next = b->first + b->used;
        room += sizeof(*b) + (b->bytes ? b->cap : 0);
        if (!b->bytes) away += b->used;
        if (!b->bytes && !b->stored)
            sim_fail(n->sim, "R4", "%s: the block at %lld is nowhere", n->name,
                     (long long)b->first);
    }
    if (held != f->held)
        sim_fail(n->sim, "R4", "%s: the feed says that it holds %lld bytes, it holds %lld", n->name,
                 (long long)f->held, (long long)held);
    if (away != f->away)
        sim_fail(n->sim, "R4", "%s: the feed says that %lld bytes are away, it is %lld", n->name,
                 (long long)f->away, (long long)away);
    if (feed_mem(f) < room)
        sim_fail(n->sim, "R4", "%s: the feed's memory is %zu, it says %zu", n->name, room,
                 feed_mem(f));
}

void check_feed(struct node *n)
{
    struct data *d = data_of(n);
    const struct feed *f = &d->feed;
    int cursors = 0;
    if (n->sim->stop) return;
    check_blocks(n, f);
    for (struct dconn *c = d->conns; c; c = c->next) {
        if (!c->cursor.feed) continue;
        cursors++;
        if ((c->cursor.next < feed_first(f) && !cursor_lost(&c->cursor)) ||
            c->cursor.next > feed_end(f) + 1)
            sim_fail(n->sim, "R4", "%s: a cursor needs byte %lld, held are %lld..%lld", n->name,
                     (long long)c->cursor.next, (long long)feed_first(f), (long long)feed_end(f));
    }
    if (cursors != f->cursors)
        sim_fail(n->sim, "R4", "%s: %d cursors, the feed knows of %d", n->name, cursors,
                 f->cursors);
    if (d->link.state == LINK_STREAM && !d->link.legacy && d->link.offset != feed_end(f))
        sim_fail(n->sim, "R2", "%s has applied %lld bytes, its own feed ends at %lld", n->name,
                 (long long)d->link.offset, (long long)feed_end(f));
}
