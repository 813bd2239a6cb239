/* tilt: distrust of time.
 *
 * The core promises a next deadline; a step that comes later than that by more than tilt-trigger
 * shows that this process did not run (stopped, swapped, overloaded), so that what it believes of
 * others may be about itself: nothing is decided for tilt-period. A smaller stall is subtracted
 * from the clocks of silence, since the replies that came meanwhile have not been read yet.
 * Monotonic time cannot jump, so only stalls are left. Pure. Tests: unit/sn_tilt, scenes. */
#ifndef SENTINEL_TILT_H
#define SENTINEL_TILT_H

#include "sentinel/model.h"

/* At the start of each step, with core->now set. */
void sn_tilt_check(struct sn_core *core);

#endif
