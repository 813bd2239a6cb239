#include "sentinel/sentinel.h"

#include <stdlib.h>
#include <unistd.h>

#include "core/front/client.h"
#include "core/front/reply.h"
#include "core/net/conn.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "core/sys/log.h"
#include "sentinel/commands.h"
#include "sentinel/links.h"
#include "sentinel/scripts.h"

/* ---- the driver ---- */

static void arm(struct sentinel *s);

void sentinel_event(struct sentinel *s, enum sn_level level, const char *name, const char *text)
{
    log_line((enum log_level)level, "%s %s", name, text);
    if (level != SN_LEVEL_DEBUG) pubsub_publish(s->front, slice_z(name), slice_z(text));
}

static bool save(struct sentinel *s)
{
    struct errmsg msg;
    s->unsaved = 0;
    s->save_fails = state_file_save(s, &msg) != ERR_NONE;
    if (s->save_fails)
        log_warning("WARNING: Sentinel was not able to save the new configuration on disk!!!: %s",
                    msg.text);
    return !s->save_fails;
}

/* Nothing leaves before the end of the loop's turn: one saving there does for all its steps. When
 * it failed last time, each step learns by itself whether it can be kept. */
static void do_persist(struct sentinel *s, size_t at)
{
    if (!s->rewrite_now && !s->save_fails) {
        if (!s->unsaved) s->unsaved = s->core->step;
        return;
    }
    if (!save(s)) sn_save_failed(s->core, &s->actions, at);
}

/* What waits to leave may depend on what could not be saved: the connections end instead. */
static void hush(struct sentinel *s)
{
    for (struct ilist *it = s->front->clients.next; it != &s->front->clients; it = it->next) {
        struct client *cl = ilist_of(it, struct client, node);
        if (cl->conn && conn_out_size(cl->conn)) client_close_soon(cl);
    }
    links_hush(s->links);
}

static void save_turn(struct sentinel *s)
{
    uint64_t since = s->unsaved;
    s->rewrite_now = false;
    if (!since || save(s)) return;
    sn_votes_unsaved(s->core, since);
    hush(s);
    arm(s);
}

static void do_event(struct sentinel *s, const struct sn_action *a)
{
    log_line((enum log_level)a->level, "%.*s%s%.*s", SLICE_ARG(a->channel), a->text.n ? " " : "",
             SLICE_ARG(a->text));
    if (a->level != SN_LEVEL_DEBUG) pubsub_publish(s->front, a->channel, a->text);
}

static void do_answer(struct sentinel *s, const struct sn_action *a)
{
    struct call *c = s->asking;
    s->asking = NULL;
    if (c) sn_reply_answer(c, a);
}

static void perform(struct sentinel *s, size_t at)
{
    const struct sn_action *a = &s->actions.list.at[at];
    if (s->crash_code) return;
    switch (a->kind) { /* a table in code: one line an action */
    case SN_DO_NONE:
        return;
    case SN_DO_PERSIST:
        do_persist(s, at);
        return;
    case SN_DO_SEND:
        links_send(s->links, a);
        return;
    case SN_DO_CONNECT:
        links_connect(s->links, a);
        return;
    case SN_DO_DISCONNECT:
        links_disconnect(s->links, a->link, a->conn);
        return;
    case SN_DO_RESOLVE:
        links_resolve(s->links, a);
        return;
    case SN_DO_ANSWER:
        do_answer(s, a);
        return;
    case SN_DO_EVENT:
        do_event(s, a);
        return;
    case SN_DO_LOG:
        log_line((enum log_level)a->level, "%.*s", SLICE_ARG(a->text));
        return;
    case SN_DO_SCRIPT:
        scripts_queue(s->scripts, a->argc, a->argv);
        return;
    case SN_DO_EXIT:
        log_warning("Failure simulation: this Sentinel ends here.");
        s->crash_code = a->code;
        return;
    }
}

static void arm(struct sentinel *s)
{
    int64_t due = sn_deadline(s->core);
    if (due == s->armed && loop_timer_armed(s->due)) return;
    s->armed = due;
    if (due == INT64_MAX)
        loop_timer_cancel(s->due);
    else
        loop_timer_after(s->due, due - loop_now_ms(s->loop));
}

static void one_step(struct sentinel *s, struct sn_event ev)
{
    ev.now_ms = loop_now_ms(s->loop);
    /* The first save, and what an administrator is told, are in the configuration too. */
    s->rewrite_now = ev.kind == SN_BOOT || ev.kind >= SN_ADM_MONITOR;
    sn_step(s->core, &ev, &s->actions);
    for (size_t i = 0; i < s->actions.list.n; i++)
        perform(s, i);
    sn_actions_reset(&s->actions);
}

void sentinel_step(struct sentinel *s, struct sn_event ev)
{
    if (s->crash_code) return;
    if (s->stepping) {
        vec_push(&s->queued, ev);
        return;
    }
    s->stepping = true;
    one_step(s, ev);
    for (size_t i = 0; i < s->queued.n; i++)
        one_step(s, s->queued.at[i]);
    vec_clear(&s->queued);
    s->stepping = false;
    arm(s);
}

static void on_due(void *arg)
{
    struct sentinel *s = arg;
    if (loop_now_ms(s->loop) < sn_deadline(s->core))
        arm(s); /* timers may come a moment early */
    else
        sentinel_step(s, (struct sn_event){ .kind = SN_TICK });
}

/* ---- life ---- */

#define CRON_MS 100

static void on_cron(void *arg)
{
    struct sentinel *s = arg;
    front_cron(s->front, loop_now_ms(s->loop));
    loop_timer_after(s->cron, CRON_MS);
}

static void on_flush(void *arg)
{
    struct sentinel *s = arg;
    save_turn(s);
    front_flush(s->front);
    if (s->crash_code) exit(s->crash_code); /* whoever asked for the failover has its OK */
}

static enum err apply_requirepass(void *owner, struct errmsg *m)
{
    struct sentinel *s = owner;
    if (s->core) str_set(&s->core->self.requirepass, str_slice(s->config.front.requirepass));
    if (s->front) return front_set_requirepass(s->front, m);
    return ERR_NONE;
}

static enum err apply_log(void *owner, struct errmsg *m)
{
    struct sentinel *s = owner;
    (void)m;
    log_set_level((enum log_level)s->config.front.loglevel);
    return ERR_NONE;
}

/* The state must survive: a file that can be written, or one that is none on purpose (/dev/null).
 */
static bool config_usable(struct sentinel *s)
{
    const char *path = s->start->config_file;
    if (!path) {
        log_warning("Sentinel needs config file on disk to save state. Exiting...");
        return false;
    }
    if (access(path, W_OK) != 0) {
        log_warning("Sentinel config file %s is not writable: %m. Exiting...", path);
        return false;
    }
    s->state_in_file = file_is_regular(path);
    if (!s->state_in_file)
        log_warning("The configuration %s is not a regular file: the state is not saved.", path);
    return true;
}

static void build(struct sentinel *s)
{
    static const struct front_hooks hooks = { 0 };
    s->front = front_new(s->loop, &s->config.front, "sentinel", &hooks, s);
    front_add_commands(s->front);
    registry_add(s->front->registry, cmds_sentinel);
    memcpy(s->front->run_id, s->core->saved.myid, sizeof(s->front->run_id));
    s->resolver = resolver_new(s->loop);
    s->links = links_new(s);
    s->scripts = scripts_new(s);
    s->due = loop_timer_new(s->loop, on_due, s);
    s->cron = loop_timer_new(s->loop, on_cron, s);
    s->flush = loop_before_sleep(s->loop, FRONT_RANK_PERSONALITY, on_flush, s);
}

static void take_down(struct sentinel *s)
{
    save_turn(s);
    state_file_end(s);
    links_delete(s->links);
    scripts_delete(s->scripts);
    loop_timer_delete(s->due);
    loop_timer_delete(s->cron);
    loop_hook_delete(s->flush);
    front_delete(s->front);
    resolver_delete(s->resolver);
    sn_actions_free(&s->actions);
    vec_free(&s->queued);
}

static void boot(struct sentinel *s)
{
    log_warning("Sentinel ID is %s", s->core->saved.myid);
    sentinel_step(s, (struct sn_event){ .kind = SN_BOOT });
    loop_timer_after(s->cron, CRON_MS);
}

static void on_signal(void *arg, int signo)
{
    struct sentinel *s = arg;
    (void)signo;
    loop_stop(s->loop);
}

/* Files and tables into values; the sentinel lines into the core. */
static bool load(struct sentinel *s)
{
    struct rng r;
    char myid[SN_ID_LEN + 1] = { 0 };
    rng_seed(&r, clock_entropy());
    rng_hex(&r, myid, SN_ID_LEN);
    s->core = sn_core_new(rng_next(&r), myid);
    s->config_hooks = (struct front_config_hooks){ .owner = s, .log = apply_log,
                                                   .requirepass = apply_requirepass };
    sentinel_config_init(&s->config, &s->conf, &s->config_hooks);
    state_file_load(s); /* its error stands among those of the lines, which start_load shows */
    return start_load(s->start, &s->conf, sentinel_config_skip);
}

static void log_foreign(struct sentinel *s)
{
    size_t at = 0;
    for (const char *name; (name = sentinel_config_foreign(&s->start->lines, &at));)
        log_notice("The directive %s has no effect in a Sentinel.", name);
}

static bool start(struct sentinel *s)
{
    struct errmsg msg;
    if (!start_process(s->start, &s->config.front, &s->conf)) return false;
    log_set_role('X');
    if (!config_usable(s)) return false;
    log_foreign(s);
    s->core->self.port = s->config.front.port;
    apply_requirepass(s, NULL);
    build(s);
    if (!front_load_users(s->front, &msg) && !front_listen(s->front, &msg)) return true;
    log_warning("%s", msg.text);
    take_down(s);
    return false;
}

static void serve(struct sentinel *s)
{
    struct start_signals *signals = start_signals(s->loop, on_signal, s);
    start_initialized(s->start, &s->config.front);
    boot(s);
    start_ready(s->start, &s->config.front, NULL);
    loop_run(s->loop);
    start_stopping(s->start);
    start_signals_delete(signals);
    front_flush(s->front);
    take_down(s);
    log_warning("Sentinel is now ready to exit, bye bye...");
    start_end(s->start, &s->config.front, true);
}

int sentinel_main(struct front_start *front_start)
{
    struct sentinel *s = mem_zalloc(sizeof(*s));
    s->start = front_start;
    s->loop = loop_new();
    bool started = load(s) && start(s);
    if (started) serve(s);
    sn_core_delete(s->core);
    conf_free(&s->conf);
    loop_delete(s->loop);
    mem_free(s);
    return started ? 0 : 1;
}
