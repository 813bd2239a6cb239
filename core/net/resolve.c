#include "core/net/resolve.h"

#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/ilist.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/base/str.h"
#include "core/net/addr.h"

/* The thread may hang in a name server's time-out for longer than the resolver lives: both hold
 * this part, and whoever leaves last frees it. */
struct desk {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct loop *loop; /* NULL: the resolver is gone */
    struct resolver *resolver;
    struct question *first, **last; /* for the thread */
    int holders;
};

/* Travels from the loop's thread to the other one and back; owned by where it is. */
struct question {
    struct question *next;
    struct desk *desk;
    unsigned id;
    const char *why; /* static text */
    char ip[RESOLVE_IP_MAX]; /* before the answer: the one to keep */
    char host[];
};

/* What the loop's thread remembers of a question; cancelled ones are forgotten. */
struct asked {
    struct ilist node;
    unsigned id;
    void (*fn)(void *arg, const char *ip, const char *why);
    void *arg;
};

struct resolver {
    struct loop *loop;
    struct desk *desk;
    bool threaded; /* the thread is made for the first name */
    struct ilist asked;
    unsigned last_id;
};

static void desk_leave(struct desk *d)
{
    pthread_mutex_lock(&d->lock);
    int left = --d->holders;
    pthread_mutex_unlock(&d->lock);
    if (left > 0) return;
    while (d->first) {
        struct question *q = d->first;
        d->first = q->next;
        mem_free(q);
    }
    pthread_cond_destroy(&d->wake);
    pthread_mutex_destroy(&d->lock);
    mem_free(d);
}

/* In the loop's thread. */
static void answered(void *arg)
{
    struct question *q = arg;
    struct desk *d = q->desk;
    struct asked *found = NULL;
    if (d->resolver) {
        ilist_each(&d->resolver->asked, it, tmp) {
            struct asked *a = ilist_of(it, struct asked, node);
            if (a->id == q->id) found = a;
        }
    }
    if (found) {
        ilist_remove(&found->node);
        found->fn(found->arg, q->why ? NULL : q->ip, q->why);
        mem_free(found);
    }
    mem_free(q);
    desk_leave(d);
}

static void ip_of(const struct addrinfo *a, char ip[RESOLVE_IP_MAX])
{
    struct addr addr = { .len = a->ai_addrlen };
    memcpy(&addr.sa, a->ai_addr, a->ai_addrlen);
    addr_ip_text(&addr, ip, RESOLVE_IP_MAX);
}

/* The one to keep, the first IPv4 address, or the first one. */
static void choose(struct addrinfo *all, char ip[RESOLVE_IP_MAX])
{
    const struct addrinfo *best = NULL;
    char text[RESOLVE_IP_MAX];
    for (const struct addrinfo *a = all; a; a = a->ai_next) {
        ip_of(a, text);
        if (strcmp(text, ip) == 0) return;
        if (!best && a->ai_family == AF_INET) best = a;
    }
    ip_of(best ? best : all, ip);
}

/* In the thread. */
static void look_up(struct question *q)
{
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    int rc = getaddrinfo(q->host, NULL, &hints, &found);
    if (rc != 0) {
        q->why = gai_strerror(rc);
        return;
    }
    choose(found, q->ip);
    freeaddrinfo(found);
}

static struct question *next_question(struct desk *d)
{
    pthread_mutex_lock(&d->lock);
    while (!d->first && d->loop) pthread_cond_wait(&d->wake, &d->lock);
    struct question *q = d->loop ? d->first : NULL;
    if (q) {
        d->first = q->next;
        if (!d->first) d->last = &d->first;
    }
    pthread_mutex_unlock(&d->lock);
    return q;
}

/* False: nobody waits any more. */
static bool hand_back(struct desk *d, struct question *q)
{
    pthread_mutex_lock(&d->lock);
    bool wanted = d->loop != NULL;
    if (wanted) {
        d->holders++; /* the answer's */
        loop_post(d->loop, answered, q);
    }
    pthread_mutex_unlock(&d->lock);
    return wanted;
}

static void *work(void *arg)
{
    struct desk *d = arg;
    /* It frees next to nothing and may outlive everybody: its memory is not counted. */
    pthread_setname_np(pthread_self(), "resolver");
    struct question *q;
    while ((q = next_question(d))) {
        look_up(q);
        if (!hand_back(d, q)) {
            mem_free(q);
            break;
        }
    }
    desk_leave(d);
    return NULL;
}

static void start_thread(struct resolver *r)
{
    pthread_t thread;
    sigset_t all, old;
    r->threaded = true;
    r->desk->holders++;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* signals are the loop's thread's business */
    must(pthread_create(&thread, NULL, work, r->desk) == 0);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_detach(thread);
}

struct resolver *resolver_new(struct loop *l)
{
    struct resolver *r = mem_zalloc(sizeof(*r));
    struct desk *d = mem_zalloc(sizeof(*d));
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->wake, NULL);
    d->loop = l;
    d->resolver = r;
    d->last = &d->first;
    d->holders = 1;
    r->loop = l;
    r->desk = d;
    ilist_init(&r->asked);
    return r;
}

void resolver_delete(struct resolver *r)
{
    if (!r) return;
    ilist_each(&r->asked, it, tmp) mem_free(ilist_of(it, struct asked, node));
    pthread_mutex_lock(&r->desk->lock);
    r->desk->loop = NULL;
    r->desk->resolver = NULL;
    pthread_cond_signal(&r->desk->wake);
    pthread_mutex_unlock(&r->desk->lock);
    desk_leave(r->desk);
    mem_free(r);
}

bool resolve_is_numeric(const char *host)
{
    struct addr a;
    return addr_parse(&a, host, 1);
}

unsigned resolve_start(struct resolver *r, const char *host, const char *keep,
                       void (*fn)(void *arg, const char *ip, const char *why), void *arg)
{
    if (++r->last_id == 0) r->last_id = 1; /* 0 is nobody's id */
    struct asked *a = mem_alloc(sizeof(*a));
    *a = (struct asked){ .id = r->last_id, .fn = fn, .arg = arg };
    ilist_push(&r->asked, &a->node);
    size_t n = strlen(host);
    struct question *q = mem_zalloc(sizeof(*q) + n + 1);
    q->desk = r->desk;
    q->id = a->id;
    memcpy(q->host, host, n + 1);
    text_copy(q->ip, sizeof(q->ip), keep);
    if (n < sizeof(q->ip) && resolve_is_numeric(host)) {
        memcpy(q->ip, host, n + 1);
        hand_back(r->desk, q);
        return a->id;
    }
    if (!r->threaded) start_thread(r);
    pthread_mutex_lock(&r->desk->lock);
    *r->desk->last = q;
    r->desk->last = &q->next;
    pthread_cond_signal(&r->desk->wake);
    pthread_mutex_unlock(&r->desk->lock);
    return a->id;
}

void resolve_cancel(struct resolver *r, unsigned id)
{
    ilist_each(&r->asked, it, tmp) {
        struct asked *a = ilist_of(it, struct asked, node);
        if (a->id != id) continue;
        ilist_remove(&a->node);
        mem_free(a);
    }
}
