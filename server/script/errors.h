/* errors: what is thrown in scripts: tables with `err` (the text with its code word), and where
 * known `source` and `line`. `ignore_error_stats_update` says that the error has been counted.
 *
 * Layer server/script. Tests: compat/test_scripts. */
#ifndef SERVER_SCRIPT_ERRORS_H
#define SERVER_SCRIPT_ERRORS_H

#include <lua.h>
#include <stdbool.h>

#include "core/base/str.h"
#include "core/base/buf.h"

/* The message handler of all protected calls: makes a table of whatever was thrown and adds where
 * it happened. */
int errors_handler(lua_State *L);
/* Pushes { err = ... }: "ERR " goes in front of a text without '-'; line ends at the end are cut.
 */
void errors_push(lua_State *L, struct slice text, bool counted);
/* Pushes { err = ... } of a text with its code word in front; a single word gets "ERR ". */
void errors_push_coded(lua_State *L, struct slice text);
/* Without line ends at its ends. */
struct slice errors_trim(struct slice text);
/* Throws the error on top, or a text as it is (it becomes "ERR text"). */
int errors_throw(lua_State *L, const char *text);
/* The thrown table on top as the reply's text: "CODE text script: NAME, on SOURCE:LINE.".
 * *counted: the statistics know of it. */
void errors_text(lua_State *L, const char *name, struct buf *out, bool *counted);

#endif
