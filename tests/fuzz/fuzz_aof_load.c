/* fuzz aof_load: the loader of append-only files, in a whole server. The input is the files, one
 * behind the other, with FILE_ENDS between them: the first is the base, the others increments.
 *
 * What loads with aof-load-truncated no loads as the same in slices and at once, with yes too. What
 * loads only with yes was cut: it then loads with no, as the same. Commands that a file holds for
 * the data alone may run: a word like SHUTDOWN or REPLICAOF would do what it says. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/db/keyspace.h"
#include "core/front/start.h"
#include "core/net/loop.h"
#include "core/sys/clock.h"
#include "core/sys/log.h"
#include "server/config.h"
#include "server/config_apply.h"
#include "server/dataset.h"
#include "server/persist/aof_files.h"
#include "server/persist/aof_load.h"
#include "server/persist/aof_state.h"
#include "server/server.h"

#define FILE_ENDS "\n--file--\n"
#define FILES_MAX 4
#define BULK_MAX (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzzed {
    struct server s;
    struct server_config config;
    struct conf conf;
    struct front_start start;
    bool ok;
};

static char folder[32]; /* of the process; gone with it */

/* ---- a server ---- */

static bool for_data(const struct command_entry *e)
{
    static const char *const also[] = { "multi", "exec", "discard", "select", "ping", "xgroup",
                                        "publish" };
    static const char *const never[] = { "migrate", "function", "spop" };
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
        if (strcmp(e->fullname, never[i]) == 0) return false;
    for (size_t i = 0; i < sizeof(also) / sizeof(also[0]); i++)
        if (strcmp(e->fullname, also[i]) == 0) return true;
    return e->row->run && e->flags & CMD_WRITE;
}

static void leave_data_commands(struct registry *r)
{
    char name[512][64];
    int n = 0;
    for (int i = 0; i < registry_count(r); i++) {
        const struct command_entry *e = registry_at(r, i);
        if (e->parent || for_data(e)) continue;
        must(n < 512);
        snprintf(name[n++], sizeof(name[0]), "%s", e->fullname);
    }
    while (n--) must(registry_rename(r, slice_z(name[n]), SLICE("")));
}

static void remove_folder(void)
{
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) unlinkat(dirfd(d), e->d_name, 0);
    if (d) closedir(d);
    rmdir(folder);
}

static struct fuzzed *start(void)
{
    struct fuzzed *f = mem_zalloc(sizeof(*f));
    struct front_config_hooks hooks = { 0 };
    f->s.conf = &f->conf;
    f->s.config = &f->config;
    f->s.front_config = &f->config.front;
    f->s.start = &f->start;
    log_open(LOG_LEVEL_NOTHING, "", false, "", 0);
    server_hooks(&hooks, &f->s);
    server_config_init(&f->config, &f->conf, &f->s, &hooks);
    f->config.front.proto_max_bulk_len = BULK_MAX;
    strcpy(folder, access("/dev/shm", W_OK) == 0 ? "/dev/shm/aofXXXXXX" : "/tmp/aofXXXXXX");
    must(mkdtemp(folder) && atexit(remove_folder) == 0);
    mem_free(f->config.appenddirname);
    f->config.appenddirname = mem_strdup(folder);
    f->s.started_wall_ms = clock_wall_ms();
    f->s.loop = loop_new();
    server_build(&f->s);
    leave_data_commands(f->s.front->registry);
    return f;
}

/* ---- files ---- */

static void write_file(const struct server_config *c, const char *name, struct slice bytes)
{
    struct str path = aof_path(c, name);
    int fd = open(path.p, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    must(fd >= 0 && write(fd, bytes.p, bytes.n) == (ssize_t)bytes.n);
    close(fd);
    str_free(&path);
}

static void write_files(const struct server_config *c, struct slice in)
{
    struct aof_manifest m = { 0 };
    struct errmsg msg;
    struct slice sep = SLICE(FILE_ENDS);
    must(aof_files_make_folder(c, &msg) == ERR_NONE);
    for (int i = 0; i < FILES_MAX; i++) {
        const char *end = in.n ? memmem(in.p, in.n, sep.p, sep.n) : NULL;
        size_t n = end && i + 1 < FILES_MAX ? (size_t)(end - in.p) : in.n;
        const char *name = i ? aof_manifest_add_incr(&m, c->appendfilename)
                             : aof_manifest_add_base(&m, c->appendfilename, true);
        write_file(c, name, slice_of(in.p, n));
        if (n == in.n) break;
        in = slice_of(in.p + n + sep.n, in.n - n - sep.n);
    }
    must(aof_files_save(c, &m, &msg) == ERR_NONE);
    aof_manifest_free(&m);
}

/* ---- loading ---- */

static int64_t count_and_forget(struct server *s)
{
    int64_t n = (int64_t)dataset_keys(s);
    for (int db = 0; db < s->config->databases; db++) ks_flush(s->ks, db, false);
    return n;
}

static void on_done(void *arg, bool ok)
{
    struct fuzzed *f = arg;
    f->ok = ok;
    loop_stop(f->s.loop);
}

/* The number of keys; -1: it was refused. */
static int64_t in_slices(struct fuzzed *f, bool truncated)
{
    struct errmsg msg;
    f->config.aof_load_truncated = truncated;
    must(aof_load_start(f->s.aof_loader, on_done, f, &msg) == ERR_NONE);
    loop_run(f->s.loop);
    must(!aof_load_busy(f->s.aof_loader) && !f->s.loading && !f->s.replaying);
    int64_t n = count_and_forget(&f->s);
    return f->ok ? n : -1;
}

static int64_t at_once(struct fuzzed *f, bool truncated)
{
    f->config.aof_load_truncated = truncated;
    bool ok = aof_load_now(f->s.aof_loader);
    int64_t n = count_and_forget(&f->s);
    return ok ? n : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzzed *f;
    if (!f) f = start();
    write_files(&f->config, slice_of((const char *)data, size));
    int64_t keys = in_slices(f, false);
    must(at_once(f, false) == keys);
    int64_t cut = in_slices(f, true);
    must(keys < 0 || cut == keys);
    if (cut >= 0) must(at_once(f, false) == cut);
    return 0;
}
