#include "core/sys/log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/sys/clock.h"

#define MESSAGE_MAX 1024
#define PREFIX_MAX 96

/* Process-wide by decision: any layer may report, none carries a pointer for it. */
static struct {
    enum log_level level;
    struct str file, ident;
    bool syslog;
    char role;
} target = { .level = LOG_LEVEL_NOTICE, .role = 'C' };

void log_open(enum log_level level, const char *file, bool syslog, const char *ident, int facility)
{
    target.level = level;
    str_setz(&target.file, file ? file : "");
    if (target.syslog) closelog();
    target.syslog = syslog;
    str_setz(&target.ident, ident ? ident : "");
    if (syslog) openlog(str_c(target.ident), LOG_PID | LOG_NDELAY | LOG_NOWAIT, facility);
}

void log_set_level(enum log_level level) { target.level = level; }
void log_set_role(char role) { target.role = role; }
bool log_enabled(enum log_level level) { return level >= target.level; }

int log_fd_open(void)
{
    if (target.file.n == 0) return STDOUT_FILENO;
    return open(target.file.p, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

/* One write a line, so that lines of several processes do not mix. A log that cannot be written
 * has nobody to tell. */
static void write_out(const char *p, size_t n)
{
    int fd = log_fd_open();
    if (fd < 0) return;
    ssize_t done = write(fd, p, n);
    (void)done;
    if (fd != STDOUT_FILENO) close(fd);
}

static size_t prefix(char *out, size_t cap, enum log_level level)
{
    static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    int64_t now_ms = clock_wall_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm t;
    localtime_r(&seconds, &t);
    int n = snprintf(out, cap, "%d:%c %02d %s %d %02d:%02d:%02d.%03d %c ", (int)getpid(),
                     target.role, t.tm_mday, months[t.tm_mon], t.tm_year + 1900, t.tm_hour,
                     t.tm_min, t.tm_sec, (int)(now_ms % 1000), ".-*#"[level]);
    return n > 0 ? (size_t)n : 0;
}

void log_line(enum log_level level, const char *fmt, ...)
{
    if (level < target.level || level >= LOG_LEVEL_NOTHING) return;
    char line[PREFIX_MAX + MESSAGE_MAX + 1];
    size_t n = prefix(line, PREFIX_MAX, level);
    va_list ap;
    va_start(ap, fmt);
    int m = vsnprintf(line + n, MESSAGE_MAX, fmt, ap);
    va_end(ap);
    if (m < 0) return;
    size_t message = m < MESSAGE_MAX ? (size_t)m : MESSAGE_MAX - 1;
    if (target.syslog) {
        static const int priorities[] = { LOG_DEBUG, LOG_INFO, LOG_NOTICE, LOG_WARNING };
        syslog(priorities[level], "%.*s", (int)message, line + n);
    }
    line[n + message] = '\n';
    write_out(line, n + message + 1);
}

void log_raw(const char *text)
{
    if (target.level >= LOG_LEVEL_NOTHING) return;
    write_out(text, strlen(text));
}
