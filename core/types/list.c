#include "core/types/list.h"

#include "core/base/mem.h"
#include "core/base/must.h"

/* What the entry's encoding means. */
enum {
    IN_PACKED, /* the word is a struct packed: "listpack" */
    IN_NODES,  /* the word is a struct list: "quicklist" */
};

#define SAFE_BYTES 8192 /* of a packed whose limit is a number of items */
#define ITEM_OVERHEAD 8 /* of an item shorter than LIST_NODE_BYTES: code and length, rounded up */
#define PLAIN_AT 1      /* a walk's position in a long string */
#define FETCH_AHEAD 8   /* nodes */

struct plain {
    size_t n;
    char bytes[];
};

struct node {
    union {
        struct packed *packed;
        struct plain *plain;
    };
    uint32_t count;
    bool is_plain;
};

/* The nodes stand in at[head] .. at[head + n - 1]; there is room on both sides. */
struct list {
    struct node *at;
    size_t head, n, cap;
    size_t count; /* of all items */
    size_t bytes; /* of all packed and long strings */
};

/* --- limits ------------------------------------------------------------------------------- */

struct node_limit {
    size_t bytes, count;
};

static struct node_limit limit_of(const struct type_limits *l)
{
    static const size_t sizes[] = { 4096, 8192, 16384, 32768, 65536 };
    int fill = l ? l->list_max_listpack_size : -2;
    if (fill < 0) return (struct node_limit){ sizes[fill < -5 ? 4 : -fill - 1], SIZE_MAX };
    return (struct node_limit){ SAFE_BYTES, fill ? (size_t)fill : 1 };
}

/* The same for one node among many. */
static struct node_limit node_limit_of(const struct type_limits *l)
{
    struct node_limit m = limit_of(l);
    m.bytes = LIST_NODE_BYTES;
    return m;
}

static bool node_takes(const struct node *n, const struct node_limit *m, struct slice s)
{
    return !n->is_plain && s.n <= m->bytes && n->count < m->count &&
           packed_size(n->packed) + s.n + ITEM_OVERHEAD <= m->bytes;
}

/* --- nodes -------------------------------------------------------------------------------- */

static struct node *node_at(const struct list *l, size_t i) { return &l->at[l->head + i]; }
static size_t node_bytes(const struct node *n)
{
    return n->is_plain ? n->plain->n : packed_size(n->packed);
}

static struct node plain_node(struct slice s)
{
    struct plain *p = mem_alloc(sizeof(*p) + s.n);
    p->n = s.n;
    if (s.n) memcpy(p->bytes, s.p, s.n);
    return (struct node){ .plain = p, .count = 1, .is_plain = true };
}

static struct node packed_node(struct packed *p)
{
    return (struct node){ .packed = p, .count = (uint32_t)packed_count(p) };
}

static struct node node_of_one(struct slice s)
{
    if (s.n > LIST_NODE_BYTES - PACKED_EMPTY - ITEM_OVERHEAD) return plain_node(s);
    struct packed *p = packed_new();
    packed_append(&p, s);
    return (struct node){ .packed = p, .count = 1 };
}

static void node_free(struct node *n)
{
    if (n->is_plain)
        mem_free(n->plain);
    else
        packed_free(n->packed);
}

static bool is_sparse(size_t n, size_t cap) { return cap > 64 && n * 8 < cap; }

static size_t better_cap(const struct list *l)
{
    size_t cap = l->cap;
    if (cap < 8) return 8;
    if (l->n * 2 >= cap) return cap * 2;
    while (is_sparse(l->n, cap)) cap /= 2;
    return cap;
}

/* Moves the nodes into an array with as much room on both sides. */
static void recentre(struct list *l)
{
    size_t cap = better_cap(l);
    struct node *at = mem_alloc(cap * sizeof(*at));
    size_t head = (cap - l->n) / 2;
    if (l->n) memcpy(at + head, l->at + l->head, l->n * sizeof(*at));
    mem_free(l->at);
    l->at = at;
    l->head = head;
    l->cap = cap;
}

static void add_node(struct list *l, size_t i, struct node n)
{
    bool front = i < l->n - i;
    if (front ? !l->head : l->head + l->n == l->cap) recentre(l);
    struct node *first = l->at + l->head;
    if (front) {
        memmove(first - 1, first, i * sizeof(*first));
        l->head--;
    } else {
        memmove(first + i + 1, first + i, (l->n - i) * sizeof(*first));
    }
    l->n++;
    l->count += n.count;
    l->bytes += node_bytes(&n);
    *node_at(l, i) = n;
}

/* k of them at once: the gap is closed once, and blocks are fetched while others are freed. */
static void remove_nodes(struct list *l, size_t i, size_t k)
{
    struct node *first = l->at + l->head, *n = first + i;
    size_t after = l->n - i - k;
    for (size_t j = 0; j < k; j++) {
        if (j + FETCH_AHEAD < k) __builtin_prefetch(n[j + FETCH_AHEAD].packed);
        l->count -= n[j].count;
        l->bytes -= node_bytes(&n[j]);
        node_free(&n[j]);
    }
    if (i < after) {
        memmove(first + k, first, i * sizeof(*first));
        l->head += k;
    } else {
        memmove(n, n + k, after * sizeof(*first));
    }
    l->n -= k;
    if (is_sparse(l->n, l->cap)) recentre(l);
}

static void remove_node(struct list *l, size_t i) { remove_nodes(l, i, 1); }

/* A packed node has been changed: what was `old` bytes and `count` items. */
static void account(struct list *l, struct node *n, size_t old_bytes, int64_t items)
{
    n->count = (uint32_t)(n->count + items);
    l->count = (size_t)((int64_t)l->count + items);
    l->bytes += node_bytes(n) - old_bytes;
}

static void insert_in(struct list *l, size_t i, size_t at, struct slice s)
{
    struct node *n = node_at(l, i);
    size_t old = packed_size(n->packed);
    packed_insert(&n->packed, at, s);
    account(l, n, old, 1);
}

static void delete_in(struct list *l, size_t i, size_t at, size_t k)
{
    struct node *n = node_at(l, i);
    if (n->count <= k) {
        remove_node(l, i);
        return;
    }
    size_t old = packed_size(n->packed);
    packed_delete(&n->packed, at, k);
    account(l, n, old, -(int64_t)k);
}

/* The items from `at` on become a node of their own behind this one. */
static void split(struct list *l, size_t i, size_t at)
{
    struct node *n = node_at(l, i);
    size_t old = packed_size(n->packed);
    struct node tail = packed_node(packed_split(&n->packed, at));
    account(l, n, old, -(int64_t)tail.count);
    add_node(l, i + 1, tail);
}

static void nodes_push(struct list *l, const struct node_limit *m, enum list_end end,
                       struct slice s)
{
    size_t i = end == LIST_HEAD || !l->n ? 0 : l->n - 1;
    struct node *n = l->n ? node_at(l, i) : NULL;
    if (n && node_takes(n, m, s))
        insert_in(l, i, end == LIST_HEAD ? packed_first(n->packed) : 0, s);
    else
        add_node(l, end == LIST_HEAD ? 0 : l->n, node_of_one(s));
}

/* Before the item at `at` of node i; at == 0: behind its last. */
static void nodes_insert(struct list *l, const struct node_limit *m, size_t i, size_t at,
                         struct slice s)
{
    struct node *n = node_at(l, i);
    if (node_takes(n, m, s)) {
        insert_in(l, i, at, s);
        return;
    }
    bool first = n->is_plain ? at != 0 : at == packed_first(n->packed);
    if (at && !first) split(l, i, at);
    size_t gap = first ? i : i + 1; /* the new item stands between nodes gap - 1 and gap */
    if (gap > 0 && node_takes(node_at(l, gap - 1), m, s))
        insert_in(l, gap - 1, 0, s);
    else if (gap < l->n && node_takes(node_at(l, gap), m, s))
        insert_in(l, gap, packed_first(node_at(l, gap)->packed), s);
    else
        add_node(l, gap, node_of_one(s));
}

static void nodes_replace(struct list *l, const struct node_limit *m, size_t i, size_t at,
                          struct slice s)
{
    struct node *n = node_at(l, i);
    if (n->count == 1) {
        add_node(l, i, node_of_one(s));
        remove_node(l, i + 1);
    } else if (node_takes(n, &(struct node_limit){ m->bytes, SIZE_MAX }, s)) {
        size_t old = packed_size(n->packed);
        packed_replace(&n->packed, at, s);
        account(l, n, old, 0);
    } else {
        size_t next = packed_next(n->packed, at);
        bool first = at == packed_first(n->packed);
        if (next) split(l, i, next);
        if (!first) delete_in(l, i, at, 1);
        add_node(l, i + !first, node_of_one(s));
        if (first) remove_node(l, i + 1);
    }
}

/* The node with that item; *from becomes the item's place in it. */
static size_t node_with(const struct list *l, size_t *from)
{
    size_t i = 0;
    if (*from < l->count / 2) {
        for (; *from >= node_at(l, i)->count; i++) *from -= node_at(l, i)->count;
        return i;
    }
    *from = l->count - *from; /* from the end */
    for (i = l->n - 1; *from > node_at(l, i)->count; i--) *from -= node_at(l, i)->count;
    *from = node_at(l, i)->count - *from;
    return i;
}

static void nodes_delete(struct list *l, size_t from, size_t n)
{
    if (n > l->count - from) n = l->count - from;
    size_t i = node_with(l, &from);
    if (from) { /* the first keeps its beginning */
        size_t here = node_at(l, i)->count - from;
        if (here > n) here = n;
        delete_in(l, i, packed_seek(node_at(l, i)->packed, (int64_t)from), here);
        n -= here;
        i++;
    }
    size_t k = 0;
    while (i + k < l->n && n >= node_at(l, i + k)->count) n -= node_at(l, i + k++)->count;
    if (k) remove_nodes(l, i, k);
    if (n) delete_in(l, i, packed_first(node_at(l, i)->packed), n);
}

/* --- building ----------------------------------------------------------------------------- */

struct list *list_build(void) { return mem_zalloc(sizeof(struct list)); }

void list_build_packed(struct list *l, struct packed *p)
{
    if (packed_first(p))
        add_node(l, l->n, packed_node(p));
    else
        packed_free(p);
}

void list_build_plain(struct list *l, struct slice s) { add_node(l, l->n, plain_node(s)); }

void list_build_item(struct list *l, const struct type_limits *limits, struct slice s)
{
    struct node_limit m = node_limit_of(limits);
    nodes_push(l, &m, LIST_TAIL, s);
}

void list_build_drop(struct list *l)
{
    if (!l) return;
    for (size_t i = 0; i < l->n; i++) node_free(node_at(l, i));
    mem_free(l->at);
    mem_free(l);
}

/* --- from one form to the other ----------------------------------------------------------- */

struct entry *list_new(struct slice key)
{
    return entry_new_ptr(key, VALUE_LIST, IN_PACKED, packed_new(), ENTRY_NO_DEADLINE);
}

static struct packed *packed_of(const struct entry *e) { return entry_ptr(e); }
static struct list *nodes_of(const struct entry *e) { return entry_ptr(e); }
static void put_packed(struct value *v, struct packed *p) { *entry_word(v->e) = (uintptr_t)p; }

static void become(struct value *v, uint8_t encoding, void *ptr)
{
    value_become(v, &(struct value_form){ .encoding = encoding,
                                          .flags = ENTRY_WORD | ENTRY_OWNS,
                                          .word = (uintptr_t)ptr });
}

/* Cut into nodes of the size that pushes like. */
static void to_nodes(struct value *v)
{
    struct list *l = list_build();
    struct packed *p = packed_of(v->e);
    list_build_packed(l, p);
    for (size_t i = 0; i < l->n && node_bytes(node_at(l, i)) > LIST_NODE_BYTES; i++) {
        struct packed *q = node_at(l, i)->packed;
        size_t at = packed_next(q, packed_first(q));
        while (at && packed_next(q, at) && at < LIST_NODE_BYTES - 256) at = packed_next(q, at);
        if (at) split(l, i, at);
    }
    become(v, IN_NODES, l);
}

static void to_packed(struct value *v)
{
    struct list *l = nodes_of(v->e);
    struct packed *p = packed_new();
    for (size_t i = 0; i < l->n; i++) {
        const struct node *n = node_at(l, i);
        if (n->is_plain)
            packed_append(&p, slice_of(n->plain->bytes, n->plain->n));
        else
            packed_append_all(&p, n->packed);
    }
    list_build_drop(l);
    become(v, IN_PACKED, p);
}

/* Back to one packed when all fits into `share` of the limit. */
static void settle(struct value *v, const struct type_limits *limits, size_t share)
{
    struct node_limit m = limit_of(limits);
    const struct list *l;
    if (v->e->encoding != IN_NODES) return;
    l = nodes_of(v->e);
    if (!l->count || l->bytes > m.bytes / share) return;
    if (m.count == SIZE_MAX || l->count <= m.count / share) to_packed(v);
}

void list_settle(struct value *v, const struct type_limits *limits) { settle(v, limits, 2); }

struct entry *list_built(struct list *l, struct slice key, int64_t deadline,
                         const struct type_limits *limits)
{
    if (!l->count) {
        list_build_drop(l);
        return NULL;
    }
    struct value v = { .e = entry_new_ptr(key, VALUE_LIST, IN_NODES, l, deadline) };
    settle(&v, limits, 1);
    return v.e;
}

/* --- reading ------------------------------------------------------------------------------ */

size_t list_len(const struct entry *e)
{
    return e->encoding == IN_PACKED ? packed_count(packed_of(e)) : nodes_of(e)->count;
}

size_t list_parts(const struct entry *e)
{
    return e->encoding == IN_PACKED ? 1 : nodes_of(e)->n;
}

static struct node view(const struct entry *e, size_t i)
{
    if (e->encoding == IN_PACKED) return (struct node){ .packed = packed_of(e) };
    return *node_at(nodes_of(e), i);
}

struct slice list_part(const struct entry *e, size_t i, bool *plain)
{
    struct node n = view(e, i);
    *plain = n.is_plain;
    return n.is_plain ? slice_of(n.plain->bytes, n.plain->n) : packed_bytes(n.packed);
}

struct list_iter list_from(const struct entry *e, int64_t index, bool backwards)
{
    struct list_iter it = { e, 0, 0, backwards };
    if (e->encoding == IN_PACKED) {
        it.at = packed_seek(packed_of(e), index);
        return it;
    }
    const struct list *l = nodes_of(e);
    int64_t n = (int64_t)l->count;
    if (index < 0) index += n;
    if (index < 0 || index >= n) return it;
    if (index < n / 2) {
        for (; index >= node_at(l, it.node)->count; it.node++) index -= node_at(l, it.node)->count;
    } else {
        index -= n;
        for (it.node = l->n - 1; -index > node_at(l, it.node)->count; it.node--)
            index += node_at(l, it.node)->count;
    }
    const struct node *at = node_at(l, it.node);
    it.at = at->is_plain ? PLAIN_AT : packed_seek(at->packed, index);
    return it;
}

bool list_item(const struct list_iter *it, struct packed_item *out)
{
    if (!it->at) return false;
    struct node n = view(it->e, it->node);
    if (n.is_plain)
        *out = (struct packed_item){ n.plain->bytes, n.plain->n, 0 };
    else
        *out = packed_get(n.packed, it->at);
    return true;
}

/* To the end of the next node in the walk's direction. */
static void next_node(struct list_iter *it)
{
    it->at = 0;
    if (it->backwards ? it->node == 0 : it->node + 1 >= list_parts(it->e)) return;
    it->node += it->backwards ? (size_t)-1 : 1;
    struct node n = view(it->e, it->node);
    it->at = n.is_plain ? PLAIN_AT : it->backwards ? packed_last(n.packed) : packed_first(n.packed);
}

void list_step(struct list_iter *it)
{
    struct node n = view(it->e, it->node);
    size_t at = 0;
    if (!n.is_plain)
        at = it->backwards ? packed_prev(n.packed, it->at) : packed_next(n.packed, it->at);
    if (at)
        it->at = at;
    else
        next_node(it);
}

/* The first match in the node from where the walk stands; 0: none there. */
static size_t find_in_node(const struct list_iter *it, const struct list_match *m)
{
    struct packed_item item;
    struct node n = view(it->e, it->node);
    if (!n.is_plain && !it->backwards) return packed_find(n.packed, it->at, m->s, 0);
    if (n.is_plain) return list_item(it, &item) && list_matches(m, &item) ? it->at : 0;
    for (size_t at = it->at; at; at = packed_prev(n.packed, at)) {
        item = packed_get(n.packed, at);
        if (list_matches(m, &item)) return at;
    }
    return 0;
}

bool list_find(struct list_iter *it, const struct list_match *m)
{
    while (it->at) {
        size_t at = find_in_node(it, m);
        if (at) it->at = at;
        if (at) return true;
        next_node(it);
    }
    return false;
}

bool list_get(const struct entry *e, int64_t index, char tmp[PACKED_TMP], struct slice *out)
{
    struct list_iter it = list_from(e, index, false);
    struct packed_item item;
    if (!list_item(&it, &item)) return false;
    *out = packed_item_text(&item, tmp);
    return true;
}

struct list_match list_match_of(struct slice s)
{
    struct list_match m = { .s = s };
    m.is_int = s.n < PACKED_TMP && num_to_i64(s, &m.i);
    return m;
}

bool list_matches(const struct list_match *m, const struct packed_item *item)
{
    if (!item->s) return m->is_int && m->i == item->i;
    return slice_eq(m->s, slice_of(item->s, item->n));
}

/* --- change ------------------------------------------------------------------------------- */

/* Redis' rule: the bytes of the new strings, without what surrounds them. */
static bool packed_stays(const struct entry *e, const struct type_limits *limits, size_t n,
                         const struct slice *s)
{
    struct node_limit m = limit_of(limits);
    size_t bytes = packed_size(packed_of(e));
    for (size_t i = 0; i < n; i++) bytes += s[i].n;
    if (bytes > m.bytes) return false;
    return m.count == SIZE_MAX || packed_count(packed_of(e)) + n <= m.count;
}

void list_push(struct value *v, const struct type_limits *limits, enum list_end end, size_t n,
               const struct slice *s)
{
    if (v->e->encoding == IN_PACKED) {
        if (packed_stays(v->e, limits, n, s)) {
            struct packed *p = packed_of(v->e);
            for (size_t i = 0; i < n; i++)
                packed_insert(&p, end == LIST_HEAD ? packed_first(p) : 0, s[i]);
            put_packed(v, p);
            return;
        }
        to_nodes(v);
    }
    struct node_limit m = node_limit_of(limits);
    for (size_t i = 0; i < n; i++) nodes_push(nodes_of(v->e), &m, end, s[i]);
}

void list_insert(struct value *v, const struct type_limits *limits, const struct list_iter *it,
                 bool after, struct slice s)
{
    struct list_iter to = *it;
    if (v->e->encoding == IN_PACKED && !packed_stays(v->e, limits, 1, &s)) {
        int64_t index = 0;
        for (size_t at = it->at; (at = packed_prev(packed_of(v->e), at));) index++;
        to_nodes(v);
        to = list_from(v->e, index, false);
    }
    struct node n = view(v->e, to.node);
    size_t at = !after ? to.at : n.is_plain ? 0 : packed_next(n.packed, to.at);
    if (v->e->encoding == IN_PACKED) {
        struct packed *p = packed_of(v->e);
        packed_insert(&p, at, s);
        put_packed(v, p);
        return;
    }
    struct node_limit m = node_limit_of(limits);
    nodes_insert(nodes_of(v->e), &m, to.node, at, s);
    settle(v, limits, 1);
}

bool list_set(struct value *v, const struct type_limits *limits, int64_t index, struct slice s)
{
    struct list_iter it = list_from(v->e, index, false);
    struct node_limit m = node_limit_of(limits);
    if (!it.at) return false;
    if (v->e->encoding == IN_PACKED && packed_stays(v->e, limits, 1, &s)) {
        struct packed *p = packed_of(v->e);
        packed_replace(&p, it.at, s);
        put_packed(v, p);
        return true;
    }
    if (v->e->encoding == IN_PACKED) {
        to_nodes(v);
        it = list_from(v->e, index, false);
    }
    nodes_replace(nodes_of(v->e), &m, it.node, it.at, s);
    settle(v, limits, 1);
    return true;
}

void list_erase(struct value *v, struct list_iter *it)
{
    struct list_iter on = *it;
    if (v->e->encoding == IN_PACKED) {
        struct packed *p = packed_of(v->e);
        size_t prev = packed_prev(p, it->at), next = packed_delete(&p, it->at, 1);
        put_packed(v, p);
        it->at = it->backwards ? prev : next;
        return;
    }
    struct list *l = nodes_of(v->e);
    size_t n = l->n;
    list_step(&on);
    delete_in(l, it->node, it->at, 1);
    if (!on.backwards && on.at && on.node == it->node)
        on.at = it->at; /* what followed has moved here */
    else if (!on.backwards && l->n < n)
        on.node--;
    *it = on;
}

void list_delete(struct value *v, const struct type_limits *limits, size_t from, size_t n)
{
    if (from >= list_len(v->e)) return;
    if (v->e->encoding == IN_PACKED) {
        struct packed *p = packed_of(v->e);
        packed_delete_range(&p, (int64_t)from, n);
        put_packed(v, p);
        return;
    }
    nodes_delete(nodes_of(v->e), from, n);
    list_settle(v, limits);
}

/* --- the row of the type ------------------------------------------------------------------ */

static const char *op_encoding_name(const struct entry *e)
{
    return e->encoding == IN_PACKED ? "listpack" : "quicklist";
}

static void op_free(uint8_t encoding, void *ptr)
{
    if (encoding == IN_PACKED)
        packed_free(ptr);
    else
        list_build_drop(ptr);
}

static void *op_copy(uint8_t encoding, const void *ptr)
{
    if (encoding == IN_PACKED) return packed_copy(ptr);
    const struct list *from = ptr;
    struct list *l = list_build();
    for (size_t i = 0; i < from->n; i++) {
        const struct node *n = node_at(from, i);
        if (n->is_plain)
            list_build_plain(l, slice_of(n->plain->bytes, n->plain->n));
        else
            list_build_packed(l, packed_copy(n->packed));
    }
    return l;
}

/* `samples` nodes stand for all. */
static size_t op_mem(uint8_t encoding, const void *ptr, size_t samples)
{
    if (encoding == IN_PACKED) return packed_mem(ptr);
    const struct list *l = ptr;
    size_t k = samples && samples < l->n ? samples : l->n, n = 0;
    for (size_t i = 0; i < k; i++) n += mem_size(node_at(l, i)->packed);
    if (k && k < l->n) n = (size_t)((double)n / (double)k * (double)l->n);
    return n + mem_size(l) + (l->at ? mem_size(l->at) : 0);
}

static size_t op_free_effort(uint8_t encoding, const void *ptr)
{
    return encoding == IN_PACKED ? 1 : ((const struct list *)ptr)->n + 2;
}

const struct type_ops list_ops = {
    .name = "list",
    .encoding_name = op_encoding_name,
    .free = op_free,
    .copy = op_copy,
    .mem = op_mem,
    .free_effort = op_free_effort,
};
