#include "replication/spool.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/sys/file.h"

#define STEP_BYTES (1024 * 1024) /* read from the file at once */

void spool_init(struct spool *s) { *s = (struct spool){ .fd = -1 }; }

void spool_free(struct spool *s)
{
    buf_free(&s->head);
    if (s->fd >= 0) close(s->fd);
    spool_init(s);
}

int64_t spool_size(const struct spool *s)
{
    return (int64_t)buf_size(&s->head) + s->end - s->read_at;
}

enum err spool_put(struct spool *s, struct slice bytes, const char *dir, uint64_t memory,
                   struct errmsg *msg)
{
    if (bytes.n == 0) return ERR_NONE;
    if (s->fd < 0 && buf_size(&s->head) + bytes.n <= memory) {
        buf_puts(&s->head, bytes);
        return ERR_NONE;
    }
    enum err e = s->fd < 0 ? file_nameless(dir, "temp-spool", &s->fd, msg) : ERR_NONE;
    if (!e) e = file_write_all(s->fd, bytes.p, bytes.n, msg);
    if (!e) s->end += (int64_t)bytes.n;
    return e;
}

enum err spool_more(struct spool *s, struct errmsg *msg)
{
    if (s->fd < 0) return ERR_NONE;
    int64_t left = s->end - s->read_at;
    size_t want = left < STEP_BYTES ? (size_t)left : STEP_BYTES;
    ssize_t n = pread(s->fd, buf_room(&s->head, want), want, s->read_at);
    if (n != (ssize_t)want)
        return err_set(msg, ERR_IO, "Can't read the spool file: %s",
                       n < 0 ? strerror(errno) : "it is too short");
    buf_added(&s->head, (size_t)n);
    s->read_at += n;
    if (s->read_at < s->end) return ERR_NONE;
    close(s->fd);
    s->fd = -1;
    s->read_at = s->end = 0;
    return ERR_NONE;
}

enum err spool_peek(struct spool *s, struct slice *out, struct errmsg *msg)
{
    enum err e = buf_size(&s->head) == 0 ? spool_more(s, msg) : ERR_NONE;
    *out = buf_slice(&s->head);
    return e;
}

void spool_take(struct spool *s, size_t n)
{
    buf_consume(&s->head, n);
    if (buf_size(&s->head) == 0) buf_free(&s->head);
}
