/* addr: where an instance is: host text as somebody wrote it, and the IP address it stands for.
 *
 * Whether two addresses are the same place is decided here and nowhere else. Pure: looking names
 * up is an action of the core. Tests: unit/sn_text. */
#ifndef SENTINEL_ADDR_H
#define SENTINEL_ADDR_H

#include "core/base/err.h"
#include "core/base/str.h"
#include "sentinel/model.h"

/* An IPv4 or IPv6 address in text form. */
bool sn_is_ip(struct slice host);
/* ERR_RANGE: port beyond 0..65535. ERR_NOTFOUND: not an address, and names are not allowed. */
enum err sn_addr_set(struct sn_addr *addr, struct slice host, int64_t port, bool names_allowed);
/* Same port, and same host text or, unless both are names, same resolved address. */
bool sn_addr_same(const struct sn_addr *a, const struct sn_addr *b);
/* Is it the place that others (INFO of a replica, a hello) call host:port? */
bool sn_addr_is(const struct sn_addr *a, struct slice host, int64_t port);
/* A name that cannot be compared with the address, since one of them is a name and the other not
 * known to be what it stands for. */
bool sn_addr_unknown_name(struct slice host, const struct sn_addr *a);
/* Must a name be resolved before a connection can be made? */
bool sn_addr_is_name(const struct sn_addr *a);

#endif
