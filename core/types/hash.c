#include "core/types/hash.h"

#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/base/vec.h"
#include "core/types/big.h"
#include "core/types/hash_timed.h"
#include "core/types/room.h"
#include "core/types/varlen.h"
#include "core/types/zset.h"

enum { INLINE, PACKED, TABLE, TIMED = HASH_TIMED };

#define SCAN_STEPS_A_PAIR 10 /* buckets: a sparse table must not make one call long */

static const struct type_limits defaults = TYPE_LIMITS_DEFAULT;

static const struct type_limits *or_defaults(const struct type_limits *l)
{
    return l ? l : &defaults;
}
static struct big *big_of(const struct entry *e) { return entry_ptr(e); }
static struct packed *packed_of(const struct entry *e) { return entry_ptr(e); }
/* What has one of the first three encodings: the hash, or the fields of one with deadlines. */
static const struct entry *plain(const struct entry *e)
{
    return e->encoding == TIMED ? timed_of(e)->fields : e;
}

/* --- cells: | field length | value length | field | value | -------------------------------- */

struct cell {
    struct slice field, value;
};

static struct cell cell_read(const void *p)
{
    struct cell c;
    const char *at = varlen_get(p, &c.field.n);
    at = varlen_get(at, &c.value.n);
    c.field.p = at;
    c.value.p = at + c.field.n;
    return c;
}

static size_t cell_size(size_t field_n, size_t value_n)
{
    return varlen_size(field_n) + varlen_size(value_n) + field_n + value_n;
}

/* The field may be the one that stands in this very cell. */
static void cell_write(char *p, struct slice field, struct slice value)
{
    char *at = p + varlen_size(field.n) + varlen_size(value.n);
    if (field.n) memmove(at, field.p, field.n);
    if (value.n) memcpy(at + field.n, value.p, value.n);
    varlen_put(varlen_put(p, field.n), value.n);
}

static void *cell_new(struct slice field, struct slice value)
{
    char *p = mem_alloc(room_for(cell_size(field.n, value.n)));
    cell_write(p, field, value);
    return p;
}

static uint64_t cell_hash(const struct table *t, const void *cell)
{
    struct cell c = cell_read(cell);
    return hash_bytes(c.field.p, c.field.n, t->app);
}

static bool cell_has_field(const void *cell, const void *field)
{
    return slice_eq(cell_read(cell).field, *(const struct slice *)field);
}

static const struct table_type cells = { cell_hash, cell_has_field };

static uint64_t hash_of(const struct big *b, struct slice field)
{
    return hash_bytes(field.p, field.n, &b->key);
}

/* --- in the entry: | length | field | length | value | length | field | ... ---------------- */

struct pair_at {
    size_t at, next; /* offsets of this pair and of the one behind */
    struct slice field, value;
};

/* False at the end. */
static bool inline_pair(struct slice d, size_t at, struct pair_at *out)
{
    if (at >= d.n) return false;
    out->at = at;
    out->field.p = varlen_get(d.p + at, &out->field.n);
    out->value.p = varlen_get(out->field.p + out->field.n, &out->value.n);
    out->next = (size_t)(out->value.p - d.p) + out->value.n;
    return true;
}

static bool inline_find(struct slice d, struct slice field, struct pair_at *out)
{
    for (out->next = 0; inline_pair(d, out->next, out);)
        if (slice_eq(out->field, field)) return true;
    return false;
}

static size_t inline_count(struct slice d)
{
    struct pair_at p = { 0 };
    size_t n = 0;
    while (inline_pair(d, p.next, &p))
        n++;
    return n;
}

static char *put_item(char *to, struct slice s)
{
    to = varlen_put(to, s.n);
    if (s.n) memcpy(to, s.p, s.n);
    return to + s.n;
}

static void become_inline(struct value *v, const char *bytes, size_t n)
{
    value_become(v, &(struct value_form){ INLINE, 0, 0, slice_of(bytes, n) });
}

static bool inline_fits(size_t others, struct slice field, struct slice value)
{
    return field.n < ENTRY_EMBED_MAX && value.n < ENTRY_EMBED_MAX &&
           others + cell_size(field.n, value.n) <= ENTRY_EMBED_MAX;
}

/* False: there is no room. */
static bool put_inline(struct value *v, struct slice field, struct slice value, bool *is_new)
{
    struct slice d = entry_embed(v->e);
    struct pair_at p;
    char room[ENTRY_EMBED_MAX], *to = room;
    *is_new = !inline_find(d, field, &p);
    if (*is_new) p.at = p.next = d.n;
    size_t behind = d.n - p.next;
    if (!inline_fits(p.at + behind, field, value)) return false;
    memcpy(to, d.p, p.at);
    to = put_item(put_item(to + p.at, field), value);
    memcpy(to, d.p + p.next, behind);
    become_inline(v, room, (size_t)(to - room) + behind);
    return true;
}

static bool remove_inline(struct value *v, struct slice field)
{
    struct slice d = entry_embed(v->e);
    struct pair_at p;
    char room[ENTRY_EMBED_MAX];
    if (!inline_find(d, field, &p)) return false;
    memcpy(room, d.p, p.at);
    memcpy(room + p.at, d.p + p.next, d.n - p.next);
    become_inline(v, room, d.n - (p.next - p.at));
    return true;
}

static struct packed *inline_to_packed(struct slice d)
{
    struct packed *p = packed_new();
    struct pair_at at = { 0 };
    while (inline_pair(d, at.next, &at)) {
        packed_append(&p, at.field);
        packed_append(&p, at.value);
    }
    return p;
}

/* --- life --------------------------------------------------------------------------------- */

static struct big *big_copy(struct big *from)
{
    struct big *b = big_new(&cells, &from->key, table_count(&from->t));
    struct table_iter it;
    table_iter_start(&it, &from->t);
    for (void *cell; (cell = table_iter_next(&it));) {
        struct cell c = cell_read(cell);
        table_add(&b->t, hash_of(b, c.field), cell_new(c.field, c.value));
    }
    table_iter_end(&it);
    return b;
}

static bool put_big(struct big *b, struct slice field, struct slice value)
{
    uint64_t hash = hash_of(b, field);
    void **slot = table_find(&b->t, hash, &field);
    if (!slot) {
        table_add(&b->t, hash, cell_new(field, value));
        return true;
    }
    struct cell c = cell_read(*slot);
    void *old = *slot;
    if (room_for(cell_size(field.n, value.n)) == room_for(cell_size(field.n, c.value.n))) {
        cell_write(old, c.field, value);
    } else {
        *slot = cell_new(field, value);
        mem_free(old);
    }
    return false;
}

struct entry *hash_new(struct slice key, int64_t deadline)
{
    return entry_new(&(struct entry_spec){
        .key = key, .type = VALUE_HASH, .encoding = INLINE, .deadline = deadline });
}

bool hash_is_compact(const struct entry *e) { return plain(e)->encoding != TABLE; }

struct slice hash_packed_bytes(const struct entry *e, struct packed **made)
{
    e = plain(e);
    must(hash_is_compact(e));
    *made = e->encoding == INLINE ? inline_to_packed(entry_embed(e)) : NULL;
    return packed_bytes(*made ? *made : packed_of(e));
}

static void become_ptr(struct value *v, uint8_t encoding, void *ptr)
{
    value_become(v,
                 &(struct value_form){ encoding, ENTRY_WORD | ENTRY_OWNS, (uintptr_t)ptr, { 0 } });
}

/* Gives the value its big form, with room for `expected` fields. */
static void become_table(struct value *v, size_t expected, const struct type_limits *l)
{
    struct packed *p = v->e->encoding == PACKED ? packed_of(v->e) : NULL;
    size_t n = hash_count(v->e);
    struct big *b = big_new(&cells, &l->hash, n > expected ? n : expected);
    struct hash_iter it;
    struct hash_pair pair;
    hash_iter_start(&it, v->e);
    while (hash_iter_next(&it, &pair))
        put_big(b, pair.field, pair.value); /* a damaged file may repeat fields */
    hash_iter_end(&it);
    become_ptr(v, TABLE, b);
    packed_free(p);
}

/* From a packed that has come from outside: the entry itself, if there is room. */
static void become_inline_if_small(struct value *v)
{
    struct packed *p = packed_of(v->e);
    struct hash_iter it;
    struct hash_pair pair;
    char room[ENTRY_EMBED_MAX], *to = room;
    bool fits = packed_size(p) <= 2 * ENTRY_EMBED_MAX;
    hash_iter_start(&it, v->e);
    while (fits && hash_iter_next(&it, &pair)) {
        fits = inline_fits((size_t)(to - room), pair.field, pair.value);
        if (fits) to = put_item(put_item(to, pair.field), pair.value);
    }
    hash_iter_end(&it);
    if (!fits) return;
    become_inline(v, room, (size_t)(to - room));
    packed_free(p);
}

static bool short_enough(const struct packed *p, const struct type_limits *l)
{
    char tmp[PACKED_TMP];
    if ((int64_t)(packed_count(p) / 2) > l->hash_max_listpack_entries) return false;
    for (size_t at = packed_first(p); at; at = packed_next(p, at))
        if ((int64_t)packed_text(p, at, tmp).n > l->hash_max_listpack_value) return false;
    return true;
}

struct entry *hash_new_packed(struct slice key, struct packed *p, int64_t deadline,
                              const struct type_limits *limits)
{
    struct value v = { .e = entry_new_ptr(key, VALUE_HASH, PACKED, p, deadline) };
    if (short_enough(p, or_defaults(limits)))
        become_inline_if_small(&v);
    else
        become_table(&v, 0, or_defaults(limits));
    return v.e;
}

/* --- reading ------------------------------------------------------------------------------ */

size_t hash_count(const struct entry *e)
{
    e = plain(e);
    if (e->encoding == INLINE) return inline_count(entry_embed(e));
    return e->encoding == PACKED ? packed_count(packed_of(e)) / 2 : table_count(&big_of(e)->t);
}

static size_t find_packed(const struct packed *p, struct slice field)
{
    size_t first = packed_first(p);
    return first ? packed_find(p, first, field, 1) : 0;
}

bool hash_get(const struct entry *e, struct slice field, char tmp[HASH_TMP], struct slice *value)
{
    e = plain(e);
    if (e->encoding == INLINE) {
        struct pair_at p;
        bool found = inline_find(entry_embed(e), field, &p);
        if (found) *value = p.value;
        return found;
    }
    if (e->encoding == PACKED) {
        const struct packed *p = packed_of(e);
        size_t at = find_packed(p, field);
        if (at) *value = packed_text(p, packed_next(p, at), tmp);
        return at != 0;
    }
    struct big *b = big_of(e);
    void **slot = table_find(&b->t, hash_of(b, field), &field);
    if (slot) *value = cell_read(*slot).value;
    return slot != NULL;
}

/* Gives the position behind the pair. */
static size_t packed_pair(const struct packed *p, size_t at, struct hash_pair *out)
{
    out->field = packed_text(p, at, out->tmp[0]);
    at = packed_next(p, at);
    out->value = packed_text(p, at, out->tmp[1]);
    return packed_next(p, at);
}

static void pair_of(const void *cell, struct hash_pair *out)
{
    struct cell c = cell_read(cell);
    out->field = c.field;
    out->value = c.value;
}

void hash_iter_start(struct hash_iter *it, const struct entry *e)
{
    it->e = e = plain(e);
    it->deadlines = NULL;
    it->at = 0;
    if (e->encoding == PACKED) it->at = packed_first(packed_of(e));
    if (e->encoding == TABLE) table_iter_start(&it->it, &big_of(e)->t);
}

void hash_iter_from(struct hash_iter *it, const struct entry *e, int64_t from)
{
    hash_iter_start(it, e);
    it->from = from;
    if (hash_past(e, from)) it->deadlines = hash_deadlines(e);
}

static bool iter_any(struct hash_iter *it, struct hash_pair *out)
{
    struct pair_at p;
    if (it->e->encoding == INLINE) {
        if (!inline_pair(entry_embed(it->e), it->at, &p)) return false;
        it->at = p.next;
        out->field = p.field;
        out->value = p.value;
        return true;
    }
    if (it->e->encoding == PACKED) {
        if (!it->at) return false;
        it->at = packed_pair(packed_of(it->e), it->at, out);
        return true;
    }
    const void *cell = table_iter_next(&it->it);
    if (cell) pair_of(cell, out);
    return cell != NULL;
}

bool hash_iter_next(struct hash_iter *it, struct hash_pair *out)
{
    double at;
    while (iter_any(it, out))
        if (!it->deadlines || !zset_score(it->deadlines, out->field, &at) ||
            (int64_t)at >= it->from)
            return true;
    return false;
}

void hash_iter_end(struct hash_iter *it)
{
    if (it->e->encoding == TABLE) table_iter_end(&it->it);
}

/* The nth pair of what stands in the entry. */
static void inline_nth(const struct entry *e, uint64_t n, struct hash_pair *out)
{
    struct hash_iter it;
    hash_iter_start(&it, e);
    do
        must(hash_iter_next(&it, out));
    while (n--);
    hash_iter_end(&it);
}

void hash_random(const struct entry *e, struct rng *rng, struct hash_pair *out)
{
    e = plain(e);
    size_t n = hash_count(e);
    must(n > 0);
    if (e->encoding == TABLE)
        pair_of(table_random(&big_of(e)->t, rng), out);
    else if (e->encoding == INLINE)
        inline_nth(e, rng_below(rng, n), out);
    else
        packed_pair(packed_of(e), packed_seek(packed_of(e), 2 * (int64_t)rng_below(rng, n)), out);
}

static void random_many_packed(const struct packed *p, struct rng *rng, size_t n,
                               void (*fn)(void *app, const struct hash_pair *pair), void *app)
{
    struct hash_pair pair;
    VEC(size_t) places = { 0 };
    vec_reserve(&places, packed_count(p) / 2);
    for (size_t at = packed_first(p); at; at = packed_next(p, packed_next(p, at)))
        vec_push(&places, at);
    while (n--) {
        packed_pair(p, places.at[rng_below(rng, places.n)], &pair);
        fn(app, &pair);
    }
    vec_free(&places);
}

void hash_random_many(const struct entry *e, struct rng *rng, size_t n,
                      void (*fn)(void *app, const struct hash_pair *pair), void *app)
{
    struct hash_pair pair;
    e = plain(e);
    if (e->encoding == PACKED) {
        random_many_packed(packed_of(e), rng, n, fn, app);
        return;
    }
    while (n--) {
        hash_random(e, rng, &pair);
        fn(app, &pair);
    }
}

struct scan_to {
    void (*fn)(void *app, const struct hash_pair *pair);
    void *app;
    uint64_t n;
};

static void scan_cell(void *app, void *cell)
{
    struct scan_to *to = app;
    struct hash_pair pair;
    pair_of(cell, &pair);
    to->n++;
    to->fn(to->app, &pair);
}

uint64_t hash_scan(const struct entry *e, uint64_t cursor, uint64_t count,
                   void (*fn)(void *app, const struct hash_pair *pair), void *app)
{
    e = plain(e);
    if (e->encoding != TABLE) {
        struct hash_iter it;
        struct hash_pair pair;
        hash_iter_start(&it, e);
        while (hash_iter_next(&it, &pair))
            fn(app, &pair);
        hash_iter_end(&it);
        return 0;
    }
    struct scan_to to = { fn, app, 0 };
    uint64_t steps =
        count > UINT64_MAX / SCAN_STEPS_A_PAIR ? UINT64_MAX : count * SCAN_STEPS_A_PAIR;
    do
        cursor = table_scan(&big_of(e)->t, cursor, scan_cell, &to);
    while (cursor && --steps && to.n < count);
    return cursor;
}

/* --- change ------------------------------------------------------------------------------- */

static bool put_packed(struct value *v, struct slice field, struct slice value)
{
    struct packed *p = packed_of(v->e);
    size_t at = find_packed(p, field);
    if (at) {
        packed_replace(&p, packed_next(p, at), value);
    } else {
        packed_append(&p, field);
        packed_append(&p, value);
    }
    *entry_word(v->e) = (uintptr_t)p;
    return !at;
}

static bool fits_compact(const struct entry *e, struct slice field, struct slice value,
                         const struct type_limits *l)
{
    if ((int64_t)field.n > l->hash_max_listpack_value) return false;
    if ((int64_t)value.n > l->hash_max_listpack_value) return false;
    return e->encoding == INLINE ||
           packed_takes(packed_of(e), packed_item_size(field) + packed_item_size(value));
}

/* Into one of the compact forms. */
static bool put_compact(struct value *v, struct slice field, struct slice value)
{
    bool is_new;
    if (v->e->encoding == INLINE) {
        if (put_inline(v, field, value, &is_new)) return is_new;
        become_ptr(v, PACKED, inline_to_packed(entry_embed(v->e)));
    }
    return put_packed(v, field, value);
}

static bool put_plain(struct value *v, struct slice field, struct slice value,
                      const struct type_limits *l)
{
    if (v->e->encoding != TABLE && !fits_compact(v->e, field, value, l)) become_table(v, 0, l);
    if (v->e->encoding == TABLE) return put_big(big_of(v->e), field, value);
    bool is_new = put_compact(v, field, value);
    if ((int64_t)hash_count(v->e) > l->hash_max_listpack_entries) become_table(v, 0, l);
    return is_new;
}

/* A handle on what is inside; inner_done() when it may have moved. */
static struct value inner(const struct value *v)
{
    return (struct value){ .e = timed_of(v->e)->fields };
}
static void inner_done(struct value *v, const struct value *in) { timed_of(v->e)->fields = in->e; }

bool hash_put_keeping(struct value *v, struct slice field, struct slice value,
                      const struct type_limits *limits)
{
    const struct type_limits *l = or_defaults(limits);
    must(value_is(v, VALUE_HASH));
    if (v->e->encoding != TIMED) return put_plain(v, field, value, l);
    struct value in = inner(v);
    bool is_new = put_plain(&in, field, value, l);
    inner_done(v, &in);
    return is_new;
}

bool hash_put(struct value *v, struct slice field, struct slice value,
              const struct type_limits *limits)
{
    bool is_new = hash_put_keeping(v, field, value, limits);
    if (v->e->encoding == TIMED && !is_new) timed_forget(v, field);
    return is_new;
}

static bool remove_plain(struct value *v, struct slice field)
{
    if (v->e->encoding == TABLE) {
        struct big *b = big_of(v->e);
        void *cell = table_remove(&b->t, hash_of(b, field), &field);
        mem_free(cell);
        return cell != NULL;
    }
    if (v->e->encoding == INLINE) return remove_inline(v, field);
    struct packed *p = packed_of(v->e);
    size_t at = find_packed(p, field);
    if (!at) return false;
    packed_delete(&p, at, 2);
    *entry_word(v->e) = (uintptr_t)p;
    return true;
}

bool hash_remove(struct value *v, struct slice field)
{
    must(value_is(v, VALUE_HASH));
    if (v->e->encoding != TIMED) return remove_plain(v, field);
    struct value in = inner(v);
    bool was = remove_plain(&in, field);
    inner_done(v, &in);
    if (was) timed_forget(v, field);
    return was;
}

static void expect(struct value *v, size_t n, const struct type_limits *l)
{
    if (v->e->encoding != TABLE && (int64_t)n > l->hash_max_listpack_entries) become_table(v, n, l);
}

void hash_expect(struct value *v, size_t n, const struct type_limits *limits)
{
    if (v->e->encoding != TIMED) {
        expect(v, n, or_defaults(limits));
        return;
    }
    struct value in = inner(v);
    expect(&in, n, or_defaults(limits));
    inner_done(v, &in);
}

/* --- the row ------------------------------------------------------------------------------ */

static const char *encoding_name(const struct entry *e)
{
    if (!hash_is_compact(e)) return "hashtable";
    return e->encoding == TIMED ? "listpackex" : "listpack";
}

static void free_value(uint8_t encoding, void *ptr)
{
    if (encoding == PACKED)
        packed_free(ptr);
    else if (encoding == TIMED)
        timed_free(ptr);
    else
        big_free(ptr, mem_free);
}

static void *copy_value(uint8_t encoding, const void *ptr)
{
    if (encoding == PACKED) return packed_copy(ptr);
    if (encoding == TIMED) return timed_copy(ptr);
    return big_copy((struct big *)(uintptr_t)ptr);
}

/* Cells beyond the samples count as the average one. */
static size_t value_bytes(uint8_t encoding, const void *ptr, size_t samples)
{
    if (encoding == PACKED) return packed_mem(ptr);
    if (encoding == TIMED) return timed_mem(ptr, samples);
    struct big *b = (struct big *)(uintptr_t)ptr;
    struct table_iter it;
    size_t n = 0, sum = 0;
    table_iter_start(&it, &b->t);
    for (void *cell; (!samples || n < samples) && (cell = table_iter_next(&it)); n++)
        sum += mem_size(cell);
    table_iter_end(&it);
    if (n) sum = (size_t)((double)sum / (double)n * (double)table_count(&b->t));
    return sum + mem_size(b) + table_mem(&b->t);
}

static size_t effort(uint8_t encoding, const void *ptr)
{
    if (encoding == PACKED) return 1;
    if (encoding == TABLE) return table_count(&((const struct big *)ptr)->t);
    const struct timed *t = ptr;
    return value_free_effort(t->fields) + value_free_effort(t->deadlines);
}

static const struct table *place(const struct entry *e, struct slice field, uint64_t *hash)
{
    if (e->encoding != TABLE) return NULL;
    struct big *b = big_of(e);
    *hash = hash_of(b, field);
    return &b->t;
}

const struct type_ops hash_ops = {
    .name = "hash",
    .encoding_name = encoding_name,
    .free = free_value,
    .copy = copy_value,
    .mem = value_bytes,
    .free_effort = effort,
    .place = place,
};
