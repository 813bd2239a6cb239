#include "tests/sim/shelf.h"

#include "core/base/must.h"
#include "tests/sim/breaks.h"
#include "tests/sim/trace.h"

#define FULL_ONE_IN 20 /* a put meets a full disk */
#define FULL_MS 5000
#define BAD_ONE_IN 200 /* a get meets a bad one */

static bool put(void *arg, struct slice bytes, int64_t *place)
{
    struct shelf *s = arg;
    struct sim *sim = s->node->sim;
    if (sim->now < s->full_until) return false;
    if (rng_below(&s->rng, FULL_ONE_IN) == 0) {
        s->full_until = sim->now + FULL_MS;
        tell(sim, s->node, "its disk is full");
        return false;
    }
    *place = (int64_t)s->kept.n;
    vec_push(&s->kept, str_new(bytes));
    return true;
}

static bool get(void *arg, int64_t place, char *bytes, size_t n)
{
    struct shelf *s = arg;
    const struct str *copy = &s->kept.at[place];
    must(copy->n == n);
    if (rng_below(&s->rng, BAD_ONE_IN) == 0) {
        tell(s->node->sim, s->node, "its disk does not give back what it took");
        return false;
    }
    memcpy(bytes, copy->p, n);
    if (!broken_is(s->node->sim, BREAK_FALSE_COPY)) return true;
    for (size_t i = 0; i < n; i++) /* letters of payloads: the framing stays right */
        if (bytes[i] >= 'm' && bytes[i] <= 'z') bytes[i]--;
    return true;
}

static void drop(void *arg, int64_t place, size_t n)
{
    struct shelf *s = arg;
    must(s->kept.at[place].n == n);
    str_free(&s->kept.at[place]);
}

void shelf_init(struct shelf *s, struct node *n)
{
    *s = (struct shelf){ .store = { s, put, get, drop }, .node = n };
    rng_seed(&s->rng, n->sim->seed * 7919 + (uint64_t)n->index);
}

void shelf_free(struct shelf *s)
{
    for (size_t i = 0; i < s->kept.n; i++) must(s->kept.at[i].n == 0);
    vec_free(&s->kept);
}
