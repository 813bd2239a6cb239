#include "core/types/set.h"

#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/types/big.h"
#include "core/types/room.h"
#include "core/types/varlen.h"

enum { INLINE, INTSET, PACKED, TABLE };

#define SCAN_STEPS_A_MEMBER 10        /* buckets: a sparse table must not make one call long */
#define INTSET_MAX ((int64_t)1 << 30) /* as many as the format's four-byte size allows */

static const struct type_limits defaults = TYPE_LIMITS_DEFAULT;

static const struct type_limits *or_defaults(const struct type_limits *l)
{
    return l ? l : &defaults;
}
static struct big *big_of(const struct entry *e) { return entry_ptr(e); }
static struct packed *packed_of(const struct entry *e) { return entry_ptr(e); }
static struct intset *intset_of(const struct entry *e) { return entry_ptr(e); }
static void set_ptr(struct value *v, uint8_t encoding, void *ptr)
{
    value_become(v,
                 &(struct value_form){ encoding, ENTRY_WORD | ENTRY_OWNS, (uintptr_t)ptr, { 0 } });
}

/* --- integers in the entry: | bytes an integer (1) | the integers, ascending | ---------------
 * Little-endian, as few bytes as the widest needs; without members nothing at all. */

static size_t width_for(int64_t v)
{
    uint64_t magnitude = (uint64_t)(v < 0 ? ~v : v);
    size_t bits = magnitude ? 65 - (size_t)__builtin_clzll(magnitude) : 1;
    return (bits + 7) / 8;
}

static size_t inline_width(struct slice d) { return d.n ? (size_t)d.p[0] : 1; }
static size_t inline_count(struct slice d) { return d.n ? (d.n - 1) / inline_width(d) : 0; }

static int64_t inline_at(struct slice d, size_t i)
{
    size_t w = inline_width(d), unused = 64 - 8 * w;
    uint64_t u = 0;
    memcpy(&u, d.p + 1 + i * w, w);
    return (int64_t)(u << unused) >> unused;
}

/* The place of the first integer >= n. */
static size_t inline_rank(struct slice d, int64_t n)
{
    size_t lo = 0, hi = inline_count(d);
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (inline_at(d, mid) < n)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool inline_has(struct slice d, int64_t n)
{
    size_t i = inline_rank(d, n);
    return i < inline_count(d) && inline_at(d, i) == n;
}

static void put_int(char *room, size_t w, size_t i, int64_t n) { memcpy(room + 1 + i * w, &n, w); }

static void become_inline(struct value *v, char *room, size_t w, size_t n)
{
    room[0] = (char)w;
    value_become(v, &(struct value_form){ INLINE, 0, 0, slice_of(room, n ? 1 + n * w : 0) });
}

/* An integer that is not there yet. False: there is no room. */
static bool inline_insert(struct value *v, int64_t n)
{
    struct slice d = entry_embed(v->e);
    char room[ENTRY_EMBED_MAX];
    size_t have = inline_count(d), rank = inline_rank(d, n), w = inline_width(d);
    if (width_for(n) > w) w = width_for(n);
    if (1 + (have + 1) * w > sizeof(room)) return false;
    for (size_t i = 0; i < have; i++)
        put_int(room, w, i < rank ? i : i + 1, inline_at(d, i));
    put_int(room, w, rank, n);
    become_inline(v, room, w, have + 1);
    return true;
}

static bool inline_remove(struct value *v, int64_t n)
{
    struct slice d = entry_embed(v->e);
    char room[ENTRY_EMBED_MAX];
    size_t have = inline_count(d), rank = inline_rank(d, n), w = inline_width(d);
    if (rank == have || inline_at(d, rank) != n) return false;
    memcpy(room, d.p, 1 + rank * w);
    memcpy(room + 1 + rank * w, d.p + 1 + (rank + 1) * w, (have - rank - 1) * w);
    become_inline(v, room, w, have - 1);
    return true;
}

static struct intset *inline_to_intset(struct slice d)
{
    struct intset *s = intset_new();
    for (size_t i = 0; i < inline_count(d); i++)
        intset_add(&s, inline_at(d, i));
    return s;
}

/* False: too many, or too wide. */
static bool intset_to_inline(struct value *v, const struct intset *s)
{
    char room[ENTRY_EMBED_MAX];
    size_t n = intset_count(s), w = 1;
    if (n >= sizeof(room)) return false;
    for (size_t i = 0; i<n; i += n> 1 ? n - 1 : 1) /* the first and the last are the widest */
        if (width_for(intset_at(s, i)) > w) w = width_for(intset_at(s, i));
    if (1 + n * w > sizeof(room)) return false;
    for (size_t i = 0; i < n; i++)
        put_int(room, w, i, intset_at(s, i));
    become_inline(v, room, w, n);
    return true;
}

/* --- members in a table --------------------------------------------------------------------
 * A pointer to | length | bytes |, or with bit 0 set no pointer but an integer of 62 bits. A text
 * that is an integer in Redis' strict form and fits is never kept as bytes, so equal members are
 * equal in form. */

static bool is_int(const void *m) { return (uintptr_t)m & 1; }
static int64_t int_of(const void *m) { return (int64_t)(uintptr_t)m >> 1; }

/* NULL: no integer, or one that does not fit. */
static void *int_member(struct slice s)
{
    int64_t n;
    if (s.n >= NUM_I64_MAX || !num_to_i64(s, &n)) return NULL;
    if (n > INT64_MAX >> 1 || n < INT64_MIN >> 1) return NULL;
    return (void *)((uintptr_t)n << 1 | 1);
}

static struct slice member_text(const void *m, char tmp[SET_TMP])
{
    size_t n;
    if (is_int(m)) return slice_of(tmp, num_from_i64(tmp, int_of(m)));
    const char *at = varlen_get(m, &n);
    return slice_of(at, n);
}

static void member_free(void *m)
{
    if (!is_int(m)) mem_free(m);
}

static size_t member_mem(const void *m) { return is_int(m) ? 0 : mem_size(m); }

/* What is looked for: the text, and the integer that it is. */
struct probe {
    struct slice text;
    void *number;
};

static struct probe probe_of(struct slice s) { return (struct probe){ s, int_member(s) }; }

static void *member_new(const struct probe *p)
{
    if (p->number) return p->number;
    char *m = mem_alloc(room_for(varlen_size(p->text.n) + p->text.n));
    char *at = varlen_put(m, p->text.n);
    if (p->text.n) memcpy(at, p->text.p, p->text.n);
    return m;
}

static uint64_t hash_of(const struct probe *p, const struct hash_key *key)
{
    if (p->number) return hash_bytes(&p->number, sizeof(p->number), key);
    return hash_bytes(p->text.p, p->text.n, key);
}

static uint64_t member_hash(const struct table *t, const void *m)
{
    if (is_int(m)) return hash_bytes(&m, sizeof(m), t->app);
    struct slice s = member_text(m, NULL);
    return hash_bytes(s.p, s.n, t->app);
}

static bool member_is(const void *m, const void *key)
{
    const struct probe *p = key;
    if (p->number || is_int(m)) return m == p->number;
    return slice_eq(member_text(m, NULL), p->text);
}

static const struct table_type members = { member_hash, member_is };

/* --- the big form ------------------------------------------------------------------------- */

static void big_add_new(struct big *b, struct slice member)
{
    struct probe p = probe_of(member);
    table_add(&b->t, hash_of(&p, &b->key), member_new(&p));
}

static bool big_add(struct big *b, struct slice member)
{
    struct probe p = probe_of(member);
    uint64_t hash = hash_of(&p, &b->key);
    if (table_find(&b->t, hash, &p)) return false;
    table_add(&b->t, hash, member_new(&p));
    return true;
}

static bool big_remove(struct big *b, struct slice member)
{
    struct probe p = probe_of(member);
    void *m = table_remove(&b->t, hash_of(&p, &b->key), &p);
    if (m) member_free(m);
    return m != NULL;
}

static struct big *big_copy(struct big *from)
{
    struct big *b = big_new(&members, &from->key, table_count(&from->t));
    struct table_iter it;
    char tmp[SET_TMP];
    table_iter_start(&it, &from->t);
    for (void *m; (m = table_iter_next(&it));)
        big_add_new(b, member_text(m, tmp));
    table_iter_end(&it);
    return b;
}

/* --- from form to form -------------------------------------------------------------------- */

static void free_form(uint8_t encoding, void *ptr)
{
    must(encoding != INLINE);
    if (encoding == INTSET)
        intset_free(ptr);
    else if (encoding == PACKED)
        packed_free(ptr);
    else
        big_free(ptr, member_free);
}

static void become_table(struct value *v, size_t expected, const struct type_limits *l)
{
    size_t n = set_count(v->e);
    struct big *b = big_new(&members, &l->hash, n > expected ? n : expected);
    struct set_iter it;
    struct slice m;
    char tmp[SET_TMP];
    set_iter_start(&it, v->e);
    while (set_iter_next(&it, tmp, &m))
        big_add(b, m); /* a damaged file may repeat members */
    set_iter_end(&it);
    uint8_t old = v->e->encoding;
    void *ptr = old == INLINE ? NULL : entry_ptr(v->e);
    set_ptr(v, TABLE, b);
    if (ptr) free_form(old, ptr);
}

static bool is_ints(const struct entry *e)
{
    return e->encoding == INLINE || e->encoding == INTSET;
}

static int64_t int_at(const struct entry *e, size_t i)
{
    return e->encoding == INLINE ? inline_at(entry_embed(e), i) : intset_at(intset_of(e), i);
}

static void ints_to_packed(struct value *v)
{
    struct intset *s = v->e->encoding == INTSET ? intset_of(v->e) : NULL;
    struct packed *p = packed_new();
    for (size_t i = 0; i < set_count(v->e); i++)
        packed_append_int(&p, int_at(v->e, i));
    set_ptr(v, PACKED, p);
    intset_free(s);
}

static bool intset_takes(size_t n, const struct type_limits *l)
{
    int64_t max = l->set_max_intset_entries;
    return (int64_t)n <= (max < INTSET_MAX ? max : INTSET_MAX);
}

static bool packed_fits(const struct packed *p, struct slice member, const struct type_limits *l)
{
    return (int64_t)packed_count(p) < l->set_max_listpack_entries &&
           (int64_t)member.n <= l->set_max_listpack_value &&
           packed_takes(p, packed_item_size(member));
}

/* The same question about integers that are to become a packed: their longest text is that of the
 * first or of the last. */
static bool ints_fit_packed(const struct entry *e, struct slice member, const struct type_limits *l)
{
    char tmp[SET_TMP];
    size_t n = set_count(e), longest = member.n;
    if ((int64_t)n >= l->set_max_listpack_entries) return false;
    for (size_t i = 0; i<n; i += n> 1 ? n - 1 : 1) {
        size_t len = num_from_i64(tmp, int_at(e, i));
        if (len > longest) longest = len;
    }
    return (int64_t)longest <= l->set_max_listpack_value;
}

/* --- life --------------------------------------------------------------------------------- */

struct entry *set_new(struct slice key, struct slice sample, size_t hint, int64_t deadline,
                      const struct type_limits *limits)
{
    const struct type_limits *l = or_defaults(limits);
    int64_t n;
    if (num_to_i64(sample, &n) && intset_takes(hint, l))
        return entry_new(&(struct entry_spec){
            .key = key, .type = VALUE_SET, .encoding = INLINE, .deadline = deadline });
    if ((int64_t)hint <= l->set_max_listpack_entries)
        return entry_new_ptr(key, VALUE_SET, PACKED, packed_new(), deadline);
    return entry_new_ptr(key, VALUE_SET, TABLE, big_new(&members, &l->hash, hint), deadline);
}

struct entry *set_new_intset(struct slice key, struct intset *s, int64_t deadline,
                             const struct type_limits *limits)
{
    struct value v = { .e = entry_new_ptr(key, VALUE_SET, INTSET, s, deadline) };
    const struct type_limits *l = or_defaults(limits);
    if (!intset_takes(intset_count(s), l))
        become_table(&v, 0, l);
    else if (intset_to_inline(&v, s))
        intset_free(s);
    return v.e;
}

struct entry *set_new_packed(struct slice key, struct packed *p, int64_t deadline,
                             const struct type_limits *limits)
{
    struct value v = { .e = entry_new_ptr(key, VALUE_SET, PACKED, p, deadline) };
    const struct type_limits *l = or_defaults(limits);
    char tmp[PACKED_TMP];
    bool fits = (int64_t)packed_count(p) <= l->set_max_listpack_entries;
    for (size_t at = packed_first(p); at && fits; at = packed_next(p, at))
        fits = (int64_t)packed_text(p, at, tmp).n <= l->set_max_listpack_value;
    if (!fits) become_table(&v, 0, l);
    return v.e;
}

bool set_is_intset(const struct entry *e) { return is_ints(e); }

struct slice set_intset_bytes(const struct entry *e, struct intset **made)
{
    must(is_ints(e));
    *made = e->encoding == INLINE ? inline_to_intset(entry_embed(e)) : NULL;
    return intset_bytes(*made ? *made : intset_of(e));
}

/* --- reading ------------------------------------------------------------------------------ */

size_t set_count(const struct entry *e)
{
    if (e->encoding == INLINE) return inline_count(entry_embed(e));
    if (e->encoding == INTSET) return intset_count(intset_of(e));
    if (e->encoding == PACKED) return packed_count(packed_of(e));
    return table_count(&big_of(e)->t);
}

static size_t find_packed(const struct packed *p, struct slice member)
{
    size_t first = packed_first(p);
    return first ? packed_find(p, first, member, 0) : 0;
}

static const struct table *place(const struct entry *e, struct slice member, uint64_t *hash)
{
    if (e->encoding != TABLE) return NULL;
    struct big *b = big_of(e);
    struct probe p = probe_of(member);
    *hash = hash_of(&p, &b->key);
    return &b->t;
}

bool set_has(const struct entry *e, struct slice member)
{
    int64_t n;
    if (e->encoding == INLINE) return num_to_i64(member, &n) && inline_has(entry_embed(e), n);
    if (e->encoding == INTSET) return num_to_i64(member, &n) && intset_has(intset_of(e), n);
    if (e->encoding == PACKED) return find_packed(packed_of(e), member) != 0;
    struct big *b = big_of(e);
    struct probe p = probe_of(member);
    return table_find(&b->t, hash_of(&p, &b->key), &p) != NULL;
}

void set_iter_start(struct set_iter *it, const struct entry *e)
{
    it->e = e;
    it->at = 0;
    if (e->encoding == PACKED) it->at = packed_first(packed_of(e));
    if (e->encoding == TABLE) table_iter_start(&it->it, &big_of(e)->t);
}

bool set_iter_next(struct set_iter *it, char tmp[SET_TMP], struct slice *member)
{
    if (is_ints(it->e)) {
        if (it->at >= set_count(it->e)) return false;
        *member = slice_of(tmp, num_from_i64(tmp, int_at(it->e, it->at++)));
        return true;
    }
    if (it->e->encoding == PACKED) {
        const struct packed *p = packed_of(it->e);
        if (!it->at) return false;
        *member = packed_text(p, it->at, tmp);
        it->at = packed_next(p, it->at);
        return true;
    }
    const void *m = table_iter_next(&it->it);
    if (m) *member = member_text(m, tmp);
    return m != NULL;
}

void set_iter_end(struct set_iter *it)
{
    if (it->e->encoding == TABLE) table_iter_end(&it->it);
}

struct slice set_random(const struct entry *e, struct rng *rng, char tmp[SET_TMP])
{
    size_t n = set_count(e);
    must(n > 0);
    if (e->encoding == TABLE) return member_text(table_random(&big_of(e)->t, rng), tmp);
    size_t i = (size_t)rng_below(rng, n);
    if (is_ints(e)) return slice_of(tmp, num_from_i64(tmp, int_at(e, i)));
    return packed_text(packed_of(e), packed_seek(packed_of(e), (int64_t)i), tmp);
}

struct scan_to {
    void (*fn)(void *app, struct slice member);
    void *app;
    uint64_t n;
};

static void scan_member(void *app, void *m)
{
    struct scan_to *to = app;
    char tmp[SET_TMP];
    to->n++;
    to->fn(to->app, member_text(m, tmp));
}

static void scan_all(const struct entry *e, void (*fn)(void *app, struct slice member), void *app)
{
    struct set_iter it;
    struct slice m;
    char tmp[SET_TMP];
    set_iter_start(&it, e);
    while (set_iter_next(&it, tmp, &m))
        fn(app, m);
    set_iter_end(&it);
}

uint64_t set_scan(const struct entry *e, uint64_t cursor, uint64_t count,
                  void (*fn)(void *app, struct slice member), void *app)
{
    if (e->encoding != TABLE) {
        scan_all(e, fn, app);
        return 0;
    }
    struct scan_to to = { fn, app, 0 };
    uint64_t steps =
        count > UINT64_MAX / SCAN_STEPS_A_MEMBER ? UINT64_MAX : count * SCAN_STEPS_A_MEMBER;
    do
        cursor = table_scan(&big_of(e)->t, cursor, scan_member, &to);
    while (cursor && --steps && to.n < count);
    return cursor;
}

/* --- change ------------------------------------------------------------------------------- */

static bool add_int(struct value *v, int64_t n, const struct type_limits *l)
{
    if (v->e->encoding == INLINE) {
        if (inline_has(entry_embed(v->e), n)) return false;
        if (!inline_insert(v, n)) set_ptr(v, INTSET, inline_to_intset(entry_embed(v->e)));
    }
    if (v->e->encoding == INTSET) {
        struct intset *s = intset_of(v->e);
        if (!intset_add(&s, n)) return false;
        set_ptr(v, INTSET, s);
    }
    if (!intset_takes(set_count(v->e), l)) become_table(v, 0, l);
    return true;
}

/* False: the member does not fit the form, which has then become a bigger one. */
static bool add_to_packed(struct value *v, struct slice member, const struct type_limits *l,
                          bool *added)
{
    struct packed *p = packed_of(v->e);
    *added = !find_packed(p, member);
    if (!*added) return true;
    if (!packed_fits(p, member, l)) {
        become_table(v, 0, l);
        return false;
    }
    packed_append(&p, member);
    set_ptr(v, PACKED, p);
    return true;
}

bool set_add(struct value *v, struct slice member, const struct type_limits *limits)
{
    const struct type_limits *l = or_defaults(limits);
    int64_t n;
    bool added;
    must(value_is(v, VALUE_SET));
    if (is_ints(v->e)) {
        if (num_to_i64(member, &n)) return add_int(v, n, l);
        if (ints_fit_packed(v->e, member, l))
            ints_to_packed(v);
        else
            become_table(v, 0, l);
    }
    if (v->e->encoding == PACKED && add_to_packed(v, member, l, &added)) return added;
    return big_add(big_of(v->e), member);
}

bool set_remove(struct value *v, struct slice member)
{
    int64_t n;
    must(value_is(v, VALUE_SET));
    if (v->e->encoding == TABLE) return big_remove(big_of(v->e), member);
    if (v->e->encoding == INLINE) return num_to_i64(member, &n) && inline_remove(v, n);
    if (v->e->encoding == INTSET) {
        struct intset *s = intset_of(v->e);
        bool removed = num_to_i64(member, &n) && intset_remove(&s, n);
        set_ptr(v, INTSET, s);
        return removed;
    }
    struct packed *p = packed_of(v->e);
    size_t at = find_packed(p, member);
    if (at) packed_delete(&p, at, 1);
    set_ptr(v, PACKED, p);
    return at != 0;
}

void set_expect(struct value *v, size_t n, const struct type_limits *limits)
{
    const struct type_limits *l = or_defaults(limits);
    if ((v->e->encoding == PACKED && (int64_t)n > l->set_max_listpack_entries) ||
        (is_ints(v->e) && !intset_takes(n, l)))
        become_table(v, n, l);
}

/* --- the row ------------------------------------------------------------------------------ */

static const char *encoding_name(const struct entry *e)
{
    static const char *const names[] = { "intset", "intset", "listpack", "hashtable" };
    return names[e->encoding];
}

static void *copy_form(uint8_t encoding, const void *ptr)
{
    if (encoding == INTSET) return intset_copy(ptr);
    if (encoding == PACKED) return packed_copy(ptr);
    return big_copy((struct big *)(uintptr_t)ptr);
}

/* Members beyond the samples count as the average one. */
static size_t form_mem(uint8_t encoding, const void *ptr, size_t samples)
{
    if (encoding == INTSET) return intset_mem(ptr);
    if (encoding == PACKED) return packed_mem(ptr);
    struct big *b = (struct big *)(uintptr_t)ptr;
    struct table_iter it;
    size_t n = 0, sum = 0;
    table_iter_start(&it, &b->t);
    for (void *m; (!samples || n < samples) && (m = table_iter_next(&it)); n++)
        sum += member_mem(m);
    table_iter_end(&it);
    if (n) sum = (size_t)((double)sum / (double)n * (double)table_count(&b->t));
    return sum + mem_size(b) + table_mem(&b->t);
}

static size_t effort(uint8_t encoding, const void *ptr)
{
    return encoding == TABLE ? table_count(&((const struct big *)ptr)->t) : 1;
}

const struct type_ops set_ops = {
    .name = "set",
    .encoding_name = encoding_name,
    .free = free_form,
    .copy = copy_form,
    .mem = form_mem,
    .free_effort = effort,
    .place = place,
};
