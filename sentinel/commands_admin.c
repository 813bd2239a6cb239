/* Commands that change the model: each becomes one event; the core's ANSWER is the reply. The
 * replies to a peer's question for a vote leave only after the vote was saved. */
#include <stdio.h>

#include "core/front/client.h"
#include "core/front/reply.h"
#include "core/sys/log.h"
#include "sentinel/commands.h"
#include "sentinel/scripts.h"
#include "sentinel/sentinel.h"

void sn_reply_answer(struct call *c, const struct sn_action *a)
{
    char text[512];
    switch (a->answer) {
    case SN_ANS_OK:
        reply_ok(c);
        return;
    case SN_ANS_ERROR:
        snprintf(text, sizeof(text), "-%.*s", SLICE_ARG(a->text));
        reply_error(c, text);
        return;
    case SN_ANS_INT:
        reply_int(c, a->integer);
        return;
    case SN_ANS_VOTE:
        reply_array(c, 3);
        reply_int(c, a->integer);
        reply_bulk(c, a->text);
        reply_int(c, (int64_t)a->epoch);
        return;
    }
}

static void step(struct call *c, struct sn_event ev)
{
    struct sentinel *s = sentinel_of(c);
    s->asking = c;
    sentinel_step(s, ev);
    if (s->asking) reply_error(c, "-ERR no answer"); /* the core answers each question once */
    s->asking = NULL;
}

/* The words behind the sub-command are the event's. */
static void admin(struct call *c, enum sn_event_kind kind)
{
    step(c, (struct sn_event){ .kind = kind, .argv = c->argv + 2, .argc = c->argc - 2 });
}

void sn_cmd_is_master_down(struct call *c)
{
    int64_t port, epoch;
    if (!arg_int(c, 3, &port) || !arg_int(c, 4, &epoch)) return;
    admin(c, SN_ASKED);
}

void sn_cmd_vote(struct call *c)
{
    int64_t epoch;
    if (arg_int(c, 3, &epoch)) admin(c, SN_ASKED_VOTE);
}

void sn_cmd_forget(struct call *c) { admin(c, SN_ADM_FORGET); }
void sn_cmd_monitor(struct call *c) { admin(c, SN_ADM_MONITOR); }
void sn_cmd_remove(struct call *c) { admin(c, SN_ADM_REMOVE); }
void sn_cmd_reset(struct call *c) { admin(c, SN_ADM_RESET); }
void sn_cmd_failover(struct call *c) { admin(c, SN_ADM_FAILOVER); }
void sn_cmd_flushconfig(struct call *c) { admin(c, SN_ADM_FLUSHCONFIG); }

/* The core cannot look at files: a script that cannot be run is named to it. */
static const struct slice *bad_script(const struct call *c)
{
    for (int i = 3; i + 1 < c->argc; i += 2) {
        char path[1024];
        bool script = arg_is(c, i, "notification-script") || arg_is(c, i, "client-reconfig-script");
        if (script && c->argv[i + 1].n &&
            !script_runnable(slice_cstr(c->argv[i + 1], path, sizeof(path))))
            return &c->argv[i + 1];
    }
    return NULL;
}

void sn_cmd_set(struct call *c)
{
    step(c, (struct sn_event){ .kind = SN_ADM_SET,
                               .argv = c->argv + 2,
                               .argc = c->argc - 2,
                               .bad_script = bad_script(c) });
}

static void simulate_help(struct call *c)
{
    reply_array(c, 2);
    reply_bulk_z(c, "crash-after-election");
    reply_bulk_z(c, "crash-after-promotion");
}

void sn_cmd_simulate(struct call *c)
{
    if (c->argc == 3 && arg_is(c, 2, "HELP"))
        simulate_help(c);
    else
        admin(c, SN_ADM_SIMULATE);
}

static void reply_params(struct call *c)
{
    struct sn_params *p = &sentinel_of(c)->core->params;
    reply_map(c, SN_PARAM_ROWS);
    for (size_t i = 0; i < SN_PARAM_ROWS; i++) {
        char name[64];
        size_t n = 0;
        for (const char *q = sn_param_rows[i].name; *q && n + 1 < sizeof(name); q++)
            name[n++] = *q >= 'a' && *q <= 'z' ? (char)(*q - 32) : *q;
        reply_bulk(c, slice_of(name, n));
        reply_bulk_int(c, *sn_param(p, &sn_param_rows[i]));
    }
}

void sn_cmd_debug(struct call *c)
{
    if (c->argc == 2)
        reply_params(c);
    else
        admin(c, SN_ADM_DEBUG);
}

/* ---- SENTINEL CONFIG ---- */

static bool set_loglevel(struct call *c, struct slice value)
{
    struct conf_pair pair = { SLICE("loglevel"), value };
    struct errmsg msg;
    if (!conf_set(&sentinel_of(c)->conf, &pair, 1, 0, &msg)) return true;
    reply_error_fmt(c, "-ERR Invalid value '%.*s' to SENTINEL CONFIG SET 'loglevel'",
                    SLICE_ARG(value));
    return false;
}

/* loglevel is the shell's; what is left goes to the core. */
static void config_set(struct call *c)
{
    struct slice rest[64];
    int n = 0;
    if (c->argc > 64) {
        reply_syntax_error(c);
        return;
    }
    for (int i = 3; i < c->argc; i++) {
        if (i + 1 < c->argc && arg_is(c, i, "loglevel")) {
            if (!set_loglevel(c, c->argv[++i])) return;
        } else {
            rest[n++] = c->argv[i];
            if (i + 1 < c->argc) rest[n++] = c->argv[++i];
        }
    }
    step(c, n ? (struct sn_event){ .kind = SN_ADM_CONFIG_SET, .argv = rest, .argc = n }
              : (struct sn_event){ .kind = SN_ADM_FLUSHCONFIG });
}

void sn_cmd_config(struct call *c)
{
    if (arg_is(c, 2, "SET") && c->argc >= 5)
        config_set(c);
    else if (arg_is(c, 2, "GET") && c->argc >= 4)
        sn_cmd_config_get(c);
    else
        reply_error(c, "-ERR Only SENTINEL CONFIG GET <param> [<param> <param> ...]/ SET <param> "
                       "<value> [<param> <value> ...] are supported.");
}

/* ---- general commands ---- */

void sn_cmd_publish(struct call *c)
{
    if (!slice_eqz(c->argv[1], SN_CHANNEL)) {
        reply_error(c, "-ERR Only HELLO messages are accepted by Sentinel instances.");
        return;
    }
    sentinel_step(sentinel_of(c), (struct sn_event){ .kind = SN_HELLO, .text = c->argv[2] });
    reply_int(c, 1);
}

void sn_cmd_hellos(struct call *c)
{
    for (int i = 2; i < c->argc; i++)
        sentinel_step(sentinel_of(c), (struct sn_event){ .kind = SN_HELLO, .text = c->argv[i] });
    reply_int(c, c->argc - 2);
}

void sn_cmd_role(struct call *c)
{
    const struct sn_core *core = sentinel_of(c)->core;
    reply_array(c, 2);
    reply_bulk_z(c, "sentinel");
    reply_array(c, core->groups.n);
    for (size_t i = 0; i < core->groups.n; i++)
        reply_bulk_z(c, core->groups.at[i]->saved.name);
}

/* A Sentinel has no data: the options are accepted and nothing is saved. */
void sn_cmd_shutdown(struct call *c)
{
    for (int i = 1; i < c->argc; i++) {
        static const char *const words[] = { "NOSAVE", "SAVE", "NOW", "FORCE", "ABORT" };
        bool known = false;
        for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++)
            known |= arg_is(c, i, words[k]);
        if (!known) {
            reply_syntax_error(c);
            return;
        }
    }
    log_warning("User requested shutdown...");
    c->client->flags |= CLIENT_CLOSE_AFTER_REPLY;
    loop_stop(sentinel_of(c)->loop);
}
