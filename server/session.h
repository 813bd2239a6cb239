/* session: what the data server hangs on a client: its transaction, its watched keys, its block.
 *
 * Made when a client first needs it (most never do), released by the front's close hook.
 * Layer server. Tests: tests/e2e. */
#ifndef SERVER_SESSION_H
#define SERVER_SESSION_H

#include "core/base/ilist.h"
#include "core/base/vec.h"
#include "core/front/client.h"

/* A queued command: one block of memory with its words, and its raw bytes when they may go to the
 * stream as they stand. */
struct queued {
    struct command_entry *entry;
    int argc;
    struct slice *argv;
    struct slice raw;
};

struct session {
    VEC(struct queued) queue;
    uint32_t queued_flags;   /* of all queued commands, or-ed: what the gates ask for EXEC */
    uint32_t queued_missing; /* flags that one of them lacks */
    struct ilist watched;  /* struct watch, by `mine` */
    struct ilist prefixes; /* tracking: struct member, by `mine` */
    int watched_n;
    size_t watched_mem, prefixes_mem; /* names included: they may be there for it alone */
    struct waiter *waiter; /* block: what it waits for; NULL: nothing */
    bool in_exec; /* commands that would block give their empty answer */
};

/* The client's, made if need be. */
struct session *session_of(struct client *cl);
/* NULL: it has none. */
static inline struct session *session_get(const struct client *cl) { return cl->session; }
/* Hook close. */
void session_close(struct client *cl);
/* Bytes, for CLIENT LIST's tot-mem. */
size_t session_mem(const struct client *cl);

#endif
