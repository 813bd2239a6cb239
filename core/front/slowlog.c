#include "core/front/slowlog.h"

#include <stdio.h>

#include "core/base/ilist.h"
#include "core/base/mem.h"
#include "core/front/client.h"
#include "core/front/config.h"
#include "core/front/front.h"
#include "core/front/reply.h"

struct entry {
    struct ilist node;
    uint64_t id;
    int64_t at_s, us;
    struct str addr, name;
    int argc;
    struct str argv[SLOWLOG_ARGS];
};

struct slowlog {
    struct ilist entries; /* newest first */
    size_t n;
    uint64_t next_id;
};

struct slowlog *slowlog_new(void)
{
    struct slowlog *s = mem_zalloc(sizeof(*s));
    ilist_init(&s->entries);
    return s;
}

static void drop_last(struct slowlog *s)
{
    struct entry *e = ilist_of(s->entries.prev, struct entry, node);
    ilist_remove(&e->node);
    for (int i = 0; i < e->argc; i++) str_free(&e->argv[i]);
    str_free(&e->addr);
    str_free(&e->name);
    mem_free(e);
    s->n--;
}

void slowlog_delete(struct slowlog *s)
{
    while (s->n) drop_last(s);
    mem_free(s);
}

static struct str kept_arg(const struct call *c, int i)
{
    struct slice a = c->argv[i];
    if (call_is_redacted(c, i)) return str_z("(redacted)");
    if (a.n <= SLOWLOG_ARG_BYTES) return str_new(a);
    return str_fmt("%.*s... (%zu more bytes)", SLOWLOG_ARG_BYTES, a.p, a.n - SLOWLOG_ARG_BYTES);
}

void slowlog_add(const struct call *c, int64_t us)
{
    struct slowlog *s = c->front->slowlog;
    struct entry *e = mem_zalloc(sizeof(*e));
    e->id = s->next_id++;
    e->at_s = c->now_ms / 1000;
    e->us = us;
    e->addr = str_z(c->client->conn ? conn_peer_addr(c->client->conn) : "");
    e->name = str_new(str_slice(c->client->name));
    e->argc = c->argc < SLOWLOG_ARGS ? c->argc : SLOWLOG_ARGS;
    for (int i = 0; i < e->argc; i++) e->argv[i] = kept_arg(c, i);
    if (c->argc > SLOWLOG_ARGS) {
        struct str *last = &e->argv[SLOWLOG_ARGS - 1];
        str_free(last);
        *last = str_fmt("... (%d more arguments)", c->argc - SLOWLOG_ARGS + 1);
    }
    ilist_push_front(&s->entries, &e->node);
    s->n++;
    while (s->n > (size_t)c->front->config->slowlog_max_len) drop_last(s);
}

static void reply_entry(struct call *c, const struct entry *e)
{
    reply_array(c, 6);
    reply_int(c, (int64_t)e->id);
    reply_int(c, e->at_s);
    reply_int(c, e->us);
    reply_array(c, (size_t)e->argc);
    for (int i = 0; i < e->argc; i++) reply_bulk(c, str_slice(e->argv[i]));
    reply_bulk(c, str_slice(e->addr));
    reply_bulk(c, str_slice(e->name));
}

static void cmd_get(struct call *c)
{
    const struct slowlog *s = c->front->slowlog;
    int64_t want = 10;
    if (c->argc > 3) {
        reply_sub_arity(c);
        return;
    }
    if (c->argc == 3 && !arg_int_range(c, 2, -1, INT64_MAX, &want,
                                       "count should be greater than or equal to -1"))
        return;
    size_t n = want < 0 || (uint64_t)want > s->n ? s->n : (size_t)want;
    reply_array(c, n);
    const struct ilist *it = s->entries.next;
    for (size_t i = 0; i < n; i++, it = it->next) reply_entry(c, ilist_of(it, struct entry, node));
}

static void cmd_len(struct call *c) { reply_int(c, (int64_t)c->front->slowlog->n); }

static void cmd_reset(struct call *c)
{
    while (c->front->slowlog->n) drop_last(c->front->slowlog);
    reply_ok(c);
}

static void cmd_help(struct call *c)
{
    static const char *const lines[] = {
        "GET [<count>]",
        "    Show the newest <count> entries (10 unless said; -1: all), each with",
        "    number, Unix time, microseconds taken, arguments, and the client's address",
        "    and name.",
        "LEN",
        "    Count the entries.",
        "RESET",
        "    Forget all entries.",
        NULL,
    };
    reply_help(c, lines);
}

#define ASK (CMD_ADMIN | CMD_LOADING | CMD_STALE)

static const char *const get_hints[] = { "request_policy:all_nodes", "nondeterministic_output",
                                         NULL };
static const char *const len_hints[] = { "request_policy:all_nodes", "response_policy:agg_sum",
                                         "nondeterministic_output", NULL };
static const char *const reset_hints[] = { "request_policy:all_nodes",
                                           "response_policy:all_succeeded", NULL };
static const char *const get_history[] = {
    "4.0.0", "Entries name the client's address, port and name.", NULL
};

static const struct command subs_slowlog[] = {
    { "GET", cmd_get, .arity = -2, .flags = ASK, .since = "2.2.12", .group = "server",
      .complexity = "O(N), N = entries shown", .hints = get_hints,
      .history = get_history, .summary = "Shows the latest slow commands.",
      .syntax = "[count:integer]" },
    { "HELP", cmd_help, .arity = 2, .flags = CMD_LOADING | CMD_STALE, .since = "6.2.0",
      .group = "server", .complexity = "O(1)",
      .summary = "Lists the sub-commands.", .syntax = "" },
    { "LEN", cmd_len, .arity = 2, .flags = ASK, .since = "2.2.12", .group = "server",
      .complexity = "O(1)", .hints = len_hints, .summary = "Counts the entries of the slow log.",
      .syntax = "" },
    { "RESET", cmd_reset, .arity = 2, .flags = ASK, .since = "2.2.12", .group = "server",
      .complexity = "O(N), N = entries", .hints = reset_hints,
      .summary = "Empties the slow log.", .syntax = "" },
    COMMANDS_END,
};

const struct command cmds_slowlog[] = {
    { "SLOWLOG", NULL, .arity = -2, .subs = subs_slowlog, .since = "2.2.12", .group = "server",
      .complexity = "See the sub-commands.", .summary = "Commands that took long.",
      .syntax = "" },
    COMMANDS_END,
};
