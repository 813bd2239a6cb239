#include "server/persist/aof_load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/base/num.h"
#include "core/db/keyspace.h"
#include "core/front/client.h"
#include "core/front/command.h"
#include "core/front/front.h"
#include "core/net/loop.h"
#include "core/resp/read.h"
#include "core/sys/clock.h"
#include "core/sys/log.h"
#include "replication/replication.h"
#include "server/config.h"
#include "server/journal.h"
#include "server/persist/aof_files.h"
#include "server/persist/aof_state.h"
#include "server/persist/load.h"
#include "server/persist/snapshot.h"
#include "server/server.h"
#include "server/txn.h"

#define SLICE_US 10000
#define READ_BYTES (1024 * 1024)
#define COMMANDS_A_LOOK 64 /* between two looks at the clock */
#define ANNOTATION_MAX 1024

/* Where a load stands in the stream. */
struct stream_place {
    bool known;
    char replid[REPLID_LEN + 1];
    int64_t offset;
    int db;
};

struct aof_loader {
    struct server *s;
    struct loop_timer *timer;
    struct client *client;
    void (*done)(void *arg, bool ok);
    void *arg;
    bool busy;
    size_t index;  /* of the file at hand, in the manifest */
    int fd;
    struct str path;
    uint64_t file_size;
    struct buf in;
    bool eof;
    struct resp_request request;
    uint64_t at;         /* of in's first byte in the file */
    uint64_t good;       /* the file may be cut here */
    int64_t file_began_ms;
    struct load_progress progress; /* of all files */
    uint64_t before; /* bytes of those done with */
    int64_t used_mem; /* that the base spoke of */
    struct stream_place place, unit_place; /* the second: before MULTI */
    uint64_t local_left; /* bytes of commands that the stream does not have */
    struct buf tail;     /* the stream's last bytes */
    size_t unit_tail;
};

static void on_timer(void *arg);

struct aof_loader *aof_loader_new(struct server *s)
{
    struct aof_loader *l = mem_zalloc(sizeof(*l));
    l->s = s;
    l->fd = -1;
    l->timer = loop_timer_new(s->loop, on_timer, l);
    return l;
}

static void close_file(struct aof_loader *l)
{
    if (l->fd >= 0) close(l->fd);
    l->fd = -1;
    resp_request_free(&l->request);
    l->request = (struct resp_request){ 0 };
    buf_free(&l->in);
    str_free(&l->path);
}

void aof_loader_delete(struct aof_loader *l)
{
    if (!l) return;
    close_file(l);
    buf_free(&l->tail);
    if (l->client) client_free(l->client);
    loop_timer_delete(l->timer);
    mem_free(l);
}

bool aof_load_busy(const struct aof_loader *l) { return l->busy; }

static const struct aof_file *file_of(const struct aof_loader *l)
{
    return &l->s->aof->manifest.at.at[l->index];
}

/* ---- the place in the stream ---- */

static void keep_tail(struct aof_loader *l, struct slice bytes)
{
    size_t keep = (size_t)l->s->config->repl_backlog_size;
    buf_puts(&l->tail, bytes);
    bool in_unit = (l->client->flags & CLIENT_MULTI) != 0;
    if (!in_unit && buf_size(&l->tail) > 2 * keep) buf_consume(&l->tail, buf_size(&l->tail) - keep);
}

static void forget_place(struct aof_loader *l)
{
    l->place.known = false;
    buf_clear(&l->tail);
    l->local_left = 0;
}

static void place_said(struct aof_loader *l, const struct slice *word, int n)
{
    struct stream_place p = { .known = true };
    int64_t db;
    bool good = n == 4 && replid_read(word[1], p.replid) && num_to_i64(word[2], &p.offset) &&
                num_to_i64(word[3], &db) && p.offset >= 0 && db >= 0 &&
                db < l->s->config->databases;
    bool goes_on = good && l->place.known && p.offset == l->place.offset &&
                   strcmp(p.replid, l->place.replid) == 0;
    if (!goes_on) forget_place(l);
    if (!good) return;
    p.db = (int)db;
    l->place = p;
}

static void advance(struct aof_loader *l, struct slice bytes)
{
    if (!l->place.known) return;
    l->place.offset += (int64_t)bytes.n;
    keep_tail(l, bytes);
}

static void annotation(struct aof_loader *l, struct slice line)
{
    int n = 0;
    struct slice *word = resp_split_line(slice_trim(line), &n);
    if (word && n > 0) {
        if (slice_eqz(word[0], "#REPL")) place_said(l, word, n);
        else if (slice_eqz(word[0], "#FEED") && n == 2) advance(l, word[1]);
        else if (slice_eqz(word[0], "#PAST") && n == 2 && l->place.known) keep_tail(l, word[1]);
        else if (slice_eqz(word[0], "#LOCAL") && n == 2) num_to_u64(word[1], &l->local_left);
    }
    mem_free(word);
}

static void command_seen(struct aof_loader *l, const struct resp_request *r, struct slice raw)
{
    int64_t db;
    if (l->local_left >= raw.n) {
        l->local_left -= raw.n;
        return;
    }
    l->local_left = 0;
    if (r->argc == 2 && slice_ieqz(r->argv[0], "SELECT") && num_to_i64(r->argv[1], &db))
        l->place.db = (int)db;
    advance(l, raw);
}

/* ---- a command ---- */

static void run(struct aof_loader *l, struct command_entry *entry, const struct resp_request *r,
                struct slice raw)
{
    struct call c = { .front = l->s->front,
                      .client = l->client,
                      .entry = entry,
                      .row = entry->row,
                      .argc = r->argc,
                      .argv = r->argv,
                      .raw = r->canonical ? raw : slice_of(NULL, 0),
                      .now_ms = l->s->ks->now_ms,
                      .app = l->s };
    if (l->client->flags & CLIENT_MULTI && txn_queues(entry->row)) {
        txn_queue(&c);
        return;
    }
    uint64_t errors = l->s->front->stats.unexpected_error_replies;
    journal_begin(&c);
    entry->row->run(&c);
    journal_end(&c);
    if (l->s->front->stats.unexpected_error_replies != errors &&
        l->s->config->propagation_error_behavior == PROPAGATION_PANIC)
        must_not_reach("a command of the file has failed: propagation-error-behavior");
}

static bool arity_fits(const struct command *row, int argc)
{
    return row->arity >= 0 ? argc == row->arity : argc >= -row->arity;
}

static enum err run_request(struct aof_loader *l, struct errmsg *msg)
{
    const struct resp_request *r = &l->request;
    struct slice raw = slice_of(buf_head(&l->in), r->size);
    if (r->argc == 0) return ERR_NONE;
    struct command_entry *entry = registry_find_full(l->s->front->registry, r->argc, r->argv);
    if (!entry || !entry->row->run) /* a container of sub-commands, without one that there is */
        return err_set(msg, ERR_FORMAT, "Unknown command '%.*s' reading the append only file %s",
                       (int)(r->argv[0].n < 128 ? r->argv[0].n : 128), r->argv[0].p, l->path.p);
    bool was_unit = (l->client->flags & CLIENT_MULTI) != 0;
    if (!was_unit) {
        l->unit_place = l->place;
        l->unit_tail = buf_size(&l->tail);
    }
    if (arity_fits(entry->row, r->argc)) run(l, entry, r, raw);
    command_seen(l, r, raw);
    return ERR_NONE;
}

/* ---- bytes ---- */

enum step { STEP_ON, STEP_FILE_ENDS, STEP_CUT, STEP_BROKEN };

static enum step broken(struct aof_loader *l, struct errmsg *msg, const char *why)
{
    err_set(msg, ERR_FORMAT,
            "Bad file format reading the append only file %s at offset %llu (%s): make a backup of "
            "your AOF file, then use ./redis-check-aof --fix <filename.manifest>",
            l->path.p, (unsigned long long)l->at, why);
    return STEP_BROKEN;
}

static enum step more(struct aof_loader *l, struct errmsg *msg)
{
    if (l->eof) return buf_size(&l->in) ? STEP_CUT : STEP_FILE_ENDS;
    size_t want = resp_request_missing(&l->request);
    if (want < READ_BYTES) want = READ_BYTES;
    if (want > l->file_size) want = (size_t)l->file_size + 1;
    ssize_t n;
    do
        n = read(l->fd, buf_room(&l->in, want), want);
    while (n < 0 && errno == EINTR);
    if (n < 0) {
        err_set(msg, ERR_IO, "Unrecoverable error reading the append only file %s: %s", l->path.p,
                strerror(errno));
        return STEP_BROKEN;
    }
    if (n == 0) l->eof = true;
    buf_added(&l->in, (size_t)n);
    return STEP_ON;
}

static void consumed(struct aof_loader *l, size_t n)
{
    buf_consume(&l->in, n);
    l->at += n;
    if (!(l->client->flags & CLIENT_MULTI)) l->good = l->at;
}

static enum step step_annotation(struct aof_loader *l, struct errmsg *msg)
{
    struct slice in = buf_slice(&l->in);
    ptrdiff_t end = slice_find(in, '\n', 0);
    if (end < 0 && in.n < ANNOTATION_MAX) return more(l, msg);
    if (end < 0 || end >= ANNOTATION_MAX) return broken(l, msg, "an annotation without end");
    annotation(l, slice_of(in.p, (size_t)end));
    consumed(l, (size_t)end + 1);
    return STEP_ON;
}

static enum step step(struct aof_loader *l, struct errmsg *msg)
{
    struct slice in = buf_slice(&l->in);
    if (in.n == 0) return more(l, msg);
    if (in.p[0] == '#') return step_annotation(l, msg);
    if (in.p[0] != '*') return broken(l, msg, "no command begins here");
    switch (resp_request_next(&l->request, in.p, in.n)) {
    case RESP_MORE: return more(l, msg);
    case RESP_BAD: return broken(l, msg, l->request.error);
    case RESP_ONE: break;
    }
    if (run_request(l, msg)) return STEP_BROKEN;
    consumed(l, l->request.size);
    return STEP_ON;
}

/* ---- the end of a file ---- */

#define FIRST_LINE_MAX 64

/* The first bytes of a file in the manifest; 0: it is empty, or not there. */
static size_t first_bytes(const struct aof_loader *l, size_t index, char head[FIRST_LINE_MAX])
{
    struct str path = aof_path(l->s->config, l->s->aof->manifest.at.at[index].name);
    int fd = open(path.p, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : pread(fd, head, FIRST_LINE_MAX, 0);
    if (fd >= 0) close(fd);
    str_free(&path);
    return n > 0 ? (size_t)n : 0;
}

/* Nothing, or the begin of its first annotation: all that a power cut left of it. */
static bool holds_nothing(const struct aof_loader *l, size_t index)
{
    char head[FIRST_LINE_MAX];
    if (aof_files_size(l->s->config, l->s->aof->manifest.at.at[index].name) < 0) return false;
    size_t n = first_bytes(l, index, head);
    return n == 0 || (n < FIRST_LINE_MAX && head[0] == '#' && !memchr(head, '\n', n));
}

static bool is_last(const struct aof_loader *l)
{
    const struct aof_manifest *m = &l->s->aof->manifest;
    for (size_t i = l->index + 1; i < m->at.n; i++)
        if (m->at.at[i].kind != AOF_HISTORY && !holds_nothing(l, i)) return false;
    return true;
}

static void revert_unit(struct aof_loader *l)
{
    if (!(l->client->flags & CLIENT_MULTI)) return;
    log_warning("Revert incomplete MULTI/EXEC transaction from AOF file %s", l->path.p);
    txn_discard(l->client);
    l->place = l->unit_place;
    l->tail.len = l->tail.pos + (l->unit_tail < buf_size(&l->tail) ? l->unit_tail : 0);
}

/* What the next increment says that the one at hand had; 0: nothing, or it is another's. */
static uint64_t said_size(const struct aof_loader *l)
{
    char head[FIRST_LINE_MAX];
    int n = 0;
    int64_t seq;
    uint64_t size = 0;
    if (file_of(l)->kind != AOF_INCR || l->index + 1 >= l->s->aof->manifest.at.n) return 0;
    const char *end = memchr(head, '\n', first_bytes(l, l->index + 1, head));
    if (!end || head[0] != '#') return 0;
    struct slice *word = resp_split_line(slice_trim(slice_of(head, (size_t)(end - head))), &n);
    if (!word || n != 3 || !slice_eqz(word[0], AOF_AFTER) || !num_to_i64(word[1], &seq) ||
        seq != file_of(l)->seq || !num_to_u64(word[2], &size))
        size = 0;
    mem_free(word);
    return size;
}

/* A power cut took its end, and left what was appended to the next one later. */
static bool end_is_lost(const struct aof_loader *l) { return said_size(l) > l->file_size; }

static enum err truncate_synced(const char *path, uint64_t size, struct errmsg *msg)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && ftruncate(fd, (off_t)size) == 0 && fsync(fd) == 0;
    enum err e = ok ? ERR_NONE : err_set(msg, ERR_IO, "Error truncating the AOF file %s: %s", path,
                                         strerror(errno));
    if (fd >= 0) close(fd);
    return e;
}

/* What stands behind a gap. This file was cut before: who dies in between finds the gap again. */
static enum err empty_behind(struct aof_loader *l, struct errmsg *msg)
{
    enum err e = ERR_NONE;
    const struct aof_manifest *m = &l->s->aof->manifest;
    for (size_t i = m->at.n; !e && i-- > l->index + 1;) {
        log_warning("!!! Warning: the end of %s is missing: what %s holds behind it is not loaded",
                    file_of(l)->name, m->at.at[i].name);
        struct str path = aof_path(l->s->config, m->at.at[i].name);
        e = truncate_synced(path.p, 0, msg);
        str_free(&path);
    }
    return e;
}

/* The file ends inside a command or a transaction, or the next one says that it was longer. */
static enum err cut(struct aof_loader *l, struct errmsg *msg)
{
    bool last = is_last(l);
    revert_unit(l);
    if (!last && !end_is_lost(l))
        return err_set(msg, ERR_SHORT,
                       "Fatal error: the truncated file %s is not the last file", l->path.p);
    if (!l->s->config->aof_load_truncated)
        return err_set(msg, ERR_SHORT,
                       "Unexpected end of file reading the append only file %s at offset %llu. "
                       "Make a backup and use redis-check-aof --fix, or set 'aof-load-truncated' "
                       "to yes and restart",
                       l->path.p, (unsigned long long)l->good);
    log_warning("!!! Warning: short read while loading the AOF file %s!!!", l->path.p);
    log_warning("AOF loaded anyway because aof-load-truncated is enabled: truncating the AOF %s at "
                "offset %llu",
                l->path.p, (unsigned long long)l->good);
    enum err e = truncate_synced(l->path.p, l->good, msg);
    return e || last ? e : empty_behind(l, msg);
}

static void report(const struct aof_loader *l)
{
    log_notice("DB loaded from %s file %s: %.3f seconds",
               file_of(l)->kind == AOF_BASE ? "base" : "incr", file_of(l)->name,
               (double)(clock_wall_ms() - l->file_began_ms) / 1000);
}

/* ---- files in order ---- */

static bool opens_as_rdb(int fd)
{
    char magic[5];
    return pread(fd, magic, sizeof(magic), 0) == (ssize_t)sizeof(magic) &&
           memcmp(magic, "REDIS", sizeof(magic)) == 0;
}

static enum err open_file(struct aof_loader *l, struct errmsg *msg)
{
    struct stat st;
    l->path = aof_path(l->s->config, file_of(l)->name);
    l->fd = open(l->path.p, O_RDONLY | O_CLOEXEC);
    if (l->fd < 0 && errno == ENOENT)
        return err_set(msg, ERR_NOTFOUND, "Unable to obtain the AOF file %s length. stat: %s",
                       file_of(l)->name, strerror(ENOENT));
    if (l->fd < 0 || fstat(l->fd, &st) != 0)
        return err_set(msg, ERR_IO,
                       "Fatal error: can't open the append log file %s for reading: %s", l->path.p,
                       strerror(errno));
    l->file_size = (uint64_t)st.st_size;
    l->file_began_ms = clock_wall_ms();
    l->eof = false;
    l->at = l->good = 0;
    resp_request_init(&l->request, (size_t)l->file_size + 1);
    if (l->file_size) forget_place(l);
    l->client->db = 0;
    return ERR_NONE;
}

/* The RDB in front is loaded: commands may follow. */
static void after_rdb(struct aof_loader *l)
{
    const struct load_facts *f = loader_facts(l->s->loader);
    if (replid_read(slice_z(f->replid), l->place.replid)) {
        l->place.known = true;
        l->place.offset = f->repl_offset;
        l->place.db = f->stream_db < 0 ? 0 : f->stream_db;
    }
    l->used_mem = f->used_mem;
    l->at = l->good = f->size;
    lseek(l->fd, (off_t)f->size, SEEK_SET);
    if (f->size < l->file_size) forget_place(l);
    l->s->loading = true;
}

static void end_load(struct aof_loader *l, bool ok, const char *why)
{
    close_file(l);
    txn_discard(l->client);
    l->busy = false;
    l->s->loading = l->s->replaying = false;
    loop_timer_cancel(l->timer);
    if (!ok) log_warning("%s", why);
    if (ok && l->place.known) {
        replication_restore(l->s->repl, l->place.replid, l->place.offset, l->place.db,
                            l->s->config->replicaof.host[0] != 0);
        replication_refill(l->s->repl, buf_slice(&l->tail));
    }
    if (ok) {
        snapshot_settled(l->s->snapshot);
        log_notice("DB loaded from append only file: %.3f seconds",
                   (double)(clock_wall_ms() - l->progress.began_wall_ms) / 1000);
    }
    buf_free(&l->tail);
    if (l->done) l->done(l->arg, ok);
}

static void on_rdb(void *arg, bool ok, const char *why)
{
    struct aof_loader *l = arg;
    if (!ok) {
        struct str text = str_fmt("Error reading the RDB preamble of the AOF file %s, AOF loading "
                                  "aborted: %s",
                                  l->path.p, why);
        end_load(l, false, text.p);
        str_free(&text);
        return;
    }
    after_rdb(l);
    loop_timer_after(l->timer, 0);
}

/* The next file to load is open; false: there is none. */
static bool next_file(struct aof_loader *l, struct errmsg *msg, enum err *e)
{
    const struct aof_manifest *m = &l->s->aof->manifest;
    for (; l->index < m->at.n; l->index++) {
        if (file_of(l)->kind == AOF_HISTORY) continue;
        *e = open_file(l, msg);
        return true;
    }
    return false;
}

static enum err end_file(struct aof_loader *l, enum step how, struct errmsg *msg)
{
    enum err e = ERR_NONE;
    if (how == STEP_CUT || l->client->flags & CLIENT_MULTI || end_is_lost(l)) e = cut(l, msg);
    if (e) return e;
    report(l);
    l->before += l->file_size;
    close_file(l);
    l->index++;
    return ERR_NONE;
}

/* Until the slice's time is over (0: no bound) or the file ends. */
static enum step slice(struct aof_loader *l, int64_t end_us, struct errmsg *msg)
{
    enum step st = STEP_ON;
    ks_begin(l->s->ks, clock_wall_ms(), KS_EXPIRE_KEEP);
    l->s->replaying = true;
    do {
        for (int i = 0; i < COMMANDS_A_LOOK && st == STEP_ON; i++) st = step(l, msg);
    } while (st == STEP_ON && (!end_us || clock_mono_us() < end_us));
    l->s->replaying = false;
    return st;
}

/* One slice of the work. STEP_FILE_ENDS: all is loaded. */
static enum step work(struct aof_loader *l, int64_t end_us, bool later, struct errmsg *msg)
{
    enum err e = ERR_NONE;
    if (l->fd < 0) {
        if (!next_file(l, msg, &e)) return STEP_FILE_ENDS;
        if (e) return STEP_BROKEN;
        if (opens_as_rdb(l->fd)) {
            e = later ? loader_start(l->s->loader, l->path.p, LOAD_BASE, on_rdb, l, msg)
                      : loader_run(l->s->loader, l->path.p, LOAD_BASE, msg);
            if (e) return STEP_BROKEN;
            if (later) return STEP_CUT; /* on_rdb goes on */
            after_rdb(l);
        }
    }
    enum step st = slice(l, end_us, msg);
    if (st == STEP_ON || st == STEP_BROKEN) return st;
    return end_file(l, st, msg) ? STEP_BROKEN : STEP_ON;
}

static void on_timer(void *arg)
{
    struct aof_loader *l = arg;
    struct errmsg msg;
    enum step st = work(l, clock_mono_us() + SLICE_US, true, &msg);
    if (st == STEP_ON) {
        l->progress.at = l->before + l->at;
        load_progress_log(&l->progress, "the append-only file");
        loop_timer_after(l->timer, 0);
    } else if (st != STEP_CUT) end_load(l, st == STEP_FILE_ENDS, msg.text);
}

static void begin(struct aof_loader *l)
{
    const struct aof_manifest *m = &l->s->aof->manifest;
    if (!l->client) l->client = client_pseudo(l->s->front, CLIENT_MASTER);
    l->client->from_file = true;
    l->busy = true;
    l->index = 0;
    l->before = 0;
    l->used_mem = 0;
    l->place = (struct stream_place){ 0 };
    l->s->loading = true;
    uint64_t total = 0;
    for (size_t i = 0; i < m->at.n; i++) {
        int64_t size = aof_files_size(l->s->config, m->at.at[i].name);
        if (m->at.at[i].kind != AOF_HISTORY && size > 0) total += (uint64_t)size;
    }
    load_progress_begin(&l->progress, total);
}

enum err aof_load_start(struct aof_loader *l, void (*done)(void *arg, bool ok), void *arg,
                        struct errmsg *msg)
{
    struct aof_manifest *m = &l->s->aof->manifest;
    aof_manifest_free(m);
    enum err e = aof_files_load(l->s->config, m, true, msg);
    if (!e && aof_manifest_empty(m)) e = ERR_NOTFOUND;
    if (e) return e;
    l->done = done;
    l->arg = arg;
    begin(l);
    loop_timer_after(l->timer, 0);
    return ERR_NONE;
}

bool aof_load_now(struct aof_loader *l)
{
    struct errmsg msg;
    enum step st;
    if (l->busy || loader_busy(l->s->loader)) return false;
    l->done = NULL;
    begin(l);
    do st = work(l, 0, false, &msg);
    while (st == STEP_ON);
    l->place.known = false; /* this process knows better where it stands */
    end_load(l, st == STEP_FILE_ENDS, msg.text);
    return st == STEP_FILE_ENDS;
}

void aof_load_info(const struct aof_loader *l, struct buf *out)
{
    if (!l->busy) return;
    struct load_progress p = l->progress;
    p.at = l->before + l->at;
    if (loader_busy(l->s->loader)) p.at += loader_at(l->s->loader);
    bool rdb = loader_busy(l->s->loader);
    load_progress_print(&p, rdb ? loader_facts(l->s->loader)->used_mem : l->used_mem, out);
}
