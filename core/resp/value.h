/* resp/value: a parsed reply (RESP2 or RESP3) as a tree, for Sentinel, the replica link and tests.
 *
 * The reader is incremental and bounded (depth RESP_DEPTH_MAX, a bulk by `size_max`, a line by
 * RESP_INLINE_MAX, a tree by RESP_NODES_MAX values). A value is one block of nodes plus slices into
 * the buffer given: lent until the next call. Attributes are read and dropped. Memory for an
 * aggregate is taken only when three bytes for each of its items have come. Pure.
 * Tests: unit/resp, fuzz/reply. */
#ifndef CORE_RESP_VALUE_H
#define CORE_RESP_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/str.h"
#include "core/resp/read.h"

#define RESP_DEPTH_MAX 16
#define RESP_NODES_MAX (4u * 1024 * 1024)

enum resp_kind {
    RESP_STATUS, RESP_ERROR, RESP_INT, RESP_BULK, RESP_NULL, RESP_ARRAY,
    RESP_MAP, RESP_SET, RESP_PUSH, RESP_DOUBLE, RESP_BOOL, RESP_BIGNUM, RESP_VERBATIM,
};

struct resp_value {
    enum resp_kind kind;
    /* status, error (without '-'), bulk, verbatim (without "txt:"), bignum, double as sent */
    struct slice text;
    int64_t number;                /* int, bool (0/1) */
    double real;                   /* double */
    const struct resp_value *item; /* array, set, push: n; map: 2n, key and value in turn */
    size_t n;
};

struct resp_reply {
    struct resp_value *root; /* on RESP_ONE */
    size_t size;             /* bytes taken */
    const char *error;       /* on RESP_BAD */
    size_t size_max;         /* bound of one bulk */
    struct resp_nodes *nodes; /* the reader's own */
};

void resp_reply_init(struct resp_reply *r, size_t size_max);
void resp_reply_free(struct resp_reply *r);
/* Forgets an unfinished reply (its bytes were dropped). */
void resp_reply_reset(struct resp_reply *r);
/* Looks at buf[0..len): the next reply begins at its first byte. On RESP_MORE call again with the
 * same beginning and more bytes. */
enum resp_got resp_reply_next(struct resp_reply *r, const char *buf, size_t len);

/* item i of an array-like as text, or an empty slice when there is none. */
struct slice resp_text_at(const struct resp_value *v, size_t i);
/* The value behind `key` in a map, or in a flat array of pairs. NULL: none. */
const struct resp_value *resp_lookup(const struct resp_value *v, const char *key);

#endif
