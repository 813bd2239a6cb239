#include "core/front/monitor.h"

#include "core/front/client.h"
#include "core/front/front.h"
#include "core/front/limits.h"
#include "core/front/reply.h"

void monitor_quote(struct buf *out, struct slice s)
{
    static const char plain[] = "\n\r\t\a\b\"\\", shown[] = "nrtab\"\\";
    buf_putc(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char ch = (unsigned char)s.p[i];
        const char *at = ch ? strchr(plain, ch) : NULL;
        if (at) {
            buf_putc(out, '\\');
            buf_putc(out, shown[at - plain]);
        } else if (ch >= ' ' && ch <= '~') {
            buf_putc(out, (char)ch);
        } else {
            buf_fmt(out, "\\x%02x", ch);
        }
    }
    buf_putc(out, '"');
}

static void print_line(const struct call *c, struct buf *out)
{
    const struct client *cl = c->client;
    int64_t us = c->front->now_us + c->front->wall_minus_mono_us;
    buf_fmt(out, "+%lld.%06lld [%d ", (long long)(us / 1000000), (long long)(us % 1000000), cl->db);
    if (!cl->conn) buf_putz(out, "lua");
    else if (cl->flags & CLIENT_UNIX) buf_fmt(out, "unix:%s", conn_peer_addr(cl->conn));
    else buf_putz(out, conn_peer_addr(cl->conn));
    buf_putz(out, "]");
    for (int i = 0; i < c->argc; i++) {
        buf_putc(out, ' ');
        monitor_quote(out, call_is_redacted(c, i) ? SLICE("(redacted)") : c->argv[i]);
    }
    buf_putz(out, "\r\n");
}

void monitor_feed_early(const struct call *c)
{
    struct front *f = c->front;
    struct buf line = { 0 };
    print_line(c, &line);
    for (size_t i = 0; i < f->monitors.n; i++) {
        struct call to = push_call_for(f->monitors.at[i]);
        reply_raw(&to, buf_slice(&line));
        limits_check(to.client);
    }
    buf_free(&line);
}

void monitor_feed(const struct call *c)
{
    if (!(c->entry->flags & (CMD_SKIP_MONITOR | CMD_ADMIN))) monitor_feed_early(c);
}

void monitor_leave(struct client *cl)
{
    if (!(cl->flags & CLIENT_MONITOR)) return;
    struct front *f = cl->front;
    cl->flags &= ~(uint32_t)CLIENT_MONITOR;
    for (size_t i = 0; i < f->monitors.n; i++) {
        if (f->monitors.at[i] != cl) continue;
        vec_remove(&f->monitors, i);
        return;
    }
}

static void cmd_monitor(struct call *c)
{
    struct client *cl = c->client;
    if (cl->flags & (CLIENT_MONITOR | CLIENT_REPLICA)) return; /* Redis answers nothing then */
    if (!cl->conn) {
        reply_error(c, "MONITOR isn't allowed for DENY BLOCKING client");
        return;
    }
    cl->flags |= CLIENT_MONITOR;
    vec_push(&c->front->monitors, cl);
    reply_ok(c);
}

const struct command cmds_monitor[] = {
    { "MONITOR", cmd_monitor, .arity = 1,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE, .since = "1.0.0",
      .group = "server", .summary = "Shows every command as it is run.",
      .syntax = "" },
    COMMANDS_END,
};
