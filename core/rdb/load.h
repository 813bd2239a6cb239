/* load: reads an RDB file, in one go or in slices, from a stream that may have to wait.
 *
 * The loader decodes and calls the host back; rdb_load_into() is the ready-made host that puts keys
 * into a keyspace. It reads versions 1 to RDB_VERSION_MAX. What it cannot read ends the load with
 * one sentence that names the byte offset and, inside a key, the key. Memory is bounded by the
 * bytes that have really come (times 88, the best that LZF can do). Owns its key buffer and what
 * is half built.
 * Pure: now is given. Tests: unit/rdb, fuzz/fuzz_rdb. */
#ifndef CORE_RDB_LOAD_H
#define CORE_RDB_LOAD_H

#include "core/db/keyspace.h"
#include "core/rdb/stream.h"
#include "core/rdb/types.h"

struct rdb_key {
    int db;
    struct entry *e; /* given: key, value and deadline; access clock still 0 */
    int64_t idle_seconds; /* -1: not in the file */
    int frequency;        /* -1: not in the file */
};

/* Any function may be NULL; what none takes is dropped. An error that one gives ends the load, its
 * sentence is kept with the offset in front. */
struct rdb_load_hooks {
    void *app;
    const struct type_limits *limits; /* for the forms of values; NULL: the defaults */
    enum err (*aux)(void *app, struct slice name, struct slice value, struct errmsg *msg);
    enum err (*resize)(void *app, int db, uint64_t keys, uint64_t deadlines, struct errmsg *msg);
    /* Keys come in batches, so that look-ups can be made ready; takes all k[i].e, also on error. */
    enum err (*keys)(void *app, const struct rdb_key *k, size_t n, struct errmsg *msg);
    enum err (*function)(void *app, struct slice source, struct errmsg *msg);
    /* A collection without elements, which is no key. */
    void (*empty)(void *app, struct slice key);
};

enum rdb_load_status {
    RDB_LOAD_MORE,   /* the limit of this step is reached */
    RDB_LOAD_WAIT,   /* the source has nothing now */
    RDB_LOAD_DONE,   /* the end was read and the checksum agrees */
    RDB_LOAD_FAILED, /* in->err, in->msg */
};

#define RDB_KEYS_A_BATCH 16

struct rdb_loader {
    struct rdb_in *in;
    struct rdb_load_hooks hooks;
    int version, db;
    int phase;
    int64_t deadline, idle_seconds;
    int frequency;
    uint8_t type;
    struct str key;
    struct rdb_building building;
    uint64_t keys; /* read so far */
    struct rdb_key batch[RDB_KEYS_A_BATCH]; /* read and not yet given to the host */
    size_t batch_n;                         /* 0 between steps */
};

/* The stream is the caller's and must outlive the loader. */
void rdb_load_start(struct rdb_loader *l, struct rdb_in *in, const struct rdb_load_hooks *h);
/* Reads at most `records` records (0 = no limit); the host has got all keys of them then.
 * rdb_in_offset(l->in) is the progress. */
enum rdb_load_status rdb_load_step(struct rdb_loader *l, size_t records);
void rdb_load_end(struct rdb_loader *l); /* ends early or late; may be called twice */

/* --- into a keyspace ---------------------------------------------------------------------- */
struct rdb_load_target {
    struct keyspace *ks;
    bool drop_expired;     /* a master: keys already past ks->now_ms are not kept */
    bool replace;          /* a key that exists already is replaced; else it ends the load */
    uint64_t loaded, expired;
    void *app;             /* for those below */
    /* Not kept: a deadline that has passed. NULL: nobody asks. */
    void (*expired_key)(void *app, int db, struct slice key);
    enum err (*aux)(void *app, struct slice name, struct slice value, struct errmsg *msg);
    enum err (*function)(void *app, struct slice source, struct errmsg *msg);
};
/* Hooks whose app is `t`, which must outlive the load. */
struct rdb_load_hooks rdb_load_into(struct rdb_load_target *t);
/* All in one go; the source must not wait. */
enum err rdb_load(struct rdb_in *in, const struct rdb_load_hooks *h, struct errmsg *msg);

/* --- RESTORE ------------------------------------------------------------------------------ */
/* Version and checksum of a DUMP payload are right? ERR_CHECKSUM otherwise. */
enum err rdb_check_payload(struct slice payload);
/* Makes the entry from a payload; ERR_CHECKSUM, or another with the place and the reason. */
enum err rdb_restore(struct slice payload, struct slice key, int64_t deadline,
                     const struct type_limits *limits, struct entry **out, struct errmsg *msg);
/* The same, whatever the checksum is: damaged payloads for tests. */
enum err rdb_restore_unsummed(struct slice payload, struct slice key, int64_t deadline,
                              const struct type_limits *limits, struct entry **out,
                              struct errmsg *msg);

#endif
