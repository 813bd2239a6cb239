#include "server/notify.h"

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/db/keyspace.h"
#include "core/front/front.h"

struct notify {
    struct server *s;
    struct touch_hook hook;
    bool hooked;
};

void notify_publish(struct server *s, unsigned cls, const char *event, int db, struct slice key)
{
    unsigned want = (unsigned)s->config->notify_keyspace_events;
    if (!(want & cls)) return;
    struct buf channel = { 0 };
    if (want & NOTIFY_KEYSPACE) {
        buf_fmt(&channel, "__keyspace@%d__:", db);
        buf_puts(&channel, key);
        pubsub_publish(s->front, buf_slice(&channel), slice_z(event));
    }
    if (want & NOTIFY_KEYEVENT) {
        buf_clear(&channel);
        buf_fmt(&channel, "__keyevent@%d__:%s", db, event);
        pubsub_publish(s->front, buf_slice(&channel), key);
    }
    buf_free(&channel);
}

static void on_touch(void *app, const struct touch *t)
{
    struct notify *n = app;
    if (t->kind == TOUCH_ADDED) notify_event(n->s, NOTIFY_NEW, "new", t->db, t->key);
}

struct notify *notify_new(struct server *s)
{
    struct notify *n = mem_zalloc(sizeof(*n));
    n->s = s;
    n->hook = (struct touch_hook){ .after = on_touch, .app = n };
    return n;
}

void notify_delete(struct notify *n)
{
    if (!n) return;
    if (n->hooked) touch_remove(&n->s->ks->touch, &n->hook);
    mem_free(n);
}

void notify_configured(struct notify *n)
{
    bool want = (n->s->config->notify_keyspace_events & NOTIFY_NEW) != 0;
    if (want && !n->hooked) touch_add(&n->s->ks->touch, &n->hook);
    if (!want && n->hooked) touch_remove(&n->s->ks->touch, &n->hook);
    n->hooked = want;
}

void notify_moved(struct notify *n, struct keyspace *from, struct keyspace *to)
{
    if (!n->hooked) return;
    touch_remove(&from->touch, &n->hook);
    touch_add(&to->touch, &n->hook);
}
