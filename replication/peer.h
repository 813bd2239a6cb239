/* peer: a master's view of one replica: what it can, full or partial, how far it has acknowledged.
 *
 *     NEW ─PSYNC─► ONLINE                                          (partial)
 *     NEW ─PSYNC─► WANTS ─STARTED─► WAITS ─READY─► SENDS ─SENT─► ONLINE            (file)
 *                  WANTS ─STARTED─► SENDS ─SENT─► SENT ─ACK─► ONLINE               (pipe)
 *
 * A replica that can read the stream while it loads (CAPA_EARLY) gets it in SENT already. From its
 * snapshot on until it has caught up once, a replica is not bound by the output limits as long as
 * bytes move (`catching`) and what waits for it costs no memory without limit (`bounded`): dropping
 * it would only begin the same anew.
 *
 * The driver (peer_io, or the simulator) owns connection, cursor and snapshot, performs the actions
 * in order and reports back by events. Which peers share a snapshot and when one starts is `batch`.
 * Pure. One a replica, made at its first REPLCONF, PSYNC or SYNC, ended with its connection.
 * Invariant: between ATTACH_CURSOR and the end of the peer the cursor is never behind the feed.
 * Tests: unit/peer, checkers R1, R3, R4. */
#ifndef REPLICATION_PEER_H
#define REPLICATION_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"
#include "core/base/vec.h"
#include "replication/capa.h"
#include "replication/digest.h"
#include "replication/history.h"
#include "replication/note.h"

#define PEER_IP_MAX 64
#define PEER_ERROR_MAX 160
#define PEER_KEEPALIVE_MS 1000

enum peer_state {
    PEER_NEW,    /* not a replica yet */
    PEER_WANTS,  /* waits for a snapshot to begin */
    PEER_WAITS,  /* its snapshot file is being made */
    PEER_SENDS,  /* the snapshot is being sent */
    PEER_SENT,   /* snapshot without length: the first ACK is awaited */
    PEER_ONLINE, /* follows the feed */
    PEER_ENDED,  /* DROP was given or the connection ended */
};

struct peer_settings {
    int64_t timeout_ms;
    uint64_t hard_bytes, soft_bytes; /* 0: no limit; hard is at least the backlog's size */
    int64_t soft_ms;
};

struct peer {
    enum peer_state state;
    unsigned capa;
    char name[PEER_IP_MAX + 8]; /* "ip:port" for the log; from the driver, kept right by REPLCONF */
    char ip[PEER_IP_MAX];       /* announced, "" none */
    int port;                   /* announced listening port, 0 none */
    bool rdb_only, legacy;
    bool no_data, functions; /* wants a snapshot without keys; but with the function libraries */
    bool pipe;                  /* the snapshot comes without length */
    bool catching, loaded;      /* has a snapshot, and not yet what happened since; said ACK */
    int64_t acked, acked_at_ms; /* -1: never */
    int64_t fsynced;            /* of what it acknowledged, on its disk; -1: it does not say */
    struct digest_mark mark;    /* its last window, until digest_compare had it */
    int64_t heard_ms;           /* any sign of life, progress of a transfer included */
    int64_t wrote_ms;           /* last keepalive */
    int64_t wants_since_ms;
    int64_t sync_offset;        /* position of its snapshot */
    int64_t soft_since_ms;      /* -1: below the soft limit */
};

enum peer_event_kind {
    PEER_PSYNC,            /* replid, offset (the first byte wanted), world; legacy: SYNC */
    PEER_SNAPSHOT_STARTED, /* replid, offset of the copy; pipe: bytes is the end mark */
    PEER_SNAPSHOT_READY,   /* file complete: size */
    PEER_SNAPSHOT_FAILED,
    PEER_SENT_ALL,         /* the snapshot has left (pipe: with its mark) */
    PEER_ACK,              /* offset; size: the fsynced one or -1 */
    PEER_HEARD,            /* a newline, or bytes of the snapshot went out */
    PEER_TICK,             /* lag: bytes between cursor and end */
    PEER_LOST,             /* the stream's bytes that it needs could not be read back */
    PEER_GONE,             /* its connection ended */
};
/* What the PSYNC decision looks at. */
struct peer_world {
    const struct history *history;
    struct feed_window window;
    bool serving; /* we are a master, or a replica whose own link is up */
    bool failing_over;
};
struct peer_event {
    enum peer_event_kind kind;
    int64_t now_ms;
    struct slice replid, mark;
    int64_t offset, size;
    uint64_t lag;
    bool bounded; /* TICK: its lag costs no memory without limit */
    bool legacy, pipe;
    const struct peer_world *world;
};

enum peer_action_kind {
    PEER_WRITE,         /* bytes, in front of anything from the cursor */
    PEER_WANT_SNAPSHOT, /* put it to those who wait (batch) */
    PEER_ATTACH_CURSOR, /* at byte `offset` of the feed */
    PEER_FLOWS,         /* from now on the cursor's bytes are sent */
    PEER_GOES_ONLINE,   /* it has the snapshot; the cursor's bytes are sent */
    PEER_DROP,          /* close the connection; `soft`: after what was written */
    PEER_NOTE,          /* level, bytes */
};
struct peer_action {
    enum peer_action_kind kind;
    struct slice bytes; /* owned by the list */
    int64_t offset;
    bool soft;
    enum note_level level;
    enum history_answer answer; /* WANT_SNAPSHOT: why it could not continue (statistics) */
    struct str own;
};
struct peer_actions {
    VEC(struct peer_action) list;
};
void peer_actions_reset(struct peer_actions *a);
void peer_actions_free(struct peer_actions *a);

void peer_init(struct peer *p, const char *name, int64_t now_ms);
void peer_step(struct peer *p, const struct peer_settings *s, const struct peer_event *e,
               struct peer_actions *out);

/* REPLCONF as it came (argv[0] is the command): sets capabilities and addresses, takes ACKs. */
enum peer_answer { PEER_OK, PEER_SILENT, PEER_REFUSED, PEER_GETACK };
enum peer_answer peer_replconf(struct peer *p, const struct peer_settings *s, int argc,
                               const struct slice *argv, int64_t now_ms, struct peer_actions *out,
                               char error[PEER_ERROR_MAX]);
/* True: what stands in INFO's slaveN line. */
bool peer_is_replica(const struct peer *p);
const char *peer_state_name(const struct peer *p); /* wait_bgsave, send_bulk, online */
/* For one that acknowledges at once: since when it has lacked something; 0: it has everything. */
int64_t peer_lag_ms(const struct peer *p, int64_t end, int64_t now_ms);
static inline bool peer_online(const struct peer *p) { return p->state == PEER_ONLINE; }

#endif
