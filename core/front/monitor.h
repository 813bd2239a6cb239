/* monitor: MONITOR, the stream of what all clients do, as
 *     +1339518083.107412 [0 127.0.0.1:60866] "keys" "*"
 * Administrative commands and secrets are not shown. Layer core/front. Tests: unit/front. */
#ifndef CORE_FRONT_MONITOR_H
#define CORE_FRONT_MONITOR_H

#include "core/front/call.h"
#include "core/front/command.h"

/* Dispatch calls it after a call, when there are monitors. */
void monitor_feed(const struct call *c);
/* Before a call whose own calls are shown too (EVAL), although its row is not shown afterwards. */
void monitor_feed_early(const struct call *c);
/* The client watches no more. */
void monitor_leave(struct client *cl);
/* Appends "..." with escapes, as MONITOR and error logs show bytes. */
void monitor_quote(struct buf *out, struct slice s);

extern const struct command cmds_monitor[];

#endif
