/* start: what main hands to a personality, and the steps of a start that both share.
 *
 * main reads arguments and files into lines; the personality binds its tables to its structs, loads
 * the lines and goes on, in this order:
 *
 *     int server_main(struct front_start *s)            sentinel_main likewise
 *         conf_init, conf_add
 *         if (!start_load(s, &conf, NULL)) return 1;     the fatal error is on stderr already
 *         if (!start_process(s, &cfg, &conf)) return 1;  folder, background, log, limits, pid file,
 *                                                        crash report, first lines of the log
 *         signals = start_signals(loop, on_signal, me);
 *         listen ...
 *         start_initialized(s, &cfg);                    title, "Server initialized"
 *         load ...
 *         start_ready(s, &cfg, NULL);                    "Ready to accept connections", systemd
 *         loop_run
 *         start_stopping(s); ... start_end(s, &cfg, ok); pid file and unix socket go
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
    char *exe;               /* absolute path of the program, for DEBUG RESTART */
    bool sentinel;
    char *config_file;       /* absolute path, NULL: none given */
    bool from_stdin;
    bool has_options;        /* at least one --directive */
    struct conf_lines lines; /* file, then standard input, then options */
    bool supervised;         /* systemd listens */
};

/* Loads the lines; on an error prints Redis' four lines to stderr and returns false. */
bool start_load(struct front_start *s, struct conf *c, bool (*skip)(const struct conf_line *));
/* The four lines of the first error of s->lines, for errors found later (Sentinel's lines). */
void start_fatal(const struct front_start *s);
/* Prints every error of the file (`file:line: reason`) and a summary; gives 0 or 1, for
 * --check-config. */
int start_check(struct front_start *s, struct conf *c, bool (*skip)(const struct conf_line *));

/* Also adapts cfg: dir becomes absolute, maxclients shrinks to what the system allows. */
bool start_process(struct front_start *s, struct front_config *cfg, struct conf *c);
void start_initialized(struct front_start *s, const struct front_config *cfg);
/* "Ready to accept connections tcp" and so on, and the supervisor is told; `status` is what
 * systemd shows, NULL: the usual words. */
void start_ready(struct front_start *s, const struct front_config *cfg, const char *status);
/* Tells systemd another status ("MASTER <-> REPLICA sync: ..."). */
void start_status(struct front_start *s, const char *status);
/* Shows the process title again: the template or the port changed. */
void start_title(struct front_start *s, const struct front_config *cfg);
void start_stopping(struct front_start *s);
/* Not orderly: the log says nothing more, its last line is the reason. */
void start_end(struct front_start *s, const struct front_config *cfg, bool orderly);

/* SIGTERM and SIGINT: fn(arg, signo) in the loop's thread, logged in Redis' words; a second SIGINT
 * ends the process at once. */
struct loop;
struct start_signals;
struct start_signals *start_signals(struct loop *l, void (*fn)(void *arg, int signo), void *arg);
void start_signals_delete(struct start_signals *g);

#endif
