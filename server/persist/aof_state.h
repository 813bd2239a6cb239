/* aof_state: what the files of the append-only file share: the struct behind `struct aof`, and the
 * calls between them. Private to server/persist: others include aof.h, aof_rewrite.h.
 *
 *     aof.c          opening, writing, syncing, INFO     aof_place.c    annotations
 *     aof_rewrite.c  a new base file                     aof_load.c     reading
 *
 * All in the loop's thread, but for struct aof_sync while it is under way. Tests: e2e/test_aof. */
#ifndef SERVER_PERSIST_AOF_STATE_H
#define SERVER_PERSIST_AOF_STATE_H

#include "core/base/buf.h"
#include "replication/history.h"
#include "server/persist/aof.h"
#include "server/persist/aof_manifest.h"

/* "#AFTER <seq> <size>": first line of an increment; the one before it, and its bytes. */
#define AOF_AFTER "#AFTER"

enum aof_state {
    AOF_OFF,
    AOF_ON,
    AOF_STARTING, /* on as soon as the first base file is there */
};

/* What the file says of our place in a history of the replication stream. */
enum aof_said {
    AOF_SAID_NOTHING, /* this process has not said anything: what stands there may be outdated */
    AOF_SAID_NONE,
    AOF_SAID_PLACE,
};
struct aof_place {
    enum aof_said said;
    char replid[REPLID_LEN + 1];
    int64_t offset; /* as it follows from what was written since */
    int db;         /* of the stream; of aof_place_now only */
};

/* A sync in the thread. */
struct aof_sync {
    struct aof *a;
    int fd;
    bool close_fd;        /* of a file that is done with */
    uint64_t upto;        /* what is synced when it succeeds */
    int64_t offset;
    int error;            /* errno, 0 */
};

/* appendfsync always: a slow sync is put off a little when that lets more clients share it. */
struct aof_gather {
    struct loop_timer *timer; /* armed: it is being waited */
    size_t units;             /* commands that wait for the sync */
    size_t begun_with, last;  /* of them: when the waiting began; in the last group */
    uint64_t groups;
    int rest, pause;          /* groups that are not waited for: still; the next time it is vain */
    int64_t sync_us;          /* what a sync takes, smoothed */
};

struct aof {
    struct server *s;
    struct aof_gather gather;
    enum aof_state state;
    struct aof_manifest manifest;
    struct bg *bg;
    int fd;               /* of the increment; -1: nothing is appended */
    struct buf out;       /* not written yet */
    int db;               /* that the increment has selected; -1: none */
    int64_t ts_s;         /* last #TS */
    struct aof_place place;

    /* the master's stream, while it is inside MULTI */
    struct buf unit;
    bool in_unit;
    int unit_db;          /* as it was before */
    int64_t unit_offset;

    /* counters of this process */
    uint64_t appended, written, synced;
    int64_t written_offset, synced_offset; /* in the replication stream; -1 */

    /* sizes on disk */
    uint64_t incr_size;   /* of the file that is open */
    uint64_t size;        /* of all */
    uint64_t base_size;   /* of all, after the last rewrite or at start */

    /* syncing */
    int syncs;            /* jobs in the thread */
    bool syncing;         /* one of them is for the open file */
    int64_t synced_ms;    /* monotonic: when the last one was begun */
    int64_t held_ms;      /* since when bytes are held back; 0: they are not */
    int64_t slow_until_ms; /* until then writes wait for a running sync */
    uint64_t delayed;     /* aof_delayed_fsync */
    int write_error, sync_error; /* errno of the last; 0: it went well */
    char why[128];
    int64_t error_logged_s;
    int64_t flush_sleep_us;

    /* rewriting */
    bool scheduled;
    bool temp_incr;       /* the open increment has its temporary name */
    bool making, commands; /* a base file is being made for us; as commands */
    struct str temp_base;
    int64_t began_ms;     /* wall; 0 none runs */
    int64_t took_s;       /* -1 */
    bool rewrite_ok;
    uint64_t rewrites;
    int failures;         /* in a row */
    int64_t not_before_s; /* after failures */
};

/* ---- aof.c ---- */
/* Goes on with another file: what is open is synced and closed in the thread. fd -1: none. */
void aof_switch(struct aof *a, int fd, uint64_t size);
/* Appends to `out` as it stands. */
void aof_put(struct aof *a, struct slice bytes);

/* ---- aof_place.c ---- */
/* Before `bytes` of a command of the journal are put, which already are in the feed if they go
 * there. */
void aof_place_append(struct aof *a, int db, struct slice bytes);
/* The whole of it, while a transaction of the master's stream is held: it goes in front. */
void aof_place_aside(struct aof *a, int db, struct slice bytes);
/* Bytes of the stream that went by without us (PING, GETACK) are noted. */
void aof_place_flush(struct aof *a);
/* A new increment begins: says the place, and what replicas may still lack of the bytes before. */
void aof_place_past(struct aof *a);
/* Our position in the stream at this moment; false: none. */
bool aof_place_now(const struct aof *a, struct aof_place *out);

#endif
