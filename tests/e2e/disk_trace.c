/* disk_trace: loaded into a server in front of the C library, notes what it asks of the disk and
 * what it tells its clients, in order. test_powercut.py replays the notes.
 *
 * A note is made behind a change and behind a sync, but in front of an answer: what the notes say
 * was answered was so no earlier. A sync has two notes, since what is written while it runs is not
 * promised by it. Each note is one append to $DISK_TRACE, opened for it alone (a forked child
 * closes descriptors that it does not know). $DISK_SYNC_US: so much longer each sync takes.
 *
 * head: op (1), sizes of a and b (4 each), id (8), at (8), milliseconds (8); then a and b. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

struct __attribute__((packed)) head {
    uint8_t op;
    uint32_t a, b;
    uint64_t id;
    int64_t at;
    int64_t ms;
};

static void note(char op, const void *a, size_t an, const char *b, uint64_t id, int64_t at)
{
    int code = errno;
    struct timespec now;
    const char *path = getenv("DISK_TRACE");
    if (!path) return;
    clock_gettime(CLOCK_MONOTONIC, &now);
    struct head h = { (uint8_t)op, (uint32_t)an, (uint32_t)(b ? strlen(b) : 0), id, at,
                      now.tv_sec * 1000 + now.tv_nsec / 1000000 };
    struct iovec v[3] = { { &h, sizeof(h) }, { (void *)a, an }, { (void *)b, h.b } };
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CLOEXEC, 0);
    if (fd < 0 || syscall(SYS_writev, fd, v, 3) < 0) _exit(99);
    syscall(SYS_close, fd);
    errno = code;
}

static void note_path(char op, const char *a, const char *b, uint64_t id)
{
    note(op, a, strlen(a), b, id, 0);
}

static int opened(int fd, const char *path, int flags, int was_there)
{
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) return fd;
    if ((flags & O_TMPFILE) == O_TMPFILE) return fd;
    if (!was_there) note_path('c', path, NULL, st.st_ino);
    else if (flags & O_TRUNC) note('t', "", 0, NULL, st.st_ino, 0);
    return fd;
}

static int open_noted(const char *path, int flags, mode_t mode)
{
    int was_there = access(path, F_OK) == 0;
    return opened(NEXT(open)(path, flags, mode), path, flags, was_there);
}

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
    va_end(args);
    return open_noted(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
    va_end(args);
    return open_noted(path, flags, mode);
}

ssize_t write(int fd, const void *p, size_t n)
{
    struct stat st;
    ssize_t done = NEXT(write)(fd, p, n);
    if (done > 0 && fd > 2 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        note('w', p, (size_t)done, NULL, st.st_ino, lseek(fd, 0, SEEK_CUR) - done);
    return done;
}

ssize_t send(int fd, const void *p, size_t n, int flags)
{
    note('s', p, n, NULL, 0, 0);
    return NEXT(send)(fd, p, n, flags);
}

static int cut(uint64_t inode, off_t n, int got)
{
    if (got == 0) note('t', "", 0, NULL, inode, n);
    return got;
}

int ftruncate(int fd, off_t n)
{
    struct stat st;
    return fstat(fd, &st) == 0 ? cut(st.st_ino, n, NEXT(ftruncate)(fd, n)) : -1;
}

int truncate(const char *path, off_t n)
{
    struct stat st;
    return stat(path, &st) == 0 ? cut(st.st_ino, n, NEXT(truncate)(path, n)) : -1;
}

static int synced(int fd, int (*sync)(int fd))
{
    struct stat st;
    char link[64], path[PATH_MAX] = "";
    fstat(fd, &st);
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    if (S_ISDIR(st.st_mode) && readlink(link, path, sizeof(path) - 1) < 0) _exit(98);
    note_path('f', path, NULL, st.st_ino);
    const char *us = getenv("DISK_SYNC_US");
    if (us) usleep((useconds_t)atoi(us));
    int got = sync(fd);
    if (got == 0) note_path('F', path, NULL, st.st_ino);
    return got;
}

int fsync(int fd) { return synced(fd, NEXT(fsync)); }
int fdatasync(int fd) { return synced(fd, NEXT(fdatasync)); }

int rename(const char *a, const char *b)
{
    int got = NEXT(rename)(a, b);
    if (got == 0) note_path('r', a, b, 0);
    return got;
}

int unlink(const char *a)
{
    int got = NEXT(unlink)(a);
    if (got == 0) note_path('u', a, NULL, 0);
    return got;
}

int mkdir(const char *a, mode_t mode)
{
    int got = NEXT(mkdir)(a, mode);
    if (got == 0) note_path('d', a, NULL, 0);
    return got;
}
