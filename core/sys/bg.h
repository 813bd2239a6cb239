/* bg: one background thread with a queue of jobs (fsync, close, free of big values, name look-ups).
 * Layer core/sys. Made by a personality, ended by it; bg_stop runs what is queued, then joins.
 * A job's `run` is called in the thread; it must touch nothing that the loop's thread uses. */
#ifndef CORE_SYS_BG_H
#define CORE_SYS_BG_H

#include <stddef.h>

struct bg;
struct bg *bg_start(const char *thread_name);
void bg_stop(struct bg *b);
/* Queued in order. `arg` belongs to the job. */
void bg_do(struct bg *b, void (*run)(void *arg), void *arg);
/* Jobs not finished yet. */
size_t bg_pending(const struct bg *b);

#endif
