/* overflow: the file that takes the feed's blocks that memory should not hold (feed_store).
 *
 *     | block | crc |   hole   | block | crc | ...    appended at the end, each found by its place
 *
 * Has no name: it ends with the process. What is dropped becomes a hole, so that it takes the room
 * of what it holds; when it holds nothing it is closed. A block that does not come back as it went,
 * by a checksum, is not given. Writes go to the system's cache and are not synced: after a crash
 * nobody looks for them.
 * Shell. Owned by `struct replication`. Tests: unit/overflow, e2e/test_full_sync. */
#ifndef REPLICATION_OVERFLOW_H
#define REPLICATION_OVERFLOW_H

#include <stdint.h>

#include "core/base/err.h"
#include "replication/feed.h"

struct overflow {
    struct feed_store store; /* to be handed to the feed; its arg is this struct */
    char *dir;               /* where the next file is made */
    uint64_t max_bytes;      /* more is refused; 0: the disk decides */
    int fd;                  /* -1: no file */
    int64_t end, held;       /* of the file; bytes in it that are not dropped */
    uint64_t errors;
    struct errmsg last_error; /* "" none */
};

void overflow_init(struct overflow *o);
void overflow_free(struct overflow *o); /* the feed holds nothing in it any more */
void overflow_settings(struct overflow *o, const char *dir, uint64_t max_bytes);

#endif
