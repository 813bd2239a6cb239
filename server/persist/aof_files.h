/* aof_files: the files of the append-only file on disk: where they stand, their manifest, what is
 * removed. Each change of the manifest is written beside, synced, renamed, and the folder synced:
 * at any instant there is one whole manifest, and every file that it names is there.
 *
 * No policy: aof.c and aof_rewrite.c say when. Layer server. Tests: e2e/test_aof. */
#ifndef SERVER_PERSIST_AOF_FILES_H
#define SERVER_PERSIST_AOF_FILES_H

#include "server/persist/aof_manifest.h"

/* What is appended while a first base file is being made (of appendfilename). */
#define AOF_TEMP_INCR "temp-%s.incr"

struct bg;
struct server_config;

/* "<appenddirname>/<name>" */
struct str aof_path(const struct server_config *c, const char *name);
/* ERR_NOTFOUND: there is none. With `adopt` it takes over what an older version left as one file in
 * `dir`. */
enum err aof_files_load(const struct server_config *c, struct aof_manifest *m, bool adopt,
                        struct errmsg *msg);
/* The folder, if it is missing. */
enum err aof_files_make_folder(const struct server_config *c, struct errmsg *msg);
enum err aof_files_save(const struct server_config *c, const struct aof_manifest *m,
                        struct errmsg *msg);
/* Removes what the manifest calls history, and forgets it. The last close of a large file takes
 * long: it happens in the background. */
void aof_files_clean(const struct server_config *c, struct aof_manifest *m, struct bg *bg);
/* Remains of rewrites that did not end. */
void aof_files_sweep(const struct server_config *c);
/* Bytes of a file; -1: it is missing. */
int64_t aof_files_size(const struct server_config *c, const char *name);

#endif
