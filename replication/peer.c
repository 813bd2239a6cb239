#include "replication/peer.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/base/buf.h"
#include "core/base/num.h"

/* A replica with less than this to read has caught up: the output limits hold from now on. */
#define CAUGHT_UP_BYTES (256 * 1024)

void peer_actions_reset(struct peer_actions *a)
{
    for (size_t i = 0; i < a->list.n; i++) str_free(&a->list.at[i].own);
    vec_clear(&a->list);
}

void peer_actions_free(struct peer_actions *a)
{
    peer_actions_reset(a);
    vec_free(&a->list);
}

static struct peer_action *act(struct peer_actions *out, enum peer_action_kind kind)
{
    vec_push(&out->list, (struct peer_action){ .kind = kind });
    return &vec_last(&out->list);
}

static void own(struct peer_action *a, const char *text)
{
    a->own = str_z(text);
    a->bytes = str_slice(a->own);
}

__attribute__((format(printf, 2, 3))) static void write_fmt(struct peer_actions *out,
                                                            const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    own(act(out, PEER_WRITE), text);
}

__attribute__((format(printf, 3, 4))) static void note(struct peer_actions *out,
                                                       enum note_level level, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    struct peer_action *a = act(out, PEER_NOTE);
    a->level = level;
    own(a, text);
}

static void drop(struct peer *p, struct peer_actions *out, bool soft)
{
    p->state = PEER_ENDED;
    act(out, PEER_DROP)->soft = soft;
}

void peer_init(struct peer *p, const char *name, int64_t now_ms)
{
    *p = (struct peer){
        .state = PEER_NEW, .acked_at_ms = now_ms, .heard_ms = now_ms, .soft_since_ms = -1,
        .fsynced = -1
    };
    text_copy(p->name, sizeof(p->name), name);
}

/* ---- PSYNC: continue, or a snapshot ---- */

static void go_online(struct peer *p, int64_t now, struct peer_actions *out)
{
    p->state = PEER_ONLINE;
    p->acked_at_ms = p->heard_ms = now;
    act(out, PEER_GOES_ONLINE);
    note(out, NOTE_NOTICE, "Synchronization with replica %s succeeded", p->name);
}

/* The line that grants; with what both can, for replicas that asked for more than Redis has. */
__attribute__((format(printf, 3, 4))) static void
write_grant(const struct peer *p, struct peer_actions *out, const char *fmt, ...)
{
    char text[128];
    struct buf line = { 0 };
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    buf_putz(&line, text);
    if (p->capa & CAPA_BEYOND) {
        buf_putc(&line, ' ');
        capa_list_write(&line, p->capa & CAPA_BEYOND);
    }
    write_fmt(out, "%.*s\r\n", SLICE_ARG(buf_slice(&line)));
    buf_free(&line);
}

static void grant(struct peer *p, const struct peer_event *e, struct peer_actions *out)
{
    const struct peer_world *w = e->world;
    if (p->capa & CAPA_PSYNC2) write_grant(p, out, "+CONTINUE %s", history_id(w->history));
    else write_fmt(out, "+CONTINUE\r\n");
    act(out, PEER_ATTACH_CURSOR)->offset = e->offset;
    note(out, NOTE_NOTICE,
         "Partial resynchronization request from %s accepted. Sending %lld bytes of backlog "
         "starting from offset %lld.",
         p->name, (long long)(w->window.end + 1 - e->offset), (long long)e->offset);
    go_online(p, e->now_ms, out);
}

static void explain(const struct peer *p, const struct peer_event *e, enum history_answer why,
                    struct peer_actions *out)
{
    const struct history *h = e->world->history;
    char asked[REPLID_LEN + 1];
    slice_cstr(e->replid, asked, sizeof(asked));
    long long offset = (long long)e->offset;
    switch (why) {
    case HISTORY_NOT_ASKED:
        note(out, NOTE_NOTICE, "Full resync requested by replica %s", p->name);
        break;
    case HISTORY_UNKNOWN:
        note(out, NOTE_NOTICE,
             "Partial resynchronization not accepted: Replication ID mismatch (Replica asked for "
             "'%s', my replication IDs are '%s' and '%s')",
             asked, history_id(h), history_id2(h));
        break;
    case HISTORY_BEYOND:
        note(out, NOTE_NOTICE,
             "Partial resynchronization not accepted: Requested offset for second ID was %lld, but "
             "I can reply up to %lld",
             offset, (long long)history_second_offset(h));
        break;
    default:
        note(out, NOTE_NOTICE,
             "Unable to partial resync with replica %s for lack of backlog (Replica request was: "
             "%lld).",
             p->name, offset);
        if (why == HISTORY_TOO_NEW)
            note(
                out, NOTE_WARNING,
                "Warning: replica %s tried to PSYNC with an offset that is greater than the master "
                "replication offset.",
                p->name);
    }
}

static const char *refusal(const struct peer *p, const struct peer_world *w)
{
    if (w->failing_over) return "-NOMASTERLINK Can't SYNC while failing over\r\n";
    if (!w->serving) return "-NOMASTERLINK Can't SYNC while not connected with my master\r\n";
    if (p->no_data && !(p->capa & CAPA_EOF))
        return "-ERR Filtered replica requires EOF capability\r\n";
    return NULL;
}

static void on_psync(struct peer *p, const struct peer_event *e, struct peer_actions *out)
{
    if (p->state != PEER_NEW) return; /* a replica already */
    const char *no = refusal(p, e->world);
    if (no) {
        own(act(out, PEER_WRITE), no);
        return;
    }
    note(out, NOTE_NOTICE, "Replica %s asks for synchronization", p->name);
    p->legacy = e->legacy;
    enum history_answer a = HISTORY_NOT_ASKED;
    if (!e->legacy) a = history_ask(e->world->history, &e->world->window, e->replid, e->offset);
    if (a == HISTORY_CONTINUE) {
        grant(p, e, out);
        return;
    }
    explain(p, e, a, out);
    p->state = PEER_WANTS;
    p->wants_since_ms = p->wrote_ms = p->heard_ms = e->now_ms;
    act(out, PEER_WANT_SNAPSHOT)->answer = a;
}

/* ---- the snapshot ---- */

static void on_started(struct peer *p, const struct peer_event *e, struct peer_actions *out)
{
    if (p->state != PEER_WANTS) return;
    p->sync_offset = e->offset;
    p->pipe = e->pipe;
    p->heard_ms = p->wrote_ms = e->now_ms;
    if (!p->legacy)
        write_grant(p, out, "+FULLRESYNC %.*s %lld", SLICE_ARG(e->replid), (long long)e->offset);
    if (!p->rdb_only) act(out, PEER_ATTACH_CURSOR)->offset = e->offset + 1;
    p->catching = true;
    p->loaded = false;
    p->state = e->pipe ? PEER_SENDS : PEER_WAITS;
    if (e->pipe) write_fmt(out, "$EOF:%.*s\r\n", SLICE_ARG(e->mark));
}

static void on_ready(struct peer *p, const struct peer_event *e, struct peer_actions *out)
{
    if (p->state != PEER_WAITS) return;
    p->state = PEER_SENDS;
    p->heard_ms = e->now_ms;
    write_fmt(out, "$%lld\r\n", (long long)e->size);
}

static void on_failed(struct peer *p, const struct peer_event *e, struct peer_actions *out)
{
    if (p->state == PEER_WAITS)
        own(act(out, PEER_WRITE), "-BGSAVE failed, replication can't continue\r\n");
    else if (p->state != PEER_SENDS) return;
    note(out, NOTE_WARNING, "SYNC failed. BGSAVE failed: replica %s is disconnected", p->name);
    drop(p, out, p->state == PEER_WAITS);
}

static void on_sent_all(struct peer *p, const struct peer_event *e, struct peer_actions *out)
{
    if (p->state != PEER_SENDS) return;
    p->heard_ms = e->now_ms;
    if (p->rdb_only) {
        note(out, NOTE_NOTICE,
             "RDB transfer completed, rdb only replica (%s) should be disconnected soon", p->name);
        drop(p, out, true);
    } else if (p->pipe) {
        p->state = PEER_SENT;
        if (p->capa & CAPA_EARLY) act(out, PEER_FLOWS);
    } else {
        go_online(p, e->now_ms, out);
    }
}

static void on_ack(struct peer *p, const struct peer_event *e, struct peer_actions *out)
{
    if (p->state == PEER_NEW || p->state == PEER_ENDED) return;
    if (e->offset > p->acked) p->acked = e->offset;
    if (e->size >= 0) p->fsynced = e->size;
    p->loaded = true;
    p->acked_at_ms = p->heard_ms = e->now_ms;
    if (p->state == PEER_SENT) go_online(p, e->now_ms, out);
}

/* ---- time and memory ---- */

static bool late(const struct peer *p, const struct peer_settings *s, int64_t now)
{
    switch (p->state) {
    case PEER_ONLINE: return !p->legacy && now - p->acked_at_ms > s->timeout_ms;
    case PEER_SENDS:
    case PEER_SENT: return now - p->heard_ms > s->timeout_ms;
    default: return false; /* it waits for us */
    }
}

static bool too_far_behind(struct peer *p, const struct peer_settings *s,
                           const struct peer_event *e)
{
    uint64_t lag = e->lag;
    int64_t now = e->now_ms;
    if (p->state == PEER_ONLINE && p->loaded && lag <= CAUGHT_UP_BYTES) p->catching = false;
    if (p->catching && e->bounded) return false;
    if (s->hard_bytes && lag >= s->hard_bytes) return true;
    if (s->soft_bytes == 0 || lag < s->soft_bytes) {
        p->soft_since_ms = -1;
        return false;
    }
    if (p->soft_since_ms < 0) p->soft_since_ms = now;
    return now - p->soft_since_ms > s->soft_ms;
}

static void on_tick(struct peer *p, const struct peer_settings *s, const struct peer_event *e,
                    struct peer_actions *out)
{
    if (p->state == PEER_NEW || p->state == PEER_ENDED) return;
    if (late(p, s, e->now_ms)) {
        note(out, NOTE_WARNING, "Disconnecting timedout replica (%s sync): %s",
             p->state == PEER_ONLINE ? "streaming" : "full", p->name);
        drop(p, out, false);
        return;
    }
    if (too_far_behind(p, s, e)) {
        note(out, NOTE_WARNING,
             "Client %s scheduled to be closed ASAP for overcoming of output buffer limits.",
             p->name);
        drop(p, out, false);
        return;
    }
    bool waits = p->state == PEER_WANTS || p->state == PEER_WAITS;
    if (!waits || e->now_ms - p->wrote_ms < PEER_KEEPALIVE_MS) return;
    p->wrote_ms = e->now_ms;
    own(act(out, PEER_WRITE), "\n");
}

static void on_lost(struct peer *p, struct peer_actions *out)
{
    if (p->state == PEER_NEW || p->state == PEER_ENDED) return;
    note(out, NOTE_WARNING,
         "Part of the stream that replica %s still needs could not be read back: it has to begin "
         "with a full resynchronization",
         p->name);
    drop(p, out, false);
}

static void on_gone(struct peer *p, struct peer_actions *out)
{
    if (p->state != PEER_NEW && p->state != PEER_ENDED)
        note(out, NOTE_NOTICE, "Connection with replica %s lost.", p->name);
    p->state = PEER_ENDED;
}

void peer_step(struct peer *p, const struct peer_settings *s, const struct peer_event *e,
               struct peer_actions *out)
{
    switch (e->kind) {
    case PEER_PSYNC: on_psync(p, e, out); break;
    case PEER_SNAPSHOT_STARTED: on_started(p, e, out); break;
    case PEER_SNAPSHOT_READY: on_ready(p, e, out); break;
    case PEER_SNAPSHOT_FAILED: on_failed(p, e, out); break;
    case PEER_SENT_ALL: on_sent_all(p, e, out); break;
    case PEER_ACK: on_ack(p, e, out); break;
    case PEER_HEARD: p->heard_ms = e->now_ms; break;
    case PEER_TICK: on_tick(p, s, e, out); break;
    case PEER_LOST: on_lost(p, out); break;
    case PEER_GONE: on_gone(p, out); break;
    }
}

/* ---- REPLCONF ---- */

/* What one option said. SILENT: the whole command gets no reply. */
struct conf_call {
    struct peer *peer;
    const struct peer_settings *settings;
    struct slice option, value;
    const struct slice *rest; /* behind the value */
    int more;
    int64_t now_ms;
    struct peer_actions *out;
    char *error;
};

static void conf_error(struct conf_call *c, const char *text)
{
    text_copy(c->error, PEER_ERROR_MAX, text);
}

/* "ip:port" for logs: the announced address once it is known. */
static void rename_peer(struct peer *p)
{
    char ip[PEER_IP_MAX];
    text_copy(ip, sizeof(ip), p->ip);
    if (ip[0] == '\0') {
        const char *colon = strrchr(p->name, ':');
        slice_cstr(slice_of(p->name, colon ? (size_t)(colon - p->name) : strlen(p->name)), ip,
                   sizeof(ip));
    }
    snprintf(p->name, sizeof(p->name), "%s:%d", ip, p->port);
}

static enum peer_answer conf_port(struct conf_call *c)
{
    int64_t port;
    if (!num_to_i64(c->value, &port) || port < 0 || port > 65535) {
        conf_error(c, "value is not an integer or out of range");
        return PEER_REFUSED;
    }
    c->peer->port = (int)port;
    rename_peer(c->peer);
    return PEER_OK;
}

static enum peer_answer conf_ip(struct conf_call *c)
{
    if (c->value.n >= PEER_IP_MAX) {
        snprintf(c->error, PEER_ERROR_MAX,
                 "REPLCONF ip-address provided by replica instance is too long: %zu bytes",
                 c->value.n);
        return PEER_REFUSED;
    }
    slice_cstr(c->value, c->peer->ip, sizeof(c->peer->ip));
    rename_peer(c->peer);
    return PEER_OK;
}

static enum peer_answer conf_capa(struct conf_call *c)
{
    c->peer->capa |= capa_named(c->value);
    return PEER_OK; /* what we do not know we do not use */
}

/* "ack <offset> [fack <offset>] [digest <mark>]": one command, no answer. */
static enum peer_answer conf_ack(struct conf_call *c)
{
    struct peer_event e = { .kind = PEER_ACK, .now_ms = c->now_ms, .size = -1 };
    if (!num_to_i64(c->value, &e.offset)) return PEER_SILENT;
    for (int i = 0; i + 1 < c->more; i += 2) {
        if (slice_ieqz(c->rest[i], "fack")) {
            if (!num_to_i64(c->rest[i + 1], &e.size)) e.size = -1;
        } else if (slice_ieqz(c->rest[i], "digest")) {
            digest_read(c->rest[i + 1], &c->peer->mark);
        }
    }
    peer_step(c->peer, c->settings, &e, c->out);
    return PEER_SILENT;
}

static enum peer_answer conf_getack(struct conf_call *c) { return PEER_GETACK; }

static enum peer_answer conf_rdb_only(struct conf_call *c)
{
    int64_t on;
    if (!num_to_i64(c->value, &on)) {
        conf_error(c, "value is not an integer or out of range");
        return PEER_REFUSED;
    }
    c->peer->rdb_only = on == 1;
    return PEER_OK;
}

/* "functions" or nothing: no keys in either. */
static enum peer_answer conf_filter(struct conf_call *c)
{
    struct slice v = slice_trim(c->value);
    if (v.n > 0 && !slice_ieqz(v, "functions")) {
        snprintf(c->error, PEER_ERROR_MAX, "Unsupported rdb-filter-only option: %.60s",
                 slice_cstr(v, (char[64]){ 0 }, 64));
        return PEER_REFUSED;
    }
    c->peer->no_data = true;
    c->peer->functions = v.n > 0;
    return PEER_OK;
}

static enum peer_answer conf_nothing(struct conf_call *c) { return PEER_OK; }

static const struct {
    const char *option;
    enum peer_answer (*set)(struct conf_call *c);
} conf_rows[] = {
    { "listening-port", conf_port },
    { "ip-address", conf_ip },
    { "capa", conf_capa },
    { "ack", conf_ack },
    { "getack", conf_getack },
    { "rdb-only", conf_rdb_only },
    { "rdb-filter-only", conf_filter },
    { "version", conf_nothing },
};

static enum peer_answer conf_option(struct conf_call *c)
{
    for (size_t i = 0; i < sizeof(conf_rows) / sizeof(conf_rows[0]); i++)
        if (slice_ieqz(c->option, conf_rows[i].option)) return conf_rows[i].set(c);
    snprintf(c->error, PEER_ERROR_MAX, "Unrecognized REPLCONF option: %.*s",
             c->option.n > 100 ? 100 : (int)c->option.n, c->option.p);
    return PEER_REFUSED;
}

enum peer_answer peer_replconf(struct peer *p, const struct peer_settings *s, int argc,
                               const struct slice *argv, int64_t now_ms, struct peer_actions *out,
                               char error[PEER_ERROR_MAX])
{
    if (argc % 2 == 0) {
        text_copy(error, PEER_ERROR_MAX, "syntax error");
        return PEER_REFUSED;
    }
    struct conf_call c = { .peer = p, .settings = s, .now_ms = now_ms, .out = out, .error = error };
    for (int i = 1; i + 1 < argc; i += 2) {
        c.option = argv[i];
        c.value = argv[i + 1];
        c.rest = argv + i + 2;
        c.more = argc - i - 2;
        enum peer_answer a = conf_option(&c);
        if (a != PEER_OK) return a;
    }
    return PEER_OK;
}

/* ---- looking at it ---- */

bool peer_is_replica(const struct peer *p)
{
    return p->state != PEER_NEW && p->state != PEER_ENDED;
}

const char *peer_state_name(const struct peer *p)
{
    switch (p->state) {
    case PEER_SENDS: return p->pipe ? "wait_bgsave" : "send_bulk";
    case PEER_SENT:
    case PEER_ONLINE: return "online";
    default: return "wait_bgsave";
    }
}

int64_t peer_lag_ms(const struct peer *p, int64_t end, int64_t now_ms)
{
    return p->acked >= end ? 0 : now_ms - p->acked_at_ms;
}
