/* spool: bytes that wait in order, in memory up to a limit and behind it in a file without a name.
 *
 * A replica reads the stream while it loads a snapshot; what it can not apply yet waits here, so
 * that neither the socket nor the master's memory has to hold it. Memory first, then the file; what
 * was read from the file frees it again as soon as all of it has been taken.
 * Shell. Owned by link_io. Tests: unit/spool, e2e/test_full_sync. */
#ifndef REPLICATION_SPOOL_H
#define REPLICATION_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"

struct spool {
    struct buf head;      /* what is taken next */
    int fd;               /* -1: no file */
    int64_t read_at, end; /* of the file */
};

void spool_init(struct spool *s);
void spool_free(struct spool *s); /* forgets all; may be used again */
/* `dir` is where the file goes, `memory` the limit. */
enum err spool_put(struct spool *s, struct slice bytes, const char *dir, uint64_t memory,
                   struct errmsg *msg);
/* Some of what waits, lent until the next call; empty when nothing does. */
enum err spool_peek(struct spool *s, struct slice *out, struct errmsg *msg);
/* With more behind it: a command may be longer than what peek gives. */
enum err spool_more(struct spool *s, struct errmsg *msg);
void spool_take(struct spool *s, size_t n); /* at most what peek gave */
int64_t spool_size(const struct spool *s);

#endif
