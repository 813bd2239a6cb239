/* unique: does a packed from outside name each member, or field, once? A file or a payload may say
 * something twice; a value that was built from it would count wrongly for ever. Pure.
 * Tests: unit/packed, compat/test_dump. */
#ifndef CORE_TYPES_UNIQUE_H
#define CORE_TYPES_UNIQUE_H

#include "core/types/packed.h"

/* Every step-th item, from the first on, is a name. Takes O(n log n). */
bool packed_names_differ(const struct packed *p, unsigned step);

#endif
