/* fencing: the shell of replication/fence: what a master does with the Sentinels' traffic.
 *
 *     PUBLISH __sentinel__:hello   fencing_hello(): its sender is a Sentinel from now on
 *     any command of a Sentinel    fencing_heard()
 *     a write                      fencing_refuses(): the gate "fence"
 *     SIGTERM                      fencing_leave(): asks the Sentinels for a hand-over
 *
 * Directives: self-fencing, self-fencing-window. One in `struct server`. Tests: e2e. */
#ifndef SERVER_FENCING_H
#define SERVER_FENCING_H

#include <stdbool.h>

#include "core/base/str.h"

struct server;
struct client;
struct fencing;
struct buf;

struct fencing *fencing_new(struct server *s);
void fencing_delete(struct fencing *g);
/* Config or role changed. */
void fencing_settings(struct fencing *g);
void fencing_role(struct fencing *g, bool master);
void fencing_hello(struct fencing *g, struct client *cl, struct slice text);
void fencing_heard(struct fencing *g, const struct client *cl);
void fencing_client_gone(struct fencing *g, const struct client *cl);
/* The error for a write now, or NULL. */
const char *fencing_refuses(struct fencing *g);
/* Tells the Sentinels that this master is about to end. False when there is none to tell. */
bool fencing_leave(struct fencing *g);
/* Lines of INFO's replication section. */
void fencing_info(const struct fencing *g, struct buf *out);

#endif
