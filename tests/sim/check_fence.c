/* F1 and F2: what a master heard, seen from outside, and whether it acknowledges all the same. */
#include "core/base/mem.h"
#include "tests/sim/check.h"
#include "tests/sim/data.h"

#define SLACK_MS 200
#define FOLLOWED_MS 50000 /* without a replica for about a minute nobody can replace it */

struct check_fence *check_fence_new(void) { return mem_zalloc(sizeof(struct check_fence)); }
void check_fence_free(struct check_fence *k) { mem_free(k); }

static struct heard *book(const struct node *n)
{
    return &n->sim->check->fences->at[n->index];
}

void check_fence_role(struct node *n, bool boot)
{
    struct heard *h = book(n);
    struct heard fresh = { .any = n->sim->now };
    if (!boot) { /* the memory of epochs outlives the role */
        fresh.epoch = h->epoch;
        fresh.known = h->known;
    }
    *h = fresh;
}

/* In an epoch newer than all that it heard before, after one that named it, another is named. */
void check_fence_hello(struct node *n, uint64_t epoch, bool own)
{
    struct heard *h = book(n);
    bool newer = !h->known || epoch > h->epoch;
    h->any = n->sim->now; /* nobody knows before that its connection is a Sentinel's */
    h->left = false;      /* whoever is gone, one Sentinel at least is there */
    if (!newer && epoch < h->epoch) return;
    h->known = true;
    h->epoch = epoch;
    if (own && newer) h->overruled = false;
    if (own && !h->overruled) h->named = true;
    if (!own && newer && h->named && !h->odd) h->overruled = true;
    if (!own && !h->overruled) h->odd = true; /* perhaps one more address of its own */
}

void check_fence_heard(struct node *n)
{
    book(n)->any = n->sim->now;
}

void check_fence_left(struct node *n) { book(n)->left = true; }

void check_fence_followed(struct node *n)
{
    book(n)->followed = true;
    book(n)->followed_at = n->sim->now;
}

void check_fence_ack(struct node *n)
{
    struct heard *h = book(n);
    struct sim *s = n->sim;
    const struct data *d = data_of(n);
    int64_t window = d->told_ms ? d->told_ms * 6 / 10 : 0;
    if (!s->opt.fence || s->check->loose) return;
    if (h->overruled)
        sim_fail(s, "F1", "%s acknowledges a write after it heard of its successor in epoch %llu",
                 n->name, (unsigned long long)h->epoch);
    bool watched = window && h->named && h->followed && s->now - h->followed_at < FOLLOWED_MS;
    if (watched && !h->left && s->now - h->any > 2 * window + SLACK_MS)
        sim_fail(s, "F2", "%s acknowledges a write and has heard nobody for %lld ms", n->name,
                 (long long)(s->now - h->any));
}
