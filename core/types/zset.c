#include "core/types/zset.h"

#include <math.h>

#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/base/table.h"
#include "core/types/unique.h"

enum { ZSET_PACKED, ZSET_BIG };

struct big {
    struct table names; /* of struct zmember, which the tree orders */
    struct ztree order;
    struct hash_key hash;
};

static const struct type_limits defaults = TYPE_LIMITS_DEFAULT;

static struct packed *packed_of(const struct entry *e) { return entry_ptr(e); }
static struct big *big_of(const struct entry *e) { return entry_ptr(e); }
static bool is_packed(const struct entry *e) { return e->encoding == ZSET_PACKED; }

/* ---- the name table ---- */

static uint64_t member_hash(const struct table *t, const void *entry)
{
    struct slice s = zmember_name(entry);
    return hash_bytes(s.p, s.n, t->app);
}

static bool member_equal(const void *entry, const void *key)
{
    return slice_eq(zmember_name(entry), *(const struct slice *)key);
}

static const struct table_type names_type = { member_hash, member_equal };

static struct big *big_new(const struct hash_key *hash)
{
    struct big *b = mem_zalloc(sizeof(*b));
    b->hash = *hash;
    table_init(&b->names, &names_type, &b->hash);
    return b;
}

static void big_free(struct big *b)
{
    struct table_iter it;
    table_iter_start(&it, &b->names);
    for (struct zmember *m; (m = table_iter_next(&it));) zmember_free(m);
    table_iter_end(&it);
    table_free(&b->names);
    ztree_free(&b->order);
    mem_free(b);
}

static struct zmember *big_find(const struct big *b, struct slice name)
{
    void **at = table_find(&b->names, hash_bytes(name.p, name.n, &b->hash), &name);
    return at ? *at : NULL;
}

static void big_add(struct big *b, double score, struct slice name)
{
    struct zmember *m = zmember_new(score, name);
    table_add(&b->names, hash_bytes(name.p, name.n, &b->hash), m);
    ztree_add(&b->order, m);
}

static void big_drop(struct big *b, struct zmember *m)
{
    must(table_remove_entry(&b->names, member_hash(&b->names, m), m));
    ztree_remove(&b->order, m);
    zmember_free(m);
}

/* ---- the packed form: positions of members; the score stands behind its member ---- */

static double score_at(const struct packed *p, size_t at)
{
    struct packed_item item = packed_get(p, packed_next(p, at));
    double score = 0;
    if (!item.s) return (double)item.i;
    must(num_to_double(slice_of(item.s, item.n), &score));
    return score;
}

static size_t pair_next(const struct packed *p, size_t at)
{
    return packed_next(p, packed_next(p, at));
}

static size_t pair_prev(const struct packed *p, size_t at)
{
    size_t score = packed_prev(p, at);
    return score ? packed_prev(p, score) : 0;
}

static size_t pair_last(const struct packed *p)
{
    size_t score = packed_last(p);
    return score ? packed_prev(p, score) : 0;
}

static size_t pair_find(const struct packed *p, struct slice member)
{
    size_t first = packed_first(p);
    return first ? packed_find(p, first, member, 1) : 0;
}

static size_t pair_rank(const struct packed *p, size_t at)
{
    size_t rank = 0;
    for (size_t i = packed_first(p); i != at; i = pair_next(p, i)) rank++;
    return rank;
}

#define WHOLE_MAX ((double)((int64_t)1 << 62))

bool zset_score_is_whole(double score, int64_t *out)
{
    if (!(score >= -WHOLE_MAX && score <= WHOLE_MAX)) return false;
    *out = (int64_t)score;
    return score == (double)*out;
}

static void pair_insert(struct packed **p, size_t before, double score, struct slice member)
{
    size_t at = packed_insert(p, before, member);
    size_t behind = packed_next(*p, at);
    int64_t whole;
    if (zset_score_is_whole(score, &whole)) {
        packed_insert_int(p, behind, whole);
    } else {
        char text[NUM_DOUBLE_MAX];
        size_t n = num_from_double(text, score);
        packed_insert(p, behind, slice_of(text, n));
    }
}

static void pair_add(struct packed **p, double score, struct slice member)
{
    char tmp[PACKED_TMP];
    size_t at = packed_first(*p);
    for (; at; at = pair_next(*p, at)) {
        double s = score_at(*p, at);
        if (s > score || (s == score && slice_cmp(packed_text(*p, at, tmp), member) > 0)) break;
    }
    pair_insert(p, at, score, member);
}

/* ---- life ---- */

static const struct type_limits *given(const struct type_limits *l) { return l ? l : &defaults; }

struct entry *zset_new(struct slice key, struct slice sample, size_t hint, int64_t deadline,
                       const struct type_limits *limits)
{
    const struct type_limits *l = given(limits);
    bool small = l->zset_max_listpack_entries > 0 &&
                 hint <= (uint64_t)l->zset_max_listpack_entries &&
                 sample.n <= (uint64_t)l->zset_max_listpack_value;
    if (small) return entry_new_ptr(key, VALUE_ZSET, ZSET_PACKED, packed_new(), deadline);
    return entry_new_ptr(key, VALUE_ZSET, ZSET_BIG, big_new(&l->hash), deadline);
}

static struct big *big_from_packed(const struct packed *p, const struct hash_key *hash)
{
    char tmp[PACKED_TMP];
    struct big *b = big_new(hash);
    table_reserve(&b->names, packed_count(p) / 2 + 1);
    for (size_t at = packed_first(p); at; at = pair_next(p, at))
        big_add(b, score_at(p, at), packed_text(p, at, tmp));
    return b;
}

static void grow(struct value *v, const struct type_limits *l)
{
    struct packed *p = packed_of(v->e);
    struct big *b = big_from_packed(p, &l->hash);
    value_become(v, &(struct value_form){ .encoding = ZSET_BIG,
                                          .flags = ENTRY_WORD | ENTRY_OWNS,
                                          .word = (uintptr_t)b });
    packed_free(p);
}

/* Pairs, numbers as scores, in order, no member twice. Sets *longest. */
static bool packed_is_zset(const struct packed *p, size_t *longest)
{
    char tmp[2][PACKED_TMP];
    struct slice last = { NULL, 0 };
    double last_score = 0;
    unsigned turn = 0;
    if (packed_count(p) % 2) return false;
    *longest = 0;
    for (size_t at = packed_first(p); at; at = pair_next(p, at), turn ^= 1) {
        char text[2][PACKED_TMP];
        struct slice score_text = packed_text(p, packed_next(p, at), text[0]);
        struct slice name = packed_text(p, at, tmp[turn]);
        double score;
        if (!num_to_double(score_text, &score)) return false;
        if (last.p && (score < last_score || (score == last_score && slice_cmp(name, last) <= 0)))
            return false;
        if (name.n > *longest) *longest = name.n;
        last = name;
        last_score = score;
    }
    return true;
}

struct entry *zset_new_packed(struct slice key, struct packed *p, int64_t deadline,
                              const struct type_limits *limits)
{
    const struct type_limits *l = given(limits);
    size_t longest;
    if (!packed_is_zset(p, &longest) || !packed_names_differ(p, 2)) {
        packed_free(p);
        return NULL;
    }
    if (packed_count(p) / 2 <= (uint64_t)l->zset_max_listpack_entries &&
        longest <= (uint64_t)l->zset_max_listpack_value)
        return entry_new_ptr(key, VALUE_ZSET, ZSET_PACKED, p, deadline);
    struct big *b = big_from_packed(p, &l->hash);
    packed_free(p);
    return entry_new_ptr(key, VALUE_ZSET, ZSET_BIG, b, deadline);
}

const struct packed *zset_packed(const struct entry *e)
{
    return is_packed(e) ? packed_of(e) : NULL;
}

/* ---- reading ---- */

size_t zset_count(const struct entry *e)
{
    return is_packed(e) ? packed_count(packed_of(e)) / 2 : table_count(&big_of(e)->names);
}

bool zset_score(const struct entry *e, struct slice member, double *score)
{
    if (is_packed(e)) {
        size_t at = pair_find(packed_of(e), member);
        if (at) *score = score_at(packed_of(e), at);
        return at != 0;
    }
    const struct zmember *m = big_find(big_of(e), member);
    if (m) *score = m->score;
    return m != NULL;
}

bool zset_rank(const struct entry *e, struct slice member, size_t *rank, double *score)
{
    if (is_packed(e)) {
        size_t at = pair_find(packed_of(e), member);
        if (!at) return false;
        *score = score_at(packed_of(e), at);
        *rank = pair_rank(packed_of(e), at);
        return true;
    }
    const struct zmember *m = big_find(big_of(e), member);
    if (!m) return false;
    struct ztree_place p = { .by = ZTREE_BY_BOTH, .score = m->score, .name = member };
    *score = m->score;
    *rank = ztree_rank(&big_of(e)->order, &p);
    return true;
}

void zset_iter_start(struct zset_iter *it, const struct entry *e, size_t rank, bool reverse)
{
    it->packed = zset_packed(e);
    it->reverse = reverse;
    it->live = rank < zset_count(e);
    if (!it->live) return;
    if (it->packed)
        it->at = packed_seek(it->packed, (int64_t)rank * 2);
    else
        ztree_seek(&big_of(e)->order, rank, &it->cursor);
}

bool zset_iter_next(struct zset_iter *it, struct zset_item *out)
{
    if (!it->live) return false;
    if (it->packed) {
        out->member = packed_text(it->packed, it->at, out->tmp);
        out->score = score_at(it->packed, it->at);
        it->at = it->reverse ? pair_prev(it->packed, it->at) : pair_next(it->packed, it->at);
        it->live = it->at != 0;
        return true;
    }
    const struct zmember *m = ztree_here(&it->cursor);
    out->member = zmember_name(m);
    out->score = m->score;
    it->live = it->reverse ? ztree_prev(&it->cursor) : ztree_next(&it->cursor);
    return true;
}

/* Members before the place, in the packed form. */
static size_t packed_rank(const struct packed *p, const struct ztree_place *place)
{
    size_t rank = 0;
    for (size_t at = packed_first(p); at; at = pair_next(p, at), rank++) {
        double s = score_at(p, at);
        if (place->after ? s > place->score : s >= place->score) break;
    }
    return rank;
}

static size_t rank_by_score(const struct entry *e, double score, bool after)
{
    struct ztree_place p = { .by = ZTREE_BY_SCORE, .score = score, .after = after };
    return is_packed(e) ? packed_rank(packed_of(e), &p) : ztree_rank(&big_of(e)->order, &p);
}

struct zset_span zset_by_score(const struct entry *e, const struct zset_scores *r)
{
    struct zset_span none = { 0, 0 };
    if (r->min > r->max || (r->min == r->max && (r->min_open || r->max_open))) return none;
    size_t from = rank_by_score(e, r->min, r->min_open);
    size_t to = rank_by_score(e, r->max, !r->max_open);
    return to > from ? (struct zset_span){ from, to - from } : none;
}

static int cmp_bound(struct slice name, struct slice bound, int end)
{
    return end ? -end : slice_cmp(name, bound);
}

static bool reaches_min(struct slice name, const struct zset_names *r)
{
    int c = cmp_bound(name, r->min, r->min_end);
    return r->min_open ? c > 0 : c >= 0;
}

static bool within_max(struct slice name, const struct zset_names *r)
{
    int c = cmp_bound(name, r->max, r->max_end);
    return r->max_open ? c < 0 : c <= 0;
}

static bool names_are_empty(const struct zset_names *r)
{
    if (r->min_end || r->max_end) return r->min_end == 1 || r->max_end == -1;
    int c = slice_cmp(r->min, r->max);
    return c > 0 || (c == 0 && (r->min_open || r->max_open));
}

/* A plain walk, since members of unequal scores have no order of names. */
static struct zset_span packed_by_name(const struct packed *p, const struct zset_names *r,
                                       bool reverse)
{
    char tmp[PACKED_TMP];
    struct zset_span s = { 0, 0 };
    size_t first = packed_first(p), last = pair_last(p);
    if (!first || !reaches_min(packed_text(p, last, tmp), r) ||
        !within_max(packed_text(p, first, tmp), r))
        return s;
    size_t at = reverse ? last : first;
    s.start = reverse ? packed_count(p) / 2 - 1 : 0;
    if (!reverse) {
        for (; at && !reaches_min(packed_text(p, at, tmp), r); at = pair_next(p, at)) s.start++;
        for (; at && within_max(packed_text(p, at, tmp), r); at = pair_next(p, at)) s.n++;
        return s;
    }
    for (; at && !within_max(packed_text(p, at, tmp), r); at = pair_prev(p, at)) s.start--;
    for (; at && reaches_min(packed_text(p, at, tmp), r); at = pair_prev(p, at)) s.n++;
    s.start = s.start + 1 - s.n;
    return s;
}

struct zset_span zset_by_name(const struct entry *e, const struct zset_names *r, bool reverse)
{
    struct zset_span none = { 0, 0 };
    if (names_are_empty(r)) return none;
    if (is_packed(e)) return packed_by_name(packed_of(e), r, reverse);
    const struct ztree *t = &big_of(e)->order;
    size_t from = 0, to = ztree_count(t);
    if (!r->min_end)
        from = ztree_rank(t, &(struct ztree_place){ .by = ZTREE_BY_NAME, .name = r->min,
                                                    .after = r->min_open });
    if (!r->max_end)
        to = ztree_rank(t, &(struct ztree_place){ .by = ZTREE_BY_NAME, .name = r->max,
                                                  .after = !r->max_open });
    return to > from ? (struct zset_span){ from, to - from } : none;
}

void zset_random(const struct entry *e, struct rng *rng, struct zset_item *out)
{
    struct zset_iter it;
    zset_iter_start(&it, e, rng_below(rng, zset_count(e)), false);
    must(zset_iter_next(&it, out));
}

struct scan {
    void (*fn)(void *app, const struct zset_item *item);
    void *app;
    uint64_t n;
};

static void scan_one(void *app, void *entry)
{
    struct scan *s = app;
    const struct zmember *m = entry;
    struct zset_item item = { .member = zmember_name(m), .score = m->score };
    s->n++;
    s->fn(s->app, &item);
}

#define SCAN_EMPTY_MAX 10 /* buckets looked at for each member asked for */

uint64_t zset_scan(const struct entry *e, uint64_t cursor, uint64_t count,
                   void (*fn)(void *app, const struct zset_item *item), void *app)
{
    if (is_packed(e)) {
        struct zset_iter it;
        struct zset_item item;
        zset_iter_start(&it, e, 0, false);
        while (zset_iter_next(&it, &item)) fn(app, &item);
        return 0;
    }
    struct scan s = { fn, app, 0 };
    uint64_t looks = count > UINT64_MAX / SCAN_EMPTY_MAX ? UINT64_MAX : count * SCAN_EMPTY_MAX;
    do cursor = table_scan(&big_of(e)->names, cursor, scan_one, &s);
    while (cursor && s.n < count && --looks);
    return cursor;
}

/* ---- change ---- */

/* The score that the conditions lead to; ZSET_MOVED when it differs. */
static enum zset_did decide(double old, double *score, unsigned how)
{
    if (how & ZSET_NX) return ZSET_REFUSED;
    if (how & ZSET_INCR) *score += old;
    if (isnan(*score)) return ZSET_NAN;
    if ((how & ZSET_LT && *score >= old) || (how & ZSET_GT && *score <= old)) return ZSET_REFUSED;
    return *score != old ? ZSET_MOVED : ZSET_SAME;
}

static enum zset_did packed_change(struct value *v, size_t at, double *score, struct slice member,
                                   unsigned how)
{
    struct packed *p = packed_of(v->e);
    enum zset_did did = decide(score_at(p, at), score, how);
    if (did != ZSET_MOVED) return did;
    packed_delete(&p, at, 2);
    pair_add(&p, *score, member);
    *entry_word(v->e) = (uintptr_t)p;
    return did;
}

static bool fits(const struct packed *p, struct slice member, const struct type_limits *l)
{
    return packed_count(p) / 2 + 1 <= (uint64_t)l->zset_max_listpack_entries &&
           member.n <= (uint64_t)l->zset_max_listpack_value &&
           packed_takes(p, member.n + NUM_DOUBLE_MAX + 16);
}

static enum zset_did big_change(struct value *v, struct zmember *m, double *score, unsigned how)
{
    struct big *b = big_of(v->e);
    enum zset_did did = decide(m->score, score, how);
    if (did != ZSET_MOVED) return did;
    ztree_remove(&b->order, m);
    m->score = *score;
    ztree_add(&b->order, m);
    return did;
}

static enum zset_did change(struct value *v, double *score, struct slice member, unsigned how,
                            const struct type_limits *l)
{
    if (is_packed(v->e)) {
        size_t at = pair_find(packed_of(v->e), member);
        if (at) return packed_change(v, at, score, member, how);
        if (how & ZSET_XX) return ZSET_REFUSED;
        if (fits(packed_of(v->e), member, l)) {
            struct packed *p = packed_of(v->e);
            pair_add(&p, *score, member);
            *entry_word(v->e) = (uintptr_t)p;
            return ZSET_ADDED;
        }
        grow(v, l);
    } else {
        struct zmember *m = big_find(big_of(v->e), member);
        if (m) return big_change(v, m, score, how);
        if (how & ZSET_XX) return ZSET_REFUSED;
    }
    big_add(big_of(v->e), *score, member);
    return ZSET_ADDED;
}

enum zset_did zset_add(struct value *v, double score, struct slice member, unsigned how,
                       double *result, const struct type_limits *limits)
{
    if (isnan(score)) return ZSET_NAN;
    enum zset_did did = change(v, &score, member, how, given(limits));
    if (result) *result = score;
    return did;
}

bool zset_remove(struct value *v, struct slice member)
{
    if (is_packed(v->e)) {
        struct packed *p = packed_of(v->e);
        size_t at = pair_find(p, member);
        if (!at) return false;
        packed_delete(&p, at, 2);
        *entry_word(v->e) = (uintptr_t)p;
        return true;
    }
    struct zmember *m = big_find(big_of(v->e), member);
    if (m) big_drop(big_of(v->e), m);
    return m != NULL;
}

void zset_remove_span(struct value *v, struct zset_span span)
{
    if (is_packed(v->e)) {
        struct packed *p = packed_of(v->e);
        packed_delete_range(&p, (int64_t)span.start * 2, span.n * 2);
        *entry_word(v->e) = (uintptr_t)p;
        return;
    }
    struct big *b = big_of(v->e);
    for (size_t i = 0; i < span.n; i++) big_drop(b, ztree_at(&b->order, span.start));
}

static bool fits_all(const struct entry *e, const struct type_limits *l)
{
    struct zset_iter it;
    struct zset_item item;
    size_t bytes = 0;
    if (zset_count(e) > (uint64_t)l->zset_max_listpack_entries) return false;
    zset_iter_start(&it, e, 0, false);
    while (zset_iter_next(&it, &item)) {
        bytes += item.member.n;
        if (item.member.n > (uint64_t)l->zset_max_listpack_value || bytes > PACKED_MAX / 2)
            return false;
    }
    return true;
}

void zset_settle(struct value *v, const struct type_limits *limits)
{
    struct zset_iter it;
    struct zset_item item;
    if (is_packed(v->e) || !fits_all(v->e, given(limits))) return;
    struct big *b = big_of(v->e);
    struct packed *p = packed_new();
    zset_iter_start(&it, v->e, 0, false);
    while (zset_iter_next(&it, &item)) pair_insert(&p, 0, item.score, item.member);
    value_become(v, &(struct value_form){ .encoding = ZSET_PACKED,
                                          .flags = ENTRY_WORD | ENTRY_OWNS,
                                          .word = (uintptr_t)p });
    big_free(b);
}

/* ---- the row ---- */

static const char *ops_encoding(const struct entry *e)
{
    return is_packed(e) ? "listpack" : "skiplist";
}

static void ops_free(uint8_t encoding, void *ptr)
{
    if (encoding == ZSET_PACKED)
        packed_free(ptr);
    else
        big_free(ptr);
}

static void *ops_copy(uint8_t encoding, const void *ptr)
{
    if (encoding == ZSET_PACKED) return packed_copy(ptr);
    const struct big *from = ptr;
    struct big *to = big_new(&from->hash);
    struct ztree_cursor c;
    if (!table_count(&from->names)) return to;
    table_reserve(&to->names, table_count(&from->names));
    ztree_seek(&from->order, 0, &c);
    do big_add(to, ztree_here(&c)->score, zmember_name(ztree_here(&c)));
    while (ztree_next(&c));
    return to;
}

static size_t ops_mem(uint8_t encoding, const void *ptr, size_t samples)
{
    if (encoding == ZSET_PACKED) return packed_mem(ptr);
    const struct big *b = ptr;
    size_t n = table_count(&b->names), seen = 0, bytes = 0;
    struct ztree_cursor c;
    if (n) {
        ztree_seek(&b->order, 0, &c);
        do bytes += mem_size(ztree_here(&c));
        while (++seen < (samples ? samples : n) && ztree_next(&c));
        bytes = (size_t)((double)bytes / (double)seen * (double)n);
    }
    return mem_size(b) + table_mem(&b->names) + ztree_mem(&b->order) + bytes;
}

static size_t ops_effort(uint8_t encoding, const void *ptr)
{
    return encoding == ZSET_PACKED ? 1 : table_count(&((const struct big *)ptr)->names);
}

static const struct table *ops_place(const struct entry *e, struct slice member, uint64_t *hash)
{
    if (is_packed(e)) return NULL;
    struct big *b = big_of(e);
    *hash = hash_bytes(member.p, member.n, &b->hash);
    return &b->names;
}

const struct type_ops zset_ops = {
    .name = "zset",
    .encoding_name = ops_encoding,
    .free = ops_free,
    .copy = ops_copy,
    .mem = ops_mem,
    .free_effort = ops_effort,
    .place = ops_place,
};
