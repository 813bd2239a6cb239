/* file: what we do with whole files, with the syncs that make it last. Layer core/sys.
 * Errors come as enum err with a sentence that holds the system's words. */
#ifndef CORE_SYS_FILE_H
#define CORE_SYS_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"

/* Writes beside `path` (temp-<pid>-<n> in its folder), fsyncs, renames over it, fsyncs the folder.
 * A path that exists and is not a regular file is refused (ERR_REFUSED): it is never replaced. */
enum err file_replace(const char *path, struct slice content, struct errmsg *msg);
/* Appends the whole content to `out`; more than max bytes is ERR_LIMIT; missing: ERR_NOTFOUND. */
enum err file_read(const char *path, size_t max, struct buf *out, struct errmsg *msg);
/* Appends all bytes or none: a partial write is cut off again. fd is open for appending. */
enum err file_append(int fd, struct slice bytes, struct errmsg *msg);
/* fsync of a file's folder, so that a rename lasts. */
enum err file_sync_folder(const char *path, struct errmsg *msg);
enum err file_rename_synced(const char *from, const char *to, struct errmsg *msg);
bool file_is_regular(const char *path);
bool file_exists(const char *path);
/* Writes all bytes to fd, retrying short writes. */
enum err file_write_all(int fd, const void *p, size_t n, struct errmsg *msg);
/* A file without a name in `dir`, open for reading and writing: it ends with its descriptor. */
enum err file_nameless(const char *dir, const char *prefix, int *fd, struct errmsg *msg);

#endif
