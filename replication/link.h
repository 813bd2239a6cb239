/* link: a replica's view of its master: connect, handshake, snapshot, stream, acknowledgements.
 *
 * One step function: event in, ordered actions out. The driver (link_io, or the simulator) owns
 * socket, files and data, performs the actions in order and reports back by events. The link owns
 * its position: (replid, offset) is what the data here is the effect of, and what it asks with.
 *
 * Bytes are not copied: LINK_BYTES lends all that waits on the connection; after its actions have
 * been performed (APPLIED included) link->taken says how much of the front is done with. The rest
 * is offered again: at once when something was taken and something is left, else with more
 * behind it.
 * Pure: the time comes in events (monotonic ms), the spread of retries from the generator inside.
 * Made by `struct replication`; a plain struct, link_init and link_free.
 * Invariants: a write is only made while the connection is up; the offset stays at MULTI until
 * EXEC; it equals the feed's end whenever an event has been dealt with in LINK_STREAM.
 * Tests: unit/link, checkers R1-R3, L1. */
#ifndef REPLICATION_LINK_H
#define REPLICATION_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/rand.h"
#include "core/base/str.h"
#include "core/base/vec.h"
#include "core/resp/read.h"
#include "replication/capa.h"
#include "replication/digest.h"
#include "replication/history.h"
#include "replication/note.h"

#define LINK_HOST_MAX 256
#define LINK_LINE_MAX 1024    /* a longer answer line is a fault */
#define LINK_RETRY_MIN_MS 100 /* first retry after a failed attempt; doubles up to the next */
#define LINK_RETRY_MAX_MS 1000
#define LINK_ACK_MS 1000
#define LINK_MARK_LEN 40      /* end mark of a snapshot without length */
#define LINK_ERROR_MAX 160

enum link_state {
    LINK_NONE,       /* we are a master */
    LINK_WAIT,       /* retry at link->retry_at_ms */
    LINK_CONNECTING, /* CONNECT was given */
    LINK_HANDSHAKE,  /* link->step is the row whose answer is awaited */
    LINK_PREPARE,    /* full sync granted: the snapshot's first line is awaited */
    LINK_SNAPSHOT,   /* its bytes arrive */
    LINK_LOADING,    /* the driver loads it; takes no bytes meanwhile */
    LINK_STREAM,     /* connected: the command stream */
};

/* FAILOVER: the master that we follow is to take over from us. PSYNC goes with the word FAILOVER
 * and the position that it must have (Redis passes over that) until it is answered. When an answer
 * was lost, "can't be sent to a master" means that it did. */
enum link_hand { LINK_HAND_NONE, LINK_HAND_ASKS, LINK_HAND_DONE, LINK_HAND_REFUSED };

struct link_settings {
    int64_t timeout_ms;           /* repl-timeout */
    struct slice password;        /* empty: none; texts are lent until the next link_configure */
    const char *user;             /* "" none */
    int listening_port;
    const char *announce_ip;      /* "" none */
    unsigned capa;                /* beyond eof and psync2: what is offered */
};

struct link {
    enum link_state state;
    struct link_settings set;
    struct rng rng;
    char host[LINK_HOST_MAX]; /* the master that we want; "" none */
    int port;
    /* position */
    char replid[REPLID_LEN + 1]; /* "": nothing known, asks for everything */
    int64_t offset;              /* bytes applied */
    enum link_hand hand;
    int hand_sent;               /* so often: the target may have heard of it */
    int64_t hand_needs;          /* the position that it must have; -1: any */
    unsigned shared;             /* what this master can too */
    int64_t fsynced;             /* of the offset, on disk; -1: no append-only file. The driver's */
    struct digest_mark digest;   /* to be named in acknowledgements. The driver's */
    int64_t fresh_ms;            /* at this time nothing that the master had was missing here */
    bool legacy;                 /* master too old for PSYNC: no offsets, no acks */
    /* connection */
    bool connected;              /* between UP and DOWN/CLOSE */
    int step;
    int failures;                /* attempts since the link was last up */
    int64_t retry_at_ms, last_io_ms, last_write_ms;
    int64_t up_at_ms, down_since_ms; /* down_since -1: never was up */
    char last_error[LINK_ERROR_MAX]; /* why the last attempt or link ended, "" never */
    int64_t last_error_ms;
    const char *error_kind;    /* of it, in a word or two: refused, dns, auth, loading ... */
    uint64_t errors;
    /* snapshot under way */
    char old_replid[REPLID_LEN + 1]; /* of the data that is there while the new is loaded */
    char new_replid[REPLID_LEN + 1]; /* "" when the master named none (SYNC) */
    int64_t new_offset;
    int64_t size, received;          /* size -1: until the mark */
    int64_t part_ms;                 /* last time a part arrived */
    char mark[LINK_MARK_LEN];
    /* stream */
    struct resp_request request;
    size_t scanned;      /* bytes in front of the next command, applied or held in MULTI */
    size_t done;         /* of these, up to a boundary */
    size_t waiting_bytes; /* received and not applied at the last event */
    bool in_multi, fault, ack_asked;
    int64_t ack_offset;  /* to be reported for ack_asked */
    size_t taken;        /* of the bytes of the last LINK_BYTES */
};

enum link_event_kind {
    LINK_BOOT,    /* start as a replica: host, port, position known from a snapshot file or none */
    LINK_FOLLOW,  /* REPLICAOF host port; position is taken when we were a master; hand: FAILOVER */
    LINK_DETACH,  /* REPLICAOF NO ONE */
    LINK_UP,      /* the connection of the last CONNECT is there */
    LINK_DOWN,    /* it ended or could not be made: text says why */
    LINK_BYTES,   /* bytes: everything that waits */
    LINK_TICK,    /* at link_deadline, or more often */
    LINK_LOADED,  /* answer to SNAPSHOT_END: ok, text says why not */
    LINK_APPLIED, /* answer to APPLY: link_next has given false */
    LINK_FSYNCED, /* link->fsynced grew */
};
struct link_event {
    enum link_event_kind kind;
    int64_t now_ms;
    const char *host;
    int port;
    const char *replid; /* NULL or "": no position */
    int64_t offset;
    struct slice bytes;
    bool ok, hand;
    int64_t must_have; /* hand: the target's position at least; -1: any */
    bool kept;        /* LOADED, not ok: the data is still what it was before */
    int64_t pause_ms; /* LOADED, not ok: not again before */
    const char *text, *error_kind;
};

enum link_action_kind {
    LINK_CONNECT,        /* host and port of the link; answer by UP or DOWN. Ends an older one */
    LINK_CLOSE,          /* drop connection or attempt; no DOWN follows */
    LINK_WRITE,          /* bytes */
    LINK_SNAPSHOT_BEGIN, /* open a temporary file: size (or -1) */
    LINK_SNAPSHOT_PART,  /* bytes: append */
    LINK_SNAPSHOT_END,   /* complete: load it, answer by LOADED */
    LINK_SNAPSHOT_ABORT, /* forget it, and a load under way */
    LINK_ADOPT_HISTORY,  /* full: data is now replid at offset: history_adopt, feed_rebase.
                          * else: history_continue (replid "": none was named, keep ours).
                          * full with replid "": a master without ids; invent one */
    LINK_APPLY,          /* bytes: call link_next until it gives false, then step APPLIED */
    LINK_NOTE,           /* level, text for the log */
};
struct link_action {
    enum link_action_kind kind;
    struct slice bytes; /* WRITE, NOTE: owned by the list; PART, APPLY: lent by the event */
    int64_t size;
    bool full;
    char replid[REPLID_LEN + 1];
    int64_t offset;
    enum note_level level;
    struct str own;
};
struct link_actions {
    VEC(struct link_action) list;
};
void link_actions_reset(struct link_actions *a);
void link_actions_free(struct link_actions *a);

void link_init(struct link *l, const struct link_settings *s, uint64_t seed);
void link_free(struct link *l);
void link_configure(struct link *l, const struct link_settings *s);
void link_step(struct link *l, const struct link_event *e, struct link_actions *out);
int64_t link_deadline(const struct link *l); /* when a TICK is due; INT64_MAX: never */

/* ---- performing LINK_APPLY ---- */
struct link_command {
    int argc;
    const struct slice *argv; /* lent until the next call */
    struct slice raw;
};
/* The next command to hand to the data, in order. Bytes are those of the action. False: no whole
 * command is left. Then append the first l->done bytes of the action to the own feed (they end at a
 * boundary: a MULTI without its EXEC is not among them) and step LINK_APPLIED. REPLCONF GETACK is
 * answered inside and not handed out. */
bool link_next(struct link *l, struct slice bytes, struct link_command *out);

/* ---- looking at it ---- */
static inline bool link_is_up(const struct link *l) { return l->state == LINK_STREAM; }
const char *link_role_state(const struct link *l); /* ROLE's word: connect, handshake, sync ... */
static inline int64_t link_read_offset(const struct link *l)
{
    return l->offset + (int64_t)l->waiting_bytes;
}

#endif
