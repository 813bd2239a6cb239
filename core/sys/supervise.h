/* supervise: tells systemd (one datagram to NOTIFY_SOCKET) or upstart (SIGSTOP) about our state.
 *
 *     "STATUS=Redis is loading...\n"  "READY=1\n"  "STOPPING=1\n"
 *
 * Layer core/sys. Owns nothing; does nothing when nobody supervises. Tests: unit/process. */
#ifndef CORE_SYS_SUPERVISE_H
#define CORE_SYS_SUPERVISE_H

#include <stdbool.h>

enum supervise { SUPERVISE_NONE, SUPERVISE_SYSTEMD, SUPERVISE_UPSTART };

/* Who supervises according to the environment. */
enum supervise supervise_detect(void);
/* Sends the text to systemd; false: no socket, or it was refused. */
bool supervise_notify(const char *text);
/* Upstart's `expect stop`: stops this process until it goes on. */
void supervise_upstart_ready(void);

#endif
