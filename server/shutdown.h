/* shutdown: the orderly end: replicas catch up, the data is saved, the loop stops.
 *
 * Asked for by SHUTDOWN or a signal. While replicas lag, writes are paused for at most
 * shutdown-timeout, and the asking clients wait; ABORT calls it off. A final save that fails keeps
 * the server alive unless FORCE was said. Layer server. Tests: tests/e2e. */
#ifndef SERVER_SHUTDOWN_H
#define SERVER_SHUTDOWN_H

#include <stdbool.h>
#include <stdint.h>

struct server;
struct client;
struct shutdown;

struct shutdown *shutdown_new(struct server *s);
void shutdown_delete(struct shutdown *d);

enum shutdown_answer {
    SHUTDOWN_GOES, /* the loop stops: no reply any more */
    SHUTDOWN_WAITS, /* for replicas; `asker` was blocked */
    SHUTDOWN_FAILED,
};
/* `flags`: bits of enum server_shutdown. `asker` may be NULL (a signal). */
enum shutdown_answer shutdown_begin(struct shutdown *d, int flags, struct client *asker);
/* False: none is under way. */
bool shutdown_abort(struct shutdown *d);
bool shutdown_waiting(const struct shutdown *d);
int64_t shutdown_left_ms(const struct shutdown *d); /* that it will wait; -1: none is under way */
/* The loop was stopped by us, not by an accident. */
bool shutdown_done(const struct shutdown *d);
/* A signal's handler. */
void shutdown_signal(void *server, int signo);
/* Its client is going: forget it. */
void shutdown_client_gone(struct shutdown *d, struct client *cl);

#endif
