/* aof: the append-only file: what the journal says, on disk before anybody hears of it.
 *
 *     journal / master's stream ── out ── write() ── fsync
 *                                   once a turn      as appendfsync says
 *
 * aof_flush runs before the loop sleeps and before any reply or replicated byte leaves: what was
 * answered is written. `always`: it is synced too, once for all clients of the turn. `everysec`: a
 * thread of its own syncs; while it is at it the turn's bytes are written all the same, but on a
 * disk that has shown that writes then wait, they are held back for at most 2 s.
 * A write that fails stays in memory: writers get -MISCONF until the disk takes it (with `always`
 * the process ends, since it could not keep its word).
 *
 * Between the commands stand annotations, which Redis passes over: our place in the history of a
 * replication set (aof_place.c, docs/formats/aof.md).
 *
 * Made by server_main; aof_rewrite.h makes it small again, aof_load.h reads it. Layer server.
 * Tests: e2e/test_aof, e2e/test_aof_crash. */
#ifndef SERVER_PERSIST_AOF_H
#define SERVER_PERSIST_AOF_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"

struct server;
struct aof;

struct aof *aof_new(struct server *s);
/* Writes and syncs what is there. */
void aof_delete(struct aof *a);

/* ---- life ---- */
/* At start, with the data loaded: opens what is there for appending, or begins with the data as it
 * is. Logs why not. */
bool aof_open(struct aof *a);
/* CONFIG SET appendonly. On: a base file is made in the background, appending begins with it. */
enum err aof_enable(struct aof *a, bool on, struct errmsg *msg);
/* The data was exchanged for another (full sync): the file begins anew. */
void aof_restart(struct aof *a);
bool aof_enabled(const struct aof *a);
/* The first base file is still being made. */
bool aof_starting(const struct aof *a);

/* ---- writing ---- */
/* Sink of the journal. */
bool aof_wants(void *aof);
void aof_append(void *aof, int db, struct slice bytes);
/* As a replica: one command of the master's stream, which the journal then says nothing of. */
void aof_stream(struct aof *a, int argc, const struct slice *argv, struct slice raw);
/* The stream was cut: half a transaction is forgotten. */
void aof_stream_reset(struct aof *a);
/* Before the loop sleeps. `now`: whatever the disk does (SHUTDOWN, rewrites). */
void aof_flush(struct aof *a, bool now);
/* What was appended waits a moment for more, to be synced together: no reply may leave. */
bool aof_gathers(const struct aof *a);
/* All is written and synced when this returns; false: it failed (logged). */
bool aof_sync_all(struct aof *a);
/* NULL, or why the last write or sync failed. */
const char *aof_failing(const struct aof *a);

/* ---- WAITAOF ---- */
/* Bytes ever appended, and of these synced: counters of this process. */
uint64_t aof_appended(const struct aof *a);
uint64_t aof_synced(const struct aof *a);
/* The position of the replication stream up to which our copy is synced; -1: none is. */
int64_t aof_fsynced_offset(const struct aof *a);

/* ---- observation ---- */
void aof_info(const struct aof *a, struct buf *out);
size_t aof_mem(const struct aof *a); /* bytes that wait */
/* DEBUG AOF-FLUSH-SLEEP. */
void aof_debug_sleep(struct aof *a, int64_t us);

#endif
