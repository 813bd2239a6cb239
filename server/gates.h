/* gates: what the data server asks before a command runs, in this order, after the front's own
 * gates. A gate that says no has answered. The table is handed to the front at start.
 *
 * Our master's stream passes all but the last: what the master has done is done.
 * Layer server. Tests: tests/e2e. */
#ifndef SERVER_GATES_H
#define SERVER_GATES_H

#include "core/front/front.h"

struct server;

extern const struct gate server_gates[];

/* ---- the same questions for the calls of scripts ---- */
/* Why a command that writes may not run for this client; NULL: it may. The text may stand in
 * `room`. */
const char *gates_write_denied(struct server *s, const struct client *cl, struct errmsg *room);
/* Is the data older than replica-serve-stale-data allows? */
bool gates_stale(const struct server *s);
/* Does the disk fail so that writes are refused? */
bool gates_disk_failing(const struct server *s);

#endif
