#include "sentinel/admin.h"

#include <stdio.h>

#include "core/base/glob.h"
#include "core/base/num.h"
#include "sentinel/addr.h"
#include "sentinel/core.h"
#include "sentinel/failover.h"
#include "sentinel/group.h"
#include "sentinel/options.h"
#include "sentinel/pick.h"
#include "sentinel/send.h"

#define ERROR_MAX 1024

/* ---- answers ---- */

static struct sn_action *answer(struct sn_core *core, const struct sn_event *ev,
                                enum sn_answer_kind kind)
{
    struct sn_action *act = sn_actions_add(core->out, SN_DO_ANSWER);
    act->asker = ev->asker;
    act->answer = kind;
    return act;
}

static void ok(struct sn_core *core, const struct sn_event *ev)
{
    answer(core, ev, SN_ANS_OK);
}

/* After saving; an error when that fails. */
static void ok_saved(struct sn_core *core, const struct sn_event *ev)
{
    sn_actions_persist(core->out);
    answer(core, ev, SN_ANS_OK)->after_save = true;
}

static void error(struct sn_core *core, const struct sn_event *ev, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void error(struct sn_core *core, const struct sn_event *ev, const char *fmt, ...)
{
    char text[ERROR_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    struct slice kept = sn_actions_text(core->out, slice_z(text));
    answer(core, ev, SN_ANS_ERROR)->text = kept;
}

static struct sn_group *named(struct sn_core *core, const struct sn_event *ev)
{
    struct sn_group *g = sn_group_find(core, ev->argv[0]);
    if (!g) error(core, ev, "ERR No such master with that name");
    return g;
}

/* ---- groups ---- */

static void monitor(struct sn_core *core, const struct sn_event *ev)
{
    int64_t port, quorum;
    struct sn_addr addr;
    if (!num_to_i64(ev->argv[3], &quorum) || !num_to_i64(ev->argv[2], &port)) {
        error(core, ev, "ERR Invalid %s",
              num_to_i64(ev->argv[3], &quorum) ? "port" : "quorum");
        return;
    }
    enum err e = sn_addr_set(&addr, ev->argv[1], port, core->saved.resolve_hostnames);
    if (quorum <= 0 || quorum > INT32_MAX) error(core, ev, "ERR Quorum must be 1 or greater.");
    else if (e == ERR_NOTFOUND) error(core, ev, "ERR Invalid IP address or hostname specified");
    else if (e || port == 0) error(core, ev, "ERR Invalid port number.");
    else if (!ev->argv[0].n || memchr(ev->argv[0].p, 0, ev->argv[0].n) ||
             ev->argv[0].n > SN_NAME_MAX)
        error(core, ev, "ERR Invalid master name.");
    else if (sn_group_find(core, ev->argv[0])) error(core, ev, "ERR Duplicate master name.");
    else {
        struct sn_group *g = sn_group_new(core, ev->argv[0], &addr, (unsigned)quorum);
        sn_actions_persist(core->out);
        sn_emit(core, SN_EVT_MONITOR, g->master, "quorum %u", g->saved.quorum);
        ok_saved(core, ev);
    }
}

static void remove_group(struct sn_core *core, const struct sn_event *ev)
{
    struct sn_group *g = named(core, ev);
    if (!g) return;
    sn_emit(core, SN_EVT_UNMONITOR, g->master, NULL);
    sn_group_delete(g);
    ok_saved(core, ev);
}

static void reset(struct sn_core *core, const struct sn_event *ev)
{
    int64_t n = 0;
    for (size_t i = 0; i < core->groups.n; i++) {
        struct sn_group *g = core->groups.at[i];
        if (!glob_match(ev->argv[0], slice_z(g->saved.name), false)) continue;
        /* The others know the new master already. */
        sn_failover_settle(g);
        sn_group_reset(g);
        sn_emit(core, SN_EVT_RESET_MASTER, g->master, NULL);
        n++;
    }
    answer(core, ev, SN_ANS_INT)->integer = n;
}

/* [TO host port] [FORCE] [COORDINATED], in any order; NULL or the error. */
static const char *failover_words(struct sn_group *g, const struct sn_event *ev,
                                  struct sn_order *order)
{
    for (int i = 1; i < ev->argc; i++) {
        int64_t port;
        if (slice_ieqz(ev->argv[i], "FORCE")) {
            order->hand_over = false;
        } else if (slice_ieqz(ev->argv[i], "COORDINATED")) {
            order->hand_only = true;
        } else if (slice_ieqz(ev->argv[i], "TO") && i + 2 < ev->argc &&
                   num_to_i64(ev->argv[i + 2], &port)) {
            struct sn_instance *r = sn_replica_find(g, ev->argv[i + 1], port);
            if (!r) return "ERR TO names no known replica of that master";
            order->target = r->id;
            i += 2;
        } else {
            return ev->argc == 2 ? "ERR wrong number of arguments for 'sentinel|failover' command"
                                 : "ERR syntax error";
        }
    }
    return order->hand_only && !order->hand_over ? "ERR FORCE and COORDINATED exclude each other"
                                                 : NULL;
}

static bool has_candidate(struct sn_group *g, uint32_t target)
{
    if (!sn_pick(g)) return false;
    for (size_t i = 0; i < g->replicas.n; i++)
        if (g->replicas.at[i]->id == target) return g->replicas.at[i]->reject == SN_FIT;
    return !target;
}

static void failover(struct sn_core *core, const struct sn_event *ev)
{
    struct sn_group *g = named(core, ev);
    if (!g) return;
    struct sn_order order = { .kind = SN_FO_OPERATOR, .hand_over = true };
    const char *bad = failover_words(g, ev, &order);
    if (bad) {
        error(core, ev, "%s", bad);
    } else if (g->fo.state != SN_FO_NONE) {
        error(core, ev, "INPROG Failover already in progress");
    } else if (!has_candidate(g, order.target)) {
        error(core, ev, "NOGOODSLAVE No suitable replica to promote");
    } else {
        sn_note(core, SN_LEVEL_WARNING, "Executing user requested FAILOVER of '%s'", g->saved.name);
        sn_failover_start(g, &order);
        ok(core, ev);
    }
}

/* The same to the other Sentinels, so that it does not come back from them. */
static void tell_forget(struct sn_group *g, const struct sn_event *ev)
{
    char words[2][SN_HOST_MAX] = { "", "" };
    for (int i = 1; i < ev->argc && i < 3; i++)
        slice_cstr(ev->argv[i], words[i - 1], sizeof(words[0]));
    for (size_t i = 0; i < g->peers.n; i++) {
        if (ev->argc == 2)
            sn_send(g->peers.at[i], SN_CMD, SN_TAG_NONE,
                    SN_WORDS("SENTINEL", "FORGET", g->saved.name, words[0], "LOCAL"));
        else
            sn_send(g->peers.at[i], SN_CMD, SN_TAG_NONE,
                    SN_WORDS("SENTINEL", "FORGET", g->saved.name, words[0], words[1], "LOCAL"));
    }
}

/* One peer by its run id, or one replica by its address. A voter less is a voter less: here it is
 * the operator's word. */
static void forget(struct sn_core *core, const struct sn_event *ev)
{
    struct sn_group *g = named(core, ev);
    struct sn_event rest = *ev;
    char runid[SN_ID_LEN + 1];
    int64_t port;
    struct sn_instance *inst = NULL;
    if (!g) return;
    bool local = slice_ieqz(ev->argv[ev->argc - 1], "LOCAL");
    rest.argc -= local;
    if (rest.argc == 2) inst = sn_peer_find(g, slice_cstr(ev->argv[1], runid, sizeof(runid)));
    else if (rest.argc == 3 && num_to_i64(ev->argv[2], &port))
        inst = sn_replica_find(g, ev->argv[1], port);
    if (!inst) {
        error(core, ev, "ERR No such replica or Sentinel of that master");
        return;
    }
    if (inst == g->fo.promoted) {
        error(core, ev, "INPROG Failover already in progress");
        return;
    }
    if (inst->kind == SN_PEER && g->saved.voters_floor) g->saved.voters_floor--;
    sn_emit(core, SN_EVT_FORGOTTEN, inst, "on request");
    sn_instance_drop(inst);
    if (!local) tell_forget(g, &rest);
    ok_saved(core, ev);
}

static void flush(struct sn_core *core, const struct sn_event *ev)
{
    ok_saved(core, ev);
}

/* ---- SET ---- */

static void drop_links(struct sn_group *g)
{
    sn_link_close(g->core, g->master->link);
    for (size_t i = 0; i < g->replicas.n; i++) sn_link_close(g->core, g->replicas.at[i]->link);
}

/* One option; NULL or the error. */
static const char *set_one(struct sn_group *g, const struct sn_event *ev, const struct sn_option *o,
                           const struct slice *v, char *text)
{
    struct sn_core *core = g->core;
    if (o->kind == SN_OPT_SCRIPT && core->saved.deny_scripts_reconfig)
        return "ERR Reconfiguration of scripts path is denied for security reasons. Check the "
               "deny-scripts-reconfig configuration directive in your Sentinel configuration";
    if (o->kind == SN_OPT_SCRIPT && v[0].n && ev->bad_script && slice_eq(*ev->bad_script, v[0])) {
        snprintf(text, ERROR_MAX, "ERR %s script seems non existing or non executable",
                 o->name[0] == 'n' ? "Notification" : "Client reconfiguration");
        return text;
    }
    if (!sn_option_apply(g, o, v)) {
        snprintf(text, ERROR_MAX, "ERR Invalid argument '%.*s' for SENTINEL SET '%s'",
                 SLICE_ARG(v[0]), o->name);
        return text;
    }
    if (o->reconnects) drop_links(g);
    if (o->kind == SN_OPT_RENAME)
        sn_emit(core, SN_EVT_SET, g->master, "%s %.*s %.*s", o->name, SLICE_ARG(v[0]),
                SLICE_ARG(v[1]));
    else if (o->secret) sn_emit(core, SN_EVT_SET, g->master, "%s %s", o->name, "******");
    else sn_emit(core, SN_EVT_SET, g->master, "%s %.*s", o->name, SLICE_ARG(v[0]));
    return NULL;
}

static void set(struct sn_core *core, const struct sn_event *ev)
{
    struct sn_group *g = named(core, ev);
    if (!g) return;
    char text[ERROR_MAX];
    const char *bad = NULL;
    for (int i = 1; i < ev->argc && !bad;) {
        const struct sn_option *o = sn_option_find(ev->argv[i]);
        int words = o ? sn_option_words(o) : 1;
        if (!o || i + words >= ev->argc) {
            snprintf(text, sizeof(text),
                     "ERR Unknown option or number of arguments for SENTINEL SET '%.*s'",
                     SLICE_ARG(ev->argv[i]));
            bad = text;
            break;
        }
        bad = set_one(g, ev, o, &ev->argv[i + 1], text);
        i += 1 + words;
    }
    /* What stood before the bad option is kept. */
    for (size_t i = 0; i < g->peers.n; i++) sn_link_repace(g->peers.at[i]->link);
    sn_touch(g);
    sn_actions_persist(core->out);
    if (bad) error(core, ev, "%s", bad);
    else ok_saved(core, ev);
}

/* ---- CONFIG SET ---- */

static bool yes_no(struct slice v, bool *out)
{
    *out = slice_ieqz(v, "yes");
    return *out || slice_ieqz(v, "no");
}

/* Peers are met with other credentials from now on. */
static void reconnect_peers(struct sn_core *core)
{
    for (size_t i = 0; i < core->groups.n; i++)
        for (size_t j = 0; j < core->groups.at[i]->peers.n; j++)
            sn_link_close(core, core->groups.at[i]->peers.at[j]->link);
}

/* Checks (set == false) or sets one global option. */
static bool global(struct sn_core *core, struct slice name, struct slice v, bool change,
                   bool *known)
{
    struct sn_saved *s = &core->saved;
    int64_t port;
    bool b;
    *known = true;
    if (slice_ieqz(name, "announce-ip")) {
        if (!sn_clean_text(v) || v.n >= SN_HOST_MAX) return false;
        if (change) sn_text_set(&s->announce_ip, v);
    } else if (slice_ieqz(name, "announce-port")) {
        if (!num_to_i64(v, &port) || port < 0 || port > 65535) return false;
        if (change) s->announce_port = (int)port;
    } else if (slice_ieqz(name, "resolve-hostnames")) {
        if (!yes_no(v, &b)) return false;
        if (change) s->resolve_hostnames = b;
    } else if (slice_ieqz(name, "announce-hostnames")) {
        if (!yes_no(v, &b)) return false;
        if (change) s->announce_hostnames = b;
    } else if (slice_ieqz(name, "sentinel-user") || slice_ieqz(name, "sentinel-pass")) {
        if (!sn_clean_text(v)) return false;
        if (change) {
            sn_text_set(slice_ieqz(name, "sentinel-user") ? &s->user : &s->pass, v);
            reconnect_peers(core);
        }
    } else {
        *known = false;
        return false;
    }
    return true;
}

static bool config_check(struct sn_core *core, const struct sn_event *ev)
{
    for (int i = 0; i < ev->argc; i += 2) {
        bool known, good;
        if (i + 1 >= ev->argc) {
            error(core, ev, "ERR Missing argument '%.*s' value", SLICE_ARG(ev->argv[i]));
            return false;
        }
        good = global(core, ev->argv[i], ev->argv[i + 1], false, &known);
        if (!known) {
            error(core, ev, "ERR Invalid argument '%.*s' to SENTINEL CONFIG SET",
                  SLICE_ARG(ev->argv[i]));
            return false;
        }
        for (int j = 0; j < i; j += 2)
            if (slice_ieq(ev->argv[j], ev->argv[i])) {
                error(core, ev, "ERR Duplicate argument '%.*s' to SENTINEL CONFIG SET",
                      SLICE_ARG(ev->argv[i]));
                return false;
            }
        if (!good) {
            error(core, ev, "ERR Invalid value '%.*s' to SENTINEL CONFIG SET '%.*s'",
                  SLICE_ARG(ev->argv[i + 1]), SLICE_ARG(ev->argv[i]));
            return false;
        }
    }
    return true;
}

static void config_set(struct sn_core *core, const struct sn_event *ev)
{
    bool known;
    if (!config_check(core, ev)) return;
    for (int i = 0; i + 1 < ev->argc; i += 2)
        global(core, ev->argv[i], ev->argv[i + 1], true, &known);
    ok_saved(core, ev);
}

/* ---- SIMULATE-FAILURE, DEBUG ---- */

static void simulate(struct sn_core *core, const struct sn_event *ev)
{
    unsigned flags = 0;
    for (int i = 0; i < ev->argc; i++) {
        if (slice_ieqz(ev->argv[i], "crash-after-election"))
            flags |= SN_CRASH_AFTER_ELECTION;
        else if (slice_ieqz(ev->argv[i], "crash-after-promotion"))
            flags |= SN_CRASH_AFTER_PROMOTION;
        else {
            error(core, ev, "ERR Unknown failure simulation specified");
            return;
        }
    }
    core->simulate = flags;
    ok(core, ev);
}

static const struct sn_param_row *find_param(struct slice name)
{
    for (size_t i = 0; i < SN_PARAM_ROWS; i++)
        if (slice_ieqz(name, sn_param_rows[i].name)) return &sn_param_rows[i];
    return NULL;
}

static void debug(struct sn_core *core, const struct sn_event *ev)
{
    for (int i = 0; i < ev->argc; i += 2) {
        const struct sn_param_row *row = find_param(ev->argv[i]);
        int64_t v;
        if (!row || i + 1 >= ev->argc) {
            error(core, ev, "ERR Unknown option or number of arguments for SENTINEL DEBUG '%.*s'",
                  SLICE_ARG(ev->argv[i]));
            return;
        }
        if (!num_to_i64(ev->argv[i + 1], &v) || v <= 0 || v > SN_MS_MAX) {
            error(core, ev, "ERR Invalid argument '%.*s' for SENTINEL DEBUG '%.*s'",
                  SLICE_ARG(ev->argv[i + 1]), SLICE_ARG(ev->argv[i]));
            return;
        }
        *sn_param(&core->params, row) = v;
    }
    for (size_t i = 0; i < core->groups.n; i++) sn_touch(core->groups.at[i]);
    ok(core, ev);
}

/* ---- the table ---- */

static const struct row {
    void (*run)(struct sn_core *core, const struct sn_event *ev);
    int argc; /* exactly; negative: at least */
} rows[SN_EVENT_KINDS] = {
    [SN_ADM_MONITOR] = { monitor, 4 },       [SN_ADM_REMOVE] = { remove_group, 1 },
    [SN_ADM_SET] = { set, -3 },              [SN_ADM_RESET] = { reset, 1 },
    [SN_ADM_FAILOVER] = { failover, -1 },    [SN_ADM_FORGET] = { forget, -2 },
    [SN_ADM_FLUSHCONFIG] = { flush, 0 },
    [SN_ADM_CONFIG_SET] = { config_set, -1 }, [SN_ADM_SIMULATE] = { simulate, -1 },
    [SN_ADM_DEBUG] = { debug, -1 },
};

void sn_admin(struct sn_core *core, const struct sn_event *ev)
{
    const struct row *row = &rows[ev->kind];
    must(row->run);
    if (row->argc >= 0 ? ev->argc != row->argc : ev->argc < -row->argc)
        error(core, ev, "ERR wrong number of arguments");
    else row->run(core, ev);
}
