/* resp/value: a parsed reply (RESP2 or RESP3) as a tree, for Sentinel, the replica link and tests.
 *
 * The reader is incremental and bounded (depth RESP_DEPTH_MAX, sizes by `size_max`). A value is one
 * block of nodes plus slices into the buffer given: lent until the next call. Pure.
 * Tests: unit/resp, fuzz/reply. */
#ifndef CORE_RESP_VALUE_H
#define CORE_RESP_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/str.h"
#include "core/resp/read.h"

#define RESP_DEPTH_MAX 16

enum resp_kind {
    RESP_STATUS, RESP_ERROR, RESP_INT, RESP_BULK, RESP_NULL, RESP_ARRAY,
    RESP_MAP, RESP_SET, RESP_PUSH, RESP_DOUBLE, RESP_BOOL, RESP_BIGNUM, RESP_VERBATIM,
};

struct resp_value {
    enum resp_kind kind;
    struct slice text;             /* status, error (without '-'), bulk, verbatim (without "txt:"), bignum, double as sent */
    int64_t number;                /* int, bool (0/1) */
    double real;                   /* double */
    const struct resp_value *item; /* array, set, push: n items; map: 2n items, key and value in turn */
    size_t n;
};

struct resp_reply {
    struct resp_value *root; /* on RESP_ONE */
    size_t size;             /* bytes taken */
    const char *error;       /* on RESP_BAD */
    size_t size_max;         /* bound of one bulk; also bounds node count */
    struct resp_nodes *nodes;
};

void resp_reply_init(struct resp_reply *r, size_t size_max);
void resp_reply_free(struct resp_reply *r);
enum resp_got resp_reply_next(struct resp_reply *r, const char *buf, size_t len);

/* item i of an array-like as text, or an empty slice when there is none. */
struct slice resp_text_at(const struct resp_value *v, size_t i);
/* The value behind `key` in a map, or in a flat array of pairs. NULL: none. */
const struct resp_value *resp_lookup(const struct resp_value *v, const char *key);

#endif
