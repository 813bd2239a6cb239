#include "core/rdb/values.h"
#include "core/types/hash.h"
#include "core/types/packed.h"
#include "core/types/zset.h"

/* --- ziplist ------------------------------------------------------------------------------
 *
 *     | bytes 4 | offset of the last entry 4 | entries 2 | entry ... | 0xff |     little-endian
 *     entry:  | length of the one before: 1 byte, or 0xfe and 4 bytes | code | content |
 *     code:   00llllll                  string           01llllll llllllll   string, big-endian
 *             10000000 + 4 bytes        string, big-endian
 *             c0 d0 e0 f0 fe            integer of 2, 4, 8, 3, 1 bytes
 *             1111xxxx, x = 1 .. 13     the integer x - 1 */

#define ZIPLIST_HEAD 10
#define ZIPLIST_END 0xff
#define LONG_BEFORE 0xfe

struct reader {
    const uint8_t *at, *end; /* what may be read */
};

static size_t room(const struct reader *r) { return (size_t)(r->end - r->at); }

static bool take(struct reader *r, size_t n, const uint8_t **p)
{
    if (room(r) < n) return false;
    *p = r->at;
    r->at += n;
    return true;
}

static int64_t little_int(const uint8_t *p, size_t bytes)
{
    uint64_t v = 0;
    memcpy(&v, p, bytes);
    unsigned up = (unsigned)(64 - 8 * bytes);
    return (int64_t)(v << up) >> up;
}

/* The length that an entry says of the one before. */
static bool take_before(struct reader *r, size_t *n)
{
    const uint8_t *p;
    uint32_t wide;
    if (!take(r, 1, &p)) return false;
    *n = *p;
    if (*n == ZIPLIST_END) return false;
    if (*n != LONG_BEFORE) return true;
    if (!take(r, 4, &p)) return false;
    memcpy(&wide, p, 4);
    *n = wide;
    return true;
}

static bool take_text(struct reader *r, uint8_t code, struct packed **out)
{
    const uint8_t *p;
    size_t n = code & 63u;
    if (code >> 6 == 1) {
        if (!take(r, 1, &p)) return false;
        n = n << 8 | *p;
    } else if (code >> 6 == 2) {
        if (!take(r, 4, &p)) return false;
        n = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
    }
    if (!take(r, n, &p) || !packed_takes(*out, n + PACKED_TMP)) return false;
    packed_append(out, slice_of((const char *)p, n));
    return true;
}

static bool take_int(struct reader *r, uint8_t code, struct packed **out)
{
    static const struct {
        uint8_t code, bytes;
    } wide[] = { { 0xc0, 2 }, { 0xd0, 4 }, { 0xe0, 8 }, { 0xf0, 3 }, { 0xfe, 1 } };
    const uint8_t *p;
    for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++) {
        if (wide[i].code != code) continue;
        if (!take(r, wide[i].bytes, &p)) return false;
        packed_append_int(out, little_int(p, wide[i].bytes));
        return true;
    }
    if (code < 0xf1 || code > 0xfd) return false;
    packed_append_int(out, (code & 15) - 1);
    return true;
}

static bool ziplist_entries(struct reader *r, size_t last, const uint8_t *head, struct packed **out)
{
    size_t before = 0, said;
    const uint8_t *p, *start = NULL;
    while (room(r)) {
        start = r->at;
        if (!take_before(r, &said) || said != before || !take(r, 1, &p)) return false;
        if (*p < 0xc0 ? !take_text(r, *p, out) : !take_int(r, *p, out)) return false;
        before = (size_t)(r->at - start);
    }
    return !start || start == head + last;
}

struct packed *rdb_packed_from_ziplist(struct slice bytes)
{
    const uint8_t *b = (const uint8_t *)bytes.p;
    uint32_t size, last;
    uint16_t count;
    if (bytes.n <= ZIPLIST_HEAD || b[bytes.n - 1] != ZIPLIST_END) return NULL;
    memcpy(&size, b, 4);
    memcpy(&last, b + 4, 4);
    memcpy(&count, b + 8, 2);
    struct packed *p = packed_new();
    struct reader r = { b + ZIPLIST_HEAD, b + bytes.n - 1 };
    if (size == bytes.n && ziplist_entries(&r, last, b, &p) &&
        (count == UINT16_MAX || count == packed_count(p)))
        return p;
    packed_free(p);
    return NULL;
}

/* --- zipmap -------------------------------------------------------------------------------
 *
 *     | pairs 1 | length, key, length, bytes unused 1, value, unused | ... | 0xff |
 *     length: 1 byte below 254, or 254 and 4 bytes. Keys and values are strings. */

static bool zipmap_string(struct reader *r, bool is_value, struct packed **out)
{
    const uint8_t *p, *unused;
    uint32_t n;
    if (!take(r, 1, &p)) return false;
    n = *p;
    if (n == 254) {
        if (!take(r, 4, &p)) return false;
        memcpy(&n, p, 4);
    } else if (n == 255) {
        return false;
    }
    if (is_value && !take(r, 1, &unused)) return false;
    if (!take(r, n, &p) || !packed_takes(*out, (size_t)n + PACKED_TMP)) return false;
    packed_append(out, slice_of((const char *)p, n));
    return !is_value || take(r, *unused, &p);
}

struct packed *rdb_packed_from_zipmap(struct slice bytes)
{
    const uint8_t *b = (const uint8_t *)bytes.p;
    if (bytes.n < 2 || b[bytes.n - 1] != 255) return NULL;
    struct reader r = { b + 1, b + bytes.n - 1 };
    struct packed *p = packed_new();
    while (room(&r))
        if (!zipmap_string(&r, false, &p) || !zipmap_string(&r, true, &p)) {
            packed_free(p);
            return NULL;
        }
    if (b[0] < 254 && b[0] != packed_count(p) / 2) {
        packed_free(p);
        return NULL;
    }
    return p;
}

/* --- values ------------------------------------------------------------------------------- */

static enum rdb_build damaged(struct rdb_in *in, const char *what)
{
    rdb_in_fail(in, ERR_FORMAT, "%s", what);
    return RDB_BROKEN;
}

/* Pair by pair, so that a field that comes twice is seen. */
static bool put_pairs(struct value *v, const struct packed *p, const struct type_limits *l)
{
    char field[PACKED_TMP], text[PACKED_TMP];
    for (size_t at = packed_first(p); at;) {
        size_t value = packed_next(p, at);
        if (!hash_put(v, packed_text(p, at, field), packed_text(p, value, text), l)) return false;
        at = packed_next(p, value);
    }
    return true;
}

/* Takes p. */
static enum rdb_build build_hash(struct rdb_in *in, struct rdb_building *b, struct packed *p)
{
    if (!p) return damaged(in, "Hash integrity check failed.");
    size_t n = packed_count(p);
    struct value v = { .e = n ? hash_new(b->key, b->deadline) : NULL };
    bool ok = n % 2 == 0 && put_pairs(&v, p, b->limits);
    packed_free(p);
    if (ok) {
        b->e = v.e;
        return RDB_BUILT;
    }
    entry_free(v.e);
    return damaged(in, "a hash's bytes are damaged, or it has a field twice");
}

enum rdb_build rdb_load_hash_zipmap(struct rdb_in *in, struct rdb_building *b)
{
    struct slice s;
    if (!rdb_get_string(in, &s)) return rdb_build_ended(in);
    return build_hash(in, b, rdb_packed_from_zipmap(s));
}

enum rdb_build rdb_load_hash_ziplist(struct rdb_in *in, struct rdb_building *b)
{
    struct slice s;
    if (!rdb_get_string(in, &s)) return rdb_build_ended(in);
    return build_hash(in, b, rdb_packed_from_ziplist(s));
}

enum rdb_build rdb_load_zset_ziplist(struct rdb_in *in, struct rdb_building *b)
{
    struct slice s;
    if (!rdb_get_string(in, &s)) return rdb_build_ended(in);
    struct packed *p = rdb_packed_from_ziplist(s);
    if (!p) return damaged(in, "Zset integrity check failed.");
    if (!packed_first(p)) {
        packed_free(p);
        return RDB_BUILT;
    }
    b->e = zset_new_packed(b->key, p, b->deadline, b->limits);
    return b->e ? RDB_BUILT : damaged(in, "Zset integrity check failed.");
}
