#include "server/persist/aof_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/sys/bg.h"
#include "core/sys/file.h"
#include "core/sys/log.h"
#include "server/config.h"

struct str aof_path(const struct server_config *c, const char *name)
{
    return str_fmt("%s/%s", c->appenddirname, name);
}

static struct str manifest_path(const struct server_config *c)
{
    return str_fmt("%s/%s.manifest", c->appenddirname, c->appendfilename);
}

int64_t aof_files_size(const struct server_config *c, const char *name)
{
    struct stat st;
    struct str path = aof_path(c, name);
    int64_t size = stat(path.p, &st) == 0 ? (int64_t)st.st_size : -1;
    str_free(&path);
    return size;
}

enum err aof_files_make_folder(const struct server_config *c, struct errmsg *msg)
{
    if (mkdir(c->appenddirname, 0755) != 0 && errno != EEXIST)
        return err_set(msg, ERR_IO, "Can't create or open append-only dir %s: %s",
                       c->appenddirname, strerror(errno));
    /* also when it was there: who made it may have died before its sync */
    return file_sync_folder(c->appenddirname, msg);
}

enum err aof_files_save(const struct server_config *c, const struct aof_manifest *m,
                        struct errmsg *msg)
{
    struct buf text = { 0 };
    struct str path = manifest_path(c);
    aof_manifest_print(m, &text);
    enum err e = file_replace(path.p, buf_slice(&text), msg);
    if (e) err_prefix(msg, e, "Can't write the AOF manifest %s", path.p);
    str_free(&path);
    buf_free(&text);
    return e;
}

/* ---- the single file of versions before 7.0 ---- */

/* The manifest names it first: whoever dies in between finds the file in one of two places. */
static enum err adopt_old(const struct server_config *c, struct aof_manifest *m,
                          struct errmsg *msg)
{
    enum err e = aof_files_make_folder(c, msg);
    if (e) return e;
    aof_manifest_add_named_base(m, c->appendfilename);
    e = aof_files_save(c, m, msg);
    if (e) return e;
    struct str to = aof_path(c, c->appendfilename);
    e = file_rename_synced(c->appendfilename, to.p, msg);
    if (!e)
        log_notice("Successfully migrated an old-style AOF configuration (%s) into the AOF "
                   "directory (%s).",
                   c->appendfilename, c->appenddirname);
    str_free(&to);
    return e;
}

/* The manifest has one file, of the old name, and it has not moved yet. */
static bool half_adopted(const struct server_config *c, const struct aof_manifest *m)
{
    const struct aof_file *base = aof_manifest_base(m);
    return m->at.n == 1 && base && strcmp(base->name, c->appendfilename) == 0 &&
           aof_files_size(c, base->name) < 0 && file_is_regular(c->appendfilename);
}

static enum err finish_adopting(const struct server_config *c, struct errmsg *msg)
{
    struct str to = aof_path(c, c->appendfilename);
    enum err e = file_rename_synced(c->appendfilename, to.p, msg);
    str_free(&to);
    return e;
}

enum err aof_files_load(const struct server_config *c, struct aof_manifest *m, bool adopt,
                        struct errmsg *msg)
{
    struct buf text = { 0 };
    struct str path = manifest_path(c);
    enum err e = ERR_NOTFOUND;
    if (file_exists(path.p)) {
        e = file_read(path.p, AOF_MANIFEST_MAX, &text, msg);
        if (!e) e = aof_manifest_parse(m, buf_slice(&text), msg);
        if (e) err_prefix(msg, e, "Reading the AOF manifest %s", path.p);
        if (!e && half_adopted(c, m)) e = finish_adopting(c, msg);
    } else if (adopt && file_is_regular(c->appendfilename)) {
        e = adopt_old(c, m, msg);
    }
    buf_free(&text);
    str_free(&path);
    return e;
}

/* ---- what is no longer needed ---- */

static void run_close(void *arg) { close((int)(intptr_t)arg); }

static void remove_slowly(const char *path, struct bg *bg)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (unlink(path) != 0 && errno != ENOENT)
        log_warning("Can't remove %s: %s", path, strerror(errno));
    if (fd >= 0) bg_do(bg, run_close, (void *)(intptr_t)fd);
}

void aof_files_clean(const struct server_config *c, struct aof_manifest *m, struct bg *bg)
{
    struct errmsg msg;
    struct aof_manifest without;
    if (!aof_manifest_has_history(m)) return;
    for (size_t i = 0; i < m->at.n; i++) {
        if (m->at.at[i].kind != AOF_HISTORY) continue;
        struct str path = aof_path(c, m->at.at[i].name);
        log_notice("Removing the history file %s in the background", m->at.at[i].name);
        remove_slowly(path.p, bg);
        str_free(&path);
    }
    aof_manifest_copy(&without, m);
    aof_manifest_forget_history(&without);
    if (aof_files_save(c, &without, &msg)) {
        log_warning("%s", msg.text);
        aof_manifest_free(&without);
        return;
    }
    aof_manifest_free(m);
    *m = without;
}

/* Another server may share the folder: what a living process writes stays. */
static bool is_remains(const struct server_config *c, const char *name)
{
    int pid;
    char temp_incr[PATH_MAX];
    snprintf(temp_incr, sizeof(temp_incr), AOF_TEMP_INCR, c->appendfilename);
    if (strcmp(name, temp_incr) == 0) return true;
    return sscanf(name, "temp-rewriteaof-bg-%d.aof", &pid) == 1 && kill(pid, 0) != 0;
}

void aof_files_sweep(const struct server_config *c)
{
    DIR *d = opendir(c->appenddirname);
    if (!d) return;
    for (struct dirent *e; (e = readdir(d));) {
        if (!is_remains(c, e->d_name)) continue;
        struct str path = aof_path(c, e->d_name);
        log_notice("Removing the temp file %s of an earlier run", e->d_name);
        unlink(path.p);
        str_free(&path);
    }
    closedir(d);
}
