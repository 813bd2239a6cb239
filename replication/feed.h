/* feed: the log of bytes that every replica must apply. One copy, many readers.
 *
 *      first                                            end
 *      | block 7 | block 8        | block 9 ...         |
 *           ^ cursor of a replica           ^ cursor of another
 *
 * Owns the blocks; readers hold cursors. The backlog is what is kept behind the slowest need: the
 * head block goes when the rest still covers the backlog size and no cursor stands in it. So a slow
 * replica costs no copy, and "too slow" is one comparison (cursor_lag).
 * A closed feed keeps no bytes; its end moves only by feed_rebase.
 * Pure. Made by `struct replication`; outlives its cursors. Offsets only grow, but for feed_rebase.
 * A byte between the oldest cursor and the end is never freed. Attaching is a binary search.
 * Tests: unit/feed, checker R4. */
#ifndef REPLICATION_FEED_H
#define REPLICATION_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/str.h"
#include "core/base/vec.h"
#include "replication/history.h"

#define FEED_BLOCK_MIN (16 * 1024)  /* a block is backlog/16, within these two */
#define FEED_BLOCK_MAX (256 * 1024)
#define FEED_TRIM_MAX 64 /* blocks freed by one call: no long pause after a slow replica left */

struct feed_block {
    int64_t first;  /* number of its first byte */
    uint32_t used, cap;
    uint32_t cursors; /* that stand in it */
    char bytes[];
};

struct feed {
    VEC(struct feed_block *) blocks; /* [head, n) are live, by rising first */
    size_t head;
    uint64_t head_number;            /* a block's number never changes: cursors hold it */
    bool open;
    int64_t end;                     /* bytes produced */
    int64_t held;                    /* bytes in blocks */
    uint64_t backlog_bytes;
    size_t mem;
    int cursors;
};

struct feed_cursor {
    struct feed *feed; /* NULL: not attached */
    uint64_t block;
    int64_t next;      /* number of the next byte to read */
};

void feed_init(struct feed *f, uint64_t backlog_bytes, int64_t end);
void feed_free(struct feed *f); /* no cursor may be left */
void feed_open(struct feed *f);  /* from here on bytes are kept; nothing if it is open */
void feed_close(struct feed *f); /* no cursor may be left */
void feed_set_backlog(struct feed *f, uint64_t bytes);
/* Forgets all bytes: the next one is end + 1. No cursor may be left. */
void feed_rebase(struct feed *f, int64_t end);
void feed_append(struct feed *f, struct slice bytes); /* copies; the feed must be open */
/* Goes on freeing what no longer has a reason, at most FEED_TRIM_MAX blocks: each append, each step
 * of a cursor into another block, and some calls a second for what a slow replica left behind. */
void feed_trim(struct feed *f);

struct feed_window feed_window(const struct feed *f);
static inline int64_t feed_end(const struct feed *f) { return f->end; }
static inline int64_t feed_first(const struct feed *f) { return f->end - f->held + 1; }
static inline int64_t feed_held(const struct feed *f) { return f->held; }
/* All memory of the log; and the part that is there for the backlog's sake. */
size_t feed_mem(const struct feed *f);
size_t feed_backlog_mem(const struct feed *f);

/* Attach where byte `next` will be read first; false: that byte is not held. */
bool cursor_attach(struct feed_cursor *c, struct feed *f, int64_t next);
void cursor_detach(struct feed_cursor *c); /* harmless when not attached */
/* Bytes that wait, as one piece: lent until the next append; empty at the end. */
struct slice cursor_peek(struct feed_cursor *c);
void cursor_advance(struct feed_cursor *c, size_t n); /* n at most what peek gave */
uint64_t cursor_lag(const struct feed_cursor *c); /* bytes up to the end */

#endif
