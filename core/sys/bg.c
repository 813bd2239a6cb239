#include "core/sys/bg.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/base/str.h"

struct job {
    struct job *next;
    void (*run)(void *arg);
    void *arg;
};

struct bg {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct job *first, **last;
    bool stopping;
    atomic_size_t pending;
    char name[16]; /* as the system bounds a thread's name */
};

/* NULL: stopping and nothing left. */
static struct job *next_job(struct bg *b)
{
    pthread_mutex_lock(&b->lock);
    while (!b->first && !b->stopping) pthread_cond_wait(&b->wake, &b->lock);
    struct job *j = b->first;
    if (j) {
        b->first = j->next;
        if (!b->first) b->last = &b->first;
    }
    pthread_mutex_unlock(&b->lock);
    return j;
}

static void *work(void *arg)
{
    struct bg *b = arg;
    mem_thread_start();
    pthread_setname_np(pthread_self(), b->name);
    struct job *j;
    while ((j = next_job(b))) {
        j->run(j->arg);
        mem_free(j);
        atomic_fetch_sub(&b->pending, 1);
    }
    mem_thread_end();
    return NULL;
}

struct bg *bg_start(const char *thread_name)
{
    struct bg *b = mem_zalloc(sizeof(*b));
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->wake, NULL);
    b->last = &b->first;
    slice_cstr(slice_z(thread_name), b->name, sizeof(b->name));
    /* Signals are the loop's thread's business. */
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    must(pthread_create(&b->thread, NULL, work, b) == 0);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return b;
}

void bg_stop(struct bg *b)
{
    if (!b) return;
    pthread_mutex_lock(&b->lock);
    b->stopping = true;
    pthread_cond_signal(&b->wake);
    pthread_mutex_unlock(&b->lock);
    pthread_join(b->thread, NULL);
    pthread_cond_destroy(&b->wake);
    pthread_mutex_destroy(&b->lock);
    mem_free(b);
}

void bg_do(struct bg *b, void (*run)(void *arg), void *arg)
{
    struct job *j = mem_alloc(sizeof(*j));
    *j = (struct job){ NULL, run, arg };
    atomic_fetch_add(&b->pending, 1);
    pthread_mutex_lock(&b->lock);
    must(!b->stopping);
    *b->last = j;
    b->last = &j->next;
    pthread_cond_signal(&b->wake);
    pthread_mutex_unlock(&b->lock);
}

size_t bg_pending(const struct bg *b) { return atomic_load(&b->pending); }
