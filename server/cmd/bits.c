/* Bitmaps: strings seen as bits. Bit 0 is the highest of the first byte. Shared rules:
 *   - a bit that is written makes the string long enough; one beyond the end reads as 0;
 *   - a call that leaves the bytes as they were changes nothing and goes nowhere. */
#include "server/cmd/families.h"

#include "core/base/num.h"
#include "core/base/vec.h"
#include "server/cmd/keyed.h"

/* ---- arguments ---- */

/* A bit's place; with `width` > 0 also "#n": the n-th field of that width. */
static bool offset_arg(struct call *c, int at, int64_t width, uint64_t *out)
{
    struct slice s = c->argv[at];
    int64_t offset, factor = 1;
    if (width > 0 && s.n && *s.p == '#') {
        s = slice_of(s.p + 1, s.n - 1);
        factor = width;
    }
    uint64_t max = (uint64_t)server_of(c)->front_config->proto_max_bulk_len;
    bool bounded = !(c->client->flags & CLIENT_MASTER);
    if (!num_to_i64(s, &offset) || offset < 0 || __builtin_mul_overflow(offset, factor, &offset) ||
        (bounded && (uint64_t)offset >> 3 >= max)) {
        reply_error(c, "-ERR bit offset is not an integer or out of range");
        return false;
    }
    *out = (uint64_t)offset;
    return true;
}

/* The value of argv[1], to be changed, with room up to that bit. *grown: it is new or longer. */
static char *bytes_to_bit(struct call *c, uint64_t bit, struct value *v, bool *grown)
{
    size_t len, need = (size_t)(bit >> 3) + 1;
    if (!keyed_write(c, 1, VALUE_STRING, v)) return NULL;
    *grown = !v->e || string_len(v->e) < need;
    if (!v->e) ks_set_string(v, c->argv[1], SLICE(""), STRING_RAW, ENTRY_NO_DEADLINE);
    return string_bytes(v, need, &len);
}

static void bits_changed(struct call *c, struct value *v, int64_t times)
{
    ks_changed(v);
    c->changed += times;
    keyed_event(c, NOTIFY_STRING, "setbit", 1);
}

/* ---- one bit ---- */

static void cmd_setbit(struct call *c)
{
    struct value v;
    uint64_t at;
    int64_t on;
    bool grown;
    if (!offset_arg(c, 2, 0, &at)) return;
    if (!arg_int_range(c, 3, 0, 1, &on, "-ERR bit is not an integer or out of range")) return;
    char *bytes = bytes_to_bit(c, at, &v, &grown);
    if (!bytes) return;
    unsigned char *byte = (unsigned char *)bytes + (at >> 3);
    unsigned char mask = (unsigned char)(0x80u >> (at & 7));
    bool old = *byte & mask;
    *byte = (unsigned char)(on ? *byte | mask : *byte & ~mask);
    if (grown || old != (on != 0)) bits_changed(c, &v, 1);
    reply_int(c, old);
}

static void cmd_getbit(struct call *c)
{
    struct value v;
    uint64_t at;
    char tmp[STRING_TMP];
    if (!offset_arg(c, 2, 0, &at) || !keyed_read(c, 1, VALUE_STRING, &v)) return;
    struct slice s = v.e ? string_get(v.e, tmp) : SLICE("");
    reply_int(c, at >> 3 < s.n ? (unsigned char)s.p[at >> 3] >> (7 - (at & 7)) & 1 : 0);
}

/* ---- counting ---- */

static uint64_t word_at(const char *p)
{
    uint64_t w;
    memcpy(&w, p, 8);
    return w;
}

static unsigned ones_of(uint64_t w)
{
    w -= w >> 1 & 0x5555555555555555;
    w = (w & 0x3333333333333333) + (w >> 2 & 0x3333333333333333);
    return (unsigned)(((w + (w >> 4)) & 0x0f0f0f0f0f0f0f0f) * 0x0101010101010101 >> 56);
}

/* A full adder for 64 columns at once: *low keeps the ones, the carries are given. */
static uint64_t carry(uint64_t *low, uint64_t a, uint64_t b)
{
    uint64_t half = *low ^ a, up = (*low & a) | (half & b);
    *low = half ^ b;
    return up;
}

/* Eight words are added up by columns before anything is counted: one count for 64 bytes. */
static uint64_t count_ones(const char *p, size_t n)
{
    uint64_t total = 0, ones = 0, twos = 0, fours = 0;
    for (; n >= 64; p += 64, n -= 64) {
        uint64_t a = carry(&ones, word_at(p), word_at(p + 8));
        uint64_t b = carry(&ones, word_at(p + 16), word_at(p + 24));
        uint64_t d = carry(&twos, a, b);
        a = carry(&ones, word_at(p + 32), word_at(p + 40));
        b = carry(&ones, word_at(p + 48), word_at(p + 56));
        total += 8 * (uint64_t)ones_of(carry(&fours, d, carry(&twos, a, b)));
    }
    total += 4 * (uint64_t)ones_of(fours) + 2 * (uint64_t)ones_of(twos) + ones_of(ones);
    for (; n >= 8; p += 8, n -= 8)
        total += ones_of(word_at(p));
    for (; n; p++, n--)
        total += ones_of((unsigned char)*p);
    return total;
}

/* A range of bits, both ends included. */
struct bit_range {
    int64_t first, last;
    bool empty;
    bool end_given;
};

/* Is the unit at argument `at` BIT? Without one it is BYTE. */
static bool unit_arg(struct call *c, int at, bool *bits)
{
    *bits = arg_is(c, at, "BIT");
    if (at >= c->argc || *bits || arg_is(c, at, "BYTE")) return true;
    reply_syntax_error(c);
    return false;
}

/* Brings a range, counted in units of which there are `n`, to bits. */
static void range_of(struct bit_range *r, int64_t start, int64_t end, int64_t n, bool bits)
{
    if (start < 0) start = start + n < 0 ? 0 : start + n;
    if (end < 0) end = end + n < 0 ? 0 : end + n;
    if (end >= n) end = n - 1;
    r->empty = start > end;
    if (r->empty) return;
    r->first = bits ? start : start * 8;
    r->last = bits ? end : end * 8 + 7;
}

static uint64_t count_in(const char *p, const struct bit_range *r)
{
    size_t from = (size_t)r->first >> 3, to = (size_t)r->last >> 3;
    uint64_t n = count_ones(p + from, to - from + 1);
    n -= ones_of((unsigned char)p[from] & ~(0xffu >> (r->first & 7)) & 0xffu);
    return n - ones_of((unsigned char)p[to] & (0x7fu >> (r->last & 7)));
}

static void cmd_bitcount(struct call *c)
{
    struct value v;
    char tmp[STRING_TMP];
    int64_t start = 0, end = -1;
    bool bits = false;
    struct bit_range r = { .empty = true };
    if (!keyed_read(c, 1, VALUE_STRING, &v)) return;
    if (!v.e) {
        reply_int(c, 0);
        return;
    }
    struct slice s = string_get(v.e, tmp);
    if (c->argc == 3 || c->argc > 5) {
        reply_syntax_error(c);
        return;
    }
    if (c->argc > 3 && (!arg_int(c, 2, &start) || !arg_int(c, 3, &end))) return;
    if (start >= 0 || end >= 0 || start <= end) {
        if (!unit_arg(c, 4, &bits)) return;
        range_of(&r, start, end, (int64_t)s.n * (bits ? 8 : 1), bits);
    }
    reply_int(c, r.empty ? 0 : (int64_t)count_in(s.p, &r));
}

/* ---- finding ---- */

/* The first bit of that value at or after `at`, or beyond `last`. */
static int64_t find_bit(const char *p, int64_t at, int64_t last, bool on)
{
    const uint64_t flip = on ? 0 : UINT64_MAX;
    while (at <= last) {
        if ((at & 7) == 0 && last - at >= 63) { /* whole words without it are skipped */
            if (!(word_at(p + (at >> 3)) ^ flip)) {
                at += 64;
                continue;
            }
        }
        unsigned rest = ((unsigned char)p[at >> 3] ^ (unsigned)(flip & 0xff)) & (0xffu >> (at & 7));
        if (rest) return (at & ~7) + __builtin_clz(rest) - 24;
        at = (at | 7) + 1;
    }
    return at;
}

static bool bitpos_range(struct call *c, size_t len, struct bit_range *r)
{
    int64_t start = 0, end = -1;
    bool bits = false;
    if (c->argc > 6) {
        reply_syntax_error(c);
        return false;
    }
    if (c->argc > 3 && !arg_int(c, 3, &start)) return false;
    if (!unit_arg(c, 5, &bits)) return false;
    r->end_given = c->argc > 4;
    if (r->end_given && !arg_int(c, 4, &end)) return false;
    range_of(r, start, end, (int64_t)len * (bits ? 8 : 1), bits);
    return true;
}

static void cmd_bitpos(struct call *c)
{
    struct value v;
    char tmp[STRING_TMP];
    int64_t on;
    struct bit_range r = { 0 };
    if (!arg_int(c, 2, &on)) return;
    if (on != 0 && on != 1) {
        reply_error(c, "-ERR The bit argument must be 1 or 0.");
        return;
    }
    if (!keyed_read(c, 1, VALUE_STRING, &v)) return;
    if (!v.e) {
        reply_int(c, on ? -1 : 0);
        return;
    }
    struct slice s = string_get(v.e, tmp);
    if (!bitpos_range(c, s.n, &r)) return;
    int64_t at = r.empty ? -1 : find_bit(s.p, r.first, r.last, on);
    /* Without an end the string is followed by zeros for ever. */
    if (!r.empty && at > r.last) at = on || r.end_given ? -1 : (int64_t)s.n * 8;
    reply_int(c, at);
}

/* ---- whole strings ---- */

enum bit_op { OP_AND, OP_OR, OP_XOR, OP_NOT, OPS };

/* Works `s` into the result; the shorter of both counts as followed by zeros. */
static void combine(struct buf *to, enum bit_op op, struct slice s)
{
    size_t old = buf_size(to), both = old < s.n ? old : s.n;
    if (s.n > old) {
        char *more = buf_room(to, s.n - old);
        if (op == OP_AND)
            memset(more, 0, s.n - old);
        else
            memcpy(more, s.p + old, s.n - old);
        buf_added(to, s.n - old);
    }
    char *p = buf_size(to) ? buf_head(to) : NULL;
    switch (op) {
    case OP_AND:
        for (size_t i = 0; i < both; i++)
            p[i] &= s.p[i];
        if (old > s.n) memset(p + s.n, 0, old - s.n);
        break;
    case OP_OR:
        for (size_t i = 0; i < both; i++)
            p[i] |= s.p[i];
        break;
    default:
        for (size_t i = 0; i < both; i++)
            p[i] ^= s.p[i];
    }
}

static bool bitop_sources(struct call *c, enum bit_op op, struct buf *out)
{
    for (int i = 3; i < c->argc; i++) {
        struct value v;
        char tmp[STRING_TMP];
        if (!keyed_read(c, i, VALUE_STRING, &v)) return false;
        struct slice s = v.e ? string_get(v.e, tmp) : SLICE("");
        if (i == 3)
            buf_puts(out, s);
        else
            combine(out, op, s);
    }
    if (op == OP_NOT)
        for (size_t i = 0; i < buf_size(out); i++)
            buf_head(out)[i] = (char)~buf_head(out)[i];
    return true;
}

static void bitop_store(struct call *c, struct slice result)
{
    struct value v;
    bool there = ks_write(db_of(c), c->argv[2], lookup_flags(c), &v);
    if (result.n) {
        ks_set_string(&v, c->argv[2], result, STRING_RAW, ENTRY_NO_DEADLINE);
        keyed_event(c, NOTIFY_STRING, "set", 2);
        c->changed++;
    } else if (there) {
        ks_remove_value(&v, TOUCH_REMOVED, server_of(c)->config->lazyfree_lazy_server_del);
        keyed_event(c, NOTIFY_GENERIC, "del", 2);
        c->changed++;
    }
}

static void cmd_bitop(struct call *c)
{
    static const char *const words[OPS] = { "AND", "OR", "XOR", "NOT" };
    struct buf result = { 0 };
    int op = 0;
    while (op < OPS && !arg_is(c, 1, words[op]))
        op++;
    if (op == OPS) {
        reply_syntax_error(c);
        return;
    }
    if (op == OP_NOT && c->argc != 4) {
        reply_error(c, "-ERR BITOP NOT must be called with a single source key.");
        return;
    }
    if (bitop_sources(c, (enum bit_op)op, &result)) {
        bitop_store(c, buf_slice(&result));
        reply_int(c, (int64_t)buf_size(&result));
    }
    buf_free(&result);
}

/* ---- fields ---- */

enum field_verb { FIELD_GET, FIELD_SET, FIELD_INCRBY };
enum overflow { OVERFLOW_WRAP, OVERFLOW_SAT, OVERFLOW_FAIL, OVERFLOWS };

struct field_op {
    enum field_verb verb;
    enum overflow overflow;
    bool is_signed;
    unsigned bits;
    uint64_t at;
    int64_t operand;
};

static bool field_type_arg(struct call *c, int at, struct field_op *o)
{
    struct slice s = c->argv[at];
    int64_t bits;
    o->is_signed = s.n && *s.p == 'i';
    if (s.n < 2 || (*s.p != 'i' && *s.p != 'u') || !num_to_i64(slice_of(s.p + 1, s.n - 1), &bits) ||
        bits < 1 || bits > (o->is_signed ? 64 : 63)) {
        reply_error(c, "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is "
                       "not supported but i64 is.");
        return false;
    }
    o->bits = (unsigned)bits;
    return true;
}

static bool overflow_arg(struct call *c, int at, enum overflow *out)
{
    static const char *const words[OVERFLOWS] = { "WRAP", "SAT", "FAIL" };
    int i = 0;
    while (i < OVERFLOWS && !arg_is(c, at, words[i]))
        i++;
    *out = (enum overflow)i;
    if (i < OVERFLOWS) return true;
    reply_error(c, "-ERR Invalid OVERFLOW type specified");
    return false;
}

/* The operation at argument *i, which is moved to its last argument. */
static bool field_op_arg(struct call *c, int *i, struct field_op *o)
{
    static const struct {
        const char *word;
        enum field_verb verb;
        int words;
    } verbs[] = { { "GET", FIELD_GET, 2 }, { "SET", FIELD_SET, 3 }, { "INCRBY", FIELD_INCRBY, 3 } };
    for (size_t k = 0; k < sizeof(verbs) / sizeof(verbs[0]); k++) {
        if (!arg_is(c, *i, verbs[k].word) || c->argc - *i - 1 < verbs[k].words) continue;
        int at = *i;
        o->verb = verbs[k].verb;
        *i += verbs[k].words;
        return field_type_arg(c, at + 1, o) && offset_arg(c, at + 2, o->bits, &o->at) &&
               (o->verb == FIELD_GET || arg_int(c, at + 3, &o->operand));
    }
    reply_syntax_error(c);
    return false;
}

static uint64_t field_mask(unsigned bits) { return UINT64_MAX >> (64 - bits); }

/* The bits as a number without sign; what lies beyond the end is 0. */
static uint64_t field_read(struct slice s, const struct field_op *o)
{
    unsigned __int128 window = 0; /* 9 bytes hold any field */
    uint64_t from = o->at >> 3;
    for (uint64_t i = 0; i < 9; i++)
        window = window << 8 | (from + i < s.n ? (unsigned char)s.p[from + i] : 0u);
    return (uint64_t)(window >> (72 - (o->at & 7) - o->bits)) & field_mask(o->bits);
}

static void field_write(char *p, const struct field_op *o, uint64_t value)
{
    for (unsigned i = 0; i < o->bits;) {
        uint64_t at = o->at + i;
        unsigned in = (unsigned)(at & 7), n = 8 - in < o->bits - i ? 8 - in : o->bits - i;
        unsigned mask = (0xffu >> (8 - n)) << (8 - in - n);
        unsigned part = (unsigned)(value >> (o->bits - i - n)) << (8 - in - n) & mask;
        p[at >> 3] = (char)(((unsigned char)p[at >> 3] & ~mask) | part);
        i += n;
    }
}

static int64_t signed_of(uint64_t raw, const struct field_op *o)
{
    if (!o->is_signed || o->bits == 64 || !(raw >> (o->bits - 1) & 1)) return (int64_t)raw;
    return (int64_t)(raw | ~field_mask(o->bits));
}

/* The new content for what was asked; false: it does not fit and must not be written. */
static bool field_result(const struct field_op *o, int64_t old, uint64_t *out)
{
    __int128 max = o->is_signed ? (__int128)(field_mask(o->bits) >> 1) : field_mask(o->bits);
    __int128 min = o->is_signed ? -max - 1 : 0, want;
    if (o->verb == FIELD_INCRBY)
        want = (__int128)old + o->operand;
    else
        want = o->is_signed ? (__int128)o->operand : (__int128)(uint64_t)o->operand;
    if (want < min || want > max) {
        if (o->overflow == OVERFLOW_FAIL) return false;
        if (o->overflow == OVERFLOW_SAT) want = want < min ? min : max;
    }
    *out = (uint64_t)want & field_mask(o->bits);
    return true;
}

static void field_get(struct call *c, const struct field_op *o, const struct value *v)
{
    char tmp[STRING_TMP];
    struct slice s = v->e ? string_get(v->e, tmp) : SLICE("");
    reply_int(c, signed_of(field_read(s, o), o));
}

/* True when bits have changed. */
static bool field_change(struct call *c, const struct field_op *o, struct value *v)
{
    char tmp[STRING_TMP];
    size_t len;
    uint64_t raw = field_read(string_get(v->e, tmp), o), result;
    int64_t old = signed_of(raw, o);
    if (!field_result(o, old, &result)) {
        reply_null(c);
        return false;
    }
    field_write(string_bytes(v, 0, &len), o, result);
    reply_int(c, o->verb == FIELD_SET ? old : signed_of(result, o));
    return raw != result;
}

struct field_ops {
    VEC(struct field_op) list;
    uint64_t last; /* highest bit that may be written */
    bool writes;
};

static bool fields_args(struct call *c, struct field_ops *ops)
{
    enum overflow overflow = OVERFLOW_WRAP;
    for (int i = 2; i < c->argc; i++) {
        struct field_op o = { 0 };
        if (arg_is(c, i, "OVERFLOW") && i + 1 < c->argc) {
            if (!overflow_arg(c, ++i, &overflow)) return false;
            continue;
        }
        if (!field_op_arg(c, &i, &o)) return false;
        o.overflow = overflow;
        if (o.verb != FIELD_GET) {
            ops->writes = true;
            if (o.at + o.bits - 1 > ops->last) ops->last = o.at + o.bits - 1;
        }
        vec_push(&ops->list, o);
    }
    return true;
}

static void fields_run(struct call *c, const struct field_ops *ops)
{
    struct value v;
    bool grown = false;
    int64_t changes = 0;
    if (!ops->writes ? !keyed_read(c, 1, VALUE_STRING, &v)
                     : !bytes_to_bit(c, ops->last, &v, &grown))
        return;
    reply_array(c, ops->list.n);
    for (size_t i = 0; i < ops->list.n; i++) {
        const struct field_op *o = &ops->list.at[i];
        if (o->verb == FIELD_GET)
            field_get(c, o, &v);
        else
            changes += field_change(c, o, &v);
    }
    if (changes || grown) bits_changed(c, &v, changes ? changes : 1);
}

static void bitfield(struct call *c, bool read_only)
{
    struct field_ops ops = { 0 };
    if (fields_args(c, &ops)) {
        if (read_only && ops.writes)
            reply_error(c, "-ERR BITFIELD_RO only supports the GET subcommand");
        else
            fields_run(c, &ops);
    }
    vec_free(&ops.list);
}

static void cmd_bitfield(struct call *c) { bitfield(c, false); }
static void cmd_bitfield_ro(struct call *c) { bitfield(c, true); }

/* Reading is enough as long as each operation is a GET. */
static uint32_t bitfield_key_flags(int argc, const struct slice *argv)
{
    for (int i = 2, words; i < argc; i += words) {
        words = slice_ieqz(argv[i], "GET") ? 3 : slice_ieqz(argv[i], "OVERFLOW") ? 2 : 0;
        if (!words || i + words > argc) return KEY_RW | KEY_ACCESS | KEY_UPDATE;
    }
    return KEY_RO | KEY_ACCESS;
}

#define ROW(nm, fn, ar, fl, since_, cx, sum, syn, ...)                                             \
    {                                                                                              \
        nm, fn, .arity = ar, .flags = fl, .acl = ACL_BITMAP, .keys = { __VA_ARGS__ },              \
                .since = since_, .group = "bitmap", .complexity = cx, .summary = sum,              \
                .syntax = syn                                                                      \
    }
#define ONE_RO KEYS(1, 1, 1, KEY_RO | KEY_ACCESS)
#define FIELD_GET_SYNTAX "GET (encoding:string offset:integer)"
#define FIELD_SYNTAX                                                                               \
    "key:key operation=[" FIELD_GET_SYNTAX "|write=([OVERFLOW (WRAP|SAT|FAIL)] "                   \
    "write_operation=(SET (encoding:string offset:integer value:integer)|"                         \
    "INCRBY (encoding:string offset:integer increment:integer)))]..."

const struct command cmds_bits[] = {
    ROW("BITCOUNT", cmd_bitcount, -2, CMD_READONLY, "2.6.0", "O(N), N: bytes looked at",
        "Counts the bits that are set in a string.",
        "key:key index=[(start:integer end:integer index_unit=[BYTE|BIT]@7.0.0)]", ONE_RO),
    { "BITFIELD", cmd_bitfield, .arity = -2, .flags = CMD_WRITE | CMD_DENYOOM, .acl = ACL_BITMAP,
      .keys = { KEYS(1, 1, 1, KEY_RW | KEY_UPDATE | KEY_ACCESS | KEY_VARIABLE_FLAGS) },
      .key_flags = bitfield_key_flags, .since = "3.2.0", .group = "bitmap",
      .complexity = "O(1) a field",
      .summary = "Reads, sets and increments integers of any width inside a string.",
      .syntax = FIELD_SYNTAX },
    ROW("BITFIELD_RO", cmd_bitfield_ro, -2, CMD_READONLY | CMD_FAST, "6.0.0", "O(1) a field",
        "Reads integers of any width inside a string.", "key:key [" FIELD_GET_SYNTAX "]...",
        ONE_RO),
    ROW("BITOP", cmd_bitop, -4, CMD_WRITE | CMD_DENYOOM, "2.6.0", "O(N), N: bytes of the longest",
        "Combines strings bit by bit and stores the result.",
        "operation:string destkey:key key:key...", KEYS(2, 2, 1, KEY_OW | KEY_UPDATE),
        KEYS(3, -1, 1, KEY_RO | KEY_ACCESS)),
    ROW("BITPOS", cmd_bitpos, -3, CMD_READONLY, "2.8.7", "O(N), N: bytes looked at",
        "Finds the first bit that is set or clear.",
        "key:key bit:integer index=[(start:integer "
        "end_index=[(end:integer index_unit=[BYTE|BIT]@7.0.0)])]", ONE_RO),
    ROW("GETBIT", cmd_getbit, 3, CMD_READONLY | CMD_FAST, "2.2.0", "O(1)",
        "Gives one bit of a string.", "key:key offset:integer", ONE_RO),
    ROW("SETBIT", cmd_setbit, 4, CMD_WRITE | CMD_DENYOOM, "2.2.0", "O(1)",
        "Sets or clears one bit of a string and gives the old one.",
        "key:key offset:integer value:integer", KEYS(1, 1, 1, KEY_RW | KEY_ACCESS | KEY_UPDATE)),
    COMMANDS_END,
};
