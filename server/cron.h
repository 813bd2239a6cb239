/* cron: what is done from time to time, as a table of jobs: name, period, function. Each job has a
 * budget of its own and goes on at the next tick. `hz` ticks a second.
 *
 * Layer server. Made by server_main, runs until it is deleted. Tests: tests/e2e. */
#ifndef SERVER_CRON_H
#define SERVER_CRON_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"

struct server;
struct cron;

struct cron *cron_new(struct server *s);
void cron_delete(struct cron *c);
/* DEBUG PAUSE-CRON. */
void cron_pause(struct cron *c, bool on);
/* What INFO says of active expiry. */
struct cron_figures {
    double expired_stale_percent;
    uint64_t expire_cuts;
    int64_t expire_ms; /* time spent */
    uint64_t cycles_per_sec, cycle_us; /* of the event loop, sampled */
};
void cron_figures(const struct cron *c, struct cron_figures *out);
void cron_reset_stats(struct cron *c);

#endif
