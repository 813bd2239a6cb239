/* migrate_link: a connection that waits: connect, send, read a line, each for so long at most.
 * For MIGRATE, in its own thread or where the whole server has to wait. Knows lines, no protocol.
 * `*stop` that becomes true ends every wait within a tenth of a second. Layer server.
 * Tests: e2e/test_migrate. */
#ifndef SERVER_MIGRATE_LINK_H
#define SERVER_MIGRATE_LINK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MIGRATE_LINE_MAX 1024 /* longer ones are cut */

struct migrate_link {
    int fd; /* -1: none */
    int64_t timeout_ms;
    const atomic_bool *stop;
    bool timed_out; /* why the last function failed */
    char in[4096];  /* received, not yet read as a line */
    size_t at, n;
};

bool migrate_link_open(struct migrate_link *l, const char *host, int port);
void migrate_link_close(struct migrate_link *l);
bool migrate_link_send(struct migrate_link *l, const char *p, size_t n);
/* A line without its end, terminated. */
bool migrate_link_line(struct migrate_link *l, char line[MIGRATE_LINE_MAX]);

#endif
