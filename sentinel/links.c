#include "sentinel/links.h"

#include <stdlib.h>

#include "core/net/conn.h"
#include "core/resp/value.h"
#include "core/resp/write.h"
#include "sentinel/sentinel.h"

#define REPLY_MAX (16u << 20)   /* an INFO of a large master is far below */
#define CONNECT_TIMEOUT_MS 5000 /* the core gives up earlier where it matters */
#define TAGS_KEPT 64            /* consumed tags before the queue is moved together */

struct sn_wire {
    struct sn_links *links;
    uint32_t link;
    enum sn_conn kind;
    struct conn *conn;
    struct resp_reply *reply; /* of an unfinished reply; NULL: none */
    VEC(uint64_t) tags; /* of commands without reply yet, oldest at `head` */
    size_t head;
};

struct sn_query { /* a name look-up under way */
    struct sn_links *links;
    uint32_t link;
    unsigned id;
};

struct sn_slot {
    uint64_t key; /* link and kind */
    struct sn_wire *wire;
};

struct sn_links {
    struct sentinel *s;
    VEC(struct sn_slot) wires;  /* by key */
    VEC(struct sn_query *) queries;
    struct resp_reply *spare;   /* the reader of all wires that have no unfinished reply */
    uint64_t dropped;           /* wires so far */
};

struct sn_links *links_new(struct sentinel *s)
{
    struct sn_links *l = mem_zalloc(sizeof(*l));
    l->s = s;
    return l;
}

static uint64_t key_of(uint32_t link, enum sn_conn kind)
{
    return (uint64_t)link * SN_CONNS + kind;
}

/* Position of (link, kind) in the array sorted by both, or where it belongs. */
static size_t wire_pos(const struct sn_links *l, uint32_t link, enum sn_conn kind, bool *found)
{
    uint64_t key = key_of(link, kind);
    size_t lo = 0, hi = l->wires.n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (l->wires.at[mid].key < key)
            lo = mid + 1;
        else
            hi = mid;
    }
    *found = lo < l->wires.n && l->wires.at[lo].key == key;
    return lo;
}

static struct sn_wire *wire_find(const struct sn_links *l, uint32_t link, enum sn_conn kind)
{
    bool found;
    size_t at = wire_pos(l, link, kind, &found);
    return found ? l->wires.at[at].wire : NULL;
}

static struct resp_reply *reader_take(struct sn_links *l)
{
    struct resp_reply *r = l->spare;
    l->spare = NULL;
    if (r) return r;
    r = mem_zalloc(sizeof(*r));
    resp_reply_init(r, REPLY_MAX);
    return r;
}

static void reader_free(struct resp_reply *r)
{
    if (r) resp_reply_free(r);
    mem_free(r);
}

static void reader_give(struct sn_links *l, struct resp_reply *r)
{
    resp_reply_reset(r);
    if (l->spare) reader_free(r);
    else l->spare = r;
}

/* Forgets the wire; its conn is closed by the caller or gone already. */
static void wire_drop(struct sn_wire *w)
{
    struct sn_links *l = w->links;
    bool found;
    size_t at = wire_pos(l, w->link, w->kind, &found);
    if (found) vec_remove(&l->wires, at);
    l->dropped++;
    reader_free(w->reply);
    vec_free(&w->tags);
    mem_free(w);
}

static void tell_down(struct sn_links *l, uint32_t link, enum sn_conn conn, const char *why)
{
    sentinel_step(l->s, (struct sn_event){ .kind = SN_LINK_DOWN,
                                           .link = link,
                                           .conn = conn,
                                           .refused = strstr(why, "refused") != NULL });
}

static void tell_link(struct sn_links *l, enum sn_event_kind kind, uint32_t link, enum sn_conn conn,
                      const char *local_ip)
{
    sentinel_step(l->s,
                  (struct sn_event){
                      .kind = kind, .link = link, .conn = conn, .local_ip = slice_z(local_ip) });
}

static void on_connected(struct conn *c)
{
    struct sn_wire *w = conn_arg(c);
    char ip[CONN_ADDR_MAX];
    conn_set_nodelay(c, true);
    conn_local_ip(c, ip, sizeof(ip));
    tell_link(w->links, SN_LINK_UP, w->link, w->kind, ip);
}

static void on_close(struct conn *c, const char *why)
{
    struct sn_wire *w = conn_arg(c);
    struct sn_links *l = w->links;
    uint32_t link = w->link;
    enum sn_conn kind = w->kind;
    wire_drop(w);
    tell_down(l, link, kind, why ? why : "");
}

/* ---- replies ---- */

static const enum sn_value_kind kinds[] = {
    [RESP_STATUS] = SN_VAL_STATUS, [RESP_ERROR] = SN_VAL_ERROR, [RESP_INT] = SN_VAL_INT,
    [RESP_BULK] = SN_VAL_BULK,     [RESP_NULL] = SN_VAL_NIL,    [RESP_ARRAY] = SN_VAL_ARRAY,
    [RESP_MAP] = SN_VAL_ARRAY,     [RESP_SET] = SN_VAL_ARRAY,   [RESP_PUSH] = SN_VAL_ARRAY,
    [RESP_DOUBLE] = SN_VAL_BULK,   [RESP_BOOL] = SN_VAL_INT,    [RESP_BIGNUM] = SN_VAL_BULK,
    [RESP_VERBATIM] = SN_VAL_BULK,
};

static size_t items_of(const struct resp_value *v) { return v->kind == RESP_MAP ? v->n * 2 : v->n; }

/* Depth is bounded by the reader. */
static void convert(const struct resp_value *from, struct sn_value *to)
{
    *to =
        (struct sn_value){ .kind = kinds[from->kind], .integer = from->number, .text = from->text };
    if (to->kind != SN_VAL_ARRAY) return;
    to->n = items_of(from);
    struct sn_value *items = mem_alloc(to->n * sizeof(*items));
    for (size_t i = 0; i < to->n; i++)
        convert(&from->item[i], &items[i]);
    to->items = items;
}

static void convert_free(struct sn_value *v)
{
    if (v->kind != SN_VAL_ARRAY) return;
    struct sn_value *items = (struct sn_value *)(uintptr_t)v->items;
    for (size_t i = 0; i < v->n; i++)
        convert_free(&items[i]);
    mem_free(items);
}

static uint64_t next_tag(struct sn_wire *w)
{
    if (w->kind == SN_PUBSUB || w->head == w->tags.n) return 0;
    uint64_t tag = w->tags.at[w->head++];
    if (w->head >= TAGS_KEPT) {
        memmove(w->tags.at, w->tags.at + w->head, (w->tags.n - w->head) * sizeof(uint64_t));
        w->tags.n -= w->head;
        w->head = 0;
    }
    return tag;
}

/* The step may close this very connection: false when it is gone. */
static bool tell_reply(struct sn_wire *w, const struct resp_value *root)
{
    struct sn_links *l = w->links;
    struct conn *c = w->conn;
    uint32_t link = w->link;
    enum sn_conn kind = w->kind;
    uint64_t dropped = l->dropped, tag = next_tag(w);
    struct sn_value v;
    convert(root, &v);
    sentinel_step(
        l->s,
        (struct sn_event){ .kind = SN_REPLY, .link = link, .conn = kind, .tag = tag, .reply = &v });
    convert_free(&v);
    if (l->dropped == dropped) return true;
    w = wire_find(l, link, kind);
    return w && w->conn == c;
}

static void give_up(struct sn_wire *w)
{
    struct sn_links *l = w->links;
    uint32_t link = w->link;
    enum sn_conn kind = w->kind;
    conn_close(w->conn);
    wire_drop(w);
    tell_link(l, SN_LINK_DOWN, link, kind, "");
}

static void on_data(struct conn *c)
{
    struct sn_wire *w = conn_arg(c);
    struct sn_links *l = w->links;
    struct resp_reply *r = w->reply ? w->reply : reader_take(l);
    w->reply = NULL;
    while (buf_size(conn_in(c))) {
        enum resp_got got = resp_reply_next(r, buf_head(conn_in(c)), buf_size(conn_in(c)));
        if (got == RESP_MORE) {
            w->reply = r;
            return;
        }
        if (got == RESP_BAD) {
            give_up(w);
            break;
        }
        size_t size = r->size;
        if (!tell_reply(w, r->root)) break;
        buf_consume(conn_in(c), size);
    }
    reader_give(l, r);
}

static const struct conn_ops ops = { .on_data = on_data,
                                     .on_close = on_close,
                                     .on_connected = on_connected };

/* ---- what the core asks for ---- */

void links_connect(struct sn_links *l, const struct sn_action *a)
{
    char ip[CONN_ADDR_MAX];
    const char *why;
    links_disconnect(l, a->link, a->conn);
    slice_cstr(a->host, ip, sizeof(ip));
    const char *source = l->s->config.front.bind_source_addr;
    struct conn_target t = { .ip = ip,
                             .port = a->port,
                             .timeout_ms = CONNECT_TIMEOUT_MS,
                             .source_ip = source[0] ? source : NULL };
    struct sn_wire *w = mem_zalloc(sizeof(*w));
    *w = (struct sn_wire){ .links = l, .link = a->link, .kind = a->conn };
    w->conn = conn_connect(l->s->loop, &t, &ops, w, &why);
    if (!w->conn) {
        wire_drop(w);
        tell_down(l, a->link, a->conn, why ? why : "");
        return;
    }
    bool found;
    size_t at = wire_pos(l, a->link, a->conn, &found);
    vec_insert(&l->wires, at, ((struct sn_slot){ key_of(a->link, a->conn), w }));
}

void links_disconnect(struct sn_links *l, uint32_t link, enum sn_conn kind)
{
    struct sn_wire *w = wire_find(l, link, kind);
    if (!w) return;
    conn_close(w->conn);
    wire_drop(w);
}

void links_send(struct sn_links *l, const struct sn_action *a)
{
    struct sn_wire *w = wire_find(l, a->link, a->conn);
    if (!w) return;
    resp_command(conn_out(w->conn), a->argc, a->argv);
    conn_wake_out(w->conn);
    if (a->conn == SN_CMD) vec_push(&w->tags, a->tag);
}

void links_hush(struct sn_links *l)
{
    VEC(struct sn_wire *) full = { 0 };
    for (size_t i = 0; i < l->wires.n; i++)
        if (conn_out_size(l->wires.at[i].wire->conn)) vec_push(&full, l->wires.at[i].wire);
    for (size_t i = 0; i < full.n; i++) { /* telling may end others of them */
        struct sn_wire *w = full.at[i];
        bool there = false;
        for (size_t j = 0; j < l->wires.n && !there; j++) there = l->wires.at[j].wire == w;
        if (there) give_up(w);
    }
    vec_free(&full);
}

/* ---- names ---- */

static void query_drop(struct sn_query *q)
{
    struct sn_links *l = q->links;
    for (size_t i = 0; i < l->queries.n; i++)
        if (l->queries.at[i] == q) {
            vec_remove(&l->queries, i);
            break;
        }
    mem_free(q);
}

static void on_resolved(void *arg, const char *ip, const char *why)
{
    struct sn_query *q = arg;
    struct sn_links *l = q->links;
    uint32_t link = q->link;
    (void)why;
    query_drop(q);
    sentinel_step(l->s, (struct sn_event){
                            .kind = SN_RESOLVED, .link = link, .text = slice_z(ip ? ip : "") });
}

void links_resolve(struct sn_links *l, const struct sn_action *a)
{
    char host[SN_HOST_MAX], keep[SN_IP_MAX];
    struct sn_query *q = mem_zalloc(sizeof(*q));
    *q = (struct sn_query){ .links = l, .link = a->link };
    vec_push(&l->queries, q);
    q->id = resolve_start(l->s->resolver, slice_cstr(a->host, host, sizeof(host)),
                          slice_cstr(a->text, keep, sizeof(keep)), on_resolved, q);
}

void links_delete(struct sn_links *l)
{
    while (l->wires.n) {
        struct sn_wire *w = vec_last(&l->wires).wire;
        conn_close(w->conn);
        wire_drop(w);
    }
    while (l->queries.n) {
        resolve_cancel(l->s->resolver, vec_last(&l->queries)->id);
        query_drop(vec_last(&l->queries));
    }
    reader_free(l->spare);
    vec_free(&l->wires);
    vec_free(&l->queries);
    mem_free(l);
}
