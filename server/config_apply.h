/* config_apply: what happens at once when a directive is changed by CONFIG SET.
 *
 * Each function gets the owner that was given to server_config_init (a struct server *), after the
 * new values stand in the struct. ERR_NONE: done. An error's message becomes part of the reply, the
 * old values are put back, and the functions that had run run again. A function serves several
 * directives and runs once a CONFIG SET.
 *
 * Values that are read where they are used (most of them) need no function. Tests: tests/e2e. */
#ifndef SERVER_CONFIG_APPLY_H
#define SERVER_CONFIG_APPLY_H

#include "core/base/err.h"

enum err server_apply_save(void *server, struct errmsg *m);       /* save */
enum err server_apply_appendonly(void *server, struct errmsg *m); /* appendonly, appendfsync */
enum err server_apply_memory(void *server, struct errmsg *m);     /* maxmemory, -policy, -samples */
/* repl-*, min-replicas-*, replica-*, masterauth, masteruser */
enum err server_apply_replication(void *server, struct errmsg *m);
enum err server_apply_backlog(void *server, struct errmsg *m);     /* repl-backlog-size */
/* oom-score-adj, -values; and when the role changes */
enum err server_apply_oom(void *server, struct errmsg *m);
enum err server_apply_types(void *server, struct errmsg *m);       /* *-max-listpack-*, ... */
enum err server_apply_notify(void *server, struct errmsg *m);      /* notify-keyspace-events */

/* The values that the types ask for (struct type_limits), into the server's own copy. */
struct server;
void server_fill_limits(struct server *s);

/* Fills the table of what the shared directives need (port, bind, maxclients, log, ...). */
struct front_config_hooks;
void server_hooks(struct front_config_hooks *hooks, void *server);

#endif
