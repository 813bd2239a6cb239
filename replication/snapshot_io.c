/* Snapshots on their way to replicas: from the host's file, or from its pipe to all at once. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/base/vec.h"
#include "core/sys/log.h"
#include "replication/shell.h"

#define CHUNK_BYTES (256 * 1024)          /* read from the pipe at once */
#define FILE_STEP_BYTES (64 * 1024)       /* read from the file at once */
#define FILE_TURN_BYTES (2 * 1024 * 1024) /* one replica takes no more of a turn */
/* Of a snapshot to sockets, kept for replicas that come while it is sent: a share of the memory
 * that is used anyhow, within these bounds. */
#define JOIN_SHARE 16
#define JOIN_MIN_BYTES (8 * 1024 * 1024)
#define JOIN_MAX_BYTES (64 * 1024 * 1024)
#define JOIN_DROP_BLOCKS 16 /* given back at once */
#define BUSY_RETRY_MS 100
#define FAILED_RETRY_MS 1000

static void on_timer(void *arg);

void snapshot_io_init(struct replication *r)
{
    r->snap.fd = -1;
    r->snap.timer = loop_timer_new(r->loop, on_timer, r);
}

static void close_pipe(struct snapshot_run *s)
{
    if (s->io) loop_io_delete(s->io);
    s->io = NULL;
    if (s->fd >= 0) close(s->fd);
    s->fd = -1;
    buf_free(&s->chunk);
    early_free(&s->early);
    s->joinable = false;
}

static void finish(struct replication *r)
{
    close_pipe(&r->snap);
    r->snap.form = BATCH_NONE;
    r->snap.eof = r->snap.done = r->snap.ok = false;
}

void snapshot_io_end(struct replication *r)
{
    if (r->snap.form != BATCH_NONE) r->host.snapshot_kill(r->host.arg);
    finish(r);
    loop_timer_delete(r->snap.timer);
}

/* Takes part in the snapshot that runs. */
static bool rides(const struct replication *r, const struct replica *p)
{
    return r->snap.form == BATCH_PIPE
               ? p->peer.state == PEER_SENDS && p->peer.pipe && !p->peer.no_data
               : p->peer.state == PEER_WAITS;
}

static int riders(struct replication *r)
{
    int n = 0;
    ilist_each(&r->replicas, node, next) n += rides(r, ilist_of(node, struct replica, node));
    return n;
}

/* ---- who wants no keys gets a snapshot at once ---- */

static void send_bare(struct replica *p)
{
    struct replication *r = p->r;
    char mark[LINK_MARK_LEN];
    rng_hex(&r->rng, mark, sizeof(mark));
    struct slice m = slice_of(mark, sizeof(mark));
    r->stream_db = -1;
    replica_step(p, (struct peer_event){ .kind = PEER_SNAPSHOT_STARTED,
                                         .replid = slice_z(history_id(&r->history)),
                                         .offset = feed_end(&r->feed),
                                         .pipe = true,
                                         .mark = m });
    struct buf *out = conn_out(p->client->conn);
    r->host.bare_snapshot(r->host.arg, p->peer.functions, out);
    buf_puts(out, m);
    conn_wake_out(p->client->conn);
    replica_step(p, (struct peer_event){ .kind = PEER_SENT_ALL });
}

/* ---- starting ---- */

static void open_backlog(struct replication *r)
{
    if (r->feed.open) return;
    char id[REPLID_LEN + 1];
    repl_new_id(r, id);
    history_init(&r->history, id);
    feed_open(&r->feed);
    r->stream_db = -1;
    log_notice("Replication backlog created, my new replication IDs are '%s' and '%s'", id,
               history_id2(&r->history));
}

static void board(struct replica *p, int64_t offset)
{
    struct replication *r = p->r;
    p->pipe_at = 0;
    replica_step(p, (struct peer_event){ .kind = PEER_SNAPSHOT_STARTED,
                                         .replid = slice_z(history_id(&r->history)),
                                         .offset = offset,
                                         .pipe = r->snap.form == BATCH_PIPE,
                                         .mark = slice_of(r->snap.mark, LINK_MARK_LEN) });
    if (r->snap.form == BATCH_PIPE) conn_want_drain(p->client->conn, true);
}

static void on_pipe(void *arg, unsigned ready);

static int64_t join_bytes(void)
{
    size_t share = mem_used() / JOIN_SHARE;
    return share < JOIN_MIN_BYTES   ? JOIN_MIN_BYTES
           : share > JOIN_MAX_BYTES ? JOIN_MAX_BYTES
                                    : (int64_t)share;
}

static void start(struct replication *r, enum batch_form form)
{
    struct snapshot_run *s = &r->snap;
    struct errmsg msg = { "" };
    int fd = -1;
    log_notice("Starting BGSAVE for SYNC with target: %s",
               form == BATCH_PIPE ? "replicas sockets" : "disk");
    enum err e = r->host.snapshot(
        r->host.arg, form == BATCH_PIPE ? SNAPSHOT_TO_PIPE : SNAPSHOT_TO_FILE, &fd, &msg);
    if (e != ERR_NONE) {
        if (e != ERR_BUSY) log_warning("BGSAVE for replication failed: %s", msg.text);
        loop_timer_after(s->timer, e == ERR_BUSY ? BUSY_RETRY_MS : FAILED_RETRY_MS);
        return;
    }
    s->form = form;
    s->eof = s->done = s->ok = false;
    s->fd = fd;
    s->chunk_at = 0;
    s->offset = feed_end(&r->feed);
    s->joinable = form == BATCH_PIPE;
    s->join_bytes = join_bytes();
    rng_hex(&r->rng, s->mark, LINK_MARK_LEN);
    r->stream_db = -1; /* what follows the snapshot says its database */
    ilist_each(&r->replicas, node, next) {
        struct replica *p = ilist_of(node, struct replica, node);
        if (batch_takes(&p->peer, form)) board(p, feed_end(&r->feed));
    }
    if (form != BATCH_PIPE) return;
    s->io = loop_io_new(r->loop, fd, on_pipe, r);
    loop_io_want(s->io, LOOP_READ);
}

/* Starts one if it is time, or sees to it that we look again. */
static void plan(struct replication *r)
{
    if (r->snap.form != BATCH_NONE || r->replicas_n == 0) return;
    struct peer *peers[REPLICAS_MAX];
    int n = 0;
    ilist_each(&r->replicas, node, next) if (n < REPLICAS_MAX) peers[n++] =
        &ilist_of(node, struct replica, node)->peer;
    struct batch_settings s = { .diskless = r->set.diskless_sync,
                                .delay_ms = (int64_t)r->set.diskless_delay_s * 1000,
                                .max_replicas = r->set.diskless_max_replicas,
                                .expected = replicas_expected(r) };
    struct batch_plan p = batch_plan(peers, n, &s, repl_now(r));
    if (p.form != BATCH_NONE) start(r, p.form);
    else if (p.due_ms != INT64_MAX) loop_timer_after(r->snap.timer, p.due_ms - repl_now(r));
}

static void on_timer(void *arg) { plan(arg); }

/* What was sent so far is there: it gets that, and goes on with the others. */
static bool join_pipe(struct replica *p)
{
    struct replication *r = p->r;
    if (!r->snap.joinable || p->peer.no_data || !(p->peer.capa & CAPA_EOF)) return false;
    if (riders(r) == 0) return false; /* nobody holds the stream since its beginning */
    log_notice("Replica %s joins the snapshot that is being sent", p->peer.name);
    board(p, r->snap.offset);
    replica_flow(p);
    return true;
}

static bool join_running(struct replica *p)
{
    struct replication *r = p->r;
    if (r->snap.form == BATCH_PIPE) return join_pipe(p);
    if (r->snap.form != BATCH_FILE) return false;
    struct peer *peers[REPLICAS_MAX];
    int n = 0;
    ilist_each(&r->replicas, node, next) if (n < REPLICAS_MAX) peers[n++] =
        &ilist_of(node, struct replica, node)->peer;
    const struct peer *with = batch_join(peers, n, &p->peer);
    if (with == NULL || with->rdb_only) return false;
    log_notice("Waiting for end of BGSAVE for SYNC");
    board(p, with->sync_offset);
    return true;
}

void snapshot_wanted(struct replica *p)
{
    struct replication *r = p->r;
    open_backlog(r);
    if (p->peer.no_data) {
        send_bare(p);
        return;
    }
    if (join_running(p)) return;
    if (r->snap.form == BATCH_PIPE)
        log_notice("Current BGSAVE has socket target. Waiting for next BGSAVE for SYNC");
    else if (r->snap.form == BATCH_FILE)
        log_notice(
            "Can't attach the replica to the current BGSAVE. Waiting for next BGSAVE for SYNC");
    else if (r->set.diskless_sync && r->set.diskless_delay_s > 0 && (p->peer.capa & CAPA_EOF) &&
             replicas_expected(r) > 0)
        log_notice("Delay next BGSAVE for diskless SYNC");
    plan(r);
}

/* ---- the pipe ---- */

/* All have what was read: the next bytes may come. */
static bool chunk_sent(struct replication *r)
{
    int64_t end = r->snap.chunk_at + (int64_t)buf_size(&r->snap.chunk);
    ilist_each(&r->replicas, node, next) {
        struct replica *p = ilist_of(node, struct replica, node);
        if (rides(r, p) && p->pipe_at < end) return false;
    }
    return true;
}

static void end_pipe(struct replication *r)
{
    struct snapshot_run *s = &r->snap;
    bool ok = s->ok;
    struct slice mark = slice_of(s->mark, LINK_MARK_LEN);
    ilist_each(&r->replicas, node, next) {
        struct replica *p = ilist_of(node, struct replica, node);
        if (!rides(r, p)) continue;
        if (!ok) {
            replica_step(p, (struct peer_event){ .kind = PEER_SNAPSHOT_FAILED });
            continue;
        }
        buf_puts(conn_out(p->client->conn), mark);
        conn_wake_out(p->client->conn);
        replica_step(p, (struct peer_event){ .kind = PEER_SENT_ALL });
    }
    finish(r);
    plan(r);
}

static void advance_pipe(struct replication *r)
{
    struct snapshot_run *s = &r->snap;
    if (s->form != BATCH_PIPE || !chunk_sent(r)) return;
    if (buf_size(&s->chunk) > 0) {
        s->chunk_at += (int64_t)buf_size(&s->chunk);
        buf_clear(&s->chunk);
    }
    if (s->chunk_at > s->join_bytes) s->joinable = false;
    if (!s->joinable) early_drop(&s->early, JOIN_DROP_BLOCKS); /* all are past it */
    if (s->eof && s->done) end_pipe(r);
    else if (s->io && !s->eof) loop_io_want(s->io, LOOP_READ);
}

static void on_pipe(void *arg, unsigned ready)
{
    struct replication *r = arg;
    struct snapshot_run *s = &r->snap;
    if (buf_size(&s->chunk) > 0) return;
    ssize_t n = read(s->fd, buf_room(&s->chunk, CHUNK_BYTES), CHUNK_BYTES);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    loop_io_want(s->io, 0); /* until all have it */
    if (n <= 0) {
        s->eof = true;
        log_notice("Diskless rdb transfer, done reading from pipe, %d replicas still up.",
                   riders(r));
        advance_pipe(r);
        return;
    }
    buf_added(&s->chunk, (size_t)n);
    if (s->joinable) early_put(&s->early, buf_slice(&s->chunk));
    ilist_each(&r->replicas, node, next) {
        struct replica *p = ilist_of(node, struct replica, node);
        if (rides(r, p)) replica_flow(p);
    }
}

/* What this one lacks: of the chunk, or what was sent before it came. */
static struct slice pipe_rest(const struct replication *r, const struct replica *p)
{
    const struct snapshot_run *s = &r->snap;
    bool late = p->pipe_at < s->chunk_at;
    if (late) return early_from(&s->early, p->pipe_at);
    struct slice all = buf_slice(&s->chunk);
    size_t at = (size_t)(p->pipe_at - s->chunk_at);
    if (at >= all.n) return slice_of(NULL, 0);
    return slice_of(all.p + at, all.n - at);
}

/* Called with an empty out buffer. True: the socket is full, there is more to send. */
bool snapshot_feed_pipe(struct replica *p)
{
    struct replication *r = p->r;
    if (r->snap.form != BATCH_PIPE) return false;
    struct slice rest = pipe_rest(r, p);
    if (rest.n == 0) return false;
    for (; rest.n > 0; rest = pipe_rest(r, p)) {
        ssize_t n = conn_write_now(p->client->conn, rest.p, rest.n);
        if (n <= 0) return n == 0;
        p->pipe_at += n;
        p->peer.heard_ms = repl_now(r);
        r->front->stats.out_repl_bytes += (uint64_t)n;
        if ((size_t)n < rest.n) return true;
    }
    advance_pipe(r);
    return false;
}

/* ---- the file ---- */

/* True: there is more to send. */
bool snapshot_feed_file(struct replica *p)
{
    char bytes[FILE_STEP_BYTES];
    for (size_t sent = 0; sent < FILE_TURN_BYTES && p->fd_at < p->fd_size;) {
        int64_t left = p->fd_size - p->fd_at;
        size_t want = left < FILE_STEP_BYTES ? (size_t)left : FILE_STEP_BYTES;
        ssize_t got = pread(p->fd, bytes, want, p->fd_at);
        if (got <= 0) {
            log_warning("Read error sending DB to replica: %s",
                        got < 0 ? strerror(errno) : "premature EOF");
            replica_step(p, (struct peer_event){ .kind = PEER_SNAPSHOT_FAILED });
            return false;
        }
        ssize_t n = conn_write_now(p->client->conn, bytes, (size_t)got);
        if (n < 0) return false;
        p->fd_at += n;
        sent += (size_t)n;
        p->peer.heard_ms = repl_now(p->r);
        p->r->front->stats.out_repl_bytes += (uint64_t)n;
        if (n < got) return true;
    }
    if (p->fd_at < p->fd_size) return true;
    close(p->fd);
    p->fd = -1;
    replica_step(p, (struct peer_event){ .kind = PEER_SENT_ALL });
    return p->flowing;
}

static void send_file(struct replica *p, const char *path)
{
    struct stat st;
    p->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (p->fd < 0 || fstat(p->fd, &st) < 0) {
        log_warning("SYNC failed. Can't open/stat DB after BGSAVE: %s", strerror(errno));
        replica_step(p, (struct peer_event){ .kind = PEER_SNAPSHOT_FAILED });
        return;
    }
    p->fd_at = 0;
    p->fd_size = st.st_size;
    replica_step(p, (struct peer_event){ .kind = PEER_SNAPSHOT_READY, .size = st.st_size });
    conn_want_drain(p->client->conn, true);
}

void replication_snapshot_done(struct replication *r, bool ok, const char *path)
{
    struct snapshot_run *s = &r->snap;
    if (s->form == BATCH_PIPE) {
        s->done = true;
        s->ok = ok;
        advance_pipe(r);
        return;
    }
    if (s->form != BATCH_FILE) return;
    ilist_each(&r->replicas, node, next) {
        struct replica *p = ilist_of(node, struct replica, node);
        if (p->peer.state != PEER_WAITS) continue;
        if (ok) send_file(p, path);
        else replica_step(p, (struct peer_event){ .kind = PEER_SNAPSHOT_FAILED });
    }
    finish(r);
    plan(r);
}

/* ---- somebody came or went ---- */

void snapshot_check(struct replication *r)
{
    if (r->snap.form == BATCH_NONE) {
        plan(r);
    } else if (riders(r) > 0) {
        advance_pipe(r); /* the slowest may have left */
    } else if (!r->snap.done) {
        if (r->snap.form == BATCH_PIPE)
            log_notice("Diskless rdb transfer, last replica dropped, killing fork child.");
        finish(r);
        r->host.snapshot_kill(r->host.arg);
        plan(r);
    } else {
        finish(r);
        plan(r);
    }
}
