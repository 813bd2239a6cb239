#include "server/persist/aof.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/front/front.h"
#include "core/front/latency.h"
#include "core/net/loop.h"
#include "core/sys/bg.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "core/sys/log.h"
#include "replication/replication.h"
#include "server/config.h"
#include "server/persist/aof_files.h"
#include "server/persist/aof_rewrite.h"
#include "server/persist/aof_state.h"
#include "server/persist/snapshot.h"
#include "server/persist/snapshot_file.h"
#include "server/server.h"

#define SYNC_EVERY_MS 1000
#define HOLD_MAX_MS 2000     /* bytes are not held back for longer */
#define STALL_MS 50          /* a write that took so long waited for the sync */
#define SLOW_FOR_MS 60000    /* so long a disk counts as one whose writes wait */
#define GATHER_MS 1
#define GATHER_SYNC_US 1500  /* a sync that is faster is not waited for */
#define GATHER_REST_MAX 63   /* where waiting brings nobody it is tried that seldom */
#define GATHER_AFRESH 16     /* groups after which a greater one is looked for */
#define ERROR_LOG_EVERY_S 30
#define OUT_KEEP (1u << 20)

static void on_gathered(void *arg) { (void)arg; /* before the loop sleeps again it is written */ }

struct aof *aof_new(struct server *s)
{
    struct aof *a = mem_zalloc(sizeof(*a));
    a->s = s;
    a->fd = -1;
    a->db = -1;
    a->written_offset = a->synced_offset = -1;
    a->took_s = -1;
    a->rewrite_ok = true;
    a->bg = bg_start("aof");
    a->gather.timer = loop_timer_new(s->loop, on_gathered, a);
    return a;
}

static void release(struct aof *a)
{
    aof_manifest_free(&a->manifest);
    buf_free(&a->out);
    buf_free(&a->unit);
    str_free(&a->temp_base);
    mem_free(a);
}

void aof_delete(struct aof *a)
{
    if (!a) return;
    if (a->fd >= 0) {
        aof_sync_all(a);
        close(a->fd);
    }
    bg_stop(a->bg);
    loop_timer_delete(a->gather.timer);
    a->bg = NULL;
    a->fd = -1;
    if (a->syncs == 0) release(a); /* else the last word from the thread does it */
}

bool aof_enabled(const struct aof *a) { return a->state != AOF_OFF; }
bool aof_starting(const struct aof *a) { return a->state == AOF_STARTING; }
uint64_t aof_appended(const struct aof *a) { return a->appended; }
uint64_t aof_synced(const struct aof *a) { return a->synced; }
size_t aof_mem(const struct aof *a) { return a->out.cap + a->unit.cap; }
void aof_debug_sleep(struct aof *a, int64_t us) { a->flush_sleep_us = us; }

int64_t aof_fsynced_offset(const struct aof *a)
{
    return a->state == AOF_ON ? a->synced_offset : -1;
}

const char *aof_failing(const struct aof *a)
{
    return a->write_error || a->sync_error ? a->why : NULL;
}

/* ---- appending ---- */

bool aof_wants(void *aof) { return ((struct aof *)aof)->fd >= 0; }

void aof_put(struct aof *a, struct slice bytes)
{
    buf_puts(&a->out, bytes);
    a->appended += bytes.n;
}

/* aof-timestamp-enabled: before the first command of a second. */
static void put_time(struct aof *a)
{
    char line[32];
    if (!a->s->config->aof_timestamp_enabled) return;
    int64_t now_s = clock_wall_ms() / 1000;
    if (now_s <= a->ts_s) return;
    a->ts_s = now_s;
    int n = snprintf(line, sizeof(line), "#TS:%lld\r\n", (long long)now_s);
    aof_put(a, slice_of(line, (size_t)n));
}

void aof_append(void *aof, int db, struct slice bytes)
{
    struct aof *a = aof;
    put_time(a);
    a->gather.units++;
    if (a->in_unit) {
        aof_place_aside(a, db, bytes);
        return;
    }
    aof_place_append(a, db, bytes);
    aof_put(a, bytes);
}

/* ---- errors ---- */

static void note_error(struct aof *a, int *error, const char *what)
{
    *error = errno;
    snprintf(a->why, sizeof(a->why), "%s", strerror(errno));
    int64_t now_s = clock_wall_ms() / 1000;
    if (now_s - a->error_logged_s < ERROR_LOG_EVERY_S) return;
    a->error_logged_s = now_s;
    log_warning("Error %s the AOF file: %s", what, a->why);
}

/* The promise of `always` can not be kept: nobody may get an answer any more. */
__attribute__((noreturn)) static void give_up(const struct aof *a, const char *what)
{
    log_warning("Can't recover from AOF %s error when the AOF fsync policy is 'always': %s. "
                "Exiting...",
                what, a->why);
    _exit(1);
}

static void note_recovery(struct aof *a, int *error)
{
    if (!*error) return;
    *error = 0;
    if (aof_failing(a)) return;
    a->error_logged_s = 0;
    log_warning("AOF write error looks solved, Redis can write again.");
}

/* ---- syncing ---- */

static bool always(const struct aof *a) { return a->s->config->appendfsync == FSYNC_ALWAYS; }

static void synced(struct aof *a, uint64_t upto, int64_t offset)
{
    if (upto > a->synced) a->synced = upto;
    if (offset >= 0) a->synced_offset = offset;
    note_recovery(a, &a->sync_error);
    if (a->s->repl) replication_fsynced(a->s->repl);
}

/* What the system could not sync it may have dropped, and says so only once: the file is made anew
 * from memory. */
static void sync_failed(struct aof *a)
{
    note_error(a, &a->sync_error, "syncing");
    if (always(a)) give_up(a, "fsync");
    aof_rewrite_schedule(a);
}

static void on_synced(void *arg)
{
    struct aof_sync *job = arg;
    struct aof *a = job->a;
    a->syncs--;
    if (!a->bg) { /* ended meanwhile */
        if (a->syncs == 0) release(a);
        mem_free(job);
        return;
    }
    if (!job->close_fd) a->syncing = false;
    errno = job->error;
    if (job->error) sync_failed(a);
    else synced(a, job->upto, job->offset);
    mem_free(job);
}

static void run_sync(void *arg)
{
    struct aof_sync *job = arg;
    if (fdatasync(job->fd) != 0) job->error = errno;
    if (job->close_fd) close(job->fd);
    loop_post(job->a->s->loop, on_synced, job);
}

static void sync_later(struct aof *a, bool close_fd)
{
    struct aof_sync *job = mem_zalloc(sizeof(*job));
    *job = (struct aof_sync){ .a = a,
                              .fd = a->fd,
                              .close_fd = close_fd,
                              .upto = a->written,
                              .offset = a->written_offset };
    a->syncs++;
    if (!close_fd) a->syncing = true;
    a->synced_ms = loop_now_ms(a->s->loop);
    bg_do(a->bg, run_sync, job);
}

static bool sync_now(struct aof *a)
{
    int64_t begin_us = clock_mono_us();
    if (fdatasync(a->fd) != 0) {
        sync_failed(a);
        return false;
    }
    int64_t took_us = clock_mono_us() - begin_us;
    latency_add(a->s->front, "aof-fsync-always", took_us / 1000);
    a->gather.sync_us += (took_us - a->gather.sync_us) / 8;
    a->synced_ms = loop_now_ms(a->s->loop);
    synced(a, a->written, a->written_offset);
    return true;
}

static bool sync_rests(const struct aof *a)
{
    return a->s->config->no_appendfsync_on_rewrite && snapshot_running(a->s->snapshot);
}

static void sync_as_configured(struct aof *a)
{
    const struct server_config *c = a->s->config;
    if (a->synced == a->written && !a->sync_error) return;
    if (c->appendfsync == FSYNC_NO || sync_rests(a)) return;
    if (always(a)) sync_now(a);
    else if (!a->syncing && loop_now_ms(a->s->loop) - a->synced_ms >= SYNC_EVERY_MS)
        sync_later(a, false);
}

/* ---- writing ---- */

static void note_duration(struct aof *a, int64_t us)
{
    const char *event = a->syncing                        ? "aof-write-pending-fsync"
                        : snapshot_running(a->s->snapshot) ? "aof-write-active-child"
                                                           : "aof-write-alone";
    if (us < 1000) return;
    latency_add(a->s->front, event, us / 1000);
    latency_add(a->s->front, "aof-write", us / 1000);
    if (a->syncing && us >= STALL_MS * 1000)
        a->slow_until_ms = loop_now_ms(a->s->loop) + SLOW_FOR_MS;
}

/* All or nothing, as far as the file can be cut again. */
static void write_failed(struct aof *a, size_t done)
{
    note_error(a, &a->write_error, "writing to");
    if (done && ftruncate(a->fd, (off_t)a->incr_size) != 0) {
        log_warning("Could not remove short write from the append-only file: %s", strerror(errno));
        buf_consume(&a->out, done);
        a->incr_size += done;
        a->size += done;
        a->written += done;
    }
    if (always(a)) give_up(a, "write");
}

static bool write_out(struct aof *a)
{
    size_t all = buf_size(&a->out), done = 0;
    int64_t begin_us = clock_mono_us();
    if (a->flush_sleep_us) usleep((useconds_t)a->flush_sleep_us);
    while (done < all) {
        ssize_t n = write(a->fd, buf_head(&a->out) + done, all - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            write_failed(a, done);
            return false;
        }
        done += (size_t)n;
    }
    buf_consume(&a->out, all);
    buf_shrink(&a->out, OUT_KEEP);
    a->incr_size += all;
    a->size += all;
    a->written += all;
    a->written_offset = a->place.said == AOF_SAID_PLACE ? a->place.offset : -1;
    a->held_ms = 0;
    a->gather.units = 0;
    note_duration(a, clock_mono_us() - begin_us);
    note_recovery(a, &a->write_error);
    return true;
}

/* Where a write would wait for the sync that runs, it waits here, and the loop goes on. */
static bool held_back(struct aof *a)
{
    int64_t now_ms = loop_now_ms(a->s->loop);
    if (!a->syncing || a->s->config->appendfsync != FSYNC_EVERYSEC) return false;
    if (now_ms >= a->slow_until_ms) return false;
    if (!a->held_ms) a->held_ms = now_ms;
    if (now_ms - a->held_ms < HOLD_MAX_MS) return true;
    a->delayed++;
    log_notice("Asynchronous AOF fsync is taking too long (disk is busy?). Writing the AOF buffer "
               "without waiting for fsync to complete, this may slow down Redis.");
    return false;
}

/* ---- gathering ---- */

/* Clients that were answered a moment ago and are about to write again would miss this sync, and
 * two halves of them would take turns: when the last waiting brought more in, it is done again. */
static bool worth_waiting(struct aof *a)
{
    struct aof_gather *g = &a->gather;
    if (!always(a) || sync_rests(a) || !g->units || g->sync_us < GATHER_SYNC_US) return false;
    if (g->groups++ % GATHER_AFRESH == 0) g->last = SIZE_MAX;
    if (g->units >= g->last) return false;
    return g->rest == 0 || g->rest-- == 0;
}

static void end_gathering(struct aof_gather *g)
{
    bool brought = g->units * 4 >= g->begun_with * 5;
    loop_timer_cancel(g->timer);
    g->begun_with = 0;
    g->last = g->units;
    g->pause = brought ? 0 : g->pause * 2 + 1;
    if (g->pause > GATHER_REST_MAX) g->pause = GATHER_REST_MAX;
    g->rest = g->pause;
}

static bool gather(struct aof *a)
{
    struct aof_gather *g = &a->gather;
    if (g->begun_with) {
        if (always(a) && loop_timer_armed(g->timer) && g->units < g->last) return true;
        end_gathering(g);
        return false;
    }
    if (!worth_waiting(a)) return false;
    g->begun_with = g->units;
    loop_timer_after(g->timer, GATHER_MS);
    return true;
}

bool aof_gathers(const struct aof *a) { return a->gather.begun_with && buf_size(&a->out); }

void aof_flush(struct aof *a, bool now)
{
    if (a->fd < 0) return;
    aof_place_flush(a);
    if (buf_size(&a->out)) {
        if (!now && (held_back(a) || gather(a))) return;
        if (!write_out(a)) return;
    }
    sync_as_configured(a);
}

bool aof_sync_all(struct aof *a)
{
    if (a->fd < 0) return true;
    aof_place_flush(a);
    if (buf_size(&a->out) && !write_out(a)) return false;
    return sync_now(a);
}

/* ---- files ---- */

void aof_switch(struct aof *a, int fd, uint64_t size)
{
    if (a->fd >= 0) sync_later(a, true);
    a->fd = fd;
    a->syncing = false;
    a->incr_size = size;
    a->db = -1;
    a->place.said = size ? AOF_SAID_NOTHING : AOF_SAID_NONE;
}

static uint64_t sizes(const struct aof *a)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < a->manifest.at.n; i++) {
        const struct aof_file *f = &a->manifest.at.at[i];
        int64_t size = f->kind == AOF_HISTORY ? 0 : aof_files_size(a->s->config, f->name);
        if (size > 0) sum += (uint64_t)size;
    }
    return sum;
}

static enum err make_first_base(struct aof *a, struct errmsg *msg)
{
    const struct server_config *c = a->s->config;
    const char *name =
        aof_manifest_add_base(&a->manifest, c->appendfilename, c->aof_use_rdb_preamble);
    struct str path = aof_path(c, name);
    log_notice("Creating AOF base file %s on server start", name);
    enum err e = snapshot_write_base(a->s, path.p, !c->aof_use_rdb_preamble, msg);
    str_free(&path);
    return e;
}

/* Adds what is missing, in the order that leaves the manifest true. */
static enum err complete(struct aof *a, struct errmsg *msg)
{
    const struct server_config *c = a->s->config;
    bool changed = false;
    enum err e = aof_files_make_folder(c, msg);
    if (!e && aof_manifest_empty(&a->manifest)) {
        e = make_first_base(a, msg);
        changed = true;
    }
    if (!e && !aof_manifest_last_incr(&a->manifest)) {
        log_notice("Creating AOF incr file %s on server start",
                   aof_manifest_add_incr(&a->manifest, c->appendfilename));
        changed = true;
    }
    if (e) return e;
    struct str path = aof_path(c, aof_manifest_last_incr(&a->manifest)->name);
    int fd = open(path.p, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) e = err_set(msg, ERR_IO, "Can't open the AOF file %s: %s", path.p, strerror(errno));
    if (!e && changed) e = file_sync_folder(path.p, msg);
    str_free(&path);
    if (!e && changed) e = aof_files_save(c, &a->manifest, msg);
    if (e && fd < 0) return e;
    off_t size = lseek(fd, 0, SEEK_END);
    if (e) close(fd);
    else aof_switch(a, fd, size > 0 ? (uint64_t)size : 0);
    return e;
}

bool aof_open(struct aof *a)
{
    struct errmsg msg;
    aof_files_sweep(a->s->config);
    if (complete(a, &msg)) {
        log_warning("%s", msg.text);
        return false;
    }
    a->state = AOF_ON;
    a->size = a->base_size = sizes(a);
    a->synced_ms = loop_now_ms(a->s->loop);
    if (!a->s->config->aof_disable_auto_gc) aof_files_clean(a->s->config, &a->manifest, a->bg);
    return true;
}

/* ---- on and off ---- */

static void stop(struct aof *a)
{
    a->state = AOF_OFF;
    a->scheduled = false;
    aof_rewrite_cancel(a);
    if (a->fd >= 0) aof_sync_all(a);
    aof_switch(a, -1, 0);
    buf_free(&a->out);
    aof_stream_reset(a);
    a->write_error = a->sync_error = 0;
}

static void begin(struct aof *a)
{
    a->state = AOF_STARTING;
    a->not_before_s = 0;
    a->failures = 0;
    aof_rewrite_schedule(a);
}

enum err aof_enable(struct aof *a, bool on, struct errmsg *msg)
{
    if (on == aof_enabled(a)) return ERR_NONE;
    if (!on) {
        stop(a);
        return ERR_NONE;
    }
    if (aof_manifest_empty(&a->manifest)) { /* of an earlier life: its numbers are used up */
        enum err e = aof_files_load(a->s->config, &a->manifest, false, msg);
        if (e && e != ERR_NOTFOUND) return e;
    }
    begin(a);
    if (snapshot_running(a->s->snapshot)) return ERR_NONE;
    enum err e = aof_rewrite_start(a, msg); /* who asks next sees it run */
    if (e) stop(a);
    return e;
}

void aof_restart(struct aof *a)
{
    if (!aof_enabled(a)) return;
    stop(a);
    begin(a);
}

/* ---- INFO ---- */

void aof_info(const struct aof *a, struct buf *out)
{
    bool runs = aof_rewrite_running(a);
    int64_t since = runs && a->began_ms ? (clock_wall_ms() - a->began_ms) / 1000 : -1;
    buf_fmt(out, "aof_enabled:%d\r\naof_rewrite_in_progress:%d\r\naof_rewrite_scheduled:%d\r\n",
            aof_enabled(a), runs, a->scheduled);
    buf_fmt(out, "aof_last_rewrite_time_sec:%lld\r\naof_current_rewrite_time_sec:%lld\r\n",
            (long long)a->took_s, (long long)since);
    buf_fmt(out,
            "aof_last_bgrewrite_status:%s\r\naof_rewrites:%llu\r\n"
            "aof_rewrites_consecutive_failures:%d\r\naof_last_write_status:%s\r\n",
            a->rewrite_ok ? "ok" : "err", (unsigned long long)a->rewrites, a->failures,
            aof_failing(a) ? "err" : "ok");
    buf_fmt(out, "aof_last_cow_size:%llu\r\n",
            (unsigned long long)snapshot_figures(a->s->snapshot)->last_base_cow_bytes);
    buf_putz(out, "module_fork_in_progress:0\r\nmodule_fork_last_cow_size:0\r\n");
    if (!aof_enabled(a)) return;
    buf_fmt(out, "aof_current_size:%llu\r\naof_base_size:%llu\r\naof_pending_rewrite:%d\r\n",
            (unsigned long long)a->size, (unsigned long long)a->base_size,
            a->state == AOF_STARTING);
    buf_fmt(out,
            "aof_buffer_length:%zu\r\naof_pending_bio_fsync:%d\r\naof_delayed_fsync:%llu\r\n",
            buf_size(&a->out), a->syncs, (unsigned long long)a->delayed);
}
