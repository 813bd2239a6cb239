/* info_read: INFO text to facts about a master or a replica, and what follows at once from them.
 *
 * Reading and applying are apart: the reader is a function of the text alone (and the fuzzer's
 * entry). Lines may come in any section; those of a replica count only after role:slave.
 * Pure. Tests: unit/sn_text, fuzz/info. */
#ifndef SENTINEL_INFO_READ_H
#define SENTINEL_INFO_READ_H

#include "core/base/str.h"
#include "sentinel/model.h"

#define SN_INFO_REPLICAS_MAX 256 /* of one master, in one text; more are ignored */

struct sn_info {
    struct slice runid; /* 40 characters, or empty */
    bool has_role;
    enum sn_role role;
    struct slice master_host; /* lent from the text; empty when missing */
    int master_port;          /* -1 when missing */
    bool master_link_up;
    int64_t master_link_down_ms; /* 0 when missing */
    int64_t repl_offset;
    int priority, announced; /* -1 when missing */
    struct slice replid, replid2; /* 40 characters, or empty (replid2: also when all zeros) */
    int64_t master_offset;
    int64_t keys; /* of all databases; -1 when the text does not tell */
    bool loading, syncing, aof;
    size_t replicas_n;
    struct {
        struct slice host;
        int port;
    } replicas[SN_INFO_REPLICAS_MAX];
};

void sn_info_parse(struct slice text, struct sn_info *out);
/* The reply to INFO of that instance. */
void sn_info_take(struct sn_instance *inst, struct slice text);
/* The reply to ROLE: what is known a moment earlier than by INFO. */
struct sn_value;
void sn_role_take(struct sn_instance *inst, const struct sn_value *v);

#endif
