/* index_bench: the ordered index of sorted sets beside a skip list with spans, the usual choice.
 *
 *     index_bench [MEMBERS]    random scores, names of 14 bytes; prints ns an operation and bytes a
 *                              member of the index alone (members and name table not counted) */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/mem.h"
#include "core/base/rand.h"
#include "core/types/ztree.h"

#define LEVELS 32

struct link {
    struct skip *next;
    size_t span;
};

struct skip {
    struct zmember *m;
    struct skip *prev;
    struct link link[];
};

struct skiplist {
    struct skip *head;
    int levels;
    size_t n;
    struct rng rng;
};

static struct skip *skip_new(struct zmember *m, int levels)
{
    struct skip *s = mem_zalloc(sizeof(*s) + (size_t)levels * sizeof(struct link));
    s->m = m;
    return s;
}

static bool is_less(const struct zmember *a, const struct zmember *b)
{
    if (a->score != b->score) return a->score < b->score;
    return slice_cmp(zmember_name(a), zmember_name(b)) < 0;
}

/* The last node before m on each level, and its rank. */
static void path_to(const struct skiplist *l, const struct zmember *m, struct skip *at[LEVELS],
                    size_t rank[LEVELS])
{
    struct skip *s = l->head;
    size_t r = 0;
    for (int i = l->levels - 1; i >= 0; i--) {
        while (s->link[i].next && is_less(s->link[i].next->m, m)) {
            r += s->link[i].span;
            s = s->link[i].next;
        }
        at[i] = s;
        rank[i] = r;
    }
}

static void skip_add(struct skiplist *l, struct zmember *m)
{
    struct skip *at[LEVELS];
    size_t rank[LEVELS];
    int levels = 1;
    while (levels < LEVELS && rng_below(&l->rng, 4) == 0) levels++;
    path_to(l, m, at, rank);
    for (; l->levels < levels; l->levels++) {
        at[l->levels] = l->head;
        rank[l->levels] = 0;
        l->head->link[l->levels].span = l->n;
    }
    struct skip *s = skip_new(m, levels);
    for (int i = 0; i < levels; i++) {
        size_t before = rank[0] - rank[i];
        s->link[i] = (struct link){ at[i]->link[i].next, at[i]->link[i].span - before };
        at[i]->link[i] = (struct link){ s, before + 1 };
    }
    for (int i = levels; i < l->levels; i++) at[i]->link[i].span++;
    s->prev = at[0];
    if (s->link[0].next) s->link[0].next->prev = s;
    l->n++;
}

static void skip_remove(struct skiplist *l, const struct zmember *m)
{
    struct skip *at[LEVELS];
    size_t rank[LEVELS];
    path_to(l, m, at, rank);
    struct skip *s = at[0]->link[0].next;
    for (int i = 0; i < l->levels; i++) {
        if (at[i]->link[i].next != s) {
            at[i]->link[i].span--;
            continue;
        }
        size_t span = at[i]->link[i].span + s->link[i].span - 1;
        at[i]->link[i] = (struct link){ s->link[i].next, span };
    }
    if (s->link[0].next) s->link[0].next->prev = s->prev;
    mem_free(s);
    l->n--;
}

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double began;
static double lap(size_t n)
{
    double ns = (now_ns() - began) / (double)n;
    began = now_ns();
    return ns;
}

static struct zmember **make(size_t n, struct rng *r)
{
    struct zmember **m = mem_alloc(n * sizeof(*m));
    for (size_t i = 0; i < n; i++) {
        char name[32];
        int len = snprintf(name, sizeof(name), "member:%07zu", i);
        m[i] = zmember_new((double)rng_below(r, n * 10), slice_of(name, (size_t)len));
    }
    return m;
}

static void bench_skip(struct zmember **m, size_t n)
{
    struct skiplist l = { .head = skip_new(NULL, LEVELS), .levels = 1 };
    struct skip *at[LEVELS];
    size_t rank[LEVELS], sum = 0, before = mem_used();
    rng_seed(&l.rng, 2);
    began = now_ns();
    for (size_t i = 0; i < n; i++) skip_add(&l, m[i]);
    double add = lap(n);
    double bytes = (double)(mem_used() - before) / (double)n;
    for (size_t i = 0; i < n; i++) {
        path_to(&l, m[i * 7919 % n], at, rank);
        sum += rank[0];
    }
    double find = lap(n);
    for (struct skip *s = l.head->link[0].next; s; s = s->link[0].next) sum += s->m->name[0];
    double walk = lap(n);
    for (size_t i = 0; i < n; i++) skip_remove(&l, m[i]);
    printf("skip list  add %6.0f  rank %6.0f  walk %5.1f  remove %6.0f ns   %5.1f bytes   (%zu)\n",
           add, find, walk, lap(n), bytes, sum % 10);
    mem_free(l.head);
}

static void bench_tree(struct zmember **m, size_t n)
{
    struct ztree t = { 0 };
    struct ztree_cursor c;
    size_t sum = 0, before = mem_used();
    began = now_ns();
    for (size_t i = 0; i < n; i++) ztree_add(&t, m[i]);
    double add = lap(n);
    double bytes = (double)(mem_used() - before) / (double)n;
    for (size_t i = 0; i < n; i++) {
        const struct zmember *x = m[i * 7919 % n];
        struct ztree_place p = { ZTREE_BY_BOTH, x->score, zmember_name(x), false };
        sum += ztree_rank(&t, &p);
    }
    double find = lap(n);
    ztree_seek(&t, 0, &c);
    do sum += ztree_here(&c)->name[0];
    while (ztree_next(&c));
    double walk = lap(n);
    for (size_t i = 0; i < n; i++) ztree_remove(&t, m[i]);
    printf("tree       add %6.0f  rank %6.0f  walk %5.1f  remove %6.0f ns   %5.1f bytes   (%zu)\n",
           add, find, walk, lap(n), bytes, sum % 10);
}

int main(int argc, char **argv)
{
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    struct rng r;
    mem_thread_start();
    rng_seed(&r, 1);
    struct zmember **m = make(n, &r);
    bench_tree(m, n);
    bench_skip(m, n);
    for (size_t i = 0; i < n; i++) zmember_free(m[i]);
    mem_free(m);
    return 0;
}
