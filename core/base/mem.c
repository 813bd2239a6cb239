#include "core/base/mem.h"

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/must.h"

#ifdef HAVE_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

__attribute__((noreturn, cold)) static void out_of_memory(size_t n)
{
    fprintf(stderr, "Out Of Memory allocating %zu bytes!\n", n);
    fflush(stderr);
    abort();
}

#ifdef HAVE_JEMALLOC

/* A thread's two counters live in its thread-local storage: they are read here only while the
 * thread runs. Who ends a thread waits for it, so no count is taken while one leaves. */
#define THREADS_MAX 64 /* main, background jobs, resolver: far fewer than this */
static struct {
    const uint64_t *taken, *given;
} counters[THREADS_MAX];
static atomic_int threads;
static const uint64_t nothing;                      /* a free slot's counters */
static atomic_uint_fast64_t past_taken, past_given; /* of threads that ended */

static void own_counters(const uint64_t **taken, const uint64_t **given)
{
    size_t len = sizeof(*taken);
    must(mallctl("thread.allocatedp", (void *)taken, &len, NULL, 0) == 0);
    must(mallctl("thread.deallocatedp", (void *)given, &len, NULL, 0) == 0);
}

void mem_thread_start(void)
{
    const uint64_t *taken = NULL, *given = NULL;
    own_counters(&taken, &given);
    int n = atomic_load(&threads), slot = 0;
    while (slot < n && counters[slot].taken != &nothing)
        slot++;
    must(slot < THREADS_MAX);
    counters[slot].taken = taken;
    counters[slot].given = given;
    if (slot == n) atomic_store(&threads, n + 1);
}

void mem_thread_end(void)
{
    const uint64_t *taken = NULL, *given = NULL;
    own_counters(&taken, &given);
    for (int i = 0; i < atomic_load(&threads); i++) {
        if (counters[i].taken != taken) continue;
        atomic_fetch_add(&past_taken, *taken);
        atomic_fetch_add(&past_given, *given);
        counters[i].taken = counters[i].given = &nothing;
    }
}

size_t mem_used(void)
{
    int n = atomic_load_explicit(&threads, memory_order_relaxed);
    uint64_t taken = atomic_load_explicit(&past_taken, memory_order_relaxed);
    uint64_t given = atomic_load_explicit(&past_given, memory_order_relaxed);
    for (int i = 0; i < n; i++) {
        taken += *counters[i].taken;
        given += *counters[i].given;
    }
    return taken > given ? (size_t)(taken - given) : 0;
}

static void counted(const void *p) { (void)p; }
static void uncounted(const void *p) { (void)p; }

const char *mem_allocator(void)
{
    static char name[64]; /* constant after the first call */
    const char *v = "";
    size_t len = sizeof(v);
    if (!name[0] && mallctl("version", &v, &len, NULL, 0) == 0)
        snprintf(name, sizeof(name), "jemalloc-%.*s", (int)strcspn(v, "-"), v);
    return name;
}

static size_t stat_of(const char *name)
{
    size_t v = 0, len = sizeof(v);
    return mallctl(name, &v, &len, NULL, 0) == 0 ? v : 0;
}

void mem_stats(struct mem_stats *out)
{
    uint64_t epoch = 1;
    size_t len = sizeof(epoch);
    mallctl("epoch", &epoch, &len, &epoch, len);
    *out = (struct mem_stats){ stat_of("stats.allocated"), stat_of("stats.active"),
                               stat_of("stats.resident"), stat_of("stats.retained") };
}

void mem_purge(void)
{
    char name[32];
    snprintf(name, sizeof(name), "arena.%d.purge", MALLCTL_ARENAS_ALL);
    mallctl(name, NULL, NULL, NULL, 0);
}

void mem_purge_in_background(bool on)
{
    mallctl("background_thread", NULL, NULL, &on, sizeof(on));
}

void mem_report(void (*write)(void *arg, const char *text), void *arg)
{
    malloc_stats_print(write, arg, NULL);
}

/* Figures are of four or eight bytes, or of one: asked for with room for the largest. */
bool mem_ctl(const char *name, int64_t *value, const int64_t *set)
{
    int64_t v = 0, to = set ? *set : 0;
    const size_t sizes[] = { 8, 4, 1 };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t size = sizes[i];
        v = 0;
        if (mallctl(name, &v, &size, set ? &to : NULL, set ? sizes[i] : 0) != 0) continue;
        *value = v;
        return true;
    }
    return false;
}

#else

static atomic_size_t used;

void mem_thread_start(void) {}
void mem_thread_end(void) {}
size_t mem_used(void) { return atomic_load_explicit(&used, memory_order_relaxed); }
static void counted(const void *p)
{
    atomic_fetch_add_explicit(&used, malloc_usable_size((void *)p), memory_order_relaxed);
}
static void uncounted(const void *p)
{
    atomic_fetch_sub_explicit(&used, malloc_usable_size((void *)p), memory_order_relaxed);
}
const char *mem_allocator(void) { return "libc"; }
void mem_stats(struct mem_stats *out)
{
    size_t n = mem_used();
    *out = (struct mem_stats){ n, n, n, 0 };
}
void mem_report(void (*write)(void *arg, const char *text), void *arg)
{
    write(arg, "Stats not supported for the current allocator");
}
bool mem_ctl(const char *name, int64_t *value, const int64_t *set)
{
    (void)name, (void)value, (void)set;
    return false;
}
void mem_purge(void) { malloc_trim(0); }
void mem_purge_in_background(bool on) { (void)on; }

#endif

void *mem_alloc(size_t n)
{
    void *p = malloc(n ? n : 1);
    if (__builtin_expect(!p, 0)) out_of_memory(n);
    counted(p);
    return p;
}

void *mem_zalloc(size_t n)
{
    void *p = calloc(1, n ? n : 1);
    if (__builtin_expect(!p, 0)) out_of_memory(n);
    counted(p);
    return p;
}

void *mem_realloc(void *p, size_t n)
{
    if (p) uncounted(p);
    void *q = realloc(p, n ? n : 1);
    if (__builtin_expect(!q, 0)) out_of_memory(n);
    counted(q);
    return q;
}

void mem_free(void *p)
{
    if (!p) return;
    uncounted(p);
    free(p);
}

size_t mem_size(const void *p) { return malloc_usable_size((void *)p); }

char *mem_strndup(const char *s, size_t n)
{
    char *p = mem_alloc(n + 1);
    memcpy(p, s, n);
    p[n] = 0;
    return p;
}

char *mem_strdup(const char *s) { return mem_strndup(s, strlen(s)); }
