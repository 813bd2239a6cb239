#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/net/addr.h"
#include "core/net/conn.h"
#include "core/net/listen.h"
#include "core/net/loop.h"
#include "core/net/resolve.h"
#include "core/sys/clock.h"
#include "tests/unit/check_main.h"

#define PATIENCE_MS 20000

/* ---- a stage: a loop, a listener, the connections that it took ---- */

struct stage {
    struct loop *loop;
    struct listener *listener;
    struct loop_timer *bell; /* nothing may take longer than this */
    const struct conn_ops *server_ops, *client_ops;
    struct conn *server, *client;
    int accepted, connected, closed, drained, deliveries;
    size_t got, goal, held;
    char why[64];
    bool flag;
};

static void flush_hook(void *arg)
{
    struct stage *s = arg;
    conn_flush_all(s->loop);
}

static void bell_rings(void *arg) { ck_abort_msg("nothing happened for too long"); }

static void take(void *arg, int fd)
{
    struct stage *s = arg;
    s->accepted++;
    s->server = conn_accepted(s->loop, fd, s->server_ops, s);
}

static void stage_open(struct stage *s, const struct conn_ops *server_ops,
                       const struct conn_ops *client_ops)
{
    *s = (struct stage){ .loop = loop_new(), .server_ops = server_ops, .client_ops = client_ops };
    loop_before_sleep(s->loop, 0, flush_hook, s);
    struct errmsg msg;
    s->listener = listen_tcp(s->loop, "127.0.0.1", 0, 511, take, s, &msg);
    ck_assert_msg(s->listener != NULL, "%s", msg.text);
    s->bell = loop_timer_new(s->loop, bell_rings, s);
    loop_timer_after(s->bell, PATIENCE_MS);
    if (!client_ops) return;
    struct conn_target to = { "127.0.0.1", listener_port(s->listener), "127.0.0.1", 5000 };
    const char *why = NULL;
    s->client = conn_connect(s->loop, &to, client_ops, s, &why);
    ck_assert_msg(s->client != NULL, "%s", why);
}

static void stage_close(struct stage *s)
{
    if (s->client) conn_close(s->client);
    if (s->server) conn_close(s->server);
    listener_close(s->listener);
    loop_timer_delete(s->bell);
    loop_delete(s->loop);
}

static void note_end(struct conn *c, const char *why)
{
    struct stage *s = conn_arg(c);
    s->closed++;
    snprintf(s->why, sizeof(s->why), "%s", why);
    if (c == s->client) s->client = NULL;
    if (c == s->server) s->server = NULL;
    loop_stop(s->loop);
}

static void echo(struct conn *c)
{
    buf_puts(conn_out(c), buf_slice(conn_in(c)));
    buf_clear(conn_in(c));
    conn_wake_out(c);
}

static void count(struct conn *c)
{
    struct stage *s = conn_arg(c);
    s->deliveries++;
    s->got += buf_size(conn_in(c));
    buf_clear(conn_in(c));
    if (s->got >= s->goal) loop_stop(s->loop);
}

static void send_goal(struct conn *c)
{
    struct stage *s = conn_arg(c);
    s->connected++;
    char *p = buf_room(conn_out(c), s->goal);
    memset(p, 'x', s->goal);
    buf_added(conn_out(c), s->goal);
    conn_wake_out(c);
}

static const struct conn_ops echo_ops = { echo, NULL, note_end, NULL };
static const struct conn_ops counting_ops = { count, NULL, note_end, send_goal };

START_TEST(bytes_come_back)
{
    struct stage s;
    stage_open(&s, &echo_ops, &counting_ops);
    s.goal = 5;
    loop_run(s.loop);
    ck_assert_uint_eq(s.got, 5);
    ck_assert_int_eq(s.connected, 1);
    ck_assert(conn_is_loopback(s.server) && !conn_is_unix(s.server));
    char ip[64], text[CONN_ADDR_MAX];
    conn_peer_ip(s.client, ip, sizeof(ip));
    ck_assert_str_eq(ip, "127.0.0.1");
    snprintf(text, sizeof(text), "127.0.0.1:%d", listener_port(s.listener));
    ck_assert_str_eq(conn_peer_addr(s.client), text);
    ck_assert_str_eq(conn_local_addr(s.server), text);
    ck_assert_str_eq(conn_peer_addr(s.server), conn_local_addr(s.client));
    ck_assert_uint_eq(conn_totals_of(s.loop)->in_bytes, 10);
    stage_close(&s);
}
END_TEST

START_TEST(large_transfers_go_both_ways)
{
    struct stage s;
    stage_open(&s, &echo_ops, &counting_ops);
    s.goal = 50u << 20;
    loop_run(s.loop);
    ck_assert_uint_eq(s.got, s.goal);
    loop_poll(s.loop);
    ck_assert_uint_eq(conn_out_size(s.client), 0);
    stage_close(&s);
}
END_TEST

/* Bytes that are not whole stay, and grow into one large piece. */
static void gather(struct conn *c)
{
    struct stage *s = conn_arg(c);
    s->deliveries++;
    size_t there = buf_size(conn_in(c));
    for (size_t i = 0; i < there; i += 4096) ck_assert_int_eq(buf_head(conn_in(c))[i], 'x');
    s->got = there;
    if (there >= s->goal) {
        buf_clear(conn_in(c));
        loop_stop(s->loop);
    } else if (s->flag) {
        conn_expect(c, s->goal - there);
    }
}

static const struct conn_ops gathering_ops = { gather, NULL, note_end, NULL };

START_TEST(unfinished_bytes_stay)
{
    for (int expecting = 0; expecting < 2; expecting++) {
        size_t goals[] = { 100, 5000, 70000, 3u << 20 };
        for (size_t i = 0; i < 4; i++) {
            struct stage s;
            stage_open(&s, &gathering_ops, &counting_ops);
            s.goal = goals[i];
            s.flag = expecting;
            loop_run(s.loop);
            ck_assert_uint_eq(s.got, goals[i]);
            if (expecting) ck_assert_int_le(s.deliveries, 2);
            loop_poll(s.loop);
            ck_assert_uint_eq(conn_in(s.server)->cap, 0); /* idle: holds nothing */
            stage_close(&s);
        }
    }
}
END_TEST

/* Leaves the last byte each time, so that the buffers change hands with something in them. */
static void nibble(struct conn *c)
{
    struct stage *s = conn_arg(c);
    struct buf *in = conn_in(c);
    size_t n = buf_size(in);
    s->got += n - 1;
    buf_consume(in, n - 1);
    if (s->got + 1 >= s->goal) loop_stop(s->loop);
}

static const struct conn_ops nibbling_ops = { nibble, NULL, note_end, NULL };

START_TEST(partly_consumed_bytes_stay)
{
    struct stage s;
    stage_open(&s, &nibbling_ops, &counting_ops);
    s.goal = 10u << 20;
    loop_run(s.loop);
    ck_assert_uint_eq(s.got + 1, s.goal);
    ck_assert_uint_eq(buf_size(conn_in(s.server)), 1);
    stage_close(&s);
}
END_TEST

START_TEST(refusal_is_reported_once)
{
    struct stage s;
    stage_open(&s, &echo_ops, NULL);
    int port = listener_port(s.listener);
    listener_close(s.listener);
    s.listener = NULL;
    struct conn_target to = { "127.0.0.1", port, NULL, 5000 };
    const char *why = NULL;
    s.client = conn_connect(s.loop, &to, &counting_ops, &s, &why);
    if (s.client) {
        loop_run(s.loop);
        ck_assert_int_eq(s.closed, 1);
        ck_assert_str_eq(s.why, "Connection refused");
    } else {
        ck_assert_str_eq(why, "Connection refused");
    }
    to = (struct conn_target){ "not an address", port, NULL, 5000 };
    ck_assert(!conn_connect(s.loop, &to, &counting_ops, &s, &why));
    to = (struct conn_target){ "127.0.0.1", port, "192.0.2.77", 5000 };
    ck_assert(!conn_connect(s.loop, &to, &counting_ops, &s, &why));
    ck_assert_str_eq(why, "Cannot assign requested address");
    stage_close(&s);
}
END_TEST

START_TEST(connecting_times_out)
{
    struct stage s;
    stage_open(&s, &echo_ops, NULL);
    /* A full accept queue drops what comes, without an answer. */
    int fd = socket(AF_INET, SOCK_STREAM, 0), fill[8];
    struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(sin);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, len), 0);
    ck_assert_int_eq(listen(fd, 0), 0);
    getsockname(fd, (struct sockaddr *)&sin, &len);
    for (int i = 0; i < 8; i++) {
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        int rc = connect(fill[i], (struct sockaddr *)&sin, len);
        (void)rc;
    }
    usleep(50000);
    struct conn_target to = { "127.0.0.1", ntohs(sin.sin_port), NULL, 200 };
    const char *why;
    loop_refresh_now(s.loop);
    int64_t begin = clock_mono_ms();
    s.client = conn_connect(s.loop, &to, &counting_ops, &s, &why);
    ck_assert(s.client != NULL);
    loop_run(s.loop);
    ck_assert_str_eq(s.why, "timeout");
    ck_assert_int_ge(clock_mono_ms() - begin, 199);
    for (int i = 0; i < 8; i++) close(fill[i]);
    close(fd);
    stage_close(&s);
}
END_TEST

static void close_myself(struct conn *c)
{
    struct stage *s = conn_arg(c);
    if (c == s->client) s->client = NULL;
    if (c == s->server) s->server = NULL;
    conn_close(c);
    s->flag = true;
}

static const struct conn_ops closing_ops = { close_myself, NULL, note_end, NULL };
static const struct conn_ops closing_at_once_ops = { count, NULL, note_end, close_myself };

START_TEST(closing_inside_a_callback)
{
    struct stage s;
    stage_open(&s, &closing_ops, &counting_ops);
    s.goal = 200000;
    loop_run(s.loop);
    ck_assert(s.flag && s.closed == 1 && !s.client);
    /* Bytes were unread: the other side sees a reset or an end. */
    ck_assert(strstr("closed by peer;Connection reset by peer;Broken pipe", s.why));
    stage_close(&s);
    stage_open(&s, &echo_ops, &closing_at_once_ops);
    loop_run(s.loop);
    ck_assert(s.flag && s.closed == 1 && !s.server);
    ck_assert_str_eq(s.why, "closed by peer");
    stage_close(&s);
}
END_TEST

/* A client's data ends another conn whose callback is running further out. */
static void poll_inside(struct conn *c)
{
    struct stage *s = conn_arg(c);
    s->deliveries++;
    ck_assert_int_eq(s->deliveries, 1);
    for (int i = 0; i < 5; i++) loop_poll(s->loop);
    ck_assert_uint_gt(buf_size(conn_in(c)), 0);
    s->server = NULL;
    conn_close(c);
    loop_stop(s->loop);
}

static const struct conn_ops polling_ops = { poll_inside, NULL, note_end, NULL };

START_TEST(turns_inside_a_callback)
{
    struct stage s;
    stage_open(&s, &polling_ops, &counting_ops);
    s.goal = 1u << 20;
    loop_run(s.loop);
    ck_assert_int_eq(s.deliveries, 1);
    stage_close(&s);
}
END_TEST

static void reply_and_end(struct conn *c)
{
    struct stage *s = conn_arg(c);
    buf_clear(conn_in(c));
    size_t n = 4u << 20;
    memset(buf_room(conn_out(c), n), 'y', n);
    buf_added(conn_out(c), n);
    conn_wake_out(c);
    s->flag = true;
    conn_close_after_output(c);
}

static void note_server_end(struct conn *c, const char *why)
{
    struct stage *s = conn_arg(c);
    s->server = NULL;
    s->closed += 10;
    ck_assert_str_eq(why, "closed after output");
}

static const struct conn_ops last_words_ops = { reply_and_end, NULL, note_server_end, NULL };

static void count_on(struct conn *c)
{
    struct stage *s = conn_arg(c);
    s->got += buf_size(conn_in(c));
    buf_clear(conn_in(c));
}

static const struct conn_ops patient_ops = { count_on, NULL, note_end, send_goal };

START_TEST(output_leaves_before_the_end)
{
    struct stage s;
    stage_open(&s, &last_words_ops, &patient_ops);
    s.goal = 3;
    loop_run(s.loop);
    ck_assert_uint_eq(s.got, 4u << 20);
    ck_assert_int_eq(s.closed, 11);
    stage_close(&s);
}
END_TEST

static void let_go(void *arg)
{
    struct stage *s = arg;
    ck_assert_uint_eq(s->got, 3);
    ck_assert_uint_eq(conn_out_size(s->client), 4);
    s->goal = 7;
    conn_set_held(s->client, 0);
    conn_wake_out(s->client);
}

static void send_held(struct conn *c)
{
    buf_putz(conn_out(c), "abcdefg");
    conn_set_held(c, 4);
    conn_wake_out(c);
}

static void count_server(struct conn *c)
{
    struct stage *s = conn_arg(c);
    s->got += buf_size(conn_in(c));
    buf_clear(conn_in(c));
    if (s->got == 7) loop_stop(s->loop);
}

static const struct conn_ops held_ops = { count, NULL, note_end, send_held };
static const struct conn_ops count_server_ops = { count_server, NULL, note_end, NULL };

START_TEST(held_bytes_wait)
{
    struct stage s;
    stage_open(&s, &count_server_ops, &held_ops);
    struct loop_timer *t = loop_timer_new(s.loop, let_go, &s);
    loop_timer_after(t, 60);
    loop_run(s.loop);
    ck_assert_uint_eq(s.got, 7);
    loop_timer_delete(t);
    stage_close(&s);
}
END_TEST

static void hold_none(void *arg)
{
    struct stage *s = arg;
    ck_assert_uint_eq(s->got, 0);
    ck_assert_uint_eq(conn_out_size(s->client), 7);
    conn_hold_all(s->loop, false);
}

static void hold_all(struct conn *c)
{
    conn_hold_all(conn_loop(c), true);
    buf_putz(conn_out(c), "abcdefg");
    conn_wake_out(c);
}

static const struct conn_ops all_held_ops = { count, NULL, note_end, hold_all };

START_TEST(all_conns_wait)
{
    struct stage s;
    stage_open(&s, &count_server_ops, &all_held_ops);
    struct loop_timer *t = loop_timer_new(s.loop, hold_none, &s);
    loop_timer_after(t, 60);
    loop_run(s.loop);
    ck_assert_uint_eq(s.got, 7);
    loop_timer_delete(t);
    stage_close(&s);
}
END_TEST

static void feed_more(struct conn *c)
{
    struct stage *s = conn_arg(c);
    static const char block[65536];
    s->drained++;
    ck_assert_uint_eq(conn_out_size(c), 0);
    while (s->held < s->goal) {
        size_t n = s->goal - s->held < sizeof(block) ? s->goal - s->held : sizeof(block);
        ssize_t done = conn_write_now(c, block, n);
        ck_assert_int_ge(done, 0);
        s->held += (size_t)done;
        if ((size_t)done < n) return;
    }
    conn_want_drain(c, false);
}

static void start_feeding(struct conn *c) { conn_want_drain(c, true); }
static const struct conn_ops feeding_ops = { count, feed_more, note_end, start_feeding };
static const struct conn_ops plain_count_ops = { count, NULL, note_end, NULL };

START_TEST(drained_output_is_fed)
{
    struct stage s;
    stage_open(&s, &plain_count_ops, &feeding_ops);
    s.goal = 20u << 20;
    loop_run(s.loop);
    ck_assert_uint_eq(s.got, s.goal);
    ck_assert_int_gt(s.drained, 1);
    int before = s.drained;
    for (int i = 0; i < 3; i++) loop_poll(s.loop);
    ck_assert_int_eq(s.drained, before);
    stage_close(&s);
}
END_TEST

static void write_into_the_void(struct conn *c)
{
    struct stage *s = conn_arg(c);
    shutdown(conn_fd(c), SHUT_WR);
    ck_assert_int_eq(conn_write_now(c, "x", 1), -1);
    ck_assert_int_eq(s->closed, 0); /* not from inside the call */
    ck_assert_int_eq(conn_write_now(c, "x", 1), -1);
}

static void note_void(struct conn *c, const char *why)
{
    struct stage *s = conn_arg(c);
    s->client = NULL;
    s->flag = true;
    ck_assert_str_eq(why, "Broken pipe");
}

static const struct conn_ops void_ops = { count_on, NULL, note_void, write_into_the_void };

START_TEST(write_errors_are_reported_next_turn)
{
    struct stage s;
    stage_open(&s, &count_server_ops, &void_ops);
    loop_run(s.loop);
    ck_assert(s.flag && s.closed == 1);
    ck_assert_str_eq(s.why, "closed by peer");
    stage_close(&s);
}
END_TEST

static void go_on_later(void *arg)
{
    struct stage *s = arg;
    ck_assert_uint_eq(s->got, 0);
    s->server_ops = NULL;
    conn_set_owner(s->server, &count_server_ops, s);
    conn_pause_read(s->server, false);
    conn_again(s->server);
}

static void pause_now(struct conn *c) { conn_pause_read(c, true); }
static const struct conn_ops pausing_ops = { pause_now, NULL, note_end, NULL };

START_TEST(pausing_and_a_new_owner)
{
    struct stage s;
    stage_open(&s, &pausing_ops, &patient_ops);
    s.goal = 7;
    struct loop_timer *t = loop_timer_new(s.loop, go_on_later, &s);
    loop_timer_after(t, 50);
    loop_run(s.loop);
    ck_assert_uint_eq(s.got, 7);
    loop_timer_delete(t);
    stage_close(&s);
}
END_TEST

START_TEST(unix_sockets_work)
{
    struct stage s;
    stage_open(&s, &echo_ops, NULL);
    char path[64];
    snprintf(path, sizeof(path), "/tmp/tanist-test-%d.sock", (int)getpid());
    struct errmsg msg;
    struct listener *li = listen_unix(s.loop, path, 0700, 10, take, &s, &msg);
    ck_assert_msg(li != NULL, "%s", msg.text);
    struct conn_target to = { path, 0, NULL, 1000 };
    const char *why = NULL;
    s.client = conn_connect(s.loop, &to, &counting_ops, &s, &why);
    ck_assert_msg(s.client != NULL, "%s", why);
    s.goal = 9;
    loop_run(s.loop);
    ck_assert_uint_eq(s.got, 9);
    char text[80];
    snprintf(text, sizeof(text), "%s:0", path);
    ck_assert_str_eq(conn_peer_addr(s.server), text);
    ck_assert_str_eq(conn_peer_addr(s.client), text);
    ck_assert(conn_is_unix(s.server) && conn_is_loopback(s.server) && conn_is_unix(s.client));
    listener_close(li);
    ck_assert_int_ne(access(path, F_OK), 0);
    stage_close(&s);
}
END_TEST

START_TEST(listening_says_why_not)
{
    struct stage s;
    stage_open(&s, &echo_ops, NULL);
    struct errmsg msg;
    int port = listener_port(s.listener);
    ck_assert(!listen_tcp(s.loop, "127.0.0.1", port, 10, take, &s, &msg));
    char want[200];
    snprintf(want, sizeof(want),
             "Could not create server TCP listening socket 127.0.0.1:%d: "
             "bind: Address already in use", port);
    ck_assert_str_eq(msg.text, want);
    bool absent = false;
    ck_assert(!listen_tcp_optional(s.loop, "192.0.2.77", 0, 10, take, &s, &msg, &absent));
    ck_assert(absent);
    ck_assert(!listen_unix(s.loop, "/nonexistent/folder/x", 0, 10, take, &s, &msg));
    ck_assert_str_eq(msg.text, "Failed opening Unix socket: bind: No such file or directory");
    stage_close(&s);
}
END_TEST

/* ---- the loop ---- */

struct ticks {
    struct loop *loop;
    struct loop_timer *a, *b;
    struct loop_hook *hook;
    int order[16], n;
    int64_t due;
};

static void tick_a(void *arg)
{
    struct ticks *t = arg;
    ck_assert_int_ge(loop_now_ms(t->loop), t->due);
    t->order[t->n++] = 1;
    loop_timer_delete(t->a); /* its own callback */
    t->a = NULL;
}

static void tick_b(void *arg)
{
    struct ticks *t = arg;
    t->order[t->n++] = 2;
    if (t->n < 4)
        loop_timer_after(t->b, 5);
    else
        loop_stop(t->loop);
}

START_TEST(timers_keep_their_time)
{
    struct ticks t = { .loop = loop_new() };
    t.a = loop_timer_new(t.loop, tick_a, &t);
    t.b = loop_timer_new(t.loop, tick_b, &t);
    t.due = loop_now_ms(t.loop) + 20;
    loop_timer_after(t.a, 20);
    loop_timer_after(t.b, 60);
    ck_assert(loop_timer_armed(t.a));
    int64_t begin = clock_mono_ms();
    loop_run(t.loop);
    ck_assert_int_ge(clock_mono_ms() - begin, 69);
    ck_assert(t.n == 4 && t.order[0] == 1 && t.order[1] == 2 && t.order[3] == 2);
    ck_assert_uint_gt(loop_cycles(t.loop), 0);
    ck_assert_uint_lt(loop_busy_us(t.loop), 60000);
    loop_timer_delete(t.b);
    loop_delete(t.loop);
}
END_TEST

static void hook_first(void *arg)
{
    struct ticks *t = arg;
    t->order[t->n++] = 1;
}

static void hook_second(void *arg)
{
    struct ticks *t = arg;
    t->order[t->n++] = 2;
    loop_hook_delete(t->hook); /* itself */
}

static void hook_third(void *arg)
{
    struct ticks *t = arg;
    t->order[t->n++] = 3;
}

START_TEST(hooks_run_by_rank)
{
    struct ticks t = { .loop = loop_new() };
    loop_before_sleep(t.loop, 30, hook_third, &t);
    loop_before_sleep(t.loop, 10, hook_first, &t);
    t.hook = loop_before_sleep(t.loop, 20, hook_second, &t);
    loop_poll(t.loop);
    loop_poll(t.loop);
    int want[] = { 1, 2, 3, 1, 3 };
    ck_assert_int_eq(t.n, 5);
    ck_assert_mem_eq(t.order, want, sizeof(want));
    loop_delete(t.loop);
}
END_TEST

static void count_post(void *arg)
{
    struct ticks *t = arg;
    if (++t->n == 1000) loop_stop(t->loop);
}

static void *post_many(void *arg)
{
    struct ticks *t = arg;
    for (int i = 0; i < 500; i++) loop_post(t->loop, count_post, t);
    return NULL;
}

START_TEST(posts_come_from_other_threads)
{
    struct ticks t = { .loop = loop_new() };
    pthread_t a, b;
    ck_assert_int_eq(pthread_create(&a, NULL, post_many, &t), 0);
    ck_assert_int_eq(pthread_create(&b, NULL, post_many, &t), 0);
    loop_run(t.loop);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    ck_assert_int_eq(t.n, 1000);
    loop_post(t.loop, count_post, &t);
    loop_delete(t.loop);
    ck_assert_int_eq(t.n, 1001); /* what waits is called at the latest now */
}
END_TEST

static void on_usr1(void *arg)
{
    struct ticks *t = arg;
    t->n++;
    loop_stop(t->loop);
}

START_TEST(signals_are_events)
{
    struct ticks t = { .loop = loop_new() };
    struct loop_signal *s = loop_signal_new(t.loop, SIGUSR1, on_usr1, &t);
    raise(SIGUSR1);
    loop_run(t.loop);
    ck_assert_int_eq(t.n, 1);
    loop_signal_delete(s);
    loop_delete(t.loop);
}
END_TEST

/* ---- names ---- */

struct answer {
    struct loop *loop;
    int n, goal;
    char ip[64], why[128];
};

static void note_answer(void *arg, const char *ip, const char *why)
{
    struct answer *a = arg;
    snprintf(a->ip, sizeof(a->ip), "%s", ip ? ip : "");
    snprintf(a->why, sizeof(a->why), "%s", why ? why : "");
    if (++a->n == a->goal) loop_stop(a->loop);
}

static void never(void *arg, const char *ip, const char *why) { ck_abort_msg("was cancelled"); }

START_TEST(names_become_addresses)
{
    struct answer a = { .loop = loop_new(), .goal = 1 };
    struct resolver *r = resolver_new(a.loop);
    resolve_start(r, "10.1.2.3", "", note_answer, &a);
    ck_assert_int_eq(a.n, 0);
    loop_run(a.loop);
    ck_assert_str_eq(a.ip, "10.1.2.3");
    a.goal = 2;
    unsigned id = resolve_start(r, "localhost", "", never, &a);
    resolve_start(r, "localhost", "", note_answer, &a);
    resolve_cancel(r, id);
    loop_run(a.loop);
    ck_assert_str_eq(a.ip, "127.0.0.1");
    a.goal = 3; /* what is to be kept must be one of its addresses */
    resolve_start(r, "localhost", "10.9.9.9", note_answer, &a);
    loop_run(a.loop);
    ck_assert_str_eq(a.ip, "127.0.0.1");
    a.goal = 4;
    resolve_start(r, "no host has spaces", "", note_answer, &a);
    loop_run(a.loop);
    ck_assert(a.ip[0] == 0 && a.why[0] != 0);
    ck_assert(resolve_is_numeric("::1") && !resolve_is_numeric("localhost"));
    resolve_start(r, "localhost", "", never, &a); /* pending at the end */
    resolve_start(r, "10.1.2.3", "", never, &a);
    resolver_delete(r);
    loop_delete(a.loop);
    usleep(100000); /* the thread finds nobody and leaves */
}
END_TEST

START_TEST(addresses_print)
{
    struct addr a;
    char text[128];
    ck_assert(addr_parse(&a, "::1", 6379) && addr_is_loopback(&a) && addr_port(&a) == 6379);
    addr_text(&a, text, sizeof(text));
    ck_assert_str_eq(text, "[::1]:6379");
    ck_assert(addr_parse(&a, "/tmp/x.sock", 0) && addr_is_unix(&a));
    addr_text(&a, text, sizeof(text));
    ck_assert_str_eq(text, "/tmp/x.sock:0");
    ck_assert(!addr_parse(&a, "localhost", 1) && !addr_parse(&a, "1.2.3", 65536));
    ck_assert(addr_parse(&a, "10.0.0.1", 1) && !addr_is_loopback(&a));
}
END_TEST

static const struct unit_case cases[] = {
    UNIT(bytes_come_back),
    UNIT(large_transfers_go_both_ways),
    UNIT(unfinished_bytes_stay),
    UNIT(partly_consumed_bytes_stay),
    UNIT(refusal_is_reported_once),
    UNIT(connecting_times_out),
    UNIT(closing_inside_a_callback),
    UNIT(turns_inside_a_callback),
    UNIT(output_leaves_before_the_end),
    UNIT(all_conns_wait),
    UNIT(held_bytes_wait),
    UNIT(drained_output_is_fed),
    UNIT(write_errors_are_reported_next_turn),
    UNIT(pausing_and_a_new_owner),
    UNIT(unix_sockets_work),
    UNIT(listening_says_why_not),
    UNIT(timers_keep_their_time),
    UNIT(hooks_run_by_rank),
    UNIT(posts_come_from_other_threads),
    UNIT(signals_are_events),
    UNIT(names_become_addresses),
    UNIT(addresses_print),
};
UNIT_MAIN("net", cases)
