#include "server/memory.h"

#include <stdio.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "replication/replication.h"
#include "server/config.h"
#include "server/persist/aof.h"
#include "server/persist/snapshot.h"
#include "server/persist/walker.h"
#include "server/server.h"

/* The backlog counts as far as it was configured; what slow replicas hold beyond does not, nor what
 * a snapshot has not brought away yet or waits for the disk: else evicting keys would make more of
 * it, and so on. */
size_t memory_not_counted(const struct server *s)
{
    size_t feed = replication_mem(s->repl);
    struct walker_figures walk;
    snapshot_progress(s->snapshot, &walk);
    size_t beyond =
        feed > s->config->repl_backlog_size ? feed - (size_t)s->config->repl_backlog_size : 0;
    return beyond + walk.held + aof_mem(s->aof);
}

size_t memory_over(const struct server *s)
{
    if (!s->config->maxmemory) return 0;
    size_t used = mem_used(), limit = (size_t)s->config->maxmemory;
    if (used <= limit) return 0;
    size_t aside = memory_not_counted(s);
    return used - limit > aside ? used - limit - aside : 0;
}

void memory_cron(struct server *s)
{
    size_t used = mem_used();
    if (used > s->peak_mem) s->peak_mem = used;
}

size_t memory_resident(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f) return 0;
    unsigned long pages = 0;
    if (fscanf(f, "%*u %lu", &pages) != 1) pages = 0;
    fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

size_t memory_system_total(void)
{
    return (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
}
