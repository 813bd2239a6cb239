#include "core/front/client_evict.h"

#include <stdlib.h>

#include "core/base/vec.h"
#include "core/front/config.h"
#include "core/front/front.h"
#include "core/sys/log.h"

/* Bytes; 0: no limit. */
static uint64_t limit_of(const struct front *f)
{
    int64_t v = f->config->maxmemory_clients;
    if (v >= 0) return (uint64_t)v;
    uint64_t all = f->hooks.maxmemory ? f->hooks.maxmemory(f) : 0;
    return (uint64_t)((double)all * (double)-v / 100);
}

static bool counts(const struct client *cl)
{
    enum client_kind kind = client_kind(cl);
    return cl->conn && !(cl->flags & (CLIENT_CLOSING | CLIENT_DETACHED)) &&
           (kind == CLIENT_KIND_NORMAL || kind == CLIENT_KIND_PUBSUB);
}

void client_evict_forget(struct client *cl)
{
    cl->front->clients_mem -= cl->counted_mem;
    cl->counted_mem = 0;
}

void client_evict_count(struct client *cl)
{
    struct front *f = cl->front;
    if (!f->counting_clients) return;
    client_evict_forget(cl);
    cl->counted_mem = counts(cl) ? client_mem(cl) : 0;
    f->clients_mem += cl->counted_mem;
}

/* ---- the walk ---- */

struct order {
    VEC(struct client *) at;
};

static int largest_first(const void *a, const void *b)
{
    size_t x = (*(struct client *const *)a)->counted_mem;
    size_t y = (*(struct client *const *)b)->counted_mem;
    return (x < y) - (x > y);
}

static void count_all(struct front *f, struct order *out)
{
    ilist_each(&f->clients, it, next) {
        struct client *cl = ilist_of(it, struct client, node);
        client_evict_count(cl);
        if (cl->counted_mem && !(cl->flags & CLIENT_NO_EVICT)) vec_push(&out->at, cl);
    }
}

static void evict(struct client *cl)
{
    struct buf line = { 0 };
    client_describe(cl, &line);
    log_notice("Evicting client: %.*s", (int)buf_size(&line), buf_head(&line));
    buf_free(&line);
    cl->front->stats.evicted_clients++;
    client_evict_forget(cl);
    client_close_soon(cl);
}

static void evict_until(struct front *f, uint64_t limit)
{
    struct order order = { 0 };
    count_all(f, &order);
    if (f->clients_mem > limit && order.at.n) {
        qsort(order.at.at, order.at.n, sizeof(order.at.at[0]), largest_first);
        for (size_t i = 0; i < order.at.n && f->clients_mem > limit; i++) evict(order.at.at[i]);
    }
    vec_free(&order.at);
}

static void stop_counting(struct front *f)
{
    ilist_each(&f->clients, it, next)
        client_evict_forget(ilist_of(it, struct client, node));
    f->counting_clients = false;
}

void client_evict_run(struct front *f)
{
    if (__builtin_expect(!f->config->maxmemory_clients, 1) && !f->counting_clients) return;
    uint64_t limit = limit_of(f);
    if (!limit) {
        if (f->counting_clients) stop_counting(f);
        return;
    }
    bool first = !f->counting_clients;
    f->counting_clients = true;
    if (first || f->clients_mem > limit) evict_until(f, limit);
}
