/* options: what kind of run a seed is. Drawn once from the seed, printed with a failure.
 *
 * Chances are in a million. Times are milliseconds. Copies; owns nothing. */
#ifndef TESTS_SIM_OPTIONS_H
#define TESTS_SIM_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/rand.h"

/* NAMES_TOLD: resolve-hostnames and announce-hostnames. */
enum { NAMES_NONE, NAMES_TOLD };

struct options {
    /* the set; without Sentinels roles change at random, and an operator puts them right */
    int sentinels, groups, replicas, clients, quorum;
    bool shared_hosts; /* Sentinel i lives on the machine of data node i */
    int old;           /* so many of the Sentinels, the last ones, are of the old kind */
    int64_t down_after, failover_timeout, tilt_period;
    int parallel_syncs;
    int odd_priority; /* the nth data node of a group has priority 0; -1: none */
    int chained;      /* the nth replica begins behind another replica; -1: none */

    /* the network */
    int64_t delay_min, delay_max;
    uint64_t loss, split, stale_hello;

    /* the faults of the first phase */
    int64_t faults_ms;  /* how long it lasts */
    int64_t fault_mean; /* between two faults */
    int kill, crash, freeze, partition, one_way, isolate, lose_disk, slow_disk, admin,
        role,               /* weights */
        pair, bridge, full_disk, leave;
    uint64_t crash_between; /* a death between two actions of one list */
    uint64_t persist_fails;
    int64_t outage_max;    /* how long a fault stays */
    bool forced_failovers; /* admin faults include SENTINEL FAILOVER */
    bool minority_stays_dead;
    bool last_blow; /* in the quiet phase the masters die once more */
    bool late_sentinels; /* all Sentinels with them, for a long time */

    /* data and load */
    bool hand_over; /* data servers know FAILOVER */
    bool durable_data; /* each applied command is on disk, and a restart brings it back */
    uint64_t backlog;
    int64_t snapshot_ms;
    int64_t write_every;
    int payload_max;
    bool wait_all;
    bool fence; /* data servers fence themselves */
    int names; /* NAMES_*: how servers and Sentinels call each other */
    bool own_address; /* with names: Sentinels announce their addresses all the same */
    bool lost_address; /* who connects to nobody's address hears nothing, not even a refusal */
    int move; /* weight of a fault: a machine moves to another address */
    bool replicate_hello; /* PUBLISH goes into the stream, as in Redis: offsets never rest */
    int64_t repl_timeout, repl_ping;
};

void options_draw(struct options *o, uint64_t seed, bool early);
/* One line, for people; `out` of at least 700 bytes. */
void options_print(const struct options *o, char *out, size_t cap);

#endif
