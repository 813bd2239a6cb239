/* down: who is down, in our own eyes and in those of a quorum; and asking the peers.
 *
 * S_DOWN is never declared earlier than down-after since the oldest unanswered PING or, while
 * disconnected, since the last acceptable reply; and at exactly that moment. O_DOWN is declared the
 * moment the answer arrives that completes the quorum. Pure. Tests: unit/sn_down, scenes. */
#ifndef SENTINEL_DOWN_H
#define SENTINEL_DOWN_H

#include "sentinel/model.h"

void sn_s_down_check(struct sn_instance *inst);
void sn_o_down_check(struct sn_group *g);
/* IS-MASTER-DOWN-BY-ADDR to the peers that are due; with our id while we stand for election. */
void sn_ask_peers(struct sn_group *g);
/* The answer to that. */
struct sn_value;
void sn_peer_answered(struct sn_instance *peer, uint32_t gen, const struct sn_value *v);
/* Reply to a PING. */
void sn_ping_answered(struct sn_link *link, const struct sn_value *v);
/* Ours to a peer's question. argv: ip, port, epoch, run id. */
struct sn_event;
void sn_asked(struct sn_core *core, const struct sn_event *ev);
/* The same for a failover that was asked for. argv: name, epoch, run id. */
void sn_asked_vote(struct sn_core *core, const struct sn_event *ev);

#endif
