#include "core/types/packed.h"

#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/types/room.h"

#define HEAD 6               /* bytes before the first item */
#define END 0xff             /* the byte behind the last one */
#define COUNT_UNKNOWN 65535u /* in the header: walk */

/* The code byte, or how it begins. Numbers behind it are little-endian, but for the lengths of 12
 * and the integers of 13 bits, which begin in the code byte. */
enum code {
    CODE_U7 = 0x00,    /* 0xxxxxxx */
    CODE_STR6 = 0x80,  /* 10llllll */
    CODE_I13 = 0xc0,   /* 110xxxxx xxxxxxxx */
    CODE_STR12 = 0xe0, /* 1110llll llllllll */
    CODE_STR32 = 0xf0,
    CODE_I16 = 0xf1,
    CODE_I24 = 0xf2,
    CODE_I32 = 0xf3,
    CODE_I64 = 0xf4,
};

/* An item ready to be put in place. */
struct coded {
    uint8_t head[9];
    size_t head_n;
    struct slice body;
    size_t size; /* with the length behind it */
};

static uint8_t *at_byte(const struct packed *p, size_t at) { return (uint8_t *)(uintptr_t)p + at; }
static uint16_t count_field(const struct packed *p)
{
    uint16_t n;
    memcpy(&n, at_byte(p, 4), 2);
    return n;
}
static void set_head(struct packed *p, size_t size, size_t count)
{
    uint32_t n = (uint32_t)size;
    uint16_t c = (uint16_t)(count < COUNT_UNKNOWN ? count : COUNT_UNKNOWN);
    memcpy(at_byte(p, 0), &n, 4);
    memcpy(at_byte(p, 4), &c, 2);
}

/* --- the length behind an item ------------------------------------------------------------ */

/* The upper bounds are one short of what 7 bits a byte could hold: so the format has it. */
static size_t back_size(size_t n)
{
    if (n <= 127) return 1;
    if (n < 16383) return 2;
    if (n < 2097151) return 3;
    return n < 268435455 ? 4 : 5;
}

/* The highest 7 bits first; a byte that is not the first has its top bit set. */
static size_t back_put(uint8_t *at, size_t n)
{
    size_t size = back_size(n);
    for (size_t i = size; i-- > 0; n >>= 7) at[i] = (uint8_t)((n & 127) | (i ? 128 : 0));
    return size;
}

/* Of the item that ends before `end`; false when more than `room` bytes or 5 would be needed. */
static bool back_get(const uint8_t *end, size_t room, uint64_t *out)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < 5 && i < room; i++) {
        uint8_t b = *--end;
        n |= (uint64_t)(b & 127) << (7 * i);
        if (!(b & 128)) {
            *out = n;
            return true;
        }
    }
    return false;
}

/* --- codes -------------------------------------------------------------------------------- */

/* Bytes of the code and of the numbers that belong to it, string bytes not included. 0: no code. */
static size_t head_size(uint8_t c)
{
    static const uint8_t sizes[16] = { 5, 3, 4, 5, 9 };
    if (c < CODE_I13) return 1;
    if (c < CODE_STR32) return 2;
    return sizes[c & 15];
}

/* Bytes of the item without the length behind it. All of the head is readable. */
static size_t content_size(const uint8_t *b)
{
    uint32_t n;
    if (b[0] < CODE_STR6) return 1;
    if (b[0] < CODE_I13) return 1 + (b[0] & 63u);
    if (b[0] < CODE_STR12) return 2;
    if (b[0] < CODE_STR32) return 2 + ((b[0] & 15u) << 8 | b[1]);
    if (b[0] != CODE_STR32) return head_size(b[0]);
    memcpy(&n, b + 1, 4);
    return 5 + (size_t)n;
}

static void code_int(struct coded *c, int64_t v)
{
    static const struct {
        int64_t max;
        uint8_t code, bytes;
    } wide[] = { { INT16_MAX, CODE_I16, 2 },
                 { (1 << 23) - 1, CODE_I24, 3 },
                 { INT32_MAX, CODE_I32, 4 },
                 { INT64_MAX, CODE_I64, 8 } };
    c->body.n = 0;
    if (v >= 0 && v <= 127) {
        c->head[0] = (uint8_t)v;
        c->head_n = 1;
    } else if (v >= -4096 && v <= 4095) {
        c->head[0] = (uint8_t)(CODE_I13 | ((uint64_t)v >> 8 & 31));
        c->head[1] = (uint8_t)v;
        c->head_n = 2;
    } else {
        unsigned i = 0;
        while (v > wide[i].max || v < -wide[i].max - 1) i++;
        c->head[0] = wide[i].code;
        memcpy(c->head + 1, &v, 8);
        c->head_n = 1u + wide[i].bytes;
    }
    c->size = c->head_n + 1;
}

static void code_bytes(struct coded *c, struct slice s)
{
    uint32_t n = (uint32_t)s.n;
    c->body = s;
    c->head_n = 1;
    if (n < 64) {
        c->head[0] = (uint8_t)(CODE_STR6 | n);
    } else if (n < 4096) {
        c->head[0] = (uint8_t)(CODE_STR12 | n >> 8);
        c->head[1] = (uint8_t)n;
        c->head_n = 2;
    } else {
        c->head[0] = CODE_STR32;
        memcpy(c->head + 1, &n, 4);
        c->head_n = 5;
    }
    c->size = c->head_n + s.n + back_size(c->head_n + s.n);
}

static bool looks_int(struct slice s)
{
    return s.n && s.n < PACKED_TMP && (s.p[0] == '-' || (s.p[0] >= '0' && s.p[0] <= '9'));
}

static void code_text(struct coded *c, struct slice s)
{
    int64_t v;
    if (looks_int(s) && num_to_i64(s, &v))
        code_int(c, v);
    else
        code_bytes(c, s);
}

static int64_t read_int(const uint8_t *b)
{
    uint64_t v = 0;
    unsigned bits;
    if (b[0] < CODE_STR6) return b[0];
    if (b[0] < CODE_STR12) {
        v = (b[0] & 31u) << 8 | b[1];
        bits = 13;
    } else {
        size_t n = head_size(b[0]) - 1;
        memcpy(&v, b + 1, n);
        bits = (unsigned)n * 8;
    }
    return (int64_t)(v << (64 - bits)) >> (64 - bits);
}

static bool is_string(uint8_t c)
{
    return (c >= CODE_STR6 && c < CODE_I13) || (c >= CODE_STR12 && c <= CODE_STR32);
}

/* --- life --------------------------------------------------------------------------------- */

struct packed *packed_new(void)
{
    struct packed *p = mem_alloc(room_for(PACKED_EMPTY));
    set_head(p, PACKED_EMPTY, 0);
    *at_byte(p, HEAD) = END;
    return p;
}

void packed_free(struct packed *p) { mem_free(p); }

struct packed *packed_from_bytes(struct slice bytes)
{
    struct packed *p = mem_alloc(room_for(bytes.n));
    memcpy(p, bytes.p, bytes.n);
    return p;
}

struct packed *packed_copy(const struct packed *p) { return packed_from_bytes(packed_bytes(p)); }

struct slice packed_bytes(const struct packed *p)
{
    return slice_of((const char *)p, packed_size(p));
}

size_t packed_mem(const struct packed *p) { return mem_size(p); }

bool packed_takes(const struct packed *p, size_t more)
{
    return more < PACKED_MAX && packed_size(p) + more < PACKED_MAX;
}

size_t packed_item_size(struct slice s)
{
    struct coded c;
    code_text(&c, s);
    return c.size;
}

/* The size of the item at `at`, which ends before `end`; 0: it is not sound. */
static size_t checked_item(const uint8_t *b, size_t at, size_t end)
{
    uint64_t back;
    size_t head = head_size(b[at]);
    if (!head || head > end - at) return 0;
    size_t n = content_size(b + at);
    if (n > end - at) return 0;
    size_t size = n + back_size(n);
    if (size > end - at) return 0;
    if (!back_get(b + at + size, size - n, &back) || back != n) return 0;
    return size;
}

bool packed_valid(struct slice bytes, bool deep, size_t *count)
{
    const uint8_t *b = (const uint8_t *)bytes.p;
    uint32_t size;
    uint16_t field;
    if (bytes.n < PACKED_EMPTY || bytes.n >= PACKED_MAX || b[bytes.n - 1] != END) return false;
    memcpy(&size, b, 4);
    memcpy(&field, b + 4, 2);
    if (size != bytes.n) return false;
    if (count) *count = field;
    if (!deep) return true;
    size_t at = HEAD, n = 0, end = bytes.n - 1;
    while (at < end) {
        size_t item = checked_item(b, at, end);
        if (!item) return false;
        at += item;
        n++;
    }
    if (count) *count = n;
    return field == COUNT_UNKNOWN || field == n;
}

/* --- walking ------------------------------------------------------------------------------ */

static inline size_t item_size(const uint8_t *b)
{
    size_t n = content_size(b);
    return n + back_size(n);
}

static inline size_t end_of(const struct packed *p) { return packed_size(p) - 1; }

size_t packed_first(const struct packed *p) { return end_of(p) > HEAD ? HEAD : 0; }

static size_t before(const struct packed *p, size_t at)
{
    uint64_t n = 0;
    if (at <= HEAD) return 0;
    must(back_get(at_byte(p, at), at - HEAD, &n));
    return at - (size_t)n - back_size((size_t)n);
}

size_t packed_last(const struct packed *p) { return before(p, end_of(p)); }

size_t packed_next(const struct packed *p, size_t at)
{
    at += item_size(at_byte(p, at));
    return *at_byte(p, at) == END ? 0 : at;
}

size_t packed_prev(const struct packed *p, size_t at) { return before(p, at); }

size_t packed_count(const struct packed *p)
{
    size_t n = count_field(p);
    if (n != COUNT_UNKNOWN) return n;
    n = 0;
    for (size_t at = packed_first(p); at; at = packed_next(p, at)) n++;
    return n;
}

size_t packed_seek(const struct packed *p, int64_t index)
{
    size_t known = count_field(p), at;
    if (known != COUNT_UNKNOWN) {
        int64_t n = (int64_t)known;
        if (index >= n || index < -n) return 0;
        if (index >= 0 && index > n / 2) index -= n;
        if (index < -(n + 1) / 2) index += n;
    }
    if (index >= 0)
        for (at = packed_first(p); at && index > 0; index--) at = packed_next(p, at);
    else
        for (at = packed_last(p); at && index < -1; index++) at = packed_prev(p, at);
    return at;
}

struct packed_item packed_get(const struct packed *p, size_t at)
{
    const uint8_t *b = at_byte(p, at);
    if (!is_string(b[0])) return (struct packed_item){ NULL, 0, read_int(b) };
    size_t head = head_size(b[0]);
    return (struct packed_item){ (const char *)b + head, content_size(b) - head, 0 };
}

struct slice packed_item_text(const struct packed_item *item, char tmp[PACKED_TMP])
{
    if (item->s) return slice_of(item->s, item->n);
    return slice_of(tmp, num_from_i64(tmp, item->i));
}

struct slice packed_text(const struct packed *p, size_t at, char tmp[PACKED_TMP])
{
    struct packed_item item = packed_get(p, at);
    return packed_item_text(&item, tmp);
}

bool packed_int(const struct packed *p, size_t at, int64_t *out)
{
    struct packed_item item = packed_get(p, at);
    if (item.s) return num_to_i64(slice_of(item.s, item.n), out);
    *out = item.i;
    return true;
}

/* What an item is compared with: the text, and its integer if it is one. */
struct wanted {
    struct slice s;
    int64_t i;
    bool is_int;
};

static struct wanted want(struct slice s)
{
    struct wanted w = { .s = s };
    w.is_int = looks_int(s) && num_to_i64(s, &w.i);
    return w;
}

static bool is_wanted(const uint8_t *b, const struct wanted *w)
{
    if (!is_string(b[0])) return w->is_int && read_int(b) == w->i;
    size_t head = head_size(b[0]);
    return content_size(b) - head == w->s.n && (!w->s.n || !memcmp(b + head, w->s.p, w->s.n));
}

bool packed_eq(const struct packed *p, size_t at, struct slice s)
{
    struct wanted w = want(s);
    return is_wanted(at_byte(p, at), &w);
}

size_t packed_find(const struct packed *p, size_t at, struct slice s, unsigned skip)
{
    struct wanted w = want(s);
    unsigned left = 0;
    while (at) {
        if (!left) {
            if (is_wanted(at_byte(p, at), &w)) return at;
            left = skip + 1;
        }
        left--;
        at = packed_next(p, at);
    }
    return 0;
}

/* --- change ------------------------------------------------------------------------------- */

static void resize(struct packed **p, size_t size)
{
    if (room_for(size) != room_for(packed_size(*p))) *p = mem_realloc(*p, room_for(size));
}

/* Makes room for `n` bytes at `at` in place of `old` that are there; corrects the head. `items`
 * is how many more items there are then. */
static uint8_t *splice(struct packed **p, size_t at, size_t old, size_t n, int64_t items)
{
    size_t size = packed_size(*p), to = size - old + n, count = count_field(*p);
    must(to < UINT32_MAX);
    if (count != COUNT_UNKNOWN) count = (size_t)((int64_t)count + items);
    if (n > old) resize(p, to);
    if (n != old) memmove(at_byte(*p, at + n), at_byte(*p, at + old), size - at - old);
    if (n < old) resize(p, to);
    set_head(*p, to, count);
    return at_byte(*p, at);
}

static void put(uint8_t *at, const struct coded *c)
{
    memcpy(at, c->head, c->head_n);
    if (c->body.n) memcpy(at + c->head_n, c->body.p, c->body.n);
    back_put(at + c->head_n + c->body.n, c->head_n + c->body.n);
}

static size_t insert(struct packed **p, size_t at, const struct coded *c)
{
    if (!at) at = end_of(*p);
    put(splice(p, at, 0, c->size, 1), c);
    return at;
}

static size_t replace(struct packed **p, size_t at, const struct coded *c)
{
    put(splice(p, at, item_size(at_byte(*p, at)), c->size, 0), c);
    return at;
}

size_t packed_insert(struct packed **p, size_t at, struct slice s)
{
    struct coded c;
    code_text(&c, s);
    return insert(p, at, &c);
}

size_t packed_insert_int(struct packed **p, size_t at, int64_t v)
{
    struct coded c;
    code_int(&c, v);
    return insert(p, at, &c);
}

void packed_append(struct packed **p, struct slice s) { packed_insert(p, 0, s); }
void packed_append_int(struct packed **p, int64_t v) { packed_insert_int(p, 0, v); }
void packed_prepend(struct packed **p, struct slice s) { packed_insert(p, packed_first(*p), s); }
void packed_prepend_int(struct packed **p, int64_t v) { packed_insert_int(p, packed_first(*p), v); }

size_t packed_replace(struct packed **p, size_t at, struct slice s)
{
    struct coded c;
    code_text(&c, s);
    return replace(p, at, &c);
}

size_t packed_replace_int(struct packed **p, size_t at, int64_t v)
{
    struct coded c;
    code_int(&c, v);
    return replace(p, at, &c);
}

static void insert_all(struct packed **p, size_t at, const struct packed *from)
{
    size_t n = packed_size(from) - PACKED_EMPTY, add = count_field(from);
    if (add == COUNT_UNKNOWN) add = packed_count(from);
    memcpy(splice(p, at, 0, n, (int64_t)add), at_byte(from, HEAD), n);
}

void packed_append_all(struct packed **p, const struct packed *from)
{
    insert_all(p, end_of(*p), from);
}

void packed_prepend_all(struct packed **p, const struct packed *from) { insert_all(p, HEAD, from); }

struct packed *packed_split(struct packed **p, size_t at)
{
    size_t n = end_of(*p) - at, items = 0, size = PACKED_EMPTY + n;
    struct packed *q = mem_alloc(room_for(size));
    memcpy(at_byte(q, HEAD), at_byte(*p, at), n + 1);
    set_head(q, size, COUNT_UNKNOWN);
    for (size_t i = packed_first(q); i; i = packed_next(q, i)) items++;
    set_head(q, size, items);
    splice(p, at, n, 0, -(int64_t)items);
    return q;
}

size_t packed_delete(struct packed **p, size_t at, size_t n)
{
    size_t to = at, gone = 0;
    while (gone < n && *at_byte(*p, to) != END) {
        to += item_size(at_byte(*p, to));
        gone++;
    }
    splice(p, at, to - at, 0, -(int64_t)gone);
    return *at_byte(*p, at) == END ? 0 : at;
}

void packed_delete_range(struct packed **p, int64_t index, size_t n)
{
    size_t at = n ? packed_seek(*p, index) : 0;
    if (at) packed_delete(p, at, n);
}
