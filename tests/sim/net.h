/* net: connections between nodes, as TCP gives them.
 *
 * A connection has two ends; an end is a number that its node holds. What is sent arrives whole
 * or in pieces, in order, after a delay, or not at all while the way between the two machines is
 * cut: then it waits, and goes on after the cut is healed, as retransmission does. Either way of
 * a pair of machines can be cut alone. Nothing is duplicated and nothing overtakes within one
 * connection; between connections everything may.
 *
 * A connect is refused by a living machine without that process, and hangs against a dead machine
 * or a cut. A killed process says goodbye after its last bytes; a crashed machine says nothing,
 * and answers a late byte with a reset once it is back.
 *
 * Owns the connections and the bytes under way. Ends stay valid numbers for the whole run;
 * sending on a closed one does nothing. */
#ifndef TESTS_SIM_NET_H
#define TESTS_SIM_NET_H

#include "tests/sim/sim.h"

struct net *net_new(struct sim *s);
void net_free(struct net *t);

/* Gives our end at once; ops->up or ops->down tells the outcome, if there is one. */
int net_connect(struct node *from, struct slice host, int port);
void net_send(struct net *t, int end, struct slice bytes);
/* The other side hears of it after the bytes before; this side hears nothing any more. */
void net_close(struct net *t, int end);

struct node *net_peer(struct net *t, int end); /* who is at the other end; NULL before accept */
void *net_owner(struct net *t, int end);
void net_set_owner(struct net *t, int end, void *owner);
size_t net_waiting(struct net *t, int end); /* bytes sent on this end and not yet delivered */

void net_cut(struct net *t, int from_host, int to_host);
void net_heal(struct net *t, int from_host, int to_host);
void net_heal_all(struct net *t);
bool net_is_cut(const struct net *t, int from_host, int to_host);
/* The node's process (or its whole host) has ended. */
void net_node_gone(struct net *t, struct node *n, bool host);
/* The host answers again: what waited for it is delivered, mostly to be reset. */
void net_host_back(struct net *t, int host);

#endif
