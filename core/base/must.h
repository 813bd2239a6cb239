/* must: assertions that stay on in release builds.
 *
 * `must(x)` states an invariant of ours; when it does not hold the process ends with a report
 * (stderr, then abort, so that the crash handler of core/sys can add a backtrace). It is never
 * used for what users, peers or disks may do. Pure. */
#ifndef CORE_BASE_MUST_H
#define CORE_BASE_MUST_H

__attribute__((noreturn, cold)) void must_failed(const char *what, const char *file, int line);

#define must(x) (__builtin_expect(!!(x), 1) ? (void)0 : must_failed(#x, __FILE__, __LINE__))
#define must_not_reach(why) must_failed(why, __FILE__, __LINE__)

#endif
