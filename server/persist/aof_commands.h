/* aof_commands: the data as commands, for base files when aof-use-rdb-preamble is no.
 *
 * A key is SET, RPUSH, SADD, ZADD or HMSET with at most AOF_ITEMS_A_COMMAND elements each, and a
 * PEXPIREAT; a stream, and a hash whose fields have deadlines, is a RESTORE.
 * Reads the keyspace, which must not change meanwhile. Layer server. Tests: e2e/test_aof. */
#ifndef SERVER_PERSIST_AOF_COMMANDS_H
#define SERVER_PERSIST_AOF_COMMANDS_H

#include "core/rdb/stream.h"

#define AOF_ITEMS_A_COMMAND 64

struct server;

/* Everything, handed to `write` in large pieces. */
enum err aof_write_commands(struct server *s, rdb_write_fn *write, void *app, struct errmsg *msg);

#endif
