/* demotion: what a master does to its clients when it has become a replica for good.
 *
 * Whoever has written here believes that this is the master. With demotion-cuts-writers (default)
 * such connections are closed, so that client libraries ask for the new master at once instead of
 * collecting READONLY errors; commands already sent get that error first. Readers, subscribers and
 * the client that ordered the change stay. Layer server. Tests: e2e/test_demotion. */
#ifndef SERVER_DEMOTION_H
#define SERVER_DEMOTION_H

#include <stdint.h>

struct server;
struct demotion;

struct demotion *demotion_new(struct server *s);
void demotion_delete(struct demotion *d);
/* We became a replica; the clients are looked at when this turn is over. */
void demotion_begin(struct demotion *d, uint64_t ordered_by);

#endif
