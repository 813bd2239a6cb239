/* snapshot: the RDB file: SAVE in the loop's thread; BGSAVE and full syncs in a forked child, or by
 * walking (persist/walker), as snapshot-method says. "Child" below means both.
 *
 * One child at a time. A file is written beside its place, fsynced, renamed, and the folder is
 * fsynced; a failed save leaves the old file as it was. A snapshot into a pipe is for replicas
 * without disk: replication reads the other end. The end of a child is told to replication, and
 * kept for INFO. Save points and a scheduled BGSAVE are looked at by snapshot_cron.
 *
 * Made by server_main. Layer server, shell. Tests: tests/e2e. */
#ifndef SERVER_PERSIST_SNAPSHOT_H
#define SERVER_PERSIST_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "replication/host.h"

struct server;
struct snapshot;
struct walker_figures;

/* What INFO and LASTSAVE show. */
struct snapshot_figures {
    int64_t last_save_s;      /* Unix time of the last good one, or of the start */
    int64_t last_took_s;      /* of the last child; -1: none yet */
    int64_t running_since_ms; /* wall clock; 0: none runs */
    uint64_t saves;           /* since start */
    uint64_t last_cow_bytes, last_base_cow_bytes;
    uint64_t forks;
    int64_t fork_us;          /* the last one */
    bool ok;                  /* the last BGSAVE */
};

struct snapshot *snapshot_new(struct server *s);
/* Ends a running child. */
void snapshot_delete(struct snapshot *p);
/* SAVE: in this thread, now. ERR_BUSY: a child is at it. */
enum err snapshot_save_now(struct snapshot *p, struct errmsg *msg);
/* Starts a child. TO_PIPE: *fd is the read end, the caller's from now on. */
enum err snapshot_start(struct snapshot *p, enum snapshot_form form, int *fd, struct errmsg *msg);
/* A base file of the append-only file: the data as it is now, at `path` (written anew and synced;
 * on failure it is removed), in the background. `done` is told once, never from inside. */
struct snapshot_base {
    const char *path; /* copied */
    bool commands;    /* as commands, not as an RDB */
    void (*done)(void *arg, bool ok);
    void *arg;
};
enum err snapshot_start_base(struct snapshot *p, const struct snapshot_base *b,
                             struct errmsg *msg);
/* BGSAVE SCHEDULE: as soon as no other child runs. */
void snapshot_schedule(struct snapshot *p);
bool snapshot_running(const struct snapshot *p);
/* A process that shares our pages runs. */
bool snapshot_forked(const struct snapshot *p);
/* Of a walk under way; else zeros. */
void snapshot_progress(const struct snapshot *p, struct walker_figures *out);
/* One for the dump file or for replicas (INFO's rdb_bgsave_in_progress counts both). */
bool snapshot_saving(const struct snapshot *p);
/* One for the append-only file. */
bool snapshot_makes_base(const struct snapshot *p);
void snapshot_kill(struct snapshot *p);
/* FLUSHALL, before and after: a save to the file under way is worth nothing any more; with save
 * points the file is replaced by an empty one (true: it was). */
void snapshot_give_up(struct snapshot *p);
bool snapshot_flushed(struct snapshot *p);
/* Reaps an ended child: from SIGCHLD and from cron. */
void snapshot_poll(struct snapshot *p);
/* Save points and what was scheduled. */
void snapshot_cron(struct snapshot *p);
/* The last background save failed. */
bool snapshot_failing(const struct snapshot *p);
bool snapshot_has_points(const struct snapshot *p);
const struct snapshot_figures *snapshot_figures(const struct snapshot *p);
/* CONFIG RESETSTAT's part. */
void snapshot_reset_stats(struct snapshot *p);

/* Another module's changes since the last save became the file's (load, DEBUG RELOAD). */
void snapshot_settled(struct snapshot *p);

#endif
