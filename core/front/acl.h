/* acl: users and what they may do.
 *
 * A user has passwords (SHA-256 in hexadecimal) and a list of selectors, the first of which is the
 * root. A selector says which commands (a bit a command id, words of first arguments), which keys
 * (patterns with read and write permission) and which channels it covers; a call is allowed when
 * one selector covers all of it. A user whose root covers everything is `unrestricted`: dispatch
 * looks at that one flag and no further.
 *
 * Owned by the front. A user lives until it is deleted; clients point to it, and are closed when it
 * goes. Rules are text (acl_rules.c) and are all applied or none. Denials are kept for ACL LOG.
 * Layer core/front. Tests: unit/front, e2e/test_config. */
#ifndef CORE_FRONT_ACL_H
#define CORE_FRONT_ACL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/str.h"
#include "core/base/vec.h"
#include "core/front/call.h"
#include "core/front/command.h"

struct front;

#define ACL_PASSWORD_HEX 64

/* Key permissions of a pattern. */
enum { ACL_KEY_READ = 1, ACL_KEY_WRITE = 2, ACL_KEY_BOTH = 3 };

struct acl_key_pattern {
    struct str pattern;
    unsigned permission;
};

/* First arguments that are allowed of a command that is not allowed as a whole (+get|word). */
struct acl_first_arg {
    int id;
    struct str word; /* lower case */
};

struct acl_selector {
    uint64_t *commands; /* a bit an id */
    size_t words;       /* of `commands` */
    bool all_commands;  /* future ones too: +@all with nothing taken away since */
    bool all_keys, all_channels;
    VEC(struct acl_key_pattern) keys;
    VEC(struct str) channels;
    VEC(struct acl_first_arg) first_args;
    VEC(struct str) rules; /* "+@all" or "-@all", then what came since, without what is void */
};

struct acl_user {
    struct str name;
    bool on, nopass, sanitize_payload, skip_sanitize_payload;
    bool unrestricted; /* computed: the root covers every command, key and channel */
    bool declared;     /* by a line of a file, which may be done once */
    VEC(struct str) passwords;
    VEC(struct acl_selector *) selectors; /* [0] is the root */
};

enum acl_verdict {
    ACL_OK,
    ACL_DENIED_COMMAND,
    ACL_DENIED_KEY,
    ACL_DENIED_CHANNEL,
    ACL_DENIED_AUTH
};

struct acl *acl_new(struct front *f);
void acl_delete(struct acl *a);
struct acl_user *acl_default(const struct acl *a);
struct acl_user *acl_find(const struct acl *a, struct slice name);
/* In order of name, as ACL LIST shows them; lends. */
size_t acl_users(const struct acl *a, struct acl_user ***sorted);

/* ---- decisions ---- */
/* `at` receives the index of the argument that was denied. */
enum acl_verdict acl_check(const struct acl_user *u, const struct command_entry *e, int argc,
                           const struct slice *argv, int *at);
bool acl_check_channel(const struct acl_user *u, struct slice channel, bool is_pattern);
bool acl_check_key(const struct acl_user *u, struct slice key, unsigned permission);
/* May this call also read keys that no argument names (SORT BY, GET)? */
bool acl_check_reads_all(const struct acl_user *u, const struct command_entry *e, int argc,
                         const struct slice *argv);
/* ACL LOG's store. */
struct acl_log;
struct acl_log *acl_denials(const struct acl *a);
/* The user when name and password fit and the user is on; else NULL. Equal time for equal lengths.
 */
struct acl_user *acl_authenticate(const struct acl *a, struct slice name, struct slice password);

/* ---- changes ---- */
/* One user by rules, all or nothing; makes the user when there is none. msg is Redis' text. */
enum err acl_set_user(struct acl *a, struct slice name, size_t n, const struct slice *rules,
                      struct errmsg *msg);
/* The rest of a `user NAME rules...` line of a configuration file (without the word `user`). */
enum err acl_load_line(struct acl *a, struct slice line, struct errmsg *msg);
/* ACL LOAD and start: the users of a file take the place of all; nothing changes on an error. */
enum err acl_load_file(struct acl *a, const char *path, struct errmsg *msg);
enum err acl_save_file(const struct acl *a, const char *path, struct errmsg *msg);
/* Deletes a user and closes its clients; false: there is none, or it is the default user. */
bool acl_delete_user(struct acl *a, struct slice name);
/* requirepass: the only password of the default user; "" is nopass. */
void acl_set_requirepass(struct acl *a, struct slice password);
/* "user NAME on #hash ~* &* +@all". */
void acl_print_user(const struct acl_user *u, struct buf *out);
void acl_print_commands(const struct acl_selector *s, struct buf *out);
void acl_print_keys(const struct acl_selector *s, struct buf *out);
void acl_print_channels(const struct acl_selector *s, struct buf *out);

/* ---- rules of one user (acl_rules.c), used by the above ---- */
struct acl_user *acl_user_new(struct slice name, const struct registry *r);
void acl_user_delete(struct acl_user *u);
struct acl_user *acl_user_copy(const struct acl_user *u);
enum err acl_apply(struct acl_user *u, const struct registry *r, bool channels_by_default,
                   struct slice rule, struct errmsg *msg);
/* Joins "(~a" "+get)" into one rule each; gives the slices' block (mem_free). NULL: a parenthesis
 * is not closed, *bad says where. */
struct str *acl_join_rules(size_t n, const struct slice *rules, size_t *joined, struct slice *bad);
void acl_user_settle(struct acl_user *u); /* recomputes `unrestricted` */

/* ---- denials (acl_log.c) ---- */
void acl_log_denied(struct call *c, enum acl_verdict v, struct slice object, struct slice username);

/* A call's argument was denied to its client's user, at a place of that name. */
void acl_log_call(struct call *c, const char *where, enum acl_verdict v, int at);
/* The same with another word for the place ("lua") than the client's state says. */
void acl_log_denied_in(struct call *c, const char *where, enum acl_verdict v, struct slice object,
                       struct slice username);

struct acl_log *acl_log_new(void);
void acl_log_delete(struct acl_log *l);
void acl_cmd_log(struct call *c); /* ACL LOG */

extern const struct command cmds_acl[];

#endif
