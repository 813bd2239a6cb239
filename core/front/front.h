/* front: what every personality needs to talk with clients: listeners, clients, dispatch, pub/sub,
 * users, observation. One `struct front` a node; the personality owns it and fills `hooks`.
 *
 * The front carries commands and does not know the values of keys. Layer core/front. */
#ifndef CORE_FRONT_FRONT_H
#define CORE_FRONT_FRONT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/hash.h"
#include "core/base/ilist.h"
#include "core/base/rand.h"
#include "core/base/table.h"
#include "core/base/vec.h"
#include "core/front/call.h"
#include "core/front/command.h"
#include "core/net/listen.h"
#include "core/net/loop.h"

struct front_config;
struct conf_rewrite;
struct conn;
struct client;
struct pubsub;
struct acl;
struct slowlog;
struct latency;
struct error_stats;
struct batch;

/* Ranks of loop_before_sleep: the front resumes clients first and lets replies leave last; what a
 * personality must do in between (journal, fsync) has a rank between. */
#define FRONT_RANK_RESUME 10
#define FRONT_RANK_PERSONALITY 50
#define FRONT_RANK_FLUSH 90

/* A gate: true lets the call through; false: it has replied (or postponed the client). In order. */
struct gate {
    const char *name;
    bool (*pass)(struct call *c);
};

/* What CLIENT TRACKING, CACHING, GETREDIR and TRACKINGINFO do where there are keys. */
struct front_tracking {
    void (*tracking)(struct call *c), (*caching)(struct call *c);
    void (*getredir)(struct call *c), (*trackinginfo)(struct call *c);
};

/* What a call ahead looks at. */
struct front_ahead {
    struct slice key, element; /* element: in the key's value; p NULL: none is known */
    int db;
};

/* What a personality adds. Any pointer may be NULL. */
struct front_hooks {
    const struct gate *gates; /* ended by a NULL name; run after the front's own */
    /* Answers for a gate of the front that says no; NULL: reply_error. */
    void (*refuse)(struct call *c, const char *text);
    void (*open)(struct client *cl);  /* set cl->session */
    void (*close)(struct client *cl); /* release it */
    /* Around each executed command (EXEC's inner ones too): begin makes the unit and sets c->unit
     * and c->now_ms; end hands what it changed to the journal. */
    void (*begin)(struct call *c);
    void (*end)(struct call *c);
    /* The command is about to be looked at, a few ahead: bring its keys' memory near. */
    void (*prefetch)(struct front *f, const struct front_ahead *at, int n);
    /* CLIENT UNBLOCK and REPLICAOF: end this client's block, with TIMEOUT or ERROR semantics;
     * false: it was not blocked so. */
    bool (*unblock)(struct client *cl, bool with_error);
    void (*reset)(struct client *cl); /* RESET: drop MULTI, WATCH, tracking */
    /* CLIENT LIST letters and figures of the personality: db, multi, watch, flags. */
    void (*describe)(const struct client *cl, struct buf *out);
    bool (*is_master_mode)(struct front *f);
    /* The pseudo client of our master while its stream comes in, and the connection that it comes
     * by: stands in CLIENT LIST and can be killed, by `cut_master`. NULL: there is none. */
    struct client *(*master)(const struct front *f, struct conn **conn);
    void (*cut_master)(struct front *f);
    void (*flags_letters)(const struct client *cl, struct buf *out);
    void (*multi_state)(const struct client *cl, int *queued, int *watched);
    /* EXEC is to run: does what is queued write? Under CLIENT PAUSE WRITE; NULL: assume yes. */
    bool (*exec_writes)(const struct client *cl);
    uint64_t (*maxmemory)(const struct front *f); /* what maxmemory-clients may be a part of */
    const struct front_tracking *tracking; /* NULL: it is always off */
    /* Bytes of the personality's state on this client (queued commands), for tot-mem. */
    size_t (*mem)(const struct client *cl);
};

/* Why clients are paused; each has its own end, the strictest holds. */
enum front_pause { PAUSE_BY_CLIENT, PAUSE_BY_SHUTDOWN, PAUSE_BY_FAILOVER, PAUSES };

struct front_stats {
    uint64_t connections, rejected_connections, commands;
    uint64_t in_bytes, out_bytes, in_repl_bytes, out_repl_bytes;
    uint64_t error_replies, unexpected_error_replies;
    uint64_t query_limit_kills, output_limit_kills, evicted_clients;
    uint64_t acl_denied_auth, acl_denied_cmd, acl_denied_key, acl_denied_channel;
    uint64_t peak_clients;
    uint64_t ops_per_sec, in_kbps_x100, out_kbps_x100; /* sampled by front_cron */
};

#define FRONT_SAMPLES 16 /* of 100 ms each: rates are means over 1.6 s */
struct front_sample {
    int64_t at_ms;
    uint64_t commands, in_bytes, out_bytes;
};

struct front {
    struct loop *loop;
    const struct front_config *config;
    void *app;                  /* the personality */
    const char *mode;           /* "standalone" or "sentinel", for HELLO and INFO */
    struct front_hooks hooks;
    struct registry *registry;
    struct ilist clients;       /* all with a connection, in order of arrival */
    size_t clients_n;
    struct table clients_by_id; /* the same */
    size_t clients_mem;         /* client_evict: what they hold, while that is counted */
    bool counting_clients;
    uint64_t next_client_id;
    struct pubsub *pubsub;
    struct acl *acl;
    struct slowlog *slowlog;
    struct latency *latency;
    struct error_stats *errors;
    struct batch *batch;        /* dispatch's: requests parsed ahead */
    struct batch *inner_batch;  /* of front_serve_others; NULL until it is needed */
    struct client *running;     /* whose command is being run, or NULL */
    struct ilist resume;        /* clients whose waiting bytes are to be looked at */
    struct ilist paused;        /* clients with CLIENT_PAUSED */
    struct ilist closing;       /* clients to be freed at the next safe point */
    VEC(struct client *) monitors;
    VEC(struct listener *) listeners;
    struct loop_hook *hook_resume, *hook_flush;
    struct loop_timer *pause_timer, *soon_timer;
    struct ilist *cron_at;      /* the client that front_cron looks at next */
    int64_t wall_minus_mono_us; /* read once a turn */
    int64_t now_us;             /* monotonic, of the batch at hand */
    int64_t attack_logged_ms;
    struct front_stats stats;
    struct hash_key hash_key;
    struct rng rng;
    char run_id[41];
    int64_t started_ms;         /* monotonic */
    struct {
        int64_t until_ms;       /* monotonic; 0: none */
        bool writes_only;
    } pause[PAUSES];
    int64_t pause_until_ms;     /* the strictest of them; 0: none. Expiry and eviction wait too */
    bool pause_writes_only;
    struct front_sample sample[FRONT_SAMPLES]; /* front_cron's, a ring, for the rates */
    unsigned sample_at;
};

struct front *front_new(struct loop *l, const struct front_config *cfg, const char *mode,
                        const struct front_hooks *hooks, void *app);
void front_delete(struct front *f);
/* Opens what the configuration says (bind, port, unixsocket). Redis' words in msg. */
enum err front_listen(struct front *f, struct errmsg *msg);
void front_unlisten(struct front *f);
/* Ten times a second or as configured hz: time-outs, limits, samples of rates. */
void front_cron(struct front *f, int64_t now_ms);
/* Before the loop sleeps, after the personality has synced what must be synced: replies leave.
 * front_new registers it at FRONT_RANK_FLUSH; calling it more often does no harm. */
void front_flush(struct front *f);
/* Clients that were unblocked or resumed go on, clients that are to be closed are freed: front_new
 * registers it at FRONT_RANK_RESUME. */
void front_resume(struct front *f);
/* Takes a connected descriptor as a new client; NULL: refused (maxclients, protected mode). */
struct client *front_accept(struct front *f, int fd);
/* One turn of the loop from inside a command that takes long: other clients' requests are looked at
 * (the personality's gates say which may run), timers are not. The client whose command runs, and
 * its connection, stay as they are. Does not nest. */
void front_serve_others(struct front *f);
/* Applies requirepass, `user` lines and aclfile of the configuration; at start, and requirepass
 * live. */
enum err front_load_users(struct front *f, struct errmsg *msg);
/* The `user` lines of a configuration file that is written anew; none where an aclfile has them. */
void front_put_users(const struct front *f, struct conf_rewrite *w);
enum err front_set_requirepass(struct front *f, struct errmsg *msg);
/* Pause and end of pause; until_ms is monotonic. */
void front_pause(struct front *f, enum front_pause why, int64_t until_ms, bool writes_only);
void front_unpause(struct front *f, enum front_pause why);
/* stats.in_bytes and out_bytes as of now. */
void front_refresh_stats(struct front *f);
/* The default user asks for a password. */
bool front_auth_required(const struct front *f);
/* Wall clock of the batch at hand. */
int64_t front_now_ms(const struct front *f);
/* The rows of the front that both personalities register; the data server adds those of observation
 * (slowlog, latency, monitor). */
void front_add_commands(struct front *f);
void front_add_observation(struct front *f);

/* ---- dispatch ---- */
/* Runs what waits in the client's query buffer; also called after unblocking. */
void dispatch_client(struct client *cl);
/* Finds the row, runs the gates and the command: for the pseudo client of our master. */
void dispatch_one(struct client *cl, int argc, const struct slice *argv, struct slice raw);
/* Only the command's run function with statistics and hooks.begin/end: for EXEC's queued calls. */
void dispatch_call(struct call *c);
/* Whether a call may be made by its client as far as ACL says, with the reply if not. */
bool dispatch_acl(struct call *c);
/* The same for a command that was queued: EXEC asks again, since rules may have changed. */
bool dispatch_acl_again(struct call *c);

/* ---- pub/sub (front/pubsub.h has the rest) ---- */
/* Delivers to subscribers of the channel and of matching patterns; returns receivers. */
int pubsub_publish(struct front *f, struct slice channel, struct slice message);

#endif
