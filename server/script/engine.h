/* engine: one Lua interpreter with its bounds and its closed room.
 *
 * There are two: one for EVAL's scripts, one for the libraries of FUNCTION; they share nothing.
 * Every byte that Lua takes goes through core/base/mem and is counted; while a script runs, more
 * than `limit` bytes are refused, which Lua turns into the error "not enough memory". Outside of a
 * protected call the limit is off: there Lua has no way to fail.
 *
 *     globals (what scripts see: an empty table, see protect.h)
 *        └─ __index ─> real globals: base functions, string, table, math, cjson, redis ...
 *
 * Nothing of a script outlives it: globals cannot be made, library tables cannot be changed.
 * C functions reach their engine by engine_of(). Layer server/script, shell. Tests:
 * e2e/test_sandbox, compat/test_scripts. */
#ifndef SERVER_SCRIPT_ENGINE_H
#define SERVER_SCRIPT_ENGINE_H

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/str.h"
#include "core/base/vec.h"

struct scripting;
struct run;

struct engine {
    struct scripting *of;
    lua_State *L;
    size_t used;  /* bytes that Lua holds */
    size_t limit; /* 0: none. Holds while `bounded` */
    size_t rested; /* what was left after the last full collection */
    bool bounded;
    bool gc_touched;      /* the script has called collectgarbage for more than a figure */
    int globals, library; /* registry references: the real globals; those at FUNCTION LOAD */
    struct run *run;      /* the script that runs here; NULL: none */
    void *loading;        /* function library that is being loaded (library.c) */
    VEC(struct slice) args;
    VEC(char) numbers;    /* texts of numbers among args */
};

enum engine_kind { ENGINE_EVAL, ENGINE_FUNCTIONS };

struct engine *engine_new(struct scripting *of, enum engine_kind kind);
void engine_delete(struct engine *e);
struct engine *engine_of(lua_State *L);
/* Compiles source under a chunk name ("@user_script"): pushes the function and gives true, or the
 * error's text and gives false. Precompiled code is not code here. */
bool engine_compile(lua_State *L, struct slice source, const char *chunk);
/* lua_pcall with the bounds on and our error handler: errors come as tables (errors.h). */
int engine_pcall(struct engine *e, int args, int results);
/* After a script: what it left behind is collected by and by, at once when it was much. */
void engine_rest(struct engine *e);

#endif
