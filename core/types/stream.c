#include "core/types/stream.h"

#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/types/stream_group.h"

enum { FLAG_DELETED = 1, FLAG_SAME_FIELDS = 2 };
enum { HEAD_ITEMS = 4 }; /* of a node's head, beside its fields */

static struct packed **node_of(const struct idmap_pos *pos)
{
    return (struct packed **)(void *)idmap_slot(pos);
}

static int64_t int_at(const struct packed *p, size_t at)
{
    int64_t i = 0;
    must(at && packed_int(p, at, &i));
    return i;
}

static size_t skip(const struct packed *p, size_t at, uint64_t n)
{
    while (n-- && at) at = packed_next(p, at);
    return at;
}

static struct stream_id id_in(struct stream_id master, int64_t ms, int64_t seq)
{
    return (struct stream_id){ master.ms + (uint64_t)ms, master.seq + (uint64_t)seq };
}

/* --- life --------------------------------------------------------------------------------- */

struct stream *stream_make(void) { return mem_zalloc(sizeof(struct stream)); }

struct entry *stream_entry(struct slice key, struct stream *s, int64_t deadline)
{
    return entry_new_ptr(key, VALUE_STREAM, 0, s, deadline);
}

struct entry *stream_new(struct slice key)
{
    return stream_entry(key, stream_make(), ENTRY_NO_DEADLINE);
}

void stream_free(struct stream *s)
{
    struct idmap_pos pos = idmap_first(&s->nodes);
    for (; idmap_is(&pos); idmap_step(&pos)) packed_free(*node_of(&pos));
    idmap_free(&s->nodes);
    for (size_t i = 0; i < s->groups.n; i++) stream_group_free(s->groups.at[i]);
    vec_free(&s->groups);
    mem_free(s);
}

/* --- walking ------------------------------------------------------------------------------ */

/* Stands in front of the node's first entry, or behind its last. */
static void enter_node(struct stream_iter *it)
{
    it->p = NULL;
    if (!idmap_is(&it->node)) return;
    it->master = idmap_id(&it->node);
    if (stream_id_cmp(it->master, it->end) > 0) return;
    it->p = *node_of(&it->node);
    size_t at = skip(it->p, packed_first(it->p), 2);
    it->head_fields = (size_t)int_at(it->p, at);
    it->head_at = packed_next(it->p, at);
    it->next = it->reverse ? packed_last(it->p)
                           : packed_next(it->p, skip(it->p, it->head_at, it->head_fields));
}

struct stream_iter stream_range(const struct stream *s, struct stream_id start,
                                struct stream_id end, bool reverse)
{
    struct stream_iter it = { .s = s, .start = start, .end = end, .reverse = reverse };
    if (reverse) {
        it.node = idmap_upto(&s->nodes, end);
    } else {
        it.node = idmap_upto(&s->nodes, start);
        if (!idmap_is(&it.node)) it.node = idmap_first(&s->nodes);
    }
    enter_node(&it);
    return it;
}

/* Reads the entry whose flags stand at `at`. */
static void read_entry(struct stream_iter *it, size_t at)
{
    const struct packed *p = it->p;
    int64_t flags = int_at(p, at);
    size_t ms = packed_next(p, at), seq = packed_next(p, ms);
    it->entry = at;
    it->id = id_in(it->master, int_at(p, ms), int_at(p, seq));
    it->deleted = flags & FLAG_DELETED;
    it->own_fields = !(flags & FLAG_SAME_FIELDS);
    at = packed_next(p, seq);
    it->fields = it->own_fields ? (uint64_t)int_at(p, at) : it->head_fields;
    it->value_at = it->own_fields ? packed_next(p, at) : at;
    it->field_at = it->own_fields ? 0 : it->head_at;
    it->left = it->fields;
}

/* The next entry of this node, whatever it is; false: the node is at its end. */
static bool entry_in_node(struct stream_iter *it)
{
    if (it->reverse) {
        uint64_t items = (uint64_t)int_at(it->p, it->next);
        if (!items) return false; /* the zero that ends the head */
        size_t at = it->next;
        while (items--) at = packed_prev(it->p, at);
        it->next = packed_prev(it->p, at);
        read_entry(it, at);
        return true;
    }
    if (!it->next) return false;
    read_entry(it, it->next);
    it->next = 0; /* found when this entry has been read: see behind() */
    return true;
}

/* Forward: the place behind the current entry, wherever its reader stopped. */
static size_t behind(const struct stream_iter *it)
{
    size_t at = skip(it->p, it->value_at, it->left * (it->own_fields ? 2 : 1));
    return packed_next(it->p, at); /* over the count */
}

bool stream_next(struct stream_iter *it)
{
    if (it->p && it->entry && !it->reverse) it->next = behind(it);
    while (it->p) {
        while (entry_in_node(it)) {
            int from = stream_id_cmp(it->id, it->start), to = stream_id_cmp(it->id, it->end);
            /* A deleted entry may lie above later ones: XSETID can take the last id back. */
            bool counts = it->with_deleted || !it->deleted;
            if (counts && (it->reverse ? from < 0 : to > 0)) {
                it->p = NULL;
                return false;
            }
            if (counts && from >= 0 && to <= 0) return true;
            if (!it->reverse) it->next = behind(it);
        }
        it->entry = 0;
        if (it->reverse)
            idmap_back(&it->node);
        else
            idmap_step(&it->node);
        enter_node(it);
    }
    return false;
}

void stream_field(struct stream_iter *it, struct packed_item *field, struct packed_item *value)
{
    must(it->left);
    it->left--;
    if (it->own_fields) {
        *field = packed_get(it->p, it->value_at);
        it->value_at = packed_next(it->p, it->value_at);
    } else {
        *field = packed_get(it->p, it->field_at);
        it->field_at = packed_next(it->p, it->field_at);
    }
    *value = packed_get(it->p, it->value_at);
    it->value_at = packed_next(it->p, it->value_at);
}

bool stream_has(const struct stream *s, struct stream_id id)
{
    struct stream_iter it = stream_range(s, id, id, false);
    return stream_next(&it);
}

struct stream_id stream_edge(const struct stream *s, bool first, bool with_deleted)
{
    struct stream_iter it = stream_range(s, STREAM_ID_MIN, STREAM_ID_MAX, !first);
    it.with_deleted = with_deleted;
    if (stream_next(&it)) return it.id;
    return first ? STREAM_ID_MAX : STREAM_ID_MIN;
}

/* --- counters ----------------------------------------------------------------------------- */

bool stream_has_holes(const struct stream *s, struct stream_id from)
{
    if (!s->length || stream_id_is_zero(s->max_deleted)) return false;
    if (stream_id_cmp(s->first_id, s->max_deleted) > 0) return false; /* all in front of it */
    return stream_id_cmp(from, s->max_deleted) <= 0;
}

int64_t stream_rank(const struct stream *s, struct stream_id id)
{
    int to_last = stream_id_cmp(id, s->last_id);
    if (!s->added) return 0;
    if (!s->length && to_last <= 0) return (int64_t)s->added;
    if (to_last == 0) return (int64_t)s->added;
    if (to_last > 0) return STREAM_UNKNOWN;
    bool whole = stream_id_is_zero(s->max_deleted) ||
                 stream_id_cmp(s->max_deleted, s->first_id) < 0;
    int to_first = stream_id_cmp(id, s->first_id);
    if (!whole || to_first > 0) return STREAM_UNKNOWN;
    return (int64_t)(s->added - s->length) + (to_first == 0);
}

/* --- adding ------------------------------------------------------------------------------- */

/* The last node, if the entry may go there. */
static struct packed **tail_for(const struct stream *s, const struct type_limits *limits,
                                size_t bytes)
{
    static const struct type_limits usual = TYPE_LIMITS_DEFAULT;
    struct idmap_pos pos = idmap_last(&s->nodes);
    if (!idmap_is(&pos)) return NULL;
    if (!limits) limits = &usual;
    size_t max = limits->stream_node_max_bytes;
    if (!max || max > STREAM_ENTRY_MAX) max = STREAM_ENTRY_MAX;
    struct packed **p = node_of(&pos);
    if (packed_size(*p) + bytes >= max) return NULL;
    size_t live = packed_first(*p);
    int64_t count = int_at(*p, live) + int_at(*p, packed_next(*p, live));
    if (limits->stream_node_max_entries && count >= limits->stream_node_max_entries) return NULL;
    return p;
}

static struct packed **start_node(struct stream *s, struct stream_id id, size_t pairs,
                                  const struct slice *words)
{
    bool there;
    struct packed *p = packed_new();
    packed_append_int(&p, 0);
    packed_append_int(&p, 0);
    packed_append_int(&p, (int64_t)pairs);
    for (size_t i = 0; i < pairs; i++) packed_append(&p, words[2 * i]);
    packed_append_int(&p, 0);
    struct packed **slot = (struct packed **)(void *)idmap_add(&s->nodes, id, &there);
    must(!there);
    *slot = p;
    return slot;
}

static bool same_fields(const struct packed *p, size_t pairs, const struct slice *words)
{
    size_t at = skip(p, packed_first(p), 2);
    if (int_at(p, at) != (int64_t)pairs) return false;
    for (size_t i = 0; i < pairs; i++) {
        at = packed_next(p, at);
        if (!packed_eq(p, at, words[2 * i])) return false;
    }
    return true;
}

/* The words behind those that are there. */
static void append_entry(struct packed **p, struct stream_id master, struct stream_id id, bool same,
                         size_t pairs, const struct slice *words)
{
    packed_append_int(p, same ? FLAG_SAME_FIELDS : 0);
    packed_append_int(p, (int64_t)(id.ms - master.ms));
    packed_append_int(p, (int64_t)(id.seq - master.seq));
    if (!same) packed_append_int(p, (int64_t)pairs);
    for (size_t i = 0; i < pairs; i++) {
        if (!same) packed_append(p, words[2 * i]);
        packed_append(p, words[2 * i + 1]);
    }
    packed_append_int(p, (int64_t)(same ? pairs + 3 : 2 * pairs + 4));
}

/* Adds to the two counts in the node's head. */
static void count_node(struct packed **p, int64_t live, int64_t deleted)
{
    size_t at = packed_first(*p);
    if (live) packed_replace_int(p, at, int_at(*p, at) + live);
    at = packed_next(*p, at);
    if (deleted) packed_replace_int(p, at, int_at(*p, at) + deleted);
}

void stream_add(struct stream *s, const struct type_limits *limits, struct stream_id id,
                size_t pairs, const struct slice *words)
{
    size_t bytes = 0;
    must(stream_id_cmp(id, s->last_id) > 0);
    for (size_t i = 0; i < 2 * pairs; i++) bytes += words[i].n;
    struct packed **p = tail_for(s, limits, bytes);
    bool fresh = !p;
    if (fresh) p = start_node(s, id, pairs, words);
    size_t old = fresh ? 0 : packed_size(*p);
    struct idmap_pos pos = idmap_last(&s->nodes);
    bool same = fresh || same_fields(*p, pairs, words);
    append_entry(p, idmap_id(&pos), id, same, pairs, words);
    count_node(p, 1, 0);
    s->bytes += packed_size(*p) - old;
    s->last_id = id;
    s->added++;
    if (++s->length == 1) s->first_id = id;
}

/* --- removing ----------------------------------------------------------------------------- */

static void drop_node(struct stream *s, struct stream_id master)
{
    struct packed *p = idmap_remove(&s->nodes, master);
    s->bytes -= packed_size(p);
    packed_free(p);
}

static void find_first(struct stream *s)
{
    s->first_id = s->length ? stream_edge(s, true, false) : STREAM_ID_MIN;
}

/* Marks the entry where the walk stands. */
static void mark_deleted(struct stream *s, const struct stream_iter *it)
{
    struct packed **p = node_of(&it->node);
    size_t old = packed_size(*p);
    packed_replace_int(p, it->entry, int_at(*p, it->entry) | FLAG_DELETED);
    count_node(p, -1, 1);
    s->bytes += packed_size(*p) - old;
}

bool stream_remove(struct stream *s, struct stream_id id)
{
    struct stream_iter it = stream_range(s, id, id, false);
    if (!stream_next(&it)) return false;
    if (int_at(it.p, packed_first(it.p)) == 1)
        drop_node(s, it.master);
    else
        mark_deleted(s, &it);
    s->length--;
    if (stream_id_cmp(id, s->max_deleted) > 0) s->max_deleted = id;
    if (!s->length || stream_id_cmp(id, s->first_id) == 0) find_first(s);
    return true;
}

static struct stream_id last_of_node(const struct idmap_pos *pos)
{
    const struct packed *p = *node_of(pos);
    size_t at = packed_last(p);
    int64_t items = int_at(p, at);
    while (items--) at = packed_prev(p, at);
    size_t ms = packed_next(p, at);
    return id_in(idmap_id(pos), int_at(p, ms), int_at(p, packed_next(p, ms)));
}

static bool node_goes(const struct stream *s, const struct stream_trim *t,
                      const struct idmap_pos *pos, uint64_t live)
{
    if (t->by_id) return stream_id_cmp(last_of_node(pos), t->min_id) < 0;
    return s->length - live >= t->max_length;
}

/* Entries of the first node, one by one: each is looked for anew, since marking moves bytes only
 * when a count in the head grows by a byte. */
static uint64_t trim_in_node(struct stream *s, const struct stream_trim *t)
{
    uint64_t n = 0;
    struct stream_iter it = stream_range(s, STREAM_ID_MIN, STREAM_ID_MAX, false);
    while (stream_next(&it)) {
        if (t->by_id ? stream_id_cmp(it.id, t->min_id) >= 0 : s->length <= t->max_length) break;
        size_t size = packed_size(it.p);
        mark_deleted(s, &it);
        s->length--;
        n++;
        /* The flag keeps its size, the counts may not: all behind them has moved alike. */
        it.p = *node_of(&it.node);
        size_t moved = packed_size(it.p) - size;
        it.entry += moved;
        it.value_at += moved;
        it.head_at += moved;
        it.field_at += moved;
    }
    return n;
}

uint64_t stream_trim(struct stream *s, const struct stream_trim *t)
{
    uint64_t n = 0;
    for (;;) {
        struct idmap_pos pos = idmap_first(&s->nodes);
        if (!idmap_is(&pos) || (!t->by_id && s->length <= t->max_length)) break;
        const struct packed *p = *node_of(&pos);
        uint64_t live = (uint64_t)int_at(p, packed_first(p));
        if (t->limit && n + live > t->limit) break;
        if (!node_goes(s, t, &pos, live)) {
            if (!t->approx) n += trim_in_node(s, t);
            break;
        }
        drop_node(s, idmap_id(&pos));
        s->length -= live;
        n += live;
    }
    if (n) find_first(s);
    return n;
}

/* --- snapshots ---------------------------------------------------------------------------- */

/* Walks with a budget of items: false where one is missing or not of the kind wanted. */
struct check {
    const struct packed *p;
    size_t at;
};

static bool take_int(struct check *c, int64_t *out)
{
    if (!c->at || !packed_int(c->p, c->at, out)) return false;
    c->at = packed_next(c->p, c->at);
    return true;
}

static bool take_items(struct check *c, int64_t n)
{
    for (; n > 0 && c->at; n--) c->at = packed_next(c->p, c->at);
    return n == 0;
}

static bool check_entry(struct check *c, int64_t head_fields, struct stream_id master,
                        struct stream_id *above, int64_t *live)
{
    int64_t flags, ms, seq, fields = head_fields, items;
    if (!take_int(c, &flags) || !take_int(c, &ms) || !take_int(c, &seq)) return false;
    bool same = flags & FLAG_SAME_FIELDS;
    if (!same && !take_int(c, &fields)) return false;
    if (fields < 0 || fields > (int64_t)packed_size(c->p)) return false;
    if (!take_items(c, same ? fields : 2 * fields)) return false;
    if (!take_int(c, &items) || items != (same ? fields + 3 : 2 * fields + 4)) return false;
    if (flags & FLAG_DELETED) return true; /* may lie above later ones: XSETID */
    struct stream_id id = id_in(master, ms, seq);
    if (stream_id_cmp(id, *above) <= 0) return false;
    *above = id;
    ++*live;
    return true;
}

/* `above`: the last id before the node's; becomes its last one that is not deleted. */
static bool node_sound(const struct packed *p, struct stream_id master, struct stream_id *above)
{
    struct check c = { p, packed_first(p) };
    int64_t live, deleted, fields, zero, seen = 0, all = 0;
    if (!take_int(&c, &live) || !take_int(&c, &deleted) || !take_int(&c, &fields)) return false;
    if (live < 1 || deleted < 0 || fields < 0 || fields > (int64_t)packed_size(p)) return false;
    if (!take_items(&c, fields) || !take_int(&c, &zero) || zero) return false;
    for (; c.at; all++)
        if (!check_entry(&c, fields, master, above, &seen)) return false;
    return seen == live && all - seen == deleted;
}

bool stream_adopt_node(struct stream *s, struct stream_id master, struct packed *p)
{
    bool there;
    struct stream_id above = stream_edge(s, false, false);
    if (stream_id_cmp(master, above) < 0 || !node_sound(p, master, &above)) return false;
    struct packed **slot = (struct packed **)(void *)idmap_add(&s->nodes, master, &there);
    if (there) return false;
    *slot = p;
    s->length += (uint64_t)int_at(p, packed_first(p));
    s->bytes += packed_size(p);
    return true;
}

/* A radix tree over sorted keys of 16 bytes has a leaf a key, a node wherever keys part, and one
 * more on each edge that is longer than a byte. `open` holds the depths of the branches above. */
size_t stream_radix_nodes(const struct stream *s)
{
    size_t nodes = 0, depth = 0, open[17];
    char last[16], key[16];
    struct idmap_pos pos = idmap_first(&s->nodes);
    if (!idmap_is(&pos)) return 1;
    stream_id_put(idmap_id(&pos), last);
    for (;; memcpy(last, key, 16)) {
        size_t same = 0;
        idmap_step(&pos);
        bool end = !idmap_is(&pos);
        if (!end) {
            stream_id_put(idmap_id(&pos), key);
            while (last[same] == key[same]) same++;
        }
        /* Close the leaf, and the branches that do not reach the next key. */
        for (size_t from = 16;; from = open[--depth]) {
            size_t up = depth ? open[depth - 1] : 0;
            bool parts = !end && (!depth || up < same);
            if (parts && same < from) up = same;
            nodes++;
            nodes += parts || depth ? from > up + 1 : from > 0;
            if (parts && same < from) open[depth++] = same;
            if (parts || !depth || (!end && open[depth - 1] == same)) break;
        }
        if (end) return nodes;
    }
}

/* --- the type's row ----------------------------------------------------------------------- */

static const char *encoding_name(const struct entry *e)
{
    (void)e;
    return "stream";
}

static void free_value(uint8_t encoding, void *ptr)
{
    (void)encoding;
    stream_free(ptr);
}

static void *copy_value(uint8_t encoding, const void *ptr)
{
    const struct stream *from = ptr;
    struct stream *s = stream_make();
    bool there;
    (void)encoding;
    *s = *from;
    s->nodes = (struct idmap){ 0 };
    s->groups.at = NULL;
    s->groups.n = s->groups.cap = 0;
    struct idmap_pos pos = idmap_first(&from->nodes);
    for (; idmap_is(&pos); idmap_step(&pos))
        *idmap_add(&s->nodes, idmap_id(&pos), &there) = packed_copy(*node_of(&pos));
    for (size_t i = 0; i < from->groups.n; i++)
        vec_push(&s->groups, stream_group_copy(from->groups.at[i]));
    return s;
}

static size_t mem_value(uint8_t encoding, const void *ptr, size_t samples)
{
    const struct stream *s = ptr;
    size_t n = mem_size(s) + idmap_mem(&s->nodes), bytes = 0, seen = 0;
    (void)encoding;
    struct idmap_pos pos = idmap_first(&s->nodes);
    for (; idmap_is(&pos) && (!samples || seen < samples); idmap_step(&pos), seen++)
        bytes += packed_mem(*node_of(&pos));
    n += seen ? (size_t)((double)bytes / (double)seen * (double)s->nodes.count) : 0;
    if (s->groups.at) n += mem_size(s->groups.at);
    for (size_t i = 0; i < s->groups.n; i++) n += stream_group_mem(s->groups.at[i]);
    return n;
}

static size_t free_effort(uint8_t encoding, const void *ptr)
{
    const struct stream *s = ptr;
    size_t n = s->nodes.count;
    (void)encoding;
    for (size_t i = 0; i < s->groups.n; i++) n += 1 + s->groups.at[i]->pending.count;
    return n;
}

const struct type_ops stream_ops = { "stream",  encoding_name, free_value,
                                     copy_value, mem_value,     free_effort };
