/* info: the INFO text as a table of sections, each a writer of `field:value` lines. Field names
 * and their order are Redis'. Layer server. Tests: tests/e2e (presence of all fields). */
#ifndef SERVER_INFO_H
#define SERVER_INFO_H

#include "core/base/buf.h"
#include "core/base/str.h"

struct server;

/* Appends the sections that the words name ("default", "all", "everything", names); n 0: default.
 */
void info_print(struct server *s, const struct slice *word, int n, struct buf *out);

/* Writers that stand in files of their own. */
void info_memory(struct server *s, struct buf *out);
void info_stats(struct server *s, struct buf *out);

/* What one walk over the clients gives. */
struct info_clients {
    uint64_t connected, blocked, tracking, pubsub, watching;
    uint64_t normal_mem, replica_mem;
    uint64_t max_in, max_out;
};
void info_count_clients(const struct server *s, struct info_clients *out);

#endif
