/* ilist: an intrusive doubly linked ring. A node inside the owner's struct; the list owns nothing.
 * A removed node points to itself, so removing twice is harmless. Pure. */
#ifndef CORE_BASE_ILIST_H
#define CORE_BASE_ILIST_H

#include <stdbool.h>
#include <stddef.h>

struct ilist {
    struct ilist *prev, *next;
};

static inline void ilist_init(struct ilist *l) { l->prev = l->next = l; }
static inline bool ilist_empty(const struct ilist *l) { return l->next == l; }
static inline void ilist_before(struct ilist *at, struct ilist *n)
{
    n->prev = at->prev;
    n->next = at;
    at->prev->next = n;
    at->prev = n;
}
static inline void ilist_push(struct ilist *l, struct ilist *n) { ilist_before(l, n); } /* last */
static inline void ilist_push_front(struct ilist *l, struct ilist *n) { ilist_before(l->next, n); }
static inline void ilist_remove(struct ilist *n)
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    ilist_init(n);
}

#define ilist_of(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))
/* The body may remove the current node. */
#define ilist_each(l, it, tmp)                                                                     \
    for (struct ilist *it = (l)->next, *tmp = it->next; it != (l); it = tmp, tmp = it->next)

#endif
