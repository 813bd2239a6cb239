#include "core/types/ztree.h"

#include "core/base/mem.h"
#include "core/base/must.h"

/* Nodes are sized for the allocator: a leaf of 512 bytes, an inner node of 1 KiB. Larger ones make
 * an insertion move more bytes, smaller ones make the tree higher; see docs/decisions/0010. */
#define LEAF_MAX 31
#define INNER_MAX 31
#define SPARSE 8 /* a node below this joins a neighbour if both fit into one */

struct leaf {
    int n;
    double score[LEAF_MAX];
    struct zmember *member[LEAF_MAX];
};

struct child {
    double score; /* of the least member below */
    const struct zmember *least;
    void *node;
    size_t count;
};

struct inner {
    int n;
    struct child child[INNER_MAX];
};

/* ---- members ---- */

#define LONG_NAME 255

struct zmember *zmember_new(double score, struct slice name)
{
    size_t head = name.n < LONG_NAME ? 1 : 9;
    struct zmember *m = mem_alloc(sizeof(*m) + head + name.n);
    m->score = score;
    m->name[0] = (unsigned char)(head == 1 ? name.n : LONG_NAME);
    if (head > 1) memcpy(m->name + 1, &name.n, 8);
    if (name.n) memcpy(m->name + head, name.p, name.n);
    return m;
}

void zmember_free(struct zmember *m) { mem_free(m); }

struct slice zmember_name(const struct zmember *m)
{
    size_t n = m->name[0];
    if (__builtin_expect(n < LONG_NAME, 1)) return slice_of((const char *)m->name + 1, n);
    memcpy(&n, m->name + 1, 8);
    return slice_of((const char *)m->name + 9, n);
}

/* ---- search ---- */

static bool is_before(const struct ztree_place *p, double score, const struct zmember *m)
{
    if (p->by != ZTREE_BY_NAME) {
        if (score < p->score) return true;
        if (score > p->score) return false;
        if (p->by == ZTREE_BY_SCORE) return p->after;
    }
    int c = slice_cmp(zmember_name(m), p->name);
    return p->after ? c <= 0 : c < 0;
}

/* How many of the leaf stand before the place. */
static int leaf_search(const struct leaf *l, const struct ztree_place *p)
{
    int from = 0, to = l->n;
    while (from < to) {
        int mid = (from + to) / 2;
        if (is_before(p, l->score[mid], l->member[mid]))
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

/* The child to go on with: the last whose least member stands before the place, or the first. */
static int inner_search(const struct inner *n, const struct ztree_place *p)
{
    int from = 1, to = n->n;
    while (from < to) {
        int mid = (from + to) / 2;
        if (is_before(p, n->child[mid].score, n->child[mid].least))
            from = mid + 1;
        else
            to = mid;
    }
    return from - 1;
}

static struct ztree_place place_of(const struct zmember *m)
{
    return (struct ztree_place){ .by = ZTREE_BY_BOTH, .score = m->score, .name = zmember_name(m),
                                 .after = true };
}

size_t ztree_rank(const struct ztree *t, const struct ztree_place *p)
{
    if (!t->root) return 0;
    const void *node = t->root;
    size_t before = 0;
    for (unsigned h = t->height; h > 0; h--) {
        const struct inner *n = node;
        int at = inner_search(n, p);
        for (int i = 0; i < at; i++) before += n->child[i].count;
        node = n->child[at].node;
    }
    return before + (size_t)leaf_search(node, p);
}

/* ---- sums ---- */

static size_t node_count(const void *node, unsigned height)
{
    if (height == 0) return (size_t)((const struct leaf *)node)->n;
    const struct inner *n = node;
    size_t sum = 0;
    for (int i = 0; i < n->n; i++) sum += n->child[i].count;
    return sum;
}

size_t ztree_count(const struct ztree *t) { return t->root ? node_count(t->root, t->height) : 0; }

/* What a parent says of a node. */
static struct child describe(void *node, unsigned height)
{
    struct child c = { .node = node, .count = node_count(node, height) };
    if (height == 0) {
        const struct leaf *l = node;
        c.score = l->score[0];
        c.least = l->member[0];
    } else {
        c.score = ((const struct inner *)node)->child[0].score;
        c.least = ((const struct inner *)node)->child[0].least;
    }
    return c;
}

/* ---- adding ---- */

static void leaf_insert(struct leaf *l, int at, struct zmember *m)
{
    size_t behind = (size_t)(l->n - at);
    memmove(l->score + at + 1, l->score + at, behind * sizeof(l->score[0]));
    memmove(l->member + at + 1, l->member + at, behind * sizeof(l->member[0]));
    l->score[at] = m->score;
    l->member[at] = m;
    l->n++;
}

static void inner_insert(struct inner *n, int at, struct child c)
{
    memmove(n->child + at + 1, n->child + at, (size_t)(n->n - at) * sizeof(c));
    n->child[at] = c;
    n->n++;
}

/* Moves what is at `from` and behind it to a new leaf. */
static struct leaf *leaf_split(struct leaf *l, int from)
{
    struct leaf *right = mem_alloc(sizeof(*right));
    right->n = l->n - from;
    memcpy(right->score, l->score + from, (size_t)right->n * sizeof(l->score[0]));
    memcpy(right->member, l->member + from, (size_t)right->n * sizeof(l->member[0]));
    l->n = from;
    return right;
}

static struct inner *inner_split(struct inner *n, int from)
{
    struct inner *right = mem_alloc(sizeof(*right));
    right->n = n->n - from;
    memcpy(right->child, n->child + from, (size_t)right->n * sizeof(n->child[0]));
    n->n = from;
    return right;
}

/* Which ends of the whole tree the node lies at. */
struct edge {
    bool first, last;
};

/* Where a full node is split when `at` is where the new thing goes. At the tree's ends the old node
 * stays (nearly) full: members that come in order, as from a snapshot, then fill all nodes. */
static int split_point(int at, int n, struct edge e)
{
    if (e.last && at == n) return n;
    if (e.first && at == 0) return 0;
    return (n + 1) / 2;
}

/* Both give the new right neighbour of the node, or NULL. */
static void *leaf_add(struct leaf *l, const struct ztree_place *p, struct zmember *m, struct edge e)
{
    int at = leaf_search(l, p);
    if (l->n < LEAF_MAX) {
        leaf_insert(l, at, m);
        return NULL;
    }
    int split = split_point(at, l->n, e);
    struct leaf *right = leaf_split(l, split);
    if (at < split || split == 0)
        leaf_insert(l, at, m);
    else
        leaf_insert(right, at - split, m);
    return right;
}

static void *node_add(void *node, unsigned h, const struct ztree_place *p, struct zmember *m,
                      struct edge e)
{
    if (h == 0) return leaf_add(node, p, m, e);
    struct inner *n = node;
    int at = inner_search(n, p);
    struct edge below = { e.first && at == 0, e.last && at == n->n - 1 };
    void *grown = node_add(n->child[at].node, h - 1, p, m, below);
    if (!grown) {
        n->child[at].count++;
        if (at == 0) n->child[0] = describe(n->child[0].node, h - 1);
        return NULL;
    }
    n->child[at] = describe(n->child[at].node, h - 1);
    struct child c = describe(grown, h - 1);
    if (n->n < INNER_MAX) {
        inner_insert(n, at + 1, c);
        return NULL;
    }
    int split = split_point(at + 1, n->n, e);
    struct inner *right = inner_split(n, split);
    if (at + 1 <= split && split < INNER_MAX)
        inner_insert(n, at + 1, c);
    else
        inner_insert(right, at + 1 - split, c);
    return right;
}

void ztree_add(struct ztree *t, struct zmember *m)
{
    if (!t->root) {
        struct leaf *l = mem_alloc(sizeof(*l));
        l->n = 0;
        t->root = l;
        t->height = 0;
    }
    struct ztree_place p = place_of(m);
    void *grown = node_add(t->root, t->height, &p, m, (struct edge){ true, true });
    if (!grown) return;
    must(t->height + 1 < ZTREE_LEVELS);
    struct inner *root = mem_alloc(sizeof(*root));
    root->n = 2;
    root->child[0] = describe(t->root, t->height);
    root->child[1] = describe(grown, t->height);
    t->root = root;
    t->height++;
}

/* ---- removing ---- */

static void leaf_remove(struct leaf *l, const struct zmember *m, const struct ztree_place *p)
{
    int at = leaf_search(l, p) - 1;
    must(at >= 0 && l->member[at] == m);
    size_t behind = (size_t)(l->n - at - 1);
    memmove(l->score + at, l->score + at + 1, behind * sizeof(l->score[0]));
    memmove(l->member + at, l->member + at + 1, behind * sizeof(l->member[0]));
    l->n--;
}

static int size_of(const void *node, unsigned h)
{
    return h == 0 ? ((const struct leaf *)node)->n : ((const struct inner *)node)->n;
}

static void append(void *to, const void *from, unsigned h)
{
    if (h == 0) {
        struct leaf *a = to;
        const struct leaf *b = from;
        memcpy(a->score + a->n, b->score, (size_t)b->n * sizeof(a->score[0]));
        memcpy(a->member + a->n, b->member, (size_t)b->n * sizeof(a->member[0]));
        a->n += b->n;
    } else {
        struct inner *a = to;
        const struct inner *b = from;
        memcpy(a->child + a->n, b->child, (size_t)b->n * sizeof(a->child[0]));
        a->n += b->n;
    }
}

static void drop_child(struct inner *n, int at)
{
    n->n--;
    memmove(n->child + at, n->child + at + 1, (size_t)(n->n - at) * sizeof(n->child[0]));
}

/* Joins children `at` and `at + 1` if they fit into one. */
static bool join(struct inner *n, int at, unsigned h)
{
    if (at < 0 || at + 1 >= n->n) return false;
    void *a = n->child[at].node, *b = n->child[at + 1].node;
    if (size_of(a, h) + size_of(b, h) > (h == 0 ? LEAF_MAX : INNER_MAX)) return false;
    append(a, b, h);
    mem_free(b);
    n->child[at] = describe(a, h);
    drop_child(n, at + 1);
    return true;
}

static void node_remove(void *node, unsigned h, const struct zmember *m,
                        const struct ztree_place *p)
{
    if (h == 0) {
        leaf_remove(node, m, p);
        return;
    }
    struct inner *n = node;
    int at = inner_search(n, p);
    void *below = n->child[at].node;
    node_remove(below, h - 1, m, p);
    int left = size_of(below, h - 1);
    if (left == 0) {
        mem_free(below);
        drop_child(n, at);
        return;
    }
    if (n->child[at].least == m)
        n->child[at] = describe(below, h - 1);
    else
        n->child[at].count--;
    if (left < SPARSE && !join(n, at - 1, h - 1)) join(n, at, h - 1);
}

void ztree_remove(struct ztree *t, const struct zmember *m)
{
    struct ztree_place p = place_of(m);
    must(t->root);
    node_remove(t->root, t->height, m, &p);
    while (t->root && size_of(t->root, t->height) <= (t->height ? 1 : 0)) {
        void *old = t->root;
        bool empty = size_of(old, t->height) == 0;
        t->root = empty ? NULL : ((struct inner *)old)->child[0].node;
        t->height = empty ? 0 : t->height - 1;
        mem_free(old);
    }
}

/* ---- places by rank ---- */

struct zmember *ztree_at(const struct ztree *t, size_t rank)
{
    struct ztree_cursor c;
    ztree_seek(t, rank, &c);
    return ztree_here(&c);
}

void ztree_seek(const struct ztree *t, size_t rank, struct ztree_cursor *c)
{
    const void *node = t->root;
    must(node);
    c->height = t->height;
    for (unsigned h = t->height; h > 0; h--) {
        const struct inner *n = node;
        int at = 0;
        while (at < n->n - 1 && rank >= n->child[at].count) rank -= n->child[at++].count;
        c->node[h] = node;
        c->at[h] = at;
        node = n->child[at].node;
    }
    must(rank < (size_t)((const struct leaf *)node)->n);
    c->node[0] = node;
    c->at[0] = (int)rank;
}

struct zmember *ztree_here(const struct ztree_cursor *c)
{
    return ((const struct leaf *)c->node[0])->member[c->at[0]];
}

static bool can_step(const struct ztree_cursor *c, unsigned h, int step)
{
    int to = c->at[h] + step;
    return to >= 0 && to < size_of(c->node[h], h);
}

/* One step further up, then down along the near edge. */
static bool climb(struct ztree_cursor *c, int step)
{
    unsigned h = 1;
    while (h <= c->height && !can_step(c, h, step)) h++;
    if (h > c->height) return false;
    c->at[h] += step;
    for (; h > 0; h--) {
        const void *below = ((const struct inner *)c->node[h])->child[c->at[h]].node;
        c->node[h - 1] = below;
        c->at[h - 1] = step > 0 ? 0 : size_of(below, h - 1) - 1;
    }
    return true;
}

bool ztree_next(struct ztree_cursor *c)
{
    if (c->at[0] + 1 >= ((const struct leaf *)c->node[0])->n) return climb(c, 1);
    c->at[0]++;
    return true;
}

bool ztree_prev(struct ztree_cursor *c)
{
    if (c->at[0] == 0) return climb(c, -1);
    c->at[0]--;
    return true;
}

/* ---- the whole ---- */

static void node_free(void *node, unsigned h)
{
    if (h > 0) {
        struct inner *n = node;
        for (int i = 0; i < n->n; i++) node_free(n->child[i].node, h - 1);
    }
    mem_free(node);
}

void ztree_free(struct ztree *t)
{
    if (t->root) node_free(t->root, t->height);
    t->root = NULL;
    t->height = 0;
}

static size_t node_mem(const void *node, unsigned h)
{
    size_t sum = h == 0 ? sizeof(struct leaf) : sizeof(struct inner);
    if (h > 0) {
        const struct inner *n = node;
        if (h == 1) return sum + (size_t)n->n * sizeof(struct leaf);
        for (int i = 0; i < n->n; i++) sum += node_mem(n->child[i].node, h - 1);
    }
    return sum;
}

size_t ztree_mem(const struct ztree *t) { return t->root ? node_mem(t->root, t->height) : 0; }
