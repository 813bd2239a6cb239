#include "replication/link.h"

#include <stdio.h>

#include "core/base/must.h"
#include "core/base/num.h"
#include "core/resp/write.h"
#include "replication/link_steps.h"

/* A link that lived at least this long is lost, not refused: it is asked for again at once. */
#define LIVED_MS 250
#define STREAM_BULK_MAX (SIZE_MAX / 4) /* a master's stream is not bound by proto-max-bulk-len */

void link_actions_reset(struct link_actions *a)
{
    for (size_t i = 0; i < a->list.n; i++) str_free(&a->list.at[i].own);
    vec_clear(&a->list);
}

void link_actions_free(struct link_actions *a)
{
    link_actions_reset(a);
    vec_free(&a->list);
}

static struct link_action *act(struct link_actions *out, enum link_action_kind kind)
{
    vec_push(&out->list, (struct link_action){ .kind = kind });
    return &vec_last(&out->list);
}

static void write_own(struct link *l, struct link_actions *out, struct buf *b, int64_t now)
{
    struct link_action *a = act(out, LINK_WRITE);
    a->own = str_new(buf_slice(b));
    a->bytes = str_slice(a->own);
    l->last_write_ms = now;
    buf_free(b);
}

static void reset_stream(struct link *l)
{
    resp_request_free(&l->request);
    resp_request_init(&l->request, STREAM_BULK_MAX);
    l->scanned = l->done = l->waiting_bytes = 0;
    l->in_multi = l->fault = l->ack_asked = false;
}

void link_configure(struct link *l, const struct link_settings *s)
{
    l->set = *s;
    if (l->set.user == NULL) l->set.user = "";
    if (l->set.announce_ip == NULL) l->set.announce_ip = "";
}

void link_init(struct link *l, const struct link_settings *s, uint64_t seed)
{
    *l = (struct link){ .state = LINK_NONE, .down_since_ms = -1, .fsynced = -1 };
    link_configure(l, s);
    rng_seed(&l->rng, seed);
    resp_request_init(&l->request, STREAM_BULK_MAX);
}

void link_free(struct link *l) { resp_request_free(&l->request); }

/* ---- making and losing the connection ---- */

static void connect_now(struct link *l, int64_t now, struct link_actions *out)
{
    reset_stream(l);
    l->state = LINK_CONNECTING;
    l->last_io_ms = now;
    link_note(out, NOTE_NOTICE, "Connecting to MASTER %s:%d", l->host, l->port);
    act(out, LINK_CONNECT);
    link_note(out, NOTE_NOTICE, "MASTER <-> REPLICA sync started");
}

/* 0 after a link that lived; then doubling from the minimum, spread by a quarter either way so that
 * many replicas do not come at the same instant. */
static int64_t retry_delay(struct link *l)
{
    if (l->failures == 0) return 0;
    int64_t d = LINK_RETRY_MIN_MS;
    for (int i = 1; i < l->failures && d < LINK_RETRY_MAX_MS; i++) d *= 2;
    if (d > LINK_RETRY_MAX_MS) d = LINK_RETRY_MAX_MS;
    return d * 3 / 4 + (int64_t)rng_below(&l->rng, (uint64_t)(d / 2));
}

static void retry(struct link *l, int64_t now, struct link_actions *out)
{
    int64_t delay = retry_delay(l);
    l->failures++;
    l->state = LINK_WAIT;
    l->retry_at_ms = now + delay;
    if (delay == 0) connect_now(l, now, out);
}

/* Ends what is under way; nothing is known about what comes next. */
static void end(struct link *l, int64_t now, struct link_actions *out)
{
    if (l->connected || l->state == LINK_CONNECTING) act(out, LINK_CLOSE);
    if (l->state == LINK_SNAPSHOT || l->state == LINK_LOADING) act(out, LINK_SNAPSHOT_ABORT);
    if (l->state == LINK_STREAM) {
        l->down_since_ms = now;
        if (now - l->up_at_ms >= LIVED_MS) l->failures = 0;
    }
    l->connected = false;
    reset_stream(l);
}

static void lose(struct link *l, int64_t now, struct link_actions *out)
{
    l->errors++;
    l->last_error_ms = now;
    end(l, now, out);
    retry(l, now, out);
}

static void on_boot(struct link *l, const struct link_event *e, struct link_actions *out)
{
    bool was_master = l->state == LINK_NONE;
    end(l, e->now_ms, out);
    text_copy(l->host, sizeof(l->host), e->host);
    l->port = e->port;
    l->failures = 1; /* a refused first attempt waits */
    l->hand = e->hand ? LINK_HAND_ASKS : LINK_HAND_NONE;
    l->hand_sent = 0;
    l->hand_needs = e->must_have;
    if (was_master || e->kind == LINK_BOOT) {
        text_copy(l->replid, sizeof(l->replid), e->replid ? e->replid : "");
        l->offset = e->offset;
    }
    connect_now(l, e->now_ms, out);
}

static void on_detach(struct link *l, const struct link_event *e, struct link_actions *out)
{
    end(l, e->now_ms, out);
    l->state = LINK_NONE;
    l->hand = LINK_HAND_NONE;
    l->host[0] = l->replid[0] = '\0';
    l->port = 0;
    l->down_since_ms = -1;
}

/* Sends all rows of the group of `step`; the first wanted one is what is awaited. */
static void send_group(struct link *l, int64_t now, struct link_actions *out)
{
    struct buf b = { 0 };
    int group = link_rows[l->step].group, first = -1;
    for (int i = l->step; i < link_rows_n && link_rows[i].group == group; i++) {
        if (link_rows[i].wanted && !link_rows[i].wanted(l)) continue;
        if (first < 0) first = i;
        link_rows[i].send(l, &b);
    }
    must(first >= 0);
    l->step = first;
    write_own(l, out, &b, now);
    if (link_rows[first].answer == NULL) l->state = LINK_PREPARE;
}

static void next_row(struct link *l, int64_t now, struct link_actions *out)
{
    int group = link_rows[l->step].group;
    do l->step++;
    while (link_rows[l->step].group == group && link_rows[l->step].wanted &&
           !link_rows[l->step].wanted(l));
    if (link_rows[l->step].group != group) send_group(l, now, out);
}

static void on_up(struct link *l, const struct link_event *e, struct link_actions *out)
{
    if (l->state != LINK_CONNECTING) return;
    l->connected = true;
    l->state = LINK_HANDSHAKE;
    l->legacy = false;
    l->shared = 0;
    l->step = 0;
    l->last_io_ms = e->now_ms;
    link_note(out, NOTE_NOTICE, "Non blocking connect for SYNC fired the event.");
    send_group(l, e->now_ms, out);
}

static const char *kind_of(const struct link_event *e)
{
    static const char *const kinds[][2] = { { "refused", "refused" }, { "imed out", "timeout" },
                                            { "timeout", "timeout" }, { "TLS", "tls" },
                                            { "SSL", "tls" } };
    if (e->error_kind) return e->error_kind;
    for (size_t i = 0; e->text && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strstr(e->text, kinds[i][0])) return kinds[i][1];
    return "network";
}

static void on_down(struct link *l, const struct link_event *e, struct link_actions *out)
{
    const char *why = e->text ? e->text : "connection lost", *kind = kind_of(e);
    switch (l->state) {
    case LINK_NONE:
    case LINK_WAIT: return;
    case LINK_CONNECTING:
        link_blame(l, kind, "Error condition on socket for SYNC: %s", why);
        link_note(out, NOTE_WARNING, "%s", l->last_error);
        l->state = LINK_WAIT; /* nothing left to close */
        break;
    case LINK_STREAM:
        link_blame(l, kind, "Connection with master lost: %s", why);
        link_note(out, NOTE_WARNING, "Connection with master lost.");
        link_note(out, NOTE_NOTICE, "Caching the disconnected master state.");
        break;
    case LINK_LOADING: /* what was received is whole: go on, and ask to continue afterwards */
        l->connected = false;
        return;
    default:
        link_blame(l, kind, "I/O error trying to sync with MASTER: %s", why);
        link_note(out, NOTE_WARNING, "%s", l->last_error);
    }
    l->connected = false;
    lose(l, e->now_ms, out);
}

/* ---- what arrives ---- */

/* Each reader takes from the front of *rest; true: look again, state or rest has changed. */
static bool take_line(struct slice *rest, struct slice *line)
{
    ptrdiff_t nl = slice_find(*rest, '\n', 0);
    if (nl < 0) return false;
    *line = slice_of(rest->p, (size_t)nl);
    if (line->n > 0 && line->p[line->n - 1] == '\r') line->n--;
    rest->p += nl + 1;
    rest->n -= (size_t)nl + 1;
    return true;
}

static void give_up(struct link *l, int64_t now, struct link_actions *out, const char *kind,
                    const char *why)
{
    link_blame(l, kind, "%s", why);
    link_note(out, NOTE_WARNING, "%s", why);
    lose(l, now, out);
}

static bool line_or_fault(struct link *l, int64_t now, struct slice *rest, struct slice *line,
                          struct link_actions *out)
{
    if (take_line(rest, line)) return true;
    if (rest->n > LINK_LINE_MAX)
        give_up(l, now, out, "protocol", "Too long a line from MASTER in the handshake");
    return false;
}

static void write_ack(struct link *l, int64_t offset, int64_t now, struct link_actions *out)
{
    if (l->legacy || !l->connected) return;
    char text[NUM_I64_MAX], disk[NUM_I64_MAX], mark[DIGEST_TEXT_MAX];
    struct slice argv[7] = { SLICE("REPLCONF"), SLICE("ACK"),
                             slice_of(text, num_from_i64(text, offset)) };
    int n = 3;
    if (l->fsynced >= 0) {
        argv[n++] = SLICE("FACK");
        argv[n++] = slice_of(disk, num_from_i64(disk, l->fsynced));
    }
    if (l->shared & CAPA_DIGEST && l->digest.end > 0) {
        argv[n++] = SLICE("DIGEST");
        argv[n++] = digest_write(l->digest, mark);
    }
    struct buf b = { 0 };
    resp_command(&b, n, argv);
    write_own(l, out, &b, now);
}

static void go_up(struct link *l, int64_t now, struct link_actions *out)
{
    reset_stream(l);
    l->state = LINK_STREAM;
    l->up_at_ms = l->last_io_ms = now;
    l->digest = (struct digest_mark){ 0 };
    write_ack(l, l->offset, now, out);
}

static void begin_continue(struct link *l, int64_t now, struct link_actions *out)
{
    struct link_action *a = act(out, LINK_ADOPT_HISTORY);
    text_copy(a->replid, sizeof(a->replid), l->new_replid);
    a->offset = l->offset;
    if (l->new_replid[0]) text_copy(l->replid, sizeof(l->replid), l->new_replid);
    link_note(out, NOTE_NOTICE,
              "MASTER <-> REPLICA sync: Master accepted a Partial Resynchronization.");
    go_up(l, now, out);
}

static bool read_answer(struct link *l, int64_t now, struct slice *rest, struct link_actions *out)
{
    struct slice line;
    if (!line_or_fault(l, now, rest, &line, out)) return false;
    switch (link_rows[l->step].answer(l, line, out)) {
    case LINK_NEXT: next_row(l, now, out); break;
    case LINK_AGAIN: break;
    case LINK_GIVE_UP: lose(l, now, out); break;
    case LINK_OLD_WAY:
        l->step = link_row_sync;
        l->legacy = true;
        l->new_replid[0] = '\0';
        l->new_offset = 0;
        send_group(l, now, out);
        break;
    case LINK_FULL: l->state = LINK_PREPARE; break;
    case LINK_CONTINUE: begin_continue(l, now, out); break;
    }
    return true;
}

static bool head_of_snapshot(struct link *l, struct slice line)
{
    if (slice_starts(line, "$EOF:") && line.n == 5 + LINK_MARK_LEN) {
        memcpy(l->mark, line.p + 5, LINK_MARK_LEN);
        l->size = -1;
        return true;
    }
    return line.p[0] == '$' && num_to_i64(slice_of(line.p + 1, line.n - 1), &l->size) &&
           l->size >= 0;
}

static bool read_head(struct link *l, int64_t now, struct slice *rest, struct link_actions *out)
{
    struct slice line;
    if (!line_or_fault(l, now, rest, &line, out)) return false;
    if (line.n == 0) return true; /* keepalive */
    if (!head_of_snapshot(l, line)) {
        char why[LINK_ERROR_MAX], text[100];
        slice_cstr(line, text, sizeof(text));
        if (line.p[0] == '-')
            snprintf(why, sizeof(why), "MASTER aborted replication with an error: %s", text + 1);
        else
            snprintf(why, sizeof(why),
                     "Bad protocol from MASTER, the first byte is not '$' (we "
                     "received '%.40s'), are you sure the host and port are right?",
                     text);
        give_up(l, now, out, line.p[0] == '-' ? "refused by master" : "protocol", why);
        return true;
    }
    if (l->size >= 0)
        link_note(out, NOTE_NOTICE,
                  "MASTER <-> REPLICA sync: receiving %lld bytes from master to "
                  "disk",
                  (long long)l->size);
    else
        link_note(out, NOTE_NOTICE,
                  "MASTER <-> REPLICA sync: receiving streamed RDB from master "
                  "with EOF to disk");
    struct link_action *a = act(out, LINK_SNAPSHOT_BEGIN);
    a->size = l->size;
    a->offset = l->new_offset;
    text_copy(a->replid, sizeof(a->replid), l->new_replid);
    l->state = LINK_SNAPSHOT;
    l->received = 0;
    l->part_ms = now;
    return true;
}

static void take_part(struct link *l, int64_t now, struct slice *rest, size_t n,
                      struct link_actions *out)
{
    if (n > 0) act(out, LINK_SNAPSHOT_PART)->bytes = slice_of(rest->p, n);
    rest->p += n;
    rest->n -= n;
    l->received += (int64_t)n;
    l->part_ms = now;
}

static void end_snapshot(struct link *l, struct link_actions *out)
{
    l->state = LINK_LOADING;
    memcpy(l->old_replid, l->replid, sizeof(l->old_replid));
    l->replid[0] = '\0'; /* from here on the old data may be gone */
    act(out, LINK_SNAPSHOT_END);
}

/* The mark may come in several reads: so many bytes as might be its beginning are left waiting. */
static bool read_until_mark(struct link *l, int64_t now, struct slice *rest,
                            struct link_actions *out)
{
    const char *mark = memmem(rest->p, rest->n, l->mark, LINK_MARK_LEN);
    if (mark == NULL) {
        if (rest->n >= LINK_MARK_LEN) take_part(l, now, rest, rest->n - (LINK_MARK_LEN - 1), out);
        return false;
    }
    take_part(l, now, rest, (size_t)(mark - rest->p), out);
    rest->p += LINK_MARK_LEN;
    rest->n -= LINK_MARK_LEN;
    end_snapshot(l, out);
    return true;
}

static bool read_snapshot(struct link *l, int64_t now, struct slice *rest, struct link_actions *out)
{
    if (l->size < 0) return read_until_mark(l, now, rest, out);
    int64_t left = l->size - l->received;
    take_part(l, now, rest, (int64_t)rest->n < left ? rest->n : (size_t)left, out);
    if (l->received < l->size) return false;
    end_snapshot(l, out);
    return true;
}

static bool read_stream(struct link *l, int64_t now, struct slice *rest, struct link_actions *out)
{
    while (l->scanned == 0 && rest->n > 0 && rest->p[0] == '\n') {
        if (l->shared & CAPA_BEAT) l->fresh_ms = now; /* all before it has been applied */
        rest->p++;
        rest->n--;
    }
    l->waiting_bytes = rest->n;
    if (rest->n > l->scanned) act(out, LINK_APPLY)->bytes = *rest;
    return false;
}

static void on_bytes(struct link *l, const struct link_event *e, struct link_actions *out)
{
    struct slice rest = e->bytes;
    l->last_io_ms = e->now_ms;
    bool more = true;
    while (more && l->connected) {
        switch (l->state) {
        case LINK_HANDSHAKE: more = read_answer(l, e->now_ms, &rest, out); break;
        case LINK_PREPARE: more = read_head(l, e->now_ms, &rest, out); break;
        case LINK_SNAPSHOT: more = read_snapshot(l, e->now_ms, &rest, out); break;
        case LINK_STREAM: more = read_stream(l, e->now_ms, &rest, out); break;
        default: more = false;
        }
    }
    l->taken = e->bytes.n - rest.n;
}

/* ---- the stream ---- */

/* MULTI and EXEC bound a unit: the position must not stand between them. */
static void note_bounds(struct link *l, struct slice name)
{
    if (name.n == 5 && slice_ieqz(name, "MULTI")) l->in_multi = true;
    else if (name.n == 4 && slice_ieqz(name, "EXEC")) l->in_multi = false;
    else if (name.n == 7 && slice_ieqz(name, "DISCARD")) l->in_multi = false;
}

static bool is_getack(const struct resp_request *r)
{
    return r->argc == 3 && r->argv[0].n == 8 && slice_ieqz(r->argv[0], "REPLCONF") &&
           slice_ieqz(r->argv[1], "GETACK");
}

bool link_next(struct link *l, struct slice bytes, struct link_command *out)
{
    while (!l->fault && l->scanned < bytes.n) {
        const char *p = bytes.p + l->scanned;
        if (*p != '*') {
            /* A newline between commands ends this run and is dropped by the next LINK_BYTES;
             * anything else, an inline command for one, is no stream of a master. */
            l->fault = *p != '\n' || l->in_multi;
            return false;
        }
        enum resp_got got = resp_request_next(&l->request, p, bytes.n - l->scanned);
        if (got == RESP_BAD) l->fault = true;
        if (got != RESP_ONE) return false;
        int64_t before = l->offset + (int64_t)l->scanned;
        l->scanned += l->request.size;
        if (l->request.argc > 0) note_bounds(l, l->request.argv[0]);
        if (!l->in_multi) l->done = l->scanned;
        if (l->request.argc == 0) continue;
        if (is_getack(&l->request)) {
            l->ack_asked = true;
            l->ack_offset = before;
            continue;
        }
        *out =
            (struct link_command){ l->request.argc, l->request.argv, slice_of(p, l->request.size) };
        return true;
    }
    return false;
}

static void on_applied(struct link *l, const struct link_event *e, struct link_actions *out)
{
    bool moved = l->done > 0;
    l->taken += l->done;
    l->offset += (int64_t)l->done;
    l->scanned -= l->done;
    l->waiting_bytes -= l->done;
    l->done = 0;
    if (l->fault || !e->ok) {
        l->replid[0] = '\0'; /* who knows what the bytes before meant */
        link_note(out, NOTE_WARNING, "Discarding previously cached master state.");
        give_up(l, e->now_ms, out, "protocol",
                "Protocol error from the master: its stream is not understood");
        return;
    }
    if (!(l->shared & CAPA_BEAT) && l->waiting_bytes == 0) l->fresh_ms = e->now_ms;
    if (l->shared & CAPA_LIVE_ACK) {
        if (moved) write_ack(l, l->offset, e->now_ms, out);
    } else if (l->ack_asked) {
        write_ack(l, l->ack_offset, e->now_ms, out);
    }
    l->ack_asked = false;
}

static void on_fsynced(struct link *l, const struct link_event *e, struct link_actions *out)
{
    if (l->state == LINK_STREAM && l->shared & CAPA_LIVE_ACK)
        write_ack(l, l->offset, e->now_ms, out);
}

static void on_loaded(struct link *l, const struct link_event *e, struct link_actions *out)
{
    if (l->state != LINK_LOADING) return;
    if (!e->ok) {
        l->state = LINK_PREPARE; /* nothing left to abort */
        if (e->kept) memcpy(l->replid, l->old_replid, sizeof(l->replid));
        link_blame(l, e->error_kind ? e->error_kind : "bad snapshot",
                   "Failed trying to load the MASTER synchronization DB: %s",
                   e->text ? e->text : "unknown error");
        link_note(
            out, NOTE_WARNING,
            "Failed trying to load the MASTER synchronization DB from disk, check server logs.");
        lose(l, e->now_ms, out);
        if (e->pause_ms && l->state == LINK_WAIT) l->retry_at_ms = e->now_ms + e->pause_ms;
        return;
    }
    text_copy(l->replid, sizeof(l->replid), l->new_replid);
    l->offset = l->new_offset;
    struct link_action *a = act(out, LINK_ADOPT_HISTORY);
    a->full = true;
    a->offset = l->offset;
    text_copy(a->replid, sizeof(a->replid), l->replid);
    link_note(out, NOTE_NOTICE, "MASTER <-> REPLICA sync: Finished with success");
    bool lost = !l->connected;
    go_up(l, e->now_ms, out);
    if (!lost) return;
    link_blame(l, "network", "Connection with master lost while its snapshot was loaded");
    link_note(out, NOTE_WARNING, "Connection with master lost.");
    l->failures = 0;
    lose(l, e->now_ms, out);
}

/* ---- time ---- */

static const char *timeout_text(const struct link *l)
{
    switch (l->state) {
    case LINK_CONNECTING:
    case LINK_HANDSHAKE: return "Timeout connecting to the MASTER...";
    case LINK_PREPARE:
    case LINK_SNAPSHOT:
        return "Timeout receiving bulk data from MASTER... If the problem persists try to set the "
               "'repl-timeout' parameter in redis.conf to a larger value.";
    case LINK_STREAM: return "MASTER timeout: no data nor PING received...";
    default: return NULL;
    }
}

static int64_t write_due(const struct link *l)
{
    bool writes = l->connected && (l->state == LINK_STREAM || l->state == LINK_LOADING);
    return writes ? l->last_write_ms + LINK_ACK_MS : INT64_MAX;
}

static void on_tick(struct link *l, const struct link_event *e, struct link_actions *out)
{
    if (l->state == LINK_WAIT && e->now_ms >= l->retry_at_ms) {
        connect_now(l, e->now_ms, out);
        return;
    }
    const char *late = timeout_text(l);
    if (late && e->now_ms - l->last_io_ms > l->set.timeout_ms) {
        give_up(l, e->now_ms, out, "timeout", late);
        return;
    }
    if (e->now_ms < write_due(l)) return;
    if (l->state == LINK_STREAM) {
        write_ack(l, l->offset, e->now_ms, out);
        l->last_write_ms = e->now_ms; /* also when a master without offsets gets none */
        return;
    }
    struct buf b = { 0 };
    buf_putc(&b, '\n');
    write_own(l, out, &b, e->now_ms);
}

int64_t link_deadline(const struct link *l)
{
    if (l->state == LINK_NONE) return INT64_MAX;
    if (l->state == LINK_WAIT) return l->retry_at_ms;
    int64_t due = timeout_text(l) ? l->last_io_ms + l->set.timeout_ms + 1 : INT64_MAX;
    return write_due(l) < due ? write_due(l) : due;
}

void link_step(struct link *l, const struct link_event *e, struct link_actions *out)
{
    static void (*const on[])(struct link *, const struct link_event *, struct link_actions *) = {
        [LINK_BOOT] = on_boot, [LINK_FOLLOW] = on_boot,   [LINK_DETACH] = on_detach,
        [LINK_UP] = on_up,     [LINK_DOWN] = on_down,     [LINK_BYTES] = on_bytes,
        [LINK_TICK] = on_tick, [LINK_LOADED] = on_loaded, [LINK_APPLIED] = on_applied,
        [LINK_FSYNCED] = on_fsynced,
    };
    on[e->kind](l, e, out);
}

const char *link_role_state(const struct link *l)
{
    static const char *const names[] = {
        [LINK_NONE] = "none",
        [LINK_WAIT] = "connect",
        [LINK_CONNECTING] = "connecting",
        [LINK_HANDSHAKE] = "handshake",
        [LINK_PREPARE] = "sync",
        [LINK_SNAPSHOT] = "sync",
        [LINK_LOADING] = "sync",
        [LINK_STREAM] = "connected",
    };
    return names[l->state];
}
