/* cmd/list: what the list commands share with their blocking forms. Layer server. */
#ifndef SERVER_CMD_LIST_H
#define SERVER_CMD_LIST_H

#include "core/types/list.h"
#include "server/cmd/keyed.h"

/* LEFT or RIGHT; replies with a syntax error otherwise. */
bool list_end_arg(struct call *c, int at, enum list_end *end);
/* Replies with up to n items from that end and removes them; the key goes with the last one. Tells
 * the events; argv[key_at] is the key. What goes to the stream is the caller's to say. */
void list_pop_reply_one(struct call *c, struct value *v, int key_at, enum list_end end);
void list_pop_reply_many(struct call *c, struct value *v, int key_at, enum list_end end, size_t n);
/* LPOP or RPOP of that key in the stream; with the count when n > 0. */
void list_stream_pop(struct call *c, struct slice key, enum list_end end, size_t n);

/* From argv[1], which is a list with items, to argv[2]; false: that holds another type, and the
 * client has been told. */
bool list_move(struct call *c, struct value *from, enum list_end pop, enum list_end push);

/* The arguments of LMPOP from `at` (numkeys) on. */
struct list_mpop {
    int first, keys; /* in argv */
    enum list_end end;
    size_t count;
};
bool list_mpop_args(struct call *c, int at, struct list_mpop *m);

#endif
