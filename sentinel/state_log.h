/* state_log: a list of text lines, kept in a file by appending what changed; checksummed.
 *
 *     tanist-sentinel-state 1
 *     batch <lines in the list> <records that follow> <crc of them, 16 hex>
 *     <index> <text>
 *     ...
 *
 * A batch is a save: after it the list has so many lines, and those at the given places are new.
 * What stands behind the last whole batch is what a crash tore off, and is ignored. The first
 * batch of a file has all lines, so that a file is compacted by writing one batch anew. The
 * format does not know what the lines mean. Pure; the shell (state_file.c) owns the file.
 * Described for people in docs/formats/sentinel-state.md. Tests: unit/sn_state, fuzz state. */
#ifndef SENTINEL_STATE_LOG_H
#define SENTINEL_STATE_LOG_H

#include "core/base/buf.h"
#include "core/base/str.h"
#include "core/base/vec.h"

#define STATE_LOG_HEAD "tanist-sentinel-state 1\n"
#define STATE_LOG_LINES_MAX 100000u
#define STATE_LOG_LINE_MAX 4096u

struct state_log {
    VEC(struct str) lines;
};

void state_log_free(struct state_log *l);
/* Reads a file's bytes; the lines of its last whole batch. False: no file of ours. *good: bytes up
 * to the end of that batch. */
bool state_log_read(struct state_log *l, struct slice bytes, size_t *good);
/* Appends to `out` the batch that makes `now` of the list (nothing when they are the same), and
 * makes it so. `whole`: with the head and all lines. */
void state_log_write(struct state_log *l, const struct slice *now, size_t n, bool whole,
                     struct buf *out);

#endif
