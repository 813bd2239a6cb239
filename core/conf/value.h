/* value: one field of a row: its default, its copy, its reading from words, its print.
 * Used by core/conf/table only, which see. Pure. Tests: unit/conf. */
#ifndef CORE_CONF_VALUE_H
#define CORE_CONF_VALUE_H

#include "core/conf/table.h"

size_t value_size(const struct conf_row *row);
void value_init(const struct conf_row *row, void *field); /* the field had no content before */
void value_copy(const struct conf_row *row, void *to, const void *from);
void value_free(const struct conf_row *row, void *field);

#endif
