/* slowlog: the calls that took longer than slowlog-log-slower-than, newest first.
 *
 * Owns its entries; keeps at most slowlog-max-len of them, each with at most SLOWLOG_ARGS arguments
 * of SLOWLOG_ARG_BYTES bytes. Layer core/front. Tests: unit/front. */
#ifndef CORE_FRONT_SLOWLOG_H
#define CORE_FRONT_SLOWLOG_H

#include <stdint.h>

#include "core/front/call.h"
#include "core/front/command.h"

#define SLOWLOG_ARGS 32
#define SLOWLOG_ARG_BYTES 128

struct slowlog;
struct slowlog *slowlog_new(void);
void slowlog_delete(struct slowlog *s);
/* Dispatch calls it for each call that was slow enough. */
void slowlog_add(const struct call *c, int64_t us);

extern const struct command cmds_slowlog[];

#endif
