#include "tests/scenes/world.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/mem.h"

void world_id(char name, char *out)
{
    memset(out, name, SN_ID_LEN);
    out[SN_ID_LEN] = 0;
}

void world_free(struct world *w)
{
    for (size_t i = 0; i < w->queue.n; i++) str_free(&w->queue.at[i].text);
    vec_free(&w->queue);
    vec_free(&w->conns);
}

struct host *world_host(struct world *w, int port)
{
    for (size_t i = 0; i < w->hosts_n; i++)
        if (w->hosts[i].port == port) return &w->hosts[i];
    return NULL;
}

struct host *world_puppet(struct world *w, char name)
{
    for (size_t i = 0; i < w->hosts_n; i++)
        if (w->hosts[i].name == name) return &w->hosts[i];
    return NULL;
}

struct host *world_add(struct world *w, const char *ip, int port)
{
    must(w->hosts_n < HOSTS_MAX && !world_host(w, port));
    struct host *h = &w->hosts[w->hosts_n++];
    *h = (struct host){ .port = port, .alive = true, .priority = 100, .offset = 1000,
                        .sync_ms = 50, .synced = true };
    text_copy(h->ip, sizeof(h->ip), ip);
    snprintf(h->runid, sizeof(h->runid), "%040d", port);
    return h;
}

static struct conn *find_conn(struct world *w, uint32_t link, enum sn_conn conn)
{
    for (size_t i = 0; i < w->conns.n; i++)
        if (w->conns.at[i].link == link && w->conns.at[i].conn == conn) return &w->conns.at[i];
    return NULL;
}

const struct host *world_peer_of(const struct world *w, uint32_t link, enum sn_conn conn)
{
    const struct conn *c = find_conn((struct world *)w, link, conn);
    return c ? c->host : NULL;
}

static struct delivery *deliver(struct world *w, enum sn_event_kind kind, uint32_t link,
                                enum sn_conn conn, int64_t delay)
{
    vec_push(&w->queue, (struct delivery){ .at = w->now + delay, .seq = w->seq++, .kind = kind,
                                           .link = link, .conn = conn });
    return &vec_last(&w->queue);
}

void world_connect(struct world *w, const struct sn_action *a)
{
    struct host *h = world_host(w, a->port);
    must(!find_conn(w, a->link, a->conn));
    vec_push(&w->conns, (struct conn){ a->link, a->conn, h, false });
    bool works = h && h->alive;
    struct delivery *d =
        deliver(w, works ? SN_LINK_UP : SN_LINK_DOWN, a->link, a->conn, 2 * DELAY_MS);
    d->integer = !works; /* refused */
}

void world_disconnect(struct world *w, uint32_t link, enum sn_conn conn)
{
    for (size_t i = 0; i < w->conns.n; i++)
        if (w->conns.at[i].link == link && w->conns.at[i].conn == conn) {
            vec_remove(&w->conns, i);
            break;
        }
    for (size_t i = w->queue.n; i-- > 0;)
        if (w->queue.at[i].link == link && w->queue.at[i].conn == conn) {
            str_free(&w->queue.at[i].text);
            vec_remove(&w->queue, i);
        }
}

void world_forget(struct world *w)
{
    while (w->conns.n) world_disconnect(w, w->conns.at[0].link, w->conns.at[0].conn);
}

void world_kill(struct world *w, struct host *h)
{
    h->alive = h->frozen = h->multi = false;
    for (size_t i = w->conns.n; i-- > 0;) {
        struct conn c = w->conns.at[i];
        if (c.host != h) continue;
        for (size_t j = w->queue.n; j-- > 0;)
            if (w->queue.at[j].link == c.link && w->queue.at[j].conn == c.conn) {
                str_free(&w->queue.at[j].text);
                vec_remove(&w->queue, j);
            }
        deliver(w, SN_LINK_DOWN, c.link, c.conn, DELAY_MS);
    }
}

void world_says(struct world *w, const struct host *h, const char *text)
{
    for (size_t i = 0; i < w->conns.n; i++) {
        const struct conn *c = &w->conns.at[i];
        if (c->host != h || c->conn != SN_PUBSUB || !c->open) continue;
        deliver(w, SN_REPLY, c->link, c->conn, DELAY_MS)->text = str_fmt("M%s", text);
    }
}

/* ---- servers ---- */

static void put_data(const struct host *h, struct buf *b)
{
    char id[SN_ID_LEN + 1];
    if (!h->history[0]) return;
    for (int i = 0; i < 2; i++) {
        world_id(h->history[i] ? h->history[i] : '0', id);
        buf_fmt(b, "master_replid%s:%s\r\n", i ? "2" : "", id);
    }
    buf_fmt(b, "master_repl_offset:%lld\r\n", (long long)h->offset);
    buf_fmt(b, "# Keyspace\r\n");
    if (h->keys) buf_fmt(b, "db0:keys=%lld,expires=0,avg_ttl=0\r\n", (long long)h->keys);
}

static struct str info_text(struct world *w, struct host *h)
{
    struct buf b = { 0 };
    buf_fmt(&b, "# Server\r\nrun_id:%s\r\n# Replication\r\nrole:%s\r\n", h->runid,
            h->slave ? "slave" : "master");
    if (h->slave) {
        const struct host *m = world_host(w, h->master_port);
        buf_fmt(&b, "master_host:%s\r\nmaster_port:%d\r\nmaster_link_status:%s\r\n",
                m ? m->ip : "0.0.0.0", h->master_port, h->link_up ? "up" : "down");
        if (!h->link_up)
            buf_fmt(&b, "master_link_down_since_seconds:%lld\r\n",
                    h->synced ? (long long)((w->now - h->link_down_since) / 1000) : -1LL);
        buf_fmt(&b, "slave_repl_offset:%lld\r\nslave_priority:%d\r\nreplica_announced:1\r\n",
                (long long)h->offset, h->priority);
    }
    unsigned n = 0;
    for (size_t i = 0; i < w->hosts_n; i++) {
        const struct host *r = &w->hosts[i];
        if (r->alive && r->slave && r->master_port == h->port && r->link_up)
            buf_fmt(&b, "slave%u:ip=%s,port=%d,state=online,offset=%lld,lag=0\r\n", n++, r->ip,
                    r->port, (long long)r->offset);
    }
    put_data(h, &b);
    struct str s = str_new(buf_slice(&b));
    buf_free(&b);
    return s;
}

/* A replica is in step with a living master sync_ms after it was told to follow it. */
static void update_links(struct world *w)
{
    for (size_t i = 0; i < w->hosts_n; i++) {
        struct host *h = &w->hosts[i];
        if (h->name || !h->slave) continue;
        struct host *m = world_host(w, h->master_port);
        bool good = m && m->alive && !m->slave;
        if (!good && h->link_up) {
            h->link_up = false;
            h->link_down_since = w->now;
        } else if (good && !h->link_up && h->sync_ms >= 0 &&
                   w->now >= h->link_down_since + h->sync_ms) {
            h->link_up = h->synced = true;
            if (m->history[0]) {
                memcpy(h->history, m->history, sizeof(h->history));
                h->keys = m->keys;
                h->offset = m->offset;
            }
        }
    }
}

static void promote(struct host *h)
{
    h->slave = false;
    if (!h->history[0]) return;
    h->history[1] = h->history[0];
    h->history[0]++;
}

static void obey(struct world *w, struct host *h, const char *words)
{
    char what[64];
    int port;
    if (strcmp(words, "NO ONE") == 0) {
        if (h->slave) promote(h);
    } else if (sscanf(words, "%63s %d", what, &port) == 2) {
        if (h->slave && h->master_port == port) return;
        h->slave = true;
        h->master_port = port;
        h->link_up = false;
        h->link_down_since = w->now;
    }
}

/* FAILOVER TO host port TIMEOUT ms, or FAILOVER ABORT. */
static struct str hand_over(struct world *w, struct host *h, const struct sn_action *a)
{
    char port[16];
    if (h->hand_over == REFUSES) return str_z("-ERR unknown command 'FAILOVER'");
    if (h->hand_over == HANGS || a->argc < 4) return str_z("+OK");
    struct host *to = world_host(w, atoi(slice_cstr(a->argv[3], port, sizeof(port))));
    promote(to);
    h->slave = true;
    h->master_port = to->port;
    h->link_up = false;
    h->link_down_since = w->now;
    return str_z("+OK");
}

static struct str server_reply(struct world *w, struct host *h, const struct sn_action *a)
{
    struct slice cmd = a->argv[0];
    if (slice_eqz(cmd, "EXEC")) {
        h->multi = false;
        if (!h->deaf) obey(w, h, h->queued);
        return str_z("+OK");
    }
    if (h->multi) {
        if (slice_eqz(cmd, "SLAVEOF"))
            snprintf(h->queued, sizeof(h->queued), "%.*s %.*s", SLICE_ARG(a->argv[1]),
                     SLICE_ARG(a->argv[2]));
        return str_z("+QUEUED");
    }
    if (slice_eqz(cmd, "MULTI")) {
        h->multi = true;
        return str_z("+OK");
    }
    if (slice_eqz(cmd, "PING")) return str_z("+PONG");
    if (slice_eqz(cmd, "FAILOVER")) return hand_over(w, h, a);
    if (slice_eqz(cmd, "ROLE")) return str_fmt("*%s", h->slave ? "slave" : "master");
    if (slice_eqz(cmd, "INFO")) {
        struct str info = info_text(w, h), s = str_fmt("$%s", str_c(info));
        str_free(&info);
        return s;
    }
    return str_z("+OK");
}

/* ---- puppets ---- */

struct str world_hello(struct world *w, const struct host *h, int port)
{
    const struct host *m = world_host(w, h->says_master);
    return str_fmt("%s,%d,%s,%llu,mymaster,%s,%d,%llu", h->ip, port, h->runid,
                   (unsigned long long)h->epoch, m->ip, m->port,
                   (unsigned long long)h->config_epoch);
}

static void take_hello(struct world *w, struct host *h, struct slice text)
{
    char copy[512], *f[8], *save = NULL;
    int n = 0;
    slice_cstr(text, copy, sizeof(copy));
    for (char *t = strtok_r(copy, ",", &save); t && n < 8; t = strtok_r(NULL, ",", &save))
        f[n++] = t;
    must(n == 8);
    uint64_t epoch = strtoull(f[3], NULL, 10), config = strtoull(f[7], NULL, 10);
    if (epoch > h->epoch) h->epoch = epoch;
    if (!h->says_master || config > h->config_epoch) {
        h->config_epoch = config;
        h->says_master = atoi(f[6]);
    }
    struct delivery *d = deliver(w, SN_HELLO, 0, SN_CMD, 2 * DELAY_MS);
    d->text = world_hello(w, h, h->port);
}

static struct str puppet_reply(struct host *h, const struct sn_action *a, struct delivery *d)
{
    if (slice_eqz(a->argv[0], "PING")) return str_z("+PONG");
    if (!slice_eqz(a->argv[0], "SENTINEL")) return str_z("+OK");
    if (slice_eqz(a->argv[1], "MYID")) return str_fmt("$%s", h->runid);
    if (!slice_starts(a->argv[1], "is-master-down")) return str_z("-ERR Unknown subcommand");
    char text[24];
    uint64_t epoch = strtoull(slice_cstr(a->argv[4], text, sizeof(text)), NULL, 10);
    if (!slice_eqz(a->argv[5], "*") && epoch > h->voted_epoch && h->votes != '-') {
        h->voted_epoch = epoch;
        if (epoch > h->epoch) h->epoch = epoch;
        if (h->votes == '?') slice_cstr(a->argv[5], h->voted, sizeof(h->voted));
        else world_id(h->votes, h->voted);
    }
    d->integer = h->says_down;
    d->epoch = slice_eqz(a->argv[5], "*") ? 0 : (int64_t)h->voted_epoch;
    return str_fmt("V%s", d->epoch && h->voted[0] ? h->voted : "*");
}

static void answer(struct world *w, const struct sn_action *a, struct host *h)
{
    if (h->name && slice_eqz(a->argv[0], "PUBLISH") && !h->frozen) take_hello(w, h, a->argv[2]);
    struct delivery *d = deliver(w, SN_REPLY, a->link, a->conn, 2 * DELAY_MS);
    d->tag = a->tag;
    update_links(w);
    d->text = h->name ? puppet_reply(h, a, d) : server_reply(w, h, a);
    if (h->frozen) d->at = INT64_MAX;
}

void world_send(struct world *w, const struct sn_action *a)
{
    struct conn *c = find_conn(w, a->link, a->conn);
    must(c && c->open);
    if (c->host && c->host->alive && a->conn == SN_CMD) answer(w, a, c->host);
}

void world_thaw(struct world *w, struct host *h)
{
    h->frozen = false;
    for (size_t i = 0; i < w->queue.n; i++) {
        struct conn *c = find_conn(w, w->queue.at[i].link, w->queue.at[i].conn);
        if (c && c->host == h && w->queue.at[i].at == INT64_MAX)
            w->queue.at[i].at = w->now + DELAY_MS;
    }
}

/* ---- time ---- */

static size_t first(const struct world *w)
{
    size_t best = 0;
    for (size_t i = 1; i < w->queue.n; i++) {
        const struct delivery *d = &w->queue.at[i], *b = &w->queue.at[best];
        if (d->at < b->at || (d->at == b->at && d->seq < b->seq)) best = i;
    }
    return best;
}

int64_t world_next(const struct world *w)
{
    return w->queue.n ? w->queue.at[first(w)].at : INT64_MAX;
}

bool world_take(struct world *w, struct delivery *d)
{
    size_t i = first(w);
    *d = w->queue.at[i];
    vec_remove(&w->queue, i);
    if (d->kind == SN_HELLO) return true;
    struct conn *c = find_conn(w, d->link, d->conn);
    if (!c) return false;
    if (d->kind == SN_LINK_UP) c->open = true;
    if (d->kind == SN_LINK_DOWN) world_disconnect(w, d->link, d->conn);
    return true;
}
