/* glob: the pattern language of KEYS and PSUBSCRIBE: * ? [abc] [a-z] [^x] and backslash.
 * Never recurses; time is at most pattern times text. Pure. */
#ifndef CORE_BASE_GLOB_H
#define CORE_BASE_GLOB_H

#include <stdbool.h>

#include "core/base/str.h"

/* As in Redis nothing but "" matches the empty text; callers take "*" for "all" by themselves. */
bool glob_match(struct slice pattern, struct slice text, bool nocase);
/* True when the pattern has no magic and stands for itself. */
bool glob_is_literal(struct slice pattern);

#endif
