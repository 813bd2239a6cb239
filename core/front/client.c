#include "core/front/client.h"

#include <stdio.h>

#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/front/acl.h"
#include "core/front/client_evict.h"
#include "core/front/config.h"
#include "core/front/front.h"
#include "core/front/monitor.h"
#include "core/front/pubsub.h"
#include "core/front/stats.h"

static void init_lists(struct client *cl)
{
    ilist_init(&cl->node);
    ilist_init(&cl->resume);
    ilist_init(&cl->closing);
}

struct client *client_pseudo(struct front *f, uint32_t flags)
{
    struct client *cl = mem_zalloc(sizeof(*cl));
    init_lists(cl);
    cl->front = f;
    cl->id = f->next_client_id++;
    cl->flags = flags | CLIENT_PSEUDO | CLIENT_AUTHENTICATED;
    cl->resp = 2;
    cl->created_ms = cl->active_ms = loop_now_ms(f->loop);
    resp_request_init(&cl->request, f->config->proto_max_bulk_len);
    if (f->hooks.open) f->hooks.open(cl);
    return cl;
}

struct buf *client_out(struct client *cl)
{
    if (!cl->conn) return &cl->pseudo_out;
    conn_wake_out(cl->conn);
    return conn_out(cl->conn);
}

/* Its commands are run, or are about to be: freeing waits for the safe point. */
static bool is_in_use(const struct client *cl)
{
    return cl->flags & (CLIENT_IN_BATCH | CLIENT_HELD) || cl->front->running == cl;
}

void client_free(struct client *cl)
{
    struct front *f = cl->front;
    if (is_in_use(cl)) {
        client_close_soon(cl);
        return;
    }
    cl->flags |= CLIENT_CLOSING;
    pubsub_drop(cl);
    monitor_leave(cl);
    if (f->hooks.close) f->hooks.close(cl);
    ilist_remove(&cl->resume);
    ilist_remove(&cl->closing);
    client_evict_forget(cl);
    if (!(cl->flags & CLIENT_PSEUDO)) {
        if (f->cron_at == &cl->node) f->cron_at = cl->node.next;
        ilist_remove(&cl->node);
        f->clients_n--;
        table_remove_entry(&f->clients_by_id, client_id_hash(cl->id), cl);
    }
    if (cl->conn && !(cl->flags & CLIENT_DETACHED)) conn_close(cl->conn);
    resp_request_free(&cl->request);
    str_free(&cl->name);
    str_free(&cl->lib_name);
    str_free(&cl->lib_ver);
    buf_free(&cl->pseudo_out);
    mem_free(cl);
}

void client_close_soon(struct client *cl)
{
    cl->flags |= CLIENT_CLOSING;
    ilist_remove(&cl->closing);
    ilist_push(&cl->front->closing, &cl->closing);
}

void client_close_after_reply(struct client *cl)
{
    if (cl->flags & (CLIENT_CLOSING | CLIENT_CLOSE_AFTER_REPLY)) return;
    cl->flags |= CLIENT_CLOSE_AFTER_REPLY;
    if (cl->flags & CLIENT_IN_BATCH) return; /* dispatch does it: the reply may not be there yet */
    if (cl->conn) conn_close_after_output(cl->conn);
    else client_close_soon(cl);
}

void client_block(struct client *cl)
{
    cl->flags |= CLIENT_BLOCKED;
    cl->blocked_us = -1;
}

void client_unblock(struct client *cl)
{
    if (!(cl->flags & CLIENT_BLOCKED)) return;
    if (cl->last && cl->blocked_us >= 0)
        stats_count(cl->front, cl->last, cl->blocked_us, cl->block_failed);
    cl->flags &= ~(CLIENT_BLOCKED | CLIENT_REPLY_SKIP); /* what was to be skipped is answered */
    if (cl->flags & CLIENT_PSEUDO) return;
    ilist_remove(&cl->resume);
    ilist_push(&cl->front->resume, &cl->resume);
    /* This turn's resuming may be over already. */
    if (buf_size(conn_in(cl->conn))) loop_timer_after(cl->front->soon_timer, 0);
}

void client_postpone(struct client *cl)
{
    cl->flags |= CLIENT_PAUSED | CLIENT_UNDER_POSTPONE;
    ilist_remove(&cl->resume);
    ilist_push(&cl->front->paused, &cl->resume);
}

/* ---- kinds ---- */

static const char *const kind_names[CLIENT_KINDS] = { [CLIENT_KIND_NORMAL] = "normal",
                                                      [CLIENT_KIND_REPLICA] = "replica",
                                                      [CLIENT_KIND_PUBSUB] = "pubsub",
                                                      [CLIENT_KIND_MASTER] = "master" };

enum client_kind client_kind(const struct client *cl)
{
    if (cl->flags & CLIENT_MASTER) return CLIENT_KIND_MASTER;
    if (cl->flags & CLIENT_REPLICA && !(cl->flags & CLIENT_MONITOR)) return CLIENT_KIND_REPLICA;
    if (cl->pubsub) return CLIENT_KIND_PUBSUB;
    return CLIENT_KIND_NORMAL;
}

const char *client_kind_name(enum client_kind kind) { return kind_names[kind]; }

int client_kind_read(struct slice name)
{
    if (slice_ieqz(name, "slave")) return CLIENT_KIND_REPLICA;
    for (int i = 0; i < CLIENT_KINDS; i++)
        if (slice_ieqz(name, kind_names[i])) return i;
    return -1;
}

/* ---- by id ---- */

/* Ids count up and nobody chooses his: spread them over the buckets, no more. */
uint64_t client_id_hash(uint64_t id) { return id * 0x9e3779b97f4a7c15u; }

static uint64_t id_hash(const struct table *t, const void *entry)
{
    (void)t;
    return client_id_hash(((const struct client *)entry)->id);
}

static bool id_is(const void *entry, const void *key)
{
    return ((const struct client *)entry)->id == *(const uint64_t *)key;
}

const struct table_type client_ids = { id_hash, id_is };

struct client *client_by_id(struct front *f, uint64_t id)
{
    void **slot = table_find(&f->clients_by_id, client_id_hash(id), &id);
    return slot ? *slot : NULL;
}

bool client_name_ok(struct slice name)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] < '!' || name.p[i] > '~') return false;
    return true;
}

/* ---- our master ---- */

struct conn *client_conn(const struct client *cl)
{
    struct conn *conn = cl->conn;
    if (cl->flags & CLIENT_MASTER && cl->front->hooks.master)
        cl->front->hooks.master(cl->front, &conn);
    return conn;
}

struct client *client_master(const struct front *f)
{
    struct conn *conn;
    return f->hooks.master ? f->hooks.master(f, &conn) : NULL;
}

void client_begins(struct client *cl)
{
    cl->created_ms = cl->active_ms = loop_now_ms(cl->front->loop);
}

/* ---- CLIENT LIST ---- */

static void put_flags(const struct client *cl, struct buf *out)
{
    static const struct {
        uint32_t flag;
        char letter;
    } letters[] = { { CLIENT_MONITOR, 'O' },         { CLIENT_MASTER, 'M' },
                    { CLIENT_MULTI, 'x' },           { CLIENT_BLOCKED, 'b' },
                    { CLIENT_PAUSED, 'b' },          { CLIENT_TRACKING, 't' },
                    { CLIENT_TRACKING_BROKEN, 'R' }, { CLIENT_TRACKING_BCAST, 'B' },
                    { CLIENT_DIRTY_CAS, 'd' },       { CLIENT_CLOSE_AFTER_REPLY, 'c' },
                    { CLIENT_CLOSING, 'A' },         { CLIENT_UNIX, 'U' },
                    { CLIENT_INTERNAL_READONLY, 'r' }, { CLIENT_NO_EVICT, 'e' },
                    { CLIENT_NO_TOUCH, 'T' } };
    size_t before = buf_size(out);
    if (cl->flags & CLIENT_REPLICA && !(cl->flags & CLIENT_MONITOR)) buf_putc(out, 'S');
    if (cl->pubsub) buf_putc(out, 'P');
    for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
        if (cl->flags & letters[i].flag) buf_putc(out, letters[i].letter);
    if (cl->front->hooks.flags_letters) cl->front->hooks.flags_letters(cl, out);
    if (buf_size(out) == before) buf_putc(out, 'N');
}

struct sizes {
    size_t query, query_free, out, out_cap, multi, total;
};

static struct sizes sizes_of(const struct client *cl)
{
    struct sizes z = { .multi = cl->multi_mem };
    const struct conn *conn = client_conn(cl);
    if (conn) {
        const struct buf *in = conn_in((struct conn *)conn);
        z.query = buf_size(in);
        z.query_free = in->cap - in->len;
        z.out = conn_out_size(conn);
        z.out_cap = conn_out_room(conn);
        z.total = conn_mem(conn);
    } else {
        z.out = buf_size(&cl->pseudo_out);
        z.out_cap = z.total = cl->pseudo_out.cap;
    }
    z.total += cl->argv_mem + sizeof(*cl) + cl->name.n + cl->lib_name.n + cl->lib_ver.n;
    z.total += cl->front->hooks.mem ? cl->front->hooks.mem(cl) : z.multi;
    z.total += pubsub_client_mem(cl);
    return z;
}

size_t client_mem(const struct client *cl) { return sizes_of(cl).total; }

static void put_who(const struct client *cl, struct buf *out)
{
    int64_t now = loop_now_ms(cl->front->loop);
    const struct conn *conn = client_conn(cl);
    buf_fmt(out, "id=%llu addr=%s laddr=%s fd=%d name=%s age=%lld idle=%lld flags=",
            (unsigned long long)cl->id, conn ? conn_peer_addr(conn) : "",
            conn ? conn_local_addr(conn) : "", conn ? conn_fd(conn) : -1,
            str_c(cl->name), (long long)((now - cl->created_ms) / 1000),
            (long long)((now - cl->active_ms) / 1000));
    put_flags(cl, out);
}

void client_describe(const struct client *cl, struct buf *out)
{
    int queued = -1, watched = 0;
    if (cl->front->hooks.multi_state) cl->front->hooks.multi_state(cl, &queued, &watched);
    struct sizes z = sizes_of(cl);
    put_who(cl, out);
    buf_fmt(out, " db=%d sub=%zu psub=%zu ssub=%zu multi=%d watch=%d", cl->db,
            pubsub_client_count(cl, PUBSUB_CHANNEL), pubsub_client_count(cl, PUBSUB_PATTERN),
            pubsub_client_count(cl, PUBSUB_SHARD), queued, watched);
    buf_fmt(out, " qbuf=%zu qbuf-free=%zu argv-mem=%zu multi-mem=%zu", z.query, z.query_free,
            cl->argv_mem, z.multi);
    /* One buffer holds what Redis splits in a fixed part (rbs, rbp, obl) and a list (oll, omem). */
    buf_fmt(out, " rbs=%zu rbp=%zu obl=%zu oll=0 omem=%zu tot-mem=%zu events=%s", z.out_cap, z.out,
            z.out, z.out_cap, z.total, z.out ? "rw" : "r");
    buf_fmt(out, " cmd=%s user=%s redir=%lld resp=%d lib-name=%s lib-ver=%s",
            cl->last ? cl->last->fullname : "NULL",
            cl->user ? str_c(cl->user->name) : "(superuser)",
            cl->flags & CLIENT_TRACKING ? (long long)cl->redirect : -1, cl->resp,
            str_c(cl->lib_name), str_c(cl->lib_ver));
    if (cl->front->hooks.describe) cl->front->hooks.describe(cl, out);
}
