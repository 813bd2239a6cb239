/* describe: the rows of a table for people (Markdown) and programs (JSON): docs/directives.md and
 * `tanist --print-directives` are made by this, so they cannot say anything else than the rows.
 * Pure. Tests: unit/conf_rows compares docs/directives.md with the print. */
#ifndef CORE_CONF_DESCRIBE_H
#define CORE_CONF_DESCRIBE_H

#include "core/conf/table.h"

struct conf_table {
    const char *title; /* "Directives of the data server" */
    const struct conf_row *row;
    size_t rows;
};

void conf_describe_markdown(const struct conf_table *tables, size_t n, struct buf *out);
void conf_describe_json(const struct conf_table *tables, size_t n, struct buf *out);

#endif
