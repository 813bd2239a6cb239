/* model_link: a part of the model (model.h): the connections to one process, and what is due there.
 *
 * Owned by the core, ended with its last user. Pure. Tests: unit/sn_core, unit/sn_down, scenes. */
#ifndef SENTINEL_MODEL_LINK_H
#define SENTINEL_MODEL_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/vec.h"

#define SN_IP_MAX 48 /* an IPv6 address with its zero */

struct sn_instance;

enum sn_conn { SN_CMD, SN_PUBSUB, SN_CONNS };
enum sn_phase { SN_CLOSED, SN_RESOLVING, SN_CONNECTING, SN_OPEN };
enum sn_batch { SN_BATCH_UNKNOWN, SN_BATCH_NO, SN_BATCH_YES };

struct sn_conn_state {
    enum sn_phase phase;
    int64_t since;    /* when this phase began */
    int64_t tried;    /* last attempt to connect */
    int64_t heard;    /* last value received */
    unsigned pending; /* commands without a reply so far */
    unsigned tries;   /* attempts to connect since the last success */
};

/* The two connections to one process, and the liveness clock that belongs to them. */
struct sn_link {
    uint32_t id;
    VEC(struct sn_instance *) users; /* by id */
    struct sn_instance *pacer; /* the user whose group has the shortest down-after */
    int64_t beat;              /* periodic traffic leaves at such times modulo its period */
    struct sn_conn_state conn[SN_CONNS];
    char local_ip[SN_IP_MAX]; /* our end of the cmd connection */
    int64_t resolved_at;      /* last answer of the resolver */
    int64_t looked_up_at;     /* the name was asked for, over an open connection */
    bool looking_up;          /* and there is no answer yet */
    bool ping_flying;         /* a PING was sent on this very connection and not answered */
    bool stranger;            /* somebody else answered at the address */
    bool auth_failed;         /* the last AUTH was refused */
    int64_t unheard;          /* our first hello that did not come back by pubsub; SN_NEVER */
    enum sn_batch batch;      /* peers: are hellos of many groups taken in one command? */
    unsigned hellos_flying;   /* such commands without a reply */
    int64_t act_ping;         /* since when we wait for an acceptable reply, or SN_NEVER */
    int64_t last_ping;        /* last PING sent */
    int64_t last_avail;       /* last acceptable reply */
    int64_t last_pong;        /* last reply of any kind to a PING */
};

#endif
