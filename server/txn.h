/* txn: MULTI, EXEC, DISCARD, WATCH, UNWATCH.
 *
 * Commands between MULTI and EXEC are copied into the client's session and run as one unit. WATCH
 * remembers (database, key, client) in a table; the keyspace's gate marks the clients whose keys
 * change, and EXEC then gives null. While nobody watches, the gate does not know of us.
 * Limits: the queue is bounded by the client's own input limits. Layer server. Tests: tests/e2e. */
#ifndef SERVER_TXN_H
#define SERVER_TXN_H

#include <stdbool.h>

#include "core/front/call.h"
#include "core/front/command.h"

struct server;
struct client;
struct keyspace;
struct watches;

extern const struct command cmds_txn[];

struct watches *watches_new(struct server *s);
void watches_delete(struct watches *w);
/* The keyspace was exchanged for another one: every watcher of a key that is in either is marked.
 */
void watches_moved(struct watches *w, struct keyspace *from, struct keyspace *to);
/* For INFO. */
size_t watches_keys(const struct watches *w);
size_t watches_clients(const struct watches *w);

/* True: the call was queued (and answered). The last of the gates asks. */
bool txn_queue(struct call *c);
/* A gate refused the command: the transaction it belongs to is spoilt, and EXEC says why. `text`
 * begins with '-'. */
void txn_refuse(struct call *c, const char *text);
bool txn_is_exec(const struct command *row);
/* Would it be queued in a transaction? EXEC and its like are not. */
bool txn_queues(const struct command *row);
/* Leaves MULTI and forgets what is watched (DISCARD, RESET, the master's link broke). */
void txn_discard(struct client *cl);
void txn_unwatch(struct client *cl);

#endif
