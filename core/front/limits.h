/* limits: what a client may hold: output by class (client-output-buffer-limit), query bytes
 * (client-query-buffer-limit), idle time. A client over a limit is closed at the next safe point,
 * with Redis' line in the log. Layer core/front. Tests: unit/front. */
#ifndef CORE_FRONT_LIMITS_H
#define CORE_FRONT_LIMITS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/front/client.h"

/* An unauthenticated client that does not read its errors may not make us hold more than this. */
#define LIMITS_UNAUTH_OUT 1024

/* The client's waiting output, or what its personality says that waits for it (a replica's lag in
 * the feed), against its class. True: it was over and is being closed. */
bool limits_check_output(struct client *cl, size_t waiting);
/* The same with the connection's out buffer. */
bool limits_check(struct client *cl);
/* The query buffer. True: over and being closed. */
bool limits_check_query(struct client *cl);
/* Idle time; called by front_cron for each client in turn. */
bool limits_check_idle(struct client *cl, int64_t now_ms);

#endif
