/* breaks: deliberately broken variants, one for each checker at least: the test of the test.
 *
 * A variant changes what a driver or a node does, never the code under test. In a broken run only
 * the checker that the row names may speak, so that each shows that it sees its own kind of
 * wrong. `tanist-sim --break NAME` searches seeds until that checker has spoken. */
#ifndef TESTS_SIM_BREAKS_H
#define TESTS_SIM_BREAKS_H

#include "sentinel/core.h"
#include "tests/sim/sim.h"

enum break_kind {
    BREAK_NONE,
    BREAK_GHOST_VOTES,
    BREAK_VOTE_FOR_ALL,
    BREAK_SKIP_PERSIST,
    BREAK_WRONG_HELLO,
    BREAK_GHOST_DOWN,
    BREAK_PROMOTE_ANY,
    BREAK_POINT_ALL,
    BREAK_CORRUPT_BYTE,
    BREAK_APPLY_TWICE,
    BREAK_GRANT_ALWAYS,
    BREAK_TRIM_EARLY,
    BREAK_FALSE_COPY,
    BREAK_NEVER_FOLLOW,
    BREAK_DEAF_TO_MASTER,
    BREAK_ACK_EARLY,
    BREAK_HAND_EARLY,
    BREAK_OVERRULED_WRITES,
    BREAK_ALONE_WRITES,
};

struct breakage {
    enum break_kind kind;
    const char *name, *checker, *what;
};
extern const struct breakage breaks[];
extern const size_t breaks_count;

const struct breakage *breaks_find(const char *name);

static inline bool broken_is(const struct sim *s, enum break_kind kind)
{
    return s->broken && s->broken->kind == kind;
}

/* Changes an action before it is performed, or a reply before the core sees it. */
void breaks_sentinel_action(struct node *n, struct sn_core *core, const struct sn_event *ev,
                            struct sn_action *a);
void breaks_sentinel_reply(struct node *n, struct sn_core *core, struct sn_event *ev,
                           struct sn_value *value, struct sn_value *items);

#endif
