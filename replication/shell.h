/* shell: what the shell files of replication share: the structs behind `struct replication` and the
 * calls between its files. Private to replication/: the host includes replication.h.
 *
 *     replication.c  life, the write stream, cron            roles.c     master or replica, ids
 *     link_io.c      our connection to the master            commands.c  rows and functions
 *     peer_io.c      connections of our replicas             info.c      INFO, ROLE, figures
 *     snapshot_io.c  snapshots on their way to replicas      waits.c     clients that WAIT
 *     handover_io.c  FAILOVER
 *
 * All in the loop's thread. Tests: e2e. */
#ifndef REPLICATION_SHELL_H
#define REPLICATION_SHELL_H

#include "core/base/ilist.h"
#include "core/base/rand.h"
#include "core/front/client.h"
#include "core/front/front.h"
#include "core/net/conn.h"
#include "core/net/loop.h"
#include "replication/backlog.h"
#include "replication/batch.h"
#include "replication/early.h"
#include "replication/feed.h"
#include "replication/guard.h"
#include "replication/handover.h"
#include "replication/history.h"
#include "replication/link.h"
#include "replication/overflow.h"
#include "replication/peer.h"
#include "replication/quorum.h"
#include "replication/replication.h"
#include "replication/spool.h"

#define GONE_MAX 16
#define REPLICAS_MAX 1000 /* more are refused: each costs a look a turn */

/* One client that is, or is becoming, a replica. */
struct replica {
    struct ilist node;
    struct replication *r;
    struct client *client;
    struct peer peer;
    struct feed_cursor cursor;
    bool flowing;      /* the cursor's bytes may be sent */
    int fd;            /* snapshot file on its way; -1 none */
    int64_t fd_at, fd_size;
    int64_t pipe_at;   /* bytes of the pipe sent to this one */
    int64_t digest_end; /* its last mark that was compared */
};

/* The snapshot under way for our replicas. One at a time. */
struct snapshot_run {
    enum batch_form form; /* NONE: none runs */
    char mark[LINK_MARK_LEN];
    int fd;               /* the pipe's read end */
    struct loop_io *io;
    struct buf chunk;     /* read from the pipe, not sent to all yet */
    int64_t chunk_at;     /* bytes of the pipe before it */
    int64_t offset;       /* of the stream: the snapshot's */
    struct early early;   /* the bytes so far, chunk included, for who joins; while `joinable` */
    int64_t join_bytes;   /* so many of them at most */
    bool joinable;
    bool eof, done, ok;
    struct loop_timer *timer; /* when batch says, and after "busy" */
};

struct link_run {
    struct conn *conn;
    unsigned resolving; /* 0: no question open */
    struct loop_timer *timer;
    int fd;             /* temporary file; -1 none */
    char *path;
    int64_t synced;     /* bytes whose write-out was begun */
    bool loading, was_up;
    bool refused; /* the load at hand, by the guard */
    struct spool spool;         /* stream that came while loading, and is not applied yet */
    struct loop_timer *drain;
    char lost[LINK_ERROR_MAX];  /* the connection ended while bytes of it wait; "" it did not */
    bool held;          /* the host is in the middle of something: the stream waits */
    const char *failed; /* a file operation failed: the link is given up after the action list */
};

/* WAIT, WAITAOF and WAITOFFSET: see waits.c. */
struct wait_want {
    const struct wait_kind *kind;
    int need, local;               /* replicas, and (WAITAOF) our own disk */
    int64_t offset;
    uint64_t written;              /* WAITAOF: to our own file */
    char replid[REPLID_LEN + 1];   /* WAITOFFSET */
};
struct waiter {
    struct ilist node;
    struct client *client;
    struct wait_want want;
    int64_t deadline_ms; /* INT64_MAX: none */
};

struct replication {
    struct front *front;
    struct loop *loop;
    struct resolver *resolver;
    struct repl_host host;
    struct repl_settings set;
    struct peer_settings peer_set;
    struct rng rng;
    struct history history;
    struct feed feed;
    struct overflow overflow; /* what of it memory should not hold */
    struct link link;
    struct link_run lrun;
    struct ilist replicas;
    int replicas_n; /* that stand in `replicas`, also those still in REPLCONF */
    struct snapshot_run snap;
    struct ilist waiters;
    struct loop_timer *wait_timer;
    struct repl_stats stats;
    int stream_db;           /* that the feed has selected; -1 force SELECT */
    bool want_acks;          /* GETACK at the next flush */
    int64_t asked_at, asked_end; /* where the last GETACK begins and ends in the stream */
    int64_t alone_since_ms;  /* no replica since; for the backlog's ttl */
    int64_t ping_ms;         /* last PING into the feed */
    struct backlog backlog;
    struct gone_replica {
        char name[PEER_IP_MAX + 8];
        int64_t at_ms;
    } gone[GONE_MAX];        /* replicas that left lately, and may come back */
    int gone_at;
    struct digest digest;    /* of what went into the feed */
    uint64_t digests, digest_differs; /* compared; found different */
    char differs_at[PEER_IP_MAX + 32]; /* the last one: "ip:port@offset" */
    struct guard guard;
    bool replicated;         /* the data came from a master, not from clients of ours */
    struct handover hand;
    uint64_t hand_by;        /* the client that asked for it */
    struct loop_timer *hand_timer, *beat_timer;
};

static inline int64_t repl_now(const struct replication *r) { return loop_now_ms(r->loop); }
void repl_log(enum note_level level, struct slice text);
void repl_put(struct replication *r, struct slice bytes); /* the one way into the feed */
void repl_new_id(struct replication *r, char out[REPLID_LEN + 1]);

/* roles.c */
void role_adopt(struct replication *r, const struct link_action *a);
/* Follow, and ask to take over. */
void role_hand_over(struct replication *r);
void role_back(struct replication *r); /* it did not: master again */
/* The answer to GETACK does not count the question itself: who acknowledged this has everything. */
int64_t replication_end_to_ack(const struct replication *r);

/* handover_io.c */
void handover_io_init(struct replication *r);
void handover_io_end(struct replication *r);
bool handover_under_way(const struct replication *r);
const char *handover_command(struct replication *r, const struct handover_request *q); /* error */
void handover_acked(struct replication *r);  /* an acknowledgement came */
void handover_linked(struct replication *r); /* the link took a step */

/* link_io.c */
void link_io_init(struct replication *r);
void link_io_end(struct replication *r);
void link_io_step(struct replication *r, struct link_event e);
void link_io_settings(struct replication *r);

/* peer_io.c */
struct replica *replica_of(struct replication *r, const struct client *cl);
struct replica *replica_get(struct replication *r, struct client *cl); /* makes it if need be */
void replica_step(struct replica *p, struct peer_event e);
void replica_perform(struct replica *p, struct peer_actions *out);
void replica_flow(struct replica *p); /* sends what can be sent now */
void replica_drop(struct replica *p, bool soft);
void replicas_drop_all(struct replication *r);
void replica_tick(struct replica *p); /* is it too slow? */
void replicas_tick(struct replication *r);
void replicas_beat(void *repl); /* newlines for those that want to know how fresh they are */
int replicas_expected(const struct replication *r); /* that may ask for a snapshot soon */
bool replicas_ack_live(const struct replication *r); /* all that follow the feed */
void replicas_digest(struct replication *r); /* on while somebody compares */
void replica_check_digest(struct replica *p);
int replicas_votes(const struct replication *r, struct quorum_vote *out, int max);
void replica_ip(const struct replica *p, char *out, size_t cap);

/* snapshot_io.c */
void snapshot_io_init(struct replication *r);
void snapshot_io_end(struct replication *r);
void snapshot_wanted(struct replica *p); /* it waits: join, start now, or start later */
bool snapshot_feed_file(struct replica *p); /* true: may go on later */
bool snapshot_feed_pipe(struct replica *p);
void snapshot_check(struct replication *r); /* somebody left or came: still wanted? next one? */

/* waits.c */
void waits_init(struct replication *r);
void waits_end(struct replication *r);
extern const struct wait_kind wait_replicas, wait_disks, wait_offset;
/* Answers the call if it need not wait or may not, else blocks its client. */
void waits_begin(struct replication *r, struct call *c, const struct wait_want *w,
                 int64_t timeout_ms);
void waits_check(struct replication *r); /* an acknowledgement came, or the offset grew */
void waits_role_changed(struct replication *r); /* to replica: WAIT has no meaning any more */
bool waits_remove(struct replication *r, struct client *cl);
int64_t waits_fsynced(const struct replication *r); /* our own; -1 none */
bool waits_disk(const struct replication *r, uint64_t *written); /* false: no file */

#endif
