/* latency: how long things took. A histogram a command (LATENCY HISTOGRAM, INFO latencystats), and
 * the spikes of named events with their history (LATENCY LATEST, HISTORY, DOCTOR).
 *
 * A histogram is log-linear: HISTOGRAM_SUB steps an octave, so a value is known within 3%; values
 * are microseconds, from 0 to about a second, above which all count as the last. Recording is a few
 * instructions. Events keep LATENCY_SAMPLES seconds that had a spike. Pure but for the commands.
 * Tests: unit/front. */
#ifndef CORE_FRONT_LATENCY_H
#define CORE_FRONT_LATENCY_H

#include <stdint.h>

#include "core/front/command.h"

#define HISTOGRAM_BITS 5
#define HISTOGRAM_SUB (1 << HISTOGRAM_BITS)
#define HISTOGRAM_OCTAVES 20
#define HISTOGRAM_CELLS ((HISTOGRAM_OCTAVES - HISTOGRAM_BITS + 1) * HISTOGRAM_SUB)

struct histogram {
    uint64_t total;
    uint64_t cell[HISTOGRAM_CELLS];
};

struct histogram *histogram_new(void);
void histogram_delete(struct histogram *h); /* NULL is fine */
static inline unsigned histogram_cell(uint64_t us)
{
    if (us >= (1u << HISTOGRAM_OCTAVES)) return HISTOGRAM_CELLS - 1;
    if (us < HISTOGRAM_SUB) return (unsigned)us;
    unsigned octave = 63u - (unsigned)__builtin_clzll(us);
    return (octave - HISTOGRAM_BITS + 1) * HISTOGRAM_SUB +
           ((unsigned)(us >> (octave - HISTOGRAM_BITS)) & (HISTOGRAM_SUB - 1));
}
static inline void histogram_record(struct histogram *h, uint64_t us)
{
    h->total++;
    h->cell[histogram_cell(us)]++;
}
/* The greatest value of the cell that holds this share of all values (0 to 100). */
uint64_t histogram_percentile(const struct histogram *h, double percent);
/* How many values are at most us, to the precision of cells. */
uint64_t histogram_at_most(const struct histogram *h, uint64_t us);

#define LATENCY_SAMPLES 160

struct latency;
struct front;
struct latency *latency_new(void);
void latency_delete(struct latency *l);
/* An event took `ms`; kept when latency-monitor-threshold asks for it. `event` is a constant text:
 * "command", "fast-command", "fork", "aof-write", "expire-cycle" ... */
void latency_add(struct front *f, const char *event, int64_t ms);

extern const struct command cmds_latency[];

#endif
