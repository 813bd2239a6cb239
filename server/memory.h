/* memory: how much the data may take, and making room. Layer server. Tests: tests/e2e. */
#ifndef SERVER_MEMORY_H
#define SERVER_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

struct server;

/* What does not count towards maxmemory: what replicas wait for. */
size_t memory_not_counted(const struct server *s);
/* Bytes over maxmemory; 0: within. */
size_t memory_over(const struct server *s);
/* Samples the peak. */
void memory_cron(struct server *s);
/* Resident bytes of the process; 0: unknown. */
size_t memory_resident(void);
size_t memory_system_total(void);

#endif
