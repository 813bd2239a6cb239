/* snapshot_file: writes the keyspace as RDB bytes to a descriptor or to the dump file. No policy:
 * snapshot.c says when, and in which process. Layer server. Tests: tests/e2e. */
#ifndef SERVER_PERSIST_SNAPSHOT_FILE_H
#define SERVER_PERSIST_SNAPSHOT_FILE_H

#include <stdbool.h>

#include "core/base/err.h"
#include "core/rdb/save.h"

struct buf;
struct server;

/* What stands in front of the keys; `o` lends from the rest. */
#define SNAPSHOT_AUX_MAX 8
struct snapshot_head {
    struct rdb_save_options o;
    struct rdb_aux aux[SNAPSHOT_AUX_MAX];
    char text[SNAPSHOT_AUX_MAX][48];
    struct slice *functions;
};
/* As of now: the position in the stream of writes is this instant's. `base`: of an append-only
 * file. */
void snapshot_head_fill(struct server *s, struct snapshot_head *h, bool base);
void snapshot_head_free(struct snapshot_head *h);
/* A new file; -1 and the sentence. */
int snapshot_file_open(const char *temp, struct errmsg *msg);
/* Synced, closed, renamed unless the names are the same, the folder synced; removed when any of
 * that fails. */
enum err snapshot_file_close(int fd, const char *temp, const char *path, struct errmsg *msg);

/* To fd, to the last byte; no sync. */
enum err snapshot_write_fd(struct server *s, int fd, struct errmsg *msg);
/* What stands in front of the keys, functions among it if they are wanted, and the foot. */
void snapshot_write_bare(struct server *s, bool functions, struct buf *to);
/* Beside `path`, fsync, rename, fsync of the folder. `temp` is the name to use meanwhile. */
enum err snapshot_write_file(struct server *s, const char *path, const char *temp,
                             struct errmsg *msg);
/* A base file of the append-only file, at its place at once; synced. */
enum err snapshot_write_base(struct server *s, const char *path, bool commands,
                             struct errmsg *msg);

#endif
