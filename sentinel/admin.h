/* admin: the SENTINEL sub-commands that change something, as events.
 *
 * One row an event kind; each function checks its words, changes the model and answers once, in
 * Redis' words. Answers that depend on the saved state become errors when saving fails.
 * Pure. Tests: scenes (admin). */
#ifndef SENTINEL_ADMIN_H
#define SENTINEL_ADMIN_H

#include "sentinel/model.h"

struct sn_event;
void sn_admin(struct sn_core *core, const struct sn_event *ev);

#endif
