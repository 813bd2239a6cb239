/* scripts: runs the users' notification and reconfiguration scripts.
 *
 * A queue of SCRIPTS_QUEUE_MAX (the oldest waiting one is dropped when it is full), at most
 * SCRIPTS_RUNNING_MAX at once. Exit 0: done. Exit 1 or death by a signal: again, up to
 * SCRIPTS_RUNS_MAX runs, after script-retry-delay doubled each time. Other exits: dropped with
 * -script-error. Older than script-max-runtime: killed with -script-timeout. Layer sentinel, shell.
 */
#ifndef SENTINEL_SCRIPTS_H
#define SENTINEL_SCRIPTS_H

#include "core/base/str.h"

#define SCRIPTS_QUEUE_MAX 256
#define SCRIPTS_RUNNING_MAX 16
#define SCRIPTS_RUNS_MAX 10

struct sentinel;
struct call;
struct sn_scripts;

struct sn_scripts *scripts_new(struct sentinel *s);
void scripts_delete(struct sn_scripts *q); /* running ones are left alone, not waited for */
/* Copies the words. */
void scripts_queue(struct sn_scripts *q, int argc, const struct slice *argv);
int scripts_running(const struct sn_scripts *q);
int scripts_length(const struct sn_scripts *q);
/* SENTINEL PENDING-SCRIPTS. */
void scripts_reply(struct call *c, const struct sn_scripts *q);
/* Can this path be run? (checked when it is configured) */
bool script_runnable(const char *path);

#endif
