/* notify: keyspace events, published to __keyspace@N__:KEY and __keyevent@N__:EVENT.
 *
 * A command calls notify_event after it has changed the key. `cls` is one class of enum
 * server_notify (server/config.h: NOTIFY_STRING, NOTIFY_GENERIC, ...). With notify-keyspace-events
 * "" it costs one load and one branch. Owns nothing; reads the configuration and publishes through
 * core/front/pubsub. Layer server. Tests: tests/e2e. */
#ifndef SERVER_NOTIFY_H
#define SERVER_NOTIFY_H

#include "core/base/str.h"
#include "server/config.h"
#include "server/server.h"

/* The slow half: somebody may listen. Use notify_event. */
void notify_publish(struct server *s, unsigned cls, const char *event, int db, struct slice key);

/* "new" events come from the keyspace's gate, which hears of us only while somebody wants them. */
struct notify *notify_new(struct server *s);
void notify_delete(struct notify *n);
/* The directive has its first value, or another one. */
void notify_configured(struct notify *n);
/* The server's keyspace is another one now. */
void notify_moved(struct notify *n, struct keyspace *from, struct keyspace *to);

static inline void notify_event(struct server *s, unsigned cls, const char *event, int db,
                                struct slice key)
{
    if (__builtin_expect((unsigned)s->config->notify_keyspace_events & cls, 0))
        notify_publish(s, cls, event, db, key);
}

#endif
