#include "core/sys/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/base/must.h"

extern char **environ;


/* The process has one title, one pid file and so one place for both. */
static struct {
    char *title;      /* the area that held argv and the environment */
    size_t title_cap; /* without the final zero */
    char pid_file[PATH_MAX];
    pid_t pid_file_owner;
} self;

bool process_daemonize(void)
{
    pid_t pid = fork();
    if (pid < 0) return false;
    if (pid > 0) _exit(0);
    (void)setsid();
    int fd = open("/dev/null", O_RDWR);
    if (fd < 0) return true;
    for (int i = 0; i <= STDERR_FILENO; i++) (void)dup2(fd, i);
    if (fd > STDERR_FILENO) close(fd);
    return true;
}

/* ---- paths ---- */

enum err process_chdir(const char *path, struct errmsg *msg)
{
    return chdir(path) == 0 ? ERR_NONE : err_set(msg, ERR_IO, "%s", strerror(errno));
}

enum err process_cwd(struct buf *out, struct errmsg *msg)
{
    char path[PATH_MAX];
    if (!getcwd(path, sizeof(path))) return err_set(msg, ERR_IO, "%s", strerror(errno));
    buf_putz(out, path);
    return ERR_NONE;
}

enum err process_folder_check(const char *path, struct errmsg *msg)
{
    struct stat st;
    int code = 0;
    if (stat(path, &st) != 0) code = errno;
    else if (!S_ISDIR(st.st_mode)) code = ENOTDIR;
    else if (access(path, X_OK) != 0) code = errno;
    return code ? err_set(msg, ERR_IO, "%s", strerror(code)) : ERR_NONE;
}

enum err process_appendable_check(const char *path, struct errmsg *msg)
{
    bool fresh = access(path, F_OK) != 0;
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return err_set(msg, ERR_IO, "%s", strerror(errno));
    close(fd);
    if (fresh) (void)unlink(path); /* asking leaves nothing behind */
    return ERR_NONE;
}

enum err process_readable_check(const char *path, struct errmsg *msg)
{
    return access(path, R_OK) == 0 ? ERR_NONE : err_set(msg, ERR_IO, "%s", strerror(errno));
}

enum err process_writable_check(const char *path, struct errmsg *msg)
{
    return access(path, W_OK) == 0 ? ERR_NONE : err_set(msg, ERR_IO, "%s", strerror(errno));
}

char *process_absolute(const char *path)
{
    char cwd[PATH_MAX];
    while (path[0] == '.' && path[1] == '/') path += 2;
    if (path[0] == '/' || !getcwd(cwd, sizeof(cwd))) return mem_strdup(path);
    size_t n = strlen(cwd);
    while (strncmp(path, "../", 3) == 0) {
        path += 3;
        while (n > 0 && cwd[--n] != '/') {}
    }
    struct str full = str_fmt("%.*s/%s", (int)n, cwd, path);
    char *out = mem_strdup(str_c(full));
    str_free(&full);
    return out;
}

char *process_exe(const char *argv0)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path));
    if (n > 0 && (size_t)n < sizeof(path)) return mem_strndup(path, (size_t)n);
    return process_absolute(argv0);
}

/* ---- pid file ---- */

enum err process_pid_file(const char *path, struct errmsg *msg)
{
    FILE *f = fopen(path, "w");
    if (!f) return err_set(msg, ERR_IO, "%s", strerror(errno));
    fprintf(f, "%d\n", (int)getpid());
    if (fclose(f) != 0) return err_set(msg, ERR_IO, "%s", strerror(errno));
    char *full = process_absolute(path); /* `dir` may change before the end */
    text_copy(self.pid_file, sizeof(self.pid_file), full);
    mem_free(full);
    self.pid_file_owner = getpid();
    return ERR_NONE;
}

void process_pid_file_remove(void)
{
    if (self.pid_file_owner == getpid() && self.pid_file[0]) (void)unlink(self.pid_file);
}

/* ---- limits ---- */

void process_raise_files(uint64_t want, struct process_files *out)
{
    struct rlimit limit;
    *out = (struct process_files){ 0 };
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        out->before = out->now = 1024; /* what POSIX systems give at least */
        out->refused = true;
        text_copy(out->why, sizeof(out->why), strerror(errno));
        return;
    }
    out->before = out->now = limit.rlim_cur;
    /* The highest limit that is allowed, by halves: each one tried is the new floor or ceiling. */
    for (uint64_t low = limit.rlim_cur, high = want, tried = want; low < high;
         tried = low + (high - low + 1) / 2) {
        struct rlimit fresh = { tried, limit.rlim_max > tried ? limit.rlim_max : tried };
        if (setrlimit(RLIMIT_NOFILE, &fresh) == 0) {
            out->now = low = tried;
            continue;
        }
        if (!out->refused) text_copy(out->why, sizeof(out->why), strerror(errno));
        out->refused = true;
        high = tried - 1;
    }
}

void process_no_thp(void)
{
    (void)prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
}

void process_ignore_signals(void)
{
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
}

/* ---- title ---- */

/* The kernel shows the bytes where argv stood; the environment behind it is moved away so that
 * there is room. argv itself is copied, so that the caller's pointers stay good. */
void process_title_init(int argc, char **argv)
{
    if (argc < 1 || !argv[0]) return;
    char *end = argv[0] + strlen(argv[0]);
    for (int i = 1; i < argc; i++) {
        if (argv[i] == end + 1) end = argv[i] + strlen(argv[i]);
    }
    size_t vars = 0;
    for (; environ[vars]; vars++) {
        if (environ[vars] == end + 1) end = environ[vars] + strlen(environ[vars]);
    }
    self.title = argv[0];
    self.title_cap = (size_t)(end - argv[0]);
    /* Kept for the life of the process: libc holds pointers into it. */
    for (size_t i = 0; i < vars; i++) environ[i] = strdup(environ[i]);
    for (int i = 0; i < argc; i++) argv[i] = strdup(argv[i]);
}

void process_title_set(const char *text)
{
    if (!self.title) return;
    size_t n = strlen(text);
    if (n > self.title_cap) n = self.title_cap;
    memset(self.title, 0, self.title_cap);
    memcpy(self.title, text, n);
}
