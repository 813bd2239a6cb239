/* gates: what the front asks before a command runs, in this order: is it known, has it the right
 * number of arguments, has its client said who it is, do the rules allow it, is the client
 * listening only, are clients paused. The personality's own gates come after these. Layer
 * core/front. Tests: unit/front. */
#ifndef CORE_FRONT_GATES_H
#define CORE_FRONT_GATES_H

#include <stdbool.h>

#include "core/front/call.h"

/* True: go on. False: it has replied, or the client was postponed. */
bool gates_pass(struct call *c);

#endif
