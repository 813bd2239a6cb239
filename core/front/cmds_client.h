/* cmds_client: the commands about the connection itself, which both personalities have: PING, ECHO,
 * QUIT, HELLO, AUTH, RESET, CLIENT and its sub-commands. (PUBLISH and SELECT are not here: each
 * personality has its own, or none.) Layer core/front. Tests: unit/front, e2e. */
#ifndef CORE_FRONT_CMDS_CLIENT_H
#define CORE_FRONT_CMDS_CLIENT_H

#include "core/front/command.h"

extern const struct command cmds_connection[];

/* The sub-commands of CLIENT that look at other clients: client_commands.c. */
struct call;
void client_cmd_help(struct call *c);
void client_cmd_kill(struct call *c);
void client_cmd_list(struct call *c);
void client_cmd_pause(struct call *c);
void client_cmd_unblock(struct call *c);
void client_cmd_unpause(struct call *c);

#endif
