/* walk: all keys of all databases as they were at one instant, in slices, while the server works.
 *
 * ks_walk_start fixes the instant. From then on ks_walk_step hands over some entries a call, and a
 * bucket that has not had its turn is handed over at once, whole, before anything in it changes:
 * ks_write and what takes keys away see to it (see struct table_visit). So `entry` gets each
 * entry of the instant exactly once, with the value and deadline it had, under the number that its
 * database had then; keys that come later never. It must not change the keyspace; the entry is
 * lent for the call.
 * A database that is flushed or exchanged as a whole meanwhile goes over to the walk, which frees
 * it when it is through; SWAPDB takes the walk's place along.
 * Owns such databases and itself. One walk a keyspace at a time; it may outlive the keyspace.
 * Pure. Tests: unit/walk. */
#ifndef CORE_DB_WALK_H
#define CORE_DB_WALK_H

#include "core/db/keyspace.h"

struct ks_walk;
struct ks_walk_fns {
    void (*entry)(void *app, int db, const struct entry *e);
    /* Asked before entries are freed that only the walk has; while false a step does nothing. */
    bool (*may_free)(void *app);
};

struct ks_walk *ks_walk_start(struct keyspace *ks, const struct ks_walk_fns *fns, void *app);
/* Hands over about `keys` entries; false: that was all. */
bool ks_walk_step(struct ks_walk *w, size_t keys);
/* The last step did nothing: it may not free yet. */
bool ks_walk_waits(const struct ks_walk *w);
/* Early or late; frees what the walk has taken over, and the walk. NULL is fine. */
void ks_walk_end(struct ks_walk *w);
/* NULL: it has gone. */
struct keyspace *ks_walk_keyspace(const struct ks_walk *w);
/* Bytes in databases that nobody but the walk has any more: their tables, without entries. */
size_t ks_walk_mem(const struct ks_walk *w);

/* --- for keyspace.c ----------------------------------------------------------------------- */
/* The table that carries a visit of ours lies elsewhere now. */
void ks_walk_moved(struct table *t);
/* Takes the table over if a walk needs it (true): the caller begins a new one in its place. */
bool ks_walk_takes(struct table *t);
/* The keyspace goes. */
void ks_walk_orphan(struct ks_walk *w);

#endif
