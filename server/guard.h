/* guard: the shell of replication/fence: what a master does with the Sentinels' traffic.
 *
 *     PUBLISH __sentinel__:hello   guard_hello(): its sender is a Sentinel from now on
 *     any command of a Sentinel    guard_heard()
 *     a write                      guard_refuses(): the gate "fence"
 *     SIGTERM                      guard_leave(): asks the Sentinels for a hand-over
 *
 * Directives: self-fencing, self-fencing-window. One in `struct server`. Tests: e2e. */
#ifndef SERVER_GUARD_H
#define SERVER_GUARD_H

#include <stdbool.h>

#include "core/base/str.h"

struct server;
struct client;
struct guard;
struct buf;

struct guard *guard_new(struct server *s);
void guard_delete(struct guard *g);
/* Config or role changed. */
void guard_settings(struct guard *g);
void guard_role(struct guard *g, bool master);
void guard_hello(struct guard *g, struct client *cl, struct slice text);
void guard_heard(struct guard *g, const struct client *cl);
void guard_client_gone(struct guard *g, const struct client *cl);
/* The error for a write now, or NULL. */
const char *guard_refuses(struct guard *g);
/* Tells the Sentinels that this master is about to end. False when there is none to tell. */
bool guard_leave(struct guard *g);
/* Lines of INFO's replication section. */
void guard_info(const struct guard *g, struct buf *out);

#endif
