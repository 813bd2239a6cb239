#include "core/sys/clock.h"

#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static int64_t read_us(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_mono_us(void) { return read_us(CLOCK_MONOTONIC); }
int64_t clock_mono_ms(void) { return clock_mono_us() / 1000; }
int64_t clock_wall_us(void) { return read_us(CLOCK_REALTIME); }
int64_t clock_wall_ms(void) { return clock_wall_us() / 1000; }

uint64_t clock_entropy(void)
{
    uint64_t v;
    if (getrandom(&v, sizeof(v), 0) == (ssize_t)sizeof(v)) return v;
    /* Old kernels and some sandboxes have no getrandom: times and pid must do. */
    v = (uint64_t)clock_wall_us() * 0x9e3779b97f4a7c15u;
    return v ^ ((uint64_t)clock_mono_us() << 20) ^ (uint64_t)getpid();
}
