/* stats: what was called how often, how long it took, which errors were given; and their INFO
 * sections. Counters of calls stand in the command entries; errors are counted by their code word.
 *
 * Error codes come partly from scripts, so their number is bounded: beyond ERROR_CODES_MAX new ones
 * are no longer told apart. Layer core/front. Tests: unit/front. */
#ifndef CORE_FRONT_STATS_H
#define CORE_FRONT_STATS_H

#include <stdint.h>

#include "core/base/buf.h"
#include "core/front/front.h"

#define ERROR_CODES_MAX 128

struct error_stats *error_stats_new(void);
void error_stats_delete(struct error_stats *e);
/* `error` is the whole text with or without its '-'; the code is its first word. */
void error_stats_count(struct error_stats *e, struct slice error);
uint64_t error_stats_of(const struct error_stats *e, struct slice code);

/* A call is over. */
void stats_count(struct front *f, struct command_entry *e, int64_t us, bool failed);
/* The lines of INFO errorstats, commandstats, latencystats; without the title. */
void stats_print_errors(const struct front *f, struct buf *out);
void stats_print_commands(const struct front *f, struct buf *out);
void stats_print_latency(const struct front *f, struct buf *out);
/* The lines of INFO cpu: this process, its children, its main thread; without the title. */
void stats_print_cpu(struct buf *out);
/* CONFIG RESETSTAT's part: front_stats, errors, calls and histograms. */
void stats_reset(struct front *f);

#endif
