/* sim: virtual time, the heap of events, and the nodes of one simulated run.
 *
 * Owns the heap, the nodes, the network, the disks, the checkers and the trace. One seed draws
 * the options and then every delay, fault and choice of the run; the same seed gives the same
 * run, event by event, so a failure is replayed by its number.
 *
 * Time is `now`, in milliseconds; it jumps to the next due event. Events of the same millisecond
 * run in the order in which they were made. An event of a node is dropped when that life of the
 * node is over, and waits when the node is frozen.
 *
 * Deterministic: no clock, no libc randomness, no order that depends on addresses.
 * Documented in docs/testing.md. */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/rand.h"
#include "core/base/str.h"
#include "core/base/vec.h"
#include "tests/sim/options.h"
#include "tests/sim/trace.h"

struct sim;
struct node;
struct net;
struct disk;
struct check;
struct breakage;

#define SIM_NODES_MAX 40
/* A run that takes more events than this does not move on: some core talks to itself. */
#define SIM_STEPS_MAX 3000000

enum node_kind { NODE_SENTINEL, NODE_DATA, NODE_CLIENT };

/* What the world does to a node. A handler may ask for its own death by sim_may_crash(); the
 * node is then killed after the handler has returned. */
struct node_ops {
    void (*boot)(struct node *n);
    void (*kill)(struct node *n); /* what was in memory is gone; the disk stays */
    void (*free)(struct node *n); /* end of the run */
    void (*timer)(struct node *n, uint64_t tag);
    void (*accepted)(struct node *n, int end);
    void (*up)(struct node *n, int end);
    void (*bytes)(struct node *n, int end, struct slice bytes);
    void (*down)(struct node *n, int end, bool refused);
};

struct node {
    struct sim *sim;
    const struct node_ops *ops;
    void *self;
    enum node_kind kind;
    int index;     /* in sim->nodes */
    int nth;       /* among its kind */
    int group;     /* data nodes and clients: which master's set */
    char name[12]; /* "s0", "d3", "c1" */
    char ip[16];        /* a moved machine has another */
    char known_ip[16];  /* what the name service says */
    char host_name[16];
    int port;
    int host; /* machines are cut off and crash as a whole */
    bool alive;
    bool crash_due; /* asked for by the running handler */
    bool stay_dead; /* chosen not to come back in the liveness phase */
    uint32_t life;
    int64_t busy_until; /* frozen, or inside a slow disk call */
    int64_t slow_disk_until, full_disk_until;
    struct rng rng; /* the node's own choices */
};

struct sim_event {
    int64_t due;
    uint64_t seq;
    void (*run)(struct sim *s, const struct sim_event *e);
    struct node *node;
    uint32_t life;
    uint64_t a;
};

/* An address that a machine has left and nobody has taken. */
struct address {
    char ip[16];
};

enum phase { PHASE_PEACE, PHASE_FAULTS, PHASE_QUIET };

struct sim {
    uint64_t seed;
    struct options opt;
    const struct breakage *broken; /* NULL: the real thing */
    struct rng rng;
    int64_t now;
    uint64_t step, seq;
    int64_t next_write; /* numbers of writes are given once in a run */
    enum phase phase;
    int64_t quiet_at; /* when the faults stopped */
    VEC(struct sim_event) heap;
    VEC(struct node *) nodes;
    bool host_down[SIM_NODES_MAX];
    VEC(struct address) left; /* see names.h */
    int moves;
    struct net *net;
    struct disk *disk;
    struct check *check;
    struct trace trace;
    bool stop;
    char failed[8]; /* the checker's name, "" while all is well */
    char why[400];
};

/* `early`: as the seed was drawn before there were names and fences. */
void sim_init(struct sim *s, uint64_t seed, bool early, const struct breakage *broken,
              enum trace_mode mode);
void sim_free(struct sim *s);
/* Runs until the end, a failure, or the step `until` (0: no limit). True when nothing failed. */
bool sim_run(struct sim *s, uint64_t until);

struct node *sim_add(struct sim *s, enum node_kind kind, int nth, int host, int port,
                     const struct node_ops *ops, void *self);

/* In `after` milliseconds. A NULL node is the world itself. */
void sim_at(struct sim *s, int64_t after, void (*run)(struct sim *, const struct sim_event *),
            struct node *node, uint64_t a);
/* ops->timer(n, tag) in `after` ms, unless that life ends before. */
void sim_timer(struct node *n, int64_t after, uint64_t tag);

void sim_boot(struct node *n);
void sim_kill(struct node *n);
/* Every process there ends without a goodbye, unsynced bytes are gone. */
void sim_crash_host(struct sim *s, int host);
/* The node boots `after` ms from now, if it is still down then. */
void sim_boot_later(struct node *n, int64_t after);
void sim_freeze(struct node *n, int64_t ms);
/* Between two actions of one list: true when the node dies here. The caller drops the rest. */
bool sim_may_crash(struct node *n);
/* Runs a handler's aftermath: the death it asked for. */
void sim_settle(struct node *n);

/* A checker's finding: keeps the first. */
void sim_fail(struct sim *s, const char *checker, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Draws. */
static inline bool sim_chance(struct rng *r, uint64_t in_million)
{
    return in_million && rng_below(r, 1000000) < in_million;
}
static inline int64_t sim_between(struct rng *r, int64_t lo, int64_t hi)
{
    return hi <= lo ? lo : lo + (int64_t)rng_below(r, (uint64_t)(hi - lo + 1));
}

struct node *sim_node_at(struct sim *s, struct slice ip, int port);

#define sim_each(s, it)                                                                            \
    for (size_t i_##it = 0; i_##it < (s)->nodes.n; i_##it++)                                       \
        for (struct node *it = (s)->nodes.at[i_##it]; it; it = NULL)

#endif
