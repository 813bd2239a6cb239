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
 * What slow readers need beyond the backlog goes to a store that is handed in, the oldest first,
 * when it exceeds a limit in bytes or in age: memory is bounded and no byte given up. A block comes
 * back when a cursor stands in it. A store that fails costs no byte: blocks stay in memory
 * (feed_bounded says so) and feed_tick tries again; bytes that can not be read back are lost to the
 * window and to the cursors before them (cursor_lost).
 * Pure: the time is told, the store is a table of functions. Made by `struct replication`; outlives
 * its cursors. Offsets only grow, but for feed_rebase.
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

#define FEED_SPILL_MAX 64 /* blocks handed to the store by one call */

/* Where blocks go that are not read soon. A place is the store's to choose. */
struct feed_store {
    void *arg;
    bool (*put)(void *arg, struct slice bytes, int64_t *place); /* false: it can not */
    bool (*get)(void *arg, int64_t place, char *bytes, size_t n);
    void (*drop)(void *arg, int64_t place, size_t n);
};

struct feed_limits {
    uint64_t bytes; /* in memory beyond the backlog; more goes to the store */
    int64_t age_ms; /* what is older goes too; 0: no such limit */
};

struct feed_block {
    int64_t first;  /* number of its first byte */
    uint32_t used, cap;
    uint32_t cursors; /* that stand in it */
    bool stored;      /* the store has a copy, at `place` */
    int64_t place;
    int64_t last_ms;  /* when its last byte came */
    char *bytes;      /* NULL: in the store only */
};

struct feed {
    VEC(struct feed_block *) blocks; /* [head, n) are live, by rising first */
    size_t head;
    uint64_t head_number;            /* a block's number never changes: cursors hold it */
    bool open;
    int64_t end;                     /* bytes produced */
    int64_t held;                    /* bytes in blocks */
    int64_t away;                    /* of these, in the store only */
    int64_t lost;                    /* the store could not give back bytes up to here; 0: none */
    uint64_t backlog_bytes;
    size_t mem;
    int cursors;
    const struct feed_store *store;  /* NULL: all stays in memory */
    struct feed_limits limits;
    uint64_t spill_next;             /* number of the next block to go */
    bool store_fails;
    int64_t now_ms;
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
/* `store` is lent for the feed's life. */
void feed_set_store(struct feed *f, const struct feed_store *store, struct feed_limits limits);
/* Once a second or so: tells the time; what has become too old goes; a failed store is tried again.
 */
void feed_tick(struct feed *f, int64_t now_ms);
/* Forgets all bytes: the next one is end + 1. No cursor may be left. */
void feed_rebase(struct feed *f, int64_t end);
void feed_append(struct feed *f, struct slice bytes); /* copies; the feed must be open */
/* Goes on freeing what no longer has a reason, at most FEED_TRIM_MAX blocks: each append, each step
 * of a cursor into another block, and some calls a second for what a slow replica left behind. */
void feed_trim(struct feed *f);

struct feed_window feed_window(const struct feed *f);
static inline int64_t feed_end(const struct feed *f) { return f->end; }
static inline int64_t feed_first(const struct feed *f)
{
    int64_t first = f->end - f->held + 1;
    return f->lost >= first ? f->lost + 1 : first;
}
static inline int64_t feed_held(const struct feed *f) { return f->end + 1 - feed_first(f); }
static inline int64_t feed_away(const struct feed *f) { return f->away; }
/* False: the store fails, and readers that are slow cost memory. */
static inline bool feed_bounded(const struct feed *f) { return f->store && !f->store_fails; }
/* All memory of the log; and the part that is there for the backlog's sake. */
size_t feed_mem(const struct feed *f);
size_t feed_backlog_mem(const struct feed *f);

/* Attach where byte `next` will be read first; false: that byte is not held. */
bool cursor_attach(struct feed_cursor *c, struct feed *f, int64_t next);
void cursor_detach(struct feed_cursor *c); /* harmless when not attached */
/* Bytes that wait, as one piece: lent until the next call; empty at the end, and when lost. */
struct slice cursor_peek(struct feed_cursor *c);
/* Bytes that it needs are lost: it can not go on. */
bool cursor_lost(const struct feed_cursor *c);
void cursor_advance(struct feed_cursor *c, size_t n); /* n at most what peek gave */
uint64_t cursor_lag(const struct feed_cursor *c); /* bytes up to the end */

#endif
