/* host: our side of replication/host: what replication asks of the data server.
 *
 * The master's stream is run by a pseudo client through the same dispatch as any client's, without
 * ACL and memory limit. Layer server. Tests: tests/e2e. */
#ifndef SERVER_HOST_H
#define SERVER_HOST_H

struct server;
struct host;

/* Makes s->repl and s->master_client, and fills s->repl's table. */
struct host *host_new(struct server *s);
/* Ends s->repl. */
void host_delete(struct host *h);
/* The configuration's replication values have changed. */
void host_settings(struct host *h);

#endif
