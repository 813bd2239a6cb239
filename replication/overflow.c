#include "replication/overflow.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/base/crc.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/base/str.h"
#include "core/sys/file.h"
#include "core/sys/log.h"

#define CRC_BYTES 8
#define COULD_NOT "Can't %s what slow replicas have not read yet: %s"

static bool fails(struct overflow *o, const char *what, const char *why)
{
    struct errmsg e;
    err_set(&e, ERR_IO, COULD_NOT, what, why);
    /* Tried again every second: said once. */
    if (strcmp(e.text, o->last_error.text) != 0) log_warning("%s", e.text);
    o->last_error = e;
    o->errors++;
    return false;
}

/* Of the bytes and of where they stand: an old block in a new one's place is found out too. */
static uint64_t sum_of(struct slice bytes, int64_t place)
{
    return crc64((uint64_t)place, bytes.p, bytes.n);
}

static bool write_at(int fd, const char *p, size_t n, int64_t at)
{
    while (n > 0) {
        ssize_t done = pwrite(fd, p, n, at);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return false;
        p += done;
        n -= (size_t)done;
        at += done;
    }
    return true;
}

static bool read_at(int fd, char *p, size_t n, int64_t at)
{
    while (n > 0) {
        ssize_t got = pread(fd, p, n, at);
        if (got < 0 && errno == EINTR) continue;
        if (got == 0) errno = EIO; /* shorter than it was */
        if (got <= 0) return false;
        p += got;
        n -= (size_t)got;
        at += got;
    }
    return true;
}

static bool put(void *arg, struct slice bytes, int64_t *place)
{
    struct overflow *o = arg;
    struct errmsg e;
    if (o->max_bytes && (uint64_t)o->held + bytes.n > o->max_bytes)
        return fails(o, "put into a file", "repl-spool-file-max is reached");
    if (o->fd < 0 && file_nameless(o->dir, "temp-stream", &o->fd, &e) != ERR_NONE)
        return fails(o, "put into a file", e.text);
    uint64_t sum = sum_of(bytes, o->end);
    if (!write_at(o->fd, bytes.p, bytes.n, o->end) ||
        !write_at(o->fd, (const char *)&sum, CRC_BYTES, o->end + (int64_t)bytes.n))
        return fails(o, "put into a file", strerror(errno));
    *place = o->end;
    o->end += (int64_t)bytes.n + CRC_BYTES;
    o->held += (int64_t)bytes.n;
    o->last_error.text[0] = '\0';
    return true;
}

static bool get(void *arg, int64_t place, char *bytes, size_t n)
{
    struct overflow *o = arg;
    uint64_t sum;
    if (!read_at(o->fd, bytes, n, place) ||
        !read_at(o->fd, (char *)&sum, CRC_BYTES, place + (int64_t)n))
        return fails(o, "read back", strerror(errno));
    if (sum != sum_of(slice_of(bytes, n), place))
        return fails(o, "read back", "the checksum is wrong");
    return true;
}

static void drop(void *arg, int64_t place, size_t n)
{
    struct overflow *o = arg;
    o->held -= (int64_t)n;
    if (o->held > 0) {
        /* Where the file system has no holes, the room is given back at the end. */
        fallocate(o->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, place,
                  (off_t)n + CRC_BYTES);
        return;
    }
    close(o->fd);
    o->fd = -1;
    o->end = 0;
}

void overflow_init(struct overflow *o)
{
    *o = (struct overflow){ .store = { o, put, get, drop }, .fd = -1 };
}

void overflow_free(struct overflow *o)
{
    must(o->held == 0 && o->fd < 0);
    mem_free(o->dir);
}

void overflow_settings(struct overflow *o, const char *dir, uint64_t max_bytes)
{
    mem_free(o->dir);
    o->dir = mem_strdup(dir);
    o->max_bytes = max_bytes;
}
