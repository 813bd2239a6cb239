#include "core/types/stream.h"

#include "core/base/mem.h"
#include "core/base/rand.h"
#include "core/types/stream_group.h"
#include "tests/unit/check_main.h"

/* ---- ids ---- */

START_TEST(ids_are_read_and_written)
{
    struct stream_id id;
    bool any;
    char tmp[STREAM_ID_TMP], raw[16];
    ck_assert(stream_id_read(SLICE("5-7"), 9, NULL, &id) && id.ms == 5 && id.seq == 7);
    ck_assert(stream_id_read(SLICE("5"), 9, NULL, &id) && id.ms == 5 && id.seq == 9);
    ck_assert(stream_id_read(SLICE("5-*"), 9, &any, &id) && any && id.ms == 5 && id.seq == 0);
    ck_assert(stream_id_read(SLICE("007-01"), 0, &any, &id) && !any && id.ms == 7 && id.seq == 1);
    ck_assert(!stream_id_read(SLICE("5-*"), 9, NULL, &id));
    ck_assert(!stream_id_read(SLICE(""), 0, NULL, &id));
    ck_assert(!stream_id_read(SLICE("-"), 0, NULL, &id));
    ck_assert(!stream_id_read(SLICE("+"), 0, NULL, &id));
    ck_assert(!stream_id_read(SLICE("-5"), 0, NULL, &id));
    ck_assert(!stream_id_read(SLICE("1--5"), 0, NULL, &id));
    ck_assert(!stream_id_read(SLICE("18446744073709551616"), 0, NULL, &id));
    id = STREAM_ID_MAX;
    ck_assert(slice_eqz(stream_id_text(id, tmp), "18446744073709551615-18446744073709551615"));
    ck_assert(!stream_id_next(&id));
    id = (struct stream_id){ 1, UINT64_MAX };
    ck_assert(stream_id_next(&id) && id.ms == 2 && id.seq == 0);
    ck_assert(stream_id_prev(&id) && id.ms == 1 && id.seq == UINT64_MAX);
    stream_id_put(id, raw);
    ck_assert_int_eq(stream_id_cmp(stream_id_get(raw), id), 0);
    id = STREAM_ID_MIN;
    ck_assert(!stream_id_prev(&id));
}
END_TEST

/* ---- idmap: against a sorted array ---- */

#define IDS_MAX 3000

struct id_model {
    struct stream_id at[IDS_MAX];
    size_t n;
};

static size_t model_place(const struct id_model *m, struct stream_id id)
{
    size_t i = 0;
    while (i < m->n && stream_id_cmp(m->at[i], id) < 0) i++;
    return i;
}

static bool model_has(const struct id_model *m, struct stream_id id)
{
    size_t i = model_place(m, id);
    return i < m->n && stream_id_cmp(m->at[i], id) == 0;
}

static void *sign(struct stream_id id) { return (void *)(uintptr_t)(id.ms * 7919 + id.seq + 1); }

static void same_ids(const struct idmap *map, const struct id_model *m)
{
    size_t i = 0;
    struct idmap_pos pos = idmap_first(map);
    ck_assert_uint_eq(map->count, m->n);
    for (; idmap_is(&pos); idmap_step(&pos), i++) {
        ck_assert_int_eq(stream_id_cmp(idmap_id(&pos), m->at[i]), 0);
        ck_assert_ptr_eq(*idmap_slot(&pos), sign(m->at[i]));
    }
    ck_assert_uint_eq(i, m->n);
    for (pos = idmap_last(map); idmap_is(&pos); idmap_back(&pos))
        ck_assert_int_eq(stream_id_cmp(idmap_id(&pos), m->at[--i]), 0);
    ck_assert_uint_eq(i, 0);
}

static void seek_ids(const struct idmap *map, const struct id_model *m, struct stream_id id)
{
    size_t i = model_place(m, id);
    struct idmap_pos from = idmap_from(map, id), upto = idmap_upto(map, id);
    ck_assert_int_eq(idmap_is(&from), i < m->n);
    if (i < m->n) ck_assert_int_eq(stream_id_cmp(idmap_id(&from), m->at[i]), 0);
    size_t upper = i + model_has(m, id);
    ck_assert_int_eq(idmap_is(&upto), upper > 0);
    if (upper) ck_assert_int_eq(stream_id_cmp(idmap_id(&upto), m->at[upper - 1]), 0);
    ck_assert_int_eq(idmap_find(map, id) != NULL, model_has(m, id));
}

static void add_id(struct idmap *map, struct id_model *m, struct stream_id id)
{
    bool there;
    if (m->n == IDS_MAX) return;
    void **slot = idmap_add(map, id, &there);
    ck_assert_int_eq(there, model_has(m, id));
    if (there) return;
    *slot = sign(id);
    size_t i = model_place(m, id);
    memmove(m->at + i + 1, m->at + i, (m->n - i) * sizeof(m->at[0]));
    m->at[i] = id;
    m->n++;
}

static void remove_id(struct idmap *map, struct id_model *m, struct stream_id id)
{
    bool has = model_has(m, id);
    ck_assert_ptr_eq(idmap_remove(map, id), has ? sign(id) : NULL);
    if (!has) return;
    size_t i = model_place(m, id);
    memmove(m->at + i, m->at + i + 1, (m->n - i - 1) * sizeof(m->at[0]));
    m->n--;
}

static void run_idmap(uint64_t seed)
{
    static struct id_model m;
    struct idmap map = { 0 };
    struct rng r;
    rng_seed(&r, seed);
    m.n = 0;
    for (int step = 0; step < 12000; step++) {
        struct stream_id id = { rng_next(&r) % 60, rng_next(&r) % 60 };
        struct stream_id last = { 100, (uint64_t)step };
        unsigned what = (unsigned)(rng_next(&r) % 10), growing = step / 2000 % 2 == 0;
        if (what < (growing ? 4u : 1u)) add_id(&map, &m, id);
        else if (what < 5) add_id(&map, &m, last);
        else if (what < 8 && m.n) remove_id(&map, &m, m.at[growing ? rng_next(&r) % m.n : 0]);
        else if (what < 9) remove_id(&map, &m, id);
        else seek_ids(&map, &m, id);
        if (step % 500 == 0) same_ids(&map, &m);
    }
    while (m.n) remove_id(&map, &m, m.at[rng_next(&r) % m.n]);
    same_ids(&map, &m);
    ck_assert_ptr_null(map.at);
    idmap_free(&map);
}

START_TEST(idmap_is_a_sorted_array)
{
    for (uint64_t seed = 1; seed <= 4; seed++) run_idmap(seed);
}
END_TEST

/* ---- streams: against an array of entries ---- */

#define ENTRIES_MAX 4000

struct log {
    struct {
        struct stream_id id;
        int pairs, seed;
    } at[ENTRIES_MAX];
    size_t n;
};

static const char *const texts[] = { "a", "field", "7", "-70000", "", "longer than the others",
                                     "9223372036854775807", "x" };

/* The words of an entry follow from its seed; those of few seeds have the same fields. */
static size_t words_of(int seed, int pairs, struct slice *words)
{
    for (int i = 0; i < pairs; i++) {
        words[2 * i] = slice_z(texts[(i + seed % 3) % 8]);
        words[2 * i + 1] = slice_z(texts[(i * 5 + seed) % 8]);
    }
    return (size_t)pairs;
}

static void same_entry(struct stream_iter *it, int seed, int pairs)
{
    struct slice words[16];
    struct packed_item field, value;
    char tmp[PACKED_TMP];
    words_of(seed, pairs, words);
    ck_assert_uint_eq(it->fields, (uint64_t)pairs);
    for (int i = 0; i < pairs; i++) {
        if (i == 2 && seed % 5 == 0) return; /* a reader may stop anywhere */
        stream_field(it, &field, &value);
        ck_assert(slice_eq(packed_item_text(&field, tmp), words[2 * i]));
        ck_assert(slice_eq(packed_item_text(&value, tmp), words[2 * i + 1]));
    }
}

static void same_range(const struct stream *s, const struct log *l, struct stream_id from,
                       struct stream_id to, bool reverse)
{
    struct stream_iter it = stream_range(s, from, to, reverse);
    for (size_t k = 0; k < l->n; k++) {
        size_t i = reverse ? l->n - 1 - k : k;
        if (stream_id_cmp(l->at[i].id, from) < 0 || stream_id_cmp(l->at[i].id, to) > 0) continue;
        ck_assert(stream_next(&it));
        ck_assert_int_eq(stream_id_cmp(it.id, l->at[i].id), 0);
        same_entry(&it, l->at[i].seed, l->at[i].pairs);
    }
    ck_assert(!stream_next(&it) && !stream_next(&it));
}

static size_t nodes_bytes(const struct stream *s)
{
    size_t n = 0;
    struct idmap_pos pos = idmap_first(&s->nodes);
    for (; idmap_is(&pos); idmap_step(&pos)) n += packed_size(*idmap_slot(&pos));
    return n;
}

/* By the definition: all distinct beginnings at which something branches, ends or is cut. */
static size_t radix_by_hand(const struct stream *s)
{
    static char keys[ENTRIES_MAX][16];
    size_t n = 0, nodes = 1; /* the root */
    struct idmap_pos pos = idmap_first(&s->nodes);
    for (; idmap_is(&pos); idmap_step(&pos)) stream_id_put(idmap_id(&pos), keys[n++]);
    for (size_t i = 0; i < n; i++) {
        /* Where the key parts from the one before, and each depth below that makes nodes. */
        for (size_t d = 1; d <= 16; d++) {
            if (i && memcmp(keys[i], keys[i - 1], d) == 0) continue;
            bool first_of_branch = false, branches = d == 16;
            for (size_t k = 0; k < n; k++) {
                if (memcmp(keys[k], keys[i], d - 1) == 0 && keys[k][d - 1] != keys[i][d - 1])
                    first_of_branch = true;
                if (d < 16 && memcmp(keys[k], keys[i], d) == 0 && keys[k][d] != keys[i][d])
                    branches = true;
            }
            if (first_of_branch || branches) nodes++;
        }
    }
    return nodes;
}

static void same_log(const struct stream *s, const struct log *l)
{
    ck_assert_uint_eq(s->length, l->n);
    ck_assert_uint_eq(s->bytes, nodes_bytes(s));
    same_range(s, l, STREAM_ID_MIN, STREAM_ID_MAX, false);
    same_range(s, l, STREAM_ID_MIN, STREAM_ID_MAX, true);
    struct stream_id first = l->n ? l->at[0].id : STREAM_ID_MIN;
    ck_assert_int_eq(stream_id_cmp(s->first_id, first), 0);
    if (s->nodes.count < 60) ck_assert_uint_eq(stream_radix_nodes(s), radix_by_hand(s));
}

static void forget_front(struct log *l, size_t n)
{
    memmove(l->at, l->at + n, (l->n - n) * sizeof(l->at[0]));
    l->n -= n;
}

static void trim_both(struct stream *s, struct log *l, struct rng *r)
{
    struct stream_trim t = { .by_id = rng_next(r) % 2, .approx = rng_next(r) % 2 };
    size_t n = 0, old = l->n;
    t.max_length = l->n ? rng_next(r) % l->n : 0;
    t.min_id = l->n ? l->at[rng_next(r) % l->n].id : STREAM_ID_MIN;
    if (rng_next(r) % 4 == 0) t.limit = 1 + rng_next(r) % 20;
    while (n < l->n && (t.by_id ? stream_id_cmp(l->at[n].id, t.min_id) < 0
                                : l->n - n > t.max_length))
        n++;
    uint64_t gone = stream_trim(s, &t);
    ck_assert_uint_le(gone, n);
    if (!t.approx && !t.limit) ck_assert_uint_eq(gone, n);
    if (t.limit && t.approx) ck_assert_uint_le(gone, t.limit);
    forget_front(l, gone);
    ck_assert_uint_eq(s->length, old - gone);
}

static void add_both(struct stream *s, struct log *l, struct rng *r,
                     const struct type_limits *limits)
{
    struct slice words[16];
    struct stream_id id = s->last_id;
    if (l->n == ENTRIES_MAX) return;
    if (rng_next(r) % 3)
        id.seq += 1 + rng_next(r) % 300;
    else
        id = (struct stream_id){ id.ms + 1 + rng_next(r) % 70000, rng_next(r) % 3 };
    int seed = (int)(rng_next(r) % 50), pairs = 1 + seed % 4;
    stream_add(s, limits, id, words_of(seed, pairs, words), words);
    l->at[l->n].id = id;
    l->at[l->n].seed = seed;
    l->at[l->n++].pairs = pairs;
}

static void remove_both(struct stream *s, struct log *l, struct rng *r)
{
    if (!l->n) return;
    size_t i = rng_next(r) % l->n;
    struct stream_id id = l->at[i].id;
    ck_assert(stream_has(s, id) && stream_remove(s, id));
    ck_assert(!stream_has(s, id) && !stream_remove(s, id));
    ck_assert_int_ge(stream_id_cmp(s->max_deleted, id), 0);
    memmove(l->at + i, l->at + i + 1, (l->n - i - 1) * sizeof(l->at[0]));
    l->n--;
}

/* Another stream of the same nodes, and none of damaged ones. */
static void readopt(const struct stream *s, const struct log *l, struct rng *r)
{
    struct stream *again = stream_make();
    struct idmap_pos pos = idmap_first(&s->nodes);
    for (; idmap_is(&pos); idmap_step(&pos)) {
        struct slice bytes = packed_bytes(*idmap_slot(&pos));
        char *bad = mem_alloc(bytes.n);
        memcpy(bad, bytes.p, bytes.n);
        bad[6 + rng_next(r) % (bytes.n - 7)] ^= (char)(1 << rng_next(r) % 8);
        if (packed_valid(slice_of(bad, bytes.n), true, NULL)) {
            struct stream *other = stream_make();
            struct packed *p = packed_from_bytes(slice_of(bad, bytes.n));
            if (!stream_adopt_node(other, idmap_id(&pos), p)) packed_free(p);
            struct stream_iter it = stream_range(other, STREAM_ID_MIN, STREAM_ID_MAX, true);
            uint64_t n = 0;
            while (stream_next(&it)) n++;
            ck_assert_uint_eq(n, other->length);
            stream_free(other);
        }
        mem_free(bad);
        ck_assert(stream_adopt_node(again, idmap_id(&pos), packed_from_bytes(bytes)));
    }
    ck_assert_uint_eq(again->length, l->n);
    same_range(again, l, STREAM_ID_MIN, STREAM_ID_MAX, false);
    stream_free(again);
}

static void run_stream(uint64_t seed)
{
    static struct log l;
    struct type_limits limits = TYPE_LIMITS_DEFAULT;
    struct rng r;
    struct entry *e = stream_new(SLICE("key"));
    struct stream *s = stream_of(e);
    rng_seed(&r, seed);
    l.n = 0;
    if (seed % 3 == 1) limits.stream_node_max_entries = 5;
    if (seed % 3 == 2) limits.stream_node_max_bytes = 150;
    for (int step = 0; step < 4000; step++) {
        unsigned what = (unsigned)(rng_next(&r) % 200);
        if (what < 120) add_both(s, &l, &r, &limits);
        else if (what < 180) remove_both(s, &l, &r);
        else if (what < 183) trim_both(s, &l, &r);
        else if (l.n) {
            struct stream_id a = l.at[rng_next(&r) % l.n].id, b = l.at[rng_next(&r) % l.n].id;
            if (what % 2) stream_id_next(&a);
            if (what % 3) stream_id_prev(&b);
            same_range(s, &l, a, b, what & 4);
        }
        if (step % 250 == 0) same_log(s, &l);
    }
    same_log(s, &l);
    readopt(s, &l, &r);
    struct entry *copy = entry_copy(e, SLICE("other"), ENTRY_NO_DEADLINE);
    entry_free(e);
    same_log(stream_of(copy), &l);
    ck_assert_uint_gt(value_mem(copy, 0), stream_of(copy)->bytes);
    entry_free(copy);
}

/* With nodes of the usual size, of few entries, of few bytes. */
START_TEST(stream_is_an_array)
{
    for (uint64_t seed = 6; seed < 12; seed++) run_stream(seed);
}
END_TEST

/* ---- groups ---- */

START_TEST(groups_hand_out_entries)
{
    struct entry *e = stream_new(SLICE("key"));
    struct stream *s = stream_of(e);
    struct slice words[2] = { SLICE("f"), SLICE("v") };
    int64_t lag;
    for (uint64_t i = 1; i <= 100; i++)
        stream_add(s, NULL, (struct stream_id){ i, 0 }, 1, words);
    struct stream_group *g = stream_group_add(s, SLICE("g"), STREAM_ID_MIN, STREAM_UNKNOWN);
    ck_assert_ptr_null(stream_group_add(s, SLICE("g"), STREAM_ID_MIN, 0));
    stream_group_add(s, SLICE("a"), STREAM_ID_MIN, 0);
    ck_assert(slice_eqz(str_slice(s->groups.at[0]->name), "a"));
    ck_assert(stream_group_lag(s, g, &lag) && lag == 100);
    struct stream_consumer *c = stream_consumer_add(g, SLICE("c"), 5);
    struct stream_consumer *d = stream_consumer_add(g, SLICE("d"), 5);
    for (uint64_t i = 1; i <= 50; i++) {
        struct stream_id id = { i, 0 };
        stream_group_advance(s, g, id);
        stream_pending_deliver(g, i % 2 ? c : d, id, 10);
    }
    ck_assert(stream_group_lag(s, g, &lag) && lag == 50);
    ck_assert_uint_eq(c->pending.count, 25);
    stream_pending_deliver(g, d, (struct stream_id){ 1, 0 }, 20);
    ck_assert_uint_eq(c->pending.count, 24);
    ck_assert_uint_eq(d->pending.count, 26);
    ck_assert(stream_pending_remove(g, (struct stream_id){ 1, 0 }));
    ck_assert(!stream_pending_remove(g, (struct stream_id){ 1, 0 }));
    struct entry *copy = entry_copy(e, SLICE("other"), ENTRY_NO_DEADLINE);
    stream_consumer_remove(g, d);
    ck_assert_uint_eq(g->pending.count, 24);
    ck_assert_ptr_null(stream_consumer_find(g, SLICE("d")));
    stream_remove(s, (struct stream_id){ 60, 0 });
    ck_assert(!stream_group_lag(s, g, &lag));
    stream_group_remove(s, g);
    ck_assert_ptr_null(stream_group_find(s, SLICE("g")));
    struct stream_group *other = stream_group_find(stream_of(copy), SLICE("g"));
    ck_assert_uint_eq(other->pending.count, 49);
    ck_assert_uint_eq(stream_consumer_find(other, SLICE("d"))->pending.count, 25);
    entry_free(copy);
    entry_free(e);
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(ids_are_read_and_written),
    UNIT(idmap_is_a_sorted_array),
    UNIT(stream_is_an_array),
    UNIT(groups_hand_out_entries),
};
UNIT_MAIN("stream", cases)
