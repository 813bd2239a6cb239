/* rows: short words for rows of directives. Only files that consist of rows include it, and say
 * which struct their fields are of:
 *
 *     #include "core/conf/rows.h"
 *     #define FIELDS_OF struct front_config
 *     const struct conf_row rows[] = { BOOL("daemonize", daemonize, false, .what = "..."), ... };
 *
 * The last arguments of each are further members of struct conf_row. Owns nothing; pure.
 * Tests: unit/conf_rows. */
#ifndef CORE_CONF_ROWS_H
#define CORE_CONF_ROWS_H

#include <limits.h>
#include <stddef.h>

#include "core/conf/table.h"

#define AT(f) .offset = offsetof(FIELDS_OF, f)
#define BOOL(n, f, d, ...) { .name = n, .kind = CONF_BOOL, AT(f), .def = d, __VA_ARGS__ }
#define INT(n, f, d, lo, hi, ...) \
    { .name = n, .kind = CONF_INT, AT(f), .def = d, .min = lo, .max = hi, __VA_ARGS__ }
#define SECONDS(n, f, d, lo, ...) \
    { .name = n, .kind = CONF_SECONDS, AT(f), .def = d, .min = lo, .max = INT_MAX, __VA_ARGS__ }
#define MS(n, f, d, ...) \
    { .name = n, .kind = CONF_MS, AT(f), .def = d, .max = INT64_MAX, __VA_ARGS__ }
#define LONG(n, f, d, lo, hi, ...) \
    { .name = n, .kind = CONF_LONG, AT(f), .def = d, .min = lo, .max = hi, __VA_ARGS__ }
#define SIZE(n, f, d, lo, hi, ...) \
    { .name = n, .kind = CONF_SIZE, AT(f), .def = d, .min = lo, .max = hi, __VA_ARGS__ }
#define ENUM(n, f, d, names, ...) \
    { .name = n, .kind = CONF_ENUM, AT(f), .def = d, .of = names, __VA_ARGS__ }
#define TEXT(n, f, d, ...) { .name = n, .kind = CONF_TEXT, AT(f), .def_text = d, __VA_ARGS__ }
#define BYTES(n, f, ...) { .name = n, .kind = CONF_BYTES, AT(f), __VA_ARGS__ }
#define LIST(n, f, ops, ...) { .name = n, .kind = CONF_LIST, AT(f), .list = &ops, __VA_ARGS__ }

#define NO_EFFECT(why) .status = CONF_NO_EFFECT, .note = why
#define REFUSED(why) .status = CONF_REFUSED, .note = why

#endif
