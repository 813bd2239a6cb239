#include "core/types/idmap.h"

#include "core/base/mem.h"
#include "core/base/must.h"

#define LEAF_SMALL 4                    /* room of a map's first leaf: most maps stay tiny */
#define LEAF_POOR (IDMAP_LEAF / 4)      /* with fewer ids a leaf looks for a neighbour to join */
#define LEAF_JOINED (IDMAP_LEAF * 3 / 4) /* joined leaves keep room, else they would split again */

struct item {
    struct stream_id id;
    void *ptr;
};

struct idmap_leaf {
    uint32_t n, cap;
    struct item at[];
};

static struct idmap_leaf *leaf_new(uint32_t cap)
{
    struct idmap_leaf *l = mem_alloc(sizeof(*l) + cap * sizeof(struct item));
    l->n = 0;
    l->cap = cap;
    return l;
}

/* --- search ------------------------------------------------------------------------------- */

/* The leaf that may hold the id: the last that does not begin above it; 0 if all do. */
static size_t leaf_of(const struct idmap *m, struct stream_id id)
{
    size_t lo = 0, hi = m->n; /* the answer + 1 is in (lo, hi] */
    if (hi && stream_id_cmp(m->at[hi - 1].first, id) <= 0) return hi - 1;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (stream_id_cmp(m->at[mid].first, id) <= 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo ? lo - 1 : 0;
}

/* How many ids of the leaf are below. */
static uint32_t below(const struct idmap_leaf *l, struct stream_id id)
{
    uint32_t lo = 0, hi = l->n;
    if (hi && stream_id_cmp(l->at[hi - 1].id, id) < 0) return hi;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (stream_id_cmp(l->at[mid].id, id) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool stands_at(const struct idmap_leaf *l, uint32_t i, struct stream_id id)
{
    return i < l->n && stream_id_cmp(l->at[i].id, id) == 0;
}

void **idmap_find(const struct idmap *m, struct stream_id id)
{
    if (!m->n) return NULL;
    struct idmap_leaf *l = m->at[leaf_of(m, id)].leaf;
    uint32_t i = below(l, id);
    return stands_at(l, i, id) ? &l->at[i].ptr : NULL;
}

/* --- change ------------------------------------------------------------------------------- */

static void put_leaf(struct idmap *m, size_t i, struct idmap_leaf *l, struct stream_id first)
{
    if (m->n == m->cap) {
        m->cap = m->cap ? m->cap * 2 : 1;
        m->at = mem_realloc(m->at, m->cap * sizeof(*m->at));
    }
    memmove(m->at + i + 1, m->at + i, (m->n - i) * sizeof(*m->at));
    m->at[i] = (struct idmap_top){ first, l };
    m->n++;
}

static void drop_leaf(struct idmap *m, size_t i)
{
    mem_free(m->at[i].leaf);
    m->n--;
    memmove(m->at + i, m->at + i + 1, (m->n - i) * sizeof(*m->at));
    if (m->n) {
        if (m->cap > 8 && m->n < m->cap / 4) {
            m->cap /= 2;
            m->at = mem_realloc(m->at, m->cap * sizeof(*m->at));
        }
        return;
    }
    mem_free(m->at);
    m->at = NULL;
    m->cap = 0;
}

/* Room in the full leaf i for an id at place *at: a new leaf when it comes at the very end, else
 * the upper half moves out. */
static size_t split(struct idmap *m, size_t i, uint32_t *at, struct stream_id id)
{
    struct idmap_leaf *l = m->at[i].leaf, *more = leaf_new(IDMAP_LEAF);
    if (i + 1 == m->n && *at == l->n) {
        put_leaf(m, i + 1, more, id);
        *at = 0;
        return i + 1;
    }
    uint32_t half = l->n / 2;
    more->n = l->n - half;
    memcpy(more->at, l->at + half, more->n * sizeof(struct item));
    l->n = half;
    put_leaf(m, i + 1, more, more->at[0].id);
    if (*at <= half) return i;
    *at -= half;
    return i + 1;
}

static size_t make_room(struct idmap *m, size_t i, uint32_t *at, struct stream_id id)
{
    struct idmap_leaf *l = m->at[i].leaf;
    if (l->n < l->cap) return i;
    if (l->cap == IDMAP_LEAF) return split(m, i, at, id);
    l->cap *= 2;
    m->at[i].leaf = mem_realloc(l, sizeof(*l) + l->cap * sizeof(struct item));
    return i;
}

void **idmap_add(struct idmap *m, struct stream_id id, bool *there)
{
    if (!m->n) put_leaf(m, 0, leaf_new(LEAF_SMALL), id);
    size_t i = leaf_of(m, id);
    uint32_t at = below(m->at[i].leaf, id);
    *there = stands_at(m->at[i].leaf, at, id);
    if (*there) return &m->at[i].leaf->at[at].ptr;
    i = make_room(m, i, &at, id);
    struct idmap_leaf *l = m->at[i].leaf;
    memmove(l->at + at + 1, l->at + at, (l->n - at) * sizeof(struct item));
    l->at[at] = (struct item){ id, NULL };
    l->n++;
    m->count++;
    if (!at) m->at[i].first = id;
    return &l->at[at].ptr;
}

/* Moves the ids of leaf i + 1 into leaf i if few enough. */
static void join(struct idmap *m, size_t i)
{
    if (i + 1 >= m->n) return;
    struct idmap_leaf *a = m->at[i].leaf, *b = m->at[i + 1].leaf;
    if (a->n + b->n > LEAF_JOINED) return;
    if (a->cap < IDMAP_LEAF) {
        a = m->at[i].leaf = mem_realloc(a, sizeof(*a) + IDMAP_LEAF * sizeof(struct item));
        a->cap = IDMAP_LEAF;
    }
    memcpy(a->at + a->n, b->at, b->n * sizeof(struct item));
    a->n += b->n;
    drop_leaf(m, i + 1);
}

void *idmap_remove(struct idmap *m, struct stream_id id)
{
    if (!m->n) return NULL;
    size_t i = leaf_of(m, id);
    struct idmap_leaf *l = m->at[i].leaf;
    uint32_t at = below(l, id);
    if (!stands_at(l, at, id)) return NULL;
    void *ptr = l->at[at].ptr;
    l->n--;
    m->count--;
    memmove(l->at + at, l->at + at + 1, (l->n - at) * sizeof(struct item));
    if (!l->n) {
        drop_leaf(m, i);
        return ptr;
    }
    if (!at) m->at[i].first = l->at[0].id;
    if (l->n < LEAF_POOR) {
        join(m, i);
        if (i) join(m, i - 1);
    }
    return ptr;
}

void idmap_free(struct idmap *m)
{
    for (size_t i = 0; i < m->n; i++) mem_free(m->at[i].leaf);
    mem_free(m->at);
    *m = (struct idmap){ 0 };
}

size_t idmap_mem(const struct idmap *m)
{
    size_t n = m->at ? mem_size(m->at) : 0;
    for (size_t i = 0; i < m->n; i++) n += mem_size(m->at[i].leaf);
    return n;
}

/* --- walking ------------------------------------------------------------------------------ */

struct idmap_pos idmap_first(const struct idmap *m) { return (struct idmap_pos){ m, 0, 0 }; }

static struct idmap_pos nowhere(const struct idmap *m) { return (struct idmap_pos){ m, m->n, 0 }; }

struct idmap_pos idmap_last(const struct idmap *m)
{
    if (!m->n) return nowhere(m);
    return (struct idmap_pos){ m, m->n - 1, m->at[m->n - 1].leaf->n - 1 };
}

struct idmap_pos idmap_from(const struct idmap *m, struct stream_id id)
{
    if (!m->n) return nowhere(m);
    struct idmap_pos p = { m, leaf_of(m, id), 0 };
    p.i = below(m->at[p.leaf].leaf, id);
    if (p.i == m->at[p.leaf].leaf->n) {
        p.leaf++;
        p.i = 0;
    }
    return p;
}

struct idmap_pos idmap_upto(const struct idmap *m, struct stream_id id)
{
    struct idmap_pos p = idmap_from(m, id);
    if (idmap_is(&p) && stream_id_cmp(idmap_id(&p), id) == 0) return p;
    if (!m->n || (!p.leaf && !p.i)) return nowhere(m);
    idmap_back(&p);
    return p;
}

struct stream_id idmap_id(const struct idmap_pos *p)
{
    return p->m->at[p->leaf].leaf->at[p->i].id;
}

void **idmap_slot(const struct idmap_pos *p) { return &p->m->at[p->leaf].leaf->at[p->i].ptr; }

void idmap_step(struct idmap_pos *p)
{
    if (++p->i < p->m->at[p->leaf].leaf->n) return;
    p->leaf++;
    p->i = 0;
}

void idmap_back(struct idmap_pos *p)
{
    if (p->i) {
        p->i--;
    } else if (p->leaf) {
        p->leaf--;
        p->i = p->m->at[p->leaf].leaf->n - 1;
    } else {
        *p = nowhere(p->m);
    }
}
