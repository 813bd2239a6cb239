#include "core/sys/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/sys/clock.h"
#include "core/sys/log.h"

/* The parent's handlers write to descriptors that parent and child share: the child must not run
 * them. The keyboard's interrupt goes to both; the parent decides what it means for the child. */
static void reset_signals(void)
{
    static const int plain[] = { SIGTERM, SIGCHLD, SIGUSR1, SIGUSR2, SIGALRM, SIGQUIT };
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) signal(plain[i], SIG_DFL);
    signal(SIGINT, SIG_IGN);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

__attribute__((noreturn)) static void run_child(pid_t parent, int (*body)(void *arg, int fd),
                                                void *arg, int fd)
{
    reset_signals();
    /* A child that outlives its parent would rename its file over that of the next process. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    _exit(body(arg, fd));
}

int child_fork(struct child *c, int (*body)(void *arg, int report_fd), void *arg)
{
    *c = (struct child){ .report_fd = -1 };
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        log_warning("Can't make the pipe to a child: %s", strerror(errno));
        return -1;
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    pid_t parent = getpid();
    sigset_t all, old;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old); /* until the child has reset its handlers */
    int64_t begin_us = clock_mono_us();
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        run_child(parent, body, arg, ends[1]);
    }
    int code = errno;
    int64_t fork_us = clock_mono_us() - begin_us;
    sigprocmask(SIG_SETMASK, &old, NULL);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        log_warning("Can't fork: %s", strerror(code));
        errno = code;
        return -1;
    }
    *c = (struct child){ pid, ends[0], fork_us };
    return 0;
}

bool child_poll(struct child *c, int *code, int *signal_no)
{
    if (c->pid == 0) return false;
    int status;
    pid_t got = waitpid(c->pid, &status, WNOHANG);
    if (got == 0 || (got < 0 && errno == EINTR)) return false;
    *code = got > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    *signal_no = got > 0 && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    c->pid = 0;
    return true;
}

void child_kill(struct child *c, int signo)
{
    if (c->pid > 0) kill(c->pid, signo);
}
