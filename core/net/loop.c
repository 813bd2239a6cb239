#include "core/net/loop.h"

#include <ev.h>
#include <pthread.h>

#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/base/vec.h"
#include "core/sys/clock.h"

/* libev's macros compare its watcher types by casts. */
#pragma GCC diagnostic ignored "-Wcast-function-type"

struct posted {
    struct posted *next;
    void (*fn)(void *arg);
    void *arg;
};

struct loop_hook {
    struct loop *loop;
    int rank;
    void (*fn)(void *arg);
    void *arg;
};

struct loop {
    struct ev_loop *ev;
    struct ev_prepare before;
    struct ev_check after;
    struct ev_async wake;
    int64_t now_ms;
    int64_t woke_us; /* when this turn began, 0 while asleep */
    uint64_t cycles, busy_us;
    bool io_only; /* in loop_poll_io */
    VEC(struct loop_hook *) hooks; /* by rank; NULL: deleted while they run */
    int hooks_running;
    pthread_mutex_t lock; /* of the queue, the only part that other threads see */
    struct posted *first, **last;
    void *shared;
    void (*shared_free)(void *shared);
};

struct loop_timer {
    struct ev_timer ev;
    struct loop *loop;
    int64_t due_ms;
    void (*fn)(void *arg);
    void *arg;
};

struct loop_io {
    struct ev_io ev;
    struct loop *loop;
    unsigned want;
    void (*fn)(void *arg, unsigned ready);
    void *arg;
};

struct loop_signal {
    struct ev_signal ev;
    struct loop *loop;
    void (*fn)(void *arg);
    void *arg;
};

/* ---- the turn ---- */

static void hooks_compact(struct loop *l)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->hooks.n; i++)
        if (l->hooks.at[i]) l->hooks.at[kept++] = l->hooks.at[i];
    l->hooks.n = kept;
}

static void on_prepare(struct ev_loop *ev, struct ev_prepare *w, int events)
{
    struct loop *l = w->data;
    l->hooks_running++;
    for (size_t i = 0; i < l->hooks.n; i++)
        if (l->hooks.at[i]) l->hooks.at[i]->fn(l->hooks.at[i]->arg);
    if (--l->hooks_running == 0) hooks_compact(l);
    l->cycles++;
    /* A nested turn (loop_poll) has already counted what the outer one did before it. */
    if (l->woke_us) l->busy_us += (uint64_t)(clock_mono_us() - l->woke_us);
    l->woke_us = 0;
}

static void on_check(struct ev_loop *ev, struct ev_check *w, int events)
{
    struct loop *l = w->data;
    l->woke_us = clock_mono_us();
    l->now_ms = l->woke_us / 1000;
}

static void run_posted(struct loop *l)
{
    pthread_mutex_lock(&l->lock);
    struct posted *p = l->first;
    l->first = NULL;
    l->last = &l->first;
    pthread_mutex_unlock(&l->lock);
    while (p) {
        struct posted *next = p->next;
        p->fn(p->arg);
        mem_free(p);
        p = next;
    }
}

static void on_async(struct ev_loop *ev, struct ev_async *w, int events) { run_posted(w->data); }

struct loop *loop_new(void)
{
    struct loop *l = mem_zalloc(sizeof(*l));
    l->ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    must(l->ev);
    pthread_mutex_init(&l->lock, NULL);
    l->last = &l->first;
    ev_prepare_init(&l->before, on_prepare);
    ev_check_init(&l->after, on_check);
    ev_async_init(&l->wake, on_async);
    l->before.data = l->after.data = l->wake.data = l;
    /* Hooks run last before the sleep, the clock is read first behind it. */
    ev_set_priority(&l->before, EV_MINPRI);
    ev_set_priority(&l->after, EV_MAXPRI);
    ev_prepare_start(l->ev, &l->before);
    ev_check_start(l->ev, &l->after);
    ev_async_start(l->ev, &l->wake);
    l->now_ms = clock_mono_ms();
    return l;
}

void loop_delete(struct loop *l)
{
    if (!l) return;
    while (l->first) run_posted(l); /* what they post in turn is called too */
    if (l->shared) l->shared_free(l->shared);
    ev_prepare_stop(l->ev, &l->before);
    ev_check_stop(l->ev, &l->after);
    ev_async_stop(l->ev, &l->wake);
    ev_loop_destroy(l->ev);
    for (size_t i = 0; i < l->hooks.n; i++) mem_free(l->hooks.at[i]);
    vec_free(&l->hooks);
    pthread_mutex_destroy(&l->lock);
    mem_free(l);
}

void loop_run(struct loop *l) { ev_run(l->ev, 0); }
void loop_stop(struct loop *l) { ev_break(l->ev, EVBREAK_ALL); }
void loop_poll(struct loop *l) { ev_run(l->ev, EVRUN_NOWAIT); }

void loop_poll_io(struct loop *l)
{
    l->io_only = true;
    ev_run(l->ev, EVRUN_NOWAIT);
    l->io_only = false;
}

int64_t loop_now_ms(const struct loop *l) { return l->now_ms; }

void loop_refresh_now(struct loop *l)
{
    ev_now_update(l->ev);
    l->now_ms = clock_mono_ms();
}

uint64_t loop_cycles(const struct loop *l) { return l->cycles; }
uint64_t loop_busy_us(const struct loop *l) { return l->busy_us; }
void *loop_shared(const struct loop *l) { return l->shared; }

void loop_set_shared(struct loop *l, void *shared, void (*free_fn)(void *shared))
{
    l->shared = shared;
    l->shared_free = free_fn;
}

/* ---- timers ---- */

static void timer_arm(struct loop_timer *t, int64_t ms)
{
    ev_timer_stop(t->loop->ev, &t->ev);
    ev_timer_set(&t->ev, (double)(ms > 0 ? ms : 0) / 1000.0, 0.);
    ev_timer_start(t->loop->ev, &t->ev);
}

static void on_timer(struct ev_loop *ev, struct ev_timer *w, int events)
{
    struct loop_timer *t = w->data;
    /* libev's clock and ours are read at slightly different instants. */
    int64_t left = t->due_ms - t->loop->now_ms;
    if (t->loop->io_only && left <= 0) left = 1;
    if (left > 0)
        timer_arm(t, left);
    else
        t->fn(t->arg);
}

struct loop_timer *loop_timer_new(struct loop *l, void (*fn)(void *arg), void *arg)
{
    struct loop_timer *t = mem_zalloc(sizeof(*t));
    *t = (struct loop_timer){ .loop = l, .fn = fn, .arg = arg };
    ev_timer_init(&t->ev, on_timer, 0., 0.);
    /* What came while we were away is seen before a deadline of that time is judged. */
    ev_set_priority(&t->ev, -1);
    t->ev.data = t;
    return t;
}

void loop_timer_after(struct loop_timer *t, int64_t ms)
{
    t->due_ms = t->loop->now_ms + (ms > 0 ? ms : 0);
    timer_arm(t, ms);
}

void loop_timer_cancel(struct loop_timer *t) { ev_timer_stop(t->loop->ev, &t->ev); }
bool loop_timer_armed(const struct loop_timer *t) { return ev_is_active(&t->ev); }

void loop_timer_delete(struct loop_timer *t)
{
    if (!t) return;
    ev_timer_stop(t->loop->ev, &t->ev);
    mem_free(t);
}

/* ---- readiness ---- */

static void on_io(struct ev_loop *ev, struct ev_io *w, int events)
{
    struct loop_io *io = w->data;
    unsigned ready = (events & EV_READ ? LOOP_READ : 0) | (events & EV_WRITE ? LOOP_WRITE : 0);
    if (events & EV_ERROR) ready = LOOP_READ | LOOP_WRITE; /* the next call on it tells why */
    io->fn(io->arg, ready);
}

struct loop_io *loop_io_new(struct loop *l, int fd, void (*fn)(void *arg, unsigned ready),
                            void *arg)
{
    struct loop_io *io = mem_zalloc(sizeof(*io));
    *io = (struct loop_io){ .loop = l, .fn = fn, .arg = arg };
    ev_io_init(&io->ev, on_io, fd, 0);
    io->ev.data = io;
    return io;
}

void loop_io_want(struct loop_io *io, unsigned mask)
{
    if (mask == io->want) return;
    io->want = mask;
    ev_io_stop(io->loop->ev, &io->ev);
    if (mask == 0) return;
    int events = (mask & LOOP_READ ? EV_READ : 0) | (mask & LOOP_WRITE ? EV_WRITE : 0);
    ev_io_modify(&io->ev, events);
    ev_io_start(io->loop->ev, &io->ev);
}

void loop_io_delete(struct loop_io *io)
{
    if (!io) return;
    ev_io_stop(io->loop->ev, &io->ev);
    mem_free(io);
}

/* ---- signals ---- */

static void on_signal(struct ev_loop *ev, struct ev_signal *w, int events)
{
    struct loop_signal *s = w->data;
    s->fn(s->arg);
}

struct loop_signal *loop_signal_new(struct loop *l, int signo, void (*fn)(void *arg), void *arg)
{
    struct loop_signal *s = mem_zalloc(sizeof(*s));
    *s = (struct loop_signal){ .loop = l, .fn = fn, .arg = arg };
    ev_signal_init(&s->ev, on_signal, signo);
    s->ev.data = s;
    ev_signal_start(l->ev, &s->ev);
    return s;
}

void loop_signal_delete(struct loop_signal *s)
{
    if (!s) return;
    ev_signal_stop(s->loop->ev, &s->ev);
    mem_free(s);
}

/* ---- hooks ---- */

struct loop_hook *loop_before_sleep(struct loop *l, int rank, void (*fn)(void *arg), void *arg)
{
    struct loop_hook *h = mem_alloc(sizeof(*h));
    *h = (struct loop_hook){ l, rank, fn, arg };
    size_t at = l->hooks.n;
    while (at > 0 && (!l->hooks.at[at - 1] || l->hooks.at[at - 1]->rank > rank)) at--;
    vec_insert(&l->hooks, at, h);
    return h;
}

void loop_hook_delete(struct loop_hook *h)
{
    if (!h) return;
    struct loop *l = h->loop;
    for (size_t i = 0; i < l->hooks.n; i++)
        if (l->hooks.at[i] == h) l->hooks.at[i] = NULL;
    mem_free(h);
    if (!l->hooks_running) hooks_compact(l);
}

/* ---- other threads ---- */

void loop_post(struct loop *l, void (*fn)(void *arg), void *arg)
{
    struct posted *p = mem_alloc(sizeof(*p));
    *p = (struct posted){ NULL, fn, arg };
    pthread_mutex_lock(&l->lock);
    *l->last = p;
    l->last = &p->next;
    pthread_mutex_unlock(&l->lock);
    ev_async_send(l->ev, &l->wake);
}
