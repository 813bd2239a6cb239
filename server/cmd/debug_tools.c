/* DEBUG about the process and its parts: streams, patterns, clients' memory, allocator, restart. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/glob.h"
#include "core/base/num.h"
#include "core/front/config.h"
#include "core/front/start.h"
#include "core/sys/log.h"
#include "server/cmd/debug.h"
#include "server/cmd/keyed.h"
#include "server/config.h"
#include "server/persist/snapshot.h"

#define MATCH_LEN_MAX (1 << 20)
#define FDS_MAX 65536

/* ---- stream ---- */

static void debug_replicate(struct call *c)
{
    struct journal *j = server_of(c)->journal;
    journal_limit(j, 1u << JOURNAL_FEED);
    journal_words(j, -1, c->argc - 2, c->argv + 2);
    journal_limit(j, JOURNAL_ALL);
    reply_ok(c);
}

/* ---- patterns ---- */

static void debug_stringmatch(struct call *c)
{
    int64_t n;
    if (!arg_int_range(c, 2, 0, MATCH_LEN_MAX, &n, NULL)) return;
    char *text = mem_alloc((size_t)n + 1);
    memset(text, 'a', (size_t)n);
    reply_int(c, glob_match(c->argv[3], slice_of(text, (size_t)n), false));
    mem_free(text);
}

/* ---- memory of clients ---- */

#define BUCKET_FIRST 15 /* log2: up to 32 KiB */
#define BUCKETS 19

static void debug_client_eviction(struct call *c)
{
    size_t mem[BUCKETS] = { 0 }, n[BUCKETS] = { 0 };
    struct buf out = { 0 };
    if (!c->front->config->maxmemory_clients) {
        reply_error(c, "maxmemory-clients is disabled.");
        return;
    }
    ilist_each(&c->front->clients, it, next)
    {
        const struct client *cl = ilist_of(it, struct client, node);
        size_t size = client_mem(cl);
        int i = 0;
        while (i + 1 < BUCKETS && size >> (BUCKET_FIRST + i)) i++;
        mem[i] += size;
        n[i]++;
    }
    for (int i = 0; i < BUCKETS; i++)
        buf_fmt(&out, "bucket %10zu - %10zu: tot-mem: %10zu, clients: %zu\n",
                i ? (size_t)1 << (BUCKET_FIRST + i - 1) : 0, ((size_t)1 << (BUCKET_FIRST + i)) - 1,
                mem[i], n[i]);
    reply_verbatim(c, "txt", buf_slice(&out));
    buf_free(&out);
}

/* ---- allocator ---- */

static void debug_mallctl(struct call *c)
{
    char name[128];
    int64_t value, set;
    bool write = c->argc > 3;
    if (write && !arg_int(c, 3, &set)) return;
    if (mem_ctl(slice_cstr(c->argv[2], name, sizeof(name)), &value, write ? &set : NULL))
        reply_int(c, value);
    else
        reply_error(c, "No such file or directory");
}

static void debug_leak(struct call *c)
{
    mem_strndup(c->argv[2].p, c->argv[2].n);
    reply_ok(c);
}

static void debug_oom(struct call *c)
{
    mem_free(mem_alloc(SIZE_MAX / 2));
    reply_ok(c);
}

static void debug_structsize(struct call *c)
{
    reply_bulk_fmt(c, "bits:%d client:%zu entry:%zu bucket:64 call:%zu", (int)sizeof(void *) * 8,
                   sizeof(struct client), sizeof(struct entry), sizeof(struct call));
}

/* ---- restart ---- */

/* Only comes back when it has failed. What the command line said is said again. */
static void restart(struct call *c)
{
    const struct front_start *start = server_of(c)->start;
    int64_t delay_ms = 0;
    if (c->argc > 2 && !arg_int_range(c, 2, 0, 60000, &delay_ms, NULL)) return;
    if (!start->exe || access(start->exe, X_OK) != 0) {
        reply_error(c, "failed to restart the server. Check server logs.");
        return;
    }
    usleep((useconds_t)delay_ms * 1000);
    for (int fd = 3; fd < FDS_MAX; fd++) close(fd);
    execv(start->exe, start->argv);
    _exit(0);
}

static void debug_restart(struct call *c)
{
    struct errmsg msg;
    if (snapshot_save_now(server_of(c)->snapshot, &msg)) {
        log_warning("DEBUG RESTART: %s", msg.text);
        reply_error(c, "failed to restart the server. Check server logs.");
        return;
    }
    restart(c);
}

const struct debug_row debug_tool_rows[] = {
    { "CLIENT-EVICTION", 0, 0, debug_client_eviction,
      HELP("CLIENT-EVICTION", "    Sort clients by what they hold.") },
    { "CONFIG-REWRITE-FORCE-ALL", 0, 0, debug_config_rewrite,
      HELP("CONFIG-REWRITE-FORCE-ALL",
           "    CONFIG REWRITE that writes every directive, defaults too.") },
    { "CRASH-AND-RECOVER", 0, 1, restart,
      HELP("CRASH-AND-RECOVER [<milliseconds>]", "    Begin again, and save nothing before.") },
    { "LEAK", 1, 1, debug_leak, HELP("LEAK <string>", "    Lose the memory of a string.") },
    { "MALLCTL", 1, 2, debug_mallctl,
      HELP("MALLCTL <key> [<val>]", "    Ask the allocator, or tell it.") },
    { "OOM", 0, 0, debug_oom, HELP("OOM", "    Ask for more memory than there is.") },
    { "REPLICATE", 1, -1, debug_replicate,
      HELP("REPLICATE <command> [<arg> ...]",
           "    Put a command into the stream without running it: replicas' data will differ.") },
    { "RESTART", 0, 1, debug_restart,
      HELP("RESTART [<milliseconds>]", "    Save, then begin again.") },
    { "STRINGMATCH-LEN", 2, 2, debug_stringmatch,
      HELP("STRINGMATCH-LEN <len> <pattern>",
           "    Match the pattern with so many letters a.") },
    { "STRUCTSIZE", 0, 0, debug_structsize,
      HELP("STRUCTSIZE", "    Tell the sizes of some structures.") },
    { .name = NULL },
};
