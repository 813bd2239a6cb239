/* backlog: how large the history must be to cover so many seconds of writes.
 *
 * The rate is a mean over the last minute or so, and rises at once: a burst must not push out what
 * a replica that was cut off a moment ago still needs. Pure: the end of the stream and the time are
 * handed in once a second. One in `struct replication`. Tests: unit/backlog. */
#ifndef REPLICATION_BACKLOG_H
#define REPLICATION_BACKLOG_H

#include <stdbool.h>
#include <stdint.h>

struct backlog {
    int64_t seen_end, seen_ms; /* at the last look; seen_ms 0: none yet */
    double rate;               /* bytes a second */
};

struct backlog_want {
    uint64_t bytes, max_bytes; /* at least; at most, if seconds ask for more */
    int seconds;               /* 0: `bytes` it is */
};

void backlog_look(struct backlog *b, int64_t end, int64_t now_ms);
uint64_t backlog_size(const struct backlog *b, const struct backlog_want *w);
/* Seconds of history that so many bytes are at the present rate; -1: nothing is being written. */
int64_t backlog_covers_s(const struct backlog *b, int64_t held);

#endif
