/* state_text: the persistent part of the model as the lines of sentinel.conf, out and in.
 *
 * Each line is one directive that begins with the word "sentinel", values quoted where needed, in
 * Redis' order of writing and in Redis' words. What Redis does not keep is written as comments that
 * it ignores, which the shell keeps in a file of its own (state_file.c):
 *     # sentinel-leader <name> <epoch> <run id>    whom we gave the vote of the leader epoch
 *     # sentinel-lineage <name> <id>...            replication ids of the group's masters
 *     # sentinel-voters <name> <count>             voters known, also those before a RESET
 *     # sentinel-former <name> {<host> <port>}...  replicas that were the master last
 * The shell merges the other lines into sentinel.conf. Pure. Tests: unit/sn_state. */
#ifndef SENTINEL_STATE_TEXT_H
#define SENTINEL_STATE_TEXT_H

#include "core/base/err.h"
#include "core/base/str.h"
#include "core/base/vec.h"
#include "sentinel/model.h"

struct sn_line {
    const char *directive; /* the word behind "sentinel"; "#leader", ... of the comments */
    struct str text;       /* the whole line */
};
struct sn_lines {
    VEC(struct sn_line) at;
};

/* Replaces the content of `out`. In states reconf_slaves and update_config the promoted address. */
void sn_state_write(const struct sn_core *core, struct sn_lines *out);
void sn_lines_free(struct sn_lines *lines);

/* A directive of the file: the words behind "sentinel" (of a comment: "sentinel-leader", ...).
 * bad_script: a script that the shell found not to be executable. */
struct sn_line_in {
    const struct slice *argv;
    int argc;
    bool bad_script;
};

/* Reads all lines, in any order, into a fresh core. On failure *bad is the index of the line and
 * `msg` holds Redis' words; the core is then only good for deletion. */
enum err sn_state_read(struct sn_core *core, const struct sn_line_in *lines, size_t n,
                       size_t *bad, struct errmsg *msg);

#endif
