/* own_keys: keys with a deadline that clients have written to a writable replica.
 *
 * A replica leaves expiry to its master, but its master knows nothing of these: they would stay for
 * ever. So their names are kept, and the cron removes those that are over. Nothing is kept on a
 * master or on a read-only replica. Layer server. Tests: e2e/test_replica_words. */
#ifndef SERVER_OWN_KEYS_H
#define SERVER_OWN_KEYS_H

#include <stddef.h>

struct keyspace;
struct own_keys;
struct server;

struct own_keys *own_keys_new(struct server *s);
void own_keys_delete(struct own_keys *o);
/* replica-read-only may have changed. */
void own_keys_configured(struct own_keys *o);
/* The data are in another keyspace now. */
void own_keys_moved(struct own_keys *o, struct keyspace *from, struct keyspace *to);
/* Removes some of those that are over; all are forgotten on a master. */
void own_keys_cron(struct own_keys *o);
size_t own_keys_count(const struct own_keys *o);

#endif
