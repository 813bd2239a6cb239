#include "server/persist/load.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/db/keyspace.h"
#include "core/net/loop.h"
#include "core/rdb/load.h"
#include "core/sys/clock.h"
#include "core/sys/log.h"
#include "server/config.h"
#include "server/dataset.h"
#include "server/script/scripting.h"
#include "server/server.h"

/* A slice is long enough to be fast and short enough for a client that waits. */
#define SLICE_US 10000
#define RECORDS_A_STEP 256
#define PROGRESS_MS 1000
#define EMPTY_KEYS_LOGGED 10
#define KEY_LOGGED 100

struct loader {
    struct server *s;
    struct loop_timer *timer;
    load_done *done;
    load_accept *accept; /* of the load at hand; NULL: no question */
    void *arg;
    enum load_into into;
    struct keyspace *ks;
    struct libraries *functions; /* of a load beside ours; NULL: the file had none so far */
    int fd; /* -1: no load */
    uint64_t total;
    struct load_progress progress;
    struct rdb_in in;
    struct rdb_load_target target;
    struct rdb_load_hooks hooks;
    struct rdb_loader rdb;
    struct load_facts facts;
    int empty_keys;
    struct buf left_out; /* per key: struct left_out, then its bytes; see loader_expired */
};

struct left_out {
    int db;
    size_t n;
};

static void on_timer(void *arg);

struct loader *loader_new(struct server *s)
{
    struct loader *l = mem_zalloc(sizeof(*l));
    l->s = s;
    l->fd = -1;
    l->facts.stream_db = -1;
    l->timer = loop_timer_new(s->loop, on_timer, l);
    return l;
}

void loader_delete(struct loader *l)
{
    if (!l) return;
    loader_cancel(l);
    loop_timer_delete(l->timer);
    buf_free(&l->left_out);
    mem_free(l);
}

bool loader_busy(const struct loader *l) { return l->fd >= 0; }
const struct load_facts *loader_facts(const struct loader *l) { return &l->facts; }

/* ---- what the file says ---- */

static void note_origin(struct load_facts *f, struct slice name, struct slice value)
{
    int64_t v;
    if (slice_eqz(name, "redis-ver"))
        log_notice("Loading RDB produced by version %.*s", SLICE_ARG(value));
    else if (slice_eqz(name, "ctime") && num_to_i64(value, &v))
        log_notice("RDB age %lld seconds",
                   (long long)(clock_wall_ms() / 1000 > v ? clock_wall_ms() / 1000 - v : 0));
    else if (slice_eqz(name, "used-mem") && num_to_i64(value, &v)) {
        log_notice("RDB memory usage when created %.2f Mb", (double)v / (1024 * 1024));
        f->used_mem = v;
    }
}

static enum err on_aux(void *app, struct slice name, struct slice value, struct errmsg *msg)
{
    struct loader *l = app;
    int64_t v;
    (void)msg;
    if (slice_eqz(name, "repl-id") && value.n == 40)
        slice_cstr(value, l->facts.replid, sizeof(l->facts.replid));
    else if (slice_eqz(name, "repl-offset") && num_to_i64(value, &v))
        l->facts.repl_offset = v;
    else if (slice_eqz(name, "repl-stream-db") && num_to_i64(value, &v))
        l->facts.stream_db = (int)v;
    else
        note_origin(&l->facts, name, value);
    return ERR_NONE;
}

/* Beside our own until the load is whole, as the keys. */
static enum err on_function(void *app, struct slice source, struct errmsg *msg)
{
    struct loader *l = app;
    return scripting_load_library(l->s->scripts, l->into == LOAD_BESIDE ? &l->functions : NULL,
                                source, l->into == LOAD_MERGE || l->into == LOAD_BASE,
                                msg);
}

static void on_expired_key(void *app, int db, struct slice key)
{
    struct loader *l = app;
    struct left_out k = { db, key.n };
    if (!l->facts.replid[0]) return;
    buf_put(&l->left_out, &k, sizeof(k));
    buf_puts(&l->left_out, key);
}

/* No server writes such a key on purpose; the dump goes on behind it. */
static void on_empty_key(void *app, struct slice key)
{
    struct rdb_load_target *t = app;
    struct loader *l = t->app;
    if (l->empty_keys++ < EMPTY_KEYS_LOGGED)
        log_notice("Loading the RDB file: skipping empty key: %.*s",
                   (int)(key.n < KEY_LOGGED ? key.n : KEY_LOGGED), key.p);
}

void loader_expired(struct loader *l, void (*fn)(void *arg, int db, struct slice key), void *arg)
{
    while (buf_size(&l->left_out) > 0) {
        struct left_out k;
        memcpy(&k, buf_head(&l->left_out), sizeof(k));
        buf_consume(&l->left_out, sizeof(k));
        fn(arg, k.db, slice_of(buf_head(&l->left_out), k.n));
        buf_consume(&l->left_out, k.n);
    }
    buf_free(&l->left_out);
}

static ptrdiff_t on_read(void *app, void *p, size_t n, struct errmsg *msg)
{
    struct loader *l = app;
    ssize_t got;
    do
        got = read(l->fd, p, n);
    while (got < 0 && errno == EINTR);
    if (got >= 0) return got == 0 ? RDB_READ_END : got;
    err_set(msg, ERR_IO, "%s", strerror(errno));
    return RDB_READ_FAILED;
}

/* ---- begin ---- */

static void begin_flags(struct loader *l)
{
    struct server *s = l->s;
    bool old_serves =
        l->into == LOAD_BESIDE && s->config->replica_serve_stale_data && !dataset_empty(s);
    s->async_loading = old_serves;
    s->loading = !old_serves;
}

/* A replica, also one that is yet to follow, leaves it to its master. */
static bool drops_expired(const struct server *s, enum load_into into)
{
    if (into == LOAD_BESIDE || into == LOAD_BASE) return false;
    return s->is_master && !s->config->replicaof.host[0];
}

static enum err begin(struct loader *l, const char *path, enum load_into into, struct errmsg *msg)
{
    struct stat st;
    if (loader_busy(l)) return err_set(msg, ERR_BUSY, "another load is under way");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(msg, errno == ENOENT ? ERR_NOTFOUND : ERR_IO,
                       "Fatal error: can't open the RDB file %s for reading: %s", path,
                       strerror(errno));
    l->fd = fd;
    l->total = fstat(fd, &st) == 0 ? (uint64_t)st.st_size : UINT64_MAX;
    l->into = into;
    l->ks = into == LOAD_BESIDE ? dataset_keyspace(l->s) : l->s->ks;
    l->facts = (struct load_facts){ .stream_db = -1 };
    buf_clear(&l->left_out);
    l->empty_keys = 0;
    load_progress_begin(&l->progress, l->total);
    l->target = (struct rdb_load_target){ .ks = l->ks,
                                          .drop_expired = drops_expired(l->s, into),
                                          .expired_key = on_expired_key,
                                          .replace = into == LOAD_MERGE,
                                          .app = l,
                                          .aux = on_aux,
                                          .function = on_function };
    rdb_in_init(&l->in, on_read, l, l->total, l->s->config->rdbchecksum);
    l->hooks = rdb_load_into(&l->target);
    l->hooks.limits = &l->s->limits;
    l->hooks.empty = on_empty_key;
    rdb_load_start(&l->rdb, &l->in, &l->hooks);
    begin_flags(l);
    return ERR_NONE;
}

/* ---- end ---- */

static void release(struct loader *l)
{
    rdb_load_end(&l->rdb);
    rdb_in_free(&l->in);
    close(l->fd);
    l->fd = -1;
    l->ks = NULL;
    l->s->loading = l->s->async_loading = false;
    loop_timer_cancel(l->timer);
}

static void settle(struct loader *l, bool ok)
{
    struct keyspace *ks = l->ks;
    struct libraries *functions = l->functions;
    l->functions = NULL;
    l->facts.loaded = l->target.loaded;
    l->facts.expired = l->target.expired;
    l->facts.size = rdb_in_offset(&l->in);
    l->facts.took_ms = clock_wall_ms() - l->progress.began_wall_ms;
    if (ok)
        log_notice("Done loading RDB, keys loaded: %llu, keys expired: %llu.",
                   (unsigned long long)l->facts.loaded, (unsigned long long)l->facts.expired);
    release(l);
    if (l->into != LOAD_BESIDE) return;
    if (ok) {
        dataset_exchange(l->s, ks);
        scripting_adopt_libraries(l->s->scripts, functions);
    } else {
        dataset_discard(l->s, ks);
        scripting_drop_libraries(functions);
    }
}

void loader_cancel(struct loader *l)
{
    if (loader_busy(l)) settle(l, false);
}

/* ---- slices ---- */

/* key-load-delay: tests make a load slow. */
static size_t step_records(const struct server_config *cfg)
{
    int delay = cfg->key_load_delay;
    if (delay == 0) return RECORDS_A_STEP;
    return delay > 0 ? 1 : (size_t)-delay;
}

static enum rdb_load_status slice(struct loader *l)
{
    const struct server_config *cfg = l->s->config;
    int64_t end_us = clock_mono_us() + SLICE_US;
    ks_begin(l->ks, clock_wall_ms(), KS_EXPIRE_KEEP);
    enum rdb_load_status st;
    do {
        st = rdb_load_step(&l->rdb, step_records(cfg));
        if (cfg->key_load_delay)
            usleep(cfg->key_load_delay > 0 ? (unsigned)cfg->key_load_delay : 1);
    } while (st == RDB_LOAD_MORE && clock_mono_us() < end_us);
    return st;
}

static void on_timer(void *arg)
{
    struct loader *l = arg;
    enum rdb_load_status st = slice(l);
    if (st == RDB_LOAD_MORE) {
        l->progress.at = loader_at(l);
        load_progress_log(&l->progress, "the RDB file");
        loop_timer_after(l->timer, 0);
        return;
    }
    char why[ERRMSG_MAX];
    bool ok = st == RDB_LOAD_DONE;
    text_copy(why, sizeof(why),
              ok                    ? ""
              : st == RDB_LOAD_WAIT ? "the file ends too early"
                                    : l->in.msg.text);
    if (ok && l->into == LOAD_BESIDE && l->accept)
        ok = l->accept(l->arg, l->target.loaded, why, sizeof(why));
    load_done *done = l->done;
    settle(l, ok);
    done(l->arg, ok, why);
}

enum err loader_start(struct loader *l, const char *path, enum load_into into, load_done *done,
                      void *arg, struct errmsg *msg)
{
    enum err e = begin(l, path, into, msg);
    if (e) return e;
    l->done = done;
    l->accept = NULL;
    l->arg = arg;
    loop_timer_after(l->timer, 0);
    return ERR_NONE;
}

void loader_ask(struct loader *l, load_accept *accept) { l->accept = accept; }

enum err loader_run(struct loader *l, const char *path, enum load_into into, struct errmsg *msg)
{
    enum err e = begin(l, path, into, msg);
    if (e) return e;
    enum rdb_load_status st;
    while ((st = slice(l)) == RDB_LOAD_MORE) {
    }
    if (st != RDB_LOAD_DONE)
        e = err_set(msg, l->in.err ? l->in.err : ERR_SHORT, "%s", l->in.msg.text);
    settle(l, st == RDB_LOAD_DONE);
    return e;
}

uint64_t loader_at(const struct loader *l) { return loader_busy(l) ? rdb_in_offset(&l->in) : 0; }

void load_progress_begin(struct load_progress *p, uint64_t total)
{
    int64_t now = clock_wall_ms();
    *p = (struct load_progress){ .began_wall_ms = now, .logged_wall_ms = now, .total = total };
}

static double percent(const struct load_progress *p)
{
    return (double)p->at * 100 / (double)(p->total ? p->total : 1);
}

void load_progress_log(struct load_progress *p, const char *what)
{
    int64_t now = clock_wall_ms();
    if ((int)percent(p) <= p->percent || now - p->logged_wall_ms < PROGRESS_MS) return;
    p->percent = (int)percent(p);
    p->logged_wall_ms = now;
    log_notice("Loading %s: %d%%, %llu of %llu bytes", what, p->percent, (unsigned long long)p->at,
               (unsigned long long)p->total);
}

void load_progress_print(const struct load_progress *p, int64_t used_mem, struct buf *out)
{
    uint64_t total = p->total ? p->total : 1, left = p->at < total ? total - p->at : 0;
    int64_t took_s = (clock_wall_ms() - p->began_wall_ms) / 1000;
    double eta = p->at ? (double)(took_s ? took_s : 1) * (double)left / (double)p->at : 1;
    buf_fmt(out, "loading_start_time:%lld\r\nloading_total_bytes:%llu\r\n",
            (long long)(p->began_wall_ms / 1000), (unsigned long long)total);
    buf_fmt(out,
            "loading_rdb_used_mem:%lld\r\nloading_loaded_bytes:%llu\r\n"
            "loading_loaded_perc:%.2f\r\nloading_eta_seconds:%lld\r\n",
            (long long)used_mem, (unsigned long long)p->at, percent(p), (long long)eta);
}

void loader_info(const struct loader *l, struct buf *out)
{
    struct load_progress p = l->progress;
    if (!loader_busy(l)) return;
    p.at = loader_at(l);
    load_progress_print(&p, l->facts.used_mem, out);
}
