/* child: a forked child that works for us and reports through a pipe. Layer core/sys.
 *
 * child_fork flushes nothing and closes nothing: the child runs `body` and leaves by _exit with
 * its result. Only one thread survives in the child: body may allocate and write files, no more.
 * The parent learns of the end by child_poll (from a SIGCHLD watcher or a timer). */
#ifndef CORE_SYS_CHILD_H
#define CORE_SYS_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct child {
    pid_t pid;       /* 0: none */
    int report_fd;   /* read end of the pipe, -1: none; non-blocking */
    int64_t fork_us; /* what the fork itself took */
};

/* body's return value is the exit code; report_fd there is the write end; the child dies with its
 * parent. -1 on failure (errno text in log). */
int child_fork(struct child *c, int (*body)(void *arg, int report_fd), void *arg);
/* True once the child ended: *code is its exit code, *signal its fatal signal or 0. Reaps it. */
bool child_poll(struct child *c, int *code, int *signal);
void child_kill(struct child *c, int signo);

#endif
