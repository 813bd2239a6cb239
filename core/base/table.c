#include "core/base/table.h"

#include <string.h>

#include "core/base/mem.h"
#include "core/base/must.h"

#define SLOTS 7
#define CHAINED 1u
#define BITS_MAX 40
#define SEGMENT_BITS 10 /* 64 KiB of buckets */
#define SEGMENT ((size_t)1 << SEGMENT_BITS)
/* Entries a bucket before growing: near it about half of the buckets have a child, which holds a
 * sixth of all entries; 12 bytes an entry then, 17 after growing. */
#define FILL_MAX 8
#define HELD_FILL_MAX 32  /* the same while moving memory is to be avoided */
#define VERSIONS 127      /* as many as fit a bucket's meta */
#define STEP_EMPTY_MAX 16 /* empty buckets that count as one when moving */
#define ADDS_PER_MOVE 4   /* into a large table that moves */
#define RANDOM_TRIES 200  /* even draws before the uneven one */
#define RANDOM_CHAIN 24   /* chains are hardly ever longer; what is beyond is drawn less often */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tags are matched as a word");

struct table_bucket {
    uint8_t meta;
    uint8_t tag[SLOTS];
    void *slot[SLOTS];
};
_Static_assert(sizeof(struct table_bucket) == 64, "a bucket is a cache line");

#define EACH_BYTE(b) ((uint64_t)(b)*0x0101010101010101u)

static inline uint8_t tag_of(uint64_t hash)
{
    uint8_t t = (uint8_t)(hash >> 56);
    return t ? t : 1;
}

static inline size_t buckets(const struct table *t, int half)
{
    return t->at[half] ? (size_t)1 << t->bits[half] : 0;
}

static inline size_t index_of(const struct table *t, int half, uint64_t hash)
{
    return (size_t)hash & (((size_t)1 << t->bits[half]) - 1);
}

static inline bool is_segmented(const struct table *t, int half)
{
    return t->bits[half] > SEGMENT_BITS;
}

/* NULL in a segment that nobody has written to. */
static inline struct table_bucket *bucket_at(const struct table *t, int half, size_t i)
{
    if (!is_segmented(t, half)) return (struct table_bucket *)t->at[half] + i;
    struct table_bucket *s = ((struct table_bucket **)t->at[half])[i >> SEGMENT_BITS];
    return s ? s + (i & (SEGMENT - 1)) : NULL;
}

static struct table_bucket *bucket_for_write(struct table *t, int half, size_t i)
{
    struct table_bucket *b = bucket_at(t, half, i);
    if (b) return b;
    b = mem_zalloc(SEGMENT * sizeof(*b));
    ((struct table_bucket **)t->at[half])[i >> SEGMENT_BITS] = b;
    t->segments[half]++;
    return b + (i & (SEGMENT - 1));
}

static void free_segment(struct table *t, int half, size_t s)
{
    struct table_bucket **at = (struct table_bucket **)t->at[half] + s;
    if (*at) t->segments[half]--;
    mem_free(*at);
    *at = NULL;
}

/* The top bit of each byte whose tag is `tag`; byte i + 1 is slot i. Exact, no false hits. */
static inline uint64_t matches(const struct table_bucket *b, uint8_t tag)
{
    uint64_t w;
    memcpy(&w, b, 8);
    w ^= EACH_BYTE(tag);
    uint64_t t = (w & EACH_BYTE(0x7f)) + EACH_BYTE(0x7f);
    return ~(t | w | EACH_BYTE(0x7f)) & ~(uint64_t)0xff;
}
static inline int match_slot(uint64_t m) { return __builtin_ctzll(m) / 8 - 1; }

static inline struct table_bucket *child(const struct table_bucket *b)
{
    return b->meta & CHAINED ? b->slot[SLOTS - 1] : NULL;
}

/* Empty slot or -1. The tag of a slot that holds a child is 0, too. */
static inline int free_slot(const struct table_bucket *b)
{
    uint64_t m = matches(b, 0);
    if (b->meta & CHAINED) m &= UINT64_MAX >> 8;
    return m ? match_slot(m) : -1;
}

static bool bucket_empty(const struct table_bucket *b)
{
    uint64_t w;
    memcpy(&w, b, 8);
    return (w & ~(uint64_t)0xff) == 0;
}

void table_init(struct table *t, const struct table_type *type, const void *app)
{
    *t = (struct table){ .type = type, .app = app };
}

static void free_children(struct table *t, int half, struct table_bucket *b)
{
    for (struct table_bucket *c = child(b), *next; c; c = next) {
        next = child(c);
        mem_free(c);
        t->children[half]--;
    }
}

static void drop_array(struct table *t, int half)
{
    if (is_segmented(t, half))
        for (size_t s = 0; t->segments[half]; s++) free_segment(t, half, s);
    mem_free(t->at[half]);
    t->at[half] = NULL;
}

static void free_half(struct table *t, int half)
{
    if (!t->at[half]) return;
    for (size_t i = 0; t->children[half] && i < buckets(t, half); i++)
        if (bucket_at(t, half, i)) free_children(t, half, bucket_at(t, half, i));
    drop_array(t, half);
    t->used[half] = 0;
}

void table_free(struct table *t)
{
    must(!t->visit);
    free_half(t, 0);
    free_half(t, 1);
    t->moved = 0;
}

size_t table_slots(const struct table *t) { return (buckets(t, 0) + buckets(t, 1)) * SLOTS; }

static size_t half_mem(const struct table *t, int half)
{
    size_t n = t->children[half] * sizeof(struct table_bucket);
    if (!t->at[half]) return n;
    if (!is_segmented(t, half)) return n + buckets(t, half) * sizeof(struct table_bucket);
    return n + t->segments[half] * SEGMENT * sizeof(struct table_bucket) +
           buckets(t, half) / SEGMENT * sizeof(void *);
}

size_t table_mem(const struct table *t) { return half_mem(t, 0) + half_mem(t, 1); }

/* --- find --------------------------------------------------------------------------------- */

/* Where an entry is: `head` begins the chain. */
struct place {
    int half;
    struct table_bucket *head, *bucket;
    int slot;
};

static inline struct table_bucket *head_of(const struct table *t, int half, uint64_t hash)
{
    if (!t->at[half]) return NULL;
    size_t i = index_of(t, half, hash);
    if (half == 0 && i < t->moved) return NULL;
    return bucket_at(t, half, i);
}

/* `key` NULL: look for the pointer `entry` itself. */
static inline bool locate(const struct table *t, uint64_t hash, const void *key, const void *entry,
                          struct place *out)
{
    uint8_t tag = tag_of(hash);
    for (int half = 0; half < 2; half++) {
        struct table_bucket *head = head_of(t, half, hash);
        for (struct table_bucket *b = head; b; b = child(b)) {
            for (uint64_t m = matches(b, tag); m; m &= m - 1) {
                int s = match_slot(m);
                if (key ? !t->type->equal(b->slot[s], key) : b->slot[s] != entry) continue;
                *out = (struct place){ half, head, b, s };
                return true;
            }
        }
        if (!t->at[1]) break;
    }
    return false;
}

void **table_find(const struct table *t, uint64_t hash, const void *key)
{
    struct place p;
    return locate(t, hash, key, NULL, &p) ? &p.bucket->slot[p.slot] : NULL;
}

void **table_find_entry(const struct table *t, uint64_t hash, const void *entry)
{
    struct place p;
    return locate(t, hash, NULL, entry, &p) ? &p.bucket->slot[p.slot] : NULL;
}

void table_replace(struct table *t, uint64_t hash, const void *old, void *entry)
{
    table_visit_first(t, hash);
    void **slot = table_find_entry(t, hash, old);
    must(slot != NULL);
    *slot = entry;
}

void table_prefetch(const struct table *t, uint64_t hash)
{
    for (int half = 0; half < 2; half++) {
        struct table_bucket *b = head_of(t, half, hash);
        if (b) __builtin_prefetch(b);
    }
}

void table_prefetch_entry(const struct table *t, uint64_t hash)
{
    uint8_t tag = tag_of(hash);
    for (int half = 0; half < 2; half++) {
        struct table_bucket *b = head_of(t, half, hash);
        if (!b) continue;
        uint64_t m = matches(b, tag);
        if (!m && (b->meta & CHAINED)) __builtin_prefetch(b->slot[SLOTS - 1]);
        for (; m; m &= m - 1)
            __builtin_prefetch(b->slot[match_slot(m)]);
    }
}

void table_prefetch_child(const struct table *t, uint64_t hash)
{
    uint8_t tag = tag_of(hash);
    for (int half = 0; half < 2; half++) {
        const struct table_bucket *b = head_of(t, half, hash);
        if (!b || !(b->meta & CHAINED) || matches(b, tag)) continue;
        b = child(b);
        for (uint64_t m = matches(b, tag); m; m &= m - 1)
            __builtin_prefetch(b->slot[match_slot(m)]);
    }
}

/* --- visit -------------------------------------------------------------------------------- */

static inline uint8_t version_of(const struct table_bucket *b) { return b->meta >> 1; }
static void set_version(struct table_bucket *b, uint8_t version)
{
    b->meta = (uint8_t)((b->meta & CHAINED) | version << 1);
}

static void emit(const struct table_bucket *b, table_fn *fn, void *app)
{
    for (; b; b = child(b))
        for (int s = 0; s < SLOTS; s++)
            if (b->tag[s]) fn(app, b->slot[s]);
}

static void visit_bucket(struct table *t, struct table_bucket *head)
{
    if (version_of(head) == t->version) return;
    emit(head, t->visit->fn, t->visit->app);
    set_version(head, t->version);
}

void table_visit_hash(struct table *t, uint64_t hash)
{
    for (int half = 0; half < 2; half++) {
        struct table_bucket *head = head_of(t, half, hash);
        if (head) visit_bucket(t, head);
    }
}

bool table_visited(const struct table *t, uint64_t hash)
{
    for (int half = 0; t->visit && half < 2; half++) {
        const struct table_bucket *head = head_of(t, half, hash);
        if (head && !bucket_empty(head) && version_of(head) != t->version) return false;
    }
    return true;
}

/* Ended halfway so many times that the numbers come round: no bucket may keep an old one. */
static void forget_versions(struct table *t)
{
    for (int half = 0; half < 2; half++)
        for (size_t i = 0; i < buckets(t, half); i++)
            if (bucket_at(t, half, i)) set_version(bucket_at(t, half, i), 0);
    t->whole = t->version;
}

void table_visit_start(struct table *t, struct table_visit *v)
{
    must(!t->visit);
    v->at = t->moved;
    v->half = 0;
    v->second = t->at[1] != NULL;
    if (!table_count(t)) return;
    if (!t->whole) t->whole = VERSIONS;
    uint8_t next = t->version % VERSIONS + 1;
    if (next == t->whole) forget_versions(t);
    t->version = next;
    t->visit = v;
}

void table_visit_end(struct table *t) { t->visit = NULL; }

/* All buckets of the start have been seen, or have gone: what is left has this version or none. */
static void visit_done(struct table *t)
{
    t->whole = t->version;
    t->visit = NULL;
}

/* The first half has been moved away, all of it visited by that; the second takes its place. */
static void visit_half_gone(struct table *t)
{
    struct table_visit *v = t->visit;
    if (v->half == 1) {
        v->half = 0;
    } else if (v->second) {
        v->second = false;
        v->at = 0;
    } else {
        visit_done(t);
    }
}

static inline void prefetch_entries(const struct table_bucket *b)
{
    for (int s = 0; s < SLOTS; s++)
        if (b->slot[s]) __builtin_prefetch(b->slot[s]);
}

/* Buckets, then their entries, then those of their children are on their way while others are
 * worked on. */
static void prefetch_ahead(const struct table *t, int half, size_t at)
{
    size_t n = buckets(t, half);
    if (at + 6 < n) __builtin_prefetch(bucket_at(t, half, at + 6));
    const struct table_bucket *b = at + 3 < n ? bucket_at(t, half, at + 3) : NULL;
    if (b) prefetch_entries(b);
    b = at + 1 < n ? bucket_at(t, half, at + 1) : NULL;
    if (b && (b = child(b))) prefetch_entries(b);
}

static size_t fill_of(const struct table_bucket *b)
{
    size_t n = 0;
    for (; b; b = child(b)) n += SLOTS;
    return n;
}

bool table_visit_step(struct table *t, size_t n)
{
    struct table_visit *v = t->visit;
    while (v && t->visit) {
        if (v->at < buckets(t, v->half)) {
            prefetch_ahead(t, v->half, v->at);
            struct table_bucket *b = bucket_at(t, v->half, v->at++);
            size_t cost = fill_of(b);
            if (b) visit_bucket(t, b);
            else v->at = ((v->at - 1) / SEGMENT + 1) * SEGMENT;
            if (n <= cost) break;
            n -= cost;
        } else if (v->half == 0 && v->second) {
            *v = (struct table_visit){ .fn = v->fn, .app = v->app, .half = 1 };
        } else {
            visit_done(t);
        }
    }
    return t->visit != NULL;
}

/* --- move --------------------------------------------------------------------------------- */

static void put(struct table *t, int half, uint64_t hash, void *entry)
{
    struct table_bucket *b = bucket_for_write(t, half, index_of(t, half, hash));
    if (__builtin_expect(t->visit != NULL, 0)) visit_bucket(t, b);
    int s;
    while ((s = free_slot(b)) < 0) {
        struct table_bucket *c = child(b);
        if (!c) {
            c = mem_zalloc(sizeof(*c));
            c->tag[0] = b->tag[SLOTS - 1];
            c->slot[0] = b->slot[SLOTS - 1];
            b->tag[SLOTS - 1] = 0;
            b->slot[SLOTS - 1] = c;
            b->meta |= CHAINED;
            t->children[half]++;
        }
        b = c;
    }
    b->tag[s] = tag_of(hash);
    b->slot[s] = entry;
    t->used[half]++;
}

static uint8_t bits_for(size_t n, size_t fill)
{
    uint8_t bits = 0;
    while (((size_t)fill << bits) < n && bits < BITS_MAX)
        bits++;
    return bits;
}

static void start_move(struct table *t, uint8_t bits)
{
    int half = t->at[0] ? 1 : 0;
    t->bits[half] = bits;
    t->at[half] = is_segmented(t, half) ? mem_zalloc(sizeof(void *) << (bits - SEGMENT_BITS))
                                        : mem_zalloc(sizeof(struct table_bucket) << bits);
    t->moved = 0;
}

static void end_move(struct table *t)
{
    must(t->used[0] == 0 && t->children[0] == 0);
    drop_array(t, 0);
    t->at[0] = t->at[1];
    t->bits[0] = t->bits[1];
    t->used[0] = t->used[1];
    t->at[1] = NULL;
    t->used[1] = 0;
    t->children[0] = t->children[1];
    t->children[1] = 0;
    t->segments[0] = t->segments[1];
    t->segments[1] = 0;
    t->moved = 0;
    if (t->visit) visit_half_gone(t);
}

static void move_bucket(struct table *t)
{
    prefetch_ahead(t, 0, t->moved);
    struct table_bucket *head = bucket_at(t, 0, t->moved);
    if (t->visit) visit_bucket(t, head);
    for (struct table_bucket *b = head; b; b = child(b)) {
        for (int s = 0; s < SLOTS; s++) {
            if (!b->tag[s]) continue;
            put(t, 1, t->type->hash(t, b->slot[s]), b->slot[s]);
            t->used[0]--;
        }
    }
    free_children(t, 0, head);
    memset(head, 0, sizeof(*head));
    t->moved++;
    if (is_segmented(t, 0) && t->moved % SEGMENT == 0) free_segment(t, 0, t->moved / SEGMENT - 1);
}

static void move(struct table *t, size_t n)
{
    size_t all = buckets(t, 0), empty = 0;
    while (n && t->moved < all && (t->used[0] || t->children[0])) {
        const struct table_bucket *b = bucket_at(t, 0, t->moved);
        bool idle = !b || (bucket_empty(b) && !(b->meta & CHAINED));
        if (b)
            move_bucket(t);
        else
            t->moved = (t->moved / SEGMENT + 1) * SEGMENT;
        if (!idle || ++empty % STEP_EMPTY_MAX == 0) n--;
    }
    if (!t->used[0] && !t->children[0]) end_move(t);
}

/* Starts what is due: the first bucket, growth, shrinking. */
static void check_size(struct table *t)
{
    if (t->at[1] || t->paused) return;
    size_t n = t->used[0], have = buckets(t, 0);
    size_t fill = t->hold ? HELD_FILL_MAX : FILL_MAX;
    if (n > have * fill)
        start_move(t, bits_for(n, FILL_MAX));
    else if (!t->hold && !t->reserved && have > 1 && n < have)
        start_move(t, bits_for(n ? n : 1, FILL_MAX / 2));
}

static bool may_move(const struct table *t)
{
    if (!t->at[1] || t->paused) return false;
    return !t->hold || table_count(t) > buckets(t, 1) * HELD_FILL_MAX;
}

bool table_step(struct table *t, size_t n)
{
    check_size(t);
    if (may_move(t)) move(t, n);
    return may_move(t);
}

void table_hold(struct table *t, bool on) { t->hold = on; }
/* Atomic: a value that is walked by a snapshot's thread may be walked by a reader, too. */
void table_pause(struct table *t) { __atomic_fetch_add(&t->paused, 1, __ATOMIC_RELAXED); }
void table_resume(struct table *t)
{
    must(__atomic_fetch_sub(&t->paused, 1, __ATOMIC_RELEASE) > 0);
}

void table_reserve(struct table *t, size_t n)
{
    if (t->at[1] || t->paused) return;
    uint8_t bits = bits_for(n, FILL_MAX);
    if (t->at[0] && bits <= t->bits[0]) return;
    start_move(t, bits);
    t->reserved = true;
    /* An empty first half is left at once. */
    if (t->at[1] && !t->used[0]) move(t, 1);
}

/* --- change ------------------------------------------------------------------------------- */

/* The next growth is eight insertions a bucket away. The entries of a large table are in no cache:
 * a bucket with each insertion would make those cost ten times as much for as long as it lasts. */
static size_t moves_for_add(struct table *t)
{
    if (table_count(t) > buckets(t, 1) * FILL_MAX) return 8;
    return !is_segmented(t, 0) || ++t->added % ADDS_PER_MOVE == 0;
}

void table_add(struct table *t, uint64_t hash, void *entry)
{
    if (!t->at[0]) start_move(t, 0);
    if (may_move(t)) move(t, moves_for_add(t));
    put(t, t->at[1] ? 1 : 0, hash, entry);
    check_size(t);
}

/* Fills the hole from the end of the chain and frees what became empty. */
static void close_hole(struct table *t, const struct place *p)
{
    struct table_bucket *before = NULL, *last = p->head;
    while (child(last)) {
        before = last;
        last = child(last);
    }
    if (last != p->bucket && !bucket_empty(last)) {
        int s = SLOTS - 1;
        while (!last->tag[s])
            s--;
        p->bucket->tag[p->slot] = last->tag[s];
        p->bucket->slot[p->slot] = last->slot[s];
        last->tag[s] = 0;
        last->slot[s] = NULL;
    }
    if (before && bucket_empty(last)) {
        mem_free(last);
        t->children[p->half]--;
        before->meta &= (uint8_t)~CHAINED;
        before->slot[SLOTS - 1] = NULL;
    }
}

static void *take_out(struct table *t, const struct place *p)
{
    if (__builtin_expect(t->visit != NULL, 0)) visit_bucket(t, p->head);
    void *entry = p->bucket->slot[p->slot];
    p->bucket->tag[p->slot] = 0;
    p->bucket->slot[p->slot] = NULL;
    t->used[p->half]--;
    t->reserved = false;
    if (t->paused) return entry;
    if (p->head->meta & CHAINED) close_hole(t, p);
    if (may_move(t))
        move(t, 1);
    else
        check_size(t);
    return entry;
}

void *table_remove(struct table *t, uint64_t hash, const void *key)
{
    struct place p;
    return locate(t, hash, key, NULL, &p) ? take_out(t, &p) : NULL;
}

bool table_remove_entry(struct table *t, uint64_t hash, const void *entry)
{
    struct place p;
    if (!locate(t, hash, NULL, entry, &p)) return false;
    take_out(t, &p);
    return true;
}

/* --- walk --------------------------------------------------------------------------------- */

static uint64_t reverse(uint64_t v)
{
    v = ((v >> 1) & 0x5555555555555555u) | ((v & 0x5555555555555555u) << 1);
    v = ((v >> 2) & 0x3333333333333333u) | ((v & 0x3333333333333333u) << 2);
    v = ((v >> 4) & 0x0f0f0f0f0f0f0f0fu) | ((v & 0x0f0f0f0f0f0f0f0fu) << 4);
    return __builtin_bswap64(v);
}

/* Counts up from the highest bit of the mask, so that the buckets one splits into follow it. */
static uint64_t next_cursor(uint64_t v, uint64_t mask)
{
    v = reverse(v | ~mask);
    return reverse(v + 1);
}

uint64_t table_scan(const struct table *t, uint64_t cursor, table_fn *fn, void *app)
{
    if (!t->at[0] || !table_count(t)) return 0;
    uint64_t m0 = buckets(t, 0) - 1;
    if (!t->at[1]) {
        emit(bucket_at(t, 0, cursor & m0), fn, app);
        return next_cursor(cursor, m0);
    }
    int small = t->bits[0] <= t->bits[1] ? 0 : 1;
    uint64_t ms = buckets(t, small) - 1, ml = buckets(t, !small) - 1;
    emit(bucket_at(t, small, cursor & ms), fn, app);
    do {
        emit(bucket_at(t, !small, cursor & ml), fn, app);
        cursor = next_cursor(cursor, ml);
    } while (cursor & (ms ^ ml));
    return cursor;
}

void table_iter_start(struct table_iter *it, struct table *t)
{
    *it = (struct table_iter){ .t = t, .slot = SLOTS };
    table_pause(t);
}

/* The next bucket of the chain, of the half, of the table. */
static bool iter_bucket(struct table_iter *it)
{
    it->slot = 0;
    if (it->bucket) it->bucket = child(it->bucket);
    while (!it->bucket) {
        if (it->index < buckets(it->t, it->half)) {
            it->bucket = bucket_at(it->t, it->half, it->index++);
        } else {
            if (it->half == 1 || !it->t->at[1]) return false;
            it->half = 1;
            it->index = 0;
        }
    }
    return true;
}

void *table_iter_next(struct table_iter *it)
{
    for (it->slot++;; it->slot++) {
        if (it->slot >= SLOTS) {
            if (!iter_bucket(it)) {
                it->slot = SLOTS;
                return NULL;
            }
            prefetch_entries(it->bucket);
        }
        if (it->bucket->tag[it->slot]) return it->bucket->slot[it->slot];
    }
}

void table_iter_end(struct table_iter *it)
{
    if (!it->t) return;
    table_resume(it->t);
    it->t = NULL;
}

/* --- random ------------------------------------------------------------------------------- */

static struct table_bucket *random_bucket(const struct table *t, struct rng *rng)
{
    size_t left = buckets(t, 0) - t->moved, i = (size_t)rng_below(rng, left + buckets(t, 1));
    return i < left ? bucket_at(t, 0, t->moved + i) : bucket_at(t, 1, i - left);
}

static void *nth(const struct table_bucket *b, size_t n)
{
    for (; b; b = child(b))
        for (int s = 0; s < SLOTS; s++)
            if (b->tag[s] && n-- == 0) return b->slot[s];
    return NULL;
}

void *table_random(const struct table *t, struct rng *rng)
{
    if (!table_count(t)) return NULL;
    /* A place among RANDOM_CHAIN of a bucket is drawn: taken or not, each is as likely. */
    for (int i = 0; i < RANDOM_TRIES; i++) {
        const struct table_bucket *b = random_bucket(t, rng);
        if (!b) continue;
        size_t places = b->meta & CHAINED ? RANDOM_CHAIN : SLOTS;
        size_t n = (size_t)rng_below(rng, RANDOM_CHAIN);
        void *e = n < places ? nth(b, n) : NULL;
        if (e) return e;
    }
    void *e = NULL;
    return table_sample(t, rng, &e, 1) ? e : NULL;
}

size_t table_sample(const struct table *t, struct rng *rng, void **out, size_t n)
{
    size_t got = 0, n0 = buckets(t, 0), all = n0 + buckets(t, 1);
    if (!table_count(t)) return 0;
    size_t i = (size_t)rng_below(rng, all);
    for (size_t seen = 0; seen < all && got < n; seen++, i = i + 1 == all ? 0 : i + 1) {
        const struct table_bucket *b = i < n0 ? bucket_at(t, 0, i) : bucket_at(t, 1, i - n0);
        for (; b && got < n; b = child(b))
            for (int s = 0; s < SLOTS && got < n; s++)
                if (b->tag[s]) out[got++] = b->slot[s];
    }
    return got;
}
