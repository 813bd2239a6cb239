/* CLUSTER and what belongs to it: the names of Redis, which a server that is not part of a cluster
 * answers with one sentence. This one never is part of a cluster. */
#include "core/front/reply.h"
#include "server/cmd/families.h"

static void no_cluster(struct call *c)
{
    reply_error(c, "This instance has cluster support disabled");
}

static const char *const varies[] = { "nondeterministic_output", NULL };

#define CHANGES (CMD_ADMIN | CMD_STALE | CMD_NO_ASYNC_LOADING)
#define SUB(name_, arity_, flags_, since_, complexity_, summary_, syntax_, ...)                    \
    {                                                                                              \
        .name = name_, .run = no_cluster, .arity = arity_, .flags = flags_, .since = since_,       \
        .group = "cluster", .complexity = complexity_, .summary = summary_, .syntax = syntax_,     \
        __VA_ARGS__                                                                                \
    }

static const struct command subs[] = {
    SUB("ADDSLOTS", -3, CHANGES, "3.0.0", "O(N), N: slots",
        "Would give slots to this node.", "slot:integer..."),
    SUB("ADDSLOTSRANGE", -4, CHANGES, "7.0.0", "O(N), N: slots in the ranges",
        "Would give ranges of slots to this node.", "(start-slot:integer end-slot:integer)..."),
    SUB("BUMPEPOCH", 2, CHANGES, "3.0.0", "O(1)",
        "Would raise this node's epoch.", "", .hints = varies),
    SUB("COUNT-FAILURE-REPORTS", 3, CMD_ADMIN | CMD_STALE, "3.0.0", "O(N), N: reports",
        "Would count who holds a node for failed.", "node-id:string", .hints = varies),
    SUB("COUNTKEYSINSLOT", 3, CMD_STALE, "3.0.0", "O(1)",
        "Would count a slot's keys.", "slot:integer"),
    SUB("DELSLOTS", -3, CHANGES, "3.0.0", "O(N), N: slots",
        "Would take slots from this node.", "slot:integer..."),
    SUB("DELSLOTSRANGE", -4, CHANGES, "7.0.0", "O(N), N: slots in the ranges",
        "Would take ranges of slots from this node.", "(start-slot:integer end-slot:integer)..."),
    SUB("FAILOVER", -2, CHANGES, "3.0.0", "O(1)",
        "Would let a replica take its master's place.", "options=[FORCE|TAKEOVER]"),
    SUB("FLUSHSLOTS", 2, CHANGES, "3.0.0", "O(1)",
        "Would take all slots from this node.", ""),
    SUB("FORGET", 3, CHANGES, "3.0.0", "O(1)",
        "Would drop a node from the table.", "node-id:string"),
    SUB("GETKEYSINSLOT", 4, CMD_STALE, "3.0.0", "O(log(N)), N: keys asked for",
        "Would name keys of a slot.", "slot:integer count:integer", .hints = varies),
    SUB("HELP", 2, CMD_LOADING | CMD_STALE, "5.0.0", "O(1)",
        "Says that there is no cluster.", ""),
    SUB("INFO", 2, CMD_STALE, "3.0.0", "O(1)",
        "Would show this node's view of the cluster.", "", .hints = varies),
    SUB("KEYSLOT", 3, CMD_STALE, "3.0.0", "O(N), N: bytes of the key",
        "Would tell a key's slot.", "key:string"),
    SUB("LINKS", 2, CMD_STALE, "7.0.0", "O(N), N: nodes",
        "Would list connections between nodes.", "", .hints = varies),
    SUB("MEET", -4, CHANGES, "3.0.0", "O(1)",
        "Would make two nodes known to each other.",
        "ip:string port:integer [cluster_bus_port:integer]@4.0.0"),
    SUB("MYID", 2, CMD_STALE, "3.0.0", "O(1)",
        "Would tell this node's id.", ""),
    SUB("MYSHARDID", 2, CMD_STALE, "7.2.0", "O(1)",
        "Would tell the id of this node's shard.", "", .hints = varies),
    SUB("NODES", 2, CMD_STALE, "3.0.0", "O(N), N: nodes",
        "Would list the nodes as the file has them.", "", .hints = varies),
    SUB("REPLICAS", 3, CMD_ADMIN | CMD_STALE, "5.0.0", "O(1)",
        "Would list a master's replicas.", "node-id:string", .hints = varies),
    SUB("REPLICATE", 3, CHANGES, "3.0.0", "O(1)",
        "Would make this node a replica of another.", "node-id:string"),
    SUB("RESET", -2, CMD_ADMIN | CMD_NOSCRIPT | CMD_STALE, "3.0.0", "O(N), N: known nodes",
        "Would make this node forget the cluster.", "hard_soft=[HARD|SOFT]"),
    SUB("SAVECONFIG", 2, CHANGES, "3.0.0", "O(1)",
        "Would write the nodes' file.", ""),
    SUB("SET-CONFIG-EPOCH", 3, CHANGES, "3.0.0", "O(1)",
        "Would set a new node's epoch.", "config-epoch:integer"),
    SUB("SETSLOT", -4, CHANGES, "3.0.0", "O(1)",
        "Would say who has a slot, or who is to get it.",
        "slot:integer subcommand=(IMPORTING node-id:string|"
        "MIGRATING node-id:string|NODE node-id:string|STABLE)"),
    SUB("SHARDS", 2, CMD_STALE, "7.0.0", "O(N), N: nodes",
        "Would list shards with their nodes.", "", .hints = varies),
    SUB("SLAVES", 3, CMD_ADMIN | CMD_STALE, "3.0.0", "O(1)",
        "Old word for REPLICAS.",
        "node-id:string",
        .hints = varies, .deprecated_since = "5.0.0", .replaced_by = "`CLUSTER REPLICAS`"),
    SUB("SLOTS", 2, CMD_STALE, "3.0.0", "O(N), N: nodes",
        "Would map slots to nodes.",
        "", .hints = varies, .deprecated_since = "7.0.0", .replaced_by = "`CLUSTER SHARDS`"),
    COMMANDS_END,
};

const struct command cmds_cluster[] = {
    { "CLUSTER", NULL, .arity = -2, .subs = subs, .since = "3.0.0", .group = "cluster",
      .complexity = "O(1)", .summary = "There is no cluster here." },
    { "ASKING", no_cluster, .arity = 1, .flags = CMD_FAST, .acl = ACL_CONNECTION, .since = "3.0.0",
      .group = "cluster", .complexity = "O(1)",
      .summary = "Would follow an ASK redirection.", .syntax = "" },
    { "READONLY", no_cluster, .arity = 1, .flags = CMD_FAST | CMD_LOADING | CMD_STALE,
      .acl = ACL_CONNECTION, .since = "3.0.0", .group = "cluster", .complexity = "O(1)",
      .summary = "Would let this connection read from a replica.", .syntax = "" },
    { "READWRITE", no_cluster, .arity = 1, .flags = CMD_FAST | CMD_LOADING | CMD_STALE,
      .acl = ACL_CONNECTION, .since = "3.0.0", .group = "cluster", .complexity = "O(1)",
      .summary = "Would undo READONLY.", .syntax = "" },
    COMMANDS_END,
};
