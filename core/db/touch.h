/* touch: the one gate that every change of a key passes.
 *
 * Whoever must know of changes (WATCH, tracking, blocked clients, versioned snapshots) puts a
 * `struct touch_hook` on the keyspace's list. `before` is called when a key is looked up for
 * writing, while the old value is intact; `after` when it has been changed. Keyspace
 * notifications carry the command's own event name and are the command's to send.
 * Owns nothing: hooks belong to who added them and must be removed before they die. A hook must not
 * change the keyspace. Order: as added. Pure. Tests: unit/keyspace. */
#ifndef CORE_DB_TOUCH_H
#define CORE_DB_TOUCH_H

#include "core/base/str.h"

enum touch_kind {
    TOUCH_ADDED,    /* the key came into being */
    TOUCH_CHANGED,  /* value or deadline is another one */
    TOUCH_REMOVED,  /* by a command */
    TOUCH_EXPIRED,  /* its deadline passed */
    TOUCH_EVICTED,  /* memory was short */
    TOUCH_FLUSHED,  /* the whole database is empty now; no key is named */
    TOUCH_SWAPPED,  /* the whole database has other content; no key is named; comes once for each */
};

struct touch {
    int db;
    enum touch_kind kind;
    struct slice key; /* lent for the call; key.p == NULL: the whole database */
    int type;         /* enum value_type of the value (the former one when it is gone); -1 none */
};

struct touch_hook {
    /* Either may be NULL. As below, key.p == NULL stands for the whole database. */
    void (*before)(void *app, int db, struct slice key);
    void (*after)(void *app, const struct touch *t);
    void *app;
    struct touch_hook *next; /* the list's */
};

struct touch_list {
    struct touch_hook *first;
};

void touch_add(struct touch_list *l, struct touch_hook *h);
void touch_remove(struct touch_list *l, struct touch_hook *h);
void touch_before(const struct touch_list *l, int db, struct slice key);
void touch_after(const struct touch_list *l, const struct touch *t);

#endif
