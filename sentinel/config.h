/* config: the directives of a Sentinel.
 *
 * The shared directives (port, bind, log, ...) have rows; lines that begin with `sentinel` are the
 * state reader's and are handed over as they stand, with their places in the file, so that it can
 * put them in order and name the line that is bad. Directives of the data server may stand in a
 * sentinel.conf, as Redis allows; they have no effect.
 *
 *     struct sentinel_config cfg; struct conf conf;
 *     sentinel_config_init(&cfg, &conf, &hooks);
 *     start_load(start, &conf, sentinel_config_skip);
 *     sentinel_config_lines(&start->lines, ...);
 *
 * Tests: unit/conf_rows. */
#ifndef SENTINEL_CONFIG_H
#define SENTINEL_CONFIG_H

#include "core/conf/table.h"
#include "core/front/config.h"

struct sentinel_config {
    struct front_config front;
};

/* Binds the shared rows and fills in the defaults: port 26379, protected-mode off is left to the
 * file as in Redis. */
void sentinel_config_init(struct sentinel_config *cfg, struct conf *conf,
                          struct front_config_hooks *hooks);
/* True for lines that the tables must not see: `sentinel ...` and the data server's directives. */
bool sentinel_config_skip(const struct conf_line *line);
/* Calls fn for each `sentinel` line in the file's order; word[0] is "sentinel". */
void sentinel_config_lines(const struct conf_lines *l,
                           void (*fn)(void *to, const struct conf_line *line), void *to);
/* Names of the data server's directives that stand in the lines, for the log; NULL after
 * the last. */
const char *sentinel_config_foreign(const struct conf_lines *l, size_t *at);

struct front_start;
int sentinel_check_config(struct front_start *s);

#endif
