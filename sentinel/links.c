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
    struct resp_reply reply;
    VEC(uint64_t) tags; /* of commands without reply yet, oldest at `head` */
    size_t head;
};

struct sn_query { /* a name look-up under way */
    struct sn_links *links;
    uint32_t link;
    unsigned id;
};

struct sn_links {
    struct sentinel *s;
    VEC(struct sn_wire *)
    wires; /* few: linear search is fine up to thousands of groups' links by id order */
    VEC(struct sn_query *) queries;
};

struct sn_links *links_new(struct sentinel *s)
{
    struct sn_links *l = mem_zalloc(sizeof(*l));
    l->s = s;
    return l;
}

/* Position of (link, kind) in the array sorted by both, or where it belongs. */
static size_t wire_pos(const struct sn_links *l, uint32_t link, enum sn_conn kind, bool *found)
{
    size_t lo = 0, hi = l->wires.n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        const struct sn_wire *w = l->wires.at[mid];
        if (w->link < link || (w->link == link && w->kind < kind))
            lo = mid + 1;
        else
            hi = mid;
    }
    *found = lo < l->wires.n && l->wires.at[lo]->link == link && l->wires.at[lo]->kind == kind;
    return lo;
}

static struct sn_wire *wire_find(const struct sn_links *l, uint32_t link, enum sn_conn kind)
{
    bool found;
    size_t at = wire_pos(l, link, kind, &found);
    return found ? l->wires.at[at] : NULL;
}

/* Forgets the wire; its conn is closed by the caller or gone already. */
static void wire_drop(struct sn_wire *w)
{
    struct sn_links *l = w->links;
    bool found;
    size_t at = wire_pos(l, w->link, w->kind, &found);
    if (found) vec_remove(&l->wires, at);
    resp_reply_free(&w->reply);
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

static void tell_reply(struct sn_links *l, uint32_t link, enum sn_conn kind, uint64_t tag,
                       const struct resp_value *root)
{
    struct sn_value v;
    convert(root, &v);
    sentinel_step(
        l->s,
        (struct sn_event){ .kind = SN_REPLY, .link = link, .conn = kind, .tag = tag, .reply = &v });
    convert_free(&v);
}

static void protocol_fault(struct sn_wire *w)
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
    uint32_t link = w->link;
    enum sn_conn kind = w->kind;
    /* A step may close this very connection: it is looked up again after each one. */
    while ((w = wire_find(l, link, kind)) && w->conn == c) {
        struct buf *in = conn_in(c);
        enum resp_got got = resp_reply_next(&w->reply, buf_head(in), buf_size(in));
        if (got == RESP_MORE) return;
        if (got == RESP_BAD) {
            protocol_fault(w);
            return;
        }
        size_t size = w->reply.size;
        tell_reply(l, link, kind, next_tag(w), w->reply.root);
        if (!(w = wire_find(l, link, kind)) || w->conn != c) return;
        buf_consume(conn_in(c), size);
    }
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
    resp_reply_init(&w->reply, REPLY_MAX);
    w->conn = conn_connect(l->s->loop, &t, &ops, w, &why);
    if (!w->conn) {
        wire_drop(w);
        tell_down(l, a->link, a->conn, why ? why : "");
        return;
    }
    bool found;
    size_t at = wire_pos(l, a->link, a->conn, &found);
    vec_insert(&l->wires, at, w);
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
    char host[SN_HOST_MAX];
    struct sn_query *q = mem_zalloc(sizeof(*q));
    *q = (struct sn_query){ .links = l, .link = a->link };
    vec_push(&l->queries, q);
    q->id = resolve_start(l->s->resolver, slice_cstr(a->host, host, sizeof(host)), on_resolved, q);
}

void links_delete(struct sn_links *l)
{
    while (l->wires.n) {
        struct sn_wire *w = vec_last(&l->wires);
        conn_close(w->conn);
        wire_drop(w);
    }
    while (l->queries.n) {
        resolve_cancel(l->s->resolver, vec_last(&l->queries)->id);
        query_drop(vec_last(&l->queries));
    }
    vec_free(&l->wires);
    vec_free(&l->queries);
    mem_free(l);
}
