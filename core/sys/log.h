/* log: one line an event, in Redis' form `PID:ROLE DD Mon YYYY HH:MM:SS.mmm LEVEL message`.
 *
 * The target (level, file, syslog) is process-wide, one of the few things that are. An empty file
 * name is stdout, for warnings too. A file is opened for each line, so that logrotate needs no
 * signal. Lines are cut at 1024 bytes, control characters of arguments are the caller's care. */
#ifndef CORE_SYS_LOG_H
#define CORE_SYS_LOG_H

#include <stdbool.h>

enum log_level {
    LOG_LEVEL_DEBUG, LOG_LEVEL_VERBOSE, LOG_LEVEL_NOTICE, LOG_LEVEL_WARNING, LOG_LEVEL_NOTHING,
};

/* Copies the names. `file` "" is stdout. */
void log_open(enum log_level level, const char *file, bool syslog, const char *ident, int facility);
void log_set_level(enum log_level level);
/* 'M' master, 'S' replica, 'C' child or before start, 'X' sentinel. Set again after a fork. */
void log_set_role(char role);
bool log_enabled(enum log_level level);
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The bytes as they are, without prefix (banner, crash report). */
void log_raw(const char *text);
/* File descriptor for writing inside a signal handler: opened now, -1 when impossible. */
int log_fd_open(void);

#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_verbose(...) log_line(LOG_LEVEL_VERBOSE, __VA_ARGS__)
#define log_notice(...) log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)

#endif
