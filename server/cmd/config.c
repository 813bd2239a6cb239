/* CONFIG: directives at run time. The engine of core/conf does the work; here are the forms. */
#include "core/front/config.h"
#include "core/conf/rewrite.h"
#include "core/conf/table.h"
#include "core/db/keyspace.h"
#include "core/front/acl.h"
#include "core/front/client.h"
#include "core/front/front.h"
#include "core/front/reply.h"
#include "core/front/start.h"
#include "core/front/stats.h"
#include "core/sys/log.h"
#include "replication/replication.h"
#include "server/cmd/families.h"
#include "server/cmd/debug.h"
#include "server/config.h"
#include "server/cron.h"
#include "server/evictor.h"
#include "server/persist/snapshot.h"
#include "server/script/scripting.h"
#include "server/server.h"

struct pairs {
    struct call *c;
    size_t n;
};

static void put_pair(void *to, const char *name, struct slice value)
{
    struct pairs *p = to;
    reply_bulk_z(p->c, name);
    reply_bulk(p->c, value);
    p->n++;
}

static void config_get(struct call *c)
{
    struct pairs p = { c, 0 };
    size_t mark = reply_later(c);
    conf_get(server_of(c)->conf, c->argv + 2, (size_t)c->argc - 2, put_pair, &p);
    reply_later_map(c, mark, p.n);
}

#define PAIRS_MAX 512 /* more than there are directives */

/* What the files that are being read depend on stays as it is until they are. */
static bool waits_for_the_load(struct call *c, unsigned how)
{
    const struct server *s = server_of(c);
    if (!s->loading && !s->async_loading) return false;
    for (int i = 2; i < c->argc; i += 2)
        if (arg_is(c, i, "appendonly") || (how & CONF_SET_PROTECTED && arg_is(c, i, "dir")))
            return true;
    return false;
}

static void config_set(struct call *c)
{
    struct server *s = server_of(c);
    struct conf_pair pair[PAIRS_MAX];
    struct errmsg msg;
    int n = (c->argc - 2) / 2;
    if (c->argc % 2) {
        reply_arity(c);
        return;
    }
    if (n > PAIRS_MAX) {
        reply_syntax_error(c);
        return;
    }
    for (int i = 0; i < n; i++)
        pair[i] = (struct conf_pair){ c->argv[2 + 2 * i], c->argv[3 + 2 * i] };
    bool local = c->client->conn && conn_is_loopback(c->client->conn);
    unsigned how =
        front_enabled(s->front_config->enable_protected_configs, local) ? CONF_SET_PROTECTED : 0;
    if (waits_for_the_load(c, how))
        reply_error(c, "-LOADING Redis is loading the dataset in memory");
    else if (conf_set(s->conf, pair, (size_t)n, how, &msg))
        reply_error_fmt(c, "-ERR %s", msg.text);
    else
        reply_ok(c);
}

static enum err rewrite(struct server *s, bool all, struct errmsg *msg)
{
    struct conf_rewrite *w;
    enum err e = conf_rewrite_open(&w, s->start->config_file, msg);
    if (e) return e;
    if (all) conf_rewrite_all(w);
    conf_rewrite_rows(w, s->conf);
    front_put_users(s->front, w);
    e = conf_rewrite_save(w, s->start->config_file, msg);
    conf_rewrite_free(w);
    return e;
}

static void rewrite_file(struct call *c, bool all)
{
    struct server *s = server_of(c);
    struct errmsg msg;
    if (!s->start->config_file) {
        reply_error(c, "-ERR The server is running without a config file");
        return;
    }
    if (rewrite(s, all, &msg)) {
        log_warning("CONFIG REWRITE failed: %s", msg.text);
        reply_error_fmt(c, "-ERR Rewriting config file: %s", msg.text);
        return;
    }
    log_warning("CONFIG REWRITE executed with success.");
    reply_ok(c);
}

static void config_rewrite(struct call *c) { rewrite_file(c, false); }
void debug_config_rewrite(struct call *c) { rewrite_file(c, true); }

static void config_resetstat(struct call *c)
{
    struct server *s = server_of(c);
    stats_reset(s->front);
    s->ks->stats = (struct ks_stats){ 0 };
    s->lazy_freed = 0;
    snapshot_reset_stats(s->snapshot);
    cron_reset_stats(s->cron);
    evictor_reset_stats(s->evictor);
    s->scripts->evicted = 0;
    replication_reset_stats(s->repl);
    reply_ok(c);
}

static void config_help(struct call *c)
{
    static const char *const lines[] = {
        "GET <pattern>",
        "    Show the settings whose names match <pattern>.",
        "SET <directive> <value>",
        "    Change settings; all of them or none.",
        "RESETSTAT",
        "    Let the counters of INFO start at zero.",
        "REWRITE",
        "    Write the settings in force into the file the server was started with.",
        NULL
    };
    reply_help(c, lines);
}

#define CONFIG_FLAGS (CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE)

static const struct command subs[] = {
    { "GET", config_get, .arity = -3, .flags = CONFIG_FLAGS, .since = "2.0.0", .group = "server",
      .complexity = "O(N), N: parameters",
      .summary = "Shows the settings in force whose names match.",
      .syntax = "parameter=(parameter:string)..." },
    { "SET", config_set, .arity = -4, .flags = CONFIG_FLAGS, .since = "2.0.0", .group = "server",
      .complexity = "O(N), N: parameters",
      .summary = "Changes settings: all that are named, or none.",
      .syntax = "(parameter:string value:string)..." },
    { "REWRITE", config_rewrite, .arity = 2, .flags = CONFIG_FLAGS, .since = "2.8.0",
      .group = "server", .complexity = "O(1)",
      .summary = "Writes the settings in force into the configuration file.", .syntax = "" },
    { "RESETSTAT", config_resetstat, .arity = 2, .flags = CONFIG_FLAGS, .since = "2.0.0",
      .group = "server", .complexity = "O(1)",
      .summary = "Lets the counters of INFO start at zero.",
      .syntax = "" },
    { "HELP", config_help, .arity = 2, .flags = CMD_LOADING | CMD_STALE, .since = "5.0.0",
      .group = "server", .complexity = "O(1)",
      .summary = "Lists the sub-commands.", .syntax = "" },
    COMMANDS_END,
};

const struct command cmds_config[] = {
    { "CONFIG", NULL, .arity = -2, .subs = subs, .since = "2.0.0", .group = "server",
      .complexity = "See the sub-commands.",
      .summary = "Settings at run time." },
    COMMANDS_END,
};
