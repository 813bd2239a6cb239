/* scripting: Lua in the server: both interpreters, the cache of EVAL, the libraries of FUNCTION,
 * and the one script that runs.
 *
 * A script runs inside its command (EVAL, FCALL ...): the unit of that command takes all effects,
 * its `now` holds. redis.call goes to dispatch with slices, by a pseudo client that has the
 * caller's user, database and version of the protocol. A script that runs longer than
 * busy-reply-threshold lets others be answered from its hook: commands that may, run; the rest gets
 * BUSY; timers wait. Whatever exchanges data or role must ask scripting_running() and wait.
 *
 * Made by server_main; ended after the front. Layer server/script. Tests: e2e/test_scripts. */
#ifndef SERVER_SCRIPT_SCRIPTING_H
#define SERVER_SCRIPT_SCRIPTING_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/front/call.h"
#include "core/front/command.h"

struct client;
struct engine;
struct eval_cache;
struct libraries;
struct run;
struct server;

struct scripting {
    struct server *s;
    struct client *client; /* who runs redis.call */
    struct eval_cache *cache;
    struct libraries *libraries;
    struct run *run;       /* NULL: none */
    uint64_t random;       /* math.random's state */
    bool debug_open;       /* DEBUG SET-DISABLE-DENY-SCRIPTS */
    int signal;            /* SIGTERM came while a script ran; 0: none */
    uint64_t evicted;      /* scripts of EVAL that the cache has let go */
};

extern const struct command cmds_script[], cmds_function[];

struct scripting *scripting_new(struct server *s);
void scripting_delete(struct scripting *sc);
/* A script is on the stack. */
static inline bool scripting_running(const struct scripting *sc) { return sc && sc->run; }
/* It runs for too long, and others are being served now: the text of BUSY; NULL: not so. */
const char *scripting_busy(const struct scripting *sc);
/* The client that a call in a script is made for; else the call's own. */
struct client *scripting_caller(const struct call *c);
/* The flags of a call's command; a script that says of itself what it does is judged by that. */
uint32_t scripting_call_flags(const struct call *c);
/* SIGTERM or SIGINT: true when a script runs: the signal is then handled after it, and the script
 * is killed if it has not written yet. */
bool scripting_postpone_signal(struct scripting *sc, int signo);

/* ---- what INFO shows ---- */
struct scripting_figures {
    size_t vm_eval, vm_functions, scripts_eval, functions; /* bytes */
    size_t cached, functions_n, libraries_n;
    uint64_t evicted;
};
size_t scripting_mem(const struct scripting *sc); /* all of them together */
void scripting_figures(const struct scripting *sc, struct scripting_figures *f);

/* ---- libraries in snapshots ---- */
/* Sources of all libraries, lent until one changes; *n of them. */
struct slice *scripting_sources(const struct scripting *sc, size_t *n); /* mem_free the array */
/* A library of a snapshot: into the set that is ours, or into one beside it (*beside, made at
 * need). */
enum err scripting_load_library(struct scripting *sc, struct libraries **beside,
                                struct slice source, bool replace, struct errmsg *msg);
/* The set that was loaded beside takes the place of ours (NULL: an empty one does), or is dropped.
 */
void scripting_adopt_libraries(struct scripting *sc, struct libraries *beside);
void scripting_drop_libraries(struct libraries *beside);

#endif
