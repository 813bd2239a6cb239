/* data: the inside of a simulated data server, shared by its three files:
 * node_data.c (life, commands, INFO), data_master.c (peers, snapshots, WAIT), data_replica.c
 * (link).
 *
 * Owns the cores and the connections. The drivers here mirror the shells of replication/ in small.
 */
#ifndef TESTS_SIM_DATA_H
#define TESTS_SIM_DATA_H

#include "core/resp/read.h"
#include "replication/batch.h"
#include "replication/feed.h"
#include "replication/fence.h"
#include "replication/handover.h"
#include "replication/history.h"
#include "replication/link.h"
#include "replication/peer.h"
#include "tests/sim/node_data.h"
#include "tests/sim/shelf.h"

/* Bytes that a socket takes before it is full: a slow replica then lags behind the feed. */
#define DATA_SOCKET_MAX 6000
/* What slow replicas need of the log goes from memory when it is so old, or beyond the backlog. */
#define SPILL_AGE_MS 1000

enum data_tag {
    DATA_TAG_CRON = 1,
    DATA_TAG_LINK,
    DATA_TAG_LOADED,
    DATA_TAG_SNAPSHOT,
    DATA_TAG_FLUSH,
    DATA_TAG_WAIT,
    DATA_TAG_BATCH,
    DATA_TAG_STALE_HELLO,
    DATA_TAG_HAND,
    DATA_TAG_FENCE
};
#define DATA_TAG(kind, value) ((uint64_t)(value)*16 + (kind))

/* One who has connected to us: a client, a Sentinel, a replica. */
struct dconn {
    struct dconn *next;
    int end;
    bool closing; /* to be deleted when its request is done */
    struct buf in;
    struct resp_request request;
    bool in_multi;
    VEC(struct str) queued; /* commands between MULTI and EXEC, as RESP */
    bool subscriber;
    bool sentinel; /* it has said hello */
    int64_t last_write; /* offset behind its last write */
    /* WAIT */
    bool waits;
    int wait_for;
    int64_t wait_offset, wait_until;
    /* replica */
    struct peer *peer;
    struct feed_cursor cursor;
    bool online, in_snapshot;
    uint64_t snapshot_gen;
    struct str to_send; /* rest of a snapshot under way */
    size_t sent;
};

struct data {
    struct node *node;
    char runid[41];
    bool up;
    /* configuration, as CONFIG REWRITE saves it */
    bool is_master;
    char master_ip[64];
    int master_port;
    int64_t priority;
    /* the real cores */
    struct history history;
    struct feed feed;
    struct shelf shelf;
    struct link link;
    struct handover hand;
    struct fence fence;
    int64_t told_ms, fence_turn; /* as in server/fencing.c */
    bool fence_due;
    struct toy toy;
    struct dconn *conns;
    struct str stale_hello;
    struct buf out;
    /* replica */
    int link_end; /* -1: none */
    bool link_connected;
    struct buf link_in, snapshot_in;
    struct toy loaded;
    uint64_t load_gen, link_gen;
    int64_t link_due; /* of the tick under way; INT64_MAX: none */
    size_t taken;     /* of link_in, by the last offer */
    /* master */
    bool snapshot_runs;
    enum batch_form snapshot_form;
    uint64_t snapshot_gen;
    struct str snapshot;
    char mark[LINK_MARK_LEN + 1];
    bool flush_due, batch_due;
    int64_t last_ping, last_save;
};

static inline struct data *data_of(const struct node *n) { return n->self; }

/* --- node_data.c --- */
void data_reply(struct data *d, struct dconn *c); /* sends d->out and clears it */
void data_close(struct data *d, struct dconn *c);
void data_save(struct data *d);   /* data and position to disk, synced */
void data_report(struct data *d); /* position to the checkers */
void data_new_id(struct data *d, char out[41]);
void data_publish(struct data *d, struct slice payload);

/* --- data_master.c --- */
void data_append(struct data *d, struct slice bytes); /* a unit of our own making, to the feed */
void data_append_words(struct data *d, int argc, const struct slice *argv);
void data_flush(struct data *d);
void data_replica_command(struct data *d, struct dconn *c, int argc, const struct slice *argv);
void data_replica_newline(struct data *d, struct dconn *c);
void data_drop_replicas(struct data *d);
void data_peer_gone(struct data *d, struct dconn *c);
void data_master_cron(struct data *d);
void data_master_timer(struct data *d, uint64_t tag);
void data_wait(struct data *d, struct dconn *c, int n, int64_t timeout);
void data_fail_waits(struct data *d);

/* --- data_handover.c --- */
void data_hand_command(struct data *d, struct dconn *c, int argc, const struct slice *argv);
bool data_hand_take(struct data *d, struct dconn *c, int argc, const struct slice *argv);
void data_hand_look(struct data *d); /* a replica acknowledged, or the link knows more */
void data_hand_timer(struct data *d);

/* --- data_fence.c --- */
void data_fence_boot(struct data *d);
void data_fence_role(struct data *d);
void data_fence_hello(struct data *d, struct dconn *c, struct slice text);
void data_fence_heard(struct data *d, struct dconn *c);
void data_fence_gone(struct data *d, struct dconn *c);
bool data_fence_refuses(struct data *d);
void data_fence_timer(struct data *d);

/* --- data_replica.c --- */
void data_follow(struct data *d, struct slice ip, int port);
void data_hand_over(struct data *d); /* follow, and ask to take over */
void data_promote(struct data *d);
void data_boot_link(struct data *d, const char *replid, int64_t offset);
void data_link_up(struct data *d);
void data_link_bytes(struct data *d, struct slice bytes);
void data_link_down(struct data *d, const char *why);
void data_link_timer(struct data *d, uint64_t tag);
void data_arm_link(struct data *d);

#endif
