/* MEMORY: what keys and the whole cost. */
#include "server/memory.h"
#include "server/script/scripting.h"
#include "server/server.h"
#include "core/base/mem.h"
#include "core/db/keyspace.h"
#include "core/front/reply.h"
#include "server/cmd/families.h"
#include "server/cmd/keyed.h"
#include "server/info.h"

#define SAMPLES_DEFAULT 5

static void memory_usage(struct call *c)
{
    int64_t samples = SAMPLES_DEFAULT;
    struct value v;
    for (int i = 3; i < c->argc; i += 2) {
        if (!arg_is(c, i, "SAMPLES") || i + 1 == c->argc) {
            reply_syntax_error(c);
            return;
        }
        if (!arg_int(c, i + 1, &samples)) return;
        if (samples < 0) {
            reply_syntax_error(c);
            return;
        }
    }
    if (ks_read(db_of(c), c->argv[2], KS_NO_TOUCH, &v))
        reply_int(c, (int64_t)ks_key_mem(&v, (size_t)samples));
    else
        reply_null(c);
}

static void memory_doctor(struct call *c)
{
    struct server *s = server_of(c);
    size_t used = mem_used(), resident = memory_resident();
    struct str text;
    if (used < 5 << 20)
        text = str_z(
            "Less than 5 MB are in use: too little to say anything about how they are used.\n");
    else if (resident > used + used / 2)
        text = str_fmt(
            "The process holds %zu bytes for %zu bytes in use (peak %zu). MEMORY PURGE gives "
            "unused pages back.\n",
            resident, used, s->peak_mem);
    else
        text = str_z("Nothing is odd: the process holds little more than is in use.\n");
    reply_verbatim(c, "txt", str_slice(text));
    str_free(&text);
}

static void memory_purge(struct call *c)
{
    mem_purge();
    reply_ok(c);
}

/* The figures of INFO memory under the names of MEMORY STATS. */
static void memory_stats(struct call *c)
{
    struct server *s = server_of(c);
    struct info_clients clients;
    struct mem_stats a;
    size_t used = mem_used(), keys = 0, tables = ks_tables_mem(s->ks);
    info_count_clients(s, &clients);
    mem_stats(&a);
    for (int i = 0; i < s->ks->n; i++)
        keys += ks_count(ks_db(s->ks, i));
    size_t overhead = s->startup_mem + clients.normal_mem + clients.replica_mem + tables;
    size_t data = used > overhead ? used - overhead : 0;
    struct scripting_figures scripts;
    scripting_figures(s->scripts, &scripts);
    const struct {
        const char *name;
        uint64_t v;
    } row[] = {
        { "peak.allocated", s->peak_mem > used ? s->peak_mem : used },
        { "total.allocated", used },
        { "startup.allocated", s->startup_mem },
        { "replication.backlog", memory_not_counted(s) },
        { "clients.slaves", clients.replica_mem },
        { "clients.normal", clients.normal_mem },
        { "cluster.links", 0 },
        { "aof.buffer", 0 },
        { "lua.caches", scripts.scripts_eval + scripts.vm_eval },
        { "functions.caches", scripts.functions + scripts.vm_functions },
        { "overhead.total", overhead },
        { "keys.count", keys },
        { "keys.bytes-per-key", keys ? data / keys : 0 },
        { "dataset.bytes", data },
        { "allocator.allocated", a.allocated },
        { "allocator.active", a.active },
        { "allocator.resident", a.resident },
    };
    reply_map(c, sizeof(row) / sizeof(row[0]));
    for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        reply_bulk_z(c, row[i].name);
        reply_int(c, (int64_t)row[i].v);
    }
}

static void add_text(void *arg, const char *text) { buf_putz(arg, text); }

static void memory_malloc_stats(struct call *c)
{
    struct buf text = { 0 };
    mem_report(add_text, &text);
    reply_verbatim(c, "txt", buf_slice(&text));
    buf_free(&text);
}

static void memory_help(struct call *c)
{
    static const char *const lines[] = {
        "DOCTOR",
        "    Say in words what is odd about the memory.",
        "MALLOC-STATS",
        "    Show what the allocator itself reports.",
        "PURGE",
        "    Give free pages back to the system.",
        "STATS",
        "    Show where the memory goes.",
        "USAGE <key> [SAMPLES <count>]",
        "    Tell about how many bytes <key> and its value take; of a large value",
        "    <count> elements are looked at (5 unless said; 0: all).",
        NULL
    };
    reply_help(c, lines);
}

static const char *const malloc_hints[] = { "nondeterministic_output",
                                            "request_policy:all_shards",
                                            "response_policy:special", NULL };

static const struct command subs[] = {
    { "USAGE", memory_usage, .arity = -3, .flags = CMD_READONLY, .keys = { KEYS(2, 2, 1, KEY_RO) },
      .since = "4.0.0", .group = "server", .complexity = "O(N), N: samples",
      .summary = "Tells about how many bytes a key and its value take.",
      .syntax = "key:key [SAMPLES count:integer]" },
    { "DOCTOR", memory_doctor, .arity = 2, .since = "4.0.0", .group = "server",
      .complexity = "O(1)",
      .summary = "Says in words what is odd about the memory.", .syntax = "" },
    { "MALLOC-STATS", memory_malloc_stats, .arity = 2, .since = "4.0.0", .group = "server",
      .complexity = "Grows with the heap", .hints = malloc_hints,
      .summary = "Shows what the allocator itself reports.", .syntax = "" },
    { "PURGE", memory_purge, .arity = 2, .since = "4.0.0", .group = "server",
      .complexity = "Grows with the heap",
      .summary = "Gives free pages back to the system.", .syntax = "" },
    { "STATS", memory_stats, .arity = 2, .since = "4.0.0", .group = "server", .complexity = "O(1)",
      .summary = "Shows where the memory goes.", .syntax = "" },
    { "HELP", memory_help, .arity = 2, .flags = CMD_LOADING | CMD_STALE, .since = "4.0.0",
      .group = "server", .complexity = "O(1)",
      .summary = "Lists the sub-commands.", .syntax = "" },
    COMMANDS_END,
};

const struct command cmds_memory[] = {
    { "MEMORY", NULL, .arity = -2, .subs = subs, .since = "4.0.0", .group = "server",
      .complexity = "See the sub-commands.",
      .summary = "Where the memory goes." },
    COMMANDS_END,
};
