#include "server/persist/snapshot_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/front/start.h"
#include "core/rdb/save.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "core/sys/log.h"
#include "replication/replication.h"
#include "server/config.h"
#include "server/persist/aof_commands.h"
#include "server/script/scripting.h"
#include "server/server.h"

#define KEYS_A_STEP 1024
/* So much may wait unsynced: the final fsync then does not stop the disk for long. */
#define SYNC_EVERY_BYTES (4u << 20)

struct sink {
    int fd;
    bool sync; /* a file, and rdb-save-incremental-fsync */
    uint64_t written, synced;
};

static enum err sink_write(void *app, const void *p, size_t n, struct errmsg *msg)
{
    struct sink *k = app;
    enum err e = file_write_all(k->fd, p, n, msg);
    if (e) return e;
    k->written += n;
    if (k->sync && k->written - k->synced >= SYNC_EVERY_BYTES) {
        fdatasync(k->fd);
        k->synced = k->written;
    }
    return ERR_NONE;
}

/* ---- the head ---- */

static void head_text(struct snapshot_head *h, const char *name, const char *text)
{
    size_t i = h->o.aux_n++;
    text_copy(h->text[i], sizeof(h->text[0]), text);
    h->aux[i] = (struct rdb_aux){ name, slice_z(h->text[i]) };
}

static void head_int(struct snapshot_head *h, const char *name, int64_t v)
{
    char text[NUM_I64_MAX + 1];
    text[num_from_i64(text, v)] = 0;
    head_text(h, name, text);
}

void snapshot_head_fill(struct server *s, struct snapshot_head *h, bool base)
{
    char replid[41];
    int64_t offset;
    int db;
    h->o = (struct rdb_save_options){ .aux = h->aux,
                                      .access = s->config->maxmemory_policy !=
                                                POLICY_NOEVICTION };
    head_text(h, "redis-ver", START_REDIS_VERSION);
    head_int(h, "redis-bits", (int64_t)sizeof(void *) * 8);
    head_int(h, "ctime", clock_wall_ms() / 1000);
    head_int(h, "used-mem", (int64_t)mem_used());
    if (replication_position(s->repl, replid, &offset, &db)) {
        head_int(h, "repl-stream-db", db);
        head_text(h, "repl-id", replid);
        head_int(h, "repl-offset", offset);
    }
    head_int(h, "aof-base", base);
    h->functions = scripting_sources(s->scripts, &h->o.functions_n);
    h->o.functions = h->functions;
}

void snapshot_head_free(struct snapshot_head *h) { mem_free(h->functions); }

/* ---- the keys ---- */

/* rdb-key-save-delay: tests make a save slow. */
static size_t step_keys(const struct server_config *cfg)
{
    int delay = cfg->rdb_key_save_delay;
    if (delay == 0) return KEYS_A_STEP;
    return delay > 0 ? 1 : (size_t)-delay;
}

static void step_delay(const struct server_config *cfg)
{
    if (cfg->rdb_key_save_delay)
        usleep(cfg->rdb_key_save_delay > 0 ? (unsigned)cfg->rdb_key_save_delay : 1);
}

static enum err write_all(struct server *s, struct sink *k, bool base, struct errmsg *msg)
{
    const struct server_config *cfg = s->config;
    struct snapshot_head head;
    snapshot_head_fill(s, &head, base);
    struct rdb_out out;
    rdb_out_init(&out, sink_write, k, cfg->rdbchecksum, cfg->rdbcompression);
    struct rdb_saver saver;
    enum rdb_save_status st;
    rdb_save_start(&saver, s->ks, &out, &head.o);
    while ((st = rdb_save_step(&saver, step_keys(cfg))) == RDB_SAVE_MORE)
        step_delay(cfg);
    rdb_save_end(&saver);
    snapshot_head_free(&head);
    enum err e = st == RDB_SAVE_FAILED ? err_set(msg, out.err, "%s", out.msg.text) : ERR_NONE;
    rdb_out_free(&out);
    return e;
}

enum err snapshot_write_fd(struct server *s, int fd, struct errmsg *msg)
{
    struct sink k = { .fd = fd };
    return write_all(s, &k, false, msg);
}

static enum err append(void *app, const void *p, size_t n, struct errmsg *msg)
{
    (void)msg;
    buf_put(app, p, n);
    return ERR_NONE;
}

void snapshot_write_bare(struct server *s, bool functions, struct buf *to)
{
    struct snapshot_head head;
    struct rdb_out out;
    snapshot_head_fill(s, &head, false);
    if (!functions) head.o.functions_n = 0;
    rdb_out_init(&out, append, to, s->config->rdbchecksum, s->config->rdbcompression);
    rdb_put_head(&out, &head.o);
    rdb_put_foot(&out, head.o.version);
    rdb_out_free(&out);
    snapshot_head_free(&head);
}

int snapshot_file_open(const char *temp, struct errmsg *msg)
{
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd >= 0) return fd;
    int code = errno;
    char cwd[1024] = "?";
    if (!getcwd(cwd, sizeof(cwd))) text_copy(cwd, sizeof(cwd), "unknown");
    err_set(msg, ERR_IO,
            "Failed opening the temp RDB file %s (in server root dir %s) for saving: %s", temp,
            cwd, strerror(code));
    return -1;
}

enum err snapshot_file_close(int fd, const char *temp, const char *path, struct errmsg *msg)
{
    enum err e = ERR_NONE;
    if (fsync(fd) != 0) e = err_set(msg, ERR_IO, "fsync: %s", strerror(errno));
    if (close(fd) != 0 && !e) e = err_set(msg, ERR_IO, "close: %s", strerror(errno));
    if (!e && strcmp(temp, path) != 0) e = file_rename_synced(temp, path, msg);
    if (e) unlink(temp);
    return e;
}

enum err snapshot_write_file(struct server *s, const char *path, const char *temp,
                             struct errmsg *msg)
{
    int fd = snapshot_file_open(temp, msg);
    if (fd < 0) return ERR_IO;
    struct sink k = { .fd = fd, .sync = s->config->rdb_save_incremental_fsync };
    enum err e = write_all(s, &k, false, msg);
    if (!e) {
        e = snapshot_file_close(fd, temp, path, msg);
    } else {
        close(fd);
        unlink(temp);
    }
    return e ? err_prefix(msg, e, "Write error saving DB on disk") : ERR_NONE;
}

enum err snapshot_write_base(struct server *s, const char *path, bool commands,
                             struct errmsg *msg)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return err_set(msg, ERR_IO, "Can't open the AOF base file %s: %s", path, strerror(errno));
    struct sink k = { .fd = fd, .sync = s->config->aof_rewrite_incremental_fsync };
    enum err e = commands ? aof_write_commands(s, sink_write, &k, msg)
                          : write_all(s, &k, true, msg);
    if (!e && fsync(fd) != 0) e = err_set(msg, ERR_IO, "fsync: %s", strerror(errno));
    if (close(fd) != 0 && !e) e = err_set(msg, ERR_IO, "close: %s", strerror(errno));
    if (!e) return ERR_NONE;
    unlink(path);
    return err_prefix(msg, e, "Write error writing append only file on disk");
}
