/* crash: the report written when the process dies of a fault, in the form that tools look for.
 *
 * Catches SEGV, BUS, FPE, ILL and ABRT on a stack of its own, writes "=== REDIS BUG REPORT START",
 * "crashed by signal", a stack trace and what the owner adds to the log with async-safe calls
 * only, removes the pid file, then raises the signal again with its default action, so that the
 * exit status and a core file are what they would have been. A fault inside the report ends it.
 *
 * Process-wide, as signals are. Layer core/sys. Tests: tests/e2e (DEBUG SEGFAULT). */
#ifndef CORE_SYS_CRASH_H
#define CORE_SYS_CRASH_H

#include <stdbool.h>

/* `version` is copied. `more`, when not NULL, is called last with the descriptor to write to; it
 * may do what it likes, since a second fault ends the report. */
void crash_enable(const char *version, void (*more)(void *arg, int fd), void *arg);
/* Another `more`, for an owner that comes to life later; NULL: none again. */
void crash_more(void (*more)(void *arg, int fd), void *arg);
void crash_disable(void);
/* Writes the stack of the caller to fd (watchdog, DEBUG). */
void crash_backtrace(int fd);

#endif
