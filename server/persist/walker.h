/* walker: a snapshot taken by walking, beside the fork: slices of the loop's time make the bytes
 * (core/rdb/walk), an outlet brings them away.
 *
 * A slice is short and leaves clients as much of the core as it takes; there is none while the
 * outlet is behind, so memory stays bounded by that (and by snapshot-buffer-limit for what writes
 * force out). The data is that of the instant of walker_start.
 * Owns walk and outlet. Made and ended by persist/snapshot. Layer server, shell.
 * Tests: tests/e2e/test_snapshot, bench/snapshot.py. */
#ifndef SERVER_PERSIST_WALKER_H
#define SERVER_PERSIST_WALKER_H

#include <stdbool.h>

#include "server/persist/outlet.h"

struct server;
struct walker;

struct walker_spec {
    const char *temp, *path; /* as an outlet's; temp NULL: the pipe */
    int pipe;
    bool sync;
    bool base;               /* of an append-only file */
    void (*done)(void *arg, bool ok, const char *why); /* once, from the loop; ends the walker */
    void *arg;
};

struct walker *walker_start(struct server *s, const struct walker_spec *spec);
/* Gives it up, or frees it after its end. NULL is fine. */
void walker_end(struct walker *w);

struct walker_figures {
    uint64_t keys, total;
    size_t held; /* bytes in memory for the snapshot's sake: now */
    size_t peak;
};
void walker_figures(const struct walker *w, struct walker_figures *out);

#endif
