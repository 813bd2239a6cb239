/* front/reply: reply writers for commands. They append to the client's out buffer in the client's
 * RESP version; nothing leaves before the loop sleeps. Replies to a client that wants none (CLIENT
 * REPLY OFF, the master's pseudo client) are dropped here. Layer core/front. */
#ifndef CORE_FRONT_REPLY_H
#define CORE_FRONT_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"

struct call;
struct client;

void reply_ok(struct call *c);
void reply_status(struct call *c, const char *z);
void reply_int(struct call *c, int64_t v);
void reply_bulk(struct call *c, struct slice s);
void reply_bulk_z(struct call *c, const char *z);
void reply_bulk_int(struct call *c, int64_t v);
void reply_bulk_fmt(struct call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void reply_null(struct call *c);
void reply_null_array(struct call *c);
void reply_array(struct call *c, size_t n);
void reply_map(struct call *c, size_t pairs);
void reply_set(struct call *c, size_t n);
void reply_push(struct call *c, size_t n);
void reply_double(struct call *c, double v);
void reply_ldouble(struct call *c, long double v); /* as a bulk, INCRBYFLOAT's form */
void reply_bool(struct call *c, bool v);
void reply_bignum(struct call *c, struct slice digits);
void reply_verbatim(struct call *c, const char *ext3, struct slice s);
/* For a number of items known only afterwards: mark, then set (array, map or set header is put in).
 */
size_t reply_later(struct call *c);
void reply_later_array(struct call *c, size_t mark, size_t n);
void reply_later_map(struct call *c, size_t mark, size_t pairs);
void reply_later_set(struct call *c, size_t mark, size_t n);
/* Bytes in RESP form as they stand. */
void reply_raw(struct call *c, struct slice s);

/* "-ERR " is put before a text that does not begin with '-'; "-CODE text" is taken as it is.
 * Counts in errorstats and in the command's failed calls, sets call->failed. */
void reply_error(struct call *c, const char *text);
void reply_error_fmt(struct call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* An error of any length, code word in front; not counted when somebody has done so already. */
void reply_error_text(struct call *c, struct slice text, bool count);
/* The usual ones. */
void reply_wrong_type(struct call *c);  /* WRONGTYPE Operation against a key holding ... */
void reply_syntax_error(struct call *c);
void reply_not_int(struct call *c);     /* value is not an integer or out of range */
void reply_not_float(struct call *c);
void reply_no_key(struct call *c);      /* no such key */
void reply_arity(struct call *c);       /* wrong number of arguments for 'x' command */
void reply_unknown_sub(struct call *c); /* unknown subcommand 'x'. Try CMD HELP. */
void reply_sub_arity(
    struct call *c); /* unknown subcommand or wrong number of arguments for 'x'. Try CMD HELP. */
void reply_help(struct call *c,
                const char *const *lines); /* NULL-ended; adds first and HELP lines as Redis */

/* Argument readers that reply on failure and return false. */
bool arg_int(struct call *c, int at, int64_t *out);
bool arg_int_range(struct call *c, int at, int64_t min, int64_t max, int64_t *out,
                   const char *error);
bool arg_double(struct call *c, int at, double *out);
bool arg_is(const struct call *c, int at,
            const char *word); /* case-insensitive; false beyond the end */

/* To another client than the caller: the same writers on a client. A reply is dropped under CLIENT
 * REPLY OFF, a push (pub/sub, tracking) is not. */
struct call reply_call_for(struct client *cl);
struct call push_call_for(struct client *cl);

#endif
