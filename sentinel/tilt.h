/* tilt: distrust of time.
 *
 * The core promises a next deadline; a step that comes later than that by more than tilt-trigger
 * shows that this process did not run (stopped, swapped, overloaded), so that what it believes of
 * others may be about itself: nothing is decided for tilt-period. After a smaller stall the whole
 * time since the step before is taken from the clocks of silence: nobody knows when in it the
 * stall began, and the replies that came meanwhile have not been read yet.
 * Monotonic time cannot jump, so only stalls are left. Pure. Tests: unit/sn_down, scenes. */
#ifndef SENTINEL_TILT_H
#define SENTINEL_TILT_H

#include "sentinel/model.h"

/* At the start of each step, with core->now set; `before` is the time of the step before. */
void sn_tilt_check(struct sn_core *core, int64_t before);

#endif
