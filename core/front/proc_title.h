/* proc_title: the text of the process list from proc-title-template.
 *
 * Variables: {title} {listen-addr} {server-mode} {port} {tls-port} {unixsocket} {config-file}.
 * Pure. Tests: unit/conf_rows. */
#ifndef CORE_FRONT_PROC_TITLE_H
#define CORE_FRONT_PROC_TITLE_H

#include <stdbool.h>

#include "core/base/buf.h"

struct front_config;

/* True: there is something in it, braces balance and each names a variable. */
bool proc_title_template_ok(const char *template);
/* `mode` is "", "[sentinel]" or "[cluster]". */
void proc_title_print(const struct front_config *cfg, const char *title, const char *mode,
                      const char *config_file, struct buf *out);

#endif
