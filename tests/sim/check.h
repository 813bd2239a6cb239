/* check: the rules that no run may break, and the judge of the quiet phase.
 *
 *   S1 one leader an epoch            S2 one vote an epoch, across restarts
 *   S3 epochs never go back           S4 one address for a configuration epoch
 *   S5 quorum and majority first      S6 the promoted was eligible and the best
 *   S7 not too many replicas re-pointed at once
 *   R1 same id and offset, same bytes R2 the data is the effect of a prefix
 *   R3 a partial resync only when R1 holds for it
 *   R4 the feed keeps what a cursor needs, and its memory is what it says
 *   L1 one master, all follow, offsets converge      L2 and then no failover is started
 *   H1 who hands over hands over all its data
 *   F1 a master that heard of its successor acknowledges nothing
 *   F2 nor does one that has heard neither a Sentinel nor a replica for too long
 *   A1 no write that all replicas acknowledged is lost (runs whose clients wait for all)
 *
 * The checkers keep books of their own and look at nodes from outside; they never change one.
 * What is not asked of the old kind: docs/testing.md. Owns its books. */
#ifndef TESTS_SIM_CHECK_H
#define TESTS_SIM_CHECK_H

#include "sentinel/core.h"
#include "tests/sim/sim.h"

struct check *check_new(struct sim *s);
void check_free(struct check *c);
/* False when a broken run waits for another checker's word. */
bool check_wanted(const struct sim *s, const char *checker);

/* --- Sentinels: check_sentinel.c --- */
struct check_sentinel;
struct check_sentinel *check_sentinel_new(void);
void check_sentinel_free(struct check_sentinel *k);
void check_sentinel_booted(struct node *n, const struct sn_core *core);
void check_sentinel_stepped(struct node *n, const struct sn_core *core);
void check_sentinel_saved(struct node *n, const struct sn_core *core);
/* The books, for Sentinels of the old kind. */
void check_old_vote(struct node *n, int group, uint64_t epoch, struct slice whom);
void check_old_down(struct node *n, int group, const char *ip, int port);
void check_old_hello(struct node *n, struct slice text);
/* From now on S4 says nothing about this epoch. */
void check_old_borrows(struct node *n, int group, uint64_t epoch);
void check_leader(struct node *n, int group, uint64_t epoch);
/* Just before the action is performed. */
void check_sentinel_action(struct node *n, const struct sn_core *core, const struct sn_event *ev,
                           const struct sn_action *a);

/* --- data: check_data.c --- */
struct check_data;
struct check_data *check_data_new(void);
void check_data_free(struct check_data *k);
/* A position (id, offset) that a node has reached, with the hashes of its bytes and its data.
 * `origin`: it made these bytes itself, as a master. */
void check_data_at(struct node *n, const char *replid, int64_t offset, uint64_t stream,
                   uint64_t data);
/* A new history begins as the continuation of another at that offset ("" : from nothing). */
void check_data_born(struct node *n, const char *replid, const char *parent, int64_t offset);
/* A master grants a partial resync to a replica whose bytes up to `offset` hash to `stream`. */
void check_data_grant(struct node *master, const char *replid, int64_t offset, struct node *replica,
                      uint64_t stream);

/* The feed's books, its cursors, and the link's position beside it. */
void check_feed(struct node *n);

/* --- what a master heard: check_fence.c --- */
struct heard {
    uint64_t epoch;
    bool known, named; /* an epoch is known; it named this one, in this role */
    bool overruled, odd;
    bool left; /* somebody ended a connection since the last hello */
    bool followed;
    int64_t any, followed_at;
};
struct check_fence {
    struct heard at[SIM_NODES_MAX];
};
struct check_fence *check_fence_new(void);
void check_fence_free(struct check_fence *k);
void check_fence_role(struct node *n, bool boot);
void check_fence_hello(struct node *n, uint64_t epoch, bool own);
void check_fence_heard(struct node *n); /* anything from a Sentinel or a replica */
void check_fence_left(struct node *n);
void check_fence_followed(struct node *n); /* a replica is online */
void check_fence_ack(struct node *n);

/* --- the quiet phase: check_live.c --- */
void check_quiet_begins(struct sim *s);
/* All living Sentinels name this data node as its group's master. */
bool check_is_agreed_master(const struct node *n);
void check_failover_started(struct node *sentinel);
/* SLAVEOF NO ONE is sent: one plain death must lead to one promotion. */
void check_promotion(struct node *sentinel, int group);

struct check {
    struct check_sentinel *sentinels;
    struct check_data *data;
    struct check_fence *fences;
    bool loose; /* see above */
    int64_t agreed_at, limit, last_failover;
    int known; /* data nodes that Sentinels knew when all was in order; only grows */
    int rounds, promoted[4]; /* the latter: since the last blow */
    uint64_t failovers;      /* started in the whole run */
    uint64_t acked, lost;
};

#endif
