#include "sentinel/heap.h"

static void put(struct sn_core *core, size_t i, struct sn_group *g)
{
    core->heap.at[i] = g;
    g->heap_pos = i;
}

static size_t sift_up(struct sn_core *core, size_t i)
{
    struct sn_group *g = core->heap.at[i];
    while (i > 0 && core->heap.at[(i - 1) / 2]->due > g->due) {
        put(core, i, core->heap.at[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    put(core, i, g);
    return i;
}

static void sift_down(struct sn_core *core, size_t i)
{
    struct sn_group *g = core->heap.at[i];
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= core->heap.n) break;
        if (child + 1 < core->heap.n && core->heap.at[child + 1]->due < core->heap.at[child]->due)
            child++;
        if (core->heap.at[child]->due >= g->due) break;
        put(core, i, core->heap.at[child]);
        i = child;
    }
    put(core, i, g);
}

void sn_heap_moved(struct sn_core *core, struct sn_group *g)
{
    sift_down(core, sift_up(core, g->heap_pos));
}

void sn_heap_add(struct sn_core *core, struct sn_group *g)
{
    vec_push(&core->heap, g);
    g->heap_pos = core->heap.n - 1;
    sift_up(core, g->heap_pos);
}

void sn_heap_remove(struct sn_core *core, struct sn_group *g)
{
    size_t i = g->heap_pos;
    struct sn_group *last = vec_pop(&core->heap);
    if (last == g) return;
    put(core, i, last);
    sn_heap_moved(core, last);
}
