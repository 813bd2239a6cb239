/* history: which stream of bytes our data is the effect of, and who may continue it.
 *
 * Owns a list of tenures (epoch, replid, number of the first byte made in it), oldest first. The
 * two ids of the wire (replid and replid2 with second_repl_offset) are the last two of it. Bytes of
 * a stream are numbered from 1; "offset N" means that N bytes were produced or applied; a replica
 * asks for byte N + 1, the first it lacks. The offset itself is the feed's (feed_end).
 *
 * Pure: new ids are handed in. Made by `struct replication`; a plain value, may be copied.
 * Invariants: 1 to HISTORY_MAX entries; start offsets never decrease; ids are 40 hex characters.
 * The epoch is 0 until a mode that uses it names one.
 * Tests: unit/history, checkers R1 and R3. */
#ifndef REPLICATION_HISTORY_H
#define REPLICATION_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"

#define REPLID_LEN 40
#define HISTORY_MAX 16 /* older tenures are of no use: no feed reaches back that far */

struct history_entry {
    uint64_t epoch;
    char replid[REPLID_LEN + 1];
    int64_t start; /* number of the first byte of this tenure; 0: unknown, long ago */
};

struct history {
    struct history_entry at[HISTORY_MAX];
    int n;
};

/* What of the stream can still be read again: bytes first .. end. */
struct feed_window {
    bool open;     /* a backlog is kept */
    int64_t first; /* number of the oldest byte held; end + 1 when none is */
    int64_t end;   /* bytes produced or applied */
};

/* A history of its own: process start, first replica without backlog, backlog given up. */
void history_init(struct history *h, const char *replid);
/* Promotion: the old id stays valid up to `offset`, the new one begins behind it. */
void history_promote(struct history *h, uint64_t epoch, const char *replid, int64_t offset);
/* A full sync ended: this id and nothing before it. */
void history_adopt(struct history *h, const char *replid);
/* A partial sync was granted under `replid`: nothing when it is ours, else a shift as at promotion.
 * True when the id changed: our own replicas must learn of it by a new handshake. */
bool history_continue(struct history *h, const char *replid, int64_t offset);
/* Start with what a snapshot file says. As replica: go on as it was. As master: the saved id
 * becomes the previous one, since nobody knows what happened behind that snapshot. */
void history_restore_replica(struct history *h, const char *saved);
void history_restore_master(struct history *h, const char *replid, const char *saved,
                            int64_t saved_offset);

const char *history_id(const struct history *h);
const char *history_id2(const struct history *h);          /* forty '0' when there is none */
int64_t history_second_offset(const struct history *h);    /* first byte not shared with id2; -1 */

/* May a replica that asks for byte `want` of history `replid` continue? */
enum history_answer {
    HISTORY_CONTINUE,
    HISTORY_NOT_ASKED, /* "?": it has nothing */
    HISTORY_UNKNOWN,   /* neither of our ids */
    HISTORY_BEYOND,    /* our previous id, but it went on where we no longer did */
    HISTORY_NO_FEED,   /* no backlog here */
    HISTORY_TOO_OLD,   /* the byte has left the backlog */
    HISTORY_TOO_NEW,   /* the byte is ahead of our end */
};
enum history_answer history_ask(const struct history *h, const struct feed_window *w,
                                struct slice replid, int64_t want);

/* Checks the form of an id that came from outside and copies it (lower case). */
bool replid_read(struct slice text, char out[REPLID_LEN + 1]);

#endif
