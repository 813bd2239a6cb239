/* walk: an RDB stream of the keyspace as it is at the start, written in slices while the keyspace
 * works on (db/walk). The stream is the caller's, who takes bytes out of it between the calls; it
 * grows with each slice, and with each write to what has not had its turn.
 * Keys of several databases may take turns in the stream: a SELECTDB stands where they change,
 * the sizes of all databases stand in front.
 * The foot is the caller's (rdb_put_foot), so that the checksum may be made in another thread.
 * Access clocks, where asked for, are those of the moment a key is written, not of the start.
 * Pure. Tests: unit/walk. */
#ifndef CORE_RDB_WALK_H
#define CORE_RDB_WALK_H

#include "core/db/walk.h"
#include "core/rdb/save.h"

#define RDB_WALK_CHUNK (256 * 1024)

/* Each may be NULL. */
struct rdb_walk_hooks {
    /* Behind an entry, when the stream holds a chunk or more: may empty it. */
    void (*full)(void *app);
    /* The key has been written: true when the caller takes care of the value, which follows here,
     * and sees to it that nothing changes it until it has been written. */
    bool (*takes_value)(void *app, int db, const struct entry *e);
    /* May entries be freed that only the walk has? While not, a step does nothing. */
    bool (*may_free)(void *app);
};

struct rdb_walk {
    struct ks_walk *walk; /* NULL: ended */
    struct rdb_out *out;
    bool access;
    const struct rdb_walk_hooks *hooks;
    void *app;
    int db;         /* selected in the stream */
    uint64_t keys;  /* written so far */
    uint64_t total; /* of the start */
};

/* Writes the head. `o` is needed for the call only; `hooks` may be NULL. */
void rdb_walk_start(struct rdb_walk *w, struct keyspace *ks, struct rdb_out *out,
                    const struct rdb_save_options *o, const struct rdb_walk_hooks *hooks,
                    void *app);
/* About that many keys; false: all have been written. */
bool rdb_walk_step(struct rdb_walk *w, size_t keys);
/* Early or late; may be called twice. */
void rdb_walk_end(struct rdb_walk *w);

#endif
