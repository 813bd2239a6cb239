#include "core/types/hll.h"

#include <math.h>

#include "core/base/must.h"

#define MAGIC "HYLL"
#define FORM_AT 4
#define COUNT_AT 8
#define STALE 0x80 /* in the highest byte of the count */
#define INDEX_BITS 14
#define RANK_MAX 51 /* 64 - INDEX_BITS bits, and one */
#define SPARSE_VALUE_MAX 32
#define VALUE_RUN_MAX 4
#define ZERO_RUN_MAX 64
#define HASH_SEED 0xadc83b19u

enum form { DENSE, SPARSE };

static uint8_t *head_of(const struct buf *b) { return (uint8_t *)buf_head(b); }
static uint8_t byte_at(struct slice s, size_t i) { return (uint8_t)s.p[i]; }

bool hll_is(struct slice s)
{
    if (s.n < HLL_HEAD || memcmp(s.p, MAGIC, 4) != 0) return false;
    return byte_at(s, FORM_AT) == SPARSE || (byte_at(s, FORM_AT) == DENSE && s.n == HLL_DENSE_SIZE);
}

bool hll_is_sparse(struct slice s) { return byte_at(s, FORM_AT) == SPARSE; }

/* --- runs --------------------------------------------------------------------------------- */

struct run {
    unsigned n; /* registers */
    uint8_t value;
    uint8_t bytes; /* 1 or 2 */
};

/* The run at s.p; false: cut off. */
static bool run_read(struct slice s, struct run *r)
{
    uint8_t b = byte_at(s, 0);
    if (b & 0x80) {
        *r = (struct run){ (b & 3u) + 1, (uint8_t)((b >> 2 & 31) + 1), 1 };
    } else if (b & 0x40) {
        if (s.n < 2) return false;
        *r = (struct run){ ((b & 63u) << 8 | byte_at(s, 1)) + 1, 0, 2 };
    } else {
        *r = (struct run){ (b & 63u) + 1, 0, 1 };
    }
    return true;
}

/* Gives the number of bytes. A run of no registers takes none. */
static size_t run_write(uint8_t *p, uint8_t value, unsigned n)
{
    if (!n) return 0;
    if (value) {
        p[0] = (uint8_t)(0x80u | (value - 1u) << 2 | (n - 1));
        return 1;
    }
    if (n <= ZERO_RUN_MAX) {
        p[0] = (uint8_t)(n - 1);
        return 1;
    }
    p[0] = (uint8_t)(0x40u | (n - 1) >> 8);
    p[1] = (uint8_t)(n - 1);
    return 2;
}

void hll_init(struct buf *b)
{
    uint8_t bytes[HLL_HEAD + 2] = MAGIC;
    bytes[FORM_AT] = SPARSE;
    run_write(bytes + HLL_HEAD, 0, HLL_REGISTERS);
    buf_clear(b);
    buf_put(b, bytes, sizeof(bytes));
}

/* --- registers ---------------------------------------------------------------------------- */

static uint8_t dense_get(const uint8_t *registers, unsigned at)
{
    unsigned bit = at * 6, shift = bit & 7;
    unsigned two = registers[bit >> 3];
    if (shift > 2) two |= (unsigned)registers[(bit >> 3) + 1] << 8;
    return two >> shift & 63;
}

static void dense_set(uint8_t *registers, unsigned at, uint8_t value)
{
    unsigned bit = at * 6, shift = bit & 7;
    uint8_t *p = registers + (bit >> 3);
    p[0] = (uint8_t)((p[0] & ~(63u << shift)) | (unsigned)value << shift);
    if (shift > 2)
        p[1] = (uint8_t)((p[1] & ~(63u >> (8 - shift))) | (unsigned)value >> (8 - shift));
}

bool hll_merge(struct slice s, uint8_t registers[HLL_REGISTERS])
{
    const uint8_t *bytes = (const uint8_t *)s.p + HLL_HEAD;
    struct run r;
    unsigned at = 0;
    if (!hll_is_sparse(s)) {
        for (; at < HLL_REGISTERS; at++) {
            uint8_t v = dense_get(bytes, at);
            if (v > registers[at]) registers[at] = v;
        }
        return true;
    }
    for (size_t i = HLL_HEAD; i < s.n; i += r.bytes, at += r.n) {
        if (!run_read(slice_of(s.p + i, s.n - i), &r) || r.n > HLL_REGISTERS - at) return false;
        for (unsigned k = 0; r.value && k < r.n; k++)
            if (r.value > registers[at + k]) registers[at + k] = r.value;
    }
    return at == HLL_REGISTERS;
}

bool hll_to_dense(struct buf *b)
{
    uint8_t registers[HLL_REGISTERS] = { 0 };
    uint8_t dense[HLL_DENSE_SIZE] = { 0 };
    if (!hll_is_sparse(buf_slice(b))) return true;
    if (!hll_merge(buf_slice(b), registers)) return false;
    memcpy(dense, buf_head(b), HLL_HEAD);
    dense[FORM_AT] = DENSE;
    for (unsigned i = 0; i < HLL_REGISTERS; i++)
        if (registers[i]) dense_set(dense + HLL_HEAD, i, registers[i]);
    buf_clear(b);
    buf_put(b, dense, sizeof(dense));
    return true;
}

static enum hll_change dense_raise(struct buf *b, unsigned at, uint8_t value)
{
    uint8_t *registers = head_of(b) + HLL_HEAD;
    if (dense_get(registers, at) >= value) return HLL_SAME;
    dense_set(registers, at, value);
    return HLL_CHANGED;
}

static enum hll_change promote_and_raise(struct buf *b, unsigned at, uint8_t value)
{
    return hll_to_dense(b) ? dense_raise(b, at, value) : HLL_BROKEN;
}

/* Puts n bytes in the place of `old` bytes at `at`. */
static void splice(struct buf *b, size_t at, size_t old, const uint8_t *bytes, size_t n)
{
    size_t tail = buf_size(b) - at - old;
    if (n > old) buf_room(b, n - old);
    char *p = buf_head(b) + at;
    if (n != old) memmove(p + n, p + old, tail);
    memcpy(p, bytes, n);
    b->len = b->len + n - old;
}

/* Joins equal neighbours around the place of a change: from the run before it, five runs. */
static void join_runs(struct buf *b, size_t at)
{
    for (int left = 5; left > 0 && at < buf_size(b); left--) {
        struct slice s = slice_of(buf_head(b) + at, buf_size(b) - at);
        struct run r, next;
        if (!run_read(s, &r)) return;
        if (r.value && s.n > 1 && run_read(slice_of(s.p + 1, s.n - 1), &next) &&
            next.value == r.value && r.n + next.n <= VALUE_RUN_MAX) {
            uint8_t joined[2];
            splice(b, at, 2, joined, run_write(joined, r.value, r.n + next.n));
            continue; /* the joined one may join again */
        }
        at += r.bytes;
    }
}

static enum hll_change sparse_raise(struct buf *b, unsigned at, uint8_t value, size_t sparse_max)
{
    if (value > SPARSE_VALUE_MAX) return promote_and_raise(b, at, value);
    struct slice s = buf_slice(b);
    struct run r = { 0 };
    size_t i = HLL_HEAD, before = HLL_HEAD;
    unsigned first = 0;
    for (;; before = i, i += r.bytes, first += r.n) {
        if (i >= s.n || !run_read(slice_of(s.p + i, s.n - i), &r)) return HLL_BROKEN;
        if (at < first + r.n) break;
    }
    if (r.value >= value) return HLL_SAME;
    /* The run falls into what is before the register, itself, what is behind it. */
    uint8_t parts[5];
    size_t n = run_write(parts, r.value, at - first);
    n += run_write(parts + n, value, 1);
    n += run_write(parts + n, r.value, first + r.n - 1 - at);
    if (n > r.bytes && s.n + n - r.bytes > sparse_max) return promote_and_raise(b, at, value);
    splice(b, i, r.bytes, parts, n);
    join_runs(b, before);
    return HLL_CHANGED;
}

enum hll_change hll_raise(struct buf *b, unsigned at, uint8_t value, size_t sparse_max)
{
    must(at < HLL_REGISTERS);
    return hll_is_sparse(buf_slice(b)) ? sparse_raise(b, at, value, sparse_max)
                                       : dense_raise(b, at, value);
}

/* --- elements ----------------------------------------------------------------------------- */

static uint64_t little(const char *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)(uint8_t)p[i] << (8 * i);
    return v;
}

/* MurmurHash2 in its 64-bit form (A. Appleby, public domain): the layout prescribes it. */
static uint64_t murmur(struct slice s)
{
    const uint64_t m = 0xc6a4a7935bd1e995;
    uint64_t h = HASH_SEED ^ (s.n * m);
    for (; s.n >= 8; s.p += 8, s.n -= 8) {
        uint64_t k = little(s.p, 8) * m;
        h = (h ^ (k ^ k >> 47) * m) * m;
    }
    if (s.n) h = (h ^ little(s.p, s.n)) * m;
    h = (h ^ h >> 47) * m;
    return h ^ h >> 47;
}

enum hll_change hll_add(struct buf *b, struct slice element, size_t sparse_max)
{
    uint64_t h = murmur(element);
    uint64_t rest = h >> INDEX_BITS | (uint64_t)1 << (64 - INDEX_BITS);
    return hll_raise(b, (unsigned)(h & (HLL_REGISTERS - 1)), (uint8_t)(__builtin_ctzll(rest) + 1),
                     sparse_max);
}

/* --- the estimate ------------------------------------------------------------------------- */

void hll_forget_count(struct buf *b) { head_of(b)[COUNT_AT + 7] |= STALE; }

bool hll_known_count(struct slice s, uint64_t *out)
{
    *out = little(s.p + COUNT_AT, 8);
    return !(byte_at(s, COUNT_AT + 7) & STALE);
}

void hll_keep_count(struct buf *b, uint64_t count)
{
    for (int i = 0; i < 8; i++)
        head_of(b)[COUNT_AT + i] = (uint8_t)(count >> (8 * i));
}

/* The two series of O. Ertl, "New cardinality estimation algorithms for HyperLogLog sketches". */
static double sigma(double x)
{
    if (x == 1.0) return INFINITY;
    double sum = x, before, weight = 1;
    do {
        x *= x;
        before = sum;
        sum += x * weight;
        weight += weight;
    } while (sum != before);
    return sum;
}

static double tau(double x)
{
    if (x == 0.0 || x == 1.0) return 0;
    double sum = 1 - x, before, weight = 1;
    do {
        x = sqrt(x);
        before = sum;
        weight *= 0.5;
        sum -= pow(1 - x, 2) * weight;
    } while (sum != before);
    return sum / 3;
}

uint64_t hll_estimate(const uint8_t registers[HLL_REGISTERS])
{
    const double m = HLL_REGISTERS, alpha = 0.721347520444481703680; /* 1 / (2 ln 2) */
    unsigned n[64] = { 0 };
    for (unsigned i = 0; i < HLL_REGISTERS; i++)
        n[registers[i] & 63]++;
    double z = m * tau((m - n[RANK_MAX]) / m);
    for (int i = RANK_MAX - 1; i >= 1; i--) {
        z += n[i];
        z *= 0.5;
    }
    z += m * sigma(n[0] / m);
    return (uint64_t)llroundl((long double)(alpha * m * m / z));
}

void hll_runs(struct slice s, struct buf *out)
{
    struct run r;
    for (size_t i = HLL_HEAD; i < s.n; i += r.bytes) {
        if (!run_read(slice_of(s.p + i, s.n - i), &r)) return;
        if (i > HLL_HEAD) buf_putc(out, ' ');
        if (r.value)
            buf_fmt(out, "v:%d,%u", r.value, r.n);
        else
            buf_fmt(out, "%c:%u", r.bytes == 2 ? 'Z' : 'z', r.n);
    }
}
