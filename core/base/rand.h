/* rand: a seeded generator (xoshiro256++); its whole state is in the struct, so that one seed
 * replays a run. Not for secrets. Pure. */
#ifndef CORE_BASE_RAND_H
#define CORE_BASE_RAND_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t s[4];
};

void rng_seed(struct rng *r, uint64_t seed);
uint64_t rng_next(struct rng *r);
/* Even in [0, n); n > 0. */
uint64_t rng_below(struct rng *r, uint64_t n);
/* Writes n lower-case hexadecimal characters, no terminator. */
void rng_hex(struct rng *r, char *out, size_t n);

#endif
