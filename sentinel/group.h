/* group: life of groups, instances and links: made, found, moved, reset, ended.
 *
 * Every change of who is in a group passes here, so that links never outlive their last user and
 * users never miss a link. Closing a link appends DISCONNECT actions when a step runs.
 * Pure. Tests: unit/sn_core, scenes (reset, address switch). */
#ifndef SENTINEL_GROUP_H
#define SENTINEL_GROUP_H

#include "core/base/str.h"
#include "sentinel/model.h"

/* name must not exist; copies addr. Defaults from core->params. */
struct sn_group *sn_group_new(struct sn_core *core, struct slice name, const struct sn_addr *addr,
                              unsigned quorum);
void sn_group_delete(struct sn_group *g);
struct sn_group *sn_group_find(struct sn_core *core, struct slice name);
struct sn_link *sn_link_find(struct sn_core *core, uint32_t id);
/* The user of a link with that instance id, or NULL. */
struct sn_instance *sn_link_user(struct sn_link *link, uint32_t id);

/* NULL when the group is full or the address is there already (replica or master). */
struct sn_instance *sn_replica_add(struct sn_group *g, const struct sn_addr *addr);
struct sn_instance *sn_replica_find(struct sn_group *g, struct slice host, int64_t port);
/* Shares the link of the same run id in another group. NULL when the group is full. */
struct sn_instance *sn_peer_add(struct sn_group *g, const struct sn_addr *addr, const char *runid);
struct sn_instance *sn_peer_find(struct sn_group *g, const char *runid);
/* Takes a replica or a peer out of its group. */
void sn_instance_drop(struct sn_instance *inst);

/* Closes both connections now; they are opened again by the schedule. */
void sn_link_close(struct sn_core *core, struct sn_link *link);
void sn_conn_close(struct sn_core *core, struct sn_link *link, enum sn_conn conn);
/* After a change of down-after of one of its groups. */
void sn_link_repace(struct sn_link *link);
/* One connection less is being made: the group that waits longest is looked at. */
void sn_connecting_ended(struct sn_core *core);
void sn_wait_to_connect(struct sn_group *g);

/* At boot: all clocks of the group start now. */
void sn_group_start(struct sn_group *g);
/* SENTINEL RESET: forgets replicas, peers, run id, states; keeps the vote and the epochs. */
void sn_group_reset(struct sn_group *g);
/* The master is elsewhere now. The replica at that address (made if missing) becomes the master,
 * the old master a replica; peers, links and ids stay; states start anew. `confirmed`: the new
 * master has been seen in that role. Emits +slave events, persists. */
void sn_group_switch(struct sn_group *g, const struct sn_addr *addr, bool confirmed);
/* Lets go of replicas that are long down and unlisted, and of voters that a RESET left behind. */
void sn_group_age(struct sn_group *g);
/* Ends a failover of ours without any event. */
void sn_failover_clear(struct sn_group *g);

/* The group is looked at again before this step ends. */
void sn_touch(struct sn_group *g);
/* ... not later than at t. */
static inline void sn_want(struct sn_group *g, int64_t t)
{
    if (t < g->due) g->due = t;
}

/* Where "master sane" of the reference is decided: up, in its role, with fresh INFO. */
bool sn_master_sane(const struct sn_group *g);

/* Replaces an owned text. */
void sn_text_set(char **field, struct slice v);

#endif
