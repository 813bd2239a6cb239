#include "core/sys/crash.h"

#include <execinfo.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/str.h"
#include "core/sys/log.h"
#include "core/sys/process.h"

#define FRAMES_MAX 100
#define STACK_BYTES (256 * 1024) /* backtrace and the owner's words fit well */

static const int fatal[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
#define FATAL_N (sizeof(fatal) / sizeof(fatal[0]))

/* Process-wide, as signal handlers are. */
static struct {
    char version[64];
    void (*more)(void *arg, int fd);
    void *arg;
    volatile sig_atomic_t reporting;
    _Alignas(16) char stack[STACK_BYTES]; /* the sanitizers ask for it */
} crash;

static void put(int fd, const char *text)
{
    ssize_t done = write(fd, text, strlen(text));
    (void)done;
}

static void put_number(int fd, uint64_t v, unsigned base)
{
    char text[24], *p = text + sizeof(text) - 1;
    *p = 0;
    do {
        *--p = "0123456789abcdef"[v % base];
        v /= base;
    } while (v);
    put(fd, p);
}

void crash_backtrace(int fd)
{
    void *frame[FRAMES_MAX];
    int n = backtrace(frame, FRAMES_MAX);
    backtrace_symbols_fd(frame, n, fd);
}

static void report(int signo, const siginfo_t *info, int fd)
{
    put(fd, "\n\n=== REDIS BUG REPORT START: Cut & paste starting from here ===\n");
    put(fd, crash.version);
    put(fd, " crashed by signal: ");
    put_number(fd, (uint64_t)signo, 10);
    put(fd, ", si_code: ");
    put_number(fd, (uint64_t)(info->si_code < 0 ? 0 : info->si_code), 10);
    if (signo == SIGSEGV || signo == SIGBUS) {
        put(fd, "\nAccessing address: 0x");
        put_number(fd, (uintptr_t)info->si_addr, 16);
    }
    put(fd, "\n\n------ STACK TRACE ------\nEIP:\nBacktrace:\n");
    crash_backtrace(fd);
    if (crash.more) crash.more(crash.arg, fd);
    put(fd, "\n=== REDIS BUG REPORT END. Make sure to include from START to END. ===\n\n");
}

static void on_fatal(int signo, siginfo_t *info, void *machine)
{
    struct sigaction plain = { .sa_handler = SIG_DFL };
    sigaction(signo, &plain, NULL);
    if (!crash.reporting) {
        crash.reporting = 1;
        int fd = log_fd_open();
        report(signo, info, fd < 0 ? STDERR_FILENO : fd);
        process_pid_file_remove();
    }
    raise(signo); /* delivered when we return: the mask of this handler still holds it */
}

void crash_more(void (*more)(void *arg, int fd), void *arg)
{
    crash.more = more;
    crash.arg = arg;
}

void crash_enable(const char *version, void (*more)(void *arg, int fd), void *arg)
{
    stack_t stack = { .ss_sp = crash.stack, .ss_size = sizeof(crash.stack) };
    text_copy(crash.version, sizeof(crash.version), version);
    crash_more(more, arg);
    crash.reporting = 0;
    void *warm[1];
    (void)backtrace(warm, 1); /* loads libgcc now: that must not happen inside a handler */
    sigaltstack(&stack, NULL);
    struct sigaction act = { .sa_sigaction = on_fatal,
                             .sa_flags = SA_SIGINFO | SA_ONSTACK };
    sigemptyset(&act.sa_mask);
    for (size_t i = 0; i < FATAL_N; i++) sigaction(fatal[i], &act, NULL);
}

void crash_disable(void)
{
    struct sigaction plain = { .sa_handler = SIG_DFL };
    for (size_t i = 0; i < FATAL_N; i++) sigaction(fatal[i], &plain, NULL);
}
