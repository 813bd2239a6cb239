/* docs: what the rows say about commands: COMMAND and its sub-commands, and the reader of
 * `.syntax`.
 *
 * The syntax line describes the arguments behind the command's (and sub-command's) name:
 *
 *     name:type          an argument; type is key string integer double pattern unix-time
 *                        (a name may hold ':' itself: the type stands behind the last one)
 *     WORD               a pure token; its argument's name is the word in lower case
 *     ""                 the empty token
 *     WORD name:type     the token belongs to the argument that follows it
 *     WORD ( ... )       ... or to the group that follows it
 *     ( a b )            a group in order ("block")
 *     ( a | b )          one of them ("oneof"); the same inside [ ]
 *     [ ... ]            optional
 *     x...               may be repeated: key:key...  (key:key value:string)...
 *                        [WORD x:string]... repeats word and value (multiple_token)
 *     name=x             gives a token or a group its name: condition=[NX|XX] get_it=GET
 *     x@6.2.0            since; x@!2.8.12 deprecated since
 *
 * A group without a name is called after its members, joined by '_'. Key arguments take the row's
 * key specifications in turn (the last one goes on for the rest).
 *
 *     SET:  "key:key value:string condition=[NX|XX]@2.6.12 [GET@6.2.0]
 *            expiration=[EX seconds:integer|PX milliseconds:integer|KEEPTTL@6.0.0]"
 *
 * A tree owns its nodes and lends from the syntax line, which must stay. Pure but for the command
 * functions, which reply. Tests: unit/front (every row that is registered must parse). */
#ifndef CORE_FRONT_DOCS_H
#define CORE_FRONT_DOCS_H

#include <stdbool.h>

#include "core/base/str.h"
#include "core/front/command.h"

enum syntax_kind {
    SYNTAX_KEY, SYNTAX_STRING, SYNTAX_INTEGER, SYNTAX_DOUBLE, SYNTAX_PATTERN, SYNTAX_UNIX_TIME,
    SYNTAX_TOKEN, SYNTAX_ONEOF, SYNTAX_BLOCK,
};

struct syntax_arg {
    enum syntax_kind kind;
    char name[64];
    struct slice token; /* n == 0: none */
    struct slice since, deprecated; /* n == 0: none */
    bool optional, multiple, multiple_token;
    int key_spec; /* SYNTAX_KEY */
    struct syntax_arg *item; /* of a group */
    int n;
};

#define SYNTAX_DEPTH_MAX 8

/* The arguments as a block; gives it (syntax_free). NULL: the line does not parse, *at is where. */
struct syntax_arg *syntax_read(const char *line, int keyspecs, const char **at);
void syntax_free(struct syntax_arg *root);
/* "key value [NX|XX]": the usage text for people, as redis-cli shows it. */
struct buf;
void syntax_usage(const struct syntax_arg *root, struct buf *out);

/* Names of flag bits, for COMMAND, ACL CAT and the JSON print: NULL beyond the last. */
const char *command_flag_name(int bit);
const char *key_flag_name(int bit);
const char *acl_category_name(int bit);
/* Categories of the row with those that its flags imply. */
uint32_t command_categories(const struct command *row);

/* COMMAND and its sub-commands. */
extern const struct command cmds_command[];

#endif
