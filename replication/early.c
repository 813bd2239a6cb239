#include "replication/early.h"

struct early_block {
    int64_t at;
    struct str bytes;
};

void early_put(struct early *e, struct slice bytes)
{
    if (!bytes.n) return;
    vec_push(&e->blocks, (struct early_block){ .at = e->end, .bytes = str_new(bytes) });
    e->end += (int64_t)bytes.n;
}

struct slice early_from(const struct early *e, int64_t at)
{
    size_t lo = 0, hi = e->blocks.n;
    if (at < 0 || at >= e->end || !hi) return slice_of(NULL, 0);
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (e->blocks.at[mid].at <= at) lo = mid;
        else hi = mid;
    }
    const struct early_block *b = &e->blocks.at[lo];
    size_t skip = (size_t)(at - b->at);
    return slice_of(b->bytes.p + skip, b->bytes.n - skip);
}

bool early_drop(struct early *e, size_t n)
{
    for (; n && e->blocks.n; n--) str_free(&vec_pop(&e->blocks).bytes);
    if (e->blocks.n) return true;
    early_free(e);
    return false;
}

void early_free(struct early *e)
{
    for (size_t i = 0; i < e->blocks.n; i++) str_free(&e->blocks.at[i].bytes);
    vec_free(&e->blocks);
    e->end = 0;
}
