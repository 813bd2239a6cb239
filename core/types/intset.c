#include "core/types/intset.h"

#include "core/base/mem.h"
#include "core/types/room.h"

#define HEAD 8

static char *bytes_of(const struct intset *s) { return (char *)(uintptr_t)s; }
static uint32_t field(const struct intset *s, size_t at)
{
    uint32_t n;
    memcpy(&n, bytes_of(s) + at, 4);
    return n;
}
static uint32_t width(const struct intset *s) { return field(s, 0); }
static uint32_t count(const struct intset *s) { return field(s, 4); }
static void set_head(struct intset *s, uint32_t w, uint32_t n)
{
    memcpy(bytes_of(s), &w, 4);
    memcpy(bytes_of(s) + 4, &n, 4);
}
static size_t size_for(uint32_t w, size_t n) { return HEAD + w * n; }
static size_t size_of(const struct intset *s) { return size_for(width(s), count(s)); }

static uint32_t width_for(int64_t v)
{
    if (v >= INT16_MIN && v <= INT16_MAX) return 2;
    return v >= INT32_MIN && v <= INT32_MAX ? 4 : 8;
}

static int64_t load(const char *at, uint32_t w)
{
    int16_t a;
    int32_t b;
    int64_t c;
    if (w == 2) {
        memcpy(&a, at, 2);
        return a;
    }
    if (w == 4) {
        memcpy(&b, at, 4);
        return b;
    }
    memcpy(&c, at, 8);
    return c;
}

/* Little-endian: the low bytes come first. */
static void store(char *at, uint32_t w, int64_t v) { memcpy(at, &v, w); }

/* --- life --------------------------------------------------------------------------------- */

struct intset *intset_new(void)
{
    struct intset *s = mem_alloc(room_for(HEAD));
    set_head(s, 2, 0);
    return s;
}

void intset_free(struct intset *s) { mem_free(s); }

struct intset *intset_from_bytes(struct slice bytes)
{
    struct intset *s = mem_alloc(room_for(bytes.n));
    memcpy(s, bytes.p, bytes.n);
    return s;
}

struct intset *intset_copy(const struct intset *s) { return intset_from_bytes(intset_bytes(s)); }
struct slice intset_bytes(const struct intset *s) { return slice_of(bytes_of(s), size_of(s)); }
size_t intset_mem(const struct intset *s) { return mem_size(s); }
size_t intset_count(const struct intset *s) { return count(s); }

bool intset_valid(struct slice bytes, bool deep)
{
    uint32_t w, n;
    if (bytes.n < HEAD) return false;
    memcpy(&w, bytes.p, 4);
    memcpy(&n, bytes.p + 4, 4);
    if ((w != 2 && w != 4 && w != 8) || !n || (bytes.n - HEAD) / w != n || (bytes.n - HEAD) % w)
        return false;
    for (size_t i = 1; deep && i < n; i++)
        if (load(bytes.p + size_for(w, i - 1), w) >= load(bytes.p + size_for(w, i), w))
            return false;
    return true;
}

/* --- reading ------------------------------------------------------------------------------ */

int64_t intset_at(const struct intset *s, size_t i)
{
    uint32_t w = width(s);
    return load(bytes_of(s) + size_for(w, i), w);
}

size_t intset_rank(const struct intset *s, int64_t v)
{
    size_t lo = 0, hi = count(s);
    if (hi && intset_at(s, hi - 1) < v) return hi; /* ascending additions are common */
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (intset_at(s, mid) < v)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool find(const struct intset *s, int64_t v, size_t *rank)
{
    *rank = intset_rank(s, v);
    return *rank < count(s) && intset_at(s, *rank) == v;
}

bool intset_has(const struct intset *s, int64_t v)
{
    size_t rank;
    return width_for(v) <= width(s) && find(s, v, &rank);
}

/* --- change ------------------------------------------------------------------------------- */

static void resize(struct intset **s, size_t from, size_t to)
{
    if (room_for(from) != room_for(to)) *s = mem_realloc(*s, room_for(to));
}

/* All members wider; from the last to the first, since each moves towards the end. */
static void widen(struct intset **s, uint32_t w)
{
    uint32_t old = width(*s), n = count(*s);
    resize(s, size_for(old, n), size_for(w, n));
    for (size_t i = n; i-- > 0;)
        store(bytes_of(*s) + size_for(w, i), w, load(bytes_of(*s) + size_for(old, i), old));
    set_head(*s, w, n);
}

bool intset_add(struct intset **s, int64_t v)
{
    size_t rank;
    if (width_for(v) > width(*s))
        widen(s, width_for(v));
    else if (find(*s, v, &rank))
        return false;
    uint32_t w = width(*s), n = count(*s);
    rank = intset_rank(*s, v);
    resize(s, size_for(w, n), size_for(w, n + 1));
    char *at = bytes_of(*s) + size_for(w, rank);
    memmove(at + w, at, w * (n - rank));
    store(at, w, v);
    set_head(*s, w, n + 1);
    return true;
}

bool intset_remove(struct intset **s, int64_t v)
{
    size_t rank;
    if (width_for(v) > width(*s) || !find(*s, v, &rank)) return false;
    uint32_t w = width(*s), n = count(*s);
    char *at = bytes_of(*s) + size_for(w, rank);
    memmove(at, at + w, w * (n - rank - 1));
    resize(s, size_for(w, n), size_for(w, n - 1));
    set_head(*s, w, n - 1);
    return true;
}
