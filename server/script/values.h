/* values: replies to Lua and Lua to replies.
 *
 *     reply            Lua (RESP2)                     RESP3 adds
 *     :1               number                          ,1.5  { double = 1.5 }
 *     $3 abc           string                          #t    true
 *     +OK              { ok = "OK" }                   _     nil (RESP2's nulls: false)
 *     -ERR x           { err = "ERR x", counted }      %     { map = {..} }   ~ { set = {..} }
 *     *2 ..            array                           =     { verbatim_string = {..} }
 *     $-1 *-1          false                           (     { big_number = ".." }
 * and back, where a number is cut to an integer and an array ends at its first nil. Fields are
 * read raw: a metatable of the script's has no say in replies.
 * Layer server/script. Tests: compat/test_scripts. */
#ifndef SERVER_SCRIPT_VALUES_H
#define SERVER_SCRIPT_VALUES_H

#include <lua.h>
#include <stdbool.h>

#include "core/base/str.h"
#include "core/front/call.h"

/* Pushes the reply that the bytes hold (one whole reply of ours). */
void values_push_reply(lua_State *L, struct slice bytes);
/* Replies with the value on top and pops it. `resp`: what the script has chosen. */
void values_reply(lua_State *L, struct call *c, int resp);

#endif
