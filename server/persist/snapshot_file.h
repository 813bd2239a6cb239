/* snapshot_file: writes the keyspace as RDB bytes to a descriptor or to the dump file. No policy:
 * snapshot.c says when, and in which process. Layer server. Tests: tests/e2e. */
#ifndef SERVER_PERSIST_SNAPSHOT_FILE_H
#define SERVER_PERSIST_SNAPSHOT_FILE_H

#include <stdbool.h>

#include "core/base/err.h"

struct server;

/* To fd, to the last byte; no sync. */
enum err snapshot_write_fd(struct server *s, int fd, struct errmsg *msg);
/* Beside `path`, fsync, rename, fsync of the folder. `temp` is the name to use meanwhile. */
enum err snapshot_write_file(struct server *s, const char *path, const char *temp,
                             struct errmsg *msg);
/* A base file of the append-only file, at its place at once; synced. */
enum err snapshot_write_base(struct server *s, const char *path, bool commands,
                             struct errmsg *msg);

#endif
