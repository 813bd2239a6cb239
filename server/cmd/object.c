/* OBJECT: how a value is kept. Looking does not count as use. */
#include <string.h>

#include "core/types/string.h"
#include "server/cmd/families.h"
#include "server/cmd/keyed.h"

#define POLICY_NOTE                                                                                \
    " Please note that when switching between policies at runtime LRU and LFU data will take "     \
    "some "                                                                                        \
    "time to adjust."

/* A missing key is answered with null. */
static bool find(struct call *c, struct value *v)
{
    if (ks_read(db_of(c), c->argv[2], KS_NO_TOUCH | KS_NO_EVENT, v)) return true;
    reply_null(c);
    return false;
}

static void cmd_encoding(struct call *c)
{
    struct value v;
    if (find(c, &v)) reply_bulk_z(c, value_encoding_name(v.e));
}

/* Redis shares small integers as long as no policy needs an access time of each; programs test for
 * the figure that it then gives. We keep no value twice anyway. */
static bool counts_as_shared(struct call *c, const struct entry *e)
{
    const struct server_config *config = server_of(c)->config;
    char tmp[STRING_TMP];
    int64_t n;
    if (e->type != VALUE_STRING || strcmp(value_encoding_name(e), "int") != 0) return false;
    bool by_access = config->maxmemory_policy == POLICY_VOLATILE_LRU ||
                     config->maxmemory_policy == POLICY_VOLATILE_LFU ||
                     config->maxmemory_policy == POLICY_ALLKEYS_LRU ||
                     config->maxmemory_policy == POLICY_ALLKEYS_LFU;
    if (config->maxmemory && by_access) return false;
    return num_to_i64(string_get(e, tmp), &n) && n >= 0 && n < 10000;
}

static void cmd_refcount(struct call *c)
{
    struct value v;
    if (find(c, &v)) reply_int(c, counts_as_shared(c, v.e) ? INT32_MAX : 1);
}

static void cmd_idletime(struct call *c)
{
    struct value v;
    if (!find(c, &v)) return;
    if (ks_of(c)->access.lfu)
        reply_error(c,
                    "-ERR An LFU maxmemory policy is selected, idle time not tracked." POLICY_NOTE);
    else
        reply_int(c, ks_idle_seconds(ks_of(c), v.e));
}

static void cmd_freq(struct call *c)
{
    struct value v;
    if (!find(c, &v)) return;
    if (!ks_of(c)->access.lfu)
        reply_error(c, "-ERR An LFU maxmemory policy is not selected, access frequency not "
                       "tracked." POLICY_NOTE);
    else
        reply_int(c, ks_frequency(ks_of(c), v.e));
}

static void cmd_help(struct call *c)
{
    static const char *const lines[] = {
        "ENCODING <key>",
        "    Name the form in which the value of <key> is kept.",
        "FREQ <key>",
        "    Give the access frequency of <key>, under an LFU policy.",
        "IDLETIME <key>",
        "    Give the seconds since <key> was last used.",
        "REFCOUNT <key>",
        "    Give the number of references to the value of <key>.",
        NULL,
    };
    reply_help(c, lines);
}

#define SUB(nm, fn, since_, sum)                                                                   \
    {                                                                                              \
        nm, fn, .arity = 3, .flags = CMD_READONLY, .acl = ACL_KEYSPACE,                            \
                .keys = { KEYS(2, 2, 1, KEY_RO) }, .since = since_, .group = "generic",            \
                .complexity = "O(1)", .summary = sum, .syntax = "key:key", .hints = hints          \
    }
static const char *const hints[] = { "nondeterministic_output", NULL };

static const struct command subs[] = {
    SUB("ENCODING", cmd_encoding, "2.2.3", "Names the form in which a value is kept."),
    SUB("FREQ", cmd_freq, "4.0.0", "Gives a key's access frequency."),
    SUB("IDLETIME", cmd_idletime, "2.2.3", "Gives the seconds since a key was last used."),
    SUB("REFCOUNT", cmd_refcount, "2.2.3", "Gives the number of references to a value."),
    { "HELP", cmd_help, .arity = 2, .flags = CMD_LOADING | CMD_STALE, .acl = ACL_KEYSPACE,
      .since = "6.2.0", .group = "generic", .complexity = "O(1)",
      .summary = "Lists the sub-commands.", .syntax = "" },
    COMMANDS_END,
};

const struct command cmds_object[] = {
    { "OBJECT", NULL, .arity = -2, .subs = subs, .since = "2.2.3", .group = "generic",
      .complexity = "See the sub-commands.", .summary = "Shows how a value is kept.",
      .syntax = "" },
    COMMANDS_END,
};
