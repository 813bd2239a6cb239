/* heap: the groups ordered by their next deadline, so that a step looks only at what is due.
 *
 * A binary heap of pointers in struct sn_core; each group knows its place. Pure.
 * Tests: unit/sn_down. */
#ifndef SENTINEL_HEAP_H
#define SENTINEL_HEAP_H

#include "sentinel/model.h"

void sn_heap_add(struct sn_core *core, struct sn_group *g);
void sn_heap_remove(struct sn_core *core, struct sn_group *g);
/* After g->due has changed. */
void sn_heap_moved(struct sn_core *core, struct sn_group *g);

#endif
