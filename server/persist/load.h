/* load: an RDB file into a keyspace, in slices of the loop, so that the server answers meanwhile.
 *
 * At start the file goes into the server's empty keyspace. For a replica it goes into a new one
 * beside the old, which is served until the new one is whole, and kept when the file is bad.
 * One load at a time. The end is told by a callback, once, never from inside loader_start.
 * Layer server, shell. Tests: tests/e2e. */
#ifndef SERVER_PERSIST_LOAD_H
#define SERVER_PERSIST_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"

struct server;
struct loader;

enum load_into {
    LOAD_OURS,   /* the server's keyspace, which is empty */
    LOAD_BASE,   /* the same, as the base of an append-only file: keys past their deadline stay, and
                    other bytes may follow */
    LOAD_BESIDE, /* a new one, which becomes ours at the end */
    LOAD_MERGE,  /* ours as it is; keys of the file win (DEBUG RELOAD) */
    LOAD_ADD,    /* ours as it is; a key that is there already ends the load */
};

/* What the file said besides keys. */
struct load_facts {
    uint64_t loaded, expired;
    uint64_t size; /* bytes of the RDB */
    char replid[41]; /* "" : not in the file */
    int64_t repl_offset;
    int stream_db; /* -1: not in the file */
    int64_t used_mem; /* of the server that wrote it */
    int64_t took_ms;
};

typedef void load_done(void *arg, bool ok, const char *why);
/* Beside: may the new data, of so many keys, take the place of the old? Else `why`. */
typedef bool load_accept(void *arg, uint64_t keys, char *why, size_t cap);

struct loader *loader_new(struct server *s);
void loader_delete(struct loader *l);
/* ERR_NOTFOUND: there is no such file. ERR_BUSY: another load is under way. */
enum err loader_start(struct loader *l, const char *path, enum load_into into, load_done *done,
                      void *arg, struct errmsg *msg);
/* Of the load that was just started: asked with its arg before the exchange. */
void loader_ask(struct loader *l, load_accept *accept);
/* All at once, without callback. */
enum err loader_run(struct loader *l, const char *path, enum load_into into, struct errmsg *msg);
/* Gives the load up, without callback. */
void loader_cancel(struct loader *l);
bool loader_busy(const struct loader *l);
/* Of the load at hand or the last one. */
const struct load_facts *loader_facts(const struct loader *l);
/* The keys that the last load left out because of their deadlines, of a file with a place in a
 * replication history: replicas that go on from there still have them. Called once: they are
 * forgotten then. */
void loader_expired(struct loader *l, void (*fn)(void *arg, int db, struct slice key), void *arg);
/* Bytes of the file at hand that are read. */
uint64_t loader_at(const struct loader *l);
/* How far a load is, in bytes of its files. */
struct load_progress {
    int64_t began_wall_ms, logged_wall_ms;
    uint64_t total, at;
    int percent; /* that the log knows of */
};
void load_progress_begin(struct load_progress *p, uint64_t total);
/* A line in the log for each percent, but one a second at most. */
void load_progress_log(struct load_progress *p, const char *what);
/* The loading_* lines of INFO. */
void load_progress_print(const struct load_progress *p, int64_t used_mem, struct buf *out);
/* The same, of this load. */
void loader_info(const struct loader *l, struct buf *out);

#endif
