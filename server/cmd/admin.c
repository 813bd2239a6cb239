/* INFO, TIME, MODULE and small things about the server itself. */
#include "core/front/client.h"
#include "core/front/front.h"
#include "core/front/reply.h"
#include "core/sys/clock.h"
#include "server/cmd/families.h"
#include "server/info.h"
#include "server/server.h"

static void cmd_info(struct call *c)
{
    struct buf out = { 0 };
    info_print(server_of(c), c->argv + 1, c->argc - 1, &out);
    reply_verbatim(c, "txt", buf_slice(&out));
    buf_free(&out);
}

/* The one command whose answer is the clock. */
static void cmd_time(struct call *c)
{
    int64_t us = clock_wall_us();
    reply_array(c, 2);
    reply_bulk_int(c, us / 1000000);
    reply_bulk_int(c, us % 1000000);
}

static void module_list(struct call *c) { reply_array(c, 0); }

static void module_help(struct call *c)
{
    static const char *const lines[] = { "LIST", "    Name the modules: there are none.", NULL };
    reply_help(c, lines);
}

static const struct command module_subs[] = {
    { "LIST", module_list, .arity = 2, .flags = CMD_ADMIN | CMD_NOSCRIPT, .since = "4.0.0",
      .group = "server", .complexity = "O(N), N: loaded modules",
      .summary = "Names the modules: there are none.", .syntax = "" },
    { "HELP", module_help, .arity = 2, .flags = CMD_LOADING | CMD_STALE, .since = "5.0.0",
      .group = "server", .complexity = "O(1)",
      .summary = "Lists the sub-commands.", .syntax = "" },
    COMMANDS_END,
};

static const char *const info_hints[] = { "nondeterministic_output", "request_policy:all_shards",
                                          "response_policy:special", NULL };

const struct command cmds_admin[] = {
    { "INFO", cmd_info, .arity = -1, .flags = CMD_LOADING | CMD_STALE | CMD_SENTINEL,
      .acl = ACL_DANGEROUS, .since = "1.0.0", .group = "server", .complexity = "O(1)",
      .summary = "Reports the state of the server in sections.",
      .syntax = "[section:string...]", .hints = info_hints },
    { "TIME", cmd_time, .arity = 1, .flags = CMD_LOADING | CMD_STALE | CMD_FAST, .since = "2.6.0",
      .group = "server", .complexity = "O(1)",
      .summary = "Tells the clock: seconds and microseconds.", .syntax = "" },
    { "MODULE", NULL, .arity = -2, .subs = module_subs, .since = "4.0.0", .group = "server",
      .complexity = "See the sub-commands.", .summary = "Modules: there are none." },
    COMMANDS_END,
};
