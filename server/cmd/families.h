/* families: the command tables that the data server registers, each beside its functions. Layer
 * server. */
#ifndef SERVER_CMD_FAMILIES_H
#define SERVER_CMD_FAMILIES_H

#include "core/front/command.h"

extern const struct command cmds_string[], cmds_lcs[];                             /* strings */
extern const struct command cmds_list[], cmds_list_block[];                        /* lists */
extern const struct command cmds_bits[], cmds_hll[];                               /* as bits */
extern const struct command cmds_keys[], cmds_flush[], cmds_object[], cmds_scan[]; /* any key */
extern const struct command cmds_hash[], cmds_hash_ttl[];                           /* hashes */
extern const struct command cmds_set[], cmds_set_ops[];
extern const struct command cmds_zset[], cmds_zset_pop[], cmds_zset_range[], cmds_zset_ops[];
extern const struct command cmds_geo[];
extern const struct command cmds_stream[], cmds_stream_read[], cmds_stream_group[],
    cmds_stream_info[];
extern const struct command cmds_expire[];                                         /* deadlines */
extern const struct command cmds_dump[]; /* values as payloads */
extern const struct command cmds_sort[], cmds_lolwut[];
extern const struct command cmds_publish[];
extern const struct command cmds_migrate[], cmds_cluster[];
extern const struct command cmds_persist[]; /* SAVE ... SHUTDOWN */
extern const struct command cmds_admin[], cmds_config[], cmds_memory[], cmds_debug[];

#endif
