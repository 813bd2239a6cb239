/* gates: what the data server asks before a command runs, in this order, after the front's own
 * gates. A gate that says no has answered. The table is handed to the front at start.
 *
 * Our master's stream passes all but the last: what the master has done is done.
 * Layer server. Tests: tests/e2e. */
#ifndef SERVER_GATES_H
#define SERVER_GATES_H

#include "core/front/front.h"

extern const struct gate server_gates[];

#endif
