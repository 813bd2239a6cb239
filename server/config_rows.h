/* config_rows: the table of the data server's directives. Used by server/config.c and by what
 * prints the tables. Constant. Tests: unit/conf_rows. */
#ifndef SERVER_CONFIG_ROWS_H
#define SERVER_CONFIG_ROWS_H

#include "core/conf/table.h"

extern const struct conf_row server_config_rows[];
extern const size_t server_config_rows_n;

#endif
