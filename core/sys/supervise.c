#include "core/sys/supervise.h"

#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum supervise supervise_detect(void)
{
    if (getenv("UPSTART_JOB")) return SUPERVISE_UPSTART;
    if (getenv("NOTIFY_SOCKET")) return SUPERVISE_SYSTEMD;
    return SUPERVISE_NONE;
}

bool supervise_notify(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    if (!path || (path[0] != '/' && path[0] != '@')) return false;
    size_t n = strlen(path);
    if (n < 2 || n >= sizeof(to.sun_path)) return false;
    memcpy(to.sun_path, path, n);
    if (path[0] == '@') to.sun_path[0] = 0; /* an abstract name */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    ssize_t sent = sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&to, size);
    close(fd);
    return sent >= 0;
}

void supervise_upstart_ready(void)
{
    if (!getenv("UPSTART_JOB")) return;
    unsetenv("UPSTART_JOB");
    raise(SIGSTOP);
}
