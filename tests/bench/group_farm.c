/* group_farm: many simulated data servers in one process, for tests/bench/groups.py.
 *
 *     group-farm FIRST GROUPS PORT HEAD TAIL
 *
 * Group n is a master on port PORT and two replicas on PORT + 1 and PORT + 2 of the address
 * 127.1.(n / 250).(1 + n % 250). They know as much of the protocol as a Sentinel asks for: PING,
 * INFO, ROLE, PUBLISH and SUBSCRIBE of the hello channel, SLAVEOF inside MULTI. HEAD and TAIL are
 * files with what a real server prints in INFO before and behind its replication section; 40 '@'
 * in HEAD stand for the run id.
 *
 * Lines on standard input: "kill" ends all masters as a SIGKILL would (no listener, connections
 * reset); "times" prints, a line a group, the milliseconds from that to the promotion of a replica
 * and to the moment from which the other one follows it, -1 for what has not happened. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/vec.h"
#include "core/net/conn.h"
#include "core/net/listen.h"
#include "core/resp/read.h"
#include "core/resp/write.h"

#define MEMBERS 3
#define BULK_MAX (1 << 20)
#define OFFSET 100000 /* everybody's, always */

struct member;

struct peer { /* a connection of a Sentinel */
    struct member *of;
    struct conn *conn;
    struct resp_request req;
    bool subscribed, queueing;
    bool slaveof; /* queued: */
    char host[64];
    int port;
};

struct member {
    struct farm *farm;
    struct group *group;
    struct listener *listener;
    VEC(struct peer *) peers;
    char runid[41];
    bool master, dead;
    char master_host[64];
    int port, master_port;
};

struct group {
    char ip[32], replid[41];
    struct member member[MEMBERS];
    int64_t promoted_at, followed_at;
};

struct farm {
    struct loop *loop;
    struct buf head, tail, text;
    char *runid_at;
    int groups;
    struct group *group;
    int64_t killed_at;
    char line[64];
    size_t line_n;
};

/* ---- INFO ---- */

static struct member *master_of(struct member *m)
{
    for (int i = 0; i < MEMBERS; i++)
        if (m->group->member[i].port == m->master_port) return &m->group->member[i];
    return NULL;
}

static bool link_up(struct member *m)
{
    struct member *master = master_of(m);
    return master && master->master && !master->dead;
}

static void put_replica_side(struct buf *b, struct member *m)
{
    bool up = link_up(m);
    buf_fmt(b, "role:slave\r\nmaster_host:%s\r\nmaster_port:%d\r\nmaster_link_status:%s\r\n",
            m->master_host, m->master_port, up ? "up" : "down");
    buf_fmt(b, "master_last_io_seconds_ago:0\r\nmaster_sync_in_progress:0\r\n"
               "slave_read_repl_offset:%d\r\nslave_repl_offset:%d\r\n", OFFSET, OFFSET);
    if (!up)
        buf_fmt(b, "master_link_down_since_seconds:%d\r\n",
                (int)((loop_now_ms(m->farm->loop) - m->farm->killed_at) / 1000));
    buf_fmt(b, "slave_priority:100\r\nslave_read_only:1\r\nreplica_announced:1\r\n");
}

static void put_replication(struct buf *b, struct member *m)
{
    int n = 0;
    buf_fmt(b, "# Replication\r\n");
    if (m->master) buf_fmt(b, "role:master\r\n");
    else put_replica_side(b, m);
    for (int i = 0; i < MEMBERS; i++) {
        struct member *r = &m->group->member[i];
        if (r == m || r->master || r->dead || r->master_port != m->port) continue;
        if (n == 0) buf_fmt(b, "connected_slaves:%d\r\n", MEMBERS - 1);
        buf_fmt(b, "slave%d:ip=%s,port=%d,state=online,offset=%d,lag=0\r\n", n++, m->group->ip,
                r->port, OFFSET);
    }
    if (n == 0) buf_fmt(b, "connected_slaves:0\r\n");
    buf_fmt(b, "master_failover_state:no-failover\r\nmaster_replid:%s\r\n", m->group->replid);
    buf_fmt(b, "master_replid2:%040d\r\nmaster_repl_offset:%d\r\nsecond_repl_offset:-1\r\n", 0,
            OFFSET);
    buf_fmt(b, "repl_backlog_active:1\r\nrepl_backlog_size:1048576\r\n"
               "repl_backlog_first_byte_offset:1\r\nrepl_backlog_histlen:%d\r\n\r\n", OFFSET);
}

static void put_info(struct peer *p, struct buf *out)
{
    struct farm *f = p->of->farm;
    if (f->runid_at) memcpy(f->runid_at, p->of->runid, 40);
    buf_clear(&f->text);
    buf_puts(&f->text, buf_slice(&f->head));
    put_replication(&f->text, p->of);
    buf_puts(&f->text, buf_slice(&f->tail));
    resp_bulk(out, buf_slice(&f->text));
}

static void put_role(struct member *m, struct buf *out)
{
    resp_array(out, m->master ? 3 : 5);
    resp_bulk(out, slice_z(m->master ? "master" : "slave"));
    if (!m->master) {
        resp_bulk(out, slice_z(m->master_host));
        resp_int(out, m->master_port);
        resp_bulk(out, slice_z(link_up(m) ? "connected" : "connect"));
    }
    resp_int(out, OFFSET);
    if (m->master) resp_array(out, 0);
}

/* ---- commands ---- */

static void become(struct peer *p)
{
    struct member *m = p->of;
    int64_t now = loop_now_ms(m->farm->loop);
    p->slaveof = false;
    m->master = strcmp(p->host, "NO") == 0;
    if (m->master) {
        if (m->farm->killed_at && !m->group->promoted_at) m->group->promoted_at = now;
        return;
    }
    text_copy(m->master_host, sizeof(m->master_host), p->host);
    m->master_port = p->port;
    if (link_up(m) && m->group->promoted_at && !m->group->followed_at) m->group->followed_at = now;
}

static void publish(struct peer *p, const struct slice *argv, struct buf *out)
{
    struct member *m = p->of;
    int n = 0;
    for (size_t i = 0; i < m->peers.n; i++) {
        struct peer *to = m->peers.at[i];
        if (!to->subscribed) continue;
        struct buf *b = conn_out(to->conn);
        resp_array(b, 3);
        resp_bulk(b, SLICE("message"));
        resp_bulk(b, argv[1]);
        resp_bulk(b, argv[2]);
        conn_wake_out(to->conn);
        n++;
    }
    resp_int(out, n);
}

static void subscribe(struct peer *p, const struct slice *argv, struct buf *out)
{
    p->subscribed = true;
    resp_array(out, 3);
    resp_bulk(out, SLICE("subscribe"));
    resp_bulk(out, argv[1]);
    resp_int(out, 1);
}

/* All that a Sentinel puts between MULTI and EXEC has an effect here but SLAVEOF none. */
static void transaction(struct peer *p, int argc, const struct slice *argv, struct buf *out)
{
    int64_t port = 0;
    if (slice_ieqz(argv[0], "exec")) {
        resp_array(out, 0);
        p->queueing = false;
        if (p->slaveof) become(p);
        return;
    }
    if (slice_ieqz(argv[0], "slaveof") && argc == 3) {
        p->slaveof = true;
        slice_cstr(argv[1], p->host, sizeof(p->host));
        num_to_i64(argv[2], &port);
        p->port = (int)port;
    }
    resp_status(out, SLICE("QUEUED"));
}

static void command(struct peer *p, int argc, const struct slice *argv, struct buf *out)
{
    struct slice name = argv[0];
    if (p->queueing) transaction(p, argc, argv, out);
    else if (slice_ieqz(name, "ping")) resp_status(out, SLICE("PONG"));
    else if (slice_ieqz(name, "info")) put_info(p, out);
    else if (slice_ieqz(name, "publish") && argc == 3) publish(p, argv, out);
    else if (slice_ieqz(name, "subscribe") && argc == 2) subscribe(p, argv, out);
    else if (slice_ieqz(name, "role")) put_role(p->of, out);
    else if (slice_ieqz(name, "failover")) resp_error(out, SLICE("ERR no hand-over here"));
    else resp_status(out, SLICE("OK"));
    if (slice_ieqz(name, "multi")) p->queueing = true;
}

/* ---- connections ---- */

static void peer_free(struct peer *p)
{
    struct member *m = p->of;
    for (size_t i = 0; i < m->peers.n; i++)
        if (m->peers.at[i] == p) {
            vec_remove(&m->peers, i);
            break;
        }
    resp_request_free(&p->req);
    mem_free(p);
}

static void on_data(struct conn *c)
{
    struct peer *p = conn_arg(c);
    struct buf *in = conn_in(c);
    enum resp_got got = RESP_MORE;
    while (buf_size(in)) {
        got = resp_request_next(&p->req, buf_head(in), buf_size(in));
        if (got != RESP_ONE) break;
        if (p->req.argc) command(p, p->req.argc, p->req.argv, conn_out(c));
        buf_consume(in, p->req.size);
    }
    conn_wake_out(c);
    if (got != RESP_BAD) return;
    conn_close(c);
    peer_free(p);
}

static void on_close(struct conn *c, const char *why)
{
    (void)why;
    peer_free(conn_arg(c));
}

static const struct conn_ops ops = { .on_data = on_data, .on_close = on_close };

static void on_accept(void *arg, int fd)
{
    struct member *m = arg;
    struct peer *p = mem_zalloc(sizeof(*p));
    p->of = m;
    resp_request_init(&p->req, BULK_MAX);
    p->conn = conn_accepted(m->farm->loop, fd, &ops, p);
    vec_push(&m->peers, p);
}

/* ---- the farm ---- */

static void die(struct member *m)
{
    m->dead = true;
    listener_close(m->listener);
    while (m->peers.n) {
        struct peer *p = vec_last(&m->peers);
        conn_close(p->conn);
        peer_free(p);
    }
}

static void kill_masters(struct farm *f)
{
    loop_refresh_now(f->loop);
    f->killed_at = loop_now_ms(f->loop);
    for (int i = 0; i < f->groups; i++) die(&f->group[i].member[0]);
    printf("killed\n");
}

static long long since(const struct farm *f, int64_t t)
{
    return t ? (long long)(t - f->killed_at) : -1;
}

static void print_times(struct farm *f)
{
    for (int i = 0; i < f->groups; i++)
        printf("%lld %lld\n", since(f, f->group[i].promoted_at), since(f, f->group[i].followed_at));
    printf("end\n");
}

static void on_order(void *arg, unsigned ready)
{
    struct farm *f = arg;
    ssize_t n = read(0, f->line + f->line_n, sizeof(f->line) - f->line_n - 1);
    (void)ready;
    if (n <= 0) exit(0);
    f->line_n += (size_t)n;
    f->line[f->line_n] = 0;
    if (!strchr(f->line, '\n')) return;
    if (strncmp(f->line, "kill", 4) == 0) kill_masters(f);
    else print_times(f);
    fflush(stdout);
    f->line_n = 0;
}

static void on_flush(void *arg)
{
    conn_flush_all(((struct farm *)arg)->loop);
}

static void hexadecimal(char *out, int group, int member)
{
    snprintf(out, 41, "%08x%08x%024x", (unsigned)group + 1, (unsigned)member + 1, 0xabcdef);
}

static void set_up(struct farm *f, int n, struct group *g, int port)
{
    struct errmsg msg;
    snprintf(g->ip, sizeof(g->ip), "127.1.%d.%d", n / 250, 1 + n % 250);
    hexadecimal(g->replid, n, 100);
    for (int i = 0; i < MEMBERS; i++) {
        struct member *m = &g->member[i];
        *m = (struct member){ .farm = f, .group = g, .master = i == 0, .port = port + i };
        hexadecimal(m->runid, n, i);
        text_copy(m->master_host, sizeof(m->master_host), g->ip);
        m->master_port = i ? port : 0;
        m->listener = listen_tcp(f->loop, g->ip, m->port, 511, on_accept, m, &msg);
        if (!m->listener) {
            fprintf(stderr, "%s\n", msg.text);
            exit(1);
        }
    }
}

static void slurp(struct buf *b, const char *path)
{
    FILE *f = fopen(path, "r");
    size_t n = 0;
    if (!f) {
        perror(path);
        exit(1);
    }
    while ((n = fread(buf_room(b, 4096), 1, 4096, f)) > 0) buf_added(b, n);
    fclose(f);
}

int main(int argc, char **argv)
{
    struct farm f = { 0 };
    if (argc != 6) {
        fprintf(stderr, "group-farm FIRST GROUPS PORT HEAD TAIL\n");
        return 1;
    }
    int first = atoi(argv[1]);
    f.groups = atoi(argv[2]);
    f.loop = loop_new();
    slurp(&f.head, argv[4]);
    slurp(&f.tail, argv[5]);
    buf_putc(&f.head, 0);
    f.head.len--;
    f.runid_at = strstr(f.head.data, "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@");
    f.group = mem_zalloc((size_t)f.groups * sizeof(*f.group));
    for (int i = 0; i < f.groups; i++) set_up(&f, first + i, &f.group[i], atoi(argv[3]));
    loop_io_want(loop_io_new(f.loop, 0, on_order, &f), LOOP_READ);
    loop_before_sleep(f.loop, 0, on_flush, &f);
    printf("ready\n");
    fflush(stdout);
    loop_run(f.loop);
    return 0;
}
