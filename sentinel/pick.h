/* pick: which replica is promoted.
 *
 * Each replica gets a verdict (enum sn_reject) that stays readable; those that are fit are
 * ordered by role (replicas before those that say they are masters), then by how much of the
 * latest data they have (place of their history in the group's lineage, offset), then priority,
 * then run id. One whose history is not the group's is rejected, but as a last resort not for
 * ever. A preferred one with less data becomes master afterwards, by a hand-over. Pure. Tests:
 * unit/sn_vote, checker S6. */
#ifndef SENTINEL_PICK_H
#define SENTINEL_PICK_H

#include "sentinel/model.h"

/* Writes the verdict into each replica; the best one, or NULL when none is fit. */
struct sn_instance *sn_pick(struct sn_group *g);
/* The verdict on one replica, without writing it. */
enum sn_reject sn_judge(const struct sn_instance *r);
/* <0 when a is to be preferred. */
int sn_prefer(const struct sn_instance *a, const struct sn_instance *b);
/* The fit replica that its priority prefers to `best`, but that has less data; or NULL. */
struct sn_instance *sn_pick_preferred(const struct sn_group *g, const struct sn_instance *best);
/* With nobody fit: is the named master a replica of nobody who leads, and would making it a master
 * again cost no data that a replica has? So it is when both were sent behind each other. */
bool sn_pick_restores(const struct sn_group *g);
/* May something still be learned about candidates by waiting for INFO asked at `since`? */
bool sn_pick_waits(const struct sn_group *g, int64_t since);

#endif
