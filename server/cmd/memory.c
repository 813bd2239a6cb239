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
    if (ks_read(db_of(c), c->argv[2], KS_NO_TOUCH | KS_NO_STATS, &v))
        reply_int(c, (int64_t)ks_key_mem(&v, (size_t)samples));
    else
        reply_null(c);
}

#define MIB ((size_t)1 << 20)

struct finding {
    bool is;
    const char *text;
};

/* More than so many per cent of the other; little amounts are never odd. */
static bool beyond(size_t a, size_t b, size_t percent)
{
    return a > b && a - b > 10 * MIB && a / percent > b / 100;
}

static size_t findings(struct server *s, struct buf *out)
{
    struct info_clients clients;
    struct scripting_figures scripts;
    struct mem_stats a;
    size_t used = mem_used(), resident = memory_resident(), n = 0;
    info_count_clients(s, &clients);
    scripting_figures(s->scripts, &scripts);
    mem_stats(&a);
    const struct finding all[] = {
        { s->peak_mem / 3 > used / 2, "Peak: once much more was in use than now (over 150%). The "
                                      "process may hold pages of that time: MEMORY PURGE." },
        { beyond(resident, used, 140), "Resident: the process holds over 140% of what is in use. "
                                       "See MEMORY STATS for where it is." },
        { beyond(a.active, a.allocated, 110), "Fragmentation: over 110% of the allocated bytes are "
                                              "in the allocator's pages." },
        { beyond(a.resident, a.active, 110), "Unused pages: the allocator keeps pages that hold "
                                             "nothing. MEMORY PURGE gives them back." },
        { beyond(resident, a.resident, 110), "Beyond the allocator: stacks, libraries, or scripts "
                                             "hold much of the process' memory." },
        { clients.normal_mem > 10 * MIB && clients.normal_mem > used / 4,
          "Clients: their buffers hold over a quarter of the memory. See CLIENT LIST (tot-mem), "
          "client-output-buffer-limit, maxmemory-clients." },
        { clients.replica_mem > 10 * MIB, "Replicas: their buffers hold over 10 MB; one may be "
                                          "slow, or its link." },
        { scripts.vm_eval + scripts.scripts_eval > 10 * MIB,
          "Scripts: they hold over 10 MB. Pass what varies in KEYS and ARGV, and SCRIPT FLUSH." },
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (!all[i].is) continue;
        buf_fmt(out, " * %s\n\n", all[i].text);
        n++;
    }
    return n;
}

static void memory_doctor(struct call *c)
{
    struct buf found = { 0 };
    if (mem_used() < 5 * MIB)
        reply_verbatim(c, "txt", SLICE("Less than 5 MB are in use: too little to say anything "
                                       "about how they are used.\n"));
    else if (findings(server_of(c), &found) == 0)
        reply_verbatim(c, "txt", SLICE("Nothing is odd: no sign of lost or wasted memory.\n"));
    else
        reply_verbatim(c, "txt", buf_slice(&found));
    buf_free(&found);
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
