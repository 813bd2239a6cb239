/* aof_manifest: the list of files that an append-only file consists of, as text and as a struct.
 *
 *     file appendonly.aof.2.base.rdb seq 2 type b     the data at one instant; none or one
 *     file appendonly.aof.1.incr.aof seq 1 type h     history: to be removed
 *     file appendonly.aof.3.incr.aof seq 3 type i     what was appended since; in rising order
 *
 * A line a file; words may be quoted; unknown pairs of words are passed over; lines that begin with
 * '#' are comments. Pure: the text comes and goes as bytes, aof_files keeps it on disk.
 * Owns the names. Limits: AOF_MANIFEST_MAX bytes, AOF_LINE_MAX a line.
 * Format: docs/formats/aof.md. Tests: unit/aof_manifest, fuzz/fuzz_aof. */
#ifndef SERVER_PERSIST_AOF_MANIFEST_H
#define SERVER_PERSIST_AOF_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/vec.h"

#define AOF_MANIFEST_MAX (16u << 20)
#define AOF_LINE_MAX 1024

enum aof_kind { AOF_BASE = 'b', AOF_INCR = 'i', AOF_HISTORY = 'h' };

struct aof_file {
    char *name;
    int64_t seq;
    enum aof_kind kind;
};

struct aof_manifest {
    VEC(struct aof_file) at; /* base first, then history, then the increments in order */
    int64_t base_seq, incr_seq; /* the highest given so far */
};

void aof_manifest_free(struct aof_manifest *m);
/* Into an empty struct. On failure the message holds the reason, the line's number and the line. */
enum err aof_manifest_parse(struct aof_manifest *m, struct slice text, struct errmsg *msg);
void aof_manifest_print(const struct aof_manifest *m, struct buf *out);
void aof_manifest_copy(struct aof_manifest *to, const struct aof_manifest *from);

const struct aof_file *aof_manifest_base(const struct aof_manifest *m);      /* or NULL */
const struct aof_file *aof_manifest_last_incr(const struct aof_manifest *m); /* or NULL */
bool aof_manifest_empty(const struct aof_manifest *m); /* neither base nor increment */
bool aof_manifest_has_history(const struct aof_manifest *m);

/* The next file of the kind, under its name "<stem>.<seq>.base.rdb" and the like; the name is lent.
 */
const char *aof_manifest_add_base(struct aof_manifest *m, const char *stem, bool rdb);
const char *aof_manifest_add_incr(struct aof_manifest *m, const char *stem);
/* A file that has its name already (the single file of older versions). */
void aof_manifest_add_named_base(struct aof_manifest *m, const char *name);
/* The base becomes history. */
void aof_manifest_retire_base(struct aof_manifest *m);
/* The increments become history, but for the last one if `keep_last`. */
void aof_manifest_retire_incrs(struct aof_manifest *m, bool keep_last);
void aof_manifest_forget_history(struct aof_manifest *m);

#endif
