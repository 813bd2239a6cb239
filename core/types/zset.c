#include "core/types/zset.h"

#include <math.h>

#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/base/table.h"
#include "core/types/unique.h"

enum { ZSET_ROW, ZSET_BIG };

struct big {
    struct table names; /* of struct zmember, which the tree orders */
    struct ztree order;
    struct hash_key hash;
};

static const struct type_limits defaults = TYPE_LIMITS_DEFAULT;

static struct zrow *row_of(const struct entry *e) { return entry_ptr(e); }
static struct big *big_of(const struct entry *e) { return entry_ptr(e); }
static bool is_row(const struct entry *e) { return e->encoding == ZSET_ROW; }

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

/* ---- the row ---- */

static bool precedes(const struct zrow_at *a, double score, struct slice member)
{
    return a->score < score || (a->score == score && slice_cmp(a->member, member) < 0);
}

static void row_add(struct zrow **r, double score, struct slice member)
{
    struct zrow_at a = zrow_first(*r);
    while (a.member.p && precedes(&a, score, member)) a = zrow_next(*r, &a);
    zrow_insert(r, &a, score, member);
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
    if (small) return entry_new_ptr(key, VALUE_ZSET, ZSET_ROW, zrow_new(), deadline);
    return entry_new_ptr(key, VALUE_ZSET, ZSET_BIG, big_new(&l->hash), deadline);
}

static struct big *big_from_row(const struct zrow *r, const struct hash_key *hash)
{
    struct big *b = big_new(hash);
    table_reserve(&b->names, zrow_count(r) + 1);
    for (struct zrow_at a = zrow_first(r); a.member.p; a = zrow_next(r, &a))
        big_add(b, a.score, a.member);
    return b;
}

static void grow(struct value *v, const struct type_limits *l)
{
    struct zrow *r = row_of(v->e);
    struct big *b = big_from_row(r, &l->hash);
    value_become(v, &(struct value_form){ .encoding = ZSET_BIG,
                                          .flags = ENTRY_WORD | ENTRY_OWNS,
                                          .word = (uintptr_t)b });
    zrow_free(r);
}

/* ---- the listpack: member, score, member, score ... ---- */

#define PACKED_SMALL_MAX (ZROW_MAX / 8) /* so much of a listpack always fits a row */

/* The pair that was read last, and the longest member. */
struct pairs {
    struct slice member;
    double score;
    size_t longest;
};

static bool follows(const struct pairs *last, double score, struct slice member)
{
    if (!last->member.p || score > last->score) return true;
    return score == last->score && slice_cmp(member, last->member) > 0;
}

static bool score_of(const struct packed *p, size_t at, double *score)
{
    struct packed_item item = packed_get(p, at);
    if (item.s) return num_to_double(slice_of(item.s, item.n), score);
    *score = (double)item.i;
    return true;
}

/* Pairs, numbers as scores, in order. They go to `m`, unless it is NULL. Sets *longest. */
static bool read_pairs(const struct packed *p, struct zrow_maker *m, size_t *longest)
{
    char tmp[2][PACKED_TMP];
    unsigned turn = 0;
    struct pairs last = { .longest = 0 };
    if (packed_count(p) % 2) return false;
    for (size_t at = packed_first(p); at; turn ^= 1) {
        struct slice member = packed_text(p, at, tmp[turn]);
        size_t behind = packed_next(p, at);
        double score;
        if (!score_of(p, behind, &score) || !follows(&last, score, member)) return false;
        if (m) zrow_maker_add(m, score, member);
        last = (struct pairs){ member, score, member.n > last.longest ? member.n : last.longest };
        at = packed_next(p, behind);
    }
    *longest = last.longest;
    return true;
}

static struct big *big_from_packed(const struct packed *p, const struct hash_key *hash)
{
    char tmp[PACKED_TMP];
    double score = 0;
    struct big *b = big_new(hash);
    table_reserve(&b->names, packed_count(p) / 2 + 1);
    for (size_t at = packed_first(p); at;) {
        size_t behind = packed_next(p, at);
        must(score_of(p, behind, &score));
        big_add(b, score, packed_text(p, at, tmp));
        at = packed_next(p, behind);
    }
    return b;
}

struct entry *zset_new_packed(struct slice key, struct packed *p, int64_t deadline,
                              const struct type_limits *limits)
{
    const struct type_limits *l = given(limits);
    struct entry *e = NULL;
    struct zrow_maker m = { .row = NULL };
    size_t longest;
    bool few = packed_count(p) / 2 <= (uint64_t)l->zset_max_listpack_entries &&
               packed_size(p) < PACKED_SMALL_MAX;
    if (few) zrow_maker_start(&m, packed_size(p));
    if (read_pairs(p, few ? &m : NULL, &longest) && packed_names_differ(p, 2)) {
        if (few && longest <= (uint64_t)l->zset_max_listpack_value)
            e = entry_new_ptr(key, VALUE_ZSET, ZSET_ROW, zrow_maker_take(&m), deadline);
        else
            e = entry_new_ptr(key, VALUE_ZSET, ZSET_BIG, big_from_packed(p, &l->hash), deadline);
    }
    zrow_free(m.row);
    packed_free(p);
    return e;
}

#define WHOLE_MAX ((double)((int64_t)1 << 62))

bool zset_score_is_whole(double score, int64_t *out)
{
    if (!(score >= -WHOLE_MAX && score <= WHOLE_MAX)) return false;
    *out = (int64_t)score;
    return score == (double)*out;
}

static void append_pair(struct packed **p, double score, struct slice member)
{
    char text[NUM_DOUBLE_MAX];
    int64_t whole;
    packed_append(p, member);
    if (zset_score_is_whole(score, &whole))
        packed_append_int(p, whole);
    else
        packed_append(p, slice_of(text, num_from_double(text, score)));
}

struct packed *zset_to_packed(const struct entry *e)
{
    struct packed *p = packed_new();
    const struct zrow *r = row_of(e);
    for (struct zrow_at a = zrow_first(r); a.member.p; a = zrow_next(r, &a))
        append_pair(&p, a.score, a.member);
    return p;
}

bool zset_is_compact(const struct entry *e) { return is_row(e); }

/* ---- reading ---- */

size_t zset_count(const struct entry *e)
{
    return is_row(e) ? zrow_count(row_of(e)) : table_count(&big_of(e)->names);
}

bool zset_score(const struct entry *e, struct slice member, double *score)
{
    if (is_row(e)) {
        struct zrow_at a;
        bool found = zrow_find(row_of(e), member, &a, NULL);
        if (found) *score = a.score;
        return found;
    }
    const struct zmember *m = big_find(big_of(e), member);
    if (m) *score = m->score;
    return m != NULL;
}

bool zset_rank(const struct entry *e, struct slice member, size_t *rank, double *score)
{
    if (is_row(e)) {
        struct zrow_at a;
        bool found = zrow_find(row_of(e), member, &a, rank);
        if (found) *score = a.score;
        return found;
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
    it->row = is_row(e) ? row_of(e) : NULL;
    it->reverse = reverse;
    it->live = rank < zset_count(e);
    if (!it->live) return;
    if (!it->row)
        ztree_seek(&big_of(e)->order, rank, &it->cursor);
    else if (reverse)
        zrow_down_start(&it->down, rank);
    else
        it->at = zrow_seek(it->row, rank);
}

static bool row_iter_next(struct zset_iter *it, struct zset_item *out)
{
    struct zrow_at a;
    if (it->reverse) {
        zrow_down_next(&it->down, it->row, &a);
        it->live = it->down.left != 0;
    } else {
        a = it->at;
        it->at = zrow_next(it->row, &a);
        it->live = it->at.member.p != NULL;
    }
    *out = (struct zset_item){ a.member, a.score };
    return true;
}

bool zset_iter_next(struct zset_iter *it, struct zset_item *out)
{
    if (!it->live) return false;
    if (it->row) return row_iter_next(it, out);
    const struct zmember *m = ztree_here(&it->cursor);
    *out = (struct zset_item){ zmember_name(m), m->score };
    it->live = it->reverse ? ztree_prev(&it->cursor) : ztree_next(&it->cursor);
    return true;
}

/* Members before the place, in the row. */
static size_t row_rank(const struct zrow *r, const struct ztree_place *place)
{
    size_t rank = 0;
    for (struct zrow_at a = zrow_first(r); a.member.p; a = zrow_next(r, &a), rank++)
        if (place->after ? a.score > place->score : a.score >= place->score) break;
    return rank;
}

static size_t rank_by_score(const struct entry *e, double score, bool after)
{
    struct ztree_place p = { .by = ZTREE_BY_SCORE, .score = score, .after = after };
    return is_row(e) ? row_rank(row_of(e), &p) : ztree_rank(&big_of(e)->order, &p);
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
static struct zset_span row_by_name(const struct entry *e, const struct zset_names *r,
                                    bool reverse)
{
    struct zset_iter it;
    struct zset_item item;
    size_t before = 0, n = 0, count = zset_count(e);
    zset_iter_start(&it, e, reverse ? count - 1 : 0, reverse);
    while (zset_iter_next(&it, &item)) {
        bool reached = n || (reverse ? within_max(item.member, r) : reaches_min(item.member, r));
        if (!reached)
            before++;
        else if (reverse ? reaches_min(item.member, r) : within_max(item.member, r))
            n++;
        else
            break;
    }
    return (struct zset_span){ reverse ? count - before - n : before, n };
}

/* The ends tell: whoever asks of unequal scores gets nothing unless both are within. */
static bool row_ends_reach(const struct entry *e, const struct zset_names *r)
{
    struct zset_iter last;
    struct zset_item item;
    zset_iter_start(&last, e, zset_count(e) - 1, true);
    return zset_iter_next(&last, &item) && reaches_min(item.member, r) &&
           within_max(zrow_first(row_of(e)).member, r);
}

struct zset_span zset_by_name(const struct entry *e, const struct zset_names *r, bool reverse)
{
    struct zset_span none = { 0, 0 };
    if (names_are_empty(r)) return none;
    if (is_row(e)) return row_ends_reach(e, r) ? row_by_name(e, r, reverse) : none;
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
    if (is_row(e)) {
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

static enum zset_did row_change(struct value *v, const struct zrow_at *at, double *score,
                                struct slice member, unsigned how)
{
    struct zrow *r = row_of(v->e);
    enum zset_did did = decide(at->score, score, how);
    if (did != ZSET_MOVED) return did;
    zrow_remove(&r, at, 1);
    row_add(&r, *score, member);
    *entry_word(v->e) = (uintptr_t)r;
    return did;
}

static bool fits(const struct zrow *r, struct slice member, const struct type_limits *l)
{
    return zrow_count(r) + 1 <= (uint64_t)l->zset_max_listpack_entries &&
           member.n <= (uint64_t)l->zset_max_listpack_value && zrow_takes(r, member.n);
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
    if (is_row(v->e)) {
        struct zrow *r = row_of(v->e);
        struct zrow_at at;
        if (zrow_find(r, member, &at, NULL)) return row_change(v, &at, score, member, how);
        if (how & ZSET_XX) return ZSET_REFUSED;
        if (fits(r, member, l)) {
            row_add(&r, *score, member);
            *entry_word(v->e) = (uintptr_t)r;
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
    if (is_row(v->e)) {
        struct zrow *r = row_of(v->e);
        struct zrow_at at;
        if (!zrow_find(r, member, &at, NULL)) return false;
        zrow_remove(&r, &at, 1);
        *entry_word(v->e) = (uintptr_t)r;
        return true;
    }
    struct zmember *m = big_find(big_of(v->e), member);
    if (m) big_drop(big_of(v->e), m);
    return m != NULL;
}

void zset_remove_span(struct value *v, struct zset_span span)
{
    if (is_row(v->e)) {
        struct zrow *r = row_of(v->e);
        struct zrow_at at = zrow_seek(r, span.start);
        zrow_remove(&r, &at, span.n);
        *entry_word(v->e) = (uintptr_t)r;
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
        if (item.member.n > (uint64_t)l->zset_max_listpack_value || bytes > ZROW_MAX / 2)
            return false;
    }
    return true;
}

void zset_settle(struct value *v, const struct type_limits *limits)
{
    struct zset_iter it;
    struct zset_item item;
    if (is_row(v->e) || !fits_all(v->e, given(limits))) return;
    struct big *b = big_of(v->e);
    struct zrow_maker m;
    zrow_maker_start(&m, 0);
    zset_iter_start(&it, v->e, 0, false);
    while (zset_iter_next(&it, &item)) zrow_maker_add(&m, item.score, item.member);
    value_become(v, &(struct value_form){ .encoding = ZSET_ROW,
                                          .flags = ENTRY_WORD | ENTRY_OWNS,
                                          .word = (uintptr_t)zrow_maker_take(&m) });
    big_free(b);
}

/* ---- the type's row ---- */

static const char *ops_encoding(const struct entry *e)
{
    return is_row(e) ? "listpack" : "skiplist";
}

static void ops_free(uint8_t encoding, void *ptr)
{
    if (encoding == ZSET_ROW)
        zrow_free(ptr);
    else
        big_free(ptr);
}

static void *ops_copy(uint8_t encoding, const void *ptr)
{
    if (encoding == ZSET_ROW) return zrow_copy(ptr);
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
    if (encoding == ZSET_ROW) return zrow_mem(ptr);
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
    return encoding == ZSET_ROW ? 1 : table_count(&((const struct big *)ptr)->names);
}

static const struct table *ops_place(const struct entry *e, struct slice member, uint64_t *hash)
{
    if (is_row(e)) return NULL;
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
