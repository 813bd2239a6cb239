/* toy: the data of a simulated data server: a hash of the applied writes, and which they were.
 *
 * A write is `W <number> <payload>`; numbers are given once in a run, so that a lost one can be
 * named. Other commands of the stream (PING, SELECT, PUBLISH, GETACK) change nothing. MULTI holds
 * writes back until EXEC. `stream` is the hash of all bytes of the history, kept beside the data.
 * A plain value. The snapshot is a text with a checksum. */
#ifndef TESTS_SIM_TOY_H
#define TESTS_SIM_TOY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/str.h"

#define TOY_WRITES_MAX 8192
#define TOY_QUEUE_MAX 64

struct toy {
    uint64_t stream, data, writes;
    uint64_t has[TOY_WRITES_MAX / 64];
    bool in_multi;
    int queued;
    int64_t queue[TOY_QUEUE_MAX];
};

uint64_t toy_hash(uint64_t h, struct slice bytes);
/* One command of the stream. False: it is not one that a stream may hold. */
bool toy_apply(struct toy *t, int argc, const struct slice *argv);
void toy_forget_multi(struct toy *t);
bool toy_has(const struct toy *t, int64_t number);
void toy_save(const struct toy *t, const char *replid, int64_t offset, struct buf *out);
/* False when the text is not whole. replid has 41 bytes. */
bool toy_load(struct toy *t, struct slice text, char *replid, int64_t *offset);

#endif
