/* replication/host: what replication asks of its host, as a table of functions.
 *
 * Replication (shell) knows links, peers and the feed; the host knows keys, files and clients. The
 * table is the only way from here to there. All functions are called in the loop's thread. */
#ifndef REPLICATION_HOST_H
#define REPLICATION_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/str.h"

struct buf;
struct client;
struct replication;

/* The third is not for replication: a base file of the append-only file. */
enum snapshot_form { SNAPSHOT_TO_FILE, SNAPSHOT_TO_PIPE, SNAPSHOT_TO_BASE };

struct repl_host {
    void *arg; /* first argument of each function */

    /* ---- as a replica ---- */
    /* One command of the master's stream, in the order of the stream. `raw`: its bytes as received.
     * Returns false when it could not be understood (protocol fault: the link is given up). */
    bool (*apply)(void *arg, int argc, const struct slice *argv, struct slice raw);
    /* Keys of commands that follow: bring their memory near. A hint; NULL: none is wanted. */
    void (*prefetch)(void *arg, const struct slice *keys, int n);
    /* The database that the stream has selected (kept by the host's pseudo client); set after a
     * full sync or when a cached position is taken up again. */
    int (*stream_db)(void *arg);
    void (*set_stream_db)(void *arg, int db);
    /* True while the stream is inside MULTI: the applied offset does not advance until EXEC. */
    bool (*in_multi)(void *arg);
    /* Forget a half-received MULTI: the link was lost. */
    void (*stream_reset)(void *arg);
    /* A complete snapshot file lies at `path`. The host loads it (in slices of its own; the old
     * data stays until the new is proven loadable), takes the stream's database from the file's
     * repl-stream-db, then calls replication_loaded(). */
    void (*load)(void *arg, const char *path);
    void (*load_cancel)(void *arg); /* the link was given up meanwhile */

    /* ---- as a master ---- */
    /* Start a snapshot of the data as it is now. TO_PIPE: *fd is a non-blocking read end that gives
     * the RDB bytes, ours to close. TO_FILE: the RDB is written to the host's dump file. The end
     * is told by replication_snapshot_done(). ERR_BUSY: another child runs; asked again later. */
    enum err (*snapshot)(void *arg, enum snapshot_form form, int *fd, struct errmsg *msg);
    void (*snapshot_kill)(void *arg); /* nobody wants it any more */
    /* Appends a snapshot without keys: what stands in front of them, and the foot. */
    void (*bare_snapshot)(void *arg, bool functions, struct buf *out);

    /* ---- both ---- */
    /* Called after the role or the master's address changed: log role, unblock clients with an
     * error, keys' expiry policy. */
    void (*role_changed)(void *arg, bool is_master);
    /* The full sync is complete or the link is up or down: sd_notify, logs of the host. */
    void (*link_changed)(void *arg, bool up);
    /* The configuration's replicaof line must say this now (CONFIG REWRITE); host NULL: none. */
    void (*master_changed)(void *arg, const char *host, int port);
    /* Number of keys, all databases. */
    uint64_t (*keys)(void *arg);
    /* The append-only file: up to this offset of the stream it is on disk; -1: there is none, or
     * nobody knows. When it grows the host calls replication_fsynced(). NULL: always -1. */
    int64_t (*fsynced)(void *arg);
    /* Bytes ever written to it, and of these on disk; false: there is none. NULL: false. */
    bool (*disk)(void *arg, uint64_t *written, uint64_t *synced);
    /* We were master and are replica for good: clients that wrote should look for another one, but
     * not the one that ordered it (its id; 0: none). */
    void (*demoted)(void *arg, uint64_t ordered_by);
    /* False inside EXEC: a command that would block answers at once. NULL: always true. */
    bool (*may_block)(void *arg, struct client *cl);
};

#endif
