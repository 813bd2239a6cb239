#include "core/front/cmdline.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/crc.h"
#include "core/base/num.h"
#include "core/front/check_system.h"
#include "core/sys/file.h"
#include "core/sys/log.h"
#include "core/sys/process.h"

static const char usage[] =
    "Usage: ./redis-server [/path/to/redis.conf] [options] [-]\n"
    "       ./redis-server - (read config from stdin)\n"
    "       ./redis-server -v or --version\n"
    "       ./redis-server -h or --help\n"
    "       ./redis-server --test-memory <megabytes>\n"
    "       ./redis-server --check-system\n"
    "       ./redis-server --check-config /path/to/redis.conf (exit 0: no error)\n"
    "       ./redis-server --print-directives json|markdown\n"
    "\n"
    "Options are directives of the file with -- in front; they win over the file.\n"
    "\n"
    "       ./redis-server --port 6380 --replicaof 10.0.0.1 6379   a replica, without a file\n"
    "       ./redis-server /etc/tanist.conf --loglevel debug       a file, one setting changed\n"
    "       ./redis-sentinel /path/to/sentinel.conf                a Sentinel; or, the same:\n"
    "       ./redis-server /path/to/sentinel.conf --sentinel\n";

/* ---- what ends at once ---- */

static int print_version(void)
{
    static const char build[] = TANIST_VERSION " " START_REDIS_VERSION;
    printf("Redis server v=" START_REDIS_VERSION " sha=00000000:0 malloc=%s bits=%d build=%llx "
           "tanist=" TANIST_VERSION "\n",
           mem_allocator(), (int)sizeof(void *) * 8,
           (unsigned long long)crc64(0, build, sizeof(build) - 1));
    return 0;
}

static int print_usage(void)
{
    fputs(usage, stderr);
    return 1;
}

static int test_memory(int argc, char **argv)
{
    if (argc != 3) {
        fputs("Please specify the amount of memory to test in megabytes.\n"
              "Example: ./redis-server --test-memory 4096\n\n", stderr);
        return 1;
    }
    return check_memory_run(strtol(argv[2], NULL, 10));
}

/* True: it was one of those, *code is the exit code. They count as first argument only. */
static bool run_once(int argc, char **argv, int *code)
{
    const char *first = argc > 1 ? argv[1] : "";
    if (!strcmp(first, "-v") || !strcmp(first, "--version")) *code = print_version();
    else if (!strcmp(first, "-h") || !strcmp(first, "--help")) *code = print_usage();
    else if (!strcmp(first, "--test-memory")) *code = test_memory(argc, argv);
    else if (!strcmp(first, "--check-system")) *code = check_system_run();
    else return false;
    return true;
}

/* ---- arguments ---- */

bool cmdline_is_sentinel(int argc, char **argv)
{
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    const char *name = slash ? slash + 1 : (argc > 0 ? argv[0] : "");
    if (strstr(name, "sentinel")) return true;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--sentinel")) return true;
    }
    return false;
}

static bool is_option(const char *arg) { return arg[0] == '-' && arg[1] == '-'; }

static bool is_stdin(int i, int argc, char **argv)
{
    return !strcmp(argv[i], "-") && (i == 1 || i == argc - 1);
}

struct words {
    VEC(struct slice) at;
    struct conf_words split; /* holds those that came in one argument */
};

static void words_flush(struct conf_lines *l, struct words *w)
{
    struct slice first = w->at.n ? w->at.at[0] : SLICE("");
    /* `--save` alone is `save ""`; `--sentinel` alone only chose the personality. */
    if (w->at.n == 1 && slice_ieqz(first, "save")) vec_push(&w->at, SLICE(""));
    if (w->at.n == 1 && slice_ieqz(first, "sentinel")) {
        vec_clear(&w->at);
        l->next_number++; /* it counts as a line in Redis' errors */
    }
    if (w->at.n) conf_read_words(l, w->at.at, w->at.n);
    vec_clear(&w->at);
    conf_words_free(&w->split);
}

/* An option and its values in one argument: "--maxmemory 700mb". */
static bool came_together(struct words *w, const char *text)
{
    if (!strpbrk(text, " \t") || !conf_split(slice_z(text), &w->split, NULL)) return false;
    for (size_t i = 0; i < w->split.n; i++) vec_push(&w->at, str_slice(w->split.at[i]));
    return true;
}

static void words_begin(struct words *w, const char *arg)
{
    const char *name = arg + 2, *equals = strchr(name, '=');
    if (came_together(w, name)) return;
    vec_push(&w->at, equals ? slice_of(name, (size_t)(equals - name)) : slice_z(name));
    if (equals) vec_push(&w->at, slice_z(equals + 1));
}

/* The first value may look like an option ("--masterauth --secret"), but behind these two, whose
 * values may be missing, it is one. */
static bool takes_anything(const struct words *w)
{
    return w->at.n == 1 && !slice_ieqz(w->at.at[0], "save") &&
           !slice_ieqz(w->at.at[0], "sentinel");
}

void cmdline_options(struct conf_lines *l, int argc, char **argv, const char **file,
                     bool *from_stdin)
{
    struct words w = { 0 };
    int i = 1;
    *file = NULL;
    *from_stdin = false;
    if (argc > 1 && argv[1][0] != '-') *file = argv[i++];
    for (; i < argc; i++) {
        if (is_stdin(i, argc, argv)) {
            *from_stdin = true;
        } else if (is_option(argv[i]) && !takes_anything(&w)) {
            words_flush(l, &w);
            words_begin(&w, argv[i]);
        } else {
            vec_push(&w.at, slice_z(argv[i]));
        }
    }
    words_flush(l, &w);
    vec_free(&w.at);
}

/* ---- files ---- */

static bool read_config_file(struct front_start *s)
{
    struct errmsg m = { "" };
    enum err e = process_readable_check(s->config_file, &m);
    if (!e) e = conf_read_file(&s->lines, s->config_file, &m);
    if (e) log_warning("Fatal error, can't open config file '%s': %s", s->config_file, m.text);
    return !e;
}

static bool read_stdin(struct front_start *s)
{
    struct buf text = { 0 };
    char part[4096];
    size_t n;
    log_warning("Reading config from stdin");
    while (buf_size(&text) < CONF_FILE_BYTES_MAX && (n = fread(part, 1, sizeof(part), stdin)) > 0) {
        buf_put(&text, part, n);
    }
    conf_read_text(&s->lines, "(stdin)", buf_slice(&text));
    buf_free(&text);
    return true;
}

static void move_lines(struct conf_lines *to, struct conf_lines *from)
{
    for (size_t i = 0; i < from->line.n; i++) vec_push(&to->line, from->line.at[i]);
    for (size_t i = 0; i < from->error.n; i++) vec_push(&to->error, from->error.at[i]);
    vec_free(&from->line);
    vec_free(&from->error);
}

/* Options come last but are read first, since they tell whether standard input is to be read; so
 * their numbers are put right afterwards: they stand one line below what came before. */
static void append_options(struct front_start *s, struct conf_lines *options)
{
    int shift = s->lines.next_number;
    for (size_t i = 0; i < options->line.n; i++) {
        if (*options->line.at[i].file == 0) options->line.at[i].number += shift;
    }
    move_lines(&s->lines, options);
}

static enum cmdline_mode mode_of(int *argc, char ***argv)
{
    enum cmdline_mode mode = CMDLINE_RUN;
    if (*argc > 1 && !strcmp((*argv)[1], "--check-config")) mode = CMDLINE_CHECK_CONFIG;
    if (*argc > 1 && !strcmp((*argv)[1], "--print-directives")) mode = CMDLINE_PRINT;
    if (mode != CMDLINE_RUN) (*argc)--, (*argv)++;
    return mode;
}

enum cmdline_mode cmdline_read(struct front_start *s, int argc, char **argv, int *code)
{
    *s = (struct front_start){ .argc = argc, .argv = argv,
                               .sentinel = cmdline_is_sentinel(argc, argv) };
    conf_lines_init(&s->lines);
    *code = 1;
    if (run_once(argc, argv, code)) return CMDLINE_EXIT;
    enum cmdline_mode mode = mode_of(&argc, &argv);
    if (mode == CMDLINE_PRINT) return mode;
    if (s->sentinel) log_set_role('X');

    struct conf_lines options;
    const char *file;
    conf_lines_init(&options);
    cmdline_options(&options, argc, argv, &file, &s->from_stdin);
    s->exe = process_exe(argv[0]);
    s->has_options = options.line.n > 0;
    if (file) s->config_file = process_absolute(file);
    bool ok = !s->config_file || read_config_file(s);
    if (ok && s->from_stdin) ok = read_stdin(s);
    append_options(s, &options);
    if (ok && mode == CMDLINE_CHECK_CONFIG && !file && !s->from_stdin) {
        fputs("--check-config needs a file\n", stderr);
        ok = false;
    }
    return ok ? mode : CMDLINE_EXIT;
}

void cmdline_free(struct front_start *s)
{
    conf_lines_free(&s->lines);
    mem_free(s->config_file);
    mem_free(s->exe);
}
