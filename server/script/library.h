/* library: the libraries of FUNCTION: their sources, and the functions that they registered.
 *
 * All stand in one interpreter. A library is loaded whole or not at all: its code is run with a
 * bound of time in globals that offer redis.register_function and little more; what it registered
 * is taken when names are free. Sets of libraries can be made beside ours, for snapshots.
 * Layer server/script. Tests: e2e/test_functions, fuzz/fuzz_functions. */
#ifndef SERVER_SCRIPT_LIBRARY_H
#define SERVER_SCRIPT_LIBRARY_H

#include "core/base/err.h"
#include "core/base/table.h"
#include "core/base/vec.h"
#include "server/script/engine.h"
#include "server/script/scripting.h"

struct function {
    struct str name, description; /* description.p NULL: none */
    uint32_t flags;
    int callback; /* registry reference */
    struct library *of;
};

struct library {
    struct str name, code;
    VEC(struct function *) functions; /* in order of registration */
    struct libraries *of;
    size_t bytes; /* of all this */
};

struct libraries {
    struct scripting *sc;
    struct engine *engine;
    struct table by_name; /* struct library */
    struct table functions; /* struct function */
    VEC(struct library *) list; /* in order of loading */
    size_t bytes;
};

struct libraries *libraries_new(struct scripting *sc);
void libraries_delete(struct libraries *ls);
/* Loads a source. Without `bounded` time has no bound (snapshots, the master's stream). *name is
 * lent from the source. */
enum err library_load(struct libraries *ls, struct slice source, bool replace, bool bounded,
                      struct str *name, struct errmsg *msg);
struct library *library_find(const struct libraries *ls, struct slice name);
struct function *function_find(const struct libraries *ls, struct slice name);
/* Is it an FCALL? *flags: those of its function; SCRIPT_COMPAT when there is none. */
bool function_flags_of(const struct call *c, uint32_t *flags);
void library_drop(struct library *l);
/* Puts all libraries of `from`, which is emptied and freed, into `to`. Names must be free or, with
 * `replace`, libraries of the same name are dropped; all or nothing. */
enum err libraries_join(struct libraries *to, struct libraries *from, bool replace,
                        struct errmsg *msg);
/* The hook while a library is loaded: its time. */
void library_hook(lua_State *L);

#endif
