/* room: which block a compact value asks of the allocator.
 *
 * Sizes follow the allocator's classes: steps of 16 bytes up to 128, then four steps a doubling.
 * A value that grows byte by byte asks the allocator only when it passes into the next class, and
 * needs no word for its capacity: the block of a value of n bytes is always of room_for(n).
 * Pure. Tests: unit/packed. */
#ifndef CORE_TYPES_ROOM_H
#define CORE_TYPES_ROOM_H

#include <stddef.h>

static inline size_t room_for(size_t n)
{
    if (n <= 128) return n <= 16 ? 16 : (n + 15) & ~(size_t)15;
    size_t step = (size_t)1 << (61 - __builtin_clzl(n - 1));
    return (n + step - 1) & ~(step - 1);
}

#endif
