#include "server/persist/aof_rewrite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/front/front.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "core/sys/log.h"
#include "server/config.h"
#include "server/persist/aof_files.h"
#include "server/persist/aof_state.h"
#include "server/persist/snapshot.h"
#include "server/server.h"

/* After so many failures in a row automatic rewrites wait, longer each time. */
#define FAILURES_FREE 3
#define WAIT_FIRST_S 60
#define WAIT_MAX_S 3600

bool aof_rewrite_running(const struct aof *a) { return a->making; }
void aof_rewrite_schedule(struct aof *a) { a->scheduled = true; }

static const struct server_config *config_of(const struct aof *a) { return a->s->config; }

static struct str temp_incr_path(const struct aof *a)
{
    struct str name = str_fmt(AOF_TEMP_INCR, config_of(a)->appendfilename);
    struct str path = aof_path(config_of(a), name.p);
    str_free(&name);
    return path;
}

/* ---- begin ---- */

static int open_incr(const char *path, struct errmsg *msg)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) err_set(msg, ERR_IO, "Can't open the append-only file %s: %s", path,
                        strerror(errno));
    return fd;
}

/* The increment before is synced in the background: a power cut may shorten it, while this one is
 * whole. Then this one, which says how long that was, must not be loaded behind a gap. */
static void say_after(struct aof *a, int64_t seq, uint64_t size)
{
    char line[64];
    if (size == 0) return;
    int n = snprintf(line, sizeof(line), AOF_AFTER " %lld %llu\r\n", (long long)seq,
                     (unsigned long long)size);
    aof_put(a, slice_of(line, (size_t)n));
}

/* The manifest that names the new increment is on disk before anything is appended to it, and the
 * increment's name before the manifest. */
static enum err begin_named_incr(struct aof *a, struct errmsg *msg)
{
    struct aof_manifest m;
    const struct aof_file *before = aof_manifest_last_incr(&a->manifest);
    int64_t seq = before ? before->seq : 0;
    uint64_t size = before ? a->incr_size : 0;
    aof_manifest_copy(&m, &a->manifest);
    const struct server_config *c = config_of(a);
    struct str path = aof_path(c, aof_manifest_add_incr(&m, c->appendfilename));
    int fd = open_incr(path.p, msg);
    enum err e = fd < 0 ? ERR_IO : file_sync_folder(path.p, msg);
    if (!e) e = aof_files_save(c, &m, msg);
    str_free(&path);
    if (e) {
        if (fd >= 0) close(fd);
        aof_manifest_free(&m);
        return e;
    }
    aof_manifest_free(&a->manifest);
    a->manifest = m;
    aof_switch(a, fd, 0);
    say_after(a, seq, size);
    aof_place_past(a);
    return ERR_NONE;
}

/* What a try before this one left is nobody's: the base file of now has it all. */
static enum err begin_temp_incr(struct aof *a, struct errmsg *msg)
{
    buf_clear(&a->out);
    struct str path = temp_incr_path(a);
    int fd = open_incr(path.p, msg);
    str_free(&path);
    if (fd < 0) return ERR_IO;
    aof_switch(a, fd, 0);
    aof_place_past(a);
    a->temp_incr = true;
    return ERR_NONE;
}

static enum err begin_incr(struct aof *a, struct errmsg *msg)
{
    switch (a->state) {
    case AOF_ON: aof_flush(a, true); return begin_named_incr(a, msg);
    case AOF_STARTING: return begin_temp_incr(a, msg);
    case AOF_OFF: break; /* only a base file is made */
    }
    return ERR_NONE;
}

static void drop_temp_incr(struct aof *a)
{
    if (!a->temp_incr) return;
    struct str path = temp_incr_path(a);
    log_notice("Removing the temp incr aof file %s", path.p);
    unlink(path.p);
    str_free(&path);
    a->temp_incr = false;
    aof_switch(a, -1, 0);
    buf_clear(&a->out);
}

/* ---- end ---- */

static enum err rename_in(struct aof *a, const char *from, const char *name, struct errmsg *msg)
{
    struct str to = aof_path(config_of(a), name);
    enum err e = file_rename_synced(from, to.p, msg);
    if (!e) log_notice("Successfully renamed the temporary AOF file %s into %s", from, name);
    str_free(&to);
    return e;
}

/* The new files under their names, and a manifest that says so. */
static enum err install(struct aof *a, struct aof_manifest *m, struct errmsg *msg)
{
    const struct server_config *c = config_of(a);
    bool rdb = !a->commands;
    aof_manifest_retire_base(m);
    aof_manifest_retire_incrs(m, a->state == AOF_ON);
    enum err e = rename_in(a, str_c(a->temp_base),
                           aof_manifest_add_base(m, c->appendfilename, rdb), msg);
    if (e) return e;
    if (a->temp_incr) {
        struct str from = temp_incr_path(a);
        e = rename_in(a, from.p, aof_manifest_add_incr(m, c->appendfilename), msg);
        str_free(&from);
        if (e) return e;
        a->temp_incr = false;
    }
    return aof_files_save(c, m, msg);
}

static uint64_t size_of_base(const struct aof *a)
{
    int64_t size = aof_files_size(config_of(a), aof_manifest_base(&a->manifest)->name);
    return size > 0 ? (uint64_t)size : 0;
}

static void succeeded(struct aof *a)
{
    if (a->fd >= 0) {
        a->size = size_of_base(a) + a->incr_size;
        a->base_size = a->size;
        a->state = AOF_ON;
    }
    a->rewrite_ok = true;
    a->failures = 0;
    a->not_before_s = 0;
    log_notice("Background AOF rewrite finished successfully");
    if (!config_of(a)->aof_disable_auto_gc) aof_files_clean(config_of(a), &a->manifest, a->bg);
}

static void failed(struct aof *a)
{
    a->rewrite_ok = false;
    a->failures++;
    if (a->failures >= FAILURES_FREE) {
        int steps = a->failures - FAILURES_FREE;
        int64_t wait_s = steps > 6 ? WAIT_MAX_S : (int64_t)WAIT_FIRST_S << steps;
        a->not_before_s = clock_wall_ms() / 1000 + (wait_s < WAIT_MAX_S ? wait_s : WAIT_MAX_S);
    }
    drop_temp_incr(a);
    if (a->state == AOF_STARTING) a->scheduled = true;
}

static void on_base(void *arg, bool ok)
{
    struct aof *a = arg;
    struct errmsg msg;
    struct aof_manifest m;
    a->making = false;
    a->took_s = (clock_wall_ms() - a->began_ms) / 1000;
    a->began_ms = 0;
    if (!ok) {
        failed(a);
        return;
    }
    aof_manifest_copy(&m, &a->manifest);
    if (install(a, &m, &msg)) {
        log_warning("Error trying to put the rewritten append-only file in place: %s", msg.text);
        unlink(str_c(a->temp_base));
        aof_manifest_free(&m);
        failed(a);
        return;
    }
    aof_manifest_free(&a->manifest);
    a->manifest = m;
    succeeded(a);
}

enum err aof_rewrite_start(struct aof *a, struct errmsg *msg)
{
    if (snapshot_running(a->s->snapshot)) return err_set(msg, ERR_BUSY, "another child is at work");
    struct str name = str_fmt("temp-rewriteaof-bg-%d.aof", (int)getpid());
    str_free(&a->temp_base);
    a->temp_base = aof_path(config_of(a), name.p);
    str_free(&name);
    a->scheduled = false;
    a->commands = !config_of(a)->aof_use_rdb_preamble;
    struct snapshot_base base = { str_c(a->temp_base), a->commands, on_base, a };
    enum err e = aof_files_make_folder(config_of(a), msg);
    if (!e) e = begin_incr(a, msg);
    if (!e) e = snapshot_start_base(a->s->snapshot, &base, msg);
    if (e) {
        log_warning("Can't rewrite append only file in background: %s", msg->text);
        failed(a);
        return e;
    }
    a->making = true;
    a->began_ms = clock_wall_ms();
    a->rewrites++;
    return ERR_NONE;
}

void aof_rewrite_cancel(struct aof *a)
{
    bool ok = a->rewrite_ok;
    int failures = a->failures;
    if (a->making) {
        log_notice("Killing AOF child: the rewrite is given up");
        snapshot_kill(a->s->snapshot);
    }
    a->rewrite_ok = ok; /* called off, not failed */
    a->failures = failures;
    drop_temp_incr(a);
}

/* ---- from time to time ---- */

static bool grown(const struct aof *a)
{
    const struct server_config *c = config_of(a);
    if (a->state != AOF_ON || c->auto_aof_rewrite_percentage == 0) return false;
    if (a->size <= c->auto_aof_rewrite_min_size) return false;
    uint64_t base = a->base_size ? a->base_size : 1;
    uint64_t growth = a->size * 100 / base;
    if (growth < 100 + (uint64_t)c->auto_aof_rewrite_percentage) return false;
    log_notice("Starting automatic rewriting of AOF on %llu%% growth",
               (unsigned long long)growth - 100);
    return true;
}

void aof_rewrite_cron(struct aof *a)
{
    struct errmsg msg;
    if (snapshot_running(a->s->snapshot) || a->s->loading) return;
    if (a->not_before_s > clock_wall_ms() / 1000) return;
    if (a->scheduled || grown(a)) aof_rewrite_start(a, &msg);
}
