#include "server/persist/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/rdb/save.h"
#include "core/rdb/types.h"
#include "core/sys/bg.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "server/persist/snapshot_file.h"

#define SYNC_EVERY_BYTES (4u << 20)
#define POLL_MS 5                  /* how often a full pipe's writer looks whether it is to stop */
#define SLOW_DOWN_MS 4
#define SPILL_STEP_BYTES (64 * 1024)

struct outlet {
    struct bg *bg;
    struct outlet_spec spec;
    struct str temp, path;
    atomic_size_t waiting;
    atomic_bool cancelled;
    atomic_int state;
    size_t peak;
    atomic_ullong spilled;
    atomic_bool hurry; /* the loop waits for a value: do not wait for a reader */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* The thread's from here on. */
    struct rdb_out out;
    int fd; /* -1: none */
    uint64_t written, synced;
    int spill; /* -1: never needed */
    uint64_t spill_from, spill_to;
    struct errmsg why;
};

struct piece {
    struct outlet *o;
    struct buf bytes;
    struct rdb_raw raw;
};

enum value_state { VALUE_WAITS, VALUE_BEING_WRITTEN, VALUE_BEING_COPIED, VALUE_COPIED,
                   VALUE_WRITTEN };

struct outlet_value {
    struct outlet *o;
    /* Type, encoding and pointer as they were: the entry itself may move, its clock may change. */
    struct {
        struct entry head;
        uint64_t word;
    } e;
    enum value_state state; /* under the outlet's lock */
    struct buf bytes;       /* the copy */
    struct rdb_raw raw;
};

/* ---- the thread: a pipe ---- */

/* As much as the pipe takes now; < 0: it is broken. */
static ssize_t push(struct outlet *o, const char *p, size_t n, struct errmsg *msg)
{
    ssize_t got;
    do got = write(o->fd, p, n);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN) return 0;
    if (got < 0) err_set(msg, ERR_IO, "%s", strerror(errno));
    return got;
}

static enum err spill(struct outlet *o, const char *p, size_t n, struct errmsg *msg)
{
    if (o->spill < 0) o->spill = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (o->spill < 0) return err_set(msg, ERR_IO, "no temporary file: %s", strerror(errno));
    for (size_t done = 0; done < n;) {
        ssize_t got = pwrite(o->spill, p + done, n - done, (off_t)o->spill_to);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return err_set(msg, ERR_IO, "temporary file: %s", strerror(errno));
        done += (size_t)got;
        o->spill_to += (uint64_t)got;
    }
    atomic_fetch_add(&o->spilled, n);
    return ERR_NONE;
}

/* Spilled bytes into the pipe, as many as it takes now. */
static enum err unspill(struct outlet *o, struct errmsg *msg)
{
    char bytes[SPILL_STEP_BYTES];
    while (o->spill_from < o->spill_to) {
        uint64_t left = o->spill_to - o->spill_from;
        size_t want = left < sizeof(bytes) ? (size_t)left : sizeof(bytes);
        ssize_t got = pread(o->spill, bytes, want, (off_t)o->spill_from);
        if (got <= 0) return err_set(msg, ERR_IO, "temporary file: %s", strerror(errno));
        ssize_t n = push(o, bytes, (size_t)got, msg);
        if (n < 0) return ERR_IO;
        o->spill_from += (uint64_t)n;
        if (n < got) return ERR_NONE;
    }
    if (o->spill >= 0 && o->spill_to && ftruncate(o->spill, 0) == 0)
        o->spill_from = o->spill_to = 0;
    return ERR_NONE;
}

static bool must_spill(const struct outlet *o)
{
    return atomic_load(&o->hurry) || atomic_load(&o->waiting) > o->spec.memory_max;
}

/* False: called off. */
static bool wait_writable(const struct outlet *o)
{
    struct pollfd p = { .fd = o->fd, .events = POLLOUT };
    poll(&p, 1, POLL_MS);
    return !atomic_load(&o->cancelled);
}

static enum err to_pipe(struct outlet *o, const char *p, size_t n, struct errmsg *msg)
{
    for (;;) {
        enum err e = unspill(o, msg);
        if (e) return e;
        if (o->spill_from == o->spill_to) {
            ssize_t got = push(o, p, n, msg);
            if (got < 0) return ERR_IO;
            p += got;
            n -= (size_t)got;
        }
        if (!n) return ERR_NONE;
        if (must_spill(o)) return spill(o, p, n, msg);
        if (!wait_writable(o)) return err_set(msg, ERR_IO, "called off");
    }
}

static enum err drain_spill(struct outlet *o, struct errmsg *msg)
{
    for (;;) {
        enum err e = unspill(o, msg);
        if (e || o->spill_from == o->spill_to) return e;
        if (!wait_writable(o)) return err_set(msg, ERR_IO, "called off");
    }
}

/* ---- the thread: a file ---- */

static enum err to_file(struct outlet *o, const void *p, size_t n, struct errmsg *msg)
{
    enum err e = file_write_all(o->fd, p, n, msg);
    if (e) return e;
    o->written += n;
    if (o->spec.sync && o->written - o->synced >= SYNC_EVERY_BYTES) {
        fdatasync(o->fd);
        o->synced = o->written;
    }
    return ERR_NONE;
}

static enum err on_write(void *app, const void *p, size_t n, struct errmsg *msg)
{
    struct outlet *o = app;
    if (atomic_load(&o->cancelled)) return err_set(msg, ERR_IO, "called off");
    return o->temp.p ? to_file(o, p, n, msg) : to_pipe(o, p, n, msg);
}

/* ---- the thread: jobs ---- */

static bool works(const struct outlet *o) { return atomic_load(&o->state) == OUTLET_WORKS; }

static void fail(struct outlet *o, const struct errmsg *why)
{
    if (!works(o)) return;
    text_copy(o->why.text, sizeof(o->why.text), why->text);
    atomic_store(&o->state, OUTLET_FAILED);
}

static void run_open(void *arg)
{
    struct outlet *o = arg;
    struct errmsg msg;
    o->fd = snapshot_file_open(str_c(o->temp), &msg);
    if (o->fd < 0) fail(o, &msg);
}

static void run_piece(void *arg)
{
    struct piece *p = arg;
    struct outlet *o = p->o;
    size_t n = buf_size(&p->bytes);
    if (works(o) && !atomic_load(&o->cancelled)) {
        rdb_put_raw(&o->out, buf_slice(&p->bytes), &p->raw);
        if (o->out.err) fail(o, &o->out.msg);
    }
    buf_free(&p->bytes);
    vec_free(&p->raw.strings);
    mem_free(p);
    pthread_mutex_lock(&o->lock);
    atomic_fetch_sub(&o->waiting, n);
    pthread_cond_broadcast(&o->changed);
    pthread_mutex_unlock(&o->lock);
}

static void set_value_state(struct outlet_value *v, enum value_state to)
{
    pthread_mutex_lock(&v->o->lock);
    v->state = to;
    pthread_cond_broadcast(&v->o->changed);
    pthread_mutex_unlock(&v->o->lock);
}

/* True: it is the thread's now. False: the loop has made a copy of it. */
static bool take_value(struct outlet_value *v)
{
    pthread_mutex_lock(&v->o->lock);
    while (v->state == VALUE_BEING_COPIED) pthread_cond_wait(&v->o->changed, &v->o->lock);
    bool ours = v->state == VALUE_WAITS;
    if (ours) v->state = VALUE_BEING_WRITTEN;
    pthread_mutex_unlock(&v->o->lock);
    return ours;
}

static void run_value(void *arg)
{
    struct outlet_value *v = arg;
    struct outlet *o = v->o;
    if (take_value(v)) {
        if (works(o) && !atomic_load(&o->cancelled)) rdb_put_value(&o->out, &v->e.head);
    } else {
        size_t n = buf_size(&v->bytes);
        if (works(o) && !atomic_load(&o->cancelled))
            rdb_put_raw(&o->out, buf_slice(&v->bytes), &v->raw);
        buf_free(&v->bytes);
        vec_free(&v->raw.strings);
        atomic_fetch_sub(&o->waiting, n);
    }
    if (o->out.err) fail(o, &o->out.msg);
    set_value_state(v, VALUE_WRITTEN);
}

static enum err close_file(struct outlet *o, struct errmsg *msg)
{
    int fd = o->fd;
    o->fd = -1;
    return snapshot_file_close(fd, str_c(o->temp), str_c(o->path), msg);
}

static void run_finish(void *arg)
{
    struct outlet *o = arg;
    struct errmsg msg;
    if (!works(o) || atomic_load(&o->cancelled)) return;
    rdb_put_foot(&o->out, 0);
    enum err e = o->out.err;
    if (e) msg = o->out.msg;
    if (!e) e = o->temp.p ? close_file(o, &msg) : drain_spill(o, &msg);
    if (e) {
        fail(o, &msg);
        return;
    }
    if (o->fd >= 0) close(o->fd); /* the reader sees the end before anybody is told */
    o->fd = -1;
    atomic_store(&o->state, OUTLET_DONE);
}

/* ---- the loop's side ---- */

/* `dir` may be another one by the time the file is opened or renamed. */
static struct str absolute(const char *name)
{
    char cwd[4096];
    struct str s = { 0 };
    if (name[0] == '/' || !getcwd(cwd, sizeof(cwd))) {
        str_setz(&s, name);
        return s;
    }
    struct buf b = { 0 };
    buf_fmt(&b, "%s/%s", cwd, name);
    s = str_new(buf_slice(&b));
    buf_free(&b);
    return s;
}

struct outlet *outlet_start(const struct outlet_spec *spec)
{
    struct outlet *o = mem_zalloc(sizeof(*o));
    o->spec = *spec;
    o->fd = spec->temp ? -1 : spec->pipe;
    o->spill = -1;
    pthread_mutex_init(&o->lock, NULL);
    pthread_cond_init(&o->changed, NULL);
    rdb_out_init(&o->out, on_write, o, spec->checksum, spec->compress);
    o->bg = bg_start("snapshot");
    if (spec->temp) {
        o->temp = absolute(spec->temp);
        o->path = absolute(spec->path);
        bg_do(o->bg, run_open, o);
    }
    return o;
}

void outlet_put(struct outlet *o, struct buf *bytes, struct rdb_raw *raw)
{
    struct piece *p = mem_alloc(sizeof(*p));
    *p = (struct piece){ .o = o, .bytes = *bytes, .raw = *raw };
    *bytes = (struct buf){ 0 };
    *raw = (struct rdb_raw){ { 0 } };
    size_t waiting = atomic_fetch_add(&o->waiting, buf_size(&p->bytes)) + buf_size(&p->bytes);
    if (waiting > o->peak) o->peak = waiting;
    bg_do(o->bg, run_piece, p);
}

struct outlet_value *outlet_put_value(struct outlet *o, const struct entry *e)
{
    struct outlet_value *v = mem_zalloc(sizeof(*v));
    must(e->flags & ENTRY_OWNS);
    v->o = o;
    v->e.head = (struct entry){ .type = e->type,
                                .encoding = e->encoding,
                                .flags = ENTRY_WORD | ENTRY_OWNS };
    v->e.word = *entry_word(e);
    must(entry_ptr(&v->e.head) == entry_ptr(e));
    bg_do(o->bg, run_value, v);
    return v;
}

bool outlet_value_written(const struct outlet_value *v)
{
    pthread_mutex_lock(&v->o->lock);
    bool written = v->state == VALUE_WRITTEN;
    pthread_mutex_unlock(&v->o->lock);
    return written;
}

static void copy_value(struct outlet_value *v)
{
    struct rdb_out out;
    rdb_out_init(&out, NULL, NULL, false, v->o->spec.compress);
    out.raw = &v->raw;
    rdb_put_value(&out, &v->e.head);
    v->bytes = out.buf;
    size_t n = buf_size(&v->bytes), waiting = atomic_fetch_add(&v->o->waiting, n) + n;
    if (waiting > v->o->peak) v->o->peak = waiting;
}

void outlet_value_settle(struct outlet_value *v)
{
    struct outlet *o = v->o;
    pthread_mutex_lock(&o->lock);
    bool ours = v->state == VALUE_WAITS;
    if (ours) v->state = VALUE_BEING_COPIED;
    atomic_store(&o->hurry, true);
    while (v->state == VALUE_BEING_WRITTEN) pthread_cond_wait(&o->changed, &o->lock);
    atomic_store(&o->hurry, false);
    pthread_mutex_unlock(&o->lock);
    if (!ours) return;
    copy_value(v);
    set_value_state(v, VALUE_COPIED);
}

void outlet_value_free(struct outlet_value *v) { mem_free(v); }

void outlet_slow_down(struct outlet *o)
{
    if (atomic_load(&o->waiting) <= o->spec.memory_max) return;
    int64_t until_ms = clock_wall_ms() + SLOW_DOWN_MS;
    struct timespec until = { .tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000 };
    pthread_mutex_lock(&o->lock);
    while (atomic_load(&o->waiting) > o->spec.memory_max && works(o) &&
           pthread_cond_timedwait(&o->changed, &o->lock, &until) == 0) {
    }
    pthread_mutex_unlock(&o->lock);
}

void outlet_finish(struct outlet *o) { bg_do(o->bg, run_finish, o); }
enum outlet_state outlet_state(const struct outlet *o)
{
    return (enum outlet_state)atomic_load(&o->state);
}
const char *outlet_error(const struct outlet *o) { return o->why.text; }
size_t outlet_waiting(const struct outlet *o) { return atomic_load(&o->waiting); }
size_t outlet_peak(const struct outlet *o) { return o->peak; }
uint64_t outlet_spilled(const struct outlet *o) { return atomic_load(&o->spilled); }

void outlet_end(struct outlet *o)
{
    if (!o) return;
    atomic_store(&o->cancelled, true);
    bg_stop(o->bg);
    if (o->fd >= 0) close(o->fd);
    if (o->spill >= 0) close(o->spill);
    if (o->temp.p && atomic_load(&o->state) != OUTLET_DONE) unlink(str_c(o->temp));
    pthread_cond_destroy(&o->changed);
    pthread_mutex_destroy(&o->lock);
    rdb_out_free(&o->out);
    str_free(&o->temp);
    str_free(&o->path);
    mem_free(o);
}
