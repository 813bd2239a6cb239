/* debug: the sub-commands of DEBUG, split by what they look at. DEBUG is one command with free
 * words behind it (no container), so its rows are of their own kind. Layer server. Tests:
 * tests/e2e. */
#ifndef SERVER_CMD_DEBUG_H
#define SERVER_CMD_DEBUG_H

#include "core/front/call.h"

struct debug_row {
    const char *name;
    int words_min, words_max; /* behind the name; max -1: any number */
    void (*run)(struct call *c);
    const char *const *help; /* HELP(...): the form, then indented lines */
};
#define HELP(...) \
    (const char *const[]) { __VA_ARGS__, NULL }

/* Rows about keys and their storage; ends with a NULL name. */
extern const struct debug_row debug_data_rows[];
/* Rows about the process and its parts. */
extern const struct debug_row debug_tool_rows[];

/* CONFIG REWRITE of everything (server/cmd/config.c). */
void debug_config_rewrite(struct call *c);

/* The same for the same data, and what Redis says of it (server/cmd/debug_digest.c). */
void debug_digest(struct call *c);
void debug_digest_value(struct call *c);

#endif
