/* front/call: one command in execution. Made by dispatch on its stack; lives for the call.
 *
 * argv slices are lent (the query buffer, or the queue of a transaction). A command function reads
 * arguments, replies exactly once, counts changes in `changed`, and returns; it never talks to
 * replication or AOF. `now_ms` (wall clock) is read once a unit: no command reads the clock. */
#ifndef CORE_FRONT_CALL_H
#define CORE_FRONT_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/str.h"

struct call {
    struct front *front;
    struct client *client;
    struct command_entry *entry; /* the leaf: sub-command where there is one */
    const struct command *row;   /* entry->row */
    int argc;
    const struct slice *argv;    /* argv[0] is the command's name as sent */
    struct slice raw; /* its bytes as they came, when they may go to the stream so; else empty */
    void *app;                   /* the personality (struct server *, struct sentinel *) */
    void *unit;                  /* the personality's execution unit (server/journal) */
    struct buf *out;             /* where the reply goes; NULL: it is dropped. Set by dispatch */
    int64_t now_ms;              /* wall clock, the unit's */
    int64_t changed;             /* commands add what they changed */
    uint64_t redact; /* bit i: argv[i] is a secret, for MONITOR and SLOWLOG (see call_redact) */
    bool failed;                 /* an error reply was given (reply_error sets it) */
    bool blocked;                /* the client was blocked instead of answered */
};

/* Arguments beyond the 63rd share the last bit. */
static inline void call_redact(struct call *c, int at)
{
    c->redact |= (uint64_t)1 << (at < 63 ? at : 63);
}
static inline bool call_is_redacted(const struct call *c, int at)
{
    return c->redact >> (at < 63 ? at : 63) & 1;
}

#endif
