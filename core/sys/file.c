#include "core/sys/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/str.h"

#define TEMP_TRIES 100 /* names left by killed processes of the same pid */
#define READ_STEP (64 * 1024)

static enum err failed(struct errmsg *msg, const char *what, const char *path, int code)
{
    enum err e = code == ENOENT ? ERR_NOTFOUND : ERR_IO;
    return err_set(msg, e, "%s %s: %s", what, path, strerror(code));
}

enum err file_write_all(int fd, const void *p, size_t n, struct errmsg *msg)
{
    const char *from = p;
    while (n > 0) {
        ssize_t done = write(fd, from, n);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return err_set(msg, ERR_IO, "write: %s", strerror(errno));
        from += done;
        n -= (size_t)done;
    }
    return ERR_NONE;
}

bool file_is_regular(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

bool file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

/* Length of the folder part, without the last slash; 0: none. */
static size_t folder_size(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) : 0;
}

enum err file_sync_folder(const char *path, struct errmsg *msg)
{
    char folder[PATH_MAX];
    size_t n = folder_size(path);
    if (n >= sizeof(folder)) return failed(msg, "open", path, ENAMETOOLONG);
    if (n > 0)
        slice_cstr(slice_of(path, n), folder, sizeof(folder));
    else
        snprintf(folder, sizeof(folder), "%s", path[0] == '/' ? "/" : ".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return failed(msg, "open", folder, errno);
    /* Some file systems cannot sync a folder and say EINVAL: then there is nothing to do. */
    int code = fsync(fd) == 0 || errno == EINVAL ? 0 : errno;
    close(fd);
    return code ? failed(msg, "fsync", folder, code) : ERR_NONE;
}

enum err file_rename_synced(const char *from, const char *to, struct errmsg *msg)
{
    if (rename(from, to) != 0) {
        int code = errno;
        return err_set(msg, code == ENOENT ? ERR_NOTFOUND : ERR_IO, "rename %s to %s: %s", from, to,
                       strerror(code));
    }
    return file_sync_folder(to, msg);
}

/* A new file beside `path`; its name goes to `temp`. */
static int open_temp(const char *path, mode_t mode, char *temp, size_t cap)
{
    size_t n = folder_size(path);
    const char *slash = strchr(path, '/') ? "/" : "";
    for (int i = 0; i < TEMP_TRIES; i++) {
        int len = snprintf(temp, cap, "%.*s%stemp-%d-%d", (int)n, path, slash, (int)getpid(), i);
        if (len < 0 || (size_t)len >= cap) {
            errno = ENAMETOOLONG;
            return -1;
        }
        int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (fd >= 0 || errno != EEXIST) return fd;
    }
    return -1;
}

static enum err write_synced(int fd, struct slice content, mode_t mode, struct errmsg *msg)
{
    enum err e = file_write_all(fd, content.p, content.n, msg);
    if (e) return e;
    if (fchmod(fd, mode) != 0) return err_set(msg, ERR_IO, "fchmod: %s", strerror(errno));
    if (fsync(fd) != 0) return err_set(msg, ERR_IO, "fsync: %s", strerror(errno));
    return ERR_NONE;
}

enum err file_replace(const char *path, struct slice content, struct errmsg *msg)
{
    char target[PATH_MAX], temp[PATH_MAX];
    struct stat st;
    mode_t mode = 0644;
    /* A link stays a link: what it points to is replaced. */
    if (!realpath(path, target)) snprintf(target, sizeof(target), "%s", path);
    if (stat(target, &st) == 0) {
        if (!S_ISREG(st.st_mode))
            return err_set(msg, ERR_REFUSED, "%s is not a regular file", path);
        mode = st.st_mode & 07777;
    }
    int fd = open_temp(target, mode, temp, sizeof(temp));
    if (fd < 0) return failed(msg, "open a temporary file beside", path, errno);
    enum err e = write_synced(fd, content, mode, msg);
    if (close(fd) != 0 && !e) e = err_set(msg, ERR_IO, "close: %s", strerror(errno));
    if (!e && rename(temp, target) != 0) e = failed(msg, "rename over", target, errno);
    if (e) {
        unlink(temp);
        return e;
    }
    return file_sync_folder(target, msg);
}

enum err file_read(const char *path, size_t max, struct buf *out, struct errmsg *msg)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return failed(msg, "open", path, errno);
    enum err e = ERR_NONE;
    size_t total = 0;
    for (;;) {
        ssize_t n = read(fd, buf_room(out, READ_STEP), READ_STEP);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) e = failed(msg, "read", path, errno);
        if (n <= 0) break;
        total += (size_t)n;
        if (total > max) {
            e = err_set(msg, ERR_LIMIT, "%s is larger than %zu bytes", path, max);
            break;
        }
        buf_added(out, (size_t)n);
    }
    close(fd);
    return e;
}

enum err file_append(int fd, struct slice bytes, struct errmsg *msg)
{
    struct stat st;
    if (fstat(fd, &st) != 0) return err_set(msg, ERR_IO, "fstat: %s", strerror(errno));
    enum err e = file_write_all(fd, bytes.p, bytes.n, msg);
    if (!e) return ERR_NONE;
    /* What was written of a record that is not whole would be read as damage later. */
    if (ftruncate(fd, st.st_size) != 0)
        return err_prefix(msg, e, "partial write could not be cut off (%s)", strerror(errno));
    return e;
}

enum err file_nameless(const char *dir, const char *prefix, int *fd, struct errmsg *msg)
{
    struct str path = str_fmt("%s/%s-XXXXXX", dir, prefix);
    *fd = mkostemp(path.p, O_CLOEXEC);
    int code = errno;
    if (*fd >= 0) unlink(path.p);
    str_free(&path);
    return *fd >= 0 ? ERR_NONE : failed(msg, "create a file in", dir, code);
}
