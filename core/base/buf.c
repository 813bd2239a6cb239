#include "core/base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/base/num.h"

#define BUF_MIN 64

void buf_free(struct buf *b)
{
    mem_free(b->data);
    *b = (struct buf){ 0 };
}

static void slide(struct buf *b)
{
    if (b->pos == 0) return;
    memmove(b->data, b->data + b->pos, b->len - b->pos);
    b->len -= b->pos;
    b->pos = 0;
}

char *buf_room(struct buf *b, size_t n)
{
    if (b->cap - b->len >= n) return b->data + b->len;
    /* Sliding is worth it only if it frees at least half, else appends would be quadratic. */
    if (b->pos >= b->cap / 2) slide(b);
    if (b->cap - b->len < n) {
        size_t cap = b->cap * 2;
        if (cap < b->len + n) cap = b->len + n;
        if (cap < BUF_MIN) cap = BUF_MIN;
        b->data = mem_realloc(b->data, cap);
        b->cap = cap;
    }
    return b->data + b->len;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
    if (n == 0) return;
    memcpy(buf_room(b, n), p, n);
    b->len += n;
}

void buf_putz(struct buf *b, const char *z) { buf_put(b, z, strlen(z)); }

void buf_putc(struct buf *b, char c)
{
    *buf_room(b, 1) = c;
    b->len++;
}

void buf_puti(struct buf *b, int64_t v) { b->len += num_from_i64(buf_room(b, NUM_I64_MAX), v); }

void buf_fmt(struct buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    must(n >= 0);
    vsnprintf(buf_room(b, (size_t)n + 1), (size_t)n + 1, fmt, again);
    va_end(again);
    b->len += (size_t)n;
}

void buf_consume(struct buf *b, size_t n)
{
    must(n <= b->len - b->pos);
    b->pos += n;
    if (b->pos == b->len) b->pos = b->len = 0;
}

void buf_clear(struct buf *b) { b->pos = b->len = 0; }

void buf_shrink(struct buf *b, size_t keep)
{
    size_t want = buf_size(b) > keep ? buf_size(b) : keep;
    if (b->cap <= want * 2) return;
    if (want == 0) {
        buf_free(b);
        return;
    }
    slide(b);
    b->data = mem_realloc(b->data, want);
    b->cap = want;
}
