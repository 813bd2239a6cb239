/* aof_load: reads the append-only file: the base (an RDB, commands, or one behind the other), then
 * the increments, in slices of the loop.
 *
 * Commands run without gates, statistics or journal. A file that ends inside a command or a
 * transaction is cut there if it is the last and aof-load-truncated allows it; anything else that
 * is not as it should be ends the load. On the way the place in the history of the replication
 * stream is followed, and the stream's last bytes are kept for replicas that lack them.
 * One load at a time. The end is told once, never from inside aof_load_start.
 * Layer server. Tests: e2e/test_aof, fuzz/fuzz_aof_load. */
#ifndef SERVER_PERSIST_AOF_LOAD_H
#define SERVER_PERSIST_AOF_LOAD_H

#include <stdbool.h>

#include "core/base/buf.h"
#include "core/base/err.h"

struct server;
struct aof_loader;

struct aof_loader *aof_loader_new(struct server *s);
void aof_loader_delete(struct aof_loader *l);
/* ERR_NOTFOUND: there is no file to load. The server's keyspace must be empty. */
enum err aof_load_start(struct aof_loader *l, void (*done)(void *arg, bool ok), void *arg,
                        struct errmsg *msg);
/* All at once (DEBUG LOADAOF). */
bool aof_load_now(struct aof_loader *l);
bool aof_load_busy(const struct aof_loader *l);
/* The loading_* lines of INFO. */
void aof_load_info(const struct aof_loader *l, struct buf *out);

#endif
