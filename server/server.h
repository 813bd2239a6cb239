/* server: the data server. Owns everything of one node; two may live in one process.
 *
 * Layer server. Made and run by server_main; commands reach it by server_of(call). */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/front/front.h"
#include "core/sys/bg.h"
#include "core/sys/child.h"
#include "core/sys/oom.h"
#include "core/types/limits.h"

struct conf;
struct keyspace;
struct replication;
struct resolver;
struct server_config;
struct front_config;
struct front_start;
struct journal;
struct snapshot;   /* persist/snapshot: save points, forked saves */
struct loader;     /* persist/load: a load in slices */
struct aof;        /* persist/aof: the append-only file */
struct aof_loader; /* persist/aof_load: reading it */
struct cron;
struct host;       /* our side of replication/host */
struct notify;
struct watches;    /* txn: who watches which key */
struct migrations; /* keys on their way to other servers */
struct tracking;   /* who has read which key, for clients' caches */
struct blocking;   /* block: who waits for which key */
struct shutdown;
struct fencing;    /* may this master accept writes? */
struct demotion;   /* clients of a master that is none any more */
struct scripting;  /* script/scripting: Lua */
struct evictor;    /* keys that go when memory is short */
struct info_samples;

struct server {
    struct loop *loop;
    struct front *front;
    struct keyspace *ks;
    struct replication *repl;
    struct resolver *resolver;
    struct bg *bg;
    struct conf *conf;                 /* the engine: rows and values */
    struct front_config *front_config; /* values */
    struct server_config *config;      /* values */
    struct type_limits limits;         /* those that the types ask for */
    struct journal *journal;
    struct snapshot *snapshot;
    struct loader *loader;
    struct aof *aof;
    struct aof_loader *aof_loader;
    struct watches *watches;
    struct tracking *tracking;
    struct migrations *migrations;
    struct blocking *blocking;
    struct notify *notify;             /* keyspace events */
    struct own_keys *own_keys;         /* of a writable replica */
    struct host *host;
    struct shutdown *shutdown;
    struct fencing *fencing;
    struct demotion *demotion;
    struct cron *cron;
    struct evictor *evictor;
    struct scripting *scripts;
    struct front_start *start;         /* main's: file, arguments, executable */
    struct client *master_client;      /* applies our master's stream */
    bool loading;                      /* no data yet: commands get LOADING */
    bool replaying;                    /* commands of the append-only file are being run */
    bool async_loading;                /* old data is served while new data arrives */
    bool is_master;                    /* kept by host's role_changed: gates ask for each command */
    bool debug_active_expire;          /* DEBUG SET-ACTIVE-EXPIRE */
    bool debug_skip_checksum;          /* DEBUG SET-SKIP-CHECKSUM-VALIDATION */
    uint64_t dirty;                    /* changes since the last save */
    int64_t started_wall_ms;
    size_t peak_mem, startup_mem;      /* of mem_used() */
    struct oom_score oom;
    uint64_t lazy_freed;               /* objects freed in the background */
    struct loop_hook *before_sleep;
    struct loop_signal *child_signal;
    int exit_code;
};

static inline struct server *server_of(const struct call *c) { return c->app; }
/* The keyspace of a call. */
static inline struct keyspace *ks_of(const struct call *c) { return server_of(c)->ks; }

/* Runs the personality until it ends; the exit code of the process. */
int server_main(struct front_start *start);

/* What stands between the configuration and the loop, and its end: steps of server_main, which a
 * test of one part in a whole server takes alone. */
void server_build(struct server *s);
void server_unbuild(struct server *s);

#endif
