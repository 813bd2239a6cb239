/* Where the state is kept.
 *
 * <configuration>.state: what must survive a crash before anybody hears of it (epochs, votes,
 * the master's address of each configuration) and what Redis' file has no words for. Changes are
 * appended and synced; the file is compacted when it has grown (state_log.h).
 *
 * The configuration itself, as operators and charts expect: our lines are put where lines of the
 * same directive stood, the rest stays as it is. Written beside, synced, renamed: a moment after
 * the change, and before the answer to an administrator's command.
 *
 * At the start both are read. The state file counts when it is of the same Sentinel (myid), and
 * only for what is newer there: an epoch, or a master of a greater configuration epoch. What an
 * operator changed by hand in the configuration holds. A configuration that is no regular file
 * (/dev/null) is never written, and has no state file. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/num.h"
#include "core/conf/rewrite.h"
#include "core/resp/read.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "core/sys/log.h"
#include "sentinel/scripts.h"
#include "sentinel/sentinel.h"
#include "sentinel/state_text.h"

/* ---- reading ---- */

#define CHECK_ERRORS_MAX 100 /* more do not help the reader */

struct state_in {
    const char *dir; /* lent */
    VEC(const struct conf_line *) lines;
    VEC(struct sn_line_in) in;
    VEC(struct slice *) blocks;
    VEC(size_t) index;           /* of the configuration's lines */
    VEC(struct slice) newer;     /* groups of which the state file has a newer configuration */
};

/* Paths of scripts count from the folder that `dir` names, wherever it stands. */
static const char *folder_of(const struct conf_lines *lines)
{
    const char *dir = "";
    for (size_t i = 0; i < lines->line.n; i++) {
        const struct conf_line *l = &lines->line.at[i];
        if (l->words == 2 && slice_ieqz(str_slice(l->word[0]), "dir")) dir = str_c(l->word[1]);
    }
    return dir;
}

static bool names_bad_script(const char *dir, const struct slice *argv, int argc)
{
    char path[1024], full[2048];
    if (argc < 3) return false;
    if (!slice_ieqz(argv[0], "notification-script") &&
        !slice_ieqz(argv[0], "client-reconfig-script"))
        return false;
    slice_cstr(argv[2], path, sizeof(path));
    if (dir[0] && path[0] != '/') snprintf(full, sizeof(full), "%s/%s", dir, path);
    else text_copy(full, sizeof(full), path);
    return !script_runnable(full);
}

static void take_line(void *to, const struct conf_line *line)
{
    struct state_in *st = to;
    size_t n = line->words - 1;
    struct slice *argv = mem_alloc((n ? n : 1) * sizeof(*argv));
    for (size_t i = 0; i < n; i++)
        argv[i] = str_slice(line->word[i + 1]);
    vec_push(&st->blocks, argv);
    vec_push(&st->lines, line);
    vec_push(&st->in, (struct sn_line_in){ .argv = argv,
                                           .argc = (int)n,
                                           .bad_script = names_bad_script(st->dir, argv, (int)n) });
}

static void state_in_free(struct state_in *st)
{
    for (size_t i = 0; i < st->blocks.n; i++)
        mem_free(st->blocks.at[i]);
    vec_free(&st->blocks);
    vec_free(&st->lines);
    vec_free(&st->in);
    vec_free(&st->index);
    vec_free(&st->newer);
}

static enum err read_into(struct sn_core *core, struct conf_lines *lines, const struct state_in *st,
                          size_t *bad)
{
    struct errmsg msg;
    enum err e = sn_state_read(core, st->in.at, st->in.n, bad, &msg);
    if (e) conf_error_add(lines, *bad < st->lines.n ? st->lines.at[*bad] : NULL, msg.text);
    return e;
}

/* ---- the state file ---- */

#define STATE_MAX (64u << 20)
#define PATH_LEN 4200

static void state_path(const struct sentinel *s, char *out)
{
    snprintf(out, PATH_LEN, "%s.state", s->start->config_file);
}

static int directive_cmp(struct slice a, struct slice b)
{
    int c = strncasecmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return c ? c : a.n < b.n ? -1 : a.n > b.n;
}

/* By directive and first word, then by place. */
static int by_key(const void *x, const void *y, void *arg)
{
    const struct state_in *st = arg;
    size_t i = *(const size_t *)x, j = *(const size_t *)y;
    const struct sn_line_in *a = &st->in.at[i], *b = &st->in.at[j];
    int c = directive_cmp(a->argv[0], b->argv[0]);
    if (!c && (a->argc < 2 || b->argc < 2)) c = (a->argc > 1) - (b->argc > 1);
    else if (!c) c = slice_cmp(a->argv[1], b->argv[1]);
    return c ? c : i < j ? -1 : i > j;
}

static void make_index(struct state_in *st)
{
    for (size_t i = 0; i < st->in.n; i++)
        if (st->in.at[i].argc) vec_push(&st->index, i);
    if (st->index.n) qsort_r(st->index.at, st->index.n, sizeof(size_t), by_key, st);
}

/* Before, at or behind the lines with that directive (and group)? */
static int side(const struct sn_line_in *l, const struct slice *argv, int words)
{
    int c = directive_cmp(l->argv[0], argv[0]);
    if (c || !words) return c;
    return l->argc < 2 ? -1 : slice_cmp(l->argv[1], argv[1]);
}

/* The first line of the configuration with that directive (and group), or -1. */
static ptrdiff_t find_line(const struct state_in *st, const struct slice *argv, int words)
{
    size_t lo = 0, hi = st->index.n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (side(&st->in.at[st->index.at[mid]], argv, words) < 0) lo = mid + 1;
        else hi = mid;
    }
    if (lo == st->index.n || side(&st->in.at[st->index.at[lo]], argv, words)) return -1;
    return (ptrdiff_t)st->index.at[lo];
}

static uint64_t epoch_in(const struct sn_line_in *l, int at)
{
    uint64_t v = 0;
    if (l && l->argc > at) num_to_u64(l->argv[at], &v);
    return v;
}

static const struct sn_line_in *line_at(const struct state_in *st, ptrdiff_t at)
{
    return at < 0 ? NULL : &st->in.at[at];
}

static void put_line(struct state_in *st, ptrdiff_t at, struct slice *argv, int argc)
{
    struct sn_line_in in = { .argv = argv, .argc = argc };
    vec_push(&st->blocks, argv);
    if (at >= 0) {
        st->in.at[at] = in;
    } else {
        vec_push(&st->in, in);
        vec_push(&st->lines, NULL);
    }
}

/* A newer configuration is the master's address and its epoch together. */
static bool newer_config(const struct state_in *st, const struct slice *argv)
{
    struct slice key[2] = { SLICE("config-epoch"), argv[1] };
    uint64_t theirs = 0, ours = epoch_in(line_at(st, find_line(st, key, 1)), 2);
    return num_to_u64(argv[2], &theirs) && theirs > ours;
}

/* One line of the state file: does it say more than the configuration? `newer`: a newer
 * configuration of its group stands there. */
static void merge(struct state_in *st, struct slice *argv, int argc, bool newer)
{
    bool epoch = argc > 1 && (slice_eqz(argv[0], "current-epoch") ||
                              slice_eqz(argv[0], "leader-epoch"));
    int words = argc > 2 ? 1 : 0;
    ptrdiff_t at = find_line(st, argv, words);
    uint64_t v = 0;
    bool use = slice_starts(argv[0], "sentinel-");
    if (use) at = -1;
    if (epoch) use = num_to_u64(argv[argc - 1], &v) && v > epoch_in(line_at(st, at), argc - 1);
    if (slice_eqz(argv[0], "config-epoch")) use = at >= 0 && newer;
    if (slice_eqz(argv[0], "monitor")) use = at >= 0 && newer && argc == 5;
    if (use && slice_eqz(argv[0], "monitor")) argv[4] = st->in.at[at].argv[4]; /* the quorum */
    if (use && words && !slice_starts(argv[0], "sentinel-") && at < 0 &&
        !slice_eqz(argv[0], "leader-epoch"))
        use = false;
    if (use) put_line(st, at, argv, argc);
    else mem_free(argv);
}

static struct slice *split(struct slice text, int *argc)
{
    bool comment = slice_starts(text, "# ");
    size_t skip = comment ? 2 : sizeof("sentinel ") - 1;
    if (text.n < skip) return NULL;
    return resp_split_line(slice_of(text.p + skip, text.n - skip), argc);
}

static bool of_this_sentinel(const struct state_in *st, const struct state_log *log)
{
    struct slice key = SLICE("myid");
    ptrdiff_t at = find_line(st, &key, 0);
    int argc = 0;
    if (at < 0 || st->in.at[at].argc != 2 || !log->lines.n) return false;
    struct slice *argv = split(str_slice(log->lines.at[0]), &argc);
    bool same = argv && argc == 2 && slice_eqz(argv[0], "myid") &&
                slice_eq(argv[1], st->in.at[at].argv[1]);
    mem_free(argv);
    return same;
}

static bool group_exists(const struct state_in *st, struct slice name)
{
    struct slice key[2] = { SLICE("monitor"), name };
    return find_line(st, key, 1) >= 0;
}

static int by_text(const void *x, const void *y)
{
    return slice_cmp(*(const struct slice *)x, *(const struct slice *)y);
}

/* Asked before anything is merged: the first merged line of a group changes the answer. */
static void note_newer(struct state_in *st, const struct state_log *log)
{
    for (size_t i = 0; i < log->lines.n; i++) {
        int argc;
        struct slice *argv = split(str_slice(log->lines.at[i]), &argc);
        bool newer = argv && argc == 3 && slice_eqz(argv[0], "config-epoch") &&
                     newer_config(st, argv);
        if (newer) {
            vec_push(&st->blocks, argv);
            vec_push(&st->newer, argv[1]);
        } else {
            mem_free(argv);
        }
    }
    if (st->newer.n) qsort(st->newer.at, st->newer.n, sizeof(*st->newer.at), by_text);
}

static bool is_newer(const struct state_in *st, struct slice name)
{
    return st->newer.n &&
           bsearch(&name, st->newer.at, st->newer.n, sizeof(*st->newer.at), by_text);
}

static void merge_log(struct state_in *st, const struct state_log *log)
{
    note_newer(st, log);
    for (size_t i = 1; i < log->lines.n; i++) {
        int argc;
        struct slice *argv = split(str_slice(log->lines.at[i]), &argc);
        if (!argv || !argc || (argc > 2 && !group_exists(st, argv[1]))) {
            mem_free(argv);
            continue;
        }
        merge(st, argv, argc, argc > 1 && is_newer(st, argv[1]));
    }
}

static void read_log(struct sentinel *s, struct state_in *st)
{
    char path[PATH_LEN];
    struct buf b = { 0 };
    struct errmsg msg;
    struct state_log log = { 0 };
    size_t good = 0;
    if (!s->start->config_file || !file_is_regular(s->start->config_file)) return;
    state_path(s, path);
    if (!file_exists(path)) return;
    make_index(st);
    if (!file_read(path, STATE_MAX, &b, &msg) &&
        state_log_read(&log, buf_slice(&b), &good) && of_this_sentinel(st, &log))
        merge_log(st, &log);
    state_log_free(&log);
    buf_free(&b);
}

enum err state_file_load(struct sentinel *s)
{
    struct state_in st = { .dir = folder_of(&s->start->lines) };
    size_t bad = 0;
    sentinel_config_lines(&s->start->lines, take_line, &st);
    read_log(s, &st);
    enum err e = read_into(s->core, &s->start->lines, &st, &bad);
    state_in_free(&st);
    return e;
}

static void leave_out(struct state_in *st, size_t at)
{
    st->in.n--;
    st->lines.n--;
    memmove(st->in.at + at, st->in.at + at + 1, (st->in.n - at) * sizeof(*st->in.at));
    memmove(st->lines.at + at, st->lines.at + at + 1, (st->lines.n - at) * sizeof(*st->lines.at));
}

/* The core stops at the first bad line: all are found by reading again without it. */
void state_file_check(struct conf_lines *lines)
{
    static const char any_id[] = "0000000000000000000000000000000000000000";
    struct state_in st = { .dir = folder_of(lines) };
    sentinel_config_lines(lines, take_line, &st);
    for (int errors = 0; errors < CHECK_ERRORS_MAX; errors++) {
        struct sn_core *core = sn_core_new(0, any_id);
        size_t bad = 0;
        bool good = read_into(core, lines, &st, &bad) == ERR_NONE;
        sn_core_delete(core);
        if (good || bad >= st.in.n) break;
        leave_out(&st, bad);
    }
    state_in_free(&st);
}

/* ---- writing ---- */

/* The families of lines that are ours: those left over in the file go. */
static const char *const keys[] = {
    "sentinel myid",
    "sentinel monitor",
    "sentinel down-after-milliseconds",
    "sentinel failover-timeout",
    "sentinel parallel-syncs",
    "sentinel notification-script",
    "sentinel client-reconfig-script",
    "sentinel auth-pass",
    "sentinel auth-user",
    "sentinel rename-command",
    "sentinel config-epoch",
    "sentinel leader-epoch",
    "sentinel known-replica",
    "sentinel known-slave",
    "sentinel known-sentinel",
    "sentinel current-epoch",
    "sentinel announce-ip",
    "sentinel announce-port",
    "sentinel sentinel-user",
    "sentinel sentinel-pass",
    "sentinel resolve-hostnames",
    "sentinel announce-hostnames",
    "sentinel deny-scripts-reconfig",
    "sentinel master-reboot-down-after-period",
};

enum err state_file_rewrite(struct sentinel *s, struct errmsg *msg)
{
    struct conf_rewrite *w;
    struct sn_lines lines = { 0 };
    if (!s->state_in_file) return ERR_NONE;
    enum err e = conf_rewrite_open(&w, s->start->config_file, msg);
    if (e) return e;
    conf_rewrite_rows(w, &s->conf);
    front_put_users(s->front, w);
    sn_state_write(s->core, &lines);
    for (size_t i = 0; i < lines.at.n; i++)
        if (lines.at.at[i].directive[0] != '#')
            conf_rewrite_line(w, str_slice(lines.at.at[i].text), true);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        conf_rewrite_key(w, keys[i]);
    e = conf_rewrite_save(w, s->start->config_file, msg);
    sn_lines_free(&lines);
    conf_rewrite_free(w);
    return e;
}

/* What is kept in the state file, of all lines. */
static bool vital(const char *directive)
{
    static const char *const names[] = { "myid", "monitor", "config-epoch", "leader-epoch",
                                         "current-epoch" };
    if (directive[0] == '#') return true;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(directive, names[i]) == 0) return true;
    return false;
}

#define COMPACT_BYTES (256u << 10) /* smaller files are left alone */
#define REWRITE_QUICK_MS 5          /* what takes no longer is done at once */
#define REWRITE_SHARE 20            /* else so many times as long passes before the next */
#define REWRITE_WAIT_MAX_MS 5000

static enum err append(struct sentinel *s, const char *path, struct slice bytes, bool whole,
                       struct errmsg *msg)
{
    if (whole) {
        s->state_size = s->state_whole = bytes.n;
        return file_replace(path, bytes, msg);
    }
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (fd < 0) return err_set(msg, ERR_IO, "%s: %m", path);
    enum err e = file_append(fd, bytes, msg);
    if (!e && fdatasync(fd) != 0) e = err_set(msg, ERR_IO, "%s: %m", path);
    close(fd);
    s->state_size += bytes.n;
    return e;
}

static void on_rewrite(void *arg)
{
    struct sentinel *s = arg;
    struct errmsg msg;
    int64_t began = clock_mono_ms();
    if (state_file_rewrite(s, &msg))
        log_warning("The configuration file cannot be rewritten: %s", msg.text);
    loop_refresh_now(s->loop);
    s->rewrite_ms = clock_mono_ms() - began;
    s->rewrite_not_before = loop_now_ms(s->loop) + s->rewrite_ms * REWRITE_SHARE;
}

/* A large file is not written again and again while many groups change: nothing is lost, all that
 * counts stands in the state file. */
static void rewrite_soon(struct sentinel *s)
{
    int64_t wait = s->rewrite_not_before - loop_now_ms(s->loop);
    if (!s->rewrite) s->rewrite = loop_timer_new(s->loop, on_rewrite, s);
    if (s->rewrite_ms < REWRITE_QUICK_MS) wait = 0;
    if (!loop_timer_armed(s->rewrite))
        loop_timer_after(s->rewrite, wait < REWRITE_WAIT_MAX_MS ? wait : REWRITE_WAIT_MAX_MS);
}

/* A failed append may have left half a batch: the next save writes the file anew. */
enum err state_file_save(struct sentinel *s, struct errmsg *msg)
{
    char path[PATH_LEN];
    struct sn_lines lines = { 0 };
    VEC(struct slice) keep = { 0 };
    struct buf out = { 0 };
    if (!s->state_in_file) return ERR_NONE;
    state_path(s, path);
    bool whole = !s->state_size || !file_exists(path) ||
                 (s->state_size > COMPACT_BYTES && s->state_size > 4 * s->state_whole);
    sn_state_write(s->core, &lines);
    for (size_t i = 0; i < lines.at.n; i++)
        if (vital(lines.at.at[i].directive)) vec_push(&keep, str_slice(lines.at.at[i].text));
    state_log_write(&s->state, keep.at, keep.n, whole, &out);
    enum err e = buf_size(&out) ? append(s, path, buf_slice(&out), whole, msg) : ERR_NONE;
    if (e) s->state_size = 0;
    vec_free(&keep);
    sn_lines_free(&lines);
    buf_free(&out);
    if (e) return e;
    if (s->rewrite_now) return state_file_rewrite(s, msg);
    rewrite_soon(s);
    return ERR_NONE;
}

void state_file_end(struct sentinel *s)
{
    struct errmsg msg;
    if (s->rewrite) loop_timer_delete(s->rewrite);
    s->rewrite = NULL;
    if (s->state_in_file) state_file_rewrite(s, &msg);
    state_log_free(&s->state);
}
