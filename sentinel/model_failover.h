/* model_failover: the part of a group's model (sentinel/model.h) that is about a failover of ours,
 * the one under way and what is remembered of the last one. Owned by the group; changed by
 * failover.c and hand_over.c alone, but for what a reset clears. Pure. */
#ifndef SENTINEL_MODEL_FAILOVER_H
#define SENTINEL_MODEL_FAILOVER_H

#include <stdbool.h>
#include <stdint.h>

#define SN_NEVER ((int64_t)-1)

struct sn_instance;

enum sn_fo_state { /* the numbers and names that clients see */
    SN_FO_NONE,
    SN_FO_WAIT_START,
    SN_FO_SELECT_SLAVE,
    SN_FO_SEND_SLAVEOF_NOONE,
    SN_FO_WAIT_PROMOTION,
    SN_FO_RECONF_SLAVES,
    SN_FO_UPDATE_CONFIG,
    SN_FO_STATES
};
/* How a planned failover asks the living master to hand over. */
enum sn_hand_over { SN_HAND_NOT, SN_HAND_WANTED, SN_HAND_ASKED, SN_HAND_FAILED };
enum sn_fo_kind { SN_FO_AUTO, SN_FO_OPERATOR, SN_FO_LEAVING, SN_FO_PREFERRED, SN_FO_KINDS };

struct sn_failover {
    enum sn_fo_state state;
    int64_t state_since;
    int64_t started;           /* start of the last attempt of anyone that we know of; SN_NEVER */
    int64_t not_before;        /* we do not stand before this; SN_NEVER: free */
    int64_t stand_at;          /* o_down plus our turn among the peers; SN_NEVER */
    int64_t give_up;           /* end of the election we stand in */
    uint64_t epoch;
    bool forced;               /* asked for: needs no O_DOWN */
    enum sn_fo_kind kind;
    enum sn_hand_over hand;
    bool hand_only;            /* no promotion without the master's hand-over */
    uint32_t target;           /* instance that shall be promoted; 0: the best */
    int64_t hand_until;        /* the master has not handed over by then: it does not */
    int64_t polled;            /* last ROLE sent while waiting for a hand-over */
    int64_t again_at;          /* a forced election starts anew then; SN_NEVER */
    uint32_t preferred;        /* outranked by data alone: becomes master later; 0: none */
    int64_t preferred_until;
    bool yielded;              /* not_before is time left to the one we voted for */
    unsigned yields;           /* times left to others in a row, without a result */
    unsigned lost;             /* elections lost in a row */
    bool retry_if_fit;         /* aborted for want of a replica: a fit one ends the long wait */
    bool delay_logged;
    int64_t info_asked;        /* since when we wait for the candidates' fresh INFO */
    struct sn_instance *promoted;
};

#endif
