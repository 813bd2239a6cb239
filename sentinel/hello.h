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

struct sn_hello {
    struct slice host, runid, name, master_host; /* lent from the text */
    int64_t port, master_port;
    uint64_t current_epoch, config_epoch;
};

/* Everything that can be judged without a core: field count, numbers, ports, length of the id. */
bool sn_hello_parse(struct slice text, struct sn_hello *out);
/* Learns from a hello, of pub/sub or of a peer's PUBLISH. */
void sn_hello_take(struct sn_core *core, struct slice text);
/* PUBLISH to that instance. */
void sn_hello_send(struct sn_instance *inst);
/* What came on a subscription connection. */
struct sn_value;
void sn_hello_pushed(struct sn_link *link, const struct sn_value *v);

#endif
