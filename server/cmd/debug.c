/* DEBUG: tools for tests and for people who look inside. Allowed where enable-debug-command says
 * so. */
#include "server/cmd/debug.h"

#include <signal.h>
#include <unistd.h>

#include "core/base/must.h"
#include "core/base/num.h"
#include "core/conf/table.h"
#include "core/front/client.h"
#include "core/front/config.h"
#include "core/front/reply.h"
#include "core/sys/log.h"
#include "replication/replication.h"
#include "server/cmd/families.h"
#include "server/cron.h"
#include "server/persist/aof.h"
#include "server/script/scripting.h"
#include "server/server.h"

static void debug_sleep(struct call *c)
{
    double seconds;
    if (!arg_double(c, 2, &seconds)) return;
    if (seconds > 0) usleep((useconds_t)(seconds * 1e6));
    reply_ok(c);
}

static bool arg_switch(struct call *c, bool *on)
{
    int64_t v;
    if (!arg_int(c, 2, &v)) return false;
    *on = v != 0;
    return true;
}

static void debug_active_expire(struct call *c)
{
    if (arg_switch(c, &server_of(c)->debug_active_expire)) reply_ok(c);
}

static void debug_skip_checksum(struct call *c)
{
    if (arg_switch(c, &server_of(c)->debug_skip_checksum)) reply_ok(c);
}

static void debug_deny_scripts(struct call *c)
{
    bool off;
    if (!arg_switch(c, &off)) return;
    server_of(c)->scripts->debug_open = off;
    reply_ok(c);
}

static void debug_pause_cron(struct call *c)
{
    bool on;
    if (!arg_switch(c, &on)) return;
    cron_pause(server_of(c)->cron, on);
    reply_ok(c);
}

static void debug_aof_sleep(struct call *c)
{
    int64_t us;
    if (!arg_int(c, 2, &us)) return;
    aof_debug_sleep(server_of(c)->aof, us > 0 ? us : 0);
    reply_ok(c);
}

static void debug_segfault(struct call *c)
{
    (void)c;
    raise(SIGSEGV);
}

static void debug_assert(struct call *c) { must(c == NULL); }

static void debug_panic(struct call *c)
{
    (void)c;
    must_not_reach("called by DEBUG PANIC");
}

static void debug_change_id(struct call *c)
{
    log_warning("Changing replication IDs after receiving change-repl-id");
    replication_change_id(server_of(c)->repl);
    reply_ok(c);
}

static void debug_log(struct call *c)
{
    log_warning("DEBUG LOG: %.*s", SLICE_ARG(c->argv[2]));
    reply_ok(c);
}

static void debug_error(struct call *c)
{
    struct buf text = { 0 };
    buf_putc(&text, '-');
    buf_puts(&text, c->argv[2]);
    buf_putc(&text, 0);
    reply_error(c, buf_head(&text));
    buf_free(&text);
}

/* Switches that tests of Redis set, and that have nothing to switch here. */
static void debug_accept(struct call *c) { reply_ok(c); }

static void debug_replybuffer(struct call *c)
{
    if (!arg_is(c, 2, "PEAK-RESET-TIME") && !arg_is(c, 2, "RESIZING"))
        reply_error(c, "unknown subcommand or wrong number of arguments for 'REPLYBUFFER'. Try "
                       "DEBUG HELP.");
    else
        reply_ok(c);
}

/* An attribute is of RESP3; in RESP2 what it stands before comes alone. */
static void reply_with_attribute(struct call *c)
{
    if (c->client->resp > 2)
        reply_raw(c, SLICE("|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n"));
    reply_bulk_z(c, "Some real reply following the attribute");
}

static void reply_behind_push(struct call *c)
{
    if (c->client->resp < 3) {
        reply_error(c, "RESP2 is not supported by this command");
        return;
    }
    reply_raw(c, SLICE(">2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n"));
    reply_bulk_z(c, "Some real reply following the push reply");
}

static void debug_protocol(struct call *c)
{
    static const char *const known =
        "string integer double bignum null array set map attrib push verbatim true false";
    if (arg_is(c, 2, "string")) {
        reply_bulk_z(c, "Hello World");
    } else if (arg_is(c, 2, "integer")) {
        reply_int(c, 12345);
    } else if (arg_is(c, 2, "double")) {
        reply_double(c, 3.141);
    } else if (arg_is(c, 2, "null")) {
        reply_null(c);
    } else if (arg_is(c, 2, "bignum")) {
        reply_bignum(c, SLICE("1234567999999999999999999999999999999"));
    } else if (arg_is(c, 2, "push")) {
        reply_behind_push(c);
    } else if (arg_is(c, 2, "array") || arg_is(c, 2, "set")) {
        void (*head)(struct call *, size_t) = arg_is(c, 2, "array") ? reply_array : reply_set;
        head(c, 3);
        for (int i = 0; i < 3; i++)
            reply_int(c, i);
    } else if (arg_is(c, 2, "map")) {
        reply_map(c, 3);
        for (int i = 0; i < 3; i++) {
            reply_int(c, i);
            reply_bool(c, i == 1);
        }
    } else if (arg_is(c, 2, "attrib")) {
        reply_with_attribute(c);
    } else if (arg_is(c, 2, "verbatim")) {
        reply_verbatim(c, "txt", SLICE("This is a verbatim\nstring"));
    } else if (arg_is(c, 2, "true") || arg_is(c, 2, "false")) {
        reply_bool(c, arg_is(c, 2, "true"));
    } else {
        reply_error_fmt(c, "-ERR Wrong protocol type name. Please use one of the following: %s",
                        known);
    }
}

static void debug_help(struct call *c);

static const struct debug_row rows[] = {
    { "ASSERT", 0, 0, debug_assert, HELP("ASSERT", "    End by a broken assertion.") },
    { "AOF-FLUSH-SLEEP", 1, 1, debug_aof_sleep,
      HELP("AOF-FLUSH-SLEEP <microseconds>",
           "    Wait so long before each write to the append-only file.") },
    { "CHANGE-REPL-ID", 0, 0, debug_change_id,
      HELP("CHANGE-REPL-ID", "    Begin a new history, under a new id.") },
    { "CLIENT-ENFORCE-REPLY-LIST", 1, 1, debug_accept,
      HELP("CLIENT-ENFORCE-REPLY-LIST <0|1>", "    Has no effect.") },
    { "DELAY-RDB-CLIENT-FREE-SECONDS", 1, 1, debug_accept,
      HELP("DELAY-RDB-CLIENT-FREE-SECONDS <seconds>", "    Has no effect.") },
    { "DICT-RESIZING", 1, 1, debug_accept, HELP("DICT-RESIZING <0|1>", "    Has no effect.") },
    { "ERROR", 1, 1, debug_error, HELP("ERROR <string>", "    Answer with this error.") },
    { "LOG", 1, 1, debug_log, HELP("LOG <message>", "    Put a line into the log.") },
    { "PANIC", 0, 0, debug_panic, HELP("PANIC", "    End by a panic.") },
    { "PAUSE-CRON", 1, 1, debug_pause_cron,
      HELP("PAUSE-CRON <0|1>", "    Let the periodic jobs rest.") },
    { "PROTOCOL", 1, 1, debug_protocol,
      HELP("PROTOCOL <type>", "    Answer with a sample of this type.") },
    { "REPLYBUFFER", 2, 2, debug_replybuffer,
      HELP("REPLYBUFFER <what> <value>", "    Has no effect.") },
    { "SEGFAULT", 0, 0, debug_segfault, HELP("SEGFAULT", "    End by a wild pointer.") },
    { "SET-ACTIVE-EXPIRE", 1, 1, debug_active_expire,
      HELP("SET-ACTIVE-EXPIRE <0|1>",
           "    0: keys past their deadline go only when somebody asks for them.") },
    { "SET-DISABLE-DENY-SCRIPTS", 1, 1, debug_deny_scripts,
      HELP("SET-DISABLE-DENY-SCRIPTS <0|1>",
           "    1: scripts may call CLIENT LIST, DEBUG PROTOCOL and DEBUG SLEEP.") },
    { "SET-SKIP-CHECKSUM-VALIDATION", 1, 1, debug_skip_checksum,
      HELP("SET-SKIP-CHECKSUM-VALIDATION <0|1>",
           "    1: RESTORE takes payloads whose checksum is wrong.") },
    { "SLEEP", 1, 1, debug_sleep,
      HELP("SLEEP <seconds>", "    Do nothing for so long; fractions count.") },
    { "HELP", 0, 0, debug_help, NULL },
    { .name = NULL },
};

static const struct debug_row *const tables[] = { rows, debug_data_rows, debug_tool_rows };

static void debug_help(struct call *c)
{
    const char *lines[128];
    size_t n = 0;
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
        for (const struct debug_row *r = tables[t]; r->name; r++)
            for (const char *const *line = r->help; line && *line && n + 1 < 128; line++)
                lines[n++] = *line;
    lines[n] = NULL;
    reply_help(c, lines);
}

static const struct debug_row *find(const struct call *c)
{
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
        for (const struct debug_row *r = tables[t]; r->name; r++)
            if (slice_ieqz(c->argv[1], r->name) && c->argc - 2 >= r->words_min &&
                (r->words_max < 0 || c->argc - 2 <= r->words_max))
                return r;
    return NULL;
}

static void cmd_debug(struct call *c)
{
    bool local = c->client->conn && conn_is_loopback(c->client->conn);
    if (!front_enabled(server_of(c)->front_config->enable_debug_command, local)) {
        reply_error(
            c,
            "-ERR DEBUG command not allowed. If the enable-debug-command option is set to "
            "\"local\", "
            "you can run it from a local connection, otherwise you need to set this option in the "
            "configuration file, and then restart the server.");
        return;
    }
    const struct debug_row *r = find(c);
    if (r)
        r->run(c);
    else
        reply_error_fmt(
            c, "-ERR unknown subcommand or wrong number of arguments for '%.*s'. Try DEBUG HELP.",
            (int)(c->argv[1].n < 128 ? c->argv[1].n : 128), c->argv[1].p);
}

const struct command cmds_debug[] = {
    { "DEBUG", cmd_debug, .arity = -2, .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .since = "1.0.0", .group = "server", .complexity = "See the sub-commands.",
      .summary = "Tools for tests and for looking inside.",
      .syntax = "subcommand:string [argument:string...]" },
    COMMANDS_END,
};
