/* tilt: distrust of time.
 *
 * The core promises a next deadline; a step that comes later than that by more than tilt-trigger
 * shows that this process did not run (stopped, swapped, overloaded), so that what it believes of
 * others may be about itself: nothing is decided until it has run for the longest down-after of
 * its groups without another one (a second at least, tilt-period at most), which is as long as it
 * takes to see by itself who is down now. After any stall the whole time since the step before is
 * taken from the clocks of silence: nobody knows when in it the stall began, and the replies that
 * came meanwhile have not been read yet. A machine on which that happens all the time must not put
 * off decisions for ever: of short stalls twice the tilt-trigger is forgiven, and a quarter of the
 * time that passes.
 * Monotonic time cannot jump, so only stalls are left. Pure. Tests: unit/sn_down, scenes. */
#ifndef SENTINEL_TILT_H
#define SENTINEL_TILT_H

#include "sentinel/model.h"

/* At the start of each step, with core->now set; `before` is the time of the step before. */
void sn_tilt_check(struct sn_core *core, int64_t before);
/* When TILT ends. */
int64_t sn_tilt_until(const struct sn_core *core);

#endif
