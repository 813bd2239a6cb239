/* block: clients that wait for keys: BLPOP and its like, BZPOPMIN, XREAD BLOCK.
 *
 * A command that finds nothing calls block_on() with the keys it waits for and a function that
 * tries to serve it; the words of the call are copied. The keyspace's gate marks keys that change;
 * when the unit that changed them is at its end, keys are looked at in the order in which they
 * became ready, and at each its clients in the order in which they came. A client that is served
 * is a unit of its own. What serving changes is looked at in the next round.
 *
 * `serve` runs as a command does: it replies once, counts changes, says what goes to the stream
 * (call_replace: the blocking words never do), and gives true; or it leaves everything as it is and
 * gives false: the client waits on, in its place. It is called only when key argv[at] holds a value
 * of one of `types` (or, with `when_removed`, whenever the key changed or went).
 * While nobody waits, the gate does not know of us. Layer server. Tests: e2e/test_block,
 * compat/test_lists. */
#ifndef SERVER_BLOCK_H
#define SERVER_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/front/call.h"

struct blocking;
struct client;
struct keyspace;
struct server;
struct waiter;

struct block_wait {
    int first, keys;    /* argv[first] .. argv[first + keys - 1] */
    uint32_t types;     /* BLOCK_TYPE(VALUE_LIST) | ... */
    bool when_removed;  /* a key that goes is news too (XREADGROUP) */
    int64_t timeout_ms; /* 0: for ever */
    bool (*serve)(struct call *c, int at);
    void (*timed_out)(struct call *c); /* the answer then: reply_null_array */
    void (*denied)(struct call *c);    /* where none may block; NULL: the same */
};
#define BLOCK_TYPE(t) (1u << (t))

/* Blocks the call's client. Where none may block (EXEC, scripts, the master's stream) it gets the
 * empty answer at once. */
void block_on(struct call *c, const struct block_wait *w);
/* Argument `at`: seconds with fractions, as ms; 0 = for ever. Replies on failure, gives false. */
bool block_timeout_arg(struct call *c, int at, int64_t *ms);
/* The same for a figure in ms (XREAD BLOCK). */
bool block_timeout_ms_arg(struct call *c, int at, int64_t *ms);

struct blocking *blocking_new(struct server *s);
void blocking_delete(struct blocking *b);
/* Who waits for the key looks at it again, though for nobody else it has changed. */
void blocking_wake(struct blocking *b, int db, struct slice key);
/* Serves who can be served; called at the end of units and before the loop sleeps. */
void blocking_serve(struct blocking *b);
/* The id of the client that is being served now, which is who writes then; 0: none. */
uint64_t blocking_served(const struct blocking *b);
/* The keyspace was exchanged for another one. */
void blocking_moved(struct blocking *b, struct keyspace *from, struct keyspace *to);
/* The server became a replica: who waits gets an error and is disconnected. */
void blocking_role_changed(struct blocking *b);
/* CLIENT UNBLOCK; false: it does not wait for keys. */
bool blocking_unblock(struct blocking *b, struct client *cl, bool with_error);
/* The client is gone. */
void blocking_forget(struct client *cl);
/* For INFO: keys that are waited for; those whose removal is waited for too. */
size_t blocking_keys(const struct blocking *b, size_t *on_no_key);

#endif
