/* wait_load: clients that write and wait, for tests/bench/replication.py.
 *
 *     wait-load PORT CLIENTS SECONDS [one]
 *
 * Each client sends SET, reads the reply, sends WAIT 1, reads that reply, and begins anew; with
 * "one" it sends both in one write. Prints in microseconds the median and the 99th percentile of
 * the time from SET to WAIT's reply, then those of WAIT alone, and how many a second. One thread
 * that does nothing else: the servers are what is measured. Ends with 1 when a reply is not what it
 * should be. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_MAX 1000
#define SAMPLES_MAX 10000000

struct client {
    int fd;
    long first, began; /* ns: SET was sent, what is out was sent */
    size_t got;
    char in[64];
    char words[2][128];
    size_t words_n[2];
    int at; /* which of the words are out */
};

static const char wait_words[] = "*3\r\n$4\r\nWAIT\r\n$1\r\n1\r\n$1\r\n0\r\n";
static const char *answers[] = { "+OK\r\n", ":1\r\n" };
static int many_steps = 2;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static long now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void ask(struct client *c)
{
    c->got = 0;
    c->began = now_ns();
    if (c->at == 0) c->first = c->began;
    ssize_t n = (ssize_t)c->words_n[c->at];
    if (write(c->fd, c->words[c->at], (size_t)n) != n) fail("write");
}

static void open_client(struct client *c, int nth, int port, int poll)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
    int one = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof(to))) fail("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (epoll_ctl(poll, EPOLL_CTL_ADD, c->fd, &ev)) fail("epoll_ctl");
    c->words_n[0] = (size_t)snprintf(c->words[0], sizeof(c->words[0]),
                                     "*3\r\n$3\r\nSET\r\n$5\r\nk%04d\r\n$1\r\nx\r\n%s", nth,
                                     many_steps == 1 ? wait_words : "");
    c->words_n[1] = (size_t)snprintf(c->words[1], sizeof(c->words[1]), "%s", wait_words);
}

/* True when all is there that was asked for. */
static int answered(struct client *c)
{
    ssize_t n = read(c->fd, c->in + c->got, sizeof(c->in) - c->got);
    if (n <= 0) fail("read");
    char want[16];
    int all =
        snprintf(want, sizeof(want), "%s%s", answers[c->at], many_steps == 1 ? answers[1] : "");
    c->got += (size_t)n;
    if (c->got > (size_t)all || memcmp(c->in, want, c->got) != 0) {
        fprintf(stderr, "unexpected reply: %.*s\n", (int)c->got, c->in);
        exit(1);
    }
    return c->got == (size_t)all;
}

static int by_size(const void *a, const void *b)
{
    unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
    return x < y ? -1 : x > y;
}

static size_t run(int poll, unsigned *whole, unsigned *sample, long end)
{
    struct epoll_event ready[256];
    size_t n = 0;
    while (now_ns() < end && n + 256 < SAMPLES_MAX) {
        int got = epoll_wait(poll, ready, 256, 100);
        for (int i = 0; i < got; i++) {
            struct client *c = ready[i].data.ptr;
            if (!answered(c)) continue;
            if (c->at == many_steps - 1) {
                sample[n] = (unsigned)((now_ns() - c->began) / 1000);
                whole[n++] = (unsigned)((now_ns() - c->first) / 1000);
            }
            c->at = (c->at + 1) % many_steps;
            ask(c);
        }
    }
    return n;
}

int main(int argc, char **argv)
{
    static struct client clients[CLIENTS_MAX];
    int many = argc >= 4 ? atoi(argv[2]) : 0, poll = epoll_create1(0);
    if (many < 1 || many > CLIENTS_MAX) {
        fprintf(stderr, "usage: wait-load PORT CLIENTS SECONDS [one]\n");
        return 2;
    }
    if (argc > 4) many_steps = 1;
    unsigned *sample = malloc(SAMPLES_MAX * sizeof(*sample)),
             *whole = malloc(SAMPLES_MAX * sizeof(*whole));
    if (!sample || !whole) return 1;
    for (int i = 0; i < many; i++)
        open_client(&clients[i], i, atoi(argv[1]), poll);
    for (int i = 0; i < many; i++)
        ask(&clients[i]);
    long began = now_ns();
    size_t n = run(poll, whole, sample, began + (long)(atof(argv[3]) * 1e9));
    double seconds = (double)(now_ns() - began) / 1e9;
    if (!n) return 1;
    qsort(sample, n, sizeof(*sample), by_size);
    qsort(whole, n, sizeof(*whole), by_size);
    printf("%u %u %u %u %.0f\n", whole[n / 2], whole[n * 99 / 100], sample[n / 2],
           sample[n * 99 / 100], (double)n / seconds);
    free(sample);
    free(whole);
    return 0;
}
