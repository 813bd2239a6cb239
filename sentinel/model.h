/* model: what a Sentinel knows, as plain structs.
 *
 * One core has groups (one per `monitor` entry); a group has one master, its replicas and its peers
 * (the other Sentinels that watch it); each of these instances talks over a link. A server's link
 * has one user; a peer's link is shared by all groups in which that run id is known:
 *
 *     group A: master ── link 1     peer X ──┐
 *     group B: master ── link 5     peer X ──┴─ link 3   (one connection, one PING)
 *
 * Of the users of a link one, the pacer, sees to what is sent for all of them.
 *
 * Instances and links are named by ids that are never used twice; in an address switch an instance
 * changes its kind and keeps its id and link. What the file keeps stands in the `saved` structs.
 * Owned by struct sn_core; others read it const (SENTINEL MASTERS, ...). Pure: no clock, no I/O.
 * Times are monotonic milliseconds, SN_NEVER when there is none. Arrays are sorted: groups by
 * name, replicas and peers by id. Tests: unit/sn_*, scenes, the simulator. */
#ifndef SENTINEL_MODEL_H
#define SENTINEL_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/rand.h"
#include "core/base/str.h"
#include "core/base/vec.h"
#include "sentinel/model_failover.h"
#include "sentinel/model_link.h"
#include "sentinel/params.h"
#include "sentinel/record.h"

#define SN_ID_LEN 40            /* hexadecimal characters of a run id */
#define SN_HOST_MAX 256         /* a host name with its zero */
#define SN_NAME_MAX 255         /* of a group */
#define SN_MS_MAX ((int64_t)1 << 48) /* of any period: sums of periods stay far from the end */
#define SN_FORGET_AFTER ((int64_t)86400000) /* default of forget-after-milliseconds: a day */
#define SN_INSTANCES_MAX 1024   /* replicas, and peers, of a group: what a peer may make us keep */

#define SN_LINEAGE_MAX 8        /* replication ids of a group's past masters that are kept */

#define SN_CHANNEL "__sentinel__:hello"

enum sn_kind { SN_MASTER, SN_REPLICA, SN_PEER };
enum sn_role { SN_ROLE_MASTER, SN_ROLE_REPLICA };
enum sn_reconf { SN_RECONF_NONE, SN_RECONF_SENT, SN_RECONF_INPROG, SN_RECONF_DONE };
enum sn_reject { /* why a replica may not be promoted; SN_FIT: it may */
    SN_FIT,
    SN_REJ_DOWN,
    SN_REJ_DISCONNECTED,
    SN_REJ_PING_OLD,
    SN_REJ_PRIORITY_ZERO,
    SN_REJ_INFO_OLD,
    SN_REJ_LINK_DOWN_LONG,
    SN_REJ_NEVER_SYNCED,
    SN_REJ_LOADING,
    SN_REJ_FOREIGN,
    SN_REJECTS
};

struct sn_addr {
    char host[SN_HOST_MAX]; /* as configured or announced: a name or an address */
    char ip[SN_IP_MAX];     /* what it stands for; "" until resolved */
    int port;
};

/* What INFO (or ROLE) told. */
struct sn_facts {
    struct str info; /* the whole text */
    int64_t info_at; /* when it came; SN_NEVER */
    enum sn_role role;
    int64_t role_since;  /* first report of that role */
    int64_t role_at;     /* last report; SN_NEVER: none yet, role is what we expect */
    char master_host[SN_HOST_MAX];
    int master_port;
    int64_t master_since; /* master_host, master_port unchanged since */
    bool master_link_up;
    int64_t master_link_down_ms; /* -1000: never synchronised */
    int64_t repl_offset;
    int priority;
    int announced;
    char replid[SN_ID_LEN + 1], replid2[SN_ID_LEN + 1]; /* "" unknown or none */
    int64_t master_offset; /* end of its own stream */
    int64_t keys;          /* -1: not told */
    bool loading;          /* a data set is on its way into it */
    bool keys_move;        /* and takes the place of the old one just now */
    bool aof;
    bool strangers;        /* it has replicas, or follows a master, that we do not know */
};

struct sn_instance {
    uint32_t id;
    enum sn_kind kind;
    struct sn_group *group;
    struct sn_link *link;
    struct sn_addr addr;
    char runid[SN_ID_LEN + 1]; /* "" unknown */

    bool s_down;
    int64_t s_down_since;  /* valid while s_down */
    int64_t s_down_ended;  /* end of the last one, or creation */
    bool script_kill_sent;
    int64_t info_sent;     /* last INFO asked; SN_NEVER */
    bool info_flying, hello_flying;
    bool hello_refused;    /* the last PUBLISH was answered by an error */
    int64_t told_after_ms; /* down-after as this connection's server was told; 0: not */
    int64_t hello_sent;    /* last PUBLISH that was not refused */

    /* masters and replicas */
    struct sn_facts facts;
    int64_t refused_at;    /* last refused connection; SN_NEVER: none since it was reached */
    bool rebooted;         /* run id changed, no PONG since */
    int64_t rebooted_at;
    int64_t slaveof_at;    /* last SLAVEOF sent by us; SN_NEVER */
    enum sn_reconf reconf;
    int64_t reconf_since;
    bool was_master;       /* a master of an older configuration (or one that we promoted in vain)
                              that has not reported role slave since */
    bool led;              /* it was the group's master once in this process's life */
    int64_t listed_at;     /* replicas: last time the master's INFO named it; SN_NEVER */
    bool foreign;          /* holds somebody else's data: not touched */
    int64_t astray_since;  /* holds data of another of our groups; SN_NEVER: it does not */
    enum sn_reject reject; /* verdict of the last selection, for readers */

    /* peers */
    int64_t hello_at;      /* last hello received */
    uint64_t hello_epoch;  /* the current epoch that it named; UINT64_MAX: none heard */
    uint64_t hello_config; /* the configuration epoch that it named for this group */
    bool conflicts;        /* it names another master in our epoch */
    bool master_down;      /* it says so of the present address */
    int64_t down_reply_at; /* last reply to IS-MASTER-DOWN-BY-ADDR; SN_NEVER */
    int64_t asked_at;      /* last request; SN_NEVER */
    unsigned asks_flying;  /* requests without an answer on this connection */
    uint64_t asked_epoch;  /* epoch of the last vote request that is on its way or answered */
    char voted[SN_ID_LEN + 1];
    uint64_t voted_epoch;
};

struct sn_rename {
    char *from, *to;
};

/* The part of a group that the file keeps; its replicas and peers are kept too. */
struct sn_group_saved {
    char *name;
    unsigned quorum;
    int64_t down_after_ms, failover_timeout_ms, reboot_down_after_ms;
    unsigned parallel_syncs;
    bool fast_down;
    int64_t forget_after_ms; /* replicas that are down and unlisted for so long; 0: never */
    unsigned voters_floor;   /* voters known before a RESET; 0: none */
    char *notification_script, *reconfig_script, *auth_pass, *auth_user; /* never NULL */
    VEC(struct sn_rename) renames;
    uint64_t config_epoch, leader_epoch;
    char lineage[SN_LINEAGE_MAX][SN_ID_LEN + 1]; /* newest first */
    char leader[SN_ID_LEN + 1]; /* whom we gave the vote of leader_epoch; "" unknown */
};

struct sn_group {
    struct sn_core *core;
    struct sn_group_saved saved;
    struct sn_instance *master;
    VEC(struct sn_instance *) replicas; /* by id */
    VEC(struct sn_instance *) peers;    /* by id */
    struct sn_failover fo;
    bool o_down;
    int64_t o_down_since;
    uint32_t addr_gen;     /* counts address switches and S_DOWN periods of the master: answers
                              to what was asked before are void */
    int64_t switched_at;   /* last address switch or start */
    bool amnesia;          /* the master came back without the data that its replicas have */
    int64_t doubt_since;   /* it restarted: what the replicas have is asked first; SN_NEVER */
    int64_t leave_at;      /* the master says that it goes: our turn to replace it; SN_NEVER */
    uint64_t leave_epoch;
    int64_t conflict_since; /* another Sentinel names another master in the same epoch; SN_NEVER */
    int64_t reset_at;      /* last RESET; SN_NEVER */
    struct sn_history history; /* of failovers */
    bool confirmed;        /* the present master reported role:master since then */
    bool hello_now;        /* tell everyone at the next chance */
    int64_t beat;          /* of the links to its servers */
    bool waits;            /* for its turn to connect */
    int64_t due;           /* next deadline of this group */
    size_t heap_pos;
    bool touched;          /* to be looked at before this step ends */
    int64_t other_until;   /* our vote for somebody else is fresh until then */
    uint64_t voted_step;   /* the step in which the vote of leader_epoch was given */
};

/* Own identity and options that the file keeps. */
struct sn_saved {
    char myid[SN_ID_LEN + 1];
    uint64_t current_epoch;
    char *announce_ip, *user, *pass; /* never NULL */
    int announce_port;               /* 0: the port we listen on */
    bool resolve_hostnames, announce_hostnames, deny_scripts_reconfig;
};

/* What the shell tells about the process; may be changed between two steps. */
struct sn_self {
    int port; /* the port others should use: tls-port when tls-replication is on */
    struct str requirepass;
};

/* For monitoring; since the start. */
struct sn_counters {
    uint64_t sdown, odown, elections, elections_lost, votes, failovers, aborts, switches, tilts,
        hand_overs, hand_overs_failed;
};

struct sn_core {
    struct sn_saved saved;
    struct sn_self self;
    struct sn_params params;
    VEC(struct sn_group *) groups; /* by name */
    VEC(struct sn_group *) heap;   /* binary heap by due */
    VEC(struct sn_link *) links;   /* by id */
    VEC(uint32_t) link_ids;        /* theirs, close together: they are looked up all the time */
    size_t said;                   /* the group of the last hello: the next one follows it */
    VEC(struct sn_group *) dirty;  /* touched in this step */
    VEC(struct sn_group *) waiting; /* until fewer connections are being made, oldest first */
    unsigned connecting;           /* connections that are being made */
    size_t reached;                /* links with an open cmd connection */
    struct rng rng;
    uint32_t next_id;
    int64_t now;
    int64_t promised; /* sn_deadline() of the step before */
    int64_t epoch_since; /* current_epoch has not changed since */
    uint64_t step;
    bool booted, myid_given;
    bool tilt;
    int64_t tilt_since;
    int64_t forgiven, healed_at; /* of our own slowness lately, see tilt.h */
    unsigned simulate; /* SN_CRASH_* */
    struct sn_counters counters;
    struct sn_actions *out; /* list of the step that runs */
};

#endif
