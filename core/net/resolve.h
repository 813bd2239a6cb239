/* resolve: names to addresses, off the loop (getaddrinfo in a thread of its own, so that nsswitch
 * and /etc/hosts hold). Layer core/net. The answer comes in the loop's thread, never from inside
 * resolve_start. A numeric address is answered without the thread, still by callback. Of several
 * addresses the one that is to be kept is taken if it is among them, else the first IPv4 one, else
 * the first. Ended before its loop. Tests: unit/net. */
#ifndef CORE_NET_RESOLVE_H
#define CORE_NET_RESOLVE_H

#include <stdbool.h>

#include "core/net/loop.h"

#define RESOLVE_IP_MAX 64 /* a numeric address with scope, terminated */

struct resolver;
struct resolver *resolver_new(struct loop *l);
void resolver_delete(struct resolver *r); /* pending questions are dropped without callback */
/* `keep`: a numeric address or "", since name servers give several in changing order. ip is NULL
 * when the name has no address; why then says why. The id (never 0) is for resolve_cancel, after
 * which fn is not called. */
unsigned resolve_start(struct resolver *r, const char *host, const char *keep,
                       void (*fn)(void *arg, const char *ip, const char *why), void *arg);
void resolve_cancel(struct resolver *r, unsigned id);
bool resolve_is_numeric(const char *host);

#endif
