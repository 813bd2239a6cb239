/* MIGRATE: reading of the words; server/migrate does the rest. */
#include "core/base/num.h"
#include "server/cmd/families.h"
#include "server/cmd/keyed.h"
#include "server/migrate.h"

#define TIMEOUT_DEFAULT_MS 1000

/* Option at *i; false when it does not parse. */
static bool read_option(struct call *c, int *i, struct migrate_request *r)
{
    int more = c->argc - 1 - *i;
    if (arg_is(c, *i, "COPY")) {
        r->copy = true;
    } else if (arg_is(c, *i, "REPLACE")) {
        r->replace = true;
    } else if (arg_is(c, *i, "AUTH") && more >= 1) {
        r->authenticate = true;
        r->password = c->argv[++*i];
        call_redact(c, *i);
    } else if (arg_is(c, *i, "AUTH2") && more >= 2) {
        r->authenticate = true;
        r->user = c->argv[++*i];
        r->password = c->argv[++*i];
        call_redact(c, *i - 1);
        call_redact(c, *i);
    } else if (arg_is(c, *i, "KEYS")) {
        if (c->argv[3].n) {
            reply_error(c, "When using MIGRATE KEYS option, the key argument must be set to the "
                           "empty string");
            return false;
        }
        r->names = c->argv + *i + 1;
        r->n = more;
        *i = c->argc;
    } else {
        reply_syntax_error(c);
        return false;
    }
    return true;
}

static void cmd_migrate(struct call *c)
{
    struct migrate_request r = { .host = c->argv[1], .n = 1, .names = c->argv + 3 };
    int64_t port;
    for (int i = 6; i < c->argc; i++)
        if (!read_option(c, &i, &r)) return;
    if (!arg_int(c, 5, &r.timeout_ms) || !arg_int(c, 4, &r.db)) return;
    if (r.timeout_ms <= 0) r.timeout_ms = TIMEOUT_DEFAULT_MS;
    r.port = num_to_i64(c->argv[2], &port) && port > 0 && port < 65536 ? (int)port : 0;
    migrate_start(c, &r);
}

static bool migrate_keys(int argc, const struct slice *argv, struct key_list *out)
{
    if (argc < 6) return false;
    for (int i = 6; i < argc; i++) {
        if (slice_ieqz(argv[i], "AUTH")) {
            i++;
        } else if (slice_ieqz(argv[i], "AUTH2")) {
            i += 2;
        } else if (slice_ieqz(argv[i], "KEYS")) {
            if (argv[3].n) return false; /* one key or several, not both */
            for (int at = i + 1; at < argc; at++)
                key_list_add(out, at, KEY_RW | KEY_ACCESS | KEY_DELETE);
            return true;
        }
    }
    key_list_add(out, 3, KEY_RW | KEY_ACCESS | KEY_DELETE);
    return true;
}

static const char *const migrate_hints[] = { "nondeterministic_output", NULL };
static const char *const migrate_history[] = {
    "3.0.0", "COPY and REPLACE options.", "3.0.6", "KEYS option.",
    "4.0.7", "AUTH option.",              "6.0.0", "AUTH2 option.", NULL
};

const struct command cmds_migrate[] = {
    { "MIGRATE", cmd_migrate, .arity = -6, .flags = CMD_WRITE,
      .acl = ACL_KEYSPACE | ACL_DANGEROUS,
      .keys = { KEYS(3, 3, 1, KEY_RW | KEY_ACCESS | KEY_DELETE),
                { .begin = KEYS_AFTER_WORD, .first = -2, .word = "KEYS", .find = KEYS_RANGE,
                  .last = -1, .step = 1,
                  .flags = KEY_RW | KEY_ACCESS | KEY_DELETE | KEY_INCOMPLETE } },
      .find_keys = migrate_keys, .hints = migrate_hints, .history = migrate_history,
      .since = "2.6.0", .group = "generic",
      .complexity = "As DUMP and DEL here and RESTORE there, and what the network takes.",
      .summary = "Moves keys to another server, all of each or nothing.",
      .syntax = "host:string port:integer key_or_empty_string=(key:key|empty_string=\"\") "
                "destination-db:integer timeout:integer [COPY@3.0.0] [REPLACE@3.0.0] "
                "authentication=[[AUTH password:string]@4.0.7|[AUTH2 (username:string "
                "password:string)]@6.0.0] [KEYS key:key...]@3.0.6" },
    COMMANDS_END,
};
