#include "core/net/conn.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/ilist.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/net/addr.h"

/* The shared read buffer: what a turn takes from one pipeline, some hundred requests. Others wait
 * for no more than those; a larger one saved nothing that could be measured. */
#define SCRATCH_BYTES (16 * 1024)
#define LEFTOVER_MAX (4 * 1024)   /* up to here, copying back is cheaper than a read of its own */
#define SPARES_MAX 64             /* out buffers kept for the next turn */
#define SPARE_BYTES_MAX (16 * 1024)

/* What the conns of one loop share. */
struct shared {
    struct loop *loop;
    struct buf scratch; /* empty while lent */
    struct buf spare[SPARES_MAX];
    int spares;
    struct ilist woken; /* conns to flush */
    bool held;          /* nothing leaves for the moment */
    struct ilist later; /* conns that something must be done for next turn */
    struct loop_timer *soon;
    struct loop_hook *last;
    struct conn_totals totals;
};

struct conn {
    int fd;
    int busy; /* callbacks of this conn that are running; freed when there is none */
    bool connecting, paused, want_drain;
    bool blocked; /* the last write was short: readiness will go on */
    bool closing; /* ends when the output has left */
    bool gone;    /* ended or closed; only memory is left */
    bool lent;    /* `in` is the scratch buffer */
    bool in_data;
    struct shared *s;
    struct loop_io *io;
    const struct conn_ops *ops;
    void *arg;
    struct buf in, out;
    size_t held, expect, chunk;
    struct ilist wake_node, later_node;
    const char *why; /* how it will end, next turn */
    struct loop_timer *deadline;
    char *peer, *local; /* texts, made when asked for */
};

/* ---- what is shared ---- */

static void end(struct conn *c, const char *why);
static void deliver(struct conn *c);
static void release(struct conn *c);

static void do_later(struct conn *c)
{
    if (!ilist_empty(&c->later_node)) return;
    ilist_push(&c->s->later, &c->later_node);
    if (!loop_timer_armed(c->s->soon)) loop_timer_after(c->s->soon, 0);
}

static void on_soon(void *arg)
{
    struct shared *s = arg;
    struct ilist now;
    ilist_init(&now);
    while (!ilist_empty(&s->later)) {
        struct ilist *node = s->later.next;
        ilist_remove(node);
        ilist_push(&now, node);
    }
    while (!ilist_empty(&now)) {
        struct conn *c = ilist_of(now.next, struct conn, later_node);
        ilist_remove(&c->later_node);
        if (c->in_data) {
            do_later(c); /* a turn inside its on_data: its end must not come there */
        } else if (c->why) {
            end(c, c->why);
        } else if (buf_size(&c->in) > 0) {
            c->busy++;
            deliver(c);
            release(c);
        }
    }
}

static void on_last_hook(void *arg)
{
    struct shared *s = arg;
    if (!ilist_empty(&s->woken) && !s->held) loop_timer_after(s->soon, 0);
}

static void shared_delete(void *arg)
{
    struct shared *s = arg;
    must(ilist_empty(&s->woken) && ilist_empty(&s->later));
    buf_free(&s->scratch);
    for (int i = 0; i < s->spares; i++) buf_free(&s->spare[i]);
    loop_timer_delete(s->soon);
    loop_hook_delete(s->last);
    mem_free(s);
}

static struct shared *shared_of(struct loop *l)
{
    struct shared *s = loop_shared(l);
    if (s) return s;
    s = mem_zalloc(sizeof(*s));
    s->loop = l;
    ilist_init(&s->woken);
    ilist_init(&s->later);
    s->soon = loop_timer_new(l, on_soon, s);
    s->last = loop_before_sleep(l, INT_MAX, on_last_hook, s);
    loop_set_shared(l, s, shared_delete);
    return s;
}

struct conn_totals *conn_totals_of(struct loop *l) { return &shared_of(l)->totals; }

/* ---- buffers that come and go ---- */

static void lend_scratch(struct conn *c)
{
    struct buf left = c->in;
    c->in = c->s->scratch;
    c->s->scratch = (struct buf){ 0 };
    buf_room(&c->in, SCRATCH_BYTES);
    if (left.data) buf_puts(&c->in, buf_slice(&left));
    buf_free(&left);
    c->lent = true;
}

static void give_scratch_back(struct conn *c, struct buf b)
{
    c->lent = false;
    buf_clear(&b);
    if (c->s->scratch.data || b.cap > 2 * SCRATCH_BYTES)
        buf_free(&b);
    else
        c->s->scratch = b;
}

/* After on_data: bytes that are left move to a buffer of the conn's own, or stay where they are
 * when they are many. */
static void settle_in(struct conn *c)
{
    size_t left = buf_size(&c->in);
    if (c->lent) {
        struct buf b = c->in;
        if (left > SCRATCH_BYTES / 4) {
            c->lent = false;
            return;
        }
        c->in = (struct buf){ 0 };
        buf_put(&c->in, buf_head(&b), left);
        give_scratch_back(c, b);
    } else if (left == 0) {
        buf_free(&c->in);
    } else if (c->in.cap > SCRATCH_BYTES && c->in.cap / 8 > left) {
        buf_shrink(&c->in, 2 * left);
    }
}

static void drop_in(struct conn *c)
{
    if (c->lent)
        give_scratch_back(c, c->in);
    else
        buf_free(&c->in);
    c->in = (struct buf){ 0 };
}

static void drop_out(struct conn *c)
{
    struct shared *s = c->s;
    if (c->out.data && c->out.cap <= SPARE_BYTES_MAX && s->spares < SPARES_MAX) {
        buf_clear(&c->out);
        s->spare[s->spares++] = c->out;
    } else {
        buf_free(&c->out);
    }
    c->out = (struct buf){ 0 };
}

struct buf *conn_out(struct conn *c)
{
    if (!c->out.data && c->s->spares > 0) c->out = c->s->spare[--c->s->spares];
    return &c->out;
}

/* ---- the end ---- */

static void detach(struct conn *c)
{
    loop_io_delete(c->io);
    loop_timer_delete(c->deadline);
    c->io = NULL;
    c->deadline = NULL;
    ilist_remove(&c->wake_node);
    ilist_remove(&c->later_node);
    c->gone = true;
}

/* Leaves a callback; the last one out of a conn that is gone frees it. */
static void release(struct conn *c)
{
    if (--c->busy > 0 || !c->gone) return;
    if (c->fd >= 0) close(c->fd);
    drop_in(c);
    drop_out(c);
    mem_free(c->peer);
    mem_free(c->local);
    mem_free(c);
}

static void end(struct conn *c, const char *why)
{
    if (c->gone) return;
    detach(c);
    c->busy++;
    c->ops->on_close(c, why);
    release(c);
}

static void set_interest(struct conn *c)
{
    if (c->gone) return;
    unsigned mask = 0;
    if (c->connecting) {
        mask = LOOP_WRITE;
    } else if (!c->why) {
        if (!c->paused && !c->closing) mask |= LOOP_READ;
        if (c->blocked || (c->want_drain && buf_size(&c->out) == 0)) mask |= LOOP_WRITE;
    }
    loop_io_want(c->io, mask);
}

static const char *why_of(int code)
{
    const char *text = strerrordesc_np(code);
    return text ? text : "unknown error";
}

/* The end was found inside a call of the owner's: it is reported next turn. */
static void fail(struct conn *c, const char *why)
{
    if (c->gone || c->why) return;
    c->why = why;
    c->blocked = false;
    set_interest(c);
    do_later(c);
}

void conn_close(struct conn *c)
{
    if (c->gone) return;
    detach(c);
    close(c->fd);
    c->fd = -1;
    c->busy++;
    release(c);
}

static void close_if_done(struct conn *c)
{
    if (c->closing && buf_size(&c->out) == 0) fail(c, "closed after output");
}

void conn_close_after_output(struct conn *c)
{
    if (c->gone) return;
    c->closing = true;
    set_interest(c);
    close_if_done(c);
}

/* ---- reading ---- */

static void deliver(struct conn *c)
{
    c->in_data = true;
    c->ops->on_data(c);
    c->in_data = false;
    if (!c->gone) settle_in(c);
}

static size_t make_room(struct conn *c)
{
    if (buf_size(&c->in) <= LEFTOVER_MAX) {
        lend_scratch(c);
    } else {
        size_t want = c->expect > c->chunk ? c->expect : c->chunk;
        buf_room(&c->in, want < CONN_READ_MAX ? want : CONN_READ_MAX);
    }
    size_t room = c->in.cap - c->in.len;
    return room < CONN_READ_MAX ? room : CONN_READ_MAX;
}

static void adapt_chunk(struct conn *c, size_t got, size_t room)
{
    if (got == room && c->chunk < CONN_READ_MAX)
        c->chunk *= 2;
    else if (got < c->chunk / 4 && c->chunk > CONN_READ_MIN)
        c->chunk /= 2;
}

static void readable(struct conn *c)
{
    if (c->in_data) return; /* a turn inside on_data: what comes waits in the socket */
    size_t room = make_room(c);
    ssize_t n = read(c->fd, c->in.data + c->in.len, room);
    if (n <= 0) {
        int code = errno;
        settle_in(c);
        if (n == 0)
            end(c, "closed by peer");
        else if (code != EAGAIN && code != EINTR)
            end(c, why_of(code));
        return;
    }
    size_t got = (size_t)n;
    buf_added(&c->in, got);
    c->s->totals.reads++;
    c->s->totals.in_bytes += got;
    adapt_chunk(c, got, room);
    c->expect = c->expect > got ? c->expect - got : 0;
    if (c->expect > 0)
        settle_in(c);
    else
        deliver(c);
}

bool conn_guard(struct conn *c, bool on)
{
    bool was = c->in_data;
    c->in_data = on;
    return was;
}

void conn_expect(struct conn *c, size_t n) { c->expect = n; }

void conn_again(struct conn *c)
{
    if (!c->gone) do_later(c);
}

void conn_pause_read(struct conn *c, bool paused)
{
    c->paused = paused;
    set_interest(c);
}

/* ---- writing ---- */

/* One write; how much was taken, 0 when the socket is full, -1 when it failed. */
static ssize_t send_some(struct conn *c, const void *p, size_t n)
{
    ssize_t sent;
    do {
        sent = send(c->fd, p, n, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        if (errno == EAGAIN || errno == ENOBUFS) return 0;
        fail(c, why_of(errno));
        return -1;
    }
    c->s->totals.writes++;
    c->s->totals.out_bytes += (size_t)sent;
    return sent;
}

static void flush(struct conn *c)
{
    if (c->gone || c->connecting || c->why) return;
    size_t all = buf_size(&c->out);
    size_t may = c->held < all ? all - c->held : 0;
    if (c->s->held && may) {
        if (!c->blocked && ilist_empty(&c->wake_node)) ilist_push(&c->s->woken, &c->wake_node);
        return;
    }
    c->blocked = false;
    if (may > 0) {
        ssize_t sent = send_some(c, buf_head(&c->out), may);
        if (sent < 0) return;
        buf_consume(&c->out, (size_t)sent);
        c->blocked = (size_t)sent < may;
    }
    if (buf_size(&c->out) == 0) drop_out(c);
    set_interest(c);
    close_if_done(c);
}

void conn_flush(struct conn *c)
{
    ilist_remove(&c->wake_node);
    flush(c);
}

void conn_flush_all(struct loop *l)
{
    struct shared *s = shared_of(l);
    while (!s->held && !ilist_empty(&s->woken))
        conn_flush(ilist_of(s->woken.next, struct conn, wake_node));
}

void conn_hold_all(struct loop *l, bool on) { shared_of(l)->held = on; }

void conn_wake_out(struct conn *c)
{
    /* A conn that waits for its socket goes on by itself. */
    if (c->gone || c->blocked || c->connecting || !ilist_empty(&c->wake_node)) return;
    ilist_push(&c->s->woken, &c->wake_node);
}

void conn_set_held(struct conn *c, size_t held) { c->held = held; }

void conn_want_drain(struct conn *c, bool on)
{
    c->want_drain = on;
    set_interest(c);
}

ssize_t conn_write_now(struct conn *c, const void *p, size_t n)
{
    must(buf_size(&c->out) == 0);
    if (c->gone || c->why) return -1;
    if (c->connecting || n == 0) return 0;
    return send_some(c, p, n);
}

/* What waits leaves with the others at the end of the turn: the owner may have something to do
 * before its latest bytes are seen. */
static void writable(struct conn *c)
{
    if (buf_size(&c->out) > 0) {
        c->blocked = false;
        conn_wake_out(c);
        return;
    }
    if (c->want_drain && !c->why && buf_size(&c->out) == 0) c->ops->on_drained(c);
}

/* ---- the beginning ---- */

static void connected(struct conn *c)
{
    int code = 0;
    socklen_t len = sizeof(code);
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &code, &len) != 0) code = errno;
    if (code != 0) {
        end(c, why_of(code));
        return;
    }
    c->connecting = false;
    loop_timer_delete(c->deadline);
    c->deadline = NULL;
    set_interest(c);
    if (buf_size(&c->out) > 0) conn_wake_out(c);
    close_if_done(c);
    if (c->ops->on_connected) c->ops->on_connected(c);
}

static void on_ready(void *arg, unsigned ready)
{
    struct conn *c = arg;
    c->busy++;
    if (c->connecting) {
        connected(c);
    } else {
        if (ready & LOOP_WRITE) writable(c);
        if ((ready & LOOP_READ) && !c->gone && !c->why && !c->paused && !c->closing) readable(c);
    }
    release(c);
}

static struct conn *conn_new(struct loop *l, int fd, const struct conn_ops *ops, void *arg)
{
    struct conn *c = mem_zalloc(sizeof(*c));
    c->fd = fd;
    c->s = shared_of(l);
    c->ops = ops;
    c->arg = arg;
    c->chunk = CONN_READ_MIN;
    ilist_init(&c->wake_node);
    ilist_init(&c->later_node);
    c->io = loop_io_new(l, fd, on_ready, c);
    return c;
}

struct conn *conn_accepted(struct loop *l, int fd, const struct conn_ops *ops, void *arg)
{
    struct conn *c = conn_new(l, fd, ops, arg);
    conn_set_nodelay(c, true);
    set_interest(c);
    return c;
}

static void on_deadline(void *arg)
{
    end(arg, "timeout");
}

/* A socket on its way, or -1 with errno. */
static int start_connect(const struct addr *to, const char *source_ip)
{
    int fd = socket(to->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    struct addr from;
    if (source_ip && *source_ip && !addr_is_unix(to)) {
        int yes = 1;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
        errno = EADDRNOTAVAIL;
        if (!addr_parse(&from, source_ip, 0) ||
            bind(fd, (const struct sockaddr *)&from.sa, from.len) != 0)
            goto failed;
    }
    if (connect(fd, (const struct sockaddr *)&to->sa, to->len) == 0 || errno == EINPROGRESS)
        return fd;
failed:;
    int code = errno;
    close(fd);
    errno = code;
    return -1;
}

struct conn *conn_connect(struct loop *l, const struct conn_target *t, const struct conn_ops *ops,
                          void *arg, const char **why)
{
    struct addr to;
    if (!addr_parse(&to, t->ip, t->port)) {
        *why = "invalid address";
        return NULL;
    }
    int fd = start_connect(&to, t->source_ip);
    if (fd < 0) {
        *why = why_of(errno);
        return NULL;
    }
    struct conn *c = conn_new(l, fd, ops, arg);
    c->peer = mem_alloc(CONN_ADDR_MAX);
    addr_text(&to, c->peer, CONN_ADDR_MAX);
    conn_set_nodelay(c, !addr_is_unix(&to));
    c->connecting = true;
    set_interest(c);
    if (t->timeout_ms > 0) {
        c->deadline = loop_timer_new(l, on_deadline, c);
        loop_timer_after(c->deadline, t->timeout_ms);
    }
    return c;
}

/* ---- what it is ---- */

void *conn_arg(const struct conn *c) { return c->arg; }
int conn_fd(const struct conn *c) { return c->fd; }
struct loop *conn_loop(const struct conn *c) { return c->s->loop; }
struct buf *conn_in(struct conn *c) { return &c->in; }
size_t conn_out_size(const struct conn *c) { return buf_size(&c->out); }

void conn_set_owner(struct conn *c, const struct conn_ops *ops, void *arg)
{
    c->ops = ops;
    c->arg = arg;
}

size_t conn_out_room(const struct conn *c) { return c->out.cap; }

size_t conn_mem(const struct conn *c)
{
    size_t n = mem_size(c) + c->out.cap + (c->lent ? 0 : c->in.cap);
    return n + (c->peer ? CONN_ADDR_MAX : 0) + (c->local ? CONN_ADDR_MAX : 0);
}

static struct addr address_of(const struct conn *c, int (*ask)(int, struct sockaddr *, socklen_t *))
{
    struct addr a = { .len = sizeof(a.sa) };
    if (c->fd < 0 || ask(c->fd, (struct sockaddr *)&a.sa, &a.len) != 0) a.sa.ss_family = AF_UNSPEC;
    return a;
}

static int ask_peer(int fd, struct sockaddr *sa, socklen_t *len)
{
    int rc = getpeername(fd, sa, len);
    /* Who connects by a path has no name of its own: the listener's path is told, as Redis does. */
    if (rc == 0 && sa->sa_family == AF_UNIX && *len <= sizeof(sa_family_t)) {
        *len = sizeof(struct sockaddr_storage);
        rc = getsockname(fd, sa, len);
    }
    return rc;
}

static int ask_local(int fd, struct sockaddr *sa, socklen_t *len)
{
    return getsockname(fd, sa, len);
}

static const char *remembered(char **text, struct addr a)
{
    if (!*text) {
        *text = mem_alloc(CONN_ADDR_MAX);
        addr_text(&a, *text, CONN_ADDR_MAX);
    }
    return *text;
}

const char *conn_peer_addr(const struct conn *c)
{
    struct conn *cache = (struct conn *)c; /* the text is made once; nothing else changes */
    return c->peer ? c->peer : remembered(&cache->peer, address_of(c, ask_peer));
}

const char *conn_local_addr(const struct conn *c)
{
    struct conn *cache = (struct conn *)c;
    return c->local ? c->local : remembered(&cache->local, address_of(c, ask_local));
}

/* "ip:port" and "[v6]:port" without port and brackets. */
static void strip_port(const char *text, char *out, size_t cap)
{
    struct slice ip = slice_z(text);
    const char *colon = strrchr(text, ':');
    if (colon) ip.n = (size_t)(colon - text);
    if (ip.n >= 2 && ip.p[0] == '[') ip = slice_of(ip.p + 1, ip.n - 2);
    slice_cstr(ip, out, cap);
}

void conn_peer_ip(const struct conn *c, char *out, size_t cap)
{
    strip_port(conn_peer_addr(c), out, cap);
}

void conn_local_ip(const struct conn *c, char *out, size_t cap)
{
    strip_port(conn_local_addr(c), out, cap);
}

bool conn_is_loopback(const struct conn *c)
{
    struct addr a = address_of(c, ask_peer);
    return addr_is_loopback(&a);
}

bool conn_is_unix(const struct conn *c)
{
    struct addr a = address_of(c, ask_local);
    return addr_is_unix(&a);
}

void conn_set_nodelay(struct conn *c, bool on)
{
    int v = on;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &v, sizeof(v)); /* refused by unix sockets: fine */
}

void conn_set_keepalive(struct conn *c, int seconds)
{
    int on = seconds > 0, interval = seconds >= 3 ? seconds / 3 : 1, count = 3;
    setsockopt(c->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    if (!on) return;
    setsockopt(c->fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof(seconds));
    setsockopt(c->fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
    setsockopt(c->fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}
