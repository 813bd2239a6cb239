/* names: the simulated name service, and machines that move.
 *
 * In runs with host names each machine's nodes have a name for ever and an address for a while. A
 * machine that moves ends, comes back under another address, and what asks for the name is told
 * so some time later; until then it is sent to where the machine was. The old address is nobody's:
 * a connect is refused or hangs; or a machine that moves later takes it, and answers there as
 * another than the one that was meant.
 *
 * Owns nothing; the addresses stand in the nodes, the list of free ones in the simulation. */
#ifndef TESTS_SIM_NAMES_H
#define TESTS_SIM_NAMES_H

#include "tests/sim/sim.h"

bool names_is_name(struct slice host);
/* What the name service says now: an address, or an empty slice when it knows no such name. */
struct slice names_ask(struct sim *s, struct slice host);
/* Who listens at that name or address, as the asker would find it; NULL: nobody. */
struct node *names_find(struct sim *s, struct slice host, int port);
/* Whose name or address it is in truth: what the checkers compare. */
struct node *names_meant(struct sim *s, struct slice host, int port);
/* The name where the run has names, else the address. */
const char *names_of(const struct node *n);

/* All nodes of the machine end here and boot elsewhere after `outage`. */
void names_move(struct sim *s, int host, int64_t outage);
/* The faults have stopped: what is late is told now. */
void names_settle(struct sim *s);

#endif
