/* link_steps: the handshake as a table. A row says what is sent, with which rows it is sent
 * together, and what its answer means. Private to link.c and its tests. Pure.
 *
 *     PING  →  AUTH, listening-port, ip-address, capa (sent at once)  →  PSYNC  [→ SYNC]
 *
 * PSYNC is never sent with the group before it: a master refuses it while answers are pending. */
#ifndef REPLICATION_LINK_STEPS_H
#define REPLICATION_LINK_STEPS_H

#include "core/base/buf.h"
#include "replication/link.h"

enum link_verdict {
    LINK_NEXT,     /* the row is done */
    LINK_AGAIN,    /* not an answer yet (keepalive): wait on */
    LINK_GIVE_UP,  /* close and retry; the reason is in link->last_error */
    LINK_OLD_WAY,  /* go to the SYNC row */
    LINK_FULL,     /* a snapshot follows: new_replid, new_offset are set */
    LINK_CONTINUE, /* the stream follows: new_replid ("" none named) */
};

struct link_row {
    const char *name;
    int group; /* rows of a group are sent together */
    bool (*wanted)(const struct link *l); /* NULL: always */
    void (*send)(struct link *l, struct buf *out);
    enum link_verdict (*answer)(struct link *l, struct slice line, struct link_actions *out);
};
extern const struct link_row link_rows[];
extern const int link_rows_n;
extern const int link_row_sync; /* index of the SYNC row, reached only by LINK_OLD_WAY */

/* Shared by link.c and link_steps.c. */
void link_note(struct link_actions *out, enum note_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Why the attempt or the link ends: the kind in one word, for INFO, and the sentence. */
void link_blame(struct link *l, const char *kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
