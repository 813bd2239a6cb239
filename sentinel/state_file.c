/* The state lives in sentinel.conf itself, as operators and charts expect: our lines are put where
 * lines of the same directive stood, the rest of the file stays as it is. Written beside, synced,
 * renamed. A configuration that is no regular file (/dev/null) is never written. */
#include <string.h>
#include <unistd.h>

#include "core/conf/rewrite.h"
#include "core/sys/file.h"
#include "core/sys/log.h"
#include "sentinel/scripts.h"
#include "sentinel/sentinel.h"
#include "sentinel/state_text.h"

/* ---- reading ---- */

#define CHECK_ERRORS_MAX 100 /* more do not help the reader */

struct state_in {
    VEC(const struct conf_line *) lines;
    VEC(struct sn_line_in) in;
    VEC(struct slice *) blocks;
};

static bool names_bad_script(const struct slice *argv, int argc)
{
    char path[1024];
    if (argc < 3) return false;
    if (!slice_ieqz(argv[0], "notification-script") &&
        !slice_ieqz(argv[0], "client-reconfig-script"))
        return false;
    return !script_runnable(slice_cstr(argv[2], path, sizeof(path)));
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
                                           .bad_script = names_bad_script(argv, (int)n) });
}

static void state_in_free(struct state_in *st)
{
    for (size_t i = 0; i < st->blocks.n; i++)
        mem_free(st->blocks.at[i]);
    vec_free(&st->blocks);
    vec_free(&st->lines);
    vec_free(&st->in);
}

static enum err read_into(struct sn_core *core, struct conf_lines *lines, const struct state_in *st,
                          size_t *bad)
{
    struct errmsg msg;
    enum err e = sn_state_read(core, st->in.at, st->in.n, bad, &msg);
    if (e) conf_error_add(lines, *bad < st->lines.n ? st->lines.at[*bad] : NULL, msg.text);
    return e;
}

enum err state_file_load(struct sentinel *s)
{
    struct state_in st = { 0 };
    size_t bad = 0;
    sentinel_config_lines(&s->start->lines, take_line, &st);
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
    struct state_in st = { 0 };
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

enum err state_file_save(struct sentinel *s, struct errmsg *msg)
{
    struct conf_rewrite *w;
    struct sn_lines lines = { 0 };
    if (!s->state_in_file) return ERR_NONE;
    enum err e = conf_rewrite_open(&w, s->start->config_file, msg);
    if (e) return e;
    conf_rewrite_rows(w, &s->conf);
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
