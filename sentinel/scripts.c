#include "sentinel/scripts.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/vec.h"
#include "core/front/reply.h"
#include "sentinel/sentinel.h"

#define SWEEP_MS                                                                                   \
    100 /* how often ended, overdue and due scripts are looked for while there are any */

struct job {
    char **argv; /* NULL-ended */
    int argc;
    pid_t pid; /* 0: waiting */
    int64_t started_ms, due_ms;
    int runs;
};

struct sn_scripts {
    struct sentinel *s;
    VEC(struct job) jobs; /* oldest first */
    struct loop_timer *sweep;
};

bool script_runnable(const char *path) { return access(path, X_OK) == 0; }

static void job_free(struct job *j)
{
    for (int i = 0; i < j->argc; i++)
        mem_free(j->argv[i]);
    mem_free(j->argv);
}

static void job_remove(struct sn_scripts *q, size_t at)
{
    job_free(&q->jobs.at[at]);
    vec_remove(&q->jobs, at);
}

int scripts_running(const struct sn_scripts *q)
{
    int n = 0;
    for (size_t i = 0; i < q->jobs.n; i++)
        n += q->jobs.at[i].pid != 0;
    return n;
}

int scripts_length(const struct sn_scripts *q) { return (int)q->jobs.n; }

static void event_fmt(struct sn_scripts *q, enum sn_level level, const char *name, const char *path,
                      int a, int b)
{
    char text[1024];
    snprintf(text, sizeof(text), "%s %d %d", path, a, b);
    sentinel_event(q->s, level, name, text);
}

static void job_start(struct sn_scripts *q, struct job *j)
{
    j->runs++;
    j->started_ms = loop_now_ms(q->s->loop);
    pid_t pid = fork();
    if (pid < 0) {
        event_fmt(q, SN_LEVEL_WARNING, "-script-error", j->argv[0], 99, 0);
        j->due_ms = j->started_ms + q->s->core->params.script_retry_delay;
        return;
    }
    if (pid == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execv(j->argv[0], j->argv);
        _exit(2); /* not to be tried again */
    }
    j->pid = pid;
    char text[32];
    snprintf(text, sizeof(text), "%d", (int)pid);
    sentinel_event(q->s, SN_LEVEL_DEBUG, "+script-child", text);
}

/* The wait before run n + 1: the base doubled with each run. */
static int64_t retry_delay(const struct sn_scripts *q, int runs)
{
    int64_t d = q->s->core->params.script_retry_delay;
    for (int i = 1; i < runs; i++)
        d *= 2;
    return d;
}

/* True when the job is done with and must be removed. */
static bool job_ended(struct sn_scripts *q, struct job *j, int status)
{
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    char text[64];
    snprintf(text, sizeof(text), "%d %d %d", (int)j->pid, code, sig);
    sentinel_event(q->s, SN_LEVEL_DEBUG, "-script-child", text);
    j->pid = 0;
    if ((sig || code == 1) && j->runs < SCRIPTS_RUNS_MAX) {
        j->due_ms = loop_now_ms(q->s->loop) + retry_delay(q, j->runs);
        return false;
    }
    if (sig || code) event_fmt(q, SN_LEVEL_WARNING, "-script-error", j->argv[0], sig, code);
    return true;
}

static void reap(struct sn_scripts *q)
{
    for (size_t i = 0; i < q->jobs.n;) {
        struct job *j = &q->jobs.at[i];
        int status;
        if (j->pid && waitpid(j->pid, &status, WNOHANG) == j->pid && job_ended(q, j, status))
            job_remove(q, i);
        else
            i++;
    }
}

static void kill_overdue(struct sn_scripts *q)
{
    int64_t now = loop_now_ms(q->s->loop);
    for (size_t i = 0; i < q->jobs.n; i++) {
        struct job *j = &q->jobs.at[i];
        if (!j->pid || now - j->started_ms <= q->s->core->params.script_max_runtime) continue;
        char text[1024];
        snprintf(text, sizeof(text), "%s %d", j->argv[0], (int)j->pid);
        sentinel_event(q->s, SN_LEVEL_WARNING, "-script-timeout", text);
        kill(j->pid, SIGKILL);
        j->started_ms = now; /* one kill a period is enough */
    }
}

static void start_due(struct sn_scripts *q)
{
    int64_t now = loop_now_ms(q->s->loop);
    int running = scripts_running(q);
    for (size_t i = 0; i < q->jobs.n && running < SCRIPTS_RUNNING_MAX; i++) {
        struct job *j = &q->jobs.at[i];
        if (j->pid || j->due_ms > now) continue;
        job_start(q, j);
        running += j->pid != 0;
    }
}

static void on_sweep(void *arg)
{
    struct sn_scripts *q = arg;
    reap(q);
    kill_overdue(q);
    start_due(q);
    if (q->jobs.n) loop_timer_after(q->sweep, SWEEP_MS);
}

struct sn_scripts *scripts_new(struct sentinel *s)
{
    struct sn_scripts *q = mem_zalloc(sizeof(*q));
    q->s = s;
    q->sweep = loop_timer_new(s->loop, on_sweep, q);
    return q;
}

void scripts_delete(struct sn_scripts *q)
{
    while (q->jobs.n)
        job_remove(q, q->jobs.n - 1);
    vec_free(&q->jobs);
    loop_timer_delete(q->sweep);
    mem_free(q);
}

static void make_room(struct sn_scripts *q)
{
    for (size_t i = 0; i < q->jobs.n && q->jobs.n >= SCRIPTS_QUEUE_MAX; i++)
        if (!q->jobs.at[i].pid) {
            job_remove(q, i);
            return;
        }
}

void scripts_queue(struct sn_scripts *q, int argc, const struct slice *argv)
{
    make_room(q);
    struct job j = { .argc = argc, .argv = mem_zalloc((size_t)(argc + 1) * sizeof(char *)) };
    for (int i = 0; i < argc; i++)
        j.argv[i] = mem_strndup(argv[i].p, argv[i].n);
    vec_push(&q->jobs, j);
    loop_timer_after(q->sweep, 0);
}

static void reply_job(struct call *c, const struct sn_scripts *q, const struct job *j)
{
    int64_t now = loop_now_ms(q->s->loop), wait = j->due_ms > now ? j->due_ms - now : 0;
    reply_map(c, 5);
    reply_bulk_z(c, "argv");
    reply_array(c, (size_t)j->argc);
    for (int i = 0; i < j->argc; i++)
        reply_bulk_z(c, j->argv[i]);
    reply_bulk_z(c, "flags");
    reply_bulk_z(c, j->pid ? "running" : "scheduled");
    reply_bulk_z(c, "pid");
    reply_bulk_int(c, j->pid);
    reply_bulk_z(c, j->pid ? "run-time" : "run-delay");
    reply_bulk_int(c, j->pid ? now - j->started_ms : wait);
    reply_bulk_z(c, "retry-num");
    reply_bulk_int(c, j->runs);
}

void scripts_reply(struct call *c, const struct sn_scripts *q)
{
    reply_array(c, q->jobs.n);
    for (size_t i = 0; i < q->jobs.n; i++)
        reply_job(c, q, &q->jobs.at[i]);
}
