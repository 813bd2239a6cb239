/* evictor: keeps the data below maxmemory: removes keys as maxmemory-policy says, before a command
 * runs and, when that is not enough, in slices between commands.
 *
 * One slice takes at most what maxmemory-eviction-tenacity allows. Each key that goes is told to
 * the stream as DEL or UNLINK, a unit of its own, and to listeners as "evicted".
 * Owns the pool of candidates and a timer. Layer server. Tests: e2e/evict. */
#ifndef SERVER_EVICTOR_H
#define SERVER_EVICTOR_H

#include <stdbool.h>
#include <stdint.h>

struct server;
struct evictor;

struct evictor *evictor_new(struct server *s);
void evictor_delete(struct evictor *ev);
/* False: over the limit, and nothing can be evicted. True: below, or on the way there. */
bool evictor_make_room(struct evictor *ev);
/* The directives have changed: begins at once, without a command. */
void evictor_configured(struct evictor *ev);
/* How long the data were above the limit although keys went: in all, and this time. */
void evictor_exceeded_ms(const struct evictor *ev, uint64_t *total, uint64_t *current);
void evictor_reset_stats(struct evictor *ev);

#endif
