/* varlen: a length in front of bytes: seven bits a byte, the lowest first, the top bit set on all
 * but the last. One byte up to 127. For blocks that are read only by their own type. Pure.
 * Tests: unit/hash, unit/set. */
#ifndef CORE_TYPES_VARLEN_H
#define CORE_TYPES_VARLEN_H

#include <stddef.h>

static inline size_t varlen_size(size_t n)
{
    size_t bytes = 1;
    while (n >>= 7)
        bytes++;
    return bytes;
}

/* Both give the place behind the length. */
static inline char *varlen_put(char *at, size_t n)
{
    for (; n >= 128; n >>= 7)
        *at++ = (char)(unsigned char)(n | 128);
    *at++ = (char)n;
    return at;
}

static inline const char *varlen_get(const char *at, size_t *n)
{
    unsigned char b = (unsigned char)*at++;
    size_t len = b & 127u;
    for (unsigned shift = 7; b & 128u; shift += 7) {
        b = (unsigned char)*at++;
        len |= (size_t)(b & 127u) << shift;
    }
    *n = len;
    return at;
}

#endif
