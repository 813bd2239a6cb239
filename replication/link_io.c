/* Drives the link: performs its actions on a connection, a temporary file and the host. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/net/resolve.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "core/front/monitor.h"
#include "core/sys/log.h"
#include "replication/ahead.h"
#include "replication/shell.h"

#define SHOWN_BYTES 256 /* of the stream, around a command that fails */
#define DRAIN_US 5000 /* of a turn, for what waited while a snapshot was loaded */
#define SPOOL_TURN_BYTES (16 * 1024 * 1024)
#define REFUSED_PAUSE_MS 5000 /* until a master is asked again that we did not want to copy */
#define WRITE_OUT_BYTES (8 * 1024 * 1024) /* the disk is kept busy while a snapshot arrives */

static void on_data(struct conn *c);
static void on_close(struct conn *c, const char *why);
static void on_connected(struct conn *c);
static const struct conn_ops ops = { .on_data = on_data,
                                     .on_close = on_close,
                                     .on_connected = on_connected };

/* ---- the connection ---- */

static void drop_conn(struct replication *r)
{
    struct link_run *k = &r->lrun;
    if (k->resolving) resolve_cancel(r->resolver, k->resolving);
    k->resolving = 0;
    if (k->conn) conn_close(k->conn);
    k->conn = NULL;
    k->lost[0] = '\0';
    spool_free(&k->spool);
    loop_timer_cancel(k->drain);
    r->host.stream_reset(r->host.arg);
}

static void on_resolved(void *arg, const char *ip, const char *why)
{
    struct replication *r = arg;
    struct link_run *k = &r->lrun;
    k->resolving = 0;
    if (ip == NULL) {
        link_io_step(r, (struct link_event){ .kind = LINK_DOWN, .text = why, .error_kind = "dns" });
        return;
    }
    struct conn_target t = { .ip = ip, .port = r->link.port, .timeout_ms = r->link.set.timeout_ms };
    if (r->set.bind_source && r->set.bind_source[0]) t.source_ip = r->set.bind_source;
    k->conn = conn_connect(r->loop, &t, &ops, r, &why);
    if (k->conn == NULL) link_io_step(r, (struct link_event){ .kind = LINK_DOWN, .text = why });
}

static void on_connected(struct conn *c)
{
    link_io_step(conn_arg(c), (struct link_event){ .kind = LINK_UP });
}

struct conn *replication_link_conn(const struct replication *r)
{
    return link_is_up(&r->link) ? r->lrun.conn : NULL;
}

void replication_cut_link(struct replication *r)
{
    drop_conn(r);
    link_io_step(r, (struct link_event){ .kind = LINK_DOWN, .text = "cut by CLIENT KILL" });
}

/* What came before the end counts: it is told when that has been applied. */
static bool keeps_bytes(const struct link_run *k)
{
    return k->loading || spool_size(&k->spool) > 0;
}

static void on_close(struct conn *c, const char *why)
{
    struct replication *r = conn_arg(c);
    struct link_run *k = &r->lrun;
    if (k->conn != c) return;
    k->conn = NULL;
    if (keeps_bytes(k)) {
        text_copy(k->lost, sizeof(k->lost), why);
        if (!k->loading) loop_timer_after(k->drain, 0);
        return;
    }
    r->host.stream_reset(r->host.arg);
    link_io_step(r, (struct link_event){ .kind = LINK_DOWN, .text = why });
}

/* ---- the spool ---- */

static void spool_failed(struct replication *r, const struct errmsg *msg)
{
    log_warning("%s", msg->text);
    drop_conn(r);
    link_io_step(r, (struct link_event){ .kind = LINK_DOWN, .text = msg->text });
}

/* All that the socket holds: a turn is long while a snapshot is loaded, and the master counts what
 * we leave to it. The end of the connection is left for the next turn to find. */
static enum err spool_rest(struct replication *r, int fd, const char *dir, struct errmsg *msg)
{
    static const size_t step = 256 * 1024;
    struct buf b = { 0 };
    enum err e = ERR_NONE;
    for (int64_t got = 0; got < SPOOL_TURN_BYTES && !e;) {
        ssize_t n = read(fd, buf_room(&b, step), step);
        if (n <= 0) break;
        got += n;
        r->front->stats.in_repl_bytes += (uint64_t)n;
        e = spool_put(&r->lrun.spool, slice_of(b.data, (size_t)n), dir, r->set.spool_bytes, msg);
    }
    buf_free(&b);
    return e;
}

static void to_spool(struct replication *r, struct conn *c)
{
    struct errmsg msg;
    struct slice bytes = buf_slice(conn_in(c));
    const char *dir = r->set.dir && r->set.dir[0] ? r->set.dir : ".";
    enum err e = spool_put(&r->lrun.spool, bytes, dir, r->set.spool_bytes, &msg);
    r->front->stats.in_repl_bytes += bytes.n;
    buf_consume(conn_in(c), bytes.n);
    if (!e) e = spool_rest(r, conn_fd(c), dir, &msg);
    if (e) spool_failed(r, &msg);
}

/* One offer; false: the rest is not a whole command, or all is done. */
static bool drain_some(struct replication *r, struct errmsg *msg)
{
    struct spool *s = &r->lrun.spool;
    struct slice bytes;
    int64_t fresh_ms = r->link.fresh_ms, before = spool_size(s);
    if (spool_peek(s, &bytes, msg) != ERR_NONE) return false;
    if (bytes.n == 0) return false;
    link_io_step(r, (struct link_event){ .kind = LINK_BYTES, .bytes = bytes });
    if (spool_size(s) != before) return false; /* the link was given up: the spool is gone */
    spool_take(s, r->link.taken);
    if (spool_size(s) > 0) r->link.fresh_ms = fresh_ms; /* what waits here is not applied */
    if (r->link.taken > 0) return true;
    before = (int64_t)buf_size(&s->head);
    if (spool_more(s, msg) != ERR_NONE) return false;
    return (int64_t)buf_size(&s->head) > before;
}

static void on_drain(void *arg)
{
    struct replication *r = arg;
    struct link_run *k = &r->lrun;
    struct errmsg msg = { "" };
    int64_t end_us = clock_mono_us() + DRAIN_US;
    bool more = true;
    if (k->loading) return;
    while (more && clock_mono_us() < end_us) more = drain_some(r, &msg);
    if (msg.text[0]) {
        spool_failed(r, &msg);
    } else if (more) {
        loop_timer_after(k->drain, 0);
    } else if (k->lost[0]) {
        char why[LINK_ERROR_MAX];
        text_copy(why, sizeof(why), k->lost);
        drop_conn(r);
        link_io_step(r, (struct link_event){ .kind = LINK_DOWN, .text = why });
    }
}

/* Offers what waits, as long as something of it is taken: a line opens the way for what follows. */
static void on_data(struct conn *c)
{
    struct replication *r = conn_arg(c);
    if (r->lrun.held) {
        conn_pause_read(c, true);
        return;
    }
    while (r->lrun.conn == c && buf_size(conn_in(c)) > 0) {
        if (keeps_bytes(&r->lrun)) {
            to_spool(r, c);
            if (r->lrun.conn == c && !r->lrun.loading) loop_timer_after(r->lrun.drain, 0);
            return;
        }
        link_io_step(r, (struct link_event){ .kind = LINK_BYTES, .bytes = buf_slice(conn_in(c)) });
        if (r->lrun.conn != c || r->link.taken == 0) return;
        r->front->stats.in_repl_bytes += r->link.taken;
        buf_consume(conn_in(c), r->link.taken);
    }
}

void replication_hold(struct replication *r, bool hold)
{
    struct link_run *k = &r->lrun;
    k->held = hold;
    if (!k->conn || k->loading) return;
    conn_pause_read(k->conn, hold);
    if (!hold) conn_again(k->conn);
}

/* ---- the temporary file ---- */

static void close_file(struct link_run *k)
{
    if (k->fd >= 0) close(k->fd);
    k->fd = -1;
}

static void forget_file(struct link_run *k)
{
    close_file(k);
    if (k->path) unlink(k->path);
    mem_free(k->path);
    k->path = NULL;
}

static void open_file(struct replication *r)
{
    struct link_run *k = &r->lrun;
    forget_file(k);
    const char *dir = r->set.dir && r->set.dir[0] ? r->set.dir : ".";
    struct str path =
        str_fmt("%s/temp-%lld.%ld.rdb", dir, (long long)(clock_wall_ms() / 1000), (long)getpid());
    k->path = path.p;
    k->synced = 0;
    k->fd = open(k->path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);
    if (k->fd >= 0) return;
    log_warning("Opening the temp file needed for MASTER <-> REPLICA synchronization: %s",
                strerror(errno));
    k->failed = "the temporary file of the snapshot can not be opened";
}

static void write_part(struct replication *r, struct slice bytes)
{
    struct link_run *k = &r->lrun;
    struct errmsg msg;
    if (k->fd < 0 || k->failed) return;
    if (file_write_all(k->fd, bytes.p, bytes.n, &msg) != ERR_NONE) {
        log_warning("Write error or short write writing to the DB dump file needed for MASTER <-> "
                    "REPLICA synchronization: %s",
                    msg.text);
        k->failed = "the temporary file of the snapshot can not be written";
        return;
    }
    if (r->link.received - k->synced < WRITE_OUT_BYTES) return;
    sync_file_range(k->fd, k->synced, r->link.received - k->synced, SYNC_FILE_RANGE_WRITE);
    k->synced = r->link.received;
}

static void load_file(struct replication *r)
{
    struct link_run *k = &r->lrun;
    if (k->failed) return;
    if (fsync(k->fd) < 0) {
        k->failed = "the temporary file of the snapshot can not be synced";
        return;
    }
    close_file(k);
    k->loading = true; /* the stream is read on, into the spool */
    log_notice("MASTER <-> REPLICA sync: Loading DB in memory");
    r->host.load(r->host.arg, k->path);
}

/* The loaded snapshot becomes the dump file, as if it had been saved here. */
static void keep_file(struct replication *r)
{
    struct link_run *k = &r->lrun;
    struct errmsg msg;
    bool keep = !r->set.rdb_del_sync_files && r->set.rdb_path && r->set.rdb_path[0];
    if (keep && file_rename_synced(k->path, r->set.rdb_path, &msg) == ERR_NONE) {
        mem_free(k->path);
        k->path = NULL;
        return;
    }
    if (keep)
        log_warning("Failed trying to rename the temp DB into %s: %s", r->set.rdb_path, msg.text);
    forget_file(k);
}

void replication_loaded(struct replication *r, bool ok, bool kept, const char *why)
{
    struct link_run *k = &r->lrun;
    if (!k->loading) return;
    k->loading = false;
    if (ok) keep_file(r);
    else forget_file(k);
    bool refused = k->refused;
    k->refused = false;
    link_io_step(r, (struct link_event){ .kind = LINK_LOADED,
                                         .ok = ok,
                                         .kept = kept,
                                         .text = why,
                                         .error_kind = refused ? "amnesia guard" : NULL,
                                         .pause_ms = refused ? REFUSED_PAUSE_MS : 0 });
    if (ok) loop_timer_after(k->drain, 0);
}

bool replication_guards(const struct replication *r)
{
    return r->set.amnesia_guard && r->replicated && r->host.keys(r->host.arg) > 0;
}

static bool is_foreign(const struct replication *r)
{
    const char *id = r->link.new_replid;
    return strcmp(id, history_id(&r->history)) != 0 && strcmp(id, history_id2(&r->history)) != 0;
}

bool replication_accepts(struct replication *r, uint64_t keys, char *why, size_t cap)
{
    struct guard_case c = { .on = r->set.amnesia_guard,
                            .grace_ms = (int64_t)r->set.amnesia_grace_s * 1000,
                            .replicated = r->replicated,
                            .foreign = is_foreign(r),
                            .ours = r->host.keys(r->host.arg),
                            .theirs = keys };
    if (!guard_refuses(&r->guard, &c, repl_now(r))) return true;
    r->lrun.refused = true;
    snprintf(why, cap, "the master has %llu keys and another history, we have %llu keys",
             (unsigned long long)keys, (unsigned long long)c.ours);
    log_warning("Refusing to be emptied: %s. Has %s:%d lost its data? Restore it there, or promote "
                "a replica; to accept the loss: REPLICAOF NO ONE, then REPLICAOF again, or CONFIG "
                "SET replica-amnesia-guard no.",
                why, r->link.host, r->link.port);
    return false;
}

static void abort_snapshot(struct replication *r)
{
    if (r->lrun.loading && r->host.load_cancel) r->host.load_cancel(r->host.arg);
    r->lrun.loading = false;
    forget_file(&r->lrun);
}

/* ---- the stream ---- */

/* The keys of the next few commands; how far that goes. */
static size_t look_ahead(struct replication *r, struct slice bytes)
{
    struct slice keys[AHEAD_MAX];
    size_t at = r->link.scanned, covered;
    if (r->host.prefetch == NULL || at >= bytes.n) return SIZE_MAX;
    int n = ahead_keys(slice_of(bytes.p + at, bytes.n - at), keys, &covered);
    if (n > 1) r->host.prefetch(r->host.arg, keys, n);
    return covered > 0 ? at + covered : SIZE_MAX;
}

/* The command that could not be applied, and what came just before it. */
static void show_failed(struct slice bytes, struct slice raw)
{
    struct buf text = { 0 };
    const char *end = raw.p + (raw.n < SHOWN_BYTES ? raw.n : SHOWN_BYTES);
    const char *from = raw.p - bytes.p > SHOWN_BYTES ? raw.p - SHOWN_BYTES : bytes.p;
    monitor_quote(&text, slice_of(from, (size_t)(end - from)));
    log_warning("Latest backlog is: '%.*s'", (int)buf_size(&text), buf_head(&text));
    buf_free(&text);
}

static void apply_stream(struct replication *r, struct slice bytes)
{
    struct link_command c;
    bool ok = true;
    uint64_t errors = r->front->stats.unexpected_error_replies, known = errors;
    size_t seen = 0;
    for (;;) {
        if (r->link.scanned >= seen) seen = look_ahead(r, bytes);
        if (!ok || !link_next(&r->link, bytes, &c)) break;
        ok = r->host.apply(r->host.arg, c.argc, c.argv, c.raw);
        if (r->front->stats.unexpected_error_replies != known) show_failed(bytes, c.raw);
        known = r->front->stats.unexpected_error_replies;
    }
    /* A command that the master could run and we could not: the data differ. */
    if (r->front->stats.unexpected_error_replies != errors) digest_spoil(&r->digest);
    /* Verbatim, so that replicas of ours stand at the same offsets; whole units only. */
    if (r->link.done > 0) repl_put(r, slice_of(bytes.p, r->link.done));
    r->link.digest = r->digest.last;
    link_io_step(r, (struct link_event){ .kind = LINK_APPLIED, .ok = ok });
    waits_check(r);
}

/* ---- actions ---- */

static void connect_master(struct replication *r)
{
    drop_conn(r);
    r->lrun.failed = NULL;
    r->lrun.resolving = resolve_start(r->resolver, r->link.host, "", on_resolved, r);
}

static void write_master(struct replication *r, struct slice bytes)
{
    if (r->lrun.conn == NULL) return;
    buf_puts(conn_out(r->lrun.conn), bytes);
    conn_wake_out(r->lrun.conn);
}

static void perform(struct replication *r, const struct link_action *a)
{
    switch (a->kind) {
    case LINK_CONNECT: connect_master(r); break;
    case LINK_CLOSE: drop_conn(r); break;
    case LINK_WRITE: write_master(r, a->bytes); break;
    case LINK_SNAPSHOT_BEGIN: open_file(r); break;
    case LINK_SNAPSHOT_PART: write_part(r, a->bytes); break;
    case LINK_SNAPSHOT_END: load_file(r); break;
    case LINK_SNAPSHOT_ABORT: abort_snapshot(r); break;
    case LINK_ADOPT_HISTORY: role_adopt(r, a); break;
    case LINK_APPLY: apply_stream(r, a->bytes); break;
    case LINK_NOTE: repl_log(a->level, a->bytes); break;
    }
}

static void arm(struct replication *r)
{
    int64_t due = link_deadline(&r->link);
    if (due == INT64_MAX) loop_timer_cancel(r->lrun.timer);
    else loop_timer_after(r->lrun.timer, due - repl_now(r));
}

static void tell_host(struct replication *r)
{
    bool up = link_is_up(&r->link);
    if (up == r->lrun.was_up) return;
    r->lrun.was_up = up;
    if (r->host.link_changed) r->host.link_changed(r->host.arg, up);
}

void link_io_step(struct replication *r, struct link_event e)
{
    struct link_actions out = { 0 };
    e.now_ms = repl_now(r);
    r->link.fsynced = waits_fsynced(r);
    link_step(&r->link, &e, &out);
    for (size_t i = 0; i < out.list.n; i++) perform(r, &out.list.at[i]);
    link_actions_free(&out);
    if (r->lrun.failed) {
        const char *why = r->lrun.failed;
        r->lrun.failed = NULL;
        drop_conn(r);
        if (r->link.state == LINK_LOADING)
            link_io_step(r, (struct link_event){ .kind = LINK_LOADED, .ok = false, .text = why });
        else link_io_step(r, (struct link_event){ .kind = LINK_DOWN, .text = why });
        return;
    }
    tell_host(r);
    arm(r);
    handover_linked(r);
}

static void on_timer(void *arg) { link_io_step(arg, (struct link_event){ .kind = LINK_TICK }); }

/* ---- life ---- */

static struct link_settings link_settings_of(const struct replication *r)
{
    return (struct link_settings){
        .timeout_ms = (int64_t)r->set.timeout_s * 1000,
        .user = r->set.masteruser,
        .password = r->set.masterauth,
        .listening_port = r->set.announce_port ? r->set.announce_port : r->set.port,
        .announce_ip = r->set.announce_ip,
        .capa = CAPA_LIVE_ACK | CAPA_DIGEST | CAPA_EARLY |
                (r->set.max_staleness_ms ? CAPA_BEAT : 0),
    };
}

void link_io_init(struct replication *r)
{
    struct link_settings s = link_settings_of(r);
    link_init(&r->link, &s, rng_next(&r->rng));
    r->lrun.fd = -1;
    spool_init(&r->lrun.spool);
    r->lrun.drain = loop_timer_new(r->loop, on_drain, r);
    r->lrun.timer = loop_timer_new(r->loop, on_timer, r);
}

void link_io_settings(struct replication *r)
{
    struct link_settings s = link_settings_of(r);
    link_configure(&r->link, &s);
    arm(r);
}

void link_io_end(struct replication *r)
{
    drop_conn(r);
    abort_snapshot(r);
    loop_timer_delete(r->lrun.timer);
    loop_timer_delete(r->lrun.drain);
    link_free(&r->link);
}
