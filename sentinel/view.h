/* view: derived facts for readers of the model (SENTINEL MASTERS, CKQUORUM, INFO, ...).
 *
 * Const functions of the model and a moment; the shell formats what they give. Pure.
 * Tests: unit/sn_text. */
#ifndef SENTINEL_VIEW_H
#define SENTINEL_VIEW_H

#include "core/base/str.h"
#include "sentinel/model.h"

const struct sn_group *sn_group_by_name(const struct sn_core *core, struct slice name);
/* Its place in core->groups, or -1. */
ptrdiff_t sn_group_index(const struct sn_core *core, struct slice name);
const struct sn_instance *sn_instance_by_id(const struct sn_core *core, uint32_t id);
const struct sn_link *sn_link_by_id(const struct sn_core *core, uint32_t id);

/* The address to tell others: host or ip after announce-hostnames. */
const char *sn_announced_host(const struct sn_core *core, const struct sn_addr *addr);
/* What GET-MASTER-ADDR-BY-NAME says: from state reconf_slaves on the promoted replica's. */
const struct sn_addr *sn_current_addr(const struct sn_group *g);
/* "ip:port", "[v6]:port", or the run id of a peer, or the group's name. */
#define SN_NAME_TEXT_MAX (SN_HOST_MAX + 16)
char *sn_instance_name(const struct sn_core *core, const struct sn_instance *inst, char *buf,
                       size_t cap);
/* "s_down,o_down,master,disconnected,..." in Redis' order. */
#define SN_FLAGS_TEXT_MAX 256
char *sn_flags_text(const struct sn_instance *inst, char *buf, size_t cap);
const char *sn_fo_state_name(enum sn_fo_state s); /* "none", "wait_start", ... */
const char *sn_reject_name(enum sn_reject r);     /* one or a few words for people */
bool sn_disconnected(const struct sn_instance *inst);
/* The run id that a peer last voted for, or "?": when it has not answered for long. */
const char *sn_vote_shown(const struct sn_instance *peer, int64_t now);
/* Commands without a reply on both connections. */
unsigned sn_pending(const struct sn_instance *inst);
/* now - t, or 0 when t is SN_NEVER. */
int64_t sn_age(int64_t now, int64_t t);
unsigned sn_voters(const struct sn_group *g);   /* known peers + 1; not less than before a RESET */
unsigned sn_majority(const struct sn_group *g); /* voters / 2 + 1 */
unsigned sn_usable(const struct sn_group *g);   /* peers that are not S_DOWN + 1 */
/* The address in our hello to that instance: announce-ip or the local end of its link. */
const char *sn_hello_ip(const struct sn_core *core, const struct sn_instance *inst);
int sn_hello_port(const struct sn_core *core);
/* -1 when not in TILT. */
int64_t sn_tilt_seconds(const struct sn_core *core, int64_t now);

#endif
