/* buf: a growable byte buffer with a read position, the unit of parsing and writing.
 *
 *      data        data+pos          data+len         data+cap
 *      | consumed  | waiting         | room           |
 *
 * Owns its bytes. Writers append at the end, readers consume from the front; consumed bytes are
 * reclaimed when the buffer empties or when room is asked for. A zero-filled struct is an empty
 * buffer. Pointers into it are lent until the next call that may grow it. Pure. */
#ifndef CORE_BASE_BUF_H
#define CORE_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/str.h"

struct buf {
    char *data;
    size_t pos, len, cap;
};

void buf_free(struct buf *b);
static inline size_t buf_size(const struct buf *b) { return b->len - b->pos; }
/* NULL + 0 is not C; a compiler sees that both ways are one. */
static inline char *buf_head(const struct buf *b) { return b->pos ? b->data + b->pos : b->data; }
static inline struct slice buf_slice(const struct buf *b)
{
    return (struct slice){ buf_head(b), b->len - b->pos };
}
/* Room for n more bytes at the end; returns where to write. Follow with buf_added(n). */
char *buf_room(struct buf *b, size_t n);
static inline void buf_added(struct buf *b, size_t n) { b->len += n; }
void buf_put(struct buf *b, const void *p, size_t n);
static inline void buf_puts(struct buf *b, struct slice s) { buf_put(b, s.p, s.n); }
void buf_putz(struct buf *b, const char *z);
void buf_putc(struct buf *b, char c);
void buf_puti(struct buf *b, int64_t v); /* decimal */
void buf_fmt(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Drops n waiting bytes from the front. */
void buf_consume(struct buf *b, size_t n);
void buf_clear(struct buf *b); /* empties, keeps the memory */
/* Gives memory back when far more is held than is waiting; keeps at least `keep` bytes. */
void buf_shrink(struct buf *b, size_t keep);

#endif
