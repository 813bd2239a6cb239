/* vote: epochs, one vote an epoch, and counting.
 *
 * A vote is given once for each epoch of a group and saved before it is told (checker S2); a vote
 * that could not be saved is taken back. Epochs never go down (S3). A group's votes depend on that
 * group's leader epoch alone, so that elections of many groups do not disturb each other. No vote
 * is given against a master that we see well, nor while we lead a failover that is in full swing.
 * Pure. Tests: unit/sn_vote, scenes (split vote), checkers S1, S2, S3, S5. */
#ifndef SENTINEL_VOTE_H
#define SENTINEL_VOTE_H

#include "core/base/str.h"
#include "sentinel/model.h"

struct sn_vote {
    char leader[SN_ID_LEN + 1]; /* "*": none that we know */
    uint64_t epoch;
    bool unsaved; /* depends on the PERSIST of this step */
};

/* A greater current epoch is adopted, saved and told. */
void sn_epoch_seen(struct sn_group *g, uint64_t epoch);
/* Someone asks for our vote. `wanted`: an operator wants the failover, so that it is no argument
 * that we see the master well. */
struct sn_vote sn_vote(struct sn_group *g, uint64_t epoch, struct slice runid, bool wanted);
/* The next epoch that no other Sentinel of ours will take of its own accord: its low 16 bits come
 * from our id. For configurations that no majority could be asked about. */
uint64_t sn_own_epoch(const struct sn_core *core);

enum sn_tally { SN_TALLY_OPEN, SN_TALLY_WON, SN_TALLY_SPLIT, SN_TALLY_OTHER };
/* The state of the election of fo.epoch in which we stand: OPEN while outstanding votes may still
 * decide it, SPLIT when nobody can win it any more, OTHER when another has won it. */
enum sn_tally sn_tally(const struct sn_group *g);

#endif
