/* config_lists: the data server's directives that hold several words or lines, as operations for
 * rows. Used by server/config*.c only. Pure. Tests: unit/conf_rows. */
#ifndef SERVER_CONFIG_LISTS_H
#define SERVER_CONFIG_LISTS_H

#include "core/conf/table.h"

extern const struct conf_list_ops server_list_save;
extern const struct conf_list_ops server_list_replicaof;
extern const struct conf_list_ops server_list_notify;
extern const struct conf_list_ops server_list_module; /* refuses every line */
extern const struct conf_list_ops server_list_sentinel; /* the same */

#endif
