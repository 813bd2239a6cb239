/* hello: the message by which Sentinels find each other and spread a newer configuration.
 *
 *     ip,port,run id,current epoch,master name,master ip,master port,master config epoch
 *
 * Exactly eight fields; anything else is ignored. Pure. Tests: unit/sn_text, fuzz/hello, scenes
 * (address switch by hello). */
#ifndef SENTINEL_HELLO_H
#define SENTINEL_HELLO_H

#include "core/base/str.h"
#include "sentinel/model.h"

struct sn_value;

struct sn_hello {
    struct slice host, runid, name, master_host; /* lent from the text */
    int64_t port, master_port;
    uint64_t current_epoch, config_epoch;
};

/* Everything that can be judged without a core: field count, numbers, ports, length of the id. */
bool sn_hello_parse(struct slice text, struct sn_hello *out);
/* Learns from a hello, of pub/sub or of a peer's PUBLISH. `near`: the group that it is about most
 * probably, or NULL. */
void sn_hello_take(struct sn_core *core, struct slice text, struct sn_group *near);
/* PUBLISH to that instance. */
void sn_hello_send(struct sn_instance *inst);
/* Those of all groups to a peer: SENTINEL HELLOS payload ... Who does not know that command answers
 * with an error, and is told in the old way from then on, until the connection ends. */
void sn_hello_send_all(struct sn_link *link);
void sn_hellos_answered(struct sn_link *link, const struct sn_value *v);
/* What came on a subscription connection. */
void sn_hello_pushed(struct sn_link *link, const struct sn_value *v);

#endif
