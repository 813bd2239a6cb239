/* save: writes a keyspace as an RDB file, in one go or in slices.
 *
 * The saver goes over the databases with iterators; while it runs, tables do not move. In a forked
 * child nothing changes meanwhile; in process, either save in one go (rdb_save_step with no limit)
 * or keep writes away between slices. Reads the keyspace, owns its iterator only; the stream is
 * the caller's.
 * Pure: no file, no clock. Tests: unit/rdb; checked against redis-check-rdb and redis-server. */
#ifndef CORE_RDB_SAVE_H
#define CORE_RDB_SAVE_H

#include "core/db/keyspace.h"
#include "core/rdb/stream.h"

struct rdb_aux {
    const char *name;
    struct slice value;
};

struct rdb_save_options {
    int version;                  /* 0 = RDB_VERSION */
    const struct rdb_aux *aux;    /* lent until the end; written in order */
    size_t aux_n;
    const struct slice *functions; /* sources of function libraries, lent until the end */
    size_t functions_n;
    bool access;                  /* write IDLE or FREQ with each key (an eviction policy is set) */
};

struct rdb_saver {
    struct keyspace *ks;
    struct rdb_out *out;
    struct rdb_save_options o;
    struct table_iter it;
    int db; /* -1: nothing written yet */
    bool walking, done;
    uint64_t keys; /* written so far */
};

enum rdb_save_status { RDB_SAVE_MORE, RDB_SAVE_DONE, RDB_SAVE_FAILED /* out->err, out->msg */ };

void rdb_save_start(struct rdb_saver *s, struct keyspace *ks, struct rdb_out *out,
                    const struct rdb_save_options *o);
/* Writes at most `keys` keys (0 = all); the stream is flushed at the end. */
enum rdb_save_status rdb_save_step(struct rdb_saver *s, size_t keys);
/* Ends early or late; may be called twice. */
void rdb_save_end(struct rdb_saver *s);

/* All in one go. */
enum err rdb_save(struct keyspace *ks, struct rdb_out *out, const struct rdb_save_options *o,
                  struct errmsg *msg);

/* --- its pieces, for a file that is put together elsewhere (rdb/walk) ----------------------- */
void rdb_put_head(struct rdb_out *out, const struct rdb_save_options *o);
void rdb_put_db(struct rdb_out *out, int db);
void rdb_put_db_size(struct rdb_out *out, const struct ks_db *db);
/* `access_of`: whose clocks to write with the key; NULL: none. */
/* All of it, or all that stands before the value. */
void rdb_put_entry(struct rdb_out *out, const struct entry *e, const struct keyspace *access_of);
void rdb_put_key(struct rdb_out *out, const struct entry *e, const struct keyspace *access_of);
/* The last byte, the checksum, and a flush. */
void rdb_put_foot(struct rdb_out *out, int version);

/* DUMP: appends the payload of one value. */
void rdb_dump(const struct entry *e, struct buf *out);

#endif
