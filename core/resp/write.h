/* resp/write: encoders onto a buf. `resp` is 2 or 3: RESP3 types fall back to their RESP2 forms.
 * Pure. Tests: unit/resp. */
#ifndef CORE_RESP_WRITE_H
#define CORE_RESP_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"

void resp_status(struct buf *b, struct slice s);         /* +s; CR and LF in s become spaces */
void resp_error(struct buf *b, struct slice s);          /* -s, code word included; cleaned too */
void resp_int(struct buf *b, int64_t v);
void resp_bulk(struct buf *b, struct slice s);
void resp_bulk_int(struct buf *b, int64_t v);            /* the number's text as a bulk */
void resp_null(struct buf *b, int resp);                 /* $-1 or _ */
void resp_null_array(struct buf *b, int resp);           /* *-1 or _ */
void resp_array(struct buf *b, size_t n);
void resp_map(struct buf *b, int resp, size_t pairs);    /* RESP2: array of 2 x pairs */
void resp_set(struct buf *b, int resp, size_t n);
void resp_push(struct buf *b, int resp, size_t n);       /* RESP2: array */
void resp_double(struct buf *b, int resp, double v);     /* RESP2: bulk */
void resp_bool(struct buf *b, int resp, bool v);         /* RESP2: :0 / :1 */
void resp_bignum(struct buf *b, int resp, struct slice digits);
void resp_verbatim(struct buf *b, int resp, const char *ext3, struct slice s); /* RESP2: bulk */

/* A command: array of bulks. */
void resp_command(struct buf *b, int argc, const struct slice *argv);

#endif
