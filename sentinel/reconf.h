/* reconf: puts replicas and returning masters where they belong.
 *
 * In a failover of ours: SLAVEOF to so many replicas at once as parallel-syncs says, and how far
 * they are. Outside: a replica that says it is a master, or follows another one, is corrected; at
 * once when it is our former master which has not been a replica since, the new one has confirmed
 * its role and a majority has said since that it knows of no later epoch; otherwise after the
 * reference's time of grace, since it may be a choice that we have not heard of yet.
 * Pure. Tests: scenes, checker S7. */
#ifndef SENTINEL_RECONF_H
#define SENTINEL_RECONF_H

#include "sentinel/model.h"

enum sn_reconf_state { SN_RECONF_WORKING, SN_RECONF_FINISHED, SN_RECONF_TIMEOUT };
enum sn_reconf_state sn_reconf_run(struct sn_group *g);
/* After a timeout: SLAVEOF to all that remain, nobody waits for them. */
void sn_reconf_best_effort(struct sn_group *g);
/* Corrects a replica by what it last reported; called after reports and when a grace ends. */
void sn_reconf_check(struct sn_instance *r);
/* +switch-master, before the group is switched. */
void sn_switch_event(struct sn_group *g, const struct sn_addr *to);
/* Starts client-reconfig-script. role: "leader" or "observer". */
void sn_reconf_script(struct sn_group *g, const char *role, const struct sn_addr *from,
                      const struct sn_addr *to);

#endif
