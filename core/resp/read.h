/* resp/read: incremental reader of requests. Feed bytes, get commands, in place.
 *
 * A request is a RESP array of bulk strings, or one inline line (words, quotes, escapes). Nothing
 * is allocated for an argument: slices point into the buffer that was given. The reader remembers
 * how far it got in an unfinished request (offsets, not pointers), so that a long one is not
 * scanned again. Bounds: RESP_ARGS_MAX arguments, bulk_max bytes a bulk, RESP_INLINE_MAX an inline
 * line; before authentication the much smaller RESP_UNAUTH_*. Pure. Tests: unit/resp,
 * fuzz/request. */
#ifndef CORE_RESP_READ_H
#define CORE_RESP_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/str.h"

#define RESP_ARGS_MAX (1024 * 1024) /* as Redis bounds multibulk counts */
#define RESP_INLINE_MAX (64 * 1024)
#define RESP_UNAUTH_ARGS_MAX 10
#define RESP_UNAUTH_BULK_MAX 16384

enum resp_got { RESP_MORE, RESP_ONE, RESP_BAD };

struct resp_request {
    /* of the request found (RESP_ONE) */
    struct slice *argv; /* lent until the next call or until the buffer moves */
    int argc;           /* 0: an empty line or array, to be skipped */
    size_t size;      /* bytes of the buffer that the request took */
    bool canonical;   /* its bytes may go to the stream as they stand: exact multibulk form */
    const char *error; /* RESP_BAD: the text behind "Protocol error: " */
    /* bounds, set by the owner */
    size_t bulk_max;
    bool unauthenticated;
    /* the reader's own: state of the unfinished one, as offsets from the request's first byte */
    struct slice *own;   /* argv of multibulk requests */
    struct slice *words; /* argv of an inline request, in one block with its bytes */
    int own_cap;
    int have, want;      /* arguments read; arguments announced */
    size_t at;           /* next byte to look at; 0: the first line is not complete */
    size_t bulk;         /* length of the bulk begun, RESP_NO_BULK: none */
    size_t scanned;      /* no line end before this offset */
    size_t seen;         /* bytes there at the last RESP_MORE */
    uintptr_t base;      /* where the buffer stood then */
    char text[32];       /* room for an error that quotes a byte */
};
#define RESP_NO_BULK SIZE_MAX

void resp_request_init(struct resp_request *r, size_t bulk_max);
void resp_request_free(struct resp_request *r);
/* Forgets an unfinished request (its bytes were dropped); keeps the bounds. */
void resp_request_reset(struct resp_request *r);
/* Looks at buf[0..len): the next request begins at its first byte. On RESP_MORE call again with the
 * same beginning and more bytes. */
enum resp_got resp_request_next(struct resp_request *r, const char *buf, size_t len);
/* Bytes that the unfinished request still needs at least (for sizing the buffer); 0: unknown. */
size_t resp_request_missing(const struct resp_request *r);

/* Splits a line into words as inline commands and config lines do: quotes "..." with \n \r \t \b
 * \a \xHH, '...' with \'. Gives the words in one block (mem_free), or NULL when quotes are
 * unbalanced. */
struct slice *resp_split_line(struct slice line, int *count);

#endif
