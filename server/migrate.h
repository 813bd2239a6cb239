/* migrate: MIGRATE: keys move to another server: RESTORE there, then DEL here.
 *
 * Redis stops its whole loop until the other side has answered. Here only the caller waits: a
 * thread of its own sends and reads, the loop goes on. What must hold all the same: a key is
 * deleted here only if the other side has exactly what it was. The gate marks keys that change
 * while they are under way; such a key is sent again (RESTORE REPLACE, or DEL when it has gone)
 * before anything of it is deleted. Who keeps changing keys cannot hold us up for ever: after
 * ROUNDS_MAX times the loop waits for the last exchange, as Redis does. In EXEC and scripts it
 * waits at once.
 * COPY is content with what the key was when the command ran.
 *
 * Connections are kept for ten seconds, at most 64, by address and user. Between two migrations
 * the thread sleeps; it starts with the first one. Deletions go to the stream as DEL.
 * Owned by the server. Layer server. Tests: e2e/test_migrate. */
#ifndef SERVER_MIGRATE_H
#define SERVER_MIGRATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/front/call.h"

struct keyspace;
struct migrations;
struct server;

struct migrate_request {
    struct slice host, user, password; /* password.p NULL: none is sent; user.p NULL: default */
    int port;
    int64_t db, timeout_ms;
    bool copy, replace, authenticate;
    int n; /* names are in argv from there */
    const struct slice *names;
};

struct migrations *migrations_new(struct server *s);
void migrations_delete(struct migrations *m);
void migrations_moved(struct migrations *m, struct keyspace *from, struct keyspace *to);
/* Answers, now or later. */
void migrate_start(struct call *c, const struct migrate_request *r);
/* Once a second: connections that have been idle are closed. */
void migrations_cron(struct migrations *m);
size_t migrations_links(const struct migrations *m);

#endif
