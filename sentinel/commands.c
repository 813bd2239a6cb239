#include "sentinel/commands.h"

#include "core/front/command.h"
#include "sentinel/sentinel.h"

#define SUB(nm, fn, ar, since_, sum, syn)                                                          \
    {                                                                                              \
        nm, fn, .arity = ar, .flags = CMD_ADMIN | CMD_SENTINEL, .acl = ACL_ADMIN | ACL_DANGEROUS,  \
                .since = since_, .group = "sentinel", .complexity = "O(N), N: instances touched",  \
                .summary = sum, .syntax = syn                                                      \
    }

static const struct command subs[] = {
    SUB("CKQUORUM", sn_cmd_ckquorum, 3, "2.8.4", "Tells whether a failover could be authorized.",
        "master-name:string"),
    SUB("CONFIG", sn_cmd_config, -4, "6.2.0", "Gets or sets parameters of this Sentinel.",
        "GET|SET parameter:string..."),
    SUB("DEBUG", sn_cmd_debug, -2, "7.0.0", "Shows or sets periods and limits.",
        "[{parameter:string value:integer}...]"),
    SUB("FAILOVER", sn_cmd_failover, 3, "2.8.4", "Promotes a replica without asking the others.",
        "master-name:string"),
    SUB("FLUSHCONFIG", sn_cmd_flushconfig, 2, "2.8.4", "Writes the state to the file.", ""),
    SUB("GET-MASTER-ADDR-BY-NAME", sn_cmd_addr_by_name, 3, "2.8.4",
        "Gives the address of a master.", "master-name:string"),
    SUB("GET-PRIMARY-ADDR-BY-NAME", sn_cmd_addr_by_name, 3, "7.2.0",
        "Gives the address of a master.", "master-name:string"),
    SUB("HELP", sn_cmd_help, 2, "6.2.0", "Lists the sub-commands.", ""),
    SUB("INFO-CACHE", sn_cmd_info_cache, -3, "3.2.0", "Gives the last INFO texts.",
        "master-name:string..."),
    SUB("IS-MASTER-DOWN-BY-ADDR", sn_cmd_is_master_down, 6, "2.8.4",
        "Tells whether a master seems down; asks for a vote.",
        "ip:string port:integer current-epoch:integer runid:string"),
    SUB("IS-PRIMARY-DOWN-BY-ADDR", sn_cmd_is_master_down, 6, "7.2.0",
        "Tells whether a master seems down; asks for a vote.",
        "ip:string port:integer current-epoch:integer runid:string"),
    SUB("MASTER", sn_cmd_master, 3, "2.8.4", "Shows all that is known of one master.",
        "master-name:string"),
    SUB("MASTERS", sn_cmd_masters, 2, "2.8.4", "Shows the state of all masters.", ""),
    SUB("MONITOR", sn_cmd_monitor, 6, "2.8.4", "Begins to watch a master.",
        "name:string ip:string port:integer quorum:integer"),
    SUB("MYID", sn_cmd_myid, 2, "6.2.0", "Gives the id of this Sentinel.", ""),
    SUB("PENDING-SCRIPTS", sn_cmd_pending_scripts, 2, "2.8.4", "Shows scripts that run or wait.",
        ""),
    SUB("PRIMARIES", sn_cmd_masters, 2, "7.2.0", "Shows the state of all masters.", ""),
    SUB("PRIMARY", sn_cmd_master, 3, "7.2.0", "Shows all that is known of one master.",
        "master-name:string"),
    SUB("REMOVE", sn_cmd_remove, 3, "2.8.4", "Watches a master no more.", "master-name:string"),
    SUB("REPLICAS", sn_cmd_replicas, 3, "5.0.0", "Shows the replicas of a master.",
        "master-name:string"),
    SUB("RESET", sn_cmd_reset, 3, "2.8.4", "Forgets what was learned about masters.",
        "pattern:pattern"),
    SUB("SENTINELS", sn_cmd_sentinels, 3, "2.8.4", "Shows the other Sentinels of a master.",
        "master-name:string"),
    SUB("SET", sn_cmd_set, -5, "2.8.4", "Changes the settings of a master.",
        "master-name:string {option:string value:string}..."),
    SUB("SIMULATE-FAILURE", sn_cmd_simulate, -3, "3.2.0",
        "Ends the process at a point of a failover.", "mode:string..."),
    SUB("SLAVES", sn_cmd_replicas, 3, "2.8.0", "Shows the replicas of a master.",
        "master-name:string"),
    COMMANDS_END,
};

const struct command cmds_sentinel[] = {
    { "SENTINEL", NULL, .arity = -2, .flags = CMD_ADMIN | CMD_SENTINEL,
      .acl = ACL_ADMIN | ACL_DANGEROUS, .subs = subs, .since = "2.8.4", .group = "sentinel",
      .complexity = "See the sub-commands.", .summary = "Asks and commands this Sentinel.",
      .syntax = "" },
    { "INFO", sn_cmd_info, .arity = -1, .flags = CMD_LOADING | CMD_STALE | CMD_SENTINEL,
      .acl = ACL_DANGEROUS, .since = "1.0.0", .group = "server", .complexity = "O(1)",
      .summary = "Tells the state of the process.", .syntax = "[section:string...]" },
    { "PUBLISH", sn_cmd_publish, .arity = 3,
      .flags = CMD_PUBSUB | CMD_LOADING | CMD_STALE | CMD_FAST | CMD_SENTINEL, .since = "2.0.0",
      .keys = { KEYS(1, 1, 1, KEY_NOT_KEY | KEY_CHANNEL) }, .group = "pubsub", .complexity = "O(1)",
      .summary = "Takes a hello message of another Sentinel.",
      .syntax = "channel:string message:string" },
    { "ROLE", sn_cmd_role, .arity = 1,
      .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_FAST | CMD_SENTINEL,
      .acl = ACL_ADMIN | ACL_DANGEROUS, .since = "2.8.12", .group = "server", .complexity = "O(1)",
      .summary = "Says that this is a Sentinel and which masters it watches.", .syntax = "" },
    { "SHUTDOWN", sn_cmd_shutdown, .arity = -1,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_NO_MULTI | CMD_SENTINEL,
      .acl = ACL_ADMIN | ACL_DANGEROUS, .since = "1.0.0", .group = "server", .complexity = "O(1)",
      .summary = "Ends the process.", .syntax = "[NOSAVE|SAVE] [NOW] [FORCE] [ABORT]" },
    COMMANDS_END,
};
