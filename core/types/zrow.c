#include "core/types/zrow.h"

#include <float.h>

#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/types/room.h"
#include "core/types/varlen.h"

#define HEAD 8         /* bytes before the first item */
#define LONG 31        /* in the length's bits: the rest follows */
#define ITEM_EXTRA 19  /* bytes an item can have beside its member: first, rest of length, score */
#define WHOLE_MAX 9007199254740992.0 /* whole numbers up to it are exact */

/* A score's kinds and the bytes each takes. */
enum kind { KIND_SAME, KIND_1, KIND_2, KIND_3, KIND_4, KIND_6, KIND_FLOAT, KIND_DOUBLE };
static const uint8_t kind_size[] = { 0, 1, 2, 3, 4, 6, 4, 8 };

/* All that is in front of a member. */
struct head {
    char bytes[ITEM_EXTRA];
    size_t n;
};

static char *at_byte(const struct zrow *r, size_t at) { return (char *)(uintptr_t)r + at; }

static size_t size_of(const struct zrow *r)
{
    uint32_t n;
    memcpy(&n, at_byte(r, 0), 4);
    return n;
}

static void set_sizes(struct zrow *r, size_t size, size_t count)
{
    uint32_t n[2] = { (uint32_t)size, (uint32_t)count };
    memcpy(at_byte(r, 0), n, HEAD);
}

/* ---- life ---- */

struct zrow *zrow_new(void)
{
    struct zrow *r = mem_alloc(room_for(HEAD));
    set_sizes(r, HEAD, 0);
    return r;
}

void zrow_free(struct zrow *r) { mem_free(r); }

struct zrow *zrow_copy(const struct zrow *r)
{
    size_t n = size_of(r);
    struct zrow *copy = mem_alloc(room_for(n));
    memcpy(copy, r, n);
    return copy;
}

size_t zrow_mem(const struct zrow *r) { return mem_size(r); }

size_t zrow_count(const struct zrow *r)
{
    uint32_t n;
    memcpy(&n, at_byte(r, 4), 4);
    return n;
}

bool zrow_takes(const struct zrow *r, size_t member)
{
    return member < ZROW_MAX && size_of(r) + member + 2 * (size_t)ITEM_EXTRA < ZROW_MAX;
}

/* ---- reading an item ---- */

static bool is_whole(double score)
{
    return score >= -WHOLE_MAX && score <= WHOLE_MAX && score == (double)(int64_t)score;
}

static bool is_float(double score)
{
    return score >= -FLT_MAX && score <= FLT_MAX && score == (double)(float)score;
}

static double get_score(enum kind kind, const char *p, double previous)
{
    uint64_t step = 0;
    double exact;
    float shorter;
    switch (kind) {
    case KIND_SAME:
        return previous;
    case KIND_FLOAT:
        memcpy(&shorter, p, sizeof(shorter));
        return (double)shorter;
    case KIND_DOUBLE:
        memcpy(&exact, p, sizeof(exact));
        return exact;
    default:
        for (size_t i = kind_size[kind]; i--;) step = step << 8 | (uint8_t)p[i];
        return previous + (double)step;
    }
}

static struct zrow_at read_at(const struct zrow *r, size_t at, double previous)
{
    struct zrow_at a = { .at = at, .end = at, .previous = previous };
    if (at == size_of(r)) return a;
    const char *p = at_byte(r, at);
    uint8_t first = (uint8_t)*p++;
    size_t n = first & LONG, rest = 0;
    if (n == LONG) p = varlen_get(p, &rest);
    enum kind kind = first >> 5;
    a.score = get_score(kind, p, previous);
    a.member = slice_of(p + kind_size[kind], n + rest);
    a.end = (size_t)(a.member.p + a.member.n - at_byte(r, 0));
    return a;
}

/* ---- walking ---- */

struct zrow_at zrow_first(const struct zrow *r) { return read_at(r, HEAD, 0); }

struct zrow_at zrow_next(const struct zrow *r, const struct zrow_at *here)
{
    return read_at(r, here->end, here->score);
}

struct zrow_at zrow_seek(const struct zrow *r, size_t rank)
{
    struct zrow_at a = zrow_first(r);
    while (rank--) a = zrow_next(r, &a);
    return a;
}

bool zrow_find(const struct zrow *r, struct slice member, struct zrow_at *out, size_t *rank)
{
    size_t i = 0;
    struct zrow_at a = zrow_first(r);
    for (; a.member.p && !slice_eq(a.member, member); i++) a = zrow_next(r, &a);
    *out = a;
    if (rank) *rank = i;
    return a.member.p != NULL;
}

void zrow_down_start(struct zrow_down *d, size_t rank)
{
    d->left = rank + 1;
    d->marked = 0;
}

static void mark_the_last(struct zrow_down *d, const struct zrow *r)
{
    size_t from = d->left > ZROW_MARKS ? d->left - ZROW_MARKS : 0;
    struct zrow_at a = zrow_seek(r, from);
    d->marked = d->left - from;
    for (size_t i = 0; i < d->marked; i++, a = zrow_next(r, &a))
        d->mark[i] = (struct zrow_mark){ a.at, a.previous };
}

bool zrow_down_next(struct zrow_down *d, const struct zrow *r, struct zrow_at *out)
{
    if (!d->left) return false;
    if (!d->marked) mark_the_last(d, r);
    d->left--;
    const struct zrow_mark *m = &d->mark[--d->marked];
    *out = read_at(r, m->at, m->previous);
    return true;
}

/* ---- change ---- */

static enum kind kind_of_step(uint64_t step)
{
    if (step < (uint64_t)1 << 16) return step == 0 ? KIND_SAME : step < 256 ? KIND_1 : KIND_2;
    if (step < (uint64_t)1 << 32) return step < (uint64_t)1 << 24 ? KIND_3 : KIND_4;
    return step < (uint64_t)1 << 48 ? KIND_6 : KIND_DOUBLE;
}

/* *step: what the kinds of whole numbers keep. */
static enum kind kind_of(double score, double previous, uint64_t *step)
{
    if (score == previous) return KIND_SAME;
    if (score >= previous && is_whole(score) && is_whole(previous)) {
        *step = (uint64_t)((int64_t)score - (int64_t)previous);
        enum kind kind = kind_of_step(*step);
        if (kind != KIND_DOUBLE) return kind;
    }
    return is_float(score) ? KIND_FLOAT : KIND_DOUBLE;
}

static char *put_score(char *p, enum kind kind, double score, uint64_t step)
{
    float shorter = kind == KIND_FLOAT ? (float)score : 0;
    if (kind == KIND_FLOAT) memcpy(p, &shorter, sizeof(shorter));
    if (kind == KIND_DOUBLE) memcpy(p, &score, sizeof(score));
    if (kind < KIND_FLOAT)
        for (size_t i = 0; i < kind_size[kind]; i++) p[i] = (char)(uint8_t)(step >> 8 * i);
    return p + kind_size[kind];
}

static struct head head_of(double score, double previous, size_t n)
{
    struct head h;
    uint64_t step = 0;
    enum kind kind = kind_of(score, previous, &step);
    char *p = h.bytes;
    *p++ = (char)(uint8_t)((unsigned)kind << 5 | (n < LONG ? (unsigned)n : LONG));
    if (n >= LONG) p = varlen_put(p, n - LONG);
    h.n = (size_t)(put_score(p, kind, score, step) - h.bytes);
    return h;
}

/* The head of what will follow an item of that score; empty behind the last item. */
static struct head head_after(const struct zrow_at *next, double score)
{
    if (next->member.p) return head_of(next->score, score, next->member.n);
    return (struct head){ .n = 0 };
}

/* The `old` bytes at `at` become `fresh` ones, whose content is the caller's to write. */
static char *splice(struct zrow **r, size_t at, size_t old, size_t fresh)
{
    size_t size = size_of(*r), now = size - old + fresh, tail = size - at - old;
    if (fresh > old && room_for(now) != room_for(size)) *r = mem_realloc(*r, room_for(now));
    memmove(at_byte(*r, at + fresh), at_byte(*r, at + old), tail);
    if (fresh < old && room_for(now) != room_for(size)) *r = mem_realloc(*r, room_for(now));
    set_sizes(*r, now, zrow_count(*r));
    return at_byte(*r, at);
}

/* Bytes of an item in front of its member. */
static size_t head_size(const struct zrow_at *a) { return a->end - a->at - a->member.n; }

static char *put_item(char *p, const struct head *h, struct slice member)
{
    memcpy(p, h->bytes, h->n);
    if (member.n) memcpy(p + h->n, member.p, member.n);
    return p + h->n + member.n;
}

void zrow_insert(struct zrow **r, const struct zrow_at *before, double score, struct slice member)
{
    if (score == 0) score = 0; /* without its sign */
    struct head own = head_of(score, before->previous, member.n);
    struct head next = head_after(before, score);
    char *p = splice(r, before->at, head_size(before), own.n + member.n + next.n);
    p = put_item(p, &own, member);
    memcpy(p, next.bytes, next.n);
    set_sizes(*r, size_of(*r), zrow_count(*r) + 1);
}

void zrow_remove(struct zrow **r, const struct zrow_at *from, size_t n)
{
    struct zrow_at next = *from;
    for (size_t i = 0; i < n; i++) {
        must(next.member.p);
        next = zrow_next(*r, &next);
    }
    struct head h = head_after(&next, from->previous);
    size_t at = from->at;
    char *p = splice(r, at, next.at + head_size(&next) - at, h.n);
    memcpy(p, h.bytes, h.n);
    set_sizes(*r, size_of(*r), zrow_count(*r) - n);
}

/* ---- making one ---- */

void zrow_maker_start(struct zrow_maker *m, size_t hint)
{
    *m = (struct zrow_maker){ .size = HEAD, .room = room_for(HEAD + hint) };
    m->row = mem_alloc(m->room);
}

void zrow_maker_add(struct zrow_maker *m, double score, struct slice member)
{
    if (score == 0) score = 0;
    struct head h = head_of(score, m->last, member.n);
    size_t end = m->size + h.n + member.n;
    if (end > m->room) {
        m->room = room_for(2 * end);
        m->row = mem_realloc(m->row, m->room);
    }
    put_item(at_byte(m->row, m->size), &h, member);
    m->size = end;
    m->count++;
    m->last = score;
}

struct zrow *zrow_maker_take(struct zrow_maker *m)
{
    struct zrow *r = m->row;
    if (m->room != room_for(m->size)) r = mem_realloc(r, room_for(m->size));
    set_sizes(r, m->size, m->count);
    m->row = NULL;
    return r;
}
