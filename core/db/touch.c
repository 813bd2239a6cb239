#include "core/db/touch.h"

#include "core/base/must.h"

void touch_add(struct touch_list *l, struct touch_hook *h)
{
    struct touch_hook **at = &l->first;
    while (*at) {
        must(*at != h);
        at = &(*at)->next;
    }
    h->next = NULL;
    *at = h;
}

void touch_remove(struct touch_list *l, struct touch_hook *h)
{
    struct touch_hook **at = &l->first;
    while (*at && *at != h) at = &(*at)->next;
    if (*at) *at = h->next;
}

void touch_before(const struct touch_list *l, int db, struct slice key)
{
    for (const struct touch_hook *h = l->first; h; h = h->next)
        if (h->before) h->before(h->app, db, key);
}

void touch_after(const struct touch_list *l, const struct touch *t)
{
    for (const struct touch_hook *h = l->first; h; h = h->next)
        if (h->after) h->after(h->app, t);
}
