/* sandbox: what scripts may touch. Opens the libraries of a new engine, leaves out what reaches the
 * machine (io, os but its clock, debug, package, print, dofile, loadfile, newproxy, setfenv,
 * getfenv), puts safe forms in the place of what could break the room (load, unpack, rawset,
 * getmetatable ..., patterns of unbounded recursion), and protects every table.
 *
 * Layer server/script. Tests: e2e/test_sandbox. */
#ifndef SERVER_SCRIPT_SANDBOX_H
#define SERVER_SCRIPT_SANDBOX_H

#include "server/script/engine.h"

void sandbox_open(struct engine *e, enum engine_kind kind);
/* While a library is loaded its globals are those of FUNCTION LOAD. */
void sandbox_loading(struct engine *e, bool on);

/* sandbox_base.c: the functions without a table; pushes nothing, fills the table on top. */
void sandbox_base(lua_State *L);
/* The table on top, a library that was opened: safe forms replace what needs them. */
void sandbox_string(lua_State *L);
void sandbox_table(lua_State *L);
void sandbox_math(lua_State *L);
void sandbox_bit(lua_State *L);
void sandbox_cjson(lua_State *L);

#endif
