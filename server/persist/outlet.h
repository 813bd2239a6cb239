/* outlet: where the bytes of a snapshot by walking leave: a background thread packs strings, makes
 * the checksum and writes to a file or a pipe, so that neither a disk nor LZF holds up the loop.
 *
 * The loop's thread puts pieces; they leave in order. A file ends synced and under its name. A
 * pipe may be slow: pieces wait in memory, and past `memory_max` of them what is due next waits in
 * a file without a name beside the snapshots (it is read back in order). The caller looks at
 * outlet_waiting() and makes no more than is asked of it when that is high; what others force it
 * to make comes with outlet_slow_down().
 * Owns the thread, the descriptor and what waits. Made and ended by persist/walker.
 * Layer server, shell. Tests: tests/e2e/test_snapshot. */
#ifndef SERVER_PERSIST_OUTLET_H
#define SERVER_PERSIST_OUTLET_H

#include <stdbool.h>

#include "core/rdb/stream.h"

struct entry;
struct outlet;

struct outlet_spec {
    const char *temp; /* a file: written under this name; lent for the call */
    const char *path; /* and renamed to this one; the same: it stays */
    int pipe;         /* instead, with temp NULL: a write end that does not block; ours now */
    bool sync;        /* a file: also while it is written */
    bool checksum, compress;
    uint64_t memory_max;
};

enum outlet_state { OUTLET_WORKS, OUTLET_DONE, OUTLET_FAILED };

struct outlet *outlet_start(const struct outlet_spec *spec);
/* Takes the buffer and the list; both are empty then. */
void outlet_put(struct outlet *o, struct buf *bytes, struct rdb_raw *raw);
/* A large value is written by the thread from where it lies, when its turn comes: nothing may
 * change it until it has been written or settled. Many may read it. */
struct outlet_value;
struct outlet_value *outlet_put_value(struct outlet *o, const struct entry *e);
bool outlet_value_written(const struct outlet_value *v);
/* Waits until the thread is through with it; one that it has not begun is copied here and now.
 * The value may change then. */
void outlet_value_settle(struct outlet_value *v);
/* Once it has been written, or the outlet has ended. */
void outlet_value_free(struct outlet_value *v);
/* No more will come: the foot is written, the file closed. */
void outlet_finish(struct outlet *o);
enum outlet_state outlet_state(const struct outlet *o);
/* Why it failed; after OUTLET_FAILED. */
const char *outlet_error(const struct outlet *o);
size_t outlet_waiting(const struct outlet *o); /* bytes put and not yet gone from memory */
/* Back-pressure on those who force bytes out: waits, but not for long, while more is waiting than
 * may. */
void outlet_slow_down(struct outlet *o);
size_t outlet_peak(const struct outlet *o);
uint64_t outlet_spilled(const struct outlet *o);
/* Ends the thread; what has not become the file under its name is removed. */
void outlet_end(struct outlet *o);

#endif
