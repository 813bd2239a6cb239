/* hash: a keyed 64-bit hash of bytes for tables. The key is drawn once at start, so that nobody
 * outside can choose colliding names. Not cryptographic, not stable between runs. Pure. */
#ifndef CORE_BASE_HASH_H
#define CORE_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_key {
    uint64_t a, b;
};

uint64_t hash_bytes(const void *p, size_t n, const struct hash_key *key);
/* The same over ASCII-lower-cased bytes. */
uint64_t hash_lower(const void *p, size_t n, const struct hash_key *key);

#endif
