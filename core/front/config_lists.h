/* config_lists: the shared directives that hold several words or lines, as operations for rows.
 * Used by core/front/config.c only. Pure. Tests: unit/conf_rows. */
#ifndef CORE_FRONT_CONFIG_LISTS_H
#define CORE_FRONT_CONFIG_LISTS_H

#include "core/conf/table.h"

extern const struct conf_list_ops front_list_bind;
extern const struct conf_list_ops front_list_user;
extern const struct conf_list_ops front_list_renames;
extern const struct conf_list_ops front_list_output_limits;
extern const struct conf_list_ops front_list_oom_values;
extern const struct conf_list_ops front_list_percentiles;

#endif
