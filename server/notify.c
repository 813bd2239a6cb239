#include "server/notify.h"

#include "core/base/buf.h"
#include "core/front/front.h"

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
