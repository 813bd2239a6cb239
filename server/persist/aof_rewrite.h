/* aof_rewrite: makes the append-only file small again: a new base file of the data as it is, and
 * what is appended from that instant on in a new increment.
 *
 *     1 new increment, named in the manifest      every step leaves a manifest whose files,
 *     2 base file under a temporary name          loaded in order, are the data; a death between
 *     3 base file gets its name                   any two of them loses nothing
 *     4 manifest: new base, the old are history
 *     5 history is removed
 *
 * While there is no file yet (CONFIG SET appendonly yes, after a full sync) the increment too has a
 * temporary name until step 4. Layer server. Tests: e2e/test_aof, e2e/test_aof_crash. */
#ifndef SERVER_PERSIST_AOF_REWRITE_H
#define SERVER_PERSIST_AOF_REWRITE_H

#include <stdbool.h>

#include "core/base/err.h"

struct aof;

/* Now; ERR_BUSY: a child is at work. */
enum err aof_rewrite_start(struct aof *a, struct errmsg *msg);
/* As soon as none is. */
void aof_rewrite_schedule(struct aof *a);
bool aof_rewrite_running(const struct aof *a);
/* What was scheduled, and growth beyond auto-aof-rewrite-percentage. */
void aof_rewrite_cron(struct aof *a);
/* Gives a running one up. */
void aof_rewrite_cancel(struct aof *a);

#endif
