/* epoll_responder: the limit that the throughput bench measures against. One thread, bare epoll, no
 * keys: it walks RESP requests only as far as needed to count them and answers each by a fixed
 * reply of the size that GET and SET have: "$16" and a value for GET, "+OK" for the rest.
 *
 *     epoll_responder PORT          listens on 127.0.0.1 until it is killed */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 1024
#define IN_BYTES (64 * 1024)
#define OUT_BYTES (64 * 1024)
#define REST_MAX (16 * 1024) /* an unfinished request is never larger in this bench */

static const char value_reply[] = "$16\r\n0123456789abcdef\r\n";
static const char ok_reply[] = "+OK\r\n";

struct peer {
    int fd;
    size_t rest;
    char unfinished[REST_MAX];
};

/* A number and CR LF at p; NULL: not all there. */
static const char *number(const char *p, const char *end, size_t *out)
{
    size_t v = 0;
    while (p < end && *p != '\r') v = v * 10 + (size_t)(*p++ - '0');
    *out = v;
    return end - p >= 2 ? p + 2 : NULL;
}

/* The byte behind the request at p, or NULL: not all there. */
static const char *skip_request(const char *p, const char *end, bool *is_get)
{
    size_t args, n;
    if (end - p < 4 || !(p = number(p + 1, end, &args))) return NULL;
    for (size_t i = 0; i < args; i++) {
        if (end - p < 4 || !(p = number(p + 1, end, &n)) || (size_t)(end - p) < n + 2) return NULL;
        if (i == 0) *is_get = n == 3 && (p[0] | 32) == 'g';
        p += n + 2;
    }
    return p;
}

static bool send_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = send(fd, p, n, MSG_NOSIGNAL);
        if (done < 0 && errno == EAGAIN) continue; /* the bench's clients always read */
        if (done < 0) return false;
        p += done;
        n -= (size_t)done;
    }
    return true;
}

/* False: the peer is gone. */
static bool serve(struct peer *p)
{
    static char in[REST_MAX + IN_BYTES], out[OUT_BYTES];
    memcpy(in, p->unfinished, p->rest);
    ssize_t got = read(p->fd, in + p->rest, IN_BYTES);
    if (got <= 0) return got < 0 && errno == EAGAIN;
    const char *at = in, *end = in + p->rest + got, *next;
    size_t n = 0;
    bool is_get = false;
    while (at < end && (next = skip_request(at, end, &is_get))) {
        if (n > OUT_BYTES - sizeof(value_reply)) {
            if (!send_all(p->fd, out, n)) return false;
            n = 0;
        }
        const char *reply = is_get ? value_reply : ok_reply;
        size_t size = is_get ? sizeof(value_reply) - 1 : sizeof(ok_reply) - 1;
        memcpy(out + n, reply, size);
        n += size;
        at = next;
    }
    p->rest = (size_t)(end - at);
    if (p->rest > REST_MAX) return false;
    memcpy(p->unfinished, at, p->rest);
    return send_all(p->fd, out, n);
}

static void take(int epoll, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    struct peer *p = calloc(1, sizeof(*p));
    if (!p) abort();
    p->fd = fd;
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = p };
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
}

static int listen_on(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 511) != 0) {
        perror("listen");
        exit(1);
    }
    return fd;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: epoll_responder PORT\n");
        return 1;
    }
    int listener = listen_on(atoi(argv[1])), epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = NULL }, ready[EVENTS];
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e);
    for (;;) {
        int n = epoll_wait(epoll, ready, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            struct peer *p = ready[i].data.ptr;
            if (!p) {
                take(epoll, listener);
            } else if (!serve(p)) {
                close(p->fd);
                free(p);
            }
        }
    }
}
