/* cmdline: the arguments of the program into a struct front_start, in redis-server's forms:
 *
 *     tanist [FILE] [--directive value ...] [-] [--sentinel]
 *
 * FILE is the first argument when it does not begin with '-'. A '-' that comes first or last reads
 * more lines from standard input. The value behind `--directive` may begin with '-'; from the
 * second on, `--` begins the next directive. `--directive=value` is one directive with one value.
 * Precedence: FILE, then standard input, then options.
 *
 * --version, --help, --test-memory and --check-system, as first argument, end at once.
 * Layer core/front: reads files and standard input. Tests: unit/cmdline, tests/e2e. */
#ifndef CORE_FRONT_CMDLINE_H
#define CORE_FRONT_CMDLINE_H

#include <stdbool.h>

#include "core/front/start.h"

enum cmdline_mode {
    CMDLINE_RUN,          /* start the personality */
    CMDLINE_EXIT,         /* all is done: leave with *code */
    CMDLINE_CHECK_CONFIG, /* --check-config: load, tell the errors, leave */
    CMDLINE_PRINT,        /* --print-directives json|markdown */
};

/* Fills s (cmdline_free), reads files. Prints what must be printed. */
enum cmdline_mode cmdline_read(struct front_start *s, int argc, char **argv, int *code);
void cmdline_free(struct front_start *s);

/* Only the arguments, without files or standard input: for tests. `from_stdin` tells whether they
 * would be read; *file is lent from argv, NULL if none. */
void cmdline_options(struct conf_lines *l, int argc, char **argv, const char **file,
                     bool *from_stdin);
/* "redis-sentinel" and every name that contains "sentinel" behind the last slash, or --sentinel. */
bool cmdline_is_sentinel(int argc, char **argv);

#endif
