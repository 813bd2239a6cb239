#include "core/base/hash.h"

#include <string.h>

/* Folded 64x64 -> 128 bit multiplication, the mixing step of the wyhash family. */
static inline uint64_t fold(uint64_t a, uint64_t b)
{
    __uint128_t m = (__uint128_t)a * b;
    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static inline uint64_t read8(const unsigned char *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

static inline uint64_t read4(const unsigned char *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

#define C1 0xa0761d6478bd642full
#define C2 0xe7037ed1a0b428dbull

static inline uint64_t finish(uint64_t a, uint64_t b, uint64_t seed, size_t n)
{
    return fold(C2 ^ (uint64_t)n, fold(a ^ C2, b ^ seed));
}

uint64_t hash_bytes(const void *data, size_t n, const struct hash_key *key)
{
    const unsigned char *p = data;
    uint64_t seed = key->a ^ fold(key->b ^ C1, C2), a, b;
    if (n <= 16) {
        if (n >= 8) {
            a = read8(p);
            b = read8(p + n - 8);
        } else if (n >= 4) {
            a = read4(p);
            b = read4(p + n - 4);
        } else if (n > 0) {
            a = ((uint64_t)p[0] << 16) | ((uint64_t)p[n >> 1] << 8) | p[n - 1];
            b = 0;
        } else {
            a = b = 0;
        }
        return finish(a, b, seed, n);
    }
    size_t left = n;
    for (; left > 16; left -= 16, p += 16)
        seed = fold(read8(p) ^ C1, read8(p + 8) ^ seed);
    return finish(read8(p + left - 16), read8(p + left - 8), seed, n);
}

uint64_t hash_lower(const void *data, size_t n, const struct hash_key *key)
{
    const unsigned char *p = data;
    uint64_t h = key->a ^ C1;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = p[i];
        if (c >= 'A' && c <= 'Z') c = (unsigned char)(c + 32);
        h = fold(h ^ c, C2 ^ key->b);
    }
    return fold(h ^ n, C1);
}
