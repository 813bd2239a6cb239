/* schedule: what is sent to whom when, while nothing special happens: connections, PING, INFO,
 * hello. Each function does what is due and says by sn_want() when it wants to be asked again.
 *
 * Where it is quicker than the reference and why:
 * - PING: often enough (a twentieth of down-after for a master) that the moment of S_DOWN is close
 *   to the moment of death plus down-after. One is on its way at a time: replies come in order, so
 *   a second one could tell nothing that the first does not.
 * - INFO: at once after a connection opens, so that a returning master is seen at once; often
 *   while something is changing.
 * - Beats: what is periodic and slow is due at common times, so that the PING, the INFO and the
 *   hello of a server leave in one write and come back in one read, and a group is looked at once
 *   a second. A reply that brings nothing new does not make anybody look.
 * - Hellos to a peer of ours: those of all groups in one command, see hello.h. Where all known
 *   peers are of ours, and all is well, replicas are told rarely: who is new is met at the master.
 * - Reconnection: every 100 ms. A refused connection costs nothing, and an old master must be met
 *   soon after it has come back.
 * Pure. Tests: unit/sn_down, scenes. */
#ifndef SENTINEL_SCHEDULE_H
#define SENTINEL_SCHEDULE_H

#include "sentinel/model.h"

void sn_schedule(struct sn_instance *inst);
int64_t sn_ping_period(const struct sn_instance *inst);
int64_t sn_info_period(const struct sn_instance *inst);
int64_t sn_ping_due(const struct sn_link *link);
int64_t sn_hello_due(const struct sn_instance *inst);

/* What happens to connections. */
void sn_link_up(struct sn_core *core, struct sn_link *link, enum sn_conn conn,
                struct slice local_ip);
void sn_link_down(struct sn_core *core, struct sn_link *link, enum sn_conn conn);
void sn_resolved(struct sn_core *core, struct sn_link *link, struct slice ip);

#endif
