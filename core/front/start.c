#include "core/front/start.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/front/proc_title.h"
#include "core/net/loop.h"
#include "core/sys/clock.h"
#include "core/sys/crash.h"
#include "core/sys/log.h"
#include "core/sys/process.h"
#include "core/sys/supervise.h"

/* Beside the clients: log, listeners, snapshots, links. As in Redis: limits mean the same. */
#define RESERVED_FILES 32

/* ---- loading ---- */

/* The errors of reading come first in time: an error of lexing may stand behind one of values. */
static const struct conf_error *first_error(const struct conf_lines *l)
{
    const struct conf_error *first = &l->error.at[0];
    for (size_t i = 1; i < l->error.n; i++) {
        const struct conf_error *e = &l->error.at[i];
        if (strcmp(e->file, first->file) == 0 && e->number < first->number) first = e;
    }
    return first;
}

bool start_load(struct front_start *s, struct conf *c, bool (*skip)(const struct conf_line *))
{
    conf_load(c, &s->lines, skip);
    if (s->lines.error.n == 0) {
        c->loaded = true;
        return true;
    }
    start_fatal(s);
    return false;
}

void start_fatal(const struct front_start *s)
{
    const struct conf_error *e = first_error(&s->lines);
    fprintf(stderr,
            "\n*** FATAL CONFIG FILE ERROR (Redis " START_REDIS_VERSION ") ***\n"
            "Reading the configuration file, at line %d\n>>> '%s'\n%s\n",
            e->number, e->text, e->reason);
}

static int error_cmp(const void *a, const void *b)
{
    const struct conf_error *x = a, *y = b;
    int by_file = strcmp(x->file, y->file);
    return by_file ? by_file : (x->number > y->number) - (x->number < y->number);
}

int start_check(struct front_start *s, struct conf *c, bool (*skip)(const struct conf_line *))
{
    struct conf_lines *l = &s->lines;
    conf_load(c, l, skip);
    if (l->error.n) qsort(l->error.at, l->error.n, sizeof(l->error.at[0]), error_cmp);
    for (size_t i = 0; i < l->error.n; i++) {
        const struct conf_error *e = &l->error.at[i];
        fprintf(stderr, "%s:%d: %s\n    >>> '%s'\n", *e->file ? e->file : "(options)", e->number,
                e->reason, e->text);
    }
    for (size_t i = 0; i < c->without_effect.n; i++) {
        const struct conf_row *row = c->without_effect.at[i];
        void *field;
        conf_find(c, slice_z(row->name), &field);
        if (conf_is_default(row, field)) continue;
        printf("note: '%s' has no effect: %s\n", row->name, row->note);
    }
    if (l->error.n) fprintf(stderr, "%zu error(s)\n", l->error.n);
    else printf("OK\n");
    return l->error.n ? 1 : 0;
}

/* ---- the process ---- */

static bool enter_folder(struct front_config *cfg)
{
    struct errmsg m = { "" };
    struct buf cwd = { 0 };
    enum err e = strcmp(cfg->dir, ".") == 0 ? ERR_NONE : process_chdir(cfg->dir, &m);
    if (!e) e = process_cwd(&cwd, &m);
    if (!e) conf_put_text(&cfg->dir, buf_slice(&cwd));
    buf_free(&cwd);
    if (e) fprintf(stderr, "Can't chdir to '%s': %s\n", cfg->dir, m.text);
    return !e;
}

static void pick_supervisor(struct front_start *s, const struct front_config *cfg)
{
    enum supervise found = supervise_detect();
    if (cfg->supervised == SUPERVISED_NO) found = SUPERVISE_NONE;
    if (cfg->supervised == SUPERVISED_SYSTEMD) found = SUPERVISE_SYSTEMD;
    if (cfg->supervised == SUPERVISED_UPSTART) found = SUPERVISE_UPSTART;
    s->supervised = found == SUPERVISE_SYSTEMD;
    if (found == SUPERVISE_UPSTART) supervise_upstart_ready();
    if (s->supervised && !supervise_notify("STATUS=Redis is loading...\n")) {
        s->supervised = false;
        log_warning("systemd supervision requested or auto-detected, but NOTIFY_SOCKET cannot be "
                    "reached");
    }
}

static void log_first_lines(const struct front_start *s)
{
    log_warning("oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo");
    log_warning("Redis version=" START_REDIS_VERSION ", bits=%d, commit=00000000, modified=0, "
                "pid=%d, just started",
                (int)sizeof(void *) * 8, (int)getpid());
    if (s->config_file || s->from_stdin || s->has_options) {
        log_warning("Configuration loaded");
    } else {
        log_warning("Warning: no config file specified, using the default config. In order to "
                    "specify a config file use %s /path/to/redis.conf", s->argv[0]);
    }
}

/* Each directive without effect that was given another value than its default gets a line; the
 * others share one, since stock files write many defaults out. */
static void log_without_effect(const struct conf *c)
{
    struct buf quiet = { 0 };
    for (size_t i = 0; i < c->without_effect.n; i++) {
        const struct conf_row *row = c->without_effect.at[i];
        void *field;
        conf_find(c, slice_z(row->name), &field);
        if (conf_is_default(row, field)) {
            buf_fmt(&quiet, "%s%s", buf_size(&quiet) ? ", " : "", row->name);
        } else {
            log_warning("Directive '%s' is accepted and has no effect: %s", row->name, row->note);
        }
    }
    if (buf_size(&quiet)) {
        log_verbose("Directives without effect, given with their defaults: %.*s",
                    SLICE_ARG(buf_slice(&quiet)));
    }
    buf_free(&quiet);
}

static bool fit_clients(struct front_config *cfg)
{
    struct process_files files;
    uint64_t want = (uint64_t)cfg->maxclients + RESERVED_FILES;
    process_raise_files(want, &files);
    if (files.now >= want) {
        if (files.now != files.before) {
            log_notice("Increased maximum number of open files to %llu (it was originally set to "
                       "%llu).", (unsigned long long)want, (unsigned long long)files.before);
        }
        return true;
    }
    if (files.now <= RESERVED_FILES) {
        log_warning("Your current 'ulimit -n' of %llu is not enough for the server to start. "
                    "Please increase your open file limit to at least %llu. Exiting.",
                    (unsigned long long)files.now, (unsigned long long)want);
        return false;
    }
    log_warning("You requested maxclients of %lld requiring at least %llu max file descriptors.",
                (long long)cfg->maxclients, (unsigned long long)want);
    log_warning("Server can't set maximum open files to %llu because of OS error: %s.",
                (unsigned long long)want, files.why);
    cfg->maxclients = (int64_t)(files.now - RESERVED_FILES);
    log_warning("Current maximum open files is %llu. maxclients has been reduced to %lld to "
                "compensate for low ulimit. If you need higher maxclients increase 'ulimit -n'.",
                (unsigned long long)files.now, (long long)cfg->maxclients);
    return true;
}

static void write_pid_file(const struct front_config *cfg, bool background)
{
    struct errmsg m = { "" };
    const char *path = *cfg->pidfile ? cfg->pidfile : "/var/run/redis.pid";
    if (!background && !*cfg->pidfile) return;
    if (process_pid_file(path, &m)) log_warning("Failed to write PID file: %s", m.text);
}

static bool sentinel_file_ok(const struct front_start *s)
{
    struct errmsg m = { "" };
    if (!s->config_file) {
        log_warning("Sentinel needs config file on disk to save state. Exiting...");
        return false;
    }
    if (process_writable_check(s->config_file, &m)) {
        log_warning("Sentinel config file %s is not writable: %s. Exiting...", s->config_file,
                    m.text);
        return false;
    }
    return true;
}

bool start_process(struct front_start *s, struct front_config *cfg, struct conf *c)
{
    if (!enter_folder(cfg)) return false;
    log_open((enum log_level)cfg->loglevel, cfg->logfile, cfg->syslog_enabled, cfg->syslog_ident,
             cfg->syslog_facility);
    log_set_role(s->sentinel ? 'X' : 'C');
    if (s->sentinel && !sentinel_file_ok(s)) return false;
    process_ignore_signals();
    bool background = cfg->daemonize && cfg->supervised == SUPERVISED_NO;
    if (background && !process_daemonize()) log_warning("Can't go to the background: fork failed");
    log_first_lines(s);
    pick_supervisor(s, cfg);
    if (cfg->crash_log_enabled) {
        crash_enable("Tanist " TANIST_VERSION " (Redis " START_REDIS_VERSION ")", NULL, NULL);
    }
    if (cfg->disable_thp) process_no_thp();
    if (!s->sentinel) mem_purge_in_background(cfg->jemalloc_bg_thread);
    log_without_effect(c);
    if (!s->sentinel) log_set_role('M');
    if (!fit_clients(cfg)) return false;
    write_pid_file(cfg, background);
    return true;
}

/* ---- title, banner, ready ---- */

void start_title(struct front_start *s, const struct front_config *cfg)
{
    struct buf title = { 0 };
    if (!cfg->set_proc_title) return;
    proc_title_print(cfg, s->argv[0], s->sentinel ? "[sentinel]" : "", s->config_file, &title);
    buf_putc(&title, 0);
    process_title_set(buf_head(&title));
    buf_free(&title);
}

/* Test harnesses wait for " PID: n" in the output, so a short form is there without a terminal. */
static void banner(const struct front_start *s, const struct front_config *cfg)
{
    const char *mode = s->sentinel ? "sentinel" : "standalone";
    int port = cfg->port ? cfg->port : cfg->tls_port;
    bool terminal = !*cfg->logfile && !cfg->syslog_enabled && isatty(STDOUT_FILENO);
    log_notice("Running mode=%s, port=%d.", mode, port);
    if (terminal || cfg->always_show_logo) {
        struct str art = str_fmt("\n"
                                 "    |\\  |\\      Tanist " TANIST_VERSION
                                 " (Redis " START_REDIS_VERSION " compatible) %d bit\n"
                                 "    | \\ | \\     Running in %s mode\n"
                                 "    |  \\|  \\    Port: %d\n"
                                 "    |___|___\\   PID: %d\n\n",
                                 (int)sizeof(void *) * 8, mode, port, (int)getpid());
        log_raw(str_c(art));
        str_free(&art);
    } else {
        log_notice("Tanist " TANIST_VERSION ", PID: %d", (int)getpid());
    }
}

void start_initialized(struct front_start *s, const struct front_config *cfg)
{
    start_title(s, cfg);
    banner(s, cfg);
    log_warning("Server initialized");
}

void start_ready(struct front_start *s, const struct front_config *cfg, const char *status)
{
    if (cfg->port) log_notice("Ready to accept connections tcp");
    if (*cfg->unixsocket) log_notice("Ready to accept connections unix");
    if (!s->supervised) return;
    struct str text = str_fmt("STATUS=%s\n", status ? status : "Ready to accept connections");
    supervise_notify(str_c(text));
    supervise_notify("READY=1\n");
    str_free(&text);
}

void start_status(struct front_start *s, const char *status)
{
    if (!s->supervised) return;
    struct str text = str_fmt("STATUS=%s\n", status);
    supervise_notify(str_c(text));
    str_free(&text);
}

void start_stopping(struct front_start *s)
{
    if (s->supervised) supervise_notify("STOPPING=1\n");
}

void start_end(struct front_start *s, const struct front_config *cfg, bool orderly)
{
    if (orderly && (*cfg->pidfile || cfg->daemonize)) log_notice("Removing the pid file.");
    process_pid_file_remove();
    if (*cfg->unixsocket && unlink(cfg->unixsocket) == 0 && orderly)
        log_notice("Removing the unix socket file.");
}

/* ---- signals ---- */

struct start_signals {
    struct loop_signal *term, *interrupt;
    void (*fn)(void *arg, int signo);
    void *arg;
    int interrupts;
};

/* In the form of Redis' signal handler, which cannot print a date. */
static void say(const char *what)
{
    struct str line = str_fmt("%d:signal-handler (%lld) %s\n", (int)getpid(),
                              (long long)(clock_wall_ms() / 1000), what);
    log_raw(str_c(line));
    str_free(&line);
}

static void on_term(void *arg)
{
    struct start_signals *g = arg;
    say("Received SIGTERM scheduling shutdown...");
    g->fn(g->arg, SIGTERM);
}

static void on_interrupt(void *arg)
{
    struct start_signals *g = arg;
    if (g->interrupts++ > 0) {
        say("You insist... exiting now.");
        process_pid_file_remove();
        _exit(1);
    }
    say("Received SIGINT scheduling shutdown...");
    g->fn(g->arg, SIGINT);
}

struct start_signals *start_signals(struct loop *l, void (*fn)(void *arg, int signo), void *arg)
{
    struct start_signals *g = mem_zalloc(sizeof(*g));
    g->fn = fn;
    g->arg = arg;
    g->term = loop_signal_new(l, SIGTERM, on_term, g);
    g->interrupt = loop_signal_new(l, SIGINT, on_interrupt, g);
    return g;
}

void start_signals_delete(struct start_signals *g)
{
    loop_signal_delete(g->term);
    loop_signal_delete(g->interrupt);
    mem_free(g);
}
