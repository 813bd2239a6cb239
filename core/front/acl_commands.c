/* acl_commands: ACL and its sub-commands. The contract stands in acl.h. */
#include <stdio.h>

#include "core/front/acl.h"
#include "core/front/client.h"
#include "core/front/config.h"
#include "core/front/docs.h"
#include "core/front/front.h"
#include "core/front/reply.h"
#include "core/sys/clock.h"

static void cmd_whoami(struct call *c)
{
    if (c->client->user) reply_bulk(c, str_slice(c->client->user->name));
    else reply_null(c);
}

/* ---- CAT ---- */

static size_t reply_category(struct call *c, uint32_t category)
{
    const struct registry *r = c->front->registry;
    size_t n = 0;
    for (int id = 0; id < registry_ids(r); id++) {
        const struct command_entry *e = registry_by_id(r, id);
        if (!(e->categories & category)) continue;
        reply_bulk_z(c, e->fullname);
        n++;
    }
    return n;
}

static void cmd_cat(struct call *c)
{
    if (c->argc > 3) {
        reply_sub_arity(c);
        return;
    }
    size_t mark = reply_later(c), n = 0;
    for (int bit = 0; acl_category_name(bit); bit++) {
        if (c->argc == 2) {
            reply_bulk_z(c, acl_category_name(bit));
            n++;
        } else if (slice_ieqz(c->argv[2], acl_category_name(bit))) {
            n = reply_category(c, 1u << bit);
            reply_later_array(c, mark, n);
            return;
        }
    }
    if (c->argc == 2) reply_later_array(c, mark, n);
    else reply_error_fmt(c, "Unknown category '%.*s'", SLICE_ARG(c->argv[2]));
}

/* ---- users ---- */

static void reply_users(struct call *c, bool whole)
{
    struct acl_user **users;
    size_t n = acl_users(c->front->acl, &users);
    reply_array(c, n);
    for (size_t i = 0; i < n; i++) {
        struct buf text = { 0 };
        if (whole) acl_print_user(users[i], &text);
        else buf_puts(&text, str_slice(users[i]->name));
        reply_bulk(c, buf_slice(&text));
        buf_free(&text);
    }
}

static void cmd_list(struct call *c) { reply_users(c, true); }
static void cmd_users(struct call *c) { reply_users(c, false); }

static void reply_part(struct call *c, const char *name, const struct acl_selector *s,
                       void (*print)(const struct acl_selector *, struct buf *))
{
    struct buf text = { 0 };
    print(s, &text);
    reply_bulk_z(c, name);
    reply_bulk(c, buf_slice(&text));
    buf_free(&text);
}

static void reply_selector(struct call *c, const struct acl_selector *s)
{
    reply_part(c, "commands", s, acl_print_commands);
    reply_part(c, "keys", s, acl_print_keys);
    reply_part(c, "channels", s, acl_print_channels);
}

static void reply_user_flags(struct call *c, const struct acl_user *u)
{
    reply_bulk_z(c, "flags");
    reply_set(c, 1u + u->nopass + u->sanitize_payload + u->skip_sanitize_payload);
    reply_bulk_z(c, u->on ? "on" : "off");
    if (u->nopass) reply_bulk_z(c, "nopass");
    if (u->skip_sanitize_payload) reply_bulk_z(c, "skip-sanitize-payload");
    if (u->sanitize_payload) reply_bulk_z(c, "sanitize-payload");
}

static void cmd_getuser(struct call *c)
{
    const struct acl_user *u = acl_find(c->front->acl, c->argv[2]);
    if (!u) {
        reply_null(c);
        return;
    }
    reply_map(c, 6);
    reply_user_flags(c, u);
    reply_bulk_z(c, "passwords");
    reply_array(c, u->passwords.n);
    for (size_t i = 0; i < u->passwords.n; i++) reply_bulk(c, str_slice(u->passwords.at[i]));
    reply_selector(c, u->selectors.at[0]);
    reply_bulk_z(c, "selectors");
    reply_array(c, u->selectors.n - 1);
    for (size_t i = 1; i < u->selectors.n; i++) {
        reply_map(c, 3);
        reply_selector(c, u->selectors.at[i]);
    }
}

static void cmd_setuser(struct call *c)
{
    for (int i = 2; i < c->argc; i++) call_redact(c, i);
    struct errmsg msg;
    if (acl_set_user(c->front->acl, c->argv[2], (size_t)c->argc - 3, c->argv + 3, &msg) == ERR_NONE)
        reply_ok(c);
    else
        reply_error(c, msg.text);
}

static void cmd_deluser(struct call *c)
{
    int64_t gone = 0;
    for (int i = 2; i < c->argc; i++) {
        if (!slice_eqz(c->argv[i], "default")) continue;
        reply_error(c, "The 'default' user cannot be removed");
        return;
    }
    for (int i = 2; i < c->argc; i++) gone += acl_delete_user(c->front->acl, c->argv[i]);
    reply_int(c, gone);
}

/* ---- GENPASS ---- */

#define GENPASS_BITS_MAX 4096

static void cmd_genpass(struct call *c)
{
    int64_t bits = 256;
    if (c->argc > 3) {
        reply_sub_arity(c);
        return;
    }
    if (c->argc == 3 && !arg_int(c, 2, &bits)) return;
    if (bits <= 0 || bits > GENPASS_BITS_MAX) {
        reply_error(c, "ACL GENPASS argument must be the number of bits for the output password, a "
                       "positive number up to 4096");
        return;
    }
    char text[GENPASS_BITS_MAX / 4];
    size_t n = (size_t)(bits + 3) / 4;
    for (size_t i = 0; i < n; i += 16) { /* secrets come from the system, not from front->rng */
        uint64_t r = clock_entropy();
        for (size_t k = i; k < n && k < i + 16; k++, r >>= 4) text[k] = "0123456789abcdef"[r & 15];
    }
    reply_bulk(c, slice_of(text, n));
}

/* ---- LOAD, SAVE ---- */

static bool has_file(struct call *c)
{
    if (c->front->config->aclfile[0]) return true;
    reply_error(c, "This Redis instance is not configured to use an ACL file. You may want to "
                   "specify users via the ACL SETUSER command and then issue a CONFIG REWRITE "
                   "(assuming you have a Redis configuration file set) in order to store users in "
                   "the Redis configuration.");
    return false;
}

static void reply_err(struct call *c, enum err e, const struct errmsg *msg)
{
    if (e == ERR_NONE) reply_ok(c);
    else reply_error(c, msg->text);
}

static void cmd_load(struct call *c)
{
    struct errmsg msg;
    if (has_file(c))
        reply_err(c, acl_load_file(c->front->acl, c->front->config->aclfile, &msg), &msg);
}

static void cmd_save(struct call *c)
{
    struct errmsg msg;
    if (has_file(c))
        reply_err(c, acl_save_file(c->front->acl, c->front->config->aclfile, &msg), &msg);
}

/* ---- DRYRUN ---- */

static void reply_verdict(struct call *c, enum acl_verdict v, const struct command_entry *e,
                          struct slice arg)
{
    if (v == ACL_OK)
        reply_ok(c);
    else if (v == ACL_DENIED_COMMAND)
        reply_bulk_fmt(c, "This user has no permissions to run the '%s' command", e->fullname);
    else
        reply_bulk_fmt(c, "This user has no permissions to access the '%.*s' %s", SLICE_ARG(arg),
                       v == ACL_DENIED_KEY ? "key" : "channel");
}

static void cmd_dryrun(struct call *c)
{
    const struct acl_user *u = acl_find(c->front->acl, c->argv[2]);
    if (!u) {
        reply_error_fmt(c, "User '%.*s' not found", SLICE_ARG(c->argv[2]));
        return;
    }
    int argc = c->argc - 3, at = 0;
    const struct slice *argv = c->argv + 3;
    const struct command_entry *e = registry_find_full(c->front->registry, argc, argv);
    if (!e || (e->subs && argc > 1)) {
        reply_error_fmt(c, "Command '%.*s' not found", SLICE_ARG(argv[0]));
        return;
    }
    if (!command_arity_ok(e, argc)) {
        reply_error_fmt(c, "wrong number of arguments for '%s' command", e->fullname);
        return;
    }
    enum acl_verdict v = acl_check(u, e, argc, argv, &at);
    reply_verdict(c, v, e, argv[at]);
}

static void cmd_help(struct call *c)
{
    static const char *const lines[] = {
        "CAT [<category>]",
        "    Name the commands of <category>;",
        "    without it, the categories.",
        "DELUSER <username> [<username> ...]",
        "    Remove these users.",
        "DRYRUN <username> <command> [<arg> ...]",
        "    Tell whether the user could run this command. It is not run.",
        "GETUSER <username>",
        "    Show what the user may do.",
        "GENPASS [<bits>]",
        "    Draw a random password of 256 bits, or of as many as <bits> says,",
        "    and write it in hex.",
        "LIST",
        "    Show each user as its line in the ACL file.",
        "LOAD",
        "    Read the ACL file again.",
        "LOG [<count> | RESET]",
        "    Show what was lately refused, or forget it.",
        "SAVE",
        "    Write the users to the ACL file.",
        "SETUSER <username> <attribute> [<attribute> ...]",
        "    Make a user, or apply these rules to it.",
        "USERS",
        "    Name the users.",
        "WHOAMI",
        "    Tell as which user this connection acts.",
        NULL,
    };
    reply_help(c, lines);
}

/* ---- rows ---- */

#define ASK (CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_SENTINEL)
#define RULE (ASK | CMD_ADMIN)
#define USERS "O(N), N = users"

static const char *const getuser_history[] = {
    "6.2.0", "Shows patterns of channels.", "7.0.0",
    "Patterns are shown as rules; selectors are shown.",
    NULL
};
static const char *const setuser_history[] = {
    "6.2.0", "Shows patterns of channels.",
    "7.0.0", "New: selectors, and separate rights to read and write keys.",
    NULL
};
static const char *const log_history[] = {
    "7.2.0", "Entries have a number and two times.", NULL
};

static const struct command subs_acl[] = {
    { "CAT", cmd_cat, .arity = -2, .flags = ASK, .since = "6.0.0", .group = "server",
      .complexity = "O(1), the table is constant",
      .summary = "Names the categories, or the commands in one.",
      .syntax = "[categoryname:string]" },
    { "DELUSER", cmd_deluser, .arity = -3, .flags = RULE, .since = "6.0.0", .group = "server",
      .complexity = "O(1) for a usual user",
      .summary = "Removes users and ends their connections.",
      .syntax = "username:string..." },
    { "DRYRUN", cmd_dryrun, .arity = -4, .flags = RULE, .since = "7.0.0", .group = "server",
      .complexity = "O(1).",
      .summary = "Tells whether a user could run a command; it is not run.",
      .syntax = "username:string command:string [arg:string...]" },
    { "GENPASS", cmd_genpass, .arity = -2, .flags = ASK, .since = "6.0.0", .group = "server",
      .complexity = "O(1)",
      .summary = "Draws a random password.",
      .syntax = "[bits:integer]" },
    { "GETUSER", cmd_getuser, .arity = 3, .flags = RULE, .since = "6.0.0", .group = "server",
      .complexity = "O(N), N = rules and passwords of the user",
      .history = getuser_history, .summary = "Shows what a user may do.",
      .syntax = "username:string" },
    { "HELP", cmd_help, .arity = 2, .flags = CMD_LOADING | CMD_STALE | CMD_SENTINEL,
      .since = "6.0.0", .group = "server", .complexity = "O(1)",
      .summary = "Lists the sub-commands.", .syntax = "" },
    { "LIST", cmd_list, .arity = 2, .flags = RULE, .since = "6.0.0", .group = "server",
      .complexity = USERS, .summary = "Shows every user as a line of the ACL file.",
      .syntax = "" },
    { "LOAD", cmd_load, .arity = 2, .flags = RULE, .since = "6.0.0", .group = "server",
      .complexity = USERS, .summary = "Reads the ACL file again.",
      .syntax = "" },
    { "LOG", acl_cmd_log, .arity = -2, .flags = RULE, .since = "6.0.0", .group = "server",
      .complexity = "O(N), N = entries shown", .history = log_history,
      .summary = "Shows what users were lately refused.",
      .syntax = "operation=[count:integer|RESET]" },
    { "SAVE", cmd_save, .arity = 2, .flags = RULE, .since = "6.0.0", .group = "server",
      .complexity = USERS, .summary = "Writes the users to the ACL file.",
      .syntax = "" },
    { "SETUSER", cmd_setuser, .arity = -3, .flags = RULE, .since = "6.0.0", .group = "server",
      .complexity = "O(N), N = rules given", .history = setuser_history,
      .summary = "Makes a user, or changes what it may do.",
      .syntax = "username:string [rule:string...]" },
    { "USERS", cmd_users, .arity = 2, .flags = RULE, .since = "6.0.0", .group = "server",
      .complexity = USERS, .summary = "Names the users.",
      .syntax = "" },
    { "WHOAMI", cmd_whoami, .arity = 2, .flags = ASK, .since = "6.0.0", .group = "server",
      .complexity = "O(1)",
      .summary = "Tells as which user this connection acts.", .syntax = "" },
    COMMANDS_END,
};

const struct command cmds_acl[] = {
    { "ACL", NULL, .arity = -2, .flags = CMD_SENTINEL, .subs = subs_acl, .since = "6.0.0",
      .group = "server", .complexity = "See the sub-commands.",
      .summary = "Users and their rights.", .syntax = "" },
    COMMANDS_END,
};
