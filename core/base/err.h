/* err: the error codes of everything below the commands, and the sentence that explains one.
 *
 * A function that can fail because of the world (a peer, a disk, a file's content) returns an
 * `enum err` and writes a sentence into a `struct errmsg` that the caller lends. Each level may
 * put its own words in front. No errno travels above core/sys and core/net.
 *
 * Pure: no clock, no I/O. Tests: unit/base. */
#ifndef CORE_BASE_ERR_H
#define CORE_BASE_ERR_H

#include <stdarg.h>

enum err {
    ERR_NONE = 0,
    ERR_FORMAT,   /* content is not what its format says */
    ERR_SHORT,    /* content ends too early */
    ERR_LIMIT,    /* a size or depth from outside is beyond its bound */
    ERR_CHECKSUM, /* content is damaged */
    ERR_IO,       /* the system refused */
    ERR_NOTFOUND,
    ERR_EXISTS,
    ERR_RANGE,  /* a number is outside what is allowed */
    ERR_SYNTAX, /* words that do not form what was expected */
    ERR_TIMEOUT,
    ERR_CLOSED,  /* the other side closed */
    ERR_REFUSED, /* a rule forbids it */
    ERR_BUSY,
    ERR_COUNT
};

#define ERRMSG_MAX 512

/* A sentence without a final newline; always terminated. */
struct errmsg {
    char text[ERRMSG_MAX];
};

/* Name of the code in lower case, for logs. */
const char *err_name(enum err e);

/* Writes the sentence and gives `e` back: `return err_set(msg, ERR_FORMAT, "...")`. `m` may be
 * NULL. */
enum err err_set(struct errmsg *m, enum err e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts words and ": " before the sentence that is there. */
enum err err_prefix(struct errmsg *m, enum err e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
