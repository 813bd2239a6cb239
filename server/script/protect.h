/* protect: tables that scripts can read and not change.
 *
 *     proxy (empty; what scripts hold)
 *        └─ metatable: __index -> real, __newindex -> error, MARK -> real
 *
 * The real table never reaches a script. Functions of the sandbox that work without metatables
 * (next, rawset, table.insert ...) ask protect_real() first. Layer server/script.
 * Tests: e2e/test_sandbox. */
#ifndef SERVER_SCRIPT_PROTECT_H
#define SERVER_SCRIPT_PROTECT_H

#include <lua.h>
#include <stdbool.h>

/* Pops the table on top, pushes its proxy. */
void protect_top(lua_State *L);
/* A proxy whose reads go to `index` (a function or table on top, popped) and whose real table is
 * at `real`: the globals. */
void protect_globals(lua_State *L, int real);
/* Is it a proxy? Then pushes the real table. */
bool protect_real(lua_State *L, int at);
/* "Attempt to modify a readonly table". `where`: as an error of the script's line. */
int protect_refuse(lua_State *L);

#endif
