#include "core/resp/write.h"

#include <math.h>

#include "core/base/num.h"

#define HEADER_MAX (NUM_I64_MAX + 3) /* type byte, number, CR LF */

static inline char *put_header(char *p, char type, uint64_t n)
{
    *p++ = type;
    if (n < 10)
        *p++ = (char)('0' + n);
    else
        p += num_from_u64(p, n);
    *p++ = '\r';
    *p++ = '\n';
    return p;
}

static void header(struct buf *b, char type, uint64_t n)
{
    char *p = buf_room(b, HEADER_MAX);
    buf_added(b, (size_t)(put_header(p, type, n) - p));
}

static void line(struct buf *b, char type, struct slice s)
{
    char *p = buf_room(b, s.n + 3);
    *p = type;
    for (size_t i = 0; i < s.n; i++)
        p[i + 1] = s.p[i] == '\r' || s.p[i] == '\n' ? ' ' : s.p[i];
    p[s.n + 1] = '\r';
    p[s.n + 2] = '\n';
    buf_added(b, s.n + 3);
}

void resp_status(struct buf *b, struct slice s) { line(b, '+', s); }
void resp_error(struct buf *b, struct slice s) { line(b, '-', s); }

void resp_int(struct buf *b, int64_t v)
{
    char *p = buf_room(b, HEADER_MAX), *q = p;
    if (v >= 0) {
        q = put_header(p, ':', (uint64_t)v);
    } else {
        *q++ = ':';
        q += num_from_i64(q, v);
        *q++ = '\r';
        *q++ = '\n';
    }
    buf_added(b, (size_t)(q - p));
}

void resp_bulk(struct buf *b, struct slice s)
{
    char *p = buf_room(b, s.n + HEADER_MAX + 2);
    char *q = put_header(p, '$', s.n);
    if (s.n) memcpy(q, s.p, s.n);
    q += s.n;
    *q++ = '\r';
    *q++ = '\n';
    buf_added(b, (size_t)(q - p));
}

void resp_bulk_int(struct buf *b, int64_t v)
{
    char text[NUM_I64_MAX];
    resp_bulk(b, slice_of(text, num_from_i64(text, v)));
}

void resp_null(struct buf *b, int resp)
{
    buf_puts(b, resp == 3 ? SLICE("_\r\n") : SLICE("$-1\r\n"));
}

void resp_null_array(struct buf *b, int resp)
{
    buf_puts(b, resp == 3 ? SLICE("_\r\n") : SLICE("*-1\r\n"));
}

void resp_array(struct buf *b, size_t n) { header(b, '*', n); }

void resp_map(struct buf *b, int resp, size_t pairs)
{
    if (resp == 3)
        header(b, '%', pairs);
    else
        header(b, '*', pairs * 2);
}

void resp_set(struct buf *b, int resp, size_t n) { header(b, resp == 3 ? '~' : '*', n); }
void resp_push(struct buf *b, int resp, size_t n) { header(b, resp == 3 ? '>' : '*', n); }

void resp_double(struct buf *b, int resp, double v)
{
    char text[NUM_DOUBLE_MAX] = "nan";
    size_t n = isnan(v) ? 3 : num_from_double_17(text, v);
    if (resp == 3)
        line(b, ',', slice_of(text, n));
    else
        resp_bulk(b, slice_of(text, n));
}

void resp_bool(struct buf *b, int resp, bool v)
{
    if (resp == 3)
        buf_puts(b, v ? SLICE("#t\r\n") : SLICE("#f\r\n"));
    else
        buf_puts(b, v ? SLICE(":1\r\n") : SLICE(":0\r\n"));
}

void resp_bignum(struct buf *b, int resp, struct slice digits)
{
    if (resp == 3)
        line(b, '(', digits);
    else
        resp_bulk(b, digits);
}

void resp_verbatim(struct buf *b, int resp, const char *ext3, struct slice s)
{
    if (resp != 3) {
        resp_bulk(b, s);
        return;
    }
    header(b, '=', s.n + 4);
    buf_put(b, ext3, 3);
    buf_putc(b, ':');
    buf_puts(b, s);
    buf_put(b, "\r\n", 2);
}

void resp_command(struct buf *b, int argc, const struct slice *argv)
{
    resp_array(b, (size_t)argc);
    for (int i = 0; i < argc; i++) resp_bulk(b, argv[i]);
}
