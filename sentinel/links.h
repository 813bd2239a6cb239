/* links: the connections that the core asks for: two an instance (commands, subscription).
 *
 * Keeps for each open connection the tags of the commands under way, in order, and turns replies
 * into events. Owns the conns. A link is named by the core's link id. Layer sentinel, shell. */
#ifndef SENTINEL_LINKS_H
#define SENTINEL_LINKS_H

#include "sentinel/core.h"

struct sentinel;
struct sn_links;

struct sn_links *links_new(struct sentinel *s);
/* Ends the connections to which something has been sent that has not left. */
void links_hush(struct sn_links *l);
void links_delete(struct sn_links *l);
void links_connect(struct sn_links *l, const struct sn_action *a);
void links_disconnect(struct sn_links *l, uint32_t link, enum sn_conn conn);
void links_send(struct sn_links *l, const struct sn_action *a);
void links_resolve(struct sn_links *l, const struct sn_action *a);

#endif
