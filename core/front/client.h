/* front/client: one connected client: connection, query state, flags, name, database, reply state.
 *
 * Owned by `struct front`'s list; made at accept (or as a pseudo client without connection: the
 * replica's view of its master, scripts), freed once, at a safe point, never inside its own
 * command. The personality hangs its own state on `session`. Layer core/front. Tests: unit/front,
 * e2e. */
#ifndef CORE_FRONT_CLIENT_H
#define CORE_FRONT_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/ilist.h"
#include "core/net/conn.h"
#include "core/resp/read.h"

struct front;
struct acl_user;
struct pubsub_client;

enum {
    CLIENT_MASTER = 1u << 0,  /* pseudo client that applies our master's stream: no replies, no ACL,
                                 no memory gate */
    CLIENT_REPLICA = 1u << 1, /* a replica of ours: its output comes from the feed */
    CLIENT_MONITOR = 1u << 2,
    CLIENT_MULTI = 1u << 3,
    CLIENT_BLOCKED = 1u << 4, /* its next commands wait */
    CLIENT_PAUSED = 1u << 5,  /* postponed by CLIENT PAUSE: its unparsed command waits */
    CLIENT_CLOSE_AFTER_REPLY = 1u << 6,
    CLIENT_CLOSING = 1u << 7, /* will be freed at the next safe point */
    CLIENT_REPLY_OFF = 1u << 8,
    CLIENT_REPLY_SKIP = 1u << 9, /* this command's reply is dropped */
    CLIENT_REPLY_SKIP_NEXT = 1u << 10,
    CLIENT_NO_EVICT = 1u << 11,
    CLIENT_NO_TOUCH = 1u << 12,
    CLIENT_UNIX = 1u << 13,
    CLIENT_DIRTY_EXEC = 1u << 14, /* EXEC will fail: a queued command was refused */
    CLIENT_DIRTY_CAS = 1u << 15,  /* EXEC will give null: a watched key changed */
    CLIENT_TRACKING = 1u << 16,
    CLIENT_PSEUDO = 1u << 17,        /* no connection */
    CLIENT_AUTHENTICATED = 1u << 18, /* or nothing to authenticate for */
    CLIENT_INTERNAL_READONLY = 1u << 19,
    CLIENT_IN_BATCH = 1u << 20,       /* dispatch is running its commands */
    CLIENT_UNDER_POSTPONE = 1u << 21, /* the call at hand was postponed, not answered */
    CLIENT_DETACHED = 1u << 22,       /* its connection has another owner now */
    CLIENT_TRACKING_BROKEN = 1u << 23, /* who was to get its messages is gone */
    CLIENT_TRACKING_BCAST = 1u << 24,
    CLIENT_TRACKING_OPTIN = 1u << 25,
    CLIENT_TRACKING_OPTOUT = 1u << 26,
    CLIENT_TRACKING_NOLOOP = 1u << 27,
    CLIENT_TRACKING_CACHING = 1u << 28, /* CLIENT CACHING was said: holds for the next command */
    CLIENT_SENTINEL = 1u << 29, /* has published a Sentinel's hello */
    CLIENT_WROTE = 1u << 30, /* has changed data: for a master that is demoted */
    CLIENT_HELD = 1u << 31, /* its command runs, and the loop makes a turn inside it */
};

/* No command of such a client is looked at. */
#define CLIENT_STOPPED \
    (CLIENT_BLOCKED | CLIENT_PAUSED | CLIENT_CLOSE_AFTER_REPLY | CLIENT_CLOSING)

struct client {
    struct ilist node;    /* in front->clients */
    struct ilist resume;  /* in front->resume or front->paused: its bytes wait to be looked at */
    struct ilist closing; /* in front->closing */
    struct front *front;
    struct conn *conn; /* NULL for a pseudo client */
    uint64_t id;
    uint32_t flags;
    bool from_file; /* with CLIENT_MASTER: the commands are those of an append-only file */
    int resp; /* 2 or 3 */
    int db;   /* selected database: a number to the front, no more */
    struct str name, lib_name, lib_ver;
    struct acl_user *user;
    struct resp_request request;
    int64_t created_ms, active_ms; /* monotonic */
    struct command_entry *last;    /* last command, for CLIENT LIST */
    int64_t blocked_us; /* what the call that blocks has taken so far; -1: it still runs */
    bool block_failed;  /* its reply is an error */
    uint64_t redirect; /* tracking: who gets its messages; 0: itself */
    struct pubsub_client *pubsub;  /* NULL until the first subscription */
    void *session;                 /* the personality's */
    /* What a personality may hang on this connection when it takes its output over (replicas):
     * called when the out buffer is empty and the socket takes bytes; see conn_want_drain. */
    void (*drain)(struct client *cl);
    void *drain_arg;
    struct buf pseudo_out; /* replies of a pseudo client (scripts); not for CLIENT_MASTER */
    int64_t soft_since_ms; /* since when the soft output limit is passed; 0: it is not */
    size_t multi_mem, argv_mem; /* reported by CLIENT LIST */
    size_t counted_mem; /* client_evict's, a part of front->clients_mem */
};

/* A pseudo client. Freed by client_free. */
struct client *client_pseudo(struct front *f, uint32_t flags);
void client_free(struct client *cl);
/* Marks for freeing at the next safe point; no more commands are run. Safe anywhere. */
void client_close_soon(struct client *cl);
/* What is in the out buffer leaves first (QUIT, protocol errors). No more commands are run. */
void client_close_after_reply(struct client *cl);
/* The call at hand is given up as if it had not arrived: it waits in the query buffer until
 * CLIENT PAUSE or the like ends (front_resume_all). For gates, which then return false. */
void client_postpone(struct client *cl);
/* Blocked clients keep their bytes; unblocking goes on with what waits in the query buffer. */
void client_block(struct client *cl);
void client_unblock(struct client *cl);
struct buf *client_out(struct client *cl); /* where replies go */
/* The kind for limits and KILL TYPE. */
enum client_kind {
    CLIENT_KIND_NORMAL,
    CLIENT_KIND_REPLICA,
    CLIENT_KIND_PUBSUB,
    CLIENT_KIND_MASTER,
    CLIENT_KINDS
};
enum client_kind client_kind(const struct client *cl);
struct client *client_by_id(struct front *f, uint64_t id);
/* Of front->clients_by_id. */
uint64_t client_id_hash(uint64_t id);
extern const struct table_type client_ids;
const char *client_kind_name(enum client_kind kind);
/* "normal", "master", "replica", "slave", "pubsub" in any case; -1: none of them. */
int client_kind_read(struct slice name);
/* Whether a name or library text has only printable characters without spaces. */
bool client_name_ok(struct slice name);
/* Its connection; of our master's pseudo client the one that its stream comes by. */
struct conn *client_conn(const struct client *cl);
/* NULL: we have none, or its stream does not come in. */
struct client *client_master(const struct front *f);
/* A pseudo client counts its age from now. */
void client_begins(struct client *cl);
/* The line of CLIENT LIST without newline. */
void client_describe(const struct client *cl, struct buf *out);
size_t client_mem(const struct client *cl);

#endif
