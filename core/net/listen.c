#include "core/net/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/net/addr.h"
#include "core/sys/log.h"

#define ACCEPTS_A_TURN 1000 /* a storm of new clients must not starve those that are there */
#define REST_MS 100         /* pause when the system has no descriptor left for us */

struct listener {
    struct loop *loop;
    int fd, port;
    char *path; /* unix: removed at close */
    struct loop_io *io;
    struct loop_timer *rest;
    void (*on_accept)(void *arg, int fd);
    void *arg;
    bool closed, accepting;
};

static void destroy(struct listener *li)
{
    mem_free(li->path);
    mem_free(li);
}

static void rest_over(void *arg)
{
    struct listener *li = arg;
    loop_io_want(li->io, LOOP_READ);
}

/* False: nothing more to take now. */
static bool accept_one(struct listener *li)
{
    int fd = accept4(li->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        li->on_accept(li->arg, fd);
        return true;
    }
    int code = errno;
    if (code == EINTR || code == ECONNABORTED) return true;
    if (code == EAGAIN) return false;
    log_warning("Accepting client connection: accept: %s", strerror(code));
    loop_io_want(li->io, 0);
    loop_timer_after(li->rest, REST_MS);
    return false;
}

static void on_ready(void *arg, unsigned ready)
{
    struct listener *li = arg;
    li->accepting = true;
    for (int i = 0; i < ACCEPTS_A_TURN && !li->closed; i++)
        if (!accept_one(li)) break;
    li->accepting = false;
    if (li->closed) destroy(li);
}

static struct listener *listener_new(struct loop *l, int fd, void (*on_accept)(void *arg, int fd),
                                     void *arg)
{
    struct listener *li = mem_zalloc(sizeof(*li));
    *li = (struct listener){ .loop = l, .fd = fd, .on_accept = on_accept, .arg = arg };
    li->io = loop_io_new(l, fd, on_ready, li);
    li->rest = loop_timer_new(l, rest_over, li);
    loop_io_want(li->io, LOOP_READ);
    return li;
}

/* A bound and listening socket, or -1; *step and errno tell what failed. */
static int open_socket(const struct sockaddr *sa, socklen_t len, int backlog, const char **step)
{
    *step = "socket";
    int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    int yes = 1;
    if (sa->sa_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
    if (sa->sa_family != AF_UNIX) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    *step = "bind";
    if (bind(fd, sa, len) == 0) {
        *step = "listen";
        if (listen(fd, backlog) == 0) return fd;
    }
    int code = errno;
    close(fd);
    errno = code;
    return -1;
}

static int port_of(int fd)
{
    struct addr a = { .len = sizeof(a.sa) };
    return getsockname(fd, (struct sockaddr *)&a.sa, &a.len) == 0 ? addr_port(&a) : 0;
}

static bool is_absence(int code)
{
    return code == EADDRNOTAVAIL || code == EAFNOSUPPORT || code == EPFNOSUPPORT ||
           code == ENOPROTOOPT || code == EPROTONOSUPPORT || code == ESOCKTNOSUPPORT;
}

struct listener *listen_tcp_optional(struct loop *l, const char *ip, int port, int backlog,
                                     void (*on_accept)(void *arg, int fd), void *arg,
                                     struct errmsg *msg, bool *absent)
{
    static const char refused[] = "Could not create server TCP listening socket";
    bool all = strcmp(ip, "*") == 0, all6 = strcmp(ip, "::*") == 0;
    char service[8];
    snprintf(service, sizeof(service), "%d", port & 0xffff);
    struct addrinfo hints = { .ai_family = all ? AF_INET : all6 ? AF_INET6 : AF_UNSPEC,
                              .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
    struct addrinfo *found = NULL;
    *absent = false;
    int rc = getaddrinfo(all || all6 ? NULL : ip, service, &hints, &found);
    if (rc != 0) {
        err_set(msg, ERR_IO, "%s %s:%d: %s", refused, ip, port, gai_strerror(rc));
        return NULL;
    }
    const char *step = "socket";
    int fd = -1;
    for (struct addrinfo *a = found; a && fd < 0; a = a->ai_next)
        fd = open_socket(a->ai_addr, a->ai_addrlen, backlog, &step);
    int code = errno;
    freeaddrinfo(found);
    if (fd < 0) {
        *absent = is_absence(code);
        err_set(msg, ERR_IO, "%s %s:%d: %s: %s", refused, ip, port, step, strerror(code));
        return NULL;
    }
    struct listener *li = listener_new(l, fd, on_accept, arg);
    li->port = port_of(fd);
    return li;
}

struct listener *listen_tcp(struct loop *l, const char *ip, int port, int backlog,
                            void (*on_accept)(void *arg, int fd), void *arg, struct errmsg *msg)
{
    bool absent;
    return listen_tcp_optional(l, ip, port, backlog, on_accept, arg, msg, &absent);
}

struct listener *listen_unix(struct loop *l, const char *path, unsigned perm, int backlog,
                             void (*on_accept)(void *arg, int fd), void *arg, struct errmsg *msg)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof(un.sun_path)) {
        err_set(msg, ERR_LIMIT,
                "Failed opening Unix socket: unix socket path too long (%zu), must be under %zu",
                strlen(path), sizeof(un.sun_path));
        return NULL;
    }
    memcpy(un.sun_path, path, strlen(path) + 1);
    unlink(path); /* what an earlier process left */
    const char *step;
    int fd = open_socket((const struct sockaddr *)&un, sizeof(un), backlog, &step);
    if (fd < 0) {
        err_set(msg, ERR_IO, "Failed opening Unix socket: %s: %s", step, strerror(errno));
        return NULL;
    }
    if (perm) chmod(path, (mode_t)perm);
    struct listener *li = listener_new(l, fd, on_accept, arg);
    li->path = mem_strdup(path);
    return li;
}

int listener_port(const struct listener *li) { return li->port; }

void listener_close(struct listener *li)
{
    if (!li || li->closed) return;
    li->closed = true;
    loop_io_delete(li->io);
    loop_timer_delete(li->rest);
    close(li->fd);
    if (li->path) unlink(li->path);
    if (!li->accepting) destroy(li);
}
