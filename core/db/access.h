/* access: the 24-bit clock in each entry that says how recently (LRU) or how often (LFU) it was
 * used.
 *
 * LRU: seconds modulo 2^24. LFU: the upper 16 bits are minutes modulo 2^16 of the last decay, the
 * lower 8 a logarithmic counter that starts at 5. The figures and their decay are Redis', since
 * OBJECT IDLETIME and FREQ, RESTORE and the RDB file carry them. Pure: now and randomness are
 * given. Tests: unit/expire. */
#ifndef CORE_DB_ACCESS_H
#define CORE_DB_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/rand.h"

struct access_policy {
    bool lfu;
    bool frozen;            /* leave clocks alone: a forked child shares our pages */
    uint32_t log_factor;    /* lfu-log-factor */
    uint32_t decay_minutes; /* lfu-decay-time */
};

uint32_t access_new(const struct access_policy *p, int64_t now_ms);
uint32_t access_used(const struct access_policy *p, uint32_t clock, int64_t now_ms, struct rng *r);
/* Meaningful under the LRU and LFU policy respectively. */
int64_t access_idle_seconds(uint32_t clock, int64_t now_ms);
uint32_t access_frequency(const struct access_policy *p, uint32_t clock, int64_t now_ms);
/* Clocks that read back as the given figure (RESTORE IDLETIME / FREQ, RDB). */
uint32_t access_from_idle(int64_t idle_seconds, int64_t now_ms);
uint32_t access_from_frequency(uint32_t frequency, int64_t now_ms);

#endif
