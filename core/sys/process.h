/* process: what one does to one's own process: background, folder, pid file, descriptors, title.
 *
 * Layer core/sys. The title area and the pid file's name are process-wide, as the process is.
 * Errors come with the system's words. Tests: unit/process, tests/e2e. */
#ifndef CORE_SYS_PROCESS_H
#define CORE_SYS_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"

/* True in the child, whose streams are /dev/null and which leads a session of its own; the parent
 * does not return: it exits with 0. False: the fork failed. */
bool process_daemonize(void);

enum err process_chdir(const char *path, struct errmsg *msg);
/* Appends the absolute path of the current folder. */
enum err process_cwd(struct buf *out, struct errmsg *msg);
/* Is it a folder that one could chdir to? The words alone ("No such file or directory"). */
enum err process_folder_check(const char *path, struct errmsg *msg);
/* Can the file be appended to (it is made when missing)? For logfile. */
enum err process_appendable_check(const char *path, struct errmsg *msg);
enum err process_readable_check(const char *path, struct errmsg *msg);
enum err process_writable_check(const char *path, struct errmsg *msg);
/* Absolute form of a path, which need not exist. Gives. */
char *process_absolute(const char *path);
/* Absolute path of the running program, however it was called. Gives. */
char *process_exe(const char *argv0);

enum err process_pid_file(const char *path, struct errmsg *msg);
/* Removes the file that process_pid_file wrote, if this process wrote it. */
void process_pid_file_remove(void);

struct process_files {
    uint64_t before, now; /* soft limit of open files */
    bool refused;
    char why[128]; /* the system's words when refused */
};
/* Raises the limit of open files to `want`, or as near as the system allows. */
void process_raise_files(uint64_t want, struct process_files *out);

/* No transparent huge pages for this process. */
void process_no_thp(void);
/* SIGHUP and SIGPIPE do nothing from now on. */
void process_ignore_signals(void);

/* Before anything keeps pointers into argv or the environment: finds the area of the title. */
void process_title_init(int argc, char **argv);
/* Shows `text` as the command line of this process. */
void process_title_set(const char *text);

#endif
