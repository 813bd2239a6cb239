#include "server/demotion.h"

#include "core/base/mem.h"
#include "core/front/client.h"
#include "core/front/front.h"
#include "core/sys/log.h"
#include "server/config.h"
#include "server/server.h"

struct demotion {
    struct server *s;
    struct loop_timer *timer;
    uint64_t ordered_by; /* this client stays */
};

static void on_timer(void *arg);

struct demotion *demotion_new(struct server *s)
{
    struct demotion *d = mem_zalloc(sizeof(*d));
    d->s = s;
    d->timer = loop_timer_new(s->loop, on_timer, d);
    return d;
}

void demotion_delete(struct demotion *d)
{
    if (!d) return;
    loop_timer_delete(d->timer);
    mem_free(d);
}

void demotion_begin(struct demotion *d, uint64_t ordered_by)
{
    if (!d->s->config->demotion_cuts_writers) return;
    d->ordered_by = ordered_by;
    loop_timer_after(d->timer, 0);
}

static bool to_be_cut(const struct demotion *d, const struct client *cl)
{
    return cl->flags & CLIENT_WROTE && cl->conn && cl->id != d->ordered_by &&
           client_kind(cl) == CLIENT_KIND_NORMAL &&
           !(cl->flags & (CLIENT_CLOSING | CLIENT_MONITOR));
}

static void on_timer(void *arg)
{
    struct demotion *d = arg;
    int n = 0;
    if (d->s->is_master) return;
    ilist_each(&d->s->front->clients, it, next)
    {
        struct client *cl = ilist_of(it, struct client, node);
        bool cut = to_be_cut(d, cl);
        cl->flags &= ~CLIENT_WROTE;
        if (!cut) continue;
        client_close_after_reply(cl);
        n++;
    }
    if (n) log_notice("%d clients that have written were disconnected: we are a replica now", n);
}
