/* dataset: the keyspace's place in the server: made with our hooks, exchanged as a whole when a
 * snapshot of the master has been loaded beside it, swept of expired keys by cron.
 *
 * Layer server. Tests: tests/e2e. */
#ifndef SERVER_DATASET_H
#define SERVER_DATASET_H

#include <stdbool.h>
#include <stdint.h>

struct server;
struct keyspace;

/* A new empty keyspace with the server's hooks and policies; not the server's yet. */
struct keyspace *dataset_keyspace(struct server *s);
/* Takes the new keyspace for ours; the old one is freed in the background. Watched keys are
 * marked. */
void dataset_exchange(struct server *s, struct keyspace *fresh);
/* Frees a keyspace that was never ours, or is no longer; in the background as far as possible. */
void dataset_discard(struct server *s, struct keyspace *ks);
/* maxmemory-policy and the lfu directives, as the keyspace needs them. */
void dataset_policy(struct server *s, struct keyspace *ks);
uint64_t dataset_keys(const struct server *s);
/* Any key at all? */
bool dataset_empty(const struct server *s);

#endif
