#include "sentinel/actions.h"

#include "core/base/mem.h"

#define BLOCK_BYTES 4096 /* fits the texts of most steps, so that a step allocates once */
#define ALIGN 16

void sn_actions_reset(struct sn_actions *a)
{
    while (a->blocks.n > 1) mem_free(vec_pop(&a->blocks));
    /* A first block that was larger than usual is given back as well. */
    if (a->blocks.n == 1 && a->room > BLOCK_BYTES) mem_free(vec_pop(&a->blocks));
    a->used = 0;
    a->room = a->blocks.n ? BLOCK_BYTES : 0;
    a->persists = false;
    vec_clear(&a->list);
}

void sn_actions_free(struct sn_actions *a)
{
    for (size_t i = 0; i < a->blocks.n; i++) mem_free(a->blocks.at[i]);
    vec_free(&a->blocks);
    vec_free(&a->list);
    *a = (struct sn_actions){ 0 };
}

void *sn_actions_alloc(struct sn_actions *a, size_t n)
{
    n = (n + ALIGN - 1) / ALIGN * ALIGN;
    if (a->room - a->used < n) {
        a->room = n > BLOCK_BYTES ? n : BLOCK_BYTES;
        a->used = 0;
        vec_push(&a->blocks, mem_alloc(a->room));
    }
    char *p = vec_last(&a->blocks) + a->used;
    a->used += n;
    return p;
}

struct slice sn_actions_text(struct sn_actions *a, struct slice s)
{
    char *p = sn_actions_alloc(a, s.n + 1);
    if (s.n) memcpy(p, s.p, s.n);
    p[s.n] = 0; /* so that drivers may lend it to libc */
    return slice_of(p, s.n);
}

struct sn_action *sn_actions_add(struct sn_actions *a, enum sn_action_kind kind)
{
    vec_push(&a->list, (struct sn_action){ .kind = kind });
    return &vec_last(&a->list);
}

void sn_actions_persist(struct sn_actions *a)
{
    if (a->persists) return;
    a->persists = true;
    sn_actions_add(a, SN_DO_PERSIST);
}

void sn_actions_argv(struct sn_actions *a, struct sn_action *act, int argc,
                     const struct slice *argv)
{
    struct slice *copy = sn_actions_alloc(a, (size_t)argc * sizeof(*copy));
    for (int i = 0; i < argc; i++) copy[i] = sn_actions_text(a, argv[i]);
    act->argc = argc;
    act->argv = copy;
}
