/* replication: the shell that owns history, feed, link and peers, and drives them with sockets,
 * timers and files. One `struct replication` a data server.
 *
 * The host appends what it executed by replication_append and is asked back through `struct
 * repl_host`. Commands (REPLICAOF, PSYNC, REPLCONF, ROLE, WAIT...) stand in replication/commands.
 * Layer replication, shell. Tests: e2e, sim (the pure parts). */
#ifndef REPLICATION_REPLICATION_H
#define REPLICATION_REPLICATION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/str.h"
#include "core/front/command.h"
#include "core/net/resolve.h"
#include "replication/host.h"
#include "replication/settings.h"

struct conn;
struct replication;
struct front;
struct call;
struct client;

struct replication *replication_new(struct front *f, struct resolver *res,
                                    const struct repl_host *host, const struct repl_settings *s,
                                    uint64_t seed);
void replication_delete(struct replication *r);
/* Copies what it needs; live changes take effect. */
void replication_settings(struct replication *r, const struct repl_settings *s);
extern const struct command cmds_replication[];
/* The commands find their replication by this (app is the call's): set by the host once. */
void replication_bind(struct replication *(*of_app)(void *app));

/* ---- the write stream ---- */
/* Bytes of whole commands executed in database db (-1: carry no database). Puts SELECT in front
 * when needed. Does nothing while there is neither a backlog nor a replica, or on a replica. */
void replication_append(struct replication *r, int db, struct slice bytes);
bool replication_wants_stream(const struct replication *r); /* false: the host need not encode */
/* Bytes first .. first + n - 1 of the stream, appended to `out`; false: they are not all held. */
bool replication_read(struct replication *r, int64_t first, size_t n, struct buf *out);
/* While the host applies a command of the master's stream: the offset before it. What lies between
 * the last one and it (GETACK) stands right before its bytes. */
int64_t replication_applying(const struct replication *r);
/* How many of the stream's last bytes can be read again. */
int64_t replication_held(const struct replication *r);
/* The offset that the slowest of our replicas has acknowledged, 0 if one has not; -1: none. */
int64_t replication_slowest(const struct replication *r);
/* What replication itself adds at the end of a turn (GETACK); then the host keeps the stream's
 * bytes, then they may leave: replication_flush. */
void replication_settle(struct replication *r);
/* What was appended in this turn leaves towards the replicas: called before the loop sleeps. */
void replication_flush(struct replication *r);
/* The host runs something long: nothing of the master's stream is applied until it ends. */
void replication_hold(struct replication *r, bool hold);
/* Once a second and as its own timers say. */
void replication_cron(struct replication *r);

/* ---- roles ---- */
bool replication_is_master(const struct replication *r);
/* host NULL: become a master. Same rules as the command. */
void replication_follow(struct replication *r, const char *host, int port);
const char *replication_master_host(const struct replication *r); /* NULL on a master */
int replication_master_port(const struct replication *r);
bool replication_link_up(const struct replication *r);
/* The connection that the master's stream comes by, lent; NULL: it does not come. */
struct conn *replication_link_conn(const struct replication *r);
void replication_cut_link(struct replication *r); /* it is made anew at once */
/* How long ago nothing that the master had was missing here; 0 on a master, INT64_MAX: never. */
int64_t replication_staleness_ms(const struct replication *r);
/* Bytes of the stream produced (or applied). */
int64_t replication_offset(const struct replication *r);
/* Online replicas that acknowledged within min-replicas-max-lag. */
int replication_good_replicas(const struct replication *r);
int replication_replicas(const struct replication *r);
/* Replicas that are online; `oldest`: the last acknowledgement of the one that is silent for
 * longest, -1 when there is none. */
int replication_followers(const struct replication *r, int64_t *oldest);
/* An online replica that we did not drop ourselves. */
bool replication_is_follower(const struct replication *r, const struct client *cl);
/* Last acknowledgement of an online replica, in the loop's time; -1: none is online. */
int64_t replication_last_ack(const struct replication *r);
/* A FAILOVER is under way. */
bool replication_handing_over(const struct replication *r);
/* ---- answers of the host ---- */
/* `kept`: it failed, and the old data is as it was. */
void replication_loaded(struct replication *r, bool ok, bool kept, const char *why);
/* A snapshot with so many keys is whole: may it take the place of our data? False: `why` says why
 * not, and the load counts as failed. */
bool replication_accepts(struct replication *r, uint64_t keys, char *why, size_t cap);
bool replication_guards(const struct replication *r); /* accepts may say no */
void replication_snapshot_done(struct replication *r, bool ok, const char *path);
/* ---- position in snapshots ---- */
/* For RDB AUX fields; false: none to write. replid has 41 bytes. */
bool replication_position(const struct replication *r, char *replid, int64_t *offset,
                          int *stream_db);
/* At start, from an RDB's AUX fields (docs/formats/stream.md). */
void replication_restore(struct replication *r, const char *replid, int64_t offset, int stream_db,
                         bool as_replica);
/* The stream's last bytes before the position that was restored: replicas that lack them may go on.
 */
void replication_refill(struct replication *r, struct slice tail);

/* ---- clients ---- */
void replication_client_gone(struct replication *r, struct client *cl); /* hook close */
bool replication_unblock(struct replication *r, struct client *cl, bool with_error);
/* Shutdown: replicas that have not acknowledged everything; and ask them to. */
void replication_fsynced(struct replication *r); /* host->fsynced has grown */
int replication_lagging(struct replication *r);
void replication_ask_acks(struct replication *r);
void replication_log_lagging(struct replication *r); /* a line each, and the sum */
/* DEBUG CHANGE-REPL-ID: a new id without a past. */
void replication_change_id(struct replication *r);

/* ---- observation ---- */
/* The replication section of INFO, without its header, lines end with CRLF. */
void replication_info(const struct replication *r, struct buf *out);
struct repl_stats {
    uint64_t sync_full, sync_partial_ok, sync_partial_err;
};
struct repl_stats replication_stats(const struct replication *r);
void replication_reset_stats(struct replication *r);
size_t replication_mem(const struct replication *r);         /* the feed's bytes */
size_t replication_backlog_mem(const struct replication *r);
const char *replication_id(const struct replication *r);

#endif
