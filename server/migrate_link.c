#include "server/migrate_link.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/sys/clock.h"

#define LOOK_MS 100 /* between looks at `stop` */

/* True when the descriptor is ready in time. */
static bool wait_for(struct migrate_link *l, short events)
{
    int64_t end = clock_mono_us() / 1000 + l->timeout_ms;
    l->timed_out = false;
    for (;;) {
        int64_t left = end - clock_mono_us() / 1000;
        if (left <= 0 || atomic_load(l->stop)) {
            l->timed_out = true;
            return false;
        }
        struct pollfd p = { .fd = l->fd, .events = events };
        int n = poll(&p, 1, (int)(left < LOOK_MS ? left : LOOK_MS));
        if (n > 0) return true;
        if (n < 0 && errno != EINTR) return false;
    }
}

static bool connect_to(struct migrate_link *l, const struct addrinfo *a)
{
    l->fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd < 0) return false;
    int on = 1, failed = 0;
    socklen_t size = sizeof(failed);
    setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    bool up = connect(l->fd, a->ai_addr, a->ai_addrlen) == 0;
    if (!up && errno == EINPROGRESS && wait_for(l, POLLOUT))
        up = getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &failed, &size) == 0 && failed == 0;
    if (!up) migrate_link_close(l);
    return up;
}

bool migrate_link_open(struct migrate_link *l, const char *host, int port)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
    char service[16];
    l->at = l->n = 0;
    l->timed_out = false;
    snprintf(service, sizeof(service), "%d", port);
    if (getaddrinfo(host, service, &hints, &found) != 0) return false;
    bool up = false;
    for (const struct addrinfo *a = found; a && !up && !l->timed_out; a = a->ai_next)
        up = connect_to(l, a);
    freeaddrinfo(found);
    return up;
}

void migrate_link_close(struct migrate_link *l)
{
    if (l->fd >= 0) close(l->fd);
    l->fd = -1;
}

bool migrate_link_send(struct migrate_link *l, const char *p, size_t n)
{
    while (n) {
        ssize_t sent = send(l->fd, p, n, MSG_NOSIGNAL);
        if (sent > 0) {
            p += sent;
            n -= (size_t)sent;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (!wait_for(l, POLLOUT)) return false;
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

static bool fill(struct migrate_link *l)
{
    l->at = l->n = 0;
    for (;;) {
        if (!wait_for(l, POLLIN)) return false;
        ssize_t got = recv(l->fd, l->in, sizeof(l->in), 0);
        if (got > 0) {
            l->n = (size_t)got;
            return true;
        }
        if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) return false;
    }
}

bool migrate_link_line(struct migrate_link *l, char line[MIGRATE_LINE_MAX])
{
    size_t n = 0;
    for (;;) {
        if (l->at == l->n && !fill(l)) return false;
        char c = l->in[l->at++];
        if (c == '\n') break;
        if (n + 1 < MIGRATE_LINE_MAX) line[n++] = c;
    }
    if (n && line[n - 1] == '\r') n--;
    line[n] = 0;
    return true;
}
