#include "core/front/limits.h"

#include "core/front/acl.h"
#include "core/front/client_evict.h"
#include "core/front/config.h"
#include "core/front/front.h"
#include "core/front/monitor.h"
#include "core/front/pubsub.h"
#include "core/sys/log.h"

static const struct front_output_limit *limit_of(const struct client *cl)
{
    static const enum front_client_class classes[CLIENT_KINDS] = {
        [CLIENT_KIND_NORMAL] = FRONT_NORMAL,
        [CLIENT_KIND_REPLICA] = FRONT_REPLICA,
        [CLIENT_KIND_PUBSUB] = FRONT_PUBSUB,
        [CLIENT_KIND_MASTER] = FRONT_NORMAL, /* never limited: it gets no replies */
    };
    return &cl->front->config->client_output_buffer_limit[classes[client_kind(cl)]];
}

/* The soft limit holds when it has been passed without a break for soft_seconds. */
static bool soft_passed(struct client *cl, const struct front_output_limit *l, size_t waiting)
{
    if (!l->soft || waiting < l->soft) {
        cl->soft_since_ms = 0;
        return false;
    }
    int64_t now = loop_now_ms(cl->front->loop);
    if (cl->soft_since_ms == 0) cl->soft_since_ms = now;
    return now - cl->soft_since_ms > (int64_t)l->soft_seconds * 1000;
}

static bool unauth_passed(const struct client *cl, size_t waiting)
{
    return !(cl->flags & CLIENT_AUTHENTICATED) && waiting > LIMITS_UNAUTH_OUT &&
           front_auth_required(cl->front);
}

bool limits_check_output(struct client *cl, size_t waiting)
{
    if (cl->flags & (CLIENT_CLOSING | CLIENT_MASTER)) return false;
    const struct front_output_limit *l = limit_of(cl);
    bool over = l->hard && waiting >= l->hard;
    if (!over && !soft_passed(cl, l, waiting) && !unauth_passed(cl, waiting)) return false;
    cl->front->stats.output_limit_kills++;
    client_close_soon(cl);
    struct buf line = { 0 };
    client_describe(cl, &line);
    log_warning("Client %.*s scheduled to be closed ASAP for overcoming of output buffer limits.",
                (int)buf_size(&line), buf_head(&line));
    buf_free(&line);
    return true;
}

/* Replies of a batch are together here before the socket has been offered any. Who has not said who
 * it is has changed nothing that must be synced first: its errors may leave at once, and what stays
 * then is what it does not read. */
bool limits_check(struct client *cl)
{
    if (cl->front->counting_clients) client_evict_count(cl);
    if (!cl->conn || cl->flags & (CLIENT_REPLICA | CLIENT_CLOSING)) return false;
    size_t waiting = buf_size(conn_out(cl->conn));
    if (waiting <= LIMITS_UNAUTH_OUT && !cl->soft_since_ms) return false;
    if (unauth_passed(cl, waiting)) {
        conn_flush(cl->conn);
        waiting = buf_size(conn_out(cl->conn));
    }
    return limits_check_output(cl, waiting);
}

bool limits_check_query(struct client *cl)
{
    if (cl->front->counting_clients) client_evict_count(cl);
    if (!cl->conn || cl->flags & CLIENT_CLOSING) return false;
    struct slice in = buf_slice(conn_in(cl->conn));
    if (in.n <= cl->front->config->client_query_buffer_limit) return false;
    struct buf line = { 0 }, sample = { 0 };
    client_describe(cl, &line);
    monitor_quote(&sample, slice_of(in.p, 64));
    log_warning(
        "Closing client that reached max query buffer length: %.*s (qbuf initial bytes: %.*s)",
        (int)buf_size(&line), buf_head(&line), (int)buf_size(&sample), buf_head(&sample));
    buf_free(&line);
    buf_free(&sample);
    cl->front->stats.query_limit_kills++;
    client_close_soon(cl);
    return true;
}

bool limits_check_idle(struct client *cl, int64_t now_ms)
{
    int seconds = cl->front->config->timeout;
    if (seconds <= 0 || pubsub_active(cl)) return false;
    if (cl->flags & (CLIENT_REPLICA | CLIENT_MASTER | CLIENT_BLOCKED | CLIENT_CLOSING))
        return false;
    if (now_ms - cl->active_ms <= (int64_t)seconds * 1000) return false;
    log_verbose("Closing idle client");
    client_close_soon(cl);
    return true;
}
