/* check_system: --check-system and --test-memory, which look at the machine and end.
 * Layer core/front; reads /proc and /sys. Tests: tests/e2e. */
#ifndef CORE_FRONT_CHECK_SYSTEM_H
#define CORE_FRONT_CHECK_SYSTEM_H

/* Prints a line a check to stdout; 0, or 1 when one warns. */
int check_system_run(void);
/* Writes and reads patterns over so many megabytes; 0 good, 1 bad or not to be had. */
int check_memory_run(long megabytes);

#endif
