/* start: what main hands to a personality, and the steps of a start that both share.
 *
 * main reads arguments and files into lines; the personality binds its tables to its structs, loads
 * the lines and goes on:
 *
 *     int server_main(struct front_start *s)            sentinel_main likewise
 *     {
 *         ... conf_init, conf_add ...
 *         if (!start_load(s, &conf, NULL)) return 1;    the four-line fatal error is on stderr
 *         start_process(s, &cfg.front);                 dir, log, umask, daemonize, pidfile, signals
 *         ...
 *     }
 *
 * The struct is owned by main and outlives the personality. Shell code: files and stderr.
 * Tests: unit/cmdline, tests/e2e. */
#ifndef CORE_FRONT_START_H
#define CORE_FRONT_START_H

#include <stdbool.h>

#include "core/conf/lex.h"
#include "core/conf/table.h"
#include "core/front/config.h"

#define START_REDIS_VERSION "7.2.4" /* the version that we say we are compatible with */

struct front_start {
    int argc;
    char **argv;             /* the untouched arguments */
    char *exe;               /* absolute path of the program, for SENTINEL scripts and DEBUG RESTART */
    bool sentinel;
    char *config_file;       /* absolute path, NULL: none given */
    bool from_stdin;
    bool has_options;        /* at least one --directive */
    struct conf_lines lines; /* file, then standard input, then options */
};

/* Loads the lines; on an error prints Redis' four lines to stderr and returns false. */
bool start_load(struct front_start *s, struct conf *c, bool (*skip)(const struct conf_line *));
/* Prints every error of the file (`file:line: reason`) and a summary; 0 or 1, for --check-config. */
int start_check(struct front_start *s, struct conf *c, bool (*skip)(const struct conf_line *));

#endif
