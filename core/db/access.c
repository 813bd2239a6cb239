#include "core/db/access.h"

#define CLOCK_MASK 0xffffffu
#define LFU_START 5 /* new keys must not be the first to go */
#define LFU_MAX 255

static uint32_t seconds(int64_t now_ms) { return (uint32_t)(now_ms / 1000) & CLOCK_MASK; }
static uint32_t minutes(int64_t now_ms) { return (uint32_t)(now_ms / 60000) & 0xffff; }

uint32_t access_from_frequency(uint32_t frequency, int64_t now_ms)
{
    return minutes(now_ms) << 8 | (frequency & LFU_MAX);
}

uint32_t access_new(const struct access_policy *p, int64_t now_ms)
{
    return p->lfu ? access_from_frequency(LFU_START, now_ms) : seconds(now_ms);
}

uint32_t access_frequency(const struct access_policy *p, uint32_t clock, int64_t now_ms)
{
    uint32_t counter = clock & LFU_MAX;
    uint32_t passed = (minutes(now_ms) - (clock >> 8)) & 0xffff;
    uint32_t decay = p->decay_minutes ? passed / p->decay_minutes : 0;
    return counter > decay ? counter - decay : 0;
}

/* Counts with a chance that falls as the counter rises: 255 stands for about a million uses. */
static uint32_t count_up(uint32_t counter, uint32_t log_factor, struct rng *r)
{
    if (counter == LFU_MAX) return counter;
    uint64_t above = counter > LFU_START ? counter - LFU_START : 0;
    return rng_below(r, above * log_factor + 1) == 0 ? counter + 1 : counter;
}

uint32_t access_used(const struct access_policy *p, uint32_t clock, int64_t now_ms, struct rng *r)
{
    if (p->frozen) return clock;
    if (!p->lfu) return seconds(now_ms);
    uint32_t counter = access_frequency(p, clock, now_ms);
    return access_from_frequency(count_up(counter, p->log_factor, r), now_ms);
}

int64_t access_idle_seconds(uint32_t clock, int64_t now_ms)
{
    return (seconds(now_ms) - clock) & CLOCK_MASK;
}

uint32_t access_from_idle(int64_t idle_seconds, int64_t now_ms)
{
    return (seconds(now_ms) - (uint32_t)idle_seconds) & CLOCK_MASK;
}
