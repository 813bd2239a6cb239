/* INFO, TIME, MODULE and small things about the server itself. */
#include "core/front/client.h"
#include "core/front/config.h"
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

/* Allowed or not: none can be loaded. */
static bool module_allowed(struct call *c)
{
    bool local = c->client->conn && conn_is_loopback(c->client->conn);
    if (front_enabled(c->front->config->enable_module_command, local)) return true;
    reply_error(c, "MODULE command not allowed. If the enable-module-command option is set to "
                   "\"local\", you can run it from a local connection, otherwise you need to set "
                   "this option in the configuration file, and then restart the server.");
    return false;
}

static void module_load(struct call *c)
{
    if (module_allowed(c))
        reply_error(c, "Error loading the extension. Please check the server logs.");
}

static void module_unload(struct call *c)
{
    if (module_allowed(c))
        reply_error(c, "Error unloading module: no such module with that name");
}

static void module_help(struct call *c)
{
    static const char *const lines[] = { "LIST", "    Name the modules: there are none.", NULL };
    reply_help(c, lines);
}

#define MODULE_FLAGS (CMD_ADMIN | CMD_NOSCRIPT | CMD_NO_ASYNC_LOADING)

static const struct command module_subs[] = {
    { "LIST", module_list, .arity = 2, .flags = CMD_ADMIN | CMD_NOSCRIPT, .since = "4.0.0",
      .group = "server", .complexity = "O(N), N: loaded modules",
      .summary = "Names the modules: there are none.", .syntax = "" },
    { "LOAD", module_load, .arity = -3, .flags = MODULE_FLAGS, .since = "4.0.0",
      .group = "server", .complexity = "O(1)", .summary = "Fails: no module can be loaded.",
      .syntax = "path:string [arg:string...]" },
    { "LOADEX", module_load, .arity = -3, .flags = MODULE_FLAGS, .since = "7.0.0",
      .group = "server", .complexity = "O(1)", .summary = "Fails: no module can be loaded.",
      .syntax = "path:string configs=[CONFIG (name:string value:string)]... "
                "args=[ARGS (arg:string)...]" },
    { "UNLOAD", module_unload, .arity = 3, .flags = MODULE_FLAGS, .since = "4.0.0",
      .group = "server", .complexity = "O(1)", .summary = "Fails: there is no module.",
      .syntax = "name:string" },
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
