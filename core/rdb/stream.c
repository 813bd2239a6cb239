#include "core/rdb/stream.h"

#include <liblzf/lzf.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/base/crc.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/base/num.h"
#include "core/rdb/format.h"

#define IN_CHUNK (64 * 1024) /* bytes asked of the source at a time */
#define LZF_MIN 20           /* shorter strings do not get smaller */
#define LZF_MAX (UINT32_MAX / 2)
#define LZF_RATIO 88         /* three packed bytes stand for at most 264 */
#define INT_TEXT_MAX 11      /* "-2147483648" */

/* --- out ---------------------------------------------------------------------------------- */

void rdb_out_init(struct rdb_out *o, rdb_write_fn *write, void *app, bool checksum, bool compress)
{
    *o = (struct rdb_out){
        .write = write, .app = app, .checksum = checksum, .compress = compress
    };
}

void rdb_out_free(struct rdb_out *o) { buf_free(&o->buf); }

enum err rdb_out_flush(struct rdb_out *o)
{
    if (!o->write || o->err) return o->err;
    struct slice s = buf_slice(&o->buf);
    if (s.n) o->err = o->write(o->app, s.p, s.n, &o->msg);
    buf_clear(&o->buf);
    return o->err;
}

void rdb_put(struct rdb_out *o, const void *p, size_t n)
{
    if (o->err) return;
    if (o->checksum) o->crc = crc64(o->crc, p, n);
    o->written += n;
    if (o->write && n >= RDB_OUT_CHUNK) { /* long strings pass by */
        if (rdb_out_flush(o) == ERR_NONE) o->err = o->write(o->app, p, n, &o->msg);
        return;
    }
    buf_put(&o->buf, p, n);
    if (o->write && buf_size(&o->buf) >= RDB_OUT_CHUNK) rdb_out_flush(o);
}

void rdb_put_byte(struct rdb_out *o, uint8_t b) { rdb_put(o, &b, 1); }
void rdb_put_u64(struct rdb_out *o, uint64_t v) { rdb_put(o, &v, 8); }

void rdb_put_len(struct rdb_out *o, uint64_t n)
{
    unsigned char b[9];
    if (n < 64) {
        b[0] = (unsigned char)n;
        rdb_put(o, b, 1);
    } else if (n < 16384) {
        b[0] = (unsigned char)(RDB_LEN_14 | n >> 8);
        b[1] = (unsigned char)n;
        rdb_put(o, b, 2);
    } else {
        size_t bytes = n <= UINT32_MAX ? 4 : 8;
        b[0] = bytes == 4 ? RDB_LEN_32 : RDB_LEN_64;
        for (size_t i = 0; i < bytes; i++) b[1 + i] = (unsigned char)(n >> (8 * (bytes - 1 - i)));
        rdb_put(o, b, 1 + bytes);
    }
}

/* False when it takes more than four bytes. */
static bool put_int_encoded(struct rdb_out *o, int64_t v)
{
    unsigned char b[5];
    size_t n = v == (int8_t)v ? 1 : v == (int16_t)v ? 2 : 4;
    if (v != (int32_t)v) return false;
    b[0] = (unsigned char)(RDB_LEN_ENCODED |
                           (n == 1 ? RDB_ENC_INT8 : n == 2 ? RDB_ENC_INT16 : RDB_ENC_INT32));
    memcpy(b + 1, &v, n);
    rdb_put(o, b, 1 + n);
    return true;
}

static void put_plain(struct rdb_out *o, struct slice s)
{
    rdb_put_len(o, s.n);
    rdb_put(o, s.p, s.n);
}

static bool put_packed(struct rdb_out *o, struct slice s)
{
    unsigned room = (unsigned)s.n - 4; /* it must save at least its own header */
    void *packed = mem_alloc(room);
    unsigned n = lzf_compress(s.p, (unsigned)s.n, packed, room);
    if (n) {
        rdb_put_byte(o, RDB_LEN_ENCODED | RDB_ENC_LZF);
        rdb_put_len(o, n);
        rdb_put_len(o, s.n);
        rdb_put(o, packed, n);
    }
    mem_free(packed);
    return n != 0;
}

static void put_off(struct rdb_out *o, struct slice s)
{
    vec_push(&o->raw->strings, (struct rdb_raw_string){ buf_size(&o->buf), s.n });
    rdb_put(o, s.p, s.n);
}

void rdb_put_string(struct rdb_out *o, struct slice s)
{
    int64_t v;
    if (s.n <= INT_TEXT_MAX && num_to_i64(s, &v) && put_int_encoded(o, v)) return;
    if (o->compress && s.n > LZF_MIN && s.n <= LZF_MAX) {
        if (o->raw) {
            put_off(o, s);
            return;
        }
        if (put_packed(o, s)) return;
    }
    put_plain(o, s);
}

void rdb_put_raw(struct rdb_out *o, struct slice bytes, const struct rdb_raw *raw)
{
    size_t at = 0;
    must(!o->raw);
    for (size_t i = 0; i < raw->strings.n; i++) {
        const struct rdb_raw_string *s = &raw->strings.at[i];
        rdb_put(o, bytes.p + at, s->at - at);
        rdb_put_string(o, slice_of(bytes.p + s->at, s->n));
        at = s->at + s->n;
    }
    rdb_put(o, bytes.p + at, bytes.n - at);
}

void rdb_put_int(struct rdb_out *o, int64_t v)
{
    char text[NUM_I64_MAX];
    if (!put_int_encoded(o, v)) put_plain(o, slice_of(text, num_from_i64(text, v)));
}

/* --- in: the window ----------------------------------------------------------------------- */

void rdb_in_init(struct rdb_in *in, rdb_read_fn *read, void *app, uint64_t total, bool checksum)
{
    *in = (struct rdb_in){ .read = read, .app = app, .total = total, .checksum = checksum };
}

void rdb_in_init_slice(struct rdb_in *in, struct slice all)
{
    *in = (struct rdb_in){ .bytes = all, .total = all.n, .checksum = true };
}

void rdb_in_free(struct rdb_in *in)
{
    buf_free(&in->buf);
    str_free(&in->unpacked);
}

bool rdb_in_fail(struct rdb_in *in, enum err e, const char *fmt, ...)
{
    char text[ERRMSG_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (in->status == RDB_IN_FAILED) return false; /* the first reason is the right one */
    in->status = RDB_IN_FAILED;
    in->err = err_set(&in->msg, e, "at byte %llu: %.400s", (unsigned long long)rdb_in_offset(in),
                      text);
    return false;
}

void rdb_in_commit(struct rdb_in *in)
{
    if (in->at && in->checksum) in->crc = crc64(in->crc, in->bytes.p, in->at);
    in->base += in->at;
    if (in->read) {
        buf_consume(&in->buf, in->at);
        in->bytes = buf_slice(&in->buf);
        if (!in->bytes.n) buf_shrink(&in->buf, 2 * IN_CHUNK);
    } else {
        in->bytes.p += in->at;
        in->bytes.n -= in->at;
    }
    in->at = 0;
}

void rdb_in_retry(struct rdb_in *in)
{
    must(in->status != RDB_IN_FAILED);
    in->at = 0;
    in->status = RDB_IN_OK;
}

static bool too_short(struct rdb_in *in)
{
    in->at = in->bytes.n;
    return rdb_in_fail(in, ERR_SHORT, "unexpected end of the data");
}

/* One piece more from the source into the window. A long string is read straight in pieces that
 * grow with what has come. */
static bool more(struct rdb_in *in, size_t missing)
{
    if (!in->read) return too_short(in);
    size_t ask = missing > IN_CHUNK ? missing : IN_CHUNK, have = in->bytes.n;
    if (ask > IN_CHUNK && ask > have) ask = have > IN_CHUNK ? have : IN_CHUNK;
    char *p = buf_room(&in->buf, ask);
    ptrdiff_t n = in->read(in->app, p, ask, &in->msg);
    if (n > 0) {
        must((size_t)n <= ask);
        buf_added(&in->buf, (size_t)n);
    }
    in->bytes = buf_slice(&in->buf);
    if (n > 0) return true;
    if (n == RDB_READ_END) return too_short(in);
    if (n == RDB_READ_WAIT) {
        in->status = RDB_IN_WAIT;
        return false;
    }
    struct errmsg why = in->msg;
    return rdb_in_fail(in, ERR_IO, "%s", why.text);
}

bool rdb_get(struct rdb_in *in, size_t n, const char **p)
{
    if (__builtin_expect(in->status != RDB_IN_OK, 0)) return false;
    while (in->bytes.n - in->at < n) {
        if (in->total != UINT64_MAX && n > in->total - rdb_in_offset(in)) return too_short(in);
        if (!more(in, n - (in->bytes.n - in->at))) return false;
    }
    *p = in->bytes.p + in->at;
    in->at += n;
    return true;
}

/* --- in: what stands in it ---------------------------------------------------------------- */

bool rdb_get_byte(struct rdb_in *in, uint8_t *b)
{
    const char *p;
    if (!rdb_get(in, 1, &p)) return false;
    *b = (uint8_t)*p;
    return true;
}

bool rdb_get_u64(struct rdb_in *in, uint64_t *v)
{
    const char *p;
    if (!rdb_get(in, 8, &p)) return false;
    memcpy(v, p, 8);
    return true;
}

bool rdb_get_u32(struct rdb_in *in, uint32_t *v)
{
    const char *p;
    if (!rdb_get(in, 4, &p)) return false;
    memcpy(v, p, 4);
    return true;
}

static bool get_big_endian(struct rdb_in *in, size_t bytes, uint64_t *n)
{
    const char *p;
    if (!rdb_get(in, bytes, &p)) return false;
    *n = 0;
    for (size_t i = 0; i < bytes; i++) *n = *n << 8 | (unsigned char)p[i];
    return true;
}

bool rdb_get_len(struct rdb_in *in, uint64_t *n, bool *encoded)
{
    uint8_t b;
    if (encoded) *encoded = false;
    if (!rdb_get_byte(in, &b)) return false;
    if (b < RDB_LEN_14) {
        *n = b;
        return true;
    }
    if (b < RDB_LEN_32) {
        if (!get_big_endian(in, 1, n)) return false;
        *n |= (uint64_t)(b & 0x3f) << 8;
        return true;
    }
    if (b == RDB_LEN_32) return get_big_endian(in, 4, n);
    if (b == RDB_LEN_64) return get_big_endian(in, 8, n);
    if (b >= RDB_LEN_ENCODED && encoded) {
        *encoded = true;
        *n = b & 0x3f;
        return true;
    }
    return rdb_in_fail(in, ERR_FORMAT, "unknown length form 0x%02x", b);
}

static bool get_int_text(struct rdb_in *in, size_t bytes, struct slice *s)
{
    const char *p;
    int64_t v = 0;
    if (!rdb_get(in, bytes, &p)) return false;
    memcpy(&v, p, bytes);
    int shift = 64 - 8 * (int)bytes;
    v = (int64_t)((uint64_t)v << shift) >> shift;
    *s = slice_of(in->digits, num_from_i64(in->digits, v));
    return true;
}

static bool get_unpacked(struct rdb_in *in, struct slice *s)
{
    uint64_t packed_n, n;
    const char *packed;
    if (!rdb_get_len(in, &packed_n, NULL) || !rdb_get_len(in, &n, NULL)) return false;
    if (packed_n == 0 || packed_n > UINT32_MAX || n == 0 || n > UINT32_MAX ||
        n / LZF_RATIO > packed_n)
        return rdb_in_fail(in, ERR_FORMAT, "compressed string claims %llu bytes from %llu",
                           (unsigned long long)n, (unsigned long long)packed_n);
    if (!rdb_get(in, packed_n, &packed)) return false;
    str_free(&in->unpacked);
    in->unpacked = (struct str){ mem_alloc(n + 1), n };
    if (lzf_decompress(packed, (unsigned)packed_n, in->unpacked.p, (unsigned)n) != n)
        return rdb_in_fail(in, ERR_FORMAT, "invalid LZF compressed string");
    *s = str_slice(in->unpacked);
    return true;
}

bool rdb_get_string(struct rdb_in *in, struct slice *s)
{
    uint64_t n;
    bool encoded;
    if (!rdb_get_len(in, &n, &encoded)) return false;
    if (!encoded) {
        s->n = n;
        return rdb_get(in, n, &s->p);
    }
    if (n <= RDB_ENC_INT32) return get_int_text(in, (size_t)1 << n, s);
    if (n == RDB_ENC_LZF) return get_unpacked(in, s);
    return rdb_in_fail(in, ERR_FORMAT, "unknown string encoding %d", (int)n);
}
