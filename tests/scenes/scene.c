/* scene: plays a story against the real Sentinel core and compares what it does with the text
 * (transcript.h): the actions that come out, with the virtual time in front. Routine traffic (PING,
 * INFO, hellos, connections) is shown after `verbose on` only. Commands: see the table. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/buf.h"
#include "core/base/num.h"
#include "sentinel/core.h"
#include "sentinel/explain.h"
#include "sentinel/record.h"
#include "sentinel/state_text.h"
#include "sentinel/view.h"
#include "tests/scenes/transcript.h"
#include "tests/scenes/world.h"

#define WORDS_MAX 16

struct scene {
    struct world w;
    struct sn_core *core;
    uint64_t seed;
    struct buf out; /* the transcript */
    struct buf conf; /* lines, each ended by a newline */
    struct sn_lines saved;
    bool verbose, save_fails, dead;
};

static void say(struct scene *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct scene *s, const char *fmt, ...)
{
    char line[4096];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    buf_fmt(&s->out, "  %5lld %s\n", (long long)s->w.now, line);
}

/* ---- actions ---- */

static const char *host_name(struct scene *s, const struct sn_action *a, char *buf, size_t cap)
{
    const struct host *h = world_peer_of(&s->w, a->link, a->conn);
    if (!h) snprintf(buf, cap, "?");
    else if (h->name) snprintf(buf, cap, "%c", h->name);
    else snprintf(buf, cap, "%d", h->port);
    return buf;
}

static void show_words(struct scene *s, const char *what, const struct sn_action *a)
{
    struct buf b = { 0 };
    for (int i = 0; i < a->argc; i++) buf_fmt(&b, " %.*s", SLICE_ARG(a->argv[i]));
    say(s, "%s%.*s", what, (int)buf_size(&b), buf_head(&b));
    buf_free(&b);
}

static bool routine(const struct sn_action *a)
{
    if (a->argc > 1 && (slice_eqz(a->argv[1], "HELLOS") || slice_eqz(a->argv[1], "MYID")))
        return true;
    static const char *const words[] = { "PING",   "INFO",      "ROLE", "PUBLISH", "CLIENT", "AUTH",
                                         "CONFIG", "SUBSCRIBE", "EXEC", "MULTI" };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (slice_eqz(a->argv[0], words[i])) return true;
    return false;
}

static void do_send(struct scene *s, const struct sn_action *a)
{
    char name[32], what[64];
    snprintf(what, sizeof(what), "send %s", host_name(s, a, name, sizeof(name)));
    if (s->verbose || !routine(a)) show_words(s, what, a);
    world_send(&s->w, a);
}

static void do_answer(struct scene *s, const struct sn_action *a)
{
    switch (a->answer) {
    case SN_ANS_OK: say(s, "answer OK"); break;
    case SN_ANS_ERROR: say(s, "answer -%.*s", SLICE_ARG(a->text)); break;
    case SN_ANS_INT: say(s, "answer %lld", (long long)a->integer); break;
    case SN_ANS_VOTE:
        say(s, "answer %lld %.*s %llu", (long long)a->integer, SLICE_ARG(a->text),
            (unsigned long long)a->epoch);
        break;
    }
}

static void do_persist(struct scene *s, struct sn_actions *list, size_t i)
{
    say(s, s->save_fails ? "persist FAILS" : "persist");
    if (s->save_fails) sn_save_failed(s->core, list, i);
    else sn_state_write(s->core, &s->saved);
}

static void perform(struct scene *s, struct sn_actions *list)
{
    for (size_t i = 0; i < list->list.n && !s->dead; i++) {
        struct sn_action *a = &list->list.at[i];
        switch (a->kind) {
        case SN_DO_NONE: break;
        case SN_DO_PERSIST: do_persist(s, list, i); break;
        case SN_DO_SEND: do_send(s, a); break;
        case SN_DO_CONNECT:
            if (s->verbose) say(s, "connect %d %s", a->port, a->conn ? "pubsub" : "cmd");
            world_connect(&s->w, a);
            break;
        case SN_DO_DISCONNECT: world_disconnect(&s->w, a->link, a->conn); break;
        case SN_DO_RESOLVE: say(s, "resolve %.*s", SLICE_ARG(a->host)); break;
        case SN_DO_ANSWER: do_answer(s, a); break;
        case SN_DO_EVENT:
            if (a->level > SN_LEVEL_VERBOSE || s->verbose)
                say(s, "%.*s %.*s", SLICE_ARG(a->channel), SLICE_ARG(a->text));
            break;
        case SN_DO_LOG:
            /* A record says once more what stands above it; it has tests of its own. */
            if (slice_starts(a->text, "failover-record ")) break;
            say(s, "log: %.*s", SLICE_ARG(a->text)); break;
        case SN_DO_SCRIPT: show_words(s, "script", a); break;
        case SN_DO_EXIT:
            say(s, "exit %d", a->code);
            s->dead = true;
            break;
        }
    }
}

static void step(struct scene *s, struct sn_event *ev)
{
    struct sn_actions list = { 0 };
    if (s->dead) return;
    ev->now_ms = s->w.now;
    sn_step(s->core, ev, &list);
    perform(s, &list);
    sn_actions_free(&list);
}

/* ---- deliveries ---- */

static void give(struct scene *s, const struct delivery *d)
{
    if (d->kind == SN_HELLO) {
        step(s, &(struct sn_event){ .kind = SN_HELLO, .text = str_slice(d->text) });
        return;
    }
    struct slice text = d->text.n ? slice_of(d->text.p + 1, d->text.n - 1) : SLICE("");
    struct sn_value items[3] = { { .kind = SN_VAL_BULK, .text = text } };
    struct sn_value v = { .kind = SN_VAL_STATUS, .text = text, .items = items, .n = 1 };
    switch (d->text.n ? d->text.p[0] : 0) {
    case '-': v.kind = SN_VAL_ERROR; break;
    case '$': v.kind = SN_VAL_BULK; break;
    case '*': v.kind = SN_VAL_ARRAY; break;
    case 'M':
        v.kind = SN_VAL_ARRAY;
        v.n = 3;
        items[0] = (struct sn_value){ .kind = SN_VAL_BULK, .text = SLICE("message") };
        items[1] = (struct sn_value){ .kind = SN_VAL_BULK, .text = slice_z(SN_CHANNEL) };
        items[2] = (struct sn_value){ .kind = SN_VAL_BULK, .text = text };
        break;
    case 'V':
        v.kind = SN_VAL_ARRAY;
        v.n = 3;
        items[0] = (struct sn_value){ .kind = SN_VAL_INT, .integer = d->integer };
        items[1] = (struct sn_value){ .kind = SN_VAL_BULK, .text = text };
        items[2] = (struct sn_value){ .kind = SN_VAL_INT, .integer = d->epoch };
        break;
    default: break;
    }
    bool refused = d->kind == SN_LINK_DOWN && d->integer;
    step(s, &(struct sn_event){ .kind = d->kind, .link = d->link, .conn = d->conn, .tag = d->tag,
                                .refused = refused,
                                .reply = &v, .local_ip = SLICE("10.0.0.100") });
}

static void run_until(struct scene *s, int64_t end)
{
    unsigned busy = 0;
    int64_t at_before = -1;
    for (;;) {
        int64_t net = world_next(&s->w), timer = s->dead ? INT64_MAX : sn_deadline(s->core);
        int64_t at = net < timer ? net : timer;
        if (at > end) break;
        busy = at == at_before ? busy + 1 : 0;
        at_before = at;
        must(busy < 10000); /* the core must not spin at one moment */
        if (at > s->w.now) s->w.now = at;
        struct delivery d;
        if (net > timer) step(s, &(struct sn_event){ .kind = SN_TICK });
        else {
            if (world_take(&s->w, &d)) give(s, &d);
            str_free(&d.text);
        }
    }
    s->w.now = end;
}

/* ---- commands ---- */

struct words {
    char *w[WORDS_MAX];
    int n;
    const char *rest; /* behind the first word */
};

static struct words split(char *line)
{
    struct words ws = { .rest = "" };
    char *save = NULL;
    for (char *t = strtok_r(line, " ", &save); t && ws.n < WORDS_MAX;
         t = strtok_r(NULL, " ", &save))
        ws.w[ws.n++] = t;
    return ws;
}

static int64_t num(const struct words *ws, int i)
{
    int64_t v = 0;
    must(i < ws->n && num_to_i64(slice_z(ws->w[i]), &v));
    return v;
}

static const char *opt(const struct words *ws, const char *name)
{
    for (int i = 1; i + 1 < ws->n; i++)
        if (strcmp(ws->w[i], name) == 0) return ws->w[i + 1];
    return NULL;
}

static bool has(const struct words *ws, const char *name)
{
    for (int i = 1; i < ws->n; i++)
        if (strcmp(ws->w[i], name) == 0) return true;
    return false;
}

static void c_seed(struct scene *s, const struct words *ws) { s->seed = (uint64_t)num(ws, 1); }

static void c_server(struct scene *s, const struct words *ws)
{
    int port = (int)num(ws, 1);
    struct host *h = world_host(&s->w, port);
    char ip[SN_IP_MAX];
    snprintf(ip, sizeof(ip), "10.0.0.%d", port % 100);
    if (!h) h = world_add(&s->w, ip, port);
    if (opt(ws, "of")) {
        h->slave = h->link_up = true;
        h->master_port = atoi(opt(ws, "of"));
    }
    if (has(ws, "master")) h->slave = false;
    if (opt(ws, "offset")) h->offset = atoi(opt(ws, "offset"));
    if (opt(ws, "priority")) h->priority = atoi(opt(ws, "priority"));
    if (opt(ws, "sync")) h->sync_ms = atoi(opt(ws, "sync"));
    if (opt(ws, "keys")) h->keys = atoi(opt(ws, "keys"));
    if (opt(ws, "history")) {
        h->history[0] = opt(ws, "history")[0];
        h->history[1] = opt(ws, "history")[1];
    }
    h->hand_over = has(ws, "refuses") ? REFUSES : has(ws, "hangs") ? HANGS : HANDS_OVER;
    h->deaf = has(ws, "deaf");
    if (has(ws, "unsynced")) {
        h->synced = h->link_up = false;
        h->offset = 0;
        h->sync_ms = -1;
    }
}

static void c_peer(struct scene *s, const struct words *ws)
{
    char ip[SN_IP_MAX];
    snprintf(ip, sizeof(ip), "10.0.1.%d", (int)s->w.hosts_n);
    struct host *h = world_add(&s->w, ip, 26379 + (int)s->w.hosts_n);
    h->name = ws->w[1][0];
    h->votes = '?';
    world_id(h->name, h->runid);
}

static void c_conf(struct scene *s, const struct words *ws)
{
    for (int i = 1; i < ws->n; i++) buf_fmt(&s->conf, i > 1 ? " %s" : "%s", ws->w[i]);
    buf_putc(&s->conf, '\n');
}

/* "sentinel ..." lines of `text` into a fresh core. */
static void load(struct scene *s, const char *text)
{
    struct sn_line_in lines[128];
    static struct slice words[128][WORDS_MAX];
    char *copy = mem_strdup(text), *save = NULL, me[SN_ID_LEN + 1];
    size_t n = 0, bad;
    struct errmsg msg;
    world_id('a', me);
    s->core = sn_core_new(s->seed, me);
    s->core->self.port = 26379;
    for (char *l = strtok_r(copy, "\n", &save); l; l = strtok_r(NULL, "\n", &save), n++) {
        struct words ws = split(l);
        must(n < 128 && ws.n > 1);
        int from = strcmp(ws.w[0], "sentinel") == 0 || ws.w[0][0] == '#';
        for (int i = from; i < ws.n; i++) words[n][i - from] = slice_z(ws.w[i]);
        lines[n] = (struct sn_line_in){ .argv = words[n], .argc = ws.n - from };
    }
    if (sn_state_read(s->core, lines, n, &bad, &msg)) {
        say(s, "bad line %zu: %s", bad + 1, msg.text);
        exit(1);
    }
    mem_free(copy);
    step(s, &(struct sn_event){ .kind = SN_BOOT });
}

static void c_boot(struct scene *s, const struct words *ws)
{
    buf_putc(&s->conf, 0);
    load(s, buf_head(&s->conf));
}

/* Ends the process and starts it from what was saved last. */
static void c_restart(struct scene *s, const struct words *ws)
{
    struct buf b = { 0 };
    for (size_t i = 0; i < s->saved.at.n; i++)
        buf_fmt(&b, "%s\n", str_c(s->saved.at.at[i].text));
    buf_putc(&b, 0);
    world_forget(&s->w);
    sn_core_delete(s->core);
    s->dead = false;
    load(s, buf_head(&b));
    buf_free(&b);
}

static void c_run(struct scene *s, const struct words *ws) { run_until(s, s->w.now + num(ws, 1)); }

static struct host *the_host(struct scene *s, const char *name)
{
    struct host *h = name[1] ? world_host(&s->w, atoi(name)) : world_puppet(&s->w, name[0]);
    must(h);
    return h;
}

static void c_kill(struct scene *s, const struct words *ws)
{
    world_kill(&s->w, the_host(s, ws->w[1]));
}

static void c_start(struct scene *s, const struct words *ws)
{
    struct host *h = the_host(s, ws->w[1]);
    h->alive = true;
    h->link_down_since = s->w.now;
    if (h->name) return;
    h->runid[0]++;
    c_server(s, ws);
}

static void c_freeze(struct scene *s, const struct words *ws)
{
    the_host(s, ws->w[1])->frozen = true;
}
static void c_thaw(struct scene *s, const struct words *ws)
{
    world_thaw(&s->w, the_host(s, ws->w[1]));
}

/* The Sentinel itself does not run for a time. */
static void c_stall(struct scene *s, const struct words *ws)
{
    s->w.now += num(ws, 1);
    step(s, &(struct sn_event){ .kind = SN_TICK });
}

static void c_says(struct scene *s, const struct words *ws)
{
    the_host(s, ws->w[1])->says_down = strcmp(ws->w[2], "down") == 0;
}

static void c_votes(struct scene *s, const struct words *ws)
{
    the_host(s, ws->w[1])->votes = ws->w[2][0];
}

/* hello NAME EPOCH MASTER-PORT CONFIG-EPOCH [at PORT] */
static void c_hello(struct scene *s, const struct words *ws)
{
    struct host *h = the_host(s, ws->w[1]);
    h->epoch = (uint64_t)num(ws, 2);
    h->says_master = (int)num(ws, 3);
    h->config_epoch = (uint64_t)num(ws, 4);
    if (opt(ws, "at")) h->port = atoi(opt(ws, "at"));
    struct str text = world_hello(&s->w, h, h->port);
    step(s, &(struct sn_event){ .kind = SN_HELLO, .text = str_slice(text) });
    str_free(&text);
}

/* SIGTERM: the server says so and waits. */
static void c_leaves(struct scene *s, const struct words *ws)
{
    const struct host *h = the_host(s, ws->w[1]);
    char text[SN_ID_LEN + 16];
    snprintf(text, sizeof(text), "leaving,%s", h->runid);
    world_says(&s->w, h, text);
}

static void c_explain(struct scene *s, const struct words *ws)
{
    struct sn_sentences out = { 0 };
    sn_explain(s->core->groups.at[0], s->w.now, &out);
    for (size_t i = 0; i < out.lines.n; i++) say(s, "%s", str_c(out.lines.at[i]));
    sn_sentences_free(&out);
}

static void c_records(struct scene *s, const struct words *ws)
{
    const struct sn_group *g = s->core->groups.at[0];
    for (size_t i = 0; i < g->history.records.n; i++) {
        struct buf b = { 0 };
        sn_record_json(g, &g->history.records.at[i], &b);
        say(s, "%.*s", (int)buf_size(&b), buf_head(&b));
        buf_free(&b);
    }
}

/* asks NAME MASTER-PORT EPOCH [vote] */
static void c_asks(struct scene *s, const struct words *ws)
{
    struct host *h = the_host(s, ws->w[1]), *m = world_host(&s->w, (int)num(ws, 2));
    struct slice argv[4] = { slice_z(m->ip), slice_z(ws->w[2]), slice_z(ws->w[3]),
                             has(ws, "vote") ? slice_z(h->runid) : SLICE("*") };
    step(s, &(struct sn_event){ .kind = SN_ASKED, .argv = argv, .argc = 4, .asker = 1 });
}

static void c_sentinel(struct scene *s, const struct words *ws)
{
    static const struct {
        const char *name;
        enum sn_event_kind kind;
        int skip;
    } rows[] = {
        { "monitor", SN_ADM_MONITOR, 2 },   { "remove", SN_ADM_REMOVE, 2 },
        { "set", SN_ADM_SET, 2 },           { "reset", SN_ADM_RESET, 2 },
        { "failover", SN_ADM_FAILOVER, 2 }, { "flushconfig", SN_ADM_FLUSHCONFIG, 2 },
        { "config", SN_ADM_CONFIG_SET, 3 }, { "simulate-failure", SN_ADM_SIMULATE, 2 },
        { "debug", SN_ADM_DEBUG, 2 },       { "forget", SN_ADM_FORGET, 2 },
    };
    struct slice argv[WORDS_MAX];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(rows[i].name, ws->w[1]) != 0) continue;
        for (int j = rows[i].skip; j < ws->n; j++) argv[j - rows[i].skip] = slice_z(ws->w[j]);
        step(s, &(struct sn_event){ .kind = rows[i].kind, .argv = argv, .asker = 2,
                                    .argc = ws->n - rows[i].skip });
        return;
    }
    must_not_reach("unknown sub-command in a scene");
}

static void show_instance(struct scene *s, const struct sn_instance *inst)
{
    char text[SN_INSTANCE_TEXT_MAX], flags[SN_FLAGS_TEXT_MAX];
    say(s, "%s: %s", sn_instance_text(s->core, inst, text, sizeof(text)),
        sn_flags_text(inst, flags, sizeof(flags)));
}

static void c_show(struct scene *s, const struct words *ws)
{
    for (size_t i = 0; i < s->core->groups.n; i++) {
        const struct sn_group *g = s->core->groups.at[i];
        const struct sn_addr *at = sn_current_addr(g);
        say(s, "%s is at %s %d, configuration epoch %llu, %s", g->saved.name, at->host, at->port,
            (unsigned long long)g->saved.config_epoch, sn_fo_state_name(g->fo.state));
        show_instance(s, g->master);
        for (size_t j = 0; j < g->replicas.n; j++) show_instance(s, g->replicas.at[j]);
        for (size_t j = 0; j < g->peers.n; j++) show_instance(s, g->peers.at[j]);
    }
}

static void c_servers(struct scene *s, const struct words *ws)
{
    for (size_t i = 0; i < s->w.hosts_n; i++) {
        const struct host *h = &s->w.hosts[i];
        if (h->name) continue;
        if (!h->alive) say(s, "%d is down", h->port);
        else if (h->slave) say(s, "%d is a replica of %d", h->port, h->master_port);
        else say(s, "%d is a master", h->port);
    }
}

static void c_state(struct scene *s, const struct words *ws)
{
    struct sn_lines lines = { 0 };
    sn_state_write(s->core, &lines);
    for (size_t i = 0; i < lines.at.n; i++) say(s, "%s", str_c(lines.at.at[i].text));
    sn_lines_free(&lines);
}

static void c_verbose(struct scene *s, const struct words *ws) { s->verbose = has(ws, "on"); }
static void c_disk(struct scene *s, const struct words *ws) { s->save_fails = has(ws, "fails"); }

static const struct command {
    const char *name;
    void (*run)(struct scene *s, const struct words *ws);
} commands[] = {
    { "seed", c_seed },         /* N */
    { "server", c_server },     /* PORT [of PORT] [master] [offset N] [priority N] ... */
    { "peer", c_peer },         /* NAME: one letter; the Sentinel itself is a */
    { "conf", c_conf },         /* a line of the file without the word sentinel */
    { "boot", c_boot },
    { "restart", c_restart },
    { "run", c_run },           /* MS */
    { "kill", c_kill },         /* PORT or NAME; freeze and thaw likewise */
    { "start", c_start },       /* PORT [as server] */
    { "freeze", c_freeze },
    { "thaw", c_thaw },
    { "stall", c_stall },       /* MS */
    { "says", c_says },         /* NAME down|up */
    { "votes", c_votes },       /* NAME a|b|...|-|? */
    { "hello", c_hello },       /* NAME EPOCH MASTER-PORT CONFIG-EPOCH [at PORT] */
    { "asks", c_asks },         /* NAME MASTER-PORT EPOCH [vote] */
    { "leaves", c_leaves },     /* PORT */
    { "explain", c_explain },
    { "records", c_records },
    { "sentinel", c_sentinel }, /* a sub-command */
    { "show", c_show },
    { "servers", c_servers },
    { "state", c_state },
    { "verbose", c_verbose },   /* on|off */
    { "disk", c_disk },         /* fails|works */
};

static void command(struct scene *s, const char *line)
{
    char copy[TRANSCRIPT_LINE];
    text_copy(copy, sizeof(copy), line);
    struct words ws = split(copy);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(commands[i].name, ws.w[0]) == 0) {
            commands[i].run(s, &ws);
            return;
        }
    fprintf(stderr, "unknown command: %s\n", line);
    exit(1);
}

/* ---- the file ---- */

static void line(void *app, const char *text) { command(app, text); }

int main(int argc, char **argv)
{
    struct scene s = { .seed = 1 };
    s.w.now = 1000;
    int rc = transcript_main(argc, argv, &s.out, line, &s);
    if (s.core) sn_core_delete(s.core);
    sn_lines_free(&s.saved);
    world_free(&s.w);
    buf_free(&s.out);
    buf_free(&s.conf);
    return rc;
}
