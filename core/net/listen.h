/* listen: TCP and unix listeners. Layer core/net. A listener accepts until told to stop and hands
 * each descriptor (non-blocking, close-on-exec) to its callback, at most 1000 a turn. */
#ifndef CORE_NET_LISTEN_H
#define CORE_NET_LISTEN_H

#include <stdbool.h>

#include "core/base/err.h"
#include "core/net/loop.h"

struct listener;
/* ip "*" and "::*" are all addresses of a family. NULL on failure; the sentence is Redis' own:
 * "Could not create server TCP listening socket H:P: bind: ...". */
struct listener *listen_tcp(struct loop *l, const char *ip, int port, int backlog,
                            void (*on_accept)(void *arg, int fd), void *arg, struct errmsg *msg);
/* The same for an address that may be missing (bind's "-"): *absent tells whether it failed only
 * because this machine has no such address or family. */
struct listener *listen_tcp_optional(struct loop *l, const char *ip, int port, int backlog,
                                     void (*on_accept)(void *arg, int fd), void *arg,
                                     struct errmsg *msg, bool *absent);
struct listener *listen_unix(struct loop *l, const char *path, unsigned perm, int backlog,
                             void (*on_accept)(void *arg, int fd), void *arg, struct errmsg *msg);
int listener_port(const struct listener *li); /* the real one when 0 was asked */
void listener_close(struct listener *li);     /* also removes the unix path */

#endif
