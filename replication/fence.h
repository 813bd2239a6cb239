/* fence: may this master still accept writes? What it can tell from the Sentinels' traffic alone.
 *
 * Sentinels publish a hello every two seconds on each server that they watch: who they are, and
 * which master they mean, with the epoch of that decision. A master that listens learns
 *  1. that it was replaced: a hello with a newer configuration epoch names another address. From
 *     that moment it refuses writes, until its role changes or a newer hello names it again;
 *  2. that it may have been: for the time of `window` no majority of the Sentinels that it knew was
 *     heard and not all of its replicas acknowledged: who is out of reach as well may be the new
 *     master. It refuses writes until a majority says hello and names it, or all acknowledge;
 *  3. that it slept: its own process stood still for longer than the window. As 2, at once, since
 *     what lies in its sockets is of the time before.
 * A Sentinel or a replica that closed its connection in an orderly way is not counted: it was
 * stopped, not cut off. Without a replica in the last minute nobody can replace us, and 2 and 3 do
 * not apply. Which addresses are the master's own is learned from the hellos that came before, so
 * that translated addresses do no harm. With no Sentinel known nothing is ever refused.
 *
 * Works with any Sentinel. It is a heuristic: Sentinels may be out of reach while all is well.
 * Pure: time is handed in, milliseconds. Owner: server/fencing. Tests: unit/fence, e2e. */
#ifndef REPLICATION_FENCE_H
#define REPLICATION_FENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"

#define FENCE_ID 41         /* a run id with its zero */
#define FENCE_ADDR_MAX 280  /* host:port */
#define FENCE_VOTERS_MAX 32
#define FENCE_ALIASES_MAX 8

struct fence_voter {
    char id[FENCE_ID];
    uint64_t conn;    /* the connection that its last hello came on */
    int64_t heard;    /* anything on that connection */
    int64_t hello;    /* last hello that names us */
    bool gone;        /* ended its connection in an orderly way */
};

enum fence_state { FENCE_OPEN, FENCE_ALONE, FENCE_OVERRULED };

struct fence {
    bool master;
    enum fence_state state;
    int64_t window;   /* 0: rules 2 and 3 are off */
    int64_t asked;    /* when the replicas were asked to acknowledge; -1: not */
    int64_t acked;    /* all replicas that count have acknowledged since then */
    int online;       /* replicas now */
    int followers;    /* replicas that count: online when the Sentinels were last heard, or since */
    int64_t followed; /* last time that a replica was online; -1: never */
    char name[256];   /* the group that names us */
    int64_t named;    /* its last hello */
    int64_t woke;     /* end of the last sleep */
    int64_t fresh;    /* what came before proves nothing */
    int64_t since;    /* role or state have not changed */
    uint64_t epoch;   /* newest configuration heard of */
    bool epoch_known;
    struct fence_voter voter[FENCE_VOTERS_MAX];
    int voters;
    char alias[FENCE_ALIASES_MAX][FENCE_ADDR_MAX];
    int aliases;
    char other[FENCE_ADDR_MAX]; /* who is the master, when we are overruled */
};

/* What the shell sees of an address in a hello: certainly ours, certainly a replica's, or
 * neither. */
enum fence_address { FENCE_UNKNOWN_ADDRESS, FENCE_OWN_ADDRESS, FENCE_REPLICA_ADDRESS };

struct fence_hello {
    struct slice id, name, host, port;
    uint64_t config_epoch;
    bool valid;
};

void fence_init(struct fence *f, int64_t now);
void fence_role(struct fence *f, bool master, int64_t now);
struct fence_hello fence_parse(struct slice text);
void fence_hear_hello(struct fence *f, const struct fence_hello *h, enum fence_address address,
                      uint64_t conn, int64_t now);
/* Anything else on that connection. */
void fence_hear(struct fence *f, uint64_t conn, int64_t now);
void fence_gone(struct fence *f, uint64_t conn, int64_t now);
/* So many replicas are online; the last acknowledgement of the one that is silent for longest. */
void fence_followers(struct fence *f, int online, int64_t oldest_ack, int64_t now);
/* An online replica ended its connection in an orderly way. */
void fence_follower_left(struct fence *f, int64_t now);
/* The process stood still until now. Before it fence_followers() counts those whose end has not
 * been read yet: they may have come since the last look, and the sleep may have been long. */
void fence_slept(struct fence *f, int64_t now);
/* Looks again. True: the replicas shall be asked to acknowledge. */
bool fence_look(struct fence *f, int64_t now);
bool fence_armed(const struct fence *f);
static inline bool fence_closed(const struct fence *f) { return f->state != FENCE_OPEN; }

#endif
