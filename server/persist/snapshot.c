#include "server/persist/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/db/keyspace.h"
#include "core/front/latency.h"
#include "core/sys/child.h"
#include "core/sys/clock.h"
#include "core/sys/log.h"
#include "replication/replication.h"
#include "server/config.h"
#include "server/persist/snapshot_file.h"
#include "server/persist/walker.h"
#include "server/server.h"

/* After a failed background save the next try waits so long, so that a full disk is not hammered.
 */
#define RETRY_AFTER_S 5
#define PIPE_BYTES (1 << 20) /* the walk's outlet need not wake for each 64 KiB */

struct snapshot {
    struct server *s;
    struct child child;
    struct walker *walker; /* instead of the child */
    enum snapshot_form form;
    char temp[64];         /* the child's file, removed when it is killed */
    struct snapshot_base base; /* TO_BASE */
    struct str base_path;
    uint64_t dirty_before; /* s->dirty when the child began: what its file covers */
    int64_t try_s;         /* last attempt, Unix time */
    bool scheduled;
    struct snapshot_figures fig;
};

/* What the child says at its end. */
struct report {
    uint64_t cow_bytes;
};

struct snapshot *snapshot_new(struct server *s)
{
    struct snapshot *p = mem_zalloc(sizeof(*p));
    p->s = s;
    p->child.report_fd = -1;
    p->fig = (struct snapshot_figures){ .last_save_s = clock_wall_ms() / 1000,
                                        .last_took_s = -1,
                                        .ok = true };
    return p;
}

void snapshot_delete(struct snapshot *p)
{
    if (!p) return;
    snapshot_kill(p);
    str_free(&p->base_path);
    mem_free(p);
}

const struct snapshot_figures *snapshot_figures(const struct snapshot *p) { return &p->fig; }
bool snapshot_forked(const struct snapshot *p) { return p->child.pid != 0; }
bool snapshot_running(const struct snapshot *p) { return p->child.pid != 0 || p->walker; }
bool snapshot_makes_base(const struct snapshot *p)
{
    return snapshot_running(p) && p->form == SNAPSHOT_TO_BASE;
}
bool snapshot_saving(const struct snapshot *p)
{
    return snapshot_running(p) && p->form != SNAPSHOT_TO_BASE;
}
void snapshot_progress(const struct snapshot *p, struct walker_figures *out)
{
    *out = (struct walker_figures){ 0 };
    if (p->walker) walker_figures(p->walker, out);
}
bool snapshot_failing(const struct snapshot *p) { return !p->fig.ok && snapshot_has_points(p); }
bool snapshot_has_points(const struct snapshot *p) { return p->s->config->save.at.n > 0; }
void snapshot_schedule(struct snapshot *p) { p->scheduled = true; }
void snapshot_reset_stats(struct snapshot *p) { p->fig.fork_us = 0, p->fig.forks = 0; }

static void saved(struct snapshot *p)
{
    p->fig.last_save_s = clock_wall_ms() / 1000;
    p->fig.saves++;
    p->fig.ok = true;
}

void snapshot_settled(struct snapshot *p)
{
    p->s->dirty = 0;
    p->dirty_before = 0;
}

enum err snapshot_save_now(struct snapshot *p, struct errmsg *msg)
{
    char temp[64];
    if (snapshot_running(p) && p->form == SNAPSHOT_TO_FILE)
        return err_set(msg, ERR_BUSY, "Background save already in progress");
    snprintf(temp, sizeof(temp), "temp-%d.rdb", (int)getpid());
    enum err e = snapshot_write_file(p->s, p->s->config->dbfilename, temp, msg);
    if (e) {
        log_warning("%s", msg->text);
        return e;
    }
    log_notice("DB saved on disk");
    p->s->dirty = 0;
    saved(p);
    return ERR_NONE;
}

/* ---- the child ---- */

/* Pages of ours that are no longer shared with the parent. */
static uint64_t private_dirty_bytes(void)
{
    FILE *f = fopen("/proc/self/smaps_rollup", "re");
    if (!f) return 0;
    char line[256];
    unsigned long long kb = 0;
    while (fgets(line, sizeof(line), f))
        if (sscanf(line, "Private_Dirty: %llu kB", &kb) == 1) break;
    fclose(f);
    return kb * 1024;
}

struct child_work {
    struct snapshot *p;
    int write_fd; /* TO_PIPE */
};

/* Sockets that we share with the parent would stay open when it closes them. */
static void close_others(int keep_a, int keep_b)
{
    int low = keep_a < keep_b ? keep_a : keep_b, high = keep_a < keep_b ? keep_b : keep_a;
    if (low < 3) low = high;
    close_range(3, (unsigned)low - 1, 0);
    if (high > low + 1) close_range((unsigned)low + 1, (unsigned)high - 1, 0);
    close_range((unsigned)high + 1, ~0u, 0);
}

static int child_body(void *arg, int report_fd)
{
    struct child_work *w = arg;
    struct snapshot *p = w->p;
    struct errmsg msg;
    enum err e;
    log_set_role('C');
    close_others(report_fd, w->write_fd);
    if (p->form == SNAPSHOT_TO_PIPE) {
        e = snapshot_write_fd(p->s, w->write_fd, &msg);
    } else if (p->form == SNAPSHOT_TO_BASE) {
        e = snapshot_write_base(p->s, str_c(p->base_path), p->base.commands, &msg);
    } else {
        snprintf(p->temp, sizeof(p->temp), "temp-%d.rdb", (int)getpid());
        e = snapshot_write_file(p->s, p->s->config->dbfilename, p->temp, &msg);
        if (!e) log_notice("DB saved on disk");
    }
    if (e) {
        log_warning("%s", msg.text);
        return 1;
    }
    struct report r = { private_dirty_bytes() };
    uint64_t mb = r.cow_bytes >> 20;
    log_notice("Fork CoW for %s: current %llu MB, peak %llu MB, average %llu MB",
               p->form == SNAPSHOT_TO_BASE ? "AOF rewrite" : "RDB", (unsigned long long)mb,
               (unsigned long long)mb, (unsigned long long)mb);
    if (write(report_fd, &r, sizeof(r)) < 0) return 1;
    return 0;
}

static enum err fork_child(struct snapshot *p, int write_fd, struct errmsg *msg)
{
    struct child_work w = { p, write_fd };
    p->fig.forks++;
    if (child_fork(&p->child, child_body, &w) != 0) {
        p->child = (struct child){ .report_fd = -1 };
        if (p->form == SNAPSHOT_TO_FILE) p->fig.ok = false;
        return err_set(msg, ERR_IO, "Can't save in background: fork: %s", strerror(errno));
    }
    p->fig.fork_us = p->child.fork_us;
    if (p->child.fork_us >= 1000) latency_add(p->s->front, "fork", p->child.fork_us / 1000);
    return ERR_NONE;
}

static const char *form_name(const struct snapshot *p)
{
    static const char *const names[] = { [SNAPSHOT_TO_FILE] = "Background saving",
                                         [SNAPSHOT_TO_PIPE] = "Background RDB transfer",
                                         [SNAPSHOT_TO_BASE] =
                                             "Background append only file rewriting" };
    return names[p->form];
}

static void started(struct snapshot *p)
{
    p->dirty_before = p->s->dirty;
    p->fig.running_since_ms = clock_wall_ms();
    if (p->form == SNAPSHOT_TO_FILE) p->scheduled = false;
    pid_t by = p->walker ? getpid() : p->child.pid;
    log_notice("%s started by pid %d", form_name(p), (int)by);
    if (p->walker) return;
    snprintf(p->temp, sizeof(p->temp), "temp-%d.rdb", (int)by);
    ks_hold(p->s->ks, true);
}

/* ---- the walk ---- */

static void ended(struct snapshot *p, int code, int signo);

static void on_walked(void *arg, bool ok, const char *why)
{
    struct snapshot *p = arg;
    if (!ok) log_warning("%s", why);
    else if (p->form == SNAPSHOT_TO_FILE) log_notice("DB saved on disk");
    ended(p, !ok, 0);
}

/* Commands instead of an RDB are a child's work. */
static bool walks(const struct snapshot *p)
{
    return p->s->config->snapshot_method == SNAPSHOT_WALK &&
           !(p->form == SNAPSHOT_TO_BASE && p->base.commands);
}

static void walk(struct snapshot *p, int pipe_end)
{
    const struct server_config *cfg = p->s->config;
    struct walker_spec spec = { .pipe = pipe_end, .done = on_walked, .arg = p };
    snprintf(p->temp, sizeof(p->temp), "temp-%d-walk.rdb", (int)getpid());
    if (p->form == SNAPSHOT_TO_FILE) {
        spec.temp = p->temp;
        spec.path = cfg->dbfilename;
        spec.sync = cfg->rdb_save_incremental_fsync;
    } else if (p->form == SNAPSHOT_TO_BASE) {
        spec.temp = spec.path = str_c(p->base_path);
        spec.sync = cfg->aof_rewrite_incremental_fsync;
        spec.base = true;
    } else {
        fcntl(pipe_end, F_SETFL, O_NONBLOCK);
        fcntl(pipe_end, F_SETPIPE_SZ, PIPE_BYTES);
    }
    p->walker = walker_start(p->s, &spec);
}

/* ---- both ---- */

static enum err begin(struct snapshot *p, const int *ends, struct errmsg *msg)
{
    if (walks(p)) {
        walk(p, ends[1]);
        return ERR_NONE;
    }
    enum err e = fork_child(p, ends[1], msg);
    if (ends[1] >= 0) close(ends[1]);
    return e;
}

enum err snapshot_start(struct snapshot *p, enum snapshot_form form, int *fd, struct errmsg *msg)
{
    int ends[2] = { -1, -1 };
    if (snapshot_running(p)) return err_set(msg, ERR_BUSY, "Background save already in progress");
    if (form == SNAPSHOT_TO_PIPE && pipe2(ends, O_CLOEXEC) != 0)
        return err_set(msg, ERR_IO, "Can't make a pipe: %s", strerror(errno));
    p->form = form;
    if (form == SNAPSHOT_TO_FILE) p->try_s = clock_wall_ms() / 1000;
    enum err e = begin(p, ends, msg);
    if (e) {
        if (ends[0] >= 0) close(ends[0]);
        log_warning("%s", msg->text);
        return e;
    }
    if (form == SNAPSHOT_TO_PIPE) {
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
        *fd = ends[0];
    }
    started(p);
    return ERR_NONE;
}

enum err snapshot_start_base(struct snapshot *p, const struct snapshot_base *b,
                             struct errmsg *msg)
{
    if (snapshot_running(p)) return err_set(msg, ERR_BUSY, "another child is at work");
    p->base = *b;
    str_setz(&p->base_path, b->path);
    return snapshot_start(p, SNAPSHOT_TO_BASE, NULL, msg);
}

/* ---- its end ---- */

static void read_report(struct snapshot *p)
{
    struct report r;
    uint64_t *bytes =
        p->form == SNAPSHOT_TO_BASE ? &p->fig.last_base_cow_bytes : &p->fig.last_cow_bytes;
    if (p->walker) {
        struct walker_figures f;
        walker_figures(p->walker, &f);
        *bytes = f.peak;
        walker_end(p->walker);
        p->walker = NULL;
        return;
    }
    if (read(p->child.report_fd, &r, sizeof(r)) == (ssize_t)sizeof(r))
        *bytes = r.cow_bytes;
    close(p->child.report_fd);
    p->child = (struct child){ .report_fd = -1 };
}

static void log_end(const struct snapshot *p, int code, int signo)
{
    static const char *const names[] = { [SNAPSHOT_TO_FILE] = "saving",
                                         [SNAPSHOT_TO_PIPE] = "transfer",
                                         [SNAPSHOT_TO_BASE] = "AOF rewrite" };
    const char *what = names[p->form];
    if (signo) log_warning("Background %s terminated by signal %d", what, signo);
    else if (code) log_warning("Background %s error", what);
    else
        log_notice("Background %s terminated with success",
                   p->form == SNAPSHOT_TO_PIPE ? "RDB transfer" : what);
}

static void file_ended(struct snapshot *p, bool ok, int signo)
{
    p->fig.last_took_s = (clock_wall_ms() - p->fig.running_since_ms) / 1000;
    if (ok) {
        p->s->dirty -= p->dirty_before < p->s->dirty ? p->dirty_before : p->s->dirty;
        saved(p);
        return;
    }
    unlink(p->temp);
    /* SIGUSR1 is how a save is called off: no reason to refuse writes. */
    if (signo != SIGUSR1) p->fig.ok = false;
}

static void base_ended(struct snapshot *p, bool ok)
{
    if (!ok) unlink(str_c(p->base_path));
    p->base.done(p->base.arg, ok);
}

static void ended(struct snapshot *p, int code, int signo)
{
    bool ok = code == 0 && signo == 0;
    log_end(p, code, signo);
    if (!p->walker) ks_hold(p->s->ks, false);
    read_report(p);
    if (p->form == SNAPSHOT_TO_FILE) file_ended(p, ok, signo);
    p->fig.running_since_ms = 0;
    if (p->form == SNAPSHOT_TO_BASE) base_ended(p, ok);
    else if (p->s->repl) /* at the very end it is gone */
        replication_snapshot_done(p->s->repl, ok,
                                  p->form == SNAPSHOT_TO_FILE ? p->s->config->dbfilename : NULL);
}

void snapshot_poll(struct snapshot *p)
{
    int code, signo;
    if (p->child.pid && child_poll(&p->child, &code, &signo)) ended(p, code, signo);
}

void snapshot_kill(struct snapshot *p)
{
    if (p->walker) ended(p, 0, SIGUSR1);
    if (!p->child.pid) return;
    child_kill(&p->child, SIGUSR1);
    /* It ends at once: a plain signal without a handler. */
    for (int i = 0; i < 2000 && p->child.pid; i++) {
        snapshot_poll(p);
        if (p->child.pid) usleep(1000);
        if (i == 1000) child_kill(&p->child, SIGKILL);
    }
}

/* ---- save points ---- */

static const struct server_save_point *due_point(const struct snapshot *p, int64_t now_s)
{
    const struct server_save *save = &p->s->config->save;
    if (!p->fig.ok && now_s - p->try_s <= RETRY_AFTER_S) return NULL;
    for (size_t i = 0; i < save->at.n; i++) {
        const struct server_save_point *at = &save->at.at[i];
        if (p->s->dirty >= (uint64_t)at->changes && now_s - p->fig.last_save_s > at->seconds)
            return at;
    }
    return NULL;
}

void snapshot_cron(struct snapshot *p)
{
    if (snapshot_running(p) || p->s->loading) return;
    struct errmsg msg;
    int64_t now_s = clock_wall_ms() / 1000;
    const struct server_save_point *at = due_point(p, now_s);
    if (at) log_notice("%d changes in %d seconds. Saving...", at->changes, at->seconds);
    bool again = p->scheduled && (p->fig.ok || now_s - p->try_s > RETRY_AFTER_S);
    if (at || again) snapshot_start(p, SNAPSHOT_TO_FILE, NULL, &msg);
}

void snapshot_give_up(struct snapshot *p)
{
    if (!snapshot_running(p) || p->form != SNAPSHOT_TO_FILE) return;
    log_notice("FLUSHALL: the background save under way is given up");
    snapshot_kill(p);
}

bool snapshot_flushed(struct snapshot *p)
{
    struct errmsg msg;
    return snapshot_has_points(p) && snapshot_save_now(p, &msg) == ERR_NONE;
}
