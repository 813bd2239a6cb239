/* lineage: whose data is this? The replication ids that a group's masters have had, newest first.
 *
 * A master's INFO names the id of its history and the one before it; what the masters of a group
 * have named is the group's lineage. A replica shares it when one of its own ids is in it. Where
 * nothing is known on either side, nothing is held against anybody. The lineage tells who may be
 * promoted, which server is a stranger at a reused address, and whether a master that restarted has
 * forgotten what its replicas still have. Pure. Tests: unit/sn_clear, scenes (amnesia, foreign). */
#ifndef SENTINEL_LINEAGE_H
#define SENTINEL_LINEAGE_H

#include "sentinel/model.h"

/* From the INFO of a master in its role, the group's or the one that we just made; true when there
 * was something new in it. */
bool sn_lineage_learn(struct sn_instance *leads);
/* Place of the data's id in the lineage: 0 the newest; SN_LINEAGE_MAX: nothing known;
 * above: known not to share it. */
unsigned sn_lineage_rank(const struct sn_group *g, const struct sn_facts *f);
static inline bool sn_lineage_shares(const struct sn_group *g, const struct sn_facts *f)
{
    return sn_lineage_rank(g, f) <= SN_LINEAGE_MAX;
}
/* The master's latest INFO shows a history that does not go on and far fewer keys than a replica
 * has: what it would give them is a loss. */
bool sn_amnesia(const struct sn_group *g);
/* Under one of our names: data that goes on from another group's and not from ours. Either another
 * server was met there, or the one that we mean, whose own master's name led elsewhere. */
bool sn_is_astray(const struct sn_instance *inst);
/* Its name has been looked up again since it was connected: it is the one that we mean. */
bool sn_is_settled(const struct sn_instance *inst);
/* A server with data of another lineage that takes part in somebody else's replication. */
bool sn_is_foreign(const struct sn_instance *inst);

#endif
