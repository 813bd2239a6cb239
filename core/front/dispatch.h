/* dispatch: from bytes in a client's query buffer to commands that run.
 *
 *     bytes ── parse up to BATCH_MAX whole requests ── prefetch their keys ── run them in order
 *                                                          each: gates ── call ── statistics
 *
 * A request that does not run (a gate refused it) has been answered; one that was postponed stays
 * in the buffer and is parsed again later. A batch stops where its client is blocked, paused or
 * closed; what is left stays in the buffer. The front owns one batch: requests are never run inside
 * a request, a client that is resumed there waits for the next safe point. The functions that
 * others call are declared in front.h. Layer core/front. Tests: unit/front. */
#ifndef CORE_FRONT_DISPATCH_H
#define CORE_FRONT_DISPATCH_H

#include "core/front/front.h"

#define BATCH_MAX 64        /* requests: enough to overlap cache misses, small enough for the L1 */
#define BATCH_ARGS 1024     /* their arguments; a request that does not fit runs alone */
#define BATCH_KEYS 128      /* keys offered to hooks.prefetch */

struct batch *batch_new(void);
void batch_delete(struct batch *b);
/* Requests of a client are being run, further down the stack. */
bool dispatch_is_busy(const struct front *f);
/* A batch begins: the clock is read. */
void dispatch_clock(struct front *f);
/* Where a client's replies go now; NULL: nowhere. */
struct buf *dispatch_out(struct client *cl);

#endif
